//! Fewer marks that show the same: a line keeps what is extreme in each column of the picture, a cloud of points becomes
//! the number of points in each cell.

/// Columns of a picture that a line is thinned to.
const COLUMNS: usize = 800;
/// Points that are drawn one by one, at most.
const POINTS_MAX: usize = 3_000;
/// Cells of a cloud.
const CELLS: [usize; 2] = [72, 48];

/// The places of a line to draw, ascending: the first, the lowest, the highest and the last of each of many columns, so
/// that no peak is lost. `xs` ascends.
pub(super) fn line(xs: &[f64], ys: &[f64]) -> Vec<usize> {
    let count = xs.len().min(ys.len());
    if count <= 4 * COLUMNS {
        return (0..count).filter(|&at| is_shown(xs[at], ys[at])).collect();
    }
    let (low, high) = (xs[0], xs[count - 1]);
    let column = |at: usize| ((xs[at] - low) / (high - low) * COLUMNS as f64) as usize;
    let mut kept = Vec::with_capacity(4 * COLUMNS);
    let mut from = 0;
    while from < count {
        let here = column(from);
        let to = (from..count).find(|&at| column(at) != here).unwrap_or(count);
        let shown: Vec<usize> = (from..to).filter(|&at| is_shown(xs[at], ys[at])).collect();
        let lowest = shown.iter().copied().min_by(|&a, &b| ys[a].total_cmp(&ys[b]));
        let highest = shown.iter().copied().max_by(|&a, &b| ys[a].total_cmp(&ys[b]));
        let mut places: Vec<usize> =
            [shown.first().copied(), lowest, highest, shown.last().copied()].into_iter().flatten().collect();
        places.sort_unstable();
        places.dedup();
        kept.extend(places);
        from = to;
    }
    kept
}

/// The places of a way through the plane to draw: those that are further from the one before than a thousandth of the
/// whole, and the last.
pub(super) fn trail(xs: &[f64], ys: &[f64]) -> Vec<usize> {
    let shown: Vec<usize> = (0..xs.len().min(ys.len())).filter(|&at| is_shown(xs[at], ys[at])).collect();
    let span = |values: &[f64]| {
        let (low, high) = ends(shown.iter().map(|at| values[*at]));
        high - low
    };
    let (wide, high) = (span(xs), span(ys));
    let mut kept: Vec<usize> = Vec::new();
    for &at in &shown {
        let is_far = kept.last().is_none_or(|&before| {
            (xs[at] - xs[before]).abs() > 1e-3 * wide || (ys[at] - ys[before]).abs() > 1e-3 * high
        });
        if is_far || at == shown[shown.len() - 1] {
            kept.push(at);
        }
    }
    kept
}

/// Points as they are to be drawn.
pub(super) enum Cloud {
    /// One by one.
    Points(Vec<(f64, f64)>),
    /// How many there are in each cell, row by row from below; the ranges of both axes.
    Cells { counts: Vec<Vec<u64>>, x: (f64, f64), y: (f64, f64) },
}

impl Cloud {
    /// All points that the axes show are in it: none is left out by chance.
    pub(super) fn of(xs: &[f64], ys: &[f64], is_shown: impl Fn(f64, f64) -> bool) -> Self {
        let shown = || xs.iter().copied().zip(ys.iter().copied()).filter(|(x, y)| is_shown(*x, *y));
        let (mut x, mut y) = (NO_ENDS, NO_ENDS);
        let mut count = 0;
        shown().for_each(|(one, other)| {
            (x, y) = (with(x, one), with(y, other));
            count += 1;
        });
        if count <= POINTS_MAX {
            return Self::Points(shown().collect());
        }
        let [columns, rows] = CELLS;
        let (across, up) = (columns as f64 / (x.1 - x.0), rows as f64 / (y.1 - y.0));
        let cell = |value: f64, low: f64, scale: f64, cells: usize| (((value - low) * scale) as usize).min(cells - 1);
        let mut counts = vec![0; columns * rows];
        shown().for_each(|(one, other)| {
            counts[cell(other, y.0, up, rows) * columns + cell(one, x.0, across, columns)] += 1;
        });
        Self::Cells { counts: counts.chunks_exact(columns).map(<[u64]>::to_vec).collect(), x, y }
    }
}

/// The least and the largest of those that are finite; where there are none, ends that lie the wrong way around.
pub(super) fn ends(values: impl IntoIterator<Item = f64>) -> (f64, f64) {
    values.into_iter().filter(|value| value.is_finite()).fold(NO_ENDS, with)
}

const NO_ENDS: (f64, f64) = (f64::INFINITY, f64::NEG_INFINITY);

fn with((low, high): (f64, f64), value: f64) -> (f64, f64) {
    (low.min(value), high.max(value))
}

fn is_shown(x: f64, y: f64) -> bool {
    x.is_finite() && y.is_finite()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thinned_line_keeps_every_peak() {
        let xs: Vec<f64> = (0..1_000_000).map(f64::from).collect();
        let mut ys = vec![1.0; xs.len()];
        ys[123_456] = 7.0;
        ys[654_321] = -7.0;
        let kept = line(&xs, &ys);
        assert!(kept.len() <= 4 * (COLUMNS + 1), "{} places", kept.len());
        assert!([0, 123_456, 654_321, 999_999].iter().all(|at| kept.contains(at)));
        assert!(kept.is_sorted());
    }

    #[test]
    fn every_point_is_in_a_cell() {
        let xs: Vec<f64> = (0..100_000).map(|k| f64::from(k % 317)).collect();
        let mut ys: Vec<f64> = xs.iter().map(|x| x * x).collect();
        ys[5] = f64::NAN;
        let Cloud::Cells { counts, x, y } = Cloud::of(&xs, &ys, is_shown) else {
            panic!("points are drawn one by one")
        };
        assert_eq!(counts.iter().flatten().sum::<u64>(), 99_999);
        assert_eq!((x, y), ((0.0, 316.0), (0.0, 316.0 * 316.0)));
    }

    #[test]
    fn equal_points_are_all_in_the_same_cell() {
        let Cloud::Cells { counts, .. } = Cloud::of(&[2.0; 5_000], &[3.0; 5_000], is_shown) else { panic!("no cells") };
        assert_eq!(counts.iter().flatten().copied().max(), Some(5_000));
    }
}
