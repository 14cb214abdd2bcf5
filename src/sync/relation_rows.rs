//! The rows of the relations table: those that its export lists, those that exist without being listed, and new ones.

use crate::exports::{Export, Record};
use crate::merge::coupling::Relation;
use crate::model::{Form, Problem, Row, form};
use crate::state::StateError;

use super::arrange::Arranged;
use super::observe::Seen;

/// All relation rows of a pass: those that the export lists, those that exist without being listed, and new ones.
pub(super) struct Rows<'r, 'c> {
    pub(super) seen: &'r Seen<'c>,
    pub(super) listed: usize,
    /// Where the unlisted ones stand in the index.
    pub(super) unlisted: Vec<usize>,
    pub(super) arranged: &'r Arranged,
    /// Which rows are looked at anew.
    touched: Vec<bool>,
}

impl<'r, 'c> Rows<'r, 'c> {
    pub(super) fn new(seen: &'r Seen<'c>, export: &Export, arranged: &'r Arranged) -> Rows<'r, 'c> {
        let mut rows = Rows {
            seen,
            listed: export.records.len(),
            unlisted: seen.unlisted(),
            arranged,
            touched: Vec::new(),
        };
        let mut touched = vec![false; rows.len()];
        let listed = seen.diff.touched.iter().map(|at| *at as usize);
        let filled = arranged.filled.keys().chain(seen.created.filling.keys());
        for at in listed.chain(filled.copied()) {
            touched[at] = true;
        }
        for (at, old) in rows.unlisted.iter().enumerate() {
            // What is in flight is looked at in every pass, and what was left open; else what a delta does not list is as
            // it was.
            touched[rows.listed + at] = seen.is_full() || seen.index.prints[*old] == 0;
        }
        touched[rows.listed + rows.unlisted.len()..].fill(true);
        rows.touched = touched;
        rows
    }

    pub(super) fn len(&self) -> usize {
        self.listed + self.unlisted.len() + self.arranged.relations.len()
    }

    pub(super) fn old_links(&self) -> Vec<[u64; 2]> {
        let listed = self
            .seen
            .diff
            .olds
            .iter()
            .map(|old| (*old as usize).checked_sub(1));
        let unlisted = self.unlisted.iter().map(|old| Some(*old));
        let mut links: Vec<[u64; 2]> = listed
            .chain(unlisted)
            .map(|old| old.map_or([0, 0], |old| self.seen.index.links[old]))
            .collect();
        links.resize(self.len(), [0, 0]);
        links
    }

    pub(super) fn is_touched(&self, at: usize) -> bool {
        self.touched[at]
    }

    /// Which rows are looked at anew, by position.
    pub(super) fn touched(&self) -> &[bool] {
        &self.touched
    }

    pub(super) fn read(
        &self,
        at: usize,
        problems: &mut Vec<Problem>,
    ) -> Result<Readable, StateError> {
        let new = self.listed + self.unlisted.len();
        let filled = self.arranged.filled.get(&at);
        if let Some(relation) = filled.or(self.seen.created.filling.get(&at)) {
            let relation = Some(relation.clone());
            return Ok(Readable { at, relation });
        }
        Ok(match &self.seen.export {
            _ if at >= new => Readable {
                at,
                relation: Some(self.arranged.relations[at - new].relation.clone()),
            },
            Some(export) if at < self.listed => read_row(self.seen, export, at, problems),
            _ => {
                let old = self.unlisted[at - self.listed];
                let row = self.seen.rows.get(self.seen.index.rows[old])?;
                let relation = row.as_ref().map(relation_of);
                Readable { at, relation }
            }
        })
    }
}

/// A relation row by its position among the listed and the unlisted ones.
pub fn relation_at(seen: &Seen<'_>, at: usize) -> Result<Option<Relation>, StateError> {
    let Some(export) = &seen.export else {
        return Ok(None);
    };
    if let Some(relation) = seen.created.filling.get(&at) {
        return Ok(Some(relation.clone()));
    }
    if at < export.records.len() {
        let record = export.record(at).ok();
        return Ok(record.map(|record| read_relation(&record)));
    }
    let unlisted = seen.unlisted();
    match unlisted.get(at - export.records.len()) {
        Some(old) => Ok(seen
            .rows
            .get(seen.index.rows[*old])?
            .as_ref()
            .map(relation_of)),
        None => Ok(None),
    }
}

/// A row of the relations export as a relation.
pub fn read_relation(record: &Record) -> Relation {
    relation_of(record.row())
}

/// A row of the relations table as a relation.
pub fn relation_of(row: &Row) -> Relation {
    let code = |column: usize| {
        row.get(column)
            .map(|text| form::canonical(Form::Code, text).into_owned())
            .unwrap_or_default()
    };
    Relation {
        contact: code(0),
        code: code(1),
        link: row.get(2).map(str::to_owned),
        no: code(3),
    }
}

/// A row of the relations export, if it can be read and counts.
pub(super) struct Readable {
    pub(super) at: usize,
    pub(super) relation: Option<Relation>,
}

fn read_row(seen: &Seen<'_>, export: &Export, at: usize, problems: &mut Vec<Problem>) -> Readable {
    let mut trouble = |kind: &str, reason: String, advice: &str| {
        problems.push(Problem::new(seen.place(at), kind, reason, advice));
        Readable { at, relation: None }
    };
    let record = match export.record(at) {
        Ok(record) => record,
        Err(fault) => return trouble(fault.kind, fault.reason, "mend the row; the rest goes on"),
    };
    if seen.is_double(at) {
        return trouble(
            "duplicate-key",
            "another row has the same contact no. and business relation code".to_owned(),
            "remove one of them; until then neither couples",
        );
    }
    Readable {
        at,
        relation: Some(read_relation(&record)),
    }
}
