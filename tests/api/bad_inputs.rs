//! Hostile requests as a table: each has one right answer, and none leaves anything behind.

use reqwest::Method;
use serde_json::{Value, json};

use crate::app::{App, spawn_app, spawn_app_with};

/// One row of the table.
struct Case {
    id: &'static str,
    method: Method,
    path: &'static str,
    headers: Vec<(&'static str, Vec<u8>)>,
    body: Vec<u8>,
    status: u16,
    code: &'static str,
    pointer: Option<&'static str>,
}

impl Case {
    /// A body for `POST /fits` and what it gets.
    fn body(id: &'static str, body: impl Into<Vec<u8>>, status: u16, code: &'static str) -> Self {
        let headers = vec![("content-type", b"application/json".to_vec())];
        Self { id, method: Method::POST, path: "/fits", headers, body: body.into(), status, code, pointer: None }
    }

    /// The small fit with the change `at` = `value`, and the 422 that it gets at the same place.
    fn field(id: &'static str, at: &'static str, value: Value, code: &'static str) -> Self {
        Self::body(id, with(at, value).to_string(), 422, code).at(at)
    }

    /// A request without a body.
    fn request(id: &'static str, method: Method, path: &'static str, status: u16, code: &'static str) -> Self {
        Self { id, method, path, headers: Vec::new(), body: Vec::new(), status, code, pointer: None }
    }

    fn at(mut self, pointer: &'static str) -> Self {
        self.pointer = Some(pointer);
        self
    }

