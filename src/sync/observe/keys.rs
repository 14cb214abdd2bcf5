//! Where keys stand in an export and in the index: those that were asked for in a table, any other by looking.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::model::Table;
use crate::sync::spread::side_by_side;

use super::Seen;
use super::diff::PrintSet;

/// Keys that a pass asks for. Most keys that are looked at are not among them, which a few bits of each tell without a look into
/// the set.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    keys: PrintSet,
    /// Two bits in one word for every key in the set; those of others are rarely both set.
    bits: Vec<u64>,
    /// Whether each key is wanted, and the set is of no matter.
    is_all: bool,
}

/// How many bits there are for each key.
const SPARSE: usize = 16;

impl Wanted {
    /// Each key that there is.
    pub fn all() -> Wanted {
        Wanted {
            is_all: true,
            ..Wanted::default()
        }
    }

    /// Whether each key that there is is wanted.
    pub fn is_all(&self) -> bool {
        self.is_all
    }

    /// Whether nothing is wanted.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty() && !self.is_all
    }

    /// How many keys were put in; none, where each key that there is is wanted.
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Whether a key is wanted.
    pub fn contains(&self, key: u64) -> bool {
        self.is_all || self.may_contain(key) && self.keys.contains(&key)
    }

    /// Adds a key; `false` where it is wanted already.
    pub fn insert(&mut self, key: u64) -> bool {
        if self.is_all || !self.keys.insert(key) {
            return false;
        }
        if self.keys.len() * SPARSE > self.bits.len() * 64 {
            let size = (self.keys.len() * SPARSE / 64).next_power_of_two().max(16) * 2;
            self.bits = vec![0; size];
            let keys = std::mem::take(&mut self.keys);
            keys.iter().for_each(|key| self.set_bits(*key));
            self.keys = keys;
        } else {
            self.set_bits(key);
        }
        true
    }

    /// Takes a key out; `false` where it is not wanted.
    pub fn remove(&mut self, key: u64) -> bool {
        self.may_contain(key) && self.keys.remove(&key)
    }

    /// The word and the bits of a key: its first bits choose them, and some before the last ones, which may be a tag.
    fn word_and_bits(&self, key: u64) -> (usize, u64) {
        let bit = key >> (64 - (self.bits.len() * 64).trailing_zeros());
        let bits = 1 << (bit % 64) | 1 << ((key >> 4) % 64);
        ((bit / 64) as usize, bits)
    }

    fn set_bits(&mut self, key: u64) {
        let (word, bits) = self.word_and_bits(key);
        self.bits[word] |= bits;
    }

    fn may_contain(&self, key: u64) -> bool {
        if self.bits.is_empty() {
            return false;
        }
        let (word, bits) = self.word_and_bits(key);
        self.bits[word] & bits == bits
    }
}

impl Extend<u64> for Wanted {
    fn extend<I: IntoIterator<Item = u64>>(&mut self, keys: I) {
        for key in keys {
            self.insert(key);
        }
    }
}

impl FromIterator<u64> for Wanted {
    fn from_iter<I: IntoIterator<Item = u64>>(keys: I) -> Wanted {
        let mut wanted = Wanted::default();
        wanted.extend(keys);
        wanted
    }
}

/// Positions by key, in little room: the keys themselves are not kept but looked up where they stand.
#[derive(Clone, Debug, Default)]
pub struct Positions {
    /// Each position plus 1, at the place that its key is due, or at the next free one after it. The bits that positions do not
    /// need are some of the key's, so that hardly any other key has to be looked up.
    slots: Vec<u32>,
    /// The bits of a slot that are a position.
    places: u32,
    count: usize,
}

impl Positions {
    /// None, with room for as many that are below a length.
    pub fn with_room(count: usize, length: usize) -> Positions {
        let room = if count == 0 { 0 } else { count + count / 2 + 1 };
        Positions {
            slots: vec![0; room],
            places: (length as u32 + 1).next_power_of_two() - 1,
            count: 0,
        }
    }

