//! Two legacy systems and a real daemon between them: nothing that a person typed is lost, no drop stays unanswered, and memory
//! and file handles stay flat, also when the daemon is killed at random moments.
//!
//! What happens follows from the seed; when it happens does not, so a failure may need several attempts to come again. Its folder
//! is kept, with the daemon's log.

mod daemon;
mod oracle;
mod systems;

use std::fs;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::dice::Dice;
use crate::folders::folder;
use crate::run::{Layer, Regressions, Tally};

use daemon::{Daemon, Held};
use systems::{RECORDS, System, pause, rename_in};

/// Random kills under traffic.
pub const KILLS: Layer = Layer {
    name: "kills",
    about: "a real daemon is killed at random moments under traffic, and loses nothing and answers every drop",
    cases: 1,
    all: None,
    parallel: true,
    regressions: Regressions::NONE,
    floors: &[
        ("a kill while a drop was being read", 90.0),
        ("a kill while files were being written", 50.0),
        ("a kill before the daemon was ready", 50.0),
        (DISCARDED, 50.0),
        (FINISHED, 30.0),
    ],
    case: kills,
};

const DISCARDED: &str = "a pass that was cut before its commit";
const FINISHED: &str = "a pass that was cut after its commit";

/// Traffic without kills.
pub const SOAK: Layer = Layer {
    name: "soak",
    about: "memory and file handles of a daemon stay flat under traffic",
    cases: 1,
    all: None,
    parallel: false,
    regressions: Regressions::NONE,
    floors: &[],
    case: soak,
};

const CONFIG: &str = r#"
state = "state"
[setup]
bus_rel_code_for_customers = "CUST"
[interactions]
export = "interactions.csv"
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

/// A daemon, its files and the two systems around it.
struct Office {
    folder: TempDir,
    daemon: Daemon,
    crm: System,
    erp: System,
    dice: Dice,
    /// What was typed, each once.
    tokens: Vec<String>,
    requests: usize,
}

