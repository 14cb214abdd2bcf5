//! A seat of a party: one record as the pass sees it, and what it brings into the merge.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::LazyLock;

use crate::config::Empty;
use crate::exports::{CHANGED, Export, Record, TooLong};
use crate::merge::deliver::{Hold, Route};
use crate::merge::party::{Cell, Member};
use crate::merge::validation::{self, Invalid};
use crate::merge::verdict::Modified;
use crate::merge::{Capacity, Sent};
use crate::model::{Direction, FieldId, Form, Problem, Row, Side, Table};
use crate::state::StateError;

use super::dates;
use super::observe::Seen;
use super::world::World;

/// What is noted on the way, beside the decisions.
#[derive(Default)]
pub(super) struct Notes {
    pub(super) problems: Vec<Problem>,
    /// Records that are a problem for as long as they are as they are.
    pub(super) troubled: BTreeMap<Table, BTreeSet<usize>>,
    /// Records that were read, by table.
    pub(super) read: Vec<Vec<bool>>,
    /// A file that is no longer what was read.
    pub(super) overtaken: Option<PathBuf>,
}

impl Notes {
    /// Nothing yet of the records of this pass.
    pub(super) fn new(world: &World<'_>) -> Notes {
        let records = |seen: &Option<Seen<'_>>| {
            let export = seen.as_ref().and_then(|seen| seen.export.as_ref());
            vec![false; export.map_or(0, |export| export.records.len())]
        };
        Notes {
            read: world.tables.iter().map(records).collect(),
            ..Notes::default()
        }
    }

    /// Takes in what was noted of further records.
    pub(super) fn take_in(&mut self, further: Notes) {
        self.problems.extend(further.problems);
        for (table, troubled) in further.troubled {
            self.troubled.entry(table).or_default().extend(troubled);
        }
        for (known, further) in self.read.iter_mut().zip(further.read) {
            for (known, further) in known.iter_mut().zip(further) {
                *known |= further;
            }
        }
        self.overtaken = self.overtaken.take().or(further.overtaken);
    }

    /// Reads a record; one that cannot be read is left out and a problem.
    pub(super) fn record(&mut self, seen: &Seen<'_>, export: &Export, at: usize) -> Option<Record> {
        if let Some(read) = self.read[seen.table.index()].get_mut(at) {
            *read = true;
        }
        match export.record(at) {
            Ok(record) => {
                self.problems.extend(record.problems().iter().cloned());
                self.check(seen, at, &record);
                Some(record)
            }
            Err(fault) if fault.kind == CHANGED => {
                self.overtaken = Some(seen.path.clone());
                None
            }
            Err(fault) => {
                let advice = "mend the row; the rest goes on";
                self.problems.push(Problem::new(
                    seen.place(at),
                    fault.kind,
                    fault.reason,
                    advice,
                ));
                None
            }
        }
    }
}

impl Notes {
    /// What an export shows is carried; but an e-mail address that is none is a problem (`product.md` §8).
    fn check(&mut self, seen: &Seen<'_>, at: usize, record: &Record) {
        let table = seen.table;
        let (Some(e_mail), true) = (E_MAIL.get(&table), seen.is_touched(at)) else {
            return;
        };
        let shown = record.value(*e_mail).unwrap_or_default();
        if let Err(invalid) = validation::e_mail(shown) {
            // The offending part is a value of the record, so the problem names its place alone.
            let Invalid::EMail(_) = invalid else { return };
            let mut place = seen.place(at);
            place.key = record.value(0).map(str::to_owned);
            place.column = Some("E-Mail".to_owned());
            self.problems.push(Problem::new(
                place,
                "invalid-e-mail",
                "it is no valid e-mail address; it is carried as it is",
                "correct it in its system, or accept the problem; several addresses are separated by semicolons",
            ));
            self.trouble(table, at);
        }
    }

    /// Keeps a record in view: its problem is told in every pass.
    pub(super) fn trouble(&mut self, table: Table, at: usize) {
        self.troubled.entry(table).or_default().insert(at);
    }
}

/// Where each table has its e-mail addresses.
static E_MAIL: LazyLock<BTreeMap<Table, usize>> = LazyLock::new(|| {
    let column = |table: Table| Some((table, table.column("E-Mail")?));
    Table::all().filter_map(column).collect()
});

/// One record of a party as the pass sees it, with what its file says.
pub(super) struct Seat<'w> {
    pub(super) side: Side,
    pub(super) seen: &'w Seen<'w>,
    pub(super) no: String,
    /// Its record in the export; `None` when it says nothing in this pass.
    pub(super) at: Option<usize>,
    /// What it shows. A record that a delta export does not list shows its base; whoever says nothing stands by what it said
    /// in open conflicts.
    pub(super) shown: Option<Row>,
    pub(super) base: Option<Row>,
    pub(super) met: bool,
    /// The pass creates it.
    pub(super) is_new: bool,
    pub(super) sent: Vec<crate::state::queries::SentValue>,
}

