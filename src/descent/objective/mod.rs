//! What is minimized, apart from how: E(φ) = loss + penalty in the coordinates φ of the descent. The representations are
//! exchangeable: *compressed* costs O(p²) an evaluation however many rows there are, *streamed* reads the rows.

mod chart;
mod compressed;
mod penalty;
mod quadratic;
mod streamed;
mod whitened;

pub(super) use chart::Chart;
pub(super) use compressed::Compressed;
pub(super) use penalty::PenaltyForm;
pub(super) use quadratic::{Quadratic, Spectrum};
pub(super) use streamed::Streamed;
pub(super) use whitened::Whitened;

/// The objective at one point.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Evaluation {
    /// The unpenalized loss.
    pub(super) loss: f64,
    /// The penalty.
    pub(super) penalty: f64,
}

impl Evaluation {
    /// What is minimized.
    pub(super) fn objective(self) -> f64 {
        self.loss + self.penalty
    }

    pub(super) fn is_finite(self) -> bool {
        self.objective().is_finite()
    }
}

/// A function to minimize.
pub(super) trait Objective {
    /// The number of coordinates.
    fn width(&self) -> usize;
    /// The objective at `at`, its gradient into `gradient`.
    fn evaluate(&self, at: &[f64], gradient: &mut [f64]) -> Evaluation;
    /// dᵀHd for the Hessian H, where the objective is quadratic.
    fn curvature(&self, direction: &[f64]) -> Option<f64>;
    /// The largest cosine between the residual and a column of the Jacobian, the penalty counted as further rows; 0 where
    /// the gradient is at the rounding level of the data.
    fn cosine(&self, gradient: &[f64], evaluation: Evaluation) -> f64;
}

/// The scale-free gradient of a least-squares objective: |gⱼ| = 2·‖Jⱼ‖·‖r‖·cos, with `norms` = ‖Jⱼ‖ and `floor` the norm
/// of a residual that is rounding error of the data.
pub(super) fn largest_cosine(gradient: &[f64], norms: &[f64], objective: f64, floor: f64) -> f64 {
    let residual = objective.max(0.0).sqrt();
    let mut largest = 0.0f64;
    for (slope, norm) in gradient.iter().zip(norms) {
        let projection = 0.5 * slope.abs();
        if *norm == 0.0 || projection <= norm * floor {
            continue;
        }
        largest = largest.max(projection / (norm * residual));
    }
    largest
}
