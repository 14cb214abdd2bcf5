//! Records that came back from their system under another number: whatever named them follows (`product.md` §6).

use crate::merge::Rule;
use crate::merge::coupling::{Relation, kind_of};
use crate::model::{FieldId, Kind, Table};
use crate::state::StateError;
use crate::state::memory::{Mark, MarkRow, Taken};
use crate::sync::couple::PRIMARY_CONTACT;
use crate::sync::observe::tagged;

use super::returns::taken;
use super::{Arranger, NewRelation};

impl Arranger<'_, '_, '_> {
    /// Records that came back under another number take their relations along, as soon as those say something.
    pub(super) fn follow_renames(&mut self) -> Result<(), StateError> {
        let codes = self.scene.config.setup.codes.clone();
        let relations = self.seen(Table::Relations);
        let are_silent = relations.is_some_and(|relations| relations.export.is_none());
        for seen in self.scene.tables.iter().flatten() {
            for (from, to) in &seen.created.renumbered {
                if are_silent {
                    if self.known_marks().body(Mark::Renamed, seen.table, from) != Some(to) {
                        self.mark(Mark::Renamed, seen.table, from, to.clone());
                    }
                    continue;
                }
                self.unmark(Mark::Renamed, seen.table, from);
                let rows: Vec<Relation> = match seen.table {
                    Table::Contacts => self
                        .rows_of(from)?
                        .into_iter()
                        .map(|(_, row)| row)
                        .collect(),
                    Table::Counterparts(kind) => self.rows_naming(kind, from)?,
                    Table::Relations | Table::Templates(_) | Table::Lookup(_) => continue,
                };
                for row in rows {
                    let Ok(Some(kind)) = kind_of(&row, &codes) else {
                        continue;
                    };
                    let relation = self.renumbered(&row, kind);
                    let (contact, no) = (relation.contact.clone(), relation.no.clone());
                    let is_there = self
                        .rows_of(&contact)?
                        .iter()
                        .any(|(_, known)| known.code == row.code && known.no == no);
                    self.part(&row, kind);
                    // It may be gone by now, or the other end, and regains the relation if it returns.
                    if let Some((table, no)) = self.gone_end(&relation, kind)? {
                        self.keep_for(table, &no, vec![taken(&relation)])?;
                        continue;
                    }
                    let (contact_key, key) = (self.concern(&contact), self.key(&no));
                    self.couple_keys(contact_key, tagged(key, Table::Counterparts(kind)));
                    if !is_there {
                        let reason = format!("{} {from} came back as {to}", seen.table.noun());
                        self.out.relations.push(NewRelation { relation, reason });
                    }
                }
            }
            for (from, to) in &seen.created.renamed {
                self.unmark(Mark::Created, seen.table, from);
                self.renumber_references(seen.table, from, to)?;
            }
        }
        self.rename_taken()
    }

    /// A relation under the numbers that its ends have now.
    pub(super) fn renumbered(&self, relation: &Relation, kind: Kind) -> Relation {
        let now = |table: Table, no: &str| {
            let seen = self.seen(table).into_iter();
            let mut renumbered = seen.flat_map(|seen| &seen.created.renumbered);
            let of_it = renumbered.find(|(from, _)| from == no);
            of_it.map_or(no, |(_, to)| to).to_owned()
        };
        Relation {
            contact: now(Table::Contacts, &relation.contact),
            no: now(Table::Counterparts(kind), &relation.no),
            ..relation.clone()
        }
    }

    /// The end of a relation that is gone; the contact where both are.
    fn gone_end(
        &self,
        relation: &Relation,
        kind: Kind,
    ) -> Result<Option<(Table, String)>, StateError> {
        let counterpart = (Table::Counterparts(kind), relation.no.clone());
        for end in [(Table::Contacts, relation.contact.clone()), counterpart] {
            if self.scene.gone.contains(&end) && self.row(end.0, &end.1)?.is_none() {
                return Ok(Some(end));
            }
        }
        Ok(None)
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
            .map(|old| old.map_or(0, |old| seen.index.links.at(old)[1]))
            .collect();
        let links = self.scene.couplings.links(seen).enumerate();
        let named = links
            .filter(|(at, link)| link[1] == counterpart || before.get(*at) == Some(&counterpart));
        let mut rows = Vec::new();
        for (at, _) in named {
            let row = crate::sync::couple::relation_rows::relation_at(seen, at)?;
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

    /// What records that are gone took along is given back under the numbers that it has then.
    fn rename_taken(&mut self) -> Result<(), StateError> {
        let codes = &self.scene.config.setup.codes;
        let renamed = |table: Table, no: &str| -> Option<String> {
            let seen = self.seen(table)?;
            let mut of_table = seen.created.renamed.iter();
            of_table
                .find(|(from, _)| from == no)
                .map(|(_, to)| to.clone())
        };
        let rename = |table: Table, no: &mut String| {
            if let Some(to) = renamed(table, no) {
                *no = to;
            }
        };
        let mut marked: Vec<MarkRow> = Vec::new();
        for mark in self
            .scene
            .marks
            .iter()
            .filter(|row| row.mark == Mark::Taken)
        {
            let before: Vec<Taken> = serde_json::from_str(&mark.body)?;
            let mut after = before.clone();
            for taken in &mut after {
                match taken {
                    Taken::Relation([contact, code, link, no]) => {
                        let relation = Relation {
                            contact: contact.clone(),
                            code: code.clone(),
                            link: Some(link.clone()).filter(|link| !link.is_empty()),
                            no: no.clone(),
                        };
                        rename(Table::Contacts, contact);
                        if let Ok(Some(kind)) = kind_of(&relation, codes) {
                            rename(Table::Counterparts(kind), no);
                        }
                    }
                    Taken::Cell([table, no, column, value]) => {
                        if column == PRIMARY_CONTACT {
                            rename(Table::Contacts, value);
                        }
                        if let Some(table) = Table::named(table) {
                            rename(table, no);
                        }
                    }
                }
            }
            if after != before {
                marked.push(MarkRow {
                    body: serde_json::to_string(&after)?,
                    ..mark.clone()
                });
            }
        }
        marked.into_iter().for_each(|row| self.out.marked.put(row));
        Ok(())
    }

    /// What refers to a record under the number that we gave it gets the number that its system gave it.
    pub(super) fn renumber_references(
        &mut self,
        table: Table,
        from: &str,
        to: &str,
    ) -> Result<(), StateError> {
        if table != Table::Contacts {
            return Ok(());
        }
        let key = self.key(from);
        let mut naming: Vec<(Table, String)> = Vec::new();
        for kind in Kind::all().filter(|kind| kind.def().has_primary_contact) {
            let of_kind = self.naming_as_primary(kind, from)?.into_iter();
            naming.extend(of_kind.map(|(no, _)| (Table::Counterparts(kind), no)));
        }
        for (table, no) in naming {
            self.own_cell(table, &no, PRIMARY_CONTACT, to.to_owned(), to);
        }
        let Some(field) = FieldId::named("Company No.") else {
            return Ok(());
        };
        for person in self.persons_of(key)? {
            let person = match self.scene.renamed_keys.get(&person) {
                Some(renamed) => *renamed,
                None => person,
            };
            self.out.concerned.push(person);
            self.out
                .given
                .entry(person)
                .or_default()
                .push((field, to.to_owned(), Rule::Relation));
        }
        Ok(())
    }
}
