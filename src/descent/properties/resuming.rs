//! Whatever the optimizer, a run that goes on from a checkpoint ends with the bits of one that was never interrupted, and
//! the number of threads changes nothing.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;

/// Keeps the checkpoint of an iteration, if it is observed, and everything that was observed.
#[derive(Default)]
struct Keeper {
    keep_at: u64,
    kept: Option<Checkpoint>,
    seen: Vec<(u64, u64)>,
}

impl Observer for Keeper {
    fn observe(&mut self, step: &dyn Step) -> Control {
        if step.iteration() == self.keep_at {
            self.kept = Some(step.checkpoint());
        }
        self.seen.push((step.iteration(), step.loss().to_bits()));
        Control::Continue
    }
}

/// A team of threads, each with its share of the tasks.
struct Threads;

impl Team for Threads {
    fn each(&self, count: usize, task: &(dyn Fn(usize) + Sync)) {
        std::thread::scope(|scope| {
            for first in 0..3 {
                scope.spawn(move || (first..count).step_by(3).for_each(task));
            }
        });
    }
}

/// The calling thread alone, which gives up once it was asked for so many times whether it does.
struct Impatient {
    asked: AtomicUsize,
    patience: usize,
}

impl Impatient {
    fn is_over(&self) -> bool {
        self.asked.load(Ordering::Relaxed) > self.patience
    }
}

impl Team for Impatient {
    fn each(&self, count: usize, task: &(dyn Fn(usize) + Sync)) {
        (0..count).for_each(task);
    }

    fn abandoned(&self) -> bool {
        self.asked.fetch_add(1, Ordering::Relaxed) >= self.patience
    }
}

/// Stops when the team has given up, with a checkpoint.
struct Leaving<'a> {
    team: &'a Impatient,
    kept: Option<Checkpoint>,
}

impl Observer for Leaving<'_> {
    fn pulse(&mut self) -> Control {
        if self.team.is_over() { Control::Stop(StopReason::Interrupted) } else { Control::Continue }
    }

    fn standing(&mut self, checkpoint: &dyn Fn() -> Checkpoint) -> Control {
        if self.team.is_over() {
            self.kept = Some(checkpoint());
        }
        self.pulse()
    }

    fn observe(&mut self, step: &dyn Step) -> Control {
        self.standing(&|| step.checkpoint())
    }
}

#[test]
fn a_step_that_was_left_half_way_is_in_no_checkpoint() {
    let mut resumed = 0;
    let others = |model: &Choice| models::is_curve(model) && !["formula", "gaussian"].contains(&model.kind.as_str());
    for (family, model, loss) in every_pair().into_iter().filter(|(_, model, _)| !others(model)) {
        // Long enough for a step to be left in the middle with something to go on from.
        let data = sample(family, 700, 13, 1.0);
        // Those that leave a step.
        for kind in ["active_set", "levenberg_marquardt"] {
            let mut spec = spec(model.clone(), loss.clone(), Choice::named(kind));
            spec.stop.max_iterations = 40;
            let spec = resolve(spec);
            if !check(&spec, &data).is_empty() {
                continue;
            }
            let label = format!("{} {} {kind}", model.kind, loss.kind);
            let whole = run(&data, &spec, &Alone, None, &mut Keeper::default());
            for patience in (0..400).step_by(7) {
                let team = Impatient { asked: AtomicUsize::new(0), patience };
                let mut leaving = Leaving { team: &team, kept: None };
                run(&data, &spec, &team, None, &mut leaving);
                let Some(checkpoint) = leaving.kept else { continue };
                let rest = run(&data, &spec, &Alone, Some(&checkpoint), &mut Keeper::default());
                assert_eq!(whole, rest, "{label} left after {patience} questions, at {}", checkpoint.iteration);
                resumed += 1;
            }
        }
    }
    assert!(resumed > 60, "{resumed} runs were resumed");
}

#[test]
fn every_optimizer_resumes_bit_for_bit_on_any_number_of_threads() {
    let mut resumed = 0;
    // Of the curves a formula and a ready-made one: the others differ in their texts alone.
    let others = |model: &Choice| models::is_curve(model) && !["formula", "gaussian"].contains(&model.kind.as_str());
    for (family, model, loss) in every_pair().into_iter().filter(|(_, model, _)| !others(model)) {
        let data = sample(family, 70, 13, 1.0);
        for method in optimizers::REGISTRY {
            let plain = with_defaults(method.descriptor());
            let mut variants = vec![plain.clone()];
            if method.descriptor().param("batch_size").is_some() {
                let plateau = Choice::named("reduce_on_plateau").with("patience", Value::Integer(2));
                let batches = plain.clone().with("batch_size", Value::Integer(20));
                variants.push(batches.with("schedule", Value::Choice(Box::new(plateau))));
                variants.push(plain.with("momentum", Value::Number(0.5)));
            }
            for optimizer in variants {
                let mut spec = spec(model.clone(), loss.clone(), optimizer);
                spec.stop.max_iterations = 24;
                spec.penalty.on_standardized = !models::is_curve(&model);
                spec.validation = Some(Validation { split: Split::Fraction(0.2, 3), patience: Some(9) });
                let spec = resolve(spec);
                if !check(&spec, &data).is_empty() {
                    continue;
                }
                let mut whole = Keeper { keep_at: 8, ..Keeper::default() };
                let first = run(&data, &spec, &Alone, None, &mut whole);
                let label = format!("{} {} {:?}", model.kind, loss.kind, spec.optimizer);
                let mut threads = Keeper::default();
                assert_eq!(first, run(&data, &spec, &Threads, None, &mut threads), "{label} on threads");
                assert_eq!(whole.seen, threads.seen, "{label} on threads");
                let Some(checkpoint) = whole.kept else { continue };
                let mut rest = Keeper::default();
                assert_eq!(first, run(&data, &spec, &Alone, Some(&checkpoint), &mut rest), "{label} resumed");
                let later: Vec<_> = whole.seen.iter().copied().filter(|(iteration, _)| *iteration > 8).collect();
                assert_eq!(rest.seen, later, "{label} resumed");
                resumed += 1;
            }
        }
    }
    assert!(resumed > 60, "{resumed} runs were resumed");
}
