//! The oracle for loss: each edit types a value that was never typed before, so that every value tells who typed it, and knows
//! what that user knew.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use couplet::merge::{Plan, Rule};
use couplet::state::Store;

use super::systems::{FIELDS, System};

/// A cell of one system.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cell {
    /// The system.
    pub system: usize,
    /// The record.
    pub no: String,
    /// The field.
    pub field: usize,
}

/// A value that a user typed.
#[derive(Clone, Debug)]
struct Token {
    cell: Cell,
    at: usize,
    /// A pass has read it.
    seen: bool,
    /// The same user, or an import into the same system, has replaced it since: that loss is theirs.
    superseded: bool,
    /// The log tells it.
    logged: bool,
}

/// What was typed, and what may replace it.
#[derive(Default)]
pub struct Oracle {
    tokens: BTreeMap<String, Token>,
    /// All values that each cell has ever held.
    held: BTreeMap<Cell, BTreeSet<String>>,
    /// What each value replaced knowingly: all that its cell had held when it was typed, and what those replaced.
    replaces: HashMap<String, BTreeSet<String>>,
    /// Values that somebody decided against, or that their own system let go.
    excused: BTreeSet<String>,
    /// Values that a person chose, with the time of the pass that carried it out.
    chosen: Vec<(String, usize)>,
    /// Values that a person decided against.
    overruled: BTreeSet<String>,
    /// When a person typed a value to decide a conflict.
    decided_at: BTreeMap<String, usize>,
    /// All values that a record has shown, or a person chose, by field: no other may be written.
    spoken: [BTreeSet<String>; FIELDS.len()],
}

impl Oracle {
    /// A cell holds a value from the beginning.
    pub fn begins(&mut self, cell: Cell, value: &str) {
        self.spoken[cell.field].insert(value.to_owned());
        self.held.entry(cell).or_default().insert(value.to_owned());
    }

    /// A user types something new over what the cell held.
    pub fn typed(&mut self, cell: &Cell, before: &str, value: &str, at: usize) {
        self.supersede(cell, before);
        let knows = self.known_at(cell);
        self.replaces.insert(value.to_owned(), knows);
        self.held
            .entry(cell.clone())
            .or_default()
            .insert(value.to_owned());
        let token = Token {
            cell: cell.clone(),
            at,
            seen: false,
            superseded: false,
            logged: false,
        };
        self.tokens.insert(value.to_owned(), token);
    }

    /// What the users of a cell know: all that it has held, and what those values replaced.
    fn known_at(&self, cell: &Cell) -> BTreeSet<String> {
        let held = self.held.get(cell).into_iter().flatten();
        let replaced = held
            .clone()
            .filter_map(|value| self.replaces.get(value))
            .flatten();
        held.chain(replaced).cloned().collect()
    }

    /// A user clears a cell, or types again what it held before; neither tells when it was typed.
    pub fn retyped(&mut self, cell: &Cell, before: &str, value: &str, at: usize) {
        self.supersede(cell, before);
        self.excused.insert(before.to_owned());
        let mut known = self.known_at(cell);
        known.remove(value);
        if value.is_empty() {
            // What fills the blank again need not know what it took the place of.
            self.excused.extend(known.iter().cloned());
        }
        self.replaces
            .entry(value.to_owned())
            .or_default()
            .extend(known);
        self.held
            .entry(cell.clone())
            .or_default()
            .insert(value.to_owned());
        self.chosen.push((value.to_owned(), at));
    }

    /// A system imports a value over what the cell held.
    pub fn imported(&mut self, cell: &Cell, before: &str, value: &str, is_old: bool) {
        self.supersede(cell, before);
        if is_old {
            // What is older than what Couplet remembers of its answers is what the system's users now say.
            self.excused.insert(before.to_owned());
        }
        self.held
            .entry(cell.clone())
            .or_default()
            .insert(value.to_owned());
    }

    /// A pass wrote a value into a cell.
    pub fn written(&mut self, cell: Cell, value: &str) {
        self.held.entry(cell).or_default().insert(value.to_owned());
    }

