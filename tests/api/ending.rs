//! Cancelling and deleting, in every state.

use serde_json::json;

use crate::app::{example, id_of, small_fit, spawn_app, spawn_app_with};

const NOBODY: &str = "01936f2c-8a51-7c3e-9d40-5b1c2f7e9a10";

#[tokio::test(flavor = "multi_thread")]
async fn a_running_fit_is_cancelled_with_what_it_had_reached() {
    let app = spawn_app().await;
    let id = app.started(&example("long")).await;
    let mut events = app.events(&id, None).await;
    while events.next().await.unwrap().kind != "progress" {}

    app.cancel(&id).await.expect(200);
    let fit = app.finished(&id).await;
    assert_eq!(fit["status"], "cancelled");
    assert_eq!(fit["result"]["stop_reason"], "cancelled");
    assert_eq!(fit["result"]["converged"], false);
    assert!(fit["result"]["iterations"].as_u64().unwrap() > 0);
    assert_eq!(app.cancel(&id).await.expect(200).json(), fit, "cancelling twice changes nothing");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_queued_fit_is_cancelled_at_once() {
    let app = spawn_app_with(&["--workers", "1"]).await;
    let running = app.started(&example("long")).await;
    let mut events = app.events(&running, None).await;
    while events.next().await.unwrap().kind != "started" {}

    let queued = app.started(&example("long")).await;
    let fit = app.cancel(&queued).await.expect(200).json();
    assert_eq!((&fit["status"], &fit["attempt"]), (&json!("cancelled"), &json!(0)));
    assert!(fit.get("result").is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn cancelling_a_finished_fit_changes_nothing() {
    let app = spawn_app().await;
    let fit = app.fitted(&small_fit()).await;
    assert_eq!(app.cancel(&id_of(&fit)).await.expect(200).json(), fit);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_fit_is_gone_with_all_that_belonged_to_it() {
    let app = spawn_app().await;
    let id = id_of(&app.fitted(&small_fit()).await);
    app.delete(&id).await.expect(204);
    assert_eq!(app.fit(&id).await.problem(404), "unknown_fit");
    assert_eq!(app.history(&id, "").await.problem(404), "unknown_fit");
    assert_eq!(app.cancel(&id).await.problem(404), "unknown_fit");
    assert_eq!(app.delete(&id).await.problem(404), "unknown_fit");
    assert_eq!(app.events(&id, None).await.status, 404);
    assert_eq!(app.list("").await.json()["data"], json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_running_fit_can_be_deleted_and_frees_its_worker() {
    let app = spawn_app_with(&["--workers", "1"]).await;
    let id = app.started(&example("long")).await;
    let mut events = app.events(&id, None).await;
    while events.next().await.unwrap().kind != "started" {}
    app.delete(&id).await.expect(204);
    assert_eq!(app.fit(&id).await.problem(404), "unknown_fit");
    assert_eq!(app.fitted(&small_fit()).await["status"], "succeeded", "the only worker is free again");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_fits_key_can_be_used_again() {
    let app = spawn_app().await;
    let first = app.post_fit_with(("Idempotency-Key", "k"), &small_fit()).await.expect(201).json();
    app.delete(&id_of(&first)).await.expect(204);
    let second = app.post_fit_with(("Idempotency-Key", "k"), &small_fit()).await.expect(201);
    assert_eq!(second.header("idempotency-replayed"), None);
    assert_ne!(id_of(&second.json()), id_of(&first));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_id_and_a_malformed_one_are_the_same() {
    let app = spawn_app().await;
    for id in [NOBODY, "1", "not-an-id", "%00"] {
        assert_eq!(app.fit(id).await.problem(404), "unknown_fit", "{id}");
        assert_eq!(app.delete(id).await.problem(404), "unknown_fit", "{id}");
        assert_eq!(app.cancel(id).await.problem(404), "unknown_fit", "{id}");
        assert_eq!(app.history(id, "").await.problem(404), "unknown_fit", "{id}");
        assert_eq!(app.predict(id, &json!({"data": {"x": [1]}})).await.problem(404), "unknown_fit", "{id}");
    }
}
