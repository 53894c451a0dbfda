//! The contract of the estimate: never below the peak, and at most 1.5 times above it.
//!
//! Below 1 MiB a ratio says little: there it may be above by 512 KiB more. A fit that fails ends before the phases that it
//! was counted for, so it is held against the lower bound alone. Three phases are counted because some data need them, and
//! take nothing where the rows do not: the linear program that decides whether classes can be separated, the equations of
//! the coefficients that an l1 penalty or a range does not hold, and the errors of estimates, which a fit that did not
//! converge has none of. Where one of them makes the estimate too large for the fit at hand, the same fit without it has to
//! satisfy both bounds, and is counted.

use fitd::descent::{Covariance, Spec, check, estimate};

use crate::data::Target;
use crate::draw::Case;
use crate::measure::{Ended, measure};

/// Fits in a run of all tests.
const FITS: u64 = 120;
/// How far above the peak an estimate may be.
const ABOVE_MAX: f64 = 1.5;
/// Peaks below this say little of a ratio: there an estimate may be above by `SLACK` more.
const SMALL: u64 = 1 << 20;
const SLACK: f64 = 512.0 * 1024.0;

/// A fit that was held against its estimate.
struct Held {
    seed: u64,
    peak: u64,
    bytes: u64,
    ended: Ended,
    /// What was fitted, for a person.
    what: String,
}

impl Held {
    fn of(case: &Case, spec: &Spec, seed: u64) -> Self {
        let data = case.shape.data(case.is_flat);
        let bytes = estimate(spec, &data, case.threads).memory_bytes;
        drop(data);
        let measured = measure(|| case.shape.data(case.is_flat), spec, case.threads);
        // A schedule that took more than the worst one is not to be forgotten either.
        let peak = measured.peak.max(measured.beside);
        Self { seed, peak, bytes, ended: measured.ended, what: told(case, spec) }
    }

    fn ratio(&self) -> f64 {
        self.bytes as f64 / self.peak as f64
    }

    fn is_broken(&self) -> bool {
        self.bytes < self.peak || self.excess() > 0.0
    }

    fn is_small(&self) -> bool {
        self.peak < SMALL
    }

    /// Bytes above what the contract allows.
    fn excess(&self) -> f64 {
        let slack = if self.is_small() { SLACK } else { 0.0 };
        self.bytes as f64 - ABOVE_MAX * self.peak as f64 - slack
    }
}

fn told(case: &Case, spec: &Spec) -> String {
    let Case { shape, threads, is_flat, .. } = case;
    format!(
        "{} rows, {} columns, {:?}, weights {:?}, spare {}, {threads} threads, flat {is_flat}: {} {} {} {}, penalty {} {}, bounds {}, {:?}, \
         restarts {:?}, validation {:?}, diagnostics {}, profile {}, iterations {}",
        shape.rows,
        shape.width(),
        shape.target,
        shape.weights,
        shape.spare,
        spec.model.kind,
        spec.loss.kind,
        spec.optimizer.kind,
        spec.scaling.kind,
        spec.penalty.l2,
        spec.penalty.l1,
        spec.bounds.len(),
        spec.covariance,
        spec.restarts.map(|restarts| restarts.count),
        spec.validation.as_ref().map(|validation| format!("{:.12}", format!("{:?}", validation.split))),
        spec.diagnostics,
        spec.profile,
        spec.stop.max_iterations,
    )
}

/// The same fit without the phases that only some data need; nothing where it has none of them.
fn without_what_data_decides(case: &Case, ended: Ended) -> Option<Spec> {
    let mut spec = case.spec.clone();
    let is_unknown = ended == Ended::Reported && (spec.covariance != Covariance::None || spec.profile);
    let searches = matches!(case.shape.target, Target::Classes(..) | Target::Counts);
    let is_held = spec.optimizer.kind == "newton" && (spec.penalty.l1 > 0.0 || !spec.bounds.is_empty());
    let is_plain = spec.penalty.l1 + spec.penalty.l2 <= 0.0 && spec.bounds.is_empty();
    if !(is_held || (searches && is_plain) || is_unknown) {
        return None;
    }
    if is_unknown {
        spec.covariance = Covariance::None;
        spec.profile = false;
    }
    if is_held {
        spec.penalty.l1 = 0.0;
        spec.bounds.clear();
    }
    if searches && is_plain {
        spec.penalty.l2 = spec.penalty.l2.max(1e-9);
    }
    check(&spec, &case.shape.data(case.is_flat)).is_empty().then_some(spec)
}

#[test]
fn what_a_fit_takes_is_what_it_was_said_to_need() {
    let number = |name: &str| std::env::var(name).ok().and_then(|count| count.parse().ok());
    let fits: u64 = number("FITD_MEMORY_FITS").unwrap_or(FITS);
    // Some of them alone, for whoever looks into one.
    let chosen: Option<Vec<u64>> = std::env::var("FITD_MEMORY_SEEDS")
        .ok()
        .map(|list| list.split(',').filter_map(|seed| seed.parse().ok()).collect());
    let (mut held, mut unneeded, mut failed) = (Vec::new(), 0, 0);
    for seed in (0..fits).filter(|seed| chosen.as_ref().is_none_or(|chosen| chosen.contains(seed))) {
        let case = Case::of(seed);
        let mut one = Held::of(&case, &case.spec, seed);
        if one.excess() > 0.0
            && one.bytes >= one.peak
            && let Some(spec) = without_what_data_decides(&case, one.ended)
        {
            unneeded += 1;
            one = Held::of(&case, &spec, seed);
        }
        if one.ended == Ended::Failed && one.bytes >= one.peak {
            failed += 1;
            continue;
        }
        // Said as they come: the rest of a long run can take hours.
        let broken = if one.is_broken() { "broken: " } else { "" };
        println!("{broken}seed {seed}: {} bytes were said, {} taken: {}", one.bytes, one.peak, one.what);
        held.push(one);
    }
    held.sort_by(|a, b| a.ratio().total_cmp(&b.ratio()));
    let large: Vec<&Held> = held.iter().filter(|one| !one.is_small()).collect();
    let at = |part: f64| large.get((part * (large.len() - 1) as f64) as usize).map_or(1.0, |one| one.ratio());
    println!("figure: fits whose memory was measured | {fits}");
    println!("figure: fits of 1 MiB and more among them | {}", large.len());
    println!("figure: fits with a phase that is counted and was not needed | {unneeded}");
    println!("figure: fits that failed, held against the lower bound alone | {failed}");
    println!("figure: estimate over peak, smallest | {:.3}", at(0.0));
    println!("figure: estimate over peak, median | {:.3}", at(0.5));
    println!("figure: estimate over peak, 99th percentile | {:.3}", at(0.99));
    println!("figure: estimate over peak, largest | {:.3}", at(1.0));
    let worst = held.iter().filter(|one| one.is_small()).map(|one| one.excess() + SLACK).fold(0.0, f64::max);
    println!("figure: bytes above 1.5 times the peak below 1 MiB, most | {worst:.0}");
    let few = large.iter().rev().take(4).chain(large.iter().take(4));
    few.for_each(|one| println!("{:.3} of {} bytes, seed {}: {}", one.ratio(), one.peak, one.seed, one.what));
    assert!(chosen.is_some() || held.len() as u64 > fits / 2, "{} of {fits} fits were measured", held.len());
    let broken = held.iter().filter(|one| one.is_broken()).count();
    assert_eq!(broken, 0, "estimates that break the contract");
}
