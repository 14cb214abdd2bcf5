//! A legacy system: it has its own records, and can do nothing but export and import files.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use crate::dice::Dice;

/// How many records each system has.
pub const RECORDS: usize = 40;

/// Which fields people edit.
pub const FIELDS: [&str; 3] = ["Address", "City", "Phone No."];

/// A system.
pub struct System {
    name: &'static str,
    /// Where it drops its exports.
    pub folder: PathBuf,
    is_delta: bool,
    /// The edited fields of each record.
    pub records: BTreeMap<String, [String; 3]>,
    /// Records with something that was not exported yet, and whether a person typed it.
    fresh: BTreeMap<String, bool>,
    sequence: usize,
    /// In which record each value was typed.
    pub token_of: BTreeMap<String, String>,
    /// What a person saw and replaced.
    pub typed_over: BTreeSet<String>,
    /// Every file that was ever dropped.
    pub dropped: BTreeSet<String>,
}

/// Waits for up to so many milliseconds.
pub fn pause(dice: &mut Dice, most: u64) {
    std::thread::sleep(Duration::from_micros(dice.next() % (most * 1000)));
}

/// Writes a file elsewhere and renames it to where it is looked for.
pub fn rename_in(folder: &Path, name: &str, text: &str) {
    let elsewhere = folder.join(format!(".{name}.tmp"));
    fs::write(&elsewhere, text).expect("written");
    fs::rename(elsewhere, folder.join(name)).expect("renamed in");
}

impl System {
    /// A system with all its records, before anybody edits them, and its first export.
    pub fn new(name: &'static str, folder: PathBuf, prefix: &str, is_delta: bool) -> System {
        fs::create_dir_all(&folder).expect("a folder");
        let records = (0..RECORDS).map(|index| (format!("{prefix}{index:03}"), Default::default()));
        let mut system = System {
            name,
            folder,
            is_delta,
            records: records.collect(),
            fresh: BTreeMap::new(),
            sequence: 0,
            token_of: BTreeMap::new(),
            typed_over: BTreeSet::new(),
            dropped: BTreeSet::new(),
        };
        let text = system.text();
        let name = system.name_of_next();
        fs::write(system.folder.join(name), text).expect("written");
        system
    }

    /// A person types a value into some field of some record.
    pub fn edit(&mut self, dice: &mut Dice, token: &str) {
        let index = dice.below(RECORDS);
        let (no, fields) = self.records.iter_mut().nth(index).expect("a record");
        let before = std::mem::replace(&mut fields[dice.below(FIELDS.len())], token.to_owned());
        self.fresh.insert(no.clone(), true);
        self.typed_over.insert(before);
        self.token_of.insert(token.to_owned(), no.clone());
    }

    /// Whether it has something that was not exported yet.
    pub fn is_fresh(&self) -> bool {
        !self.fresh.is_empty()
    }

    fn text(&self) -> String {
        let mut text = format!("No.,Name,{}\r\n", FIELDS.join(","));
        for (no, fields) in &self.records {
            if !self.is_delta || self.fresh.contains_key(no) || self.sequence == 0 {
                text.push_str(&format!("{no},N{},{}\r\n", &no[1..], fields.join(",")));
            }
        }
        text
    }

    fn name_of_next(&mut self) -> String {
        self.sequence += 1;
        let name = format!("{}_{:06}.csv", self.name, self.sequence);
        self.dropped.insert(name.clone());
        name
    }

