//! What is logged of a plan: one interaction per contact whose party it changes.

use std::collections::{BTreeMap, BTreeSet};

use crate::config::Config;
use crate::merge::interaction::shortened;
use crate::sync::observe::{Seen, plain};
use crate::sync::spread::{in_parts, joined};

use crate::exports::{Export, Reader, key_print};
use crate::merge::Rule;
use crate::merge::plan::{Change, Creation, Plan, Recoupling, Uncoupling};
use crate::model::{Form, InteractionLogEntry, Row, Table, form};
use crate::state::memory::Memory;
use crate::state::{StateError, Store};

use super::world::World;

/// Entries for fewer contacts than this are not worth a thread.
const WORTH_A_THREAD: usize = 1_024;

/// What happened to one party.
#[derive(Default)]
struct Events<'p> {
    changes: Vec<&'p Change>,
    creations: Vec<&'p Creation>,
    couplings: Vec<&'p Recoupling>,
    uncouplings: Vec<&'p Uncoupling>,
}

/// One interaction per contact whose party the pass changes; the status alone is none, and stamps add nothing to it.
pub(in crate::sync) fn of_plan(
    world: &World<'_>,
    plan: &Plan,
) -> Result<Vec<InteractionLogEntry>, StateError> {
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
    let by_contact: Vec<(&str, Events<'_>)> = by_contact.into_iter().collect();
    let drafts = in_parts(&by_contact, WORTH_A_THREAD, |part| {
        let mut reader = ContactReader::new(world);
        let drafts = part
            .iter()
            .map(|(contact, events)| draft(world, contact, events, &mut reader));
        drafts.collect::<Result<Vec<_>, StateError>>()
    });
    let drafts: Vec<Vec<InteractionLogEntry>> = drafts.into_iter().collect::<Result<_, _>>()?;
    Ok(joined(drafts))
}

/// What is logged of one contact.
fn draft(
    world: &World<'_>,
    contact: &str,
    events: &Events<'_>,
    reader: &mut ContactReader<'_>,
) -> Result<InteractionLogEntry, StateError> {
    let Events {
        changes,
        creations,
        couplings,
        uncouplings,
    } = events;
    let mut fields: Vec<&str> = Vec::new();
    let mut records: Vec<String> = Vec::new();
    let mut origins: BTreeSet<String> = BTreeSet::new();
    for change in changes {
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
    for creation in creations {
        let noun = Table::named(&creation.table).map_or("record", Table::noun);
        // A fresh state reads the numbers from here: where there are several, they go before the reasons.
        sentences.push(match creations.len() {
            1 => format!("{noun} {} created: {}", creation.no, creation.reason),
            _ => format!("{noun} {} created", creation.no),
        });
    }
    for coupling in couplings {
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
    for uncoupling in uncouplings {
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
    let row = match birth {
        Some(birth) => Some(birth.row.clone()),
        None => reader.row(key)?,
    };
    let cell = |name: &str| {
        let column = Table::Contacts.column(name)?;
        row.as_ref()?.get(column).map(str::to_owned)
    };
    Ok(InteractionLogEntry {
        contact_no: contact.to_owned(),
        contact_company_no: cell("Company No.").unwrap_or_default(),
        salesperson: cell("Salesperson Code").unwrap_or_default(),
        description: shortened(&description, 100),
        subject,
        cost: "0".to_owned(),
        duration: "0".to_owned(),
        ..InteractionLogEntry::default()
    })
}

/// Interactions keep their meaning when their contact is another's or gone (`business-central.md` §7.1, §11.1): those of a person
/// who left a company become the company's, those of a person who is gone too, and those of a company that is gone name nobody. A
/// contact that comes back regains what its disappearance took. `left`: persons, and the company that each left.
pub(in crate::sync) fn moved(
    world: &World<'_>,
    store: &Store,
    left: &[(String, String)],
    memory: &Memory<'_>,
) -> Result<Vec<InteractionLogEntry>, StateError> {
    let contacts = Table::Contacts.name();
    let mut entries = Vec::new();
    let mut hand_over = |from: &str, to: &str, company: Option<&str>| -> Result<(), StateError> {
        store.current_interactions(Some(from), &mut |entry| {
            let number = entry.known_as();
            // Somebody may have cancelled or changed it in this very pass, or given it to another contact.
            let mut amended = world.arranged.interactions.iter();
            let amended = amended.rfind(|amended| amended.changes_entry_no == number);
            let mut entry = amended.cloned().unwrap_or(entry);
            if entry.contact_no != from {
                return;
            }
            entry.changes_entry_no = number;
            to.clone_into(&mut entry.contact_no);
            match company {
                Some(company) => company.clone_into(&mut entry.contact_company_no),
                // A company is its own.
                None if entry.contact_company_no == from => {
                    to.clone_into(&mut entry.contact_company_no);
                }
                None => {}
            }
            entries.push(entry);
        })
    };
    for (person, company) in left {
        hand_over(person, company, None)?;
    }
    for gone in memory.gone.iter().filter(|row| row.table == contacts) {
        let seen = world.tables[Table::Contacts.index()].as_ref();
        let row = match seen {
            Some(seen) => seen.base(world.key(&gone.no))?,
            None => None,
        };
        let cell = |name: &str| {
            let column = Table::Contacts.column(name)?;
            row.as_ref()?.get(column).map(str::trim)
        };
        let company = cell("Company No.").unwrap_or_default();
        let is_person =
            cell("Type").and_then(|text| form::caption(Form::ContactType, text)) == Some("Person");
        let mut all_gone = memory.gone.iter();
        let goes_too = all_gone.any(|row| row.table == contacts && row.no == company);
        match is_person && company != gone.no && !goes_too {
            true => hand_over(&gone.no, company, None)?,
            false => hand_over(&gone.no, "", Some(""))?,
        }
    }
    for renamed in memory.renamed.iter().filter(|row| row.table == contacts) {
        hand_over(&renamed.from, &renamed.to, None)?;
    }
    for back in memory.returned.iter().filter(|row| row.table == contacts) {
        for (now, before) in store.interactions_left_by(&back.no)? {
            entries.push(InteractionLogEntry {
                changes_entry_no: now.known_as(),
                contact_no: before.contact_no,
                contact_company_no: before.contact_company_no,
                ..now
            });
        }
    }
    Ok(entries)
}

/// What the pass itself says gets its template, its user and its number; what it only passes on has a user already.
pub(in crate::sync) fn sign(config: &Config, pass: u64, entries: &mut [InteractionLogEntry]) {
    for entry in entries.iter_mut().filter(|entry| entry.user_id.is_empty()) {
        entry
            .interaction_template
            .clone_from(&config.interactions.template);
        entry.user_id.clone_from(&config.interactions.user);
        entry.document_no = format!("PASS{pass:06}");
    }
}

/// Reads contacts as the pass found them.
struct ContactReader<'w> {
    seen: Option<&'w Seen<'w>>,
    reader: Option<Reader<'w>>,
}

impl<'w> ContactReader<'w> {
    fn new(world: &World<'w>) -> ContactReader<'w> {
        let seen = world.tables[Table::Contacts.index()].as_ref();
        let export = seen.and_then(|seen| seen.export.as_ref());
        ContactReader {
            seen,
            reader: export.map(Export::reader),
        }
    }

    /// What a contact shows, or showed last.
    fn row(&mut self, key: u64) -> Result<Option<Row>, StateError> {
        let Some(seen) = self.seen else {
            return Ok(None);
        };
        if let (Some(reader), Some(at)) = (&mut self.reader, seen.position(key)) {
            let mut row = Row::unknown(Table::Contacts);
            let read = reader
                .read(at)
                .and_then(|view| view.fill(&mut row, &mut Vec::new()));
            if read.is_ok() {
                return Ok(Some(row));
            }
        }
        seen.base(key)
    }
}
