//! One fit that runs here, as everyone but its own thread sees it: what is asked of it, its live progress and the
//! history that is not stored yet.

use std::sync::atomic::Ordering;
use std::sync::{OnceLock, PoisonError};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use tokio::sync::watch;

use super::Live;
use super::sync::{AtomicU8, Mutex, MutexGuard};
use crate::fit::{EventId, FitId, HistoryBlock, Progress, Tenant};
use crate::store::Claim;

/// What is asked of a run; a later one outranks an earlier one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub(super) enum Ask {
    Nothing,
    /// Stop at a step and go on later: it is another tenant's turn. What is not at a step yet goes on.
    Yield,
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
    pub(super) tenant: Tenant,
    asked: AtomicU8,
    /// When it was first asked to stop.
    asked_at: OnceLock<Instant>,
    /// When it began to descend: what came before, it would have to do again.
    descends_since: OnceLock<Instant>,
    /// When it has to have stopped by itself.
    deadline: OnceLock<Instant>,
    live: watch::Sender<Live>,
    points: Mutex<HistoryBlock>,
    lease_until: Mutex<Timestamp>,
}

impl Run {
    pub(super) fn new(claim: &Claim, live: watch::Sender<Live>) -> Self {
        let points = Mutex::new(HistoryBlock { stride: 1, ..HistoryBlock::default() });
        Self {
            id: claim.record.id,
            attempt: claim.record.attempt,
            tenant: claim.record.tenant.clone(),
            asked: AtomicU8::new(Ask::Nothing as u8),
            asked_at: OnceLock::new(),
            descends_since: OnceLock::new(),
            deadline: OnceLock::new(),
            live,
            points,
            lease_until: Mutex::new(claim.lease_until),
        }
    }

    /// Asks; the run answers at its next step.
    pub(super) fn ask(&self, ask: Ask) {
        self.asked.fetch_max(ask as u8, Ordering::Relaxed);
        if ask > Ask::Yield {
            self.asked_at.get_or_init(Instant::now);
        }
    }

    /// The first step was seen.
    pub(super) fn descends(&self) {
        self.descends_since.get_or_init(Instant::now);
    }

    /// How long it has descended in this attempt.
    pub(super) fn computed(&self) -> Duration {
        self.descends_since.get().map_or(Duration::ZERO, Instant::elapsed)
    }

    /// It has to have stopped by itself then.
    pub(super) fn ends_by(&self, deadline: Instant) {
        self.deadline.get_or_init(|| deadline);
    }

    /// Whether it has not stopped for `patience` after it was asked to, or should have by itself.
    pub(super) fn is_stuck(&self, patience: Duration) -> bool {
        let asked = self.asked_at.get().is_some_and(|asked| asked.elapsed() >= patience);
        let last = self.deadline.get().and_then(|deadline| deadline.checked_add(patience));
        asked || last.is_some_and(|last| Instant::now() >= last)
    }

    /// What is asked. One load, so that a step can afford it.
    pub(super) fn asked(&self) -> Ask {
        match self.asked.load(Ordering::Relaxed) {
            0 => Ask::Nothing,
            1 => Ask::Yield,
            2 => Ask::Interrupt,
            3 => Ask::Cancel,
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
    use crate::jobs::scripted::claim;

    #[test]
    fn a_run_is_stuck_when_it_does_not_stop_in_time() {
        let run = Run::new(&claim(1), watch::Sender::default());
        run.ask(Ask::Yield);
        assert!(!run.is_stuck(Duration::ZERO), "giving way is no duty");
        run.ask(Ask::Cancel);
        assert!(run.is_stuck(Duration::ZERO) && !run.is_stuck(Duration::from_secs(3_600)));
        let late = Run::new(&claim(1), watch::Sender::default());
        late.ends_by(Instant::now());
        assert!(late.is_stuck(Duration::ZERO) && !late.is_stuck(Duration::from_secs(3_600)));
    }

    #[test]
    fn the_strongest_ask_stays() {
        let run = Run::new(&claim(1), watch::Sender::default());
        assert_eq!(run.asked(), Ask::Nothing);
        for (ask, then) in [
            (Ask::Yield, Ask::Yield),
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
        let run = Run::new(&claim(1), watch::Sender::default());
        (0..5).for_each(|iteration| run.points().push(iteration, 1.0, 2.0, &[]));
        run.stored_to(2);
        assert_eq!(run.points().iterations, [3, 4]);
        assert_eq!(run.points().stride, 1);
    }
}
