//! Saturation by a concentration x ≥ 0: the guesses scan the constants on logarithmic grids and solve the levels.

use super::super::registry::Descriptor;
use super::Rows;
use super::plain::{Plain, free, plain, positive};
use super::scan::{Axis, scan};

pub(super) static MICHAELIS_MENTEN: Plain = plain!(
    "michaelis_menten",
    "The rate of an enzyme by the substrate's concentration",
    "vmax*x/(km+x)",
    [free("vmax"), positive("km")],
    michaelis_menten
);

pub(super) static SUBSTRATE_INHIBITION: Plain = plain!(
    "substrate_inhibition",
    "The rate of an enzyme that too much substrate slows down (Haldane)",
    "vmax*x/(km+x+x^2/ki)",
    [free("vmax"), positive("km"), positive("ki")],
    substrate_inhibition
);

pub(super) static HILL: Plain = plain!(
    "hill",
    "A response to a dose with four parameters (4PL), bottom being that to none",
    "bottom+(top-bottom)*x^n/(ec50^n+x^n)",
    [free("bottom"), free("top"), positive("ec50"), positive("n")],
    hill
);

pub(super) static HILL5: Plain = plain!(
    "hill5",
    "A response to a dose with five parameters (5PL), asymmetric where s is not 1",
    "top+(bottom-top)/(1+x^n/ec50^n)^s",
    [free("bottom"), free("top"), positive("ec50"), positive("n"), positive("s")],
    hill5
);

pub(super) static LANGMUIR: Plain = plain!(
    "langmuir",
    "Adsorption by concentration or pressure",
    "qmax*k*x/(1+k*x)",
    [free("qmax"), positive("k")],
    langmuir
);

/// Constants between well below the smallest dose and well above the largest.
fn constants(rows: &Rows<'_>, count: usize) -> Axis {
    let high = rows.positive_high();
    Axis::log((0.1 * rows.smallest_positive()).max(1e-12 * high), 30.0 * high, count)
}

fn michaelis_menten(rows: &Rows<'_>) -> Vec<Vec<f64>> {
    let rows = rows.kept(|x| x >= 0.0);
    scan(&rows, &[constants(&rows, 50)], 1, &|km, x, out| out[0] = x / (km[0] + x))
        .into_iter()
        .map(|found| vec![found.linear[0], found.nonlinear[0]])
        .collect()
}

fn langmuir(rows: &Rows<'_>) -> Vec<Vec<f64>> {
    michaelis_menten(rows).into_iter().map(|start| vec![start[0], 1.0 / start[1]]).collect()
}

fn substrate_inhibition(rows: &Rows<'_>) -> Vec<Vec<f64>> {
    let rows = rows.kept(|x| x >= 0.0);
    scan(&rows, &[constants(&rows, 24), constants(&rows, 24)], 1, &|at, x, out| {
        out[0] = x / (at[0] + x + x * (x / at[1]));
    })
    .into_iter()
    .map(|found| vec![found.linear[0], found.nonlinear[0], found.nonlinear[1]])
    .collect()
}

/// (x/ec50)ⁿ, by way of the ratio so that the units of x cannot make it overflow.
fn dose(x: f64, ec50: f64, n: f64) -> f64 {
    libm::pow(x / ec50, n)
}

fn hill(rows: &Rows<'_>) -> Vec<Vec<f64>> {
    let rows = rows.kept(|x| x >= 0.0);
    scan(&rows, &[constants(&rows, 40), Axis::log(0.2, 12.0, 12)], 2, &|at, x, out| {
        out[0] = 1.0;
        out[1] = 1.0 / (1.0 + dose(x, at[0], at[1]));
    })
    .into_iter()
    .map(|found| {
        let (top, change) = (found.linear[0], found.linear[1]);
        vec![top + change, top, found.nonlinear[0], found.nonlinear[1]]
    })
    .collect()
}

fn hill5(rows: &Rows<'_>) -> Vec<Vec<f64>> {
    let rows = rows.kept(|x| x >= 0.0);
    let axes = [constants(&rows, 30), Axis::log(0.25, 10.0, 9), Axis::log(0.15, 8.0, 5)];
    scan(&rows, &axes, 2, &|at, x, out| {
        out[0] = 1.0;
        out[1] = libm::pow(1.0 + dose(x, at[0], at[1]), -at[2]);
    })
    .into_iter()
    .map(|found| {
        let (top, change) = (found.linear[0], found.linear[1]);
        vec![top + change, top, found.nonlinear[0], found.nonlinear[1], found.nonlinear[2]]
    })
    .collect()
}
