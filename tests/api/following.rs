//! Events: all of them in order, and after a break exactly those that are missing.

use crate::app::{example, id_of, small_fit, spawn_app};

#[tokio::test(flavor = "multi_thread")]
async fn a_finished_fits_story_is_told_from_the_start() {
    let app = spawn_app().await;
    let fit = app.fitted(&small_fit()).await;
    let events = app.events(&id_of(&fit), None).await.rest().await;
    let kinds: Vec<_> = events.iter().map(|event| event.kind.as_str()).filter(|kind| *kind != "progress").collect();
    assert_eq!(kinds, ["queued", "started", "succeeded"]);
    assert_eq!(events.last().unwrap().data, fit, "the terminal event carries the whole fit");
    assert!(events.windows(2).all(|pair| pair[0].id < pair[1].id));
}

#[tokio::test(flavor = "multi_thread")]
async fn progress_comes_while_the_fit_runs_and_the_stream_ends_with_it() {
    let app = spawn_app().await;
    let id = app.started(&example("long")).await;
    let mut stream = app.events(&id, None).await;
    let mut iterations = Vec::new();
    while iterations.len() < 3 {
        let event = stream.next().await.expect("the fit runs");
        if event.kind == "progress" {
            iterations.push(event.data["iteration"].as_u64().unwrap());
        }
    }
    assert!(iterations.windows(2).all(|pair| pair[0] < pair[1]), "{iterations:?}");

    app.cancel(&id).await.expect(200);
    let rest = stream.rest().await;
    assert_eq!(rest.last().unwrap().kind, "cancelled");
    assert_eq!(rest.last().unwrap().data["status"], "cancelled");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_comes_back_gets_what_it_missed_and_nothing_twice() {
    let app = spawn_app().await;
    let id = id_of(&app.fitted(&small_fit()).await);
    let all = app.events(&id, None).await.rest().await;
    for (at, last) in all.iter().enumerate() {
        let mut stream = app.events(&id, Some(&last.id.to_string())).await;
        let expected: Vec<_> = all[at + 1..].iter().map(|event| event.id).collect();
        assert_eq!(stream.status, if expected.is_empty() { 204 } else { 200 });
        let rest: Vec<_> = stream.rest().await.into_iter().map(|event| event.id).collect();
        assert_eq!(rest, expected);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn after_means_the_same_as_last_event_id() {
    let app = spawn_app().await;
    let id = id_of(&app.fitted(&small_fit()).await);
    let last = app.events(&id, None).await.rest().await.last().unwrap().id;
    app.get(&format!("/fits/{id}/events?after={last}")).await.expect(204);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_id_that_is_none_of_this_fits_gets_a_snapshot_first() {
    let app = spawn_app().await;
    let fit = app.fitted(&small_fit()).await;
    for foreign in ["18446744073709551615", "not-a-number"] {
        let events = app.events(&id_of(&fit), Some(foreign)).await.rest().await;
        assert_eq!(events[0].kind, "snapshot", "{foreign}");
        assert_eq!(events[0].data, fit);
    }
}
