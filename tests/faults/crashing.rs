//! `kill -9`: what was acknowledged is there again, and a fit goes on as if nothing had happened.

use serde_json::{Value, json};

use crate::client::{long_fit, undisturbed};
use crate::process::Place;

#[tokio::test(flavor = "multi_thread")]
async fn a_fit_that_is_killed_in_the_middle_ends_with_the_same_bits() {
    let place = Place::new();
    let service = place.serve().await;
    let id = service.create(&long_fit()).await;
    let mut events = service.events(&id, None).await;
    // Heartbeats come every 0.4 s here, so several are stored by now.
    let mut seen = events.until_computed(1.5).await;
    service.kill().await;
    seen.extend(events.rest().await);
    let last = seen.last().unwrap().clone();
    let reached = last.data["iteration"].as_u64().expect("the last event before the kill is progress");

    let service = place.serve().await;
    let mut after = service.events(&id, Some(last.id)).await.rest().await;
    assert_eq!(after.last().unwrap().kind, "succeeded");
    assert_eq!(after.last().unwrap().data["attempt"], 2);
    assert!(after.iter().any(|event| event.kind == "started"), "the second start is an event");
    let resumed = after.iter().find(|event| event.kind == "progress").expect("progress after the restart");
    assert!(resumed.data["iteration"].as_u64().unwrap() > reached / 2, "it began again instead of going on");
    seen.append(&mut after);
    assert!(seen.windows(2).all(|pair| pair[0].id < pair[1].id), "event ids grow over both lives");

    assert_eq!(service.fit(&id).await["attempt"], 2);
    let (result, history) = service.outcome(&id).await;
    service.kill().await;
    let (expected_result, expected_history) = undisturbed().await;
    assert_eq!(result, expected_result);
    assert!(history == expected_history, "a point of the history has other bits");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_acknowledged_survives_and_keys_still_count() {
    let body = |number: usize| {
        json!({
            "data": {"x": [0, 1, 2, 3], "y": [3.1, 7.9, 13.2, number]},
            "model": "linear",
            "labels": {"number": number.to_string()},
        })
    };
    let key = |number: usize| number.is_multiple_of(3).then(|| format!("fault-{number}"));
    let place = Place::new();
    let service = place.serve().await;
    let mut ids = Vec::new();
    for number in 0..30 {
        let request = service.post(&body(number));
        let request = match key(number) {
            Some(key) => request.header("Idempotency-Key", key),
            None => request,
        };
        let response = service.send(request).await;
        assert_eq!(response.status(), 201);
        ids.push(response.json::<Value>().await.unwrap()["id"].as_str().unwrap().to_owned());
    }
    service.kill().await;

    let service = place.serve().await;
    for (number, id) in ids.iter().enumerate() {
        let fit = service.finished(id).await;
        assert_eq!(fit["status"], "succeeded", "{fit}");
        assert_eq!(fit["labels"]["number"], number.to_string());
        if let Some(key) = key(number) {
            let response = service.send(service.post(&body(number)).header("Idempotency-Key", key)).await;
            assert_eq!(response.headers()["idempotency-replayed"], "true");
            assert_eq!(response.json::<Value>().await.unwrap()["id"], **id);
        }
    }
    let all: Value = serde_json::from_str(&service.text("/fits?limit=1000", "application/json").await).unwrap();
    assert_eq!(all["data"].as_array().unwrap().len(), ids.len(), "a replay makes no fit");
}
