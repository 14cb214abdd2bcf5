//! The rows of the relations table: those that its export lists, those that exist without being listed, and new ones.

use std::collections::BTreeSet;

use crate::exports::{Export, Reader, key_print};
use crate::merge::coupling::{Relation, UnknownLink, kind_of};
use crate::model::{Form, Kind, Problem, Row, Table, form};
use crate::state::StateError;

use crate::sync::arrange::Arranged;
use crate::sync::observe::relation::{fill, read_relation, relation_of, removal_name};
use crate::sync::observe::{Seen, plain};
use crate::sync::spread::{in_parts, joined};

/// All relation rows of a pass: those that the export lists, those that exist without being listed, and new ones.
pub(in crate::sync) struct Rows<'r, 'c> {
    pub(in crate::sync) seen: &'r Seen<'c>,
    pub(in crate::sync) listed: usize,
    /// Where the unlisted ones stand in the index.
    pub(in crate::sync) unlisted: Vec<usize>,
    pub(in crate::sync) arranged: &'r Arranged,
    /// Which rows are looked at anew.
    touched: Vec<bool>,
}

/// A relation row by its hashes: what is needed of it as long as nothing about it is out of the ordinary.
#[derive(Clone, Copy, Debug)]
pub(in crate::sync) struct Brief {
    /// Where it is among the rows.
    pub(in crate::sync) at: u32,
    /// The key of its contact; 0 for a row that cannot be read, or does not count.
    pub(in crate::sync) contact: u64,
    /// The key of its counterpart, untagged.
    pub(in crate::sync) no: u64,
    /// Its kind.
    pub(in crate::sync) kind: Result<Option<Kind>, UnknownLink>,
    /// Whether its code is a setup code and its number is filled.
    pub(in crate::sync) links: bool,
    /// Whether it was asked to be taken out.
    pub(in crate::sync) is_unwanted: bool,
}

impl Brief {
    /// The same row as one that does not count.
    pub(in crate::sync) fn illegible(self) -> Brief {
        Brief { contact: 0, ..self }
    }
}

/// What is known of relations before they are read.
pub(in crate::sync) struct Rules<'a> {
    /// Business relation codes by kind.
    pub(in crate::sync) codes: &'a [Option<String>],
    pub(in crate::sync) gone: &'a BTreeSet<(Table, String)>,
    pub(in crate::sync) seed: u64,
}

/// Fewer rows than this are not worth a second core.
const WORTH_A_CORE: usize = 4_096;

