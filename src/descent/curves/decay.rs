//! Sums and powers of exponentials. All guesses scan the rates, in units of the data's span, and solve the amplitudes.

use super::super::registry::Descriptor;
use super::Rows;
use super::plain::{Plain, free, plain, positive};
use super::scan::{Axis, scan};

/// The exponent up to which exp and its inverse are far from their ends.
pub(super) const EXPONENT_MAX: f64 = 600.0;

pub(super) static EXPONENTIAL_DECAY: Plain = plain!(
    "exponential_decay",
    "An exponential decay to a level",
    "a*exp(-b*x)+c",
    [free("a"), free("b"), free("c")],
    decay
);

pub(super) static EXPONENTIAL_GROWTH: Plain = plain!(
    "exponential_growth",
    "Exponential growth above a level",
    "a*exp(b*x)+c",
    [free("a"), free("b"), free("c")],
    growth
);

pub(super) static EXPONENTIAL_SATURATION: Plain = plain!(
    "exponential_saturation",
    "A rise from zero at x = 0 that levels off",
    "a*(1-exp(-b*x))",
    [free("a"), free("b")],
    saturation
);

pub(super) static DOUBLE_EXPONENTIAL: Plain = plain!(
    "double_exponential",
    "Two exponential decays, the fast one first, to a level",
    "a*exp(-b*x)+c*exp(-d*x)+e",
    [free("a"), free("b"), free("c"), free("d"), free("e")],
    double
);

pub(super) static STRETCHED_EXPONENTIAL: Plain = plain!(
    "stretched_exponential",
    "A stretched (Kohlrausch) decay to a level",
    "a*exp(-(x/tau)^beta)+c",
    [free("a"), positive("tau"), positive("beta"), free("c")],
    stretched
);

pub(super) static BATEMAN: Plain = plain!(
    "bateman",
    "Uptake and elimination (Bateman), the uptake being faster",
    "a*(exp(-elimination*x)-exp(-absorption*x))",
    [free("a"), free("elimination"), free("absorption")],
    bateman
);

/// The slowest and the fastest rate that the rows can tell.
pub(super) fn told_rates(rows: &Rows<'_>) -> (f64, f64) {
    let span = rows.span();
    (0.03 / span, (4.0 / rows.gap(0.1)).clamp(50.0 / span, 1e5 / span))
}

/// The rate from which on an exponential of x itself is no number any more.
pub(super) fn steepest(rows: &Rows<'_>) -> f64 {
    EXPONENT_MAX / rows.reach().max(f64::MIN_POSITIVE)
}

/// Those of [`told_rates`] that an exponential of x itself can stand.
fn rates(rows: &Rows<'_>) -> (f64, f64) {
    let (slow, fast) = told_rates(rows);
    let fast = fast.min(steepest(rows));
    (slow.min(1e-2 * fast), fast)
}

/// An exponential on a level: factor·exp(rate·(x − reference)) + level.
pub(super) struct Exponential {
    pub(super) rate: f64,
    pub(super) reference: f64,
    pub(super) factor: f64,
    pub(super) level: f64,
}

/// The exponentials of either direction that fit best. The reference is the end where the exponential is largest, so
/// that nothing overflows.
pub(super) fn exponentials(rows: &Rows<'_>, (slow, fast): (f64, f64)) -> Vec<Exponential> {
    let reference = |rate: f64| if rate > 0.0 { rows.high() } else { rows.low() };
    scan(rows, &[Axis::signed(slow, fast, 40)], 2, &|rate, x, out| {
        out[0] = 1.0;
        out[1] = libm::exp(rate[0] * (x - reference(rate[0])));
    })
    .into_iter()
    .map(|found| Exponential {
        rate: found.nonlinear[0],
        reference: reference(found.nonlinear[0]),
        factor: found.linear[1],
        level: found.linear[0],
    })
    .collect()
}

fn growth(rows: &Rows<'_>) -> Vec<Vec<f64>> {
    let amplitude = |one: &Exponential| one.factor * libm::exp(-one.rate * one.reference);
    exponentials(rows, rates(rows)).iter().map(|one| vec![amplitude(one), one.rate, one.level]).collect()
}

fn decay(rows: &Rows<'_>) -> Vec<Vec<f64>> {
    growth(rows).into_iter().map(|one| vec![one[0], -one[1], one[2]]).collect()
}

fn saturation(rows: &Rows<'_>) -> Vec<Vec<f64>> {
    let (slow, fast) = rates(rows);
    scan(rows, &[Axis::signed(slow, fast, 40)], 1, &|rate, x, out| out[0] = -libm::expm1(-rate[0] * x))
        .into_iter()
        .map(|found| vec![found.linear[0], found.nonlinear[0]])
        .collect()
}

/// Two ordered rates and the factors of their exponentials, measured from the first row.
fn double(rows: &Rows<'_>) -> Vec<Vec<f64>> {
    let (slow, fast) = rates(rows);
    let axis = || Axis::log(slow, fast, 25);
    let low = rows.low();
    scan(rows, &[axis(), axis()], 3, &|rate, x, out| {
        out[0] = 1.0;
        out[1] = if rate[0] > rate[1] { libm::exp(-rate[0] * (x - low)) } else { f64::NAN };
        out[2] = libm::exp(-rate[1] * (x - low));
    })
    .into_iter()
    .map(|found| {
        let (b, d) = (found.nonlinear[0], found.nonlinear[1]);
        vec![found.linear[1] * libm::exp(b * low), b, found.linear[2] * libm::exp(d * low), d, found.linear[0]]
    })
    .collect()
}

fn stretched(rows: &Rows<'_>) -> Vec<Vec<f64>> {
    let rows = rows.kept(|x| x >= 0.0);
    let high = rows.positive_high();
    let slow = Axis::log(rows.gap(0.1).min(1e-2 * high), 5.0 * high, 30);
    scan(&rows, &[slow, Axis::log(0.2, 5.0, 11)], 2, &|shape, x, out| {
        out[0] = 1.0;
        out[1] = libm::exp(-libm::pow(x / shape[0], shape[1]));
    })
    .into_iter()
    .map(|found| vec![found.linear[1], found.nonlinear[0], found.nonlinear[1], found.linear[0]])
    .collect()
}

fn bateman(rows: &Rows<'_>) -> Vec<Vec<f64>> {
    let (slow, fast) = rates(rows);
    let axis = || Axis::log(slow, fast, 25);
    scan(rows, &[axis(), axis()], 1, &|rate, x, out| {
        let ordered = rate[0] < rate[1];
        out[0] = if ordered { libm::exp(-rate[0] * x) - libm::exp(-rate[1] * x) } else { f64::NAN };
    })
    .into_iter()
    .map(|found| vec![found.linear[0], found.nonlinear[0], found.nonlinear[1]])
    .collect()
}
