//! The clients of the kill loop: they post, cancel, delete and read without regard to what happens to the service, and
//! write down every answer before they go on.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::Value;
use tokio::sync::watch;
use tokio::time::timeout;

use crate::bodies::{Body, Size};
use crate::client::{Answer, Client, Gone, digest, is_terminal, text};
use crate::dice::Dice;
use crate::inside::Standings;
use crate::ledger::{Entry, Ledger};

/// How long a client waits before it asks for something else.
const PACE: Duration = Duration::from_millis(50);
/// Long fits that are not known to have ended, at most.
const LONG_MAX: usize = 6;
/// Fits that are not deleted; beyond, clients delete more than they post.
const FITS_MAX: usize = 600;
/// Fits that a client remembers as its own.
const OWN_MAX: usize = 40;

/// Where the service is, if it is.
#[derive(Clone, Default)]
pub(crate) struct Whereabouts {
    pub(crate) life: u64,
    pub(crate) client: Option<Client>,
    pub(crate) is_over: bool,
}

/// What all clients share.
pub(crate) struct Load {
    pub(crate) ledger: Ledger,
    pub(crate) bodies: Vec<Body>,
    pub(crate) whereabouts: watch::Receiver<Whereabouts>,
    pub(crate) numbers: AtomicU64,
    /// How far the unfinished fits were when this life of the service began.
    pub(crate) begun: Mutex<Arc<Standings>>,
}

impl Load {
    /// The service, as soon as it is there in another life than `life`; nothing when the load is over.
    pub(crate) async fn service(&self, life: Option<u64>) -> Option<(u64, Client)> {
        let mut whereabouts = self.whereabouts.clone();
        let is_other = |at: &Whereabouts| at.is_over || (at.client.is_some() && Some(at.life) != life);
        let at = whereabouts.wait_for(is_other).await.ok()?.clone();
        if at.is_over { None } else { Some((at.life, at.client?)) }
    }

    /// How far the unfinished fits were when this life of the service began.
    pub(crate) fn begun(&self) -> Arc<Standings> {
        self.begun.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Asked to stop between two epochs, a fit shows where it was and goes on from what its last heartbeat kept.
    pub(crate) fn has_batches(&self, id: &str) -> bool {
        let name = self.ledger.with(|book| book.fits.get(id).map(|known| known.body.clone()));
        name.is_none_or(|name| self.body(&name).text.contains("\"batch_size\""))
    }

    fn body(&self, name: &str) -> &Body {
        self.bodies.iter().find(|body| body.name == name).expect("bodies do not go away")
    }

    fn choose(&self, dice: &mut Dice) -> &Body {
        let is_long = |name: &str| self.body(name).size == Size::Long;
        let long = self.ledger.with(|book| {
            let open = book.fits.values().filter(|fit| fit.ended.is_none() && !fit.deleted);
            open.filter(|fit| is_long(&fit.body)).count()
        });
        let size = match dice.below(100) {
            0..40 if long < LONG_MAX => Size::Long,
            0..55 => Size::Large,
            _ => Size::Small,
        };
        let of_size: Vec<_> = self.bodies.iter().filter(|body| body.size == size).collect();
        dice.one(&of_size).expect("there are bodies of every size")
    }
}

/// One client.
pub(crate) struct Patron {
    load: Arc<Load>,
    dice: Dice,
    name: String,
    own: Vec<String>,
    /// A key whose post was not answered, with the kills before it was first sent.
    pending: Option<(String, String, u64)>,
}

impl Patron {
    pub(crate) fn new(load: &Arc<Load>, dice: &Dice, number: u64) -> Self {
        // A run that goes on from a ledger asks once more what was not answered then.
        let all = load.ledger.with(|book| book.unanswered.clone());
        let pending = all.into_iter().nth(number as usize).map(|(key, body)| (key, body, 0));
        let kills = load.ledger.with(super::ledger::Book::kills);
        let name = format!("{number}-{kills}");
        Self { load: load.clone(), dice: dice.fork(number), name, own: Vec::new(), pending }
    }

