//! What a fit says of itself when its thread is wanted back: what is known without a pass over the rows. How much more a fit
//! says that was cancelled or whose time is over depends on what it would cost, not on the clock.

use super::{Ended, counted, observations_of, tell_rows_dropped, warn};
use crate::descent::aside::Patient;
use crate::descent::design::Design;
use crate::descent::losses::{self, About, Shape};
use crate::descent::models;
use crate::descent::objective::Chart;
use crate::descent::observer::{Checkpoint, Control, Observer};
use crate::descent::outcome::{
    Metrics, Minimum, Optimum, Outcome, Predictor, Report, StopReason, ValidationReport, Warning,
};
use crate::descent::point::norm;
use crate::descent::problem::{Problem, spread_of};
use crate::descent::spec::{Covariance, Spec, Start};
use crate::descent::told::{Told, Unhurried};
use crate::descent::{Dataset, Lanes, Team};

/// Operations up to which a cancelled fit tells everything: a hundredth of a second.
const CANCELLED_MAX: f64 = 1e7;
/// The same for a fit whose time is over: a tenth of a second.
const LATE_MAX: f64 = 1e8;

/// About how many operations a whole report takes.
pub(in crate::descent) fn work(rows: f64, width: f64, outputs: f64) -> f64 {
    let all = width * outputs;
    rows * (3.0 * all).mul_add(all, 30.0 * (all + outputs)) + 100.0 * all * all * all
}

