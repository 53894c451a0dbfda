//! `gamma`: positive amounts whose spread grows with their mean exp(Σⱼ θⱼxⱼ + θ₀), log link (McCullagh & Nelder 1989, ch. 8).

use super::super::registry::{Choice, Descriptor};
use super::super::{Dataset, SpecError};
use super::{Family, Response, every_target, linear};

pub(super) struct Gamma;

static DESCRIPTOR: Descriptor = Descriptor {
    kind: "gamma",
    summary: "Positive amounts with a constant relative spread: the logarithm of their mean is a weighted sum.",
    params: linear::PARAMS,
};

impl Family for Gamma {
    fn descriptor(&self) -> &'static Descriptor {
        &DESCRIPTOR
    }

    fn losses(&self) -> &'static [&'static str] {
        &["gamma"]
    }

    fn response(&self) -> Response {
        Response::Exponential
    }

    fn target_fault(&self, choice: &Choice, data: &Dataset) -> Option<SpecError> {
        every_target(choice, data, "above 0", |y| y > 0.0)
    }
}
