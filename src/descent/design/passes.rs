//! The passes over the rows: loss and gradient, curvature, predictions. Each reads the features once.

use super::{BLOCK_ROWS, CHUNK_ROWS, Design, WIDE};
use crate::descent::losses::Loss;
use crate::descent::matrix::Matrix;
use crate::descent::tree::gather;
use crate::descent::{GivenUp, Team, models::Response};

/// Partial curvature matrices held at once, at most.
const GRAM_CHUNKS_MAX: usize = 16;

/// The sums of one pass.
#[derive(Clone, Debug)]
pub(in crate::descent) struct Sums {
    /// Σ wℓ.
    pub(in crate::descent) loss: f64,
    /// Σ w.
    pub(in crate::descent) weight: f64,
    /// Σ w ∂ℓ/∂ηₖ φⱼ, by working coefficient.
    pub(in crate::descent) gradient: Vec<f64>,
}

impl Sums {
    fn zeros(width: usize) -> Self {
        Self { loss: 0.0, weight: 0.0, gradient: vec![0.0; width] }
    }

    fn add(&mut self, other: &Self) {
        self.loss += other.loss;
        self.weight += other.weight;
        self.gradient.iter_mut().zip(&other.gradient).for_each(|(sum, part)| *sum += part);
    }
}

/// Room for one block of rows.
pub(super) struct Scratch {
    functions: Vec<f64>,
    eta: Vec<f64>,
    target: Vec<f64>,
    weights: Vec<f64>,
}

impl Design {
    fn scratch(&self) -> Scratch {
        let rows = self.block_rows();
        Scratch {
            functions: vec![0.0; self.basis.width() * rows],
            eta: vec![0.0; self.outputs() * rows],
            target: vec![0.0; rows],
            weights: vec![1.0; rows],
        }
    }

    /// Reads rows into the scratch and computes η there. `picked` names the rows, else they begin at `from`.
    fn load(&self, scratch: &mut Scratch, from: usize, rows: usize, picked: Option<&[u32]>, working: &[f64]) {
        let width = self.basis.width();
        let functions = &mut scratch.functions[..width * rows];
        let target = &mut scratch.target[..rows];
        let weights = &mut scratch.weights[..rows];
        if let Some(picked) = picked {
            let of = |column: &[f64]| -> Vec<f64> { picked.iter().map(|row| column[*row as usize]).collect() };
            let features: Vec<Vec<f64>> = self.features.iter().map(|column| of(column)).collect();
            let features: Vec<&[f64]> = features.iter().map(Vec::as_slice).collect();
            self.basis.fill(&features, functions);
            target.copy_from_slice(&of(&self.target));
            if let Some(column) = &self.weights {
                weights.copy_from_slice(&of(column));
            }
        } else {
            self.fill(from, rows, functions);
            target.copy_from_slice(&self.target[from..from + rows]);
            if let Some(column) = &self.weights {
                weights.copy_from_slice(&column[from..from + rows]);
            }
        }
        if self.response == Response::Identity {
            target.iter_mut().for_each(|y| *y -= self.target_shift);
        }
        let eta = &mut scratch.eta[..self.outputs() * rows];
        eta.fill(0.0);
        if let Some(offset) = &self.offset {
            match picked {
                Some(picked) => picked.iter().zip(eta.iter_mut()).for_each(|(row, to)| *to = offset[*row as usize]),
                None => eta.iter_mut().zip(&offset[from..from + rows]).for_each(|(to, value)| *to = *value),
            }
        }
        for (eta, working) in eta.chunks_exact_mut(rows).zip(working.chunks_exact(width.max(1))) {
            for (column, factor) in functions.chunks_exact(rows).zip(working) {
                self.lanes.axpy(*factor, column, eta);
            }
        }
    }

    fn add_block(&self, scratch: &mut Scratch, rows: usize, loss: &dyn Loss, sums: &mut Sums) {
        let width = self.basis.width();
        let eta = &mut scratch.eta[..self.outputs() * rows];
        let weights = &scratch.weights[..rows];
        sums.weight += weights.iter().sum::<f64>();
        sums.loss += loss.slopes(eta, &scratch.target[..rows], weights, self.lanes);
        let functions = &scratch.functions[..width * rows];
        for (slopes, gradient) in eta.chunks_exact(rows).zip(sums.gradient.chunks_exact_mut(width.max(1))) {
            for (sum, column) in gradient.iter_mut().zip(functions.chunks_exact(rows)) {
                *sum += self.lanes.dot(column, slopes);
            }
        }
    }

    /// One pass over all rows at these working coefficients: loss and gradient.
    pub(in crate::descent) fn stream(&self, loss: &dyn Loss, working: &[f64], team: &dyn Team) -> Sums {
        let whole = gather(
            self.rows(),
            CHUNK_ROWS,
            team,
            &|from, end| {
                let mut sums = Sums::zeros(working.len());
                let mut scratch = self.scratch();
                for from in (from..end).step_by(BLOCK_ROWS) {
                    if from > 0 && team.gives_up() {
                        return None;
                    }
                    let rows = BLOCK_ROWS.min(end - from);
                    self.load(&mut scratch, from, rows, None, working);
                    self.add_block(&mut scratch, rows, loss, &mut sums);
                }
                Some(sums)
            },
            |first, second| first.add(&second),
        );
        whole.unwrap_or_else(|| Sums::zeros(working.len()))
    }

