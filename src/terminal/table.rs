//! A CSV file as columns of JSON.

use std::io::Read;
use std::path::Path;

use serde_json::{Map, Number, Value};

use super::Fault;

/// The columns of a file, or of standard input: numbers where every field is one, else text. An empty field is missing.
pub(super) fn columns(path: &Path) -> Result<Map<String, Value>, Fault> {
    let fault = |error: &dyn std::fmt::Display| Fault::Asked(format!("{}: {error}", path.display()));
    let mut text = String::new();
    if path == Path::new("-") {
        std::io::stdin().read_to_string(&mut text).map_err(|error| fault(&error))?;
    } else {
        text = std::fs::read_to_string(path).map_err(|error| fault(&error))?;
    }
    // Files that spreadsheets write begin with a mark and may have other separators.
    let text = text.trim_start_matches('\u{feff}');
    let head = text.lines().next().unwrap_or_default();
    let count = |separator: u8| head.bytes().filter(|byte| *byte == separator).count();
    let separator = [b',', b';', b'\t'].into_iter().rev().max_by_key(|one| count(*one)).unwrap_or(b',');
    let mut reader = csv::ReaderBuilder::new().delimiter(separator).trim(csv::Trim::All).from_reader(text.as_bytes());
    let names: Vec<String> = reader.headers().map_err(|error| fault(&error))?.iter().map(str::to_owned).collect();
    let mut fields: Vec<Vec<String>> = vec![Vec::new(); names.len()];
    for record in reader.records() {
        let record = record.map_err(|error| fault(&error))?;
        fields.iter_mut().zip(&record).for_each(|(column, field)| column.push(field.to_owned()));
    }
    let mut columns = Map::new();
    for (name, column) in names.into_iter().zip(fields) {
        if columns.insert(name.clone(), values(&column)).is_some() {
            return Err(fault(&format!("two columns are called {name}")));
        }
    }
    Ok(columns)
}

fn values(fields: &[String]) -> Value {
    let number = |field: &String| field.parse::<f64>().ok().and_then(Number::from_f64);
    let is_numeric = fields.iter().all(|field| field.is_empty() || number(field).is_some());
    let has_any = fields.iter().any(|field| !field.is_empty());
    let value = |field: &String| match number(field) {
        _ if field.is_empty() => Value::Null,
        Some(number) if is_numeric && has_any => Value::Number(number),
        _ => Value::String(field.clone()),
    };
    fields.iter().map(value).collect()
}
