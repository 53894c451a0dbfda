//! What a disk can do to the store: lose what was not synced when the power goes, fail a write, be full. The real binary
//! runs behind a small library (`shim.c`) that writes down every call and can fail it; Linux alone.
#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
#![expect(clippy::print_stdout, reason = "the figures of a run are its output")]

mod disk;
mod invariants;
mod ledger;
mod service;
mod shim;
mod trace;
mod workload;

mod faults;
mod full;
mod losses;
