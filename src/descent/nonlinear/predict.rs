//! Predictions with a curve, and bands around them: the tangent's, at the new rows.

use std::sync::Arc;

use super::equation::Equation;
use crate::descent::formula::BLOCK_ROWS;
use crate::descent::models::restore_linear;
use crate::descent::outcome::Predictor;
use crate::descent::predict::{Predictions, check_finite, leverage};
use crate::descent::{Dataset, Lanes, SpecError, student};

/// Predicts for data that has the columns that the curve uses.
pub(in crate::descent) fn predict(
    equation: &Equation,
    predictor: &Predictor,
    data: &Dataset,
    level: Option<f64>,
) -> Result<Predictions, SpecError> {
    let fault = |code, detail| SpecError { field: String::new(), code, detail, limit: None };
    let columns: Vec<Arc<[f64]>> = equation
        .columns
        .iter()
        .map(|name| match (data.column(name), data.levels_of(name)) {
            (Some(column), None) => Ok(Arc::clone(column)),
            (Some(_), Some(_)) => Err(fault("invalid_value", format!("the column {name} has to hold numbers"))),
            (None, _) => Err(fault("unknown_column", format!("the curve needs a column called {name}"))),
        })
        .collect::<Result<_, _>>()?;
    let tape = equation.compile()?;
    if predictor.coefficients.len() != equation.parameters.len() {
        return Err(fault("corrupt", "the stored curve cannot be read".to_owned()));
    }
    let uniforms = tape.uniforms(&predictor.coefficients);
    let (rows, lanes) = (data.rows(), Lanes::chosen());
    let mut out = Predictions { predictions: vec![0.0; rows], ..Predictions::default() };
    let band = level.zip(predictor.band.as_ref()).zip(restore_linear(&predictor.basis));
    if band.is_some() {
        out.confidence = Some((Vec::with_capacity(rows), Vec::with_capacity(rows)));
    }
    // Errors of a likelihood are not those of a normal observation.
    if band.as_ref().is_some_and(|((_, band), _)| band.degrees_of_freedom < student::NORMAL) {
        out.prediction = Some((Vec::with_capacity(rows), Vec::with_capacity(rows)));
    }
    let mut room = tape.workspace();
    let width = tape.width();
    let mut jacobian = vec![0.0; width * BLOCK_ROWS];
    for from in (0..rows).step_by(BLOCK_ROWS) {
        let end = rows.min(from + BLOCK_ROWS);
        let slices: Vec<&[f64]> = columns.iter().map(|column| &column[from..end]).collect();
        tape.evaluate(&uniforms, &slices, lanes, &mut room, &mut out.predictions[from..end]);
        let Some(((level, band), basis)) = &band else { continue };
        tape.incline(&uniforms, &slices, lanes, &mut room, end - from);
        for (k, column) in jacobian.chunks_exact_mut(BLOCK_ROWS).enumerate() {
            tape.column(k, &uniforms, &mut room, &mut column[..end - from]);
        }
        let quantile = student::two_sided_quantile(*level, band.degrees_of_freedom) * band.residual_standard_deviation;
        let mut functions = vec![0.0; width];
        for row in 0..end - from {
            let slopes: Vec<&[f64]> = jacobian.chunks_exact(BLOCK_ROWS).map(|column| &column[row..=row]).collect();
            basis.fill(&slopes, &mut functions);
            let leverage = leverage(band, &functions, lanes);
            let mean = out.predictions[from + row];
            for (bounds, spread) in [(&mut out.confidence, leverage), (&mut out.prediction, 1.0 + leverage)] {
                if let Some((lower, upper)) = bounds {
                    lower.push(mean - quantile * spread.sqrt());
                    upper.push(mean + quantile * spread.sqrt());
                }
            }
        }
    }
    check_finite(&out, &[])?;
    Ok(out)
}
