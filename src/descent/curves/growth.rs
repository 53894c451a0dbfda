//! Growth to a capacity: the guesses scan where and how fast, and solve the capacity.

use super::super::registry::Descriptor;
use super::Rows;
use super::decay::{exponentials, told_rates};
use super::plain::{Plain, free, plain, positive};
use super::scan::{Axis, scan};

pub(super) static LOGISTIC_GROWTH: Plain = plain!(
    "logistic_growth",
    "Logistic growth from zero to a capacity",
    "capacity/(1+exp(-rate*(x-midpoint)))",
    [free("capacity"), free("rate"), free("midpoint")],
    logistic
);

pub(super) static GOMPERTZ: Plain = plain!(
    "gompertz",
    "Gompertz growth from zero to a capacity, fastest at the midpoint",
    "capacity*exp(-exp(-rate*(x-midpoint)))",
    [free("capacity"), free("rate"), free("midpoint")],
    gompertz
);

pub(super) static RICHARDS: Plain = plain!(
    "richards",
    "Richards' growth from zero to a capacity: logistic at shape 1, Gompertz towards 0",
    "capacity/(1+shape*exp(-rate*(x-midpoint)))^(1/shape)",
    [free("capacity"), free("rate"), free("midpoint"), positive("shape")],
    richards
);

pub(super) static VON_BERTALANFFY: Plain = plain!(
    "von_bertalanffy",
    "Von Bertalanffy's growth: zero at x0, slowing down towards a capacity",
    "capacity*(1-exp(-rate*(x-x0)))",
    [free("capacity"), free("rate"), free("x0")],
    von_bertalanffy
);

pub(super) static WEIBULL: Plain = plain!(
    "weibull",
    "A cumulative Weibull distribution times an amplitude, for x >= 0",
    "amplitude*(1-exp(-(x/scale)^shape))",
    [free("amplitude"), positive("scale"), positive("shape")],
    weibull
);

/// Where the middle of a rise may be: also somewhat outside of the data, where only a part of the curve is seen.
pub(super) fn middles(rows: &Rows<'_>, count: usize) -> Axis {
    let span = rows.span();
    Axis::linear(rows.low() - 0.5 * span, rows.high() + 0.5 * span, count)
}

/// Rates of rises that the rows can tell from a straight line and from a step.
fn rises(rows: &Rows<'_>, count: usize) -> Axis {
    let span = rows.span();
    Axis::signed(0.7 / span, (4.0 / rows.gap(0.1)).clamp(40.0 / span, 1e4 / span), count)
}

fn sigmoids(rows: &Rows<'_>, shape: fn(f64) -> f64) -> Vec<Vec<f64>> {
    scan(rows, &[middles(rows, 33), rises(rows, 10)], 1, &|at, x, out| out[0] = shape(at[1] * (x - at[0])))
        .into_iter()
        .map(|found| vec![found.linear[0], found.nonlinear[1], found.nonlinear[0]])
        .collect()
}

fn logistic(rows: &Rows<'_>) -> Vec<Vec<f64>> {
    sigmoids(rows, |t| 1.0 / (1.0 + libm::exp(-t)))
}

fn gompertz(rows: &Rows<'_>) -> Vec<Vec<f64>> {
    sigmoids(rows, |t| libm::exp(-libm::exp(-t)))
}

/// Scans where half of the capacity is reached and how steeply, rate/(1 + shape): midpoint and rate themselves go with the
/// shape, and a search along their axes is stuck in the valley between them.
fn richards(rows: &Rows<'_>) -> Vec<Vec<f64>> {
    let axes = [middles(rows, 25), rises(rows, 10), Axis::log(0.05, 12.0, 3)];
    scan(rows, &axes, 1, &|at, x, out| {
        let (half, rate, shape) = (at[0], at[1] * (1.0 + at[2]), at[2]);
        let grown = libm::log1p(libm::expm1(shape * std::f64::consts::LN_2) * libm::exp(-rate * (x - half)));
        out[0] = libm::exp(-grown / shape);
    })
    .into_iter()
    .map(|found| {
        let (half, steepness, shape) = (found.nonlinear[0], found.nonlinear[1], found.nonlinear[2]);
        let rate = steepness * (1.0 + shape);
        let lag = libm::log(libm::expm1(shape * std::f64::consts::LN_2) / shape) / rate;
        vec![found.linear[0], rate, half + lag, shape]
    })
    .collect()
}

/// An exponential on a level, whose zero exists where the two have opposite signs.
fn von_bertalanffy(rows: &Rows<'_>) -> Vec<Vec<f64>> {
    exponentials(rows, told_rates(rows))
        .iter()
        .map(|one| {
            let x0 = one.reference - libm::log(-one.factor / one.level) / one.rate;
            vec![one.level, -one.rate, x0]
        })
        .collect()
}

fn weibull(rows: &Rows<'_>) -> Vec<Vec<f64>> {
    let rows = rows.kept(|x| x >= 0.0);
    let high = rows.positive_high();
    let scales = Axis::log(rows.gap(0.1).min(1e-2 * high), 5.0 * high, 30);
    scan(&rows, &[scales, Axis::log(0.2, 12.0, 13)], 1, &|at, x, out| {
        out[0] = -libm::expm1(-libm::pow(x / at[0], at[1]));
    })
    .into_iter()
    .map(|found| vec![found.linear[0], found.nonlinear[0], found.nonlinear[1]])
    .collect()
}
