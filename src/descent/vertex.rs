//! Exact minima of sums of kinked lines: Σ ρᵢ(rᵢ), r = Aφ − b, ρᵢ of slope lowᵢ below 0 and highᵢ above. Quantile regression
//! is of this kind; so are an l1 penalty and, with an infinite slope, a range. It knows nothing of losses.
//!
//! First the kinks are smoothed, less and less (Chen 2007), by Newton's method. Then p rows whose residuals are smallest
//! make a vertex, and the descent goes from vertex to vertex along edges with an exact line search, until multipliers
//! within the slopes prove the optimum (Barrodale & Roberts 1973; Koenker & d'Orey 1987). Ties are broken by a fixed
//! small perturbation of b, which leaves the multipliers, and so the proof, valid for b itself.

use super::GivenUp;
use super::cholesky::Cholesky;
use super::lanes::Lanes;
use super::matrix::Matrix;
use super::sorting::InOrder;

/// Newton steps at one width.
const NEWTON_MAX: usize = 20;
/// Widths of the smoothing, each a part of the one before.
const WIDTHS: usize = 8;
const SHRINK: f64 = 0.1;
/// Widths where there is no vertex to go to: the last one is 10⁻¹¹ of the spread.
const WIDTHS_ALONE: usize = 12;
/// The perturbation of b as a part of its spread.
const PERTURBATION: f64 = 1e-9;

/// Lines from which on a step asks between its columns whether it is wanted.
const LONG: usize = 512;

/// What one step did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Progress {
    Moved,
    /// The multipliers prove the optimum.
    Optimal,
    /// No edge leads down, but nothing is proved: rounding is in the way.
    Stuck,
    /// Nobody waits for the step any more: it was left, and nothing has changed.
    GivenUp,
}

/// A running minimization.
pub(super) struct Vertex {
    lanes: Lanes,
    a: Matrix,
    b: Vec<f64>,
    low: Vec<f64>,
    high: Vec<f64>,
    /// b, each row moved by less than matters.
    perturbed: Vec<f64>,
    scale: f64,
    at: Vec<f64>,
    /// Q of a term ½φᵀQφ.
    quadratic: Option<Matrix>,
    /// Where the width before the last one ended.
    earlier: Vec<f64>,
    /// Widths done.
    widths: usize,
    /// The rows of the vertex; empty while smoothing.
    basis: Vec<usize>,
}

impl Vertex {
    /// `a` has full column rank and no more columns than rows.
    pub(super) fn new(
        lanes: Lanes,
        a: Matrix,
        b: Vec<f64>,
        mut low: Vec<f64>,
        mut high: Vec<f64>,
        start: &[f64],
    ) -> Self {
        // An infinite slope is one that outweighs everything else together.
        let all: f64 = low.iter().chain(&high).filter(|slope| slope.is_finite()).map(|slope| slope.abs()).sum();
        let steep = 1e4 * all.max(f64::MIN_POSITIVE);
        low.iter_mut().chain(high.iter_mut()).for_each(|slope| *slope = slope.clamp(-steep, steep));
        // The spread of b about its median: its distance from 0 says nothing of the residuals.
        let centre = median(b.clone());
        let apart: Vec<f64> = b.iter().map(|value| (value - centre).abs()).collect();
        let largest = apart.iter().copied().fold(0.0, f64::max);
        let scale = [median(apart), largest].into_iter().find(|size| *size > 0.0).unwrap_or(1.0);
        let perturbed =
            b.iter().enumerate().map(|(row, value)| (PERTURBATION * scale).mul_add(hash(row), *value)).collect();
        Self {
            lanes,
            a,
            b,
            low,
            high,
            perturbed,
            scale,
            at: start.to_vec(),
            earlier: Vec::new(),
            quadratic: None,
            widths: 0,
            basis: Vec::new(),
        }
    }

    /// The same sum with ½φᵀQφ added: its minimum is no vertex, and is found by smoothing alone.
    pub(super) fn with_quadratic(self, quadratic: Matrix) -> Self {
        Self { quadratic: Some(quadratic), ..self }
    }

    /// Where it stands.
    pub(super) fn at(&self) -> &[f64] {
        &self.at
    }

