//! Checksums of plain columns: those that queries and rules need are not part of a sealed document, so each row has a
//! number that says what they held when it was written.

use crate::store::StoreError;

/// A CRC-32 over columns in a fixed order; each value is preceded by its length, so that none runs into the next.
pub(super) struct Seal(crc32fast::Hasher);

impl Seal {
    pub(super) fn new() -> Self {
        Self(crc32fast::Hasher::new())
    }

    pub(super) fn bytes(mut self, value: &[u8]) -> Self {
        self.0.update(&(value.len() as u64).to_le_bytes());
        self.0.update(value);
        self
    }

    pub(super) fn text(self, value: &str) -> Self {
        self.bytes(value.as_bytes())
    }

    pub(super) fn integer(self, value: i64) -> Self {
        self.bytes(&value.to_le_bytes())
    }

    pub(super) fn optional(self, value: Option<i64>) -> Self {
        match value {
            Some(value) => self.integer(value),
            None => self.bytes(&[]),
        }
    }

    /// The number to store beside the columns.
    pub(super) fn number(self) -> i64 {
        self.0.finalize().into()
    }

    /// Whether `stored` is the number of these columns.
    pub(super) fn check(self, stored: i64, what: &'static str) -> Result<(), StoreError> {
        if self.number() == stored { Ok(()) } else { Err(StoreError::Corrupt { what }) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_and_its_place_count() {
        let seal = || Seal::new().text("a").integer(1).optional(None);
        assert!(seal().check(seal().number(), "row").is_ok());
        for other in [
            Seal::new().text("b").integer(1).optional(None),
            Seal::new().text("a").integer(2).optional(None),
            Seal::new().text("a").integer(1).optional(Some(0)),
            Seal::new().text("a").optional(None).integer(1),
        ] {
            assert!(other.check(seal().number(), "row").is_err());
        }
    }
}
