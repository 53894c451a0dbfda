//! What a fit asks for, after every choice has been resolved. It serializes to the document that a client can post
//! again and gets the same fit.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// A value of one parameter of a choice.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub(crate) enum Setting {
    Flag(bool),
    Integer(u64),
    Number(f64),
    Text(String),
    List(Vec<String>),
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

/// What the l2 penalty is measured on.
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
    None,
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
}
