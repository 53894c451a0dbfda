//! The coefficients over the iterations.

use kuva::plot::LineStyle;
use kuva::render::figure::Figure;

use super::chart::{Axis, Chart};
use super::text::number;
use super::{Look, Picture, Scale};

/// Coefficients that are drawn, at most; those that move most.
const LINES_MAX: usize = 12;
/// Above this ratio of the largest to the smallest coefficient one pair of axes shows the large ones alone.
const APART: f64 = 20.0;

/// The way of the coefficients, or what there is of it.
#[derive(Clone, Copy, Debug)]
pub struct Path<'a> {
    /// The iteration of each point, ascending.
    pub iterations: &'a [u64],
    /// The coefficients' names.
    pub names: &'a [String],
    /// A column for each.
    pub values: &'a [Vec<f64>],
}

/// Draws each coefficient over the iterations: on one pair of axes where they are of one size, else each on its own.
#[must_use]
pub fn path(what: &Path<'_>, look: &Look) -> Picture {
    let iterations: Vec<f64> = what.iterations.iter().map(|iteration| *iteration as f64).collect();
    let mut chosen: Vec<usize> = (0..what.names.len().min(what.values.len())).collect();
    // Those that move most, in their own order.
    chosen.sort_by(|a, b| moved(&what.values[*b]).total_cmp(&moved(&what.values[*a])));
    chosen.truncate(LINES_MAX);
    chosen.sort_unstable();
    let sizes: Vec<f64> = chosen.iter().map(|k| size(&what.values[*k])).filter(|size| *size > 0.0).collect();
    let (least, most) =
        (sizes.iter().copied().fold(f64::INFINITY, f64::min), sizes.iter().copied().fold(0.0, f64::max));
    let description = described(what, &chosen);
    if most <= APART * least || chosen.len() < 2 {
        return together(what, &iterations, &chosen, look, description);
    }
    apart(what, &iterations, &chosen, look, description)
}

fn together(what: &Path<'_>, iterations: &[f64], chosen: &[usize], look: &Look, description: String) -> Picture {
    let values = chosen.iter().flat_map(|k| &what.values[*k]);
    let x = Axis::even("iteration", iterations.iter(), look.x_scale);
    let mut chart = Chart::new(look, x, Axis::even("coefficient", values, look.y_scale));
    let styles = [LineStyle::Solid, LineStyle::Dashed, LineStyle::Dotted, LineStyle::DashDot];
    for (place, k) in chosen.iter().enumerate() {
        // Neither colour nor stroke alone tells lines apart.
        let style = &styles[(place + place / styles.len()) % styles.len()];
        chart.line(iterations, &what.values[*k], &what.names[*k], look.theme.series(place), style);
    }
    chart.picture("path", "Coefficients", description)
}

fn apart(what: &Path<'_>, iterations: &[f64], chosen: &[usize], look: &Look, description: String) -> Picture {
    let columns = if chosen.len() <= 2 { chosen.len() } else { 2 + usize::from(chosen.len() > 4) };
    let rows = chosen.len().div_ceil(columns);
    let title = look.title.clone().unwrap_or_else(|| "Coefficients".to_owned());
    let (width, height) = (f64::from(look.width), f64::from(look.height) - 40.0);
    let cell = (width / columns as f64, (height / rows as f64).max(90.0));
    let panels = chosen.iter().map(|k| {
        let values = &what.values[*k];
        let scale = if look.y_scale == Scale::Auto { Scale::Linear } else { look.y_scale };
        let x = Axis::even("iteration", iterations.iter(), look.x_scale);
        let mut chart = Chart::new(look, x, Axis::of(&what.names[*k], values.iter(), scale));
        chart.line(iterations, values, &what.names[*k], look.theme.first(), &LineStyle::Solid);
        chart.without_legend();
        chart.panel(None, cell.0, cell.1)
    });
    let (plots, layouts) = panels.unzip();
    let figure = Figure::new(rows, columns).with_title(super::text::label(&title)).with_title_size(16);
    let scene = figure
        .with_plots(plots)
        .with_layouts(layouts)
        .with_spacing(0.0)
        .with_padding(0.0)
        .with_figure_size(width, f64::from(look.height))
        .render();
    Picture { scene, kind: "path", title, description }
}

fn described(what: &Path<'_>, chosen: &[usize]) -> String {
    let Some(last) = what.iterations.last() else { return "The descent has not begun.".to_owned() };
    if chosen.is_empty() {
        return "The history of this fit holds no coefficients.".to_owned();
    }
    let ends: Vec<String> = chosen
        .iter()
        .filter_map(|k| {
            Some(format!(
                "{} from {} to {}",
                what.names[*k],
                number(*what.values[*k].first()?),
                number(*what.values[*k].last()?)
            ))
        })
        .collect();
    let of = if chosen.len() < what.names.len() {
        format!("The {} of {} coefficients that move most", chosen.len(), what.names.len())
    } else {
        "The coefficients".to_owned()
    };
    format!("{of} over the iterations up to {last}: {}.", ends.join(", "))
}

/// How far a coefficient goes, against its size.
fn moved(values: &[f64]) -> f64 {
    let (low, high) = ends(values);
    let span = high - low;
    if span > 0.0 { span / low.abs().max(high.abs()) } else { 0.0 }
}

fn size(values: &[f64]) -> f64 {
    let (low, high) = ends(values);
    low.abs().max(high.abs())
}

fn ends(values: &[f64]) -> (f64, f64) {
    let (low, high) = super::thin::ends(values.iter().copied());
    if low <= high { (low, high) } else { (0.0, 0.0) }
}
