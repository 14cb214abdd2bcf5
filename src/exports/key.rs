//! Keys of records as hashes, which all exports compute alike.

use std::borrow::Cow;
use std::io;
use std::sync::atomic::Ordering;

use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::csv::{self, CellSpan, CsvDialect};
use super::dialect::Grammar;
use super::export::{Cells, Export, Record, RecordAt};
use super::json;
use super::source::{read_exact_at, read_range};
use crate::model::form::{canonical, is_blank};
use crate::model::{Form, Table};

/// The hash of a record's key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum KeyPrint {
    /// Of a record that can be read.
    Sound(u64),
    /// Of one that cannot, but exists all the same; `None` where not even its key is legible.
    Faulty(Option<u64>),
}

impl KeyPrint {
    /// The hash, of a record that can be read.
    pub fn sound(self) -> Option<u64> {
        match self {
            KeyPrint::Sound(print) => Some(print),
            KeyPrint::Faulty(_) => None,
        }
    }

    /// The hash, also of a record that is left out.
    pub fn any(self) -> Option<u64> {
        match self {
            KeyPrint::Sound(print) => Some(print),
            KeyPrint::Faulty(print) => print,
        }
    }
}

impl Export {
    /// The hash of a record's key; records of several exports with the same key have the same one.
    pub fn key_print(&self, record: &Record) -> u64 {
        let keys: Vec<&str> = (0..self.table.key_columns())
            .map(|column| record.value(column).unwrap_or(""))
            .collect();
        key_print(&keys, self.seed())
    }

    /// The hash of the key of the record at a position, which may be left out and exist all the same.
    pub fn key_print_at(&self, at: usize) -> KeyPrint {
        let Some(place) = self.records.get(at) else {
            return KeyPrint::Faulty(None);
        };
        if let Some(bytes) = self.kept.get(at) {
            return self.key_of(bytes, &mut Vec::new());
        }
        match read_range(&*self.text, place.start..place.end()) {
            Ok(bytes) => self.key_of(&bytes, &mut Vec::new()),
            Err(_) => {
                self.lapsed.store(true, Ordering::Relaxed);
                KeyPrint::Faulty(None)
            }
        }
    }

    /// The hashes of all keys, in the order of the records. Only what is needed for them is looked at.
    ///
    /// # Errors
    ///
    /// Those of reading the file.
    pub fn key_prints(&self) -> io::Result<Vec<KeyPrint>> {
        let mut prints = Vec::with_capacity(self.records.len());
        let mut spans = Vec::new();
        self.each_record(|record| prints.push(self.key_of(record, &mut spans)))?;
        Ok(prints)
    }

    /// Hands over the bytes of all records, in their order.
    fn each_record(&self, mut then: impl FnMut(&[u8])) -> io::Result<()> {
        const BLOCK: u64 = 256 << 10;
        let mut bytes = Vec::new();
        let mut rest = self.records.as_slice();
        while let Some(first) = rest.first() {
            let limit = first.start + BLOCK;
            let fits = rest.iter().take_while(|record| record.end() <= limit);
            let (block, later) = rest.split_at(fits.count().max(1));
            let end = block.last().map_or(first.start, RecordAt::end);
            bytes.resize((end - first.start) as usize, 0);
            read_exact_at(&*self.text, &mut bytes, first.start)?;
            for record in block {
                let from = (record.start - first.start) as usize;
                then(&bytes[from..from + record.len as usize]);
            }
            rest = later;
        }
        Ok(())
    }

    /// The hashes of all keys, also of records that are left out, in the order of the records; 0 where one is illegible.
    ///
    /// # Errors
    ///
    /// Those of reading the file.
    pub fn keys(&self) -> io::Result<Vec<u64>> {
        let mut keys = Vec::with_capacity(self.records.len());
        let mut spans = Vec::new();
        self.each_record(|record| {
            let key = match &self.dialect.grammar {
                Grammar::Csv(dialect) => self.leading_key(dialect, record, &mut spans),
                Grammar::Json(_) => self.key_of(record, &mut spans).any(),
            };
            keys.push(key.unwrap_or(0));
        })?;
        Ok(keys)
    }

