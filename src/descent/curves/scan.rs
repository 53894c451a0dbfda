//! The profile scan that serves most curves: over a grid of the one, two or three parameters that enter nonlinearly, the
//! others are solved exactly (variable projection, Golub & Pereyra 1973), and the basins with the smallest sums of
//! squares are refined.

use super::Rows;

/// Basins that are refined, at most.
const BASINS_MAX: usize = 5;

/// Evaluations that the refinement of one basin takes, at most.
const REFINEMENTS_MAX: usize = 120;

/// Rows that a scan takes, at most: its curves are smooth, and every cell of the grid costs as much as they are.
const SCANNED_MAX: usize = 800;

/// A column whose part outside the earlier ones is smaller than this part of it counts as made of them.
const DEPENDENT: f64 = 1e-9;

/// Ascending values of a nonlinear parameter.
pub(super) struct Axis(Vec<f64>);

impl Axis {
    /// Evenly spaced, both ends included.
    pub(super) fn linear(low: f64, high: f64, count: usize) -> Self {
        let part = |at: usize| at as f64 / (count.max(2) - 1) as f64;
        Self((0..count).map(|at| low * (1.0 - part(at)) + high * part(at)).collect())
    }

    /// Evenly spaced logarithms of positive values, both ends included.
    pub(super) fn log(low: f64, high: f64, count: usize) -> Self {
        let low = if low >= f64::MIN_POSITIVE { low } else { f64::MIN_POSITIVE };
        let high = if high >= low { high } else { low };
        Self(Self::linear(libm::log(low), libm::log(high), count).0.into_iter().map(libm::exp).collect())
    }

    /// [`Axis::log`] with either sign, `count` values of each.
    pub(super) fn signed(low: f64, high: f64, count: usize) -> Self {
        let positive = Self::log(low, high, count).0;
        Self(positive.iter().rev().map(|value| -value).chain(positive.iter().copied()).collect())
    }

    /// The value at a position between the first (0) and the last: geometric between neighbours of one sign.
    fn at(&self, position: f64) -> f64 {
        let last = self.0.len() - 1;
        let position = position.clamp(0.0, last as f64);
        let from = (position as usize).min(last.saturating_sub(1));
        let (part, a, b) = (position - from as f64, self.0[from], self.0[(from + 1).min(last)]);
        // The ratio overflows only where a value is next to nothing; then the straight line serves.
        let ratio = b / a;
        if ratio > 0.0 && ratio.is_finite() && part > 0.0 {
            a * libm::pow(ratio, part)
        } else {
            a * (1.0 - part) + b * part
        }
    }
}

/// A point of a scan.
#[derive(Clone, Debug)]
pub(super) struct Found {
    /// In the order of the axes.
    pub(super) nonlinear: Vec<f64>,
    /// In the order of the columns.
    pub(super) linear: Vec<f64>,
    /// The weighted sum of squares that is left, in units of the scaled target.
    pub(super) rest: f64,
}

/// Weighted least squares on the rows' target, scaled so that no square over- or underflows.
pub(super) struct Target {
    roots: Vec<f64>,
    y: Vec<f64>,
    scale: f64,
}

impl Target {
    pub(super) fn new(rows: &Rows<'_>) -> Self {
        let largest = |values: &[f64]| values.iter().fold(0.0f64, |largest, value| largest.max(value.abs()));
        let heaviest = largest(&rows.weights);
        let scale = largest(&rows.y);
        let scale = if scale > 0.0 { scale } else { 1.0 };
        let roots: Vec<f64> = rows.weights.iter().map(|weight| (weight / heaviest).sqrt()).collect();
        let y = rows.y.iter().zip(&roots).map(|(y, root)| y / scale * root).collect();
        Self { roots, y, scale }
    }

    /// What each row is multiplied by.
    pub(super) fn roots(&self) -> &[f64] {
        &self.roots
    }

    /// Solves for the factors of the columns (unweighted, one value a row): the factors, the sum of squares left and
    /// the weighted, scaled residuals. Nothing where a column is not finite. A column that earlier ones make up has the
    /// factor 0. Columns are overwritten by an orthonormal basis (modified Gram-Schmidt, after scaling each column).
    pub(super) fn solve(&self, columns: &mut [Vec<f64>]) -> Option<(Vec<f64>, f64, Vec<f64>)> {
        let count = columns.len();
        let mut rest = self.y.clone();
        let mut scales = vec![1.0; count];
        let mut triangle = vec![vec![0.0; count]; count];
        let mut image = vec![0.0; count];
        for k in 0..count {
            let (earlier, later) = columns.split_at_mut(k);
            let column = &mut later[0];
            let largest =
                column.iter().fold(
                    0.0f64,
                    |largest, value| {
                        if value.is_finite() { largest.max(value.abs()) } else { f64::INFINITY }
                    },
                );
            if !largest.is_finite() {
                return None;
            }
            if largest > 0.0 {
                scales[k] = largest;
            }
            column.iter_mut().zip(&self.roots).for_each(|(value, root)| *value = *value / scales[k] * root);
            let whole = dot(column, column).sqrt();
            for (j, basis) in earlier.iter().enumerate() {
                triangle[j][k] = dot(basis, column);
                subtract(column, triangle[j][k], basis);
            }
            let norm = dot(column, column).sqrt();
            if norm <= DEPENDENT * whole || norm <= 0.0 {
                column.fill(0.0);
                continue;
            }
            column.iter_mut().for_each(|value| *value /= norm);
            triangle[k][k] = norm;
            image[k] = dot(column, &rest);
            subtract(&mut rest, image[k], column);
        }
        let mut factors = vec![0.0; count];
        for k in (0..count).rev() {
            if triangle[k][k] > 0.0 {
                let known: f64 = (k + 1..count).map(|j| triangle[k][j] * factors[j]).sum();
                factors[k] = (image[k] - known) / triangle[k][k];
            }
        }
        let factors = factors.iter().zip(&scales).map(|(factor, scale)| factor / scale * self.scale).collect();
        let square = dot(&rest, &rest);
        Some((factors, square, rest))
    }
}

