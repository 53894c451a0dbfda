//! A store of an earlier version: it comes forward by itself, and a crash on the way leaves the old one or the new one.

use std::fs;
use std::path::Path;

use rusqlite::Connection;
use serde_json::json;

use crate::process::{Place, ended, fitd};

/// The tables of version 3, as it made them.
const V3: &str = include_str!("../../src/store/sqlite/migrate/v3.sql");

/// The tables whose rows clients know of.
const TABLES: [&str; 9] =
    ["dataset", "dataset_inline", "fit", "label", "event", "history", "checkpoint", "predictor", "idempotency"];

fn version(store: &Path) -> i32 {
    Connection::open(store).unwrap().pragma_query_value(None, "user_version", |row| row.get(0)).unwrap()
}

/// Puts the rows of a store into the tables of version 3.
fn back_to_3(store: &Path) {
    let newer = store.with_extension("newer");
    fs::rename(store, &newer).unwrap();
    let old = Connection::open(store).unwrap();
    old.execute_batch(V3).unwrap();
    old.execute("ATTACH ?1 AS newer", [newer.to_str().unwrap()]).unwrap();
    for table in TABLES {
        let names: Vec<String> = old
            .prepare(&format!("SELECT name FROM pragma_table_info('{table}')"))
            .unwrap()
            .query_map([], |row| row.get(0))
            .unwrap()
            .collect::<Result<_, _>>()
            .unwrap();
        let names = names.join(", ");
        old.execute_batch(&format!("INSERT INTO main.{table} ({names}) SELECT {names} FROM newer.{table}")).unwrap();
    }
    let identity: i32 = old.pragma_query_value(Some("newer"), "application_id", |row| row.get(0)).unwrap();
    old.pragma_update(None, "application_id", identity).unwrap();
    old.pragma_update(None, "user_version", 3).unwrap();
    drop(old);
    fs::remove_file(newer).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crash_while_a_store_comes_forward_leaves_the_old_one_or_the_new_one() {
    let place = Place::new();
    let mut service = place.serve().await;
    let large: Vec<u32> = (0..20_000).collect();
    let body = json!({"data": {"x": large, "y": large}, "model": "linear", "labels": {"size": "large"}});
    let id = service.create(&body).await;
    let before = service.finished(&id).await;
    service.terminate().await;
    assert_eq!(service.exit().await.code(), Some(0));
    back_to_3(&place.file());

    let points: Vec<_> = fitd::failpoints::ALL.iter().filter(|name| name.starts_with("migrate.")).collect();
    assert!(points.len() >= 4, "{points:?}");
    for point in points {
        let output = ended(
            fitd()
                .args(["serve", "--listen", "127.0.0.1:0", "--store", &place.store()])
                .env("FAILPOINTS", format!("{point}=return")),
        )
        .await;
        assert!(!output.status.success(), "{point} was not reached");
        let found = version(&place.file());
        let expected = if ["migrate.begun", "migrate.ran"].contains(point) { 3 } else { 4 };
        assert_eq!(found, expected, "after {point}");
    }
    let service = place.serve().await;
    assert_eq!(service.fit(&id).await, before);
    service.kill().await;
    assert_eq!(fitd::upkeep::check(&place.file()).unwrap().faults, Vec::<String>::new());
}

#[tokio::test]
async fn a_store_of_a_later_version_is_refused_and_left_as_it_is() {
    let place = Place::new();
    place.serve().await.kill().await;
    drop(Connection::open(place.file()).unwrap().pragma_update(None, "user_version", 5));
    let content = fs::read(place.file()).unwrap();
    let mut serve = fitd();
    let output = ended(serve.args(["serve", "--listen", "127.0.0.1:0", "--store", &place.store()])).await;
    assert_eq!(output.status.code(), Some(78));
    let reason = String::from_utf8(output.stderr).unwrap();
    assert!(reason.contains("its version is 5, this build knows 4"), "{reason}");
    assert_eq!(fs::read(place.file()).unwrap(), content);
}
