//! `POST /fits`: takes a fit, or says everything that is wrong with it.

use std::sync::Arc;

use axum::extract::State;
use axum::http::header::{HeaderValue, LOCATION};
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::Response;
use serde::Serialize;
use sha2::{Digest, Sha256};

use super::answer::{self, location};
use super::prefer::{self, PREFERENCE_APPLIED};
use crate::fit::{FitRecord, Spec, Tenant};
use crate::http::body::JsonBody;
use crate::http::problem::Problem;
use crate::http::query::Query;
use crate::http::{App, json, wire};
use crate::jobs::{Draft, IdempotencyKey, Submitted};

const KEY_BYTES_MAX: usize = 255;

/// What a dry run answers.
#[derive(Serialize)]
struct PlanView<'a> {
    spec: &'a Spec,
    estimate: EstimateView,
}

#[derive(Serialize)]
struct EstimateView {
    memory_bytes: u64,
    operations: f64,
    coefficients: u64,
}

pub(in crate::http) async fn create(
    State(app): State<App>,
    uri: Uri,
    headers: HeaderMap,
    mut query: Query,
    mut body: JsonBody,
) -> Result<Response, Problem> {
    let dry_run = query.parse::<bool>("dry_run", "true or false")?.unwrap_or(false);
    query.finish()?;
    let idempotency = idempotency_key(&headers, &uri, &body.bytes)?;
    let room = body.room();
    let posted = body.parse(&app).await?;
    let wire::Request { spec, labels, data } = wire::request(posted, &app.limits).map_err(Problem::invalid)?;
    let draft = Draft { tenant: Tenant::default(), spec, labels, data: Arc::new(data), idempotency };
    if dry_run {
        return plan(&app, &draft);
    }
    let tenant = draft.tenant.clone();
    let (record, is_replay) = match app.jobs.submit(draft).await? {
        Submitted::New(record) => (record, false),
        Submitted::Replayed(record) => (record, true),
    };
    // The data is the store's now.
    drop(room);
    let seconds = prefer::wait_seconds(&headers);
    let record = match seconds {
        Some(seconds) if !record.status.is_terminal() => {
            prefer::wait(&app, &tenant, record.id, None, seconds).await?.unwrap_or(record)
        }
        _ => record,
    };
    created(&record, is_replay, seconds)
}

fn created(record: &FitRecord, is_replay: bool, seconds: Option<u64>) -> Result<Response, Problem> {
    let mut response = answer::fit(StatusCode::CREATED, record)?;
    let headers = response.headers_mut();
    if let Ok(location) = HeaderValue::from_str(&location(record.id)) {
        headers.insert(LOCATION, location);
    }
    if is_replay {
        headers.insert("idempotency-replayed", HeaderValue::from_static("true"));
    }
    if let Some(applied) = seconds.and_then(|seconds| HeaderValue::from_str(&format!("wait={seconds}")).ok()) {
        headers.insert(PREFERENCE_APPLIED, applied);
    }
    Ok(response)
}

fn plan(app: &App, draft: &Draft) -> Result<Response, Problem> {
    let plan = app.jobs.plan(draft).map_err(Problem::invalid)?;
    let estimate = EstimateView {
        memory_bytes: plan.estimate.memory_bytes,
        operations: plan.estimate.operations,
        coefficients: plan.estimate.coefficients,
    };
    json::answer(StatusCode::OK, &PlanView { spec: &plan.spec, estimate })
}

/// The key that the client gave, with a digest of what it was sent with.
fn idempotency_key(headers: &HeaderMap, uri: &Uri, body: &[u8]) -> Result<Option<IdempotencyKey>, Problem> {
    let mut keys = headers.get_all("idempotency-key").iter();
    let Some(key) = keys.next() else { return Ok(None) };
    let key = key
        .to_str()
        .ok()
        .filter(|key| (1..=KEY_BYTES_MAX).contains(&key.len()) && key.bytes().all(|byte| byte.is_ascii_graphic()));
    let (Some(key), None) = (key, keys.next()) else { return Err(Problem::invalid_idempotency_key()) };
    let target = uri.path_and_query().map_or("", |target| target.as_str());
    let digest = Sha256::new().chain_update(target).chain_update([0]).chain_update(body).finalize();
    Ok(Some(IdempotencyKey { key: key.to_owned(), fingerprint: digest.into() }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(value: &str, target: &'static str, body: &str) -> Option<IdempotencyKey> {
        let headers = HeaderMap::from_iter([(
            axum::http::HeaderName::from_static("idempotency-key"),
            HeaderValue::from_bytes(value.as_bytes()).expect("value"),
        )]);
        idempotency_key(&headers, &Uri::from_static(target), body.as_bytes()).ok().flatten()
    }

    #[test]
    fn keys_are_visible_ascii_of_a_bounded_length() {
        assert!(key("8e03978e-40d5", "/fits", "{}").is_some());
        for bad in ["", "a b", "schlüssel", &"k".repeat(256)] {
            assert!(key(bad, "/fits", "{}").is_none(), "{bad:?}");
        }
        assert!(key(&"k".repeat(255), "/fits", "{}").is_some());
    }

    #[test]
    fn another_request_has_another_fingerprint() {
        let first = key("k", "/fits", "{}");
        assert_eq!(first, key("k", "/fits", "{}"));
        assert_ne!(first, key("k", "/fits", "{ }"));
        assert_ne!(first, key("k", "/fits?dry_run=false", "{}"));
    }
}
