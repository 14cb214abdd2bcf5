//! Company contacts that may be the same company, among all that the exports show (`business-central.md` §12).

use std::collections::{BTreeMap, BTreeSet};

use crate::config::{Config, SearchFor};
use crate::merge::duplicates::{Duplicate, SearchStrings, duplicates};
use crate::model::{Form, Row, Table, form};
use crate::state::Store;

use super::decide::{Decided, number};

use super::decide::world::World;
use super::observe::Seen;
use super::observe::intake::Intake;
use super::pass::{Effects, PassError, look};

/// The duplicates of contacts that the pass creates, and of those that changed where that is configured. Reads all contacts
/// then; a pass that has neither reads none.
pub(super) fn of_pass(world: &World<'_>, decided: &Decided) -> Vec<Duplicate> {
    let setup = &world.config.setup;
    let Some(seen) = world.tables[Table::Contacts.index()].as_ref() else {
        return Vec::new();
    };
    let births = world.arranged.births.iter();
    let births: Vec<_> = births
        .filter(|birth| birth.table == Table::Contacts)
        .collect();
    let mut of: BTreeSet<String> = births.iter().map(|birth| birth.no.clone()).collect();
    match setup.autosearch_for_duplicates {
        SearchFor::Nothing => return Vec::new(),
        SearchFor::Created => {}
        SearchFor::Changed if seen.memory.is_some() => of.extend(changed(seen)),
        SearchFor::Changed => {}
    }
    if of.is_empty() {
        return Vec::new();
    }
    let mut contacts = companies(seen);
    for birth in births {
        let row = decided.newborn.get(&(Table::Contacts, birth.no.clone()));
        let row = row.unwrap_or(&birth.row);
        contacts.extend(strings(row).map(|strings| (birth.no.clone(), strings)));
    }
    duplicates(&contacts, Some(&of), setup.search_hit)
}

/// All duplicates that the exports show. Writes nothing.
///
/// # Errors
/// Those of the state.
pub fn all(config: &Config, effects: &Effects<'_>, hit: u8) -> Result<Vec<Duplicate>, PassError> {
    let store = match Store::look(&config.state)? {
        Some(store) => store,
        None => Store::in_memory(&config.state)?,
    };
    let seen = look(config, effects, &store, &Intake::default())?;
    let contacts = seen.tables[Table::Contacts.index()].as_ref();
    let contacts = contacts.map(companies).unwrap_or_default();
    Ok(duplicates(&contacts, None, hit))
}

fn changed(seen: &Seen<'_>) -> Vec<String> {
    let Some(export) = &seen.export else {
        return Vec::new();
    };
    let touched = seen.diff.touched.iter().filter_map(|at| {
        let record = export.record(*at as usize).ok()?;
        record.value(0).map(number)
    });
    touched.collect()
}

pub(super) fn companies(seen: &Seen<'_>) -> BTreeMap<String, SearchStrings> {
    let Some(export) = &seen.export else {
        return BTreeMap::new();
    };
    let records = (0..export.records.len()).filter_map(|at| export.record(at).ok());
    let companies = records.filter_map(|record| {
        let no = number(record.value(0)?);
        Some((no, strings(record.row())?))
    });
    companies.collect()
}

/// The search strings of a company contact; persons have none.
fn strings(row: &Row) -> Option<SearchStrings> {
    let cell = |name: &str| {
        let column = Table::Contacts.column(name);
        column
            .and_then(|column| row.get(column))
            .unwrap_or_default()
    };
    let is_person = form::caption(Form::ContactType, cell("Type")) == Some("Person");
    (!is_person).then(|| search_strings(Table::Contacts, row))
}

/// The search strings of any record.
pub(super) fn search_strings(table: Table, row: &Row) -> SearchStrings {
    SearchStrings::of(&|field| {
        let column = table.column(field);
        let value = column.and_then(|column| row.get(column));
        value.unwrap_or_default().to_owned()
    })
}
