//! `cauchy`: ℓ = δ² ln(1 + (r/δ)²), r = η − y: far residuals hardly pull, so there may be several minima.

use super::super::registry::{Choice, Descriptor};
use super::{About, DELTA, Loss, LossKind, Pointwise, Shape, delta};

pub(super) struct Cauchy;

struct Scaled {
    delta: f64,
    chosen: Option<f64>,
}

static DESCRIPTOR: Descriptor = Descriptor {
    kind: "cauchy",
    summary: "Grows like a logarithm: far outliers hardly count, and there may be several minima.",
    params: &[DELTA],
};

impl LossKind for Cauchy {
    fn descriptor(&self) -> &'static Descriptor {
        &DESCRIPTOR
    }

    fn shape(&self) -> Shape {
        Shape::ManyMinima
    }

    fn build(&self, choice: &Choice, about: &About<'_>) -> Box<dyn Loss> {
        let (delta, chosen) = delta(self, choice, about);
        Box::new(Scaled { delta, chosen })
    }

    fn scale_factor(&self) -> Option<f64> {
        Some(2.385)
    }
}

impl Pointwise for Scaled {
    fn at(&self, eta: f64, y: f64) -> (f64, f64) {
        let residual = eta - y;
        let ratio = residual / self.delta;
        let square = ratio * ratio;
        if square.is_infinite() {
            return (2.0 * self.delta * self.delta * libm::log(ratio.abs()), 2.0 * self.delta / ratio);
        }
        (self.delta * self.delta * libm::log1p(square), 2.0 * residual / (1.0 + square))
    }

    /// Slope over residual, as in iteratively reweighted least squares: positive also where the loss bends downwards.
    fn curvature(&self, eta: f64, y: f64) -> f64 {
        let ratio = (eta - y) / self.delta;
        2.0 / ratio.mul_add(ratio, 1.0)
    }

    fn expected(&self, eta: f64, y: f64) -> f64 {
        let square = ((eta - y) / self.delta).powi(2);
        if square.is_infinite() { 0.0 } else { 2.0 * (1.0 - square) / (1.0 + square) / (1.0 + square) }
    }

    fn most(&self) -> Option<f64> {
        Some(2.0)
    }

    fn unit(&self, target_norm: f64) -> f64 {
        target_norm
    }

    fn chosen_scale(&self) -> Option<f64> {
        self.chosen
    }
}
