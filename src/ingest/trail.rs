//! Where the reading of a document stands. The parser's own errors do not know which field they are in; the [`Trail`]
//! does, because whoever reads a value says where it is, and an error leaves the trail as it was.

use std::cell::{Cell, RefCell};

use super::{IngestError, NODES_MAX, VIOLATIONS_MAX, token};
use crate::fit::Violation;

/// A step towards a value.
pub(super) enum Step {
    Key(String),
    Index(usize),
}

impl From<&String> for Step {
    fn from(key: &String) -> Self {
        Self::Key(key.clone())
    }
}

impl From<&str> for Step {
    fn from(key: &str) -> Self {
        Self::Key(key.to_owned())
    }
}

impl From<usize> for Step {
    fn from(index: usize) -> Self {
        Self::Index(index)
    }
}

/// Where the reading stands, and what has been wrong so far.
#[derive(Default)]
pub(super) struct Trail {
    steps: RefCell<Vec<Step>>,
    violations: RefCell<Vec<Violation>>,
    nodes: Cell<usize>,
}

impl Trail {
    pub(super) fn enter(&self, step: impl Into<Step>) {
        self.steps.borrow_mut().push(step.into());
    }

    pub(super) fn leave(&self) {
        self.steps.borrow_mut().pop();
    }

    /// Replaces the last index, so that a long array costs no pushing and popping.
    pub(super) fn at(&self, index: usize) {
        if let Some(step) = self.steps.borrow_mut().last_mut() {
            *step = Step::Index(index);
        }
    }

    pub(super) fn count_node(&self) -> usize {
        self.nodes.set(self.nodes.get() + 1);
        self.nodes.get()
    }

    /// Notes that the value here is wrong.
    pub(super) fn report(&self, code: &'static str, detail: impl Into<String>) {
        let mut violations = self.violations.borrow_mut();
        if violations.len() < VIOLATIONS_MAX {
            violations.push(Violation::new(self.pointer(), code, detail));
        }
    }

    /// What was reported.
    pub(super) fn into_violations(self) -> Vec<Violation> {
        self.violations.into_inner()
    }

    fn pointer(&self) -> String {
        self.steps.borrow().iter().fold(String::new(), |pointer, step| match step {
            Step::Key(key) => pointer + "/" + &token(key),
            Step::Index(index) => format!("{pointer}/{index}"),
        })
    }

    /// The parser's error as ours. Its kinds are told apart by text, because it does not tell them apart otherwise; a
    /// test notices if the texts change.
    pub(super) fn explain(&self, bytes: &[u8], error: &serde_json::Error) -> IngestError {
        if self.nodes.get() > NODES_MAX {
            return IngestError::TooMany { limit: NODES_MAX as u64 };
        }
        let detail = error.to_string();
        let pointer = Some(self.pointer()).filter(|pointer| !pointer.is_empty());
        if detail.starts_with("number out of range") {
            IngestError::OutOfRange { detail, pointer }
        } else if detail.starts_with("recursion limit exceeded") {
            IngestError::TooDeep { detail }
        } else if bytes.starts_with(b"\xef\xbb\xbf") {
            IngestError::Syntax { detail: format!("a byte order mark is not allowed; {detail}"), pointer: None }
        } else {
            IngestError::Syntax { detail, pointer }
        }
    }
}
