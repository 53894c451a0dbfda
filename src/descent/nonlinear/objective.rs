//! The objective of a curve over the rows, in the coordinates of the descent.

use std::cell::RefCell;

use super::problem::Curve;
use crate::descent::Team;
use crate::descent::boxed::{self, Quadratic};
use crate::descent::losses::Shape;
use crate::descent::matrix::{Matrix, Whitening};
use crate::descent::objective::{Evaluation, Kinks, Lines, Objective, Tangent, largest_cosine};

/// Columns whose part outside the others is below this part of theirs count as dependent when they are solved for.
const DEPENDENT: f64 = 1e-13;

/// See the module.
pub(in crate::descent) struct Curved<'a> {
    curve: &'a Curve,
    team: &'a dyn Team,
    /// The last tangent and where it is: the stopping rule and the method ask for the same one.
    last: RefCell<Option<(Vec<f64>, Tangent)>>,
}

impl<'a> Curved<'a> {
    pub(super) fn new(curve: &'a Curve, team: &'a dyn Team) -> Self {
        Self { curve, team, last: RefCell::new(None) }
    }

    pub(super) fn team(&self) -> &'a dyn Team {
        self.team
    }

    fn chain(&self, slopes: &[f64], weight: f64, gradient: &mut [f64]) {
        for ((to, slope), unit) in gradient.iter_mut().zip(slopes).zip(&self.curve.units) {
            *to = slope * unit / weight;
        }
    }

    /// Least squares for these linear parameters, the others as they are: [R z] with columns of length 1, and the lengths
    /// that they had.
    fn normed(&self, at: &[f64], linear: &[usize]) -> Option<(Matrix, Vec<f64>, Vec<f64>)> {
        let Curve { sample, tape, .. } = self.curve;
        let mut zeroed = at.to_vec();
        linear.iter().for_each(|k| zeroed[*k] = 0.0);
        let triangle = sample.linear(tape, &self.curve.uniforms(&zeroed), linear, self.team)?;
        let (mut r, lanes) = (triangle.r(), sample.lanes);
        let norms: Vec<f64> = (0..r.columns()).map(|k| lanes.dot(r.column(k), r.column(k)).sqrt()).collect();
        for (k, norm) in norms.iter().enumerate().filter(|(_, norm)| **norm > 0.0) {
            r.column_mut(k).iter_mut().for_each(|value| *value /= norm);
        }
        Some((r, triangle.z(), norms))
    }

    /// Replaces the linear parameters by their best values for the others, within their ranges; where least squares says
    /// nothing of them, as with other losses, nothing happens. For looking at places, not for the last digits.
    pub(super) fn settle(&self, at: &mut [f64]) {
        let Curve { sample, units, kinks, .. } = self.curve;
        let linear = self.curve.settled();
        if linear.is_empty() || kinks.lower.is_empty() {
            self.project(at);
            return;
        }
        let Some((r, z, norms)) = self.normed(at, linear) else { return };
        let lanes = sample.lanes;
        let hessian =
            Matrix::from_columns(r.columns(), (0..r.columns()).map(|k| r.transposed_times(lanes, r.column(k))));
        // In units in which every column has length 1.
        let scaled = |ends: &[f64]| -> Vec<f64> {
            linear.iter().zip(&norms).map(|(k, norm)| ends[*k] * units[*k] * norm.max(f64::MIN_POSITIVE)).collect()
        };
        let (lower, upper) = (scaled(&kinks.lower), scaled(&kinks.upper));
        let from: Vec<f64> = lower.iter().zip(&upper).map(|(low, high)| 0.0f64.max(*low).min(*high)).collect();
        let slopes = hessian.times(lanes, &from);
        let gradient: Vec<f64> =
            slopes.iter().zip(r.transposed_times(lanes, &z)).map(|(slope, image)| slope - image).collect();
        let problem =
            Quadratic { hessian: &hessian, gradient: &gradient, at: &from, l1: &[], lower: &lower, upper: &upper };
        for ((k, value), norm) in
            linear.iter().zip(boxed::minimise(lanes, &problem, &|| self.is_given_up())).zip(&norms)
        {
            let value = kinks.clip(*k, value / (norm.max(f64::MIN_POSITIVE) * units[*k]));
            if value.is_finite() {
                at[*k] = value;
            }
        }
    }

    fn linearized(&self, at: &[f64]) -> Option<Tangent> {
        let Curve { sample, tape, units, penalty, .. } = self.curve;
        let uniforms = self.curve.uniforms(at);
        let found = sample.linearized(tape, &uniforms, self.curve.loss.as_ref(), self.team)?;
        let root = sample.weight_sum.sqrt();
        let mut triangle = found.triangle;
        if penalty.l2 > 0.0 {
            // A row √(W·l2)·unit for each coordinate, which comes out as the penalty below.
            let (p, factor) = (at.len(), penalty.l2.sqrt() * root);
            let mut rows = vec![0.0; (p + 1) * p];
            for k in 0..p {
                rows[k * p + k] = factor;
                rows[p * p + k] = factor * at[k] * units[k];
            }
            triangle.absorb(sample.lanes, &mut rows, p);
        }
        let mut r = triangle.r();
        for (k, unit) in units.iter().enumerate() {
            r.column_mut(k).iter_mut().for_each(|value| *value *= unit / root);
        }
        let z: Vec<f64> = triangle.z().iter().map(|value| value / root).collect();
        let gradient: Vec<f64> = r.transposed_times(sample.lanes, &z).iter().map(|value| 2.0 * value).collect();
        let squares = self.curve.add_penalty(at, &mut vec![0.0; at.len()]);
        let penalty = squares + self.curve.kinks.penalty(at);
        let evaluation = Evaluation { loss: found.loss / sample.weight_sum, penalty };
        Some(Tangent { r, z, gradient, evaluation }).filter(Tangent::is_finite)
    }
}

