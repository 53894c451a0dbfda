//! The functions that a formula may call, each with its number of arguments and how it is built from operations.

use super::graph::{Graph, Id, Node};
use crate::descent::elementary::{Binary, Unary};

/// A function of formulas.
pub(super) struct Function {
    pub(super) name: &'static str,
    /// The numbers of arguments that it takes.
    pub(super) arguments: &'static [usize],
    pub(super) build: fn(&mut Graph, &[Id]) -> Id,
}

macro_rules! unary {
    ($name:literal, $function:ident) => {
        Function { name: $name, arguments: &[1], build: |graph, of| graph.unary(Unary::$function, of[0]) }
    };
}

macro_rules! binary {
    ($name:literal, $function:ident) => {
        Function { name: $name, arguments: &[2], build: |graph, of| graph.binary(Binary::$function, of[0], of[1]) }
    };
}

/// Two or more.
const SEVERAL: &[usize] = &[2, 3, 4, 5, 6, 7, 8];

/// All functions, in the order in which they are listed to a person.
pub(super) static FUNCTIONS: [Function; 43] = [
    unary!("exp", Exp),
    unary!("expm1", Expm1),
    unary!("log", Log),
    unary!("ln", Log),
    unary!("log10", Log10),
    unary!("log2", Log2),
    unary!("log1p", Log1p),
    unary!("sqrt", Sqrt),
    unary!("cbrt", Cbrt),
    unary!("sin", Sin),
    unary!("cos", Cos),
    unary!("tan", Tan),
    unary!("asin", Asin),
    unary!("acos", Acos),
    unary!("atan", Atan),
    unary!("arcsin", Asin),
    unary!("arccos", Acos),
    unary!("arctan", Atan),
    binary!("atan2", Atan2),
    unary!("sinh", Sinh),
    unary!("cosh", Cosh),
    unary!("tanh", Tanh),
    Function { name: "asinh", arguments: &[1], build: asinh },
    Function { name: "acosh", arguments: &[1], build: acosh },
    Function { name: "atanh", arguments: &[1], build: atanh },
    unary!("erf", Erf),
    unary!("erfc", Erfc),
    unary!("abs", Abs),
    Function { name: "sign", arguments: &[1], build: |graph, of| graph.node(Node::Signum(of[0])) },
    Function { name: "min", arguments: SEVERAL, build: |graph, of| fold(graph, of, Node::Minimum) },
    Function { name: "max", arguments: SEVERAL, build: |graph, of| fold(graph, of, Node::Maximum) },
    Function { name: "pow", arguments: &[2], build: |graph, of| graph.power(of[0], of[1]) },
    binary!("hypot", Hypot),
    unary!("sigmoid", Sigmoid),
    unary!("logistic", Sigmoid),
    unary!("expit", Sigmoid),
    Function { name: "logit", arguments: &[1], build: logit },
    Function { name: "softplus", arguments: &[1], build: softplus },
    Function { name: "step", arguments: &[1], build: step },
    Function { name: "gaussian", arguments: &[1, 3], build: gaussian },
    Function { name: "lorentzian", arguments: &[1, 3], build: lorentzian },
    Function { name: "voigt", arguments: &[3], build: voigt },
    Function { name: "square", arguments: &[1], build: |graph, of| graph.multiply(of[0], of[0]) },
];

/// The function of this name.
pub(super) fn function(name: &str) -> Option<&'static Function> {
    FUNCTIONS.iter().find(|function| function.name == name)
}

fn fold(graph: &mut Graph, of: &[Id], node: fn(Id, Id) -> Node) -> Id {
    of[1..].iter().fold(of[0], |first, second| graph.node(node(first, *second)))
}

