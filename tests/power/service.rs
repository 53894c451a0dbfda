//! The binary behind the library: started, asked over HTTP, killed. Every request has an id, by which the trace tells
//! when its answer left. It knows nothing of what the answers mean.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime};

use reqwest::{Client, Method};
use serde_json::Value;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::{oneshot, watch};
use tokio::time::timeout;

use crate::shim::{self, Control};

/// How long a test waits for something that should come soon.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// A directory for a store, with its trace and its control file beside it. In memory where that is possible: nothing
/// here depends on a real disk, and its syncs would only cost time.
pub(crate) struct Place {
    directory: TempDir,
    pub(crate) control: Control,
}

/// A directory that goes with its handle.
pub(crate) fn scratch() -> TempDir {
    let memory = Path::new("/dev/shm");
    if memory.is_dir() { tempfile::tempdir_in(memory).unwrap() } else { tempfile::tempdir().unwrap() }
}

impl Place {
    pub(crate) fn new() -> Self {
        let directory = scratch();
        std::fs::create_dir(directory.path().join("disk")).unwrap();
        let control = Control::new(&directory.path().join("control"));
        Self { directory, control }
    }

    /// What the service has as its disk.
    pub(crate) fn disk(&self) -> PathBuf {
        self.directory.path().join("disk")
    }

    pub(crate) fn trace(&self) -> PathBuf {
        self.directory.path().join("trace")
    }

    /// How long the trace is by now.
    pub(crate) fn traced_bytes(&self) -> u64 {
        std::fs::metadata(self.trace()).map_or(0, |about| about.len())
    }

    /// The service on this disk, as soon as it listens; its log, if it ends before.
    pub(crate) async fn try_serve(&self) -> Result<Service, (ExitStatus, String)> {
        let mut command = command(&self.disk().join("fitd.db"));
        command
            .env("LD_PRELOAD", shim::library())
            .env("POWER_DIRECTORY", self.disk())
            .env("POWER_TRACE", self.trace())
            .env("POWER_CONTROL", self.directory.path().join("control"));
        Service::start(&mut command).await
    }

    pub(crate) async fn serve(&self) -> Service {
        self.try_serve().await.unwrap_or_else(|(status, log)| panic!("{status}: {log}"))
    }
}

/// The binary on the store at `store`. Leases are short, so that heartbeats are frequent; histories are short, so that
/// they are many small writes.
fn command(store: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_fitd"));
    let foreign = std::env::vars_os().map(|(name, _)| name).filter(|name| name.to_string_lossy().starts_with("FITD_"));
    foreign.for_each(|name| {
        command.env_remove(name);
    });
    command
        .args(["serve", "--listen", "127.0.0.1:0", "--store", &format!("sqlite:{}", store.display())])
        .args(["--lease-seconds", "2", "--workers", "2", "--history-points", "64", "--attempts", "100"])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    command
}

/// An answer.
#[derive(Debug)]
pub(crate) struct Answer {
    /// The request's id.
    pub(crate) request: String,
    pub(crate) status: u16,
    pub(crate) body: Value,
    pub(crate) took: Duration,
}

/// A running service. It is killed when this is dropped.
pub(crate) struct Service {
    address: SocketAddr,
    process: u32,
    /// Dropped or used, it kills the process.
    kill: oneshot::Sender<()>,
    /// How the process ended, and when.
    end: watch::Receiver<Option<(ExitStatus, SystemTime)>>,
    log: watch::Receiver<String>,
    client: Client,
}

/// Waits for the child's end, so that it is known to the moment; kills it when it is told to.
fn watched(mut child: Child) -> (oneshot::Sender<()>, watch::Receiver<Option<(ExitStatus, SystemTime)>>) {
    let ((kill, killed), (sender, end)) = (oneshot::channel(), watch::channel(None));
    tokio::spawn(async move {
        let status = tokio::select! {
            status = child.wait() => status,
            _ = killed => child.kill().await.and(child.wait().await),
        };
        sender.send_replace(Some((status.unwrap(), SystemTime::now())));
    });
    (kill, end)
}

