//! Every curve on its own noisy data, in several units: the fit that a client gets has to come at least as low as the
//! parameters that the data were made with.

mod cases;
mod peak_cases;
mod strange;

use super::super::properties::{Noise, Unwatched, spec};
use super::{Curve, REGISTRY, Rows};
use crate::descent::registry::{Choice, Value};
use crate::descent::{Alone, Dataset, Outcome, resolve, run};

/// Data sets a curve.
const SEEDS: u64 = 100;

/// A curve with its function, written without regard to its formula, and with parameters to make data of.
struct Case {
    kind: &'static str,
    value: fn(&[f64], f64) -> f64,
    /// In units of x and of y: parameters and the ends of x.
    draw: fn(&mut Draw) -> (Vec<f64>, f64, f64),
    /// Whether x may be in any unit.
    scaled: bool,
}

/// Random parameters in the units of a data set.
struct Draw {
    noise: Noise,
    /// The unit of x.
    x: f64,
    /// The unit of y.
    y: f64,
}

impl Draw {
    fn between(&mut self, low: f64, high: f64) -> f64 {
        low + self.noise.uniform() * (high - low)
    }

    fn log(&mut self, low: f64, high: f64) -> f64 {
        libm::exp(self.between(libm::log(low), libm::log(high)))
    }

    fn sign(&mut self) -> f64 {
        if self.noise.uniform() < 0.5 { -1.0 } else { 1.0 }
    }
}

fn curve(kind: &str) -> &'static dyn Curve {
    REGISTRY.into_iter().find(|curve| curve.descriptor().kind == kind).expect("the curve is in the registry")
}

/// x between the ends: evenly, at random, or denser towards the low end.
fn places(draw: &mut Draw, low: f64, high: f64) -> Vec<f64> {
    let count = draw.between(30.0, 200.0) as usize;
    let spread = draw.noise.uniform();
    (0..count)
        .map(|at| {
            let even = at as f64 / (count - 1) as f64;
            let part = if spread < 0.4 {
                even
            } else if spread < 0.8 {
                draw.noise.uniform()
            } else {
                even * even
            };
            low + part * (high - low)
        })
        .collect()
}

fn noisy(draw: &mut Draw, clean: &[f64]) -> Vec<f64> {
    let (low, high) = clean.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(a, b), y| (a.min(*y), b.max(*y)));
    let size = draw.between(0.02, 0.05) * (high - low);
    clean.iter().map(|y| y + size * draw.noise.normal()).collect()
}

/// The weighted sum of squares at some parameters.
fn rest(value: fn(&[f64], f64) -> f64, at: &[f64], rows: &Rows<'_>) -> f64 {
    let terms = rows.x.iter().zip(&rows.y).zip(&rows.weights);
    terms.map(|((x, y), weight)| weight * (value(at, *x) - y).powi(2)).sum()
}

/// How low the fit that a client gets comes, by the rest at the true parameters.
fn ratio(kind: &str, choice: &Choice, value: fn(&[f64], f64) -> f64, rows: &Rows<'_>, truth: &[f64]) -> f64 {
    fitted(kind, choice, value, rows) / rest(value, truth, rows)
}

/// How low the fit that a client gets comes without a word on where to start. The parameters that it reports are put into
/// the curve written here, so that formula and curve are held to each other.
fn fitted(kind: &str, choice: &Choice, value: fn(&[f64], f64) -> f64, rows: &Rows<'_>) -> f64 {
    let starts = curve(kind).guess(choice, rows.clone());
    assert!((1..=16).contains(&starts.len()));
    let columns = [("x", &rows.x), ("y", &rows.y), ("w", &rows.weights)];
    let data = Dataset::new(columns.into_iter().map(|(name, values)| (name.to_owned(), values.clone())).collect());
    let text = |name: &str| Value::Text(name.to_owned());
    let model = choice.clone().with("feature", text("x")).with("target", text("y"));
    let mut spec = spec(model, Choice::named("squared"), Choice::named("auto"));
    spec.penalty.on_standardized = false;
    let outcome = run(&data.unwrap(), &resolve(spec), &Alone, None, &mut Unwatched);
    let Outcome::Stopped(report) = outcome else { return f64::INFINITY };
    rest(value, &report.coefficients, rows)
}

