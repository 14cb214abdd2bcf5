//! Writes an exchange: `base`, the exports after the last pass; `current`, the exports now; `expected`, what a pass makes of them.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::Path;

use crate::csv;
use crate::random::Rng;
use crate::tables::{BANK, CONTACT, CUSTOMER, RELATION, SHARED, VENDOR};
use crate::world::{Fate, Kind, SALES, Shared, TITLE, World, date, guid, shared, stream};

/// One table of the exchange.
struct TableFile {
    name: &'static str,
    columns: &'static [&'static str],
    salt: u64,
}

const CONTACTS: TableFile = TableFile {
    name: "contacts.csv",
    columns: &CONTACT,
    salt: 0,
};

const COUNTERPARTS: [(Kind, TableFile); 3] = [
    (
        Kind::Customer,
        TableFile {
            name: "customers.csv",
            columns: &CUSTOMER,
            salt: 1,
        },
    ),
    (
        Kind::Vendor,
        TableFile {
            name: "vendors.csv",
            columns: &VENDOR,
            salt: 2,
        },
    ),
    (
        Kind::Bank,
        TableFile {
            name: "bank_accounts.csv",
            columns: &BANK,
            salt: 3,
        },
    ),
];

/// What a record shows.
#[derive(Clone, Copy)]
struct Seen<'s> {
    base: &'s Shared,
    shared: &'s Shared,
    /// A shared field changed since the last pass.
    touched: bool,
    /// A column of its own did.
    own_changed: bool,
}

/// The export's own needless quotes: 1% of rows quote everything, 0.5% of other cells are quoted for no reason.
struct Quotes(Rng, bool);

impl Quotes {
    fn row(seed: u64, table: u64, i: u64) -> Quotes {
        let mut r = Rng::new(seed, stream::QUOTE + 1000 * table, i);
        let all = r.chance(0.01);
        Quotes(r, all)
    }
    fn next(&mut self) -> bool {
        let needless = self.0.chance(0.005);
        self.1 || needless
    }
}

/// `old`: the cells as exported; `new`: the cells after the merge. A replaced cell keeps its quotes.
fn row(seed: u64, table: u64, i: u64, old: &[String], new: &[String]) -> Vec<u8> {
    let mut q = Quotes::row(seed, table, i);
    let mut out = Vec::with_capacity(400);
    for k in 0..old.len() {
        if k > 0 {
            out.push(b',');
        }
        let quoted = q.next() || csv::needs_quote(&old[k]) || csv::needs_quote(&new[k]);
        csv::put(&mut out, &new[k], quoted);
    }
    out.push(b'\n');
    out
}

fn contact_no(i: u64) -> String {
    format!("CT{:08}", (i + 1) * 10)
}

fn other_no(kind: Kind, k: u64) -> String {
    match kind {
        Kind::Customer => format!("C{:08}", (k + 1) * 10),
        Kind::Vendor => format!("V{:08}", (k + 1) * 10),
        _ => format!("B{:07}", (k + 1) * 10),
    }
}

