//! What changed in an export since it was last read: found by comparing hashes of records, without reading a cell.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

use crate::state::Index;

use super::keys::Wanted;

/// Hashes keys that are hashes already.
#[derive(Default)]
pub struct PrintHasher(u64);

impl Hasher for PrintHasher {
    fn finish(&self) -> u64 {
        self.0
    }
    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(byte);
        }
    }
    fn write_u64(&mut self, value: u64) {
        // The low bits of a key are a tag; the table wants them to differ.
        self.0 = value ^ (value >> 32);
    }
}

/// A map from prints. Only for look-ups: nothing iterates it into an output.
pub type PrintMap<V> = HashMap<u64, V, BuildHasherDefault<PrintHasher>>;

/// A set of prints. Only for look-ups.
pub type PrintSet = std::collections::HashSet<u64, BuildHasherDefault<PrintHasher>>;

/// How an export differs from the index of its last reading.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Diff {
    /// Key of each record; 0 where it cannot be read.
    pub keys: Vec<u64>,
    /// Where each record stood in the index, plus 1; 0 for a new one. Records that share their key share what is known of it.
    pub olds: Vec<u32>,
    /// Records that are new or whose bytes differ, ascending.
    pub touched: Vec<u32>,
    /// Positions in the index of records that are no longer there, ascending.
    pub gone: Vec<u32>,
    /// Records that share their key with another, ascending.
    pub doubles: Vec<u32>,
    /// Whether a record's key could not be read, so that nothing can be said to be gone.
    pub unreadable: bool,
}

/// How far a resynchronisation looks ahead for inserted or deleted records.
const WINDOW: usize = 64;

/// Compares an export of `count` records with the index of its last reading. `print` tells the print of each; `key_of` reads
/// the key of one and is only asked for records whose bytes are not found where they were. `is_sound` tells whether a record
/// can be read, and is only asked for new ones while others are missing.
pub fn compare(
    old: &Index,
    count: usize,
    print: impl Fn(usize) -> u64,
    mut key_of: impl FnMut(usize) -> Option<u64>,
    is_sound: impl Fn(usize) -> bool,
) -> Diff {
    let mut diff = Diff {
        keys: vec![0; count],
        olds: vec![0; count],
        ..Diff::default()
    };
    let mut taken = vec![false; old.len()];
    let mut loose: Vec<u32> = Vec::new();
    let (mut new_at, mut old_at) = (0, 0);
    while new_at < count {
        let new = print(new_at);
        if new != 0 && old.prints.get(old_at) == Some(&new) {
            pair(&mut diff, &mut taken, old, new_at, old_at);
            (new_at, old_at) = (new_at + 1, old_at + 1);
            continue;
        }
        let rest = |ahead: usize| (new_at + ahead < count).then(|| print(new_at + ahead));
        match resynchronise(&old.prints[old_at.min(old.len())..], count - new_at, &rest) {
            Resync::Edited => {
                loose.push(new_at as u32);
                (new_at, old_at) = (new_at + 1, (old_at + 1).min(old.len()));
            }
            Resync::Inserted(count) => {
                loose.extend((new_at..new_at + count).map(|at| at as u32));
                new_at += count;
            }
            Resync::Deleted(count) => old_at += count,
        }
    }
    // What moved far away unchanged is found by its bytes, and what changed by its key.
    let mut by_print: PrintMap<u32> = PrintMap::default();
    let mut by_key: PrintMap<u32> = PrintMap::default();
    if !loose.is_empty() {
        for at in (0..old.len()).filter(|at| !taken[*at]) {
            by_print.insert(old.prints[at], at as u32);
            // Of a number that stood twice, not every entry need have a row.
            let key = old.keys[at];
            if old.row(at) != 0 || !by_key.contains_key(&key) {
                by_key.insert(key, at as u32);
            }
        }
    }
    for at in loose {
        let new_at = at as usize;
        let new = print(new_at);
        let moved = by_print
            .get(&new)
            .filter(|old_at| new != 0 && !taken[**old_at as usize]);
        if let Some(&old_at) = moved {
            pair(&mut diff, &mut taken, old, new_at, old_at as usize);
            continue;
        }
        diff.touched.push(at);
        match key_of(new_at) {
            None => diff.unreadable = true,
            Some(key) => {
                diff.keys[new_at] = key;
                if let Some(&old_at) = by_key.get(&key)
                    && !taken[old_at as usize]
                {
                    taken[old_at as usize] = true;
                    diff.olds[new_at] = old_at + 1;
                }
            }
        }
    }
    diff.touched.sort_unstable();
    diff.doubles = doubles(&diff);
    share(&mut diff, old);
    if !diff.unreadable {
        diff.gone = missing(&diff, old, &taken);
    }
    if !diff.gone.is_empty() {
        distrust(&mut diff, is_sound);
    }
    diff
}

