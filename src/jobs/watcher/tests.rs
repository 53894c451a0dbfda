//! The watcher on a clock that the test sets.

use std::cell::Cell;

use tokio::sync::watch;

use super::*;
use crate::jobs::scripted::{At, claim, report, wide};

/// A clock that goes on by so much at each step, and counts how often it is read.
struct FakeClock {
    now: Cell<Duration>,
    reads: Cell<u32>,
}

impl Clock for FakeClock {
    fn elapsed(&self) -> Duration {
        self.reads.set(self.reads.get() + 1);
        self.now.get()
    }
}

#[derive(Default)]
struct FakeKeeper {
    busy: bool,
    kept: Vec<(Progress, Checkpoint)>,
}

impl Keeper for FakeKeeper {
    fn is_idle(&mut self) -> bool {
        !self.busy
    }

    fn keep(&mut self, progress: Progress, checkpoint: Checkpoint) {
        self.kept.push((progress, checkpoint));
    }
}

fn run() -> Run {
    Run::new(&claim(2), watch::Sender::default())
}

fn clock() -> FakeClock {
    FakeClock { now: Cell::new(Duration::ZERO), reads: Cell::new(0) }
}

fn terms() -> Terms {
    Terms {
        max_iterations: 1_000_000,
        before: Duration::ZERO,
        max_seconds: Duration::ZERO,
        progress_interval: Duration::from_millis(200),
        heartbeat: Duration::from_secs(5),
    }
}

/// Observes steps of `each` until one is answered with a stop, or `count` of them.
fn watch_steps(watcher: &mut Watcher<'_>, clock: &FakeClock, each: Duration, count: u64) -> Option<(u64, StopReason)> {
    for iteration in 0..count {
        clock.now.set(clock.now.get() + each);
        if let Control::Stop(reason) = watcher.observe(&At::iteration(iteration)) {
            return Some((iteration, reason));
        }
    }
    None
}

#[test]
fn cheap_steps_read_the_clock_seldom_and_slow_ones_every_time() {
    let (run, clock, mut keeper) = (run(), clock(), FakeKeeper::default());
    let mut watcher = Watcher::new(&run, &clock, &mut keeper, Recorder::new(&wide(0), 1_000_000), terms());
    watch_steps(&mut watcher, &clock, Duration::from_nanos(30), 100_000);
    assert!((100_000 / LOOK_STRIDE_MAX..500).contains(&clock.reads.get()), "{} reads", clock.reads.get());

    let before = clock.reads.get();
    // The steps left until the next look, and from there each of them.
    watch_steps(&mut watcher, &clock, Duration::from_millis(10), 1_000);
    assert!(clock.reads.get() - before >= 1_000 - LOOK_STRIDE_MAX);
}

#[test]
fn the_deadline_counts_the_time_of_earlier_attempts() {
    let (run, clock, mut keeper) = (run(), clock(), FakeKeeper::default());
    let terms = Terms { before: Duration::from_secs(50), max_seconds: Duration::from_secs(60), ..terms() };
    let mut watcher = Watcher::new(&run, &clock, &mut keeper, Recorder::new(&wide(0), 1_000), terms);
    let stop = watch_steps(&mut watcher, &clock, Duration::from_secs(1), 100);
    assert_eq!(stop, Some((9, StopReason::MaxSeconds)));
    let watched = watcher.end(None);
    assert_eq!(watched.elapsed, Duration::from_secs(60));
}

#[test]
fn progress_is_shown_once_an_interval_with_growing_ids() {
    let (run, clock, mut keeper) = (run(), clock(), FakeKeeper::default());
    let mut watcher = Watcher::new(&run, &clock, &mut keeper, Recorder::new(&wide(0), 1_000), terms());
    watch_steps(&mut watcher, &clock, Duration::from_millis(50), 21);
    let progress = run.progress().unwrap();
    assert_eq!((progress.iteration, progress.max_iterations), (19, 1_000_000));
    assert_eq!(progress.loss.map(f64::to_bits), Some(At::iteration(19).loss().to_bits()));
    assert!((progress.elapsed_seconds - 1.0).abs() < 1e-12);
    // Five intervals, five events behind the attempt's first; the last one is the end's.
    let end = watcher.end(Some(&Outcome::Stopped(Box::new(report(StopReason::MaxIterations, 20)))));
    assert_eq!(end.event, EventId(EventId::first_of_attempt(2).0 + 6));
    assert_eq!(end.progress.map(|progress| progress.iteration), Some(20));
}

#[test]
fn a_fit_that_ends_within_one_interval_shows_and_keeps_nothing() {
    let (run, clock, mut keeper) = (run(), clock(), FakeKeeper::default());
    let mut watcher = Watcher::new(&run, &clock, &mut keeper, Recorder::new(&wide(0), 1_000), terms());
    watch_steps(&mut watcher, &clock, Duration::from_millis(1), 100);
    let end = watcher.end(Some(&Outcome::Stopped(Box::new(report(StopReason::MaxIterations, 99)))));
    assert!(run.progress().is_none() && keeper.kept.is_empty());
    assert_eq!(end.event, EventId::first_of_attempt(2).next());
    assert_eq!(run.points().iterations, (0..100).collect::<Vec<_>>());
}

