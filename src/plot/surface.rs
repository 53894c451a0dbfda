//! The error surface over two parameters, with the way of the descent.

use std::sync::Arc;

use kuva::plot::{ColorMap, ContourPlot, Heatmap, MarkerShape};

use super::chart::{Axis, Chart};
use super::text::number;
use super::theme::between;
use super::{Look, Picture, Theme};

/// Contour lines.
const LEVELS: usize = 12;

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
    let finite = || what.loss.iter().flatten().copied().filter(|loss| loss.is_finite());
    let (least, most) = (finite().fold(f64::INFINITY, f64::min), finite().fold(f64::NEG_INFINITY, f64::max));
    // Heights above the lowest, by their square root: a bowl has evenly spaced contours then.
    let height =
        move |loss: f64| if loss.is_finite() { ((loss - least) / (most - least)).max(0.0).sqrt() } else { 1.0 };
    let heights: Vec<Vec<f64>> = what.loss.iter().map(|row| row.iter().map(|loss| height(*loss)).collect()).collect();
    let [first, second] = what.names;
    let half = |values: &[f64]| if values.len() > 1 { 0.5 * (values[1] - values[0]) } else { 0.5 };
    let ends = |values: &[f64]| (values[0] - half(values), values[values.len() - 1] + half(values));
    let description = described(what, least, most);
    let title = "Error surface";
    if what.x.is_empty() || what.y.is_empty() || least > most {
        let empty = Chart::new(look, Axis::between(first, 0.0, 1.0), Axis::between(second, 0.0, 1.0));
        return empty.picture("surface", title, description);
    }
    let (x, y) = (ends(what.x), ends(what.y));
    let mut chart = Chart::new(look, Axis::between(first, x.0, x.1), Axis::between(second, y.0, y.1));
    let (low, high) = match theme {
        Theme::Light => ([233, 241, 250], [86, 141, 196]),
        Theme::Dark => ([24, 34, 52], [70, 118, 170]),
    };
    let ground = Heatmap::new().with_data(heights.clone()).with_x_range(x.0, x.1).with_y_range(y.0, y.1);
    let map = ColorMap::Custom(Arc::new(move |part| between(low, high, part)));
    chart.add(ground.with_color_map(map).with_legend(what.of));
    chart.bar(move |height| number((height * height).mul_add(most - least, least)));
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
    chart.picture("surface", title, description)
}

fn described(what: &Surface<'_>, least: f64, most: f64) -> String {
    let [first, second] = what.names;
    if least > most {
        return format!("The {} over {first} and {second} has no value here.", what.of);
    }
    let mut text = format!(
        "Contours of the {} over {first} and {second}, the other parameters where the fit has them: from {} to {}.",
        what.of,
        number(least),
        number(most)
    );
    if what.every > 1 {
        text.push_str(&format!(" They are computed from one of {} rows.", what.every));
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
