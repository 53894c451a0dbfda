//! What happens to a fit, in the order in which it happens.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Orders a fit's events: `attempt · 2³² + n`. It only grows, also across crashes, because a new attempt starts a new
/// range; progress events need no write for that.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct EventId(pub(crate) u64);

impl EventId {
    /// The id of the `queued` event: the first of a fit, before any attempt.
    pub(crate) const QUEUED: Self = Self(1);

    /// The first id of an attempt: its `started` event.
    pub(crate) fn first_of_attempt(attempt: u32) -> Self {
        Self(u64::from(attempt) << 32)
    }

    /// The id after this one.
    pub(crate) fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

/// The kinds of lifecycle event that the store keeps as rows. Progress is not among them: it is overwritten.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum EventKind {
    Queued,
    Started,
    Succeeded,
    Failed,
    Cancelled,
}

impl EventKind {
    /// The event's name on the wire and in the store.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Started => "started",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }

    /// The kind of this name.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        [Self::Queued, Self::Started, Self::Succeeded, Self::Failed, Self::Cancelled]
            .into_iter()
            .find(|kind| kind.as_str() == text)
    }

    /// Whether nothing follows an event of this kind.
    pub(crate) fn is_terminal(self) -> bool {
        matches!(self, Self::Succeeded | Self::Failed | Self::Cancelled)
    }
}

/// One lifecycle event of a fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Event {
    pub(crate) id: EventId,
    pub(crate) kind: EventKind,
    pub(crate) at: Timestamp,
}
