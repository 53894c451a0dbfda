//! One fit to a curve, from data to report.

use super::equation::Equation;
use super::objective::Curved;
use super::problem::Curve;
use super::report::{Finished, report};
use super::rescue::{better, is_suspicious};
use super::search::{best_of, descent, search};
use super::starts::starts;
use crate::descent::losses::{self, Shape};
use crate::descent::objective::Objective;
use crate::descent::observer::{Checkpoint, Control, Observer};
use crate::descent::outcome::{Minimum, Outcome, StopReason};
use crate::descent::point::{Ground, Judging, Point};
use crate::descent::problem::spread_of;
use crate::descent::registry::{Choice, Value};
use crate::descent::restarts::End;
use crate::descent::run::{DIVERGENCE_FACTOR, RanAway, called_off, descend, divergence, resumable, settle};
use crate::descent::seeking::{Ledger, Seeking};
use crate::descent::spec::Spec;
use crate::descent::told::{Told, Unhurried};
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
    seeking: &mut Seeking<'_>,
) -> Option<(Curve, Vec<f64>)> {
    let mut made = None;
    let known = seeking.once("ready", team, |seeking| {
        let (curve, first) = searched_for(equation, data, spec, lanes, team, seeking)?;
        let known = [&[curve.delta.unwrap_or(f64::NAN)], first.as_slice(), &curve.units].concat();
        made = Some((curve, first));
        Some(known)
    })?;
    if made.is_some() {
        return made;
    }
    let (delta, rest) = known.split_first()?;
    let (first, units) = rest.split_at(rest.len() / 2);
    let loss = if delta.is_nan() { spec.loss.clone() } else { spec.loss.clone().with("delta", Value::Number(*delta)) };
    let curve = Curve::new(equation.clone(), &Spec { loss, ..spec.clone() }, data, lanes)?.with_units(units)?;
    Some((curve, first.to_vec()))
}

fn searched_for(
    equation: &Equation,
    data: &Dataset,
    spec: &Spec,
    lanes: Lanes,
    team: &dyn Team,
    seeking: &mut Seeking<'_>,
) -> Option<(Curve, Vec<f64>)> {
    let guesses = seeking.once("ready/guesses", team, |_| Some(starts(equation, spec, data, team).concat()))?;
    let guesses: Vec<Vec<f64>> = guesses.chunks(equation.parameters.len().max(1)).map(<[f64]>::to_vec).collect();
    let spec = &with_scale(equation, data, spec, &guesses, lanes, team, seeking)?;
    let curve = Curve::new(equation.clone(), spec, data, lanes)?;
    let mut starts: Vec<Vec<f64>> = guesses.iter().map(|all| curve.coordinates(all)).collect();
    if guesses.len() > 1 && matches!(curve.shape, Shape::Likelihood | Shape::UnboundedLikelihood) {
        let milder = allowed(equation, data, spec, &guesses, lanes, team, seeking)?;
        starts.extend(milder.iter().map(|all| curve.coordinates(all)));
    }
    let first = best_of(&curve, spec, &starts, team, ("ready/start", seeking))?;
    let all = curve.all(&first);
    // Units of a part of the rows do no harm: nobody descends in them.
    let curve = curve.scaled(spec, &all, team);
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
    seeking: &mut Seeking<'_>,
) -> Option<Vec<Vec<f64>>> {
    const TOWARDS_MEAN: [f64; 4] = [0.1, 0.3, 0.6, 0.9];
    let target = spec.model.text("target")?;
    let values = data.column(target)?;
    let mean = values.iter().sum::<f64>() / values.len() as f64;
    let mut out = Vec::new();
    for (place, part) in TOWARDS_MEAN.into_iter().enumerate() {
        let name = format!("ready/milder{place}");
        let all = seeking.once(&name, team, |seeking| {
            let drawn = values.iter().map(|y| part.mul_add(mean - y, *y)).collect();
            let drawn = data.with_column(target, drawn)?;
            let (curve, at) = least(equation, &drawn, spec, guesses, lanes, team, (&name, seeking))?;
            Some(curve.all(&at))
        });
        out.push(all?);
    }
    Some(out)
}

