//! Posted fits and what is wrong with them, against the real registries.

use super::*;
use crate::fit::{Setting, Start, Violation};
use crate::http::Limits;
use crate::ingest;

fn limits() -> Limits {
    use clap::Parser;
    Limits::from_config(&crate::config::Config::try_parse_from(["fitd"]).expect("defaults"))
}

fn read(body: &str) -> Result<Request, Vec<Violation>> {
    let limits = limits();
    request(ingest::read(body.as_bytes(), limits.data).expect("JSON"), &limits)
}

/// A fit of a line with these fields beside data and model.
fn with(fields: &str) -> Result<Request, Vec<Violation>> {
    let comma = if fields.is_empty() { "" } else { "," };
    read(&format!(
        r#"{{"data": {{"x": [0, 1, 2], "w": [1, 1, 2], "y": [1, 2, 4]}}, "model": "linear"{comma}{fields}}}"#
    ))
}

fn faults(outcome: Result<Request, Vec<Violation>>) -> Vec<(&'static str, String)> {
    outcome.expect_err("faults").into_iter().map(|fault| (fault.code, fault.pointer)).collect()
}

#[test]
fn data_and_a_model_are_enough() {
    let request = with("").expect("valid");
    let spec = &request.spec;
    assert_eq!(spec.model.settings["target"], Setting::Text("y".to_owned()));
    assert_eq!(spec.model.settings["features"], Setting::List(vec!["x".to_owned(), "w".to_owned()]));
    assert_eq!(spec.model.settings["intercept"], Setting::Flag(true));
    assert_eq!((spec.optimizer.kind.as_str(), spec.scaling.kind.as_str()), ("auto", "auto"));
    assert_eq!((spec.stop.max_iterations, spec.seed, &spec.start), (10_000, 0, &Start::Zeros));
    assert_eq!(request.data.rows(), 3);
}

