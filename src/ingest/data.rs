//! Reads the value of `data` from a JSON parser without a tree in between: each number goes into its column as it is
//! parsed. What the shapes mean is decided afterwards, in `table`, because keys come in any order.

use std::cell::Cell;
use std::fmt;

use serde::de::{Deserialize, DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::cells::{Cells, LEVEL_BYTES_MAX};
use super::table::{Array, Entry, Raw, Rows};
use super::trail::Trail;
use super::{DataLimits, VIOLATIONS_MAX};

/// The visits of a value that is not what it should be.
macro_rules! otherwise {
    ($value:ty, $wrong:expr) => {
        fn visit_unit<E>(self) -> Result<$value, E> {
            Ok($wrong(self, "null"))
        }

        fn visit_bool<E>(self, _: bool) -> Result<$value, E> {
            Ok($wrong(self, "a boolean"))
        }
    };
}

/// Reads the value of the key `data`.
pub(super) struct DataSeed<'t> {
    pub(super) trail: &'t Trail,
    pub(super) limits: DataLimits,
}

/// A value that is not kept. The parser's own way to ignore one does not count how deep it is.
pub(super) struct Skip;

impl<'de> Deserialize<'de> for Skip {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Self)
    }
}

impl<'de> Visitor<'de> for Skip {
    type Value = Self;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    otherwise!(Self, |_, _| Skip);

    fn visit_u64<E>(self, _: u64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_str<E>(self, _: &str) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self, A::Error> {
        while seq.next_element::<Self>()?.is_some() {}
        Ok(self)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self, A::Error> {
        while map.next_entry::<IgnoredAny, Self>()?.is_some() {}
        Ok(self)
    }
}

/// The values so far; beyond the limit they are counted, but not kept.
struct Budget {
    used: Cell<u64>,
    max: u64,
}

impl Budget {
    /// Whether one more value may be kept.
    fn take(&self) -> bool {
        self.used.set(self.used.get() + 1);
        self.used.get() <= self.max
    }
}

impl<'de> DeserializeSeed<'de> for DataSeed<'_> {
    type Value = Raw;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Raw, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for DataSeed<'_> {
    type Value = Raw;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of columns")
    }

    otherwise!(Raw, |_, what| Raw::Wrong(what));

    fn visit_u64<E>(self, _: u64) -> Result<Raw, E> {
        Ok(Raw::Wrong("a number"))
    }

    fn visit_i64<E>(self, _: i64) -> Result<Raw, E> {
        Ok(Raw::Wrong("a number"))
    }

    fn visit_f64<E>(self, _: f64) -> Result<Raw, E> {
        Ok(Raw::Wrong("a number"))
    }

