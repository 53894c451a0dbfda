//! Sinusoids: the sum of squares has a basin for each frequency, so the guesses look at all of them up to Nyquist's and
//! refine the strongest.

use super::super::registry::Descriptor;
use super::Rows;
use super::decay::steepest;
use super::plain::{Plain, free, plain};
use super::scan::{Axis, Found, scan};
use super::spectrum::{Tone, reference, step, strongest, tones};

/// Periods over the span that a sine is looked for with, at most.
const PERIODS_MAX: f64 = 1_000.0;

/// The same for a damped one, which is looked for with several envelopes.
const DAMPED_PERIODS_MAX: f64 = 250.0;

/// Decay rates of envelopes, by the span.
const DAMPINGS: [f64; 7] = [0.0, -2.0, 1.5, 4.0, 9.0, 20.0, 45.0];

/// Frequencies that are refined.
const TONES_MAX: usize = 5;

pub(super) static SINE: Plain = plain!(
    "sine",
    "A sine around a level",
    "a*sin(omega*x+phi)+c",
    [free("a"), free("omega"), free("phi"), free("c")],
    sine
);

pub(super) static DAMPED_SINE: Plain = plain!(
    "damped_sine",
    "A sine that dies away around a level",
    "a*exp(-d*x)*sin(omega*x+phi)+c",
    [free("a"), free("d"), free("omega"), free("phi"), free("c")],
    damped_sine
);

/// Refines a tone; the nonlinear parameters are the frequency and the damping.
fn refined(rows: &Rows<'_>, tone: Tone, frequencies: Axis, dampings: Axis) -> Option<Found> {
    let (low, from) = (rows.low(), reference(rows, tone.damping));
    let found = scan(rows, &[frequencies, dampings], 3, &|at, x, out| {
        let envelope = libm::exp(-at[1] * (x - from));
        out[0] = 1.0;
        out[1] = envelope * libm::cos(at[0] * (x - low));
        out[2] = envelope * libm::sin(at[0] * (x - low));
    });
    found.into_iter().next()
}

/// Amplitude and phase at x = 0 of a tone whose factors are those at the first row.
fn amplitude_and_phase(rows: &Rows<'_>, found: &Found) -> (f64, f64) {
    let phase = libm::atan2(found.linear[1], found.linear[2]) - found.nonlinear[0] * rows.low();
    let turns = (phase / std::f64::consts::TAU).round();
    (libm::hypot(found.linear[1], found.linear[2]), phase - std::f64::consts::TAU * turns)
}

fn best_first(mut found: Vec<(f64, Vec<f64>)>) -> Vec<Vec<f64>> {
    found.sort_by(|a, b| a.0.total_cmp(&b.0));
    found.into_iter().map(|(_, start)| start).collect()
}

fn sine(rows: &Rows<'_>) -> Vec<Vec<f64>> {
    let step = step(rows);
    let refine = |tone: Tone| {
        let frequencies = Axis::linear((tone.omega - step).max(0.1 * step), tone.omega + step, 9);
        let found = refined(rows, tone, frequencies, Axis::linear(0.0, 0.0, 1))?;
        let (a, phi) = amplitude_and_phase(rows, &found);
        Some((found.rest, vec![a, found.nonlinear[0], phi, found.linear[0]]))
    };
    best_first(strongest(tones(rows, 0.0, PERIODS_MAX), TONES_MAX).into_iter().filter_map(refine).collect())
}

fn damped_sine(rows: &Rows<'_>) -> Vec<Vec<f64>> {
    let (step, unit) = (step(rows), 1.0 / rows.span());
    let steepest = steepest(rows);
    let all = DAMPINGS
        .into_iter()
        .filter(|damping| damping.abs() * unit <= steepest)
        .flat_map(|damping| tones(rows, damping * unit, DAMPED_PERIODS_MAX))
        .collect();
    let refine = |tone: Tone| {
        let around = step.max(0.5 * tone.damping.abs());
        let frequencies = Axis::linear((tone.omega - around).max(0.1 * step), tone.omega + around, 9);
        let (slack, size) = (0.7 * unit, tone.damping.abs());
        let dampings = if tone.damping < 0.0 {
            Axis::linear((-2.5 * size).max(-steepest), 0.0, 6)
        } else {
            Axis::linear((0.4 * size - slack).max(-steepest), (2.2 * size + slack).min(steepest), 7)
        };
        let found = refined(rows, tone, frequencies, dampings)?;
        let (a, phi) = amplitude_and_phase(rows, &found);
        let at_zero = libm::exp(found.nonlinear[1] * reference(rows, tone.damping));
        Some((found.rest, vec![a * at_zero, found.nonlinear[1], found.nonlinear[0], phi, found.linear[0]]))
    };
    best_first(strongest(all, 2 * TONES_MAX).into_iter().filter_map(refine).collect())
}
