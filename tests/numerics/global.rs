//! Curves with several minima: whether restarts find the best one from a poor start, whatever the seed.

use std::f64::consts::{PI, TAU};

use fitd::descent::{Choice, Dataset, Outcome, Restarts, Spread};

use crate::problem::{fit, formula, parameter, spec, stopped};

/// A parameter: its name and range, the range that its true value is drawn from, and a start far from it.
struct Sought(&'static str, (f64, f64), (f64, f64), f64);

/// Data simulated from a formula, every seed with true values of its own.
struct Family {
    name: &'static str,
    formula: &'static str,
    curve: fn(&[f64], f64) -> f64,
    rows: u32,
    step: f64,
    /// The deviation of the noise, as a part of half the curve's height.
    noise: f64,
    parameters: &'static [Sought],
}

const SINES: Family = Family {
    name: "sines",
    formula: "a1*sin(w1*x+p1)+a2*sin(w2*x+p2)",
    curve: |t, x| t[0] * (t[1] * x + t[2]).sin() + t[3] * (t[4] * x + t[5]).sin(),
    rows: 100,
    step: 0.1,
    noise: 0.05,
    parameters: &[
        Sought("a1", (-3.0, 3.0), (1.0, 2.0), 0.1),
        Sought("w1", (0.5, 1.5), (0.6, 1.4), 1.5),
        Sought("p1", (-PI, PI), (-2.0, 2.0), 3.0),
        Sought("a2", (-3.0, 3.0), (1.0, 2.0), 0.1),
        Sought("w2", (2.0, 3.0), (2.1, 2.9), 2.0),
        Sought("p2", (-PI, PI), (-2.0, 2.0), 3.0),
    ],
};

/// The same where little is known: frequencies over two decades, heights that cannot change sign.
const WIDE_SINES: Family = Family {
    name: "wide_sines",
    parameters: &[
        Sought("a1", (0.0, 5.0), (0.5, 2.0), 1.0),
        Sought("w1", (0.1, 10.0), (0.5, 2.2), 1.0),
        Sought("p1", (0.0, TAU), (0.2, 6.0), 1.0),
        Sought("a2", (0.0, 5.0), (0.5, 2.0), 1.0),
        Sought("w2", (0.1, 10.0), (3.0, 6.0), 2.0),
        Sought("p2", (0.0, TAU), (0.2, 6.0), 1.0),
    ],
    ..SINES
};

const EXPONENTIALS: Family = Family {
    name: "exponentials",
    formula: "a*exp(-b*x)+c*exp(-d*x)+e",
    curve: |t, x| t[0] * (-t[1] * x).exp() + t[2] * (-t[3] * x).exp() + t[4],
    rows: 60,
    step: 0.2,
    noise: 0.01,
    parameters: &[
        Sought("a", (0.0, 10.0), (1.0, 5.0), 10.0),
        Sought("b", (0.01, 10.0), (1.0, 4.0), 0.01),
        Sought("c", (0.0, 10.0), (1.0, 5.0), 10.0),
        Sought("d", (0.01, 10.0), (0.1, 0.5), 0.01),
        Sought("e", (-5.0, 5.0), (-1.0, 1.0), -5.0),
    ],
};

const PEAKS: Family = Family {
    name: "peaks",
    formula: "a*exp(-(x-m)^2/(2*s^2))+b*exp(-(x-n)^2/(2*t^2))+c",
    curve: |t, x| {
        let peak = |height: f64, centre: f64, width: f64| height * (-((x - centre) / width).powi(2) / 2.0).exp();
        peak(t[0], t[1], t[2]) + peak(t[3], t[4], t[5]) + t[6]
    },
    rows: 80,
    step: 0.125,
    noise: 0.02,
    parameters: &[
        Sought("a", (0.0, 10.0), (1.0, 4.0), 1.0),
        Sought("m", (1.0, 6.0), (3.0, 4.5), 1.0),
        Sought("s", (0.2, 3.0), (0.4, 0.9), 0.2),
        Sought("b", (0.0, 10.0), (1.0, 4.0), 1.0),
        Sought("n", (4.0, 9.0), (5.0, 6.5), 9.0),
        Sought("t", (0.2, 3.0), (0.4, 0.9), 0.2),
        Sought("c", (-5.0, 5.0), (0.0, 1.0), 0.0),
    ],
};

/// A linear congruential generator: the same numbers everywhere.
struct Random(u64);

impl Random {
    fn new(seed: u64) -> Self {
        let mut random = Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(20_261));
        for _ in 0..4 {
            random.uniform();
        }
        random
    }

    fn uniform(&mut self) -> f64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 11) as f64 / (1u64 << 53) as f64
    }

    /// Standard normal (Box & Muller 1958).
    fn normal(&mut self) -> f64 {
        let (radius, turn) = (1.0 - self.uniform(), self.uniform());
        (-2.0 * radius.ln()).sqrt() * (TAU * turn).cos()
    }
}

