//! For tests: the jobs as tenants and machines see them that have to share: turns, memory, retention, and runs that do not
//! stop. On the store in memory, with runs by script.
#![expect(clippy::print_stdout, reason = "what is measured goes into the documents")]

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::time::{Duration, Instant};

use super::scripted::{Script, descend, draft, settings};
use super::*;
use crate::descent::{Checkpoint, Control, Observer};
use crate::fit::Outcome;
use crate::store::{StoreUrl, open};

/// Longer than any answer takes; a test that reaches it has failed.
const LONG: Duration = Duration::from_secs(60);

async fn start(settings: JobSettings, script: Arc<Script>) -> Jobs {
    Jobs::start_with(open(&StoreUrl::Memory).await.unwrap(), settings, script).await.unwrap()
}

async fn submit(jobs: &Jobs, tenant: &str, iterations: u64) -> FitId {
    let draft = Draft { tenant: Tenant::named(tenant), ..draft(iterations) };
    match jobs.submit(draft).await.unwrap() {
        Submitted::New(record) => record.id,
        Submitted::Replayed(_) => panic!("a new fit was expected"),
    }
}

async fn end(jobs: &Jobs, tenant: &str, id: FitId) -> FitRecord {
    let record = jobs.wait(&Tenant::named(tenant), id, None, LONG).await.unwrap().unwrap();
    assert!(record.status.is_terminal(), "{:?}", record.status);
    record
}

/// A core whose iterations take a millisecond each.
fn slow() -> Arc<Script> {
    Script::running(|spec, resume, observer: &mut dyn Observer| {
        let from = resume.map_or(0, |at| at.iteration + 1);
        super::scripted::descend_paced(from, spec.stop.max_iterations, observer, Duration::from_millis(1))
    })
}

