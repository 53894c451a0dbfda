//! The registry of learning-rate schedules: a factor of the learning rate by iteration, counted from 0. Each may begin with
//! a warm-up, during which the rate grows in a straight line from 0.

use super::super::registry::{Bound, Choice, Descriptor, Domain, Fallback, Param, Value};

const WARM_UP: Param = Param {
    name: "warm_up",
    domain: Domain::Integer(0, 10_000_000),
    fallback: Fallback::Integer(0),
    meaning: "Iterations during which the rate grows to its full value.",
};
const EVERY: Param = Param {
    name: "every",
    domain: Domain::Integer(1, 10_000_000),
    fallback: Fallback::Integer(1000),
    meaning: "Iterations that one factor stands for.",
};
const FACTOR: Param = Param {
    name: "factor",
    domain: Domain::Number(Bound::Open(0.0), Bound::Closed(1.0)),
    fallback: Fallback::Number(0.5),
    meaning: "What the rate is multiplied by.",
};
const FLOOR: Param = Param {
    name: "floor",
    domain: Domain::Number(Bound::Closed(0.0), Bound::Closed(1.0)),
    fallback: Fallback::Number(0.0),
    meaning: "The least part of the rate that is kept.",
};

static CONSTANT: Descriptor =
    Descriptor { kind: "constant", summary: "The learning rate stays what it is.", params: &[WARM_UP] };
static STEP: Descriptor = Descriptor {
    kind: "step",
    summary: "The rate is multiplied by the factor after every so many iterations.",
    params: &[EVERY, FACTOR, WARM_UP],
};
static EXPONENTIAL: Descriptor = Descriptor {
    kind: "exponential",
    summary: "The rate shrinks by the factor over so many iterations, a little each time.",
    params: &[EVERY, FACTOR, WARM_UP],
};
static INVERSE_TIME: Descriptor = Descriptor {
    kind: "inverse_time",
    summary: "The rate is divided by 1 + t/every (Robbins & Monro 1951).",
    params: &[EVERY, WARM_UP],
};
static COSINE: Descriptor = Descriptor {
    kind: "cosine",
    summary: "The rate falls to its floor along half a cosine over all iterations (Loshchilov & Hutter 2017).",
    params: &[FLOOR, WARM_UP],
};
static PLATEAU: Descriptor = Descriptor {
    kind: "reduce_on_plateau",
    summary: "The rate is multiplied by the factor when the objective has not become better for a while.",
    params: &[
        Param {
            name: "patience",
            domain: Domain::Integer(1, 10_000_000),
            fallback: Fallback::Integer(10),
            meaning: "Recorded iterations without progress that are borne.",
        },
        Param {
            name: "threshold",
            domain: Domain::Number(Bound::Closed(0.0), Bound::Open(1.0)),
            fallback: Fallback::Number(1e-4),
            meaning: "The relative decrease that counts as progress.",
        },
        FACTOR,
        FLOOR,
        WARM_UP,
    ],
};

/// All schedules, in the order in which they are shown.
pub(super) static REGISTRY: [&Descriptor; 6] = [&CONSTANT, &STEP, &EXPONENTIAL, &INVERSE_TIME, &COSINE, &PLATEAU];

/// The parameter of optimizers that follow a schedule.
pub(super) const SCHEDULE: Param = Param {
    name: "schedule",
    domain: Domain::Choice("schedules"),
    fallback: Fallback::Word("constant"),
    meaning: "How the learning rate changes.",
};

/// The schedule that keeps the rate.
pub(super) fn constant() -> Value {
    Value::Choice(Box::new(Choice::named(CONSTANT.kind).with("warm_up", Value::Integer(0))))
}

#[derive(Clone, Copy, Debug)]
enum Course {
    Constant,
    Step { every: f64, factor: f64 },
    Exponential { every: f64, factor: f64 },
    InverseTime { every: f64 },
    Cosine { floor: f64, length: f64 },
    Plateau { patience: f64, threshold: f64, factor: f64, floor: f64 },
}

/// A running schedule.
#[derive(Clone, Debug)]
pub(super) struct Schedule {
    course: Course,
    warm_up: f64,
    /// Plateau: the best objective, recorded iterations since, the present factor.
    best: f64,
    waited: f64,
    reduced: f64,
}

impl Schedule {
    pub(super) fn new(choice: Option<&Choice>, max_iterations: u64) -> Self {
        let named = Choice::named(CONSTANT.kind);
        let choice = choice.unwrap_or(&named);
        let number = |name: &str, otherwise: f64| choice.number(name).unwrap_or(otherwise);
        let (every, factor, floor) = (number("every", 1000.0), number("factor", 0.5), number("floor", 0.0));
        let warm_up = number("warm_up", 0.0);
        let course = match choice.kind.as_str() {
            "step" => Course::Step { every, factor },
            "exponential" => Course::Exponential { every, factor },
            "inverse_time" => Course::InverseTime { every },
            "cosine" => Course::Cosine { floor, length: (max_iterations as f64 - warm_up).max(1.0) },
            "reduce_on_plateau" => Course::Plateau {
                patience: number("patience", 10.0),
                threshold: number("threshold", 1e-4),
                factor,
                floor,
            },
            _ => Course::Constant,
        };
        Self { course, warm_up, best: f64::INFINITY, waited: 0.0, reduced: 1.0 }
    }

    /// Whether the factor is 1 for ever.
    pub(super) fn is_constant(&self) -> bool {
        matches!(self.course, Course::Constant) && self.warm_up == 0.0
    }

    /// Takes notice of a recorded objective.
    pub(super) fn observe(&mut self, objective: f64) {
        let Course::Plateau { patience, threshold, factor, floor } = self.course else { return };
        if objective < self.best - threshold * self.best.abs().min(f64::MAX) || self.best.is_infinite() {
            self.best = objective;
            self.waited = 0.0;
            return;
        }
        self.waited += 1.0;
        if self.waited > patience {
            self.waited = 0.0;
            self.reduced = (self.reduced * factor).max(floor);
        }
    }

    /// The factor for the update that follows iteration `t`.
    pub(super) fn factor(&self, t: u64) -> f64 {
        let t = t as f64;
        let warm = if t < self.warm_up { (t + 1.0) / self.warm_up } else { 1.0 };
        let t = (t - self.warm_up).max(0.0);
        let power = |base: f64, exponent: f64| libm::exp(exponent * libm::log(base));
        warm * match self.course {
            Course::Constant => 1.0,
            Course::Step { every, factor } => power(factor, (t / every).floor()),
            Course::Exponential { every, factor } => power(factor, t / every),
            Course::InverseTime { every } => 1.0 / (1.0 + t / every),
            Course::Cosine { floor, length } => {
                let part = (t / length).min(1.0);
                floor + (1.0 - floor) * 0.5 * (1.0 + libm::cos(std::f64::consts::PI * part))
            }
            Course::Plateau { .. } => self.reduced,
        }
    }

    /// What [`Schedule::restore`] needs.
    pub(super) fn state(&self) -> Vec<f64> {
        // No infinity in a checkpoint: an unset best is told by its absence.
        if self.best.is_finite() { vec![self.waited, self.reduced, self.best] } else { vec![self.waited, self.reduced] }
    }

    pub(super) fn restore(&mut self, state: &[f64]) -> bool {
        let [waited, reduced, best @ ..] = state else { return false };
        (self.waited, self.reduced) = (*waited, *reduced);
        self.best = best.first().copied().unwrap_or(f64::INFINITY);
        best.len() <= 1
    }
}