impl Objective for Curved<'_> {
    fn width(&self) -> usize {
        self.curve.tape.width()
    }

    fn evaluate(&self, at: &[f64], gradient: &mut [f64]) -> Evaluation {
        let Curve { sample, tape, .. } = self.curve;
        let uniforms = self.curve.uniforms(at);
        let sums = sample.sums(tape, &uniforms, self.curve.loss.as_ref(), self.team);
        self.chain(&tape.gradient(&uniforms, sums.adjoint), sample.weight_sum, gradient);
        let penalty = self.curve.add_penalty(at, gradient);
        Evaluation { loss: sums.loss / sample.weight_sum, penalty: penalty + self.curve.kinks.penalty(at) }
    }

    fn value(&self, at: &[f64]) -> Evaluation {
        let Curve { sample, tape, .. } = self.curve;
        let sum = sample.loss(tape, &self.curve.uniforms(at), self.curve.loss.as_ref(), self.team);
        let penalty = self.curve.add_penalty(at, &mut vec![0.0; at.len()]) + self.curve.kinks.penalty(at);
        Evaluation { loss: sum / sample.weight_sum, penalty }
    }

    fn evaluate_rows(&self, rows: &[u32], at: &[f64], gradient: &mut [f64]) -> bool {
        let Curve { sample, tape, .. } = self.curve;
        let uniforms = self.curve.uniforms(at);
        let sums = sample.sums_of_rows(tape, &uniforms, self.curve.loss.as_ref(), rows, self.team);
        // An unbiased estimate of the gradient over all rows, also where the weights differ.
        let weight = sample.weight_sum * rows.len() as f64 / sample.rows() as f64;
        self.chain(&tape.gradient(&uniforms, sums.adjoint), weight, gradient);
        self.curve.add_penalty(at, gradient);
        true
    }

    fn curvature(&self, _direction: &[f64]) -> Option<f64> {
        None
    }

    /// 2RᵀR: the curvature of the formula itself is left out (Gauss and Newton's method).
    fn hessian(&self, at: &[f64]) -> Option<Matrix> {
        let Tangent { r, .. } = self.tangent(at)?;
        let lanes = self.curve.sample.lanes;
        let columns = (0..r.columns()).map(|k| {
            let column = r.transposed_times(lanes, r.column(k));
            column.iter().map(|value| 2.0 * value).collect()
        });
        Some(Matrix::from_columns(r.columns(), columns)).filter(Matrix::is_finite)
    }

    fn steepness(&self, at: &[f64], gradient: &[f64], evaluation: Evaluation) -> f64 {
        let Some(Tangent { r, .. }) = self.tangent(at) else { return f64::INFINITY };
        let lanes = self.curve.sample.lanes;
        let norms: Vec<f64> = (0..r.columns()).map(|k| lanes.dot(r.column(k), r.column(k)).sqrt()).collect();
        let slopes = self.curve.kinks.steepest(at, gradient);
        largest_cosine(&slopes, &norms, evaluation.objective().abs(), self.floor())
    }

    fn has_walls(&self) -> bool {
        matches!(self.curve.shape, Shape::Likelihood | Shape::UnboundedLikelihood)
    }

    fn is_given_up(&self) -> bool {
        self.team.gives_up()
    }

    fn is_cut(&self) -> bool {
        self.team.was_told()
    }

    fn is_long(&self) -> bool {
        self.curve.sample.is_long()
    }

    fn kinks(&self) -> &Kinks {
        &self.curve.kinks
    }

    fn tangent(&self, at: &[f64]) -> Option<Tangent> {
        if let Some((place, tangent)) = self.last.borrow().as_ref()
            && place == at
        {
            return Some(tangent.clone());
        }
        let tangent = self.linearized(at)?;
        if !self.is_cut() {
            *self.last.borrow_mut() = Some((at.to_vec(), tangent.clone()));
        }
        Some(tangent)
    }

    fn floor(&self) -> f64 {
        if self.curve.shape == Shape::Quadratic { 16.0 * f64::EPSILON * self.curve.target_norm } else { 0.0 }
    }

    fn solved(&self) -> &[usize] {
        &self.curve.solved
    }

    fn project(&self, at: &mut [f64]) -> bool {
        let Curve { sample, units, solved, .. } = self.curve;
        if solved.is_empty() {
            return false;
        }
        let Some((r, z, norms)) = self.normed(at, solved) else { return false };
        let lanes = sample.lanes;
        let whitening = Whitening::new(lanes, r, z, DEPENDENT, &|| self.is_given_up());
        let solution = whitening.from.times(lanes, &whitening.optimum);
        for ((k, value), norm) in solved.iter().zip(solution).zip(&norms) {
            // A function that has vanished says nothing of its parameter.
            if *norm > 0.0 {
                at[*k] = value / (norm * units[*k]);
            }
        }
        at.iter().all(|value| value.is_finite())
    }

    fn lines(&self, at: &[f64]) -> Option<Lines> {
        let Curve { sample, tape, units, penalty, .. } = self.curve;
        if penalty.l2 > 0.0 || penalty.l1 > 0.0 {
            return None;
        }
        let uniforms = self.curve.uniforms(at);
        let columns = sample.jacobian(tape, &uniforms, self.team).into_iter().zip(units);
        let a = Matrix::from_columns(
            sample.rows(),
            columns.map(|(column, unit)| column.iter().map(|value| value * unit).collect()),
        );
        let image = a.times(sample.lanes, at);
        let predictions = sample.predictions(tape, &uniforms, self.team);
        if self.is_cut() {
            return None;
        }
        // r = f(at) − y + J·(φ − at).
        let b = (0..sample.rows()).map(|row| sample.target()[row] - predictions[row] + image[row]).collect();
        let mut lines = Lines { a, b, low: Vec::new(), high: Vec::new(), curvature: None };
        let weights: Vec<f64> = (0..sample.rows()).map(|row| sample.weight(row)).collect();
        for (away, slopes) in [(-1.0, &mut lines.low), (1.0, &mut lines.high)] {
            let mut eta: Vec<f64> = vec![away; sample.rows()];
            self.curve.loss.slopes(&mut eta, &vec![0.0; sample.rows()], &weights, sample.lanes);
            slopes.extend(eta.iter().map(|slope| slope / sample.weight_sum));
        }
        (lines.a.is_finite() && lines.b.iter().all(|value| value.is_finite())).then_some(lines)
    }
}
