//! Properties that every entry of the registries has to have. Nothing is listed by hand: a new model, loss or optimizer is
//! covered as soon as it is registered.

use super::models::{self, Family, Response};
use super::objective::Objective;
use super::problem::Problem;
use super::registry::{Choice, Descriptor, Domain, Fallback, Parameter, Value};
use super::spec::{Covariance, Penalty, Spec, Start, Stop};
use super::*;

mod cancelling;
mod random;
mod resuming;
mod searching;

/// Uniform numbers in (0, 1) and normal ones, the same for ever.
pub(super) struct Noise(u64);

impl Noise {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x1234_5678)
    }

    pub(super) fn uniform(&mut self) -> f64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 11) as f64 + 0.5) / (1u64 << 53) as f64
    }

    pub(super) fn normal(&mut self) -> f64 {
        (-2.0 * libm::log(self.uniform())).sqrt() * libm::cos(std::f64::consts::TAU * self.uniform())
    }
}

/// A choice with the defaults of its descriptor.
pub(super) fn with_defaults(descriptor: &Descriptor) -> Choice {
    let mut choice = Choice::named(descriptor.kind);
    for param in descriptor.params {
        let value = match (param.fallback, param.domain) {
            (Fallback::Word(word), Domain::Choice(_)) => Value::Choice(Box::new(Choice::named(word))),
            (Fallback::Number(number), _) => Value::Number(number),
            (Fallback::Integer(number), _) => Value::Integer(number),
            (Fallback::Flag(flag), _) => Value::Flag(flag),
            (Fallback::Word(word), _) => Value::Text(word.to_owned()),
            (Fallback::ColumnY, _) => Value::Text("y".to_owned()),
            (Fallback::OtherColumns, _) => Value::List(vec!["a".to_owned(), "b".to_owned(), "c".to_owned()]),
            (Fallback::OnlyOtherColumn, _) => Value::Text("a".to_owned()),
            (Fallback::Required, Domain::Text) => Value::Text("p*exp(q*b)+r".to_owned()),
            (Fallback::Required, _) => Value::Integer(2),
            // A formula lists its parameters; a ready-made curve knows them.
            (Fallback::Absent, Domain::Parameters) if descriptor.kind == "formula" => Value::Parameters(
                [("p", 0.6), ("q", -0.3), ("r", 0.2)].map(|(name, start)| Parameter::free(name, Some(start))).into(),
            ),
            (Fallback::Absent, _) => continue,
        };
        choice.settings.insert(param.name.to_owned(), value);
    }
    choice
}

/// Data that suits a family: two columns of numbers, badly scaled by `scale`, one of categories, and a noisy target.
pub(super) fn sample(family: &dyn Family, rows: usize, seed: u64, scale: f64) -> Dataset {
    let mut noise = Noise::new(seed);
    let a: Vec<f64> = (0..rows).map(|_| noise.normal()).collect();
    let b: Vec<f64> = (0..rows).map(|_| noise.normal()).collect();
    let c: Vec<String> = (0..rows).map(|row| ["u", "v", "w"][row % 3].to_owned()).collect();
    let eta: Vec<f64> = (0..rows).map(|row| 0.3 + 0.8 * a[row] - 0.5 * b[row] + 0.2 * (row % 3) as f64).collect();
    let target = match family.response() {
        // Within (0, 1), where every loss of a curve has a meaning.
        Response::Identity if family.equation(&with_defaults(family.descriptor())).is_some() => {
            Column::Numbers(eta.iter().map(|eta| models::sigmoid(eta + 0.3 * noise.normal())).collect())
        }
        Response::Identity => Column::Numbers(eta.iter().map(|eta| eta + 0.3 * noise.normal()).collect()),
        Response::Exponential => Column::Numbers(
            eta.iter().map(|eta| (libm::exp(*eta) * (0.2 + 1.6 * noise.uniform())).round() + 1.0).collect(),
        ),
        response => {
            let classes = if response == Response::Sigmoid { 2.0 } else { 3.0 };
            let class = |eta: &f64| (models::sigmoid(eta - 0.3 + 1.5 * noise.normal()) * classes) as usize;
            Column::of_texts(&eta.iter().map(class).map(|k| ["no", "perhaps", "yes"][k].to_owned()).collect::<Vec<_>>())
        }
    };
    let a = a.iter().map(|a| 1e3 * scale + a * scale).collect();
    Dataset::of_columns(vec![
        ("a".to_owned(), Column::Numbers(a)),
        ("b".to_owned(), Column::Numbers(b)),
        ("c".to_owned(), Column::of_texts(&c)),
        ("y".to_owned(), target),
    ])
    .unwrap()
}

