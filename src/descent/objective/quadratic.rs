//! Everything that can be known of a linear least-squares problem once its rows are compressed: the triangle in each
//! system of coordinates, the exact optimum polished against the rows, the Hessian's spectrum, the condition number.

use std::sync::Arc;

use super::super::design::Design;
use super::super::losses::Loss;
use super::super::matrix::{Matrix, Whitening, largest_singular_value, singular_values};
use super::super::spec::Penalty;
use super::super::{GivenUp, Lanes, Team};
use super::chart::{self, Centering, Chart};
use super::{Compressed, Kinks, PenaltyForm, Whitened};

/// Coefficients up to which all singular values are computed.
const JACOBI_MAX: usize = 128;

/// A compressed problem. Triangles, z and ρ are divided by √W.
pub(in super::super) struct Quadratic {
    pub(in super::super) intercept: bool,
    /// In data units.
    r_data: Matrix,
    z_data: Vec<f64>,
    /// Of the standardized columns.
    r_standardized: Matrix,
    standardized: Centering,
    /// Of the standardized working basis; its right-hand side has the target's shift taken off.
    unit: Centering,
    z_unit: Vec<f64>,
    rho: f64,
    penalty: Penalty,
    whitening: Whitening,
    /// The polished optimum in whitened coordinates.
    optimum: Vec<f64>,
    /// The objective there.
    least: f64,
    lanes: Lanes,
}

impl Quadratic {
    /// Compresses the rows and finds the optimum of the squared error, polished where that is the loss. Nothing if a value overflows, or the team is told to abandon the run.
    pub(in super::super) fn new(
        design: &Design,
        penalty: Penalty,
        squared: Option<&dyn Loss>,
        team: &dyn Team,
    ) -> Option<Self> {
        let lanes = design.lanes;
        let basis = design.basis.as_ref();
        let (width, intercept) = (basis.width(), basis.has_intercept());
        let triangle = design.compress(team);
        if team.was_told() {
            return None;
        }
        let root_weight = design.weight_sum.sqrt();
        let mut r = triangle.r();
        for column in 0..width {
            r.column_mut(column).iter_mut().for_each(|value| *value /= root_weight);
        }
        if intercept {
            // What is left of a constant column beside the constant is rounding.
            for column in 1..width {
                let whole = lanes.dot(r.column(column), r.column(column)).sqrt();
                let rest = &mut r.column_mut(column)[1..];
                if lanes.dot(rest, rest).sqrt() <= 16.0 * f64::EPSILON * whole {
                    rest.fill(0.0);
                }
            }
        }
        let z_unit: Vec<f64> = triangle.z().iter().map(|value| value / root_weight).collect();
        let rho = triangle.rho() / root_weight;
        drop(triangle);
        if !r.is_finite() || !rho.is_finite() || z_unit.iter().any(|value| !value.is_finite()) {
            return None;
        }
        let r_data = Matrix::from_columns(
            width,
            (0..width).map(|column| {
                let mut e = vec![0.0; width];
                e[column] = f64::from(u8::from(!team.gives_up()));
                r.times(lanes, &basis.to_working(&e))
            }),
        );
        let mut z_data = z_unit.clone();
        if intercept {
            lanes.axpy(design.target_shift, r.column(0), &mut z_data);
        }
        let (standardized, r_standardized) = Centering::of(lanes, &r_data, intercept);
        let (unit, r_unit) = Centering::of(lanes, &r, intercept);
        drop(r);
        let form = PenaltyForm::in_unit(penalty, basis, &standardized, &unit);
        let (stacked, right) = match form.factor(width) {
            None => (r_unit, z_unit.clone()),
            Some(below) => {
                let columns = (0..width).map(|k| [r_unit.column(k), below.column(k)].concat());
                let stacked = Matrix::from_columns(2 * width, columns);
                drop(r_unit);
                (stacked, [z_unit.as_slice(), &vec![0.0; width]].concat())
            }
        };
        let tolerance = 1e-13 * (width as f64).sqrt();
        let whitening = Whitening::new(lanes, stacked, right, tolerance, &|| team.gives_up());
        if team.was_told() {
            return None;
        }
        let mut quadratic = Self {
            intercept,
            r_data,
            z_data,
            r_standardized,
            standardized,
            unit,
            z_unit,
            rho,
            penalty,
            optimum: whitening.optimum.clone(),
            whitening,
            least: 0.0,
            lanes,
        };
        if let Some(squared) = squared {
            quadratic.polish(design, &form, squared, team);
        }
        quadratic.least.is_finite().then_some(quadratic)
    }

