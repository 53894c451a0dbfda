//! Several descents to a curve, of which the best counts: from places that the data suggests, or from a Latin hypercube.
//!
//! A descent is dear, a look is cheap: of many places in the hypercube the lowest ones that lie apart are descended from.
//! Then the best end is improved one or two coordinates at a time: the objective is looked at over their ranges, the
//! linear parameters solved for at each place, and the lowest places are descended from. Sums of alike terms (waves, peaks,
//! decays) often end with one term right and the other not, and this is what puts the other right.

use rand_core::{Rng, SeedableRng};
use rand_pcg::Pcg64;

use super::objective::Curved;
use super::problem::Curve;
use super::starts::{place, uniform};
use crate::descent::aside::{self, Quiet};
use crate::descent::objective::Objective;
use crate::descent::optimizers::{self, Holds, first_order::shuffled};
use crate::descent::restarts::{self, End, distinct};
use crate::descent::seeking::{Found, Seeking};
use crate::descent::spec::{Restarts, Spec};
use crate::descent::{SIDE_BY_SIDE, Team};

/// Steps of an unobserved descent by a method that takes tens of them where it gets somewhere.
const STEPS_MAX: u64 = 500;
/// Guessed starts that are descended from.
const GUESSES: usize = 6;
/// Places that are looked at for each descent.
const LOOKS: usize = 128;
/// Places along one coordinate.
const ALONG: usize = 64;
/// Places over pairs of coordinates, all together and for one pair at least.
const OVER_PAIRS: usize = 1_536;
const OVER_PAIR_MIN: usize = 8;
/// Descents from better places around one end.
const ROUND: usize = 2;

/// Descends from here, unobserved, and gives up where a good method has gone nowhere for long.
pub(super) fn descent(curve: &Curve, spec: &Spec, start: &[f64], index: usize, team: &dyn Team) -> Option<End> {
    let mut spec = spec.clone();
    if spec.optimizer.kind == "levenberg_marquardt" {
        spec.stop.max_iterations = spec.stop.max_iterations.min(STEPS_MAX);
    }
    restarts::descent(curve, &spec, start, index, team)
}

/// Descents that run at the same time: one where each holds all rows as lines.
fn beside(spec: &Spec) -> usize {
    let holds = optimizers::method(&spec.optimizer).map(|method| method.holds(&spec.optimizer));
    if holds == Some(Holds::Lines) { 1 } else { SIDE_BY_SIDE }
}

/// Bytes that the places of a search hold at the same time.
pub(super) fn looks_bytes(count: u64, width: u64) -> u64 {
    // Parts of the ranges, and coordinates.
    count.saturating_mul(LOOKS as u64).saturating_mul(width).saturating_mul(16)
}

