//! Primary contacts: users choose a person of a company in its counterparts, another one, or nobody; persons get other names, go
//! and come back. No other system shares these cells, so nobody but Couplet and the system itself writes there.

use std::collections::BTreeMap;

use couplet::merge::Plan;

use super::super::oracle::Cell;
use super::super::steps::Setup;
use super::super::systems::{FIELDS, System, Values};
use super::{Check, World, kind, typed};

/// The cells of a contact: its name, its company, and what it is.
const NAME: usize = FIELDS.len();
const COMPANY: usize = FIELDS.len() + 1;
const TYPE: usize = FIELDS.len() + 2;

/// The cells of a counterpart: the number of its primary contact, and that one's name.
const PRIMARY: usize = FIELDS.len();
const CONTACT: usize = FIELDS.len() + 1;

/// What users chose, by system and record.
#[derive(Default)]
pub struct Primaries {
    chosen: BTreeMap<(usize, String), Choice>,
    /// Of which update each record has its cells.
    imported: BTreeMap<(usize, String), u64>,
    /// The newest pass that wrote something.
    pass: u64,
    /// Nobody edits any more.
    pub is_over: bool,
}

/// Whom a counterpart has as its primary contact.
#[derive(Clone, Debug, Default)]
struct Choice {
    /// The number; blank where nobody is.
    person: String,
    /// The name that stood beside the number that passes know, or that an update has brought since.
    name: String,
    /// The newest pass before the one that read it.
    read: Option<u64>,
    /// A pass has read it while the person was there.
    is_known: bool,
    /// Who was there when a disappearance blanked it; what was chosen since, no pass has read yet.
    blanked: Option<String>,
    /// Its own system replaced it, or it cannot be told from what a pass wrote.
    is_unsure: bool,
    /// The record went since, and what it came back with is older than what happened to the person meanwhile.
    is_left: bool,
}

/// The cells of a contact at the beginning.
pub fn name(values: &mut Values, party: usize, setup: &Setup) {
    let companies = setup.parties.len() - setup.persons;
    let (company, noun) = match party.checked_sub(companies) {
        None => (party, "Company"),
        Some(person) => (person % 2, "Person"),
    };
    values[NAME] = format!("{noun} {party}");
    values[COMPANY] = format!("C{}", company + 1);
    values[TYPE] = noun.to_owned();
}

fn names(cell: &str, person: &str) -> bool {
    !person.is_empty() && cell.trim() == person
}

impl Primaries {
    fn of(&mut self, system: usize, no: &str) -> &mut Choice {
        self.chosen.entry((system, no.to_owned())).or_default()
    }

    /// Whether somebody has ever chosen somebody there.
    pub fn has_chosen(&self, system: usize, no: &str) -> bool {
        self.chosen.contains_key(&(system, no.to_owned()))
    }

    /// A record goes, or comes back as it was: who was blanked meanwhile, nobody knows there.
    pub fn lose(&mut self, system: usize, no: &str) {
        let choice = self.of(system, no);
        (choice.is_unsure, choice.is_left) = (true, true);
    }

    /// Whether a system takes the cells of a row: once nobody edits, only those of newer updates.
    pub fn takes(&mut self, system: usize, no: &str, pass: u64) -> bool {
        let of = self.imported.entry((system, no.to_owned())).or_default();
        if self.is_over && pass <= *of {
            return false;
        }
        *of = pass;
        true
    }

    /// A system imports a cell: what was chosen meanwhile is replaced by that system itself.
    pub fn imported(&mut self, cell: &Cell, new: &str, pass: u64) {
        if cell.system == 0 || cell.field != PRIMARY {
            return;
        }
        let choice = self.of(cell.system, &cell.no);
        let is_newer = choice.read.is_some_and(|read| pass > read);
        let is_blank = new.trim().is_empty();
        let is_known = names(new, &choice.person) || (is_blank && choice.person.is_empty());
        let is_expected = is_known || (is_blank && is_newer && choice.blanked.is_some());
        choice.is_unsure |= !is_expected;
    }
}

