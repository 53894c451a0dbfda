//! What a fit of a model that is linear in its parameters holds at its peak: the sum of what each phase allocates, counted
//! from the code of the phases. A test measures random fits against it. It knows nothing of curves.
//!
//! Sums are made in doubles, which do not overflow: a fit beyond all bounds has a number of bytes beyond all bounds.

use super::losses::{self, Shape};
use super::models::{Family, Response};
use super::optimizers::{self, Holds};
use super::outcome::Label;
use super::spec::{Covariance, Spec, Split, Spread};
use super::{COVARIANCE_MAX, Dataset, SIDE_BY_SIDE};

/// Bytes of a double, or of an index.
pub(super) const WORD: f64 = 8.0;
/// What does not depend on the size of the fit: names, settings, threads, the report's few dozen fields.
const BESIDE: f64 = 24.0 * 1024.0;
/// The same for each descent or fold beside others.
const ASIDE: f64 = 10.0 * 1024.0;
/// Rows of a block, of a task of a pass, and of a compression: those of the design.
const BLOCK_ROWS: f64 = 512.0;
const CHUNK_ROWS: f64 = 16.0 * BLOCK_ROWS;
const FOLD_ROWS_MIN: f64 = 64.0 * BLOCK_ROWS;
const GRAM_CHUNKS_MAX: f64 = 16.0;
/// Rows up to which an order needs no room beside itself.
const SORTED_AT_ONCE: f64 = 32_768.0;
/// Vectors of coefficients that a descent and its report hold, about, and bytes of each coefficient's names.
const VECTORS: f64 = 30.0;
const NAME_BYTES: f64 = 250.0;
/// Above this size, lines times the square of the unknowns, no linear program is made.
const PROGRAM_MAX: f64 = 2e8;
/// Numbers a line beside its coefficients that a step over kinked lines holds: its ends and slopes, residuals and more.
const LINE_VECTORS: f64 = 9.0;
/// The same of a linear program.
const PROGRAM_VECTORS: f64 = 13.0;
/// Vectors of coefficients that a fold, or a descent beside others, holds.
const ASIDE_VECTORS: f64 = 16.0;

/// The bytes of the data itself.
pub(super) fn of_data(data: &Dataset) -> f64 {
    let names: usize = data.names().iter().map(|name| name.len() + 64).sum();
    let levels = data.levels().iter().flatten().flat_map(|levels| levels.iter());
    let texts: usize = levels.map(|level| level.len() + std::mem::size_of::<String>()).sum();
    rows_of_data(data) * data.rows() as f64 + names as f64 + texts as f64
}

/// Bytes of one row of the data.
pub(super) fn rows_of_data(data: &Dataset) -> f64 {
    WORD * data.names().len() as f64
}

/// Bytes as a whole number; a number beyond all bounds is the largest.
pub(super) fn whole(bytes: f64) -> u64 {
    // A cast of a double saturates.
    bytes.ceil() as u64
}

/// How the rows are split: those that take part, those that judge, and folds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rows {
    pub(super) training: f64,
    pub(super) judging: f64,
    pub(super) folds: f64,
}

impl Rows {
    pub(super) fn of(spec: &Spec, data: &Dataset) -> Self {
        let n = data.rows() as f64;
        let judging = match spec.validation.as_ref().map(|validation| &validation.split) {
            Some(Split::Folds(folds, _)) => return Self { training: n, judging: 0.0, folds: (*folds as f64).min(n) },
            Some(Split::Fraction(part, _)) => (part * n).round().clamp(1.0, n),
            Some(Split::LastRows(count)) => (*count as f64).min(n),
            Some(Split::Rows(rows)) => (rows.len() as f64).min(n),
            None => 0.0,
        };
        Self { training: n - judging, judging, folds: 0.0 }
    }

    /// What the split itself holds: copies of the rows, and the indices of those that take part.
    pub(super) fn copies(self, row_bytes: f64) -> f64 {
        if self.judging > 0.0 { (self.training + self.judging) * row_bytes + WORD * self.training } else { 0.0 }
    }
}

/// The sizes of a fit.
pub(super) struct Linear<'a> {
    spec: &'a Spec,
    shape: Shape,
    response: Response,
    /// Functions, outputs, and coefficients of all outputs.
    p: f64,
    k: f64,
    total: f64,
    row_bytes: f64,
    /// Whether the target is turned into indices of classes.
    indexed: bool,
    whitened: bool,
    compressed: bool,
}

fn square(side: f64) -> f64 {
    WORD * side * side
}

/// The largest of several phases.
pub(super) fn largest<const N: usize>(phases: [f64; N]) -> f64 {
    phases.into_iter().fold(0.0, f64::max)
}

