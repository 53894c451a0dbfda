//! What to do when a descent has ended where it should not: on a plateau, with a column of the Jacobian that has vanished,
//! or with parameters that run to infinity. It begins again from nearby, and the answer says so.

use rand_core::SeedableRng;
use rand_pcg::Pcg64;

use super::identify::dependent;
use super::problem::Curve;
use super::search::descent;
use super::starts::uniform;
use crate::descent::losses::Shape;
use crate::descent::outcome::StopReason;
use crate::descent::point::Point;
use crate::descent::restarts::End;
use crate::descent::seeking::Seeking;
use crate::descent::spec::Spec;
use crate::descent::{SIDE_BY_SIDE, Team};

/// Descents from nearby.
const NEARBY: usize = 32;
/// The part of the target's variance that an end has to explain not to count as a plateau.
const EXPLAINED: f64 = 1e-3;
/// The part of the objective by which two ends as good as each other may differ.
const SAME: f64 = 1e-6;
/// What a sign that has changed counts for, in squared decades.
const TURNED: f64 = 9.0;
/// The decrease that makes another end worth going to.
const BETTER: f64 = 1e-8;

/// Whether the end of a descent is not to be believed.
pub(super) fn is_suspicious(curve: &Curve, point: &Point<'_>, reason: StopReason, team: &dyn Team) -> bool {
    let evaluation = point.here.evaluation;
    if curve.is_exactly(evaluation.loss) {
        return false;
    }
    if reason == StopReason::NoProgress {
        return true;
    }
    let flat = curve.shape == Shape::Quadratic && evaluation.loss > (1.0 - EXPLAINED) * curve.variance();
    flat || !dependent(curve, &point.here.at, team).lost.is_empty()
}

/// A better end that is reached from near `first`; nothing if there is none.
pub(super) fn better(
    curve: &Curve,
    plain: Option<&Curve>,
    spec: &Spec,
    first: &[f64],
    now: f64,
    team: &dyn Team,
    (name, seeking): (&str, &mut Seeking<'_>),
) -> Option<End> {
    let starts = nearby(curve, spec.seed, first);
    let ends = seeking.ends(name, team, (SIDE_BY_SIDE, starts.len() + 1), &|index| match index {
        // The same start without solving for the linear parameters takes another path.
        0 => plain.and_then(|plain| descent(plain, spec, first, 0, team)),
        _ => descent(curve, spec, &starts[index - 1], index, team),
    });
    let ends: Vec<End> = ends.into_iter().flatten().collect();
    let least = ends.iter().map(|end| end.objective).fold(f64::INFINITY, f64::min);
    if least >= now - BETTER * now.abs() {
        return None;
    }
    // Where terms can change places, several ends are as good: the one that is nearest to the start is what was meant.
    let equal =
        ends.into_iter().filter(|end| end.objective <= least + SAME * least.abs() || curve.is_exactly(end.loss));
    equal.min_by(|a, b| distance(first, &a.at).total_cmp(&distance(first, &b.at)).then(a.start.cmp(&b.start)))
}

/// How far an end is from a start, in squared decades; a sign that has changed counts as many.
fn distance(start: &[f64], end: &[f64]) -> f64 {
    let decades = |(from, to): (&f64, &f64)| {
        if *from == 0.0 || *to == 0.0 {
            return 0.0;
        }
        let apart = libm::log10((to / from).abs());
        let turned = if (*from < 0.0) == (*to < 0.0) { 0.0 } else { TURNED };
        apart.mul_add(apart, turned)
    };
    start.iter().zip(end).map(decades).sum()
}

/// Places around a start: each coordinate times a factor, within a third of a decade at first, later within two.
fn nearby(curve: &Curve, seed: u64, first: &[f64]) -> Vec<Vec<f64>> {
    let mut generator = Pcg64::seed_from_u64(seed ^ 0x5bd1_e995);
    (0..NEARBY)
        .map(|index| {
            let decades = 0.3 + 1.7 * index as f64 / NEARBY as f64;
            let mut at: Vec<f64> = first
                .iter()
                .map(|value| {
                    let side = 2.0f64.mul_add(uniform(&mut generator), -1.0);
                    let factor = libm::pow(10.0, decades * side);
                    if *value == 0.0 { side * libm::pow(10.0, decades) } else { value * factor }
                })
                .collect();
            curve.kinks.clip_all(&mut at);
            at
        })
        .collect()
}
