//! The systems of a history: each has the true records of one table, and exports and imports them as legacy systems do.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use super::steps::{Format, SystemSetup};

/// The shared fields of histories.
pub const FIELDS: [&str; 3] = ["City", "Phone No.", "Address"];

/// The last of them.
pub const LAST: usize = FIELDS.len() - 1;

/// How many cells of a record no other system shares.
const OWN: usize = 3;

/// How a system calls its last field that has a name of its own for it.
const FOREIGN: &str = "Location";

/// A letter that not every encoding has, and what is typed instead of it.
const LETTER: (char, char) = ('\u{142}', 'l');

/// What a record says of each field, and then in its own cells.
pub type Values = [String; FIELDS.len() + OWN];

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
    /// The row that its exports spoil.
    pub spoilt: Option<Spoilt>,
    /// The row that its last export spoilt.
    pub spoilt_in_export: Option<Spoilt>,
    /// The row that was spoilt in the last export that a pass has read.
    pub spoilt_as_read: Option<Spoilt>,
    /// After how many exports a user edited it last.
    pub edited_after: Option<u64>,
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
    /// How many exports its system had made then.
    pub exports: u64,
    /// Its rows: numbers, and what it says of each field.
    pub rows: Vec<UpdateRow>,
}

impl SystemSetup {
    /// A number as it spells it.
    fn spelt(&self, no: &str) -> String {
        match self.lower {
            true => no.to_lowercase(),
            false => no.to_owned(),
        }
    }

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
            spoilt: None,
            spoilt_in_export: None,
            spoilt_as_read: None,
            edited_after: None,
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
            whole_table,
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
        if *whole_table {
            text.push_str("update = \"full\"\n");
        } else if *whole_rows && !in_place {
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

    /// What its files call the cells of its records that no other system shares.
    pub fn own(&self) -> &'static [&'static str] {
        match self.setup.table.as_str() {
            _ if !self.setup.persons => &[],
            "contacts" => &["Name", "Company No.", "Type"],
            "bank_accounts" => &[],
            _ => &["Primary Contact No.", "Contact"],
        }
    }

    /// Whether its records have primary contacts.
    pub fn has_primaries(&self) -> bool {
        self.own().len() == 2
    }

    /// How its files call the cells of its records; none is called nothing.
    fn headers(&self) -> Headers {
        let own = self.own().iter();
        let mut headers = Headers::default();
        for (header, name) in headers.iter_mut().zip(FIELDS.iter().chain(own)) {
            *header = name;
        }
        if self.setup.foreign {
            headers[LAST] = FOREIGN;
        }
        headers
    }

