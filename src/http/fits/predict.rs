//! `POST /fits/{id}/predict`: what a finished fit says of other data.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::Serialize;

use super::FitPath;
use crate::fit::{Label, Violation};
use crate::http::body::JsonBody;
use crate::http::problem::Problem;
use crate::http::query::Query;
use crate::http::{App, json, wire};
use crate::jobs::from_label;

#[derive(Serialize)]
struct PredictionsView {
    predictions: Predicted,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    classes: Vec<Label>,
    #[serde(skip_serializing_if = "Option::is_none")]
    probabilities: Option<Vec<Vec<f64>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    confidence: Option<Band>,
    #[serde(skip_serializing_if = "Option::is_none")]
    prediction: Option<Band>,
}

/// One a row: a number, or a class.
#[derive(Serialize)]
#[serde(untagged)]
enum Predicted {
    Numbers(Vec<f64>),
    Classes(Vec<Label>),
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
    mut body: JsonBody,
) -> Result<Response, Problem> {
    query.finish()?;
    // Held until the answer is made.
    let _room = body.room();
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
    let classes: Vec<Label> = predictions.classes.into_iter().map(from_label).collect();
    let view = PredictionsView {
        predictions: if classes.is_empty() {
            Predicted::Numbers(predictions.predictions)
        } else {
            let of = |index: usize| classes.get(index).cloned();
            Predicted::Classes(predictions.predicted_classes.into_iter().filter_map(of).collect())
        },
        classes,
        probabilities: predictions.probabilities,
        confidence: predictions.confidence.map(Band::from),
        prediction: predictions.prediction.map(Band::from),
    };
    json::answer(StatusCode::OK, &view)
}
