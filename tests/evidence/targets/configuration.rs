//! Any text as a configuration: refused with places in it, or one with which a pass can be made.

use std::path::Path;

use couplet::config;
use couplet::model::Table;

use crate::database::Database;
use crate::exchange::{ROOT, StillClock};
use crate::memory::MemoryDisk;

use couplet::disk::Disk;
use couplet::sync::pass::reconcile_with;
use couplet::sync::{Effects, Request};

/// Text as a configuration.
pub fn any_text(bytes: &[u8]) -> bool {
    let text = String::from_utf8_lossy(bytes);
    let config = match config::parse(&text, &Path::new(ROOT).join("config.toml")) {
        Ok(config) => config,
        Err(errors) => {
            assert!(!errors.is_empty(), "a refusal says why");
            return false;
        }
    };
    for table in Table::all() {
        config.limits(table);
    }
    let disk = MemoryDisk::new();
    let file = "No.,Name,City\nC1,Acme,Rome\nC2,Bolt,Oslo\n";
    for (name, table) in config.exports() {
        table.settings_print(name);
        disk.put(&table.export_path(), file);
    }
    disk.create_folder(&config.state.join("base"))
        .expect("a folder in memory");
    let database = Database::new();
    let mut store = database.store(&config.state, || false);
    let effects = Effects {
        disk: &disk,
        clock: &StillClock,
        stage: &|_| {},
    };
    // Whatever it says, a pass ends; what of it cannot be used is an error with words.
    if let Err(error) = reconcile_with(&config, &effects, &Request::default(), &mut store) {
        assert!(!error.to_string().is_empty());
    }
    true
}
