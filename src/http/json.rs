//! JSON that never says `null`: what has no value is left out. The serializer writes a number that is not finite as
//! `null` without an error, so the last word is spoken here, where bytes are made.

use std::io;

use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::Value;
use serde_json::ser::Formatter;

use super::problem::Problem;

/// Compact output that refuses `null`.
struct NoNull;

impl Formatter for NoNull {
    fn write_null<W: ?Sized + io::Write>(&mut self, _: &mut W) -> io::Result<()> {
        Err(io::Error::other("a value that is absent must be left out"))
    }
}

/// One line of JSON without a `null` in it.
pub(super) fn to_bytes(value: &impl Serialize) -> Result<Vec<u8>, Problem> {
    let mut bytes = Vec::with_capacity(512);
    if value.serialize(&mut serde_json::Serializer::with_formatter(&mut bytes, NoNull)).is_ok() {
        return Ok(bytes);
    }
    // Rare and a fault of ours, but no reason to withhold the rest of a fit.
    tracing::error!("an answer held a number that is not finite; it was left out");
    let mut tree = serde_json::to_value(value).map_err(|error| Problem::internal(&error.to_string()))?;
    leave_out_nulls(&mut tree);
    bytes.clear();
    tree.serialize(&mut serde_json::Serializer::with_formatter(&mut bytes, NoNull))
        .map_err(|error| Problem::internal(&error.to_string()))?;
    Ok(bytes)
}

fn leave_out_nulls(value: &mut Value) {
    match value {
        Value::Object(map) => {
            map.retain(|_, value| !value.is_null());
            map.values_mut().for_each(leave_out_nulls);
        }
        Value::Array(values) => values.iter_mut().for_each(leave_out_nulls),
        _ => {}
    }
}

/// An answer in JSON.
pub(super) fn answer(status: StatusCode, value: &impl Serialize) -> Result<Response, Problem> {
    Ok((status, [(CONTENT_TYPE, "application/json")], to_bytes(value)?).into_response())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Serialize)]
    struct Numbers {
        good: f64,
        bad: f64,
    }

    #[test]
    fn numbers_that_are_not_finite_are_left_out() {
        let bytes = to_bytes(&Numbers { good: 0.1, bad: f64::NAN }).expect("the rest is fine");
        assert_eq!(bytes, br#"{"good":0.1}"#);
    }

    #[test]
    fn an_array_cannot_leave_anything_out() {
        assert!(to_bytes(&[1.0, f64::INFINITY]).is_err());
        assert_eq!(to_bytes(&[1.0, 1e-11]).expect("finite"), b"[1.0,1e-11]");
    }
}
