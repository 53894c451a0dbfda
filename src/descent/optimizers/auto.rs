//! `auto`: the method that needs nothing from the client. For squared error it is whitened gradient descent with the
//! exact step, which reaches the polished optimum in one or two iterations however badly the data is scaled; for the
//! likelihoods Newton's method, for smooth robust losses L-BFGS, for losses with kinks the active-set method.

use super::super::losses::Shape;
use super::super::models::is_curve;
use super::super::registry::{Choice, Descriptor, Value};
use super::super::spec::{Restarts, Spec, Spread};
use super::gradient_descent::{GradientDescent, exact};
use super::{Method, Optimizer, Setting, method};

/// Descents for a loss with several minima, where the client does not say.
const STARTS: u64 = 16;

pub(super) struct Auto;

static DESCRIPTOR: Descriptor =
    Descriptor { kind: "auto", summary: "The best method for the model and the loss; nothing to choose.", params: &[] };

impl Method for Auto {
    fn descriptor(&self) -> &'static Descriptor {
        &DESCRIPTOR
    }

    fn resolve(&self, mut spec: Spec, shape: Shape) -> Spec {
        let plain = spec.penalty.l1 == 0.0 && spec.bounds.is_empty();
        let whiten = spec.scaling.kind == "auto" || spec.scaling.kind == "whiten";
        let curve = is_curve(&spec.model);
        spec.optimizer = match shape {
            Shape::PiecewiseLinear => Choice::named("active_set"),
            _ if curve && spec.penalty.l1 == 0.0 => Choice::named("levenberg_marquardt"),
            _ if curve => Choice::named("newton"),
            Shape::Quadratic if plain && whiten => exact(),
            Shape::Quadratic | Shape::Likelihood | Shape::UnboundedLikelihood => Choice::named("newton"),
            Shape::Smooth | Shape::ManyMinima if plain => Choice::named("lbfgs").with("memory", Value::Integer(10)),
            Shape::Smooth | Shape::ManyMinima => Choice::named("newton"),
        };
        if shape == Shape::ManyMinima && spec.restarts.is_none() && !curve {
            spec.restarts = Some(Restarts { count: STARTS, spread: Spread::Rows });
        }
        match method(&spec.optimizer) {
            Some(method) => method.resolve(spec, shape),
            None => spec,
        }
    }

    fn build(&self, _choice: &Choice, setting: &Setting<'_>) -> Box<dyn Optimizer> {
        GradientDescent.build(&exact(), setting)
    }
}
