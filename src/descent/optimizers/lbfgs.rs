//! `lbfgs`: a quasi-Newton method that keeps the last few steps and changes of the gradient (Nocedal & Wright 2006,
//! algorithm 7.4), with a Wolfe search along each direction.

use super::super::losses::Shape;
use super::super::objective::Objective;
use super::super::registry::{Choice, Descriptor, Domain, Fallback, Param};
use super::super::spec::{Spec, SpecError};
use super::line_search::{self, dot};
use super::{Advance, Holds, Method, Optimizer, Position, Setting, scale, unsuited};

pub(super) struct Lbfgs;

static DESCRIPTOR: Descriptor = Descriptor {
    kind: "lbfgs",
    summary: "A quasi-Newton method with little memory, for smooth losses.",
    params: &[Param {
        name: "memory",
        domain: Domain::Integer(1, 100),
        fallback: Fallback::Integer(10),
        meaning: "Steps that are remembered.",
    }],
};

impl Method for Lbfgs {
    fn descriptor(&self) -> &'static Descriptor {
        &DESCRIPTOR
    }

    fn resolve(&self, spec: Spec, _shape: Shape) -> Spec {
        scale(spec, "whiten")
    }

    fn check(&self, spec: &Spec, shape: Shape) -> Option<SpecError> {
        if shape == Shape::PiecewiseLinear {
            return unsuited("", "lbfgs needs a smooth loss; active_set takes the absolute and quantile losses");
        }
        if spec.penalty.l1 > 0.0 || !spec.bounds.is_empty() {
            return unsuited("", "lbfgs takes no l1 penalty and no bounds; newton and gradient_descent do");
        }
        None
    }

    fn holds(&self, choice: &Choice) -> Holds {
        Holds::Vectors(2 * choice.integer("memory").unwrap_or(10))
    }

    fn build(&self, choice: &Choice, _setting: &Setting<'_>) -> Box<dyn Optimizer> {
        Box::new(Running { memory: choice.integer("memory").unwrap_or(10) as usize, pairs: Vec::new() })
    }
}

/// A step, the change of the gradient along it, and 1/(step·change).
struct Pair {
    step: Vec<f64>,
    change: Vec<f64>,
    inverse: f64,
}

struct Running {
    memory: usize,
    /// The oldest first.
    pairs: Vec<Pair>,
}

impl Running {
    /// −H⁻¹g by the two-loop recursion.
    fn direction(&self, gradient: &[f64]) -> Vec<f64> {
        let mut q: Vec<f64> = gradient.iter().map(|slope| -slope).collect();
        let mut factors = Vec::with_capacity(self.pairs.len());
        for pair in self.pairs.iter().rev() {
            let factor = pair.inverse * dot(&pair.step, &q);
            q.iter_mut().zip(&pair.change).for_each(|(value, y)| *value = (-factor).mul_add(*y, *value));
            factors.push(factor);
        }
        if let Some(last) = self.pairs.last() {
            let scale = 1.0 / (last.inverse * dot(&last.change, &last.change));
            q.iter_mut().for_each(|value| *value *= scale);
        }
        for (pair, factor) in self.pairs.iter().zip(factors.into_iter().rev()) {
            let back = pair.inverse * dot(&pair.change, &q);
            q.iter_mut().zip(&pair.step).for_each(|(value, s)| *value = (factor - back).mul_add(*s, *value));
        }
        q
    }

    fn remember(&mut self, before: &Position, after: &Position) {
        let difference = |a: &[f64], b: &[f64]| -> Vec<f64> { a.iter().zip(b).map(|(x, y)| x - y).collect() };
        let step = difference(&after.at, &before.at);
        let change = difference(&after.gradient, &before.gradient);
        self.push(step, change);
    }

    fn push(&mut self, step: Vec<f64>, change: Vec<f64>) {
        let product = dot(&step, &change);
        // Only curvature above the level of rounding is worth remembering.
        if product > f64::EPSILON * dot(&change, &change).sqrt() * dot(&step, &step).sqrt() && product.is_normal() {
            if self.pairs.len() == self.memory {
                self.pairs.remove(0);
            }
            self.pairs.push(Pair { step, change, inverse: 1.0 / product });
        }
    }
}

impl Optimizer for Running {
    fn advance(&mut self, objective: &dyn Objective, here: &mut Position) -> Advance {
        // A second try begins afresh, against the gradient: what was remembered may have led astray.
        for _ in 0..2 {
            let direction = self.direction(&here.gradient);
            let norm = dot(&here.gradient, &here.gradient).sqrt();
            let first = if self.pairs.is_empty() { 1.0 / norm.max(f64::MIN_POSITIVE) } else { 1.0 };
            if let Some(next) = line_search::wolfe(objective, here, &direction, first).filter(|next| next.at != here.at)
            {
                self.remember(here, &next);
                *here = next;
                return Advance::Evaluated;
            }
            if self.pairs.is_empty() {
                break;
            }
            self.pairs.clear();
        }
        Advance::Stuck
    }

    fn state(&self) -> Vec<(String, Vec<f64>)> {
        let pairs = self.pairs.iter().enumerate();
        pairs
            .flat_map(|(k, pair)| {
                [(format!("step{k}"), pair.step.clone()), (format!("change{k}"), pair.change.clone())]
            })
            .collect()
    }

    fn restore(&mut self, state: &[(String, Vec<f64>)]) -> bool {
        self.pairs.clear();
        let vector = |name: String| state.iter().find(|(other, _)| *other == name).map(|(_, values)| values.clone());
        for k in 0..self.memory {
            let (Some(step), Some(change)) = (vector(format!("step{k}")), vector(format!("change{k}"))) else { break };
            if step.len() != change.len() {
                return false;
            }
            self.push(step, change);
        }
        true
    }
}
