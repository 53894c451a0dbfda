//! The correlation of the estimates.

use std::sync::Arc;

use kuva::plot::{ColorMap, Heatmap};
use kuva::render::layout::Layout;
use kuva::render::plots::Plot;
use kuva::render::render::render_multiple;

use super::text::{label, number};
use super::theme::between;
use super::thin::ends;
use super::{Look, Picture};

/// Sides up to which each cell holds its number.
const NUMBERS_MAX: usize = 12;
/// Estimates that are drawn, at most.
const SIDE_MAX: usize = 60;

/// How the estimates go together.
#[derive(Clone, Copy, Debug)]
pub struct Correlation<'a> {
    /// The coefficients' names.
    pub names: &'a [String],
    /// A row for each; what has no correlation is not finite.
    pub matrix: &'a [Vec<f64>],
}

/// Draws a cell for each pair of estimates: blue for those that rise together, orange for those that fall as the other
/// rises.
#[must_use]
pub fn correlation(what: &Correlation<'_>, look: &Look) -> Picture {
    let side = what.names.len().min(what.matrix.len()).min(SIDE_MAX);
    let value = |row: usize, column: usize| what.matrix[row].get(column).copied().filter(|value| value.is_finite());
    // The drawing library has the first row below.
    let cells: Vec<Vec<f64>> =
        (0..side).rev().map(|row| (0..side).map(|column| value(row, column).unwrap_or(0.0)).collect()).collect();
    let (low, high) = ends(cells.iter().flatten().copied());
    // Not so strong that the numbers could not be read.
    let (ground, falling, rising) = match look.theme {
        super::Theme::Light => ([247, 247, 247], [240, 148, 77], [110, 178, 222]),
        super::Theme::Dark => ([44, 48, 56], [150, 74, 12], [10, 92, 148]),
    };
    // The library spreads a map over the values that there are; the colours are those of [−1, 1].
    let colour = move |part: f64| {
        let value = part.mul_add(high - low, low);
        if value < 0.0 { between(ground, falling, -value) } else { between(ground, rising, value) }
    };
    let names: Vec<String> = what.names.iter().take(side).map(|name| label(name)).collect();
    let reversed: Vec<String> = names.iter().rev().cloned().collect();
    let mut map = Heatmap::new().with_data(cells.clone()).with_color_map(ColorMap::Custom(Arc::new(colour)));
    if side <= NUMBERS_MAX {
        map = map.with_values();
    }
    let title = look.title.clone().unwrap_or_else(|| "Correlation of the estimates".to_owned());
    let plots: Vec<Plot> = vec![map.into()];
    let layout = Layout::auto_from_plots(&plots)
        .with_theme(look.theme.colours())
        .with_width(f64::from(look.width))
        .with_height(f64::from(look.height))
        .with_title(label(&title))
        .with_title_size(16)
        .with_tick_size(11)
        .with_x_categories(names)
        .with_y_categories(reversed);
    let description = described(what, side);
    Picture { scene: render_multiple(plots, layout), kind: "correlation", title, description }
}

fn described(what: &Correlation<'_>, side: usize) -> String {
    let pairs = (0..side).flat_map(|row| (0..row).map(move |column| (row, column)));
    let known = pairs.filter_map(|(row, column)| {
        let value = what.matrix[row].get(column).copied().filter(|value| value.is_finite())?;
        Some((row, column, value))
    });
    let strongest = known.max_by(|a, b| a.2.abs().total_cmp(&b.2.abs()));
    match strongest {
        Some((row, column, value)) => format!(
            "The correlation of each pair of estimates. The strongest is that of {} and {}: {}.",
            what.names[column],
            what.names[row],
            number(value)
        ),
        None => "There is no pair of estimates.".to_owned(),
    }
}
