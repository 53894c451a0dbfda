//! The one thread that writes. It takes what is queued, up to a limit, as one transaction, so that many writers share
//! one sync of the disk: group commit. Each command has a savepoint of its own and fails alone; nobody is answered
//! before the commit.
//!
//! A command that was handed over runs to its end, whether or not its caller still waits.

use std::thread::JoinHandle;

use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot};

use super::blobs::{Blobs, PendingFile};
use crate::failpoints;
use crate::store::StoreError;

/// Commands in one transaction at most: bounds what a failed commit fails, and how long the first one waits.
const BATCH_MAX: usize = 256;

/// Commands that wait at most; then callers wait to hand theirs over.
const QUEUE_MAX: usize = 1024;

type Answer = Box<dyn FnOnce(Result<(), StoreError>) + Send>;
type Command = Box<dyn FnOnce(Result<(&Connection, &mut Files), StoreError>) -> Answer + Send>;

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
}

impl Writer {
    pub(super) fn start(connection: Connection, blobs: Blobs) -> Result<Self, StoreError> {
        let (commands, queue) = mpsc::channel(QUEUE_MAX);
        let thread = std::thread::Builder::new()
            .name("store-writer".to_owned())
            .spawn(move || serve(queue, &connection, &blobs))?;
        Ok(Self { commands: Some(commands), thread: Some(thread) })
    }

    /// Runs `command` in the next transaction and answers when that is on stable storage.
    pub(super) async fn run<T, F>(&self, command: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&mut Write<'_>) -> Result<T, StoreError> + Send + 'static,
    {
        let (reply, answered) = oneshot::channel();
        let command: Command = Box::new(move |turn| {
            let outcome = turn.and_then(|(connection, files)| in_savepoint(connection, files, command));
            Box::new(move |committed| {
                // A caller that is gone does not need the answer.
                let _ = reply.send(outcome.and_then(|value| committed.map(|()| value)));
            })
        });
        let commands = self.commands.as_ref().ok_or(StoreError::Closed)?;
        commands.send(Message::Run(command)).await.map_err(|_| StoreError::Closed)?;
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

fn serve(mut queue: mpsc::Receiver<Message>, connection: &Connection, blobs: &Blobs) {
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
        let mut commands = commands.into_iter().peekable();
        while commands.peek().is_some() {
            transact(&mut commands, connection, blobs);
        }
        if !closing.is_empty() {
            queue.close();
            let mut folded =
                connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).map_err(StoreError::from);
            for reply in closing {
                let _ = reply.send(std::mem::replace(&mut folded, Ok(())));
            }
            return;
        }
    }
}

/// Runs the commands in one transaction and answers them. Where SQLite itself gives the transaction up (a full disk), it
/// ends early, and the commands that are left go into another one.
fn transact(commands: &mut impl Iterator<Item = Command>, connection: &Connection, blobs: &Blobs) {
    if let Err(error) = connection.execute_batch("BEGIN IMMEDIATE") {
        for command in commands {
            command(Err(again(&error)))(Ok(()));
        }
        return;
    }
    failpoints::reach("store.begun");
    let mut answers = Vec::new();
    let mut files = Files::default();
    for command in commands {
        answers.push(command(Ok((connection, &mut files))));
        if connection.is_autocommit() {
            break;
        }
    }
    failpoints::reach("store.ran");
    match connection.execute_batch("COMMIT") {
        Ok(()) => {
            failpoints::reach("store.committed");
            files.kept.into_iter().for_each(PendingFile::keep);
            answers.into_iter().for_each(|answer| answer(Ok(())));
            failpoints::reach("store.answered");
            files.obsolete.iter().for_each(|file| blobs.remove(file));
        }
        Err(error) => {
            if !connection.is_autocommit()
                && let Err(error) = connection.execute_batch("ROLLBACK")
            {
                tracing::error!(%error, "a failed transaction cannot be rolled back");
            }
            // Whether a failed commit reached the disk is not known: what is not referenced is removed at the next start.
            files.kept.into_iter().for_each(PendingFile::keep);
            for answer in answers {
                answer(Err(if files.full { StoreError::Full } else { again(&error) }));
            }
        }
    }
}

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
