//! One fit to a curve, from data to report.

use super::equation::Equation;
use super::problem::Curve;
use super::report::{Finished, report};
use super::rescue::{better, is_suspicious};
use super::search::{best_of, descent, search};
use super::starts::starts;
use crate::descent::losses::{self, Shape};
use crate::descent::observer::{Checkpoint, Control, Observer};
use crate::descent::outcome::{Minimum, Outcome, StopReason};
use crate::descent::problem::spread_of;
use crate::descent::registry::{Choice, Value};
use crate::descent::restarts::End;
use crate::descent::run::{DIVERGENCE_FACTOR, Ground, Judging, Point, descend, divergence, restore_best};
use crate::descent::spec::Spec;
use crate::descent::validation::Best;
use crate::descent::{Dataset, Lanes, Representation, Team, models};

/// Times that a descent begins again from nearby.
const STAGES_MAX: u64 = 2;

/// The rows that count, and which they are where some do not.
pub(super) fn counting(data: &Dataset, spec: &Spec) -> (Dataset, Option<Vec<usize>>) {
    let weights = spec.weights.as_ref().and_then(|weights| data.column(&weights.column));
    match weights {
        Some(weights) if weights.contains(&0.0) => {
            let mut rows = Vec::with_capacity(weights.iter().filter(|weight| **weight > 0.0).count());
            rows.extend((0..data.rows()).filter(|row| weights[*row] > 0.0));
            (data.subset(&rows), Some(rows))
        }
        _ => (data.clone(), None),
    }
}

/// A fit to a curve as it is handed on.
struct Fit<'a> {
    /// Of which every row counts.
    data: &'a Dataset,
    judging: Option<&'a Dataset>,
    equation: &'a Equation,
    spec: &'a Spec,
    team: &'a dyn Team,
    how: (Lanes, Representation),
}

/// Fits `data`; `judging` holds the rows that judge. See [`crate::descent::run`].
pub(in crate::descent) fn run(
    data: &Dataset,
    judging: Option<&Dataset>,
    spec: &Spec,
    team: &dyn Team,
    how: (Lanes, Representation),
    resume: Option<&Checkpoint>,
    observer: &mut dyn Observer,
) -> Outcome {
    let Some(equation) = models::equation(&spec.model) else { return Outcome::NonFinite { row: None } };
    let row_count = data.rows();
    let (data, rows) = counting(data, spec);
    let judging = judging.map(|judging| counting(judging, spec).0);
    let fit = Fit { data: &data, judging: judging.as_ref(), equation: &equation, spec, team, how };
    let among_all = |row: u64| rows.as_ref().and_then(|rows| rows.get(row as usize)).map_or(row, |row| *row as u64);
    match fit.run(resume, observer) {
        Outcome::NonFinite { row: Some(row) } => Outcome::NonFinite { row: Some(among_all(row)) },
        Outcome::Diverged(mut divergence) => {
            divergence.row = divergence.row.map(among_all);
            Outcome::Diverged(divergence)
        }
        Outcome::Stopped(mut report) => {
            if let (Some(rows), Some(diagnostics)) = (&rows, &mut report.diagnostics) {
                for values in [&mut diagnostics.leverage, &mut diagnostics.cooks_distance] {
                    let mut all = vec![0.0; row_count];
                    rows.iter().zip(values.iter()).for_each(|(row, value)| all[*row] = *value);
                    *values = all;
                }
            }
            Outcome::Stopped(report)
        }
        outcome => outcome,
    }
}

