//! What a fit found, and what it says of itself. What has no value is left out, never `null`.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// One estimated coefficient.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Parameter {
    pub(crate) name: String,
    pub(crate) value: f64,
    pub(crate) start: f64,
    pub(crate) fixed: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) standard_error: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) confidence_interval: Option<[f64; 2]>,
    /// Of the profile likelihood, where it was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) profile_interval: Option<ProfileInterval>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) t: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) p_value: Option<f64>,
}

/// An interval that may be open: an end that the data does not give is left out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct ProfileInterval {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) lower: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) upper: Option<f64>,
}

/// The exact optimum of a quadratic objective and how far the fit is from it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Optimum {
    pub(crate) loss: f64,
    /// The fit's objective less the optimum's; never negative.
    pub(crate) gap: f64,
    pub(crate) coefficients: Map<String, Value>,
}

/// A class that a model predicts, as the data has it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub(crate) enum Label {
    Number(f64),
    Text(String),
}

/// How well the fit describes the data.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Metrics {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) r_squared: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) adjusted_r_squared: Option<f64>,
    /// The part of the deviance of a constant model that the fit takes away.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) explained_deviance: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) deviance: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) rmse: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) mae: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) median_absolute_error: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) accuracy: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) log_loss: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) auc: Option<f64>,
    /// Rows of a class (by weight) by the class that is predicted for them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) confusion_matrix: Option<Vec<Vec<f64>>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) log_likelihood: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) aic: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) aicc: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) bic: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) residual_standard_deviation: Option<f64>,
    /// May be fractional: frequency weights need not be whole.
    pub(crate) degrees_of_freedom: f64,
}

/// How the fit does on rows that took no part in it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct ValidationResult {
    pub(crate) rows: u64,
    pub(crate) loss: f64,
    /// Over the folds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) loss_standard_deviation: Option<f64>,
    /// Whose coefficients are reported, where the best was restored.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) best_iteration: Option<u64>,
    pub(crate) metrics: Metrics,
    /// The loss of each fold.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) folds: Vec<f64>,
}

/// A local minimum that some of the starts led to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Minimum {
    pub(crate) objective: f64,
    pub(crate) loss: f64,
    pub(crate) coefficients: Map<String, Value>,
    pub(crate) starts: u64,
    pub(crate) converged: bool,
}

/// What each row does to the fit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Diagnostics {
    pub(crate) leverage: Vec<f64>,
    pub(crate) cooks_distance: Vec<f64>,
}

/// The convention behind standard errors, intervals and p-values.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Inference {
    /// `classical`, `hc1` or `hc3`.
    pub(crate) covariance: String,
    /// `t` (Student's) or `normal`.
    pub(crate) distribution: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) degrees_of_freedom: Option<f64>,
}

/// Something the reader of a result should know.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Warning {
    pub(crate) code: String,
    pub(crate) detail: String,
}

/// What a prediction needs beside the data: the fit in the coordinates in which it was computed, where it loses no digits.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Predictor {
    /// The working basis, as named vectors that `descent` wrote and reads.
    pub(crate) basis: Vec<(String, Vec<f64>)>,
    /// The coefficients in working coordinates.
    pub(crate) coefficients: Vec<f64>,
    /// The levels of each feature that holds categories.
    pub(crate) levels: Vec<(String, Vec<String>)>,
    /// The classes, of a model that predicts one.
    pub(crate) classes: Vec<Label>,
    /// What prediction intervals need; absent where intervals mean nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) band: Option<PredictionBand>,
}

/// The covariance of the working coefficients as `scale² · F Fᵀ`, F upper triangular by rows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct PredictionBand {
    pub(crate) factor: Vec<f64>,
    pub(crate) residual_standard_deviation: f64,
    /// Infinite where the intervals are normal; a predictor is stored in binary, which can say so.
    pub(crate) degrees_of_freedom: f64,
}

/// The end of a fit that has coefficients.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct FitResult {
    /// By name, in the fixed order of the coefficients.
    pub(crate) coefficients: Map<String, Value>,
    pub(crate) parameters: Vec<Parameter>,
    /// Of a curve, in the names of its parameters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) formula: Option<String>,
    pub(crate) loss: f64,
    pub(crate) objective: f64,
    pub(crate) iterations: u64,
    /// The fixed step that was taken, also where it was chosen automatically.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) learning_rate: Option<f64>,
    /// The scale of a robust loss, where it was chosen automatically.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) loss_scale: Option<f64>,
    pub(crate) stop_reason: String,
    pub(crate) converged: bool,
    pub(crate) gradient_norm: f64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) optimum: Option<Optimum>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) condition_number: Option<f64>,
    pub(crate) metrics: Metrics,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) validation: Option<ValidationResult>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) inference: Option<Inference>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) covariance: Option<Vec<Vec<f64>>>,
    /// Of the estimates.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) correlation: Option<Vec<Vec<f64>>>,
    /// The levels of each feature that holds categories, the first one the reference.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub(crate) levels: Map<String, Value>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) classes: Vec<Label>,
    /// The distinct minima that several starts led to, the best first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) minima: Vec<Minimum>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) diagnostics: Option<Diagnostics>,
    pub(crate) warnings: Vec<Warning>,
}

/// Why a fit has no result.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct FitError {
    pub(crate) code: String,
    pub(crate) detail: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) iteration: Option<u64>,
    /// The last finite iterate, by name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) coefficients: Option<Map<String, Value>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) loss: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) max_stable_learning_rate: Option<f64>,
    /// A JSON merge patch (RFC 7396) on the posted fit: what to post instead.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) suggestion: Option<Value>,
    /// The row of the data at fault, where one is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) row: Option<u64>,
    /// Names an internal fault in the log.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) incident: Option<String>,
}
