//! Predictions with a finished fit.

use serde_json::{Value, json};

use crate::app::{example, id_of, small_fit, spawn_app};

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_prediction_lies_within_its_bands() {
    let app = spawn_app().await;
    let id = id_of(&app.fitted(&small_fit()).await);
    let body = json!({"data": {"x": [4, 5]}, "interval": 0.95});
    let answer = app.predict(&id, &body).await.expect(200).json();
    // By hand: 4.94 x + 3.09, t(0.975, 2) = 4.302653, s² = 0.041, and the leverages 1.5 and 2.7.
    for (row, (value, leverage)) in [(22.85, 1.5_f64), (27.79, 2.7)].into_iter().enumerate() {
        let half = |variance: f64| 4.302_652_729_911_275 * (0.041 * variance).sqrt();
        let close = |found: &Value, expected: f64| {
            assert!((number(found) - expected).abs() < 1e-6, "{found} is not {expected}");
        };
        close(&answer["predictions"][row], value);
        close(&answer["confidence"]["lower"][row], value - half(leverage));
        close(&answer["confidence"]["upper"][row], value + half(leverage));
        close(&answer["prediction"]["lower"][row], value - half(1.0 + leverage));
        close(&answer["prediction"]["upper"][row], value + half(1.0 + leverage));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_an_interval_there_are_no_bands() {
    let app = spawn_app().await;
    let id = id_of(&app.fitted(&small_fit()).await);
    let answer = app.predict(&id, &json!({"data": {"x": [4], "unused": [1]}})).await.expect(200).json();
    assert_eq!(answer.as_object().unwrap().len(), 1);
    assert!((number(&answer["predictions"][0]) - 22.85).abs() < 1e-9);
}

#[tokio::test(flavor = "multi_thread")]
async fn there_is_no_prediction_before_the_end_or_without_coefficients() {
    let app = spawn_app().await;
    let body = json!({"data": {"x": [4]}});
    let running = app.started(&example("long")).await;
    let answer = app.predict(&running, &body).await;
    assert!(answer.header("retry-after").is_some());
    assert_eq!(answer.problem(409), "fit_not_finished");
    let failed = id_of(&app.fitted(&example("cubic_diverging")).await);
    assert_eq!(app.predict(&failed, &body).await.problem(409), "fit_failed");
}

#[tokio::test(flavor = "multi_thread")]
async fn data_that_the_model_cannot_use_is_refused() {
    let app = spawn_app().await;
    let id = id_of(&app.fitted(&small_fit()).await);
    let refused = [
        (json!({"data": {"z": [1]}}), "unknown_column"),
        (json!({"data": {"x": []}}), "dimension_mismatch"),
        (json!({"data": {"x": [null]}}), "invalid_value"),
        (json!({"data": {"x": [1]}, "interval": 1}), "invalid_value"),
        (json!({"data": {"x": [1]}, "level": 0.9}), "unknown_field"),
        (json!({"data": {"x": [1e200]}, "interval": 0.95}), "invalid_value"),
        (json!({}), "missing_field"),
    ];
    for (body, code) in refused {
        assert_eq!(app.predict(&id, &body).await.problem(422), code, "{body}");
    }
}
