//! The Cholesky factorization H = L·Lᵀ of a symmetric positive definite matrix (Golub & Van Loan 2013, §4.2).

use super::GivenUp;
use super::lanes::Lanes;
use super::matrix::Matrix;

/// The smallest ridge that is tried, as a part of the largest diagonal element.
const RIDGE_FIRST: f64 = 1e-14;

/// Rows from which on a factorization asks whether it is wanted.
const WIDE: usize = 64;

/// A factorization.
pub(super) struct Cholesky {
    /// Lᵀ by column: column j holds row j of L up to the diagonal.
    transposed: Matrix,
    lanes: Lanes,
}

impl Cholesky {
    /// Factors `matrix`; nothing if it is not numerically positive definite, or wanted no more.
    pub(super) fn new(lanes: Lanes, matrix: &Matrix, given_up: GivenUp<'_>) -> Option<Self> {
        Self::ridged(lanes, matrix, 0.0, given_up)
    }

    /// The same with this ridge on the diagonal.
    fn ridged(lanes: Lanes, matrix: &Matrix, ridge: f64, given_up: GivenUp<'_>) -> Option<Self> {
        let size = matrix.columns();
        let mut transposed = Matrix::zeros(size, size);
        for i in 0..size {
            if size >= WIDE && given_up() {
                return None;
            }
            for j in 0..=i {
                let known = lanes.dot(&transposed.column(i)[..j], &transposed.column(j)[..j]);
                let element = if i == j { matrix.at(i, i) + ridge } else { matrix.at(i, j) };
                let rest = element - known;
                if i == j {
                    // A pivot that is rounding error of its diagonal element is none.
                    if !rest.is_finite() || rest <= 4.0 * f64::EPSILON * element || rest <= 0.0 {
                        return None;
                    }
                    transposed.set(i, i, rest.sqrt());
                } else {
                    transposed.set(j, i, rest / transposed.at(j, j));
                }
            }
        }
        Some(Self { transposed, lanes })
    }

    /// Factors `matrix` plus the smallest multiple of the identity, out of a growing sequence, that makes it positive definite.
    pub(super) fn shifted(lanes: Lanes, matrix: &Matrix, given_up: GivenUp<'_>) -> Self {
        let size = matrix.columns();
        let largest = (0..size).map(|k| matrix.at(k, k).abs()).fold(f64::MIN_POSITIVE, f64::max);
        let mut ridge = 0.0;
        // After 400 orders of magnitude the ridge is all that counts.
        for _ in 0..400 {
            if let Some(factor) = Self::ridged(lanes, matrix, ridge, given_up) {
                return factor;
            }
            if size >= WIDE && given_up() {
                break;
            }
            ridge = if ridge == 0.0 { RIDGE_FIRST * largest } else { 10.0 * ridge };
        }
        let mut unit = Matrix::zeros(size, size);
        (0..size).for_each(|k| unit.set(k, k, largest.sqrt().min(f64::MAX)));
        Self { transposed: unit, lanes }
    }

    /// H⁻¹b.
    pub(super) fn solve(&self, b: &[f64]) -> Vec<f64> {
        let size = self.transposed.columns();
        let mut x = b.to_vec();
        for i in 0..size {
            let row = self.transposed.column(i);
            x[i] = (x[i] - self.lanes.dot(&row[..i], &x[..i])) / row[i];
        }
        for i in (0..size).rev() {
            x[i] /= self.transposed.at(i, i);
            let value = x[i];
            self.lanes.axpy(-value, &self.transposed.column(i)[..i], &mut x[..i]);
        }
        x
    }

    /// L⁻ᵀ, so that H⁻¹ = L⁻ᵀ·L⁻¹.
    pub(super) fn inverse_root(&self, given_up: GivenUp<'_>) -> Matrix {
        let size = self.transposed.columns();
        Matrix::from_columns(
            size,
            (0..size).map(|k| {
                let mut x = vec![0.0; size];
                x[k] = 1.0;
                if given_up() {
                    return x;
                }
                for i in (0..=k).rev() {
                    x[i] /= self.transposed.at(i, i);
                    let value = x[i];
                    self.lanes.axpy(-value, &self.transposed.column(i)[..i], &mut x[..i]);
                }
                x
            }),
        )
    }

    /// L.
    pub(super) fn lower(&self) -> Matrix {
        let size = self.transposed.columns();
        let mut out = Matrix::zeros(size, size);
        for row in 0..size {
            (0..=row).for_each(|column| out.set(row, column, self.transposed.at(column, row)));
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn factors_solve_and_invert() {
        let lanes = Lanes::chosen();
        let a = Matrix::from_columns(3, [vec![4.0, 2.0, 0.6], vec![2.0, 5.0, -1.0], vec![0.6, -1.0, 3.0]]);
        let factor = Cholesky::new(lanes, &a, &|| false).unwrap();
        let back = a.times(lanes, &factor.solve(&[1.0, -2.0, 0.5]));
        assert!(back.iter().zip([1.0, -2.0, 0.5]).all(|(x, y)| (x - y).abs() < 1e-14), "{back:?}");
        let root = factor.inverse_root(&|| false);
        for k in 0..3 {
            let row: Vec<f64> = (0..3).map(|j| root.at(k, j)).collect();
            let product = a.times(lanes, &root.times(lanes, &row));
            assert!((0..3).all(|j| (product[j] - f64::from(u8::from(j == k))).abs() < 1e-14), "{product:?}");
        }
        let lower = factor.lower();
        let square = lanes
            .dot(&[lower.at(2, 0), lower.at(2, 1), lower.at(2, 2)], &[lower.at(2, 0), lower.at(2, 1), lower.at(2, 2)]);
        assert!((square - 3.0).abs() < 1e-14);
    }

    #[test]
    fn what_is_not_positive_definite_is_refused_or_shifted() {
        let lanes = Lanes::chosen();
        let singular = Matrix::from_columns(2, [vec![1.0, 1.0], vec![1.0, 1.0]]);
        assert!(Cholesky::new(lanes, &singular, &|| false).is_none());
        let solution = Cholesky::shifted(lanes, &singular, &|| false).solve(&[1.0, 1.0]);
        assert!((solution[0] + solution[1] - 1.0).abs() < 1e-6, "{solution:?}");
        let negative = Matrix::from_columns(1, [vec![-1.0]]);
        assert!(Cholesky::shifted(lanes, &negative, &|| false).solve(&[1.0])[0].is_finite());
    }
}
