//! The error surface over two parameters, with the way of the descent.

use std::sync::Arc;

use kuva::plot::{ColorMap, ContourPlot, Heatmap, MarkerShape};
use kuva::render::render::Primitive;

use super::chart::{Axis, Chart};
use super::text::{apart, number};
use super::theme::between;
use super::thin::ends;
use super::{Look, Picture, Theme};

/// Contour lines.
const LEVELS: usize = 12;
/// Cells of the ground along a side, at most about: colours that differ little need fewer places than lines do.
const CELLS: usize = 41;

/// A grid of losses, the other parameters where the fit has them.
#[derive(Clone, Copy, Debug)]
pub struct Surface<'a> {
    /// What is lowest at the optimum, as "loss".
    pub of: &'a str,
    /// The two parameters' names.
    pub names: [&'a str; 2],
    /// Values of the first, ascending and evenly spaced.
    pub x: &'a [f64],
    /// Values of the second, ascending and evenly spaced.
    pub y: &'a [f64],
    /// The loss at each pair: a row for each value of the second.
    pub loss: &'a [Vec<f64>],
    /// Where the descent went, from its start.
    pub path: &'a [(f64, f64)],
    /// Where the loss is lowest, where that is known.
    pub optimum: Option<(f64, f64)>,
    /// The losses are those of one of how many rows.
    pub every: usize,
}

/// Draws contours of the loss with the way of the descent on it, its start and the optimum marked.
#[must_use]
pub fn surface(what: &Surface<'_>, look: &Look) -> Picture {
    let theme = look.theme;
    let (least, most) = ends(what.loss.iter().flatten().copied());
    // Heights above the lowest, by their square root: a bowl has evenly spaced contours then.
    let height =
        move |loss: f64| if loss.is_finite() { ((loss - least) / (most - least)).max(0.0).sqrt() } else { 1.0 };
    let heights: Vec<Vec<f64>> = what.loss.iter().map(|row| row.iter().map(|loss| height(*loss)).collect()).collect();
    let [first, second] = what.names;
    let description = described(what, least, most);
    let title = "Error surface";
    if what.x.is_empty() || what.y.is_empty() || least > most {
        let empty = Chart::new(look, Axis::between(first, 0.0, 1.0), Axis::between(second, 0.0, 1.0));
        return empty.picture("surface", title, description);
    }
    let (across, up) = (Side::of(what.x), Side::of(what.y));
    let (x, y) = (across.ends, up.ends);
    let mut chart = Chart::new(look, Axis::between(first, x.0, x.1), Axis::between(second, y.0, y.1));
    let (low, high) = match theme {
        Theme::Light => ([233, 241, 250], [86, 141, 196]),
        Theme::Dark => ([24, 34, 52], [70, 118, 170]),
    };
    let rows = heights.iter().step_by(up.every);
    let mut cells: Vec<Vec<f64>> = rows.map(|row| row.iter().step_by(across.every).copied().collect()).collect();
    // The bar of colours goes as far as the cells do, and a coarser grid may have left out what is lowest.
    reach(&mut cells, 0.0, f64::total_cmp);
    reach(&mut cells, 1.0, |a, b| b.total_cmp(a));
    let ground = Heatmap::new().with_data(cells).with_x_range(x.0, x.1).with_y_range(y.0, y.1).with_cell_size(1.0);
    let map = ColorMap::Custom(Arc::new(move |part| between(low, high, part)));
    chart.add(ground.with_color_map(map).with_legend(what.of));
    chart.bar(move |height| between_ends((height * height).mul_add(most - least, least), least, most));
    let levels: Vec<f64> = (1..=LEVELS).map(|level| level as f64 / (LEVELS + 1) as f64).collect();
    let contours = ContourPlot::new().with_grid(heights, what.x.to_vec(), what.y.to_vec()).with_levels(&levels);
    chart.add(contours.with_line_color(theme.data()).with_line_width(0.8));
    let inside = |at: &(f64, f64)| at.0 >= x.0 && at.0 <= x.1 && at.1 >= y.0 && at.1 <= y.1;
    let (xs, ys): (Vec<f64>, Vec<f64>) = what.path.iter().filter(|at| inside(at)).copied().unzip();
    chart.trail(&xs, &ys, "descent", theme.second());
    if let Some(start) = what.path.first().filter(|at| inside(at)) {
        chart.mark(start.0, start.1, "start", MarkerShape::Circle, theme.second());
    }
    if let Some(optimum) = what.optimum.filter(inside) {
        chart.mark(optimum.0, optimum.1, "optimum", MarkerShape::Diamond, theme.mark());
    }
    let mut picture = chart.picture("surface", title, description);
    for element in &mut picture.scene.elements {
        if let Primitive::Path(line) = element
            && line.fill.is_none()
        {
            line.d = joined(&line.d);
        }
    }
    picture
}