/// A specification with the service's defaults.
pub(super) fn spec(model: Choice, loss: Choice, optimizer: Choice) -> Spec {
    Spec {
        model,
        loss,
        optimizer,
        scaling: Choice::named("auto"),
        penalty: Penalty { l2: 0.0, l1: 0.0, on_standardized: true },
        start: Start::Zeros,
        stop: Stop { max_iterations: 10_000, gradient_tolerance: 1e-10, loss_tolerance: 0.0 },
        weights: None,
        seed: 1,
        covariance: Covariance::Classical,
        confidence: 0.95,
        bounds: Vec::new(),
        restarts: None,
        validation: None,
        diagnostics: false,
        profile: false,
    }
}

/// Every model with each of its losses.
pub(super) fn every_pair() -> Vec<(&'static dyn Family, Choice, Choice)> {
    let loss_of = |kind: &&str| losses::kind(&Choice::named(kind)).map(|kind| with_defaults(kind.descriptor()));
    models::REGISTRY
        .into_iter()
        .flat_map(|family| family.losses().iter().filter_map(loss_of).map(move |loss| (family, loss)))
        .map(|(family, loss)| (family, with_defaults(family.descriptor()), loss))
        .collect()
}

/// Every model that is linear in its parameters with each of its losses. Curves have more properties of their own: see
/// `nonlinear::properties`.
pub(super) fn pairs() -> Vec<(&'static dyn Family, Choice, Choice)> {
    every_pair().into_iter().filter(|(_, model, _)| !models::is_curve(model)).collect()
}

pub(super) struct Unwatched;

impl Observer for Unwatched {
    fn observe(&mut self, _step: &dyn Step) -> Control {
        Control::Continue
    }
}

fn fit(data: &Dataset, spec: Spec) -> (Spec, Outcome) {
    let spec = resolve(spec);
    let faults = check(&spec, data);
    assert!(faults.is_empty(), "{faults:?}");
    let outcome = run(data, &spec, &Alone, None, &mut Unwatched);
    (spec, outcome)
}

fn report(data: &Dataset, spec: Spec) -> Report {
    match fit(data, spec) {
        (_, Outcome::Stopped(report)) => *report,
        (spec, other) => panic!("{spec:?} ended as {other:?}"),
    }
}

fn how() -> (Lanes, Representation) {
    (Lanes::chosen(), Representation::Streamed)
}

#[test]
fn every_gradient_is_that_of_central_differences() {
    for (family, model, loss) in pairs() {
        let data = sample(family, 40, 3, 1.0);
        for scaling in ["none", "standardize", "whiten"] {
            let mut spec = resolve(spec(model.clone(), loss.clone(), Choice::named("adam")));
            spec.scaling = Choice::named(scaling);
            spec.penalty.l2 = 0.01;
            let Ok(problem) = Problem::new(&data, &spec, &Alone, how()) else { panic!("{spec:?}") };
            let objective = problem.streamed(&Alone);
            let mut noise = Noise::new(9);
            let at: Vec<f64> =
                (0..objective.width()).map(|_| noise.normal() * if scaling == "none" { 1e-3 } else { 0.2 }).collect();
            let mut gradient = vec![0.0; at.len()];
            objective.evaluate(&at, &mut gradient);
            let size = gradient.iter().fold(0.0f64, |size, slope| size.max(slope.abs()));
            for k in 0..at.len() {
                let h = 1e-6 * if scaling == "none" { 1e-2 } else { 1.0 };
                let value = |step: f64| {
                    let mut at = at.clone();
                    at[k] += step;
                    objective.evaluate(&at, &mut vec![0.0; at.len()]).objective()
                };
                let difference = (8.0 * (value(h) - value(-h)) - (value(2.0 * h) - value(-2.0 * h))) / (12.0 * h);
                let error = (difference - gradient[k]).abs();
                assert!(
                    error <= 2e-5 * size.max(1e-3),
                    "{} {} {scaling} {k}: {difference} {}",
                    model.kind,
                    loss.kind,
                    gradient[k]
                );
            }
        }
    }
}

