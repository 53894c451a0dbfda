//! One operation on a block of rows: each operand is a number a row or one number for all.

use super::Place;
use crate::descent::Lanes;
use crate::descent::formula::graph::{Node, greater, lesser, log_or_zero, sign};

/// An operand.
#[derive(Clone, Copy, Debug)]
pub(super) enum Arg<'a> {
    One(f64),
    Rows(&'a [f64]),
}

/// f of every row.
#[inline(always)]
pub(super) fn zip(a: Arg<'_>, b: Arg<'_>, out: &mut [f64], f: impl Fn(f64, f64) -> f64) {
    match (a, b) {
        (Arg::Rows(a), Arg::Rows(b)) => {
            for (to, (a, b)) in out.iter_mut().zip(a.iter().zip(b)) {
                *to = f(*a, *b);
            }
        }
        (Arg::Rows(a), Arg::One(b)) => {
            for (to, a) in out.iter_mut().zip(a) {
                *to = f(*a, b);
            }
        }
        (Arg::One(a), Arg::Rows(b)) => {
            for (to, b) in out.iter_mut().zip(b) {
                *to = f(a, *b);
            }
        }
        (Arg::One(a), Arg::One(b)) => out.fill(f(a, b)),
    }
}

/// a·b, and 0 where either is 0: what has no slope by a parameter adds nothing to it, however steep it is elsewhere, as
/// (x/τ)^β at x = 0.
#[inline(always)]
pub(super) fn chained(a: f64, b: f64) -> f64 {
    if a == 0.0 || b == 0.0 { 0.0 } else { a * b }
}

/// Adds the products, see [`chained`], to `out`.
#[inline(always)]
pub(super) fn add_product(a: Arg<'_>, b: Arg<'_>, out: &mut [f64]) {
    match (a, b) {
        (Arg::Rows(a), Arg::Rows(b)) => {
            for (to, (a, b)) in out.iter_mut().zip(a.iter().zip(b)) {
                *to += chained(*a, *b);
            }
        }
        (Arg::Rows(rows), Arg::One(one)) | (Arg::One(one), Arg::Rows(rows)) => {
            for (to, value) in out.iter_mut().zip(rows) {
                *to += chained(one, *value);
            }
        }
        (Arg::One(a), Arg::One(b)) => out.iter_mut().for_each(|to| *to += chained(a, b)),
    }
}

fn map(a: Arg<'_>, out: &mut [f64], f: impl Fn(f64) -> f64) {
    zip(a, Arg::One(0.0), out, |a, _| f(a));
}

/// A number for every row; `room` holds it where there is one for all.
fn spread<'a>(arg: Arg<'a>, rows: usize, room: &'a mut [f64]) -> &'a [f64] {
    match arg {
        Arg::Rows(values) => &values[..rows],
        Arg::One(value) => {
            room[..rows].fill(value);
            &room[..rows]
        }
    }
}

/// Computes one node for a block.
pub(super) fn operate(node: Node, a: Arg<'_>, b: Arg<'_>, lanes: Lanes, room: &mut [Vec<f64>; 2], out: &mut [f64]) {
    match node {
        Node::Number(_) | Node::Column(_) | Node::Parameter(_) => map(a, out, |a| a),
        Node::Add(..) => zip(a, b, out, |a, b| a + b),
        Node::Subtract(..) => zip(a, b, out, |a, b| a - b),
        Node::Multiply(..) => zip(a, b, out, |a, b| a * b),
        Node::Divide(..) => zip(a, b, out, |a, b| a / b),
        Node::Negate(_) => map(a, out, |a| -a),
        Node::Minimum(..) => zip(a, b, out, lesser),
        Node::Maximum(..) => zip(a, b, out, greater),
        Node::Below(..) => zip(a, b, out, |a, b| f64::from(u8::from(a < b))),
        Node::Signum(_) => map(a, out, sign),
        Node::LogOrZero(_) => map(a, out, log_or_zero),
        Node::Unary(function, _) => match a {
            Arg::Rows(a) => function.apply(lanes, &a[..out.len()], out),
            Arg::One(a) => out.fill(function.at(a)),
        },
        Node::Binary(function, ..) => {
            let [first, second] = room;
            let (a, b) = (spread(a, out.len(), first), spread(b, out.len(), second));
            function.apply(lanes, a, b, out);
        }
    }
}

/// The operand at a place, where the row slots so far are `before`, each of `stride` numbers.
pub(super) fn arg<'a>(place: Place, uniforms: &[f64], before: &'a [f64], stride: usize, rows: usize) -> Arg<'a> {
    match place {
        Place::Nowhere => Arg::One(0.0),
        Place::Uniform(slot) => Arg::One(uniforms[slot]),
        Place::Rows(slot) => Arg::Rows(&before[slot * stride..slot * stride + rows]),
    }
}
