//! What a fit says of itself: distance to the optimum, goodness of fit, errors of the estimates where they mean
//! something, and warnings where they do not.

mod brief;
mod folds;
mod inference;
mod metrics;
mod separation;

use super::losses::Shape;
use super::models::{self, Response, family};
use super::objective::Objective;
use super::observer::{Checkpoint, Observer, Step};
use super::outcome::{Minimum, Optimum, Outcome, Predictor, Report, StopReason, ValidationReport, Warning};
use super::problem::Problem;
use super::spec::{Covariance, Spec, Split, WeightKind};
use super::told::Told;
use super::validation::Judge;
use super::{COVARIANCE_MAX, Dataset, Lanes, Representation, Team};

pub(super) use brief::{observed, patience, predictor_of, reason, tell, unready, work};
pub(super) use inference::{Estimates, estimates};
use metrics::metrics;
pub(super) use metrics::{Counted, criteria, of_predictions};

/// Condition numbers above which more than half of the digits of single coefficients may be lost.
const CONDITION_WARNED: f64 = 1e8;
/// The relative distance of the objective to its optimum that is warned of.
const GAP_WARNED: f64 = 1e-6;

/// A descent that has ended.
pub(super) struct Ended<'a> {
    pub(super) reason: StopReason,
    pub(super) step: &'a dyn Step,
    pub(super) at: &'a [f64],
    pub(super) start: Vec<f64>,
    pub(super) learning_rate: Option<f64>,
    pub(super) judge: Option<&'a Judge<'a>>,
    pub(super) best_iteration: Option<u64>,
    pub(super) minima: Vec<Minimum>,
    /// Where the descent goes on, should the report be interrupted.
    pub(super) checkpoint: Option<Checkpoint>,
}

/// What is told of a run that stopped: everything, unless the thread is wanted back first.
pub(super) fn report(
    spec: &Spec,
    data: &Dataset,
    problem: &Problem,
    team: &dyn Team,
    how: (Lanes, Representation),
    ended: &Ended<'_>,
    observer: &mut dyn Observer,
) -> Outcome {
    let (design, n) = (&problem.design, problem.design.rows() as f64);
    let work = brief::work(n, design.basis.width() as f64, design.outputs() as f64);
    if let Some(team) = brief::patience(ended.reason, work, team)
        && let Some(report) = whole(spec, data, problem, &*team, how, ended)
    {
        return Outcome::Stopped(Box::new(report));
    }
    let reason = brief::reason(ended.reason, ended.checkpoint.as_ref(), team, observer);
    Outcome::Stopped(Box::new(brief::brief(spec, data, problem, ended, reason)))
}

/// Everything about a run that stopped; nothing where the team gives up first.
fn whole(
    spec: &Spec,
    data: &Dataset,
    problem: &Problem,
    team: &dyn Team,
    how: (Lanes, Representation),
    ended: &Ended<'_>,
) -> Option<Report> {
    let Ended { reason, step, .. } = *ended;
    let Problem { design, quadratic, .. } = problem;
    let told = Told::new(team);
    let basis = design.basis.as_ref();
    let (internal, working) = (problem.internal(ended.at), problem.working(ended.at));
    let mut warnings = Vec::new();
    tell_rows_dropped(data, &mut warnings);
    let counted = counted(spec, problem);
    let condition_number = quadratic.condition_number(&|| told.gives_up());
    conditioning(problem, condition_number, internal.len(), &mut warnings);
    let separated = separation::found(problem, spec, &working, &told);
    if separated {
        let detail = "the data lets some coefficients grow without end, as when classes can be separated without error: \
                      there is no optimum; a penalty would give one";
        warn(&mut warnings, "separation", detail.to_owned());
    }
    let gap = gap(problem, ended, &told);
    let far = gap.is_some_and(|gap| gap > GAP_WARNED * step.objective() && gap > noise(problem));
    if reason.converged() && !separated && far {
        let gap = gap.unwrap_or(0.0);
        let detail =
            format!("the stopping rule holds, but the objective is {gap:.3e} above the optimum: the valley is flat");
        warn(&mut warnings, "not_at_optimum", detail);
    }
    let converged = reason.converged() && !separated && !(far && problem.shape != Shape::Quadratic);
    let active = problem.kinks().active(ended.at).len();
    let standing = Standing {
        shape: problem.shape,
        reason,
        converged,
        at_end: (active > 0).then(|| format!("{active} coefficients lie on an end of their range")),
        is_determined: !quadratic.is_rank_deficient(),
        freedom: counted.freedom,
    };
    let estimates = if are_unknown(spec, &standing, &mut warnings) {
        None
    } else {
        told_of(estimates(spec, problem, &counted, &working, &internal, &told), &mut warnings)
    };
    let optimum = problem.is_quadratic().then(|| Optimum {
        loss: optimum_loss(spec, problem, &told),
        gap: gap.unwrap_or(0.0),
        coefficients: models::to_fixed_order(basis, &quadratic.optimum_in_data(design)),
    });
    let metrics = metrics(problem, design, &working, Some(step.loss()), &counted, &told);
    let judged = ended.judge.map(|judge| judged(spec, problem, judge, &working, ended.best_iteration, &told));
    if told.was_told() {
        return None;
    }
    let folds = folds_after(spec, reason);
    let validation = match (judged, folds) {
        (Some(judged), _) => Some(judged),
        (None, Some(folds)) => folds::judged(spec, data, problem, folds, how, &told),
        (None, None) => None,
    };
    // Folds that the time did not suffice for are left out; a fit that nobody waits for is told in brief.
    if team.abandoned() {
        return None;
    }
    let validation = judgement(spec, validation, &mut warnings);
    let (inference, diagnostics, band) = match estimates {
        Some(Estimates { inference, diagnostics, band }) => (Some(inference), diagnostics, band),
        None => (None, None, None),
    };
    Some(Report {
        stop_reason: reason,
        converged,
        optimum,
        condition_number,
        metrics,
        validation,
        diagnostics,
        inference,
        warnings,
        predictor: Predictor { band, ..brief::predictor(spec, data, problem, working) },
        ..brief::known(spec, data, problem, ended, &internal)
    })
}

