//! What people and systems do: type, delete, export, import, and damage an export.

use super::super::oracle::{Cell, Oracle, token};
use super::super::steps::Place;
use super::super::systems::FIELDS;
use super::{Check, LATEST_IMPORT, World, configuration};
use crate::exchange::{Exchange, path};

impl World<'_> {
    /// A user changes a cell to whatever `value` says.
    pub(super) fn edit(
        &mut self,
        place: Place,
        value: impl FnOnce(&Oracle, &Cell, usize) -> Option<String>,
    ) {
        let system = place.system % self.systems.len();
        let field = place.field % FIELDS.len();
        let of = &self.systems[system];
        let count = of.records.len();
        let Some(no) = of.records.keys().nth(place.record % count.max(1)) else {
            return;
        };
        let cell = Cell {
            system,
            no: no.clone(),
            field,
        };
        let Some(value) = value(&self.oracle, &cell, place.field / FIELDS.len()) else {
            return;
        };
        let value = of.typed(field, &value);
        let Some(values) = self.systems[system].records.get_mut(&cell.no) else {
            return;
        };
        if values[field].trim() == value.trim() {
            return;
        }
        let before = std::mem::replace(&mut values[field], value.clone());
        let is_emptied = value.trim().is_empty() && self.systems[system].setup.no_change;
        let is_of_now = |word: &str| word.split('.').next() == Some(&self.now.to_string());
        if is_emptied {
            let is_alone = self.is_alone(&cell, &before);
            self.oracle.emptied(&cell, &before, is_alone);
            self.tally.is("an emptied cell that means no change");
        } else if is_of_now(token(&value)) && self.oracle.is_new(&value) {
            self.oracle.typed(&cell, &before, &value, self.now);
        } else {
            self.oracle.retyped(&cell, &before, &value, self.now);
        }
        if self.systems[system].setup.in_place {
            self.export(system);
        }
    }

    /// Whether no other record of its party can be told what a cell says.
    fn is_alone(&self, cell: &Cell, value: &str) -> bool {
        let is_of =
            |numbers: &&Vec<Option<String>>| numbers[cell.system].as_ref() == Some(&cell.no);
        let party = self.parties.iter().find(is_of).into_iter().flatten();
        let says = self.systems.iter().zip(party).map(|(system, no)| {
            let is_there = no
                .as_ref()
                .is_some_and(|no| system.records.contains_key(no));
            let is_heard = self.exchange.disk.exists(&path(&system.file()));
            let holds = system.held(cell.field, value).is_some();
            is_there && is_heard && holds && !system.is_away && !system.is_hidden(cell.field)
        });
        let says: Vec<bool> = says.collect();
        !says[0] || says.iter().filter(|says| **says).count() < 2
    }

    /// A user deletes a record that a pass has read, unless it is the last one.
    pub(super) fn delete(&mut self, system: usize, record: usize) {
        let of = &mut self.systems[system];
        let Some(no) = of
            .records
            .keys()
            .nth(record % of.records.len().max(1))
            .cloned()
        else {
            return;
        };
        // A delta does not say what is gone, and an export that shows nothing is refused.
        if of.setup.delta || of.records.len() == 1 || !of.read.contains_key(&no) {
            return;
        }
        if let Some(values) = of.records.remove(&no) {
            self.oracle.deleted(system, &no, &values);
            of.deleted.insert(no.clone(), values);
        }
        let is_of = |numbers: &Vec<Option<String>>| numbers[system].as_ref() == Some(&no);
        self.disturbed.extend(self.parties.iter().position(is_of));
        self.tally.is("a deletion");
        if self.systems[system].setup.in_place {
            self.export(system);
        }
    }

    /// A user enters a deleted record again, as it was.
    pub(super) fn enter_again(&mut self, system: usize) {
        let count = self.systems.len();
        let missing = (0..count)
            .map(|at| (system + at) % count)
            .find(|at| !self.systems[*at].deleted.is_empty());
        let Some(system) = missing else { return };
        let of = &mut self.systems[system];
        if let Some((no, values)) = of.deleted.pop_first() {
            of.records.insert(no, values);
            // With its contact, or with it, all of its party may meet anew.
            self.systems
                .iter()
                .for_each(|system| self.oracle.met_anew(system));
            self.tally.is("a return");
            if self.systems[system].setup.in_place {
                self.export(system);
            }
        }
    }

    /// A pass reads a damaged export, as if that system said nothing; then a whole one comes.
    pub(super) fn damage(&mut self, system: usize, how: usize) -> Check {
        if self.systems[system].exports_read == 0 || self.systems[system].is_away {
            return Ok(());
        }
        self.export(system);
        let damaged = self.systems[system].damaged(how);
        self.exchange
            .put(&self.systems[system].file(), damaged.clone());
        (self.silent, self.damaged) = (Some(system), Some(damaged));
        self.tally.is("a damaged export");
        self.pass()?;
        self.pass_without_news()?;
        (self.silent, self.damaged) = (None, None);
        self.systems[system].text_read.clear();
        self.export(system);
        let of = &self.systems[system];
        self.exchange.put(&of.file(), of.encoded(&of.text));
        Ok(())
    }

    pub(super) fn export(&mut self, system: usize) {
        if let Some((file, text)) = self.systems[system].export() {
            let bytes = self.systems[system].encoded(&text);
            self.exchange.put(&file, bytes);
        }
    }

    /// Imports an update file as legacy systems do: every column that it has, into every row that it names.
    pub(super) fn import(&mut self, system: usize, update: usize, rows: u8) {
        let of = &mut self.systems[system];
        if of.setup.in_place {
            // What it has not imported is written into the file that is its data now.
            return;
        }
        let update = of.updates[update].clone();
        let is_stale = of
            .imported
            .last()
            .is_some_and(|newest| update.pass < *newest);
        let is_old = of.exports_read > update.exports_read + LATEST_IMPORT;
        if of.imported.contains(&update.pass) {
            self.tally.is("a double import");
        }
        for (row, (no, values)) in update.rows.into_iter().enumerate() {
            if rows & (1 << (row % 8)) == 0 {
                self.tally.is("a partial import");
                continue;
            }
            let Some(record) = of.records.get_mut(&no) else {
                continue;
            };
            let is_blank = |(old, new): (&String, &Option<String>)| {
                old.trim().is_empty() && new.as_ref().is_some_and(|new| new.trim().is_empty())
            };
            if of.setup.no_change && record.iter().zip(&values).any(is_blank) {
                // Where empty cells say nothing, what was cleared is told by the record's being listed.
                of.unread.insert(no.clone());
            }
            for (field, (old, new)) in record.iter_mut().zip(values).enumerate() {
                let Some(new) = new.filter(|new| new.trim() != old.trim()) else {
                    continue;
                };
                let new = of.setup.stored(&new);
                if is_stale {
                    self.tally.is("a stale import");
                }
                let cell = Cell {
                    system,
                    no: no.clone(),
                    field,
                };
                self.oracle.imported(&cell, old, &new, is_old);
                *old = new;
            }
        }
        if rows == u8::MAX {
            of.imported.insert(update.pass);
        }
    }

    pub(super) fn restart(&mut self) {
        let database = std::mem::replace(
            &mut self.exchange.database,
            crate::database::Database::new(),
        );
        let text = configuration(&self.systems, self.policy);
        self.exchange = Exchange::resumed(&text, self.exchange.disk.clone(), database);
    }
}
