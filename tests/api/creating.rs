//! Posting a fit: stored before it is answered, once for each key, or not at all.

use reqwest::Method;
use serde_json::{Value, json};

use crate::app::{id_of, labelled, small_fit, spawn_app};

#[tokio::test(flavor = "multi_thread")]
async fn a_posted_fit_can_be_read_until_it_succeeds() {
    let app = spawn_app().await;
    let answer = app.post_fit(&small_fit()).await.expect(201);
    let fit = answer.json();
    assert_eq!(answer.header("location"), fit["links"]["self"].as_str());
    assert_eq!(answer.header("preference-applied"), None);

    let fit = app.finished(&id_of(&fit)).await;
    assert_eq!(fit["status"], "succeeded");
    assert_eq!(fit["attempt"], 1);
    assert_eq!(fit["dataset"]["rows"], 4);
    assert_eq!(fit["result"]["converged"], true);
    let slope = fit["result"]["coefficients"]["x"].as_f64().unwrap();
    let intercept = fit["result"]["coefficients"]["intercept"].as_f64().unwrap();
    assert!((slope - 4.94).abs() < 1e-9 && (intercept - 3.09).abs() < 1e-9, "{slope} {intercept}");
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_mean_the_same_as_columns() {
    let app = spawn_app().await;
    let mut by_rows = small_fit();
    by_rows["data"] = json!({"columns": ["x", "y"], "rows": [[0, 3.1], [1, 7.9], [2, 13.2], [3, 17.8]]});
    let (one, other) = (app.fitted(&small_fit()).await, app.fitted(&by_rows).await);
    assert_eq!(one["dataset"]["sha256"], other["dataset"]["sha256"]);
    assert_eq!(one["result"], other["result"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_prefers_to_wait_is_answered_in_one_round_trip() {
    let app = spawn_app().await;
    let answer = app.post_fit_with(("Prefer", "wait=30"), &small_fit()).await.expect(201);
    assert_eq!(answer.header("preference-applied"), Some("wait=30"));
    assert_eq!(answer.json()["status"], "succeeded");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dry_run_resolves_everything_and_creates_nothing() {
    let app = spawn_app().await;
    let plan = app.dry_run(&small_fit()).await.expect(200).json();
    assert_eq!(plan["estimate"]["coefficients"], 2);
    assert_eq!(plan["spec"]["model"]["features"], json!(["x"]));
    assert_ne!(plan["spec"]["optimizer"]["kind"], "auto");
    assert_eq!(app.list("").await.expect(200).json()["data"], json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_resolved_spec_posted_again_makes_the_same_fit() {
    let app = spawn_app().await;
    let first = app.fitted(&small_fit()).await;
    let mut again = first["spec"].clone();
    again["data"] = small_fit()["data"].clone();
    let second = app.fitted(&again).await;
    assert_eq!(first["spec"], second["spec"]);
    assert_eq!(first["result"], second["result"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn sixty_four_posts_with_one_key_make_one_fit() {
    let app = spawn_app().await;
    let body = small_fit();
    let posts = (0..64).map(|_| app.post_fit_with(("Idempotency-Key", "once"), &body));
    let answers = futures_util::future::join_all(posts).await;

    let ids: std::collections::BTreeSet<_> =
        answers.iter().map(|answer| id_of(&answer.clone().expect(201).json())).collect();
    assert_eq!(ids.len(), 1);
    let new = answers.iter().filter(|answer| answer.header("idempotency-replayed").is_none()).count();
    assert_eq!(new, 1, "one answer made the fit, the others replay it");
    assert_eq!(app.list("").await.json()["data"].as_array().unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_not_good_for_another_request() {
    let app = spawn_app().await;
    app.post_fit_with(("Idempotency-Key", "k"), &small_fit()).await.expect(201);
    let other = app.post_fit_with(("Idempotency-Key", "k"), &labelled("a", "b")).await;
    assert_eq!(other.problem(422), "idempotency_key_reused");
    assert_eq!(app.list("").await.json()["data"].as_array().unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unchanged_fit_is_not_sent_again() {
    let app = spawn_app().await;
    let fit = app.fitted(&small_fit()).await;
    let path = format!("/fits/{}", id_of(&fit));
    let tag = app.get(&path).await.expect(200).header("etag").unwrap().to_owned();
    let request = app.request(Method::GET, &path).header("If-None-Match", &tag);
    let again = app.send(request).await.expect(304);
    assert_eq!(again.header("etag"), Some(tag.as_str()));
    let request = app.request(Method::GET, &path).header("If-None-Match", "\"another\"");
    app.send(request).await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_id_is_kept_and_stands_in_the_problem() {
    let app = spawn_app().await;
    let request = app.request(Method::GET, "/nowhere").header("X-Request-Id", "mine-1");
    let answer = app.send(request).await.expect(404);
    assert_eq!(answer.header("x-request-id"), Some("mine-1"));
    assert_eq!(answer.json()["instance"], Value::from("mine-1"));
}
