//! The registry of models. A model that is linear in its parameters is a [`Basis`]: functions of the features, in
//! working coordinates chosen so that no digits are lost, and the linear map between working coefficients and those in
//! data units. Internally the intercept, where there is one, comes first; the fixed order of answers puts it last.

mod linear;
mod polynomial;

use super::registry::{Choice, Descriptor, Domain, Fallback, Param};
use super::{Dataset, SpecError};

/// A kind of model.
pub(super) trait Family: Sync {
    /// How the model presents itself.
    fn descriptor(&self) -> &'static Descriptor;
    /// The coefficients' names in the fixed order, for data with these columns.
    fn coefficient_names(&self, choice: &Choice, columns: &[String]) -> Result<Vec<String>, SpecError>;
    /// The number of coefficients, without allocating.
    fn width(&self, choice: &Choice) -> u64;
    /// The columns that the model reads, in the order in which [`Basis::fill`] takes them.
    fn features(&self, choice: &Choice) -> Vec<String>;
    /// The working basis for this data.
    fn basis(&self, choice: &Choice, data: &Dataset) -> Box<dyn Basis>;
    /// The working basis that [`Basis::vectors`] described.
    fn restore(&self, vectors: &[(String, Vec<f64>)]) -> Option<Box<dyn Basis>>;
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
const TARGET: Param =
    Param { name: "target", domain: Domain::Column, fallback: Fallback::ColumnY, meaning: "The column to predict." };

/// All models, in the order in which they are shown.
pub(super) static REGISTRY: [&dyn Family; 2] = [&linear::Linear, &polynomial::Polynomial];

/// The model of this choice.
pub(super) fn family(choice: &Choice) -> Result<&'static dyn Family, SpecError> {
    REGISTRY.into_iter().find(|family| family.descriptor().kind == choice.kind).ok_or_else(|| SpecError {
        field: "model/kind".to_owned(),
        code: "invalid_value",
        detail: format!("{} is not a model", choice.kind),
        limit: None,
    })
}

/// Moves an intercept from the front, where the numerics have it, to the end, where answers have it.
pub(super) fn to_fixed_order(intercept: bool, internal: &[f64]) -> Vec<f64> {
    let mut out = internal.to_vec();
    if intercept {
        out.rotate_left(1);
    }
    out
}

/// The inverse of [`to_fixed_order`].
pub(super) fn to_internal_order(intercept: bool, fixed: &[f64]) -> Vec<f64> {
    let mut out = fixed.to_vec();
    if intercept {
        out.rotate_right(1);
    }
    out
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
fn known(columns: &[String], name: &str, field: impl Into<String>) -> Result<(), SpecError> {
    if columns.iter().any(|column| column == name) {
        return Ok(());
    }
    Err(fault(field, "unknown_column", format!("there is no column called {name}")))
}
