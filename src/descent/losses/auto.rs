//! `auto`: the model's usual loss. Resolved before anything is computed.

use super::super::registry::{Choice, Descriptor};
use super::{About, Loss, LossKind, Shape, squared::Squared};

pub(super) struct Auto;

static DESCRIPTOR: Descriptor = Descriptor {
    kind: "auto",
    summary: "The model's usual loss: squared for numbers, log_loss for classes, poisson and gamma for theirs.",
    params: &[],
};

impl LossKind for Auto {
    fn descriptor(&self) -> &'static Descriptor {
        &DESCRIPTOR
    }

    fn shape(&self) -> Shape {
        Squared.shape()
    }

    fn build(&self, choice: &Choice, about: &About<'_>) -> Box<dyn Loss> {
        Squared.build(choice, about)
    }
}
