//! Random fits over all models, losses, optimizers, penalties and options: whatever is asked, what comes back has no number
//! that is not one, and nothing panics. `FITD_RANDOM_FITS` says how many (`make soak` runs a million).

use super::*;

/// Random fits in a run of all tests.
const FITS: u64 = 1_500;
/// Fits beyond those that did not end so once.
const FOUND: [u64; 2] = [51_953, 128_904];

struct Draw(Noise);

impl Draw {
    fn below(&mut self, count: usize) -> usize {
        ((self.0.uniform() * count as f64) as usize).min(count - 1)
    }

    fn chance(&mut self, part: f64) -> bool {
        self.0.uniform() < part
    }

    fn of<'a, T>(&mut self, list: &'a [T]) -> &'a T {
        &list[self.below(list.len())]
    }
}

/// A value within a parameter's domain; words and numbers alike.
fn value(domain: Domain, draw: &mut Draw) -> Option<Value> {
    let number = |draw: &mut Draw, low: Bound, high: Bound| {
        let end = |bound| match bound {
            Bound::Closed(end) | Bound::Open(end) => Some(end),
            Bound::Free => None,
        };
        let part = 0.01 + 0.98 * draw.0.uniform();
        match (end(low), end(high)) {
            (Some(low), Some(high)) => low + part * (high - low),
            (Some(low), None) => low + libm::pow(10.0, 6.0 * part - 4.0),
            _ => part,
        }
    };
    Some(match domain {
        Domain::Number(low, high) => Value::Number(number(draw, low, high)),
        Domain::NumberOr(low, high, words) if draw.chance(0.5) => {
            let _ = words;
            Value::Number(number(draw, low, high))
        }
        Domain::NumberOr(_, _, words) | Domain::Word(words) => Value::Text((*draw.of(words)).to_owned()),
        Domain::Integer(low, high) => Value::Integer(low + draw.below(20) as u64 % (high - low + 1)),
        Domain::Flag => Value::Flag(draw.chance(0.5)),
        Domain::Choice(section) => {
            let sections = catalogue();
            let entries = &sections.iter().find(|other| other.name == section)?.entries;
            Value::Choice(Box::new(drawn(entries[draw.below(entries.len())], draw)))
        }
        Domain::FactorsOr(words) => Value::Text((*draw.of(words)).to_owned()),
        Domain::Column | Domain::Columns | Domain::Text | Domain::Parameters => return None,
    })
}

/// A choice with some parameters drawn.
fn drawn(descriptor: &Descriptor, draw: &mut Draw) -> Choice {
    let mut choice = with_defaults(descriptor);
    for param in descriptor.params {
        if draw.chance(0.4)
            && let Some(value) = value(param.domain, draw)
        {
            choice.settings.insert(param.name.to_owned(), value);
        }
    }
    choice
}

/// Data of any shape: few rows, constant columns, columns that repeat others, huge and tiny units.
fn data(family: &dyn Family, draw: &mut Draw, seed: u64) -> Dataset {
    let rows = 1 + draw.below(30);
    let scale = libm::pow(10.0, 24.0 * draw.0.uniform() - 12.0);
    let whole = sample(family, rows.max(6), seed, scale);
    let mut columns = Vec::new();
    for (at, name) in whole.names().iter().enumerate() {
        let values = whole.columns()[at].to_vec();
        columns.push((
            name.clone(),
            match whole.levels_of(name) {
                Some(levels) => Column::Categories(levels.to_vec(), values),
                None if name == "b" && draw.chance(0.15) => Column::Numbers(vec![scale; values.len()]),
                None if name == "b" && draw.chance(0.15) => Column::Numbers(whole.columns()[0].to_vec()),
                None => Column::Numbers(values),
            },
        ));
    }
    let weights = (0..whole.rows()).map(|_| if draw.chance(0.2) { 0.0 } else { draw.0.uniform() }).collect();
    columns.push(("w".to_owned(), Column::Numbers(weights)));
    Dataset::of_columns(columns).unwrap()
}

