//! Links with existing records, and what takes them apart (`business-central.md` §6, §8.1).

use crate::merge::coupling::{Relation, kind_of};
use crate::merge::{FirstMeeting, Rule};
use crate::model::{CONTACT_RELATION, KINDS, Kind, Row, Table, form};
use crate::state::StateError;
use crate::state::memory::Mark;

use super::super::observe::{Seen, tagged};
use super::super::orders::Master;
use super::super::relations::removal_name;
use super::{
    Answer, Arrangement, Arranger, NewRelation, OwnCell, canonical, cell, is_person, says_yes,
};

/// A relation that stands in a column of another table, and that changed there.
#[derive(Clone, Debug)]
pub(super) struct ColumnMove {
    table: Table,
    no: String,
    column: &'static str,
    from: String,
    to: String,
}

/// The columns of a table in which relations stand.
pub(super) fn relation_columns(seen: &Seen<'_>) -> Vec<&'static str> {
    let Some(export) = &seen.export else {
        return Vec::new();
    };
    let names: Vec<&'static str> = match seen.table {
        Table::Contacts => KINDS.iter().map(|kind| kind.relation_column).collect(),
        Table::Counterparts(_) => vec![CONTACT_RELATION],
        Table::Relations | Table::Templates(_) | Table::Requests => Vec::new(),
    };
    let has = |name: &&'static str| {
        let pinned = seen.config.pins(name);
        pinned
            && seen
                .table
                .column(name)
                .is_some_and(|column| export.columns.has(column))
    };
    names.into_iter().filter(has).collect()
}

