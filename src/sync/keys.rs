//! Where keys stand in an export and in the index: those that were asked for in a map, any other by looking.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::diff::{PrintMap, PrintSet};

/// Positions by key. Most passes ask for the keys of few parties, and then nothing else is looked for.
#[derive(Debug, Default)]
pub struct Keys {
    asked: PrintMap<u32>,
    /// Whether keys that nobody asked for can be found too.
    any: bool,
    all: OnceLock<PrintMap<u32>>,
    looked: AtomicUsize,
}

/// How often all keys are looked through before a map of them is worth its making.
const LOOKS: usize = 32;

impl Keys {
    /// Makes some keys findable.
    pub fn ask(&mut self, keys: &[u64], wanted: &PrintSet) {
        for (at, key) in keys.iter().enumerate() {
            if *key != 0 && wanted.contains(key) {
                self.asked.entry(*key).or_insert(at as u32);
            }
        }
    }

    /// Makes all keys findable.
    pub fn ask_any(&mut self) {
        self.any = true;
    }

    /// Where a key stands first.
    pub fn find(&self, keys: &[u64], key: u64) -> Option<usize> {
        let known = self.asked.get(&key).map(|at| *at as usize);
        if known.is_some() || !self.any || key == 0 {
            return known;
        }
        if let Some(all) = self.all.get() {
            return all.get(&key).map(|at| *at as usize);
        }
        if self.looked.fetch_add(1, Ordering::Relaxed) < LOOKS {
            return keys.iter().position(|known| *known == key);
        }
        let all = self.all.get_or_init(|| {
            let mut all = PrintMap::default();
            for (at, key) in keys.iter().enumerate().filter(|(_, key)| **key != 0) {
                all.entry(*key).or_insert(at as u32);
            }
            all
        });
        all.get(&key).map(|at| *at as usize)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_not_asked_for_is_found_only_when_anything_may_be() {
        let keys: Vec<u64> = (1..100).map(|no| no * 31).collect();
        let mut found = Keys::default();
        found.ask(&keys, &PrintSet::from_iter([62]));
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
}
