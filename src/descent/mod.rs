//! The numerical core: `run(problem, spec, observer) -> Outcome`. It knows no async, no I/O, no clock, no HTTP and no
//! serialization; randomness comes in as a seed.

mod landscape;
mod memory;
mod plan;
mod run;

mod point;

mod aside;
mod problem;
mod restarts;
mod seeking;
mod told;
mod validation;

mod models;

mod curves;
mod formula;

mod nonlinear;

mod losses;

mod objective;

mod optimizers;

mod design;
mod predict;
mod report;
mod start;

mod boxed;
mod cholesky;
mod double;
mod elementary;
mod lanes;
mod matrix;
mod same;
mod sorting;
mod student;
mod tree;
mod triangle;
mod vertex;

mod dataset;
mod observer;
mod outcome;
mod registry;
mod spec;

#[cfg(test)]
mod properties;

pub use dataset::{Column, Dataset, DatasetError};
pub use landscape::{Landscape, predictor_at, target_values, training_rows};
pub use lanes::{Lanes, SimdPath};
pub use observer::{Checkpoint, Control, Observer, Step};
pub use outcome::{
    Band, Diagnostics, Divergence, Inference, Label, Metrics, Minimum, Optimum, Outcome, Predictor, Report, StopReason,
    Suggestion, ValidationReport, Warning,
};
pub use plan::{
    Estimate, catalogue, check, coefficient_names, columns_of, estimate, iterations_per_epoch, losses_of, resolve,
};
pub use predict::{Predictions, predict};
pub use registry::{Bound, Choice, Descriptor, Domain, Fallback, Param, Parameter, Section, Value};
pub use run::{Representation, run_with};
pub use spec::{
    Covariance, Penalty, Range, Restarts, Spec, SpecError, Split, Spread, Start, Stop, Validation, WeightKind, Weights,
};

pub use student::normal_quantile;

/// Changes whenever the same input could give other bits; checkpoints of another version are not resumed from.
pub const NUMERICS_VERSION: u64 = 3;

/// Parameters of a curve, at most.
pub const PARAMETERS_MAX: usize = 256;

/// Coefficients up to which a covariance matrix is part of the report.
pub const COVARIANCE_MAX: usize = 256;

/// Fits of one request (folds, restarts) that run at the same time, at most: each holds memory of its own.
const SIDE_BY_SIDE: usize = 4;

/// Rows up to which leverage and Cook's distance are given.
pub const DIAGNOSTICS_MAX: usize = 100_000;

/// Runs `task(0)` … `task(count − 1)`, each once, in any order and on any number of threads, and returns when all are
/// done. Results must not depend on the order: callers write each task's result to its own place.
pub trait Team: Sync {
    /// See the trait.
    fn each(&self, count: usize, task: &(dyn Fn(usize) + Sync));

    /// Whether nobody wants the result any more. Asked in every loop that may take long; a run whose team says so before
    /// the first step ends as [`Outcome::Abandoned`], and later as the observer says.
    fn abandoned(&self) -> bool {
        false
    }

    /// Whether the time that the fit may take is over. Asked wherever [`Team::abandoned`] is; what has been found until
    /// then counts.
    fn expired(&self) -> bool {
        false
    }

    /// Whether to leave what takes long, for one reason or the other.
    fn gives_up(&self) -> bool {
        self.abandoned() || self.expired()
    }

    /// Whether anyone has been told to give up: only then may something that was computed be a part of itself. Kept by the
    /// core's own teams.
    fn was_told(&self) -> bool {
        false
    }
}

/// Asked again and again by what takes long: whether it is wanted no more. What ends early returns something of the right
/// shape that means nothing; whoever began it asks the team [`Team::was_told`] before believing it.
type GivenUp<'a> = &'a dyn Fn() -> bool;

/// A team of the calling thread alone.
#[derive(Clone, Copy, Debug)]
pub struct Alone;

impl Team for Alone {
    fn each(&self, count: usize, task: &(dyn Fn(usize) + Sync)) {
        (0..count).for_each(task);
    }
}

/// Fits. `spec` is resolved and checked. `resume` goes on from a checkpoint of the same spec and data.
///
/// The same data, spec and seed give the same bits on any team, on any path of [`Lanes`], and after a resume.
pub fn run(
    data: &Dataset,
    spec: &Spec,
    team: &dyn Team,
    resume: Option<&Checkpoint>,
    observer: &mut dyn Observer,
) -> Outcome {
    run_with(data, spec, team, (Lanes::chosen(), Representation::Compressed), resume, observer)
}
