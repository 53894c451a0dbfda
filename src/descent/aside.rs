//! Fits that nobody watches, made for another one: descents from further starts, fits without a fold. A few run at the same
//! time, since each holds memory of its own, and all end when the team gives up or its time is over.

use std::sync::{Mutex, PoisonError};

use super::observer::{Control, Observer, Step};
use super::outcome::StopReason;
use super::{SIDE_BY_SIDE, Team};

/// Watches a descent that nobody sees: it goes on until the team gives up or its time is over.
pub(super) struct Silent<'a>(pub(super) &'a dyn Team);

impl Observer for Silent<'_> {
    fn observe(&mut self, _step: &dyn Step) -> Control {
        self.pulse()
    }

    fn pulse(&mut self) -> Control {
        if self.0.abandoned() {
            return Control::Stop(StopReason::Interrupted);
        }
        if self.0.expired() { Control::Stop(StopReason::MaxSeconds) } else { Control::Continue }
    }
}

/// The calling thread alone, which gives up when the team does or its time is over.
pub(super) struct Quiet<'a>(pub(super) &'a dyn Team);

impl Team for Quiet<'_> {
    fn each(&self, count: usize, task: &(dyn Fn(usize) + Sync)) {
        (0..count).for_each(task);
    }

    fn abandoned(&self) -> bool {
        self.0.abandoned()
    }

    fn expired(&self) -> bool {
        self.0.expired()
    }

    fn was_told(&self) -> bool {
        self.0.was_told()
    }
}

/// The whole team, which goes on whatever is asked of it: what a fit that was cancelled says of itself is still wanted.
pub(super) struct Patient<'a>(pub(super) &'a dyn Team);

impl Team for Patient<'_> {
    fn each(&self, count: usize, task: &(dyn Fn(usize) + Sync)) {
        self.0.each(count, task);
    }
}

/// The results of `task(0)` … `task(count − 1)`, in order; nothing for those that came after the team
/// gave up or its time was over.
pub(super) fn all<T: Send>(
    team: &dyn Team,
    count: usize,
    task: &(dyn Fn(usize) -> Option<T> + Sync),
) -> Vec<Option<T>> {
    at_once(SIDE_BY_SIDE, team, count, task)
}

/// The same with so many at a time.
pub(super) fn at_once<T: Send>(
    most: usize,
    team: &dyn Team,
    count: usize,
    task: &(dyn Fn(usize) -> Option<T> + Sync),
) -> Vec<Option<T>> {
    let places: Vec<Mutex<Option<T>>> = (0..count).map(|_| Mutex::new(None)).collect();
    for first in (0..count).step_by(most.max(1)) {
        team.each(most.max(1).min(count - first), &|place| {
            let result = if team.gives_up() { None } else { task(first + place) };
            *places[first + place].lock().unwrap_or_else(PoisonError::into_inner) = result;
        });
    }
    places.into_iter().map(|place| place.into_inner().unwrap_or_else(PoisonError::into_inner)).collect()
}
