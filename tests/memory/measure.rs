//! Runs one fit and tells how far the heap rose, its data included.

use std::sync::atomic::{AtomicUsize, Ordering};

use fitd::descent::{Control, Dataset, Observer, Outcome, Spec, Step, Team, run};

use crate::PEAK;

/// So many threads, at every call.
pub(crate) struct Threads(pub(crate) usize);

impl Team for Threads {
    fn each(&self, count: usize, task: &(dyn Fn(usize) + Sync)) {
        let helpers = self.0.min(count).saturating_sub(1);
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
            (0..helpers).for_each(|_| {
                scope.spawn(work);
            });
            work();
        });
    }
}

struct Unwatched;

impl Observer for Unwatched {
    fn observe(&mut self, _step: &dyn Step) -> Control {
        Control::Continue
    }
}

/// What became of a fit.
pub(crate) struct Measured {
    /// Bytes at the peak, the data among them.
    pub(crate) peak: u64,
    pub(crate) ended: Ended,
}

/// How it ended, as far as memory depends on that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    /// With a report that tells errors of the estimates.
    Inferred,
    /// With a report that does not.
    Reported,
    /// Without a report.
    Failed,
}

/// Makes the data and fits it with so many threads.
pub(crate) fn measure(make: impl FnOnce() -> Dataset, spec: &Spec, threads: usize) -> Measured {
    let before = PEAK.current_usage();
    let data = make();
    // What made the data is no part of the fit.
    PEAK.reset_peak_usage();
    let outcome = run(&data, spec, &Threads(threads), None, &mut Unwatched);
    let peak = (PEAK.peak_usage() - before) as u64;
    let ended = match &outcome {
        Outcome::Stopped(report) if report.inference.is_some() => Ended::Inferred,
        Outcome::Stopped(_) => Ended::Reported,
        _ => Ended::Failed,
    };
    Measured { peak, ended }
}
