//! The oracle for loss: each edit types a value that was never typed before, so that every value tells who typed it, and knows
//! what that user knew. The first word of a value is its token: it is the same whether the rest is cut, or blanks follow.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use couplet::merge::plan::Change;
use couplet::merge::{Plan, Rule};
use couplet::state::Store;

use super::systems::{FIELDS, System, Values};

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

/// The word that tells a value from all others.
pub fn token(value: &str) -> &str {
    value.split_whitespace().next().unwrap_or_default()
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
    /// All tokens that each cell has ever held, as it held them.
    held: BTreeMap<Cell, BTreeMap<String, String>>,
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
    /// By token, what users typed or decided: what else a cell shows of it is a cut form.
    whole: BTreeMap<String, BTreeSet<String>>,
    /// Fields of parties that somebody cleared, or that were blank from the beginning: party's number and field.
    cleared: BTreeSet<(String, usize)>,
}

impl Oracle {
    /// A cell holds a value from the beginning.
    pub fn begins(&mut self, cell: Cell, value: &str) {
        self.spoken[cell.field].insert(token(value).to_owned());
        self.is_whole(value);
        if token(value).is_empty() {
            self.may_be_blank(&cell.no, cell.field);
        }
        self.holds(cell, value);
    }

    /// A cell holds a value.
    fn holds(&mut self, cell: Cell, value: &str) {
        let held = self.held.entry(cell).or_default();
        held.insert(token(value).to_owned(), value.to_owned());
    }

    /// A value is news in this form.
    fn is_whole(&mut self, value: &str) {
        let forms = self.whole.entry(token(value).to_owned()).or_default();
        forms.insert(value.trim().to_owned());
    }

    /// What users typed or decided of which a cell shows this, or a cut form of it.
    pub fn forms(&self, value: &str) -> impl Iterator<Item = &str> {
        let forms = self.whole.get(token(value)).into_iter().flatten();
        forms.map(String::as_str)
    }

    /// The same of whatever the records of a party have ever held.
    pub fn forms_of_party(&self, contact: &str, field: usize) -> impl Iterator<Item = &str> {
        let party = party(contact);
        let cells = self.held.iter();
        let of_party =
            cells.filter(move |(cell, _)| cell.field == field && self::party(&cell.no) == party);
        let tokens = of_party.flat_map(|(_, held)| held.keys());
        tokens.flat_map(|token| self.forms(token))
    }

    /// The field of a party may be blanked.
    fn may_be_blank(&mut self, no: &str, field: usize) {
        self.cleared.insert((party(no), field));
    }

    /// A user types something new over what the cell held.
    pub fn typed(&mut self, cell: &Cell, before: &str, value: &str, at: usize) {
        self.supersede(cell, before);
        let knows = self.known_at(cell);
        self.replaces.insert(token(value).to_owned(), knows);
        self.is_whole(value);
        self.holds(cell.clone(), value);
        let typed = Token {
            cell: cell.clone(),
            at,
            seen: false,
            superseded: false,
            logged: false,
        };
        self.tokens.insert(token(value).to_owned(), typed);
    }

    /// What the users of a cell know: all that it has held, and what those values replaced.
    fn known_at(&self, cell: &Cell) -> BTreeSet<String> {
        let held = self.held.get(cell).into_iter().flat_map(BTreeMap::keys);
        let replaced = held
            .clone()
            .filter_map(|value| self.replaces.get(value))
            .flatten();
        held.chain(replaced).cloned().collect()
    }

    /// A user clears a cell, or types again what it held before; neither tells when it was typed.
    pub fn retyped(&mut self, cell: &Cell, before: &str, value: &str, at: usize) {
        self.supersede(cell, before);
        self.excused.insert(token(before).to_owned());
        self.is_whole(value);
        let mut known = self.known_at(cell);
        known.remove(token(value));
        if token(value).is_empty() {
            // What fills the blank again need not know what it took the place of.
            self.excused.extend(known.iter().cloned());
            self.may_be_blank(&cell.no, cell.field);
        }
        self.replaces
            .entry(token(value).to_owned())
            .or_default()
            .extend(known);
        self.holds(cell.clone(), value);
        self.chosen.push((token(value).to_owned(), at));
    }

