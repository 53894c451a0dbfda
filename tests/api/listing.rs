//! Lists: newest first, filtered, and by pages that stay what they were while fits come in.

use std::collections::BTreeSet;

use crate::app::{App, id_of, labelled, small_fit, spawn_app};
use serde_json::Value;

async fn five_fits(app: &App) -> Vec<String> {
    let mut ids = Vec::new();
    for number in 0..5 {
        let parity = if number % 2 == 0 { "even" } else { "odd" };
        ids.push(id_of(&app.fitted(&labelled("parity", parity)).await));
    }
    ids
}

fn ids_of(page: &Value) -> Vec<String> {
    page["data"].as_array().unwrap().iter().map(id_of).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_lead_through_all_fits_newest_first_while_others_come_in() {
    let app = spawn_app().await;
    let mut expected = five_fits(&app).await;
    expected.reverse();

    let mut seen = Vec::new();
    let mut query = "limit=2".to_owned();
    loop {
        let page = app.list(&query).await.expect(200).json();
        seen.extend(ids_of(&page));
        app.started(&small_fit()).await;
        let Some(next) = page["next"].as_str() else { break };
        query = format!("limit=2&after={next}");
    }
    assert_eq!(seen, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn filters_hold_together() {
    let app = spawn_app().await;
    let ids = five_fits(&app).await;
    let odd: BTreeSet<_> = [ids[1].clone(), ids[3].clone()].into();
    let list = async |query: &str| BTreeSet::from_iter(ids_of(&app.list(query).await.expect(200).json()));
    assert_eq!(list("label.parity=odd").await, odd);
    assert_eq!(list("label.parity=odd&status=succeeded").await, odd);
    assert_eq!(list("label.parity=odd&status=failed").await, BTreeSet::new());
    assert_eq!(list("label.parity=odd&label.more=1").await, BTreeSet::new());

    let third = app.fit(&ids[2]).await.json()["created_at"].as_str().unwrap().to_owned();
    assert_eq!(list(&format!("created_after={third}")).await, BTreeSet::from([ids[3].clone(), ids[4].clone()]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_that_cannot_be_asked_for_is_refused() {
    let app = spawn_app().await;
    for query in ["limit=0", "limit=1001", "limit=x", "status=done", "created_after=yesterday", "after=%21", "sort=id"]
    {
        assert_eq!(app.list(query).await.problem(400), "invalid_query", "{query}");
    }
}
