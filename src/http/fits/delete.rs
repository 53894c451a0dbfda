//! `DELETE /fits/{id}`: cancels the fit if it runs, then removes it with all it has.

use axum::extract::State;
use axum::http::StatusCode;

use super::FitPath;
use crate::http::App;
use crate::http::problem::Problem;
use crate::http::query::Query;

pub(in crate::http) async fn delete(
    State(app): State<App>,
    path: FitPath,
    query: Query,
) -> Result<StatusCode, Problem> {
    query.finish()?;
    if app.jobs.delete(&path.tenant, path.id).await? { Ok(StatusCode::NO_CONTENT) } else { Err(Problem::unknown_fit()) }
}
