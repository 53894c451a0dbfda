//! The loop: evaluate, ask the stopping rules and the observer, step. It knows neither what is minimized nor how a
//! step is made.

use super::losses::Shape;
use super::objective::{Evaluation, Objective, Spectrum};
use super::observer::{Checkpoint, Control, Observer, Step};
use super::optimizers::{Advance, Optimizer, Position};
use super::outcome::{Divergence, Minimum, Outcome, StopReason, Suggestion};
use super::problem::{Problem, Unready};
use super::registry::Choice;
use super::report::{Ended, report};
use super::restarts;
use super::spec::{Spec, Split};
use super::validation::{Best, Judge, parts};
use super::{Dataset, Lanes, NUMERICS_VERSION, Team, start};

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

/// What a descent needs to know of the fit that it is made for.
pub(super) trait Ground: Sync {
    /// Coordinates → coefficients in data units, in the fixed order of answers.
    fn coefficients(&self, at: &[f64]) -> Vec<f64>;
    /// The slopes of steepest descent by the coefficients that descend, in data units.
    fn slopes(&self, at: &[f64], gradient: &[f64]) -> Vec<f64>;
    fn lanes(&self) -> Lanes;
    fn shape(&self) -> Shape;
    fn is_classifier(&self) -> bool;
    /// The spectrum that bounds a stable learning rate, where there is one: the objective is quadratic.
    fn stable_spectrum(&self) -> Option<Spectrum>;
    /// The optimizer that was asked for.
    fn optimizer(&self, spec: &Spec) -> Option<Box<dyn Optimizer>>;
    /// The objective in the cheapest representation that there is.
    fn objective<'a>(&'a self, team: &'a dyn Team) -> Box<dyn Objective + 'a>;
}

/// The loss on the rows that judge, at some coordinates.
pub(super) type Judging<'a> = &'a dyn Fn(&[f64]) -> f64;

/// Where a descent stands.
pub(super) struct Point<'a> {
    ground: &'a dyn Ground,
    pub(super) here: Position,
    pub(super) initial_loss: f64,
    iteration: u64,
    pub(super) optimizer: Box<dyn Optimizer>,
    judge: Option<Judging<'a>>,
    validation_loss: Option<f64>,
    pub(super) best: Option<Best>,
    /// The rule that ends the descent here, known before the point is observed so that a checkpoint has it.
    ends: Option<StopReason>,
    /// How many times the descent has begun anew from another place.
    pub(super) stage: u64,
}

/// The rules that compare a point with those before it, by their number in a checkpoint.
const COMPARING: [StopReason; 3] =
    [StopReason::GradientTolerance, StopReason::LossTolerance, StopReason::ValidationStoppedImproving];

impl<'a> Point<'a> {
    pub(super) fn new(
        ground: &'a dyn Ground,
        judge: Option<Judging<'a>>,
        at: Vec<f64>,
        optimizer: Box<dyn Optimizer>,
    ) -> Self {
        let gradient = vec![0.0; at.len()];
        let here = Position { at, gradient, evaluation: Evaluation { loss: 0.0, penalty: 0.0 } };
        Self {
            ground,
            here,
            initial_loss: 0.0,
            iteration: 0,
            optimizer,
            judge,
            validation_loss: None,
            best: None,
            ends: None,
            stage: 0,
        }
    }

    /// Evaluates the objective and the loss on the rows that judge where the descent stands.
    pub(super) fn evaluate(&mut self, objective: &dyn Objective) {
        self.here.evaluation = objective.evaluate(&self.here.at, &mut self.here.gradient);
        self.judge_here();
        if self.iteration == 0 {
            self.initial_loss = self.here.evaluation.loss;
        }
    }

    fn judge_here(&mut self) {
        self.validation_loss = self.judge.map(|judge| judge(&self.here.at));
    }

