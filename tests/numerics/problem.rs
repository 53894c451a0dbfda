//! Short ways to say what to fit.

use std::collections::BTreeMap;

use fitd::descent::{
    Alone, Choice, Control, Covariance, Dataset, Lanes, Observer, Outcome, Parameter, Penalty, Report, Representation,
    Spec, Start, Step, Stop, Value, coefficient_names, resolve, run_with,
};

/// A linear model of these features with the target `y`.
pub(crate) fn linear(features: &[&str], intercept: bool) -> Choice {
    Choice::named("linear")
        .with("features", Value::List(features.iter().map(|name| (*name).to_owned()).collect()))
        .with("target", Value::Text("y".to_owned()))
        .with("intercept", Value::Flag(intercept))
}

/// A polynomial in `x` with the target `y`.
pub(crate) fn polynomial(degree: u64, intercept: bool) -> Choice {
    Choice::named("polynomial")
        .with("feature", Value::Text("x".to_owned()))
        .with("degree", Value::Integer(degree))
        .with("target", Value::Text("y".to_owned()))
        .with("intercept", Value::Flag(intercept))
}

/// A formula with the target `y`.
pub(crate) fn formula(text: &str, parameters: Vec<Parameter>) -> Choice {
    Choice::named("formula")
        .with("formula", Value::Text(text.to_owned()))
        .with("target", Value::Text("y".to_owned()))
        .with("parameters", Value::Parameters(parameters))
}

/// A parameter of a formula, free within this range.
pub(crate) fn parameter(name: &str, start: f64, (min, max): (f64, f64)) -> Parameter {
    Parameter { name: name.to_owned(), start: Some(start), min, max, fixed: false, expr: None }
}

/// Textbook descent.
pub(crate) fn descent(rate: f64, momentum: f64, nesterov: bool) -> Choice {
    Choice::named("gradient_descent")
        .with("learning_rate", Value::Number(rate))
        .with("momentum", Value::Number(momentum))
        .with("nesterov", Value::Flag(nesterov))
        .with("schedule", Value::Choice(Box::new(Choice::named("constant"))))
}

/// A specification with the defaults of the service.
pub(crate) fn spec(model: Choice, optimizer: Choice) -> Spec {
    Spec {
        model,
        loss: Choice::named("squared"),
        optimizer,
        scaling: Choice::named("auto"),
        penalty: Penalty { l2: 0.0, l1: 0.0, on_standardized: false },
        start: Start::Zeros,
        stop: Stop { max_iterations: 10_000, gradient_tolerance: 1e-10, loss_tolerance: 0.0 },
        weights: None,
        seed: 0,
        covariance: Covariance::Classical,
        bounds: Vec::new(),
        restarts: None,
        validation: None,
        diagnostics: false,
        profile: false,
        confidence: 0.95,
    }
}

/// Columns from a JSON object of arrays.
pub(crate) fn columns(data: &serde_json::Value) -> Dataset {
    let columns: BTreeMap<String, Vec<f64>> = serde_json::from_value(data.clone()).expect("columns of numbers");
    Dataset::new(columns.into_iter().collect()).expect("a dataset")
}

/// Every point of a descent.
#[derive(Default)]
pub(crate) struct Trace {
    pub(crate) loss: Vec<f64>,
    pub(crate) coefficients: Vec<Vec<f64>>,
}

impl Observer for Trace {
    fn observe(&mut self, step: &dyn Step) -> Control {
        assert_eq!(step.iteration(), self.loss.len() as u64, "every iteration is observed, in order");
        self.loss.push(step.loss());
        self.coefficients.push(step.coefficients());
        Control::Continue
    }
}

/// Fits with the fastest kernels on the compressed objective.
pub(crate) fn fit(data: &Dataset, spec: Spec) -> (Outcome, Trace) {
    fit_with(data, spec, Lanes::chosen(), Representation::Compressed)
}

/// Fits with these kernels and this representation.
pub(crate) fn fit_with(data: &Dataset, spec: Spec, lanes: Lanes, as_what: Representation) -> (Outcome, Trace) {
    let mut trace = Trace::default();
    let spec = resolve(spec);
    let outcome = run_with(data, &spec, &Alone, (lanes, as_what), None, &mut trace);
    (outcome, trace)
}

/// The report of a fit that stopped.
pub(crate) fn stopped(outcome: Outcome) -> Report {
    match outcome {
        Outcome::Stopped(report) => *report,
        other => panic!("the fit did not stop by a rule: {other:?}"),
    }
}

/// The value of the coefficient called `name`.
pub(crate) fn coefficient(model: &Choice, data: &Dataset, values: &[f64], name: &str) -> f64 {
    let names = coefficient_names(model, data).expect("a valid model");
    values[names.iter().position(|other| other == name).expect("a coefficient of the model")]
}

/// −log₁₀ of the relative error, absolute where the certified value is 0; at most 16.
pub(crate) fn digits(value: f64, certified: f64) -> f64 {
    let error = if certified == 0.0 { value.abs() } else { ((value - certified) / certified).abs() };
    (-error.log10()).clamp(0.0, 16.0)
}
