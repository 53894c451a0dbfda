//! The rows of a fit to a curve: the one place here that walks over them. Blocks and chunks have fixed boundaries, so that
//! the bits do not depend on how many threads took part.

use std::sync::Arc;

use crate::descent::formula::{BLOCK_ROWS, Tape, Uniforms, Workspace};
use crate::descent::losses::Loss;
use crate::descent::spec::{Spec, Weights};
use crate::descent::tree::{gather, sum_in_tree};
use crate::descent::triangle::Triangle;
use crate::descent::{Dataset, Lanes, Team};

/// Rows a task of a pass.
const CHUNK_ROWS: usize = 32 * BLOCK_ROWS;

/// Columns, target and weights of the rows that count: every weight is above 0.
pub(super) struct Sample {
    columns: Vec<Arc<[f64]>>,
    target: Arc<[f64]>,
    weights: Option<Arc<[f64]>>,
    /// W: the sum of the weights.
    pub(super) weight_sum: f64,
    pub(super) lanes: Lanes,
}

/// One block of rows.
struct Block<'a> {
    columns: Vec<&'a [f64]>,
    target: &'a [f64],
    weights: &'a [f64],
}

/// What a pass with slopes comes to.
pub(super) struct Sums {
    /// Σ wℓ.
    pub(super) loss: f64,
    /// What the rows say of the uniform nodes: see [`Tape::pull`].
    pub(super) adjoint: Vec<f64>,
}

/// A loss linearized about some parameters: Σ wℓ there, and the triangle of the rows [√(c/2)·J  s/√(2c)], s the weighted slope
/// and c the weighted curvature of a row's loss. Of the squared error it is [√w·J  √w·r].
pub(super) struct Linearized {
    pub(super) loss: f64,
    pub(super) triangle: Triangle,
}

impl Sample {
    /// Binds these columns, the target and the weights; nothing if the data lacks one.
    pub(super) fn new(
        columns: &[String],
        target: &str,
        weights: Option<&Weights>,
        data: &Dataset,
        lanes: Lanes,
    ) -> Option<Self> {
        let columns = columns.iter().map(|name| data.column(name).cloned()).collect::<Option<Vec<_>>>()?;
        let target = data.column(target)?.clone();
        let weights = match weights {
            Some(weights) => Some(data.column(&weights.column)?.clone()),
            None => None,
        };
        let weight_sum = weights.as_ref().map_or(target.len() as f64, |weights| sum_in_tree(weights));
        Some(Self { columns, target, weights, weight_sum, lanes })
    }

    /// Whether a pass over the rows has more than one block, between which it may be left.
    pub(super) fn is_long(&self) -> bool {
        self.rows() > BLOCK_ROWS
    }

    pub(super) fn rows(&self) -> usize {
        self.target.len()
    }

    pub(super) fn target(&self) -> &[f64] {
        &self.target
    }

    pub(super) fn weight(&self, row: usize) -> f64 {
        self.weights.as_ref().map_or(1.0, |weights| weights[row])
    }

    /// Target and weights as data, under the names that the specification has for them.
    pub(super) fn dataset(&self, spec: &Spec) -> Option<Dataset> {
        let mut columns = vec![(spec.model.text("target")?.to_owned(), self.target.to_vec())];
        if let (Some(weights), Some(values)) = (&spec.weights, &self.weights)
            && weights.column != columns[0].0
        {
            columns.push((weights.column.clone(), values.to_vec()));
        }
        Dataset::new(columns).ok()
    }

