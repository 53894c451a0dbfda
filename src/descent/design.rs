//! A model bound to its data: the one place that walks over rows. Blocks and chunks have fixed boundaries, and partial
//! sums are added in a fixed tree, so that the bits do not depend on how many threads took part.

use std::sync::{Arc, Mutex};

use super::lanes::Lanes;
use super::losses::Loss;
use super::models::{Basis, family};
use super::registry::Choice;
use super::triangle::Triangle;
use super::{Dataset, SpecError, Team, Weights};

/// Rows a block: a block of a few columns stays in the inner caches.
const BLOCK_ROWS: usize = 512;
/// Rows a task of a streamed pass.
const CHUNK_ROWS: usize = 16 * BLOCK_ROWS;
/// Rows a task of a compression, at least; more where a triangle is large beside them.
const FOLD_ROWS_MIN: usize = 64 * BLOCK_ROWS;

/// Features, target and weights of one fit.
pub(super) struct Design {
    pub(super) basis: Box<dyn Basis>,
    features: Vec<Arc<[f64]>>,
    target: Arc<[f64]>,
    weights: Option<Arc<[f64]>>,
    /// Taken off the target before anything is computed; not 0 only beside an intercept.
    pub(super) target_shift: f64,
    /// W: the sum of the weights.
    pub(super) weight_sum: f64,
    /// Rows whose weight is not 0.
    pub(super) rows_counted: usize,
    pub(super) lanes: Lanes,
}

/// The sums of one streamed pass.
#[derive(Clone, Debug)]
pub(super) struct Sums {
    /// Σ wℓ.
    pub(super) loss: f64,
    /// Σ w|ŷ − y|.
    pub(super) absolute: f64,
    /// Σ w ∂ℓ/∂ŷ φⱼ, by working coefficient.
    pub(super) gradient: Vec<f64>,
}

impl Design {
    /// Binds a checked model to data that has its columns.
    pub(super) fn new(
        model: &Choice,
        weights: Option<&Weights>,
        data: &Dataset,
        lanes: Lanes,
    ) -> Result<Self, SpecError> {
        let family = family(model)?;
        let column = |name: &str| {
            data.column(name).cloned().ok_or_else(|| SpecError {
                field: "model".to_owned(),
                code: "unknown_column",
                detail: format!("there is no column called {name}"),
                limit: None,
            })
        };
        let basis = family.basis(model, data);
        let features = family.features(model).iter().map(|name| column(name)).collect::<Result<Vec<_>, _>>()?;
        let target = column(model.text("target").unwrap_or_default())?;
        let weights = weights.map(|weights| column(&weights.column)).transpose()?;
        let n = target.len() as f64;
        let target_shift = if basis.has_intercept() { target.iter().map(|y| y / n).sum() } else { 0.0 };
        let (weight_sum, rows_counted) = match &weights {
            Some(weights) => (sum_in_tree(weights), weights.iter().filter(|weight| **weight > 0.0).count()),
            None => (n, target.len()),
        };
        Ok(Self { basis, features, target, weights, target_shift, weight_sum, rows_counted, lanes })
    }

    pub(super) fn rows(&self) -> usize {
        self.target.len()
    }

    /// Σ ln wᵢ over the rows that count.
    pub(super) fn log_weight_sum(&self) -> f64 {
        self.weights.as_ref().map_or(0.0, |weights| {
            weights.iter().filter(|weight| **weight > 0.0).map(|weight| libm::log(*weight)).sum()
        })
    }

    /// (1/W) Σ w y², on the target as given.
    pub(super) fn mean_square_target(&self) -> f64 {
        let squares: Vec<f64> = match &self.weights {
            Some(weights) => self.target.iter().zip(weights.iter()).map(|(y, w)| w * y * y).collect(),
            None => self.target.iter().map(|y| y * y).collect(),
        };
        sum_in_tree(&squares) / self.weight_sum
    }

    /// The first row whose prediction or target makes the loss overflow.
    pub(super) fn first_overflowing_row(&self, working: &[f64]) -> Option<u64> {
        let width = self.basis.width();
        let mut block = vec![0.0; width];
        (0..self.rows()).find_map(|row| {
            self.fill(row, 1, &mut block);
            let residual = self.lanes.dot(&block, working) - (self.target[row] - self.target_shift);
            let weight = self.weights.as_ref().map_or(1.0, |weights| weights[row]);
            (!(weight * residual * residual).is_finite()).then_some(row as u64)
        })
    }

    fn fill(&self, from: usize, rows: usize, out: &mut [f64]) {
        let features: Vec<&[f64]> = self.features.iter().map(|column| &column[from..from + rows]).collect();
        self.basis.fill(&features, out);
    }

