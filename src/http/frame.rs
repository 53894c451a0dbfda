//! Around every answer: the request's id, the problem's body, `nosniff`, one line in the log. It knows no routes.

use std::time::Instant;

use axum::extract::Request;
use axum::http::header::{ALLOW, X_CONTENT_TYPE_OPTIONS};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::middleware::Next;
use axum::response::Response;
use tracing::Instrument;
use uuid::Uuid;

use super::problem::Problem;

const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

const ID_BYTES_MAX: usize = 128;

/// Gives the request an id and the answer its frame.
pub(super) async fn frame(request: Request, next: Next) -> Response {
    let id = given_id(request.headers()).unwrap_or_else(|| Uuid::now_v7().to_string());
    let started = Instant::now();
    // The query is left out of the log: it may carry what does not belong there.
    let span = tracing::info_span!("request", id, method = %request.method(), path = request.uri().path());
    let mut response = next.run(request).instrument(span.clone()).await;
    if let Some(problem) = problem_of(&response) {
        let allow = response.headers().get(ALLOW).cloned();
        response = problem.render(&id);
        if let Some(allow) = allow {
            response.headers_mut().insert(ALLOW, allow);
        }
    }
    let headers = response.headers_mut();
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    if let Ok(id) = HeaderValue::from_str(&id) {
        headers.insert(X_REQUEST_ID, id);
    }
    let status = response.status().as_u16();
    span.in_scope(|| tracing::info!(status, seconds = started.elapsed().as_secs_f64(), "answered"));
    response
}

/// The id that a proxy or a client gave the request, if it can be an id.
fn given_id(headers: &HeaderMap) -> Option<String> {
    let id = headers.get(X_REQUEST_ID)?.to_str().ok()?;
    let is_id = (1..=ID_BYTES_MAX).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_graphic());
    is_id.then(|| id.to_owned())
}

/// The problem that the response stands for: one of ours, or the router's own refusal of a method.
fn problem_of(response: &Response) -> Option<Problem> {
    response
        .extensions()
        .get::<Problem>()
        .cloned()
        .or_else(|| (response.status() == StatusCode::METHOD_NOT_ALLOWED).then(Problem::method_not_allowed))
}
