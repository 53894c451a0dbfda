//! The keys of one object: each is taken by name and type, and what nobody took is unknown. Faults are collected, never
//! returned, so that one pass finds them all.

use crate::fit::Violation;
use crate::ingest::{Node, Number, token};

/// The keys of the object at `pointer` that nobody has taken yet.
pub(crate) struct Fields {
    entries: Vec<(String, Node)>,
    pointer: String,
}

impl Fields {
    pub(crate) fn new(entries: Vec<(String, Node)>, pointer: impl Into<String>) -> Self {
        Self { entries, pointer: pointer.into() }
    }

    /// The keys of an object; of anything else none, with a fault.
    pub(crate) fn of(node: Node, pointer: String, faults: &mut Vec<Violation>) -> Self {
        match node {
            Node::Map(entries) => Self::new(entries, pointer),
            other => {
                faults.push(wrong(&pointer, "an object", &other));
                Self::new(Vec::new(), pointer)
            }
        }
    }

    /// Where a key of this object is.
    pub(crate) fn at(&self, name: &str) -> String {
        format!("{}/{}", self.pointer, token(name))
    }

    pub(crate) fn pointer(&self) -> &str {
        &self.pointer
    }

    pub(crate) fn take(&mut self, name: &str) -> Option<Node> {
        let at = self.entries.iter().position(|(key, _)| key == name)?;
        Some(self.entries.remove(at).1)
    }

    /// The keys of an object within this one; none if it is not there.
    pub(crate) fn object(&mut self, name: &str, faults: &mut Vec<Violation>) -> Self {
        let pointer = self.at(name);
        match self.take(name) {
            Some(node) => Self::of(node, pointer, faults),
            None => Self::new(Vec::new(), pointer),
        }
    }

    /// A finite number that `accept`s, which `expected` describes.
    pub(crate) fn number(
        &mut self,
        name: &str,
        expected: &str,
        accept: impl Fn(f64) -> bool,
        faults: &mut Vec<Violation>,
    ) -> Option<f64> {
        match self.take(name)? {
            Node::Number(number) if accept(number.value()) => Some(number.value()),
            other => {
                faults.push(wrong(&self.at(name), expected, &other));
                None
            }
        }
    }

    /// A whole number within the limits, written with digits alone.
    pub(crate) fn whole(
        &mut self,
        name: &str,
        min: u64,
        max: u64,
        over: &'static str,
        faults: &mut Vec<Violation>,
    ) -> Option<u64> {
        let node = self.take(name)?;
        whole(&node, &self.at(name), min, max, over).map_err(|fault| faults.push(fault)).ok()
    }

    pub(crate) fn flag(&mut self, name: &str, faults: &mut Vec<Violation>) -> Option<bool> {
        match self.take(name)? {
            Node::Flag(flag) => Some(flag),
            other => {
                faults.push(wrong(&self.at(name), "true or false", &other));
                None
            }
        }
    }

    pub(crate) fn text(&mut self, name: &str, faults: &mut Vec<Violation>) -> Option<String> {
        match self.take(name)? {
            Node::Text(text) => Some(text),
            other => {
                faults.push(wrong(&self.at(name), "a string", &other));
                None
            }
        }
    }

    /// One of a few words.
    pub(crate) fn word<T: Copy>(&mut self, name: &str, words: &[(&str, T)], faults: &mut Vec<Violation>) -> Option<T> {
        let node = self.take(name)?;
        let known = match &node {
            Node::Text(text) => words.iter().find(|(word, _)| word == text).map(|(_, value)| *value),
            _ => None,
        };
        if known.is_none() {
            let words: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
            faults.push(wrong(&self.at(name), &format!("one of {}", words.join(", ")), &node));
        }
        known
    }

    /// Reports what nobody took.
    pub(crate) fn finish(self, faults: &mut Vec<Violation>) {
        for (name, _) in &self.entries {
            faults.push(Violation::new(self.at(name), "unknown_field", format!("there is no field {name} here")));
        }
    }

    /// All keys that are left.
    pub(crate) fn into_rest(self) -> Vec<(String, Node)> {
        self.entries
    }
}

/// The fault of a value that is not what it should be.
pub(crate) fn wrong(pointer: &str, expected: &str, found: &Node) -> Violation {
    let found = match found {
        Node::Number(number) => number.value().to_string(),
        Node::Text(text) if text.len() <= 64 => format!("{text:?}"),
        other => other.describe().to_owned(),
    };
    Violation::new(pointer, "invalid_value", format!("expected {expected}, not {found}"))
}

/// A whole number within the limits; one above them has the code `over`.
pub(crate) fn whole(node: &Node, pointer: &str, min: u64, max: u64, over: &'static str) -> Result<u64, Violation> {
    match node {
        Node::Number(Number::Whole(number)) if *number > max => {
            Err(Violation::new(pointer, over, format!("{number} is more than {max}, the most there may be"))
                .over(max, *number))
        }
        Node::Number(Number::Whole(number)) if *number >= min => Ok(*number),
        other => Err(wrong(pointer, &format!("a whole number from {min} to {max}, in digits"), other)),
    }
}
