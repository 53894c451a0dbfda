//! Fits of curves: formulas that are not linear in their parameters. The loop, the losses and the optimizers are those of
//! every fit; here are the rows bound to a tape, the objective on them, the search for a good minimum, and the report.

mod check;
mod equation;
mod folds;
mod identify;
mod landscape;
mod memory;
mod metrics;
mod objective;
mod predict;
mod problem;
mod profile;
mod report;
mod rescue;
mod run;
mod sample;
mod search;
mod starts;

#[cfg(test)]
mod properties;

pub(super) use check::{check, estimate, resolve};
pub(super) use equation::Equation;
pub(super) use landscape::CurveLandscape;
pub(super) use predict::predict;
pub(super) use run::run;
