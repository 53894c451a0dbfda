//! Student's t distribution: two-sided p-values and quantiles, through the regularized incomplete beta function.
//! Elementary functions come from `libm`, compiled with the program, so that they have the same bits everywhere.

/// ln Γ(a + ½) − ln Γ(a): for large a from its expansion (DLMF 5.11.13), where the difference would cancel.
fn log_gamma_half_step(a: f64) -> f64 {
    if a < 30.0 {
        return libm::lgamma(a + 0.5) - libm::lgamma(a);
    }
    let inverse = 1.0 / a;
    let square = inverse * inverse;
    0.5 * libm::log(a) - inverse * (0.125 - square * (1.0 / 192.0 - square * (1.0 / 640.0 - square * (17.0 / 14336.0))))
}

/// I_x(a, b) by Lentz's continued fraction (DLMF 8.17.22), with y = 1 − x. One of a and b is ½, the other is `long`.
fn incomplete_beta(a: f64, b: f64, long: f64, x: f64, y: f64) -> f64 {
    if x <= 0.0 {
        return 0.0;
    }
    if y <= 0.0 {
        return 1.0;
    }
    if x > (a + 1.0) / (a + b + 2.0) {
        return 1.0 - incomplete_beta(b, a, long, y, x);
    }
    let log = |value: f64, rest: f64| if rest < 0.5 { libm::log1p(-rest) } else { libm::log(value) };
    // Γ(½) = √π.
    let scale = log_gamma_half_step(long) - 0.5 * libm::log(std::f64::consts::PI);
    let front = libm::exp(scale + a * log(x, y) + b * log(y, x)) / a;
    const TINY: f64 = 1e-300;
    let mut c = 1.0;
    let mut d = 1.0 / (1.0 - (a + b) * x / (a + 1.0)).abs().max(TINY);
    let mut fraction = d;
    for m in 1..10_000 {
        let m = f64::from(m);
        for numerator in [
            m * (b - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m)),
            -(a + m) * (a + b + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0)),
        ] {
            d = 1.0 + numerator * d;
            d = 1.0 / if d.abs() < TINY { TINY } else { d };
            c = 1.0 + numerator / c;
            if c.abs() < TINY {
                c = TINY;
            }
            fraction *= c * d;
        }
        if (c * d - 1.0).abs() < 1e-16 {
            break;
        }
    }
    front * fraction
}

/// Degrees of freedom that stand for the normal distribution.
pub(super) const NORMAL: f64 = 1e18;

/// P(|T| > |t|) with `df` > 0 degrees of freedom; from the error function where these are [`NORMAL`].
pub(super) fn two_sided_p(t: f64, df: f64) -> f64 {
    if df >= NORMAL {
        return libm::erfc(t.abs() * std::f64::consts::FRAC_1_SQRT_2);
    }
    let square = t * t;
    if square.is_infinite() {
        return 0.0;
    }
    incomplete_beta(0.5 * df, 0.5, 0.5 * df, df / (df + square), square / (df + square))
}

/// The t with P(|T| ≤ t) = `level`, for `level` in (0, 1), by bisection on the p-value to the last bit.
pub(super) fn two_sided_quantile(level: f64, df: f64) -> f64 {
    let alpha = 1.0 - level;
    let mut high = 1.0;
    while two_sided_p(high, df) > alpha && high < 1e300 {
        high *= 2.0;
    }
    let mut low = 0.0;
    for _ in 0..200 {
        let middle = 0.5 * (low + high);
        if middle <= low || middle >= high {
            break;
        }
        if two_sided_p(middle, df) > alpha {
            low = middle;
        } else {
            high = middle;
        }
    }
    0.5 * (low + high)
}

/// The z below which a standard normal value lies with this probability, in (0, 1).
pub fn normal_quantile(probability: f64) -> f64 {
    let level = 2.0f64.mul_add(probability, -1.0);
    if level == 0.0 { 0.0 } else { two_sided_quantile(level.abs(), NORMAL).copysign(level) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Values of the tables in Abramowitz & Stegun 26.10, and closed forms for 1 and 2 degrees of freedom.
    #[test]
    fn quantiles_and_p_values_agree_with_closed_forms() {
        // One degree of freedom is the Cauchy distribution: t = tan(π·level/2).
        for level in [0.5, 0.9, 0.95, 0.99] {
            let exact = (std::f64::consts::FRAC_PI_2 * level).tan();
            assert!((two_sided_quantile(level, 1.0) / exact - 1.0).abs() < 1e-11);
            // Two degrees of freedom: t = level·√2 / √(1 − level²).
            let exact = level * (2.0 / (1.0 - level * level)).sqrt();
            assert!((two_sided_quantile(level, 2.0) / exact - 1.0).abs() < 1e-11);
        }
        assert!((two_sided_quantile(0.95, 10.0) - 2.228_138_851_964_939).abs() < 1e-10);
        assert!((two_sided_p(2.0, 2.0) - (1.0 - 2.0 / 6f64.sqrt())).abs() < 1e-13);
        assert!((two_sided_p(0.0, 5.0) - 1.0).abs() < 1e-15);
        assert!((normal_quantile(0.025) + 1.959_963_984_540_054).abs() < 1e-12 && normal_quantile(0.5) == 0.0);
        // Many degrees of freedom approach the normal distribution.
        assert!((two_sided_quantile(0.95, 1e9) - 1.959_963_984_540_054).abs() < 1e-8);
        assert!((two_sided_quantile(0.95, NORMAL) - 1.959_963_984_540_054).abs() < 1e-14);
        assert!((two_sided_p(5.0, NORMAL) / 5.733_031_437_583_878e-7 - 1.0).abs() < 1e-13);
    }
}
