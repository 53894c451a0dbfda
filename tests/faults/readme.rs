//! The README's lines, run as printed against a fresh service.

use std::process::Stdio;

use serde_json::{Value, json};
use tokio::process::Command;
use tokio::time::timeout;

use crate::process::{PATIENCE, Place};

const README: &str = include_str!("../../README.md");

/// The shell blocks that call the service, in order.
fn calls() -> Vec<&'static str> {
    let blocks = README.split("```sh\n").skip(1).filter_map(|rest| rest.split("```").next());
    blocks.filter(|block| block.contains("curl")).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_line_of_the_readme_works_as_printed() {
    let blocks = calls();
    assert!(blocks.len() >= 6, "the README has blocks that call the service");
    let place = Place::new();
    let service = place.serve().await;
    // One shell, as a reader would paste them: later blocks use the ids of earlier ones. `-f` makes an error status one.
    let script = blocks
        .iter()
        .enumerate()
        .map(|(number, block)| format!("echo; echo '== {number}'\n{block}"))
        .collect::<String>()
        .replace("127.0.0.1:8080", &service.address.to_string())
        .replace("curl -s", "curl -f -s");
    // `head` leaves a stream early, which ends curl with an error of its own: no `pipefail`.
    let run = Command::new("bash")
        .args(["-eu", "-c", &script])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output();
    let output = timeout(PATIENCE, run).await.expect("the lines should end by themselves").unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{text}\n{}", String::from_utf8_lossy(&output.stderr));
    for shown in [
        // The first answer, as the text below it says.
        r#""coefficients":{"x":4.94,"intercept":3.09}"#,
        // The tutorial's line, its history as CSV, predictions, events, the failure with its remedy, the catalogue.
        r#""iterations":20"#,
        "iteration,loss,gradient_norm,x,intercept",
        r#""prediction":{"#,
        "event: progress",
        "event: cancelled",
        r#""code":"diverged""#,
        r#""max_stable_learning_rate":0.0919"#,
        r#""kind":"polynomial""#,
    ] {
        assert!(text.contains(shown), "{shown} is not in:\n{text}");
    }
    service.kill().await;
}

/// The JSON blocks, in order.
fn documents() -> impl Iterator<Item = Value> {
    let blocks = README.split("```json\n").skip(1).filter_map(|rest| rest.split("```").next());
    blocks.map(|block| serde_json::from_str(block).unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_bodies_of_the_readme_are_taken_and_its_problem_is_what_the_service_says() {
    let place = Place::new();
    let service = place.serve().await;
    let mut bodies = 0;
    let mut problems = 0;
    for document in documents() {
        if document.get("model").is_some() {
            let response = service.send(service.post(&document).header("Prefer", "wait=10")).await;
            assert_eq!(response.status(), 201);
            let fit: Value = response.json().await.unwrap();
            assert_eq!(fit["status"], "succeeded", "{fit}");
            // What says how many iterations it wants, gets them; what does not, converges.
            match document["stop"].get("max_iterations") {
                Some(iterations) => assert_eq!(&fit["result"]["iterations"], iterations),
                None => assert_eq!(fit["result"]["converged"], true, "{fit}"),
            }
            bodies += 1;
        } else {
            let body = json!({"data": {"x": [0, 1, 2, "3"], "y": [3.1, 7.9, 13.2, 17.8]}, "model": "linear"});
            let response = service.send(service.post(&body)).await;
            let told: Value = response.json().await.unwrap();
            for (key, value) in document.as_object().unwrap().iter().filter(|(key, _)| *key != "instance") {
                assert_eq!(&told[key], value, "{key} in {told}");
            }
            problems += 1;
        }
    }
    assert_eq!((bodies, problems), (2, 1));
    service.kill().await;
}
