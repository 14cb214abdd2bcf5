//! What a disappearance takes along, and what a return gives back (`product.md` §6, `business-central.md` §11.1).

use std::collections::{BTreeMap, BTreeSet};

use crate::merge::coupling::{Relation, kind_of};
use crate::merge::deliver::Route;
use crate::model::{Form, Kind, Row, Table, form};
use crate::state::StateError;
use crate::state::memory::{CreatedRow, Mark, OwedCell, Taken};
use crate::sync::couple::presence::{Presence, Regain};
use crate::sync::couple::{PRIMARY_CONTACT, Removal};
use crate::sync::decide::in_flight::{PRIMARY_CELLS, is_due, row_to_come};
use crate::sync::observe::tagged;

use super::primary::Moved;
use super::{Arranger, Birth, NewRelation, OwnCell, canonical, cell, is_person};

/// A relation that goes with one of its ends.
pub(super) fn taken(relation: &Relation) -> Taken {
    Taken::Relation([
        relation.contact.clone(),
        relation.code.clone(),
        relation.link.clone().unwrap_or_default(),
        relation.no.clone(),
    ])
}

/// The same as a relation again.
fn given_back([contact, code, link, no]: &[String; 4]) -> Relation {
    Relation {
        contact: contact.clone(),
        code: code.clone(),
        link: Some(link.clone()),
        no: no.clone(),
    }
}

