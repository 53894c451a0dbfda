//! What the service has acknowledged, on stable storage before anyone goes on: a line an acknowledgement. What was asked
//! without an answer is in it too, since it may have happened or not. A later run can go on from the file.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};

/// One line.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Entry {
    /// A post with a key is on its way.
    Posting { key: String, body: String },
    /// A post was answered. `kills` is how many there had been when it was first sent.
    Created { id: String, body: String, key: Option<String>, sha256: String, kills: u64 },
    /// A post with a used key was answered with the fit that it had made.
    Replayed { id: String, key: String },
    /// A cancel is on its way.
    Cancelling { id: String },
    /// A cancel was answered with the fit in this state.
    Cancelled { id: String, status: String },
    /// A delete is on its way.
    Deleting { id: String },
    /// A delete was answered.
    Deleted { id: String },
    /// A fit was seen in a terminal state; the digest is of the whole document.
    Ended { id: String, status: String, digest: String },
    /// A stream that is read from the start gave this event.
    Seen { id: String, event: u64, kind: String },
    /// The process was ended.
    Killed { how: String },
}

/// What is known of one fit.
#[derive(Clone, Debug, Default)]
pub(crate) struct Known {
    pub(crate) body: String,
    pub(crate) key: Option<String>,
    pub(crate) sha256: String,
    pub(crate) kills: u64,
    pub(crate) cancel_asked: bool,
    pub(crate) cancelled: Option<String>,
    pub(crate) delete_asked: bool,
    pub(crate) deleted: bool,
    pub(crate) ended: Option<(String, String)>,
    /// Lifecycle events that a stream gave, and the newest id of any kind.
    pub(crate) events: Vec<(u64, String)>,
    pub(crate) last_event: Option<u64>,
}

/// Everything that is known.
#[derive(Clone, Debug, Default)]
pub(crate) struct Book {
    pub(crate) fits: BTreeMap<String, Known>,
    pub(crate) keys: BTreeMap<String, String>,
    /// Keys whose post was not answered.
    pub(crate) unanswered: BTreeMap<String, String>,
    pub(crate) kills: BTreeMap<String, u64>,
    /// What cannot be, found while the lines were written.
    pub(crate) broken: BTreeSet<String>,
}

pub(crate) struct Ledger {
    inside: Mutex<(File, Book)>,
}

impl Ledger {
    /// Goes on from the ledger at `path`, or begins one.
    pub(crate) fn open(path: &Path) -> Self {
        let text = fs::read_to_string(path).unwrap_or_default();
        let mut book = Book::default();
        // A line without its end was not acknowledged.
        for line in text.split_inclusive('\n').filter(|line| line.ends_with('\n')) {
            book.take(serde_json::from_str(line).unwrap());
        }
        let whole = text.rfind('\n').map_or(0, |end| end + 1);
        let file = OpenOptions::new().create(true).append(true).open(path).unwrap();
        file.set_len(whole as u64).unwrap();
        Self { inside: Mutex::new((file, book)) }
    }

    /// Writes a line; it is on stable storage when this returns.
    pub(crate) fn write(&self, entry: Entry) {
        let mut inside = self.lock();
        let line = format!("{}\n", serde_json::to_string(&entry).unwrap());
        inside.0.write_all(line.as_bytes()).unwrap();
        inside.0.sync_data().unwrap();
        inside.1.take(entry);
    }

    /// Notes something that cannot be.
    pub(crate) fn breach(&self, what: impl Into<String>) {
        self.lock().1.broken.insert(what.into());
    }

    /// Everything that is known.
    pub(crate) fn book(&self) -> Book {
        self.lock().1.clone()
    }

    /// What `read` finds in the book.
    pub(crate) fn with<T>(&self, read: impl FnOnce(&Book) -> T) -> T {
        read(&self.lock().1)
    }

    fn lock(&self) -> MutexGuard<'_, (File, Book)> {
        self.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Book {
    /// Every end of the process so far.
    pub(crate) fn kills(&self) -> u64 {
        self.kills.values().sum()
    }

    fn fit(&mut self, id: String) -> &mut Known {
        self.fits.entry(id).or_default()
    }

    fn take(&mut self, entry: Entry) {
        match entry {
            Entry::Posting { key, body } => {
                self.unanswered.insert(key, body);
            }
            Entry::Created { id, body, key, sha256, kills } => {
                if let Some(key) = &key {
                    self.unanswered.remove(key);
                    self.keys.insert(key.clone(), id.clone());
                }
                let known = self.fit(id);
                *known = Known { body, key, sha256, kills, ..std::mem::take(known) };
            }
            Entry::Replayed { id, key } => {
                if self.keys.get(&key) != Some(&id) {
                    self.broken.insert(format!("I2: the key {key} made {:?} and later {id}", self.keys.get(&key)));
                }
            }
            Entry::Cancelling { id } => self.fit(id).cancel_asked = true,
            Entry::Cancelled { id, status } => {
                // The first reply counts: later ones only repeat it.
                self.fit(id).cancelled.get_or_insert(status);
            }
            Entry::Deleting { id } => self.fit(id).delete_asked = true,
            Entry::Deleted { id } => self.fit(id).deleted = true,
            Entry::Ended { id, status, digest } => {
                let new = (status, digest);
                let before = self.fit(id.clone()).ended.get_or_insert_with(|| new.clone()).clone();
                if before != new {
                    self.broken.insert(format!("I3: {id} ended as {before:?} and later as {new:?}"));
                }
            }
            Entry::Seen { id, event, kind } => {
                let known = self.fit(id.clone());
                let before = known.last_event.replace(event);
                if kind != "progress" {
                    known.events.push((event, kind.clone()));
                }
                if before.is_some_and(|before| before >= event) {
                    self.broken.insert(format!("I9: {id} gave the event {event} ({kind}) after {before:?}"));
                }
                if kind == "snapshot" {
                    self.broken.insert(format!("I9: {id} does not know the event {before:?} that it gave"));
                }
            }
            Entry::Killed { how } => *self.kills.entry(how).or_default() += 1,
        }
    }
}
