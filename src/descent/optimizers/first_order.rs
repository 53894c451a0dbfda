//! What all first-order methods share: learning rate, schedule, batches drawn by seeded shuffles, the proximal step for l1
//! penalties and ranges. A [`Rule`] says how a gradient becomes a step.

use rand_core::{Rng, SeedableRng};
use rand_pcg::Pcg64;

use super::super::objective::Objective;
use super::super::registry::{Bound, Choice, Domain, Fallback, Param};
use super::schedule::Schedule;
use super::{Advance, Optimizer, Position, Setting, stored};

/// The parameter of optimizers that draw batches.
pub(super) const BATCH_SIZE: Param = Param {
    name: "batch_size",
    domain: Domain::Integer(1, 1_000_000_000),
    fallback: Fallback::Absent,
    meaning: "Rows whose gradient makes one step, drawn without repetition in each epoch; all rows if left out.",
};

/// The learning rate of methods that adapt it by coordinate.
pub(super) const RATE: Param = Param {
    name: "learning_rate",
    domain: Domain::NumberOr(Bound::Open(0.0), Bound::Free, &["auto"]),
    fallback: Fallback::Word("auto"),
    meaning: "The step's length; auto is a part of the coefficients' unit.",
};

/// The small number beside a root that divides.
pub(super) const EPSILON: Param = Param {
    name: "epsilon",
    domain: Domain::Number(Bound::Open(0.0), Bound::Free),
    fallback: Fallback::Number(1e-8),
    meaning: "Added to the root of the mean squared gradient, against division by 0.",
};

/// How a gradient becomes a step.
pub(super) trait Rule {
    /// Where the gradient is taken, if not here.
    fn ahead(&self, _at: &[f64]) -> Option<Vec<f64>> {
        None
    }
    /// Moves `next`, which begins as the present coordinates, and writes each coordinate's own rate. True if a bit of the
    /// rule's state changed that has yet to show in the coordinates.
    fn step(&mut self, rate: f64, gradient: &[f64], next: &mut [f64], rates: &mut [f64]) -> bool;
    /// Takes notice of the step that was made, where an l1 penalty or a range changed it.
    fn moved(&mut self, _step: &[f64]) {}
    /// Its state.
    fn state(&self) -> Vec<(String, Vec<f64>)>;
    /// Takes over a state.
    fn restore(&mut self, state: &[(String, Vec<f64>)]) -> bool;
}

/// A first-order method with a rate that does not depend on the position.
pub(super) struct FirstOrder<R: Rule> {
    pub(super) rule: R,
    pub(super) rate: f64,
    schedule: Schedule,
    batches: Option<Batches>,
    iteration: u64,
}

impl<R: Rule> FirstOrder<R> {
    pub(super) fn new(rule: R, rate: f64, choice: &Choice, setting: &Setting<'_>) -> Self {
        let batches = choice.integer("batch_size").map(|size| Batches {
            size: (size.min(setting.rows as u64) as usize).max(1),
            rows: setting.rows,
            seed: setting.seed,
            epoch: u64::MAX,
            order: Vec::new(),
        });
        let schedule = Schedule::new(choice.choice("schedule"), setting.max_iterations);
        Self { rule, rate, schedule, batches, iteration: 0 }
    }

    /// Whether the step is the same at every iteration and over all rows.
    pub(super) fn is_fixed(&self) -> bool {
        self.schedule.is_constant() && self.batches.is_none()
    }
}

/// The rate of a method that adapts it by coordinate.
pub(super) fn adaptive_rate(choice: &Choice, part: f64, setting: &Setting<'_>) -> f64 {
    choice.number("learning_rate").unwrap_or(part * setting.unit)
}

/// Moves a coordinate and says whether a bit changed. A step below the smallest normal number is none: from 0 such steps
/// could be made for ever.
fn shift(value: &mut f64, next: f64) -> bool {
    if (next - *value).abs() < f64::MIN_POSITIVE {
        return false;
    }
    *value = next;
    true
}

