//! Memory over many fits: what has ended and gone leaves nothing behind.
#![expect(clippy::print_stdout, reason = "what is measured goes into the documents")]

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use serde_json::json;

use crate::process::{Place, Service, fitd};

/// Posts that are under way at once.
const CLIENTS: u64 = 16;

/// Where it listens, and nothing of a million fits.
const LOG: &str = "warn,fitd::serve=info";

/// A million in the long run.
fn fits() -> u64 {
    std::env::var("FITD_FLAT_FITS").ok().and_then(|count| count.parse().ok()).unwrap_or(6_000)
}

/// The resident memory of a process in MiB.
fn resident(process: u32) -> f64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<f64>().unwrap() / 1024.0
}

/// Posts so many small fits, each to its end.
async fn post(service: &Arc<Service>, count: u64) {
    let next = Arc::new(AtomicU64::new(0));
    let clients: Vec<_> = (0..CLIENTS)
        .map(|_| {
            let (service, next) = (Arc::clone(service), Arc::clone(&next));
            tokio::spawn(async move {
                let client = reqwest::Client::new();
                while next.fetch_add(1, Ordering::Relaxed) < count {
                    let number = next.load(Ordering::Relaxed);
                    let body = json!({"data": {"x": [0, 1, 2, 3], "y": [3.1, 7.9, 13.2, number]}, "model": "linear"});
                    let request = client.post(format!("http://{}/fits", service.address)).json(&body);
                    let response = service.send(request.header("Prefer", "wait=30")).await;
                    assert_eq!(response.status(), 201);
                    let fit: serde_json::Value = response.json().await.unwrap();
                    assert_eq!(fit["status"], "succeeded", "{fit}");
                }
            })
        })
        .collect();
    for client in clients {
        client.await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn memory_is_flat_over_many_fits() {
    let place = Place::new();
    let mut serve = fitd();
    let arguments = ["serve", "--listen", "127.0.0.1:0", "--store", &place.store(), "--retention", "1s", "--log", LOG];
    let service = Arc::new(Service::start(serve.args(arguments)).await);
    let process = service.process();
    let count = fits();
    // Caches and arenas fill up in the first part.
    post(&service, count / 4).await;
    let before = resident(process);
    post(&service, count - count / 4).await;
    let after = resident(process);
    let file = std::fs::metadata(place.file()).unwrap().len() as f64 / f64::from(1 << 20);
    println!("figure: resident memory after {} / {count} fits | {before:.0} / {after:.0} MiB", count / 4);
    println!("figure: store's file after {count} fits of which the last second's are kept | {file:.1} MiB");
    assert!(after < before * 1.2 + 16.0, "{before} MiB, then {after} MiB");
}
