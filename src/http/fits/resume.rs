//! Where an event stream begins: pure decisions about ids, apart from the stream itself.

use crate::fit::{Event, EventId};

/// What is known of a fit's events when a client comes (back).
#[derive(Clone, Copy, Debug)]
pub(super) struct Known<'a> {
    pub(super) attempt: u32,
    /// All stored lifecycle events, in order.
    pub(super) events: &'a [Event],
    /// The newest progress event of the running attempt.
    pub(super) progress: Option<EventId>,
}

/// Where the stream begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Resume {
    /// Behind this event.
    After(EventId),
    /// With the whole fit, because the client's id is none that this fit can have given out.
    Snapshot,
    /// Nowhere: the client has had the terminal event.
    Finished,
}

/// The attempt in which an event happened.
pub(super) fn attempt_of(id: EventId) -> u64 {
    id.0 >> 32
}

impl Known<'_> {
    /// The newest event that a client can have seen.
    fn newest(&self) -> EventId {
        let stored = self.events.last().map_or(EventId(0), |event| event.id);
        stored.max(self.progress.unwrap_or(stored))
    }

    /// The id of a snapshot: the newest event's, but behind the end the terminal event is still to come.
    pub(super) fn before_snapshot(&self) -> EventId {
        self.terminal().map_or_else(|| self.newest(), |terminal| EventId(terminal.0.saturating_sub(1)))
    }

    fn terminal(&self) -> Option<EventId> {
        self.events.last().filter(|event| event.kind.is_terminal()).map(|event| event.id)
    }

    /// Where to begin for a client that has seen the event of this id, or none.
    pub(super) fn resume(&self, last_seen: Option<&str>) -> Resume {
        let Some(text) = last_seen else { return Resume::After(EventId(0)) };
        let Ok(id) = text.parse::<u64>().map(EventId) else { return Resume::Snapshot };
        if self.terminal() == Some(id) {
            return Resume::Finished;
        }
        if self.is_plausible(id) { Resume::After(id) } else { Resume::Snapshot }
    }

    /// Whether this fit can have given out the id. Progress events leave no trace, so an id within an attempt that ran
    /// is believed, unless something newer is known not to reach it.
    fn is_plausible(&self, id: EventId) -> bool {
        let attempt = attempt_of(id);
        if attempt == 0 {
            return id == EventId(0) || self.events.iter().any(|event| event.id == id);
        }
        let newest_attempt = attempt == u64::from(self.attempt);
        let is_beyond = self.terminal().is_some_and(|terminal| id > terminal)
            || (newest_attempt && self.progress.is_some() && id > self.newest());
        attempt <= u64::from(self.attempt) && !is_beyond
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::fit::EventKind;

    const ATTEMPT: u64 = 1 << 32;

    fn event(id: u64, kind: EventKind) -> Event {
        Event { id: EventId(id), kind, at: Timestamp::UNIX_EPOCH }
    }

    fn running() -> Vec<Event> {
        vec![event(1, EventKind::Queued), event(ATTEMPT, EventKind::Started)]
    }

    #[test]
    fn a_new_client_gets_everything() {
        let known = Known { attempt: 1, events: &running(), progress: None };
        assert_eq!(known.resume(None), Resume::After(EventId(0)));
    }

    #[test]
    fn a_returning_client_goes_on_behind_its_last_event() {
        let known = Known { attempt: 1, events: &running(), progress: Some(EventId(ATTEMPT + 7)) };
        for id in [0, 1, ATTEMPT, ATTEMPT + 3, ATTEMPT + 7] {
            assert_eq!(known.resume(Some(&id.to_string())), Resume::After(EventId(id)));
        }
        let restarted = Known { attempt: 1, events: &running(), progress: None };
        let seen = (ATTEMPT + 50).to_string();
        assert_eq!(restarted.resume(Some(&seen)), Resume::After(EventId(ATTEMPT + 50)), "seen before the crash");
    }

    #[test]
    fn an_id_that_this_fit_never_gave_out_gets_a_snapshot() {
        let known = Known { attempt: 1, events: &running(), progress: Some(EventId(ATTEMPT + 7)) };
        for id in ["", "abc", "-1", "1.5", "2", "99", "18446744073709551616"] {
            assert_eq!(known.resume(Some(id)), Resume::Snapshot, "{id}");
        }
        for id in [ATTEMPT + 8, 2 * ATTEMPT, u64::MAX] {
            assert_eq!(known.resume(Some(&id.to_string())), Resume::Snapshot, "{id}");
        }
    }

    #[test]
    fn who_has_had_the_end_gets_nothing_and_who_has_not_gets_it() {
        let mut events = running();
        events.push(event(ATTEMPT + 9, EventKind::Succeeded));
        let known = Known { attempt: 1, events: &events, progress: None };
        assert_eq!(known.resume(Some(&(ATTEMPT + 9).to_string())), Resume::Finished);
        assert_eq!(known.resume(Some(&(ATTEMPT + 8).to_string())), Resume::After(EventId(ATTEMPT + 8)));
        assert_eq!(known.resume(Some(&(ATTEMPT + 10).to_string())), Resume::Snapshot);
    }
}
