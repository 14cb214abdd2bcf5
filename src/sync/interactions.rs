//! What is logged of a plan: one interaction per contact whose party it changes.

use std::collections::{BTreeMap, BTreeSet};

use crate::exports::key_print;
use crate::merge::Rule;
use crate::merge::plan::{Change, Creation, InteractionDraft, Plan, Recoupling, Uncoupling};
use crate::model::{Row, Table};
use crate::state::StateError;

use super::observe::{Seen, plain};
use super::world::World;

/// What happened to one party.
#[derive(Default)]
struct Events<'p> {
    changes: Vec<&'p Change>,
    creations: Vec<&'p Creation>,
    couplings: Vec<&'p Recoupling>,
    uncouplings: Vec<&'p Uncoupling>,
}

/// One interaction per contact whose party the pass changes; the status alone is none, and stamps add nothing to it.
pub(super) fn interactions(
    world: &World<'_>,
    plan: &Plan,
) -> Result<Vec<InteractionDraft>, StateError> {
    let mut by_contact: BTreeMap<&str, Events<'_>> = BTreeMap::new();
    for change in plan
        .changes
        .iter()
        .filter(|change| !matches!(change.rule, Rule::Status | Rule::Stamped))
    {
        let events = by_contact.entry(&change.contact).or_default();
        events.changes.push(change);
    }
    for creation in &plan.creations {
        let events = by_contact.entry(&creation.contact).or_default();
        events.creations.push(creation);
    }
    for coupling in &plan.couplings {
        let events = by_contact.entry(&coupling.contact).or_default();
        events.couplings.push(coupling);
    }
    for uncoupling in &plan.uncouplings {
        let events = by_contact.entry(&uncoupling.contact).or_default();
        events.uncouplings.push(uncoupling);
    }
    let seen = world.tables[Table::Contacts.index()].as_ref();
    let mut drafts = Vec::new();
    for (contact, events) in by_contact {
        let Events {
            changes,
            creations,
            couplings,
            uncouplings,
        } = events;
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
        let mut sentences: Vec<String> = Vec::new();
        for creation in &creations {
            let noun = Table::named(&creation.table).map_or("record", Table::noun);
            // A fresh state reads the numbers from here: where there are several, they go before the reasons.
            sentences.push(match creations.len() {
                1 => format!("{noun} {} created: {}", creation.no, creation.reason),
                _ => format!("{noun} {} created", creation.no),
            });
        }
        for coupling in &couplings {
            let noun = Table::named(&coupling.table).map_or("relation", Table::noun);
            sentences.push(format!("coupled with {noun} {}", coupling.no));
        }
        match fields.as_slice() {
            [] => {}
            [one] => sentences.push(format!("{one} updated on {}", records.join(", "))),
            several => sentences.push(format!(
                "{} fields updated on {}",
                several.len(),
                records.join(", ")
            )),
        }
        for uncoupling in &uncouplings {
            let noun = Table::named(&uncoupling.table).map_or("relation", Table::noun);
            sentences.push(format!("no longer coupled with {noun} {}", uncoupling.no));
        }
        let description = sentences.join("; ");
        let mut subject = fields.join(", ");
        if !origins.is_empty() {
            let origins: Vec<String> = origins.into_iter().collect();
            subject.push_str(&format!(" (from {})", origins.join(", ")));
        }
        let key = plain(key_print(&[contact], world.seed));
        let birth = world.arranged.birth(Table::Contacts, key);
        let row = match seen {
            _ if birth.is_some() => birth.map(|birth| birth.row.clone()),
            Some(seen) => contact_row(seen, key)?,
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