/// The cells of one record: the shared values, and those of its table's own columns.
fn cells(w: &World, table: &TableFile, i: u64, no: &str, now: &Seen<'_>) -> Vec<String> {
    let Seen {
        base,
        shared,
        touched,
        own_changed,
    } = *now;
    let mut r = Rng::new(w.seed, stream::OWN + 1000 * table.salt, i);
    table
        .columns
        .iter()
        .map(|name| match SHARED.iter().position(|field| field == name) {
            Some(field) => shared[field].clone(),
            None => {
                let pick = r.next();
                let modulo = |n: u64| pick % n;
                match *name {
                    "No." => no.to_string(),
                    "Type" => if modulo(10) < 7 { "Company" } else { "Person" }.into(),
                    "Parent Ref" => {
                        if modulo(10) < 3 {
                            contact_no(pick % w.n)
                        } else {
                            String::new()
                        }
                    }
                    "Parent Label" => {
                        if modulo(10) < 3 {
                            base[0].clone()
                        } else {
                            String::new()
                        }
                    }
                    "Sort Key" => base[0].to_uppercase(),
                    "Account Owner" | "Purchaser Code" | "Our Contact Code" => {
                        SALES[modulo(12) as usize].into()
                    }
                    "Job Title" => {
                        if modulo(4) == 0 {
                            TITLE[(pick >> 8) as usize % 8].into()
                        } else {
                            String::new()
                        }
                    }
                    "Correspondence Type" => {
                        ["", "Hard Copy", "Email", "Fax"][modulo(4) as usize].into()
                    }
                    "External ID" | "Id" => guid(&mut Rng::new(w.seed, 77 + table.salt, i)),
                    "Last Date Modified" => {
                        if touched || own_changed {
                            "2026-11-20".into()
                        } else {
                            date(&mut Rng::new(w.seed, 78 + table.salt, i))
                        }
                    }
                    "Privacy Blocked" => if modulo(50) == 0 { "true" } else { "false" }.into(),
                    "Comment" if own_changed => "Called back, asked for a new offer".into(),
                    "Comment" => match modulo(10) {
                        0 => "Prefers e-mail, never call before 10".into(),
                        1 => "VIP".into(),
                        _ => String::new(),
                    },
                    "Customer Posting Group"
                    | "Vendor Posting Group"
                    | "VAT Bus. Posting Group" => {
                        ["DOMESTIC", "EU", "EXPORT"][modulo(3) as usize].into()
                    }
                    "Gen. Bus. Posting Group" => {
                        ["NATIONAL", "EU", "EXPORT"][modulo(3) as usize].into()
                    }
                    "Payment Terms Code" => {
                        ["1M(8D)", "14 DAYS", "CM", "COD"][modulo(4) as usize].into()
                    }
                    "Payment Method Code" => {
                        ["BANK", "CASH", "CHECK", ""][modulo(4) as usize].into()
                    }
                    "Credit Limit (LCY)" if own_changed => "99,999.00".into(),
                    "Credit Limit (LCY)" => format!("{}.00", modulo(200) * 500),
                    "Blocked" => if modulo(100) == 0 { "All" } else { "" }.into(),
                    "Location Code" => ["BLUE", "GREEN", "RED", "", ""][modulo(5) as usize].into(),
                    "Shipment Method Code" => ["EXW", "CIF", "FOB", ""][modulo(4) as usize].into(),
                    "Our Account No." => format!("{:06}", pick % 1_000_000),
                    "Priority" => modulo(5).to_string(),
                    "Bank Account No." => format!("{:010}", pick % 10_000_000_000),
                    "Bank Branch No." => format!("{:06}", pick % 1_000_000),
                    "IBAN" => format!("{}{:020}", base[7], pick),
                    "SWIFT Code" => format!("BANK{}2L", base[7]),
                    "Bank Acc. Posting Group" => "CHECKING".into(),
                    "Min. Balance" => format!("{}.00", modulo(100) * 1000),
                    other => panic!("no generator for the column {other}"),
                }
            }
        })
        .collect()
}

/// The three folders.
struct Folders<'f> {
    base: &'f Path,
    current: &'f Path,
    expected: &'f Path,
}

/// A file with its header.
fn create(folder: &Path, name: &str, columns: &[&str]) -> io::Result<BufWriter<File>> {
    let mut file = BufWriter::with_capacity(1 << 20, File::create(folder.join(name))?);
    file.write_all(&csv::line(columns))?;
    Ok(file)
}