/// The team that a whole report is made with; nothing where it would take too long for a fit that ended for this reason.
pub(in crate::descent) fn patience<'a>(
    reason: StopReason,
    work: f64,
    team: &'a dyn Team,
) -> Option<Box<dyn Team + 'a>> {
    match reason {
        StopReason::Interrupted => None,
        StopReason::Cancelled => (work <= CANCELLED_MAX).then(|| Box::new(Patient(team)) as Box<dyn Team + 'a>),
        StopReason::MaxSeconds => (work <= LATE_MAX).then(|| Box::new(Unhurried(team)) as Box<dyn Team + 'a>),
        _ => Some(Box::new(Told::new(team))),
    }
}

/// Why a fit that is told in brief ended: if it was called off while its report was made, for that reason.
pub(in crate::descent) fn reason(
    reason: StopReason,
    checkpoint: Option<&Checkpoint>,
    team: &dyn Team,
    observer: &mut dyn Observer,
) -> StopReason {
    if matches!(reason, StopReason::Cancelled | StopReason::Interrupted) || !team.abandoned() {
        return reason;
    }
    let control = match checkpoint {
        Some(checkpoint) => observer.standing(&|| checkpoint.clone()),
        None => observer.pulse(),
    };
    if let Control::Stop(reason) = control { reason } else { StopReason::Interrupted }
}

/// That the report is a brief one, if the reader would miss something.
pub(in crate::descent) fn tell(reason: StopReason, spec: &Spec, warnings: &mut Vec<Warning>) {
    match reason {
        StopReason::Cancelled | StopReason::Interrupted => {}
        _ if reason.converged() => {
            let detail =
                "the time ran out before metrics and errors of the estimates were computed, which are left out";
            warn(warnings, "report_shortened", detail.to_owned());
        }
        _ => {
            let detail = "metrics would take longer than the time allows and are left out";
            warn(warnings, "report_shortened", detail.to_owned());
        }
    }
    if !reason.converged() && spec.covariance != Covariance::None {
        super::not_converged(reason, warnings);
    }
}

/// What the rows that judge were last seen to say.
pub(in crate::descent) fn observed(
    loss: Option<f64>,
    rows: usize,
    best_iteration: Option<u64>,
) -> Option<ValidationReport> {
    loss.filter(|loss| loss.is_finite()).map(|loss| ValidationReport {
        rows: rows as u64,
        loss,
        loss_standard_deviation: None,
        best_iteration,
        metrics: Metrics::default(),
        folds: Vec::new(),
    })
}

/// What needs no work of its own, for whole and for brief reports.
pub(super) fn known(spec: &Spec, data: &Dataset, problem: &Problem, ended: &Ended<'_>, internal: &[f64]) -> Report {
    let (step, basis) = (ended.step, problem.design.basis.as_ref());
    Report {
        coefficients: models::to_fixed_order(basis, internal),
        start: ended.start.clone(),
        loss: step.loss(),
        objective: step.objective(),
        gradient_norm: step.gradient_norm(),
        iterations: step.iteration(),
        learning_rate: ended.learning_rate,
        loss_scale: problem.loss.scale(),
        minima: ended.minima.clone(),
        ..blank(spec, data, &problem.design, ended.reason)
    }
}

/// Predictions with these working coefficients.
pub(super) fn predictor(spec: &Spec, data: &Dataset, problem: &Problem, working: Vec<f64>) -> Predictor {
    predictor_of(spec, data, &problem.design, working)
}

/// The same of a design alone.
pub(in crate::descent) fn predictor_of(spec: &Spec, data: &Dataset, design: &Design, working: Vec<f64>) -> Predictor {
    let mut vectors = design.basis.vectors();
    vectors.push(("target_shift".to_owned(), vec![design.target_shift]));
    let (levels, classes) = (super::levels(spec, data), design.classes.clone());
    Predictor { basis: vectors, coefficients: working, levels, classes, band: None }
}

/// A report of a fit of which nothing is known.
fn blank(spec: &Spec, data: &Dataset, design: &Design, reason: StopReason) -> Report {
    Report {
        stop_reason: reason,
        converged: false,
        names: crate::descent::coefficient_names(&spec.model, data).unwrap_or_default(),
        coefficients: Vec::new(),
        start: Vec::new(),
        loss: 0.0,
        objective: 0.0,
        gradient_norm: 0.0,
        iterations: 0,
        learning_rate: None,
        loss_scale: None,
        levels: super::levels(spec, data),
        classes: design.classes.clone(),
        optimum: None,
        condition_number: None,
        metrics: Metrics::default(),
        validation: None,
        formula: None,
        fixed: vec![false; design.width()],
        profile: Vec::new(),
        minima: Vec::<Minimum>::new(),
        diagnostics: None,
        inference: None,
        warnings: Vec::new(),
        predictor: predictor_of(spec, data, design, Vec::new()),
    }
}

/// The report of a fit to a linear model that was ended from outside.
pub(super) fn brief(spec: &Spec, data: &Dataset, problem: &Problem, ended: &Ended<'_>, reason: StopReason) -> Report {
    let (design, quadratic) = (&problem.design, &problem.quadratic);
    let (internal, working) = (problem.internal(ended.at), problem.working(ended.at));
    let counted = counted(spec, problem);
    let mut warnings = Vec::new();
    tell_rows_dropped(data, &mut warnings);
    super::conditioning(problem, None, internal.len(), &mut warnings);
    tell(reason, spec, &mut warnings);
    let known_optimum = problem.is_quadratic() && spec.penalty.l2 == 0.0;
    let judge = ended.judge.map_or(0, |judge| judge.design.rows());
    Report {
        stop_reason: reason,
        // Of other losses the rule alone does not prove an optimum: see the whole report.
        converged: reason.converged() && problem.shape == Shape::Quadratic,
        optimum: known_optimum.then(|| Optimum {
            loss: quadratic.least(),
            gap: (ended.step.objective() - quadratic.least()).max(0.0),
            coefficients: models::to_fixed_order(design.basis.as_ref(), &quadratic.optimum_in_data(design)),
        }),
        metrics: Metrics { degrees_of_freedom: counted.freedom.max(0.0), ..Metrics::default() },
        validation: observed(ended.step.validation_loss(), judge, ended.best_iteration),
        warnings,
        predictor: predictor(spec, data, problem, working),
        ..known(spec, data, problem, ended, &internal)
    }
}

/// The end of a fit whose time was over before it was ready to descend: where it would have started, as far as that is
/// known by then. A start drawn at random is not.
pub(in crate::descent) fn unready(spec: &Spec, data: &Dataset, lanes: Lanes, team: &dyn Team) -> Outcome {
    let told = Told::new(team);
    let nothing = Outcome::NonFinite { row: None };
    if told.abandoned() {
        return Outcome::Abandoned;
    }
    let Some(kind) = losses::kind(&spec.loss) else { return nothing };
    let Ok(design) = Design::new(&spec.model, spec.weights.as_ref(), data, lanes, &told) else { return nothing };
    let basis = design.basis.as_ref();
    let class_sums = design.class_sums();
    let spread = || spread_of(design.target().iter().map(|y| (y - design.target_shift).abs()).collect(), 0.0);
    let needs_spread = kind.scale_factor().is_some() && spec.loss.number("delta").is_none();
    let about = About {
        classes: &design.classes,
        class_sums: &class_sums,
        outputs: design.outputs(),
        spread: if needs_spread { spread() } else { 1.0 },
        of_mean: false,
    };
    let loss = kind.build(&spec.loss, &about);
    let names = crate::descent::coefficient_names(&spec.model, data).unwrap_or_default();
    let start: Vec<f64> = names.iter().map(|name| given(spec, name)).collect();
    let internal = models::to_internal_order(basis, &start);
    let working = Chart::Data.to_working(basis, design.target_shift, lanes, &internal);
    let sums = design.stream(loss.as_ref(), &working, &told);
    if told.was_told() {
        return Outcome::Abandoned;
    }
    let gradient: Vec<f64> =
        Chart::Data.pull(basis, lanes, &sums.gradient).iter().map(|slope| slope / design.weight_sum).collect();
    let value = sums.loss / design.weight_sum;
    if !value.is_finite() {
        return Outcome::NonFinite { row: design.first_overflowing_row(&working, &told) };
    }
    let reason = StopReason::MaxSeconds;
    let mut warnings = Vec::new();
    tell_rows_dropped(data, &mut warnings);
    tell(reason, spec, &mut warnings);
    let freedom = observations_of(spec.weights.as_ref().map(|weights| weights.kind), &design) - design.width() as f64;
    Outcome::Stopped(Box::new(Report {
        coefficients: start.clone(),
        start,
        loss: value,
        objective: value,
        gradient_norm: norm(lanes, &gradient),
        loss_scale: loss.scale(),
        metrics: Metrics { degrees_of_freedom: freedom.max(0.0), ..Metrics::default() },
        warnings,
        predictor: predictor_of(spec, data, &design, working),
        ..blank(spec, data, &design, reason)
    }))
}

/// Where a coefficient starts, within its range.
fn given(spec: &Spec, name: &str) -> f64 {
    let value = match &spec.start {
        Start::At(values) => values.iter().find(|(other, _)| other == name).map_or(0.0, |(_, value)| *value),
        _ => 0.0,
    };
    let range = spec.bounds.iter().find(|range| range.name == name);
    range.map_or(value, |range| value.max(range.min).min(range.max))
}
