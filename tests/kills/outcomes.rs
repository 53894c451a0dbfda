//! What each fit comes to when nothing happens to it.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::bodies::Body;
use crate::client::{Client, text};
use crate::process::Place;

/// How a fit ends, as text: equal means equal bit for bit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Outcome {
    pub(crate) status: String,
    pub(crate) result: String,
    pub(crate) history: String,
}

impl Outcome {
    pub(crate) fn new(fit: &Value, history: String) -> Self {
        let parts = [&fit["result"], &fit["error"]];
        Self { status: text(fit, "/status"), result: parts.map(Value::to_string).join("\n"), history }
    }
}

/// The outcomes of these bodies in a service of their own.
pub(crate) async fn undisturbed(bodies: &[Body], names: &BTreeSet<String>) -> BTreeMap<String, Outcome> {
    let place = Place::new();
    let service = place.serve(&["--workers", "2"]).await;
    let client = Client::new(service.address);
    let mut ids = Vec::new();
    for body in bodies.iter().filter(|body| names.contains(&body.name)) {
        let answer = client.post(body, None, 0).await.unwrap_or_else(|gone| panic!("{gone:?}"));
        assert_eq!(answer.status, 201, "{}: {}", body.name, answer.text);
        ids.push((body.name.clone(), text(&answer.json(), "/id")));
    }
    let mut outcomes = BTreeMap::new();
    for (name, id) in ids {
        let fit = client.ended(&id).await.unwrap_or_else(|gone| panic!("{gone:?}")).expect("it is there");
        let history = client.history(&id).await.unwrap_or_else(|gone| panic!("{gone:?}"));
        outcomes.insert(name, Outcome::new(&fit, history));
    }
    service.kill().await;
    outcomes
}
