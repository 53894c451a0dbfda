//! What the model leaves of the data.

use kuva::plot::{LineStyle, ScatterPlot};
use kuva::render::figure::Figure;

use super::chart::{Axis, Chart};
use super::text::{label, number};
use super::thin::ends;
use super::{Look, Picture};

/// Residuals, and the quantiles that normal ones would have.
#[derive(Clone, Copy, Debug)]
pub struct Residuals<'a> {
    /// What the model says of each row.
    pub fitted: &'a [f64],
    /// The target less that.
    pub residuals: &'a [f64],
    /// Quantiles of the normal distribution with those of the residuals, ascending.
    pub quantiles: &'a [(f64, f64)],
}

/// Draws the residuals against the fitted values, and their quantiles against those of the normal distribution.
#[must_use]
pub fn residuals(what: &Residuals<'_>, look: &Look) -> Picture {
    let theme = look.theme;
    let title = look.title.clone().unwrap_or_else(|| "Residuals".to_owned());
    let (width, height) = (f64::from(look.width) / 2.0, f64::from(look.height) - 40.0);
    let x = Axis::even("fitted", what.fitted.iter(), look.x_scale);
    let mut left = Chart::new(look, x, Axis::even("residual", what.residuals.iter(), look.y_scale));
    left.level(0.0);
    left.cloud(what.fitted, what.residuals, "residuals");
    left.without_legend();
    let (normal, own): (Vec<f64>, Vec<f64>) = what.quantiles.iter().copied().unzip();
    let x = Axis::even("normal quantile", normal.iter(), super::Scale::Linear);
    let mut right = Chart::new(look, x, Axis::even("residual quantile", own.iter(), super::Scale::Linear));
    if let Some([from, to]) = through_quartiles(&normal, &own) {
        right.line(&[from.0, to.0], &[from.1, to.1], "normal", theme.second(), &LineStyle::Dashed);
    }
    let points = ScatterPlot::new().with_data(what.quantiles.to_vec()).with_color(theme.first()).with_size(2.6);
    right.add(points.with_marker_opacity(0.8));
    right.without_legend();
    let panels =
        [left.panel(Some("against the fitted values"), width, height), right.panel(Some("normal Q–Q"), width, height)];
    let (plots, layouts) = panels.into_iter().unzip();
    let scene = Figure::new(1, 2)
        .with_title(label(&title))
        .with_title_size(16)
        .with_plots(plots)
        .with_layouts(layouts)
        .with_spacing(0.0)
        .with_padding(0.0)
        .with_figure_size(f64::from(look.width), f64::from(look.height))
        .render();
    let (least, most) = ends(what.residuals.iter().copied());
    let description = format!(
        "The residuals of {} rows against the fitted values, from {} to {}; beside it their quantiles against those of a \
         normal distribution, where normal residuals lie on the line.",
        what.residuals.len(),
        number(least),
        number(most)
    );
    Picture { scene, kind: "residuals", title, description }
}

/// The ends of the line through both quartiles, as far as the points go.
fn through_quartiles(normal: &[f64], own: &[f64]) -> Option<[(f64, f64); 2]> {
    let count = normal.len().min(own.len());
    let (low, high) = (count / 4, (3 * count / 4).min(count.checked_sub(1)?));
    let slope = (own[high] - own[low]) / (normal[high] - normal[low]);
    let at = |x: f64| (x, slope.mul_add(x - normal[low], own[low]));
    slope.is_finite().then(|| [at(normal[0]), at(normal[count - 1])])
}
