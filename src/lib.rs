//! fitd, an HTTP fitting service: the library behind the binary.
//!
//! A request reads left to right through these modules: [`serve`] opens the door, `http` turns bytes into checked
//! values and answers, `jobs` queues and runs fits, `store` keeps them, and [`descent`] computes. `fit` holds the nouns
//! they share. `src/ARCHITECTURE.md` is the map.

pub mod config;
pub mod failpoints;
pub mod serve;
pub mod terminal;
pub mod upkeep;

mod watchdog;

mod http;
mod ingest;
mod jobs;
mod store;

mod fit;

pub mod descent;

pub mod plot;
