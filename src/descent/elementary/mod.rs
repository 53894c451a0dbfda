//! Elementary functions over slices.
use super::Lanes;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(in crate::descent) enum Unary {
    Exp,
    Expm1,
    Log,
    Log10,
    Log2,
    Log1p,
    Sqrt,
    Cbrt,
    Sin,
    Cos,
    Tan,
    Asin,
    Acos,
    Atan,
    Sinh,
    Cosh,
    Tanh,
    Erf,
    Erfc,
    Abs,
    Sigmoid,
}

impl Unary {
    pub(in crate::descent) fn apply(self, _lanes: Lanes, x: &[f64], out: &mut [f64]) {
        for (to, x) in out.iter_mut().zip(x) {
            *to = self.at(*x);
        }
    }
    pub(in crate::descent) fn at(self, x: f64) -> f64 {
        match self {
            Self::Exp => libm::exp(x),
            Self::Expm1 => libm::expm1(x),
            Self::Log => libm::log(x),
            Self::Log10 => libm::log10(x),
            Self::Log2 => libm::log2(x),
            Self::Log1p => libm::log1p(x),
            Self::Sqrt => x.sqrt(),
            Self::Cbrt => libm::cbrt(x),
            Self::Sin => libm::sin(x),
            Self::Cos => libm::cos(x),
            Self::Tan => libm::tan(x),
            Self::Asin => libm::asin(x),
            Self::Acos => libm::acos(x),
            Self::Atan => libm::atan(x),
            Self::Sinh => libm::sinh(x),
            Self::Cosh => libm::cosh(x),
            Self::Tanh => libm::tanh(x),
            Self::Erf => libm::erf(x),
            Self::Erfc => libm::erfc(x),
            Self::Abs => x.abs(),
            Self::Sigmoid => 1.0 / (1.0 + libm::exp(-x)),
        }
    }
}
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(in crate::descent) enum Binary {
    Pow,
    Atan2,
    Hypot,
    FaddeevaRe,
    FaddeevaIm,
}
impl Binary {
    pub(in crate::descent) fn apply(self, _lanes: Lanes, a: &[f64], b: &[f64], out: &mut [f64]) {
        for (to, (a, b)) in out.iter_mut().zip(a.iter().zip(b)) {
            *to = self.at(*a, *b);
        }
    }
    pub(in crate::descent) fn at(self, a: f64, b: f64) -> f64 {
        match self {
            Self::Pow => libm::pow(a, b),
            Self::Atan2 => libm::atan2(a, b),
            Self::Hypot => libm::hypot(a, b),
            _ => f64::NAN,
        }
    }
}
