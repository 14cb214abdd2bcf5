//! What people and systems do: type, delete, export, import, and damage an export.

use super::super::oracle::{Cell, Oracle};
use super::super::steps::Place;
use super::super::systems::FIELDS;
use super::{Check, LATEST_IMPORT, World, configuration};
use crate::exchange::Exchange;

impl World<'_> {
    /// A user changes a cell to whatever `value` says.
    pub(super) fn edit(
        &mut self,
        place: Place,
        value: impl FnOnce(&Oracle, &Cell, usize) -> Option<String>,
    ) {
        let system = place.system % self.systems.len();
        let field = place.field % FIELDS.len();
        let records = &mut self.systems[system].records;
        let count = records.len();
        let Some((no, values)) = records.iter_mut().nth(place.record % count.max(1)) else {
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
        let before = std::mem::replace(&mut values[field], value.clone());
        if before == value {
            return;
        }
        match value.starts_with(&format!("typed {}", self.now)) && self.oracle.is_new(&value) {
            true => self.oracle.typed(&cell, &before, &value, self.now),
            false => self.oracle.retyped(&cell, &before, &value, self.now),
        }
        if self.systems[system].setup.in_place {
            self.export(system);
        }
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
            self.tally.is("a return");
            if of.setup.in_place {
                self.export(system);
            }
        }
    }

    /// A pass reads a damaged export, as if that system said nothing; then a whole one comes.
    pub(super) fn damage(&mut self, system: usize, how: usize) -> Check {
        if self.systems[system].exports_read == 0 {
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
        let (file, text) = (
            self.systems[system].file(),
            self.systems[system].text.clone(),
        );
        self.exchange.put(&file, text);
        Ok(())
    }

    pub(super) fn export(&mut self, system: usize) {
        if let Some((file, text)) = self.systems[system].export() {
            self.exchange.put(&file, text);
        }
    }

    /// Imports an update file as legacy systems do: every column that it has, into every row that it names.
    pub(super) fn import(&mut self, system: usize, update: usize, rows: u8) {
        let of = &mut self.systems[system];
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
            for (field, (old, new)) in record.iter_mut().zip(values).enumerate() {
                let Some(new) = new.filter(|new| new != old) else {
                    continue;
                };
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
