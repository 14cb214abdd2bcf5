//! Companies and their persons: companies are decided first, and what changed in them is offered to their persons
//! (`business-central.md` §7).

use std::collections::BTreeMap;
use std::sync::LazyLock;

use crate::exports::View;
use crate::exports::grammar::Fault;
use crate::merge::inherit::{concerns, on_assignment, on_change};
use crate::merge::plan::{Change, Origin};
use crate::merge::{FieldMerge, Rule, Values};
use crate::model::{FieldId, FieldSet, Row, Side, Table, form};
use crate::state::StateError;
use crate::sync::couple::company_key;
use crate::sync::observe::diff::PrintMap;

use super::party::Outcome;
use super::seat::Seat;
use super::world::World;

/// The companies that a pass changes or creates, by key.
#[derive(Debug, Default)]
pub struct Families {
    companies: PrintMap<Company>,
}

/// What became of a company, as its merge left it: few companies are anybody's.
#[derive(Debug)]
struct Company {
    fields: Vec<FieldMerge>,
    was: Values,
    in_motion: FieldSet,
    shown: Option<Row>,
}

impl Company {
    /// What meets for the first time has not changed.
    fn before(&self) -> Values {
        self.values(&|merged| before(merged, &self.was).or_else(|| merged.agreed.clone()))
    }

    fn after(&self) -> Values {
        self.values(&|merged| merged.agreed.clone())
    }

    fn values(&self, of: &dyn Fn(&FieldMerge) -> Option<String>) -> Values {
        let at_rest = FieldId::all().filter(|field| !self.in_motion.contains(*field));
        let shown = at_rest.filter_map(|field| {
            let column = Table::Contacts.column_of(field)?;
            Some((field, self.shown.as_ref()?.get(column)?.to_owned()))
        });
        let merged = self.fields.iter();
        let merged = merged.filter_map(|merged| Some((merged.field, of(merged)?)));
        shown.chain(merged).collect()
    }
}

fn before(merged: &FieldMerge, was: &Values) -> Option<String> {
    let was = || was.get(&merged.field).cloned();
    merged.before.clone().or_else(was)
}

impl Families {
    /// Remembers what became of a company, if its persons may want to know.
    pub(super) fn note(&mut self, key: u64, party: Outcome) {
        let fields = party.merged.fields;
        let changed = fields.iter().filter(|merged| {
            before(merged, &party.was).is_some_and(|before| Some(&before) != merged.agreed.as_ref())
        });
        if !party.is_new && !concerns(changed.map(|merged| merged.field)) {
            return;
        }
        let company = Company {
            fields,
            was: party.was,
            in_motion: party.in_motion,
            shown: party.shown,
        };
        self.companies.insert(key, company);
    }

    /// Takes in what became of further companies.
    pub(super) fn take_in(&mut self, further: Families) {
        self.companies.extend(further.companies);
    }

    /// Whether a company changed in something that persons may inherit.
    pub(super) fn changed(&self, company: u64) -> bool {
        self.companies.contains_key(&company)
    }
}

/// What a contact gets from rules.
#[derive(Debug, Default)]
pub(super) struct Given {
    /// The values, and which rule gives each.
    pub(super) values: BTreeMap<FieldId, (String, Rule)>,
    /// The company that it takes over from.
    pub(super) company: Option<u64>,
}

