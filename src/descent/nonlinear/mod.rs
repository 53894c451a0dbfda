//! Fits of curves: formulas that are not linear in their parameters. The loop, the losses and the optimizers are those of
//! every fit; here are the rows bound to a tape, the objective on them, the search for a good minimum, and the report.

mod check;
mod equation;
mod folds;
mod identify;
mod metrics;
mod objective;
mod problem;
mod report;
mod rescue;
mod run;
mod sample;
mod search;
mod starts;

pub(super) use check::{check, estimate};
pub(super) use equation::Equation;
pub(super) use problem::Curve;
pub(super) use run::run;
