//! The service as the stories see it: started in this process on a free port, one method an endpoint.

use std::net::SocketAddr;
use std::time::Duration;

use clap::Parser;
use reqwest::{Method, RequestBuilder, StatusCode, header};
use serde_json::{Value, json};
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::contract::Contract;
use crate::events::EventStream;

/// How long a story waits for something that should come at once.
pub(crate) const PATIENCE: Duration = Duration::from_secs(120);

/// A running service. It stops when this is dropped.
pub(crate) struct App {
    pub(crate) address: SocketAddr,
    client: reqwest::Client,
    _stop: DropGuard,
}

/// The service with a store in memory and everything else by default.
pub(crate) async fn spawn_app() -> App {
    spawn_app_with(&[]).await
}

/// The same with more flags of `fitd serve`.
pub(crate) async fn spawn_app_with(flags: &[&str]) -> App {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let mut line = vec!["fitd", "--listen", "127.0.0.1:0"];
    if !flags.contains(&"--store") {
        line.extend(["--store", "memory:"]);
    }
    line.extend(flags);
    let config = fitd::config::Config::parse_from(line);
    let stop = CancellationToken::new();
    tokio::spawn(fitd::serve::run(listener, config, stop.clone()));
    App { address, client: reqwest::Client::new(), _stop: stop.drop_guard() }
}

/// A whole answer.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: header::HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    /// The body as JSON.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("no JSON: {}", self.text()))
    }

    /// The body as text.
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// A header's value, or nothing.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    /// This answer, if it has this status.
    #[track_caller]
    pub(crate) fn expect(self, status: u16) -> Self {
        assert_eq!(self.status.as_u16(), status, "{}", self.text());
        self
    }

    /// This problem's `code`, if the answer has this status.
    #[track_caller]
    pub(crate) fn problem(self, status: u16) -> String {
        self.expect(status).json()["code"].as_str().unwrap().to_owned()
    }
}

impl App {
    /// A request to build on; `path` may have a query.
    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("http://{}{path}", self.address))
    }

    /// Sends a request, reads the whole answer and holds it against the contract.
    pub(crate) async fn send(&self, request: RequestBuilder) -> Answer {
        let request = request.build().unwrap();
        let (method, path) = (request.method().clone(), request.url().path().to_owned());
        let response = self.client.execute(request).await.unwrap();
        let (status, headers) = (response.status(), response.headers().clone());
        let body = response.bytes().await.unwrap().to_vec();
        let answer = Answer { status, headers, body };
        Contract::get().check(&method, &path, &answer);
        answer
    }

    /// `GET` of any path.
    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send(self.request(Method::GET, path)).await
    }

    /// `POST /fits`.
    pub(crate) async fn post_fit(&self, body: &Value) -> Answer {
        self.send(self.request(Method::POST, "/fits").json(body)).await
    }

    /// `POST /fits` with one more header.
    pub(crate) async fn post_fit_with(&self, header: (&str, &str), body: &Value) -> Answer {
        self.send(self.request(Method::POST, "/fits").header(header.0, header.1).json(body)).await
    }

    /// `POST /fits?dry_run=true`.
    pub(crate) async fn dry_run(&self, body: &Value) -> Answer {
        self.send(self.request(Method::POST, "/fits?dry_run=true").json(body)).await
    }

    /// `GET /fits/{id}`.
    pub(crate) async fn fit(&self, id: &str) -> Answer {
        self.get(&format!("/fits/{id}")).await
    }

    /// `GET /fits` with a query such as `limit=2`.
    pub(crate) async fn list(&self, query: &str) -> Answer {
        self.get(&format!("/fits?{query}")).await
    }

    /// `POST /fits/{id}/cancel`.
    pub(crate) async fn cancel(&self, id: &str) -> Answer {
        self.send(self.request(Method::POST, &format!("/fits/{id}/cancel"))).await
    }

    /// `DELETE /fits/{id}`.
    pub(crate) async fn delete(&self, id: &str) -> Answer {
        self.send(self.request(Method::DELETE, &format!("/fits/{id}"))).await
    }

    /// `GET /fits/{id}/history` with a query.
    pub(crate) async fn history(&self, id: &str, query: &str) -> Answer {
        self.get(&format!("/fits/{id}/history?{query}")).await
    }

    /// `GET /fits/{id}/history` as CSV.
    pub(crate) async fn history_csv(&self, id: &str, query: &str) -> Answer {
        let path = format!("/fits/{id}/history?{query}");
        self.send(self.request(Method::GET, &path).header(header::ACCEPT, "text/csv")).await
    }

    /// `POST /fits/{id}/predict`.
    pub(crate) async fn predict(&self, id: &str, body: &Value) -> Answer {
        self.send(self.request(Method::POST, &format!("/fits/{id}/predict")).json(body)).await
    }

    /// `GET /fits/{id}/events`, the answer's head checked and its events to be read one by one.
    pub(crate) async fn events(&self, id: &str, last_event_id: Option<&str>) -> EventStream {
        let path = format!("/fits/{id}/events");
        let mut request = self.request(Method::GET, &path);
        if let Some(last) = last_event_id {
            request = request.header("Last-Event-ID", last);
        }
        let response = request.send().await.unwrap();
        let (status, headers) = (response.status(), response.headers().clone());
        let streams = status == StatusCode::OK;
        let (stream, body) = if streams {
            (EventStream::new(response), Vec::new())
        } else {
            (EventStream::refused(status), response.bytes().await.unwrap().to_vec())
        };
        Contract::get().check(&Method::GET, &path, &Answer { status, headers, body });
        stream
    }

    /// Posts a fit and gives its id.
    pub(crate) async fn started(&self, body: &Value) -> String {
        id_of(&self.post_fit(body).await.expect(201).json())
    }

    /// Posts a fit and waits for its end.
    pub(crate) async fn fitted(&self, body: &Value) -> Value {
        let fit = self.post_fit_with(("Prefer", "wait=60"), body).await.expect(201).json();
        self.finished(&id_of(&fit)).await
    }

    /// The fit, as soon as it is terminal.
    pub(crate) async fn finished(&self, id: &str) -> Value {
        let waiting = async {
            loop {
                let fit = self.get(&format!("/fits/{id}?wait=60")).await.expect(200).json();
                if matches!(fit["status"].as_str(), Some("succeeded" | "failed" | "cancelled")) {
                    break fit;
                }
            }
        };
        tokio::time::timeout(PATIENCE, waiting).await.expect("the fit should end")
    }
}

/// A fit's id.
pub(crate) fn id_of(fit: &Value) -> String {
    fit["id"].as_str().unwrap().to_owned()
}

/// One of `examples/`.
pub(crate) fn example(name: &str) -> Value {
    let path = format!("{}/examples/{name}.json", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

/// The smallest fit there is: four points and a line.
pub(crate) fn small_fit() -> Value {
    json!({"data": {"x": [0, 1, 2, 3], "y": [3.1, 7.9, 13.2, 17.8]}, "model": "linear"})
}

/// The same with a label.
pub(crate) fn labelled(key: &str, value: &str) -> Value {
    let mut fit = small_fit();
    fit["labels"] = json!({key: value});
    fit
}
