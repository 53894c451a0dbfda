//! One pair of axes with what is drawn on it, in the look that was asked for.

use kuva::plot::annotations::ReferenceLine;
use kuva::plot::legend::{LegendEntry, LegendPosition, LegendShape};
use kuva::plot::{ColorMap, Heatmap, LinePlot, LineStyle, MarkerShape, ScatterPlot};
use kuva::render::layout::{ComputedLayout, Layout, TickFormat};
use kuva::render::plots::Plot;
use kuva::render::render::render_multiple;
use kuva::render::render_utils::{compute_tick_step, generate_ticks_with_step};
use std::sync::Arc;

use super::text::{apart, label, number, power};
use super::thin::{Cloud, ends};
use super::{Look, Picture, Scale, thin};

/// Largest over smallest value from which on an axis by powers of ten helps.
const DECADES_HELP: f64 = 100.0;
/// What is left free beside the outermost values, as a part of their span.
const MARGIN: f64 = 0.03;
/// The size of an axis's numbers, in pixels, and how wide their digits are in common fonts.
const NUMBERS: u32 = 11;
const DIGIT: f64 = 0.64 * NUMBERS as f64;
/// Pixels between two numbers below an axis, at least.
const APART: f64 = 6.0;

/// An axis.
pub(super) struct Axis {
    label: String,
    is_log: bool,
    /// The ends of what is drawn.
    range: Option<(f64, f64)>,
}

impl Axis {
    /// An axis for these values, divided as asked for where they allow it.
    pub(super) fn of<'a>(label: &str, values: impl Iterator<Item = &'a f64> + Clone, scale: Scale) -> Self {
        let all = ends(values.clone().copied());
        let positive = || ends(values.copied().filter(|value| *value > 0.0));
        let (is_log, range) = match scale {
            Scale::Linear => (false, all),
            Scale::Log => {
                Some(positive()).filter(|(low, high)| low <= high).map_or((false, all), |range| (true, range))
            }
            Scale::Auto => (all.0 > 0.0 && all.1 / all.0 >= DECADES_HELP, all),
        };
        Self { label: label.to_owned(), is_log, range: (range.0 <= range.1).then_some(range) }
    }

    /// An axis that is never by powers of ten unless that is asked for.
    pub(super) fn even<'a>(label: &str, values: impl Iterator<Item = &'a f64> + Clone, scale: Scale) -> Self {
        Self::of(label, values, if scale == Scale::Auto { Scale::Linear } else { scale })
    }

    /// An axis with these ends.
    pub(super) fn between(label: &str, low: f64, high: f64) -> Self {
        Self { label: label.to_owned(), is_log: false, range: Some((low, high)) }
    }

    /// Whether it is divided by powers of ten.
    pub(super) fn is_log(&self) -> bool {
        self.is_log
    }

    /// Its numbers: as many digits as tell its ticks apart.
    fn ticks(&self) -> TickFormat {
        let (low, high) = self.range.map_or((0.0, 1.0), |range| widened(range, self.is_log));
        let (is_log, size) = (self.is_log, low.abs().max(high.abs()));
        TickFormat::Custom(Arc::new(move |value| if is_log { power(value) } else { apart(value, high - low, size) }))
    }

    /// A step between the numbers that stand side by side on so many pixels, where `count` of them would touch.
    fn step(&self, pixels: f64, count: usize) -> Option<f64> {
        let (low, high) = self.range.filter(|_| !self.is_log).map(|range| widened(range, false))?;
        let told = self.ticks();
        let is_free = |step: &f64| {
            let ticks = generate_ticks_with_step(low, high, *step).into_iter();
            let widths: Vec<usize> = ticks.map(|value| told.format(value).chars().count()).collect();
            let most = widths.iter().copied().max().unwrap_or(0);
            widths.len() == 1 || (most > 0 && most as f64 * DIGIT + APART <= step / (high - low) * pixels)
        };
        let mut steps = (1..=count).rev().map(|count| compute_tick_step(low, high, count));
        let own = steps.next().filter(|own| !is_free(own))?;
        Some(steps.find(is_free).unwrap_or(own))
    }

    /// Whether the value has a place on it.
    pub(super) fn shows(&self, value: f64) -> bool {
        value.is_finite() && (!self.is_log || value > 0.0)
    }
}

