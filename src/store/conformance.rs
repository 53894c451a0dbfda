//! The store's contract as tests: one function a promise, each run against every backend.

mod fixture;
mod sharing;

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use super::{
    Ask, Claim, Counts, Created, Finish, Finished, Heartbeat, IdempotencyKey, Lease, ListQuery, NewFit, Store,
    StoredCheckpoint, Turn,
};
use crate::fit::{
    EventId, EventKind, FitError, FitRecord, FitResult, HistoryBlock, Outcome, Predictor, Progress, Status, Tenant,
};

pub(super) use fixture::sized;
use sharing::*;

pub(super) const LEASE: Duration = Duration::from_secs(10);

pub(super) fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + second).unwrap()
}

pub(super) fn small(seed: u32) -> NewFit {
    sized(seed, 4)
}

pub(super) async fn created(store: &dyn Store, fit: NewFit) -> FitRecord {
    match store.create(fit).await.unwrap() {
        Created::New(record) => record,
        other => panic!("{other:?}"),
    }
}

pub(super) fn ask(second: i64) -> Ask {
    let (memory_bytes, memory_bytes_max) = (1_000, 1_000);
    let (now, weights) = (at(second), Arc::default());
    Ask { owner: "w".into(), now, lease: LEASE, memory_bytes, memory_bytes_max, weights, attempts_max: 3 }
}

pub(super) async fn claimed(store: &dyn Store, second: i64) -> Claim {
    match store.claim(&ask(second)).await.unwrap() {
        Turn::Claimed(claim) => *claim,
        other => panic!("{other:?}"),
    }
}

