//! How the core describes what it offers: each model, loss, optimizer, schedule and scaling is a [`Descriptor`] in a
//! registry. The edge parses requests against descriptors, and the catalogue, the documents and the tests iterate them.

use std::collections::BTreeMap;

use super::same::same;

/// One end of a numeric range.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Bound {
    /// The value itself is allowed.
    Closed(f64),
    /// The value itself is not allowed.
    Open(f64),
    /// No bound but finiteness.
    Free,
}

/// The values that a parameter takes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Domain {
    /// A finite number within the bounds.
    Number(Bound, Bound),
    /// A number within the bounds, or one of the words.
    NumberOr(Bound, Bound, &'static [&'static str]),
    /// A whole number between the two, both included.
    Integer(u64, u64),
    /// True or false.
    Flag,
    /// One of the words.
    Word(&'static [&'static str]),
    /// The name of a column.
    Column,
    /// Names of columns, distinct, at least one unless the model allows none.
    Columns,
    /// An entry of the registry of this name, with parameters of its own.
    Choice(&'static str),
    /// Positive factors by the text of a label, or one of the words.
    FactorsOr(&'static [&'static str]),
    /// A text of its own.
    Text,
    /// Parameters of a curve by name, in order: a start value, or an object of what is known of it.
    Parameters,
}

/// What a parameter is when the client says nothing.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Fallback {
    /// This number.
    Number(f64),
    /// This whole number.
    Integer(u64),
    /// This flag.
    Flag(bool),
    /// This word.
    Word(&'static str),
    /// The column called `y`.
    ColumnY,
    /// All columns that are neither target nor weights.
    OtherColumns,
    /// The only column that is neither target nor weights; an error if there are several.
    OnlyOtherColumn,
    /// The client must say.
    Required,
    /// Nothing: the parameter is left out.
    Absent,
}

/// One parameter of an entry.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Param {
    /// The JSON key.
    pub name: &'static str,
    /// What it may be.
    pub domain: Domain,
    /// What it is otherwise.
    pub fallback: Fallback,
    /// One line for a person.
    pub meaning: &'static str,
}

/// One entry of a registry.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Descriptor {
    /// The name that requests use.
    pub kind: &'static str,
    /// One line for a person.
    pub summary: &'static str,
    /// The parameters, in the order in which they are shown.
    pub params: &'static [Param],
}

impl Descriptor {
    /// The parameter of this name.
    pub fn param(&self, name: &str) -> Option<&'static Param> {
        self.params.iter().find(|param| param.name == name)
    }
}

/// A value of a parameter, checked against its domain.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// A flag.
    Flag(bool),
    /// A whole number.
    Integer(u64),
    /// A finite number.
    Number(f64),
    /// A word or a column.
    Text(String),
    /// Columns.
    List(Vec<String>),
    /// An entry of another registry.
    Choice(Box<Choice>),
    /// Factors by the text of a label.
    Factors(BTreeMap<String, f64>),
    /// Parameters of a curve, in order.
    Parameters(Vec<Parameter>),
}

/// What is said of one parameter of a curve.
#[derive(Clone, Debug, PartialEq)]
pub struct Parameter {
    /// Its name.
    pub name: String,
    /// Where it starts, or what it is, if it is fixed.
    pub start: Option<f64>,
    /// At least this; −∞ where there is no end.
    pub min: f64,
    /// At most this; +∞ where there is no end.
    pub max: f64,
    /// Whether it keeps its start.
    pub fixed: bool,
    /// What it is in terms of the others.
    pub expr: Option<String>,
}

impl Parameter {
    /// A free parameter with this start, if any.
    pub fn free(name: impl Into<String>, start: Option<f64>) -> Self {
        Self { name: name.into(), start, min: f64::NEG_INFINITY, max: f64::INFINITY, fixed: false, expr: None }
    }

    /// Whether it is estimated.
    pub fn is_free(&self) -> bool {
        // A range of one value leaves nothing to estimate.
        !self.fixed && self.expr.is_none() && !same(self.min, self.max)
    }
}

/// An entry chosen from a registry, with the values of all its parameters.
#[derive(Clone, Debug, PartialEq)]
pub struct Choice {
    /// The entry's name.
    pub kind: String,
    /// Its parameters by name.
    pub settings: BTreeMap<String, Value>,
}

impl Choice {
    /// The entry of this name with no parameter set.
    pub fn named(kind: &str) -> Self {
        Self { kind: kind.to_owned(), settings: BTreeMap::new() }
    }

    /// The same choice with a parameter set.
    #[must_use]
    pub fn with(mut self, name: &str, value: Value) -> Self {
        self.settings.insert(name.to_owned(), value);
        self
    }

    /// A number (whole or not), where the parameter is one.
    pub fn number(&self, name: &str) -> Option<f64> {
        match self.settings.get(name)? {
            Value::Number(number) => Some(*number),
            Value::Integer(number) => Some(*number as f64),
            _ => None,
        }
    }

    /// A whole number, where the parameter is one.
    pub fn integer(&self, name: &str) -> Option<u64> {
        match self.settings.get(name)? {
            Value::Integer(number) => Some(*number),
            _ => None,
        }
    }

    /// A flag, where the parameter is one.
    pub fn flag(&self, name: &str) -> Option<bool> {
        match self.settings.get(name)? {
            Value::Flag(flag) => Some(*flag),
            _ => None,
        }
    }

    /// A word or column, where the parameter is one.
    pub fn text(&self, name: &str) -> Option<&str> {
        match self.settings.get(name)? {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    /// An entry of another registry, where the parameter is one.
    pub fn choice(&self, name: &str) -> Option<&Self> {
        match self.settings.get(name)? {
            Value::Choice(choice) => Some(choice),
            _ => None,
        }
    }

    /// Factors by the text of a label, where the parameter holds them.
    pub fn factors(&self, name: &str) -> Option<&BTreeMap<String, f64>> {
        match self.settings.get(name)? {
            Value::Factors(factors) => Some(factors),
            _ => None,
        }
    }

    /// Parameters of a curve; none where nothing is said of any.
    pub fn parameters(&self) -> &[Parameter] {
        match self.settings.get("parameters") {
            Some(Value::Parameters(parameters)) => parameters,
            _ => &[],
        }
    }

    /// Columns, where the parameter is a list of them.
    pub fn list(&self, name: &str) -> Option<&[String]> {
        match self.settings.get(name)? {
            Value::List(list) => Some(list),
            _ => None,
        }
    }
}

/// A registry by its plural name, as the catalogue shows it.
#[derive(Clone, Debug)]
pub struct Section {
    /// `models`, `losses`, `optimizers`, `schedules` or `scalings`.
    pub name: &'static str,
    /// Its entries, in the order in which they are shown.
    pub entries: Vec<&'static Descriptor>,
}
