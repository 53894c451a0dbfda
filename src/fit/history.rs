//! A fit's history as blocks of columns: one value per recorded iteration and column.

use serde::{Deserialize, Serialize};

/// What a history row holds: loss and gradient norm always, coefficients where they were asked for. It is kept with the
/// fit, because it follows from the data, which a reader of the history does not have.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct HistoryShape {
    /// The names of the coefficients kept with every point; empty when none are kept.
    pub(crate) coefficients: Vec<String>,
    /// Whether a column of the loss on the validation rows follows those of the coefficients.
    pub(crate) validated: bool,
    /// Iterations an epoch, where batches make them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) iterations_per_epoch: Option<u64>,
}

impl HistoryShape {
    /// How many columns beside loss and gradient norm there are.
    pub(crate) fn columns(&self) -> usize {
        self.coefficients.len() + usize::from(self.validated)
    }
}

/// Consecutive points of one fit's history, by column. All columns have the length of `iterations`.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct HistoryBlock {
    /// The iteration of each point, strictly increasing.
    pub(crate) iterations: Vec<u64>,
    /// The unpenalized loss at each point.
    pub(crate) loss: Vec<f64>,
    /// The Euclidean norm of the objective's gradient in data units at each point.
    pub(crate) gradient_norm: Vec<f64>,
    /// One column a coefficient, in the fixed order, and one of the validation loss; empty when neither is kept.
    pub(crate) coefficients: Vec<Vec<f64>>,
    /// Every how many iterations a point is kept from here on; grows by doubling.
    pub(crate) stride: u64,
}

impl HistoryBlock {
    /// An empty block for points of `coefficients` coefficients, kept every `stride` iterations.
    pub(crate) fn new(coefficients: usize, stride: u64) -> Self {
        Self { coefficients: vec![Vec::new(); coefficients], stride, ..Self::default() }
    }

    /// The number of points.
    pub(crate) fn len(&self) -> usize {
        self.iterations.len()
    }

    /// Whether there is no point.
    pub(crate) fn is_empty(&self) -> bool {
        self.iterations.is_empty()
    }

    /// Adds one point. `coefficients` may be longer than what is kept; the rest is not recorded.
    pub(crate) fn push(&mut self, iteration: u64, loss: f64, gradient_norm: f64, coefficients: &[f64]) {
        self.iterations.push(iteration);
        self.loss.push(loss);
        self.gradient_norm.push(gradient_norm);
        for (column, value) in self.coefficients.iter_mut().zip(coefficients) {
            column.push(*value);
        }
    }

    /// Appends the points of `later` for which `keep(iteration)` holds, and takes over its stride.
    pub(crate) fn extend_where(&mut self, later: &Self, keep: impl Fn(u64) -> bool) {
        if self.coefficients.len() < later.coefficients.len() {
            self.coefficients.resize_with(later.coefficients.len(), Vec::new);
        }
        for (row, &iteration) in later.iterations.iter().enumerate() {
            if keep(iteration) {
                self.iterations.push(iteration);
                self.loss.push(later.loss[row]);
                self.gradient_norm.push(later.gradient_norm[row]);
                for (column, source) in self.coefficients.iter_mut().zip(&later.coefficients) {
                    column.push(source[row]);
                }
            }
        }
        self.stride = self.stride.max(later.stride);
    }
}
