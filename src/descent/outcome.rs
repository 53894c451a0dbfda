//! How a run ended and what it found.

use super::Choice;

/// Why a descent stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StopReason {
    /// The gradient is as small as was asked for.
    GradientTolerance,
    /// The loss changes as little as was asked for.
    LossTolerance,
    /// The iterations ran out.
    MaxIterations,
    /// The time ran out.
    MaxSeconds,
    /// Not a bit of the parameters changes any more.
    NoProgress,
    /// The loss on the validation rows has not become better for as long as the patience lasts.
    ValidationStoppedImproving,
    /// The client cancelled.
    Cancelled,
    /// The service is stopping; the run goes on from a checkpoint later.
    Interrupted,
}

impl StopReason {
    /// The reason's name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::GradientTolerance => "gradient_tolerance",
            Self::LossTolerance => "loss_tolerance",
            Self::MaxIterations => "max_iterations",
            Self::MaxSeconds => "max_seconds",
            Self::NoProgress => "no_progress",
            Self::ValidationStoppedImproving => "validation_stopped_improving",
            Self::Cancelled => "cancelled",
            Self::Interrupted => "interrupted",
        }
    }

    /// Whether the optimum was reached within the tolerance asked for.
    pub fn converged(self) -> bool {
        matches!(self, Self::GradientTolerance | Self::LossTolerance)
    }
}

/// The end of a run.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// A stopping rule or the observer ended it.
    Stopped(Box<Report>),
    /// The descent ran away.
    Diverged(Box<Divergence>),
    /// The objective is not finite at the start; the row at fault, where one is.
    NonFinite {
        /// The row, from 0.
        row: Option<u64>,
    },
    /// The team was told that nobody wants the result, before the first step.
    Abandoned,
}

/// What a run that stopped found. Vectors are in the fixed order of the coefficients, in data units.
#[derive(Clone, Debug, PartialEq)]
pub struct Report {
    /// Why it stopped.
    pub stop_reason: StopReason,
    /// Whether the optimum was reached within the tolerance asked for, and exists.
    pub converged: bool,
    /// The coefficients' names.
    pub names: Vec<String>,
    /// The final coefficients.
    pub coefficients: Vec<f64>,
    /// Where they started.
    pub start: Vec<f64>,
    /// The unpenalized loss.
    pub loss: f64,
    /// The loss plus the penalty.
    pub objective: f64,
    /// The Euclidean norm of the objective's gradient.
    pub gradient_norm: f64,
    /// Updates of the parameters.
    pub iterations: u64,
    /// The fixed step that was taken, also where it was chosen automatically.
    pub learning_rate: Option<f64>,
    /// The scale of a robust loss, where it was chosen automatically.
    pub loss_scale: Option<f64>,
    /// The levels of each column of categories among the features.
    pub levels: Vec<(String, Vec<String>)>,
    /// The classes, for a model that predicts one of them.
    pub classes: Vec<Label>,
    /// The exact optimum, for quadratic objectives.
    pub optimum: Option<Optimum>,
    /// 2-norm condition number of the design, shifted (with an intercept) and scaled to unit columns.
    pub condition_number: Option<f64>,
    /// How well the model describes the data.
    pub metrics: Metrics,
    /// How well it describes the rows that judge it.
    pub validation: Option<ValidationReport>,
    /// The formula of a curve.
    pub formula: Option<String>,
    /// Which coefficients are not estimated: fixed, or tied to others.
    pub fixed: Vec<bool>,
    /// Ends of profile-likelihood intervals by coefficient, where they were asked for; an end that the data does not give
    /// is absent.
    pub profile: Vec<Option<[Option<f64>; 2]>>,
    /// The distinct minima that several starts led to, the best first.
    pub minima: Vec<Minimum>,
    /// What each row does to the fit.
    pub diagnostics: Option<Diagnostics>,
    /// Errors of the estimates, where they mean something.
    pub inference: Option<Inference>,
    /// What the reader should know.
    pub warnings: Vec<Warning>,
    /// For predictions.
    pub predictor: Predictor,
}

/// The exact optimum of a quadratic objective.
#[derive(Clone, Debug, PartialEq)]
pub struct Optimum {
    /// The unpenalized loss there.
    pub loss: f64,
    /// The run's objective less the optimum's, never negative.
    pub gap: f64,
    /// The coefficients there.
    pub coefficients: Vec<f64>,
}

/// A class that a model predicts: a number or a text, as the data has it.
#[derive(Clone, Debug, PartialEq)]
pub enum Label {
    /// A number.
    Number(f64),
    /// A level of a column of categories.
    Text(String),
}

impl std::fmt::Display for Label {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Number(number) => number.fmt(f),
            Self::Text(text) => f.write_str(text),
        }
    }
}

