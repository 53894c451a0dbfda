//! A fit to a curve made ready: the tape bound to the rows, the loss with its scale, the coordinates of the descent.
//!
//! A coordinate is a free parameter over its unit, a power of two: 1 where the descent is the textbook's, else such that
//! the columns of the Jacobian at the start have about one length.

use super::equation::Equation;
use super::objective::Curved;
use super::sample::Sample;
use crate::descent::formula::{Tape, Uniforms};
use crate::descent::losses::{self, About, Loss, Shape};
use crate::descent::objective::{Kinks, Objective, Spectrum};
use crate::descent::optimizers::{Optimizer, Scaling, Setting, method, scaling};
use crate::descent::point::Ground;
use crate::descent::registry::{Choice, Value};
use crate::descent::spec::{Penalty, Spec};
use crate::descent::{Dataset, Lanes, Team};

/// Residuals below this part of the data are rounding errors of evaluating the formula.
const FLOAT_LIMIT: f64 = 1e-12;

/// A fit to a curve made ready.
pub(in crate::descent) struct Curve {
    pub(super) equation: Equation,
    pub(super) tape: Tape,
    pub(super) sample: Sample,
    pub(super) loss: Box<dyn Loss>,
    pub(super) shape: Shape,
    pub(super) penalty: Penalty,
    /// By free parameter.
    pub(super) units: Vec<f64>,
    pub(super) kinks: Kinks,
    /// All parameters; those that are free or tied hold nothing that counts.
    base: Vec<f64>,
    /// The free parameters that least squares can solve for; none where the objective is another.
    pub(super) solved: Vec<usize>,
    /// The root of the mean squared target.
    pub(super) target_norm: f64,
    /// Where a robust loss turns, as given or chosen.
    pub(super) delta: Option<f64>,
}

impl Curve {
    /// Binds a checked equation to data of which every row counts.
    pub(super) fn new(equation: Equation, spec: &Spec, data: &Dataset, lanes: Lanes) -> Option<Self> {
        let tape = equation.compile().ok()?;
        let target = spec.model.text("target")?;
        let sample = Sample::new(&equation.columns, target, spec.weights.as_ref(), data, lanes)?;
        let kind = losses::kind(&spec.loss)?;
        // The scale of a robust loss is chosen before: see `run`.
        let about = About { classes: &[], class_sums: &[], outputs: 1, spread: 1.0, of_mean: true };
        let loss = kind.build(&spec.loss, &about);
        let squares: f64 = (0..sample.rows()).map(|row| sample.weight(row) * sample.target()[row].powi(2)).sum();
        let plain = spec.penalty.l1 == 0.0 && spec.penalty.l2 == 0.0 && kind.shape() == Shape::Quadratic;
        let base = equation
            .parameters
            .iter()
            .map(|parameter| parameter.start.unwrap_or(parameter.min.max(0.0).min(parameter.max)))
            .collect();
        let ranged = |k: &usize| {
            let parameter = &equation.parameters[tape.free().nth(*k).unwrap_or(0)];
            parameter.min > f64::NEG_INFINITY || parameter.max < f64::INFINITY
        };
        let solved = if plain { tape.linear().iter().copied().filter(|k| !ranged(k)).collect() } else { Vec::new() };
        let units = vec![1.0; tape.width()];
        let target_norm = (squares / sample.weight_sum).sqrt();
        let (penalty, shape, delta) = (spec.penalty, kind.shape(), spec.loss.number("delta"));
        let kinks = Kinks::default();
        let mut curve =
            Self { equation, tape, sample, loss, shape, penalty, units, kinks, base, solved, target_norm, delta };
        curve.kinks = curve.kinks();
        Some(curve)
    }

    /// The same with units taken from the Jacobian at these parameters, where the specification asks for them.
    pub(super) fn scaled(mut self, spec: &Spec, at: &[f64], team: &dyn Team) -> Self {
        if !matches!(scaling(&spec.scaling), Some(Scaling::Standardize)) {
            return self;
        }
        let uniforms = self.uniforms_at(at);
        let jacobian = self.sample.jacobian(&self.tape, &uniforms, team);
        for (unit, column) in self.units.iter_mut().zip(&jacobian) {
            let norm = (self.sample.lanes.dot(column, column) / self.sample.rows() as f64).sqrt();
            let power = libm::floor(libm::log2(self.target_norm.max(f64::MIN_POSITIVE) / norm));
            if norm.is_finite() && norm > 0.0 && power.abs() < 500.0 {
                *unit = libm::exp2(power);
            }
        }
        self.kinks = self.kinks();
        self
    }

    /// The same with units that are known; nothing if they are those of another curve.
    pub(super) fn with_units(mut self, units: &[f64]) -> Option<Self> {
        if units.len() != self.units.len() {
            return None;
        }
        self.units = units.to_vec();
        self.kinks = self.kinks();
        Some(self)
    }

    fn kinks(&self) -> Kinks {
        let free: Vec<_> = self.tape.free().map(|index| &self.equation.parameters[index]).collect();
        let mut kinks = Kinks::default();
        if self.penalty.l1 > 0.0 {
            kinks.l1 = self.units.iter().map(|unit| self.penalty.l1 * unit).collect();
        }
        if free.iter().any(|parameter| parameter.min > f64::NEG_INFINITY || parameter.max < f64::INFINITY) {
            let ends = free.iter().zip(&self.units);
            (kinks.lower, kinks.upper) = ends.map(|(range, unit)| (range.min / unit, range.max / unit)).unzip();
        }
        kinks
    }

