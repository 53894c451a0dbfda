//! The peers' own data sets: what scikit-learn and statsmodels find, fitd finds as it is asked, with nothing but the data,
//! the model and the loss. The problems are exported by `make sets`; `tests/numerics/make_sets.py` says how.
#![expect(clippy::print_stdout, reason = "docs/ACCURACY.md is made from what this prints")]

use std::collections::BTreeMap;

use serde_json::Value;

use crate::app::{App, spawn_app};

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/numerics/sets");

fn read(name: &str) -> Value {
    let path = format!("{FOLDER}/{name}");
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}; `make sets` makes it"));
    serde_json::from_str(&text).unwrap()
}

/// Every problem, its data in its request.
fn problems() -> Vec<Value> {
    let names = std::fs::read_dir(FOLDER).unwrap_or_else(|_| panic!("{FOLDER} is missing; `make sets` makes it"));
    let mut names: Vec<String> = names.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.retain(|name| name.ends_with(".json") && !name.ends_with(".columns.json") && name != "nonlinear_peers.json");
    names.sort();
    let whole = |name: &String| {
        let mut problem = read(name);
        if let Some(file) = problem["request"]["data"]["file"].as_str() {
            problem["request"]["data"] = read(file);
        }
        problem
    };
    names.iter().map(whole).collect()
}

/// −log₁₀ of the relative error; of the error itself where the value is 0.
fn digits(found: f64, expected: f64) -> f64 {
    let error = (found - expected).abs() / if expected == 0.0 { 1.0 } else { expected.abs() };
    if error == 0.0 { 16.0 } else { -error.log10() }
}

/// The fewest digits over everything that the peers say.
fn worst(problem: &Value, result: &Value) -> (f64, String) {
    let mut all: BTreeMap<String, f64> = BTreeMap::new();
    let expected = &problem["expected"];
    for (name, value) in expected["coefficients"].as_object().unwrap() {
        let found = result["coefficients"][name].as_f64().unwrap_or_else(|| panic!("no coefficient {name}"));
        all.insert(name.clone(), digits(found, value.as_f64().unwrap()));
    }
    for (name, value) in expected["standard_errors"].as_object().into_iter().flatten() {
        let parameter = result["parameters"].as_array().unwrap().iter().find(|one| one["name"] == **name).unwrap();
        let found = parameter["standard_error"].as_f64().unwrap_or(f64::NAN);
        all.insert(format!("error of {name}"), digits(found, value.as_f64().unwrap()));
    }
    for name in ["loss", "objective"] {
        if let Some(value) = expected[name].as_f64() {
            all.insert(name.to_owned(), digits(result[name].as_f64().unwrap(), value));
        }
    }
    for name in ["r_squared", "log_likelihood", "aic", "bic", "deviance"] {
        if let Some(value) = expected[name].as_f64() {
            all.insert(name.to_owned(), digits(result["metrics"][name].as_f64().unwrap_or(f64::NAN), value));
        }
    }
    let (name, digits) =
        all.into_iter().min_by(|x, y| x.1.total_cmp(&y.1).then(x.1.is_nan().cmp(&y.1.is_nan()))).unwrap();
    (digits, name)
}

async fn try_all(app: &App, change: impl Fn(&mut Value) -> bool) -> Vec<String> {
    let mut short = Vec::new();
    for problem in problems() {
        let mut request = problem["request"].clone();
        if !change(&mut request) {
            continue;
        }
        let name = problem["name"].as_str().unwrap();
        let fit = app.fitted(&request).await;
        let result = &fit["result"];
        let (digits, what) = worst(&problem, result);
        let figure = format!("{name}: {digits:.1} digits of {what} by {}", fit["spec"]["optimizer"]["kind"]);
        println!("{figure}");
        let wanted = problem["digits"].as_f64().unwrap();
        if digits.is_nan() || digits < wanted || result["converged"] != true {
            short.push(format!(
                "{figure}, {} after {}, {}",
                result["stop_reason"], result["iterations"], result["warnings"]
            ));
        }
    }
    short
}

#[tokio::test(flavor = "multi_thread")]
async fn every_problem_of_the_peers_has_their_answer_without_a_hyperparameter() {
    let app = spawn_app().await;
    let short = try_all(&app, |_| true).await;
    assert!(short.is_empty(), "{}", short.join("\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn scaled_or_not_the_answer_is_the_same() {
    let app = spawn_app().await;
    for scaling in ["standardize", "whiten", "none"] {
        let short = try_all(&app, |request| {
            let kinked = request["penalty"]["l1"].as_f64().is_some_and(|l1| l1 > 0.0);
            let lines = ["absolute", "quantile"].iter().any(|kind| request["loss"]["kind"] == *kind);
            request["scaling"] = scaling.into();
            request["optimizer"] = if lines { "active_set" } else { "newton" }.into();
            // Whitening mixes coefficients; Newton's equations in raw units lose what the units are apart.
            let suits = !(kinked && scaling == "whiten") && scaling != "none";
            let raw = scaling == "none" && request["model"]["kind"] == "linear";
            suits || raw
        })
        .await;
        assert!(short.is_empty(), "{scaling}: {}", short.join("\n"));
    }
}
