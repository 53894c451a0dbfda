//! Whether the process lives, and whether it can take new fits.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde_json::json;

use super::problem::Problem;
use super::{App, json};
use crate::jobs::Health;

/// Answers as long as the process does.
pub(super) async fn alive() -> Result<Response, Problem> {
    json::answer(StatusCode::OK, &json!({"status": "ok"}))
}

/// Answers as long as the store takes writes, a worker is free or can become so, and the service is not stopping.
pub(super) async fn ready(State(app): State<App>) -> Result<Response, Problem> {
    if app.shutdown.is_cancelled() {
        return Err(Problem::stopping());
    }
    let health = app.jobs.ready().await?;
    if health.stuck >= health.workers {
        return Err(Problem::stuck(health.stuck));
    }
    let Health { queued, running, stuck, panics, .. } = health;
    json::answer(
        StatusCode::OK,
        &json!({"status": "ok", "queued": queued, "running": running, "stuck": stuck, "panics": panics}),
    )
}