/// Goodness of fit. What has no value is absent.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Metrics {
    /// 1 − RSS/TSS; uncentred without an intercept.
    pub r_squared: Option<f64>,
    /// 1 − (1 − R²)·(n − 1)/df; n/df without an intercept.
    pub adjusted_r_squared: Option<f64>,
    /// 1 − deviance/deviance of the constant model.
    pub explained_deviance: Option<f64>,
    /// Twice the log-likelihood lost against a model that fits every row.
    pub deviance: Option<f64>,
    /// Root of the mean squared error.
    pub rmse: Option<f64>,
    /// Mean absolute error.
    pub mae: Option<f64>,
    /// Median absolute error, weights left out.
    pub median_absolute_error: Option<f64>,
    /// Part of the rows (by weight) whose likeliest class is theirs.
    pub accuracy: Option<f64>,
    /// Mean −ln p of the rows' own classes, class weights left out.
    pub log_loss: Option<f64>,
    /// Area under the receiver operating characteristic; two classes.
    pub auc: Option<f64>,
    /// Rows of a class (by weight) by what was predicted for them, in the order of the classes.
    pub confusion_matrix: Option<Vec<Vec<f64>>>,
    /// ln L at the coefficients.
    pub log_likelihood: Option<f64>,
    /// Akaike's criterion, −2 ln L + 2p.
    pub aic: Option<f64>,
    /// Akaike's criterion for few rows: AIC + 2p(p + 1)/(n − p − 1).
    pub aicc: Option<f64>,
    /// Schwarz's criterion, −2 ln L + p ln n.
    pub bic: Option<f64>,
    /// √(RSS/df); for gamma errors √ of Pearson's χ²/df.
    pub residual_standard_deviation: Option<f64>,
    /// Observations less rank; on validation rows the observations.
    pub degrees_of_freedom: f64,
}

/// How a fit does on rows that took no part in it.
#[derive(Clone, Debug, PartialEq)]
pub struct ValidationReport {
    /// How many rows judged, all folds together.
    pub rows: u64,
    /// The unpenalized loss there; the mean over folds, by weight.
    pub loss: f64,
    /// The standard deviation of the folds' losses.
    pub loss_standard_deviation: Option<f64>,
    /// The iteration whose coefficients are reported, where the best was restored.
    pub best_iteration: Option<u64>,
    /// On all rows that judged; each row is predicted by the fit without it.
    pub metrics: Metrics,
    /// The loss of each fold.
    pub folds: Vec<f64>,
}

/// A local minimum.
#[derive(Clone, Debug, PartialEq)]
pub struct Minimum {
    /// The objective there.
    pub objective: f64,
    /// The unpenalized loss there.
    pub loss: f64,
    /// The coefficients there.
    pub coefficients: Vec<f64>,
    /// How many starts led there.
    pub starts: u64,
    /// Whether the descents that led there had converged.
    pub converged: bool,
}

/// What each row does to the fit.
#[derive(Clone, Debug, PartialEq)]
pub struct Diagnostics {
    /// hᵢᵢ: how much of a row's prediction is its own.
    pub leverage: Vec<f64>,
    /// How far the coefficients move without the row (Cook 1977), by their covariance.
    pub cooks_distance: Vec<f64>,
}

/// Errors of the estimates.
#[derive(Clone, Debug, PartialEq)]
pub struct Inference {
    /// What t and the intervals are taken from: `t` (Student's) or `normal`.
    pub distribution: &'static str,
    /// Degrees of freedom of Student's t.
    pub degrees_of_freedom: Option<f64>,
    /// Standard errors.
    pub standard_errors: Vec<f64>,
    /// Confidence intervals at the level asked for.
    pub intervals: Vec<[f64; 2]>,
    /// Estimate over standard error; absent where the standard error is 0.
    pub t: Vec<Option<f64>>,
    /// Two-sided p-values; absent where t is.
    pub p: Vec<Option<f64>>,
    /// The covariance matrix; absent above [`super::COVARIANCE_MAX`] coefficients.
    pub covariance: Option<Vec<Vec<f64>>>,
}

/// Something that the reader of a result should know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Warning {
    /// A stable slug such as `rank_deficient`.
    pub code: &'static str,
    /// For a person.
    pub detail: String,
}

/// A descent that ran away: loss > 10⁶ · max(initial loss, mean y²), or a value that is not finite.
#[derive(Clone, Debug, PartialEq)]
pub struct Divergence {
    /// The iteration that ran away.
    pub iteration: u64,
    /// The coefficients' names.
    pub names: Vec<String>,
    /// The last finite iterate.
    pub coefficients: Vec<f64>,
    /// The loss there, where it is finite.
    pub loss: Option<f64>,
    /// The largest fixed step for which the method is stable.
    pub max_stable_learning_rate: Option<f64>,
    /// The row without a finite value where it ran away, where one is.
    pub row: Option<u64>,
    /// What to ask for instead.
    pub suggestion: Option<Suggestion>,
    /// For a person.
    pub detail: String,
}

/// What to ask for instead.
#[derive(Clone, Debug, PartialEq)]
pub struct Suggestion {
    /// The optimizer.
    pub optimizer: Choice,
    /// Iterations that are enough with it.
    pub max_iterations: Option<u64>,
    /// A gradient tolerance, where the specification had switched that rule off.
    pub gradient_tolerance: Option<f64>,
}

/// What predictions need beside the data.
#[derive(Clone, Debug, PartialEq)]
pub struct Predictor {
    /// The working basis.
    pub basis: Vec<(String, Vec<f64>)>,
    /// Coefficients in the working basis.
    pub coefficients: Vec<f64>,
    /// The levels of each column of categories among the features.
    pub levels: Vec<(String, Vec<String>)>,
    /// The classes, for a model that predicts one of them.
    pub classes: Vec<Label>,
    /// For intervals, where they mean something.
    pub band: Option<Band>,
}

/// The covariance of the working coefficients is `s² F Fᵀ`.
#[derive(Clone, Debug, PartialEq)]
pub struct Band {
    /// F, by rows; as many rows as there are coefficients.
    pub factor: Vec<f64>,
    /// s.
    pub residual_standard_deviation: f64,
    /// Degrees of freedom of s; infinite where the intervals are normal.
    pub degrees_of_freedom: f64,
}
