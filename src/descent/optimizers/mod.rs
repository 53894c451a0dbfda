//! The registry of optimizers, with the learning-rate schedules and scalings that they use. An optimizer makes steps;
//! the loop around it, the stopping rules and the observer are elsewhere.

mod active_set;
mod adagrad;
mod adam;
mod adamw;
mod auto;
pub(super) mod first_order;
mod gradient_descent;
mod lbfgs;
mod levenberg_marquardt;
mod line_search;
mod linearized;
mod newton;
mod rmsprop;
mod scaling;
mod schedule;

use super::losses::Shape;
use super::models::is_curve;
use super::objective::{Evaluation, Objective, Spectrum};
use super::registry::{Choice, Descriptor};
use super::spec::{Spec, SpecError};

pub(super) use scaling::{Scaling, scaling};

/// A method of descent.
pub(super) trait Method: Sync {
    /// How the method presents itself.
    fn descriptor(&self) -> &'static Descriptor;
    /// Replaces every `auto` of the specification that this method decides.
    fn resolve(&self, spec: Spec, shape: Shape) -> Spec;
    /// What is wrong with it for this resolved specification.
    fn check(&self, _spec: &Spec, _shape: Shape) -> Option<SpecError> {
        None
    }
    /// What a step holds beside a few vectors of coefficients.
    fn holds(&self, _choice: &Choice) -> Holds {
        Holds::Vectors(0)
    }
    /// The optimizer for an objective.
    fn build(&self, choice: &Choice, setting: &Setting<'_>) -> Box<dyn Optimizer>;
}

/// What a step of a method holds at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Holds {
    /// So many vectors of coefficients.
    Vectors(u64),
    /// The same, and when it is built the root that the objective's spectrum is computed from.
    Spectrum,
    /// The Hessian and its factor.
    Hessian,
    /// The linearized residuals, compressed.
    Tangent,
    /// Every row as a line.
    Lines,
}

/// What an optimizer is built for.
pub(super) struct Setting<'a> {
    /// The number of coordinates.
    pub(super) width: usize,
    /// Rows that batches are drawn from.
    pub(super) rows: usize,
    pub(super) seed: u64,
    pub(super) max_iterations: u64,
    /// The Hessian's spectrum, or a bound of it, where there is one.
    pub(super) spectrum: Option<&'a dyn Fn() -> Spectrum>,
    /// Whether the spectrum is exact: the objective is quadratic.
    pub(super) quadratic: bool,
    /// Whether the model is a curve.
    pub(super) curved: bool,
    /// The unit of a coordinate of standardized columns.
    pub(super) unit: f64,
}

/// Where a descent stands.
#[derive(Clone, Debug)]
pub(super) struct Position {
    pub(super) at: Vec<f64>,
    /// Of the objective's smooth part.
    pub(super) gradient: Vec<f64>,
    pub(super) evaluation: Evaluation,
}

/// What one update did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Advance {
    /// Not a bit of the position and of the optimizer's own state changes any more.
    Stuck,
    /// The coordinates moved; gradient and evaluation are those of the position before.
    Moved,
    /// The whole position is that of the new coordinates.
    Evaluated,
    /// Nobody waits for the update any more: it was left half-way, and neither the position nor the optimizer's own state has
    /// changed.
    GivenUp,
    /// The position is an optimum, which the method has proved in its own way.
    Optimal,
}

/// A running optimizer.
pub(super) trait Optimizer {
    /// Makes one update.
    fn advance(&mut self, objective: &dyn Objective, here: &mut Position) -> Advance;
    /// The gradient tolerance down to which the method stops where the rule says so; below it goes on to rounding and says
    /// itself when it is there.
    fn own_tolerance(&self) -> f64 {
        0.0
    }
    /// Every how many updates the objective is evaluated over all rows and recorded.
    fn recorded_every(&self) -> u64 {
        1
    }
    /// The largest fixed step for which it is stable on a quadratic objective with this spectrum.
    fn max_stable_learning_rate(&self, _spectrum: Spectrum) -> Option<f64> {
        None
    }
    /// What to ask for instead after a divergence, with the iterations that are enough.
    fn suggestion(&self, _spectrum: Spectrum) -> Option<(Choice, u64)> {
        None
    }
    /// The step it takes, where it is fixed.
    fn learning_rate(&self) -> Option<f64> {
        None
    }
    /// Lets go of what no more than further steps need; its state stays.
    fn rest(&mut self) {}
    /// Its whole state.
    fn state(&self) -> Vec<(String, Vec<f64>)>;
    /// Takes over a state. False if it is not one of its own.
    fn restore(&mut self, state: &[(String, Vec<f64>)]) -> bool;
}

/// All optimizers, in the order in which they are shown.
pub(super) static REGISTRY: [&dyn Method; 10] = [
    &auto::Auto,
    &gradient_descent::GradientDescent,
    &adagrad::Adagrad,
    &rmsprop::RmsProp,
    &adam::Adam,
    &adamw::AdamW,
    &lbfgs::Lbfgs,
    &newton::Newton,
    &levenberg_marquardt::LevenbergMarquardt,
    &active_set::ActiveSet,
];

/// The method of this choice.
pub(super) fn method(choice: &Choice) -> Option<&'static dyn Method> {
    REGISTRY.into_iter().find(|method| method.descriptor().kind == choice.kind)
}

/// Updates between two evaluations over all rows, where batches are asked for.
pub(super) fn iterations_per_epoch(choice: &Choice, rows: u64) -> Option<u64> {
    choice.integer("batch_size").map(|batch| rows.div_ceil(batch.clamp(1, rows.max(1))).max(1))
}

/// The schedules' descriptors.
pub(super) fn schedules() -> Vec<&'static Descriptor> {
    schedule::REGISTRY.to_vec()
}

/// The scalings' descriptors.
pub(super) fn scalings() -> Vec<&'static Descriptor> {
    scaling::REGISTRY.to_vec()
}

/// A fault of the optimizer for this fit.
fn unsuited(field: &str, detail: impl Into<String>) -> Option<SpecError> {
    Some(SpecError {
        field: format!("optimizer/{field}").trim_end_matches('/').to_owned(),
        code: "unsupported_combination",
        detail: detail.into(),
        limit: None,
    })
}

/// Replaces `auto` as the scaling.
fn scale(mut spec: Spec, kind: &str) -> Spec {
    if spec.scaling.kind == "auto" {
        // A curve has no fixed columns to be made orthonormal, but units of its parameters.
        let kind = if kind == "whiten" && is_curve(&spec.model) { "standardize" } else { kind };
        spec.scaling = Choice::named(kind);
    }
    spec
}

/// A state vector by name, of this length.
fn stored<'a>(state: &'a [(String, Vec<f64>)], name: &str, length: usize) -> Option<&'a [f64]> {
    let found = state.iter().find(|(other, _)| other == name);
    found.map(|(_, values)| values.as_slice()).filter(|values| values.len() == length)
}
