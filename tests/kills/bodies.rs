//! The fits that are posted: a fixed list, so that each has one right outcome, made of seeded numbers. Long ones compute
//! for some seconds with every optimizer there is; large ones have more data than the store keeps in its tables.

use reqwest::header::HeaderValue;
use serde_json::{Map, Value, json};

use crate::dice::Dice;

/// How a column begins that no fit uses, and how many it may begin with.
const UNSALTED: &str = "\"salt\":[0.0,";
const SALTS: u64 = 1_000_000_007;

/// What a fit is like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Size {
    /// Done in milliseconds.
    Small,
    /// Some seconds of computing.
    Long,
    /// More than 256 KiB of data.
    Large,
}

/// A fit to post.
#[derive(Clone, Debug)]
pub(crate) struct Body {
    pub(crate) name: String,
    pub(crate) size: Size,
    /// As asked for.
    pub(crate) optimizer: String,
    pub(crate) text: String,
}

/// What the target is made of.
#[derive(Clone, Copy)]
enum Target {
    Line,
    Class,
    Count,
}

impl Body {
    fn new(name: impl Into<String>, size: Size, fit: &Value) -> Self {
        let name: String = name.into();
        assert!(HeaderValue::from_str(&name).is_ok(), "names are part of keys");
        let optimizer = fit["optimizer"]["kind"].as_str().unwrap_or("auto").to_owned();
        Self { name, size, optimizer, text: fit.to_string() }
    }
}

impl Body {
    /// As it is posted. A key is a label too, so that the fits of a key can be counted, and a large fit has data that no
    /// other post has: by its key, or by the number of the post.
    pub(crate) fn posted(&self, key: Option<&str>, number: u64) -> String {
        let salt = key.map_or(number, |key| key.bytes().fold(7, |sum, byte| (sum * 31 + u64::from(byte)) % SALTS));
        let text = self.text.replacen(UNSALTED, &format!("\"salt\":[{salt}.5,"), 1);
        match (key, text.strip_suffix('}')) {
            (Some(key), Some(open)) => format!("{open},\"labels\":{}}}", json!({"key": key})),
            _ => text,
        }
    }
}

fn rounded(value: f64) -> f64 {
    (value * 1000.0).round() / 1000.0
}

/// A bell without tails, which is noise enough.
fn noise(dice: &mut Dice) -> f64 {
    (0..4).map(|_| dice.unit() - 0.5).sum()
}

/// Columns `x0`, `x1`, … of random numbers, and a `y` that depends on them.
fn table(seed: u64, rows: usize, columns: usize, target: Target) -> Value {
    let mut dice = Dice::new(seed);
    let mut data = Map::new();
    let mut sums = vec![0.0; rows];
    for column in 0..columns {
        let values: Vec<f64> = (0..rows).map(|_| rounded(dice.unit() * 2.0 - 1.0)).collect();
        sums.iter_mut().zip(&values).for_each(|(sum, value)| *sum += value / (column + 1) as f64);
        data.insert(format!("x{column}"), json!(values));
    }
    let y = sums.into_iter().map(|sum| match target {
        Target::Line => rounded(sum + noise(&mut dice)),
        Target::Class => f64::from(u8::from(dice.unit() < 1.0 / (1.0 + (-2.0 * sum).exp()))),
        Target::Count => (sum.exp() + dice.unit()).floor(),
    });
    data.insert("y".to_owned(), y.collect());
    Value::Object(data)
}

/// A decay with noise.
fn decay(seed: u64, rows: usize) -> Value {
    let mut dice = Dice::new(seed);
    let x: Vec<f64> = (0..rows).map(|row| rounded(10.0 * row as f64 / rows as f64)).collect();
    let y: Vec<f64> = x.iter().map(|x| rounded(3.0 * (-0.7 * x).exp() + 1.0 + 0.2 * noise(&mut dice))).collect();
    json!({"x": x, "y": y})
}

fn one_exponential() -> Value {
    json!({"kind": "formula", "formula": "a*exp(-b*x)+c", "parameters": {"a": 1, "b": 0.1, "c": 0}})
}

/// A fit that goes on to the last iteration, or until not a bit changes.
#[expect(clippy::needless_pass_by_value, reason = "each part is written where it is used")]
fn unending(data: Value, model: Value, optimizer: Value, iterations: u64) -> Value {
    json!({
        "data": data,
        "model": model,
        "optimizer": optimizer,
        "stop": {"max_iterations": iterations, "gradient_tolerance": 0, "loss_tolerance": 0},
    })
}

fn with(mut fit: Value, more: Value) -> Value {
    let Value::Object(more) = more else { panic!("more is an object") };
    fit.as_object_mut().unwrap().extend(more);
    fit
}

/// Every fit there is.
pub(crate) fn all() -> Vec<Body> {
    [long(), small(), large()].concat()
}

