//! The binary: reads the configuration, opens the store, binds the port, and turns signals into one shutdown.

use std::process::ExitCode;

use anyhow::Context;
use clap::Parser;
use fitd::config::{Command, Config, LogFormat, LoggingConfig};
use fitd::serve::{self, StartError};
use tokio_util::sync::CancellationToken;
use tracing_subscriber::EnvFilter;

mod healthcheck;

/// Another process holds the store (`EX_TEMPFAIL`): trying again later may help.
const EXIT_LOCKED: u8 = 75;
/// The configuration or the store cannot be used (`EX_CONFIG`).
const EXIT_CONFIG: u8 = 78;

fn main() -> ExitCode {
    // Reads FAILPOINTS, in test builds alone.
    let _failpoints = fail::FailScenario::setup();
    let config = match Config::try_parse() {
        Ok(config) => config,
        Err(error) => {
            return refuse(&error);
        }
    };
    let outcome = match config.command.unwrap_or(Command::Serve) {
        Command::Healthcheck => healthcheck::check(config.listen.listen).context("the service does not answer"),
        Command::Serve => start(&config),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("fitd: {error:#}");
            ExitCode::from(code(&error))
        }
    }
}

/// Help and version go to standard output as they are; a mistake is told in one line.
fn refuse(error: &clap::Error) -> ExitCode {
    if !error.use_stderr() {
        let _ = error.print();
        return ExitCode::SUCCESS;
    }
    let text = error.to_string();
    let reason = text.lines().next().unwrap_or_default();
    eprintln!("fitd: {}", reason.trim_start_matches("error: "));
    ExitCode::from(EXIT_CONFIG)
}

fn code(error: &anyhow::Error) -> u8 {
    match error.downcast_ref::<StartError>() {
        Some(StartError::Locked(_)) => EXIT_LOCKED,
        Some(_) => EXIT_CONFIG,
        None => 1,
    }
}

fn start(config: &Config) -> anyhow::Result<()> {
    log_to_stderr(&config.logging)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().context("no runtime")?;
    let outcome = runtime.block_on(async {
        let address = config.listen.listen;
        let service = serve::open(config).await?;
        let listener =
            tokio::net::TcpListener::bind(address).await.with_context(|| format!("cannot listen on {address}"))?;
        let shutdown = CancellationToken::new();
        tokio::spawn(signals(shutdown.clone()).context("no signal handler")?);
        service.run(listener, shutdown).await;
        anyhow::Ok(())
    });
    // What blocks now is abandoned: the store is closed, and the deadline has passed.
    runtime.shutdown_background();
    outcome
}

/// The first SIGTERM or SIGINT asks for an orderly end, the second one ends at once.
fn signals(shutdown: CancellationToken) -> std::io::Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        loop {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
            if shutdown.is_cancelled() {
                std::process::exit(130);
            }
            tracing::info!("stopping; a second signal ends at once");
            shutdown.cancel();
        }
    })
}

fn log_to_stderr(logging: &LoggingConfig) -> Result<(), StartError> {
    let filter = EnvFilter::try_new(&logging.log)
        .map_err(|error| StartError::Config(format!("FITD_LOG is not a filter: {error}")))?;
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    match logging.log_format {
        LogFormat::Json => builder.json().init(),
        LogFormat::Text => builder.with_ansi(false).init(),
    }
    Ok(())
}
