//! Text that clients have chosen, made fit for a picture.

/// Letters of a label, at most.
const LETTERS_MAX: usize = 80;

/// As a label: short, of letters that XML can hold, and drawn as it is written. The drawing library would read what stands
/// between dollar signs as mathematics.
pub(super) fn label(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for (count, letter) in text.chars().enumerate() {
        if count == LETTERS_MAX {
            out.push('…');
            break;
        }
        if letter == '$' {
            out.push('\\');
        }
        out.push(if is_drawable(letter) { letter } else { '\u{fffd}' });
    }
    out
}

/// As the text of an element.
pub(super) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            letter => out.push(if is_drawable(letter) { letter } else { '\u{fffd}' }),
        }
    }
    out
}

/// Whether XML can hold the letter and a line of text can show it.
fn is_drawable(letter: char) -> bool {
    !letter.is_control() && letter != '\u{fffe}' && letter != '\u{ffff}'
}

/// A number for a sentence: four digits.
pub(super) fn number(value: f64) -> String {
    if value == 0.0 {
        return "0".to_owned();
    }
    let size = value.abs();
    if !(1e-3..1e5).contains(&size) {
        return format!("{value:.3e}");
    }
    let decimals = (3 - size.log10().floor() as i64).max(0) as usize;
    trimmed(&format!("{value:.decimals$}")).to_owned()
}

/// A number beside an axis of this length whose largest number is of this size: no two ticks look the same.
pub(super) fn apart(value: f64, span: f64, size: f64) -> String {
    // Ticks are a tenth of the axis apart or more, and a tick may have a half in its last place.
    let places = 1 - (span / 10.0).log10().floor() as i64;
    let value = if value.abs() < span * 1e-9 { 0.0 } else { value };
    if (1e-3..1e6).contains(&size) {
        let decimals = places.clamp(0, 17) as usize;
        return trimmed(&format!("{value:.decimals$}")).to_owned();
    }
    if value == 0.0 {
        return "0".to_owned();
    }
    let digits = (places + value.abs().log10().floor() as i64).clamp(0, 17) as usize;
    let text = format!("{value:.digits$e}");
    let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    format!("{}e{exponent}", trimmed(mantissa))
}

/// A number beside an axis by powers of ten, of one digit.
pub(super) fn power(value: f64) -> String {
    if (1e-4..1e6).contains(&value) { trimmed(&format!("{value:.4}")).to_owned() } else { format!("{value:.0e}") }
}

/// Without zeros at the end of a fraction.
fn trimmed(text: &str) -> &str {
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_four_digits() {
        let told = |value: f64| number(value);
        assert_eq!(told(0.0), "0");
        assert_eq!(told(3.0), "3");
        assert_eq!(told(-0.012_346), "-0.01235");
        assert_eq!(told(12_345.6), "12346");
        assert_eq!(told(1.5e-7), "1.500e-7");
        assert_eq!(told(f64::INFINITY), "inf");
    }

    #[test]
    fn ticks_have_the_digits_that_tell_them_apart() {
        let told = |value: f64, span: f64| apart(value, span, value.abs());
        assert_eq!(told(5.000_5, 0.003), "5.0005");
        assert_eq!(told(-10.0, 30.0), "-10");
        assert_eq!(told(2.5, 12.0), "2.5");
        assert_eq!(told(1_000.000_25, 0.001), "1000.00025");
        assert_eq!(told(1e-17, 2.0), "0");
        assert_eq!(apart(1e-17, 2.0, 1.0), "0");
        assert_eq!(told(2e7, 1e8), "2e7");
        assert_eq!(told(1.002_5e9, 3e6), "1.0025e9");
        assert_eq!(told(-3.5e-6, 1e-5), "-3.5e-6");
        assert_eq!(apart(0.0, 1e-5, 1e-5), "0");
        assert_eq!([1e-5, 0.002, 0.1, 1.0, 3e5, 1e6].map(power), ["1e-5", "0.002", "0.1", "1", "300000", "1e6"]);
    }

    #[test]
    fn labels_are_short_and_drawn_as_they_are_written() {
        assert_eq!(label("price in $"), "price in \\$");
        assert_eq!(label("a\u{1}b\nc"), "a\u{fffd}b\u{fffd}c");
        assert_eq!(label(&"x".repeat(100)).chars().count(), 81);
        assert_eq!(escaped("<script>&\u{0}"), "&lt;script&gt;&amp;\u{fffd}");
    }
}