    /// Begins anew from another place, as one more iteration.
    pub(super) fn begin_again(&mut self, objective: &dyn Objective, at: Vec<f64>, optimizer: Box<dyn Optimizer>) {
        self.stage += 1;
        self.iteration += 1;
        self.ends = None;
        self.here.at = at;
        self.optimizer = optimizer;
        self.evaluate(objective);
    }

    pub(super) fn is_finite(&self) -> bool {
        self.here.evaluation.is_finite()
            && self.here.gradient.iter().chain(&self.here.at).all(|value| value.is_finite())
    }

    pub(super) fn restore(&mut self, checkpoint: &Checkpoint) -> bool {
        let vector = |name: &str| checkpoint.floats.iter().find(|(other, _)| other == name).map(|(_, values)| values);
        let (Some(at), Some(initial)) = (vector("coordinates"), vector("initial_loss")) else { return false };
        if checkpoint.numerics_version != NUMERICS_VERSION || at.len() != self.here.at.len() || initial.len() != 1 {
            return false;
        }
        if self.best.as_mut().is_some_and(|best| !best.restore(&checkpoint.floats)) {
            return false;
        }
        if !self.optimizer.restore(&checkpoint.floats) {
            return false;
        }
        let ends = vector("ends").and_then(|ends| ends.first());
        self.ends = ends.and_then(|number| COMPARING.get(*number as usize).copied());
        self.stage = vector("stage").and_then(|stage| stage.first()).map_or(0, |stage| *stage as u64);
        self.here.at.clone_from(at);
        self.initial_loss = initial[0];
        self.iteration = checkpoint.iteration;
        true
    }
}

impl Step for Point<'_> {
    fn iteration(&self) -> u64 {
        self.iteration
    }

    fn loss(&self) -> f64 {
        self.here.evaluation.loss
    }

    fn objective(&self) -> f64 {
        self.here.evaluation.objective()
    }

    fn gradient_norm(&self) -> f64 {
        norm(self.ground.lanes(), &self.ground.slopes(&self.here.at, &self.here.gradient))
    }

    fn validation_loss(&self) -> Option<f64> {
        self.validation_loss
    }

    fn coefficients(&self) -> Vec<f64> {
        self.ground.coefficients(&self.here.at)
    }

    fn checkpoint(&self) -> Checkpoint {
        let mut floats = vec![
            ("coordinates".to_owned(), self.here.at.clone()),
            ("initial_loss".to_owned(), vec![self.initial_loss]),
        ];
        let number = COMPARING.iter().position(|reason| Some(*reason) == self.ends);
        floats.extend(number.map(|number| ("ends".to_owned(), vec![number as f64])));
        if self.stage > 0 {
            floats.push(("stage".to_owned(), vec![self.stage as f64]));
        }
        floats.extend(self.best.iter().flat_map(Best::state));
        floats.extend(self.optimizer.state());
        Checkpoint { numerics_version: NUMERICS_VERSION, iteration: self.iteration, floats, integers: Vec::new() }
    }
}

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
    let (training, judging) = (data.subset(&parts.training), data.subset(&parts.judging));
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
    let problem = match Problem::new(data, spec, team, how) {
        Ok(problem) => problem,
        Err(Unready::Abandoned) => return Outcome::Abandoned,
        Err(Unready::NonFinite(row)) => return Outcome::NonFinite { row },
    };
    let judge = judging.and_then(|rows| problem.design.on(&spec.model, spec.weights.as_ref(), rows).ok());
    let judge = judge.map(|design| Judge::new(design, &problem, team));
    if team.abandoned() {
        return Outcome::Abandoned;
    }
    let Some(optimizer) = problem.optimizer(spec) else { return Outcome::NonFinite { row: None } };
    let objective = problem.objective(team);
    let mut first = problem.coordinates(&start::internal(&spec.start, spec.seed, data, spec, &problem));
    let mut minima: Vec<Minimum> = Vec::new();
    if let Some(restarts) = spec.restarts.filter(|restarts| restarts.count > 1) {
        let Some(found) = restarts::search(&problem, spec, restarts, &first, team) else { return Outcome::Abandoned };
        (first, minima) = (found.start, found.minima);
    }
    let judging = judge.as_ref().map(|judge| |at: &[f64]| judge.loss(&problem.working(at)));
    let judging = judging.as_ref().map(|judging| judging as Judging<'_>);
    let mut point = Point::new(&problem, judging, first.clone(), optimizer);
    let patience = spec.validation.as_ref().and_then(|validation| validation.patience);
    if let (Some(patience), Some(judge)) = (patience, &judge) {
        point.best = Some(Best::new(patience, judge.loss(&problem.working(&first)), &first));
    }
    let resumed = resume.is_some_and(|checkpoint| point.restore(checkpoint));
    point.evaluate(objective.as_ref());
    if !resumed && !point.is_finite() {
        return Outcome::NonFinite { row: problem.design.first_overflowing_row(&problem.working(&first)) };
    }
    let loss_max = DIVERGENCE_FACTOR * point.initial_loss.max(loss_at_zero(&problem, objective.as_ref()));
    match descend(objective.as_ref(), &mut point, spec, loss_max, !resumed, observer) {
        Ok(reason) => {
            // A fit that converged has its optimum; one that stopped otherwise goes back to the best iterate.
            let best_iteration = if reason.converged() { None } else { restore_best(objective.as_ref(), &mut point) };
            let ended = Ended {
                reason,
                step: &point,
                at: &point.here.at,
                start: problem.coefficients(&first),
                learning_rate: point.optimizer.learning_rate(),
                judge: judge.as_ref(),
                best_iteration,
                minima,
            };
            report(spec, data, &problem, team, how, ended)
        }
        Err(ran_away) => Outcome::Diverged(Box::new(divergence(spec, data, &point, &ran_away))),
    }
}

