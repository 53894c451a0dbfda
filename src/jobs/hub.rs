//! Who follows which fit, and which fits run here. Everything in it can be lost: the store has what counts.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError};

use tokio::sync::watch;

use super::Live;
use super::run::{Ask, Run};
use super::sync::{Mutex, MutexGuard};
use crate::fit::{FitId, FitRecord, Progress, Status, Tenant};
use crate::store::Claim;

#[derive(Default)]
pub(super) struct Hub {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    entries: HashMap<FitId, Entry>,
    /// The service stops: whatever starts to run is asked to stop at once.
    interrupting: bool,
}

struct Entry {
    live: watch::Sender<Live>,
    run: Option<Arc<Run>>,
    /// What was asked between a claim in the store and the start of its run here.
    asked: Ask,
}

/// A run's place in the hub; dropping it ends the run for those who follow.
pub(super) struct Running<'a> {
    hub: &'a Hub,
    pub(super) run: Arc<Run>,
}

impl Hub {
    /// Follows a fit, whether it runs here or not.
    pub(super) fn watch(&self, id: FitId) -> watch::Receiver<Live> {
        self.lock().entry(id).live.subscribe()
    }

    /// The fit changed in the store.
    pub(super) fn changed(&self, id: FitId) {
        let state = self.lock();
        if let Some(entry) = state.entries.get(&id) {
            entry.live.send_modify(|live| live.lifecycle += 1);
        }
    }

    /// Some fits changed in the store, and nobody knows which.
    pub(super) fn all_changed(&self) {
        self.lock().entries.values().for_each(|entry| entry.live.send_modify(|live| live.lifecycle += 1));
    }

    /// The claimed fit runs here from now on.
    pub(super) fn start(&self, claim: &Claim) -> Running<'_> {
        let mut state = self.lock();
        let interrupting = state.interrupting;
        let entry = state.entry(claim.record.id);
        let run = Run::new(claim, entry.live.clone());
        run.ask(std::mem::replace(&mut entry.asked, Ask::Nothing));
        if claim.record.cancel_requested {
            run.ask(Ask::Cancel);
        }
        if interrupting {
            run.ask(Ask::Interrupt);
        }
        let run = Arc::new(run);
        entry.run = Some(Arc::clone(&run));
        entry.live.send_modify(|live| *live = Live { progress: None, lifecycle: live.lifecycle + 1 });
        Running { hub: self, run }
    }

    /// The run of this fit, if it runs here.
    pub(super) fn run(&self, id: FitId) -> Option<Arc<Run>> {
        self.lock().entries.get(&id)?.run.clone()
    }

    /// All that run here.
    pub(super) fn runs(&self) -> Vec<Arc<Run>> {
        self.lock().entries.values().filter_map(|entry| entry.run.clone()).collect()
    }

    /// Whether a fit of another tenant runs here.
    pub(super) fn runs_another(&self, tenant: &Tenant) -> bool {
        self.lock().entries.values().filter_map(|entry| entry.run.as_ref()).any(|run| run.tenant != *tenant)
    }

    /// Asks the run of this fit; if it is about to start here, it will find the question.
    pub(super) fn ask(&self, id: FitId, ask: Ask) {
        let mut state = self.lock();
        let entry = state.entry(id);
        match &entry.run {
            Some(run) => run.ask(ask),
            None => entry.asked = entry.asked.max(ask),
        }
    }

    /// Asks everything that runs, or will start to run, to stop and go on later.
    pub(super) fn interrupt_all(&self) {
        let mut state = self.lock();
        state.interrupting = true;
        state.entries.values().filter_map(|entry| entry.run.as_ref()).for_each(|run| run.ask(Ask::Interrupt));
    }

    /// Forgets fits that neither run here nor are followed.
    pub(super) fn sweep(&self) {
        self.lock().entries.retain(|_, entry| entry.run.is_some() || entry.live.receiver_count() > 0);
    }

    /// The live progress of a fit that runs here.
    pub(super) fn progress(&self, id: FitId) -> Option<(u32, Progress)> {
        let run = self.run(id)?;
        Some((run.attempt, run.progress()?))
    }

    /// The record with its live progress, where that is newer than the stored one.
    pub(super) fn overlay(&self, mut record: FitRecord) -> FitRecord {
        if record.status == Status::Running {
            let live = self.progress(record.id);
            overlay(&mut record, live);
        }
        record
    }

    // No lock is held while anything can panic, so what is inside is whole.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Puts `live` progress into the record of a running fit, unless it is another attempt's or older.