fn units(seed: u64) -> (f64, f64) {
    [(1.0, 1.0), (1e6, 1e-9), (1e-7, 1e8), (300.0, 0.02)][(seed % 4) as usize]
}

/// The part of the seeds that are recovered, and those that are not.
fn recovered(case: &Case) -> (f64, Vec<(u64, f64)>) {
    let mut missed = Vec::new();
    for seed in 0..SEEDS {
        let (x, y) = units(seed);
        let mut draw = Draw { noise: Noise::new(1_000 + seed), x: if case.scaled { x } else { 1.0 }, y };
        let (truth, low, high) = (case.draw)(&mut draw);
        let x = places(&mut draw, low, high);
        let clean: Vec<f64> = x.iter().map(|x| (case.value)(&truth, *x)).collect();
        let rows = Rows::new(&x, &noisy(&mut draw, &clean), None, &|| false);
        let ratio = ratio(case.kind, &Choice::named(case.kind), case.value, &rows, &truth);
        // What is not a number is not recovered either.
        if !matches!(ratio.partial_cmp(&1.01), Some(std::cmp::Ordering::Less | std::cmp::Ordering::Equal)) {
            missed.push((seed, ratio));
        }
    }
    (1.0 - missed.len() as f64 / SEEDS as f64, missed)
}

fn check(cases: &[Case]) {
    let results: Vec<_> = cases.iter().map(|case| (case.kind, recovered(case))).collect();
    // Shown where a test fails or output is asked for.
    for (kind, (part, missed)) in &results {
        eprintln!("{kind}: {:.1} % {missed:?}", 100.0 * part);
    }
    let below: Vec<_> = results.iter().filter(|(_, (part, _))| *part < 0.99).collect();
    assert!(below.is_empty(), "{below:?}");
}

#[test]
fn curves_of_exponentials_are_recovered() {
    check(cases::DECAY);
}

#[test]
fn curves_of_powers_are_recovered() {
    check(cases::POWERS);
}

#[test]
fn curves_of_growth_are_recovered() {
    check(cases::GROWTH);
}

#[test]
fn curves_of_steps_are_recovered() {
    check(cases::STEPS);
}

#[test]
fn curves_of_saturation_are_recovered() {
    check(cases::SATURATION);
}

#[test]
fn curves_of_waves_are_recovered() {
    check(cases::WAVES);
}

#[test]
fn curves_that_can_be_moved_are_found_far_from_zero() {
    let all = [cases::GROWTH, cases::STEPS, cases::WAVES];
    for case in all.iter().flat_map(|cases| cases.iter()) {
        // A time over a scale has no meaning before zero, and an envelope that far away is no number.
        if ["weibull", "damped_sine"].contains(&case.kind) {
            continue;
        }
        for seed in 0..20 {
            let mut draw = Draw { noise: Noise::new(2_000 + seed), x: 1.0, y: 1.0 };
            let (truth, low, high) = (case.draw)(&mut draw);
            let x = places(&mut draw, low, high);
            let clean: Vec<f64> = x.iter().map(|x| (case.value)(&truth, *x)).collect();
            let y = noisy(&mut draw, &clean);
            let goal = rest(case.value, &truth, &Rows::new(&x, &y, None, &|| false));
            let far = Rows::new(&x.iter().map(|x| x + 1e6).collect::<Vec<_>>(), &y, None, &|| false);
            let ratio = fitted(case.kind, &Choice::named(case.kind), case.value, &far) / goal;
            assert!(ratio <= 1.01, "{} {seed}: {ratio}", case.kind);
        }
    }
}

#[test]
fn every_curve_has_a_case() {
    let plain = [cases::DECAY, cases::POWERS, cases::GROWTH, cases::STEPS, cases::SATURATION, cases::WAVES];
    for entry in REGISTRY {
        let kind = entry.descriptor().kind;
        let has = plain.iter().flat_map(|cases| cases.iter()).any(|case| case.kind == kind);
        assert!(has || peak_cases::SHAPES.iter().any(|shape| shape.kind == kind), "{kind}");
    }
}
