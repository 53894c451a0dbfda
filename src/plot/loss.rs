//! The loss over the iterations.

use kuva::plot::{LineStyle, MarkerShape};

use super::chart::{Axis, Chart};
use super::text::number;
use super::{Look, Picture};

/// A descent, or what there is of one.
#[derive(Clone, Copy, Debug, Default)]
pub struct Loss<'a> {
    /// The iteration of each point, ascending.
    pub iterations: &'a [u64],
    /// The loss on the rows that are fitted.
    pub training: &'a [f64],
    /// The loss on the rows that judge.
    pub validation: Option<&'a [f64]>,
    /// The iteration whose coefficients are reported, where that is not the last.
    pub best: Option<u64>,
    /// Iterations at which the learning rate changes, and what is to be said of it.
    pub changes: &'a [(u64, String)],
    /// Whether it goes on.
    pub is_running: bool,
}

/// Draws the loss of each iteration, on axes by powers of ten where it falls far.
#[must_use]
pub fn loss(what: &Loss<'_>, look: &Look) -> Picture {
    let Loss { training, validation, .. } = *what;
    let iterations: Vec<f64> = what.iterations.iter().map(|iteration| *iteration as f64).collect();
    let losses = || training.iter().chain(validation.unwrap_or_default());
    let x = Axis::even("iteration", iterations.iter(), look.x_scale);
    let y = Axis::of("loss", losses(), look.y_scale);
    let how = if y.is_log() { ", by powers of ten," } else { "" };
    let mut chart = Chart::new(look, x, y);
    let theme = look.theme;
    for (iteration, name) in what.changes {
        chart.upright(*iteration as f64, name);
    }
    chart.line(&iterations, training, "training", theme.first(), &LineStyle::Solid);
    if let Some(validation) = validation {
        chart.line(&iterations, validation, "validation", theme.second(), &LineStyle::Dashed);
    }
    let best = what.best.and_then(|best| what.iterations.iter().position(|iteration| *iteration == best));
    if let Some((at, loss)) = best.and_then(|at| Some((at, *validation.unwrap_or(training).get(at)?))) {
        chart.mark(iterations[at], loss, "best iterate", MarkerShape::Diamond, theme.mark());
    }
    if validation.is_none() && best.is_none() {
        chart.without_legend();
    }
    let description = described(what, best, how);
    chart.picture("loss", "Loss", description)
}

fn described(what: &Loss<'_>, best: Option<usize>, how: &str) -> String {
    let (Some(first), Some(last)) = (what.training.first(), what.training.last()) else {
        return "The descent has not begun.".to_owned();
    };
    let to = what.iterations.last().copied().unwrap_or_default();
    let so_far = if what.is_running { " so far" } else { "" };
    let mut text = format!(
        "The loss{how} over the iterations{so_far}: it goes from {} to {} at iteration {to}.",
        number(*first),
        number(*last)
    );
    if let Some(loss) = what.validation.and_then(<[f64]>::last) {
        text.push_str(&format!(" On the validation rows it ends at {}.", number(*loss)));
    }
    if let Some(at) = best {
        text.push_str(&format!(" The best iterate is that of iteration {}.", what.iterations[at]));
    }
    text
}
