//! The calls to a service.

use std::time::Duration;

use reqwest::{Response, StatusCode};
use serde_json::Value;

use super::Fault;

/// Breaks of the connection in a row that a follower bears, and how long it waits after each.
const BREAKS_MAX: u32 = 30;
const PAUSE: Duration = Duration::from_secs(1);
/// Points of the history that the line of the loss is drawn from.
const POINTS: u64 = 400;

/// A service.
pub(super) struct Client {
    http: reqwest::Client,
    server: String,
}

/// What happens to a fit.
pub(super) enum Event {
    Progress(Value),
    /// The whole fit.
    End(Value),
}

impl Client {
    pub(super) fn new(server: &str) -> Result<Self, Fault> {
        if !server.starts_with("http://") {
            return Err(Fault::Asked(format!("{server}: the service's address begins with http://")));
        }
        let http = reqwest::Client::builder().no_proxy().build().map_err(|error| Fault::Service(error.to_string()))?;
        Ok(Self { http, server: server.trim_end_matches('/').to_owned() })
    }

    /// The answer, or the fault that the service tells.
    async fn answered(&self, request: reqwest::RequestBuilder) -> Result<Response, Fault> {
        let answer = request.send().await.map_err(|error| {
            let mut text = format!("{} does not answer", self.server);
            if let Some(cause) = innermost(&error) {
                text = format!("{text}: {cause}");
            }
            Fault::Service(text)
        })?;
        let status = answer.status();
        if status.is_success() {
            return Ok(answer);
        }
        let problem: Value = answer.json().await.unwrap_or_default();
        let text = faults(&problem).unwrap_or_else(|| format!("{} answers {status}", self.server));
        let is_asked = status.is_client_error() && status != StatusCode::TOO_MANY_REQUESTS;
        Err(if is_asked { Fault::Asked(text) } else { Fault::Service(text) })
    }

    async fn json(&self, request: reqwest::RequestBuilder) -> Result<Value, Fault> {
        let answer = self.answered(request).await?;
        answer.json().await.map_err(|error| Fault::Service(error.to_string()))
    }

    /// Posts a fit, and gives its id.
    pub(super) async fn create(&self, body: &Value) -> Result<String, Fault> {
        // Sent again with the same key, it makes no second fit.
        let key = uuid::Uuid::now_v7().to_string();
        let request = self.http.post(format!("{}/fits", self.server)).header("Idempotency-Key", key).json(body);
        let fit = self.json(request).await?;
        fit["id"].as_str().map(str::to_owned).ok_or_else(|| Fault::Service("the answer is no fit".to_owned()))
    }

    pub(super) async fn cancel(&self, id: &str) -> Result<(), Fault> {
        self.answered(self.http.post(format!("{}/fits/{id}/cancel", self.server))).await.map(drop)
    }

    /// The losses over the iterations, thinned.
    pub(super) async fn losses(&self, id: &str) -> Result<Vec<f64>, Fault> {
        let history = format!("{}/fits/{id}/history", self.server);
        let last = self.json(self.http.get(format!("{}/fits/{id}", self.server))).await?;
        let iterations = last["progress"]["iteration"].as_u64().unwrap_or(0);
        let every = (iterations / POINTS).max(1);
        let block = self.json(self.http.get(format!("{history}?every={every}"))).await?;
        Ok(block["loss"].as_array().into_iter().flatten().filter_map(Value::as_f64).collect())
    }

    pub(super) async fn picture(&self, id: &str, name: &str) -> Result<Vec<u8>, Fault> {
        let answer = self.answered(self.http.get(format!("{}/fits/{id}/plot/{name}", self.server))).await?;
        Ok(answer.bytes().await.map_err(|error| Fault::Service(error.to_string()))?.to_vec())
    }

    /// The fit's events.
    pub(super) fn follow(&self, id: &str) -> Events<'_> {
        let address = format!("{}/fits/{id}", self.server);
        Events { client: self, address, last: "0".to_owned(), stream: None, text: Vec::new(), breaks: 0 }
    }
}

/// A stream of events that is taken up again behind the last one that was seen, where it breaks.
pub(super) struct Events<'a> {
    client: &'a Client,
    address: String,
    last: String,
    stream: Option<Response>,
    text: Vec<u8>,
    breaks: u32,
}

impl Events<'_> {
    /// The next event. It may be dropped and called again.
    pub(super) async fn next(&mut self) -> Result<Event, Fault> {
        loop {
            while let Some(end) = self.text.windows(2).position(|pair| pair == b"\n\n") {
                let block: Vec<u8> = self.text.drain(..end + 2).collect();
                if let Some(event) = self.read(&String::from_utf8_lossy(&block)) {
                    return Ok(event);
                }
            }
            let Some(stream) = &mut self.stream else {
                let request = self.client.http.get(format!("{}/events", self.address));
                match self.client.answered(request.header("Last-Event-ID", &self.last)).await {
                    Ok(answer) => self.stream = Some(answer),
                    Err(fault @ Fault::Service(_)) if self.breaks >= BREAKS_MAX => return Err(fault),
                    Err(Fault::Service(_)) => self.pause().await,
                    Err(fault) => return Err(fault),
                }
                continue;
            };
            match stream.chunk().await {
                Ok(Some(chunk)) => {
                    self.breaks = 0;
                    self.text.extend_from_slice(&chunk);
                }
                Ok(None) | Err(_) => {
                    self.stream = None;
                    self.text.clear();
                    self.pause().await;
                }
            }
        }
    }

    async fn pause(&mut self) {
        self.breaks += 1;
        tokio::time::sleep(PAUSE).await;
    }

    fn read(&mut self, block: &str) -> Option<Event> {
        let field = |name: &str| block.lines().find_map(|line| line.strip_prefix(name));
        let (kind, data) = (field("event: ")?, serde_json::from_str(field("data: ")?).ok()?);
        field("id: ")?.clone_into(&mut self.last);
        match kind {
            "progress" => Some(Event::Progress(data)),
            "succeeded" | "failed" | "cancelled" => Some(Event::End(data)),
            _ => None,
        }
    }
}

/// All faults of a request, a line each.
fn faults(problem: &Value) -> Option<String> {
    let line = |fault: &Value| {
        let detail = fault["detail"].as_str()?;
        Some(fault["pointer"].as_str().map_or_else(|| detail.to_owned(), |pointer| format!("{pointer}: {detail}")))
    };
    match problem["errors"].as_array() {
        Some(errors) if !errors.is_empty() => {
            let lines: Vec<String> = errors.iter().filter_map(line).collect();
            Some(lines.join("\n"))
        }
        _ => line(problem),
    }
}

fn innermost(error: &dyn std::error::Error) -> Option<String> {
    let mut cause = error.source()?;
    while let Some(next) = cause.source() {
        cause = next;
    }
    Some(cause.to_string())
}