    /// One Newton step with the gradient of the rows themselves (corrected seminormal equations, Björck 1987), which
    /// removes what the compression rounded; the objective at the optimum comes out of the same pass.
    fn polish(&mut self, design: &Design, form: &PenaltyForm, squared: &dyn Loss, team: &dyn Team) {
        let at = self.whitening.from.times(self.lanes, &self.optimum);
        let sums = design.stream(squared, &self.unit.lower(&at), team);
        let mut gradient: Vec<f64> =
            self.unit.pull(&sums.gradient).iter().map(|slope| slope / design.weight_sum).collect();
        let penalty = form.add(self.lanes, &at, &mut gradient);
        let step = self.whitening.from.transposed_times(self.lanes, &gradient);
        for (value, slope) in self.optimum.iter_mut().zip(&step) {
            *value -= 0.5 * slope;
        }
        let decrement = 0.25 * self.lanes.dot(&step, &step);
        let objective = sums.loss / design.weight_sum + penalty;
        // Not `max`, which would make 0 of what is not a number.
        let least = objective - decrement;
        self.least = if least < 0.0 { 0.0 } else { least };
    }

    /// The number of coefficients that the data determines.
    pub(in super::super) fn rank(&self) -> usize {
        self.whitening.rank()
    }

    /// The optimum as working coefficients.
    pub(in super::super) fn optimum_in_working(&self) -> Vec<f64> {
        self.unit.lower(&self.whitening.from.times(self.lanes, &self.optimum))
    }

    /// The objective at the optimum.
    pub(in super::super) fn least(&self) -> f64 {
        self.least
    }

    /// F with (XᵀWX/W + penalty)⁻¹ = F·Fᵀ in working coordinates, p×rank.
    pub(in super::super) fn inverse_root_in_working(&self) -> Matrix {
        let from = &self.whitening.from;
        Matrix::from_columns(from.rows(), (0..from.columns()).map(|k| self.unit.lower(from.column(k))))
    }

    /// Σw(y − ȳ)²/W with an intercept, Σwy²/W without.
    pub(in super::super) fn total(&self) -> f64 {
        let explained = &self.z_unit[usize::from(self.intercept)..];
        self.lanes.dot(explained, explained) + self.rho * self.rho
    }

    /// The norm of the target, its shift taken off, divided by √W.
    pub(in super::super) fn target_norm(&self) -> f64 {
        self.lanes.dot(&self.z_unit, &self.z_unit).sqrt().hypot(self.rho)
    }

    /// The chart of standardized columns; not centred where the intercept has to stay what it is.
    pub(in super::super) fn standardized_chart(&self, centred: bool) -> Chart {
        Chart::Standardized(if centred { self.standardized.clone() } else { self.standardized.without_means() })
    }

    /// The scales of the standardized columns in data units, internal order.
    pub(in super::super) fn scales(&self) -> &[f64] {
        &self.standardized.scales
    }

    /// The chart in which the Hessian is 2·I.
    pub(in super::super) fn whitened_chart(&self) -> Chart {
        Chart::Whitened {
            unit: self.unit.clone(),
            from: Arc::clone(&self.whitening.from),
            onto: Arc::clone(&self.whitening.onto),
        }
    }

