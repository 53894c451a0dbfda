//! Formulas: text in columns and named parameters, parsed once into a graph without repetitions and compiled to a flat
//! tape that is evaluated block by block and differentiated exactly. It knows no data, no losses and no optimizers.

mod functions;
mod graph;
mod lexer;
mod linear;
mod parser;
mod suggest;
mod tape;
mod ties;

#[cfg(test)]
mod differential;
#[cfg(test)]
mod fuzz;
#[cfg(test)]
mod tests;

pub(super) use lexer::names_in;
pub(super) use suggest::nearest;
pub(super) use tape::{BLOCK_ROWS, Tape, Uniforms, Workspace};
pub(super) use ties::{Tied, compile};

/// Characters of a formula, at most.
pub(super) const FORMULA_CHARACTERS_MAX: usize = 4_096;
/// Parentheses, signs, exponents and arguments within each other, at most.
pub(super) const FORMULA_DEPTH_MAX: usize = 64;
/// Operations of a formula after what is repeated is shared, at most.
pub(super) const FORMULA_NODES_MAX: usize = 1_024;

/// What is wrong with a formula.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{detail}")]
pub(super) struct FormulaError {
    /// A stable slug.
    pub(super) code: &'static str,
    /// What is wrong, at which character, and what would be right.
    pub(super) detail: String,
    /// A limit and what exceeded it.
    pub(super) limit: Option<(u64, u64)>,
}

impl FormulaError {
    /// A fault at a character, counted from 1.
    fn at(position: usize, detail: impl std::fmt::Display) -> Self {
        Self { code: "invalid_formula", detail: format!("at character {position}: {detail}"), limit: None }
    }

    fn unknown(position: usize, detail: impl std::fmt::Display) -> Self {
        Self { code: "unknown_name", ..Self::at(position, detail) }
    }

    fn over(code: &'static str, what: &str, limit: usize, actual: usize) -> Self {
        let detail = format!("the formula has {actual} {what}, at most {limit} are allowed");
        Self { code, detail, limit: Some((limit as u64, actual as u64)) }
    }
}
