//! Goodness of fit of a curve with a likelihood of its own: what the metrics of squared errors do not say.

use super::problem::Curve;
use crate::descent::losses::Shape;
use crate::descent::outcome::Metrics;
use crate::descent::report::Counted;

impl Curve {
    /// The metrics of squared errors, less what is about squared errors alone where the loss is another.
    pub(super) fn metrics(&self, squares: Metrics, _counted: &Counted) -> Metrics {
        if self.shape == Shape::Quadratic {
            return squares;
        }
        Metrics {
            deviance: None,
            explained_deviance: None,
            log_likelihood: None,
            aic: None,
            aicc: None,
            bic: None,
            ..squares
        }
    }
}
