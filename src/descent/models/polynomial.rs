//! `polynomial`: ŷ = Σₖ θₖxᵏ, k = 1 … degree (+ θ₀). The working basis is Chebyshev's in t = (x − c)/h, which maps the data
//! to [−1, 1]; without an intercept each function is multiplied by x/r, r the largest |x|, which spans x … x^degree.
//!
//! The maps between both bases are made in double-double arithmetic from T₍k+1₎ = 2tTₖ − T₍k−1₎ (DLMF 18.9): the
//! coefficients in data units of a cubic on x in the millions are differences of huge numbers.

use std::sync::Arc;

use super::super::double::Double;
use super::super::registry::{Choice, Descriptor, Domain, Fallback, Param};
use super::super::{Dataset, GivenUp, SpecError};
use super::{Basis, Family, TARGET, fault, known, vector};

/// The highest degree.
const DEGREE_MAX: u64 = 20;

pub(super) struct Polynomial;

static DESCRIPTOR: Descriptor = Descriptor {
    kind: "polynomial",
    summary: "A polynomial in one feature, with or without a constant term.",
    params: &[
        Param {
            name: "feature",
            domain: Domain::Column,
            fallback: Fallback::OnlyOtherColumn,
            meaning: "The column that predicts.",
        },
        Param {
            name: "degree",
            domain: Domain::Integer(0, DEGREE_MAX),
            fallback: Fallback::Required,
            meaning: "The highest power.",
        },
        TARGET,
        Param {
            name: "intercept",
            domain: Domain::Flag,
            fallback: Fallback::Flag(true),
            meaning: "Whether a constant term is fitted.",
        },
    ],
};

impl Family for Polynomial {
    fn descriptor(&self) -> &'static Descriptor {
        &DESCRIPTOR
    }

    fn losses(&self) -> &'static [&'static str] {
        super::linear::LOSSES
    }

    fn coefficient_names(&self, choice: &Choice, data: &Dataset) -> Result<Vec<String>, SpecError> {
        let (target, feature) = (choice.text("target").unwrap_or_default(), choice.text("feature").unwrap_or_default());
        known(data, target, "target")?;
        known(data, feature, "feature")?;
        if data.levels_of(feature).is_some() {
            return Err(fault("feature", "invalid_value", format!("{feature} holds categories, which have no powers")));
        }
        if feature == target {
            return Err(fault(
                "feature",
                "invalid_value",
                format!("{feature} is the target and cannot be the feature"),
            ));
        }
        let degree = choice.integer("degree").unwrap_or(0);
        if degree > DEGREE_MAX {
            let detail = format!("the degree is at most {DEGREE_MAX}");
            return Err(SpecError { limit: Some((DEGREE_MAX, degree)), ..fault("degree", "model_too_large", detail) });
        }
        let intercept = choice.flag("intercept").unwrap_or(true);
        if degree == 0 && !intercept {
            return Err(fault(
                "degree",
                "invalid_value",
                "a polynomial of degree 0 without an intercept has no coefficients",
            ));
        }
        if intercept && degree > 0 && feature == "intercept" {
            return Err(fault(
                "feature",
                "invalid_value",
                "a column called intercept cannot stand beside an intercept",
            ));
        }
        let mut names: Vec<String> = (1..=degree)
            .map(|power| if power == 1 { feature.to_owned() } else { format!("{feature}^{power}") })
            .collect();
        if intercept {
            names.push("intercept".to_owned());
        }
        Ok(names)
    }

    fn width(&self, choice: &Choice, _data: &Dataset) -> u64 {
        choice.integer("degree").unwrap_or(0).saturating_add(u64::from(choice.flag("intercept").unwrap_or(true)))
    }

    fn features(&self, choice: &Choice) -> Vec<String> {
        vec![choice.text("feature").unwrap_or_default().to_owned()]
    }

    fn basis(&self, choice: &Choice, data: &Dataset, _given_up: GivenUp<'_>) -> Arc<dyn Basis> {
        let degree = choice.integer("degree").unwrap_or(0).min(DEGREE_MAX) as usize;
        let intercept = choice.flag("intercept").unwrap_or(true);
        let column = choice.text("feature").and_then(|name| data.column(name));
        let (low, high) = column.map_or((0.0, 0.0), |column| {
            column.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), x| (low.min(*x), high.max(*x)))
        });
        let centre = 0.5 * low + 0.5 * high;
        let half_width = 0.5 * high - 0.5 * low;
        let reach = low.abs().max(high.abs());
        Arc::new(Chebyshev::new(
            degree,
            intercept,
            centre,
            if half_width > 0.0 { half_width } else { 1.0 },
            if reach > 0.0 { reach } else { 1.0 },
        ))
    }

    fn restore(&self, vectors: &[(String, Vec<f64>)]) -> Option<Arc<dyn Basis>> {
        let [degree, intercept, centre, half_width, reach] = *vector(vectors, "chebyshev")? else { return None };
        let degree = (degree as usize).min(DEGREE_MAX as usize);
        Some(Arc::new(Chebyshev::new(degree, intercept > 0.5, centre, half_width, reach)))
    }
}

