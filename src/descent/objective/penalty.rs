//! The l2 penalty as a quadratic form in the coordinates of a chart, of one output.

use super::super::GivenUp;
use super::super::lanes::Lanes;
use super::super::matrix::Matrix;
use super::super::models::Basis;
use super::super::spec::Penalty;
use super::chart::Centering;

/// ‖P·φ‖² with P diagonal or square.
#[derive(Clone, Debug, PartialEq)]
pub(in super::super) enum PenaltyForm {
    /// No penalty.
    None,
    /// The squares of P's diagonal.
    Diagonal(Vec<f64>),
    /// P.
    Square(Matrix),
}

impl PenaltyForm {
    /// In data units. `standardized` are the columns' scales in data units.
    pub(in super::super) fn in_data(penalty: Penalty, intercept: bool, standardized: &Centering) -> Self {
        if penalty.l2 == 0.0 {
            return Self::None;
        }
        let scales = &standardized.scales;
        let factor = |scale: f64| if penalty.on_standardized { penalty.l2 * scale * scale } else { penalty.l2 };
        Self::Diagonal((0..scales.len()).map(|k| if k == 0 && intercept { 0.0 } else { factor(scales[k]) }).collect())
    }

    /// In coordinates of the standardized columns.
    pub(in super::super) fn in_standardized(penalty: Penalty, intercept: bool, standardized: &Centering) -> Self {
        if penalty.l2 == 0.0 {
            return Self::None;
        }
        let scales = &standardized.scales;
        let factor = |scale: f64| if penalty.on_standardized { penalty.l2 } else { penalty.l2 / (scale * scale) };
        Self::Diagonal((0..scales.len()).map(|k| if k == 0 && intercept { 0.0 } else { factor(scales[k]) }).collect())
    }

    /// In coordinates of the standardized working basis.
    pub(in super::super) fn in_unit(
        penalty: Penalty,
        basis: &dyn Basis,
        standardized: &Centering,
        unit: &Centering,
    ) -> Self {
        if penalty.l2 == 0.0 {
            return Self::None;
        }
        let width = basis.width();
        let root = penalty.l2.sqrt();
        let mut form = Matrix::zeros(width, width);
        for column in 0..width {
            let mut e = vec![0.0; width];
            e[column] = 1.0;
            let theta = basis.to_data(&unit.lower(&e));
            for row in usize::from(basis.has_intercept())..width {
                let scale = if penalty.on_standardized { standardized.scales[row] } else { 1.0 };
                form.set(row, column, root * scale * theta[row]);
            }
        }
        Self::Square(form)
    }

    /// The penalty at `at`; twice its gradient's half is added to `gradient`.
    pub(in super::super) fn add(&self, lanes: Lanes, at: &[f64], gradient: &mut [f64]) -> f64 {
        match self {
            Self::None => 0.0,
            Self::Diagonal(factors) => {
                let mut sum = 0.0;
                for k in 0..at.len() {
                    sum = (factors[k] * at[k]).mul_add(at[k], sum);
                    gradient[k] = (2.0 * factors[k]).mul_add(at[k], gradient[k]);
                }
                sum
            }
            Self::Square(form) => {
                let image = form.times(lanes, at);
                for (slope, part) in gradient.iter_mut().zip(form.transposed_times(lanes, &image)) {
                    *slope = 2.0f64.mul_add(part, *slope);
                }
                lanes.dot(&image, &image)
            }
        }
    }

    /// In the coordinates that `map` leads from.
    pub(in super::super) fn through(self, lanes: Lanes, map: &Matrix, given_up: GivenUp<'_>) -> Self {
        match self {
            Self::Square(form) => Self::Square(form.times_matrix(lanes, map, given_up)),
            other => other,
        }
    }

    /// Adds its Hessian, 2PᵀP, to a block of `hessian` on the diagonal that begins at `offset`.
    pub(in super::super) fn add_hessian(&self, hessian: &mut Matrix, offset: usize, given_up: GivenUp<'_>) {
        let mut add = |row: usize, column: usize, value: f64| {
            hessian.set(offset + row, offset + column, hessian.at(offset + row, offset + column) + value);
        };
        match self {
            Self::None => {}
            Self::Diagonal(factors) => factors.iter().enumerate().for_each(|(k, factor)| add(k, k, 2.0 * factor)),
            Self::Square(form) => {
                for column in (0..form.columns()).take_while(|_| !given_up()) {
                    for row in 0..form.columns() {
                        let dot: f64 = form.column(row).iter().zip(form.column(column)).map(|(x, y)| x * y).sum();
                        add(row, column, 2.0 * dot);
                    }
                }
            }
        }
    }

    /// P, for stacking below a design.
    pub(in super::super) fn factor(&self, width: usize) -> Option<Matrix> {
        match self {
            Self::None => None,
            Self::Diagonal(factors) => {
                let mut out = Matrix::zeros(width, width);
                for (k, factor) in factors.iter().enumerate() {
                    out.set(k, k, factor.sqrt());
                }
                Some(out)
            }
            Self::Square(form) => Some(form.clone()),
        }
    }
}
