//! Base rows: what each record showed when it was last merged, appended to one file that an index points into.
//!
//! The database names the committed length; what lies beyond is from a pass that did not finish.

use std::borrow::Cow;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use xxhash_rust::xxh3::xxh3_64;

use crate::disk::{Disk, Draft, ReadAt, Unsynced, read_exact_at};
use crate::model::{Row, Table};

use super::error::StateError;
use super::index::LAST_ROW;

/// The name of a table's rows.
pub fn rows_path(folder: &Path, table: Table, epoch: u64) -> PathBuf {
    folder.join(format!("{table}.{epoch}.rows"))
}

/// Base rows that were committed.
pub struct Rows {
    path: PathBuf,
    file: Option<Box<dyn ReadAt>>,
    length: u64,
}

impl Rows {
    /// Opens the rows up to their committed length; none at all when that is 0.
    pub fn open(disk: &dyn Disk, path: PathBuf, length: u64) -> Result<Rows, StateError> {
        let file = match length {
            0 => None,
            _ => Some(disk.open(&path).map_err(StateError::file(&path))?.0),
        };
        Ok(Rows { path, file, length })
    }

    /// The row that an index points at; `None` where it points at none.
    ///
    /// # Errors
    /// [`StateError::Damaged`] when its checksum differs.
    pub fn get(&self, pointer: u64) -> Result<Option<Row>, StateError> {
        let (Some(at), Some(file)) = (pointer.checked_sub(1), &self.file) else {
            return Ok(None);
        };
        let damaged = |what| StateError::Damaged {
            path: self.path.clone(),
            what,
        };
        // Most rows come whole with their head, in one reading.
        let mut near = [0; 512];
        let rest = self.length.saturating_sub(at);
        if rest < HEAD as u64 {
            return Err(damaged("a row lies beyond its end"));
        }
        let near = &mut near[..rest.min(512) as usize];
        let read = |buffer: &mut [u8], at| {
            read_exact_at(file.as_ref(), buffer, at).map_err(|source| StateError::File {
                path: self.path.clone(),
                source,
            })
        };
        read(near, at)?;
        let half =
            |at: usize| u32::from_le_bytes([near[at], near[at + 1], near[at + 2], near[at + 3]]);
        let (size, sum) = (half(0) as usize, half(4));
        if rest - (HEAD as u64) < size as u64 {
            return Err(damaged("a row is cut short"));
        }
        let body = match near.get(HEAD..HEAD + size) {
            Some(body) => Cow::Borrowed(body),
            None => {
                let mut body = vec![0; size];
                read(&mut body, at + HEAD as u64)?;
                Cow::Owned(body)
            }
        };
        let told = xxh3_64(&body) as u32;
        if told ^ place_mark(pointer) != sum && told != sum {
            return Err(damaged("a row's checksum differs"));
        }
        decode(&body)
            .map(Some)
            .ok_or_else(|| damaged("a row cannot be read"))
    }
}

/// Length and checksum in front of each row.
const HEAD: usize = 8;

/// What a row's checksum has of its place, so that another row that comes to stand there is not taken for it. Rows were written
/// without it once.
fn place_mark(pointer: u64) -> u32 {
    // The fraction of the golden ratio: places near each other have marks far apart.
    (pointer.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32) as u32
}

/// Appends base rows.
pub struct RowWriter {
    path: PathBuf,
    draft: Box<dyn Draft>,
    length: u64,
    appended: u64,
    /// Rows that are still to be written.
    block: Vec<u8>,
    /// Where the last whole one of them ends.
    ended: usize,
}

impl RowWriter {
    const BLOCK: usize = 256 << 10;

    /// Appends after the committed length.
    pub fn open(disk: &dyn Disk, path: PathBuf, length: u64) -> Result<RowWriter, StateError> {
        let draft = disk
            .append_own(&path, length)
            .map_err(StateError::file(&path))?;
        Ok(RowWriter {
            path,
            draft,
            length,
            appended: 0,
            block: Vec::with_capacity(RowWriter::BLOCK + 4096),
            ended: 0,
        })
    }

    /// Appends a row and returns what an index points at it with.
    ///
    /// # Errors
    /// Those of the disk.
    pub fn push(&mut self, row: &Row) -> Result<u64, StateError> {
        self.begin(row.cells().len());
        row.cells().for_each(|cell| self.cell(cell));
        self.end()
    }

    /// Begins a row of so many cells, which are given one by one. One that was begun and not ended is given up.
    pub fn begin(&mut self, cells: usize) {
        self.block.truncate(self.ended);
        self.block.extend_from_slice(&[0; HEAD]);
        self.block.push(cells as u8);
    }

    /// The next cell of a row; `None` is unknown.
    pub fn cell(&mut self, cell: Option<&str>) {
        encode(cell, &mut self.block);
    }

    /// Ends a row and returns what an index points at it with.
    ///
    /// # Errors
    /// Those of the disk.
    pub fn end(&mut self) -> Result<u64, StateError> {
        let pointer = self.length + 1;
        let (head, body) = self.block[self.ended..].split_at_mut(HEAD);
        let sum = xxh3_64(body) as u32 ^ place_mark(pointer);
        head[..4].copy_from_slice(&(body.len() as u32).to_le_bytes());
        head[4..].copy_from_slice(&sum.to_le_bytes());
        if pointer > LAST_ROW {
            return Err(StateError::file(&self.path)(
                io::ErrorKind::FileTooLarge.into(),
            ));
        }
        self.length += (self.block.len() - self.ended) as u64;
        self.ended = self.block.len();
        self.appended += 1;
        if self.block.len() >= RowWriter::BLOCK {
            self.write_block()?;
        }
        Ok(pointer)
    }

