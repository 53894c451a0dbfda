//! Holds what the service says against what it had acknowledged: shortly after each start, in full at the end.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use futures_util::StreamExt;
use serde_json::Value;

use crate::client::{Client, Gone, is_terminal, text};
use crate::inside;
use crate::ledger::{Book, Known, Ledger};
use crate::load::Load;
use crate::outcomes::Outcome;

/// Fits that are looked at at once.
const AT_ONCE: usize = 4;

/// What an audit counts.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Counts {
    pub(crate) acknowledged: u64,
    pub(crate) lost: u64,
    pub(crate) compared: u64,
    pub(crate) other_bits: u64,
}

/// After a start: nothing is gone, nothing has changed that may not, and the file is whole.
pub(crate) async fn brief(load: &Load, client: &Client, store: &Path, deep: bool) -> Result<(), Gone> {
    let before = load.ledger.book();
    let listed: BTreeMap<String, Value> =
        client.list("").await?.into_iter().map(|fit| (text(&fit, "/id"), fit)).collect();
    let after = load.ledger.book();
    for (id, known) in before.fits.iter().filter(|(_, known)| !known.body.is_empty()) {
        match listed.get(id) {
            Some(_) if known.deleted => load.ledger.breach(format!("I5: {id} was deleted and is listed")),
            Some(fit) => {
                state(&load.ledger, id, known, &after, fit);
                if known.ended.is_some() {
                    load.saw(id, fit);
                }
            }
            None if after.fits[id].delete_asked => {}
            None => load.ledger.breach(format!("I1: {id} ({}) is not listed", known.body)),
        }
    }
    if deep {
        match inside::faults(store.to_owned()).await {
            Ok(faults) => faults.into_iter().for_each(|line| load.ledger.breach(format!("I11: {line}"))),
            // The process may be killed while its file is read.
            Err(error) => eprintln!("the store was not read to its end: {error}"),
        }
    }
    Ok(())
}

/// What every state of a fit must keep to.
fn state(ledger: &Ledger, id: &str, known: &Known, now: &Book, fit: &Value) {
    let status = text(fit, "/status");
    if fit["dataset"]["sha256"] != *known.sha256 {
        ledger.breach(format!("I1: {id} has other data than {}", known.sha256));
    }
    let attempts_max = now.kills() - known.kills + 1;
    if fit["attempt"].as_u64().unwrap() > attempts_max {
        ledger.breach(format!("I10: {id} has more than {attempts_max} attempts: {}", fit["attempt"]));
    }
    if let Some((ended, _)) = &known.ended
        && *ended != status
    {
        ledger.breach(format!("I3: {id} had ended as {ended} and is {status}"));
    }
    if let Some(replied) = &known.cancelled {
        let kept = replied == "running" || *replied == status;
        if !kept || (replied == "running" && ["succeeded", "failed", "queued"].contains(&status.as_str())) {
            ledger.breach(format!("I4: the cancel of {id} was answered with {replied}, and it is {status}"));
        }
    }
    let asked = &now.fits[id];
    if status == "cancelled" && !asked.cancel_asked && !asked.delete_asked {
        ledger.breach(format!("I4: {id} is cancelled, and nobody asked for it"));
    }
}

/// When every fit has ended: everything that can be asked of each.
pub(crate) async fn full(load: &Load, client: &Client, expected: &BTreeMap<String, Outcome>) -> Result<Counts, Gone> {
    let book = load.ledger.book();
    let mut counts = Counts::default();
    let fits = book.fits.iter().filter(|(_, known)| !known.body.is_empty());
    let looked: Vec<Result<Counts, Gone>> = futures_util::stream::iter(fits)
        .map(|(id, known)| one(load, client, &book, (id, known), expected))
        .buffer_unordered(AT_ONCE)
        .collect()
        .await;
    for one in looked {
        let one = one?;
        counts.acknowledged += one.acknowledged;
        counts.lost += one.lost;
        counts.compared += one.compared;
        counts.other_bits += one.other_bits;
    }
    let mut keys = BTreeSet::new();
    for fit in client.list("").await? {
        if let Some(key) = fit["labels"]["key"].as_str()
            && !keys.insert(key.to_owned())
        {
            load.ledger.breach(format!("I2: the key {key} has made more than one fit"));
        }
    }
    Ok(counts)
}

