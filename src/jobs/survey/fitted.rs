//! The data with the model.

use std::sync::Arc;

use super::{Standing, ends};
use crate::descent::{self, Dataset};
use crate::jobs::SurveyError;

/// Places of a curve.
const PLACES: usize = 240;
/// Largest over smallest place from which on places are needed between the small ones too.
const DECADES: f64 = 100.0;

/// The rows, and what the model says of them.
#[derive(Clone, Debug)]
pub(crate) struct Fitted {
    /// The only feature, where there is one that holds numbers.
    pub(crate) feature: Option<(String, Arc<[f64]>)>,
    pub(crate) target: String,
    pub(crate) actual: Arc<[f64]>,
    /// One a row; none where there is a curve.
    pub(crate) predicted: Vec<f64>,
    pub(crate) curve: Option<Curve>,
}

/// The model along its only feature.
#[derive(Clone, Debug)]
pub(crate) struct Curve {
    pub(crate) x: Vec<f64>,
    pub(crate) y: Vec<f64>,
    pub(crate) band: Option<Band>,
}

/// Where the mean lies.
#[derive(Clone, Debug)]
pub(crate) struct Band {
    pub(crate) lower: Vec<f64>,
    pub(crate) upper: Vec<f64>,
    pub(crate) level: f64,
}

impl Standing {
    pub(super) fn fitted(&self) -> Result<Fitted, SurveyError> {
        let (actual, target) = (self.actual()?, self.target());
        let features: Vec<String> =
            descent::columns_of(&self.spec.model).into_iter().filter(|name| name != target).collect();
        let only = match features.as_slice() {
            [name] if self.data.levels_of(name).is_none() => {
                self.data.column(name).map(|values| (name.clone(), values))
            }
            _ => None,
        };
        let curve = match &only {
            Some((name, values)) => self.curve(name, values)?,
            None => None,
        };
        let predicted = if curve.is_some() {
            Vec::new()
        } else {
            let found = self.predictions(&self.data, None)?;
            found.ok_or(SurveyError::Missing("a prediction for the data is beyond all bounds"))?.predictions
        };
        let feature = only.map(|(name, values)| (name, Arc::clone(values)));
        Ok(Fitted { feature, target: self.target_shown(), actual, predicted, curve })
    }

    fn curve(&self, name: &str, values: &[f64]) -> Result<Option<Curve>, SurveyError> {
        // Between the rows a curve may have a pole; then it is drawn through their places alone.
        for places in [between as fn(&[f64]) -> Vec<f64>, among] {
            let x = places(values);
            let Ok(places) = Dataset::new(vec![(name.to_owned(), x.clone())]) else { continue };
            let level = self.spec.confidence;
            if let Some(found) = self.predictions(&places, Some(level))? {
                let band = found.confidence.map(|(lower, upper)| Band { lower, upper, level });
                return Ok(Some(Curve { x, y: found.predictions, band }));
            }
        }
        Ok(None)
    }
}

/// Places from the least to the largest value, ascending, evenly and where the values span decades by factors too.
fn between(values: &[f64]) -> Vec<f64> {
    let (low, high) = ends(values.iter().copied());
    if low >= high {
        return vec![low];
    }
    let parts = (0..=PLACES).map(|place| place as f64 / PLACES as f64);
    let mut places: Vec<f64> = parts.clone().map(|part| low.mul_add(1.0 - part, high * part)).collect();
    if low > 0.0 && high / low >= DECADES {
        places.extend(parts.map(|part| (low * (high / low).powf(part)).clamp(low, high)));
        places.sort_unstable_by(f64::total_cmp);
        places.dedup();
    }
    places
}

/// Some of the values, ascending.
fn among(values: &[f64]) -> Vec<f64> {
    let mut places = values.to_vec();
    places.sort_unstable_by(f64::total_cmp);
    places.dedup();
    let every = places.len().div_ceil(4 * PLACES).max(1);
    places.into_iter().step_by(every).collect()
}
