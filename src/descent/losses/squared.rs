//! `squared`: ℓ = (η − y)², no ½; its optimum predicts the mean.

use super::super::lanes::Lanes;
use super::super::registry::{Choice, Descriptor};
use super::{About, Loss, LossKind, Shape};

#[derive(Clone, Copy)]
pub(super) struct Squared;

static DESCRIPTOR: Descriptor =
    Descriptor { kind: "squared", summary: "Squared error; its optimum predicts the mean.", params: &[] };

impl LossKind for Squared {
    fn descriptor(&self) -> &'static Descriptor {
        &DESCRIPTOR
    }

    fn shape(&self) -> Shape {
        Shape::Quadratic
    }

    fn build(&self, _choice: &Choice, _about: &About<'_>) -> Box<dyn Loss> {
        Box::new(*self)
    }
}

impl Loss for Squared {
    fn slopes(&self, eta: &mut [f64], target: &[f64], weights: &[f64], lanes: Lanes) -> f64 {
        for (value, y) in eta.iter_mut().zip(target) {
            *value -= y;
        }
        let weighted: Vec<f64> = eta.iter().zip(weights).map(|(residual, weight)| residual * weight).collect();
        let sum = lanes.dot(&weighted, eta);
        for (slope, weighted) in eta.iter_mut().zip(weighted) {
            *slope = 2.0 * weighted;
        }
        sum
    }

    fn curvatures(&self, _eta: &[f64], _target: &[f64], weights: &[f64], out: &mut [f64]) {
        for (to, weight) in out.iter_mut().zip(weights) {
            *to = 2.0 * weight;
        }
    }

    fn curvature_max(&self) -> Option<f64> {
        Some(2.0)
    }

    fn slope_unit(&self, target_norm: f64) -> f64 {
        target_norm
    }
}
