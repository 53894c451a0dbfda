//! What happens when things go wrong around the process: it is killed, told to stop, started twice, or started with
//! what it cannot use. The real binary runs here, on free ports and with stores in temporary directories.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod client;
mod process;

mod crashing;
mod flags;
mod flat;
mod migrating;
mod readme;
mod starting;
mod stopping;
mod terminal;
mod upkeep;