/// Goes back to the iterate that did best on the rows that judge.
pub(super) fn restore_best(objective: &dyn Objective, point: &mut Point<'_>) -> Option<u64> {
    let best = point.best.take()?;
    point.here.at.clone_from(&best.at);
    point.here.evaluation = objective.evaluate(&best.at, &mut point.here.gradient);
    point.judge_here();
    Some(best.iteration)
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

/// The Euclidean norm, also where a square would overflow or vanish.
fn norm(lanes: Lanes, vector: &[f64]) -> f64 {
    let largest = vector.iter().fold(0.0f64, |largest, value| largest.max(value.abs()));
    if (1e-140..1e140).contains(&largest) || largest == 0.0 || !largest.is_finite() {
        return lanes.dot(vector, vector).sqrt();
    }
    let scaled: Vec<f64> = vector.iter().map(|value| value / largest).collect();
    largest * lanes.dot(&scaled, &scaled).sqrt()
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
        if whole && let Some(reason) = converged(objective, point, spec) {
            return Ok(reason);
        }
        if point.iteration >= stop.max_iterations {
            return Ok(StopReason::MaxIterations);
        }
        let before = point.here.clone();
        let advance = point.optimizer.advance(objective, &mut point.here);
        if advance == Advance::Stuck {
            return Ok(StopReason::NoProgress);
        }
        let last = point.iteration + 1 >= stop.max_iterations;
        let due = (point.iteration + 1).is_multiple_of(every) || last || advance == Advance::Optimal;
        if advance == Advance::Moved && due {
            point.here.evaluation = objective.evaluate(&point.here.at, &mut point.here.gradient);
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
            if let Control::Stop(reason) = observer.pulse() {
                // What is reported of the last point is about that point.
                point.here.evaluation = objective.evaluate(&point.here.at, &mut point.here.gradient);
                point.judge_here();
                let (iteration, at) = (point.iteration, point.here.at.clone());
                return if point.is_finite() { Ok(reason) } else { Err(RanAway { iteration, at }) };
            }
            continue;
        }
        point.judge_here();
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

pub(super) fn divergence(spec: &Spec, data: &Dataset, point: &Point<'_>, ran_away: &RanAway) -> Divergence {
    let spectrum = point.ground.stable_spectrum();
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
