//! Where a fit to a curve starts: what the client said, what a ready-made curve reads off the data, and, for several starts,
//! places drawn within the ranges.

use rand_core::{Rng, SeedableRng};
use rand_pcg::Pcg64;

use super::equation::Equation;
use crate::descent::registry::Parameter;
use crate::descent::spec::{Spec, Start};
use crate::descent::start::Normal;
use crate::descent::{Dataset, Team, models};

/// Where the client says that a parameter starts.
fn said(parameter: &Parameter, equation: &Equation, spec: &Spec) -> Option<f64> {
    match &spec.start {
        Start::At(values) => {
            let given = values.iter().find(|(name, _)| *name == parameter.name).map(|(_, value)| *value);
            // What is left out of a map of starts starts at 0, but a ready-made curve guesses it.
            given.or(parameter.start).or(equation.is_written.then_some(0.0))
        }
        _ => parameter.start,
    }
}

/// Whether a parameter starts where nobody has said.
fn is_open(equation: &Equation, spec: &Spec) -> bool {
    equation.parameters.iter().any(|parameter| parameter.is_free() && said(parameter, equation, spec).is_none())
}

/// Whether starts are read off the rows.
pub(super) fn is_guessed(equation: &Equation, spec: &Spec) -> bool {
    !equation.is_written && spec.start != Start::Random && is_open(equation, spec)
}

/// Values of all parameters to start from, the likeliest first; one unless the data was asked.
pub(super) fn starts(equation: &Equation, spec: &Spec, data: &Dataset, team: &dyn Team) -> Vec<Vec<f64>> {
    let said = |parameter: &Parameter| said(parameter, equation, spec);
    if !is_open(equation, spec) {
        return vec![equation.parameters.iter().map(|parameter| said(parameter).unwrap_or(0.0)).collect()];
    }
    let mut guesses = match &spec.start {
        Start::Random => vec![random(equation, spec.seed)],
        _ => {
            let weights = spec.weights.as_ref().map(|weights| weights.column.as_str());
            models::family(&spec.model)
                .map_or_else(|_| Vec::new(), |family| family.guesses(&spec.model, data, weights, &|| team.gives_up()))
        }
    };
    if guesses.is_empty() {
        guesses.push(vec![0.0; equation.parameters.len()]);
    }
    for guess in &mut guesses {
        for (value, parameter) in guess.iter_mut().zip(&equation.parameters) {
            *value = said(parameter).unwrap_or(value.max(parameter.min).min(parameter.max));
        }
    }
    guesses
}

/// Standard normal values, or uniform ones within a range that has two ends.
fn random(equation: &Equation, seed: u64) -> Vec<f64> {
    let mut normal = Normal::new(seed);
    let mut generator = Pcg64::seed_from_u64(seed);
    let draw = |parameter: &Parameter| {
        let (part, wide) = (uniform(&mut generator), normal.next());
        if parameter.min.is_finite() && parameter.max.is_finite() { between(parameter, part) } else { wide }
    };
    equation.parameters.iter().map(draw).collect()
}

/// Uniform in [0, 1), 53 bits.
pub(super) fn uniform(generator: &mut Pcg64) -> f64 {
    (generator.next_u64() >> 11) as f64 / (1u64 << 53) as f64
}

fn between(parameter: &Parameter, part: f64) -> f64 {
    let Parameter { min, max, .. } = parameter;
    // A positive range over decades is drawn by its logarithm.
    if *min > 0.0 && max / min >= 100.0 {
        let (low, high) = (libm::log(*min), libm::log(*max));
        return libm::exp((high - low).mul_add(part, low)).max(*min).min(*max);
    }
    part.mul_add(max - min, *min).max(*min).min(*max)
}

/// The value at `part` ∈ [0, 1) of a parameter's range; where that is open, of the neighbourhood of its start, a decade
/// to each side.
pub(super) fn place(parameter: &Parameter, start: f64, part: f64) -> f64 {
    let Parameter { min, max, .. } = parameter;
    if min.is_finite() && max.is_finite() {
        return between(parameter, part);
    }
    let side = 2.0f64.mul_add(part, -1.0);
    let value = if start == 0.0 {
        // From −100 to 100, half of it within ±1/10.
        side.signum() * (libm::pow(10.0, 4.0 * side.abs()) - 1.0) * 1e-2
    } else {
        start * libm::pow(10.0, side)
    };
    value.max(*min).min(*max)
}
