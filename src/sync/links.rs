//! Who is coupled with whom as the exports stand, for people: couplings, relations that couple nothing, and counterparts
//! without a contact.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::config::Config;
use crate::disk::Disk;
use crate::exports::key_print;
use crate::merge::coupling::{Relation, kind_of};
use crate::merge::duplicates::{SearchStrings, likeliest};
use crate::model::{Form, Kind, Problem, Row, Table, form};
use crate::state::Store;

use super::arrange::Arranged;
use super::couple::{Couplings, couple};
use super::duplicates::{companies, search_strings};
use super::observe::diff::PrintSet;
use super::observe::intake::Intake;
use super::observe::lookups;
use super::observe::relation::relation_of;
use super::observe::{Seen, plain, tagged, untagged};
use super::pass::{Effects, PassError, look};

/// A relation, or a counterpart without one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Link {
    /// Contact No.; none where the record has no contact.
    pub contact: Option<String>,
    /// The counterpart's table, where the relation says one.
    pub table: Option<String>,
    /// Its number.
    pub no: String,
    /// The name that it shows.
    pub name: Option<String>,
    /// What becomes of it.
    #[serde(flatten)]
    pub standing: Standing,
}

/// What becomes of a relation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "standing", rename_all = "kebab-case")]
pub enum Standing {
    /// It couples.
    Coupled,
    /// It couples nothing, and why.
    Refused {
        /// The problem, as a sentence.
        reason: String,
    },
    /// The record has no contact.
    NoContact {
        /// A company contact without such a counterpart that may be the same company.
        could_be: Option<String>,
    },
}

/// Reads exports and state and lists all links, by contact and table, those without a contact last. Writes nothing.
///
/// # Errors
/// Those of the state.
pub fn links(config: &Config, effects: &Effects<'_>) -> Result<Vec<Link>, PassError> {
    let store = match Store::look(&config.state)? {
        Some(store) => store,
        None => Store::in_memory(&config.state)?,
    };
    let mut seen = look(config, effects, &store, &Intake::default())?;
    let tables = &mut seen.tables;
    for table in tables.iter_mut().flatten() {
        table.find_any_key();
    }
    let mut problems: Vec<Problem> = Vec::new();
    let arranged = Arranged::default();
    let couplings = couple(
        config,
        tables,
        &seen.gone,
        &arranged,
        seen.seed,
        &mut problems,
    )?;
    let mut links = coupled(tables, &couplings)?;
    for problem in &problems {
        let (contact, _) = problem
            .place
            .key
            .as_deref()
            .and_then(|key| key.split_once(' '))
            .unwrap_or_default();
        links.push(Link {
            contact: Some(contact.to_owned()).filter(|no| !no.is_empty()),
            table: None,
            no: problem.place.key.clone().unwrap_or_default(),
            name: None,
            standing: Standing::Refused {
                reason: problem.reason.clone(),
            },
        });
    }
    links.extend(without_contact(config, tables, &couplings, seen.seed)?);
    links.sort_by(|a, b| {
        (a.contact.is_none(), &a.contact, &a.table, &a.no).cmp(&(
            b.contact.is_none(),
            &b.contact,
            &b.table,
            &b.no,
        ))
    });
    Ok(links)
}

/// A business relation code of the configuration that no relation has, although relations link to records of its kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownCode {
    /// Whose code it is.
    pub kind: Kind,
    /// The code.
    pub code: String,
    /// The codes of the relations that link to its kind.
    pub instead: BTreeSet<String>,
}

/// Compares the codes of the configuration with those of the relations export, as far as that is there and can be read.
pub fn unknown_codes(config: &Config, disk: &dyn Disk) -> Vec<UnknownCode> {
    let (table, seed) = (Table::Relations, 0);
    let Ok(Some((export, _))) = lookups::open(config, table, disk, seed) else {
        return Vec::new();
    };
    let (mut reader, mut row) = (export.reader(), Row::with_room(table, 64));
    let relations = (0..export.records.len()).filter_map(|at| {
        let view = reader.read(at).ok()?;
        view.fill(&mut row, &mut Vec::new()).ok()?;
        Some(relation_of(&row))
    });
    unknown(relations, &config.setup.codes)
}

