//! What is minimized, apart from how: E(φ) = loss + penalty in the coordinates φ of the descent. The representations are
//! exchangeable: *compressed* costs O(p²) an evaluation however many rows there are, *streamed* reads the rows.

mod chart;
mod compressed;
mod kinks;
mod penalty;
mod quadratic;
mod streamed;
mod whitened;

use super::matrix::Matrix;

pub(super) use chart::{Centering, Chart};
pub(super) use compressed::Compressed;
pub(super) use kinks::Kinks;
pub(super) use penalty::PenaltyForm;
pub(super) use quadratic::{Quadratic, Spectrum};
pub(super) use streamed::{Steepness, Streamed};
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

/// An objective as a sum of kinked lines, Σᵢ ρᵢ(aᵢ·φ − bᵢ), ρᵢ of slope `low` below 0 and `high` above, and a quadratic.
pub(super) struct Lines {
    /// One row a line.
    pub(super) a: Matrix,
    pub(super) b: Vec<f64>,
    pub(super) low: Vec<f64>,
    pub(super) high: Vec<f64>,
    /// Q of a penalty ½φᵀQφ beside the lines.
    pub(super) curvature: Option<Matrix>,
}

/// The smooth part of an objective about a point as squares: ‖R·d + z‖² plus what does not change, for a move d.
#[derive(Clone, Debug)]
pub(super) struct Tangent {
    /// Upper triangular.
    pub(super) r: Matrix,
    pub(super) z: Vec<f64>,
    /// 2Rᵀz.
    pub(super) gradient: Vec<f64>,
    pub(super) evaluation: Evaluation,
}

impl Tangent {
    pub(super) fn is_finite(&self) -> bool {
        self.evaluation.is_finite()
            && self.r.is_finite()
            && self.z.iter().chain(&self.gradient).all(|value| value.is_finite())
    }
}

/// A function to minimize.
pub(super) trait Objective {
    /// The number of coordinates.
    fn width(&self) -> usize;
    /// The objective at `at`, the gradient of its smooth part (all but the l1 penalty) into `gradient`.
    fn evaluate(&self, at: &[f64], gradient: &mut [f64]) -> Evaluation;
    /// The objective alone.
    fn value(&self, at: &[f64]) -> Evaluation {
        self.evaluate(at, &mut vec![0.0; at.len()])
    }
    /// The gradient of the smooth part over these rows alone, scaled as if they were all; false where the rows are not
    /// at hand.
    fn evaluate_rows(&self, _rows: &[u32], _at: &[f64], _gradient: &mut [f64]) -> bool {
        false
    }
    /// dᵀHd for the Hessian H, where the objective is quadratic.
    fn curvature(&self, direction: &[f64]) -> Option<f64>;
    /// The Hessian of the smooth part, or a positive bound of it with which Newton's step descends.
    fn hessian(&self, at: &[f64]) -> Option<Matrix>;
    /// How steep the objective is, free of scale. Least squares: the largest cosine between the residual and a column of the
    /// Jacobian, the penalty counted as further rows; else the largest slope by a coordinate's unit over the objective.
    /// 0 where the gradient is at the rounding level of the data.
    fn steepness(&self, at: &[f64], gradient: &[f64], evaluation: Evaluation) -> f64;
    /// The parts of the objective that have no slope everywhere: the l1 penalty and the ranges.
    fn kinks(&self) -> &Kinks;
    /// The objective as a sum of kinked lines, where it is one, or what it is close to `at` where it is one of curves.
    fn lines(&self, _at: &[f64]) -> Option<Lines> {
        None
    }
    /// The objective about `at` as squares, where a method of Gauss and Newton's kind can use that. Nothing where it is
    /// not finite.
    fn tangent(&self, _at: &[f64]) -> Option<Tangent> {
        None
    }
    /// Whether there are places near any other where the objective has no value, as beyond the means of a likelihood.
    fn has_walls(&self) -> bool {
        false
    }
    /// Whether nobody waits for a step any more, so that a method that takes long for one can leave it.
    fn is_given_up(&self) -> bool {
        false
    }
    /// Whether somebody was told so, and what was computed since may be a part of itself.
    fn is_cut(&self) -> bool {
        false
    }
    /// Whether an evaluation may take so long that it is left off in the middle.
    fn is_long(&self) -> bool {
        false
    }
    /// The norm of z of a [`Tangent`] that is rounding error of evaluating the model.
    fn floor(&self) -> f64 {
        0.0
    }
    /// Coordinates that [`Objective::project`] solves for.
    fn solved(&self) -> &[usize] {
        &[]
    }
    /// Replaces the coordinates that least squares can solve for by their best values for the others; false where there
    /// are none, or no finite ones.
    fn project(&self, _at: &mut [f64]) -> bool {
        false
    }
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
