//! The tutorial's two examples, against references made without rounding (tests/numerics/reference).

use serde_json::{Value, json};

use crate::app::{App, example, id_of, spawn_app};

fn reference(name: &str) -> Value {
    let path = format!("{}/tests/numerics/reference/{name}.json", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

#[track_caller]
fn assert_close(found: &Value, expected: &Value, tolerance: f64, what: &str) {
    let (found, expected) = (found.as_f64().unwrap(), expected.as_f64().unwrap());
    let error = (found - expected).abs() / expected.abs().max(f64::MIN_POSITIVE);
    assert!(found.to_bits() == expected.to_bits() || error <= tolerance, "{what}: {found} is not {expected}");
}

#[track_caller]
fn assert_columns_close(found: &Value, expected: &Value, what: &str) {
    let (found, expected) = (found.as_array().unwrap(), expected.as_array().unwrap());
    assert_eq!(found.len(), expected.len(), "{what}");
    for (iteration, (one, other)) in found.iter().zip(expected).enumerate() {
        assert_close(one, other, 1e-12, &format!("{what} at iteration {iteration}"));
    }
}

async fn every_iteration_equals_its_reference(app: &App, name: &str) {
    let reference = reference(name);
    let fit = app.fitted(&example(name)).await;
    assert_eq!((&fit["status"], &fit["result"]["stop_reason"]), (&json!("succeeded"), &json!("max_iterations")));
    let history = app.history(&id_of(&fit), "").await.expect(200).json();
    let expected = &reference["history"];
    assert_eq!(history["iteration"], expected["iteration"]);
    assert_columns_close(&history["loss"], &expected["loss"], "loss");
    for coefficient in reference["names"].as_array().unwrap() {
        let coefficient = coefficient.as_str().unwrap();
        let found = &history["coefficients"][coefficient];
        assert_columns_close(found, &expected["coefficients"][coefficient], coefficient);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_iteration_of_the_line_equals_its_reference() {
    every_iteration_equals_its_reference(&spawn_app().await, "line").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_iteration_of_the_cubic_equals_its_reference() {
    every_iteration_equals_its_reference(&spawn_app().await, "cubic").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_learning_rate_that_is_too_large_fails_with_advice_that_works() {
    let app = spawn_app().await;
    let reference = reference("cubic");
    let fit = app.fitted(&example("cubic_diverging")).await;
    let error = &fit["error"];
    assert_eq!((&fit["status"], &error["code"]), (&json!("failed"), &json!("diverged")));
    assert_eq!(error["iteration"], *reference["diverging"]["history"]["iteration"].as_array().unwrap().last().unwrap());
    assert_close(&error["max_stable_learning_rate"], &reference["max_stable_learning_rate"], 1e-6, "largest rate");
    assert!(error["coefficients"].as_object().unwrap().values().all(Value::is_number));

    let mut better = example("cubic_diverging");
    merge(&mut better, &error["suggestion"]);
    let fit = app.fitted(&better).await;
    assert_eq!(fit["status"], "succeeded", "{fit}");
    // The suggestion may keep the fixed number of iterations, but it must lead to the optimum.
    for (name, value) in reference["optimum"]["coefficients"].as_object().unwrap() {
        assert_close(&fit["result"]["coefficients"][name], value, 1e-6, name);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn data_and_model_alone_reach_the_optimum_in_any_units() {
    let app = spawn_app().await;
    for name in ["line", "cubic"] {
        let (reference, body) = (reference(name), example(&format!("{name}_auto")));
        reaches(&app, &body, &reference["optimum"], name).await;
        for (variant, case) in reference["variants"].as_object().unwrap() {
            let mut body = body.clone();
            body["data"] = case["data"].clone();
            reaches(&app, &body, &case["optimum"], &format!("{name} {variant}")).await;
        }
    }
}

async fn reaches(app: &App, body: &Value, optimum: &Value, what: &str) {
    let fit = app.fitted(body).await;
    assert_eq!(fit["status"], "succeeded", "{what}: {fit}");
    assert_eq!(fit["result"]["converged"], true, "{what}");
    assert_close(&fit["result"]["loss"], &optimum["loss"], 1e-8, &format!("{what}: loss"));
    for (name, value) in optimum["coefficients"].as_object().unwrap() {
        assert_close(&fit["result"]["coefficients"][name], value, 1e-8, &format!("{what}: {name}"));
    }
}

/// RFC 7396, as a client would.
pub(crate) fn merge(target: &mut Value, patch: &Value) {
    let Some(fields) = patch.as_object() else {
        *target = patch.clone();
        return;
    };
    if !target.is_object() {
        *target = json!({});
    }
    for (key, value) in fields {
        if value.is_null() {
            target.as_object_mut().unwrap().remove(key);
        } else {
            merge(&mut target[key.as_str()], value);
        }
    }
}
