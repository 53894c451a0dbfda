//! What an operator does: look at everything in a store, copy it, and rely on its bounds.
#![expect(clippy::print_stdout, reason = "what is measured goes into the documents")]

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use crate::client::long_fit;
use crate::process::{Place, Service, ended, fitd};

fn body(number: u32) -> Value {
    json!({"data": {"x": [0, 1, 2, 3], "y": [3.1, 7.9, 13.2, number]}, "model": "linear"})
}

async fn run(arguments: &[&str]) -> (Option<i32>, String) {
    let output = ended(fitd().args(arguments)).await;
    let text = String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap();
    (output.status.code(), text)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_in_use_is_checked_and_copied_and_the_copy_is_a_store() {
    let place = Place::new();
    let service = place.serve().await;
    let large: Vec<u32> = (0..20_000).collect();
    let kept = service.create(&json!({"data": {"x": large, "y": large}, "model": "linear"})).await;
    service.finished(&kept).await;
    let running = service.create(&long_fit()).await;
    service.events(&running, None).await.until_computed(0.5).await;

    let (code, text) = run(&["check", "--store", &place.store()]).await;
    assert_eq!((code, text.as_str()), (Some(0), "2 fits and 2 datasets were read, 0 faults found\n"));
    let copy = place.path().join("copy.db");
    let copied = format!("sqlite:{}", copy.display());
    let (code, text) = run(&["backup", copy.to_str().unwrap(), "--store", &place.store()]).await;
    assert_eq!((code, text.as_str()), (Some(0), "2 fits and 2 datasets were copied\n"));
    let (code, text) = run(&["backup", copy.to_str().unwrap(), "--store", &place.store()]).await;
    assert!(code == Some(78) && text.contains("is there already"), "{text}");
    let (result, history) = service.outcome(&running).await;
    service.kill().await;

    let mut serve = fitd();
    let service = Service::start(serve.args(["serve", "--listen", "127.0.0.1:0", "--store", &copied])).await;
    assert_eq!(service.finished(&kept).await["status"], "succeeded");
    // The copy goes on from the checkpoint that it has, and comes to the same bits.
    assert_eq!(service.outcome(&running).await, (result, history));
    service.kill().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn damage_is_found_and_ends_its_fit_alone() {
    let place = Place::new();
    let service = place.serve().await;
    let large: Vec<u32> = (0..20_000).collect();
    let (bad, good) = (
        service.create(&json!({"data": {"x": large, "y": large}, "model": "linear"})).await,
        service.create(&body(1)).await,
    );
    service.finished(&bad).await;
    service.finished(&good).await;
    service.kill().await;
    let connection = rusqlite::Connection::open(place.file()).unwrap();
    let changed = connection
        .execute("UPDATE fit SET outcome = substr(outcome, 2) WHERE lower(hex(id)) = ?1", [bad.replace('-', "")]);
    assert_eq!(changed.unwrap(), 1);
    drop(connection);
    let (code, text) = run(&["check", "--store", &place.store()]).await;
    assert!(code == Some(1) && text.contains(&format!("fit {bad}: a stored outcome is damaged")), "{text}");

    let service = place.serve().await;
    let fit = service.fit(&bad).await;
    assert_eq!((&fit["status"], &fit["error"]["code"]), (&json!("failed"), &json!("corrupt")));
    assert_eq!(service.fit(&good).await["status"], "succeeded");
    let list: Value = serde_json::from_str(&service.text("/fits", "application/json").await).unwrap();
    assert_eq!(list["data"].as_array().unwrap().len(), 2);
    service.kill().await;
    let (code, text) = run(&["check", "--store", &place.store()]).await;
    assert_eq!(code, Some(0), "what is damaged was set apart: {text}");
}

#[tokio::test]
async fn a_truncated_store_is_refused_and_a_missing_one_is_no_store() {
    let place = Place::new();
    place.serve().await.kill().await;
    for name in ["fitd.db-wal", "fitd.db-shm"] {
        let _ = fs::remove_file(place.path().join(name));
    }
    let whole = fs::read(place.file()).unwrap();
    for length in [0, 50, whole.len() / 2] {
        fs::write(place.file(), &whole[..length]).unwrap();
        for command in ["serve", "check"] {
            let (code, text) = run(&[command, "--listen", "127.0.0.1:0", "--store", &place.store()]).await;
            assert!(code == Some(78) && text.contains("cannot be used"), "{command} of {length} bytes: {text}");
        }
        assert_eq!(fs::metadata(place.file()).unwrap().len(), length as u64);
    }
    let missing = format!("sqlite:{}", place.path().join("none.db").display());
    let (code, text) = run(&["check", "--store", &missing]).await;
    assert!(code == Some(78) && text.contains("there is no such file"), "{text}");
    assert!(!place.path().join("none.db").exists());
}

/// What a store takes of its directory, but for the space that it sets aside.
fn size(folder: &Path) -> u64 {
    let entries = fs::read_dir(folder).unwrap().map(Result::unwrap);
    let counted = entries.filter(|entry| !entry.file_name().to_string_lossy().ends_with(".ballast"));
    counted.map(|entry| entry.metadata().unwrap().len()).sum()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_stays_within_its_bytes_and_lets_the_oldest_go() {
    const MOST: u64 = 4 << 20;
    let place = Place::new();
    let mut serve = fitd();
    let most = MOST.to_string();
    let arguments = ["serve", "--listen", "127.0.0.1:0", "--store", &place.store(), "--store-bytes", &most];
    let service = Service::start(serve.args(arguments)).await;
    let mut ids = Vec::new();
    for number in 0..60_u32 {
        // About 160 kB each, in the file, so that 60 of them are more than twice what the store may hold.
        let column: Vec<u32> = (number..number + 10_000).collect();
        let id = service.create(&json!({"data": {"x": column, "y": column}, "model": "linear"})).await;
        service.finished(&id).await;
        ids.push(id);
    }
    // The newest is there, and what is too much goes within some passes of the reconciler, the oldest first.
    service.until_gone(&ids[30]).await;
    assert_eq!(service.status(&format!("/fits/{}", ids[0])).await, 404);
    assert_eq!(service.status(&format!("/fits/{}", ids[59])).await, 200);
    let mut service = service;
    service.terminate().await;
    service.exit().await;
    let file = fs::metadata(place.file()).unwrap().len();
    println!("figure: store bounded by 4 MiB after 10 MiB of fits | {:.1} MiB", file as f64 / f64::from(1 << 20));
    // What one transaction frees and cannot give back at once, the next ones do.
    assert!(file < 2 * MOST, "{file} bytes are left");
    assert!(size(place.path()) < 2 * MOST);
}

#[tokio::test(flavor = "multi_thread")]
async fn finished_fits_go_when_their_time_is_over_and_their_streams_end() {
    let place = Place::new();
    let mut serve = fitd();
    let arguments = ["serve", "--listen", "127.0.0.1:0", "--store", &place.store(), "--retention", "1s"];
    let service = Service::start(serve.args(arguments)).await;
    let id = service.create(&body(2)).await;
    assert_eq!(service.finished(&id).await["status"], "succeeded");
    service.until_gone(&id).await;
    let (code, text) = run(&["check", "--store", &place.store()]).await;
    assert_eq!((code, text.as_str()), (Some(0), "0 fits and 0 datasets were read, 0 faults found\n"));
    service.kill().await;
}
