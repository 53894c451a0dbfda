//! The objective over two parameters, the others where the fit has them.

use super::Standing;
use crate::descent::{Alone, Landscape};
use crate::jobs::SurveyError;

/// Places of each parameter.
const PLACES: usize = 41;
/// Rows that the objective is computed from.
const ROWS_MAX: usize = 4_000;
/// Coefficients up to which there is a surface: more cost too much for a picture.
const COEFFICIENTS_MAX: usize = 256;
/// What is shown beside the way, as a part of its width.
const MARGIN: f64 = 0.35;
/// How far the way is shown on the other side of the optimum, or beyond its start, in widths from one to the other.
const ASIDE: f64 = 3.0;

/// See the module.
#[derive(Clone, Debug)]
pub(crate) struct Surface {
    /// `loss`, or with a penalty `objective`.
    pub(crate) of: &'static str,
    pub(crate) names: [String; 2],
    pub(crate) x: Vec<f64>,
    pub(crate) y: Vec<f64>,
    /// A row for each value of the second parameter.
    pub(crate) loss: Vec<Vec<f64>>,
    pub(crate) path: Vec<(f64, f64)>,
    pub(crate) optimum: Option<(f64, f64)>,
    /// It is made of one of how many rows.
    pub(crate) every: usize,
}

impl Standing {
    pub(super) fn surface(&self, asked: [Option<&str>; 2]) -> Result<Surface, SurveyError> {
        let [first, second] = self.parameters(asked)?;
        if self.coefficients.len() > COEFFICIENTS_MAX {
            return Err(SurveyError::Missing("an error surface is drawn of up to 256 coefficients"));
        }
        let scale = self.result().and_then(|result| result.loss_scale);
        let landscape = Landscape::new(&self.data, &self.spec, scale, ROWS_MAX, &Alone);
        let landscape = landscape.ok_or(SurveyError::Missing("the loss gets its scale at the end of this fit"))?;
        let at = |k: usize| self.history.coefficients.get(k).filter(|_| k < self.record.shape.coefficients.len());
        let path: Vec<(f64, f64)> = match (at(first), at(second)) {
            (Some(x), Some(y)) => x.iter().copied().zip(y.iter().copied()).collect(),
            _ => Vec::new(),
        };
        // What is not solved for is known once the descent is at its end.
        let end = self.result().filter(|result| result.converged).map(|_| self.coefficients.clone());
        let optimum = end.or_else(|| landscape.optimum()).map(|at| (at[first], at[second]));
        let here = (self.coefficients[first], self.coefficients[second]);
        let (xs, ys): (Vec<f64>, Vec<f64>) = path.iter().copied().unzip();
        let x = places(&xs, optimum.unwrap_or(here).0, self.spread(first));
        let y = places(&ys, optimum.unwrap_or(here).1, self.spread(second));
        let grid = y.iter().flat_map(|b| x.iter().map(move |a| (*a, *b))).map(|(a, b)| {
            let mut at = self.coefficients.clone();
            (at[first], at[second]) = (a, b);
            at
        });
        let loss = landscape.objectives(grid, &Alone).chunks(PLACES).map(<[f64]>::to_vec).collect();
        let names = [self.names[first].clone(), self.names[second].clone()];
        let penalty = self.spec.penalty;
        let of = if penalty.l1 + penalty.l2 > 0.0 { "objective" } else { "loss" };
        Ok(Surface { of, names, x, y, loss, path, optimum, every: landscape.every() })
    }

    /// The places of the two parameters.
    fn parameters(&self, asked: [Option<&str>; 2]) -> Result<[usize; 2], SurveyError> {
        let mut found = [None; 2];
        for (place, name) in found.iter_mut().zip(asked) {
            let Some(name) = name else { continue };
            let at = self.names.iter().position(|other| other == name);
            *place = Some(at.ok_or_else(|| SurveyError::UnknownParameter(name.to_owned()))?);
        }
        let is_fixed = |k: usize| self.result().is_some_and(|result| result.parameters[k].fixed);
        let mut others = (0..self.names.len()).filter(|k| !is_fixed(*k) && !found.contains(&Some(*k)));
        let [first, second] = found.map(|place| place.or_else(|| others.next()));
        match (first, second) {
            (Some(first), Some(second)) if first == second => {
                Err(SurveyError::Missing("an error surface is drawn over two parameters that differ"))
            }
            (Some(first), Some(second)) => Ok([first, second]),
            _ => Err(SurveyError::Missing("an error surface is drawn over two parameters; this fit has one")),
        }
    }

    /// About how far from its value a parameter is of interest where nothing else tells.
    fn spread(&self, k: usize) -> f64 {
        let error = self.result().and_then(|result| result.parameters[k].standard_error);
        let value = self.coefficients[k].abs();
        let known = error.filter(|error| *error > 1e-9 * value).map(|error| 4.0 * error);
        known.unwrap_or(if value > 0.0 { 0.5 * value } else { 1.0 })
    }
}

/// Evenly spaced values around a way and where it leads.
fn places(way: &[f64], to: f64, spread: f64) -> Vec<f64> {
    let far = way.first().map_or(f64::INFINITY, |start| ASIDE * (start - to).abs());
    let shown = || way.iter().copied().filter(|value| (value - to).abs() <= far).chain([to]);
    let (low, high) = (shown().fold(f64::INFINITY, f64::min), shown().fold(f64::NEG_INFINITY, f64::max));
    let width = high - low;
    let (low, high) = if width > 1e-9 * to.abs() && width > 0.0 && width.is_finite() {
        (low - MARGIN * width, high + MARGIN * width)
    } else {
        (to - spread, to + spread)
    };
    (0..PLACES)
        .map(|place| place as f64 / (PLACES - 1) as f64)
        .map(|part| low.mul_add(1.0 - part, high * part))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_way_and_its_end_are_seen_and_what_runs_away_is_not() {
        let ends = |places: &[f64]| (places[0], places[PLACES - 1]);
        assert_eq!(ends(&places(&[-8.0, -2.0, 1.0], 2.0, 1.0)), (-11.5, 5.5));
        // A descent that swings ever further around the optimum.
        let (low, high) = ends(&places(&[-1.0, 1.5, -2.0, 2.9, -1e9, 1e30], 0.0, 1.0));
        assert!(low > -5.0 && high < 5.0, "{low} to {high}");
        assert_eq!(ends(&places(&[], 3.0, 0.5)), (2.5, 3.5));
        assert_eq!(ends(&places(&[3.0, 3.0], 3.0, 0.5)), (2.5, 3.5));
    }
}