    fn header(mut self, name: &'static str, value: impl Into<Vec<u8>>) -> Self {
        self.headers.retain(|(other, _)| *other != name);
        self.headers.push((name, value.into()));
        self
    }
}

/// A fit of five rows with `value` put at the JSON Pointer `at`.
fn with(at: &str, value: Value) -> Value {
    let mut fit = json!({
        "data": {"x": [0, 1, 2, 3, 4], "y": [3.1, 7.9, 13.2, 17.8, 23.0], "w": [1, 1, 2, 2, 1]},
        "model": {"kind": "linear", "features": ["x"], "target": "y"},
        "optimizer": {"kind": "gradient_descent"},
        "penalty": {}, "stop": {}, "labels": {}, "history": {}
    });
    let (parent, key) = at.rsplit_once('/').unwrap();
    match fit.pointer_mut(parent).unwrap_or_else(|| panic!("{parent} is not in the fit")) {
        Value::Array(list) => list[key.parse::<usize>().unwrap()] = value,
        object => object[key] = value,
    }
    fit
}

fn raw(data: &str) -> String {
    format!(r#"{{"data": {data}, "model": "linear"}}"#)
}

fn syntax() -> Vec<Case> {
    let bad = |id, body: &str| Case::body(id, body, 400, "invalid_json");
    vec![
        bad("empty body", ""),
        bad("truncated", r#"{"data": {"x": [1, 2"#),
        bad("trailing garbage", &format!("{} x", raw(r#"{"x": [1], "y": [1]}"#))),
        bad("byte order mark", &format!("\u{feff}{}", raw(r#"{"x": [1], "y": [1]}"#))),
        bad("NaN", &raw(r#"{"x": [NaN], "y": [1]}"#)),
        bad("Infinity", &raw(r#"{"x": [-Infinity], "y": [1]}"#)),
        bad("lone surrogate", &raw(r#"{"\ud800": [1], "y": [1]}"#)),
        bad("leading zero", &raw(r#"{"x": [01], "y": [1]}"#)),
        bad("trailing comma", &raw(r#"{"x": [1,], "y": [1]}"#)),
        Case::body("bad utf-8", b"{\"data\": \"\xff\"}".to_vec(), 400, "invalid_json"),
        Case::body("deep arrays", "[".repeat(100_000), 400, "json_too_deep"),
        Case::body("deep objects", r#"{"a":"#.repeat(100_000), 400, "json_too_deep"),
        Case::body("deep data", raw(&"[".repeat(100_000)), 400, "json_too_deep"),
        Case::body("1e999", raw(r#"{"x": [0, 1e999], "y": [1, 2]}"#), 400, "number_out_of_range").at("/data/x/1"),
        Case::body("an array", "[]", 422, "invalid_value").at(""),
        Case::body("a number", "7", 422, "invalid_value").at(""),
    ]
}

fn data() -> Vec<Case> {
    let refused = |id, data: &str, code, at| Case::body(id, raw(data), 422, code).at(at);
    vec![
        Case::field("null value", "/data/x/3", Value::Null, "invalid_value"),
        Case::field("string value", "/data/x/3", json!("1.0"), "invalid_value"),
        Case::field("boolean value", "/data/x/3", json!(true), "invalid_value"),
        Case::field("nested value", "/data/x/3", json!([1]), "invalid_value"),
        Case::field("column of an object", "/data/x", json!({}), "invalid_value"),
        Case::field("data of a string", "/data", json!("x"), "invalid_value"),
        Case::field("short column", "/data/y", json!([1, 2]), "dimension_mismatch"),
        refused("no columns", "{}", "dimension_mismatch", "/data"),
        refused("no rows", r#"{"x": [], "y": []}"#, "dimension_mismatch", "/data/x"),
        refused("no rows by row", r#"{"columns": ["x", "y"], "rows": []}"#, "dimension_mismatch", "/data/rows"),
        refused("ragged", r#"{"columns": ["x", "y"], "rows": [[1, 2], [3]]}"#, "dimension_mismatch", "/data/rows/1"),
        refused("wide row", r#"{"columns": ["x", "y"], "rows": [[1, 2, 3]]}"#, "dimension_mismatch", "/data/rows/0"),
        refused("null by row", r#"{"columns": ["x", "y"], "rows": [[1, null]]}"#, "invalid_value", "/data/rows/0/1"),
        refused("column twice", r#"{"x": [1], "y": [1], "x": [2]}"#, "duplicate_field", "/data/x"),
        refused(
            "column twice by row",
            r#"{"columns": ["y", "y"], "rows": [[1, 2]]}"#,
            "duplicate_field",
            "/data/columns/1",
        ),
        refused("dataset by id", r#"{"dataset_id": "x"}"#, "unsupported_data_source", "/data/dataset_id"),
        refused("dataset by url", r#"{"url": "http://127.0.0.1/"}"#, "unsupported_data_source", "/data/url"),
        refused("dataset by path", r#"{"path": "/etc/passwd"}"#, "unsupported_data_source", "/data/path"),
        too_many_columns(),
    ]
}

fn too_many_columns() -> Case {
    let columns: serde_json::Map<_, _> = (0..4097).map(|k| (format!("c{k}"), json!([1]))).collect();
    Case::body("4,097 columns", raw(&Value::Object(columns).to_string()), 422, "too_many_columns").at("/data")
}

fn choices() -> Vec<Case> {
    let field = Case::field;
    vec![
        Case::body("no data", r#"{"model": "linear"}"#, 422, "missing_field").at("/data"),
        Case::body("no model", r#"{"data": {"x": [1], "y": [1]}}"#, 422, "missing_field").at("/model"),
        Case::body(
            "key twice",
            r#"{"data": {"x": [1], "y": [1]}, "model": "linear", "seed": 1, "seed": 2}"#,
            422,
            "duplicate_field",
        )
        .at("/seed"),
        field("tenant", "/tenant_id", json!("a"), "unknown_field"),
        field("status", "/status", json!("succeeded"), "unknown_field"),
        field("id", "/id", json!("a"), "unknown_field"),
        field("misspelled", "/model/feature", json!("x"), "unknown_field"),
        field("unknown model", "/model", json!("quadratic"), "invalid_value"),
        field("model of null", "/model", Value::Null, "invalid_value"),
        field("no kind", "/model", json!({"target": "y"}), "missing_field").at("/model/kind"),
        field("no degree", "/model", json!({"kind": "polynomial", "feature": "x"}), "missing_field")
            .at("/model/degree"),
        field("foreign target", "/model/target", json!("z"), "unknown_column"),
        field("foreign feature", "/model/features", json!(["x", "z"]), "unknown_column").at("/model/features/1"),
        field("feature twice", "/model/features", json!(["x", "x"]), "invalid_value").at("/model/features/1"),
        field("target as a feature", "/model/features", json!(["x", "y"]), "invalid_value").at("/model/features/1"),
        field("degree 21", "/model", polynomial(&json!(21)), "model_too_large").at("/model/degree"),
        field("degree 10^9", "/model", polynomial(&json!(1_000_000_000)), "model_too_large").at("/model/degree"),
        field("degree -1", "/model", polynomial(&json!(-1)), "invalid_value").at("/model/degree"),
        field("degree 1.5", "/model", polynomial(&json!(1.5)), "invalid_value").at("/model/degree"),
        field("unknown loss", "/loss", json!("cubed"), "invalid_value"),
        field("unknown optimizer", "/optimizer", json!("magic"), "invalid_value"),
        field("unknown schedule", "/optimizer/schedule", json!("weekly"), "invalid_value"),
        field("unknown scaling", "/scaling", json!("big"), "invalid_value"),
        field("learning rate 0", "/optimizer/learning_rate", json!(0), "invalid_value"),
        field("learning rate -1", "/optimizer/learning_rate", json!(-1), "invalid_value"),
        field("learning rate by a word", "/optimizer/learning_rate", json!("fast"), "invalid_value"),
        field("momentum 1", "/optimizer/momentum", json!(1), "invalid_value"),
        field("nesterov by a word", "/optimizer/nesterov", json!("yes"), "invalid_value"),
    ]
}

fn polynomial(degree: &Value) -> Value {
    json!({"kind": "polynomial", "feature": "x", "degree": degree, "target": "y"})
}

fn settings() -> Vec<Case> {
    let field = Case::field;
    let labels: serde_json::Map<_, _> = (0..65).map(|k| (format!("k{k}"), json!("v"))).collect();
    vec![
        field("iterations -1", "/stop/max_iterations", json!(-1), "invalid_value"),
        field("iterations 1.5", "/stop/max_iterations", json!(1.5), "invalid_value"),
        field("iterations as a string", "/stop/max_iterations", json!("10"), "invalid_value"),
        Case::body(
            "iterations 1e3",
            with("/stop/max_iterations", json!(7)).to_string().replace(":7}", ":1e3}"),
            422,
            "invalid_value",
        )
        .at("/stop/max_iterations"),
        Case::body(
            "iterations 2^64",
            with("/stop/max_iterations", json!(7)).to_string().replace(":7}", ":18446744073709551616}"),
            422,
            "invalid_value",
        )
        .at("/stop/max_iterations"),
        field("iterations 10^15", "/stop/max_iterations", json!(1_000_000_000_000_000_u64), "limit_exceeded"),
        field("a day", "/stop/max_seconds", json!(86_400), "limit_exceeded"),
        field("no time", "/stop/max_seconds", json!(0), "invalid_value"),
        field("tolerance below 0", "/stop/gradient_tolerance", json!(-1e-9), "invalid_value"),
        field("loss tolerance below 0", "/stop/loss_tolerance", json!(-1), "invalid_value"),
        field("unknown rule", "/stop/patience", json!(3), "unknown_field"),
        field("l2 below 0", "/penalty/l2", json!(-1), "invalid_value"),
        field("l1 below 0", "/penalty/l1", json!(-0.5), "invalid_value"),
        field("penalty on what", "/penalty/on", json!("all"), "invalid_value"),
        field("start of a foreign name", "/start", json!({"z": 1}), "invalid_value").at("/start/z"),
        field("start by a word", "/start", json!("somewhere"), "invalid_value"),
        field("start of a string", "/start", json!({"x": "1"}), "invalid_value").at("/start/x"),
        field("foreign weights", "/weights", json!({"column": "z"}), "unknown_column").at("/weights/column"),
        field("kind of weights", "/weights", json!({"column": "w", "kind": "heavy"}), "invalid_value")
            .at("/weights/kind"),
        field("seed -1", "/seed", json!(-1), "invalid_value"),
        field("seed 0.5", "/seed", json!(0.5), "invalid_value"),
        field("label of a number", "/labels", json!({"a": 1}), "invalid_value").at("/labels/a"),
        field("65 labels", "/labels", Value::Object(labels), "limit_exceeded"),
        field("long label", "/labels", json!({"a": "v".repeat(257)}), "limit_exceeded").at("/labels/a"),
        field("covariance", "/covariance", json!("best"), "invalid_value"),
        field("confidence 1", "/confidence", json!(1), "invalid_value"),
        field("confidence 0", "/confidence", json!(0), "invalid_value"),
        field("history by a word", "/history/coefficients", json!("all"), "invalid_value"),
        field("unknown history", "/history/gradient", json!(true), "unknown_field"),
    ]
}

fn protocol() -> Vec<Case> {
    let good = || Case::body("", with("/seed", json!(1)).to_string(), 0, "");
    let changed = |id, name, value: &[u8], status, code| Case { id, status, code, ..good().header(name, value) };
    let request = Case::request;
    vec![
        changed("text", "content-type", b"text/plain", 415, "unsupported_media_type"),
        Case { headers: Vec::new(), ..changed("no type", "accept", b"*/*", 415, "unsupported_media_type") },
        changed("unknown encoding", "content-encoding", b"compress", 415, "unsupported_encoding"),
        changed("double encoding", "content-encoding", b"gzip, gzip", 415, "unsupported_encoding"),
        changed("empty key", "idempotency-key", b"", 400, "invalid_idempotency_key"),
        changed("long key", "idempotency-key", &[b'k'; 10_240], 400, "invalid_idempotency_key"),
        changed("key beyond ASCII", "idempotency-key", "ключ".as_bytes(), 400, "invalid_idempotency_key"),
        changed("foreign host", "host", b"evil.example", 403, "host_not_allowed"),
        changed("foreign origin", "origin", b"https://evil.example", 403, "cross_site_request"),
        changed("cross site", "sec-fetch-site", b"cross-site", 403, "cross_site_request"),
        Case { path: "/fits?dry_run=perhaps", ..changed("dry run", "accept", b"*/*", 400, "invalid_query") },
        Case { path: "/fits?wet_run=true", ..changed("unknown query", "accept", b"*/*", 400, "invalid_query") },
        request("unknown path", Method::GET, "/nothing/here", 404, "not_found"),
        request("wrong method", Method::PUT, "/fits", 405, "method_not_allowed"),
        request("trace", Method::TRACE, "/livez", 405, "method_not_allowed"),
        request("unknown method", Method::from_bytes(b"BREW").unwrap(), "/catalogue", 405, "method_not_allowed"),
        request(
            "a wait of words",
            Method::GET,
            "/fits/01936f2c-8a51-7c3e-9d40-5b1c2f7e9a10?wait=long",
            400,
            "invalid_query",
        ),
    ]
}

async fn try_case(app: &App, case: Case) -> Result<(), String> {
    let id = case.id;
    let mut request = app.request(case.method, case.path).body(case.body);
    for (name, value) in case.headers {
        request = request.header(name, value);
    }
    let answer = app.send(request).await;
    let problem = answer.json();
    let found = (answer.status.as_u16(), problem["code"].as_str(), problem["pointer"].as_str());
    let same = found.0 == case.status
        && found.1 == Some(case.code)
        && case.pointer.is_none_or(|pointer| found.2 == Some(pointer));
    let expected = (case.status, case.code, case.pointer);
    if same { Ok(()) } else { Err(format!("{id}: {found:?} instead of {expected:?}: {}", problem["detail"])) }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_bad_input_has_its_one_answer() {
    let app = spawn_app().await;
    let cases: Vec<_> = [syntax(), data(), choices(), settings(), protocol()].into_iter().flatten().collect();
    let all = cases.len();
    let mut wrong = Vec::new();
    for case in cases {
        wrong.extend(try_case(&app, case).await.err());
    }
    eprintln!("bad inputs: {} of {all} as documented", all - wrong.len());
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(app.list("").await.expect(200).json()["data"], json!([]), "nothing was stored");
}

#[tokio::test(flavor = "multi_thread")]
async fn all_faults_are_told_at_once() {
    let app = spawn_app().await;
    let mut fit = with("/stop/max_iterations", json!(-1));
    fit["data"]["x"][2] = Value::Null;
    fit["optimizer"]["learning_rate"] = json!(0);
    fit["extra"] = json!(1);
    let problem = app.post_fit(&fit).await.expect(422).json();
    let pointers: std::collections::BTreeSet<_> =
        problem["errors"].as_array().unwrap().iter().map(|error| error["pointer"].as_str().unwrap()).collect();
    let expected = ["/data/x/2", "/extra", "/optimizer/learning_rate", "/stop/max_iterations"];
    assert_eq!(pointers, expected.into());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_too_large_is_told_with_limit_and_actual() {
    let app = spawn_app().await;
    let iterations = app.post_fit(&with("/stop/max_iterations", json!(10_000_001))).await.expect(422).json();
    assert_eq!((&iterations["limit"], &iterations["actual"]), (&json!(10_000_000), &json!(10_000_001)));

    let large = vec![b' '; 16 * 1024 * 1024 + 1];
    let request = app.request(Method::POST, "/fits").header("content-type", "application/json").body(large);
    let body = app.send(request).await.expect(413).json();
    assert_eq!((&body["code"], &body["limit"]), (&json!("body_too_large"), &json!(16 * 1024 * 1024)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_queue_says_when_to_come_back() {
    let app = spawn_app_with(&["--workers", "1", "--queue", "1"]).await;
    let running = app.started(&crate::app::example("long")).await;
    let mut events = app.events(&running, None).await;
    while events.next().await.unwrap().kind != "started" {}
    app.started(&crate::app::example("long")).await;
    let answer = app.post_fit(&crate::app::example("long")).await;
    assert!(answer.header("retry-after").is_some());
    assert_eq!(answer.problem(503), "overloaded");
}
