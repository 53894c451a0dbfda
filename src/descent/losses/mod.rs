//! The registry of losses: ℓ(η, y) for the weighted sums η of a row, its slope and curvature by η, a block of rows at a
//! time. Losses of a generalized linear model contain the link, so that nothing is lost between both.

mod absolute;
mod auto;
mod cauchy;
mod gamma;
mod huber;
mod log_cosh;
mod log_loss;
mod mean;
mod poisson;
mod pseudo_huber;
mod quantile;
mod squared;

use super::Lanes;
use super::outcome::Label;
use super::registry::{Bound, Choice, Descriptor, Domain, Fallback, Param};

/// A kind of loss.
pub(super) trait LossKind: Sync {
    /// How the loss presents itself.
    fn descriptor(&self) -> &'static Descriptor;
    /// What kind of function it is.
    fn shape(&self) -> Shape;
    /// The loss with these parameters.
    fn build(&self, choice: &Choice, about: &About<'_>) -> Box<dyn Loss>;
    /// What is wrong with a value of the target for a curve, which is the mean itself.
    fn mean_fault(&self, _y: f64) -> Option<&'static str> {
        None
    }
    /// ln p of a value of the target at its mean, for a curve, where the loss is a likelihood without a dispersion.
    fn log_likelihood(&self, _mean: f64, _y: f64) -> Option<f64> {
        None
    }
    /// Times the residuals' spread: the scale of the loss, where it is to be chosen.
    fn scale_factor(&self) -> Option<f64> {
        None
    }
}

/// What kind of function of η a loss is; decides which methods can minimize it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    /// (η − y)².
    Quadratic,
    /// Convex and smooth, with a second derivative that methods of Newton's kind use: a log-likelihood.
    Likelihood,
    /// The same where the second derivative has no bound, so that no fixed step is sure to be stable.
    UnboundedLikelihood,
    /// Convex with a continuous slope.
    Smooth,
    /// Smooth, with several minima.
    ManyMinima,
    /// Straight but for kinks.
    PiecewiseLinear,
}

/// What a loss may need to know of the data.
pub(super) struct About<'a> {
    /// The classes, for classifiers.
    pub(super) classes: &'a [Label],
    /// The weight of each class.
    pub(super) class_sums: &'a [f64],
    /// η a row.
    pub(super) outputs: usize,
    /// A robust estimate of the residuals' spread, for a scale that is to be chosen.
    pub(super) spread: f64,
    /// Whether η is the mean itself, as with curves, and not what a link makes it from.
    pub(super) of_mean: bool,
}

/// A loss with its parameters. `eta` has one column an output; all slices of rows have one length.
pub(super) trait Loss: Send + Sync {
    /// Turns η into `weight · ∂ℓ/∂η` in place and returns Σ `weight · ℓ`.
    fn slopes(&self, eta: &mut [f64], target: &[f64], weights: &[f64], lanes: Lanes) -> f64;
    /// Writes `weight · ∂²ℓ/∂ηₐ∂ηᵦ`, or a positive bound of it that makes a step with it descend, for each pair a ≤ b of
    /// outputs in the order (0,0), (0,1) … (1,1) …, one column a pair.
    fn curvatures(&self, eta: &[f64], target: &[f64], weights: &[f64], out: &mut [f64]);
    /// The same with the expected second derivative, which is what errors of the estimates are taken from.
    fn information(&self, eta: &[f64], target: &[f64], weights: &[f64], out: &mut [f64]) {
        self.curvatures(eta, target, weights, out);
    }
    /// The largest second derivative, where it is bounded.
    fn curvature_max(&self) -> Option<f64>;
    /// The scale that was chosen.
    fn scale(&self) -> Option<f64> {
        None
    }
    /// Whether the expected second derivative is the mean itself, as for counts.
    fn information_is_mean(&self) -> bool {
        false
    }
    /// Whether the errors' dispersion is estimated beside the mean.
    fn disperses(&self) -> bool {
        false
    }
    /// A slope of the size of rounding errors, over the machine epsilon, for a target of this root mean square.
    fn slope_unit(&self, target_norm: f64) -> f64 {
        let _ = target_norm;
        1.0
    }
}

