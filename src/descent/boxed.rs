//! The convex quadratic problem with an l1 term and ranges that a proximal Newton step has to solve:
//! min ½(θ−a)ᵀH(θ−a) + gᵀ(θ−a) + Σ l1ⱼ|θⱼ|, lowerⱼ ≤ θⱼ ≤ upperⱼ. It knows nothing of what H and g come from.
//!
//! Sweeps of coordinate descent lead near the solution; an active-set method then finds it exactly: the signs of the free
//! coordinates are guessed, the reduced system is solved, and what runs into 0 or the end of its range is held there
//! (feature-sign search, Lee et al. 2007, extended by ranges).

use super::GivenUp;
use super::cholesky::Cholesky;
use super::lanes::Lanes;
use super::matrix::Matrix;
use super::same::same;

/// Sweeps of coordinate descent at most.
const SWEEPS_MAX: usize = 100;
/// A slope that is rounding error, as a part of what it was summed from.
const NOISE: f64 = 64.0 * f64::EPSILON;

/// The problem; `l1`, and `lower` with `upper`, may be empty.
pub(super) struct Quadratic<'a> {
    pub(super) hessian: &'a Matrix,
    pub(super) gradient: &'a [f64],
    pub(super) at: &'a [f64],
    pub(super) l1: &'a [f64],
    pub(super) lower: &'a [f64],
    pub(super) upper: &'a [f64],
}

impl Quadratic<'_> {
    fn l1(&self, k: usize) -> f64 {
        self.l1.get(k).copied().unwrap_or(0.0)
    }

    fn low(&self, k: usize) -> f64 {
        self.lower.get(k).copied().unwrap_or(f64::NEG_INFINITY)
    }

    fn high(&self, k: usize) -> f64 {
        self.upper.get(k).copied().unwrap_or(f64::INFINITY)
    }

    fn clip(&self, k: usize, value: f64) -> f64 {
        value.max(self.low(k)).min(self.high(k))
    }

    /// The gradient of the quadratic at θ, and for each coordinate the size of what it was summed from.
    fn slopes(&self, lanes: Lanes, theta: &[f64]) -> (Vec<f64>, Vec<f64>) {
        let step: Vec<f64> = theta.iter().zip(self.at).map(|(x, y)| x - y).collect();
        let size = |k: usize| {
            let terms = self.hessian.column(k).iter().zip(&step);
            self.gradient[k].abs() + self.l1(k) + terms.map(|(h, d)| (h * d).abs()).sum::<f64>()
        };
        let slopes = (0..theta.len()).map(|k| self.gradient[k] + lanes.dot(self.hessian.column(k), &step)).collect();
        (slopes, (0..theta.len()).map(size).collect())
    }
}

/// The minimum, exactly on the ends of ranges and at 0 where it lies there.
pub(super) fn minimise(lanes: Lanes, problem: &Quadratic<'_>, given_up: GivenUp<'_>) -> Vec<f64> {
    let mut theta: Vec<f64> = problem.at.iter().enumerate().map(|(k, value)| problem.clip(k, *value)).collect();
    sweep(lanes, problem, &mut theta, given_up);
    let mut active = Active::of(problem, &theta);
    for _ in 0..100 + 20 * theta.len() {
        if given_up() {
            break;
        }
        let (slopes, sizes) = problem.slopes(lanes, &theta);
        if !active.descend(lanes, problem, &mut theta, &slopes, given_up) {
            continue;
        }
        let (slopes, _) = problem.slopes(lanes, &theta);
        if !active.release(problem, &theta, &slopes, &sizes) {
            break;
        }
    }
    theta
}

/// Coordinate descent, each coordinate to its own minimum.
fn sweep(lanes: Lanes, problem: &Quadratic<'_>, theta: &mut [f64], given_up: GivenUp<'_>) {
    let (mut slopes, _) = problem.slopes(lanes, theta);
    for _ in 0..SWEEPS_MAX {
        if given_up() {
            break;
        }
        let mut largest = 0.0f64;
        for k in 0..theta.len() {
            let curvature = problem.hessian.at(k, k);
            if curvature <= 0.0 {
                continue;
            }
            let plain = theta[k] - slopes[k] / curvature;
            let threshold = problem.l1(k) / curvature;
            let shrunk = if plain.abs() <= threshold { 0.0 } else { plain - threshold.copysign(plain) };
            let next = problem.clip(k, shrunk);
            let change = next - theta[k];
            if change != 0.0 && change.is_finite() {
                theta[k] = next;
                lanes.axpy(change, problem.hessian.column(k), &mut slopes);
                largest = largest.max(change.abs() * curvature.sqrt());
            }
        }
        let size = theta.iter().enumerate().map(|(k, x)| x.abs() * problem.hessian.at(k, k).max(0.0).sqrt());
        if largest <= 1e-10 * size.fold(0.0, f64::max) {
            break;
        }
    }
}

