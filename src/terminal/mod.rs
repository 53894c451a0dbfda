//! `fitd fit`: a fit from the terminal, by a service or in this process. It speaks to either over HTTP, as any client does.

mod body;
mod client;
mod show;
mod table;

use std::io::Write;
use std::net::{Ipv4Addr, SocketAddr};

use serde_json::Value;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::config::{Config, FitArgs};
use crate::serve;

use client::Client;
use show::Progress;

/// How a fit from the terminal ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// It converged.
    Converged,
    /// It has failed, and was told why.
    Failed,
    /// It has a result, but stopped before it converged.
    Unconverged,
    /// It was interrupted, and cancelled.
    Cancelled,
}

/// Why there was no fit.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// What was asked for cannot be done.
    #[error("{0}")]
    Asked(String),
    /// The service does not answer, or not as it should.
    #[error("{0}")]
    Service(String),
    /// A file cannot be written.
    #[error("{0}")]
    Write(#[from] std::io::Error),
}

/// Fits what the arguments say, shows how it goes, and prints what was found.
///
/// # Errors
/// When there was no fit: see [`Fault`].
pub async fn fit(config: &Config, args: &FitArgs) -> Result<Ended, Fault> {
    let body = body::body(args)?;
    let pictures = body::pictures(args)?;
    let shutdown = CancellationToken::new();
    let server = if args.local { local(config, shutdown.clone()).await? } else { args.server.clone() };
    let client = Client::new(&server)?;
    let ended = followed(&client, &body, args, &pictures).await;
    shutdown.cancel();
    ended
}

/// A service in this process, with a store in memory, for this fit alone.
async fn local(config: &Config, shutdown: CancellationToken) -> Result<String, Fault> {
    let mut config = config.clone();
    "memory:".clone_into(&mut config.store.store);
    let service = serve::open(&config).await.map_err(|error| Fault::Service(error.to_string()))?;
    let listener = TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).await?;
    let address = listener.local_addr()?;
    tokio::spawn(service.run(listener, shutdown));
    Ok(format!("http://{address}"))
}

async fn followed(client: &Client, body: &Value, args: &FitArgs, pictures: &[body::Picture]) -> Result<Ended, Fault> {
    let id = client.create(body).await?;
    let mut progress = Progress::new();
    let mut stream = client.follow(&id);
    let mut interrupted = false;
    let fit = loop {
        tokio::select! {
            event = stream.next() => match event? {
                client::Event::Progress(at) => progress.show(&at),
                client::Event::End(fit) => break fit,
            },
            // The fit ends with what it has reached, which is told like any end.
            signal = tokio::signal::ctrl_c(), if !interrupted => {
                signal?;
                interrupted = true;
                client.cancel(&id).await?;
            }
        }
    };
    progress.end();
    let mut out = std::io::stdout().lock();
    if args.json {
        serde_json::to_writer_pretty(&mut out, &fit).map_err(std::io::Error::from)?;
        writeln!(out)?;
    } else {
        let losses = client.losses(&id).await?;
        write!(out, "{}", show::told(&fit, &losses))?;
    }
    let has_result = fit.get("result").is_some();
    for picture in pictures.iter().filter(|_| has_result) {
        std::fs::write(&picture.file, client.picture(&id, &picture.name).await?)?;
    }
    Ok(match fit["status"].as_str() {
        Some("failed") => Ended::Failed,
        Some("cancelled") => Ended::Cancelled,
        _ if fit["result"]["converged"] == true => Ended::Converged,
        _ => Ended::Unconverged,
    })
}
