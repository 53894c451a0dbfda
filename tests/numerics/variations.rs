//! Weights, penalties, scalings, stopping rules and predictions: each against its own definition.

use fitd::descent::{
    Choice, Dataset, Outcome, Penalty, Start, StopReason, Value, WeightKind, Weights, predict, resolve,
};
use nalgebra::{DMatrix, DVector};

use crate::problem::{descent, fit, linear, polynomial, spec, stopped};

fn wave(row: usize, k: f64) -> f64 {
    (row as f64 * k).sin()
}

/// Three columns, a target and whole-numbered weights.
fn data(rows: usize) -> Dataset {
    Dataset::new(vec![
        ("a".to_owned(), (0..rows).map(|row| 50.0 + 3.0 * wave(row, 0.9)).collect()),
        ("b".to_owned(), (0..rows).map(|row| 1e-3 * wave(row, 1.7)).collect()),
        ("w".to_owned(), (0..rows).map(|row| f64::from(row as u32 % 4)).collect()),
        (
            "y".to_owned(),
            (0..rows).map(|row| 1.0 + 2.0 * wave(row, 0.9) - wave(row, 1.7) + 0.2 * wave(row, 5.3)).collect(),
        ),
    ])
    .expect("a dataset")
}

fn auto() -> Choice {
    Choice::named("auto")
}

fn close(ours: &[f64], theirs: &[f64], tolerance: f64) {
    assert_eq!(ours.len(), theirs.len());
    for (ours, theirs) in ours.iter().zip(theirs) {
        assert!((ours - theirs).abs() <= tolerance * theirs.abs(), "{ours} for {theirs}");
    }
}

#[test]
fn a_frequency_weight_is_that_many_rows() {
    let data = data(60);
    let repeated = |name: &str| -> Vec<f64> {
        let (column, weights) = (data.column(name).expect("a column"), data.column("w").expect("weights"));
        column.iter().zip(weights.iter()).flat_map(|(x, w)| std::iter::repeat_n(*x, *w as usize)).collect()
    };
    let longer =
        Dataset::new(["a", "b", "y"].map(|name| (name.to_owned(), repeated(name))).to_vec()).expect("a dataset");
    let mut weighted = spec(linear(&["a", "b"], true), auto());
    weighted.weights = Some(Weights { column: "w".to_owned(), kind: WeightKind::Frequency });
    let ours = stopped(fit(&data, weighted.clone()).0);
    let theirs = stopped(fit(&longer, spec(linear(&["a", "b"], true), auto())).0);
    close(&ours.coefficients, &theirs.coefficients, 1e-10);
    close(&[ours.loss, ours.metrics.degrees_of_freedom], &[theirs.loss, theirs.metrics.degrees_of_freedom], 1e-12);
    let errors = |report: &fitd::descent::Report| report.inference.as_ref().expect("errors").standard_errors.clone();
    close(&errors(&ours), &errors(&theirs), 1e-10);
    close(
        &[ours.metrics.aic.expect("aic"), ours.metrics.bic.expect("bic")],
        &[theirs.metrics.aic.expect("aic"), theirs.metrics.bic.expect("bic")],
        1e-10,
    );
    // As precisions the same weights keep the coefficients and count rows.
    weighted.weights = Some(Weights { column: "w".to_owned(), kind: WeightKind::InverseVariance });
    let precise = stopped(fit(&data, weighted).0);
    close(&precise.coefficients, &ours.coefficients, 1e-12);
    assert!((precise.metrics.degrees_of_freedom - (45.0 - 3.0)).abs() < 1e-9, "45 of 60 rows have a weight");
}

