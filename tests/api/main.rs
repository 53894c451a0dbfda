//! Stories told over HTTP, against the service started in this process. Every answer that a story sees is also held
//! against openapi.yaml (see `contract`), so a story need not say what the contract already does.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod app;
mod contract;
mod drawn;
mod events;

mod bad_inputs;
mod catalogue;
mod categories;
mod creating;
mod curves;
mod documents;
mod ending;
mod following;
mod history;
mod judging;
mod listing;
mod plots;
mod predicting;
mod readme;
mod sets;
mod surfaces;
mod tour;
mod tutorial;
