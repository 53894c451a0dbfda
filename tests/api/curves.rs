//! Formulas and ready-made curves, as a client meets them.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::app::{id_of, spawn_app};

/// y = 3·e^(−0.8x) + 0.5 with a wobble, 30 rows.
fn decay() -> Value {
    let x: Vec<f64> = (0..30).map(|row| f64::from(row) / 5.0).collect();
    let wobble = |row: usize| 0.02 * ((row * 11 % 7) as f64 - 3.0);
    let y: Vec<f64> = x.iter().enumerate().map(|(row, x)| 3.0 * (-0.8 * x).exp() + 0.5 + wobble(row)).collect();
    json!({"data": {"x": x, "y": y},
        "model": {"kind": "formula", "formula": "a*exp(-b*x)+c", "parameters": {"c": 0, "a": 1, "b": {"start": 1, "min": 0}}}})
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or_else(|| panic!("{value} is no number"))
}

fn codes(fit: &Value) -> Vec<&str> {
    fit["result"]["warnings"].as_array().unwrap().iter().map(|warning| warning["code"].as_str().unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn parameters_keep_their_order_and_the_resolved_fit_can_be_posted_again() {
    let app = spawn_app().await;
    let mut posted = decay();
    posted["intervals"] = json!("profile");
    let fit = app.fitted(&posted).await;
    let names: Vec<_> = fit["result"]["coefficients"].as_object().unwrap().keys().cloned().collect();
    assert_eq!(names, ["c", "a", "b"]);
    for (name, expected) in [("a", 3.0), ("b", 0.8), ("c", 0.5)] {
        assert!((number(&fit["result"]["coefficients"][name]) - expected).abs() < 0.05, "{name}");
    }
    assert_eq!(fit["result"]["formula"], "a*exp(-b*x)+c");
    for parameter in fit["result"]["parameters"].as_array().unwrap() {
        let (value, error) = (number(&parameter["value"]), number(&parameter["standard_error"]));
        let (lower, upper) =
            (number(&parameter["profile_interval"]["lower"]), number(&parameter["profile_interval"]["upper"]));
        assert!(error > 0.0 && lower < value && value < upper, "{parameter}");
        // Not far from the straight ones, but not the same.
        let straight = number(&parameter["confidence_interval"][1]) - value;
        assert!((upper - value) / straight > 0.9 && (upper - value) / straight < 1.1, "{parameter}");
    }
    let mut again = fit["spec"].clone();
    again["data"] = posted["data"].clone();
    let second = app.fitted(&again).await;
    assert_eq!(fit["spec"], second["spec"]);
    assert_eq!(fit["result"], second["result"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn predictions_have_the_tangents_bands() {
    let app = spawn_app().await;
    let fit = app.fitted(&decay()).await;
    let body = json!({"data": {"x": [0.0, 6.0, 20.0]}, "interval": 0.95});
    let predicted = app.predict(&id_of(&fit), &body).await.expect(200).json();
    let level = number(&fit["result"]["coefficients"]["c"]);
    assert!((number(&predicted["predictions"][2]) - level).abs() < 1e-5);
    let t = fit["result"]["parameters"][0]["confidence_interval"][1].as_f64().unwrap() - level;
    // Far out the curve is its level, and so is the band.
    assert!((number(&predicted["confidence"]["upper"][2]) - level - t).abs() < 1e-4 * t);
    for row in 0..3 {
        let (inner, outer) = (&predicted["confidence"], &predicted["prediction"]);
        assert!(number(&outer["lower"][row]) < number(&inner["lower"][row]));
        assert!(number(&inner["lower"][row]) < number(&predicted["predictions"][row]));
    }
    let lacking = app.predict(&id_of(&fit), &json!({"data": {"z": [1]}})).await.expect(422).json();
    assert_eq!((&lacking["code"], &lacking["pointer"]), (&json!("unknown_column"), &json!("/data")));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_with_a_formula_is_said_where_it_is() {
    let app = spawn_app().await;
    let long = format!("{}x", "(".repeat(5_000));
    for (model, pointer, code, says) in [
        (
            json!({"formula": "a*expp(x)"}),
            "/model/formula",
            "unknown_name",
            "character 3: there is no function expp; did you mean exp?",
        ),
        (json!({"formula": "a*(x"}), "/model/formula", "invalid_formula", "character 5"),
        (json!({"formula": "a*X"}), "/model/formula", "unknown_name", "did you mean x?"),
        (json!({"formula": long}), "/model/formula", "expression_too_long", "5001"),
        (json!({"formula": "-".repeat(4_000) + "x"}), "/model/formula", "expression_too_deep", "64"),
        (
            json!({"formula": "a*x", "parameters": {"a": {"start": 2, "max": 1}}}),
            "/model/parameters/a/start",
            "invalid_value",
            "range",
        ),
        (
            json!({"formula": "a*x", "parameters": {"a": 1, "q": 1}}),
            "/model/parameters/q",
            "invalid_value",
            "depend on q",
        ),
        (
            json!({"formula": "a*x", "parameters": {"a": {"expr": "b"}, "b": {"expr": "a"}}}),
            "/model/parameters/a/expr",
            "invalid_formula",
            "itself",
        ),
        (
            json!({"formula": "a*x", "parameters": {"a": {"fixed": true}}}),
            "/model/parameters/a/start",
            "invalid_value",
            "fixed",
        ),
        (json!({"formula": "a*x+y"}), "/model/formula", "invalid_value", "predicted"),
        (json!({"formula": "a*x", "parameters": {"x": 1, "a": 1}}), "/model/parameters/x", "invalid_value", "column"),
    ] {
        let mut posted = decay();
        posted["model"]["parameters"] = json!({"a": 1});
        model.as_object().unwrap().iter().for_each(|(key, value)| posted["model"][key] = value.clone());
        let began = Instant::now();
        let problem = app.post_fit(&posted).await.expect(422).json();
        assert!(began.elapsed() < Duration::from_secs(2), "{problem}");
        assert_eq!((&problem["code"], &problem["pointer"]), (&json!(code), &json!(pointer)), "{problem}");
        assert!(problem["detail"].as_str().unwrap().contains(says), "{problem}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn start_and_parameters_do_not_both_say_where_to_start() {
    let app = spawn_app().await;
    let mut posted = decay();
    posted["start"] = json!({"a": 2});
    assert_eq!(app.post_fit(&posted).await.expect(422).json()["pointer"], "/start");
    posted["model"]["parameters"] = json!({"a": {}, "b": {"min": 0}, "c": {}});
    posted["start"] = json!({"a": 1, "b": 1});
    let fit = app.fitted(&posted).await;
    assert_eq!(fit["result"]["parameters"][1]["start"], 1.0);
    assert!((number(&fit["result"]["coefficients"]["b"]) - 0.8).abs() < 0.05);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ready_made_curve_needs_no_start_and_takes_what_it_is_told() {
    let app = spawn_app().await;
    let mut posted = decay();
    posted["model"] = json!("exponential_decay");
    let fit = app.fitted(&posted).await;
    assert_eq!(fit["result"]["formula"], "a*exp(-b*x)+c");
    assert!((number(&fit["result"]["coefficients"]["b"]) - 0.8).abs() < 0.05);
    posted["model"] = json!({"kind": "exponential_decay", "parameters": {"c": {"start": 0.5, "fixed": true}}});
    let held = app.fitted(&posted).await;
    let level = &held["result"]["parameters"][2];
    assert_eq!((&level["value"], &level["fixed"]), (&json!(0.5), &json!(true)));
    assert!(level.get("standard_error").is_none());
    posted["model"] = json!({"kind": "exponential_decay", "parameters": {"d": 1}});
    let problem = app.post_fit(&posted).await.expect(422).json();
    assert_eq!((&problem["pointer"], &problem["code"]), (&json!("/model/parameters/d"), &json!("invalid_value")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fit_says_what_the_data_does_not_tell() {
    let app = spawn_app().await;
    let mut posted = decay();
    posted["model"] =
        json!({"kind": "formula", "formula": "a*exp(-b*x+d)+c", "parameters": {"a": 1, "b": 1, "c": 0, "d": 0}});
    let fit = app.fitted(&posted).await;
    assert!(codes(&fit).contains(&"not_identifiable"), "{fit}");
    assert_eq!(fit["result"]["stop_reason"], "gradient_tolerance", "the loss is the best one");
    assert!(fit["result"]["parameters"][0].get("standard_error").is_none());
    posted["model"] = json!({"kind": "formula", "formula": "a*exp(-b*x)+c",
        "parameters": {"a": 1, "b": {"start": 0.1, "min": 0, "max": 0.5}, "c": 0}});
    let fit = app.fitted(&posted).await;
    assert!(codes(&fit).contains(&"at_bound"), "{fit}");
    assert_eq!(fit["result"]["coefficients"]["b"], 0.5);
    let x: Vec<f64> = (0..20).map(f64::from).collect();
    let y: Vec<f64> = x.iter().map(|x| 2.0 * (-0.25 * x).exp()).collect();
    let exact = json!({"data": {"x": x, "y": y}, "model": {"kind": "formula", "formula": "a*exp(-b*x)", "parameters": {"a": 1, "b": 1}}});
    let fit = app.fitted(&exact).await;
    assert!(codes(&fit).contains(&"at_float_limit"), "{fit}");
    assert!((number(&fit["result"]["coefficients"]["b"]) - 0.25).abs() < 1e-12);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_without_a_value_is_named() {
    let app = spawn_app().await;
    let posted = json!({"data": {"x": [1, 2, 3, -1, 5], "w": [1, 1, 0, 1, 1], "y": [0, 1, 2, 3, 4]},
        "weights": {"column": "w", "kind": "inverse_variance"},
        "model": {"kind": "formula", "formula": "a*log(x)+b", "parameters": {"a": 1, "b": 0}}});
    let error = app.fitted(&posted).await["error"].clone();
    assert_eq!((&error["code"], &error["row"]), (&json!("non_finite_objective"), &json!(3)));
}

#[tokio::test(flavor = "multi_thread")]
async fn gradient_descent_can_be_watched_on_a_curve() {
    let app = spawn_app().await;
    let mut posted = decay();
    posted["optimizer"] = json!({"kind": "gradient_descent", "learning_rate": 0.05});
    posted["stop"] = json!({"max_iterations": 50});
    posted["history"] = json!({"coefficients": true});
    let fit = app.fitted(&posted).await;
    let history = app.history(&id_of(&fit), "").await.expect(200).json();
    // The textbook's step, by hand.
    let (x, y) = (posted["data"]["x"].as_array().unwrap(), posted["data"]["y"].as_array().unwrap());
    let (mut a, mut b, mut c) = (1.0, 1.0, 0.0);
    for step in 0..50 {
        for (name, value) in [("a", a), ("b", b), ("c", c)] {
            let seen = number(&history["coefficients"][name][step]);
            assert!((seen - value).abs() <= 1e-12 * value.abs().max(1.0), "{name} at {step}: {seen} {value}");
        }
        let mut slopes = [0.0; 3];
        for (x, y) in x.iter().zip(y) {
            let (x, e) = (number(x), (-b * number(x)).exp());
            let twice = 2.0 * (a * e + c - number(y)) / 30.0;
            slopes = [slopes[0] + twice * e, slopes[1] - twice * a * x * e, slopes[2] + twice];
        }
        (a, b, c) = (a - 0.05 * slopes[0], b - 0.05 * slopes[1], c - 0.05 * slopes[2]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_search_ends_with_its_time_and_keeps_what_it_found() {
    let app = spawn_app().await;
    let mut posted = decay();
    posted["model"] = json!({"kind": "voigt", "peaks": 8});
    posted["restarts"] = json!(1000);
    posted["stop"] = json!({"max_seconds": 0.3});
    let began = Instant::now();
    let fit = app.fitted(&posted).await;
    assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
    assert_eq!(fit["result"]["stop_reason"], "max_seconds", "{fit}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_descent_that_runs_away_names_the_row_that_has_no_value() {
    let app = spawn_app().await;
    let posted = json!({"data": {"x": [1, 2, 500], "y": [1, 2, 3]},
        "model": {"kind": "formula", "formula": "exp(a*x)", "parameters": {"a": 0}},
        "optimizer": {"kind": "gradient_descent", "learning_rate": 0.01}});
    let error = app.fitted(&posted).await["error"].clone();
    assert_eq!((&error["code"], &error["row"], &error["iteration"]), (&json!("diverged"), &json!(2), &json!(1)));
    assert_eq!(error["coefficients"], json!({"a": 0.0}), "the last finite iterate");
}

#[tokio::test(flavor = "multi_thread")]
async fn counts_are_fitted_from_starts_that_a_poisson_law_allows() {
    let app = spawn_app().await;
    let x: Vec<f64> = (0..40).map(|row| f64::from(row) / 2.0).collect();
    // Zeros below the step: a least-squares curve dips below 0 there, where no Poisson mean is.
    let y: Vec<f64> = x
        .iter()
        .enumerate()
        .map(|(row, x)| {
            if *x < 7.0 { 0.0 } else { (13.0 / (1.0 + (10.0 - x).exp()) + (row * 7 % 5) as f64 - 2.0).round().max(0.0) }
        })
        .collect();
    let fit = app.fitted(&json!({"data": {"x": x, "y": y}, "model": "boltzmann", "loss": "poisson"})).await;
    assert_eq!((&fit["status"], &fit["result"]["converged"]), (&json!("succeeded"), &json!(true)), "{fit}");
    assert!((number(&fit["result"]["coefficients"]["top"]) - 13.0).abs() < 1.5, "{fit}");
    assert!(number(&fit["result"]["metrics"]["log_likelihood"]) < 0.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancelled_curve_keeps_its_coefficients_and_leverage_counts_every_row() {
    let app = spawn_app().await;
    let mut posted = decay();
    posted["optimizer"] = json!({"kind": "gradient_descent", "learning_rate": 1e-7});
    posted["stop"] = json!({"max_iterations": 10_000_000, "gradient_tolerance": 0});
    posted["intervals"] = json!("profile");
    let id = app.started(&posted).await;
    let mut events = app.events(&id, None).await;
    while events.next().await.expect("the fit runs").kind != "progress" {}
    app.cancel(&id).await.expect(200);
    let fit = app.finished(&id).await;
    assert_eq!(fit["status"], "cancelled");
    assert!(number(&fit["result"]["coefficients"]["a"]) > 1.0, "{fit}");
    let mut weighted = decay();
    weighted["data"]["w"] = (0..30).map(|row| if row < 25 { 1 } else { 0 }).collect();
    weighted["weights"] = json!({"column": "w", "kind": "inverse_variance"});
    weighted["diagnostics"] = json!(true);
    let fit = app.fitted(&weighted).await;
    let leverage = fit["result"]["diagnostics"]["leverage"].as_array().unwrap();
    assert_eq!((leverage.len(), &leverage[29]), (30, &json!(0.0)));
}
