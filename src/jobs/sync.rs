//! The locks, flags and threads that the jobs' wake-ups, cancellation and shutdown stand on, in one place, so that tests can
//! put a scheduler underneath that tries their interleavings (`--features shuttle`).

#[cfg(not(feature = "shuttle"))]
pub(super) use std::{
    sync::atomic::AtomicU8,
    sync::{Condvar, Mutex, MutexGuard},
    thread,
};

#[cfg(feature = "shuttle")]
pub(super) use shuttle::{
    sync::atomic::AtomicU8,
    sync::{Condvar, Mutex, MutexGuard},
    thread,
};

/// Runs a future to its end on a thread that is not the runtime's.
#[cfg(not(feature = "shuttle"))]
pub(super) fn block_on<F: Future>(runtime: &tokio::runtime::Handle, future: F) -> F::Output {
    runtime.block_on(future)
}

/// The same under the tests' scheduler, which has its own idea of waiting.
#[cfg(feature = "shuttle")]
pub(super) fn block_on<F: Future>(_: &tokio::runtime::Handle, future: F) -> F::Output {
    shuttle::future::block_on(future)
}
