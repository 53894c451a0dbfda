//! Reads a choice (a name, or an object with `kind` and parameters) against the descriptors of a registry, and fills in
//! what the client left out. It knows no model, loss or optimizer by name.

use std::collections::BTreeMap;

use super::fields::{Fields, whole, wrong};
use super::parameters::parameters;
use crate::descent::{Bound, Choice, Descriptor, Domain, Fallback, Param, Section, Value};
use crate::fit::Violation;
use crate::ingest::{Node, token};

/// What a choice is read against.
pub(super) struct Context<'a> {
    /// The data's columns; nothing where the data is at fault, and then no column is looked for.
    pub(super) columns: Option<&'a [String]>,
    /// The column of the weights.
    pub(super) weights: Option<&'a str>,
    /// All registries, for a parameter that is a choice itself.
    pub(super) registry: &'a [Section],
}

/// Reads the choice at `fields[name]`, `default` if there is none; nothing if it is at fault.
pub(super) fn choice(
    fields: &mut Fields,
    name: &str,
    default: Option<&str>,
    section: &Section,
    context: &Context<'_>,
    faults: &mut Vec<Violation>,
) -> Option<Choice> {
    let pointer = fields.at(name);
    let node = fields.take(name).or_else(|| default.map(|kind| Node::Text(kind.to_owned())));
    let Some(node) = node else {
        faults.push(Violation::new(pointer, "missing_field", format!("the field {name} is required")));
        return None;
    };
    from_node(node, &pointer, section, context, faults)
}

/// Reads the choice in `node`, which is at `pointer`; nothing if it is at fault.
fn from_node(
    node: Node,
    pointer: &str,
    section: &Section,
    context: &Context<'_>,
    faults: &mut Vec<Violation>,
) -> Option<Choice> {
    let mut kind_pointer = pointer.to_owned();
    let mut keys = match node {
        Node::Text(kind) => Fields::new(vec![("kind".to_owned(), Node::Text(kind))], pointer),
        Node::Map(entries) => {
            kind_pointer.push_str("/kind");
            Fields::new(entries, pointer)
        }
        other => {
            faults.push(wrong(pointer, "a name or an object", &other));
            return None;
        }
    };
    let Some(kind) = keys.take("kind") else {
        faults.push(Violation::new(kind_pointer, "missing_field", format!("say which: {}", kinds(section))));
        return None;
    };
    let found = match &kind {
        Node::Text(kind) => section.entries.iter().find(|entry| entry.kind == kind),
        _ => None,
    };
    let Some(descriptor) = found else {
        faults.push(wrong(&kind_pointer, &format!("one of {}", kinds(section)), &kind));
        return None;
    };
    let over = if section.name == "models" { "model_too_large" } else { "limit_exceeded" };
    let before = faults.len();
    let settings = settings(descriptor, &mut keys, over, context, faults);
    keys.finish(faults);
    (faults.len() == before).then(|| Choice { kind: descriptor.kind.to_owned(), settings })
}

fn kinds(section: &Section) -> String {
    section.entries.iter().map(|entry| entry.kind).collect::<Vec<_>>().join(", ")
}

/// The parameters: first what the client said and what stands on its own, then what depends on the other columns.
fn settings(
    descriptor: &Descriptor,
    keys: &mut Fields,
    over: &'static str,
    context: &Context<'_>,
    faults: &mut Vec<Violation>,
) -> BTreeMap<String, Value> {
    let mut settings = BTreeMap::new();
    let mut open = Vec::new();
    for param in descriptor.params {
        let pointer = keys.at(param.name);
        let value = match keys.take(param.name) {
            Some(node) => read(param, node, &pointer, over, context, faults),
            None => match simple_fallback(param, &pointer, context, faults) {
                Some(value) => value,
                None => {
                    open.push((param, pointer));
                    continue;
                }
            },
        };
        if let Some(value) = value {
            settings.insert(param.name.to_owned(), value);
        }
    }
    let taken: Vec<String> = settings
        .iter()
        .filter(|(name, _)| descriptor.param(name).is_some_and(|param| param.domain == Domain::Column))
        .filter_map(|(_, value)| if let Value::Text(column) = value { Some(column.clone()) } else { None })
        .collect();
    let is_other = |column: &&String| !taken.contains(column) && context.weights != Some(column.as_str());
    let others: Vec<String> = context.columns.unwrap_or_default().iter().filter(is_other).cloned().collect();
    for (param, pointer) in open {
        let value = match (param.fallback, others.as_slice()) {
            (Fallback::OtherColumns, _) => Value::List(others.clone()),
            (_, [only]) => Value::Text(only.clone()),
            (_, others) => {
                if context.columns.is_some() {
                    faults.push(Violation::new(pointer, "missing_field", undecided(param.name, others)));
                }
                continue;
            }
        };
        settings.insert(param.name.to_owned(), value);
    }
    settings
}

