//! What the kernels are measured with: the same functions in arbitrary precision, by other methods (power series,
//! continued fraction, asymptotic series, Stirling's series), and the distance of a float from such a number.

use astro_float::{BigFloat, Consts, RoundingMode};

use super::{Binary, Unary};

const MODE: RoundingMode = RoundingMode::None;

/// Arithmetic of so many bits.
pub(super) struct Reference {
    bits: usize,
    consts: Consts,
}

/// A complex number.
struct Complex {
    re: BigFloat,
    im: BigFloat,
}

impl Reference {
    pub(super) fn new(bits: usize) -> Self {
        Self { bits, consts: Consts::new().expect("room for constants") }
    }

    fn of(&self, x: f64) -> BigFloat {
        exactly(x, self.bits)
    }

    fn plus(&self, a: &BigFloat, b: &BigFloat) -> BigFloat {
        a.add(b, self.bits, MODE)
    }

    fn minus(&self, a: &BigFloat, b: &BigFloat) -> BigFloat {
        a.sub(b, self.bits, MODE)
    }

    fn times(&self, a: &BigFloat, b: &BigFloat) -> BigFloat {
        a.mul(b, self.bits, MODE)
    }

    fn over(&self, a: &BigFloat, b: &BigFloat) -> BigFloat {
        a.div(b, self.bits, MODE)
    }

    fn exp(&mut self, x: &BigFloat) -> BigFloat {
        x.exp(self.bits, MODE, &mut self.consts)
    }

    fn ln(&mut self, x: &BigFloat) -> BigFloat {
        x.ln(self.bits, MODE, &mut self.consts)
    }

    fn root_pi(&mut self) -> BigFloat {
        self.consts.pi(self.bits, MODE).sqrt(self.bits, MODE)
    }

    /// The function's value.
    pub(super) fn unary(&mut self, function: Unary, value: f64) -> BigFloat {
        let (bits, x, one) = (self.bits, self.of(value), self.of(1.0));
        let consts = &mut self.consts;
        // So near zero, eˣ − 1 and ln(1 + x) are x(1 ± x/2).
        let tiny = value.abs() < 2f64.powi(-150);
        match function {
            Unary::Exp => x.exp(bits, MODE, consts),
            Unary::Expm1 if tiny => self.plus(&x, &self.times(&x, &self.over(&x, &self.of(2.0)))),
            Unary::Expm1 => x.exp(2 * bits, MODE, consts).sub(&one, 2 * bits, MODE),
            Unary::Log => x.ln(bits, MODE, consts),
            Unary::Log10 => x.log10(bits, MODE, consts),
            Unary::Log2 => x.log2(bits, MODE, consts),
            Unary::Log1p if tiny => self.minus(&x, &self.times(&x, &self.over(&x, &self.of(2.0)))),
            Unary::Log1p => x.add(&one, 2 * bits, MODE).ln(2 * bits, MODE, consts),
            Unary::Sqrt => x.sqrt(bits, MODE),
            Unary::Cbrt => x.cbrt(bits, MODE),
            Unary::Sin => x.sin(bits, MODE, consts),
            Unary::Cos => x.cos(bits, MODE, consts),
            Unary::Tan => x.tan(bits, MODE, consts),
            Unary::Asin => x.asin(bits, MODE, consts),
            Unary::Acos => x.acos(bits, MODE, consts),
            Unary::Atan => x.atan(bits, MODE, consts),
            Unary::Sinh => x.sinh(bits, MODE, consts),
            Unary::Cosh => x.cosh(bits, MODE, consts),
            Unary::Tanh => x.tanh(bits, MODE, consts),
            Unary::Erf if value.abs() > 10.0 => self.of(1f64.copysign(value)),
            Unary::Erf => self.erf(&x),
            Unary::Erfc if value >= 4.0 => self.erfc_far(&x),
            Unary::Erfc => {
                let erf = self.unary(Unary::Erf, value);
                self.minus(&one, &erf)
            }
            Unary::Abs => x.abs(),
            Unary::Sigmoid => {
                let bottom = self.exp(&x.neg());
                self.over(&one, &self.plus(&one, &bottom))
            }
        }
    }