impl<'a> Linear<'a> {
    pub(super) fn new(spec: &'a Spec, family: &dyn Family, data: &Dataset) -> Self {
        let classes = family.classes(&spec.model, data);
        let total = family.width(&spec.model, data).max(1) as f64;
        let k = family.response().outputs(classes.len()).max(1) as f64;
        let shape = losses::kind(&spec.loss).map_or(Shape::Quadratic, super::losses::LossKind::shape);
        let batched = spec.optimizer.integer("batch_size").is_some();
        Self {
            spec,
            shape,
            response: family.response(),
            p: (total / k).max(1.0),
            k,
            total,
            row_bytes: rows_of_data(data),
            indexed: matches!(classes.first(), Some(Label::Number(_))),
            whitened: spec.scaling.kind == "whiten",
            compressed: shape == Shape::Quadratic && !batched,
        }
    }

    /// Bytes at the peak, the data included.
    pub(super) fn bytes(&self, data: &Dataset, threads: usize) -> f64 {
        let rows = Rows::of(self.spec, data);
        let threads = threads.max(1) as f64;
        let beside = threads.min(SIDE_BY_SIDE as f64);
        let n = rows.training;
        let held = self.held(n) + self.objective() + self.judge(rows.judging);
        let order = self.order(n);
        let searching = match self.spec.restarts {
            Some(restarts) if restarts.count > 1 => {
                let own = ASIDE + ASIDE_VECTORS * WORD * self.total;
                let descent = self.objective() + order + self.stepping(n, 1.0);
                let one = descent.max(self.drawing(n, restarts.spread)) + own;
                beside.min(restarts.count as f64) * one + restarts.count as f64 * (WORD * self.total + 64.0)
            }
            _ => 0.0,
        };
        let phases = [
            self.making(n, threads),
            held + self.judging(rows.judging, threads),
            held + (order + self.stepping(n, threads)).max(searching),
            held + order + self.remembered() + self.reporting(n, rows, beside, threads),
        ];
        of_data(data) + rows.copies(self.row_bytes) + self.vectors() + largest(phases)
    }

    /// What does not depend on the rows and is small: vectors of coefficients, names.
    fn vectors(&self) -> f64 {
        BESIDE + (VECTORS * WORD + NAME_BYTES) * self.total
    }

    fn is_penalized(&self) -> bool {
        self.spec.penalty.l2 > 0.0
    }

    fn is_kinked(&self) -> bool {
        self.spec.penalty.l1 > 0.0 || !self.spec.bounds.is_empty()
    }

    /// The matrix of a penalty that is no diagonal.
    fn form(&self) -> f64 {
        if self.is_penalized() { square(self.p) } else { 0.0 }
    }

    /// The rows of batches in their order, which stay where they are until the report is made.
    fn order(&self, n: f64) -> f64 {
        if self.spec.optimizer.integer("batch_size").is_some() { 4.0 * n } else { 0.0 }
    }

    /// The vectors of a method that remembers its steps, and those of its checkpoint.
    fn remembered(&self) -> f64 {
        match optimizers::method(&self.spec.optimizer).map(|method| method.holds(&self.spec.optimizer)) {
            Some(Holds::Vectors(count)) => {
                let most = self.spec.stop.max_iterations.saturating_mul(2);
                2.0 * WORD * self.total * count.min(most) as f64
            }
            _ => 0.0,
        }
    }

    /// The rank of the columns with the penalty's rows below them, at most.
    fn rank(&self, n: f64) -> f64 {
        if self.is_penalized() { self.p } else { self.p.min(n) }
    }

    /// Coordinates of one output: whitened ones are as many as the rows can determine.
    fn inner(&self, n: f64) -> f64 {
        if self.whitened { self.rank(n) } else { self.p }
    }

    /// Room for a block of rows, for so many threads, and what each task comes to.
    fn scratch(&self, n: f64, threads: f64) -> f64 {
        let tasks = (n / CHUNK_ROWS).ceil();
        tasks.min(threads) * WORD * n.min(BLOCK_ROWS) * (self.p + self.k + 3.0) + tasks * (WORD * self.total + 96.0)
    }

    /// Folding the rows into triangles, one a task.
    fn compressing(&self, n: f64, threads: f64) -> f64 {
        let chunks = (n / FOLD_ROWS_MIN.max(4.0 * self.p)).ceil().max(1.0);
        chunks * square(self.p + 1.0) + chunks.min(threads) * WORD * n.min(BLOCK_ROWS) * (self.p + 1.0)
    }

