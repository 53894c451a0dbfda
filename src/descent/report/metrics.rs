//! Goodness of fit, from the predictions for some rows: of the fit itself or of those that judge it.

use crate::descent::Team;
use crate::descent::design::Design;
use crate::descent::losses::Shape;
use crate::descent::models::Response;
use crate::descent::outcome::Metrics;
use crate::descent::problem::Problem;
use crate::descent::same::same;
use crate::descent::sorting::sorted;
use crate::descent::spec::WeightKind;

/// Rows after which a loop over them asks whether it is wanted.
const ASKED_ROWS: usize = 4_096;

/// What counts as how many.
#[derive(Clone, Copy, Debug)]
pub(in crate::descent) struct Counted {
    pub(in crate::descent) observations: f64,
    /// Coefficients that the data determines.
    pub(in crate::descent) determined: f64,
    /// Observations less those.
    pub(in crate::descent) freedom: f64,
    pub(in crate::descent) weights: Option<WeightKind>,
}

impl Metrics {
    /// Without what is about the fit's own rows alone.
    pub(in crate::descent) fn without_criteria(self) -> Self {
        Self { aic: None, aicc: None, bic: None, adjusted_r_squared: None, residual_standard_deviation: None, ..self }
    }
}

/// One row: what was predicted (η), what is, and its weight.
struct Rows<'a> {
    eta: &'a [f64],
    design: &'a Design,
    team: &'a dyn Team,
}

impl Rows<'_> {
    /// Asked at every row, answered at a few.
    fn is_given_up(&self, row: usize) -> bool {
        row > 0 && row.is_multiple_of(ASKED_ROWS) && self.team.gives_up()
    }

    /// Σ w·f(η, y), with compensated summation (Neumaier 1974).
    fn sum(&self, f: impl Fn(f64, f64) -> f64) -> f64 {
        let (mut sum, mut lost) = (0.0f64, 0.0f64);
        for (row, y) in self.design.target().iter().enumerate() {
            if self.is_given_up(row) {
                break;
            }
            let weight = self.design.weight(row);
            if weight == 0.0 {
                continue;
            }
            let term = weight * f(self.eta[row], *y);
            let next = sum + term;
            lost += if sum.abs() >= term.abs() { (sum - next) + term } else { (term - next) + sum };
            sum = next;
        }
        sum + lost
    }
}

/// Metrics at these working coefficients. `loss` is the mean squared error where it is known better than from here.
pub(super) fn metrics(
    problem: &Problem,
    design: &Design,
    working: &[f64],
    loss: Option<f64>,
    counted: &Counted,
    team: &dyn Team,
) -> Metrics {
    let eta = design.predictions(working, team);
    of_predictions(problem, design, &eta, loss.filter(|_| problem.shape == Shape::Quadratic), counted, team)
}

/// Metrics of these predictions (η of every row, one column an output).
pub(in crate::descent) fn of_predictions(
    problem: &Problem,
    design: &Design,
    eta: &[f64],
    mean_square: Option<f64>,
    counted: &Counted,
    team: &dyn Team,
) -> Metrics {
    let rows = Rows { eta, design, team };
    let mut out = match design.response {
        Response::Identity => numbers(problem, &rows, mean_square, counted),
        Response::Exponential => amounts(problem, &rows, counted),
        Response::Sigmoid | Response::Softmax => classes(&rows),
    };
    criteria(&mut out, counted);
    out.degrees_of_freedom = counted.freedom.max(0.0);
    out
}

/// What follows from the log-likelihood and the number of parameters.
pub(in crate::descent) fn criteria(out: &mut Metrics, counted: &Counted) {
    let (n, p) = (counted.observations, counted.determined);
    if let Some(log_likelihood) = out.log_likelihood {
        let aic = 2.0f64.mul_add(p, -2.0 * log_likelihood);
        out.aic = finite(aic);
        out.aicc = finite(aic + 2.0 * p * (p + 1.0) / (n - p - 1.0)).filter(|_| n - p - 1.0 > 0.0);
        out.bic = finite(libm::log(n).mul_add(p, -2.0 * log_likelihood));
    }
}

fn finite(value: f64) -> Option<f64> {
    Some(value).filter(|value| value.is_finite())
}

