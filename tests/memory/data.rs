//! Data of a shape: how many rows, which columns, what kind of target.

use fitd::descent::{Column, Dataset};

use crate::draw::Draw;

/// What a target holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    /// Any numbers.
    Numbers,
    /// Numbers within (0, 1), where every loss of a curve has a meaning.
    Parts,
    /// Whole numbers from 0.
    Counts,
    /// Positive numbers.
    Amounts,
    /// So many classes, as texts or numbers.
    Classes(usize, bool),
}

/// The shape of a dataset.
#[derive(Clone, Debug)]
pub(crate) struct Shape {
    pub(crate) seed: u64,
    pub(crate) rows: usize,
    /// Name and number of levels of each feature; 0 for numbers.
    pub(crate) features: Vec<(String, usize)>,
    /// Columns that no model reads.
    pub(crate) spare: usize,
    /// Whether there are weights, and whether some are 0.
    pub(crate) weights: Option<bool>,
    pub(crate) target: Target,
}

impl Shape {
    /// Coefficients of one output, about.
    pub(crate) fn width(&self) -> usize {
        self.features.iter().map(|(_, levels)| levels.saturating_sub(1).max(1)).sum::<usize>() + 1
    }

    /// Data of this shape; where it is `flat`, classes can all but be separated and counts are nearly all 0, so that the
    /// search for a direction without an optimum may have to go to its end.
    pub(crate) fn data(&self, flat: bool) -> Dataset {
        let mut draw = Draw::new(self.seed ^ 0x5bd1_e995);
        let n = self.rows;
        let mut columns = Vec::new();
        let mut eta = vec![0.0; n];
        for (at, (name, levels)) in self.features.iter().enumerate() {
            let column = if *levels == 0 {
                let values: Vec<f64> = (0..n).map(|_| draw.normal()).collect();
                let slope = if at == 0 { 1.0 } else { 0.3 / (at as f64) };
                eta.iter_mut().zip(&values).for_each(|(sum, value)| *sum += slope * value);
                Column::Numbers(values)
            } else {
                let names = (0..*levels).map(|level| format!("level {level:03}")).collect();
                // Every level has a row.
                Column::Categories(
                    names,
                    (0..n).map(|row| if row < *levels { row } else { draw.below(*levels) } as f64).collect(),
                )
            };
            columns.push((name.clone(), column));
        }
        for spare in 0..self.spare {
            columns.push((format!("spare{spare}"), Column::Numbers((0..n).map(|row| row as f64).collect())));
        }
        if let Some(some_are_0) = self.weights {
            let weight = |row: usize| if some_are_0 && row % 7 == 6 { 0.0 } else { 1.0 + (row % 3) as f64 };
            columns.push(("w".to_owned(), Column::Numbers((0..n).map(weight).collect())));
        }
        let target = match self.target {
            Target::Numbers => Column::Numbers(eta.iter().map(|eta| eta + 0.3 * draw.normal()).collect()),
            Target::Parts => {
                Column::Numbers(eta.iter().map(|eta| 1.0 / (1.0 + (-eta - 0.3 * draw.normal()).exp())).collect())
            }
            Target::Counts => Column::Numbers(
                eta.iter()
                    .map(|eta| {
                        if flat {
                            f64::from(u8::from(*eta > 3.0))
                        } else {
                            (eta.min(3.0).exp() * 2.0 * draw.uniform()).round()
                        }
                    })
                    .collect(),
            ),
            Target::Amounts => {
                Column::Numbers(eta.iter().map(|eta| eta.min(3.0).exp() * (0.1 + draw.uniform())).collect())
            }
            Target::Classes(count, as_texts) => {
                let size = (eta.iter().map(|eta| eta * eta).sum::<f64>() / n as f64).sqrt().max(f64::MIN_POSITIVE);
                // A few rows stand between two classes where it is flat, a good part of them where it is not.
                let noise = if flat { 10.0 * count as f64 / n as f64 } else { 1.0 };
                let mut class = |row: usize| {
                    let part = 1.0 / (1.0 + (-1.7 * (eta[row] / size + noise * draw.normal())).exp());
                    // Every class has rows, in every part of the data.
                    let drawn = !flat && row < 2 * count;
                    if drawn { row % count } else { ((part * count as f64) as usize).min(count - 1) }
                };
                let classes: Vec<f64> = (0..n).map(|row| class(row) as f64).collect();
                if as_texts {
                    Column::Categories((0..count).map(|class| format!("class {class:02}")).collect(), classes)
                } else {
                    Column::Numbers(classes)
                }
            }
        };
        columns.push(("y".to_owned(), target));
        Dataset::of_columns(columns).expect("a dataset")
    }
}
