//! What a client posts, as checked types: every fault of a document is found at once, each with a JSON Pointer. Choices
//! are read against the registries' descriptors, so that a new model or optimizer needs nothing here.

mod choice;
mod fields;
mod options;
mod parameters;
mod spec;

#[cfg(test)]
mod tests;

pub(super) use fields::Fields;
pub(super) use spec::{Request, level, request};
