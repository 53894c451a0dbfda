//! Reads a posted JSON document in one pass. The parser's own errors do not know which field they are in; the [`Trail`]
//! does, because whoever reads a value says where it is, and an error leaves the trail as it was.

use std::cell::{Cell, RefCell};
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, MapAccess, Visitor};

use super::data::{DataSeed, Skip};
use super::node::{NODES_MAX, Node, NodeSeed};
use super::table::Raw;
use super::{DataLimits, IngestError, Posted, VIOLATIONS_MAX, token};
use crate::descent::Dataset;
use crate::fit::Violation;

/// Takes a document apart: an object whose `data` holds columns, and whatever else it has.
pub(crate) fn read(bytes: &[u8], limits: DataLimits) -> Result<Posted, IngestError> {
    let trail = Trail::default();
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let document = DocumentSeed { trail: &trail, limits }
        .deserialize(&mut deserializer)
        .map_err(|error| trail.explain(bytes, &error))?;
    deserializer.end().map_err(|error| trail.explain(bytes, &error))?;
    let mut violations = trail.violations.into_inner();
    let Some(Document { raw, rest }) = document else {
        violations.insert(0, Violation::new("", "invalid_value", "the body must be an object"));
        return Ok(Posted { data: None, has_data: true, rest: Vec::new(), violations });
    };
    let has_data = raw.is_some();
    let data = raw.and_then(|raw| raw.into_columns(limits, &mut violations)).and_then(|columns| {
        Dataset::new(columns)
            .map_err(|error| violations.push(Violation::new("/data", "invalid_value", error.to_string())))
            .ok()
    });
    let data = data.filter(|_| !violations.iter().any(|fault| fault.pointer.starts_with("/data/")));
    violations.truncate(VIOLATIONS_MAX);
    Ok(Posted { data, has_data, rest, violations })
}

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

    fn pointer(&self) -> String {
        self.steps.borrow().iter().fold(String::new(), |pointer, step| match step {
            Step::Key(key) => pointer + "/" + &token(key),
            Step::Index(index) => format!("{pointer}/{index}"),
        })
    }

    /// The parser's error as ours. Its kinds are told apart by text, because it does not tell them apart otherwise; a
    /// test notices if the texts change.
    fn explain(&self, bytes: &[u8], error: &serde_json::Error) -> IngestError {
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

struct Document {
    raw: Option<Raw>,
    rest: Vec<(String, Node)>,
}

struct DocumentSeed<'t> {
    trail: &'t Trail,
    limits: DataLimits,
}

impl<'de> DeserializeSeed<'de> for DocumentSeed<'_> {
    /// Nothing if the document is not an object.
    type Value = Option<Document>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for DocumentSeed<'_> {
    type Value = Option<Document>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_str<E>(self, _: &str) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_seq<A: serde::de::SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        while seq.next_element_seed(NodeSeed(self.trail))?.is_some() {}
        Ok(None)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut document = Document { raw: None, rest: Vec::new() };
        let mut seen = std::collections::HashSet::new();
        while let Some(key) = map.next_key::<String>()? {
            self.trail.enter(&key);
            if key == "data" && document.raw.is_none() {
                document.raw = Some(map.next_value_seed(DataSeed { trail: self.trail, limits: self.limits })?);
            } else if key == "data" {
                map.next_value::<Skip>()?;
                self.trail.report("duplicate_field", "the key appears twice in one object");
            } else {
                let node = map.next_value_seed(NodeSeed(self.trail))?;
                if seen.insert(key.clone()) {
                    document.rest.push((key, node));
                } else {
                    self.trail.report("duplicate_field", "the key appears twice in one object");
                }
            }
            self.trail.leave();
        }
        Ok(Some(document))
    }
}
