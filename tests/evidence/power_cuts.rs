//! Power cuts on a real file system: the program itself reconciles, the power fails at a random moment, and what a disk would hold
//! then is mounted, looked at and reconciled again.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{LazyLock, OnceLock, mpsc};
use std::time::{Duration, Instant};

use notify::{RecursiveMode, Watcher as _};
use regex_lite::Regex;
use rustix::process::{Pid, Signal, kill_process};

use crate::device::{Cache, Device, blank, check};
use crate::dice::Dice;
use crate::folders::files_below;
use crate::run::{Layer, Regressions, Tally};

/// Power cuts on a real file system.
pub const POWER_CUTS: Layer = Layer {
    name: "power-cuts",
    about: "the power fails while the program reconciles on a real file system, and what was reported done stays done",
    cases: 10,
    all: None,
    parallel: true,
    regressions: Regressions::NONE,
    floors: &[
        ("a pass that was reported done", 15.0),
        (DISCARDED, 5.0),
        (FINISHED, 3.0),
        ("a cut before anything was to be seen", 5.0),
        ("a disk that forgets what it was told to flush", 4.0),
    ],
    case: cut,
};

const DISCARDED: &str = "a pass that was cut before its commit";
const FINISHED: &str = "a pass that was cut after its commit";

/// Files of others by name, without what two runs do not say alike.
type Files = BTreeMap<String, Vec<u8>>;

/// An exchange just before the pass in question, on a disk.
struct Prepared {
    image: Vec<u8>,
    old: Files,
    new: Files,
    /// How much is seen to happen to files during the pass.
    events: usize,
}

