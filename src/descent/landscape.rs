//! The objective around a fit, and the model at any of its coefficients: what pictures of a fit are made of. Bounds are no
//! part of it: a picture may look beyond them.

use std::sync::Arc;

use super::design::Design;
use super::nonlinear::CurveLandscape;
use super::objective::Chart;
use super::outcome::Predictor;
use super::point::Ground as _;
use super::problem::Problem;
use super::registry::{Choice, Value};
use super::spec::{Spec, Split};
use super::{Dataset, Lanes, Representation, Team, models, report, validation};

/// The rows that a fit is fitted to, of so many; nothing where they are all of them.
pub fn training_rows(spec: &Spec, rows: usize) -> Option<Vec<usize>> {
    match spec.validation.as_ref().map(|validation| &validation.split) {
        // In the end the fit is made of all rows.
        None | Some(Split::Folds(..)) => None,
        Some(split) => Some(validation::parts(split, rows, 0).training),
    }
}

/// The target as the model takes it, of a model of classes as their indices; nothing where there is no such column.
pub fn target_values(model: &Choice, data: &Dataset) -> Option<Arc<[f64]>> {
    let classes = models::family(model).ok()?.classes(model, data);
    models::target(&classes, model, data)
}

/// What predictions at these coefficients, in the fixed order, need; nothing if they are not the model's.
pub fn predictor_at(spec: &Spec, data: &Dataset, coefficients: &[f64], team: &dyn Team) -> Option<Predictor> {
    if models::is_curve(&spec.model) {
        let coefficients = coefficients.to_vec();
        let (basis, levels, classes) = (Vec::new(), Vec::new(), Vec::new());
        return Some(Predictor { basis, coefficients, levels, classes, band: None });
    }
    let design = Design::new(&spec.model, spec.weights.as_ref(), data, Lanes::chosen(), team).ok()?;
    if coefficients.len() != design.basis.width() * design.outputs() {
        return None;
    }
    let (basis, shift) = (design.basis.as_ref(), design.target_shift);
    let internal = models::to_internal_order(basis, coefficients);
    let working = Chart::Data.to_working(basis, shift, design.lanes, &internal);
    Some(report::predictor_of(spec, data, &design, working))
}

/// The objective of a fit at any coefficients.
pub struct Landscape {
    ground: Ground,
    /// Each row of these many is in it.
    every: usize,
}

enum Ground {
    Linear(Box<Problem>),
    Curve(Box<CurveLandscape>),
}

impl Landscape {
    /// The landscape of a resolved fit, over at most about `rows_max` of its rows, which lie evenly among all. The scale of
    /// a robust loss, where the fit has chosen one, is `loss_scale`. Nothing if the model cannot be bound to the data.
    pub fn new(data: &Dataset, spec: &Spec, loss_scale: Option<f64>, rows_max: usize, team: &dyn Team) -> Option<Self> {
        let weights = spec.weights.as_ref().and_then(|weights| data.column(&weights.column));
        let counts = |row: &usize| weights.is_none_or(|weights| weights[*row] > 0.0);
        let training = training_rows(spec, data.rows()).unwrap_or_else(|| (0..data.rows()).collect());
        let counted: Vec<usize> = training.into_iter().filter(counts).collect();
        let every = counted.len().div_ceil(rows_max.max(1)).max(1);
        let chosen: Vec<usize> = counted.into_iter().step_by(every).collect();
        if chosen.is_empty() {
            return None;
        }
        let data = data.subset(&chosen);
        let loss = match loss_scale {
            Some(scale) => spec.loss.clone().with("delta", Value::Number(scale)),
            None => spec.loss.clone(),
        };
        let spec = Spec {
            loss,
            optimizer: Choice::named("gradient_descent"),
            scaling: Choice::named("none"),
            bounds: Vec::new(),
            restarts: None,
            validation: None,
            ..spec.clone()
        };
        let ground = match models::equation(&spec.model) {
            Some(equation) => Ground::Curve(Box::new(CurveLandscape::new(equation, &spec, &data)?)),
            None => {
                let how = (Lanes::chosen(), Representation::Compressed);
                Ground::Linear(Box::new(Problem::new(&data, &spec, team, how).ok()?))
            }
        };
        Some(Self { ground, every })
    }

    /// One of how many rows is in it.
    #[must_use]
    pub fn every(&self) -> usize {
        self.every
    }

    /// The objective at each of these places: coefficients in data units, in the fixed order.
    pub fn objectives(&self, places: impl Iterator<Item = Vec<f64>>, team: &dyn Team) -> Vec<f64> {
        match &self.ground {
            Ground::Curve(curve) => places.map(|place| curve.objective(&place, team)).collect(),
            Ground::Linear(problem) => {
                let objective = problem.objective(team);
                let value = |place: Vec<f64>| objective.value(&problem.at(&place)).objective();
                places.map(value).collect()
            }
        }
    }

    /// Where the objective is lowest, where that is known without a descent.
    #[must_use]
    pub fn optimum(&self) -> Option<Vec<f64>> {
        match &self.ground {
            Ground::Linear(problem) => problem.exact_optimum(),
            Ground::Curve(_) => None,
        }
    }
}
