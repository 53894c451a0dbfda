//! The whitened objective: in the coordinates of [`super::Chart::Whitened`] a least-squares objective is
//! E* + ‖φ − φ*‖², so one exact gradient step reaches the optimum.

use std::sync::Arc;

use super::super::Team;
use super::super::lanes::Lanes;
use super::super::matrix::Matrix;
use super::{Evaluation, Kinks, Objective, PenaltyForm, largest_cosine};

/// A quadratic objective whose Hessian is 2·I.
pub(in super::super) struct Whitened<'a> {
    /// φ*, polished against the rows.
    pub(in super::super) optimum: Vec<f64>,
    /// E*.
    pub(in super::super) least: f64,
    /// Whitened → standardized working coefficients.
    pub(in super::super) from: Arc<Matrix>,
    /// In coordinates of the standardized working basis.
    pub(in super::super) penalty: PenaltyForm,
    /// The norm of a residual that is rounding error of the data.
    pub(in super::super) floor: f64,
    pub(in super::super) lanes: Lanes,
    /// None: these coordinates mix the coefficients.
    pub(in super::super) kinks: Kinks,
    pub(in super::super) team: &'a dyn Team,
}

impl Objective for Whitened<'_> {
    fn width(&self) -> usize {
        self.optimum.len()
    }

    fn evaluate(&self, at: &[f64], gradient: &mut [f64]) -> Evaluation {
        let mut excess = 0.0;
        for k in 0..at.len() {
            let distance = at[k] - self.optimum[k];
            gradient[k] = 2.0 * distance;
            excess = distance.mul_add(distance, excess);
        }
        let objective = self.least + excess;
        let penalty = match &self.penalty {
            PenaltyForm::None => 0.0,
            form => {
                let unit = self.from.times(self.lanes, at);
                form.add(self.lanes, &unit, &mut vec![0.0; unit.len()])
            }
        };
        Evaluation { loss: (objective - penalty).max(0.0), penalty }
    }

    fn curvature(&self, direction: &[f64]) -> Option<f64> {
        Some(2.0 * self.lanes.dot(direction, direction))
    }

    fn hessian(&self, _at: &[f64]) -> Option<Matrix> {
        let mut hessian = Matrix::zeros(self.width(), self.width());
        for k in 0..self.width() {
            hessian.set(k, k, 2.0);
        }
        Some(hessian)
    }

    fn steepness(&self, _at: &[f64], gradient: &[f64], evaluation: Evaluation) -> f64 {
        largest_cosine(gradient, &vec![1.0; gradient.len()], evaluation.objective(), self.floor)
    }

    fn is_given_up(&self) -> bool {
        self.team.gives_up()
    }

    fn is_cut(&self) -> bool {
        self.team.was_told()
    }

    fn kinks(&self) -> &Kinks {
        &self.kinks
    }
}
