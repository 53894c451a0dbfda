//! Cross-validation of a curve: a fit without each fold, judged on the rows that it left out.

use super::problem::Curve;
use super::run::{counting, ready};
use super::search::descent;
use crate::descent::aside::{self, Quiet, Silent};
use crate::descent::outcome::ValidationReport;
use crate::descent::problem::Problem;
use crate::descent::report::{Counted, observations_of, of_predictions};
use crate::descent::seeking::{Ledger, Seeking};
use crate::descent::spec::Spec;
use crate::descent::validation::{Parts, parts};
use crate::descent::{Dataset, Lanes, Representation, Team, models};

struct Fold {
    rows: Vec<usize>,
    predictions: Vec<f64>,
    loss: f64,
    weight: f64,
}

/// Fits without each fold and judges on it. Nothing if a fit fails or the team gives up.
pub(super) fn judged(
    spec: &Spec,
    data: &Dataset,
    null: &Problem,
    folds: usize,
    how: (Lanes, Representation),
    team: &dyn Team,
) -> Option<ValidationReport> {
    let found = aside::all(team, folds, &|fold| one(spec, data, fold, how.0, team));
    let found: Vec<Fold> = found.into_iter().collect::<Option<_>>()?;
    let mut predictions = vec![0.0; data.rows()];
    for fold in &found {
        fold.rows.iter().zip(&fold.predictions).for_each(|(row, value)| predictions[*row] = *value);
    }
    let weight: f64 = found.iter().map(|fold| fold.weight).sum();
    let plain = found.iter().map(|fold| fold.loss).sum::<f64>() / folds as f64;
    let loss = found.iter().map(|fold| fold.weight * fold.loss).sum::<f64>() / weight;
    let losses: Vec<f64> = found.into_iter().map(|fold| fold.loss).collect();
    let squares: f64 = losses.iter().map(|loss| (loss - plain).powi(2)).sum();
    let weights = spec.weights.as_ref().map(|weights| weights.kind);
    let observations = observations_of(weights, &null.design);
    let counted = Counted { observations, determined: 0.0, freedom: observations, weights };
    Some(ValidationReport {
        rows: data.rows() as u64,
        loss,
        loss_standard_deviation: Some((squares / (folds as f64 - 1.0)).sqrt()).filter(|value| value.is_finite()),
        best_iteration: None,
        metrics: of_predictions(null, &null.design, &predictions, None, &counted, team).without_criteria(),
        folds: losses,
    })
}

fn one(spec: &Spec, data: &Dataset, fold: usize, lanes: Lanes, team: &dyn Team) -> Option<Fold> {
    let split = &spec.validation.as_ref()?.split;
    let Parts { training: chosen, judging: rows } = parts(split, data.rows(), fold);
    let (training, _) = counting(&data.subset_unless(&chosen, &|| team.gives_up())?, spec);
    drop(chosen);
    let equation = models::equation(&spec.model)?;
    let quiet = Quiet(team);
    let mut silent = Silent(team);
    let mut seeking = Seeking::new(Ledger::default(), &mut silent);
    let (curve, first) = ready(&equation, &training, spec, lanes, &quiet, &mut seeking)?;
    let end = descent(&curve, spec, &first, 0, team)?;
    if team.gives_up() {
        return None;
    }
    let judge = Curve::new(equation, spec, &data.subset(&rows), lanes)?;
    let uniforms = judge.tape.uniforms(&curve.all(&end.at));
    let loss = judge.mean_loss(uniforms.parameters(), curve.loss.as_ref(), &quiet);
    let predictions = judge.sample.predictions(&judge.tape, &uniforms, &quiet);
    (!quiet.was_told() && loss.is_finite()).then_some(Fold { rows, predictions, loss, weight: judge.sample.weight_sum })
}
