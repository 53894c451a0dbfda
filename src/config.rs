//! The configuration: every flag with its `FITD_` variable and its default, one struct per concern. Nothing here opens,
//! binds or starts anything.

mod fit;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};

pub use fit::FitArgs;

/// An HTTP fitting service: post a dataset and hyperparameters, get an honest fit.
#[derive(Clone, Debug, Parser)]
#[command(name = "fitd", version, max_term_width = 100)]
pub struct Config {
    /// What to do; `serve` when nothing is said.
    #[command(subcommand)]
    pub command: Option<Command>,
    /// Where it listens.
    #[command(flatten)]
    pub listen: ListenConfig,
    /// Where fits are kept.
    #[command(flatten)]
    pub store: StoreConfig,
    /// How fits run.
    #[command(flatten)]
    pub jobs: JobsConfig,
    /// What is too much.
    #[command(flatten)]
    pub limits: LimitsConfig,
    /// What is logged.
    #[command(flatten)]
    pub logging: LoggingConfig,
}

/// The commands.
#[derive(Clone, Debug, PartialEq, Eq, Subcommand)]
pub enum Command {
    /// Start the service (the default)
    Serve,
    /// Fit a CSV file, by a service or in this process; exit 0 if it converged, 1 if it failed, 2 if what was asked for
    /// cannot be done, 3 if it stopped before it converged, 69 if the service does not answer, 130 if it was interrupted
    Fit(Box<FitArgs>),
    /// Ask the service at the configured port whether it lives; exit 0 if it does
    Healthcheck,
    /// Read everything in the store with its checksums, also beside a running service; exit 1 if anything is damaged
    Check,
    /// Copy the store, also beside a running service; the copy is a store of its own
    Backup {
        /// The file of the copy, which must not be there yet
        to: PathBuf,
    },
}

/// Where the service listens and under which names.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Listening")]
pub struct ListenConfig {
    /// Address and port
    #[arg(long, env = "FITD_LISTEN", default_value = "127.0.0.1:8080", global = true)]
    pub listen: SocketAddr,
    /// Host names that clients may use beside loopback names and literal addresses, separated by commas; `*` allows all
    #[arg(long, env = "FITD_ALLOWED_HOSTS", value_delimiter = ',', default_value = "", global = true)]
    pub allowed_hosts: Vec<String>,
}

/// Where fits are kept.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Store")]
pub struct StoreConfig {
    /// The store: `sqlite:PATH`, or `memory:` for a throw-away one
    #[arg(long, env = "FITD_STORE", default_value = "sqlite:./fitd-data/fitd.db", global = true)]
    pub store: String,
    /// How long finished fits are kept, such as `7d`, `12h` or `90m`; `never` lets none go
    #[arg(long, env = "FITD_RETENTION", default_value = "7d", value_parser = retention, global = true)]
    pub retention: Retention,
    /// Bytes that the store may hold; beyond them the oldest finished fits go [default: no limit]
    #[arg(long, env = "FITD_STORE_BYTES", value_parser = clap::value_parser!(u64).range(1 << 20..), global = true)]
    pub store_bytes: Option<u64>,
}

/// How long finished fits are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retention {
    /// This long after their end.
    For(Duration),
    /// Until a client deletes them.
    Forever,
}

/// Reads a time in words of days, hours, minutes and seconds.
fn retention(text: &str) -> Result<Retention, String> {
    if text == "never" {
        return Ok(Retention::Forever);
    }
    let span: jiff::Span = text.parse().map_err(|_| "expected a time such as 7d, 12h or 90m, or never".to_owned())?;
    let days = jiff::SpanRelativeTo::days_are_24_hours();
    let time = span.to_duration(days).map_err(|_| "expected days, hours, minutes or seconds".to_owned())?;
    Duration::try_from(time).map(Retention::For).map_err(|_| "the time is negative".to_owned())
}

