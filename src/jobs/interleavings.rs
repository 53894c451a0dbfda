//! For tests: wake-ups, cancellation and shutdown under a scheduler that tries one interleaving after another. A lost
//! wake-up is a deadlock here, which the scheduler reports with the schedule that leads to it.
//!
//! The workers, the hub and the backlog are the real ones; core and store are the small ones of the other tests.
#![expect(clippy::print_stdout, reason = "what is measured goes into the documents")]

use std::sync::Arc;

use shuttle::thread;

use super::scripted::{At, Script, draft, report, settings};
use super::shelf::Shelf;
use super::*;
use crate::descent::{Control, Observer, Outcome as Ran};
use crate::store::Store;

/// Interleavings of each story.
fn schedules() -> usize {
    std::env::var("FITD_SCHEDULES").ok().and_then(|count| count.parse().ok()).unwrap_or(2_000)
}

/// Tells one story in many interleavings: drawn evenly, and with few but deep changes of thread.
fn in_every_order(story: impl Fn() + Send + Sync + Copy + 'static) {
    // The floor keeps a runtime's handle, though nothing here runs on it.
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let _entered = runtime.enter();
    shuttle::check_random(story, schedules());
    shuttle::check_pct(story, schedules(), 3);
    println!("figure: interleavings of {} | {}", std::any::type_name_of_val(&story), 2 * schedules());
}

/// A floor with workers on it.
fn floor(workers: usize, script: Arc<Script>) -> (Arc<Floor>, Arc<Shelf>) {
    let shelf = Arc::new(Shelf::default());
    let store = Arc::clone(&shelf) as Arc<dyn Store>;
    let floor = Arc::new(Floor::new(store, settings(workers), script));
    worker::start(&floor).unwrap();
    (floor, shelf)
}

/// Steps until it is told to stop, and as if for ever. Each step gives way: a schedule in which nobody else is ever let run
/// is none of an operating system's.
fn endless() -> Arc<Script> {
    Script::running(|_, resume, observer: &mut dyn Observer| {
        for iteration in resume.map_or(0, |at| at.iteration + 1).. {
            if let Control::Stop(reason) = observer.observe(&At::iteration(iteration)) {
                return Ran::Stopped(Box::new(report(reason, iteration)));
            }
            thread::yield_now();
        }
        unreachable!("there is always a next iteration")
    })
}

fn submit(floor: &Arc<Floor>) -> FitId {
    match shuttle::future::block_on(submit::submit(Arc::clone(floor), draft(2))).unwrap() {
        Submitted::New(record) => record.id,
        Submitted::Replayed(_) => panic!("a new fit was expected"),
    }
}

/// Waits for the fit's end by the hub's word alone.
fn end(floor: &Floor, shelf: &Shelf, id: FitId) -> Status {
    let mut live = floor.hub.watch(id);
    loop {
        let seen = live.borrow_and_update().lifecycle;
        let status = shelf.state().fits[&id].record.status;
        if status.is_terminal() {
            return status;
        }
        shuttle::future::block_on(live.wait_for(|live| live.lifecycle != seen)).unwrap();
    }
}

fn stop(floor: &Floor) {
    shutdown::begin(floor);
    shuttle::future::block_on(floor.workers.subscribe().wait_for(|alive| *alive == 0)).unwrap();
}

fn every_fit_that_is_stored_is_run() {
    let (floor, shelf) = floor(2, Arc::default());
    let clients: Vec<_> = (0..3)
        .map(|_| {
            let (floor, shelf) = (Arc::clone(&floor), Arc::clone(&shelf));
            thread::spawn(move || {
                let id = submit(&floor);
                assert_eq!(end(&floor, &shelf, id), Status::Succeeded);
            })
        })
        .collect();
    clients.into_iter().for_each(|client| client.join().unwrap());
    stop(&floor);
}

fn a_cancel_reaches_its_fit_wherever_it_is() {
    let (floor, shelf) = floor(1, endless());
    let id = submit(&floor);
    let cancel = {
        let floor = Arc::clone(&floor);
        thread::spawn(move || {
            let tenant = Tenant::default();
            let _follow = floor.hub.watch(id);
            shuttle::future::block_on(follow::ask_to_cancel(&floor, &tenant, id)).unwrap().unwrap();
            // Held until the fit has ended, as by a client that waits.
            assert_eq!(end(&floor, &shelf, id), Status::Cancelled);
        })
    };
    cancel.join().unwrap();
    stop(&floor);
}

fn a_shutdown_leaves_nothing_running() {
    let (floor, shelf) = floor(2, endless());
    let (first, late) = (submit(&floor), Arc::clone(&floor));
    let client = thread::spawn(move || {
        let submitted = shuttle::future::block_on(submit::submit(late, draft(2)));
        assert!(matches!(submitted, Ok(Submitted::New(_)) | Err(SubmitError::Stopping)));
    });
    stop(&floor);
    client.join().unwrap();
    let state = shelf.state();
    for (id, kept) in &state.fits {
        assert_eq!(kept.record.status, Status::Queued, "{id}");
        assert!(kept.record.attempt == 0 || kept.checkpoint.is_some(), "{id} was put back without a checkpoint");
    }
    assert!(state.fits.contains_key(&first));
}

fn a_cancel_and_a_shutdown_at_once_end_the_fit_or_put_it_back() {
    let (floor, shelf) = floor(1, endless());
    let id = submit(&floor);
    let canceller = Arc::clone(&floor);
    let cancel = thread::spawn(move || {
        shuttle::future::block_on(follow::ask_to_cancel(&canceller, &Tenant::default(), id)).unwrap().unwrap();
    });
    stop(&floor);
    cancel.join().unwrap();
    let state = shelf.state();
    let record = &state.fits[&id].record;
    assert_ne!(record.status, Status::Running);
    // What was put back before the cancel was cancelled as a queued fit.
    assert_eq!(record.status, Status::Cancelled);
}

fn memory_and_permits_are_given_back() {
    let memory = Arc::new(memory::Memory::new(10));
    let permits = Arc::new(permits::Permits::new(2));
    let users: Vec<_> = [6_u64, 6, 3]
        .into_iter()
        .map(|needs| {
            let (memory, permits) = (Arc::clone(&memory), Arc::clone(&permits));
            thread::spawn(move || {
                loop {
                    let _permit = permits.acquire();
                    let reserved = memory.reserve(needs);
                    if reserved.bytes() == needs {
                        return;
                    }
                    drop(reserved);
                    thread::yield_now();
                }
            })
        })
        .collect();
    users.into_iter().for_each(|user| user.join().unwrap());
    assert_eq!(memory.reserve(u64::MAX).bytes(), 10);
    assert_eq!(permits.borrow(9).count(), 2);
}

#[test]
fn wake_ups_in_every_order() {
    in_every_order(every_fit_that_is_stored_is_run);
}

#[test]
fn cancels_in_every_order() {
    in_every_order(a_cancel_reaches_its_fit_wherever_it_is);
}

#[test]
fn shutdowns_in_every_order() {
    in_every_order(a_shutdown_leaves_nothing_running);
    in_every_order(a_cancel_and_a_shutdown_at_once_end_the_fit_or_put_it_back);
}

#[test]
fn budgets_in_every_order() {
    in_every_order(memory_and_permits_are_given_back);
}
