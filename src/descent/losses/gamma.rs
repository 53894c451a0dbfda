//! `gamma`: half the unit deviance of a gamma amount, ln(μ/y) + y/μ − 1 with μ = e^η.

use super::super::registry::{Choice, Descriptor};
use super::{About, Loss, LossKind, Pointwise, Shape};

#[derive(Clone, Copy)]
pub(super) struct Gamma;

static DESCRIPTOR: Descriptor = Descriptor {
    kind: "gamma",
    summary: "Half the deviance of gamma amounts, with the logarithm as link.",
    params: &[],
};

impl LossKind for Gamma {
    fn descriptor(&self) -> &'static Descriptor {
        &DESCRIPTOR
    }

    fn shape(&self) -> Shape {
        Shape::UnboundedLikelihood
    }

    fn build(&self, _choice: &Choice, about: &About<'_>) -> Box<dyn Loss> {
        if about.of_mean { Box::new(super::mean::Amount) } else { Box::new(*self) }
    }

    fn mean_fault(&self, y: f64) -> Option<&'static str> {
        (y <= 0.0).then_some("an amount above 0")
    }
}

impl Pointwise for Gamma {
    fn at(&self, eta: f64, y: f64) -> (f64, f64) {
        let d = eta - libm::log(y);
        let excess = libm::expm1(-d);
        (excess + d, -excess)
    }

    fn curvature(&self, eta: f64, y: f64) -> f64 {
        libm::exp(libm::log(y) - eta)
    }

    fn expected(&self, _eta: f64, _y: f64) -> f64 {
        1.0
    }

    fn most(&self) -> Option<f64> {
        None
    }

    fn has_dispersion(&self) -> bool {
        true
    }
}
