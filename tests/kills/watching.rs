//! Clients that follow one fit after another from its first event to its last, over every death of the service.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::timeout;

use crate::bodies::Size;
use crate::client::{Client, Gone};
use crate::dice::Dice;
use crate::ledger::Entry;
use crate::load::Load;

/// How long a follower waits for something to follow.
const PAUSE: Duration = Duration::from_millis(100);

/// One follower.
pub(crate) struct Follower {
    load: Arc<Load>,
    dice: Dice,
    followed: BTreeSet<String>,
}

/// Why a stream is not followed any further.
enum Left {
    Ended,
    /// The stream ended before the fit: the service went away or is about to.
    Broken,
}

impl Follower {
    /// Follower `number` of `all`: each has its own part of the fits, so that none is followed twice.
    pub(crate) fn new(load: &Arc<Load>, dice: &Dice, number: u64) -> Self {
        let followed = load.ledger.with(|book| {
            book.fits.iter().filter(|(_, known)| known.last_event.is_some()).map(|(id, _)| id.clone()).collect()
        });
        Self { load: load.clone(), dice: dice.fork(1_000 + number), followed }
    }

    pub(crate) async fn live(mut self, part: u64, parts: u64) {
        while let Some((mut life, mut client)) = self.load.service(None).await {
            let Some(id) = self.choose(part, parts) else {
                // Nothing to follow now: another client may post something meanwhile.
                let _ = timeout(PAUSE, self.load.service(Some(life))).await;
                continue;
            };
            self.followed.insert(id.clone());
            while !matches!(self.follow(&client, &id).await, Ok(Left::Ended)) {
                match self.load.service(Some(life)).await {
                    Some(next) => (life, client) = next,
                    None => return,
                }
            }
        }
    }

    /// A fit that nobody follows, rather a long one.
    fn choose(&mut self, part: u64, parts: u64) -> Option<String> {
        let (long, short): (Vec<String>, Vec<String>) = self.load.ledger.with(|book| {
            let open = book.fits.iter().filter(|(id, known)| {
                let hash = id.bytes().fold(0u64, |sum, byte| sum.wrapping_mul(31).wrapping_add(u64::from(byte)));
                hash % parts == part && !known.delete_asked && known.last_event.is_none()
            });
            let open = open.filter(|(id, _)| !self.followed.contains(*id));
            let is_long = |name: &str| self.load.bodies.iter().any(|body| body.name == name && body.size == Size::Long);
            let open: Vec<_> = open.map(|(id, known)| (id.clone(), is_long(&known.body))).collect();
            let (long, short): (Vec<_>, Vec<_>) = open.into_iter().partition(|(_, is_long)| *is_long);
            let ids = |all: Vec<(String, bool)>| all.into_iter().map(|(id, _)| id).collect();
            (ids(long), ids(short))
        });
        if !long.is_empty() && self.dice.percent(80) { long.last().cloned() } else { short.last().cloned() }
    }

    async fn follow(&self, client: &Client, id: &str) -> Result<Left, Gone> {
        let begun = self.load.begun();
        let after = self.load.ledger.with(|book| book.fits.get(id).and_then(|known| known.last_event));
        let mut events = match client.events(id, after).await? {
            Ok(events) => events,
            // The end was seen, or the fit was deleted meanwhile.
            Err(204 | 404) => return Ok(Left::Ended),
            Err(503) => return Ok(Left::Broken),
            Err(status) => {
                self.load.ledger.breach(format!("I9: the events of {id} are answered with {status}"));
                return Ok(Left::Ended);
            }
        };
        // What a fit had come to in a life is where it goes on in the next.
        let begun = begun.get(id).filter(|_| !self.load.has_batches(id)).map_or(0, |(_, iteration)| *iteration);
        while let Some(event) = events.next().await {
            if let ("progress", Some(iteration)) = (event.kind.as_str(), event.data["iteration"].as_u64())
                && iteration < begun
            {
                self.load.ledger.breach(format!("{id} was at iteration {begun}, and begins again at {iteration}"));
            }
            self.load.ledger.write(Entry::Seen { id: id.to_owned(), event: event.id, kind: event.kind.clone() });
            if ["succeeded", "failed", "cancelled"].contains(&event.kind.as_str()) {
                self.load.saw(id, &event.data);
                return Ok(Left::Ended);
            }
        }
        // A fit that is deleted ends its stream too.
        let is_gone = self.load.ledger.with(|book| book.fits.get(id).is_none_or(|known| known.delete_asked));
        Ok(if is_gone { Left::Ended } else { Left::Broken })
    }
}
