//! Losses with several minima: whether restarts find the best one, whatever the seed.

use fitd::descent::{Choice, Dataset, Restarts, Spread, Start, Value};

use crate::problem::{fit, linear, spec, stopped};

/// Two thirds of the rows near y = 1 + 2x, one third near y = 12 − 3x: each line is a minimum of a redescending loss.
fn mixture() -> Dataset {
    let mut state = 20_261u64;
    let mut uniform = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 11) as f64 / (1u64 << 53) as f64 - 0.5
    };
    let x: Vec<f64> = (0..90).map(|row| f64::from(row) / 9.0).collect();
    let line = |row: usize, x: f64| if row % 3 == 2 { 12.0 - 3.0 * x } else { 1.0 + 2.0 * x };
    let y = x.iter().enumerate().map(|(row, x)| line(row, *x) + 0.4 * uniform()).collect();
    Dataset::new(vec![("x".to_owned(), x), ("y".to_owned(), y)]).expect("a dataset")
}

fn cauchy() -> fitd::descent::Spec {
    let mut spec = spec(linear(&["x"], true), Choice::named("auto"));
    spec.loss = Choice::named("cauchy").with("delta", Value::Number(0.3));
    spec
}

#[test]
fn sixteen_restarts_find_the_global_minimum_in_99_of_100_seeds() {
    let data = mixture();
    let from = |x: f64, intercept: f64| {
        let mut spec = cauchy();
        spec.restarts = Some(Restarts { count: 1, spread: Spread::Rows });
        spec.start = Start::At(vec![("x".to_owned(), x), ("intercept".to_owned(), intercept)]);
        stopped(fit(&data, spec).0)
    };
    let (global, trap) = (from(2.0, 1.0), from(-3.0, 12.0));
    assert!(global.converged && trap.converged && trap.objective > 1.5 * global.objective, "the trap is none");
    for spread in [Spread::Rows, Spread::LatinHypercube] {
        let found = |seed: u64| {
            let mut spec = cauchy();
            spec.seed = seed;
            spec.restarts = Some(Restarts { count: 16, spread });
            let report = stopped(fit(&data, spec).0);
            assert!(report.minima.is_sorted_by(|one, next| one.objective <= next.objective), "the best comes first");
            assert!(report.minima.iter().all(|minimum| minimum.converged && minimum.starts > 0));
            report.converged && report.objective <= global.objective * (1.0 + 1e-9)
        };
        let hits = (0..100).filter(|seed| found(*seed)).count();
        println!("{spread:?}: {hits} of 100 seeds");
        assert!(hits >= 99, "{spread:?}: {hits} of 100 seeds");
    }
}
