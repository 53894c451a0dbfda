//! What only a store on disk promises: it comes back, it has one owner, and it is never taken for what it is not.

use std::fs;
use std::path::{Path, PathBuf};

use super::*;
use crate::fit::{Outcome, Status};
use crate::store::conformance::{at, beat_of, checkpoint, claimed, created, end_of, failed, sized, small};

fn place() -> (tempfile::TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("fitd.db");
    (directory, path)
}

async fn open(path: &Path) -> Result<SqliteStore, StoreError> {
    SqliteStore::open(path.to_owned()).await
}

fn data_files(path: &Path) -> Vec<PathBuf> {
    fs::read_dir(door::beside(path, ".d")).unwrap().map(|entry| entry.unwrap().path()).collect()
}

#[tokio::test]
async fn a_reopened_store_has_everything() {
    let (_directory, path) = place();
    let store = open(&path).await.unwrap();
    let (ended, resumed) = (created(&store, sized(1, 40_000)).await, created(&store, small(2)).await);
    let claim = claimed(&store, 1).await;
    store.finish(end_of(&claim, 2)).await.unwrap();
    let claim = claimed(&store, 3).await;
    store.heartbeat(Heartbeat { checkpoint: Some(checkpoint(5)), ..beat_of(&claim, 4) }).await.unwrap();
    let before = store.fit(&ended.tenant, ended.id).await.unwrap();
    drop(store);

    let store = open(&path).await.unwrap();
    assert_eq!(store.fit(&ended.tenant, ended.id).await.unwrap(), before);
    assert_eq!(before.unwrap().outcome, Some(failed()));
    assert_eq!(store.recover(at(5), true, 3).await.unwrap(), 1);
    let claim = claimed(&store, 6).await;
    assert_eq!((claim.record.id, claim.record.attempt), (resumed.id, 2));
    assert_eq!(claim.checkpoint, Some(checkpoint(5)));
    assert_eq!(data_files(&path).len(), 1);
    assert!(store.delete(&ended.tenant, ended.id).await.unwrap());
    drop(store);
    assert!(data_files(&path).is_empty());
}

#[tokio::test]
async fn a_store_has_one_owner() {
    let (_directory, path) = place();
    let store = open(&path).await.unwrap();
    assert!(matches!(open(&path).await, Err(StoreError::Locked { .. })));
    created(&store, small(1)).await;
    drop(store);
    open(&path).await.unwrap();
}

#[tokio::test]
async fn what_is_not_a_store_is_refused_and_left_alone() {
    let foreign = {
        let (_directory, path) = place();
        rusqlite::Connection::open(&path).unwrap().execute_batch("CREATE TABLE t (x)").unwrap();
        fs::read(&path).unwrap()
    };
    let (_directory, path) = place();
    drop(open(&path).await.unwrap());
    let ours = fs::read(&path).unwrap();
    let mut newer = ours.clone();
    newer[63] += 1;
    let cut = ours[..ours.len() - 4096].to_vec();
    for content in [Vec::new(), b"not a database".repeat(20), foreign, newer, cut] {
        fs::write(&path, &content).unwrap();
        assert!(matches!(open(&path).await, Err(StoreError::Unusable { .. })), "{} bytes", content.len());
        assert_eq!(fs::read(&path).unwrap(), content);
    }
    fs::write(&path, ours).unwrap();
    open(&path).await.unwrap();
}

#[tokio::test]
async fn a_missing_file_with_its_data_still_there_is_refused() {
    let (_directory, path) = place();
    let store = open(&path).await.unwrap();
    created(&store, sized(1, 40_000)).await;
    drop(store);
    fs::remove_file(&path).unwrap();
    assert!(matches!(open(&path).await, Err(StoreError::Unusable { .. })));
    assert_eq!(data_files(&path).len(), 1);
}

#[tokio::test]
async fn an_unreachable_place_is_an_io_error() {
    let (directory, path) = place();
    assert!(matches!(open(&directory.path().join("missing/fitd.db")).await, Err(StoreError::Io(_))));
    fs::write(&path, "a file").unwrap();
    assert!(matches!(open(&path.join("fitd.db")).await, Err(StoreError::Io(_))));
}

