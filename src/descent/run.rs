//! The loop: evaluate, ask the stopping rules and the observer, step. It knows neither what is minimized nor how a
//! step is made.

use super::design::Design;
use super::objective::{Chart, Compressed, Evaluation, Objective, Quadratic, Spectrum, Streamed};
use super::observer::{Checkpoint, Control, Observer, Step};
use super::optimizers::{Optimizer, Scaling, method, scaling};
use super::outcome::{Divergence, Outcome, StopReason, Suggestion};
use super::registry::Choice;
use super::report::report;
use super::spec::{Spec, Stop};
use super::{Dataset, Lanes, NUMERICS_VERSION, Team, losses, models, start};

/// How the objective is evaluated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Representation {
    /// From the triangle that the rows are compressed to: O(p²) an iteration.
    Compressed,
    /// From the rows: O(np) an iteration.
    Streamed,
}

/// A loss this many times the larger of the initial loss and the mean y² counts as divergence.
const DIVERGENCE_FACTOR: f64 = 1e6;

/// Where a descent stands.
struct Point<'a> {
    design: &'a Design,
    chart: &'a Chart,
    at: Vec<f64>,
    gradient: Vec<f64>,
    evaluation: Evaluation,
    initial_loss: f64,
    iteration: u64,
    optimizer: Box<dyn Optimizer>,
}

impl Point<'_> {
    fn internal_coefficients(&self) -> Vec<f64> {
        let design = self.design;
        self.chart.to_data(design.basis.as_ref(), design.target_shift, design.lanes, &self.at)
    }
}

impl Step for Point<'_> {
    fn iteration(&self) -> u64 {
        self.iteration
    }

    fn loss(&self) -> f64 {
        self.evaluation.loss
    }

    fn objective(&self) -> f64 {
        self.evaluation.objective()
    }

    fn gradient_norm(&self) -> f64 {
        let design = self.design;
        let gradient = self.chart.gradient_in_data(design.basis.as_ref(), design.lanes, &self.gradient);
        norm(design.lanes, &gradient)
    }

    fn coefficients(&self) -> Vec<f64> {
        models::to_fixed_order(self.design.basis.has_intercept(), &self.internal_coefficients())
    }

    fn checkpoint(&self) -> Checkpoint {
        let mut floats =
            vec![("coordinates".to_owned(), self.at.clone()), ("initial_loss".to_owned(), vec![self.initial_loss])];
        floats.extend(self.optimizer.state());
        Checkpoint { numerics_version: NUMERICS_VERSION, iteration: self.iteration, floats, integers: Vec::new() }
    }
}

