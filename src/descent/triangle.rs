//! The triangle [R z; 0 ρ] that a linear least-squares problem is compressed to, and how rows are folded into it.

use super::GivenUp;
use super::lanes::Lanes;
use super::matrix::Matrix;

/// An upper triangle of m columns, the last one the right-hand side; for any θ, ‖[X y]·(θ, −1)‖ = ‖R·(θ, −1)‖.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Triangle {
    r: Matrix,
}

impl Triangle {
    /// The triangle of no rows.
    pub(super) fn empty(columns: usize) -> Self {
        Self { r: Matrix::zeros(columns, columns) }
    }

    /// Folds in a block of rows, column by column in `block`, which is overwritten. One Householder reflection a column
    /// acts on one row of the triangle and on the whole block.
    pub(super) fn absorb(&mut self, lanes: Lanes, block: &mut [f64], rows: usize) {
        self.absorb_unless(lanes, block, rows, &|| false);
    }

    /// The same for wide blocks, asking before each column.
    pub(super) fn absorb_unless(&mut self, lanes: Lanes, block: &mut [f64], rows: usize, given_up: GivenUp<'_>) {
        if rows == 0 {
            return;
        }
        for k in 0..self.r.columns() {
            if given_up() {
                return;
            }
            let (done, later) = block.split_at_mut((k + 1) * rows);
            let pivot = &done[k * rows..];
            let tail = lanes.dot(pivot, pivot);
            if tail == 0.0 {
                continue;
            }
            let head = self.r.at(k, k);
            let norm = head.mul_add(head, tail).sqrt();
            let diagonal = if head > 0.0 { -norm } else { norm };
            let v = head - diagonal;
            // H = I − 2uuᵀ/uᵀu with u = (v, pivot); uᵀu = 2·norm·|v|.
            let half_square = norm * v.abs();
            self.r.set(k, k, diagonal);
            let mut apply = |j: usize, dot: f64, column: &mut [f64]| {
                let top = self.r.at(k, j);
                let factor = -v.mul_add(top, dot) / half_square;
                self.r.set(k, j, factor.mul_add(v, top));
                lanes.axpy(factor, pivot, column);
            };
            let mut j = k + 1;
            let mut fours = later.chunks_exact_mut(4 * rows);
            for four in &mut fours {
                let (a, rest) = four.split_at_mut(rows);
                let (b, rest) = rest.split_at_mut(rows);
                let (c, d) = rest.split_at_mut(rows);
                let dots = lanes.dot4(pivot, [a, b, c, d]);
                for (at, column) in [a, b, c, d].into_iter().enumerate() {
                    apply(j + at, dots[at], column);
                }
                j += 4;
            }
            for column in fours.into_remainder().chunks_exact_mut(rows) {
                let dot = lanes.dot(pivot, column);
                apply(j, dot, column);
                j += 1;
            }
        }
    }

    /// Folds in another triangle of the same width, whose room serves as the block.
    pub(super) fn merge(&mut self, lanes: Lanes, other: Self, given_up: GivenUp<'_>) {
        let columns = self.r.columns();
        self.absorb_unless(lanes, &mut other.r.into_values(), columns, given_up);
    }

    /// R: the first m − 1 columns, square.
    pub(super) fn r(&self) -> Matrix {
        let width = self.r.columns() - 1;
        Matrix::from_columns(width, (0..width).map(|column| self.r.column(column)[..width].to_vec()))
    }

    /// z: the right-hand side.
    pub(super) fn z(&self) -> Vec<f64> {
        let width = self.r.columns() - 1;
        self.r.column(width)[..width].to_vec()
    }

    /// ρ: what no coefficient can explain.
    pub(super) fn rho(&self) -> f64 {
        let width = self.r.columns() - 1;
        self.r.at(width, width).abs()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_triangle_keeps_every_norm() {
        let lanes = Lanes::chosen();
        let columns = 6;
        let rows = 37;
        let values: Vec<f64> = (0..columns * rows).map(|at| ((at * 7919) % 101) as f64 / 13.0 - 3.0).collect();
        let coefficients = [0.5, -1.0, 2.0, 0.25, 3.0, -1.0];
        let direct: f64 = (0..rows)
            .map(|row| {
                (0..columns).map(|column| values[column * rows + row] * coefficients[column]).sum::<f64>().powi(2)
            })
            .sum();
        let mut whole = Triangle::empty(columns);
        whole.absorb(lanes, &mut values.clone(), rows);
        let (mut top, mut bottom) = (Triangle::empty(columns), Triangle::empty(columns));
        let part = |from: usize, to: usize| -> Vec<f64> {
            (0..columns).flat_map(|column| values[column * rows + from..column * rows + to].to_vec()).collect()
        };
        top.absorb(lanes, &mut part(0, 20), 20);
        bottom.absorb(lanes, &mut part(20, rows), rows - 20);
        top.merge(lanes, bottom, &|| false);
        for triangle in [whole, top] {
            let image = triangle.r.times(lanes, &coefficients);
            assert!((lanes.dot(&image, &image) / direct - 1.0).abs() < 1e-13);
        }
    }
}
