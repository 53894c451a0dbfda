//! One fit made ready: the rows bound to the model, the loss with its scale, the coordinates of the descent, the
//! objective. It knows nothing of the loop.

use std::sync::Arc;

use super::design::Design;
use super::losses::{self, About, Loss, Shape};
use super::models::Response;
use super::objective::{Centering, Chart, Compressed, Kinks, Objective, Quadratic, Spectrum, Steepness, Streamed};
use super::optimizers::{Optimizer, Scaling, Setting, method, scaling};
use super::point::Ground;
use super::spec::Spec;
use super::{Dataset, Lanes, Representation, Team, models};

/// Coordinates up to which the coefficients cannot be beyond doubles, unless the columns are at the other end of them.
const FAR: f64 = 1e100;

/// A fit made ready.
pub(super) struct Problem {
    pub(super) design: Design,
    pub(super) loss: Box<dyn Loss>,
    pub(super) shape: Shape,
    pub(super) quadratic: Quadratic,
    pub(super) chart: Chart,
    kinks: Kinks,
    representation: Representation,
    /// Whether steps are made from some rows at a time.
    batched: bool,
    /// The ranges in data units, internal order; empty where there are none.
    ranges: Vec<(f64, f64)>,
}

/// Why a fit cannot be made ready.
pub(super) enum Unready {
    /// The team was told that nobody wants the result, or that its time is over.
    GivenUp,
    /// A value overflows; the row at fault, where one is.
    NonFinite(Option<u64>),
}

impl Problem {
    pub(super) fn new(
        data: &Dataset,
        spec: &Spec,
        team: &dyn Team,
        how: (Lanes, Representation),
    ) -> Result<Self, Unready> {
        Self::with_offset(data, spec, team, how, None)
    }

    /// The same with an offset that is added to η of every row, which is then the mean itself.
    pub(super) fn with_offset(
        data: &Dataset,
        spec: &Spec,
        team: &dyn Team,
        (lanes, representation): (Lanes, Representation),
        offset: Option<Arc<[f64]>>,
    ) -> Result<Self, Unready> {
        let (Ok(mut design), Some(kind)) =
            (Design::new(&spec.model, spec.weights.as_ref(), data, lanes, team), losses::kind(&spec.loss))
        else {
            return Err(Unready::NonFinite(None));
        };
        let of_mean = offset.is_some();
        design.offset = offset;
        let class_sums = design.class_sums();
        let about = |spread: f64| About {
            classes: &design.classes,
            class_sums: &class_sums,
            outputs: design.outputs(),
            spread,
            of_mean,
        };
        let squared = (kind.shape() == Shape::Quadratic).then(|| kind.build(&spec.loss, &about(1.0)));
        let quadratic = Quadratic::new(&design, spec.penalty, squared.as_deref(), team);
        if team.was_told() {
            return Err(Unready::GivenUp);
        }
        let Some(quadratic) = quadratic else {
            let zeros = vec![0.0; design.basis.width()];
            return Err(Unready::NonFinite(design.first_overflowing_row(&zeros, team)));
        };
        let needs_spread = kind.scale_factor().is_some() && spec.loss.number("delta").is_none();
        let spread = if needs_spread { spread(&design, &quadratic.optimum_in_working(), team) } else { 1.0 };
        let loss = kind.build(&spec.loss, &about(spread));
        let names = super::coefficient_names(&spec.model, data).unwrap_or_default();
        let intercept_ranged =
            spec.bounds.iter().any(|range| range.name == "intercept" || range.name.ends_with(":intercept"));
        let chart = match scaling(&spec.scaling) {
            Some(Scaling::Whiten) => quadratic.whitened_chart(),
            Some(Scaling::Standardize) => quadratic.standardized_chart(!intercept_ranged),
            _ => Chart::Data,
        };
        let kinks = kinks(spec, &names, &design, &quadratic, &chart);
        let representation = match kind.shape() {
            Shape::Quadratic if spec.optimizer.integer("batch_size").is_none() => representation,
            _ => Representation::Streamed,
        };
        let batched = spec.optimizer.integer("batch_size").is_some();
        let ranges = ranges(spec, &names, &design);
        if team.was_told() {
            return Err(Unready::GivenUp);
        }
        Ok(Self { design, loss, shape: kind.shape(), quadratic, chart, kinks, representation, batched, ranges })
    }

