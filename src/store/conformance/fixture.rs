//! The fits that the promises are tried on.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::at;
use crate::descent::Dataset;
use crate::fit::{
    Choice, Covariance, DatasetId, DatasetInfo, FitId, HistoryShape, HistorySpec, Intervals, Penalty, PenaltyOn, Spec,
    Start, Stop, Tenant,
};
use crate::store::{NewDataset, NewFit};

pub(in crate::store) fn spec() -> Spec {
    let choice = |kind: &str| Choice { kind: kind.into(), settings: BTreeMap::new() };
    Spec {
        model: choice("linear"),
        loss: choice("squared"),
        penalty: Penalty { l2: 0.0, l1: 0.0, on: PenaltyOn::Data },
        optimizer: choice("gradient_descent"),
        scaling: choice("none"),
        start: Start::Zeros,
        stop: Stop { max_iterations: 20, gradient_tolerance: 1e-10, loss_tolerance: 0.0, max_seconds: 60.0 },
        weights: None,
        seed: 1,
        covariance: Covariance::Classical,
        confidence: 0.95,
        history: HistorySpec { coefficients: false },
        bounds: Default::default(),
        restarts: None,
        validation: None,
        diagnostics: false,
        intervals: Intervals::Wald,
        missing: Default::default(),
    }
}

/// A fit on data that `seed` decides, of `rows` rows.
pub(in crate::store) fn sized(seed: u32, rows: usize) -> NewFit {
    let values: Vec<f64> = (0..rows).map(|row| row as f64 + f64::from(seed)).collect();
    let columns = Dataset::new(vec![("x".into(), values.clone()), ("y".into(), values)]).unwrap();
    let info = DatasetInfo {
        id: DatasetId::new(),
        rows: rows as u64,
        columns: columns.names().to_vec(),
        levels: Default::default(),
        sha256: format!("{seed:064x}"),
    };
    NewFit {
        id: FitId::new(),
        tenant: Tenant::default(),
        spec: Arc::new(spec()),
        labels: Arc::default(),
        dataset: NewDataset { info, columns: Arc::new(columns) },
        shape: Arc::new(HistoryShape { iterations_per_epoch: Some(4), ..HistoryShape::default() }),
        idempotency: None,
        created_at: at(0),
        memory_bytes: 0,
        queue_max: 10_000,
        quota: 10_000,
    }
}
