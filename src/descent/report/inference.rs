//! Errors of the estimates: the covariance of the coefficients, what follows from it, and what each row does to them.
//!
//! With x a row's functions, c its information and s its score, H = Σ c xxᵀ and F Fᵀ = H⁻¹. The classical covariance is
//! φ·H⁻¹; the robust ones are H⁻¹(Σ s²xxᵀ)H⁻¹ with the factors of MacKinnon & White (1985). For robust losses the
//! classical one is Huber's (1981, §7.6): [Σψ²/(n − p)]/[mean ψ′]² (Σ w xxᵀ)⁻¹.

use super::metrics::Counted;
use crate::descent::cholesky::Cholesky;
use crate::descent::losses::Shape;
use crate::descent::matrix::Matrix;
use crate::descent::models::{self, Response};
use crate::descent::outcome::{Band, Diagnostics, Inference};
use crate::descent::problem::Problem;
use crate::descent::spec::{Covariance, Spec, WeightKind};
use crate::descent::{COVARIANCE_MAX, Team, student};

/// What is known of the errors.
pub(in crate::descent) struct Estimates {
    pub(in crate::descent) inference: Inference,
    pub(in crate::descent) diagnostics: Option<Diagnostics>,
    pub(in crate::descent) band: Option<Band>,
}

/// Errors at an optimum without penalty. Nothing where the information is singular.
pub(in crate::descent) fn estimates(
    spec: &Spec,
    problem: &Problem,
    counted: &Counted,
    working: &[f64],
    internal: &[f64],
    team: &dyn Team,
) -> Option<Estimates> {
    let design = &problem.design;
    let classical = spec.covariance == Covariance::Classical;
    let mut root = root(problem, working, classical, team)?;
    let rows = Scores::of(problem, working, &root, spec.diagnostics, team);
    let dispersion = match problem.shape {
        Shape::Quadratic => rows.squares / counted.freedom,
        Shape::Smooth | Shape::ManyMinima => (rows.squares / counted.freedom) / (rows.bend / design.weight_sum).powi(2),
        _ if problem.loss.disperses() => rows.pearson / counted.freedom,
        _ => 1.0,
    };
    if !dispersion.is_finite() {
        return None;
    }
    let covariance_root = match spec.covariance {
        Covariance::Hc1 | Covariance::Hc3 => {
            let frequency = counted.weights == Some(WeightKind::Frequency);
            let mut meat = meat(problem, working, &root, (spec.covariance == Covariance::Hc3, frequency), team);
            if spec.covariance == Covariance::Hc1 {
                meat.scale(counted.observations / counted.freedom);
            }
            if !meat.is_finite() {
                return None;
            }
            // A row that fits exactly adds nothing, so this may be singular.
            let given_up = || team.gives_up();
            let lower = Cholesky::shifted(design.lanes, &meat, &given_up).lower();
            drop(meat);
            let product = root.times_matrix(design.lanes, &lower, &given_up);
            drop(root);
            product
        }
        _ => {
            root.scale(dispersion.sqrt());
            root
        }
    };
    let likelihood = matches!(problem.shape, Shape::Likelihood | Shape::UnboundedLikelihood);
    let freedom = (!likelihood).then_some(counted.freedom);
    let inference = infer(problem, &covariance_root, freedom, spec.confidence, internal);
    // Scores and their weights are on one scale here, so that the slope's own mean divides out.
    let robust = matches!(problem.shape, Shape::Smooth | Shape::ManyMinima);
    let spread = if robust { rows.squares / counted.freedom } else { dispersion };
    let residuals = rows.residuals;
    let diagnostics = spec.diagnostics.then(|| rows.diagnostics(spread, counted.determined));
    let narrow = internal.len() <= COVARIANCE_MAX && design.outputs() == 1;
    let residual = if likelihood { 1.0 } else { (residuals / counted.freedom).sqrt() };
    let band = narrow.then(|| {
        let mut factor = Vec::with_capacity(covariance_root.rows() * covariance_root.columns());
        for row in 0..covariance_root.rows() {
            let columns = 0..covariance_root.columns();
            factor.extend(columns.map(|column| covariance_root.at(row, column) / residual.max(f64::MIN_POSITIVE)));
        }
        Band { factor, residual_standard_deviation: residual, degrees_of_freedom: freedom.unwrap_or(student::NORMAL) }
    });
    Some(Estimates { inference, diagnostics, band })
}

