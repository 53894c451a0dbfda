//! The numerical core: `run(problem, spec, observer) -> Outcome`. It knows no async, no I/O, no clock, no HTTP and no
//! serialization; randomness comes in as a seed.

mod dataset;

pub use dataset::{Dataset, DatasetError};
