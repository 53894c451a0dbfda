//! The rows that a curve is guessed from, sorted by the feature, and the few sizes that grids are laid out by.

use super::super::GivenUp;
use super::super::sorting::sorted;

/// Rows sorted by x; all values are finite and all weights positive.
#[derive(Clone)]
pub(in crate::descent) struct Rows<'a> {
    /// The feature, ascending.
    pub(in crate::descent) x: Vec<f64>,
    /// The target.
    pub(in crate::descent) y: Vec<f64>,
    /// How much each row counts.
    pub(in crate::descent) weights: Vec<f64>,
    /// Asked within scans: whether a guess is wanted no more. Then any will do.
    pub(super) given_up: GivenUp<'a>,
}

/// Rows that a guess looks at, at most.
pub(super) const ROWS_MAX: usize = 2_000;

impl<'a> Rows<'a> {
    /// Numbers that so many rows take at the peak, until those are left that a guess looks at.
    pub(in crate::descent) fn numbers(rows: f64) -> f64 {
        // Beside the three that stay the order of the rows, and then the rows that are looked at.
        (4.0 * rows).max(3.0 * rows + if rows > ROWS_MAX as f64 { 3.0 * ROWS_MAX as f64 } else { 0.0 })
    }

    /// Sorts the rows by `x`, equal ones in their order, and leaves out those of weight 0 and those with a value that is
    /// not finite. Without weights every row counts the same.
    pub(in crate::descent) fn new(x: &[f64], y: &[f64], weights: Option<&[f64]>, given_up: GivenUp<'a>) -> Self {
        let count = x.len().min(y.len());
        let weight = |row: usize| weights.map_or(1.0, |weights| weights.get(row).copied().unwrap_or(0.0));
        let kept: Vec<usize> = (0..count)
            .filter(|&row| x[row].is_finite() && y[row].is_finite() && weight(row).is_finite() && weight(row) > 0.0)
            .collect();
        let by_x = |a: usize, b: usize| x[kept[a]].total_cmp(&x[kept[b]]);
        let order: Vec<usize> = sorted(kept.len(), &by_x, given_up).into_iter().map(|place| kept[place]).collect();
        drop(kept);
        Self {
            x: order.iter().map(|&row| x[row]).collect(),
            y: order.iter().map(|&row| y[row]).collect(),
            weights: order.iter().map(|&row| weight(row)).collect(),
            given_up,
        }
    }

    /// `most` rows spread evenly over the order, or all where they are no more.
    pub(super) fn thinned(&self, most: usize) -> Self {
        let count = self.x.len();
        if count <= most {
            return self.clone();
        }
        self.picked((0..most).map(|at| at * (count - 1) / (most - 1)))
    }

    /// The same without keeping the others.
    pub(super) fn into_thinned(self, most: usize) -> Self {
        if self.x.len() <= most { self } else { self.thinned(most) }
    }

    /// The rows for whose x the condition holds, because the curve is nothing at the others.
    pub(super) fn kept(&self, condition: impl Fn(f64) -> bool) -> Self {
        self.picked((0..self.x.len()).filter(|&row| condition(self.x[row])))
    }

    fn picked(&self, picks: impl Iterator<Item = usize> + Clone) -> Self {
        Self {
            x: picks.clone().map(|row| self.x[row]).collect(),
            y: picks.clone().map(|row| self.y[row]).collect(),
            weights: picks.map(|row| self.weights[row]).collect(),
            given_up: self.given_up,
        }
    }

    /// The smallest x; 0 without rows.
    pub(super) fn low(&self) -> f64 {
        self.x.first().copied().unwrap_or(0.0)
    }

    /// The largest x; 0 without rows.
    pub(super) fn high(&self) -> f64 {
        self.x.last().copied().unwrap_or(0.0)
    }

    /// The largest |x|.
    pub(super) fn reach(&self) -> f64 {
        self.low().abs().max(self.high().abs())
    }

    /// How far x goes; where it goes nowhere, the size of x itself, so that it is always positive.
    pub(super) fn span(&self) -> f64 {
        let span = self.high() - self.low();
        if span > 0.0 && span.is_finite() {
            span
        } else if self.reach() > 0.0 {
            self.reach().min(f64::MAX / 4.0)
        } else {
            1.0
        }
    }

    /// The quantile of the positive distances between neighbours; the span where all x are equal.
    pub(super) fn gap(&self, part: f64) -> f64 {
        let mut gaps: Vec<f64> = self.x.windows(2).map(|pair| pair[1] - pair[0]).filter(|gap| *gap > 0.0).collect();
        gaps.sort_by(f64::total_cmp);
        let at = (part * gaps.len() as f64) as usize;
        gaps.get(at).copied().unwrap_or_else(|| self.span())
    }

    /// The smallest positive x; a thousandth of the span where none is.
    pub(super) fn smallest_positive(&self) -> f64 {
        self.x.iter().copied().find(|x| *x > 0.0).unwrap_or_else(|| 1e-3 * self.span())
    }

    /// The largest x where it is positive, else the span.
    pub(super) fn positive_high(&self) -> f64 {
        if self.high() > 0.0 { self.high() } else { self.span() }
    }
}