/// How long one fit takes alone, and how long it takes while another tenant has flooded the queue with fits of
/// `iterations`.
async fn flooded(iterations: u64) -> (Duration, Duration) {
    let jobs = start(JobSettings { queue_max: 20_000, quota: 20_000, ..settings(2) }, slow()).await;
    let alone = Instant::now();
    let id = submit(&jobs, "quiet", 500).await;
    end(&jobs, "quiet", id).await;
    let alone = alone.elapsed();
    for _ in 0..10_000 {
        submit(&jobs, "flood", iterations).await;
    }
    let among = Instant::now();
    let id = submit(&jobs, "quiet", 500).await;
    let record = end(&jobs, "quiet", id).await;
    assert_eq!(record.status, Status::Succeeded);
    jobs.shutdown(LONG).await;
    (alone, among.elapsed())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenant_that_floods_the_queue_delays_another_by_its_share_alone() {
    // Fits that are over soon, and fits that outlast every patience and have to give way.
    for iterations in [20, 3_600_000] {
        let (alone, among) = flooded(iterations).await;
        println!(
            "figure: one fit alone / among 10,000 of another tenant of {} ms each | {:.2} s / {:.2} s",
            iterations,
            alone.as_secs_f64(),
            among.as_secs_f64()
        );
        assert!(among <= alone * 2 + Duration::from_secs(1), "{alone:?} alone, {among:?} among others");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fit_that_gave_way_goes_on_where_it_stood() {
    let resumed = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&resumed);
    let script = Script::running(move |spec, resume, observer: &mut dyn Observer| {
        seen.lock().unwrap().push(resume.map(|at: &Checkpoint| at.iteration));
        let from = resume.map_or(0, |at| at.iteration + 1);
        super::scripted::descend_paced(from, spec.stop.max_iterations, observer, Duration::from_millis(1))
    });
    let jobs = start(settings(1), script).await;
    let long = submit(&jobs, "a", 2_000).await;
    let mut live = jobs.watch(long);
    live.wait_for(|live| live.lifecycle > 0).await.unwrap();
    let short = submit(&jobs, "b", 20).await;
    let first = end(&jobs, "b", short).await;
    let last = end(&jobs, "a", long).await;
    assert!(first.finished_at < last.finished_at, "the short one did not wait for the long one's end");
    assert_eq!((last.status, last.attempt), (Status::Succeeded, 2));
    let resumed = resumed.lock().unwrap().clone();
    assert!(resumed.len() == 3 && resumed[2].is_some_and(|iteration| iteration > 0), "{resumed:?}");
    let (_, history) = jobs.history(&Tenant::named("a"), long, 0, u64::MAX).await.unwrap().unwrap();
    assert_eq!(history.iterations, (0..=2_000).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread")]
async fn memory_is_never_promised_twice_and_large_fits_get_their_turn() {
    const BUDGET: u64 = 1_000;
    let (held, most, runs) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)), AtomicUsize::new(0));
    let (now, peak) = (Arc::clone(&held), Arc::clone(&most));
    let script = Script {
        // A fit's iterations are what it needs.
        memory: Some(Box::new(|spec| spec.stop.max_iterations)),
        run: Some(Box::new(move |spec, _, observer| {
            let needs = spec.stop.max_iterations;
            peak.fetch_max(now.fetch_add(needs, Ordering::SeqCst) + needs, Ordering::SeqCst);
            runs.fetch_add(1, Ordering::SeqCst);
            std::thread::yield_now();
            let outcome = descend(0, 5, observer);
            now.fetch_sub(needs, Ordering::SeqCst);
            outcome
        })),
        ..Script::default()
    };
    let settings = JobSettings { memory_bytes_max: BUDGET, queue_max: 200, quota: 200, ..settings(8) };
    let jobs = start(settings, Arc::new(script)).await;
    let mut ids = Vec::new();
    for number in 0..200_u64 {
        ids.push(submit(&jobs, "a", [30, 400, 10, 1_000, 250][number as usize % 5]).await);
    }
    for id in ids {
        assert_eq!(end(&jobs, "a", id).await.status, Status::Succeeded);
    }
    let most = most.load(Ordering::SeqCst);
    assert!((600..=BUDGET).contains(&most), "{most} bytes at once");
    assert!(matches!(
        jobs.plan(&Draft { tenant: Tenant::named("a"), ..draft(1_001) }),
        Err(violations) if violations[0].code == "memory_budget"
    ));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fit_taken_under_a_larger_budget_is_refused_and_holds_up_nobody() {
    let store = open(&StoreUrl::Memory).await.unwrap();
    let needs = || Arc::new(Script { memory: Some(Box::new(|spec| spec.stop.max_iterations)), ..Script::default() });
    let stopped = JobSettings { memory_bytes_max: 1_000, ..settings(1) };
    let (script, started) = blocking();
    let script =
        Script { memory: Some(Box::new(|spec| spec.stop.max_iterations)), run: Some(script), ..Script::default() };
    let before = Jobs::start_with(Arc::clone(&store), stopped, Arc::new(script)).await.unwrap();
    submit(&before, "a", 1).await;
    let _started = heard(started).await;
    let (large, small) = (submit(&before, "a", 900).await, submit(&before, "a", 5).await);
    // The same store under another process with less memory.
    let after = JobSettings { memory_bytes_max: 100, ..settings(1) };
    let after = Jobs::start_with(store, after, needs()).await.unwrap();
    let Some(Outcome::Failed(error)) = end(&after, "a", large).await.outcome else { panic!("not refused") };
    assert_eq!(error.code, "memory_budget");
    assert_eq!(end(&after, "a", small).await.status, Status::Succeeded);
}

/// A run that says that it is there, and then hears nothing of what it is asked until the test drops its end.
#[expect(clippy::type_complexity, reason = "the closure's type is said once")]
fn blocking() -> (
    Box<dyn Fn(&crate::descent::Spec, Option<&Checkpoint>, &mut dyn Observer) -> crate::descent::Outcome + Send + Sync>,
    mpsc::Receiver<mpsc::Sender<()>>,
) {
    let (says, started) = mpsc::channel();
    let run = move |_: &crate::descent::Spec, _: Option<&Checkpoint>, observer: &mut dyn Observer| {
        let (holds, held) = mpsc::channel();
        says.send(holds).unwrap();
        let _ = held.recv();
        let stop = observer.observe(&super::scripted::At::iteration(0));
        assert!(matches!(stop, Control::Stop(_) | Control::Continue));
        descend(1, 2, observer)
    };
    (Box::new(run), started)
}

async fn heard<T: Send + 'static>(receiver: mpsc::Receiver<T>) -> (T, mpsc::Receiver<T>) {
    tokio::task::spawn_blocking(move || (receiver.recv_timeout(LONG).unwrap(), receiver)).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fit_that_does_not_stop_is_told_of_and_keeps_its_worker() {
    let (run, started) = blocking();
    let script = Arc::new(Script { run: Some(run), ..Script::default() });
    let jobs = start(JobSettings { stuck_after: Duration::ZERO, ..settings(2) }, script).await;
    let id = submit(&jobs, "a", 5).await;
    let (holds, started) = heard(started).await;
    assert_eq!(jobs.ready().await.unwrap().stuck, 0);
    let record = jobs.cancel(&Tenant::named("a"), id).await.unwrap().unwrap();
    assert_eq!(record.status, Status::Running, "it does not listen");
    let health = jobs.ready().await.unwrap();
    assert_eq!((health.stuck, health.workers), (1, 2));
    let other = submit(&jobs, "a", 5).await;
    let (second, _started) = heard(started).await;
    drop(second);
    assert_eq!(end(&jobs, "a", other).await.status, Status::Succeeded, "the other worker works on");
    drop(holds);
    assert_eq!(end(&jobs, "a", id).await.status, Status::Cancelled);
    assert_eq!(jobs.ready().await.unwrap().stuck, 0);
}

#[tokio::test(start_paused = true)]
async fn finished_fits_go_when_their_time_is_over() {
    let jobs = start(JobSettings { retention: Some(Duration::ZERO), ..settings(1) }, Arc::default()).await;
    let id = submit(&jobs, "a", 5).await;
    let tenant = Tenant::named("a");
    let mut live = jobs.watch(id);
    while jobs.fit(&tenant, id).await.unwrap().is_some() {
        // Its followers hear of it, so that they can read and find nothing.
        live.changed().await.unwrap();
    }
    assert!(jobs.events(&tenant, id, EventId(0)).await.unwrap().is_empty());
}