    /// The penalty in the coordinates of a chart.
    pub(in super::super) fn penalty_in(
        &self,
        chart: &Chart,
        basis: &dyn super::super::models::Basis,
        given_up: GivenUp<'_>,
    ) -> PenaltyForm {
        match chart {
            Chart::Data => PenaltyForm::in_data(self.penalty, self.intercept, &self.standardized),
            Chart::Standardized(_) => PenaltyForm::in_standardized(self.penalty, self.intercept, &self.standardized),
            Chart::Whitened { from, .. } => PenaltyForm::in_unit(self.penalty, basis, &self.standardized, &self.unit)
                .through(self.lanes, from, given_up),
        }
    }

    /// The compressed objective in a chart.
    pub(in super::super) fn compressed<'a>(
        &self,
        chart: &Chart,
        basis: &dyn super::super::models::Basis,
        kinks: Kinks,
        team: &'a dyn Team,
    ) -> Compressed<'a> {
        let r = match chart {
            Chart::Data => self.r_data.clone(),
            Chart::Standardized(centering) if *centering == self.standardized => self.r_standardized.clone(),
            Chart::Standardized(centering) => centering.apply(&self.r_data),
            // In that chart nothing is compressed: the columns have no norms but 1.
            Chart::Whitened { .. } => self.r_data.clone(),
        };
        let penalty = self.penalty_in(chart, basis, &|| team.gives_up());
        Compressed::new(self.lanes, r, self.z_data.clone(), self.rho, penalty, kinks, team)
    }

    /// The objective in the whitened chart.
    pub(in super::super) fn whitened<'a>(
        &self,
        basis: &dyn super::super::models::Basis,
        team: &'a dyn Team,
    ) -> Whitened<'a> {
        Whitened {
            optimum: self.optimum.clone(),
            least: self.least,
            from: Arc::clone(&self.whitening.from),
            penalty: PenaltyForm::in_unit(self.penalty, basis, &self.standardized, &self.unit),
            kinks: Kinks::default(),
            team,
            floor: 16.0 * f64::EPSILON * self.target_norm(),
            lanes: self.lanes,
        }
    }

    /// The condition number of the standardized columns, the constant among them; nothing where a column is constant.
    pub(in super::super) fn condition_number(&self, given_up: GivenUp<'_>) -> Option<f64> {
        let width = self.r_standardized.columns();
        if width > JACOBI_MAX || !self.r_standardized.is_finite() {
            return None;
        }
        let values = singular_values(self.lanes, self.r_standardized.clone(), given_up);
        let (largest, smallest) = (*values.first()?, *values.last()?);
        let number = largest / smallest;
        number.is_finite().then_some(number)
    }

    /// Whether some columns depend on others.
    pub(in super::super) fn is_rank_deficient(&self) -> bool {
        self.rank() < self.r_data.columns()
    }

    /// Coefficients of the optimum in data units, internal order.
    pub(in super::super) fn optimum_in_data(&self, design: &Design) -> Vec<f64> {
        chart::to_data(design.basis.as_ref(), design.target_shift, &self.optimum_in_working())
    }
}

/// The largest and, where it is known and positive, the smallest eigenvalue of a Hessian.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(in super::super) struct Spectrum {
    pub(in super::super) largest: f64,
    pub(in super::super) smallest: Option<f64>,
}

impl Spectrum {
    /// The spectrum of 2·AᵀA.
    pub(in super::super) fn of_root(lanes: Lanes, root: Matrix, given_up: GivenUp<'_>) -> Self {
        if root.columns() > JACOBI_MAX {
            let sigma = largest_singular_value(lanes, &root, given_up);
            return Self { largest: 2.0 * sigma * sigma, smallest: None };
        }
        let values = singular_values(lanes, root, given_up);
        let square = |value: Option<&f64>| value.map_or(0.0, |value| 2.0 * value * value);
        let smallest = square(values.last());
        Self { largest: square(values.first()), smallest: (smallest > 0.0).then_some(smallest) }
    }
}
