//! The streamed objective: every evaluation reads the rows once. For losses and models that cannot be compressed, and
//! the yardstick that the compressed objective is tested against.

use super::super::Team;
use super::super::design::Design;
use super::super::losses::Loss;
use super::{Chart, Evaluation, Objective, PenaltyForm, largest_cosine};

/// An objective over rows.
pub(in super::super) struct Streamed<'a> {
    pub(in super::super) design: &'a Design,
    pub(in super::super) loss: &'static dyn Loss,
    pub(in super::super) chart: &'a Chart,
    pub(in super::super) penalty: PenaltyForm,
    pub(in super::super) team: &'a dyn Team,
    /// ‖Jⱼ‖/√W in the chart, the penalty's rows included.
    pub(in super::super) norms: Vec<f64>,
    /// The norm of a residual that is rounding error of the data.
    pub(in super::super) floor: f64,
}

impl Objective for Streamed<'_> {
    fn width(&self) -> usize {
        self.norms.len()
    }

    fn evaluate(&self, at: &[f64], gradient: &mut [f64]) -> Evaluation {
        let design = self.design;
        let working = self.chart.to_working(design.basis.as_ref(), design.target_shift, design.lanes, at);
        let sums = design.stream(self.loss, &working, self.team);
        for (slope, part) in
            gradient.iter_mut().zip(self.chart.pull(design.basis.as_ref(), design.lanes, &sums.gradient))
        {
            *slope = part / design.weight_sum;
        }
        let penalty = self.penalty.add(design.lanes, at, gradient);
        Evaluation { loss: sums.loss / design.weight_sum, penalty }
    }

    fn curvature(&self, _direction: &[f64]) -> Option<f64> {
        None
    }

    fn cosine(&self, gradient: &[f64], evaluation: Evaluation) -> f64 {
        largest_cosine(gradient, &self.norms, evaluation.objective(), self.floor)
    }
}
