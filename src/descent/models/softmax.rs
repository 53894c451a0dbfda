//! `softmax`: several classes; p(k) ∝ exp(Σⱼ θₖⱼxⱼ + θₖ₀). The parametrization is symmetric: each class has
//! coefficients of its own, called `class:feature`. Only their differences are determined by the data; without a penalty
//! that of least norm is found, whose sum over the classes is 0.

use super::super::outcome::Label;
use super::super::registry::{Choice, Descriptor};
use super::super::{Dataset, SpecError};
use super::{Family, Response, distinct_labels, fault, linear};

/// Classes at most.
const CLASSES_MAX: usize = 256;

pub(super) struct Softmax;

static DESCRIPTOR: Descriptor = Descriptor {
    kind: "softmax",
    summary: "Several classes: the logarithm of each probability is a weighted sum, up to a constant.",
    params: linear::PARAMS,
};

impl Family for Softmax {
    fn descriptor(&self) -> &'static Descriptor {
        &DESCRIPTOR
    }

    fn losses(&self) -> &'static [&'static str] {
        &["log_loss"]
    }

    fn response(&self) -> Response {
        Response::Softmax
    }

    fn classes(&self, choice: &Choice, data: &Dataset) -> Vec<Label> {
        distinct_labels(choice, data, CLASSES_MAX)
    }

    fn target_fault(&self, choice: &Choice, data: &Dataset) -> Option<SpecError> {
        (self.classes(choice, data).len() < 2)
            .then(|| fault("target", "invalid_value", "a softmax model needs at least two classes"))
    }

    fn coefficient_names(&self, choice: &Choice, data: &Dataset) -> Result<Vec<String>, SpecError> {
        let classes = self.classes(choice, data);
        if classes.len() > CLASSES_MAX {
            let detail = format!("the target has more than {CLASSES_MAX} classes");
            let limit = Some((CLASSES_MAX as u64, classes.len() as u64));
            return Err(SpecError { limit, ..fault("target", "model_too_large", detail) });
        }
        // Before a name is made: a small body of many levels and classes could ask for gigabytes of them.
        let width = self.width(choice, data);
        if width > linear::WIDTH_MAX {
            let limit = Some((linear::WIDTH_MAX, width));
            let detail = format!("the classes together have {width} coefficients, more than {}", linear::WIDTH_MAX);
            return Err(SpecError { limit, ..fault("features", "model_too_large", detail) });
        }
        let names = linear::coefficient_names(choice, data)?;
        Ok(classes.iter().flat_map(|class| names.iter().map(move |name| format!("{class}:{name}"))).collect())
    }

    fn width(&self, choice: &Choice, data: &Dataset) -> u64 {
        linear::width(choice, data).saturating_mul(self.classes(choice, data).len() as u64)
    }
}
