//! What a fit to a curve holds at its peak: the sum of what each phase allocates, counted from the code of the phases. A
//! test measures random fits against it.

use super::equation::Equation;
use super::search::looks_bytes;
use super::starts::is_guessed;
use crate::descent::formula::Tape;
use crate::descent::losses::{self, Shape};
use crate::descent::memory::{Rows, WORD, largest, of_data, rows_of_data};
use crate::descent::optimizers::Holds;
use crate::descent::spec::Spec;
use crate::descent::{Dataset, SIDE_BY_SIDE, models, optimizers};

/// What does not depend on the size of the fit: names, settings, threads, the report's few dozen fields.
const BESIDE: f64 = 40.0 * 1024.0;
/// Rows of a task of a pass, and of a block.
const CHUNK_ROWS: f64 = 8_192.0;
const BLOCK_ROWS: f64 = 256.0;
/// Numbers a row that a step over kinked lines holds beside two Jacobians.
const LINE_VECTORS: f64 = 12.0;
/// Those of them that stay between its parts.
const LINES_KEPT: f64 = 7.0;
/// Square matrices of the parameters that a step, or the report, holds.
const SQUARES: f64 = 16.0;

/// The sizes of a fit.
struct Sizes<'a> {
    spec: &'a Spec,
    shape: Shape,
    holds: Holds,
    /// Whether starts are read off the rows.
    is_guessed: bool,
    /// Free parameters.
    w: f64,
    workspace: f64,
    /// A curve made ready, its rows aside.
    tape: f64,
    row_bytes: f64,
}

/// Bytes at the peak, the data included.
pub(super) fn bytes(spec: &Spec, equation: &Equation, tape: Option<&Tape>, data: &Dataset, threads: usize) -> f64 {
    let width = equation.parameters.iter().filter(|parameter| parameter.is_free()).count().max(1);
    let sizes = Sizes {
        spec,
        shape: losses::kind(&spec.loss).map_or(Shape::Quadratic, crate::descent::losses::LossKind::shape),
        holds: optimizers::method(&spec.optimizer).map_or(Holds::Tangent, |method| method.holds(&spec.optimizer)),
        is_guessed: is_guessed(equation, spec),
        w: width as f64,
        workspace: tape.map_or(0.0, |tape| tape.workspace_bytes() as f64),
        tape: tape.map_or(0.0, |tape| tape.bytes() as f64),
        row_bytes: rows_of_data(data),
    };
    let rows = Rows::of(spec, data);
    let weights = spec.weights.as_ref().and_then(|weights| data.column(&weights.column));
    let counted = weights.map_or(0, |weights| weights.iter().filter(|weight| **weight > 0.0).count());
    // Rows without weight are left out of a copy.
    let part = if weights.is_none() { 1.0 } else { counted as f64 / data.rows() as f64 };
    let left_out = if part < 1.0 {
        part * (rows.training + rows.judging) * sizes.row_bytes + WORD * part * rows.training
    } else {
        0.0
    };
    let threads = threads.max(1) as f64;
    let rows = Rows { training: rows.training * part, judging: rows.judging * part, folds: rows.folds };
    of_data(data) + Rows::of(spec, data).copies(sizes.row_bytes) + left_out + BESIDE + sizes.peak(rows, threads)
}

