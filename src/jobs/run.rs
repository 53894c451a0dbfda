//! One fit that runs here, as everyone but its own thread sees it: what is asked of it, its live progress and the
//! history that is not stored yet.

use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use tokio::sync::watch;

use super::Live;
use crate::fit::{EventId, FitId, HistoryBlock, Progress};

/// What is asked of a run; a later one outranks an earlier one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub(super) enum Ask {
    Nothing,
    /// Stop and go on later: the service ends.
    Interrupt,
    /// Stop: the client cancelled.
    Cancel,
    /// Stop and write nothing: the fit is another's, or gone.
    Drop,
}

/// A handle on a running fit.
pub(super) struct Run {
    pub(super) id: FitId,
    pub(super) attempt: u32,
    asked: AtomicU8,
    live: watch::Sender<Live>,
    points: Mutex<HistoryBlock>,
    lease_until: Mutex<Timestamp>,
}

impl Run {
    pub(super) fn new(id: FitId, attempt: u32, live: watch::Sender<Live>, lease_until: Timestamp) -> Self {
        let points = Mutex::new(HistoryBlock { stride: 1, ..HistoryBlock::default() });
        let asked = AtomicU8::new(Ask::Nothing as u8);
        Self { id, attempt, asked, live, points, lease_until: Mutex::new(lease_until) }
    }

    /// Asks; the run answers at its next step.
    pub(super) fn ask(&self, ask: Ask) {
        self.asked.fetch_max(ask as u8, Ordering::Relaxed);
    }

    /// What is asked. One load, so that a step can afford it.
    pub(super) fn asked(&self) -> Ask {
        match self.asked.load(Ordering::Relaxed) {
            0 => Ask::Nothing,
            1 => Ask::Interrupt,
            2 => Ask::Cancel,
            _ => Ask::Drop,
        }
    }

    /// Shows the progress to whoever follows; the newest wins.
    pub(super) fn publish(&self, event: EventId, progress: Progress) {
        self.live.send_modify(|live| live.progress = Some((event, progress)));
    }

    /// The newest progress, if any was shown.
    pub(super) fn progress(&self) -> Option<Progress> {
        self.live.borrow().progress.map(|(_, progress)| progress)
    }

    /// The points that are not known to be stored.
    pub(super) fn points(&self) -> MutexGuard<'_, HistoryBlock> {
        self.points.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Forgets the points up to `iteration`: they are stored.
    pub(super) fn stored_to(&self, iteration: u64) {
        let mut points = self.points();
        let mut rest = HistoryBlock::new(points.coefficients.len(), points.stride);
        rest.extend_where(&points, |other| other > iteration);
        *points = rest;
    }

    pub(super) fn lease_until(&self) -> Timestamp {
        *self.lease_until.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn leased_until(&self, until: Timestamp) {
        *self.lease_until.lock().unwrap_or_else(PoisonError::into_inner) = until;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_strongest_ask_stays() {
        let run = Run::new(FitId::new(), 1, watch::Sender::default(), Timestamp::UNIX_EPOCH);
        assert_eq!(run.asked(), Ask::Nothing);
        for (ask, then) in [
            (Ask::Cancel, Ask::Cancel),
            (Ask::Interrupt, Ask::Cancel),
            (Ask::Drop, Ask::Drop),
            (Ask::Cancel, Ask::Drop),
        ] {
            run.ask(ask);
            assert_eq!(run.asked(), then);
        }
    }

    #[test]
    fn what_is_stored_is_forgotten_and_nothing_else() {
        let run = Run::new(FitId::new(), 1, watch::Sender::default(), Timestamp::UNIX_EPOCH);
        (0..5).for_each(|iteration| run.points().push(iteration, 1.0, 2.0, &[]));
        run.stored_to(2);
        assert_eq!(run.points().iterations, [3, 4]);
        assert_eq!(run.points().stride, 1);
    }
}
