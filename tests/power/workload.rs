//! A deterministic script of all that a client does, over several lives of the service. What the client is told goes to
//! the ledger; requests that are not answered well do no harm to the script, because faults are what it is for.

use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::{Value, json};

use crate::ledger::Ledger;
use crate::service::{Answer, Place, Service};
use crate::shim::{DEATH, Plan, kind};

/// Rows of data that do not fit into the database: 2 columns of 8 bytes, and more than 256 KiB.
const LARGE_ROWS: usize = 17_000;

/// A small fit that ends at once.
pub(crate) fn small(number: usize) -> Value {
    json!({
        "data": {"x": [0, 1, 2, 3], "y": [3.1, 7.9, 13.2, number]},
        "model": "linear",
        "labels": {"number": number.to_string()},
    })
}

/// A fit whose data goes to a file.
pub(crate) fn large(number: usize) -> Value {
    let x: Vec<usize> = (0..LARGE_ROWS).collect();
    let y: Vec<usize> = x.iter().map(|x| (x * 7 + number * 13) % 101).collect();
    json!({"data": {"x": x, "y": y}, "model": "linear"})
}

/// A fit that computes for so many seconds, with heartbeats.
pub(crate) fn lasting(number: usize, seconds: u64) -> Value {
    json!({
        "data": {"x": [0, 1, 2, 3], "y": [2.0, 8.1, 12.7, number]},
        "model": "linear",
        "optimizer": {"kind": "gradient_descent", "learning_rate": 1e-12},
        "stop": {"max_iterations": 10_000_000, "gradient_tolerance": 0, "loss_tolerance": 0, "max_seconds": seconds},
    })
}

/// A client that takes down what it is told.
pub(crate) struct Client<'p> {
    pub(crate) place: &'p Place,
    pub(crate) ledger: Ledger,
    /// The answers that were not a success, and the slowest one of all.
    pub(crate) refusals: Vec<Answer>,
    pub(crate) slowest: Duration,
}

impl<'p> Client<'p> {
    pub(crate) fn new(place: &'p Place) -> Self {
        Self { place, ledger: Ledger::default(), refusals: Vec::new(), slowest: Duration::ZERO }
    }

    fn seen(&mut self, answer: Option<Answer>) -> Option<Answer> {
        let answer = answer?;
        self.slowest = self.slowest.max(answer.took);
        if answer.status < 300 {
            return Some(answer);
        }
        self.refusals.push(answer);
        None
    }

    /// Creates a fit and gives its id.
    pub(crate) async fn create(&mut self, service: &Service, body: &Value, key: Option<&str>) -> Option<String> {
        let answer = service.ask(Method::POST, "/fits", Some(body), key).await;
        let answer = self.seen(answer)?;
        self.ledger.fit(&answer, key);
        Some(answer.body["id"].as_str()?.to_owned())
    }

    /// Creates a fit where nothing fails.
    async fn must_create(&mut self, service: &Service, body: &Value, key: Option<&str>) -> String {
        let created = self.create(service, body, key).await;
        created.unwrap_or_else(|| panic!("not created: {:?}; {}", self.refusals, service.log()))
    }

    /// Creates several at once, so that they share transactions.
    pub(crate) async fn create_together(&mut self, service: &Service, bodies: Vec<Value>) {
        let asked = bodies.iter().map(|body| service.ask(Method::POST, "/fits", Some(body), None));
        for answer in futures_util::future::join_all(asked).await {
            if let Some(answer) = self.seen(answer) {
                self.ledger.fit(&answer, None);
            }
        }
    }

    pub(crate) async fn read(&mut self, service: &Service, id: &str) -> Option<Value> {
        let answer = service.get(&format!("/fits/{id}")).await;
        let answer = self.seen(answer)?;
        self.ledger.fit(&answer, None);
        Some(answer.body)
    }

    pub(crate) async fn cancel(&mut self, service: &Service, id: &str) {
        let answer = service.ask(Method::POST, &format!("/fits/{id}/cancel"), None, None).await;
        if let Some(answer) = self.seen(answer) {
            self.ledger.cancelled(&answer);
        }
    }

    pub(crate) async fn delete(&mut self, service: &Service, id: &str) -> bool {
        self.ledger.removing(id, self.place.traced_bytes());
        let answer = service.ask(Method::DELETE, &format!("/fits/{id}"), None, None).await;
        let answer = self.seen(answer);
        answer.inspect(|answer| self.ledger.removed(id, answer)).is_some()
    }

    /// Reads a fit whose removal was not answered: it is there or gone.
    async fn look_for(&mut self, service: &Service, id: &str) {
        let Some(answer) = service.get(&format!("/fits/{id}")).await else { return };
        match answer.status {
            404 => self.ledger.removed(id, &answer),
            _ => self.ledger.fit(&answer, None),
        }
    }

    /// Waits until the fit is as `wanted`, or cannot be read any more; gives how it was last.
    pub(crate) async fn until(
        &mut self,
        service: &Service,
        id: &str,
        wanted: impl Fn(&Value) -> bool,
    ) -> Option<Value> {
        let deadline = Instant::now() + crate::service::PATIENCE;
        let mut path = format!("/fits/{id}");
        loop {
            let answer = service.get(&path).await?;
            if answer.status != 200 {
                return None;
            }
            self.ledger.fit(&answer, None);
            if wanted(&answer.body) {
                return Some(answer.body);
            }
            assert!(Instant::now() < deadline, "the fit does not get there: {}", answer.body);
            // Returns with the next change of status; progress is looked at once a second.
            path = format!("/fits/{id}?wait=1");
        }
    }

