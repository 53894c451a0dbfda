//! A graph of operations in which nothing appears twice: equal operations on equal operands are one node, and what is
//! constant is computed when it is built. A node's operands have lower numbers than it.

use std::collections::HashMap;

use crate::descent::elementary::{Binary, Unary};

/// A node's number.
pub(super) type Id = u32;

/// An operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Node {
    /// A constant, by its bits.
    Number(u64),
    /// A column of the data.
    Column(u32),
    /// A parameter.
    Parameter(u32),
    Add(Id, Id),
    Subtract(Id, Id),
    Multiply(Id, Id),
    Divide(Id, Id),
    Negate(Id),
    Minimum(Id, Id),
    Maximum(Id, Id),
    /// 1 where the first is below the second, else 0.
    Below(Id, Id),
    /// −1, 0 or 1.
    Signum(Id),
    /// The logarithm where there is one, else 0: what a power's slope by its exponent is multiplied with.
    LogOrZero(Id),
    Unary(Unary, Id),
    Binary(Binary, Id, Id),
}

impl Node {
    /// The operands.
    pub(super) fn operands(self) -> [Option<Id>; 2] {
        match self {
            Self::Number(_) | Self::Column(_) | Self::Parameter(_) => [None, None],
            Self::Negate(a) | Self::Signum(a) | Self::LogOrZero(a) | Self::Unary(_, a) => [Some(a), None],
            Self::Add(a, b)
            | Self::Subtract(a, b)
            | Self::Multiply(a, b)
            | Self::Divide(a, b)
            | Self::Minimum(a, b)
            | Self::Maximum(a, b)
            | Self::Below(a, b)
            | Self::Binary(_, a, b) => [Some(a), Some(b)],
        }
    }

    /// The value of an operation on numbers.
    pub(super) fn value(self, a: f64, b: f64) -> f64 {
        match self {
            Self::Number(bits) => f64::from_bits(bits),
            Self::Column(_) | Self::Parameter(_) => f64::NAN,
            Self::Add(..) => a + b,
            Self::Subtract(..) => a - b,
            Self::Multiply(..) => a * b,
            Self::Divide(..) => a / b,
            Self::Negate(_) => -a,
            Self::Minimum(..) => lesser(a, b),
            Self::Maximum(..) => greater(a, b),
            Self::Below(..) => f64::from(u8::from(a < b)),
            Self::Signum(_) => sign(a),
            Self::LogOrZero(_) => log_or_zero(a),
            Self::Unary(function, _) => function.at(a),
            Self::Binary(function, ..) => function.at(a, b),
        }
    }
}

/// The smaller one; not a number if either is not.
pub(super) fn lesser(a: f64, b: f64) -> f64 {
    if a <= b || a.is_nan() { a } else { b }
}

/// The larger one; not a number if either is not.
pub(super) fn greater(a: f64, b: f64) -> f64 {
    if a >= b || a.is_nan() { a } else { b }
}

/// −1, 0 or 1.
pub(super) fn sign(a: f64) -> f64 {
    if a > 0.0 {
        1.0
    } else if a < 0.0 {
        -1.0
    } else {
        a
    }
}

/// ln a for a > 0, else 0.
pub(super) fn log_or_zero(a: f64) -> f64 {
    if a > 0.0 { Unary::Log.at(a) } else { 0.0 }
}

/// The nodes so far.
#[derive(Clone, Debug, Default)]
pub(super) struct Graph {
    nodes: Vec<Node>,
    known: HashMap<Node, Id>,
}

impl Graph {
    pub(super) fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    pub(super) fn number(&mut self, value: f64) -> Id {
        self.node(Node::Number(value.to_bits()))
    }

    /// The value of a constant node.
    pub(super) fn constant(&self, id: Id) -> Option<f64> {
        match self.nodes[id as usize] {
            Node::Number(bits) => Some(f64::from_bits(bits)),
            _ => None,
        }
    }

    fn is(&self, id: Id, value: f64) -> bool {
        self.constant(id).is_some_and(|constant| constant.to_bits() == value.to_bits())
    }

    pub(super) fn add(&mut self, a: Id, b: Id) -> Id {
        if self.is(a, 0.0) {
            return b;
        }
        if self.is(b, 0.0) {
            return a;
        }
        // One order of the operands, so that a + b and b + a are one node.
        self.node(Node::Add(a.min(b), a.max(b)))
    }

    pub(super) fn subtract(&mut self, a: Id, b: Id) -> Id {
        if self.is(b, 0.0) {
            return a;
        }
        self.node(Node::Subtract(a, b))
    }

    pub(super) fn multiply(&mut self, a: Id, b: Id) -> Id {
        if self.is(a, 1.0) {
            return b;
        }
        if self.is(b, 1.0) {
            return a;
        }
        self.node(Node::Multiply(a.min(b), a.max(b)))
    }

    pub(super) fn divide(&mut self, a: Id, b: Id) -> Id {
        if self.is(b, 1.0) {
            return a;
        }
        self.node(Node::Divide(a, b))
    }

    pub(super) fn negate(&mut self, a: Id) -> Id {
        if let Node::Negate(inner) = self.nodes[a as usize] {
            return inner;
        }
        self.node(Node::Negate(a))
    }

    pub(super) fn unary(&mut self, function: Unary, a: Id) -> Id {
        self.node(Node::Unary(function, a))
    }

    pub(super) fn binary(&mut self, function: Binary, a: Id, b: Id) -> Id {
        self.node(Node::Binary(function, a, b))
    }

    /// aᵇ. Small whole exponents are products, ½ is a square root: both are exact to the last bit or nearly so.
    pub(super) fn power(&mut self, a: Id, b: Id) -> Id {
        match self.constant(b) {
            Some(exponent) if exponent.fract() == 0.0 && (1.0..=8.0).contains(&exponent.abs()) => {
                let product = self.product(a, exponent.abs() as u32);
                if exponent > 0.0 {
                    return product;
                }
                let one = self.number(1.0);
                self.divide(one, product)
            }
            Some(exponent) if exponent.to_bits() == 0.5f64.to_bits() => self.unary(Unary::Sqrt, a),
            _ => self.binary(Binary::Pow, a, b),
        }
    }

    /// a to a whole power of at least 1, by squaring.
    fn product(&mut self, a: Id, exponent: u32) -> Id {
        if exponent == 1 {
            return a;
        }
        let half = self.product(a, exponent / 2);
        let square = self.multiply(half, half);
        if exponent.is_multiple_of(2) { square } else { self.multiply(square, a) }
    }

    /// The node of this operation, computed where its operands are constant.
    pub(super) fn node(&mut self, node: Node) -> Id {
        let [a, b] = node.operands();
        let constant = |operand: Option<Id>| operand.map_or(Some(0.0), |id| self.constant(id));
        let folded = match (a, constant(a), constant(b)) {
            (Some(_), Some(x), Some(y)) => Node::Number(node.value(x, y).to_bits()),
            _ => node,
        };
        if let Some(id) = self.known.get(&folded) {
            return *id;
        }
        let id = self.nodes.len() as Id;
        self.nodes.push(folded);
        self.known.insert(folded, id);
        id
    }
}
