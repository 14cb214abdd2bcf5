//! Manifests: files that say which files belong together, and what each must hold to be complete.

use serde::{Deserialize, Serialize};

use crate::config::Contents;
use crate::config::exchange::is_plain;

/// How the names of manifests end.
pub const ENDING: &str = "manifest.json";

/// A set of files.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// Its files.
    pub files: Vec<Named>,
}

/// A file that a manifest names. What it says under a key that is not known here would be held by nobody.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Named {
    /// Its name in the manifest's folder.
    pub name: String,
    /// Bytes that it must have.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<u64>,
    /// Records that it must hold.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub records: Option<u64>,
    /// Which of several files it is: a higher number is newer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sequence: Option<u64>,
    /// `full` or `delta`, where it is other than its table's files are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contents: Option<String>,
}

impl Manifest {
    /// Reads a manifest.
    ///
    /// # Errors
    /// What is wrong with it, as a sentence.
    pub fn parse(bytes: &[u8]) -> Result<Manifest, String> {
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        let manifest: Manifest =
            serde_json::from_slice(bytes).map_err(|error| format!("it is no manifest: {error}"))?;
        for named in &manifest.files {
            if !is_plain(&named.name) {
                return Err(
                    "it names a file with a folder in its name; only plain names are read"
                        .to_owned(),
                );
            }
            if named.contents.is_some() && named.contents().is_none() {
                return Err(format!(
                    "`contents` of {} is neither full nor delta",
                    named.name
                ));
            }
        }
        Ok(manifest)
    }

    /// What it says of a file.
    pub fn of(&self, name: &str) -> Option<&Named> {
        self.files.iter().find(|named| named.name == name)
    }
}

impl Named {
    /// Which records it lists; `None` where nothing is said.
    pub fn contents(&self) -> Option<Contents> {
        match self.contents.as_deref() {
            Some("full") => Some(Contents::Full),
            Some("delta") => Some(Contents::Delta),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manifest_names_plain_files_only() {
        let parse = |name: &str| {
            Manifest::parse(format!("{{\"files\":[{{\"name\":{name:?}}}]}}").as_bytes())
        };
        assert!(parse("contacts.csv").is_ok());
        for name in ["../contacts.csv", "/etc/passwd", "a\\b.csv", ""] {
            assert!(parse(name).is_err(), "{name}");
        }
        assert!(Manifest::parse(b"{\"files\":[{\"name\":\"c\",\"contents\":\"half\"}]}").is_err());
        assert!(Manifest::parse(b"not json").is_err());
        let misspelt = Manifest::parse(b"{\"files\":[{\"name\":\"c\",\"sise\":1}]}");
        assert!(misspelt.is_err_and(|reason| {
            reason.contains("unknown field `sise`, expected one of `name`, `size`")
        }));
    }
}