/// One exchange: its configuration, its files, and what is then written over them.
struct Scenario {
    config: String,
    first: Vec<(&'static str, String)>,
    then: Vec<(&'static str, String)>,
}

/// Enough records for files of several blocks.
const RECORDS: usize = 300;

const SETUP: &str = "state = \"state\"\n[setup]\nbus_rel_code_for_customers = \"CUST\"\n[interactions]\nexport = \"log.csv\"\n\
                     [tables.relations]\nexport = \"relations.csv\"\n";

fn scenarios() -> Vec<Scenario> {
    let table = |prefix: &str, phone: usize, city: &str, every: usize| {
        let city = |no: usize| {
            if no.is_multiple_of(every) {
                city
            } else {
                "Rome"
            }
        };
        let row = |no: usize| {
            format!(
                "{prefix}{no:03},Company number {no},{},{}\n",
                city(no),
                no + phone
            )
        };
        "No.,Name,City,Phone No.\n".to_owned() + &(0..RECORDS).map(row).collect::<String>()
    };
    let links: String = (0..RECORDS)
        .map(|no| format!("C{no:03},CUST,Customer,K{no:03}\n"))
        .collect();
    let links = format!("Contact No.,Business Relation Code,Link to Table,No.\n{links}");
    let tables = |contacts: &str, customers: &str| {
        format!(
            "{SETUP}[tables.contacts]\n{contacts}\n[tables.customers]\n{customers}\n[guards]\nmax_changes = \"off\"\n"
        )
    };
    let simple = |said: &str| Scenario {
        config: tables(
            &format!("export = \"contacts.csv\"\n{said}"),
            &format!("export = \"customers.csv\"\n{said}"),
        ),
        first: vec![
            ("relations.csv", links.clone()),
            ("contacts.csv", table("C", 0, "Rome", 1)),
            ("customers.csv", table("K", 0, "Rome", 1)),
        ],
        then: vec![
            ("contacts.csv", table("C", 0, "Oslo", 7)),
            ("customers.csv", table("K", 500, "Rome", 1)),
        ],
    };
    vec![
        simple("write_back = \"in-place\""),
        simple("write_back = \"updates\"\nannounce = \"marker\""),
        Scenario {
            config: tables(
                "export = \"crm/contacts_*.csv\"\nsequence = 'contacts_(\\d+)'\ndrop = true\nready = \"marker\"\nwrite_back = \"crm/updates\"",
                "export = \"customers.csv\"\nwrite_back = \"in-place\"",
            ),
            first: vec![
                ("relations.csv", links.clone()),
                ("crm/contacts_1.csv", table("C", 0, "Rome", 1)),
                ("crm/contacts_1.csv.done", String::new()),
                ("customers.csv", table("K", 0, "Rome", 1)),
            ],
            then: vec![
                ("crm/contacts_2.csv", table("C", 0, "Oslo", 7)),
                ("crm/contacts_2.csv.done", String::new()),
                ("customers.csv", table("K", 500, "Rome", 1)),
            ],
        },
    ]
}

fn put(folder: &Path, files: &[(&str, String)]) -> io::Result<()> {
    for (name, text) in files {
        let path = folder.join(name);
        fs::create_dir_all(path.parent().unwrap_or(folder))?;
        fs::write(path, text)?;
    }
    Ok(())
}

/// All files of others in an exchange, and the log, without what two runs do not say alike: dates, times, and the numbers of drops,
/// one of which is skipped where a claim never came to be.
fn files(folder: &Path) -> io::Result<Files> {
    static VARIES: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(r#"\d{4}-\d\d-\d\d|\d\d:\d\d:\d\d|"drop": \d+|\d{6,}-"#).expect("an expression")
    });
    let mut found = BTreeMap::new();
    for path in files_below(folder)? {
        let name = path
            .strip_prefix(folder)
            .unwrap_or(&path)
            .display()
            .to_string();
        if !name.starts_with("state/") && name != "config.toml" {
            let bytes = fs::read(&path)?;
            let same = match String::from_utf8(bytes) {
                Ok(text) => VARIES
                    .replace_all(&text, "(varies)")
                    .into_owned()
                    .into_bytes(),
                Err(bytes) => bytes.into_bytes(),
            };
            found.insert(VARIES.replace_all(&name, "(varies)").into_owned(), same);
        }
    }
    Ok(found)
}

fn couplet(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_couplet"));
    command
        .args(["reconcile", "--config"])
        .arg(folder.join("config.toml"));
    command
}

/// Makes a pass, which must succeed. Returns what it said to people, and to the log.
fn reconcile(folder: &Path) -> Result<(String, String), String> {
    let output = couplet(folder)
        .output()
        .map_err(|error| error.to_string())?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (said, logged) = (text(&output.stdout), text(&output.stderr));
    match output.status.success() {
        true => Ok((said, logged)),
        false => Err(format!(
            "the next pass ends with {}: {logged}",
            output.status
        )),
    }
}

fn prepared_one(scenario: &Scenario) -> Result<Prepared, String> {
    let told = |error: io::Error| error.to_string();
    let device = Device::with(&blank().map_err(told)?, "noatime").map_err(told)?;
    let root = device.root();
    put(&root, &scenario.first).map_err(told)?;
    fs::write(root.join("config.toml"), &scenario.config).map_err(told)?;
    reconcile(&root)?;
    put(&root, &scenario.then).map_err(told)?;
    let old = files(&root).map_err(told)?;
    let image = device.into_image().map_err(told)?;
    // The same without a cut.
    let device = Device::with(&image, "noatime").map_err(told)?;
    let mut running = Running::start(&device.root()).map_err(told)?;
    let events = running.until(END).map_err(told)?;
    let new = files(&device.root()).map_err(told)?;
    if new == old {
        return Err("a pass that does nothing".to_owned());
    }
    Ok(Prepared {
        image,
        old,
        new,
        events,
    })
}

/// All exchanges just before their pass; why there are none where there can be none.
fn prepared() -> &'static Result<Vec<Prepared>, String> {
    static PREPARED: OnceLock<Result<Vec<Prepared>, String>> = OnceLock::new();
    PREPARED.get_or_init(|| match Device::needs() {
        Some(needs) => Err(needs),
        None => Ok(scenarios()
            .iter()
            .map(|scenario| prepared_one(scenario).unwrap_or_else(|why| panic!("{why}")))
            .collect()),
    })
}

/// The program at work, and what it is seen to do to files.
struct Running {
    child: Child,
    events: mpsc::Receiver<()>,
    /// It sees as long as it lives.
    _watcher: notify::RecommendedWatcher,
}

