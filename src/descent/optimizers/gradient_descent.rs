//! `gradient_descent`: the textbook's method. Plain: θ ← θ − γ∇E. With momentum β (Polyak 1964): v ← βv − γ∇E(θ),
//! θ ← θ + v. Nesterov's (Sutskever et al. 2013, eq. 3–4): the gradient is taken at θ + βv.
//!
//! The learning rate γ is a number, `auto` (from the Hessian's spectrum) or `exact` (the minimum along the gradient).

use super::super::objective::{Objective, Spectrum};
use super::super::registry::{Bound, Choice, Descriptor, Domain, Fallback, Param, Value};
use super::super::spec::{Spec, SpecError};
use super::{Method, Optimizer, schedule};

pub(super) struct GradientDescent;

static DESCRIPTOR: Descriptor = Descriptor {
    kind: "gradient_descent",
    summary: "Steps against the gradient, with momentum if asked for.",
    params: &[
        Param {
            name: "learning_rate",
            domain: Domain::NumberOr(Bound::Open(0.0), Bound::Free, &["auto", "exact"]),
            fallback: Fallback::Word("auto"),
            meaning: "The step's length: a number, the best fixed one (auto) or the best one each time (exact).",
        },
        Param {
            name: "momentum",
            domain: Domain::Number(Bound::Closed(0.0), Bound::Open(1.0)),
            fallback: Fallback::Number(0.0),
            meaning: "How much of the last step is kept.",
        },
        Param {
            name: "nesterov",
            domain: Domain::Flag,
            fallback: Fallback::Flag(false),
            meaning: "Whether the gradient is taken where the momentum leads.",
        },
        Param {
            name: "schedule",
            domain: Domain::Word(&schedule::NAMES),
            fallback: Fallback::Word("constant"),
            meaning: "How the learning rate changes.",
        },
    ],
};

/// Condition numbers of the Hessian above which plain descent is not worth suggesting.
const SUGGESTED_CONDITION_MAX: f64 = 1e5;
/// Nor where it would take more iterations than this.
const SUGGESTED_ITERATIONS_MAX: f64 = 5e6;

impl Method for GradientDescent {
    fn descriptor(&self) -> &'static Descriptor {
        &DESCRIPTOR
    }

    fn resolve(&self, mut spec: Spec) -> Spec {
        if spec.scaling.kind == "auto" {
            spec.scaling = Choice::named(match spec.optimizer.text("learning_rate") {
                Some("exact") => "whiten",
                Some(_) => "standardize",
                None => "none",
            });
        }
        spec
    }

    fn check(&self, choice: &Choice) -> Option<SpecError> {
        let exact = choice.text("learning_rate") == Some("exact");
        (exact && choice.number("momentum").unwrap_or(0.0) > 0.0).then(|| SpecError {
            field: "optimizer/momentum".to_owned(),
            code: "invalid_value",
            detail: "an exact step leaves nothing to momentum: give a number or auto as the learning rate".to_owned(),
            limit: None,
        })
    }

    fn build(&self, choice: &Choice, width: usize, spectrum: &dyn Fn() -> Spectrum) -> Box<dyn Optimizer> {
        let momentum = choice.number("momentum").unwrap_or(0.0);
        let nesterov = choice.flag("nesterov").unwrap_or(false);
        let rate = match (choice.number("learning_rate"), choice.text("learning_rate")) {
            (Some(rate), _) => Some(rate),
            (None, Some("exact")) => None,
            (None, _) => Some(automatic_rate(momentum, nesterov, spectrum())),
        };
        Box::new(Descent { rate, momentum, nesterov, velocity: vec![0.0; width] })
    }
}

/// The fixed step that contracts fastest: 2/(λmax + λmin) for plain descent; with momentum the largest for which every
/// mode oscillates within its envelope, (1 + √β)²/λmax; for Nesterov's 1/λmax.
fn automatic_rate(momentum: f64, nesterov: bool, spectrum: Spectrum) -> f64 {
    let largest = spectrum.largest;
    let rate = if nesterov {
        1.0 / largest
    } else if momentum > 0.0 {
        (1.0 + momentum.sqrt()).powi(2) / largest
    } else {
        // Without the smallest eigenvalue the largest alone is safe.
        2.0 / (largest + spectrum.smallest.unwrap_or(largest))
    };
    if rate.is_finite() { rate } else { 1.0 }
}

