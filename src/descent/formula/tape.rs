//! The tape: a graph in the order in which it is evaluated, a block of rows at a time, with the slope of every operation
//! by its operands as further nodes of the same graph. Forward mode gives a column of the Jacobian a parameter, reverse
//! mode the gradient of any sum over rows (Griewank & Walther 2008, ch. 3).
//!
//! What depends on no column is *uniform*: one number, computed once an evaluation, not once a row.

mod blocks;
mod passes;
mod slopes;

use super::graph::{Graph, Id, Node};
use super::linear::linear;
use slopes::{Slope, slopes};

/// Rows a block: a few dozen operations on so many rows stay in the inner caches.
pub(in crate::descent) const BLOCK_ROWS: usize = 256;

/// Where the value of a node is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// Not computed: nothing needs it.
    Nowhere,
    /// One number.
    Uniform(usize),
    /// A number a row.
    Rows(usize),
}

/// A compiled formula.
#[derive(Clone, Debug)]
pub(in crate::descent) struct Tape {
    nodes: Vec<Node>,
    places: Vec<Place>,
    root: Id,
    /// Nodes that the value needs, and those that the slopes need beside them; ascending.
    values: Vec<Id>,
    beside: Vec<Id>,
    /// By node that depends on a free parameter: its operands that do too, and the slope by each.
    slopes: Vec<[Option<(Id, Slope)>; 2]>,
    /// By free parameter: the nodes of `values` that depend on it, ascending.
    reach: Vec<Vec<Id>>,
    /// The free parameters' indices among all.
    free: Vec<u32>,
    /// The parameters that are tied, and their nodes.
    ties: Vec<(usize, Id)>,
    parameters: usize,
    /// Of the free parameters, those in which the formula is jointly linear.
    linear: Vec<usize>,
    uniform_slots: usize,
    row_slots: usize,
}

/// The uniform nodes at some parameters: values by slot, and tangents by free parameter and slot.
#[derive(Clone, Debug)]
pub(in crate::descent) struct Uniforms {
    parameters: Vec<f64>,
    values: Vec<f64>,
    tangents: Vec<Vec<f64>>,
}

/// Room for one block of rows.
#[derive(Clone, Debug)]
pub(in crate::descent) struct Workspace {
    values: Vec<f64>,
    /// Tangents or adjoints.
    moves: Vec<f64>,
    spread: [Vec<f64>; 2],
}

impl Tape {
    pub(super) fn new(mut graph: Graph, root: Id, ties: &[(usize, Id)], parameters: usize, free: &[u32]) -> Self {
        let count = graph.nodes().len();
        let mut wanted = vec![false; count];
        wanted[root as usize] = true;
        ties.iter().for_each(|(_, id)| wanted[*id as usize] = true);
        want_operands(graph.nodes(), &mut wanted);
        let depends: Vec<Vec<bool>> = free.iter().map(|parameter| dependents(graph.nodes(), *parameter)).collect();
        let moves = |id: usize| depends.iter().any(|by| by[id]);
        let mut by_node = vec![[None, None]; count];
        for id in (0..count).filter(|id| wanted[*id] && moves(*id)) {
            for (place, found) in slopes(&mut graph, id as Id).into_iter().enumerate() {
                by_node[id][place] = found.filter(|(operand, _)| moves(*operand as usize));
            }
        }
        let values: Vec<Id> = (0..count as Id).filter(|id| wanted[*id as usize]).collect();
        // The slopes' nodes come after all values.
        let mut needed = vec![false; graph.nodes().len()];
        needed[..count].copy_from_slice(&wanted);
        for (_, slope) in by_node.iter().flatten().flatten() {
            if let Slope::Node(id) = slope {
                needed[*id as usize] = true;
            }
        }
        want_operands(graph.nodes(), &mut needed);
        let is_value = |id: Id| wanted.get(id as usize).copied().unwrap_or(false);
        let beside = (0..needed.len() as Id).filter(|id| needed[*id as usize] && !is_value(*id)).collect();
        let mut places = Vec::with_capacity(needed.len());
        let (mut uniform_slots, mut row_slots) = (0, 0);
        let rows = row_nodes(graph.nodes());
        for id in 0..needed.len() {
            let slot = if rows[id] { &mut row_slots } else { &mut uniform_slots };
            places.push(match (needed[id], rows[id]) {
                (false, _) => Place::Nowhere,
                (true, true) => Place::Rows(*slot),
                (true, false) => Place::Uniform(*slot),
            });
            *slot += usize::from(needed[id]);
        }
        let reach = depends
            .iter()
            .map(|by| (0..count as Id).filter(|id| wanted[*id as usize] && by[*id as usize]).collect())
            .collect();
        let used: Vec<u32> = free.iter().zip(&depends).filter(|(_, by)| by[root as usize]).map(|(k, _)| *k).collect();
        let chosen = linear(graph.nodes(), root, &used);
        let linear = (0..free.len()).filter(|k| chosen.contains(&free[*k])).collect();
        Self {
            nodes: graph.nodes().to_vec(),
            places,
            root,
            values,
            beside,
            slopes: by_node,
            reach,
            free: free.to_vec(),
            ties: ties.to_vec(),
            parameters,
            linear,
            uniform_slots,
            row_slots,
        }
    }

