//! Random specifications as large as they may be in each of their dimensions, drawn from a seed.

use fitd::descent::{
    Bound, Choice, Covariance, Dataset, Descriptor, Domain, Fallback, Parameter, Penalty, Range, Restarts, Spec, Split,
    Spread, Start, Stop, Validation, Value, WeightKind, Weights, catalogue, check, coefficient_names, losses_of,
    resolve,
};
use rand_core::{Rng, SeedableRng};
use rand_pcg::Pcg64;

use crate::data::{Shape, Target};

/// Floating-point operations of one pass, about, that a fit may take: the test has many to run.
const OPERATIONS_MAX: f64 = 2e8;

/// A stream of random choices.
pub(crate) struct Draw(Pcg64);

impl Draw {
    pub(crate) fn new(seed: u64) -> Self {
        Self(Pcg64::seed_from_u64(seed))
    }

    /// Uniform in [0, 1).
    pub(crate) fn uniform(&mut self) -> f64 {
        (self.0.next_u64() >> 11) as f64 / (1u64 << 53) as f64
    }

    pub(crate) fn normal(&mut self) -> f64 {
        (-2.0 * (1.0 - self.uniform()).ln()).sqrt() * (std::f64::consts::TAU * self.uniform()).cos()
    }

    pub(crate) fn below(&mut self, count: usize) -> usize {
        ((self.uniform() * count as f64) as usize).min(count.saturating_sub(1))
    }

    fn chance(&mut self, part: f64) -> bool {
        self.uniform() < part
    }

    fn of<'a, T>(&mut self, list: &'a [T]) -> &'a T {
        &list[self.below(list.len())]
    }

    /// A whole number whose logarithm is uniform, both ends included.
    fn log_uniform(&mut self, low: usize, high: usize) -> usize {
        let (from, to) = ((low as f64).ln(), (high as f64 + 1.0).ln());
        ((from + (to - from) * self.uniform()).exp() as usize).clamp(low, high)
    }
}

/// A fit that is valid, and the shape of its data.
pub(crate) struct Case {
    pub(crate) shape: Shape,
    pub(crate) spec: Spec,
    pub(crate) threads: usize,
    /// See [`Shape::data`].
    pub(crate) is_flat: bool,
}

impl Case {
    /// The case of this seed. Data of the shape is made to check the specification, and let go.
    pub(crate) fn of(seed: u64) -> Self {
        let mut draw = Draw::new(seed);
        loop {
            let (shape, model) = sized(&mut draw, seed);
            let is_flat = matches!(shape.target, Target::Classes(..) | Target::Counts) && draw.chance(0.5);
            let data = shape.data(is_flat);
            for _ in 0..40 {
                if let Some(spec) = specification(&mut draw, &shape, &model, (&data, is_flat), seed) {
                    let threads = 1 + draw.below(4);
                    return Self { shape, spec, threads, is_flat };
                }
            }
        }
    }
}

/// Models with formulas of several sizes; the last ones are long.
const FORMULAS: [(&str, &[&str]); 5] = [
    ("a*exp(-b*x)+c", &["a", "b", "c"]),
    ("a+b*x+c*z", &["a", "b", "c"]),
    ("(a+b*x)/(1+c*x+d*x^2)+f*sin(g*z)", &["a", "b", "c", "d", "f", "g"]),
    ("a*exp(-((x-b)/c)^2)+d*exp(-((x-f)/g)^2)+h*tanh(k*z)+l", &["a", "b", "c", "d", "f", "g", "h", "k", "l"]),
    ("a", &["a"]),
];