/// The best of these starts, by where the descents from the lowest few of them end; nothing if the team gave up.
pub(super) fn best_of(
    curve: &Curve,
    spec: &Spec,
    starts: &[Vec<f64>],
    team: &dyn Team,
    (name, seeking): (&str, &mut Seeking<'_>),
) -> Option<Vec<f64>> {
    if starts.len() <= 1 {
        return starts.first().cloned();
    }
    seeking.once(name, team, |seeking| {
        let looks = aside::all(team, starts.len(), &|index| {
            let found = look(&curve.objective(&Quiet(team)), starts[index].clone());
            found.map(|(value, _)| (value, index))
        });
        let mut looks: Vec<(f64, usize)> = looks.into_iter().flatten().collect();
        looks.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        looks.truncate(GUESSES);
        let ends = seeking.ends(name, team, (beside(spec), looks.len()), &|place| {
            let index = looks[place].1;
            descent(curve, spec, &starts[index], index, team)
        });
        if team.abandoned() {
            return None;
        }
        let best = ends.into_iter().flatten().min_by(|a, b| a.objective.total_cmp(&b.objective));
        match best {
            // What was reached before time was over is not thrown away.
            Some(best) if team.expired() => Some(best.at),
            Some(best) => starts.get(best.start).cloned(),
            None => starts.get(looks.first().map_or(0, |(_, index)| *index)).cloned(),
        }
    })
}

/// Descends `restarts.count` times. Nothing if the team gave up.
pub(super) fn search(
    curve: &Curve,
    spec: &Spec,
    restarts: Restarts,
    first: &[f64],
    team: &dyn Team,
    seeking: &mut Seeking<'_>,
) -> Option<Found> {
    let found = seeking.once("search", team, |seeking| {
        let found = searched(curve, spec, restarts, first, team, seeking)?;
        Some(found.encoded())
    });
    Found::decoded(&found?)
}

fn searched(
    curve: &Curve,
    spec: &Spec,
    restarts: Restarts,
    first: &[f64],
    team: &dyn Team,
    seeking: &mut Seeking<'_>,
) -> Option<Found> {
    let count = restarts.count.max(1) as usize;
    let placed = |places: Vec<f64>| places.chunks(first.len().max(1)).map(<[f64]>::to_vec).collect::<Vec<_>>();
    // The first descent is the given one; about half of the others improve the best end.
    let improving = (count - 1) / 2;
    let mut starts = vec![first.to_vec()];
    let places = seeking
        .once("search/lowest", team, |_| Some(lowest(curve, spec, count - improving - 1, first, team)?.concat()));
    starts.extend(placed(places?));
    let mut ends = all(curve, spec, &starts, 0, team, seeking)?;
    let mut tried = 0;
    while tried < improving {
        let Some(best) = ends.iter().min_by(|a, b| a.objective.total_cmp(&b.objective)) else { break };
        let places = seeking.once(&format!("search/along{tried}"), team, |_| {
            let mut along = along(curve, mixed(spec.seed, tried), best, team)?;
            along.truncate(ROUND.min(improving - tried));
            Some(along.concat())
        });
        let along = placed(places?);
        if along.is_empty() {
            break;
        }
        tried += along.len();
        let from = starts.len();
        starts.extend(along);
        ends.extend(all(curve, spec, &starts[from..], from, team, seeking)?);
    }
    ends.sort_by(|a, b| a.objective.total_cmp(&b.objective).then(a.start.cmp(&b.start)));
    let start = match ends.first() {
        Some(best) if team.expired() => best.at.clone(),
        Some(best) => starts[best.start].clone(),
        None => first.to_vec(),
    };
    Some(Found { start, minima: distinct(curve, &ends) })
}

fn all(
    curve: &Curve,
    spec: &Spec,
    starts: &[Vec<f64>],
    from: usize,
    team: &dyn Team,
    seeking: &mut Seeking<'_>,
) -> Option<Vec<End>> {
    let name = format!("search/from{from}");
    let task = |index: usize| descent(curve, spec, &starts[index], from + index, team);
    let ends = seeking.ends(&name, team, (beside(spec), starts.len()), &task);
    (!team.abandoned()).then(|| ends.into_iter().flatten().collect())
}

/// The objective at a place with the linear parameters solved for, and that place.
fn look(objective: &Curved<'_>, mut at: Vec<f64>) -> Option<(f64, Vec<f64>)> {
    objective.settle(&mut at);
    let value = objective.value(&at).objective();
    // Part of a sum is lower than the whole.
    (value.is_finite() && !objective.is_cut()).then_some((value, at))
}

/// The lowest places of a Latin hypercube that lie apart.
fn lowest(curve: &Curve, spec: &Spec, count: usize, first: &[f64], team: &dyn Team) -> Option<Vec<Vec<f64>>> {
    let looks = LOOKS * count;
    let parts = hypercube(spec.seed, looks, first.len());
    // A look is too short to be a task of its own.
    let places = aside::all(team, count, &|task| {
        let quiet = Quiet(team);
        let objective = curve.objective(&quiet);
        let places = (task * LOOKS..(task + 1) * LOOKS).filter_map(|index| {
            let (value, at) = look(&objective, at_parts(curve, first, &parts[index]))?;
            Some((value, index, at))
        });
        Some(places.collect::<Vec<_>>())
    });
    if team.abandoned() {
        return None;
    }
    let mut found: Vec<(f64, usize, Vec<f64>)> = places.into_iter().flatten().flatten().collect();
    found.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    // Two starts in one corner would lead to one end.
    let apart = |a: usize, b: usize| {
        let distance: f64 = parts[a].iter().zip(&parts[b]).map(|(x, y)| (x - y).powi(2)).sum();
        distance > 0.01
    };
    let mut chosen: Vec<usize> = Vec::new();
    let mut starts = Vec::new();
    for (_, index, at) in &found {
        if starts.len() < count && chosen.iter().all(|other| apart(*other, *index)) {
            chosen.push(*index);
            starts.push(at.clone());
        }
    }
    // Where too few lie apart, the lowest others.
    for (_, index, at) in &found {
        if starts.len() < count && !chosen.contains(index) {
            chosen.push(*index);
            starts.push(at.clone());
        }
    }
    Some(starts)
}

/// The coordinates at these parts of the ranges.
fn at_parts(curve: &Curve, first: &[f64], parts: &[f64]) -> Vec<f64> {
    let start = curve.free(first);
    let values = curve.tape.free().zip(&start).zip(parts);
    let values = values.map(|((index, start), part)| place(&curve.equation.parameters[index], *start, *part));
    values.zip(&curve.units).map(|(value, unit)| value / unit).collect()
}

/// A seed of its own for each number.
fn mixed(seed: u64, number: usize) -> u64 {
    seed ^ (number as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

/// A Latin hypercube (McKay, Beckman & Conover 1979): each coordinate visits each of `count` cells once.
fn hypercube(seed: u64, count: usize, width: usize) -> Vec<Vec<f64>> {
    let mut generator = Pcg64::seed_from_u64(seed);
    let columns: Vec<Vec<f64>> = (0..width)
        .map(|_| {
            let order = shuffled(count, generator.next_u64(), 0);
            order.iter().map(|cell| (f64::from(*cell) + uniform(&mut generator)) / count as f64).collect()
        })
        .collect();
    (0..count).map(|index| columns.iter().map(|column| column[index]).collect()).collect()
}

/// Better places along each coordinate that is not solved for, and over each pair of them, the best first.
fn along(curve: &Curve, seed: u64, end: &End, team: &dyn Team) -> Option<Vec<Vec<f64>>> {
    let coordinates: Vec<usize> = (0..end.at.len()).filter(|k| !curve.settled().contains(k)).collect();
    let alone = coordinates.iter().map(|k| vec![*k]);
    let pairs = coordinates.iter().enumerate().flat_map(|(at, k)| coordinates[at + 1..].iter().map(|l| vec![*k, *l]));
    let moved: Vec<Vec<usize>> = alone.chain(pairs).collect();
    let pair_count = moved.len() - coordinates.len();
    let over_pair = (OVER_PAIRS / pair_count.max(1)).max(OVER_PAIR_MIN);
    let start = curve.free(&end.at);
    let found = aside::all(team, moved.len(), &|index| {
        let moved = &moved[index];
        let count = if moved.len() == 1 { ALONG } else { over_pair };
        let parts = hypercube(mixed(seed, index), count, moved.len());
        let quiet = Quiet(team);
        let objective = curve.objective(&quiet);
        let looks = parts.iter().filter_map(|parts| {
            let mut at = end.at.clone();
            let mut far = false;
            for (k, part) in moved.iter().zip(parts) {
                let parameter = &curve.equation.parameters[curve.tape.free().nth(*k)?];
                at[*k] = place(parameter, start[*k], *part) / curve.units[*k];
                far |= (at[*k] - end.at[*k]).abs() > 1e-3 * end.at[*k].abs();
            }
            // What leads back to where it came from is nothing new.
            if far { look(&objective, at) } else { None }
        });
        looks.min_by(|a, b| a.0.total_cmp(&b.0))
    });
    if team.abandoned() {
        return None;
    }
    let mut found: Vec<(f64, Vec<f64>)> = found.into_iter().flatten().collect();
    found.sort_by(|a, b| a.0.total_cmp(&b.0));
    Some(found.into_iter().map(|(_, at)| at).collect())
}