#[test]
fn a_ridge_fit_is_the_solution_of_its_normal_equations() {
    let data = data(80);
    for on_standardized in [false, true] {
        let l2 = 0.05;
        let mut spec = spec(linear(&["a", "b"], true), auto());
        spec.penalty = Penalty { l2, l1: 0.0, on_standardized };
        let report = stopped(fit(&data, spec.clone()).0);
        let n = data.rows();
        let column = |name: &str| data.column(name).expect("a column").to_vec();
        let x = DMatrix::from_fn(n, 3, |row, k| match k {
            0 => column("a")[row],
            1 => column("b")[row],
            _ => 1.0,
        });
        let y = DVector::from_vec(column("y"));
        let deviation = |k: usize| {
            let mean = x.column(k).sum() / n as f64;
            (x.column(k).iter().map(|x| (x - mean).powi(2)).sum::<f64>() / n as f64).sqrt()
        };
        let mut gram = x.transpose() * &x / n as f64;
        for k in 0..2 {
            gram[(k, k)] += l2 * if on_standardized { deviation(k).powi(2) } else { 1.0 };
        }
        let exact = gram.lu().solve(&(x.transpose() * y / n as f64)).expect("a regular matrix");
        close(&report.coefficients, exact.as_slice(), 1e-7);
        assert!(report.stop_reason.converged());
        assert!(report.objective > report.loss, "the loss leaves the penalty out");
        assert!(report.inference.is_none());
        assert!(report.warnings.iter().any(|warning| warning.code == "penalized"));
        let optimum = report.optimum.expect("an optimum");
        assert!(optimum.gap <= 1e-12 * report.objective);
        // Descent in standardized coordinates ends at the same place.
        if on_standardized {
            spec.scaling = Choice::named("standardize");
            spec.optimizer = descent(0.3, 0.9, true);
            close(&stopped(fit(&data, spec).0).coefficients, exact.as_slice(), 1e-6);
        }
    }
}

#[test]
fn a_random_start_is_a_function_of_the_seed_alone() {
    let data = data(50);
    let start = |seed: u64| {
        let mut spec = spec(linear(&["a", "b"], true), auto());
        spec.start = Start::Random;
        spec.seed = seed;
        stopped(fit(&data, spec).0).start
    };
    assert_eq!(start(7), start(7));
    assert_ne!(start(7), start(8));
}

#[test]
fn steps_of_no_size_and_of_any_size_end_as_they_should() {
    let data = data(50);
    let run = |rate: f64| {
        let mut spec = spec(linear(&["a", "b"], true), descent(rate, 0.0, false));
        spec.stop.max_iterations = 1_000;
        fit(&data, spec).0
    };
    let still = stopped(run(5e-324));
    assert_eq!(still.stop_reason, StopReason::NoProgress);
    assert!(!still.stop_reason.converged());
    let Outcome::Diverged(divergence) = run(1e308) else { panic!("a step of 1e308 diverges") };
    assert!(divergence.coefficients.iter().all(|value| value.is_finite()));
    assert_eq!(divergence.iteration, 1);
}

#[test]
fn the_largest_stable_step_separates_what_converges_from_what_does_not() {
    let data = data(50);
    for (momentum, nesterov) in [(0.0, false), (0.6, false), (0.6, true)] {
        let with = |rate: f64, iterations: u64| {
            let mut spec = spec(linear(&["b"], true), descent(rate, momentum, nesterov));
            spec.scaling = Choice::named("standardize");
            spec.start = Start::At(vec![("b".to_owned(), 1e3)]);
            spec.stop.max_iterations = iterations;
            spec.stop.gradient_tolerance = 0.0;
            fit(&data, spec).0
        };
        let Outcome::Diverged(divergence) = with(1e3, 100) else { panic!("a step of 1000 diverges") };
        let bound = divergence.max_stable_learning_rate.expect("a bound");
        assert!(matches!(with(bound * 1.02, 200_000), Outcome::Diverged(_)), "{momentum} {nesterov}");
        assert!(matches!(with(bound * 0.98, 20_000), Outcome::Stopped(_)), "{momentum} {nesterov}");
    }
}

