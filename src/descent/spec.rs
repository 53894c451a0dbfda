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

/// The penalty `l2 · Σθ² + l1 · Σ|θ|` over all coefficients but the intercept.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Penalty {
    /// The factor of the squares, at least 0.
    pub l2: f64,
    /// The factor of the absolute values, at least 0.
    pub l1: f64,
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

/// Which covariance of the estimates is computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Covariance {
    /// From the model's own assumption about the errors.
    Classical,
    /// Robust against errors of unequal variance, times n/(n − p) (MacKinnon & White 1985).
    Hc1,
    /// Robust, each squared residual divided by (1 − leverage)².
    Hc3,
    /// None.
    None,
}

/// A coefficient's range in data units; infinite ends are none.
#[derive(Clone, Debug, PartialEq)]
pub struct Range {
    /// The coefficient.
    pub name: String,
    /// At least this.
    pub min: f64,
    /// At most this.
    pub max: f64,
}

/// Where further descents start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spread {
    /// Exact fits through rows drawn at random.
    Rows,
    /// A Latin hypercube around the least-squares fit, in scaled coordinates.
    LatinHypercube,
    /// Standard normal in scaled coordinates.
    Normal,
}

/// Several descents, of which the best is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Restarts {
    /// How many starts, the given one among them; at least 1.
    pub count: u64,
    /// Where the others are.
    pub spread: Spread,
}

/// Which rows judge the fit instead of taking part.
#[derive(Clone, Debug, PartialEq)]
pub enum Split {
    /// A seeded draw of this part of the rows, within (0, 1).
    Fraction(f64, u64),
    /// The last rows, as many.
    LastRows(u64),
    /// These rows, from 0.
    Rows(Vec<u64>),
    /// Each row once: this many seeded folds, and a fit without each. The fit itself takes all rows.
    Folds(u64, u64),
}

/// How a fit is judged on rows that take no part.
#[derive(Clone, Debug, PartialEq)]
pub struct Validation {
    /// Which rows.
    pub split: Split,
    /// Recorded iterations without a better validation loss after which the fit stops and restores the best iterate.
    pub patience: Option<u64>,
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
    /// How standard errors and covariance are computed where they mean something.
    pub covariance: Covariance,
    /// Ranges of coefficients, each name at most once.
    pub bounds: Vec<Range>,
    /// Several starts.
    pub restarts: Option<Restarts>,
    /// Rows that judge.
    pub validation: Option<Validation>,
    /// Whether leverage and Cook's distance of every row are reported.
    pub diagnostics: bool,
    /// Whether profile-likelihood intervals are reported beside those from standard errors.
    pub profile: bool,
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
