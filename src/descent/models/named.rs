//! Ready-made curves as models: each is its formula, with starts that are guessed from the data.

use super::{Family, curve_names, fault};
use crate::descent::curves::{Curve, Natural, Rows};
use crate::descent::formula::nearest;
use crate::descent::nonlinear::Equation;
use crate::descent::registry::{Choice, Descriptor, Parameter};
use crate::descent::{Dataset, GivenUp, SpecError};

/// A ready-made curve.
#[derive(Clone, Copy)]
pub(super) struct Named(pub(super) &'static dyn Curve);

impl Family for Named {
    fn descriptor(&self) -> &'static Descriptor {
        self.0.descriptor()
    }

    fn losses(&self) -> &'static [&'static str] {
        super::CURVE_LOSSES
    }

    fn coefficient_names(&self, choice: &Choice, data: &Dataset) -> Result<Vec<String>, SpecError> {
        let known = self.0.parameters(choice);
        for given in choice.parameters() {
            if !known.iter().any(|natural| natural.name == given.name) {
                let names: Vec<&str> = known.iter().map(|natural| natural.name.as_str()).collect();
                let meant = match nearest(&given.name, names.iter().copied()) {
                    Some(meant) => format!("did you mean {meant}?"),
                    None => format!("it has {}", names.join(", ")),
                };
                let detail = format!("{} has no parameter {}; {meant}", choice.kind, given.name);
                return Err(fault(format!("parameters/{}", given.name), "invalid_value", detail));
            }
        }
        curve_names(&self.curve(choice), choice, data)
    }

    fn width(&self, choice: &Choice, _data: &Dataset) -> u64 {
        self.0.parameters(choice).len() as u64
    }

    fn features(&self, choice: &Choice) -> Vec<String> {
        choice.text("feature").map(str::to_owned).into_iter().collect()
    }

    fn equation(&self, choice: &Choice) -> Option<Equation> {
        Some(self.curve(choice))
    }

    fn guesses(&self, choice: &Choice, data: &Dataset, weights: Option<&str>, given_up: GivenUp<'_>) -> Vec<Vec<f64>> {
        let column = |name: Option<&str>| name.and_then(|name| data.column(name)).map(|column| &column[..]);
        let (Some(x), Some(y)) = (column(choice.text("feature")), column(choice.text("target"))) else {
            return Vec::new();
        };
        self.0.guess(choice, Rows::new(x, y, column(weights), given_up))
    }

    fn guess_bytes(&self, choice: &Choice, rows: f64) -> f64 {
        8.0 * Rows::numbers(rows).max(self.0.guess_numbers(choice, rows))
    }
}

impl Named {
    fn curve(&self, choice: &Choice) -> Equation {
        let parameter = |natural: Natural| {
            let Natural { name, min, max } = natural;
            let given = choice.parameters().iter().find(|given| given.name == name);
            match given {
                // A tied parameter follows from the others, wherever that leads.
                Some(given) if given.expr.is_some() => given.clone(),
                Some(given) => Parameter { min: given.min.max(min), max: given.max.min(max), ..given.clone() },
                None => Parameter { min, max, ..Parameter::free(name, None) },
            }
        };
        Equation {
            formula: self.0.formula(choice),
            symbols: vec!["x".to_owned()],
            columns: self.features(choice),
            parameters: self.0.parameters(choice).into_iter().map(parameter).collect(),
            is_written: false,
        }
    }
}
