//! Reads a posted JSON document in one pass: its `data` as columns, whatever else it has as nodes.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, MapAccess, Visitor};

use super::data::{DataSeed, Skip};
use super::node::{Node, NodeSeed};
use super::table::Raw;
use super::trail::Trail;
use super::{DataLimits, IngestError, Posted, VIOLATIONS_MAX};
use crate::descent::Dataset;
use crate::fit::Violation;

/// Takes a document apart: an object whose `data` holds columns, and whatever else it has.
pub(crate) fn read(bytes: &[u8], limits: DataLimits) -> Result<Posted, IngestError> {
    let trail = Trail::default();
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let document = DocumentSeed { trail: &trail, limits }
        .deserialize(&mut deserializer)
        .map_err(|error| trail.explain(bytes, &error))?;
    deserializer.end().map_err(|error| trail.explain(bytes, &error))?;
    let mut violations = trail.into_violations();
    let Some(Document { raw, rest }) = document else {
        violations.insert(0, Violation::new("", "invalid_value", "the body must be an object"));
        return Ok(Posted { data: None, has_data: true, missing: Vec::new(), rest: Vec::new(), violations });
    };
    let has_data = raw.is_some();
    let drops_rows = rest.iter().any(|(key, node)| key == "missing" && *node == Node::Text("drop_rows".to_owned()));
    let columns = raw.and_then(|raw| raw.into_columns(limits, drops_rows, &mut violations));
    let (columns, missing) = columns.map_or((None, Vec::new()), |found| (Some(found.columns), found.missing));
    let data = columns.and_then(|columns| {
        Dataset::of_columns(columns)
            .map_err(|error| violations.push(Violation::new("/data", "invalid_value", error.to_string())))
            .ok()
    });
    let data = data.filter(|_| !violations.iter().any(|fault| fault.pointer.starts_with("/data/")));
    violations.truncate(VIOLATIONS_MAX);
    Ok(Posted { data, has_data, missing, rest, violations })
}

struct Document {
    raw: Option<Raw>,
    rest: Vec<(String, Node)>,
}

struct DocumentSeed<'t> {
    trail: &'t Trail,
    limits: DataLimits,
}

impl<'de> DeserializeSeed<'de> for DocumentSeed<'_> {
    /// Nothing if the document is not an object.
    type Value = Option<Document>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for DocumentSeed<'_> {
    type Value = Option<Document>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_str<E>(self, _: &str) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_seq<A: serde::de::SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        while seq.next_element_seed(NodeSeed(self.trail))?.is_some() {}
        Ok(None)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut document = Document { raw: None, rest: Vec::new() };
        let mut seen = std::collections::HashSet::new();
        while let Some(key) = map.next_key::<String>()? {
            self.trail.enter(&key);
            if key == "data" && document.raw.is_none() {
                document.raw = Some(map.next_value_seed(DataSeed { trail: self.trail, limits: self.limits })?);
            } else if key == "data" {
                map.next_value::<Skip>()?;
                self.trail.report("duplicate_field", "the key appears twice in one object");
            } else {
                let node = map.next_value_seed(NodeSeed(self.trail))?;
                if seen.insert(key.clone()) {
                    document.rest.push((key, node));
                } else {
                    self.trail.report("duplicate_field", "the key appears twice in one object");
                }
            }
            self.trail.leave();
        }
        Ok(Some(document))
    }
}
