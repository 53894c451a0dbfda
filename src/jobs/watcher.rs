//! The observer of one run: answers once a step whether to go on, and on the side records history, shows progress and
//! hands the store what there is to keep. It knows neither the store nor the system's clock.
//!
//! An iteration may take 30 ns, so a step costs one atomic load and, where history is due, a few stores. Everything
//! that needs the time of day waits for a look at the clock, and those come seldom while steps are cheap.

use std::time::Duration;

use super::recorder::Recorder;
use super::run::{Ask, Run};
use crate::descent::{Checkpoint, Control, Observer, Outcome, Step, StopReason};
use crate::fit::{EventId, Progress};

/// A look at the clock every so many steps at most: a 25 ns look then costs a 30 ns step less than one percent.
const LOOK_STRIDE_MAX: u32 = 256;
/// Below this time between two looks the steps between them double.
const LOOK_SOON: Duration = Duration::from_millis(1);
/// Above this time between two looks the clock is read every step again.
const LOOK_LATE: Duration = Duration::from_millis(4);

/// Time since the run began; never goes back.
pub(super) trait Clock {
    fn elapsed(&self) -> Duration;
}

impl Clock for std::time::Instant {
    fn elapsed(&self) -> Duration {
        Self::elapsed(self)
    }
}

/// Takes what is to be kept off the run's hands without making it wait.
pub(super) trait Keeper {
    /// Whether the last hand-over is done with.
    fn is_idle(&mut self) -> bool;
    fn keep(&mut self, progress: Progress, checkpoint: Checkpoint);
}

/// How one run is watched.
#[derive(Clone, Copy, Debug)]
pub(super) struct Terms {
    pub(super) max_iterations: u64,
    /// Computing time of earlier attempts.
    pub(super) before: Duration,
    /// Over all attempts; zero is no deadline.
    pub(super) max_seconds: Duration,
    pub(super) progress_interval: Duration,
    pub(super) heartbeat: Duration,
}

pub(super) struct Watcher<'a> {
    run: &'a Run,
    clock: &'a dyn Clock,
    keeper: &'a mut dyn Keeper,
    terms: Terms,
    recorder: Recorder,
    event: EventId,
    looks: Looks,
    /// Between two recorded iterations: what is due by the clock there is the deadline alone.
    pulses: Looks,
    shown_at: Duration,
    kept_at: Duration,
    newest: Option<Progress>,
    /// Whether no step was seen yet.
    first: bool,
    /// Where an interrupted run goes on.
    checkpoint: Option<Checkpoint>,
}

/// When the clock is read next.
struct Looks {
    stride: u32,
    left: u32,
    last: Duration,
}

/// What a watched run leaves behind.
pub(super) struct Watched {
    pub(super) progress: Option<Progress>,
    pub(super) checkpoint: Option<Checkpoint>,
    /// The id for the event that ends the attempt.
    pub(super) event: EventId,
    pub(super) elapsed: Duration,
}

impl<'a> Watcher<'a> {
    pub(super) fn new(
        run: &'a Run,
        clock: &'a dyn Clock,
        keeper: &'a mut dyn Keeper,
        recorder: Recorder,
        terms: Terms,
    ) -> Self {
        let now = clock.elapsed();
        Self {
            run,
            clock,
            keeper,
            terms,
            recorder,
            event: EventId::first_of_attempt(run.attempt),
            looks: Looks { stride: 1, left: 1, last: now },
            pulses: Looks { stride: 1, left: 1, last: now },
            shown_at: now,
            kept_at: now,
            newest: None,
            first: true,
            checkpoint: None,
        }
    }

    /// Looks at the clock and does what is due by it.
    fn look(&mut self, step: &dyn Step) -> Control {
        let now = self.clock.elapsed();
        self.looks.took(now);
        self.recorder.drain_into(&mut self.run.points());
        let elapsed = self.terms.before + now;
        if self.is_late(elapsed) {
            return Control::Stop(StopReason::MaxSeconds);
        }
        if now - self.shown_at >= self.terms.progress_interval {
            self.shown_at = now;
            self.event = self.event.next();
            self.run.publish(self.event, self.progress(step, elapsed));
        }
        if now - self.kept_at >= self.terms.heartbeat && self.keeper.is_idle() {
            self.kept_at = now;
            let progress = self.progress(step, elapsed);
            self.keeper.keep(progress, step.checkpoint());
        }
        Control::Continue
    }

    fn is_late(&self, elapsed: Duration) -> bool {
        !self.terms.max_seconds.is_zero() && elapsed >= self.terms.max_seconds
    }

    fn progress(&mut self, step: &dyn Step, elapsed: Duration) -> Progress {
        let progress = Progress {
            iteration: step.iteration(),
            max_iterations: self.terms.max_iterations,
            loss: finite(step.loss()),
            gradient_norm: finite(step.gradient_norm()),
            validation_loss: step.validation_loss().and_then(finite),
            elapsed_seconds: elapsed.as_secs_f64(),
        };
        self.newest = Some(progress);
        progress
    }