    /// A user deletes a record, with whatever its cells held.
    pub fn deleted(&mut self, system: usize, no: &str, values: &[String]) {
        for (field, value) in values.iter().enumerate() {
            let no = no.to_owned();
            self.supersede(&Cell { system, no, field }, value);
        }
    }

    /// All records that there ever were.
    fn records(&self) -> BTreeSet<(usize, &str)> {
        let cells = self.held.keys();
        cells.map(|cell| (cell.system, cell.no.as_str())).collect()
    }

    fn supersede(&mut self, cell: &Cell, before: &str) {
        if let Some(token) = self.tokens.get_mut(before)
            && token.cell == *cell
        {
            token.superseded = true;
        }
    }

    /// Whether nobody has typed a value yet.
    pub fn is_new(&self, value: &str) -> bool {
        !self.tokens.contains_key(value)
    }

    /// What a cell held, oldest first.
    pub fn earlier(&self, cell: &Cell) -> Vec<&String> {
        self.held.get(cell).into_iter().flatten().collect()
    }

    /// A person decides between values; whoever reads them knows them.
    pub fn decided(
        &mut self,
        value: &str,
        over: impl IntoIterator<Item = String>,
        field: usize,
        at: usize,
    ) {
        let over: BTreeSet<String> = over.into_iter().collect();
        let mut knows = over.clone();
        knows.extend(
            over.iter()
                .filter_map(|value| self.replaces.get(value))
                .flatten()
                .cloned(),
        );
        knows.extend(self.replaces.get(value).into_iter().flatten().cloned());
        self.replaces.insert(value.to_owned(), knows);
        self.excused.extend(over);
        self.decided_at.entry(value.to_owned()).or_insert(at);
        self.spoken[field].insert(value.to_owned());
    }

    /// A pass is about to read what a system's last export showed.
    pub fn read(&mut self, at: usize, system: &System) {
        for (value, token) in self
            .tokens
            .iter_mut()
            .filter(|(_, token)| !token.seen && token.cell.system == at)
        {
            let shown = system.exported.get(&token.cell.no);
            let is_hidden = system.hid && token.cell.field == FIELDS.len() - 1;
            token.seen = !is_hidden && shown.is_some_and(|shown| shown[token.cell.field] == *value);
        }
        for values in system.exported.values() {
            for (spoken, value) in self.spoken.iter_mut().zip(values) {
                if !spoken.contains(value) {
                    spoken.insert(value.clone());
                }
            }
        }
    }

    /// When a value was typed; what was there from the beginning is older.
    fn typed_at(&self, value: &str) -> usize {
        let typed = self.tokens.get(value).map(|token| token.at);
        typed
            .or_else(|| self.decided_at.get(value).copied())
            .unwrap_or(0)
    }

    /// Checks what a pass changed: no value is invented; where conflicts are held, nobody's edit gives way to one that did not
    /// know it.
    pub fn check_changes(&mut self, plan: &Plan, holds: bool, now: usize) -> Result<(), String> {
        for change in &plan.changes {
            for value in [&change.from, &change.to] {
                if let Some(token) = self.tokens.get_mut(value) {
                    token.logged = true;
                }
            }
            let Some(field) = FIELDS.iter().position(|field| *field == change.column) else {
                continue;
            };
            if !self.spoken[field].contains(&change.to) {
                return Err(format!("invented: {change:?}"));
            }
            if change.rule == Rule::Decided {
                self.chosen.push((change.to.clone(), now));
                self.overruled.insert(change.from.clone());
            }
            // Nothing is lost with a blank, and a cleared cell does not tell when it was cleared.
            let is_blank = change.from.is_empty() || change.to.is_empty();
            // What a side shows is written once more where something else is on its way to it.
            if !holds || is_blank || change.from == change.to || change.rule == Rule::Decided {
                continue;
            }
            let is_known = self
                .replaces
                .get(&change.to)
                .is_some_and(|known| known.contains(&change.from));
            if !is_known && !self.excused.contains(&change.from) {
                return Err(format!(
                    "reverted by somebody who did not know it: {change:?}"
                ));
            }
            let (from, to) = (self.typed_at(&change.from), self.typed_at(&change.to));
            let is_chosen = || {
                self.chosen
                    .iter()
                    .any(|(value, at)| *value == change.to && *at >= from)
            };
            if from > to
                && !is_chosen()
                && !self.overruled.contains(&change.from)
                && !self.excused.contains(&change.from)
            {
                return Err(format!("reverted to what is older: {change:?}"));
            }
        }
        Ok(())
    }