    /// The hash of a key, from no more cells than are needed for it; `None` where it is illegible.
    fn leading_key(
        &self,
        dialect: &CsvDialect,
        record: &[u8],
        spans: &mut Vec<CellSpan>,
    ) -> Option<u64> {
        let count = self.table.key_columns();
        let positions = (0..count).map(|column| self.columns.position(column));
        let last = positions.clone().flatten().max()?;
        csv::leading_cells(dialect, record, last + 1, spans).ok()?;
        let value = |position: Option<usize>| self.csv_value(dialect, record, spans, position?);
        if count == 1 {
            let key = value(self.columns.position(0))?;
            return self.is_named(&key).then(|| key_print(&[&key], self.seed()));
        }
        let values: Option<Vec<Cow<'_, str>>> = positions.map(value).collect();
        let values = values.filter(|values| self.is_named(&values[0]))?;
        let keys: Vec<&str> = values.iter().map(AsRef::as_ref).collect();
        Some(key_print(&keys, self.seed()))
    }

    fn key_of(&self, record: &[u8], spans: &mut Vec<CellSpan>) -> KeyPrint {
        let keys = 0..self.table.key_columns();
        match &self.dialect.grammar {
            Grammar::Csv(dialect) => {
                let positions = || keys.clone().map(|column| self.columns.position(column));
                let sound = match csv::count_unquoted(dialect, record) {
                    // Without quotes the key cells are found without the others.
                    Some(count) => {
                        let last = positions().flatten().max().unwrap_or(0);
                        spans.clear();
                        let mut start = 0;
                        for cell in record.split(|&b| b == dialect.delimiter).take(last + 1) {
                            spans.push(CellSpan {
                                span: start..start + cell.len(),
                                quoted: false,
                            });
                            start += cell.len() + 1;
                        }
                        count == dialect.columns
                    }
                    None => {
                        let most = dialect.columns + 1;
                        let split = csv::leading_cells(dialect, record, most, spans);
                        split.is_ok() && spans.len() == dialect.columns
                    }
                };
                let values: Option<Vec<Cow<'_, str>>> = positions()
                    .map(|position| self.csv_value(dialect, record, spans, position?))
                    .collect();
                self.judged(sound, values)
            }
            Grammar::Json(_) => match json::members(record).map(Cells::Json) {
                Ok(cells) => {
                    let values = keys
                        .map(|column| self.cell(record, &cells, column).ok().flatten())
                        .collect();
                    self.judged(true, values)
                }
                Err(_) => KeyPrint::Faulty(None),
            },
        }
    }

    fn judged(&self, sound: bool, values: Option<Vec<Cow<'_, str>>>) -> KeyPrint {
        let Some(values) = values.filter(|values| self.is_named(&values[0])) else {
            return KeyPrint::Faulty(None);
        };
        let keys: Vec<&str> = values.iter().map(AsRef::as_ref).collect();
        let print = key_print(&keys, self.seed());
        match sound {
            true => KeyPrint::Sound(print),
            false => KeyPrint::Faulty(Some(print)),
        }
    }

    /// Whether a record with this in its first key column is somebody's. Only a relation is a record without, and is carried.
    fn is_named(&self, first_key: &str) -> bool {
        self.table == Table::Relations || !is_blank(first_key)
    }
}

/// The hash of a key, which all exports compute alike.
pub fn key_print(keys: &[&str], seed: u64) -> u64 {
    if let [key] = keys {
        return xxh3_64_with_seed(canonical(Form::Code, key).as_bytes(), seed);
    }
    let mut whole = String::with_capacity(64);
    for (at, key) in keys.iter().enumerate() {
        if at > 0 {
            whole.push('\x1f');
        }
        whole.push_str(&canonical(Form::Code, key));
    }
    xxh3_64_with_seed(whole.as_bytes(), seed)
}
