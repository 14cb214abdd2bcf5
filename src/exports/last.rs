//! What is remembered of the last version of a file. A record with the bytes of one that it had ends where that one did, so that a
//! hash tells where the next begins, and nobody looks for quotes and brackets.
//!
//! Whether bytes are one record depends on nothing before them, once it is known that one begins there, and on nothing after the line
//! end that follows.

use super::csv::{DOS_END, line_ends};
use super::print::Printer;

/// The records of the last version of a file, in its order.
#[derive(Clone, Copy)]
pub struct Last<'l> {
    /// Its [`shape`](super::Export::shape): in another one, the same bytes may be other records.
    pub shape: u64,
    /// The print of each record; 0 for none.
    pub prints: &'l [u64],
    /// The [`Extent`] of each record, as bits.
    pub extents: &'l (dyn Fn(usize) -> u32 + Sync),
}

/// How many bytes a record has, and how many lines end within it, in 24 bits; nothing for one that has more than fit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Extent(u32);

impl Extent {
    const LENGTH: u32 = 19;
    const BREAKS: u32 = 24 - Extent::LENGTH;

    /// The extent of a record.
    pub fn of(record: &[u8]) -> Extent {
        if record.len() >= 1 << Extent::LENGTH {
            return Extent::default();
        }
        match line_ends(record, None) {
            breaks if breaks < 1 << Extent::BREAKS => {
                Extent((breaks as u32) << Extent::LENGTH | record.len() as u32)
            }
            _ => Extent::default(),
        }
    }

    /// As it is kept.
    pub fn bits(self) -> u32 {
        self.0
    }

    fn length(bits: u32) -> usize {
        (bits & ((1 << Extent::LENGTH) - 1)) as usize
    }

    fn breaks(bits: u32) -> u64 {
        u64::from(bits >> Extent::LENGTH)
    }
}

/// A record that is where one of the last version leads to expect it.
pub(super) struct Known {
    pub end: usize,
    /// Where what follows its line end begins.
    pub next: usize,
    pub breaks: u64,
    pub print: u64,
}

/// Walks over the records of the last version while those of a new one are found.
pub(super) struct Expected<'l> {
    last: Last<'l>,
    /// The record that is likely to be next.
    at: usize,
}

impl<'l> Expected<'l> {
    pub fn new(last: Last<'l>) -> Expected<'l> {
        Expected { last, at: 0 }
    }

    /// The record that begins at `start`, if it is the one that was to come, and its line has ended within the window.
    pub fn known(&self, window: &[u8], start: usize, printer: &Printer) -> Option<Known> {
        let print = *self.last.prints.get(self.at)?;
        let extent = (self.last.extents)(self.at);
        let end = start + Extent::length(extent);
        if end == start {
            return None;
        }
        let next = match window.get(end)? {
            b'\n' => end + 1,
            b'\r' if *window.get(end + 1)? == b'\n' => end + 2,
            _ => return None,
        };
        let record = &window[start..end];
        // At the end of a file this would be DOS's mark.
        let is_known = printer.print(record) == print && record.last() != Some(&DOS_END);
        is_known.then_some(Known {
            end,
            next,
            breaks: Extent::breaks(extent),
            print,
        })
    }

    /// Goes on after a record that was found. Tells whether the last version had it hereabouts.
    pub fn found(&mut self, print: u64) -> bool {
        const BEFORE: usize = 4;
        const AFTER: usize = 16;
        let prints = self.last.prints;
        let likely = self.at;
        let near = likely.saturating_sub(BEFORE)..prints.len().min(likely + AFTER);
        let is_it = |at: &usize| prints[*at] == print;
        let found = [likely]
            .into_iter()
            .filter(|at| *at < prints.len())
            .chain(near)
            .find(is_it);
        // One that is known from nowhere takes the place of the one that was to come.
        self.at = found.unwrap_or(likely) + 1;
        found.is_some()
    }
}
