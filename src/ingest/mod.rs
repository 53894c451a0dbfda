//! Bytes to columns: what a client posts, taken apart in one pass. The numbers of `data` go straight into columns of
//! `f64`; everything beside them becomes a small tree of [`Node`]s that keeps the order of the keys.
//!
//! Nothing here knows what a fit is, which fields it has, or how errors are answered.

mod cells;
mod data;
mod json;
mod node;
mod table;
mod trail;

#[cfg(test)]
mod tests;

pub(crate) use json::read;
pub(crate) use node::{Node, Number};

use crate::descent::Dataset;
use crate::fit::Violation;

/// Validation errors that are collected at most; the rest says nothing new.
pub(crate) const VIOLATIONS_MAX: usize = 100;

/// Nodes a document may have beside its data; far beyond any sensible request.
const NODES_MAX: usize = 50_000;

/// How much data is taken.
#[derive(Clone, Copy, Debug)]
pub(crate) struct DataLimits {
    pub(crate) columns_max: u64,
    pub(crate) values_max: u64,
}

/// A document taken apart. `data` is absent where the document has none, or where it is at fault: then `violations`
/// says how.
#[derive(Debug)]
pub(crate) struct Posted {
    pub(crate) data: Option<Dataset>,
    /// Whether there was a `data` key at all.
    pub(crate) has_data: bool,
    /// The rows at which columns miss a value, where the document says that such rows are dropped.
    pub(crate) missing: Vec<(String, Vec<usize>)>,
    /// Every other key, in order.
    pub(crate) rest: Vec<(String, Node)>,
    pub(crate) violations: Vec<Violation>,
}

/// Why bytes are not a document at all.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum IngestError {
    #[error("the body is not valid JSON: {detail}")]
    Syntax { detail: String, pointer: Option<String> },
    #[error("the body is nested too deeply: {detail}")]
    TooDeep { detail: String },
    #[error("a number is outside the range of a double: {detail}")]
    OutOfRange { detail: String, pointer: Option<String> },
    #[error("the body has more than {limit} values beside its data")]
    TooMany { limit: u64 },
}

/// A JSON Pointer's token: `~` and `/` are escaped (RFC 6901).
pub(crate) fn token(text: &str) -> String {
    text.replace('~', "~0").replace('/', "~1")
}