/// For each coordinate the stretch on which it is free and the objective smooth, or nothing where it is held.
struct Active {
    free: Vec<Option<Stretch>>,
}

#[derive(Clone, Copy)]
struct Stretch {
    low: f64,
    high: f64,
    /// The slope of the l1 term.
    l1: f64,
}

impl Active {
    fn of(problem: &Quadratic<'_>, theta: &[f64]) -> Self {
        let free = theta.iter().enumerate().map(|(k, value)| {
            let held =
                same(*value, problem.low(k)) || same(*value, problem.high(k)) || (*value == 0.0 && problem.l1(k) > 0.0);
            (!held).then(|| stretch(problem, k, *value))
        });
        Self { free: free.collect() }
    }

    /// Moves the free coordinates to the minimum on their stretches, or until one runs into an end and is held there. True
    /// if the minimum was reached.
    fn descend(
        &mut self,
        lanes: Lanes,
        problem: &Quadratic<'_>,
        theta: &mut [f64],
        slopes: &[f64],
        given_up: GivenUp<'_>,
    ) -> bool {
        let free: Vec<(usize, Stretch)> = (0..theta.len()).filter_map(|k| Some((k, self.free[k]?))).collect();
        if free.is_empty() {
            return true;
        }
        let reduced = Matrix::from_columns(
            free.len(),
            free.iter().map(|(column, _)| free.iter().map(|(row, _)| problem.hessian.at(*row, *column)).collect()),
        );
        let right: Vec<f64> = free.iter().map(|(k, stretch)| -(slopes[*k] + stretch.l1)).collect();
        let step = Cholesky::shifted(lanes, &reduced, given_up).solve(&right);
        let mut part = 1.0;
        let mut first = None;
        for ((k, stretch), step) in free.iter().zip(&step) {
            let end = if *step > 0.0 { stretch.high } else { stretch.low };
            let room = end - theta[*k];
            if *step != 0.0 && room.abs() < part * step.abs() {
                part = (room / step).clamp(0.0, 1.0);
                first = Some((*k, end));
            }
        }
        for ((k, stretch), step) in free.iter().zip(&step) {
            theta[*k] = f64::mul_add(part, *step, theta[*k]).max(stretch.low).min(stretch.high);
        }
        if let Some((k, end)) = first {
            theta[k] = end;
            self.free[k] = None;
        }
        first.is_none()
    }

    /// Frees the held coordinate whose slope leads away most. False if none does: the minimum of all.
    fn release(&mut self, problem: &Quadratic<'_>, theta: &[f64], slopes: &[f64], sizes: &[f64]) -> bool {
        let mut worst: Option<(f64, usize, f64)> = None;
        for k in (0..theta.len()).filter(|k| self.free[*k].is_none()) {
            let (value, l1) = (theta[k], problem.l1(k));
            let right = slopes[k] + if value >= 0.0 { l1 } else { -l1 };
            let left = slopes[k] + if value > 0.0 { l1 } else { -l1 };
            let noise = NOISE * sizes[k];
            let unit = problem.hessian.at(k, k).max(f64::MIN_POSITIVE).sqrt();
            let ways = [(-right, value < problem.high(k), 1.0), (left, value > problem.low(k), -1.0)];
            for (gain, room, sign) in ways {
                if room && gain > noise && worst.is_none_or(|(most, _, _)| gain / unit > most) {
                    worst = Some((gain / unit, k, sign));
                }
            }
        }
        let Some((_, k, sign)) = worst else { return false };
        let towards = if theta[k] == 0.0 { sign } else { theta[k] };
        self.free[k] = Some(stretch(problem, k, towards));
        true
    }
}

