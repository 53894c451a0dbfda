//! Several descents from different starts, side by side: which minima they end at, and which start leads to the best one.

use rand_core::{Rng, SeedableRng};
use rand_pcg::Pcg64;

use super::aside::{Quiet, Silent};
use super::outcome::{Minimum, StopReason};
use super::point::{Ground, Point};
use super::problem::Problem;
use super::run::descend;
use super::seeking::{Found, Seeking};
use super::spec::{Restarts, Spec, Spread};
use super::start::Normal;
use super::{GivenUp, SIDE_BY_SIDE, Team};

/// Two ends count as one minimum if their objectives differ by no more than this part …
const SAME_OBJECTIVE: f64 = 1e-6;
/// … and their coordinates by no more than this part of the largest one.
const SAME_PLACE: f64 = 1e-3;

/// Where a descent ended.
pub(super) struct End {
    /// Which start led there.
    pub(super) start: usize,
    pub(super) at: Vec<f64>,
    pub(super) objective: f64,
    pub(super) loss: f64,
    pub(super) converged: bool,
    /// Whether the descent ended by itself, and would end there again.
    pub(super) is_whole: bool,
}

/// Descends from each start. Nothing if the team gave up.
pub(super) fn search(
    problem: &Problem,
    spec: &Spec,
    restarts: Restarts,
    first: &[f64],
    team: &dyn Team,
    seeking: &mut Seeking<'_>,
) -> Option<Found> {
    let found = seeking.once("restarts", team, |seeking| {
        let found = searched(problem, spec, restarts, first, team, seeking)?;
        Some(found.encoded())
    });
    Found::decoded(&found?)
}

fn searched(
    problem: &Problem,
    spec: &Spec,
    restarts: Restarts,
    first: &[f64],
    team: &dyn Team,
    seeking: &mut Seeking<'_>,
) -> Option<Found> {
    let count = restarts.count.max(1) as usize;
    let start =
        |index: usize| if index == 0 { first.to_vec() } else { drawn(problem, spec.seed, restarts, index, team) };
    let ends = seeking
        .ends("restarts", team, (SIDE_BY_SIDE, count), &|index| descent(problem, spec, &start(index), index, team));
    if team.abandoned() {
        return None;
    }
    let mut ends: Vec<End> = ends.into_iter().flatten().collect();
    ends.sort_by(|a, b| a.objective.total_cmp(&b.objective).then(a.start.cmp(&b.start)));
    let best = match ends.first() {
        // What was reached before time was over is not thrown away.
        Some(best) if team.expired() => best.at.clone(),
        Some(best) => start(best.start),
        None => first.to_vec(),
    };
    Some(Found { start: best, minima: distinct(problem, &ends) })
}

/// Descends from here on the calling thread, unobserved.
pub(super) fn descent(ground: &dyn Ground, spec: &Spec, start: &[f64], index: usize, team: &dyn Team) -> Option<End> {
    let quiet = Quiet(team);
    let objective = ground.objective(&quiet);
    let mut point = Point::new(ground, None, start.to_vec(), ground.optimizer(spec, &quiet)?);
    point.evaluate(objective.as_ref());
    if !point.is_finite() || quiet.was_told() {
        return None;
    }
    let reason = descend(objective.as_ref(), &mut point, spec, f64::INFINITY, false, &mut Silent(team)).ok()?;
    let evaluation = point.here.evaluation;
    evaluation.is_finite().then(|| End {
        start: index,
        objective: evaluation.objective(),
        loss: evaluation.loss,
        converged: reason.converged(),
        is_whole: !matches!(reason, StopReason::Interrupted | StopReason::Cancelled | StopReason::MaxSeconds),
        at: point.here.at,
    })
}

/// The distinct ends, the best first.
pub(super) fn distinct(ground: &dyn Ground, ends: &[End]) -> Vec<Minimum> {
    let mut found: Vec<(&End, u64)> = Vec::new();
    for end in ends {
        let same = |other: &End| {
            let close = (end.objective - other.objective).abs()
                <= SAME_OBJECTIVE * other.objective.abs().max(f64::MIN_POSITIVE);
            let size = other.at.iter().fold(f64::MIN_POSITIVE, |size, value| size.max(value.abs()));
            close && end.at.iter().zip(&other.at).all(|(x, y)| (x - y).abs() <= SAME_PLACE * size)
        };
        match found.iter_mut().find(|(other, _)| same(other)) {
            Some((_, count)) => *count += 1,
            None => found.push((end, 1)),
        }
    }
    // A place where a descent ran out of iterations is no minimum, unless there is nothing better to tell.
    if found.iter().any(|(end, _)| end.converged) {
        found.retain(|(end, _)| end.converged);
    }
    let minimum = |(end, starts): (&End, u64)| Minimum {
        objective: end.objective,
        loss: end.loss,
        coefficients: ground.coefficients(&end.at),
        starts,
        converged: end.converged,
    };
    found.into_iter().map(minimum).collect()
}

