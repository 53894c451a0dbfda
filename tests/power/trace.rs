//! What the library wrote down: the calls of all lives of the service, in their order. What concerns the log's index
//! (-shm) is left out: it is memory of the processes, and made anew after a crash.

use std::collections::{HashMap, HashSet};
use std::path::Path;

/// One call that had its effect.
#[derive(Clone, Debug)]
pub(crate) enum Call {
    /// A process begins: it has no open files.
    Started,
    Opened {
        fd: i64,
        path: String,
        created: bool,
        emptied: bool,
    },
    Closed {
        fd: i64,
    },
    Written {
        fd: i64,
        offset: u64,
        data: Vec<u8>,
    },
    Resized {
        fd: i64,
        size: u64,
    },
    Syncing {
        fd: i64,
        number: i64,
    },
    Synced {
        number: i64,
    },
    SyncFailed {
        fd: i64,
    },
    Renamed {
        from: String,
        to: String,
    },
    Removed {
        path: String,
    },
    Made {
        path: String,
    },
    /// The head of an answer, just before it leaves.
    Answered {
        head: String,
    },
}

impl Call {
    /// Whether what a power cut leaves may be different after it.
    pub(crate) fn matters(&self) -> bool {
        match self {
            Self::Opened { created, emptied, .. } => *created || *emptied,
            Self::Started | Self::Closed { .. } | Self::Syncing { .. } | Self::Answered { .. } => false,
            _ => true,
        }
    }
}

/// The calls, with paths from the directory on.
pub(crate) struct Trace {
    pub(crate) calls: Vec<Call>,
    /// Where each call's record ends in the file.
    ends: Vec<u64>,
    /// The number of calls before the answer to a request, and with it.
    answers: HashMap<String, usize>,
}

impl Trace {
    pub(crate) fn read(file: &Path, directory: &Path) -> Self {
        let bytes = std::fs::read(file).unwrap();
        let prefix = directory.to_str().unwrap();
        let mut trace = Self { calls: Vec::new(), ends: Vec::new(), answers: HashMap::new() };
        let mut indexes = HashSet::new();
        let mut rest = bytes.as_slice();
        while !rest.is_empty() {
            let (head, tail) = rest.split_at(32);
            let number = |at: usize| i64::from_ne_bytes(head[8 * at..8 * at + 8].try_into().unwrap());
            let (payload, tail) = tail.split_at(usize::try_from(number(3)).unwrap());
            let call = call(number(0), number(1), number(2), payload, prefix);
            if !is_of_index(&mut indexes, &call) {
                trace.take(call);
                trace.ends.push((bytes.len() - tail.len()) as u64);
            }
            rest = tail;
        }
        trace
    }

    fn take(&mut self, call: Call) {
        self.calls.push(call);
        if let Some(Call::Answered { head }) = self.calls.last()
            && let Some(id) = head.lines().find_map(|line| line.strip_prefix("x-request-id: "))
        {
            self.answers.insert(id.trim().to_owned(), self.calls.len());
        }
    }

    /// How many calls there were when the answer to this request left, which is one of them.
    pub(crate) fn answered(&self, request: &str) -> usize {
        *self.answers.get(request).unwrap_or_else(|| panic!("the answer to {request} is not in the trace"))
    }

    /// How many calls stand in the first `bytes` of the file.
    pub(crate) fn calls_in(&self, bytes: u64) -> usize {
        self.ends.partition_point(|end| *end <= bytes)
    }
}

/// Whether a call concerns the log's index; `open` holds the descriptors that do.
fn is_of_index(open: &mut HashSet<i64>, call: &Call) -> bool {
    match call {
        Call::Started => {
            open.clear();
            false
        }
        Call::Opened { fd, path, .. } => {
            let is_index = path.ends_with("-shm");
            if is_index {
                open.insert(*fd);
            }
            is_index
        }
        Call::Closed { fd } => open.remove(fd),
        Call::Written { fd, .. } | Call::Resized { fd, .. } => open.contains(fd),
        Call::Syncing { fd, .. } | Call::SyncFailed { fd } => open.contains(fd),
        Call::Removed { path } | Call::Made { path } => path.ends_with("-shm"),
        Call::Synced { .. } | Call::Renamed { .. } | Call::Answered { .. } => false,
    }
}

fn call(kind: i64, fd: i64, number: i64, payload: &[u8], prefix: &str) -> Call {
    let text = || String::from_utf8_lossy(payload).into_owned();
    let inner = |path: &str| path.strip_prefix(prefix).expect("a path of ours").trim_start_matches('/').to_owned();
    match kind {
        1 => Call::Started,
        2 => Call::Opened { fd, path: inner(&text()), created: number & 1 != 0, emptied: number & 2 != 0 },
        3 => Call::Closed { fd },
        4 => Call::Written { fd, offset: number.unsigned_abs(), data: payload.to_vec() },
        5 => Call::Resized { fd, size: number.unsigned_abs() },
        6 => Call::Syncing { fd, number },
        7 => Call::Synced { number },
        8 => Call::SyncFailed { fd },
        9 => {
            let text = text();
            let (from, to) = text.split_once('\0').unwrap();
            Call::Renamed { from: inner(from), to: inner(to) }
        }
        10 => Call::Removed { path: inner(&text()) },
        11 => Call::Made { path: inner(&text()) },
        12 => Call::Answered { head: text() },
        other => panic!("the trace has a record of kind {other}"),
    }
}
