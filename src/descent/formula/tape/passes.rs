//! Walks over the tape: values and slopes of a block, columns of the Jacobian, the gradient.

use super::blocks::{Arg, add_product, arg, chained, operate, zip};
use super::{BLOCK_ROWS, Place, Slope, Tape, Uniforms, Workspace};
use crate::descent::Lanes;
use crate::descent::formula::graph::{Id, Node};

impl Uniforms {
    /// All parameters, the tied ones computed.
    pub(in crate::descent) fn parameters(&self) -> &[f64] {
        &self.parameters
    }
}

impl Tape {
    /// The uniform nodes at these parameters, in the order of all parameters; values of tied ones are ignored.
    pub(in crate::descent) fn uniforms(&self, parameters: &[f64]) -> Uniforms {
        let mut values = vec![0.0; self.uniform_slots];
        let mut tangents = vec![vec![0.0; self.uniform_slots]; self.free.len()];
        for id in 0..self.nodes.len() {
            let Place::Uniform(slot) = self.places[id] else { continue };
            let node = self.nodes[id];
            let [a, b] = node.operands().map(|operand| operand.map_or(0.0, |id| self.uniform(id, &values)));
            values[slot] = match node {
                Node::Parameter(index) => parameters.get(index as usize).copied().unwrap_or(f64::NAN),
                _ => node.value(a, b),
            };
        }
        // The slopes' nodes have values by now.
        for (k, tangents) in tangents.iter_mut().enumerate() {
            for id in &self.reach[k] {
                let Place::Uniform(slot) = self.places[*id as usize] else { continue };
                tangents[slot] = match self.nodes[*id as usize] {
                    Node::Parameter(_) => 1.0,
                    _ => self.slopes[*id as usize]
                        .into_iter()
                        .flatten()
                        .map(|(operand, slope)| {
                            chained(self.uniform_slope(slope, &values), self.uniform(operand, tangents))
                        })
                        .sum(),
                };
            }
        }
        let mut all = parameters.to_vec();
        all.resize(self.parameters, 0.0);
        self.ties.iter().for_each(|(index, id)| all[*index] = self.uniform(*id, &values));
        Uniforms { parameters: all, values, tangents }
    }

    fn uniform(&self, id: Id, values: &[f64]) -> f64 {
        match self.places[id as usize] {
            Place::Uniform(slot) => values[slot],
            _ => 0.0,
        }
    }

    fn uniform_slope(&self, slope: Slope, values: &[f64]) -> f64 {
        match slope {
            Slope::One => 1.0,
            Slope::MinusOne => -1.0,
            Slope::Node(id) => self.uniform(id, values),
        }
    }

    /// The slopes of all parameters by the free ones: a row each of all parameters, a column each of the free ones.
    pub(in crate::descent) fn ties(&self, uniforms: &Uniforms) -> Vec<Vec<f64>> {
        let mut rows = vec![vec![0.0; self.free.len()]; self.parameters];
        for (k, index) in self.free.iter().enumerate() {
            rows[*index as usize][k] = 1.0;
        }
        for (index, id) in &self.ties {
            for (k, tangents) in uniforms.tangents.iter().enumerate() {
                rows[*index][k] = self.uniform(*id, tangents);
            }
        }
        rows
    }

    /// Room for a block.
    pub(in crate::descent) fn workspace(&self) -> Workspace {
        let rows = self.row_slots * BLOCK_ROWS;
        Workspace {
            values: vec![0.0; rows],
            moves: vec![0.0; rows],
            spread: [vec![0.0; BLOCK_ROWS], vec![0.0; BLOCK_ROWS]],
        }
    }

    /// Evaluates a block of at most [`BLOCK_ROWS`] rows: the value into `out`. `columns` are equally long slices.
    pub(in crate::descent) fn evaluate(
        &self,
        uniforms: &Uniforms,
        columns: &[&[f64]],
        lanes: Lanes,
        room: &mut Workspace,
        out: &mut [f64],
    ) {
        self.compute(&self.values, uniforms, columns, lanes, room, out.len());
        match self.places[self.root as usize] {
            Place::Rows(slot) => out.copy_from_slice(&room.values[slot * BLOCK_ROWS..slot * BLOCK_ROWS + out.len()]),
            _ => out.fill(self.uniform(self.root, &uniforms.values)),
        }
    }

    /// Evaluates the slopes of the block that was evaluated last, of so many rows.
    pub(in crate::descent) fn incline(
        &self,
        uniforms: &Uniforms,
        columns: &[&[f64]],
        lanes: Lanes,
        room: &mut Workspace,
        rows: usize,
    ) {
        self.compute(&self.beside, uniforms, columns, lanes, room, rows);
    }

    fn compute(
        &self,
        ids: &[Id],
        uniforms: &Uniforms,
        columns: &[&[f64]],
        lanes: Lanes,
        room: &mut Workspace,
        rows: usize,
    ) {
        let Workspace { values, spread, .. } = room;
        for id in ids {
            let Place::Rows(slot) = self.places[*id as usize] else { continue };
            let node = self.nodes[*id as usize];
            // A node's operands have lower numbers, and so lower slots.
            let (before, rest) = values.split_at_mut(slot * BLOCK_ROWS);
            let operand = |id: Option<Id>| {
                id.map_or(Arg::One(0.0), |id| arg(self.places[id as usize], &uniforms.values, before, BLOCK_ROWS, rows))
            };
            let [a, b] = node.operands().map(operand);
            let a = if let Node::Column(index) = node { Arg::Rows(columns[index as usize]) } else { a };
            operate(node, a, b, lanes, spread, &mut rest[..rows]);
        }
    }