fn undecided(name: &str, others: &[String]) -> String {
    match others {
        [] => format!("no column is left that could be the {name}"),
        [first, second, ..] => {
            format!("{} columns could be the {name}, {first} and {second} among them: say which", others.len())
        }
        [_] => format!("say which column is the {name}"),
    }
}

/// The value of a parameter that the client left out. The outer nothing: it depends on the other columns. The inner
/// nothing: there is none, and a fault says so.
fn simple_fallback(
    param: &Param,
    pointer: &str,
    context: &Context<'_>,
    faults: &mut Vec<Violation>,
) -> Option<Option<Value>> {
    let value = match param.fallback {
        Fallback::Number(number) => Value::Number(number),
        Fallback::Integer(number) => Value::Integer(number),
        Fallback::Flag(flag) => Value::Flag(flag),
        Fallback::Word(word) => {
            return Some(match param.domain {
                Domain::Choice(_) => {
                    read(param, Node::Text(word.to_owned()), pointer, "limit_exceeded", context, faults)
                }
                _ => Some(Value::Text(word.to_owned())),
            });
        }
        Fallback::ColumnY => {
            if context.columns.is_some_and(|columns| !columns.iter().any(|column| column == "y")) {
                let detail = format!("there is no column y: say which column is the {}", param.name);
                faults.push(Violation::new(pointer, "missing_field", detail));
                return Some(None);
            }
            Value::Text("y".to_owned())
        }
        Fallback::OtherColumns | Fallback::OnlyOtherColumn => return None,
        Fallback::Absent => return Some(None),
        Fallback::Required => {
            faults.push(Violation::new(pointer, "missing_field", format!("the field {} is required", param.name)));
            return Some(None);
        }
    };
    Some(Some(value))
}

/// The value that the client gave, checked against the parameter's domain.
fn read(
    param: &Param,
    node: Node,
    pointer: &str,
    over: &'static str,
    context: &Context<'_>,
    faults: &mut Vec<Violation>,
) -> Option<Value> {
    match (param.domain, node) {
        (Domain::Number(low, high) | Domain::NumberOr(low, high, _), Node::Number(number))
            if within(number.value(), low, high) =>
        {
            Some(Value::Number(number.value()))
        }
        (Domain::NumberOr(_, _, words) | Domain::Word(words), Node::Text(word)) if words.contains(&word.as_str()) => {
            Some(Value::Text(word))
        }
        // A word may be written as a choice without parameters.
        (Domain::Word(_), Node::Map(mut entries)) if entries.len() == 1 && entries[0].0 == "kind" => {
            read(param, entries.remove(0).1, pointer, over, context, faults)
        }
        (Domain::Integer(min, max), node) => {
            whole(&node, pointer, min, max, over).map_err(|fault| faults.push(fault)).ok().map(Value::Integer)
        }
        (Domain::Flag, Node::Flag(flag)) => Some(Value::Flag(flag)),
        (Domain::Column, Node::Text(column)) => {
            is_column(&column, pointer, context, faults).then_some(Value::Text(column))
        }
        (Domain::Columns, Node::List(nodes)) => columns(nodes, pointer, context, faults),
        (Domain::Choice(section), node) => {
            let section = context.registry.iter().find(|other| other.name == section)?;
            from_node(node, pointer, section, context, faults).map(|choice| Value::Choice(Box::new(choice)))
        }
        (Domain::FactorsOr(words), Node::Text(word)) if words.contains(&word.as_str()) => Some(Value::Text(word)),
        (Domain::FactorsOr(_), Node::Map(entries)) => factors(entries, pointer, faults),
        (Domain::Text, Node::Text(text)) => Some(Value::Text(text)),
        (Domain::Parameters, Node::Map(entries)) => parameters(entries, pointer, over, faults),
        (domain, other) => {
            faults.push(wrong(pointer, &expected(domain), &other));
            None
        }
    }
}

