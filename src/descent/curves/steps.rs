//! Steps from one level to another, and the kink between two lines: the guesses scan where and how wide.

use super::super::registry::Descriptor;
use super::Rows;
use super::growth::middles;
use super::plain::{Plain, free, plain, positive};
use super::scan::{Axis, Found, scan};

pub(super) static BOLTZMANN: Plain = plain!(
    "boltzmann",
    "A sigmoid between two levels, falling where the slope is negative",
    "bottom+(top-bottom)/(1+exp((x0-x)/slope))",
    [free("bottom"), free("top"), free("x0"), free("slope")],
    boltzmann
);

pub(super) static ERROR_FUNCTION_STEP: Plain = plain!(
    "error_function_step",
    "A step smeared out by a Gaussian",
    "a*erf((x-x0)/width)+c",
    [free("a"), free("x0"), positive("width"), free("c")],
    error_function
);

pub(super) static ARCTANGENT_STEP: Plain = plain!(
    "arctangent_step",
    "A step smeared out by a Lorentzian",
    "a*atan((x-x0)/width)+c",
    [free("a"), free("x0"), positive("width"), free("c")],
    arctangent
);

pub(super) static BROKEN_LINE: Plain = plain!(
    "broken_line",
    "Two straight lines that meet at a knot, c being the change of slope",
    "a+b*x+c*max(x-knot,0)",
    [free("a"), free("b"), free("c"), free("knot")],
    broken_line
);

/// A level and a multiple of the shape, by the middle and the width.
fn steps(rows: &Rows<'_>, shape: fn(f64) -> f64) -> Vec<Found> {
    let span = rows.span();
    let widths = Axis::log((0.3 * rows.gap(0.1)).clamp(1e-4 * span, 1e-2 * span), span, 12);
    scan(rows, &[middles(rows, 41), widths], 2, &|at, x, out| {
        out[0] = 1.0;
        out[1] = shape((x - at[0]) / at[1]);
    })
}

fn boltzmann(rows: &Rows<'_>) -> Vec<Vec<f64>> {
    steps(rows, |t| 1.0 / (1.0 + libm::exp(-t)))
        .into_iter()
        .map(|found| {
            let (x0, slope) = (found.nonlinear[0], found.nonlinear[1]);
            let (left, right) = (found.linear[0], found.linear[0] + found.linear[1]);
            if right >= left { vec![left, right, x0, slope] } else { vec![right, left, x0, -slope] }
        })
        .collect()
}

fn in_order(found: Vec<Found>) -> Vec<Vec<f64>> {
    found.into_iter().map(|one| vec![one.linear[1], one.nonlinear[0], one.nonlinear[1], one.linear[0]]).collect()
}

fn error_function(rows: &Rows<'_>) -> Vec<Vec<f64>> {
    in_order(steps(rows, libm::erf))
}

fn arctangent(rows: &Rows<'_>) -> Vec<Vec<f64>> {
    in_order(steps(rows, libm::atan))
}

fn broken_line(rows: &Rows<'_>) -> Vec<Vec<f64>> {
    let (low, span) = (rows.low(), rows.span());
    scan(rows, &[Axis::linear(low, low + span, 101)], 3, &|knot, x, out| {
        out[0] = 1.0;
        out[1] = (x - low) / span;
        out[2] = (x - knot[0]).max(0.0) / span;
    })
    .into_iter()
    .map(|found| {
        let (slope, change) = (found.linear[1] / span, found.linear[2] / span);
        vec![found.linear[0] - slope * low, slope, change, found.nonlinear[0]]
    })
    .collect()
}
