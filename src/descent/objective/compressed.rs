//! The compressed objective: loss = ‖R·φ − z‖² + ρ² with R and z already divided by √W. Its iterates are those of the
//! rows up to rounding, and an evaluation costs O(p²).

use super::super::Team;
use super::super::lanes::Lanes;
use super::super::matrix::Matrix;
use super::{Evaluation, Kinks, Objective, PenaltyForm, largest_cosine};

/// A quadratic objective in some chart.
pub(in super::super) struct Compressed<'a> {
    r: Matrix,
    z: Vec<f64>,
    rho: f64,
    penalty: PenaltyForm,
    kinks: Kinks,
    /// ‖Jⱼ‖/√W, the penalty's rows included.
    norms: Vec<f64>,
    floor: f64,
    lanes: Lanes,
    team: &'a dyn Team,
}

impl<'a> Compressed<'a> {
    /// `r`, `z` and `rho` are divided by √W.
    pub(in super::super) fn new(
        lanes: Lanes,
        r: Matrix,
        z: Vec<f64>,
        rho: f64,
        penalty: PenaltyForm,
        kinks: Kinks,
        team: &'a dyn Team,
    ) -> Self {
        let stack = penalty.factor(r.columns());
        let norms = (0..r.columns())
            .map(|k| {
                let below = stack.as_ref().map_or(0.0, |form| lanes.dot(form.column(k), form.column(k)));
                (lanes.dot(r.column(k), r.column(k)) + below).sqrt()
            })
            .collect();
        let floor = 16.0 * f64::EPSILON * lanes.dot(&z, &z).sqrt().hypot(rho);
        Self { r, z, rho, penalty, kinks, norms, floor, lanes, team }
    }

    /// ‖Jⱼ‖/√W, the penalty's rows included.
    pub(in super::super) fn norms(&self) -> &[f64] {
        &self.norms
    }

    /// A matrix A with Hessian 2·AᵀA where the loss has this second derivative (2 for squares) in every row.
    pub(in super::super) fn root(&self, curvature: f64) -> Matrix {
        let width = self.r.columns();
        let factor = (0.5 * curvature).sqrt();
        let scaled = |k: usize| self.r.column(k).iter().map(move |value| value * factor);
        match self.penalty.factor(width) {
            None => Matrix::from_columns(self.r.rows(), (0..width).map(|k| scaled(k).collect())),
            Some(form) => {
                let columns = (0..width).map(|k| scaled(k).chain(form.column(k).iter().copied()).collect());
                Matrix::from_columns(self.r.rows() + form.rows(), columns)
            }
        }
    }

    /// The mean squared error alone.
    pub(in super::super) fn loss_at(&self, at: &[f64]) -> f64 {
        self.evaluate(at, &mut vec![0.0; at.len()]).loss
    }
}

impl Objective for Compressed<'_> {
    fn width(&self) -> usize {
        self.r.columns()
    }

    fn evaluate(&self, at: &[f64], gradient: &mut [f64]) -> Evaluation {
        let width = self.width();
        let mut residual: Vec<f64> = self.z.iter().map(|z| -z).collect();
        for k in 0..width {
            // Column k of R ends at row k.
            self.lanes.axpy(at[k], &self.r.column(k)[..=k.min(self.r.rows() - 1)], &mut residual);
        }
        for k in 0..width {
            gradient[k] = 2.0 * self.lanes.dot(&self.r.column(k)[..=k.min(self.r.rows() - 1)], &residual);
        }
        let loss = self.lanes.dot(&residual, &residual) + self.rho * self.rho;
        let penalty = self.penalty.add(self.lanes, at, gradient) + self.kinks.penalty(at);
        Evaluation { loss, penalty }
    }

    fn curvature(&self, direction: &[f64]) -> Option<f64> {
        let image = self.r.times(self.lanes, direction);
        let mut ignored = vec![0.0; direction.len()];
        Some(2.0 * (self.lanes.dot(&image, &image) + self.penalty.add(self.lanes, direction, &mut ignored)))
    }

    fn hessian(&self, _at: &[f64]) -> Option<Matrix> {
        let root = self.root(2.0);
        let width = self.width();
        let mut hessian = Matrix::zeros(width, width);
        for column in 0..width {
            if self.is_given_up() {
                return None;
            }
            for row in 0..=column {
                let product = 2.0 * self.lanes.dot(root.column(row), root.column(column));
                hessian.set(row, column, product);
                hessian.set(column, row, product);
            }
        }
        hessian.is_finite().then_some(hessian)
    }

    fn steepness(&self, at: &[f64], gradient: &[f64], evaluation: Evaluation) -> f64 {
        if self.kinks.is_empty() {
            return largest_cosine(gradient, &self.norms, evaluation.objective(), self.floor);
        }
        largest_cosine(&self.kinks.steepest(at, gradient), &self.norms, evaluation.objective(), self.floor)
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