pub(super) fn warn(warnings: &mut Vec<Warning>, code: &'static str, detail: String) {
    warnings.push(Warning { code, detail });
}

/// The levels of the features that hold categories.
fn levels(spec: &Spec, data: &Dataset) -> Vec<(String, Vec<String>)> {
    let features = family(&spec.model).map(|family| family.features(&spec.model)).unwrap_or_default();
    let levels = features.into_iter().filter_map(|name| {
        let levels = data.levels_of(&name)?.to_vec();
        Some((name, levels))
    });
    levels.collect()
}

/// Observations, coefficients that the data determines, and what is left.
fn counted(spec: &Spec, problem: &Problem) -> Counted {
    let Problem { design, quadratic, .. } = problem;
    let weights = spec.weights.as_ref().map(|weights| weights.kind);
    let observations = observations_of(weights, design);
    // Of the coefficients of all classes only the differences are determined.
    let outputs = if design.response == Response::Softmax { design.outputs().saturating_sub(1) } else { 1 };
    let determined = (quadratic.rank() * outputs) as f64;
    Counted { observations, determined, freedom: observations - determined, weights }
}

/// Rows that count; with frequencies their sum.
pub(super) fn observations_of(weights: Option<WeightKind>, design: &super::design::Design) -> f64 {
    match weights {
        Some(WeightKind::Frequency) => design.weight_sum,
        _ => design.rows_counted as f64,
    }
}

fn conditioning(problem: &Problem, condition_number: Option<f64>, width: usize, warnings: &mut Vec<Warning>) {
    let quadratic = &problem.quadratic;
    if quadratic.is_rank_deficient() {
        let outputs = problem.design.outputs();
        let detail = format!(
            "the data determines {} of {width} coefficients; the solution is the one of least norm in standardized coordinates",
            quadratic.rank() * outputs
        );
        warn(warnings, "rank_deficient", detail);
    }
    tell_condition(condition_number, warnings);
}

/// That single coefficients have lost digits, if they have.
pub(super) fn tell_condition(condition_number: Option<f64>, warnings: &mut Vec<Warning>) {
    if let Some(number) = condition_number.filter(|number| *number > CONDITION_WARNED) {
        let detail = format!("the condition number is {number:.3e}: single coefficients have lost digits");
        warn(warnings, "ill_conditioned", detail);
    }
}

/// A difference of objectives that is rounding error of the data.
fn noise(problem: &Problem) -> f64 {
    let unit = if problem.shape == Shape::Quadratic { problem.design.mean_square_target() } else { 0.0 };
    f64::EPSILON * unit
}

/// How far the objective is above its optimum: exact for quadratics, else half the Newton decrement (Boyd &
/// Vandenberghe 2004, §9.5), where there is a curvature. Nothing where that does not tell.
fn gap(problem: &Problem, ended: &Ended<'_>, team: &dyn Team) -> Option<f64> {
    if problem.is_quadratic() {
        return Some((ended.step.objective() - problem.quadratic.least()).max(0.0));
    }
    if !problem.kinks().is_empty() || problem.shape == Shape::PiecewiseLinear || problem.shape == Shape::ManyMinima {
        return None;
    }
    let objective = problem.streamed(team);
    let hessian = objective.hessian(ended.at)?;
    let mut gradient = vec![0.0; ended.at.len()];
    objective.evaluate(ended.at, &mut gradient);
    let given_up = || team.gives_up();
    let step = super::cholesky::Cholesky::shifted(problem.design.lanes, &hessian, &given_up).solve(&gradient);
    let decrement = 0.5 * problem.design.lanes.dot(&step, &gradient);
    decrement.is_finite().then_some(decrement.max(0.0))
}

/// The unpenalized loss at the optimum: the objective there, or one more pass where a penalty is part of it.
fn optimum_loss(spec: &Spec, problem: &Problem, team: &dyn Team) -> f64 {
    let Problem { design, quadratic, loss, .. } = problem;
    if spec.penalty.l2 > 0.0 {
        return design.stream(loss.as_ref(), &quadratic.optimum_in_working(), team).loss / design.weight_sum;
    }
    quadratic.least()
}

