//! Errors in units of the last place, against arbitrary precision, over the whole useful range of each function.

use super::reference::{Reference, nearest, ulps};
use super::{Binary, Unary};
use crate::descent::{Lanes, SimdPath};

/// Seeded numbers.
pub(super) struct Numbers(u64);

impl Numbers {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        self.0 >> 11
    }

    /// Uniform between the two.
    pub(super) fn within(&mut self, from: f64, to: f64) -> f64 {
        from + (to - from) * (self.bits() as f64 / (1u64 << 53) as f64)
    }

    /// Of either sign, its size between two powers of two.
    pub(super) fn sized(&mut self, from: f64, to: f64) -> f64 {
        let size = self.within(from, to);
        let whole = size.floor();
        // In two steps, since 2⁻¹⁰⁷⁴ has no inverse.
        let half = (whole / 2.0).floor();
        let value = (size - whole + 1.0) * half.exp2() * (whole - half).exp2();
        if self.bits() & 4096 == 0 { value } else { -value }
    }
}

/// Numbers where this function is used, and where it is difficult.
pub(super) fn arguments(function: Unary, count: usize) -> Vec<f64> {
    let mut numbers = Numbers::new(7 + function as u64);
    let mut take = |count: usize, next: &mut dyn FnMut(&mut Numbers) -> f64| -> Vec<f64> {
        (0..count).map(|_| next(&mut numbers)).collect()
    };
    let half = count / 2;
    match function {
        Unary::Exp | Unary::Expm1 | Unary::Sinh | Unary::Cosh => {
            let mut all = take(half, &mut |n| n.within(-2.0, 2.0));
            all.extend(take(half / 2, &mut |n| n.within(-708.0, 709.7)));
            all.extend(take(half / 4, &mut |n| n.within(-40.0, 40.0)));
            all.extend(take(half / 4, &mut |n| n.sized(-300.0, 0.0)));
            all
        }
        Unary::Log | Unary::Log10 | Unary::Log2 => {
            let mut all = take(half / 2, &mut |n| n.within(0.5, 2.0));
            all.extend(take(half / 2, &mut |n| 1.0 + n.sized(-52.0, -3.0)));
            all.extend(take(half, &mut |n| n.sized(-1074.0, 1023.9).abs()));
            all
        }
        Unary::Log1p => {
            let mut all = take(half, &mut |n| n.within(-0.9, 2.0));
            all.extend(take(half / 2, &mut |n| n.sized(-400.0, -0.1)));
            all.extend(take(half / 2, &mut |n| n.sized(-2.0, 1023.9).abs()));
            all
        }
        Unary::Sqrt => {
            let mut all = take(half, &mut |n| n.within(1e-3, 40.0));
            all.extend(take(half, &mut |n| n.sized(-30.0, 60.0).abs()));
            all
        }
        Unary::Sin | Unary::Cos | Unary::Tan => {
            let mut all = take(half / 2, &mut |n| n.within(-7.0, 7.0));
            all.extend(take(half / 4, &mut |n| n.within(-1e5, 1e5)));
            all.extend(take(half / 4, &mut |n| n.sized(-300.0, 29.8)));
            all.extend(take(half / 8, &mut |n| n.sized(30.0, 1000.0)));
            // The floats around multiples of π/2, where the function or its partner is nearly zero.
            all.extend(take(half / 2, &mut |n| {
                let multiple = n.sized(0.0, 29.0).round() * std::f64::consts::FRAC_PI_2;
                f64::from_bits(multiple.to_bits().wrapping_add(n.bits() % 5).wrapping_sub(2))
            }));
            all
        }
        Unary::Asin | Unary::Acos => {
            let mut all = take(half, &mut |n| n.within(-1.0, 1.0));
            all.extend(take(half, &mut |n| n.sized(-60.0, -0.001) / 2.0));
            all
        }
        Unary::Erf => {
            let mut all = take(half, &mut |n| n.within(-6.5, 6.5));
            all.extend(take(half / 2, &mut |n| n.within(-1.0, 1.0)));
            all.extend(take(half / 2, &mut |n| n.sized(-900.0, 3.0)));
            all
        }
        Unary::Erfc => {
            let mut all = take(half, &mut |n| n.within(-6.0, 26.5));
            all.extend(take(half, &mut |n| n.within(-1.0, 3.0)));
            all
        }
        Unary::Tanh | Unary::Sigmoid => {
            let mut all = take(half, &mut |n| n.within(-3.0, 3.0));
            all.extend(take(half / 2, &mut |n| n.within(-40.0, 40.0)));
            all.extend(take(half / 2, &mut |n| n.sized(-300.0, 9.4)));
            all
        }
        Unary::Cbrt | Unary::Atan | Unary::Abs => {
            let mut all = take(half, &mut |n| n.within(-4.0, 4.0));
            all.extend(take(half, &mut |n| n.sized(-1022.0, 1023.9)));
            all
        }
    }
}