/// Errors on the scale of the target.
fn errors(out: &mut Metrics, rows: &Rows<'_>, mean: impl Fn(f64) -> f64, mean_square: Option<f64>) -> f64 {
    let weight = rows.design.weight_sum;
    let square = mean_square.unwrap_or_else(|| rows.sum(|eta, y| (mean(eta) - y).powi(2)) / weight);
    out.rmse = finite(square.sqrt());
    out.mae = finite(rows.sum(|eta, y| (mean(eta) - y).abs()) / weight);
    let counts = rows.design.target().iter().enumerate().filter(|(row, _)| rows.design.weight(*row) > 0.0);
    let mut errors = Vec::with_capacity(rows.design.rows_counted);
    errors.extend(counts.map(|(row, y)| (mean(rows.eta[row]) - y).abs()));
    out.median_absolute_error = median(&mut errors).and_then(finite);
    square
}

/// The middle value, or the mean of the two.
fn median(values: &mut [f64]) -> Option<f64> {
    if values.is_empty() {
        return None;
    }
    let middle = values.len() / 2;
    let odd = values.len() % 2 == 1;
    let (below, value, _) = values.select_nth_unstable_by(middle, f64::total_cmp);
    let value = *value;
    let lower = below.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    Some(if odd { value } else { 0.5 * lower + 0.5 * value })
}

fn numbers(problem: &Problem, rows: &Rows<'_>, mean_square: Option<f64>, counted: &Counted) -> Metrics {
    let mut out = Metrics::default();
    let design = rows.design;
    let training = mean_square.is_some();
    let square = errors(&mut out, rows, |eta| eta, mean_square);
    let weight = design.weight_sum;
    let intercept = design.basis.has_intercept();
    let total = if training {
        problem.quadratic.total()
    } else {
        let centre = if intercept { rows.sum(|_, y| y) / weight } else { 0.0 };
        rows.sum(|_, y| (y - centre).powi(2)) / weight
    };
    // A constant target varies by what its mean was rounded by: a ratio to that says nothing.
    let noise = (16.0 * f64::EPSILON).powi(2) * design.mean_square_target();
    out.r_squared = finite(1.0 - square / total).filter(|_| total > noise);
    let observed = counted.observations - f64::from(u8::from(intercept));
    let adjusted = |r: f64| finite(1.0 - (1.0 - r) * observed / counted.freedom);
    out.adjusted_r_squared = out.r_squared.and_then(adjusted).filter(|_| counted.freedom > 0.0);
    let residual_square = square * weight;
    if counted.freedom > 0.0 {
        out.residual_standard_deviation = finite((residual_square / counted.freedom).sqrt());
    }
    if problem.shape != Shape::Quadratic {
        return out;
    }
    out.deviance = finite(residual_square);
    out.explained_deviance = out.r_squared;
    // ln L of Gaussian errors with variance RSS/n (and, with inverse-variance weights, variance/wᵢ).
    let log_weights = match counted.weights {
        Some(WeightKind::InverseVariance) => design.log_weight_sum(),
        _ => 0.0,
    };
    let n = counted.observations;
    let twice = n * (libm::log(std::f64::consts::TAU * residual_square / n) + 1.0) - log_weights;
    out.log_likelihood = finite(-0.5 * twice);
    out
}

fn amounts(problem: &Problem, rows: &Rows<'_>, counted: &Counted) -> Metrics {
    let mut out = Metrics::default();
    errors(&mut out, rows, libm::exp, None);
    let weight = rows.design.weight_sum;
    let half_deviance = |eta: &dyn Fn(f64) -> f64| {
        let mut etas: Vec<f64> = rows.eta.iter().map(|value| eta(*value)).collect();
        let weights: Vec<f64> = (0..etas.len()).map(|row| rows.design.weight(row)).collect();
        problem.loss.slopes(&mut etas, rows.design.target(), &weights, rows.design.lanes)
    };
    let deviance = 2.0 * half_deviance(&|eta| eta);
    let mean = libm::log(rows.sum(|_, y| y) / weight);
    let constant = 2.0 * half_deviance(&|_| mean);
    out.deviance = finite(deviance);
    out.explained_deviance = finite(1.0 - deviance / constant).filter(|_| mean.is_finite() && constant > 0.0);
    let is_poisson = problem.loss.information_is_mean();
    if is_poisson {
        out.log_likelihood = finite(rows.sum(|eta, y| y * eta - libm::exp(eta) - libm::lgamma(y + 1.0)));
        return out;
    }
    // Pearson's estimate of the dispersion.
    let dispersion = rows.sum(|eta, y| (y * libm::exp(-eta) - 1.0).powi(2)) / counted.freedom;
    if dispersion > 0.0 && dispersion.is_finite() && counted.freedom > 0.0 {
        out.residual_standard_deviation = finite(dispersion.sqrt());
        let precise = counted.weights == Some(WeightKind::InverseVariance);
        let mut sum = 0.0;
        for (row, y) in rows.design.target().iter().enumerate().take_while(|(row, _)| !rows.is_given_up(*row)) {
            let weight = rows.design.weight(row);
            if weight > 0.0 {
                let shape = if precise { weight } else { 1.0 } / dispersion;
                let ratio = libm::log(shape * y) - rows.eta[row];
                let term = shape * ratio - libm::exp(ratio) - libm::lgamma(shape) - libm::log(*y);
                sum += if precise { term } else { weight * term };
            }
        }
        out.log_likelihood = finite(sum);
    }
    out
}

