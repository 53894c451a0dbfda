//! The parts of an objective that have no slope everywhere: Σ l1ⱼ|φⱼ| and ranges of the coordinates. Both are taken
//! coordinate by coordinate, so they exist only in charts whose coordinates are the coefficients up to scale.

use super::super::same::same;

/// An l1 penalty and ranges; each vector is empty where there is none.
#[derive(Clone, Debug, Default, PartialEq)]
pub(in super::super) struct Kinks {
    /// Factors, at least 0.
    pub(in super::super) l1: Vec<f64>,
    /// Lower ends, −∞ where there is none.
    pub(in super::super) lower: Vec<f64>,
    /// Upper ends, +∞ where there is none.
    pub(in super::super) upper: Vec<f64>,
}

impl Kinks {
    pub(in super::super) fn is_empty(&self) -> bool {
        self.l1.is_empty() && self.lower.is_empty()
    }

    /// Σ l1ⱼ|φⱼ|.
    pub(in super::super) fn penalty(&self, at: &[f64]) -> f64 {
        self.l1.iter().zip(at).map(|(factor, value)| factor * value.abs()).sum()
    }

    /// One coordinate after a gradient step of length `rate` that ended at `value`: the proximal map shrinks it by
    /// `rate`·l1 towards 0 and clips it to its range (Parikh & Boyd 2014, §6.5).
    pub(in super::super) fn proximal(&self, coordinate: usize, rate: f64, value: f64) -> f64 {
        let mut value = value;
        if let Some(factor) = self.l1.get(coordinate) {
            let threshold = rate * factor;
            value = if value.abs() <= threshold { 0.0 } else { value - threshold.copysign(value) };
        }
        self.clip(coordinate, value)
    }

    /// The nearest value in the range.
    pub(in super::super) fn clip(&self, coordinate: usize, value: f64) -> f64 {
        match (self.lower.get(coordinate), self.upper.get(coordinate)) {
            (Some(low), Some(high)) => value.max(*low).min(*high),
            _ => value,
        }
    }

    /// All coordinates into their ranges.
    pub(in super::super) fn clip_all(&self, at: &mut [f64]) {
        for (coordinate, value) in at.iter_mut().enumerate() {
            *value = self.clip(coordinate, *value);
        }
    }

    /// The slope of steepest descent of the whole objective, where `gradient` is that of its smooth part: of the
    /// subgradients the one of least norm, and nothing against the end of a range.
    pub(in super::super) fn steepest(&self, at: &[f64], gradient: &[f64]) -> Vec<f64> {
        let mut out = gradient.to_vec();
        for (coordinate, slope) in out.iter_mut().enumerate() {
            if let Some(factor) = self.l1.get(coordinate) {
                *slope = if at[coordinate] != 0.0 {
                    *slope + factor.copysign(at[coordinate])
                } else if slope.abs() <= *factor {
                    0.0
                } else {
                    *slope - factor.copysign(*slope)
                };
            }
            let at_end = |ends: &[f64], outward: bool| {
                ends.get(coordinate).is_some_and(|end| same(at[coordinate], *end) && outward)
            };
            if at_end(&self.lower, *slope > 0.0) || at_end(&self.upper, *slope < 0.0) {
                *slope = 0.0;
            }
        }
        out
    }

    /// The coordinates that lie on an end of their range.
    pub(in super::super) fn active(&self, at: &[f64]) -> Vec<usize> {
        (0..self.lower.len()).filter(|k| same(at[*k], self.lower[*k]) || same(at[*k], self.upper[*k])).collect()
    }
}
