//! A legacy system: its records, what its users type, how it exports, and what it imports.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::PathBuf;

use crate::dice::Dice;
use crate::exchange::{ROOT, path};

use super::time::{MILLI, MINUTE, Nanos, SECOND};
use super::tokens::{Edits, Token, Tokens, text, token};

/// The columns that users type into.
pub const FIELDS: [&str; 2] = ["City", "Phone No."];

/// Records by number.
pub type Rows = BTreeMap<String, [Token; 2]>;

/// How a system exports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// The file is its data.
    InPlace,
    /// Always over the same file.
    Fixed,
    /// Everything, into a drop folder.
    Full,
    /// What changed, into a drop folder.
    Delta,
}

/// What says that an export is complete.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ready {
    Settled,
    Closed,
    Marker,
    Manifest,
}

/// Something that a program does to the disk.
#[derive(Clone, Debug)]
pub enum Step {
    /// It writes these bytes into a file, in place.
    Write {
        path: PathBuf,
        bytes: Vec<u8>,
        /// The modification time that it leaves, as a copy does.
        modified: Option<i128>,
    },
    /// It closes a file.
    Close(PathBuf),
    /// It renames a file.
    Rename { from: PathBuf, to: PathBuf },
    /// It is done: an export of a system is complete.
    Complete { system: usize, export: Export },
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = |path: &PathBuf| {
            path.strip_prefix(ROOT)
                .unwrap_or(path)
                .display()
                .to_string()
        };
        match self {
            Step::Write { path, bytes, .. } => {
                let text = String::from_utf8_lossy(bytes);
                write!(f, "write {} {:?}", name(path), text)
            }
            Step::Close(path) => write!(f, "close {}", name(path)),
            Step::Rename { from, to } => write!(f, "rename {} {}", name(from), name(to)),
            Step::Complete { system, export } => {
                write!(f, "complete {system} {}", name(&export.path))
            }
        }
    }
}

/// An export.
#[derive(Clone, Debug)]
pub struct Export {
    pub path: PathBuf,
    pub sequence: u64,
    pub bytes: Vec<u8>,
    pub records: usize,
    /// What it shows.
    pub shows: Vec<Token>,
}

/// An update file that a system has fetched.
pub struct Update {
    rows: Rows,
    pub is_imported: bool,
}

/// The system.
pub struct System {
    pub table: &'static str,
    pub style: Style,
    pub ready: Ready,
    pub holds_gaps: bool,
    pub rows: Rows,
    /// Records of which the next delta tells.
    dirty: BTreeSet<String>,
    sequence: u64,
    /// Its last exports, oldest first.
    pub last: Vec<Export>,
    /// Exports that it did not send yet.
    pub unsent: Vec<Export>,
    /// Update files that it fetched, by name.
    pub updates: BTreeMap<String, Update>,
    /// By record: the updates that it imported, each with the number of its own exports by then.
    imports: BTreeMap<String, Vec<(String, u64)>>,
    /// Somebody is writing its file.
    pub is_writing: bool,
    /// All that each cell has ever held.
    held: BTreeMap<(String, usize), Tokens>,
}

/// A system keeps so many of its exports and updates.
const KEPT: usize = 6;

/// For how many exports after a row was imported, or a newer one of the same record, it may still come (`product.md` §5).
const LATEST_IMPORT: u64 = 3;

