//! What a fit to a curve says of itself. At its end the curve is replaced by its tangent, a model that is linear in its
//! parameters with the columns of the Jacobian as features and the curve's values as offset: errors, covariance,
//! leverage and bands are those of that model (Bates & Watts 1988, §2.5), by the same code.

use std::sync::Arc;

use super::folds;
use super::identify::{Dependent, dependent};
use super::problem::Curve;
use super::profile::{Better, Ends, Fitted, profile};
use crate::descent::formula::Uniforms;
use crate::descent::losses::Shape;
use crate::descent::observer::{Checkpoint, Observer, Step};
use crate::descent::outcome::{
    Inference, Metrics, Minimum, Outcome, Predictor, Report, StopReason, ValidationReport, Warning,
};
use crate::descent::point::Point;
use crate::descent::problem::Problem;
use crate::descent::registry::{Choice, Value};
use crate::descent::report::{
    Counted, Estimates, Standing, are_unknown, estimates, folds_after, judgement, observations_of, observed,
    of_predictions, patience, reason, tell, tell_condition, tell_rows_dropped, told_of, warn, work,
};
use crate::descent::spec::{Penalty, Spec, Start};
use crate::descent::told::Told;
use crate::descent::{Dataset, Lanes, Representation, Team, losses, student};

/// A descent that has ended.
pub(super) struct Finished<'a> {
    pub(super) reason: StopReason,
    pub(super) point: &'a Point<'a>,
    /// All parameters at the start.
    pub(super) start: Vec<f64>,
    pub(super) learning_rate: Option<f64>,
    pub(super) judge: Option<&'a Curve>,
    pub(super) best_iteration: Option<u64>,
    pub(super) minima: Vec<Minimum>,
    /// Where the descent goes on, should the report be interrupted.
    pub(super) checkpoint: Option<Checkpoint>,
}

/// What is told of a run that stopped: everything, unless the thread is wanted back first.
pub(super) fn report(
    spec: &Spec,
    data: &Dataset,
    curve: &Curve,
    team: &dyn Team,
    how: (Lanes, Representation),
    finished: &Finished<'_>,
    observer: &mut dyn Observer,
) -> Outcome {
    // A row of a curve is a few times as dear as one of a linear model.
    let work = 4.0 * work(curve.sample.rows() as f64, curve.tape.width() as f64, 1.0);
    if let Some(team) = patience(finished.reason, work, team)
        && let Some(outcome) = whole(spec, data, curve, &*team, how, finished)
    {
        return outcome;
    }
    let reason = reason(finished.reason, finished.checkpoint.as_ref(), team, observer);
    Outcome::Stopped(Box::new(brief(spec, data, curve, finished, reason)))
}