    /// One width of the smoothing, or one edge.
    pub(super) fn step(&mut self, given_up: GivenUp<'_>) -> Progress {
        if self.basis.is_empty() {
            let widths = if self.quadratic.is_some() { WIDTHS_ALONE } else { WIDTHS };
            if self.quadratic.is_some() && self.widths >= widths {
                return if self.is_flat(given_up) { Progress::Optimal } else { Progress::Stuck };
            }
            if self.widths < widths {
                let width = self.scale * libm::pow(SHRINK, self.widths as f64);
                let before = (self.at.clone(), self.earlier.clone());
                if !self.smooth(width, given_up) {
                    (self.at, self.earlier) = before;
                    return Progress::GivenUp;
                }
                self.widths += 1;
                return Progress::Moved;
            }
            match self.nearest_vertex(given_up) {
                Some(basis) => self.basis = basis,
                None => return Progress::Stuck,
            }
        }
        self.edge(given_up)
    }

    /// Whether a pass over a column takes long enough to be asked between two of them.
    fn is_long(&self) -> bool {
        self.a.rows() >= LONG
    }

    /// r = Aφ − b.
    fn residuals(&self, at: &[f64], b: &[f64], given_up: GivenUp<'_>) -> Vec<f64> {
        let mut out: Vec<f64> = b.iter().map(|value| -value).collect();
        for (k, factor) in at.iter().enumerate() {
            if self.is_long() && given_up() {
                break;
            }
            self.lanes.axpy(*factor, self.a.column(k), &mut out);
        }
        out
    }

    /// Newton's method on the sum with each kink rounded off within `width` of it. False if it was left half-way.
    fn smooth(&mut self, width: f64, given_up: GivenUp<'_>) -> bool {
        // The path of minima is piecewise straight in the width: going on along it keeps the rows within the width there.
        let here = self.at.clone();
        if self.earlier.len() == here.len() {
            let on = |(now, before): (&f64, &f64)| SHRINK.mul_add(now - before, *now);
            let ahead: Vec<f64> = here.iter().zip(&self.earlier).map(on).collect();
            if self.value(&ahead, width, given_up) < self.value(&here, width, given_up) {
                self.at = ahead;
            }
        }
        self.earlier = here;
        for _ in 0..NEWTON_MAX {
            if given_up() {
                return false;
            }
            let before = self.value(&self.at, width, given_up);
            let (step, decrease) = self.newton(width, given_up);
            let part = self.lowest(&step, width, given_up);
            let next: Vec<f64> = self.at.iter().zip(&step).map(|(x, d)| f64::mul_add(-part, *d, *x)).collect();
            let moved = next != self.at && self.value(&next, width, given_up) <= before;
            if moved {
                self.at = next;
            }
            if !moved || decrease <= 1e-13 * before.abs() {
                break;
            }
        }
        true
    }

    /// The part of a step against which the smoothed sum is lowest, at most 1, by bisection on its slope along the step.
    fn lowest(&self, step: &[f64], width: f64, given_up: GivenUp<'_>) -> f64 {
        let residuals = self.residuals(&self.at, &self.b, given_up);
        let mut speeds = vec![0.0; residuals.len()];
        step.iter().enumerate().for_each(|(k, d)| self.lanes.axpy(*d, self.a.column(k), &mut speeds));
        let image = self.quadratic.as_ref().map(|quadratic| quadratic.times(self.lanes, step));
        let rises = |part: f64| {
            let lines = residuals.iter().zip(&speeds).enumerate().map(|(row, (r, speed))| {
                let place = ((r - part * speed + width) / (2.0 * width)).clamp(0.0, 1.0);
                (self.high[row] - self.low[row]).mul_add(place, self.low[row]) * speed
            });
            let bend = image.as_ref().map_or(0.0, |image| {
                let terms = self.at.iter().zip(step).zip(image);
                terms.map(|((x, d), q)| (x - part * d) * q).sum::<f64>()
            });
            -(lines.sum::<f64>() + bend) > 0.0
        };
        if !rises(1.0) {
            return 1.0;
        }
        let (mut low, mut high) = (0.0, 1.0);
        for _ in 0..100 {
            let middle = 0.5 * (low + high);
            if middle <= low || middle >= high || (self.is_long() && given_up()) {
                break;
            }
            let end = if rises(middle) { &mut high } else { &mut low };
            *end = middle;
        }
        low
    }

    /// The smoothed sum.
    fn value(&self, at: &[f64], width: f64, given_up: GivenUp<'_>) -> f64 {
        self.smoothed(&self.residuals(at, &self.b, given_up), width) + self.half_square(at)
    }

