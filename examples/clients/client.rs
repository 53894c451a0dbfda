//! Fits and follows with reqwest: `cargo run --example client -- http://127.0.0.1:8080 examples/line.json`

use std::error::Error;
use std::io::Write;
use std::time::Duration;

use reqwest::Client;
use serde_json::Value;

const ENDS: [&str; 3] = ["succeeded", "failed", "cancelled"];

/// Reads events until the fit's end, or until the stream breaks; whether it was the end. `last` is the id of the last event
/// that was seen.
async fn follow(client: &Client, address: &str, last: &mut String) -> Result<bool, reqwest::Error> {
    let request = client.get(format!("{address}/events")).header("Last-Event-ID", last.as_str());
    let mut stream = request.send().await?.error_for_status()?;
    let mut text = Vec::new();
    while let Some(chunk) = stream.chunk().await? {
        text.extend_from_slice(&chunk);
        while let Some(end) = text.windows(2).position(|pair| pair == b"\n\n") {
            let block: Vec<u8> = text.drain(..end + 2).collect();
            let block = String::from_utf8_lossy(&block).into_owned();
            let field = |name: &str| block.lines().find_map(|line| line.strip_prefix(name)).map(str::to_owned);
            let (Some(id), Some(event)) = (field("id: "), field("event: ")) else { continue };
            *last = id;
            eprintln!("{event}");
            if ENDS.contains(&event.as_str()) {
                return Ok(true);
            }
        }
    }
    Ok(false)
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(address), Some(path)) = (arguments.next(), arguments.next()) else {
        return Err("the service's address and a file with a body are needed".into());
    };
    let client = Client::new();
    let request = client.post(format!("{address}/fits")).header("Content-Type", "application/json");
    // The same key makes the same fit, however often this is sent.
    let request = request.header("Idempotency-Key", uuid::Uuid::now_v7().to_string()).body(std::fs::read(path)?);
    let answer = request.send().await?;
    let (is_taken, fit) = (answer.status().is_success(), answer.json::<Value>().await?);
    if !is_taken {
        return Err(fit["detail"].as_str().unwrap_or("the service refuses").into());
    }
    let address = format!("{address}/fits/{}", fit["id"].as_str().unwrap_or_default());
    let mut last = "0".to_owned();
    while !follow(&client, &address, &mut last).await.unwrap_or(false) {
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    let fit: Value = client.get(&address).send().await?.json().await?;
    let mut out = std::io::stdout();
    writeln!(out, "{}", fit["status"].as_str().unwrap_or_default())?;
    for (name, value) in fit["result"]["coefficients"].as_object().into_iter().flatten() {
        writeln!(out, "{name} = {:.6}", value.as_f64().unwrap_or(f64::NAN))?;
    }
    Ok(())
}
