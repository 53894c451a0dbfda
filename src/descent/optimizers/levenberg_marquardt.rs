//! `levenberg_marquardt`: steps to the minimum of the linearized residuals, damped until the objective falls (Marquardt 1963;
//! Moré 1978), on a QR of the Jacobian, never on its normal equations. Columns are scaled by the largest norms that they
//! have had; the damping follows Nielsen (1999). Parameters in which the formula is linear are not damped but solved for
//! at each trial, which makes this Kaufman's (1975) variable projection. Ranges are kept by solving each step again with
//! what left its range held at the end.
//!
//! Where differences of the objective are rounding, undamped steps go on for as long as the slopes shrink.

use super::super::GivenUp;
use super::super::lanes::Lanes;
use super::super::losses::Shape;
use super::super::matrix::Matrix;
use super::super::models::is_curve;
use super::super::objective::{Kinks, Objective, Tangent};
use super::super::registry::{Choice, Descriptor};
use super::super::same::same;
use super::super::spec::{Spec, SpecError};
use super::super::triangle::Triangle;
use super::{Advance, Holds, Method, Optimizer, Position, Setting, scale, stored, unsuited};

/// Trials of one step.
const TRIALS_MAX: usize = 60;
/// Halvings of a step that leads out of the objective's domain.
const HALVINGS_MAX: usize = 12;
/// The damping of the first step, in units of the scaled columns' squared norms.
const DAMPING_START: f64 = 1e-3;
/// Dampings below this are rounding, and those above it leave no step.
const DAMPING_MIN: f64 = 1e-30;
const DAMPING_MAX: f64 = 1e300;
/// The part of a promised decrease that makes a step good enough.
const DECREASE: f64 = 1e-4;
/// Decreases below this part of the objective are rounding.
const ROUNDING: f64 = 64.0 * f64::EPSILON;
/// The slopes' shrinking that makes another undamped step worth while.
const SHRINK: f64 = 0.7;
/// The part of the residual along the Jacobian's columns below which an end that rounding made is an optimum.
const FLAT: f64 = 1e-6;
/// The default tolerance of the stopping rule; up to it the method goes on until the steps are rounding.
const OWN_TOLERANCE: f64 = 1e-10;
/// Columns whose part outside the others is below this part of them are left out of a step.
const DEPENDENT: f64 = 1e-15;

pub(super) struct LevenbergMarquardt;

static DESCRIPTOR: Descriptor = Descriptor {
    kind: "levenberg_marquardt",
    summary: "Damped Gauss-Newton steps for curves, on a QR of the Jacobian; linear parameters are solved for.",
    params: &[],
};

impl Method for LevenbergMarquardt {
    fn descriptor(&self) -> &'static Descriptor {
        &DESCRIPTOR
    }

    fn resolve(&self, spec: Spec, _shape: Shape) -> Spec {
        scale(spec, "none")
    }

    fn check(&self, spec: &Spec, shape: Shape) -> Option<SpecError> {
        if !is_curve(&spec.model) {
            return unsuited("", "levenberg_marquardt is for curves; auto is exact for models that are linear");
        }
        if shape == Shape::PiecewiseLinear {
            return unsuited("", "levenberg_marquardt needs a smooth loss; active_set takes absolute and quantile");
        }
        if spec.penalty.l1 > 0.0 {
            return unsuited("", "levenberg_marquardt takes no l1 penalty; newton does");
        }
        None
    }

    fn holds(&self, _choice: &Choice) -> Holds {
        Holds::Tangent
    }

    fn build(&self, _choice: &Choice, setting: &Setting<'_>) -> Box<dyn Optimizer> {
        Box::new(Running { damping: DAMPING_START, factor: 2.0, scales: vec![0.0; setting.width], projected: false })
    }
}

struct Running {
    /// μ, and by how much the next failure raises it.
    damping: f64,
    factor: f64,
    /// The largest norm that each column has had.
    scales: Vec<f64>,
    /// Whether the linear parameters have been solved for once.
    projected: bool,
}

