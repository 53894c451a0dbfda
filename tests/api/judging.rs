//! Rows that judge a fit, epochs of batches, several starts, ranges: what the answer and the history say of them.

use serde_json::{Value, json};

use crate::app::{id_of, spawn_app};

/// y = 3x + 2 with a wobble, 40 rows.
fn line() -> Value {
    let x: Vec<f64> = (0..40).map(|row| f64::from(row) / 4.0).collect();
    let y: Vec<f64> = x.iter().enumerate().map(|(row, x)| 3.0 * x + 2.0 + 0.3 * ((row * 7 % 5) as f64 - 2.0)).collect();
    json!({"data": {"x": x, "y": y}, "model": "linear"})
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or_else(|| panic!("{value} is no number"))
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_that_judge_take_no_part() {
    let app = spawn_app().await;
    let mut posted = line();
    // Were they part of the fit, these rows would ruin it.
    for row in 36..40 {
        posted["data"]["y"][row] = json!(-1000);
    }
    posted["validation"] = json!({"last_rows": 4});
    let fit = app.fitted(&posted).await;
    assert!((number(&fit["result"]["coefficients"]["x"]) - 3.0).abs() < 0.1);
    assert_eq!(fit["result"]["validation"]["rows"], 4);
    assert!(number(&fit["result"]["validation"]["loss"]) > 1e6);
    let history = app.history(&id_of(&fit), "").await.expect(200).json();
    let judged = history["validation_loss"].as_array().unwrap();
    assert_eq!(judged.len(), history["iteration"].as_array().unwrap().len());
    assert_eq!(judged.last(), Some(&fit["result"]["validation"]["loss"]));
}

#[tokio::test(flavor = "multi_thread")]
async fn each_fold_judges_the_fit_without_it() {
    let app = spawn_app().await;
    let mut posted = line();
    posted["validation"] = json!({"folds": 40, "seed": 3});
    let found = app.fitted(&posted).await["result"]["validation"].clone();
    assert_eq!(found["folds"].as_array().unwrap().len(), 40);
    // Leaving one row out is known in closed form: its residual over 1 − its leverage.
    posted["validation"].take();
    posted.as_object_mut().unwrap().remove("validation");
    posted["diagnostics"] = json!(true);
    let fit = app.fitted(&posted).await;
    let body = json!({"data": {"x": posted["data"]["x"]}});
    let predicted = app.predict(&id_of(&fit), &body).await.expect(200).json();
    let leverage = &fit["result"]["diagnostics"]["leverage"];
    let left_out = |row: usize| {
        let residual = number(&posted["data"]["y"][row]) - number(&predicted["predictions"][row]);
        (residual / (1.0 - number(&leverage[row]))).powi(2)
    };
    let expected = (0..40).map(left_out).sum::<f64>() / 40.0;
    assert!((number(&found["loss"]) / expected - 1.0).abs() < 1e-9, "{found} {expected}");
}

#[tokio::test(flavor = "multi_thread")]
async fn batches_are_recorded_once_an_epoch() {
    let app = spawn_app().await;
    let mut posted = line();
    posted["optimizer"] = json!({"kind": "adam", "learning_rate": 0.2, "batch_size": 15});
    posted["stop"] = json!({"max_iterations": 30, "gradient_tolerance": 0});
    posted["seed"] = json!(5);
    let fit = app.fitted(&posted).await;
    let history = app.history(&id_of(&fit), "").await.expect(200).json();
    // 40 rows in batches of 15 are 3 iterations an epoch.
    let iterations: Vec<u64> = (0..=10).map(|epoch| 3 * epoch).collect();
    assert_eq!(history["iteration"], json!(iterations));
    assert_eq!(history["epoch"], json!((0..=10).map(f64::from).collect::<Vec<_>>()));
    assert_eq!(fit["result"], app.fitted(&posted).await["result"], "the shuffles follow from the seed");
    posted["seed"] = json!(6);
    assert_ne!(fit["result"]["loss"], app.fitted(&posted).await["result"]["loss"]);
    let csv = app.history_csv(&id_of(&fit), "").await.expect(200).text();
    assert!(csv.starts_with("iteration,loss,gradient_norm,epoch\n"), "{csv}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_coefficient_on_the_end_of_its_range_lies_exactly_there() {
    let app = spawn_app().await;
    for optimizer in ["auto", "newton", "gradient_descent", "adam"] {
        let mut posted = line();
        posted["bounds"] = json!({"x": {"max": 2.5}, "intercept": {"min": 0.1}});
        posted["optimizer"] = json!(optimizer);
        let result = app.fitted(&posted).await["result"].clone();
        assert_eq!(result["coefficients"]["x"], json!(2.5), "{optimizer}");
        let codes: Vec<_> = result["warnings"].as_array().unwrap().iter().map(|one| one["code"].clone()).collect();
        assert!(codes.contains(&json!("at_bound")), "{optimizer}: {codes:?}");
        assert!(result.get("covariance").is_none(), "an active range leaves no covariance");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_strong_l1_penalty_leaves_exact_zeros() {
    let app = spawn_app().await;
    let mut posted = line();
    posted["data"]["z"] = json!((0..40).map(|row| f64::from(row * 11 % 7)).collect::<Vec<_>>());
    posted["penalty"] = json!({"l1": 2.0});
    let result = app.fitted(&posted).await["result"].clone();
    assert_eq!(result["coefficients"]["z"], json!(0.0));
    assert!(number(&result["coefficients"]["x"]) > 2.0);
    assert_eq!(result["converged"], true);
    assert!(number(&result["objective"]) > number(&result["loss"]));
}