    /// A cell is emptied where that means no change: what a pass has read of it stands, as far as others were there to be told.
    pub fn emptied(&mut self, cell: &Cell, before: &str, is_theirs: bool) {
        if let Some(typed) = self.tokens.get_mut(token(before))
            && typed.cell == *cell
            && (!typed.seen || is_theirs)
        {
            typed.superseded = true;
        }
    }

    /// A system imports a value over what the cell held.
    pub fn imported(&mut self, cell: &Cell, before: &str, value: &str, is_old: bool) {
        self.supersede(cell, before);
        if is_old {
            // What is older than what Couplet remembers of its answers is what the system's users now say.
            self.excused.insert(token(before).to_owned());
            self.is_whole(value);
            if token(value).is_empty() {
                self.may_be_blank(&cell.no, cell.field);
            }
        }
        self.holds(cell.clone(), value);
    }

    /// A pass wrote a value into a cell.
    pub fn written(&mut self, cell: Cell, value: &str) {
        self.holds(cell, value);
    }

    /// A user deletes a record, with whatever its cells held.
    pub fn deleted(&mut self, system: usize, no: &str, values: &[String]) {
        for (field, value) in values.iter().enumerate() {
            let no = no.to_owned();
            self.supersede(&Cell { system, no, field }, value);
        }
    }

    /// Records that said nothing for a while are met anew: whatever they say is news.
    pub fn met_anew(&mut self, system: &System) {
        for values in system.records.values() {
            values.iter().for_each(|value| self.is_whole(value));
        }
    }

    /// All records that there ever were.
    fn records(&self) -> BTreeSet<(usize, &str)> {
        let cells = self.held.keys();
        cells.map(|cell| (cell.system, cell.no.as_str())).collect()
    }

    fn supersede(&mut self, cell: &Cell, before: &str) {
        if token(before).is_empty() {
            // What stood by there, where an emptied cell means no change.
            let of_cell = self.tokens.values_mut().filter(|typed| typed.cell == *cell);
            of_cell.for_each(|typed| typed.superseded = true);
        } else if let Some(typed) = self.tokens.get_mut(token(before))
            && typed.cell == *cell
        {
            typed.superseded = true;
        }
    }

    /// Whether nobody has typed a value yet.
    pub fn is_new(&self, value: &str) -> bool {
        !self.tokens.contains_key(token(value))
    }

    /// What a cell held, oldest first.
    pub fn earlier(&self, cell: &Cell) -> Vec<&String> {
        let held = self.held.get(cell).into_iter();
        held.flat_map(BTreeMap::values).collect()
    }

