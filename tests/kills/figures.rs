//! Figures as lines that a report can be made of. It knows nothing of where they come from.

use std::time::Duration;

/// How often something is done: as the environment says, or as many times as suit a quick run.
pub(crate) fn number(variable: &str, quick: u64) -> u64 {
    std::env::var(variable).map_or(quick, |text| text.parse().unwrap_or_else(|_| panic!("{variable} is a number")))
}

/// Prints one figure.
pub(crate) fn print(name: &str, value: impl std::fmt::Display) {
    eprintln!("figure: {name} | {value}");
}

/// The median and the largest, and the 99th of a hundred between them where `p99` says so.
pub(crate) fn spread(seconds: &[f64], p99: bool) -> String {
    let mut sorted = seconds.to_vec();
    sorted.sort_by(f64::total_cmp);
    let at = |part: f64| sorted.get(((sorted.len() as f64 * part).ceil() as usize).saturating_sub(1));
    let shown = |value: Option<&f64>| value.map_or("none".to_owned(), |value| format!("{value:.3} s"));
    let middle = if p99 { format!("{} / ", shown(at(0.99))) } else { String::new() };
    format!("{} / {middle}{}", shown(at(0.5)), shown(sorted.last()))
}

/// A duration in seconds.
pub(crate) fn seconds(all: &[Duration]) -> Vec<f64> {
    all.iter().map(Duration::as_secs_f64).collect()
}