/// Everything about a run that stopped; nothing where the team gives up first.
fn whole(
    spec: &Spec,
    data: &Dataset,
    curve: &Curve,
    team: &dyn Team,
    how: (Lanes, Representation),
    finished: &Finished<'_>,
) -> Option<Outcome> {
    let Finished { point, judge, .. } = *finished;
    let told = Told::new(team);
    let mut warnings = Vec::new();
    let at = &point.here.at;
    let uniforms = curve.uniforms(at);
    let predictions = curve.sample.predictions(&curve.tape, &uniforms, &told);
    tell_rows_dropped(data, &mut warnings);
    let dependent = dependent(curve, at, &told);
    let is_limit = curve.is_exactly(point.here.evaluation.loss);
    // Where a parameter has lost its effect, flat slopes are those of a plateau, not of an optimum.
    let on_plateau = dependent.vanished && !is_limit && finished.reason == StopReason::GradientTolerance;
    let reason = if on_plateau { StopReason::NoProgress } else { finished.reason };
    tell_place(curve, point.stage, is_limit, &dependent, &mut warnings);
    let null = constant(spec, data, &told, how);
    if told.was_told() {
        return None;
    }
    let Some(null) = null else { return Some(Outcome::NonFinite { row: None }) };
    let tangent = Tangent::new(spec, data, curve, (&uniforms, &predictions), &told, how);
    let weights = spec.weights.as_ref().map(|weights| weights.kind);
    let observations = observations_of(weights, &null.design);
    let determined = tangent.as_ref().map_or(0, |tangent| tangent.problem.quadratic.rank()) as f64;
    let counted = Counted { observations, determined, freedom: observations - determined, weights };
    let condition_number =
        tangent.as_ref().and_then(|tangent| tangent.problem.quadratic.condition_number(&|| told.gives_up()));
    let is_determined = dependent.lost.is_empty();
    tell_condition(condition_number.filter(|_| is_determined), &mut warnings);
    let standing = Standing {
        shape: curve.shape,
        reason,
        converged: reason.converged(),
        at_end: at_end(curve, at),
        is_determined: is_determined && !is_limit,
        freedom: counted.freedom,
    };
    let is_told = !are_unknown(spec, &standing, &mut warnings);
    let found = tangent.as_ref().filter(|_| is_told).and_then(|tangent| {
        let free = curve.free(at);
        let found = estimates(&tangent.spec, &tangent.problem, &counted, &vec![0.0; free.len()], &free, &told);
        told_of(found, &mut warnings)
    });
    // The tangent is as large as all data, and what follows has passes of its own.
    let basis = tangent.map_or_else(Vec::new, |tangent| tangent.problem.design.basis.vectors());
    let judged = judge.and_then(|judge| judged(spec, curve, judge, &uniforms, finished.best_iteration, &told, how));
    let mean_square = (curve.shape == Shape::Quadratic).then_some(point.here.evaluation.loss);
    let squares = of_predictions(&null, &null.design, &predictions, mean_square, &counted, &told);
    let metrics = match losses::kind(&spec.loss) {
        Some(kind) => curve.metrics(squares, kind, &predictions, &counted),
        None => squares,
    };
    if told.was_told() {
        return None;
    }
    // Profiles and folds that the time does not suffice for are left out; the rest stays.
    let profile = match found.as_ref().filter(|_| spec.profile) {
        Some(found) => {
            let (objective, errors) = (point.objective(), &found.inference.standard_errors);
            let freedom = counted.freedom;
            let fitted = Fitted { data, spec, lanes: how.0, curve, at, objective, freedom, errors };
            profiled(&fitted, &told, &mut warnings)
        }
        None => Vec::new(),
    };
    let (inference, diagnostics, band) = match found {
        Some(Estimates { inference, diagnostics, band }) => {
            (Some(spread_out(curve, &uniforms, &inference, spec.confidence)), diagnostics, band)
        }
        None => (None, None, None),
    };
    let folds = folds_after(spec, reason);
    let validation = match (judge, folds) {
        (Some(_), _) => judged,
        (None, Some(folds)) => folds::judged(spec, data, &null, folds, how, &told),
        (None, None) => None,
    };
    if team.abandoned() {
        return None;
    }
    let validation = judgement(spec, validation, &mut warnings);
    let known = known(spec, curve, finished, &uniforms);
    Some(Outcome::Stopped(Box::new(Report {
        stop_reason: reason,
        converged: reason.converged(),
        condition_number,
        metrics,
        validation,
        diagnostics,
        inference,
        profile,
        warnings,
        predictor: Predictor { basis, band, ..known.predictor },
        ..known
    })))
}

/// What needs no pass over the rows.
fn known(spec: &Spec, curve: &Curve, finished: &Finished<'_>, uniforms: &Uniforms) -> Report {
    let (point, parameters) = (finished.point, &curve.equation.parameters);
    let all = uniforms.parameters().to_vec();
    Report {
        stop_reason: finished.reason,
        converged: false,
        names: parameters.iter().map(|parameter| parameter.name.clone()).collect(),
        formula: Some(curve.equation.formula.clone()),
        fixed: parameters.iter().map(|parameter| !parameter.is_free()).collect(),
        coefficients: all.clone(),
        start: finished.start.clone(),
        loss: point.loss(),
        objective: point.objective(),
        gradient_norm: point.gradient_norm(),
        iterations: point.iteration(),
        learning_rate: finished.learning_rate,
        loss_scale: curve.delta.filter(|_| spec.loss.number("delta").is_none()),
        levels: Vec::new(),
        classes: Vec::new(),
        optimum: None,
        condition_number: None,
        metrics: Metrics::default(),
        validation: None,
        minima: finished.minima.clone(),
        diagnostics: None,
        inference: None,
        profile: Vec::new(),
        warnings: Vec::new(),
        predictor: Predictor {
            basis: Vec::new(),
            coefficients: all,
            levels: Vec::new(),
            classes: Vec::new(),
            band: None,
        },
    }
}

