//! A fit that is killed while it searches for a start, or for a better place, goes on with what it had found: whichever
//! checkpoint it resumes from, it ends with the same bits, and does not search again for what it knows.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;

/// Keeps every checkpoint that it is offered, and what was observed.
#[derive(Default)]
struct Collector {
    searching: Vec<Checkpoint>,
    descending: Vec<Checkpoint>,
    seen: Vec<(u64, u64)>,
}

impl Observer for Collector {
    fn observe(&mut self, step: &dyn Step) -> Control {
        self.descending.push(step.checkpoint());
        self.seen.push((step.iteration(), step.loss().to_bits()));
        Control::Continue
    }

    fn standing(&mut self, checkpoint: &dyn Fn() -> Checkpoint) -> Control {
        self.searching.push(checkpoint());
        Control::Continue
    }
}

/// The calling thread, which counts how often it is asked whether it gives up: a measure of the work that was done.
#[derive(Default)]
struct Counting(AtomicUsize);

impl Team for Counting {
    fn each(&self, count: usize, task: &(dyn Fn(usize) + Sync)) {
        (0..count).for_each(task);
    }

    fn abandoned(&self) -> bool {
        self.0.fetch_add(1, Ordering::Relaxed);
        false
    }
}

fn decaying(start: f64) -> (Dataset, Spec) {
    let mut noise = Noise::new(5);
    let b: Vec<f64> = (0..90).map(|row| f64::from(row) / 20.0).collect();
    let y = b.iter().map(|b| 0.7f64.mul_add(libm::exp(-0.9 * b), 0.02f64.mul_add(noise.normal(), 0.15))).collect();
    let data = Dataset::new(vec![("b".to_owned(), b), ("y".to_owned(), y)]).unwrap();
    let parameters = [("p", 0.6), ("q", start), ("r", 0.2)].map(|(name, start)| Parameter::free(name, Some(start)));
    let model = Choice::named("formula")
        .with("formula", Value::Text("p*exp(-q*b)+r".to_owned()))
        .with("target", Value::Text("y".to_owned()))
        .with("parameters", Value::Parameters(parameters.into()));
    let mut spec = spec(model, Choice::named("squared"), Choice::named("auto"));
    spec.penalty.on_standardized = false;
    (data, spec)
}

/// Fits with a search before the descent or within it.
fn searching() -> Vec<(&'static str, Dataset, Spec)> {
    let loss_of = |kind: &str| with_defaults(losses::kind(&Choice::named(kind)).unwrap().descriptor());
    let model_of = |kind: &str| {
        let family = models::REGISTRY.into_iter().find(|family| family.descriptor().kind == kind).unwrap();
        (family, with_defaults(family.descriptor()))
    };
    let (family, line) = model_of("linear");
    let data = sample(family, 70, 13, 1.0);
    let mut lines = spec(line, loss_of("cauchy"), Choice::named("auto"));
    lines.restarts = Some(Restarts { count: 11, spread: Spread::Rows });
    let mut cases = vec![("starts of a line", data, lines)];
    let (data, plain) = decaying(0.3);
    let restarts = Some(Restarts { count: 9, spread: Spread::LatinHypercube });
    cases.push(("starts of a curve", data.clone(), Spec { restarts, ..plain.clone() }));
    let judged = Some(Validation { split: Split::Fraction(0.2, 3), patience: Some(9) });
    let robust = Spec { restarts, validation: judged, loss: loss_of("huber"), ..plain.clone() };
    cases.push(("a robust scale", data.clone(), robust));
    let (_, peak) = model_of("gaussian");
    let peak = peak.with("feature", Value::Text("b".to_owned()));
    cases.push(("guesses", data.clone(), Spec { model: peak.clone(), ..plain.clone() }));
    cases.push(("guesses of a mean", data, Spec { model: peak, loss: loss_of("gamma"), ..plain }));
    let (data, lost) = decaying(400.0);
    cases.push(("a rescue", data, lost));
    cases
}

#[test]
fn a_search_goes_on_from_each_of_its_checkpoints_bit_for_bit() {
    for (label, data, spec) in searching() {
        let spec = resolve(spec);
        assert_eq!(check(&spec, &data), [], "{label}");
        let (mut whole, all) = (Collector::default(), Counting::default());
        let expected = run(&data, &spec, &all, None, &mut whole);
        assert!(matches!(expected, Outcome::Stopped(_)), "{label} ended as {expected:?}");
        assert!(whole.searching.len() >= 2, "{label}: {} checkpoints within the search", whole.searching.len());
        // A few spread over the search, the last one among them, and two of the descent.
        let every = whole.searching.len().div_ceil(6);
        let searching = whole.searching.iter().rev().step_by(every);
        let descending = whole.descending.iter().step_by((whole.descending.len() / 2).max(1)).take(2);
        for (number, checkpoint) in searching.chain(descending).enumerate() {
            let mut rest = Collector::default();
            let outcome = run(&data, &spec, &Alone, Some(checkpoint), &mut rest);
            assert_eq!(outcome, expected, "{label} from checkpoint {number}");
            // A search before the descent is at no iteration yet, and the start is observed after it.
            let from = checkpoint.has_begun().then_some(checkpoint.iteration);
            let later: Vec<_> =
                whole.seen.iter().copied().filter(|(at, _)| from.is_none_or(|from| *at > from)).collect();
            assert_eq!(rest.seen, later, "{label} from checkpoint {number}");
        }
    }
}

#[test]
fn a_fit_that_goes_on_does_not_search_again() {
    for (label, data, spec) in searching().into_iter().filter(|(label, ..)| *label != "a rescue") {
        let spec = resolve(spec);
        let (mut whole, all) = (Collector::default(), Counting::default());
        run(&data, &spec, &all, None, &mut whole);
        let rest = Counting::default();
        let mut after = Collector::default();
        run(&data, &spec, &rest, whole.descending.first(), &mut after);
        assert_eq!(after.searching, [], "{label}: something was searched for");
        let (all, rest) = (all.0.into_inner(), rest.0.into_inner());
        assert!(2 * rest < all, "{label}: asked {all} times, and {rest} times after the search");
    }
}
