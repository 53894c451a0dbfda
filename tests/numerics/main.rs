//! The numerical core against references that it had no part in making.

mod bits;
mod nist;
mod problem;
mod tutorial;
mod variations;
