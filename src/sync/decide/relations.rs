//! What follows for relations from records that come and go: those that go too, and those that stay after all.

use std::collections::{BTreeMap, BTreeSet};

use crate::exports::key_print;
use crate::merge::coupling::{Relation, kind_of};
use crate::merge::deliver::Route;
use crate::merge::plan::{Recoupling, Uncoupling};
use crate::model::{Place, Problem, Table};
use crate::state::memory::{GoneRow, Mark, MarkRow};
use crate::state::{StateError, Store};
use crate::sync::couple::Removal;
use crate::sync::couple::presence::Presence;
use crate::sync::observe::diff::PrintMap;
use crate::sync::observe::relation::{called, relation_name, removal_name};
use crate::sync::observe::{plain, tagged};

use super::Decided;
use super::world::World;

/// Relations whose record disappeared go with it (`product.md` §6).
pub(super) fn decide_removals(
    world: &World<'_>,
    decided: &mut Decided,
    problems: &mut Vec<Problem>,
) -> Result<(), StateError> {
    let Some(seen) = &world.tables[Table::Relations.index()] else {
        return Ok(());
    };
    if world.couplings.removals.is_empty() {
        return Ok(());
    }
    let anew = world.arranged.asked_anew.iter().map(removal_name);
    let anew: BTreeSet<String> = anew.collect();
    let asked: BTreeSet<String> = world
        .gone
        .iter()
        .filter(|(table, no)| *table == Table::Relations && !anew.contains(no))
        .map(|(_, no)| no.clone())
        .collect();
    let listed = seen
        .export
        .as_ref()
        .map_or(0, |export| export.records.len());
    let unlisted = seen.unlisted();
    let (since, limit) = (
        asked_since(world),
        u64::from(world.config.merge.in_flight_limit),
    );
    let new = world.arranged.relations.iter();
    let comes_again: BTreeSet<String> = new.map(|new| relation_name(&new.relation)).collect();
    for Removal {
        at,
        relation,
        table,
        reason,
        ..
    } in &world.couplings.removals
    {
        let name = removal_name(relation);
        let uncoupling = Uncoupling {
            contact: relation.contact.clone(),
            code: relation.code.clone(),
            table: table.map_or("", Table::name).to_owned(),
            no: relation.no.clone(),
            reason: reason.clone(),
        };
        // A row that nobody can read is there all the same: its system is asked for it like for one that is listed.
        let is_listed = *at < listed
            || seen.route() == Route::Folder
                && Presence::of(relation, Some(seen), world.seed)? == Presence::Unknown;
        match seen.route() {
            Route::Nowhere | Route::Silent | Route::Frozen => {
                let mut place = match *at < listed {
                    true => seen.place(*at),
                    false => Place::default(),
                };
                place.key = Some(name);
                let advice = "remove the relation there, or set write_back for relations";
                problems.push(Problem::new(
                    place,
                    "relation-of-gone-record",
                    reason.clone(),
                    advice,
                ));
                continue;
            }
            // Asked for already: its system has not imported it yet.
            Route::Folder if asked.contains(&name) => {
                let age = since
                    .get(&name)
                    .map(|since| seen.exports.saturating_sub(*since));
                let late = age.filter(|age| *at < listed && *age > limit);
                problems.extend(late.map(|age| not_taken_out(seen.place(*at), name, age)));
                let edits = decided.edits.entry(Table::Relations).or_default();
                edits.leaving.extend((*at < listed).then_some(*at));
                continue;
            }
            // The row that comes in its place has the same key, and takes it over; until then this one may be shown.
            Route::Folder if comes_again.contains(&relation_name(relation)) => {
                decided.plan.uncouplings.push(uncoupling);
                match at.checked_sub(listed).and_then(|at| unlisted.get(at)) {
                    Some(old) => {
                        let dropped = decided.dropped.entry(Table::Relations).or_default();
                        dropped.insert(*old);
                        decided
                            .memory
                            .marked
                            .push(asked_for(relation, seen.exports));
                    }
                    None => {
                        let edits = decided.edits.entry(Table::Relations).or_default();
                        edits.leaving.insert(*at);
                        note_asked(relation, seen.exports, decided);
                    }
                }
                continue;
            }
            Route::Folder if !is_listed => {}
            Route::Folder => note_asked(relation, seen.exports, decided),
            Route::InPlace => {}
        }
        let edits = decided.edits.entry(Table::Relations).or_default();
        match at.checked_sub(listed).and_then(|at| unlisted.get(at)) {
            None => {
                edits.remove.insert(*at);
                if seen.created.filling.contains_key(at) {
                    decided.memory.unmarked.push(landed(relation));
                }
            }
            // It is in flight: what would bring it is followed by what takes it away.
            Some(old) => {
                let key = [&relation.contact, &relation.code];
                let key = key.into_iter().cloned().enumerate().collect();
                edits.unlisted_remove.push(key);
                if is_listed {
                    decided.plan.uncouplings.push(uncoupling);
                    continue;
                }
                decided
                    .dropped
                    .entry(Table::Relations)
                    .or_default()
                    .insert(*old);
                decided.memory.unmarked.push(landed(relation));
                // A late import of what brought it may still show it for a while.
                decided
                    .memory
                    .marked
                    .push(asked_for(relation, seen.exports));
            }
        }
        decided.plan.uncouplings.push(uncoupling);
    }
    Ok(())
}