    /// Newton's step H⁻¹g on the smoothed sum, and gᵀH⁻¹g: twice what it promises.
    fn newton(&self, width: f64, given_up: GivenUp<'_>) -> (Vec<f64>, f64) {
        let p = self.at.len();
        let residuals = self.residuals(&self.at, &self.b, given_up);
        let slope = |row: usize| {
            let place = ((residuals[row] + width) / (2.0 * width)).clamp(0.0, 1.0);
            (self.high[row] - self.low[row]).mul_add(place, self.low[row])
        };
        let bend = |row: usize| {
            if residuals[row].abs() < width { (self.high[row] - self.low[row]) / (2.0 * width) } else { 0.0 }
        };
        let slopes: Vec<f64> = (0..residuals.len()).map(slope).collect();
        let bends: Vec<f64> = (0..residuals.len()).map(bend).collect();
        let mut gradient: Vec<f64> = (0..p).map(|k| self.lanes.dot(self.a.column(k), &slopes)).collect();
        let mut hessian = Matrix::zeros(p, p);
        for k in 0..p {
            let scaled: Vec<f64> = self.a.column(k).iter().zip(&bends).map(|(x, c)| x * c).collect();
            for l in k..p {
                if self.is_long() && given_up() {
                    break;
                }
                let product = self.lanes.dot(&scaled, self.a.column(l));
                hessian.set(k, l, product);
                hessian.set(l, k, product);
            }
        }
        if let Some(quadratic) = &self.quadratic {
            hessian.add(quadratic);
            let slopes = quadratic.times(self.lanes, &self.at);
            gradient.iter_mut().zip(slopes).for_each(|(sum, slope)| *sum += slope);
        }
        // Where few rows are within the width, a little of the widest one's curvature keeps the step short.
        let total: f64 = (0..residuals.len()).map(|row| self.high[row] - self.low[row]).sum();
        let least = if self.quadratic.is_some() { 1e-12 } else { 1e-6 };
        let ridge = least * total / (2.0 * self.scale) / residuals.len() as f64;
        (0..p).for_each(|k| hessian.set(k, k, hessian.at(k, k) + ridge));
        let step = Cholesky::shifted(self.lanes, &hessian, given_up).solve(&gradient);
        let decrease = self.lanes.dot(&gradient, &step);
        (step, decrease)
    }

    /// ½φᵀQφ.
    fn half_square(&self, at: &[f64]) -> f64 {
        let image = self.quadratic.as_ref().map(|quadratic| quadratic.times(self.lanes, at));
        image.map_or(0.0, |image| 0.5 * self.lanes.dot(at, &image))
    }

    /// Whether a further step at the last width promises nothing: the minimum of the sum itself is then no further below than
    /// the lines differ from their rounded form, which is 10⁻¹¹ of the spread.
    fn is_flat(&self, given_up: GivenUp<'_>) -> bool {
        let width = self.scale * libm::pow(SHRINK, (WIDTHS_ALONE - 1) as f64);
        let (_, decrease) = self.newton(width, given_up);
        decrease <= 1e-9 * self.value(&self.at, width, given_up).abs()
    }

    fn smoothed(&self, residuals: &[f64], width: f64) -> f64 {
        let value = |(row, r): (usize, &f64)| {
            if *r >= width {
                self.high[row] * r
            } else if *r <= -width {
                self.low[row] * r
            } else {
                // The parabola that meets both lines at the ends of the width.
                let bend = (self.high[row] - self.low[row]) / (4.0 * width);
                (self.low[row] * r) + bend * (r + width) * (r + width)
            }
        };
        residuals.iter().enumerate().map(value).sum()
    }

    /// The rows with the smallest residuals that are independent of each other.
    fn nearest_vertex(&self, given_up: GivenUp<'_>) -> Option<Vec<usize>> {
        let p = self.at.len();
        let residuals = self.residuals(&self.at, &self.perturbed, given_up);
        let smaller = |i: &usize, j: &usize| residuals[*i].abs().total_cmp(&residuals[*j].abs()).then(i.cmp(j));
        let order = InOrder::new((0..residuals.len()).collect(), &smaller);
        let mut chosen: Vec<usize> = Vec::with_capacity(p);
        let mut directions: Vec<Vec<f64>> = Vec::with_capacity(p);
        for row in order {
            if chosen.len() == p || given_up() {
                break;
            }
            let mut rest = self.row(row);
            let size = self.lanes.dot(&rest, &rest).sqrt();
            for _ in 0..2 {
                for direction in &directions {
                    let part = self.lanes.dot(direction, &rest);
                    self.lanes.axpy(-part, direction, &mut rest);
                }
            }
            let left = self.lanes.dot(&rest, &rest).sqrt();
            if left > 1e-6 * size {
                rest.iter_mut().for_each(|value| *value /= left);
                directions.push(rest);
                chosen.push(row);
            }
        }
        (chosen.len() == p).then_some(chosen)
    }

