//! The slope of each operation by its operands, as nodes of the same graph: what value and slope have in common is
//! computed once.

use crate::descent::elementary::{Binary, Unary};
use crate::descent::formula::graph::{Graph, Id, Node};

/// A slope by one operand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Slope {
    One,
    MinusOne,
    Node(Id),
}

const LN_10: f64 = std::f64::consts::LN_10;
const LN_2: f64 = std::f64::consts::LN_2;

/// The slopes of the node by its operands, those that are 0 everywhere left out.
pub(super) fn slopes(graph: &mut Graph, id: Id) -> [Option<(Id, Slope)>; 2] {
    let node = graph.nodes()[id as usize];
    match node {
        Node::Number(_) | Node::Column(_) | Node::Parameter(_) => [None, None],
        Node::Add(a, b) => [Some((a, Slope::One)), Some((b, Slope::One))],
        Node::Subtract(a, b) => [Some((a, Slope::One)), Some((b, Slope::MinusOne))],
        Node::Negate(a) => [Some((a, Slope::MinusOne)), None],
        Node::Multiply(a, b) => [Some((a, Slope::Node(b))), Some((b, Slope::Node(a)))],
        Node::Divide(a, b) => {
            let one = graph.number(1.0);
            let (inverse, ratio) = (graph.divide(one, b), graph.divide(id, b));
            let by_b = graph.negate(ratio);
            [Some((a, Slope::Node(inverse))), Some((b, Slope::Node(by_b)))]
        }
        Node::Minimum(a, b) => choice(graph, a, b, Node::Below(b, a)),
        Node::Maximum(a, b) => choice(graph, a, b, Node::Below(a, b)),
        Node::Below(..) | Node::Signum(_) | Node::LogOrZero(_) => [None, None],
        Node::Unary(function, a) => {
            let slope = unary(graph, function, a, id);
            [Some((a, Slope::Node(slope))), None]
        }
        Node::Binary(function, a, b) => {
            let (by_a, by_b) = binary(graph, function, a, b, id);
            [Some((a, Slope::Node(by_a))), Some((b, Slope::Node(by_b)))]
        }
    }
}

/// 1 by the operand that is chosen, 0 by the other.
fn choice(graph: &mut Graph, a: Id, b: Id, second: Node) -> [Option<(Id, Slope)>; 2] {
    let one = graph.number(1.0);
    let second = graph.node(second);
    let first = graph.subtract(one, second);
    [Some((a, Slope::Node(first))), Some((b, Slope::Node(second)))]
}

fn unary(graph: &mut Graph, function: Unary, a: Id, out: Id) -> Id {
    let one = graph.number(1.0);
    match function {
        Unary::Exp => out,
        Unary::Expm1 => graph.add(out, one),
        Unary::Log => graph.divide(one, a),
        Unary::Log10 => over_scaled(graph, a, LN_10),
        Unary::Log2 => over_scaled(graph, a, LN_2),
        Unary::Log1p => {
            let sum = graph.add(one, a);
            graph.divide(one, sum)
        }
        Unary::Sqrt => {
            let half = graph.number(0.5);
            graph.divide(half, out)
        }
        Unary::Cbrt => {
            let square = graph.multiply(out, out);
            over_scaled(graph, square, 3.0)
        }
        Unary::Sin => graph.unary(Unary::Cos, a),
        Unary::Cos => {
            let sine = graph.unary(Unary::Sin, a);
            graph.negate(sine)
        }
        Unary::Tan => {
            let square = graph.multiply(out, out);
            graph.add(one, square)
        }
        Unary::Asin => arc(graph, a),
        Unary::Acos => {
            let arc = arc(graph, a);
            graph.negate(arc)
        }
        Unary::Atan => {
            let square = graph.multiply(a, a);
            let sum = graph.add(one, square);
            graph.divide(one, sum)
        }
        Unary::Sinh => graph.unary(Unary::Cosh, a),
        Unary::Cosh => graph.unary(Unary::Sinh, a),
        Unary::Tanh => {
            let (less, more) = (graph.subtract(one, out), graph.add(one, out));
            graph.multiply(less, more)
        }
        Unary::Erf => bell(graph, a, std::f64::consts::FRAC_2_SQRT_PI),
        Unary::Erfc => bell(graph, a, -std::f64::consts::FRAC_2_SQRT_PI),
        Unary::Abs => graph.node(Node::Signum(a)),
        Unary::Sigmoid => {
            let negative = graph.negate(a);
            let other = graph.unary(Unary::Sigmoid, negative);
            graph.multiply(out, other)
        }
    }
}

/// 1/(scale · a).
fn over_scaled(graph: &mut Graph, a: Id, scale: f64) -> Id {
    let (one, scale) = (graph.number(1.0), graph.number(scale));
    let scaled = graph.multiply(scale, a);
    graph.divide(one, scaled)
}

/// 1/√((1 − a)(1 + a)).
fn arc(graph: &mut Graph, a: Id) -> Id {
    let one = graph.number(1.0);
    let (less, more) = (graph.subtract(one, a), graph.add(one, a));
    let product = graph.multiply(less, more);
    let root = graph.unary(Unary::Sqrt, product);
    graph.divide(one, root)
}

/// height · exp(−a²).
fn bell(graph: &mut Graph, a: Id, height: f64) -> Id {
    let height = graph.number(height);
    let square = graph.multiply(a, a);
    let exponent = graph.negate(square);
    let bell = graph.unary(Unary::Exp, exponent);
    graph.multiply(height, bell)
}

fn binary(graph: &mut Graph, function: Binary, a: Id, b: Id, out: Id) -> (Id, Id) {
    match function {
        Binary::Pow => {
            let one = graph.number(1.0);
            let less = graph.subtract(b, one);
            let power = graph.power(a, less);
            let by_a = graph.multiply(b, power);
            let log = graph.node(Node::LogOrZero(a));
            (by_a, graph.multiply(out, log))
        }
        Binary::Atan2 => {
            let (aa, bb) = (graph.multiply(a, a), graph.multiply(b, b));
            let square = graph.add(aa, bb);
            let (by_a, by_b) = (graph.divide(b, square), graph.divide(a, square));
            (by_a, graph.negate(by_b))
        }
        Binary::Hypot => (graph.divide(a, out), graph.divide(b, out)),
        Binary::FaddeevaRe => {
            let (real, imaginary) = faddeeva(graph, a, b);
            (real, graph.negate(imaginary))
        }
        Binary::FaddeevaIm => {
            let (real, imaginary) = faddeeva(graph, a, b);
            (imaginary, real)
        }
    }
}

/// Real and imaginary part of w′ = −2zw + 2i/√π (Abramowitz & Stegun 7.1.20).
fn faddeeva(graph: &mut Graph, u: Id, v: Id) -> (Id, Id) {
    let (minus_two, constant) = (graph.number(-2.0), graph.number(std::f64::consts::FRAC_2_SQRT_PI));
    let (real, imaginary) = (graph.binary(Binary::FaddeevaRe, u, v), graph.binary(Binary::FaddeevaIm, u, v));
    let (ur, vi) = (graph.multiply(u, real), graph.multiply(v, imaginary));
    let (ui, vr) = (graph.multiply(u, imaginary), graph.multiply(v, real));
    let (first, second) = (graph.subtract(ur, vi), graph.add(ui, vr));
    let (first, second) = (graph.multiply(minus_two, first), graph.multiply(minus_two, second));
    (first, graph.add(second, constant))
}