    /// The number of free parameters.
    pub(in crate::descent) fn width(&self) -> usize {
        self.free.len()
    }

    /// The free parameters' indices among all.
    pub(in crate::descent) fn free(&self) -> impl Iterator<Item = usize> {
        self.free.iter().map(|index| *index as usize)
    }

    /// Of the free parameters, those in which the formula is jointly linear.
    pub(in crate::descent) fn linear(&self) -> &[usize] {
        &self.linear
    }

    /// Whether the formula's value depends on this free parameter.
    pub(in crate::descent) fn uses(&self, free: usize) -> bool {
        self.reach[free].contains(&self.root)
    }

    /// Bytes that a [`Workspace`] holds.
    pub(in crate::descent) fn workspace_bytes(&self) -> u64 {
        ((2 * self.row_slots + 2) * BLOCK_ROWS * 8) as u64
    }

    /// Bytes of the tape itself, and of its uniform nodes at some parameters.
    pub(in crate::descent) fn bytes(&self) -> u64 {
        let lists = self.values.len() + self.beside.len() + self.reach.iter().map(Vec::len).sum::<usize>();
        let nodes = self.nodes.len() * (size_of::<Node>() + size_of::<Place>());
        let slopes = self.slopes.len() * size_of::<[Option<(Id, Slope)>; 2]>();
        let uniforms = (self.free.len() + 1) * self.uniform_slots * 8;
        (2 * (4 * lists + nodes + slopes) + uniforms) as u64
    }

    /// Operations a row for the value, its slopes and a column of the Jacobian or the gradient.
    pub(in crate::descent) fn operations(&self) -> f64 {
        (self.values.len() + self.beside.len() + 2 * self.reach.iter().map(Vec::len).sum::<usize>()) as f64
    }
}

/// Marks the operands of what is marked.
fn want_operands(nodes: &[Node], wanted: &mut [bool]) {
    for id in (0..nodes.len().min(wanted.len())).rev() {
        if wanted[id] {
            nodes[id].operands().into_iter().flatten().for_each(|operand| wanted[operand as usize] = true);
        }
    }
}

/// Which nodes depend on a parameter.
fn dependents(nodes: &[Node], parameter: u32) -> Vec<bool> {
    let mut depends: Vec<bool> = Vec::with_capacity(nodes.len());
    for node in nodes {
        let through = node.operands().into_iter().flatten().any(|operand| depends[operand as usize]);
        depends.push(through || *node == Node::Parameter(parameter));
    }
    depends
}

/// Which nodes have a value a row.
fn row_nodes(nodes: &[Node]) -> Vec<bool> {
    let mut rows: Vec<bool> = Vec::with_capacity(nodes.len());
    for node in nodes {
        let through = node.operands().into_iter().flatten().any(|operand| rows[operand as usize]);
        rows.push(through || matches!(node, Node::Column(_)));
    }
    rows
}