#[tokio::test]
async fn damaged_data_fails_its_fit_alone() {
    for rows in [4, 40_000] {
        let (_directory, path) = place();
        let store = open(&path).await.unwrap();
        let (bad, good) = (created(&store, sized(1, rows)).await, created(&store, small(2)).await);
        drop(store);
        match data_files(&path).first() {
            Some(file) => {
                let mut bytes = fs::read(file).unwrap();
                bytes[5000] ^= 1;
                fs::write(file, bytes).unwrap();
            }
            None => flip(&path, "dataset_inline", "columns", bad.dataset.id.as_bytes()),
        }
        let store = open(&path).await.unwrap();
        assert_eq!(claimed(&store, 1).await.record.id, good.id);
        let fit = store.fit(&bad.tenant, bad.id).await.unwrap().unwrap();
        let Some(Outcome::Failed(error)) = fit.outcome else { panic!("{:?}", fit.status) };
        assert_eq!(error.code, "corrupt");
        let again = created(&store, sized(1, rows)).await;
        assert_ne!(again.dataset.id, bad.dataset.id, "a new fit gets its own good data");
        assert_eq!(claimed(&store, 2).await.dataset.rows(), rows);
    }
}

#[tokio::test]
async fn a_damaged_checkpoint_fails_its_fit_alone() {
    let (_directory, path) = place();
    let store = open(&path).await.unwrap();
    let (bad, good) = (created(&store, small(1)).await, created(&store, small(2)).await);
    let claim = claimed(&store, 1).await;
    store.release(Heartbeat { checkpoint: Some(checkpoint(5)), ..beat_of(&claim, 2) }).await.unwrap();
    drop(store);
    flip(&path, "checkpoint", "state", bad.id.as_bytes());
    let store = open(&path).await.unwrap();
    assert_eq!(claimed(&store, 3).await.record.id, good.id);
    assert_eq!(store.fit(&bad.tenant, bad.id).await.unwrap().unwrap().status, Status::Failed);
}

#[tokio::test]
async fn a_damaged_record_ends_its_fit_when_it_is_read_and_hides_no_other() {
    for damage in [
        "UPDATE fit SET spec = x'00'",
        "UPDATE fit SET labels = x'00'",
        "UPDATE fit SET outcome = x'00'",
        "UPDATE fit SET attempt = attempt + 1",
        "UPDATE fit SET status = 'failing'",
        "UPDATE event SET at = at + 1",
        "UPDATE dataset SET info = x'00'",
    ] {
        let (_directory, path) = place();
        let store = open(&path).await.unwrap();
        let bad = created(&store, small(1)).await;
        let claim = claimed(&store, 1).await;
        store.finish(end_of(&claim, 2)).await.unwrap();
        let good = created(&store, small(2)).await;
        drop(store);
        let condition = match damage.split(' ').nth(1) {
            Some("dataset") => format!("id = x'{}'", bad.dataset.id.to_string().replace('-', "")),
            Some("event") => format!("fit = x'{}' AND kind = 'queued'", bad.id.to_string().replace('-', "")),
            _ => format!("id = x'{}'", bad.id.to_string().replace('-', "")),
        };
        let connection = rusqlite::Connection::open(&path).unwrap();
        // The counts beside the fits are not what is damaged here.
        let changed = connection.execute(&format!("{damage} WHERE {condition}"), []).unwrap();
        assert_eq!(changed, 1, "{damage}");
        drop(connection);
        assert!(!crate::store::check(&path).unwrap().faults.is_empty(), "{damage}");

        let store = open(&path).await.unwrap();
        store.events(&bad.tenant, bad.id, EventId(0)).await.unwrap();
        let page = store.list(&bad.tenant, ListQuery { limit: 9, ..ListQuery::default() }).await.unwrap();
        assert_eq!(page.fits.iter().map(|fit| fit.id).collect::<Vec<_>>(), [good.id, bad.id], "{damage}");
        let fit = store.fit(&bad.tenant, bad.id).await.unwrap().unwrap();
        let Some(Outcome::Failed(error)) = &fit.outcome else { panic!("{damage}: {:?}", fit.status) };
        assert_eq!(error.code, "corrupt", "{damage}");
        let events = store.events(&bad.tenant, bad.id, EventId(0)).await.unwrap();
        assert!(events.is_sorted_by(|a, b| a.id < b.id) && events.last().unwrap().kind.is_terminal(), "{damage}");
        assert!(store.delete(&bad.tenant, bad.id).await.unwrap());
        assert_eq!(claimed(&store, 3).await.record.id, good.id);
    }
}

