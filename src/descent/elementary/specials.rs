//! The ends of the functions: zeros of both signs, infinities, what is not a number, overflow and subnormal results.

use super::{Binary, Unary};

const INF: f64 = f64::INFINITY;
const NAN: f64 = f64::NAN;

/// Values at which functions have an end.
pub(super) const ENDS: [f64; 24] = [
    0.0,
    -0.0,
    1.0,
    -1.0,
    2.0,
    -2.0,
    3.0,
    -3.0,
    0.5,
    -0.5,
    1e-310,
    -1e-310,
    5e-324,
    1e16,
    -1e16,
    1e300,
    -1e300,
    f64::MAX,
    f64::MIN,
    f64::MIN_POSITIVE,
    INF,
    -INF,
    NAN,
    9_007_199_254_740_993.0,
];

/// The same bits, or both no number.
fn alike(x: f64, y: f64) -> bool {
    x.to_bits() == y.to_bits() || (x.is_nan() && y.is_nan())
}

#[test]
fn functions_of_one_value_end_as_ieee_has_it() {
    let table = [
        (Unary::Exp, -INF, 0.0),
        (Unary::Exp, INF, INF),
        (Unary::Exp, 0.0, 1.0),
        (Unary::Exp, 710.0, INF),
        (Unary::Exp, -746.0, 0.0),
        (Unary::Exp, -745.0, 5e-324),
        (Unary::Exp, 1e300, INF),
        (Unary::Exp, -1e300, 0.0),
        (Unary::Expm1, -0.0, -0.0),
        (Unary::Expm1, 5e-324, 5e-324),
        (Unary::Expm1, -INF, -1.0),
        (Unary::Expm1, -100.0, -1.0),
        (Unary::Expm1, INF, INF),
        (Unary::Expm1, 710.0, INF),
        (Unary::Log, 0.0, -INF),
        (Unary::Log, -0.0, -INF),
        (Unary::Log, -1.0, NAN),
        (Unary::Log, 1.0, 0.0),
        (Unary::Log, INF, INF),
        (Unary::Log, -INF, NAN),
        (Unary::Log10, 1000.0, 3.0),
        (Unary::Log10, 1e22, 22.0),
        (Unary::Log10, 1e-5, -5.0),
        (Unary::Log10, 0.0, -INF),
        (Unary::Log10, INF, INF),
        (Unary::Log10, -3.0, NAN),
        (Unary::Log2, 8.0, 3.0),
        (Unary::Log2, 5e-324, -1074.0),
        (Unary::Log2, 0.0, -INF),
        (Unary::Log1p, -1.0, -INF),
        (Unary::Log1p, -1.5, NAN),
        (Unary::Log1p, -0.0, -0.0),
        (Unary::Log1p, 5e-324, 5e-324),
        (Unary::Log1p, INF, INF),
        (Unary::Sqrt, -1.0, NAN),
        (Unary::Sqrt, -0.0, -0.0),
        (Unary::Cbrt, -8.0, -2.0),
        (Unary::Sin, -0.0, -0.0),
        (Unary::Sin, 5e-324, 5e-324),
        (Unary::Sin, INF, NAN),
        (Unary::Cos, INF, NAN),
        (Unary::Cos, 0.0, 1.0),
        (Unary::Tan, -0.0, -0.0),
        (Unary::Tan, -INF, NAN),
        (Unary::Asin, 1.5, NAN),
        (Unary::Acos, -1.5, NAN),
        (Unary::Atan, INF, std::f64::consts::FRAC_PI_2),
        (Unary::Atan, -INF, -std::f64::consts::FRAC_PI_2),
        (Unary::Atan, -0.0, -0.0),
        (Unary::Atan, 5e-324, 5e-324),
        (Unary::Sinh, -0.0, -0.0),
        (Unary::Sinh, 5e-324, 5e-324),
        (Unary::Sinh, 711.0, INF),
        (Unary::Sinh, -INF, -INF),
        (Unary::Cosh, -INF, INF),
        (Unary::Cosh, 0.0, 1.0),
        (Unary::Tanh, -0.0, -0.0),
        (Unary::Tanh, INF, 1.0),
        (Unary::Tanh, -30.0, -1.0),
        (Unary::Erf, INF, 1.0),
        (Unary::Erf, -INF, -1.0),
        (Unary::Erf, -0.0, -0.0),
        (Unary::Erfc, INF, 0.0),
        (Unary::Erfc, -INF, 2.0),
        (Unary::Erfc, 0.0, 1.0),
        (Unary::Erfc, 28.0, 0.0),
        (Unary::Abs, -0.0, 0.0),
        (Unary::Abs, -INF, INF),
        (Unary::Sigmoid, INF, 1.0),
        (Unary::Sigmoid, -INF, 0.0),
        (Unary::Sigmoid, 0.0, 0.5),
    ];
    for (function, x, expected) in table {
        let got = function.at(x);
        assert!(alike(got, expected), "{function:?}({x:e}) is {got:e}, not {expected:e}");
    }
}

