//! Goodness of fit of a curve whose loss is not the squared error: what the metrics of squared errors do not say.

use super::problem::Curve;
use crate::descent::losses::{LossKind, Shape};
use crate::descent::outcome::Metrics;
use crate::descent::report::{Counted, criteria};

impl Curve {
    /// The metrics of squared errors, with what is about squared errors alone replaced where the loss is another.
    pub(super) fn metrics(
        &self,
        squares: Metrics,
        kind: &dyn LossKind,
        predictions: &[f64],
        counted: &Counted,
    ) -> Metrics {
        if self.shape == Shape::Quadratic {
            return squares;
        }
        let mut out = Metrics {
            deviance: None,
            explained_deviance: None,
            log_likelihood: None,
            aic: None,
            aicc: None,
            bic: None,
            ..squares
        };
        let sample = &self.sample;
        let rows = || predictions.iter().zip(sample.target()).enumerate();
        if matches!(self.shape, Shape::Likelihood | Shape::UnboundedLikelihood) {
            let deviance = |mean: &dyn Fn(usize) -> f64| {
                let mut means: Vec<f64> = (0..sample.rows()).map(mean).collect();
                let weights: Vec<f64> = (0..sample.rows()).map(|row| sample.weight(row)).collect();
                2.0 * self.loss.slopes(&mut means, sample.target(), &weights, sample.lanes)
            };
            let mean = rows().map(|(row, (_, y))| sample.weight(row) * y).sum::<f64>() / sample.weight_sum;
            let (own, constant) = (deviance(&|row| predictions[row]), deviance(&|_| mean));
            out.deviance = Some(own).filter(|value| value.is_finite());
            out.explained_deviance = Some(1.0 - own / constant).filter(|value| value.is_finite() && constant > 0.0);
        }
        let terms = rows().map(|(row, (mean, y))| kind.log_likelihood(*mean, *y).map(|log| sample.weight(row) * log));
        out.log_likelihood = terms.sum::<Option<f64>>().filter(|value| value.is_finite());
        criteria(&mut out, counted);
        out
    }
}