    pub(crate) async fn ended(&mut self, service: &Service, id: &str) -> Option<Value> {
        self.until(service, id, |fit| !["queued", "running"].contains(&fit["status"].as_str().unwrap_or_default()))
            .await
    }

    /// Reads every fit that should be there once it has ended.
    pub(crate) async fn all_ended(&mut self, service: &Service) {
        for id in self.ledger.present() {
            self.ended(service, &id).await;
        }
    }
}

/// The whole script: five lives, of which two end within a commit and one in the middle of everything.
pub(crate) async fn whole(client: &mut Client<'_>) {
    let place = client.place;

    let service = place.serve().await;
    let first = client.must_create(&service, &small(0), Some("first")).await;
    let with_file = client.must_create(&service, &large(1), Some("large")).await;
    let same_data = client.must_create(&service, &large(1), None).await;
    let lasting_one = client.must_create(&service, &lasting(1, 3), Some("lasting")).await;
    let to_cancel = client.must_create(&service, &lasting(2, 20), None).await;
    client.until(&service, &to_cancel, |fit| fit["status"] == "running").await;
    client.cancel(&service, &to_cancel).await;
    client.create_together(&service, (10..18).map(small).collect()).await;
    client.ended(&service, &first).await;
    client.delete(&service, &first).await;
    client.ended(&service, &with_file).await;
    client.delete(&service, &with_file).await;
    client.ended(&service, &same_data).await;
    client.delete(&service, &same_data).await;
    client.must_create(&service, &large(2), None).await;
    let queued = client.must_create(&service, &lasting(3, 2), None).await;
    client.until(&service, &lasting_one, |fit| fit["progress"]["elapsed_seconds"].as_f64() > Some(0.5)).await;
    // The process dies between the write of a commit and its sync; what it wrote may be lost or not.
    place.control.fail(Plan { from: 0, to: i64::MAX, kinds: kind::SYNC, errno: DEATH });
    client.create(&service, &small(20), Some("in-between")).await;
    service.kill().await;
    place.control.heal();

    let service = place.serve().await;
    client.all_of(&service, [&lasting_one, &queued]).await;
    client.must_create(&service, &small(20), Some("in-between")).await;
    let again = client.must_create(&service, &lasting(1, 3), Some("lasting")).await;
    assert_eq!(again, lasting_one, "a key made a second fit");
    let cancelled_at_once = client.must_create(&service, &lasting(4, 30), None).await;
    client.cancel(&service, &cancelled_at_once).await;
    client.create_together(&service, vec![large(3), small(21), large(4), small(22)]).await;
    let going = client.must_create(&service, &lasting(5, 4), None).await;
    client.until(&service, &going, |fit| fit["progress"]["elapsed_seconds"].as_f64() > Some(0.3)).await;
    service.kill().await;

    let service = place.serve().await;
    client.all_of(&service, [&going, &lasting_one]).await;
    client.create_together(&service, (30..34).map(small).collect()).await;
    client.until(&service, &going, |fit| fit["progress"]["elapsed_seconds"].as_f64() > Some(1.0)).await;
    let _ = service.terminate().await;

    let service = place.serve().await;
    client.all_ended(&service).await;
    let present = client.ledger.present();
    // The process dies within a removal, between write and sync. What the next one tells of it has to be true for ever,
    // though it has nothing to write itself.
    place.control.fail(Plan { from: 0, to: i64::MAX, kinds: kind::SYNC, errno: DEATH });
    assert!(!client.delete(&service, &present[1]).await);
    service.kill().await;
    place.control.heal();

    let service = place.serve().await;
    client.look_for(&service, &present[1]).await;
    for id in present.iter().step_by(3) {
        client.delete(&service, id).await;
    }
    client.must_create(&service, &large(5), Some("last")).await;
    client.all_ended(&service).await;
    assert!(service.terminate().await.success());
}

/// A life's worth of everything, short enough to be run hundreds of times, whatever fails.
pub(crate) async fn brief(client: &mut Client<'_>, service: &Service) {
    let first = client.create(service, &small(0), Some("first")).await;
    let with_file = client.create(service, &large(1), Some("large")).await;
    let going = client.create(service, &lasting(1, 1), None).await;
    let to_cancel = client.create(service, &lasting(2, 20), None).await;
    client.create_together(service, vec![small(1), large(2), small(3)]).await;
    if let Some(id) = first {
        client.ended(service, &id).await;
        client.delete(service, &id).await;
    }
    if let Some(id) = to_cancel {
        client.read(service, &id).await;
        client.cancel(service, &id).await;
    }
    if let Some(id) = with_file {
        client.ended(service, &id).await;
        client.delete(service, &id).await;
    }
    if let Some(id) = going {
        client.ended(service, &id).await;
    }
    client.all_ended(service).await;
}

impl Client<'_> {
    async fn all_of<const N: usize>(&mut self, service: &Service, ids: [&String; N]) {
        for id in ids {
            self.read(service, id).await;
        }
    }
}
