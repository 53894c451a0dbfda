//! From a draft to a plan: the numeric form of a specification and back, and everything that can be wrong with it.
//!
//! Conversions live here because `fit` knows what a client posts and `descent` what is computed, and neither knows of
//! the other's form.

use super::engine::Engine;
use super::{Draft, Plan};
use crate::descent::{self, SpecError};
use crate::fit::{
    Choice, Covariance, HistoryShape, Intervals, ParameterSpec, ParameterSpecs, Penalty, PenaltyOn, Restarts, Setting,
    Spec, Spread, Start, Stop, Validation, Violation, WeightKind, Weights,
};

/// Resolves and checks a draft that so many threads may compute, and finds all that is wrong at once.
pub(super) fn plan(
    engine: &dyn Engine,
    draft: &Draft,
    memory_bytes_max: u64,
    threads: usize,
) -> Result<Plan, Vec<Violation>> {
    let spec = engine.resolve(to_numeric(&draft.spec));
    // What follows may rely on a model that makes sense for the columns, so this one is answered alone.
    let names = engine.coefficient_names(&spec.model, &draft.data).map_err(|error| vec![violation(&error)])?;
    let mut estimate = engine.estimate(&spec, &draft.data, threads);
    estimate.memory_bytes = estimate.memory_bytes.max(ending_bytes(&spec, &draft.data, estimate.coefficients));
    let mut violations: Vec<_> = engine.check(&spec, &draft.data).iter().map(violation).collect();
    if estimate.memory_bytes > memory_bytes_max {
        let (needed, allowed) = (estimate.memory_bytes, memory_bytes_max);
        let detail = format!("the fit would need {needed} bytes of memory, {allowed} are allowed");
        violations.push(Violation::new("/model", "memory_budget", detail).over(allowed, needed));
    }
    if !violations.is_empty() {
        return Err(violations);
    }
    let shape = shape(engine, &spec, draft, names);
    Ok(Plan { spec: from_numeric(spec, &draft.spec), estimate, shape })
}

/// What the end of a fit holds when nothing else does: the data, the report, the result made of it, what predictions need,
/// and the text of both as it is written. It counts where a report has many numbers: a covariance, or two for each row.
fn ending_bytes(spec: &descent::Spec, data: &descent::Dataset, coefficients: u64) -> u64 {
    // As doubles in the report and the result, and as text that grows by doubling.
    const ROW_BYTES: u64 = 2 * 8 + 3 * 22;
    // The same, and the factor for predictions beside the covariance.
    const PAIR_BYTES: u64 = ROW_BYTES + 4 * 8;
    let rows = data.rows() as u64;
    let columns = data.names().len() as u64;
    let with_covariance =
        spec.covariance != descent::Covariance::None && coefficients <= descent::COVARIANCE_MAX as u64;
    let pairs = if with_covariance { coefficients.saturating_mul(coefficients) } else { 0 };
    let by_row = if spec.diagnostics { rows.saturating_mul(2 * ROW_BYTES) } else { 0 };
    let data_bytes = rows.saturating_mul(columns).saturating_mul(8);
    data_bytes.saturating_add(pairs.saturating_mul(PAIR_BYTES)).saturating_add(by_row)
}

/// What the history of this fit will hold.
fn shape(engine: &dyn Engine, spec: &descent::Spec, draft: &Draft, names: Vec<String>) -> HistoryShape {
    HistoryShape {
        coefficients: if draft.spec.history.coefficients { names } else { Vec::new() },
        // Folds judge when the descent has ended.
        validated: draft.spec.validation.as_ref().is_some_and(|validation| validation.folds.is_none()),
        iterations_per_epoch: engine.iterations_per_epoch(spec, draft.data.rows() as u64),
    }
}

