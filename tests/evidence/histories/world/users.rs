//! What people and systems do: type, delete, export, import, and damage an export.

use super::super::oracle::{Cell, Oracle, token};
use super::super::steps::Place;
use super::super::systems::{FIELDS, Spoilt, System};
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
        if !self.systems[system].may_be_edited() {
            return;
        }
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
        // Nobody but its user knows of an import that is taken back before a pass has read it, and a whole table is not imported
        // again.
        let read = of.read.get(&cell.no).map(|read| &read[field]);
        if of.setup.whole_table && read == Some(&value) {
            return;
        }
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
            let is_theirs = self.is_alone(&cell, &before) || self.may_be_overruled(&cell);
            self.oracle.emptied(&cell, &before, is_theirs);
            self.tally.is("an emptied cell that means no change");
        } else if is_of_now(token(&value)) && self.oracle.is_new(&value) {
            self.oracle.typed(&cell, &before, &value, self.now);
        } else {
            self.oracle.retyped(&cell, &before, &value, self.now);
        }
        self.be_edited(system);
    }

    /// A file that is edited in place is its data; a system that imports whole tables exports what was edited at once.
    pub(super) fn be_edited(&mut self, system: usize) {
        let of = &mut self.systems[system];
        of.be_edited();
        if of.setup.in_place || of.setup.whole_table {
            self.export(system);
        }
    }

    /// Whether no other record of its party can be told what a cell says: none that passes know of.
    fn is_alone(&self, cell: &Cell, value: &str) -> bool {
        let is_of =
            |numbers: &&Vec<Option<String>>| numbers[cell.system].as_ref() == Some(&cell.no);
        let party = self.parties.iter().find(is_of).into_iter().flatten();
        let says = self.systems.iter().zip(party).map(|(system, no)| {
            let is_known = |no: &String| system.records.contains_key(no) && !system.is_gone(no);
            let is_there = no.as_ref().is_some_and(is_known);
            let is_heard = self.exchange.disk.exists(&path(&system.file()));
            let holds = system.held(cell.field, value).is_some();
            is_there && is_heard && holds && !system.is_away && !system.is_hidden(cell.field)
        });
        let says: Vec<bool> = says.collect();
        !says[0] || says.iter().filter(|says| **says).count() < 2
    }

    /// Whether a policy may have chosen against what a cell says. Where it cannot hold what was chosen, nothing is written over it, and
    /// the log does not name it.
    fn may_be_overruled(&self, cell: &Cell) -> bool {
        let is_of = |numbers: &Vec<Option<String>>| numbers[cell.system].as_ref() == Some(&cell.no);
        let party = self.parties.iter().position(is_of);
        let is_held = |party| {
            self.open()
                .is_ok_and(|open| open.contains(&(party, cell.field)))
        };
        !self.holds && party.is_some_and(|party| !is_held(party))
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
        if !of.may_be_edited() {
            return;
        }
        if let Some(values) = of.records.remove(&no) {
            self.oracle.deleted(system, &no, &values);
            of.deleted.insert(no.clone(), values);
            let format = of.setup.format;
            of.spoilt = of
                .spoilt
                .take()
                .filter(|spoilt| spoilt.no != no || !spoilt.is_strange(format));
        }
        let is_of = |numbers: &Vec<Option<String>>| numbers[system].as_ref() == Some(&no);
        let party = self.parties.iter().position(is_of);
        self.disturbed.extend(party);
        if let Some(party) = party {
            self.relations.lose(party, system);
        }
        if system > 0 {
            self.primaries.lose(system, &no);
        }
        self.tally.is("a deletion");
        self.be_edited(system);
    }

    /// A user enters a deleted record again, as it was.
    pub(super) fn enter_again(&mut self, system: usize) {
        let count = self.systems.len();
        let missing = (0..count)
            .map(|at| (system + at) % count)
            .find(|at| !self.systems[*at].deleted.is_empty());
        let Some(system) = missing else { return };
        let of = &mut self.systems[system];
        if !of.may_be_edited() {
            return;
        }
        if let Some((no, values)) = of.deleted.pop_first() {
            of.records.insert(no, values);
            // With its contact, or with it, all of its party may meet anew.
            self.systems
                .iter()
                .for_each(|system| self.oracle.met_anew(system));
            self.tally.is("a return");
            self.be_edited(system);
        }
    }

    /// A pass reads a damaged export, as if that system said nothing; then a whole one comes.
    pub(super) fn damage(&mut self, system: usize, how: usize) -> Check {
        let of = &self.systems[system];
        if of.exports_read == 0 || of.is_away || self.silent.contains_key(&system) {
            return Ok(());
        }
        self.export(system);
        let damaged = self.systems[system].damaged(how);
        self.exchange
            .put(&self.systems[system].file(), damaged.clone());
        self.silent.insert(system, Some(damaged));
        self.tally.is("a damaged export");
        self.pass()?;
        self.pass_without_news()?;
        self.speak(system);
        Ok(())
    }

    /// Its files can be read again: there is a new one.
    fn speak(&mut self, system: usize) {
        self.silent.remove(&system);
        self.systems[system].text_read.clear();
        self.export(system);
        let of = &self.systems[system];
        self.exchange.put(&of.file(), of.encoded(&of.text));
    }

    /// The files of some systems go away or are damaged, and those of others come back.
    pub(super) fn hide(&mut self, systems: u8, how: usize) {
        for system in 0..self.systems.len() {
            let is_silent = self.silent.contains_key(&system);
            if systems & (1 << system) == 0 || self.systems[system].exports_read == 0 {
                continue;
            }
            if is_silent {
                self.speak(system);
                continue;
            }
            self.export(system);
            let of = &self.systems[system];
            let stands = match how % 5 {
                how @ 0..3 => Some(of.damaged(how)),
                3 => Some(of.with_bad_quote()),
                _ => None,
            };
            match &stands {
                Some(bytes) => self.exchange.put(&of.file(), bytes.clone()),
                None => self.take_away_exports(system),
            }
            self.silent.insert(system, stands);
            self.tally.is(match system {
                0 => "contacts that are away for a while",
                _ => "counterparts that are away for a while",
            });
            if self.silent.len() > 1 {
                self.tally.is("several silent systems");
            }
        }
    }

    /// All exports of a system are taken away, older ones too.
    pub(super) fn take_away_exports(&self, system: usize) {
        let begins = path(&self.systems[system].setup.table);
        let begins = begins.to_string_lossy();
        let files = self.exchange.disk.files().into_keys();
        let of_table = files.filter(|file| file.to_string_lossy().starts_with(&*begins));
        of_table.for_each(|file| self.exchange.disk.delete(&file));
    }

    /// All that is away comes back, and what is spoilt is mended.
    pub(super) fn heal(&mut self) {
        self.systems.iter_mut().for_each(System::mend);
        for system in self.silent.clone().into_keys() {
            self.speak(system);
        }
        self.show_relations();
    }

    /// A row is spoilt from now on, or mended.
    pub(super) fn spoil(&mut self, system: usize, record: usize, how: usize) {
        let of = &mut self.systems[system];
        if of.exports_read == 0 {
            return;
        }
        let no = of.records.keys().nth(record % of.records.len().max(1));
        let spoilt = no.map(|no| Spoilt {
            no: no.clone(),
            how,
        });
        // Where nobody is missed, who seems to be somebody else is.
        let is_known = |spoilt: &Spoilt| {
            of.read.contains_key(&spoilt.no) || !spoilt.is_strange(of.setup.format)
        };
        if of.spoilt.is_some() {
            of.mend();
        } else if let Some(spoilt) = spoilt.filter(is_known) {
            self.tally.is(spoilt.class());
            of.spoilt = Some(spoilt);
        }
        if of.setup.in_place {
            self.export(system);
        }
    }

    pub(super) fn export(&mut self, system: usize) {
        if self.silent.contains_key(&system) {
            return;
        }
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
        if !of.may_import(&update) {
            return;
        }
        if of.setup.whole_table {
            self.tally.is("an import of a whole table");
        }
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
            let mut fields = record.iter().zip(&values).take(FIELDS.len());
            if of.setup.no_change && fields.any(is_blank) {
                // Where empty cells say nothing, what was cleared is told by the record's being listed.
                of.unread.insert(no.clone());
            }
            let is_taken = self.primaries.takes(system, &no, update.pass);
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
                if field >= FIELDS.len() {
                    if is_taken {
                        self.primaries.imported(&cell, &new, update.pass);
                        *old = new;
                    }
                    continue;
                }
                self.oracle.imported(&cell, old, &new, is_old);
                *old = new;
            }
        }
        if of.setup.whole_table {
            // What is newer is imported again before anybody edits.
            of.imported.retain(|pass| *pass < update.pass);
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
        let text = configuration(&self.systems, &self.setup, self.policy);
        self.exchange = Exchange::resumed(&text, self.exchange.disk.clone(), database);
    }
}
