//! Charts: the coordinates in which a descent moves, and the maps between them, the working coefficients and the
//! coefficients in data units. "Internal order" puts the intercept first.

use std::sync::Arc;

use super::super::lanes::Lanes;
use super::super::matrix::Matrix;
use super::super::models::Basis;

/// Functions ψₖ = (fₖ − meanₖ)/scaleₖ in place of fₖ, the constant f₀ = 1 kept; without an intercept only scaled.
#[derive(Clone, Debug, PartialEq)]
pub(in super::super) struct Centering {
    intercept: bool,
    means: Vec<f64>,
    pub(in super::super) scales: Vec<f64>,
}

impl Centering {
    /// Standardizes the columns of a weight-normalized triangle R and returns the triangle of the standardized columns.
    /// With an intercept, row 0 of R is the projection on the constant, so centring drops it: exactly orthogonal.
    pub(in super::super) fn of(lanes: Lanes, r: &Matrix, intercept: bool) -> (Self, Matrix) {
        let width = r.columns();
        let first = usize::from(intercept);
        let mut out = Matrix::zeros(width, width);
        let (mut means, mut scales) = (vec![0.0; width], vec![1.0; width]);
        if intercept {
            out.set(0, 0, r.at(0, 0));
        }
        for k in first..width {
            let column = &r.column(k)[first..];
            let norm = lanes.dot(column, column).sqrt();
            if intercept && r.at(0, 0) != 0.0 {
                means[k] = r.at(0, k) / r.at(0, 0);
            }
            if norm > 0.0 && norm.is_finite() {
                scales[k] = norm;
            }
            for row in first..=k {
                out.set(row, k, r.at(row, k) / scales[k]);
            }
        }
        (Self { intercept, means, scales }, out)
    }

    /// The same scales, nothing centred: for ranges of the intercept, which centring would mix with the slopes.
    pub(in super::super) fn without_means(&self) -> Self {
        Self { means: vec![0.0; self.means.len()], ..self.clone() }
    }

    /// The columns of a triangle in these coordinates.
    pub(in super::super) fn apply(&self, r: &Matrix) -> Matrix {
        let constant = if self.intercept && r.columns() > 0 { r.column(0).to_vec() } else { vec![0.0; r.rows()] };
        Matrix::from_columns(
            r.rows(),
            (0..r.columns()).map(|k| {
                if k == 0 && self.intercept {
                    return constant.clone();
                }
                let column = r.column(k).iter().zip(&constant);
                column.map(|(value, one)| (-self.means[k]).mul_add(*one, *value) / self.scales[k]).collect()
            }),
        )
    }

    /// Coefficients of ψ → coefficients of f.
    pub(in super::super) fn lower(&self, standardized: &[f64]) -> Vec<f64> {
        let mut out = standardized.to_vec();
        for k in usize::from(self.intercept)..out.len() {
            out[k] = standardized[k] / self.scales[k];
            if self.intercept {
                out[0] = (-self.means[k]).mul_add(out[k], out[0]);
            }
        }
        out
    }

    /// Coefficients of f → coefficients of ψ.
    pub(in super::super) fn raise(&self, plain: &[f64]) -> Vec<f64> {
        let mut out = plain.to_vec();
        for k in usize::from(self.intercept)..out.len() {
            out[k] = plain[k] * self.scales[k];
            if self.intercept {
                out[0] = self.means[k].mul_add(plain[k], out[0]);
            }
        }
        out
    }

    /// A gradient by coefficients of f → by coefficients of ψ: the transpose of [`Centering::lower`].
    pub(in super::super) fn pull(&self, gradient: &[f64]) -> Vec<f64> {
        let constant = if self.intercept { gradient.first().copied().unwrap_or(0.0) } else { 0.0 };
        let mut out = gradient.to_vec();
        for k in usize::from(self.intercept)..out.len() {
            out[k] = (-self.means[k]).mul_add(constant, gradient[k]) / self.scales[k];
        }
        out
    }

    /// A gradient by coefficients of ψ → by coefficients of f: the transpose of [`Centering::raise`].
    pub(in super::super) fn push(&self, gradient: &[f64]) -> Vec<f64> {
        let constant = if self.intercept { gradient.first().copied().unwrap_or(0.0) } else { 0.0 };
        let mut out = gradient.to_vec();
        for k in usize::from(self.intercept)..out.len() {
            out[k] = gradient[k].mul_add(self.scales[k], if self.intercept { self.means[k] * constant } else { 0.0 });
        }
        out
    }
}

