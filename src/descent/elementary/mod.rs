//! The elementary functions over slices, as a formula is evaluated with: the same bits on every path of [`Lanes`], and
//! for one value the same bits as for many. It knows no formula.
//!
//! Most functions are polynomials behind selections, which the compiler makes vectors of. The others walk the slice with
//! `libm`, whose bits do not depend on the machine either.

mod slices;

mod circular;
mod erf;
mod exponential;
mod faddeeva;
mod hyperbolic;
mod logarithm;
mod pair;
mod power;

#[cfg(test)]
mod accuracy;
#[cfg(test)]
mod reference;
#[cfg(test)]
mod specials;

use super::lanes::Lanes;
use slices::each;

/// A function of one value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(in crate::descent) enum Unary {
    /// eˣ.
    Exp,
    /// eˣ − 1.
    Expm1,
    /// The natural logarithm.
    Log,
    /// The logarithm to base 10.
    Log10,
    /// The logarithm to base 2.
    Log2,
    /// ln(1 + x).
    Log1p,
    /// The square root.
    Sqrt,
    /// The cube root.
    Cbrt,
    /// The sine, of radians.
    Sin,
    /// The cosine, of radians.
    Cos,
    /// The tangent, of radians.
    Tan,
    /// The arcsine.
    Asin,
    /// The arccosine.
    Acos,
    /// The arctangent.
    Atan,
    /// The hyperbolic sine.
    Sinh,
    /// The hyperbolic cosine.
    Cosh,
    /// The hyperbolic tangent.
    Tanh,
    /// The error function.
    Erf,
    /// 1 − erf x.
    Erfc,
    /// The absolute value.
    Abs,
    /// 1 / (1 + e⁻ˣ).
    Sigmoid,
}

impl Unary {
    /// All functions.
    #[cfg(test)]
    pub(in crate::descent) const ALL: [Self; 21] = [
        Self::Exp,
        Self::Expm1,
        Self::Log,
        Self::Log10,
        Self::Log2,
        Self::Log1p,
        Self::Sqrt,
        Self::Cbrt,
        Self::Sin,
        Self::Cos,
        Self::Tan,
        Self::Asin,
        Self::Acos,
        Self::Atan,
        Self::Sinh,
        Self::Cosh,
        Self::Tanh,
        Self::Erf,
        Self::Erfc,
        Self::Abs,
        Self::Sigmoid,
    ];

    /// outᵢ ← f(xᵢ); both have the same length.
    pub(in crate::descent) fn apply(self, lanes: Lanes, x: &[f64], out: &mut [f64]) {
        debug_assert_eq!(x.len(), out.len());
        match self {
            Self::Exp => each!(exponential::exp, lanes, (x), out),
            Self::Expm1 => each!(exponential::expm1, lanes, (x), out),
            Self::Log => each!(logarithm::log, lanes, (x), out),
            Self::Log10 => each!(logarithm::log10, lanes, (x), out),
            Self::Log2 => each!(logarithm::log2, lanes, (x), out),
            Self::Log1p => each!(logarithm::log1p, lanes, (x), out),
            Self::Sqrt => each!(f64::sqrt, lanes, (x), out),
            Self::Cbrt => each!(libm::cbrt, lanes, (x), out),
            Self::Sin => {
                each!(circular::sin, lanes, (x), out);
                beyond(libm::sin, x, out);
            }
            Self::Cos => {
                each!(circular::cos, lanes, (x), out);
                beyond(libm::cos, x, out);
            }
            Self::Tan => {
                each!(circular::tan, lanes, (x), out);
                beyond(libm::tan, x, out);
            }
            Self::Asin => each!(libm::asin, lanes, (x), out),
            Self::Acos => each!(libm::acos, lanes, (x), out),
            Self::Atan => each!(circular::atan, lanes, (x), out),
            Self::Sinh => each!(hyperbolic::sinh, lanes, (x), out),
            Self::Cosh => each!(hyperbolic::cosh, lanes, (x), out),
            Self::Tanh => each!(hyperbolic::tanh, lanes, (x), out),
            Self::Erf => each!(erf::erf, lanes, (x), out),
            Self::Erfc => each!(erf::erfc, lanes, (x), out),
            Self::Abs => each!(f64::abs, lanes, (x), out),
            Self::Sigmoid => each!(exponential::sigmoid, lanes, (x), out),
        }
    }

