//! The numerical core: `run(problem, spec, observer) -> Outcome`. It knows no async, no I/O, no clock, no HTTP and no
//! serialization; randomness comes in as a seed.

mod dataset;
mod observer;
mod outcome;
mod registry;
mod spec;

pub use dataset::{Dataset, DatasetError};
pub use observer::{Checkpoint, Control, Observer, Step};
pub use outcome::{
    Band, Divergence, Inference, Metrics, Optimum, Outcome, Predictor, Report, StopReason, Suggestion, Warning,
};
pub use registry::{Bound, Choice, Descriptor, Domain, Fallback, Param, Section, Value};
pub use spec::{Penalty, Spec, SpecError, Start, Stop, WeightKind, Weights};

/// Changes whenever the same input could give other bits; checkpoints of another version are not resumed from.
pub const NUMERICS_VERSION: u64 = 1;

/// Coefficients up to which a covariance matrix is part of the report.
pub const COVARIANCE_MAX: usize = 256;

/// Runs `task(0)` … `task(count − 1)`, each once, in any order and on any number of threads, and returns when all are
/// done. Results must not depend on the order: callers write each task's result to its own place.
pub trait Team: Sync {
    /// See the trait.
    fn each(&self, count: usize, task: &(dyn Fn(usize) + Sync));
}

/// A team of the calling thread alone.
#[derive(Clone, Copy, Debug)]
pub struct Alone;

impl Team for Alone {
    fn each(&self, count: usize, task: &(dyn Fn(usize) + Sync)) {
        (0..count).for_each(task);
    }
}

/// What a fit will need.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Estimate {
    /// Bytes of memory at the peak, the data included.
    pub memory_bytes: u64,
    /// Floating-point operations, all iterations included.
    pub operations: f64,
    /// The number of coefficients.
    pub coefficients: u64,
}

/// All registries.
pub fn catalogue() -> Vec<Section> {
    unimplemented!()
}

/// The names of the coefficients in the fixed order, or what is wrong with the model for data with these columns.
/// Needs no data, allocates no more than the names.
pub fn coefficient_names(_model: &Choice, _columns: &[String]) -> Result<Vec<String>, SpecError> {
    unimplemented!()
}

/// The same specification with every `auto` replaced by what it means here.
pub fn resolve(_spec: Spec) -> Spec {
    unimplemented!()
}

/// Memory and work of this fit, in checked arithmetic (saturating), without allocating anything.
pub fn estimate(_spec: &Spec, _rows: u64, _columns: u64) -> Estimate {
    unimplemented!()
}

/// Everything that is wrong with this resolved specification for this data (weights negative, all zero, …).
pub fn check(_spec: &Spec, _data: &Dataset) -> Vec<SpecError> {
    unimplemented!()
}

/// Fits. `spec` is resolved and checked. `resume` goes on from a checkpoint of the same spec and data.
pub fn run(
    _data: &Dataset,
    _spec: &Spec,
    _team: &dyn Team,
    _resume: Option<&Checkpoint>,
    _observer: &mut dyn Observer,
) -> Outcome {
    unimplemented!()
}

/// Predictions, and where a level is given and intervals mean something, bands around them.
#[derive(Clone, Debug, PartialEq)]
pub struct Predictions {
    /// One a row.
    pub predictions: Vec<f64>,
    /// For the mean: lower and upper.
    pub confidence: Option<(Vec<f64>, Vec<f64>)>,
    /// For a new observation: lower and upper.
    pub prediction: Option<(Vec<f64>, Vec<f64>)>,
}

/// Predicts for data that has the model's feature columns (others are ignored).
pub fn predict(
    _model: &Choice,
    _predictor: &Predictor,
    _data: &Dataset,
    _level: Option<f64>,
) -> Result<Predictions, SpecError> {
    unimplemented!()
}
