//! Logarithms. Method: x = 2ᵏm with √½ ≤ m < √2, and ln m = 2 artanh(s) with s = (m − 1)/(m + 1) (as in Tang 1990 and
//! the fdlibm of Sun, without tables); the series in s² is fitted at Chebyshev nodes. The logarithms to other bases, and
//! the one that a power is made of, are carried in pairs.

use super::pair::{at_most, horner, power_of_two, product, quick_sum, quotient_pair, sum};

/// ln 2 to forty bits, so that its product with an exponent is exact.
const LN_2_HIGH: f64 = 0.693_147_180_559_208_2;
/// ln 2 − `LN_2_HIGH`, and what that lacks.
const LN_2_MIDDLE: f64 = 7.371_002_565_167_799e-13;
const LN_2_LOW: f64 = 1.947_045_092_380_75e-31;

/// The bits of √½.
const ROOT_BITS: u64 = 0x3FE6_A09E_667F_3BCD;
const MANTISSA: u64 = (1 << 52) - 1;
const TWO_54: f64 = 18_014_398_509_481_984.0;

/// (k, m) with x = 2ᵏm, for positive finite x.
#[inline(always)]
fn split(x: f64) -> (f64, f64) {
    let subnormal = x < f64::MIN_POSITIVE;
    let bits = (if subnormal { x * TWO_54 } else { x }).to_bits().wrapping_sub(ROOT_BITS);
    let m = f64::from_bits((bits & MANTISSA).wrapping_add(ROOT_BITS));
    // The biased exponent, as the low bits of a float of size 2⁵².
    let biased = bits.wrapping_add(1023 << 52) >> 52;
    let k = f64::from_bits(biased | 0x4330_0000_0000_0000) - (4_503_599_627_370_496.0 + 1023.0);
    (if subnormal { k - 54.0 } else { k }, m)
}

/// (artanh(√z)/√z − 1 − z/3)/z² for 0 ≤ z ≤ 0.02945, with an error below 2⁻⁵⁶.
#[inline(always)]
fn series(z: f64) -> f64 {
    horner!(
        z;
        0.2,
        0.142_857_142_857_146_85,
        0.111_111_111_108_273_67,
        0.090_909_091_678_270_8,
        0.076_922_974_672_989_59,
        0.066_674_031_060_503_01,
        0.058_530_978_449_406_82,
        0.058_618_018_114_527_055
    )
}

/// What a logarithm is at the ends of its range, where x is zero, negative, infinite or not a number.
#[inline(always)]
fn ended(x: f64, y: f64) -> f64 {
    let y = if x < f64::INFINITY { y } else { x };
    let edge = if x < 0.0 { f64::NAN } else { x - f64::INFINITY };
    if x > 0.0 { y } else { edge }
}

/// ln(2ᵏ(m + c)) for a small correction c.
#[inline(always)]
fn natural(k: f64, m: f64, correction: f64) -> f64 {
    let f = m - 1.0;
    let s = f / (2.0 + f);
    let z = s * s;
    let r = z * z.mul_add(2.0 * series(z), 2.0 / 3.0);
    let half_square = 0.5 * f * f;
    let (high, low) = quick_sum(k * LN_2_HIGH, f);
    high + (low + (s.mul_add(half_square + r, k.mul_add(LN_2_MIDDLE, correction)) - half_square))
}

/// ln x.
#[inline(always)]
pub(super) fn log(x: f64) -> f64 {
    let (k, m) = split(x);
    ended(x, natural(k, m, 0.0))
}

/// ln(1 + x).
#[inline(always)]
pub(super) fn log1p(x: f64) -> f64 {
    let (u, u_low) = sum(1.0, x);
    let (k, m) = split(u);
    let lost = u_low * power_of_two(-at_most(k, 1000.0));
    let y = ended(u, natural(k, m, lost / m));
    if x.abs() < 1e-17 { x } else { y }
}

/// ln m as a pair with an error below 2⁻⁶³ of it.
#[inline(always)]
fn mantissa_pair(m: f64) -> (f64, f64) {
    let (s, s_low) = quotient_pair((m - 1.0, 0.0), sum(m, 1.0));
    let (z, z_low) = product(s, s);
    let z_low = (2.0 * s).mul_add(s_low, z_low);
    // artanh(s) = s(1 + z(⅓ + zQ(z))); each sum is a pair up to where the rest no longer counts.
    let (p, p_low) = quick_sum(1.0 / 3.0, z * series(z));
    let p_low = p_low + 1.850_371_707_708_594e-17;
    let (u, u_low) = product(z, p);
    let u_low = u_low + z.mul_add(p_low, z_low * p);
    let twice = 2.0 * s;
    let (w, w_low) = product(twice, u);
    let w_low = w_low + twice.mul_add(u_low, 2.0 * s_low * u);
    let (high, low) = quick_sum(twice, w);
    quick_sum(high, low + (2.0f64.mul_add(s_low, w_low)))
}

/// ln x as a pair with an error below 2⁻⁶³ of it, for positive finite x.
#[inline(always)]
pub(super) fn log_pair(x: f64) -> (f64, f64) {
    let (k, m) = split(x);
    let (f, f_low) = mantissa_pair(m);
    let (high, low) = quick_sum(k * LN_2_HIGH, f);
    let (rest, rest_low) = product(k, LN_2_MIDDLE);
    let (high, middle) = sum(high, rest);
    quick_sum(high, low + middle + (f_low + k.mul_add(LN_2_LOW, rest_low)))
}

/// A logarithm to another base, from `1/ln(base)` as a pair and the logarithm of 2, whose first part has forty bits.
#[inline(always)]
fn based(x: f64, inverse: (f64, f64), two: (f64, f64)) -> f64 {
    let (k, m) = split(x);
    let (f, f_low) = mantissa_pair(m);
    let (p, p_low) = product(f, inverse.0);
    let p_low = p_low + f.mul_add(inverse.1, f_low * inverse.0);
    let (high, low) = quick_sum(k * two.0, p);
    ended(x, high + (low + k.mul_add(two.1, p_low)))
}

/// log₁₀ x.
#[inline(always)]
pub(super) fn log10(x: f64) -> f64 {
    let inverse = (std::f64::consts::LOG10_E, 1.098_319_650_216_765e-17);
    based(x, inverse, (0.301_029_995_663_611_77, 3.694_239_077_158_931e-13))
}

/// log₂ x.
#[inline(always)]
pub(super) fn log2(x: f64) -> f64 {
    based(x, (std::f64::consts::LOG2_E, 2.035_527_374_093_103_3e-17), (1.0, 0.0))
}