#[tokio::test]
async fn a_store_that_is_whole_has_no_faults_and_its_copy_is_the_same() {
    let (directory, path) = place();
    let store = open(&path).await.unwrap();
    let large = created(&store, sized(1, 40_000)).await;
    created(&store, small(2)).await;
    let claim = claimed(&store, 1).await;
    store.heartbeat(Heartbeat { checkpoint: Some(checkpoint(5)), ..beat_of(&claim, 2) }).await.unwrap();
    // Beside the store in use.
    let findings = crate::store::check(&path).unwrap();
    assert_eq!((findings.fits, findings.datasets, findings.faults), (2, 2, Vec::new()));
    let copy = directory.path().join("copy.db");
    crate::store::backup(&path, &copy).unwrap();
    assert!(matches!(crate::store::backup(&path, &copy), Err(StoreError::Io(_))), "nothing is overwritten");
    store.delete(&large.tenant, large.id).await.unwrap();
    drop(store);
    assert_eq!(crate::store::check(&copy).unwrap().faults, Vec::<String>::new());
    let copied = open(&copy).await.unwrap();
    assert_eq!(copied.recover(at(3), true, 3).await.unwrap(), 1);
    assert_eq!(claimed(&copied, 4).await.dataset.rows(), 40_000);
    let names: Vec<_> = fs::read_dir(directory.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(names.iter().all(|name| !name.to_string_lossy().contains("draft")), "{names:?}");
}

#[tokio::test]
async fn a_look_at_everything_finds_every_kind_of_damage() {
    let (_directory, path) = place();
    let store = open(&path).await.unwrap();
    let large = created(&store, sized(1, 40_000)).await;
    let key = IdempotencyKey { key: "k".into(), fingerprint: [1; 32] };
    created(&store, NewFit { idempotency: Some(key), ..small(2) }).await;
    let claim = claimed(&store, 1).await;
    let mut block = crate::fit::HistoryBlock::new(0, 1);
    (0..3).for_each(|iteration| block.push(iteration, 1.0, 0.0, &[]));
    let beat = Heartbeat { checkpoint: Some(checkpoint(2)), history: Some(block), ..beat_of(&claim, 2) };
    store.heartbeat(beat).await.unwrap();
    drop(store);
    assert!(!door::beside(&path, "-wal").exists(), "the last connection folds the log into the file");
    let whole = fs::read(&path).unwrap();
    for damage in [
        "UPDATE checkpoint SET state = x'00'",
        "UPDATE history SET points = x'00'",
        "UPDATE history SET last = last + 1",
        "UPDATE dataset SET sha256 = 'other' WHERE file IS NULL",
        "UPDATE dataset SET refs = refs + 1",
        "UPDATE dataset_inline SET columns = x'00'",
        "UPDATE idempotency SET fingerprint = zeroblob(32)",
        "UPDATE tally SET fits = fits + 1 WHERE status = 'queued'",
        "UPDATE turn SET queued = queued + 1",
        "DELETE FROM event WHERE kind = 'queued'",
        "INSERT INTO label SELECT tenant, 'k', 'v', id FROM fit",
        "PRAGMA foreign_keys = OFF; DELETE FROM dataset",
    ] {
        rusqlite::Connection::open(&path).unwrap().execute_batch(damage).unwrap();
        assert!(!crate::store::check(&path).unwrap().faults.is_empty(), "{damage}");
        for left in ["-wal", "-shm"] {
            let _ = fs::remove_file(door::beside(&path, left));
        }
        fs::write(&path, &whole).unwrap();
    }
    assert_eq!(crate::store::check(&path).unwrap().faults, Vec::<String>::new());
    fs::remove_file(&data_files(&path)[0]).unwrap();
    let faults = crate::store::check(&path).unwrap().faults;
    assert!(faults.len() == 1 && faults[0].contains(&large.dataset.id.to_string()), "{faults:?}");
}

#[tokio::test]
async fn a_store_without_its_directory_of_datasets_is_refused_where_it_needs_one() {
    let (_directory, path) = place();
    let store = open(&path).await.unwrap();
    let large = created(&store, sized(1, 40_000)).await;
    drop(store);
    let (datasets, elsewhere) = (door::beside(&path, ".d"), door::beside(&path, ".elsewhere"));
    fs::rename(&datasets, &elsewhere).unwrap();
    assert!(matches!(open(&path).await, Err(StoreError::Unusable { .. })));
    assert!(!datasets.exists());
    fs::rename(&elsewhere, &datasets).unwrap();
    let store = open(&path).await.unwrap();
    assert_eq!(claimed(&store, 1).await.dataset.rows(), 40_000);
    assert!(store.delete(&large.tenant, large.id).await.unwrap());
    drop(store);
    fs::remove_dir(&datasets).unwrap();
    open(&path).await.unwrap();
}

#[tokio::test]
async fn counts_that_are_off_are_counted_again() {
    for damage in [
        "UPDATE turn SET queued = 0",
        "UPDATE turn SET queued = 9; INSERT INTO turn (tenant, queued) VALUES ('nobody', 4)",
        "UPDATE tally SET fits = -1",
        "PRAGMA ignore_check_constraints = ON; UPDATE dataset SET refs = 0",
    ] {
        let (_directory, path) = place();
        let store = open(&path).await.unwrap();
        let (first, second) = (created(&store, small(1)).await, created(&store, small(2)).await);
        drop(store);
        rusqlite::Connection::open(&path).unwrap().execute_batch(damage).unwrap();
        let store = open(&path).await.unwrap();
        let claim = claimed(&store, 1).await;
        assert_eq!(claim.record.id, first.id, "{damage}");
        store.finish(end_of(&claim, 2)).await.unwrap();
        assert!(store.delete(&first.tenant, first.id).await.unwrap(), "{damage}");
        assert!(store.delete(&second.tenant, second.id).await.unwrap(), "{damage}");
        assert_eq!(store.counts().await.unwrap().queued, 0, "{damage}");
    }
}

/// Changes rows behind the back of an index, as a flipped bit does.
fn behind(path: &Path, index: &str, update: &str) {
    let connection = rusqlite::Connection::open(path).unwrap();
    let definition: (String, i64, String) = connection
        .query_row("SELECT tbl_name, rootpage, sql FROM sqlite_schema WHERE name = ?1", [index], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?))
        })
        .unwrap();
    connection.execute_batch("PRAGMA writable_schema = ON").unwrap();
    connection.execute("DELETE FROM sqlite_schema WHERE name = ?1", [index]).unwrap();
    drop(connection);
    let connection = rusqlite::Connection::open(path).unwrap();
    connection.execute_batch(update).unwrap();
    connection.execute_batch("PRAGMA writable_schema = ON").unwrap();
    let show = "INSERT INTO sqlite_schema (type, name, tbl_name, rootpage, sql) VALUES ('index', ?1, ?2, ?3, ?4)";
    connection.execute(show, rusqlite::params![index, definition.0, definition.1, definition.2]).unwrap();
}

