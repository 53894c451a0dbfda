//! Curves of one feature that have a name of their own: for each, its formula, its parameters and where a solver should
//! start on given rows. It knows nothing of the solver and does not read formulas; it writes them.

mod decay;
mod growth;
mod peaks;
mod powers;
mod saturation;
mod steps;
mod waves;

mod plain;
mod rows;
mod scan;
mod spectrum;
mod spots;

#[cfg(test)]
mod tests;

use super::models::TARGET;
use super::registry::{Choice, Descriptor, Domain, Fallback, Param};

use rows::ROWS_MAX;
pub(in crate::descent) use rows::Rows;

/// Start values that are offered, at most.
const STARTS_MAX: usize = 16;

/// A curve of one feature that has a name of its own.
pub(in crate::descent) trait Curve: Sync {
    /// How the curve presents itself; the summary ends with the formula.
    fn descriptor(&self) -> &'static Descriptor;
    /// The formula in `x` and the parameters' names.
    fn formula(&self, choice: &Choice) -> String;
    /// The parameters in order.
    fn parameters(&self, choice: &Choice) -> Vec<Natural>;
    /// Start values in the order of the parameters, likeliest first: between 1 and 16, all finite and within the natural
    /// ranges, whatever the rows.
    fn guess(&self, choice: &Choice, rows: Rows<'_>) -> Vec<Vec<f64>>;
    /// Numbers that a guess from so many rows holds at its peak, those that it looks at included.
    fn guess_numbers(&self, choice: &Choice, rows: f64) -> f64;
}

/// A parameter and the range outside of which the curve means nothing.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::descent) struct Natural {
    /// The name in the formula.
    pub(in crate::descent) name: String,
    /// −∞ where there is no lower end.
    pub(in crate::descent) min: f64,
    /// ∞ where there is no upper end.
    pub(in crate::descent) max: f64,
}

const FEATURE: Param = Param {
    name: "feature",
    domain: Domain::Column,
    fallback: Fallback::OnlyOtherColumn,
    meaning: "The column that predicts, `x` in the formula.",
};

/// What may be said of the parameters of a curve.
pub(in crate::descent) const PARAMETERS: Param = Param {
    name: "parameters",
    domain: Domain::Parameters,
    fallback: Fallback::Absent,
    meaning: "By name a start value, or an object of start, min, max, fixed and expr (what it is in terms of others).",
};

/// What every curve asks for.
const PARAMS: &[Param] = &[FEATURE, TARGET, PARAMETERS];

/// What sums of peaks ask for.
const PEAK_PARAMS: &[Param] = &[
    FEATURE,
    Param {
        name: "peaks",
        domain: Domain::Integer(1, peaks::PEAKS_MAX),
        fallback: Fallback::Integer(1),
        meaning: "How many peaks are added up.",
    },
    Param {
        name: "background",
        domain: Domain::Word(&["none", "constant", "linear"]),
        fallback: Fallback::Word("constant"),
        meaning: "What the peaks stand on.",
    },
    TARGET,
    PARAMETERS,
];

/// How many curves there are.
pub(in crate::descent) const COUNT: usize = 32;

/// All curves, in the order in which they are shown.
pub(in crate::descent) static REGISTRY: [&dyn Curve; COUNT] = [
    &decay::EXPONENTIAL_DECAY,
    &decay::EXPONENTIAL_GROWTH,
    &decay::EXPONENTIAL_SATURATION,
    &decay::DOUBLE_EXPONENTIAL,
    &decay::STRETCHED_EXPONENTIAL,
    &decay::BATEMAN,
    &powers::POWER_LAW,
    &powers::POWER_LAW_OFFSET,
    &powers::LOGARITHMIC,
    &powers::RATIONAL,
    &powers::ARRHENIUS,
    &growth::LOGISTIC_GROWTH,
    &growth::GOMPERTZ,
    &growth::RICHARDS,
    &growth::VON_BERTALANFFY,
    &growth::WEIBULL,
    &steps::BOLTZMANN,
    &steps::ERROR_FUNCTION_STEP,
    &steps::ARCTANGENT_STEP,
    &steps::BROKEN_LINE,
    &saturation::MICHAELIS_MENTEN,
    &saturation::SUBSTRATE_INHIBITION,
    &saturation::HILL,
    &saturation::HILL5,
    &saturation::LANGMUIR,
    &peaks::GAUSSIAN,
    &peaks::LORENTZIAN,
    &peaks::VOIGT,
    &peaks::PSEUDO_VOIGT,
    &peaks::LOGNORMAL_PEAK,
    &waves::SINE,
    &waves::DAMPED_SINE,
];

/// Keeps what is finite, puts it into the natural ranges, and has something to offer even where nothing is left.
fn offered(parameters: &[Natural], candidates: Vec<Vec<f64>>) -> Vec<Vec<f64>> {
    let within = |candidate: Vec<f64>| -> Vec<f64> {
        candidate.iter().zip(parameters).map(|(value, natural)| value.clamp(natural.min, natural.max)).collect()
    };
    let mut starts: Vec<Vec<f64>> = Vec::new();
    for candidate in candidates {
        if candidate.len() == parameters.len() && candidate.iter().all(|value| value.is_finite()) {
            let candidate = within(candidate);
            if starts.len() < STARTS_MAX && !starts.contains(&candidate) {
                starts.push(candidate);
            }
        }
    }
    if starts.is_empty() {
        starts.push(within(vec![1.0; parameters.len()]));
    }
    starts
}