    fn visit_str<E>(self, _: &str) -> Result<Raw, E> {
        Ok(Raw::Wrong("a string"))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Raw, A::Error> {
        while seq.next_element::<Skip>()?.is_some() {}
        Ok(Raw::Wrong("an array"))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Raw, A::Error> {
        let budget = Budget { used: Cell::new(0), max: self.limits.values_max };
        let mut entries = Vec::new();
        let mut seen = std::collections::HashSet::new();
        let mut columns = 0;
        while let Some(key) = map.next_key::<String>()? {
            columns += 1;
            self.trail.enter(&key);
            if columns > self.limits.columns_max {
                map.next_value::<Skip>()?;
            } else if !seen.insert(key.clone()) {
                map.next_value::<Skip>()?;
                self.trail.report("duplicate_field", "the column appears twice");
            } else {
                let seed = EntrySeed {
                    trail: self.trail,
                    budget: &budget,
                    holds_names: key == "columns",
                    keep_rows: key == "rows",
                    columns_max: self.limits.columns_max,
                };
                let entry = map.next_value_seed(seed)?;
                entries.push((key, entry));
            }
            self.trail.leave();
        }
        Ok(Raw::Entries { entries, columns, values: budget.used.get() })
    }
}

/// Reads the value of one key of `data`.
#[derive(Clone, Copy)]
struct EntrySeed<'t> {
    trail: &'t Trail,
    budget: &'t Budget,
    /// Whether the texts may be the names of columns, which are longer than those of levels.
    holds_names: bool,
    keep_rows: bool,
    columns_max: u64,
}

impl<'de> DeserializeSeed<'de> for EntrySeed<'_> {
    type Value = Entry;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Entry, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for EntrySeed<'_> {
    type Value = Entry;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array of numbers")
    }

    otherwise!(Entry, |_, what| Entry::Wrong(what));

    fn visit_u64<E>(self, _: u64) -> Result<Entry, E> {
        Ok(Entry::Wrong("a number"))
    }

    fn visit_i64<E>(self, _: i64) -> Result<Entry, E> {
        Ok(Entry::Wrong("a number"))
    }

    fn visit_f64<E>(self, _: f64) -> Result<Entry, E> {
        Ok(Entry::Wrong("a number"))
    }

    fn visit_str<E>(self, _: &str) -> Result<Entry, E> {
        Ok(Entry::Wrong("a string"))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Entry, A::Error> {
        while map.next_entry::<IgnoredAny, Skip>()?.is_some() {}
        Ok(Entry::Wrong("an object"))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Entry, A::Error> {
        let mut array = Array { rows: self.keep_rows.then(Rows::default), ..Array::default() };
        self.trail.enter(0);
        while seq.next_element_seed(ElementSeed { entry: self, array: &mut array })?.is_some() {
            array.len += 1;
            self.trail.at(array.len);
        }
        self.trail.leave();
        Ok(Entry::Array(Box::new(array)))
    }
}

/// Reads one element of a column, or one row.
struct ElementSeed<'t, 'a> {
    entry: EntrySeed<'t>,
    array: &'a mut Array,
}

impl ElementSeed<'_, '_> {
    fn number(self, number: f64) {
        self.array.first_cell.get_or_insert((self.array.len, "a number"));
        if self.entry.budget.take() {
            self.array.cells.number(number);
        }
    }

    fn missing(self) {
        self.array.first_cell.get_or_insert((self.array.len, "null"));
        if self.entry.budget.take() {
            self.array.cells.missing();
        }
    }

    fn wrong(self, what: &'static str) {
        if self.entry.budget.take() {
            self.array.cells.wrong();
        }
        if self.array.wrong.len() < VIOLATIONS_MAX {
            self.array.wrong.push((self.array.len, what));
        }
    }
}

impl<'de> DeserializeSeed<'de> for ElementSeed<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for ElementSeed<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number")
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        self.missing();
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        self.wrong("a boolean");
        Ok(())
    }

    fn visit_u64<E>(self, number: u64) -> Result<(), E> {
        self.number(number as f64);
        Ok(())
    }

    fn visit_i64<E>(self, number: i64) -> Result<(), E> {
        self.number(number as f64);
        Ok(())
    }

    fn visit_f64<E>(self, number: f64) -> Result<(), E> {
        self.number(number);
        Ok(())
    }

    fn visit_str<E>(self, text: &str) -> Result<(), E> {
        self.array.texts += 1;
        self.array.first_cell.get_or_insert((self.array.len, "a string"));
        if text.len() > LEVEL_BYTES_MAX && !self.entry.holds_names {
            self.wrong("a string of more than 256 bytes");
        } else if self.entry.budget.take() {
            self.array.cells.text(text, self.entry.columns_max + 1);
        }
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while map.next_entry::<IgnoredAny, Skip>()?.is_some() {}
        self.wrong("an object");
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        let entry = self.entry;
        let index = self.array.len;
        let Some(rows) = self.array.rows.as_mut() else {
            while seq.next_element::<Skip>()?.is_some() {}
            self.wrong("an array");
            return Ok(());
        };
        let mut width = 0;
        entry.trail.enter(0);
        while seq.next_element_seed(CellSeed { entry, rows: &mut *rows, row: index, column: width })?.is_some() {
            width += 1;
            entry.trail.at(width);
        }
        entry.trail.leave();
        rows.end_row(index, width);
        Ok(())
    }
}

/// Reads one cell of a row.
struct CellSeed<'t, 'a> {
    entry: EntrySeed<'t>,
    rows: &'a mut Rows,
    row: usize,
    column: usize,
}

impl CellSeed<'_, '_> {
    fn number(self, number: f64) {
        self.put(|cells| cells.number(number));
    }

    fn put(self, put: impl FnOnce(&mut Cells)) {
        let kept = self.entry.budget.take() && (self.column as u64) < self.entry.columns_max;
        if !kept {
            return;
        }
        if self.rows.width.is_none() && self.rows.columns.len() <= self.column {
            self.rows.columns.resize_with(self.column + 1, Cells::default);
        }
        if let Some(column) = self.rows.columns.get_mut(self.column) {
            put(column);
        }
    }

    fn wrong(self, what: &'static str) {
        if self.rows.wrong.len() < VIOLATIONS_MAX {
            self.rows.wrong.push((self.row, self.column, what));
        }
        self.put(Cells::wrong);
    }
}

impl<'de> DeserializeSeed<'de> for CellSeed<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for CellSeed<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number")
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        self.put(Cells::missing);
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        self.wrong("a boolean");
        Ok(())
    }

    fn visit_u64<E>(self, number: u64) -> Result<(), E> {
        self.number(number as f64);
        Ok(())
    }

    fn visit_i64<E>(self, number: i64) -> Result<(), E> {
        self.number(number as f64);
        Ok(())
    }

    fn visit_f64<E>(self, number: f64) -> Result<(), E> {
        self.number(number);
        Ok(())
    }

    fn visit_str<E>(self, text: &str) -> Result<(), E> {
        if text.len() > LEVEL_BYTES_MAX {
            self.wrong("a string of more than 256 bytes");
        } else {
            self.put(|cells| cells.text(text, 0));
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        while seq.next_element::<Skip>()?.is_some() {}
        self.wrong("an array");
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while map.next_entry::<IgnoredAny, Skip>()?.is_some() {}
        self.wrong("an object");
        Ok(())
    }
}
