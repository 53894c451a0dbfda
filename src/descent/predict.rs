//! Predictions with a finished fit, and bands around them. They are computed in the working basis, where a cubic on x
//! in the millions loses no digits.

use super::outcome::{Band, Predictor};
use super::registry::Choice;
use super::{Dataset, Lanes, SpecError, models, student};

/// Predictions, and where a level is given and intervals mean something, bands around them.
#[derive(Clone, Debug, PartialEq)]
pub struct Predictions {
    /// One a row.
    pub predictions: Vec<f64>,
    /// For the mean: lower and upper.
    pub confidence: Option<(Vec<f64>, Vec<f64>)>,
    /// For a new observation: lower and upper.
    pub prediction: Option<(Vec<f64>, Vec<f64>)>,
}

/// Predicts for data that has the model's feature columns (others are ignored). A model without features predicts its
/// constant for every row. `field` of an error is a path in the data.
pub fn predict(
    model: &Choice,
    predictor: &Predictor,
    data: &Dataset,
    level: Option<f64>,
) -> Result<Predictions, SpecError> {
    let fault = |field: String, code, detail| SpecError { field, code, detail, limit: None };
    let family = models::family(model)?;
    let shift = predictor.basis.iter().find(|(name, _)| name == "target_shift").and_then(|(_, values)| values.first());
    let (Some(basis), Some(shift)) = (family.restore(&predictor.basis), shift) else {
        return Err(fault("model".to_owned(), "corrupt", "the stored model cannot be read".to_owned()));
    };
    let mut features = Vec::new();
    for name in family.features(model) {
        match data.column(&name) {
            Some(column) => features.push(column.as_ref()),
            None => {
                return Err(fault(String::new(), "unknown_column", format!("the model needs a column called {name}")));
            }
        }
    }
    let lanes = Lanes::chosen();
    let (width, rows) = (basis.width(), data.rows());
    let quantiles = level
        .zip(predictor.band.as_ref())
        .map(|(level, band)| (student::two_sided_quantile(level, band.degrees_of_freedom), band));
    let mut out = Predictions { predictions: Vec::with_capacity(rows), confidence: None, prediction: None };
    if quantiles.is_some() {
        out.confidence = Some((Vec::with_capacity(rows), Vec::with_capacity(rows)));
        out.prediction = Some((Vec::with_capacity(rows), Vec::with_capacity(rows)));
    }
    let mut functions = vec![0.0; width];
    for row in 0..rows {
        let values: Vec<&[f64]> = features.iter().map(|column| &column[row..=row]).collect();
        basis.fill(&values, &mut functions);
        let mean = lanes.dot(&functions, &predictor.coefficients) + shift;
        out.predictions.push(mean);
        if let Some((quantile, band)) = quantiles {
            let leverage = leverage(band, &functions, lanes);
            let error = band.residual_standard_deviation * leverage.sqrt();
            let spread = band.residual_standard_deviation * (1.0 + leverage).sqrt();
            for (bounds, half) in [(&mut out.confidence, error), (&mut out.prediction, spread)] {
                if let Some((lower, upper)) = bounds {
                    lower.push(mean - quantile * half);
                    upper.push(mean + quantile * half);
                }
            }
        }
    }
    let bands = [&out.confidence, &out.prediction].into_iter().flatten().flat_map(|(lower, upper)| [lower, upper]);
    for values in std::iter::once(&out.predictions).chain(bands) {
        if let Some(row) = values.iter().position(|value| !value.is_finite()) {
            let detail = format!("the prediction for row {row}, or its band, is not finite");
            return Err(fault(String::new(), "invalid_value", detail));
        }
    }
    Ok(out)
}

/// ‖Fᵀφ‖²: the variance of the mean over that of an observation.
fn leverage(band: &Band, functions: &[f64], lanes: Lanes) -> f64 {
    let columns = band.factor.len() / functions.len().max(1);
    let mut image = vec![0.0; columns];
    for (row, function) in band.factor.chunks_exact(columns.max(1)).zip(functions) {
        lanes.axpy(*function, row, &mut image);
    }
    lanes.dot(&image, &image)
}
