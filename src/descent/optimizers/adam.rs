//! `adam`: moving means of the gradient and of its square, each corrected for its start at 0, make a step by coordinate
//! (Kingma & Ba 2015, algorithm 1).

use super::super::losses::Shape;
use super::super::registry::{Bound, Choice, Descriptor, Domain, Fallback, Param};
use super::super::spec::Spec;
use super::first_order::{BATCH_SIZE, EPSILON, FirstOrder, RATE, Rule, adaptive_rate};
use super::schedule::SCHEDULE;
use super::{Method, Optimizer, Setting, scale, stored};

pub(super) struct Adam;

/// How slowly the mean of the gradient moves.
pub(super) const BETA1: Param = Param {
    name: "beta1",
    domain: Domain::Number(Bound::Closed(0.0), Bound::Open(1.0)),
    fallback: Fallback::Number(0.9),
    meaning: "How much of the mean gradient is kept.",
};

/// How slowly the mean of its square moves.
pub(super) const BETA2: Param = Param {
    name: "beta2",
    domain: Domain::Number(Bound::Closed(0.0), Bound::Open(1.0)),
    fallback: Fallback::Number(0.999),
    meaning: "How much of the mean squared gradient is kept.",
};

static DESCRIPTOR: Descriptor = Descriptor {
    kind: "adam",
    summary: "Moving means of the gradient and its square make a step by coordinate.",
    params: &[RATE, BETA1, BETA2, EPSILON, SCHEDULE, BATCH_SIZE],
};

impl Method for Adam {
    fn descriptor(&self) -> &'static Descriptor {
        &DESCRIPTOR
    }

    fn resolve(&self, spec: Spec, _shape: Shape) -> Spec {
        scale(spec, "standardize")
    }

    fn build(&self, choice: &Choice, setting: &Setting<'_>) -> Box<dyn Optimizer> {
        let rule = Moments::new(choice, setting.width, 0.0);
        Box::new(FirstOrder::new(rule, adaptive_rate(choice, 0.05, setting), choice, setting))
    }
}

/// The two moving means, and how much the coordinates shrink at each step.
pub(super) struct Moments {
    beta1: f64,
    beta2: f64,
    epsilon: f64,
    shrink: f64,
    means: Vec<f64>,
    squares: Vec<f64>,
    /// β₁ᵗ and β₂ᵗ.
    powers: Vec<f64>,
}

impl Moments {
    /// `shrink` times the rate is the part of each coordinate that a step takes away.
    pub(super) fn new(choice: &Choice, width: usize, shrink: f64) -> Self {
        Self {
            beta1: choice.number("beta1").unwrap_or(0.9),
            beta2: choice.number("beta2").unwrap_or(0.999),
            epsilon: choice.number("epsilon").unwrap_or(1e-8),
            shrink,
            means: vec![0.0; width],
            squares: vec![0.0; width],
            powers: vec![1.0, 1.0],
        }
    }
}

impl Rule for Moments {
    fn step(&mut self, rate: f64, gradient: &[f64], next: &mut [f64], rates: &mut [f64]) -> bool {
        self.powers[0] *= self.beta1;
        self.powers[1] *= self.beta2;
        let mut changed = false;
        for (k, slope) in gradient.iter().enumerate() {
            let mean = self.beta1.mul_add(self.means[k], (1.0 - self.beta1) * slope);
            let square = self.beta2.mul_add(self.squares[k], (1.0 - self.beta2) * slope * slope);
            changed |= mean.to_bits() != self.means[k].to_bits() || square.to_bits() != self.squares[k].to_bits();
            (self.means[k], self.squares[k]) = (mean, square);
            let root = (square / (1.0 - self.powers[1])).sqrt() + self.epsilon;
            rates[k] = rate / root;
            let kept = (-rate * self.shrink).mul_add(next[k], next[k]);
            next[k] = (-rates[k]).mul_add(mean / (1.0 - self.powers[0]), kept);
        }
        changed
    }

    fn state(&self) -> Vec<(String, Vec<f64>)> {
        vec![
            ("means".to_owned(), self.means.clone()),
            ("squares".to_owned(), self.squares.clone()),
            ("powers".to_owned(), self.powers.clone()),
        ]
    }

    fn restore(&mut self, state: &[(String, Vec<f64>)]) -> bool {
        let width = self.means.len();
        let stored = (stored(state, "means", width), stored(state, "squares", width), stored(state, "powers", 2));
        let (Some(means), Some(squares), Some(powers)) = stored else { return false };
        (self.means, self.squares, self.powers) = (means.to_vec(), squares.to_vec(), powers.to_vec());
        true
    }
}
