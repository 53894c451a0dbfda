//! One thing that is wrong with a request: where, what, and the limit that was hit.

use serde::Serialize;

/// A validation error. Several are answered at once.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Violation {
    /// A JSON Pointer (RFC 6901) to the field at fault.
    pub(crate) pointer: String,
    /// A stable slug such as `unknown_field`.
    pub(crate) code: &'static str,
    /// What is wrong and what would be right, for a person.
    pub(crate) detail: String,
    /// The limit that was exceeded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) limit: Option<u64>,
    /// The value that exceeded it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) actual: Option<u64>,
}

impl Violation {
    /// A violation that names no limit.
    pub(crate) fn new(pointer: impl Into<String>, code: &'static str, detail: impl Into<String>) -> Self {
        Self { pointer: pointer.into(), code, detail: detail.into(), limit: None, actual: None }
    }

    /// The same violation with the limit that was hit and what hit it.
    pub(crate) fn over(mut self, limit: u64, actual: u64) -> Self {
        self.limit = Some(limit);
        self.actual = Some(actual);
        self
    }
}
