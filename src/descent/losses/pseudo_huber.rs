//! `pseudo_huber`: ℓ = 2δ²(√(1 + (r/δ)²) − 1), r = η − y: Huber's loss with a curvature that changes smoothly.

use super::super::registry::{Choice, Descriptor};
use super::{About, DELTA, Loss, LossKind, Pointwise, Shape, delta};

pub(super) struct PseudoHuber;

struct Scaled {
    delta: f64,
    chosen: Option<f64>,
}

static DESCRIPTOR: Descriptor = Descriptor {
    kind: "pseudo_huber",
    summary: "A smooth Huber loss: squares near the target, straight far beyond delta.",
    params: &[DELTA],
};

impl LossKind for PseudoHuber {
    fn descriptor(&self) -> &'static Descriptor {
        &DESCRIPTOR
    }

    fn shape(&self) -> Shape {
        Shape::Smooth
    }

    fn build(&self, choice: &Choice, about: &About<'_>) -> Box<dyn Loss> {
        let (delta, chosen) = delta(self, choice, about);
        Box::new(Scaled { delta, chosen })
    }

    fn scale_factor(&self) -> Option<f64> {
        Some(1.345)
    }
}

impl Pointwise for Scaled {
    fn at(&self, eta: f64, y: f64) -> (f64, f64) {
        let residual = eta - y;
        let ratio = residual / self.delta;
        let root = ratio.hypot(1.0);
        // √(1 + t²) − 1 = t²/(√(1 + t²) + 1) keeps its digits for small residuals.
        (2.0 * residual * (residual / (root + 1.0)), 2.0 * residual / root)
    }

    /// Slope over residual, as in iteratively reweighted least squares.
    fn curvature(&self, eta: f64, y: f64) -> f64 {
        2.0 / ((eta - y) / self.delta).hypot(1.0)
    }

    fn expected(&self, eta: f64, y: f64) -> f64 {
        2.0 / ((eta - y) / self.delta).hypot(1.0).powi(3)
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