/// The contact of each customer, vendor and bank account, in the order of their files: shuffled, so that no join is one of sorted files.
fn contacts_of(w: &World) -> [Vec<u64>; 3] {
    let of_kind = |kind: Kind, range: std::ops::Range<u64>| -> Vec<u64> {
        range.filter(|i| w.kind(*i) == kind).collect()
    };
    let mut at = 0;
    [Kind::Customer, Kind::Vendor, Kind::Bank].map(|kind| {
        let mut contacts = of_kind(kind, 0..w.n);
        let mut chance = Rng::new(w.seed, stream::ORDER, at);
        at += 1;
        for k in (1..contacts.len()).rev() {
            contacts.swap(k, chance.below(k as u64 + 1) as usize);
        }
        contacts.extend(of_kind(kind, w.n..w.n + w.inserts));
        contacts
    })
}

/// Writes the exchange into a folder; returns how many cells a pass writes, and how many conflicts it meets.
pub fn make(w: &World, out: &Path) -> io::Result<(u64, u64)> {
    let [base, current, expected] = ["base", "current", "expected"].map(|name| out.join(name));
    for folder in [&base, &current, &expected] {
        fs::create_dir_all(folder)?;
    }
    let folders = Folders {
        base: &base,
        current: &current,
        expected: &expected,
    };
    let contacts_of = contacts_of(w);
    let counts = contacts(w, &folders, &contacts_of)?;
    for ((kind, table), contacts) in COUNTERPARTS.iter().zip(&contacts_of) {
        counterparts(w, &folders, *kind, table, contacts)?;
    }
    Ok(counts)
}

/// Contacts, relations, base and log.
fn contacts(
    w: &World,
    folders: &Folders<'_>,
    contacts_of: &[Vec<u64>; 3],
) -> io::Result<(u64, u64)> {
    let &Folders {
        base,
        current,
        expected,
    } = folders;
    let mut numbers: HashMap<u64, u64> = HashMap::new();
    for contacts in contacts_of {
        numbers.extend(contacts.iter().zip(0..).map(|(contact, k)| (*contact, k)));
    }
    let mut base_contacts = create(base, CONTACTS.name, CONTACTS.columns)?;
    let mut current_contacts = create(current, CONTACTS.name, CONTACTS.columns)?;
    let mut expected_contacts = create(expected, CONTACTS.name, CONTACTS.columns)?;
    let mut base_relations = create(base, "contact_business_relations.csv", &RELATION)?;
    let mut current_relations = create(current, "contact_business_relations.csv", &RELATION)?;
    let mut state_columns = vec!["Contact No.", "Table", "No."];
    state_columns.extend(SHARED);
    let mut base_state = create(base, "state.csv", &state_columns)?;
    let mut expected_state = create(expected, "state.csv", &state_columns)?;
    let log_columns = [
        "Contact No.",
        "Table",
        "No.",
        "Field",
        "Written To",
        "Old Value",
        "New Value",
        "Conflict",
    ];
    let mut log = create(expected, "log.csv", &log_columns)?;
    let (mut writes, mut conflicts) = (0, 0);
    for i in 0..w.n + w.inserts {
        let kind = w.kind(i);
        let fate = w.fate(i, kind);
        let was = shared(w.seed, stream::BASE, i);
        let no = contact_no(i);
        let now = w.now(i, kind, fate, &was);
        let link = numbers
            .get(&i)
            .map(|k| other_no(kind, *k))
            .unwrap_or_default();
        let is_new = fate == Fate::Inserted;
        if !is_new {
            let before = Seen {
                base: &was,
                shared: &was,
                touched: false,
                own_changed: false,
            };
            let cells = cells(w, &CONTACTS, i, &no, &before);
            base_contacts.write_all(&row(w.seed, 0, i, &cells, &cells))?;
        }
        if let Some(contact) = &now.contact {
            let seen = Seen {
                base: &was,
                shared: contact,
                touched: *contact != was || is_new,
                own_changed: fate == Fate::OwnContact,
            };
            let shown = cells(w, &CONTACTS, i, &no, &seen);
            current_contacts.write_all(&row(w.seed, 0, i, &shown, &shown))?;
            let merged = Seen {
                shared: now.merged.as_ref().unwrap_or(contact),
                ..seen
            };
            let after = cells(w, &CONTACTS, i, &no, &merged);
            expected_contacts.write_all(&row(w.seed, 0, i, &shown, &after))?;
        }
        let mut chance = Rng::new(w.seed, stream::RELATION, i);
        let has_noise = chance.chance(0.02);
        let stays = fate != Fate::ContactGone || chance.chance(0.5);
        let relation = csv::line(&[&no, kind.code(), kind.table(), &link]);
        let noise = csv::line(&[&no, "LAW", "", ""]);
        for (line, is_there) in [(relation, kind != Kind::None), (noise, has_noise)] {
            if is_there && !is_new {
                base_relations.write_all(&line)?;
            }
            if is_there && stays {
                current_relations.write_all(&line)?;
            }
        }
        let state = |values: &Shared| {
            let mut cells = vec![no.as_str(), kind.table(), &link];
            cells.extend(
                values
                    .iter()
                    .zip(0..)
                    .map(|(value, f)| if f < kind.fields() { value } else { "" }),
            );
            csv::line(&cells)
        };
        if kind != Kind::None && !is_new {
            base_state.write_all(&state(&was))?;
        }
        let (Some(contact), Some(other), Some(merged)) = (&now.contact, &now.other, &now.merged)
        else {
            continue;
        };
        expected_state.write_all(&state(merged))?;
        for f in 0..kind.fields() {
            let before = if is_new { "" } else { was[f].as_str() };
            let is_conflict = contact[f] != other[f] && contact[f] != before && other[f] != before;
            conflicts += u64::from(is_conflict);
            for (target, old) in [("Contact", &contact[f]), (kind.table(), &other[f])] {
                if *old != merged[f] {
                    writes += 1;
                    let conflict = if is_conflict { "1" } else { "0" };
                    let line = [
                        &no,
                        kind.table(),
                        &link,
                        SHARED[f],
                        target,
                        old,
                        &merged[f],
                        conflict,
                    ];
                    log.write_all(&csv::line(&line))?;
                }
            }
        }
    }
    for mut file in [
        base_contacts,
        current_contacts,
        expected_contacts,
        base_relations,
        current_relations,
        base_state,
        expected_state,
        log,
    ] {
        file.flush()?;
    }
    Ok((writes, conflicts))
}