    /// Until the problem is ready.
    fn making(&self, n: f64, threads: f64) -> f64 {
        let target = if self.indexed { WORD * n } else { 0.0 };
        let (p, rank) = (square(self.p), self.rank(n));
        let thin = WORD * self.p * rank;
        // Two triangles; the columns as they are factored, with the penalty below them; what the whitening is made of.
        let stacked = if self.is_penalized() { 2.0 * p } else { p };
        let whitening = 2.0 * p + self.form() + largest([stacked + p, stacked + thin, 3.0 * thin + square(rank)]);
        let quadratic = 2.0 * p + 2.0 * thin;
        let polish = quadratic + self.form() + self.scratch(n, threads);
        let spread = if self.chooses_scale() { 2.0 * WORD * n + self.scratch(n, 1.0) } else { 0.0 };
        target + largest([self.compressing(n, threads), whitening, polish, quadratic + spread])
    }

    fn chooses_scale(&self) -> bool {
        let scaled = losses::kind(&self.spec.loss).is_some_and(|kind| kind.scale_factor().is_some());
        scaled && self.spec.loss.number("delta").is_none()
    }

    /// The problem.
    fn held(&self, n: f64) -> f64 {
        2.0 * square(self.p) + 2.0 * WORD * self.p * self.rank(n) + if self.indexed { WORD * n } else { 0.0 }
    }

    /// The objective that is descended on.
    fn objective(&self) -> f64 {
        match (self.whitened, self.compressed) {
            (true, _) => self.form(),
            (false, true) => square(self.p),
            (false, false) => 0.0,
        }
    }

    /// The rows that judge, once they are ready.
    fn judge(&self, rows: f64) -> f64 {
        let target = if self.indexed { WORD * rows } else { 0.0 };
        if rows > 0.0 && self.shape == Shape::Quadratic { square(self.p) + target } else { target }
    }

    /// Until they are.
    fn judging(&self, rows: f64, threads: f64) -> f64 {
        let squares = rows > 0.0 && self.shape == Shape::Quadratic;
        if squares { self.compressing(rows, threads).max(2.0 * square(self.p)) } else { 0.0 }
    }

    /// The curvature of the loss over the rows, in so many coordinates an output.
    fn gram(&self, n: f64, inner: f64, threads: f64) -> f64 {
        let chunks = (n / CHUNK_ROWS.max(n / GRAM_CHUNKS_MAX)).ceil().max(1.0);
        let pairs = 0.5 * self.k * (self.k + 1.0);
        let block = WORD * n.min(BLOCK_ROWS) * (self.p + inner + self.k + pairs + 4.0);
        WORD * self.p * inner + chunks * square(inner * self.k) + chunks.min(threads) * block
    }

    /// A step of the method, and building it.
    fn stepping(&self, n: f64, threads: f64) -> f64 {
        let lengths = if !self.whitened && !self.compressed { square(self.p) + self.form() } else { 0.0 };
        // The rows of a batch are copied, a block at a time.
        let batch = self.spec.optimizer.integer("batch_size").map_or(0.0, |size| (size as f64).min(n));
        let pass = self.scratch(n, threads) + 4.0 * batch + self.row_bytes * batch.min(BLOCK_ROWS);
        // A descent on a compressed objective passes over no rows.
        let pass = if self.compressed { 0.0 } else { pass };
        let own = match optimizers::method(&self.spec.optimizer).map(|method| method.holds(&self.spec.optimizer)) {
            Some(Holds::Hessian) => {
                let inner = self.inner(n);
                let solved = if self.is_kinked() { 3.0 } else { 2.0 } * square(inner * self.k);
                let squares = 2.0 * square(self.p) + 2.0 * self.form();
                solved.max(if self.compressed { squares } else { self.gram(n, inner, threads) })
            }
            Some(Holds::Vectors(_)) => pass + self.remembered(),
            Some(Holds::Spectrum) if !self.whitened => 2.0 * square(self.p) + 2.0 * self.form(),
            Some(Holds::Lines) => self.lines(n),
            _ => 0.0,
        };
        // A penalty is brought into whitened coordinates beside what it was.
        largest([lengths, self.form(), pass, own])
    }

    /// Drawing where a descent begins: a fit of as many rows as there are coefficients.
    fn drawing(&self, n: f64, spread: Spread) -> f64 {
        let through_rows = spread == Spread::Rows && self.k < 2.0 && n >= self.p;
        if through_rows { self.p * (WORD * (self.p + 1.0) + 24.0) } else { 0.0 }
    }

    /// The rows as lines: reading them, and a step to their minimum.
    fn lines(&self, n: f64) -> f64 {
        let kinks = if self.spec.penalty.l1 > 0.0 { self.p } else { 0.0 } + 2.0 * self.spec.bounds.len() as f64;
        let lines = WORD * (n + kinks);
        let read = 3.0 * lines + 2.0 * square(self.p) + self.scratch(n, 1.0) + 3.0 * WORD * n.min(BLOCK_ROWS);
        lines * self.p + read.max(LINE_VECTORS * lines + 4.0 * square(self.p))
    }

    /// Whether directions without an optimum are looked for.
    fn may_recede(&self) -> bool {
        let counts = self.spec.loss.kind == "poisson";
        !self.is_penalized() && !self.is_kinked() && (self.response.is_classifier() || counts)
    }