/// Remembers that a relation is to be taken out that is listed: until it is not, and since when.
fn note_asked(relation: &Relation, exports: u64, decided: &mut Decided) {
    decided.memory.gone.push(asked_away(relation));
    decided.memory.marked.push(asked_for(relation, exports));
}

/// Relations that were asked to be taken out, by name, with how many exports of them there had been then.
fn asked_since<'w>(world: &'w World<'_>) -> BTreeMap<&'w String, u64> {
    let asked = world.marks.iter().filter(|row| row.mark == Mark::Asked);
    asked
        .map(|row| (&row.no, row.body.parse().unwrap_or(0)))
        .collect()
}

/// A relation that its system goes on listing although it was asked to take it out.
fn not_taken_out(place: Place, name: String, exports: u64) -> Problem {
    Problem::new(
        Place {
            key: Some(name),
            ..place
        },
        "not-imported",
        format!("it was asked to be taken out, and {exports} newer exports still list it"),
        "see whether its system imports the update files, or take it out there; `couplet links add` lets it stay",
    )
}

/// A relation that is asked to be taken out until it is out.
fn asked_away(relation: &Relation) -> GoneRow {
    GoneRow {
        table: Table::Relations.name().to_owned(),
        no: removal_name(relation),
    }
}

/// Since when a relation is asked to be taken out.
fn asked_for(relation: &Relation, exports: u64) -> MarkRow {
    MarkRow {
        mark: Mark::Asked,
        table: Table::Relations.name().to_owned(),
        no: removal_name(relation),
        body: exports.to_string(),
    }
}

/// A relation that is in flight no longer.
fn landed(relation: &Relation) -> MarkRow {
    MarkRow {
        mark: Mark::Created,
        table: Table::Relations.name().to_owned(),
        no: relation_name(relation),
        body: String::new(),
    }
}

