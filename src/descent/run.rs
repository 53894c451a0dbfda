//! The loop: evaluate, ask the stopping rules and the observer, step. It knows neither what is minimized nor how a
//! step is made.

use super::losses::Shape;
use super::objective::Objective;
use super::observer::{Checkpoint, Control, Observer, Step};
use super::optimizers::{Advance, Position};
use super::outcome::{Divergence, Minimum, Outcome, StopReason, Suggestion};
use super::point::{COMPARING, Ground, Judging, Point};
use super::problem::{Problem, Unready};
use super::registry::Choice;
use super::report::{Ended, report, unready};
use super::restarts;
use super::seeking::{Ledger, Seeking};
use super::spec::{Spec, Split};
use super::told::{Told, Unhurried};
use super::validation::{Best, Judge, parts};
use super::{Dataset, Lanes, Team, start};

/// How the objective is evaluated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Representation {
    /// From the triangle that the rows are compressed to: O(p²) an iteration.
    Compressed,
    /// From the rows: O(np) an iteration.
    Streamed,
}

/// A loss this many times the larger of the initial loss and the loss at coefficients 0 counts as divergence.
pub(super) const DIVERGENCE_FACTOR: f64 = 1e6;

/// A mean log loss below which every row is classified beyond doubt: the classes are separated, and the optimum is at
/// infinity.
const SEPARATED: f64 = 1e-9;

/// Fits with these kernels and this representation. See [`super::run`].
pub fn run_with(
    data: &Dataset,
    spec: &Spec,
    team: &dyn Team,
    how: (Lanes, Representation),
    resume: Option<&Checkpoint>,
    observer: &mut dyn Observer,
) -> Outcome {
    let on = if super::models::is_curve(&spec.model) { super::nonlinear::run } else { run_on };
    let split = spec.validation.as_ref().map(|validation| &validation.split);
    let Some(split) = split.filter(|split| !matches!(split, Split::Folds(..))) else {
        return on(data, None, spec, team, how, resume, observer);
    };
    let parts = parts(split, data.rows(), 0);
    if parts.training.is_empty() || parts.judging.is_empty() {
        return Outcome::NonFinite { row: None };
    }
    let part = |rows: &[usize]| data.subset_unless(rows, &|| team.abandoned());
    let (Some(training), Some(judging)) = (part(&parts.training), part(&parts.judging)) else {
        return Outcome::Abandoned;
    };
    drop(parts.judging);
    match on(&training, Some(&judging), spec, team, how, resume, observer) {
        // A row of the training part, told by its place among all rows.
        Outcome::NonFinite { row: Some(row) } => {
            Outcome::NonFinite { row: parts.training.get(row as usize).map(|row| *row as u64) }
        }
        Outcome::Diverged(mut divergence) => {
            let all = |row: u64| parts.training.get(row as usize).map(|row| *row as u64);
            divergence.row = divergence.row.and_then(all);
            Outcome::Diverged(divergence)
        }
        outcome => outcome,
    }
}