impl Sizes<'_> {
    fn peak(&self, rows: Rows, threads: f64) -> f64 {
        let n = rows.training;
        let beside = threads.min(SIDE_BY_SIDE as f64);
        let held = 3.0 * self.tape + SQUARES * WORD * (self.w + 1.0) * (self.w + 1.0);
        let searching = match self.spec.restarts {
            Some(restarts) => {
                let looks = looks_bytes(restarts.count, self.w as u64) as f64;
                looks + self.descents(n, beside).max(beside * self.pass(n, 1.0))
            }
            None => 0.0,
        };
        // Descents from nearby.
        let again = self.holds == Holds::Tangent && self.spec.restarts.is_none();
        let nearby = if again { beside * (self.pass(n, 1.0) + self.tape) } else { 0.0 };
        // The rows of batches in their order stay where they are until the report is made.
        let order = if self.spec.optimizer.integer("batch_size").is_some() { 4.0 * n } else { 0.0 };
        let phases = [
            self.starting(n, beside, threads),
            searching,
            nearby,
            order + self.stepping(n, threads),
            order + self.reporting(rows, beside, threads),
        ];
        held + largest(phases)
    }

    /// Descents side by side, or one after another where each holds the rows as lines.
    fn descents(&self, n: f64, beside: f64) -> f64 {
        if self.holds == Holds::Lines { self.stepping(n, 1.0) } else { beside * self.stepping(n, 1.0) }
    }

    /// A pass over the rows with slopes.
    fn pass(&self, n: f64, threads: f64) -> f64 {
        let chunks = (n / CHUNK_ROWS).ceil().max(1.0);
        let triangle = WORD * (self.w + 1.0) * (self.w + 1.0);
        let block = WORD * BLOCK_ROWS * (self.w + 4.0);
        chunks * triangle + chunks.min(threads) * (self.workspace + block)
    }

    /// Finding where to start.
    fn starting(&self, n: f64, beside: f64, threads: f64) -> f64 {
        let scaled = losses::kind(&self.spec.loss).is_some_and(|kind| kind.scale_factor().is_some())
            && self.spec.loss.number("delta").is_none();
        let likelihood = matches!(self.shape, Shape::Likelihood | Shape::UnboundedLikelihood);
        let family = models::family(&self.spec.model).ok().filter(|_| self.is_guessed);
        let guess = family.map_or(0.0, |family| family.guess_bytes(&self.spec.model, n));
        let spread = if scaled { 2.0 * WORD * n } else { 0.0 };
        let drawn = if likelihood && self.is_guessed { 2.0 * WORD * n } else { 0.0 };
        let units = if self.spec.scaling.kind == "standardize" { WORD * n * self.w } else { 0.0 };
        // Several starts are looked at, and the best descended from, where they are read off the rows.
        let passes = if self.is_guessed {
            self.descents(n, beside).max(beside * self.pass(n, 1.0))
        } else {
            self.stepping(n, threads)
        };
        largest([guess, spread + self.pass(n, threads), drawn + passes, units + self.pass(n, threads)])
    }

    fn stepping(&self, n: f64, threads: f64) -> f64 {
        let batches = match self.spec.optimizer.integer("batch_size") {
            Some(size) => (size as f64).min(n) * (self.row_bytes + 4.0),
            None => 0.0,
        };
        match self.holds {
            Holds::Lines => {
                // A step is judged by a pass while the lines stand.
                let lines = WORD * (n + 2.0 * self.w);
                2.0 * self.w * lines + (LINE_VECTORS * lines).max(LINES_KEPT * lines + self.pass(n, threads))
            }
            // Its own and those of its checkpoint.
            Holds::Vectors(count) => batches + 2.0 * WORD * self.w * count as f64 + self.pass(n, threads),
            _ => batches + self.pass(n, threads),
        }
    }

    fn reporting(&self, rows: Rows, beside: f64, threads: f64) -> f64 {
        let n = rows.training;
        let weighted = f64::from(u8::from(self.spec.weights.is_some()));
        // Values, the Jacobian's columns, the target and the weights as data, the values as an offset.
        let tangent =
            WORD * n * (self.w + 3.0 + weighted) + WORD * 512.0 * (self.w + 3.0) * threads.min((n / 8_192.0).ceil());
        let jacobian = WORD * n * (self.w + 1.0) + self.pass(n, threads);
        let diagnosed = if self.spec.diagnostics { 2.0 * WORD * n } else { 0.0 };
        let by_row = if self.spec.diagnostics { 3.0 * WORD * n } else { WORD * n };
        let likelihood = matches!(self.shape, Shape::Likelihood | Shape::UnboundedLikelihood);
        let metrics = if likelihood { 3.0 * WORD * n } else { WORD * n };
        let judged = WORD * rows.judging * (4.0 + 2.0 * weighted) + self.pass(rows.judging, 1.0);
        let profile = if self.spec.profile { beside * (self.pass(n, 1.0) + self.tape) } else { 0.0 };
        let folding = if rows.folds > 0.0 { self.folding(n, rows.folds, beside) } else { 0.0 };
        // The values stay, the tangent does not.
        let kept = WORD * n + diagnosed;
        jacobian.max(tangent + by_row).max(kept + largest([metrics, judged, profile, folding]))
    }

    fn folding(&self, n: f64, folds: f64, beside: f64) -> f64 {
        let part = n / folds;
        let training = n - part;
        let copies = self.row_bytes * training;
        let descents = self.starting(training, 1.0, 1.0).max(self.stepping(training, 1.0));
        let judging = part * self.row_bytes + self.pass(part, 1.0);
        // The list of the rows that a fold is fitted to goes when they have been copied; that of the others stays.
        let fitting = (WORD * training).max(3.0 * self.tape + descents.max(judging) + 8.0 * 1024.0);
        (beside.min(folds) * (copies + fitting)).max(WORD * n) + 2.0 * WORD * n
    }
}
