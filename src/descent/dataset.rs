//! Columns of numbers: the data of a fit, shared and never copied.

use std::sync::Arc;

/// Named columns of one length. Values are finite.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Dataset {
    names: Vec<String>,
    columns: Vec<Arc<[f64]>>,
    rows: usize,
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
        let (names, columns) = columns.into_iter().map(|(name, values)| (name, values.into())).unzip();
        Ok(Self { names, columns, rows })
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
