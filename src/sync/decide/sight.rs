//! Agreement at sight: the sides of most parties show the same when they are read for the first time, and nothing is left
//! to decide about them.
//!
//! Each file is read once, from front to back, and no party takes its seats. What a contact shows of the fields that a
//! counterpart has too becomes a print, which waits at the counterpart's place until its own is held against it.

use xxhash_rust::xxh3::xxh3_64_with_seed;

use crate::config::Empty;
use crate::exports::View;
use crate::exports::grammar::Fault;
use crate::model::{FieldId, FieldSet, Kind, Table};
use crate::sync::observe::Seen;
use crate::sync::spread::in_parts;

use super::family::company_shown;
use super::notes::Notes;
use super::world::World;

/// Fewer contacts than this are decided one by one.
pub(super) const WORTH_A_LOOK: usize = 2_048;

/// Contacts of which nothing has to be decided.
pub(super) struct Sight {
    /// By their place in the export.
    agree: Vec<bool>,
}

impl Sight {
    /// Looks at all records that nobody has read before, where contacts are among them for the first time; `None` where a
    /// pass has more to think of.
    ///
    /// What is the matter with the records is noted on the way.
    pub(super) fn of<'w>(
        world: &World<'w>,
        contacts: &[u64],
        notes: &mut Notes<'w>,
    ) -> Option<Sight> {
        let seen = world.tables[Table::Contacts.index()].as_ref()?;
        let is_first = seen.memory.is_none() && seen.export.is_some();
        let is_plain = world.pending.contacts.is_empty()
            && !world.has_families()
            && world.config.may_agree_at_sight()
            && seen.config.empty == Empty::Clear;
        if !is_first || !is_plain || contacts.len() < WORTH_A_LOOK {
            return None;
        }
        let kinds: Vec<Option<Common<'_>>> =
            Kind::all().map(|kind| Common::of(world, kind)).collect();
        let mut agree = vec![false; seen.diff.keys.len()];
        let mut waiting: Vec<Claim> = Vec::new();
        for part in in_parts(&seen.diff.touched, WORTH_A_LOOK, |part| {
            Shown::by_contacts(world, seen, &kinds, part)
        }) {
            part.agree.iter().for_each(|at| agree[*at as usize] = true);
            waiting.extend(part.claims);
            notes.take_in(part.notes);
        }
        for (kind, common) in kinds.iter().enumerate() {
            let Some(common) = common else { continue };
            let mut prints = vec![0; common.seen.diff.keys.len()];
            let claims = || {
                waiting
                    .iter()
                    .filter(|claim| usize::from(claim.kind) == kind)
            };
            claims().for_each(|claim| prints[claim.counterpart as usize] = claim.print);
            let touched = &common.seen.diff.touched;
            for (others, further) in in_parts(touched, WORTH_A_LOOK, |part| {
                others(common, &prints, world.seed, part)
            }) {
                // What is left waits in vain.
                others.iter().for_each(|at| prints[*at as usize] = 0);
                notes.take_in(further);
            }
            for claim in claims().filter(|claim| prints[claim.counterpart as usize] != 0) {
                agree[claim.contact as usize] = false;
            }
        }
        Some(Sight { agree })
    }
}

impl Sight {
    /// The contacts that have to be decided, of those that a pass looks at in the order of their export.
    pub(super) fn left(&self, seen: &Seen<'_>, contacts: &[u64]) -> Vec<u64> {
        let mut shown = seen.diff.keys.iter().zip(&self.agree);
        let mut agrees = |contact: &u64| {
            let mut from_here = shown.clone();
            let found = from_here.find(|(key, _)| *key == contact);
            // One that is not shown leaves the place to those that follow it.
            found.is_some_and(|(_, agrees)| {
                shown = from_here;
                *agrees
            })
        };
        let left = contacts.iter().filter(|contact| !agrees(contact));
        left.copied().collect()
    }
}

/// What contacts and the counterparts of one kind have in common.
struct Common<'w> {
    seen: &'w Seen<'w>,
    /// Columns of the contacts, and the same of the counterparts.
    columns: [Vec<usize>; 2],
    /// Fields that the contacts lack.
    own: FieldSet,
}

impl<'w> Common<'w> {
    fn of(world: &World<'w>, kind: Kind) -> Option<Common<'w>> {
        let table = Table::Counterparts(kind);
        let column_in = |table: Table, field: FieldId| {
            let seen = world.tables[table.index()].as_ref()?;
            let column = table.column_of(field)?;
            let export = seen.export.as_ref()?;
            export.columns.has(column).then_some(column)
        };
        let seen = world.tables[table.index()].as_ref()?;
        let speaks = seen.export.is_some() && seen.config.empty == Empty::Clear;
        let mut common = Common {
            seen,
            columns: Default::default(),
            own: FieldSet::default(),
        };
        for field in FieldId::all() {
            let Some(theirs) = column_in(table, field) else {
                continue;
            };
            match column_in(Table::Contacts, field) {
                Some(ours) => {
                    common.columns[0].push(ours);
                    common.columns[1].push(theirs);
                }
                None => common.own.insert(field),
            }
        }
        speaks.then_some(common)
    }
}

/// What a contact shows of the fields that it has in common with a counterpart.
struct Claim {
    contact: u32,
    counterpart: u32,
    kind: u8,
    print: u64,
}

/// What some contacts show.
#[derive(Default)]
struct Shown<'w> {
    /// Contacts that agree if their counterparts do, by their place in the export.
    agree: Vec<u32>,
    claims: Vec<Claim>,
    notes: Notes<'w>,
}