impl Service {
    /// The service on a store that is there, without the library.
    pub(crate) async fn plain(store: &Path) -> Result<Self, (ExitStatus, String)> {
        Self::start(&mut command(store)).await
    }

    async fn start(command: &mut Command) -> Result<Self, (ExitStatus, String)> {
        let mut child = command.spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let (sender, mut log) = watch::channel(String::new());
        tokio::spawn(async move {
            while let Ok(Some(line)) = lines.next_line().await {
                sender.send_modify(|log| *log = format!("{log}{line}\n"));
            }
        });
        let words = "listening address=";
        let found = timeout(PATIENCE, log.wait_for(|log| log.contains(words))).await.expect("it listens or ends");
        let address = found.ok().map(|log| log.split(words).nth(1).unwrap().split_whitespace().next().unwrap().parse());
        match address {
            Some(address) => {
                let process = child.id().expect("the process runs");
                let (kill, end) = watched(child);
                Ok(Self { address: address.unwrap(), process, kill, end, log, client: Client::new() })
            }
            None => {
                let status = timeout(PATIENCE, child.wait()).await.expect("the process has closed its log").unwrap();
                let text = log.borrow().clone();
                Err((status, text))
            }
        }
    }

    /// Sends a request; nothing if the connection broke.
    pub(crate) async fn ask(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
        key: Option<&str>,
    ) -> Option<Answer> {
        static REQUESTS: AtomicU64 = AtomicU64::new(0);
        let request = format!("power-{}.", REQUESTS.fetch_add(1, Ordering::Relaxed));
        let mut built = self.client.request(method, format!("http://{}{path}", self.address));
        built = built.header("X-Request-Id", &request);
        if let Some(body) = body {
            built = built.json(body);
        }
        if let Some(key) = key {
            built = built.header("Idempotency-Key", key);
        }
        let asked = Instant::now();
        let response = timeout(PATIENCE, built.send()).await.expect("an answer should come").ok()?;
        let status = response.status().as_u16();
        let bytes = timeout(PATIENCE, response.bytes()).await.expect("a body should end").ok()?;
        let body = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
        Some(Answer { request, status, body, took: asked.elapsed() })
    }

    pub(crate) async fn get(&self, path: &str) -> Option<Answer> {
        self.ask(Method::GET, path, None, None).await
    }

    pub(crate) fn log(&self) -> String {
        self.log.borrow().clone()
    }

    /// How the process ended, if it has.
    pub(crate) fn ended(&self) -> Option<ExitStatus> {
        self.end.borrow().map(|(status, _)| status)
    }

    /// Waits for the end, but not longer than this; how and when it came.
    pub(crate) async fn exit_within(&mut self, patience: Duration) -> Option<(ExitStatus, SystemTime)> {
        timeout(patience, self.end.wait_for(Option::is_some)).await.ok().and_then(|end| *end.unwrap())
    }

    async fn exit(mut self) -> ExitStatus {
        self.exit_within(PATIENCE).await.expect("the process should end").0
    }

    /// `kill -9`, and the process is gone.
    pub(crate) async fn kill(self) {
        let Self { kill, mut end, .. } = self;
        let _ = kill.send(());
        timeout(PATIENCE, end.wait_for(Option::is_some)).await.expect("the process should end").unwrap();
    }

    /// Sends SIGTERM, if the process still runs, and waits for the end.
    pub(crate) async fn terminate(self) -> ExitStatus {
        if self.ended().is_none() {
            let process = self.process.to_string();
            let sent = Command::new("kill").args(["-TERM", &process]).stderr(Stdio::null()).status().await.unwrap();
            assert!(sent.success() || self.ended().is_some(), "SIGTERM cannot be sent");
        }
        self.exit().await
    }
}
