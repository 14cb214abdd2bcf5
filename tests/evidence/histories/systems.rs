//! The systems of a history: each has the true records of one table, and exports and imports them as legacy systems do.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use super::steps::{Format, SystemSetup};

/// The shared fields of histories.
pub const FIELDS: [&str; 3] = ["City", "Phone No.", "Address"];

/// The last of them.
pub const LAST: usize = FIELDS.len() - 1;

/// How a system calls its last field that has a name of its own for it.
const FOREIGN: &str = "Location";

/// A letter that not every encoding has, and what is typed instead of it.
const LETTER: (char, char) = ('\u{142}', 'l');

/// What a record says of each field.
pub type Values = [String; FIELDS.len()];

/// Records by number.
pub type Records = BTreeMap<String, Values>;

/// A system with the records of one table.
pub struct System {
    /// What it is like.
    pub setup: SystemSetup,
    /// Its true records.
    pub records: Records,
    /// What its last export showed.
    pub exported: Records,
    /// What the last export showed that a pass has read.
    pub read: Records,
    /// Records that exports listed which no pass has read: a newer one lists them again.
    pub unread: BTreeSet<String>,
    /// Records that a user deleted, with what they said.
    pub deleted: Records,
    /// It leaves out the last field.
    pub hides: bool,
    /// Its last export left out the last field.
    pub hid: bool,
    /// How many exports it made.
    pub exports: u64,
    /// How many of them were news to a pass.
    pub exports_read: u64,
    /// The text of its last export.
    pub text: String,
    /// The text that a pass read last.
    pub text_read: String,
    /// Update files for it, in the order of passes.
    pub updates: Vec<Update>,
    /// Passes whose update it has imported whole.
    pub imported: BTreeSet<u64>,
    /// The configuration says how it calls its last field.
    pub is_mapped: bool,
    /// The configuration lacks its table.
    pub is_away: bool,
    /// The configuration of its table or columns has changed.
    pub is_met_anew: bool,
}

/// An update file that Couplet wrote.
#[derive(Clone, Debug)]
pub struct Update {
    /// Its pass.
    pub pass: u64,
    /// How many exports of its table had been read when it was written.
    pub exports_read: u64,
    /// Its rows: numbers, and what it says of each field.
    pub rows: Vec<UpdateRow>,
}

impl SystemSetup {
    /// A value as it stores it.
    pub fn stored(&self, value: &str) -> String {
        match self.pads && !value.ends_with(' ') {
            true => format!("{value}  "),
            false => value.to_owned(),
        }
    }
}

impl System {
    /// A system that has not exported yet.
    pub fn new(setup: &SystemSetup, records: Records) -> System {
        System {
            setup: setup.clone(),
            records,
            exported: Records::new(),
            read: Records::new(),
            unread: BTreeSet::new(),
            deleted: Records::new(),
            hides: false,
            hid: false,
            exports: 0,
            exports_read: 0,
            text: String::new(),
            text_read: String::new(),
            updates: Vec::new(),
            imported: BTreeSet::new(),
            is_mapped: true,
            is_away: false,
            is_met_anew: false,
        }
    }

    /// How its table stands in the configuration.
    pub fn configuration(&self) -> String {
        let SystemSetup {
            table,
            numbered,
            delta,
            in_place,
            whole_rows,
            no_change,
            length,
            cuts,
            ..
        } = &self.setup;
        if self.is_away {
            return String::new();
        }
        let ending = self.ending();
        let mut text = format!("[tables.{table}]\n");
        text.push_str(&match numbered {
            true => format!("export = \"{table}_*.{ending}\"\nsequence = '{table}_(\\d+)'\n"),
            false => format!("export = \"{table}.{ending}\"\n"),
        });
        let write_back = if *in_place { "in-place" } else { "updates" };
        text.push_str(&format!("write_back = \"{write_back}\"\n"));
        if *delta {
            text.push_str("contents = \"delta\"\n");
        }
        if *whole_rows && !in_place {
            text.push_str("update = \"records\"\n");
        }
        if *no_change {
            text.push_str("empty = \"no-change\"\n");
        }
        if self.is_narrow() {
            text.push_str("encoding = \"windows-1252\"\n");
        }
        text.push_str(&format!("[tables.{table}.columns]\n"));
        if *length > 0 {
            let (field, too_long) = (FIELDS[0], if *cuts { "cut" } else { "problem" });
            text.push_str(&format!(
                "{field:?} = {{ length = {length}, too_long = \"{too_long}\" }}\n"
            ));
        }
        if self.setup.foreign && self.is_mapped {
            text.push_str(&format!("{:?} = {FOREIGN:?}\n", FIELDS[LAST]));
        }
        text
    }

