//! The index of a table: its records as they were last read, in flat arrays in the order of the export.
//!
//! An index is written whole, or as the difference from one that was: a pass that finds a few records changed writes
//! those few. Neither is changed once it is written; the database names the generation in force.

use std::io::{self, Write as _};
use std::ops::Range;
use std::path::{Path, PathBuf};

use xxhash_rust::xxh3::{Xxh3, xxh3_64};

use crate::disk::{Disk, ReadAt, Unsynced, read_exact_at};
use crate::model::Table;

use super::error::StateError;
use super::links::Links;

/// One table's records as they were last read, in flat arrays in the order of the export.
#[derive(Clone, Debug, Default)]
pub struct Index {
    /// Hash of each record's key.
    pub keys: Vec<u64>,
    /// Hash of each record's bytes; 0 for a record that must be looked at again.
    pub prints: Vec<u64>,
    /// Where each record's base row begins, and in the bits above it how far the record reached.
    places: Vec<u64>,
    /// What each record refers to.
    pub links: Links,
    /// Whether it stands in an older form, in which prints say nothing any more.
    pub is_outdated: bool,
    /// How it follows from the last one that was written whole; nothing where none was.
    origin: Option<Origin>,
}

impl PartialEq for Index {
    /// Whether the same records are listed.
    fn eq(&self, other: &Index) -> bool {
        self.keys == other.keys
            && self.prints == other.prints
            && self.places == other.places
            && self.links == other.links
    }
}

impl Eq for Index {}

/// What an index says of a record.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Entry {
    /// Hash of its key.
    pub key: u64,
    /// Hash of its bytes; 0 where it must be looked at again.
    pub print: u64,
    /// Where its base row begins in the rows file, plus 1; 0 for none. At most [`LAST_ROW`].
    pub row: u64,
    /// How far it reached in its file, in the lowest 24 bits, as whoever reads the file says it; 0 where nobody said.
    pub extent: u32,
    /// What it refers to.
    pub link: [u64; 2],
}

/// The last place of a rows file that an index can name: a terabyte.
pub const LAST_ROW: u64 = (1 << ROW_BITS) - 1;
const ROW_BITS: u32 = 40;

impl Entry {
    fn place(&self) -> u64 {
        self.row.min(LAST_ROW) | u64::from(self.extent) << ROW_BITS
    }
}

/// Where the records of an index stand in the whole one of some generation.
#[derive(Clone, Debug)]
struct Origin {
    generation: u64,
    runs: Vec<Run>,
}

/// Records that follow each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Run {
    /// Where they begin in the other index; `None` for records that it lacks.
    from: Option<usize>,
    count: usize,
}

const WHOLE: &[u8; 8] = b"CPLTIDX2";
/// As written before prints were made otherwise: they say nothing any more.
const WHOLE_OLD: &[u8; 8] = b"CPLTIDX1";
const DIFFERENCE: &[u8; 8] = b"CPLTDIF2";
/// As written before its checksum was that of its counts, too.
const DIFFERENCE_OLD: &[u8; 8] = b"CPLTDIF1";
/// Words of 64 bits of a record.
const WORDS: usize = 5;

/// The name of an index that is written whole.
pub fn index_path(folder: &Path, table: Table, generation: u64) -> PathBuf {
    folder.join(format!("{table}.{generation}.index"))
}

/// The name of the difference that makes an index.
pub fn difference_path(folder: &Path, table: Table, generation: u64) -> PathBuf {
    folder.join(format!("{table}.{generation}.difference"))
}

impl Index {
    /// How many records it lists.
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Whether it lists none.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// Appends a record.
    pub fn push(&mut self, entry: Entry) {
        self.keys.push(entry.key);
        self.prints.push(entry.print);
        self.places.push(entry.place());
        self.links.push(entry.link);
    }

    /// What it says of the record at a position.
    pub fn entry(&self, at: usize) -> Entry {
        Entry {
            key: self.keys[at],
            print: self.prints[at],
            row: self.row(at),
            extent: self.extent(at),
            link: self.links.at(at),
        }
    }

    /// Where a record's base row begins in the rows file, plus 1; 0 for none.
    pub fn row(&self, at: usize) -> u64 {
        self.places[at] & LAST_ROW
    }

    /// How far a record reached, as [`Entry::extent`] says.
    pub fn extent(&self, at: usize) -> u32 {
        (self.places[at] >> ROW_BITS) as u32
    }

