//! The seam to the numerical core: what the jobs ask of it, so that they can be tested whole with a scripted core.

use crate::descent::{
    self, Checkpoint, Choice, Dataset, Estimate, Observer, Outcome, Predictions, Predictor, Spec, SpecError, Team,
};

/// What computes. The methods mean what the functions of the same names in [`descent`] mean.
pub(super) trait Engine: Send + Sync + 'static {
    fn coefficient_names(&self, model: &Choice, data: &Dataset) -> Result<Vec<String>, SpecError>;
    fn resolve(&self, spec: Spec) -> Spec;
    fn estimate(&self, spec: &Spec, data: &Dataset, threads: usize) -> Estimate;
    fn check(&self, spec: &Spec, data: &Dataset) -> Vec<SpecError>;
    fn iterations_per_epoch(&self, spec: &Spec, rows: u64) -> Option<u64>;
    fn run(
        &self,
        data: &Dataset,
        spec: &Spec,
        team: &dyn Team,
        resume: Option<&Checkpoint>,
        observer: &mut dyn Observer,
    ) -> Outcome;
    fn predict(
        &self,
        model: &Choice,
        predictor: &Predictor,
        data: &Dataset,
        level: Option<f64>,
    ) -> Result<Predictions, SpecError>;
}

/// The real core.
pub(super) struct Descent;

impl Engine for Descent {
    fn coefficient_names(&self, model: &Choice, data: &Dataset) -> Result<Vec<String>, SpecError> {
        descent::coefficient_names(model, data)
    }

    fn resolve(&self, spec: Spec) -> Spec {
        descent::resolve(spec)
    }

    fn estimate(&self, spec: &Spec, data: &Dataset, threads: usize) -> Estimate {
        descent::estimate(spec, data, threads)
    }

    fn check(&self, spec: &Spec, data: &Dataset) -> Vec<SpecError> {
        descent::check(spec, data)
    }

    fn iterations_per_epoch(&self, spec: &Spec, rows: u64) -> Option<u64> {
        descent::iterations_per_epoch(spec, rows)
    }

    fn run(
        &self,
        data: &Dataset,
        spec: &Spec,
        team: &dyn Team,
        resume: Option<&Checkpoint>,
        observer: &mut dyn Observer,
    ) -> Outcome {
        descent::run(data, spec, team, resume, observer)
    }

    fn predict(
        &self,
        model: &Choice,
        predictor: &Predictor,
        data: &Dataset,
        level: Option<f64>,
    ) -> Result<Predictions, SpecError> {
        descent::predict(model, predictor, data, level)
    }
}
