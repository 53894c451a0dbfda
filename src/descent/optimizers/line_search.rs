//! Steps along a direction. `wolfe` brackets and refines until the strong Wolfe conditions hold, or, where differences of
//! the objective are rounding, their approximate form, which uses slopes alone (Hager & Zhang 2005, §2).

use super::super::objective::Objective;
use super::super::same::same;
use super::Position;

/// The decrease that is asked for, as a part of what the slope promises.
const DECREASE: f64 = 1e-4;
/// The part of the slope that may be left.
const SLOPE_LEFT: f64 = 0.9;
/// Trials of one search.
const TRIALS_MAX: usize = 60;
/// Differences of the objective below this part of it are rounding.
const ROUNDING: f64 = 64.0 * f64::EPSILON;

/// Σ aᵢbᵢ.
pub(super) fn dot(a: &[f64], b: &[f64]) -> f64 {
    // In a fixed order; the vectors are short.
    a.iter().zip(b).fold(0.0, |sum, (x, y)| x.mul_add(*y, sum))
}

/// The position at `at + t·direction`; nothing where it is not finite.
fn trial(objective: &dyn Objective, here: &Position, direction: &[f64], t: f64) -> Option<Position> {
    position(objective, here.at.iter().zip(direction).map(|(value, d)| t.mul_add(*d, *value)).collect())
}

/// The position at these coordinates; nothing where it is not finite.
fn position(objective: &dyn Objective, at: Vec<f64>) -> Option<Position> {
    let mut gradient = vec![0.0; at.len()];
    let evaluation = objective.evaluate(&at, &mut gradient);
    let finite = evaluation.is_finite() && at.iter().chain(&gradient).all(|value| value.is_finite());
    finite.then_some(Position { at, gradient, evaluation })
}

/// A position along a direction of descent where the Wolfe conditions hold, or else the lowest one that was found below
/// `here`. `first` is the first step to try.
pub(super) fn wolfe(objective: &dyn Objective, here: &Position, direction: &[f64], first: f64) -> Option<Position> {
    let start = here.evaluation.objective();
    let slope = dot(&here.gradient, direction);
    if slope >= 0.0 || !slope.is_finite() {
        return None;
    }
    let tolerance = ROUNDING * start.abs();
    let (mut low, mut low_slope) = (0.0, slope);
    let mut high: Option<(f64, Option<f64>)> = None;
    let mut t = first;
    let mut best: Option<Position> = None;
    for _ in 0..TRIALS_MAX {
        let mut beyond = None;
        if let Some(next) = trial(objective, here, direction, t) {
            let value = next.evaluation.objective();
            let next_slope = dot(&next.gradient, direction);
            let sufficient = value <= (DECREASE * t).mul_add(slope, start) && next_slope.abs() <= -SLOPE_LEFT * slope;
            let flat = value <= start + tolerance
                && next_slope <= (2.0 * DECREASE - 1.0) * slope
                && next_slope >= SLOPE_LEFT * slope;
            if sufficient || flat {
                return Some(next);
            }
            if value > start + tolerance
                || (value > (DECREASE * t).mul_add(slope, start) && next_slope < 0.0 && t > low)
            {
                beyond = Some(None);
            } else if next_slope >= 0.0 {
                beyond = Some(Some(next_slope));
            } else {
                (low, low_slope) = (t, next_slope);
            }
            if value < best.as_ref().map_or(start, |best| best.evaluation.objective()) {
                best = Some(next);
            }
        } else {
            beyond = Some(None);
        }
        if let Some(slope) = beyond {
            high = Some((t, slope));
        }
        let next = match high {
            None => 4.0 * t,
            Some((end, Some(end_slope))) => {
                // The secant on the slopes, kept off the ends.
                let width = end - low;
                let guess = low - low_slope * width / (end_slope - low_slope);
                guess.max(low + 0.1 * width).min(end - 0.1 * width)
            }
            Some((end, None)) => 0.5 * (low + end),
        };
        if same(next, t) || !next.is_finite() || next <= low {
            break;
        }
        t = next;
    }
    best
}

/// A proximal gradient step, halved until the objective is below its quadratic bound (Beck & Teboulle 2009, §3); plain
/// Armijo steps where nothing has kinks. Returns the position and the step that was taken.
pub(super) fn backtracking(objective: &dyn Objective, here: &Position, first: f64) -> Option<(Position, f64)> {
    let kinks = objective.kinks();
    let mut rate = first;
    for _ in 0..TRIALS_MAX {
        let step = |(k, value): (usize, &f64)| {
            let next = (-rate).mul_add(here.gradient[k], *value);
            if kinks.is_empty() { next } else { kinks.proximal(k, rate, next) }
        };
        let target: Vec<f64> = here.at.iter().enumerate().map(step).collect();
        let direction: Vec<f64> = target.iter().zip(&here.at).map(|(to, from)| to - from).collect();
        let square = dot(&direction, &direction);
        if square == 0.0 {
            return None;
        }
        // The point itself, not the way there: it lies exactly on the ends of ranges.
        if let Some(next) = position(objective, target) {
            let change = kinks.penalty(&next.at) - kinks.penalty(&here.at);
            let promised = dot(&here.gradient, &direction) + change;
            let bound = here.evaluation.objective() + promised + 0.5 * square / rate;
            let value = next.evaluation.objective();
            if value <= bound && value < here.evaluation.objective() {
                return Some((next, rate));
            }
        }
        rate *= 0.5;
    }
    None
}
