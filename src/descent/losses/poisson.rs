//! `poisson`: half the unit deviance of a Poisson count, y ln(y/μ) − (y − μ) with μ = e^η.

use super::super::registry::{Choice, Descriptor};
use super::{About, Loss, LossKind, Pointwise, Shape};

#[derive(Clone, Copy)]
pub(super) struct Poisson;

static DESCRIPTOR: Descriptor = Descriptor {
    kind: "poisson",
    summary: "Half the deviance of Poisson counts, with the logarithm as link.",
    params: &[],
};

impl LossKind for Poisson {
    fn descriptor(&self) -> &'static Descriptor {
        &DESCRIPTOR
    }

    fn shape(&self) -> Shape {
        Shape::UnboundedLikelihood
    }

    fn build(&self, _choice: &Choice, about: &About<'_>) -> Box<dyn Loss> {
        if about.of_mean { Box::new(super::mean::Count) } else { Box::new(*self) }
    }

    fn log_likelihood(&self, mean: f64, y: f64) -> Option<f64> {
        let log = if y > 0.0 { y * libm::log(mean) } else { 0.0 };
        Some(log - mean - libm::lgamma(y + 1.0))
    }

    fn mean_fault(&self, y: f64) -> Option<&'static str> {
        (y < 0.0).then_some("a count of at least 0")
    }
}

impl Pointwise for Poisson {
    fn at(&self, eta: f64, y: f64) -> (f64, f64) {
        if y == 0.0 {
            let mean = libm::exp(eta);
            return (mean, mean);
        }
        // With d = η − ln y: y(e^d − 1 − d), and slope y(e^d − 1); both keep their digits near the target.
        let d = eta - libm::log(y);
        let excess = libm::expm1(d);
        (y * (excess - d), y * excess)
    }

    fn curvature(&self, eta: f64, _y: f64) -> f64 {
        libm::exp(eta)
    }

    fn counts(&self) -> bool {
        true
    }

    fn most(&self) -> Option<f64> {
        None
    }

    fn unit(&self, target_norm: f64) -> f64 {
        target_norm
    }
}
