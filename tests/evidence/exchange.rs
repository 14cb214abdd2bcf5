//! An exchange in memory: files, a configuration, a state, and passes over them.

use std::path::{Path, PathBuf};

use couplet::config::{self, Config};
use couplet::disk::Disk;
use couplet::state::Store;
use couplet::sync::pass::reconcile_with;
use couplet::sync::{Clock, Effects, Outcome, PassError, Request};

use crate::database::Database;
use crate::memory::MemoryDisk;

/// Where its files are.
pub const ROOT: &str = "/exchange";

/// A clock that stands still.
pub struct StillClock;

impl Clock for StillClock {
    fn now(&self) -> jiff::Zoned {
        jiff::civil::date(2026, 11, 23)
            .at(9, 30, 0, 0)
            .to_zoned(jiff::tz::TimeZone::UTC)
            .expect("a time")
    }
}

/// The exchange.
pub struct Exchange {
    /// Its files.
    pub disk: MemoryDisk,
    /// Its configuration.
    pub config: Config,
    /// The database of its state.
    pub database: Database,
    /// Its state.
    pub store: Store,
}

/// The path of a file of an exchange.
pub fn path(name: &str) -> PathBuf {
    Path::new(ROOT).join(name)
}

/// Reads a configuration of an exchange.
pub fn parse(config: &str) -> Config {
    config::parse(config, &path("config.toml"))
        .unwrap_or_else(|errors| panic!("{errors:#?}\n{config}"))
}

impl Exchange {
    /// An exchange without files and state.
    pub fn new(config: &str) -> Exchange {
        Exchange::resumed(config, MemoryDisk::new(), Database::new())
    }

    /// An exchange that goes on with these files and this state.
    pub fn resumed(config: &str, disk: MemoryDisk, database: Database) -> Exchange {
        let config = parse(config);
        disk.create_folder(&config.state.join("base"))
            .expect("a folder");
        let store = database.store(&config.state, || false);
        Exchange {
            disk,
            config,
            database,
            store,
        }
    }

    /// Another program writes a file.
    pub fn put(&self, name: &str, bytes: impl Into<Vec<u8>>) {
        self.disk.put(&path(name), bytes);
    }

    /// The text of a file.
    pub fn text(&self, name: &str) -> Option<String> {
        let bytes = self.disk.bytes(&path(name))?;
        Some(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// Makes a pass.
    pub fn pass(&mut self) -> Result<Outcome, PassError> {
        self.ask(&Request::default())
    }

    /// Makes a pass that is asked for something.
    pub fn ask(&mut self, request: &Request) -> Result<Outcome, PassError> {
        let effects = Effects {
            disk: &self.disk,
            clock: &StillClock,
            stage: &|_| {},
        };
        reconcile_with(&self.config, &effects, request, &mut self.store)
    }
}