impl World<'_> {
    /// The persons of a party's company.
    fn persons(&self, party: usize) -> impl Iterator<Item = &String> {
        let companies = self.parties.len() - self.setup.persons;
        let persons = self.parties[companies..].iter().enumerate();
        let of_party = persons.filter(move |(person, _)| person % 2 == party);
        of_party.filter_map(|(_, numbers)| numbers[0].as_ref())
    }

    /// Whether a counterpart has its relation, and passes know both of its ends.
    fn is_related(&self, party: usize, system: usize) -> bool {
        let (contact, no) = (&self.parties[party][0], &self.parties[party][system]);
        let is_there = |at: usize, no: &Option<String>| {
            let of = &self.systems[at];
            no.as_ref()
                .is_some_and(|no| of.records.contains_key(no) && !of.is_gone(no))
        };
        let (_, _, code, noun) = kind(&self.systems[system].setup.table);
        let row = contact.as_ref().zip(no.as_ref());
        let row = row.map(|(contact, no)| format!("{contact},{code},{noun},{no}\n"));
        is_there(0, contact)
            && is_there(system, no)
            && row.is_some_and(|row| self.related().contains(&row))
    }

    /// The party of a counterpart.
    fn party_of(&self, system: usize, no: &str) -> Option<usize> {
        let is_of = |numbers: &Vec<Option<String>>| numbers[system].as_deref() == Some(no);
        self.parties.iter().position(is_of)
    }

    /// A user chooses a person of the company as primary contact, or nobody; the name stays, or goes with the number.
    pub(super) fn choose(&mut self, system: usize, record: usize, person: usize) {
        let of = &self.systems[system];
        let nos: Vec<&String> = of.records.keys().collect();
        let no = nos.get(record % nos.len().max(1));
        let (Some(no), true) = (no, of.has_primaries() && of.may_be_edited()) else {
            return;
        };
        let no = (*no).clone();
        let party = self.party_of(system, &no);
        let Some(party) = party.filter(|party| self.is_related(*party, system)) else {
            return;
        };
        let persons: Vec<&String> = self.persons(party).collect();
        let chosen = persons.get(person % (persons.len() + 1));
        let chosen = chosen.map_or(String::new(), |person| (*person).clone());
        let Some(values) = self.systems[system].records.get(&no) else {
            return;
        };
        if values[PRIMARY].trim() == chosen {
            return;
        }
        self.tally.is(match chosen.as_str() {
            "" => "a primary contact that a user clears",
            _ => "a primary contact that a user chooses",
        });
        let is_cleared = chosen.is_empty() || (person / 4).is_multiple_of(2);
        let (number, name) = (values[PRIMARY].trim(), values[CONTACT].clone());
        let is_read = |number: &str| {
            let read = self.systems[system].read.get(&no);
            read.is_some_and(|read| read[PRIMARY].trim() == number)
        };
        let (was_read, is_back) = (is_read(number), is_read(&chosen));
        let choice = self.primaries.of(system, &no);
        let name = match was_read || !name.trim().is_empty() {
            true => name,
            false => std::mem::take(&mut choice.name),
        };
        // Until a pass reads another choice it knows of none: who takes that back, too, leaves what the disappearance left.
        let blanked = choice.blanked.take();
        let is_told = |blanked: &String| !chosen.is_empty() && chosen != *blanked;
        *choice = Choice {
            person: chosen.clone(),
            name: name.clone(),
            is_unsure: !blanked.as_ref().is_none_or(is_told),
            blanked,
            ..Choice::default()
        };
        let of = &mut self.systems[system];
        let stored = of.setup.stored(&chosen);
        if let Some(values) = of.records.get_mut(&no) {
            values[PRIMARY] = stored;
            // Who takes back a choice that no pass has read has the name back too: else only the name would be theirs, cleared. So has
            // who takes it back after an update has brought the name: without it, the record would look as if nothing had been imported.
            if is_back {
                values[CONTACT] = name;
            } else if is_cleared {
                values[CONTACT].clear();
            }
        }
        self.be_edited(system);
    }

    /// A user gives a person another name.
    pub(super) fn rename(&mut self, person: usize) {
        let companies = self.parties.len() - self.setup.persons;
        let persons = &self.parties[companies..];
        let no = persons.get(person % persons.len().max(1));
        let no = no.and_then(|numbers| numbers[0].as_ref());
        let contacts = &mut self.systems[0];
        if !contacts.may_be_edited() {
            return;
        }
        let name = contacts.typed(NAME, &typed(self.now, None));
        if let Some(values) = no.and_then(|no| contacts.records.get_mut(no)) {
            values[NAME] = name;
            self.tally.is("a person that gets another name");
            self.be_edited(0);
        }
    }

    /// A user deletes a person that is a primary contact.
    pub(super) fn leave(&mut self, person: usize) {
        let chosen = self.primaries.chosen.values();
        let chosen: Vec<&String> = chosen.map(|choice| &choice.person).collect();
        let no = chosen.get(person % chosen.len().max(1));
        let at = no.and_then(|no| {
            self.systems[0]
                .records
                .keys()
                .position(|known| known == *no)
        });
        if let Some(at) = at {
            self.delete(0, at);
        }
    }

    /// A pass is about to read what users chose.
    pub(super) fn read_primaries(&mut self) {
        let (contacts, pass) = (&self.systems[0], self.primaries.pass);
        for ((system, no), choice) in &mut self.primaries.chosen {
            let read = self.systems[*system].read.get(no);
            if read.is_some_and(|read| read[PRIMARY].trim() == choice.person) {
                if choice.read.is_none() {
                    (choice.read, choice.blanked) = (Some(pass), None);
                }
                choice.is_known |= contacts.read.contains_key(&choice.person);
            }
        }
    }

    /// What a pass does to primary contacts: it blanks who is gone, names who is back, and follows names; nobody's choice gives
    /// way to anything else.
    pub(super) fn check_primaries(&mut self, plan: &Plan, pass: Option<u64>) -> Check {
        let contacts = &self.systems[0];
        let is_there = |no: &str| !contacts.is_gone(no.trim());
        for change in &plan.changes {
            let of_table = |system: &System| system.setup.table == change.table;
            let Some(system) = self.systems.iter().position(of_table) else {
                continue;
            };
            let column = self.systems[system].column(&change.column);
            let Some(column) = column.filter(|column| system > 0 && *column >= PRIMARY) else {
                continue;
            };
            let read = self.systems[system].read.get(&change.no);
            let shown = read.map_or("", |read| read[PRIMARY].trim());
            let choice = self.primaries.of(system, &change.no);
            let to = change.to.trim();
            let is_right = match (column, to.is_empty()) {
                (PRIMARY, true) => {
                    let person = Some(shown).filter(|shown| !shown.is_empty());
                    choice.blanked = Some(person.unwrap_or(&choice.person).to_owned());
                    // Who clears it before a pass has read that leaves what the disappearance leaves.
                    choice.is_unsure |= choice.read.is_none() && choice.person.is_empty();
                    self.tally
                        .is("a primary contact that a disappearance blanks");
                    shown.is_empty() || !is_there(shown)
                }
                (PRIMARY, false) => {
                    choice.blanked = None;
                    self.tally.is("a primary contact that is back");
                    let is_known = choice.read.is_some() && !choice.is_unsure;
                    is_there(to)
                        && (shown.is_empty() || shown == to)
                        && (!is_known || choice.person == to)
                }
                (_, true) => shown.is_empty() || !is_there(shown),
                (_, false) => {
                    let mut named = contacts.read.values();
                    named.any(|values| values[TYPE] == "Person" && values[NAME].trim() == to)
                }
            };
            if !is_right {
                return Err(format!(
                    "a primary contact is not followed: {change:?}, {choice:?}"
                ));
            }
        }
        self.primaries.pass = pass.unwrap_or(self.primaries.pass);
        Ok(())
    }

    /// At the end each counterpart has whom somebody chose, as far as that person is there, with the name of that person.
    pub(super) fn check_chosen(&self) -> Check {
        let contacts = &self.systems[0];
        for (system, of) in self.systems.iter().enumerate().skip(1) {
            for (no, values) in of.records.iter().filter(|_| of.has_primaries()) {
                let (primary, contact) = (values[PRIMARY].trim(), values[CONTACT].trim());
                let choice = self.primaries.chosen.get(&(system, no.clone()));
                let choice = choice.cloned().unwrap_or_default();
                let is_there = contacts.records.contains_key(&choice.person);
                let is_right = match is_there {
                    true => primary == choice.person,
                    false => primary.is_empty() || (primary == choice.person && !choice.is_known),
                };
                let told =
                    || format!("{no} has {primary:?}, {contact:?}, and {choice:?} was chosen");
                if !is_right && !choice.is_unsure {
                    return Err(format!("a primary contact is lost: {}", told()));
                }
                let party = self.party_of(system, no);
                let is_related = party.is_some_and(|party| self.is_related(party, system));
                let person = contacts.records.get(primary).filter(|_| is_related);
                let name = person.and_then(|person| of.held(PRIMARY, &person[NAME]));
                if name.is_some_and(|name| name != contact) && !choice.is_left {
                    return Err(format!("a name is not followed: {}", told()));
                }
            }
        }
        Ok(())
    }
}
