//! Whether coefficients can grow without end: a direction along which no row's loss ever rises and some row's falls for
//! ever (Albert & Anderson 1984). Candidates are the coefficients themselves and the direction of least curvature; a
//! direction that is found is checked against every row, so what is reported is true.

use crate::descent::cholesky::Cholesky;
use crate::descent::design::Design;
use crate::descent::models::Response;
use crate::descent::problem::Problem;
use crate::descent::spec::Spec;
use crate::descent::vertex::{Progress, Vertex};
use crate::descent::{Team, matrix::Matrix};

/// Movement against a row, as a part of the largest movement, that counts as none.
const NOISE: f64 = 1e-7;
/// Steps of inverse iteration: each shrinks all but the flattest directions.
const STEPS: usize = 4;
/// The least curvature, as a part of the mean one, above which no direction is near flat.
const FLAT: f64 = 1e-4;
/// The size of a linear program: lines times the square of the unknowns.
const PROGRAM_MAX: f64 = 2e8;
/// Steps from vertex to vertex.
const PIVOTS_MAX: usize = 500;

/// Whether such a direction exists. Only asked of models where it can, without a penalty and without ranges.
pub(super) fn found(problem: &Problem, spec: &Spec, working: &[f64], team: &dyn Team) -> bool {
    let design = &problem.design;
    let counts = design.response == Response::Exponential && problem.loss.information_is_mean();
    let possible = design.response.is_classifier() || counts;
    if !possible || spec.penalty.l2 + spec.penalty.l1 > 0.0 || !spec.bounds.is_empty() {
        return false;
    }
    if design.response.is_classifier() && recedes(design, working, team) {
        return true;
    }
    let map = problem.quadratic.whitened_chart().map(design.basis.as_ref(), design.lanes);
    let hessian = design.gram(problem.loss.as_ref(), working, &map, false, team);
    let inner = map.columns().max(1);
    let lift = |direction: &[f64]| -> Vec<f64> {
        direction.chunks(inner).flat_map(|block| map.times(design.lanes, block)).collect()
    };
    let Some(direction) = flattest(design, &hessian, inner, team) else { return false };
    let lifted = lift(&direction);
    let back: Vec<f64> = lifted.iter().map(|value| -value).collect();
    if recedes(design, &lifted, team) || recedes(design, &back, team) {
        return true;
    }
    // Several flat directions at once: the linear program decides.
    program(design, &map, team).is_some_and(|direction| recedes(design, &lift(&direction), team))
}

/// The direction that helps most, as a linear program: each gain is at least 0, and counts up to 1. Nothing where the
/// program is too large or not solved.
fn program(design: &Design, map: &Matrix, team: &dyn Team) -> Option<Vec<f64>> {
    let (inner, outputs) = (map.columns(), design.outputs());
    // The last class stays where it is: only differences matter.
    let blocks = if outputs > 1 { outputs - 1 } else { 1 };
    let width = blocks * inner;
    let gains = design.rows() * outputs.saturating_sub(1).max(1);
    if width == 0 || (2 * gains) as f64 * (width * width) as f64 > PROGRAM_MAX {
        return None;
    }
    let unit = (design.rows() as f64).sqrt();
    let counted = (0..design.rows()).filter(|row| design.weight(*row) > 0.0).count();
    let n = counted * outputs.saturating_sub(1).max(1);
    // Each gain is a line twice: as what must not be negative, and as what counts up to 1.
    let mut a = Matrix::zeros(2 * n, width);
    let mut pinned: Vec<bool> = Vec::with_capacity(n);
    design.visit(&vec![0.0; design.width()], team, |_, functions, _, target, weights| {
        let count = target.len();
        for row in (0..count).filter(|row| weights[*row] > 0.0) {
            let one: Vec<f64> = (0..map.rows()).map(|k| functions[k * count + row]).collect();
            let x: Vec<f64> = map.transposed_times(design.lanes, &one).iter().map(|value| unit * value).collect();
            let mut put = |parts: &[(usize, f64)], is_pinned: bool| {
                let line = pinned.len();
                for (block, sign) in parts.iter().filter(|(block, _)| *block < blocks) {
                    for (k, value) in x.iter().enumerate() {
                        a.set(line, block * inner + k, sign * value);
                        a.set(n + line, block * inner + k, sign * value);
                    }
                }
                pinned.push(is_pinned);
            };
            let own = target[row];
            match design.response {
                Response::Sigmoid => put(&[(0, if own > 0.5 { 1.0 } else { -1.0 })], false),
                Response::Softmax => {
                    let own = own as usize;
                    (0..outputs).filter(|k| *k != own).for_each(|k| put(&[(own, 1.0), (k, -1.0)], false));
                }
                _ => put(&[(0, -1.0)], own > 0.0),
            }
        }
    });
    if team.was_told() {
        return None;
    }
    let twice = |first: &dyn Fn(usize) -> f64, second: &dyn Fn(usize) -> f64| -> Vec<f64> {
        let mut values = Vec::with_capacity(2 * n);
        values.extend((0..n).map(first));
        values.extend((0..n).map(second));
        values
    };
    let b = twice(&|_| 0.0, &|_| 1.0);
    let low = twice(&|_| f64::NEG_INFINITY, &|_| 0.0);
    let high =
        twice(&|line| if pinned[line] { f64::INFINITY } else { -1.0 }, &|line| f64::from(u8::from(!pinned[line])));
    drop(pinned);
    let mut vertex = Vertex::new(design.lanes, a, b, low, high, &vec![0.0; width]);
    for _ in 0..PIVOTS_MAX {
        if team.gives_up() {
            return None;
        }
        match vertex.step(&|| team.gives_up()) {
            Progress::Moved => {}
            Progress::Optimal | Progress::Stuck | Progress::GivenUp => break,
        }
    }
    let mut direction = vertex.at().to_vec();
    direction.resize(outputs * inner, 0.0);
    Some(direction)
}

