//! Opens the door: store, jobs, accept loop, and the order in which they end. It knows nothing of routes or fits.
//!
//! The accept loop is our own, because the library's arms no header timeout, has no connection cap, and waits for open
//! event streams for ever when it ends.

use std::convert::Infallible;
use std::future::poll_fn;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::config::{Config, Retention, Simd};
use crate::descent::{Lanes, SimdPath};
use crate::http::{App, Limits};
use crate::jobs::{JobSettings, Jobs};
use crate::store::{self, StoreError, StoreUrl};

use crate::watchdog::Watchdog;

/// A head must have arrived this long after the connection is ready for it.
const HEADER_TIMEOUT: Duration = Duration::from_secs(10);
/// A client that takes nothing for this long is dropped.
const WRITE_TIMEOUT: Duration = Duration::from_secs(30);
const HEADERS_MAX: usize = 100;
/// The most that a connection buffers, heads included; the edge's own limits on heads lie below it.
const BUFFER_BYTES_MAX: usize = 128 << 10;
/// How long, and for how many bytes, a client that was refused may go on sending before its connection is reset.
const LINGER: Duration = Duration::from_secs(2);
const LINGER_BYTES_MAX: usize = 64 << 20;
/// How long answers that are under way may take after a shutdown is asked for.
const DRAIN: Duration = Duration::from_secs(3);
/// How long the jobs may take to put running fits back after that.
const HAND_BACK: Duration = Duration::from_secs(5);
/// How often a running fit says that it is alive, as a part of its lease.
const HEARTBEATS_PER_LEASE: u32 = 10;
/// What a running fit may compute between two checkpoints, whatever its lease.
const HEARTBEAT_MAX: Duration = Duration::from_millis(1_500);
/// Descriptors that are not for connections: the store's files, the log's, the runtime's.
const DESCRIPTORS_KEPT: u32 = 128;
/// Progress is shown at most this often.
const PROGRESS_INTERVAL: Duration = Duration::from_millis(200);

/// Why the service did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Another process holds the store.
    #[error("{0}")]
    Locked(String),
    /// The store cannot be used.
    #[error("{0}")]
    Store(String),
    /// The configuration means nothing.
    #[error("{0}")]
    Config(String),
}

impl From<StoreError> for StartError {
    fn from(error: StoreError) -> Self {
        let mut text = error.to_string();
        let mut source = std::error::Error::source(&error);
        while let Some(cause) = source {
            text = format!("{text}: {cause}");
            source = cause.source();
        }
        match error {
            StoreError::Locked { .. } => Self::Locked(text),
            StoreError::Url { .. } => Self::Config(text),
            _ => Self::Store(text),
        }
    }
}

/// Why the service ended by itself: its store's disk failed a write or a sync. What is stored is known after a new start.
#[derive(Debug, thiserror::Error)]
#[error("the store's disk failed; start again to go on from what is stored")]
pub struct DiskFailed;

/// A service whose store is open and whose workers run, but that listens nowhere yet.
pub struct Service {
    jobs: Jobs,
    limits: Limits,
    connections: u32,
}

/// Forces the kernels onto these instructions, for the whole process.
fn choose_kernels(simd: Simd) -> Result<(), StartError> {
    let path = match simd {
        Simd::Portable => SimdPath::Portable,
        Simd::Avx2 => SimdPath::Avx2,
        Simd::Avx512 => SimdPath::Avx512,
    };
    if Lanes::force(path) {
        return Ok(());
    }
    Err(StartError::Config(format!("this machine cannot compute with {}", path.as_str())))
}

/// How many connections there may be at once: as configured, unless the system gives this process fewer descriptors. Files
/// of the store need some too, and must not fail because of idle clients.
fn connections(configured: u32) -> u32 {
    let descriptors = match rlimit::increase_nofile_limit(u64::MAX) {
        Ok(descriptors) => u32::try_from(descriptors).unwrap_or(u32::MAX),
        Err(error) => {
            tracing::warn!(%error, "the number of open files cannot be found out");
            return configured;
        }
    };
    let most = descriptors.saturating_sub(DESCRIPTORS_KEPT).max(1);
    if most < configured {
        tracing::warn!(
            most,
            configured,
            "fewer connections than configured: the system allows {descriptors} open files"
        );
    }
    configured.min(most)
}

