//! Two stories of a disk: it fills up, is lived with, and gets space again; and its syncs fail.

use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::Value;

use crate::faults::{RECOVERY, SOON, is_io, restarted};
use crate::service::Place;
use crate::shim::{EIO, Plan, kind};
use crate::workload::{Client, large, lasting, small};

/// What is free when the story begins: a few large fits.
const FREE_BYTES: i64 = 1 << 20;
/// More than that many fits do not fit in.
const FITS_MAX: usize = 2_000;

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_is_refused_lived_with_and_recovered_from() {
    let place = Place::new();
    let mut client = Client::new(&place);
    let service = place.serve().await;
    let going = client.create(&service, &lasting(1, 8), None).await.unwrap();
    let first = client.create(&service, &large(1), None).await.unwrap();
    let second = client.create(&service, &small(1), Some("second")).await.unwrap();
    client.ended(&service, &first).await.unwrap();
    client.ended(&service, &second).await.unwrap();

    // Large ones until one does not fit, then small ones, which find room for a while.
    place.control.limit(FREE_BYTES);
    for number in 0..FITS_MAX {
        if client.create(&service, &large(10 + number), None).await.is_none() {
            break;
        }
    }
    for number in 0..FITS_MAX {
        if client.create(&service, &small(10 + number), None).await.is_none() {
            break;
        }
    }
    assert!(place.control.refused() > 0, "the disk was never full");
    assert_eq!(client.refusals.len(), 2, "both kinds are refused");
    for refusal in &client.refusals {
        assert_eq!((refusal.status, &refusal.body["code"]), (507, &Value::from("storage_full")), "{}", refusal.body);
        assert!(refusal.took <= SOON, "{:?}", refusal.took);
    }
    let slowest = client.refusals.iter().map(|refusal| refusal.took).max().unwrap();
    println!("figure: refusal on a full disk | {:.3} s", slowest.as_secs_f64());

    // Reads answer, a running fit computes on, and a fit can be removed.
    assert_eq!(service.get("/fits?limit=1000").await.unwrap().status, 200);
    assert_eq!(service.get("/livez").await.unwrap().status, 200);
    assert_eq!(client.read(&service, &second).await.unwrap()["status"], "succeeded");
    let iteration = |fit: &Value| fit["progress"]["iteration"].as_u64().unwrap_or(0);
    let before = iteration(&client.read(&service, &going).await.unwrap());
    let grown = client.until(&service, &going, |fit| iteration(fit) > before).await.unwrap();
    assert_eq!(grown["status"], "running", "{grown}");
    assert!(client.delete(&service, &first).await, "{:?}", client.refusals.last());
    assert_eq!(service.get(&format!("/fits/{first}")).await.unwrap().status, 404);

    place.control.limit(64 << 20);
    let begun = Instant::now();
    let mut taken = None;
    while taken.is_none() && begun.elapsed() < 2 * RECOVERY {
        taken = client.create(&service, &small(5_000), Some("after")).await;
    }
    let recovery = begun.elapsed();
    println!("figure: recovery after a full disk | {:.3} s", recovery.as_secs_f64());
    let taken = taken.unwrap_or_else(|| panic!("no fit was taken again: {:?}", client.refusals.last()));
    assert!(recovery <= RECOVERY, "{recovery:?}");
    assert_eq!(client.ended(&service, &taken).await.unwrap()["status"], "succeeded");
    assert_eq!(client.ended(&service, &going).await.unwrap()["status"], "succeeded");
    client.all_ended(&service).await;
    assert!(service.ended().is_none(), "it ended: {}", service.log());
    assert!(service.terminate().await.success());
    place.control.unlimit();
    let wrong = restarted(&place, &client).await;
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sync_that_fails_is_not_answered_and_ends_the_process() {
    let place = Place::new();
    let mut client = Client::new(&place);
    let mut service = place.serve().await;
    let ended = client.create(&service, &small(1), Some("one")).await.unwrap();
    client.ended(&service, &ended).await.unwrap();
    client.create(&service, &large(2), None).await.unwrap();
    client.create(&service, &lasting(3, 2), None).await.unwrap();

    place.control.fail(Plan { from: 0, to: i64::MAX, kinds: kind::SYNC, errno: EIO });
    let answer = service.ask(Method::POST, "/fits", Some(&small(4)), Some("unsynced")).await;
    assert!(answer.as_ref().is_none_or(|answer| answer.status == 503), "{answer:?}");
    let (status, at) = service.exit_within(Duration::from_secs(10)).await.expect("the process should end by itself");
    let took = at.duration_since(place.control.failure().unwrap().at).unwrap();
    println!("figure: end after a failed sync | {:.3} s", took.as_secs_f64());
    assert!(is_io(status), "{status}: {}", service.log());
    assert!(took <= SOON, "{took:?}");
    place.control.heal();

    let wrong = restarted(&place, &client).await;
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let service = place.serve().await;
    client.all_ended(&service).await;
    assert!(
        client.create(&service, &small(4), Some("unsynced")).await.is_some(),
        "its key is free, or it is the same fit"
    );
    assert!(service.terminate().await.success());
}