/// Positions in the index of keys that no record has.
fn missing(diff: &Diff, old: &Index, taken: &[bool]) -> Vec<u32> {
    let mut missing: Vec<u32> = (0..old.len())
        .filter(|at| !taken[*at])
        .map(|at| at as u32)
        .collect();
    if !diff.doubles.is_empty() && !missing.is_empty() {
        // The index lists a doubled key once for each record; it is not gone while one of them is there.
        let there: PrintSet = diff
            .doubles
            .iter()
            .map(|at| diff.keys[*at as usize])
            .collect();
        missing.retain(|at| !there.contains(&old.keys[*at as usize]));
    }
    if !missing.is_empty() {
        let wanted: Wanted = missing.iter().map(|at| old.keys[*at as usize]).collect();
        let keys = diff.keys.iter().copied();
        let there: PrintSet = keys.filter(|key| wanted.contains(*key)).collect();
        missing.retain(|at| !there.contains(&old.keys[*at as usize]));
    }
    missing
}

/// In a record that cannot be read, cells may stand where others belong. While records are missing, one whose key nobody knew may
/// be any of them: then it has no key, and nobody is gone.
fn distrust(diff: &mut Diff, is_sound: impl Fn(usize) -> bool) {
    let touched = diff.touched.iter().map(|at| *at as usize);
    let strangers = touched.filter(|at| diff.olds[*at] == 0 && !is_sound(*at));
    let strangers: Vec<usize> = strangers.collect();
    if strangers.is_empty() {
        return;
    }
    diff.unreadable = true;
    diff.gone.clear();
    for at in strangers {
        if diff.doubles.binary_search(&(at as u32)).is_err() {
            diff.keys[at] = 0;
        }
    }
}

/// What is known of a number that stands twice is known of each of its records: none of them is it more than the others.
fn share(diff: &mut Diff, old: &Index) {
    let mut known: PrintMap<u32> = PrintMap::default();
    for at in diff.doubles.iter().map(|at| *at as usize) {
        let entry = diff.olds[at];
        if entry > 0 && old.row(entry as usize - 1) != 0 {
            known.insert(diff.keys[at], entry);
        }
    }
    for at in diff.doubles.iter().map(|at| *at as usize) {
        let entry = known.get(&diff.keys[at]);
        diff.olds[at] = entry.copied().unwrap_or(diff.olds[at]);
    }
}

fn pair(diff: &mut Diff, taken: &mut [bool], old: &Index, new_at: usize, old_at: usize) {
    taken[old_at] = true;
    diff.olds[new_at] = old_at as u32 + 1;
    diff.keys[new_at] = old.keys[old_at];
}

enum Resync {
    Edited,
    Inserted(usize),
    Deleted(usize),
}

/// Where records go on as in the index: `new` tells prints from here on, of which there are `count`.
fn resynchronise(old: &[u64], count: usize, new: &dyn Fn(usize) -> Option<u64>) -> Resync {
    let (Some(&old_first), Some(new_first)) = (old.first(), new(0)) else {
        return if old.is_empty() {
            Resync::Inserted(count)
        } else {
            Resync::Edited
        };
    };
    if old.get(1).is_some() && old.get(1).copied() == new(1) {
        return Resync::Edited;
    }
    for ahead in 1..WINDOW {
        if new(ahead) == Some(old_first) {
            return Resync::Inserted(ahead);
        }
        if old.get(ahead) == Some(&new_first) {
            return Resync::Deleted(ahead);
        }
    }
    Resync::Edited
}

