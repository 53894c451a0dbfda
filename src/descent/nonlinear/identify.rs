//! Which parameters the data does not tell apart.

use super::problem::Curve;
use super::sample::Linearized;
use crate::descent::{Team, losses};

/// Columns whose part outside the others is below this part of them count as dependent.
const DEPENDENT: f64 = 1e-11;
/// Changes below this part of the data are none.
const NO_EFFECT: f64 = 1e-14;
/// The part in a dependence that makes a parameter one of those that it is about.
const TAKES_PART: f64 = 1e-3;

/// Free parameters that the data does not determine.
#[derive(Debug, Default)]
pub(super) struct Dependent {
    /// Those whose columns of the Jacobian depend on others or have vanished, and those others.
    pub(super) lost: Vec<usize>,
    /// Whether a column has vanished.
    pub(super) vanished: bool,
}

/// What the data does not determine at a place.
pub(super) fn dependent(curve: &Curve, at: &[f64], team: &dyn Team) -> Dependent {
    // By weight alone: a kinked loss has no curvature to weigh rows with.
    let squares = losses::squares();
    let uniforms = curve.uniforms(at);
    let found = curve.sample.linearized(&curve.tape, &uniforms, squares.as_ref(), team);
    let Some(Linearized { triangle, .. }) = found else { return Dependent::default() };
    let r = triangle.r();
    let lanes = curve.sample.lanes;
    let p = r.columns();
    let norm = |column: &[f64]| lanes.dot(column, column).sqrt();
    let mut found = vec![false; p];
    let whole = curve.target_norm * curve.sample.weight_sum.sqrt();
    // Pivoted Gram and Schmidt, done twice for each column, on columns of unit length.
    let mut columns: Vec<Vec<f64>> = (0..p).map(|k| r.column(k).to_vec()).collect();
    for (k, column) in columns.iter_mut().enumerate() {
        let size = norm(column);
        // What a parameter's whole value, or a move by 1, changes is rounding: it has no effect.
        let reach = size * (at[k] * curve.units[k]).abs().max(1.0);
        if reach <= NO_EFFECT * whole || size == 0.0 {
            found[k] = true;
        } else {
            column.iter_mut().for_each(|value| *value /= size);
        }
    }
    let vanished = found.contains(&true);
    let unit = columns.clone();
    let mut order: Vec<usize> = (0..p).filter(|k| !found[*k]).collect();
    let mut basis: Vec<(usize, Vec<f64>)> = Vec::new();
    while !order.is_empty() {
        let place = (0..order.len()).fold(0, |best, place| {
            if norm(&columns[order[place]]) > norm(&columns[order[best]]) { place } else { best }
        });
        let k = order.swap_remove(place);
        let size = norm(&columns[k]);
        if size <= DEPENDENT {
            found[k] = true;
            for (other, direction) in &basis {
                found[*other] |= lanes.dot(direction, &unit[k]).abs() > TAKES_PART;
            }
            continue;
        }
        let direction: Vec<f64> = columns[k].iter().map(|value| value / size).collect();
        for other in &order {
            for _ in 0..2 {
                let part = lanes.dot(&direction, &columns[*other]);
                lanes.axpy(-part, &direction, &mut columns[*other]);
            }
        }
        basis.push((k, direction));
    }
    Dependent { lost: (0..p).filter(|k| found[*k]).collect(), vanished }
}