impl<'r, 'c> Rows<'r, 'c> {
    pub(in crate::sync) fn new(
        seen: &'r Seen<'c>,
        export: &Export,
        arranged: &'r Arranged,
    ) -> Rows<'r, 'c> {
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

    pub(in crate::sync) fn len(&self) -> usize {
        self.listed + self.unlisted.len() + self.arranged.relations.len()
    }

    /// What each row referred to at the last pass; where each stands where it stood, the index says it.
    pub(in crate::sync) fn moved_links(&self) -> Option<Vec<[u64; 2]>> {
        let stays = old_positions(self.seen, self.unlisted.iter().copied())
            .enumerate()
            .all(|(at, old)| old == Some(at));
        (!stays || self.len() != self.seen.index.len()).then(|| self.old_links())
    }

    /// What each row referred to at the last pass.
    pub(in crate::sync) fn old_links(&self) -> Vec<[u64; 2]> {
        let mut links = Vec::with_capacity(self.len());
        links.extend(links_before(self.seen, self.unlisted.iter().copied()));
        links.resize(self.len(), [0, 0]);
        links
    }

    pub(in crate::sync) fn is_touched(&self, at: usize) -> bool {
        self.touched[at]
    }

    /// Whether a row is one that the pass makes.
    pub(in crate::sync) fn is_new(&self, at: usize) -> bool {
        at >= self.listed + self.unlisted.len()
    }

    /// Where the rows are that are looked at anew.
    pub(in crate::sync) fn touched(&self) -> Vec<u32> {
        self.all().filter(|at| self.touched[*at as usize]).collect()
    }

    /// Where the others are.
    pub(in crate::sync) fn untouched(&self) -> Vec<u32> {
        let untouched = self.all().filter(|at| !self.touched[*at as usize]);
        untouched.collect()
    }

    fn all(&self) -> impl Iterator<Item = u32> {
        (0..self.len()).map(|at| at as u32)
    }

    /// Reads rows one after the other, on both cores where that pays.
    pub(in crate::sync) fn read_all(
        &self,
        ats: &[u32],
        rules: &Rules<'_>,
        problems: &mut Vec<Problem>,
    ) -> Result<Vec<Brief>, StateError> {
        let mut gone = rules.gone.iter();
        let may_be_unwanted =
            !self.arranged.unlinked.is_empty() || gone.any(|(table, _)| *table == Table::Relations);
        let reasserted = self.arranged.reasserted.iter();
        let counting = reasserted.chain(&self.arranged.asked_anew);
        let counting: BTreeSet<String> = counting.map(removal_name).collect();
        let is_unwanted = |relation: &Relation| {
            let asked = removal_name(relation);
            let name = (relation.contact.clone(), relation.code.clone());
            self.arranged.unlinked.contains(&name)
                || !counting.contains(&asked) && rules.gone.contains(&(Table::Relations, asked))
        };
        let key = |no: &str| plain(key_print(&[no], rules.seed));
        let read_part = |ats: &[u32]| {
            let mut problems = Vec::new();
            let mut briefs = Vec::with_capacity(ats.len());
            let mut cursor = Cursor::default();
            for at in ats {
                let is_there = self.read_into(&mut cursor, *at as usize, &mut problems)?;
                let relation = &cursor.relation;
                let is_coded = |code: &String| form::same(Form::Code, code, &relation.code);
                briefs.push(Brief {
                    at: *at,
                    contact: if is_there { key(&relation.contact) } else { 0 },
                    no: key(&relation.no),
                    kind: kind_of(relation, rules.codes),
                    links: !relation.no.is_empty() && rules.codes.iter().flatten().any(is_coded),
                    is_unwanted: may_be_unwanted
                        && is_there
                        && !self.is_new(*at as usize)
                        && is_unwanted(relation),
                });
            }
            Ok::<_, StateError>((briefs, problems))
        };
        let mut read: Vec<Vec<Brief>> = Vec::new();
        for part in in_parts(ats, WORTH_A_CORE, read_part) {
            let (briefs, found) = part?;
            read.push(briefs);
            problems.extend(found);
        }
        Ok(joined(read))
    }

    /// Reads a row; `None` where it cannot be read, or does not count.
    pub(in crate::sync) fn read(
        &self,
        at: usize,
        problems: &mut Vec<Problem>,
    ) -> Result<Option<Relation>, StateError> {
        let mut cursor = Cursor::default();
        let is_there = self.read_into(&mut cursor, at, problems)?;
        Ok(is_there.then_some(cursor.relation))
    }

    /// Reads a row in the place of the one that was read before; `false` where it cannot be read, or does not count.
    fn read_into(
        &self,
        cursor: &mut Cursor<'r>,
        at: usize,
        problems: &mut Vec<Problem>,
    ) -> Result<bool, StateError> {
        let relation = &mut cursor.relation;
        let filled = self.arranged.filled.get(&at);
        if let Some(filled) = filled.or(self.seen.created.filling.get(&at)) {
            relation.clone_from(filled);
            return Ok(true);
        }
        let new = self.listed + self.unlisted.len();
        match &self.seen.export {
            _ if at >= new => relation.clone_from(&self.arranged.relations[at - new].relation),
            Some(export) if at < self.listed => {
                let reader = cursor.reader.get_or_insert_with(|| export.reader());
                if let Err(problem) = read_row(self.seen, reader, at, &mut cursor.row) {
                    problems.push(*problem);
                    return Ok(false);
                }
                fill(relation, &cursor.row);
            }
            _ => {
                let old = self.unlisted[at - self.listed];
                match self.seen.rows.get(self.seen.index.row(old))? {
                    Some(row) => fill(relation, &row),
                    None => return Ok(false),
                }
            }
        }
        Ok(true)
    }
}

/// Where rows stood in the index: the listed ones in the order of the export, then the unlisted ones.
fn old_positions(
    seen: &Seen<'_>,
    unlisted: impl IntoIterator<Item = usize>,
) -> impl Iterator<Item = Option<usize>> {
    let listed = seen.diff.olds.iter();
    let listed = listed.map(|old| (*old as usize).checked_sub(1));
    listed.chain(unlisted.into_iter().map(Some))
}

/// What rows referred to at the last pass: the listed ones in the order of the export, then the unlisted ones.
pub(in crate::sync) fn links_before(
    seen: &Seen<'_>,
    unlisted: impl IntoIterator<Item = usize>,
) -> impl Iterator<Item = [u64; 2]> {
    let olds = old_positions(seen, unlisted);
    olds.map(|old| old.map_or([0, 0], |old| seen.index.links.at(old)))
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
            .get(seen.index.row(*old))?
            .as_ref()
            .map(relation_of)),
        None => Ok(None),
    }
}

/// What is read with, from row to row.
#[derive(Default)]
struct Cursor<'e> {
    reader: Option<Reader<'e>>,
    row: Row,
    /// The row that was read last.
    relation: Relation,
}

/// Reads a row of the relations export, if it can be read and counts.
fn read_row(
    seen: &Seen<'_>,
    reader: &mut Reader<'_>,
    at: usize,
    row: &mut Row,
) -> Result<(), Box<Problem>> {
    let trouble = |kind: &str, reason: String, advice: &str| {
        Box::new(Problem::new(seen.place_left_out(at), kind, reason, advice))
    };
    // No column of the table is an option whose spelling could be unknown.
    let read = reader
        .read(at)
        .and_then(|view| view.fill(row, &mut Vec::new()));
    read.map_err(|fault| trouble(fault.kind, fault.reason, seen.advice(at)))?;
    if seen.is_double(at) {
        return Err(trouble(
            "duplicate-key",
            "another row has the same contact no. and business relation code".to_owned(),
            "remove one of them; until then neither couples",
        ));
    }
    Ok(())
}