impl System {
    pub fn new(table: &'static str, numbers: &[&str], dice: &mut Dice) -> System {
        let style = match dice.below(8) {
            0 | 1 => Style::InPlace,
            2 | 3 => Style::Fixed,
            4 | 5 => Style::Full,
            _ => Style::Delta,
        };
        let ready = match (style, dice.below(6)) {
            (_, 0 | 1) => Ready::Settled,
            (_, 2) | (Style::InPlace | Style::Fixed, _) => Ready::Closed,
            (_, 3) => Ready::Marker,
            _ => Ready::Manifest,
        };
        let rows: Rows = numbers
            .iter()
            .map(|no| ((*no).to_owned(), [0, 0]))
            .collect();
        let mut first = Tokens::default();
        first.insert(0);
        let cells = rows
            .keys()
            .flat_map(|no| [(no.clone(), 0), (no.clone(), 1)]);
        System {
            table,
            style,
            ready,
            holds_gaps: dice.chance(50),
            held: cells.map(|cell| (cell, first.clone())).collect(),
            dirty: rows.keys().cloned().collect(),
            rows,
            sequence: 0,
            last: Vec::new(),
            unsent: Vec::new(),
            updates: BTreeMap::new(),
            imports: BTreeMap::new(),
            is_writing: false,
        }
    }

    /// The configuration of its table.
    pub fn config(&self) -> String {
        let table = self.table;
        let mut config = format!("[tables.{table}]\n");
        let ready = match self.ready {
            Ready::Settled => "settled",
            Ready::Closed => "closed",
            Ready::Marker => "marker",
            Ready::Manifest => "manifest",
        };
        config.push_str(&format!("ready = \"{ready}\"\n"));
        match self.style {
            Style::InPlace | Style::Fixed => {
                config.push_str(&format!("export = \"{table}/{table}.csv\"\n"))
            }
            Style::Full | Style::Delta => config.push_str(&format!(
                "export = \"{table}/{table}_*.csv\"\ndrop = true\nsequence = '{table}_(\\d+)'\n"
            )),
        }
        if self.style == Style::Delta {
            let on_gap = if self.holds_gaps { "hold" } else { "warn" };
            config.push_str(&format!("contents = \"delta\"\non_gap = \"{on_gap}\"\n"));
        }
        match self.style {
            Style::InPlace => config.push_str("write_back = \"in-place\"\n"),
            _ => config.push_str(&format!("write_back = \"updates/{table}\"\n")),
        }
        config
    }

    /// The folder into which it exports.
    pub fn folder(&self) -> PathBuf {
        path(self.table)
    }

    /// Where its updates come.
    pub fn updates_folder(&self) -> PathBuf {
        path("updates").join(self.table)
    }

    /// The file of a system that always writes the same.
    pub fn file(&self) -> PathBuf {
        self.folder().join(format!("{}.csv", self.table))
    }

    fn set(&mut self, no: &str, field: usize, value: Token) {
        if let Some(row) = self.rows.get_mut(no) {
            row[field] = value;
            self.held
                .entry((no.to_owned(), field))
                .or_default()
                .insert(value);
        }
    }

    /// A file in place is the system's data: what a pass wrote there is what it holds.
    pub fn reload(&mut self, bytes: &[u8]) -> Result<(), String> {
        for (no, row) in parse(bytes)? {
            for (field, value) in row.into_iter().enumerate() {
                self.set(&no, field, value);
            }
        }
        Ok(())
    }

    /// A user types something new into a cell.
    pub fn edit(&mut self, edits: &mut Edits, dice: &mut Dice) {
        let at = dice.below(self.rows.len());
        let no = self.rows.keys().nth(at).expect("a record").clone();
        let field = dice.below(FIELDS.len());
        let held = &self.held[&(no.clone(), field)];
        let token = edits.typed(self.rows[&no][field], held);
        self.set(&no, field, token);
        self.dirty.insert(no);
    }

    /// Lists every record in the next delta.
    pub fn list_all(&mut self) {
        self.dirty.extend(self.rows.keys().cloned());
    }

