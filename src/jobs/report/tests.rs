//! What the client is told of each way in which a run can end.

use super::*;
use crate::descent::{Band, Choice, Suggestion, Value as Numeric};
use crate::fit::Status;
use crate::jobs::scripted::report;

#[test]
fn a_stopped_run_succeeds_with_coefficients_in_their_order() {
    let mut found = report(StopReason::GradientTolerance, 7);
    found.names = vec!["z".to_owned(), "a".to_owned()];
    found.inference = Some(Inference {
        distribution: "t",
        degrees_of_freedom: Some(1.0),
        standard_errors: vec![0.5, 0.0],
        intervals: vec![[6.0, 8.0], [f64::NEG_INFINITY, 1.0]],
        t: vec![Some(14.0), None],
        p: vec![Some(0.0), Some(f64::NAN)],
        covariance: Some(vec![vec![0.25, f64::INFINITY], vec![f64::INFINITY, 0.0]]),
    });
    found.condition_number = Some(f64::INFINITY);
    found.metrics.r_squared = Some(f64::NAN);
    found.metrics.rmse = Some(0.5);
    let (outcome, predictor) = ending(descent::Outcome::Stopped(Box::new(found)), Covariance::Classical);
    let Outcome::Succeeded(result) = outcome else { panic!("not a success") };
    assert_eq!(result.coefficients.keys().collect::<Vec<_>>(), ["z", "a"]);
    assert!(result.converged);
    assert_eq!(result.stop_reason, "gradient_tolerance");
    assert_eq!(predictor.unwrap().coefficients.len(), 2);
    let text = serde_json::to_value(&*result).unwrap();
    assert!(!text.to_string().contains("null"), "{text}");
    assert_eq!(
        text["parameters"],
        serde_json::json!([
            {"name": "z", "value": 7.0, "start": 0.0, "fixed": false, "standard_error": 0.5,
             "confidence_interval": [6.0, 8.0], "t": 14.0, "p_value": 0.0},
            {"name": "a", "value": -7.0, "start": 0.0, "fixed": false, "standard_error": 0.0},
        ])
    );
    assert_eq!(text["metrics"], serde_json::json!({"rmse": 0.5, "degrees_of_freedom": 1.0}));
    assert!(text.get("covariance").is_none() && text.get("condition_number").is_none());
}

#[test]
fn a_cancelled_run_keeps_what_it_had_reached() {
    let (outcome, _) =
        ending(descent::Outcome::Stopped(Box::new(report(StopReason::Cancelled, 3))), Covariance::Classical);
    assert_eq!(outcome.status(), Status::Cancelled);
    assert_eq!(outcome.result().unwrap().iterations, 3);
}

#[test]
fn a_divergence_says_what_to_post_instead_as_a_merge_patch() {
    let optimizer = Choice::named("gradient_descent").with("learning_rate", Numeric::Number(0.05));
    let divergence = Divergence {
        iteration: 12,
        names: vec!["x".to_owned(), "x^2".to_owned()],
        coefficients: vec![1e200, f64::INFINITY],
        loss: Some(f64::INFINITY),
        max_stable_learning_rate: Some(0.0625),
        row: None,
        suggestion: Some(Suggestion { optimizer, max_iterations: Some(500), gradient_tolerance: None }),
        detail: "the loss grew".to_owned(),
    };
    let (outcome, predictor) = ending(descent::Outcome::Diverged(Box::new(divergence)), Covariance::Classical);
    assert!(predictor.is_none());
    let Outcome::Failed(error) = outcome else { panic!("not a failure") };
    assert_eq!(
        serde_json::to_value(&*error).unwrap(),
        serde_json::json!({
            "code": "diverged", "detail": "the loss grew", "iteration": 12, "coefficients": {"x": 1e200},
            "max_stable_learning_rate": 0.0625,
            "suggestion": {
                "optimizer": {"kind": "gradient_descent", "learning_rate": 0.05},
                "stop": {"max_iterations": 500}
            }
        })
    );
}

#[test]
fn an_objective_that_is_not_finite_names_its_row() {
    let (outcome, _) = ending(descent::Outcome::NonFinite { row: Some(4) }, Covariance::Classical);
    let Outcome::Failed(error) = outcome else { panic!("not a failure") };
    assert_eq!((error.code.as_str(), error.row, error.iteration), ("non_finite_objective", Some(4), Some(0)));
}

#[test]
fn a_result_that_is_not_finite_is_no_result() {
    let mut found = report(StopReason::MaxIterations, 9);
    found.coefficients[1] = f64::NAN;
    let (outcome, predictor) = ending(descent::Outcome::Stopped(Box::new(found)), Covariance::Classical);
    let Outcome::Failed(error) = outcome else { panic!("not a failure") };
    assert_eq!((error.code.as_str(), error.iteration), ("diverged", Some(9)));
    assert!(predictor.is_none());
}

#[test]
fn a_predictor_comes_back_as_it_went() {
    let mut found = report(StopReason::MaxIterations, 2);
    found.predictor.basis = vec![("shift".to_owned(), vec![0.1, 0.2])];
    found.predictor.band =
        Some(Band { factor: vec![1.0, 2.0, 0.0, 3.0], residual_standard_deviation: 0.5, degrees_of_freedom: 8.0 });
    let expected = found.predictor.clone();
    let (_, predictor) = ending(descent::Outcome::Stopped(Box::new(found)), Covariance::Classical);
    assert_eq!(to_numeric(predictor.unwrap()), expected);
}

#[test]
fn a_normal_band_is_kept_though_its_degrees_of_freedom_are_infinite() {
    let mut found = report(StopReason::GradientTolerance, 2);
    let band = Band { factor: vec![1.0], residual_standard_deviation: 1.0, degrees_of_freedom: f64::INFINITY };
    found.predictor.band = Some(band.clone());
    let (_, predictor) = ending(descent::Outcome::Stopped(Box::new(found)), Covariance::Classical);
    assert_eq!(to_numeric(predictor.unwrap()).band, Some(band));
}

#[test]
fn folds_whose_losses_are_not_all_finite_are_left_out() {
    let mut found = report(StopReason::GradientTolerance, 2);
    found.validation = Some(descent::ValidationReport {
        rows: 4,
        loss: 0.5,
        loss_standard_deviation: Some(f64::NAN),
        best_iteration: None,
        metrics: descent::Metrics { degrees_of_freedom: 4.0, ..descent::Metrics::default() },
        folds: vec![0.25, f64::INFINITY],
    });
    let (outcome, _) = ending(descent::Outcome::Stopped(Box::new(found)), Covariance::Classical);
    let text = serde_json::to_value(&**outcome.result().unwrap()).unwrap();
    assert_eq!(text["validation"], serde_json::json!({"rows": 4, "loss": 0.5, "metrics": {"degrees_of_freedom": 4.0}}));
}
