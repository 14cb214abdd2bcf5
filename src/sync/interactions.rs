//! What is logged of a plan: one interaction per contact whose party it changes.

use std::collections::{BTreeMap, BTreeSet};

use crate::exports::key_print;
use crate::merge::Rule;
use crate::merge::plan::{Change, InteractionDraft, Plan, Uncoupling};
use crate::model::{Row, Table};
use crate::state::StateError;

use super::decide::World;
use super::observe::{Seen, plain};

/// One interaction per contact whose party the pass changes; the status alone is none, and stamps add nothing to it.
pub(super) fn interactions(
    world: &World<'_>,
    plan: &Plan,
) -> Result<Vec<InteractionDraft>, StateError> {
    let mut by_contact: BTreeMap<&str, (Vec<&Change>, Vec<&Uncoupling>)> = BTreeMap::new();
    for change in plan
        .changes
        .iter()
        .filter(|change| !matches!(change.rule, Rule::Status | Rule::Stamped))
    {
        by_contact
            .entry(&change.contact)
            .or_default()
            .0
            .push(change);
    }
    for uncoupling in &plan.uncouplings {
        by_contact
            .entry(&uncoupling.contact)
            .or_default()
            .1
            .push(uncoupling);
    }
    let seen = world.tables[Table::Contacts.index()].as_ref();
    let mut drafts = Vec::new();
    for (contact, (changes, uncouplings)) in by_contact {
        let mut fields: Vec<&str> = Vec::new();
        let mut records: Vec<String> = Vec::new();
        let mut origins: BTreeSet<String> = BTreeSet::new();
        for change in &changes {
            if !fields.contains(&change.column.as_str()) {
                fields.push(&change.column);
            }
            let record = format!(
                "{} {}",
                Table::named(&change.table).map_or("record", Table::noun),
                change.no
            );
            if !records.contains(&record) {
                records.push(record);
            }
            match change.rule {
                Rule::Decided => origins.insert("a decision on a conflict".to_owned()),
                _ => {
                    origins.extend(
                        change
                            .because
                            .iter()
                            .map(|origin| format!("{} {}", origin.side, origin.no)),
                    );
                    true
                }
            };
        }
        let mut description = match fields.as_slice() {
            [] => String::new(),
            [one] => format!("{one} updated on {}", records.join(", ")),
            several => format!("{} fields updated on {}", several.len(), records.join(", ")),
        };
        for uncoupling in &uncouplings {
            let joint = if description.is_empty() { "" } else { "; " };
            let noun = Table::named(&uncoupling.table).map_or("relation", Table::noun);
            description.push_str(&format!(
                "{joint}no longer coupled with {noun} {}",
                uncoupling.no
            ));
        }
        let mut subject = fields.join(", ");
        if !origins.is_empty() {
            let origins: Vec<String> = origins.into_iter().collect();
            subject.push_str(&format!(" (from {})", origins.join(", ")));
        }
        let row = match seen {
            Some(seen) => contact_row(seen, plain(key_print(&[contact], world.seed)))?,
            None => None,
        };
        let cell = |name: &str| {
            let column = Table::Contacts.column(name)?;
            row.as_ref()?.get(column).map(str::to_owned)
        };
        drafts.push(InteractionDraft {
            contact: contact.to_owned(),
            company: cell("Company No.").unwrap_or_default(),
            salesperson: cell("Salesperson Code").unwrap_or_default(),
            description: shortened(&description, 100),
            subject,
        });
    }
    Ok(drafts)
}

/// At most this many characters, with a mark where something was left out.
fn shortened(text: &str, length: usize) -> String {
    match text.chars().count() <= length {
        true => text.to_owned(),
        false => text.chars().take(length - 3).chain("...".chars()).collect(),
    }
}

fn contact_row(seen: &Seen<'_>, key: u64) -> Result<Option<Row>, StateError> {
    if let (Some(export), Some(at)) = (&seen.export, seen.position(key))
        && let Ok(record) = export.record(at)
    {
        return Ok(Some(record.row().clone()));
    }
    seen.base(key)
}