#[tokio::test]
async fn an_index_that_is_off_is_made_anew() {
    let (_directory, path) = place();
    let store = open(&path).await.unwrap();
    let (bad, good) = (created(&store, small(1)).await, created(&store, small(2)).await);
    drop(store);
    behind(
        &path,
        "fit_by_status",
        &format!("UPDATE fit SET status = 'failing' WHERE id = x'{}'", bad.id.to_string().replace('-', "")),
    );
    let store = open(&path).await.unwrap();
    assert!(store.delete(&bad.tenant, bad.id).await.unwrap());
    assert_eq!(store.counts().await.unwrap().queued, 1);
    assert_eq!(claimed(&store, 1).await.record.id, good.id);
    drop(store);
    assert_eq!(crate::store::check(&path).unwrap().faults, Vec::<String>::new());
}

#[tokio::test]
async fn a_damaged_key_is_forgotten_and_a_fit_without_its_dataset_is_shown() {
    let (_directory, path) = place();
    let store = open(&path).await.unwrap();
    let key = IdempotencyKey { key: "k".into(), fingerprint: [1; 32] };
    let fit = created(&store, NewFit { idempotency: Some(key.clone()), ..small(1) }).await;
    drop(store);
    let connection = rusqlite::Connection::open(&path).unwrap();
    connection.execute_batch("UPDATE idempotency SET seal = seal + 1").unwrap();
    connection.execute_batch("PRAGMA foreign_keys = OFF; UPDATE fit SET dataset = zeroblob(16)").unwrap();
    drop(connection);
    let store = open(&path).await.unwrap();
    assert!(store.replay(&fit.tenant, &key, at(1)).await.unwrap().is_none());
    let again = created(&store, NewFit { idempotency: Some(key), ..small(1) }).await;
    assert_ne!(again.id, fit.id);
    let shown = store.fit(&fit.tenant, fit.id).await.unwrap().unwrap();
    assert_eq!(shown.status, Status::Failed);
    assert_eq!(claimed(&store, 1).await.record.id, again.id);
}

