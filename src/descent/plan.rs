//! What can be said of a fit before it runs: its coefficients' names, what `auto` means for it, its cost, its faults.

use super::losses::Shape;
use super::memory::{Linear, of_data, whole};
use super::registry::{Choice, Section};
use super::spec::{Spec, SpecError, Start};
use super::{Dataset, losses, models, nonlinear, optimizers, validation};

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

/// The names of the coefficients in the fixed order, or what is wrong with the model for this data.
pub fn coefficient_names(model: &Choice, data: &Dataset) -> Result<Vec<String>, SpecError> {
    models::family(model)?.coefficient_names(model, data)
}

/// The columns that a model reads, its target among them.
pub fn columns_of(model: &Choice) -> Vec<String> {
    let features = models::family(model).map(|family| family.features(model)).unwrap_or_default();
    features.into_iter().chain(model.text("target").map(str::to_owned)).collect()
}

/// The losses that a model can be fitted with, the usual one first.
pub fn losses_of(model: &Choice) -> &'static [&'static str] {
    models::family(model).map_or(&[], |family| family.losses())
}

/// Updates between two recorded iterations, where batches are asked for.
pub fn iterations_per_epoch(spec: &Spec, rows: u64) -> Option<u64> {
    let judging = match &spec.validation {
        Some(judging) => validation::parts(&judging.split, usize::try_from(rows).unwrap_or(0), 0).judging.len() as u64,
        None => 0,
    };
    let folds = matches!(spec.validation.as_ref().map(|judging| &judging.split), Some(super::Split::Folds(..)));
    optimizers::iterations_per_epoch(&spec.optimizer, if folds { rows } else { rows.saturating_sub(judging) })
}

/// The same specification with every `auto` replaced by what it means here.
pub fn resolve(mut spec: Spec) -> Spec {
    if spec.loss.kind == "auto"
        && let Some(usual) = losses_of(&spec.model).first()
    {
        spec.loss = Choice::named(usual);
    }
    if let Some(equation) = models::equation(&spec.model) {
        spec = nonlinear::resolve(spec, &equation);
    }
    let shape = losses::kind(&spec.loss).map_or(Shape::Quadratic, super::losses::LossKind::shape);
    match optimizers::method(&spec.optimizer) {
        Some(method) => method.resolve(spec, shape),
        None => spec,
    }
}

/// Memory and work of this fit, saturating, without allocating more than names. At most so many threads compute at the
/// same time.
pub fn estimate(spec: &Spec, data: &Dataset, threads: usize) -> Estimate {
    if let Some(equation) = models::equation(&spec.model) {
        return nonlinear::estimate(spec, &equation, data, threads);
    }
    let Ok(family) = models::family(&spec.model) else {
        return Estimate { memory_bytes: whole(of_data(data)), operations: 0.0, coefficients: 0 };
    };
    let sizes = Linear::new(spec, family, data);
    let total = family.width(&spec.model, data).max(1);
    let outputs = family.response().outputs(family.classes(&spec.model, data).len()) as u64;
    let width = (total / outputs.max(1)).max(1);
    let shape = losses::kind(&spec.loss).map_or(Shape::Quadratic, super::losses::LossKind::shape);
    let (n, p, steps) = (data.rows() as f64, width as f64, spec.stop.max_iterations as f64);
    let compressed = shape == Shape::Quadratic && spec.optimizer.integer("batch_size").is_none();
    let step = if compressed { 4.0 * p * p } else { 4.0 * n * total as f64 };
    let starts = spec.restarts.map_or(1.0, |restarts| restarts.count as f64 + 1.0);
    let operations = 2.0 * n * p * p + 12.0 * n * p + 60.0 * p * p * p + step * steps * starts;
    Estimate { memory_bytes: whole(sizes.bytes(data, threads)), operations, coefficients: total }
}

