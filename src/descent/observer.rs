//! The seam between the loop and whoever watches it: one call a step, one answer. The core has no clock; deadlines,
//! cancellation and shutdown come in through the answer.

use super::StopReason;

/// What the observer wants next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Control {
    /// Go on.
    Continue,
    /// End here, for this reason.
    Stop(StopReason),
}

/// One recorded point of the descent: the start is iteration 0.
pub trait Step {
    /// Updates of the parameters so far.
    fn iteration(&self) -> u64;
    /// The unpenalized loss.
    fn loss(&self) -> f64;
    /// The loss plus the penalty.
    fn objective(&self) -> f64;
    /// The Euclidean norm of the objective's gradient in data units.
    fn gradient_norm(&self) -> f64;
    /// The unpenalized loss on the validation rows, where there are some.
    fn validation_loss(&self) -> Option<f64>;
    /// The coefficients in data units, in the fixed order. Computed when asked for.
    fn coefficients(&self) -> Vec<f64>;
    /// Everything needed to go on from here, bit for bit. Computed when asked for.
    fn checkpoint(&self) -> Checkpoint;
}

/// Watches a run.
pub trait Observer {
    /// Called at iteration 0 and after every iteration, before the stopping rules are asked; after a resume, not for
    /// the iteration that the checkpoint stands at.
    fn observe(&mut self, step: &dyn Step) -> Control;

    /// Called after an iteration that is not recorded, between two that are: with a batch size, the loss over all rows
    /// is known once an epoch.
    fn pulse(&mut self) -> Control {
        Control::Continue
    }

    /// Called where the run stands at no recorded point but knows how to go on from there: when a step was left in the
    /// middle, and while it searches for a start. The checkpoint is made when it is asked for.
    fn standing(&mut self, _checkpoint: &dyn Fn() -> Checkpoint) -> Control {
        self.pulse()
    }
}

/// A run's whole state as named vectors.
#[derive(Clone, Debug, PartialEq)]
pub struct Checkpoint {
    /// [`super::NUMERICS_VERSION`] of the build that wrote it; another one restarts the fit from iteration 0.
    pub numerics_version: u64,
    /// Where it stands.
    pub iteration: u64,
    /// Named vectors of floats.
    pub floats: Vec<(String, Vec<f64>)>,
    /// Named vectors of whole numbers.
    pub integers: Vec<(String, Vec<u64>)>,
}

impl Checkpoint {
    /// Whether a descent had begun: before, there is what a search has found, and no place to go on from.
    pub(super) fn has_begun(&self) -> bool {
        self.floats.iter().any(|(name, _)| name == "coordinates")
    }
}