#[test]
fn the_column_of_weights_is_no_feature() {
    let request = with(r#""weights": {"column": "w"}"#).expect("valid");
    assert_eq!(request.spec.model.settings["features"], Setting::List(vec!["x".to_owned()]));
}

#[test]
fn every_fault_has_its_code_and_pointer() {
    let cases: &[(&str, &[(&str, &str)])] = &[
        (r#""tenant_id": "a", "status": 1"#, &[("unknown_field", "/tenant_id"), ("unknown_field", "/status")]),
        (r#""stop": {"max_iterations": -1}"#, &[("invalid_value", "/stop/max_iterations")]),
        (r#""stop": {"max_iterations": 1.5}"#, &[("invalid_value", "/stop/max_iterations")]),
        (r#""stop": {"max_iterations": 1e3}"#, &[("invalid_value", "/stop/max_iterations")]),
        (r#""stop": {"max_iterations": 18446744073709551616}"#, &[("invalid_value", "/stop/max_iterations")]),
        (r#""stop": {"max_iterations": 1000000000000000}"#, &[("limit_exceeded", "/stop/max_iterations")]),
        (
            r#""stop": {"max_seconds": 1e9, "never": 1}"#,
            &[("limit_exceeded", "/stop/max_seconds"), ("unknown_field", "/stop/never")],
        ),
        (r#""stop": 5"#, &[("invalid_value", "/stop")]),
        (r#""optimizer": "adamant""#, &[("invalid_value", "/optimizer")]),
        (
            r#""optimizer": {"kind": "adam", "schedule": {"kind": "step", "factor": 2, "often": 1}}"#,
            &[("invalid_value", "/optimizer/schedule/factor"), ("unknown_field", "/optimizer/schedule/often")],
        ),
        (
            r#""loss": {"kind": "log_loss", "class_weights": {"a": 0, "b": "x"}}"#,
            &[("invalid_value", "/loss/class_weights/a"), ("invalid_value", "/loss/class_weights/b")],
        ),
        (
            r#""bounds": {"x": {}, "w": {"min": 2, "max": 1}, "z": {"min": 0}}"#,
            &[("missing_field", "/bounds/x"), ("invalid_value", "/bounds/w"), ("invalid_value", "/bounds/z")],
        ),
        (r#""restarts": 0"#, &[("invalid_value", "/restarts/starts")]),
        (
            r#""restarts": {"starts": 1001, "spread": "wide"}"#,
            &[("limit_exceeded", "/restarts/starts"), ("invalid_value", "/restarts/spread")],
        ),
        (r#""validation": {}"#, &[("missing_field", "/validation")]),
        (r#""validation": {"fraction": 0.5, "folds": 3}"#, &[("invalid_value", "/validation")]),
        (r#""validation": {"folds": 3, "patience": 2}"#, &[("invalid_value", "/validation/patience")]),
        (
            r#""validation": {"rows": [0, -1, "2"]}"#,
            &[("invalid_value", "/validation/rows/1"), ("invalid_value", "/validation/rows/2")],
        ),
        (r#""covariance": "hc9""#, &[("invalid_value", "/covariance")]),
        (r#""missing": "guess""#, &[("invalid_value", "/missing")]),
        (
            r#""optimizer": {"kind": "gradient_descent", "learning_rate": 0}"#,
            &[("invalid_value", "/optimizer/learning_rate")],
        ),
        (
            r#""optimizer": {"kind": "gradient_descent", "learning_rate": "fast", "beta": 1}"#,
            &[("invalid_value", "/optimizer/learning_rate"), ("unknown_field", "/optimizer/beta")],
        ),
        (r#""optimizer": {"learning_rate": 1}"#, &[("missing_field", "/optimizer/kind")]),
        (r#""penalty": {"l2": -1, "l1": -0.5}"#, &[("invalid_value", "/penalty/l2"), ("invalid_value", "/penalty/l1")]),
        (r#""start": {"x": 1, "z": 2, "w": null}"#, &[("invalid_value", "/start/w"), ("invalid_value", "/start/z")]),
        (r#""start": "ones""#, &[("invalid_value", "/start")]),
        (r#""weights": {"column": "v"}"#, &[("unknown_column", "/weights/column")]),
        (r#""weights": {}"#, &[("missing_field", "/weights/column")]),
        (r#""seed": 9223372036854775808"#, &[("invalid_value", "/seed")]),
        (r#""confidence": 1"#, &[("invalid_value", "/confidence")]),
        (r#""labels": {"a": 1}"#, &[("invalid_value", "/labels/a")]),
        (r#""history": {"coefficients": "yes"}"#, &[("invalid_value", "/history/coefficients")]),
    ];
    for (fields, expected) in cases {
        let found = faults(with(fields));
        let found: Vec<_> = found.iter().map(|(code, pointer)| (*code, pointer.as_str())).collect();
        assert_eq!(&found, expected, "{fields}");
    }
}

#[test]
fn models_are_checked_against_the_columns() {
    let data = r#""data": {"x": [0, 1], "z": [1, 2], "y": [1, 2]}"#;
    let cases: &[(&str, &[(&str, &str)])] = &[
        (
            r#"{"kind": "linear", "features": ["x", "q", "x"], "target": "t"}"#,
            &[
                ("unknown_column", "/model/features/1"),
                ("invalid_value", "/model/features/2"),
                ("unknown_column", "/model/target"),
            ],
        ),
        (r#"{"kind": "polynomial", "degree": 2}"#, &[("missing_field", "/model/feature")]),
        (r#"{"kind": "polynomial", "feature": "x", "degree": 1000000000}"#, &[("model_too_large", "/model/degree")]),
        (r#"{"kind": "polynomial", "feature": "x", "degree": -1}"#, &[("invalid_value", "/model/degree")]),
        (r#"{"kind": "cubic"}"#, &[("invalid_value", "/model/kind")]),
        ("3", &[("invalid_value", "/model")]),
    ];
    for (model, expected) in cases {
        let found = faults(read(&format!(r#"{{{data}, "model": {model}}}"#)));
        let found: Vec<_> = found.iter().map(|(code, pointer)| (*code, pointer.as_str())).collect();
        assert_eq!(&found, expected, "{model}");
    }
}

#[test]
fn faults_of_data_and_fields_are_answered_together() {
    let found = faults(read(r#"{"data": {"x": [null], "y": [1]}, "id": 1}"#));
    let found: Vec<_> = found.iter().map(|(code, pointer)| (*code, pointer.as_str())).collect();
    assert_eq!(found, [("invalid_value", "/data/x/0"), ("missing_field", "/model"), ("unknown_field", "/id")]);
    assert_eq!(faults(read("{}"))[0], ("missing_field", "/data".to_owned()));
}

#[test]
fn too_many_labels_are_counted() {
    let labels: Vec<String> = (0..65).map(|index| format!(r#""k{index}": "v""#)).collect();
    let fault = with(&format!(r#""labels": {{{}}}"#, labels.join(","))).expect_err("too many").remove(0);
    assert_eq!((fault.code, fault.limit, fault.actual), ("limit_exceeded", Some(64), Some(65)));
}
