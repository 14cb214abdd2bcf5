//! Exports made of a seed: the same for every run, and like nobody's.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use couplet::exports::{Edits, Export, Settings};
use couplet::model::Table;

/// The columns of the exports; the last one is unknown to Couplet.
#[rustfmt::skip]
const COLUMNS: [&str; 12] = [
    "No.", "Name", "Name 2", "Address", "City", "Post Code", "Country/Region Code", "Phone No.", "E-Mail", "Home Page",
    "VAT Registration No.", "Remarks",
];

#[rustfmt::skip]
const WORDS: [&str; 12] = [
    "Nordic", "Harbour", "Müller", "Søren", "Vineyard", "Logistics", "Bakery", "García", "Royal", "Textiles", "Lakeside", "Dubois",
];

/// splitmix64.
pub struct Chance(u64);

impl Chance {
    pub fn of(seed: u64) -> Chance {
        Chance(seed)
    }

    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    fn word(&mut self) -> &'static str {
        WORDS[(self.next() % WORDS.len() as u64) as usize]
    }
}

/// The values of a contact; some need quotes, some are blank.
fn contact(no: usize) -> [String; 12] {
    let mut chance = Chance::of(no as u64);
    let number = chance.next() % 1_000_000_000;
    let (first, second) = (chance.word(), chance.word());
    [
        format!("CT{no:07}"),
        format!("{first} {second} Ltd."),
        match number % 5 {
            0 => format!("\"{second}\" Division"),
            _ => String::new(),
        },
        match number % 20 {
            0 => format!("Unit {}, {second} Street", number % 40),
            _ => format!("{} {second} Street", number % 400),
        },
        first.to_owned(),
        format!("{:05}", number % 100_000),
        "DK".to_owned(),
        format!("+45 {number:09}"),
        format!("office@{number}.example"),
        match number % 3 {
            0 => String::new(),
            _ => format!("https://www.{number}.example/"),
        },
        format!("DK{number:09}"),
        "Called back, asked for a new offer".to_owned(),
    ]
}

/// Contacts as CSV.
pub fn csv(records: usize) -> Vec<u8> {
    let mut text = COLUMNS.join(",");
    text.push('\n');
    for no in 0..records {
        for (at, cell) in contact(no).iter().enumerate() {
            let comma = if at > 0 { "," } else { "" };
            let written = match cell.contains([',', '"']) {
                true => write!(text, "{comma}\"{}\"", cell.replace('"', "\"\"")),
                false => write!(text, "{comma}{cell}"),
            };
            written.expect("room in memory");
        }
        text.push('\n');
    }
    text.into_bytes()
}

/// Contacts as JSON Lines.
pub fn json_lines(records: usize) -> Vec<u8> {
    let mut text = String::new();
    for no in 0..records {
        let cells = contact(no);
        let record: serde_json::Map<String, serde_json::Value> = COLUMNS
            .iter()
            .zip(cells)
            .map(|(name, cell)| ((*name).to_owned(), cell.into()))
            .collect();
        writeln!(text, "{}", serde_json::Value::Object(record)).expect("room in memory");
    }
    text.into_bytes()
}

/// Reads an export of contacts.
pub fn read(bytes: Vec<u8>) -> Export {
    let settings = Settings::default();
    Export::read(Box::new(bytes), Table::Contacts, &settings, "contacts", 42)
        .expect("an export that can be read")
}

/// A new phone number for one record in fifty.
pub fn edits(records: usize) -> Edits {
    let phone = Table::Contacts.column("Phone No.").expect("a column");
    let edit = |at: usize| (at, vec![(phone, format!("+49 {at:09}"))]);
    Edits {
        cells: (0..records)
            .step_by(50)
            .map(edit)
            .collect::<BTreeMap<_, _>>(),
        ..Edits::default()
    }
}