/// The report of a fit that was ended from outside. Without a look at the rows nothing tells an optimum from a plateau.
fn brief(spec: &Spec, data: &Dataset, curve: &Curve, finished: &Finished<'_>, reason: StopReason) -> Report {
    let at = &finished.point.here.at;
    let mut warnings = Vec::new();
    tell_rows_dropped(data, &mut warnings);
    let is_limit = curve.is_exactly(finished.point.here.evaluation.loss);
    tell_place(curve, finished.point.stage, is_limit, &Dependent::default(), &mut warnings);
    tell(reason, spec, &mut warnings);
    let freedom = curve.sample.rows() as f64 - curve.tape.width() as f64;
    let judge = finished.judge.map_or(0, |judge| judge.sample.rows());
    Report {
        stop_reason: reason,
        metrics: Metrics { degrees_of_freedom: freedom.max(0.0), ..Metrics::default() },
        validation: observed(finished.point.validation_loss(), judge, finished.best_iteration),
        warnings,
        ..known(spec, curve, finished, &curve.uniforms(at))
    }
}

/// What is to be said of the place where the descent ended.
fn tell_place(curve: &Curve, stage: u64, is_limit: bool, dependent: &Dependent, warnings: &mut Vec<Warning>) {
    if stage > 0 {
        let detail = "the descent from the given start ended on a plateau, or where a parameter has no effect; it began \
                      again from nearby, and the history shows the jump";
        warn(warnings, "restarted_nearby", detail.to_owned());
    }
    if is_limit {
        let detail = "the residuals are of the size of rounding errors: what is left of them is no measure of the errors of \
                      the estimates, which are left out, and the last digits of the estimates are noise";
        warn(warnings, "at_float_limit", detail.to_owned());
    }
    let names: Vec<&str> = dependent.lost.iter().map(|k| name(curve, *k)).collect();
    match names[..] {
        [] => {}
        [one] => {
            let detail = format!("{one} has no effect on the values here: others fit as well");
            warn(warnings, "not_identifiable", detail);
        }
        _ => {
            let detail = format!("the data does not tell {} apart: other values fit as well", names.join(", "));
            warn(warnings, "not_identifiable", detail);
        }
    }
}

/// Which parameters lie on an end of their range, for a sentence.
fn at_end(curve: &Curve, at: &[f64]) -> Option<String> {
    let names: Vec<&str> = curve.kinks.active(at).into_iter().map(|k| name(curve, k)).collect();
    match names[..] {
        [] => None,
        [one] => Some(format!("{one} lies on an end of its range")),
        _ => Some(format!("{} lie on an end of their range", names.join(", "))),
    }
}

/// The profile's ends, or a warning why there are none.
fn profiled(fitted: &Fitted<'_>, team: &dyn Team, warnings: &mut Vec<Warning>) -> Ends {
    let (code, detail) = match profile(fitted, team) {
        Some(Ok(ends)) => return ends,
        Some(Err(Better)) => (
            "not_at_optimum",
            "along one of the parameters there is a better fit than this one: try restarts".to_owned(),
        ),
        None if team.expired() => ("no_profile", "the time ran out before the profiles were known".to_owned()),
        None => ("no_profile", format!("the {} loss is no likelihood that could be profiled", fitted.spec.loss.kind)),
    };
    warn(warnings, code, detail);
    Vec::new()
}

/// The name of a free parameter.
fn name(curve: &Curve, free: usize) -> &str {
    curve.tape.free().nth(free).map_or("", |index| &curve.equation.parameters[index].name)
}

/// The constant model on the same rows: what the fit is measured against.
fn constant(spec: &Spec, data: &Dataset, team: &dyn Team, how: (Lanes, Representation)) -> Option<Problem> {
    let target = spec.model.text("target").unwrap_or_default();
    let model = Choice::named("linear")
        .with("features", Value::List(Vec::new()))
        .with("target", Value::Text(target.to_owned()))
        .with("intercept", Value::Flag(true));
    Problem::new(data, &plain(spec, model, Choice::named("squared")), team, how).ok()
}

/// A specification of a linear model with what is left of this one.
fn plain(spec: &Spec, model: Choice, loss: Choice) -> Spec {
    Spec {
        model,
        loss,
        optimizer: Choice::named("auto"),
        scaling: Choice::named("whiten"),
        penalty: Penalty { l2: 0.0, l1: 0.0, on_standardized: false },
        start: Start::Zeros,
        bounds: Vec::new(),
        restarts: None,
        validation: None,
        ..spec.clone()
    }
}

/// The tangent of the curve at its end.
struct Tangent {
    spec: Spec,
    problem: Problem,
}

