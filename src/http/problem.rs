//! Every status code that is not a success, and the body that goes with it (RFC 9457). A client gets a text that it can
//! act on; the chain of causes goes to the log, once.
//!
//! 4xx: the client can fix it. 503 and 507: try again later. 500: our fault.

use std::any::Any;

use axum::http::header::{ACCEPT, ACCEPT_ENCODING, ALLOW, CONNECTION, RETRY_AFTER};
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use crate::fit::Violation;
use crate::ingest::{IngestError, VIOLATIONS_MAX};
use crate::jobs::{PredictError, StoreError, SubmitError, SurveyError};

/// An answer that says what is wrong. It becomes a body in `frame`, where the request's id is known.
#[derive(Clone, Debug)]
pub(crate) struct Problem(Box<Fault>);

#[derive(Clone, Debug)]
struct Fault {
    status: StatusCode,
    code: &'static str,
    detail: String,
    pointer: Option<String>,
    limit: Option<u64>,
    actual: Option<u64>,
    errors: Vec<Violation>,
    headers: Vec<(HeaderName, HeaderValue)>,
}

/// The body of a problem.
#[derive(Serialize)]
struct Wire<'a> {
    r#type: &'a str,
    title: &'a str,
    status: u16,
    detail: &'a str,
    instance: &'a str,
    code: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pointer: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    limit: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    actual: Option<u64>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    errors: &'a [Violation],
}

impl Problem {
    fn new(status: StatusCode, code: &'static str, detail: impl Into<String>) -> Self {
        Self(Box::new(Fault {
            status,
            code,
            detail: detail.into(),
            pointer: None,
            limit: None,
            actual: None,
            errors: Vec::new(),
            headers: Vec::new(),
        }))
    }

    fn over(mut self, limit: u64, actual: Option<u64>) -> Self {
        self.0.limit = Some(limit);
        self.0.actual = actual;
        self
    }

    fn with(mut self, name: HeaderName, value: &'static str) -> Self {
        self.0.headers.push((name, HeaderValue::from_static(value)));
        self
    }

    /// What was not read of the body must not be taken for the next request.
    fn closing(self) -> Self {
        self.with(CONNECTION, "close")
    }

