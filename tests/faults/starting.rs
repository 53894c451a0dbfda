//! Starts that must not succeed: a store that another has, a file that is no store, a configuration that means nothing.

use std::fs;

use tokio::process::Command;

use crate::process::{Place, ended, fitd};

const LOCKED: i32 = 75;
const CONFIG: i32 = 78;

/// Runs the command to its end, which must have this code, and gives its one reason.
async fn refused(command: &mut Command, code: i32) -> String {
    let output = ended(command).await;
    let (out, err) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
    assert_eq!(output.status.code(), Some(code), "{err}");
    assert_eq!(out, "");
    assert!(!err.contains("listening"), "it had bound its port: {err}");
    // The parser of flags adds an indented line with the possible values, and after an empty line how to get help.
    let mut lines = err.split("\n\n").next().unwrap().lines();
    let reason = lines.next().expect("a reason").to_owned();
    assert!(lines.all(|line| line.starts_with(' ')), "{err}");
    reason
}

fn serve(store: &str) -> Command {
    let mut command = fitd();
    command.env("FITD_LISTEN", "127.0.0.1:0").env("FITD_STORE", store);
    command
}

#[tokio::test]
async fn a_second_process_on_the_same_store_gives_way() {
    let place = Place::new();
    let service = place.serve().await;
    let reason = refused(&mut serve(&place.store()), LOCKED).await;
    assert!(reason.contains("another process holds the store"), "{reason}");
    assert!(service.text("/livez", "*/*").await.len() < 1000, "the first one lives on");
    service.kill().await;
    // The lock ends with its process, so that the next start needs no help.
    place.serve().await.kill().await;
}

#[tokio::test]
async fn a_file_that_is_no_store_is_refused_and_left_as_it_is() {
    let place = Place::new();
    let foreign = "dear diary, this is no store\n".repeat(500);
    fs::write(place.file(), &foreign).unwrap();
    let reason = refused(&mut serve(&place.store()), CONFIG).await;
    assert!(reason.contains("cannot be used"), "{reason}");
    assert_eq!(fs::read_to_string(place.file()).unwrap(), foreign);

    let missing = format!("sqlite:{}", place.path().join("not-mounted/fitd.db").display());
    refused(&mut serve(&missing), CONFIG).await;
    assert!(!place.path().join("not-mounted").exists());
}

#[tokio::test]
async fn a_configuration_that_means_nothing_is_refused_before_anything_is_bound() {
    for (name, value, about) in [
        ("FITD_LISTEN", "everywhere", "--listen"),
        ("FITD_LISTEN", "127.0.0.1:65536", "--listen"),
        ("FITD_WORKERS", "0", "--workers"),
        ("FITD_ATTEMPTS", "0", "--attempts"),
        ("FITD_LEASE_SECONDS", "soon", "--lease-seconds"),
        ("FITD_MAX_ITERATIONS", "-1", "--max-iterations"),
        ("FITD_HISTORY_POINTS", "1", "--history-points"),
        ("FITD_LOG_FORMAT", "xml", "--log-format"),
        ("FITD_LOG", "=loud=", "FITD_LOG"),
        ("FITD_STORE", "", "--store"),
        ("FITD_STORE", "fitd.db", "fitd.db"),
    ] {
        let reason = refused(serve("memory:").env(name, value), CONFIG).await;
        assert!(reason.contains(about) || about == "--store", "{name}={value}: {reason}");
    }
    let reason = refused(serve("memory:").arg("--frobnicate"), CONFIG).await;
    assert!(reason.contains("--frobnicate"), "{reason}");
    refused(serve("memory:").arg("frobnicate"), CONFIG).await;
}

#[tokio::test]
async fn a_refused_start_tells_no_secret() {
    for store in [
        "postgres://fitd:hunter2@db/fits",
        "mysql://fitd:hunter2@db",
        "fitd:hunter2@db",
        "hunter2@db",
        "postgres://db?password=hunter2",
    ] {
        let reason = refused(&mut serve(store), CONFIG).await;
        assert!(!reason.contains("hunter2"), "{reason}");
    }
}

#[tokio::test]
async fn a_port_that_is_taken_is_an_error_that_names_it() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let reason = ended(serve("memory:").env("FITD_LISTEN", &address)).await;
    assert_eq!(reason.status.code(), Some(1));
    let text = String::from_utf8(reason.stderr).unwrap();
    assert!(text.contains(&format!("cannot listen on {address}")), "{text}");
}
