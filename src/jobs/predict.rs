//! Predictions with a finished fit, computed on a thread for blocking work.

use std::sync::Arc;

use super::floor::Floor;
use super::{PredictError, plan, report};
use crate::descent::{Dataset, Predictions, SpecError};
use crate::fit::{FitId, Tenant, Violation};
use crate::store::StoreError;

pub(super) async fn predict(
    floor: &Arc<Floor>,
    tenant: &Tenant,
    id: FitId,
    data: Arc<Dataset>,
    level: Option<f64>,
) -> Result<Predictions, PredictError> {
    let record = floor.store.fit(tenant, id).await?.ok_or(PredictError::Unknown)?;
    if !record.status.is_terminal() {
        return Err(PredictError::NotFinished);
    }
    let predictor = floor.store.predictor(tenant, id).await?.ok_or(PredictError::Failed)?;
    let engine = Arc::clone(&floor.engine);
    let task = floor.runtime.spawn_blocking(move || {
        let model = plan::to_choice(&record.spec.model);
        engine.predict(&model, &report::to_numeric(predictor), &data, level)
    });
    match task.await {
        Ok(predictions) => predictions.map_err(|error| PredictError::Invalid(vec![violation(&error)])),
        Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
        Err(_) => Err(PredictError::Store(StoreError::Closed)),
    }
}

/// A fault of the model for these columns is, at this point, one of the data: the model is the fit's own.
fn violation(error: &SpecError) -> Violation {
    let mut violation = plan::violation(error);
    if violation.pointer.starts_with("/model") || violation.pointer.is_empty() {
        violation.pointer = "/data".to_owned();
    }
    violation
}
