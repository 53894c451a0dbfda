//! Placeholder.
use super::lanes::Lanes;
use super::matrix::Matrix;
pub(super) enum Progress {
    Moved,
    Optimal,
    Stuck,
}
pub(super) struct Vertex {
    at: Vec<f64>,
}
impl Vertex {
    pub(super) fn new(_l: Lanes, _a: Matrix, _b: Vec<f64>, _low: Vec<f64>, _high: Vec<f64>, start: &[f64]) -> Self {
        Self { at: start.to_vec() }
    }
    pub(super) fn step(&mut self, _abandoned: &dyn Fn() -> bool) -> Progress {
        Progress::Stuck
    }
    pub(super) fn at(&self) -> &[f64] {
        &self.at
    }
    pub(super) fn state(&self) -> Vec<(String, Vec<f64>)> {
        Vec::new()
    }
    pub(super) fn restore(&mut self, _s: &[(String, Vec<f64>)]) -> bool {
        true
    }
}
