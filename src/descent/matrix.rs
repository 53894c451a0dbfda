//! Small dense matrices by column, and the factorizations that the core needs of them. Own, because libraries pick
//! their kernels at run time and so give other bits on other machines.

use std::sync::Arc;

use super::GivenUp;
use super::lanes::Lanes;

/// A dense matrix, column by column.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Matrix {
    rows: usize,
    columns: usize,
    values: Vec<f64>,
}

impl Matrix {
    /// All zeros.
    pub(super) fn zeros(rows: usize, columns: usize) -> Self {
        Self { rows, columns, values: vec![0.0; rows * columns] }
    }

    /// From its columns, all of one length.
    pub(super) fn from_columns(rows: usize, columns: impl IntoIterator<Item = Vec<f64>>) -> Self {
        let columns = columns.into_iter();
        // The columns' number is known beforehand, so that the values never grow by doubling.
        let mut values = Vec::with_capacity(rows * columns.size_hint().0);
        columns.for_each(|column| values.extend_from_slice(&column));
        let count = values.len().checked_div(rows).unwrap_or(0);
        Self { rows, columns: count, values }
    }

    pub(super) fn rows(&self) -> usize {
        self.rows
    }

    pub(super) fn columns(&self) -> usize {
        self.columns
    }

    pub(super) fn at(&self, row: usize, column: usize) -> f64 {
        self.values[column * self.rows + row]
    }

    pub(super) fn set(&mut self, row: usize, column: usize, value: f64) {
        self.values[column * self.rows + row] = value;
    }

    pub(super) fn column(&self, column: usize) -> &[f64] {
        &self.values[column * self.rows..(column + 1) * self.rows]
    }

    pub(super) fn column_mut(&mut self, column: usize) -> &mut [f64] {
        &mut self.values[column * self.rows..(column + 1) * self.rows]
    }

    /// Adds a matrix of the same shape.
    pub(super) fn add(&mut self, other: &Self) {
        self.values.iter_mut().zip(&other.values).for_each(|(sum, part)| *sum += part);
    }

    /// Adds `value` times the projection on vectors whose `outputs` blocks of length `inner` are all the same.
    pub(super) fn add_shift(&mut self, inner: usize, outputs: usize, value: f64) {
        for k in 0..inner {
            for a in 0..outputs {
                for b in 0..outputs {
                    let (row, column) = (a * inner + k, b * inner + k);
                    self.set(row, column, self.at(row, column) + value / outputs as f64);
                }
            }
        }
    }

    /// Multiplies every value.
    pub(super) fn scale(&mut self, factor: f64) {
        self.values.iter_mut().for_each(|value| *value *= factor);
    }

    /// A·B.
    pub(super) fn times_matrix(&self, lanes: Lanes, other: &Self, given_up: GivenUp<'_>) -> Self {
        let column = |k| if given_up() { vec![0.0; self.rows] } else { self.times(lanes, other.column(k)) };
        Self::from_columns(self.rows, (0..other.columns).map(column))
    }

    /// Whether no value is infinite or not a number.
    pub(super) fn is_finite(&self) -> bool {
        self.values.iter().all(|value| value.is_finite())
    }

    /// A·x.
    pub(super) fn times(&self, lanes: Lanes, x: &[f64]) -> Vec<f64> {
        let mut out = vec![0.0; self.rows];
        for (column, factor) in x.iter().enumerate() {
            if *factor != 0.0 {
                lanes.axpy(*factor, self.column(column), &mut out);
            }
        }
        out
    }

    /// Aᵀ·x.
    pub(super) fn transposed_times(&self, lanes: Lanes, x: &[f64]) -> Vec<f64> {
        (0..self.columns).map(|column| lanes.dot(self.column(column), x)).collect()
    }

    /// All values, column by column.
    pub(super) fn into_values(self) -> Vec<f64> {
        self.values
    }

    fn two_columns(&mut self, first: usize, second: usize) -> (&mut [f64], &mut [f64]) {
        debug_assert!(first < second);
        let (left, right) = self.values.split_at_mut(second * self.rows);
        (&mut left[first * self.rows..(first + 1) * self.rows], &mut right[..self.rows])
    }
}

