//! The objective of a curve at any parameters.

use super::equation::Equation;
use super::problem::Curve;
use crate::descent::spec::Spec;
use crate::descent::{Dataset, Lanes, Team, losses};

/// A curve bound to rows of which every one counts.
pub(in crate::descent) struct CurveLandscape {
    curve: Curve,
}

impl CurveLandscape {
    /// Nothing if the curve cannot be bound to these rows, or the loss has no scale yet.
    pub(in crate::descent) fn new(equation: Equation, spec: &Spec, data: &Dataset) -> Option<Self> {
        if losses::kind(&spec.loss)?.scale_factor().is_some() && spec.loss.number("delta").is_none() {
            return None;
        }
        Some(Self { curve: Curve::new(equation, spec, data, Lanes::chosen())? })
    }

    /// The objective at values of all parameters; tied ones follow the others.
    pub(in crate::descent) fn objective(&self, all: &[f64], team: &dyn Team) -> f64 {
        let Self { curve } = self;
        let free = || curve.tape.free().map(|index| all[index]);
        let penalty = curve.penalty.l2 * free().map(|value| value * value).sum::<f64>()
            + curve.penalty.l1 * free().map(f64::abs).sum::<f64>();
        curve.mean_loss(all, curve.loss.as_ref(), team) + penalty
    }
}