/// A pair of axes.
pub(super) struct Chart<'a> {
    look: &'a Look,
    x: Axis,
    y: Axis,
    plots: Vec<Plot>,
    lines: Vec<ReferenceLine>,
    legend: Vec<LegendEntry>,
    /// Formats the numbers beside the bar of colours; without it there is none.
    bar: Option<Arc<dyn Fn(f64) -> String + Send + Sync>>,
}

impl<'a> Chart<'a> {
    pub(super) fn new(look: &'a Look, x: Axis, y: Axis) -> Self {
        Self { look, x, y, plots: Vec::new(), lines: Vec::new(), legend: Vec::new(), bar: None }
    }

    /// Adds anything.
    pub(super) fn add(&mut self, plot: impl Into<Plot>) {
        self.plots.push(plot.into());
    }

    /// Adds a line through these points, x ascending, thinned where they are many.
    pub(super) fn line(&mut self, xs: &[f64], ys: &[f64], name: &str, colour: &str, style: &LineStyle) {
        let places = thin::line(xs, ys).into_iter().filter(|&at| self.x.shows(xs[at]) && self.y.shows(ys[at]));
        let points: Vec<(f64, f64)> = places.map(|at| (xs[at], ys[at])).collect();
        if points.is_empty() {
            return;
        }
        let line =
            LinePlot::new().with_data(points).with_color(colour).with_stroke_width(2.0).with_line_style(style.clone());
        self.add(line);
        self.explain(name, colour, LegendShape::Line, style.dasharray());
    }

    /// Adds a way through the plane.
    pub(super) fn trail(&mut self, xs: &[f64], ys: &[f64], name: &str, colour: &str) {
        let points: Vec<(f64, f64)> = thin::trail(xs, ys).into_iter().map(|at| (xs[at], ys[at])).collect();
        if points.len() > 1 {
            let line = LinePlot::new().with_data(points).with_color(colour).with_stroke_width(2.0);
            self.add(line);
            self.explain(name, colour, LegendShape::Line, None);
        }
    }

    /// Adds points, or where they are many how many there are in each cell.
    pub(super) fn cloud(&mut self, xs: &[f64], ys: &[f64], name: &str) {
        let theme = self.look.theme;
        match Cloud::of(xs, ys, |x, y| self.x.shows(x) && self.y.shows(y)) {
            Cloud::Points(points) if points.is_empty() => {}
            Cloud::Points(points) => {
                let opacity = if points.len() > 300 { 0.35 } else { 0.6 };
                let points = ScatterPlot::new().with_data(points).with_color(theme.data()).with_size(2.6);
                self.add(points.with_marker_opacity(opacity));
                self.explain(name, theme.data(), LegendShape::Circle, None);
            }
            Cloud::Cells { counts, x, y } => {
                let most = counts.iter().flatten().copied().max().unwrap_or(1) as f64;
                // By the logarithm of the count, so that few points beside many are seen too.
                let part = move |count: u64| (count as f64).ln_1p() / most.ln_1p();
                let cells: Vec<Vec<f64>> =
                    counts.iter().map(|row| row.iter().map(|count| part(*count)).collect()).collect();
                let ground = theme.ground();
                let colour = move |part: f64| if part <= 0.0 { ground.to_owned() } else { theme.density(part) };
                let map =
                    Heatmap::new().with_data(cells).with_x_range(x.0, x.1).with_y_range(y.0, y.1).with_cell_size(1.0);
                self.add(map.with_color_map(ColorMap::Custom(Arc::new(colour))).with_legend("rows"));
                self.bar(move |part| number((part * most.ln_1p()).exp_m1().round()));
            }
        }
    }

    /// Adds a mark.
    pub(super) fn mark(&mut self, x: f64, y: f64, name: &str, shape: MarkerShape, colour: &str) {
        if self.x.shows(x) && self.y.shows(y) {
            let mark = ScatterPlot::new().with_data(vec![(x, y)]).with_color(colour).with_size(5.5).with_marker(shape);
            self.add(mark);
            self.explain(name, colour, LegendShape::Marker(shape), None);
        }
    }