/// Fits with these kernels and this representation. See [`super::run`].
pub fn run_with(
    data: &Dataset,
    spec: &Spec,
    team: &dyn Team,
    (lanes, representation): (Lanes, Representation),
    resume: Option<&Checkpoint>,
    observer: &mut dyn Observer,
) -> Outcome {
    let nothing = Outcome::NonFinite { row: None };
    let (Ok(design), Some(loss), Some(method)) = (
        Design::new(&spec.model, spec.weights.as_ref(), data, lanes),
        losses::loss(&spec.loss),
        method(&spec.optimizer),
    ) else {
        return nothing;
    };
    let quadratic = Quadratic::new(&design, spec.penalty, loss, team);
    if team.abandoned() {
        return Outcome::Abandoned;
    }
    let Some(quadratic) = quadratic else {
        let zeros = vec![0.0; design.basis.width()];
        return Outcome::NonFinite { row: design.first_overflowing_row(&zeros) };
    };
    let chart = match scaling(&spec.scaling) {
        Some(Scaling::Whiten) => quadratic.whitened_chart(),
        Some(Scaling::Standardize) => quadratic.standardized_chart(),
        _ => Chart::Data,
    };
    let compressed;
    let whitened;
    let streamed;
    let (objective, spectrum): (&dyn Objective, Spectrum) = if let Chart::Whitened { .. } = chart {
        whitened = quadratic.whitened(design.basis.as_ref());
        (&whitened, Spectrum { largest: 2.0, smallest: Some(2.0) })
    } else {
        compressed = quadratic.compressed(&chart);
        let spectrum = Spectrum::of_root(lanes, compressed.root());
        match representation {
            Representation::Compressed => (&compressed, spectrum),
            Representation::Streamed => {
                streamed = stream(&design, loss, &chart, &quadratic, &compressed, team);
                (&streamed, spectrum)
            }
        }
    };
    let optimizer = method.build(&spec.optimizer, objective.width(), &|| spectrum);
    let start = start::internal(&spec.start, spec.seed, &spec.model, data, &quadratic, &design);
    let mut point = Point {
        at: chart.of_data(design.basis.as_ref(), design.target_shift, lanes, &start),
        design: &design,
        chart: &chart,
        gradient: vec![0.0; objective.width()],
        evaluation: Evaluation { loss: 0.0, penalty: 0.0 },
        initial_loss: 0.0,
        iteration: 0,
        optimizer,
    };
    let resumed = resume.is_some_and(|checkpoint| restore(&mut point, checkpoint));
    point.evaluation = objective.evaluate(&point.at, &mut point.gradient);
    if !resumed {
        point.initial_loss = point.evaluation.loss;
        if !point.evaluation.is_finite() || !point.gradient.iter().all(|slope| slope.is_finite()) {
            let working = chart.to_working(design.basis.as_ref(), design.target_shift, lanes, &point.at);
            return Outcome::NonFinite { row: design.first_overflowing_row(&working) };
        }
    }
    let loss_max = DIVERGENCE_FACTOR * point.initial_loss.max(design.mean_square_target());
    match descend(objective, &mut point, spec.stop, loss_max, !resumed, observer) {
        Ok(reason) => {
            let start = models::to_fixed_order(design.basis.has_intercept(), &start);
            let at = point.internal_coefficients();
            // The whitened chart's own coordinates lose less than the way through data units and back.
            let working = chart.to_working(design.basis.as_ref(), design.target_shift, lanes, &point.at);
            let learning_rate = point.optimizer.learning_rate();
            let mut report = report(spec, data, &design, &quadratic, team, reason, &point, start, &at, working);
            report.learning_rate = learning_rate;
            Outcome::Stopped(Box::new(report))
        }
        Err(ran_away) => Outcome::Diverged(Box::new(divergence(spec, data, &design, &point, &ran_away, spectrum))),
    }
}

/// The Euclidean norm, also where a square would overflow or vanish.
fn norm(lanes: Lanes, vector: &[f64]) -> f64 {
    let largest = vector.iter().fold(0.0f64, |largest, value| largest.max(value.abs()));
    if (1e-140..1e140).contains(&largest) || largest == 0.0 || !largest.is_finite() {
        return lanes.dot(vector, vector).sqrt();
    }
    let scaled: Vec<f64> = vector.iter().map(|value| value / largest).collect();
    largest * lanes.dot(&scaled, &scaled).sqrt()
}

/// Takes over a checkpoint of this numerics version and shape; false if it is another's.
fn restore(point: &mut Point<'_>, checkpoint: &Checkpoint) -> bool {
    let vector = |name: &str| checkpoint.floats.iter().find(|(other, _)| other == name).map(|(_, values)| values);
    let (Some(at), Some(initial)) = (vector("coordinates"), vector("initial_loss")) else { return false };
    if checkpoint.numerics_version != NUMERICS_VERSION || at.len() != point.at.len() || initial.len() != 1 {
        return false;
    }
    if !point.optimizer.restore(&checkpoint.floats) {
        return false;
    }
    point.at.clone_from(at);
    point.initial_loss = initial[0];
    point.iteration = checkpoint.iteration;
    true
}

fn stream<'a>(
    design: &'a Design,
    loss: &'static dyn losses::Loss,
    chart: &'a Chart,
    quadratic: &Quadratic,
    compressed: &Compressed,
    team: &'a dyn Team,
) -> Streamed<'a> {
    Streamed {
        design,
        loss,
        chart,
        penalty: quadratic.penalty_in(chart),
        team,
        norms: compressed.norms().to_vec(),
        floor: compressed.floor(),
    }
}