pub(super) fn failed() -> Outcome {
    let error = serde_json::from_str::<FitError>(r#"{"code":"diverged","detail":"it ran away"}"#).unwrap();
    Outcome::Failed(Arc::new(error))
}

pub(super) fn end_of(claim: &Claim, second: i64) -> Finish {
    Finish {
        id: claim.record.id,
        attempt: claim.record.attempt,
        now: at(second),
        outcome: failed(),
        predictor: None,
        progress: None,
        history: None,
        event: EventId(0),
    }
}

pub(super) fn beat_of(claim: &Claim, second: i64) -> Heartbeat {
    Heartbeat {
        id: claim.record.id,
        attempt: claim.record.attempt,
        now: at(second),
        lease: LEASE,
        progress: None,
        checkpoint: None,
        history: None,
    }
}

fn points(iterations: impl IntoIterator<Item = u64>, loss: f64, stride: u64) -> HistoryBlock {
    let mut block = HistoryBlock::new(0, stride);
    iterations.into_iter().for_each(|iteration| block.push(iteration, loss, 0.0, &[]));
    block
}

pub(super) fn checkpoint(iteration: u64) -> StoredCheckpoint {
    StoredCheckpoint {
        numerics_version: 1,
        iteration,
        elapsed_seconds: 0.5,
        floats: vec![("theta".into(), vec![0.1, -0.0])],
        integers: vec![("step".into(), vec![7])],
    }
}

async fn a_created_fit_is_there_whole(store: Arc<dyn Store>) {
    let new = small(1);
    let record = created(&*store, new.clone()).await;
    assert_eq!(record.status, Status::Queued);
    assert_eq!(*record.spec, *new.spec);
    assert_eq!(store.fit(&new.tenant, new.id).await.unwrap(), Some(record));
    assert_eq!(store.dataset(&new.tenant, new.id).await.unwrap(), Some(new.dataset.columns));
    let events = store.events(&new.tenant, new.id, EventId(0)).await.unwrap();
    assert_eq!(
        events.iter().map(|event| (event.id, event.kind)).collect::<Vec<_>>(),
        [(EventId::QUEUED, EventKind::Queued)]
    );
    assert_eq!(store.counts().await.unwrap(), Counts { queued: 1, running: 0 });
}

async fn another_tenant_sees_nothing(store: Arc<dyn Store>) {
    let record = created(&*store, small(1)).await;
    let other = Tenant::named("other");
    assert_eq!(store.fit(&other, record.id).await.unwrap(), None);
    assert_eq!(store.dataset(&other, record.id).await.unwrap(), None);
    assert_eq!(store.cancel(&other, record.id, at(1)).await.unwrap(), None);
    assert!(!store.delete(&other, record.id).await.unwrap());
    assert!(store.events(&other, record.id, EventId(0)).await.unwrap().is_empty());
    assert!(store.list(&other, ListQuery { limit: 9, ..ListQuery::default() }).await.unwrap().fits.is_empty());
    assert_eq!(store.fit(&record.tenant, record.id).await.unwrap(), Some(record));
}

async fn one_key_makes_one_fit(store: Arc<dyn Store>) {
    let key = IdempotencyKey { key: "k".into(), fingerprint: [1; 32] };
    let tasks: Vec<_> = (0..64)
        .map(|_| {
            let (store, mut fit) = (store.clone(), small(1));
            fit.idempotency = Some(key.clone());
            tokio::spawn(async move { store.create(fit).await.unwrap() })
        })
        .collect();
    let (mut new, mut ids) = (0, HashSet::new());
    for task in tasks {
        match task.await.unwrap() {
            Created::New(record) => {
                new += 1;
                ids.insert(record.id);
            }
            Created::Replayed(record) => {
                ids.insert(record.id);
            }
            other => panic!("{other:?}"),
        }
    }
    assert_eq!((new, ids.len()), (1, 1));

    let mut other = small(2);
    other.idempotency = Some(IdempotencyKey { fingerprint: [2; 32], ..key.clone() });
    assert!(matches!(store.create(other.clone()).await.unwrap(), Created::KeyReused));
    let week = at(7 * 24 * 3600);
    assert!(store.replay(&Tenant::default(), &key, week).await.unwrap().is_none(), "a key counts for 7 days");
    other.created_at = week;
    created(&*store, other).await;
}

async fn a_full_queue_takes_nothing(store: Arc<dyn Store>) {
    created(&*store, NewFit { queue_max: 1, ..small(1) }).await;
    let refused = store.create(NewFit { queue_max: 1, ..small(2) }).await.unwrap();
    assert!(matches!(refused, Created::QueueFull { queued: 1 }));
    claimed(&*store, 1).await;
    created(&*store, NewFit { queue_max: 1, ..small(2) }).await;
}

async fn the_same_data_is_kept_once(store: Arc<dyn Store>) {
    let rows = 40_000;
    let first = created(&*store, sized(1, rows)).await;
    let second = created(&*store, sized(1, rows)).await;
    assert_eq!(first.dataset, second.dataset, "the dataset that is there already wins");
    assert!(store.delete(&first.tenant, first.id).await.unwrap());
    let claim = claimed(&*store, 1).await;
    assert_eq!((claim.record.id, claim.dataset.rows()), (second.id, rows));
    assert_eq!(store.dataset(&second.tenant, second.id).await.unwrap(), Some(claim.dataset));
    assert!(store.delete(&second.tenant, second.id).await.unwrap());
    let third = created(&*store, sized(1, rows)).await;
    assert_ne!(third.dataset.id, first.dataset.id, "the dataset went with its last reference");
}

async fn claims_hand_out_the_oldest_once(store: Arc<dyn Store>) {
    let (first, second) = (created(&*store, small(1)).await, created(&*store, small(2)).await);
    let claim = claimed(&*store, 5).await;
    assert_eq!((claim.record.id, claim.record.attempt, claim.record.status), (first.id, 1, Status::Running));
    assert_eq!(claim.record.started_at, Some(at(5)));
    assert_eq!(claim.lease_until, at(15));
    assert_eq!(claim.dataset.column("x").unwrap()[0].to_bits(), 1.0_f64.to_bits());
    assert_eq!(claimed(&*store, 5).await.record.id, second.id);
    assert!(matches!(store.claim(&ask(5)).await.unwrap(), Turn::Nothing));
    let events = store.events(&first.tenant, first.id, EventId::QUEUED).await.unwrap();
    assert_eq!((events[0].id, events[0].kind), (EventId::first_of_attempt(1), EventKind::Started));
}

async fn old_fences_change_nothing(store: Arc<dyn Store>) {
    created(&*store, small(1)).await;
    let old = claimed(&*store, 1).await;
    assert_eq!(store.release(beat_of(&old, 2)).await.unwrap(), Lease::Held);
    let new = claimed(&*store, 3).await;
    assert_eq!(new.record.attempt, 2);
    let before = store.fit(&new.record.tenant, new.record.id).await.unwrap();
    assert_eq!(store.heartbeat(beat_of(&old, 4)).await.unwrap(), Lease::Lost);
    assert_eq!(store.release(beat_of(&old, 4)).await.unwrap(), Lease::Lost);
    assert!(matches!(store.finish(end_of(&old, 4)).await.unwrap(), Finished::Stale));
    assert_eq!(store.fit(&new.record.tenant, new.record.id).await.unwrap(), before);
    assert!(matches!(store.finish(end_of(&new, 4)).await.unwrap(), Finished::Done(_)));
    assert!(matches!(store.finish(end_of(&new, 5)).await.unwrap(), Finished::Stale), "only once");
}

async fn a_cancelled_fit_never_succeeds(store: Arc<dyn Store>) {
    let record = created(&*store, small(1)).await;
    let claim = claimed(&*store, 1).await;
    let marked = store.cancel(&record.tenant, record.id, at(2)).await.unwrap().unwrap();
    assert!(marked.cancel_requested && marked.status == Status::Running && marked.version > claim.record.version);
    assert_eq!(store.heartbeat(beat_of(&claim, 3)).await.unwrap(), Lease::CancelRequested);
    let Finished::Done(done) = store.finish(end_of(&claim, 4)).await.unwrap() else { panic!("stale") };
    assert_eq!((done.status, &done.outcome), (Status::Cancelled, &Some(Outcome::Cancelled(None))));
    let again = store.cancel(&record.tenant, record.id, at(5)).await.unwrap();
    assert_eq!(again, Some(*done), "a terminal fit does not change");
}

async fn a_queued_fit_is_cancelled_at_once(store: Arc<dyn Store>) {
    let record = created(&*store, small(1)).await;
    let done = store.cancel(&record.tenant, record.id, at(2)).await.unwrap().unwrap();
    assert_eq!((done.status, done.finished_at), (Status::Cancelled, Some(at(2))));
    assert!(matches!(store.claim(&ask(3)).await.unwrap(), Turn::Nothing));
    let events = store.events(&record.tenant, record.id, EventId::QUEUED).await.unwrap();
    assert_eq!((events[0].id, events[0].kind), (EventId(2), EventKind::Cancelled));
}

async fn a_deleted_fit_is_gone(store: Arc<dyn Store>) {
    let mut fit = small(1);
    let key = IdempotencyKey { key: "k".into(), fingerprint: [1; 32] };
    fit.idempotency = Some(key.clone());
    let record = created(&*store, fit).await;
    let claim = claimed(&*store, 1).await;
    let beat = Heartbeat { history: Some(points(0..3, 1.0, 1)), ..beat_of(&claim, 2) };
    store.heartbeat(beat).await.unwrap();
    assert!(store.delete(&record.tenant, record.id).await.unwrap());
    assert!(!store.delete(&record.tenant, record.id).await.unwrap());
    assert_eq!(store.heartbeat(beat_of(&claim, 3)).await.unwrap(), Lease::Lost);
    assert!(matches!(store.finish(end_of(&claim, 3)).await.unwrap(), Finished::Stale));
    assert!(store.history(&record.tenant, record.id, 0, u64::MAX).await.unwrap().is_empty());
    assert!(store.replay(&record.tenant, &key, at(3)).await.unwrap().is_none());
    assert_eq!(store.counts().await.unwrap(), Counts::default());
}

async fn pages_are_stable(store: Arc<dyn Store>) {
    let mut ids = Vec::new();
    for seed in 0..5 {
        let labels = BTreeMap::from([("sensor".to_owned(), (seed % 2).to_string())]);
        ids.push(created(&*store, NewFit { labels: Arc::new(labels), ..small(seed) }).await.id);
    }
    ids.reverse();
    let tenant = Tenant::default();
    let mut query = ListQuery { limit: 2, ..ListQuery::default() };
    let mut seen = Vec::new();
    loop {
        let page = store.list(&tenant, query.clone()).await.unwrap();
        seen.extend(page.fits.iter().map(|fit| fit.id));
        created(&*store, small(9)).await;
        if !page.has_more {
            break;
        }
        query.before = seen.last().copied();
    }
    assert_eq!(seen, ids);
    let labelled = ListQuery { limit: 9, labels: vec![("sensor".into(), "1".into())], ..ListQuery::default() };
    let page = store.list(&tenant, labelled).await.unwrap();
    assert_eq!(page.fits.iter().map(|fit| fit.id).collect::<Vec<_>>(), [ids[1], ids[3]]);
    let running = ListQuery { limit: 9, status: Some(Status::Running), ..ListQuery::default() };
    let claim = claimed(&*store, 1).await;
    assert_eq!(store.list(&tenant, running).await.unwrap().fits, [claim.record]);
}

async fn history_continues_after_a_resume(store: Arc<dyn Store>) {
    let record = created(&*store, small(1)).await;
    let first = claimed(&*store, 1).await;
    let beat = Heartbeat { history: Some(points(0..6, 1.0, 1)), checkpoint: Some(checkpoint(5)), ..beat_of(&first, 2) };
    store.heartbeat(beat).await.unwrap();
    let beat = Heartbeat { history: Some(points(6..9, 1.0, 1)), ..beat_of(&first, 3) };
    store.heartbeat(beat).await.unwrap();
    assert_eq!(store.recover(at(4), true, 3).await.unwrap(), 1);

    let second = claimed(&*store, 5).await;
    assert_eq!(second.checkpoint.as_ref(), Some(&checkpoint(5)));
    let kept = store.history(&record.tenant, record.id, 0, u64::MAX).await.unwrap();
    assert_eq!(kept.iterations, [0, 1, 2, 3, 4, 5]);
    let rest = points([6, 8, 10, 11], 2.0, 2);
    store.finish(Finish { history: Some(rest), ..end_of(&second, 6) }).await.unwrap();
    let history = store.history(&record.tenant, record.id, 0, u64::MAX).await.unwrap();
    assert_eq!((history.iterations, history.stride), (vec![0, 2, 4, 6, 8, 10, 11], 2));
    assert_eq!(history.loss, [1.0, 1.0, 1.0, 2.0, 2.0, 2.0, 2.0]);
    let part = store.history(&record.tenant, record.id, 3, 8).await.unwrap();
    assert_eq!(part.iterations, [4, 6, 8]);
}

async fn history_starts_again_without_a_checkpoint(store: Arc<dyn Store>) {
    let record = created(&*store, small(1)).await;
    let first = claimed(&*store, 1).await;
    store.release(Heartbeat { history: Some(points(0..6, 1.0, 1)), ..beat_of(&first, 2) }).await.unwrap();
    let second = claimed(&*store, 3).await;
    assert_eq!(second.checkpoint, None);
    assert!(store.history(&record.tenant, record.id, 0, u64::MAX).await.unwrap().is_empty());
    let second = claimed_again(&*store, &second.record).await;
    for block in [points(0..4, 2.0, 1), points(2..5, 3.0, 1)] {
        store.heartbeat(Heartbeat { history: Some(block), ..second.clone() }).await.unwrap();
    }
    let history = store.history(&record.tenant, record.id, 0, u64::MAX).await.unwrap();
    assert_eq!(history.iterations, [0, 1, 2, 3, 4]);
    assert_eq!(history.loss, [2.0, 2.0, 3.0, 3.0, 3.0], "the later block wins");
}

async fn claimed_again(store: &dyn Store, record: &FitRecord) -> Heartbeat {
    let now = store.fit(&record.tenant, record.id).await.unwrap().unwrap();
    let (id, attempt) = (now.id, now.attempt);
    Heartbeat { id, attempt, now: at(4), lease: LEASE, progress: None, checkpoint: None, history: None }
}

async fn lost_leases_are_counted_and_released_ones_are_not(store: Arc<dyn Store>) {
    let record = created(&*store, small(1)).await;
    for second in 0..5 {
        let claim = claimed(&*store, second).await;
        store.release(beat_of(&claim, second)).await.unwrap();
    }
    let claim = claimed(&*store, 10).await;
    assert_eq!(store.recover(at(19), false, 2).await.unwrap(), 0, "the lease holds");
    assert_eq!(store.recover(at(20), false, 2).await.unwrap(), 1);
    assert_eq!(store.heartbeat(beat_of(&claim, 21)).await.unwrap(), Lease::Lost);
    claimed(&*store, 30).await;
    assert_eq!(store.recover(at(31), true, 2).await.unwrap(), 1);
    let fit = store.fit(&record.tenant, record.id).await.unwrap().unwrap();
    let Some(Outcome::Failed(error)) = fit.outcome else { panic!("{:?}", fit.status) };
    assert_eq!((error.code.as_str(), fit.attempt), ("worker_lost", 7));
    let events = store.events(&record.tenant, record.id, EventId(0)).await.unwrap();
    assert!(events.is_sorted_by(|a, b| a.id < b.id));
    assert_eq!(events.last().unwrap().id, EventId::first_of_attempt(8));
    assert_eq!(store.recover(at(99), true, 2).await.unwrap(), 0);
}

async fn a_cancelled_fit_without_a_worker_ends(store: Arc<dyn Store>) {
    for release in [true, false] {
        let record = created(&*store, small(1)).await;
        let claim = claimed(&*store, 1).await;
        store.cancel(&record.tenant, record.id, at(2)).await.unwrap();
        if release {
            assert_eq!(store.release(beat_of(&claim, 3)).await.unwrap(), Lease::CancelRequested);
        } else {
            assert_eq!(store.recover(at(3), true, 3).await.unwrap(), 1);
        }
        assert_eq!(store.fit(&record.tenant, record.id).await.unwrap().unwrap().status, Status::Cancelled);
        let events = store.events(&record.tenant, record.id, EventId::first_of_attempt(1)).await.unwrap();
        assert_eq!((events[0].id, events[0].kind), (EventId::first_of_attempt(2), EventKind::Cancelled));
    }
}

async fn progress_and_terminal_event_are_stored(store: Arc<dyn Store>) {
    let record = created(&*store, small(1)).await;
    let claim = claimed(&*store, 1).await;
    let progress = Progress {
        iteration: 3,
        max_iterations: 20,
        loss: Some(0.1),
        gradient_norm: None,
        validation_loss: None,
        elapsed_seconds: 0.5,
    };
    store.heartbeat(Heartbeat { progress: Some(progress), ..beat_of(&claim, 2) }).await.unwrap();
    let beaten = store.fit(&record.tenant, record.id).await.unwrap().unwrap();
    assert_eq!(beaten.progress, Some(progress));
    assert!(beaten.version > claim.record.version);
    let event = EventId(EventId::first_of_attempt(1).0 + 9);
    let Finished::Done(done) = store.finish(Finish { event, ..end_of(&claim, 4) }).await.unwrap() else {
        panic!("stale")
    };
    assert_eq!((done.outcome, done.progress, done.finished_at), (Some(failed()), Some(progress), Some(at(4))));
    let events = store.events(&record.tenant, record.id, EventId::first_of_attempt(1)).await.unwrap();
    assert_eq!((events.len(), events[0].id, events[0].kind), (1, event, EventKind::Failed));
}

async fn a_success_after_a_cancel_keeps_its_result(store: Arc<dyn Store>) {
    let text = r#"{"coefficients":{"x":5.0},"parameters":[],"loss":0.5,"objective":0.5,"iterations":3,
        "stop_reason":"cancelled","converged":false,"gradient_norm":0.1,"metrics":{"degrees_of_freedom":2.0},"warnings":[]}"#;
    let result = Arc::new(serde_json::from_str::<FitResult>(text).unwrap());
    let predictor = Predictor {
        basis: vec![("shift".into(), vec![0.5])],
        coefficients: vec![5.0],
        levels: vec![("c".into(), vec!["u".into()])],
        classes: Vec::new(),
        band: None,
    };
    for cancel in [false, true] {
        let record = created(&*store, small(1)).await;
        let claim = claimed(&*store, 1).await;
        if cancel {
            store.cancel(&record.tenant, record.id, at(2)).await.unwrap();
        }
        let outcome = Outcome::Succeeded(result.clone());
        let finish = Finish { outcome: outcome.clone(), predictor: Some(predictor.clone()), ..end_of(&claim, 3) };
        let Finished::Done(done) = store.finish(finish).await.unwrap() else { panic!("stale") };
        let expected = if cancel { Outcome::Cancelled(Some(result.clone())) } else { outcome };
        assert_eq!(done.outcome, Some(expected));
        assert_eq!(store.fit(&record.tenant, record.id).await.unwrap(), Some(*done));
        assert_eq!(store.predictor(&record.tenant, record.id).await.unwrap(), Some(predictor.clone()));
        assert_eq!(store.predictor(&Tenant::named("other"), record.id).await.unwrap(), None);
    }
}

