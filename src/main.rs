//! The binary: reads the configuration, opens the store, binds the port, and turns signals into one shutdown.

use std::io::Write;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use clap::Parser;
use fitd::config::{Command, Config, FitArgs, LogFormat, LoggingConfig};
use fitd::serve::{self, StartError};
use fitd::terminal::{self, Ended, Fault};
use fitd::upkeep;
use tokio_util::sync::CancellationToken;
use tracing_subscriber::EnvFilter;

mod healthcheck;

/// Another process holds the store (`EX_TEMPFAIL`): trying again later may help.
const EXIT_LOCKED: u8 = 75;
/// The store's disk failed (`EX_IOERR`): a new start goes on from what is stored.
const EXIT_DISK: u8 = 74;
/// The configuration or the store cannot be used (`EX_CONFIG`).
const EXIT_CONFIG: u8 = 78;

/// A fit from the terminal cannot be made of what was asked for.
const EXIT_ASKED: u8 = 2;
/// It stopped before it converged.
const EXIT_UNCONVERGED: u8 = 3;
/// Its service does not answer (`EX_UNAVAILABLE`).
const EXIT_UNAVAILABLE: u8 = 69;
/// It was interrupted.
const EXIT_INTERRUPTED: u8 = 130;

/// How long answers may take that say that the disk has failed.
const LAST_ANSWERS: Duration = Duration::from_millis(300);

fn main() -> ExitCode {
    // Reads FAILPOINTS, in test builds alone.
    let _failpoints = fail::FailScenario::setup();
    let config = match Config::try_parse() {
        Ok(config) => config,
        Err(error) => {
            return refuse(&error);
        }
    };
    let outcome = match config.command.clone().unwrap_or(Command::Serve) {
        Command::Healthcheck => healthcheck::check(config.listen.listen).context("the service does not answer"),
        Command::Check => check(&config),
        Command::Backup { to } => backup(&config, &to),
        Command::Fit(args) => return fit(&config, &args),
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

/// Prints what was found, and fails if anything is damaged.
fn check(config: &Config) -> anyhow::Result<()> {
    let findings = upkeep::check(&upkeep::file(&config.store.store)?)?;
    let mut out = std::io::stdout().lock();
    for fault in &findings.faults {
        writeln!(out, "{fault}")?;
    }
    let fitd::upkeep::Findings { fits, datasets, faults } = &findings;
    writeln!(out, "{fits} fits and {datasets} datasets were read, {} faults found", faults.len())?;
    anyhow::ensure!(faults.is_empty(), "the store is damaged");
    Ok(())
}

fn backup(config: &Config, to: &Path) -> anyhow::Result<()> {
    upkeep::backup(&upkeep::file(&config.store.store)?, to)?;
    // What cannot be read back is no copy.
    let findings = upkeep::check(to)?;
    anyhow::ensure!(findings.faults.is_empty(), "the copy is damaged, as the store may be: run check");
    writeln!(std::io::stdout(), "{} fits and {} datasets were copied", findings.fits, findings.datasets)?;
    Ok(())
}

fn fit(config: &Config, args: &FitArgs) -> ExitCode {
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("fitd: no runtime: {error}");
            return ExitCode::FAILURE;
        }
    };
    let ended = runtime.block_on(terminal::fit(config, args));
    runtime.shutdown_background();
    ExitCode::from(match ended {
        Ok(Ended::Converged) => 0,
        Ok(Ended::Failed) => 1,
        Ok(Ended::Unconverged) => EXIT_UNCONVERGED,
        Ok(Ended::Cancelled) => EXIT_INTERRUPTED,
        Err(fault) => {
            eprintln!("fitd: {fault}");
            match fault {
                Fault::Asked(_) => EXIT_ASKED,
                Fault::Service(_) => EXIT_UNAVAILABLE,
                Fault::Write(_) => EXIT_DISK,
            }
        }
    })
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
        if let Err(error) = service.run(listener, shutdown).await {
            // The answers that say so get out; nothing is closed, since that would write.
            tokio::time::sleep(LAST_ANSWERS).await;
            eprintln!("fitd: {error}");
            std::process::exit(EXIT_DISK.into());
        }
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
