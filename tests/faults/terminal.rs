//! `fitd fit`, as a person at a terminal or a script uses it.

use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};

use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;
use tokio::process::Command;
use tokio::time::timeout;

use crate::process::{PATIENCE, Place, ended, fitd};

fn example(name: &str) -> Value {
    let path = format!("{}/examples/{name}.json", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

/// The data of an example as a file.
fn csv(place: &Place, name: &str, separator: &str) -> PathBuf {
    let data = example(name)["data"].clone();
    let columns = data.as_object().unwrap();
    let names: Vec<&str> = columns.keys().map(String::as_str).collect();
    let rows = columns.values().next().unwrap().as_array().unwrap().len();
    let row = |row: usize| columns.values().map(|values| values[row].to_string()).collect::<Vec<_>>().join(separator);
    let lines: Vec<String> = std::iter::once(names.join(separator)).chain((0..rows).map(row)).collect();
    let path = place.path().join(format!("{name}.csv"));
    std::fs::write(&path, lines.join("\n")).unwrap();
    path
}

fn fit(data: &Path, arguments: &[&str]) -> Command {
    let mut command = fitd();
    command.arg("fit").arg(data).args(arguments);
    command
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

/// The row of a coefficient in what is shown, as numbers.
fn row(output: &Output, name: &str) -> Vec<f64> {
    let line = text(&output.stdout).lines().find(|line| line.split_whitespace().next() == Some(name));
    let line = line.unwrap_or_else(|| panic!("{name} is not in\n{}", text(&output.stdout)));
    line.split_whitespace().skip(1).map(|number| number.parse().unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fit_in_this_process_finds_what_a_service_does() {
    let place = Place::new();
    let service = place.serve().await;
    let server = format!("http://{}", service.address);
    let arguments = ["--formula", "a*exp(-b*x)+c", "--start", "a=3, b=1, c=0"];
    let expected = service.finished(&service.create(&example("decay")).await).await;
    for (separator, at) in [(",", vec!["--local"]), (";", vec!["--server", &server])] {
        let data = csv(&place, "decay", separator);
        let output = ended(fit(&data, &[&arguments[..], &at].concat()).arg("--json")).await;
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
        let found: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(found["result"]["coefficients"], expected["result"]["coefficients"], "{at:?}");
        let output = ended(&mut fit(&data, &[&arguments[..], &at].concat())).await;
        let shown = row(&output, "b");
        let known = &expected["result"]["parameters"][1];
        for (place, value) in
            [&known["value"], &known["standard_error"], &known["confidence_interval"][0]].into_iter().enumerate()
        {
            assert!((shown[place] / value.as_f64().unwrap() - 1.0).abs() < 1e-4, "{shown:?}");
        }
        assert!(text(&output.stdout).contains("converged after"), "{}", text(&output.stdout));
    }
    service.kill().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_that_a_fit_takes_can_be_said() {
    let place = Place::new();
    let data = csv(&place, "line", "\t");
    let all = [
        "--local",
        "--json",
        "--features",
        "x",
        "--target",
        "y",
        "--loss",
        "huber",
        "--optimizer",
        "adam",
        "--iterations",
        "7",
        "--start",
        "x=1,intercept=-2",
        "--set",
        "loss.delta=2.5",
        "--set",
        "validation={\"last_rows\": 10}",
        "--set",
        "labels.who=me",
    ];
    let output = ended(&mut fit(&data, &all)).await;
    assert_eq!(output.status.code(), Some(3), "it stops before it has converged: {}", text(&output.stderr));
    let found: Value = serde_json::from_slice(&output.stdout).unwrap();
    let spec = &found["spec"];
    assert_eq!(spec["loss"], json!({"kind": "huber", "delta": 2.5}));
    assert_eq!((&spec["optimizer"]["kind"], &spec["stop"]["max_iterations"]), (&json!("adam"), &json!(7)));
    assert_eq!((&spec["start"], &found["labels"]), (&json!({"intercept": -2.0, "x": 1.0}), &json!({"who": "me"})));
    assert_eq!(found["result"]["validation"]["rows"], 10);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_from_a_pipe_with_gaps_and_words_is_fitted_and_drawn() {
    let place = Place::new();
    let pictures = ["mine.svg", "residuals.png", "Surface.SVG"].map(|name| place.path().join(name));
    let mut command = fit(Path::new("-"), &["--local", "--target", "height"]);
    for picture in &pictures {
        command.arg("--plot").arg(picture);
    }
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let table = "\u{feff}age,site,height\n1,a,3\n2,\"b\",7\n3,a,7\n,a,100\n4,b,11\n5,a,11\n6,b,15\n";
    child.stdin.take().unwrap().write_all(table.as_bytes()).await.unwrap();
    let output = timeout(PATIENCE, child.wait_with_output()).await.unwrap().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    // height = 1 + 2·age, and 2 more at b.
    for (name, value) in [("age", 2.0), ("site=b", 2.0), ("intercept", 1.0)] {
        assert!((row(&output, name)[0] - value).abs() < 1e-6, "{}", text(&output.stdout));
    }
    let start = |at: usize| std::fs::read(&pictures[at]).unwrap()[..4].to_vec();
    assert_eq!([start(0), start(1), start(2)], [b"<svg".to_vec(), b"\x89PNG".to_vec(), b"<svg".to_vec()]);
    assert!(text(&std::fs::read(&pictures[0]).unwrap()).contains("predicted"));
    assert!(text(&std::fs::read(&pictures[2]).unwrap()).contains("Contours"));
}

#[tokio::test(flavor = "multi_thread")]
async fn each_kind_of_failure_has_its_code() {
    let place = Place::new();
    let cubic = csv(&place, "cubic", ",");
    let output =
        ended(&mut fit(&cubic, &["--local", "--model", "polynomial", "--degree", "3", "--learning-rate", "0.3"])).await;
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stdout).contains("0.0919"), "what is stable is told: {}", text(&output.stdout));
    let refused: [(&[&str], &str); 5] = [
        (&["--local", "--loss", "beauty", "--set", "sto.x=1"], "/loss: expected one of"),
        (&["--local", "--start", "x=much"], "x=much is not NAME=NUMBER"),
        (&["--local", "--plot", "picture.pdf"], "a picture is called .svg or .png"),
        (&["--local", "--set", "seed"], "it is PATH=VALUE"),
        (&["--server", "https://127.0.0.1:9"], "begins with http://"),
    ];
    for (arguments, told) in refused {
        let output = ended(&mut fit(&cubic, arguments)).await;
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(text(&output.stderr).contains(told), "{}", text(&output.stderr));
    }
    let output = ended(&mut fit(&place.path().join("none.csv"), &["--local"])).await;
    assert_eq!(output.status.code(), Some(2));
    // A port that was free a moment ago.
    let service = place.serve().await;
    let server = format!("http://{}", service.address);
    service.kill().await;
    let output = ended(&mut fit(&cubic, &["--server", &server])).await;
    assert_eq!(output.status.code(), Some(69));
    assert!(text(&output.stderr).contains("does not answer"), "{}", text(&output.stderr));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_interrupted_fit_is_cancelled_and_tells_where_it_was() {
    let place = Place::new();
    let service = place.serve().await;
    let server = format!("http://{}", service.address);
    let data = csv(&place, "long", ",");
    let endless = [
        "--server",
        &server,
        "--learning-rate",
        "1e-9",
        "--iterations",
        "10000000",
        "--set",
        "stop.gradient_tolerance=0",
    ];
    let mut command = fit(&data, &endless);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let running = async {
        loop {
            let page: Value =
                serde_json::from_str(&service.text("/fits?status=running", "application/json").await).unwrap();
            if let Some(id) = page["data"][0]["id"].as_str()
                && service.fit(id).await["progress"].is_object()
            {
                return id.to_owned();
            }
            tokio::task::yield_now().await;
        }
    };
    let id = timeout(PATIENCE, running).await.expect("the fit should descend");
    let process = child.id().unwrap().to_string();
    assert!(Command::new("kill").args(["-INT", &process]).status().await.unwrap().success());
    let output = timeout(PATIENCE, child.wait_with_output()).await.unwrap().unwrap();
    assert_eq!(output.status.code(), Some(130), "{}", text(&output.stderr));
    assert!(text(&output.stdout).starts_with("cancelled: linear"), "{}", text(&output.stdout));
    assert!(row(&output, "x000")[0].is_finite());
    assert_eq!(service.fit(&id).await["status"], "cancelled");
    service.kill().await;
}