    /// 2/√π · exp(−x²) Σ 2ⁿx²ⁿ⁺¹/(2n + 1)!!, whose terms have one sign.
    fn erf(&mut self, x: &BigFloat) -> BigFloat {
        let twice_square = self.times(&self.times(x, x), &self.of(2.0));
        let (mut term, mut total) = (x.clone(), x.clone());
        for n in 1..800 {
            term = self.over(&self.times(&term, &twice_square), &self.of(f64::from(2 * n + 1)));
            total = self.plus(&total, &term);
        }
        let square = self.times(x, x).neg();
        let gaussian = self.exp(&square);
        let root = self.root_pi();
        let factor = self.over(&self.of(2.0), &root);
        self.times(&self.times(&total, &gaussian), &factor)
    }

    /// Laplace's continued fraction, from x = 4 on.
    fn erfc_far(&mut self, x: &BigFloat) -> BigFloat {
        let mut below = x.clone();
        for n in (1..400).rev() {
            below = self.plus(x, &self.over(&self.of(0.5 * f64::from(n)), &below));
        }
        let square = self.times(x, x).neg();
        let gaussian = self.exp(&square);
        let root = self.root_pi();
        self.over(&gaussian, &self.times(&below, &root))
    }

    /// The function's value.
    pub(super) fn binary(&mut self, function: Binary, a: f64, b: f64) -> BigFloat {
        let (x, y) = (self.of(a), self.of(b));
        match function {
            Binary::Pow => {
                let log = self.ln(&x);
                self.exp(&self.times(&log, &y))
            }
            Binary::Atan2 if b > 0.0 => self.over(&x, &y).atan(self.bits, MODE, &mut self.consts),
            Binary::Atan2 => {
                let angle = self.over(&x, &y).atan(self.bits, MODE, &mut self.consts);
                let half_turn = self.consts.pi(self.bits, MODE);
                if a < 0.0 { self.minus(&angle, &half_turn) } else { self.plus(&angle, &half_turn) }
            }
            Binary::Hypot => self.plus(&self.times(&x, &x), &self.times(&y, &y)).sqrt(self.bits, MODE),
            Binary::FaddeevaRe => self.faddeeva(a, b).re,
            Binary::FaddeevaIm => self.faddeeva(a, b).im,
        }
    }

    /// |w|, as a float.
    pub(super) fn faddeeva_size(&mut self, u: f64, v: f64) -> f64 {
        let w = self.faddeeva(u, v);
        nearest(&w.re).hypot(nearest(&w.im))
    }

    fn faddeeva(&mut self, u: f64, v: f64) -> Complex {
        let square = u * u + v * v;
        if square >= 400.0 {
            return self.faddeeva_far(u, v);
        }
        // The terms grow to exp(|z|²), and the real part may be as small as exp(−|z|²).
        let mut wide = Self::new(256 + 64 * ((square * 2.0 * std::f64::consts::LOG2_E / 64.0) as usize + 2));
        wide.faddeeva_near(u, v)
    }

    fn complex_times(&self, a: &Complex, b: &Complex) -> Complex {
        Complex {
            re: self.minus(&self.times(&a.re, &b.re), &self.times(&a.im, &b.im)),
            im: self.plus(&self.times(&a.re, &b.im), &self.times(&a.im, &b.re)),
        }
    }

