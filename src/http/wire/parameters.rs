//! The parameters of a curve: by name, in order, each a start value or an object of what is known of it.

use super::fields::{Fields, wrong};
use crate::descent::{PARAMETERS_MAX, Parameter, Value};
use crate::fit::Violation;
use crate::ingest::Node;

/// Reads the parameters at `pointer`; nothing if one of them is at fault.
pub(super) fn parameters(
    entries: Vec<(String, Node)>,
    pointer: &str,
    over: &'static str,
    faults: &mut Vec<Violation>,
) -> Option<Value> {
    let (limit, actual) = (PARAMETERS_MAX as u64, entries.len() as u64);
    if actual > limit {
        let detail = format!("{actual} parameters, at most {limit} are allowed");
        faults.push(Violation::new(pointer, over, detail).over(limit, actual));
        return None;
    }
    let before = faults.len();
    let fields = Fields::new(Vec::new(), pointer);
    let read = entries.into_iter().filter_map(|(name, node)| {
        let pointer = fields.at(&name);
        match node {
            Node::Number(number) => Some(Parameter::free(name, Some(number.value()))),
            Node::Map(entries) => Some(parameter(name, Fields::new(entries, pointer), faults)),
            other => {
                faults.push(wrong(&pointer, "a number or an object", &other));
                None
            }
        }
    });
    let parameters = read.collect();
    (faults.len() == before).then_some(Value::Parameters(parameters))
}

fn parameter(name: String, mut fields: Fields, faults: &mut Vec<Violation>) -> Parameter {
    let mut number = |key: &str, faults: &mut Vec<Violation>| fields.number(key, "a number", |_| true, faults);
    let (start, min, max) = (number("start", faults), number("min", faults), number("max", faults));
    let fixed = fields.flag("fixed", faults).unwrap_or(false);
    let expr = fields.text("expr", faults);
    fields.finish(faults);
    Parameter { name, start, min: min.unwrap_or(f64::NEG_INFINITY), max: max.unwrap_or(f64::INFINITY), fixed, expr }
}
