//! The cells of one column while it is read: numbers, or categories by the order in which they appeared, and where cells
//! are missing. What kind of column it is shows once all cells are known.

use std::collections::HashMap;

use super::VIOLATIONS_MAX;
use crate::descent::Column;

/// Bytes of a category's name.
pub(super) const LEVEL_BYTES_MAX: usize = 256;
/// Categories of a column.
pub(super) const LEVELS_MAX: u64 = 1_000;

#[derive(Default)]
pub(super) struct Cells {
    /// The number of each row, or its category's index; 0 where the cell is missing.
    values: Vec<f64>,
    indexes: HashMap<String, usize>,
    /// Categories by index.
    texts: Vec<String>,
    /// How many categories there are, those that were not kept among them.
    categories: u64,
    /// Where the first numbers and texts are.
    numbers_at: Vec<usize>,
    texts_at: Vec<usize>,
    missing: Vec<usize>,
}

/// A column that is neither of numbers nor of categories, or of too many of these.
pub(super) enum Mixed {
    /// The first cells that are of another kind than the first one, and what is wrong with them.
    At(Vec<usize>, &'static str),
    TooMany(u64),
}

impl Cells {
    pub(super) fn number(&mut self, number: f64) {
        if self.numbers_at.len() < VIOLATIONS_MAX {
            self.numbers_at.push(self.values.len());
        }
        self.values.push(number);
    }

    /// A text; at most `kept` distinct ones are kept.
    pub(super) fn text(&mut self, text: &str, kept: u64) {
        if self.texts_at.len() < VIOLATIONS_MAX {
            self.texts_at.push(self.values.len());
        }
        let index = match self.indexes.get(text) {
            Some(index) => *index,
            None => {
                self.categories += 1;
                if self.categories <= kept.max(LEVELS_MAX) {
                    self.texts.push(text.to_owned());
                    self.indexes.insert(text.to_owned(), self.texts.len() - 1);
                }
                self.texts.len() - 1
            }
        };
        self.values.push(index as f64);
    }

    pub(super) fn missing(&mut self) {
        self.missing.push(self.values.len());
        self.values.push(0.0);
    }

    /// A cell that is none, so that those behind it keep their places.
    pub(super) fn wrong(&mut self) {
        self.values.push(0.0);
    }

    pub(super) fn missing_rows(&self) -> &[usize] {
        &self.missing
    }

    pub(super) fn first_number(&self) -> Option<usize> {
        self.numbers_at.first().copied()
    }

    pub(super) fn categories(&self) -> u64 {
        self.categories
    }

    /// The texts in the order of the rows.
    pub(super) fn into_texts(self) -> Vec<String> {
        self.values.iter().filter_map(|index| self.texts.get(*index as usize).cloned()).collect()
    }

    /// The column, categories sorted.
    pub(super) fn into_column(self) -> Result<Column, Mixed> {
        match (self.numbers_at.first(), self.texts_at.first()) {
            (_, None) => return Ok(Column::Numbers(self.values)),
            (Some(number), Some(text)) if number < text => {
                return Err(Mixed::At(self.texts_at, "a numeric column holds numbers only, not a string"));
            }
            (Some(_), Some(_)) => {
                return Err(Mixed::At(self.numbers_at, "a column of strings holds strings only, not a number"));
            }
            (None, Some(_)) => {}
        }
        if self.categories > LEVELS_MAX {
            return Err(Mixed::TooMany(self.categories));
        }
        let mut order: Vec<usize> = (0..self.texts.len()).collect();
        order.sort_by(|i, j| self.texts[*i].cmp(&self.texts[*j]));
        let mut places = vec![0.0; order.len()];
        for (place, index) in order.iter().enumerate() {
            places[*index] = place as f64;
        }
        let mut missing = self.missing.iter().peekable();
        let mut codes = Vec::with_capacity(self.values.len());
        for (row, index) in self.values.iter().enumerate() {
            let is_missing = missing.next_if(|at| **at == row).is_some();
            codes.push(if is_missing { 0.0 } else { places[*index as usize] });
        }
        Ok(Column::Categories(order.into_iter().map(|index| self.texts[index].clone()).collect(), codes))
    }
}