/// What a contact gets from rules: from its company, where it has one, and what was arranged for it.
pub(super) fn given(
    world: &World<'_>,
    families: &Families,
    key: u64,
    hub: &Seat<'_>,
    agreed: &BTreeMap<FieldId, String>,
) -> Result<Given, StateError> {
    let mut given = Given::default();
    let arranged = world.arranged.given.get(&key);
    for (field, value, rule) in arranged.into_iter().flatten() {
        given.values.insert(*field, (value.clone(), *rule));
    }
    let Some(shown) = &hub.shown else {
        return Ok(given);
    };
    let Some(field) = FieldId::named(COMPANY) else {
        return Ok(given);
    };
    let shows = company_of(shown, world.seed);
    let mut old = hub.base.as_ref().map(|base| company_of(base, world.seed));
    // A company that its system has not imported yet is its company all the same.
    let in_flight = world.assigned.get(&key).filter(|_| old == Some(shows));
    old = in_flight.copied().or(old);
    let company = match given.values.get(&field) {
        Some((no, _)) => company_key(Some(no), world.seed),
        None => in_flight.copied().unwrap_or(shows),
    };
    if company == 0 || company == key || !world.has_families() {
        return Ok(given);
    }
    given.company = Some(company);
    let person: Values = FieldId::all()
        .filter_map(|field| {
            let column = Table::Contacts.column_of(field)?;
            let shown = shown.get(column)?;
            Some((
                field,
                agreed.get(&field).map_or(shown, String::as_str).to_owned(),
            ))
        })
        .collect();
    let flags = world.config.setup.inherit;
    let inherited = match old {
        Some(old) if old == company || world.is_renamed(old, company) => {
            match families.companies.get(&company) {
                Some(company) => on_change(flags, &company.before(), &company.after(), &person),
                None => Values::new(),
            }
        }
        _ => {
            let Some(values) = values_of(world, families, company)? else {
                return Ok(given);
            };
            let before = match old.filter(|old| *old != 0) {
                Some(old) => match families.companies.get(&old) {
                    Some(old) => Some(old.before()),
                    None => values_of(world, families, old)?,
                },
                None => None,
            };
            on_assignment(flags, before.as_ref(), &values, &person)
        }
    };
    for (field, value) in inherited {
        let shows = person
            .get(&field)
            .is_some_and(|shown| form::same(field.def().form, shown, &value));
        if person.contains_key(&field) && !shows {
            let values = given.values.entry(field);
            values.or_insert((value, Rule::Inherited));
        }
    }
    Ok(given)
}

/// Says of a person's changes that what it takes over was said by its company.
pub(super) fn credit(
    world: &World<'_>,
    company: Option<u64>,
    changes: &mut [Change],
) -> Result<(), StateError> {
    let inherited = changes
        .iter_mut()
        .filter(|change| change.rule == Rule::Inherited);
    let mut inherited = inherited.peekable();
    if let (Some(company), true) = (company, inherited.peek().is_some()) {
        let origin = origin(world, company)?;
        inherited.for_each(|change| change.because = origin.iter().cloned().collect());
    }
    Ok(())
}

fn origin(world: &World<'_>, contact: u64) -> Result<Option<Origin>, StateError> {
    let table = Table::Contacts;
    let Some(seen) = &world.tables[table.index()] else {
        return Ok(None);
    };
    let row = match seen.row(contact)? {
        Some(row) => Some(row),
        None => seen.base(contact)?,
    };
    let birth = world.arranged.birth(table, contact);
    let no = birth
        .map(|birth| birth.no.clone())
        .or_else(|| Some(row?.get(0)?.to_owned()));
    let export = seen.export.as_ref();
    let line = export.zip(seen.position(contact));
    Ok(no.map(|no| Origin {
        side: Side::Contact,
        no,
        file: seen.file(),
        line: line
            .filter(|(export, at)| *at < export.records.len())
            .map_or(0, |(export, at)| export.line_of(at)),
    }))
}

const COMPANY: &str = "Company No.";

/// The key of the company that a contact's row names.
pub(super) fn company_of(row: &Row, seed: u64) -> u64 {
    company_key(row.get(*COMPANY_COLUMN), seed)
}

/// The key of the company that a contact's record names.
pub(super) fn company_shown(view: &View<'_>, seed: u64) -> Result<u64, Fault> {
    let company = view.value(*COMPANY_COLUMN)?;
    Ok(company_key(company.as_deref(), seed))
}

static COMPANY_COLUMN: LazyLock<usize> = LazyLock::new(|| {
    let column = Table::Contacts.column(COMPANY);
    column.expect("a column of contacts")
});

fn values_of(
    world: &World<'_>,
    families: &Families,
    company: u64,
) -> Result<Option<Values>, StateError> {
    if let Some(company) = families.companies.get(&company) {
        return Ok(Some(company.after()));
    }
    let Some(seen) = &world.tables[Table::Contacts.index()] else {
        return Ok(None);
    };
    let row = match seen.row(company)? {
        Some(row) => Some(row),
        None if seen.export.is_none() => seen.base(company)?,
        None => None,
    };
    Ok(row.map(|row| {
        FieldId::all()
            .filter_map(|field| {
                let column = Table::Contacts.column_of(field)?;
                Some((field, row.get(column)?.to_owned()))
            })
            .collect()
    }))
}
