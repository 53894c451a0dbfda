//! The threads that read, each with its own connection: readers see the last commit and never wait for the writer.

use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot};

use crate::store::StoreError;

/// Reads that wait at most; then callers wait to hand theirs over.
const QUEUE_MAX: usize = 1024;

type Query = Box<dyn FnOnce(&Connection) + Send>;

/// The handle to the threads. Dropping it waits for the reads that are under way.
pub(super) struct Readers {
    queries: Option<mpsc::Sender<Query>>,
    threads: Vec<JoinHandle<()>>,
}

impl Readers {
    pub(super) fn start(connections: Vec<Connection>) -> Result<Self, StoreError> {
        let (queries, queue) = mpsc::channel::<Query>(QUEUE_MAX);
        let queue = Arc::new(Mutex::new(queue));
        let mut readers = Self { queries: Some(queries), threads: Vec::new() };
        for connection in connections {
            connection.pragma_update(None, "query_only", true)?;
            let queue = queue.clone();
            let serve = move || {
                while let Some(query) = next(&queue) {
                    query(&connection);
                }
            };
            readers.threads.push(std::thread::Builder::new().name("store-reader".to_owned()).spawn(serve)?);
        }
        Ok(readers)
    }

    /// Runs `query` on one snapshot of the store.
    pub(super) async fn run<T, F>(&self, query: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    {
        let (reply, answered) = oneshot::channel();
        let query: Query = Box::new(move |connection| {
            // A caller that is gone does not need the answer.
            let _ = reply.send(on_snapshot(connection, query));
        });
        let queries = self.queries.as_ref().ok_or(StoreError::Closed)?;
        queries.send(query).await.map_err(|_| StoreError::Closed)?;
        answered.await.map_err(|_| StoreError::Closed)?
    }
}

impl Drop for Readers {
    fn drop(&mut self) {
        drop(self.queries.take());
        for thread in self.threads.drain(..) {
            if thread.join().is_err() {
                tracing::error!("a reader thread of the store panicked");
            }
        }
    }
}

/// Whoever holds the lock waits for the next query; the others wait for the lock.
fn next(queue: &Mutex<mpsc::Receiver<Query>>) -> Option<Query> {
    queue.lock().unwrap_or_else(PoisonError::into_inner).blocking_recv()
}

fn on_snapshot<T>(
    connection: &Connection,
    query: impl FnOnce(&Connection) -> Result<T, StoreError>,
) -> Result<T, StoreError> {
    let snapshot = connection.unchecked_transaction()?;
    let answer = query(&snapshot);
    snapshot.finish()?;
    answer
}