impl Family {
    /// The data of this seed, and the parameters that they were made with.
    fn simulated(&self, seed: u64) -> (Dataset, Vec<f64>) {
        let mut random = Random::new(seed);
        let truth: Vec<f64> =
            self.parameters.iter().map(|Sought(_, _, (low, high), _)| low + (high - low) * random.uniform()).collect();
        let x: Vec<f64> = (0..self.rows).map(|row| f64::from(row) * self.step).collect();
        let curve: Vec<f64> = x.iter().map(|x| (self.curve)(&truth, *x)).collect();
        let highest = curve.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let lowest = curve.iter().copied().fold(f64::INFINITY, f64::min);
        let deviation = self.noise * (highest - lowest) / 2.0;
        let y = curve.iter().map(|curve| curve + deviation * random.normal()).collect();
        (Dataset::new(vec![("x".to_owned(), x), ("y".to_owned(), y)]).expect("a dataset"), truth)
    }

    fn fitted(&self, data: &Dataset, seed: u64, start: &[f64], restarts: Option<Restarts>) -> Outcome {
        let parameters = self.parameters.iter().zip(start);
        let parameters = parameters.map(|(Sought(name, range, _, _), start)| parameter(name, *start, *range));
        let mut spec = spec(formula(self.formula, parameters.collect()), Choice::named("auto"));
        (spec.seed, spec.restarts) = (seed, restarts);
        fit(data, spec).0
    }

    /// Whether the loss from the poor start is that from the true parameters, or lower: with 16 starts, and with it alone.
    fn found(&self, seed: u64) -> (bool, bool) {
        let (data, truth) = self.simulated(seed);
        let least = stopped(self.fitted(&data, seed, &truth, None)).loss;
        let poor: Vec<f64> = self.parameters.iter().map(|Sought(_, _, _, start)| *start).collect();
        let reaches = |restarts| match self.fitted(&data, seed, &poor, restarts) {
            Outcome::Stopped(report) => report.loss <= 1.0001 * least,
            _ => false,
        };
        let restarts = Restarts { count: 16, spread: Spread::LatinHypercube };
        (reaches(Some(restarts)), reaches(None))
    }

    fn assert_found(&self) {
        let found: Vec<(bool, bool)> = (0..100).map(|seed| self.found(seed)).collect();
        let hits = found.iter().filter(|(with, _)| *with).count();
        let alone = found.iter().filter(|(_, without)| *without).count();
        println!("{}: {hits} of 100 seeds, {alone} without restarts", self.name);
        let missed: Vec<usize> = (0..100).filter(|seed| !found[*seed].0).collect();
        assert!(hits >= 99, "{}: {hits} of 100 seeds; these do not: {missed:?}", self.name);
    }
}

#[test]
fn restarts_find_two_sines_in_99_of_100_seeds() {
    SINES.assert_found();
}

#[test]
fn restarts_find_two_sines_in_wide_ranges_in_99_of_100_seeds() {
    WIDE_SINES.assert_found();
}

#[test]
fn restarts_find_two_exponentials_in_99_of_100_seeds() {
    EXPONENTIALS.assert_found();
}

#[test]
fn restarts_find_two_overlapping_peaks_in_99_of_100_seeds() {
    PEAKS.assert_found();
}
