//! Whose turn it is, as a rule on numbers. Every backend asks it, so that they cannot differ.

use super::Weights;
use crate::fit::Tenant;

/// A tenant with queued fits, as the rule sees it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Candidate {
    pub(super) tenant: Tenant,
    pub(super) running: u64,
    /// Turns that it has had, each over the tenant's weight.
    pub(super) taken: f64,
}

/// The candidate whose turn it is.
pub(super) fn next(candidates: Vec<Candidate>, weights: &Weights) -> Option<Candidate> {
    let load = |candidate: &Candidate| candidate.running as f64 / weight(weights, &candidate.tenant);
    let order = |a: &Candidate, b: &Candidate| {
        let fewer = load(a).total_cmp(&load(b)).then(a.taken.total_cmp(&b.taken));
        fewer.then_with(|| a.tenant.as_str().cmp(b.tenant.as_str()))
    };
    candidates.into_iter().min_by(order)
}

/// What `taken` is after the turn. `floor` is the smallest among those that wait: who comes back after a while starts there
/// and not with the turns that it did not ask for.
pub(super) fn after(candidate: &Candidate, floor: f64, weights: &Weights) -> f64 {
    candidate.taken.max(floor) + 1.0 / weight(weights, &candidate.tenant)
}

fn weight(weights: &Weights, tenant: &Tenant) -> f64 {
    weights.get(tenant).copied().filter(|weight| *weight > 0.0).unwrap_or(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn candidate(name: &str, running: u64, taken: f64) -> Candidate {
        Candidate { tenant: Tenant::named(name), running, taken }
    }

    #[test]
    fn fewer_running_comes_first_then_fewer_turns() {
        let weights = Weights::new();
        let first = |candidates: Vec<Candidate>| next(candidates, &weights).unwrap().tenant;
        assert_eq!(first(vec![candidate("a", 1, 0.0), candidate("b", 0, 9.0)]), Tenant::named("b"));
        assert_eq!(first(vec![candidate("a", 1, 3.0), candidate("b", 1, 2.0)]), Tenant::named("b"));
        assert_eq!(next(Vec::new(), &weights), None);
    }

    #[test]
    fn turns_are_shared_by_weight() {
        let weights = Weights::from([(Tenant::named("a"), 3.0)]);
        let mut all = vec![candidate("a", 0, 0.0), candidate("b", 0, 0.0)];
        let mut turns = [0, 0];
        for _ in 0..400 {
            let chosen = next(all.clone(), &weights).unwrap();
            let index = usize::from(chosen.tenant == Tenant::named("b"));
            turns[index] += 1;
            all[index].taken = after(&chosen, 0.0, &weights);
        }
        assert_eq!(turns, [300, 100]);
    }

    #[test]
    fn who_was_away_saved_nothing_up() {
        let back = candidate("b", 0, 1.0);
        assert!((after(&back, 50.0, &Weights::new()) - 51.0).abs() < 1e-12);
    }
}
