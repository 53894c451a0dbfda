//! A reader of server-sent events, as strict as the stories need it.

use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use reqwest::StatusCode;
use serde_json::Value;

use crate::app::PATIENCE;
use crate::contract::Contract;

/// One event.
#[derive(Clone, Debug)]
pub(crate) struct Event {
    pub(crate) id: u64,
    pub(crate) kind: String,
    pub(crate) data: Value,
}

/// The events of an answer, read as they come.
pub(crate) struct EventStream {
    pub(crate) status: StatusCode,
    bytes: BoxStream<'static, Vec<u8>>,
    buffer: Vec<u8>,
}

impl EventStream {
    /// Reads the body of this response.
    pub(crate) fn new(response: reqwest::Response) -> Self {
        let status = response.status();
        let bytes = response.bytes_stream().map(|chunk| chunk.unwrap().to_vec()).boxed();
        Self { status, bytes, buffer: Vec::new() }
    }

    /// A stream that never was: the answer had another status than 200.
    pub(crate) fn refused(status: StatusCode) -> Self {
        Self { status, bytes: futures_util::stream::empty().boxed(), buffer: Vec::new() }
    }

    /// The next event, its data held against the contract; nothing at the end of the stream.
    pub(crate) async fn next(&mut self) -> Option<Event> {
        loop {
            while let Some(end) = self.buffer.windows(2).position(|pair| pair == b"\n\n") {
                let block: Vec<u8> = self.buffer.drain(..end + 2).collect();
                if let Some(event) = parse(&String::from_utf8(block).unwrap()) {
                    return Some(event);
                }
            }
            let chunk = tokio::time::timeout(PATIENCE, self.bytes.next()).await.expect("an event should come");
            self.buffer.extend(chunk?);
        }
    }

    /// All events to the end of the stream.
    pub(crate) async fn rest(&mut self) -> Vec<Event> {
        let mut events = Vec::new();
        while let Some(event) = self.next().await {
            events.push(event);
        }
        events
    }
}

/// An event, or nothing for a block that only has comments or `retry`.
fn parse(block: &str) -> Option<Event> {
    let field = |name: &str| {
        let found: Vec<_> = block.lines().filter_map(|line| line.strip_prefix(name)).map(str::trim_start).collect();
        assert!(found.len() <= 1, "one line of {name} an event: {block}");
        found.first().map(|text| (*text).to_owned())
    };
    let kind = field("event:")?;
    let id = field("id:").unwrap().parse().unwrap();
    let data: Value = serde_json::from_str(&field("data:").unwrap()).unwrap();
    let schema = match kind.as_str() {
        "queued" | "started" => "LifecycleEvent",
        "progress" => "Progress",
        "snapshot" | "succeeded" | "failed" | "cancelled" => "Fit",
        other => panic!("{other} is not an event"),
    };
    Contract::get().check_schema(schema, &data);
    Some(Event { id, kind, data })
}
