//! Records and relations that the pass creates, as rows of their tables, once their parties are merged.

use crate::exports::{Export, NewRow, key_print};
use crate::merge::coupling::Relation;
use crate::merge::deliver::Route;
use crate::merge::plan::{Creation, Recoupling};
use crate::model::{Kind, Place, Problem, Row, Table, form};
use crate::state::memory::{CreatedRow, GoneRow, Mark, MarkRow};
use crate::sync::observe::relation::removal_name;
use crate::sync::observe::{Seen, plain};

use super::world::World;
use super::{Born, Decided};

/// Turns new records and relations into rows, plan and memory.
pub(super) fn finish(world: &World<'_>, decided: &mut Decided, problems: &mut Vec<Problem>) {
    for birth in &world.arranged.births {
        let Some(seen) = world.tables[birth.table.index()].as_ref() else {
            continue;
        };
        let Some(export) = &seen.export else { continue };
        let key = world.key(&birth.no);
        let mut row = decided.newborn_row(world, birth.table, key).clone();
        let cells = held(export, seen, &birth.no, &mut row, problems);
        let contact = match birth.table {
            Table::Counterparts(kind) => world.contact_of_new(kind, &birth.no),
            _ => birth.no.clone(),
        };
        let names = birth.table.columns();
        let named = |cells: &[(usize, String)]| {
            let named = cells
                .iter()
                .map(|(column, value)| (names[*column].name.to_owned(), value.clone()));
            named.collect::<Vec<_>>()
        };
        let carried: Vec<(String, String)> = birth
            .carried
            .iter()
            .filter(|(name, value)| {
                export.carried_column(name).is_some() && export.can_encode(value)
            })
            .cloned()
            .collect();
        decided.plan.creations.push(Creation {
            table: birth.table.name().to_owned(),
            no: birth.no.clone(),
            contact,
            cells: named(&cells)
                .into_iter()
                .chain(carried.iter().cloned())
                .collect(),
            file: seen.file(),
            reason: birth.reason.clone(),
        });
        let new = NewRow {
            cells: cells.clone(),
            carried,
        };
        let named = named(&cells);
        append(
            seen,
            key,
            row,
            new,
            &birth.no,
            named,
            &birth.reason,
            decided,
        );
    }
    relate(world, decided);
}

/// The cells of a new row that its file can hold; what it cannot is a problem, and left out.
fn held(
    export: &Export,
    seen: &Seen<'_>,
    no: &str,
    row: &mut Row,
    problems: &mut Vec<Problem>,
) -> Vec<(usize, String)> {
    let mut cells = Vec::new();
    for (column, def) in seen.table.columns().iter().enumerate() {
        let Some(value) = row.get(column).filter(|value| !form::is_blank(value)) else {
            continue;
        };
        if !export.columns.has(column) {
            continue;
        }
        let (length, _) = export.length_of(column);
        let refusal = match export.holds(column, value) {
            Err(unheld) => Some(unheld.to_string()),
            Ok(()) if value.chars().count() > length => Some(format!(
                "the value is longer than the {length} characters that it holds"
            )),
            Ok(()) => None,
        };
        match refusal {
            None => cells.push((column, value.to_owned())),
            Some(reason) => {
                let place = Place {
                    table: seen.table.name().to_owned(),
                    file: Some(seen.file()),
                    key: Some(no.to_owned()),
                    column: Some(def.name.to_owned()),
                    ..Place::default()
                };
                let advice = "enter it there, or give the column another `length` or `encoding`";
                problems.push(Problem::new(place, "cannot-hold", reason, advice));
                row.set(column, Some(String::new()));
            }
        }
    }
    cells
}

