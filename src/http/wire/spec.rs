//! A posted fit as a checked draft: its data, its specification with `auto` still in it, its labels. What depends on
//! the numbers in the data is checked later, where they are used.

use std::collections::BTreeMap;

use super::choice::{Context, choice, is_column};
use super::fields::{Fields, wrong};
use super::options;
use crate::descent::{self, Dataset, Section};
use crate::fit::{
    Covariance, HistorySpec, Intervals, Labels, Missing, Penalty, PenaltyOn, Range, Spec, Start, Stop, Violation,
    WeightKind, Weights,
};
use crate::http::Limits;
use crate::ingest::{Node, Posted, token};
use crate::jobs::from_choice;

/// A seed is a whole number that every store and client can hold.
const SEED_MAX: u64 = i64::MAX as u64;

/// A checked request for a fit.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) spec: Spec,
    pub(crate) labels: Labels,
    pub(crate) data: Dataset,
}

/// Reads a posted fit, or finds everything that is wrong with it.
pub(crate) fn request(posted: Posted, limits: &Limits) -> Result<Request, Vec<Violation>> {
    let Posted { data, has_data, missing, rest, violations: mut faults } = posted;
    if !has_data {
        faults.push(Violation::new("/data", "missing_field", "the field data is required"));
    }
    let mut fields = Fields::new(rest, "");
    let columns = data.as_ref().map(Dataset::names);
    let registry = descent::catalogue();
    let weights = weights(&mut fields, columns, &registry, &mut faults);
    let context =
        Context { columns, weights: weights.as_ref().map(|weights| weights.column.as_str()), registry: &registry };
    let mut choose = |name: &str, section: &str, default: Option<&str>, faults: &mut Vec<Violation>| {
        choice(&mut fields, name, default, find(&registry, section)?, &context, faults)
    };
    let model = choose("model", "models", None, &mut faults);
    let loss = choose("loss", "losses", Some("auto"), &mut faults);
    let optimizer = choose("optimizer", "optimizers", Some("auto"), &mut faults);
    let scaling = choose("scaling", "scalings", Some("auto"), &mut faults);
    let penalty = penalty(&mut fields, &mut faults);
    let start = start(&mut fields, &mut faults);
    let stop = stop(&mut fields, limits, &mut faults);
    let seed = fields.whole("seed", 0, SEED_MAX, "invalid_value", &mut faults).unwrap_or(0);
    let covariances = [
        ("classical", Covariance::Classical),
        ("auto", Covariance::Classical),
        ("hc1", Covariance::Hc1),
        ("hc3", Covariance::Hc3),
        ("none", Covariance::None),
    ];
    let covariance = fields.word("covariance", &covariances, &mut faults).unwrap_or(Covariance::Classical);
    let confidence = level(&mut fields, "confidence", &mut faults).unwrap_or(0.95);
    let history = history(&mut fields, &mut faults);
    let labels = labels(&mut fields, limits, &mut faults);
    let bounds = options::bounds(&mut fields, &mut faults);
    let restarts = options::restarts(&mut fields, &mut faults);
    let validation = options::validation(&mut fields, &mut faults);
    let diagnostics = fields.flag("diagnostics", &mut faults).unwrap_or(false);
    let words = [("wald", Intervals::Wald), ("profile", Intervals::Profile)];
    let intervals = fields.word("intervals", &words, &mut faults).unwrap_or_default();
    let treatments = [("error", Missing::Error), ("drop_rows", Missing::DropRows)];
    let treatment = fields.word("missing", &treatments, &mut faults).unwrap_or_default();
    fields.finish(&mut faults);
    let data = match (data, &model) {
        (Some(data), Some(model)) if !missing.is_empty() => {
            let used = descent::columns_of(model);
            let weight = weights.as_ref().map(|weights| weights.column.as_str());
            let kept =
                data.drop_missing(&missing, &|name| Some(name) == weight || used.iter().any(|other| other == name));
            let names_rows = validation.as_ref().is_some_and(|validation| validation.rows.is_some());
            if names_rows && kept.as_ref().is_some_and(|kept| kept.rows_dropped() > 0) {
                let detail = "rows are dropped, so their numbers say nothing any more: choose rows in another way";
                faults.push(Violation::new("/validation/rows", "invalid_value", detail));
            }
            if kept.is_none() {
                faults.push(Violation::new(
                    "/data",
                    "dimension_mismatch",
                    "every row misses a value that the fit uses",
                ));
            }
            kept
        }
        (data, _) => data,
    };
    if let (Some(model), Some(data)) = (&model, data.as_ref()) {
        check_names(model, data, &start, &bounds, &mut faults);
    }
    match (data, model, loss, optimizer, scaling) {
        (Some(data), Some(model), Some(loss), Some(optimizer), Some(scaling)) if faults.is_empty() => {
            let [model, loss, optimizer, scaling] = [model, loss, optimizer, scaling].map(from_choice);
            let spec = Spec {
                model,
                loss,
                penalty,
                optimizer,
                scaling,
                start,
                stop,
                weights,
                seed,
                covariance,
                confidence,
                history,
                bounds,
                restarts,
                validation,
                diagnostics,
                intervals,
                missing: treatment,
            };
            Ok(Request { spec, labels, data })
        }
        _ => Err(faults),
    }
}

