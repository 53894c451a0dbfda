//! A dataset's identity: the SHA-256 of its columns in one canonical form, whatever format they came in.
//!
//! The form: the number of columns; each name, led by its length in bytes; the number of rows; each column's values as
//! IEEE 754 bits; for each column of categories its place, their number and their names, led by their length; and, where
//! rows were dropped, how many: a fit tells it, so data that lost rows is not the same as data that never had them.
//! All numbers are little-endian and eight bytes long.

use std::fmt::Write;

use sha2::{Digest, Sha256};

use crate::descent::Dataset;

/// Values that are turned into bytes at once: one page of them, so that hashing copies little.
const BLOCK_VALUES: usize = 512;

/// The digest in lower-case hexadecimal.
pub(super) fn sha256(data: &Dataset) -> String {
    let mut hash = Sha256::new();
    hash.update((data.names().len() as u64).to_le_bytes());
    for name in data.names() {
        hash.update((name.len() as u64).to_le_bytes());
        hash.update(name.as_bytes());
    }
    hash.update((data.rows() as u64).to_le_bytes());
    let mut block = Vec::with_capacity(BLOCK_VALUES * 8);
    for column in data.columns() {
        for values in column.chunks(BLOCK_VALUES) {
            block.clear();
            values.iter().for_each(|value| block.extend_from_slice(&value.to_bits().to_le_bytes()));
            hash.update(&block);
        }
    }
    for (place, levels) in data.levels().iter().enumerate() {
        let Some(levels) = levels else { continue };
        hash.update((place as u64).to_le_bytes());
        hash.update((levels.len() as u64).to_le_bytes());
        for level in levels.iter() {
            hash.update((level.len() as u64).to_le_bytes());
            hash.update(level.as_bytes());
        }
    }
    if data.rows_dropped() > 0 {
        // No column has this place, so this is never taken for one.
        hash.update(u64::MAX.to_le_bytes());
        hash.update(data.rows_dropped().to_le_bytes());
    }
    hash.finalize().iter().fold(String::with_capacity(64), |mut text, byte| {
        write!(text, "{byte:02x}").expect("a String takes every write");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::descent::Column;

    fn data(columns: &[(&str, &[f64])]) -> Dataset {
        Dataset::new(columns.iter().map(|(name, values)| ((*name).to_owned(), values.to_vec())).collect()).unwrap()
    }

    #[test]
    fn the_canonical_form_is_what_the_page_says() {
        let mut bytes = Vec::new();
        bytes.extend(1u64.to_le_bytes());
        bytes.extend(2u64.to_le_bytes());
        bytes.extend(b"xy");
        bytes.extend(2u64.to_le_bytes());
        bytes.extend(0.1f64.to_bits().to_le_bytes());
        bytes.extend((-0.0f64).to_bits().to_le_bytes());
        let expected: String = Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(sha256(&data(&[("xy", &[0.1, -0.0])])), expected);
    }

    #[test]
    fn names_order_and_bits_all_count() {
        let base = sha256(&data(&[("x", &[1.0, 0.0]), ("y", &[2.0, 3.0])]));
        assert_eq!(base, sha256(&data(&[("x", &[1.0, 0.0]), ("y", &[2.0, 3.0])])));
        for other in [
            data(&[("y", &[1.0, 0.0]), ("x", &[2.0, 3.0])]),
            data(&[("x", &[1.0, -0.0]), ("y", &[2.0, 3.0])]),
            data(&[("xy", &[1.0, 0.0]), ("", &[2.0, 3.0])]),
            data(&[("x", &[1.0, 0.0, 2.0, 3.0])]),
        ] {
            assert_ne!(base, sha256(&other));
        }
    }

    #[test]
    fn levels_and_dropped_rows_count_too() {
        let of = |levels: &[&str]| {
            let levels = levels.iter().map(|level| (*level).to_owned()).collect();
            Dataset::of_columns(vec![("x".to_owned(), Column::Categories(levels, vec![0.0, 1.0]))]).unwrap()
        };
        let base = sha256(&of(&["a", "b"]));
        assert_eq!(base, sha256(&of(&["a", "b"])));
        let numbers = data(&[("x", &[0.0, 1.0])]);
        for other in [of(&["a", "c"]), of(&["a", "b"]).with_rows_dropped(1), numbers] {
            assert_ne!(base, sha256(&other));
        }
    }

    #[test]
    fn long_columns_are_hashed_whole() {
        let mut long = vec![1.0; 3 * BLOCK_VALUES + 7];
        let before = sha256(&data(&[("x", &long)]));
        *long.last_mut().unwrap() = 2.0;
        assert_ne!(before, sha256(&data(&[("x", &long)])));
    }
}
