//! A seat of a party: one record as the pass sees it, and what it brings into the merge.

use std::collections::BTreeMap;

use crate::config::Empty;
use crate::exports::TooLong;
use crate::merge::deliver::Route;
use crate::merge::derive;
use crate::merge::party::{Cell, Member, rests};
use crate::merge::verdict::Modified;
use crate::merge::{Capacity, Sent};
use crate::model::{Direction, FieldId, FieldSet, Form, Row, Side, Table, form};
use crate::state::StateError;
use crate::state::queries::SentValue;
use crate::sync::dates;
use crate::sync::observe::Seen;

use super::notes::Notes;
use super::world::World;

/// One record of a party as the pass sees it, with what its file says.
pub(super) struct Seat<'w> {
    pub(super) side: Side,
    pub(super) seen: &'w Seen<'w>,
    pub(super) no: String,
    /// Its record in the export; `None` when it says nothing in this pass.
    pub(super) at: Option<usize>,
    /// Its place in the index, where it exists and no export shows it in this pass: its base can move all the same.
    pub(super) unshown: Option<usize>,
    /// Its row cannot be read, or may be one that does not say whose it is, so that nobody knows what it shows.
    is_illegible: bool,
    /// What it shows. A record that a delta export does not list shows its base; whoever says nothing stands by what it said
    /// in open conflicts.
    pub(super) shown: Option<Row>,
    pub(super) base: Option<Row>,
    pub(super) met: bool,
    /// The pass creates it.
    pub(super) is_new: bool,
    pub(super) sent: &'w [SentValue],
    /// What it said in open conflicts, by column.
    words: &'w [(usize, String)],
}

pub(super) fn seat<'w>(
    world: &World<'w>,
    side: Side,
    key: u64,
    met: bool,
    notes: &mut Notes<'w>,
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
            unshown: None,
            is_illegible: false,
            shown: Some(birth.row.clone()),
            base: None,
            met: false,
            is_new: true,
            sent: &[],
            words: &[],
        }));
    }
    let base = seen.base(key)?;
    let position = seen.position(key).filter(|at| !seen.is_double(*at));
    let mut shown = position.and_then(|at| notes.row(seen, at));
    let at = position.filter(|_| shown.is_some());
    let is_listed = seen.position(key).is_some();
    let old = match position {
        Some(at) => (seen.diff.olds[at] as usize).checked_sub(1),
        None => seen
            .old_position(key)
            .filter(|_| is_listed || seen.is_unlisted(key)),
    };
    let unshown = old.filter(|_| shown.is_none());
    let is_illegible = shown.is_none() && (is_listed || seen.is_illegible(key));
    if unshown.is_some() && seen.export.is_some() && !is_illegible {
        shown.clone_from(&base);
    }
    let Some(no) = shown
        .as_ref()
        .or(base.as_ref())
        .and_then(|row| row.get(0))
        .map(str::to_owned)
    else {
        return Ok(None);
    };
    let no = form::canonical(Form::Code, &no).into_owned();
    if at.is_none() {
        world.words.put(side.table(), &no, &mut shown);
    }
    let words = world.words.of_record(side.table(), &no);
    // What was in flight towards a record in another party, or alone, is nobody's here.
    let sent = match met {
        true => world
            .pending
            .sent(side.table(), world.former(side.table(), &no)),
        false => &[],
    };
    Ok(Some(Seat {
        side,
        seen,
        no,
        at,
        unshown,
        is_illegible,
        shown,
        base,
        met,
        is_new: false,
        sent,
        words,
    }))
}

/// Columns that an update of a record has to carry, whatever it is made for, with why its file cannot hold what is to stand there:
/// what is in flight towards it, and all that is known of one that its export does not list.
pub(super) fn unheld(
    seen: &Seen<'_>,
    unlisted: Option<&Row>,
    sent: &[SentValue],
) -> Vec<(usize, String)> {
    let Some(export) = &seen.export else {
        return Vec::new();
    };
    let columns = 0..seen.table.columns().len();
    let known = columns.filter_map(|column| Some((column, unlisted?.get(column)?)));
    let in_flight = sent.iter().filter(|value| !value.sent.acknowledged);
    let in_flight = in_flight
        .filter_map(|value| Some((seen.table.column(&value.field)?, value.sent.value.as_str())));
    known
        .chain(in_flight)
        .filter(|(column, _)| export.columns.has(*column))
        .filter_map(|(column, text)| Some((column, export.holds(column, text).err()?.to_string())))
        .collect()
}

/// Why a record cannot get a value, where it cannot.
pub(super) fn refuses(
    seen: &Seen<'_>,
    unheld: &[(usize, String)],
    column: usize,
    text: &str,
) -> Option<String> {
    let refused = seen.export.as_ref()?.holds(column, text).err();
    let mut others = unheld.iter().filter(|(other, _)| *other != column);
    let of_others = || others.next().map(|(_, reason)| reason.clone());
    refused.map(|unheld| unheld.to_string()).or_else(of_others)
}

