//! xʸ for all floats, as IEEE 754 (§9.2) has it. Method: exp(y ln|x|) with the logarithm and the product in pairs; the
//! sign and the ends by selection.

use super::exponential::exp_pair;
use super::logarithm::log_pair;
use super::pair::product;

/// xʸ.
#[inline(always)]
pub(super) fn pow(x: f64, y: f64) -> f64 {
    let size = x.abs();
    let (log, log_low) = log_pair(size);
    // Zero and infinity have the logarithms that a limit gives them.
    let ordinary = (size > 0.0) & (size < f64::INFINITY);
    let edge = if size > 0.0 { size } else { size - f64::INFINITY };
    let (log, log_low) = (if ordinary { log } else { edge }, if ordinary { log_low } else { 0.0 });
    let (high, low) = product(log, y);
    let low = log_low.mul_add(y, low);
    // Far outside, where the low part may be no number, it does not count.
    let power = exp_pair(high, if high.abs() <= 800.0 { low } else { 0.0 });

    // |x| = 1 and an infinite y.
    let level = (size >= 1.0) & (size <= 1.0);
    let power = if level & (y.abs() > f64::MAX) { 1.0 } else { power };

    let broken = (y - y.trunc()).abs() > 0.0;
    let half = 0.5 * y;
    let odd = !broken & ((half - half.trunc()).abs() > 0.0);
    let negative = x.is_sign_negative() & !x.is_nan();
    let outside = (x < 0.0) & (size < f64::INFINITY) & broken;
    let power = if negative & odd { -power } else { power };
    let power = if outside { f64::NAN } else { power };
    // 1 to any power and anything to the power 0, even what is not a number.
    let one = ((x >= 1.0) & (x <= 1.0)) | ((y >= 0.0) & (y <= 0.0));
    if one { 1.0 } else { power }
}