impl<R: Rule> Optimizer for FirstOrder<R> {
    fn advance(&mut self, objective: &dyn Objective, here: &mut Position) -> Advance {
        let every = self.recorded_every();
        if self.iteration.is_multiple_of(every) {
            self.schedule.observe(here.evaluation.objective());
        }
        let rate = self.rate * self.schedule.factor(self.iteration);
        let ahead = self.rule.ahead(&here.at);
        let mut own = Vec::new();
        let rows = self.batches.as_mut().map(|batches| batches.at(self.iteration).to_vec());
        let gradient: &[f64] = match (&rows, &ahead) {
            (None, None) => &here.gradient,
            (Some(rows), _) => {
                own.resize(here.at.len(), 0.0);
                objective.evaluate_rows(rows, ahead.as_deref().unwrap_or(&here.at), &mut own);
                &own
            }
            (None, Some(ahead)) => {
                own.resize(here.at.len(), 0.0);
                objective.evaluate(ahead, &mut own);
                &own
            }
        };
        let mut next = here.at.clone();
        let mut rates = vec![rate; next.len()];
        let mut moved = self.rule.step(rate, gradient, &mut next, &mut rates);
        let kinks = objective.kinks();
        let before = if kinks.is_empty() { Vec::new() } else { here.at.clone() };
        for (coordinate, value) in here.at.iter_mut().enumerate() {
            let target = next[coordinate];
            let target = if kinks.is_empty() { target } else { kinks.proximal(coordinate, rates[coordinate], target) };
            moved |= shift(value, target);
        }
        if !kinks.is_empty() {
            let step: Vec<f64> = here.at.iter().zip(&before).map(|(after, before)| after - before).collect();
            self.rule.moved(&step);
        }
        self.iteration += 1;
        // A batch of other rows, or another rate, may move what this one did not.
        if moved || !self.is_fixed() { Advance::Moved } else { Advance::Stuck }
    }

    fn recorded_every(&self) -> u64 {
        self.batches.as_ref().map_or(1, Batches::per_epoch)
    }

    fn learning_rate(&self) -> Option<f64> {
        self.schedule.is_constant().then_some(self.rate)
    }

    fn state(&self) -> Vec<(String, Vec<f64>)> {
        let mut state = self.rule.state();
        state.push(("iteration".to_owned(), vec![self.iteration as f64]));
        state.push(("schedule".to_owned(), self.schedule.state()));
        state
    }

    fn restore(&mut self, state: &[(String, Vec<f64>)]) -> bool {
        let schedule = state.iter().find(|(name, _)| name == "schedule");
        let (Some([iteration]), Some((_, schedule))) = (stored(state, "iteration", 1), schedule) else { return false };
        self.iteration = *iteration as u64;
        self.schedule.restore(schedule) && self.rule.restore(state)
    }
}

/// Rows in batches: each epoch is a shuffle of its own, made from the seed and the epoch's number alone, so that a resumed
/// run draws the same.
struct Batches {
    size: usize,
    rows: usize,
    seed: u64,
    /// The epoch that `order` is for.
    epoch: u64,
    order: Vec<u32>,
}

impl Batches {
    fn per_epoch(&self) -> u64 {
        (self.rows.div_ceil(self.size) as u64).max(1)
    }

    /// The rows of the update that follows this iteration.
    fn at(&mut self, iteration: u64) -> &[u32] {
        let (epoch, batch) = (iteration / self.per_epoch(), (iteration % self.per_epoch()) as usize);
        if epoch != self.epoch {
            self.epoch = epoch;
            // The last order is let go first.
            self.order = Vec::new();
            self.order = shuffled(self.rows, self.seed, epoch);
        }
        &self.order[batch * self.size..self.order.len().min((batch + 1) * self.size)]
    }
}

/// All rows in a random order (Fisher & Yates).
pub(in super::super) fn shuffled(rows: usize, seed: u64, stream: u64) -> Vec<u32> {
    let mut generator = Pcg64::seed_from_u64(seed ^ stream.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    let mut order: Vec<u32> = (0..rows.min(u32::MAX as usize) as u32).collect();
    for last in (1..order.len()).rev() {
        // The bias of this reduction is below rows/2⁶⁴.
        let other = ((u128::from(generator.next_u64()) * (last as u128 + 1)) >> 64) as usize;
        order.swap(last, other);
    }
    order
}