fn classes(rows: &Rows<'_>) -> Metrics {
    let design = rows.design;
    let n = design.rows();
    let count = design.classes.len();
    let mut out = Metrics::default();
    let mut confusion = vec![vec![0.0; count]; count];
    let (mut right, mut surprise) = (0.0, 0.0);
    let mut probabilities = vec![0.0; design.outputs()];
    for (row, y) in design.target().iter().enumerate().take_while(|(row, _)| !rows.is_given_up(*row)) {
        let weight = design.weight(row);
        if weight == 0.0 {
            continue;
        }
        for (output, value) in probabilities.iter_mut().enumerate() {
            *value = rows.eta[output * n + row];
        }
        let own = *y as usize;
        let (likeliest, log_p) = if probabilities.len() == 1 {
            let s = if own == 1 { -probabilities[0] } else { probabilities[0] };
            (usize::from(probabilities[0] > 0.0), -(s.max(0.0) + libm::log1p(libm::exp(-s.abs()))))
        } else {
            let best = (0..count).fold(0, |best, k| if probabilities[k] > probabilities[best] { k } else { best });
            let largest = probabilities[best];
            let sum: f64 = probabilities.iter().map(|eta| libm::exp(eta - largest)).sum();
            (best, probabilities[own] - largest - libm::log(sum))
        };
        confusion[own][likeliest] += weight;
        right += if likeliest == own { weight } else { 0.0 };
        surprise -= weight * log_p;
    }
    out.accuracy = finite(right / design.weight_sum);
    out.log_loss = finite(surprise / design.weight_sum);
    out.confusion_matrix = Some(confusion);
    out.deviance = finite(2.0 * surprise);
    out.log_likelihood = finite(-surprise);
    let sums = design.class_sums();
    let constant: f64 =
        sums.iter().filter(|sum| **sum > 0.0).map(|sum| -sum * libm::log(sum / design.weight_sum)).sum();
    out.explained_deviance = finite(1.0 - surprise / constant).filter(|_| constant > 0.0);
    if count == 2 {
        let score = |row: usize| if design.outputs() == 1 { rows.eta[row] } else { rows.eta[n + row] - rows.eta[row] };
        out.auc = area(design, score, rows.team);
    }
    out
}

/// The probability that a row of the second class scores higher than one of the first, ties counting half (Mann & Whitney
/// 1947), rows by weight.
fn area(design: &Design, score: impl Fn(usize) -> f64, team: &dyn Team) -> Option<f64> {
    if (0..design.rows()).any(|row| score(row).is_nan()) {
        return None;
    }
    let order = sorted(design.rows(), &|a, b| score(a).total_cmp(&score(b)), &|| team.gives_up());
    let (mut below, mut pairs) = (0.0, 0.0);
    let (mut firsts, mut seconds) = (0.0, 0.0);
    let mut at = 0;
    while at < order.len() {
        let value = score(order[at]);
        let (mut first, mut second) = (0.0, 0.0);
        while at < order.len() && same(score(order[at]), value) {
            let weight = design.weight(order[at]);
            if design.target()[order[at]] > 0.5 {
                second += weight;
            } else {
                first += weight;
            }
            at += 1;
        }
        pairs += second * (below + 0.5 * first);
        below += first;
        firsts += first;
        seconds += second;
    }
    finite(pairs / (firsts * seconds)).filter(|_| firsts > 0.0 && seconds > 0.0)
}
