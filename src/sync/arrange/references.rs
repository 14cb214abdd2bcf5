//! Who names whom: found in one walk through a table, however many ask.

use std::cell::OnceCell;

use crate::model::{Kind, Table};
use crate::state::StateError;
use crate::state::memory::Mark;
use crate::sync::couple::{PRIMARY_CONTACT, company_key};
use crate::sync::observe::diff::PrintSet;
use crate::sync::observe::{Seen, tagged};

use super::Arranger;

/// Records by the record that they name.
#[derive(Default)]
pub(super) struct Naming(Vec<[u64; 2]>);

impl Naming {
    /// Of pairs of whom is named and who names it.
    fn of(pairs: impl Iterator<Item = [u64; 2]>) -> Naming {
        let mut pairs: Vec<[u64; 2]> = pairs.filter(|[named, _]| *named != 0).collect();
        pairs.sort_unstable();
        pairs.dedup();
        Naming(pairs)
    }

    /// Who names it, each once.
    pub(super) fn by(&self, named: u64) -> impl Iterator<Item = u64> {
        let from = self.0.partition_point(|pair| pair[0] < named);
        let of_it = self.0[from..]
            .iter()
            .take_while(move |pair| pair[0] == named);
        of_it.map(|pair| pair[1])
    }
}

/// What was asked for so far.
#[derive(Default)]
pub(super) struct References {
    persons: OnceCell<Naming>,
    primaries: [OnceCell<Naming>; Kind::COUNT],
    used: OnceCell<PrintSet>,
}

/// Whom the records of a table named when it was last read.
fn named_before(seen: &Seen<'_>) -> impl Iterator<Item = [u64; 2]> {
    let links = seen.index.links.firsts();
    links.map(|(at, named)| [named, seen.index.keys[at]])
}

impl<'a> Arranger<'_, 'a, '_> {
    /// The persons that belong to a company, or did when they were last read.
    pub(super) fn persons_of(&self, company: u64) -> Result<Vec<u64>, StateError> {
        let known = &self.references.persons;
        if known.get().is_none()
            && let Some(seen) = self.seen(Table::Contacts)
        {
            let naming = self.naming(seen, "Company No.", Vec::new())?;
            known.get_or_init(|| naming);
        }
        Ok(known
            .get()
            .map_or(Vec::new(), |naming| naming.by(company).collect()))
    }

    /// The records of a kind that name a contact as their primary one, did when they were last read, or will once they get what is in
    /// flight towards them or owed to them, in whatever spelling.
    pub(super) fn may_name_as_primary(
        &self,
        kind: Kind,
        contact: u64,
    ) -> Result<Vec<u64>, StateError> {
        let known = &self.references.primaries[kind.0 as usize];
        if known.get().is_none()
            && let Some(seen) = self.seen(Table::Counterparts(kind))
        {
            let naming = self.naming(seen, PRIMARY_CONTACT, self.primaries_to_come(seen)?)?;
            known.get_or_init(|| naming);
        }
        Ok(known
            .get()
            .map_or(Vec::new(), |naming| naming.by(contact).collect()))
    }

    /// The primary contacts that are in flight towards records of a table, or owed to them, and by whom they will be named.
    fn primaries_to_come(&self, seen: &Seen<'_>) -> Result<Vec<[u64; 2]>, StateError> {
        let table = seen.table;
        let mut numbers: Vec<(&str, String)> = Vec::new();
        for (_, no, sent) in self.scene.pending.records().filter(|(of, ..)| *of == table) {
            let primaries = sent.iter().filter(|value| value.field == PRIMARY_CONTACT);
            let in_flight = primaries.filter(|value| !value.sent.acknowledged);
            numbers.extend(in_flight.map(|value| (no, value.sent.value.clone())));
        }
        let marks = self.scene.marks.iter();
        for mark in marks.filter(|row| row.mark == Mark::Owed && row.table == table.name()) {
            let owed = self.owed_to(table, seen.now_called(&mark.no))?.into_iter();
            let primaries = owed.filter(|owed| owed.column == PRIMARY_CONTACT);
            numbers.extend(primaries.map(|owed| (mark.no.as_str(), owed.value)));
        }
        let pairs = numbers.iter().map(|(no, primary)| {
            let named = company_key(Some(primary), self.scene.seed);
            [named, self.key(seen.now_called(no))]
        });
        Ok(pairs.collect())
    }

    /// The records of a table by whom they name in a column, did when they were last read, or will.
    fn naming(
        &self,
        seen: &Seen<'_>,
        column: &str,
        to_come: Vec<[u64; 2]>,
    ) -> Result<Naming, StateError> {
        let mut now = Vec::with_capacity(seen.diff.touched.len());
        for at in &seen.diff.touched {
            let key = seen.diff.keys[*at as usize];
            let row = seen.row(key)?;
            let shown = row
                .as_ref()
                .and_then(|row| row.get(seen.table.column(column)?));
            now.push([company_key(shown, self.scene.seed), key]);
        }
        Ok(Naming::of(named_before(seen).chain(now).chain(to_come)))
    }

    /// Whether some record names a number as its company or primary contact, or a relation couples it, whether it exists or
    /// not: a new record under such a number would be taken for somebody else.
    pub(super) fn is_named(&self, table: Table, key: u64) -> bool {
        let used = self.references.used.get_or_init(|| self.all_named());
        used.contains(&of_table(table, key))
    }

    fn all_named(&self) -> PrintSet {
        let mut named = PrintSet::default();
        for seen in self.scene.tables.iter().flatten() {
            self.note_named(seen, &mut named);
        }
        let relations = self.seen(Table::Relations).into_iter();
        let links = relations.flat_map(|seen| self.scene.couplings.links(seen));
        named.extend(links.flatten());
        for (_, relation) in &self.fresh {
            named.insert(self.key(&relation.contact));
            let counterpart = self.key(&relation.no);
            let tables = Kind::all().map(Table::Counterparts);
            named.extend(tables.map(|table| tagged(counterpart, table)));
        }
        named
    }

    /// Contacts that the records of a table name, when they were last read and now.
    fn note_named(&self, seen: &'a Seen<'_>, named: &mut PrintSet) {
        let column = seen.table.column("Company No.");
        let column = column.or(seen.table.column(PRIMARY_CONTACT));
        let (Some(column), Some(export)) = (column, &seen.export) else {
            return;
        };
        named.extend(seen.index.links.firsts().map(|(_, link)| link));
        for at in &seen.diff.touched {
            if let Ok(record) = export.record(*at as usize) {
                named.insert(company_key(record.value(column), self.scene.seed));
            }
        }
    }
}

/// A key as relations have it: those of counterparts tell their table.
fn of_table(table: Table, key: u64) -> u64 {
    match table {
        Table::Counterparts(_) => tagged(key, table),
        _ => key,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_who_names_a_record_is_found_once_and_nobody_names_nothing() {
        let naming = Naming::of([[7, 3], [0, 9], [5, 2], [7, 1], [7, 3]].into_iter());
        let by = |named| naming.by(named).collect::<Vec<_>>();
        assert_eq!(by(7), [1, 3]);
        assert_eq!(by(5), [2]);
        assert!(by(6).is_empty());
        assert!(by(0).is_empty());
    }
}
