//! The service is killed over and over, at random times and at named points, also while it recovers; what it had
//! acknowledged must be there afterwards, and every fit must end as if nothing had happened. The real binary runs here.
//!
//! `FITD_KILLS` says how many kills there are, `FITD_RACES` how often a cancel races an end, `FITD_KILLS_SEED` which
//! random numbers decide, and `FITD_KILLS_PLACE` a directory that outlives the test: a run that finds a ledger there
//! goes on from it.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod bodies;
mod client;
mod dice;
mod figures;
mod process;

mod ledger;
mod load;
mod watching;

mod audit;
mod course;
mod inside;
mod outcomes;

mod killing;
mod poison;
mod racing;
mod terminating;
