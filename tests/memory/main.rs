//! What a fit is said to need, held against what it takes: random fits over all models and options, whose heap is measured
//! while they run.
//!
//! Admission adds estimates up, so an estimate must never be below the peak, and hardly above it. The bounds are those of
//! [`contract`]. `FITD_MEMORY_FITS` says how many fits are drawn.
#![expect(clippy::print_stdout, reason = "the figures that the documents quote are printed by this test")]

mod contract;
mod data;
mod draw;
mod measure;

use peak_alloc::PeakAlloc;

#[global_allocator]
static PEAK: PeakAlloc = PeakAlloc;
