//! From what the core found to what the client is told and the store keeps. A number that is not finite has no value
//! and is left out, since JSON would make it `null`.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::plan::from_choice;
use crate::descent::{self, Divergence, Inference, Report, StopReason};
use crate::fit::{
    self, Covariance, FitError, FitResult, Label, Metrics, Optimum, Outcome, Parameter, PredictionBand, Predictor,
    ProfileInterval, ValidationResult, Warning,
};

/// How a fit ended, and what predictions need where it has coefficients.
pub(super) fn ending(outcome: descent::Outcome, covariance: Covariance) -> (Outcome, Option<Predictor>) {
    match outcome {
        descent::Outcome::Stopped(report) => stopped(*report, covariance),
        descent::Outcome::Diverged(divergence) => (failed(diverged(*divergence)), None),
        descent::Outcome::NonFinite { row } => (failed(non_finite(row)), None),
        // Only a cancellation abandons a run that is then finished; an interrupted one is put back instead.
        descent::Outcome::Abandoned => (Outcome::Cancelled(None), None),
    }
}

/// The end of a fit that was taken when there was more memory.
pub(super) fn too_large(needed: u64, allowed: u64) -> Outcome {
    let detail = format!("the fit would need {needed} bytes of memory, {allowed} are allowed by now");
    failed(error("memory_budget", &detail))
}

/// The end of a fit whose computation panicked; `incident` names the panic in the log.
pub(super) fn internal(incident: String) -> Outcome {
    failed(FitError { incident: Some(incident), ..error("internal", "a fault in the service ended the fit") })
}

fn stopped(report: Report, covariance: Covariance) -> (Outcome, Option<Predictor>) {
    let required = [report.loss, report.objective, report.gradient_norm];
    let mut values = required.iter().chain(&report.coefficients).chain(&report.start);
    if !values.all(|value| value.is_finite()) {
        let detail = "the fit ended at values too large for double precision";
        return (failed(FitError { iteration: Some(report.iterations), ..error("diverged", detail) }), None);
    }
    let cancelled = report.stop_reason == StopReason::Cancelled;
    let predictor = Predictor {
        basis: report.predictor.basis.clone(),
        coefficients: report.predictor.coefficients.clone(),
        levels: report.predictor.levels.clone(),
        classes: report.predictor.classes.iter().cloned().map(from_label).collect(),
        band: report.predictor.band.clone().and_then(band),
    };
    let result = Arc::new(result(report, covariance));
    let outcome = if cancelled { Outcome::Cancelled(Some(result)) } else { Outcome::Succeeded(result) };
    (outcome, Some(predictor))
}

fn result(report: Report, covariance: Covariance) -> FitResult {
    let inference = report.inference.as_ref();
    let parameters = (0..report.names.len()).map(|at| parameter(&report, inference, at)).collect();
    let matrix = inference
        .and_then(|inference| inference.covariance.clone())
        .filter(|rows| rows.iter().flatten().all(|value| value.is_finite()));
    FitResult {
        coefficients: named(&report.names, &report.coefficients),
        parameters,
        formula: report.formula,
        loss: report.loss,
        objective: report.objective,
        iterations: report.iterations,
        learning_rate: report.learning_rate.and_then(finite),
        loss_scale: report.loss_scale.and_then(finite),
        stop_reason: report.stop_reason.as_str().to_owned(),
        converged: report.converged,
        gradient_norm: report.gradient_norm,
        optimum: report.optimum.filter(|at| at.loss.is_finite() && at.gap.is_finite()).map(|optimum| Optimum {
            loss: optimum.loss,
            gap: optimum.gap,
            coefficients: named(&report.names, &optimum.coefficients),
        }),
        condition_number: report.condition_number.and_then(finite),
        metrics: metrics(report.metrics),
        validation: report.validation.and_then(validation),
        inference: inference.map(|found| fit::Inference {
            covariance: convention(covariance).to_owned(),
            distribution: found.distribution.to_owned(),
            degrees_of_freedom: found.degrees_of_freedom.and_then(finite),
        }),
        correlation: matrix.as_deref().and_then(correlation),
        covariance: matrix,
        levels: report.levels.into_iter().map(|(name, levels)| (name, Value::from(levels))).collect(),
        classes: report.classes.into_iter().map(from_label).collect(),
        minima: report.minima.iter().filter_map(|found| minimum(&report.names, found)).collect(),
        diagnostics: report
            .diagnostics
            .filter(are_finite)
            .map(|found| fit::Diagnostics { leverage: found.leverage, cooks_distance: found.cooks_distance }),
        warnings: report
            .warnings
            .into_iter()
            .map(|warning| Warning { code: warning.code.to_owned(), detail: warning.detail })
            .collect(),
    }
}

