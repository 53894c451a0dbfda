//! For tests: a core that does what a script says, and small values to feed the jobs with.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use super::engine::Engine;
use super::{Draft, JobSettings};
use crate::descent::{
    Checkpoint, Choice, Control, Dataset, Estimate, Metrics, NUMERICS_VERSION, Observer, Outcome, Predictions,
    Predictor, Report, Spec, SpecError, Step, StopReason, Team,
};
use crate::fit::{
    self, Covariance, DatasetId, DatasetInfo, FitId, FitRecord, HistoryShape, HistorySpec, Intervals, Penalty,
    PenaltyOn, Progress, Start, Status, Stop, Tenant,
};
use crate::store::Claim;

type MemoryScript = dyn Fn(&Spec) -> u64 + Send + Sync;
type RunScript = dyn Fn(&Spec, Option<&Checkpoint>, &mut dyn Observer) -> Outcome + Send + Sync;

/// A core by script. Its models need a column `x`, and it descends to `max_iterations` unless told otherwise.
#[derive(Default)]
pub(super) struct Script {
    pub(super) memory_bytes: u64,
    /// What a fit needs, where that is not the same for all.
    pub(super) memory: Option<Box<MemoryScript>>,
    pub(super) faults: Vec<SpecError>,
    pub(super) run: Option<Box<RunScript>>,
}

impl Script {
    pub(super) fn running(
        run: impl Fn(&Spec, Option<&Checkpoint>, &mut dyn Observer) -> Outcome + Send + Sync + 'static,
    ) -> Arc<Self> {
        Arc::new(Self { run: Some(Box::new(run)), ..Self::default() })
    }
}

impl Engine for Script {
    fn coefficient_names(&self, _: &Choice, data: &Dataset) -> Result<Vec<String>, SpecError> {
        if data.names().iter().any(|name| name == "x") {
            return Ok(vec!["x".to_owned(), "intercept".to_owned()]);
        }
        let detail = "there is no column x".to_owned();
        Err(SpecError { field: "model/features/0".to_owned(), code: "unknown_column", detail, limit: Some((1, 2)) })
    }

    fn resolve(&self, spec: Spec) -> Spec {
        spec
    }

    fn estimate(&self, spec: &Spec, _: &Dataset, _: usize) -> Estimate {
        let memory_bytes = self.memory.as_ref().map_or(self.memory_bytes, |memory| memory(spec));
        Estimate { memory_bytes, operations: 1.0, coefficients: 2 }
    }

    fn check(&self, _: &Spec, _: &Dataset) -> Vec<SpecError> {
        self.faults.clone()
    }

    fn iterations_per_epoch(&self, _: &Spec, _: u64) -> Option<u64> {
        None
    }

    fn run(
        &self,
        _: &Dataset,
        spec: &Spec,
        _: &dyn Team,
        resume: Option<&Checkpoint>,
        observer: &mut dyn Observer,
    ) -> Outcome {
        match &self.run {
            Some(run) => run(spec, resume, observer),
            None => descend(0, spec.stop.max_iterations, observer),
        }
    }

    fn predict(
        &self,
        _: &Choice,
        predictor: &Predictor,
        data: &Dataset,
        level: Option<f64>,
    ) -> Result<Predictions, SpecError> {
        let Some(x) = data.column("x") else {
            let field = "model/features/0".to_owned();
            return Err(SpecError { field, code: "unknown_column", detail: String::new(), limit: None });
        };
        let predictions: Vec<_> = x.iter().map(|x| x * predictor.coefficients[0]).collect();
        let confidence = level.map(|level| (vec![-level; x.len()], vec![level; x.len()]));
        Ok(Predictions { predictions, confidence, ..Predictions::default() })
    }
}

/// A step whose every value follows from its iteration, but for the validation loss.
pub(super) struct At(u64, Option<f64>);

impl At {
    pub(super) fn iteration(iteration: u64) -> Self {
        Self(iteration, None)
    }

    pub(super) fn judged(iteration: u64, validation_loss: f64) -> Self {
        Self(iteration, Some(validation_loss))
    }
}

/// A history of so many coefficients.
pub(super) fn wide(coefficients: usize) -> HistoryShape {
    let names = (0..coefficients).map(|at| format!("c{at}")).collect();
    HistoryShape { coefficients: names, ..HistoryShape::default() }
}

impl Step for At {
    fn iteration(&self) -> u64 {
        self.0
    }

    fn loss(&self) -> f64 {
        1.0 / (1.0 + self.0 as f64)
    }

    fn objective(&self) -> f64 {
        self.loss()
    }

    fn gradient_norm(&self) -> f64 {
        self.loss() / 2.0
    }

    fn validation_loss(&self) -> Option<f64> {
        self.1
    }

    fn coefficients(&self) -> Vec<f64> {
        vec![self.0 as f64, -(self.0 as f64)]
    }

    fn checkpoint(&self) -> Checkpoint {
        Checkpoint {
            numerics_version: NUMERICS_VERSION,
            iteration: self.0,
            floats: vec![("theta".to_owned(), self.coefficients())],
            integers: Vec::new(),
        }
    }
}