/// A model and the shape of its data, neither of them too large to be fitted in a test.
fn sized(draw: &mut Draw, seed: u64) -> (Shape, Choice) {
    let models = catalogue().iter().find(|section| section.name == "models").map(|section| section.entries.clone());
    let models = models.expect("models");
    let general = models.iter().position(|model| model.kind == "formula").expect("a formula");
    // Half of the fits are of models that are linear in their parameters.
    let at = if draw.chance(0.6) { draw.below(general) } else { general + draw.below(models.len() - general) };
    let at = if at > general && draw.chance(0.3) { general } else { at };
    let kind = models[at].kind;
    let mut model = with_defaults(models[at], draw);
    let mut shape = Shape { seed, rows: 0, features: Vec::new(), spare: 0, weights: None, target: Target::Numbers };
    if draw.chance(0.3) {
        shape.weights = Some(draw.chance(0.3));
    }
    if draw.chance(0.2) {
        shape.spare = draw.log_uniform(1, 8);
    }
    loop {
        shape.rows = draw.log_uniform(10, 300_000);
        match kind {
            "polynomial" => {
                let degree = draw.below(21);
                model = model
                    .with("degree", Value::Integer(degree as u64))
                    .with("feature", Value::Text("x".to_owned()))
                    .with("intercept", Value::Flag(degree == 0 || draw.chance(0.8)));
                shape.features = vec![("x".to_owned(), 0)];
                if fits(shape.rows, degree + 1, 1) {
                    return (shape, model);
                }
            }
            _ if at < general => {
                let columns = draw.log_uniform(1, 300);
                let categories = draw.chance(0.3);
                let levels = |draw: &mut Draw| if categories && draw.chance(0.3) { draw.log_uniform(2, 60) } else { 0 };
                shape.features = (0..columns).map(|k| (format!("x{k}"), levels(draw).min(shape.rows / 2))).collect();
                shape.features.iter_mut().filter(|(_, levels)| *levels == 1).for_each(|(_, levels)| *levels = 0);
                let classes = if kind == "softmax" { draw.log_uniform(2, 20) } else { 2 };
                shape.target = match kind {
                    "logistic" | "softmax" => Target::Classes(classes, draw.chance(0.5)),
                    "poisson" => Target::Counts,
                    "gamma" => Target::Amounts,
                    _ => Target::Numbers,
                };
                let names = shape.features.iter().map(|(name, _)| name.clone()).collect();
                model = model.with("features", Value::List(names)).with("intercept", Value::Flag(draw.chance(0.85)));
                let outputs = if kind == "softmax" { classes } else { 1 };
                if shape.rows > 2 * outputs && fits(shape.rows, shape.width(), outputs) {
                    return (shape, model);
                }
            }
            "formula" => {
                let (formula, names) = draw.of(&FORMULAS);
                let parameters: Vec<Parameter> = names
                    .iter()
                    .enumerate()
                    .map(|(k, name)| Parameter::free(*name, Some(0.3 + 0.1 * k as f64)))
                    .collect();
                model = model
                    .with("formula", Value::Text((*formula).to_owned()))
                    .with("parameters", Value::Parameters(parameters));
                shape.target = Target::Parts;
                shape.features = vec![("x".to_owned(), 0), ("z".to_owned(), 0)];
                if fits(shape.rows, 4 * names.len(), 4) {
                    return (shape, model);
                }
            }
            _ => {
                model = model.with("feature", Value::Text("x".to_owned()));
                shape.target = Target::Parts;
                shape.features = vec![("x".to_owned(), 0)];
                if shape.rows < 20_000 && (shape.rows < 2_000 || draw.chance(0.5)) {
                    return (shape, model);
                }
            }
        }
    }
}

fn fits(rows: usize, width: usize, outputs: usize) -> bool {
    let (n, p, k) = (rows as f64, width as f64, outputs as f64);
    n * p * p <= OPERATIONS_MAX
        && n * p * p * k * k <= 4.0 * OPERATIONS_MAX
        && 20.0 * p * p * p * k * k * k <= 4.0 * OPERATIONS_MAX
}

