//! A side: the place of one record in its party.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::kind::Kind;
use super::table::Table;

/// The contact, or the counterpart of one kind; in the order in which sides are listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Side {
    /// The hub.
    Contact,
    /// The party's counterpart of this kind.
    Counterpart(Kind),
}

impl Side {
    /// Where its record stands.
    pub fn table(self) -> Table {
        match self {
            Side::Contact => Table::Contacts,
            Side::Counterpart(kind) => Table::Counterparts(kind),
        }
    }

    /// Its word in sentences and on the command line.
    pub fn noun(self) -> &'static str {
        self.table().noun()
    }

    /// The side of this word.
    pub fn named(noun: &str) -> Option<Side> {
        match Table::named(noun)? {
            Table::Contacts => Some(Side::Contact),
            Table::Counterparts(kind) => Some(Side::Counterpart(kind)),
            Table::Relations | Table::Templates(_) | Table::Lookup(_) => None,
        }
    }
}

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.noun())
    }
}

impl Serialize for Side {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.noun())
    }
}

impl<'de> Deserialize<'de> for Side {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Side, D::Error> {
        let noun = String::deserialize(deserializer)?;
        Side::named(&noun).ok_or_else(|| serde::de::Error::custom(format!("unknown side {noun:?}")))
    }
}