/// What became of one of these columns.
pub(super) fn column_move(
    table: Table,
    no: &str,
    column: &&'static str,
    row: &Row,
    base: Option<&Row>,
) -> Option<ColumnMove> {
    let from = base.map_or(String::new(), |base| canonical(cell(table, base, column)));
    let to = canonical(cell(table, row, column));
    (from != to).then(|| ColumnMove {
        table,
        no: no.to_owned(),
        column,
        from,
        to,
    })
}

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
        self.name_in_columns(contact, kind, no);
        Ok(Ok(()))
    }

    /// Whether the removal of a relation was asked for by an earlier pass.
    pub(super) fn is_asked_away(&self, relation: &Relation) -> bool {
        let name = (Table::Relations, removal_name(relation));
        self.scene.gone.contains(&name)
    }

    fn settle_dispute(&mut self, table: Table, no: &str, key: u64) {
        if self
            .seen(table)
            .is_some_and(|seen| seen.created.disputed.contains(&key))
        {
            self.out.undisputed.insert(tagged(key, table));
            self.unmark(Mark::Disputed, table, no);
        }
    }

    /// Where relations stand in columns of other tables, the cell is the relation there.
    fn name_in_columns(&mut self, contact: &str, kind: Kind, no: &str) {
        let table = Table::Counterparts(kind);
        let sides = [
            (table, no, CONTACT_RELATION, contact),
            (Table::Contacts, contact, kind.def().relation_column, no),
        ];
        for (table, of, column, value) in sides {
            let has = self
                .seen(table)
                .is_some_and(|seen| relation_columns(seen).contains(&column));
            if has {
                self.out.cells.push(OwnCell {
                    table,
                    no: of.to_owned(),
                    column,
                    value: value.to_owned(),
                    rule: Rule::Relation,
                    contact: contact.to_owned(),
                });
            }
        }
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
        let links = self.scene.couplings.links.iter().enumerate();
        let mut rows = Vec::new();
        for at in links.filter(|(_, link)| link[0] == key).map(|(at, _)| at) {
            if let Some(row) = super::super::relation_rows::relation_at(seen, at)? {
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
        let rows: Vec<Relation> = self
            .rows_of(contact)?
            .into_iter()
            .map(|(_, row)| row)
            .filter(|row| kind_of(row, codes) == Ok(Some(kind)))
            .collect();
        if rows.is_empty() {
            return Ok(Err(match self.row(Table::Contacts, contact)? {
                None => format!("there is no contact {contact}, and no relation of it"),
                Some(_) => format!("contact {contact} has no {}", kind.def().noun),
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

    /// Takes one relation out.
    pub(super) fn part(&mut self, relation: &Relation, kind: Kind) {
        let table = Table::Counterparts(kind);
        let (contact, key) = (self.key(&relation.contact), self.key(&relation.no));
        let counterpart = tagged(key, table);
        self.out
            .unlinked
            .insert((relation.contact.clone(), relation.code.clone()));
        if let Some(known) = self.of_contact.get_mut(&contact) {
            known.retain(|tagged| *tagged != counterpart);
        }
        if self.of_counterpart.get(&counterpart) == Some(&contact) {
            self.of_counterpart.remove(&counterpart);
        }
        let sides = [
            (table, &relation.no, CONTACT_RELATION),
            (
                Table::Contacts,
                &relation.contact,
                kind.def().relation_column,
            ),
        ];
        for (table, of, column) in sides {
            let has = self
                .seen(table)
                .is_some_and(|seen| relation_columns(seen).contains(&column));
            if has {
                self.out.cells.push(OwnCell {
                    table,
                    no: of.clone(),
                    column,
                    value: String::new(),
                    rule: Rule::Relation,
                    contact: relation.contact.clone(),
                });
            }
        }
    }

    /// A column in which a relation stands was changed: the old relation goes, the new one comes.
    pub(super) fn follow_column(&mut self, moved: &ColumnMove) -> Result<(), StateError> {
        let ends = |other: &str| match moved.table {
            Table::Counterparts(kind) => Some((kind, other.to_owned(), moved.no.clone())),
            _ => KINDS
                .iter()
                .position(|kind| kind.relation_column == moved.column)
                .map(|at| (Kind(at as u8), moved.no.clone(), other.to_owned())),
        };
        if !moved.from.is_empty()
            && let Some((kind, contact, no)) = ends(&moved.from)
            && self.counterpart_of(&contact, kind)?.as_deref() == Some(no.as_str())
        {
            let codes = &self.scene.config.setup.codes;
            let rows = self.rows_of(&contact)?.into_iter().map(|(_, row)| row);
            let rows: Vec<Relation> = rows
                .filter(|row| row.no == no && kind_of(row, codes) == Ok(Some(kind)))
                .collect();
            for row in rows {
                self.part(&row, kind);
            }
            self.concern(&contact);
        }
        if moved.to.is_empty() {
            return Ok(());
        }
        let Some((kind, contact, no)) = ends(&moved.to) else {
            return Ok(());
        };
        if self.scene.config.setup.code(kind).is_none()
            || self.counterpart_of(&contact, kind)?.as_deref() == Some(no.as_str())
        {
            return Ok(());
        }
        let missing = match (
            self.row(Table::Contacts, &contact)?,
            self.row(Table::Counterparts(kind), &no)?,
        ) {
            (None, _) => Some(format!("there is no contact {contact}")),
            (_, None) => Some(format!("there is no {} {no}", kind.def().noun)),
            _ => None,
        };
        let reason = format!(
            "the {} of {} {} says so",
            moved.column,
            moved.table.noun(),
            moved.no
        );
        let refusal = match missing {
            Some(missing) => Some(missing),
            None => self.relate(&contact, kind, &no, reason)?.err(),
        };
        match refusal {
            None => {
                self.concern(&contact);
            }
            Some(refusal) => {
                let of_record = (moved.table, moved.no.clone());
                let kept = self.out.troubled.entry(of_record).or_default();
                kept.push(moved.column);
                self.trouble(
                    moved.table,
                    &moved.no,
                    "refused-relation",
                    refusal,
                    "correct the column; until then it couples nothing",
                );
            }
        }
        Ok(())
    }

    /// Records that came back under another number take their relations along.
    pub(super) fn follow_renames(&mut self) -> Result<(), StateError> {
        let codes = self.scene.config.setup.codes.clone();
        for seen in self.scene.tables.iter().flatten() {
            for (from, to) in &seen.created.renamed {
                self.unmark(Mark::Created, seen.table, from);
                self.rename_taken(seen.table, from, to)?;
                let rows: Vec<Relation> = match seen.table {
                    Table::Contacts => self
                        .rows_of(from)?
                        .into_iter()
                        .map(|(_, row)| row)
                        .collect(),
                    Table::Counterparts(kind) => self.rows_naming(kind, from)?,
                    Table::Relations | Table::Templates(_) | Table::Requests => continue,
                };
                for row in rows {
                    let Ok(Some(kind)) = kind_of(&row, &codes) else {
                        continue;
                    };
                    let (contact, no) = match seen.table {
                        Table::Contacts => (to.clone(), row.no.clone()),
                        _ => (row.contact.clone(), to.clone()),
                    };
                    let is_there = self
                        .rows_of(&contact)?
                        .iter()
                        .any(|(_, known)| known.code == row.code && known.no == no);
                    self.part(&row, kind);
                    let relation = Relation {
                        contact: contact.clone(),
                        no: no.clone(),
                        ..row
                    };
                    let (contact_key, key) = (self.concern(&contact), self.key(&no));
                    self.couple_keys(contact_key, tagged(key, Table::Counterparts(kind)));
                    if !is_there {
                        let reason = format!("{} {from} came back as {to}", seen.table.noun());
                        self.out.relations.push(NewRelation { relation, reason });
                    }
                }
                self.renumber_references(seen.table, from, to)?;
            }
        }
        Ok(())
    }

    /// The relation rows that name a counterpart.
    pub(super) fn rows_naming(&self, kind: Kind, no: &str) -> Result<Vec<Relation>, StateError> {
        let counterpart = tagged(self.key(no), Table::Counterparts(kind));
        let Some(seen) = self.seen(Table::Relations) else {
            return Ok(Vec::new());
        };
        // Who came back under another number couples nobody under this one now, and did so at the last pass.
        let listed = seen.diff.olds.iter();
        let listed = listed.map(|old| (*old as usize).checked_sub(1));
        let olds = listed.chain(seen.unlisted().into_iter().map(Some));
        let before: Vec<u64> = olds
            .map(|old| old.map_or(0, |old| seen.index.links[old][1]))
            .collect();
        let links = self.scene.couplings.links.iter().enumerate();
        let named = links
            .filter(|(at, link)| link[1] == counterpart || before.get(*at) == Some(&counterpart));
        let mut rows = Vec::new();
        for (at, _) in named {
            let row = super::super::relation_rows::relation_at(seen, at)?;
            rows.extend(row.filter(|row| row.no == no));
        }
        let codes = &self.scene.config.setup.codes;
        for (_, row) in self.fresh.iter().filter(|(_, row)| row.no == no) {
            if !rows.contains(row) && kind_of(row, codes) == Ok(Some(kind)) {
                rows.push(row.clone());
            }
        }
        Ok(rows)
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
