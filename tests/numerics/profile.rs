//! Estimates, standard errors and profile-likelihood intervals of curves against lmfit and scipy, as `make sets` exports
//! them.

use std::path::Path;

use fitd::descent::{Choice, WeightKind, Weights};
use serde_json::Value as Json;

use crate::problem::{columns, digits, fit, formula, parameter, spec, stopped};

/// Digits that both have to agree to.
const DIGITS: f64 = 6.0;

fn numbers(values: &Json) -> Vec<f64> {
    serde_json::from_value(values.clone()).expect("numbers")
}

#[test]
fn profile_intervals_are_those_of_lmfit() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/numerics/sets/profile");
    let mut problems = 0;
    for entry in std::fs::read_dir(folder).into_iter().flatten() {
        let text = std::fs::read_to_string(entry.expect("an entry").path()).expect("the file");
        let problem: Json = serde_json::from_str(&text).expect("JSON");
        let parameters = problem["parameters"].as_array().expect("parameters").iter().map(|given| {
            let everywhere = (f64::NEG_INFINITY, f64::INFINITY);
            parameter(given["name"].as_str().expect("a name"), given["start"].as_f64().expect("a start"), everywhere)
        });
        let model = formula(problem["formula"].as_str().expect("a formula"), parameters.collect());
        let mut spec = spec(model, Choice::named("auto"));
        spec.profile = true;
        spec.confidence = problem["confidence"].as_f64().expect("a level");
        spec.weights = problem["weights"].as_object().map(|weights| {
            assert_eq!(weights["kind"], "inverse_variance");
            Weights {
                column: weights["column"].as_str().expect("a name").to_owned(),
                kind: WeightKind::InverseVariance,
            }
        });
        let report = stopped(fit(&columns(&problem["data"]), spec).0);
        let expected = &problem["expected"];
        let least = |ours: &[f64], theirs: &[f64]| {
            assert_eq!(ours.len(), theirs.len());
            ours.iter().zip(theirs).map(|(ours, theirs)| digits(*ours, *theirs)).fold(16.0, f64::min)
        };
        let estimates = least(&report.coefficients, &numbers(&expected["estimates"]));
        let errors = report.inference.expect("errors").standard_errors;
        let errors = least(&errors, &numbers(&expected["standard_errors"]));
        let ours: Vec<f64> =
            report.profile.iter().flat_map(|ends| ends.expect("an interval").map(|end| end.expect("an end"))).collect();
        let theirs: Vec<f64> = expected["profile"].as_array().expect("intervals").iter().flat_map(numbers).collect();
        let profile = least(&ours, &theirs);
        let name = problem["name"].as_str().expect("a name");
        println!("{name}: estimates {estimates:.1}, standard errors {errors:.1}, profile intervals {profile:.1}");
        assert!(estimates.min(errors).min(profile) >= DIGITS, "{name}: {estimates} {errors} {profile}");
        problems += 1;
    }
    assert!(problems >= 4, "{problems} problems: make sets exports them");
}
