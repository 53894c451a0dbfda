//! Lends a large fit the cores that no other fit needs, for the length of one call.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use super::permits::Permits;
use super::run::{Ask, Run};
use crate::descent::Team;

/// The calling thread and whatever permits are idle at each call.
pub(super) struct Borrowers<'a> {
    permits: &'a Permits,
    run: &'a Run,
    /// When the fit's time is over.
    deadline: Option<Instant>,
}

impl<'a> Borrowers<'a> {
    pub(super) fn new(permits: &'a Permits, run: &'a Run) -> Self {
        Self { permits, run, deadline: None }
    }

    /// The same with an end to its time.
    pub(super) fn until(self, deadline: Option<Instant>) -> Self {
        Self { deadline, ..self }
    }
}

impl Team for Borrowers<'_> {
    fn each(&self, count: usize, task: &(dyn Fn(usize) + Sync)) {
        let lent = self.permits.borrow(count.saturating_sub(1));
        if lent.count() == 0 {
            return (0..count).for_each(task);
        }
        let next = AtomicUsize::new(0);
        let work = || {
            loop {
                let index = next.fetch_add(1, Ordering::Relaxed);
                if index >= count {
                    break;
                }
                task(index);
            }
        };
        std::thread::scope(|scope| {
            for _ in 0..lent.count() {
                // A thread that the system refuses is no fault: the others do its share.
                let helper = std::thread::Builder::new().name("fitd-helper".to_owned());
                if helper.spawn_scoped(scope, work).is_err() {
                    break;
                }
            }
            work();
        });
    }

    fn abandoned(&self) -> bool {
        self.run.asked() > Ask::Yield
    }

    fn expired(&self) -> bool {
        self.deadline.is_some_and(|deadline| Instant::now() >= deadline)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Barrier;

    use tokio::sync::watch;

    use super::*;
    use crate::jobs::scripted::claim;

    fn idle() -> Run {
        Run::new(&claim(1), watch::Sender::default())
    }

    #[test]
    fn a_team_is_abandoned_when_its_run_is_called_off() {
        let (permits, run) = (Permits::new(1), idle());
        assert!(!Borrowers::new(&permits, &run).abandoned());
        run.ask(Ask::Yield);
        assert!(!Borrowers::new(&permits, &run).abandoned(), "what is not at a step yet goes on");
        run.ask(Ask::Cancel);
        assert!(Borrowers::new(&permits, &run).abandoned());
    }

    #[test]
    fn a_team_is_expired_when_its_deadline_is_past() {
        let (permits, run) = (Permits::new(1), idle());
        let team = || Borrowers::new(&permits, &run);
        assert!(!team().expired());
        assert!(team().until(Some(Instant::now())).expired());
        assert!(!team().until(Instant::now().checked_add(std::time::Duration::from_secs(3_600))).expired());
    }

    #[test]
    fn every_task_runs_once_on_the_borrowed_threads_too() {
        let permits = Permits::new(3);
        let _running = permits.acquire();
        // Three tasks that wait for one another end only if three threads run them.
        let barrier = Barrier::new(3);
        let runs: Vec<_> = (0..3).map(|_| AtomicUsize::new(0)).collect();
        Borrowers::new(&permits, &idle()).each(3, &|index| {
            barrier.wait();
            runs[index].fetch_add(1, Ordering::Relaxed);
        });
        assert!(runs.iter().all(|count| count.load(Ordering::Relaxed) == 1));
        assert_eq!(permits.borrow(9).count(), 2);
    }

    #[test]
    fn a_team_without_idle_permits_is_the_caller_alone() {
        let permits = Permits::new(1);
        let _running = permits.acquire();
        let caller = std::thread::current().id();
        let runs = AtomicUsize::new(0);
        Borrowers::new(&permits, &idle()).each(100, &|_| {
            assert_eq!(std::thread::current().id(), caller);
            runs.fetch_add(1, Ordering::Relaxed);
        });
        assert_eq!(runs.load(Ordering::Relaxed), 100);
    }

    #[test]
    fn a_panic_in_a_task_reaches_the_caller_and_gives_the_permits_back() {
        let permits = Permits::new(4);
        let run = || Borrowers::new(&permits, &idle()).each(8, &|index| assert_ne!(index, 5));
        assert!(std::panic::catch_unwind(std::panic::AssertUnwindSafe(run)).is_err());
        assert_eq!(permits.borrow(9).count(), 4);
    }
}