    /// Exports as one of the many programs that do: renames in, writes slowly, keeps an old time, or delivers twice.
    pub fn export(&mut self, dice: &mut Dice) {
        let text = self.text();
        self.fresh.clear();
        let name = self.name_of_next();
        let path = self.folder.join(&name);
        match dice.below(4) {
            0 => {
                let (first, rest) = text.split_at(text.len() / 2);
                fs::write(&path, first).expect("written");
                pause(dice, 15);
                // It may have been taken for whole, which it must not be; a program would go on with its open file.
                fs::write(&path, format!("{first}{rest}")).expect("written");
            }
            1 => {
                let elsewhere = self.folder.join(format!(".{name}.tmp"));
                fs::write(&elsewhere, &text).expect("written");
                let file = fs::File::options()
                    .write(true)
                    .open(&elsewhere)
                    .expect("open");
                file.set_modified(SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000))
                    .expect("set");
                fs::rename(&elsewhere, &path).expect("renamed in");
            }
            _ => rename_in(&self.folder, &name, &text),
        }
        if dice.below(8) == 0 {
            let again = self.name_of_next();
            rename_in(&self.folder, &again, &text);
        }
    }

    /// Drops something that is no export.
    pub fn garble(&mut self) {
        let name = self.name_of_next();
        rename_in(&self.folder, &name, "No.,Name\r\nX1,\"never ends\r\n");
    }

    /// Imports every update that was announced, unless a person's work was not exported yet. Returns how many.
    pub fn import(&mut self) -> usize {
        if self.fresh.values().any(|typed| *typed) {
            return 0;
        }
        let Ok(entries) = fs::read_dir(self.folder.join("updates")) else {
            return 0;
        };
        let paths = entries.map(|entry| entry.expect("an entry").path());
        let mut markers: Vec<PathBuf> = paths
            .filter(|path| path.extension().is_some_and(|ending| ending == "done"))
            .collect();
        markers.sort();
        for marker in &markers {
            let path = marker.with_extension("");
            self.import_file(&path);
            fs::remove_file(&path).expect("removed");
            fs::remove_file(marker).expect("removed");
        }
        markers.len()
    }

    fn import_file(&mut self, path: &Path) {
        let mut reader = csv::Reader::from_path(path).expect("an announced file");
        let headers = reader.headers().expect("headers").clone();
        let places = FIELDS.map(|field| headers.iter().position(|header| header == field));
        for row in reader.records() {
            let row = row.expect("a whole file");
            let fields = self.records.get_mut(&row[0]).expect("a record of ours");
            for (field, place) in fields.iter_mut().zip(&places) {
                if let Some(value) = place.and_then(|place| row.get(place)) {
                    *field = value.to_owned();
                }
            }
            self.fresh.entry(row[0].to_owned()).or_insert(false);
        }
    }

    /// How many files stand in its folder, most of which nobody has taken yet.
    pub fn waiting(&self) -> usize {
        fs::read_dir(&self.folder).expect("a folder").count()
    }

    /// What was answered to a file.
    pub fn answer(&self, name: &str) -> Option<serde_json::Value> {
        let path = self
            .folder
            .join("answers")
            .join(format!("{name}.answer.json"));
        let text = fs::read(path).ok()?;
        Some(serde_json::from_slice(&text).expect("a whole answer"))
    }

    /// Files that were never answered.
    pub fn unanswered(&self) -> impl Iterator<Item = &String> {
        self.dropped
            .iter()
            .filter(|name| self.answer(name).is_none())
    }

    /// Whether no export that holds this value was read, because newer ones stood beside it.
    pub fn is_only_in_renewed_exports(&self, token: &str) -> bool {
        let days = fs::read_dir(self.folder.join("done")).expect("an archive");
        let files = days.flat_map(|day| fs::read_dir(day.expect("a day").path()).expect("a day"));
        let paths = files.map(|file| file.expect("a file").path());
        let mut holding = paths
            .filter(|path| fs::read_to_string(path).is_ok_and(|text| text.contains(token)))
            .peekable();
        holding.peek().is_some()
            && holding.all(|path| {
                let archived = path.file_name().expect("a name").to_string_lossy();
                let (_, name) = archived.split_once('-').expect("number and name");
                let answer = self.answer(name).expect("answered");
                matches!(answer["status"].as_str(), Some("superseded" | "stale"))
            })
    }
}
