//! What the keys of `data` mean together: columns by name, or a table of named columns and rows. Every fault of the
//! data is found here, with a pointer to it.

use std::collections::HashSet;

use super::cells::{Cells, LEVELS_MAX, Mixed};
use super::{DataLimits, VIOLATIONS_MAX, token};
use crate::descent::Column;
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
    Array(Box<Array>),
}

/// An array that should be a column, the names of columns, or rows.
#[derive(Default)]
pub(super) struct Array {
    pub(super) cells: Cells,
    pub(super) len: usize,
    /// How many elements are texts.
    pub(super) texts: usize,
    /// The first element that is a cell, where rows could be: where and what.
    pub(super) first_cell: Option<(usize, &'static str)>,
    /// The first elements that are no cell and no row: where and what.
    pub(super) wrong: Vec<(usize, &'static str)>,
    /// Only under the key `rows`.
    pub(super) rows: Option<Rows>,
}

/// Rows of cells, turned into columns while they are read.
#[derive(Default)]
pub(super) struct Rows {
    pub(super) columns: Vec<Cells>,
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

/// Columns, and the rows at which each misses a value.
#[derive(Default)]
pub(super) struct Columns {
    pub(super) columns: Vec<(String, Column)>,
    pub(super) missing: Vec<(String, Vec<usize>)>,
}

/// Keys that name a place where the data is, rather than a column.
const SOURCES: [&str; 3] = ["dataset_id", "url", "path"];

impl Raw {
    /// The columns; nothing if anything about them is wrong. A missing value is wrong unless rows with one are dropped.
    pub(super) fn into_columns(
        self,
        limits: DataLimits,
        drops_rows: bool,
        violations: &mut Vec<Violation>,
    ) -> Option<Columns> {
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
        let columns = if is_table {
            table(entries, limits, drops_rows, violations)
        } else {
            by_name(entries, drops_rows, violations)
        };
        columns.filter(|_| violations.len() == before)
    }
}

fn too_many(code: &'static str, what: &str, limit: u64, actual: u64) -> Violation {
    Violation::new("/data", code, format!("the data has {actual} {what}, but at most {limit} are taken"))
        .over(limit, actual)
}

/// Columns by name.
fn by_name(entries: Vec<(String, Entry)>, drops_rows: bool, violations: &mut Vec<Violation>) -> Option<Columns> {
    let mut out = Columns::default();
    let mut rows = None;
    let mut ragged = false;
    for (name, entry) in entries {
        let pointer = format!("/data/{}", token(&name));
        let array = match entry {
            Entry::Array(array) => array,
            Entry::Wrong(what) => {
                let detail = format!("a column must be an array of numbers or strings, not {what}");
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
        if array.rows.as_ref().is_some_and(|rows| rows.count > 0) {
            let detail = "a column must be an array of numbers; rows need the names of their columns beside them";
            violations.push(Violation::new(pointer, "invalid_value", detail));
            continue;
        }
        let cell = |row: usize| format!("{pointer}/{row}");
        add(&mut out, (name, &pointer), (array.cells, &array.wrong), drops_rows, &cell, violations);
    }
    if rows.is_none() {
        violations.push(Violation::new("/data", "dimension_mismatch", "the data has no columns"));
    } else if let Some((name, _)) = out.columns.first().filter(|_| rows == Some(0)) {
        let pointer = format!("/data/{}", token(name));
        violations.push(Violation::new(pointer, "dimension_mismatch", "the data has no rows"));
    }
    Some(out)
}

/// Adds a column, or says what is wrong with its cells, in their order.
fn add(
    out: &mut Columns,
    (name, pointer): (String, &str),
    (cells, wrong): (Cells, &[(usize, &'static str)]),
    drops_rows: bool,
    cell: &dyn Fn(usize) -> String,
    violations: &mut Vec<Violation>,
) {
    let other = |what: &str| format!("a numeric column holds numbers only, not {what}");
    let mut faults: Vec<(usize, String)> = wrong.iter().map(|(row, what)| (*row, other(what))).collect();
    let missing = cells.missing_rows().to_vec();
    if !drops_rows {
        let detail = "a value is missing, it is null; \"missing\": \"drop_rows\" leaves such rows out";
        faults.extend(missing.iter().take(VIOLATIONS_MAX).map(|row| (*row, detail.to_owned())));
    }
    match cells.into_column() {
        Ok(column) => out.columns.push((name.clone(), column)),
        Err(Mixed::At(rows, detail)) => faults.extend(rows.into_iter().map(|row| (row, detail.to_owned()))),
        Err(Mixed::TooMany(count)) => {
            let detail = format!("the column has {count} distinct strings or more, but at most {LEVELS_MAX} are taken");
            violations.push(Violation::new(pointer, "too_many_levels", detail).over(LEVELS_MAX, count));
        }
    }
    faults.sort_by_key(|(row, _)| *row);
    for (row, detail) in faults.into_iter().take(VIOLATIONS_MAX.saturating_sub(violations.len())) {
        violations.push(Violation::new(cell(row), "invalid_value", detail));
    }
    if !missing.is_empty() {
        out.missing.push((name, missing));
    }
}

/// Named columns and rows.
fn table(
    entries: Vec<(String, Entry)>,
    limits: DataLimits,
    drops_rows: bool,
    violations: &mut Vec<Violation>,
) -> Option<Columns> {
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
    let mut out = Columns::default();
    for (column, (name, cells)) in names.into_iter().zip(rows.columns).enumerate() {
        let cell = |row: usize| format!("/data/rows/{row}/{column}");
        let pointer = format!("/data/columns/{column}");
        let wrong: Vec<_> =
            rows.wrong.iter().filter(|(_, at, _)| *at == column).map(|(row, _, what)| (*row, *what)).collect();
        add(&mut out, (name, &pointer), (cells, &wrong), drops_rows, &cell, violations);
    }
    Some(out)
}

fn names_of(array: Box<Array>, limits: DataLimits, violations: &mut Vec<Violation>) -> Option<Vec<String>> {
    if array.texts as u64 > limits.columns_max {
        violations.push(too_many("too_many_columns", "columns", limits.columns_max, array.texts as u64));
        return None;
    }
    let missing = array.cells.missing_rows().iter().copied();
    let faults: Vec<usize> = array
        .cells
        .first_number()
        .into_iter()
        .chain(missing)
        .chain(array.wrong.iter().map(|(index, _)| *index))
        .collect();
    for index in faults.iter().take(VIOLATIONS_MAX) {
        let detail = "the name of a column must be a string";
        violations.push(Violation::new(format!("/data/columns/{index}"), "invalid_value", detail));
    }
    if !faults.is_empty() {
        return None;
    }
    let names = array.cells.into_texts();
    let mut seen = HashSet::new();
    for (index, name) in names.iter().enumerate() {
        if !seen.insert(name) {
            let detail = format!("the column {name} appears twice");
            violations.push(Violation::new(format!("/data/columns/{index}"), "duplicate_field", detail));
        }
    }
    Some(names)
}

fn rows_of(array: Box<Array>, violations: &mut Vec<Violation>) -> Option<Rows> {
    for (index, what) in array.first_cell.into_iter().chain(array.wrong) {
        let detail = format!("a row must be an array of numbers, not {what}");
        violations.push(Violation::new(format!("/data/rows/{index}"), "invalid_value", detail));
    }
    array.rows
}
