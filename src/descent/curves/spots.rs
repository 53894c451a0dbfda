//! Where peaks are: one after the other is put where it explains most of what is left (orthogonal matching pursuit, Pati
//! et al. 1993), with all heights and the background solved anew, and all places and widths refined in turns.

use super::super::GivenUp;
use super::scan::{Target, dot};

/// Rounds in which every peak is refined once, when all are there.
const ROUNDS: usize = 2;

/// Widths that are looked for, at most: each is two thirds of the one before.
const WIDTHS_MAX: usize = 24;

/// A peak in its own coordinate: mix/(1 + t²) + (1 − mix)·2^(−t²), t = (u − center)/width.
#[derive(Clone, Copy, Debug)]
pub(super) struct Spot {
    pub(super) center: f64,
    /// Half the width at half the height.
    pub(super) width: f64,
    /// The Lorentzian part.
    pub(super) mix: f64,
}

impl Spot {
    fn at(&self, u: f64) -> f64 {
        let t = (u - self.center) / self.width;
        let square = t * t;
        let lorentzian = if self.mix > 0.0 { self.mix / (1.0 + square) } else { 0.0 };
        let gaussian =
            if self.mix < 1.0 { (1.0 - self.mix) * libm::exp(-std::f64::consts::LN_2 * square) } else { 0.0 };
        lorentzian + gaussian
    }
}

/// Peaks, their heights and the factors of the background.
#[derive(Clone, Debug)]
pub(super) struct Placed {
    pub(super) spots: Vec<Spot>,
    pub(super) heights: Vec<f64>,
    pub(super) background: Vec<f64>,
    pub(super) rest: f64,
    /// How they came there.
    manner: Manner,
}

/// The rows that peaks are looked for in.
pub(super) struct Search<'a> {
    /// The coordinate of each row, ascending.
    pub(super) u: &'a [f64],
    /// The columns that the peaks stand on.
    pub(super) background: Vec<Vec<f64>>,
    pub(super) target: Target,
    /// The Lorentzian part, where it is known.
    pub(super) mix: Option<f64>,
    pub(super) span: f64,
    pub(super) gap: f64,
    pub(super) given_up: GivenUp<'a>,
}

/// How peaks may be placed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Manner {
    /// How wide a peak may be when it is placed.
    pub(super) widest: f64,
    /// Which way peaks point; either way where it is 0. Without it, one peak down between two up is a usual trap.
    pub(super) sign: f64,
}

/// What is left by some columns, and their orthonormal basis.
struct Left {
    basis: Vec<Vec<f64>>,
    residuals: Vec<f64>,
}

