//! The registry of optimizers, with the learning-rate schedules and scalings that they use. An optimizer makes steps;
//! the loop around it, the stopping rules and the observer are elsewhere.

mod auto;
mod gradient_descent;
mod scaling;
mod schedule;

use super::objective::{Objective, Spectrum};
use super::registry::{Choice, Descriptor};
use super::spec::{Spec, SpecError};

pub(super) use scaling::{Scaling, scaling};

/// A method of descent.
pub(super) trait Method: Sync {
    /// How the method presents itself.
    fn descriptor(&self) -> &'static Descriptor;
    /// Replaces every `auto` of the specification that this method decides.
    fn resolve(&self, spec: Spec) -> Spec;
    /// What is wrong with its parameters together.
    fn check(&self, choice: &Choice) -> Option<SpecError>;
    /// The optimizer for an objective of this width; the spectrum is computed when asked for.
    fn build(&self, choice: &Choice, width: usize, spectrum: &dyn Fn() -> Spectrum) -> Box<dyn Optimizer>;
}

/// A running optimizer.
pub(super) trait Optimizer {
    /// Makes one update of `at`, where the gradient is `gradient`. False if not a bit of `at` and of the optimizer's own
    /// state changes any more.
    fn advance(&mut self, objective: &dyn Objective, at: &mut [f64], gradient: &[f64]) -> bool;
    /// The largest fixed step for which it is stable on a quadratic objective with this spectrum.
    fn max_stable_learning_rate(&self, spectrum: Spectrum) -> Option<f64>;
    /// What to ask for instead after a divergence, with the iterations that are enough.
    fn suggestion(&self, spectrum: Spectrum) -> Option<(Choice, u64)>;
    /// The step it takes, where it is fixed.
    fn learning_rate(&self) -> Option<f64>;
    /// Its whole state.
    fn state(&self) -> Vec<(String, Vec<f64>)>;
    /// Takes over a state. False if it is not one of its own.
    fn restore(&mut self, state: &[(String, Vec<f64>)]) -> bool;
}

/// All optimizers, in the order in which they are shown.
pub(super) static REGISTRY: [&dyn Method; 2] = [&auto::Auto, &gradient_descent::GradientDescent];

/// The method of this choice.
pub(super) fn method(choice: &Choice) -> Option<&'static dyn Method> {
    REGISTRY.into_iter().find(|method| method.descriptor().kind == choice.kind)
}

/// The schedules' descriptors.
pub(super) fn schedules() -> Vec<&'static Descriptor> {
    schedule::REGISTRY.to_vec()
}

/// The scalings' descriptors.
pub(super) fn scalings() -> Vec<&'static Descriptor> {
    scaling::REGISTRY.to_vec()
}
