//! Wakes the workers: a count of fits that may be queued, and the sign to stop. It knows of no fit by name.
//!
//! The count is a hint. It is raised after a fit was stored, and by the reconciler from what the store says, so a worker
//! asks the store only when there may be something to claim, and a lost hint costs one period of the reconciler.

use std::sync::PoisonError;
use std::time::Duration;

use super::sync::{Condvar, Mutex, MutexGuard};

#[derive(Default)]
pub(super) struct Backlog {
    state: Mutex<State>,
    /// Workers without work wait here.
    work: Condvar,
    /// Workers that hold a fit and try a write again later wait here; they hear of the stop alone.
    stop: Condvar,
}

#[derive(Default)]
struct State {
    queued: u64,
    stopping: bool,
}

impl Backlog {
    /// One more fit is queued.
    pub(super) fn add(&self) {
        self.lock().queued += 1;
        self.work.notify_one();
    }

    /// At least this many fits are queued.
    pub(super) fn raise_to(&self, queued: u64) {
        let mut state = self.lock();
        if queued > state.queued {
            state.queued = queued;
            self.work.notify_all();
        }
    }

    /// Waits until there may be a fit to claim. False when the workers are to stop.
    pub(super) fn take(&self) -> bool {
        let mut state = self.lock();
        while state.queued == 0 && !state.stopping {
            state = self.work.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        state.queued = state.queued.saturating_sub(1);
        !state.stopping
    }

    /// No worker takes another fit.
    pub(super) fn stop(&self) {
        self.lock().stopping = true;
        self.work.notify_all();
        self.stop.notify_all();
    }

    /// Waits for `time`, or until the workers are to stop. Whether they are.
    pub(super) fn pause(&self, time: Duration) -> bool {
        let paused = self.stop.wait_timeout_while(self.lock(), time, |state| !state.stopping);
        paused.unwrap_or_else(PoisonError::into_inner).0.stopping
    }

    pub(super) fn is_stopping(&self) -> bool {
        self.lock().stopping
    }

    // A counter and a flag, each changed by one assignment: whole even after a panic elsewhere.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_hint_is_taken_once_and_a_count_from_the_store_only_raises() {
        let backlog = Backlog::default();
        backlog.add();
        backlog.add();
        backlog.raise_to(1);
        assert!(backlog.take() && backlog.take());
        assert_eq!(backlog.lock().queued, 0);
        backlog.raise_to(3);
        assert_eq!(backlog.lock().queued, 3);
    }

    #[test]
    fn a_stop_frees_those_that_wait_and_those_that_pause() {
        let backlog = Backlog::default();
        std::thread::scope(|scope| {
            let waits = scope.spawn(|| backlog.take());
            let pauses = scope.spawn(|| backlog.pause(Duration::from_secs(3_600)));
            backlog.stop();
            assert!(!waits.join().unwrap());
            assert!(pauses.join().unwrap());
        });
        backlog.add();
        assert!(!backlog.take());
    }
}