impl Tangent {
    fn new(
        spec: &Spec,
        data: &Dataset,
        curve: &Curve,
        (uniforms, predictions): (&Uniforms, &[f64]),
        team: &dyn Team,
        how: (Lanes, Representation),
    ) -> Option<Self> {
        let jacobian = curve.sample.jacobian(&curve.tape, uniforms, team);
        if team.was_told() {
            return None;
        }
        // Names that no column of the data can have together: one is longer than all of them.
        let longest = data.names().iter().map(String::len).max().unwrap_or(0);
        let names: Vec<String> = (0..jacobian.len()).map(|k| format!("{}{k}", "_".repeat(longest + 1))).collect();
        let mut columns: Vec<(String, Vec<f64>)> = names.iter().cloned().zip(jacobian).collect();
        let target = spec.model.text("target").unwrap_or_default().to_owned();
        let kept = [Some(target.clone()), spec.weights.as_ref().map(|weights| weights.column.clone())];
        let mut kept: Vec<String> = kept.into_iter().flatten().collect();
        kept.dedup();
        for name in kept {
            let values = data.column(&name)?.to_vec();
            columns.push((name, values));
        }
        let data = Dataset::new(columns).ok()?;
        let model = Choice::named("linear")
            .with("features", Value::List(names))
            .with("target", Value::Text(target))
            .with("intercept", Value::Flag(false));
        let spec = plain(spec, model, curve.loss_as_chosen(spec));
        let offset: Arc<[f64]> = predictions.into();
        let problem = Problem::with_offset(&data, &spec, team, how, Some(offset)).ok()?;
        Some(Self { spec, problem })
    }
}

/// Errors of all parameters from those of the free ones: fixed ones have none, tied ones theirs by the delta method.
fn spread_out(curve: &Curve, uniforms: &Uniforms, free: &Inference, level: f64) -> Inference {
    let map = curve.tape.ties(uniforms);
    let Some(inner) = free.covariance.as_ref() else {
        // Without a covariance there is nothing to say of tied parameters.
        return widened(curve, free);
    };
    let lanes = curve.sample.lanes;
    let rows: Vec<Vec<f64>> =
        map.iter().map(|row| inner.iter().map(|column| lanes.dot(row, column)).collect()).collect();
    let covariance: Vec<Vec<f64>> =
        rows.iter().map(|row| map.iter().map(|other| lanes.dot(row, other)).collect()).collect();
    let mut out = widened(curve, free);
    let quantile = student::two_sided_quantile(level, free.degrees_of_freedom.unwrap_or(student::NORMAL));
    for (index, _) in curve.equation.parameters.iter().enumerate().filter(|(_, p)| p.expr.is_some()) {
        let (value, error) = (uniforms.parameters()[index], covariance[index][index].max(0.0).sqrt());
        let t = Some(value / error).filter(|t| t.is_finite());
        out.standard_errors[index] = error;
        out.intervals[index] = [value - quantile * error, value + quantile * error];
        out.t[index] = t;
        out.p[index] = t.map(|t| student::two_sided_p(t, free.degrees_of_freedom.unwrap_or(student::NORMAL)));
    }
    out.covariance = Some(covariance);
    out
}

/// The free parameters' errors in the order of all parameters; no error where there is none.
fn widened(curve: &Curve, free: &Inference) -> Inference {
    let count = curve.equation.parameters.len();
    let mut out = Inference {
        distribution: free.distribution,
        degrees_of_freedom: free.degrees_of_freedom,
        standard_errors: vec![f64::NAN; count],
        intervals: vec![[f64::NAN; 2]; count],
        t: vec![None; count],
        p: vec![None; count],
        covariance: None,
    };
    for (k, index) in curve.tape.free().enumerate() {
        out.standard_errors[index] = free.standard_errors[k];
        out.intervals[index] = free.intervals[k];
        out.t[index] = free.t[k];
        out.p[index] = free.p[k];
    }
    out
}

/// How the fit does on the rows that judge.
fn judged(
    spec: &Spec,
    curve: &Curve,
    judge: &Curve,
    uniforms: &Uniforms,
    best_iteration: Option<u64>,
    team: &dyn Team,
    how: (Lanes, Representation),
) -> Option<ValidationReport> {
    let uniforms = judge.tape.uniforms(uniforms.parameters());
    let loss = judge.mean_loss(uniforms.parameters(), curve.loss.as_ref(), team);
    let predictions = judge.sample.predictions(&judge.tape, &uniforms, team);
    let null = constant(spec, &judge.sample.dataset(spec)?, team, how)?;
    let weights = spec.weights.as_ref().map(|weights| weights.kind);
    let observations = observations_of(weights, &null.design);
    let counted = Counted { observations, determined: 0.0, freedom: observations, weights };
    Some(ValidationReport {
        rows: judge.sample.rows() as u64,
        loss,
        loss_standard_deviation: None,
        best_iteration,
        metrics: of_predictions(&null, &null.design, &predictions, None, &counted, team).without_criteria(),
        folds: Vec::new(),
    })
}
