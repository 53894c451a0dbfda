//! The registry of models. A model that is linear in its parameters is a [`Basis`]: functions of the features, in
//! working coordinates chosen so that no digits are lost, and the linear map between working coefficients and those in
//! data units. Internally the intercept, where there is one, comes first; the fixed order of answers puts it last.

mod formula;
mod gamma;
mod linear;
mod logistic;
mod named;
mod poisson;
mod polynomial;
mod response;
mod softmax;

use std::sync::Arc;

use super::curves;
use super::nonlinear::Equation;
use super::outcome::Label;
use super::registry::{Choice, Descriptor, Domain, Fallback, Param};
use super::same::same;
use super::{Dataset, GivenUp, SpecError};

pub(super) use response::{Response, sigmoid};

/// A kind of model. What is not said otherwise is that of a weighted sum of the features.
pub(super) trait Family: Sync {
    /// How the model presents itself.
    fn descriptor(&self) -> &'static Descriptor;
    /// The losses that it can be fitted with, the usual one first.
    fn losses(&self) -> &'static [&'static str];
    /// What is predicted from the weighted sums.
    fn response(&self) -> Response {
        Response::Identity
    }
    /// The classes that the target has, in order; empty for a model that predicts numbers.
    fn classes(&self, _choice: &Choice, _data: &Dataset) -> Vec<Label> {
        Vec::new()
    }
    /// What is wrong with the target's values.
    fn target_fault(&self, choice: &Choice, data: &Dataset) -> Option<SpecError> {
        numeric_target(choice, data).err()
    }
    /// The coefficients' names in the fixed order.
    fn coefficient_names(&self, choice: &Choice, data: &Dataset) -> Result<Vec<String>, SpecError> {
        linear::coefficient_names(choice, data)
    }
    /// The number of coefficients, without allocating.
    fn width(&self, choice: &Choice, data: &Dataset) -> u64 {
        linear::width(choice, data)
    }
    /// The columns that the model reads, in the order in which [`Basis::fill`] takes them.
    fn features(&self, choice: &Choice) -> Vec<String> {
        choice.list("features").unwrap_or_default().to_vec()
    }
    /// The formula, for a model that is not linear in its parameters.
    fn equation(&self, _choice: &Choice) -> Option<Equation> {
        None
    }
    /// Start values of all parameters of a curve that are read off the data, the likeliest first.
    fn guesses(
        &self,
        _choice: &Choice,
        _data: &Dataset,
        _weights: Option<&str>,
        _given_up: GivenUp<'_>,
    ) -> Vec<Vec<f64>> {
        Vec::new()
    }
    /// Bytes that reading them off so many rows takes at its peak.
    fn guess_bytes(&self, _choice: &Choice, _rows: f64) -> f64 {
        0.0
    }
    /// The working basis for this data.
    fn basis(&self, choice: &Choice, data: &Dataset, given_up: GivenUp<'_>) -> Arc<dyn Basis> {
        linear::basis(choice, data, given_up)
    }
    /// The working basis that [`Basis::vectors`] described.
    fn restore(&self, vectors: &[(String, Vec<f64>)]) -> Option<Arc<dyn Basis>> {
        linear::restore(vectors)
    }
}

/// Basis functions φ₀ … φ₍p−1₎ of a model that is linear in its parameters.
pub(super) trait Basis: Send + Sync {
    /// p.
    fn width(&self) -> usize;
    /// Whether φ₀ is the constant 1.
    fn has_intercept(&self) -> bool;
    /// Writes φⱼ of every row to `out[j · rows ..]`. `features` are equally long slices.
    fn fill(&self, features: &[&[f64]], out: &mut [f64]);
    /// Coefficients in data units (internal order) → working coefficients.
    fn to_working(&self, theta: &[f64]) -> Vec<f64>;
    /// Working coefficients → coefficients in data units.
    fn to_data(&self, working: &[f64]) -> Vec<f64>;
    /// A gradient by working coefficients → by coefficients in data units: the transpose of [`Basis::to_working`].
    fn pull(&self, working_gradient: &[f64]) -> Vec<f64>;
    /// What [`Family::restore`] needs.
    fn vectors(&self) -> Vec<(String, Vec<f64>)>;
}

/// What every model has to predict.
pub(super) const TARGET: Param =
    Param { name: "target", domain: Domain::Column, fallback: Fallback::ColumnY, meaning: "The column to predict." };

/// The models that are no ready-made curves.
static GENERAL: [&dyn Family; 7] = [
    &linear::Linear,
    &polynomial::Polynomial,
    &logistic::Logistic,
    &softmax::Softmax,
    &poisson::Poisson,
    &gamma::Gamma,
    &formula::Formula,
];

static NAMED: [named::Named; curves::COUNT] = {
    let mut all = [named::Named(curves::REGISTRY[0]); curves::COUNT];
    let mut at = 1;
    while at < curves::COUNT {
        all[at] = named::Named(curves::REGISTRY[at]);
        at += 1;
    }
    all
};

/// All models, in the order in which they are shown.
pub(super) static REGISTRY: [&dyn Family; GENERAL.len() + curves::COUNT] = {
    let mut all = [GENERAL[0]; GENERAL.len() + curves::COUNT];
    let mut at = 1;
    while at < all.len() {
        all[at] = if at < GENERAL.len() { GENERAL[at] } else { &NAMED[at - GENERAL.len()] };
        at += 1;
    }
    all
};

