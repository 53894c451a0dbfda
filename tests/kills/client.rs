//! A client whose server may be gone at any moment: what is not answered is no error but a fact.

use std::net::SocketAddr;

use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use reqwest::{Method, RequestBuilder};
use serde_json::Value;
use sha2::{Digest, Sha256};
use tokio::time::timeout;

use crate::bodies::Body;
use crate::process::PATIENCE;

/// The server went away before its answer was whole.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Gone;

/// An answer.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) replayed: bool,
    pub(crate) text: String,
}

/// One event of a fit.
#[derive(Clone, Debug)]
pub(crate) struct Event {
    pub(crate) id: u64,
    pub(crate) kind: String,
    pub(crate) data: Value,
}

/// Connections to one life of the service.
#[derive(Clone)]
pub(crate) struct Client {
    address: SocketAddr,
    http: reqwest::Client,
}

/// A fit's events as they come.
pub(crate) struct Events {
    bytes: BoxStream<'static, reqwest::Result<Vec<u8>>>,
    buffer: Vec<u8>,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {}", self.text))
    }
}

impl Client {
    pub(crate) fn new(address: SocketAddr) -> Self {
        Self { address, http: reqwest::Client::new() }
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("http://{}{path}", self.address))
    }

    async fn ask(request: RequestBuilder) -> Result<Answer, Gone> {
        let asked = async {
            let response = request.send().await.map_err(|_| Gone)?;
            let replayed = response.headers().contains_key("idempotency-replayed");
            let status = response.status().as_u16();
            Ok(Answer { status, replayed, text: response.text().await.map_err(|_| Gone)? })
        };
        timeout(PATIENCE, asked).await.expect("an answer or the end of the server should come")
    }

    pub(crate) async fn post(&self, body: &Body, key: Option<&str>, number: u64) -> Result<Answer, Gone> {
        let request = self.request(Method::POST, "/fits").header("Content-Type", "application/json");
        let request = key.into_iter().fold(request, |request, key| request.header("Idempotency-Key", key));
        Self::ask(request.body(body.posted(key, number))).await
    }

    pub(crate) async fn get(&self, path: &str) -> Result<Answer, Gone> {
        Self::ask(self.request(Method::GET, path)).await
    }

    pub(crate) async fn cancel(&self, id: &str) -> Result<Answer, Gone> {
        Self::ask(self.request(Method::POST, &format!("/fits/{id}/cancel"))).await
    }

    pub(crate) async fn delete(&self, id: &str) -> Result<Answer, Gone> {
        Self::ask(self.request(Method::DELETE, &format!("/fits/{id}"))).await
    }

    /// The fit once it has ended; nothing if there is none.
    pub(crate) async fn ended(&self, id: &str) -> Result<Option<Value>, Gone> {
        loop {
            let answer = self.get(&format!("/fits/{id}?wait=60")).await?;
            if answer.status == 404 {
                return Ok(None);
            }
            assert_eq!(answer.status, 200, "{}", answer.text);
            let fit = answer.json();
            if is_terminal(&fit) {
                return Ok(Some(fit));
            }
        }
    }

    /// The whole history, as text.
    pub(crate) async fn history(&self, id: &str) -> Result<String, Gone> {
        let request = self.request(Method::GET, &format!("/fits/{id}/history?limit=1000000"));
        let answer = Self::ask(request.header("Accept", "text/csv")).await?;
        assert_eq!(answer.status, 200, "{}", answer.text);
        Ok(answer.text)
    }

    /// Every fit that is listed.
    pub(crate) async fn list(&self, query: &str) -> Result<Vec<Value>, Gone> {
        let mut all = Vec::new();
        let mut path = format!("/fits?limit=200&{query}");
        loop {
            let page = self.get(&path).await?.json();
            all.extend(page["data"].as_array().unwrap_or_else(|| panic!("{page}")).iter().cloned());
            let Some(next) = page["next"].as_str() else { return Ok(all) };
            path = format!("/fits?limit=200&{query}&after={next}");
        }
    }

    /// The events behind this id. The error is a status without a stream.
    pub(crate) async fn events(&self, id: &str, after: Option<u64>) -> Result<Result<Events, u16>, Gone> {
        let request = self.request(Method::GET, &format!("/fits/{id}/events"));
        let request = after.iter().fold(request, |request, after| request.header("Last-Event-ID", after.to_string()));
        let response = timeout(PATIENCE, request.send()).await.expect("a stream should begin").map_err(|_| Gone)?;
        if response.status() != 200 {
            return Ok(Err(response.status().as_u16()));
        }
        let bytes = response.bytes_stream().map(|chunk| chunk.map(|bytes| bytes.to_vec())).boxed();
        Ok(Ok(Events { bytes, buffer: Vec::new() }))
    }
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
}

fn parse(block: &str) -> Option<Event> {
    let field = |name: &str| block.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
    let kind = field("event:")?.to_owned();
    let data = serde_json::from_str(field("data:").unwrap()).unwrap();
    Some(Event { id: field("id:").unwrap().parse().unwrap(), kind, data })
}

pub(crate) fn is_terminal(fit: &Value) -> bool {
    fit["status"].as_str().is_some_and(|status| ["succeeded", "failed", "cancelled"].contains(&status))
}

/// A string of a document.
pub(crate) fn text(document: &Value, pointer: &str) -> String {
    let found = document.pointer(pointer).and_then(Value::as_str);
    found.unwrap_or_else(|| panic!("no {pointer} in {document}")).to_owned()
}

/// What stands for a document: equal digests are equal bytes.
pub(crate) fn digest(text: &str) -> String {
    Sha256::digest(text.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}
