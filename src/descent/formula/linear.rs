//! In which parameters a formula is linear: for fixed values of the others it is f₀ + Σ θₖφₖ, and least squares can solve
//! for these θ exactly (variable projection, Golub & Pereyra 1973).

use super::graph::{Id, Node};

/// Of `candidates`, a set in which the value at `root` is jointly linear, chosen in their order.
pub(super) fn linear(nodes: &[Node], root: Id, candidates: &[u32]) -> Vec<u32> {
    let mut chosen: Vec<u32> = Vec::new();
    for candidate in candidates {
        chosen.push(*candidate);
        if degree(nodes, root, &chosen) != Some(1) {
            chosen.pop();
        }
    }
    chosen
}

/// The degree, 0 or 1, of the root as a polynomial in these parameters together; nothing where it is another function.
fn degree(nodes: &[Node], root: Id, of: &[u32]) -> Option<u8> {
    let mut degrees: Vec<Option<u8>> = Vec::with_capacity(root as usize + 1);
    for node in &nodes[..=root as usize] {
        let at = |id: Id| degrees[id as usize];
        let degree = match *node {
            Node::Number(_) | Node::Column(_) => Some(0),
            Node::Parameter(parameter) => Some(u8::from(of.contains(&parameter))),
            Node::Add(a, b) | Node::Subtract(a, b) => at(a).zip(at(b)).map(|(a, b)| a.max(b)),
            Node::Multiply(a, b) => at(a).zip(at(b)).map(|(a, b)| a + b).filter(|sum| *sum <= 1),
            Node::Divide(a, b) => at(a).filter(|_| at(b) == Some(0)),
            Node::Negate(a) => at(a),
            other => {
                let constant = other.operands().into_iter().flatten().all(|operand| at(operand) == Some(0));
                constant.then_some(0)
            }
        };
        degrees.push(degree);
    }
    degrees[root as usize]
}