    /// Appends some words of one of its arrays as bytes.
    fn extend_bytes(&self, array: usize, range: Range<usize>, out: &mut Vec<u8>) {
        let words = match array {
            0 => &self.keys[range],
            1 => &self.prints[range],
            2 => &self.places[range],
            3 => return self.links.extend_firsts(range, out),
            _ => return self.links.extend_seconds(range, out),
        };
        out.extend(words.iter().flat_map(|word| word.to_le_bytes()));
    }

    /// Reads the index of one generation.
    ///
    /// # Errors
    /// [`StateError::Damaged`] when it is not what was written.
    pub fn read(
        disk: &dyn Disk,
        folder: &Path,
        table: Table,
        generation: u64,
    ) -> Result<Index, StateError> {
        let path = difference_path(folder, table, generation);
        let is_there = disk.identity(&path).map_err(StateError::file(&path))?;
        if is_there.is_none() {
            let path = index_path(folder, table, generation);
            let mut index = read_whole(disk, &path, None)?;
            let all = Run {
                from: Some(0),
                count: index.len(),
            };
            index.origin = Some(Origin {
                generation,
                runs: vec![all],
            });
            return Ok(index);
        }
        let difference = Difference::read(disk, &path)?;
        let whole = index_path(folder, table, difference.origin.generation);
        let mut index = read_whole(disk, &whole, Some(&difference))?;
        index.origin = Some(difference.origin);
        Ok(index)
    }

    /// The files that hold the index of one generation.
    ///
    /// # Errors
    /// Those of reading them.
    pub fn files(
        disk: &dyn Disk,
        folder: &Path,
        table: Table,
        generation: u64,
    ) -> Result<Vec<PathBuf>, StateError> {
        let path = difference_path(folder, table, generation);
        let is_there = disk.identity(&path).map_err(StateError::file(&path))?;
        if is_there.is_none() {
            return Ok(vec![index_path(folder, table, generation)]);
        }
        let (file, _) = disk.open(&path).map_err(StateError::file(&path))?;
        let mut head = [0; DIFFERENCE_HEAD];
        read_exact_at(file.as_ref(), &mut head, 0).map_err(StateError::file(&path))?;
        let [generation, ..] = difference_counts(&head);
        Ok(vec![path, index_path(folder, table, generation)])
    }
}

/// The word of 64 bits at a position, counted in words.
fn word(bytes: &[u8], at: usize) -> u64 {
    let word = bytes.get(at * 8..at * 8 + 8);
    word.map_or(0, |word| {
        u64::from_le_bytes(word.try_into().unwrap_or_default())
    })
}

fn damaged(path: &Path, what: &'static str) -> StateError {
    StateError::Damaged {
        path: path.to_owned(),
        what,
    }
}

/// Reads an index that was written whole, and makes another one of it where a difference is given.
fn read_whole(
    disk: &dyn Disk,
    path: &Path,
    difference: Option<&Difference>,
) -> Result<Index, StateError> {
    let (file, _) = disk.open(path).map_err(StateError::file(path))?;
    if file.len() < 24 {
        return Err(damaged(path, "it is cut short"));
    }
    let mut head = [0; 24];
    read_exact_at(file.as_ref(), &mut head, 0).map_err(StateError::file(path))?;
    let magic = &head[..8];
    if magic != WHOLE && magic != WHOLE_OLD {
        return Err(damaged(path, "it does not begin as an index does"));
    }
    let (count, sum) = (word(&head, 1), word(&head, 2));
    if Some(file.len() - 24) != count.checked_mul(WORDS as u64 * 8) {
        return Err(damaged(path, "its length is not what it says"));
    }
    let count = count as usize;
    let mut hash = Xxh3::new();
    let mut array = |at: usize| -> Result<Vec<u64>, StateError> {
        let begin = 24 + (at * count * 8) as u64;
        let words = read_words(file.as_ref(), begin, count, &mut hash);
        let words = words.map_err(StateError::file(path))?;
        match difference {
            None => Ok(words),
            Some(difference) => difference
                .apply(at, &words)
                .ok_or_else(|| damaged(path, "it is shorter than its difference says")),
        }
    };
    let keys = array(0)?;
    let mut prints = array(1)?;
    let places = array(2)?;
    let firsts = array(3)?;
    let links = Links::new(firsts, array(4)?);
    if hash.digest() != sum {
        return Err(damaged(path, "its checksum differs"));
    }
    if magic == WHOLE_OLD {
        prints.fill(0);
    }
    Ok(Index {
        keys,
        prints,
        places,
        links,
        is_outdated: magic == WHOLE_OLD,
        origin: None,
    })
}