/// A linearized problem to be solved for a step within ranges.
#[derive(Clone, Copy)]
struct Step<'a> {
    lanes: Lanes,
    tangent: &'a Tangent,
    scales: &'a [f64],
    /// Coordinates without damping.
    solved: &'a [usize],
    kinks: &'a Kinks,
    at: &'a [f64],
    given_up: GivenUp<'a>,
}

impl Step<'_> {
    fn range(&self, k: usize) -> (f64, f64) {
        let low = self.kinks.lower.get(k).copied().unwrap_or(f64::NEG_INFINITY);
        let high = self.kinks.upper.get(k).copied().unwrap_or(f64::INFINITY);
        (low, high)
    }

    /// Coordinates at an end of their range that the slope holds there.
    fn held(&self) -> Vec<Option<f64>> {
        let outward = |k: usize| {
            let (low, high) = self.range(k);
            let slope = self.tangent.gradient[k];
            (same(self.at[k], low) && slope >= 0.0) || (same(self.at[k], high) && slope <= 0.0)
        };
        (0..self.at.len()).map(|k| outward(k).then_some(0.0)).collect()
    }

    /// The move that minimizes ‖R·d + z‖² + μ‖D·d‖² within the ranges, up to the order in which they are met.
    fn solve(&self, damping: f64) -> Vec<f64> {
        let mut held = self.held();
        loop {
            let moves = self.solve_free(damping, &held);
            let mut left = false;
            for (k, place) in held.iter_mut().enumerate().filter(|(_, place)| place.is_none()) {
                let (low, high) = self.range(k);
                let to = self.at[k] + moves[k];
                if to < low || to > high {
                    *place = Some(if to < low { low } else { high } - self.at[k]);
                    left = true;
                }
            }
            if !left || (self.given_up)() {
                return moves;
            }
        }
    }

    /// The same where some moves are given.
    fn solve_free(&self, damping: f64, held: &[Option<f64>]) -> Vec<f64> {
        let p = self.at.len();
        let free: Vec<usize> = (0..p).filter(|k| held[*k].is_none()).collect();
        let mut moves: Vec<f64> = held.iter().map(|place| place.unwrap_or(0.0)).collect();
        let (r, z) = (&self.tangent.r, &self.tangent.z);
        let width = free.len();
        let mut block = Vec::with_capacity((width + 1) * p);
        for k in &free {
            block.extend(r.column(*k).iter().map(|value| value / self.scales[*k].max(f64::MIN_POSITIVE)));
        }
        let given = r.times(self.lanes, &moves);
        block.extend(z.iter().zip(&given).map(|(z, given)| -(z + given)));
        let mut triangle = Triangle::empty(width + 1);
        triangle.absorb(self.lanes, &mut block, p);
        if damping > 0.0 {
            let mut rows = vec![0.0; (width + 1) * width];
            for (at, _) in free.iter().enumerate().filter(|(_, k)| !self.solved.contains(k)) {
                rows[at * width + at] = damping.sqrt();
            }
            triangle.absorb(self.lanes, &mut rows, width);
        }
        let solution = back_substitute(&triangle.r(), &triangle.z());
        for (k, value) in free.iter().zip(solution) {
            moves[*k] = value / self.scales[*k].max(f64::MIN_POSITIVE);
        }
        moves
    }

    /// ‖z‖² − ‖R·d + z‖²: what the linearized problem promises for a move.
    fn promised(&self, moves: &[f64]) -> f64 {
        let image = self.tangent.r.times(self.lanes, moves);
        let z = &self.tangent.z;
        // −(R·d)·(2z + R·d), which keeps its digits when it is small.
        -image.iter().zip(z).map(|(image, z)| image * 2.0f64.mul_add(*z, *image)).sum::<f64>()
    }

    /// The norm of z along the columns that may move.
    fn offset(&self) -> f64 {
        let held = self.held();
        let p = self.at.len();
        let free: Vec<usize> = (0..p).filter(|k| held[*k].is_none()).collect();
        let mut block: Vec<f64> = free.iter().flat_map(|k| self.tangent.r.column(*k).to_vec()).collect();
        block.extend(&self.tangent.z);
        let mut triangle = Triangle::empty(free.len() + 1);
        triangle.absorb(self.lanes, &mut block, p);
        // A row whose column depends on those before it is rounding: no move changes what stands in it.
        let r = triangle.r();
        let reached = triangle.z().into_iter().enumerate().filter(|(k, _)| {
            let column = &r.column(*k)[..=*k];
            r.at(*k, *k).abs() > ROUNDING * self.lanes.dot(column, column).sqrt()
        });
        reached.map(|(_, z)| z * z).sum::<f64>().sqrt()
    }
}