/// Opens the store and starts the jobs.
pub async fn open(config: &Config) -> Result<Service, StartError> {
    if let Some(simd) = config.jobs.simd {
        choose_kernels(simd)?;
    }
    let url = StoreUrl::parse(&config.store.store)?;
    let store = store::open(&url).await?;
    let lease = Duration::from_secs(config.jobs.lease_seconds);
    let settings = JobSettings {
        workers: config.jobs.workers(),
        queue_max: config.limits.queue,
        quota: config.limits.tenant_queue(),
        weights: Arc::default(),
        memory_bytes_max: config.limits.memory_bytes(),
        history_points_max: config.limits.history_points,
        attempts_max: config.jobs.attempts,
        lease,
        heartbeat: (lease / HEARTBEATS_PER_LEASE).min(HEARTBEAT_MAX),
        progress_interval: PROGRESS_INTERVAL,
        stuck_after: Duration::from_secs(config.jobs.stuck_seconds),
        retention: match config.store.retention {
            Retention::For(time) => Some(time),
            Retention::Forever => None,
        },
        store_bytes_max: config.store.store_bytes,
    };
    let jobs = Jobs::start(store, settings).await?;
    Ok(Service { jobs, limits: Limits::from_config(config), connections: connections(config.limits.connections) })
}

/// Opens the service and runs it on this listener until `shutdown`.
pub async fn run(listener: TcpListener, config: Config, shutdown: CancellationToken) -> Result<(), StartError> {
    open(&config).await?.run(listener, shutdown).await.map_err(|error| StartError::Store(error.to_string()))
}

impl Service {
    /// Serves until `shutdown`, then ends in order: no new connections, event streams closed, answers finished, running
    /// fits put back, store closed. Takes at most 10 seconds to end.
    pub async fn run(self, listener: TcpListener, shutdown: CancellationToken) -> Result<(), DiskFailed> {
        let failed = self.jobs.clone();
        tokio::select! {
            () = self.serve(listener, shutdown) => Ok(()),
            () = failed.broken() => {
                tracing::error!("ending: the store's disk cannot be trusted");
                Err(DiskFailed)
            }
        }
    }

    async fn serve(self, listener: TcpListener, shutdown: CancellationToken) {
        let app = App::new(self.jobs.clone(), self.limits, shutdown.clone());
        let router = crate::http::router(app);
        let connections = TaskTracker::new();
        let permits = Arc::new(Semaphore::new(self.connections as usize));
        if let Ok(address) = listener.local_addr() {
            tracing::info!(%address, "listening");
        }
        while let Some((stream, peer)) = accept(&listener, &shutdown).await {
            // Beyond the cap the connection is closed at once: a wait would only fill the backlog.
            let Ok(permit) = permits.clone().try_acquire_owned() else {
                tracing::debug!(%peer, "too many connections");
                continue;
            };
            let connection = serve_connection(stream, router.clone(), shutdown.clone());
            connections.spawn(async move {
                connection.await;
                drop(permit);
            });
        }
        drop(listener);
        connections.close();
        if tokio::time::timeout(DRAIN, connections.wait()).await.is_err() {
            tracing::warn!(open = connections.len(), "closing connections that did not end in time");
        }
        if tokio::time::timeout(HAND_BACK + Duration::from_secs(1), self.jobs.shutdown(HAND_BACK)).await.is_err() {
            tracing::error!("the jobs did not end in time");
        }
        tracing::info!("stopped");
    }
}