/// The numeric form of a specification.
pub(super) fn to_numeric(spec: &Spec) -> descent::Spec {
    descent::Spec {
        model: to_choice(&spec.model),
        loss: to_choice(&spec.loss),
        optimizer: to_choice(&spec.optimizer),
        scaling: to_choice(&spec.scaling),
        penalty: descent::Penalty {
            l2: spec.penalty.l2,
            l1: spec.penalty.l1,
            on_standardized: spec.penalty.on == PenaltyOn::Standardized,
        },
        start: match &spec.start {
            Start::Zeros => descent::Start::Zeros,
            Start::Random => descent::Start::Random,
            Start::At(map) => descent::Start::At(map.iter().map(|(name, value)| (name.clone(), *value)).collect()),
        },
        stop: descent::Stop {
            max_iterations: spec.stop.max_iterations,
            gradient_tolerance: spec.stop.gradient_tolerance,
            loss_tolerance: spec.stop.loss_tolerance,
        },
        weights: spec.weights.as_ref().map(|weights| descent::Weights {
            column: weights.column.clone(),
            kind: match weights.kind {
                WeightKind::InverseVariance => descent::WeightKind::InverseVariance,
                WeightKind::Frequency => descent::WeightKind::Frequency,
            },
        }),
        seed: spec.seed,
        covariance: match spec.covariance {
            Covariance::Classical => descent::Covariance::Classical,
            Covariance::Hc1 => descent::Covariance::Hc1,
            Covariance::Hc3 => descent::Covariance::Hc3,
            Covariance::None => descent::Covariance::None,
        },
        bounds: spec
            .bounds
            .iter()
            .map(|(name, range)| descent::Range {
                name: name.clone(),
                min: range.min.unwrap_or(f64::NEG_INFINITY),
                max: range.max.unwrap_or(f64::INFINITY),
            })
            .collect(),
        restarts: spec.restarts.map(|restarts| descent::Restarts {
            count: restarts.starts,
            spread: match restarts.spread {
                Spread::Rows => descent::Spread::Rows,
                Spread::LatinHypercube => descent::Spread::LatinHypercube,
                Spread::Normal => descent::Spread::Normal,
            },
        }),
        validation: spec.validation.as_ref().and_then(to_validation),
        diagnostics: spec.diagnostics,
        profile: spec.intervals == Intervals::Profile,
        confidence: spec.confidence,
    }
}

/// The form that clients see, with what the core does not know taken from what was asked.
fn from_numeric(spec: descent::Spec, asked: &Spec) -> Spec {
    Spec {
        model: from_choice(spec.model),
        loss: from_choice(spec.loss),
        penalty: Penalty {
            l2: spec.penalty.l2,
            l1: spec.penalty.l1,
            on: if spec.penalty.on_standardized { PenaltyOn::Standardized } else { PenaltyOn::Data },
        },
        optimizer: from_choice(spec.optimizer),
        scaling: from_choice(spec.scaling),
        start: match spec.start {
            descent::Start::Zeros => Start::Zeros,
            descent::Start::Random => Start::Random,
            descent::Start::At(pairs) => Start::At(pairs.into_iter().collect()),
        },
        stop: Stop {
            max_iterations: spec.stop.max_iterations,
            gradient_tolerance: spec.stop.gradient_tolerance,
            loss_tolerance: spec.stop.loss_tolerance,
            max_seconds: asked.stop.max_seconds,
        },
        weights: spec.weights.map(|weights| Weights {
            column: weights.column,
            kind: match weights.kind {
                descent::WeightKind::InverseVariance => WeightKind::InverseVariance,
                descent::WeightKind::Frequency => WeightKind::Frequency,
            },
        }),
        seed: spec.seed,
        covariance: asked.covariance,
        confidence: spec.confidence,
        history: asked.history,
        bounds: asked.bounds.clone(),
        restarts: spec.restarts.map(|restarts| Restarts {
            starts: restarts.count,
            spread: match restarts.spread {
                descent::Spread::Rows => Spread::Rows,
                descent::Spread::LatinHypercube => Spread::LatinHypercube,
                descent::Spread::Normal => Spread::Normal,
            },
        }),
        validation: asked.validation.clone(),
        diagnostics: asked.diagnostics,
        intervals: asked.intervals,
        missing: asked.missing,
    }
}