    /// The slope of an operation as an operand.
    fn slope<'a>(&self, slope: Slope, uniforms: &Uniforms, values: &'a [f64], rows: usize) -> Arg<'a> {
        match slope {
            Slope::One => Arg::One(1.0),
            Slope::MinusOne => Arg::One(-1.0),
            Slope::Node(id) => arg(self.places[id as usize], &uniforms.values, values, BLOCK_ROWS, rows),
        }
    }

    /// The block's column of the Jacobian by one free parameter, after [`Tape::incline`].
    pub(in crate::descent) fn column(&self, free: usize, uniforms: &Uniforms, room: &mut Workspace, out: &mut [f64]) {
        let rows = out.len();
        let Workspace { values, moves, .. } = room;
        let tangents = &uniforms.tangents[free];
        let reach = &self.reach[free];
        for id in reach {
            let Place::Rows(slot) = self.places[*id as usize] else { continue };
            let (before, rest) = moves.split_at_mut(slot * BLOCK_ROWS);
            let to = &mut rest[..rows];
            let mut first = true;
            for (operand, slope) in self.slopes[*id as usize].into_iter().flatten() {
                if reach.binary_search(&operand).is_err() {
                    continue;
                }
                let slope = self.slope(slope, uniforms, values, rows);
                let tangent = arg(self.places[operand as usize], tangents, before, BLOCK_ROWS, rows);
                if first {
                    zip(slope, tangent, to, chained);
                } else {
                    add_product(slope, tangent, to);
                }
                first = false;
            }
            if first {
                to.fill(0.0);
            }
        }
        match self.places[self.root as usize] {
            Place::Rows(slot) if reach.binary_search(&self.root).is_ok() => {
                out.copy_from_slice(&moves[slot * BLOCK_ROWS..slot * BLOCK_ROWS + rows]);
            }
            Place::Uniform(slot) => out.fill(tangents[slot]),
            _ => out.fill(0.0),
        }
    }

    /// Adds what the block's rows, each with the slope `seeds` of a sum by its value, say of the uniform nodes, after
    /// [`Tape::incline`]. `adjoint` has a number a uniform slot; [`Tape::gradient`] turns it into slopes by parameters.
    pub(in crate::descent) fn pull(
        &self,
        uniforms: &Uniforms,
        seeds: &[f64],
        lanes: Lanes,
        room: &mut Workspace,
        adjoint: &mut [f64],
    ) {
        let rows = seeds.len();
        let root = match self.places[self.root as usize] {
            Place::Rows(slot) => slot,
            Place::Uniform(slot) => {
                adjoint[slot] += seeds.iter().sum::<f64>();
                return;
            }
            Place::Nowhere => return,
        };
        let Workspace { values, moves, spread } = room;
        for id in &self.values {
            if let Place::Rows(slot) = self.places[*id as usize] {
                moves[slot * BLOCK_ROWS..slot * BLOCK_ROWS + rows].fill(0.0);
            }
        }
        moves[root * BLOCK_ROWS..root * BLOCK_ROWS + rows].copy_from_slice(seeds);
        for id in self.values.iter().rev() {
            let Place::Rows(slot) = self.places[*id as usize] else { continue };
            let (before, rest) = moves.split_at_mut(slot * BLOCK_ROWS);
            let own = &rest[..rows];
            for (operand, slope) in self.slopes[*id as usize].into_iter().flatten() {
                let slope = self.slope(slope, uniforms, values, rows);
                match self.places[operand as usize] {
                    Place::Rows(slot) => {
                        add_product(slope, Arg::Rows(own), &mut before[slot * BLOCK_ROWS..slot * BLOCK_ROWS + rows]);
                    }
                    Place::Uniform(slot) => {
                        let products = &mut spread[0][..rows];
                        zip(slope, Arg::Rows(own), products, chained);
                        adjoint[slot] += lanes.sum(products);
                    }
                    Place::Nowhere => {}
                }
            }
        }
    }

    /// Numbers that [`Tape::pull`] adds to.
    pub(in crate::descent) fn adjoint(&self) -> Vec<f64> {
        vec![0.0; self.uniform_slots]
    }

    /// The gradient by the free parameters of the sum whose adjoint this is.
    pub(in crate::descent) fn gradient(&self, uniforms: &Uniforms, mut adjoint: Vec<f64>) -> Vec<f64> {
        for id in self.values.iter().rev() {
            let Place::Uniform(slot) = self.places[*id as usize] else { continue };
            for (operand, slope) in self.slopes[*id as usize].into_iter().flatten() {
                if let Place::Uniform(to) = self.places[operand as usize] {
                    adjoint[to] += chained(self.uniform_slope(slope, &uniforms.values), adjoint[slot]);
                }
            }
        }
        let of = |index: &u32| {
            let node = self.nodes.iter().position(|node| *node == Node::Parameter(*index));
            node.map_or(0.0, |id| self.uniform(id as Id, &adjoint))
        };
        self.free.iter().map(of).collect()
    }
}
