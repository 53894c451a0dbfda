//! `linear`: ŷ = Σⱼ θⱼxⱼ (+ θ₀). The working basis is (xⱼ − cⱼ)/sⱼ: centred where there is an intercept, scaled by powers
//! of two, so that the shift is the only rounding.

use std::sync::Arc;

use super::super::registry::{Choice, Descriptor, Domain, Fallback, Param};
use super::super::same::same;
use super::super::{Dataset, GivenUp, SpecError};
use super::{Basis, Family, TARGET, fault, known, vector};

/// Coefficients at most, of all outputs together.
pub(super) const WIDTH_MAX: u64 = 65_536;

pub(super) struct Linear;

/// The parameters of every model that is a function of a weighted sum.
pub(super) const PARAMS: &[Param] = &[
    Param {
        name: "features",
        domain: Domain::Columns,
        fallback: Fallback::OtherColumns,
        meaning: "The columns that predict; one of categories stands for an indicator of each level but the first.",
    },
    TARGET,
    Param {
        name: "intercept",
        domain: Domain::Flag,
        fallback: Fallback::Flag(true),
        meaning: "Whether a constant is added.",
    },
];

static DESCRIPTOR: Descriptor = Descriptor {
    kind: "linear",
    summary: "A weighted sum of the features, with or without an intercept.",
    params: PARAMS,
};

/// The losses of models that predict a number on its own scale.
pub(super) const LOSSES: &[&str] = &["squared", "absolute", "huber", "pseudo_huber", "log_cosh", "quantile", "cauchy"];

impl Family for Linear {
    fn descriptor(&self) -> &'static Descriptor {
        &DESCRIPTOR
    }

    fn losses(&self) -> &'static [&'static str] {
        LOSSES
    }
}

/// The names: `feature`, or `feature=level` for each level but the first, and `intercept`.
pub(super) fn coefficient_names(choice: &Choice, data: &Dataset) -> Result<Vec<String>, SpecError> {
    let target = choice.text("target").unwrap_or_default();
    known(data, target, "target")?;
    let features = choice.list("features").unwrap_or_default();
    let intercept = choice.flag("intercept").unwrap_or(true);
    let mut seen = std::collections::HashSet::new();
    for (at, feature) in features.iter().enumerate() {
        let field = format!("features/{at}");
        known(data, feature, field.clone())?;
        if feature == target {
            return Err(fault(field, "invalid_value", format!("{feature} is the target and cannot be a feature")));
        }
        if !seen.insert(feature) {
            return Err(fault(field, "duplicate_field", format!("{feature} is a feature already")));
        }
        if intercept && feature == "intercept" {
            return Err(fault(field, "invalid_value", "a column called intercept cannot stand beside an intercept"));
        }
    }
    let width = width(choice, data);
    if width == 0 {
        return Err(fault("features", "invalid_value", "a model without features and intercept has no coefficients"));
    }
    if width > WIDTH_MAX {
        let detail = format!("the features have {width} coefficients, more than {WIDTH_MAX}");
        return Err(SpecError { limit: Some((WIDTH_MAX, width)), ..fault("features", "model_too_large", detail) });
    }
    let mut names = Vec::new();
    for feature in features {
        match data.levels_of(feature) {
            None => names.push(feature.clone()),
            Some(levels) => names.extend(levels.iter().skip(1).map(|level| format!("{feature}={level}"))),
        }
    }
    let mut seen = std::collections::HashSet::new();
    if let Some(twice) = names.iter().find(|name| !seen.insert(name.as_str())) {
        return Err(fault("features", "invalid_value", format!("two coefficients would be called {twice}")));
    }
    if intercept {
        names.push("intercept".to_owned());
    }
    Ok(names)
}

/// The number of coefficients.
pub(super) fn width(choice: &Choice, data: &Dataset) -> u64 {
    let features = choice.list("features").unwrap_or_default().iter();
    let of = |name: &String| data.levels_of(name).map_or(1, |levels| levels.len().saturating_sub(1) as u64);
    features.map(of).sum::<u64>() + u64::from(choice.flag("intercept").unwrap_or(true))
}

/// The working basis for this data.
pub(super) fn basis(choice: &Choice, data: &Dataset, given_up: GivenUp<'_>) -> Arc<dyn Basis> {
    let intercept = choice.flag("intercept").unwrap_or(true);
    let mut basis = Affine { intercept, levels: Vec::new(), shift: Vec::new(), scale: Vec::new() };
    for name in choice.list("features").unwrap_or_default() {
        let Some(column) = data.column(name) else { continue };
        match data.levels_of(name) {
            None => {
                // A look at a long column takes a hundredth of a second, and there may be many.
                let (shift, scale) = if given_up() { (0.0, 1.0) } else { shift_and_scale(column, intercept) };
                basis.levels.push(0);
                basis.shift.push(shift);
                basis.scale.push(scale);
            }
            Some(levels) => {
                let mut counts = vec![0.0; levels.len()];
                for code in column.iter() {
                    counts[*code as usize] += 1.0;
                }
                basis.levels.push(levels.len());
                for count in counts.iter().skip(1) {
                    basis.shift.push(if intercept { count / column.len() as f64 } else { 0.0 });
                    basis.scale.push(1.0);
                }
            }
        }
    }
    Arc::new(basis)
}