impl Arranger<'_, '_, '_> {
    /// Notes what the records that are gone take along: their relations, also when those speak only later, and where they were
    /// the primary contact.
    pub(super) fn take_away(&mut self, primaries: &[Moved]) -> Result<(), StateError> {
        let removals = self.scene.couplings.removals.iter();
        // What was asked to be taken out stays out, whoever comes back.
        for Removal {
            relation, table, ..
        } in removals.filter(|removal| !removal.is_asked)
        {
            let relation = match table {
                Some(Table::Counterparts(kind)) => &self.renumbered(relation, *kind),
                _ => relation,
            };
            let counterpart = table.map(|table| (table, &relation.no));
            let ends = [(Table::Contacts, &relation.contact)].into_iter();
            for (table, no) in ends.chain(counterpart) {
                let is_gone = self.scene.gone.contains(&(table, no.clone()));
                if is_gone && self.row(table, no)?.is_none() {
                    self.keep_for(table, no, vec![taken(relation)])?;
                }
            }
        }
        let Some(contacts) = self.seen(Table::Contacts) else {
            return Ok(());
        };
        for at in &contacts.diff.gone {
            let key = contacts.index.keys[*at as usize];
            let base = contacts.rows.get(contacts.index.row(*at as usize))?;
            let Some(no) = base.as_ref().and_then(|row| row.get(0)).map(canonical) else {
                continue;
            };
            let gone = base.as_ref().filter(|row| is_person(row));
            let own_name = gone.map(|row| cell(Table::Contacts, row, "Name"));
            let blanked = self.leave_counterparts(&no, own_name, primaries)?;
            self.keep_for(Table::Contacts, &no, blanked)?;
            self.leave_persons(key)?;
        }
        Ok(())
    }

    /// Adds to what a record regains when it comes back.
    pub(super) fn keep_for(
        &mut self,
        table: Table,
        no: &str,
        taken: Vec<Taken>,
    ) -> Result<(), StateError> {
        let known = self.taken_by(table, no)?;
        let new = taken.into_iter().filter(|taken| !known.contains(taken));
        let new: Vec<Taken> = new.collect();
        if new.is_empty() {
            return Ok(());
        }
        let all: Vec<Taken> = known.into_iter().chain(new).collect();
        self.mark_taken(table, no, &all)
    }

    fn mark_taken(&mut self, table: Table, no: &str, taken: &[Taken]) -> Result<(), StateError> {
        let body = serde_json::to_string(taken)?;
        self.mark(Mark::Taken, table, no, body);
        Ok(())
    }

    /// What a record took along when it disappeared. What was renamed in this pass counts.
    fn taken_by(&self, table: Table, no: &str) -> Result<Vec<Taken>, StateError> {
        let new = self.out.marked.body(Mark::Taken, table, no);
        let body = new.or_else(|| self.known_marks().body(Mark::Taken, table, no));
        let taken = body.map(serde_json::from_str);
        Ok(taken.transpose()?.unwrap_or_default())
    }

    /// The only cells that a disappearance blanks: Contact and Primary Contact No. where they named it. The name of a person
    /// is taken along where somebody typed another one: it has its own when it comes back, and that of an earlier primary contact is not its.
    fn leave_counterparts(
        &mut self,
        contact: &str,
        own_name: Option<&str>,
        primaries: &[Moved],
    ) -> Result<Vec<Taken>, StateError> {
        let mut taken = Vec::new();
        for kind in Kind::all().filter(|kind| kind.def().has_primary_contact) {
            for (no, row) in self.naming_as_primary(kind, contact)? {
                let table = Table::Counterparts(kind);
                let name = cell(table, &row, "Contact");
                let is_typed = own_name.is_none_or(|own| !form::same(Form::Text, own, name))
                    && !primaries.iter().any(|moved| moved.lacks_name(kind, &no));
                for column in PRIMARY_CELLS {
                    let value = cell(table, &row, column).to_owned();
                    if form::is_blank(&value) {
                        continue;
                    }
                    if column == PRIMARY_CONTACT || is_typed {
                        let (of, column) = (table.name().to_owned(), column.to_owned());
                        taken.push(Taken::Cell([of, no.clone(), column, value]));
                    }
                    self.own_cell(table, &no, column, String::new(), contact);
                }
            }
        }
        Ok(taken)
    }

    /// The records of a kind whose primary contact a contact is, or will be once their systems have imported that, with what they will
    /// show then.
    pub(super) fn naming_as_primary(
        &self,
        kind: Kind,
        contact: &str,
    ) -> Result<Vec<(String, Row)>, StateError> {
        let table = Table::Counterparts(kind);
        let mut may_name: BTreeSet<String> = BTreeSet::new();
        for key in self.may_name_as_primary(kind, self.key(contact))? {
            may_name.extend(self.number(table, key)?);
        }
        let mut found = Vec::new();
        for no in may_name {
            let row = self.row_to_come(table, &no)?;
            let names = |row: &Row| canonical(cell(table, row, PRIMARY_CONTACT)) == contact;
            found.extend(row.filter(names).map(|row| (no, row)));
        }
        Ok(found)
    }

    /// What a record will show of its primary contact, once its system has imported what is in flight towards it.
    pub(super) fn row_to_come(&self, table: Table, no: &str) -> Result<Option<Row>, StateError> {
        let (Some(seen), Some(row)) = (self.seen(table), self.known(table, no)?) else {
            return Ok(None);
        };
        let sent = self.scene.pending.sent(table, seen.formerly_called(no));
        let base = match sent.is_empty() {
            true => None,
            false => seen.base(self.key(no))?,
        };
        let owed = self.owed_to(table, no)?;
        Ok(Some(row_to_come(seen, &row, base.as_ref(), sent, &owed)))
    }

    /// Persons whose company is gone are looked at, since that is a problem of theirs.
    fn leave_persons(&mut self, company: u64) -> Result<(), StateError> {
        let persons = self.persons_of(company)?.into_iter();
        let persons = persons.filter(|person| *person != company);
        self.out.concerned.extend(persons);
        Ok(())
    }

    /// Where somebody has chosen another primary contact since, or none, nobody who went before regains that place: what a system
    /// imports late may blank it again.
    pub(super) fn forget_taken(&mut self, primaries: &[Moved]) -> Result<(), StateError> {
        let decided = primaries.iter().filter_map(Moved::decided);
        let decided: BTreeSet<(&str, &str)> =
            decided.map(|(table, no)| (table.name(), no)).collect();
        let marks = self.scene.marks.iter();
        for mark in marks.filter(|row| row.mark == Mark::Taken && !decided.is_empty()) {
            let Some(table) = Table::named(&mark.table) else {
                continue;
            };
            let mut taken = self.taken_by(table, &mark.no)?;
            let known = taken.len();
            taken.retain(|taken| match taken {
                Taken::Cell([of, of_no, ..]) => !decided.contains(&(of.as_str(), of_no.as_str())),
                Taken::Relation(_) => true,
            });
            match taken.len() {
                len if len == known => {}
                0 => {
                    self.out.marked.take_off(Mark::Taken, table, &mark.no);
                    self.unmark(Mark::Taken, table, &mark.no);
                    if let Some(known) = self.known_marks.get_mut() {
                        known.take_off(Mark::Taken, table, &mark.no);
                    }
                }
                _ => self.mark_taken(table, &mark.no, &taken)?,
            }
        }
        Ok(())
    }

    /// A record that comes back regains what its disappearance took, where both ends are still free.
    pub(super) fn give_back(&mut self, table: Table, no: &str) -> Result<(), StateError> {
        if self.row(table, no)?.is_none() {
            return Ok(());
        }
        let (mut waiting, mut due) = (Vec::new(), Vec::new());
        for taken in self.taken_by(table, no)? {
            match &taken {
                Taken::Relation(relation)
                    if self.regain(&given_back(relation))? == Regain::Waits =>
                {
                    waiting.push(taken);
                }
                Taken::Relation(_) | Taken::Cell(_) => due.push(taken),
            }
        }
        if due.is_empty() {
            return Ok(());
        }
        self.out.marked.take_off(Mark::Taken, table, no);
        match waiting.is_empty() {
            true => self.unmark(Mark::Taken, table, no),
            false => self.mark_taken(table, no, &waiting)?,
        }
        let mut cells: BTreeMap<(Table, String), Vec<(&'static str, String)>> = BTreeMap::new();
        for taken in due {
            match taken {
                Taken::Relation(relation) => {
                    self.relate_again(given_back(&relation), table, no)?;
                }
                Taken::Cell([of, of_no, column, value]) => {
                    let (Some(of), Some(column)) = (
                        Table::named(&of),
                        PRIMARY_CELLS.into_iter().find(|known| *known == column),
                    ) else {
                        continue;
                    };
                    cells.entry((of, of_no)).or_default().push((column, value));
                }
            }
        }
        for ((of, of_no), cells) in cells {
            self.name_again(of, &of_no, cells)?;
        }
        Ok(())
    }

    /// A counterpart regains its primary contact, unless it has another one by now, and the contact's name only beside it. Who is
    /// gone as well regains it in its turn.
    fn name_again(
        &mut self,
        of: Table,
        of_no: &str,
        mut cells: Vec<(&'static str, String)>,
    ) -> Result<(), StateError> {
        let mut numbers = cells
            .iter()
            .filter(|(column, _)| *column == PRIMARY_CONTACT);
        let Some(primary) = numbers.next().map(|(_, no)| canonical(no)) else {
            return Ok(());
        };
        for (table, no) in [(Table::Contacts, primary.as_str()), (of, of_no)] {
            if self.known(table, no)?.is_none() {
                let cells = cells.into_iter().map(|(column, value)| {
                    let record = (of.name().to_owned(), of_no.to_owned());
                    Taken::Cell([record.0, record.1, column.to_owned(), value])
                });
                return self.keep_for(table, no, cells.collect());
            }
        }
        let Some(row) = self.row_to_come(of, of_no)? else {
            return Ok(());
        };
        let named = canonical(cell(of, &row, PRIMARY_CONTACT));
        if !named.is_empty() && named != primary {
            return Ok(());
        }
        // Who went before its name was written has it written now.
        let is_named = cells.iter().any(|(column, _)| *column == "Contact");
        let person = self.row(Table::Contacts, &primary)?;
        if let Some(person) = person.filter(|person| !is_named && is_person(person)) {
            let name = cell(Table::Contacts, &person, "Name").to_owned();
            cells.push(("Contact", name));
        }
        for (column, value) in cells {
            if form::is_blank(cell(of, &row, column)) {
                self.own_cell(of, of_no, column, value, &primary);
            }
        }
        Ok(())
    }

    /// What becomes of a relation whose record came back.
    fn regain(&self, relation: &Relation) -> Result<Regain, StateError> {
        let relations = self.seen(Table::Relations);
        let presence = Presence::of(relation, relations, self.scene.seed)?;
        Ok(presence.regain(self.is_asked_away(relation)))
    }

    fn relate_again(
        &mut self,
        relation: Relation,
        table: Table,
        no: &str,
    ) -> Result<(), StateError> {
        if self.writable(Table::Relations).is_err() {
            return Ok(());
        }
        let Ok(kind) = kind_of(&relation, &self.scene.config.setup.codes) else {
            return Ok(());
        };
        let has_link = self
            .seen(Table::Relations)
            .and_then(|seen| seen.export.as_ref())
            .zip(Table::Relations.column("Link to Table"))
            .is_some_and(|(export, column)| export.columns.has(column));
        let relation = Relation {
            link: relation.link.filter(|_| has_link),
            ..relation
        };
        let regain = self.regain(&relation)?;
        if regain == Regain::Nothing {
            return Ok(());
        }
        if let Some(kind) = kind {
            let of = Table::Counterparts(kind);
            // Who is gone as well regains the relation in its turn.
            for (table, no) in [(Table::Contacts, &relation.contact), (of, &relation.no)] {
                if self.row(table, no)?.is_none() {
                    let taken = taken(&relation);
                    // What went with the other one may have been carried out, and entered again.
                    if regain == Regain::Kept && !self.taken_by(table, no)?.contains(&taken) {
                        self.out.asked_anew.insert(relation.clone());
                    }
                    return self.keep_for(table, no, vec![taken]);
                }
            }
            let free = self.counterpart_of(&relation.contact, kind)?.is_none()
                && self.contact_of(kind, &relation.no)?.is_none();
            if !free {
                return Ok(());
            }
            let (contact, key) = (self.concern(&relation.contact), self.key(&relation.no));
            self.couple_keys(contact, tagged(key, of));
        } else if self.row(Table::Contacts, &relation.contact)?.is_none() {
            return Ok(());
        }
        let reason = format!("{} {no} came back", table.noun());
        match regain {
            Regain::Kept => {
                self.out.reasserted.insert(relation);
            }
            Regain::Made => self.out.relations.push(NewRelation { relation, reason }),
            Regain::Nothing | Regain::Waits => {}
        }
        Ok(())
    }

    /// The cells of a record that rules had written while its table said nothing; who came back under another number is owed
    /// them under the one that we gave it.
    pub(super) fn owed_to(&self, table: Table, no: &str) -> Result<Vec<OwedCell>, StateError> {
        let known_as = self.seen(table).map_or(no, |seen| seen.formerly_called(no));
        let body = self.known_marks().body(Mark::Owed, table, known_as);
        let owed = body.map(serde_json::from_str).transpose()?;
        Ok(owed.unwrap_or_default())
    }

    /// Cells of records that say something again are written after all, where nobody changed them meanwhile.
    pub(super) fn pay_owed(&mut self) -> Result<(), StateError> {
        let marks = self.scene.marks;
        for mark in marks.iter().filter(|row| row.mark == Mark::Owed) {
            let Some(table) = Table::named(&mark.table) else {
                continue;
            };
            let Ok(seen) = self.speaking(table) else {
                continue;
            };
            let no = seen.now_called(&mark.no).to_owned();
            let reached = seen.reached(self.key(&no))?;
            if matches!(reached, Some((_, Route::Silent | Route::Frozen))) {
                continue;
            }
            self.unmark(Mark::Owed, table, &mark.no);
            let Some((row, _)) = reached else {
                continue;
            };
            let sent = self.scene.pending.sent(table, &mark.no);
            for owed in self.owed_to(table, &no)? {
                let column = table.column(&owed.column);
                let column = column.filter(|_| is_due(seen, &row, sent, &owed));
                self.out.cells.extend(column.map(|at| OwnCell {
                    table,
                    no: no.clone(),
                    column: table.columns()[at].name,
                    value: owed.value,
                    rule: owed.rule,
                    contact: self.now_called(Table::Contacts, &owed.contact),
                }));
            }
        }
        Ok(())
    }

    /// What an earlier pass created and could not write is created now, under the number that it was given.
    pub(super) fn repeat_unwritten(&mut self) -> Result<(), StateError> {
        let marks = self.scene.marks;
        for mark in marks.iter().filter(|row| row.mark == Mark::Unwritten) {
            let (Some(table), Ok(created)) = (
                Table::named(&mark.table),
                serde_json::from_str::<CreatedRow>(&mark.body),
            ) else {
                continue;
            };
            if self.writable(table).is_err() {
                continue;
            }
            self.unmark(Mark::Unwritten, table, &mark.no);
            let value = |name: &str| {
                let cell = created.cells.iter().find(|(column, _)| column == name);
                cell.map(|(_, value)| value.clone()).unwrap_or_default()
            };
            if table == Table::Relations {
                let relation = Relation {
                    contact: value("Contact No."),
                    code: value("Business Relation Code"),
                    link: Some(value("Link to Table")).filter(|link| !link.is_empty()),
                    no: value("No."),
                };
                self.concern(&relation.contact);
                // It may have been written after all, and the file changed by somebody else since.
                let rows = self.rows_of(&relation.contact)?;
                if rows.iter().all(|(_, row)| row.code != relation.code) {
                    let reason = created.reason.clone();
                    self.out.relations.push(NewRelation { relation, reason });
                }
                continue;
            }
            let is_taken = self
                .seen(table)
                .is_some_and(|seen| seen.position(self.key(&created.no)).is_some());
            if is_taken {
                continue;
            }
            let mut row = self.new_row(table, &created.no);
            for (column, value) in &created.cells {
                if let Some(at) = table.column(column).filter(|at| row.get(*at).is_some()) {
                    row.set(at, Some(value.clone()));
                }
            }
            self.bear(Birth {
                table,
                no: created.no.clone(),
                row,
                carried: created.carried.clone(),
                reason: created.reason.clone(),
            });
        }
        Ok(())
    }
}