#[test]
fn the_loss_rule_stops_at_a_small_relative_change() {
    let data = data(50);
    let rate = Value::Text("auto".to_owned());
    let momentum = Value::Number(0.5);
    let optimizer = Choice::named("gradient_descent").with("learning_rate", rate).with("momentum", momentum);
    let mut spec = spec(linear(&["a"], true), optimizer);
    spec.stop.gradient_tolerance = 0.0;
    spec.stop.loss_tolerance = 1e-6;
    assert_eq!(resolve(spec.clone()).scaling.kind, "standardize");
    let (outcome, trace) = fit(&data, spec);
    let report = stopped(outcome);
    assert_eq!(report.stop_reason, StopReason::LossTolerance);
    assert!(report.learning_rate.expect("the rate that was chosen") > 0.0);
    let changes: Vec<f64> = trace.loss.windows(2).map(|pair| (pair[0] - pair[1]).abs() / pair[0]).collect();
    let (last, earlier) = changes.split_last().expect("some iterations");
    assert!(*last <= 1e-6);
    assert!(earlier.iter().all(|change| *change > 1e-6));
}

#[test]
fn predictions_of_a_cubic_in_the_millions_keep_their_digits() {
    let rows = 200;
    let x: Vec<f64> = (0..rows).map(|row| 1e6 + f64::from(row) * 0.02).collect();
    let truth = |t: f64| 1.0 + 2.0 * t - t * t + 0.5 * t * t * t;
    let y: Vec<f64> = x.iter().map(|x| truth(x - 1e6)).collect();
    let data = Dataset::new(vec![("x".to_owned(), x.clone()), ("y".to_owned(), y.clone())]).expect("a dataset");
    let model = polynomial(3, true);
    let report = stopped(fit(&data, spec(model.clone(), auto())).0);
    let out = predict(&model, &report.predictor, &data, Some(0.95)).expect("predictions");
    for (ours, y) in out.predictions.iter().zip(&y) {
        assert!((ours - y).abs() < 1e-9, "{ours} for {y}");
    }
    let missing = Dataset::new(vec![("z".to_owned(), vec![1.0])]).expect("a dataset");
    assert_eq!(predict(&model, &report.predictor, &missing, None).expect_err("no x").code, "unknown_column");
}

/// The textbook's formulas for a line: s²(1/n + (x − x̄)²/Sxx).
#[test]
fn bands_of_a_line_are_the_textbooks() {
    let data = data(30);
    let model = linear(&["a"], true);
    let report = stopped(fit(&data, spec(model.clone(), auto())).0);
    let out = predict(&model, &report.predictor, &data, Some(0.9)).expect("predictions");
    let x = data.column("a").expect("a").to_vec();
    let n = x.len() as f64;
    let mean = x.iter().sum::<f64>() / n;
    let spread: f64 = x.iter().map(|x| (x - mean).powi(2)).sum();
    let s = report.metrics.residual_standard_deviation.expect("s");
    // t with 28 degrees of freedom, two-sided 90 %.
    let quantile = 1.701_130_934_265_931;
    let (lower, upper) = out.prediction.expect("a band");
    let (mean_lower, _) = out.confidence.expect("a band");
    for row in 0..x.len() {
        let leverage = 1.0 / n + (x[row] - mean).powi(2) / spread;
        close(&[out.predictions[row] - mean_lower[row]], &[quantile * s * leverage.sqrt()], 1e-8);
        close(&[upper[row] - lower[row]], &[2.0 * quantile * s * (1.0 + leverage).sqrt()], 1e-8);
    }
    let inference = report.inference.expect("errors");
    let error = s / spread.sqrt();
    close(&[inference.standard_errors[0]], &[error], 1e-10);
    close(
        &inference.intervals[0].map(|end| end - report.coefficients[0]),
        &[-inference.standard_errors[0] * 2.048_407_141_795_244, inference.standard_errors[0] * 2.048_407_141_795_244],
        1e-8,
    );
    let covariance = inference.covariance.expect("a covariance");
    close(
        &[covariance[0][0], covariance[0][1], covariance[1][0]],
        &[error * error, -mean * error * error, -mean * error * error],
        1e-9,
    );
}

#[test]
fn fewer_rows_than_coefficients_is_an_answer_with_a_warning() {
    let data = data(3);
    let report = stopped(fit(&data, spec(polynomial_in_a(5), auto())).0);
    assert!(report.warnings.iter().any(|warning| warning.code == "rank_deficient"));
    assert!(report.coefficients.iter().all(|value| value.is_finite()));
    assert!(report.loss < 1e-20, "three points are met exactly: {}", report.loss);
    assert!(report.inference.is_none());
}

