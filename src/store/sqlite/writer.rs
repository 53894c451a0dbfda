//! The one thread that writes. It takes what is queued, up to a limit, as one transaction, so that many writers share
//! one sync of the disk: group commit. Each command has a savepoint of its own and fails alone; nobody is answered
//! before the commit.
//!
//! A command that was handed over runs to its end, whether or not its caller still waits.
//!
//! When the disk is full, commands that free space go on with what the ballast gave back, and the others are refused at
//! once, until the ballast can be set aside again. When a write or a sync fails for any other reason, nothing more is
//! taken: what a failed sync has left on the disk is known after a new start alone.

use std::thread::JoinHandle;

use rusqlite::{Connection, ErrorCode};
use tokio::sync::{mpsc, oneshot, watch};

use super::ballast::Ballast;
use super::blobs::{Blobs, PendingFile};
use super::{trim, turns};
use crate::failpoints;
use crate::store::StoreError;

/// Commands in one transaction at most: bounds what a failed commit fails, and how long the first one waits.
const BATCH_MAX: usize = 256;

/// Commands that wait at most; then callers wait to hand theirs over.
const QUEUE_MAX: usize = 1024;

type Answer = Box<dyn FnOnce(Result<(), StoreError>) + Send>;
type Work = Box<dyn FnOnce(Result<(&Connection, &mut Files), StoreError>) -> Answer + Send>;

/// A write with what it does to a disk that is full.
struct Command {
    frees: bool,
    work: Work,
}

enum Message {
    Run(Command),
    Close(oneshot::Sender<Result<(), StoreError>>),
}

/// What happens to dataset files with the commit.
#[derive(Default)]
struct Files {
    kept: Vec<PendingFile>,
    obsolete: Vec<String>,
    /// Whether a command found the disk full: SQLite then gives up the whole transaction without saying why.
    full: bool,
    /// Whether the disk failed a command.
    failed: bool,
    /// Whether a command found that an index is not what its table says.
    misindexed: bool,
}

/// One command's view of the transaction.
pub(super) struct Write<'c> {
    pub(super) connection: &'c Connection,
    files: Files,
}

impl Write<'_> {
    /// The file is referenced from this commit on.
    pub(super) fn keep(&mut self, file: PendingFile) {
        self.files.kept.push(file);
    }

    /// The file is not referenced any more from this commit on.
    pub(super) fn discard(&mut self, file: String) {
        self.files.obsolete.push(file);
    }
}

/// The handle to the thread. Dropping it waits until everything handed over is done.
pub(super) struct Writer {
    commands: Option<mpsc::Sender<Message>>,
    thread: Option<JoinHandle<()>>,
    broken: watch::Sender<bool>,
}

/// What the thread works with.
struct Desk {
    connection: Connection,
    blobs: Blobs,
    ballast: Ballast,
    broken: watch::Sender<bool>,
}

impl Writer {
    pub(super) fn start(connection: Connection, blobs: Blobs, ballast: Ballast) -> Result<Self, StoreError> {
        let (commands, queue) = mpsc::channel(QUEUE_MAX);
        let broken = watch::Sender::new(false);
        let mut desk = Desk { connection, blobs, ballast, broken: broken.clone() };
        let thread = std::thread::Builder::new().name("store-writer".to_owned()).spawn(move || desk.serve(queue))?;
        Ok(Self { commands: Some(commands), thread: Some(thread), broken })
    }

