//! The registry of learning-rate schedules.

use super::super::registry::Descriptor;

static CONSTANT: Descriptor =
    Descriptor { kind: "constant", summary: "The learning rate stays what it is.", params: &[] };

/// All schedules, in the order in which they are shown.
pub(super) static REGISTRY: [&Descriptor; 1] = [&CONSTANT];

/// Their names, for parameters that choose one.
pub(super) static NAMES: [&str; 1] = ["constant"];