struct Descent {
    /// The fixed learning rate; nothing for the exact step.
    rate: Option<f64>,
    momentum: f64,
    nesterov: bool,
    velocity: Vec<f64>,
}

impl Descent {
    /// Moves by γ against `gradient` and says whether a bit changed.
    fn plain(rate: f64, at: &mut [f64], gradient: &[f64]) -> bool {
        let mut moved = false;
        for (value, slope) in at.iter_mut().zip(gradient) {
            let next = (-rate).mul_add(*slope, *value);
            moved |= shift(value, next);
        }
        moved
    }
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

impl Optimizer for Descent {
    fn advance(&mut self, objective: &dyn Objective, at: &mut [f64], gradient: &[f64]) -> bool {
        let Some(rate) = self.rate else {
            let square: f64 = gradient.iter().map(|slope| slope * slope).sum();
            let Some(curvature) = objective.curvature(gradient) else { return false };
            return square > 0.0 && curvature > 0.0 && Self::plain(square / curvature, at, gradient);
        };
        if self.momentum == 0.0 {
            return Self::plain(rate, at, gradient);
        }
        let mut ahead = Vec::new();
        let gradient = if self.nesterov {
            let point: Vec<f64> =
                at.iter().zip(&self.velocity).map(|(value, v)| self.momentum.mul_add(*v, *value)).collect();
            ahead.resize(at.len(), 0.0);
            objective.evaluate(&point, &mut ahead);
            &ahead
        } else {
            gradient
        };
        let mut moved = false;
        for (value, (v, slope)) in at.iter_mut().zip(self.velocity.iter_mut().zip(gradient)) {
            let velocity = self.momentum.mul_add(*v, -(rate * slope));
            moved |= velocity.to_bits() != v.to_bits();
            *v = velocity;
            let next = *value + velocity;
            moved |= shift(value, next);
        }
        moved
    }

    fn max_stable_learning_rate(&self, spectrum: Spectrum) -> Option<f64> {
        self.rate?;
        let beta = self.momentum;
        let bound = if beta > 0.0 && self.nesterov {
            2.0 * (1.0 + beta) / ((1.0 + 2.0 * beta) * spectrum.largest)
        } else {
            2.0 * (1.0 + beta) / spectrum.largest
        };
        bound.is_finite().then_some(bound)
    }

    fn suggestion(&self, spectrum: Spectrum) -> Option<(Choice, u64)> {
        let smallest = spectrum.smallest?;
        let condition = spectrum.largest / smallest;
        if condition > SUGGESTED_CONDITION_MAX || !condition.is_finite() {
            return None;
        }
        // The slowest mode of plain descent contracts by (κ − 1)/(κ + 1) a step, that of momentum by √β where its step
        // lets every mode oscillate, else no faster than plain descent with the same step.
        let rate = automatic_rate(self.momentum, self.nesterov, spectrum);
        let plain = (1.0 - rate * smallest).abs().max((condition - 1.0) / (condition + 1.0));
        let contraction = if self.momentum > 0.0 { plain.max(self.momentum.sqrt()) } else { plain };
        let needed = -64.0 * std::f64::consts::LN_2 / libm::log(contraction.min(1.0 - 1e-12));
        if needed > SUGGESTED_ITERATIONS_MAX {
            return None;
        }
        let choice = Choice::named(DESCRIPTOR.kind)
            .with("learning_rate", Value::Number(rate))
            .with("momentum", Value::Number(self.momentum))
            .with("nesterov", Value::Flag(self.nesterov))
            .with("schedule", Value::Text("constant".to_owned()));
        Some((choice, (needed.ceil() as u64).max(100)))
    }

    fn learning_rate(&self) -> Option<f64> {
        self.rate
    }

    fn state(&self) -> Vec<(String, Vec<f64>)> {
        vec![("velocity".to_owned(), self.velocity.clone())]
    }

    fn restore(&mut self, state: &[(String, Vec<f64>)]) -> bool {
        match state.iter().find(|(name, _)| name == "velocity") {
            Some((_, velocity)) if velocity.len() == self.velocity.len() => {
                self.velocity.clone_from(velocity);
                true
            }
            _ => false,
        }
    }
}
