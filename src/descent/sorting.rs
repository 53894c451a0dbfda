//! Sorting that can be left in the middle, or that goes no further than is asked for: a million rows take a tenth of a second.

use std::cmp::Ordering;

use super::GivenUp;

/// Places that are sorted at once.
const RUN: usize = 32_768;

/// 0 … `count` − 1 in the order of a comparison, equal ones in their own order; in some other order once it is wanted no more.
pub(super) fn sorted(count: usize, compare: &dyn Fn(usize, usize) -> Ordering, given_up: GivenUp<'_>) -> Vec<usize> {
    let mut order: Vec<usize> = (0..count).collect();
    for run in order.chunks_mut(RUN) {
        if count > RUN && given_up() {
            return order;
        }
        // Equal ones stay in their order, as a stable sort would leave them, without its room.
        run.sort_unstable_by(|a, b| compare(*a, *b).then(a.cmp(b)));
    }
    let mut width = RUN;
    while width < count {
        let mut merged = Vec::with_capacity(count);
        for pair in order.chunks(2 * width) {
            let (mut left, mut right) = pair.split_at(width.min(pair.len()));
            while let (Some(a), Some(b)) = (left.first(), right.first()) {
                if merged.len().is_multiple_of(RUN) && given_up() {
                    return order;
                }
                if compare(*b, *a) == Ordering::Less {
                    merged.push(*b);
                    right = &right[1..];
                } else {
                    merged.push(*a);
                    left = &left[1..];
                }
            }
            merged.extend_from_slice(left);
            merged.extend_from_slice(right);
        }
        order = merged;
        width *= 2;
    }
    order
}

/// Values in the order of a comparison by which no two are equal, sorted no further than they are asked for: of a million
/// rows a step may need the first few.
pub(super) struct InOrder<'a, T> {
    values: Vec<T>,
    compare: &'a dyn Fn(&T, &T) -> Ordering,
    next: usize,
    sorted: usize,
}

impl<'a, T> InOrder<'a, T> {
    pub(super) fn new(values: Vec<T>, compare: &'a dyn Fn(&T, &T) -> Ordering) -> Self {
        Self { values, compare, next: 0, sorted: 0 }
    }
}

impl<T: Copy> Iterator for InOrder<'_, T> {
    type Item = T;

    fn next(&mut self) -> Option<T> {
        if self.next == self.sorted {
            let rest = &mut self.values[self.sorted..];
            let more = rest.len().min(1_000.max(4 * self.sorted));
            if more > 0 && more < rest.len() {
                rest.select_nth_unstable_by(more, self.compare);
            }
            rest[..more].sort_unstable_by(self.compare);
            self.sorted += more;
        }
        let value = self.values.get(self.next).copied();
        self.next += usize::from(value.is_some());
        value
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(count: usize) -> Vec<u64> {
        (0..count as u64).map(|k| k.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 50).collect()
    }

    #[test]
    fn both_orders_are_those_of_a_stable_sort() {
        for count in [0, 1, 2, 999, RUN, RUN + 1, 5 * RUN + 17] {
            let values = values(count);
            let mut expected: Vec<usize> = (0..count).collect();
            expected.sort_by_key(|k| values[*k]);
            assert_eq!(sorted(count, &|a, b| values[a].cmp(&values[b]), &|| false), expected, "{count}");
            let by_place = |a: &usize, b: &usize| values[*a].cmp(&values[*b]).then(a.cmp(b));
            let found: Vec<usize> = InOrder::new((0..count).collect(), &by_place).collect();
            assert_eq!(found, expected, "{count}, one after the other");
        }
    }

    #[test]
    fn sorting_that_is_wanted_no_more_ends_with_every_place_once() {
        let values = values(4 * RUN);
        for calls in 0u32..9 {
            let left = std::cell::Cell::new(calls);
            let given_up = || left.replace(left.get().saturating_sub(1)) == 0;
            let mut order = sorted(values.len(), &|a, b| values[a].cmp(&values[b]), &given_up);
            order.sort_unstable();
            assert!(order.iter().enumerate().all(|(place, k)| place == *k));
        }
    }
}
