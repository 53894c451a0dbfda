//! Identities: each a type of its own, so that a dataset's id is never taken for a fit's.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// A fit's id: a UUIDv7, so ids sort by the time of creation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct FitId(Uuid);

/// A dataset's id: a UUIDv7.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct DatasetId(Uuid);

/// Who owns a fit. Everyone is [`Tenant::default`] while the service runs without keys.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Tenant(String);

macro_rules! uuid_id {
    ($name:ident) => {
        impl $name {
            /// A new id, larger than those made before it by this process.
            pub(crate) fn new() -> Self {
                Self(Uuid::now_v7())
            }

            /// The sixteen bytes, in the order in which they sort.
            pub(crate) fn as_bytes(&self) -> &[u8; 16] {
                self.0.as_bytes()
            }

            /// The id with these bytes.
            pub(crate) fn from_bytes(bytes: [u8; 16]) -> Self {
                Self(Uuid::from_bytes(bytes))
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.0.as_hyphenated().fmt(f)
            }
        }
    };
}

uuid_id!(FitId);
uuid_id!(DatasetId);

impl FitId {
    /// The id that `text` spells, or nothing: a malformed id names nothing that exists.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        Uuid::try_parse(text).ok().map(Self)
    }
}

impl Tenant {
    /// The tenant's name as the store keeps it.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// The tenant of this name.
    pub(crate) fn named(name: &str) -> Self {
        Self(name.to_owned())
    }
}

impl Default for Tenant {
    fn default() -> Self {
        Self("default".to_owned())
    }
}
