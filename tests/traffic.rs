//! Two legacy systems and a real daemon between them: nothing that a person typed is lost, no drop stays unanswered, and memory
//! and file handles stay flat, also when the daemon is killed at random moments.
//!
//! Short by default. `COUPLET_KILLS=1000 cargo test --release --test traffic killed -- --nocapture` and
//! `COUPLET_MINUTES=60 cargo test --release --test traffic flat -- --nocapture` run for as long as they are told and print what
//! they did. `COUPLET_SEED` repeats the choices of a run, `COUPLET_KEEP` keeps the folder of one that fails, and
//! `COUPLET_LOG` its daemon's log.
#![cfg(target_os = "linux")]

mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use support::Exchange;

const CONFIG: &str = r#"
[exchange]
requests = "requests"
[tables.contacts]
export = "crm/contacts_*.csv"
sequence = 'contacts_(\d+)'
drop = true
write_back = "crm/updates"
announce = "marker"
[tables.customers]
export = "erp/customers_*.csv"
sequence = 'customers_(\d+)'
drop = true
contents = "delta"
write_back = "erp/updates"
announce = "marker"
[tables.relations]
export = "relations.csv"
[run]
settle = "40ms"
"#;

const RECORDS: usize = 40;
const FIELDS: [&str; 3] = ["Address", "City", "Phone No."];

/// Numbers that look random and are the same for the same seed.
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit as u64) as usize
    }

    fn pause(&mut self, most: u64) {
        std::thread::sleep(Duration::from_micros(self.next() % (most * 1000)));
    }
}

/// A system that has its own records, and can do nothing but export and import files.
struct System {
    name: &'static str,
    folder: PathBuf,
    is_delta: bool,
    records: BTreeMap<String, [String; 3]>,
    /// Records with something that was not exported yet, and whether a person typed it.
    fresh: BTreeMap<String, bool>,
    sequence: usize,
    /// Where each value was typed.
    token_of: BTreeMap<String, String>,
    /// What a person saw and replaced.
    typed_over: BTreeSet<String>,
    /// Every file that was ever dropped.
    dropped: BTreeSet<String>,
}

impl System {
    fn new(name: &'static str, folder: PathBuf, prefix: &str, is_delta: bool) -> System {
        let records = (0..RECORDS).map(|index| (format!("{prefix}{index:03}"), Default::default()));
        fs::create_dir_all(&folder).expect("a folder");
        System {
            name,
            folder,
            is_delta,
            records: records.collect(),
            fresh: BTreeMap::new(),
            sequence: 0,
            typed_over: BTreeSet::new(),
            token_of: BTreeMap::new(),
            dropped: BTreeSet::new(),
        }
    }

    fn edit(&mut self, dice: &mut Dice, token: &str) {
        let index = dice.below(RECORDS);
        let (no, fields) = self.records.iter_mut().nth(index).expect("a record");
        let before = std::mem::replace(&mut fields[dice.below(3)], token.to_owned());
        self.fresh.insert(no.clone(), true);
        self.typed_over.insert(before);
        self.token_of.insert(token.to_owned(), no.clone());
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
    fn export(&mut self, dice: &mut Dice) {
        let text = self.text();
        self.fresh.clear();
        let name = self.name_of_next();
        let path = self.folder.join(&name);
        match dice.below(4) {
            0 => {
                let (first, rest) = text.split_at(text.len() / 2);
                fs::write(&path, first).expect("written");
                dice.pause(15);
                // It may have been taken for whole, which it must not be; a program would go on with its open file.
                fs::write(&path, format!("{first}{rest}")).expect("written");
            }
            kind => {
                let other = self.folder.join(format!(".{name}.tmp"));
                fs::write(&other, &text).expect("written");
                if kind == 1 {
                    let file = fs::File::options().write(true).open(&other).expect("open");
                    let old =
                        std::time::SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000);
                    file.set_modified(old).expect("set");
                }
                fs::rename(&other, &path).expect("renamed in");
            }
        }
        if dice.below(8) == 0 {
            let again = self.name_of_next();
            let other = self.folder.join(format!(".{again}.tmp"));
            fs::write(&other, &text).expect("written");
            fs::rename(other, self.folder.join(&again)).expect("renamed in");
        }
    }