    /// Of the cells of a record, those that it shows.
    fn shown_of<'v>(&self, cells: [&'v str; FIELDS.len() + OWN]) -> Vec<&'v str> {
        let (fields, own) = cells.split_at(FIELDS.len());
        let fields = &fields[..self.shown()];
        fields
            .iter()
            .chain(&own[..self.own().len()])
            .copied()
            .collect()
    }

    /// The cell of a record that a column of its table is.
    pub fn column(&self, name: &str) -> Option<usize> {
        let known = FIELDS.iter().chain(self.own());
        let at = known.into_iter().position(|known| *known == name)?;
        (!self.is_hidden(at)).then_some(at)
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
        self.show();
        self.hid = self.hides;
        self.text = self.rendered();
        Some((self.file(), self.text.clone()))
    }

    /// The row that its exports spoil is mended, and listed by the next one.
    pub fn mend(&mut self) {
        self.unread
            .extend(self.spoilt.take().map(|spoilt| spoilt.no));
    }

    /// Whether an export lists a record.
    fn lists(&self, no: &str) -> bool {
        let is_new = || self.read.get(no) != self.records.get(no);
        !self.setup.delta || self.exports_read == 0 || self.unread.contains(no) || is_new()
    }

    /// Its last export shows its records, but for a row that it spoils.
    pub fn show(&mut self) {
        self.exported.clone_from(&self.records);
        let is_there =
            |spoilt: &Spoilt| self.records.contains_key(&spoilt.no) && self.lists(&spoilt.no);
        self.spoilt_in_export = self.spoilt.clone().filter(is_there);
        if let Some(no) = self.spoilt_in_export.as_ref().and_then(Spoilt::illegible) {
            self.exported.remove(no);
        }
    }

    /// A pass reads its last export.
    pub fn be_read(&mut self) {
        self.exports_read += 1;
        self.be_known();
        self.unread.clear();
        self.text_read.clone_from(&self.text);
    }

    /// What its last export shows is known to a pass; of a row that is illegible nothing new is, and while one does not say whose
    /// it is, nobody is gone.
    pub fn be_known(&mut self) {
        let before = std::mem::replace(&mut self.read, self.exported.clone());
        self.spoilt_as_read.clone_from(&self.spoilt_in_export);
        let Some(spoilt) = &self.spoilt_as_read else {
            return;
        };
        for (no, values) in before {
            let is_kept = spoilt.illegible() == Some(&no) || spoilt.keeps_all(self.setup.format);
            if is_kept {
                self.read.entry(no).or_insert(values);
            }
        }
    }

    /// The record that a pass knows nothing new of, since its row is illegible; a delta need not list it.
    pub fn illegible(&self) -> Option<&String> {
        let spoilt = self.spoilt_as_read.as_ref()?;
        let is_known = !self.setup.delta || spoilt.says_whose(self.setup.format);
        spoilt.illegible().filter(|_| is_known)
    }

    /// Whether a pass may take a record for gone.
    pub fn is_gone(&self, no: &str) -> bool {
        !self.read.contains_key(no)
    }

    /// Whether a user may edit it: not while what answers its last export is on its way, where that is the whole table.
    pub fn may_be_edited(&self) -> bool {
        !self.setup.whole_table || self.oldest_left().is_none()
    }

    /// A user has edited it.
    pub fn be_edited(&mut self) {
        self.edited_after = Some(self.exports);
    }

    /// Whether it may import an update: one that is the whole table only while nobody has edited it since its export.
    pub fn may_import(&self, update: &Update) -> bool {
        let is_untouched = self.edited_after.is_none_or(|after| after < update.exports);
        !self.setup.whole_table || is_untouched
    }

    /// The text of an export of what it has.
    pub fn rendered(&self) -> String {
        let listed = self.records.iter().filter(|(no, _)| self.lists(no));
        let mut text = String::new();
        if self.setup.format != Format::Json {
            let mut header = vec!["No."];
            header.extend(self.shown_of(self.headers()));
            header.extend(["Note", "Export"]);
            self.line(&header, &mut text);
        }
        let count = if self.setup.counts { self.exports } else { 0 };
        for (no, values) in listed {
            let note = format!("ours, \u{e4} {no}");
            let export = count.to_string();
            let spelt = self.setup.spelt(no);
            let mut cells = vec![spelt.as_str()];
            cells.extend(self.shown_of(values.each_ref().map(String::as_str)));
            cells.extend([note.as_str(), &export]);
            match &self.spoilt {
                Some(spoilt) if spoilt.no == *no => self.spoilt_line(spoilt.how, &cells, &mut text),
                _ => self.line(&cells, &mut text),
            }
        }
        text
    }

    /// A row as a program writes it that has a fault.
    fn spoilt_line(&self, how: usize, cells: &[&str], text: &mut String) {
        let mut other = cells.to_vec();
        match (how % Spoilt::WAYS, self.setup.format) {
            (4, _) => {
                self.line(cells, text);
                self.line(cells, text);
            }
            (5, _) => {
                self.line(cells, text);
                other[1..cells.len() - 2].fill("of another row");
                self.line(&other, text);
            }
            (7, _) => {
                self.line(cells, text);
                other[0] = "";
                other[1..cells.len() - 2].fill("of nobody");
                self.line(&other, text);
            }
            (3, _) => {
                other[0] = "";
                self.line(&other, text);
            }
            (how, Format::Json) => {
                let mut row = String::new();
                self.line(cells, &mut row);
                let no = format!("\"No.\":\"{}\"", cells[0]);
                let bad = match how {
                    0 => format!("{no},\"Bad\":01"),
                    1 => format!("{no},\"City\":\"of nobody\""),
                    2 => "\"No.\":\" \"".to_owned(),
                    _ => "\"No.\":null".to_owned(),
                };
                text.push_str(&row.replace(&no, &bad));
            }
            (0, _) => {
                text.push_str(&cells.join("|"));
                text.push('\n');
            }
            (1, _) => self.line(&cells[..2], text),
            (2, _) => {
                other.extend(["more", "cells"]);
                self.line(&other, text);
            }
            _ => self.line(
                &cells[..1].iter().map(|no| &no[..1]).collect::<Vec<_>>(),
                text,
            ),
        }
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

    /// Its last export with a quote in its first record that nobody closes.
    pub fn with_bad_quote(&self) -> Vec<u8> {
        let header = usize::from(self.setup.format != Format::Json);
        let mut lines: Vec<&str> = self.text.split_inclusive('\n').collect();
        lines.insert(header.min(lines.len()), "\"of nobody\n");
        self.encoded(&lines.concat())
    }

    fn line(&self, cells: &[&str], text: &mut String) {
        match self.setup.format {
            Format::Json => {
                let names = ["No."]
                    .into_iter()
                    .chain(self.shown_of(self.headers()))
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
        if !self.setup.whole_rows && !self.setup.whole_table && text.contains("Note") {
            return Err(format!(
                "an update carries a column that is not shared: {text}"
            ));
        }
        let (pass, exports_read) = (pass, self.exports_read);
        let (headers, is_whole) = (self.headers(), self.setup.whole_table);
        let mut rows = match self.setup.format {
            Format::Json => json_rows(text, headers, is_whole)?,
            Format::Plain => csv_rows(text, b',', headers, is_whole)?,
            Format::Quoted => csv_rows(text, b';', headers, is_whole)?,
        };
        if is_whole {
            // Of a number that stands twice it takes neither.
            let mut count: BTreeMap<String, usize> = BTreeMap::new();
            for (no, _) in &rows {
                *count.entry(no.clone()).or_default() += 1;
            }
            rows.retain(|(no, _)| count[no] == 1);
        }
        self.updates.push(Update {
            pass,
            exports_read,
            exports: self.exports,
            rows,
        });
        Ok(())
    }

    /// The oldest update that it has not imported, and may.
    pub fn oldest_left(&self) -> Option<usize> {
        let is_left =
            |update: &Update| !self.imported.contains(&update.pass) && self.may_import(update);
        self.updates.iter().position(is_left)
    }
}

/// A row that has a fault.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spoilt {
    /// Whose row it is.
    pub no: String,
    /// Which fault.
    pub how: usize,
}

impl Spoilt {
    /// How many faults there are.
    const WAYS: usize = 8;

    /// What a tally calls it.
    pub fn class(&self) -> &'static str {
        match self.how % Self::WAYS {
            3 | 7 => "a row without a number",
            4 | 5 => "a row that stands twice",
            _ => "an illegible row",
        }
    }

    /// The number of the record that cannot be read; beside another row it can.
    pub fn illegible(&self) -> Option<&String> {
        (self.how % Self::WAYS != 7).then_some(&self.no)
    }

    /// Whether it says whose it is.
    fn says_whose(&self, format: Format) -> bool {
        match self.how % Self::WAYS {
            1 | 2 => format != Format::Json,
            4 | 5 => true,
            _ => false,
        }
    }

    /// Whether it says that it is somebody else's.
    pub fn is_strange(&self, format: Format) -> bool {
        matches!(self.how % Self::WAYS, 0 | 6) && format != Format::Json
    }

    /// Whether it does not say whose it is, so that nobody of its table counts as gone.
    pub fn keeps_all(&self, format: Format) -> bool {
        match self.how % Self::WAYS {
            0 => format != Format::Json,
            2 => format == Format::Json,
            3 | 6 | 7 => true,
            _ => false,
        }
    }
}