fn polynomial_in_a(degree: u64) -> Choice {
    polynomial(degree, true).with("feature", Value::Text("a".to_owned()))
}

#[test]
fn features_near_the_ends_of_a_doubles_range_are_fitted() {
    for scale in [1e300, 1e-300] {
        let x = vec![scale, 2.0 * scale, 3.0 * scale];
        let data = Dataset::new(vec![("x".to_owned(), x), ("y".to_owned(), vec![1.0, 2.0, 4.0])]).expect("a dataset");
        let report = stopped(fit(&data, spec(linear(&["x"], true), auto())).0);
        close(&[report.coefficients[0] * scale, report.coefficients[1]], &[1.5, -2.0 / 3.0], 1e-12);
        assert!(report.gradient_norm.is_finite(), "{}", report.gradient_norm);
    }
    let x: Vec<f64> = (1..=5).map(|k| f64::from(k) * 1e100).collect();
    let y = vec![1.0, 2.0, 4.0, 7.0, 1.0];
    let data = Dataset::new(vec![("x".to_owned(), x), ("y".to_owned(), y.clone())]).expect("a dataset");
    let report = stopped(fit(&data, spec(polynomial(3, true), auto())).0);
    let out = predict(&polynomial(3, true), &report.predictor, &data, None).expect("predictions");
    let square: f64 = out.predictions.iter().zip(&y).map(|(ours, y)| (ours - y).powi(2)).sum::<f64>() / 5.0;
    close(&[square], &[report.loss], 1e-9);
    assert!(report.gradient_norm.is_finite());
}

#[test]
fn an_overflowing_objective_names_its_row() {
    let data = Dataset::new(vec![("x".to_owned(), vec![1.0, 2.0, 3.0]), ("y".to_owned(), vec![1.0, 1e200, 3.0])])
        .expect("a dataset");
    let outcome = fit(&data, spec(linear(&["x"], true), auto())).0;
    assert!(matches!(outcome, Outcome::NonFinite { row: Some(_) }), "{outcome:?}");
}

#[test]
fn a_constant_target_has_no_r_squared() {
    for y in [0.1, 7.3e5, -1.0 / 3.0] {
        for rows in [3, 7, 50] {
            let x = (0..rows).map(f64::from).collect();
            let data =
                Dataset::new(vec![("x".to_owned(), x), ("y".to_owned(), vec![y; rows as usize])]).expect("a dataset");
            let report = stopped(fit(&data, spec(linear(&["x"], true), auto())).0);
            assert_eq!(report.metrics.r_squared, None, "{y} {rows}");
            close(&[report.coefficients[1]], &[y], 1e-12);
        }
    }
}

#[test]
fn weights_whose_sum_is_no_number_and_predictions_beyond_a_double_are_refused() {
    let column = |values: [f64; 4]| values.to_vec();
    let data = Dataset::new(vec![
        ("x".to_owned(), column([0.0, 1.0, 2.0, 3.0])),
        ("y".to_owned(), column([3.1, 7.9, 13.2, 17.8])),
        ("w".to_owned(), column([1e308, 1e308, 1.0, 1.0])),
    ])
    .expect("a dataset");
    let mut weighted = spec(linear(&["x"], true), auto());
    weighted.weights = Some(Weights { column: "w".to_owned(), kind: WeightKind::InverseVariance });
    assert_eq!(fitd::descent::check(&resolve(weighted), &data)[0].field, "weights/column");
    let model = linear(&["x"], true);
    let report = stopped(fit(&data, spec(model.clone(), auto())).0);
    let far = Dataset::new(vec![("x".to_owned(), vec![1e200])]).expect("a dataset");
    assert!(predict(&model, &report.predictor, &far, None).is_ok());
    assert_eq!(predict(&model, &report.predictor, &far, Some(0.95)).expect_err("a band").code, "invalid_value");
}
