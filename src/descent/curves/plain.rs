//! Curves whose formula and parameters do not depend on any choice: each is one [`Plain`] with a function that guesses.

use super::super::registry::{Choice, Descriptor};
use super::{Curve, Natural, ROWS_MAX, Rows, offered};

/// Numbers a row that a guess holds at most, and what grids take.
const VECTORS: f64 = 12.3;
const GRID: f64 = 2_000.0;

/// A curve that is always the same.
pub(super) struct Plain {
    pub(super) descriptor: &'static Descriptor,
    pub(super) formula: &'static str,
    pub(super) parameters: &'static [Given],
    pub(super) guess: fn(&Rows<'_>) -> Vec<Vec<f64>>,
}

/// A parameter of a [`Plain`] curve.
pub(super) struct Given {
    name: &'static str,
    min: f64,
}

/// A parameter that may be any number.
pub(super) const fn free(name: &'static str) -> Given {
    Given { name, min: f64::NEG_INFINITY }
}

/// A parameter that is not negative.
pub(super) const fn positive(name: &'static str) -> Given {
    Given { name, min: 0.0 }
}

/// A [`Plain`] whose summary ends with its formula.
macro_rules! plain {
    ($kind:literal, $summary:literal, $formula:literal, [$($parameter:expr),*], $guess:path) => {
        Plain {
            descriptor: &Descriptor {
                kind: $kind,
                summary: concat!($summary, ": ", $formula),
                params: super::PARAMS,
            },
            formula: $formula,
            parameters: &[$($parameter),*],
            guess: $guess,
        }
    };
}
pub(super) use plain;

impl Curve for Plain {
    fn descriptor(&self) -> &'static Descriptor {
        self.descriptor
    }

    fn formula(&self, _choice: &Choice) -> String {
        self.formula.to_owned()
    }

    fn parameters(&self, _choice: &Choice) -> Vec<Natural> {
        self.parameters
            .iter()
            .map(|given| Natural { name: given.name.to_owned(), min: given.min, max: f64::INFINITY })
            .collect()
    }

    fn guess(&self, choice: &Choice, rows: Rows<'_>) -> Vec<Vec<f64>> {
        offered(&self.parameters(choice), (self.guess)(&rows.into_thinned(ROWS_MAX)))
    }

    fn guess_numbers(&self, _choice: &Choice, rows: f64) -> f64 {
        VECTORS * rows.min(ROWS_MAX as f64) + GRID
    }
}
