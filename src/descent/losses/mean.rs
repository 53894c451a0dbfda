//! Likelihoods by the mean itself, for curves: the formula is the mean, not its logarithm or its log odds. Where the
//! formula leaves the means that there are, the loss is infinite, and no step leads there. Curvatures are the expected
//! ones, with which Gauss and Newton's step is Fisher's scoring (McCullagh & Nelder 1989, §2.5).

use super::Pointwise;

/// ln(y/mean), which keeps its digits near 0, and is finite where the ratio is hardly above 0.
fn log_ratio(y: f64, mean: f64, excess: f64) -> f64 {
    if excess > -0.5 { libm::log1p(excess) } else { libm::log(y) - libm::log(mean) }
}

/// Half the unit deviance of a Poisson count: y ln(y/μ) − (y − μ).
pub(super) struct Count;

impl Pointwise for Count {
    fn at(&self, mean: f64, y: f64) -> (f64, f64) {
        if mean <= 0.0 {
            // A count of 0 allows a mean of 0.
            return if mean == 0.0 && y == 0.0 { (0.0, 1.0) } else { (f64::INFINITY, f64::NAN) };
        }
        if y == 0.0 {
            return (mean, 1.0);
        }
        let excess = (y - mean) / mean;
        (y * log_ratio(y, mean, excess) - (y - mean), -excess)
    }

    fn curvature(&self, mean: f64, _y: f64) -> f64 {
        1.0 / mean.max(f64::MIN_POSITIVE)
    }

    fn most(&self) -> Option<f64> {
        None
    }
}

/// Half the unit deviance of a gamma amount: y/μ − 1 − ln(y/μ).
pub(super) struct Amount;

impl Pointwise for Amount {
    fn at(&self, mean: f64, y: f64) -> (f64, f64) {
        if mean <= 0.0 {
            return (f64::INFINITY, f64::NAN);
        }
        let excess = (y - mean) / mean;
        (excess - log_ratio(y, mean, excess), -excess / mean)
    }

    fn curvature(&self, mean: f64, _y: f64) -> f64 {
        1.0 / (mean * mean).max(f64::MIN_POSITIVE)
    }

    fn has_dispersion(&self) -> bool {
        true
    }

    fn most(&self) -> Option<f64> {
        None
    }
}

/// −y ln p − (1 − y) ln(1 − p), for outcomes of 0 and 1 or shares between them.
pub(super) struct Chance;

impl Pointwise for Chance {
    fn at(&self, p: f64, y: f64) -> (f64, f64) {
        let inside = (p > 0.0 || (p == 0.0 && y == 0.0)) && (p < 1.0 || (p <= 1.0 && y >= 1.0));
        if !inside {
            return (f64::INFINITY, f64::NAN);
        }
        let term = |share: f64, log: f64| if share > 0.0 { -share * log } else { 0.0 };
        let loss = term(y, libm::log(p)) + term(1.0 - y, libm::log1p(-p));
        let slope = term(1.0 - y, -1.0 / (1.0 - p)) + term(y, 1.0 / p);
        (loss, slope)
    }

    fn curvature(&self, p: f64, _y: f64) -> f64 {
        1.0 / (p * (1.0 - p)).max(f64::MIN_POSITIVE)
    }

    fn most(&self) -> Option<f64> {
        None
    }
}