impl<'w> Shown<'w> {
    fn by_contacts(
        world: &World<'w>,
        seen: &'w Seen<'w>,
        kinds: &[Option<Common<'w>>],
        contacts: &[u32],
    ) -> Shown<'w> {
        let mut shown = Shown::default();
        let mut text = Vec::new();
        // Who belongs to whom lies all over the memory: looked up without a pause, one look-up does not wait for the other.
        let parties: Vec<Option<[u32; Kind::COUNT]>> = contacts
            .iter()
            .map(|at| party(world, seen, kinds, *at as usize))
            .collect();
        for (&at, party) in contacts.iter().zip(parties) {
            let known = shown.claims.len();
            let claims = &mut shown.claims;
            let agrees = shown.notes.look(seen, at as usize, |view, problems| {
                let unknown = problems.len();
                view.check(problems)?;
                let Some(party) = party.filter(|_| problems.len() == unknown) else {
                    return Ok(false);
                };
                for (kind, common) in kinds.iter().enumerate() {
                    let (Some(counterpart), Some(common)) = (party[kind].checked_sub(1), common)
                    else {
                        continue;
                    };
                    claims.push(Claim {
                        contact: at,
                        counterpart,
                        kind: kind as u8,
                        print: print(view, &common.columns[0], world.seed, &mut text)?,
                    });
                }
                has_its_company(world, seen, seen.diff.keys[at as usize], view)
            });
            match agrees {
                Some(true) => shown.agree.push(at),
                _ => shown.claims.truncate(known),
            }
        }
        shown
    }
}

/// Where the counterparts of a contact stand, plus 1, by kind, where that is all that there is to its party.
fn party(
    world: &World<'_>,
    seen: &Seen<'_>,
    kinds: &[Option<Common<'_>>],
    at: usize,
) -> Option<[u32; Kind::COUNT]> {
    let contact = seen.diff.keys[at];
    let is_plain =
        contact != 0 && !seen.is_double(at) && !world.arranged.given.contains_key(&contact);
    let known = world.couplings.of(contact);
    if !is_plain || known.before.iter().any(Option::is_some) {
        return None;
    }
    let mut party = [0; Kind::COUNT];
    for (kind, key) in known.now.iter().enumerate() {
        let Some(key) = *key else { continue };
        let common = kinds[kind].as_ref()?;
        let others = kinds[..kind]
            .iter()
            .zip(&party)
            .filter(|(_, place)| **place != 0);
        let mut others = others.filter_map(|(other, _)| other.as_ref());
        // Of a field that the contact lacks, two counterparts may say different things.
        if others.any(|other| common.own.iter().any(|field| other.own.contains(field))) {
            return None;
        }
        let place = common.seen.position(key);
        party[kind] = place.filter(|place| !common.seen.is_double(*place))? as u32 + 1;
    }
    Some(party)
}

/// Whether the company that a contact names is there, or it names none.
fn has_its_company(
    world: &World<'_>,
    seen: &Seen<'_>,
    contact: u64,
    view: &View<'_>,
) -> Result<bool, Fault> {
    let company = company_shown(view, world.seed)?;
    Ok(company == 0 || company == contact || seen.exists(company))
}

/// The counterparts that show what waits for them, by their place in the export.
fn others<'w>(
    common: &Common<'w>,
    waiting: &[u64],
    seed: u64,
    part: &[u32],
) -> (Vec<u32>, Notes<'w>) {
    let mut notes = Notes::default();
    let mut text = Vec::new();
    let mut agree = Vec::new();
    for &at in part {
        let wanted = waiting[at as usize];
        let agrees = notes.look(common.seen, at as usize, |view, problems| {
            let unknown = problems.len();
            view.check(problems)?;
            let is_plain = problems.len() == unknown && wanted != 0;
            Ok(is_plain && print(view, &common.columns[1], seed, &mut text)? == wanted)
        });
        if agrees == Some(true) {
            agree.push(at);
        }
    }
    (agree, notes)
}

/// A hash of what stands in some columns, never 0; `text` is room for it.
fn print(view: &View<'_>, columns: &[usize], seed: u64, text: &mut Vec<u8>) -> Result<u64, Fault> {
    text.clear();
    for column in columns {
        let value = view.value(*column)?;
        // An unknown value is not an empty one.
        let length = value.as_ref().map_or(0, |value| value.len() as u32 + 1);
        text.extend_from_slice(&length.to_le_bytes());
        text.extend_from_slice(value.as_deref().unwrap_or_default().as_bytes());
    }
    Ok(xxh3_64_with_seed(text, seed).max(1))
}
