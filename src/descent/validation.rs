//! Rows that judge a fit instead of taking part: how they are chosen, how the loss on them is followed during a descent,
//! and when it has stopped improving.

use super::design::Design;
use super::losses::Loss;
use super::objective::{Compressed, Kinks, PenaltyForm};
use super::optimizers::first_order::shuffled;
use super::problem::Problem;
use super::spec::{Spec, SpecError, Split};
use super::{Dataset, Team};

/// Rows that take part and rows that judge. Either may be empty where a specification is at fault.
pub(super) struct Parts {
    pub(super) training: Vec<usize>,
    pub(super) judging: Vec<usize>,
}

/// The rows of a split; of folds, those of fold `fold`.
pub(super) fn parts(split: &Split, rows: usize, fold: usize) -> Parts {
    let mut judges = vec![false; rows];
    match split {
        Split::Fraction(part, seed) => {
            let count = ((part * rows as f64).round() as usize).clamp(1, rows.max(1));
            shuffled(rows, *seed, 0).iter().take(count).for_each(|row| judges[*row as usize] = true);
        }
        Split::LastRows(count) => {
            let count = usize::try_from(*count).unwrap_or(rows).min(rows);
            judges[rows - count..].fill(true);
        }
        Split::Rows(chosen) => {
            let valid = chosen.iter().filter_map(|row| usize::try_from(*row).ok()).filter(|row| *row < rows);
            valid.for_each(|row| judges[row] = true);
        }
        Split::Folds(folds, seed) => {
            let order = shuffled(rows, *seed, 0);
            let members = order.iter().skip(fold).step_by((*folds as usize).max(1));
            members.for_each(|row| judges[*row as usize] = true);
        }
    }
    let of = |which: bool| {
        let mut chosen = Vec::with_capacity(judges.iter().filter(|judge| **judge == which).count());
        chosen.extend((0..rows).filter(|row| judges[*row] == which));
        chosen
    };
    Parts { training: of(false), judging: of(true) }
}

/// What is wrong with a split of so many rows.
pub(super) fn check(spec: &Spec, data: &Dataset) -> Vec<SpecError> {
    let Some(validation) = &spec.validation else { return Vec::new() };
    let rows = data.rows();
    let fault = |field: &str, detail: String| {
        vec![SpecError { field: format!("validation/{field}"), code: "invalid_value", detail, limit: None }]
    };
    match &validation.split {
        Split::Rows(chosen) => {
            if let Some(at) = chosen.iter().position(|row| *row >= rows as u64) {
                return fault(
                    &format!("rows/{at}"),
                    format!("there is no row {}; there are {rows}, from 0", chosen[at]),
                );
            }
        }
        Split::Folds(folds, _) if *folds > rows as u64 => {
            return fault("folds", format!("{folds} folds of {rows} rows: each needs a row"));
        }
        Split::LastRows(count) if *count >= rows as u64 => {
            return fault("last_rows", format!("of {rows} rows at least one has to take part in the fit"));
        }
        _ => {}
    }
    let folds = if let Split::Folds(folds, _) = validation.split { folds as usize } else { 1 };
    let field = match validation.split {
        Split::Fraction(..) => "fraction",
        Split::LastRows(_) => "last_rows",
        Split::Rows(_) => "rows",
        Split::Folds(..) => "folds",
    };
    for fold in 0..folds {
        let parts = parts(&validation.split, rows, fold);
        if parts.training.is_empty() || parts.judging.is_empty() {
            return fault(field, "both the rows that take part and those that judge need at least one row".to_owned());
        }
        let weigh = |rows: &[usize]| match spec.weights.as_ref().and_then(|weights| data.column(&weights.column)) {
            Some(column) => rows.iter().any(|row| column[*row] > 0.0),
            None => true,
        };
        if !weigh(&parts.training) || !weigh(&parts.judging) {
            return fault(field, "both the rows that take part and those that judge need a weight above 0".to_owned());
        }
        let target = spec.model.text("target").and_then(|name| data.column(name));
        let classes = |rows: &mut dyn Iterator<Item = usize>| -> usize {
            let mut seen: Vec<u64> = rows.filter_map(|row| Some(target?[row].to_bits())).collect();
            seen.sort_unstable();
            seen.dedup();
            seen.len()
        };
        let has_classes = super::models::family(&spec.model).is_ok_and(|family| family.response().is_classifier());
        if has_classes && classes(&mut parts.training.iter().copied()) < classes(&mut (0..rows)) {
            return fault(field, "a class has no row that takes part in the fit".to_owned());
        }
    }
    Vec::new()
}

/// The loss on the rows that judge.
pub(super) struct Judge<'a> {
    pub(super) design: Design,
    loss: &'a dyn Loss,
    /// In working coordinates, where the loss is squared.
    compressed: Option<Compressed<'a>>,
}

impl<'a> Judge<'a> {
    pub(super) fn new(design: Design, problem: &'a Problem, team: &'a dyn Team) -> Self {
        let compressed = (problem.shape == super::losses::Shape::Quadratic).then(|| {
            let triangle = design.compress(team);
            let root = design.weight_sum.sqrt();
            let mut r = triangle.r();
            r.scale(1.0 / root);
            let z = triangle.z().iter().map(|value| value / root).collect();
            Compressed::new(design.lanes, r, z, triangle.rho() / root, PenaltyForm::None, Kinks::default(), team)
        });
        Self { design, loss: problem.loss.as_ref(), compressed }
    }

    /// The unpenalized loss at these working coefficients.
    pub(super) fn loss(&self, working: &[f64], team: &dyn Team) -> f64 {
        match &self.compressed {
            Some(compressed) => compressed.loss_at(working),
            None => self.design.stream(self.loss, working, team).loss / self.design.weight_sum,
        }
    }
}

/// The best iterate so far by the loss on the rows that judge.
#[derive(Clone, Debug)]
pub(super) struct Best {
    pub(super) patience: u64,
    pub(super) loss: f64,
    pub(super) iteration: u64,
    pub(super) at: Vec<f64>,
    /// Recorded iterations since.
    waited: u64,
}

impl Best {
    pub(super) fn new(patience: u64, loss: f64, at: &[f64]) -> Self {
        Self { patience, loss, iteration: 0, at: at.to_vec(), waited: 0 }
    }

    /// Takes notice of an iterate; true once patience has run out.
    pub(super) fn observe(&mut self, iteration: u64, loss: f64, at: &[f64]) -> bool {
        if loss < self.loss {
            (self.loss, self.iteration, self.waited) = (loss, iteration, 0);
            self.at.copy_from_slice(at);
            return false;
        }
        self.waited += 1;
        self.waited >= self.patience
    }

    /// What [`Best::restore`] needs.
    pub(super) fn state(&self) -> Vec<(String, Vec<f64>)> {
        let counts = vec![self.loss, self.iteration as f64, self.waited as f64];
        vec![("best".to_owned(), self.at.clone()), ("best_counts".to_owned(), counts)]
    }

    pub(super) fn restore(&mut self, state: &[(String, Vec<f64>)]) -> bool {
        let vector = |name: &str| state.iter().find(|(other, _)| other == name).map(|(_, values)| values);
        let (Some(at), Some(counts)) = (vector("best"), vector("best_counts")) else { return false };
        let [loss, iteration, waited] = counts[..] else { return false };
        if at.len() != self.at.len() {
            return false;
        }
        (self.loss, self.iteration, self.waited) = (loss, iteration as u64, waited as u64);
        self.at.clone_from(at);
        true
    }
}
