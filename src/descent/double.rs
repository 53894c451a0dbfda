//! Double-double arithmetic: an unevaluated sum of two floats with about 32 digits, for the few places where digits
//! cancel. Algorithms: Dekker 1971, Knuth TAOCP 2 §4.2.2.

/// `high + low`, |low| ≤ ulp(high)/2.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Double {
    high: f64,
    low: f64,
}

impl Double {
    pub(super) const ZERO: Self = Self { high: 0.0, low: 0.0 };

    /// The exact value of a float.
    pub(super) fn of(value: f64) -> Self {
        Self { high: value, low: 0.0 }
    }

    /// The nearest float.
    pub(super) fn value(self) -> f64 {
        self.high + self.low
    }

    pub(super) fn plus(self, other: Self) -> Self {
        let sum = two_sum(self.high, other.high);
        let tail = two_sum(self.low, other.low);
        let first = quick_two_sum(sum.high, sum.low + tail.high);
        quick_two_sum(first.high, first.low + tail.low)
    }

    pub(super) fn minus(self, other: Self) -> Self {
        self.plus(Self { high: -other.high, low: -other.low })
    }

    pub(super) fn times(self, other: Self) -> Self {
        let high = self.high * other.high;
        let error = self.high.mul_add(other.high, -high);
        quick_two_sum(high, error + self.high.mul_add(other.low, self.low * other.high))
    }

    pub(super) fn over(self, other: Self) -> Self {
        let first = self.high / other.high;
        let rest = self.minus(other.times(Self::of(first)));
        let second = rest.high / other.high;
        let rest = rest.minus(other.times(Self::of(second)));
        quick_two_sum(first, second).plus(Self::of(rest.high / other.high))
    }
}

fn two_sum(a: f64, b: f64) -> Double {
    let high = a + b;
    let part = high - a;
    Double { high, low: (a - (high - part)) + (b - part) }
}

fn quick_two_sum(a: f64, b: f64) -> Double {
    let high = a + b;
    Double { high, low: b - (high - a) }
}

#[cfg(test)]
mod tests {
    use super::Double;

    #[test]
    fn keeps_what_a_float_loses() {
        let third = Double::of(1.0).over(Double::of(3.0));
        let nothing = third.times(Double::of(3.0)).minus(Double::of(1.0));
        assert!(nothing.value().abs() < 1e-31);
        let tiny = Double::of(1e16).plus(Double::of(1.0)).minus(Double::of(1e16));
        assert!((tiny.value() - 1.0).abs() < 1e-15);
    }
}
