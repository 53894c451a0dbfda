//! What a fit says of itself: distance to the optimum, goodness of fit, errors of the estimates where they mean
//! something, and warnings where they do not.

use super::design::{Design, Sums};
use super::matrix::Matrix;
use super::objective::Quadratic;
use super::observer::Step;
use super::outcome::{Band, Inference, Metrics, Optimum, Predictor, Report, StopReason, Warning};
use super::spec::{Spec, WeightKind};
use super::{COVARIANCE_MAX, Dataset, Team, losses, models, student};

/// Condition numbers above which more than half of the digits of single coefficients may be lost.
const CONDITION_WARNED: f64 = 1e8;

/// Everything about a run that stopped at `step`, with coefficients `internal` (data units) and `working`.
#[expect(clippy::too_many_arguments, reason = "a report draws on every part of a run, once")]
pub(super) fn report(
    spec: &Spec,
    data: &Dataset,
    design: &Design,
    quadratic: &Quadratic,
    team: &dyn Team,
    reason: StopReason,
    step: &dyn Step,
    start: Vec<f64>,
    internal: &[f64],
    working: Vec<f64>,
) -> Report {
    let intercept = design.basis.has_intercept();
    let sums = losses::loss(&spec.loss).map(|loss| design.stream(loss, &working, team));
    let observations = match spec.weights.as_ref().map(|weights| weights.kind) {
        Some(WeightKind::Frequency) => design.weight_sum,
        _ => design.rows_counted as f64,
    };
    let freedom = observations - quadratic.rank() as f64;
    let condition_number = quadratic.condition_number();
    let gap = (step.objective() - quadratic.least()).max(0.0);
    let mut warnings = Vec::new();
    let mut warn = |code, detail: String| warnings.push(Warning { code, detail });
    if quadratic.is_rank_deficient() {
        warn(
            "rank_deficient",
            format!(
                "the data determines {} of {} coefficients; the solution is the one of least norm in standardized coordinates",
                quadratic.rank(),
                internal.len()
            ),
        );
    }
    if let Some(number) = condition_number.filter(|number| *number > CONDITION_WARNED) {
        warn("ill_conditioned", format!("the condition number is {number:.3e}: single coefficients have lost digits"));
    }
    if reason.converged() && gap > 1e-6 * step.objective() && gap > f64::EPSILON * design.mean_square_target() {
        warn(
            "not_at_optimum",
            format!("the stopping rule holds, but the objective is {gap:.3e} above the optimum: the valley is flat"),
        );
    }
    let inference = match no_inference(spec, reason, quadratic, freedom) {
        Some((code, detail)) => {
            if code != "rank_deficient" && code != "covariance_none" {
                warn(code, detail);
            }
            None
        }
        None => Some(()),
    };
    let variance = step.loss() * design.weight_sum / freedom;
    let inference = inference.map(|()| {
        let root = quadratic.inverse_root_in_working();
        let scale = (variance / design.weight_sum).sqrt();
        let inference = infer(design, &root, scale, freedom, spec.confidence, internal);
        if inference.covariance.is_none() {
            warn("covariance_omitted", format!("a covariance matrix is given up to {COVARIANCE_MAX} coefficients"));
        }
        (inference, root, scale)
    });
    let band = inference.as_ref().filter(|_| internal.len() <= COVARIANCE_MAX).map(|(_, root, scale)| Band {
        factor: (0..root.rows())
            .flat_map(|row| (0..root.columns()).map(move |column| (row, column)))
            .map(|(row, column)| root.at(row, column) * scale / variance.sqrt().max(f64::MIN_POSITIVE))
            .collect(),
        residual_standard_deviation: variance.sqrt(),
        degrees_of_freedom: freedom,
    });
    let mut basis = design.basis.vectors();
    basis.push(("target_shift".to_owned(), vec![design.target_shift]));
    Report {
        stop_reason: reason,
        names: super::coefficient_names(&spec.model, data.names()).unwrap_or_default(),
        coefficients: models::to_fixed_order(intercept, internal),
        start,
        loss: step.loss(),
        objective: step.objective(),
        gradient_norm: step.gradient_norm(),
        iterations: step.iteration(),
        learning_rate: None,
        optimum: Some(Optimum {
            loss: optimum_loss(spec, design, quadratic, team),
            gap,
            coefficients: models::to_fixed_order(intercept, &quadratic.optimum_in_data(design)),
        }),
        condition_number,
        metrics: metrics(spec, design, quadratic, step.loss(), sums.as_ref(), observations, freedom),
        inference: inference.map(|(inference, _, _)| inference),
        warnings,
        predictor: Predictor { basis, coefficients: working, band },
    }
}

