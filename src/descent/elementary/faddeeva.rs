//! The Faddeeva function w(z) = exp(−z²)·erfc(−iz), whose real part is the Voigt profile. Method: the trapezoidal rule for
//! (i/π)∫ exp(−t²)/(z − t) dt with step ½ and the residue of its pole (Chiarella & Reichel 1968; Matta & Reichel 1971),
//! the nodes shifted by half a step where a node would lie close to z (Al Azah & Chandler-Wilde 2021).
//!
//! One formula serves the whole upper half-plane. Every term of the sum is a positive multiple of v in its real part, so
//! the real part keeps its relative accuracy down to the axis, where it is exp(−u²).

use std::f64::consts::{FRAC_1_PI, TAU};

use super::circular::{REACH, sine_cosine};
use super::exponential::{exp, exp_pair};
use super::pair::{at_most, product, rounded, sum};

/// Beyond this |u| or |v|, w is i/(√π z) to all digits.
const FAR: f64 = 1e8;

/// Where the pole lies outside the strip whose residue is added: π over the step.
const STRIP: f64 = TAU;

/// exp(−t²)/(2π) at t = ¼ + k/2, and at t = k/2; the node at zero is its own mirror image and counts half.
const MIDDLE: [f64; 13] = [
    0.149_512_232_551_861_83,
    0.090_683_753_044_789_43,
    0.033_360_688_393_446_21,
    0.007_443_775_743_891_518,
    0.001_007_405_498_649_386,
    8.269_287_897_034_292e-5,
    4.117_036_018_831_961e-6,
    1.243_237_152_241_644_3e-7,
    2.277_068_273_351_62e-9,
    2.529_594_356_600_453e-11,
    1.704_427_270_395_955_7e-13,
    6.965_604_687_593_463e-16,
    1.726_600_778_116_968_6e-18,
];
const WHOLE: [f64; 13] = [
    0.079_577_471_545_947_67,
    0.123_949_994_309_652_96,
    0.058_549_831_524_319_16,
    0.016_774_807_587_073_417,
    0.002_915_024_465_028_193_5,
    0.000_307_241_318_192_835,
    1.964_128_034_639_743_7e-5,
    7.615_750_862_323_311e-7,
    1.791_052_932_828_018_5e-8,
    2.554_799_797_725_798e-10,
    2.210_334_915_491_785_8e-12,
    1.159_877_313_739_617_6e-14,
    3.691_635_240_477_673e-17,
];

/// The sum of two fractions, as a fraction: a division costs more than three products.
#[inline(always)]
fn plus(a: (f64, f64), b: (f64, f64)) -> (f64, f64) {
    (a.0.mul_add(b.1, b.0 * a.1), a.1 * b.1)
}

/// The rule's sum for u ≥ 0, v ≥ 0 without its last factor, 2v or 2u. `side` is 1 for the real part, −1 for the
/// imaginary one.
#[inline(always)]
fn rule(u: f64, v: f64, middle: bool, side: f64) -> f64 {
    let v_square = v * v;
    let norm = u.mul_add(u, v_square);
    let shift = if middle { 0.25 } else { 0.0 };
    let term = |k: usize| {
        let t = 0.5 * k as f64 + shift;
        let weight = if middle { MIDDLE[k] } else { WHOLE[k] };
        let (less, more) = (u - t, u + t);
        let below = less.mul_add(less, v_square) * more.mul_add(more, v_square);
        (weight * (side * t).mul_add(t, norm), below)
    };
    let four = |k: usize| {
        let (top, bottom) = plus(plus(term(k), term(k + 1)), plus(term(k + 2), term(k + 3)));
        top / bottom
    };
    let (top, bottom) = term(12);
    ((top / bottom + four(8)) + four(4)) + four(0)
}

/// What the residue and the reflection are made of: exp(−z²) as size, cosine and sine of 2uv, for u ≥ 0, v ≥ 0.
#[inline(always)]
fn gaussian(u: f64, v: f64) -> (f64, f64, f64) {
    let ((a, a_low), (b, b_low)) = (product(u, u), product(v, v));
    let (high, low) = sum(b, -a);
    let size = exp_pair(high, low + (b_low - a_low));
    let (angle, angle_low) = product(2.0 * u, v);
    let (s, c) = sine_cosine(at_most(angle, REACH), if angle <= REACH { angle_low } else { 0.0 });
    (size, c, s)
}

/// 2q/(1 + q), both parts, with q = exp(2πi z/h) and `g` the distance, in steps, of u from the middle of two nodes.
#[inline(always)]
fn residue(v: f64, g: f64) -> (f64, f64) {
    let (s, c) = sine_cosine(TAU * g, 0.0);
    let size = exp(-2.0 * TAU * v);
    let inverse = 2.0 / size.mul_add(size + 2.0 * c, 1.0);
    (size * (size + c) * inverse, size * s * inverse)
}

/// The real part for u ≥ 0 (`side` 1), or the imaginary part (`side` −1), for any v.
#[inline(always)]
fn part(u: f64, v: f64, side: f64) -> f64 {
    let height = v.abs();
    let (near_u, near_v) = (at_most(u, FAR), at_most(height, FAR));
    let (nearest, _) = rounded(2.0 * near_u);
    let g = 2.0 * near_u - nearest;
    let middle = g.abs() < 0.25;
    let g = if middle { g } else { g - 0.5f64.copysign(g) };

    let factor = 2.0 * if side > 0.0 { near_v } else { near_u };
    let smooth = factor * rule(near_u, near_v, middle, side);
    let (size, c, s) = gaussian(near_u, near_v);
    let (real, imaginary) = residue(near_v, g);
    let turned = if side > 0.0 { c.mul_add(real, s * imaginary) } else { c.mul_add(imaginary, -(s * real)) };
    let upper = smooth + if height < STRIP { size * turned } else { 0.0 };

    let largest = if u > height { u } else { height };
    let (a, b) = (u / largest, height / largest);
    let own = if side > 0.0 { b } else { a };
    let asymptote = FRAC_1_PI.sqrt() * own / (a.mul_add(a, b * b)) / largest;
    let asymptote = if largest < f64::INFINITY { asymptote } else { 0.0 };
    let upper = if largest > FAR { asymptote } else { upper };

    // w(z) = 2exp(−z²) − w(−z), and w(−z̄) is the conjugate of w(z).
    let lower = if side > 0.0 { (2.0 * size).mul_add(c, -upper) } else { (2.0 * size).mul_add(s, upper) };
    let y = if v < 0.0 { lower } else { upper };
    if u.is_nan() | v.is_nan() { f64::NAN } else { y }
}

/// Re w(u + iv).
#[inline(always)]
pub(super) fn real(u: f64, v: f64) -> f64 {
    part(u.abs(), v, 1.0)
}

/// Im w(u + iv).
#[inline(always)]
pub(super) fn imaginary(u: f64, v: f64) -> f64 {
    let y = part(u.abs(), v, -1.0);
    if u.is_sign_negative() { -y } else { y }
}
