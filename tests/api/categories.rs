//! Columns of strings, missing values, and models that predict classes.

use serde_json::{Value, json};

use crate::app::{id_of, spawn_app};

fn colours() -> Value {
    json!({
        "data": {
            "x": [0, 1, 2, 3, 4, 5, 6, 7],
            "c": ["red", "blue", "green", "red", "blue", "green", "red", "blue"],
            "y": [1, 4, 9, 7, 10, 15, 13, 16]
        },
        "model": "linear"
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_column_of_strings_has_an_indicator_for_each_level_but_the_first() {
    let app = spawn_app().await;
    let fit = app.fitted(&colours()).await;
    let names: Vec<_> = fit["result"]["coefficients"].as_object().unwrap().keys().cloned().collect();
    assert_eq!(names, ["x", "c=green", "c=red", "intercept"]);
    assert_eq!(fit["result"]["levels"], json!({"c": ["blue", "green", "red"]}));
    assert_eq!(fit["dataset"]["levels"], json!({"c": ["blue", "green", "red"]}));
    // y = 2x + 2 (blue), + 3 (green), − 1 (red).
    for (name, expected) in [("x", 2.0), ("c=green", 3.0), ("c=red", -1.0), ("intercept", 2.0)] {
        let found = fit["result"]["coefficients"][name].as_f64().unwrap();
        assert!((found - expected).abs() < 1e-12, "{name}: {found}");
    }

    let id = id_of(&fit);
    let rows = json!({"data": {"x": [10, 10], "c": ["red", "blue"]}});
    let predictions = app.predict(&id, &rows).await.expect(200).json();
    let found: Vec<f64> = predictions["predictions"].as_array().unwrap().iter().map(|y| y.as_f64().unwrap()).collect();
    assert!((found[0] - 21.0).abs() < 1e-9 && (found[1] - 22.0).abs() < 1e-9, "{found:?}");

    let strange = app.predict(&id, &json!({"data": {"x": [1], "c": ["mauve"]}})).await.expect(422).json();
    assert_eq!((&strange["code"], &strange["pointer"]), (&json!("unknown_level"), &json!("/data")));
    let numbers = app.predict(&id, &json!({"data": {"x": [1], "c": [1]}})).await.expect(422).json();
    assert_eq!(numbers["code"], "invalid_value");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_resolved_fit_with_categories_posted_again_is_the_same() {
    let app = spawn_app().await;
    let mut posted = colours();
    posted["loss"] = json!({"kind": "huber", "delta": 2.5});
    posted["optimizer"] = json!({"kind": "adam", "learning_rate": 0.1, "schedule": {"kind": "step", "every": 50}});
    posted["bounds"] = json!({"x": {"min": 0, "max": 1.5}});
    posted["validation"] = json!({"fraction": 0.25, "patience": 500});
    posted["stop"] = json!({"max_iterations": 300});
    let first = app.fitted(&posted).await;
    let mut again = first["spec"].clone();
    again["data"] = posted["data"].clone();
    let second = app.fitted(&again).await;
    assert_eq!(first["spec"], second["spec"]);
    assert_eq!(first["result"], second["result"]);
    assert!(first["result"]["coefficients"]["x"].as_f64().unwrap() <= 1.5);
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_that_miss_a_value_are_refused_or_dropped() {
    let app = spawn_app().await;
    let mut posted = json!({
        "data": {"x": [0, null, 2, 3], "unused": [1, 1, null, 1], "y": [1, 99, 5, null]},
        "model": {"kind": "linear", "features": ["x"]}
    });
    let refused = app.post_fit(&posted).await.expect(422).json();
    let pointers: Vec<_> = refused["errors"].as_array().unwrap().iter().map(|one| one["pointer"].clone()).collect();
    assert_eq!(pointers, ["/data/x/1", "/data/unused/2", "/data/y/3"]);

    posted["missing"] = json!("drop_rows");
    let fit = app.fitted(&posted).await;
    assert_eq!(fit["dataset"]["rows"], 2);
    assert_eq!(fit["dataset"]["columns"], json!(["x", "y"]));
    assert_eq!(fit["result"]["warnings"][0]["code"], "rows_dropped");
    let slope = fit["result"]["coefficients"]["x"].as_f64().unwrap();
    assert!((slope - 2.0).abs() < 1e-12, "{slope}");

    posted["data"]["y"] = json!([null, null, null, null]);
    assert_eq!(app.post_fit(&posted).await.expect(422).json()["code"], "dimension_mismatch");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_classifier_predicts_labels_and_probabilities() {
    let app = spawn_app().await;
    let fit = app
        .fitted(&json!({
            "data": {"x": [1, 2, 3, 4, 5, 6, 7, 8], "y": ["no", "no", "yes", "no", "yes", "no", "yes", "yes"]},
            "model": "logistic"
        }))
        .await;
    assert_eq!(fit["spec"]["loss"]["kind"], "log_loss");
    assert_eq!(fit["spec"]["optimizer"]["kind"], "newton");
    assert_eq!(fit["result"]["classes"], json!(["no", "yes"]));
    assert_eq!(fit["result"]["inference"]["distribution"], "normal");
    assert_eq!(fit["result"]["metrics"]["confusion_matrix"], json!([[3.0, 1.0], [1.0, 3.0]]));
    let body = json!({"data": {"x": [0, 9]}, "interval": 0.95});
    let answer = app.predict(&id_of(&fit), &body).await.expect(200).json();
    assert_eq!(answer["predictions"], json!(["no", "yes"]));
    for (row, probabilities) in answer["probabilities"].as_array().unwrap().iter().enumerate() {
        let p: Vec<f64> = probabilities.as_array().unwrap().iter().map(|p| p.as_f64().unwrap()).collect();
        assert!((p[0] + p[1] - 1.0).abs() < 1e-15);
        let (low, high) = (answer["confidence"]["lower"][row].as_f64(), answer["confidence"]["upper"][row].as_f64());
        assert!(low.unwrap() < p[1] && p[1] < high.unwrap(), "{answer}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn separated_classes_are_told_of_instead_of_a_fit() {
    let app = spawn_app().await;
    for y in [json!([0, 0, 0, 1, 1, 1]), json!([0, 0, 1, 1, 1, 1])] {
        let posted = json!({"data": {"x": [1, 2, 3, 4, 5, 6], "y": y}, "model": "logistic"});
        let result = app.fitted(&posted).await["result"].clone();
        assert_eq!(result["converged"], false);
        assert_eq!(result["warnings"][0]["code"], "separation");
        assert!(result["parameters"][0].get("standard_error").is_none());
    }
    // Only quasi-complete: the value 3 has both classes.
    let posted = json!({"data": {"x": [1, 2, 3, 3, 4, 5], "y": [0, 0, 0, 1, 1, 1]}, "model": "logistic"});
    let result = app.fitted(&posted).await["result"].clone();
    assert_eq!((&result["converged"], &result["warnings"][0]["code"]), (&json!(false), &json!("separation")));
}

/// 20 columns of 300 levels and 30 classes: less than 100 kB, but 180,000 coefficients.
#[tokio::test(flavor = "multi_thread")]
async fn many_levels_and_classes_together_are_refused() {
    let app = spawn_app().await;
    let levels: Vec<String> = (0..300).map(|row| format!("l{row}")).collect();
    let mut data: serde_json::Map<String, Value> = (0..20).map(|k| (format!("c{k}"), json!(levels))).collect();
    data.insert("y".to_owned(), json!((0..300).map(|row| row % 30).collect::<Vec<_>>()));
    let refused = app.post_fit(&json!({"data": data, "model": "softmax"})).await.expect(422).json();
    assert_eq!((&refused["code"], &refused["pointer"]), (&json!("model_too_large"), &json!("/model/features")));
    assert_eq!((&refused["limit"], &refused["actual"]), (&json!(65_536), &json!(30 * (20 * 299 + 1))));
}

/// Of three kinds of iris one is apart from the others: no direction of all coefficients is flat alone, and yet there is no
/// optimum. Breast cancer and wine can be told without error.
#[tokio::test(flavor = "multi_thread")]
async fn no_set_of_the_peers_that_can_be_separated_converges() {
    let app = spawn_app().await;
    for (name, model) in [("iris", "softmax"), ("breast_cancer", "logistic"), ("wine", "softmax")] {
        let path = format!("{}/tests/numerics/sets/{name}.columns.json", env!("CARGO_MANIFEST_DIR"));
        let text =
            std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}; `make sets` makes it"));
        let data: Value = serde_json::from_str(&text).unwrap();
        for optimizer in ["auto", "lbfgs"] {
            let posted = json!({"data": data, "model": model, "optimizer": optimizer});
            let result = app.fitted(&posted).await["result"].clone();
            let codes: Vec<_> = result["warnings"].as_array().unwrap().iter().map(|one| one["code"].clone()).collect();
            assert_eq!(result["converged"], false, "{name} by {optimizer}");
            assert!(codes.contains(&json!("separation")), "{name} by {optimizer}: {codes:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn choices_that_do_not_go_together_are_refused() {
    let app = spawn_app().await;
    let refusals = [
        (json!({"model": "poisson", "loss": "squared"}), "/loss"),
        (json!({"penalty": {"l1": 0.1}, "scaling": "whiten"}), "/scaling"),
        (json!({"optimizer": "lbfgs", "penalty": {"l1": 0.1}}), "/optimizer"),
        (json!({"optimizer": "newton", "loss": "absolute"}), "/optimizer"),
        (
            json!({"optimizer": {"kind": "gradient_descent", "learning_rate": "exact", "batch_size": 2}}),
            "/optimizer/batch_size",
        ),
    ];
    for (change, pointer) in refusals {
        let mut posted = json!({"data": {"x": [0, 1, 2, 3], "y": [3.1, 7.9, 13.2, 17.8]}, "model": "linear"});
        posted.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        let refused = app.post_fit(&posted).await.expect(422).json();
        assert_eq!((&refused["code"], &refused["pointer"]), (&json!("unsupported_combination"), &json!(pointer)));
    }
}
