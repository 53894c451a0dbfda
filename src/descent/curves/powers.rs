//! Powers, logarithms and quotients of x. Where the curve is nothing at x < 0, rows there are not looked at.

use super::super::registry::Descriptor;
use super::Rows;
use super::decay::EXPONENT_MAX;
use super::plain::{Plain, free, plain};
use super::scan::{Axis, Found, scan};

/// The molar gas constant in J/(mol·K) (CODATA 2018), as in the formula.
const GAS_CONSTANT: f64 = 8.314_462_618;

pub(super) static POWER_LAW: Plain =
    plain!("power_law", "A power of x, for x > 0", "a*x^b", [free("a"), free("b")], power_law);

pub(super) static POWER_LAW_OFFSET: Plain = plain!(
    "power_law_offset",
    "A power of x above a level, for x > 0",
    "a*x^b+c",
    [free("a"), free("b"), free("c")],
    power_law_offset
);

pub(super) static LOGARITHMIC: Plain =
    plain!("logarithmic", "The natural logarithm of x, for x > 0", "a*log(x)+b", [free("a"), free("b")], logarithmic);

pub(super) static RATIONAL: Plain = plain!(
    "rational",
    "A quotient of two straight lines",
    "(a+b*x)/(1+c*x)",
    [free("a"), free("b"), free("c")],
    rational
);

pub(super) static ARRHENIUS: Plain = plain!(
    "arrhenius",
    "A rate by the temperature x in kelvin, with an activation energy in J/mol",
    "a*exp(-ea/(8.314462618*x))",
    [free("a"), free("ea")],
    arrhenius
);

/// a·x^b on a level or not; x in units of its largest value, so that powers stay small.
fn powers(rows: &Rows<'_>, level: bool) -> Vec<Vec<f64>> {
    let rows = rows.kept(|x| x >= 0.0);
    let high = rows.positive_high();
    let octaves = libm::log(high / rows.smallest_positive()).max(1e-6);
    let ceiling = EXPONENT_MAX / libm::log(high).abs().max(octaves);
    let steep = (30.0 / octaves).clamp(8.0, 1e5).min(ceiling);
    let width = if level { 2 } else { 1 };
    let amplitude = |found: &Found| found.linear[0] * libm::pow(high, -found.nonlinear[0]);
    scan(&rows, &[Axis::signed((0.03 / octaves).min(0.03), steep, 40)], width, &|power, x, out| {
        out[0] = libm::pow(x / high, power[0]);
        if let Some(constant) = out.get_mut(1) {
            *constant = 1.0;
        }
    })
    .into_iter()
    .map(|found| {
        let start = [amplitude(&found), found.nonlinear[0]];
        start.into_iter().chain(found.linear.get(1).copied()).collect()
    })
    .collect()
}

fn power_law(rows: &Rows<'_>) -> Vec<Vec<f64>> {
    powers(rows, false)
}

fn power_law_offset(rows: &Rows<'_>) -> Vec<Vec<f64>> {
    powers(rows, true)
}

fn logarithmic(rows: &Rows<'_>) -> Vec<Vec<f64>> {
    let rows = rows.kept(|x| x > 0.0);
    let high = rows.positive_high();
    scan(&rows, &[], 2, &|_, x, out| {
        out[0] = 1.0;
        out[1] = libm::log(x / high);
    })
    .into_iter()
    .map(|found| vec![found.linear[1], found.linear[0] - found.linear[1] * libm::log(high)])
    .collect()
}

/// (a + bx)/(1 + cx) = level + factor·span/(x − pole), with the pole outside of the data at a distance that is scanned.
fn rational(rows: &Rows<'_>) -> Vec<Vec<f64>> {
    let span = rows.span();
    let pole = |place: f64| if place > 0.0 { rows.high() + place * span } else { rows.low() + place * span };
    scan(rows, &[Axis::signed(1e-3, 100.0, 40)], 2, &|place, x, out| {
        out[0] = 1.0;
        out[1] = span / (x - pole(place[0]));
    })
    .into_iter()
    .map(|found| {
        let pole = pole(found.nonlinear[0]);
        let c = -1.0 / pole;
        vec![c * (found.linear[1] * span - pole * found.linear[0]), c * found.linear[0], c]
    })
    .collect()
}

fn arrhenius(rows: &Rows<'_>) -> Vec<Vec<f64>> {
    let rows = rows.kept(|x| x > 0.0);
    let (low, high) = (rows.smallest_positive(), rows.positive_high());
    let reciprocals = (1.0 / low - 1.0 / high).max(1e-6 / high);
    let ceiling = EXPONENT_MAX * low;
    let steep = (100.0 / reciprocals).min(ceiling);
    let reference = |temperature: f64| if temperature > 0.0 { high } else { low };
    scan(&rows, &[Axis::signed((0.03 / reciprocals).min(1e-2 * steep), steep, 40)], 1, &|temperature, x, out| {
        out[0] = libm::exp(-temperature[0] * (1.0 / x - 1.0 / reference(temperature[0])));
    })
    .into_iter()
    .map(|found| {
        let temperature = found.nonlinear[0];
        let a = found.linear[0] * libm::exp(temperature / reference(temperature));
        vec![a, temperature * GAS_CONSTANT]
    })
    .collect()
}