/// The coordinates φ of a descent.
pub(in super::super) enum Chart {
    /// Coefficients in data units.
    Data,
    /// Coefficients of the standardized columns.
    Standardized(Centering),
    /// Whitened coordinates of the standardized working basis: there the Hessian of a least-squares objective is 2·I.
    Whitened {
        /// Working functions standardized.
        unit: Centering,
        /// Whitened → standardized working coefficients.
        from: Arc<Matrix>,
        /// Its pseudo-inverse, transposed.
        onto: Arc<Matrix>,
    },
}

/// Coefficients in data units → working coefficients, the target's shift taken off.
pub(in super::super) fn to_working(basis: &dyn Basis, shift: f64, theta: &[f64]) -> Vec<f64> {
    if basis.has_intercept() && theta.iter().all(|value| *value == 0.0) {
        let mut out = vec![0.0; theta.len()];
        out[0] = -shift;
        return out;
    }
    let mut out = basis.to_working(theta);
    if basis.has_intercept() {
        out[0] -= shift;
    }
    out
}

/// The inverse of [`to_working`].
pub(in super::super) fn to_data(basis: &dyn Basis, shift: f64, working: &[f64]) -> Vec<f64> {
    let mut out = basis.to_data(working);
    if basis.has_intercept() {
        out[0] += shift;
    }
    out
}

impl Chart {
    /// The number of coordinates of one output.
    pub(in super::super) fn width(&self, basis: &dyn Basis) -> usize {
        match self {
            Self::Whitened { from, .. } => from.columns(),
            _ => basis.width(),
        }
    }

    /// φ → coefficients in data units.
    pub(in super::super) fn to_data(&self, basis: &dyn Basis, shift: f64, lanes: Lanes, at: &[f64]) -> Vec<f64> {
        each(at, self.width(basis), |at| match self {
            Self::Data => at.to_vec(),
            Self::Standardized(centering) => centering.lower(at),
            Self::Whitened { unit, from, .. } => to_data(basis, shift, &unit.lower(&from.times(lanes, at))),
        })
    }

    /// φ → working coefficients.
    pub(in super::super) fn to_working(&self, basis: &dyn Basis, shift: f64, lanes: Lanes, at: &[f64]) -> Vec<f64> {
        each(at, self.width(basis), |at| match self {
            Self::Data => to_working(basis, shift, at),
            Self::Standardized(centering) => to_working(basis, shift, &centering.lower(at)),
            Self::Whitened { unit, from, .. } => unit.lower(&from.times(lanes, at)),
        })
    }

    /// Coefficients in data units → φ (the nearest one, where the chart is narrower).
    pub(in super::super) fn of_data(&self, basis: &dyn Basis, shift: f64, lanes: Lanes, theta: &[f64]) -> Vec<f64> {
        each(theta, basis.width(), |theta| match self {
            Self::Data => theta.to_vec(),
            Self::Standardized(centering) => centering.raise(theta),
            Self::Whitened { unit, onto, .. } => {
                onto.transposed_times(lanes, &unit.raise(&to_working(basis, shift, theta)))
            }
        })
    }

    /// A gradient by working coefficients → by φ.
    pub(in super::super) fn pull(&self, basis: &dyn Basis, lanes: Lanes, working: &[f64]) -> Vec<f64> {
        each(working, basis.width(), |working| match self {
            Self::Data => basis.pull(working),
            Self::Standardized(centering) => centering.pull(&basis.pull(working)),
            Self::Whitened { unit, from, .. } => from.transposed_times(lanes, &unit.pull(working)),
        })
    }

    /// A gradient by φ → by coefficients in data units.
    pub(in super::super) fn gradient_in_data(&self, basis: &dyn Basis, lanes: Lanes, gradient: &[f64]) -> Vec<f64> {
        each(gradient, self.width(basis), |gradient| match self {
            Self::Data => gradient.to_vec(),
            Self::Standardized(centering) => centering.push(gradient),
            Self::Whitened { unit, onto, .. } => basis.pull(&unit.push(&onto.times(lanes, gradient))),
        })
    }

    /// The linear part of the map from the coordinates of one output to its working coefficients.
    pub(in super::super) fn map(&self, basis: &dyn Basis, lanes: Lanes) -> Matrix {
        let width = self.width(basis);
        Matrix::from_columns(
            basis.width(),
            (0..width).map(|k| {
                let mut e = vec![0.0; width];
                e[k] = 1.0;
                match self {
                    Self::Data => basis.to_working(&e),
                    Self::Standardized(centering) => basis.to_working(&centering.lower(&e)),
                    Self::Whitened { unit, from, .. } => unit.lower(&from.times(lanes, &e)),
                }
            }),
        )
    }
}

/// Maps the block of each output.
fn each(at: &[f64], width: usize, map: impl Fn(&[f64]) -> Vec<f64>) -> Vec<f64> {
    at.chunks(width.max(1)).flat_map(map).collect()
}
