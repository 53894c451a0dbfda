//! `linear`: ŷ = Σⱼ θⱼxⱼ (+ θ₀). The working basis is (xⱼ − cⱼ)/sⱼ: centred where there is an intercept, scaled by powers
//! of two, so that the shift is the only rounding.

use super::super::registry::{Choice, Descriptor, Domain, Fallback, Param};
use super::super::{Dataset, SpecError};
use super::{Basis, Family, TARGET, fault, known, vector};

pub(super) struct Linear;

static DESCRIPTOR: Descriptor = Descriptor {
    kind: "linear",
    summary: "A weighted sum of the features, with or without an intercept.",
    params: &[
        Param {
            name: "features",
            domain: Domain::Columns,
            fallback: Fallback::OtherColumns,
            meaning: "The columns that predict.",
        },
        TARGET,
        Param {
            name: "intercept",
            domain: Domain::Flag,
            fallback: Fallback::Flag(true),
            meaning: "Whether a constant is added.",
        },
    ],
};

impl Family for Linear {
    fn descriptor(&self) -> &'static Descriptor {
        &DESCRIPTOR
    }

    fn coefficient_names(&self, choice: &Choice, columns: &[String]) -> Result<Vec<String>, SpecError> {
        let target = choice.text("target").unwrap_or_default();
        known(columns, target, "target")?;
        let features = choice.list("features").unwrap_or_default();
        let intercept = choice.flag("intercept").unwrap_or(true);
        if features.is_empty() && !intercept {
            return Err(fault(
                "features",
                "invalid_value",
                "a model without features and intercept has no coefficients",
            ));
        }
        let mut seen = std::collections::HashSet::new();
        for (at, feature) in features.iter().enumerate() {
            let field = format!("features/{at}");
            known(columns, feature, field.clone())?;
            if feature == target {
                return Err(fault(field, "invalid_value", format!("{feature} is the target and cannot be a feature")));
            }
            if !seen.insert(feature) {
                return Err(fault(field, "duplicate_field", format!("{feature} is a feature already")));
            }
            if intercept && feature == "intercept" {
                return Err(fault(
                    field,
                    "invalid_value",
                    "a column called intercept cannot stand beside an intercept",
                ));
            }
        }
        let mut names = features.to_vec();
        if intercept {
            names.push("intercept".to_owned());
        }
        Ok(names)
    }

    fn width(&self, choice: &Choice) -> u64 {
        choice.list("features").unwrap_or_default().len() as u64 + u64::from(choice.flag("intercept").unwrap_or(true))
    }

    fn features(&self, choice: &Choice) -> Vec<String> {
        choice.list("features").unwrap_or_default().to_vec()
    }

    fn basis(&self, choice: &Choice, data: &Dataset) -> Box<dyn Basis> {
        let intercept = choice.flag("intercept").unwrap_or(true);
        let (shift, scale) = choice
            .list("features")
            .unwrap_or_default()
            .iter()
            .map(|name| data.column(name).map_or((0.0, 1.0), |column| shift_and_scale(column, intercept)))
            .unzip();
        Box::new(Affine { intercept, shift, scale })
    }

    fn restore(&self, vectors: &[(String, Vec<f64>)]) -> Option<Box<dyn Basis>> {
        let intercept = vector(vectors, "intercept")?.first()? > &0.5;
        let (shift, scale) = (vector(vectors, "shift")?.to_vec(), vector(vectors, "scale")?.to_vec());
        (shift.len() == scale.len()).then(|| Box::new(Affine { intercept, shift, scale }) as Box<dyn Basis>)
    }
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
        for (at, feature) in features.iter().enumerate() {
            let (shift, factor) = (self.shift[at], 1.0 / self.scale[at]);
            let to = &mut out[(at + self.offset()) * rows..][..rows];
            for (to, x) in to.iter_mut().zip(*feature) {
                *to = (x - shift) * factor;
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
        let basis = Affine { intercept: true, shift: vec![1e6, -3.0], scale: vec![0.5, 4.0] };
        let theta = [2.0, -1.0, 0.25];
        let back = basis.to_data(&basis.to_working(&theta));
        assert!(back.iter().zip(theta).all(|(x, y)| (x - y).abs() < 1e-9));
        let gradient = [1.0, 2.0, 3.0];
        let left: f64 = basis.to_working(&theta).iter().zip(gradient).map(|(x, y)| x * y).sum();
        let right: f64 = basis.pull(&gradient).iter().zip(theta).map(|(x, y)| x * y).sum();
        assert!((left - right).abs() < 1e-9 * left.abs());
    }
}