fn to_validation(validation: &Validation) -> Option<descent::Validation> {
    let seed = validation.seed.unwrap_or(0);
    let split = match validation {
        Validation { fraction: Some(part), .. } => descent::Split::Fraction(*part, seed),
        Validation { last_rows: Some(count), .. } => descent::Split::LastRows(*count),
        Validation { rows: Some(rows), .. } => descent::Split::Rows(rows.clone()),
        Validation { folds: Some(folds), .. } => descent::Split::Folds(*folds, seed),
        _ => return None,
    };
    Some(descent::Validation { split, patience: validation.patience })
}

/// The numeric form of a choice.
pub(super) fn to_choice(choice: &Choice) -> descent::Choice {
    let value = |setting: &Setting| match setting {
        Setting::Flag(flag) => descent::Value::Flag(*flag),
        Setting::Integer(number) => descent::Value::Integer(*number),
        Setting::Number(number) => descent::Value::Number(*number),
        Setting::Text(text) => descent::Value::Text(text.clone()),
        Setting::List(list) => descent::Value::List(list.clone()),
        Setting::Choice(choice) => descent::Value::Choice(Box::new(to_choice(choice))),
        Setting::Factors(factors) => descent::Value::Factors(factors.clone()),
        Setting::Parameters(ParameterSpecs(specs)) => {
            descent::Value::Parameters(specs.iter().map(|(name, spec)| to_parameter(name, spec)).collect())
        }
    };
    let settings = choice.settings.iter().map(|(name, setting)| (name.clone(), value(setting)));
    descent::Choice { kind: choice.kind.clone(), settings: settings.collect() }
}

fn to_parameter(name: &str, spec: &ParameterSpec) -> descent::Parameter {
    descent::Parameter {
        name: name.to_owned(),
        start: spec.start,
        min: spec.min.unwrap_or(f64::NEG_INFINITY),
        max: spec.max.unwrap_or(f64::INFINITY),
        fixed: spec.fixed,
        expr: spec.expr.clone(),
    }
}

fn from_parameter(parameter: descent::Parameter) -> (String, ParameterSpec) {
    let descent::Parameter { name, start, min, max, fixed, expr } = parameter;
    let finite = |end: f64| Some(end).filter(|end| end.is_finite());
    (name, ParameterSpec { start, min: finite(min), max: finite(max), fixed, expr })
}

/// The form of a choice that clients see.
pub(crate) fn from_choice(choice: descent::Choice) -> Choice {
    let setting = |value| match value {
        descent::Value::Flag(flag) => Setting::Flag(flag),
        descent::Value::Integer(number) => Setting::Integer(number),
        descent::Value::Number(number) => Setting::Number(number),
        descent::Value::Text(text) => Setting::Text(text),
        descent::Value::List(list) => Setting::List(list),
        descent::Value::Choice(choice) => Setting::Choice(Box::new(from_choice(*choice))),
        descent::Value::Factors(factors) => Setting::Factors(factors),
        descent::Value::Parameters(parameters) => {
            Setting::Parameters(ParameterSpecs(parameters.into_iter().map(from_parameter).collect()))
        }
    };
    Choice {
        kind: choice.kind,
        settings: choice.settings.into_iter().map(|(name, value)| (name, setting(value))).collect(),
    }
}

/// What the core found wrong, as the client is told.
pub(super) fn violation(error: &SpecError) -> Violation {
    let violation = Violation::new(pointer(&error.field), error.code, error.detail.clone());
    match error.limit {
        Some((limit, actual)) => violation.over(limit, actual),
        None => violation,
    }
}

