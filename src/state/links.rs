//! What the records of an index refer to.

use std::ops::Range;

/// A word for each record. Where it is 0 for all of them, as in most tables, it takes no room.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Words {
    /// Empty as long as each is 0.
    words: Vec<u64>,
    count: usize,
}

impl Words {
    fn at(&self, at: usize) -> u64 {
        self.words.get(at).copied().unwrap_or(0)
    }

    fn push(&mut self, word: u64) {
        if word != 0 && self.words.is_empty() {
            self.words.resize(self.count, 0);
        }
        if word != 0 || !self.words.is_empty() {
            self.words.push(word);
        }
        self.count += 1;
    }

    fn extend_bytes(&self, range: Range<usize>, out: &mut Vec<u8>) {
        match self.words.get(range.clone()) {
            Some(words) => out.extend(words.iter().flat_map(|word| word.to_le_bytes())),
            None => out.resize(out.len() + range.len() * 8, 0),
        }
    }
}

impl From<Vec<u64>> for Words {
    fn from(words: Vec<u64>) -> Words {
        let count = words.len();
        let words = match words.iter().all(|word| *word == 0) {
            true => Vec::new(),
            false => words,
        };
        Words { words, count }
    }
}

/// What each record of an index refers to. Relations: contact and counterpart, 0 where not in force; contacts: the company;
/// counterparts: the primary contact.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Links {
    firsts: Words,
    seconds: Words,
}

impl Links {
    /// Of records whose first and second words are these; as many of one as of the other.
    pub(super) fn new(firsts: Vec<u64>, seconds: Vec<u64>) -> Links {
        Links {
            firsts: firsts.into(),
            seconds: seconds.into(),
        }
    }

    /// How many records there are.
    pub fn len(&self) -> usize {
        self.firsts.count
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What a record refers to.
    pub fn at(&self, at: usize) -> [u64; 2] {
        [self.firsts.at(at), self.seconds.at(at)]
    }

    /// What each record refers to, in their order.
    pub fn iter(&self) -> impl Iterator<Item = [u64; 2]> {
        (0..self.len()).map(|at| self.at(at))
    }

    /// The records that refer to something with their first word, and to what.
    pub fn firsts(&self) -> impl Iterator<Item = (usize, u64)> {
        let words = self.firsts.words.iter().copied().enumerate();
        words.filter(|(_, word)| *word != 0)
    }

    /// Appends a record's.
    pub(super) fn push(&mut self, [first, second]: [u64; 2]) {
        self.firsts.push(first);
        self.seconds.push(second);
    }

    /// Appends the first words of some records as bytes.
    pub(super) fn extend_firsts(&self, range: Range<usize>, out: &mut Vec<u8>) {
        self.firsts.extend_bytes(range, out);
    }

    /// Appends the second words of some records as bytes.
    pub(super) fn extend_seconds(&self, range: Range<usize>, out: &mut Vec<u8>) {
        self.seconds.extend_bytes(range, out);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn links_are_those_that_were_pushed_whether_or_not_they_take_room(
            links in proptest::collection::vec((0..3_u64, prop_oneof![9 => Just(0), 1 => 1..9_u64]), 0..40),
        ) {
            let links: Vec<[u64; 2]> = links.into_iter().map(|(first, second)| [first, second]).collect();
            let mut pushed = Links::default();
            links.iter().for_each(|link| pushed.push(*link));
            prop_assert_eq!(pushed.iter().collect::<Vec<_>>(), links.clone());
            let column = |at: usize| links.iter().map(|link| link[at]).collect::<Vec<u64>>();
            prop_assert_eq!(&Links::new(column(0), column(1)), &pushed);
            let named = links.iter().enumerate().filter(|(_, link)| link[0] != 0);
            prop_assert_eq!(
                pushed.firsts().collect::<Vec<_>>(),
                named.map(|(at, link)| (at, link[0])).collect::<Vec<_>>()
            );
            let mut bytes = Vec::new();
            pushed.extend_firsts(0..links.len(), &mut bytes);
            pushed.extend_seconds(0..links.len(), &mut bytes);
            let words = column(0).into_iter().chain(column(1)).flat_map(u64::to_le_bytes);
            prop_assert_eq!(bytes, words.collect::<Vec<u8>>());
        }
    }
}