/// The stretch on the side of `value`, which is not 0 where there is an l1 term.
fn stretch(problem: &Quadratic<'_>, k: usize, value: f64) -> Stretch {
    let l1 = problem.l1(k);
    let (low, high) = (problem.low(k), problem.high(k));
    match l1 > 0.0 {
        true if value > 0.0 => Stretch { low: low.max(0.0), high, l1 },
        true => Stretch { low, high: high.min(0.0), l1: -l1 },
        false => Stretch { low, high, l1: 0.0 },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::descent::properties::Noise;

    /// The largest violation of the optimality conditions, in units of what the slopes were summed from.
    fn violation(problem: &Quadratic<'_>, theta: &[f64]) -> f64 {
        let (slopes, sizes) = problem.slopes(Lanes::chosen(), theta);
        (0..theta.len()).fold(0.0f64, |worst, k| {
            let l1 = problem.l1(k);
            let right = slopes[k] + if theta[k] >= 0.0 { l1 } else { -l1 };
            let left = slopes[k] + if theta[k] > 0.0 { l1 } else { -l1 };
            assert!(theta[k] >= problem.low(k) && theta[k] <= problem.high(k));
            let up = if theta[k] < problem.high(k) { -right } else { 0.0 };
            let down = if theta[k] > problem.low(k) { left } else { 0.0 };
            worst.max(up.max(down) / sizes[k].max(f64::MIN_POSITIVE))
        })
    }

    #[test]
    fn random_problems_satisfy_their_optimality_conditions() {
        let mut noise = Noise::new(3);
        for round in 0..400 {
            let p = 1 + round % 12;
            let stretch = if round % 3 == 0 { 1e4 } else { 3.0 };
            let rows: Vec<Vec<f64>> = (0..p + 2)
                .map(|_| (0..p).map(|k| noise.normal() * libm::pow(stretch, k as f64 / p as f64)).collect())
                .collect();
            let product = |i: usize, j: usize| rows.iter().map(|row| row[i] * row[j]).sum::<f64>();
            let hessian = Matrix::from_columns(p, (0..p).map(|j| (0..p).map(|i| product(i, j)).collect()));
            let mut vector = |scale: f64| -> Vec<f64> { (0..p).map(|_| scale * noise.normal()).collect() };
            let (gradient, at, l1) = (vector(5.0), vector(1.0), vector(2.0));
            let l1: Vec<f64> = l1.iter().map(|x| x.max(0.0)).collect();
            let lower: Vec<f64> =
                vector(1.0).iter().map(|x| if *x > 0.5 { f64::NEG_INFINITY } else { x - 0.3 }).collect();
            let upper: Vec<f64> = lower.iter().map(|low| if low.is_finite() { low + 0.5 } else { 0.2 }).collect();
            let ranged = round % 2 == 0;
            let problem = Quadratic {
                hessian: &hessian,
                gradient: &gradient,
                at: &at,
                l1: if round % 5 == 0 { &[] } else { &l1 },
                lower: if ranged { &lower } else { &[] },
                upper: if ranged { &upper } else { &[] },
            };
            let theta = minimise(Lanes::chosen(), &problem, &|| false);
            let worst = violation(&problem, &theta);
            assert!(worst < 1e-10, "round {round}: {worst:e} at {theta:?}");
        }
    }

    #[test]
    fn a_strong_penalty_leaves_exact_zeros_and_equal_ends_hold() {
        let hessian = Matrix::from_columns(2, [vec![1.0, 1.0], vec![1.0, 1.0]]);
        let zeros = minimise(
            Lanes::chosen(),
            &Quadratic {
                hessian: &hessian,
                gradient: &[1.0, -1.0],
                at: &[0.3, 0.2],
                l1: &[9.0, 9.0],
                lower: &[],
                upper: &[],
            },
            &|| false,
        );
        assert!(zeros.iter().all(|x| *x == 0.0), "{zeros:?}");
        let held = minimise(
            Lanes::chosen(),
            &Quadratic {
                hessian: &hessian,
                gradient: &[1.0, -1.0],
                at: &[0.0, 0.0],
                l1: &[],
                lower: &[0.25, -9.0],
                upper: &[0.25, 9.0],
            },
            &|| false,
        );
        assert!(same(held[0], 0.25) && (held[1] - 0.75).abs() < 1e-12, "{held:?}");
    }
}
