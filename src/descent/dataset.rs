//! Columns of numbers: the data of a fit, shared and never copied. A column of categories holds the index of each row's
//! level in the sorted list of its levels.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::GivenUp;

/// Named columns of one length. Values are finite.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Dataset {
    names: Vec<String>,
    columns: Vec<Arc<[f64]>>,
    levels: Vec<Option<Arc<[String]>>>,
    rows: usize,
    rows_dropped: u64,
}

/// A column before it is part of a dataset.
#[derive(Clone, Debug, PartialEq)]
pub enum Column {
    /// Numbers.
    Numbers(Vec<f64>),
    /// Categories: their sorted, distinct levels, and the index of each row's level.
    Categories(Vec<String>, Vec<f64>),
}

impl Column {
    /// A column of categories with the level of each row.
    pub fn of_texts(texts: &[String]) -> Self {
        let levels: BTreeSet<&String> = texts.iter().collect();
        let levels: Vec<String> = levels.into_iter().cloned().collect();
        let codes = texts.iter().map(|text| levels.partition_point(|level| level < text) as f64).collect();
        Self::Categories(levels, codes)
    }
}

/// Why columns do not make a dataset.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DatasetError {
    /// A column has another number of rows than the first one.
    #[error("column {name} has {actual} rows, but the first column has {expected}")]
    Ragged {
        /// The column.
        name: String,
        /// Rows of the first column.
        expected: usize,
        /// Rows of this one.
        actual: usize,
    },
    /// Two columns have one name.
    #[error("column {0} appears twice")]
    Duplicate(String),
    /// There is no column, or no row.
    #[error("there is no data")]
    Empty,
    /// A value is infinite or not a number.
    #[error("column {name} is not finite at row {row}")]
    NonFinite {
        /// The column.
        name: String,
        /// The row, from 0.
        row: usize,
    },
}

impl Dataset {
    /// Takes columns of equal length with distinct names and finite values.
    pub fn new(columns: Vec<(String, Vec<f64>)>) -> Result<Self, DatasetError> {
        let rows = columns.first().map_or(0, |(_, values)| values.len());
        if rows == 0 {
            return Err(DatasetError::Empty);
        }
        let mut seen = std::collections::HashSet::new();
        for (name, values) in &columns {
            if !seen.insert(name.as_str()) {
                return Err(DatasetError::Duplicate(name.clone()));
            }
            if values.len() != rows {
                return Err(DatasetError::Ragged { name: name.clone(), expected: rows, actual: values.len() });
            }
            if let Some(row) = values.iter().position(|value| !value.is_finite()) {
                return Err(DatasetError::NonFinite { name: name.clone(), row });
            }
        }
        let levels = vec![None; columns.len()];
        let (names, columns) = columns.into_iter().map(|(name, values)| (name, values.into())).unzip();
        Ok(Self { names, columns, levels, rows, rows_dropped: 0 })
    }

    /// Takes columns of numbers or categories. An index beyond a column's levels counts as not finite.
    pub fn of_columns(columns: Vec<(String, Column)>) -> Result<Self, DatasetError> {
        let mut levels = Vec::with_capacity(columns.len());
        let mut values = Vec::with_capacity(columns.len());
        for (name, column) in columns {
            match column {
                Column::Numbers(numbers) => {
                    levels.push(None);
                    values.push((name, numbers));
                }
                Column::Categories(names, codes) => {
                    let fits = |code: &f64| *code >= 0.0 && *code < names.len() as f64 && code.fract() == 0.0;
                    if let Some(row) = codes.iter().position(|code| !fits(code)) {
                        return Err(DatasetError::NonFinite { name, row });
                    }
                    levels.push(Some(names.into()));
                    values.push((name, codes));
                }
            }
        }
        Ok(Self { levels, ..Self::new(values)? })
    }

    /// Without the rows at which a used column misses a value, and without unused columns that miss one. Levels that no
    /// row has any more are left out. Nothing if no row is left.
    pub fn drop_missing(self, missing: &[(String, Vec<usize>)], used: &dyn Fn(&str) -> bool) -> Option<Self> {
        let mut kept = vec![true; self.rows];
        for (_, rows) in missing.iter().filter(|(name, _)| used(name)) {
            rows.iter().filter(|row| **row < self.rows).for_each(|row| kept[*row] = false);
        }
        let rows: Vec<usize> = (0..self.rows).filter(|row| kept[*row]).collect();
        let dropped = (self.rows - rows.len()) as u64;
        let mut columns = Vec::new();
        for (at, name) in self.names.iter().enumerate() {
            if !used(name) && missing.iter().any(|(other, rows)| other == name && !rows.is_empty()) {
                continue;
            }
            let values: Vec<f64> = rows.iter().map(|row| self.columns[at][*row]).collect();
            let column = match &self.levels[at] {
                None => Column::Numbers(values),
                Some(levels) => {
                    let texts: Vec<String> = values.iter().map(|code| levels[*code as usize].clone()).collect();
                    Column::of_texts(&texts)
                }
            };
            columns.push((name.clone(), column));
        }
        Some(Self::of_columns(columns).ok()?.with_rows_dropped(dropped))
    }

    /// The same data, saying that this many rows were left out because a value was missing.
    #[must_use]
    pub fn with_rows_dropped(self, rows_dropped: u64) -> Self {
        Self { rows_dropped, ..self }
    }

    /// Rows that were left out because a value was missing.
    pub fn rows_dropped(&self) -> u64 {
        self.rows_dropped
    }

    /// The levels of each column, in order; nothing for a column of numbers.
    pub fn levels(&self) -> &[Option<Arc<[String]>>] {
        &self.levels
    }

    /// The levels of the column of this name, if it is one of categories.
    pub fn levels_of(&self, name: &str) -> Option<&Arc<[String]>> {
        let at = self.names.iter().position(|other| other == name)?;
        self.levels[at].as_ref()
    }

    /// These rows alone, in this order. Every index is below the number of rows, and there is at least one.
    #[must_use]
    pub fn subset(&self, rows: &[usize]) -> Self {
        let columns = self.columns.iter().map(|column| rows.iter().map(|row| column[*row]).collect()).collect();
        Self { columns, rows: rows.len(), ..self.clone() }
    }

    /// The same, unless it is wanted no more.
    pub(super) fn subset_unless(&self, rows: &[usize], given_up: GivenUp<'_>) -> Option<Self> {
        let of = |column: &Arc<[f64]>| (!given_up()).then(|| rows.iter().map(|row| column[*row]).collect());
        let columns = self.columns.iter().map(of).collect::<Option<_>>()?;
        Some(Self { columns, rows: rows.len(), ..self.clone() })
    }

    /// The same with other values in a column, which are finite and as many; the other columns are shared. Nothing if there
    /// is no such column, or a value is not finite.
    pub(super) fn with_column(&self, name: &str, values: Vec<f64>) -> Option<Self> {
        let at = self.names.iter().position(|other| other == name)?;
        if values.len() != self.rows || values.iter().any(|value| !value.is_finite()) {
            return None;
        }
        let mut data = self.clone();
        data.columns[at] = values.into();
        data.levels[at] = None;
        Some(data)
    }

    /// The number of rows, at least 1.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// The columns' names, in order.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// The columns, in order.
    pub fn columns(&self) -> &[Arc<[f64]>] {
        &self.columns
    }

    /// The column of this name.
    pub fn column(&self, name: &str) -> Option<&Arc<[f64]>> {
        self.names.iter().position(|other| other == name).map(|at| &self.columns[at])
    }
}