    /// Runs `command` in the next transaction and answers when that is on stable storage.
    pub(super) async fn run<T, F>(&self, command: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&mut Write<'_>) -> Result<T, StoreError> + Send + 'static,
    {
        self.hand_over(false, command).await
    }

    /// The same for a command that frees space: on a full disk it is tried once more with the room of the ballast, and
    /// once more too after an index was made anew.
    pub(super) async fn free<T, F>(&self, command: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&mut Write<'_>) -> Result<T, StoreError> + Clone + Send + 'static,
    {
        match self.hand_over(true, command.clone()).await {
            Err(error) if matches!(error, StoreError::Full) || is_misindexed(&error) => {
                self.hand_over(true, command).await
            }
            outcome => outcome,
        }
    }

    /// The disk failed beside the writer's own writes.
    pub(super) fn fail(&self) {
        self.broken.send_replace(true);
    }

    /// Returns when the disk has failed.
    pub(super) async fn broken(&self) {
        // The sender is ours, so the only end of the wait is the failure.
        let _ = self.broken.subscribe().wait_for(|broken| *broken).await;
    }

    async fn hand_over<T, F>(&self, frees: bool, command: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&mut Write<'_>) -> Result<T, StoreError> + Send + 'static,
    {
        let (reply, answered) = oneshot::channel();
        let work: Work = Box::new(move |turn| {
            let outcome = turn.and_then(|(connection, files)| in_savepoint(connection, files, command));
            Box::new(move |committed| {
                // A caller that is gone does not need the answer.
                let _ = reply.send(outcome.and_then(|value| committed.map(|()| value)));
            })
        });
        let commands = self.commands.as_ref().ok_or(StoreError::Closed)?;
        commands.send(Message::Run(Command { frees, work })).await.map_err(|_| StoreError::Closed)?;
        answered.await.map_err(|_| StoreError::Closed)?
    }

    /// Lets what was handed over end, then folds the log into the file. A second time it does nothing.
    pub(super) async fn close(&self) -> Result<(), StoreError> {
        let (reply, answered) = oneshot::channel();
        let Some(commands) = &self.commands else { return Ok(()) };
        if commands.send(Message::Close(reply)).await.is_err() {
            return Ok(());
        }
        answered.await.unwrap_or(Ok(()))
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        drop(self.commands.take());
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the store's writer thread panicked");
        }
    }
}

impl Desk {
    fn serve(&mut self, mut queue: mpsc::Receiver<Message>) {
        while let Some(first) = queue.blocking_recv() {
            let mut messages = vec![first];
            while messages.len() < BATCH_MAX
                && let Ok(message) = queue.try_recv()
            {
                messages.push(message);
            }
            let mut commands = Vec::new();
            let mut closing = Vec::new();
            for message in messages {
                match message {
                    Message::Run(command) => commands.push(command),
                    Message::Close(reply) => closing.push(reply),
                }
            }
            self.run(commands);
            if !closing.is_empty() {
                queue.close();
                let mut folded = self.fold();
                for reply in closing {
                    let _ = reply.send(std::mem::replace(&mut folded, Ok(())));
                }
                return;
            }
        }
    }

    fn run(&mut self, commands: Vec<Command>) {
        let is_full = match self.ballast.is_held() {
            Ok(is_held) => !is_held,
            Err(error) => {
                tracing::error!(error = &error as &dyn std::error::Error, "the store's disk failed its spare space");
                self.give_up(Vec::new());
                false
            }
        };
        let mut works = Vec::with_capacity(commands.len());
        for command in commands {
            if is_full && !command.frees {
                (command.work)(Err(StoreError::Full))(Ok(()));
            } else {
                works.push(command.work);
            }
        }
        let mut works = works.into_iter().peekable();
        let has_freed = is_full && works.peek().is_some();
        while works.peek().is_some() {
            if *self.broken.borrow() {
                works.by_ref().for_each(|work| work(Err(StoreError::Broken))(Ok(())));
            } else {
                self.transact(&mut works);
            }
        }
        if has_freed {
            self.make_room();
        }
    }

    /// On a full disk: gives the ballast's space to the log, folds that into the file, and gives free pages back.
    fn make_room(&mut self) {
        if *self.broken.borrow() {
            return;
        }
        let freed = self.fold().and_then(|()| trim::give_back(&self.connection, 0)).and_then(|_| self.fold());
        match freed {
            Err(error) if is_disk_failure(&error) => self.give_up(Vec::new()),
            // As much as there was room for.
            Err(_) | Ok(()) => {}
        }
    }

    /// A command found the disk full. Whoever is to be answered has been: making room may wait for readers.
    fn found_full(&mut self) {
        self.ballast.give();
        self.make_room();
    }

    /// Folds the log into the file.
    fn fold(&self) -> Result<(), StoreError> {
        if *self.broken.borrow() {
            return Err(StoreError::Broken);
        }
        Ok(self.connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?)
    }

    /// Runs commands in one transaction and answers them. Where SQLite itself gives the transaction up (a full disk), it
    /// ends early, and the commands that are left go into another one.
    fn transact(&mut self, works: &mut impl Iterator<Item = Work>) {
        let connection = &self.connection;
        if let Err(error) = connection.execute_batch("BEGIN IMMEDIATE") {
            let answers = works.map(|work| work(Err(again(&error)))).collect();
            return self.refuse(answers, &error, false);
        }
        failpoints::reach("store.begun");
        let mut answers = Vec::new();
        let mut files = Files::default();
        for work in works {
            answers.push(work(Ok((connection, &mut files))));
            if connection.is_autocommit() {
                break;
            }
        }
        if files.failed {
            files.kept.into_iter().for_each(PendingFile::keep);
            return self.give_up(answers);
        }
        failpoints::reach("store.ran");
        let misindexed = files.misindexed;
        match connection.execute_batch("COMMIT") {
            Ok(()) => {
                failpoints::reach("store.committed");
                files.kept.into_iter().for_each(PendingFile::keep);
                answers.into_iter().for_each(|answer| answer(Ok(())));
                failpoints::reach("store.answered");
                files.obsolete.iter().for_each(|file| self.blobs.remove(file));
                if files.full {
                    self.found_full();
                }
            }
            Err(error) => {
                if !connection.is_autocommit()
                    && let Err(error) = connection.execute_batch("ROLLBACK")
                {
                    tracing::error!(%error, "a failed transaction cannot be rolled back");
                }
                // Whether a failed commit reached the disk is not known: what is not referenced is removed at the next
                // start.
                files.kept.into_iter().for_each(PendingFile::keep);
                self.refuse(answers, &error, files.full);
            }
        }
        if misindexed {
            self.index_again();
        }
    }

    /// Makes every index anew from its table, and counts again.
    fn index_again(&self) {
        tracing::error!("an index of the store is damaged and is made anew");
        let made = self.connection.execute_batch("REINDEX").map_err(StoreError::from);
        if let Err(error) = made.and_then(|()| turns::recount(&self.connection)) {
            tracing::error!(error = &error as &dyn std::error::Error, "the indexes cannot be made anew");
        }
    }

    /// Answers commands whose transaction failed, and sees what that says of the disk.
    fn refuse(&mut self, answers: Vec<Answer>, error: &rusqlite::Error, full: bool) {
        match again(error) {
            error if is_disk_failure(&error) => {
                tracing::error!(error = &error as &dyn std::error::Error, "the store's disk failed a write");
                self.give_up(answers);
            }
            first => {
                let full = full || matches!(first, StoreError::Full);
                for answer in answers {
                    answer(Err(if full { StoreError::Full } else { again(error) }));
                }
                if full {
                    self.found_full();
                }
            }
        }
    }

    fn give_up(&self, answers: Vec<Answer>) {
        self.broken.send_replace(true);
        answers.into_iter().for_each(|answer| answer(Err(StoreError::Broken)));
    }
}

/// Whether the error says that an index is not what its table says, as after a bit has flipped in either.
fn is_misindexed(error: &StoreError) -> bool {
    /// SQLite's own extended code for that.
    const CORRUPT_INDEX: i32 = 779;
    matches!(error, StoreError::Sqlite(rusqlite::Error::SqliteFailure(code, _)) if code.extended_code == CORRUPT_INDEX)
}

/// Whether the error says that the disk cannot be trusted any more.
pub(super) fn is_disk_failure(error: &StoreError) -> bool {
    match error {
        StoreError::Sqlite(error) => error.sqlite_error_code() == Some(ErrorCode::SystemIoFailure),
        StoreError::Io(error) => error.raw_os_error().is_some_and(|code| DISK_FAILURES.contains(&code)),
        _ => false,
    }
}

/// The system's numbers for an input or output error, for a device that is gone, and for a file system that has become
/// read-only. Others, such as too many open files, are over sooner or later.
const DISK_FAILURES: [i32; 3] = [5, 6, 30];

/// Runs one command so that its failure undoes it alone.
fn in_savepoint<T>(
    connection: &Connection,
    files: &mut Files,
    command: impl FnOnce(&mut Write<'_>) -> Result<T, StoreError>,
) -> Result<T, StoreError> {
    connection.execute_batch("SAVEPOINT command")?;
    let mut write = Write { connection, files: Files::default() };
    match command(&mut write) {
        Ok(value) => {
            connection.execute_batch("RELEASE command")?;
            files.kept.append(&mut write.files.kept);
            files.obsolete.append(&mut write.files.obsolete);
            Ok(value)
        }
        Err(error) => {
            files.full |= matches!(error, StoreError::Full);
            files.failed |= is_disk_failure(&error);
            files.misindexed |= is_misindexed(&error);
            if !connection.is_autocommit() {
                connection.execute_batch("ROLLBACK TO command; RELEASE command")?;
            }
            Err(error)
        }
    }
}

/// The same error for one more caller.
fn again(error: &rusqlite::Error) -> StoreError {
    match error {
        rusqlite::Error::SqliteFailure(code, text) => rusqlite::Error::SqliteFailure(*code, text.clone()).into(),
        other => StoreError::Io(std::io::Error::other(other.to_string())),
    }
}
