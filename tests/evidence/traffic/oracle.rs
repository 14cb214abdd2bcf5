//! What must be so when nothing moves any more: every edit is found again, and every drop was answered.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use crate::run::Tally;

use super::Office;
use super::systems::FIELDS;

/// What the program says about an exchange.
fn couplet(folder: &Path, arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_couplet"))
        .arg("--config")
        .arg(folder.join("config.toml"))
        .args(arguments)
        .output()
        .expect("ran");
    String::from_utf8(output.stdout).expect("text")
}

/// Looks for everything that must be so.
pub fn judge(office: &Office, tally: &mut Tally) -> Result<(), String> {
    let folder = office.folder.path();
    let open = couplet(folder, &["conflicts", "list", "--format", "json"]);
    tokens_are_found(office, &open, tally)?;
    sides_agree(office, &open)?;
    drops_are_answered(office)
}

/// Every value that somebody typed is in a file, in a conflict, or in the log; or whoever replaced it had seen it; or its system
/// itself had handed in a newer export before anybody read it.
fn tokens_are_found(office: &Office, open: &str, tally: &mut Tally) -> Result<(), String> {
    let folder = office.folder.path();
    let settled = couplet(
        folder,
        &["conflicts", "list", "--settled", "--format", "json"],
    );
    let log = fs::read_to_string(folder.join("interactions.csv")).unwrap_or_default();
    let systems = [&office.crm, &office.erp];
    let values = systems.iter().flat_map(|system| system.records.values());
    let in_files: BTreeSet<&String> = values.flatten().collect();
    for token in &office.tokens {
        let is_in_words = || {
            [open, &settled, &log]
                .iter()
                .any(|text| text.contains(token.as_str()))
        };
        let is_typed_over = || {
            systems
                .iter()
                .any(|system| system.typed_over.contains(token))
        };
        let is_explained = || {
            let no = systems
                .iter()
                .find_map(|system| system.token_of.get(token))
                .expect("typed");
            let records = [
                ("contact", format!("C{}", &no[1..])),
                ("customer", format!("D{}", &no[1..])),
            ];
            records
                .iter()
                .any(|(kind, no)| couplet(folder, &["explain", kind, no]).contains(token.as_str()))
        };
        let found = if in_files.contains(token) {
            "edits found in files"
        } else if is_in_words() {
            "edits found in conflicts or in the log"
        } else if is_typed_over() {
            "edits that a person typed over"
        } else if is_explained() {
            "edits found in explanations"
        } else if office.crm.is_only_in_renewed_exports(token) {
            "edits in exports that were renewed before anybody read them"
        } else {
            return Err(format!("{token} is lost"));
        };
        tally.count(found, 1);
    }
    Ok(())
}

/// Both systems show the same, or somebody is asked.
fn sides_agree(office: &Office, open: &str) -> Result<(), String> {
    for ((contact, left), (customer, right)) in office.crm.records.iter().zip(&office.erp.records) {
        for (field, (left, right)) in FIELDS.iter().zip(left.iter().zip(right)) {
            let is_asked = || open.contains(left.as_str()) && open.contains(right.as_str());
            if left != right && !is_asked() {
                return Err(format!(
                    "{field} of {contact} is {left:?} and of {customer} {right:?}, and nobody is asked"
                ));
            }
        }
    }
    Ok(())
}

/// Every drop has an answer that counts each of its rows once, and none lies where it is worked on.
fn drops_are_answered(office: &Office) -> Result<(), String> {
    for system in [&office.crm, &office.erp] {
        for name in &system.dropped {
            let Some(answer) = system.answer(name) else {
                return Err(format!("{name} was never answered"));
            };
            let classes = answer["classes"]
                .as_object()
                .ok_or("an answer without classes")?;
            let sum: u64 = classes.values().filter_map(serde_json::Value::as_u64).sum();
            if answer["rows"].as_u64() != Some(sum) {
                return Err(format!("{name} does not count its rows once: {answer:#}"));
            }
        }
        let working = fs::read_dir(system.folder.join("work"))
            .into_iter()
            .flatten()
            .flatten();
        if let Some(left) = working.map(|entry| entry.path()).next() {
            return Err(format!("{} is left behind", left.display()));
        }
    }
    Ok(())
}