impl Office {
    fn new(seed: u64) -> Office {
        let folder = folder();
        let path = |name: &str| folder.path().join(name);
        let relations: String = (0..RECORDS)
            .map(|index| format!("C{index:03},CUST,Customer,D{index:03}\n"))
            .collect();
        let relations =
            format!("Contact No.,Business Relation Code,Link to Table,No.\n{relations}");
        fs::write(path("relations.csv"), relations).expect("written");
        fs::write(path("config.toml"), CONFIG).expect("written");
        fs::create_dir_all(path("requests")).expect("a folder");
        let crm = System::new("contacts", path("crm"), "C", false);
        let erp = System::new("customers", path("erp"), "D", true);
        Office {
            daemon: Daemon::started(folder.path()),
            folder,
            crm,
            erp,
            dice: Dice::new(seed),
            tokens: Vec::new(),
            requests: 0,
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
            15..=24 if system.is_fresh() => system.export(&mut self.dice),
            25 => system.garble(),
            26 => {
                self.requests += 1;
                let name = format!("r{:06}.csv", self.requests);
                let text = "Action,Table,Contact No.\nunlink,customer,C999\n";
                rename_in(&self.folder.path().join("requests"), &name, text);
            }
            _ => {
                system.import();
            }
        }
        pause(&mut self.dice, 12);
        // People wait for one another too: what comes faster than it can be read only piles up.
        while self.crm.waiting() + self.erp.waiting() > 40 && self.daemon.is_alive() {
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    fn unanswered(&self) -> Vec<String> {
        let answers = self.folder.path().join("requests/answers");
        let requests = (1..=self.requests).map(|number| format!("r{number:06}.csv"));
        let requests =
            requests.filter(|name| !answers.join(format!("{name}.answer.json")).exists());
        let drops = self.crm.unanswered().chain(self.erp.unanswered()).cloned();
        drops.chain(requests).collect()
    }

    fn until_answered(&mut self) -> Result<(), String> {
        const PATIENCE: Duration = Duration::from_secs(60);
        let begun = Instant::now();
        loop {
            let unanswered = self.unanswered();
            if unanswered.is_empty() {
                return Ok(());
            }
            if !self.daemon.is_alive() {
                return Err("the daemon has ended by itself".to_owned());
            }
            if begun.elapsed() > PATIENCE {
                return Err(format!("drops are unanswered: {unanswered:?}"));
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Nobody types any more: both systems export and import until nothing moves.
    fn settle(&mut self) -> Result<(), String> {
        let mut quiet = 0;
        for _ in 0..50 {
            self.until_answered()?;
            let imported = self.crm.import() + self.erp.import();
            if imported == 0 && !self.crm.is_fresh() && !self.erp.is_fresh() {
                quiet += 1;
                if quiet == 2 {
                    return Ok(());
                }
            } else {
                quiet = 0;
            }
            self.crm.export(&mut self.dice);
            if self.erp.is_fresh() {
                self.erp.export(&mut self.dice);
            }
        }
        Err("the systems never come to rest".to_owned())
    }

    /// Comes to rest and is judged. Where something is found, the folder is kept.
    fn end(mut self, tally: &mut Tally) -> Result<(), String> {
        let judged = self.settle().and_then(|()| oracle::judge(&self, tally));
        tally.count("edits", self.tokens.len() as u64);
        tally.count(
            "drops",
            (self.crm.dropped.len() + self.erp.dropped.len()) as u64,
        );
        tally.count("requests", self.requests as u64);
        self.note_recoveries(tally);
        let Office { folder, daemon, .. } = self;
        drop(daemon);
        judged.map_err(|why| format!("{why}; see {}", folder.keep().display()))
    }

    /// What the daemon found of passes that a kill had cut short.
    fn note_recoveries(&self, tally: &mut Tally) {
        let log = fs::read(self.folder.path().join("daemon.log")).unwrap_or_default();
        let log = String::from_utf8_lossy(&log);
        let mut note = |said: &str, class: &'static str, what: &'static str| {
            let many = log.matches(said).count() as u64;
            if many > 0 {
                tally.is(class);
                tally.count(what, many);
            }
        };
        note(
            "cut before its commit",
            DISCARDED,
            "passes that were discarded",
        );
        note(
            "cut after its commit",
            FINISHED,
            "passes that were finished",
        );
    }

    /// What a kill found the daemon at.
    fn note_kill(&self, is_young: bool, tally: &mut Tally) {
        let holds = |folder: &str, what: &str| {
            let entries = fs::read_dir(self.folder.path().join(folder))
                .into_iter()
                .flatten()
                .flatten();
            entries
                .map(|entry| entry.file_name())
                .any(|name| name.to_string_lossy().starts_with(what))
        };
        tally.count("kills", 1);
        if ["crm/work", "erp/work"]
            .iter()
            .any(|folder| holds(folder, ""))
        {
            tally.is("a kill while a drop was being read");
        }
        let written = [
            "crm/updates",
            "erp/updates",
            "crm/answers",
            "erp/answers",
            "requests/answers",
            ".",
        ];
        if written.iter().any(|folder| holds(folder, ".couplet-")) {
            tally.is("a kill while files were being written");
        }
        if is_young {
            tally.is("a kill before the daemon was ready");
        }
    }
}

/// Daemons that a case has at once, in folders of their own: each waits most of the time.
const OFFICES: u64 = 3;

/// How often each of them is killed.
const KILLS_EACH: usize = 25;

fn kills(seed: u64, tally: &mut Tally) -> Result<(), String> {
    let of_office = |at: u64| {
        let mut tally = Tally::default();
        let judged = killed(seed.wrapping_mul(OFFICES).wrapping_add(at), &mut tally);
        (judged, tally)
    };
    let ended: Vec<_> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..OFFICES)
            .map(|at| scope.spawn(move || of_office(at)))
            .collect();
        threads
            .into_iter()
            .map(|thread| thread.join().expect("it does not panic"))
            .collect()
    });
    let mut result = Ok(());
    for (judged, of_office) in ended {
        tally.merge(of_office);
        result = result.and(judged);
    }
    result
}

/// A daemon is killed again and again.
fn killed(seed: u64, tally: &mut Tally) -> Result<(), String> {
    /// A daemon that lives no longer is still opening its state.
    const YOUNG: Duration = Duration::from_millis(20);
    let mut office = Office::new(seed);
    for _ in 0..KILLS_EACH {
        // From the middle of its start to the middle of its tenth pass.
        let life = Duration::from_millis(office.dice.next() % 160);
        let begun = Instant::now();
        while begun.elapsed() < life {
            office.step();
            tally.count("steps", 1);
        }
        office.daemon.kill();
        office.note_kill(life < YOUNG, tally);
        office.daemon.start();
    }
    office.end(tally)
}

fn soak(seed: u64, tally: &mut Tally) -> Result<(), String> {
    const SHORT: Duration = Duration::from_secs(8);
    const LOOKS: u32 = 10;
    let lasts = tally.time().unwrap_or(SHORT);
    let mut office = Office::new(seed);
    let begun = Instant::now();
    let mut seen: Vec<Held> = Vec::new();
    let mut next = lasts / LOOKS;
    while begun.elapsed() < lasts {
        office.step();
        tally.count("steps", 1);
        if begun.elapsed() >= next {
            seen.push(office.daemon.held());
            next += lasts / LOOKS;
        }
    }
    office.end(tally)?;
    if let Some(last) = seen.last() {
        tally.count("KiB of memory held at the end", last.memory);
        tally.count("file handles held at the end", last.files as u64);
    }
    is_flat(&seen)
}

/// Whether no more is held at the end than soon after the beginning.
fn is_flat(seen: &[Held]) -> Result<(), String> {
    let [_, first, .., last] = seen else {
        return Err("the daemon was not looked at".to_owned());
    };
    // How many are open at one moment depends on what the daemon is at; what leaks is open at every moment.
    let (early, late) = seen[1..].split_at(seen.len() / 2);
    let least = |part: &[Held]| part.iter().map(|held| held.files).min();
    if least(late) > least(early).map(|files| files + 3) {
        return Err(format!("file handles grow: {seen:?}"));
    }
    if last.memory > first.memory + first.memory / 4 + 4096 {
        return Err(format!("memory grows: {seen:?}"));
    }
    Ok(())
}
