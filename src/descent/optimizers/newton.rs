//! `newton`: steps to the minimum of a quadratic model, halved until the objective falls. For the likelihoods this is
//! iteratively reweighted least squares (McCullagh & Nelder 1989, §2.5), for robust losses the same with the slope over the
//! residual as weight. An l1 penalty and ranges are part of the model that each step minimizes (proximal Newton, Lee,
//! Sun & Saunders 2014).

use super::super::boxed::{self, Quadratic};
use super::super::cholesky::Cholesky;
use super::super::lanes::Lanes;
use super::super::losses::Shape;
use super::super::objective::Objective;
use super::super::registry::{Choice, Descriptor};
use super::super::same::same;
use super::super::spec::{Spec, SpecError};
use super::{Advance, Holds, Method, Optimizer, Position, Setting, scale, unsuited};

/// Halvings of one step.
const HALVINGS_MAX: usize = 60;

pub(super) struct Newton;

static DESCRIPTOR: Descriptor = Descriptor {
    kind: "newton",
    summary: "Newton's method: few, dear steps, each to the minimum of a quadratic model.",
    params: &[],
};

impl Method for Newton {
    fn descriptor(&self) -> &'static Descriptor {
        &DESCRIPTOR
    }

    fn resolve(&self, spec: Spec, _shape: Shape) -> Spec {
        let plain = spec.penalty.l1 == 0.0 && spec.bounds.is_empty();
        scale(spec, if plain { "whiten" } else { "standardize" })
    }

    fn check(&self, _spec: &Spec, shape: Shape) -> Option<SpecError> {
        if shape == Shape::PiecewiseLinear {
            return unsuited(
                "",
                "newton needs a loss with a curvature; active_set takes the absolute and quantile losses",
            );
        }
        None
    }

    fn holds(&self, _choice: &Choice) -> Holds {
        Holds::Hessian
    }

    fn build(&self, _choice: &Choice, _setting: &Setting<'_>) -> Box<dyn Optimizer> {
        Box::new(Running)
    }
}

struct Running;

impl Optimizer for Running {
    fn advance(&mut self, objective: &dyn Objective, here: &mut Position) -> Advance {
        let Some(hessian) = objective.hessian(&here.at) else { return Advance::Stuck };
        let kinks = objective.kinks();
        let lanes = Lanes::chosen();
        let given_up = || objective.is_given_up();
        let target: Vec<f64> = if kinks.is_empty() {
            let step = Cholesky::shifted(lanes, &hessian, &given_up).solve(&here.gradient);
            here.at.iter().zip(step).map(|(value, step)| value - step).collect()
        } else {
            let problem = Quadratic {
                hessian: &hessian,
                gradient: &here.gradient,
                at: &here.at,
                l1: &kinks.l1,
                lower: &kinks.lower,
                upper: &kinks.upper,
            };
            boxed::minimise(lanes, &problem, &given_up)
        };
        let promised: f64 = here.gradient.iter().zip(target.iter().zip(&here.at)).map(|(g, (x, y))| g * (x - y)).sum();
        let promised = promised + kinks.penalty(&target) - kinks.penalty(&here.at);
        if !promised.is_finite() {
            return Advance::Stuck;
        }
        let before = here.evaluation.objective();
        // What is promised may be less than the objective can show; then the slopes decide.
        let hidden = promised.abs() <= 64.0 * f64::EPSILON * before.abs();
        let steepness = objective.steepness(&here.at, &here.gradient, here.evaluation);
        let mut part = 1.0f64;
        for _ in 0..HALVINGS_MAX {
            let at: Vec<f64> = if same(part, 1.0) {
                target.clone()
            } else {
                here.at.iter().zip(&target).map(|(from, to)| part.mul_add(to - from, *from)).collect()
            };
            if at == here.at {
                return Advance::Stuck;
            }
            let mut gradient = vec![0.0; at.len()];
            let evaluation = objective.evaluate(&at, &mut gradient);
            let after = evaluation.objective();
            let finite = evaluation.is_finite() && gradient.iter().chain(&at).all(|value| value.is_finite());
            let falls = after <= (1e-4 * part).mul_add(promised.min(0.0), before) && after < before;
            if finite && (falls || (hidden && objective.steepness(&at, &gradient, evaluation) < steepness)) {
                *here = Position { at, gradient, evaluation };
                return Advance::Evaluated;
            }
            part *= 0.5;
        }
        Advance::Stuck
    }

    fn state(&self) -> Vec<(String, Vec<f64>)> {
        Vec::new()
    }

    fn restore(&mut self, _state: &[(String, Vec<f64>)]) -> bool {
        true
    }
}