    /// Asks for things until the load is over.
    pub(crate) async fn live(mut self) {
        let mut life = None;
        while let Some((now, client)) = self.load.service(life).await {
            loop {
                if self.act(&client).await.is_err() {
                    break;
                }
                let mut whereabouts = self.load.whereabouts.clone();
                let moved = whereabouts.wait_for(|at| at.life != now || at.client.is_none() || at.is_over);
                if timeout(PACE, moved).await.is_ok() {
                    break;
                }
            }
            life = Some(now);
        }
    }

    async fn act(&mut self, client: &Client) -> Result<(), Gone> {
        if let Some((key, body, kills)) = self.pending.clone() {
            return self.post_with_key(client, &key, &body, kills).await;
        }
        let crowded = self.load.ledger.with(|book| book.fits.values().filter(|fit| !fit.deleted).count() > FITS_MAX);
        match self.dice.below(100) {
            0..20 if !crowded => self.post(client).await,
            20..40 if !crowded => {
                let body = self.load.choose(&mut self.dice).name.clone();
                let number = self.load.numbers.fetch_add(1, Ordering::Relaxed);
                let key = format!("{}-{number}-{body}", self.name);
                let kills = self.load.ledger.with(super::ledger::Book::kills);
                self.load.ledger.write(Entry::Posting { key: key.clone(), body: body.clone() });
                self.pending = Some((key.clone(), body.clone(), kills));
                self.post_with_key(client, &key, &body, kills).await
            }
            0..50 => self.replay(client).await,
            50..62 => self.cancel(client).await,
            62..72 => self.delete(client).await,
            72..74 if !crowded => Ok(()),
            72..84 if crowded => self.delete(client).await,
            _ => self.read(client).await,
        }
    }

    async fn post(&mut self, client: &Client) -> Result<(), Gone> {
        let (body, kills) =
            (self.load.choose(&mut self.dice).clone(), self.load.ledger.with(super::ledger::Book::kills));
        let number = self.load.numbers.fetch_add(1, Ordering::Relaxed);
        let answer = client.post(&body, None, number).await?;
        self.created(&answer, &body.name, None, kills);
        Ok(())
    }

    async fn post_with_key(&mut self, client: &Client, key: &str, body: &str, kills: u64) -> Result<(), Gone> {
        let answer = client.post(self.load.body(body), Some(key), 0).await?;
        if self.created(&answer, body, Some(key.to_owned()), kills) {
            self.pending = None;
        }
        Ok(())
    }

    fn created(&mut self, answer: &Answer, body: &str, key: Option<String>, kills: u64) -> bool {
        if answer.status != 201 {
            // A service that stops says so.
            if answer.status != 503 {
                self.load.ledger.breach(format!("a post was answered with {}: {}", answer.status, answer.text));
            }
            return false;
        }
        let fit = answer.json();
        let (id, sha256) = (text(&fit, "/id"), text(&fit, "/dataset/sha256"));
        self.load.ledger.write(Entry::Created { id: id.clone(), body: body.to_owned(), key, sha256, kills });
        self.own.push(id);
        if self.own.len() > OWN_MAX {
            let forgotten = self.dice.below(self.own.len() as u64) as usize;
            self.own.swap_remove(forgotten);
        }
        true
    }

    /// Sends a post with a used key once more.
    async fn replay(&mut self, client: &Client) -> Result<(), Gone> {
        let keyed: Vec<(String, String, String)> = self.load.ledger.with(|book| {
            let own = self.own.iter().filter_map(|id| Some((id, book.fits.get(id)?)));
            let alive = own.filter(|(_, known)| !known.delete_asked);
            alive.filter_map(|(id, known)| Some((id.clone(), known.key.clone()?, known.body.clone()))).collect()
        });
        let Some((id, key, body)) = self.dice.one(&keyed).cloned() else { return Ok(()) };
        let answer = client.post(self.load.body(&body), Some(&key), 0).await?;
        match answer.status {
            201 => {
                let found = text(&answer.json(), "/id");
                self.load.ledger.write(Entry::Replayed { id: found, key });
                if !answer.replayed {
                    self.load.ledger.breach(format!("I2: the key of {id} made a fit a second time"));
                }
            }
            503 => {}
            _ => self.load.ledger.breach(format!("I2: the key of {id} is answered with {}", answer.text)),
        }
        Ok(())
    }