/// A loss of one η a row.
trait Pointwise: Send + Sync {
    /// ℓ and ∂ℓ/∂η.
    fn at(&self, eta: f64, y: f64) -> (f64, f64);
    /// See [`Loss::curvatures`].
    fn curvature(&self, eta: f64, y: f64) -> f64;
    /// See [`Loss::information`].
    fn expected(&self, eta: f64, y: f64) -> f64 {
        self.curvature(eta, y)
    }
    /// See [`Loss::curvature_max`].
    fn most(&self) -> Option<f64>;
    /// See [`Loss::scale`].
    fn chosen_scale(&self) -> Option<f64> {
        None
    }
    /// See [`Loss::information_is_mean`].
    fn counts(&self) -> bool {
        false
    }
    /// See [`Loss::disperses`].
    fn has_dispersion(&self) -> bool {
        false
    }
    /// See [`Loss::slope_unit`].
    fn unit(&self, target_norm: f64) -> f64 {
        let _ = target_norm;
        1.0
    }
}

impl<P: Pointwise> Loss for P {
    fn slopes(&self, eta: &mut [f64], target: &[f64], weights: &[f64], lanes: Lanes) -> f64 {
        let mut losses = Vec::with_capacity(eta.len());
        for (row, value) in eta.iter_mut().enumerate() {
            let (loss, slope) = self.at(*value, target[row]);
            // A row that does not count adds nothing, however far off it is.
            let counts = weights[row] > 0.0;
            losses.push(if counts { loss } else { 0.0 });
            *value = if counts { weights[row] * slope } else { 0.0 };
        }
        lanes.dot(&losses, weights)
    }

    fn curvatures(&self, eta: &[f64], target: &[f64], weights: &[f64], out: &mut [f64]) {
        for row in 0..out.len() {
            let counts = weights[row] > 0.0;
            out[row] = if counts { weights[row] * self.curvature(eta[row], target[row]) } else { 0.0 };
        }
    }

    fn information(&self, eta: &[f64], target: &[f64], weights: &[f64], out: &mut [f64]) {
        for row in 0..out.len() {
            let counts = weights[row] > 0.0;
            out[row] = if counts { weights[row] * self.expected(eta[row], target[row]) } else { 0.0 };
        }
    }

    fn curvature_max(&self) -> Option<f64> {
        self.most()
    }

    fn scale(&self) -> Option<f64> {
        self.chosen_scale()
    }

    fn information_is_mean(&self) -> bool {
        self.counts()
    }

    fn disperses(&self) -> bool {
        self.has_dispersion()
    }

    fn slope_unit(&self, target_norm: f64) -> f64 {
        self.unit(target_norm)
    }
}

/// The residual at which a robust loss turns from squares to something slower.
const DELTA: Param = Param {
    name: "delta",
    domain: Domain::NumberOr(Bound::Open(0.0), Bound::Free, &["auto"]),
    fallback: Fallback::Word("auto"),
    meaning: "The residual, in units of the target, where the loss turns; auto takes it from the residuals' spread.",
};

/// δ as given, or from the spread; and the chosen one, for the report.
fn delta(kind: &dyn LossKind, choice: &Choice, about: &About<'_>) -> (f64, Option<f64>) {
    match choice.number("delta") {
        Some(delta) => (delta, None),
        None => {
            let chosen = kind.scale_factor().unwrap_or(1.0) * about.spread;
            (chosen, Some(chosen))
        }
    }
}

/// All losses, in the order in which they are shown.
pub(super) static REGISTRY: [&dyn LossKind; 11] = [
    &auto::Auto,
    &squared::Squared,
    &absolute::Absolute,
    &huber::Huber,
    &pseudo_huber::PseudoHuber,
    &log_cosh::LogCosh,
    &quantile::Quantile,
    &cauchy::Cauchy,
    &log_loss::LogLoss,
    &poisson::Poisson,
    &gamma::Gamma,
];

/// The squared error.
pub(super) fn squares() -> Box<dyn Loss> {
    Box::new(squared::Squared)
}

/// The kind of this choice.
pub(super) fn kind(choice: &Choice) -> Option<&'static dyn LossKind> {
    REGISTRY.into_iter().find(|kind| kind.descriptor().kind == choice.kind)
}
