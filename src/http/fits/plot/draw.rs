//! Each picture, of what there is of a fit.

use super::Kind;
use crate::fit::{Choice, FitRecord, HistoryBlock, HistoryShape, Outcome, Setting};
use crate::http::problem::Problem;
use crate::jobs::Seen;
use crate::plot::{self, Band, Correlation, Curve, Fitted, Look, Loss, Picture, Residuals, Surface};

/// Changes of the learning rate that are marked, at most: more would hide the line.
const CHANGES_MAX: u64 = 12;

/// What is drawn from the fit's record and its history.
pub(super) fn recorded(
    kind: Kind,
    record: &FitRecord,
    history: Option<&(HistoryShape, HistoryBlock)>,
    look: &Look,
) -> Result<Picture, Problem> {
    match (kind, history) {
        (Kind::Loss, Some((shape, block))) => Ok(loss(record, shape, block, look)),
        (Kind::Path, Some((shape, block))) if !shape.coefficients.is_empty() => Ok(plot::path(
            &plot::Path { iterations: &block.iterations, names: &shape.coefficients, values: &block.coefficients },
            look,
        )),
        (Kind::Path, Some(_)) => {
            let detail =
                "the history of this fit holds no coefficients; \"history\": {\"coefficients\": true} keeps them";
            Err(Problem::no_picture(detail))
        }
        (Kind::Correlation, _) => correlation(record, look),
        _ => Err(Problem::unknown_fit()),
    }
}

fn loss(record: &FitRecord, shape: &HistoryShape, block: &HistoryBlock, look: &Look) -> Picture {
    let validation = block.coefficients.get(shape.coefficients.len()).filter(|_| shape.validated);
    let result = record.outcome.as_ref().and_then(Outcome::result);
    let last = block.iterations.last().copied().unwrap_or_default();
    let what = Loss {
        iterations: &block.iterations,
        training: &block.loss,
        validation: validation.map(Vec::as_slice),
        best: result.and_then(|result| result.validation.as_ref()?.best_iteration),
        changes: &changes(&record.spec.optimizer, last),
        is_running: !record.status.is_terminal(),
    };
    plot::loss(&what, look)
}

/// The iterations up to `last` at which a learning rate that changes in steps does so.
fn changes(optimizer: &Choice, last: u64) -> Vec<(u64, String)> {
    let Some(Setting::Choice(schedule)) = optimizer.settings.get("schedule") else { return Vec::new() };
    let (Some(&Setting::Integer(every)), Some(factor)) =
        (schedule.settings.get("every"), schedule.settings.get("factor"))
    else {
        return Vec::new();
    };
    let factor = match factor {
        Setting::Number(factor) => *factor,
        Setting::Integer(factor) => *factor as f64,
        _ => return Vec::new(),
    };
    if schedule.kind != "step" || every == 0 || last / every > CHANGES_MAX {
        return Vec::new();
    }
    (1..=last / every).map(|step| (step * every, format!("rate × {factor}"))).collect()
}

fn correlation(record: &FitRecord, look: &Look) -> Result<Picture, Problem> {
    let Some(result) = record.outcome.as_ref().and_then(Outcome::result) else { return Err(Problem::not_drawn_yet()) };
    let Some(matrix) = &result.correlation else {
        return Err(Problem::no_picture("this fit has no errors of the estimates, and so no correlation"));
    };
    let names: Vec<String> = result.parameters.iter().map(|parameter| parameter.name.clone()).collect();
    Ok(plot::correlation(&Correlation { names: &names, matrix }, look))
}

/// What is drawn from the data.
pub(super) fn seen(seen: &Seen, look: &Look) -> Picture {
    match seen {
        Seen::Fitted(found) => plot::fitted(
            &Fitted {
                feature: found.feature.as_ref().map(|(name, values)| (name.as_str(), values.as_ref())),
                target: &found.target,
                actual: &found.actual,
                predicted: &found.predicted,
                curve: found.curve.as_ref().map(|curve| Curve {
                    x: &curve.x,
                    y: &curve.y,
                    band: curve.band.as_ref().map(|band| Band {
                        lower: &band.lower,
                        upper: &band.upper,
                        level: band.level,
                    }),
                }),
            },
            look,
        ),
        Seen::Residuals(found) => plot::residuals(
            &Residuals { fitted: &found.fitted, residuals: &found.residuals, quantiles: &found.quantiles },
            look,
        ),
        Seen::Surface(found) => {
            let [across, up] = &found.names;
            let what = Surface {
                of: found.of,
                names: [across, up],
                x: &found.x,
                y: &found.y,
                loss: &found.loss,
                path: &found.path,
                optimum: found.optimum,
                every: found.every,
            };
            plot::surface(&what, look)
        }
    }
}
