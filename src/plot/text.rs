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
    let text = format!("{value:.decimals$}");
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
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
    fn labels_are_short_and_drawn_as_they_are_written() {
        assert_eq!(label("price in $"), "price in \\$");
        assert_eq!(label("a\u{1}b\nc"), "a\u{fffd}b\u{fffd}c");
        assert_eq!(label(&"x".repeat(100)).chars().count(), 81);
        assert_eq!(escaped("<script>&\u{0}"), "&lt;script&gt;&amp;\u{fffd}");
    }
}
