//! The name that was meant: the known one with the fewest edits.

/// The known name that is nearest to this one, if it is near enough to be meant.
pub(in crate::descent) fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let allowed = match name.chars().count() {
        // One letter is as near to any other.
        0..=1 => 0,
        2..=5 => 2,
        _ => 3,
    };
    let lower = name.to_lowercase();
    let ranked = known.map(|other| {
        // A name that differs in case alone is what was meant.
        let same = other.to_lowercase() == lower;
        (if same { 0 } else { edits(&lower, &other.to_lowercase()) }, other)
    });
    let near = ranked.filter(|(edits, other)| *edits <= allowed && *edits < other.chars().count());
    near.min_by_key(|(edits, other)| (*edits, other.len())).map(|(_, other)| other)
}

/// Insertions, deletions, replacements and swaps of neighbours that lead from one word to the other (optimal string
/// alignment, Damerau 1964).
fn edits(a: &str, b: &str) -> usize {
    // Only short names are compared: a long one is never near.
    const LENGTH_MAX: usize = 64;
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().take(LENGTH_MAX).collect(), b.chars().take(LENGTH_MAX).collect());
    let mut rows: Vec<Vec<usize>> = vec![(0..=b.len()).collect()];
    for i in 1..=a.len() {
        let mut row = vec![i; b.len() + 1];
        for j in 1..=b.len() {
            let replaced = rows[i - 1][j - 1] + usize::from(a[i - 1] != b[j - 1]);
            row[j] = replaced.min(rows[i - 1][j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                row[j] = row[j].min(rows[i - 2][j - 2] + 1);
            }
        }
        rows.push(row);
    }
    rows[a.len()][b.len()]
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn the_name_that_was_meant_is_found_and_a_strange_one_is_not() {
        let known = ["exp", "log", "sqrt", "temperature", "x", "rate"];
        for (given, meant) in [
            ("expp", Some("exp")),
            ("Exp", Some("exp")),
            ("sqr", Some("sqrt")),
            ("temprature", Some("temperature")),
            ("tempreature", Some("temperature")),
            ("X", Some("x")),
            ("raet", Some("rate")),
            ("zebra", None),
        ] {
            assert_eq!(nearest(given, known.into_iter()), meant, "{given}");
        }
    }
}
