//! Predictions with a finished fit, and bands around them. They are computed in the working basis, where a cubic on x
//! in the millions loses no digits.

use std::sync::Arc;

use super::models::{Response, family};
use super::outcome::{Band, Label, Predictor};
use super::registry::Choice;
use super::{Dataset, Lanes, SpecError, student};

/// Predictions, and where a level is given and intervals mean something, bands around them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Predictions {
    /// One a row; for a model of classes none.
    pub predictions: Vec<f64>,
    /// All classes, in order, for a model of classes.
    pub classes: Vec<Label>,
    /// The index of each row's likeliest class.
    pub predicted_classes: Vec<usize>,
    /// The probability of each class, a row each.
    pub probabilities: Option<Vec<Vec<f64>>>,
    /// For the mean, or of two classes for the probability of the second: lower and upper.
    pub confidence: Option<(Vec<f64>, Vec<f64>)>,
    /// For a new observation, where its errors have a normal distribution: lower and upper.
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
    let family = family(model)?;
    if let Some(equation) = family.equation(model) {
        return super::nonlinear::predict(&equation, predictor, data, level);
    }
    let shift = predictor.basis.iter().find(|(name, _)| name == "target_shift").and_then(|(_, values)| values.first());
    let (Some(basis), Some(shift)) = (family.restore(&predictor.basis), shift) else {
        return Err(fault("model".to_owned(), "corrupt", "the stored model cannot be read".to_owned()));
    };
    let features: Vec<Arc<[f64]>> =
        family.features(model).iter().map(|name| feature(predictor, data, name)).collect::<Result<_, _>>()?;
    let lanes = Lanes::chosen();
    let (width, rows, response) = (basis.width(), data.rows(), family.response());
    let outputs = response.outputs(predictor.classes.len());
    if predictor.coefficients.len() != width * outputs {
        return Err(fault("model".to_owned(), "corrupt", "the stored model cannot be read".to_owned()));
    }
    let quantiles = level
        .zip(predictor.band.as_ref())
        .map(|(level, band)| (student::two_sided_quantile(level, band.degrees_of_freedom), band));
    let mut out = Predictions { classes: predictor.classes.clone(), ..Predictions::default() };
    if quantiles.is_some() {
        out.confidence = Some((Vec::with_capacity(rows), Vec::with_capacity(rows)));
        out.prediction = (response == Response::Identity).then(|| (Vec::with_capacity(rows), Vec::with_capacity(rows)));
    }
    let mut functions = vec![0.0; width];
    let mut probabilities = Vec::new();
    if response.is_classifier() {
        out.predicted_classes.reserve_exact(rows);
        probabilities.reserve_exact(rows);
    } else {
        out.predictions.reserve_exact(rows);
    }
    // Of one row, and used again by the next.
    let mut values: Vec<&[f64]> = Vec::with_capacity(features.len());
    let (mut eta, mut means) = (Vec::with_capacity(outputs), Vec::with_capacity(outputs));
    for row in 0..rows {
        values.clear();
        values.extend(features.iter().map(|column| &column[row..=row]));
        basis.fill(&values, &mut functions);
        eta.clear();
        eta.extend(predictor.coefficients.chunks(width.max(1)).map(|theta| lanes.dot(&functions, theta) + shift));
        means.clone_from(&eta);
        response.apply(&mut means);
        if response.is_classifier() {
            let means = if let [p] = means[..] { vec![1.0 - p, p] } else { means.clone() };
            let best = (0..means.len()).fold(0, |best, k| if means[k] > means[best] { k } else { best });
            out.predicted_classes.push(best);
            probabilities.push(means);
        } else {
            out.predictions.push(means[0]);
        }
        if let Some((quantile, band)) = quantiles {
            let leverage = leverage(band, &functions, lanes);
            let error = quantile * band.residual_standard_deviation * leverage.sqrt();
            let spread = quantile * band.residual_standard_deviation * (1.0 + leverage).sqrt();
            for (bounds, half) in [(&mut out.confidence, error), (&mut out.prediction, spread)] {
                if let Some((lower, upper)) = bounds {
                    let mut ends = [eta[0] - half, eta[0] + half];
                    ends.iter_mut().for_each(|end| response.apply(std::slice::from_mut(end)));
                    lower.push(ends[0]);
                    upper.push(ends[1]);
                }
            }
        }
    }
    check_finite(&out, &probabilities)?;
    out.probabilities = response.is_classifier().then_some(probabilities);
    Ok(out)
}

/// The fault of the first row whose prediction or band is not finite.
pub(super) fn check_finite(out: &Predictions, probabilities: &[Vec<f64>]) -> Result<(), SpecError> {
    let bands = [&out.confidence, &out.prediction].into_iter().flatten().flat_map(|(lower, upper)| [lower, upper]);
    for values in std::iter::once(&out.predictions).chain(bands).chain(probabilities) {
        if let Some(row) = values.iter().position(|value| !value.is_finite()) {
            let detail = format!("the prediction for row {row}, or its band, is not finite");
            return Err(SpecError { field: String::new(), code: "invalid_value", detail, limit: None });
        }
    }
    Ok(())
}

/// A feature's column, its categories counted as the fit counted them.
fn feature(predictor: &Predictor, data: &Dataset, name: &str) -> Result<Arc<[f64]>, SpecError> {
    let fault = |code, detail| SpecError { field: String::new(), code, detail, limit: None };
    let Some(column) = data.column(name) else {
        return Err(fault("unknown_column", format!("the model needs a column called {name}")));
    };
    let levels = predictor.levels.iter().find(|(other, _)| other == name).map(|(_, levels)| levels);
    match (levels, data.levels_of(name)) {
        (None, None) => Ok(Arc::clone(column)),
        (Some(_), None) => Err(fault("invalid_value", format!("the column {name} has to hold categories"))),
        (None, Some(_)) => Err(fault("invalid_value", format!("the column {name} has to hold numbers"))),
        (Some(known), Some(given)) => {
            let places: Vec<Option<usize>> = given.iter().map(|level| known.iter().position(|k| k == level)).collect();
            if let Some((level, _)) = given.iter().zip(&places).find(|(_, place)| place.is_none()) {
                return Err(fault(
                    "unknown_level",
                    format!("the column {name} had no {level} when the model was fitted"),
                ));
            }
            Ok(column.iter().map(|code| places[*code as usize].unwrap_or(0) as f64).collect())
        }
    }
}

/// ‖Fᵀφ‖²: the variance of the mean over that of an observation.
pub(super) fn leverage(band: &Band, functions: &[f64], lanes: Lanes) -> f64 {
    let columns = band.factor.len() / functions.len().max(1);
    let mut image = vec![0.0; columns];
    for (row, function) in band.factor.chunks_exact(columns.max(1)).zip(functions) {
        lanes.axpy(*function, row, &mut image);
    }
    lanes.dot(&image, &image)
}
