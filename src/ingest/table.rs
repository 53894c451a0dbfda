//! What the keys of `data` mean together: columns by name, or a table of named columns and rows. Every fault of the
//! data is found here, with a pointer to it.

use std::collections::HashSet;

use super::{DataLimits, VIOLATIONS_MAX, token};
use crate::fit::Violation;

/// The value of `data` as it was parsed.
pub(super) enum Raw {
    /// Not an object, but this.
    Wrong(&'static str),
    /// Its keys in order. `columns` and `values` count also what was over the limits and not kept.
    Entries { entries: Vec<(String, Entry)>, columns: u64, values: u64 },
}

/// The value of one key.
pub(super) enum Entry {
    Wrong(&'static str),
    Array(Array),
}

/// An array that should be a column, the names of columns, or rows.
#[derive(Default)]
pub(super) struct Array {
    pub(super) numbers: Vec<f64>,
    pub(super) len: usize,
    /// How many elements are strings.
    pub(super) texts: usize,
    /// The strings, where they may be the names of columns.
    pub(super) names: Vec<String>,
    pub(super) first_number: Option<usize>,
    /// The first elements that are neither a number nor a row: where and what.
    pub(super) wrong: Vec<(usize, &'static str)>,
    /// Only under the key `rows`.
    pub(super) rows: Option<Rows>,
}

/// Rows of numbers, turned into columns while they are read.
#[derive(Default)]
pub(super) struct Rows {
    pub(super) columns: Vec<Vec<f64>>,
    pub(super) count: usize,
    /// Cells of the first row, once it has ended.
    pub(super) width: Option<usize>,
    /// The first row of another width, and that width.
    ragged: Option<(usize, usize)>,
    pub(super) wrong: Vec<(usize, usize, &'static str)>,
}

impl Rows {
    pub(super) fn end_row(&mut self, index: usize, width: usize) {
        self.count += 1;
        if *self.width.get_or_insert(width) != width {
            self.ragged.get_or_insert((index, width));
        }
    }
}

/// Keys that name a place where the data is, rather than a column.
const SOURCES: [&str; 3] = ["dataset_id", "url", "path"];

impl Raw {
    /// The columns; nothing if anything about them is wrong.
    pub(super) fn into_columns(
        self,
        limits: DataLimits,
        violations: &mut Vec<Violation>,
    ) -> Option<Vec<(String, Vec<f64>)>> {
        let (entries, columns, values) = match self {
            Self::Entries { entries, columns, values } => (entries, columns, values),
            Self::Wrong(what) => {
                let detail = format!("data must be an object of columns, not {what}");
                violations.push(Violation::new("/data", "invalid_value", detail));
                return None;
            }
        };
        let before = violations.len();
        if let [(key, Entry::Wrong("a string"))] = entries.as_slice()
            && SOURCES.contains(&key.as_str())
        {
            let detail = format!("data by {key} is not available here; post the columns themselves");
            violations.push(Violation::new(format!("/data/{key}"), "unsupported_data_source", detail));
            return None;
        }
        if values > limits.values_max {
            violations.push(too_many("too_many_values", "values", limits.values_max, values));
            return None;
        }
        if columns > limits.columns_max {
            violations.push(too_many("too_many_columns", "columns", limits.columns_max, columns));
            return None;
        }
        let is_table = ["columns", "rows"].iter().all(|name| entries.iter().any(|(key, _)| key == name));
        let columns = if is_table { table(entries, limits, violations) } else { by_name(entries, violations) };
        columns.filter(|_| violations.len() == before)
    }
}

fn too_many(code: &'static str, what: &str, limit: u64, actual: u64) -> Violation {
    Violation::new("/data", code, format!("the data has {actual} {what}, but at most {limit} are taken"))
        .over(limit, actual)
}

fn not_a_number(pointer: String, what: &str) -> Violation {
    Violation::new(pointer, "invalid_value", format!("a numeric column holds numbers only, not {what}"))
}

/// Columns by name.
fn by_name(entries: Vec<(String, Entry)>, violations: &mut Vec<Violation>) -> Option<Vec<(String, Vec<f64>)>> {
    let mut columns: Vec<(String, Vec<f64>)> = Vec::with_capacity(entries.len());
    let mut rows = None;
    let mut ragged = false;
    for (name, entry) in entries {
        let pointer = format!("/data/{}", token(&name));
        let array = match entry {
            Entry::Array(array) => array,
            Entry::Wrong(what) => {
                let detail = format!("a column must be an array of numbers, not {what}");
                violations.push(Violation::new(pointer, "invalid_value", detail));
                continue;
            }
        };
        let expected = *rows.get_or_insert(array.len);
        if array.len != expected && !ragged {
            ragged = true;
            let detail = format!("the column has {} rows, but the first one has {expected}", array.len);
            violations.push(Violation::new(&pointer, "dimension_mismatch", detail));
        }
        if array.len > 0 && array.texts == array.len {
            let detail = "a column of strings is categorical, and categorical columns are not available";
            violations.push(Violation::new(pointer, "invalid_value", detail));
            continue;
        }
        if array.rows.as_ref().is_some_and(|rows| rows.count > 0) {
            let detail = "a column must be an array of numbers; rows need the names of their columns beside them";
            violations.push(Violation::new(pointer, "invalid_value", detail));
            continue;
        }
        report(&array.wrong, &pointer, violations);
        columns.push((name, array.numbers));
    }
    if rows.is_none() {
        violations.push(Violation::new("/data", "dimension_mismatch", "the data has no columns"));
    } else if let Some((name, _)) = columns.first().filter(|_| rows == Some(0)) {
        let pointer = format!("/data/{}", token(name));
        violations.push(Violation::new(pointer, "dimension_mismatch", "the data has no rows"));
    }
    Some(columns)
}

fn report(wrong: &[(usize, &'static str)], pointer: &str, violations: &mut Vec<Violation>) {
    for (index, what) in wrong.iter().take(VIOLATIONS_MAX.saturating_sub(violations.len())) {
        violations.push(not_a_number(format!("{pointer}/{index}"), what));
    }
}

/// Named columns and rows.
fn table(
    entries: Vec<(String, Entry)>,
    limits: DataLimits,
    violations: &mut Vec<Violation>,
) -> Option<Vec<(String, Vec<f64>)>> {
    let mut names = None;
    let mut rows = None;
    for (key, entry) in entries {
        let pointer = format!("/data/{}", token(&key));
        match (key.as_str(), entry) {
            ("columns", Entry::Array(array)) => names = names_of(array, limits, violations),
            ("rows", Entry::Array(array)) => rows = rows_of(array, violations),
            ("columns" | "rows", Entry::Wrong(what)) => {
                let detail = format!("{key} must be an array, not {what}");
                violations.push(Violation::new(pointer, "invalid_value", detail));
            }
            _ => {
                let detail = "beside columns and rows there is nothing else in a table";
                violations.push(Violation::new(pointer, "unknown_field", detail));
            }
        }
    }
    let (names, rows) = (names?, rows?);
    if names.is_empty() {
        violations.push(Violation::new("/data/columns", "dimension_mismatch", "the data has no columns"));
    } else if rows.count == 0 {
        violations.push(Violation::new("/data/rows", "dimension_mismatch", "the data has no rows"));
    } else if let Some((row, actual)) =
        rows.width.filter(|&width| width != names.len()).map(|width| (0, width)).or(rows.ragged)
    {
        let detail = format!("the row has {actual} cells, but there are {} columns", names.len());
        violations.push(Violation::new(format!("/data/rows/{row}"), "dimension_mismatch", detail));
    }
    Some(names.into_iter().zip(rows.columns).collect())
}

fn names_of(array: Array, limits: DataLimits, violations: &mut Vec<Violation>) -> Option<Vec<String>> {
    if array.texts as u64 > limits.columns_max {
        violations.push(too_many("too_many_columns", "columns", limits.columns_max, array.texts as u64));
        return None;
    }
    let faults = array.wrong.iter().filter(|(_, what)| *what != "a string").map(|(index, _)| *index);
    let faults: Vec<usize> = array.first_number.into_iter().chain(faults).collect();
    for index in &faults {
        let detail = "the name of a column must be a string";
        violations.push(Violation::new(format!("/data/columns/{index}"), "invalid_value", detail));
    }
    if !faults.is_empty() {
        return None;
    }
    let mut seen = HashSet::new();
    for (index, name) in array.names.iter().enumerate() {
        if !seen.insert(name) {
            let detail = format!("the column {name} appears twice");
            violations.push(Violation::new(format!("/data/columns/{index}"), "duplicate_field", detail));
        }
    }
    Some(array.names)
}

fn rows_of(array: Array, violations: &mut Vec<Violation>) -> Option<Rows> {
    let faults = array.first_number.map(|index| (index, "a number"));
    for (index, what) in faults.into_iter().chain(array.wrong) {
        let detail = format!("a row must be an array of numbers, not {what}");
        violations.push(Violation::new(format!("/data/rows/{index}"), "invalid_value", detail));
    }
    let rows = array.rows?;
    for (row, column, what) in &rows.wrong {
        violations.push(not_a_number(format!("/data/rows/{row}/{column}"), what));
    }
    Some(rows)
}