async fn one(
    load: &Load,
    client: &Client,
    book: &Book,
    (id, known): (&String, &Known),
    expected: &BTreeMap<String, Outcome>,
) -> Result<Counts, Gone> {
    let ledger = &load.ledger;
    let mut counts = Counts { acknowledged: 1, ..Counts::default() };
    let answer = client.get(&format!("/fits/{id}")).await?;
    match answer.status {
        404 if known.delete_asked => return Ok(counts),
        200 if known.deleted => {
            ledger.breach(format!("I5: {id} was deleted and is there"));
            return Ok(counts);
        }
        200 => {}
        _ => {
            counts.lost = 1;
            ledger.breach(format!("I1: {id} ({}) is lost: {}", known.body, answer.text));
            return Ok(counts);
        }
    }
    let fit = answer.json();
    state(ledger, id, known, book, &fit);
    if !is_terminal(&fit) {
        ledger.breach(format!("{id} has not ended: {fit}"));
        return Ok(counts);
    }
    load.saw(id, &fit);
    events(load, client, (id, known), &fit).await?;
    let history = client.history(id).await?;
    let outcome = Outcome::new(&fit, history);
    points(ledger, id, &outcome.history);
    let Some(expected) = expected.get(&known.body) else {
        ledger.breach(format!("nobody knows what {} comes to", known.body));
        return Ok(counts);
    };
    if outcome.status == "cancelled" {
        if !is_beginning(&outcome.history, &expected.history) {
            counts.other_bits = 1;
            ledger.breach(format!("I8: the history of {id} ({}) up to its cancel has other bits", known.body));
        }
    } else {
        counts.compared = 1;
        if outcome != *expected {
            counts.other_bits = 1;
            let parts = [
                ("status", outcome.status == expected.status),
                ("result", outcome.result == expected.result),
                ("history", outcome.history == expected.history),
            ];
            let other: Vec<_> = parts.iter().filter(|(_, same)| !same).map(|(name, _)| *name).collect();
            let attempt = &fit["attempt"];
            ledger.breach(format!("I8: {id} ({}, attempt {attempt}) has another {}", known.body, other.join(", ")));
        }
    }
    Ok(counts)
}

/// The events of a fit that has ended, from the first one, and against those that a follower was given.
async fn events(load: &Load, client: &Client, (id, known): (&String, &Known), fit: &Value) -> Result<(), Gone> {
    let mut told = Vec::new();
    match client.events(id, None).await? {
        Ok(mut events) => {
            while let Some(event) = events.next().await {
                told.push((event.id, event.kind));
            }
        }
        Err(status) => load.ledger.breach(format!("I9: the events of {id} are answered with {status}")),
    }
    let kinds: Vec<_> = told.iter().map(|(_, kind)| kind.as_str()).collect();
    let starts = kinds.iter().filter(|kind| **kind == "started").count() as u64;
    let status = text(fit, "/status");
    let in_order = told.windows(2).all(|pair| pair[0].0 < pair[1].0);
    let middle = kinds.iter().skip(1).rev().skip(1).all(|kind| *kind == "started");
    let ends = kinds.first() == Some(&"queued") && kinds.last() == Some(&status.as_str());
    if !in_order || !middle || !ends || fit["attempt"].as_u64() != Some(starts) {
        load.ledger.breach(format!("I9: {id} is {status} after {} attempts, with {told:?}", fit["attempt"]));
    }
    let until = known.last_event.unwrap_or(0);
    let given: Vec<_> = told.iter().filter(|(event, _)| *event <= until).cloned().collect();
    if given != known.events {
        load.ledger.breach(format!("I9: a follower of {id} was given {:?} of {told:?}", known.events));
    }
    Ok(())
}

/// Iterations begin at 0, grow by one stride, and only the last step is shorter.
fn points(ledger: &Ledger, id: &str, history: &str) {
    let iteration = |line: &str| line.split(',').next().and_then(|text| text.parse::<u64>().ok());
    let Some(iterations) = history.lines().skip(1).map(iteration).collect::<Option<Vec<u64>>>() else {
        return ledger.breach(format!("I7: the history of {id} has a line without an iteration"));
    };
    let steps: Vec<_> = iterations.windows(2).map(|pair| pair[1].checked_sub(pair[0])).collect();
    let stride = steps.first().copied().flatten().unwrap_or(1);
    let regular = steps.iter().rev().skip(1).all(|step| *step == Some(stride));
    let last = steps.last().copied().unwrap_or(Some(1)).is_some_and(|step| (1..=stride).contains(&step));
    if iterations.first().is_some_and(|first| *first != 0) || !regular || !last {
        ledger.breach(format!("I7: the history of {id} has a gap or a repeat, stride {stride}"));
    }
}

/// Whether the points of a fit that was stopped are those of the whole fit; its last one may lie off the stride.
fn is_beginning(part: &str, whole: &str) -> bool {
    let lines: Vec<_> = part.lines().collect();
    let on_stride = &lines[..lines.len().saturating_sub(1).max(1)];
    whole.lines().zip(on_stride).filter(|(one, other)| one == *other).count() == on_stride.len()
}
