//! Runs one fit and tells how far the heap rose, its data included.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

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

/// So many threads under the schedule that takes most: of the tasks of a call those that take most are all at their peaks
/// at the same moment, and the others have ended and left what they leave. The tasks run one after another, each measured.
struct Worst {
    threads: usize,
    /// The peak since the task that runs now began, as it would be under that schedule.
    peak: Mutex<usize>,
}

impl Worst {
    fn new(threads: usize) -> Self {
        PEAK.reset_peak_usage();
        Self { threads, peak: Mutex::new(0) }
    }

    fn peak(&self) -> MutexGuard<'_, usize> {
        self.peak.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The peak up to now, and begins another.
    fn take(&self) -> usize {
        let peak = std::mem::take(&mut *self.peak()).max(PEAK.peak_usage());
        PEAK.reset_peak_usage();
        peak
    }
}

impl Team for Worst {
    fn each(&self, count: usize, task: &(dyn Fn(usize) + Sync)) {
        let before = self.take();
        let base = PEAK.current_usage();
        // The list is no part of the fit: each task is measured from what was there when it began.
        let (mut left, mut above) = (0, Vec::with_capacity(count));
        for index in 0..count {
            let start = PEAK.current_usage();
            task(index);
            let peak = self.take() - start;
            let leaves = PEAK.current_usage().saturating_sub(start);
            left += leaves;
            above.push(peak - leaves.min(peak));
        }
        above.sort_unstable_by(|a, b| b.cmp(a));
        let beside: usize = above.iter().take(self.threads).sum();
        drop(above);
        PEAK.reset_peak_usage();
        let all = before.max(base + left + beside);
        *self.peak() = all;
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
    /// Bytes at the peak, the data among them, under the schedule that takes most.
    pub(crate) peak: u64,
    /// The same where the threads ran as they ran.
    pub(crate) beside: u64,
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

/// Makes the data and fits it with so many threads. The peak is that of the schedule that takes most; where there are
/// several threads, the fit runs on them as well, and its peak is a further one.
pub(crate) fn measure(make: impl Fn() -> Dataset, spec: &Spec, threads: usize) -> Measured {
    let (peak, ended) = once(&make, spec, threads);
    let beside = if threads > 1 { beside(&make, spec, threads) } else { 0 };
    Measured { peak, beside, ended }
}

fn once(make: &impl Fn() -> Dataset, spec: &Spec, threads: usize) -> (u64, Ended) {
    let before = PEAK.current_usage();
    let data = make();
    // What made the data is no part of the fit.
    let team = Worst::new(threads);
    let outcome = run(&data, spec, &team, None, &mut Unwatched);
    let peak = (team.take() - before) as u64;
    let ended = match &outcome {
        Outcome::Stopped(report) if report.inference.is_some() => Ended::Inferred,
        Outcome::Stopped(_) => Ended::Reported,
        _ => Ended::Failed,
    };
    (peak, ended)
}

fn beside(make: &impl Fn() -> Dataset, spec: &Spec, threads: usize) -> u64 {
    let before = PEAK.current_usage();
    let data = make();
    PEAK.reset_peak_usage();
    run(&data, spec, &Threads(threads), None, &mut Unwatched);
    (PEAK.peak_usage() - before) as u64
}
