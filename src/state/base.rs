//! The base of every record: an index in the order of the export, and rows that it points at.
//!
//! Both are files beside the database, which names the generation in force. An index is written whole and never
//! changed; rows are appended. Whatever lies beyond the committed length is from a pass that did not finish.

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use xxhash_rust::xxh3::xxh3_64;

use crate::disk::{Disk, Draft, ReadAt};
use crate::model::{Row, Table};

use super::error::StateError;

/// One table's records as they were last read, in flat arrays in the order of the export.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Index {
    /// Hash of each record's key.
    pub keys: Vec<u64>,
    /// Hash of each record's bytes; 0 for a record that must be looked at again.
    pub prints: Vec<u64>,
    /// Where each record's base row begins in the rows file, plus 1; 0 for none.
    pub rows: Vec<u64>,
    /// What each record refers to. Relations: contact and counterpart, 0 where not in force; contacts: the company.
    pub links: Vec<[u64; 2]>,
}

const MAGIC: &[u8; 8] = b"CPLTIDX1";
const WORDS: usize = 5;

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
    pub fn push(&mut self, key: u64, print: u64, row: u64, link: [u64; 2]) {
        self.keys.push(key);
        self.prints.push(print);
        self.rows.push(row);
        self.links.push(link);
    }

    /// Reads the index of one generation.
    ///
    /// # Errors
    /// [`StateError::Damaged`] when it is not what was written.
    pub fn read(disk: &dyn Disk, path: &Path) -> Result<Index, StateError> {
        let (file, _) = disk.open(path).map_err(StateError::file(path))?;
        let mut bytes = vec![0; file.len() as usize];
        read_exact_at(file.as_ref(), &mut bytes, 0).map_err(StateError::file(path))?;
        let damaged = |what| StateError::Damaged {
            path: path.to_owned(),
            what,
        };
        let word = |at: usize| {
            bytes
                .get(at..at + 8)
                .map(|word| u64::from_le_bytes(word.try_into().unwrap_or_default()))
        };
        if bytes.get(..8) != Some(MAGIC) {
            return Err(damaged("it does not begin as an index does"));
        }
        let (Some(count), Some(sum)) = (word(8), word(16)) else {
            return Err(damaged("it is cut short"));
        };
        let body = &bytes[24..];
        if body.len() as u64 != count.saturating_mul(WORDS as u64 * 8) || xxh3_64(body) != sum {
            return Err(damaged("its checksum differs"));
        }
        let array = |at: usize| -> Vec<u64> {
            let size = count as usize * 8;
            body[at * size..(at + 1) * size]
                .chunks_exact(8)
                .map(|word| u64::from_le_bytes(word.try_into().unwrap_or_default()))
                .collect()
        };
        let (first, second) = (array(3), array(4));
        let links = first.into_iter().zip(second).map(|(a, b)| [a, b]).collect();
        Ok(Index {
            keys: array(0),
            prints: array(1),
            rows: array(2),
            links,
        })
    }

    /// Writes the index of a new generation, durably.
    pub fn write(&self, disk: &dyn Disk, path: &Path) -> Result<(), StateError> {
        let mut body = Vec::with_capacity(self.len() * WORDS * 8);
        let firsts = self.links.iter().map(|link| link[0]);
        let seconds = self.links.iter().map(|link| link[1]);
        for word in self
            .keys
            .iter()
            .chain(&self.prints)
            .chain(&self.rows)
            .copied()
            .chain(firsts)
            .chain(seconds)
        {
            body.extend_from_slice(&word.to_le_bytes());
        }
        let write = || -> io::Result<()> {
            disk.remove(path)?;
            let mut draft = disk.create(path, None)?;
            draft.write_all(MAGIC)?;
            draft.write_all(&(self.len() as u64).to_le_bytes())?;
            draft.write_all(&xxh3_64(&body).to_le_bytes())?;
            draft.write_all(&body)?;
            draft.finish()
        };
        write().map_err(StateError::file(path))
    }
}

/// The name of the index of a generation.
pub fn index_path(folder: &Path, table: Table, generation: u64) -> PathBuf {
    folder.join(format!("{table}.{generation}.index"))
}

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
        let mut head = [0; 8];
        if at + 8 > self.length {
            return Err(damaged("a row lies beyond its end"));
        }
        let read = |buffer: &mut [u8], at| {
            read_exact_at(file.as_ref(), buffer, at).map_err(|source| StateError::File {
                path: self.path.clone(),
                source,
            })
        };
        read(&mut head, at)?;
        let size = u32::from_le_bytes([head[0], head[1], head[2], head[3]]);
        let sum = u32::from_le_bytes([head[4], head[5], head[6], head[7]]);
        if at + 8 + u64::from(size) > self.length {
            return Err(damaged("a row is cut short"));
        }
        let mut body = vec![0; size as usize];
        read(&mut body, at + 8)?;
        if xxh3_64(&body) as u32 != sum {
            return Err(damaged("a row's checksum differs"));
        }
        decode(&body)
            .map(Some)
            .ok_or_else(|| damaged("a row cannot be read"))
    }
}

