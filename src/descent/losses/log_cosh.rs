//! `log_cosh`: ℓ = ln cosh r, r = η − y: r²/2 near the target, |r| − ln 2 far from it.

use super::super::registry::{Choice, Descriptor};
use super::{About, Loss, LossKind, Pointwise, Shape};

#[derive(Clone, Copy)]
pub(super) struct LogCosh;

static DESCRIPTOR: Descriptor = Descriptor {
    kind: "log_cosh",
    summary: "Half squares within about one unit of the target, straight beyond.",
    params: &[],
};

impl LossKind for LogCosh {
    fn descriptor(&self) -> &'static Descriptor {
        &DESCRIPTOR
    }

    fn shape(&self) -> Shape {
        Shape::Smooth
    }

    fn build(&self, _choice: &Choice, _about: &About<'_>) -> Box<dyn Loss> {
        Box::new(*self)
    }
}

impl Pointwise for LogCosh {
    fn at(&self, eta: f64, y: f64) -> (f64, f64) {
        let residual = eta - y;
        let size = residual.abs();
        // ln cosh r = |r| + ln(1 + e^(−2|r|)) − ln 2 cancels where r is small; there 2 sinh²(r/2) = cosh r − 1 does not.
        let loss = if size < 1.0 {
            let half = libm::sinh(0.5 * residual);
            libm::log1p(2.0 * half * half)
        } else {
            size + libm::log1p(libm::exp(-2.0 * size)) - std::f64::consts::LN_2
        };
        (loss, libm::tanh(residual))
    }

    /// Slope over residual, as in iteratively reweighted least squares.
    fn curvature(&self, eta: f64, y: f64) -> f64 {
        let residual = eta - y;
        if residual.abs() < 1e-8 { 1.0 } else { libm::tanh(residual) / residual }
    }

    fn expected(&self, eta: f64, y: f64) -> f64 {
        let tanh = libm::tanh(eta - y);
        1.0 - tanh * tanh
    }

    fn most(&self) -> Option<f64> {
        Some(1.0)
    }

    fn unit(&self, target_norm: f64) -> f64 {
        target_norm.min(1.0)
    }
}