fn find<'a>(registry: &'a [Section], name: &str) -> Option<&'a Section> {
    registry.iter().find(|section| section.name == name)
}

/// A level of confidence, within (0, 1).
pub(crate) fn level(fields: &mut Fields, name: &str, faults: &mut Vec<Violation>) -> Option<f64> {
    fields.number(name, "a number between 0 and 1", |level| level > 0.0 && level < 1.0, faults)
}

/// The model as a whole, and the names that the start uses.
fn check_names(
    model: &descent::Choice,
    data: &Dataset,
    start: &Start,
    bounds: &BTreeMap<String, Range>,
    faults: &mut Vec<Violation>,
) {
    let names = match descent::coefficient_names(model, data) {
        Ok(names) => names,
        Err(error) => {
            let fault = Violation::new(format!("/{}", error.field), error.code, error.detail);
            faults.push(match error.limit {
                Some((limit, actual)) => fault.over(limit, actual),
                None => fault,
            });
            return;
        }
    };
    let started = if let Start::At(values) = start { values.keys().collect() } else { Vec::new() };
    let named = started.into_iter().map(|name| ("start", name)).chain(bounds.keys().map(|name| ("bounds", name)));
    for (field, name) in named.filter(|(_, name)| !names.contains(name)) {
        let shown = names.iter().take(8).map(String::as_str).collect::<Vec<_>>().join(", ");
        let more = if names.len() > 8 { ", …" } else { "" };
        let detail = format!("there is no coefficient {name}; there are {shown}{more}");
        faults.push(Violation::new(format!("/{field}/{}", token(name)), "invalid_value", detail));
    }
}

fn weights(
    fields: &mut Fields,
    columns: Option<&[String]>,
    registry: &[Section],
    faults: &mut Vec<Violation>,
) -> Option<Weights> {
    let pointer = fields.at("weights");
    let mut keys = Fields::of(fields.take("weights")?, pointer, faults);
    let kinds = [("inverse_variance", WeightKind::InverseVariance), ("frequency", WeightKind::Frequency)];
    let kind = keys.word("kind", &kinds, faults).unwrap_or(WeightKind::InverseVariance);
    let before = faults.len();
    let column = keys.text("column", faults);
    if column.is_none() && faults.len() == before {
        faults.push(Violation::new(keys.at("column"), "missing_field", "say which column holds the weights"));
    }
    if let Some(column) = &column {
        is_column(column, &keys.at("column"), &Context { columns, weights: None, registry }, faults);
    }
    keys.finish(faults);
    Some(Weights { column: column?, kind })
}

fn penalty(fields: &mut Fields, faults: &mut Vec<Violation>) -> Penalty {
    let mut keys = fields.object("penalty", faults);
    let at_least_zero = |number: f64| number >= 0.0;
    let l2 = keys.number("l2", "a number of at least 0", at_least_zero, faults).unwrap_or(0.0);
    let l1 = keys.number("l1", "a number of at least 0", at_least_zero, faults).unwrap_or(0.0);
    let scales = [("data", PenaltyOn::Data), ("standardized", PenaltyOn::Standardized)];
    let on = keys.word("on", &scales, faults).unwrap_or(PenaltyOn::Data);
    keys.finish(faults);
    Penalty { l2, l1, on }
}