    /// Makes the next export; `None` where a delta would list nothing.
    pub fn export(&mut self) -> Option<Export> {
        let is_delta = self.style == Style::Delta;
        if is_delta && self.dirty.is_empty() {
            return None;
        }
        let listed: Vec<(&String, &[Token; 2])> = self
            .rows
            .iter()
            .filter(|(no, _)| !is_delta || self.dirty.contains(*no))
            .collect();
        self.sequence += 1;
        let (end, number) = match self.style {
            // A file in place has nothing but data.
            Style::InPlace => ("", String::new()),
            _ => (",Export", format!(",{}", self.sequence)),
        };
        let mut csv = format!("No.,City,Phone No.{end}\n");
        for (no, row) in &listed {
            csv.push_str(&format!("{no},{},{}{number}\n", text(row[0]), text(row[1])));
        }
        let path = match self.style {
            Style::InPlace | Style::Fixed => self.file(),
            _ => self
                .folder()
                .join(format!("{}_{:06}.csv", self.table, self.sequence)),
        };
        let export = Export {
            path,
            sequence: self.sequence,
            bytes: csv.into_bytes(),
            records: listed.len(),
            shows: listed
                .iter()
                .flat_map(|(_, row)| row.iter().copied())
                .collect(),
        };
        self.dirty.clear();
        Some(export)
    }

    /// Keeps an export that was sent, to send it again some day.
    pub fn keep(&mut self, export: Export) {
        if self
            .last
            .last()
            .is_none_or(|last| last.sequence < export.sequence)
        {
            self.last.push(export);
            if self.last.len() > KEPT {
                self.last.remove(0);
            }
        }
    }

    /// Fetches an update file.
    pub fn fetch(&mut self, name: &str, bytes: &[u8]) -> Result<(), String> {
        let rows = parse(bytes)?;
        self.updates.insert(
            name.to_owned(),
            Update {
                rows,
                is_imported: false,
            },
        );
        let old: Vec<String> = self.imported().cloned().collect();
        for name in old.iter().take(old.len().saturating_sub(KEPT)) {
            self.updates.remove(name);
        }
        Ok(())
    }

    fn imported(&self) -> impl Iterator<Item = &String> {
        self.updates
            .iter()
            .filter(|(_, update)| update.is_imported)
            .map(|(name, _)| name)
    }

    /// Update files that it has not imported, in order.
    pub fn waiting(&self) -> Vec<String> {
        let waiting = self
            .updates
            .iter()
            .filter(|(_, update)| !update.is_imported);
        waiting.map(|(name, _)| name.clone()).collect()
    }

    /// Imports an update; of some rows perhaps nothing, and nothing of those that are long past.
    pub fn import(&mut self, name: &str, edits: &mut Edits, skips: &mut dyn FnMut() -> bool) {
        let Some(update) = self.updates.get_mut(name) else {
            return;
        };
        let rows = update.rows.clone();
        let mut is_whole = true;
        for (no, row) in rows {
            let imports = self.imports.entry(no.clone()).or_default();
            let is_past = |import: &(String, u64)| {
                import.0.as_str() >= name && self.sequence > import.1 + LATEST_IMPORT
            };
            if imports.iter().any(is_past) {
                continue;
            }
            if skips() {
                is_whole = false;
                continue;
            }
            imports.push((name.to_owned(), self.sequence));
            for (field, value) in row.into_iter().enumerate() {
                let lost = self.rows[&no][field];
                if lost != value {
                    // What its users typed since goes with its own import; no exchange of files can help that.
                    edits.excuse(lost);
                }
                self.set(&no, field, value);
            }
            self.dirty.insert(no);
        }
        if is_whole && let Some(update) = self.updates.get_mut(name) {
            update.is_imported = true;
        }
    }

