//! Profile-likelihood intervals (Bates & Watts 1988, §6.1.2): the values of a parameter at which the fit of all others is
//! not worse than the level allows. They follow the curve where the tangent does not, and may be open to one side.

use super::problem::Curve;
use super::search::descent;
use crate::descent::aside::{self, Quiet};
use crate::descent::losses::Shape;
use crate::descent::objective::Objective;
use crate::descent::registry::Choice;
use crate::descent::spec::Spec;
use crate::descent::{Dataset, Lanes, Team, student};

/// Refits for one end, at most.
const REFITS_MAX: usize = 40;
/// How close to the level an end is, in units of the estimate's distance.
const CLOSE: f64 = 1e-9;
/// A fall of the objective, in units of the rise that the level allows, that is none of rounding.
const BELOW: f64 = 1e-6;
/// Standard errors beyond which an end is not looked for.
const FAR: f64 = 1e4;

/// The fit whose parameters are profiled.
pub(super) struct Fitted<'a> {
    pub(super) data: &'a Dataset,
    pub(super) spec: &'a Spec,
    pub(super) lanes: Lanes,
    pub(super) curve: &'a Curve,
    pub(super) at: &'a [f64],
    /// What was minimized, there.
    pub(super) objective: f64,
    /// Observations less parameters.
    pub(super) freedom: f64,
    /// By free parameter.
    pub(super) errors: &'a [f64],
}

/// The fit of all others is better somewhere along a parameter than the one that is profiled.
pub(super) struct Better;

/// Ends by parameter, nothing for those that are not free.
pub(super) type Ends = Vec<Option<[Option<f64>; 2]>>;

/// The ends; nothing where the loss has no profile, or the team gave up.
pub(super) fn profile(fitted: &Fitted<'_>, team: &dyn Team) -> Option<Result<Ends, Better>> {
    let level = fitted.spec.confidence;
    let rise = match fitted.curve.shape {
        Shape::Quadratic => {
            let t = student::two_sided_quantile(level, fitted.freedom);
            fitted.objective * t * t / fitted.freedom
        }
        Shape::Likelihood | Shape::UnboundedLikelihood if !fitted.curve.loss.disperses() => {
            let z = student::two_sided_quantile(level, student::NORMAL);
            0.5 * z * z / fitted.curve.sample.weight_sum
        }
        _ => return None,
    };
    let free: Vec<usize> = fitted.curve.tape.free().collect();
    let ends = aside::all(team, 2 * free.len(), &|task| {
        Some(end(fitted, free[task / 2], task / 2, task % 2 == 1, rise, team))
    });
    if team.gives_up() {
        return None;
    }
    let mut out = vec![None; fitted.curve.equation.parameters.len()];
    let mut known = Vec::with_capacity(ends.len());
    for end in ends {
        match end {
            Some(Err(Better)) => return Some(Err(Better)),
            Some(Ok(end)) => known.push(end),
            None => known.push(None),
        }
    }
    for (k, index) in free.iter().enumerate() {
        out[*index] = Some([known[2 * k], known[2 * k + 1]]);
    }
    Some(Ok(out))
}

/// One end; nothing where the level is not reached.
fn end(
    fitted: &Fitted<'_>,
    index: usize,
    free: usize,
    upper: bool,
    rise: f64,
    team: &dyn Team,
) -> Result<Option<f64>, Better> {
    let estimates = fitted.curve.all(fitted.at);
    let (estimate, error) = (estimates[index], fitted.errors.get(free).copied().unwrap_or(f64::NAN));
    if !(error > 0.0 && error.is_finite() && rise > 0.0) {
        return Ok(None);
    }
    let range = &fitted.curve.equation.parameters[index];
    let equation = fitted.curve.equation.pinned(&[(index, estimate)]);
    let spec = Spec { optimizer: Choice::named("levenberg_marquardt"), restarts: None, ..fitted.spec.clone() };
    let Some(mut curve) = Curve::new(equation, &spec, fitted.data, fitted.lanes) else { return Ok(None) };
    let mut all = estimates;
    // How far the objective has risen, as a distance: 1 at the end.
    let mut distance = |value: f64| -> Option<f64> {
        all[index] = value;
        curve.set(index, value);
        let start = curve.coordinates(&all);
        let objective = if start.is_empty() {
            curve.objective(&Quiet(team)).value(&start).objective()
        } else {
            let end = descent(&curve, &spec, &start, 0, team)?;
            all = curve.all(&end.at);
            end.objective
        };
        let risen = (objective - fitted.objective) / rise;
        if risen < -BELOW { Some(f64::NAN) } else { risen.is_finite().then(|| risen.max(0.0).sqrt()) }
    };
    let sign = if upper { 1.0 } else { -1.0 };
    let limit = if upper { range.max } else { range.min };
    let far = |value: f64| (value - estimate).abs() > FAR * error || (value - limit) * sign > 0.0;
    let quantile = student::two_sided_quantile(fitted.spec.confidence, fitted.freedom);
    // The distance is nearly straight in the parameter: regula falsi between a place inside and one outside.
    let (mut inside, mut d_inside) = (estimate, 0.0);
    let (mut value, mut outside) = ((sign * quantile).mul_add(error, estimate), None::<(f64, f64)>);
    let mut kept = 0;
    for _ in 0..REFITS_MAX {
        if team.gives_up() {
            return Ok(None);
        }
        if outside.is_none() && far(value) {
            // The last chance is the end of the range itself.
            if !limit.is_finite() || (inside - limit).abs() <= f64::EPSILON * limit.abs() {
                return Ok(None);
            }
            value = limit;
        }
        let d = distance(value);
        if team.was_told() {
            return Ok(None);
        }
        let Some(d) = d else {
            outside = Some((value, 2.0));
            value = 0.5f64.mul_add(value - inside, inside);
            continue;
        };
        if d.is_nan() {
            return Err(Better);
        }
        if (d - 1.0).abs() <= CLOSE {
            return Ok(Some(value));
        }
        if d < 1.0 {
            // Illinois: an end that stays twice counts for half.
            kept = if kept > 0 { kept + 1 } else { 1 };
            (inside, d_inside) = (value, d);
        } else {
            kept = if kept < 0 { kept - 1 } else { -1 };
            outside = Some((value, d));
        }
        let next = match outside {
            None => {
                let reached = (inside - estimate).abs();
                let slope = d_inside / reached;
                let step = if slope > 0.0 { (1.0 - d_inside) / slope } else { quantile * error };
                // Where the profile flattens, each step goes half as far again at least.
                sign * step.clamp(0.5 * reached.max(error), 4.0 * reached.max(error)) + inside
            }
            Some((to, d_to)) => {
                let weight = if kept >= 2 { 0.5 * (d_to - 1.0) } else { d_to - 1.0 };
                let below = if kept <= -2 { 0.5 * (1.0 - d_inside) } else { 1.0 - d_inside };
                (to - inside).mul_add(below / (below + weight), inside)
            }
        };
        if (next - value).abs() <= f64::EPSILON * value.abs() {
            return Ok(outside.is_some().then_some(next));
        }
        value = next;
    }
    // An end that is not known to a part of the standard error is not told.
    Ok(outside.filter(|(to, _)| (to - inside).abs() <= 1e-6 * error).map(|_| value))
}