/// From so many keys on they are not looked up one by one.
const MANY: usize = 1 << 14;

/// Keys that may stand twice among these; all others stand once.
fn repeated(keys: &[u64]) -> PrintSet {
    let bits = (keys.len() * 16).next_power_of_two();
    let shift = 64 - bits.trailing_zeros();
    let mut seen = vec![0_u64; bits / 64];
    let mut repeated = PrintSet::default();
    for key in keys {
        let bit = (key >> shift) as usize;
        let (word, mask) = (&mut seen[bit / 64], 1 << (bit % 64));
        if *word & mask != 0 {
            repeated.insert(*key);
        }
        *word |= mask;
    }
    repeated
}

/// Records that share a key; a doubled record is left out of every pass and so always among the touched ones.
fn doubles(diff: &Diff) -> Vec<u32> {
    let touched = diff.touched.iter().map(|at| diff.keys[*at as usize]);
    // Of many keys only those are counted of which there may be two.
    let mut counts: PrintMap<u32> = match diff.touched.len() > MANY {
        true => repeated(&diff.keys)
            .into_iter()
            .map(|key| (key, 0))
            .collect(),
        false => touched.map(|key| (key, 0)).collect(),
    };
    counts.remove(&0);
    if counts.is_empty() {
        return Vec::new();
    }
    let counted: Wanted = counts.keys().copied().collect();
    for key in diff.keys.iter().filter(|key| counted.contains(**key)) {
        if let Some(count) = counts.get_mut(key) {
            *count += 1;
        }
    }
    let doubled = |at: &usize| counts.get(&diff.keys[*at]).is_some_and(|count| *count > 1);
    if counts.values().all(|count| *count < 2) {
        return Vec::new();
    }
    (0..diff.keys.len())
        .filter(doubled)
        .map(|at| at as u32)
        .collect()
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use proptest::prelude::*;

    use super::*;
    use crate::state::Entry;

    fn index(records: &[(u64, u64)]) -> Index {
        let mut index = Index::default();
        for (at, &(key, content)) in records.iter().enumerate() {
            index.push(Entry {
                key,
                print: content,
                row: at as u64 + 1,
                ..Entry::default()
            });
        }
        index
    }

    fn run(old: &[(u64, u64)], new: &[(u64, u64)]) -> Diff {
        compare(
            &index(old),
            new.len(),
            |at| new[at].1,
            |at| Some(new[at].0),
            |_| true,
        )
    }

    #[test]
    fn an_unchanged_export_asks_for_no_key() {
        let records: Vec<(u64, u64)> = (1..100).map(|no| (no, no * 7)).collect();
        let print = |at: usize| records[at].1;
        let diff = compare(
            &index(&records),
            99,
            print,
            |_| panic!("asked for a key"),
            |_| true,
        );
        assert!(diff.touched.is_empty() && diff.gone.is_empty());
    }

    #[test]
    fn one_edit_one_insert_and_one_delete_are_just_that() {
        let old: Vec<(u64, u64)> = (1..50).map(|no| (no, no * 7)).collect();
        let mut new = old.clone();
        new[10].1 = 9999;
        new.remove(20);
        new.insert(30, (1000, 5));
        let diff = run(&old, &new);
        let touched: Vec<u64> = diff.touched.iter().map(|at| new[*at as usize].0).collect();
        assert_eq!(touched, [11, 1000]);
        assert_eq!(
            diff.gone
                .iter()
                .map(|at| old[*at as usize].0)
                .collect::<Vec<_>>(),
            [21]
        );
    }

    #[test]
    fn a_record_whose_key_cannot_be_read_still_exists() {
        let old = [(1, 10), (2, 20)];
        let diff = compare(&index(&old), 2, |at| [10, 21][at], |_| None, |_| true);
        assert!(diff.unreadable && diff.gone.is_empty());
    }

    #[test]
    fn a_record_that_cannot_be_read_is_whom_its_key_says_unless_somebody_unknown_takes_the_place_of_another()
     {
        let old = index(&[(1, 10), (2, 20), (3, 30)]);
        let (known, stranger) = ([(1, 10), (2, 21)], [(1, 10), (9, 21), (3, 30)]);
        let compared = |new: &[(u64, u64)]| {
            let print = |at: usize| new[at].1;
            compare(&old, new.len(), print, |at| Some(new[at].0), |_| false)
        };
        let diff = compared(&known);
        assert_eq!(
            (diff.keys, diff.gone, diff.unreadable),
            (vec![1, 2], vec![2], false)
        );
        let diff = compared(&stranger);
        assert_eq!(
            (diff.keys, diff.gone, diff.unreadable),
            (vec![1, 0, 3], vec![], true)
        );
    }

    proptest! {
        #[test]
        fn the_diff_says_what_a_map_by_key_says(
            old in proptest::collection::btree_map(1u64..60, 1u64..1000, 0..40),
            new in proptest::collection::btree_map(1u64..60, 1u64..1000, 0..40),
            shuffle in any::<bool>(),
        ) {
            // Contents differ from record to record, as keys are part of them.
            let with_key = |map: &BTreeMap<u64, u64>| map.iter().map(|(k, v)| (*k, k * 10_000 + v)).collect::<Vec<_>>();
            let (old, mut new) = (with_key(&old), with_key(&new));
            if shuffle { new.reverse(); }
            let diff = run(&old, &new);
            let olds: BTreeMap<u64, u64> = old.iter().copied().collect();
            let touched: BTreeSet<u64> = diff.touched.iter().map(|at| new[*at as usize].0).collect();
            let expected: BTreeSet<u64> =
                new.iter().filter(|(k, v)| olds.get(k) != Some(v)).map(|(k, _)| *k).collect();
            prop_assert_eq!(touched, expected);
            let gone: BTreeSet<u64> = diff.gone.iter().map(|at| old[*at as usize].0).collect();
            let there: BTreeSet<u64> = new.iter().map(|(k, _)| *k).collect();
            prop_assert_eq!(gone, olds.keys().copied().filter(|k| !there.contains(k)).collect::<BTreeSet<_>>());
            for (at, key) in diff.keys.iter().enumerate() {
                prop_assert_eq!(*key, new[at].0);
                if diff.olds[at] > 0 {
                    prop_assert_eq!(old[diff.olds[at] as usize - 1].0, new[at].0);
                }
            }
        }

        #[test]
        fn doubled_keys_are_found_and_never_gone(
            old in proptest::collection::vec((1u64..10, 1u64..4), 0..12),
            new in proptest::collection::vec((1u64..10, 1u64..4), 0..12),
        ) {
            let with_key = |records: &[(u64, u64)]| records.iter().map(|(k, v)| (*k, k * 10 + v)).collect::<Vec<_>>();
            let new = with_key(&new);
            let mut counts: BTreeMap<u64, usize> = BTreeMap::new();
            for (key, _) in &new { *counts.entry(*key).or_default() += 1; }
            // As a pass leaves it: doubled records have print 0.
            let mut old_counts: BTreeMap<u64, usize> = BTreeMap::new();
            let old = with_key(&old);
            for (key, _) in &old { *old_counts.entry(*key).or_default() += 1; }
            let old: Vec<(u64, u64)> =
                old.into_iter().map(|(k, v)| (k, if old_counts[&k] > 1 { 0 } else { v })).collect();
            let diff = run(&old, &new);
            let doubles: BTreeSet<u64> = diff.doubles.iter().map(|at| new[*at as usize].0).collect();
            let expected: BTreeSet<u64> = counts.iter().filter(|(_, c)| **c > 1).map(|(k, _)| *k).collect();
            prop_assert_eq!(doubles, expected);
            for at in &diff.gone {
                prop_assert!(!counts.contains_key(&old[*at as usize].0));
            }
        }
    }
}