    /// Its files lack a letter; JSON has all of them.
    fn is_narrow(&self) -> bool {
        self.setup.narrow && self.setup.format != Format::Json
    }

    /// Whether it can hold less of a field than others.
    pub fn is_limited(&self, field: usize) -> bool {
        self.is_narrow() || (field == 0 && self.setup.length > 0)
    }

    /// Whether its exports say nothing of a field.
    pub fn is_hidden(&self, field: usize) -> bool {
        field == LAST && (self.hid || (self.setup.foreign && !self.is_mapped))
    }

    /// A value as it holds it; `None` where it cannot.
    pub fn held(&self, field: usize, value: &str) -> Option<String> {
        let SystemSetup { length, cuts, .. } = self.setup;
        let value = value.trim();
        let is_too_long = field == 0 && length > 0 && value.chars().count() > length;
        let held: String = match is_too_long {
            true if !cuts => return None,
            true => value.chars().take(length).collect(),
            false => value.to_owned(),
        };
        (!self.is_narrow() || !held.contains(LETTER.0)).then_some(held)
    }

    /// A value as its users can type it, and as it stores that.
    pub fn typed(&self, field: usize, value: &str) -> String {
        let mut typed = value.trim().to_owned();
        if self.is_narrow() {
            typed = typed.replace(LETTER.0, &LETTER.1.to_string());
        }
        if field == 0 && self.setup.length > 0 {
            typed = typed.chars().take(self.setup.length).collect();
        }
        self.setup.stored(&typed)
    }

    /// A text in its encoding.
    pub fn encoded(&self, text: &str) -> Vec<u8> {
        match self.is_narrow() {
            true => text.chars().map(|letter| letter as u8).collect(),
            false => text.as_bytes().to_vec(),
        }
    }

    /// The text of a file in its encoding.
    pub fn decoded(&self, bytes: &[u8]) -> String {
        match self.is_narrow() {
            true => bytes.iter().copied().map(char::from).collect(),
            false => String::from_utf8_lossy(bytes).into_owned(),
        }
    }

    /// How its files call its fields.
    fn headers(&self) -> Headers {
        let mut headers = FIELDS;
        if self.setup.foreign {
            headers[LAST] = FOREIGN;
        }
        headers
    }

