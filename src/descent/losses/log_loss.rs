//! `log_loss`: −ln p of a row's own class, times the factor of the class. With one η a row, p is the logistic function's;
//! with one a class, the softmax's.

use super::super::models::sigmoid;
use super::super::registry::{Choice, Descriptor, Domain, Fallback, Param};
use super::{About, Loss, LossKind, Pointwise, Shape};
use crate::descent::Lanes;
use crate::descent::same::same;

pub(super) struct LogLoss;

static DESCRIPTOR: Descriptor = Descriptor {
    kind: "log_loss",
    summary: "The surprise at a row's own class: minus the logarithm of its probability.",
    params: &[Param {
        name: "class_weights",
        domain: Domain::FactorsOr(&["balanced"]),
        fallback: Fallback::Absent,
        meaning: "A factor for each class (1 where none is given); balanced makes all classes count the same.",
    }],
};

impl LossKind for LogLoss {
    fn descriptor(&self) -> &'static Descriptor {
        &DESCRIPTOR
    }

    fn shape(&self) -> Shape {
        Shape::Likelihood
    }

    fn log_likelihood(&self, mean: f64, y: f64) -> Option<f64> {
        Some(-Pointwise::at(&super::mean::Chance, mean, y).0)
    }

    fn mean_fault(&self, y: f64) -> Option<&'static str> {
        (!(0.0..=1.0).contains(&y)).then_some("an outcome or a share from 0 to 1")
    }

    fn build(&self, choice: &Choice, about: &About<'_>) -> Box<dyn Loss> {
        if about.of_mean {
            return Box::new(super::mean::Chance);
        }
        let total: f64 = about.class_sums.iter().sum();
        let count = about.class_sums.len().max(1) as f64;
        let factor = |(at, label): (usize, &crate::descent::Label)| {
            if choice.text("class_weights").is_some() {
                return about.class_sums.get(at).filter(|sum| **sum > 0.0).map_or(1.0, |sum| total / (count * sum));
            }
            let given = choice.factors("class_weights");
            given.and_then(|given| given.get(&label.to_string())).copied().unwrap_or(1.0)
        };
        Box::new(Weighted { factors: about.classes.iter().enumerate().map(factor).collect(), outputs: about.outputs })
    }
}

struct Weighted {
    factors: Vec<f64>,
    outputs: usize,
}

impl Weighted {
    fn factor(&self, y: f64) -> f64 {
        self.factors.get(y as usize).copied().unwrap_or(1.0)
    }
}

impl Loss for Weighted {
    fn slopes(&self, eta: &mut [f64], target: &[f64], weights: &[f64], lanes: Lanes) -> f64 {
        let rows = target.len();
        let outputs = eta.len() / rows.max(1);
        let weights: Vec<f64> = weights.iter().zip(target).map(|(weight, y)| weight * self.factor(*y)).collect();
        let mut losses = vec![0.0; rows];
        for row in 0..rows {
            if outputs == 1 {
                // With s = ±η, the wrong class's log odds, the loss is ln(1 + e^s): it keeps its digits when tiny.
                let sign = if target[row] > 0.5 { -1.0 } else { 1.0 };
                let s = sign * eta[row];
                losses[row] = s.max(0.0) + libm::log1p(libm::exp(-s.abs()));
                eta[row] = weights[row] * sign * sigmoid(s);
                continue;
            }
            let own = target[row] as usize;
            let largest = (0..outputs).map(|k| eta[k * rows + row]).fold(f64::NEG_INFINITY, f64::max);
            let lead = eta[own * rows + row] - largest;
            // The other classes' odds against the largest one, which is exactly 1 itself.
            let mut others = 0.0;
            let mut counted = false;
            for k in 0..outputs {
                let value = &mut eta[k * rows + row];
                let is_largest = same(*value, largest) && !counted;
                counted |= is_largest;
                *value = libm::exp(*value - largest);
                if !is_largest {
                    others += *value;
                }
            }
            losses[row] = libm::log1p(others) - lead;
            let sum = 1.0 + others;
            // p − 1 of the own class is minus the sum of the others: no digits are lost when p is near 1.
            let mut rest = 0.0;
            for k in 0..outputs {
                let value = &mut eta[k * rows + row];
                *value = weights[row] * (*value / sum);
                if k != own {
                    rest += *value;
                }
            }
            eta[own * rows + row] = -rest;
        }
        lanes.dot(&losses, &weights)
    }

    fn curvatures(&self, eta: &[f64], target: &[f64], weights: &[f64], out: &mut [f64]) {
        let rows = target.len();
        let outputs = eta.len() / rows.max(1);
        let mut odds = vec![0.0; outputs];
        for row in 0..rows {
            let weight = weights[row] * self.factor(target[row]);
            if outputs == 1 {
                let p = sigmoid(-eta[row].abs());
                out[row] = weight * p * (1.0 - p);
                continue;
            }
            for (k, value) in odds.iter_mut().enumerate() {
                *value = eta[k * rows + row];
            }
            super::super::models::Response::Softmax.apply(&mut odds);
            let mut pair = 0;
            for a in 0..outputs {
                for b in a..outputs {
                    let rest = if a == b { 1.0 - odds[b] } else { -odds[b] };
                    out[pair * rows + row] = weight * odds[a] * rest;
                    pair += 1;
                }
            }
        }
    }

    fn curvature_max(&self) -> Option<f64> {
        let largest = self.factors.iter().copied().fold(0.0, f64::max).max(1.0);
        // p(1 − p) ≤ ¼; the softmax's matrix has eigenvalues up to ½.
        Some(largest * if self.outputs > 1 { 0.5 } else { 0.25 })
    }
}