/// An entry with the defaults of the service, and some of its settings drawn.
fn with_defaults(descriptor: &Descriptor, draw: &mut Draw) -> Choice {
    let mut choice = Choice::named(descriptor.kind);
    for param in descriptor.params {
        let fallback = match (param.fallback, param.domain) {
            (Fallback::Word(word), Domain::Choice(_)) => Some(Value::Choice(Box::new(Choice::named(word)))),
            (Fallback::Number(number), _) => Some(Value::Number(number)),
            (Fallback::Integer(number), _) => Some(Value::Integer(number)),
            (Fallback::Flag(flag), _) => Some(Value::Flag(flag)),
            (Fallback::Word(word), _) => Some(Value::Text(word.to_owned())),
            (Fallback::ColumnY, _) => Some(Value::Text("y".to_owned())),
            _ => None,
        };
        let drawn = if draw.chance(0.4) { drawn(param.domain, draw) } else { None };
        if let Some(value) = drawn.or(fallback) {
            choice.settings.insert(param.name.to_owned(), value);
        }
    }
    choice
}

/// A value within a parameter's domain.
fn drawn(domain: Domain, draw: &mut Draw) -> Option<Value> {
    let number = |draw: &mut Draw, low: Bound, high: Bound| {
        let end = |bound| match bound {
            Bound::Closed(end) | Bound::Open(end) => Some(end),
            Bound::Free => None,
        };
        let part = 0.01 + 0.98 * draw.uniform();
        match (end(low), end(high)) {
            (Some(low), Some(high)) => low + part * (high - low),
            (Some(low), None) => low + 10f64.powf(6.0 * part - 4.0),
            _ => part,
        }
    };
    Some(match domain {
        Domain::Number(low, high) => Value::Number(number(draw, low, high)),
        Domain::NumberOr(low, high, _) if draw.chance(0.3) => Value::Number(number(draw, low, high)),
        Domain::NumberOr(_, _, words) | Domain::Word(words) => Value::Text((*draw.of(words)).to_owned()),
        Domain::Integer(low, high) if high > 1_000 => Value::Integer(draw.log_uniform(low as usize, 10_000) as u64),
        Domain::Integer(low, high) => Value::Integer(low + draw.below((high - low + 1) as usize) as u64),
        Domain::Flag => Value::Flag(draw.chance(0.5)),
        Domain::Choice(name) => Value::Choice(Box::new(entry(name, draw))),
        Domain::FactorsOr(words) => Value::Text((*draw.of(words)).to_owned()),
        Domain::Column | Domain::Columns | Domain::Text | Domain::Parameters => return None,
    })
}

/// An entry of a registry.
fn entry(section: &str, draw: &mut Draw) -> Choice {
    let sections = catalogue();
    let entries = &sections.iter().find(|other| other.name == section).expect("a section").entries;
    let at = draw.below(entries.len());
    with_defaults(entries[at], draw)
}