/// A basis of weighted columns that [`Basis::vectors`] described.
pub(super) fn restore_linear(vectors: &[(String, Vec<f64>)]) -> Option<Arc<dyn Basis>> {
    linear::restore(vectors)
}

/// The losses of a curve.
const CURVE_LOSSES: &[&str] =
    &["squared", "absolute", "huber", "pseudo_huber", "log_cosh", "quantile", "cauchy", "log_loss", "poisson", "gamma"];

/// Whether the model is a curve.
pub(super) fn is_curve(choice: &Choice) -> bool {
    equation(choice).is_some()
}

/// The formula of a curve.
pub(super) fn equation(choice: &Choice) -> Option<Equation> {
    family(choice).ok()?.equation(choice)
}

/// The model of this choice.
pub(super) fn family(choice: &Choice) -> Result<&'static dyn Family, SpecError> {
    REGISTRY.into_iter().find(|family| family.descriptor().kind == choice.kind).ok_or_else(|| SpecError {
        field: "model/kind".to_owned(),
        code: "invalid_value",
        detail: format!("{} is not a model", choice.kind),
        limit: None,
    })
}

/// Moves the intercept of each output from the front, where the numerics have it, to the end, where answers have it.
pub(super) fn to_fixed_order(basis: &dyn Basis, internal: &[f64]) -> Vec<f64> {
    let mut out = internal.to_vec();
    if basis.has_intercept() {
        out.chunks_mut(basis.width().max(1)).for_each(|block| block.rotate_left(1));
    }
    out
}

/// The inverse of [`to_fixed_order`].
pub(super) fn to_internal_order(basis: &dyn Basis, fixed: &[f64]) -> Vec<f64> {
    let mut out = fixed.to_vec();
    if basis.has_intercept() {
        out.chunks_mut(basis.width().max(1)).for_each(|block| block.rotate_right(1));
    }
    out
}

/// The target's values as a model of numbers takes them, or as the index of each row's class.
pub(super) fn target(classes: &[Label], choice: &Choice, data: &Dataset) -> Option<Arc<[f64]>> {
    let column = data.column(choice.text("target")?)?;
    let number = |label: &Label| if let Label::Number(number) = label { Some(*number) } else { None };
    let numbers: Vec<f64> = classes.iter().filter_map(number).collect();
    if numbers.is_empty() {
        return Some(Arc::clone(column));
    }
    Some(column.iter().map(|y| numbers.partition_point(|class| class < y) as f64).collect())
}

/// The distinct values of the target in order, at most `max` + 1 of them.
fn distinct_labels(choice: &Choice, data: &Dataset, max: usize) -> Vec<Label> {
    let Some(name) = choice.text("target") else { return Vec::new() };
    if let Some(levels) = data.levels_of(name) {
        return levels.iter().take(max + 1).cloned().map(Label::Text).collect();
    }
    let mut seen: Vec<f64> = Vec::new();
    for y in data.column(name).map_or(&[][..], |column| column) {
        let at = seen.partition_point(|other| other < y);
        if seen.get(at).is_none_or(|other| !same(*other, *y)) {
            seen.insert(at, *y);
            if seen.len() > max {
                break;
            }
        }
    }
    seen.into_iter().map(Label::Number).collect()
}

/// The target as numbers, or the fault of one that is categories.
fn numeric_target<'a>(choice: &Choice, data: &'a Dataset) -> Result<&'a [f64], SpecError> {
    let name = choice.text("target").unwrap_or_default();
    if data.levels_of(name).is_some() {
        let detail =
            format!("{name} holds categories, but this model predicts numbers; logistic and softmax predict classes");
        return Err(fault("target", "invalid_value", detail));
    }
    Ok(data.column(name).map_or(&[][..], |column| column))
}

/// The fault of the first target value that is not as it should be.
fn every_target(choice: &Choice, data: &Dataset, what: &str, fits: impl Fn(f64) -> bool) -> Option<SpecError> {
    match numeric_target(choice, data) {
        Err(error) => Some(error),
        Ok(values) => values.iter().position(|y| !fits(*y)).map(|row| {
            fault("target", "invalid_value", format!("the target of row {row} is {}: it has to be {what}", values[row]))
        }),
    }
}

/// The vector of this name.
fn vector<'a>(vectors: &'a [(String, Vec<f64>)], name: &str) -> Option<&'a [f64]> {
    vectors.iter().find(|(other, _)| other == name).map(|(_, values)| values.as_slice())
}

/// An error in one field of a model.
fn fault(field: impl Into<String>, code: &'static str, detail: impl Into<String>) -> SpecError {
    SpecError { field: format!("model/{}", field.into()), code, detail: detail.into(), limit: None }
}

/// Checks that a column exists.
fn known(data: &Dataset, name: &str, field: impl Into<String>) -> Result<(), SpecError> {
    if data.column(name).is_some() {
        return Ok(());
    }
    Err(fault(field, "unknown_column", format!("there is no column called {name}")))
}

/// The names of a curve's parameters, or what is wrong with the curve for this data.
fn curve_names(equation: &Equation, choice: &Choice, data: &Dataset) -> Result<Vec<String>, SpecError> {
    equation.check(choice.text("target").unwrap_or_default(), data)?;
    Ok(equation.parameters.iter().map(|parameter| parameter.name.clone()).collect())
}
