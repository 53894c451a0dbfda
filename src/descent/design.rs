//! A model bound to its data: the one place that walks over rows. Blocks and chunks have fixed boundaries, and partial
//! sums are added in a fixed tree, so that the bits do not depend on how many threads took part.

mod passes;

use std::sync::Arc;

use super::lanes::Lanes;
use super::models::{self, Basis, Response, family};
use super::outcome::Label;
use super::registry::Choice;
use super::tree::{gather, sum_in_tree, sum_of};
use super::triangle::Triangle;
use super::{Dataset, SpecError, Team, Weights};

/// Rows a block: a block of a few columns stays in the inner caches.
const BLOCK_ROWS: usize = 512;
/// Rows a task of a streamed pass.
const CHUNK_ROWS: usize = 16 * BLOCK_ROWS;
/// Rows a task of a compression, at least; more where a triangle is large beside them.
const FOLD_ROWS_MIN: usize = 64 * BLOCK_ROWS;

/// Columns from which on a block of rows takes long enough to be asked within.
const WIDE: usize = 64;

/// Features, target and weights of one fit.
pub(super) struct Design {
    pub(super) basis: Arc<dyn Basis>,
    pub(super) response: Response,
    pub(super) classes: Vec<Label>,
    features: Vec<Arc<[f64]>>,
    target: Arc<[f64]>,
    weights: Option<Arc<[f64]>>,
    /// Added to η of every row.
    pub(super) offset: Option<Arc<[f64]>>,
    /// Taken off the target before anything is computed; not 0 only beside an intercept.
    pub(super) target_shift: f64,
    /// W: the sum of the weights.
    pub(super) weight_sum: f64,
    /// Rows whose weight is not 0.
    pub(super) rows_counted: usize,
    pub(super) lanes: Lanes,
}

impl Design {
    /// Binds a checked model to data that has its columns.
    pub(super) fn new(
        model: &Choice,
        weights: Option<&Weights>,
        data: &Dataset,
        lanes: Lanes,
        team: &dyn Team,
    ) -> Result<Self, SpecError> {
        let basis = family(model)?.basis(model, data, &|| team.gives_up());
        let classes = family(model)?.classes(model, data);
        Self::bind(model, weights, data, lanes, basis, classes, None)
    }

    /// Binds the same model, with the working basis and target shift of this design, to other rows.
    pub(super) fn on(&self, model: &Choice, weights: Option<&Weights>, data: &Dataset) -> Result<Self, SpecError> {
        let (basis, classes) = (Arc::clone(&self.basis), self.classes.clone());
        Self::bind(model, weights, data, self.lanes, basis, classes, Some(self.target_shift))
    }

    fn bind(
        model: &Choice,
        weights: Option<&Weights>,
        data: &Dataset,
        lanes: Lanes,
        basis: Arc<dyn Basis>,
        classes: Vec<Label>,
        shift: Option<f64>,
    ) -> Result<Self, SpecError> {
        let family = family(model)?;
        let missing = |name: &str| SpecError {
            field: "model".to_owned(),
            code: "unknown_column",
            detail: format!("there is no column called {name}"),
            limit: None,
        };
        let column = |name: &str| data.column(name).cloned().ok_or_else(|| missing(name));
        let features = family.features(model).iter().map(|name| column(name)).collect::<Result<Vec<_>, _>>()?;
        let target = models::target(&classes, model, data).ok_or_else(|| missing("target"))?;
        let weights = weights.map(|weights| column(&weights.column)).transpose()?;
        let n = target.len() as f64;
        let centred = basis.has_intercept() && family.response() == Response::Identity;
        // Rows without weight do not count, whatever they hold.
        let counts = |row: &usize| weights.as_ref().is_none_or(|weights| weights[*row] > 0.0);
        let counted = (0..target.len()).filter(counts).count().max(1) as f64;
        let mean = || (0..target.len()).filter(counts).map(|row| target[row] / counted).sum();
        let target_shift = shift.unwrap_or_else(|| if centred { mean() } else { 0.0 });
        let (weight_sum, rows_counted) = match &weights {
            Some(weights) => (sum_in_tree(weights), weights.iter().filter(|weight| **weight > 0.0).count()),
            None => (n, target.len()),
        };
        let response = family.response();
        let offset = None;
        Ok(Self {
            basis,
            response,
            classes,
            features,
            target,
            weights,
            offset,
            target_shift,
            weight_sum,
            rows_counted,
            lanes,
        })
    }

    pub(super) fn rows(&self) -> usize {
        self.target.len()
    }

    /// Whether a pass over the rows has more than one block, between which it may be left.
    pub(super) fn is_long(&self) -> bool {
        self.rows() > BLOCK_ROWS
    }

    /// Whether a block of rows has so many columns that it takes long by itself.
    pub(super) fn is_wide(&self) -> bool {
        self.width() >= WIDE
    }

