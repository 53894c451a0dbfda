//! `POST /fits/{id}/cancel`: ends a fit; one that has ended is unchanged.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;

use super::{FitPath, answer};
use crate::http::App;
use crate::http::problem::Problem;
use crate::http::query::Query;

pub(in crate::http) async fn cancel(State(app): State<App>, path: FitPath, query: Query) -> Result<Response, Problem> {
    query.finish()?;
    let record = app.jobs.cancel(&path.tenant, path.id).await?.ok_or_else(Problem::unknown_fit)?;
    answer::fit(StatusCode::OK, &record)
}