#[tokio::test]
async fn a_store_opened_through_a_link_is_the_same_store() {
    let (directory, path) = place();
    let store = open(&path).await.unwrap();
    let fit = created(&store, sized(1, 40_000)).await;
    let link = directory.path().join("link.db");
    std::os::unix::fs::symlink(&path, &link).unwrap();
    assert!(matches!(open(&link).await, Err(StoreError::Locked { .. })));
    drop(store);
    let store = open(&link).await.unwrap();
    assert_eq!(claimed(&store, 1).await.record.id, fit.id);
}

#[tokio::test]
async fn a_log_that_is_damaged_in_the_middle_is_refused_and_nothing_is_removed() {
    let (_directory, path) = place();
    let store = open(&path).await.unwrap();
    for seed in 0..5 {
        created(&store, sized(seed, 40_000)).await;
    }
    let (log, wal) = (fs::read(door::beside(&path, "-wal")).unwrap(), door::beside(&path, "-wal"));
    let (file, files) = (fs::read(&path).unwrap(), data_files(&path));
    drop(store);
    // As a kill leaves it, but for one bit of the first transaction.
    let mut damaged = log.clone();
    damaged[32 + 24 + 100] ^= 1;
    fs::write(&path, &file).unwrap();
    fs::write(&wal, &damaged).unwrap();
    assert!(matches!(open(&path).await, Err(StoreError::Unusable { .. })));
    assert_eq!(data_files(&path), files);
    fs::write(&wal, &log).unwrap();
    assert_eq!(open(&path).await.unwrap().counts().await.unwrap().queued, 5);
}

#[tokio::test]
async fn the_file_gives_back_what_deletions_leave() {
    let (_directory, path) = place();
    let store = open(&path).await.unwrap();
    let mut ids = Vec::new();
    for seed in 0..60 {
        // Just below what goes to a file of its own.
        created(&store, sized(seed, 16_000)).await;
        let claim = claimed(&store, 1).await;
        store.finish(end_of(&claim, 2)).await.unwrap();
        ids.push(claim.record.id);
    }
    let full = store.trim(Retention { ended_before: at(0), bytes_max: None, batch: 100 }).await.unwrap();
    assert!(full.removed.is_empty() && full.bytes > 60 * 250_000);
    let most = full.bytes / 4;
    let mut removed = Vec::new();
    loop {
        let trimmed = store.trim(Retention { ended_before: at(0), bytes_max: Some(most), batch: 10 }).await.unwrap();
        assert!(trimmed.removed.len() <= 10);
        removed.extend(trimmed.removed);
        if !trimmed.more {
            assert!(trimmed.bytes <= most);
            break;
        }
    }
    assert_eq!(removed, ids[..removed.len()], "the oldest went first");
    assert!(removed.len() < 60);
    store.close().await.unwrap();
    let size = fs::metadata(&path).unwrap().len();
    assert!(size < full.bytes / 2, "the file still has {size} of {} bytes", full.bytes);
}

#[tokio::test]
async fn a_failing_command_fails_alone() {
    let (_directory, path) = place();
    let store = open(&path).await.unwrap();
    let twice = small(1);
    created(&store, twice.clone()).await;
    let (again, other) = tokio::join!(store.create(twice), store.create(small(2)));
    assert!(matches!(again, Err(StoreError::Sqlite(_))), "an id is used once");
    assert!(matches!(other, Ok(Created::New(_))));
    assert_eq!(store.counts().await.unwrap().queued, 2);
}

#[tokio::test]
async fn leftover_data_files_are_removed() {
    let (_directory, path) = place();
    drop(open(&path).await.unwrap());
    for name in ["orphan.bin", "orphan.bin.tmp"] {
        fs::write(door::beside(&path, ".d").join(name), "x").unwrap();
    }
    open(&path).await.unwrap();
    assert!(data_files(&path).is_empty());
}

/// Changes the first byte of a blob, as a failing disk would.
fn flip(path: &Path, table: &str, column: &str, key: &[u8]) {
    let connection = rusqlite::Connection::open(path).unwrap();
    let owner = if table == "dataset_inline" { "dataset" } else { "fit" };
    let flip = format!("UPDATE {table} SET {column} = CAST(x'ff' || substr({column}, 2) AS BLOB) WHERE {owner} = ?1");
    assert_eq!(connection.execute(&flip, [key]).unwrap(), 1);
}
