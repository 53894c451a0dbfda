//! `absolute`: ℓ = |η − y|; its optimum predicts the median.

use super::super::registry::{Choice, Descriptor};
use super::{About, Loss, LossKind, Pointwise, Shape};

#[derive(Clone, Copy)]
pub(super) struct Absolute;

static DESCRIPTOR: Descriptor =
    Descriptor { kind: "absolute", summary: "Absolute error; its optimum predicts the median.", params: &[] };

impl LossKind for Absolute {
    fn descriptor(&self) -> &'static Descriptor {
        &DESCRIPTOR
    }

    fn shape(&self) -> Shape {
        Shape::PiecewiseLinear
    }

    fn build(&self, _choice: &Choice, _about: &About<'_>) -> Box<dyn Loss> {
        Box::new(*self)
    }
}

impl Pointwise for Absolute {
    fn at(&self, eta: f64, y: f64) -> (f64, f64) {
        let residual = eta - y;
        (residual.abs(), if residual == 0.0 { 0.0 } else { 1f64.copysign(residual) })
    }

    fn curvature(&self, _eta: f64, _y: f64) -> f64 {
        0.0
    }

    fn most(&self) -> Option<f64> {
        None
    }
}
