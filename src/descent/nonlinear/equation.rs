//! A formula with what is said of its parameters and the columns that its names stand for.

use crate::descent::formula::{FormulaError, Tape, Tied, compile};
use crate::descent::registry::Parameter;
use crate::descent::{Dataset, SpecError};

/// A formula, its names and its parameters.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::descent) struct Equation {
    pub(in crate::descent) formula: String,
    /// The names of columns in the formula, and the columns of the data that they stand for.
    pub(in crate::descent) symbols: Vec<String>,
    pub(in crate::descent) columns: Vec<String>,
    /// In the order of the coefficients.
    pub(in crate::descent) parameters: Vec<Parameter>,
    /// Whether the client wrote the formula, and so chose its names.
    pub(in crate::descent) is_written: bool,
}

impl Equation {
    /// The tape, or the fault of a formula and where it is.
    pub(in crate::descent) fn compile(&self) -> Result<Tape, SpecError> {
        let tied = |parameter| {
            let Parameter { name, expr, .. }: &Parameter = parameter;
            Tied { name, is_free: parameter.is_free(), expr: expr.as_deref() }
        };
        let parameters: Vec<Tied<'_>> = self.parameters.iter().map(tied).collect();
        compile(&self.formula, &self.symbols, &parameters).map_err(|(place, error)| {
            let FormulaError { code, detail, limit } = error;
            let field = match place {
                Some(index) => format!("model/parameters/{}/expr", self.parameters[index].name),
                None => "model/formula".to_owned(),
            };
            SpecError { field, code, detail, limit }
        })
    }

    /// The same with these parameters fixed at these values.
    pub(in crate::descent) fn pinned(&self, pins: &[(usize, f64)]) -> Self {
        let mut equation = self.clone();
        for (index, value) in pins {
            equation.parameters[*index].start = Some(*value);
            equation.parameters[*index].fixed = true;
        }
        equation
    }
}

fn fault(field: impl Into<String>, code: &'static str, detail: impl Into<String>) -> SpecError {
    SpecError { field: format!("model/{}", field.into()), code, detail: detail.into(), limit: None }
}

impl Equation {
    /// What is wrong with the curve for this data.
    pub(in crate::descent) fn check(&self, target: &str, data: &Dataset) -> Result<(), SpecError> {
        for parameter in &self.parameters {
            check_parameter(parameter)?;
        }
        self.check_columns(target, data)?;
        let tape = self.compile()?;
        if tape.width() == 0 {
            return Err(fault(
                "parameters",
                "invalid_value",
                "a curve needs a parameter that is neither fixed nor tied",
            ));
        }
        if let Some((_, index)) = tape.free().enumerate().find(|(free, _)| !tape.uses(*free)) {
            let name = &self.parameters[index].name;
            let detail = format!("the formula does not depend on {name}");
            return Err(fault(format!("parameters/{name}"), "invalid_value", detail));
        }
        Ok(())
    }

    fn check_columns(&self, target: &str, data: &Dataset) -> Result<(), SpecError> {
        for parameter in &self.parameters {
            let name = &parameter.name;
            if self.is_written && data.names().contains(name) {
                let detail = format!("{name} is a column of the data too: give the parameter another name");
                return Err(fault(format!("parameters/{name}"), "invalid_value", detail));
            }
        }
        if data.column(target).is_none() {
            return Err(fault("target", "unknown_column", format!("there is no column called {target}")));
        }
        if data.levels_of(target).is_some() {
            let detail = format!("{target} holds categories, but a curve predicts numbers");
            return Err(fault("target", "invalid_value", detail));
        }
        let field = if self.is_written { "formula" } else { "feature" };
        for column in &self.columns {
            if column == target {
                let detail = format!("{column} is what is predicted, so it cannot be used to predict");
                return Err(fault(field, "invalid_value", detail));
            }
            if data.levels_of(column).is_some() {
                let detail = format!("the column {column} holds categories, which have no value in a formula");
                return Err(fault(field, "invalid_value", detail));
            }
            if data.column(column).is_none() && !self.is_written {
                return Err(fault(field, "unknown_column", format!("there is no column called {column}")));
            }
        }
        if self.is_written {
            // With all columns as names, so that the answer can name the one that was meant.
            let all = Self { symbols: data.names().to_vec(), ..self.clone() };
            all.compile()?;
        }
        Ok(())
    }
}

/// What is wrong with what is said of one parameter.
fn check_parameter(parameter: &Parameter) -> Result<(), SpecError> {
    let Parameter { name, start, min, max, fixed, expr } = parameter;
    let wrong = |key: &str, detail: String| {
        let field = format!("parameters/{name}/{key}");
        Err(fault(field.trim_end_matches('/'), "invalid_value", detail))
    };
    let mut characters = name.chars();
    let begins = characters.next().is_some_and(|first| first == '_' || first.is_alphabetic());
    if !begins || !characters.all(|c| c == '_' || c.is_alphanumeric()) || name == "pi" || name == "let" {
        return wrong("", format!("{name:?} cannot be used in a formula: a name has letters, digits and _"));
    }
    if expr.is_some() && (start.is_some() || *fixed || min.is_finite() || max.is_finite()) {
        return wrong("expr", format!("{name} follows from the others: it has no start, no range and is not fixed"));
    }
    if *fixed && start.is_none() {
        return wrong("start", format!("{name} is fixed: say at what"));
    }
    if min > max {
        return wrong("min", "min is above max".to_owned());
    }
    if let Some(start) = start
        && (start < min || start > max)
    {
        return wrong("start", format!("the start {start} lies outside of the range {}", range(*min, *max)));
    }
    Ok(())
}

/// A range for a sentence.
pub(super) fn range(min: f64, max: f64) -> String {
    match (min.is_finite(), max.is_finite()) {
        (true, true) => format!("from {min} to {max}"),
        (true, false) => format!("above {min}"),
        _ => format!("below {max}"),
    }
}
