//! Teams that stand between a fit and the one that it was given. [`Told`] remembers whether anybody was told to give up:
//! loops that are told so leave off in the middle, and as long as nobody was told, everything that was computed is whole.

use std::sync::atomic::{AtomicBool, Ordering};

use super::Team;

/// A team that remembers having said that it gives up.
pub(super) struct Told<'a> {
    team: &'a dyn Team,
    told: AtomicBool,
}

impl<'a> Told<'a> {
    pub(super) fn new(team: &'a dyn Team) -> Self {
        Self { team, told: AtomicBool::new(false) }
    }

    fn remember(&self, answer: bool) -> bool {
        if answer {
            self.told.store(true, Ordering::Relaxed);
        }
        answer
    }
}

impl Team for Told<'_> {
    fn each(&self, count: usize, task: &(dyn Fn(usize) + Sync)) {
        self.team.each(count, task);
    }

    fn abandoned(&self) -> bool {
        self.remember(self.team.abandoned())
    }

    fn expired(&self) -> bool {
        self.remember(self.team.expired())
    }

    fn was_told(&self) -> bool {
        self.told.load(Ordering::Relaxed)
    }
}

/// A team whose time is never over: what little a fit says of itself at the end of its time is still wanted.
pub(super) struct Unhurried<'a>(pub(super) &'a dyn Team);

impl Team for Unhurried<'_> {
    fn each(&self, count: usize, task: &(dyn Fn(usize) + Sync)) {
        self.0.each(count, task);
    }

    fn abandoned(&self) -> bool {
        self.0.abandoned()
    }

    fn was_told(&self) -> bool {
        self.0.was_told()
    }
}