async fn a_caller_that_leaves_undoes_nothing(store: Arc<dyn Store>) {
    let fit = small(1);
    let (tenant, id) = (fit.tenant.clone(), fit.id);
    let mut call = store.create(fit);
    let _ = futures_util::poll!(&mut call);
    drop(call);
    store.ready().await.unwrap();
    assert!(store.fit(&tenant, id).await.unwrap().is_some());
    assert_eq!(claimed(&*store, 1).await.dataset.rows(), 4);
    assert_eq!(store.events(&tenant, id, EventId(0)).await.unwrap().len(), 2);
}

async fn a_thousand_small_fits_are_quick(store: Arc<dyn Store>) {
    let begun = std::time::Instant::now();
    let tasks: Vec<_> = (0..64)
        .map(|task| {
            let store = store.clone();
            tokio::spawn(async move {
                for round in 0..16 {
                    created(&*store, small(task * 16 + round)).await;
                    let claim = claimed(&*store, 1).await;
                    assert!(matches!(store.finish(end_of(&claim, 2)).await.unwrap(), Finished::Done(_)));
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    assert_eq!(store.counts().await.unwrap(), Counts::default());
    // Far above what it takes; without group commit it takes longer on any disk that syncs.
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
}

async fn a_closed_store_takes_no_writes(store: Arc<dyn Store>) {
    store.ready().await.unwrap();
    store.close().await.unwrap();
    store.close().await.unwrap();
    assert!(matches!(store.create(small(1)).await, Err(super::StoreError::Closed)));
    assert!(matches!(store.ready().await, Err(super::StoreError::Closed)));
}

macro_rules! promises {
    ($($promise:ident),* $(,)?) => {
        mod memory {
            $(#[tokio::test] async fn $promise() {
                super::$promise(crate::store::open(&crate::store::StoreUrl::Memory).await.unwrap()).await;
            })*
        }
        mod sqlite {
            $(#[tokio::test] async fn $promise() {
                let directory = tempfile::tempdir().unwrap();
                let url = crate::store::StoreUrl::Sqlite(directory.path().join("fitd.db"));
                super::$promise(crate::store::open(&url).await.unwrap()).await;
            })*
        }
    };
}

promises! {
    a_created_fit_is_there_whole,
    another_tenant_sees_nothing,
    one_key_makes_one_fit,
    a_full_queue_takes_nothing,
    a_tenant_over_its_quota_takes_nothing_from_others,
    tenants_take_turns,
    fewer_running_comes_before_fewer_turns,
    a_fit_waits_for_memory_and_nobody_overtakes_it,
    a_fit_on_its_last_chance_runs_alone,
    the_oldest_ends_go_first,
    the_same_data_is_kept_once,
    claims_hand_out_the_oldest_once,
    old_fences_change_nothing,
    a_cancelled_fit_never_succeeds,
    a_queued_fit_is_cancelled_at_once,
    a_deleted_fit_is_gone,
    pages_are_stable,
    history_continues_after_a_resume,
    history_starts_again_without_a_checkpoint,
    lost_leases_are_counted_and_released_ones_are_not,
    a_cancelled_fit_without_a_worker_ends,
    progress_and_terminal_event_are_stored,
    a_success_after_a_cancel_keeps_its_result,
    a_caller_that_leaves_undoes_nothing,
    a_thousand_small_fits_are_quick,
    a_closed_store_takes_no_writes,
}
