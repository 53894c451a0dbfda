//! The library between the service and the operating system: compiling it, and steering it by its control file. The
//! layout of that file stands in `shim.c`.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;
use std::time::{Duration, SystemTime};

use tempfile::TempDir;

/// What a call is, as bits of [`Plan::kinds`]; those that a test asks for.
pub(crate) mod kind {
    pub(crate) const WRITE: i64 = 2;
    pub(crate) const SYNC: i64 = 8;
    pub(crate) const REMOVE: i64 = 32;
    /// The sync of a directory.
    pub(crate) const NAMES: i64 = 256;
    pub(crate) const ALL: i64 = 511;
}

pub(crate) const EIO: i64 = 5;
pub(crate) const ENOSPC: i64 = 28;
/// Instead of failing, the call ends the process, as `kill -9` would.
pub(crate) const DEATH: i64 = -1;

/// How long a sync takes.
const SYNC_NS: i64 = 2_000_000;

/// The fields of the control file, by their places.
mod field {
    pub(super) const CALLS: u64 = 0;
    pub(super) const FAIL_FROM: u64 = 1;
    pub(super) const FAIL_TO: u64 = 2;
    pub(super) const FAIL_KINDS: u64 = 3;
    pub(super) const FAIL_ERRNO: u64 = 4;
    pub(super) const FAILED: u64 = 5;
    pub(super) const FAILED_KIND: u64 = 6;
    pub(super) const FAILED_AT_NS: u64 = 7;
    pub(super) const LIMITED: u64 = 8;
    pub(super) const FREE_BYTES: u64 = 9;
    pub(super) const REFUSED: u64 = 10;
    pub(super) const SYNC_NS: u64 = 11;
    pub(super) const COUNT: u64 = 12;
}

/// Which calls fail, and how.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    pub(crate) from: i64,
    pub(crate) to: i64,
    pub(crate) kinds: i64,
    pub(crate) errno: i64,
}

/// The first call that failed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Failure {
    pub(crate) kind: i64,
    pub(crate) at: SystemTime,
}

/// The compiled library. The embedded SQLite is built by the same compiler, so it is there.
pub(crate) fn library() -> &'static Path {
    static LIBRARY: LazyLock<(TempDir, PathBuf)> = LazyLock::new(|| {
        let place = tempfile::tempdir().unwrap();
        let library = place.path().join("shim.so");
        let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/power/shim.c");
        let mut cc = Command::new("cc");
        cc.args(["-shared", "-fPIC", "-O2", "-Wall", "-Wextra", "-Werror", "-o"]).arg(&library).arg(source);
        assert!(cc.status().expect("a C compiler").success(), "the library does not compile");
        (place, library)
    });
    &LIBRARY.1
}

/// A control file, made new: nothing fails, the disk has no size, and its syncs are as slow as a real one's: in memory
/// they would take no time, and an answer that does not wait for them would hardly ever be the first.
pub(crate) struct Control {
    file: File,
}

impl Control {
    pub(crate) fn new(path: &Path) -> Self {
        let file = OpenOptions::new().create_new(true).read(true).write(true).open(path).unwrap();
        file.set_len(field::COUNT * 8).unwrap();
        let control = Self { file };
        control.set(field::SYNC_NS, SYNC_NS);
        control
    }

    fn get(&self, field: u64) -> i64 {
        let mut bytes = [0; 8];
        self.file.read_exact_at(&mut bytes, field * 8).unwrap();
        i64::from_ne_bytes(bytes)
    }

    fn set(&self, field: u64, value: i64) {
        self.file.write_all_at(&value.to_ne_bytes(), field * 8).unwrap();
    }

    /// Calls so far that change something.
    pub(crate) fn calls(&self) -> i64 {
        self.get(field::CALLS)
    }

    /// Lets calls fail from now on. What failed before is forgotten.
    pub(crate) fn fail(&self, plan: Plan) {
        self.set(field::FAIL_TO, 0);
        self.set(field::FAILED, 0);
        self.set(field::FAIL_FROM, plan.from);
        self.set(field::FAIL_KINDS, plan.kinds);
        self.set(field::FAIL_ERRNO, plan.errno);
        self.set(field::FAIL_TO, plan.to);
    }

    /// Lets no call fail any more; what failed stays known.
    pub(crate) fn heal(&self) {
        self.set(field::FAIL_TO, 0);
    }

    pub(crate) fn failure(&self) -> Option<Failure> {
        (self.get(field::FAILED) > 0).then(|| Failure {
            kind: self.get(field::FAILED_KIND),
            at: SystemTime::UNIX_EPOCH + Duration::from_nanos(self.get(field::FAILED_AT_NS).unsigned_abs()),
        })
    }

    /// Leaves this many bytes free on the disk.
    pub(crate) fn limit(&self, free_bytes: i64) {
        self.set(field::FREE_BYTES, free_bytes);
        self.set(field::LIMITED, 1);
    }

    /// Gives the disk no size again.
    pub(crate) fn unlimit(&self) {
        self.set(field::LIMITED, 0);
    }

    /// How many calls found the disk full.
    pub(crate) fn refused(&self) -> i64 {
        self.get(field::REFUSED)
    }
}