/// Steps from one iteration to another, both observed, or as far as the observer lets it.
pub(super) fn descend(from: u64, to: u64, observer: &mut dyn Observer) -> Outcome {
    for iteration in from..=to {
        if let Control::Stop(reason) = observer.observe(&At::iteration(iteration)) {
            return Outcome::Stopped(Box::new(report(reason, iteration)));
        }
    }
    Outcome::Stopped(Box::new(report(StopReason::MaxIterations, to)))
}

/// The same with so much computing at each step.
pub(super) fn descend_paced(from: u64, to: u64, observer: &mut dyn Observer, pace: Duration) -> Outcome {
    for iteration in from..=to {
        let begun = std::time::Instant::now();
        while begun.elapsed() < pace {
            std::hint::spin_loop();
        }
        if let Control::Stop(reason) = observer.observe(&At::iteration(iteration)) {
            return Outcome::Stopped(Box::new(report(reason, iteration)));
        }
    }
    Outcome::Stopped(Box::new(report(StopReason::MaxIterations, to)))
}

pub(super) fn report(stop_reason: StopReason, iterations: u64) -> Report {
    let step = At::iteration(iterations);
    Report {
        formula: None,
        fixed: vec![false; 2],
        profile: Vec::new(),
        learning_rate: None,
        stop_reason,
        converged: stop_reason.converged(),
        loss_scale: None,
        levels: Vec::new(),
        classes: Vec::new(),
        validation: None,
        minima: Vec::new(),
        diagnostics: None,
        names: vec!["x".to_owned(), "intercept".to_owned()],
        coefficients: step.coefficients(),
        start: vec![0.0, 0.0],
        loss: step.loss(),
        objective: step.objective(),
        gradient_norm: step.gradient_norm(),
        iterations,
        optimum: None,
        condition_number: None,
        metrics: Metrics { degrees_of_freedom: 1.0, ..Metrics::default() },
        inference: None,
        warnings: Vec::new(),
        predictor: Predictor {
            basis: Vec::new(),
            coefficients: step.coefficients(),
            levels: Vec::new(),
            classes: Vec::new(),
            band: None,
        },
    }
}

/// A draft of a fit of so many iterations.
pub(super) fn draft(max_iterations: u64) -> Draft {
    let choice = |kind: &str| fit::Choice { kind: kind.to_owned(), settings: Default::default() };
    let columns = vec![("x".to_owned(), vec![0.0, 1.0, 2.0]), ("y".to_owned(), vec![1.0, 2.0, 3.0])];
    Draft {
        tenant: Tenant::default(),
        spec: fit::Spec {
            model: choice("linear"),
            loss: choice("squared"),
            penalty: Penalty { l2: 0.0, l1: 0.0, on: PenaltyOn::Data },
            optimizer: choice("gradient_descent"),
            scaling: choice("none"),
            start: Start::Zeros,
            stop: Stop { max_iterations, gradient_tolerance: 0.0, loss_tolerance: 0.0, max_seconds: 600.0 },
            weights: None,
            seed: 1,
            covariance: Covariance::None,
            confidence: 0.95,
            history: HistorySpec { coefficients: false },
            bounds: Default::default(),
            restarts: None,
            validation: None,
            diagnostics: false,
            intervals: Intervals::Wald,
            missing: Default::default(),
        },
        labels: Default::default(),
        data: Arc::new(Dataset::new(columns).unwrap()),
        idempotency: None,
    }
}

pub(super) fn progress(iteration: u64) -> Progress {
    Progress {
        iteration,
        max_iterations: 1_000,
        loss: Some(1.0),
        gradient_norm: None,
        validation_loss: None,
        elapsed_seconds: iteration as f64 / 10.0,
    }
}

/// A claim of a fit in this attempt.
pub(super) fn claim(attempt: u32) -> Claim {
    let draft = draft(1);
    let info = DatasetInfo {
        id: DatasetId::new(),
        rows: 3,
        columns: draft.data.names().to_vec(),
        levels: Default::default(),
        sha256: String::new(),
    };
    let now = Timestamp::now();
    Claim {
        record: FitRecord {
            id: FitId::new(),
            tenant: draft.tenant,
            version: 1,
            status: Status::Running,
            attempt,
            created_at: now,
            started_at: Some(now),
            finished_at: None,
            labels: Arc::default(),
            spec: Arc::new(draft.spec),
            dataset: Arc::new(info),
            shape: Arc::default(),
            progress: None,
            outcome: None,
            cancel_requested: false,
        },
        dataset: draft.data,
        checkpoint: None,
        memory_bytes: 0,
        lease_until: now,
    }
}

/// Settings under which nothing but what a test asks for happens by time.
pub(super) fn settings(workers: usize) -> JobSettings {
    JobSettings {
        workers,
        queue_max: 100,
        quota: 100,
        weights: Arc::default(),
        memory_bytes_max: 1 << 30,
        history_points_max: 1_000_000,
        attempts_max: 3,
        lease: Duration::from_secs(3_600),
        heartbeat: Duration::from_secs(3_600),
        progress_interval: Duration::from_secs(3_600),
        stuck_after: Duration::from_secs(3_600),
        retention: None,
        store_bytes_max: None,
    }
}
