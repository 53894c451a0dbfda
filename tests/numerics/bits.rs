//! Equal bits: on every SIMD path, on any number of threads, after a resume.

use std::sync::Mutex;

use fitd::descent::{
    Checkpoint, Choice, Control, Dataset, Lanes, Observer, Outcome, Report, Representation, SimdPath, Step, StopReason,
    Team, resolve, run_with,
};

use crate::problem::{descent, fit_with, linear, spec, stopped};

/// Smooth, badly scaled, reproducible data of `rows` rows.
fn data(rows: usize) -> Dataset {
    let at = |row: usize, k: f64| ((row as f64) * k).sin();
    Dataset::new(vec![
        ("a".to_owned(), (0..rows).map(|row| 1e6 + 30.0 * at(row, 0.7)).collect()),
        ("b".to_owned(), (0..rows).map(|row| 1e-3 * at(row, 1.3)).collect()),
        ("y".to_owned(), (0..rows).map(|row| 4.0 + at(row, 0.7) - 2.0 * at(row, 1.3) + 0.3 * at(row, 11.1)).collect()),
    ])
    .expect("a dataset")
}

fn bits(report: &Report) -> Vec<u64> {
    let errors = report.inference.as_ref().map(|inference| inference.standard_errors.clone()).unwrap_or_default();
    report
        .coefficients
        .iter()
        .chain(&errors)
        .chain([&report.loss, &report.gradient_norm])
        .map(|x| x.to_bits())
        .collect()
}

#[test]
fn every_simd_path_gives_the_same_bits() {
    let data = data(40_000);
    for optimizer in [Choice::named("auto"), descent(1e-14, 0.5, true)] {
        for as_what in [Representation::Compressed, Representation::Streamed] {
            let mut spec = spec(linear(&["a", "b"], true), optimizer.clone());
            spec.stop.max_iterations = 5;
            let run = |path| {
                let lanes = Lanes::of(path)?;
                Some(bits(&stopped(fit_with(&data, spec.clone(), lanes, as_what).0)))
            };
            let portable = run(SimdPath::Portable).expect("the portable path is everywhere");
            for path in SimdPath::ALL {
                assert_eq!(run(path).unwrap_or_else(|| portable.clone()), portable, "{path:?} {as_what:?}");
            }
        }
    }
}

/// A team of several threads that takes the tasks from the last to the first.
struct Backwards;

impl Team for Backwards {
    fn each(&self, count: usize, task: &(dyn Fn(usize) + Sync)) {
        let left = Mutex::new(count);
        std::thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| {
                    loop {
                        let next = {
                            let mut left = left.lock().expect("no task panics");
                            *left = match left.checked_sub(1) {
                                Some(next) => next,
                                None => return,
                            };
                            *left
                        };
                        task(next);
                    }
                });
            }
        });
    }
}

struct Watch {
    stop_at: Option<u64>,
    checkpoint: Option<Checkpoint>,
    seen: Vec<u64>,
}

impl Observer for Watch {
    fn observe(&mut self, step: &dyn Step) -> Control {
        self.seen.push(step.iteration());
        if self.stop_at == Some(step.iteration()) {
            self.checkpoint = Some(step.checkpoint());
            return Control::Stop(StopReason::Interrupted);
        }
        Control::Continue
    }
}

#[test]
fn threads_and_a_resume_do_not_change_a_bit() {
    let data = data(100_000);
    for (momentum, nesterov) in [(0.0, false), (0.9, false), (0.9, true)] {
        let mut spec = spec(linear(&["a", "b"], true), descent(2e-13, momentum, nesterov));
        spec.stop.max_iterations = 60;
        let spec = resolve(spec);
        let how = (Lanes::chosen(), Representation::Compressed);
        let mut whole = Watch { stop_at: None, checkpoint: None, seen: Vec::new() };
        let expected = bits(&stopped(run_with(&data, &spec, &fitd::descent::Alone, how, None, &mut whole)));
        let threaded = bits(&stopped(run_with(
            &data,
            &spec,
            &Backwards,
            how,
            None,
            &mut Watch { stop_at: None, checkpoint: None, seen: Vec::new() },
        )));
        assert_eq!(threaded, expected);
        let mut first = Watch { stop_at: Some(23), checkpoint: None, seen: Vec::new() };
        let Outcome::Stopped(report) = run_with(&data, &spec, &Backwards, how, None, &mut first) else {
            panic!("the first part stops at its observer's word");
        };
        assert_eq!(report.stop_reason, StopReason::Interrupted);
        let mut second = Watch { stop_at: None, checkpoint: None, seen: Vec::new() };
        let resumed = run_with(&data, &spec, &Backwards, how, first.checkpoint.as_ref(), &mut second);
        assert_eq!(bits(&stopped(resumed)), expected, "momentum {momentum}, nesterov {nesterov}");
        assert_eq!(second.seen.first(), Some(&24), "a resume goes on behind its checkpoint");
        first.seen.extend(second.seen);
        assert_eq!(first.seen, whole.seen);
    }
}