/// The iterate that ran away: its iteration and, in the point, the last finite one.
struct RanAway {
    iteration: u64,
}

/// Descends from `point` until a rule, the observer or a divergence ends it. `point` is the last finite iterate.
fn descend(
    objective: &dyn Objective,
    point: &mut Point<'_>,
    stop: Stop,
    loss_max: f64,
    observe_first: bool,
    observer: &mut dyn Observer,
) -> Result<StopReason, RanAway> {
    if observe_first && let Control::Stop(reason) = observer.observe(point) {
        return Ok(reason);
    }
    let mut next = point.at.clone();
    let mut gradient = point.gradient.clone();
    loop {
        let tolerance = stop.gradient_tolerance;
        if tolerance > 0.0 && objective.cosine(&point.gradient, point.evaluation) <= tolerance {
            return Ok(StopReason::GradientTolerance);
        }
        if point.iteration >= stop.max_iterations {
            return Ok(StopReason::MaxIterations);
        }
        next.copy_from_slice(&point.at);
        if !point.optimizer.advance(objective, &mut next, &point.gradient) {
            return Ok(StopReason::NoProgress);
        }
        let evaluation = objective.evaluate(&next, &mut gradient);
        let finite = evaluation.is_finite() && gradient.iter().chain(&next).all(|value| value.is_finite());
        if !finite || evaluation.loss > loss_max {
            if finite {
                point.at.copy_from_slice(&next);
                point.gradient.copy_from_slice(&gradient);
                point.evaluation = evaluation;
            }
            return Err(RanAway { iteration: point.iteration + 1 });
        }
        let before = point.evaluation.objective();
        point.at.copy_from_slice(&next);
        point.gradient.copy_from_slice(&gradient);
        point.evaluation = evaluation;
        point.iteration += 1;
        let control = observer.observe(point);
        let change = (before - evaluation.objective()).abs();
        if stop.loss_tolerance > 0.0 && change <= stop.loss_tolerance * before.abs() {
            return Ok(StopReason::LossTolerance);
        }
        if let Control::Stop(reason) = control {
            return Ok(reason);
        }
    }
}

/// A number for a sentence: with an exponent where it would be a row of zeros.
fn plain(value: f64) -> String {
    if (1e-4..1e6).contains(&value.abs()) { value.to_string() } else { format!("{value:e}") }
}

fn divergence(
    spec: &Spec,
    data: &Dataset,
    design: &Design,
    point: &Point<'_>,
    ran_away: &RanAway,
    spectrum: Spectrum,
) -> Divergence {
    let bound = point.optimizer.max_stable_learning_rate(spectrum);
    let gradient_tolerance = (spec.stop.gradient_tolerance == 0.0).then_some(1e-10);
    let advice = match (point.optimizer.suggestion(spectrum), bound) {
        (Some((optimizer, iterations)), _) => {
            Suggestion { optimizer, max_iterations: Some(iterations.max(spec.stop.max_iterations)), gradient_tolerance }
        }
        _ => Suggestion { optimizer: Choice::named("auto"), max_iterations: None, gradient_tolerance },
    };
    let mut detail = format!("the loss ran away at iteration {}", ran_away.iteration);
    if let (Some(bound), Some(rate)) = (bound, point.optimizer.learning_rate()) {
        detail.push_str(&format!(
            ": the learning rate {} is above {}, the largest that is stable on this data; post the suggestion instead",
            plain(rate),
            plain(bound)
        ));
    }
    Divergence {
        iteration: ran_away.iteration,
        names: super::coefficient_names(&spec.model, data.names()).unwrap_or_default(),
        coefficients: models::to_fixed_order(design.basis.has_intercept(), &point.internal_coefficients()),
        loss: Some(point.evaluation.loss).filter(|loss| loss.is_finite()),
        max_stable_learning_rate: bound,
        suggestion: Some(advice),
        detail,
    }
}
