//! What can go wrong with the state.

use std::io;
use std::path::PathBuf;

/// Why the state cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// The database refused.
    #[error("cannot use the state's database")]
    Database(#[from] rusqlite::Error),
    /// A file of the state cannot be read or written.
    #[error("cannot use {}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A base file is damaged.
    #[error("{} is damaged: {what}; move the state folder away and reconcile: everything meets anew, and nothing is lost", path.display())]
    Damaged {
        /// Which.
        path: PathBuf,
        /// How.
        what: &'static str,
    },
    /// A newer program wrote it.
    #[error("the state in {} has version {found}, and this program knows version {known}: use the newer couplet that wrote it", path.display())]
    Newer {
        /// The folder.
        path: PathBuf,
        /// Its version.
        found: u32,
        /// Ours.
        known: u32,
    },
    /// Another instance works with it.
    #[error("another couplet is at work with {} ({holder})", path.display())]
    Locked {
        /// The folder.
        path: PathBuf,
        /// Who, as far as it said.
        holder: String,
    },
    /// Another user's state.
    #[error("the state in {} belongs to {owner}: run couplet as that user", path.display())]
    NotOurs {
        /// The folder.
        path: PathBuf,
        /// Whose it is.
        owner: String,
    },
    /// A record of the state cannot be understood.
    #[error("cannot understand what the state keeps")]
    Content(#[from] serde_json::Error),
}

impl StateError {
    /// Makes an I/O error of a path.
    pub fn file(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> StateError {
        let path = path.into();
        move |source| StateError::File { path, source }
    }
}
