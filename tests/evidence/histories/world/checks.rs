//! What must be true after each pass.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use couplet::merge::plan::{Change, Debt};
use couplet::sync::Summary;

use super::super::oracle::Cell;
use super::super::reference::{Expected, Winner};
use super::super::systems::{FIELDS, System};
use super::{Check, World, kind, of_state};
use crate::exchange::path;

impl World<'_> {
    /// The party and field of a conflict.
    pub(super) fn place_of(&self, contact: &str, field: &str) -> Result<(usize, usize), String> {
        let party = self
            .parties
            .iter()
            .position(|numbers| numbers[0].as_deref() == Some(contact));
        let field = FIELDS.iter().position(|name| *name == field);
        party
            .zip(field)
            .ok_or_else(|| format!("a conflict of {contact} on {field:?}"))
    }

    pub(super) fn open(&self) -> Result<BTreeSet<(usize, usize)>, String> {
        let open = self.exchange.store.conflicts().map_err(of_state)?;
        let places = open
            .iter()
            .map(|open| self.place_of(&open.conflict.contact, &open.conflict.field));
        places.collect()
    }

    /// Relations go only where one of their ends is gone.
    pub(super) fn check_relations(&mut self, summary: &Summary) -> Check {
        if self.relations.are_silent() && !summary.plan.uncouplings.is_empty() {
            let gone = &summary.plan.uncouplings;
            return Err(format!("relations went that nobody could read: {gone:?}"));
        }
        for gone in &summary.plan.uncouplings {
            let is_there = |table: &str, no: &str| {
                let system = self
                    .systems
                    .iter()
                    .find(|system| system.setup.table == table);
                system.is_some_and(|system| !system.is_gone(no))
            };
            if is_there("contacts", &gone.contact) && is_there(&gone.table, &gone.no) {
                return Err(format!("both ends are there: {gone:?}"));
            }
        }
        Ok(())
    }

    /// Takes in what a pass wrote: files in place are the data of their systems.
    pub(super) fn take_in(&mut self, summary: &Summary) -> Check {
        let name = |path: &Path| {
            path.file_name()
                .map(|name| name.to_string_lossy().into_owned())
        };
        let written: Vec<String> = summary.files.iter().filter_map(|path| name(path)).collect();
        self.receive_relations(&written)?;
        for (at, system) in self.systems.iter_mut().enumerate() {
            let table = system.setup.table.clone();
            for change in &summary.plan.changes {
                let is_illegible = system.illegible() == Some(&change.no);
                if change.table == table && (is_illegible || self.silent.contains_key(&at)) {
                    return Err(format!("nobody could read what was changed: {change:?}"));
                }
            }
            if written
                .iter()
                .any(|file| file.starts_with(&format!("{table}_removed")))
            {
                return Err(format!("a deletion reached {table}"));
            }
            let mut changes = summary.plan.changes.iter();
            if system.is_away && changes.any(|change| change.table == table) {
                return Err(format!("{table} is not configured, and was written to"));
            }
            let mut problems = summary.plan.problems.iter();
            if system.is_away && problems.any(|problem| problem.place.table == table) {
                return Err(format!("{table} is not configured, and somebody is told"));
            }
            if !system.setup.in_place {
                for file in written.iter().filter(|file| file.starts_with(&table)) {
                    let bytes = self.exchange.disk.bytes(&path(&format!("updates/{file}")));
                    let pass = summary.pass.ok_or("a pass that wrote has no number")?;
                    let text = system.decoded(&bytes.ok_or("an update file is missing")?);
                    system.receive(pass, &text)?;
                }
                continue;
            }
            for change in summary
                .plan
                .changes
                .iter()
                .filter(|change| change.table == table)
            {
                let field = system.column(&change.column);
                let field = field.ok_or_else(|| format!("another cell was changed: {change:?}"))?;
                let values = system.records.get_mut(&change.no);
                let values = values.ok_or_else(|| format!("no such record: {change:?}"))?;
                values[field].clone_from(&change.to);
                let cell = Cell {
                    system: at,
                    no: change.no.clone(),
                    field,
                };
                self.oracle.written(cell, &change.to);
            }
            if let Some(stands) = self.silent.get(&at) {
                // What is damaged stays as it is.
                match self.exchange.disk.bytes(&path(&system.file())) == *stands {
                    true => continue,
                    false => return Err(format!("a damaged file of {table} was written")),
                }
            }
            // Every other byte is as it was.
            let bytes = self.exchange.disk.bytes(&path(&system.file()));
            let text = system.decoded(&bytes.unwrap_or_default());
            system.show();
            let right = system.rendered();
            if text != right {
                return Err(format!("{table} should be\n{right}and is\n{text}"));
            }
            if system.is_away {
                continue;
            }
            system.be_known();
            system.text.clone_from(&text);
            system.text_read = text;
        }
        Ok(())
    }

    /// What the reference model says of parties whose systems are all edited in place.
    pub(super) fn predicted(&mut self) -> Result<BTreeMap<(usize, usize), Expected>, String> {
        let winner = match self.policy {
            1 => Winner::Contact,
            2 => Winner::Counterpart,
            4 => Winner::First(&["vendors", "contacts"]),
            // Without dates nobody is the newest.
            _ => Winner::Hold,
        };
        let decided = std::mem::take(&mut self.decided);
        let mut expected = BTreeMap::new();
        for (party, numbers) in self.parties.iter().enumerate() {
            let members = || {
                self.systems
                    .iter()
                    .zip(numbers)
                    .filter_map(|(system, no)| Some((system, no.as_ref()?)))
            };
            let is_gone = |(system, no): (&System, &String)| !system.records.contains_key(no);
            let is_silent = |(system, _): (&System, &String)| {
                let silent = self.silent.keys().map(|silent| &self.systems[*silent]);
                silent
                    .map(|silent| &silent.setup.table)
                    .any(|silent| *silent == system.setup.table)
            };
            let is_illegible = |(system, no): (&System, &String)| system.illegible() == Some(no);
            if members().any(is_silent)
                || members().any(is_gone)
                || members().any(is_illegible)
                || self.relations.parted.iter().any(|(of, _)| *of == party)
                || self.relations.doubled() == numbers[0].as_deref()
            {
                self.disturbed.insert(party);
            }
            if self.disturbed.contains(&party)
                || !members().all(|(system, _)| system.setup.in_place)
            {
                continue;
            }
            for field in 0..FIELDS.len() {
                if members().any(|(system, _)| system.is_limited(field)) {
                    continue;
                }
                let sides = members().map(|(system, no)| {
                    let shown = system.records[no][field].trim();
                    let says = Some(shown).filter(|_| !system.setup.no_change || !shown.is_empty());
                    (system.setup.table.as_str(), says)
                });
                let sides: Vec<(&str, Option<&str>)> = sides.collect();
                let decided = decided.get(&(party, field)).filter(|(_, on)| {
                    // Who says something else meanwhile has not been decided on.
                    let says = sides.iter().map(|(_, says)| *says);
                    let mut both = on.iter().map(|on| on.trim()).zip(says);
                    on.len() == sides.len()
                        && both.all(|(on, says)| says.is_none_or(|says| says == on))
                });
                let decided = decided.map(|(value, _)| value.trim());
                expected.insert(
                    (party, field),
                    self.fields[party][field].pass(&sides, decided, winner),
                );
            }
        }
        Ok(expected)
    }

    /// Compares what is with what the reference model says.
    pub(super) fn compare(&mut self, expected: &BTreeMap<(usize, usize), Expected>) -> Check {
        if expected.is_empty() {
            return Ok(());
        }
        let open = self.open()?;
        self.tally.count(
            "fields compared with the reference model",
            expected.len() as u64,
        );
        for (&(party, field), expected) in expected {
            let values = self.values(party, field);
            let is_right = match expected {
                Expected::Held => open.contains(&(party, field)),
                Expected::All(value) => {
                    !open.contains(&(party, field))
                        && values.iter().all(|(system, is)| {
                            is.trim() == value || (system.setup.no_change && is.trim().is_empty())
                        })
                }
            };
            if !is_right {
                let (name, values) = (FIELDS[field], told(&values));
                return Err(format!(
                    "{name} of party {party} should be {expected:?}, and is {values:?}"
                ));
            }
        }
        Ok(())
    }

    /// What the records of a party say of a field.
    pub(super) fn values(&self, party: usize, field: usize) -> Vec<(&System, &str)> {
        let contact = self.parties[party][0].as_ref();
        if !contact.is_some_and(|no| self.systems[0].records.contains_key(no)) {
            // Without their contact they are nobody's.
            return Vec::new();
        }
        let members = self.systems.iter().zip(&self.parties[party]).enumerate();
        let members = members.filter(|(at, _)| !self.relations.parted.contains(&(party, *at)));
        let values = members.filter_map(|(_, (system, no))| {
            Some((system, system.records.get(no.as_ref()?)?[field].as_str()))
        });
        values.collect()
    }

    /// Whether the records of a party agree on a field, each as far as it can hold what is agreed.
    pub(super) fn agree(&self, party: usize, values: &[(&System, &str)], field: usize) -> bool {
        let stands_by =
            |(system, is): &(&System, &str)| system.setup.no_change && is.trim().is_empty();
        // What stands where a cell was emptied need not be shown by anybody, nor what only who left could hold.
        let contact = self.parties[party][0].as_deref().unwrap_or_default();
        let members = self.parties[party].iter().flatten().count();
        let is_unshown = values.iter().any(stands_by) || values.len() < members;
        let unshown = is_unshown.then(|| self.oracle.forms_of_party(contact, field));
        let mut agreed = self.forms(values).chain(unshown.into_iter().flatten());
        let is_agreed = agreed.any(|agreed| {
            values.iter().all(|value| {
                let held = value.0.held(field, agreed);
                stands_by(value) || held.is_none_or(|held| held.trim() == value.1.trim())
            })
        });
        is_agreed || values.is_empty()
    }

    /// What may be agreed where records show these values, or cut forms of it.
    fn forms<'v>(&'v self, values: &'v [(&System, &'v str)]) -> impl Iterator<Item = &'v str> {
        let forms = values.iter().map(|(_, value)| self.oracle.forms(value));
        // A policy may choose what came late or twice, as its side shows it.
        let shown = values.iter().map(|(_, value)| *value);
        let shown = shown.filter(|value| !self.holds || value.trim().is_empty());
        forms.flatten().chain(shown)
    }

    /// Whether a side may lack something because it cannot hold it: somebody of its party has shown that once.
    pub(super) fn cannot_hold(&self, debt: &Debt) -> bool {
        let field = FIELDS.iter().position(|field| *field == debt.column);
        let of_table = |system: &&System| system.setup.table == debt.table;
        let (Some(field), Some(system)) = (field, self.systems.iter().find(of_table)) else {
            return false;
        };
        let mut forms = self.oracle.forms_of_party(&debt.contact, field);
        system.is_limited(field) && forms.any(|form| system.held(field, form).is_none())
    }

    /// Whether a system gets less than what was typed.
    pub(super) fn is_cut(&self, change: &Change) -> bool {
        let mut forms = self.oracle.forms(&change.to);
        !forms.any(|form| form == change.to.trim())
    }

    /// Records for which values are in flight.
    pub(super) fn flying(&self) -> Result<BTreeSet<(String, String)>, String> {
        let sent = self.exchange.store.all_sent(&|_| 0).map_err(of_state)?;
        let in_flight = sent
            .into_iter()
            .filter(|(_, values)| values.iter().any(|value| !value.sent.acknowledged));
        Ok(in_flight.map(|(record, _)| record).collect())
    }

    /// Whoever is there is coupled as at the beginning, and nobody else.
    pub(super) fn check_couplings(&self) -> Check {
        let text = self.exchange.text("relations.csv").unwrap_or_default();
        let rows: BTreeSet<&str> = text.lines().skip(1).collect();
        let mut right = BTreeSet::new();
        for (party, numbers) in self.parties.iter().enumerate() {
            let members = self.systems.iter().zip(numbers).enumerate();
            let mut there = members.map(|(at, (system, no))| {
                let no = no.as_ref().filter(|no| system.records.contains_key(*no))?;
                let is_coupled = !self.relations.parted.contains(&(party, at));
                is_coupled.then(|| (kind(&system.setup.table), no))
            });
            let Some((_, contact)) = there.next().flatten() else {
                continue;
            };
            right.extend(
                there
                    .flatten()
                    .map(|((_, _, code, noun), no)| format!("{contact},{code},{noun},{no}")),
            );
        }
        let is_right = rows.iter().copied().eq(right.iter().map(String::as_str));
        is_right
            .then_some(())
            .ok_or_else(|| format!("relations should be {right:?} and are {rows:?}"))
    }
}

/// What records say, as a failure tells it.
pub(super) fn told(values: &[(&System, &str)]) -> Vec<String> {
    let told = values
        .iter()
        .map(|(system, is)| format!("{} {is:?}", system.setup.table));
    told.collect()
}
