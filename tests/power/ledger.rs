//! What the client was told, and from when on it has to be true: by the calls before the answer left.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::service::Answer;
use crate::trace::Trace;

/// Something that the client was told about a fit.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Fact {
    /// It exists, with this data and under this key.
    Exists { sha256: String, key: Option<String> },
    /// It has begun this attempt.
    Attempted(i64),
    /// It has ended with this status and, where it has a result, these coefficients.
    Ended { status: String, coefficients: Option<Value> },
    /// It never ends as a success.
    Cancelled,
    /// It is no more.
    Gone,
}

/// A fact with the calls between which it has to hold, by their number.
#[derive(Clone, Debug)]
pub(crate) struct Promise {
    pub(crate) fit: String,
    pub(crate) fact: Fact,
    pub(crate) from: usize,
    pub(crate) until: usize,
}

#[derive(Default)]
struct Told {
    /// Facts, each with the request that it was the answer to.
    facts: Vec<(String, Fact)>,
    /// The trace's length when its removal was asked for: from then on it may be gone.
    removal_bytes: Option<u64>,
    gone: Option<String>,
}

/// All that the client was told.
#[derive(Default)]
pub(crate) struct Ledger {
    fits: BTreeMap<String, Told>,
}

impl Ledger {
    /// Takes down what an answer with a fit in it says.
    pub(crate) fn fit(&mut self, answer: &Answer, key: Option<&str>) {
        let fit = &answer.body;
        let id = fit["id"].as_str().expect("a fit").to_owned();
        let told = self.fits.entry(id).or_default();
        let sha256 = fit["dataset"]["sha256"].as_str().expect("its data").to_owned();
        let mut add = |fact| {
            if !told.facts.iter().any(|(_, known)| *known == fact) {
                told.facts.push((answer.request.clone(), fact));
            }
        };
        add(Fact::Exists { sha256, key: key.map(str::to_owned) });
        if let Some(attempt) = fit["attempt"].as_i64().filter(|attempt| *attempt > 0) {
            add(Fact::Attempted(attempt));
        }
        let status = fit["status"].as_str().expect("a status").to_owned();
        if !["queued", "running"].contains(&status.as_str()) {
            let coefficients = fit["result"].get("coefficients").cloned();
            add(Fact::Ended { status, coefficients });
        }
    }

    /// Takes down the answer to a cancellation.
    pub(crate) fn cancelled(&mut self, answer: &Answer) {
        self.fit(answer, None);
        let id = answer.body["id"].as_str().expect("a fit");
        if answer.body["status"] != "succeeded"
            && let Some(told) = self.fits.get_mut(id)
        {
            told.facts.push((answer.request.clone(), Fact::Cancelled));
        }
    }

    /// A removal is about to be asked for.
    pub(crate) fn removing(&mut self, fit: &str, traced_bytes: u64) {
        self.fits.entry(fit.to_owned()).or_default().removal_bytes.get_or_insert(traced_bytes);
    }

    pub(crate) fn removed(&mut self, fit: &str, answer: &Answer) {
        self.fits.entry(fit.to_owned()).or_default().gone = Some(answer.request.clone());
    }

    /// The ids of all fits that should be there.
    pub(crate) fn present(&self) -> Vec<String> {
        self.fits.iter().filter(|(_, told)| told.removal_bytes.is_none()).map(|(id, _)| id.clone()).collect()
    }

    /// What has to hold, by the places of the answers in the trace.
    pub(crate) fn promises(&self, trace: &Trace) -> Vec<Promise> {
        let mut promises = Vec::new();
        for (id, told) in &self.fits {
            let until = told.removal_bytes.map_or(usize::MAX, |bytes| trace.calls_in(bytes));
            let promise = |fact, from, until| Promise { fit: id.clone(), fact, from, until };
            let facts = told.facts.iter();
            promises.extend(facts.map(|(request, fact)| promise(fact.clone(), trace.answered(request), until)));
            promises.extend(told.gone.iter().map(|request| promise(Fact::Gone, trace.answered(request), usize::MAX)));
        }
        promises
    }
}

impl Promise {
    /// Whether it has to hold after the first `calls` calls.
    pub(crate) fn counts_at(&self, calls: usize) -> bool {
        self.from <= calls && calls <= self.until
    }
}