/// How fits run.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Fits")]
pub struct JobsConfig {
    /// Fits that run at once [default: the cores]
    #[arg(long, env = "FITD_WORKERS", value_parser = clap::value_parser!(u32).range(1..=1024), global = true)]
    pub workers: Option<u32>,
    /// Attempts a fit may lose to crashes before it fails
    #[arg(long, env = "FITD_ATTEMPTS", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..), global = true)]
    pub attempts: u32,
    /// How long a worker may be silent before another takes over its fit
    #[arg(long, env = "FITD_LEASE_SECONDS", default_value_t = 15, value_parser = clap::value_parser!(u64).range(2..=3600), global = true)]
    pub lease_seconds: u64,
    /// How long after it should have stopped a fit counts as stuck; when all workers are, the service is not ready
    #[arg(long, env = "FITD_STUCK_SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..=86_400), global = true)]
    pub stuck_seconds: u64,
    /// The instructions that the numerical kernels use; the results have the same bits [default: the fastest there are]
    #[arg(long, env = "FITD_SIMD", global = true)]
    pub simd: Option<Simd>,
}

/// What is too much.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Limits")]
pub struct LimitsConfig {
    /// Bytes of a request body, as sent and again after decoding
    #[arg(long, env = "FITD_BODY_BYTES", default_value_t = 16 << 20, global = true)]
    pub body_bytes: u64,
    /// Bytes that all bodies may take together while they are read [default: an eighth of the fits' memory]
    #[arg(long, env = "FITD_BODIES_BYTES", global = true)]
    pub bodies_bytes: Option<u64>,
    /// Columns of a dataset
    #[arg(long, env = "FITD_COLUMNS", default_value_t = 4096, global = true)]
    pub columns: u64,
    /// Values of a dataset
    #[arg(long, env = "FITD_VALUES", default_value_t = 100_000_000, global = true)]
    pub values: u64,
    /// The largest `stop.max_iterations`
    #[arg(long, env = "FITD_MAX_ITERATIONS", default_value_t = 10_000_000, value_parser = clap::value_parser!(u64).range(1..), global = true)]
    pub max_iterations: u64,
    /// `stop.max_iterations` of a fit that says nothing
    #[arg(long, env = "FITD_DEFAULT_ITERATIONS", default_value_t = 10_000, value_parser = clap::value_parser!(u64).range(1..), global = true)]
    pub default_iterations: u64,
    /// The largest `stop.max_seconds`
    #[arg(long, env = "FITD_MAX_SECONDS", default_value_t = 3600, value_parser = clap::value_parser!(u64).range(1..), global = true)]
    pub max_seconds: u64,
    /// `stop.max_seconds` of a fit that says nothing
    #[arg(long, env = "FITD_DEFAULT_SECONDS", default_value_t = 600, value_parser = clap::value_parser!(u64).range(1..), global = true)]
    pub default_seconds: u64,
    /// Fits in the queue
    #[arg(long, env = "FITD_QUEUE", default_value_t = 100_000, global = true)]
    pub queue: u64,
    /// Fits of one client in the queue [default: half of the queue]
    #[arg(long, env = "FITD_TENANT_QUEUE", global = true)]
    pub tenant_queue: Option<u64>,
    /// Bytes of memory that all fits together may need [default: 75 % of the machine's]
    #[arg(long, env = "FITD_MEMORY_BYTES", global = true)]
    pub memory_bytes: Option<u64>,
    /// Points of history a fit; beyond them every second one is dropped
    #[arg(long, env = "FITD_HISTORY_POINTS", default_value_t = 1_000_000, value_parser = clap::value_parser!(u64).range(16..), global = true)]
    pub history_points: u64,
    /// Event streams that are open at once
    #[arg(long, env = "FITD_STREAMS", default_value_t = 10_000, global = true)]
    pub streams: u32,
    /// Labels of a fit
    #[arg(long, env = "FITD_LABELS", default_value_t = 64, global = true)]
    pub labels: u64,
    /// Bytes of a label's key, and of its value
    #[arg(long, env = "FITD_LABEL_BYTES", default_value_t = 256, global = true)]
    pub label_bytes: u64,
    /// Connections that are open at once; further ones are closed at once
    #[arg(long, env = "FITD_CONNECTIONS", default_value_t = 20_000, value_parser = clap::value_parser!(u32).range(1..), global = true)]
    pub connections: u32,
}