    /// Where each key stands first; 0 is none.
    fn of_all(keys: &[u64]) -> Positions {
        let mut positions = Positions::with_room(keys.len(), keys.len());
        for (at, key) in keys.iter().enumerate().filter(|(_, key)| **key != 0) {
            positions.note_first(*key, at, |at| keys[at]);
        }
        positions
    }

    /// Notes where a key stands, unless it is known to stand elsewhere.
    pub fn note_first(&mut self, key: u64, at: usize, key_of: impl Fn(usize) -> u64) {
        if self.find(key, key_of).next().is_none() {
            self.note(key, at);
        }
    }

    /// Notes where a key stands, also.
    ///
    /// # Panics
    /// When there is no room for it.
    pub fn note(&mut self, key: u64, at: usize) {
        assert!(self.count < self.slots.len(), "there is room for each key");
        let mut slot = self.due(key);
        while self.slots[slot] != 0 {
            slot = self.after(slot);
        }
        self.slots[slot] = (at as u32 + 1) | self.mark(key);
        self.count += 1;
    }

    /// Where a key stands, in the order in which that was noted.
    pub fn find(&self, key: u64, key_of: impl Fn(usize) -> u64) -> impl Iterator<Item = usize> {
        let mut slot = (!self.slots.is_empty()).then(|| self.due(key));
        let mark = self.mark(key);
        std::iter::from_fn(move || {
            loop {
                let here = slot?;
                let noted = self.slots[here];
                let at = (noted & self.places).checked_sub(1)? as usize;
                slot = Some(self.after(here));
                if noted & !self.places == mark && key_of(at) == key {
                    return Some(at);
                }
            }
        })
    }

    /// Keys are hashes; their first bits spread them evenly, and their last ones may be a tag.
    fn due(&self, key: u64) -> usize {
        ((u128::from(key) * self.slots.len() as u128) >> 64) as usize
    }

    /// Bits of a key between those: what a slot says of it.
    fn mark(&self, key: u64) -> u32 {
        (key >> 4) as u32 & !self.places
    }

    fn after(&self, slot: usize) -> usize {
        match slot + 1 {
            next if next < self.slots.len() => next,
            _ => 0,
        }
    }

    fn noted(&self) -> impl Iterator<Item = usize> {
        let slots = self.slots.iter();
        slots.filter_map(|slot| Some((slot & self.places).checked_sub(1)? as usize))
    }
}

/// Where the keys that a pass asks for stand. Most passes ask for the keys of few parties, and then nothing else is looked for.
#[derive(Debug, Default)]
pub struct Keys {
    asked: Positions,
    /// Whether each key was asked for.
    asked_all: bool,
    /// Whether keys that nobody asked for can be found too.
    any: bool,
    all: OnceLock<Positions>,
    looked: AtomicUsize,
}

/// How often all keys are looked through before a table of them is worth its making.
const LOOKS: usize = 32;

impl Keys {
    /// Makes some keys findable; where many are wanted, all.
    pub fn ask(&mut self, keys: &[u64], wanted: &Wanted) {
        if self.asked_all || wanted.is_empty() {
            return;
        }
        if wanted.is_all() || wanted.keys.len() * 2 > keys.len() {
            (self.asked, self.asked_all) = (Positions::of_all(keys), true);
            return;
        }
        let known = keys.iter().enumerate();
        let news = known.filter(|(_, key)| **key != 0 && wanted.contains(**key));
        let news: Vec<usize> = news.map(|(at, _)| at).collect();
        let mut asked = Positions::with_room(self.asked.count + news.len(), keys.len());
        for at in self.asked.noted().chain(news) {
            asked.note_first(keys[at], at, |at| keys[at]);
        }
        self.asked = asked;
    }

    /// Makes all keys findable.
    pub fn ask_any(&mut self) {
        self.any = true;
    }

