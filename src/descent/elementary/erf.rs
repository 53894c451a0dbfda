//! The error function and its complement. Method: erf by a polynomial in x² up to ½; beyond it erfc = exp(−x²)·g(t)/(x + ½)
//! with t = (x − 7/2)/(x + 7/2), after Shepherd & Laframboise 1981; both fitted at Chebyshev nodes.

use super::exponential::exp_pair;
use super::pair::{at_most, horner, product};

const BORDER: f64 = 0.5;

/// erf x − cx with c = 2/√π to a float, for |x| ≤ ½; and cx, with what the product lost.
#[inline(always)]
fn near(x: f64) -> (f64, f64) {
    let z = x * x;
    let p = horner!(
        z;
        -0.376_126_389_031_837_54,
        0.112_837_916_709_551,
        -0.026_866_170_645_104_014,
        0.005_223_977_624_322_701_5,
        -0.000_854_832_679_278_115_7,
        0.000_120_553_062_525_945_72,
        -1.492_382_748_622_895_5e-5,
        1.638_939_029_120_542_6e-6,
        -1.478_678_785_320_260_2e-7
    );
    let (high, low) = product(x, std::f64::consts::FRAC_2_SQRT_PI);
    (high, (x * z).mul_add(p, x.mul_add(1.533_545_961_316_588e-17, low)))
}

/// erfc x for ½ ≤ x ≤ 28.
#[inline(always)]
fn far(x: f64) -> f64 {
    let t = (x - 3.5) / (x + 3.5);
    let p = horner!(
        t;
        0.621_174_622_435_577_2,
        -0.070_004_590_068_809_71,
        -0.005_277_798_166_109_17,
        0.048_759_547_576_629_21,
        -0.057_544_799_080_094_12,
        0.043_991_576_912_436_575,
        -0.024_411_662_914_000_338,
        0.009_549_665_471_146_65,
        -0.002_107_509_953_258_069_3,
        -0.000_151_133_938_469_325_9,
        0.000_282_192_204_266_180_5,
        -6.075_620_965_281_408_4e-5,
        -2.139_109_508_429_386e-5,
        1.213_045_362_462_644_5e-5,
        1.164_091_469_121_367_2e-6,
        -1.907_147_942_608_604_4e-6,
        -2.198_015_012_798_094e-8,
        3.000_024_390_504_953e-7,
        -4.171_139_332_612_299e-9,
        -4.644_489_909_771_837e-8,
        4.654_726_616_872_131e-10,
        5.177_341_535_705_423_5e-9,
        -6.711_514_096_633_926e-11
    );
    let (square, square_low) = product(x, x);
    exp_pair(-square, -square_low) * (p / (x + 0.5))
}

/// erf x.
#[inline(always)]
pub(super) fn erf(x: f64) -> f64 {
    let size = at_most(x.abs(), 28.0);
    let (high, low) = near(size);
    let y = if size < BORDER { high + low } else { 1.0 - far(size) };
    let tiny = x * std::f64::consts::FRAC_2_SQRT_PI;
    if x.abs() < 1e-150 { tiny } else { y.copysign(x) }
}

/// 1 − erf x, without the cancellation.
#[inline(always)]
pub(super) fn erfc(x: f64) -> f64 {
    let size = at_most(x.abs(), 28.0);
    let (high, low) = near(size);
    let beyond = far(size);
    let (plus, minus) = ((1.0 + high) + low, (1.0 - high) - low);
    let inner = if x < 0.0 { plus } else { minus };
    let outer = if x < 0.0 { 2.0 - beyond } else { beyond };
    if size < BORDER { inner } else { if size.is_nan() { size } else { outer } }
}
