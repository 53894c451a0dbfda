//! `gradient_descent`: the textbook's method. Plain: θ ← θ − γ∇E. With momentum β (Polyak 1964): v ← βv − γ∇E(θ),
//! θ ← θ + v. Nesterov's (Sutskever et al. 2013, eq. 3–4): the gradient is taken at θ + βv.
//!
//! The learning rate γ is a number, `auto` (from the Hessian's spectrum), `exact` (the minimum along the gradient of a
//! quadratic), `backtracking` (halved until the objective falls enough) or `wolfe` (a search along the gradient).

use super::super::losses::Shape;
use super::super::models::is_curve;
use super::super::objective::{Objective, Spectrum};
use super::super::registry::{Bound, Choice, Descriptor, Domain, Fallback, Param, Value};
use super::super::spec::{Spec, SpecError};
use super::first_order::{BATCH_SIZE, FirstOrder, Rule};
use super::schedule::{SCHEDULE, constant};
use super::{Advance, Holds, Method, Optimizer, Position, Setting, line_search, scale, stored, unsuited};

pub(super) struct GradientDescent;

static DESCRIPTOR: Descriptor = Descriptor {
    kind: "gradient_descent",
    summary: "Steps against the gradient, with momentum if asked for.",
    params: &[
        Param {
            name: "learning_rate",
            domain: Domain::NumberOr(Bound::Open(0.0), Bound::Free, &["auto", "exact", "backtracking", "wolfe"]),
            fallback: Fallback::Word("auto"),
            meaning: "The step's length: a number, the best fixed one (auto), the best one each time (exact), or a search.",
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
        SCHEDULE,
        BATCH_SIZE,
    ],
};

/// Condition numbers of the Hessian above which plain descent is not worth suggesting.
const SUGGESTED_CONDITION_MAX: f64 = 1e5;
/// Nor where it would take more iterations than this.
const SUGGESTED_ITERATIONS_MAX: f64 = 5e6;

/// Gradient descent with the exact step.
pub(super) fn exact() -> Choice {
    with_rate(Value::Text("exact".to_owned()))
}

fn with_rate(rate: Value) -> Choice {
    Choice::named(DESCRIPTOR.kind)
        .with("learning_rate", rate)
        .with("momentum", Value::Number(0.0))
        .with("nesterov", Value::Flag(false))
        .with("schedule", constant())
}

impl Method for GradientDescent {
    fn descriptor(&self) -> &'static Descriptor {
        &DESCRIPTOR
    }

    fn resolve(&self, mut spec: Spec, shape: Shape) -> Spec {
        let word = spec.optimizer.text("learning_rate").map(str::to_owned);
        let plain = spec.optimizer.integer("batch_size").is_none() && spec.optimizer.number("momentum") == Some(0.0);
        let unbounded = shape == Shape::UnboundedLikelihood || is_curve(&spec.model);
        if word.as_deref() == Some("auto") && unbounded && plain {
            spec.optimizer = spec.optimizer.with("learning_rate", Value::Text("backtracking".to_owned()));
        }
        let kinked = spec.penalty.l1 > 0.0 || !spec.bounds.is_empty();
        scale(
            spec,
            match word.as_deref() {
                Some("exact") if !kinked => "whiten",
                Some(_) => "standardize",
                None => "none",
            },
        )
    }

    fn check(&self, spec: &Spec, shape: Shape) -> Option<SpecError> {
        let choice = &spec.optimizer;
        let word = choice.text("learning_rate");
        let searched = matches!(word, Some("exact" | "backtracking" | "wolfe"));
        if word == Some("exact") && choice.number("momentum").unwrap_or(0.0) > 0.0 {
            return Some(SpecError {
                field: "optimizer/momentum".to_owned(),
                code: "invalid_value",
                detail: "an exact step leaves nothing to momentum: give a number or auto as the learning rate"
                    .to_owned(),
                limit: None,
            });
        }
        if searched && choice.number("momentum").unwrap_or(0.0) > 0.0 {
            return unsuited(
                "momentum",
                "a searched step leaves nothing to momentum: give a number or auto as the rate",
            );
        }
        if searched && choice.integer("batch_size").is_some() {
            return unsuited(
                "batch_size",
                "batches have no objective to search along: give a number or auto as the rate",
            );
        }
        if searched
            && choice
                .choice("schedule")
                .is_some_and(|schedule| schedule.kind != "constant" || schedule.number("warm_up") > Some(0.0))
        {
            return unsuited(
                "schedule",
                "a searched step follows no schedule: give a number or auto as the learning rate",
            );
        }
        if word == Some("exact") && (shape != Shape::Quadratic || is_curve(&spec.model)) {
            return unsuited(
                "learning_rate",
                "exact is for squares of what is linear in its coefficients; wolfe searches along the gradient of others",
            );
        }
        let kinked = spec.penalty.l1 > 0.0 || !spec.bounds.is_empty();
        if kinked && matches!(word, Some("exact" | "wolfe")) {
            return unsuited("learning_rate", "with an l1 penalty or bounds give a number, auto or backtracking");
        }
        None
    }

    fn holds(&self, choice: &Choice) -> Holds {
        // A number needs no spectrum, and a searched step neither.
        if choice.text("learning_rate") == Some("auto") { Holds::Spectrum } else { Holds::Vectors(0) }
    }

    fn build(&self, choice: &Choice, setting: &Setting<'_>) -> Box<dyn Optimizer> {
        let momentum = choice.number("momentum").unwrap_or(0.0);
        let nesterov = choice.flag("nesterov").unwrap_or(false);
        let search = |search| Box::new(Searching { search, last: 0.0 }) as Box<dyn Optimizer>;
        let rate = match (choice.number("learning_rate"), choice.text("learning_rate")) {
            (Some(rate), _) => rate,
            (None, Some("exact")) => return search(Search::Exact),
            (None, Some("backtracking")) => return search(Search::Backtracking),
            (None, Some("wolfe")) => return search(Search::Wolfe),
            // Without a spectrum, a small part of the coordinates' unit.
            (None, _) => match setting.spectrum {
                Some(spectrum) => automatic_rate(momentum, nesterov, spectrum()),
                None => 0.01 * setting.unit,
            },
        };
        let rule = Momentum { momentum, nesterov, velocity: vec![0.0; setting.width] };
        Box::new(Descent { quadratic: setting.quadratic, inner: FirstOrder::new(rule, rate, choice, setting) })
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

struct Momentum {
    momentum: f64,
    nesterov: bool,
    velocity: Vec<f64>,
}

impl Rule for Momentum {
    fn ahead(&self, at: &[f64]) -> Option<Vec<f64>> {
        (self.nesterov && self.momentum > 0.0)
            .then(|| at.iter().zip(&self.velocity).map(|(value, v)| self.momentum.mul_add(*v, *value)).collect())
    }

    fn step(&mut self, rate: f64, gradient: &[f64], next: &mut [f64], _rates: &mut [f64]) -> bool {
        if self.momentum == 0.0 {
            for (value, slope) in next.iter_mut().zip(gradient) {
                *value = (-rate).mul_add(*slope, *value);
            }
            return false;
        }
        let mut changed = false;
        for (value, (v, slope)) in next.iter_mut().zip(self.velocity.iter_mut().zip(gradient)) {
            let velocity = self.momentum.mul_add(*v, -(rate * slope));
            changed |= velocity.to_bits() != v.to_bits();
            *v = velocity;
            *value += velocity;
        }
        changed
    }

    /// What was kept back at a kink has no momentum.
    fn moved(&mut self, step: &[f64]) {
        if self.momentum > 0.0 {
            self.velocity.copy_from_slice(step);
        }
    }

    fn state(&self) -> Vec<(String, Vec<f64>)> {
        vec![("velocity".to_owned(), self.velocity.clone())]
    }

    fn restore(&mut self, state: &[(String, Vec<f64>)]) -> bool {
        let Some(velocity) = stored(state, "velocity", self.velocity.len()) else { return false };
        self.velocity = velocity.to_vec();
        true
    }
}

/// Descent at a fixed rate, times its schedule.
struct Descent {
    inner: FirstOrder<Momentum>,
    quadratic: bool,
}

impl Optimizer for Descent {
    fn advance(&mut self, objective: &dyn Objective, here: &mut Position) -> Advance {
        self.inner.advance(objective, here)
    }

    fn recorded_every(&self) -> u64 {
        self.inner.recorded_every()
    }

    fn max_stable_learning_rate(&self, spectrum: Spectrum) -> Option<f64> {
        if !self.quadratic || !self.inner.is_fixed() {
            return None;
        }
        let beta = self.inner.rule.momentum;
        let bound = if beta > 0.0 && self.inner.rule.nesterov {
            2.0 * (1.0 + beta) / ((1.0 + 2.0 * beta) * spectrum.largest)
        } else {
            2.0 * (1.0 + beta) / spectrum.largest
        };
        bound.is_finite().then_some(bound)
    }

    fn suggestion(&self, spectrum: Spectrum) -> Option<(Choice, u64)> {
        if !self.quadratic || !self.inner.is_fixed() {
            return None;
        }
        let Momentum { momentum, nesterov, .. } = self.inner.rule;
        let smallest = spectrum.smallest?;
        let condition = spectrum.largest / smallest;
        if condition > SUGGESTED_CONDITION_MAX || !condition.is_finite() {
            return None;
        }
        // The slowest mode of plain descent contracts by (κ − 1)/(κ + 1) a step, that of momentum by √β where its step
        // lets every mode oscillate, else no faster than plain descent with the same step.
        let rate = automatic_rate(momentum, nesterov, spectrum);
        let plain = (1.0 - rate * smallest).abs().max((condition - 1.0) / (condition + 1.0));
        let contraction = if momentum > 0.0 { plain.max(momentum.sqrt()) } else { plain };
        let needed = -64.0 * std::f64::consts::LN_2 / libm::log(contraction.min(1.0 - 1e-12));
        if needed > SUGGESTED_ITERATIONS_MAX {
            return None;
        }
        let choice = with_rate(Value::Number(rate))
            .with("momentum", Value::Number(momentum))
            .with("nesterov", Value::Flag(nesterov));
        Some((choice, (needed.ceil() as u64).max(100)))
    }

    fn learning_rate(&self) -> Option<f64> {
        self.inner.learning_rate()
    }

    fn state(&self) -> Vec<(String, Vec<f64>)> {
        self.inner.state()
    }

    fn restore(&mut self, state: &[(String, Vec<f64>)]) -> bool {
        self.inner.restore(state)
    }
}

/// How the length of a step is found.
enum Search {
    Exact,
    Backtracking,
    Wolfe,
}

/// Descent whose steps are searched for.
struct Searching {
    search: Search,
    /// The last step; 0 before the first.
    last: f64,
}

impl Optimizer for Searching {
    fn advance(&mut self, objective: &dyn Objective, here: &mut Position) -> Advance {
        let square: f64 = here.gradient.iter().map(|slope| slope * slope).sum();
        let found = match self.search {
            Search::Exact => {
                let Some(curvature) = objective.curvature(&here.gradient) else { return Advance::Stuck };
                if square <= 0.0 || curvature <= 0.0 {
                    return Advance::Stuck;
                }
                let rate = square / curvature;
                let mut moved = false;
                for (value, slope) in here.at.iter_mut().zip(&here.gradient) {
                    let next = (-rate).mul_add(*slope, *value);
                    // A step below the smallest normal number is none: from 0 they could be made for ever.
                    if (next - *value).abs() >= f64::MIN_POSITIVE {
                        *value = next;
                        moved = true;
                    }
                }
                return if moved { Advance::Moved } else { Advance::Stuck };
            }
            Search::Backtracking => {
                let first = if self.last > 0.0 { 2.0 * self.last } else { 1.0 / square.sqrt().max(f64::MIN_POSITIVE) };
                line_search::backtracking(objective, here, first)
            }
            Search::Wolfe => {
                let first = if self.last > 0.0 { self.last } else { 1.0 / square.sqrt().max(f64::MIN_POSITIVE) };
                let direction: Vec<f64> = here.gradient.iter().map(|slope| -slope).collect();
                let length = |next: &Position| {
                    let moved: f64 = next.at.iter().zip(&here.at).map(|(x, y)| (x - y) * (x - y)).sum();
                    (moved / square).sqrt()
                };
                line_search::wolfe(objective, here, &direction, first).map(|next| {
                    let rate = length(&next);
                    (next, rate)
                })
            }
        };
        match found {
            Some((next, rate)) if next.at != here.at => {
                *here = next;
                self.last = rate;
                Advance::Evaluated
            }
            _ => Advance::Stuck,
        }
    }

    fn state(&self) -> Vec<(String, Vec<f64>)> {
        vec![("last".to_owned(), vec![self.last])]
    }

    fn restore(&mut self, state: &[(String, Vec<f64>)]) -> bool {
        let Some([last]) = stored(state, "last", 1) else { return false };
        self.last = *last;
        true
    }
}