/// Singular values by one-sided Jacobi rotations (Hestenes 1958), largest first: each to high relative accuracy, also
/// the small ones of badly scaled columns.
pub(super) fn singular_values(lanes: Lanes, mut a: Matrix, given_up: GivenUp<'_>) -> Vec<f64> {
    const SWEEPS_MAX: usize = 40;
    let columns = a.columns();
    for _ in 0..SWEEPS_MAX {
        let mut rotated = false;
        for first in 0..columns {
            if given_up() {
                return Vec::new();
            }
            for second in first + 1..columns {
                let (x, y) = a.two_columns(first, second);
                let (xx, yy, xy) = (lanes.dot(x, x), lanes.dot(y, y), lanes.dot(x, y));
                if xy.abs() <= f64::EPSILON * (xx * yy).sqrt() || xy == 0.0 {
                    continue;
                }
                rotated = true;
                let zeta = (yy - xx) / (2.0 * xy);
                let t = zeta.signum() / (zeta.abs() + zeta.hypot(1.0));
                let cosine = 1.0 / t.hypot(1.0);
                let sine = cosine * t;
                for (p, q) in x.iter_mut().zip(y.iter_mut()) {
                    let old = *p;
                    *p = cosine.mul_add(old, -(sine * *q));
                    *q = sine.mul_add(old, cosine * *q);
                }
            }
        }
        if !rotated {
            break;
        }
    }
    let mut values: Vec<f64> =
        (0..columns).map(|column| lanes.dot(a.column(column), a.column(column)).sqrt()).collect();
    values.sort_by(|x, y| y.total_cmp(x));
    values
}

/// The largest singular value by power iteration on AᵀA, for matrices too large for [`singular_values`].
pub(super) fn largest_singular_value(lanes: Lanes, a: &Matrix, given_up: GivenUp<'_>) -> f64 {
    const STEPS: usize = 300;
    let mut x: Vec<f64> = (0..a.columns()).map(|at| 1.0 + (at % 7) as f64 / 16.0).collect();
    let mut sigma = 0.0;
    for _ in 0..STEPS {
        let norm = lanes.dot(&x, &x).sqrt();
        if norm == 0.0 || given_up() {
            return 0.0;
        }
        x.iter_mut().for_each(|value| *value /= norm);
        let ax = a.times(lanes, &x);
        sigma = lanes.dot(&ax, &ax).sqrt();
        x = a.transposed_times(lanes, &ax);
    }
    sigma
}

/// A complete orthogonal decomposition of A (m×p) with right-hand side b: the whitening of its row space.
///
/// With A·Π = Q [R₁₁ R₁₂; 0 ~0] (column-pivoted Householder QR, Businger & Golub 1965) and [R₁₁ R₁₂]ᵀ = Z·S,
/// the map φ = Sᵀ·Zᵀ·Πᵀ·x makes ‖A·x − b‖² = ‖φ − φ*‖² + const over the row space, and x = B·φ, B = Π·Z·S⁻ᵀ, is the
/// solution of least norm for each φ.
#[derive(Clone, Debug)]
pub(super) struct Whitening {
    /// p×r: from whitened coordinates. Charts and objectives share it.
    pub(super) from: Arc<Matrix>,
    /// p×r, the transpose of the map to whitened coordinates.
    pub(super) onto: Arc<Matrix>,
    /// φ*: the optimum in whitened coordinates.
    pub(super) optimum: Vec<f64>,
}

impl Whitening {
    /// Decomposes `a` with right-hand side `b` (length m). Columns whose part outside the earlier ones is below
    /// `tolerance` times the largest are left out.
    /// Ends early, with a result that means nothing, as soon as `abandoned` says so.
    pub(super) fn new(lanes: Lanes, mut a: Matrix, mut b: Vec<f64>, tolerance: f64, abandoned: GivenUp<'_>) -> Self {
        let (m, p) = (a.rows(), a.columns());
        let mut order: Vec<usize> = (0..p).collect();
        let mut rank = 0;
        let mut largest = 0.0;
        for k in 0..m.min(p) {
            if abandoned() {
                break;
            }
            let norms: Vec<f64> = (k..p).map(|j| lanes.dot(&a.column(j)[k..], &a.column(j)[k..])).collect();
            let best = (0..norms.len()).fold(0, |best, j| if norms[j] > norms[best] { j } else { best });
            let norm = norms[best].sqrt();
            if k == 0 {
                largest = norm;
            }
            if norm <= tolerance * largest || norm == 0.0 {
                break;
            }
            if best != 0 {
                order.swap(k, k + best);
                let (x, y) = a.two_columns(k, k + best);
                x.swap_with_slice(y);
            }
            reflect(lanes, &mut a, &mut b, k, norm);
            rank += 1;
        }
        // Rows of [R₁₁ R₁₂] as columns, so that the second factorization works on contiguous memory.
        let mut wide = Matrix::zeros(p, rank);
        for row in 0..rank {
            for column in row..p {
                wide.set(column, row, a.at(row, column));
            }
        }
        drop(a);
        let (z, s) = orthonormal(lanes, wide, abandoned);
        b.truncate(rank);
        let mut from = Matrix::zeros(p, rank);
        let mut onto = Matrix::zeros(p, rank);
        // B·e_j = Π·Z·(S⁻ᵀ e_j): forward substitution with the lower triangle Sᵀ.
        for j in 0..rank {
            if abandoned() {
                break;
            }
            let mut e = vec![0.0; rank];
            for i in j..rank {
                let known: f64 = (j..i).fold(0.0, |sum, l| s.at(l, i).mul_add(e[l], sum));
                e[i] = (f64::from(u8::from(i == j)) - known) / s.at(i, i);
            }
            let column = z.times(lanes, &e);
            let image = z.times(lanes, &(0..rank).map(|l| if l <= j { s.at(l, j) } else { 0.0 }).collect::<Vec<_>>());
            for (at, &original) in order.iter().enumerate() {
                from.set(original, j, column[at]);
                onto.set(original, j, image[at]);
            }
        }
        Self { from: Arc::new(from), onto: Arc::new(onto), optimum: b }
    }

