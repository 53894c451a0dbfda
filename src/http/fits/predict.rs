//! `POST /fits/{id}/predict`: what a finished fit says of other data.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::Serialize;

use super::FitPath;
use crate::fit::Violation;
use crate::http::body::JsonBody;
use crate::http::problem::Problem;
use crate::http::query::Query;
use crate::http::{App, json, wire};

#[derive(Serialize)]
struct PredictionsView {
    predictions: Vec<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    confidence: Option<Band>,
    #[serde(skip_serializing_if = "Option::is_none")]
    prediction: Option<Band>,
}

#[derive(Serialize)]
struct Band {
    lower: Vec<f64>,
    upper: Vec<f64>,
}

impl From<(Vec<f64>, Vec<f64>)> for Band {
    fn from((lower, upper): (Vec<f64>, Vec<f64>)) -> Self {
        Self { lower, upper }
    }
}

pub(in crate::http) async fn predict(
    State(app): State<App>,
    path: FitPath,
    query: Query,
    body: JsonBody,
) -> Result<Response, Problem> {
    query.finish()?;
    let posted = body.parse(&app).await?;
    let mut faults = posted.violations;
    if !posted.has_data {
        faults.push(Violation::new("/data", "missing_field", "the field data is required"));
    }
    let mut fields = wire::Fields::new(posted.rest, "");
    let level = wire::level(&mut fields, "interval", &mut faults);
    fields.finish(&mut faults);
    let data = match posted.data {
        Some(data) if faults.is_empty() => data,
        _ => return Err(Problem::invalid(faults)),
    };
    let predictions = app.jobs.predict(&path.tenant, path.id, Arc::new(data), level).await?;
    let view = PredictionsView {
        predictions: predictions.predictions,
        confidence: predictions.confidence.map(Band::from),
        prediction: predictions.prediction.map(Band::from),
    };
    json::answer(StatusCode::OK, &view)
}
