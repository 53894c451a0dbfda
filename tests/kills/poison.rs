//! Fits that break what runs them: one that takes its process with it each time, and one with a fault of its own.

use serde_json::{Value, json};

use crate::bodies::{self, Body, Size};
use crate::client::{Client, text};
use crate::process::{End, Launch, Place};

/// What the client sees of a fit; the service must be there.
async fn fit(client: &Client, id: &str) -> Value {
    client.get(&format!("/fits/{id}")).await.unwrap().json()
}

async fn create(client: &Client, body: &Body) -> String {
    let answer = client.post(body, None, 0).await.unwrap();
    assert_eq!(answer.status, 201, "{}", answer.text);
    text(&answer.json(), "/id")
}

fn small() -> Vec<Body> {
    bodies::all().into_iter().filter(|body| body.name.starts_with("line-")).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fit_that_takes_its_process_with_it_three_times_fails_and_all_others_live_on() {
    let place = Place::new();
    let one = Launch::with(&["--workers", "1"]);
    // The first life stops where the fit begins, so that the others are posted behind it.
    let service = place.start(&one.clone().failing("run.begun=pause")).serve().await.unwrap();
    let client = Client::new(service.address);
    let bodies = small();
    let pill = create(&client, &bodies[0]).await;
    let mut others = Vec::new();
    for body in &bodies[1..] {
        others.push(create(&client, body).await);
    }
    let mut events = client.events(&pill, None).await.unwrap().unwrap();
    while events.next().await.expect("the fit starts").kind != "started" {}
    assert_eq!(service.kill().await, End::Killed);

    for _ in 1..3 {
        let end = match place.start(&one.clone().failing("run.begun=return")).serve().await {
            Ok(service) => service.exit().await,
            Err(end) => end,
        };
        assert_eq!(end, End::Aborted);
    }
    // The next start gives the fit up instead of running it.
    let service = place.start(&one).serve().await.unwrap();
    let client = Client::new(service.address);
    let failed = fit(&client, &pill).await;
    assert_eq!(failed["status"], "failed", "{failed}");
    assert_eq!(failed["error"]["code"], "worker_lost", "{failed}");
    assert_eq!(failed["attempt"], 3);
    for id in &others {
        let other = client.ended(id).await.unwrap().expect("it was acknowledged");
        assert_eq!((&other["status"], &other["attempt"]), (&json!("succeeded"), &json!(1)), "{other}");
    }
    service.kill().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fault_in_a_fit_fails_it_alone_and_the_pool_keeps_its_size() {
    let place = Place::new();
    let two = Launch::with(&["--workers", "2"]).failing("run.begun=1*panic");
    let service = place.start(&two).serve().await.unwrap();
    let client = Client::new(service.address);
    let faulty = create(&client, &small()[0]).await;
    let failed = client.ended(&faulty).await.unwrap().expect("it was acknowledged");
    assert_eq!(failed["status"], "failed", "{failed}");
    assert_eq!(failed["error"]["code"], "internal", "{failed}");
    assert!(!text(&failed, "/error/incident").is_empty());

    // Two fits run at once afterwards: each has begun before either has ended.
    let long: Vec<_> = bodies::all().into_iter().filter(|body| body.size == Size::Long).take(2).collect();
    let (one, two) = (create(&client, &long[0]).await, create(&client, &long[1]).await);
    for id in [&one, &two] {
        let mut events = client.events(id, None).await.unwrap().unwrap();
        while events.next().await.expect("the fit runs").kind != "progress" {}
    }
    let both = [fit(&client, &one).await, fit(&client, &two).await];
    assert!(both.iter().all(|fit| fit["status"] == "running"), "{} {}", both[0]["status"], both[1]["status"]);
    for id in [&one, &two] {
        client.cancel(id).await.unwrap();
    }
    // The same fit again has no fault.
    let again = create(&client, &small()[0]).await;
    assert_eq!(client.ended(&again).await.unwrap().unwrap()["status"], "succeeded");
    service.kill().await;
}