/// Everything that is wrong with this resolved specification for this data.
pub fn check(spec: &Spec, data: &Dataset) -> Vec<SpecError> {
    let mut faults = Vec::new();
    let names = match coefficient_names(&spec.model, data) {
        Err(error) => return vec![error],
        Ok(names) => names,
    };
    let mut fault = |field: String, code, detail: String| faults.push(SpecError { field, code, detail, limit: None });
    let unknown = |name: &str| format!("there is no coefficient called {name}");
    if let Start::At(values) = &spec.start {
        for (name, _) in values.iter().filter(|(name, _)| !names.contains(name)) {
            fault(format!("start/{name}"), "invalid_value", unknown(name));
        }
    }
    for range in &spec.bounds {
        if !names.contains(&range.name) {
            fault(format!("bounds/{}", range.name), "invalid_value", unknown(&range.name));
        } else if range.min > range.max {
            fault(format!("bounds/{}", range.name), "invalid_value", "min is above max".to_owned());
        }
    }
    if let Some(weights) = &spec.weights {
        weight_fault(&weights.column, data, &mut fault);
    }
    let Ok(family) = models::family(&spec.model) else { return faults };
    let Some(kind) = losses::kind(&spec.loss) else { return faults };
    if !family.losses().contains(&spec.loss.kind.as_str()) {
        let detail = format!("{} is fitted with {}", spec.model.kind, family.losses().join(", "));
        fault("loss".to_owned(), "unsupported_combination", detail);
        return faults;
    }
    if let Some(factors) = spec.loss.factors("class_weights") {
        let classes: Vec<String> = family.classes(&spec.model, data).iter().map(ToString::to_string).collect();
        for name in factors.keys().filter(|name| !classes.contains(name)) {
            let detail = format!("the target has no class {name}");
            fault(format!("loss/class_weights/{name}"), "invalid_value", detail);
        }
    }
    match models::equation(&spec.model) {
        Some(equation) => faults.extend(nonlinear::check(spec, &equation, data)),
        None if spec.profile => {
            let detail = "profile intervals are for curves".to_owned();
            let field = "intervals".to_owned();
            faults.push(SpecError { field, code: "unsupported_combination", detail, limit: None });
        }
        None => {}
    }
    let several = family.response() == models::Response::Softmax;
    if several && spec.covariance == super::Covariance::Hc3 {
        let detail = "leverage is defined for one output a row: softmax takes classical and hc1".to_owned();
        faults.push(SpecError { field: "covariance".to_owned(), code: "unsupported_combination", detail, limit: None });
    }
    if several && spec.diagnostics {
        let detail = "leverage is defined for one output a row, so softmax has no diagnostics".to_owned();
        faults.push(SpecError {
            field: "diagnostics".to_owned(),
            code: "unsupported_combination",
            detail,
            limit: None,
        });
    }
    faults.extend(family.target_fault(&spec.model, data));
    let unsuited = optimizers::method(&spec.optimizer).and_then(|method| method.check(spec, kind.shape()));
    let kinked = spec.penalty.l1 > 0.0 || !spec.bounds.is_empty();
    if kinked && spec.scaling.kind == "whiten" && unsuited.is_none() {
        let detail = "whitening mixes the coefficients, so it takes no l1 penalty and no bounds".to_owned();
        faults.push(SpecError { field: "scaling".to_owned(), code: "unsupported_combination", detail, limit: None });
    }
    faults.extend(unsuited);
    faults.extend(validation::check(spec, data));
    if spec.diagnostics && data.rows() > super::DIAGNOSTICS_MAX {
        let (limit, rows) = (super::DIAGNOSTICS_MAX as u64, data.rows() as u64);
        let detail = format!("diagnostics are given for up to {limit} rows");
        let field = "diagnostics".to_owned();
        faults.push(SpecError { field, code: "limit_exceeded", detail, limit: Some((limit, rows)) });
    }
    faults
}

fn weight_fault(name: &str, data: &Dataset, fault: &mut impl FnMut(String, &'static str, String)) {
    let field = || "weights/column".to_owned();
    let Some(column) = data.column(name) else {
        return fault(field(), "unknown_column", format!("there is no column called {name}"));
    };
    if data.levels_of(name).is_some() {
        fault(field(), "invalid_value", format!("{name} holds categories, which are no weights"));
    } else if let Some(row) = column.iter().position(|weight| *weight < 0.0) {
        fault(field(), "invalid_value", format!("the weight of row {row} is negative"));
    } else if !column.iter().sum::<f64>().is_finite() {
        fault(field(), "invalid_value", "the weights' sum is not finite".to_owned());
    } else if column.iter().all(|weight| *weight == 0.0) {
        fault(field(), "invalid_value", "every weight is 0".to_owned());
    }
}
