//! What is predicted from the weighted sums η of a row.

/// The inverse link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum Response {
    /// η itself.
    Identity,
    /// The probability 1/(1 + e^−η) of the second of two classes.
    Sigmoid,
    /// The probabilities e^ηₖ/Σe^η of the classes.
    Softmax,
    /// The mean e^η.
    Exponential,
}

impl Response {
    /// Turns the weighted sums of one row into what is predicted.
    pub(in super::super) fn apply(self, eta: &mut [f64]) {
        match self {
            Self::Identity => {}
            Self::Sigmoid => eta.iter_mut().for_each(|value| *value = sigmoid(*value)),
            Self::Exponential => eta.iter_mut().for_each(|value| *value = libm::exp(*value)),
            Self::Softmax => {
                let largest = eta.iter().copied().fold(f64::NEG_INFINITY, f64::max);
                let mut sum = 0.0;
                for value in eta.iter_mut() {
                    *value = libm::exp(*value - largest);
                    sum += *value;
                }
                eta.iter_mut().for_each(|value| *value /= sum);
            }
        }
    }

    /// Whether classes are predicted.
    pub(in super::super) fn is_classifier(self) -> bool {
        matches!(self, Self::Sigmoid | Self::Softmax)
    }

    /// How many weighted sums a row has.
    pub(in super::super) fn outputs(self, classes: usize) -> usize {
        if self == Self::Softmax { classes.max(1) } else { 1 }
    }
}

/// 1/(1 + e^−x), without overflow.
pub(in super::super) fn sigmoid(x: f64) -> f64 {
    if x >= 0.0 {
        1.0 / (1.0 + libm::exp(-x))
    } else {
        let e = libm::exp(x);
        e / (1.0 + e)
    }
}