/// Appends base rows.
pub struct RowWriter {
    path: PathBuf,
    draft: Box<dyn Draft>,
    length: u64,
    buffer: Vec<u8>,
}

impl RowWriter {
    /// Appends after the committed length.
    pub fn open(disk: &dyn Disk, path: PathBuf, length: u64) -> Result<RowWriter, StateError> {
        let draft = disk
            .append(&path, length)
            .map_err(StateError::file(&path))?;
        Ok(RowWriter {
            path,
            draft,
            length,
            buffer: Vec::new(),
        })
    }

    /// Appends a row and returns what an index points at it with.
    pub fn push(&mut self, row: &Row) -> Result<u64, StateError> {
        self.buffer.clear();
        encode(row, &mut self.buffer);
        let pointer = self.length + 1;
        let size = self.buffer.len() as u32;
        let sum = xxh3_64(&self.buffer) as u32;
        self.draft
            .write_all(&size.to_le_bytes())
            .and_then(|()| self.draft.write_all(&sum.to_le_bytes()))
            .and_then(|()| self.draft.write_all(&self.buffer))
            .map_err(StateError::file(&self.path))?;
        self.length += 8 + u64::from(size);
        Ok(pointer)
    }

    /// Makes the rows durable; returns their length, to be committed.
    pub fn finish(self) -> Result<u64, StateError> {
        self.draft.finish().map_err(StateError::file(&self.path))?;
        Ok(self.length)
    }
}

fn encode(row: &Row, out: &mut Vec<u8>) {
    out.push(row.cells().len() as u8);
    for cell in row.cells() {
        // 0 is unknown; otherwise the length plus 1, seven bits a byte.
        let mut length = cell.map_or(0, |cell| cell.len() as u64 + 1);
        while length >= 0x80 {
            out.push(length as u8 | 0x80);
            length >>= 7;
        }
        out.push(length as u8);
        out.extend_from_slice(cell.unwrap_or_default().as_bytes());
    }
}

fn decode(mut bytes: &[u8]) -> Option<Row> {
    let (&count, rest) = bytes.split_first()?;
    bytes = rest;
    let mut cells = Vec::with_capacity(count as usize);
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
        cells.push(match length.checked_sub(1) {
            None => None,
            Some(length) => {
                let (cell, rest) = bytes.split_at_checked(usize::try_from(length).ok()?)?;
                bytes = rest;
                Some(std::str::from_utf8(cell).ok()?)
            }
        });
    }
    bytes.is_empty().then(|| Row::new(cells))
}

/// Reads exactly as many bytes as the buffer holds.
fn read_exact_at(file: &dyn ReadAt, buffer: &mut [u8], offset: u64) -> io::Result<()> {
    let mut done = 0;
    while done < buffer.len() {
        match file.read_at(&mut buffer[done..], offset + done as u64)? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            count => done += count,
        }
    }
    Ok(())
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
            let mut bytes = Vec::new();
            encode(&row, &mut bytes);
            prop_assert_eq!(decode(&bytes), Some(row));
        }

        #[test]
        fn damaged_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = decode(&bytes);
        }
    }

    #[test]
    fn rows_and_index_are_found_again_and_damage_is_noticed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("contacts.0.rows");
        let row = Row::new([Some("C1"), None, Some("")]);
        let mut writer = RowWriter::open(&RealDisk, path.clone(), 0).unwrap();
        let pointer = writer.push(&row).unwrap();
        let length = writer.finish().unwrap();
        let rows = Rows::open(&RealDisk, path.clone(), length).unwrap();
        assert_eq!(rows.get(pointer).unwrap(), Some(row));
        assert_eq!(rows.get(0).unwrap(), None);

        let mut index = Index::default();
        index.push(1, 2, pointer, [3, 4]);
        let at = folder.path().join("contacts.1.index");
        index.write(&RealDisk, &at).unwrap();
        assert_eq!(Index::read(&RealDisk, &at).unwrap(), index);

        let mut bytes = std::fs::read(&at).unwrap();
        *bytes.last_mut().unwrap() ^= 1;
        std::fs::write(&at, bytes).unwrap();
        assert!(matches!(
            Index::read(&RealDisk, &at),
            Err(StateError::Damaged { .. })
        ));
        let mut bytes = std::fs::read(&path).unwrap();
        *bytes.last_mut().unwrap() ^= 1;
        std::fs::write(&path, bytes).unwrap();
        let rows = Rows::open(&RealDisk, path, length).unwrap();
        assert!(matches!(rows.get(pointer), Err(StateError::Damaged { .. })));
    }
}