/// The direction of least curvature; nothing where no direction is near flat.
fn flattest(design: &Design, hessian: &Matrix, inner: usize, team: &dyn Team) -> Option<Vec<f64>> {
    let size = hessian.columns();
    let outputs = design.outputs();
    if size == 0 || !hessian.is_finite() {
        return None;
    }
    let mean = (0..size).map(|k| hessian.at(k, k)).sum::<f64>() / size as f64;
    let mut bent = hessian.clone();
    if outputs > 1 {
        // The same shift of all classes is flat for another reason.
        bent.add_shift(inner, outputs, mean);
    }
    let factor = Cholesky::shifted(design.lanes, &bent, &|| team.gives_up());
    let mut direction: Vec<f64> = (0..size).map(|k| 1.0 + 0.1 * ((k * 7 % 11) as f64)).collect();
    let mut curvature = f64::INFINITY;
    for _ in 0..STEPS {
        let norm = design.lanes.dot(&direction, &direction).sqrt();
        if norm == 0.0 || !norm.is_finite() {
            return None;
        }
        direction.iter_mut().for_each(|value| *value /= norm);
        direction = factor.solve(&direction);
        curvature = 1.0 / design.lanes.dot(&direction, &direction).sqrt();
    }
    (curvature <= FLAT * mean && direction.iter().all(|value| value.is_finite())).then_some(direction)
}

/// Whether moving along this direction, in working coordinates, never hurts a row and helps some.
fn recedes(design: &Design, direction: &[f64], team: &dyn Team) -> bool {
    let outputs = design.outputs();
    let (mut worst, mut largest) = (0.0f64, 0.0f64);
    let mut helped = 0.0f64;
    design.visit(direction, team, |_, _, eta, target, weights| {
        let rows = target.len();
        for row in 0..rows {
            if weights[row] == 0.0 {
                continue;
            }
            let own = target[row];
            let gains: Vec<f64> = match design.response {
                Response::Sigmoid => vec![if own > 0.5 { eta[row] } else { -eta[row] }],
                Response::Softmax => {
                    let mine = eta[own as usize * rows + row];
                    (0..outputs).filter(|k| *k != own as usize).map(|k| mine - eta[k * rows + row]).collect()
                }
                // A count of 0 gains from a falling mean; any other pins it.
                _ if own == 0.0 => vec![-eta[row]],
                _ => vec![-eta[row].abs()],
            };
            for gain in gains {
                worst = worst.min(gain);
                largest = largest.max(gain.abs());
                helped = helped.max(gain);
            }
        }
    });
    helped > 0.0 && worst >= -NOISE * largest
}