/// What is logged, to standard error.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Logging")]
pub struct LoggingConfig {
    /// Which events are logged, such as `info` or `fitd=debug,warn`
    #[arg(long, env = "FITD_LOG", default_value = "info", global = true)]
    pub log: String,
    /// How they are written
    #[arg(long, env = "FITD_LOG_FORMAT", default_value = "text", global = true)]
    pub log_format: LogFormat,
}

/// Instructions for the numerical kernels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Simd {
    /// None beyond the build's own.
    Portable,
    /// AVX2 with fused multiply-add.
    Avx2,
    /// AVX-512F.
    Avx512,
}

/// How log lines are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// One object a line.
    Json,
    /// For a person.
    Text,
}

impl JobsConfig {
    /// Fits that run at once: as said, or the cores.
    pub fn workers(&self) -> usize {
        self.workers.map_or_else(
            || std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
            |workers| workers as usize,
        )
    }
}

impl LimitsConfig {
    /// What all bodies may take together: as said, or an eighth of the fits' memory.
    pub fn bodies_bytes(&self) -> u64 {
        self.bodies_bytes.unwrap_or_else(|| self.memory_bytes() / 8)
    }

    /// Fits of one client in the queue: as said, or half of the queue.
    pub fn tenant_queue(&self) -> u64 {
        self.tenant_queue.unwrap_or(self.queue.div_ceil(2))
    }

    /// Memory that all fits together may need: as said, or three quarters of what this process can have.
    pub fn memory_bytes(&self) -> u64 {
        self.memory_bytes.unwrap_or_else(|| machine_memory_bytes() / 4 * 3)
    }
}

/// What the machine or the container has, whichever is less; 4 GiB where neither says.
fn machine_memory_bytes() -> u64 {
    let machine = std::fs::read_to_string("/proc/meminfo").ok().and_then(|text| {
        let line = text.lines().find(|line| line.starts_with("MemTotal:"))?;
        line.split_whitespace().nth(1)?.parse::<u64>().ok().map(|kibibytes| kibibytes * 1024)
    });
    let container =
        std::fs::read_to_string("/sys/fs/cgroup/memory.max").ok().and_then(|text| text.trim().parse::<u64>().ok());
    [machine, container].into_iter().flatten().min().unwrap_or(4 << 30)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn every_flag_has_its_variable() {
        for argument in Config::command().get_arguments().filter(|argument| argument.get_long().is_some()) {
            let flag = argument.get_long().expect("filtered");
            let expected = format!("FITD_{}", flag.replace('-', "_").to_uppercase());
            if !["help", "version"].contains(&flag) {
                assert_eq!(argument.get_env().and_then(|name| name.to_str()), Some(expected.as_str()), "--{flag}");
            }
        }
        Config::command().debug_assert();
    }

    #[test]
    fn retention_is_a_time_in_words() {
        assert_eq!(retention("7d"), Ok(Retention::For(Duration::from_secs(7 * 86_400))));
        assert_eq!(retention("90m"), Ok(Retention::For(Duration::from_secs(5_400))));
        assert_eq!(retention("0s"), Ok(Retention::For(Duration::ZERO)));
        assert_eq!(retention("never"), Ok(Retention::Forever));
        for wrong in ["", "7", "soon", "-1h", "1 month"] {
            assert!(retention(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_flag_counts_before_and_after_the_command() {
        for arguments in [["fitd", "--store", "memory:", "serve"], ["fitd", "serve", "--store", "memory:"]] {
            let config = Config::try_parse_from(arguments).expect("valid");
            assert_eq!((config.store.store.as_str(), config.command), ("memory:", Some(Command::Serve)));
        }
        assert!(Config::try_parse_from(["fitd", "--workers", "0"]).is_err());
    }
}
