//! What is noted while parties are decided, and the cursors with which their records are read.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::LazyLock;

use crate::exports::grammar::Fault;
use crate::exports::{CHANGED, Reader, View};
use crate::merge::validation;
use crate::model::{Problem, Row, Table};

use crate::sync::observe::Seen;
use crate::sync::unsaid::Unsaid;

/// What is noted on the way, beside the decisions.
#[derive(Default)]
pub(super) struct Notes<'w> {
    pub(super) problems: Vec<Problem>,
    /// Problems that are counted and not named.
    pub(super) unsaid: Unsaid,
    /// Records that are a problem for as long as they are as they are.
    pub(super) troubled: BTreeMap<Table, BTreeSet<usize>>,
    /// Records that were read, by table, as they came.
    read: [Vec<u32>; Table::COUNT],
    /// A file that is no longer what was read.
    pub(super) overtaken: Option<PathBuf>,
    readers: [Option<Reader<'w>>; Table::COUNT],
    /// From so many problems on, they are curbed.
    curb_at: usize,
}

impl<'w> Notes<'w> {
    /// Takes in what was noted of further records.
    pub(super) fn take_in(&mut self, further: Notes<'w>) {
        self.problems.extend(further.problems);
        self.unsaid.take_in(further.unsaid);
        for (table, troubled) in further.troubled {
            self.troubled.entry(table).or_default().extend(troubled);
        }
        for (known, further) in self.read.iter_mut().zip(further.read) {
            known.extend(further);
        }
        self.overtaken = self.overtaken.take().or(further.overtaken);
    }

    /// The records of a table that were read, ascending.
    pub(super) fn read(&mut self, table: Table) -> Vec<u32> {
        let mut read = std::mem::take(&mut self.read[table.index()]);
        read.sort_unstable();
        read.dedup();
        read
    }

    /// Reads a record; one that cannot be read is left out and a problem.
    pub(super) fn row(&mut self, seen: &'w Seen<'w>, at: usize) -> Option<Row> {
        self.read[seen.table.index()].push(at as u32);
        self.look(seen, at, |view, problems| {
            let mut row = Row::with_room(seen.table, view.bytes().len());
            view.fill(&mut row, problems).map(|()| row)
        })
    }

    /// Looks at a record and notes what is the matter with it; one that cannot be read is left out and a problem.
    pub(super) fn look<T>(
        &mut self,
        seen: &'w Seen<'w>,
        at: usize,
        take: impl FnOnce(&View<'_>, &mut Vec<Problem>) -> Result<T, Fault>,
    ) -> Option<T> {
        let export = seen.export.as_ref()?;
        let reader = &mut self.readers[seen.table.index()];
        let reader = reader.get_or_insert_with(|| export.reader());
        let looked = reader.read(at).and_then(|view| {
            let taken = take(&view, &mut self.problems)?;
            Ok((taken, invalid_e_mail(seen, at, &view)?))
        });
        match looked {
            Ok((taken, invalid)) => {
                if let Some(problem) = invalid {
                    self.problems.push(problem);
                    self.curb(seen);
                    self.trouble(seen.table, at);
                }
                Some(taken)
            }
            Err(fault) if fault.kind == CHANGED => {
                self.overtaken = Some(seen.path.clone());
                None
            }
            Err(fault) => {
                let place = seen.place_left_out(at);
                let problem = Problem::new(place, fault.kind, fault.reason, seen.advice(at));
                self.problems.push(problem);
                self.curb(seen);
                None
            }
        }
    }

    /// Names no more problems than are to be named, so that they do not grow with a file of bad rows.
    pub(super) fn curb(&mut self, seen: &Seen<'_>) {
        let most = seen.config.most_problems;
        if self.problems.len() >= self.curb_at.max(most.saturating_mul(2)) {
            self.unsaid.curb(&mut self.problems, most);
            // Where many kinds fill the list, it is sorted the less often the longer it is.
            self.curb_at = self.problems.len().saturating_mul(2);
        }
    }

    /// Looks at a record of which nothing is noted; `None` where it cannot be read.
    pub(super) fn peek<T>(
        &mut self,
        seen: &'w Seen<'w>,
        at: usize,
        take: impl FnOnce(&View<'_>) -> Result<T, Fault>,
    ) -> Option<T> {
        let view = self.reader(seen)?.read(at).ok()?;
        view.check(&mut Vec::new()).ok()?;
        take(&view).ok()
    }

    fn reader(&mut self, seen: &'w Seen<'w>) -> Option<&mut Reader<'w>> {
        let export = seen.export.as_ref()?;
        Some(self.readers[seen.table.index()].get_or_insert_with(|| export.reader()))
    }

    /// Keeps a record in view: its problem is told in every pass.
    pub(super) fn trouble(&mut self, table: Table, at: usize) {
        self.troubled.entry(table).or_default().insert(at);
    }
}

/// What an export shows is carried; but an e-mail address that is none is a problem (`product.md` §8).
fn invalid_e_mail(seen: &Seen<'_>, at: usize, view: &View<'_>) -> Result<Option<Problem>, Fault> {
    let Some(column) = E_MAIL[seen.table.index()] else {
        return Ok(None);
    };
    let shown = view.value(column)?.unwrap_or_default();
    if validation::e_mail(&shown).is_ok() || !seen.is_touched(at) {
        return Ok(None);
    }
    // The offending part is a value of the record, so the problem names its place alone.
    let mut place = seen.place(at);
    place.key = view.value(0)?.map(|no| no.into_owned());
    place.column = Some("E-Mail".to_owned());
    Ok(Some(Problem::new(
        place,
        "invalid-e-mail",
        "it is no valid e-mail address; it is carried as it is",
        "correct it in its system, or accept the problem; several addresses are separated by semicolons",
    )))
}

/// By table: where it has its e-mail addresses.
static E_MAIL: LazyLock<Vec<Option<usize>>> =
    LazyLock::new(|| Table::all().map(|table| table.column("E-Mail")).collect());