impl Running {
    fn start(folder: &Path) -> io::Result<Running> {
        let (seen, events) = mpsc::channel();
        let mut watcher = notify::recommended_watcher(move |_| {
            let _ = seen.send(());
        })
        .map_err(io::Error::other)?;
        watcher
            .watch(folder, RecursiveMode::Recursive)
            .map_err(io::Error::other)?;
        let child = couplet(folder)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        Ok(Running {
            child,
            events,
            _watcher: watcher,
        })
    }

    /// Waits until so much was seen, or until it has ended, and returns how much was seen.
    fn until(&mut self, events: usize) -> io::Result<usize> {
        const PATIENCE: Duration = Duration::from_secs(120);
        let begun = Instant::now();
        let mut seen = 0;
        while seen < events && begun.elapsed() < PATIENCE {
            if self.events.recv_timeout(Duration::from_millis(2)).is_ok() {
                seen += 1;
            } else if self.child.try_wait()?.is_some() {
                return Ok(seen);
            }
        }
        Ok(seen)
    }

    /// Stops it where it is. Returns how it ended, if it had.
    fn stop(&mut self) -> io::Result<Option<ExitStatus>> {
        if let Some(status) = self.child.try_wait()? {
            return Ok(Some(status));
        }
        kill_process(Pid::from_child(&self.child), Signal::STOP)?;
        let stat = format!("/proc/{}/stat", self.child.id());
        for _ in 0..100 {
            let text = fs::read_to_string(&stat).unwrap_or_default();
            let state = text
                .rsplit(')')
                .next()
                .unwrap_or_default()
                .trim_start()
                .chars()
                .next();
            if matches!(state, Some('T' | 'Z') | None) {
                break;
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        Ok(None)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Ways to mount, from the usual one to those that do least for a program that forgets to flush.
const MOUNTED: [&str; 5] = [
    "noatime,commit=300",
    "noatime,commit=300,noauto_da_alloc",
    "noatime,commit=300,noauto_da_alloc,data=writeback",
    "noatime,commit=300,nodelalloc,data=writeback",
    "noatime,commit=300,data=journal",
];

/// More than ever happens to files.
const END: usize = usize::MAX;

/// One case in so many is a disk that forgets to flush, to see that a loss would be seen.
const FORGETFUL: u64 = 10;

fn cut(seed: u64, tally: &mut Tally) -> Result<(), String> {
    let prepared = match prepared() {
        Ok(prepared) => prepared,
        Err(needs) => {
            tally.not_tried(needs);
            return Ok(());
        }
    };
    let mut dice = Dice::new(seed);
    let exchange = &prepared[dice.below(prepared.len())];
    if seed % FORGETFUL == FORGETFUL - 1 {
        tally.is("a disk that forgets what it was told to flush");
        let options = "noatime,commit=300,barrier=0";
        let lost = cut_and_recovered(exchange, options, END, Cache::Lost, &mut dice, tally);
        return match lost {
            Err(why) if why.contains("was reported done") => Ok(()),
            other => Err(format!(
                "a disk that forgets to flush is not noticed: {other:?}"
            )),
        };
    }
    let options = MOUNTED[dice.below(MOUNTED.len())];
    // One in three is cut right after its end.
    let moment = match dice.chance(33) {
        true => END,
        false => 1 + dice.below(exchange.events),
    };
    let cache = [Cache::Lost, Cache::Written, Cache::Partly, Cache::Partly][dice.below(4)];
    let done = cut_and_recovered(exchange, options, moment, cache, &mut dice, tally);
    done.map_err(|why| {
        let moment = match moment {
            END => "right after its end".to_owned(),
            events => format!("after {events} events"),
        };
        format!("mounted {options}, cut {moment}, what was in the cache is {cache:?}: {why}")
    })
}

fn cut_and_recovered(
    exchange: &Prepared,
    options: &str,
    moment: usize,
    cache: Cache,
    dice: &mut Dice,
    tally: &mut Tally,
) -> Result<(), String> {
    let told = |error: io::Error| error.to_string();
    let device = Device::with(&exchange.image, options).map_err(told)?;
    let mut running = Running::start(&device.root()).map_err(told)?;
    running.until(moment).map_err(told)?;
    let ended = running.stop().map_err(told)?;
    if ended.is_some_and(|status| !status.success()) {
        return Err(format!(
            "the pass that was not cut yet ended with {ended:?}"
        ));
    }
    // A disk that forgets to flush may still be told to write by the system.
    if cache != Cache::Lost {
        let chance = [0, 30, 100][dice.below(3)];
        device.write_back(chance, dice).map_err(told)?;
    }
    let Some(image) = device.cut(cache, dice).map_err(told)? else {
        return Err("the disk never came to rest".to_owned());
    };
    drop(running);
    tally.count("power cuts", 1);
    if ended.is_some() {
        tally.is("a pass that was reported done");
    }
    let device = device.restart(&image, options).map_err(told)?;
    looked_at(exchange, &device.root(), ended.is_some(), tally)?;
    let image = device.into_image().map_err(told)?;
    check(&image).map_err(|error| format!("the file system is damaged: {error}"))
}

/// What must be so after a cut, and after the passes that follow it.
fn looked_at(
    exchange: &Prepared,
    root: &Path,
    is_reported: bool,
    tally: &mut Tally,
) -> Result<(), String> {
    let Prepared { old, new, .. } = exchange;
    let now = files(root).map_err(|error| error.to_string())?;
    if is_reported {
        differs(&now, new).map_or(Ok(()), |why| {
            Err(format!(
                "what was reported done is not: {why}, although the pass was reported done"
            ))
        })?;
    }
    let published = |(name, _): &(&String, &Vec<u8>)| !is_temporary(name) && *name != "log.csv";
    for (name, bytes) in now.iter().filter(published) {
        let versions = [old.get(name), new.get(name)];
        let is_moved = || {
            !old.contains_key(name)
                && !new.contains_key(name)
                && old.values().any(|other| other == bytes)
        };
        if !versions.contains(&Some(bytes)) && !is_moved() {
            return Err(format!(
                "{name} is neither old nor new:\n{}",
                String::from_utf8_lossy(bytes)
            ));
        }
    }
    let missing = |name: &&String| old.contains_key(*name) && !now.contains_key(*name);
    if let Some(name) = new.keys().find(missing) {
        return Err(format!("{name} is gone"));
    }
    if now == *old {
        tally.is("a cut before anything was to be seen");
    } else if now != *new {
        tally.is("a cut with some files new and some old");
    }
    let (said, logged) = reconcile(root)?;
    if logged.contains("cut before its commit") {
        tally.is(DISCARDED);
    }
    if logged.contains("cut after its commit") {
        tally.is(FINISHED);
    }
    let recovered = files(root).map_err(|error| error.to_string())?;
    if let Some(why) = differs(&recovered, new) {
        return Err(format!(
            "the next pass does not end as one without a cut: {why}\n{said}"
        ));
    }
    if is_reported && !said.starts_with("All in step") {
        return Err(format!(
            "the pass was reported done, and the next one had something to do:\n{said}"
        ));
    }
    let (said, _) = reconcile(root)?;
    let again = files(root).map_err(|error| error.to_string())?;
    match said.starts_with("All in step") && again == recovered {
        true => Ok(()),
        false => Err(format!("the pass after the next is not in step:\n{said}")),
    }
}

/// Whether a name is one that a file has only while it is written.
fn is_temporary(name: &str) -> bool {
    name.contains(".couplet-") || name.ends_with(".tmp")
}

fn differs(found: &Files, expected: &Files) -> Option<String> {
    for (name, bytes) in found {
        let Some(other) = expected.get(name) else {
            return Some(format!("{name} is too much"));
        };
        if bytes != other {
            let (text, other) = (
                String::from_utf8_lossy(bytes),
                String::from_utf8_lossy(other),
            );
            let differing = text
                .lines()
                .zip(other.lines())
                .enumerate()
                .find(|(_, (line, other))| line != other);
            return Some(match differing {
                Some((at, (line, other))) => {
                    format!("line {at} of {name} is {line:?} and not {other:?}")
                }
                None => format!("{name} has {} bytes and not {}", text.len(), other.len()),
            });
        }
    }
    let missing = expected.keys().find(|name| !found.contains_key(*name));
    missing.map(|name| format!("{name} is missing"))
}
