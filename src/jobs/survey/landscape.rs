//! The objective over two parameters, the others where the fit has them.

use super::{Standing, ends};
use crate::descent::{Alone, Landscape};
use crate::jobs::SurveyError;

/// Steps from one end of a parameter to the other: multiples of this, so that every so many of them make a coarser grid.
const STEPS: usize = 40;
/// As many times these where the rows are few: contours are smoother then.
const FINER_MAX: usize = 3;
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

/// Where the objective of all rows is lowest.
struct Lowest {
    /// In the fixed order.
    coefficients: Vec<f64>,
    objective: f64,
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
        let lowest = self.lowest();
        let optimum = match &lowest {
            Some(lowest) => Some(lowest.coefficients.clone()),
            None => landscape.optimum(),
        };
        let optimum = optimum.map(|at| (at[first], at[second]));
        let here = (self.coefficients[first], self.coefficients[second]);
        let (xs, ys): (Vec<f64>, Vec<f64>) = path.iter().copied().unzip();
        let steps = STEPS * finer(self.data.rows().div_ceil(landscape.every()), self.coefficients.len());
        let x = places(&xs, optimum.unwrap_or(here).0, self.spread(first), steps);
        let y = places(&ys, optimum.unwrap_or(here).1, self.spread(second), steps);
        let grid = y.iter().flat_map(|b| x.iter().map(move |a| (*a, *b))).map(|(a, b)| {
            let mut at = self.coefficients.clone();
            (at[first], at[second]) = (a, b);
            at
        });
        let values = landscape.objectives(grid, &Alone);
        let mut loss: Vec<Vec<f64>> = values.chunks(x.len()).map(<[f64]>::to_vec).collect();
        if landscape.every() > 1 {
            match lowest {
                Some(lowest) => self.anchor(&mut loss, &landscape, &lowest, [(first, &x), (second, &y)]),
                None => self.raise(&mut loss, &landscape),
            }
        }
        let names = [self.names[first].clone(), self.names[second].clone()];
        let penalty = self.spec.penalty;
        let of = if penalty.l1 + penalty.l2 > 0.0 { "objective" } else { "loss" };
        Ok(Surface { of, names, x, y, loss, path, optimum, every: landscape.every() })
    }

    /// Where the objective of all rows is lowest, and what it is there; nothing where the fit does not tell.
    fn lowest(&self) -> Option<Lowest> {
        let result = self.result()?;
        if result.converged {
            return Some(Lowest { coefficients: self.coefficients.clone(), objective: result.objective });
        }
        let optimum = result.optimum.as_ref()?;
        let coefficients: Option<Vec<f64>> =
            self.names.iter().map(|name| optimum.coefficients.get(name)?.as_f64()).collect();
        Some(Lowest { coefficients: coefficients?, objective: result.objective - optimum.gap })
    }

    /// Makes an objective of some rows as low as that of all, and lowest in the same place: a few rows have another optimum,
    /// which is outside of what is shown where all rows tell theirs well. What is changed is the level and the slope; the
    /// shape stays that of the rows at hand. (The surrogate likelihood of Jordan, Lee & Yang, 2019, about the optimum.)
    fn anchor(&self, loss: &mut [Vec<f64>], landscape: &Landscape, lowest: &Lowest, sides: [(usize, &[f64]); 2]) {
        let moved = |k: usize, by: f64| {
            let mut at = lowest.coefficients.clone();
            at[k] += by;
            at
        };
        let steps = sides.map(|(k, places)| if self.is_held(k) { 0.0 } else { 0.1 * (places[1] - places[0]) });
        let around = sides.iter().zip(steps).flat_map(|((k, _), step)| [moved(*k, -step), moved(*k, step)]);
        let found = landscape.objectives(around.chain([lowest.coefficients.clone()]), &Alone);
        let &[left, right, below, above, here] = found.as_slice() else { return };
        let slope = |difference: f64, step: f64| if step > 0.0 { difference / (2.0 * step) } else { 0.0 };
        let slopes = [slope(right - left, steps[0]), slope(above - below, steps[1])];
        let [(first, x), (second, y)] = sides;
        let (a, b) = (lowest.coefficients[first], lowest.coefficients[second]);
        for (row, y) in loss.iter_mut().zip(y) {
            for (value, x) in row.iter_mut().zip(x) {
                *value += lowest.objective - here - slopes[0].mul_add(x - a, slopes[1] * (y - b));
            }
        }
    }

    /// Makes an objective of some rows as high as that of all where the fit is.
    fn raise(&self, loss: &mut [Vec<f64>], landscape: &Landscape) {
        let penalty = self.spec.penalty;
        let known = match self.result() {
            Some(result) => Some(result.objective),
            // The history has the loss alone.
            None => self.history.loss.last().copied().filter(|_| penalty.l1 + penalty.l2 == 0.0),
        };
        let found = landscape.objectives(std::iter::once(self.coefficients.clone()), &Alone);
        if let (Some(known), [found]) = (known, found.as_slice())
            && (known - found).is_finite()
        {
            loss.iter_mut().flatten().for_each(|value| *value += known - found);
        }
    }

    /// Whether the objective need not be flat along a coefficient where it is lowest.
    fn is_held(&self, k: usize) -> bool {
        let Some(result) = self.result() else { return true };
        let is_at_kink = self.spec.penalty.l1 > 0.0 && self.coefficients[k] == 0.0;
        let is_bounded = result.warnings.iter().any(|warning| warning.code == "at_bound");
        result.parameters[k].fixed || is_at_kink || is_bounded
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

/// How many times finer the grid is, so that it takes no longer than that of two coefficients and the most rows.
fn finer(rows: usize, width: usize) -> usize {
    let places = |times: usize| (times * STEPS + 1).pow(2);
    // A value is a pass over the rows or a product with a square.
    let work = rows.max(width) * width;
    (1..=FINER_MAX).rev().find(|times| places(*times) * work <= 2 * places(1) * ROWS_MAX).unwrap_or(1)
}

/// Evenly spaced values around a way and where it leads.
fn places(way: &[f64], to: f64, spread: f64, steps: usize) -> Vec<f64> {
    let far = way.first().map_or(f64::INFINITY, |start| ASIDE * (start - to).abs());
    let shown = way.iter().copied().filter(|value| (value - to).abs() <= far).chain([to]);
    let (low, high) = ends(shown);
    let width = high - low;
    let (low, high) = if width > 1e-9 * to.abs() && width > 0.0 && width.is_finite() {
        (low - MARGIN * width, high + MARGIN * width)
    } else {
        (to - spread, to + spread)
    };
    (0..=steps).map(|step| step as f64 / steps as f64).map(|part| low.mul_add(1.0 - part, high * part)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_rows_and_coefficients_have_a_finer_grid() {
        assert_eq!([1, 400, 500, 1_000, 1_100, ROWS_MAX].map(|rows| finer(rows, 2)), [3, 3, 2, 2, 1, 1]);
        assert_eq!([3, 10, 40, 256].map(|width| finer(100, width)), [3, 2, 1, 1]);
    }

    #[test]
    fn the_way_and_its_end_are_seen_and_what_runs_away_is_not() {
        let places = |way: &[f64], to: f64, spread: f64| places(way, to, spread, STEPS);
        let ends = |places: Vec<f64>| (places[0], places[STEPS]);
        assert_eq!(ends(places(&[-8.0, -2.0, 1.0], 2.0, 1.0)), (-11.5, 5.5));
        // A descent that swings ever further around the optimum.
        let (low, high) = ends(places(&[-1.0, 1.5, -2.0, 2.9, -1e9, 1e30], 0.0, 1.0));
        assert!(low > -5.0 && high < 5.0, "{low} to {high}");
        assert_eq!(ends(places(&[], 3.0, 0.5)), (2.5, 3.5));
        assert_eq!(ends(places(&[3.0, 3.0], 3.0, 0.5)), (2.5, 3.5));
    }
}