    /// Ends the watch: the last point joins the history, and the last progress tells of the outcome (nothing if the
    /// run ended in a panic).
    pub(super) fn end(mut self, outcome: Option<&Outcome>) -> Watched {
        let elapsed = self.terms.before + self.clock.elapsed();
        if let Some(Outcome::Stopped(report)) = outcome {
            let judged = report.validation.as_ref().map(|validation| validation.loss);
            // An interrupted run is not at its end: its last point is on the stride or none.
            if report.stop_reason != StopReason::Interrupted {
                self.recorder.close(report.iterations, report.loss, report.gradient_norm, &report.coefficients, judged);
            }
            self.newest = Some(Progress {
                iteration: report.iterations,
                max_iterations: self.terms.max_iterations,
                loss: finite(report.loss),
                gradient_norm: finite(report.gradient_norm),
                validation_loss: judged.and_then(finite),
                elapsed_seconds: elapsed.as_secs_f64(),
            });
        }
        self.recorder.drain_into(&mut self.run.points());
        if let Some(Outcome::Diverged(divergence)) = outcome {
            self.newest = Some(Progress {
                iteration: divergence.iteration,
                max_iterations: self.terms.max_iterations,
                loss: divergence.loss.and_then(finite),
                gradient_norm: None,
                validation_loss: None,
                elapsed_seconds: elapsed.as_secs_f64(),
            });
        }
        Watched { progress: self.newest, checkpoint: self.checkpoint, event: self.event.next(), elapsed }
    }
}

impl Observer for Watcher<'_> {
    /// Between recorded iterations there is nothing to record or to keep; an interrupted run goes on from the last
    /// checkpoint that was kept.
    fn pulse(&mut self) -> Control {
        match self.run.asked() {
            Ask::Nothing | Ask::Yield => {}
            Ask::Cancel => return Control::Stop(StopReason::Cancelled),
            Ask::Drop | Ask::Interrupt => return Control::Stop(StopReason::Interrupted),
        }
        // A batch may take microseconds or seconds, so the clock decides how often it is read.
        self.pulses.left -= 1;
        if self.pulses.left > 0 {
            return Control::Continue;
        }
        let now = self.clock.elapsed();
        self.pulses.took(now);
        if self.is_late(self.terms.before + now) { Control::Stop(StopReason::MaxSeconds) } else { Control::Continue }
    }

    /// In the middle of a step or of a search there is nothing to record or to show, but what is known by then is kept by
    /// the clock, as it is between steps.
    fn standing(&mut self, checkpoint: &dyn Fn() -> Checkpoint) -> Control {
        if self.run.asked() == Ask::Interrupt {
            self.checkpoint = Some(checkpoint());
        }
        let control = self.pulse();
        let now = self.clock.elapsed();
        if control == Control::Continue && now - self.kept_at >= self.terms.heartbeat && self.keeper.is_idle() {
            self.kept_at = now;
            let checkpoint = checkpoint();
            let unknown = Progress {
                iteration: checkpoint.iteration,
                max_iterations: self.terms.max_iterations,
                loss: None,
                gradient_norm: None,
                validation_loss: None,
                elapsed_seconds: 0.0,
            };
            let elapsed_seconds = (self.terms.before + now).as_secs_f64();
            let progress = Progress { elapsed_seconds, ..self.newest.unwrap_or(unknown) };
            self.keeper.keep(progress, checkpoint);
        }
        control
    }

    fn observe(&mut self, step: &dyn Step) -> Control {
        self.recorder.record(step);
        let first = std::mem::replace(&mut self.first, false);
        if first {
            self.run.descends();
        }
        match self.run.asked() {
            Ask::Nothing => {}
            // An attempt that goes nowhere would never end.
            Ask::Yield if first => {}
            Ask::Cancel => return Control::Stop(StopReason::Cancelled),
            Ask::Drop => return Control::Stop(StopReason::Interrupted),
            Ask::Interrupt | Ask::Yield => {
                self.checkpoint = Some(step.checkpoint());
                return Control::Stop(StopReason::Interrupted);
            }
        }
        self.looks.left -= 1;
        if self.looks.left == 0 { self.look(step) } else { Control::Continue }
    }
}

impl Looks {
    fn took(&mut self, now: Duration) {
        let between = now.saturating_sub(self.last);
        self.last = now;
        if between < LOOK_SOON {
            self.stride = (self.stride * 2).min(LOOK_STRIDE_MAX);
        } else if between > LOOK_LATE {
            self.stride = 1;
        }
        self.left = self.stride;
    }
}

fn finite(value: f64) -> Option<f64> {
    value.is_finite().then_some(value)
}

#[cfg(test)]
mod tests;
