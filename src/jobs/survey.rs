//! What pictures of a fit show beside its history: the data with the model, what the model leaves of it, the objective
//! around the coefficients. Computed on a thread for blocking work.

mod fitted;
mod landscape;
mod residuals;

use std::sync::Arc;

use super::engine::Engine;
use super::floor::Floor;
use super::{SurveyError, follow, plan, report};
use crate::descent::{self, Alone, Dataset, Predictions, Predictor};
use crate::fit::{FitId, FitRecord, FitResult, HistoryBlock, Outcome, Tenant};
use crate::store::StoreError;

use fitted::Fitted;
use landscape::Surface;
use residuals::Residuals;

/// What is asked for.
#[derive(Clone, Debug)]
pub(crate) enum View {
    Fitted,
    Residuals,
    /// Over two parameters; those that are not named are the first that the fit has estimated.
    Surface {
        across: Option<String>,
        up: Option<String>,
    },
}

/// What there is to see.
#[derive(Clone, Debug)]
pub(crate) enum Seen {
    Fitted(Fitted),
    Residuals(Residuals),
    Surface(Surface),
}

/// A fit as far as it is.
struct Standing {
    record: FitRecord,
    data: Arc<Dataset>,
    spec: descent::Spec,
    /// In the fixed order.
    names: Vec<String>,
    coefficients: Vec<f64>,
    history: HistoryBlock,
    /// Of a fit that has ended.
    predictor: Option<Predictor>,
    engine: Arc<dyn Engine>,
}

pub(super) async fn survey(floor: &Floor, tenant: &Tenant, id: FitId, view: View) -> Result<Seen, SurveyError> {
    let record = follow::fit(floor, tenant, id).await?.ok_or(SurveyError::Unknown)?;
    if let Some(Outcome::Failed(_)) = record.outcome {
        return Err(SurveyError::Failed);
    }
    let result = record.outcome.as_ref().and_then(Outcome::result);
    let history = if result.is_none() || matches!(view, View::Surface { .. }) {
        follow::history(floor, tenant, id, 0, u64::MAX).await?.ok_or(SurveyError::Unknown)?.1
    } else {
        HistoryBlock::default()
    };
    let (names, coefficients) = match result {
        Some(result) => estimated(result),
        None => latest(&record, &history)?,
    };
    let predictor = floor.store.predictor(tenant, id).await?.map(report::to_numeric);
    let data = floor.store.dataset(tenant, id).await?.ok_or(SurveyError::Unknown)?;
    let spec = plan::to_numeric(&record.spec);
    let engine = Arc::clone(&floor.engine);
    let standing = Standing { record, data, spec, names, coefficients, history, predictor, engine };
    let task = floor.runtime.spawn_blocking(move || standing.see(&view));
    match task.await {
        Ok(seen) => seen,
        Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
        Err(_) => Err(SurveyError::Store(StoreError::Closed)),
    }
}

fn estimated(result: &FitResult) -> (Vec<String>, Vec<f64>) {
    result.parameters.iter().map(|parameter| (parameter.name.clone(), parameter.value)).unzip()
}

/// Where a fit is that has no result.
fn latest(record: &FitRecord, history: &HistoryBlock) -> Result<(Vec<String>, Vec<f64>), SurveyError> {
    let names = record.shape.coefficients.clone();
    if names.is_empty() && !record.status.is_terminal() {
        let detail = "the history of this fit holds no coefficients, so it can be seen when it has ended; \
                      \"history\": {\"coefficients\": true} keeps them";
        return Err(SurveyError::Missing(detail));
    }
    let at: Option<Vec<f64>> =
        history.coefficients.iter().take(names.len()).map(|column| column.last().copied()).collect();
    match at {
        Some(at) if !at.is_empty() && at.len() == names.len() => Ok((names, at)),
        _ if record.status.is_terminal() => Err(SurveyError::Missing("the fit ended before it had coefficients")),
        _ => Err(SurveyError::NotYet),
    }
}

/// The least and the largest of the values; of none, ends that lie the wrong way around.
fn ends(values: impl Iterator<Item = f64>) -> (f64, f64) {
    values.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| (low.min(value), high.max(value)))
}

impl Standing {
    fn see(mut self, view: &View) -> Result<Seen, SurveyError> {
        if self.predictor.is_none() {
            self.predictor = descent::predictor_at(&self.spec, &self.data, &self.coefficients, &Alone);
        }
        match view {
            View::Fitted => self.fitted().map(Seen::Fitted),
            View::Residuals => self.residuals().map(Seen::Residuals),
            View::Surface { across, up } => self.surface([across.as_deref(), up.as_deref()]).map(Seen::Surface),
        }
    }

    fn result(&self) -> Option<&FitResult> {
        self.record.outcome.as_ref().and_then(Outcome::result).map(AsRef::as_ref)
    }

    fn target(&self) -> &str {
        self.spec.model.text("target").unwrap_or_default()
    }

    /// What stands beside the target's axis.
    fn target_shown(&self) -> String {
        match self.predictor.as_ref().and_then(|predictor| predictor.classes.last()) {
            Some(class) => format!("P({} = {class})", self.target()),
            None => self.target().to_owned(),
        }
    }

    /// What the model says of these rows, and of two classes how likely the second is; nothing where a value is beyond all
    /// bounds.
    fn predictions(&self, data: &Dataset, level: Option<f64>) -> Result<Option<Predictions>, SurveyError> {
        let predictor = self.predictor.as_ref().ok_or(SurveyError::Missing("the fit has no predictions"))?;
        if predictor.classes.len() > 2 {
            return Err(SurveyError::Missing("a model of more than two classes has no such picture"));
        }
        let Ok(mut found) = self.engine.predict(&self.spec.model, predictor, data, level) else { return Ok(None) };
        if let Some(probabilities) = found.probabilities.take() {
            found.predictions = probabilities.iter().filter_map(|row| row.last().copied()).collect();
        }
        Ok(Some(found))
    }

    /// The target as numbers: of two classes 0 and 1.
    fn actual(&self) -> Result<Arc<[f64]>, SurveyError> {
        descent::target_values(&self.spec.model, &self.data).ok_or(SurveyError::Missing("the data has no target"))
    }
}