/// The unpenalized loss at the optimum: the objective there, or one more pass where a penalty is part of it.
fn optimum_loss(spec: &Spec, design: &Design, quadratic: &Quadratic, team: &dyn Team) -> f64 {
    match losses::loss(&spec.loss) {
        Some(loss) if spec.penalty.l2 > 0.0 => {
            design.stream(loss, &quadratic.optimum_in_working(), team).loss / design.weight_sum
        }
        _ => quadratic.least(),
    }
}

/// Why errors of the estimates would mean nothing, if so.
fn no_inference(
    spec: &Spec,
    reason: StopReason,
    quadratic: &Quadratic,
    freedom: f64,
) -> Option<(&'static str, String)> {
    let left_out = "so standard errors, intervals and covariance are left out";
    if !spec.covariance {
        return Some(("covariance_none", String::new()));
    }
    if !reason.converged() {
        return Some((
            "not_converged",
            format!("the fit stopped by {} before it converged, {left_out}", reason.as_str()),
        ));
    }
    if spec.penalty.l2 > 0.0 {
        return Some(("penalized", format!("a penalty biases the estimates, {left_out}")));
    }
    if quadratic.is_rank_deficient() {
        return Some(("rank_deficient", String::new()));
    }
    if freedom <= 0.0 {
        return Some((
            "no_degrees_of_freedom",
            format!("there are no more observations than coefficients, {left_out}"),
        ));
    }
    None
}

/// Standard errors and what follows from them. `root`·`root`ᵀ·`scale`² is the covariance of the working coefficients.
fn infer(design: &Design, root: &Matrix, scale: f64, freedom: f64, level: f64, internal: &[f64]) -> Inference {
    let intercept = design.basis.has_intercept();
    let in_data = Matrix::from_columns(root.rows(), (0..root.columns()).map(|k| design.basis.to_data(root.column(k))));
    let p = internal.len();
    let rows: Vec<Vec<f64>> =
        (0..p).map(|row| (0..root.columns()).map(|k| scale * in_data.at(row, k)).collect()).collect();
    let errors: Vec<f64> = rows.iter().map(|row| design.lanes.dot(row, row).sqrt()).collect();
    let quantile = student::two_sided_quantile(level, freedom);
    let t: Vec<Option<f64>> =
        internal.iter().zip(&errors).map(|(value, error)| Some(value / error).filter(|t| t.is_finite())).collect();
    let order: Vec<usize> = models::to_fixed_order(intercept, &(0..p).map(|k| k as f64).collect::<Vec<_>>())
        .into_iter()
        .map(|k| k as usize)
        .collect();
    let covariance = (p <= COVARIANCE_MAX).then(|| {
        order.iter().map(|i| order.iter().map(|j| design.lanes.dot(&rows[*i], &rows[*j])).collect()).collect()
    });
    Inference {
        standard_errors: order.iter().map(|k| errors[*k]).collect(),
        intervals: order
            .iter()
            .map(|k| [internal[*k] - quantile * errors[*k], internal[*k] + quantile * errors[*k]])
            .collect(),
        p: order.iter().map(|k| t[*k].map(|t| student::two_sided_p(t, freedom))).collect(),
        t: order.iter().map(|k| t[*k]).collect(),
        covariance,
    }
}

fn metrics(
    spec: &Spec,
    design: &Design,
    quadratic: &Quadratic,
    loss: f64,
    sums: Option<&Sums>,
    observations: f64,
    freedom: f64,
) -> Metrics {
    let finite = |value: f64| Some(value).filter(|value| value.is_finite());
    let residual_square = loss * design.weight_sum;
    // −2 ln L of Gaussian errors with variance RSS/n (and, with inverse-variance weights, variance/wᵢ).
    let log_weights = match spec.weights.as_ref().map(|weights| weights.kind) {
        Some(WeightKind::InverseVariance) => design.log_weight_sum(),
        _ => 0.0,
    };
    let deviance =
        observations * (libm::log(std::f64::consts::TAU * residual_square / observations) + 1.0) - log_weights;
    let p = quadratic.rank() as f64;
    // A constant target varies by what its mean was rounded by: a ratio to that says nothing.
    let noise = (16.0 * f64::EPSILON).powi(2) * design.mean_square_target();
    Metrics {
        r_squared: finite(1.0 - loss / quadratic.total()).filter(|_| quadratic.total() > noise),
        rmse: finite(loss.sqrt()),
        mae: sums.and_then(|sums| finite(sums.absolute / design.weight_sum)),
        aic: finite(2.0f64.mul_add(p, deviance)),
        bic: finite(libm::log(observations).mul_add(p, deviance)),
        residual_standard_deviation: (freedom > 0.0).then(|| (residual_square / freedom).sqrt()).and_then(finite),
        degrees_of_freedom: freedom.max(0.0),
    }
}
