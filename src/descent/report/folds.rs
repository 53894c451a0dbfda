//! Cross-validation: a fit without each fold, judged on the rows that it left out.

use super::metrics::{Counted, of_predictions};
use crate::descent::aside::{self, Quiet, Silent};
use crate::descent::outcome::ValidationReport;
use crate::descent::point::{Ground, Point};
use crate::descent::problem::Problem;
use crate::descent::seeking::{Ledger, Seeking};
use crate::descent::spec::Spec;
use crate::descent::validation::{Judge, Parts, parts};
use crate::descent::{Dataset, Lanes, Representation, StopReason, Team, run, start};

struct Fold {
    /// The rows that judged, and η for each, one column an output.
    rows: Vec<usize>,
    eta: Vec<f64>,
    loss: f64,
    weight: f64,
}

/// Fits without each fold and judges on it. Nothing if a fit fails or the team gives up.
pub(super) fn judged(
    spec: &Spec,
    data: &Dataset,
    whole: &Problem,
    folds: usize,
    how: (Lanes, Representation),
    team: &dyn Team,
) -> Option<ValidationReport> {
    let found = aside::all(team, folds, &|fold| one(spec, data, fold, how, team));
    let found: Vec<Fold> = found.into_iter().collect::<Option<_>>()?;
    let (n, outputs) = (data.rows(), whole.design.outputs());
    let mut eta = vec![0.0; n * outputs];
    for fold in &found {
        let count = fold.rows.len();
        for output in 0..outputs {
            for (at, row) in fold.rows.iter().enumerate() {
                eta[output * n + row] = fold.eta[output * count + at];
            }
        }
    }
    let weight: f64 = found.iter().map(|fold| fold.weight).sum();
    let loss = found.iter().map(|fold| fold.weight * fold.loss).sum::<f64>() / weight;
    let plain = found.iter().map(|fold| fold.loss).sum::<f64>() / folds as f64;
    let losses: Vec<f64> = found.into_iter().map(|fold| fold.loss).collect();
    let squares: f64 = losses.iter().map(|loss| (loss - plain).powi(2)).sum();
    let weights = spec.weights.as_ref().map(|weights| weights.kind);
    let observations = super::observations_of(weights, &whole.design);
    let counted = Counted { observations, determined: 0.0, freedom: observations, weights };
    Some(ValidationReport {
        rows: n as u64,
        loss,
        loss_standard_deviation: Some((squares / (folds as f64 - 1.0)).sqrt()).filter(|value| value.is_finite()),
        best_iteration: None,
        metrics: of_predictions(whole, &whole.design, &eta, None, &counted, team).without_criteria(),
        folds: losses,
    })
}

fn one(spec: &Spec, data: &Dataset, fold: usize, how: (Lanes, Representation), team: &dyn Team) -> Option<Fold> {
    let split = &spec.validation.as_ref()?.split;
    let Parts { training: chosen, judging: rows } = parts(split, data.rows(), fold);
    let part = |rows: &[usize]| data.subset_unless(rows, &|| team.gives_up());
    let training = part(&chosen)?;
    drop(chosen);
    let judging = part(&rows)?;
    let quiet = Quiet(team);
    let problem = Problem::new(&training, spec, &quiet, how).ok()?;
    let mut first = problem.coordinates(&start::internal(&spec.start, spec.seed, &training, spec, &problem));
    if let Some(restarts) = spec.restarts.filter(|restarts| restarts.count > 1) {
        let mut silent = Silent(team);
        let mut seeking = Seeking::new(Ledger::default(), &mut silent);
        first = crate::descent::restarts::search(&problem, spec, restarts, &first, &quiet, &mut seeking)?.start;
    }
    let objective = problem.objective(&quiet);
    let mut point = Point::new(&problem, None, first, problem.optimizer(spec, &quiet)?);
    point.evaluate(objective.as_ref());
    let ended = run::descend(objective.as_ref(), &mut point, spec, f64::INFINITY, false, &mut Silent(team)).ok()?;
    if matches!(ended, StopReason::Interrupted | StopReason::MaxSeconds) {
        return None;
    }
    let working = problem.working(&point.here.at);
    let judge = Judge::new(problem.design.on(&spec.model, spec.weights.as_ref(), &judging).ok()?, &problem, &quiet);
    let loss = judge.loss(&working, &quiet);
    let eta = judge.design.predictions(&working, &quiet);
    (!quiet.was_told() && loss.is_finite()).then_some(Fold { rows, eta, loss, weight: judge.design.weight_sum })
}
