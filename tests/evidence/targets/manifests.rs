//! Any bytes as a manifest or a marker beside dropped files.

use std::collections::BTreeSet;

use couplet::exchange::{AsItStands, round};
use couplet::sync::{Effects, Request};
use serde_json::Value;

use crate::database::Database;
use crate::exchange::{StillClock, parse, path};
use crate::memory::MemoryDisk;

use couplet::disk::Disk;

const CONFIG: &str = r#"
state = "state"

[setup]
bus_rel_code_for_customers = "CUST"

[tables.contacts]
export = "in/contacts_*.csv"
write_back = "out"
drop = true
sequence = 'contacts_(\d+)'
ready = "manifest"

[tables.customers]
export = "in/customers_*.csv"
write_back = "out"
drop = true
sequence = 'customers_(\d+)'
ready = "marker"
marker = "{name}.done"

[tables.relations]
owned = true
"#;

const CONTACTS: [(&str, &str); 2] = [
    ("contacts_1.csv", "No.,Name\nC1,Acme\nC2,Bolt\n"),
    ("contacts_2.csv", "No.,Name\nC1,Acme Ltd.\nC2,Bolt\n"),
];

/// Bytes as a manifest; the last of them as a name of a marker.
pub fn any_bytes(bytes: &[u8]) -> bool {
    let config = parse(CONFIG);
    let disk = MemoryDisk::new();
    for (name, text) in CONTACTS {
        disk.put(&path("in").join(name), text);
    }
    disk.put(&path("in/customers_1.csv"), "No.,Name\nK1,Acme\n");
    disk.put(&path("in/set.manifest.json"), bytes);
    let marker = String::from_utf8_lossy(&bytes[bytes.len().saturating_sub(18)..]);
    let is_marker =
        !marker.is_empty() && !marker.contains(['/', '\\', '\0']) && !marker.starts_with('.');
    if is_marker && !disk.exists(&path("in").join(&*marker)) {
        disk.put(&path("in").join(&*marker), "");
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
    for _ in 0..3 {
        round(
            &config,
            &effects,
            &mut store,
            Request::default(),
            &AsItStands,
        )
        .expect("bad data is no error");
    }
    let taken = |name: &str| !disk.exists(&path("in").join(name));
    let complete = complete_by(bytes);
    for (name, _) in CONTACTS {
        assert!(
            !taken(name) || complete.contains(name),
            "{name} was taken, and no manifest says that it is complete"
        );
    }
    assert!(
        !taken("customers_1.csv")
            || marker == "customers_1.csv.done"
            || complete.contains("customers_1.csv"),
        "taken without its marker"
    );
    !complete.is_empty()
}

/// The files that are complete by a manifest, as `serde_json` reads it: every file that it names stands there in its size.
fn complete_by(bytes: &[u8]) -> BTreeSet<String> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let Ok(manifest) = serde_json::from_slice::<Value>(bytes) else {
        return BTreeSet::new();
    };
    // A list in the place of an object is one of its members in their order, as serde takes it.
    let files = manifest
        .get("files")
        .or(manifest.get(0))
        .and_then(Value::as_array)
        .cloned()
        .unwrap_or_default();
    let part = |file: &Value, name: &str, at: usize| file.get(name).or(file.get(at)).cloned();
    let names: Vec<String> = files
        .iter()
        .filter_map(|file| part(file, "name", 0)?.as_str().map(str::to_owned))
        .collect();
    let sizes = [
        ("contacts_1.csv", CONTACTS[0].1.len()),
        ("contacts_2.csv", CONTACTS[1].1.len()),
        ("customers_1.csv", 17),
    ];
    let stands = |file: &Value| {
        let name = part(file, "name", 0);
        let size = sizes
            .iter()
            .find(|(known, _)| name.as_ref().and_then(Value::as_str) == Some(*known))
            .map(|(_, size)| *size as u64);
        let asked = part(file, "size", 1).and_then(|size| size.as_u64());
        // Other files may be those that stand there anyway: the manifest itself, and the marker.
        size.is_none() || asked.is_none() || asked == size
    };
    match files.iter().all(stands) {
        true => names.into_iter().collect(),
        false => BTreeSet::new(),
    }
}
