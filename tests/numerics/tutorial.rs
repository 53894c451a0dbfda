//! The tutorial's line and cubic against values computed in exact rationals (reference/make_reference.py).

use std::collections::BTreeMap;

use fitd::descent::{Choice, Dataset, Lanes, Outcome, Representation, Spec, Start, StopReason, coefficient_names};
use serde_json::Value as Json;

use crate::problem::{Trace, columns, descent, fit, fit_with, linear, polynomial, spec, stopped};

fn read(path: &str) -> Json {
    let path = format!("{}/{path}", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_str(&std::fs::read_to_string(path).expect("the file is there")).expect("JSON")
}

fn floats(value: &Json) -> Vec<f64> {
    serde_json::from_value(value.clone()).expect("numbers")
}

/// The model of an example, with the textbook's optimizer and stopping rules as posted.
fn posted(example: &Json) -> Spec {
    let model = match example["model"]["kind"].as_str() {
        Some("polynomial") => polynomial(example["model"]["degree"].as_u64().expect("a degree"), true),
        _ => linear(&["x"], true),
    };
    let rate = example["optimizer"]["learning_rate"].as_f64().expect("a learning rate");
    let mut spec = spec(model, descent(rate, 0.0, false));
    spec.stop.max_iterations = example["stop"]["max_iterations"].as_u64().expect("iterations");
    spec.stop.gradient_tolerance = 0.0;
    if let Some(start) = example["start"].as_object() {
        spec.start = Start::At(start.iter().map(|(k, v)| (k.clone(), v.as_f64().expect("a number"))).collect());
    }
    spec
}

fn relative(ours: f64, exact: f64) -> f64 {
    if exact == 0.0 { ours.abs() } else { ((ours - exact) / exact).abs() }
}

/// The largest relative error of a trace's losses and coefficients, over all iterations.
fn worst(trace: &Trace, history: &Json, names: &[String]) -> f64 {
    let losses = floats(&history["loss"]);
    assert_eq!(trace.loss.len(), losses.len(), "as many iterations as the reference");
    let mut worst = trace.loss.iter().zip(&losses).map(|(ours, exact)| relative(*ours, *exact)).fold(0.0, f64::max);
    for (at, name) in names.iter().enumerate() {
        for (ours, exact) in trace.coefficients.iter().zip(floats(&history["coefficients"][name])) {
            worst = worst.max(relative(ours[at], exact));
        }
    }
    worst
}

#[test]
fn every_iteration_of_both_examples_equals_the_exact_one() {
    for name in ["line", "cubic"] {
        let (example, reference) =
            (read(&format!("examples/{name}.json")), read(&format!("tests/numerics/reference/{name}.json")));
        let data = columns(&example["data"]);
        let spec = posted(&example);
        let names = coefficient_names(&spec.model, &data).expect("names");
        for as_what in [Representation::Compressed, Representation::Streamed] {
            let (outcome, trace) = fit_with(&data, spec.clone(), Lanes::chosen(), as_what);
            let report = stopped(outcome);
            assert_eq!(report.stop_reason, StopReason::MaxIterations);
            let worst = worst(&trace, &reference["history"], &names);
            println!("{name}, {as_what:?}: {worst:.1e}");
            assert!(worst <= 1e-12, "{name}, {as_what:?}: relative error {worst:e}");
        }
    }
}

#[test]
fn a_step_too_long_is_a_named_failure_with_a_remedy_that_works() {
    let (example, reference) = (read("examples/cubic_diverging.json"), read("tests/numerics/reference/cubic.json"));
    let data = columns(&example["data"]);
    let spec = posted(&example);
    let names = coefficient_names(&spec.model, &data).expect("names");
    let (outcome, _) = fit(&data, spec.clone());
    let Outcome::Diverged(divergence) = outcome else { panic!("a learning rate of 0.3 diverges: {outcome:?}") };
    let bound = reference["max_stable_learning_rate"].as_f64().expect("a number");
    assert!(relative(divergence.max_stable_learning_rate.expect("a bound"), bound) <= 1e-6);
    let history = &reference["diverging"]["history"];
    let at = divergence.iteration as usize;
    for (ours, name) in divergence.coefficients.iter().zip(&names) {
        let exact = floats(&history["coefficients"][name]);
        assert!(relative(*ours, exact[at]) <= 1e-9, "{name} at iteration {at}: {ours} for {}", exact[at]);
    }
    let suggestion = divergence.suggestion.expect("a remedy");
    let mut instead = spec;
    instead.optimizer = suggestion.optimizer;
    instead.stop.max_iterations = suggestion.max_iterations.unwrap_or(instead.stop.max_iterations);
    instead.stop.gradient_tolerance = suggestion.gradient_tolerance.unwrap_or(instead.stop.gradient_tolerance);
    let report = stopped(fit(&data, instead).0);
    assert!(report.stop_reason.converged(), "{:?}", report.stop_reason);
    check_optimum(&report.coefficients, &reference["optimum"], &names, 1e-8);
}

fn check_optimum(ours: &[f64], optimum: &Json, names: &[String], tolerance: f64) {
    let exact: BTreeMap<String, f64> = serde_json::from_value(optimum["coefficients"].clone()).expect("numbers");
    for (ours, name) in ours.iter().zip(names) {
        assert!(relative(*ours, exact[name]) <= tolerance, "{name}: {ours} for {}", exact[name]);
    }
}

#[test]
fn data_and_model_alone_reach_the_optimum_whatever_the_units() {
    for (name, model) in [("line", linear(&["x"], true)), ("cubic", polynomial(3, true))] {
        let (example, reference) =
            (read(&format!("examples/{name}.json")), read(&format!("tests/numerics/reference/{name}.json")));
        let as_posted = ("as posted", columns(&example["data"]), &reference["optimum"]);
        let variants = reference["variants"].as_object().expect("variants");
        let variants = variants.iter().map(|(key, value)| (key.as_str(), columns(&value["data"]), &value["optimum"]));
        for (what, data, optimum) in std::iter::once(as_posted).chain(variants) {
            let report = stopped(fit(&data, spec(model.clone(), Choice::named("auto"))).0);
            assert!(report.stop_reason.converged(), "{name} {what}: {:?}", report.stop_reason);
            check_optimum(&report.coefficients, optimum, &report.names, 1e-8);
            let exact = optimum["loss"].as_f64().expect("a loss");
            assert!(relative(report.loss, exact) <= 1e-8, "{name} {what}: loss {} for {exact}", report.loss);
            assert!(report.inference.is_some(), "{name} {what}: {:?}", report.warnings);
        }
    }
}

/// A line with a constant and a repeated column: three of four coefficients are determined.
#[test]
fn a_rank_deficient_fit_says_so_and_stays_finite() {
    let x: Vec<f64> = (0..40).map(|row| f64::from(row) * 0.5 + 1e6).collect();
    let y: Vec<f64> = x.iter().enumerate().map(|(row, x)| 2.0 * x + (row as f64).sin()).collect();
    let data = Dataset::new(vec![
        ("x".to_owned(), x.clone()),
        ("again".to_owned(), x.iter().map(|x| 3.0 * x).collect()),
        ("seven".to_owned(), vec![7.1; 40]),
        ("y".to_owned(), y),
    ])
    .expect("a dataset");
    let report = stopped(fit(&data, spec(linear(&["x", "again", "seven"], true), Choice::named("auto"))).0);
    assert!(report.warnings.iter().any(|warning| warning.code == "rank_deficient"), "{:?}", report.warnings);
    assert!(report.coefficients.iter().all(|value| value.is_finite()));
    assert!(report.coefficients[2].abs() < 1e-9, "a constant column has no effect of its own");
    // The least norm in standardized coordinates shares the slope equally between equal standardized columns.
    assert!(relative(report.coefficients[0], 3.0 * report.coefficients[1]) < 1e-9);
    assert!(report.inference.is_none());
}

#[test]
fn momentum_and_nesterov_follow_their_recurrences() {
    let example = read("examples/cubic.json");
    let data = columns(&example["data"]);
    let (x, y) = (data.column("x").expect("x").clone(), data.column("y").expect("y").clone());
    let gradient = |theta: &[f64; 4]| {
        let mut gradient = [0.0; 4];
        for (x, y) in x.iter().zip(y.iter()) {
            let residual = theta[0] * x + theta[1] * x * x + theta[2] * x * x * x + theta[3] - y;
            for (slope, function) in gradient.iter_mut().zip([*x, x * x, x * x * x, 1.0]) {
                *slope += 2.0 * residual * function / x_len(&data);
            }
        }
        gradient
    };
    for nesterov in [false, true] {
        let mut spec = spec(polynomial(3, true), descent(0.01, 0.8, nesterov));
        spec.stop.max_iterations = 60;
        spec.stop.gradient_tolerance = 0.0;
        let (_, trace) = fit(&data, spec);
        let (mut theta, mut v) = ([0.0f64; 4], [0.0f64; 4]);
        for ours in trace.coefficients.iter().skip(1) {
            let mut at = theta;
            if nesterov {
                at.iter_mut().zip(v).for_each(|(value, v)| *value += 0.8 * v);
            }
            let g = gradient(&at);
            for k in 0..4 {
                v[k] = 0.8 * v[k] - 0.01 * g[k];
                theta[k] += v[k];
                assert!(relative(ours[k], theta[k]) < 1e-10, "nesterov {nesterov}, coefficient {k}");
            }
        }
    }
}

fn x_len(data: &Dataset) -> f64 {
    data.rows() as f64
}