    /// Coordinates → values of the free parameters.
    pub(super) fn free(&self, at: &[f64]) -> Vec<f64> {
        at.iter().zip(&self.units).map(|(value, unit)| value * unit).collect()
    }

    /// Values of all parameters → coordinates within their ranges.
    pub(super) fn coordinates(&self, all: &[f64]) -> Vec<f64> {
        let mut at: Vec<f64> = self.tape.free().zip(&self.units).map(|(index, unit)| all[index] / unit).collect();
        self.kinks.clip_all(&mut at);
        at
    }

    /// The uniform part of the tape at these coordinates.
    pub(super) fn uniforms(&self, at: &[f64]) -> Uniforms {
        self.uniforms_at(&self.spread_out(&self.free(at)))
    }

    fn uniforms_at(&self, all: &[f64]) -> Uniforms {
        self.tape.uniforms(all)
    }

    /// All parameters with these values of the free ones; tied ones are left to the tape.
    fn spread_out(&self, free: &[f64]) -> Vec<f64> {
        let mut all = self.base.clone();
        self.tape.free().zip(free).for_each(|(index, value)| all[index] = *value);
        all
    }

    /// All parameters at these coordinates.
    pub(super) fn all(&self, at: &[f64]) -> Vec<f64> {
        self.uniforms(at).parameters().to_vec()
    }

    /// The free parameters that least squares can solve for within their ranges; none where the objective is another.
    pub(super) fn settled(&self) -> &[usize] {
        let plain = self.penalty.l1 == 0.0 && self.penalty.l2 == 0.0 && self.shape == Shape::Quadratic;
        if plain { self.tape.linear() } else { &[] }
    }

    /// Holds a fixed parameter at another value.
    pub(super) fn set(&mut self, index: usize, value: f64) {
        self.base[index] = value;
    }

    /// The loss of these rows at values of all parameters, a row by weight.
    pub(super) fn mean_loss(&self, all: &[f64], loss: &dyn Loss, team: &dyn Team) -> f64 {
        self.sample.loss(&self.tape, &self.uniforms_at(all), loss, team) / self.sample.weight_sum
    }

    /// The variance of the target, by weight.
    pub(super) fn variance(&self) -> f64 {
        let sample = &self.sample;
        let rows = || (0..sample.rows()).map(|row| (sample.weight(row), sample.target()[row]));
        let mean = rows().map(|(weight, y)| weight * y).sum::<f64>() / sample.weight_sum;
        rows().map(|(weight, y)| weight * (y - mean) * (y - mean)).sum::<f64>() / sample.weight_sum
    }

    /// The objective over the rows.
    pub(super) fn objective<'a>(&'a self, team: &'a dyn Team) -> Curved<'a> {
        Curved::new(self, team)
    }

    /// The smooth penalty at these coordinates, its slopes added to `gradient`.
    pub(super) fn add_penalty(&self, at: &[f64], gradient: &mut [f64]) -> f64 {
        let mut sum = 0.0;
        if self.penalty.l2 > 0.0 {
            for ((value, unit), slope) in at.iter().zip(&self.units).zip(gradient) {
                let theta = value * unit;
                sum += self.penalty.l2 * theta * theta;
                *slope += 2.0 * self.penalty.l2 * theta * unit;
            }
        }
        sum
    }

    /// The loss that was asked for, with the scale that was chosen for it.
    pub(super) fn loss_as_chosen(&self, spec: &Spec) -> Choice {
        match self.delta {
            Some(delta) => spec.loss.clone().with("delta", Value::Number(delta)),
            None => spec.loss.clone(),
        }
    }

    /// Whether a loss is that of an exact fit: what is left is rounding.
    pub(super) fn is_exactly(&self, loss: f64) -> bool {
        self.shape == Shape::Quadratic && loss.sqrt() <= FLOAT_LIMIT * self.target_norm
    }
}

impl Ground for Curve {
    fn coefficients(&self, at: &[f64]) -> Vec<f64> {
        self.all(at)
    }

    fn slopes(&self, at: &[f64], gradient: &[f64]) -> Vec<f64> {
        let steepest = if self.kinks.is_empty() { gradient.to_vec() } else { self.kinks.steepest(at, gradient) };
        steepest.iter().zip(&self.units).map(|(slope, unit)| slope / unit).collect()
    }

    fn lanes(&self) -> Lanes {
        self.sample.lanes
    }

    fn shape(&self) -> Shape {
        self.shape
    }

    fn is_classifier(&self) -> bool {
        false
    }

    fn stable_spectrum(&self, _team: &dyn Team) -> Option<Spectrum> {
        None
    }

    fn optimizer(&self, spec: &Spec, _team: &dyn Team) -> Option<Box<dyn Optimizer>> {
        let setting = Setting {
            width: self.tape.width(),
            rows: self.sample.rows(),
            seed: spec.seed,
            max_iterations: spec.stop.max_iterations,
            spectrum: None,
            quadratic: false,
            curved: true,
            unit: 1.0,
        };
        Some(method(&spec.optimizer)?.build(&spec.optimizer, &setting))
    }

    fn objective<'a>(&'a self, team: &'a dyn Team) -> Box<dyn Objective + 'a> {
        Box::new(Curve::objective(self, team))
    }
}
