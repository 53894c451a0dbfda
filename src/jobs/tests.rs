//! The jobs as a whole, on a scripted core and a small store. Runs wait for the test through channels, never for time.

use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use super::scripted::{Script, descend, draft, settings};
use super::shelf::Shelf;
use super::*;
use crate::descent::{Checkpoint, Observer, Outcome as Ran, StopReason};
use crate::fit::{EventKind, Outcome};
use crate::store::{Ask, Turn};

/// Longer than any answer takes; a test that reaches it has failed.
const LONG: Duration = Duration::from_secs(30);

async fn start(shelf: &Arc<Shelf>, settings: JobSettings, script: Arc<Script>) -> Jobs {
    Jobs::start_with(Arc::clone(shelf) as Arc<dyn Store>, settings, script).await.unwrap()
}

async fn submit(jobs: &Jobs, draft: Draft) -> FitId {
    match jobs.submit(draft).await.unwrap() {
        Submitted::New(record) => record.id,
        Submitted::Replayed(_) => panic!("a new fit was expected"),
    }
}

async fn end(jobs: &Jobs, id: FitId) -> FitRecord {
    let record = jobs.wait(&Tenant::default(), id, None, LONG).await.unwrap().unwrap();
    assert!(record.status.is_terminal(), "{:?}", record.status);
    record
}

/// A core that says when it runs and then steps until it is stopped.
fn endless() -> (Arc<Script>, mpsc::Receiver<Option<Checkpoint>>) {
    let (says, started) = mpsc::channel();
    let script = Script::running(move |_, resume, observer: &mut dyn Observer| {
        says.send(resume.cloned()).unwrap();
        descend(resume.map_or(0, |at| at.iteration + 1), u64::MAX - 1, observer)
    });
    (script, started)
}

/// Waits on a channel of a run without holding up the test's runtime.
async fn heard<T: Send + 'static>(receiver: mpsc::Receiver<T>) -> (T, mpsc::Receiver<T>) {
    let heard = move || (receiver.recv_timeout(LONG).unwrap(), receiver);
    tokio::task::spawn_blocking(heard).await.unwrap()
}

#[tokio::test]
async fn a_fit_is_stored_run_and_found_with_its_history_events_and_predictions() {
    let shelf = Arc::new(Shelf::default());
    let jobs = start(&shelf, settings(2), Arc::default()).await;
    let id = submit(&jobs, draft(20)).await;
    let record = end(&jobs, id).await;
    assert_eq!((record.status, record.attempt), (Status::Succeeded, 1));
    let Some(Outcome::Succeeded(result)) = record.outcome else { panic!("no result") };
    assert_eq!(result.iterations, 20);

    let tenant = Tenant::default();
    let (_, history) = jobs.history(&tenant, id, 0, u64::MAX).await.unwrap().unwrap();
    assert_eq!(history.iterations, (0..=20).collect::<Vec<_>>());
    let events = jobs.events(&tenant, id, EventId(0)).await.unwrap();
    let first = EventId::first_of_attempt(1);
    assert_eq!(
        events.iter().map(|event| (event.id, event.kind)).collect::<Vec<_>>(),
        [(EventId(1), EventKind::Queued), (first, EventKind::Started), (first.next(), EventKind::Succeeded)]
    );
    let found = jobs.predict(&tenant, id, draft(1).data, Some(0.5)).await.unwrap();
    assert_eq!(found.predictions, [0.0, 20.0, 40.0]);
    let wrong = Arc::new(Dataset::new(vec![("u".to_owned(), vec![1.0])]).unwrap());
    let Err(PredictError::Invalid(violations)) = jobs.predict(&tenant, id, wrong, None).await else { panic!() };
    assert_eq!(violations[0].pointer, "/data");
    // A fit that ends within a heartbeat writes none.
    assert_eq!(*shelf.beats.borrow(), 0);
}

#[tokio::test]
async fn a_running_fit_is_cancelled_and_frees_its_thread_for_the_next() {
    let (script, started) = endless();
    let jobs = start(&Arc::default(), settings(1), script).await;
    let (first, second) = (submit(&jobs, draft(1)).await, submit(&jobs, draft(1)).await);
    let (_, started) = heard(started).await;
    let tenant = Tenant::default();
    assert!(matches!(jobs.predict(&tenant, first, draft(1).data, None).await, Err(PredictError::NotFinished)));
    let record = jobs.cancel(&tenant, first).await.unwrap().unwrap();
    assert_eq!(record.status, Status::Cancelled);
    assert!(record.outcome.unwrap().result().is_some());
    let (_, _started) = heard(started).await;
    assert!(jobs.delete(&tenant, second).await.unwrap());
    assert!(jobs.fit(&tenant, second).await.unwrap().is_none());
    assert!(!jobs.delete(&tenant, second).await.unwrap());
    assert!(jobs.cancel(&tenant, second).await.unwrap().is_none());
    assert_eq!(jobs.cancel(&tenant, first).await.unwrap().unwrap().status, Status::Cancelled);
}