    /// Checks that every edit that a pass has read is in its cell, in a conflict, on its way, or in the log.
    pub fn check_nothing_is_lost(
        &mut self,
        systems: &[System],
        store: &Store,
    ) -> Result<(), String> {
        let missing: Vec<String> = self
            .missing(systems)
            .map(|(value, _)| value.clone())
            .collect();
        if missing.is_empty() {
            return Ok(());
        }
        let kept = self.kept(systems, store)?;
        for value in missing {
            match kept.get(&value) {
                None => return Err(format!("lost: {value:?}, {:?}", self.tokens[&value])),
                Some(Kept::Log) => {
                    if let Some(token) = self.tokens.get_mut(&value) {
                        token.logged = true;
                    }
                }
                Some(Kept::Open) => {}
            }
        }
        Ok(())
    }

    /// Edits that were read and are neither in their cells nor known to be in the log.
    fn missing<'o>(
        &'o self,
        systems: &'o [System],
    ) -> impl Iterator<Item = (&'o String, &'o Token)> {
        self.tokens.iter().filter(|(value, token)| {
            let Cell { system, no, field } = &token.cell;
            let is_live = || {
                let record = systems[*system].records.get(no);
                record.is_some_and(|values| values[*field] == **value)
            };
            token.seen && !token.superseded && !token.logged && !is_live()
        })
    }

    /// Checks at the end that the log really tells what passes said they changed.
    pub fn check_log(&self, systems: &[System], store: &Store) -> Result<(), String> {
        let kept = self.kept(systems, store)?;
        let of_log = self.tokens.iter().filter(|(_, token)| token.logged);
        for (value, token) in of_log {
            if !kept.contains_key(value) {
                return Err(format!("lost from the log: {value:?}, {token:?}"));
            }
        }
        Ok(())
    }
}

/// Where a value is kept.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kept {
    /// For good.
    Log,
    /// In a cell, a conflict, or on its way, for now.
    Open,
}

impl Oracle {
    /// All values that the systems and the state keep.
    fn kept(&self, systems: &[System], store: &Store) -> Result<BTreeMap<String, Kept>, String> {
        let failed = |error: couplet::state::StateError| error.to_string();
        let mut kept = BTreeMap::new();
        for open in store.conflicts().map_err(failed)? {
            let claims = open.conflict.claims.into_iter();
            let values = claims.flat_map(|claim| [claim.shows, claim.base]);
            let values = values.chain([open.conflict.agreed]).flatten();
            kept.extend(values.map(|value| (value, Kept::Open)));
        }
        for system in systems {
            let live = system.records.values().flatten();
            kept.extend(live.map(|value| (value.clone(), Kept::Open)));
        }
        for (system, no) in self.records() {
            let table = &systems[system].setup.table;
            let sent = store.sent(table, no, 0).map_err(failed)?.into_iter();
            let in_flight = sent.filter(|value| !value.sent.acknowledged);
            kept.extend(in_flight.map(|value| (value.sent.value, Kept::Open)));
        }
        for (_, settled) in store.settled().map_err(failed)? {
            let claims = settled.conflict.claims.into_iter();
            let values = claims.filter_map(|claim| claim.shows);
            let values = values.chain(settled.conflict.agreed);
            kept.extend(values.map(|value| (value, Kept::Log)));
        }
        for (system, no) in self.records() {
            let table = &systems[system].setup.table;
            for decision in store.decisions(table, no, None).map_err(failed)? {
                kept.extend([(decision.from, Kept::Log), (decision.to, Kept::Log)]);
            }
        }
        Ok(kept)
    }
}