    fn row(&self, row: usize) -> Vec<f64> {
        (0..self.a.columns()).map(|k| self.a.at(row, k)).collect()
    }

    /// Goes along the steepest edge to the lowest vertex on it, or proves that there is none.
    fn edge(&mut self, given_up: GivenUp<'_>) -> Progress {
        let p = self.at.len();
        let Some(inverse) = inverse(self.basis.iter().map(|row| self.row(*row)).collect(), given_up) else {
            return Progress::Stuck;
        };
        let through = |b: &[f64]| -> Vec<f64> {
            let right: Vec<f64> = self.basis.iter().map(|row| b[*row]).collect();
            inverse.iter().map(|row| self.lanes.dot(row, &right)).collect()
        };
        let at = through(&self.perturbed);
        let mut residuals = self.residuals(&at, &self.perturbed, given_up);
        self.basis.iter().for_each(|row| residuals[*row] = 0.0);
        let mut slopes: Vec<f64> =
            (0..residuals.len()).map(|row| if residuals[row] < 0.0 { self.low[row] } else { self.high[row] }).collect();
        self.basis.iter().for_each(|row| slopes[*row] = 0.0);
        let gradient: Vec<f64> = (0..p).map(|k| self.lanes.dot(self.a.column(k), &slopes)).collect();
        // u = −A_B⁻ᵀg; the edge along +e of a row goes down if u is above its high slope, that along −e if below its low.
        let mut worst: Option<(f64, usize, f64)> = None;
        for (place, row) in self.basis.iter().enumerate() {
            let multiplier = -(0..p).map(|k| inverse[k][place] * gradient[k]).sum::<f64>();
            let size = (0..p).map(|k| inverse[k][place].powi(2)).sum::<f64>().sqrt();
            let unit = (self.high[*row] - self.low[*row]).max(f64::MIN_POSITIVE);
            for (excess, sign) in [(multiplier - self.high[*row], 1.0), (self.low[*row] - multiplier, -1.0)] {
                let noise = 1e-10 * (unit + multiplier.abs());
                if excess > noise && worst.is_none_or(|(most, _, _)| excess / size > most) {
                    worst = Some((excess / size, place, sign));
                }
            }
        }
        let Some((_, place, sign)) = worst else {
            self.at = through(&self.b);
            return if self.is_proved(&slopes, given_up) { Progress::Optimal } else { Progress::Stuck };
        };
        let direction: Vec<f64> = (0..p).map(|k| sign * inverse[k][place]).collect();
        let mut speeds = vec![0.0; residuals.len()];
        direction.iter().enumerate().for_each(|(k, d)| self.lanes.axpy(*d, self.a.column(k), &mut speeds));
        let row = self.basis[place];
        let own = if sign > 0.0 { self.high[row] } else { -self.low[row] };
        let mut descent = self.lanes.dot(&gradient, &direction) + own;
        let crosses = |other: &usize| !self.basis.contains(other) && residuals[*other] * speeds[*other] < 0.0;
        // Their number first, so that they never grow by doubling.
        let mut crossings = Vec::with_capacity((0..residuals.len()).filter(crosses).count());
        crossings.extend((0..residuals.len()).filter(crosses).map(|other| (-residuals[other] / speeds[other], other)));
        let sooner = |x: &(f64, usize), y: &(f64, usize)| x.0.total_cmp(&y.0).then(x.1.cmp(&y.1));
        let mut entering = None;
        for (_, other) in InOrder::new(crossings, &sooner) {
            descent = (self.high[other] - self.low[other]).mul_add(speeds[other].abs(), descent);
            // A row that the edge hardly moves would make a vertex that is hardly one.
            if descent >= 0.0 && speeds[other].abs() > 1e-12 {
                entering = Some(other);
                break;
            }
        }
        let Some(entering) = entering else { return Progress::Stuck };
        self.basis[place] = entering;
        let Some(next) =
            inverse_times(self.basis.iter().map(|row| self.row(*row)).collect(), &self.basis, &self.b, given_up)
        else {
            return Progress::Stuck;
        };
        self.at = next;
        Progress::Moved
    }

