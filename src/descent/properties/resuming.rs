//! Whatever the optimizer, a run that goes on from a checkpoint ends with the bits of one that was never interrupted, and
//! the number of threads changes nothing.

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
