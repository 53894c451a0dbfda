//! What the searches before and within a descent have found, by name. A fit that is killed while it searches goes on with
//! what was found until then, and one that is resumed later does not search again. It knows neither how an end is found
//! nor what it is good for.

use std::collections::BTreeMap;

use super::aside;
use super::observer::{Checkpoint, Observer};
use super::outcome::Minimum;
use super::restarts::End;
use super::{NUMERICS_VERSION, Team};

/// What the names in a checkpoint begin with.
const PREFIX: &str = "found/";

/// Vectors by the name of what they were found for.
#[derive(Clone, Debug, Default)]
pub(super) struct Ledger {
    found: BTreeMap<String, Vec<f64>>,
}

impl Ledger {
    /// What a checkpoint knows, if it is one that can be resumed from.
    pub(super) fn of(checkpoint: Option<&Checkpoint>) -> Self {
        let checkpoint = checkpoint.filter(|checkpoint| checkpoint.numerics_version == NUMERICS_VERSION);
        let floats = checkpoint.map_or(&[][..], |checkpoint| &checkpoint.floats);
        let own = |(name, values): &(String, Vec<f64>)| Some((name.strip_prefix(PREFIX)?.to_owned(), values.clone()));
        Self { found: floats.iter().filter_map(own).collect() }
    }

    /// Everything, as a checkpoint keeps it.
    pub(super) fn entries(&self) -> Vec<(String, Vec<f64>)> {
        self.found.iter().map(|(name, values)| (format!("{PREFIX}{name}"), values.clone())).collect()
    }

    pub(super) fn get(&self, name: &str) -> Option<&[f64]> {
        self.found.get(name).map(Vec::as_slice)
    }

    /// Forgets what was found on the way to something.
    pub(super) fn forget(&mut self, name: &str) {
        let below = format!("{name}/");
        self.found.retain(|other, _| !other.starts_with(&below));
    }

    /// Notes what was found, in place of what was found on the way.
    fn conclude(&mut self, name: &str, values: Vec<f64>) {
        self.forget(name);
        self.found.insert(name.to_owned(), values);
    }
}

/// A search under way: what it has found, and who is told of it.
pub(super) struct Seeking<'a> {
    pub(super) ledger: Ledger,
    observer: &'a mut dyn Observer,
    /// Where the descent stands that the search is made for, if it has begun.
    base: Option<Checkpoint>,
}

impl<'a> Seeking<'a> {
    pub(super) fn new(ledger: Ledger, observer: &'a mut dyn Observer) -> Self {
        Self { ledger, observer, base: None }
    }

    /// The same within a descent that stands here.
    pub(super) fn within(self, base: Checkpoint) -> Self {
        Self { base: Some(base), ..self }
    }

    /// What is known by this name, or else what is found now. What is found when the team has given up may be a part of
    /// what there is, and is not noted.
    pub(super) fn once(
        &mut self,
        name: &str,
        team: &dyn Team,
        find: impl FnOnce(&mut Self) -> Option<Vec<f64>>,
    ) -> Option<Vec<f64>> {
        if let Some(known) = self.ledger.get(name) {
            return Some(known.to_vec());
        }
        let found = find(self)?;
        if !team.was_told() {
            self.ledger.conclude(name, found.clone());
            self.tell();
        }
        Some(found)
    }

    /// Where the descents `task(0)` … `task(count − 1)` end, in order: those that are not known yet are made, `beside` of them at
    /// the same time, and the observer is told after each few.
    pub(super) fn ends(
        &mut self,
        name: &str,
        team: &dyn Team,
        (beside, count): (usize, usize),
        task: &(dyn Fn(usize) -> Option<End> + Sync),
    ) -> Vec<Option<End>> {
        let key = |index: usize| format!("{name}/{index}");
        let mut ends: Vec<Option<End>> = (0..count).map(|index| decoded(self.ledger.get(&key(index))?)).collect();
        let missing: Vec<usize> = (0..count).filter(|index| self.ledger.get(&key(*index)).is_none()).collect();
        for few in missing.chunks(beside.max(1)) {
            let found = aside::at_once(beside, team, few.len(), &|place| task(few[place]));
            for (index, end) in few.iter().zip(found) {
                // A descent that was called off, or not made at all, is to be made again.
                if end.as_ref().map_or(!team.was_told(), |end| end.is_whole) {
                    self.ledger.found.insert(key(*index), encoded(end.as_ref()));
                }
                ends[*index] = end;
            }
            self.tell();
        }
        ends
    }

    fn tell(&mut self) {
        let (ledger, base) = (&self.ledger, &self.base);
        let standing = || {
            let mut checkpoint = base.clone().unwrap_or(Checkpoint {
                numerics_version: NUMERICS_VERSION,
                iteration: 0,
                floats: Vec::new(),
                integers: Vec::new(),
            });
            checkpoint.floats.retain(|(name, _)| !name.starts_with(PREFIX));
            checkpoint.floats.extend(ledger.entries());
            checkpoint
        };
        // Whoever stops the fit tells the team too, which is asked everywhere.
        self.observer.standing(&standing);
    }
}

fn encoded(end: Option<&End>) -> Vec<f64> {
    let Some(End { start, at, objective, loss, converged, .. }) = end else { return Vec::new() };
    let mut out = vec![*start as f64, *objective, *loss, f64::from(u8::from(*converged))];
    out.extend(at);
    out
}

fn decoded(values: &[f64]) -> Option<End> {
    let [start, objective, loss, converged, at @ ..] = values else { return None };
    Some(End {
        start: *start as usize,
        at: at.to_vec(),
        objective: *objective,
        loss: *loss,
        converged: *converged > 0.5,
        is_whole: true,
    })
}

/// What a search came to: where to descend from, and the minima that it knows.
pub(super) struct Found {
    /// The coordinates from which the best minimum is reached.
    pub(super) start: Vec<f64>,
    pub(super) minima: Vec<Minimum>,
}

impl Found {
    pub(super) fn encoded(&self) -> Vec<f64> {
        let mut out = vec![self.start.len() as f64];
        out.extend(&self.start);
        for Minimum { objective, loss, coefficients, starts, converged } in &self.minima {
            let head = [*objective, *loss, *starts as f64, f64::from(u8::from(*converged)), coefficients.len() as f64];
            out.extend(head.iter().chain(coefficients));
        }
        out
    }

    pub(super) fn decoded(values: &[f64]) -> Option<Self> {
        let (width, rest) = values.split_first()?;
        let (start, mut rest) = rest.split_at_checked(*width as usize)?;
        let mut minima = Vec::new();
        while let [objective, loss, starts, converged, width, others @ ..] = rest {
            let (coefficients, later) = others.split_at_checked(*width as usize)?;
            minima.push(Minimum {
                objective: *objective,
                loss: *loss,
                coefficients: coefficients.to_vec(),
                starts: *starts as u64,
                converged: *converged > 0.5,
            });
            rest = later;
        }
        Some(Self { start: start.to_vec(), minima })
    }
}