    /// The blocks of some rows, one after another, until the team gives up.
    fn blocks(&self, from: usize, end: usize, team: &dyn Team, mut each: impl FnMut(usize, &Block<'_>)) {
        let ones = [1.0; BLOCK_ROWS];
        for from in (from..end).step_by(BLOCK_ROWS) {
            if from > 0 && team.gives_up() {
                return;
            }
            let to = end.min(from + BLOCK_ROWS);
            let columns = self.columns.iter().map(|column| &column[from..to]).collect();
            let weights = self.weights.as_ref().map_or(&ones[..to - from], |weights| &weights[from..to]);
            each(from, &Block { columns, target: &self.target[from..to], weights });
        }
    }

    /// These rows alone, as a sample of their own.
    fn picked(&self, rows: &[u32]) -> Self {
        let of = |column: &Arc<[f64]>| rows.iter().map(|row| column[*row as usize]).collect();
        Self {
            columns: self.columns.iter().map(of).collect(),
            target: of(&self.target),
            weights: self.weights.as_ref().map(of),
            weight_sum: self.weight_sum,
            lanes: self.lanes,
        }
    }

    fn sums_of(
        &self,
        tape: &Tape,
        uniforms: &Uniforms,
        loss: &dyn Loss,
        (from, end): (usize, usize),
        team: &dyn Team,
    ) -> Sums {
        let mut sums = Sums { loss: 0.0, adjoint: tape.adjoint() };
        let mut room = tape.workspace();
        let mut eta = [0.0; BLOCK_ROWS];
        self.blocks(from, end, team, |_, block| {
            let eta = &mut eta[..block.target.len()];
            tape.evaluate(uniforms, &block.columns, self.lanes, &mut room, eta);
            sums.loss += slopes(loss, eta, block, self.lanes);
            tape.incline(uniforms, &block.columns, self.lanes, &mut room, eta.len());
            tape.pull(uniforms, eta, self.lanes, &mut room, &mut sums.adjoint);
        });
        sums
    }

    /// Σ wℓ and its slopes.
    pub(super) fn sums(&self, tape: &Tape, uniforms: &Uniforms, loss: &dyn Loss, team: &dyn Team) -> Sums {
        let part = |from, end| Some(self.sums_of(tape, uniforms, loss, (from, end), team));
        let whole = gather(self.rows(), CHUNK_ROWS, team, &part, |first: &mut Sums, second| {
            first.loss += second.loss;
            first.adjoint.iter_mut().zip(&second.adjoint).for_each(|(sum, part)| *sum += part);
        });
        whole.unwrap_or_else(|| Sums { loss: 0.0, adjoint: tape.adjoint() })
    }

    /// The same over these rows alone.
    pub(super) fn sums_of_rows(
        &self,
        tape: &Tape,
        uniforms: &Uniforms,
        loss: &dyn Loss,
        rows: &[u32],
        team: &dyn Team,
    ) -> Sums {
        let picked = self.picked(rows);
        picked.sums_of(tape, uniforms, loss, (0, rows.len()), team)
    }

    /// Σ wℓ alone.
    pub(super) fn loss(&self, tape: &Tape, uniforms: &Uniforms, loss: &dyn Loss, team: &dyn Team) -> f64 {
        let part = |from, end| {
            let mut sum = 0.0;
            let mut room = tape.workspace();
            let mut eta = [0.0; BLOCK_ROWS];
            self.blocks(from, end, team, |_, block| {
                let eta = &mut eta[..block.target.len()];
                tape.evaluate(uniforms, &block.columns, self.lanes, &mut room, eta);
                sum += slopes(loss, eta, block, self.lanes);
            });
            Some(sum)
        };
        gather(self.rows(), CHUNK_ROWS, team, &part, |first: &mut f64, second| *first += second).unwrap_or(0.0)
    }

    /// The loss linearized by the free parameters.
    pub(super) fn linearized(
        &self,
        tape: &Tape,
        uniforms: &Uniforms,
        loss: &dyn Loss,
        team: &dyn Team,
    ) -> Option<Linearized> {
        let width = tape.width();
        let part = |from, end| {
            let mut out = Linearized { loss: 0.0, triangle: Triangle::empty(width + 1) };
            let mut room = tape.workspace();
            let mut block_of = vec![0.0; (width + 1) * BLOCK_ROWS];
            let mut bends = [0.0; BLOCK_ROWS];
            self.blocks(from, end, team, |_, block| {
                let rows = block.target.len();
                let (jacobian, rest) = block_of.split_at_mut(width * rows);
                let eta = &mut rest[..rows];
                tape.evaluate(uniforms, &block.columns, self.lanes, &mut room, eta);
                let bends = &mut bends[..rows];
                loss.curvatures(eta, block.target, block.weights, bends);
                out.loss += slopes(loss, eta, block, self.lanes);
                tape.incline(uniforms, &block.columns, self.lanes, &mut room, rows);
                for (k, column) in jacobian.chunks_exact_mut(rows).enumerate() {
                    tape.column(k, uniforms, &mut room, column);
                }
                for row in 0..rows {
                    let root = (0.5 * bends[row]).sqrt();
                    eta[row] = if root > 0.0 { 0.5 * eta[row] / root } else { 0.0 };
                    bends[row] = root;
                }
                for column in jacobian.chunks_exact_mut(rows) {
                    for (value, root) in column.iter_mut().zip(bends.iter()) {
                        // A row far off may have no curvature left; then it says nothing here.
                        *value = if *root > 0.0 { *value * root } else { 0.0 };
                    }
                }
                let block = &mut block_of[..(width + 1) * rows];
                if block.iter().all(|value| value.is_finite()) {
                    out.triangle.absorb(self.lanes, block, rows);
                } else {
                    out.loss = f64::NAN;
                }
            });
            Some(out)
        };
        let merge = |first: &mut Linearized, second: Linearized| {
            first.loss += second.loss;
            first.triangle.merge(self.lanes, second.triangle, &|| false);
        };
        gather(self.rows(), CHUNK_ROWS, team, &part, merge).filter(|whole| whole.loss.is_finite())
    }

    /// The triangle of [√w·φ  √w·(y − f₀)] for the functions φ of the parameters `linear`, where f₀ is the value at these
    /// uniforms, in which those parameters are 0.
    pub(super) fn linear(
        &self,
        tape: &Tape,
        uniforms: &Uniforms,
        linear: &[usize],
        team: &dyn Team,
    ) -> Option<Triangle> {
        let width = linear.len();
        let part = |from, end| {
            let mut out = Some(Triangle::empty(width + 1));
            let mut room = tape.workspace();
            let mut block_of = vec![0.0; (width + 1) * BLOCK_ROWS];
            self.blocks(from, end, team, |_, block| {
                let rows = block.target.len();
                let (functions, rest) = block_of.split_at_mut(width * rows);
                let eta = &mut rest[..rows];
                tape.evaluate(uniforms, &block.columns, self.lanes, &mut room, eta);
                tape.incline(uniforms, &block.columns, self.lanes, &mut room, rows);
                for (column, k) in functions.chunks_exact_mut(rows).zip(linear) {
                    tape.column(*k, uniforms, &mut room, column);
                }
                for (value, y) in eta.iter_mut().zip(block.target) {
                    *value = y - *value;
                }
                let columns = &mut block_of[..(width + 1) * rows];
                for column in columns.chunks_exact_mut(rows) {
                    for (value, weight) in column.iter_mut().zip(block.weights) {
                        *value *= weight.sqrt();
                    }
                }
                if columns.iter().all(|value| value.is_finite()) {
                    if let Some(triangle) = &mut out {
                        triangle.absorb(self.lanes, columns, rows);
                    }
                } else {
                    out = None;
                }
            });
            Some(out)
        };
        let merge = |first: &mut Option<Triangle>, second: Option<Triangle>| match (first.as_mut(), second) {
            (Some(first), Some(second)) => first.merge(self.lanes, second, &|| false),
            _ => *first = None,
        };
        gather(self.rows(), CHUNK_ROWS, team, &part, merge).flatten()
    }

    /// The value of every row.
    pub(super) fn predictions(&self, tape: &Tape, uniforms: &Uniforms, team: &dyn Team) -> Vec<f64> {
        let mut out = vec![0.0; self.rows()];
        let mut room = tape.workspace();
        self.blocks(0, self.rows(), team, |from, block| {
            let rows = block.target.len();
            tape.evaluate(uniforms, &block.columns, self.lanes, &mut room, &mut out[from..from + rows]);
        });
        out
    }

    /// The columns of the Jacobian by the free parameters.
    pub(super) fn jacobian(&self, tape: &Tape, uniforms: &Uniforms, team: &dyn Team) -> Vec<Vec<f64>> {
        // Not `vec![column; width]`, which makes one column more.
        let mut out: Vec<Vec<f64>> = (0..tape.width()).map(|_| vec![0.0; self.rows()]).collect();
        let mut room = tape.workspace();
        let mut value = [0.0; BLOCK_ROWS];
        self.blocks(0, self.rows(), team, |from, block| {
            let rows = block.target.len();
            fill(tape, uniforms, &block.columns, self.lanes, &mut room, &mut value[..rows]);
            for (k, column) in out.iter_mut().enumerate() {
                tape.column(k, uniforms, &mut room, &mut column[from..from + rows]);
            }
        });
        out
    }

    /// The first row whose value, slopes or loss are not finite.
    pub(super) fn first_not_finite(
        &self,
        tape: &Tape,
        uniforms: &Uniforms,
        loss: &dyn Loss,
        team: &dyn Team,
    ) -> Option<u64> {
        if uniforms.parameters().iter().any(|value| !value.is_finite()) {
            // A tie is at fault, not a row.
            return None;
        }
        let mut room = tape.workspace();
        let mut value = [0.0];
        let wanted = |row: &usize| !row.is_multiple_of(BLOCK_ROWS) || !team.gives_up();
        (0..self.rows()).take_while(wanted).find_map(|row| {
            let columns: Vec<&[f64]> = self.columns.iter().map(|column| &column[row..=row]).collect();
            fill(tape, uniforms, &columns, self.lanes, &mut room, &mut value);
            let mut slope = value;
            let sum = loss.slopes(&mut slope, &self.target[row..=row], &[self.weight(row)], self.lanes);
            let mut finite = value[0].is_finite() && sum.is_finite();
            for k in 0..tape.width() {
                tape.column(k, uniforms, &mut room, &mut value);
                finite &= value[0].is_finite();
            }
            (!finite).then_some(row as u64)
        })
    }
}

/// Values and slopes of a block, ready for [`Tape::column`].
fn fill(tape: &Tape, uniforms: &Uniforms, columns: &[&[f64]], lanes: Lanes, room: &mut Workspace, value: &mut [f64]) {
    tape.evaluate(uniforms, columns, lanes, room, value);
    tape.incline(uniforms, columns, lanes, room, value.len());
}

/// Turns the values of a block into slopes of the loss and returns Σ wℓ.
fn slopes(loss: &dyn Loss, eta: &mut [f64], block: &Block<'_>, lanes: Lanes) -> f64 {
    loss.slopes(eta, block.target, block.weights, lanes)
}
