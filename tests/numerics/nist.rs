//! The NIST StRD linear problems with certified values: `auto` and nothing else.

use serde_json::Value as Json;

use crate::problem::{coefficient, columns, digits, fit, linear, polynomial, spec, stopped};

#[test]
fn every_linear_problem_has_its_certified_digits() {
    for name in [
        "Norris", "Pontius", "NoInt1", "NoInt2", "Filip", "Longley", "Wampler1", "Wampler2", "Wampler3", "Wampler4",
        "Wampler5",
    ] {
        let path = format!("{}/tests/numerics/nist/{name}.json", env!("CARGO_MANIFEST_DIR"));
        let problem: Json = serde_json::from_str(&std::fs::read_to_string(path).expect("the file")).expect("JSON");
        let data = columns(&problem["data"]);
        let intercept = problem["intercept"].as_bool().expect("a flag");
        let model = match problem["model"]["kind"].as_str() {
            Some("polynomial") => polynomial(problem["model"]["degree"].as_u64().expect("a degree"), intercept),
            _ => {
                let features: Vec<&str> =
                    problem["model"]["features"].as_array().expect("names").iter().filter_map(Json::as_str).collect();
                linear(&features, intercept)
            }
        };
        let (outcome, _) = fit(&data, spec(model.clone(), fitd::descent::Choice::named("auto")));
        let report = stopped(outcome);
        assert!(report.stop_reason.converged(), "{name} stopped by {:?}", report.stop_reason);
        let certified = |key: &str| -> Vec<f64> {
            serde_json::from_value(problem["certified"][key].clone()).expect("certified values")
        };
        // Certified values have the intercept first.
        let internal = |values: &[f64]| -> Vec<f64> {
            let mut values = values.to_vec();
            if intercept {
                let last = coefficient(&model, &data, &values, "intercept");
                values.pop();
                values.insert(0, last);
            }
            values
        };
        let least = |ours: &[f64], theirs: &[f64]| {
            ours.iter().zip(theirs).map(|(ours, theirs)| digits(*ours, *theirs)).fold(16.0, f64::min)
        };
        let estimates = least(&internal(&report.coefficients), &certified("estimates"));
        let errors = report.inference.as_ref().map(|inference| {
            let (ours, theirs) = (internal(&inference.standard_errors), certified("standard_errors"));
            // A certified 0 is an exact fit: then what is left is rounding, not an error with digits.
            if theirs.iter().all(|error| *error == 0.0) { 16.0 } else { least(&ours, &theirs) }
        });
        let r_squared = digits(
            report.metrics.r_squared.expect("R²"),
            problem["certified"]["r_squared"].as_f64().expect("certified R²"),
        );
        println!("{name}: estimates {estimates:.1}, standard errors {errors:?}, R² {r_squared:.1}");
        let wanted = if name.starts_with("Wampler") || name == "Filip" { 7.0 } else { 9.0 };
        assert!(estimates >= wanted, "{name}: {estimates} digits");
        assert!(errors.expect("standard errors") >= 7.0, "{name}: {errors:?} digits of the standard errors");
        assert!(r_squared >= 9.0, "{name}: {r_squared} digits of R²");
    }
}