    fn is_whitened(&self) -> bool {
        matches!(self.chart, Chart::Whitened { .. })
    }

    /// Whether the optimum of [`Problem::quadratic`] is that of the objective.
    pub(super) fn is_quadratic(&self) -> bool {
        self.shape == Shape::Quadratic && self.kinks.is_empty()
    }

    pub(super) fn kinks(&self) -> &Kinks {
        &self.kinks
    }

    fn compressed<'a>(&self, team: &'a dyn Team) -> Compressed<'a> {
        self.quadratic.compressed(&self.chart, self.design.basis.as_ref(), self.kinks.clone(), team)
    }

    /// The unit of η: the target's spread where η is in its units.
    pub(super) fn unit(&self) -> f64 {
        let norm = self.quadratic.target_norm();
        if self.design.response == Response::Identity && norm > 0.0 { norm } else { 1.0 }
    }

    /// The objective over the rows.
    pub(super) fn streamed<'a>(&'a self, team: &'a dyn Team) -> Streamed<'a> {
        let basis = self.design.basis.as_ref();
        let norms = if self.is_whitened() {
            vec![1.0; self.chart.width(basis)]
        } else {
            self.compressed(team).norms().to_vec()
        };
        let floor = 16.0 * f64::EPSILON * self.loss.slope_unit(self.quadratic.target_norm());
        let squares = self.shape == Shape::Quadratic;
        Streamed {
            design: &self.design,
            loss: self.loss.as_ref(),
            chart: &self.chart,
            penalty: self.quadratic.penalty_in(&self.chart, basis, &|| team.gives_up()),
            kinks: self.kinks.clone(),
            team,
            steepness: Steepness { norms, floor, squares, unit: self.unit() },
        }
    }

    /// The objective in the cheapest representation that there is.
    fn cheapest<'a>(&'a self, team: &'a dyn Team) -> Box<dyn Objective + 'a> {
        match self.representation {
            Representation::Compressed if self.is_whitened() => {
                Box::new(self.quadratic.whitened(self.design.basis.as_ref(), team))
            }
            Representation::Compressed => Box::new(self.compressed(team)),
            Representation::Streamed if self.is_quadratic() && self.is_whitened() && !self.batched => {
                Box::new(self.quadratic.whitened(self.design.basis.as_ref(), team))
            }
            Representation::Streamed => Box::new(self.streamed(team)),
        }
    }

    /// The spectrum of the Hessian, or of a bound of it; nothing where its curvature has no bound.
    pub(super) fn spectrum(&self, team: &dyn Team) -> Option<Spectrum> {
        self.spectrum_for(self.loss.curvature_max()?, team)
    }

    /// The spectrum where the loss has this second derivative in every row.
    fn spectrum_for(&self, curvature: f64, team: &dyn Team) -> Option<Spectrum> {
        if self.is_whitened() {
            let smallest = (self.shape == Shape::Quadratic).then_some(2.0);
            return Some(Spectrum { largest: curvature.max(2.0 * f64::from(u8::from(self.is_penalized()))), smallest });
        }
        let spectrum = Spectrum::of_root(self.design.lanes, self.compressed(team).root(curvature), &|| team.gives_up());
        // The smallest curvature of other losses is not known.
        Some(Spectrum { smallest: spectrum.smallest.filter(|_| self.shape == Shape::Quadratic), ..spectrum })
    }

    fn is_penalized(&self) -> bool {
        self.quadratic.penalty_in(&Chart::Data, self.design.basis.as_ref(), &|| false)
            != super::objective::PenaltyForm::None
    }

    /// Coordinates → coefficients in data units, internal order.
    pub(super) fn internal(&self, at: &[f64]) -> Vec<f64> {
        let design = &self.design;
        let mut out = self.chart.to_data(design.basis.as_ref(), design.target_shift, design.lanes, at);
        // Scaling back and forth must not lead over the end of a range.
        for (value, (low, high)) in out.iter_mut().zip(&self.ranges) {
            *value = value.max(*low).min(*high);
        }
        out
    }

    /// Coordinates → working coefficients.
    pub(super) fn working(&self, at: &[f64]) -> Vec<f64> {
        let design = &self.design;
        self.chart.to_working(design.basis.as_ref(), design.target_shift, design.lanes, at)
    }

    /// Coefficients in data units, fixed order → coordinates, wherever they lie.
    pub(super) fn at(&self, coefficients: &[f64]) -> Vec<f64> {
        let design = &self.design;
        let internal = models::to_internal_order(design.basis.as_ref(), coefficients);
        self.chart.of_data(design.basis.as_ref(), design.target_shift, design.lanes, &internal)
    }

    /// Where a quadratic objective is lowest: coefficients in data units, fixed order.
    pub(super) fn exact_optimum(&self) -> Option<Vec<f64>> {
        let optimum = || self.quadratic.optimum_in_data(&self.design);
        self.is_quadratic().then(|| models::to_fixed_order(self.design.basis.as_ref(), &optimum()))
    }

    /// Coefficients in data units, internal order → coordinates within their ranges.
    pub(super) fn coordinates(&self, internal: &[f64]) -> Vec<f64> {
        let design = &self.design;
        let mut at = self.chart.of_data(design.basis.as_ref(), design.target_shift, design.lanes, internal);
        self.kinks.clip_all(&mut at);
        at
    }
}