/// Gives the first cell of an order this height.
fn reach(cells: &mut [Vec<f64>], height: f64, order: impl Fn(&f64, &f64) -> std::cmp::Ordering) {
    if let Some(cell) = cells.iter_mut().flatten().min_by(|a, b| order(a, b)) {
        *cell = height;
    }
}

/// A height as a number that differs from others between these ends.
fn between_ends(value: f64, least: f64, most: f64) -> String {
    let (span, size) = (most - least, least.abs().max(most.abs()));
    // By squares: the lowest numbers beside the bar are a twenty-fifth of it apart.
    if span < 0.1 * size && span > 0.0 { apart(value, 0.4 * span, size) } else { number(value) }
}

/// The pieces of a line as one where they lie end to end: the drawing library makes one for each cell that a contour
/// crosses, and each would have ends of its own.
fn joined(pieces: &str) -> String {
    let mut out = String::with_capacity(pieces.len());
    let mut end = "";
    for piece in pieces.split('M').map(str::trim) {
        let Some((from, to)) = piece.split_once(" L") else { continue };
        if from != end {
            out.push_str(if out.is_empty() { "M" } else { " M" });
            out.push_str(from);
        }
        out.push_str(" L");
        out.push_str(to);
        end = to.rsplit('L').next().unwrap_or(to);
    }
    out
}

/// How a side is divided into cells.
struct Side {
    /// A cell for one of how many values, which is in its middle.
    every: usize,
    /// The outermost edges.
    ends: (f64, f64),
}

impl Side {
    fn of(values: &[f64]) -> Self {
        let last = values.len() - 1;
        // The last value has a cell too.
        let every = (last.div_ceil(CELLS)..=last).find(|every| *every > 0 && last.is_multiple_of(*every)).unwrap_or(1);
        let half = if last > 0 { 0.5 * (values[every] - values[0]) } else { 0.5 };
        Self { every, ends: (values[0] - half, values[last] + half) }
    }
}

fn described(what: &Surface<'_>, least: f64, most: f64) -> String {
    let [first, second] = what.names;
    if least > most {
        return format!("The {} over {first} and {second} has no value here.", what.of);
    }
    let mut text = format!(
        "Contours of the {} over {first} and {second}, the other parameters where the fit has them: from {} to {}.",
        what.of,
        between_ends(least, least, most),
        between_ends(most, least, most)
    );
    if what.every > 1 {
        text.push_str(&format!(" Their shape is computed from one of {} rows.", what.every));
    }
    if let (Some(start), Some(end)) = (what.path.first(), what.path.last()) {
        text.push_str(&format!(
            " The descent goes from ({}, {}) to ({}, {}).",
            number(start.0),
            number(start.1),
            number(end.0),
            number(end.1)
        ));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_that_lie_end_to_end_are_one_line() {
        let pieces = "M1.00 2.00 L3.00 4.00 M3.00 4.00 L5.00 6.00 M9.00 9.00 L8.00 8.00 ";
        assert_eq!(joined(pieces), "M1.00 2.00 L3.00 4.00 L5.00 6.00 M9.00 9.00 L8.00 8.00");
        assert_eq!(joined(""), "");
    }

    #[test]
    fn a_side_has_a_cell_for_its_first_and_its_last_value() {
        let even = |count: usize| (0..count).map(|k| k as f64).collect::<Vec<_>>();
        for (count, every, ends) in
            [(121, 3, (-1.5, 121.5)), (41, 1, (-0.5, 40.5)), (2, 1, (-0.5, 1.5)), (1, 1, (-0.5, 0.5))]
        {
            let side = Side::of(&even(count));
            assert_eq!((side.every, side.ends), (every, ends), "{count}");
        }
    }
}
