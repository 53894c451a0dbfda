//! A client of the service that outlives it: the address may change from request to request.

use std::fs;

use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use reqwest::{Client, RequestBuilder, Response};
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::process::{PATIENCE, Service};

/// Iterations of a fit that takes some seconds: long enough for heartbeats, short enough to wait for.
const LONG_ITERATIONS: u64 = 400_000;

/// One event of a fit.
#[derive(Clone, Debug)]
pub(crate) struct Event {
    pub(crate) id: u64,
    pub(crate) kind: String,
    pub(crate) data: Value,
}

/// A fit's events as they come.
pub(crate) struct Events {
    bytes: BoxStream<'static, reqwest::Result<Vec<u8>>>,
    buffer: Vec<u8>,
}

/// A fit that runs for some seconds, and keeps every iteration.
pub(crate) fn long_fit() -> Value {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/long.json");
    let mut fit: Value = serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap();
    fit["stop"]["max_iterations"] = json!(LONG_ITERATIONS);
    fit
}

impl Service {
    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub(crate) async fn send(&self, request: RequestBuilder) -> Response {
        timeout(PATIENCE, request.send()).await.expect("an answer should come").unwrap()
    }

    pub(crate) fn post(&self, body: &Value) -> RequestBuilder {
        Client::new().post(self.url("/fits")).json(body)
    }

    /// Creates a fit and gives its id.
    pub(crate) async fn create(&self, body: &Value) -> String {
        let response = self.send(self.post(body)).await;
        assert_eq!(response.status(), 201);
        response.json::<Value>().await.unwrap()["id"].as_str().unwrap().to_owned()
    }

    /// The status at a path.
    pub(crate) async fn status(&self, path: &str) -> u16 {
        self.send(Client::new().get(self.url(path))).await.status().as_u16()
    }

    /// The text at a path.
    pub(crate) async fn text(&self, path: &str, accept: &str) -> String {
        let response = self.send(Client::new().get(self.url(path)).header("Accept", accept)).await;
        assert_eq!(response.status(), 200, "{path}");
        timeout(PATIENCE, response.text()).await.expect("a body should end").unwrap()
    }

    pub(crate) async fn fit(&self, id: &str) -> Value {
        serde_json::from_str(&self.text(&format!("/fits/{id}"), "application/json").await).unwrap()
    }

    /// The fit once it has ended.
    pub(crate) async fn finished(&self, id: &str) -> Value {
        loop {
            let text = self.text(&format!("/fits/{id}?wait=60"), "application/json").await;
            let fit: Value = serde_json::from_str(&text).unwrap();
            if !["queued", "running"].contains(&fit["status"].as_str().unwrap()) {
                return fit;
            }
        }
    }

    /// The events behind this id.
    pub(crate) async fn events(&self, id: &str, after: Option<u64>) -> Events {
        let mut request = Client::new().get(self.url(&format!("/fits/{id}/events")));
        if let Some(after) = after {
            request = request.header("Last-Event-ID", after.to_string());
        }
        let response = self.send(request).await;
        assert_eq!(response.status(), 200);
        let bytes = response.bytes_stream().map(|chunk| chunk.map(|bytes| bytes.to_vec())).boxed();
        Events { bytes, buffer: Vec::new() }
    }

    /// What a fit that ended came to: its result, and its history as text, so that equal means equal bit for bit.
    pub(crate) async fn outcome(&self, id: &str) -> (Value, String) {
        let fit = self.finished(id).await;
        assert_eq!(fit["status"], "succeeded", "{fit}");
        assert_eq!(fit["result"]["iterations"], LONG_ITERATIONS);
        let history = self.text(&format!("/fits/{id}/history?limit=1000000"), "text/csv").await;
        let iterations = history.lines().skip(1).map(|line| line.split(',').next().unwrap().parse::<u64>().unwrap());
        assert!(iterations.eq(0..=LONG_ITERATIONS), "the history has a gap or a repeat");
        (fit["result"].clone(), history)
    }
}

/// What the long fit comes to when nothing happens to it.
pub(crate) async fn undisturbed() -> (Value, String) {
    let place = crate::process::Place::new();
    let service = place.serve().await;
    let id = service.create(&long_fit()).await;
    service.outcome(&id).await
}

impl Events {
    /// The next event; nothing when the stream has ended, or broke off with its process.
    pub(crate) async fn next(&mut self) -> Option<Event> {
        loop {
            while let Some(end) = self.buffer.windows(2).position(|pair| pair == b"\n\n") {
                let block: Vec<u8> = self.buffer.drain(..end + 2).collect();
                if let Some(event) = parse(&String::from_utf8(block).unwrap()) {
                    return Some(event);
                }
            }
            let chunk = timeout(PATIENCE, self.bytes.next()).await.expect("an event should come");
            self.buffer.extend(chunk?.ok()?);
        }
    }

    /// All events up to the first progress of a fit that has computed for this long.
    pub(crate) async fn until_computed(&mut self, seconds: f64) -> Vec<Event> {
        let mut seen = Vec::new();
        loop {
            let event = self.next().await.expect("the fit should still run; it is too short for this machine");
            let elapsed = event.data["elapsed_seconds"].as_f64();
            seen.push(event);
            if elapsed.is_some_and(|elapsed| elapsed > seconds) {
                return seen;
            }
        }
    }

    /// All events that are left.
    pub(crate) async fn rest(&mut self) -> Vec<Event> {
        let mut seen = Vec::new();
        while let Some(event) = self.next().await {
            seen.push(event);
        }
        seen
    }
}

fn parse(block: &str) -> Option<Event> {
    let field = |name: &str| block.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
    let kind = field("event:")?.to_owned();
    let data = serde_json::from_str(field("data:").unwrap()).unwrap();
    Some(Event { id: field("id:").unwrap().parse().unwrap(), kind, data })
}
