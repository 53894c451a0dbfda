//! Where a descent stands, and what it needs to know of the fit that it is made for. It knows neither the rules that end a
//! descent nor who watches it.

use super::losses::Shape;
use super::objective::{Evaluation, Objective, Spectrum};
use super::observer::{Checkpoint, Step};
use super::optimizers::{Optimizer, Position};
use super::outcome::StopReason;
use super::spec::Spec;
use super::validation::Best;
use super::{Lanes, NUMERICS_VERSION, Team};

/// What a descent needs to know of the fit that it is made for.
pub(super) trait Ground: Sync {
    /// Coordinates → coefficients in data units, in the fixed order of answers.
    fn coefficients(&self, at: &[f64]) -> Vec<f64>;
    /// Whether doubles hold the coefficients in data units, which may be larger than coordinates.
    fn holds(&self, at: &[f64]) -> bool {
        self.coefficients(at).iter().all(|value| value.is_finite())
    }
    /// The slopes of steepest descent by the coefficients that descend, in data units.
    fn slopes(&self, at: &[f64], gradient: &[f64]) -> Vec<f64>;
    fn lanes(&self) -> Lanes;
    fn shape(&self) -> Shape;
    fn is_classifier(&self) -> bool;
    /// The spectrum that bounds a stable learning rate, where there is one: the objective is quadratic.
    fn stable_spectrum(&self, team: &dyn Team) -> Option<Spectrum>;
    /// The optimizer that was asked for.
    fn optimizer(&self, spec: &Spec, team: &dyn Team) -> Option<Box<dyn Optimizer>>;
    /// The objective in the cheapest representation that there is.
    fn objective<'a>(&'a self, team: &'a dyn Team) -> Box<dyn Objective + 'a>;
}

/// The loss on the rows that judge, at some coordinates.
pub(super) type Judging<'a> = &'a dyn Fn(&[f64]) -> f64;

/// Where a descent stands.
pub(super) struct Point<'a> {
    pub(super) ground: &'a dyn Ground,
    pub(super) here: Position,
    pub(super) initial_loss: f64,
    pub(super) iteration: u64,
    pub(super) optimizer: Box<dyn Optimizer>,
    judge: Option<Judging<'a>>,
    pub(super) validation_loss: Option<f64>,
    pub(super) best: Option<Best>,
    /// The rule that ends the descent here, known before the point is observed so that a checkpoint has it.
    pub(super) ends: Option<StopReason>,
    /// The last point that was recorded, while the descent stands between two.
    recorded: Option<(u64, Position)>,
    /// What was found before the descent: see [`super::seeking`].
    pub(super) found: Vec<(String, Vec<f64>)>,
    /// How many times the descent has begun anew from another place.
    pub(super) stage: u64,
}

/// The reasons that a point cannot tell without those before it, by their number in a checkpoint.
pub(super) const COMPARING: [StopReason; 4] = [
    StopReason::GradientTolerance,
    StopReason::LossTolerance,
    StopReason::ValidationStoppedImproving,
    StopReason::NoProgress,
];

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
            recorded: None,
            found: Vec::new(),
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

    pub(super) fn judge_here(&mut self) {
        self.validation_loss = self.judge.map(|judge| judge(&self.here.at));
    }

    /// Remembers the point before a step that is not recorded, if that one was.
    pub(super) fn leave(&mut self, before: Position) {
        let iteration = self.iteration - 1;
        self.recorded.get_or_insert((iteration, before));
    }

    /// The point is a recorded one again.
    pub(super) fn arrive(&mut self) {
        self.recorded = None;
    }

    /// Whether the loss of this very point is not known, but that of the last one that was recorded.
    pub(super) fn is_between(&self) -> bool {
        self.recorded.is_some()
    }

    /// Goes back to the last point that was recorded, without any work.
    pub(super) fn go_back(&mut self) {
        if let Some((iteration, position)) = self.recorded.take() {
            (self.iteration, self.here) = (iteration, position);
        }
    }

    /// Goes back to the iterate that did best on the rows that judge, where it can be evaluated there.
    pub(super) fn restore_best(&mut self, objective: &dyn Objective) -> Option<u64> {
        let best = self.best.take()?;
        let here = self.here.clone();
        self.here.at.clone_from(&best.at);
        self.here.evaluation = objective.evaluate(&best.at, &mut self.here.gradient);
        if objective.is_cut() {
            self.here = here;
            return None;
        }
        self.validation_loss = Some(best.loss);
        Some(best.iteration)
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
            && self.ground.holds(&self.here.at)
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
        let mut checkpoint = self.bare();
        checkpoint.floats.extend(self.found.iter().cloned());
        checkpoint
    }
}

impl Point<'_> {
    /// Why the descent has ended here, for a checkpoint: it does not end again by a step that was made before.
    pub(super) fn end(&mut self, reason: StopReason) {
        self.ends = Some(reason).filter(|reason| COMPARING.contains(reason));
    }

    /// The checkpoint without what was found before the descent.
    pub(super) fn bare(&self) -> Checkpoint {
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

/// The Euclidean norm, also where a square would overflow or vanish.
pub(super) fn norm(lanes: Lanes, vector: &[f64]) -> f64 {
    let largest = vector.iter().fold(0.0f64, |largest, value| largest.max(value.abs()));
    if (1e-140..1e140).contains(&largest) || largest == 0.0 || !largest.is_finite() {
        return lanes.dot(vector, vector).sqrt();
    }
    let scaled: Vec<f64> = vector.iter().map(|value| value / largest).collect();
    largest * lanes.dot(&scaled, &scaled).sqrt()
}
