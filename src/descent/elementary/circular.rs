//! Sine, cosine, tangent and arctangent. Method: subtraction of the nearest multiple of π/2 in three parts (Cody & Waite
//! 1980, with fused products), polynomials fitted at Chebyshev nodes on |r| ≤ π/4; the arctangent by its addition
//! theorem on |t| ≤ tan(π/8).

use std::f64::consts::{FRAC_2_PI, FRAC_PI_2, FRAC_PI_4};

use super::pair::{at_most, horner, product, quick_sum, quotient, quotient_pair, rounded, sum};

/// Up to here π/2 in three parts is enough; beyond, the caller asks `libm`.
pub(super) const REACH: f64 = 1e9;

const PI_2_MIDDLE: f64 = 6.123_233_995_736_766e-17;
const PI_2_LOW: f64 = -1.497_384_904_859_169_8e-33;

/// Below this, x is its own sine, tangent and arctangent to half an ulp.
const TINY: f64 = 1e-8;

/// high + low = n π/2 + (r + r_low), and a word whose low bits are n, for |x| ≤ `REACH`.
#[inline(always)]
fn quadrant(high: f64, low: f64) -> (u64, f64, f64) {
    let (n, word) = rounded(high * FRAC_2_PI);
    // Exact: the difference is a multiple of 2⁻⁵³ below one.
    let first = n.mul_add(-FRAC_PI_2, high);
    let (middle, middle_low) = product(-n, PI_2_MIDDLE);
    let (r, r_low) = sum(first, middle);
    (word, r, r_low + (middle_low + n.mul_add(-PI_2_LOW, low)))
}

/// sin(r + r_low) as a pair for |r| ≤ π/4.
#[inline(always)]
pub(super) fn sine(r: f64, r_low: f64) -> (f64, f64) {
    let z = r * r;
    let p = horner!(
        z;
        -0.166_666_666_666_666_66,
        0.008_333_333_333_333_331,
        -0.000_198_412_698_412_650_6,
        2.755_731_921_933_466e-6,
        -2.505_210_623_088_241e-8,
        1.605_853_137_093_190_2e-10,
        -7.586_682_497_157_786e-13
    );
    quick_sum(r, (r * z).mul_add(p, r_low.mul_add(-0.5 * z, r_low)))
}

/// cos(r + r_low) as a pair for |r| ≤ π/4.
#[inline(always)]
pub(super) fn cosine(r: f64, r_low: f64) -> (f64, f64) {
    let (z, z_low) = product(r, r);
    let p = horner!(
        z;
        0.041_666_666_666_666_664,
        -0.001_388_888_888_888_739_5,
        2.480_158_729_876_295e-5,
        -2.755_731_727_031_051e-7,
        2.087_614_597_263_508e-9,
        -1.138_261_112_902_563e-11
    );
    let (high, low) = quick_sum(1.0, -0.5 * z);
    quick_sum(high, low + (z * z).mul_add(p, (-r).mul_add(r_low, -0.5 * z_low)))
}

/// The sine and the cosine of a pair, for |x| ≤ `REACH`.
#[inline(always)]
pub(super) fn sine_cosine(high: f64, low: f64) -> (f64, f64) {
    let (word, r, r_low) = quadrant(high, low);
    let (s, s_low) = sine(r, r_low);
    let (c, c_low) = cosine(r, r_low);
    let (s, c) = (s + s_low, c + c_low);
    let odd = word & 1 == 1;
    let (first, second) = (if odd { c } else { s }, if odd { s } else { c });
    (signed(first, word & 2), signed(second, word.wrapping_add(1) & 2))
}

/// x, negated where bit 1 of the word is set.
#[inline(always)]
fn signed(x: f64, bit: u64) -> f64 {
    f64::from_bits(x.to_bits() ^ (bit << 62))
}

/// sin x for |x| ≤ `REACH`.
#[inline(always)]
pub(super) fn sin(x: f64) -> f64 {
    let (y, _) = sine_cosine(x, 0.0);
    if x.abs() < TINY { x } else { y }
}

/// cos x for |x| ≤ `REACH`.
#[inline(always)]
pub(super) fn cos(x: f64) -> f64 {
    let (_, y) = sine_cosine(x, 0.0);
    y
}

/// tan x for |x| ≤ `REACH`.
#[inline(always)]
pub(super) fn tan(x: f64) -> f64 {
    let (word, r, r_low) = quadrant(x, 0.0);
    let (s, c) = (sine(r, r_low), cosine(r, r_low));
    let odd = word & 1 == 1;
    let top = (if odd { -c.0 } else { s.0 }, if odd { -c.1 } else { s.1 });
    let bottom = (if odd { s.0 } else { c.0 }, if odd { s.1 } else { c.1 });
    let y = quotient(top, bottom);
    if x.abs() < TINY { x } else { y }
}

/// arctan x.
#[inline(always)]
pub(super) fn atan(x: f64) -> f64 {
    let size = at_most(x.abs(), 1e18);
    let (middle, far) = (size > 0.414_213_562_373_095_03, size > 2.414_213_562_373_095);
    let (less, less_low) = sum(size, -1.0);
    let (more, more_low) = sum(size, 1.0);
    let near = !middle;
    let top = (if far { -1.0 } else { if near { size } else { less } }, if far | near { 0.0 } else { less_low });
    let bottom = (if far { size } else { if near { 1.0 } else { more } }, if far | near { 0.0 } else { more_low });
    let base = if far { FRAC_PI_2 } else { if near { 0.0 } else { FRAC_PI_4 } };
    let (t, t_low) = quotient_pair(top, bottom);
    let z = t * t;
    let p = horner!(
        z;
        -0.333_333_333_333_333_3,
        0.199_999_999_999_998_04,
        -0.142_857_142_856_597_48,
        0.111_111_111_051_477_64,
        -0.090_909_087_531_185_94,
        0.076_922_963_639_799_52,
        -0.066_664_246_872_465,
        0.058_789_267_157_567_26,
        -0.052_304_374_642_516_874,
        0.045_515_165_635_903_104,
        -0.034_568_590_668_606_9,
        0.016_283_572_356_482_59
    );
    let (high, low) = quick_sum(base, t);
    let base_low = base * (PI_2_MIDDLE / FRAC_PI_2);
    let y = high + (low + (t * z).mul_add(p, t_low + base_low));
    if x.abs() < TINY { x } else { y.copysign(x) }
}