    /// Folds all rows into one triangle of p + 1 columns by orthogonal transformations (TSQR, Demmel et al. 2012).
    pub(super) fn compress(&self, team: &dyn Team) -> Triangle {
        let width = self.basis.width();
        let chunk_rows = FOLD_ROWS_MIN.max((4 * width).next_multiple_of(BLOCK_ROWS));
        let chunks = self.rows().div_ceil(chunk_rows);
        let parts: Vec<Mutex<Option<Triangle>>> = (0..chunks).map(|_| Mutex::new(None)).collect();
        team.each(chunks, &|chunk| {
            let end = self.rows().min((chunk + 1) * chunk_rows);
            let mut triangle = Triangle::empty(width + 1);
            let mut block = vec![0.0; (width + 1) * BLOCK_ROWS];
            for from in (chunk * chunk_rows..end).step_by(BLOCK_ROWS) {
                if team.abandoned() {
                    return;
                }
                let rows = BLOCK_ROWS.min(end - from);
                let block = &mut block[..(width + 1) * rows];
                self.fill(from, rows, &mut block[..width * rows]);
                for (to, y) in block[width * rows..].iter_mut().zip(&self.target[from..from + rows]) {
                    *to = y - self.target_shift;
                }
                if let Some(weights) = &self.weights {
                    for column in block.chunks_exact_mut(rows) {
                        for (value, weight) in column.iter_mut().zip(&weights[from..from + rows]) {
                            *value *= weight.sqrt();
                        }
                    }
                }
                triangle.absorb(self.lanes, block, rows);
            }
            put(&parts[chunk], triangle);
        });
        let mut triangles: Vec<Triangle> = parts.into_iter().filter_map(take).collect();
        while triangles.len() > 1 {
            let mut next = Vec::with_capacity(triangles.len().div_ceil(2));
            let mut pairs = triangles.into_iter();
            while let Some(mut first) = pairs.next() {
                if let Some(second) = pairs.next() {
                    first.merge(self.lanes, &second);
                }
                next.push(first);
            }
            triangles = next;
        }
        triangles.pop().unwrap_or_else(|| Triangle::empty(width + 1))
    }

    /// One pass over all rows at these working coefficients: loss, absolute errors and gradient, reading X once.
    pub(super) fn stream(&self, loss: &dyn Loss, working: &[f64], team: &dyn Team) -> Sums {
        let width = self.basis.width();
        let chunks = self.rows().div_ceil(CHUNK_ROWS);
        let parts: Vec<Mutex<Option<Sums>>> = (0..chunks).map(|_| Mutex::new(None)).collect();
        team.each(chunks, &|chunk| {
            let end = self.rows().min((chunk + 1) * CHUNK_ROWS);
            let mut sums = Sums { loss: 0.0, absolute: 0.0, gradient: vec![0.0; width] };
            let mut block = vec![0.0; width * BLOCK_ROWS];
            let mut predictions = vec![0.0; BLOCK_ROWS];
            let mut target = vec![0.0; BLOCK_ROWS];
            let ones = vec![1.0; BLOCK_ROWS];
            let mut residuals = vec![0.0; BLOCK_ROWS];
            for from in (chunk * CHUNK_ROWS..end).step_by(BLOCK_ROWS) {
                let rows = BLOCK_ROWS.min(end - from);
                let block = &mut block[..width * rows];
                self.fill(from, rows, block);
                let (predictions, target) = (&mut predictions[..rows], &mut target[..rows]);
                predictions.fill(0.0);
                for (column, factor) in block.chunks_exact(rows).zip(working) {
                    self.lanes.axpy(*factor, column, predictions);
                }
                for (to, y) in target.iter_mut().zip(&self.target[from..from + rows]) {
                    *to = y - self.target_shift;
                }
                let weights = self.weights.as_ref().map_or(&ones[..rows], |weights| &weights[from..from + rows]);
                for (row, residual) in residuals[..rows].iter_mut().enumerate() {
                    *residual = predictions[row] - target[row];
                }
                sums.absolute += self.lanes.weighted_abs(weights, &residuals[..rows]);
                sums.loss += loss.accumulate(predictions, target, weights, self.lanes);
                for (sum, column) in sums.gradient.iter_mut().zip(block.chunks_exact(rows)) {
                    *sum += self.lanes.dot(column, predictions);
                }
            }
            put(&parts[chunk], sums);
        });
        let mut sums: Vec<Sums> = parts.into_iter().filter_map(take).collect();
        while sums.len() > 1 {
            let mut next = Vec::with_capacity(sums.len().div_ceil(2));
            let mut pairs = sums.into_iter();
            while let Some(mut first) = pairs.next() {
                if let Some(second) = pairs.next() {
                    first.loss += second.loss;
                    first.absolute += second.absolute;
                    first.gradient.iter_mut().zip(&second.gradient).for_each(|(sum, part)| *sum += part);
                }
                next.push(first);
            }
            sums = next;
        }
        sums.pop().unwrap_or(Sums { loss: 0.0, absolute: 0.0, gradient: vec![0.0; width] })
    }
}

fn put<T>(place: &Mutex<Option<T>>, value: T) {
    *place.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = Some(value);
}

fn take<T>(place: Mutex<Option<T>>) -> Option<T> {
    place.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// Pairwise summation (Higham 1993) with fixed leaves.
fn sum_in_tree(values: &[f64]) -> f64 {
    if values.len() <= 128 {
        return values.iter().sum();
    }
    let (left, right) = values.split_at((values.len() / 2).next_multiple_of(64));
    sum_in_tree(left) + sum_in_tree(right)
}