/// The start of this index; each has a random stream of its own.
fn drawn(problem: &Problem, seed: u64, restarts: Restarts, index: usize, team: &dyn Team) -> Vec<f64> {
    let stream = (index as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mut generator = Pcg64::seed_from_u64(seed ^ stream);
    let internal = match restarts.spread {
        Spread::Rows => match through_rows(problem, &mut generator, team) {
            Some(working) => return coordinates(problem, &working),
            None => scaled_normal(problem, seed ^ stream),
        },
        Spread::LatinHypercube => latin_hypercube(problem, seed, restarts.count, index),
        Spread::Normal => scaled_normal(problem, seed ^ stream),
    };
    problem.coordinates(&internal)
}

fn coordinates(problem: &Problem, working: &[f64]) -> Vec<f64> {
    let design = &problem.design;
    let mut internal = design.basis.to_data(working);
    if design.basis.has_intercept() {
        internal[0] += design.target_shift;
    }
    problem.coordinates(&internal)
}

/// Working coefficients of the exact fit through p rows drawn at random, as resampling methods of robust regression begin
/// (Rousseeuw & Leroy 1987, §5.1). Nothing for models with several outputs, or where the rows do not determine a fit.
fn through_rows(problem: &Problem, generator: &mut Pcg64, team: &dyn Team) -> Option<Vec<f64>> {
    let design = &problem.design;
    let p = design.basis.width();
    if design.outputs() != 1 || design.response != super::models::Response::Identity || design.rows() < p {
        return None;
    }
    for _ in 0..20 {
        let mut rows: Vec<Vec<f64>> = Vec::with_capacity(p);
        for _ in 0..p {
            let row = ((u128::from(generator.next_u64()) * design.rows() as u128) >> 64) as usize;
            let mut functions = vec![0.0; p + 1];
            design.row(row, &mut functions[..p]);
            functions[p] = design.target()[row] - design.target_shift;
            rows.push(functions);
        }
        if let Some(solution) = solve(rows, &|| team.gives_up()) {
            return Some(solution);
        }
    }
    None
}

/// Gaussian elimination with partial pivoting on the rows of [A b]; nothing if A is nearly singular.
fn solve(mut rows: Vec<Vec<f64>>, given_up: GivenUp<'_>) -> Option<Vec<f64>> {
    let p = rows.len();
    for k in 0..p {
        if given_up() {
            return None;
        }
        let pivot = (k..p).max_by(|i, j| rows[*i][k].abs().total_cmp(&rows[*j][k].abs()))?;
        rows.swap(k, pivot);
        if rows[k][k].abs() < 1e-8 {
            return None;
        }
        for i in k + 1..p {
            let factor = rows[i][k] / rows[k][k];
            let (above, below) = rows.split_at_mut(i);
            below[0].iter_mut().zip(&above[k]).for_each(|(x, y)| *x = (-factor).mul_add(*y, *x));
        }
    }
    let mut x = vec![0.0; p];
    for k in (0..p).rev() {
        let known: f64 = (k + 1..p).map(|j| rows[k][j] * x[j]).sum();
        x[k] = (rows[k][p] - known) / rows[k][k];
    }
    x.iter().all(|value| value.is_finite()).then_some(x)
}

/// Standard normal coefficients of the standardized columns, in units of the target's spread, around the mean.
fn scaled_normal(problem: &Problem, seed: u64) -> Vec<f64> {
    let mut normal = Normal::new(seed);
    let width = problem.design.width();
    let drawn: Vec<f64> = (0..width).map(|_| normal.next()).collect();
    scaled(problem, &drawn)
}

/// One point of a Latin hypercube (McKay, Beckman & Conover 1979) over three units around 0 in each coordinate.
fn latin_hypercube(problem: &Problem, seed: u64, count: u64, index: usize) -> Vec<f64> {
    let mut generator = Pcg64::seed_from_u64(seed);
    let cells = count.max(1) as usize;
    let drawn: Vec<f64> = (0..problem.design.width())
        .map(|_| {
            let order = super::optimizers::first_order::shuffled(cells, generator.next_u64(), 0);
            let within = (generator.next_u64() >> 11) as f64 / (1u64 << 53) as f64;
            6.0 * ((f64::from(order[index.min(cells - 1)]) + within) / cells as f64) - 3.0
        })
        .collect();
    scaled(problem, &drawn)
}

/// Coefficients of the standardized columns in units of η → coefficients in data units, internal order.
fn scaled(problem: &Problem, drawn: &[f64]) -> Vec<f64> {
    let design = &problem.design;
    let chart = problem.quadratic.standardized_chart(true);
    let unit = problem.unit();
    let drawn: Vec<f64> = drawn.iter().map(|value| value * unit).collect();
    let mut internal = chart.to_data(design.basis.as_ref(), design.target_shift, design.lanes, &drawn);
    if design.basis.has_intercept() {
        internal[0] += design.target_shift;
    }
    internal
}