struct Chebyshev {
    degree: usize,
    intercept: bool,
    centre: f64,
    half_width: f64,
    reach: f64,
    /// Column k: the working coefficients of the k-th power (upper triangular, p×p, by column).
    powers_in_working: Vec<Vec<f64>>,
    /// Column k: the powers' coefficients of the k-th working function.
    working_in_powers: Vec<Vec<f64>>,
}

impl Chebyshev {
    fn new(degree: usize, intercept: bool, centre: f64, half_width: f64, reach: f64) -> Self {
        let width = degree + usize::from(intercept);
        let (c, h) = (Double::of(centre), Double::of(half_width));
        // Without an intercept both families carry a factor x (working: x/r), which divides out of the recurrences.
        let factor = if intercept { Double::of(1.0) } else { Double::of(reach) };
        let unit = |value: Double| -> Vec<Double> {
            let mut column = vec![Double::ZERO; width];
            if let Some(first) = column.first_mut() {
                *first = value;
            }
            column
        };
        let mut powers: Vec<Vec<Double>> = Vec::with_capacity(width);
        let mut working: Vec<Vec<Double>> = Vec::with_capacity(width);
        for k in 0..width {
            if k == 0 {
                powers.push(unit(factor));
                working.push(unit(Double::of(1.0).over(factor)));
                continue;
            }
            // x·Tⱼ = c·Tⱼ + h·(T₍j+1₎ + T₍|j−1|₎)/2, with x·T₀ = c·T₀ + h·T₁.
            let last = &powers[k - 1];
            let mut next = vec![Double::ZERO; width];
            let half = h.times(Double::of(0.5));
            for j in 0..k {
                next[j] = next[j].plus(c.times(last[j]));
                let step = if j == 0 { h } else { half };
                next[j + 1] = next[j + 1].plus(step.times(last[j]));
                if j > 0 {
                    next[j - 1] = next[j - 1].plus(half.times(last[j]));
                }
            }
            powers.push(next);
            // T₍k₎ = 2tT₍k−1₎ − T₍k−2₎ with t = (x − c)/h; T₁ = t.
            let mut next = vec![Double::ZERO; width];
            let times = Double::of(if k == 1 { 1.0 } else { 2.0 }).over(h);
            for j in 0..k {
                let last = working[k - 1][j];
                next[j + 1] = next[j + 1].plus(times.times(last));
                next[j] = next[j].minus(times.times(c).times(last));
            }
            if k > 1 {
                for j in 0..k {
                    next[j] = next[j].minus(working[k - 2][j]);
                }
            }
            working.push(next);
        }
        let round = |columns: Vec<Vec<Double>>| -> Vec<Vec<f64>> {
            columns.into_iter().map(|column| column.into_iter().map(Double::value).collect()).collect()
        };
        Self {
            degree,
            intercept,
            centre,
            half_width,
            reach,
            powers_in_working: round(powers),
            working_in_powers: round(working),
        }
    }
}

