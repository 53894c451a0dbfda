//! `logistic`: two classes; the log odds of the second one, in sorted order, are Σⱼ θⱼxⱼ + θ₀.

use super::super::outcome::Label;
use super::super::registry::{Choice, Descriptor};
use super::super::{Dataset, SpecError};
use super::{Family, Response, distinct_labels, fault, linear};

pub(super) struct Logistic;

static DESCRIPTOR: Descriptor = Descriptor {
    kind: "logistic",
    summary: "Two classes: the log odds of the second one, in sorted order, are a weighted sum.",
    params: linear::PARAMS,
};

impl Family for Logistic {
    fn descriptor(&self) -> &'static Descriptor {
        &DESCRIPTOR
    }

    fn losses(&self) -> &'static [&'static str] {
        &["log_loss"]
    }

    fn response(&self) -> Response {
        Response::Sigmoid
    }

    fn classes(&self, choice: &Choice, data: &Dataset) -> Vec<Label> {
        distinct_labels(choice, data, 2)
    }

    fn target_fault(&self, choice: &Choice, data: &Dataset) -> Option<SpecError> {
        let classes = self.classes(choice, data).len();
        let more = if classes > 2 { "more; softmax takes several" } else { "one" };
        (classes != 2).then(|| {
            fault("target", "invalid_value", format!("a logistic model needs two classes, the target has {more}"))
        })
    }
}
