//! `huber`: ℓ = r² for |r| ≤ δ, 2δ|r| − δ² beyond, r = η − y (Huber 1964). δ is 1.345 times the residuals' spread where
//! it is to be chosen, which costs 5 % of the efficiency of least squares where errors are normal.

use super::super::registry::{Choice, Descriptor};
use super::{About, DELTA, Loss, LossKind, Pointwise, Shape, delta};

pub(super) struct Huber;

struct Scaled {
    delta: f64,
    chosen: Option<f64>,
}

static DESCRIPTOR: Descriptor = Descriptor {
    kind: "huber",
    summary: "Squares near the target, straight beyond delta: few outliers count little.",
    params: &[DELTA],
};

impl LossKind for Huber {
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
        if residual.abs() <= self.delta {
            return (residual * residual, 2.0 * residual);
        }
        let straight = 2.0 * self.delta;
        (straight * residual.abs() - self.delta * self.delta, straight.copysign(residual))
    }

    /// Slope over residual: the weight of iteratively reweighted least squares, whose parabola lies above the loss.
    fn curvature(&self, eta: f64, y: f64) -> f64 {
        2.0 * (self.delta / (eta - y).abs()).min(1.0)
    }

    fn expected(&self, eta: f64, y: f64) -> f64 {
        if (eta - y).abs() <= self.delta { 2.0 } else { 0.0 }
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
