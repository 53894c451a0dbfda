//! Everything that can be chosen, straight from the registries: each entry with its parameters, their ranges, defaults
//! and meanings. What is in a registry appears here without a line of code.

use axum::http::StatusCode;
use axum::response::Response;
use serde_json::{Map, Value, json};

use super::json;
use super::problem::Problem;
use super::query::Query;
use crate::descent::{self, Bound, Descriptor, Domain, Fallback, Param};

pub(super) async fn read(query: Query) -> Result<Response, Problem> {
    query.finish()?;
    let sections: Map<String, Value> = descent::catalogue()
        .into_iter()
        .map(|section| (section.name.to_owned(), section.entries.into_iter().map(entry).collect()))
        .collect();
    json::answer(StatusCode::OK, &sections)
}

fn entry(descriptor: &Descriptor) -> Value {
    let parameters: Vec<Value> = descriptor.params.iter().map(parameter).collect();
    json!({"kind": descriptor.kind, "summary": descriptor.summary, "parameters": parameters})
}

fn parameter(param: &Param) -> Value {
    let mut shown = Map::new();
    shown.insert("name".to_owned(), json!(param.name));
    shown.insert("meaning".to_owned(), json!(param.meaning));
    let kind = match param.domain {
        Domain::Number(low, high) => {
            bounds(&mut shown, low, high);
            "number"
        }
        Domain::NumberOr(low, high, words) => {
            bounds(&mut shown, low, high);
            shown.insert("words".to_owned(), json!(words));
            "number"
        }
        Domain::Integer(low, high) => {
            shown.insert("minimum".to_owned(), json!(low));
            shown.insert("maximum".to_owned(), json!(high));
            "integer"
        }
        Domain::Flag => "flag",
        Domain::Word(words) => {
            shown.insert("words".to_owned(), json!(words));
            "word"
        }
        Domain::Column => "column",
        Domain::Columns => "columns",
        Domain::Choice(section) => {
            shown.insert("section".to_owned(), json!(section));
            "choice"
        }
        Domain::Text => "text",
        Domain::Parameters => "parameters",
        Domain::FactorsOr(words) => {
            shown.insert("words".to_owned(), json!(words));
            "factors"
        }
    };
    shown.insert("type".to_owned(), json!(kind));
    shown.insert("required".to_owned(), json!(param.fallback == Fallback::Required));
    let default = match param.fallback {
        Fallback::Number(number) => Some(json!(number)),
        Fallback::Integer(number) => Some(json!(number)),
        Fallback::Flag(flag) => Some(json!(flag)),
        Fallback::Word(word) => Some(json!(word)),
        Fallback::ColumnY => Some(json!("y")),
        Fallback::OtherColumns => Some(json!("other_columns")),
        Fallback::OnlyOtherColumn => Some(json!("only_other_column")),
        Fallback::Required | Fallback::Absent => None,
    };
    if let Some(default) = default {
        shown.insert("default".to_owned(), default);
    }
    Value::Object(shown)
}

/// An open end is an exclusive one, as in JSON Schema.
fn bounds(shown: &mut Map<String, Value>, low: Bound, high: Bound) {
    for (bound, closed, open) in [(low, "minimum", "exclusive_minimum"), (high, "maximum", "exclusive_maximum")] {
        match bound {
            Bound::Closed(end) => shown.insert(closed.to_owned(), json!(end)),
            Bound::Open(end) => shown.insert(open.to_owned(), json!(end)),
            Bound::Free => None,
        };
    }
}
