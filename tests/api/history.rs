//! The loss of every iteration, in ranges, in strides and in two forms.

use reqwest::Method;
use serde_json::{Value, json};

use crate::app::{example, id_of, small_fit, spawn_app};

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|number| number.as_f64().unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn twenty_iterations_have_twenty_one_points() {
    let app = spawn_app().await;
    let fit = app.fitted(&example("line")).await;
    let history = app.history(&id_of(&fit), "").await.expect(200).json();
    assert_eq!(history["iteration"], json!((0..=20).collect::<Vec<_>>()));
    assert_eq!(history["coefficients"]["x"][0], -8.0);
    assert_eq!(history["loss"][20], fit["result"]["loss"]);
    assert_eq!(history["coefficients"]["intercept"][20], fit["result"]["coefficients"]["intercept"]);
    assert_eq!((&history["stride"], &history["has_more"]), (&json!(1), &json!(false)));
}

#[tokio::test(flavor = "multi_thread")]
async fn coefficients_are_kept_only_when_asked_for() {
    let app = spawn_app().await;
    let id = id_of(&app.fitted(&small_fit()).await);
    assert!(app.history(&id, "").await.expect(200).json().get("coefficients").is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn ranges_put_together_are_the_whole() {
    let app = spawn_app().await;
    let id = id_of(&app.fitted(&example("line")).await);
    let whole = app.history(&id, "").await.json();

    let (mut iterations, mut losses, mut from) = (Vec::new(), Vec::new(), 0);
    loop {
        let part = app.history(&id, &format!("from={from}&limit=8")).await.expect(200).json();
        iterations.extend(numbers(&part["iteration"]));
        losses.extend(numbers(&part["loss"]));
        let Some(next) = part["next"].as_u64() else { break };
        assert!(next > from, "a range leads on");
        from = next;
    }
    assert_eq!(iterations, numbers(&whole["iteration"]));
    assert_eq!(losses, numbers(&whole["loss"]));
}

#[tokio::test(flavor = "multi_thread")]
async fn every_fifth_iteration() {
    let app = spawn_app().await;
    let id = id_of(&app.fitted(&example("line")).await);
    let part = app.history(&id, "every=5").await.expect(200).json();
    assert_eq!(part["iteration"], json!([0, 5, 10, 15, 20]));
    let whole = app.history(&id, "").await.json();
    assert_eq!(part["loss"][1], whole["loss"][5]);
}

#[tokio::test(flavor = "multi_thread")]
async fn csv_has_the_same_bits_as_json() {
    let app = spawn_app().await;
    let id = id_of(&app.fitted(&example("line")).await);
    let json = app.history(&id, "").await.json();
    let answer = app.history_csv(&id, "").await.expect(200);
    assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));

    let mut reader = csv::Reader::from_reader(answer.body.as_slice());
    let header: Vec<_> = reader.headers().unwrap().iter().map(str::to_owned).collect();
    assert_eq!(header, ["iteration", "loss", "gradient_norm", "x", "intercept"]);
    let rows: Vec<Vec<f64>> = reader.deserialize().map(Result::unwrap).collect();
    assert_eq!(rows.len(), 21);
    let column = |at: usize| rows.iter().map(|row| row[at].to_bits()).collect::<Vec<_>>();
    let bits = |value: &Value| numbers(value).into_iter().map(f64::to_bits).collect::<Vec<_>>();
    assert_eq!(column(1), bits(&json["loss"]));
    assert_eq!(column(2), bits(&json["gradient_norm"]));
    assert_eq!(column(3), bits(&json["coefficients"]["x"]));
    assert_eq!(column(4), bits(&json["coefficients"]["intercept"]));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_read_is_refused() {
    let app = spawn_app().await;
    let id = id_of(&app.fitted(&small_fit()).await);
    for query in ["from=-1", "from=x", "limit=0", "limit=1000001", "every=0", "to=3"] {
        assert_eq!(app.history(&id, query).await.problem(400), "invalid_query", "{query}");
    }
    let request = app.request(Method::GET, &format!("/fits/{id}/history")).header("Accept", "image/png");
    assert_eq!(app.send(request).await.problem(406), "not_acceptable");
}