    /// The same over these rows alone, on the calling thread.
    pub(in crate::descent) fn stream_rows(
        &self,
        loss: &dyn Loss,
        working: &[f64],
        picked: &[u32],
        team: &dyn Team,
    ) -> Sums {
        let mut sums = Sums::zeros(working.len());
        let mut scratch = self.scratch();
        for (block, picked) in picked.chunks(BLOCK_ROWS).enumerate() {
            if block > 0 && team.gives_up() {
                break;
            }
            self.load(&mut scratch, 0, picked.len(), Some(picked), working);
            self.add_block(&mut scratch, picked.len(), loss, &mut sums);
        }
        sums
    }

    /// Visits all rows in order, block by block: the first row, functions by column, η by output, target and weights.
    pub(in crate::descent) fn visit(
        &self,
        working: &[f64],
        team: &dyn Team,
        mut each: impl FnMut(usize, &[f64], &mut [f64], &[f64], &[f64]),
    ) {
        let mut scratch = self.scratch();
        for from in (0..self.rows()).step_by(BLOCK_ROWS) {
            if from > 0 && team.gives_up() {
                break;
            }
            let rows = BLOCK_ROWS.min(self.rows() - from);
            self.load(&mut scratch, from, rows, None, working);
            let Scratch { functions, eta, target, weights } = &mut scratch;
            let eta = &mut eta[..self.outputs() * rows];
            each(from, &functions[..self.basis.width() * rows], eta, &target[..rows], &weights[..rows]);
        }
    }

    /// η of every row, one column an output, the target's shift added.
    pub(in crate::descent) fn predictions(&self, working: &[f64], team: &dyn Team) -> Vec<f64> {
        let n = self.rows();
        let mut out = vec![0.0; n * self.outputs()];
        self.visit(working, team, |from, _, eta, target, _| {
            let rows = target.len();
            for (output, column) in eta.chunks_exact(rows).enumerate() {
                for (to, value) in out[output * n + from..][..rows].iter_mut().zip(column) {
                    *to = value + self.target_shift;
                }
            }
        });
        out
    }

    /// Σ c xᵀx over the rows, x = φ·map (one block of coordinates an output), c the loss's curvature, or the expected one:
    /// the Hessian of Σ wℓ in the coordinates that `map` leads from.
    pub(in crate::descent) fn gram(
        &self,
        loss: &dyn Loss,
        working: &[f64],
        map: &Matrix,
        expected: bool,
        team: &dyn Team,
    ) -> Matrix {
        let (outputs, inner) = (self.outputs(), map.columns());
        let size = outputs * inner;
        let chunk_rows = CHUNK_ROWS.max(self.rows().div_ceil(GRAM_CHUNKS_MAX).next_multiple_of(BLOCK_ROWS));
        let within = || size >= WIDE && team.gives_up();
        let part = |from: usize, end: usize| {
            let mut sums = Matrix::zeros(size, size);
            let mut scratch = self.scratch();
            let room = self.block_rows();
            let mut mapped = vec![0.0; inner * room];
            let mut bends = vec![0.0; outputs * (outputs + 1) / 2 * room];
            let mut scaled = vec![0.0; room];
            for from in (from..end).step_by(BLOCK_ROWS) {
                if from > 0 && team.gives_up() {
                    return None;
                }
                let rows = BLOCK_ROWS.min(end - from);
                self.load(&mut scratch, from, rows, None, working);
                let functions = &scratch.functions[..self.basis.width() * rows];
                let mapped = &mut mapped[..inner * rows];
                mapped.fill(0.0);
                for (k, to) in mapped.chunks_exact_mut(rows).enumerate() {
                    if within() {
                        return None;
                    }
                    for (column, factor) in functions.chunks_exact(rows).zip(map.column(k)) {
                        if *factor != 0.0 {
                            self.lanes.axpy(*factor, column, to);
                        }
                    }
                }
                let (eta, target) = (&scratch.eta[..outputs * rows], &scratch.target[..rows]);
                let bends = &mut bends[..outputs * (outputs + 1) / 2 * rows];
                if expected {
                    loss.information(eta, target, &scratch.weights[..rows], bends);
                } else {
                    loss.curvatures(eta, target, &scratch.weights[..rows], bends);
                }
                let mut pairs = bends.chunks_exact(rows);
                for a in 0..outputs {
                    for b in a..outputs {
                        let Some(bend) = pairs.next() else { continue };
                        self.add_products(
                            &mut sums,
                            (a * inner, b * inner),
                            mapped,
                            bend,
                            &mut scaled[..rows],
                            &within,
                        );
                    }
                }
            }
            Some(sums)
        };
        let whole = gather(self.rows(), chunk_rows, team, &part, |first, second| first.add(&second));
        let mut whole = whole.unwrap_or_else(|| Matrix::zeros(size, size));
        for column in 0..size {
            for row in column + 1..size {
                whole.set(row, column, whole.at(column, row));
            }
        }
        whole
    }

    /// Adds one block's products of columns to the upper triangle of `sums` at an offset.
    fn add_products(
        &self,
        sums: &mut Matrix,
        (row, column): (usize, usize),
        mapped: &[f64],
        bend: &[f64],
        scaled: &mut [f64],
        given_up: GivenUp<'_>,
    ) {
        let rows = scaled.len();
        for (k, x) in mapped.chunks_exact(rows).enumerate() {
            if given_up() {
                return;
            }
            for ((to, x), c) in scaled.iter_mut().zip(x).zip(bend) {
                *to = x * c;
            }
            let first = if row == column { k } else { 0 };
            for (l, y) in mapped.chunks_exact(rows).enumerate().skip(first) {
                let sum = sums.at(row + k, column + l) + self.lanes.dot(scaled, y);
                sums.set(row + k, column + l, sum);
            }
        }
    }
}