#[test]
fn every_hessian_of_a_likelihood_is_that_of_differences_of_the_gradient() {
    for (family, model, loss) in pairs() {
        let shape = losses::kind(&loss).map(losses::LossKind::shape).unwrap();
        if !matches!(shape, losses::Shape::Quadratic | losses::Shape::Likelihood | losses::Shape::UnboundedLikelihood) {
            continue;
        }
        let data = sample(family, 50, 5, 1.0);
        let mut spec = resolve(spec(model.clone(), loss.clone(), Choice::named("newton")));
        spec.penalty.l2 = 0.02;
        let Ok(problem) = Problem::new(&data, &spec, &Alone, how()) else { panic!("{spec:?}") };
        let objective = problem.streamed(&Alone);
        let at: Vec<f64> = (0..objective.width()).map(|k| 0.1 * (k as f64 - 2.0)).collect();
        let hessian = objective.hessian(&at).unwrap();
        // Along the same shift of all classes a Hessian may be bent; their differences tell.
        let inner = problem.chart.width(problem.design.basis.as_ref());
        let other = |k: usize| (k + inner) % at.len();
        for k in 0..at.len() {
            let sign = if problem.design.outputs() > 1 { -1.0 } else { 0.0 };
            let gradient = |step: f64| {
                let mut at = at.clone();
                at[k] += step;
                at[other(k)] += sign * step;
                let mut out = vec![0.0; at.len()];
                objective.evaluate(&at, &mut out);
                out
            };
            let (above, below) = (gradient(1e-5), gradient(-1e-5));
            for j in 0..at.len() {
                let difference = (above[j] - below[j]) / 2e-5;
                let ours = hessian.at(j, k) + sign * hessian.at(j, other(k));
                assert!((difference - ours).abs() < 1e-6, "{} {j} {k}: {difference} {ours}", model.kind);
            }
        }
    }
}

#[test]
fn auto_converges_for_every_model_and_loss_at_any_scale_and_order_of_rows() {
    for (family, model, loss) in pairs() {
        let mut known: Option<Report> = None;
        for scale in [1.0, 1e-5, 1e6] {
            let data = sample(family, 90, 7, scale);
            let order: Vec<usize> = (0..90).map(|row| (row * 37) % 90).collect();
            for data in [data.clone(), data.subset(&order)] {
                let found = report(&data, spec(model.clone(), loss.clone(), Choice::named("auto")));
                let label = format!("{} {} at {scale}", model.kind, loss.kind);
                assert!(
                    found.converged,
                    "{label}: {:?} {:?} after {}",
                    found.stop_reason, found.warnings, found.iterations
                );
                let known = known.get_or_insert_with(|| found.clone());
                let same = |x: f64, y: f64| (x - y).abs() <= 1e-8 * (x.abs() + y.abs()) + 1e-10;
                assert!(same(known.loss, found.loss), "{label}: {} {}", known.loss, found.loss);
                for (name, (x, y)) in found.names.iter().zip(known.coefficients.iter().zip(&found.coefficients)) {
                    let unit = if name.ends_with("a^2") {
                        scale * scale
                    } else if name.ends_with('a') {
                        scale
                    } else {
                        1.0
                    };
                    // The second power of a column far from 0 leaves few digits to the others.
                    let polynomial = model.kind == "polynomial";
                    assert!(
                        polynomial || same(*x, y * unit) || (x - y * unit).abs() < 1e-6 * x.abs().max(1.0),
                        "{label} {name}: {x} {}",
                        y * unit
                    );
                }
            }
        }
    }
}

#[test]
fn every_optimizer_reaches_the_optimum_that_auto_proves() {
    for (family, model, loss) in pairs() {
        if model.kind == "polynomial" || loss.kind == "cauchy" {
            continue;
        }
        let shape = losses::kind(&loss).map(losses::LossKind::shape).unwrap();
        let data = sample(family, 60, 11, 1.0);
        let mut base = spec(model.clone(), loss.clone(), Choice::named("auto"));
        if shape != losses::Shape::PiecewiseLinear {
            base.penalty.l2 = 1e-3;
        }
        let best = report(&data, base.clone());
        for method in optimizers::REGISTRY {
            let mut spec = Spec { optimizer: with_defaults(method.descriptor()), ..base.clone() };
            if method.descriptor().param("schedule").is_some() {
                let schedule =
                    Choice::named("exponential").with("every", Value::Integer(1000)).with("factor", Value::Number(0.5));
                if method.descriptor().kind != "gradient_descent" || shape == losses::Shape::PiecewiseLinear {
                    spec.optimizer = spec.optimizer.with("schedule", Value::Choice(Box::new(schedule)));
                }
            }
            if method.descriptor().kind == "adamw" {
                spec.optimizer = spec.optimizer.with("weight_decay", Value::Number(0.0));
            }
            let spec = resolve(spec);
            if !check(&spec, &data).is_empty() {
                continue;
            }
            let found = report(&data, spec.clone());
            let excess = (found.objective - best.objective) / best.objective;
            let allowed = if shape == losses::Shape::PiecewiseLinear { 1e-3 } else { 1e-6 };
            assert!(
                excess.abs() <= allowed,
                "{} {} {}: {excess:e} {:?}",
                model.kind,
                loss.kind,
                spec.optimizer.kind,
                found.stop_reason
            );
        }
    }
}
