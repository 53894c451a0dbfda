//! The rows that a curve is guessed from, sorted by the feature, and the few sizes that grids are laid out by.

/// Rows sorted by x; all values are finite and all weights positive.
#[derive(Clone, Debug)]
pub(in crate::descent) struct Rows {
    /// The feature, ascending.
    pub(in crate::descent) x: Vec<f64>,
    /// The target.
    pub(in crate::descent) y: Vec<f64>,
    /// How much each row counts.
    pub(in crate::descent) weights: Vec<f64>,
}

/// Rows that a guess looks at, at most.
pub(super) const ROWS_MAX: usize = 2_000;

impl Rows {
    /// Sorts the rows by `x`, equal ones in their order, and leaves out those of weight 0 and those with a value that is
    /// not finite. Without weights every row counts the same.
    pub(in crate::descent) fn new(x: &[f64], y: &[f64], weights: Option<&[f64]>) -> Self {
        let count = x.len().min(y.len());
        let weight = |row: usize| weights.map_or(1.0, |weights| weights.get(row).copied().unwrap_or(0.0));
        let counts =
            |row: &usize| x[*row].is_finite() && y[*row].is_finite() && weight(*row).is_finite() && weight(*row) > 0.0;
        let mut order: Vec<usize> = Vec::with_capacity(count);
        order.extend((0..count).filter(counts));
        order.sort_unstable_by(|a, b| x[*a].total_cmp(&x[*b]).then(a.cmp(b)));
        Self {
            x: order.iter().map(|&row| x[row]).collect(),
            y: order.iter().map(|&row| y[row]).collect(),
            weights: order.iter().map(|&row| weight(row)).collect(),
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

    /// The rows for whose x the condition holds, because the curve is nothing at the others.
    pub(super) fn kept(&self, condition: impl Fn(f64) -> bool) -> Self {
        self.picked((0..self.x.len()).filter(|&row| condition(self.x[row])))
    }

    fn picked(&self, picks: impl Iterator<Item = usize> + Clone) -> Self {
        Self {
            x: picks.clone().map(|row| self.x[row]).collect(),
            y: picks.clone().map(|row| self.y[row]).collect(),
            weights: picks.map(|row| self.weights[row]).collect(),
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
