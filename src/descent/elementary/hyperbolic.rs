//! Hyperbolic sine, cosine and tangent. Method: |x| = n ln 2 + r, cosh r and sinh r by polynomials fitted at Chebyshev
//! nodes, and the addition theorem with cosh(n ln 2) = (2ⁿ + 2⁻ⁿ)/2, whose parts are exact.

use super::exponential::reduced;
use super::pair::{at_most, horner, power_of_two, product, quick_sum, quotient, sum};

/// Below this, x is its own hyperbolic sine and tangent to half an ulp.
const TINY: f64 = 1e-8;

/// A quarter of sinh and of cosh, as pairs, for 0 ≤ x ≤ 711.
#[inline(always)]
fn quarters(x: f64) -> ((f64, f64), (f64, f64)) {
    let (n, r, r_low) = reduced(x, 0.0);
    let z = r * r;
    let cosine = horner!(
        z;
        0.5,
        0.041_666_666_666_666_68,
        0.001_388_888_888_887_902,
        2.480_158_733_658_412_5e-5,
        2.755_726_312_733_979e-7,
        2.091_819_383_943_125_4e-9
    );
    let sine = horner!(
        z;
        0.166_666_666_666_666_66,
        0.008_333_333_333_333_333,
        0.000_198_412_698_412_632_63,
        2.755_731_924_731_330_4e-6,
        2.505_207_099_314_993e-8,
        1.608_666_534_970_977_1e-10
    );
    let cosine_less_one = z.mul_add(cosine, r * r_low);
    let sine_tail = (r * z).mul_add(sine, 0.5f64.mul_add(z, 1.0) * r_low);
    // 2⁻ⁿ no longer counts where it is held back from underflow.
    let (grown, shrunk) = (power_of_two(n - 3.0), power_of_two(-at_most(n, 60.0) - 3.0));
    let (less, more) = (quick_sum(grown, -shrunk), quick_sum(grown, shrunk));
    let part = |own: (f64, f64), other: (f64, f64)| {
        let (p, p_low) = product(other.0, r);
        let (high, low) = sum(own.0, p);
        let small = own.0.mul_add(cosine_less_one, other.0.mul_add(sine_tail, other.1.mul_add(r, own.1)));
        quick_sum(high, low + (p_low + small))
    };
    (part(less, more), part(more, less))
}

/// sinh x.
#[inline(always)]
pub(super) fn sinh(x: f64) -> f64 {
    let ((high, low), _) = quarters(at_most(x.abs(), 711.0));
    let y = (4.0 * (high + low)).copysign(x);
    if x.abs() < TINY { x } else { y }
}

/// cosh x.
#[inline(always)]
pub(super) fn cosh(x: f64) -> f64 {
    let (_, (high, low)) = quarters(at_most(x.abs(), 711.0));
    4.0 * (high + low)
}

/// tanh x.
#[inline(always)]
pub(super) fn tanh(x: f64) -> f64 {
    let (sine, cosine) = quarters(at_most(x.abs(), 25.0));
    let y = quotient(sine, cosine).copysign(x);
    if x.abs() < TINY { x } else { y }
}
