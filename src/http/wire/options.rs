//! The parts of a posted fit that go beyond one descent on all rows: ranges, restarts, validation.

use std::collections::BTreeMap;

use super::fields::{Fields, wrong};
use crate::fit::{Range, Restarts, Spread, Validation, Violation};
use crate::ingest::{Node, Number, VIOLATIONS_MAX, token};

const STARTS_MAX: u64 = 1_000;
const FOLDS_MAX: u64 = 100;
const PATIENCE_MAX: u64 = 10_000_000;
const SEED_MAX: u64 = i64::MAX as u64;

/// `{"x": {"min": 0, "max": 1}}`.
pub(super) fn bounds(fields: &mut Fields, faults: &mut Vec<Violation>) -> BTreeMap<String, Range> {
    let keys = fields.object("bounds", faults);
    let pointer = keys.pointer().to_owned();
    let mut bounds = BTreeMap::new();
    for (name, node) in keys.into_rest() {
        let pointer = format!("{pointer}/{}", token(&name));
        let mut keys = Fields::of(node, pointer.clone(), faults);
        let before = faults.len();
        let min = keys.number("min", "a number", |_| true, faults);
        let max = keys.number("max", "a number", |_| true, faults);
        keys.finish(faults);
        if faults.len() > before {
            continue;
        }
        match (min, max) {
            (None, None) => faults.push(Violation::new(pointer, "missing_field", "say min, max or both")),
            (Some(low), Some(high)) if low > high => {
                faults.push(Violation::new(pointer, "invalid_value", format!("min {low} is above max {high}")));
            }
            _ => {
                bounds.insert(name, Range { min, max });
            }
        }
    }
    bounds
}

/// A number of starts, or `{"starts": 16, "spread": "rows"}`.
pub(super) fn restarts(fields: &mut Fields, faults: &mut Vec<Violation>) -> Option<Restarts> {
    let pointer = fields.at("restarts");
    let mut keys = match fields.take("restarts")? {
        node @ Node::Number(_) => Fields::new(vec![("starts".to_owned(), node)], &pointer),
        Node::Map(entries) => Fields::new(entries, &pointer),
        other => {
            faults.push(wrong(&pointer, "a whole number or an object", &other));
            return None;
        }
    };
    let spreads = [("rows", Spread::Rows), ("latin_hypercube", Spread::LatinHypercube), ("normal", Spread::Normal)];
    let starts = keys.whole("starts", 1, STARTS_MAX, "limit_exceeded", faults).unwrap_or(16);
    let spread = keys.word("spread", &spreads, faults).unwrap_or(Spread::Rows);
    keys.finish(faults);
    Some(Restarts { starts, spread })
}

/// One way to choose rows, and for how long validation may stand still.
pub(super) fn validation(fields: &mut Fields, faults: &mut Vec<Violation>) -> Option<Validation> {
    let pointer = fields.at("validation");
    let mut keys = Fields::of(fields.take("validation")?, pointer.clone(), faults);
    let before = faults.len();
    let fraction = keys.number("fraction", "a number between 0 and 1", |part| part > 0.0 && part < 1.0, faults);
    let last_rows = keys.whole("last_rows", 1, u64::MAX, "limit_exceeded", faults);
    let rows = rows(&mut keys, faults);
    let folds = keys.whole("folds", 2, FOLDS_MAX, "limit_exceeded", faults);
    let seed = keys.whole("seed", 0, SEED_MAX, "invalid_value", faults);
    let patience = keys.whole("patience", 1, PATIENCE_MAX, "limit_exceeded", faults);
    let ways = [fraction.is_some(), last_rows.is_some(), rows.is_some(), folds.is_some()];
    let ways = ways.iter().filter(|is_there| **is_there).count();
    if ways != 1 && faults.len() == before {
        let detail = "say one of fraction, last_rows, rows and folds";
        faults.push(Violation::new(pointer, if ways == 0 { "missing_field" } else { "invalid_value" }, detail));
    }
    if folds.is_some() && patience.is_some() {
        let detail = "folds judge fits that have ended: patience needs rows that take no part in the fit itself";
        faults.push(Violation::new(keys.at("patience"), "invalid_value", detail));
    }
    keys.finish(faults);
    let seeded = fraction.is_some() || folds.is_some();
    let seed = if seeded { Some(seed.unwrap_or(0)) } else { None };
    Some(Validation { fraction, last_rows, rows, folds, seed, patience })
}

fn rows(keys: &mut Fields, faults: &mut Vec<Violation>) -> Option<Vec<u64>> {
    let pointer = keys.at("rows");
    let nodes = match keys.take("rows")? {
        Node::List(nodes) => nodes,
        other => {
            faults.push(wrong(&pointer, "an array of row numbers, from 0", &other));
            return None;
        }
    };
    let mut rows = Vec::with_capacity(nodes.len());
    for (index, node) in nodes.iter().enumerate() {
        match node {
            Node::Number(Number::Whole(row)) => rows.push(*row),
            other if faults.len() < VIOLATIONS_MAX => {
                faults.push(wrong(&format!("{pointer}/{index}"), "the number of a row, from 0", other));
            }
            _ => {}
        }
    }
    Some(rows)
}