pub(super) fn overlay(record: &mut FitRecord, live: Option<(u32, Progress)>) {
    if let Some((attempt, progress)) = live
        && record.status == Status::Running
        && record.attempt == attempt
        && record.progress.is_none_or(|stored| stored.elapsed_seconds <= progress.elapsed_seconds)
    {
        record.progress = Some(progress);
    }
}

impl State {
    fn entry(&mut self, id: FitId) -> &mut Entry {
        let new = || Entry { live: watch::Sender::default(), run: None, asked: Ask::Nothing };
        self.entries.entry(id).or_insert_with(new)
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        let mut state = self.hub.lock();
        let Some(entry) = state.entries.get_mut(&self.run.id) else { return };
        // A later attempt may have started here already; its place is not ours to clear.
        if !entry.run.as_ref().is_some_and(|run| Arc::ptr_eq(run, &self.run)) {
            return;
        }
        entry.run = None;
        entry.live.send_modify(|live| *live = Live { progress: None, lifecycle: live.lifecycle + 1 });
        if entry.live.receiver_count() == 0 {
            state.entries.remove(&self.run.id);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fit::EventId;
    use crate::jobs::scripted::{claim, progress};

    #[test]
    fn followers_see_the_start_the_newest_progress_and_the_end() {
        let hub = Hub::default();
        let claim = claim(3);
        let mut seen = hub.watch(claim.record.id);
        let running = hub.start(&claim);
        assert_eq!(seen.borrow_and_update().lifecycle, 1);
        running.run.publish(EventId(7), progress(10));
        running.run.publish(EventId(8), progress(20));
        assert!(seen.has_changed().unwrap());
        assert_eq!(seen.borrow_and_update().progress, Some((EventId(8), progress(20))));
        drop(running);
        assert!(seen.borrow_and_update().progress.is_none());
        assert_eq!(seen.borrow().lifecycle, 2);
        assert!(hub.run(claim.record.id).is_none());
    }

    #[test]
    fn a_cancel_between_claim_and_start_is_found() {
        let hub = Hub::default();
        let claim = claim(1);
        hub.ask(claim.record.id, Ask::Cancel);
        assert_eq!(hub.start(&claim).run.asked(), Ask::Cancel);
        assert_eq!(hub.start(&claim).run.asked(), Ask::Nothing);
        hub.interrupt_all();
        assert_eq!(hub.start(&claim).run.asked(), Ask::Interrupt);
    }

    #[test]
    fn progress_is_laid_over_the_record_of_its_own_attempt_alone() {
        let hub = Hub::default();
        let claim = claim(2);
        let running = hub.start(&claim);
        running.run.publish(EventId(1), progress(10));
        assert_eq!(hub.overlay(claim.record.clone()).progress, Some(progress(10)));
        let mut other = claim.record.clone();
        other.attempt = 3;
        assert_eq!(hub.overlay(other).progress, None);
        let mut newer = claim.record.clone();
        newer.progress = Some(progress(99));
        assert_eq!(hub.overlay(newer).progress, Some(progress(99)));
    }

    #[test]
    fn an_entry_lives_as_long_as_someone_needs_it() {
        let hub = Hub::default();
        let claim = claim(1);
        let follower = hub.watch(claim.record.id);
        drop(hub.start(&claim));
        hub.sweep();
        assert_eq!(hub.lock().entries.len(), 1);
        drop(follower);
        hub.sweep();
        assert!(hub.lock().entries.is_empty());
        drop(hub.start(&claim));
        assert!(hub.lock().entries.is_empty());
    }
}