fn unknown(
    relations: impl Iterator<Item = Relation>,
    codes: &[Option<String>],
) -> Vec<UnknownCode> {
    let codes_of = Kind::all().zip(codes);
    let codes_of = codes_of.filter_map(|(kind, code)| Some((kind, code.as_ref()?)));
    let mut unknown: Vec<UnknownCode> = codes_of
        .map(|(kind, code)| UnknownCode {
            kind,
            code: code.clone(),
            instead: BTreeSet::new(),
        })
        .collect();
    for relation in relations {
        unknown.retain(|unknown| !form::same(Form::Code, &unknown.code, &relation.code));
        let linked = kind_of(&relation, codes).ok().flatten();
        let of_kind = unknown
            .iter_mut()
            .find(|unknown| Some(unknown.kind) == linked);
        if let Some(unknown) = of_kind.filter(|unknown| !unknown.instead.contains(&relation.code)) {
            unknown.instead.insert(relation.code);
        }
    }
    unknown.retain(|unknown| !unknown.instead.is_empty());
    unknown
}

fn coupled(tables: &[Option<Seen<'_>>], couplings: &Couplings) -> Result<Vec<Link>, PassError> {
    let mut links = Vec::new();
    let relations = tables[Table::Relations.index()].as_ref();
    for [contact, counterpart] in couplings.in_force(relations) {
        let Some((table, key)) = untagged(counterpart) else {
            continue;
        };
        let number = |table: Table, key: u64| -> Result<_, PassError> {
            let Some(seen) = &tables[table.index()] else {
                return Ok(None);
            };
            let row = match seen.row(key)? {
                Some(row) => Some(row),
                None => seen.base(key)?,
            };
            let name = table.column("Name");
            Ok(row.map(|row| {
                let no = super::decide::number(row.get(0).unwrap_or_default());
                (no, name.and_then(|name| row.get(name)).map(str::to_owned))
            }))
        };
        let (Some((contact, _)), Some((no, name))) =
            (number(Table::Contacts, contact)?, number(table, key)?)
        else {
            continue;
        };
        links.push(Link {
            contact: Some(contact),
            table: Some(table.name().to_owned()),
            no,
            name,
            standing: Standing::Coupled,
        });
    }
    Ok(links)
}

fn without_contact(
    config: &Config,
    tables: &[Option<Seen<'_>>],
    couplings: &Couplings,
    seed: u64,
) -> Result<Vec<Link>, PassError> {
    let relations = tables[Table::Relations.index()].as_ref();
    let coupled: PrintSet = couplings.in_force(relations).map(|pair| pair[1]).collect();
    let contacts = tables[Table::Contacts.index()].as_ref();
    let contacts = contacts.map(companies).unwrap_or_default();
    let mut links = Vec::new();
    for seen in tables.iter().flatten() {
        let Table::Counterparts(kind) = seen.table else {
            continue;
        };
        let (Some(export), Some(_)) = (&seen.export, config.setup.code(kind)) else {
            continue;
        };
        // Contacts that could have one of this kind.
        let taken = couplings
            .in_force(relations)
            .filter(|pair| untagged(pair[1]).is_some_and(|(table, _)| table == seen.table));
        let taken: PrintSet = taken.map(|pair| pair[0]).collect();
        let key = |no: &str| plain(key_print(&[no], seed));
        let free = contacts.iter().filter(|(no, _)| !taken.contains(&key(no)));
        let free = free
            .map(|(no, strings)| (no.clone(), strings.clone()))
            .collect();
        let mut rows: BTreeMap<String, (Option<String>, SearchStrings)> = BTreeMap::new();
        for (at, key) in seen.diff.keys.iter().enumerate() {
            if *key == 0 || coupled.contains(&tagged(*key, seen.table)) {
                continue;
            }
            let Ok(record) = export.record(at) else {
                continue;
            };
            let no = super::decide::number(record.value(0).unwrap_or_default());
            let name = seen
                .table
                .column("Name")
                .and_then(|name| record.value(name));
            let strings = search_strings(seen.table, record.row());
            rows.entry(no).or_insert((name.map(str::to_owned), strings));
        }
        let strings = rows
            .iter()
            .map(|(no, (_, strings))| (no.clone(), strings.clone()));
        let likeliest = likeliest(&strings.collect(), &free, config.setup.search_hit);
        for (no, (name, _)) in rows {
            let could_be = likeliest.get(&no).map(|pair| pair.contact.clone());
            links.push(Link {
                contact: None,
                table: Some(seen.table.name().to_owned()),
                no,
                name,
                standing: Standing::NoContact { could_be },
            });
        }
    }
    Ok(links)
}
