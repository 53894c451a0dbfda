//! `rmsprop`: each coordinate's rate is divided by the root of a moving mean of its squared gradients (Tieleman & Hinton 2012).

use super::super::losses::Shape;
use super::super::registry::{Bound, Choice, Descriptor, Domain, Fallback, Param};
use super::super::spec::Spec;
use super::first_order::{BATCH_SIZE, EPSILON, FirstOrder, RATE, Rule, adaptive_rate};
use super::schedule::SCHEDULE;
use super::{Method, Optimizer, Setting, scale, stored};

pub(super) struct RmsProp;

static DESCRIPTOR: Descriptor = Descriptor {
    kind: "rmsprop",
    summary: "A rate by coordinate that follows the recent squared gradients.",
    params: &[
        RATE,
        Param {
            name: "decay",
            domain: Domain::Number(Bound::Closed(0.0), Bound::Open(1.0)),
            fallback: Fallback::Number(0.9),
            meaning: "How much of the mean squared gradient is kept.",
        },
        EPSILON,
        SCHEDULE,
        BATCH_SIZE,
    ],
};

impl Method for RmsProp {
    fn descriptor(&self) -> &'static Descriptor {
        &DESCRIPTOR
    }

    fn resolve(&self, spec: Spec, _shape: Shape) -> Spec {
        scale(spec, "standardize")
    }

    fn build(&self, choice: &Choice, setting: &Setting<'_>) -> Box<dyn Optimizer> {
        let epsilon = choice.number("epsilon").unwrap_or(1e-8);
        let decay = choice.number("decay").unwrap_or(0.9);
        let rule = Adaptive { epsilon, decay, squares: vec![0.0; setting.width] };
        Box::new(FirstOrder::new(rule, adaptive_rate(choice, 0.01, setting), choice, setting))
    }
}

struct Adaptive {
    epsilon: f64,
    decay: f64,
    squares: Vec<f64>,
}

impl Rule for Adaptive {
    fn step(&mut self, rate: f64, gradient: &[f64], next: &mut [f64], rates: &mut [f64]) -> bool {
        let mut changed = false;
        for (k, slope) in gradient.iter().enumerate() {
            let square = self.decay.mul_add(self.squares[k], (1.0 - self.decay) * slope * slope);
            changed |= square.to_bits() != self.squares[k].to_bits();
            self.squares[k] = square;
            rates[k] = rate / (square.sqrt() + self.epsilon);
            next[k] = (-rates[k]).mul_add(*slope, next[k]);
        }
        changed
    }

    fn state(&self) -> Vec<(String, Vec<f64>)> {
        vec![("squares".to_owned(), self.squares.clone())]
    }

    fn restore(&mut self, state: &[(String, Vec<f64>)]) -> bool {
        let Some(squares) = stored(state, "squares", self.squares.len()) else { return false };
        self.squares = squares.to_vec();
        true
    }
}