    /// Where a key stands first.
    pub fn find(&self, keys: &[u64], key: u64) -> Option<usize> {
        let stands = |positions: &Positions| positions.find(key, |at| keys[at]).next();
        let known = stands(&self.asked);
        if known.is_some() || self.asked_all || !self.any || key == 0 {
            return known;
        }
        if let Some(all) = self.all.get() {
            return stands(all);
        }
        if self.looked.fetch_add(1, Ordering::Relaxed) < LOOKS {
            return keys.iter().position(|known| *known == key);
        }
        stands(self.all.get_or_init(|| Positions::of_all(keys)))
    }
}

/// Makes keys of records findable, of large tables on both cores. Relations are found by those whom they concern.
pub fn find_keys(tables: &mut [Option<Seen<'_>>], wanted: &Wanted) {
    if wanted.is_empty() {
        return;
    }
    let parties = tables.iter_mut().flatten();
    let parties = parties.filter(|seen| seen.table != Table::Relations);
    let sized = parties.map(|seen| {
        let size = size_of_val(&seen.diff.keys[..]) + size_of_val(&seen.index.keys[..]);
        (size as u64, seen)
    });
    side_by_side(sized.collect(), |seen| seen.find_keys(wanted));
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_was_not_asked_for_is_found_only_when_anything_may_be() {
        let keys: Vec<u64> = (1..100).map(|no| no * 31).collect();
        let mut found = Keys::default();
        found.ask(&keys, &Wanted::from_iter([62]));
        assert_eq!(
            (found.find(&keys, 62), found.find(&keys, 93)),
            (Some(1), None)
        );
        found.ask_any();
        for _ in 0..2 * LOOKS {
            assert_eq!(
                (found.find(&keys, 93), found.find(&keys, 5)),
                (Some(2), None)
            );
        }
    }

    /// Few keys that are spread over all bits, so that they meet often, and 0.
    fn key() -> impl Strategy<Value = u64> {
        (0u64..40).prop_map(|no| no.wrapping_mul(0x9e37_79b9_7f4a_7c15) | ((no & 1) * 0xf))
    }

    proptest! {
        #[test]
        fn a_key_that_was_asked_for_is_found_where_it_stands_first(
            keys in proptest::collection::vec(key(), 0..60),
            asked in proptest::collection::vec(proptest::collection::vec(key(), 0..6), 0..4),
            everything in any::<bool>(),
        ) {
            let mut found = Keys::default();
            for wanted in &asked {
                found.ask(&keys, &wanted.iter().copied().collect());
            }
            if everything {
                found.ask(&keys, &Wanted::all());
            }
            let asked = asked.iter().flatten().filter(|_| !everything);
            for key in asked.chain(keys.iter().filter(|_| everything)).filter(|key| **key != 0) {
                let first = keys.iter().position(|known| known == key);
                prop_assert_eq!(found.find(&keys, *key), first);
            }
            prop_assert_eq!(found.find(&keys, 0), None);
        }

        #[test]
        fn what_is_wanted_is_what_was_put_in_and_not_taken_out(
            put in proptest::collection::vec((key(), any::<bool>()), 0..200),
            asked in key(),
        ) {
            let (mut wanted, mut plain) = (Wanted::default(), BTreeSet::new());
            for (key, stays) in put {
                prop_assert_eq!(wanted.insert(key), plain.insert(key));
                if !stays {
                    prop_assert_eq!(wanted.remove(key), plain.remove(&key));
                }
            }
            prop_assert_eq!(wanted.contains(asked), plain.contains(&asked));
            prop_assert_eq!(wanted.is_empty(), plain.is_empty());
        }

        #[test]
        fn all_positions_of_a_key_are_found_in_the_order_in_which_they_were_noted(
            keys in proptest::collection::vec(key(), 0..60),
            asked in key(),
        ) {
            let mut positions = Positions::with_room(keys.len(), keys.len());
            for (at, key) in keys.iter().enumerate() {
                positions.note(*key, at);
            }
            let found: Vec<usize> = positions.find(asked, |at| keys[at]).collect();
            let expected = keys.iter().enumerate().filter(|(_, key)| **key == asked);
            prop_assert_eq!(found, expected.map(|(at, _)| at).collect::<Vec<_>>());
        }
    }
}