/// Pairs for a function of two values.
pub(super) fn pairs(function: Binary, count: usize) -> Vec<(f64, f64)> {
    let mut numbers = Numbers::new(77 + function as u64);
    let n = &mut numbers;
    (0..count)
        .map(|index| match function {
            Binary::Pow => match index % 4 {
                0 => (n.within(0.0, 4.0), n.within(-8.0, 8.0)),
                1 => (n.within(0.5, 2.0), n.within(-700.0, 700.0)),
                2 => {
                    let x = n.sized(-1070.0, 1023.9).abs();
                    (x, n.within(-708.0, 709.0) / x.ln())
                }
                _ => {
                    let x = 1.0 + n.sized(-50.0, -4.0);
                    (x, n.within(-707.0, 709.0) / (x - 1.0).ln_1p())
                }
            },
            Binary::Atan2 | Binary::Hypot => (n.sized(-60.0, 60.0), n.sized(-60.0, 60.0)),
            Binary::FaddeevaRe | Binary::FaddeevaIm => match index % 6 {
                0 => (n.within(-6.0, 6.0), n.within(0.0, 6.0)),
                1 => (n.within(-8.0, 8.0), n.sized(-60.0, 3.0).abs()),
                2 => (n.sized(-40.0, 13.2), n.sized(-40.0, 13.2).abs()),
                // Near the nodes of the rule and near the middles between them.
                3 => (n.within(-26.0, 26.0).round() / 4.0 + n.sized(-45.0, -4.0), n.sized(-90.0, 2.0).abs()),
                // On the axis, and off it by less than a Gaussian's size.
                4 => (n.within(-9.0, 9.0), if index % 12 == 4 { 0.0 } else { n.sized(-200.0, -30.0).abs() }),
                // Where the residue is left away.
                _ => (n.within(0.0, 9.0), n.within(6.2, 6.4)),
            },
        })
        .collect()
}

/// The largest error in ulp where the result is a normal number, and where it is.
fn worst_unary(function: Unary, count: usize) -> (f64, f64) {
    let mut reference = Reference::new(256);
    let x = arguments(function, count);
    let mut out = vec![0.0; x.len()];
    function.apply(Lanes::chosen(), &x, &mut out);
    let mut worst = (0.0, 0.0);
    for (x, y) in x.into_iter().zip(out) {
        let error = ulps(y, &reference.unary(function, x));
        // Rounding to a subnormal number comes on top of the rounding to a normal one.
        let error = if y.abs() < f64::MIN_POSITIVE { error - 1.0 } else { error };
        if error > worst.0 || error.is_nan() {
            worst = (error, x);
        }
    }
    worst
}

/// The same of two values; for the imaginary part of w in ulp of |w|.
fn worst_binary(function: Binary, count: usize) -> (f64, (f64, f64)) {
    let mut reference = Reference::new(256);
    let pairs = pairs(function, count);
    let (a, b): (Vec<_>, Vec<_>) = pairs.iter().copied().unzip();
    let mut out = vec![0.0; a.len()];
    function.apply(Lanes::chosen(), &a, &b, &mut out);
    let mut worst = (0.0, (0.0, 0.0));
    for ((a, b), y) in pairs.into_iter().zip(out) {
        let exact = reference.binary(function, a, b);
        let mut error = ulps(y, &exact);
        if function == Binary::FaddeevaIm {
            let own = nearest(&exact).abs().log2().floor();
            let whole = reference.faddeeva_size(a, b).log2().floor();
            error *= (own - whole).exp2();
        }
        let error = if y.abs() < f64::MIN_POSITIVE { error - 1.0 } else { error };
        if error > worst.0 || error.is_nan() {
            worst = (error, (a, b));
        }
    }
    worst
}

#[test]
fn functions_of_one_value_keep_their_stated_error() {
    for function in Unary::ALL {
        let (error, x) = worst_unary(function, 1000);
        assert!(error <= function.ulp(), "{function:?}({x:e}) is {error} ulp off");
    }
}

#[test]
fn functions_of_two_values_keep_their_stated_error() {
    for function in Binary::ALL {
        let count = if matches!(function, Binary::FaddeevaRe | Binary::FaddeevaIm) { 300 } else { 2000 };
        let (error, at) = worst_binary(function, count);
        assert!(error <= function.ulp(), "{function:?}{at:?} is {error} ulp off");
    }
}

#[test]
fn one_value_has_the_bits_of_many_and_every_path_those_of_the_portable_one() {
    let paths: Vec<_> = SimdPath::ALL.into_iter().filter_map(Lanes::of).collect();
    let check = |name: String, apply: &dyn Fn(Lanes, &mut [f64]), at: &dyn Fn(usize) -> f64, length: usize| {
        let outs: Vec<Vec<f64>> = paths
            .iter()
            .map(|lanes| {
                let mut out = vec![0.0; length];
                apply(*lanes, &mut out);
                out
            })
            .collect();
        for index in 0..length {
            for (out, lanes) in outs.iter().zip(&paths) {
                assert_eq!(out[index].to_bits(), outs[0][index].to_bits(), "{name} at {index} on {lanes:?}");
            }
            assert_eq!(at(index).to_bits(), outs[0][index].to_bits(), "{name} at {index} alone");
        }
    };
    let ends = super::specials::ENDS;
    for function in Unary::ALL {
        let x: Vec<f64> = arguments(function, 1001).into_iter().chain(ends).collect();
        let apply = |lanes: Lanes, out: &mut [f64]| function.apply(lanes, &x, out);
        check(format!("{function:?}"), &apply, &|index| function.at(x[index]), x.len());
    }
    for function in Binary::ALL {
        let crossed = ends.into_iter().flat_map(|a| ends.map(|b| (a, b)));
        let (a, b): (Vec<f64>, Vec<f64>) = pairs(function, 1001).into_iter().chain(crossed).unzip();
        let apply = |lanes: Lanes, out: &mut [f64]| function.apply(lanes, &a, &b, out);
        check(format!("{function:?}"), &apply, &|index| function.at(a[index], b[index]), a.len());
    }
}
