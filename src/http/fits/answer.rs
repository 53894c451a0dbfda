//! A fit as it is sent: what has no value is left out.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::http::StatusCode;
use axum::http::header::{ETAG, HeaderValue};
use axum::response::Response;
use jiff::Timestamp;
use serde::Serialize;

use super::plot::Kind;
use crate::fit::{DatasetInfo, FitError, FitId, FitRecord, FitResult, Labels, Outcome, Progress, Spec, Status};
use crate::http::json;
use crate::http::problem::Problem;

/// A fit, as returned.
#[derive(Serialize)]
pub(super) struct FitView<'a> {
    id: FitId,
    status: Status,
    attempt: u32,
    created_at: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    started_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    finished_at: Option<Timestamp>,
    labels: &'a Labels,
    spec: &'a Spec,
    dataset: &'a DatasetInfo,
    #[serde(skip_serializing_if = "Option::is_none")]
    progress: Option<Progress>,
    #[serde(skip_serializing_if = "Option::is_none")]
    result: Option<&'a Arc<FitResult>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'a Arc<FitError>>,
    links: Links,
}

#[derive(Serialize)]
struct Links {
    #[serde(rename = "self")]
    this: String,
    events: String,
    history: String,
    predict: String,
    /// By what they show.
    plots: BTreeMap<&'static str, String>,
}

impl<'a> From<&'a FitRecord> for FitView<'a> {
    fn from(record: &'a FitRecord) -> Self {
        let path = location(record.id);
        let error = match &record.outcome {
            Some(Outcome::Failed(error)) => Some(error),
            _ => None,
        };
        Self {
            id: record.id,
            status: record.status,
            attempt: record.attempt,
            created_at: record.created_at,
            started_at: record.started_at,
            finished_at: record.finished_at,
            labels: &record.labels,
            spec: &record.spec,
            dataset: &record.dataset,
            progress: record.progress,
            result: record.outcome.as_ref().and_then(Outcome::result),
            error,
            links: Links {
                events: format!("{path}/events"),
                history: format!("{path}/history"),
                predict: format!("{path}/predict"),
                plots: Kind::ALL.map(|kind| (kind.as_str(), format!("{path}/plot/{}.svg", kind.as_str()))).into(),
                this: path,
            },
        }
    }
}

/// Where a fit is.
pub(super) fn location(id: FitId) -> String {
    format!("/fits/{id}")
}

/// Names this state of the fit: every stored change has another version, and between those only progress changes.
pub(super) fn etag(record: &FitRecord) -> String {
    let (iteration, seconds) =
        record.progress.map_or((0, 0), |progress| (progress.iteration, progress.elapsed_seconds.to_bits()));
    format!("\"{:x}-{iteration:x}-{seconds:x}\"", record.version)
}

/// The fit as an answer, with its ETag.
pub(super) fn fit(status: StatusCode, record: &FitRecord) -> Result<Response, Problem> {
    let mut response = json::answer(status, &FitView::from(record))?;
    if let Ok(etag) = HeaderValue::from_str(&etag(record)) {
        response.headers_mut().insert(ETAG, etag);
    }
    Ok(response)
}