fn long() -> Vec<Body> {
    let classes = |seed| table(seed, 500, 20, Target::Class);
    let sums = "a*exp(-b*x)+c*exp(-d*x)+e*exp(-f*x)+g";
    let parameters = json!({"a": 1, "b": 0.1, "c": 1, "d": 0.5, "e": -1, "f": 2, "g": 0});
    let long = |name: &str, fit: Value| Body::new(name, Size::Long, &fit);
    vec![
        long(
            "descent-momentum",
            unending(
                classes(1),
                json!("logistic"),
                json!({"kind": "gradient_descent", "learning_rate": 0.001, "momentum": 0.9}),
                45_000,
            ),
        ),
        long(
            "descent-nesterov-validated",
            with(
                unending(
                    classes(2),
                    json!("logistic"),
                    json!({"kind": "gradient_descent", "learning_rate": 0.001, "momentum": 0.9, "nesterov": true}),
                    30_000,
                ),
                json!({"validation": {"fraction": 0.2, "seed": 3}, "history": {"coefficients": true}}),
            ),
        ),
        long(
            "descent-batches",
            with(
                unending(
                    table(3, 1000, 8, Target::Line),
                    json!("linear"),
                    json!({"kind": "gradient_descent", "learning_rate": 0.001, "batch_size": 50, "schedule": "cosine"}),
                    250_000,
                ),
                json!({"loss": {"kind": "huber", "delta": 0.3}, "seed": 5}),
            ),
        ),
        long(
            "adagrad",
            unending(classes(4), json!("logistic"), json!({"kind": "adagrad", "learning_rate": 0.01}), 45_000),
        ),
        long(
            "rmsprop",
            unending(
                table(5, 500, 20, Target::Count),
                json!("poisson"),
                json!({"kind": "rmsprop", "learning_rate": 0.0001}),
                40_000,
            ),
        ),
        long(
            "adam-curve",
            unending(decay(6, 2000), one_exponential(), json!({"kind": "adam", "learning_rate": 0.0003}), 25_000),
        ),
        long(
            "adamw-batches",
            with(
                unending(
                    table(7, 500, 20, Target::Line),
                    json!("linear"),
                    json!({"kind": "adamw", "learning_rate": 0.0001, "batch_size": 100}),
                    60_000,
                ),
                json!({"loss": "log_cosh", "seed": 8}),
            ),
        ),
        long(
            "lbfgs",
            with(unending(classes(9), json!("logistic"), json!({"kind": "lbfgs"}), 25_000), json!({"scaling": "none"})),
        ),
        // So many steps, because it is far from quadratic where the residuals are.
        long(
            "newton",
            with(
                unending(table(10, 1000, 40, Target::Line), json!("linear"), json!({"kind": "newton"}), 1_000),
                json!({"loss": {"kind": "huber", "delta": 0.001}}),
            ),
        ),
        long(
            "marquardt",
            unending(
                decay(11, 2500),
                json!({"kind": "formula", "formula": sums, "parameters": parameters}),
                json!({"kind": "levenberg_marquardt"}),
                5_000,
            ),
        ),
        long(
            "active-set",
            with(
                unending(table(12, 2500, 100, Target::Line), json!("linear"), json!({"kind": "active_set"}), 5_000),
                json!({"loss": "absolute"}),
            ),
        ),
        long(
            "auto-restarts",
            json!({
                "data": table(13, 400, 6, Target::Line),
                "model": "linear",
                "loss": {"kind": "cauchy", "delta": 0.05},
                "restarts": 8,
                "seed": 1,
            }),
        ),
    ]
}

fn small() -> Vec<Body> {
    let small = |name: String, fit: Value| Body::new(name, Size::Small, &fit);
    let mut all: Vec<Body> = (0..6)
        .map(|seed| {
            let fit = json!({"data": table(100 + seed, 30, 2, Target::Line), "model": "linear"});
            small(format!("line-{seed}"), fit)
        })
        .collect();
    let descent = |rate| json!({"kind": "gradient_descent", "learning_rate": rate});
    let line = || table(100, 30, 2, Target::Line);
    // Not every fit succeeds.
    all.push(small("diverging".to_owned(), unending(line(), json!("linear"), descent(50.0), 500)));
    all.push(small("descending".to_owned(), unending(line(), json!("linear"), descent(0.1), 500)));
    all.push(small("counts".to_owned(), json!({"data": table(110, 40, 3, Target::Count), "model": "poisson"})));
    all.push(small("classes".to_owned(), json!({"data": table(111, 60, 3, Target::Class), "model": "logistic"})));
    all.push(small("decay".to_owned(), json!({"data": decay(112, 40), "model": one_exponential()})));
    let polynomial = json!({"kind": "polynomial", "feature": "x", "degree": 5});
    all.push(small("polynomial".to_owned(), json!({"data": decay(113, 50), "model": polynomial})));
    all
}

fn large() -> Vec<Body> {
    let rows = 6000;
    let fit = |seed| {
        let mut data = table(seed, rows, 5, Target::Line);
        data["salt"] = json!(vec![0.0; rows]);
        json!({"data": data, "model": {"kind": "linear", "features": ["x0", "x1", "x2", "x3", "x4"], "target": "y"}})
    };
    (0..3).map(|seed| Body::new(format!("large-{seed}"), Size::Large, &fit(200 + seed))).collect()
}
