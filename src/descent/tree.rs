//! Sums over rows in a tree that depends on the rows alone, so that the bits do not depend on how many threads took part.

use std::ops::Range;

use std::sync::{Mutex, PoisonError};

use super::Team;

/// Computes a part for each chunk of rows, given its first row and the one behind its last, and merges the parts
/// pairwise. Parts that come to nothing are left out, and all but the first once the team gives up.
pub(super) fn gather<T: Send>(
    rows: usize,
    chunk_rows: usize,
    team: &dyn Team,
    part: &(dyn Fn(usize, usize) -> Option<T> + Sync),
    merge: impl Fn(&mut T, T),
) -> Option<T> {
    let chunks = rows.div_ceil(chunk_rows);
    let parts: Vec<Mutex<Option<T>>> = (0..chunks).map(|_| Mutex::new(None)).collect();
    team.each(chunks, &|chunk| {
        if chunk > 0 && team.gives_up() {
            return;
        }
        let end = rows.min((chunk + 1) * chunk_rows);
        if let Some(value) = part(chunk * chunk_rows, end) {
            *parts[chunk].lock().unwrap_or_else(PoisonError::into_inner) = Some(value);
        }
    });
    let inner = |place: Mutex<Option<T>>| place.into_inner().unwrap_or_else(PoisonError::into_inner);
    let mut values: Vec<T> = parts.into_iter().filter_map(inner).collect();
    while values.len() > 1 {
        let mut next = Vec::with_capacity(values.len().div_ceil(2));
        let mut pairs = values.into_iter();
        while let Some(mut first) = pairs.next() {
            if let Some(second) = pairs.next() {
                merge(&mut first, second);
            }
            next.push(first);
        }
        values = next;
    }
    values.pop()
}

/// Pairwise summation (Higham 1993) with fixed leaves.
pub(super) fn sum_in_tree(values: &[f64]) -> f64 {
    sum_of(0..values.len(), &|at| values[at])
}

/// The same of what `value` gives for each place, without room for it.
pub(super) fn sum_of(places: Range<usize>, value: &impl Fn(usize) -> f64) -> f64 {
    if places.len() <= 128 {
        return places.map(value).sum();
    }
    let middle = places.start + (places.len() / 2).next_multiple_of(64);
    sum_of(places.start..middle, value) + sum_of(middle..places.end, value)
}
