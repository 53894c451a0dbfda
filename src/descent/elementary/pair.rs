//! What the kernels are built of: polynomials in Horner's form, exact sums of two floats, and whole numbers as powers
//! of two. All of it is free of branches. It knows no function by name.
//!
//! A pair `(high, low)` stands for the unevaluated sum. Sums: Dekker 1971, Knuth TAOCP 2 §4.2.2.

/// c₀ + c₁x + c₂x² + …, with one rounding a step.
macro_rules! horner {
    ($x:expr; $only:expr) => { $only };
    ($x:expr; $first:expr, $($rest:expr),+) => {
        f64::mul_add(horner!($x; $($rest),+), $x, $first)
    };
}
pub(super) use horner;

/// 1.5 · 2⁵²: whoever is added to it loses what lies behind the point.
const SHIFT: f64 = 6_755_399_441_055_744.0;

/// a + b and what the sum lost.
#[inline(always)]
pub(super) fn sum(a: f64, b: f64) -> (f64, f64) {
    let high = a + b;
    let part = high - a;
    (high, (a - (high - part)) + (b - part))
}

/// [`sum`] for |a| ≥ |b| or a = 0.
#[inline(always)]
pub(super) fn quick_sum(a: f64, b: f64) -> (f64, f64) {
    let high = a + b;
    (high, b - (high - a))
}

/// a · b and what the product lost.
#[inline(always)]
pub(super) fn product(a: f64, b: f64) -> (f64, f64) {
    let high = a * b;
    (high, a.mul_add(b, -high))
}

/// a / b of two pairs, as one float: the quotient of the high parts and one step of Newton's.
#[inline(always)]
pub(super) fn quotient(a: (f64, f64), b: (f64, f64)) -> f64 {
    let (first, rest) = quotient_pair(a, b);
    first + rest
}

/// a / b of two pairs, unevaluated.
#[inline(always)]
pub(super) fn quotient_pair(a: (f64, f64), b: (f64, f64)) -> (f64, f64) {
    let inverse = 1.0 / b.0;
    let first = a.0 * inverse;
    let rest = (-first).mul_add(b.0, a.0) + (-first).mul_add(b.1, a.1);
    (first, rest * inverse)
}

/// The nearest whole number, for |x| ≤ 2⁵¹, and a word whose low bits are that number.
#[inline(always)]
pub(super) fn rounded(x: f64) -> (f64, u64) {
    let shifted = x + SHIFT;
    (shifted - SHIFT, shifted.to_bits())
}

/// 2ⁿ for a whole −1022 ≤ n ≤ 1023.
#[inline(always)]
pub(super) fn power_of_two(n: f64) -> f64 {
    f64::from_bits((n + (SHIFT + 1023.0)).to_bits() << 52)
}

/// x, but no further than `end`; what is not a number stays.
#[inline(always)]
pub(super) fn at_most(x: f64, end: f64) -> f64 {
    if x > end { end } else { x }
}

/// x, but no less than `end`; what is not a number stays.
#[inline(always)]
pub(super) fn at_least(x: f64, end: f64) -> f64 {
    if x < end { end } else { x }
}