    /// A person decides between values; whoever reads them knows them.
    pub fn decided(
        &mut self,
        value: &str,
        over: impl IntoIterator<Item = String>,
        (contact, field): (&str, usize),
        at: usize,
    ) {
        self.is_whole(value);
        if token(value).is_empty() {
            self.may_be_blank(contact, field);
        }
        let value = token(value);
        let over = over.into_iter().map(|value| token(&value).to_owned());
        let over: BTreeSet<String> = over.collect();
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
        for (value, typed) in self
            .tokens
            .iter_mut()
            .filter(|(_, typed)| !typed.seen && typed.cell.system == at)
        {
            let shown = system.exported.get(&typed.cell.no);
            let field = typed.cell.field;
            let shows = |shown: &Values| token(&shown[field]) == *value;
            typed.seen = !system.is_hidden(field) && shown.is_some_and(shows);
        }
        for values in system.exported.values() {
            for (spoken, value) in self.spoken.iter_mut().zip(values) {
                if !spoken.contains(token(value)) {
                    spoken.insert(token(value).to_owned());
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
    pub fn check_changes(
        &mut self,
        plan: &Plan,
        systems: &[System],
        holds: bool,
        now: usize,
    ) -> Result<(), String> {
        for change in &plan.changes {
            let (from, to) = (token(&change.from), token(&change.to));
            for value in [from, to] {
                if let Some(typed) = self.tokens.get_mut(value) {
                    typed.logged = true;
                }
            }
            let Some(field) = FIELDS.iter().position(|field| *field == change.column) else {
                continue;
            };
            if !self.spoken[field].contains(to) {
                return Err(format!("invented: {change:?}"));
            }
            if change.rule == Rule::Decided {
                self.chosen.push((to.to_owned(), now));
                self.overruled.insert(from.to_owned());
            }
            let is_free = !holds || change.rule == Rule::Decided;
            if to.is_empty() && !is_free && !self.cleared.contains(&(party(&change.no), field)) {
                return Err(format!("blanked, and nobody cleared it: {change:?}"));
            }
            if !is_free && !self.is_form(change, field, systems) {
                return Err(format!("a form that nobody typed became news: {change:?}"));
            }
            if is_free {
                continue;
            }
            self.check_replaced(from, to, change)?;
            // An export that does not list the record, or leaves out what does not change, does not say what it was.
            let read = systems
                .iter()
                .find(|system| system.setup.table == change.table);
            let read = read.filter(|system| !system.is_hidden(field));
            let read = read.and_then(|system| system.read.get(&change.no));
            if let Some(read) = read {
                self.check_replaced(token(&read[field]), to, change)?;
            }
        }
        Ok(())
    }

    /// Checks that nobody's edit gives way to one that did not know it.
    fn check_replaced(&self, from: &str, to: &str, change: &Change) -> Result<(), String> {
        // Nothing is lost with a blank, and a cleared cell does not tell when it was cleared.
        let is_blank = from.is_empty() || to.is_empty();
        // What a side shows is written once more where something else is on its way to it.
        if is_blank || from == to {
            return Ok(());
        }
        let is_known = self.replaces.get(to);
        let is_known = is_known.is_some_and(|known| known.contains(from));
        if !is_known && !self.excused.contains(from) {
            return Err(format!(
                "{from} reverted by somebody who did not know it: {change:?}"
            ));
        }
        let (before, after) = (self.typed_at(from), self.typed_at(to));
        let mut chosen = self.chosen.iter();
        let is_chosen = chosen.any(|(value, at)| *value == to && *at >= before);
        let is_overruled = self.overruled.contains(from) || self.excused.contains(from);
        if before > after && !is_chosen && !is_overruled {
            return Err(format!("{from} reverted to what is older: {change:?}"));
        }
        Ok(())
    }

    /// Whether a value was typed as it is written, but for what its system cuts.
    fn is_form(&self, change: &Change, field: usize, systems: &[System]) -> bool {
        let system = systems
            .iter()
            .find(|system| system.setup.table == change.table);
        let to = change.to.trim();
        let mut held = self.forms(to).filter_map(|form| system?.held(field, form));
        to.is_empty() || held.any(|held| held.trim() == to)
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
        self.tokens.iter().filter(|(value, typed)| {
            let Cell { system, no, field } = &typed.cell;
            let is_live = || {
                let record = systems[*system].records.get(no);
                record.is_some_and(|values| token(&values[*field]) == **value)
            };
            typed.seen && !typed.superseded && !typed.logged && !is_live()
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

/// What the numbers of a party's records have in common.
fn party(no: &str) -> String {
    no.chars().skip(1).collect()
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
            kept.extend(values.map(|value| (token(&value).to_owned(), Kept::Open)));
        }
        for system in systems {
            let live = system.records.values().flatten();
            kept.extend(live.map(|value| (token(value).to_owned(), Kept::Open)));
        }
        for (system, no) in self.records() {
            let table = &systems[system].setup.table;
            let sent = store.sent(table, no, 0).map_err(failed)?.into_iter();
            let in_flight = sent.filter(|value| !value.sent.acknowledged);
            let in_flight = in_flight.map(|value| token(&value.sent.value).to_owned());
            kept.extend(in_flight.map(|value| (value, Kept::Open)));
        }
        for (_, settled) in store.settled().map_err(failed)? {
            let claims = settled.conflict.claims.into_iter();
            let values = claims.filter_map(|claim| claim.shows);
            let values = values.chain(settled.conflict.agreed);
            kept.extend(values.map(|value| (token(&value).to_owned(), Kept::Log)));
        }
        for (system, no) in self.records() {
            let table = &systems[system].setup.table;
            for decision in store.decisions(table, no, None).map_err(failed)? {
                let values = [decision.from, decision.to];
                kept.extend(values.map(|value| (token(&value).to_owned(), Kept::Log)));
            }
        }
        Ok(kept)
    }
}