#[test]
fn a_heartbeat_carries_the_step_and_waits_for_the_one_before() {
    let (run, clock, mut keeper) = (run(), clock(), FakeKeeper::default());
    let mut watcher = Watcher::new(&run, &clock, &mut keeper, Recorder::new(&wide(0), 1_000), terms());
    watch_steps(&mut watcher, &clock, Duration::from_secs(1), 12);
    watcher.end(None);
    let iterations: Vec<_> = keeper.kept.iter().map(|(progress, at)| (progress.iteration, at.iteration)).collect();
    assert_eq!(iterations, [(4, 4), (9, 9)]);

    let (clock, mut busy) = (self::clock(), FakeKeeper { busy: true, ..FakeKeeper::default() });
    let mut watcher = Watcher::new(&run, &clock, &mut busy, Recorder::new(&wide(0), 1_000), terms());
    watch_steps(&mut watcher, &clock, Duration::from_secs(1), 12);
    watcher.end(None);
    assert!(busy.kept.is_empty());
}

#[test]
fn every_ask_is_answered_at_the_next_step_whatever_the_clock() {
    for (ask, reason, resumable) in [
        (Ask::Cancel, StopReason::Cancelled, false),
        (Ask::Interrupt, StopReason::Interrupted, true),
        (Ask::Drop, StopReason::Interrupted, false),
    ] {
        let (run, clock, mut keeper) = (run(), clock(), FakeKeeper::default());
        let mut watcher = Watcher::new(&run, &clock, &mut keeper, Recorder::new(&wide(0), 1_000_000), terms());
        watch_steps(&mut watcher, &clock, Duration::from_nanos(30), 10_000);
        run.ask(ask);
        assert_eq!(watcher.observe(&At::iteration(10_000)), Control::Stop(reason));
        let end = watcher.end(Some(&Outcome::Stopped(Box::new(report(reason, 10_000)))));
        assert_eq!(end.checkpoint.map(|at| at.iteration), resumable.then_some(10_000));
        assert_eq!(run.points().iterations.last(), Some(&10_000));
    }
}

#[test]
fn a_pulse_answers_every_ask_and_keeps_what_was_kept() {
    for (ask, reason) in [
        (Ask::Cancel, StopReason::Cancelled),
        (Ask::Interrupt, StopReason::Interrupted),
        (Ask::Drop, StopReason::Interrupted),
    ] {
        let (run, clock, mut keeper) = (run(), clock(), FakeKeeper::default());
        let mut watcher = Watcher::new(&run, &clock, &mut keeper, Recorder::new(&wide(0), 1_000), terms());
        watch_steps(&mut watcher, &clock, Duration::from_secs(6), 2);
        assert_eq!(watcher.pulse(), Control::Continue);
        run.ask(ask);
        assert_eq!(watcher.pulse(), Control::Stop(reason));
        let end = watcher.end(Some(&Outcome::Stopped(Box::new(report(StopReason::Interrupted, 5)))));
        assert!(end.checkpoint.is_none());
        assert_eq!(run.points().iterations, [0, 1], "a pulse records nothing");
        assert_eq!(keeper.kept.len(), 2);
    }
}

#[test]
fn pulses_keep_the_deadline_and_leave_progress_to_the_steps() {
    let (run, clock, mut keeper) = (run(), clock(), FakeKeeper::default());
    let terms = Terms { max_seconds: Duration::from_secs(60), ..terms() };
    let mut watcher = Watcher::new(&run, &clock, &mut keeper, Recorder::new(&wide(0), 1_000), terms);
    let mut stop = None;
    for iteration in 0..1_000_u64 {
        clock.now.set(clock.now.get() + Duration::from_millis(100));
        let control = if iteration % 20 == 0 { watcher.observe(&At::iteration(iteration)) } else { watcher.pulse() };
        if let Control::Stop(reason) = control {
            stop = Some((iteration, reason));
            break;
        }
    }
    assert_eq!(stop, Some((599, StopReason::MaxSeconds)));
    assert_eq!(run.progress().unwrap().iteration, 580);
}

#[test]
fn a_search_is_kept_by_the_clock_and_where_it_is_interrupted() {
    let (run, clock, mut keeper) = (run(), clock(), FakeKeeper::default());
    let mut watcher = Watcher::new(&run, &clock, &mut keeper, Recorder::new(&wide(0), 1_000), terms());
    let found = At::iteration(0).checkpoint();
    for _ in 0..12 {
        clock.now.set(clock.now.get() + Duration::from_secs(1));
        assert_eq!(watcher.standing(&|| found.clone()), Control::Continue);
    }
    run.ask(Ask::Interrupt);
    assert_eq!(watcher.standing(&|| found.clone()), Control::Stop(StopReason::Interrupted));
    assert_eq!(watcher.end(None).checkpoint, Some(found.clone()));
    let kept: Vec<_> = keeper.kept.iter().map(|(progress, kept)| (progress.elapsed_seconds, kept.clone())).collect();
    assert_eq!(kept, [(5.0, found.clone()), (10.0, found)], "with the heartbeat");
}