    /// What its program does to write an export, and when; the last step tells that it is complete.
    pub fn write(
        &self,
        export: &Export,
        slowly: bool,
        now: Nanos,
        dice: &mut Dice,
    ) -> Vec<(Nanos, Step)> {
        let path = &export.path;
        let name = path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        let mut steps = Vec::new();
        let mut at = now;
        let manifest = (self.ready == Ready::Manifest).then(|| {
            let json = format!(
                "{{\"files\":[{{\"name\":\"{name}\",\"size\":{},\"records\":{},\"sequence\":{}}}]}}\n",
                export.bytes.len(),
                export.records,
                export.sequence
            );
            let path = self.folder().join(format!("{name}.manifest.json"));
            Step::Write {
                path,
                bytes: json.into_bytes(),
                modified: None,
            }
        });
        let is_first = dice.chance(50);
        if let Some(manifest) = manifest.clone().filter(|_| is_first) {
            steps.push((at, manifest));
            at += SECOND;
        }
        let whole = |modified| Step::Write {
            path: path.clone(),
            bytes: export.bytes.clone(),
            modified,
        };
        match dice.below(4) {
            _ if slowly => {
                // What only settles must not rest for long; what is announced may.
                let longest = match self.ready {
                    Ready::Settled | Ready::Closed => 1_500 * MILLI,
                    Ready::Marker | Ready::Manifest => 3 * MINUTE,
                };
                let chunks = 2 + dice.below(5);
                // Some programs write line by line: what stands there looks whole at any moment.
                let by_line = dice.chance(50);
                // Some keep the time of what they copy from the first byte on.
                let modified = dice.chance(25).then_some(7);
                for chunk in 1..chunks {
                    let end = export.bytes.len() * chunk / chunks;
                    let lines = export.bytes[..end].iter().rposition(|byte| *byte == b'\n');
                    let end = lines.filter(|_| by_line).map_or(end, |last| last + 1);
                    steps.push((
                        at,
                        Step::Write {
                            path: path.clone(),
                            bytes: export.bytes[..end].to_vec(),
                            modified,
                        },
                    ));
                    at += 1 + dice.next() % longest;
                }
                steps.push((at, whole(modified)));
                steps.push((at + MILLI, Step::Close(path.clone())));
            }
            0 => {
                let from = path.with_file_name(format!("{name}.tmp"));
                steps.push((
                    at,
                    Step::Write {
                        path: from.clone(),
                        bytes: export.bytes.clone(),
                        modified: None,
                    },
                ));
                // A program that keeps its data in the file reads it right before it replaces it: what it has overwritten
                // unread, nobody else can know.
                if self.style != Style::InPlace {
                    at += dice.next() % (10 * SECOND);
                }
                steps.push((
                    at,
                    Step::Rename {
                        from,
                        to: path.clone(),
                    },
                ));
            }
            1 => {
                // A copy that keeps the time of what was copied.
                steps.push((at, whole(Some(7))));
                steps.push((at, Step::Close(path.clone())));
            }
            _ => {
                steps.push((at, whole(None)));
                steps.push((at, Step::Close(path.clone())));
            }
        }
        at += 2 * MILLI;
        if let Some(manifest) = manifest.filter(|_| !is_first) {
            steps.push((at, manifest));
        }
        if self.ready == Ready::Marker {
            at += dice.next() % MINUTE;
            steps.push((
                at,
                Step::Write {
                    path: path.with_file_name(format!("{name}.done")),
                    bytes: b"done\n".to_vec(),
                    modified: None,
                },
            ));
        }
        steps
    }
}

/// The records of a file of ours or theirs. A cell that is no whole edit is one that was cut.
pub fn parse(bytes: &[u8]) -> Result<Rows, String> {
    let mut reader = csv::Reader::from_reader(bytes);
    let headers = reader.headers().map_err(|error| error.to_string())?.clone();
    let column = |name: &str| headers.iter().position(|header| header == name);
    let columns = FIELDS.map(column);
    let mut rows = Rows::new();
    for record in reader.records() {
        let record = record.map_err(|error| error.to_string())?;
        let mut row = [0; 2];
        for (value, column) in row.iter_mut().zip(columns) {
            let cell = column
                .and_then(|at| record.get(at))
                .ok_or("a column is missing")?;
            *value =
                token(cell).ok_or_else(|| format!("{cell:?} was written, which nobody typed"))?;
        }
        rows.insert(record[0].to_owned(), row);
    }
    Ok(rows)
}
