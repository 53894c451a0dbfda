//! The binary as a child process that may die at any time, also before it serves. It knows nothing of fits.

use std::net::SocketAddr;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStderr, Command};
use tokio::time::timeout;

/// How long a test waits for something that should come soon.
pub(crate) const PATIENCE: Duration = Duration::from_secs(120);
/// What a process that ends by `abort` has died of.
const SIGABRT: i32 = 6;

/// A directory for a store and what belongs to it.
pub(crate) struct Place {
    path: PathBuf,
    _temporary: Option<TempDir>,
}

/// How the binary is started.
#[derive(Clone, Debug)]
pub(crate) struct Launch {
    /// In the form of `FAILPOINTS`.
    pub(crate) failpoints: String,
    pub(crate) flags: Vec<String>,
}

/// A process that may not serve yet.
pub(crate) struct Starting {
    child: Child,
    lines: Lines<BufReader<ChildStderr>>,
    begun: Instant,
}

/// A process that serves. It is killed when this is dropped.
pub(crate) struct Service {
    pub(crate) address: SocketAddr,
    /// From the start of the process to its first good answer to `/readyz`.
    pub(crate) ready_after: Duration,
    child: Child,
}

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// By `abort`: at a fail point.
    Aborted,
    Killed,
    Code(i32),
}

impl Place {
    pub(crate) fn new() -> Self {
        let temporary = tempfile::tempdir().unwrap();
        Self { path: temporary.path().to_owned(), _temporary: Some(temporary) }
    }

    /// A directory that is there afterwards.
    pub(crate) fn kept(path: &Path) -> Self {
        std::fs::create_dir_all(path).unwrap();
        Self { path: path.to_owned(), _temporary: None }
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    pub(crate) fn store(&self) -> PathBuf {
        self.file("fitd.db")
    }

    /// Starts the binary on this store.
    pub(crate) fn start(&self, launch: &Launch) -> Starting {
        let mut command = Command::new(env!("CARGO_BIN_EXE_fitd"));
        let ours = std::env::vars_os().map(|(name, _)| name).filter(|name| name.to_string_lossy().starts_with("FITD_"));
        ours.for_each(|name| {
            command.env_remove(name);
        });
        command.args(["serve", "--listen", "127.0.0.1:0", "--store", &format!("sqlite:{}", self.store().display())]);
        command.args(&launch.flags).env("FAILPOINTS", &launch.failpoints).kill_on_drop(true);
        let begun = Instant::now();
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(child.stderr.take().unwrap()).lines();
        Starting { child, lines, begun }
    }

    /// Starts the binary and waits until it serves, which it must.
    pub(crate) async fn serve(&self, flags: &[&str]) -> Service {
        let started = self.start(&Launch::with(flags)).serve().await;
        started.unwrap_or_else(|end| panic!("the service ended instead of starting: {end:?}"))
    }
}

impl Launch {
    pub(crate) fn with(flags: &[&str]) -> Self {
        Self { failpoints: String::new(), flags: flags.iter().map(|&flag| flag.to_owned()).collect() }
    }

    pub(crate) fn failing(mut self, failpoints: &str) -> Self {
        failpoints.clone_into(&mut self.failpoints);
        self
    }
}

impl Starting {
    /// Waits until the process serves, or has ended.
    pub(crate) async fn serve(mut self) -> Result<Service, End> {
        let mut told = Vec::new();
        let address = loop {
            let Some(line) = timeout(PATIENCE, self.lines.next_line()).await.expect("a start should end").unwrap()
            else {
                let end = ended(&mut self.child).await;
                if let End::Code(code) = end {
                    panic!("the service refused to start with code {code}:\n{}", told.join("\n"));
                }
                return Err(end);
            };
            if let Some(rest) = line.split("listening address=").nth(1) {
                break rest.split_whitespace().next().unwrap().parse::<SocketAddr>().unwrap();
            }
            told.push(line);
        };
        let mut lines = self.lines;
        tokio::spawn(async move {
            while let Ok(Some(line)) = lines.next_line().await {
                if line.contains("ERROR") || line.contains("panicked") {
                    eprintln!("{line}");
                }
            }
        });
        let client = reqwest::Client::new();
        loop {
            let asked = client.get(format!("http://{address}/readyz")).send();
            match timeout(PATIENCE, asked).await.expect("an answer or an end should come") {
                Ok(answer) if answer.status() == 200 => break,
                Ok(_) => {}
                // Refused: a fail point has ended the process meanwhile.
                Err(_) => return Err(ended(&mut self.child).await),
            }
        }
        Ok(Service { address, ready_after: self.begun.elapsed(), child: self.child })
    }

    /// Kills the process after this time, wherever it then is.
    pub(crate) async fn kill_after(mut self, time: Duration) -> End {
        let _ = timeout(time, self.child.wait()).await;
        let _ = self.child.start_kill();
        ended(&mut self.child).await
    }
}

impl Service {
    /// Waits for the end, for at most this time.
    pub(crate) async fn ends_within(&mut self, time: Duration) -> Option<End> {
        timeout(time, self.child.wait()).await.ok().map(|status| end(status.unwrap()))
    }

    /// `kill -9`, and the process is gone.
    pub(crate) async fn kill(mut self) -> End {
        let _ = self.child.start_kill();
        ended(&mut self.child).await
    }

    /// Sends SIGTERM.
    pub(crate) async fn terminate(&self) {
        if let Some(process) = self.child.id() {
            let sent = Command::new("kill").args(["-TERM", &process.to_string()]).status().await;
            assert!(sent.unwrap().success());
        }
    }

    /// Waits for the end.
    pub(crate) async fn exit(mut self) -> End {
        ended(&mut self.child).await
    }
}

async fn ended(child: &mut Child) -> End {
    end(timeout(PATIENCE, child.wait()).await.expect("the process should end").unwrap())
}

fn end(status: ExitStatus) -> End {
    match status.signal() {
        Some(SIGABRT) => End::Aborted,
        Some(_) => End::Killed,
        None => End::Code(status.code().unwrap_or_default()),
    }
}
