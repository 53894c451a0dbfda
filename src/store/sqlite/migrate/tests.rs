//! Stores of earlier versions, made as those versions made them, come forward with everything in them.

use std::path::{Path, PathBuf};

use super::super::SqliteStore;
use super::*;
use crate::fit::{EventId, Status};
use crate::store::conformance::{at, checkpoint, claimed, created, sized, small};
use crate::store::{Heartbeat, IdempotencyKey, NewFit, Store};

/// The tables of version 3, as it made them.
const V3: &str = include_str!("v3.sql");

/// Makes a file of version 3 out of a store of this version: the same rows in the old tables.
fn back_to_3(path: &Path) {
    let newer = door::beside(path, ".newer");
    fs::rename(path, &newer).unwrap();
    let connection = Connection::open(path).unwrap();
    connection.execute_batch(V3).unwrap();
    connection.execute("ATTACH ?1 AS newer", [newer.to_str().unwrap()]).unwrap();
    for table in
        ["dataset", "dataset_inline", "fit", "label", "event", "history", "checkpoint", "predictor", "idempotency"]
    {
        let names = connection
            .prepare(&format!("SELECT name FROM pragma_table_info('{table}')"))
            .unwrap()
            .query_map([], |row| row.get::<_, String>(0))
            .unwrap()
            .collect::<Result<Vec<_>, _>>()
            .unwrap()
            .join(", ");
        connection
            .execute_batch(&format!("INSERT INTO main.{table} ({names}) SELECT {names} FROM newer.{table}"))
            .unwrap();
    }
    let identity = format!("PRAGMA application_id = {}; PRAGMA user_version = 3;", schema::APPLICATION_ID);
    connection.execute_batch(&identity).unwrap();
    drop(connection);
    fs::remove_file(newer).unwrap();
}

async fn open(path: PathBuf) -> SqliteStore {
    SqliteStore::open(path).await.unwrap()
}

#[tokio::test]
async fn a_store_of_version_3_comes_forward_with_everything() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("fitd.db");
    let store = open(path.clone()).await;
    let key = IdempotencyKey { key: "k".into(), fingerprint: [1; 32] };
    let running = created(&store, NewFit { idempotency: Some(key.clone()), ..sized(1, 40_000) }).await;
    let queued = created(&store, small(2)).await;
    let claim = claimed(&store, 1).await;
    let beat = Heartbeat { checkpoint: Some(checkpoint(5)), ..crate::store::conformance::beat_of(&claim, 2) };
    store.heartbeat(beat).await.unwrap();
    let before = store.fit(&running.tenant, running.id).await.unwrap();
    store.close().await.unwrap();
    drop(store);
    back_to_3(&path);
    assert!(
        matches!(crate::store::check(&path), Err(StoreError::Unusable { .. })),
        "it has to be brought forward first"
    );

    let store = open(path.clone()).await;
    assert_eq!(store.fit(&running.tenant, running.id).await.unwrap(), before);
    assert!(store.replay(&running.tenant, &key, at(3)).await.unwrap().is_some());
    assert_eq!(store.events(&running.tenant, running.id, EventId(0)).await.unwrap().len(), 2);
    assert_eq!(store.recover(at(4), true, 3).await.unwrap(), 1);
    assert_eq!(store.waiting().await.unwrap()[0].queued, 2);
    let again = claimed(&store, 5).await;
    assert_eq!((again.record.id, again.checkpoint), (running.id, Some(checkpoint(5))));
    assert_eq!(claimed(&store, 5).await.record.id, queued.id);
    assert_eq!(store.fit(&queued.tenant, queued.id).await.unwrap().unwrap().status, Status::Running);
    drop(store);
    assert_eq!(crate::store::check(&path).unwrap().faults, Vec::<String>::new());
    let connection = Connection::open(&path).unwrap();
    let vacuum: i32 = connection.pragma_query_value(None, "auto_vacuum", |row| row.get(0)).unwrap();
    assert_eq!(vacuum, schema::VACUUM_INCREMENTAL);
}

#[tokio::test]
async fn a_step_that_fails_leaves_the_old_version_as_it_was() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("fitd.db");
    let store = open(path.clone()).await;
    created(&store, small(1)).await;
    store.close().await.unwrap();
    drop(store);
    back_to_3(&path);
    // A table of the new version's name is in the way.
    Connection::open(&path).unwrap().execute_batch("CREATE TABLE turn (x)").unwrap();
    assert!(SqliteStore::open(path.clone()).await.is_err());
    let connection = Connection::open(&path).unwrap();
    assert_eq!(connection.pragma_query_value(None, "user_version", |row| row.get::<_, i32>(0)).unwrap(), 3);
    connection.execute_batch("DROP TABLE turn").unwrap();
    drop(connection);
    assert_eq!(open(path).await.counts().await.unwrap().queued, 1);
}
