//! The binary as a child process, started and ended by its handle. It knows nothing of fits.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Output, Stdio};
use std::time::Duration;

use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::watch;
use tokio::time::timeout;

/// How long a test waits for something that should come soon.
pub(crate) const PATIENCE: Duration = Duration::from_secs(120);

/// The binary with nothing of this environment's configuration.
pub(crate) fn fitd() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_fitd"));
    let ours = std::env::vars_os().map(|(name, _)| name).filter(|name| name.to_string_lossy().starts_with("FITD_"));
    ours.for_each(|name| {
        command.env_remove(name);
    });
    command.stdin(Stdio::null()).kill_on_drop(true);
    command
}

/// Runs the binary to its end.
pub(crate) async fn ended(command: &mut Command) -> Output {
    timeout(PATIENCE, command.output()).await.expect("the process should end by itself").unwrap()
}

/// A directory for a store.
pub(crate) struct Place {
    directory: TempDir,
}

impl Place {
    pub(crate) fn new() -> Self {
        Self { directory: tempfile::tempdir().unwrap() }
    }

    pub(crate) fn path(&self) -> &Path {
        self.directory.path()
    }

    pub(crate) fn file(&self) -> PathBuf {
        self.path().join("fitd.db")
    }

    /// The store's name in the configuration.
    pub(crate) fn store(&self) -> String {
        format!("sqlite:{}", self.file().display())
    }

    /// The service on this store, as soon as it listens. Leases are short, so that heartbeats are frequent.
    pub(crate) async fn serve(&self) -> Service {
        Service::start(fitd().args(["serve", "--listen", "127.0.0.1:0", "--store", &self.store()]).args([
            "--lease-seconds",
            "2",
            "--workers",
            "2",
        ]))
        .await
    }
}

/// A running service. It is killed when this is dropped.
pub(crate) struct Service {
    pub(crate) address: SocketAddr,
    child: Child,
    log: watch::Receiver<String>,
}

impl Service {
    pub(crate) async fn start(command: &mut Command) -> Self {
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let (sender, log) = watch::channel(String::new());
        tokio::spawn(async move {
            while let Ok(Some(line)) = lines.next_line().await {
                sender.send_modify(|log| *log = format!("{log}{line}\n"));
            }
        });
        let mut service = Self { address: SocketAddr::from(([0, 0, 0, 0], 0)), child, log };
        let log = service.logged("listening address=").await;
        let address = log.split("listening address=").nth(1).unwrap().split_whitespace().next().unwrap();
        service.address = address.parse().unwrap();
        service
    }

    /// Waits until the log has this text, and gives the log.
    pub(crate) async fn logged(&mut self, text: &str) -> String {
        let found = timeout(PATIENCE, self.log.wait_for(|log| log.contains(text))).await;
        let found = found.unwrap_or_else(|_| panic!("{text} should be logged"));
        found.map(|log| log.clone()).unwrap_or_else(|_| panic!("the process ended without {text}"))
    }

    /// The process's number.
    pub(crate) fn process(&self) -> u32 {
        self.child.id().expect("the process runs")
    }

    /// `kill -9`, and the process is gone.
    pub(crate) async fn kill(mut self) {
        self.child.start_kill().unwrap();
        self.exit().await;
    }

    /// Sends SIGTERM.
    pub(crate) async fn terminate(&self) {
        let process = self.child.id().expect("the process runs").to_string();
        assert!(Command::new("kill").args(["-TERM", &process]).status().await.unwrap().success());
    }

    /// Waits for the end.
    pub(crate) async fn exit(&mut self) -> ExitStatus {
        timeout(PATIENCE, self.child.wait()).await.expect("the process should end").unwrap()
    }
}
