//! `formula`: any expression in columns and named parameters.

use super::{Family, TARGET, curve_names};
use crate::descent::curves::PARAMETERS;
use crate::descent::formula::names_in;
use crate::descent::nonlinear::Equation;
use crate::descent::registry::{Choice, Descriptor, Domain, Fallback, Param};
use crate::descent::{Dataset, SpecError};

pub(super) struct Formula;

static DESCRIPTOR: Descriptor = Descriptor {
    kind: "formula",
    summary: "Any expression in columns and parameters, such as a*exp(-b*x)+c.",
    params: &[
        Param {
            name: "formula",
            domain: Domain::Text,
            fallback: Fallback::Required,
            meaning: "The expression: + - * / ^, functions such as exp, log, sin, sqrt, and pi; let names what is used twice.",
        },
        TARGET,
        PARAMETERS,
    ],
};

impl Family for Formula {
    fn descriptor(&self) -> &'static Descriptor {
        &DESCRIPTOR
    }

    fn losses(&self) -> &'static [&'static str] {
        super::CURVE_LOSSES
    }

    fn coefficient_names(&self, choice: &Choice, data: &Dataset) -> Result<Vec<String>, SpecError> {
        curve_names(&self.curve(choice), choice, data)
    }

    fn width(&self, choice: &Choice, _data: &Dataset) -> u64 {
        choice.parameters().len() as u64
    }

    fn features(&self, choice: &Choice) -> Vec<String> {
        let is_column = |name: &String| !choice.parameters().iter().any(|parameter| parameter.name == *name);
        names_in(choice.text("formula").unwrap_or_default()).into_iter().filter(is_column).collect()
    }

    fn equation(&self, choice: &Choice) -> Option<Equation> {
        Some(self.curve(choice))
    }
}

impl Formula {
    fn curve(&self, choice: &Choice) -> Equation {
        let columns = self.features(choice);
        Equation {
            formula: choice.text("formula").unwrap_or_default().to_owned(),
            symbols: columns.clone(),
            columns,
            parameters: choice.parameters().to_vec(),
            is_written: true,
        }
    }
}