/// sign(x)·ln(1 + |x| + x²/(1 + √(1 + x²))), which loses nothing near 0.
fn asinh(graph: &mut Graph, of: &[Id]) -> Id {
    let (size, sign) = (graph.unary(Unary::Abs, of[0]), graph.node(Node::Signum(of[0])));
    let one = graph.number(1.0);
    let root = graph.binary(Binary::Hypot, one, size);
    let below = graph.add(one, root);
    let square = graph.multiply(size, size);
    let rest = graph.divide(square, below);
    let sum = graph.add(size, rest);
    let log = graph.unary(Unary::Log1p, sum);
    graph.multiply(sign, log)
}

/// ln(x + √(x − 1)·√(x + 1)).
fn acosh(graph: &mut Graph, of: &[Id]) -> Id {
    let one = graph.number(1.0);
    let (less, more) = (graph.subtract(of[0], one), graph.add(of[0], one));
    let (less, more) = (graph.unary(Unary::Sqrt, less), graph.unary(Unary::Sqrt, more));
    let product = graph.multiply(less, more);
    let sum = graph.add(of[0], product);
    graph.unary(Unary::Log, sum)
}

/// ½·ln(1 + 2x/(1 − x)).
fn atanh(graph: &mut Graph, of: &[Id]) -> Id {
    let (one, half) = (graph.number(1.0), graph.number(0.5));
    let twice = graph.add(of[0], of[0]);
    let left = graph.subtract(one, of[0]);
    let ratio = graph.divide(twice, left);
    let log = graph.unary(Unary::Log1p, ratio);
    graph.multiply(half, log)
}

/// ln(p/(1 − p)).
fn logit(graph: &mut Graph, of: &[Id]) -> Id {
    let one = graph.number(1.0);
    let other = graph.subtract(one, of[0]);
    let odds = graph.divide(of[0], other);
    graph.unary(Unary::Log, odds)
}

/// ln(1 + eˣ), without overflow.
fn softplus(graph: &mut Graph, of: &[Id]) -> Id {
    let zero = graph.number(0.0);
    let above = graph.node(Node::Maximum(of[0], zero));
    let size = graph.unary(Unary::Abs, of[0]);
    let fall = graph.negate(size);
    let part = graph.unary(Unary::Exp, fall);
    let log = graph.unary(Unary::Log1p, part);
    graph.add(above, log)
}

/// 0 below 0, 1 from there on.
fn step(graph: &mut Graph, of: &[Id]) -> Id {
    let (zero, one) = (graph.number(0.0), graph.number(1.0));
    let below = graph.node(Node::Below(of[0], zero));
    graph.subtract(one, below)
}

/// (x − centre)/width, or x alone.
fn standardized(graph: &mut Graph, of: &[Id]) -> Id {
    match of {
        [x, centre, width] => {
            let from = graph.subtract(*x, *centre);
            graph.divide(from, *width)
        }
        _ => of[0],
    }
}

/// exp(−z²/2), of height 1.
fn gaussian(graph: &mut Graph, of: &[Id]) -> Id {
    let z = standardized(graph, of);
    let square = graph.multiply(z, z);
    let half = graph.number(-0.5);
    let exponent = graph.multiply(half, square);
    graph.unary(Unary::Exp, exponent)
}

/// 1/(1 + z²), of height 1; the width is half of the peak's at half height.
fn lorentzian(graph: &mut Graph, of: &[Id]) -> Id {
    let z = standardized(graph, of);
    let one = graph.number(1.0);
    let square = graph.multiply(z, z);
    let sum = graph.add(one, square);
    graph.divide(one, sum)
}

/// Voigt's profile of area 1: Re w((x + iγ)/(σ√2))/(σ√(2π)) (Armstrong 1967).
fn voigt(graph: &mut Graph, of: &[Id]) -> Id {
    let root_two = graph.number(std::f64::consts::SQRT_2);
    let width = graph.multiply(of[1], root_two);
    let (u, v) = (graph.divide(of[0], width), graph.divide(of[2], width));
    let real = graph.binary(Binary::FaddeevaRe, u, v);
    let root_pi = graph.number(1.772_453_850_905_516);
    let area = graph.multiply(width, root_pi);
    graph.divide(real, area)
}