/// The JSON Pointer of a path in the specification. A name that the client chose is one token, whatever it holds.
fn pointer(field: &str) -> String {
    for parent in ["start/", "bounds/", "loss/class_weights/"] {
        if let Some(name) = field.strip_prefix(parent) {
            return format!("/{parent}{}", name.replace('~', "~0").replace('/', "~1"));
        }
    }
    if field.is_empty() { String::new() } else { format!("/{field}") }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::jobs::scripted::{Script, draft};

    #[test]
    fn a_specification_comes_back_as_it_went() {
        let mut draft = draft(1);
        draft.spec.start = Start::At([("x".to_owned(), -8.0), ("intercept".to_owned(), 1.5)].into());
        draft.spec.weights = Some(Weights { column: "w".to_owned(), kind: WeightKind::Frequency });
        draft.spec.penalty = Penalty { l2: 0.5, l1: 0.25, on: PenaltyOn::Standardized };
        draft.spec.model.settings.extend([
            ("features".to_owned(), Setting::List(vec!["x".to_owned()])),
            ("intercept".to_owned(), Setting::Flag(true)),
            ("degree".to_owned(), Setting::Integer(3)),
            ("rate".to_owned(), Setting::Number(0.25)),
            ("target".to_owned(), Setting::Text("y".to_owned())),
        ]);
        draft.spec.history.coefficients = true;
        draft.spec.stop.max_seconds = 7.5;
        let plan = plan(&Script::default(), &draft, u64::MAX, 1).unwrap();
        assert_eq!(plan.spec, draft.spec);
        assert_eq!(plan.shape.coefficients, ["x", "intercept"]);
    }

    #[test]
    fn rows_that_judge_during_the_descent_are_in_its_history_and_folds_are_not() {
        for (validation, expected) in [
            (Validation { fraction: Some(0.5), seed: Some(1), ..Validation::default() }, true),
            (Validation { folds: Some(3), seed: Some(1), ..Validation::default() }, false),
        ] {
            let mut draft = draft(1);
            draft.spec.validation = Some(validation);
            let plan = plan(&Script::default(), &draft, u64::MAX, 1).unwrap();
            assert_eq!(plan.shape, HistoryShape { validated: expected, ..HistoryShape::default() });
            let document = serde_json::to_string(&plan.spec).unwrap();
            assert_eq!(serde_json::from_str::<Spec>(&document).unwrap(), plan.spec);
        }
    }

    #[test]
    fn a_fit_over_the_memory_budget_names_both_figures_beside_every_other_fault() {
        let fault = SpecError {
            field: "weights/column".to_owned(),
            code: "negative_weight",
            detail: "weights are at least 0".to_owned(),
            limit: None,
        };
        let script = Script { memory_bytes: 2_000, faults: vec![fault], ..Script::default() };
        let violations = plan(&script, &draft(1), 1_999, 1).unwrap_err();
        assert_eq!(violations.len(), 2);
        assert_eq!((violations[0].pointer.as_str(), violations[0].code), ("/weights/column", "negative_weight"));
        assert_eq!(violations[1].code, "memory_budget");
        assert_eq!((violations[1].limit, violations[1].actual), (Some(1_999), Some(2_000)));
        assert!(plan(&Script { memory_bytes: 1_999, ..Script::default() }, &draft(1), 1_999, 1).is_ok());
    }

    #[test]
    fn a_senseless_model_is_answered_before_anything_is_computed() {
        let mut draft = draft(1);
        draft.data = Arc::new(descent::Dataset::new(vec![("other".to_owned(), vec![1.0])]).unwrap());
        let violations = plan(&Script { memory_bytes: 9, ..Script::default() }, &draft, 1, 1).unwrap_err();
        assert_eq!(violations.len(), 1);
        assert_eq!((violations[0].pointer.as_str(), violations[0].code), ("/model/features/0", "unknown_column"));
        assert_eq!((violations[0].limit, violations[0].actual), (Some(1), Some(2)));
    }

    #[test]
    fn a_name_below_start_is_one_token() {
        assert_eq!(pointer("start/a/b~c"), "/start/a~1b~0c");
        assert_eq!(pointer("model/features/0"), "/model/features/0");
    }
}