/// The records of one kind of counterpart.
fn counterparts(
    w: &World,
    folders: &Folders<'_>,
    kind: Kind,
    table: &TableFile,
    contacts: &[u64],
) -> io::Result<()> {
    let mut base = create(folders.base, table.name, table.columns)?;
    let mut current = create(folders.current, table.name, table.columns)?;
    let mut expected = create(folders.expected, table.name, table.columns)?;
    for (k, &i) in contacts.iter().enumerate() {
        let no = other_no(kind, k as u64);
        let fate = w.fate(i, kind);
        let was = shared(w.seed, stream::BASE, i);
        let now = w.now(i, kind, fate, &was);
        let is_new = fate == Fate::Inserted;
        if !is_new {
            let before = Seen {
                base: &was,
                shared: &was,
                touched: false,
                own_changed: false,
            };
            let cells = cells(w, table, i, &no, &before);
            base.write_all(&row(w.seed, table.salt, i, &cells, &cells))?;
        }
        if let Some(other) = &now.other {
            let seen = Seen {
                base: &was,
                shared: other,
                touched: *other != was || is_new,
                own_changed: fate == Fate::OwnOther,
            };
            let shown = cells(w, table, i, &no, &seen);
            current.write_all(&row(w.seed, table.salt, i, &shown, &shown))?;
            let merged = Seen {
                shared: now.merged.as_ref().unwrap_or(other),
                ..seen
            };
            let after = cells(w, table, i, &no, &merged);
            expected.write_all(&row(w.seed, table.salt, i, &shown, &after))?;
        }
    }
    for mut file in [base, current, expected] {
        file.flush()?;
    }
    Ok(())
}
