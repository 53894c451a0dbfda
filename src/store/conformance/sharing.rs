//! Promises about sharing: quotas, turns, memory, and what has to go when there is too much.

use std::sync::Arc;

use super::{ask, at, claimed, created, end_of, small};
use crate::fit::Tenant;
use crate::store::{Ask, Created, NewFit, Retention, Store, Turn, Waiting};

pub(super) async fn a_tenant_over_its_quota_takes_nothing_from_others(store: Arc<dyn Store>) {
    let of = |name: &str, seed| NewFit { tenant: Tenant::named(name), quota: 2, ..small(seed) };
    for seed in 0..2 {
        created(&*store, of("a", seed)).await;
    }
    assert!(matches!(store.create(of("a", 3)).await.unwrap(), Created::QuotaFull { queued: 2 }));
    created(&*store, of("b", 3)).await;
    let waiting = store.waiting().await.unwrap();
    assert_eq!(waiting.iter().map(|waiting| waiting.queued).sum::<u64>(), 3);
    claimed(&*store, 1).await;
    created(&*store, of("a", 4)).await;
}

pub(super) async fn tenants_take_turns(store: Arc<dyn Store>) {
    let of = |name: &str, seed| NewFit { tenant: Tenant::named(name), ..small(seed) };
    for seed in 0..6 {
        created(&*store, of("flood", seed)).await;
    }
    for _ in 0..2 {
        let claim = claimed(&*store, 1).await;
        store.finish(end_of(&claim, 2)).await.unwrap();
    }
    for seed in 6..9 {
        created(&*store, of("late", seed)).await;
    }
    let mut order = Vec::new();
    for _ in 0..6 {
        let claim = claimed(&*store, 3).await;
        order.push(claim.record.tenant.as_str().to_owned());
        store.finish(end_of(&claim, 4)).await.unwrap();
    }
    // The late one starts where the flood is, not with the turns that it did not ask for.
    assert_eq!(order.iter().filter(|name| *name == "late").count(), 3, "{order:?}");
    assert!(order.windows(3).all(|three| three.iter().any(|name| name != &three[0])), "{order:?}");
}

pub(super) async fn fewer_running_comes_before_fewer_turns(store: Arc<dyn Store>) {
    let of = |name: &str, seed| NewFit { tenant: Tenant::named(name), ..small(seed) };
    for seed in 0..4 {
        created(&*store, of("a", seed)).await;
    }
    let (_first, _second) = (claimed(&*store, 1).await, claimed(&*store, 1).await);
    created(&*store, of("b", 5)).await;
    assert_eq!(claimed(&*store, 2).await.record.tenant, Tenant::named("b"));
    let waiting = store.waiting().await.unwrap();
    assert_eq!(waiting, [Waiting { tenant: Tenant::named("a"), queued: 2, running: 2 }]);
}

pub(super) async fn a_fit_waits_for_memory_and_nobody_overtakes_it(store: Arc<dyn Store>) {
    let large = created(&*store, NewFit { memory_bytes: 800, ..small(1) }).await;
    created(&*store, small(2)).await;
    let short = Ask { memory_bytes: 700, ..ask(1) };
    assert!(matches!(store.claim(&short).await.unwrap(), Turn::TooLarge { memory_bytes: 800 }));
    let Turn::Claimed(claim) = store.claim(&ask(1)).await.unwrap() else { panic!("there is memory") };
    assert_eq!((claim.record.id, claim.memory_bytes), (large.id, 800));
    store.finish(end_of(&claim, 2)).await.unwrap();
    claimed(&*store, 3).await;
    // What can never be free is handed out, so that it can be refused.
    created(&*store, NewFit { memory_bytes: 1_001, ..small(3) }).await;
    let Turn::Claimed(claim) = store.claim(&short).await.unwrap() else { panic!("beyond the budget") };
    assert_eq!(claim.memory_bytes, 1_001);
}

pub(super) async fn a_fit_on_its_last_chance_runs_alone(store: Arc<dyn Store>) {
    let suspect = created(&*store, NewFit { memory_bytes: 10, ..small(1) }).await;
    for second in 0..2 {
        assert_eq!(claimed(&*store, second).await.memory_bytes, 10);
        assert_eq!(store.recover(at(second), true, 3).await.unwrap(), 1);
    }
    let beside = Ask { memory_bytes: 999, ..ask(3) };
    assert!(matches!(store.claim(&beside).await.unwrap(), Turn::TooLarge { memory_bytes: 1_000 }));
    let claim = claimed(&*store, 4).await;
    assert_eq!((claim.record.id, claim.memory_bytes), (suspect.id, 1_000));
}

pub(super) async fn the_oldest_ends_go_first(store: Arc<dyn Store>) {
    let mut ended = Vec::new();
    for second in 0..6 {
        created(&*store, small(second)).await;
        let claim = claimed(&*store, second.into()).await;
        store.finish(end_of(&claim, i64::from(second) + 10)).await.unwrap();
        ended.push(claim.record.id);
    }
    let queued = created(&*store, small(9)).await;
    let by_age = Retention { ended_before: at(12), bytes_max: None, batch: 100 };
    let trimmed = store.trim(by_age).await.unwrap();
    assert_eq!((trimmed.removed, trimmed.more), (ended[..2].to_vec(), false));
    assert!(store.trim(by_age).await.unwrap().removed.is_empty(), "asked again, nothing is left to do");
    let batch = Retention { ended_before: at(99), batch: 1, ..by_age };
    let trimmed = store.trim(batch).await.unwrap();
    assert_eq!((trimmed.removed, trimmed.more), (ended[2..3].to_vec(), true));

    let by_size = Retention { ended_before: at(0), bytes_max: Some(trimmed.bytes), batch: 100 };
    assert!(store.trim(by_size).await.unwrap().removed.is_empty(), "it is within its size");
    let nothing = Retention { bytes_max: Some(0), ..by_size };
    assert_eq!(store.trim(nothing).await.unwrap().removed, ended[3..]);
    assert!(store.fit(&queued.tenant, queued.id).await.unwrap().is_some(), "what waits is not let go");
    assert_eq!(claimed(&*store, 20).await.record.id, queued.id);
}
