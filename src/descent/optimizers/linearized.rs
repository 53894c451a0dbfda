//! Kinked losses on curves: the residuals are replaced by their tangents, the sum of kinked lines is minimized exactly
//! within a trusted range around the point, and the range follows how well the tangents foretold the objective (Fletcher
//! & Watson 1980; sequential linear programming). At an optimum with as many residuals of 0 as parameters it converges
//! quadratically.

use super::super::lanes::Lanes;
use super::super::objective::{Lines, Objective};
use super::super::vertex::{Progress, Vertex};
use super::{Advance, Optimizer, Position, stored};

/// Trials of one step.
const TRIALS_MAX: usize = 40;
/// Steps of one minimization of the lines.
const STEPS_MAX: usize = 20_000;
/// The first trusted range, in units of the move that changes the values by the residuals' size.
const RADIUS_START: f64 = 10.0;
const RADIUS_MAX: f64 = 1e8;
/// The part of the objective that a promise has to exceed.
const ROUNDING: f64 = 1e-13;

/// A running minimization.
pub(super) struct Linearized {
    radius: f64,
}

impl Linearized {
    pub(super) fn new() -> Self {
        Self { radius: RADIUS_START }
    }
}

/// The sum of the lines at a place.
fn value(lanes: Lanes, lines: &Lines, at: &[f64]) -> f64 {
    let image = lines.a.times(lanes, at);
    let terms = image.iter().zip(&lines.b).zip(lines.low.iter().zip(&lines.high));
    terms
        .map(|((image, b), (low, high))| {
            let r = image - b;
            if r < 0.0 { low * r } else { high * r }
        })
        .sum()
}

/// The lines with ranges around `at` as further, infinitely steep ones.
fn within(lines: &Lines, ranges: &[(f64, f64)]) -> Lines {
    let (n, p) = (lines.a.rows(), lines.a.columns());
    let columns = (0..p).map(|k| {
        let mut column = vec![0.0; n + 2 * p];
        column[..n].copy_from_slice(lines.a.column(k));
        column[n + 2 * k] = 1.0;
        column[n + 2 * k + 1] = 1.0;
        column
    });
    let a = super::super::matrix::Matrix::from_columns(n + 2 * p, columns);
    let longer = |values: &[f64]| {
        let mut longer = Vec::with_capacity(n + 2 * p);
        longer.extend_from_slice(values);
        longer
    };
    let (b, low, high) = (longer(&lines.b), longer(&lines.low), longer(&lines.high));
    let mut out = Lines { a, b, low, high, curvature: None };
    for (low, high) in ranges {
        out.b.extend([*low, *high]);
        out.low.extend([f64::NEG_INFINITY, 0.0]);
        out.high.extend([0.0, f64::INFINITY]);
    }
    out
}

impl Optimizer for Linearized {
    fn advance(&mut self, objective: &dyn Objective, here: &mut Position) -> Advance {
        let lanes = Lanes::chosen();
        let Some(lines) = objective.lines(&here.at) else { return Advance::Stuck };
        let before = here.evaluation.objective();
        let kinks = objective.kinks();
        let residuals: f64 =
            lines.a.times(lanes, &here.at).iter().zip(&lines.b).map(|(image, b)| (image - b).abs()).sum();
        let unit = |k: usize| {
            let size: f64 = lines.a.column(k).iter().map(|value| value.abs()).sum();
            if size > 0.0 && residuals > 0.0 { residuals / size } else { here.at[k].abs().max(1.0) }
        };
        let radius = self.radius;
        for _ in 0..TRIALS_MAX {
            let range = |k: usize| {
                let (value, reach) = (here.at[k], self.radius * unit(k));
                let low = kinks.lower.get(k).copied().unwrap_or(f64::NEG_INFINITY);
                let high = kinks.upper.get(k).copied().unwrap_or(f64::INFINITY);
                ((value - reach).max(low), (value + reach).min(high))
            };
            let ranges: Vec<(f64, f64)> = (0..here.at.len()).map(range).collect();
            if objective.is_given_up() {
                // The loop asks the observer next.
                return Advance::Moved;
            }
            let bounded = within(&lines, &ranges);
            let mut vertex = Vertex::new(lanes, bounded.a, bounded.b, bounded.low, bounded.high, &here.at);
            for _ in 0..STEPS_MAX {
                let progress =
                    if objective.is_given_up() { Progress::GivenUp } else { vertex.step(&|| objective.is_given_up()) };
                match progress {
                    Progress::Moved => {}
                    Progress::Optimal | Progress::Stuck => break,
                    Progress::GivenUp => {
                        self.radius = radius;
                        return Advance::GivenUp;
                    }
                }
            }
            let mut to = vertex.at().to_vec();
            to.iter_mut().zip(&ranges).for_each(|(value, (low, high))| *value = value.max(*low).min(*high));
            let promised = before - value(lanes, &lines, &to);
            if promised <= ROUNDING * before.abs() || promised.is_nan() || to == here.at {
                return Advance::Optimal;
            }
            let after = objective.value(&to).objective();
            let ratio = (before - after) / promised;
            if ratio.is_finite() && ratio > 0.1 {
                if ratio > 0.75 {
                    self.radius = (2.0 * self.radius).min(RADIUS_MAX);
                }
                here.at = to;
                here.evaluation = objective.evaluate(&here.at, &mut here.gradient);
                return Advance::Evaluated;
            }
            self.radius *= 0.25;
        }
        Advance::Stuck
    }

    fn state(&self) -> Vec<(String, Vec<f64>)> {
        vec![("radius".to_owned(), vec![self.radius])]
    }

    fn restore(&mut self, state: &[(String, Vec<f64>)]) -> bool {
        let Some(radius) = stored(state, "radius", 1) else { return false };
        self.radius = radius[0];
        true
    }
}
