//! One budget of memory for all fits that run: each holds what it was estimated to need, and what is not free is waited
//! for. It knows bytes alone.

use std::sync::PoisonError;
use std::time::Duration;

use super::sync::{Condvar, Mutex, MutexGuard};

/// The budget.
pub(super) struct Memory {
    bytes_max: u64,
    free: Mutex<u64>,
    given_back: Condvar,
}

/// A part of the budget; dropping gives it back.
pub(super) struct Reserved<'a> {
    memory: &'a Memory,
    bytes: u64,
}

impl Memory {
    pub(super) fn new(bytes_max: u64) -> Self {
        Self { bytes_max, free: Mutex::new(bytes_max), given_back: Condvar::new() }
    }

    pub(super) fn bytes_max(&self) -> u64 {
        self.bytes_max
    }

    /// Takes up to `most` of what is free, perhaps nothing, without waiting.
    pub(super) fn reserve(&self, most: u64) -> Reserved<'_> {
        let mut free = self.lock();
        let bytes = most.min(*free);
        *free -= bytes;
        Reserved { memory: self, bytes }
    }

    /// Waits until `bytes` are free, or `patience` is over: a hint to ask again, since another may take them first.
    pub(super) fn wait_for(&self, bytes: u64, patience: Duration) {
        let waited = self.given_back.wait_timeout_while(self.lock(), patience, |free| *free < bytes);
        drop(waited.unwrap_or_else(PoisonError::into_inner));
    }

    // One number, changed by one assignment: whole even after a panic elsewhere.
    fn lock(&self) -> MutexGuard<'_, u64> {
        self.free.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Reserved<'_> {
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Gives back what is beyond `bytes`.
    pub(super) fn shrink_to(&mut self, bytes: u64) {
        let surplus = self.bytes.saturating_sub(bytes);
        self.bytes -= surplus;
        self.memory.give_back(surplus);
    }
}

impl Memory {
    fn give_back(&self, bytes: u64) {
        if bytes > 0 {
            *self.lock() += bytes;
            self.given_back.notify_all();
        }
    }
}

impl Drop for Reserved<'_> {
    fn drop(&mut self) {
        self.memory.give_back(self.bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_held_is_not_free_and_nothing_is_handed_out_twice() {
        let memory = Memory::new(100);
        let mut first = memory.reserve(80);
        assert_eq!(memory.reserve(80).bytes(), 20);
        first.shrink_to(30);
        first.shrink_to(60);
        let second = memory.reserve(u64::MAX);
        assert_eq!((first.bytes(), second.bytes()), (30, 70));
        drop((first, second));
        assert_eq!(memory.reserve(u64::MAX).bytes(), 100);
    }

    #[test]
    fn who_waits_hears_of_what_is_given_back() {
        let memory = Memory::new(100);
        let held = memory.reserve(100);
        std::thread::scope(|scope| {
            let waits = scope.spawn(|| {
                memory.wait_for(100, Duration::from_secs(3_600));
                memory.reserve(100).bytes()
            });
            drop(held);
            assert_eq!(waits.join().unwrap(), 100);
        });
        memory.wait_for(101, Duration::ZERO);
    }
}
