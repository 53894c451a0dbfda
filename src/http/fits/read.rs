//! `GET /fits/{id}`: the fit as it is, at once or at its next change of status.

use axum::extract::State;
use axum::http::header::{ETAG, HeaderValue, IF_NONE_MATCH};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};

use super::FitPath;
use super::answer::{self, etag};
use super::prefer::{self, WAIT_SECONDS_MAX};
use crate::http::App;
use crate::http::problem::Problem;
use crate::http::query::Query;

pub(in crate::http) async fn read(
    State(app): State<App>,
    path: FitPath,
    headers: HeaderMap,
    mut query: Query,
) -> Result<Response, Problem> {
    let seconds = query.whole("wait", 0, u64::MAX)?.map_or(0, |seconds| seconds.min(WAIT_SECONDS_MAX));
    query.finish()?;
    let mut record = app.jobs.fit(&path.tenant, path.id).await?.ok_or_else(Problem::unknown_fit)?;
    if seconds > 0 && !record.status.is_terminal() {
        record = prefer::wait(&app, &path.tenant, path.id, Some(record.status), seconds)
            .await?
            .ok_or_else(Problem::unknown_fit)?;
    }
    let tag = etag(&record);
    if is_match(&headers, &tag) {
        let mut response = StatusCode::NOT_MODIFIED.into_response();
        if let Ok(tag) = HeaderValue::from_str(&tag) {
            response.headers_mut().insert(ETAG, tag);
        }
        return Ok(response);
    }
    answer::fit(StatusCode::OK, &record)
}

/// Whether the client has this state already. `If-None-Match` compares weakly (RFC 9110).
pub(super) fn is_match(headers: &HeaderMap, tag: &str) -> bool {
    let values = headers.get_all(IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    values
        .flat_map(|value| value.split(','))
        .map(str::trim)
        .any(|candidate| candidate == "*" || candidate.strip_prefix("W/").unwrap_or(candidate) == tag)
}