fn convention(covariance: Covariance) -> &'static str {
    match covariance {
        Covariance::Hc1 => "hc1",
        Covariance::Hc3 => "hc3",
        _ => "classical",
    }
}

fn metrics(found: descent::Metrics) -> Metrics {
    let matrix = found.confusion_matrix.filter(|rows| rows.iter().flatten().all(|value| value.is_finite()));
    Metrics {
        r_squared: found.r_squared.and_then(finite),
        adjusted_r_squared: found.adjusted_r_squared.and_then(finite),
        explained_deviance: found.explained_deviance.and_then(finite),
        deviance: found.deviance.and_then(finite),
        rmse: found.rmse.and_then(finite),
        mae: found.mae.and_then(finite),
        median_absolute_error: found.median_absolute_error.and_then(finite),
        accuracy: found.accuracy.and_then(finite),
        log_loss: found.log_loss.and_then(finite),
        auc: found.auc.and_then(finite),
        confusion_matrix: matrix,
        log_likelihood: found.log_likelihood.and_then(finite),
        aic: found.aic.and_then(finite),
        aicc: found.aicc.and_then(finite),
        bic: found.bic.and_then(finite),
        residual_standard_deviation: found.residual_standard_deviation.and_then(finite),
        degrees_of_freedom: finite(found.degrees_of_freedom).unwrap_or(0.0),
    }
}

fn validation(found: descent::ValidationReport) -> Option<ValidationResult> {
    Some(ValidationResult {
        rows: found.rows,
        loss: finite(found.loss)?,
        loss_standard_deviation: found.loss_standard_deviation.and_then(finite),
        best_iteration: found.best_iteration,
        metrics: metrics(found.metrics),
        folds: Some(found.folds).filter(|losses| losses.iter().all(|loss| loss.is_finite())).unwrap_or_default(),
    })
}

fn minimum(names: &[String], found: &descent::Minimum) -> Option<fit::Minimum> {
    Some(fit::Minimum {
        objective: finite(found.objective)?,
        loss: finite(found.loss)?,
        coefficients: named(names, &found.coefficients),
        starts: found.starts,
        converged: found.converged,
    })
}

fn are_finite(found: &descent::Diagnostics) -> bool {
    found.leverage.iter().chain(&found.cooks_distance).all(|value| value.is_finite())
}

/// The correlation of the estimates; nothing where one of them has no error at all.
fn correlation(covariance: &[Vec<f64>]) -> Option<Vec<Vec<f64>>> {
    let errors: Vec<f64> = covariance.iter().enumerate().map(|(k, row)| row[k].sqrt()).collect();
    let entry = |i: usize, j: usize| {
        let value = covariance[i][j] / errors[i] / errors[j];
        // What is fixed varies with nothing.
        let value = if value.is_finite() { value.clamp(-1.0, 1.0) } else { 0.0 };
        if i == j { 1.0 } else { value }
    };
    let any = errors.iter().any(|error| *error > 0.0);
    any.then(|| (0..errors.len()).map(|i| (0..errors.len()).map(|j| entry(i, j)).collect()).collect())
}

/// The form of a class that clients see.
pub(crate) fn from_label(label: descent::Label) -> Label {
    match label {
        descent::Label::Number(number) => Label::Number(number),
        descent::Label::Text(text) => Label::Text(text),
    }
}

fn to_label(label: Label) -> descent::Label {
    match label {
        Label::Number(number) => descent::Label::Number(number),
        Label::Text(text) => descent::Label::Text(text),
    }
}

