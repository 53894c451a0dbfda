//! The registry of scalings: the coordinates in which the descent moves. Answers are in data units whatever they are.

use super::super::registry::{Choice, Descriptor};

static AUTO: Descriptor = Descriptor {
    kind: "auto",
    summary: "What suits the optimizer: none for a given learning rate, whitening for an exact step.",
    params: &[],
};
static NONE: Descriptor =
    Descriptor { kind: "none", summary: "The data as given: the textbook's descent.", params: &[] };
static STANDARDIZE: Descriptor = Descriptor {
    kind: "standardize",
    summary: "Columns of unit spread, centred where there is an intercept.",
    params: &[],
};
static WHITEN: Descriptor = Descriptor {
    kind: "whiten",
    summary: "Uncorrelated columns of unit spread: one exact step reaches the optimum.",
    params: &[],
};

/// All scalings, in the order in which they are shown.
pub(super) static REGISTRY: [&Descriptor; 4] = [&AUTO, &NONE, &STANDARDIZE, &WHITEN];

/// A resolved scaling.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum Scaling {
    None,
    Standardize,
    Whiten,
}

/// The scaling of a resolved choice.
pub(in super::super) fn scaling(choice: &Choice) -> Option<Scaling> {
    match choice.kind.as_str() {
        "none" => Some(Scaling::None),
        "standardize" => Some(Scaling::Standardize),
        "whiten" => Some(Scaling::Whiten),
        _ => None,
    }
}
