//! What is shown of a fit: how far it is, and what it has found.

use std::fmt::Write;

use comfy_table::{CellAlignment, Table, presets};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::Value;

/// Letters of the line of the loss.
const COLUMNS: usize = 60;
const HEIGHTS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
/// Largest over smallest loss from which on the line is by powers of ten.
const DECADES: f64 = 100.0;

/// A bar on standard error while a fit runs; nothing where that is no terminal.
pub(super) struct Progress {
    bar: ProgressBar,
    losses: Vec<f64>,
}

impl Progress {
    pub(super) fn new() -> Self {
        let bar = ProgressBar::new(1);
        let style = ProgressStyle::with_template("{bar:24} {pos}/{len} {msg}");
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        Self { bar, losses: Vec::new() }
    }

    pub(super) fn show(&mut self, at: &Value) {
        self.losses.extend(at["loss"].as_f64());
        self.bar.set_length(at["max_iterations"].as_u64().unwrap_or(1));
        self.bar.set_position(at["iteration"].as_u64().unwrap_or(0));
        let loss = self.losses.last().map_or_else(String::new, |loss| number(*loss));
        self.bar.set_message(format!("loss {loss} {}", line(&self.losses, COLUMNS / 3)));
    }

    pub(super) fn end(&self) {
        self.bar.finish_and_clear();
    }
}

/// A line that falls as the losses do, a letter each of as many parts.
fn line(losses: &[f64], columns: usize) -> String {
    let ends = |values: &[f64]| {
        values.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| (low.min(*value), high.max(*value)))
    };
    let (low, high) = ends(losses);
    let by_powers = low > 0.0 && high / low >= DECADES;
    let scaled = |value: f64| if by_powers { value.ln() } else { value };
    let (low, high) = (scaled(low), scaled(high));
    let part = |place: usize| place * losses.len() / columns.min(losses.len()).max(1);
    let letter = |place: usize| {
        let values = &losses[part(place)..part(place + 1).max(part(place) + 1).min(losses.len())];
        let mean = values.iter().map(|value| scaled(*value)).sum::<f64>() / values.len() as f64;
        let height = if high > low { (mean - low) / (high - low) } else { 0.0 };
        HEIGHTS[((height * HEIGHTS.len() as f64) as usize).min(HEIGHTS.len() - 1)]
    };
    (0..columns.min(losses.len())).map(letter).collect()
}

fn number(value: f64) -> String {
    let size = value.abs();
    if size != 0.0 && !(1e-3..1e7).contains(&size) { format!("{value:.5e}") } else { plain(value, size) }
}

/// Seven digits, without zeros at the end.
fn plain(value: f64, size: f64) -> String {
    let whole = if size >= 1.0 { size.log10().floor() as usize + 1 } else { 1 };
    let text = format!("{value:.*}", 7usize.saturating_sub(whole));
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

/// What there is to say of a fit that has ended.
pub(super) fn told(fit: &Value, losses: &[f64]) -> String {
    let mut out = String::new();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let kind = |of: &str| text(&fit["spec"][of]["kind"]);
    let _ = writeln!(
        out,
        "{}: {} with {}, {} rows",
        text(&fit["status"]),
        kind("model"),
        kind("optimizer"),
        fit["dataset"]["rows"]
    );
    if losses.len() > 1 {
        let ends = [losses[0], losses[losses.len() - 1]].map(number);
        let _ = writeln!(out, "loss {} {} {}", ends[0], line(losses, COLUMNS), ends[1]);
    }
    if let Some(error) = fit.get("error") {
        let _ = writeln!(out, "{}: {}", text(&error["code"]), text(&error["detail"]));
        if let Some(suggestion) = error.get("suggestion") {
            let _ = writeln!(out, "instead: {suggestion}");
        }
    }
    let Some(result) = fit.get("result") else { return out };
    let _ =
        writeln!(out, "\n{}\n", coefficients(result, fit["spec"]["confidence"].as_f64().unwrap_or(0.95)).trim_fmt());
    let metrics = result["metrics"].as_object().into_iter().flatten();
    let shown = metrics.filter(|(name, _)| {
        ["r_squared", "rmse", "accuracy", "log_loss", "auc", "explained_deviance", "aic"].contains(&name.as_str())
    });
    let mut words: Vec<String> = shown
        .filter_map(|(name, value)| Some(format!("{} {}", name.replace('_', " "), number(value.as_f64()?))))
        .collect();
    if let Some(loss) = result["validation"]["loss"].as_f64() {
        words.push(format!("validation loss {}", number(loss)));
    }
    let _ = writeln!(out, "{}", words.join(", "));
    let state = if result["converged"] == true { "converged" } else { "not converged" };
    let reason = text(&result["stop_reason"]).replace('_', " ");
    let _ = writeln!(out, "{state} after {} iterations ({reason})", result["iterations"]);
    for warning in result["warnings"].as_array().into_iter().flatten() {
        let _ = writeln!(out, "note: {}", text(&warning["detail"]));
    }
    out
}

fn coefficients(result: &Value, confidence: f64) -> Table {
    let parameters: Vec<&Value> = result["parameters"].as_array().into_iter().flatten().collect();
    let has_errors = parameters.iter().any(|one| one.get("standard_error").is_some());
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    let level = format!("{} % from", number(100.0 * confidence));
    let mut heads = vec!["", "value"];
    if has_errors {
        heads.extend(["error", &level, "to", "p"]);
    }
    table.set_header(heads);
    for one in parameters {
        let shown = |value: &Value| value.as_f64().map_or_else(|| "–".to_owned(), number);
        let mut row = vec![one["name"].as_str().unwrap_or_default().to_owned(), shown(&one["value"])];
        if has_errors {
            let ends = match one.get("profile_interval") {
                Some(interval) => [&interval["lower"], &interval["upper"]],
                None => [&one["confidence_interval"][0], &one["confidence_interval"][1]],
            };
            row.extend([shown(&one["standard_error"]), shown(ends[0]), shown(ends[1]), shown(&one["p_value"])]);
        }
        table.add_row(row);
    }
    table.column_iter_mut().skip(1).for_each(|column| column.set_cell_alignment(CellAlignment::Right));
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_falls_with_the_loss_and_numbers_are_short() {
        assert_eq!(line(&[8.0, 7.0, 6.0, 5.0, 4.0, 3.0, 2.0, 1.0], 60), "█▇▆▅▄▃▂▁");
        assert_eq!(line(&[1e4, 1e2, 1.0], 60), "█▅▁");
        assert_eq!(line(&[1.0; 500], 60).chars().count(), 60);
        assert_eq!(line(&[], 60), "");
        let of = [4.94, -3.0, 0.0, 1234567.0, 1e-9, 0.12345678, 2.5e12].map(number);
        assert_eq!(of, ["4.94", "-3", "0", "1234567", "1.00000e-9", "0.123457", "2.50000e12"]);
    }
}
