//! SIGTERM while fits run with every optimizer and streams are open: an end in good order, and in time.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use futures_util::future::join_all;

use crate::bodies::{self, Size};
use crate::client::{Client, Event, Events, text};
use crate::figures::{self, number, seconds, spread};
use crate::inside;
use crate::process::{End, Place};

const END_MAX: Duration = Duration::from_secs(10);
/// What closing the streams may take.
const STREAMS_MAX: Duration = Duration::from_secs(1);
/// Computing after which heartbeats have been stored.
const COMPUTED_SECONDS: f64 = 2.5;
const ROUNDS_QUICK: u64 = 2;
const STREAMS_A_FIT: usize = 3;

/// When the last of the streams has ended.
async fn ended(streams: Vec<Events>, since: Instant) -> Duration {
    join_all(streams.into_iter().map(|mut events| async move { while events.next().await.is_some() {} })).await;
    since.elapsed()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_termination_under_load_ends_in_time_and_every_running_fit_is_queued_with_its_checkpoint() {
    let long: Vec<_> = bodies::all().into_iter().filter(|body| body.size == Size::Long).collect();
    let workers = long.len().to_string();
    let flags = ["--workers", workers.as_str()];
    let (mut to_exit, mut to_streams) = (Vec::new(), Vec::new());
    for round in 0..number("FITD_STOPS", ROUNDS_QUICK) {
        let place = Place::new();
        let service = place.serve(&flags).await;
        let client = Client::new(service.address);
        if round == 0 {
            let catalogue = client.get("/catalogue").await.unwrap().json();
            let offered: BTreeSet<_> =
                catalogue["optimizers"].as_array().unwrap().iter().map(|entry| text(entry, "/kind")).collect();
            let used: BTreeSet<_> = long.iter().map(|body| body.optimizer.clone()).collect();
            assert_eq!(used, offered, "every optimizer has a long fit");
        }
        let mut ids = Vec::new();
        for body in &long {
            ids.push(text(&client.post(body, None, 0).await.unwrap().json(), "/id"));
        }
        let mut streams = Vec::new();
        for id in &ids {
            for _ in 0..STREAMS_A_FIT {
                streams.push(client.events(id, None).await.unwrap().unwrap());
            }
        }
        let is_late = round % 2 == 1;
        for (body, streams) in long.iter().zip(streams.chunks_mut(STREAMS_A_FIT)) {
            // A search before the descent shows no progress.
            let computed = if is_late && !body.text.contains("restarts") { COMPUTED_SECONDS } else { 0.0 };
            let is_there = |event: &Event| match event.data["elapsed_seconds"].as_f64() {
                Some(elapsed) => elapsed > computed,
                None => event.kind == "started" && computed <= 0.0,
            };
            while !streams[0].next().await.is_none_or(|event| is_there(&event)) {}
        }
        let asked = Instant::now();
        service.terminate().await;
        let (closed, end) = tokio::join!(ended(streams, asked), service.exit());
        to_exit.push(asked.elapsed());
        to_streams.push(closed);
        assert_eq!(end, End::Code(0));

        let kept = inside::checkpoints(&place.store()).unwrap();
        for (body, id) in long.iter().zip(&ids) {
            let (status, has_checkpoint, began) = &kept[id];
            // Between epochs there is nothing to go on from but what the last heartbeat kept.
            let is_excused = !began || (!is_late && body.text.contains("batch_size"));
            let is_kept = status == "queued" && (*has_checkpoint || is_excused);
            assert!(is_kept || status == "succeeded", "{} is {status}, checkpoint {has_checkpoint}", body.name);
        }
    }
    figures::print("SIGTERM to exit, median / max", spread(&seconds(&to_exit), false));
    figures::print("SIGTERM to the last stream's end, median / max", spread(&seconds(&to_streams), false));
    assert!(to_exit.iter().all(|time| *time < END_MAX), "{to_exit:?}");
    assert!(to_streams.iter().all(|time| *time < STREAMS_MAX), "{to_streams:?}");
}