/// The curve made ready with a loss whose scale is known, and where to start; nothing if it cannot be bound.
pub(super) fn ready(
    equation: &Equation,
    data: &Dataset,
    spec: &Spec,
    lanes: Lanes,
    team: &dyn Team,
) -> Option<(Curve, Vec<f64>)> {
    let spec = &with_scale(equation, data, spec, lanes, team)?;
    let curve = Curve::new(equation.clone(), spec, data, lanes)?;
    let guesses = starts(equation, spec, data);
    let mut starts: Vec<Vec<f64>> = guesses.iter().map(|all| curve.coordinates(all)).collect();
    if guesses.len() > 1 && matches!(curve.shape, Shape::Likelihood | Shape::UnboundedLikelihood) {
        let milder = allowed(equation, data, spec, &guesses, lanes, team)?;
        starts.extend(milder.iter().map(|all| curve.coordinates(all)));
    }
    let first = best_of(&curve, spec, &starts, team)?;
    let all = curve.all(&first);
    let curve = curve.scaled(spec, &all);
    let first = curve.coordinates(&all);
    Some((curve, first))
}

/// Starts whose means a likelihood allows, more likely than those that are read off the data: least-squares fits to the
/// target drawn towards its mean by these parts.
fn allowed(
    equation: &Equation,
    data: &Dataset,
    spec: &Spec,
    guesses: &[Vec<f64>],
    lanes: Lanes,
    team: &dyn Team,
) -> Option<Vec<Vec<f64>>> {
    const TOWARDS_MEAN: [f64; 4] = [0.1, 0.3, 0.6, 0.9];
    let squares = least_squares(spec);
    let target = spec.model.text("target")?;
    let values = data.column(target)?;
    let mean = values.iter().sum::<f64>() / values.len() as f64;
    let mut out = Vec::new();
    for part in TOWARDS_MEAN {
        let drawn = values.iter().map(|y| part.mul_add(mean - y, *y)).collect();
        let drawn = data.with_column(target, drawn)?;
        let curve = Curve::new(equation.clone(), &squares, &drawn, lanes)?;
        let starts: Vec<Vec<f64>> = guesses.iter().map(|all| curve.coordinates(all)).collect();
        let first = best_of(&curve, &squares, &starts, team)?;
        let at = descent(&curve, &squares, &first, 0, team).map_or(first, |end| end.at);
        out.push(curve.all(&at));
    }
    Some(out)
}

/// The specification with the squared error and its usual method.
fn least_squares(spec: &Spec) -> Spec {
    crate::descent::resolve(Spec {
        loss: Choice::named("squared"),
        optimizer: Choice::named("auto"),
        scaling: Choice::named("auto"),
        restarts: None,
        ..spec.clone()
    })
}

/// The specification with the scale of a robust loss, where it is to be chosen: from the residuals of least squares.
fn with_scale(equation: &Equation, data: &Dataset, spec: &Spec, lanes: Lanes, team: &dyn Team) -> Option<Spec> {
    let factor = losses::kind(&spec.loss)?.scale_factor().filter(|_| spec.loss.number("delta").is_none());
    let Some(factor) = factor else { return Some(spec.clone()) };
    let squares = least_squares(spec);
    let curve = Curve::new(equation.clone(), &squares, data, lanes)?;
    let starts: Vec<Vec<f64>> = starts(equation, spec, data).iter().map(|all| curve.coordinates(all)).collect();
    let first = best_of(&curve, &squares, &starts, team)?;
    let at = descent(&curve, &squares, &first, 0, team).map_or(first, |end| end.at);
    let predictions = curve.sample.predictions(&curve.tape, &curve.uniforms(&at));
    let residuals = predictions.iter().zip(curve.sample.target()).map(|(x, y)| (x - y).abs()).collect();
    let spread = spread_of(residuals, 64.0 * f64::EPSILON * curve.target_norm);
    let loss = spec.loss.clone().with("delta", Value::Number(factor * spread));
    Some(Spec { loss, ..spec.clone() })
}

