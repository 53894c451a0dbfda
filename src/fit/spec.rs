//! What a fit asks for, after every choice has been resolved. It serializes to the document that a client can post
//! again and gets the same fit.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::parameters::ParameterSpecs;

/// A value of one parameter of a choice.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub(crate) enum Setting {
    Flag(bool),
    Integer(u64),
    Number(f64),
    Text(String),
    List(Vec<String>),
    /// An entry of another registry.
    Choice(Box<Choice>),
    /// Factors by the text of a label.
    Factors(BTreeMap<String, f64>),
    /// Parameters of a curve.
    Parameters(ParameterSpecs),
}

/// One entry of a registry with its parameters: a model, a loss, an optimizer, a scaling.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Choice {
    pub(crate) kind: String,
    #[serde(flatten)]
    pub(crate) settings: BTreeMap<String, Setting>,
}

/// Where the descent starts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Start {
    Zeros,
    /// Seeded standard normal in scaled coordinates.
    Random,
    /// By coefficient name; what is missing is 0.
    #[serde(untagged)]
    At(BTreeMap<String, f64>),
}

/// What the penalty is measured on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum PenaltyOn {
    /// Coefficients in data units.
    Data,
    /// Coefficients of the standardized columns.
    Standardized,
}

/// The penalty on all coefficients but the intercept.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Penalty {
    pub(crate) l2: f64,
    #[serde(default)]
    pub(crate) l1: f64,
    pub(crate) on: PenaltyOn,
}

/// What a weight stands for; decides the degrees of freedom.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum WeightKind {
    InverseVariance,
    Frequency,
}

/// A column of row weights.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Weights {
    pub(crate) column: String,
    pub(crate) kind: WeightKind,
}

/// When the descent ends; 0 switches a tolerance off.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Stop {
    pub(crate) max_iterations: u64,
    pub(crate) gradient_tolerance: f64,
    pub(crate) loss_tolerance: f64,
    pub(crate) max_seconds: f64,
}

/// What the history keeps beside loss and gradient norm.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct HistorySpec {
    pub(crate) coefficients: bool,
}

/// Which covariance of the estimates is computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Covariance {
    Classical,
    Hc1,
    Hc3,
    None,
}

/// What happens to rows with a missing value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Missing {
    /// They are a fault of the request.
    #[default]
    Error,
    /// They are left out, where the fit uses the column.
    DropRows,
}

impl Missing {
    fn is_error(&self) -> bool {
        *self == Self::Error
    }
}

/// Which confidence intervals are given.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Intervals {
    /// From the standard errors.
    #[default]
    Wald,
    /// Those of the profile likelihood beside them.
    Profile,
}

impl Intervals {
    fn is_wald(&self) -> bool {
        *self == Self::Wald
    }
}

/// A coefficient's range in data units.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Range {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) min: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) max: Option<f64>,
}

/// Where further descents start.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Spread {
    /// Exact fits through rows drawn at random.
    Rows,
    LatinHypercube,
    Normal,
}

/// Several descents, of which the best is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Restarts {
    pub(crate) starts: u64,
    pub(crate) spread: Spread,
}

/// How a fit is judged on rows that take no part; one of the first four is there.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Validation {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) fraction: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) last_rows: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) rows: Option<Vec<u64>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) folds: Option<u64>,
    /// For a fraction and for folds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) seed: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) patience: Option<u64>,
}

/// A checked, fully resolved fit specification.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Spec {
    pub(crate) model: Choice,
    pub(crate) loss: Choice,
    pub(crate) penalty: Penalty,
    pub(crate) optimizer: Choice,
    pub(crate) scaling: Choice,
    pub(crate) start: Start,
    pub(crate) stop: Stop,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) weights: Option<Weights>,
    pub(crate) seed: u64,
    pub(crate) covariance: Covariance,
    pub(crate) confidence: f64,
    pub(crate) history: HistorySpec,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) bounds: BTreeMap<String, Range>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) restarts: Option<Restarts>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) validation: Option<Validation>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) diagnostics: bool,
    #[serde(default, skip_serializing_if = "Intervals::is_wald")]
    pub(crate) intervals: Intervals,
    #[serde(default, skip_serializing_if = "Missing::is_error")]
    pub(crate) missing: Missing,
}
