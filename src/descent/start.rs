//! Where a descent starts, in data units and internal order.

use rand_core::{Rng, SeedableRng};
use rand_pcg::Pcg64;

use super::Dataset;
use super::models::to_internal_order;
use super::problem::Problem;
use super::spec::{Spec, Start};

/// The start's coefficients.
pub(super) fn internal(start: &Start, seed: u64, data: &Dataset, spec: &Spec, problem: &Problem) -> Vec<f64> {
    let design = &problem.design;
    match start {
        Start::Zeros => vec![0.0; design.width()],
        Start::At(values) => {
            let names = super::coefficient_names(&spec.model, data).unwrap_or_default();
            let fixed: Vec<f64> = names
                .iter()
                .map(|name| values.iter().find(|(other, _)| other == name).map_or(0.0, |(_, value)| *value))
                .collect();
            to_internal_order(design.basis.as_ref(), &fixed)
        }
        Start::Random => {
            let mut normal = Normal::new(seed);
            let drawn: Vec<f64> = (0..design.width()).map(|_| normal.next()).collect();
            let chart = problem.quadratic.standardized_chart(true);
            chart.to_data(design.basis.as_ref(), design.target_shift, design.lanes, &drawn)
        }
    }
}

/// Standard normal numbers by Marsaglia's polar method on a fixed generator: the same stream for ever.
pub(super) struct Normal {
    generator: Pcg64,
}

impl Normal {
    pub(super) fn new(seed: u64) -> Self {
        Self { generator: Pcg64::seed_from_u64(seed) }
    }

    /// Uniform in (−1, 1), 53 bits.
    fn uniform(&mut self) -> f64 {
        2.0 * ((self.generator.next_u64() >> 11) as f64 + 0.5) / (1u64 << 53) as f64 - 1.0
    }

    pub(super) fn next(&mut self) -> f64 {
        loop {
            let (x, y) = (self.uniform(), self.uniform());
            let square = x.mul_add(x, y * y);
            if square < 1.0 && square > 0.0 {
                return x * (-2.0 * libm::log(square) / square).sqrt();
            }
        }
    }
}
