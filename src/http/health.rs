//! Whether the process lives, and whether it can take new fits.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde_json::json;

use super::problem::Problem;
use super::{App, json};

/// Answers as long as the process does.
pub(super) async fn alive() -> Result<Response, Problem> {
    json::answer(StatusCode::OK, &json!({"status": "ok"}))
}

/// Answers as long as the store takes writes and the service is not stopping.
pub(super) async fn ready(State(app): State<App>) -> Result<Response, Problem> {
    if app.shutdown.is_cancelled() {
        return Err(Problem::stopping());
    }
    let counts = app.jobs.ready().await?;
    json::answer(StatusCode::OK, &json!({"status": "ok", "queued": counts.queued, "running": counts.running}))
}