    fn ending(&self) -> &'static str {
        match self.setup.format {
            Format::Json => "jsonl",
            Format::Plain | Format::Quoted => "csv",
        }
    }

    /// The file of its last export.
    pub fn file(&self) -> String {
        let (table, ending) = (&self.setup.table, self.ending());
        match self.setup.numbered {
            true => format!("{table}_{}.{ending}", self.exports),
            false => format!("{table}.{ending}"),
        }
    }

    /// Makes an export, and returns its file and text. A delta of nothing is not made.
    pub fn export(&mut self) -> Option<(String, String)> {
        let listed = self.records.keys().filter(|no| self.lists(no));
        self.unread = listed.cloned().collect();
        if self.unread.is_empty() {
            return None;
        }
        self.exports += 1;
        self.exported.clone_from(&self.records);
        self.hid = self.hides;
        self.text = self.rendered();
        Some((self.file(), self.text.clone()))
    }

    /// Whether an export lists a record.
    fn lists(&self, no: &str) -> bool {
        let is_new = || self.read.get(no) != self.records.get(no);
        !self.setup.delta || self.exports_read == 0 || self.unread.contains(no) || is_new()
    }

    /// A pass reads its last export.
    pub fn be_read(&mut self) {
        self.exports_read += 1;
        self.read.clone_from(&self.exported);
        self.unread.clear();
        self.text_read.clone_from(&self.text);
    }

    /// The text of an export of what it has.
    pub fn rendered(&self) -> String {
        let listed = self.records.iter().filter(|(no, _)| self.lists(no));
        let mut text = String::new();
        if self.setup.format != Format::Json {
            let mut header = vec!["No."];
            header.extend(&self.headers()[..self.shown()]);
            header.extend(["Note", "Export"]);
            self.line(&header, &mut text);
        }
        let count = if self.setup.counts { self.exports } else { 0 };
        for (no, values) in listed {
            let note = format!("ours, \u{e4} {no}");
            let export = count.to_string();
            let mut cells = vec![no.as_str()];
            cells.extend(values[..self.shown()].iter().map(String::as_str));
            cells.extend([note.as_str(), &export]);
            self.line(&cells, &mut text);
        }
        text
    }

    /// How many fields it shows.
    fn shown(&self) -> usize {
        FIELDS.len() - usize::from(self.hides)
    }

    /// Its last export as a program leaves it that broke off, or wrote something else.
    pub fn damaged(&self, how: usize) -> Vec<u8> {
        let text = &self.encoded(&self.text)[..];
        let ends = text.trim_ascii_end();
        let last = ends
            .iter()
            .rposition(|byte| *byte == b'\n')
            .map_or(0, |at| at + 1);
        match how % 3 {
            0 => Vec::new(),
            // In the middle of its last record.
            1 => text[..last + (ends.len() - last).div_ceil(2)].to_vec(),
            _ => [&text[..last], b"\"\xff\xfe,\"\"x"].concat(),
        }
    }

    fn line(&self, cells: &[&str], text: &mut String) {
        match self.setup.format {
            Format::Json => {
                let headers = self.headers();
                let names = ["No."]
                    .into_iter()
                    .chain(headers[..self.shown()].iter().copied())
                    .chain(["Note", "Export"]);
                let cells = cells.iter().map(|cell| Value::from(*cell));
                let members: Map<String, Value> = names.map(str::to_owned).zip(cells).collect();
                text.push_str(&Value::Object(members).to_string());
                text.push('\n');
            }
            Format::Quoted => {
                let cells: Vec<String> = cells.iter().map(|cell| format!("\"{cell}\"")).collect();
                text.push_str(&cells.join(";"));
                text.push_str("\r\n");
            }
            Format::Plain => {
                let quoted = |cell: &&str| match cell.contains(',') {
                    true => format!("\"{cell}\""),
                    false => (*cell).to_owned(),
                };
                let cells: Vec<String> = cells.iter().map(quoted).collect();
                text.push_str(&cells.join(","));
                text.push('\n');
            }
        }
    }

    /// Takes in an update file that was written for it.
    pub fn receive(&mut self, pass: u64, text: &str) -> Result<(), String> {
        if !self.setup.whole_rows && text.contains("Note") {
            return Err(format!(
                "an update carries a column that is not shared: {text}"
            ));
        }
        let (pass, exports_read) = (pass, self.exports_read);
        let rows = match self.setup.format {
            Format::Json => json_rows(text, self.headers())?,
            Format::Plain => csv_rows(text, b',', self.headers())?,
            Format::Quoted => csv_rows(text, b';', self.headers())?,
        };
        self.updates.push(Update {
            pass,
            exports_read,
            rows,
        });
        Ok(())
    }

    /// The oldest update that it has not imported.
    pub fn oldest_left(&self) -> Option<usize> {
        let is_left = |update: &Update| !self.imported.contains(&update.pass);
        self.updates.iter().position(is_left)
    }
}

/// The cell of a row under a header, or a member of an object.
type Cell<'c> = &'c dyn Fn(&str) -> Option<String>;

/// Number and fields of a row of an update file; a field that it lacks is `None`.
type UpdateRow = (String, [Option<String>; FIELDS.len()]);

/// How a file calls the fields.
type Headers = [&'static str; FIELDS.len()];

fn row(headers: Headers, cell: Cell<'_>) -> Result<UpdateRow, String> {
    let no = cell("No.").ok_or("an update without numbers")?;
    Ok((no, headers.map(cell)))
}

fn csv_rows(text: &str, delimiter: u8, names: Headers) -> Result<Vec<UpdateRow>, String> {
    let mut reader = csv::ReaderBuilder::new()
        .delimiter(delimiter)
        .from_reader(text.as_bytes());
    let headers = reader.headers().map_err(|error| error.to_string())?.clone();
    let rows = reader.records().map(|record| {
        let record = record.map_err(|error| error.to_string())?;
        row(names, &|name| {
            let at = headers.iter().position(|header| header == name)?;
            record.get(at).map(str::to_owned)
        })
    });
    rows.collect()
}

fn json_rows(text: &str, names: Headers) -> Result<Vec<UpdateRow>, String> {
    let rows = text.lines().filter(|line| !line.is_empty()).map(|line| {
        let object: Map<String, Value> =
            serde_json::from_str(line).map_err(|error| error.to_string())?;
        row(names, &|name| Some(object.get(name)?.as_str()?.to_owned()))
    });
    rows.collect()
}