fn read_words(
    file: &dyn ReadAt,
    begin: u64,
    count: usize,
    hash: &mut Xxh3,
) -> io::Result<Vec<u64>> {
    const PIECE: usize = 256 << 10;
    let mut words = Vec::with_capacity(count);
    let mut piece = vec![0; PIECE.min(count * 8)];
    while words.len() < count {
        let piece = &mut piece[..PIECE.min((count - words.len()) * 8)];
        read_exact_at(file, piece, begin + words.len() as u64 * 8)?;
        hash.update(piece);
        let read = piece.chunks_exact(8);
        words.extend(read.map(|word| u64::from_le_bytes(word.try_into().unwrap_or_default())));
    }
    Ok(words)
}

/// Of a difference: what it is, its checksum, the generation that it follows from, and how many runs and new records it has.
const DIFFERENCE_HEAD: usize = 40;

/// Generation, runs and new records, as its head says. The checksum was the last of the words once.
fn difference_counts(head: &[u8]) -> [u64; 3] {
    let first = match head.starts_with(DIFFERENCE_OLD) {
        true => 1,
        false => 2,
    };
    [0, 1, 2].map(|at| word(head, first + at))
}

/// What makes another index of one that was written whole.
struct Difference {
    origin: Origin,
    /// The records that the other one lacks, in their order.
    new: Index,
}

impl Difference {
    fn read(disk: &dyn Disk, path: &Path) -> Result<Difference, StateError> {
        let (file, _) = disk.open(path).map_err(StateError::file(path))?;
        let mut bytes = vec![0; file.len() as usize];
        read_exact_at(file.as_ref(), &mut bytes, 0).map_err(StateError::file(path))?;
        let sum = |from: usize| xxh3_64(bytes.get(from..).unwrap_or_default());
        let is_sound = match bytes.get(..8) {
            Some(magic) if magic == DIFFERENCE => sum(16) == word(&bytes, 1),
            Some(magic) if magic == DIFFERENCE_OLD => sum(DIFFERENCE_HEAD) == word(&bytes, 4),
            _ => return Err(damaged(path, "it does not begin as a difference does")),
        };
        let [generation, runs, new] = difference_counts(&bytes);
        let body = bytes.get(DIFFERENCE_HEAD..).unwrap_or_default();
        let words = runs
            .saturating_mul(2)
            .saturating_add(new.saturating_mul(WORDS as u64));
        if body.len() as u64 != words.saturating_mul(8) || !is_sound {
            return Err(damaged(path, "its checksum differs"));
        }
        let (runs, new) = (runs as usize, new as usize);
        let run = |at: usize| Run {
            from: (word(body, at * 2) as usize).checked_sub(1),
            count: word(body, at * 2 + 1) as usize,
        };
        let record = |index: &mut Index, at: usize| {
            let [key, print, place, first, second] =
                [0, 1, 2, 3, 4].map(|part| word(body, 2 * runs + at * WORDS + part));
            index.push(Entry {
                key,
                print,
                row: place & LAST_ROW,
                extent: (place >> ROW_BITS) as u32,
                link: [first, second],
            });
        };
        let mut index = Index::default();
        (0..new).for_each(|at| record(&mut index, at));
        Ok(Difference {
            origin: Origin {
                generation,
                runs: (0..runs).map(run).collect(),
            },
            new: index,
        })
    }

    /// One array of the index that it makes; `None` where the whole one lacks what it takes over.
    fn apply(&self, array: usize, whole: &[u64]) -> Option<Vec<u64>> {
        let mut new = (0..self.new.len()).map(|at| match array {
            0 => self.new.keys[at],
            1 => self.new.prints[at],
            2 => self.new.places[at],
            3 => self.new.links.at(at)[0],
            _ => self.new.links.at(at)[1],
        });
        let mut words = Vec::with_capacity(self.origin.runs.iter().map(|run| run.count).sum());
        for run in &self.origin.runs {
            match run.from {
                Some(from) => {
                    words.extend_from_slice(whole.get(from..from.checked_add(run.count)?)?)
                }
                None => words.extend(new.by_ref().take(run.count)),
            }
        }
        Some(words)
    }
}

/// A new index in the making: what it keeps of the one before, and what is new.
pub struct IndexDraft<'i> {
    before: &'i Index,
    runs: Vec<Run>,
    new: Index,
}