fn relate(world: &World<'_>, decided: &mut Decided) {
    let Some(seen) = world.tables[Table::Relations.index()].as_ref() else {
        return;
    };
    for new in &world.arranged.relations {
        let relation = &new.relation;
        let mut row = Row::unknown(Table::Relations);
        let values = [
            Some(&relation.contact),
            Some(&relation.code),
            relation.link.as_ref(),
            Some(&relation.no),
        ];
        for (column, value) in values.into_iter().enumerate() {
            row.set(column, value.cloned());
        }
        let cells: Vec<(usize, String)> = values
            .into_iter()
            .enumerate()
            .filter_map(|(column, value)| Some((column, value?.clone())))
            .collect();
        let key = plain(key_print(&[&relation.contact, &relation.code], world.seed));
        couple(world, relation, &new.reason, seen, decided);
        let names = Table::Relations.columns();
        let named = cells
            .iter()
            .map(|(at, value)| (names[*at].name.to_owned(), value.clone()));
        let named: Vec<_> = named.collect();
        let new_row = NewRow {
            cells,
            carried: Vec::new(),
        };
        let name = format!("{} {}", relation.contact, relation.code);
        // Whatever was asked for before, this is the last word.
        decided.memory.unmarked.push(MarkRow {
            mark: Mark::Asked,
            table: seen.table.name().to_owned(),
            no: removal_name(relation),
            body: String::new(),
        });
        decided.memory.returned.push(GoneRow {
            table: seen.table.name().to_owned(),
            no: removal_name(relation),
        });
        append(seen, key, row, new_row, &name, named, &new.reason, decided);
    }
    for (at, relation) in &world.arranged.filled {
        couple(
            world,
            relation,
            "the relation waited for its number",
            seen,
            decided,
        );
        let edits = decided.edits.entry(Table::Relations).or_default();
        let cells = edits.cells.entry(*at).or_default();
        if let Some(link) = &relation.link {
            cells.push((2, link.clone()));
        }
        cells.push((3, relation.no.clone()));
        if seen.route() == Route::Folder {
            let columns = Table::Relations.columns();
            let named = |at: usize, value: &str| (columns[at].name.to_owned(), value.to_owned());
            let link = relation.link.as_deref().unwrap_or_default();
            decided.memory.created.push(CreatedRow {
                table: Table::Relations.name().to_owned(),
                no: format!("{} {}", relation.contact, relation.code),
                cells: vec![
                    named(0, &relation.contact),
                    named(1, &relation.code),
                    named(2, link),
                    named(3, &relation.no),
                ],
                carried: Vec::new(),
                reason: "the relation waited for its number".to_owned(),
                export: seen.exports,
                in_flight: true,
            });
        }
    }
}

fn couple(
    world: &World<'_>,
    relation: &Relation,
    reason: &str,
    seen: &Seen<'_>,
    decided: &mut Decided,
) {
    let kind = crate::merge::coupling::kind_of(relation, &world.config.setup.codes);
    let table = kind
        .ok()
        .flatten()
        .map_or("", |kind: Kind| kind.def().table);
    decided.plan.couplings.push(Recoupling {
        contact: relation.contact.clone(),
        code: relation.code.clone(),
        table: table.to_owned(),
        no: relation.no.clone(),
        file: seen.file(),
        reason: reason.to_owned(),
    });
}

#[expect(
    clippy::too_many_arguments,
    reason = "each is another face of the one new row"
)]
fn append(
    seen: &Seen<'_>,
    key: u64,
    row: Row,
    new: NewRow,
    no: &str,
    cells: Vec<(String, String)>,
    reason: &str,
    decided: &mut Decided,
) {
    decided.memory.created.push(CreatedRow {
        table: seen.table.name().to_owned(),
        no: no.to_owned(),
        cells,
        carried: new.carried.clone(),
        reason: reason.to_owned(),
        export: seen.exports,
        in_flight: seen.route() == Route::Folder,
    });
    let edits = decided.edits.entry(seen.table).or_default();
    edits.append.push(new.clone());
    let born = decided.born.entry(seen.table).or_default();
    born.push(Born { key, row, new });
}