/// The working basis that [`Basis::vectors`] described.
pub(super) fn restore(vectors: &[(String, Vec<f64>)]) -> Option<Arc<dyn Basis>> {
    let intercept = vector(vectors, "intercept")?.first()? > &0.5;
    let (shift, scale) = (vector(vectors, "shift")?.to_vec(), vector(vectors, "scale")?.to_vec());
    let levels: Vec<usize> = vector(vectors, "levels")?.iter().map(|count| *count as usize).collect();
    let width: usize = levels.iter().map(|count| columns_of(*count)).sum();
    (shift.len() == scale.len() && shift.len() == width)
        .then(|| Arc::new(Affine { intercept, levels, shift, scale }) as Arc<dyn Basis>)
}

/// How many functions a feature has: one for numbers, an indicator for each level but the first.
fn columns_of(levels: usize) -> usize {
    if levels == 0 { 1 } else { levels - 1 }
}

/// A float near the column's mean (0 when columns are not centred) and a power of two near its spread about it. A
/// spread at rounding level counts as none, so that a constant column stays constant.
fn shift_and_scale(column: &[f64], centre: bool) -> (f64, f64) {
    let n = column.len() as f64;
    let (low, high) =
        column.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), x| (low.min(*x), high.max(*x)));
    let largest = low.abs().max(high.abs());
    let constant = 0.5 * high - 0.5 * low <= 4.0 * f64::EPSILON * largest;
    let shift = match (centre, constant) {
        (false, _) => 0.0,
        (true, true) => low,
        (true, false) => column.iter().map(|x| x / n).sum::<f64>().clamp(low, high),
    };
    let reach = (high - shift).abs().max((low - shift).abs());
    let unit = if reach == 0.0 || (centre && constant) { largest } else { reach };
    (shift, power_of_two_near(unit))
}

/// The power of two below a positive number; 1 for what has none.
fn power_of_two_near(value: f64) -> f64 {
    if value.is_normal() && value > 0.0 { f64::from_bits(value.to_bits() & (0x7ff << 52)) } else { 1.0 }
}

struct Affine {
    intercept: bool,
    /// By feature: the number of levels, 0 for numbers.
    levels: Vec<usize>,
    /// By function.
    shift: Vec<f64>,
    scale: Vec<f64>,
}

impl Affine {
    fn offset(&self) -> usize {
        usize::from(self.intercept)
    }
}

impl Basis for Affine {
    fn width(&self) -> usize {
        self.scale.len() + self.offset()
    }

    fn has_intercept(&self) -> bool {
        self.intercept
    }

    fn fill(&self, features: &[&[f64]], out: &mut [f64]) {
        let rows = out.len() / self.width().max(1);
        if self.intercept {
            out[..rows].fill(1.0);
        }
        let mut at = 0;
        for (feature, levels) in features.iter().zip(&self.levels) {
            for level in 1..=columns_of(*levels) {
                let (shift, factor) = (self.shift[at], 1.0 / self.scale[at]);
                let to = &mut out[(at + self.offset()) * rows..][..rows];
                for (to, x) in to.iter_mut().zip(*feature) {
                    let value = if *levels == 0 { *x } else { f64::from(u8::from(same(*x, level as f64))) };
                    *to = (value - shift) * factor;
                }
                at += 1;
            }
        }
    }

    fn to_working(&self, theta: &[f64]) -> Vec<f64> {
        let mut out = theta.to_vec();
        for at in 0..self.scale.len() {
            let slope = theta[at + self.offset()];
            out[at + self.offset()] = slope * self.scale[at];
            if self.intercept {
                out[0] = self.shift[at].mul_add(slope, out[0]);
            }
        }
        out
    }

    fn to_data(&self, working: &[f64]) -> Vec<f64> {
        let mut out = working.to_vec();
        for at in 0..self.scale.len() {
            let slope = working[at + self.offset()] / self.scale[at];
            out[at + self.offset()] = slope;
            if self.intercept {
                out[0] = (-self.shift[at]).mul_add(slope, out[0]);
            }
        }
        out
    }

    fn pull(&self, gradient: &[f64]) -> Vec<f64> {
        let mut out = gradient.to_vec();
        for at in 0..self.scale.len() {
            let constant = if self.intercept { gradient[0] * self.shift[at] } else { 0.0 };
            out[at + self.offset()] = gradient[at + self.offset()].mul_add(self.scale[at], constant);
        }
        out
    }

    fn vectors(&self) -> Vec<(String, Vec<f64>)> {
        vec![
            ("intercept".to_owned(), vec![f64::from(u8::from(self.intercept))]),
            ("shift".to_owned(), self.shift.clone()),
            ("scale".to_owned(), self.scale.clone()),
            ("levels".to_owned(), self.levels.iter().map(|count| *count as f64).collect()),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_constant_column_is_centred_to_exact_zeros() {
        let column = vec![0.1 + 0.2; 7];
        let (shift, scale) = shift_and_scale(&column, true);
        assert!(column.iter().all(|x| (x - shift) / scale == 0.0));
    }

    #[test]
    fn the_maps_between_coordinates_are_inverse_and_transposed() {
        let basis = Affine { intercept: true, levels: vec![0, 0], shift: vec![1e6, -3.0], scale: vec![0.5, 4.0] };
        let theta = [2.0, -1.0, 0.25];
        let back = basis.to_data(&basis.to_working(&theta));
        assert!(back.iter().zip(theta).all(|(x, y)| (x - y).abs() < 1e-9));
        let gradient = [1.0, 2.0, 3.0];
        let left: f64 = basis.to_working(&theta).iter().zip(gradient).map(|(x, y)| x * y).sum();
        let right: f64 = basis.pull(&gradient).iter().zip(theta).map(|(x, y)| x * y).sum();
        assert!((left - right).abs() < 1e-9 * left.abs());
    }
}
