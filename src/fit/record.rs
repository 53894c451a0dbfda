//! A fit as the service keeps it.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{DatasetId, FitError, FitId, FitResult, HistoryShape, Progress, Spec, Tenant};

/// Labels of a fit, for filtering lists.
pub(crate) type Labels = BTreeMap<String, String>;

/// Where a fit is in its life. The last three are terminal and never change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Status {
    Queued,
    Running,
    Succeeded,
    Failed,
    Cancelled,
}

impl Status {
    /// All states, in the order of a fit's life.
    pub(crate) const ALL: [Self; 5] = [Self::Queued, Self::Running, Self::Succeeded, Self::Failed, Self::Cancelled];

    /// The state's name on the wire and in the store.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }

    /// The state of this name.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == text)
    }

    /// Whether a fit in this state never changes again.
    pub(crate) fn is_terminal(self) -> bool {
        matches!(self, Self::Succeeded | Self::Failed | Self::Cancelled)
    }
}

/// How a fit ended: a variant carries what that end has.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Outcome {
    /// The fit reached one of its stopping rules.
    Succeeded(Arc<FitResult>),
    /// The fit has no usable result.
    Failed(Arc<FitError>),
    /// The client cancelled; what had been reached by then, if the fit had started.
    Cancelled(Option<Arc<FitResult>>),
}

impl Outcome {
    /// The state that this outcome puts a fit in.
    pub(crate) fn status(&self) -> Status {
        match self {
            Self::Succeeded(_) => Status::Succeeded,
            Self::Failed(_) => Status::Failed,
            Self::Cancelled(_) => Status::Cancelled,
        }
    }

    /// The result, where there is one.
    pub(crate) fn result(&self) -> Option<&Arc<FitResult>> {
        match self {
            Self::Succeeded(result) => Some(result),
            Self::Cancelled(result) => result.as_ref(),
            Self::Failed(_) => None,
        }
    }
}

/// What is known of a fit's data without reading it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct DatasetInfo {
    pub(crate) id: DatasetId,
    pub(crate) rows: u64,
    pub(crate) columns: Vec<String>,
    /// The levels of each column that holds categories.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) levels: BTreeMap<String, Vec<String>>,
    /// SHA-256 of the canonical columns, in lower-case hexadecimal.
    pub(crate) sha256: String,
}

/// A fit: what was asked, where it is, how it ended.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct FitRecord {
    pub(crate) id: FitId,
    pub(crate) tenant: Tenant,
    /// Grows with every stored change; makes the ETag.
    pub(crate) version: u64,
    pub(crate) status: Status,
    /// How many times the fit has been claimed; also the fencing number of the current claim.
    pub(crate) attempt: u32,
    pub(crate) created_at: Timestamp,
    pub(crate) started_at: Option<Timestamp>,
    pub(crate) finished_at: Option<Timestamp>,
    pub(crate) labels: Arc<Labels>,
    pub(crate) spec: Arc<Spec>,
    pub(crate) dataset: Arc<DatasetInfo>,
    /// What its history holds.
    pub(crate) shape: Arc<HistoryShape>,
    /// The last stored progress; a running fit's live progress is newer.
    pub(crate) progress: Option<Progress>,
    pub(crate) outcome: Option<Outcome>,
    pub(crate) cancel_requested: bool,
}