    /// Rows of the largest block.
    fn block_rows(&self) -> usize {
        BLOCK_ROWS.min(self.rows())
    }

    /// Weighted sums a row.
    pub(super) fn outputs(&self) -> usize {
        self.response.outputs(self.classes.len())
    }

    /// The number of coefficients over all outputs.
    pub(super) fn width(&self) -> usize {
        self.basis.width() * self.outputs()
    }

    /// The target as the loss takes it: numbers as given, or the index of each row's class.
    pub(super) fn target(&self) -> &[f64] {
        &self.target
    }

    /// The weight of a row.
    pub(super) fn weight(&self, row: usize) -> f64 {
        self.weights.as_ref().map_or(1.0, |weights| weights[row])
    }

    /// The sum of the weights of each class.
    pub(super) fn class_sums(&self) -> Vec<f64> {
        let mut sums = vec![0.0; self.classes.len()];
        for (row, y) in self.target.iter().enumerate().take(if sums.is_empty() { 0 } else { self.rows() }) {
            sums[*y as usize] += self.weight(row);
        }
        sums
    }

    /// Σ ln wᵢ over the rows that count.
    pub(super) fn log_weight_sum(&self) -> f64 {
        self.weights.as_ref().map_or(0.0, |weights| {
            weights.iter().filter(|weight| **weight > 0.0).map(|weight| libm::log(*weight)).sum()
        })
    }

    /// (1/W) Σ w y², on the target as given.
    pub(super) fn mean_square_target(&self) -> f64 {
        let (rows, target) = (0..self.rows(), &self.target);
        let sum = match &self.weights {
            Some(weights) => sum_of(rows, &|row| weights[row] * target[row] * target[row]),
            None => sum_of(rows, &|row| target[row] * target[row]),
        };
        sum / self.weight_sum
    }

    /// The first row whose prediction or target makes the squared error overflow.
    pub(super) fn first_overflowing_row(&self, working: &[f64], team: &dyn Team) -> Option<u64> {
        let width = self.basis.width();
        let mut block = vec![0.0; width];
        let wanted = |row: &usize| !row.is_multiple_of(BLOCK_ROWS) || !team.gives_up();
        (0..self.rows()).take_while(wanted).find_map(|row| {
            self.fill(row, 1, &mut block);
            let target = if self.response == Response::Identity { self.target[row] - self.target_shift } else { 0.0 };
            let bad = working.chunks(width.max(1)).any(|working| {
                let residual = self.lanes.dot(&block, working) - target;
                !(self.weight(row) * residual * residual).is_finite()
            });
            bad.then_some(row as u64)
        })
    }

    fn fill(&self, from: usize, rows: usize, out: &mut [f64]) {
        let features: Vec<&[f64]> = self.features.iter().map(|column| &column[from..from + rows]).collect();
        self.basis.fill(&features, out);
    }

    /// The functions of one row, in working coordinates.
    pub(super) fn row(&self, row: usize, out: &mut [f64]) {
        self.fill(row, 1, out);
    }

    /// Folds all rows into one triangle of p + 1 columns by orthogonal transformations (TSQR, Demmel et al. 2012).
    pub(super) fn compress(&self, team: &dyn Team) -> Triangle {
        let width = self.basis.width();
        let chunk_rows = FOLD_ROWS_MIN.max((4 * width).next_multiple_of(BLOCK_ROWS));
        // A block of many columns takes long by itself.
        let within = || width >= WIDE && team.gives_up();
        let whole = gather(
            self.rows(),
            chunk_rows,
            team,
            &|from, end| {
                let mut triangle = Triangle::empty(width + 1);
                let mut block = vec![0.0; (width + 1) * self.block_rows()];
                for from in (from..end).step_by(BLOCK_ROWS) {
                    if team.gives_up() {
                        return None;
                    }
                    let rows = BLOCK_ROWS.min(end - from);
                    let block = &mut block[..(width + 1) * rows];
                    self.fill(from, rows, &mut block[..width * rows]);
                    for (to, y) in block[width * rows..].iter_mut().zip(&self.target[from..from + rows]) {
                        *to = y - self.target_shift;
                    }
                    if let Some(offset) = &self.offset {
                        for (to, offset) in block[width * rows..].iter_mut().zip(&offset[from..from + rows]) {
                            *to -= offset;
                        }
                    }
                    if let Some(weights) = &self.weights {
                        for column in block.chunks_exact_mut(rows) {
                            for (value, weight) in column.iter_mut().zip(&weights[from..from + rows]) {
                                *value *= weight.sqrt();
                            }
                        }
                    }
                    triangle.absorb_unless(self.lanes, block, rows, &within);
                }
                Some(triangle)
            },
            |first, second| first.merge(self.lanes, second, &within),
        );
        whole.unwrap_or_else(|| Triangle::empty(width + 1))
    }
}
