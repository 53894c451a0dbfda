//! Placeholder.
use super::lanes::Lanes;
use super::matrix::Matrix;
pub(super) struct Quadratic<'a> {
    pub(super) hessian: &'a Matrix,
    pub(super) gradient: &'a [f64],
    pub(super) at: &'a [f64],
    pub(super) l1: &'a [f64],
    pub(super) lower: &'a [f64],
    pub(super) upper: &'a [f64],
}
pub(super) fn minimise(_lanes: Lanes, problem: &Quadratic<'_>) -> Vec<f64> {
    let _ = (problem.hessian, problem.gradient, problem.l1, problem.lower, problem.upper);
    problem.at.to_vec()
}