impl Fit<'_> {
    fn run(&self, resume: Option<&Checkpoint>, observer: &mut dyn Observer) -> Outcome {
        let Self { spec, team, equation, .. } = *self;
        let lanes = self.how.0;
        let Some((curve, given)) = ready(equation, self.data, spec, lanes, team) else {
            return if team.abandoned() { Outcome::Abandoned } else { Outcome::NonFinite { row: None } };
        };
        let judge = self.judging.and_then(|rows| Curve::new(equation.clone(), spec, rows, lanes));
        let judging =
            judge.as_ref().map(|judge| |at: &[f64]| judge.mean_loss(&curve.all(at), curve.loss.as_ref(), team));
        let judging = judging.as_ref().map(|judging| judging as Judging<'_>);
        let Some(optimizer) = curve.optimizer(spec) else { return Outcome::NonFinite { row: None } };
        let objective = Curve::objective(&curve, team);
        let (mut first, mut minima): (Vec<f64>, Vec<Minimum>) = (given, Vec::new());
        if let Some(restarts) = spec.restarts.filter(|restarts| restarts.count > 1) {
            let Some(found) = search(&curve, spec, restarts, &first, team) else { return Outcome::Abandoned };
            (first, minima) = (found.start, found.minima);
        }
        let mut point = Point::new(&curve, judging, first.clone(), optimizer);
        let patience = spec.validation.as_ref().and_then(|validation| validation.patience);
        if let (Some(patience), Some(judging)) = (patience, judging) {
            point.best = Some(Best::new(patience, judging(&first), &first));
        }
        let mut resumed = resume.is_some_and(|checkpoint| point.restore(checkpoint));
        point.evaluate(&objective);
        if !resumed && !point.is_finite() {
            let row = curve.sample.first_not_finite(&curve.tape, &curve.uniforms(&first), curve.loss.as_ref());
            return Outcome::NonFinite { row };
        }
        let loss_max = DIVERGENCE_FACTOR * point.initial_loss.abs().max(curve.target_norm * curve.target_norm);
        let reason = loop {
            let reason = match descend(&objective, &mut point, spec, loss_max, !resumed, observer) {
                Ok(reason) => reason,
                Err(ran_away) => {
                    let uniforms = curve.uniforms(&ran_away.at);
                    let row = curve.sample.first_not_finite(&curve.tape, &uniforms, curve.loss.as_ref());
                    let mut divergence = divergence(spec, self.data, &point, &ran_away);
                    if let Some(row) = row {
                        divergence.detail.push_str(": the formula has no finite value for a row of the data");
                        divergence.row = Some(row);
                    }
                    return Outcome::Diverged(Box::new(divergence));
                }
            };
            resumed = true;
            let Some(end) = self.rescue(&curve, &point, reason, &first) else { break reason };
            let Some(optimizer) = curve.optimizer(spec) else { break reason };
            point.begin_again(&objective, end.at, optimizer);
            if let Control::Stop(reason) = observer.observe(&point) {
                break reason;
            }
        };
        if team.abandoned() && reason.converged() {
            return Outcome::Abandoned;
        }
        // A fit that converged has its optimum; one that stopped otherwise goes back to the best iterate.
        let best_iteration = if reason.converged() { None } else { restore_best(&objective, &mut point) };
        let finished = Finished {
            reason,
            point: &point,
            start: Ground::coefficients(&curve, &first),
            learning_rate: point.optimizer.learning_rate(),
            judge: judge.as_ref(),
            best_iteration,
            minima,
        };
        report(spec, self.data, &curve, team, self.how, finished)
    }

    /// Where to begin again, if a descent has ended where it should not and there is a better end nearby.
    fn rescue(&self, curve: &Curve, point: &Point<'_>, reason: StopReason, first: &[f64]) -> Option<End> {
        let Self { spec, team, .. } = *self;
        let by_itself = matches!(reason, StopReason::GradientTolerance | StopReason::NoProgress);
        let is_own = spec.optimizer.kind == "levenberg_marquardt" && spec.restarts.is_none();
        if !by_itself || !is_own || point.stage >= STAGES_MAX || !is_suspicious(curve, point, reason) {
            return None;
        }
        let spec_as_chosen = Spec { loss: curve.loss_as_chosen(spec), ..spec.clone() };
        let mut plain = Curve::new(self.equation.clone(), &spec_as_chosen, self.data, self.how.0);
        plain.iter_mut().for_each(|plain| plain.solved.clear());
        better(curve, plain.as_ref(), spec, first, point.here.evaluation.objective(), team)
    }
}