/// A place after a part of a move.
fn moved(at: &[f64], moves: &[f64], part: f64) -> Vec<f64> {
    at.iter().zip(moves).map(|(value, d)| part.mul_add(*d, *value)).collect()
}

/// The solution of a triangular system, with 0 for what hardly depends on its row.
fn back_substitute(r: &Matrix, z: &[f64]) -> Vec<f64> {
    let p = z.len();
    let largest = (0..p).fold(0.0f64, |largest, k| largest.max(r.at(k, k).abs()));
    let mut out = vec![0.0; p];
    for k in (0..p).rev() {
        if r.at(k, k).abs() <= DEPENDENT * largest {
            continue;
        }
        let known = (k + 1..p).fold(0.0, |sum, j| r.at(k, j).mul_add(out[j], sum));
        out[k] = (z[k] - known) / r.at(k, k);
    }
    out
}

impl Running {
    /// A trial: the position and tangent at `at` with the linear parameters solved for; nothing where it is not finite.
    fn trial(objective: &dyn Objective, mut at: Vec<f64>) -> Option<(Position, Tangent)> {
        objective.kinks().clip_all(&mut at);
        objective.project(&mut at);
        if at.iter().any(|value| !value.is_finite()) {
            return None;
        }
        let tangent = objective.tangent(&at)?;
        // The tangent's own gradient is the same up to rounding, but a run that is resumed evaluates the objective.
        let mut gradient = vec![0.0; at.len()];
        let evaluation = objective.evaluate(&at, &mut gradient);
        Some((Position { at, gradient, evaluation }, tangent))
    }

    /// The position after a move, and the part of the move that was made: where the objective is not finite at its end, as
    /// beyond the means that a likelihood allows, it is halved. Near such a wall this is affine scaling, since the curvature
    /// of a likelihood grows there.
    fn within_domain(objective: &dyn Objective, at: &[f64], moves: &[f64]) -> Option<(Position, f64)> {
        let mut part = 1.0;
        for _ in 0..if objective.has_walls() { HALVINGS_MAX } else { 1 } {
            if let Some((position, _)) = Self::trial(objective, moved(at, moves, part)) {
                return Some((position, part));
            }
            part *= 0.5;
        }
        None
    }

    /// The end of the descent: an optimum where hardly anything of the residual lies along the columns.
    fn end(objective: &dyn Objective, offset: f64, here: &Position) -> Advance {
        let residual = here.evaluation.objective().abs().sqrt();
        if offset <= (FLAT * residual).max(objective.floor()) { Advance::Optimal } else { Advance::Stuck }
    }
}

/// A step that was left half-way.
struct HalfWay;

impl Running {
    /// The first of all: the linear parameters solved for, where that is better.
    fn projected(&mut self, objective: &dyn Objective, here: &mut Position) -> bool {
        if std::mem::replace(&mut self.projected, true) {
            return false;
        }
        match Self::trial(objective, here.at.clone()) {
            Some((position, _)) if position.evaluation.objective() < here.evaluation.objective() => {
                *here = position;
                true
            }
            _ => false,
        }
    }