/// What decides whether errors of the estimates mean something.
pub(super) struct Standing {
    pub(super) shape: Shape,
    pub(super) reason: StopReason,
    pub(super) converged: bool,
    /// What lies on an end of its range, for a sentence.
    pub(super) at_end: Option<String>,
    /// Whether the data determines every coefficient; another warning says so where it does not.
    pub(super) is_determined: bool,
    /// Observations less coefficients.
    pub(super) freedom: f64,
}

const LEFT_OUT: &str = "so standard errors, intervals and covariance are left out";

/// That there are no errors of estimates which are not those of an optimum.
fn not_converged(reason: StopReason, warnings: &mut Vec<Warning>) {
    let detail = format!("the fit stopped before it converged ({}), {LEFT_OUT}", reason.as_str());
    warn(warnings, "not_converged", detail);
}

/// Whether errors of the estimates would mean nothing; a warning says why.
pub(super) fn are_unknown(spec: &Spec, standing: &Standing, warnings: &mut Vec<Warning>) -> bool {
    if let Some(what) = &standing.at_end {
        warn(warnings, "at_bound", format!("{what}, {LEFT_OUT}"));
        return true;
    }
    if spec.covariance == Covariance::None {
        return true;
    }
    if !standing.converged {
        if !standing.reason.converged() {
            not_converged(standing.reason, warnings);
        }
        return true;
    }
    if spec.penalty.l2 + spec.penalty.l1 > 0.0 {
        warn(warnings, "penalized", format!("a penalty biases the estimates, {LEFT_OUT}"));
        return true;
    }
    if standing.shape == Shape::PiecewiseLinear {
        let detail = format!("there is no formula for the errors of {} regression here, {LEFT_OUT}", spec.loss.kind);
        warn(warnings, "no_error_formula", detail);
        return true;
    }
    if spec.loss.settings.contains_key("class_weights") && spec.covariance == Covariance::Classical {
        let detail = format!("class weights are no part of a likelihood, {LEFT_OUT}; hc1 gives them");
        warn(warnings, "no_error_formula", detail);
        return true;
    }
    if !standing.is_determined {
        return true;
    }
    if standing.freedom <= 0.0 {
        let detail = format!("there are no more observations than coefficients, {LEFT_OUT}");
        warn(warnings, "no_degrees_of_freedom", detail);
        return true;
    }
    false
}

/// Errors as they were found, or a warning that the rows do not tell them.
pub(super) fn told_of(found: Option<Estimates>, warnings: &mut Vec<Warning>) -> Option<Estimates> {
    let detail = match &found {
        None => "the rows do not tell the errors of the estimates: standard errors are left out".to_owned(),
        Some(Estimates { inference, .. }) if inference.covariance.is_none() => {
            let detail = format!("a covariance matrix is given up to {COVARIANCE_MAX} coefficients");
            warn(warnings, "covariance_omitted", detail);
            return found;
        }
        Some(_) => return found,
    };
    warn(warnings, "no_error_formula", detail);
    None
}

/// That rows were left out, if some were.
pub(super) fn tell_rows_dropped(data: &Dataset, warnings: &mut Vec<Warning>) {
    if data.rows_dropped() > 0 {
        warn(warnings, "rows_dropped", format!("{} rows with a missing value were left out", data.rows_dropped()));
    }
}

/// How many folds judge a fit that ended for this reason: one that was ended from outside is not judged by others that
/// would run to their end.
pub(super) fn folds_after(spec: &Spec, reason: StopReason) -> Option<usize> {
    let outside = matches!(reason, StopReason::Cancelled | StopReason::Interrupted | StopReason::MaxSeconds);
    match spec.validation.as_ref().map(|validation| &validation.split) {
        Some(Split::Folds(folds, _)) if !outside => Some(*folds as usize),
        _ => None,
    }
}

/// What the rows that judge say, where it is a number; else, where they were asked, a warning.
pub(super) fn judgement(
    spec: &Spec,
    found: Option<ValidationReport>,
    warnings: &mut Vec<Warning>,
) -> Option<ValidationReport> {
    let found = found.filter(|validation| validation.loss.is_finite());
    if spec.validation.is_some() && found.is_none() {
        let detail = "the loss on the rows that judge is not finite, or a fit without one of the folds failed";
        warn(warnings, "validation_failed", detail.to_owned());
    }
    found
}

/// How the fit does on the rows that judge.
fn judged(
    spec: &Spec,
    problem: &Problem,
    judge: &Judge<'_>,
    working: &[f64],
    best_iteration: Option<u64>,
    team: &dyn Team,
) -> ValidationReport {
    let design = &judge.design;
    let loss = judge.loss(working, team);
    let weights = spec.weights.as_ref().map(|weights| weights.kind);
    let observations = observations_of(weights, design);
    let counted = Counted { observations, determined: 0.0, freedom: observations, weights };
    ValidationReport {
        rows: design.rows() as u64,
        loss,
        loss_standard_deviation: None,
        best_iteration,
        metrics: metrics(problem, design, working, None, &counted, team).without_criteria(),
        folds: Vec::new(),
    }
}
