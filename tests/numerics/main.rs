//! The numerical core against references that it had no part in making.
#![expect(clippy::print_stdout, reason = "the figures that the documents quote are printed by these tests")]

mod bits;
mod global;
mod nist;
mod nonlinear;
mod problem;
mod profile;
mod robust;
mod tutorial;
mod variations;
mod wide;