    /// The linear program of such a direction.
    fn program(&self, n: f64) -> f64 {
        let blocks = (self.k - 1.0).max(1.0);
        let (width, lines) = (blocks * self.rank(n), 2.0 * n * blocks);
        if lines * width * width > PROGRAM_MAX {
            return 0.0;
        }
        WORD * lines * (width + PROGRAM_VECTORS) + 4.0 * square(width)
    }

    /// Telling what was found.
    fn reporting(&self, n: f64, rows: Rows, beside: f64, threads: f64) -> f64 {
        let smooth = matches!(self.shape, Shape::Likelihood | Shape::UnboundedLikelihood | Shape::Smooth);
        let own = square(self.inner(n) * self.k);
        // Half the Newton decrement is the distance to the optimum.
        let gap = if smooth && !self.is_kinked() {
            self.form() + largest([self.form(), self.gram(n, self.inner(n), threads), 2.0 * own])
        } else {
            0.0
        };
        let rank = self.rank(n);
        let (map, whitened) = (WORD * self.p * rank, square(rank * self.k));
        let receding = if self.may_recede() {
            (map + 3.0 * whitened).max(self.gram(n, rank, threads)).max(map + whitened + self.program(n))
        } else {
            0.0
        };
        let (errors, kept) = if self.may_infer(n) { self.inferring(n, threads) } else { (0.0, 0.0) };
        let folding = if rows.folds > 0.0 { kept + self.folding(n, rows.folds, beside) } else { 0.0 };
        let metrics = kept + self.metrics(n).max(self.metrics(rows.judging));
        self.scratch(n, 1.0) + largest([square(self.p), gap, receding, errors, folding, metrics])
    }

    /// Whether errors of the estimates can be told; the rows have to determine every coefficient for that.
    fn may_infer(&self, n: f64) -> bool {
        self.spec.covariance != Covariance::None
            && self.spec.penalty.l2 + self.spec.penalty.l1 <= 0.0
            && self.shape != Shape::PiecewiseLinear
            && n > self.p
    }

    /// Errors of the estimates: what finding them takes, and what is kept of them.
    fn inferring(&self, n: f64, threads: f64) -> (f64, f64) {
        let total = square(self.total);
        let robust = matches!(self.shape, Shape::Smooth | Shape::ManyMinima);
        let classical = self.spec.covariance == Covariance::Classical;
        let plain = self.shape == Shape::Quadratic || (robust && classical);
        let root = if plain { total } else { self.gram(n, self.p, threads).max(3.0 * total + square(self.p)) };
        let (by_row, diagnosed) = if self.spec.diagnostics { (3.0 * WORD * n, 2.0 * WORD * n) } else { (0.0, 0.0) };
        // The root with its form in data units or the covariance, or with what it is multiplied by.
        let spread = if classical { 3.0 * total } else { 4.0 * total } + diagnosed;
        let covariance = if self.total <= COVARIANCE_MAX as f64 { total } else { 0.0 };
        let band = if self.k < 2.0 { covariance } else { 0.0 };
        (largest([root, spread, total + by_row]), covariance + band + diagnosed)
    }

    /// Predictions and what is computed from them.
    fn metrics(&self, n: f64) -> f64 {
        // Scores in order are merged beside themselves.
        let merged = if n > SORTED_AT_ONCE { 1.0 } else { 0.0 };
        let vectors = match self.response {
            Response::Identity => 2.0,
            Response::Sigmoid => 2.0 + merged,
            Response::Exponential => 4.0,
            Response::Softmax => self.k + if self.k < 2.5 { 1.0 + merged } else { 0.0 },
        };
        WORD * n * vectors
    }

    /// The folds that run at the same time, and what is kept of all.
    fn folding(&self, n: f64, folds: f64, beside: f64) -> f64 {
        let part = n / folds;
        let training = n - part;
        // First the training rows with the list of them, then the judging ones too; the lists of those stay.
        let chosen = self.row_bytes * training + WORD * training;
        let copies = self.row_bytes * n;
        let held = self.held(training) + self.objective();
        let again = if self.spec.restarts.is_some_and(|restarts| restarts.count > 1) { self.objective() } else { 0.0 };
        let phases = [
            self.making(training, 1.0),
            held + again + self.stepping(training, 1.0),
            held + self.judging(part, 1.0).max(self.judge(part) + WORD * part * self.k + self.scratch(part, 1.0)),
        ];
        let fitting = copies + self.order(training) + largest(phases);
        let one = chosen.max(fitting) + ASIDE_VECTORS * WORD * self.total + ASIDE;
        // What the folds leave, and in the end their predictions in one.
        (beside.min(folds) * one).max(WORD * n * self.k) + WORD * n * (1.0 + self.k)
    }
}
