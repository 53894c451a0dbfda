//! A cancel that races the end of its fit, many times: one of them wins, and every reader sees the same winner for ever.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout_at};

use crate::bodies::{Body, Size};
use crate::client::{Client, digest, is_terminal, text};
use crate::dice::Dice;
use crate::figures::{self, number};
use crate::process::Place;

const RACES_QUICK: u64 = 500;
const RACERS: u64 = 6;
/// Iterations that take a few milliseconds.
const ITERATIONS: u64 = 4_000;
/// The head start that the first fit gets, and by how much it grows where the cancel wins and shrinks where the fit does.
const HEAD_START: Duration = Duration::from_millis(10);
const HEAD_START_FACTOR: f64 = 1.2;

/// A line that is descended on so slowly that it never converges.
fn body() -> Body {
    let x: Vec<f64> = (0..40).map(f64::from).collect();
    let y: Vec<f64> = x.iter().map(|x| 2.0 * x + (x * 7.0).sin()).collect();
    let fit = json!({
        "data": {"x": x, "y": y},
        "model": "linear",
        "loss": "log_cosh",
        "optimizer": {"kind": "gradient_descent", "learning_rate": 1e-6},
        "stop": {"max_iterations": ITERATIONS, "gradient_tolerance": 0},
    });
    let text = fit.to_string();
    Body { name: "race".to_owned(), size: Size::Small, optimizer: "gradient_descent".to_owned(), text }
}

/// One race; gives the fit as it ended.
async fn race(client: &Client, body: &Body, head_start: Duration) -> (String, Value) {
    let created = client.post(body, None, 0).await.unwrap();
    assert_eq!(created.status, 201, "{}", created.text);
    let id = text(&created.json(), "/id");
    let start = Instant::now() + head_start;
    let follow = async {
        let mut events = client.events(&id, None).await.unwrap().unwrap();
        let mut last = None;
        while let Some(event) = events.next().await {
            last = Some(event);
        }
        last.expect("a stream has an end")
    };
    let cancel = async {
        // The head start: nothing comes meanwhile.
        let _ = timeout_at(start, std::future::pending::<()>()).await;
        client.cancel(&id).await.unwrap()
    };
    let wait = client.ended(&id);
    let (told, replied, waited) = tokio::join!(follow, cancel, wait);
    let waited = waited.unwrap().expect("it is there");
    let replied = replied.json();
    assert_eq!(told.data, waited, "the stream and the waiting reader differ");
    assert_eq!(told.kind, text(&waited, "/status"));
    if is_terminal(&replied) {
        assert_eq!(replied, waited, "the cancel was answered with another end");
    } else {
        assert_eq!(waited["status"], "cancelled", "the cancel was acknowledged");
    }
    (id, waited)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancel_that_races_the_end_has_one_winner_and_all_readers_see_it() {
    let races = number("FITD_RACES", RACES_QUICK);
    let place = Place::new();
    let service = place.serve(&["--workers", "2"]).await;
    let client = Client::new(service.address);
    let left = Arc::new(AtomicU64::new(races));
    let dice = Dice::new(number("FITD_KILLS_SEED", 1));
    let mut racers = JoinSet::new();
    for racer in 0..RACERS {
        let (client, left, mut dice, body) = (client.clone(), left.clone(), dice.fork(racer), body());
        racers.spawn(async move {
            let (mut ended, mut head_start) = (Vec::new(), HEAD_START);
            while left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_ok() {
                // Around where both win equally often.
                let (id, fit) = race(&client, &body, head_start.mul_f64(0.5 + dice.unit())).await;
                let status = text(&fit, "/status");
                let factor = if status == "cancelled" { HEAD_START_FACTOR } else { 1.0 / HEAD_START_FACTOR };
                head_start = head_start.mul_f64(factor).clamp(HEAD_START / 100, HEAD_START * 100);
                ended.push((id, status, digest(&fit.to_string())));
            }
            ended
        });
    }
    let mut ended = BTreeMap::new();
    while let Some(some) = racers.join_next().await {
        ended.extend(some.unwrap().into_iter().map(|(id, status, digest)| (id, (status, digest))));
    }
    service.kill().await;
    // For ever: also in another life.
    let service = place.serve(&["--workers", "2"]).await;
    let client = Client::new(service.address);
    let mut seen = 0;
    for fit in client.list("").await.unwrap() {
        let (status, before) = &ended[&text(&fit, "/id")];
        assert_eq!((&text(&fit, "/status"), &digest(&fit.to_string())), (status, before));
        seen += 1;
    }
    service.kill().await;
    assert_eq!(seen, races);
    let won = |status: &str| ended.values().filter(|(other, _)| other == status).count();
    let (cancels, ends) = (won("cancelled"), won("succeeded"));
    figures::print("cancel races", format!("{races}: {cancels} cancelled, {ends} succeeded, all readers agree"));
    assert_eq!((cancels + ends) as u64, races);
    assert!(cancels.min(ends) as u64 >= races / 10, "it was no race: {cancels} against {ends}");
}
