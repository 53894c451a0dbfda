//! The README's lines work as printed: each `sh` block with a `curl` in it runs in one shell, in the order in which it
//! stands, from the root of the repository.

use std::process::Stdio;

use tokio::process::Command;

use crate::app::{PATIENCE, spawn_app};

const README: &str = include_str!("../../README.md");

fn blocks() -> Vec<&'static str> {
    README
        .split("```sh\n")
        .skip(1)
        .filter_map(|rest| rest.split("```").next())
        .filter(|block| block.contains("curl"))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_readmes_lines_work_as_printed() {
    let app = spawn_app().await;
    let blocks = blocks();
    assert!(blocks.len() >= 6, "the README has {} blocks with curl", blocks.len());
    // `set -e` ends the shell at the first line that fails (`head` may cut a stream off), and `--fail-with-body` makes an error's status a failure.
    let mut script = "set -eu\ncurl() { command curl --fail-with-body \"$@\"; }\n".to_owned();
    for block in blocks {
        script.push_str(&block.replace("127.0.0.1:8080", &app.address.to_string()));
        script.push('\n');
    }
    let shell = Command::new("bash")
        .args(["-c", &script])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output();
    let output = tokio::time::timeout(PATIENCE, shell).await.expect("the README's lines should end").unwrap();
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{err}\n{out}");
    for expected in ["succeeded", "event: progress", "iteration,loss", "predictions", "diverged", "event: cancelled"] {
        assert!(out.contains(expected), "{expected} is missing in\n{out}\n{err}");
    }
}