fn parameter(report: &Report, inference: Option<&Inference>, at: usize) -> Parameter {
    let interval = inference.and_then(|all| all.intervals.get(at).copied());
    Parameter {
        name: report.names[at].clone(),
        value: report.coefficients[at],
        start: report.start[at],
        fixed: report.fixed.get(at).copied().unwrap_or(false),
        standard_error: inference.and_then(|all| finite(*all.standard_errors.get(at)?)),
        confidence_interval: interval.filter(|ends| ends.iter().all(|end| end.is_finite())),
        profile_interval: report
            .profile
            .get(at)
            .copied()
            .flatten()
            .map(|[lower, upper]| ProfileInterval { lower: lower.and_then(finite), upper: upper.and_then(finite) }),
        t: inference.and_then(|all| finite((*all.t.get(at)?)?)),
        p_value: inference.and_then(|all| finite((*all.p.get(at)?)?)),
    }
}

fn band(band: descent::Band) -> Option<PredictionBand> {
    let scale = band.residual_standard_deviation;
    let whole = band.factor.iter().chain([&scale]).all(|value| value.is_finite());
    // Infinitely many degrees of freedom are those of a normal distribution.
    (whole && !band.degrees_of_freedom.is_nan()).then_some(PredictionBand {
        factor: band.factor,
        residual_standard_deviation: scale,
        degrees_of_freedom: band.degrees_of_freedom,
    })
}

/// The form of a predictor that the core reads.
pub(super) fn to_numeric(predictor: Predictor) -> descent::Predictor {
    descent::Predictor {
        basis: predictor.basis,
        coefficients: predictor.coefficients,
        levels: predictor.levels,
        classes: predictor.classes.into_iter().map(to_label).collect(),
        band: predictor.band.map(|band| descent::Band {
            factor: band.factor,
            residual_standard_deviation: band.residual_standard_deviation,
            degrees_of_freedom: band.degrees_of_freedom,
        }),
    }
}

fn diverged(divergence: Divergence) -> FitError {
    FitError {
        iteration: Some(divergence.iteration),
        coefficients: Some(named(&divergence.names, &divergence.coefficients)),
        loss: divergence.loss.and_then(finite),
        max_stable_learning_rate: divergence.max_stable_learning_rate.and_then(finite),
        row: divergence.row,
        suggestion: divergence.suggestion.map(patch),
        ..error("diverged", divergence.detail)
    }
}

/// What to post instead, as a JSON merge patch (RFC 7396). An optimizer with all of its parameters replaces each of
/// those that were posted; one without parameters is its name, which replaces the whole.
fn patch(suggestion: descent::Suggestion) -> Value {
    let optimizer = from_choice(suggestion.optimizer);
    let mut patch = Map::new();
    let optimizer = if optimizer.settings.is_empty() {
        // A method that chooses for itself chooses its coordinates too.
        patch.insert("scaling".to_owned(), Value::from("auto"));
        Value::from(optimizer.kind)
    } else {
        json!(optimizer)
    };
    patch.insert("optimizer".to_owned(), optimizer);
    let mut stop = Map::new();
    if let Some(iterations) = suggestion.max_iterations {
        stop.insert("max_iterations".to_owned(), Value::from(iterations));
    }
    if let Some(tolerance) = suggestion.gradient_tolerance {
        stop.insert("gradient_tolerance".to_owned(), Value::from(tolerance));
    }
    if !stop.is_empty() {
        patch.insert("stop".to_owned(), Value::Object(stop));
    }
    Value::Object(patch)
}

fn non_finite(row: Option<u64>) -> FitError {
    let detail = match row {
        Some(row) => format!("the objective is not finite at the start; row {row} of the data makes it so"),
        None => "the objective is not finite at the start".to_owned(),
    };
    FitError { iteration: Some(0), row, ..error("non_finite_objective", detail) }
}

fn failed(error: FitError) -> Outcome {
    Outcome::Failed(Arc::new(error))
}

fn error(code: &str, detail: impl Into<String>) -> FitError {
    FitError {
        code: code.to_owned(),
        detail: detail.into(),
        iteration: None,
        coefficients: None,
        loss: None,
        max_stable_learning_rate: None,
        suggestion: None,
        row: None,
        incident: None,
    }
}

/// Finite values by name, in order.
fn named(names: &[String], values: &[f64]) -> Map<String, Value> {
    let pairs = names.iter().zip(values).filter(|(_, value)| value.is_finite());
    pairs.map(|(name, value)| (name.clone(), Value::from(*value))).collect()
}

fn finite(value: f64) -> Option<f64> {
    value.is_finite().then_some(value)
}

#[cfg(test)]
mod tests;