/// A specification for this model, where what was drawn goes together.
fn specification(
    draw: &mut Draw,
    shape: &Shape,
    model: &Choice,
    (data, is_flat): (&Dataset, bool),
    seed: u64,
) -> Option<Spec> {
    let names = coefficient_names(model, data).ok()?;
    let is_curve = shape.target == Target::Parts;
    let kinds = losses_of(model);
    let kind = if draw.chance(0.4) { kinds[0] } else { *draw.of(kinds) };
    let sections = catalogue();
    let losses = &sections.iter().find(|section| section.name == "losses")?.entries;
    let loss = with_defaults(losses.iter().find(|loss| loss.kind == kind)?, draw);
    let optimizer = if draw.chance(0.3) { Choice::named("auto") } else { entry("optimizers", draw) };
    let mut spec = Spec {
        model: model.clone(),
        loss,
        optimizer,
        scaling: if draw.chance(0.6) { Choice::named("auto") } else { entry("scalings", draw) },
        penalty: Penalty { l2: 0.0, l1: 0.0, on_standardized: !is_curve && draw.chance(0.5) },
        start: if draw.chance(0.2) { Start::Random } else { Start::Zeros },
        // Half of the fits go on until they converge, so that errors are told.
        stop: Stop {
            max_iterations: if draw.chance(0.5) { 1 + draw.below(12) as u64 } else { 300 },
            gradient_tolerance: 1e-5,
            loss_tolerance: 0.0,
        },
        weights: None,
        seed,
        covariance: *draw.of(&[
            Covariance::Classical,
            Covariance::Classical,
            Covariance::Hc1,
            Covariance::Hc3,
            Covariance::None,
        ]),
        bounds: Vec::new(),
        restarts: None,
        validation: None,
        diagnostics: shape.rows <= fitd::descent::DIAGNOSTICS_MAX && draw.chance(0.2),
        profile: is_curve && shape.rows < 3_000 && draw.chance(0.2),
        confidence: 0.95,
    };
    if draw.chance(0.2) {
        spec.penalty.l2 = 10f64.powf(-4.0 * draw.uniform());
    }
    if draw.chance(0.15) {
        spec.penalty.l1 = 10f64.powf(-4.0 * draw.uniform());
    }
    if !is_curve && draw.chance(0.15) {
        let name = draw.of(&names).clone();
        spec.bounds.push(Range { name, min: -0.5, max: 0.25 });
    }
    if shape.weights.is_some() {
        let kind = *draw.of(&[WeightKind::Frequency, WeightKind::InverseVariance]);
        spec.weights = Some(Weights { column: "w".to_owned(), kind });
    }
    if draw.chance(0.2) {
        let spread = *draw.of(&[Spread::Rows, Spread::LatinHypercube, Spread::Normal]);
        spec.restarts = Some(Restarts { count: 1 + draw.below(6) as u64, spread });
    }
    if draw.chance(0.3) {
        let n = shape.rows as u64;
        let split = match draw.below(4) {
            0 => Split::Fraction(0.1 + 0.5 * draw.uniform(), seed),
            1 => Split::LastRows(1 + n / 4),
            2 => Split::Rows((0..1 + n / 10).collect()),
            _ => Split::Folds(2 + draw.below(7) as u64, seed),
        };
        let patience = (!matches!(split, Split::Folds(..)) && draw.chance(0.5)).then_some(3);
        spec.validation = Some(Validation { split, patience });
    }
    if is_flat {
        // A descent that gets to the end.
        spec.optimizer = Choice::named("auto");
        spec.scaling = Choice::named("auto");
        spec.stop.max_iterations = 300;
    }
    let spec = resolve(spec);
    if is_dear(&spec, shape) {
        return None;
    }
    check(&spec, data).is_empty().then_some(spec)
}

/// Whether the fit takes longer than a test can wait.
fn is_dear(spec: &Spec, shape: &Shape) -> bool {
    let (n, p) = (shape.rows as f64, shape.width() as f64);
    let lines = ["absolute", "quantile"].contains(&spec.loss.kind.as_str()) && spec.optimizer.kind == "active_set";
    let kinked = spec.penalty.l1 > 0.0 || !spec.bounds.is_empty();
    let times = spec.restarts.map_or(1.0, |restarts| 1.0 + restarts.count as f64)
        + match &spec.validation {
            Some(Validation { split: Split::Folds(folds, _), .. }) => *folds as f64,
            _ => 0.0,
        };
    let outputs = if let Target::Classes(count @ 3.., _) = shape.target { count as f64 } else { 1.0 };
    let second_order = ["newton", "levenberg_marquardt"].contains(&spec.optimizer.kind.as_str());
    let iterations = (spec.stop.max_iterations as f64).min(if second_order { 25.0 } else { 300.0 });
    let step = if second_order { n * p * p * outputs * outputs } else { n * p * outputs };
    let searches =
        spec.penalty.l2 + spec.penalty.l1 <= 0.0 && matches!(shape.target, Target::Classes(..) | Target::Counts);
    times * n * p * p > OPERATIONS_MAX
        || times * iterations * step > 4.0 * OPERATIONS_MAX
        || (lines && times * n * p * p > 1e6)
        || (searches && n * p * p * outputs.powi(3) > 1e6)
        || (kinked && p > 100.0)
}