pub(super) fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

fn subtract(from: &mut [f64], factor: f64, what: &[f64]) {
    from.iter_mut().zip(what).for_each(|(from, what)| *from -= factor * what);
}

/// What a scan needs of a curve: the nonlinear parameters and x in, the value of each column out.
pub(super) type Columns<'a> = &'a dyn Fn(&[f64], f64, &mut [f64]);

/// Scans the grid of all axes and refines the best basins; best first. `width` is the number of columns.
pub(super) fn scan(rows: &Rows<'_>, axes: &[Axis], width: usize, columns: Columns<'_>) -> Vec<Found> {
    let rows = &rows.thinned(SCANNED_MAX);
    let profile = Profile { target: Target::new(rows), rows, axes, width, columns };
    let counts: Vec<usize> = axes.iter().map(|axis| axis.0.len()).collect();
    let total: usize = counts.iter().product();
    let places = |mut cell: usize| -> Vec<f64> {
        let mut place = Vec::with_capacity(counts.len());
        for count in &counts {
            place.push((cell % count) as f64);
            cell /= count;
        }
        place
    };
    let rests: Vec<f64> =
        (0..total).map(|cell| profile.at(&places(cell)).map_or(f64::INFINITY, |found| found.rest)).collect();
    let mut basins: Vec<usize> = (0..total).filter(|&cell| is_lowest(&rests, &counts, cell)).collect();
    basins.sort_by(|a, b| rests[*a].total_cmp(&rests[*b]));
    basins.truncate(BASINS_MAX);
    let mut found: Vec<Found> = basins.into_iter().filter_map(|cell| profile.refined(places(cell))).collect();
    found.sort_by(|a, b| a.rest.total_cmp(&b.rest));
    found
}

/// Whether no neighbour along an axis is lower.
fn is_lowest(rests: &[f64], counts: &[usize], cell: usize) -> bool {
    let mut stride = 1;
    let mut lowest = rests[cell].is_finite();
    for count in counts {
        let place = cell / stride % count;
        lowest &= place == 0 || rests[cell - stride] >= rests[cell];
        lowest &= place + 1 == *count || rests[cell + stride] >= rests[cell];
        stride *= count;
    }
    lowest
}

struct Profile<'a> {
    target: Target,
    rows: &'a Rows<'a>,
    axes: &'a [Axis],
    width: usize,
    columns: Columns<'a>,
}

impl Profile<'_> {
    fn at(&self, place: &[f64]) -> Option<Found> {
        if (self.rows.given_up)() {
            return None;
        }
        let nonlinear: Vec<f64> = self.axes.iter().zip(place).map(|(axis, position)| axis.at(*position)).collect();
        let mut columns = vec![vec![0.0; self.rows.x.len()]; self.width];
        let mut values = vec![0.0; self.width];
        for (row, x) in self.rows.x.iter().enumerate() {
            (self.columns)(&nonlinear, *x, &mut values);
            columns.iter_mut().zip(&values).for_each(|(column, value)| column[row] = *value);
        }
        let (linear, rest, _) = self.target.solve(&mut columns)?;
        Some(Found { nonlinear, linear, rest })
    }

    /// Compass search in steps of the grid: the profile has kinks where columns become dependent, and asks for no slope.
    fn refined(&self, mut place: Vec<f64>) -> Option<Found> {
        let mut best = self.at(&place)?;
        let (mut step, mut spent) = (0.5, 0);
        while step > 0.02 && spent < REFINEMENTS_MAX {
            let mut moved = false;
            for axis in 0..place.len() {
                for side in [step, -step] {
                    let mut trial = place.clone();
                    trial[axis] = (trial[axis] + side).clamp(0.0, (self.axes[axis].0.len() - 1) as f64);
                    spent += 1;
                    if let Some(found) = self.at(&trial)
                        && found.rest < best.rest
                    {
                        (best, place, moved) = (found, trial, true);
                        break;
                    }
                }
            }
            if !moved {
                step *= 0.5;
            }
        }
        Some(best)
    }
}
