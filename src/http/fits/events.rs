//! `GET /fits/{id}/events`: what happens to a fit, as server-sent events.

use std::convert::Infallible;

use axum::body::Body;
use axum::extract::State;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderName, StatusCode};
use axum::response::{IntoResponse, Response};

use super::FitPath;
use super::feed::Feed;
use super::resume::{Known, Resume};
use crate::fit::EventId;
use crate::http::App;
use crate::http::problem::Problem;
use crate::http::query::Query;

const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");
/// Keeps nginx from collecting events before it passes them on.
const X_ACCEL_BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");

pub(in crate::http) async fn events(
    State(app): State<App>,
    path: FitPath,
    headers: HeaderMap,
    mut query: Query,
) -> Result<Response, Problem> {
    let after = query.take("after")?;
    query.finish()?;
    let FitPath { tenant, id } = path;
    if app.jobs.fit(&tenant, id).await?.is_none() {
        return Err(Problem::unknown_fit());
    }
    let permit = app
        .streams
        .clone()
        .try_acquire_owned()
        .map_err(|_| Problem::stream_quota(u64::from(app.limits.streams_max)))?;
    // Subscribe, then read events, then the fit: each is at least as new as the one before, so nothing is missed.
    let live = app.jobs.watch(id);
    let events = app.jobs.events(&tenant, id, EventId(0)).await?;
    let record = app.jobs.fit(&tenant, id).await?.ok_or_else(Problem::unknown_fit)?;
    let progress = live.borrow().progress.map(|(id, _)| id);
    let known = Known { attempt: record.attempt, events: &events, progress };
    // A browser that reconnects repeats the address, so the header is newer than the query.
    let last_seen = headers.get(LAST_EVENT_ID).map(|id| id.to_str().unwrap_or("?")).or(after.as_deref());
    let feed = match known.resume(last_seen) {
        Resume::Finished => return Ok(StatusCode::NO_CONTENT.into_response()),
        Resume::After(cursor) => Feed::new(app, tenant, id, live, cursor, permit),
        Resume::Snapshot => Feed::new(app, tenant, id, live, known.before_snapshot(), permit).with_snapshot(&record)?,
    };
    let frames = futures_util::stream::unfold(feed, async |mut feed| {
        let frame = feed.next().await?;
        Some((Ok::<_, Infallible>(frame), feed))
    });
    let headers = [(CONTENT_TYPE, "text/event-stream"), (CACHE_CONTROL, "no-store"), (X_ACCEL_BUFFERING, "no")];
    Ok((headers, Body::from_stream(frames)).into_response())
}
