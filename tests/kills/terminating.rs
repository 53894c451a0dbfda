//! terminating
