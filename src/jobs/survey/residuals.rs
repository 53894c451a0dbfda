//! What the model leaves of the rows that it is fitted to.

use super::{Standing, ends};
use crate::descent;
use crate::jobs::SurveyError;

/// Values up to which each one's quantile is told.
const ALL_MAX: usize = 1_000;
/// Of more, those at ranks that grow from each end by this factor: as close at the ends as in the middle.
const GROWTH: f64 = 1.03;
/// Parts of the values' range that are told apart before anything is sorted.
const CELLS: usize = 1 << 16;

/// Residuals.
#[derive(Clone, Debug)]
pub(crate) struct Residuals {
    pub(crate) fitted: Vec<f64>,
    /// The target less what the model says.
    pub(crate) residuals: Vec<f64>,
    /// Quantiles of the normal distribution with those of the residuals, ascending.
    pub(crate) quantiles: Vec<(f64, f64)>,
}

impl Standing {
    pub(super) fn residuals(&self) -> Result<Residuals, SurveyError> {
        let actual = self.actual()?;
        let found = self.predictions(&self.data, None)?;
        let fitted = found.ok_or(SurveyError::Missing("a prediction for the data is beyond all bounds"))?.predictions;
        let weights = self.spec.weights.as_ref().and_then(|weights| self.data.column(&weights.column));
        let rows = descent::training_rows(&self.spec, self.data.rows());
        let residual = |row: usize| actual[row] - fitted[row];
        let (fitted, residuals): (Vec<f64>, Vec<f64>) = if rows.is_none() && weights.is_none() {
            let residuals = (0..fitted.len()).map(residual).collect();
            (fitted, residuals)
        } else {
            let counts = |row: &usize| weights.is_none_or(|weights| weights[*row] > 0.0);
            let rows = rows.unwrap_or_else(|| (0..fitted.len()).collect());
            rows.into_iter().filter(counts).map(|row| (fitted[row], residual(row))).unzip()
        };
        let quantiles = quantiles(&residuals);
        Ok(Residuals { fitted, residuals, quantiles })
    }
}

/// Quantiles of the normal distribution, at (k + ½)/n (Hazen), with those of the values.
fn quantiles(values: &[f64]) -> Vec<(f64, f64)> {
    let count = values.len();
    let places = places(count);
    let own = ranked(values, &places);
    let normal = places.iter().map(|place| descent::normal_quantile((*place as f64 + 0.5) / count as f64));
    normal.zip(own).collect()
}

/// The values that have these ranks, which ascend. Of many values most are only counted: a cell holds neighbours, so
/// those that hold a rank are all that has to be in order.
fn ranked(values: &[f64], ranks: &[usize]) -> Vec<f64> {
    let (low, high) = ends(values.iter().copied().filter(|value| value.is_finite()));
    let scale = CELLS as f64 / (high - low);
    // It never falls as the value grows.
    let cell = |value: f64| (((value - low) * scale) as usize).min(CELLS - 1);
    let mut counts = vec![0; CELLS];
    values.iter().for_each(|value| counts[cell(*value)] += 1);
    let (mut before, mut kept_before) = (0, 0);
    let mut is_kept = vec![false; CELLS];
    let mut left = ranks.iter().peekable();
    let mut places = Vec::with_capacity(ranks.len());
    for (is_kept, count) in is_kept.iter_mut().zip(counts) {
        while let Some(rank) = left.next_if(|rank| **rank < before + count) {
            *is_kept = true;
            places.push(kept_before + rank - before);
        }
        before += count;
        kept_before += if *is_kept { count } else { 0 };
    }
    let mut kept: Vec<f64> = values.iter().copied().filter(|value| is_kept[cell(*value)]).collect();
    kept.sort_unstable_by(f64::total_cmp);
    places.into_iter().map(|place| kept[place]).collect()
}

/// The ranks whose quantiles are told, ascending.
fn places(count: usize) -> Vec<usize> {
    if count <= ALL_MAX {
        return (0..count).collect();
    }
    let next =
        |place: &usize| Some(((*place as f64 * GROWTH) as usize).max(place + 1)).filter(|next| *next < count / 2);
    let low: Vec<usize> = std::iter::successors(Some(0), next).collect();
    let high: Vec<usize> = low.iter().rev().map(|place| count - 1 - place).collect();
    [low, high].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranks_are_those_of_the_sorted_values() {
        let spread = |count: u32| (0..count).map(|k| f64::from(k.wrapping_mul(2_654_435_761) >> 8));
        let mut far: Vec<f64> = spread(50_000).collect();
        far.extend([1e300, -1e300, 0.0, -0.0]);
        let mut odd = far.clone();
        odd.extend([f64::INFINITY, f64::NEG_INFINITY, f64::MAX, f64::MIN]);
        let even: Vec<f64> = spread(100_000).map(|value| (value / 3e6).tan()).collect();
        for values in [vec![], vec![7.0; 3_000], even, far, odd, spread(900).collect()] {
            let mut sorted = values.clone();
            sorted.sort_unstable_by(f64::total_cmp);
            let ranks = places(values.len());
            let expected: Vec<u64> = ranks.iter().map(|rank| sorted[*rank].to_bits()).collect();
            assert_eq!(ranked(&values, &ranks).iter().map(|one| one.to_bits()).collect::<Vec<_>>(), expected);
        }
    }

    #[test]
    fn quantiles_of_normal_values_lie_on_a_line_and_are_few() {
        let count = 100_000;
        let at = |place: usize| descent::normal_quantile((place as f64 + 0.5) / count as f64);
        // In an order that is none.
        let values: Vec<f64> = (0..count).map(|place| 3.0 + 2.0 * at(place * 7_919 % count)).collect();
        let found = quantiles(&values);
        let ends = [found[0].0, found[found.len() - 1].0].map(f64::to_bits);
        assert!(found.len() <= ALL_MAX && ends == [at(0), at(count - 1)].map(f64::to_bits));
        assert!(found.iter().all(|(normal, own)| (own - (3.0 + 2.0 * normal)).abs() < 1e-9));
        assert!(found.is_sorted_by(|a, b| a.0 < b.0));
        let steps = found.windows(2).map(|pair| pair[1].0 - pair[0].0);
        assert!(steps.fold(0.0, f64::max) < 0.5, "without a gap");
    }
}