/// Where least squares ends that starts from the best of these guesses.
fn least(
    equation: &Equation,
    data: &Dataset,
    spec: &Spec,
    guesses: &[Vec<f64>],
    lanes: Lanes,
    team: &dyn Team,
    (name, seeking): (&str, &mut Seeking<'_>),
) -> Option<(Curve, Vec<f64>)> {
    let squares = least_squares(spec);
    let curve = Curve::new(equation.clone(), &squares, data, lanes)?;
    let starts: Vec<Vec<f64>> = guesses.iter().map(|all| curve.coordinates(all)).collect();
    let first = best_of(&curve, &squares, &starts, team, (&format!("{name}/start"), seeking))?;
    let task = |_| descent(&curve, &squares, &first, 0, team);
    let end = seeking.ends(&format!("{name}/end"), team, (1, 1), &task).pop().flatten();
    let at = end.map_or(first, |end| end.at);
    Some((curve, at))
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
fn with_scale(
    equation: &Equation,
    data: &Dataset,
    spec: &Spec,
    guesses: &[Vec<f64>],
    lanes: Lanes,
    team: &dyn Team,
    seeking: &mut Seeking<'_>,
) -> Option<Spec> {
    let factor = losses::kind(&spec.loss)?.scale_factor().filter(|_| spec.loss.number("delta").is_none());
    let Some(factor) = factor else { return Some(spec.clone()) };
    let delta = seeking.once("ready/scale", team, |seeking| {
        let (curve, at) = least(equation, data, spec, guesses, lanes, team, ("ready/scale", seeking))?;
        let predictions = curve.sample.predictions(&curve.tape, &curve.uniforms(&at), &Unhurried(team));
        let residuals = predictions.iter().zip(curve.sample.target()).map(|(x, y)| (x - y).abs()).collect();
        Some(vec![factor * spread_of(residuals, 64.0 * f64::EPSILON * curve.target_norm)])
    })?;
    let loss = spec.loss.clone().with("delta", Value::Number(*delta.first()?));
    Some(Spec { loss, ..spec.clone() })
}

impl Fit<'_> {
    fn run(&self, resume: Option<&Checkpoint>, observer: &mut dyn Observer) -> Outcome {
        let Self { spec, team, equation, .. } = *self;
        let lanes = self.how.0;
        let timeless = Unhurried(team);
        let (told, unhurried) = (Told::new(team), Told::new(&timeless));
        // What a checkpoint holds is told in units that are known once all is ready.
        let readying: &Told<'_> = if resume.is_some_and(Checkpoint::has_begun) { &unhurried } else { &told };
        let mut seeking = Seeking::new(Ledger::of(resume), &mut *observer);
        let Some((curve, given)) = ready(equation, self.data, spec, lanes, readying, &mut seeking) else {
            return if team.abandoned() { Outcome::Abandoned } else { Outcome::NonFinite { row: None } };
        };
        let judge = self.judging.and_then(|rows| Curve::new(equation.clone(), spec, rows, lanes));
        let judging =
            judge.as_ref().map(|judge| |at: &[f64]| judge.mean_loss(&curve.all(at), curve.loss.as_ref(), &told));
        let judging = judging.as_ref().map(|judging| judging as Judging<'_>);
        let Some(optimizer) = curve.optimizer(spec, &told) else { return Outcome::NonFinite { row: None } };
        let (objective, patient) = (Curve::objective(&curve, &told), Curve::objective(&curve, &unhurried));
        let (mut first, mut minima): (Vec<f64>, Vec<Minimum>) = (given, Vec::new());
        if let Some(restarts) = spec.restarts.filter(|restarts| restarts.count > 1) {
            let Some(found) = search(&curve, spec, restarts, &first, &told, &mut seeking) else {
                return Outcome::Abandoned;
            };
            (first, minima) = (found.start, found.minima);
        }
        let ledger = seeking.ledger;
        let mut point = Point::new(&curve, judging, first.clone(), optimizer);
        point.found = ledger.entries();
        let patience = spec.validation.as_ref().and_then(|validation| validation.patience);
        if let (Some(patience), Some(judging)) = (patience, judging) {
            point.best = Some(Best::new(patience, judging(&first), &first));
        }
        let resumed = resume.is_some_and(|checkpoint| point.restore(checkpoint));
        point.evaluate(&objective);
        let is_late = told.was_told();
        if is_late {
            point.evaluate(&patient);
        }
        if unhurried.was_told() || (is_late && team.abandoned()) {
            return Outcome::Abandoned;
        }
        if !resumed && !point.is_finite() {
            let row = curve.sample.first_not_finite(&curve.tape, &curve.uniforms(&first), curve.loss.as_ref(), team);
            return Outcome::NonFinite { row };
        }
        let reason = if is_late {
            point.validation_loss = None;
            StopReason::MaxSeconds
        } else {
            match self.descend(&curve, &mut point, &first, [&objective, &patient], (ledger, !resumed), observer) {
                Ok(reason) => reason,
                Err(ran_away) => return self.diverged(&curve, &point, &ran_away),
            }
        };
        let checkpoint = resumable(&mut point, reason);
        let best_iteration = settle(&mut point, reason, &[&objective, &patient]);
        let finished = Finished {
            reason,
            point: &point,
            start: Ground::coefficients(&curve, &first),
            learning_rate: point.optimizer.learning_rate(),
            judge: judge.as_ref(),
            best_iteration,
            minima,
            checkpoint,
        };
        report(spec, self.data, &curve, team, self.how, &finished, observer)
    }

    /// Descends, and begins again from nearby where the descent has ended where it should not.
    fn descend(
        &self,
        curve: &Curve,
        point: &mut Point<'_>,
        first: &[f64],
        [objective, patient]: [&Curved<'_>; 2],
        (mut ledger, mut observe_first): (Ledger, bool),
        observer: &mut dyn Observer,
    ) -> Result<StopReason, RanAway> {
        let spec = self.spec;
        let loss_max = DIVERGENCE_FACTOR * point.initial_loss.abs().max(curve.target_norm * curve.target_norm);
        loop {
            let reason = descend(objective, point, spec, loss_max, observe_first, observer)?;
            observe_first = false;
            point.end(reason);
            let mut seeking = Seeking::new(ledger, &mut *observer).within(point.bare());
            let end = self.rescue(curve, point, reason, first, objective.team(), &mut seeking);
            ledger = seeking.ledger;
            point.found = ledger.entries();
            let Some(end) = end else { return Ok(reason) };
            let Some(optimizer) = curve.optimizer(spec, self.team) else { return Ok(reason) };
            // Where the value hangs on the last bits of the coordinates, the end of a descent of its own may have none here.
            if !patient.value(&end.at).is_finite() && !patient.is_cut() {
                return Ok(reason);
            }
            let before = (point.here.clone(), point.validation_loss);
            let standing = point.bare();
            // What was found until the time was over counts, but not what is found for nobody.
            point.begin_again(patient, end.at, optimizer);
            if self.team.abandoned() || patient.is_cut() {
                (point.here, point.validation_loss) = before;
                point.stage -= 1;
                point.iteration -= 1;
                return Ok(called_off(Some(standing), &point.found, observer));
            }
            ledger.forget("rescue");
            point.found = ledger.entries();
            if let Control::Stop(reason) = observer.observe(point) {
                return Ok(reason);
            }
        }
    }

    /// What is to be said of a descent that ran away.
    fn diverged(&self, curve: &Curve, point: &Point<'_>, ran_away: &RanAway) -> Outcome {
        let uniforms = curve.uniforms(&ran_away.at);
        let row = curve.sample.first_not_finite(&curve.tape, &uniforms, curve.loss.as_ref(), self.team);
        let mut divergence = divergence(self.spec, self.data, point, ran_away, self.team);
        if let Some(row) = row {
            divergence.detail.push_str(": the formula has no finite value for a row of the data");
            divergence.row = Some(row);
        }
        Outcome::Diverged(Box::new(divergence))
    }

    /// Where to begin again, if a descent has ended where it should not and there is a better end nearby.
    fn rescue(
        &self,
        curve: &Curve,
        point: &Point<'_>,
        reason: StopReason,
        first: &[f64],
        team: &dyn Team,
        seeking: &mut Seeking<'_>,
    ) -> Option<End> {
        let spec = self.spec;
        let by_itself = matches!(reason, StopReason::GradientTolerance | StopReason::NoProgress);
        let is_own = spec.optimizer.kind == "levenberg_marquardt" && spec.restarts.is_none();
        if !by_itself || !is_own || point.stage >= STAGES_MAX || !is_suspicious(curve, point, reason, team) {
            return None;
        }
        let spec_as_chosen = Spec { loss: curve.loss_as_chosen(spec), ..spec.clone() };
        let mut plain = Curve::new(self.equation.clone(), &spec_as_chosen, self.data, self.how.0);
        plain.iter_mut().for_each(|plain| plain.solved.clear());
        let now = point.here.evaluation.objective();
        better(curve, plain.as_ref(), spec, first, now, team, (&format!("rescue/{}", point.stage), seeking))
    }
}
