//! The edge: routes, wire types, problems, event streams. A handler extracts, calls one method of the jobs, converts.
//! Nothing here knows the store, or how a descent runs.

mod app;
mod router;

mod fits;
mod wire;

mod catalogue;
mod documents;
mod health;
mod page;

mod body;
mod frame;
mod guard;
mod json;
mod problem;
mod query;

pub(crate) use app::{App, Limits};
pub(crate) use router::router;