    pub(crate) fn not_found() -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", "there is nothing at this path")
    }

    pub(crate) fn unknown_fit() -> Self {
        Self::new(StatusCode::NOT_FOUND, "unknown_fit", "there is no fit with this id")
    }

    /// A picture that this fit does not have.
    pub(crate) fn no_picture(detail: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", detail)
    }

    pub(crate) fn not_drawn_yet() -> Self {
        let detail = "the fit is not that far yet";
        Self::new(StatusCode::CONFLICT, "fit_not_finished", detail).with(RETRY_AFTER, "1")
    }

    pub(crate) fn nothing_to_draw() -> Self {
        Self::new(StatusCode::CONFLICT, "fit_failed", "the fit has failed: there is nothing to draw")
    }

    pub(crate) fn method_not_allowed() -> Self {
        Self::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", "the path does not take this method")
    }

    pub(crate) fn no_tunnels() -> Self {
        Self::method_not_allowed().with(ALLOW, "GET, HEAD, POST, DELETE")
    }

    pub(crate) fn invalid_query(name: &str, detail: impl std::fmt::Display) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "invalid_query", format!("query parameter {name}: {detail}"))
    }

    pub(crate) fn invalid_idempotency_key() -> Self {
        let detail = "an Idempotency-Key has 1 to 255 visible ASCII characters";
        Self::new(StatusCode::BAD_REQUEST, "invalid_idempotency_key", detail)
    }

    pub(crate) fn host_not_allowed(host: &str) -> Self {
        let detail = format!("the host {host} is not served here; FITD_ALLOWED_HOSTS names the hosts that are");
        Self::new(StatusCode::FORBIDDEN, "host_not_allowed", detail)
    }

    pub(crate) fn cross_site_request() -> Self {
        let detail = "a page of another site may not change anything here";
        Self::new(StatusCode::FORBIDDEN, "cross_site_request", detail)
    }

    pub(crate) fn uri_too_long(limit: u64, actual: u64) -> Self {
        Self::new(StatusCode::URI_TOO_LONG, "uri_too_long", "the address is too long").over(limit, Some(actual))
    }

    pub(crate) fn headers_too_large(limit: u64, actual: u64) -> Self {
        Self::new(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, "headers_too_large", "the headers are too large")
            .over(limit, Some(actual))
    }

    pub(crate) fn not_acceptable(offered: &'static str) -> Self {
        Self::new(StatusCode::NOT_ACCEPTABLE, "not_acceptable", format!("this can be had as {offered}"))
    }

    pub(crate) fn unsupported_media_type() -> Self {
        let detail = "the body must be JSON, and Content-Type must say application/json";
        Self::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type", detail)
            .with(ACCEPT, "application/json")
            .closing()
    }

    pub(crate) fn unsupported_encoding() -> Self {
        let detail = "a body may be encoded once, as gzip, br or zstd";
        Self::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_encoding", detail)
            .with(ACCEPT_ENCODING, "gzip, br, zstd")
            .closing()
    }

    pub(crate) fn body_too_large(limit: u64, actual: Option<u64>) -> Self {
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "body_too_large", format!("a body has at most {limit} bytes"))
            .over(limit, actual)
            .closing()
    }

    pub(crate) fn decoded_body_too_large(limit: u64) -> Self {
        let detail = format!("a body has at most {limit} bytes after decoding");
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "decoded_body_too_large", detail).over(limit, None).closing()
    }

    pub(crate) fn request_timeout() -> Self {
        let detail = "the body did not arrive in time";
        Self::new(StatusCode::REQUEST_TIMEOUT, "request_timeout", detail).closing()
    }

    pub(crate) fn unreadable_body() -> Self {
        Self::new(StatusCode::BAD_REQUEST, "invalid_json", "the body ended early or is not encoded as it says")
            .closing()
    }

    /// All of what is wrong with a document; the first fault speaks for it.
    pub(crate) fn invalid(mut errors: Vec<Violation>) -> Self {
        errors.truncate(VIOLATIONS_MAX);
        let Some(first) = errors.first().cloned() else {
            return Self::internal("a request was refused without a reason");
        };
        let mut problem = Self::new(StatusCode::UNPROCESSABLE_ENTITY, first.code, first.detail);
        problem.0.pointer = Some(first.pointer);
        problem.0.limit = first.limit;
        problem.0.actual = first.actual;
        problem.0.errors = errors;
        problem
    }

    pub(crate) fn stream_quota(limit: u64) -> Self {
        let detail = format!("{limit} event streams are open, as many as there may be");
        Self::new(StatusCode::TOO_MANY_REQUESTS, "stream_quota", detail).over(limit, Some(limit)).with(RETRY_AFTER, "5")
    }

    fn quota_full(limit: u64, queued: u64) -> Self {
        let detail = format!("{queued} of your fits are queued, as many as there may be");
        Self::new(StatusCode::TOO_MANY_REQUESTS, "queue_quota", detail).over(limit, Some(queued)).with(RETRY_AFTER, "5")
    }

    fn queue_full(limit: u64, queued: u64) -> Self {
        let detail = format!("{queued} fits are queued, as many as there may be");
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "overloaded", detail)
            .over(limit, Some(queued))
            .with(RETRY_AFTER, "5")
    }

    pub(crate) fn too_many_bodies() -> Self {
        let detail = "as many bodies are being read as there is memory for";
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "overloaded", detail).with(RETRY_AFTER, "2")
    }

    pub(crate) fn stuck(workers: u64) -> Self {
        let detail = format!("all {workers} workers have a fit that does not stop");
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "overloaded", detail).with(RETRY_AFTER, "5")
    }

    pub(crate) fn stopping() -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "stopping", "the service is stopping").with(RETRY_AFTER, "5")
    }

    /// Our fault. What is known of it goes to the log alone.
    pub(crate) fn internal(cause: &str) -> Self {
        tracing::error!(cause, "internal error");
        let detail = "the service failed; the instance names this request in its log";
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", detail)
    }

    /// The whole answer, for the request of this id.
    pub(super) fn render(&self, instance: &str) -> Response {
        let fault = &*self.0;
        let wire = Wire {
            // The title says what the status says; what is special is the code.
            r#type: "about:blank",
            title: fault.status.canonical_reason().unwrap_or("Error"),
            status: fault.status.as_u16(),
            detail: &fault.detail,
            instance,
            code: fault.code,
            pointer: fault.pointer.as_deref(),
            limit: fault.limit,
            actual: fault.actual,
            errors: &fault.errors,
        };
        let body = serde_json::to_vec(&wire).unwrap_or_default();
        let content_type = [(axum::http::header::CONTENT_TYPE, "application/problem+json")];
        let mut response = (fault.status, content_type, body).into_response();
        for (name, value) in &fault.headers {
            response.headers_mut().insert(name, value.clone());
        }
        response
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = self.0.status.into_response();
        response.extensions_mut().insert(self);
        response
    }
}

/// The answer to a request whose handler panicked.
#[expect(clippy::needless_pass_by_value, reason = "the layer hands the payload over")]
pub(super) fn after_panic(payload: Box<dyn Any + Send>) -> Response {
    let text = payload.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| payload.downcast_ref::<&str>().copied()).unwrap_or("a panic without a text");
    Problem::internal(text).into_response()
}

