//! `quantile`: ℓ = τ(y − η) above, (1 − τ)(η − y) below (Koenker & Bassett 1978); its optimum predicts the τ-quantile.

use super::super::registry::{Bound, Choice, Descriptor, Domain, Fallback, Param};
use super::{About, Loss, LossKind, Pointwise, Shape};

pub(super) struct Quantile;

static DESCRIPTOR: Descriptor = Descriptor {
    kind: "quantile",
    summary: "Tilted absolute error; its optimum predicts a quantile.",
    params: &[Param {
        name: "quantile",
        domain: Domain::Number(Bound::Open(0.0), Bound::Open(1.0)),
        fallback: Fallback::Number(0.5),
        meaning: "Which quantile: 0.5 is the median.",
    }],
};

impl LossKind for Quantile {
    fn descriptor(&self) -> &'static Descriptor {
        &DESCRIPTOR
    }

    fn shape(&self) -> Shape {
        Shape::PiecewiseLinear
    }

    fn build(&self, choice: &Choice, _about: &About<'_>) -> Box<dyn Loss> {
        Box::new(Tilted { quantile: choice.number("quantile").unwrap_or(0.5) })
    }
}

struct Tilted {
    quantile: f64,
}

impl Pointwise for Tilted {
    fn at(&self, eta: f64, y: f64) -> (f64, f64) {
        let residual = eta - y;
        if residual == 0.0 {
            return (0.0, 0.0);
        }
        let slope = if residual > 0.0 { 1.0 - self.quantile } else { -self.quantile };
        (slope * residual, slope)
    }

    fn curvature(&self, _eta: f64, _y: f64) -> f64 {
        0.0
    }

    fn most(&self) -> Option<f64> {
        None
    }
}