    /// Adds a line across at an x, with a word beside it.
    pub(super) fn upright(&mut self, x: f64, name: &str) {
        let line = ReferenceLine::vertical(x).with_color(self.look.theme.data()).with_stroke_width(1.0);
        self.lines.push(line.with_dasharray("2 4").with_label(label(name)));
    }

    /// Adds a line across at a y.
    pub(super) fn level(&mut self, y: f64) {
        let line = ReferenceLine::horizontal(y).with_color(self.look.theme.data()).with_stroke_width(1.0);
        self.lines.push(line.with_dasharray("4 3"));
    }

    /// Gives the numbers beside the bar of colours.
    pub(super) fn bar(&mut self, told: impl Fn(f64) -> String + Send + Sync + 'static) {
        self.bar = Some(Arc::new(told));
    }

    /// Adds a line to the legend.
    pub(super) fn explain(&mut self, name: &str, colour: &str, shape: LegendShape, dasharray: Option<String>) {
        self.legend.push(LegendEntry { label: label(name), color: colour.to_owned(), shape, dasharray });
    }

    /// Leaves the legend out.
    pub(super) fn without_legend(&mut self) {
        self.legend.clear();
    }

    /// The axes and what is on them, as a panel of `width` × `height`.
    pub(super) fn panel(mut self, title: Option<&str>, width: f64, height: f64) -> (Vec<Plot>, Layout) {
        if self.plots.is_empty() {
            // Axes are drawn around something.
            let nothing = ScatterPlot::new().with_data(vec![(0.0, 0.0)]).with_size(0.0).with_color("none");
            self.add(nothing);
            (self.x.range, self.y.range) = (Some((0.0, 1.0)), Some((0.0, 1.0)));
            (self.x.is_log, self.y.is_log) = (false, false);
        }
        let mut layout = Layout::auto_from_plots(&self.plots)
            .with_theme(self.look.theme.colours())
            .with_width(width)
            .with_height(height)
            .with_x_label(label(&self.x.label))
            .with_y_label(label(&self.y.label))
            .with_legend_position(LegendPosition::OutsideBottomColumns)
            .with_legend_box(false)
            .with_title_size(16)
            .with_label_size(13)
            .with_tick_size(NUMBERS)
            .with_body_size(12);
        if let Some(title) = title {
            layout = layout.with_title(label(title));
        }
        layout = layout.with_x_tick_format(self.x.ticks()).with_y_tick_format(self.y.ticks());
        if self.x.is_log {
            layout = layout.with_log_x();
        }
        if self.y.is_log {
            layout = layout.with_log_y();
        }
        if let Some((low, high)) = self.x.range.map(|range| widened(range, self.x.is_log)) {
            layout = layout.with_x_axis_min(low).with_x_axis_max(high);
        }
        if let Some((low, high)) = self.y.range.map(|range| widened(range, self.y.is_log)) {
            layout = layout.with_y_axis_min(low).with_y_axis_max(high);
        }
        if !self.legend.is_empty() {
            layout = layout.with_legend_entries(self.legend);
        }
        if let Some(told) = self.bar {
            layout = layout.with_colorbar_tick_format(TickFormat::Custom(told));
        }
        for line in self.lines {
            layout = layout.with_reference_line(line);
        }
        let computed = ComputedLayout::from_layout(&layout);
        if let Some(step) = self.x.step(computed.plot_width(), computed.x_ticks) {
            layout = layout.with_x_tick_step(step);
        }
        (self.plots, layout)
    }

    /// The whole picture.
    pub(super) fn picture(self, kind: &'static str, title: &str, description: String) -> Picture {
        let look = self.look;
        let title = look.title.as_deref().unwrap_or(title).to_owned();
        let (plots, layout) = self.panel(Some(&title), f64::from(look.width), f64::from(look.height));
        Picture { scene: render_multiple(plots, layout), kind, title, description }
    }
}

/// Ends a little outside of the values; of a single value, around it.
fn widened((low, high): (f64, f64), is_log: bool) -> (f64, f64) {
    if is_log {
        let factor = (high / low).powf(MARGIN).max(1.05);
        return (low / factor, high * factor);
    }
    let span = high - low;
    let margin = if span > 0.0 {
        MARGIN * span
    } else if low == 0.0 {
        1.0
    } else {
        0.1 * low.abs()
    };
    (low - margin, high + margin)
}