/// The fields in which something may have moved, and those that follow from them; all others rest.
pub(super) fn in_motion(seats: &[Seat<'_>], given: impl Iterator<Item = FieldId>) -> FieldSet {
    let is_plain = |seat: &Seat<'_>| seat.met && !seat.is_new && seat.sent.is_empty();
    if !seats.iter().all(is_plain) {
        return FieldSet::all();
    }
    let moves = |field: &FieldId| !rests(seats.iter().filter_map(|seat| seat.says(*field)));
    let is_anybodys = |field: &FieldId| seats.iter().any(|seat| seat.says(*field).is_some());
    let mut fields: FieldSet = FieldId::all().filter(moves).filter(is_anybodys).collect();
    fields.extend(given);
    match fields.iter().any(derive::leads) {
        true => FieldSet::all(),
        false => fields,
    }
}

impl Seat<'_> {
    /// Whether its base stays whatever is decided, because nothing is known of it.
    pub(super) fn keeps_base(&self) -> bool {
        self.at.is_none() && self.unshown.is_none() && !self.is_new
    }

    /// Whether it says nothing in this pass: its export, or its row.
    fn is_silent(&self) -> bool {
        self.seen.export.is_none() || self.is_illegible || self.keeps_base()
    }

    /// What it showed of a field when it was last merged, whether or not its export still has the column.
    pub(super) fn base_of(&self, field: FieldId) -> Option<&str> {
        let column = self.side.table().column_of(field)?;
        self.base.as_ref()?.get(column)
    }

    /// What it said of a column in an open conflict.
    pub(super) fn word(&self, column: usize) -> Option<&str> {
        let mut words = self.words.iter();
        let word = words.find(|(of, _)| *of == column);
        word.map(|(_, word)| word.as_str())
    }

    /// What it shows of a field and what it showed when it was last merged; `None` where its table has no such field.
    fn says(&self, field: FieldId) -> Option<(Option<&str>, Option<&str>)> {
        let column = self.side.table().column_of(field)?;
        let shown = self.shown.as_ref().and_then(|row| row.get(column));
        let base = self.base_of(field);
        let export = self.seen.export.as_ref();
        let is_there = export.is_some_and(|export| export.columns.has(column));
        (is_there || shown.is_some() || base.is_some()).then_some((shown, base))
    }
}

/// What an export says of a cell. One that it emptied, where that means no change, says what `stands`; but one that we have emptied,
/// and that was not shown since, is empty.
pub(super) fn said<'r>(
    seen: &Seen<'_>,
    shown: Option<&'r str>,
    stands: Option<&'r str>,
    sent: &[Sent],
) -> Option<&'r str> {
    let means_no_change = seen.export.is_some() && seen.config.empty == Empty::NoChange;
    if !means_no_change || !shown.is_some_and(form::is_blank) {
        return shown;
    }
    let is_ours = |sent: &Sent| !sent.acknowledged && form::is_blank(&sent.value);
    match sent.iter().any(is_ours) {
        true => shown,
        false => stands.or(shown),
    }
}

/// What a table can hold in a column.
pub(super) fn capacity(seen: &Seen<'_>, column: usize) -> Capacity {
    let def = &seen.table.columns()[column];
    let (length, cut) = match &seen.export {
        Some(export) => {
            let (length, too_long) = export.length_of(column);
            (length, too_long == TooLong::Cut)
        }
        None => (def.length, false),
    };
    Capacity {
        form: def.form,
        length,
        cut,
    }
}

/// Whether a table speaks for a field or only follows.
pub(super) fn direction(table: Table, field: FieldId) -> Direction {
    let share = match table {
        Table::Counterparts(kind) => kind.share(field),
        _ => None,
    };
    share.map_or(Direction::Both, |(_, share)| share.direction)
}

/// What a seat brings into the merge of some fields. When it was modified is only looked up where that `decides`.
pub(super) fn member<'s>(seat: &'s Seat<'_>, fields: FieldSet, decides: bool) -> Member<'s> {
    let seen = seat.seen;
    let table = seat.side.table();
    let mut cells = BTreeMap::new();
    for field in fields.iter() {
        let Some(column) = table.column_of(field) else {
            continue;
        };
        let base = seat
            .base
            .as_ref()
            .filter(|_| seat.met)
            .and_then(|row| row.get(column));
        let base = base.map(|base| seen.exported_over(seat.at, column).unwrap_or(base));
        let export = seen.export.as_ref();
        let is_there = export.is_some_and(|export| export.columns.has(column));
        let shown = match is_there {
            true => seat.shown.as_ref().and_then(|row| row.get(column)),
            // What it said in a conflict is all that is known of it.
            false => seat.word(column),
        };
        // A row without the column says nothing of it, ever.
        let has_row = seat.at.is_some() || seat.is_new;
        let is_unknown = !is_there && (has_row || (base.is_none() && shown.is_none()));
        if is_unknown {
            continue;
        }
        let name = field.def().name;
        let of_field = seat.sent.iter().filter(|value| value.field == name);
        let sent = of_field.map(|value| Sent {
            // Only an export that lists its record can show that it is not imported.
            exports: match seat.unshown {
                Some(_) => 0,
                None => value.sent.exports,
            },
            ..value.sent.clone()
        });
        let sent: Vec<Sent> = sent.collect();
        // What stood there when it met nobody stands as well.
        let stands = base.or(seat.base_of(field));
        let stands = seat.word(column).or(stands);
        let shown = said(seen, shown, stands, &sent);
        cells.insert(
            field,
            Cell {
                shown,
                base,
                sent,
                direction: direction(table, field),
                capacity: capacity(seen, column),
            },
        );
    }
    let unlisted = seat.unshown.and(seat.shown.as_ref());
    let unheld = unheld(seen, unlisted, seat.sent);
    Member {
        side: seat.side,
        no: seat.no.clone(),
        cells,
        modified: decides.then(|| modified(seat)).flatten(),
        // A record that the pass creates begins with what is written for it.
        route: match seat.is_new {
            true => Route::InPlace,
            false if seat.is_illegible && seen.is_updated_whole() => Route::Frozen,
            false if seat.is_silent() => Route::Silent,
            false => seen.route(),
        },
        refuses: Box::new(move |field, text| {
            refuses(seen, &unheld, table.column_of(field).unwrap_or(0), text)
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
