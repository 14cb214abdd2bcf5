//! Links with existing records, and what takes them apart (`business-central.md` §6, §8.1).

use crate::merge::FirstMeeting;
use crate::merge::coupling::{Relation, kind_of};
use crate::model::{Kind, Row, Table, form};
use crate::state::StateError;
use crate::state::memory::Mark;
use crate::sync::observe::relation::removal_name;
use crate::sync::observe::tagged;

use super::orders::Master;
use super::{Answer, Arrangement, Arranger, NewRelation, cell, is_person, says_yes};

impl Arranger<'_, '_, '_> {
    /// Couples a contact with an existing counterpart, every check in order (§8.1).
    pub(super) fn link(
        &mut self,
        contact: &str,
        kind: Kind,
        no: &str,
        master: Master,
    ) -> Arrangement {
        let def = kind.def();
        // Records that are linked meet for the first time, and who is silent has no word in that.
        for table in [Table::Contacts, Table::Counterparts(kind)] {
            if let Err(refusal) = self.speaking(table) {
                return Ok(Err(refusal));
            }
        }
        let Some(row) = self.row(Table::Contacts, contact)? else {
            return Ok(Err(format!("there is no contact {contact}")));
        };
        if let Err(refusal) = self.may_have(contact, &row, kind)? {
            return Ok(Err(refusal));
        }
        if self.scene.config.setup.code(kind).is_none() {
            return Ok(Err(unset_code(kind)));
        }
        if self.row(Table::Counterparts(kind), no)?.is_none() {
            return Ok(Err(format!("there is no {} {no}", def.noun)));
        }
        if let Err(refusal) =
            self.relate(contact, kind, no, format!("{} {no} was linked", def.noun))?
        {
            return Ok(Err(refusal));
        }
        let key = self.concern(contact);
        let master = match master {
            Master::Contact => FirstMeeting::Contact,
            Master::Counterpart => FirstMeeting::Counterpart,
        };
        self.out.masters.insert(key, master);
        self.out.answers.push(Answer::Linked {
            contact: contact.to_owned(),
            table: def.table.to_owned(),
            no: no.to_owned(),
        });
        Ok(Ok(()))
    }

    /// Whether a contact may have (another) counterpart of a kind: none yet, not blocked, with a company where the kind
    /// needs one (§8.1, in that order). A bank account's relation is looked at when it is made.
    pub(super) fn may_have(&self, contact: &str, row: &Row, kind: Kind) -> Arrangement {
        let def = kind.def();
        if def.one_per_company
            && let Some(no) = self.counterpart_of(contact, kind)?
        {
            return Ok(Err(already_has(contact, kind, &no)));
        }
        if def.one_per_company
            && let Some(company) = self.company_of(row)?
            && let Some(no) = self.counterpart_of(&company, kind)?
        {
            return Ok(Err(format!(
                "contact {company}, the company of {contact}, already has {} {no}",
                def.noun
            )));
        }
        if says_yes(cell(Table::Contacts, row, "Privacy Blocked")) {
            return Ok(Err(format!(
                "contact {contact} is blocked for privacy (Privacy Blocked)"
            )));
        }
        let names_one = !form::is_blank(cell(Table::Contacts, row, "Company No."));
        let has_company = !is_person(row) || names_one || self.company_of(row)?.is_some();
        if def.needs_company && !has_company {
            return Ok(Err(format!(
                "Company No. of contact {contact} must be filled: a {} belongs to a company",
                def.noun
            )));
        }
        Ok(Ok(()))
    }

    /// Makes the relation of two records (§6): one counterpart of a kind to a contact, and one contact to a counterpart. A
    /// row of the same code that waits for a number gets it.
    pub(super) fn relate(
        &mut self,
        contact: &str,
        kind: Kind,
        no: &str,
        reason: String,
    ) -> Arrangement {
        let def = kind.def();
        let Some(code) = self.scene.config.setup.code(kind).map(str::to_owned) else {
            return Ok(Err(unset_code(kind)));
        };
        let seen = match self.writable(Table::Relations) {
            Ok(seen) => seen,
            Err(refusal) => return Ok(Err(refusal)),
        };
        if let Some(other) = self.counterpart_of(contact, kind)? {
            return Ok(Err(already_has(contact, kind, &other)));
        }
        if let Some(other) = self.contact_of(kind, no)? {
            return Ok(Err(format!(
                "{} {no} already belongs to contact {other}",
                def.noun
            )));
        }
        let has_link = Table::Relations
            .column("Link to Table")
            .zip(seen.export.as_ref())
            .is_some_and(|(column, export)| export.columns.has(column));
        let relation = Relation {
            contact: contact.to_owned(),
            code: code.clone(),
            link: has_link.then(|| def.caption.to_owned()),
            no: no.to_owned(),
        };
        let table = Table::Counterparts(kind);
        let (contact_key, key) = (self.key(contact), self.key(no));
        let name = (contact.to_owned(), code.clone());
        let is_leaving = self.out.unlinked.contains(&name);
        let known = self.rows_of(contact)?.into_iter();
        let mut known = known.filter(|(_, row)| row.code == code);
        let known = known.next();
        match known {
            Some((_, row)) if is_leaving && row.no == no => {
                self.out.unlinked.remove(&name);
            }
            _ if is_leaving => self.out.relations.push(NewRelation { relation, reason }),
            Some((_, row)) if row.no == no => {
                if self.is_asked_away(&row) {
                    self.out.reasserted.insert(row);
                }
            }
            Some((_, row)) if self.is_asked_away(&row) => {
                return Ok(Err(format!(
                    "the relation of contact {contact} with {} {} was taken out, and its system has not imported that yet",
                    def.noun, row.no
                )));
            }
            Some((at, row)) if row.no.is_empty() && at < self.listed() => {
                self.out.filled.insert(at, relation);
            }
            Some((_, row)) => {
                return Ok(Err(format!(
                    "contact {contact} already has a relation with the code {code}, to {}; remove it first \
                     (`couplet links remove {contact} {}`)",
                    if row.no.is_empty() {
                        "nothing"
                    } else {
                        &row.no
                    },
                    def.noun
                )));
            }
            None => self.out.relations.push(NewRelation { relation, reason }),
        }
        self.settle_dispute(Table::Contacts, contact, contact_key);
        self.settle_dispute(table, no, key);
        self.couple_keys(contact_key, tagged(key, table));
        self.name_in_columns(contact, kind, no, true);
        Ok(Ok(()))
    }

    /// Whether the removal of a relation was asked for by an earlier pass.
    pub(super) fn is_asked_away(&self, relation: &Relation) -> bool {
        let name = (Table::Relations, removal_name(relation));
        self.scene.gone.contains(&name)
    }

    fn settle_dispute(&mut self, table: Table, no: &str, key: u64) {
        if self.is_disputed(table, key) {
            self.out.undisputed.insert(tagged(key, table));
            self.unmark(Mark::Disputed, table, no);
        }
    }

    /// Whether a number of ours was given to somebody else.
    pub(super) fn is_disputed(&self, table: Table, key: u64) -> bool {
        let seen = self.seen(table);
        seen.is_some_and(|seen| seen.created.disputed.contains(&key))
    }

    /// How many relations the export lists.
    fn listed(&self) -> usize {
        let seen = self.seen(Table::Relations);
        seen.and_then(|seen| seen.export.as_ref())
            .map_or(0, |export| export.records.len())
    }

    /// All relation rows of a contact, those that couple nothing included.
    pub(super) fn rows_of(&self, contact: &str) -> Result<Vec<(usize, Relation)>, StateError> {
        let key = self.key(contact);
        let Some(seen) = self.seen(Table::Relations) else {
            return Ok(Vec::new());
        };
        let links = self.scene.couplings.links(seen).enumerate();
        let mut rows = Vec::new();
        for at in links.filter(|(_, link)| link[0] == key).map(|(at, _)| at) {
            if let Some(row) = crate::sync::couple::relation_rows::relation_at(seen, at)? {
                rows.push((at, row));
            }
        }
        for (at, row) in self.fresh.iter().filter(|(_, row)| row.contact == contact) {
            if rows.iter().all(|(known, _)| known != at) {
                rows.push((*at, row.clone()));
            }
        }
        Ok(rows)
    }

    /// Takes the relations of a contact with a kind apart.
    pub(super) fn unlink(&mut self, contact: &str, kind: Kind) -> Arrangement {
        if let Err(refusal) = self.writable(Table::Relations) {
            return Ok(Err(refusal));
        }
        let codes = &self.scene.config.setup.codes;
        let rows = self.rows_of(contact)?.into_iter().map(|(_, row)| row);
        let of_kind = rows.filter(|row| kind_of(row, codes) == Ok(Some(kind)));
        let (taken_out, rows): (Vec<Relation>, Vec<Relation>) =
            of_kind.partition(|row| self.is_taken_out(row));
        if rows.is_empty() {
            let noun = kind.def().noun;
            return Ok(Err(match taken_out.first() {
                Some(row) => format!(
                    "contact {contact} has no {noun} any more: its relation with {noun} {} was taken out already",
                    row.no
                ),
                None if self.row(Table::Contacts, contact)?.is_none() => {
                    format!("there is no contact {contact}, and no relation of it")
                }
                None => format!("contact {contact} has no {noun}"),
            }));
        }
        for row in rows {
            self.part(&row, kind);
            self.out.answers.push(Answer::Unlinked {
                contact: contact.to_owned(),
                table: kind.def().table.to_owned(),
                no: row.no,
            });
        }
        self.concern(contact);
        Ok(Ok(()))
    }

    /// Whether a relation was taken out before, in this pass or an earlier one, and not made again since.
    fn is_taken_out(&self, relation: &Relation) -> bool {
        let name = (relation.contact.clone(), relation.code.clone());
        let is_asked_away =
            || self.is_asked_away(relation) && !self.out.reasserted.contains(relation);
        self.out.unlinked.contains(&name) || is_asked_away()
    }

    /// Takes one relation out.
    pub(super) fn part(&mut self, relation: &Relation, kind: Kind) {
        let table = Table::Counterparts(kind);
        let (contact, key) = (self.key(&relation.contact), self.key(&relation.no));
        let counterpart = tagged(key, table);
        // What was to stay after all goes as an earlier pass asked.
        if !self.out.reasserted.remove(relation) {
            let name = (relation.contact.clone(), relation.code.clone());
            self.out.unlinked.insert(name);
        }
        if let Some(known) = self.of_contact.get_mut(&contact) {
            known.retain(|tagged| *tagged != counterpart);
        }
        if self.of_counterpart.get(&counterpart) == Some(&contact) {
            self.of_counterpart.remove(&counterpart);
        }
        self.name_in_columns(&relation.contact, kind, &relation.no, false);
    }
}

pub(super) fn already_has(contact: &str, kind: Kind, no: &str) -> String {
    format!("contact {contact} already has {} {no}", kind.def().noun)
}

fn unset_code(kind: Kind) -> String {
    format!(
        "`{}` is not set under [setup]: contacts and {} are not coupled without it",
        kind.def().setup_code,
        kind.def().table.replace('_', " ")
    )
}
