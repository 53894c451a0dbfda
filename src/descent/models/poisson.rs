//! `poisson`: counts whose mean is exp(Σⱼ θⱼxⱼ + θ₀), the canonical log link (McCullagh & Nelder 1989, ch. 6).

use super::super::registry::{Choice, Descriptor};
use super::super::{Dataset, SpecError};
use super::{Family, Response, every_target, linear};

pub(super) struct Poisson;

static DESCRIPTOR: Descriptor = Descriptor {
    kind: "poisson",
    summary: "Counts: the logarithm of their mean is a weighted sum.",
    params: linear::PARAMS,
};

impl Family for Poisson {
    fn descriptor(&self) -> &'static Descriptor {
        &DESCRIPTOR
    }

    fn losses(&self) -> &'static [&'static str] {
        &["poisson"]
    }

    fn response(&self) -> Response {
        Response::Exponential
    }

    fn target_fault(&self, choice: &Choice, data: &Dataset) -> Option<SpecError> {
        every_target(choice, data, "at least 0", |y| y >= 0.0)
    }
}
