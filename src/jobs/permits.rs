//! One counter for who computes: a permit is one thread's worth of a core, held by a running fit or lent to one.

use std::sync::PoisonError;

use super::sync::{Condvar, Mutex, MutexGuard};

/// As many permits as there are workers.
pub(super) struct Permits {
    state: Mutex<State>,
    given_back: Condvar,
}

struct State {
    idle: usize,
    /// Workers that wait for a permit to start a fit: nothing is lent while there are any.
    waiting: usize,
}

/// Permits held; dropping gives them back.
pub(super) struct Held<'a> {
    permits: &'a Permits,
    count: usize,
}

impl Permits {
    pub(super) fn new(count: usize) -> Self {
        Self { state: Mutex::new(State { idle: count, waiting: 0 }), given_back: Condvar::new() }
    }

    /// Waits for one permit: the right to run a fit.
    pub(super) fn acquire(&self) -> Held<'_> {
        let mut state = self.lock();
        state.waiting += 1;
        while state.idle == 0 {
            state = self.given_back.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        state.waiting -= 1;
        state.idle -= 1;
        Held { permits: self, count: 1 }
    }

    /// Lends up to `most` idle permits, perhaps none, without waiting.
    pub(super) fn borrow(&self, most: usize) -> Held<'_> {
        let mut state = self.lock();
        let count = if state.waiting == 0 { most.min(state.idle) } else { 0 };
        state.idle -= count;
        Held { permits: self, count }
    }

    // The state is two counters that are changed together, so it is whole even after a panic elsewhere.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Held<'_> {
    pub(super) fn count(&self) -> usize {
        self.count
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        if self.count > 0 {
            self.permits.lock().idle += self.count;
            self.permits.given_back.notify_all();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn running_and_lending_share_one_counter() {
        let permits = Permits::new(3);
        let running = permits.acquire();
        let lent = permits.borrow(10);
        assert_eq!((running.count(), lent.count(), permits.borrow(1).count()), (1, 2, 0));
        drop(lent);
        assert_eq!(permits.borrow(10).count(), 2);
        drop(running);
        assert_eq!(permits.borrow(10).count(), 3);
    }

    #[test]
    fn a_fit_that_waits_to_start_comes_before_one_that_borrows() {
        let permits = Permits::new(1);
        permits.lock().waiting = 1;
        assert_eq!(permits.borrow(1).count(), 0);
        permits.lock().waiting = 0;
        assert_eq!(permits.borrow(1).count(), 1);
    }
}
