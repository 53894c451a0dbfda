//! What the model leaves of the rows that it is fitted to.

use super::Standing;
use crate::descent;
use crate::jobs::SurveyError;

/// Values up to which each one's quantile is told.
const ALL_MAX: usize = 1_000;
/// Of more, those at ranks that grow from each end by this factor: as close at the ends as in the middle.
const GROWTH: f64 = 1.03;

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
        let counts = |row: &usize| weights.is_none_or(|weights| weights[*row] > 0.0);
        let rows = descent::training_rows(&self.spec, self.data.rows());
        let rows = rows.unwrap_or_else(|| (0..self.data.rows()).collect());
        let pairs = rows.into_iter().filter(counts).map(|row| (fitted[row], actual[row] - fitted[row]));
        let (fitted, residuals): (Vec<f64>, Vec<f64>) = pairs.unzip();
        let quantiles = quantiles(&residuals);
        Ok(Residuals { fitted, residuals, quantiles })
    }
}

/// Quantiles of the normal distribution, at (k + ½)/n (Hazen), with those of the values.
fn quantiles(values: &[f64]) -> Vec<(f64, f64)> {
    let mut sorted = values.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    let count = sorted.len();
    let places = places(count).into_iter();
    places.map(|place| (descent::normal_quantile((place as f64 + 0.5) / count as f64), sorted[place])).collect()
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
