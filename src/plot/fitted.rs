//! The data and what was fitted to it.

use kuva::plot::legend::LegendShape;
use kuva::plot::{BandPlot, LineStyle};

use super::chart::{Axis, Chart};
use super::text::number;
use super::thin::ends;
use super::{Look, Picture};

/// Values at the data's rows, and where there is one feature the curve through it.
#[derive(Clone, Copy, Debug)]
pub struct Fitted<'a> {
    /// The only feature: its name and its values.
    pub feature: Option<(&'a str, &'a [f64])>,
    /// The target's name.
    pub target: &'a str,
    /// The target's values.
    pub actual: &'a [f64],
    /// What the model says of each row.
    pub predicted: &'a [f64],
    /// The model between the rows, drawn where there is one feature.
    pub curve: Option<Curve<'a>>,
}

/// A model of one feature along that feature.
#[derive(Clone, Copy, Debug)]
pub struct Curve<'a> {
    /// Values of the feature, ascending.
    pub x: &'a [f64],
    /// The model there.
    pub y: &'a [f64],
    /// Where its mean lies, at a level.
    pub band: Option<Band<'a>>,
}

/// Ends of intervals.
#[derive(Clone, Copy, Debug)]
pub struct Band<'a> {
    /// The lower ends.
    pub lower: &'a [f64],
    /// The upper ends.
    pub upper: &'a [f64],
    /// How sure they are, as 0.95.
    pub level: f64,
}

/// Draws the data with the fitted curve, or where there are several features what was predicted against what is.
#[must_use]
pub fn fitted(what: &Fitted<'_>, look: &Look) -> Picture {
    match (what.feature, what.curve) {
        (Some((name, values)), Some(curve)) => along(what, name, values, curve, look),
        _ => against(what, look),
    }
}

fn along(what: &Fitted<'_>, name: &str, values: &[f64], curve: Curve<'_>, look: &Look) -> Picture {
    let theme = look.theme;
    let x = Axis::even(name, values.iter().chain(curve.x), look.x_scale);
    let y = Axis::even(what.target, what.actual.iter().chain(curve.y), look.y_scale);
    let mut chart = Chart::new(look, x, y);
    chart.cloud(values, what.actual, "data");
    if let Some(band) = curve.band {
        let shown: Vec<usize> =
            (0..curve.x.len()).filter(|&at| band.lower[at].is_finite() && band.upper[at].is_finite()).collect();
        let of = |values: &[f64]| shown.iter().map(|at| values[*at]).collect::<Vec<f64>>();
        let shape = BandPlot::new(of(curve.x), of(band.lower), of(band.upper)).with_color(theme.first());
        chart.add(shape.with_opacity(0.22));
        let colour = theme.band();
        chart.explain(&format!("{} % band", number(100.0 * band.level)), colour, LegendShape::Rect, None);
    }
    chart.line(curve.x, curve.y, "fitted", theme.first(), &LineStyle::Solid);
    let description = format!(
        "{} rows of {} against {name}, and the fitted curve, which goes from {} to {}.{}",
        what.actual.len(),
        what.target,
        curve.y.first().map_or_else(String::new, |y| number(*y)),
        curve.y.last().map_or_else(String::new, |y| number(*y)),
        curve.band.map_or_else(String::new, |band| format!(
            " Around it the {} % confidence band of its mean.",
            number(100.0 * band.level)
        ))
    );
    let title = format!("{} against {name}", what.target);
    chart.picture("fit", &title, description)
}

fn against(what: &Fitted<'_>, look: &Look) -> Picture {
    let theme = look.theme;
    let (low, high) = ends(what.actual.iter().chain(what.predicted).copied());
    let x = Axis::even(&format!("{}, predicted", what.target), what.predicted.iter(), look.x_scale);
    let y = Axis::even(&format!("{}, actual", what.target), what.actual.iter(), look.y_scale);
    let mut chart = Chart::new(look, x, y);
    chart.cloud(what.predicted, what.actual, "rows");
    if low <= high {
        chart.line(&[low, high], &[low, high], "equal", theme.first(), &LineStyle::Dashed);
    }
    let description = format!(
        "{} rows: {} as it is against what the model predicts; on the line both are equal.",
        what.actual.len(),
        what.target
    );
    chart.picture("fit", &format!("{}: actual against predicted", what.target), description)
}