    /// Whether the slopes at the perturbed b are those at b itself, up to residuals that are the perturbation's own size: only
    /// then do the multipliers prove the optimum of b.
    fn is_proved(&self, slopes: &[f64], given_up: GivenUp<'_>) -> bool {
        let residuals = self.residuals(&self.at, &self.b, given_up);
        let gap: f64 = (0..residuals.len())
            .filter(|row| !self.basis.contains(row))
            .map(|row| {
                let r = residuals[row];
                let value = if r < 0.0 { self.low[row] * r } else { self.high[row] * r };
                value - slopes[row] * r
            })
            .sum();
        let widest = (0..residuals.len()).map(|row| self.high[row] - self.low[row]).sum::<f64>();
        gap <= 10.0 * PERTURBATION * self.scale * widest
    }

    /// Everything that a further step depends on.
    pub(super) fn state(&self) -> Vec<(String, Vec<f64>)> {
        vec![
            ("vertex_at".to_owned(), self.at.clone()),
            ("vertex_earlier".to_owned(), self.earlier.clone()),
            ("vertex_widths".to_owned(), vec![self.widths as f64]),
            ("vertex_basis".to_owned(), self.basis.iter().map(|row| *row as f64).collect()),
        ]
    }

    /// Takes over a state; one without a vertex begins afresh.
    pub(super) fn restore(&mut self, state: &[(String, Vec<f64>)]) -> bool {
        let vector = |name: &str| state.iter().find(|(other, _)| other == name).map(|(_, values)| values);
        let (Some(at), Some(widths), Some(basis)) =
            (vector("vertex_at"), vector("vertex_widths"), vector("vertex_basis"))
        else {
            return true;
        };
        let basis: Vec<usize> = basis.iter().map(|row| *row as usize).collect();
        let fits = at.len() == self.at.len() && widths.len() == 1 && basis.iter().all(|row| *row < self.b.len());
        if fits {
            self.at.clone_from(at);
            self.earlier = vector("vertex_earlier").cloned().unwrap_or_default();
            self.widths = widths[0] as usize;
            self.basis = basis;
        }
        fits
    }
}

/// The middle value; 0 of nothing.
fn median(mut values: Vec<f64>) -> f64 {
    let middle = values.len() / 2;
    if values.is_empty() { 0.0 } else { *values.select_nth_unstable_by(middle, f64::total_cmp).1 }
}

/// A number in [−1, 1) that depends on the row alone (the finalizer of SplitMix64).
fn hash(row: usize) -> f64 {
    let mut x = (row as u64).wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    ((x ^ (x >> 31)) >> 11) as f64 / (1u64 << 52) as f64 - 1.0
}

/// The inverse, by rows, by Gauss–Jordan elimination with partial pivoting; nothing if a pivot vanishes.
fn inverse(mut rows: Vec<Vec<f64>>, given_up: GivenUp<'_>) -> Option<Vec<Vec<f64>>> {
    let p = rows.len();
    for (k, row) in rows.iter_mut().enumerate() {
        row.extend((0..p).map(|j| f64::from(u8::from(j == k))));
    }
    for k in 0..p {
        if given_up() {
            return None;
        }
        let pivot = (k..p).max_by(|i, j| rows[*i][k].abs().total_cmp(&rows[*j][k].abs()))?;
        rows.swap(k, pivot);
        let value = rows[k][k];
        if value.abs() < 1e-200 || !value.is_finite() {
            return None;
        }
        rows[k].iter_mut().for_each(|x| *x /= value);
        let pivot = rows[k].clone();
        for (_, row) in rows.iter_mut().enumerate().filter(|(i, _)| *i != k) {
            let factor = row[k];
            if factor != 0.0 {
                row.iter_mut().zip(&pivot).for_each(|(x, y)| *x = (-factor).mul_add(*y, *x));
            }
        }
    }
    Some(rows.into_iter().map(|row| row[p..].to_vec()).collect())
}

/// The vertex of these rows.
fn inverse_times(rows: Vec<Vec<f64>>, basis: &[usize], b: &[f64], given_up: GivenUp<'_>) -> Option<Vec<f64>> {
    let right: Vec<f64> = basis.iter().map(|row| b[*row]).collect();
    let inverse = inverse(rows, given_up)?;
    Some(inverse.iter().map(|row| row.iter().zip(&right).map(|(x, y)| x * y).sum()).collect())
}

#[cfg(test)]
mod tests;