pub(super) fn seat<'w>(
    world: &World<'w>,
    side: Side,
    key: u64,
    met: bool,
    notes: &mut Notes,
) -> Result<Option<Seat<'w>>, StateError> {
    let Some(seen) = world.tables[side.table().index()].as_ref() else {
        return Ok(None);
    };
    if let Some(birth) = world.arranged.birth(side.table(), key) {
        return Ok(Some(Seat {
            side,
            seen,
            no: birth.no.clone(),
            at: None,
            shown: Some(birth.row.clone()),
            base: None,
            met: false,
            is_new: true,
            sent: Vec::new(),
        }));
    }
    let base = seen.base(key)?;
    let position = seen.position(key).filter(|at| !seen.is_double(*at));
    let record = match (&seen.export, position) {
        (Some(export), Some(at)) => notes.record(seen, export, at),
        _ => None,
    };
    let at = position.filter(|_| record.is_some());
    let unlisted = seen.export.is_some() && seen.is_unlisted(key);
    let mut shown = match record {
        Some(record) => Some(record.into_row()),
        None if unlisted => base.clone(),
        None => None,
    };
    let Some(no) = shown
        .as_ref()
        .or(base.as_ref())
        .and_then(|row| row.get(0))
        .map(str::to_owned)
    else {
        return Ok(None);
    };
    let no = crate::model::form::canonical(Form::Code, &no).into_owned();
    if at.is_none() {
        world.words.put(side.table(), &no, &mut shown);
    }
    // What was in flight towards a record in another party, or alone, is nobody's here.
    let sent = match met {
        true => world
            .pending
            .sent(side.table(), world.former(side.table(), &no)),
        false => Vec::new(),
    };
    Ok(Some(Seat {
        side,
        seen,
        no,
        at,
        shown,
        base,
        met,
        is_new: false,
        sent,
    }))
}

/// What a record's file can hold of one column.
struct ColumnHold<'w> {
    seen: &'w Seen<'w>,
    column: usize,
}

impl Hold for ColumnHold<'_> {
    fn refuses(&self, text: &str) -> Option<String> {
        let export = self.seen.export.as_ref()?;
        export
            .holds(self.column, text)
            .err()
            .map(|unheld| unheld.to_string())
    }
}

pub(super) fn member<'w>(seat: &Seat<'w>) -> Member<'w> {
    let seen = seat.seen;
    let table = seat.side.table();
    let mut cells = BTreeMap::new();
    for (column, def) in table.columns().iter().enumerate() {
        let Some(field) = def.shares else { continue };
        let base = seat
            .base
            .as_ref()
            .filter(|_| seat.met)
            .and_then(|row| row.get(column))
            .map(str::to_owned);
        let (shown, (length, cut)) = match &seen.export {
            Some(export) if !export.columns.has(column) => continue,
            Some(export) => {
                let mut shown = seat
                    .shown
                    .as_ref()
                    .and_then(|row| row.get(column))
                    .map(str::to_owned);
                if seen.config.empty == Empty::NoChange
                    && shown.as_deref().is_some_and(crate::model::form::is_blank)
                    && base
                        .as_deref()
                        .is_some_and(|base| !crate::model::form::is_blank(base))
                {
                    shown = None;
                }
                {
                    let (length, too_long) = export.length_of(column);
                    (shown, (length, too_long == TooLong::Cut))
                }
            }
            None if base.is_none() => continue,
            None => {
                let shown = seat.shown.as_ref().and_then(|row| row.get(column));
                (shown.map(str::to_owned), (def.length, false))
            }
        };
        let direction = match seat.side {
            Side::Contact => Direction::Both,
            Side::Counterpart(kind) => kind
                .share(field)
                .map_or(Direction::Both, |(_, share)| share.direction),
        };
        let sent: Vec<Sent> = match seat.sent.is_empty() {
            true => Vec::new(),
            false => {
                let name = field.def().name;
                seat.sent
                    .iter()
                    .filter(|value| value.field == name)
                    .map(|value| value.sent.clone())
                    .collect()
            }
        };
        let capacity = Capacity {
            form: def.form,
            length,
            cut,
        };
        cells.insert(
            field,
            Cell {
                shown,
                base,
                sent,
                direction,
                capacity,
            },
        );
    }
    Member {
        side: seat.side,
        no: seat.no.clone(),
        cells,
        modified: modified(seat),
        // A record that the pass creates begins with what is written for it.
        route: match seat.is_new {
            true => Route::InPlace,
            false if seen.export.is_none() => Route::Silent,
            false => seen.route(),
        },
        hold: Box::new(move |field| {
            let column = table.column_of(field).unwrap_or(0);
            Box::new(ColumnHold { seen, column })
        }),
    }
}

fn modified(seat: &Seat<'_>) -> Modified {
    let row = seat.shown.as_ref()?;
    let table = seat.side.table();
    let cell = |name: &str| {
        table
            .column(name)
            .and_then(|column| row.get(column))
            .filter(|text| !text.trim().is_empty())
    };
    dates::modified(
        cell("Last Modified Date Time"),
        cell("Last Date Modified"),
        cell("Last Time Modified"),
        seat.seen.config.dates.as_deref(),
    )
}

/// Whether all sides show the same in every field, so that whatever moved, moved to what all agree on: the base of
/// each is what it shows, and nothing is left to decide. Most parties of a first pass are like this.
pub(super) fn agree_at_sight(seats: &[Seat<'_>]) -> bool {
    let speak = seats.iter().all(|seat| {
        seat.at.is_some() && seat.seen.config.empty == Empty::Clear && seat.sent.is_empty()
    });
    let Some(hub) = seats.first().filter(|_| speak) else {
        return false;
    };
    let Some(hub_row) = &hub.shown else {
        return false;
    };
    // What a contact changes may take other fields of it along, or those of its persons.
    if hub.base.as_ref().is_some_and(|base| base != hub_row) {
        return false;
    }
    FieldId::all().all(|field| {
        let mut values = seats.iter().filter_map(|seat| {
            let column = seat.side.table().column_of(field)?;
            let export = seat
                .seen
                .export
                .as_ref()
                .filter(|export| export.columns.has(column));
            export.map(|_| seat.shown.as_ref().and_then(|row| row.get(column)))
        });
        let Some(first) = values.next() else {
            return true;
        };
        values.all(|value| value == first)
    })
}
