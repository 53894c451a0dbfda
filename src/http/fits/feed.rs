//! The events of one fit as they happen. Lifecycle events come from the store, whenever the jobs say that something has
//! changed, so that none is lost; progress is what is newest when it is due. A reader who does not read makes nothing
//! pile up: the next frame is made when it is asked for.

use std::collections::VecDeque;
use std::time::Duration;

use axum::body::Bytes;
use serde::Serialize;
use tokio::sync::{OwnedSemaphorePermit, watch};
use tokio::time::{Instant, sleep_until};
use uuid::Uuid;

use super::answer::FitView;
use super::resume::attempt_of;
use crate::fit::{Event, EventId, EventKind, FitId, FitRecord, Status, Tenant};
use crate::http::problem::Problem;
use crate::http::{App, json};
use crate::jobs::Live;

/// Progress is sent at most this often.
const PROGRESS_INTERVAL: Duration = Duration::from_millis(200);
/// A comment keeps proxies from closing a silent stream.
const QUIET_MAX: Duration = Duration::from_secs(15);

/// What a stream still has to say.
pub(super) struct Feed {
    app: App,
    tenant: Tenant,
    id: FitId,
    live: watch::Receiver<Live>,
    /// The newest event that has been sent or passed over.
    cursor: EventId,
    /// The state of the lifecycle, and the attempt, for which the store has been read.
    read: Option<(u64, u64)>,
    pending: VecDeque<Bytes>,
    progress_due: Instant,
    comment_due: Instant,
    is_done: bool,
    _permit: OwnedSemaphorePermit,
}

/// A lifecycle event that is not the last one.
#[derive(Serialize)]
struct LifecycleView {
    at: jiff::Timestamp,
    status: Status,
}

impl Feed {
    /// A feed of what happens behind `cursor`. `live` was subscribed to before anything was read.
    pub(super) fn new(
        app: App,
        tenant: Tenant,
        id: FitId,
        live: watch::Receiver<Live>,
        cursor: EventId,
        permit: OwnedSemaphorePermit,
    ) -> Self {
        let now = Instant::now();
        Self {
            app,
            tenant,
            id,
            live,
            cursor,
            read: None,
            pending: VecDeque::from([retry()]),
            progress_due: now,
            comment_due: now + QUIET_MAX,
            is_done: false,
            _permit: permit,
        }
    }

    /// Puts the whole fit first. It stands for everything up to the cursor.
    pub(super) fn with_snapshot(mut self, record: &FitRecord) -> Result<Self, Problem> {
        self.pending.push_back(frame("snapshot", self.cursor, &FitView::from(record))?);
        Ok(self)
    }

    /// The next frame; nothing at the end.
    pub(super) async fn next(&mut self) -> Option<Bytes> {
        loop {
            if let Some(frame) = self.pending.pop_front() {
                self.comment_due = Instant::now() + QUIET_MAX;
                return Some(frame);
            }
            if self.is_done {
                return None;
            }
            if self.step().await.is_err() {
                // The client comes back and resumes; what went wrong is in the log.
                return None;
            }
        }
    }

    /// Says what there is to say, or waits for it.
    async fn step(&mut self) -> Result<(), Problem> {
        let live = self.live.borrow_and_update().clone();
        let progress = live.progress.filter(|(id, _)| *id > self.cursor);
        let attempt = progress.map_or(0, |(id, _)| attempt_of(id)).max(self.read.map_or(0, |(_, attempt)| attempt));
        if self.read != Some((live.lifecycle, attempt)) {
            self.read = Some((live.lifecycle, attempt));
            return self.read_store().await;
        }
        let now = Instant::now();
        if let Some((id, progress)) = progress
            && now >= self.progress_due
        {
            self.cursor = id;
            self.progress_due = now + PROGRESS_INTERVAL;
            self.pending.push_back(frame("progress", id, &progress)?);
            return Ok(());
        }
        tokio::select! {
            biased;
            () = self.app.shutdown.cancelled() => self.is_done = true,
            changed = self.live.changed() => if changed.is_err() {
                self.read_store().await?;
                self.is_done = true;
            },
            () = sleep_until(self.progress_due), if progress.is_some() => {}
            () = sleep_until(self.comment_due) => {
                self.pending.push_back(Bytes::from_static(b": still here\n\n"));
                // A change that nobody told of is found now at the latest.
                self.read = None;
            }
        }
        Ok(())
    }

    /// Sends the lifecycle events that have been stored since; the last one carries the whole fit.
    async fn read_store(&mut self) -> Result<(), Problem> {
        let events = self.app.jobs.events(&self.tenant, self.id, self.cursor).await?;
        let is_news = !events.is_empty();
        for event in events {
            self.cursor = event.id;
            if event.kind.is_terminal() {
                self.is_done = true;
                if let Some(record) = self.app.jobs.fit(&self.tenant, self.id).await? {
                    self.pending.push_back(frame(event.kind.as_str(), event.id, &FitView::from(&record))?);
                }
                return Ok(());
            }
            self.pending.push_back(frame(event.kind.as_str(), event.id, &lifecycle(event))?);
        }
        if !is_news {
            match self.app.jobs.fit(&self.tenant, self.id).await? {
                None => self.is_done = true,
                // It ended between the two readings, or the client's id was believed and is beyond the end: it gets
                // the end all the same.
                Some(record) if record.status.is_terminal() => {
                    self.is_done = true;
                    let events = self.app.jobs.events(&self.tenant, self.id, EventId(0)).await?;
                    if let Some(end) = events.last().filter(|event| event.id != self.cursor) {
                        self.pending.push_back(frame(end.kind.as_str(), end.id, &FitView::from(&record))?);
                    }
                }
                Some(_) => {}
            }
        }
        Ok(())
    }
}

fn lifecycle(event: Event) -> LifecycleView {
    let status = if event.kind == EventKind::Started { Status::Running } else { Status::Queued };
    LifecycleView { at: event.at, status }
}

/// Spreads the clients that come back after a restart over four seconds.
fn retry() -> Bytes {
    let [.., high, low] = *Uuid::now_v7().as_bytes();
    format!("retry: {}\n\n", 1000 + u32::from(u16::from_be_bytes([high, low])) % 4001).into()
}

fn frame(event: &str, id: EventId, data: &impl Serialize) -> Result<Bytes, Problem> {
    let mut frame = format!("event: {event}\nid: {}\ndata: ", id.0).into_bytes();
    frame.extend_from_slice(&json::to_bytes(data)?);
    frame.extend_from_slice(b"\n\n");
    Ok(frame.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_is_one_event_with_its_data_on_one_line() {
        let bytes = frame("progress", EventId(7), &serde_json::json!({"text": "a\nb"})).expect("JSON");
        assert_eq!(bytes, "event: progress\nid: 7\ndata: {\"text\":\"a\\nb\"}\n\n");
    }

    #[test]
    fn clients_come_back_within_one_to_five_seconds() {
        for _ in 0..100 {
            let text = String::from_utf8(retry().to_vec()).expect("ASCII");
            let wait: u32 = text.trim().strip_prefix("retry: ").and_then(|wait| wait.parse().ok()).expect("a number");
            assert!((1000..=5000).contains(&wait), "{wait}");
        }
    }
}
