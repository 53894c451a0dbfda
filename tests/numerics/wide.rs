//! Many coefficients, beyond one chunk of the kernels' lanes: the descent on the compressed and on the streamed
//! objective against a plain one on the rows, in every width from 1 to 40.

use fitd::descent::{Choice, Dataset, Lanes, Representation, Value, WeightKind, Weights};

use crate::problem::{descent, fit, fit_with, linear, spec, stopped};

/// Columns without a pattern that the numerics could profit from.
fn data(rows: usize, width: usize) -> Dataset {
    let mut state = 42u64;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 11) as f64 / (1u64 << 53) as f64 - 0.5
    };
    let mut columns: Vec<(String, Vec<f64>)> =
        (0..width).map(|k| (format!("x{k}"), (0..rows).map(|_| next()).collect())).collect();
    let target =
        (0..rows).map(|row| columns.iter().map(|(_, column)| column[row]).sum::<f64>() + 1.0 + next()).collect();
    columns.push(("y".to_owned(), target));
    Dataset::new(columns).expect("a dataset")
}

fn model(data: &Dataset, intercept: bool) -> Choice {
    let names: Vec<&str> = data.names().iter().map(String::as_str).filter(|name| *name != "y").collect();
    linear(&names, intercept)
}

/// θ ← θ − γ·(2/n)·Xᵀ(Xθ − y), features first, the intercept last.
fn plain(data: &Dataset, intercept: bool, rate: f64, steps: usize) -> Vec<Vec<f64>> {
    let y = data.column("y").expect("y");
    let ones = vec![1.0; data.rows()];
    let mut columns: Vec<&[f64]> = data
        .names()
        .iter()
        .filter(|name| *name != "y")
        .filter_map(|name| data.column(name))
        .map(AsRef::as_ref)
        .collect();
    if intercept {
        columns.push(&ones);
    }
    let mut theta = vec![0.0; columns.len()];
    let mut path = vec![theta.clone()];
    for _ in 0..steps {
        let residual: Vec<f64> = (0..data.rows())
            .map(|row| columns.iter().zip(&theta).map(|(column, factor)| column[row] * factor).sum::<f64>() - y[row])
            .collect();
        let gradient: Vec<f64> = columns
            .iter()
            .map(|column| 2.0 * column.iter().zip(&residual).map(|(x, r)| x * r).sum::<f64>() / data.rows() as f64)
            .collect();
        theta.iter_mut().zip(&gradient).for_each(|(value, slope)| *value -= rate * slope);
        path.push(theta.clone());
    }
    path
}

#[test]
fn every_width_descends_as_the_textbook_does() {
    for width in 1..=40 {
        let data = data(60, width);
        for intercept in [true, false] {
            let expected = plain(&data, intercept, 0.05, 30);
            let mut spec = spec(model(&data, intercept), descent(0.05, 0.0, false));
            spec.stop.max_iterations = 30;
            spec.stop.gradient_tolerance = 0.0;
            for as_what in [Representation::Compressed, Representation::Streamed] {
                let (_, trace) = fit_with(&data, spec.clone(), Lanes::chosen(), as_what);
                let scale = expected[30].iter().fold(0.0f64, |largest, value| largest.max(value.abs()));
                for (ours, exact) in trace.coefficients.iter().zip(&expected) {
                    for (ours, exact) in ours.iter().zip(exact) {
                        assert!(
                            (ours - exact).abs() <= 1e-12 * scale,
                            "width {width}, {as_what:?}: {ours} for {exact}"
                        );
                    }
                }
                assert!(
                    trace.loss.windows(2).all(|pair| pair[1] <= pair[0]),
                    "width {width}, {as_what:?}: the loss grew"
                );
            }
        }
    }
}

#[test]
fn every_method_ends_at_the_optimum() {
    for width in [1, 7, 8, 9, 16, 31, 60] {
        let data = data(200, width);
        let exact = stopped(fit(&data, spec(model(&data, true), Choice::named("auto"))).0);
        assert!(exact.stop_reason.converged());
        for (momentum, nesterov) in [(0.0, false), (0.5, false), (0.5, true)] {
            for scaling in ["none", "standardize"] {
                let optimizer = Choice::named("gradient_descent")
                    .with("learning_rate", Value::Text("auto".to_owned()))
                    .with("momentum", Value::Number(momentum))
                    .with("nesterov", Value::Flag(nesterov));
                let mut spec = spec(model(&data, true), optimizer);
                spec.scaling = Choice::named(scaling);
                let report = stopped(fit(&data, spec).0);
                assert!(report.stop_reason.converged(), "width {width}, {scaling}: {:?}", report.stop_reason);
                assert!(report.optimum.expect("an optimum").gap <= 1e-12 * report.objective);
                for (ours, exact) in report.coefficients.iter().zip(&exact.coefficients) {
                    assert!((ours - exact).abs() < 1e-7, "width {width}, {scaling}: {ours} for {exact}");
                }
            }
        }
    }
}

/// More rows than one fold takes: triangles are merged. Weighted, so that every row is scaled.
#[test]
fn many_rows_are_the_same_compressed_and_streamed() {
    let mut columns: Vec<(String, Vec<f64>)> = Vec::new();
    let plain = data(70_000, 11);
    for (name, column) in plain.names().iter().zip(plain.columns()) {
        columns.push((name.clone(), column.to_vec()));
    }
    columns.push(("w".to_owned(), (0..70_000).map(|row| f64::from(row % 5)).collect()));
    let data = Dataset::new(columns).expect("a dataset");
    let features: Vec<&str> = plain.names().iter().map(String::as_str).filter(|name| *name != "y").collect();
    let mut spec = spec(linear(&features, true), descent(0.3, 0.7, true));
    spec.weights = Some(Weights { column: "w".to_owned(), kind: WeightKind::InverseVariance });
    spec.stop.max_iterations = 20;
    spec.stop.gradient_tolerance = 0.0;
    let (first, compressed) = fit_with(&data, spec.clone(), Lanes::chosen(), Representation::Compressed);
    let (_, streamed) = fit_with(&data, spec, Lanes::chosen(), Representation::Streamed);
    assert_eq!(compressed.loss.len(), 21);
    for (ours, theirs) in compressed.loss.iter().zip(&streamed.loss) {
        assert!((ours / theirs - 1.0).abs() < 1e-12, "{ours} for {theirs}");
    }
    for (ours, theirs) in compressed.coefficients.iter().flatten().zip(streamed.coefficients.iter().flatten()) {
        assert!((ours - theirs).abs() < 1e-12, "{ours} for {theirs}");
    }
    let metrics = stopped(first).metrics;
    assert!((metrics.degrees_of_freedom - (56_000.0 - 12.0)).abs() < 1e-9);
    assert!(metrics.mae.expect("an error") > 0.0);
}