impl Ground for Problem {
    fn coefficients(&self, at: &[f64]) -> Vec<f64> {
        models::to_fixed_order(self.design.basis.as_ref(), &self.internal(at))
    }

    fn holds(&self, at: &[f64]) -> bool {
        // An iteration on a triangle is no dearer than this, and only far away does it say anything.
        at.iter().all(|value| value.abs() < FAR) || self.coefficients(at).iter().all(|value| value.is_finite())
    }

    fn slopes(&self, at: &[f64], gradient: &[f64]) -> Vec<f64> {
        let Self { design, chart, kinks, .. } = self;
        if kinks.is_empty() {
            return chart.gradient_in_data(design.basis.as_ref(), design.lanes, gradient);
        }
        chart.gradient_in_data(design.basis.as_ref(), design.lanes, &kinks.steepest(at, gradient))
    }

    fn lanes(&self) -> Lanes {
        self.design.lanes
    }

    fn shape(&self) -> Shape {
        self.shape
    }

    fn is_classifier(&self) -> bool {
        self.design.response.is_classifier()
    }

    fn stable_spectrum(&self, team: &dyn Team) -> Option<Spectrum> {
        self.is_quadratic().then(|| self.spectrum(team)).flatten()
    }

    fn optimizer(&self, spec: &Spec, team: &dyn Team) -> Option<Box<dyn Optimizer>> {
        // Where the curvature has no bound, ten times its size near the optimum, or at coefficients 0, is a cautious guess.
        let guess = 10.0 * self.design.mean_square_target().sqrt().max(1.0);
        let curvature = match self.shape {
            Shape::UnboundedLikelihood => Some(guess),
            _ => self.loss.curvature_max(),
        };
        let spectrum = || {
            curvature
                .and_then(|most| self.spectrum_for(most, team))
                .unwrap_or(Spectrum { largest: 1.0, smallest: None })
        };
        let bounded = curvature.is_some();
        let setting = Setting {
            width: self.chart.width(self.design.basis.as_ref()) * self.design.outputs(),
            rows: self.design.rows(),
            seed: spec.seed,
            max_iterations: spec.stop.max_iterations,
            spectrum: if bounded { Some(&spectrum) } else { None },
            quadratic: self.is_quadratic(),
            curved: false,
            unit: self.unit(),
        };
        Some(method(&spec.optimizer)?.build(&spec.optimizer, &setting))
    }

