//! The registry of losses: ℓ(ŷ, y) and its slope by ŷ, a block of rows at a time.

mod squared;

use super::registry::{Choice, Descriptor};

/// A loss.
pub(super) trait Loss: Sync {
    /// How the loss presents itself.
    fn descriptor(&self) -> &'static Descriptor;
    /// Turns predictions into `weight · ∂ℓ/∂ŷ` in place and returns Σ `weight · ℓ`. All slices have one length.
    fn accumulate(&self, predictions: &mut [f64], target: &[f64], weights: &[f64], lanes: super::Lanes) -> f64;
}

/// All losses, in the order in which they are shown.
pub(super) static REGISTRY: [&dyn Loss; 1] = [&squared::Squared];

/// The loss of this choice.
pub(super) fn loss(choice: &Choice) -> Option<&'static dyn Loss> {
    REGISTRY.into_iter().find(|loss| loss.descriptor().kind == choice.kind)
}
