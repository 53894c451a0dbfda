//! What can be said of a fit before it runs: its coefficients' names, what `auto` means for it, its cost, its faults.

use super::registry::{Choice, Section};
use super::spec::{Spec, SpecError, Start};
use super::{Dataset, losses, models, optimizers};

/// What a fit will need.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Estimate {
    /// Bytes of memory at the peak, the data included.
    pub memory_bytes: u64,
    /// Floating-point operations, all iterations included.
    pub operations: f64,
    /// The number of coefficients.
    pub coefficients: u64,
}

/// All registries, in the order in which they are shown.
pub fn catalogue() -> Vec<Section> {
    vec![
        Section { name: "models", entries: models::REGISTRY.iter().map(|model| model.descriptor()).collect() },
        Section { name: "losses", entries: losses::REGISTRY.iter().map(|loss| loss.descriptor()).collect() },
        Section {
            name: "optimizers",
            entries: optimizers::REGISTRY.iter().map(|method| method.descriptor()).collect(),
        },
        Section { name: "schedules", entries: optimizers::schedules() },
        Section { name: "scalings", entries: optimizers::scalings() },
    ]
}

/// The names of the coefficients in the fixed order, or what is wrong with the model for data with these columns.
/// Needs no data, allocates no more than the names.
pub fn coefficient_names(model: &Choice, columns: &[String]) -> Result<Vec<String>, SpecError> {
    models::family(model)?.coefficient_names(model, columns)
}

/// The same specification with every `auto` replaced by what it means here.
pub fn resolve(spec: Spec) -> Spec {
    match optimizers::method(&spec.optimizer) {
        Some(method) => method.resolve(spec),
        None => spec,
    }
}

/// Memory and work of this fit, saturating, without allocating anything.
pub fn estimate(spec: &Spec, rows: u64, columns: u64) -> Estimate {
    const BLOCK_ROWS: u64 = 512;
    const THREADS_MAX: u64 = 64;
    let width = models::family(&spec.model).map_or(1, |family| family.width(&spec.model)).max(1);
    let wide = width.saturating_add(1);
    let square = wide.saturating_mul(wide).saturating_mul(8);
    let chunks = rows.div_ceil((64 * BLOCK_ROWS).max(width.saturating_mul(4))).max(1);
    let data = rows.saturating_mul(columns).saturating_mul(8);
    // Triangles of the compression, then the dozen square matrices of the whitening, and a block a thread.
    let memory_bytes = data
        .saturating_add(square.saturating_mul(chunks.saturating_add(14)))
        .saturating_add(wide.saturating_mul(BLOCK_ROWS * 8).saturating_mul(chunks.min(THREADS_MAX)))
        .saturating_add(1 << 20);
    let (n, p, steps) = (rows as f64, width as f64, spec.stop.max_iterations as f64);
    let operations = 2.0 * n * p * p + 12.0 * n * p + 60.0 * p * p * p + 4.0 * p * p * steps;
    Estimate { memory_bytes, operations, coefficients: width }
}

/// Everything that is wrong with this resolved specification for this data.
pub fn check(spec: &Spec, data: &Dataset) -> Vec<SpecError> {
    let mut faults = Vec::new();
    let mut fault = |field: String, code, detail: String| faults.push(SpecError { field, code, detail, limit: None });
    match coefficient_names(&spec.model, data.names()) {
        Err(error) => return vec![error],
        Ok(names) => {
            if let Start::At(values) = &spec.start {
                for (name, _) in values.iter().filter(|(name, _)| !names.contains(name)) {
                    fault(format!("start/{name}"), "invalid_value", format!("there is no coefficient called {name}"));
                }
            }
        }
    }
    if let Some(weights) = &spec.weights {
        match data.column(&weights.column) {
            None => fault(
                "weights/column".to_owned(),
                "unknown_column",
                format!("there is no column called {}", weights.column),
            ),
            Some(column) => {
                if let Some(row) = column.iter().position(|weight| *weight < 0.0) {
                    fault("weights/column".to_owned(), "invalid_value", format!("the weight of row {row} is negative"));
                } else if !column.iter().sum::<f64>().is_finite() {
                    fault("weights/column".to_owned(), "invalid_value", "the weights' sum is not finite".to_owned());
                } else if column.iter().all(|weight| *weight == 0.0) {
                    fault("weights/column".to_owned(), "invalid_value", "every weight is 0".to_owned());
                }
            }
        }
    }
    if let Some(error) = optimizers::method(&spec.optimizer).and_then(|method| method.check(&spec.optimizer)) {
        faults.push(error);
    }
    faults
}