    fn objective<'a>(&'a self, team: &'a dyn Team) -> Box<dyn Objective + 'a> {
        self.cheapest(team)
    }
}

/// The l1 penalty and the ranges in the coordinates of a chart, whose coordinates are the coefficients up to scale.
fn kinks(spec: &Spec, names: &[String], design: &Design, quadratic: &Quadratic, chart: &Chart) -> Kinks {
    let plain = spec.penalty.l1 == 0.0 && spec.bounds.is_empty();
    if plain || matches!(chart, Chart::Whitened { .. }) {
        return Kinks::default();
    }
    let basis = design.basis.as_ref();
    let first = usize::from(basis.has_intercept());
    let ones = vec![1.0; basis.width()];
    // θ = φ/scale.
    let scales: &[f64] = match chart {
        Chart::Standardized(Centering { scales, .. }) => scales,
        _ => &ones,
    };
    let mut kinks = Kinks::default();
    if spec.penalty.l1 > 0.0 {
        for _ in 0..design.outputs() {
            for (k, scale) in scales.iter().enumerate() {
                let on = if spec.penalty.on_standardized { quadratic.scales()[k] } else { 1.0 };
                kinks.l1.push(if k < first { 0.0 } else { spec.penalty.l1 * on / scale });
            }
        }
    }
    let scaled = ranges(spec, names, design).into_iter().zip(scales.iter().cycle());
    (kinks.lower, kinks.upper) = scaled.map(|((low, high), scale)| (low * scale, high * scale)).unzip();
    kinks
}

/// The ranges in data units, internal order; none where no coefficient has one.
fn ranges(spec: &Spec, names: &[String], design: &Design) -> Vec<(f64, f64)> {
    if spec.bounds.is_empty() {
        return Vec::new();
    }
    let range = |name: &String| spec.bounds.iter().find(|range| range.name == *name);
    let ends =
        names.iter().map(|name| range(name).map_or((f64::NEG_INFINITY, f64::INFINITY), |range| (range.min, range.max)));
    let (low, high): (Vec<f64>, Vec<f64>) = ends.unzip();
    let basis = design.basis.as_ref();
    models::to_internal_order(basis, &low).into_iter().zip(models::to_internal_order(basis, &high)).collect()
}

/// The spread of the residuals of least squares, of the rows that count.
fn spread(design: &Design, working: &[f64], team: &dyn Team) -> f64 {
    let predictions = design.predictions(working, team);
    let counted = predictions.iter().zip(design.target()).enumerate().filter(|(row, _)| design.weight(*row) > 0.0);
    let mut residuals = Vec::with_capacity(design.rows_counted);
    residuals.extend(counted.map(|(_, (x, y))| (x - y).abs()));
    drop(predictions);
    spread_of(residuals, 64.0 * f64::EPSILON * design.mean_square_target().sqrt())
}

/// 1.4826 times the median of the residuals' sizes, which for normal errors is their standard deviation (Hampel 1974); the
/// root mean square where that is no more than `noise`, and 1 where there is no residual at all.
pub(super) fn spread_of(mut sizes: Vec<f64>, noise: f64) -> f64 {
    if sizes.is_empty() {
        return 1.0;
    }
    let middle = sizes.len() / 2;
    let (_, median, _) = sizes.select_nth_unstable_by(middle, f64::total_cmp);
    let robust = 1.4826 * *median;
    let square = sizes.iter().map(|size| size * size).sum::<f64>() / sizes.len() as f64;
    [robust, square.sqrt()].into_iter().find(|spread| *spread > noise && spread.is_finite()).unwrap_or(1.0)
}