    fn write_block(&mut self) -> Result<(), StateError> {
        let written = self.draft.write_all(&self.block[..self.ended]);
        self.block.clear();
        self.ended = 0;
        written.map_err(StateError::file(&self.path))
    }

    /// How many rows it has appended.
    pub fn appended(&self) -> u64 {
        self.appended
    }

    /// Ends writing; returns the length of the rows, to be committed once the file is durable.
    ///
    /// # Errors
    /// Those of the disk.
    pub fn finish(mut self) -> Result<(u64, Unsynced), StateError> {
        self.write_block()?;
        let file = Unsynced::new(&self.path, self.draft).map_err(StateError::file(&self.path))?;
        Ok((self.length, file))
    }
}

fn encode(cell: Option<&str>, out: &mut Vec<u8>) {
    // 0 is unknown; otherwise the length plus 1, seven bits a byte.
    let mut length = cell.map_or(0, |cell| cell.len() as u64 + 1);
    while length >= 0x80 {
        out.push(length as u8 | 0x80);
        length >>= 7;
    }
    out.push(length as u8);
    out.extend_from_slice(cell.unwrap_or_default().as_bytes());
}

fn decode(mut bytes: &[u8]) -> Option<Row> {
    let (&count, rest) = bytes.split_first()?;
    bytes = rest;
    let mut text = Vec::with_capacity(bytes.len());
    let mut ends = Vec::with_capacity(count as usize);
    for _ in 0..count {
        let mut length: u64 = 0;
        let mut shift = 0;
        loop {
            let (&byte, rest) = bytes.split_first()?;
            bytes = rest;
            length |= u64::from(byte & 0x7f).checked_shl(shift)?;
            shift += 7;
            if byte & 0x80 == 0 {
                break;
            }
        }
        ends.push(match length.checked_sub(1) {
            None => None,
            Some(length) => {
                let (cell, rest) = bytes.split_at_checked(usize::try_from(length).ok()?)?;
                bytes = rest;
                text.extend_from_slice(cell);
                Some(text.len())
            }
        });
    }
    let row = Row::of_text(String::from_utf8(text).ok()?, ends)?;
    bytes.is_empty().then_some(row)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::disk::RealDisk;

    proptest! {
        #[test]
        fn a_row_comes_back_as_it_went_in(cells in proptest::collection::vec(proptest::option::of(".{0,300}"), 0..40)) {
            let row = Row::new(cells.iter().map(Option::as_deref));
            let mut bytes = vec![cells.len() as u8];
            row.cells().for_each(|cell| encode(cell, &mut bytes));
            prop_assert_eq!(decode(&bytes), Some(row));
        }

        #[test]
        fn damaged_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = decode(&bytes);
        }
    }

    #[test]
    fn rows_are_found_again_and_damage_is_noticed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("contacts.0.rows");
        let row = Row::new([Some("C1"), None, Some("")]);
        let mut writer = RowWriter::open(&RealDisk, path.clone(), 0).unwrap();
        let pointer = writer.push(&row).unwrap();
        let (length, file) = writer.finish().unwrap();
        file.sync().unwrap();
        let rows = Rows::open(&RealDisk, path.clone(), length).unwrap();
        assert_eq!(rows.get(pointer).unwrap(), Some(row));
        assert_eq!(rows.get(0).unwrap(), None);

        let mut bytes = std::fs::read(&path).unwrap();
        *bytes.last_mut().unwrap() ^= 1;
        std::fs::write(&path, bytes).unwrap();
        let rows = Rows::open(&RealDisk, path, length).unwrap();
        assert!(matches!(rows.get(pointer), Err(StateError::Damaged { .. })));
    }

    #[test]
    fn a_row_is_found_in_its_own_place_alone_and_one_of_the_first_form_in_any() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("contacts.0.rows");
        let mut writer = RowWriter::open(&RealDisk, path.clone(), 0).unwrap();
        let alike = ["C1", "C2", "C3"].map(|no| Row::new([Some(no)]));
        let pointers = alike.each_ref().map(|row| writer.push(row).unwrap());
        let (length, file) = writer.finish().unwrap();
        file.sync().unwrap();
        // Bytes that come in before the rows, as many as one has, put each in the place of the next.
        let sound = std::fs::read(&path).unwrap();
        let one = (pointers[1] - pointers[0]) as usize;
        let moved = [&sound[..one], &sound[..sound.len() - one]].concat();
        std::fs::write(&path, moved).unwrap();
        let rows = Rows::open(&RealDisk, path.clone(), length).unwrap();
        assert_eq!(rows.get(pointers[0]).unwrap().as_ref(), Some(&alike[0]));
        for pointer in &pointers[1..] {
            let found = rows.get(*pointer);
            assert!(matches!(found, Err(StateError::Damaged { .. })));
        }
        let mut old = sound;
        let sum = xxh3_64(&old[one + HEAD..2 * one]) as u32;
        old[one + 4..one + HEAD].copy_from_slice(&sum.to_le_bytes());
        std::fs::write(&path, old).unwrap();
        let rows = Rows::open(&RealDisk, path, length).unwrap();
        assert_eq!(rows.get(pointers[1]).unwrap().as_ref(), Some(&alike[1]));
    }
}