/// F with F·Fᵀ = H⁻¹ in working coordinates, one block of rows an output.
fn root(problem: &Problem, working: &[f64], classical: bool, team: &dyn Team) -> Option<Matrix> {
    let (design, quadratic) = (&problem.design, &problem.quadratic);
    let robust = matches!(problem.shape, Shape::Smooth | Shape::ManyMinima);
    if problem.shape == Shape::Quadratic || (robust && classical) {
        let mut root = quadratic.inverse_root_in_working();
        root.scale(1.0 / design.weight_sum.sqrt());
        return Some(root);
    }
    let lanes = design.lanes;
    let basis = design.basis.as_ref();
    let map = quadratic.whitened_chart().map(basis, lanes);
    let (outputs, inner) = (design.outputs(), map.columns());
    let mut hessian = design.gram(problem.loss.as_ref(), working, &map, true, team);
    let softmax = design.response == Response::Softmax;
    // The same shift of all classes changes nothing: a unit of curvature along it, taken off again below.
    let unit = (0..hessian.columns()).map(|k| hessian.at(k, k)).fold(0.0, f64::max);
    if softmax {
        hessian.add_shift(inner, outputs, unit);
    }
    let given_up = || team.gives_up();
    let mut inverse = Cholesky::new(lanes, &hessian, &given_up)?.inverse_root(&given_up);
    if softmax {
        // Projecting the root off the shift takes exactly that part off the covariance.
        for column in 0..inverse.columns() {
            for k in 0..inner {
                let mean = (0..outputs).map(|a| inverse.at(a * inner + k, column)).sum::<f64>() / outputs as f64;
                (0..outputs).for_each(|a| inverse.set(a * inner + k, column, inverse.at(a * inner + k, column) - mean));
            }
        }
    }
    let lift = |column: &[f64]| -> Vec<f64> {
        let block = |block| if given_up() { vec![0.0; map.rows()] } else { map.times(lanes, block) };
        column.chunks(inner.max(1)).flat_map(block).collect()
    };
    Some(Matrix::from_columns(design.width(), (0..inverse.columns()).map(|k| lift(inverse.column(k)))))
}

/// What the rows say at the optimum, of one output.
struct Scores {
    /// Σ of squared residuals (or scores) by weight.
    squares: f64,
    /// Σ w r² on the scale of η.
    residuals: f64,
    /// Σ w ψ′.
    bend: f64,
    /// Σ s²/c: Pearson's χ².
    pearson: f64,
    leverage: Vec<f64>,
    /// s²/c by row.
    contributions: Vec<f64>,
}

/// Squared error is (η − y)², twice what a likelihood would have: scores and information are halved.
fn unit_of(problem: &Problem) -> f64 {
    if problem.shape == Shape::Quadratic { 0.5 } else { 1.0 }
}

impl Scores {
    /// `by_row`: whether what each row does is kept.
    fn of(problem: &Problem, working: &[f64], root: &Matrix, by_row: bool, team: &dyn Team) -> Self {
        let design = &problem.design;
        let (lanes, p, unit) = (design.lanes, design.basis.width(), unit_of(problem));
        let mut out = Self {
            squares: 0.0,
            residuals: 0.0,
            bend: 0.0,
            pearson: 0.0,
            leverage: Vec::new(),
            contributions: Vec::new(),
        };
        if design.outputs() != 1 {
            return out;
        }
        if by_row {
            out.leverage.reserve_exact(design.rows());
            out.contributions.reserve_exact(design.rows());
        }
        let robust = matches!(problem.shape, Shape::Smooth | Shape::ManyMinima);
        let within = || design.is_wide() && team.gives_up();
        design.visit(working, team, |_, functions, eta, target, weights| {
            let rows = target.len();
            let mut information = vec![0.0; rows];
            problem.loss.information(eta, target, weights, &mut information);
            for (row, weight) in weights.iter().enumerate().filter(|(_, weight)| **weight > 0.0) {
                out.residuals += weight * (eta[row] - target[row]).powi(2);
            }
            problem.loss.slopes(eta, target, weights, lanes);
            for row in (0..rows).take_while(|_| !within()) {
                let weight = weights[row];
                let score = unit * eta[row];
                out.bend += unit * information[row];
                // Huber's matrix is that of the rows by weight alone.
                let c = if robust { weight } else { unit * information[row] };
                let functions: Vec<f64> = (0..p).map(|k| functions[k * rows + row]).collect();
                let image = root.transposed_times(lanes, &functions);
                let square = if weight > 0.0 { score * score / weight } else { 0.0 };
                let contribution = if c > 0.0 { score * score / c } else { 0.0 };
                out.squares += square;
                out.pearson += contribution;
                if by_row {
                    out.leverage.push(c * lanes.dot(&image, &image));
                    out.contributions.push(contribution);
                }
            }
        });
        out
    }

