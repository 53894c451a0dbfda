//! How far a running fit is: one value that is overwritten, newest wins.

use serde::{Deserialize, Serialize};

/// The latest state of a fit's descent.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Progress {
    pub(crate) iteration: u64,
    pub(crate) max_iterations: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) loss: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) gradient_norm: Option<f64>,
    /// On the rows that judge, where there are some.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) validation_loss: Option<f64>,
    /// Computing time over all attempts; parsing and queueing are left out.
    pub(crate) elapsed_seconds: f64,
}