    /// f(x), with the bits that [`Self::apply`] gives.
    pub(in crate::descent) fn at(self, x: f64) -> f64 {
        let mut out = [0.0];
        self.apply(Lanes::chosen(), &[x], &mut out);
        out[0]
    }

    /// The largest error, in units of the last place, where argument and result are normal numbers; of the logarithm of
    /// the gamma function where x > 0, since below it crosses zero between the poles.
    #[cfg(test)]
    pub(in crate::descent) const fn ulp(self) -> f64 {
        match self {
            Self::Abs => 0.0,
            Self::Sqrt => 0.5,
            Self::Erf | Self::Sigmoid => 2.0,
            Self::Erfc => 3.0,
            _ => 1.0,
        }
    }
}

/// Asks `libm` for the circular functions of what lies beyond the reach of the kernels.
fn beyond(function: fn(f64) -> f64, x: &[f64], out: &mut [f64]) {
    if x.iter().fold(false, |any, x| any | (x.abs() > circular::REACH)) {
        for (to, from) in out.iter_mut().zip(x).filter(|(_, from)| from.abs() > circular::REACH) {
            *to = if from.is_finite() { function(*from) } else { f64::NAN };
        }
    }
}

/// A function of two values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(in crate::descent) enum Binary {
    /// aᵇ, as IEEE 754 has it.
    Pow,
    /// The angle of the point (b, a).
    Atan2,
    /// √(a² + b²) without overflow on the way.
    Hypot,
    /// The real part of w(a + ib), w(z) = exp(−z²)·erfc(−iz): the Voigt profile.
    FaddeevaRe,
    /// The imaginary part of w(a + ib).
    FaddeevaIm,
}

impl Binary {
    /// All functions.
    #[cfg(test)]
    pub(in crate::descent) const ALL: [Self; 5] =
        [Self::Pow, Self::Atan2, Self::Hypot, Self::FaddeevaRe, Self::FaddeevaIm];

    /// outᵢ ← f(aᵢ, bᵢ); all have the same length.
    pub(in crate::descent) fn apply(self, lanes: Lanes, a: &[f64], b: &[f64], out: &mut [f64]) {
        debug_assert!(a.len() == out.len() && b.len() == out.len());
        match self {
            Self::Pow => each!(power::pow, lanes, (a, b), out),
            Self::Atan2 => each!(libm::atan2, lanes, (a, b), out),
            Self::Hypot => each!(libm::hypot, lanes, (a, b), out),
            Self::FaddeevaRe => each!(faddeeva::real, lanes, (a, b), out),
            Self::FaddeevaIm => each!(faddeeva::imaginary, lanes, (a, b), out),
        }
    }

    /// f(a, b), with the bits that [`Self::apply`] gives.
    pub(in crate::descent) fn at(self, a: f64, b: f64) -> f64 {
        let mut out = [0.0];
        self.apply(Lanes::chosen(), &[a], &[b], &mut out);
        out[0]
    }

    /// The largest error, in units of the last place, where arguments and result are normal numbers; for the imaginary
    /// part of w in units of the last place of |w|.
    #[cfg(test)]
    pub(in crate::descent) const fn ulp(self) -> f64 {
        match self {
            Self::Pow | Self::Hypot => 1.0,
            Self::Atan2 => 2.0,
            Self::FaddeevaRe | Self::FaddeevaIm => 8.0,
        }
    }
}
