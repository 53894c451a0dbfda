//! `auto`: the method that needs nothing from the client. For squared error it is whitened gradient descent with the
//! exact step, which reaches the polished optimum in one or two iterations however badly the data is scaled.

use super::super::objective::Spectrum;
use super::super::registry::{Choice, Descriptor, Value};
use super::super::spec::{Spec, SpecError};
use super::{Method, Optimizer, gradient_descent::GradientDescent};

pub(super) struct Auto;

static DESCRIPTOR: Descriptor =
    Descriptor { kind: "auto", summary: "The best method for the model and the loss; nothing to choose.", params: &[] };

impl Method for Auto {
    fn descriptor(&self) -> &'static Descriptor {
        &DESCRIPTOR
    }

    fn resolve(&self, mut spec: Spec) -> Spec {
        spec.optimizer = Choice::named("gradient_descent")
            .with("learning_rate", Value::Text("exact".to_owned()))
            .with("momentum", Value::Number(0.0))
            .with("nesterov", Value::Flag(false))
            .with("schedule", Value::Text("constant".to_owned()));
        GradientDescent.resolve(spec)
    }

    fn check(&self, _choice: &Choice) -> Option<SpecError> {
        None
    }

    fn build(&self, choice: &Choice, width: usize, spectrum: &dyn Fn() -> Spectrum) -> Box<dyn Optimizer> {
        GradientDescent.build(&choice.clone().with("learning_rate", Value::Text("exact".to_owned())), width, spectrum)
    }
}
