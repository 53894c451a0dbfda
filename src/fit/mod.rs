//! The nouns of the service: what a fit is, what it asks for, how far it is and how it ended.
//!
//! These types know nothing of HTTP, SQL or threads. What a client was answered is what is kept: `Spec`, `FitResult`
//! and `FitError` serialize to one document that is both stored and sent, so an acknowledged result never changes.

mod event;
mod history;
mod id;
mod parameters;
mod progress;
mod record;
mod result;
mod spec;
mod violation;

pub(crate) use event::{Event, EventId, EventKind};
pub(crate) use history::{HistoryBlock, HistoryShape};
pub(crate) use id::{DatasetId, FitId, Tenant};
pub(crate) use parameters::{ParameterSpec, ParameterSpecs};
pub(crate) use progress::Progress;
pub(crate) use record::{DatasetInfo, FitRecord, Labels, Outcome, Status};
pub(crate) use result::{
    Diagnostics, FitError, FitResult, Inference, Label, Metrics, Minimum, Optimum, Parameter, PredictionBand,
    Predictor, ProfileInterval, ValidationResult, Warning,
};
pub(crate) use spec::{
    Choice, Covariance, HistorySpec, Intervals, Missing, Penalty, PenaltyOn, Range, Restarts, Setting, Spec, Spread,
    Start, Stop, Validation, WeightKind, Weights,
};
pub(crate) use violation::Violation;