/// The next connection; nothing once the service is stopping.
async fn accept(listener: &TcpListener, shutdown: &CancellationToken) -> Option<(TcpStream, SocketAddr)> {
    loop {
        let accepted = tokio::select! {
            biased;
            () = shutdown.cancelled() => return None,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok(connection) => return Some(connection),
            Err(error) => {
                // Out of descriptors, or the client has gone: neither must end the loop or make it spin.
                tracing::warn!(%error, "cannot accept");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
}

async fn serve_connection(stream: TcpStream, router: axum::Router, shutdown: CancellationToken) {
    let _ = stream.set_nodelay(true);
    let io = TokioIo::new(Watchdog::new(stream, WRITE_TIMEOUT));
    let service = tower::service_fn(move |request| Box::pin(answer(router.clone(), request)));
    let mut connection = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT)
        .max_headers(HEADERS_MAX)
        .max_buf_size(BUFFER_BYTES_MAX)
        .serve_connection(io, TowerToHyperService::new(service));
    let ended = tokio::select! {
        ended = poll_fn(|context| connection.poll_without_shutdown(context)) => ended,
        () = shutdown.cancelled() => {
            std::pin::Pin::new(&mut connection).graceful_shutdown();
            poll_fn(|context| connection.poll_without_shutdown(context)).await
        }
    };
    match ended {
        Ok(()) => tokio::select! {
            () = linger(connection.into_parts().io.into_inner()) => {}
            () = shutdown.cancelled() => {}
        },
        Err(error) => tracing::debug!(%error, "connection ended"),
    }
}

/// Says that there is no more, and lets a client that is still sending a body read why it was refused: closing at once
/// would reset the connection, and the answer with it.
async fn linger(mut socket: Watchdog<TcpStream>) {
    let _ = socket.shutdown().await;
    let discard = async {
        let mut buffer = vec![0; 16 << 10];
        let mut left = LINGER_BYTES_MAX;
        while let Ok(read @ 1..) = socket.read(&mut buffer).await
            && read < left
        {
            left -= read;
        }
    };
    let _ = tokio::time::timeout(LINGER, discard).await;
}

async fn answer(
    router: axum::Router,
    request: hyper::Request<hyper::body::Incoming>,
) -> Result<axum::response::Response, Infallible> {
    tower::ServiceExt::oneshot(router, request.map(axum::body::Body::new)).await
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use tokio::time::timeout;

    use super::*;

    /// Longer than anything here may take.
    const PATIENCE: Duration = Duration::from_secs(30);

    /// A service with a store in memory; its address, its shutdown, and its end.
    async fn started(
        flags: &[&str],
    ) -> (SocketAddr, CancellationToken, tokio::task::JoinHandle<Result<(), DiskFailed>>) {
        let arguments = ["fitd", "--store", "memory:"].iter().chain(flags);
        let config = Config::try_parse_from(arguments).expect("valid flags");
        let service = open(&config).await.expect("a store in memory");
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("bound");
        let shutdown = CancellationToken::new();
        (address, shutdown.clone(), tokio::spawn(service.run(listener, shutdown)))
    }

    /// Sends these bytes and reads until the other side closes.
    async fn exchange(address: SocketAddr, request: &str) -> String {
        let mut stream = TcpStream::connect(address).await.expect("connected");
        stream.write_all(request.as_bytes()).await.expect("sent");
        let mut answer = Vec::new();
        let _ = timeout(PATIENCE, stream.read_to_end(&mut answer)).await.expect("closed in time");
        String::from_utf8_lossy(&answer).into_owned()
    }

    #[tokio::test]
    async fn what_is_no_request_of_ours_is_refused() {
        let (address, _shutdown, _end) = started(&[]).await;
        let many = (0..101).map(|at| format!("x-{at}: 1\r\n")).collect::<String>();
        let long = "a".repeat(20 << 10);
        for (request, status) in [
            ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_owned(), ""),
            (format!("GET /livez HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n{many}\r\n"), "431"),
            (format!("GET /livez HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\nx: {long}\r\n\r\n"), "431"),
            (format!("GET /livez?{long} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n"), "414"),
            ("CONNECT a:80 HTTP/1.1\r\nhost: a:80\r\nconnection: close\r\n\r\n".to_owned(), "403"),
            ("CONNECT localhost:80 HTTP/1.1\r\nhost: localhost:80\r\nconnection: close\r\n\r\n".to_owned(), "405"),
            ("POST /fits HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: xchunked\r\n\r\n".to_owned(), "400"),
        ] {
            let answer = exchange(address, &request).await;
            let line = answer.lines().next().unwrap_or_default();
            assert!(status.is_empty() || line.split(' ').nth(1) == Some(status), "{status}: {answer}");
            assert!(!line.contains(" 200 "), "{answer}");
        }
    }

    #[tokio::test]
    async fn a_body_that_is_too_long_is_refused_before_it_is_sent() {
        let (address, _shutdown, _end) = started(&[]).await;
        let head = "POST /fits HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n";
        let answer =
            exchange(address, &format!("{head}content-length: 99999999\r\nexpect: 100-continue\r\n\r\n")).await;
        assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
        assert!(answer.contains("\"actual\":99999999"), "{answer}");
    }

    #[tokio::test]
    async fn beyond_the_cap_connections_are_closed_at_once() {
        let (address, _shutdown, _end) = started(&["--connections", "1"]).await;
        let mut first = TcpStream::connect(address).await.expect("connected");
        first.write_all(b"GET /livez HTTP/1.1\r\nhost: localhost\r\n\r\n").await.expect("sent");
        let mut answer = [0; 12];
        timeout(PATIENCE, first.read_exact(&mut answer)).await.expect("in time").expect("answered");
        assert_eq!(&answer, b"HTTP/1.1 200");
        let mut second = TcpStream::connect(address).await.expect("in the backlog");
        let read = timeout(PATIENCE, second.read(&mut [0; 1])).await.expect("closed in time");
        assert!(matches!(read, Ok(0) | Err(_)), "{read:?}");
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn shutdown_ends_idle_connections_and_the_service() {
        let (address, shutdown, end) = started(&[]).await;
        let mut idle = TcpStream::connect(address).await.expect("connected");
        idle.write_all(b"GET /livez HTTP/1.1\r\nhost: localhost\r\n\r\n").await.expect("sent");
        let mut answer = [0; 12];
        idle.read_exact(&mut answer).await.expect("answered");
        shutdown.cancel();
        timeout(PATIENCE, end).await.expect("ended in time").expect("no panic").expect("the store is sound");
        let mut rest = Vec::new();
        timeout(PATIENCE, idle.read_to_end(&mut rest)).await.expect("closed in time").expect("an orderly end");
        assert!(TcpStream::connect(address).await.is_err(), "nobody listens any more");
    }
}