impl From<IngestError> for Problem {
    fn from(error: IngestError) -> Self {
        let detail = error.to_string();
        let (code, pointer) = match error {
            IngestError::Syntax { pointer, .. } => ("invalid_json", pointer),
            IngestError::TooDeep { .. } => ("json_too_deep", None),
            IngestError::OutOfRange { pointer, .. } => ("number_out_of_range", pointer),
            IngestError::TooMany { limit } => {
                let fault = Violation::new("", "too_many_values", detail).over(limit, limit + 1);
                return Self::invalid(vec![fault]);
            }
        };
        let mut problem = Self::new(StatusCode::BAD_REQUEST, code, detail);
        problem.0.pointer = pointer;
        problem
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        let mut chain = error.to_string();
        let mut source = std::error::Error::source(&error);
        while let Some(cause) = source {
            chain = format!("{chain}: {cause}");
            source = cause.source();
        }
        match error {
            StoreError::Full => {
                tracing::error!(cause = chain, "the store is full");
                let detail = "there is no space left to keep this";
                Self::new(StatusCode::INSUFFICIENT_STORAGE, "storage_full", detail).with(RETRY_AFTER, "5")
            }
            StoreError::Closed => Self::stopping(),
            StoreError::Sqlite(_) | StoreError::Io(_) | StoreError::Broken => {
                tracing::error!(cause = chain, "the store failed");
                let detail = "the store does not answer; try again";
                Self::new(StatusCode::SERVICE_UNAVAILABLE, "engine_unavailable", detail).with(RETRY_AFTER, "2")
            }
            _ => Self::internal(&chain),
        }
    }
}

impl From<SubmitError> for Problem {
    fn from(error: SubmitError) -> Self {
        match error {
            SubmitError::Invalid(violations) => Self::invalid(violations),
            SubmitError::KeyReused => {
                let detail = "the Idempotency-Key was used for another request";
                Self::new(StatusCode::UNPROCESSABLE_ENTITY, "idempotency_key_reused", detail)
            }
            SubmitError::QueueFull { queued, limit } => Self::queue_full(limit, queued),
            SubmitError::QuotaFull { queued, limit } => Self::quota_full(limit, queued),
            SubmitError::Stopping => Self::stopping(),
            SubmitError::Store(error) => error.into(),
        }
    }
}

impl From<PredictError> for Problem {
    fn from(error: PredictError) -> Self {
        match error {
            PredictError::Unknown => Self::unknown_fit(),
            PredictError::NotFinished => {
                let detail = "the fit is not finished; predictions need its result";
                Self::new(StatusCode::CONFLICT, "fit_not_finished", detail).with(RETRY_AFTER, "1")
            }
            PredictError::Failed => {
                let detail = "the fit has no result to predict with";
                Self::new(StatusCode::CONFLICT, "fit_failed", detail)
            }
            PredictError::Invalid(violations) => Self::invalid(violations),
            PredictError::Store(error) => error.into(),
        }
    }
}

impl From<SurveyError> for Problem {
    fn from(error: SurveyError) -> Self {
        match error {
            SurveyError::Unknown => Self::unknown_fit(),
            SurveyError::NotYet => Self::not_drawn_yet(),
            SurveyError::Failed => Self::nothing_to_draw(),
            SurveyError::Missing(detail) => Self::no_picture(detail),
            SurveyError::UnknownParameter(_) => Self::new(StatusCode::BAD_REQUEST, "invalid_query", error.to_string()),
            SurveyError::Store(error) => error.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn body(problem: Problem) -> (Response, serde_json::Value) {
        let mut response = problem.render("0193");
        let bytes = axum::body::to_bytes(std::mem::take(response.body_mut()), 1 << 20).await.expect("body");
        (response, serde_json::from_slice(&bytes).expect("JSON"))
    }

    #[tokio::test]
    async fn the_first_fault_speaks_for_all() {
        let faults = vec![
            Violation::new("/stop/max_iterations", "limit_exceeded", "too many").over(10, 11),
            Violation::new("/id", "unknown_field", "unknown"),
        ];
        let (response, body) = body(Problem::invalid(faults)).await;
        assert_eq!(response.status(), 422);
        assert_eq!(response.headers()["content-type"], "application/problem+json");
        insta::assert_json_snapshot!(body, @r#"
        {
          "type": "about:blank",
          "title": "Unprocessable Entity",
          "status": 422,
          "detail": "too many",
          "instance": "0193",
          "code": "limit_exceeded",
          "pointer": "/stop/max_iterations",
          "limit": 10,
          "actual": 11,
          "errors": [
            {
              "pointer": "/stop/max_iterations",
              "code": "limit_exceeded",
              "detail": "too many",
              "limit": 10,
              "actual": 11
            },
            {
              "pointer": "/id",
              "code": "unknown_field",
              "detail": "unknown"
            }
          ]
        }
        "#);
    }

    #[tokio::test]
    async fn whoever_should_try_again_is_told_when() {
        for problem in [
            SubmitError::QueueFull { queued: 1, limit: 1 }.into(),
            SubmitError::Stopping.into(),
            StoreError::Closed.into(),
            Problem::stream_quota(1),
            PredictError::NotFinished.into(),
        ] {
            assert!(problem.render("").headers().contains_key(RETRY_AFTER), "{problem:?}");
        }
    }

    #[tokio::test]
    async fn our_faults_keep_their_details_to_themselves() {
        let (response, body) = body(Problem::internal("/secret/path.rs")).await;
        assert_eq!(response.status(), 500);
        assert!(!body.to_string().contains("secret"), "{body}");
    }
}