    /// exp(−z²) + 2i/√π Σ (−2)ⁿz²ⁿ⁺¹/(2n + 1)!!.
    fn faddeeva_near(&mut self, u: f64, v: f64) -> Complex {
        let z = Complex { re: self.of(u), im: self.of(v) };
        let square = self.complex_times(&z, &z);
        let step = Complex { re: self.times(&square.re, &self.of(-2.0)), im: self.times(&square.im, &self.of(-2.0)) };
        let count = 120 + (8.0 * (u * u + v * v)) as u32;
        let (mut re, mut im) = (z.re.clone(), z.im.clone());
        let mut term = z;
        for n in 1..count {
            term = self.complex_times(&term, &step);
            let divisor = self.of(f64::from(2 * n + 1));
            term = Complex { re: self.over(&term.re, &divisor), im: self.over(&term.im, &divisor) };
            re = self.plus(&re, &term.re);
            im = self.plus(&im, &term.im);
        }
        let root = self.root_pi();
        let factor = self.over(&self.of(2.0), &root);
        let size = self.exp(&square.re.neg());
        let (c, s) =
            (square.im.cos(self.bits, MODE, &mut self.consts), square.im.sin(self.bits, MODE, &mut self.consts));
        Complex {
            re: self.minus(&self.times(&size, &c), &self.times(&factor, &im)),
            im: self.minus(&self.times(&factor, &re), &self.times(&size, &s)),
        }
    }

    /// i/(√π z) Σ (2n − 1)!!/(2z²)ⁿ, in the upper half-plane.
    fn faddeeva_far(&mut self, u: f64, v: f64) -> Complex {
        let z = Complex { re: self.of(u), im: self.of(v) };
        let norm = self.plus(&self.times(&z.re, &z.re), &self.times(&z.im, &z.im));
        let inverse = Complex { re: self.over(&z.re, &norm), im: self.over(&z.im, &norm).neg() };
        let square = self.complex_times(&inverse, &inverse);
        let (mut re, mut im) = (inverse.re.clone(), inverse.im.clone());
        let mut term = inverse;
        for n in 0..60 {
            let factor = self.of(f64::from(n) + 0.5);
            term = self.complex_times(&term, &square);
            term = Complex { re: self.times(&term.re, &factor), im: self.times(&term.im, &factor) };
            re = self.plus(&re, &term.re);
            im = self.plus(&im, &term.im);
        }
        let root = self.root_pi();
        Complex { re: self.over(&im, &root).neg(), im: self.over(&re, &root) }
    }
}

/// The float as it is. The library reads subnormal floats wrongly, so they are grown on the way.
fn exactly(x: f64, bits: usize) -> BigFloat {
    if x.abs() >= f64::MIN_POSITIVE || x.abs() <= 0.0 {
        return BigFloat::from_f64(x, bits);
    }
    let mut number = BigFloat::from_f64(x * 2f64.powi(100), bits);
    if let Some(exponent) = number.exponent() {
        number.set_exponent(exponent - 100);
    }
    number
}

/// The number as a float, to an ulp or so: enough for a size or an error.
pub(super) fn nearest(x: &BigFloat) -> f64 {
    let Some((words, _, sign, exponent, _)) = x.as_raw_parts() else { return f64::NAN };
    let top = words.last().map_or(0.0, |word| *word as f64) / 2f64.powi(64);
    let half = exponent.clamp(-2100, 2100) / 2;
    let size = top * 2f64.powi(half) * 2f64.powi(exponent.clamp(-2100, 2100) - half);
    if sign.is_positive() { size } else { -size }
}

/// |got − exact| in units of the last place that a float of the size of `exact` has, subnormal ones included.
pub(super) fn ulps(got: f64, exact: &BigFloat) -> f64 {
    let exponent = exact.exponent().map_or(-1074, |exponent| (exponent - 53).max(-1074));
    let error = exactly(got, 256).sub(exact, 256, MODE);
    let Some(own) = error.exponent() else { return f64::INFINITY };
    if exact.is_zero() {
        return if error.is_zero() { 0.0 } else { f64::INFINITY };
    }
    if error.is_zero() || own - exponent < -60 {
        return 0.0;
    }
    let mut error = error;
    error.set_exponent((own - exponent).min(1000));
    nearest(&error).abs()
}
