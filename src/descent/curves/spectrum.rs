//! How much a sinusoid of each frequency explains: the floating-mean periodogram (Zechmeister & Kürster 2009) with an
//! envelope that may decay. Frequencies are evenly spaced, so that each row's phase turns by one rotation a step.

use super::Rows;

/// Frequencies a period over the whole span: the peak of a sinusoid is never between two of them.
pub(super) const OVERSAMPLING: f64 = 4.0;

/// A frequency that explains more than its neighbours.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tone {
    /// In radians by unit of x.
    pub(super) omega: f64,
    /// The rate at which the envelope decays.
    pub(super) damping: f64,
    /// The part of the sum of squares that it explains.
    pub(super) power: f64,
}

/// The angular distance between two frequencies.
pub(super) fn step(rows: &Rows<'_>) -> f64 {
    std::f64::consts::TAU / (OVERSAMPLING * rows.span())
}

/// Where an envelope is 1: at the end where it is largest.
pub(super) fn reference(rows: &Rows<'_>, damping: f64) -> f64 {
    if damping < 0.0 { rows.high() } else { rows.low() }
}

/// The local maxima over `periods` periods, as many as Nyquist allows for the median distance of the rows.
pub(super) fn tones(rows: &Rows<'_>, damping: f64, periods_max: f64) -> Vec<Tone> {
    let periods = (0.5 * rows.span() / rows.gap(0.5)).clamp(1.0, periods_max);
    let count = (OVERSAMPLING * periods) as usize;
    let step = step(rows);
    let heaviest = rows.weights.iter().fold(f64::MIN_POSITIVE, |largest, weight| largest.max(*weight));
    let weights: Vec<f64> = rows.weights.iter().map(|weight| weight / heaviest).collect();
    let whole: f64 = weights.iter().sum::<f64>().max(f64::MIN_POSITIVE);
    let largest = rows.y.iter().fold(f64::MIN_POSITIVE, |largest, y| largest.max(y.abs()));
    let mean = weights.iter().zip(&rows.y).map(|(weight, y)| weight * (y / largest)).sum::<f64>() / whole;
    let y: Vec<f64> = rows.y.iter().map(|y| y / largest - mean).collect();
    let square = weights.iter().zip(&y).map(|(weight, y)| weight * y * y).sum::<f64>().max(f64::MIN_POSITIVE);

    let (low, from) = (rows.low(), reference(rows, damping));
    let turns: Vec<(f64, f64)> =
        rows.x.iter().map(|x| (libm::cos(step * (x - low)), libm::sin(step * (x - low)))).collect();
    let mut phases: Vec<(f64, f64)> = rows.x.iter().map(|x| (libm::exp(-damping * (x - from)), 0.0)).collect();
    let mut powers = Vec::with_capacity(count);
    for _ in 0..count {
        if (rows.given_up)() {
            return Vec::new();
        }
        let (mut c, mut s, mut cc, mut ss, mut cs, mut yc, mut ys) = (0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0);
        for (row, (phase, turn)) in phases.iter_mut().zip(&turns).enumerate() {
            *phase = (phase.0 * turn.0 - phase.1 * turn.1, phase.0 * turn.1 + phase.1 * turn.0);
            let (wc, ws) = (weights[row] * phase.0, weights[row] * phase.1);
            c += wc;
            s += ws;
            cc += wc * phase.0;
            ss += ws * phase.1;
            cs += wc * phase.1;
            yc += wc * y[row];
            ys += ws * y[row];
        }
        let (c2, s2, cross) = (cc - c * c / whole, ss - s * s / whole, cs - c * s / whole);
        let determinant = c2 * s2 - cross * cross;
        let explained = (yc * yc * s2 - 2.0 * yc * ys * cross + ys * ys * c2) / determinant;
        powers.push(if determinant > 1e-9 * cc * ss && explained.is_finite() { explained / square } else { 0.0 });
    }
    let power = |at: Option<usize>| at.and_then(|at| powers.get(at)).copied().unwrap_or(0.0);
    let is_peak = |at: usize| power(Some(at)) >= power(at.checked_sub(1)) && power(Some(at)) >= power(Some(at + 1));
    (0..count)
        .filter(|&at| is_peak(at))
        .map(|at| Tone { omega: step * (at + 1) as f64, damping, power: powers[at] })
        .collect()
}

/// The strongest first, `count` at most.
pub(super) fn strongest(mut tones: Vec<Tone>, count: usize) -> Vec<Tone> {
    tones.sort_by(|a, b| b.power.total_cmp(&a.power));
    tones.truncate(count);
    tones
}
