//! Data that no curve was made for: whatever comes in, what comes out are a few finite numbers within their ranges.

use super::super::{REGISTRY, Rows};
use super::Noise;
use crate::descent::registry::{Choice, Value};

fn data() -> Vec<(Vec<f64>, Vec<f64>)> {
    let line =
        |count: usize, from: f64, step: f64| -> Vec<f64> { (0..count).map(|at| from + step * at as f64).collect() };
    let mut noise = Noise::new(5);
    let mut random = |count: usize, size: f64| -> Vec<f64> { (0..count).map(|_| size * noise.normal()).collect() };
    vec![
        (vec![], vec![]),
        (vec![3.0], vec![2.0]),
        (vec![0.0], vec![0.0]),
        (vec![1.0, 2.0], vec![5.0, 5.0]),
        (vec![2.0; 20], line(20, 0.0, 1.0)),
        (vec![0.0; 20], vec![0.0; 20]),
        (line(30, 0.0, 1.0), vec![0.0; 30]),
        (line(30, 0.0, 1.0), vec![7.0; 30]),
        (line(30, -40.0, 1.0), random(30, 1.0)),
        (line(30, -15.0, 1.0), random(30, 1e-300)),
        (line(30, 1.7e9, 1.0), random(30, 1.0)),
        (line(30, 1e300, 1e298), random(30, 1e300)),
        (line(30, -1.7e308, 1.1e307), random(30, 1e307)),
        (line(30, 1e-300, 1e-302), random(30, 1e-310)),
        (line(5, 5e-324, 5e-324), line(5, 5e-324, 5e-324)),
        (random(40, 1e5), random(40, 1.0)),
        (vec![0.0, 1e-12, 1.0, 1e12], vec![1.0, -1.0, 1.0, 1e9]),
    ]
}

fn choices(kind: &str, has_peaks: bool) -> Vec<Choice> {
    let plain = Choice::named(kind);
    if !has_peaks {
        return vec![plain];
    }
    let with = |peaks: u64, background: &str| {
        plain.clone().with("peaks", Value::Integer(peaks)).with("background", Value::Text(background.to_owned()))
    };
    vec![plain.clone(), with(3, "linear"), with(2, "none"), with(8, "constant")]
}

#[test]
fn curves_have_finite_starts_on_strange_data() {
    for curve in REGISTRY {
        let descriptor = curve.descriptor();
        for choice in choices(descriptor.kind, descriptor.param("peaks").is_some()) {
            let naturals = curve.parameters(&choice);
            for (at, (x, y)) in data().iter().enumerate() {
                let starts = curve.guess(&choice, Rows::new(x, y, None, &|| false));
                assert!((1..=16).contains(&starts.len()), "{} {at}", descriptor.kind);
                for start in starts {
                    assert_eq!(start.len(), naturals.len());
                    for (value, natural) in start.iter().zip(&naturals) {
                        let fits = value.is_finite() && *value >= natural.min && *value <= natural.max;
                        assert!(fits, "{} {at} {} {value}", descriptor.kind, natural.name);
                    }
                }
            }
        }
    }
}

#[test]
fn curves_of_many_rows_are_guessed_from_some_of_them() {
    let x: Vec<f64> = (0..50_000).map(|at| 1e-4 * f64::from(at)).collect();
    let y: Vec<f64> = x.iter().map(|x| 3.0 * libm::exp(-2.0 * x) + 1.0).collect();
    let choice = Choice::named("exponential_decay");
    let starts = super::curve("exponential_decay").guess(&choice, Rows::new(&x, &y, None, &|| false));
    assert!((starts[0][1] - 2.0).abs() < 0.05, "{starts:?}");
}

#[test]
fn curves_name_in_their_formula_all_parameters_and_nothing_else() {
    let known = ["x", "exp", "log", "sin", "atan", "erf", "max", "voigt"];
    let mut kinds = std::collections::BTreeSet::new();
    for curve in REGISTRY {
        let descriptor = curve.descriptor();
        assert!(kinds.insert(descriptor.kind));
        for choice in choices(descriptor.kind, descriptor.param("peaks").is_some()) {
            let formula = curve.formula(&choice);
            let words: Vec<&str> = formula
                .split(|c: char| !(c.is_alphanumeric() || c == '_' || c == '.'))
                .filter(|word| word.starts_with(char::is_alphabetic) && !known.contains(word))
                .collect();
            let names: Vec<String> = curve.parameters(&choice).into_iter().map(|natural| natural.name).collect();
            assert!(words.iter().all(|word| names.iter().any(|name| name == word)), "{formula} {names:?}");
            assert!(names.iter().all(|name| words.contains(&name.as_str())), "{formula} {names:?}");
        }
        let plain = curve.formula(&Choice::named(descriptor.kind));
        assert!(descriptor.summary.ends_with(&plain), "{} {plain}", descriptor.summary);
    }
}

#[test]
fn curves_see_rows_in_order_and_without_those_of_no_weight() {
    let rows = Rows::new(&[3.0, 1.0, 2.0, 1.0], &[30.0, 10.0, 20.0, 11.0], Some(&[1.0, 2.0, 0.0, 3.0]), &|| false);
    assert_eq!((rows.x, rows.y, rows.weights), (vec![1.0, 1.0, 3.0], vec![10.0, 11.0, 30.0], vec![2.0, 3.0, 1.0]));
}