#[tokio::test]
async fn a_panic_fails_its_fit_and_nothing_else() {
    let panics = Mutex::new(true);
    let script = Script::running(move |spec, _, observer: &mut dyn Observer| {
        observer.observe(&super::scripted::At::iteration(0));
        let first = std::mem::replace(&mut *panics.lock().unwrap(), false);
        assert!(!first, "scripted");
        descend(1, spec.stop.max_iterations, observer)
    });
    let jobs = start(&Arc::default(), settings(1), script).await;
    let (first, second) = (submit(&jobs, draft(5)).await, submit(&jobs, draft(5)).await);
    let Some(Outcome::Failed(error)) = end(&jobs, first).await.outcome else { panic!("not a failure") };
    assert_eq!(error.code, "internal");
    assert!(error.incident.is_some() && !error.detail.contains("scripted"));
    assert!(matches!(jobs.predict(&Tenant::default(), first, draft(1).data, None).await, Err(PredictError::Failed)));
    assert_eq!(end(&jobs, second).await.status, Status::Succeeded);
}

#[tokio::test]
async fn a_full_store_delays_the_end_of_a_fit_and_does_not_lose_it() {
    let shelf = Arc::new(Shelf::default());
    let (script, started) = endless();
    let jobs = start(&shelf, settings(1), script).await;
    let id = submit(&jobs, draft(1)).await;
    let _started = heard(started).await;
    shelf.state().refusals = 3;
    jobs.cancel(&Tenant::default(), id).await.unwrap();
    assert_eq!(end(&jobs, id).await.status, Status::Cancelled);
    assert_eq!(shelf.state().refusals, 0);
}

#[tokio::test]
async fn shutdown_puts_a_running_fit_back_and_the_next_process_goes_on_from_its_checkpoint() {
    let shelf = Arc::new(Shelf::default());
    let (script, started) = endless();
    let jobs = start(&shelf, settings(1), script).await;
    let id = submit(&jobs, draft(1)).await;
    let (resume, _started) = heard(started).await;
    assert!(resume.is_none());
    jobs.shutdown(LONG).await;
    assert!(matches!(jobs.submit(draft(1)).await, Err(SubmitError::Stopping)));
    assert!(jobs.ready().await.is_err());
    let stood_at = {
        let mut state = shelf.state();
        assert!(std::mem::replace(&mut state.closed, false));
        let kept = &state.fits[&id];
        assert_eq!(kept.record.status, Status::Queued);
        let checkpoint = kept.checkpoint.as_ref().unwrap();
        assert_eq!(kept.record.progress.unwrap().iteration, checkpoint.iteration);
        assert!(checkpoint.elapsed_seconds > 0.0);
        checkpoint.iteration
    };

    let (script, started) = endless();
    let jobs = start(&shelf, settings(1), script).await;
    let (resume, _started) = heard(started).await;
    assert_eq!(resume.unwrap().iteration, stood_at);
    let record = jobs.cancel(&Tenant::default(), id).await.unwrap().unwrap();
    assert_eq!((record.status, record.attempt), (Status::Cancelled, 2));
    let kept = jobs.events(&Tenant::default(), id, EventId(0)).await.unwrap();
    assert!(kept.windows(2).all(|pair| pair[0].id < pair[1].id));
}