    /// Drops something that is no export.
    fn garble(&mut self) {
        let name = self.name_of_next();
        let other = self.folder.join(".garbled.tmp");
        fs::write(&other, "No.,Name\r\nX1,\"never ends\r\n").expect("written");
        fs::rename(other, self.folder.join(name)).expect("renamed in");
    }

    /// Imports every update that was announced, unless a person's work was not exported yet.
    fn import(&mut self) -> usize {
        let updates = self.folder.join("updates");
        if self.fresh.values().any(|typed| *typed) {
            return 0;
        }
        let Ok(entries) = fs::read_dir(&updates) else {
            return 0;
        };
        let mut markers: Vec<PathBuf> = entries
            .map(|entry| entry.expect("an entry").path())
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

    fn import_file(&mut self, path: &PathBuf) {
        let mut reader = csv::Reader::from_path(path).expect("an announced file");
        let headers = reader.headers().expect("headers").clone();
        let places: Vec<Option<usize>> = FIELDS
            .iter()
            .map(|field| headers.iter().position(|header| header == *field))
            .collect();
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

    /// Files that nobody has taken yet.
    fn waiting(&self) -> usize {
        fs::read_dir(&self.folder).expect("a folder").count()
    }

    fn answer(&self, name: &str) -> Option<serde_json::Value> {
        let text = fs::read(
            self.folder
                .join("answers")
                .join(format!("{name}.answer.json")),
        )
        .ok()?;
        Some(serde_json::from_slice(&text).expect("a whole answer"))
    }

    /// Whether no export that holds this value was read, because newer ones stood beside it.
    fn is_only_in_renewed_exports(&self, token: &str) -> bool {
        let days = fs::read_dir(self.folder.join("done")).expect("an archive");
        let files = days.flat_map(|day| fs::read_dir(day.expect("a day").path()).expect("a day"));
        let mut holding = files
            .map(|file| file.expect("a file").path())
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

    fn unanswered(&self) -> usize {
        let is_open = |name: &&String| self.answer(name).is_none();
        self.dropped.iter().filter(is_open).count()
    }
}

/// A daemon, its files and the two systems around it.
struct Office {
    exchange: Exchange,
    daemon: Option<Child>,
    crm: System,
    erp: System,
    dice: Dice,
    tokens: Vec<String>,
    requests: usize,
}

impl Drop for Office {
    fn drop(&mut self) {
        self.kill();
        let kept = std::env::var_os("COUPLET_KEEP").filter(|_| std::thread::panicking());
        if let Some(kept) = kept {
            let _ = Command::new("cp")
                .arg("-r")
                .arg(self.exchange.path(""))
                .arg(kept)
                .status();
        }
    }
}

impl Office {
    fn new(seed: u64) -> Office {
        let exchange = Exchange::new(CONFIG);
        let relations: String = (0..RECORDS)
            .map(|index| format!("C{index:03},CUST,Customer,D{index:03}\n"))
            .collect();
        exchange.put("config.toml", exchange.config()).put(
            "relations.csv",
            format!("Contact No.,Business Relation Code,Link to Table,No.\n{relations}"),
        );
        fs::create_dir_all(exchange.path("requests")).expect("a folder");
        let crm = System::new("contacts", exchange.path("crm"), "C", false);
        let erp = System::new("customers", exchange.path("erp"), "D", true);
        let mut office = Office {
            exchange,
            daemon: None,
            crm,
            erp,
            dice: Dice(seed),
            tokens: Vec::new(),
            requests: 0,
        };
        // The tables exist from the beginning.
        for system in [&mut office.crm, &mut office.erp] {
            let text = system.text();
            let name = system.name_of_next();
            fs::write(system.folder.join(name), text).expect("written");
        }
        office.start();
        office
    }

    fn start(&mut self) {
        let daemon = Command::new(env!("CARGO_BIN_EXE_couplet"))
            .args(["run", "--config"])
            .arg(self.exchange.path("config.toml"))
            .stderr(
                std::env::var_os("COUPLET_LOG").map_or(Stdio::null(), |path| {
                    let log = fs::File::options().append(true).create(true).open(path);
                    Stdio::from(log.expect("a log"))
                }),
            )
            .spawn();
        self.daemon = Some(daemon.expect("started"));
    }

    fn kill(&mut self) {
        if let Some(mut daemon) = self.daemon.take() {
            let _ = daemon.kill();
            let _ = daemon.wait();
        }
    }

    /// Something happens in one of the systems.
    fn step(&mut self) {
        let system = match self.dice.below(2) {
            0 => &mut self.crm,
            _ => &mut self.erp,
        };
        match self.dice.below(40) {
            0..=14 => {
                let token = format!("t{:06}", self.tokens.len());
                system.edit(&mut self.dice, &token);
                self.tokens.push(token);
            }
            15..=24 if !system.fresh.is_empty() => system.export(&mut self.dice),
            25 => system.garble(),
            26 => {
                self.requests += 1;
                let name = format!("requests/r{:06}.csv", self.requests);
                let other = format!("requests/.r{:06}.tmp", self.requests);
                self.exchange
                    .put(&other, "Action,Table,Contact No.\nunlink,customer,C999\n");
                fs::rename(self.exchange.path(&other), self.exchange.path(&name))
                    .expect("renamed in");
            }
            _ => {
                system.import();
            }
        }
        self.dice.pause(12);
        // People wait for one another too: what comes faster than it can be read only piles up.
        while self.crm.waiting() + self.erp.waiting() > 40 && self.daemon.is_some() {
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    fn unanswered(&self) -> usize {
        let answered = |number: &usize| {
            let name = format!("requests/answers/r{number:06}.csv.answer.json");
            self.exchange.path(&name).exists()
        };
        let requests = (1..=self.requests).filter(|number| !answered(number));
        self.crm.unanswered() + self.erp.unanswered() + requests.count()
    }

    fn until_answered(&self) {
        let patience = Instant::now() + Duration::from_secs(wanted("COUPLET_PATIENCE", 60));
        while self.unanswered() > 0 {
            assert!(
                Instant::now() < patience,
                "{} drops are unanswered: {:?}",
                self.unanswered(),
                self.crm
                    .dropped
                    .iter()
                    .chain(&self.erp.dropped)
                    .filter(
                        |name| self.crm.answer(name).is_none() && self.erp.answer(name).is_none()
                    )
                    .collect::<Vec<_>>()
            );
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Nobody types any more: both systems export and import until nothing moves.
    fn settle(&mut self) {
        let mut quiet = 0;
        for _ in 0..50 {
            self.until_answered();
            let imported = self.crm.import() + self.erp.import();
            let is_fresh = !self.erp.fresh.is_empty() || !self.crm.fresh.is_empty();
            if imported == 0 && !is_fresh {
                quiet += 1;
                if quiet == 2 {
                    return;
                }
            } else {
                quiet = 0;
            }
            self.crm.export(&mut self.dice);
            if !self.erp.fresh.is_empty() {
                self.erp.export(&mut self.dice);
            }
        }
        panic!("the systems never come to rest");
    }

    fn couplet(&self, arguments: &[&str]) -> String {
        let output = Command::new(env!("CARGO_BIN_EXE_couplet"))
            .arg("--config")
            .arg(self.exchange.path("config.toml"))
            .args(arguments)
            .output()
            .expect("ran");
        String::from_utf8(output.stdout).expect("text")
    }

    /// Everything that must be so when nothing moves any more.
    fn check(&self) {
        let open = self.couplet(&["conflicts", "list", "--format", "json"]);
        let settled = self.couplet(&["conflicts", "list", "--settled", "--format", "json"]);
        let log = self.exchange.text("interactions.csv");
        let in_files: BTreeSet<&String> = self
            .crm
            .records
            .values()
            .chain(self.erp.records.values())
            .flatten()
            .collect();
        for token in &self.tokens {
            let is_found = in_files.contains(token)
                || [&open, &settled, &log]
                    .iter()
                    .any(|text| text.contains(token.as_str()));
            // Who types over a value has seen it.
            let is_replaced = [&self.crm, &self.erp]
                .iter()
                .any(|system| system.typed_over.contains(token));
            let is_explained = || {
                let of_erp = self.erp.token_of.get(token);
                let no = of_erp
                    .or_else(|| self.crm.token_of.get(token))
                    .expect("typed");
                let (contact, customer) = (format!("C{}", &no[1..]), format!("D{}", &no[1..]));
                [["contact", &contact], ["customer", &customer]]
                    .iter()
                    .any(|record| {
                        self.couplet(&["explain", record[0], record[1]])
                            .contains(token)
                    })
            };
            // A newer export that lists every record says what counts, also where its system has imported over what nobody
            // had read.
            let is_renewed = || self.crm.is_only_in_renewed_exports(token);
            assert!(
                is_found || is_replaced || is_explained() || is_renewed(),
                "{token} is lost"
            );
        }
        for ((contact, left), (customer, right)) in self.crm.records.iter().zip(&self.erp.records) {
            for (field, (left, right)) in FIELDS.iter().zip(left.iter().zip(right)) {
                assert!(
                    left == right
                        || (open.contains(left.as_str()) && open.contains(right.as_str())),
                    "{field} of {contact} is {left:?} and of {customer} {right:?}, and nobody is asked"
                );
            }
        }
        for system in [&self.crm, &self.erp] {
            for name in &system.dropped {
                let answer = system.answer(name).expect("answered");
                let classes = answer["classes"].as_object().expect("classes");
                let sum: u64 = classes.values().filter_map(serde_json::Value::as_u64).sum();
                assert_eq!(answer["rows"].as_u64(), Some(sum), "{name}: {answer:#}");
            }
            let leftovers: Vec<_> = fs::read_dir(system.folder.join("work"))
                .map(|entries| {
                    entries
                        .map(|entry| entry.expect("an entry").path())
                        .collect()
                })
                .unwrap_or_default();
            assert!(leftovers.is_empty(), "{leftovers:?}");
        }
    }

    /// Memory that the daemon holds, in KiB, and its open files.
    fn held(&self) -> (u64, usize) {
        let id = self.daemon.as_ref().expect("a daemon").id();
        let status = fs::read_to_string(format!("/proc/{id}/status")).expect("alive");
        let line = status.lines().find(|line| line.starts_with("VmRSS:"));
        let memory = line.and_then(|line| line.split_whitespace().nth(1));
        let files = fs::read_dir(format!("/proc/{id}/fd"))
            .expect("alive")
            .count();
        (memory.expect("a size").parse().expect("a number"), files)
    }
}

fn wanted(name: &str, default: u64) -> u64 {
    let text = std::env::var(name).ok();
    text.map_or(default, |text| text.parse().expect("a number"))
}

fn seed() -> u64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let seed = wanted(
        "COUPLET_SEED",
        now.expect("after 1970").subsec_nanos().into(),
    );
    println!("COUPLET_SEED={seed}");
    seed
}

#[test]
fn a_daemon_that_is_killed_at_random_moments_loses_nothing_and_answers_every_drop() {
    let kills = wanted("COUPLET_KILLS", 25);
    let mut office = Office::new(seed());
    let mut steps = 0;
    for _ in 0..kills {
        // From the middle of its start to the middle of its tenth pass.
        let lives = Instant::now() + Duration::from_millis(office.dice.next() % 160);
        while Instant::now() < lives {
            office.step();
            steps += 1;
        }
        office.kill();
        office.start();
    }
    office.settle();
    office.check();
    println!(
        "{kills} kills, {steps} steps, {} edits, {} drops, {} requests",
        office.tokens.len(),
        office.crm.dropped.len() + office.erp.dropped.len(),
        office.requests
    );
}

#[test]
fn memory_and_file_handles_stay_flat_under_traffic() {
    let minutes = wanted("COUPLET_MINUTES", 0);
    let mut office = Office::new(seed());
    let lasts = Duration::from_secs((minutes * 60).max(8));
    let begun = Instant::now();
    let mut seen = Vec::new();
    let mut next = lasts / 10;
    while begun.elapsed() < lasts {
        office.step();
        if begun.elapsed() >= next {
            let (memory, files) = office.held();
            println!(
                "{:5} s: {memory} KiB, {files} files",
                begun.elapsed().as_secs()
            );
            seen.push((memory, files));
            next += lasts / 10;
        }
    }
    office.settle();
    office.check();
    println!(
        "{} edits, {} drops, {} requests",
        office.tokens.len(),
        office.crm.dropped.len() + office.erp.dropped.len(),
        office.requests
    );
    let (first, last) = (seen[1], seen[seen.len() - 1]);
    // How many are open at one moment depends on what the daemon is at; what leaks is open at every moment.
    let (early, late) = seen[1..].split_at(seen.len() / 2);
    let least = |part: &[(u64, usize)]| part.iter().map(|(_, files)| *files).min();
    assert!(
        least(late) <= least(early).map(|files| files + 3),
        "file handles grow: {seen:?}"
    );
    assert!(
        last.0 <= first.0 + first.0 / 4 + 4096,
        "memory grows: {seen:?}"
    );
}