    /// A damped step that makes the objective fall by more than `noise`; nothing where there is none. An error where nobody
    /// waits for one any more.
    fn damped(
        &mut self,
        objective: &dyn Objective,
        step: &Step<'_>,
        here: &Position,
        noise: f64,
    ) -> Result<Option<Position>, HalfWay> {
        let unchanged = (self.damping, self.factor);
        let before = here.evaluation.objective();
        for _ in 0..TRIALS_MAX {
            if objective.is_given_up() {
                (self.damping, self.factor) = unchanged;
                return Err(HalfWay);
            }
            let moves = step.solve(self.damping);
            let promised = step.promised(&moves);
            if promised <= noise || promised.is_nan() || moved(&here.at, &moves, 1.0) == here.at {
                return Ok(None);
            }
            if let Some((position, part)) = Self::within_domain(objective, &here.at, &moves) {
                let fall = before - position.evaluation.objective();
                if fall > DECREASE * part * promised {
                    // A step that was cut short says nothing of the damping.
                    if same(part, 1.0) {
                        let gain = 2.0f64.mul_add(fall / promised, -1.0);
                        self.damping = (self.damping * (1.0 - gain * gain * gain).max(1.0 / 3.0)).max(DAMPING_MIN);
                    }
                    self.factor = 2.0;
                    return Ok(Some(position));
                }
            }
            self.damping = (self.damping * self.factor).min(DAMPING_MAX);
            self.factor *= 2.0;
        }
        Ok(None)
    }

    /// An undamped step after which less of the residual lies along the columns, where what can be gained does not show in
    /// the objective any more.
    fn polished(objective: &dyn Objective, step: &Step<'_>, here: &Position, noise: f64) -> Option<Position> {
        let to = moved(&here.at, &step.solve(0.0), 1.0);
        if to == here.at {
            return None;
        }
        let (position, tangent) = Self::trial(objective, to)?;
        let next = Step { tangent: &tangent, at: &position.at, ..*step };
        let close = position.evaluation.objective() <= here.evaluation.objective() + noise;
        let flatter = close && next.offset() < SHRINK * step.offset();
        flatter.then_some(position)
    }
}

impl Optimizer for Running {
    fn advance(&mut self, objective: &dyn Objective, here: &mut Position) -> Advance {
        if self.projected(objective, here) {
            return Advance::Evaluated;
        }
        let Some(tangent) = objective.tangent(&here.at) else { return Advance::Stuck };
        let lanes = Lanes::chosen();
        for (k, scale) in self.scales.iter_mut().enumerate() {
            let column = tangent.r.column(k);
            *scale = scale.max(lanes.dot(column, column).sqrt());
        }
        let scales = self.scales.clone();
        let (solved, kinks) = (objective.solved(), objective.kinks());
        let from = here.clone();
        let given_up = || objective.is_given_up();
        let step = Step { lanes, tangent: &tangent, scales: &scales, solved, kinks, at: &from.at, given_up: &given_up };
        // Each residual is off by the rounding of the model, and the sum of squares by twice that times the residual.
        let before = here.evaluation.objective().abs();
        let noise = ROUNDING.mul_add(before, 2.0 * objective.floor() * before.sqrt());
        match self.damped(objective, &step, &from, noise) {
            Ok(Some(position)) => {
                *here = position;
                return Advance::Evaluated;
            }
            Ok(None) => {}
            // The scales are running maxima of what is here: taking them again changes nothing.
            Err(HalfWay) => return Advance::GivenUp,
        }
        match Self::polished(objective, &step, &from, noise) {
            Some(position) => {
                *here = position;
                self.damping = DAMPING_MIN;
                Advance::Evaluated
            }
            None => Self::end(objective, step.offset(), here),
        }
    }

    fn own_tolerance(&self) -> f64 {
        OWN_TOLERANCE
    }

    fn state(&self) -> Vec<(String, Vec<f64>)> {
        let damping = vec![self.damping, self.factor, f64::from(u8::from(self.projected))];
        vec![("damping".to_owned(), damping), ("scales".to_owned(), self.scales.clone())]
    }

    fn restore(&mut self, state: &[(String, Vec<f64>)]) -> bool {
        let (Some(damping), Some(scales)) = (stored(state, "damping", 3), stored(state, "scales", self.scales.len()))
        else {
            return false;
        };
        (self.damping, self.factor, self.projected) = (damping[0], damping[1], damping[2] > 0.5);
        self.scales = scales.to_vec();
        true
    }
}
