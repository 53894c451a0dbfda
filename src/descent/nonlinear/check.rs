//! What can be said of a fit to a curve before it runs: its faults and its cost.

use super::equation::{Equation, range};
use super::memory;
use crate::descent::formula::Tape;
use crate::descent::memory::whole;
use crate::descent::plan::Estimate;
use crate::descent::registry::Parameter;
use crate::descent::spec::{Restarts, Spec, SpecError, Spread, Start};
use crate::descent::{Dataset, losses};

/// Descents where nothing is known of where to start.
const STARTS: u64 = 16;

/// Sizes of a target whose squares, and residuals far below it, are doubles.
const SQUARED: std::ops::RangeInclusive<f64> = 1e-140..=1e150;

/// What `auto` and a client's silence mean for a curve, but for the optimizer: several starts are drawn from a Latin
/// hypercube, and there are several where `auto` is to fit a formula without a single start.
pub(in crate::descent) fn resolve(mut spec: Spec, equation: &Equation) -> Spec {
    let blind = equation.is_written
        && spec.start == Start::Zeros
        && equation
            .parameters
            .iter()
            .filter(|parameter| parameter.is_free())
            .all(|parameter| parameter.start.is_none());
    if blind && spec.optimizer.kind == "auto" && spec.restarts.is_none() {
        spec.restarts = Some(Restarts { count: STARTS, spread: Spread::LatinHypercube });
    }
    if let Some(restarts) = &mut spec.restarts {
        restarts.spread = Spread::LatinHypercube;
    }
    spec
}

/// Everything that is wrong with this resolved specification of a curve for this data.
pub(in crate::descent) fn check(spec: &Spec, equation: &Equation, data: &Dataset) -> Vec<SpecError> {
    let mut faults = Vec::new();
    let mut fault = |field: &str, code, detail: &str| {
        faults.push(SpecError { field: field.to_owned(), code, detail: detail.to_owned(), limit: None });
    };
    let started = equation.parameters.iter().any(|parameter| !parameter.fixed && parameter.start.is_some());
    if spec.start != Start::Zeros && started {
        fault(
            "start",
            "unsupported_combination",
            "start and parameters both say where to start: leave out one of them",
        );
    }
    if let Start::At(values) = &spec.start {
        for (name, value) in values {
            let Some(parameter) = equation.parameters.iter().find(|parameter| parameter.name == *name) else {
                continue;
            };
            let Parameter { min, max, .. } = parameter;
            if !parameter.is_free() {
                fault(&format!("start/{name}"), "invalid_value", "this parameter is fixed or tied: it has no start");
            } else if value < min || value > max {
                let detail = format!("{value} lies outside of the range {}", range(*min, *max));
                fault(&format!("start/{name}"), "invalid_value", &detail);
            }
        }
    }
    if !spec.bounds.is_empty() {
        fault("bounds", "unsupported_combination", "a curve has min and max beside each of its parameters, not bounds");
    }
    if spec.scaling.kind == "whiten" {
        fault(
            "scaling",
            "unsupported_combination",
            "a curve has no fixed columns to whiten: auto, none or standardize",
        );
    }
    if spec.penalty.on_standardized {
        fault("penalty/on", "unsupported_combination", "a curve has no columns to standardize: its penalty is on data");
    }
    if spec.loss.settings.contains_key("class_weights") {
        fault("loss/class_weights", "unsupported_combination", "a curve predicts numbers, not classes");
    }
    let target = spec.model.text("target").and_then(|name| data.column(name));
    let largest = target.map_or(0.0, |target| target.iter().fold(0.0f64, |largest, y| largest.max(y.abs())));
    if largest > 0.0 && !SQUARED.contains(&largest) {
        let detail =
            format!("the largest size of the target is {largest:e}, whose square is no double: take another unit");
        fault("model/target", "invalid_value", &detail);
    }
    if let (Some(kind), Some(target)) = (losses::kind(&spec.loss), target) {
        let wrong = target.iter().enumerate().find_map(|(row, y)| kind.mean_fault(*y).map(|what| (row, *y, what)));
        if let Some((row, y, what)) = wrong {
            let detail = format!("the target of row {row} is {y}: with {} it has to be {what}", spec.loss.kind);
            fault("model/target", "invalid_value", &detail);
        }
    }
    faults
}

/// Memory and work of this fit with so many threads, saturating.
pub(in crate::descent) fn estimate(spec: &Spec, equation: &Equation, data: &Dataset, threads: usize) -> Estimate {
    let tape = equation.compile().ok();
    let operations = tape.as_ref().map_or(0.0, Tape::operations);
    let memory_bytes = whole(memory::bytes(spec, equation, tape.as_ref(), data, threads));
    let width = equation.parameters.iter().filter(|parameter| parameter.is_free()).count().max(1);
    let (n, p) = (data.rows() as f64, width as f64);
    let starts = spec.restarts.map_or(1.0, |restarts| restarts.count as f64 + 1.0);
    let step = n * (operations + 2.0 * p * p) + 4.0 * p * p * p;
    // A method that converges takes tens of steps; one that is told to go on takes as many as it may.
    let steps = spec.stop.max_iterations as f64;
    let steps = if spec.optimizer.kind == "levenberg_marquardt" { steps.min(200.0) } else { steps };
    Estimate { memory_bytes, operations: step * steps * starts, coefficients: equation.parameters.len() as u64 }
}