    /// One of the client's fits that it has not asked to remove.
    fn own(&mut self) -> Option<String> {
        let left = self.load.ledger.with(|book| {
            let left = self.own.iter().filter(|id| book.fits.get(*id).is_some_and(|known| !known.delete_asked));
            left.cloned().collect::<Vec<_>>()
        });
        self.dice.one(&left).cloned()
    }

    async fn cancel(&mut self, client: &Client) -> Result<(), Gone> {
        let Some(id) = self.own() else { return Ok(()) };
        // Most fits are to end by themselves.
        let is_long = self.load.ledger.with(|book| self.load.body(&book.fits[&id].body).size == Size::Long);
        if is_long && self.dice.percent(75) {
            return Ok(());
        }
        self.load.ledger.write(Entry::Cancelling { id: id.clone() });
        let answer = client.cancel(&id).await?;
        match answer.status {
            200 => {
                let status = text(&answer.json(), "/status");
                self.load.ledger.write(Entry::Cancelled { id: id.clone(), status });
                self.load.saw(&id, &answer.json());
            }
            503 => {}
            _ => self.load.ledger.breach(format!("I1: the cancel of {id} is answered with {}", answer.text)),
        }
        Ok(())
    }

    async fn delete(&mut self, client: &Client) -> Result<(), Gone> {
        // Large ones first: their data goes with the last of them, and is written anew later.
        let is_large = |id: &String| {
            let body = self.load.ledger.with(|book| book.fits.get(id).map(|known| known.body.clone()));
            body.is_some_and(|name| self.load.body(&name).size == Size::Large)
        };
        let is_open = |id: &&String| self.load.ledger.with(|book| !book.fits[*id].delete_asked);
        let large = self.own.iter().filter(|id| is_large(id)).find(is_open).cloned();
        let Some(id) = large.or_else(|| self.own()) else { return Ok(()) };
        let is_long = self.load.ledger.with(|book| {
            let known = &book.fits[&id];
            self.load.body(&known.body).size == Size::Long && known.ended.is_none()
        });
        if is_long && self.dice.percent(90) {
            return Ok(());
        }
        self.load.ledger.write(Entry::Deleting { id: id.clone() });
        let answer = client.delete(&id).await?;
        match answer.status {
            204 => {
                self.load.ledger.write(Entry::Deleted { id: id.clone() });
                let after = client.get(&format!("/fits/{id}")).await?;
                if after.status != 404 && after.status != 503 {
                    self.load.ledger.breach(format!("I5: {id} was deleted and is answered with {}", after.status));
                }
            }
            503 => {}
            _ => self.load.ledger.breach(format!("I1: the delete of {id} is answered with {}", answer.text)),
        }
        Ok(())
    }

    async fn read(&mut self, client: &Client) -> Result<(), Gone> {
        let Some(id) = self.own() else { return Ok(()) };
        let answer = client.get(&format!("/fits/{id}")).await?;
        match answer.status {
            200 => self.load.saw(&id, &answer.json()),
            503 => {}
            _ => self.load.ledger.breach(format!("I1: {id} is answered with {}", answer.text)),
        }
        Ok(())
    }
}

impl Load {
    /// Notes a terminal state.
    pub(crate) fn saw(&self, id: &str, fit: &Value) {
        let is_new =
            is_terminal(fit) && self.ledger.with(|book| book.fits.get(id).is_none_or(|known| known.ended.is_none()));
        if is_new {
            let (id, status) = (id.to_owned(), text(fit, "/status"));
            self.ledger.write(Entry::Ended { id, status, digest: digest(&fit.to_string()) });
        } else if is_terminal(fit) {
            // A fit that has ended stays as it was, to the last byte.
            let digest = digest(&fit.to_string());
            let changed = self.ledger.with(|book| {
                book.fits.get(id).and_then(|known| known.ended.clone()).filter(|(_, before)| *before != digest)
            });
            if let Some((before, _)) = changed {
                self.ledger.breach(format!("I3: {id} had ended as {before} and is now {fit}"));
            }
        }
    }
}