    fn diagnostics(self, dispersion: f64, determined: f64) -> Diagnostics {
        let distance = |(h, square): (&f64, &f64)| {
            let left = 1.0 - h;
            let distance = square * h / (determined * dispersion * left * left);
            if distance.is_finite() { distance } else { 0.0 }
        };
        let cooks_distance = self.leverage.iter().zip(&self.contributions).map(distance).collect();
        Diagnostics { leverage: self.leverage, cooks_distance }
    }
}

/// Fᵀ(Σ s²xxᵀ)F, each s² over (1 − h)² for HC3. A row with a frequency counts as that many.
fn meat(
    problem: &Problem,
    working: &[f64],
    root: &Matrix,
    (leverage, frequency): (bool, bool),
    team: &dyn Team,
) -> Matrix {
    let design = &problem.design;
    let (lanes, p, unit, outputs) = (design.lanes, design.basis.width(), unit_of(problem), design.outputs());
    let mut sums = Matrix::zeros(root.columns(), root.columns());
    let within = || design.is_wide() && team.gives_up();
    design.visit(working, team, |_, functions, eta, target, weights| {
        let rows = target.len();
        let mut information = vec![0.0; rows * outputs * (outputs + 1) / 2];
        problem.loss.information(eta, target, weights, &mut information);
        problem.loss.slopes(eta, target, weights, lanes);
        for row in (0..rows).take_while(|_| !within()) {
            if weights[row] == 0.0 {
                continue;
            }
            let one: Vec<f64> = (0..p).map(|k| functions[k * rows + row]).collect();
            let scaled = |output: usize| {
                let score = unit * eta[output * rows + row];
                one.iter().map(move |x| x * score)
            };
            let scores: Vec<f64> = (0..outputs).flat_map(scaled).collect();
            let mut image = root.transposed_times(lanes, &scores);
            let mut factor = if frequency { 1.0 / weights[row] } else { 1.0 };
            if leverage && outputs == 1 {
                let plain = root.transposed_times(lanes, &one);
                let count = if frequency { weights[row] } else { 1.0 };
                let left = 1.0 - unit * information[row] / count * lanes.dot(&plain, &plain);
                // A row that alone determines a coefficient has no residual to tell errors from.
                factor = if left > 1e-10 { factor / (left * left) } else { f64::NAN };
            }
            image.iter_mut().for_each(|value| *value *= factor.sqrt());
            for column in 0..image.len() {
                lanes.axpy(image[column], &image, sums.column_mut(column));
            }
        }
    });
    sums
}

/// Standard errors and what follows from them; `root`·`root`ᵀ is the covariance of the working coefficients.
fn infer(problem: &Problem, root: &Matrix, freedom: Option<f64>, level: f64, internal: &[f64]) -> Inference {
    let design = &problem.design;
    let basis = design.basis.as_ref();
    let width = basis.width().max(1);
    let to_data = |column: &[f64]| column.chunks(width).flat_map(|block| basis.to_data(block)).collect();
    let in_data = Matrix::from_columns(root.rows(), (0..root.columns()).map(|k| to_data(root.column(k))));
    let p = internal.len();
    let rows: Vec<Vec<f64>> = (0..p).map(|row| (0..root.columns()).map(|k| in_data.at(row, k)).collect()).collect();
    drop(in_data);
    let errors: Vec<f64> = rows.iter().map(|row| design.lanes.dot(row, row).sqrt()).collect();
    let degrees = freedom.unwrap_or(student::NORMAL);
    let quantile = student::two_sided_quantile(level, degrees);
    let t: Vec<Option<f64>> =
        internal.iter().zip(&errors).map(|(value, error)| Some(value / error).filter(|t| t.is_finite())).collect();
    let order: Vec<usize> = models::to_fixed_order(basis, &(0..p).map(|k| k as f64).collect::<Vec<_>>())
        .into_iter()
        .map(|k| k as usize)
        .collect();
    let covariance = (p <= COVARIANCE_MAX).then(|| {
        order.iter().map(|i| order.iter().map(|j| design.lanes.dot(&rows[*i], &rows[*j])).collect()).collect()
    });
    Inference {
        distribution: if freedom.is_some() { "t" } else { "normal" },
        degrees_of_freedom: freedom,
        standard_errors: order.iter().map(|k| errors[*k]).collect(),
        intervals: order
            .iter()
            .map(|k| [internal[*k] - quantile * errors[*k], internal[*k] + quantile * errors[*k]])
            .collect(),
        p: order.iter().map(|k| t[*k].map(|t| student::two_sided_p(t, degrees))).collect(),
        t: order.iter().map(|k| t[*k]).collect(),
        covariance,
    }
}