fn start(fields: &mut Fields, faults: &mut Vec<Violation>) -> Start {
    let pointer = fields.at("start");
    let word = |word: &str| match word {
        "zeros" => Some(Start::Zeros),
        "random" => Some(Start::Random),
        _ => None,
    };
    let expected = "zeros, random, or an object of coefficients";
    match fields.take("start") {
        None => Start::Zeros,
        Some(Node::Text(text)) => word(&text).unwrap_or_else(|| {
            faults.push(wrong(&pointer, expected, &Node::Text(text)));
            Start::Zeros
        }),
        Some(Node::Map(entries)) => {
            if let [(key, Node::Text(text))] = entries.as_slice()
                && key == "kind"
                && let Some(start) = word(text)
            {
                return start;
            }
            let mut values = BTreeMap::new();
            for (name, node) in entries {
                match node {
                    Node::Number(number) => {
                        values.insert(name, number.value());
                    }
                    other => faults.push(wrong(&format!("{pointer}/{}", token(&name)), "a number", &other)),
                }
            }
            Start::At(values)
        }
        Some(other) => {
            faults.push(wrong(&pointer, expected, &other));
            Start::Zeros
        }
    }
}

fn stop(fields: &mut Fields, limits: &Limits, faults: &mut Vec<Violation>) -> Stop {
    let mut keys = fields.object("stop", faults);
    let at_least_zero = |number: f64| number >= 0.0;
    let max_iterations = keys.whole("max_iterations", 1, limits.iterations_max, "limit_exceeded", faults);
    let gradient_tolerance = keys.number("gradient_tolerance", "a number of at least 0", at_least_zero, faults);
    let loss_tolerance = keys.number("loss_tolerance", "a number of at least 0", at_least_zero, faults);
    let max_seconds = keys.number("max_seconds", "a number above 0", |seconds| seconds > 0.0, faults);
    if let Some(seconds) = max_seconds.filter(|&seconds| seconds > limits.seconds_max as f64) {
        let detail = format!("{seconds} seconds are more than {}, the most there may be", limits.seconds_max);
        let fault = Violation::new(keys.at("max_seconds"), "limit_exceeded", detail);
        faults.push(fault.over(limits.seconds_max, seconds.ceil() as u64));
    }
    keys.finish(faults);
    Stop {
        max_iterations: max_iterations.unwrap_or(limits.iterations_default),
        gradient_tolerance: gradient_tolerance.unwrap_or(1e-10),
        loss_tolerance: loss_tolerance.unwrap_or(0.0),
        max_seconds: max_seconds.unwrap_or(limits.seconds_default as f64),
    }
}

fn history(fields: &mut Fields, faults: &mut Vec<Violation>) -> HistorySpec {
    let mut keys = fields.object("history", faults);
    let coefficients = keys.flag("coefficients", faults).unwrap_or(false);
    keys.finish(faults);
    HistorySpec { coefficients }
}

fn labels(fields: &mut Fields, limits: &Limits, faults: &mut Vec<Violation>) -> Labels {
    let keys = fields.object("labels", faults);
    let pointer = keys.pointer().to_owned();
    let entries = keys.into_rest();
    let count = entries.len() as u64;
    if count > limits.labels_max {
        let detail = format!("a fit has at most {} labels", limits.labels_max);
        faults.push(Violation::new(&pointer, "limit_exceeded", detail).over(limits.labels_max, count));
        return Labels::new();
    }
    let mut labels = Labels::new();
    for (key, node) in entries {
        let pointer = format!("{pointer}/{}", token(&key));
        match node {
            Node::Text(value) => {
                let longest = key.len().max(value.len()) as u64;
                if longest > limits.label_bytes_max {
                    let detail = format!("a label's key and its value have at most {} bytes", limits.label_bytes_max);
                    faults
                        .push(Violation::new(pointer, "limit_exceeded", detail).over(limits.label_bytes_max, longest));
                } else {
                    labels.insert(key, value);
                }
            }
            other => faults.push(wrong(&pointer, "a string", &other)),
        }
    }
    labels
}