fn specification(model: Choice, loss: Choice, names: &[String], draw: &mut Draw, seed: u64) -> Spec {
    let methods = optimizers::REGISTRY;
    let optimizer = drawn(draw.of(&methods).descriptor(), draw);
    let mut spec = spec(model, loss, optimizer);
    let scalings = ["auto", "none", "standardize", "whiten"];
    spec.scaling = Choice::named(scalings[draw.below(4)]);
    spec.seed = seed;
    spec.stop.max_iterations = 1 + draw.below(60) as u64;
    spec.stop.loss_tolerance = if draw.chance(0.2) { 1e-6 } else { 0.0 };
    spec.penalty.on_standardized = draw.chance(0.5);
    if draw.chance(0.3) {
        spec.penalty.l2 = draw.0.uniform();
    }
    if draw.chance(0.3) {
        spec.penalty.l1 = draw.0.uniform();
    }
    if draw.chance(0.2) {
        let name = draw.of(names).clone();
        spec.bounds.push(Range { name, min: -0.5, max: 0.25 });
    }
    if draw.chance(0.3) {
        let kinds = [WeightKind::Frequency, WeightKind::InverseVariance];
        spec.weights = Some(Weights { column: "w".to_owned(), kind: *draw.of(&kinds) });
    }
    if draw.chance(0.2) {
        let spreads = [Spread::Rows, Spread::LatinHypercube, Spread::Normal];
        spec.restarts = Some(Restarts { count: 1 + draw.below(4) as u64, spread: *draw.of(&spreads) });
    }
    if draw.chance(0.3) {
        let splits = [Split::Fraction(0.3, seed), Split::LastRows(2), Split::Rows(vec![0, 3]), Split::Folds(3, seed)];
        let split = draw.of(&splits).clone();
        let patience = (!matches!(split, Split::Folds(..)) && draw.chance(0.5)).then_some(3);
        spec.validation = Some(Validation { split, patience });
    }
    let covariances = [Covariance::Classical, Covariance::Hc1, Covariance::Hc3, Covariance::None];
    spec.covariance = *draw.of(&covariances);
    spec.diagnostics = draw.chance(0.3);
    if models::is_curve(&spec.model) {
        ranged(&mut spec, names, draw);
    }
    let starts = [Start::Zeros, Start::Random];
    spec.start = draw.of(&starts).clone();
    spec
}

/// What may be said of the parameters of a curve, and what a curve does not take left out more often than not.
fn ranged(spec: &mut Spec, names: &[String], draw: &mut Draw) {
    if draw.chance(0.8) {
        spec.bounds.clear();
        spec.penalty.on_standardized = false;
    }
    spec.profile = draw.chance(0.2);
    let mut parameters = match spec.model.settings.get("parameters") {
        Some(Value::Parameters(parameters)) => parameters.clone(),
        _ => names.iter().map(|name| Parameter::free(name.as_str(), None)).collect(),
    };
    for parameter in &mut parameters {
        if draw.chance(0.2) {
            (parameter.min, parameter.max) = (-0.5, 0.8);
            parameter.start = None;
        }
        if draw.chance(0.1) {
            (parameter.start, parameter.fixed) = (Some(0.4), true);
        }
        if draw.chance(0.05) && names.len() > 1 {
            let other = if names[0] == parameter.name { &names[1] } else { &names[0] };
            *parameter =
                Parameter { expr: Some(format!("0.5*{other}+0.1")), ..Parameter::free(parameter.name.clone(), None) };
        }
    }
    spec.model.settings.insert("parameters".to_owned(), Value::Parameters(parameters));
}

/// The parts of a report that every answer has.
fn are_numbers(report: &Report) -> bool {
    let scalars = [report.loss, report.objective, report.gradient_norm, report.metrics.degrees_of_freedom];
    let all = scalars.iter().chain(&report.coefficients).chain(&report.start).chain(&report.predictor.coefficients);
    let metrics = &report.metrics;
    let optional = [
        metrics.r_squared,
        metrics.adjusted_r_squared,
        metrics.explained_deviance,
        metrics.rmse,
        metrics.mae,
        metrics.auc,
        metrics.log_loss,
        metrics.log_likelihood,
        metrics.aic,
        metrics.aicc,
        metrics.bic,
        report.validation.as_ref().map(|validation| validation.loss),
    ];
    all.into_iter().chain(optional.iter().flatten()).all(|value| value.is_finite())
}

#[test]
fn random_fits_end_with_numbers_or_a_named_failure() {
    let fits = std::env::var("FITD_RANDOM_FITS").ok().and_then(|count| count.parse().ok()).unwrap_or(FITS);
    let pairs = every_pair();
    let (mut ended, mut refused) = (0, 0);
    for seed in (0..fits).chain(FOUND) {
        let mut draw = Draw(Noise::new(seed + 17));
        let (family, model, loss) = draw.of(&pairs).clone();
        let loss = match losses::kind(&loss) {
            Some(kind) => drawn(kind.descriptor(), &mut draw),
            None => loss,
        };
        let data = data(family, &mut draw, seed);
        let Ok(names) = coefficient_names(&model, &data) else { continue };
        let spec = resolve(specification(model, loss, &names, &mut draw, seed));
        if !check(&spec, &data).is_empty() {
            refused += 1;
            continue;
        }
        ended += 1;
        let outcome = run(&data, &spec, &Alone, None, &mut Unwatched);
        match outcome {
            Outcome::Stopped(report) => {
                assert!(are_numbers(&report), "seed {seed}: {spec:?} gave {report:?}");
                let rows = predict(&spec.model, &report.predictor, &data, Some(0.9));
                let refusal = rows.as_ref().err().map(|error| error.code);
                assert!(rows.is_ok() || refusal == Some("invalid_value"), "seed {seed}: {refusal:?}");
            }
            Outcome::Diverged(divergence) => {
                // A finite iterate may lie beyond a double in data units; an answer leaves such a coefficient out.
                assert!(!divergence.coefficients.iter().any(|value| value.is_nan()), "seed {seed}: {divergence:?}");
            }
            Outcome::NonFinite { .. } => {}
            Outcome::Abandoned => panic!("seed {seed}: abandoned by nobody"),
        }
    }
    assert!(ended > fits / 4, "{ended} of {fits} were fits, {refused} were refused");
}