/// The cell of a row under a header, or a member of an object.
type Cell<'c> = &'c dyn Fn(&str) -> Option<String>;

/// Number and cells of a row of an update file; a cell that it lacks is `None`.
type UpdateRow = (String, [Option<String>; FIELDS.len() + OWN]);

/// How a file calls the cells of a record.
type Headers = [&'static str; FIELDS.len() + OWN];

fn row(headers: Headers, cell: Cell<'_>) -> Result<UpdateRow, String> {
    let no = cell("No.").ok_or("an update without numbers")?;
    Ok((no.to_uppercase(), headers.map(cell)))
}

/// The rows of an update; of a whole table, those that a system can read.
fn csv_rows(
    text: &str,
    delimiter: u8,
    names: Headers,
    is_whole: bool,
) -> Result<Vec<UpdateRow>, String> {
    let mut reader = csv::ReaderBuilder::new()
        .delimiter(delimiter)
        .flexible(is_whole)
        .from_reader(text.as_bytes());
    let headers = reader.headers().map_err(|error| error.to_string())?.clone();
    let mut rows = Vec::new();
    for record in reader.records() {
        let record = record.map_err(|error| error.to_string())?;
        if record.len() == headers.len() {
            rows.push(row(names, &|name| {
                let at = headers.iter().position(|header| header == name)?;
                record.get(at).map(str::to_owned)
            })?);
        }
    }
    Ok(rows)
}

fn json_rows(text: &str, names: Headers, is_whole: bool) -> Result<Vec<UpdateRow>, String> {
    let mut rows = Vec::new();
    for line in text.lines().filter(|line| !line.is_empty()) {
        let read = serde_json::from_str(line).map_err(|error| error.to_string());
        let read = read.and_then(|object: Map<String, Value>| {
            row(names, &|name| Some(object.get(name)?.as_str()?.to_owned()))
        });
        match read {
            Err(_) if is_whole => {}
            read => rows.push(read?),
        }
    }
    Ok(rows)
}