/// Relations that were asked to be taken out, and are to stay after all, are written once more: the update that took them out
/// may be imported first.
pub(super) fn reassert(world: &World<'_>, decided: &mut Decided) {
    let Some(seen) = &world.tables[Table::Relations.index()] else {
        return;
    };
    for relation in &world.arranged.reasserted {
        let Relation {
            contact, code, no, ..
        } = relation;
        let key = plain(key_print(&[contact, code], world.seed));
        if let Some(at) = seen.position(key) {
            let edits = decided.edits.entry(Table::Relations).or_default();
            let cells = edits.cells.entry(at).or_default();
            // The whole row: it may be gone there by then.
            cells.extend(relation.link.iter().map(|link| (2, link.clone())));
            cells.push((3, no.clone()));
            let kind = kind_of(relation, &world.config.setup.codes);
            decided.plan.couplings.push(Recoupling {
                contact: contact.clone(),
                code: code.clone(),
                table: kind
                    .ok()
                    .flatten()
                    .map_or("", |kind| kind.def().table)
                    .to_owned(),
                no: no.clone(),
                file: seen.file(),
                reason: "it was taken apart, and is to stay after all".to_owned(),
            });
        }
    }
}

/// Remembers which records disappeared, and which of those came back.
pub(super) fn note_gone(
    world: &World<'_>,
    store: &Store,
    decided: &mut Decided,
) -> Result<(), StateError> {
    for seen in world
        .tables
        .iter()
        .flatten()
        .filter(|seen| seen.table != Table::Relations)
    {
        for at in &seen.diff.gone {
            let row = seen.rows.get(seen.index.row(*at as usize))?;
            if let Some(no) = row.as_ref().and_then(|row| row.get(0)) {
                decided.memory.gone.push(GoneRow {
                    table: seen.table.name().to_owned(),
                    no: super::number(no),
                });
            }
        }
    }
    let stored = store.gone()?;
    // An older state may have several spellings of one number.
    let mut known: PrintMap<Vec<&GoneRow>> = PrintMap::default();
    for row in &stored {
        if let Some(table) = Table::named(&row.table) {
            let key = tagged(world.key(&row.no), table);
            known.entry(key).or_default().push(row);
        }
    }
    for seen in world
        .tables
        .iter()
        .flatten()
        .filter(|seen| seen.table != Table::Relations && seen.export.is_some())
    {
        for at in &seen.diff.touched {
            let key = tagged(seen.diff.keys[*at as usize], seen.table);
            let returned = known.get(&key).into_iter().flatten();
            decided.memory.returned.extend(returned.copied().cloned());
        }
    }
    // What is to stay after all is asked for no longer, whatever the export tells.
    let reasserted = world.arranged.reasserted.iter();
    decided.memory.returned.extend(reasserted.map(asked_away));
    // A relation that we asked to remove and that is no longer there has been removed.
    if let Some(seen) = world.tables[Table::Relations.index()]
        .as_ref()
        .filter(|seen| seen.export.is_some())
    {
        for row in stored.iter().filter(|row| row.table == "relations") {
            let presences =
                called(&row.no).map(|named| Presence::of(&named, Some(seen), world.seed));
            let presences = presences.collect::<Result<Vec<Presence>, StateError>>()?;
            if presences.into_iter().all(Presence::is_over) {
                decided.memory.returned.push(row.clone());
            }
        }
    }
    note_over(world, &stored, decided);
    Ok(())
}

/// Forgets since when relations are asked to be taken out: those that are out, or stay, and those that no export had shown, once
/// what brought them is not imported any more.
fn note_over(world: &World<'_>, stored: &[GoneRow], decided: &mut Decided) {
    let limit = u64::from(world.config.merge.in_flight_limit);
    let relations = world.tables[Table::Relations.index()].as_ref();
    let exports = relations.map_or(0, |seen| seen.exports);
    let names = |rows: &[GoneRow]| -> BTreeSet<String> {
        let of_relations = rows.iter().filter(|row| row.table == "relations");
        of_relations.map(|row| row.no.clone()).collect()
    };
    let (listed, over) = (names(stored), names(&decided.memory.returned));
    let asked = world.marks.iter().filter(|row| row.mark == Mark::Asked);
    let over = asked.filter(|row| {
        let since = row.body.parse().unwrap_or(0);
        let is_late = exports.saturating_sub(since) > limit;
        over.contains(&row.no) || is_late && !listed.contains(&row.no)
    });
    decided.memory.unmarked.extend(over.cloned());
}