impl Search<'_> {
    /// `count` peaks, one after the other.
    pub(super) fn placed(&self, count: usize, manner: Manner) -> Option<Placed> {
        let mut spots = Vec::with_capacity(count);
        for _ in 0..count {
            spots.push(self.next(&spots, manner)?);
            self.refine(&mut spots, manner, 1)?;
        }
        self.refine(&mut spots, manner, ROUNDS)?;
        self.solved(&spots, manner)
    }

    /// The first peaks were put before the others were known: each is taken away once and put where it now fits best.
    pub(super) fn improved(&self, placed: &Placed) -> Option<Placed> {
        let (mut best, manner) = (placed.clone(), placed.manner);
        for at in (0..best.spots.len()).filter(|_| placed.spots.len() > 1) {
            let mut trial = best.spots.clone();
            trial.remove(at);
            trial.push(self.next(&trial, manner)?);
            self.refine(&mut trial, manner, ROUNDS)?;
            let trial = self.solved(&trial, manner)?;
            if trial.rest < best.rest {
                best = trial;
            }
        }
        Some(best)
    }

    /// The heights and the background of these peaks, which are put in order.
    fn solved(&self, spots: &[Spot], manner: Manner) -> Option<Placed> {
        let mut spots = spots.to_vec();
        spots.sort_by(|a, b| a.center.total_cmp(&b.center));
        let (mut factors, rest, _) = self.target.solve(&mut self.columns(&spots))?;
        let heights = factors.split_off(self.background.len());
        Some(Placed { spots, heights, background: factors, rest, manner })
    }

    fn columns(&self, spots: &[Spot]) -> Vec<Vec<f64>> {
        let peaks = spots.iter().map(|spot| self.u.iter().map(|u| spot.at(*u)).collect());
        self.background.iter().cloned().chain(peaks).collect()
    }

    fn left(&self, spots: &[Spot]) -> Option<Left> {
        let mut basis = self.columns(spots);
        let (_, _, residuals) = self.target.solve(&mut basis)?;
        Some(Left { basis, residuals })
    }

    /// By how much the sum of squares falls when this peak is added and everything linear is solved anew. Rows further
    /// away than `reach` widths are taken as untouched.
    fn gain(&self, left: &Left, spot: &Spot, sign: f64, reach: f64) -> f64 {
        let from = self.u.partition_point(|u| *u < spot.center - reach * spot.width);
        let to = self.u.partition_point(|u| *u <= spot.center + reach * spot.width);
        let roots = &self.target.roots()[from..to];
        let shape: Vec<f64> = self.u[from..to].iter().zip(roots).map(|(u, root)| root * spot.at(*u)).collect();
        let whole = dot(&shape, &shape);
        let free = left.basis.iter().fold(whole, |free, basis| {
            let part = dot(&basis[from..to], &shape);
            free - part * part
        });
        let explained = dot(&left.residuals[from..to], &shape);
        if free > 1e-6 * whole && free > 0.0 && sign * explained >= 0.0 { explained * explained / free } else { 0.0 }
    }

    /// The peak that explains most of what the others leave.
    fn next(&self, spots: &[Spot], manner: Manner) -> Option<Spot> {
        let Manner { widest, sign } = manner;
        let left = self.left(spots)?;
        let mix = self.mix.unwrap_or(0.4);
        let reach = if mix > 0.0 { 10.0 } else { 4.0 };
        let middle = self.u.get(self.u.len() / 2).copied()?;
        let (mut best, mut best_gain) = (Spot { center: middle, width: widest, mix }, 0.0);
        // Rows and what lies between them: where they are far apart, the top of a peak is seen by none.
        let between = self.u.windows(2).map(|pair| 0.5 * pair[0] + 0.5 * pair[1]);
        let mut centers: Vec<f64> = self.u.iter().copied().chain(between).collect();
        centers.sort_by(f64::total_cmp);
        let narrowest = (0.6 * self.gap).min(widest);
        for at in 0..WIDTHS_MAX {
            let width = widest / libm::pow(1.5, at as f64);
            if width < narrowest || (self.given_up)() {
                break;
            }
            let mut last = f64::NEG_INFINITY;
            for &center in &centers {
                if (self.given_up)() {
                    return None;
                }
                // A peak that only one row sees is an outlier.
                let from = self.u.partition_point(|u| *u < center - 2.0 * width);
                let seen = self.u.get(from + 1).is_some_and(|u| *u <= center + 2.0 * width);
                if center < last + 0.5 * width || !seen {
                    continue;
                }
                last = center;
                let spot = Spot { center, width, mix };
                let gain = self.gain(&left, &spot, sign, reach);
                if gain > best_gain {
                    (best, best_gain) = (spot, gain);
                }
            }
        }
        Some(best)
    }

    /// Moves one peak after the other to where it explains most of what the others leave.
    fn refine(&self, spots: &mut Vec<Spot>, manner: Manner, rounds: usize) -> Option<()> {
        for round in 0..rounds {
            for at in 0..spots.len() {
                if (self.given_up)() {
                    return None;
                }
                let spot = spots.remove(at);
                let left = self.left(spots)?;
                spots.insert(at, self.refined(&left, spot, manner.sign, 0.4 / (round + 1) as f64));
            }
        }
        Some(())
    }

    fn refined(&self, left: &Left, mut spot: Spot, sign: f64, first: f64) -> Spot {
        let reach = if self.mix.unwrap_or(1.0) > 0.0 { 40.0 } else { 5.0 };
        let mut best = self.gain(left, &spot, sign, reach);
        let mut step = first;
        while step > 0.02 && !(self.given_up)() {
            let mut moved = false;
            for trial in self.neighbours(&spot, step) {
                let gain = self.gain(left, &trial, sign, reach);
                if gain > best {
                    (spot, best, moved) = (trial, gain, true);
                }
            }
            if !moved {
                step *= 0.5;
            }
            // A gain that still grows by small steps is left to the solver.
            step *= 0.9;
        }
        spot
    }

    fn neighbours(&self, spot: &Spot, step: f64) -> Vec<Spot> {
        let (Some(low), Some(high)) = (self.u.first(), self.u.last()) else { return Vec::new() };
        let center = |center: f64| center.clamp(low - 0.5 * self.span, high + 0.5 * self.span);
        let width = |width: f64| width.clamp((0.3 * self.gap).min(self.span), 3.0 * self.span);
        let mut all = vec![
            Spot { center: center(spot.center + step * spot.width), ..*spot },
            Spot { center: center(spot.center - step * spot.width), ..*spot },
            Spot { width: width(spot.width * (1.0 + step)), ..*spot },
            Spot { width: width(spot.width / (1.0 + step)), ..*spot },
        ];
        if self.mix.is_none() {
            all.push(Spot { mix: (spot.mix + step).min(1.0), ..*spot });
            all.push(Spot { mix: (spot.mix - step).max(0.0), ..*spot });
        }
        all
    }
}
