//! `squared`: ℓ = (ŷ − y)², without a half.

use super::super::lanes::Lanes;
use super::super::registry::Descriptor;
use super::Loss;

pub(super) struct Squared;

static DESCRIPTOR: Descriptor =
    Descriptor { kind: "squared", summary: "Squared error; its optimum predicts the mean.", params: &[] };

impl Loss for Squared {
    fn descriptor(&self) -> &'static Descriptor {
        &DESCRIPTOR
    }

    fn accumulate(&self, predictions: &mut [f64], target: &[f64], weights: &[f64], lanes: Lanes) -> f64 {
        for (prediction, y) in predictions.iter_mut().zip(target) {
            *prediction -= y;
        }
        let weighted: Vec<f64> = predictions.iter().zip(weights).map(|(residual, weight)| residual * weight).collect();
        let sum = lanes.dot(&weighted, predictions);
        for (slope, weighted) in predictions.iter_mut().zip(weighted) {
            *slope = 2.0 * weighted;
        }
        sum
    }
}