    /// The number of independent columns.
    pub(super) fn rank(&self) -> usize {
        self.optimum.len()
    }
}

/// One Householder step on column `k` (its norm from row `k` on is `norm`), applied to the later columns and to `b`.
fn reflect(lanes: Lanes, a: &mut Matrix, b: &mut [f64], k: usize, norm: f64) {
    let mut v = a.column(k)[k..].to_vec();
    let diagonal = if v[0] > 0.0 { -norm } else { norm };
    v[0] -= diagonal;
    let square = lanes.dot(&v, &v);
    if square > 0.0 {
        for j in k + 1..a.columns() {
            let column = &mut a.column_mut(j)[k..];
            let factor = -2.0 * lanes.dot(&v, column) / square;
            lanes.axpy(factor, &v, column);
        }
        let factor = -2.0 * lanes.dot(&v, &b[k..]) / square;
        lanes.axpy(factor, &v, &mut b[k..]);
    }
    let column = &mut a.column_mut(k)[k..];
    column.fill(0.0);
    column[0] = diagonal;
}

/// Thin QR by modified Gram-Schmidt, each column orthogonalized twice ("twice is enough", Giraud et al. 2005): columns
/// of full rank → orthonormal Z and upper triangular S with A = Z·S.
fn orthonormal(lanes: Lanes, mut a: Matrix, abandoned: GivenUp<'_>) -> (Matrix, Matrix) {
    let columns = a.columns();
    let mut s = Matrix::zeros(columns, columns);
    for k in 0..columns {
        if abandoned() {
            break;
        }
        for _ in 0..2 {
            for j in 0..k {
                let (earlier, column) = a.two_columns(j, k);
                let part = lanes.dot(earlier, column);
                lanes.axpy(-part, earlier, column);
                s.set(j, k, s.at(j, k) + part);
            }
        }
        let norm = lanes.dot(a.column(k), a.column(k)).sqrt();
        s.set(k, k, norm);
        a.column_mut(k).iter_mut().for_each(|value| *value /= norm);
    }
    (a, s)
}

#[cfg(test)]
mod tests {
    use super::*;
    use nalgebra::DMatrix;

    fn sample(rows: usize, columns: usize) -> Matrix {
        let mut state = 7u64;
        let mut next = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 11) as f64 / (1u64 << 53) as f64 - 0.5
        };
        Matrix::from_columns(rows, (0..columns).map(|_| (0..rows).map(|_| next()).collect()))
    }

    #[test]
    fn singular_values_agree_with_an_independent_library() {
        let a = sample(12, 6);
        let theirs = DMatrix::from_column_slice(12, 6, &a.values).svd(false, false).singular_values;
        for (ours, theirs) in singular_values(Lanes::chosen(), a.clone(), &|| false).iter().zip(theirs.iter()) {
            assert!((ours - theirs).abs() < 1e-13, "{ours} {theirs}");
        }
        let power = largest_singular_value(Lanes::chosen(), &a, &|| false);
        assert!((power - theirs[0]).abs() < 1e-6 * theirs[0]);
    }

    #[test]
    fn whitening_gives_the_least_squares_solution_of_least_norm() {
        let lanes = Lanes::chosen();
        let mut a = sample(9, 4);
        // The last column repeats the first: rank 3.
        let first = a.column(0).to_vec();
        a.column_mut(3).copy_from_slice(&first);
        let b: Vec<f64> = (0..9).map(|at| f64::from(at) - 2.5).collect();
        let whitening = Whitening::new(lanes, a.clone(), b.clone(), 1e-13, &|| false);
        assert_eq!(whitening.rank(), 3);
        let ours = whitening.from.times(lanes, &whitening.optimum);
        let theirs = DMatrix::from_column_slice(9, 4, &a.values)
            .svd(true, true)
            .solve(&DMatrix::from_column_slice(9, 1, &b), 1e-10)
            .expect("the factors were asked for");
        for (ours, theirs) in ours.iter().zip(theirs.iter()) {
            assert!((ours - theirs).abs() < 1e-12, "{ours} {theirs}");
        }
        let round = whitening.onto.transposed_times(lanes, &ours);
        for (ours, theirs) in round.iter().zip(&whitening.optimum) {
            assert!((ours - theirs).abs() < 1e-12);
        }
    }
}