/// Σₖ factorsₖ · columnₖ, summed in double-double.
fn combine(columns: &[Vec<f64>], factors: &[f64]) -> Vec<f64> {
    let mut out = vec![Double::ZERO; columns.len()];
    for (k, (column, factor)) in columns.iter().zip(factors).enumerate() {
        if *factor == 0.0 {
            continue;
        }
        for j in 0..=k {
            out[j] = out[j].plus(Double::of(column[j]).times(Double::of(*factor)));
        }
    }
    out.into_iter().map(Double::value).collect()
}

impl Basis for Chebyshev {
    fn width(&self) -> usize {
        self.degree + usize::from(self.intercept)
    }

    fn has_intercept(&self) -> bool {
        self.intercept
    }

    fn fill(&self, features: &[&[f64]], out: &mut [f64]) {
        let width = self.width();
        let rows = out.len() / width.max(1);
        let x = features.first().copied().unwrap_or_default();
        if self.intercept {
            out[..rows].fill(1.0);
        } else {
            out[..rows].iter_mut().zip(x).for_each(|(to, x)| *to = x / self.reach);
        }
        for k in 1..width {
            let (earlier, to) = out.split_at_mut(k * rows);
            let (last, to) = (&earlier[(k - 1) * rows..], &mut to[..rows]);
            for row in 0..rows {
                let t = (x[row] - self.centre) / self.half_width;
                to[row] =
                    if k == 1 { t * last[row] } else { (2.0 * t).mul_add(last[row], -earlier[(k - 2) * rows + row]) };
            }
        }
    }

    fn to_working(&self, theta: &[f64]) -> Vec<f64> {
        combine(&self.powers_in_working, theta)
    }

    fn to_data(&self, working: &[f64]) -> Vec<f64> {
        combine(&self.working_in_powers, working)
    }

    fn pull(&self, gradient: &[f64]) -> Vec<f64> {
        self.powers_in_working
            .iter()
            .map(|column| {
                let sum = column
                    .iter()
                    .zip(gradient)
                    .fold(Double::ZERO, |sum, (entry, slope)| sum.plus(Double::of(*entry).times(Double::of(*slope))));
                sum.value()
            })
            .collect()
    }

    fn vectors(&self) -> Vec<(String, Vec<f64>)> {
        let intercept = f64::from(u8::from(self.intercept));
        let values = vec![self.degree as f64, intercept, self.centre, self.half_width, self.reach];
        vec![("chebyshev".to_owned(), values)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(basis: &Chebyshev, working: &[f64], x: f64) -> f64 {
        let mut out = vec![0.0; basis.width()];
        basis.fill(&[&[x]], &mut out);
        out.iter().zip(working).map(|(phi, factor)| phi * factor).sum()
    }

    #[test]
    fn both_bases_describe_the_same_polynomial() {
        for intercept in [true, false] {
            let basis = Chebyshev::new(4, intercept, 1.5, 2.5, 4.0);
            let theta: Vec<f64> = (0..basis.width()).map(|k| 0.5 + k as f64).collect();
            let working = basis.to_working(&theta);
            for x in [-1.0, 0.3, 2.0, 4.0f64] {
                let first = i32::from(!intercept);
                let plain: f64 = theta.iter().zip(first..).map(|(factor, power)| factor * x.powi(power)).sum();
                assert!((value(&basis, &working, x) - plain).abs() < 1e-11, "{intercept} {x}");
            }
            let back = basis.to_data(&working);
            assert!(back.iter().zip(&theta).all(|(x, y)| (x - y).abs() < 1e-11), "{back:?}");
        }
    }

    #[test]
    fn pull_is_the_transpose_of_to_working() {
        let basis = Chebyshev::new(3, true, 10.0, 2.0, 12.0);
        let (theta, gradient) = ([1.0, -2.0, 0.5, 3.0], [0.25, 1.0, -1.0, 2.0]);
        let left: f64 = basis.to_working(&theta).iter().zip(gradient).map(|(x, y)| x * y).sum();
        let right: f64 = basis.pull(&gradient).iter().zip(theta).map(|(x, y)| x * y).sum();
        assert!((left - right).abs() < 1e-10 * left.abs().max(1.0));
    }
}