#[test]
fn what_is_no_number_stays_so() {
    for function in Unary::ALL {
        assert!(function.at(NAN).is_nan(), "{function:?}");
    }
    for function in Binary::ALL {
        assert!(function.at(NAN, 0.5).is_nan(), "{function:?}");
        assert!(function.at(0.5, NAN).is_nan(), "{function:?}");
    }
}

#[test]
fn a_power_ends_as_ieee_has_it() {
    for x in ENDS {
        for y in ENDS {
            let (got, known) = (Binary::Pow.at(x, y), libm::pow(x, y));
            let near = (got - known).abs() <= 4e-16 * known.abs();
            assert!(alike(got, known) || near, "{x:e}^{y:e} is {got:e}, not {known:e}");
        }
    }
    for x in 1..50 {
        let x = f64::from(x);
        assert!(alike(Binary::Pow.at(-x, 3.0), -(x * x * x)), "{x}");
        assert!(alike(Binary::Pow.at(-x, 2.0), x * x), "{x}");
        assert!(alike(Binary::Pow.at(x * x, 0.5), x), "{x}");
    }
}

#[test]
fn subnormal_results_are_rounded_once() {
    for x in [-709.0, -712.25, -720.0, -735.5, -744.4] {
        let (got, known) = (Unary::Exp.at(x), libm::exp(x));
        assert!((got.to_bits() as i64 - known.to_bits() as i64).abs() <= 1, "exp({x}) is {got:e}, not {known:e}");
    }
}

#[test]
fn the_faddeeva_function_on_the_axis_below_it_and_far_away() {
    for u in [0.0f64, 0.1, 0.25, 0.5, 1.0, 3.0, 5.9, 12.0, 26.0, 1e4, 1e9, 1e300] {
        let gaussian = (-u * u).exp();
        let got = Binary::FaddeevaRe.at(u, 0.0);
        assert!((got - gaussian).abs() <= 2e-13 * gaussian, "w({u}) has the real part {got:e}, not {gaussian:e}");
    }
    // Below the axis: w(z) + w(−z) = 2exp(−z²).
    for (u, v) in [(0.3, 0.2), (2.0, 1.5), (5.0, 4.0), (-1.0, 7.0)] {
        let (real, imaginary) = (Binary::FaddeevaRe.at(u, -v), Binary::FaddeevaIm.at(u, -v));
        let size = 2.0 * f64::exp(v * v - u * u);
        let (re, im) = (size * (2.0 * u * v).cos(), size * (2.0 * u * v).sin());
        let scale = size + 1.0;
        assert!((real + Binary::FaddeevaRe.at(-u, v) - re).abs() <= 1e-13 * scale, "{u} {v}");
        assert!((imaginary + Binary::FaddeevaIm.at(-u, v) - im).abs() <= 1e-13 * scale, "{u} {v}");
    }
    assert!(alike(Binary::FaddeevaRe.at(0.0, 0.0), 1.0));
    assert!(alike(Binary::FaddeevaIm.at(0.0, 0.0), 0.0));
    assert!(alike(Binary::FaddeevaRe.at(INF, 1.0), 0.0));
    let far = Binary::FaddeevaRe.at(3e8, 4e8) * 4e8 * std::f64::consts::PI.sqrt();
    assert!((far - 0.64).abs() < 1e-14, "{far}");
}