#[tokio::test]
async fn heartbeats_store_what_is_new_survive_a_full_store_and_show_live_history() {
    let shelf = Arc::new(Shelf::default());
    let (go, gate) = mpsc::channel::<u64>();
    let gate = Mutex::new(gate);
    // Steps as far as the test says, one after another.
    let script = Script::running(move |_, _, observer: &mut dyn Observer| {
        let mut next = 0;
        while let Ok(to) = gate.lock().unwrap().recv() {
            if let Ran::Stopped(report) = descend(next, to, observer)
                && report.stop_reason != StopReason::MaxIterations
            {
                return Ran::Stopped(report);
            }
            next = to + 1;
        }
        descend(next, next, observer)
    });
    // With a heartbeat of no time each look at the clock hands one over, if none is under way.
    let settings = JobSettings { heartbeat: Duration::ZERO, progress_interval: Duration::ZERO, ..settings(1) };
    let jobs = start(&shelf, settings, script).await;
    let id = submit(&jobs, draft(1)).await;
    let tenant = Tenant::default();
    let mut beats = shelf.beats.subscribe();
    shelf.state().refusals = 1;
    go.send(0).unwrap();
    tokio::time::timeout(LONG, beats.wait_for(|count| *count == 1)).await.unwrap().unwrap();
    assert!(shelf.state().fits[&id].history.is_empty());
    let (_, live) = jobs.history(&tenant, id, 0, u64::MAX).await.unwrap().unwrap();
    assert_eq!(live.iterations, [0]);
    assert_eq!(jobs.fit(&tenant, id).await.unwrap().unwrap().progress.unwrap().iteration, 0);

    let mut next = 1;
    while shelf.state().fits[&id].history.is_empty() {
        go.send(next).unwrap();
        next += 1;
        tokio::task::yield_now().await;
    }
    assert_eq!(shelf.state().fits[&id].history.iterations[0], 0);
    drop(go);
    let record = end(&jobs, id).await;
    assert_eq!(record.status, Status::Succeeded);
    let (_, history) = jobs.history(&tenant, id, 0, u64::MAX).await.unwrap().unwrap();
    assert_eq!(history.iterations, (0..=next).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_fit_that_was_taken_away_is_dropped_without_a_trace() {
    let shelf = Arc::new(Shelf::default());
    let (script, started) = endless();
    let settings = JobSettings { heartbeat: Duration::ZERO, ..settings(1) };
    let jobs = start(&shelf, settings, script).await;
    let id = submit(&jobs, draft(1)).await;
    let (_, started) = heard(started).await;
    // Another process took it: the fence is higher now.
    shelf.state().fits.get_mut(&id).unwrap().record.attempt = 7;
    let next = submit(&jobs, draft(1)).await;
    let (_, _started) = heard(started).await;
    let tenant = Tenant::default();
    let record = jobs.fit(&tenant, id).await.unwrap().unwrap();
    assert_eq!((record.status, record.attempt), (Status::Running, 7));
    assert_eq!(jobs.cancel(&tenant, next).await.unwrap().unwrap().status, Status::Cancelled);
}

#[tokio::test]
async fn a_draft_is_refused_replayed_or_turned_away() {
    let shelf = Arc::new(Shelf::default());
    let (script, started) = endless();
    let jobs = start(&shelf, JobSettings { queue_max: 1, ..settings(1) }, script).await;
    let keyed = |fingerprint| {
        let idempotency = Some(IdempotencyKey { key: "k".to_owned(), fingerprint: [fingerprint; 32] });
        Draft { idempotency, ..draft(1) }
    };
    let id = submit(&jobs, keyed(1)).await;
    let Submitted::Replayed(record) = jobs.submit(keyed(1)).await.unwrap() else { panic!("not a replay") };
    assert_eq!(record.id, id);
    assert!(matches!(jobs.submit(keyed(2)).await, Err(SubmitError::KeyReused)));
    let _started = heard(started).await;
    submit(&jobs, draft(1)).await;
    let full = jobs.submit(draft(1)).await;
    assert!(matches!(full, Err(SubmitError::QueueFull { queued: 1, limit: 1 })), "{full:?}");
    let mut invalid = draft(1);
    invalid.data = Arc::new(Dataset::new(vec![("u".to_owned(), vec![1.0])]).unwrap());
    assert!(matches!(jobs.submit(invalid).await, Err(SubmitError::Invalid(_))));
    assert_eq!(shelf.state().fits.len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_pass_keeps_the_leases_of_runs_here_and_frees_those_of_no_one() {
    let shelf = Arc::new(Shelf::default());
    let floor = Floor::new(Arc::clone(&shelf) as Arc<dyn Store>, settings(1), Arc::new(Script::default()));
    let floor = Arc::new(floor);
    let mut ids = Vec::new();
    for _ in 0..2 {
        let Submitted::New(record) = submit::submit(Arc::clone(&floor), draft(1)).await.unwrap() else { panic!() };
        ids.push(record.id);
    }
    // Claims of long ago: one runs here, the other one's worker is gone.
    let ask = Ask {
        owner: "here".into(),
        now: Timestamp::UNIX_EPOCH,
        lease: Duration::from_secs(1),
        memory_bytes: 0,
        memory_bytes_max: 0,
        weights: Arc::default(),
        attempts_max: 3,
    };
    let Turn::Claimed(claim) = floor.store.claim(&ask).await.unwrap() else { panic!("two are queued") };
    let Turn::Claimed(other) = floor.store.claim(&ask).await.unwrap() else { panic!("one is queued") };
    let running = floor.hub.start(&claim);
    reconcile::pass(&floor).await.unwrap();
    let status = |id: FitId| shelf.state().fits[&id].record.status;
    assert_eq!((status(claim.record.id), status(other.record.id)), (Status::Running, Status::Queued));
    assert!(running.run.lease_until() > Timestamp::now());
    reconcile::pass(&floor).await.unwrap();
    assert_eq!(*shelf.beats.borrow(), 1);
    assert!(floor.backlog.take());
}

#[tokio::test]
async fn a_dropped_submit_still_stores_and_runs_its_fit() {
    let shelf = Arc::new(Shelf::default());
    let (script, started) = endless();
    let jobs = start(&shelf, settings(1), script).await;
    let mut submit = Box::pin(jobs.submit(draft(1)));
    tokio::select! {
        biased;
        _ = submit.as_mut() => panic!("stored within one poll"),
        () = std::future::ready(()) => {}
    }
    drop(submit);
    let (_, _started) = heard(started).await;
    let id = *shelf.state().fits.keys().next().unwrap();
    assert_eq!(jobs.cancel(&Tenant::default(), id).await.unwrap().unwrap().status, Status::Cancelled);
}
