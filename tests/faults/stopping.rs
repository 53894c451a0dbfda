//! SIGTERM: streams end, running fits are put back where they stand, the store is let go, and a second one does not wait.

use std::time::{Duration, Instant};

use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use crate::client::{long_fit, undisturbed};
use crate::process::Place;

/// What an orderly end may take.
const END_MAX: Duration = Duration::from_secs(10);

#[tokio::test(flavor = "multi_thread")]
async fn a_termination_puts_a_running_fit_back_and_the_next_start_finishes_it_with_the_same_bits() {
    let place = Place::new();
    let mut service = place.serve().await;
    let id = service.create(&long_fit()).await;
    let (mut one, mut two) = (service.events(&id, None).await, service.events(&id, None).await);
    one.until_computed(1.0).await;
    let before = two.until_computed(1.0).await.last().unwrap().clone();

    let asked = Instant::now();
    service.terminate().await;
    let (rest, _) = tokio::join!(one.rest(), two.rest());
    assert!(rest.iter().all(|event| event.kind != "succeeded"), "the fit was too short for this machine");
    assert_eq!(service.exit().await.code(), Some(0));
    assert!(asked.elapsed() < END_MAX, "it took {:?}", asked.elapsed());

    // The lock is free, or this would not start.
    let service = place.serve().await;
    let found = service.fit(&id).await;
    assert!(["queued", "running"].contains(&found["status"].as_str().unwrap()), "{found}");
    let progress = found["progress"]["iteration"].as_u64().unwrap();
    assert!(progress >= before.data["iteration"].as_u64().unwrap(), "it was put back behind where it stood");
    let (result, history) = service.outcome(&id).await;
    assert_eq!(service.fit(&id).await["attempt"], 2);
    service.kill().await;
    let (expected_result, expected_history) = undisturbed().await;
    assert_eq!(result, expected_result);
    assert!(history == expected_history, "a point of the history has other bits");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_termination_ends_at_once() {
    let place = Place::new();
    let mut service = place.serve().await;
    let id = service.create(&long_fit()).await;
    // A request whose body does not come keeps the first one waiting.
    let mut stalled = TcpStream::connect(service.address).await.unwrap();
    let head = "POST /fits HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nExpect: 100-continue\r\n\
                Content-Length: 100\r\n\r\n";
    stalled.write_all(head.as_bytes()).await.unwrap();
    // The answer to the expectation says that the body is being waited for.
    stalled.readable().await.unwrap();
    service.terminate().await;
    service.logged("stopping").await;
    service.terminate().await;
    assert_eq!(service.exit().await.code(), Some(130));

    let service = place.serve().await;
    service.outcome(&id).await;
}
