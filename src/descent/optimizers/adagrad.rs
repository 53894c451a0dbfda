//! `adagrad`: each coordinate's rate is divided by the root of the sum of its squared gradients (Duchi, Hazan & Singer 2011).

use super::super::losses::Shape;
use super::super::registry::{Choice, Descriptor};
use super::super::spec::Spec;
use super::first_order::{BATCH_SIZE, EPSILON, FirstOrder, RATE, Rule, adaptive_rate};
use super::schedule::SCHEDULE;
use super::{Method, Optimizer, Setting, scale, stored};

pub(super) struct Adagrad;

static DESCRIPTOR: Descriptor = Descriptor {
    kind: "adagrad",
    summary: "A rate by coordinate that shrinks with all squared gradients so far.",
    params: &[RATE, EPSILON, SCHEDULE, BATCH_SIZE],
};

impl Method for Adagrad {
    fn descriptor(&self) -> &'static Descriptor {
        &DESCRIPTOR
    }

    fn resolve(&self, spec: Spec, _shape: Shape) -> Spec {
        scale(spec, "standardize")
    }

    fn build(&self, choice: &Choice, setting: &Setting<'_>) -> Box<dyn Optimizer> {
        let epsilon = choice.number("epsilon").unwrap_or(1e-8);
        let rule = Adaptive { epsilon, squares: vec![0.0; setting.width] };
        Box::new(FirstOrder::new(rule, adaptive_rate(choice, 0.5, setting), choice, setting))
    }
}

struct Adaptive {
    epsilon: f64,
    squares: Vec<f64>,
}

impl Rule for Adaptive {
    fn step(&mut self, rate: f64, gradient: &[f64], next: &mut [f64], rates: &mut [f64]) -> bool {
        let mut changed = false;
        for (k, slope) in gradient.iter().enumerate() {
            let square = slope.mul_add(*slope, self.squares[k]);
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