/// Fits `data`; `judging` holds the rows that judge.
fn run_on(
    data: &Dataset,
    judging: Option<&Dataset>,
    spec: &Spec,
    team: &dyn Team,
    how: (Lanes, Representation),
    resume: Option<&Checkpoint>,
    observer: &mut dyn Observer,
) -> Outcome {
    let timeless = Unhurried(team);
    let (told, unhurried) = (Told::new(team), Told::new(&timeless));
    // What a checkpoint holds is told in coordinates that are known once all is ready.
    let readying: &Told<'_> = if resume.is_some_and(Checkpoint::has_begun) { &unhurried } else { &told };
    let problem = match Problem::new(data, spec, readying, how) {
        Ok(problem) => problem,
        Err(Unready::GivenUp) => return unready(spec, data, how.0, &timeless),
        Err(Unready::NonFinite(row)) => return Outcome::NonFinite { row },
    };
    let judge = judging.and_then(|rows| problem.design.on(&spec.model, spec.weights.as_ref(), rows).ok());
    let judge = judge.map(|design| Judge::new(design, &problem, readying));
    let Some(optimizer) = problem.optimizer(spec, readying) else { return Outcome::NonFinite { row: None } };
    let objective = problem.objective(&told);
    let mut first = problem.coordinates(&start::internal(&spec.start, spec.seed, data, spec, &problem));
    if readying.was_told() {
        return unready(spec, data, how.0, &timeless);
    }
    let (mut minima, mut ledger): (Vec<Minimum>, _) = (Vec::new(), Ledger::of(resume));
    if let Some(restarts) = spec.restarts.filter(|restarts| restarts.count > 1) {
        let mut seeking = Seeking::new(ledger, observer);
        let found = restarts::search(&problem, spec, restarts, &first, &told, &mut seeking);
        let Some(found) = found else { return Outcome::Abandoned };
        (first, minima, ledger) = (found.start, found.minima, seeking.ledger);
    }
    let judging = judge.as_ref().map(|judge| |at: &[f64]| judge.loss(&problem.working(at), &told));
    let judging = judging.as_ref().map(|judging| judging as Judging<'_>);
    let mut point = Point::new(&problem, judging, first.clone(), optimizer);
    point.found = ledger.entries();
    let patience = spec.validation.as_ref().and_then(|validation| validation.patience);
    if let (Some(patience), Some(judging)) = (patience, judging) {
        point.best = Some(Best::new(patience, judging(&first), &first));
    }
    let resumed = resume.is_some_and(|checkpoint| point.restore(checkpoint));
    point.evaluate(objective.as_ref());
    let is_late = told.was_told();
    if is_late {
        point.evaluate(problem.objective(&unhurried).as_ref());
    }
    if unhurried.was_told() || (is_late && team.abandoned()) {
        return Outcome::Abandoned;
    }
    if !resumed && !point.is_finite() {
        return Outcome::NonFinite { row: problem.design.first_overflowing_row(&problem.working(&first), team) };
    }
    let descended = if is_late {
        point.validation_loss = None;
        Ok(StopReason::MaxSeconds)
    } else {
        let loss_max = DIVERGENCE_FACTOR * point.initial_loss.max(loss_at_zero(&problem, objective.as_ref()));
        descend(objective.as_ref(), &mut point, spec, loss_max, !resumed, observer)
    };
    match descended {
        Ok(reason) => {
            let checkpoint = resumable(&mut point, reason);
            let best_iteration =
                settle(&mut point, reason, &[objective.as_ref(), problem.objective(&unhurried).as_ref()]);
            point.optimizer.rest();
            let ended = Ended {
                reason,
                step: &point,
                at: &point.here.at,
                start: problem.coefficients(&first),
                learning_rate: point.optimizer.learning_rate(),
                judge: judge.as_ref(),
                best_iteration,
                minima,
                checkpoint,
            };
            report(spec, data, &problem, team, how, &ended, observer)
        }
        Err(ran_away) => Outcome::Diverged(Box::new(divergence(spec, data, &point, &ran_away, &told))),
    }
}

/// The checkpoint of a descent that has ended but is not reported yet.
pub(super) fn resumable(point: &mut Point<'_>, reason: StopReason) -> Option<Checkpoint> {
    point.end(reason);
    (!point.is_between()).then(|| point.checkpoint())
}

/// Goes where a descent that ended for this reason is reported, and says which iteration that was, where it is the best one.
/// A fit that converged has its optimum; one whose thread is wanted back stays at its last recorded point; another goes back
/// to the best iterate. `objectives` are one that gives up at the end of the time, and one that does not.
pub(super) fn settle(point: &mut Point<'_>, reason: StopReason, objectives: &[&dyn Objective; 2]) -> Option<u64> {
    match reason {
        StopReason::Cancelled | StopReason::Interrupted => {
            point.go_back();
            None
        }
        StopReason::MaxSeconds => {
            if point.is_between() {
                let here = point.here.clone();
                point.here.evaluation = objectives[1].evaluate(&here.at, &mut point.here.gradient);
                if objectives[1].is_cut() || !point.is_finite() {
                    point.here = here;
                    point.go_back();
                }
                point.validation_loss = None;
            }
            point.restore_best(objectives[1])
        }
        reason if reason.converged() => None,
        _ => point.restore_best(objectives[0]),
    }
}

/// The loss at coefficients 0: for squared error the mean y².
fn loss_at_zero(problem: &Problem, objective: &dyn Objective) -> f64 {
    if problem.shape == Shape::Quadratic {
        return problem.design.mean_square_target();
    }
    let at = problem.coordinates(&vec![0.0; problem.design.width()]);
    let loss = objective.evaluate(&at, &mut vec![0.0; at.len()]).loss;
    if loss.is_finite() { loss } else { 0.0 }
}

/// The iterate that ran away: its iteration and, in the point, the last finite one.
pub(super) struct RanAway {
    iteration: u64,
    /// Where it is.
    pub(super) at: Vec<f64>,
}

/// Descends from `point` until a rule, the observer or a divergence ends it. `point` is the last finite iterate.
pub(super) fn descend(
    objective: &dyn Objective,
    point: &mut Point<'_>,
    spec: &Spec,
    loss_max: f64,
    observe_first: bool,
    observer: &mut dyn Observer,
) -> Result<StopReason, RanAway> {
    let stop = spec.stop;
    if observe_first && let Control::Stop(reason) = observer.observe(point) {
        return Ok(reason);
    }
    if let Some(reason) = point.ends {
        return Ok(reason);
    }
    let every = point.optimizer.recorded_every().max(1);
    let mut recorded = point.here.evaluation.objective();
    loop {
        let whole = point.iteration.is_multiple_of(every);
        let holds = if whole { converged(objective, point, spec) } else { None };
        let standing = objective.is_long().then(|| point.bare());
        if objective.is_cut() {
            return Ok(called_off(standing, &point.found, observer));
        }
        if let Some(reason) = holds {
            return Ok(reason);
        }
        if point.iteration >= stop.max_iterations {
            return Ok(StopReason::MaxIterations);
        }
        let before = point.here.clone();
        let advance = point.optimizer.advance(objective, &mut point.here);
        let last = point.iteration + 1 >= stop.max_iterations;
        let due = (point.iteration + 1).is_multiple_of(every) || last || advance == Advance::Optimal;
        if advance == Advance::Moved && due {
            point.here.evaluation = objective.evaluate(&point.here.at, &mut point.here.gradient);
        }
        if objective.is_cut() || advance == Advance::GivenUp {
            // What was computed may be a part of itself: the descent ends at the last whole point.
            point.here = before;
            return Ok(called_off(standing, &point.found, observer));
        }
        if advance == Advance::Stuck {
            return Ok(StopReason::NoProgress);
        }
        let finite = point.is_finite();
        if !finite || point.here.evaluation.loss > loss_max {
            let at = point.here.at.clone();
            if !finite {
                point.here = before;
            }
            return Err(RanAway { iteration: point.iteration + 1, at });
        }
        point.iteration += 1;
        if !due {
            point.leave(before);
            if let Control::Stop(reason) = observer.pulse() {
                return Ok(reason);
            }
            continue;
        }
        let judged = point.validation_loss;
        point.judge_here();
        if objective.is_cut() {
            (point.here, point.validation_loss) = (before, judged);
            point.iteration -= 1;
            return Ok(called_off(standing, &point.found, observer));
        }
        point.arrive();
        let now = point.here.evaluation.objective();
        let slow = stop.loss_tolerance > 0.0 && (recorded - now).abs() <= stop.loss_tolerance * recorded.abs();
        recorded = now;
        let stale = match (&mut point.best, point.validation_loss) {
            (Some(best), Some(loss)) => best.observe(point.iteration, loss, &point.here.at),
            _ => false,
        };
        let rules = [advance == Advance::Optimal, slow, stale];
        point.ends = rules.iter().position(|holds| *holds).map(|rule| COMPARING[rule]);
        let control = observer.observe(point);
        if let Some(reason) = point.ends {
            return Ok(reason);
        }
        if let Control::Stop(reason) = control {
            return Ok(reason);
        }
    }
}

/// Why a descent whose step was left in the middle ends; whoever watches may keep how it goes on.
pub(super) fn called_off(
    standing: Option<Checkpoint>,
    found: &[(String, Vec<f64>)],
    observer: &mut dyn Observer,
) -> StopReason {
    let control = match standing {
        Some(mut checkpoint) => {
            checkpoint.floats.extend_from_slice(found);
            observer.standing(&|| checkpoint.clone())
        }
        None => observer.pulse(),
    };
    match control {
        Control::Stop(reason) => reason,
        // What else it could be, the observer would have said; but it looks at the clock now and then only.
        Control::Continue => StopReason::MaxSeconds,
    }
}

/// The rules that look at the present point alone.
fn converged(objective: &dyn Objective, point: &Point<'_>, spec: &Spec) -> Option<StopReason> {
    let Position { at, gradient, evaluation } = &point.here;
    let unbounded = point.ground.is_classifier() && spec.penalty.l2 + spec.penalty.l1 == 0.0;
    if unbounded && evaluation.loss < SEPARATED {
        return Some(StopReason::NoProgress);
    }
    let tolerance = spec.stop.gradient_tolerance;
    if tolerance <= point.optimizer.own_tolerance() {
        return None;
    }
    let flat = tolerance > 0.0 && objective.steepness(at, gradient, *evaluation) <= tolerance;
    // At a kink the slope of one side says nothing: there the method itself has to prove the optimum.
    let smooth = point.ground.shape() != Shape::PiecewiseLinear;
    (flat && smooth).then_some(StopReason::GradientTolerance)
}

/// A number for a sentence: with an exponent where it would be a row of zeros.
fn plain(value: f64) -> String {
    if (1e-4..1e6).contains(&value.abs()) { value.to_string() } else { format!("{value:e}") }
}

pub(super) fn divergence(
    spec: &Spec,
    data: &Dataset,
    point: &Point<'_>,
    ran_away: &RanAway,
    team: &dyn Team,
) -> Divergence {
    let spectrum = point.ground.stable_spectrum(team).filter(|_| !team.was_told());
    let bound = spectrum.and_then(|spectrum| point.optimizer.max_stable_learning_rate(spectrum));
    let gradient_tolerance = (spec.stop.gradient_tolerance == 0.0).then_some(1e-10);
    let advice = match spectrum.and_then(|spectrum| point.optimizer.suggestion(spectrum)) {
        Some((optimizer, iterations)) => {
            Suggestion { optimizer, max_iterations: Some(iterations.max(spec.stop.max_iterations)), gradient_tolerance }
        }
        None => Suggestion { optimizer: Choice::named("auto"), max_iterations: None, gradient_tolerance },
    };
    let mut detail = format!("the loss ran away at iteration {}", ran_away.iteration);
    if let (Some(bound), Some(rate)) = (bound, point.optimizer.learning_rate()) {
        detail.push_str(&format!(
            ": the learning rate {} is above {}, the largest that is stable on this data; post the suggestion instead",
            plain(rate),
            plain(bound)
        ));
    }
    let loss = point.here.evaluation.loss;
    Divergence {
        iteration: ran_away.iteration,
        names: super::coefficient_names(&spec.model, data).unwrap_or_default(),
        coefficients: point.coefficients(),
        loss: Some(loss).filter(|loss| loss.is_finite()),
        max_stable_learning_rate: bound,
        suggestion: Some(advice),
        row: None,
        detail,
    }
}