impl<'i> IndexDraft<'i> {
    /// A draft that follows from an index.
    pub fn new(before: &'i Index) -> IndexDraft<'i> {
        IndexDraft {
            before,
            runs: Vec::new(),
            new: Index::default(),
        }
    }

    /// How many records it lists.
    pub fn len(&self) -> usize {
        self.runs.iter().map(|run| run.count).sum()
    }

    /// Whether it lists none.
    pub fn is_empty(&self) -> bool {
        self.runs.is_empty()
    }

    /// Appends records as they stood in the index before.
    pub fn keep(&mut self, from: usize, count: usize) {
        extend(&mut self.runs, Some(from), count);
    }

    /// Appends a record.
    pub fn push(&mut self, entry: Entry) {
        self.new.push(entry);
        extend(&mut self.runs, None, 1);
    }

    /// Whether a record must be looked at again although nothing of it changes.
    pub fn has_open(&self) -> bool {
        let kept = |run: &Run| run.from.map(|from| from..from + run.count);
        let mut kept = self.runs.iter().filter_map(kept);
        self.new.prints.contains(&0) || kept.any(|range| self.before.prints[range].contains(&0))
    }

    /// Writes it as a new generation, still to be made durable: as a difference where that is the smaller part.
    ///
    /// # Errors
    /// Those of the disk.
    pub fn write(
        &self,
        disk: &dyn Disk,
        folder: &Path,
        table: Table,
        generation: u64,
    ) -> Result<Unsynced, StateError> {
        // A difference must be read with its whole one, so it stays a fraction of that.
        const FRACTION: usize = 8;
        let difference = self.difference();
        let small = difference.as_ref().filter(|difference| {
            (difference.new.len() * WORDS + difference.origin.runs.len() * 2) * FRACTION
                <= self.len() * WORDS
        });
        let whole = index_path(folder, table, generation);
        let path = difference_path(folder, table, generation);
        let (path, other) = match small {
            Some(_) => (path, whole),
            None => (whole, path),
        };
        let write = || -> io::Result<Unsynced> {
            // Whatever has these names is from a pass that did not finish.
            disk.remove(&other)?;
            disk.remove(&path)?;
            let mut draft = disk.create_own(&path)?;
            match small {
                Some(difference) => draft.write_all(&difference.bytes())?,
                None => self.write_whole(&mut draft)?,
            }
            Unsynced::new(&path, draft)
        };
        write().map_err(StateError::file(&path))
    }

    /// Writes all of the index that it makes, of which there is never more than a block beside what it is made of.
    fn write_whole(&self, out: &mut dyn io::Write) -> io::Result<()> {
        let mut hash = Xxh3::new();
        let hashed = self.each_block(Vec::new(), |block| {
            hash.update(block);
            Ok(())
        });
        hashed?;
        let counts = [self.len() as u64, hash.digest()];
        let head = [&WHOLE[..], &bytes_of(counts.into_iter())].concat();
        self.each_block(head, |block| out.write_all(block))
    }

    /// Hands over the bytes of the index that it makes, array after array; a `block` that has begun comes first.
    fn each_block(
        &self,
        mut block: Vec<u8>,
        mut then: impl FnMut(&[u8]) -> io::Result<()>,
    ) -> io::Result<()> {
        const BLOCK: usize = 256 << 10;
        for array in 0..WORDS {
            let mut new = 0;
            for run in &self.runs {
                let (index, mut at) = match run.from {
                    Some(from) => (self.before, from),
                    None => (&self.new, new),
                };
                if run.from.is_none() {
                    new += run.count;
                }
                let end = at + run.count;
                while at < end {
                    let room = BLOCK.saturating_sub(block.len()) / 8;
                    let stop = end.min(at + room.max(1));
                    index.extend_bytes(array, at..stop, &mut block);
                    at = stop;
                    if block.len() + 8 > BLOCK {
                        then(&block)?;
                        block.clear();
                    }
                }
            }
        }
        match block.is_empty() {
            true => Ok(()),
            false => then(&block),
        }
    }

    /// The difference from the last index that was written whole.
    fn difference(&self) -> Option<Difference> {
        let origin = self.before.origin.as_ref()?;
        let mut starts = Vec::with_capacity(origin.runs.len());
        let mut start = 0;
        for run in &origin.runs {
            starts.push(start);
            start += run.count;
        }
        let mut difference = Difference {
            origin: Origin {
                generation: origin.generation,
                runs: Vec::new(),
            },
            new: Index::default(),
        };
        let mut new = 0;
        for run in &self.runs {
            let Some(mut from) = run.from else {
                (new..new + run.count).for_each(|at| difference.new.push(self.new.entry(at)));
                new += run.count;
                extend(&mut difference.origin.runs, None, run.count);
                continue;
            };
            let end = from + run.count;
            let mut at = starts
                .partition_point(|start| *start <= from)
                .checked_sub(1)?;
            while from < end {
                let within = from - starts[at];
                let there = origin.runs[at];
                let count = (there.count - within).min(end - from);
                if there.from.is_none() {
                    let kept = from..from + count;
                    kept.for_each(|at| difference.new.push(self.before.entry(at)));
                }
                let origin_from = there.from.map(|start| start + within);
                extend(&mut difference.origin.runs, origin_from, count);
                (from, at) = (from + count, at + 1);
            }
        }
        Some(difference)
    }
}

fn extend(runs: &mut Vec<Run>, from: Option<usize>, count: usize) {
    if count == 0 {
        return;
    }
    let follows = |last: &Run| match (last.from, from) {
        (Some(last_from), Some(from)) => last_from + last.count == from,
        (None, None) => true,
        _ => false,
    };
    match runs.last_mut().filter(|last| follows(last)) {
        Some(last) => last.count += count,
        None => runs.push(Run { from, count }),
    }
}

impl Difference {
    fn bytes(&self) -> Vec<u8> {
        let runs = self.origin.runs.iter();
        let runs = runs.flat_map(|run| [run.from.map_or(0, |from| from + 1), run.count]);
        let runs = runs.map(|word| word as u64);
        let new = (0..self.new.len()).flat_map(|at| {
            let [first, second] = self.new.links.at(at);
            let (key, print) = (self.new.keys[at], self.new.prints[at]);
            [key, print, self.new.places[at], first, second]
        });
        let counts = [
            self.origin.generation,
            self.origin.runs.len() as u64,
            self.new.len() as u64,
        ];
        let body = bytes_of(counts.into_iter().chain(runs).chain(new));
        [&DIFFERENCE[..], &xxh3_64(&body).to_le_bytes(), &body].concat()
    }
}

fn bytes_of(words: impl Iterator<Item = u64>) -> Vec<u8> {
    words.flat_map(u64::to_le_bytes).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::disk::RealDisk;

    fn entry(key: u64) -> Entry {
        Entry {
            key,
            print: key + 1,
            row: key + 2,
            extent: key as u32 + 5,
            link: [key + 3, key + 4],
        }
    }

    fn index(records: impl IntoIterator<Item = u64>) -> Index {
        let mut index = Index::default();
        records.into_iter().for_each(|key| index.push(entry(key)));
        index
    }

    /// The next index of a table: what it keeps, by position, and what is new.
    fn follow(before: &Index, steps: &[Result<(usize, usize), u64>]) -> Index {
        let mut next = Index::default();
        for step in steps {
            match *step {
                Ok((from, count)) => {
                    (from..from + count).for_each(|at| next.push(before.entry(at)));
                }
                Err(key) => next.push(entry(key)),
            }
        }
        next
    }

    proptest! {
        #[test]
        fn an_index_is_what_was_written_however_many_differences_led_to_it(
            count in 0..200_usize,
            passes in proptest::collection::vec(
                proptest::collection::vec((any::<bool>(), 0..200_usize, 1..120_usize), 0..8), 1..6),
        ) {
            let folder = tempfile::tempdir().unwrap();
            let empty = Index::default();
            let mut draft = IndexDraft::new(&empty);
            let mut expected = index((0..count as u64).map(|key| key * 10));
            for at in 0..expected.len() {
                draft.push(expected.entry(at));
            }
            draft.write(&RealDisk, folder.path(), Table::Contacts, 0).unwrap();
            for (pass, steps) in passes.iter().enumerate() {
                let read = Index::read(&RealDisk, folder.path(), Table::Contacts, pass as u64).unwrap();
                prop_assert_eq!(&read, &expected);
                let steps: Vec<Result<(usize, usize), u64>> = steps.iter().map(|&(keeps, from, count)| {
                    let from = from.min(read.len());
                    if keeps { Ok((from, count.min(read.len() - from))) } else { Err(from as u64 * 1000 + pass as u64) }
                }).collect();
                let mut draft = IndexDraft::new(&read);
                for step in &steps {
                    match *step {
                        Ok((from, count)) => draft.keep(from, count),
                        Err(key) => draft.push(entry(key)),
                    }
                }
                expected = follow(&read, &steps);
                draft.write(&RealDisk, folder.path(), Table::Contacts, pass as u64 + 1).unwrap();
            }
            let last = passes.len() as u64;
            let read = Index::read(&RealDisk, folder.path(), Table::Contacts, last).unwrap();
            prop_assert_eq!(&read, &expected);
            for path in Index::files(&RealDisk, folder.path(), Table::Contacts, last).unwrap() {
                prop_assert!(path.exists());
            }
        }
    }

    #[test]
    fn a_few_changes_are_written_as_a_difference_and_damage_to_either_is_noticed() {
        let folder = tempfile::tempdir().unwrap();
        let (disk, table) = (&RealDisk, Table::Contacts);
        let empty = Index::default();
        let mut draft = IndexDraft::new(&empty);
        (0..100).for_each(|key| draft.push(entry(key)));
        draft.write(disk, folder.path(), table, 1).unwrap();
        // An older one of as many records, which a damaged difference could name.
        draft.write(disk, folder.path(), table, 0).unwrap();
        let first = Index::read(disk, folder.path(), table, 1).unwrap();
        let mut draft = IndexDraft::new(&first);
        draft.keep(0, 50);
        draft.push(entry(7));
        draft.keep(51, 49);
        draft.write(disk, folder.path(), table, 2).unwrap();
        let whole = index_path(folder.path(), table, 1);
        let difference = difference_path(folder.path(), table, 2);
        assert!(difference.exists() && !index_path(folder.path(), table, 2).exists());
        for path in [whole, difference] {
            let sound = std::fs::read(&path).unwrap();
            for at in 0..sound.len() {
                let mut bytes = sound.clone();
                bytes[at] ^= 1;
                std::fs::write(&path, bytes).unwrap();
                let read = Index::read(disk, folder.path(), table, 2);
                assert!(read.is_err(), "byte {at} of {}", path.display());
            }
            std::fs::write(&path, &sound[..sound.len() - 1]).unwrap();
            assert!(Index::read(disk, folder.path(), table, 2).is_err());
            std::fs::write(&path, sound).unwrap();
        }
        assert!(Index::read(disk, folder.path(), table, 2).is_ok());
    }

    #[test]
    fn a_difference_of_the_first_form_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let (disk, table) = (&RealDisk, Table::Contacts);
        let empty = Index::default();
        let mut draft = IndexDraft::new(&empty);
        (0..100).for_each(|key| draft.push(entry(key)));
        draft.write(disk, folder.path(), table, 1).unwrap();
        let first = Index::read(disk, folder.path(), table, 1).unwrap();
        let mut draft = IndexDraft::new(&first);
        draft.push(entry(7));
        draft.keep(1, 99);
        draft.write(disk, folder.path(), table, 2).unwrap();
        let written = Index::read(disk, folder.path(), table, 2).unwrap();
        let path = difference_path(folder.path(), table, 2);
        let bytes = std::fs::read(&path).unwrap();
        let (counts, body) = bytes[16..].split_at(24);
        let old = [DIFFERENCE_OLD, counts, &xxh3_64(body).to_le_bytes(), body].concat();
        std::fs::write(&path, old).unwrap();
        assert_eq!(Index::read(disk, folder.path(), table, 2).unwrap(), written);
        let files = Index::files(disk, folder.path(), table, 2).unwrap();
        assert_eq!(files, [path, index_path(folder.path(), table, 1)]);
    }

    #[test]
    fn prints_of_an_index_of_the_first_form_say_that_records_are_looked_at_again() {
        let folder = tempfile::tempdir().unwrap();
        let empty = Index::default();
        let mut draft = IndexDraft::new(&empty);
        [10, 20].into_iter().for_each(|key| draft.push(entry(key)));
        draft
            .write(&RealDisk, folder.path(), Table::Contacts, 3)
            .unwrap();
        let path = index_path(folder.path(), Table::Contacts, 3);
        let mut bytes = std::fs::read(&path).unwrap();
        bytes[..8].copy_from_slice(WHOLE_OLD);
        std::fs::write(path, bytes).unwrap();
        let read = Index::read(&RealDisk, folder.path(), Table::Contacts, 3).unwrap();
        assert_eq!((read.keys, read.prints), (vec![10, 20], vec![0, 0]));
    }
}