fn factors(entries: Vec<(String, Node)>, pointer: &str, faults: &mut Vec<Violation>) -> Option<Value> {
    let before = faults.len();
    let mut factors = BTreeMap::new();
    for (name, node) in entries {
        match node {
            Node::Number(number) if number.value() > 0.0 => {
                factors.insert(name, number.value());
            }
            other => faults.push(wrong(&format!("{pointer}/{}", token(&name)), "a number above 0", &other)),
        }
    }
    (faults.len() == before).then_some(Value::Factors(factors))
}

fn columns(nodes: Vec<Node>, pointer: &str, context: &Context<'_>, faults: &mut Vec<Violation>) -> Option<Value> {
    let before = faults.len();
    let mut seen = std::collections::HashSet::new();
    let mut names = Vec::with_capacity(nodes.len());
    for (index, node) in nodes.into_iter().enumerate() {
        let pointer = format!("{pointer}/{index}");
        match node {
            Node::Text(column) => {
                is_column(&column, &pointer, context, faults);
                if !seen.insert(column.clone()) {
                    let detail = format!("the column {column} is named twice");
                    faults.push(Violation::new(&pointer, "invalid_value", detail));
                }
                names.push(column);
            }
            other => faults.push(wrong(&pointer, "the name of a column", &other)),
        }
    }
    (faults.len() == before).then_some(Value::List(names))
}

/// Whether the data has this column, or is at fault itself.
pub(super) fn is_column(column: &str, pointer: &str, context: &Context<'_>, faults: &mut Vec<Violation>) -> bool {
    let known = context.columns.is_none_or(|columns| columns.iter().any(|other| other == column));
    if !known {
        faults.push(Violation::new(pointer, "unknown_column", format!("the data has no column {column}")));
    }
    known
}

fn within(number: f64, low: Bound, high: Bound) -> bool {
    let above = match low {
        Bound::Closed(end) => number >= end,
        Bound::Open(end) => number > end,
        Bound::Free => true,
    };
    let below = match high {
        Bound::Closed(end) => number <= end,
        Bound::Open(end) => number < end,
        Bound::Free => true,
    };
    number.is_finite() && above && below
}

fn expected(domain: Domain) -> String {
    let range = |low: Bound, high: Bound| {
        let low = match low {
            Bound::Closed(end) => format!(" of at least {end}"),
            Bound::Open(end) => format!(" above {end}"),
            Bound::Free => String::new(),
        };
        let high = match high {
            Bound::Closed(end) => format!(" up to {end}"),
            Bound::Open(end) => format!(" below {end}"),
            Bound::Free => String::new(),
        };
        format!("a number{low}{high}")
    };
    match domain {
        Domain::Number(low, high) => range(low, high),
        Domain::NumberOr(low, high, words) => format!("{} or one of {}", range(low, high), words.join(", ")),
        Domain::Integer(min, max) => format!("a whole number from {min} to {max}"),
        Domain::Flag => "true or false".to_owned(),
        Domain::Word(words) => format!("one of {}", words.join(", ")),
        Domain::Column => "the name of a column".to_owned(),
        Domain::Choice(_) => "a name or an object".to_owned(),
        Domain::FactorsOr(words) => format!("an object of factors or one of {}", words.join(", ")),
        Domain::Columns => "an array of names of columns".to_owned(),
        Domain::Text => "a string".to_owned(),
        Domain::Parameters => "an object of parameters by name".to_owned(),
    }
}
