//! What to fit and how: the numeric form of a request, already checked.

use super::Choice;

/// Where the descent starts.
#[derive(Clone, Debug, PartialEq)]
pub enum Start {
    /// All coefficients 0.
    Zeros,
    /// Seeded standard normal in scaled coordinates.
    Random,
    /// By coefficient name, in data units; what is missing is 0.
    At(Vec<(String, f64)>),
}

/// The l2 penalty `l2 · Σθ²` over all coefficients but the intercept.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Penalty {
    /// The factor, at least 0.
    pub l2: f64,
    /// Whether θ are the coefficients of the standardized columns rather than those in data units.
    pub on_standardized: bool,
}

/// What a row's weight stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WeightKind {
    /// Precision: degrees of freedom count rows.
    InverseVariance,
    /// Repetitions: degrees of freedom count weights.
    Frequency,
}

/// A column of row weights.
#[derive(Clone, Debug, PartialEq)]
pub struct Weights {
    /// The column.
    pub column: String,
    /// What it stands for.
    pub kind: WeightKind,
}

/// When the descent ends by itself; a tolerance of 0 is off.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Stop {
    /// Updates of the parameters at most.
    pub max_iterations: u64,
    /// Scale-free: the largest cosine between the residual and a column of the Jacobian.
    pub gradient_tolerance: f64,
    /// The relative change of the loss in one iteration.
    pub loss_tolerance: f64,
}

/// A whole numeric specification.
#[derive(Clone, Debug, PartialEq)]
pub struct Spec {
    /// From the registry `models`.
    pub model: Choice,
    /// From the registry `losses`.
    pub loss: Choice,
    /// From the registry `optimizers`.
    pub optimizer: Choice,
    /// From the registry `scalings`.
    pub scaling: Choice,
    /// The penalty.
    pub penalty: Penalty,
    /// The start.
    pub start: Start,
    /// The stopping rules.
    pub stop: Stop,
    /// Row weights.
    pub weights: Option<Weights>,
    /// For every random choice.
    pub seed: u64,
    /// Whether standard errors and covariance are computed where they mean something.
    pub covariance: bool,
    /// The level of the confidence intervals, in (0, 1).
    pub confidence: f64,
}

/// Why a specification cannot be fitted to this data. `field` is a path in the specification such as `model/features/0`.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{detail}")]
pub struct SpecError {
    /// Where the fault is.
    pub field: String,
    /// A stable slug such as `unknown_column`.
    pub code: &'static str,
    /// What is wrong and what would be right.
    pub detail: String,
    /// The limit and what exceeded it.
    pub limit: Option<(u64, u64)>,
}
