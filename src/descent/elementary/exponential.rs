//! eˣ, eˣ − 1 and the logistic function. Method: x = n ln 2 + r with |r| ≤ ln 2 / 2 (Cody & Waite 1980), eʳ by a
//! polynomial fitted at Chebyshev nodes, the rounding of r carried along.

use super::pair::{at_least, at_most, horner, power_of_two, quick_sum, rounded, sum};

const LN_2: f64 = std::f64::consts::LN_2;
/// ln 2 − `LN_2`.
const LN_2_LOW: f64 = 2.319_046_813_846_299_6e-17;

/// x = n ln 2 + (r + r_low) for |x| < 2¹⁰ or so: the first difference is exact, because a fused product is not rounded.
#[inline(always)]
pub(super) fn reduced(high: f64, low: f64) -> (f64, f64, f64) {
    let (n, _) = rounded(high * std::f64::consts::LOG2_E);
    let first = n.mul_add(-LN_2, high);
    let (r, r_low) = sum(first, n.mul_add(-LN_2_LOW, low));
    (n, r, r_low)
}

/// (eʳ − 1) − r for |r| ≤ 0.3467, with an error below 2⁻⁶¹.
#[inline(always)]
fn tail(r: f64) -> f64 {
    let q = horner!(
        r;
        0.5,
        0.166_666_666_666_666_7,
        0.041_666_666_666_666_67,
        0.008_333_333_333_326_12,
        0.001_388_888_888_888_373_8,
        0.000_198_412_698_748_739_75,
        2.480_158_732_558_584e-5,
        2.755_725_533_255_441e-6,
        2.755_727_359_479_941_3e-7,
        2.510_524_515_390_137e-8,
        2.091_470_706_961_235_5e-9
    );
    r * r * q
}

/// exp(high + low): overflow gives infinity, underflow a subnormal number or zero.
#[inline(always)]
pub(super) fn exp_pair(high: f64, low: f64) -> f64 {
    let inside = high.abs() <= 800.0;
    let (n, r, r_low) = reduced(at_least(at_most(high, 800.0), -800.0), if inside { low } else { 0.0 });
    let power = 1.0 + (r + r_low.mul_add(1.0 + r, tail(r)));
    // In two halves, so that neither leaves the range when the product does; only the last one rounds.
    let (half, _) = rounded(n * 0.5);
    power * power_of_two(half) * power_of_two(n - half)
}

/// eˣ.
#[inline(always)]
pub(super) fn exp(x: f64) -> f64 {
    exp_pair(x, 0.0)
}

/// eˣ − 1.
#[inline(always)]
pub(super) fn expm1(x: f64) -> f64 {
    let (n, r, r_low) = reduced(at_least(at_most(x, 720.0), -60.0), 0.0);
    let (s, s_low) = quick_sum(r, tail(r) + r_low);
    // Half of the result, 2ⁿ⁻¹ − ½ + 2ⁿ⁻¹s, since 2¹⁰²⁴ is no float.
    let scale = power_of_two(at_most(n - 1.0, 1023.0));
    let (base, base_low) = sum(scale, -0.5);
    let (high, low) = sum(base, scale * s);
    let y = 2.0 * (high + (low + scale.mul_add(s_low, base_low)));
    let y = if x > 709.8 { f64::INFINITY } else { y };
    if x.abs() < 1e-17 { x } else { y }
}

/// 1 / (1 + e⁻ˣ).
#[inline(always)]
pub(super) fn sigmoid(x: f64) -> f64 {
    let small = exp(-x.abs());
    let (whole, rest) = quick_sum(1.0, small);
    let top = if x < 0.0 { small } else { 1.0 };
    let quotient = top / whole;
    // The rounding of 1 + e^−|x| as a correction of first order.
    quotient - quotient * rest
}
