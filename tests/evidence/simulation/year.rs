//! A year of a daemon: hour by hour, what happens around it, what it hears of that, and when it wakes.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, VecDeque};
use std::path::{Path, PathBuf};

use couplet::config::Config;
use couplet::exchange::Round;
use couplet::exchange::daemon::{Daemon, Observer, OpenState, Told};
use couplet::merge::Rule;
use couplet::sync::pass::TableSummary;
use couplet::sync::{Effects, Outcome};

use crate::dice::Dice;
use crate::exchange::{parse as configuration, path};
use crate::memory::MemoryDisk;
use crate::run::Tally;

use super::fault::{Fault, Faults};
use super::system::{Export, Step, Style, System};
use super::time::{HOUR, MILLI, MINUTE, Nanos, SECOND, Time};
use super::tokens::{Edits, Token, Tokens, token};
use super::trouble::TroubledDisk;

/// Contacts, and the customer and vendor of each.
pub const PARTIES: [(&str, Option<&str>, Option<&str>); 4] = [
    ("C1", Some("K1"), Some("V1")),
    ("C2", Some("K2"), None),
    ("C3", Some("K3"), Some("V2")),
    ("C4", None, None),
];

/// How often folders are looked at in any case: at most so seldom, with the daemon's own variation.
const SCAN_MINUTES: u64 = 60;

/// What a round may take.
const LONGEST_ROUND: Nanos = 8 * SECOND;

/// So many rounds in an hour are too many, whatever fails: one that fails is made again after seconds, then minutes.
const MOST_ROUNDS: u32 = 120;

/// The configuration of an exchange.
pub fn config_text(systems: &[System], settle: u64, rest: &str) -> String {
    let tables: String = systems.iter().map(System::config).collect();
    format!(
        "state = \"state\"\n[setup]\nbus_rel_code_for_customers = \"CUST\"\nbus_rel_code_for_vendors = \"VEND\"\n\
         {tables}[tables.relations]\nexport = \"relations/relations.csv\"\n\
         {rest}[run]\nsettle = \"{settle}s\"\nscan = \"{SCAN_MINUTES}m\"\npoll = \"10m\"\n"
    )
}

/// What the daemon said of its rounds.
#[derive(Default)]
pub struct Heard {
    rounds: RefCell<Vec<Round>>,
    failures: RefCell<Vec<String>>,
    pub(super) looks: Cell<u64>,
}

impl Observer for Heard {
    fn looked(&self) {
        self.looks.set(self.looks.get() + 1);
    }

    fn begins(&self) {}

    fn made(&self, round: &Round) {
        self.rounds.borrow_mut().push(round.clone());
    }

    fn failed(&self, reason: &str) {
        self.failures.borrow_mut().push(reason.to_owned());
    }

    fn watching(&self) {}
}

/// What is about to happen.
pub(super) enum Happening {
    /// A program does something to the disk.
    Step(Step),
    /// The daemon hears of it.
    Hear(Option<Told>),
    /// Somebody does something.
    Act,
    /// A system exports, slowly or at once.
    Export { system: usize, slowly: bool },
    /// A process of the daemon begins.
    Begin,
    /// A folder comes back.
    Back(PathBuf),
    /// The disk has room again.
    Room,
}

/// What stands around the daemon and outlives its processes.
pub struct Surroundings<'y> {
    pub time: &'y Time,
    pub disk: &'y TroubledDisk,
    pub effects: &'y Effects<'y>,
    pub open: OpenState<'y>,
    pub heard: &'y Heard,
}

/// The year.
pub struct Year<'y> {
    pub(super) around: Surroundings<'y>,
    pub(super) memory: MemoryDisk,
    pub(super) dice: Dice,
    pub(super) faults: Faults,
    pub(super) systems: Vec<System>,
    pub(super) edits: Edits,
    pub(super) config: Config,
    pub(super) rest: String,
    pub(super) daemon: Option<Daemon<'y>>,
    /// When the daemon wakes though nothing be told.
    pub(super) due: Nanos,
    pub(super) happenings: BTreeMap<(Nanos, u64), Happening>,
    pub(super) numbered: u64,
    /// Whether each watched folder was there when the daemon last saw to its watches.
    pub(super) armed: BTreeMap<PathBuf, bool>,
    /// Until then a round may fail.
    pub(super) trouble_until: Nanos,
    pub(super) rounds_in_hour: u32,
    pub(super) answered: BTreeMap<u64, String>,
    pub(super) decisions: u64,
    /// The last pass of which the changes were judged.
    judged: u64,
    /// A policy chooses among sides that differ.
    chooses: bool,
    /// Edits that complete exports had shown when the last round ended.
    known: Tokens,
    /// What a policy chose last for each field of a contact.
    chosen: BTreeMap<(String, String), Token>,
    /// Complete exports that the daemon has not opened, and when they were complete.
    pub(super) unread: Vec<(Nanos, usize, PathBuf)>,
    /// What happened last, oldest first, for whoever reads of a failure.
    pub(super) story: VecDeque<String>,
    pub(super) tally: &'y mut Tally,
}

impl<'y> Year<'y> {
    pub fn new(
        mut dice: Dice,
        memory: MemoryDisk,
        around: Surroundings<'y>,
        systems: Vec<System>,
        tally: &'y mut Tally,
    ) -> Year<'y> {
        let faults = Faults::of(&mut dice);
        let files = ["one", "monthly"][dice.below(2)];
        let keep = ["", "keep = \"20d\"\n"][dice.below(2)];
        let policies = ["hold", "hold", "hold", "contact", "counterpart"];
        let policy = policies[dice.below(policies.len())];
        let rest = format!(
            "[interactions]\nexport = \"log/interactions.csv\"\nfiles = \"{files}\"\n\
             [exchange]\nconflicts = \"conflicts/conflicts.csv\"\nrequests = \"requests\"\n{keep}\
             [merge]\non_conflict = \"{policy}\"\n"
        );
        let config = configuration(&config_text(&systems, 3, &rest));
        let year = Year {
            around,
            memory,
            dice,
            faults,
            systems,
            edits: Edits::new(),
            config,
            rest,
            daemon: None,
            due: Nanos::MAX,
            happenings: BTreeMap::new(),
            numbered: 0,
            armed: BTreeMap::new(),
            trouble_until: 0,
            rounds_in_hour: 0,
            answered: BTreeMap::new(),
            decisions: 0,
            judged: 0,
            chooses: policy != "hold",
            known: Tokens::default(),
            chosen: BTreeMap::new(),
            unread: Vec::new(),
            story: VecDeque::new(),
            tally,
        };
        for system in &year.systems {
            year.memory.put(&system.folder().join(".keep"), "");
            if system.style != Style::InPlace {
                year.memory.put(&system.updates_folder().join(".keep"), "");
            }
        }
        for folder in ["conflicts", "requests", "relations"] {
            year.memory.put(&path(folder).join(".keep"), "");
        }
        let mut relations = "Contact No.,Business Relation Code,Link to Table,No.\n".to_owned();
        for (contact, customer, vendor) in PARTIES {
            relations.extend(customer.map(|no| format!("{contact},CUST,Customer,{no}\n")));
            relations.extend(vendor.map(|no| format!("{contact},VEND,Vendor,{no}\n")));
        }
        year.memory.put(&path("relations/relations.csv"), relations);
        year
    }

    /// Notes what happened.
    pub(super) fn tell_story(&mut self, what: impl Into<String>) {
        const KEPT: usize = 40;
        let seconds = self.now() as f64 / SECOND as f64;
        self.story
            .push_back(format!("{seconds:.3} {}", what.into()));
        if self.story.len() > KEPT {
            self.story.pop_front();
        }
    }

    /// What happened last, newest first.
    pub fn story(&self) -> String {
        let story: Vec<&str> = self.story.iter().rev().map(String::as_str).collect();
        story.join("\n    ")
    }

    pub(super) fn now(&self) -> Nanos {
        self.around.time.now()
    }

    pub(super) fn at(&mut self, then: Nanos, happening: Happening) {
        self.numbered += 1;
        self.happenings.insert((then, self.numbered), happening);
    }

    /// Lives through so many hours, then lets everything come to rest and looks at what is left.
    pub fn live(&mut self, hours: u64) -> Result<(), String> {
        // Everything that is there before the daemon: the first exports.
        for at in 0..self.systems.len() {
            self.export(at, false);
        }
        self.run_until(MINUTE * 10)?;
        self.at(10 * MINUTE, Happening::Begin);
        self.run_until(HOUR)?;
        for hour in 1..hours {
            self.begin_hour(hour);
            self.run_until((hour + 1) * HOUR)?;
            self.end_hour()?;
        }
        self.come_to_rest(hours)
    }

    /// What will happen in an hour.
    fn begin_hour(&mut self, hour: u64) {
        self.rounds_in_hour = 0;
        if !self.dice.chance(4) {
            return;
        }
        for _ in 0..1 + self.dice.below(4) {
            let then = hour * HOUR + self.dice.next() % HOUR;
            self.at(then, Happening::Act);
        }
    }

    /// What must be so at the end of each hour.
    pub(super) fn end_hour(&mut self) -> Result<(), String> {
        if self.rounds_in_hour > MOST_ROUNDS {
            return Err(format!("{} rounds in an hour", self.rounds_in_hour));
        }
        // Other exports may have to wait for the one that is missing.
        let longest = SCAN_MINUTES * MINUTE * 11 / 10 + 2 * LONGEST_ROUND + 10 * SECOND;
        let now = self.now();
        let patience = now.max(longest) - longest;
        if self.trouble_until > patience || self.daemon.is_none() {
            return Ok(());
        }
        let disk = self.around.disk;
        // A drop that was claimed stands there no more.
        let memory = &self.memory;
        self.unread.retain(|(since, _, path)| {
            memory.exists(path) && disk.opened(path).is_none_or(|opened| opened < *since)
        });
        for (since, system, path) in &self.unread {
            let waits =
                self.systems[*system].holds_gaps && self.systems[*system].style == Style::Delta;
            if *since < patience && !waits {
                return Err(format!(
                    "{} is complete since {} and was not read by {now}",
                    path.display(),
                    since
                ));
            }
        }
        Ok(())
    }

    /// Lets time pass, with all that happens.
    pub(super) fn run_until(&mut self, end: Nanos) -> Result<(), String> {
        loop {
            let next = self
                .happenings
                .keys()
                .next()
                .map_or(Nanos::MAX, |(then, _)| *then);
            let due = if self.daemon.is_some() {
                self.due
            } else {
                Nanos::MAX
            };
            let then = next.min(due);
            if then > end {
                self.around.time.go_on_to(end);
                return Ok(());
            }
            self.around.time.go_on_to(then);
            if due <= next {
                self.arm();
                self.wake(&[])?;
            } else {
                self.happen()?;
            }
        }
    }

    /// The next that happens, happens.
    fn happen(&mut self) -> Result<(), String> {
        let Some((_, happening)) = self.happenings.pop_first() else {
            return Ok(());
        };
        match happening {
            Happening::Step(step) => self.step(step)?,
            Happening::Hear(told) => {
                if self.daemon.is_some() {
                    self.wake(told.as_slice())?;
                }
            }
            Happening::Act => self.act()?,
            Happening::Export { system, slowly } => {
                self.edit(system)?;
                self.export(system, slowly);
            }
            Happening::Begin => self.begin()?,
            Happening::Back(folder) => {
                self.around.disk.set_offline(&folder, false);
                self.trouble_until = self.trouble_until.max(self.now() + 10 * MINUTE);
            }
            Happening::Room => {
                self.around.disk.fill(false);
                self.trouble_until = self.trouble_until.max(self.now() + 10 * MINUTE);
            }
        }
        Ok(())
    }

    /// A process of the daemon begins.
    fn begin(&mut self) -> Result<(), String> {
        self.around.disk.revive();
        let Surroundings {
            time,
            effects,
            open,
            heard,
            ..
        } = self.around;
        self.daemon = Some(Daemon::new(
            self.config.clone(),
            effects,
            open,
            heard,
            time.instant(),
        ));
        self.armed.clear();
        self.arm();
        self.wake(&[])
    }

    /// Its process ends, and another begins after a while.
    pub(super) fn end_process(&mut self, pause: Nanos) {
        self.daemon = None;
        let then = self.now() + pause;
        self.trouble_until = self.trouble_until.max(then + 10 * MINUTE);
        self.at(then, Happening::Begin);
    }

    /// It sees to its watches.
    pub(super) fn arm(&mut self) {
        let folders = self.systems.iter().map(System::folder);
        let others = ["relations", "requests", "conflicts"].map(path);
        for folder in folders.chain(others) {
            let is_there = !self.around.disk.is_offline(&folder);
            self.armed.insert(folder, is_there);
        }
    }

    /// The daemon looks, and makes the rounds that are due.
    pub(super) fn wake(&mut self, told: &[Told]) -> Result<(), String> {
        let time = self.around.time;
        let Some(mut daemon) = self.daemon.take() else {
            return Ok(());
        };
        self.around.disk.set_now(self.now());
        daemon.look(told, time.instant());
        while daemon.is_due(time.instant()) {
            let intruder = self.intrude();
            let made = daemon.make_round(time.instant());
            self.end_intrusion(intruder);
            self.rounds_in_hour += 1;
            self.tally.count("rounds", 1);
            let ended = self.now() + 1 + self.round_takes();
            let is_dead = self.around.disk.is_dead();
            self.after_round(is_dead)?;
            if is_dead {
                self.tally.is("a crash");
                self.go_on_without_it()?;
                let pause = self.dice.next() % (3 * HOUR);
                self.end_process(pause);
                return Ok(());
            }
            let pending = self.meanwhile(ended)?;
            daemon.take_in(made, time.instant());
            self.around.disk.set_now(self.now());
            daemon.look(&pending, time.instant());
            if self.rounds_in_hour > 2 * MOST_ROUNDS {
                return Err("it makes rounds without end".to_owned());
            }
        }
        let polls = self.armed.values().any(|is_armed| !is_armed);
        self.due = time.of(daemon.next_look(polls, time.instant()));
        if self.due <= self.now() {
            self.due = self.now() + 1;
        }
        self.daemon = Some(daemon);
        Ok(())
    }

    pub(super) fn round_takes(&mut self) -> Nanos {
        match self.faults.has(Fault::LongRounds) && self.dice.chance(30) {
            true => self.dice.next() % LONGEST_ROUND,
            false => self.dice.next() % (50 * MILLI),
        }
    }

    /// What others do while a round is made; what a watcher would have told of that, and of what the round did itself.
    fn meanwhile(&mut self, ended: Nanos) -> Result<Vec<Told>, String> {
        // What was on its way when the round began comes before what the round did.
        let mut told = Vec::new();
        let is_heard = |(_, happening): &(&_, &Happening)| matches!(happening, Happening::Hear(_));
        let on_the_way: Vec<(Nanos, u64)> = self
            .happenings
            .iter()
            .filter(is_heard)
            .map(|(at, _)| *at)
            .collect();
        for at in on_the_way {
            if let Some(Happening::Hear(heard)) = self.happenings.remove(&at) {
                told.extend(heard);
            }
        }
        told.extend(self.around.disk.told());
        while let Some((&(then, number), happening)) = self.happenings.first_key_value() {
            if then > ended {
                break;
            }
            match happening {
                Happening::Step(_) => {
                    self.around.time.go_on_to(then);
                    self.happen()?;
                }
                Happening::Hear(_) => {
                    if let Some(Happening::Hear(heard)) = self.happenings.remove(&(then, number)) {
                        told.extend(heard);
                    }
                }
                // Whatever else there is happens when it can.
                _ => {
                    if let Some(later) = self.happenings.remove(&(then, number)) {
                        self.at(ended + 1, later);
                    }
                }
            }
        }
        self.around.time.go_on_to(ended);
        let is_watched = |told: &Told| {
            let (Told::RenamedIn(path) | Told::Closed(path) | Told::Written(path)) = told else {
                return true;
            };
            path.parent().and_then(|folder| self.armed.get(folder)) == Some(&true)
        };
        told.retain(is_watched);
        Ok(told)
    }

    /// What a round did must be allowed.
    fn after_round(&mut self, is_dead: bool) -> Result<(), String> {
        for reason in self.around.heard.failures.take() {
            self.tell_story(format!("round failed: {reason}"));
            let is_trouble = is_dead || self.now() <= self.trouble_until;
            self.tally.count("rounds that failed", 1);
            if !is_trouble {
                return Err(format!("a round failed without a fault: {reason}"));
            }
        }
        let rounds = self.around.heard.rounds.take();
        self.judge_untold(&rounds)?;
        for round in rounds {
            if !round.offline.is_empty() {
                self.tally.is("an offline folder");
            }
            for row in &round.answered {
                if let Some(before) = self.answered.insert(row.id, row.name.clone()) {
                    return Err(format!("drop {} ({before}) was answered twice", row.id));
                }
                self.tally.count("drops answered", 1);
            }
            let (Outcome::Done(summary) | Outcome::InStep(summary)) = &round.outcome else {
                return Err(format!("a guard spoke: {:?}", round.outcome));
            };
            if !summary.plan.uncouplings.is_empty() {
                let gone = &summary.plan.uncouplings;
                return Err(format!(
                    "something counts as gone, and nobody removes anything: {gone:?}"
                ));
            }
            for table in &summary.tables {
                let system = self
                    .systems
                    .iter()
                    .find(|system| system.table == table.table);
                let whole = system.filter(|system| system.style != Style::Delta);
                let whole = whole.map(|system| system.rows.len() as u64);
                if whole.is_some() && table.records.is_some() && table.records != whole {
                    return Err(format!("a part of an export was read: {table:?}"));
                }
            }
            if !summary.plan.conflicts.is_empty() {
                self.tally.is("a conflict");
            }
            for problem in &summary.plan.problems {
                match problem.kind.as_str() {
                    "gap" => self.tally.is("a gap"),
                    "cut-export" | "refused-export" => self.tally.is("a cut export"),
                    _ => {}
                }
            }
            self.tally
                .count("cells written", summary.plan.changes.len() as u64);
            let table = |table: &TableSummary| match (table.records, table.changed) {
                (Some(_), 0) => String::new(),
                (records, changed) => format!(" {} {records:?}/{changed}", table.table),
            };
            let tables: String = summary.tables.iter().map(table).collect();
            let (pass, unready) = (summary.pass, &round.unready);
            self.tell_story(format!(
                "round, pass {pass:?}:{tables}, unready {unready:?}"
            ));
            for change in &summary.plan.changes {
                self.tell_story(format!(
                    "  {} {} {}: {} to {}, {:?}",
                    change.table, change.no, change.column, change.from, change.to, change.rule
                ));
            }
            for change in &summary.plan.changes {
                let (contact, column) = (&change.contact, &change.column);
                self.judge(contact, column, [&change.from, &change.to], change.rule)
                    .map_err(|why| format!("{why}: {change:?}"))?;
            }
            self.known = self.edits.seen.clone();
        }
        Ok(())
    }

    /// A cell may be written over by who knew what it had, by a person, or by a policy; what a policy chose is noted.
    fn judge(
        &mut self,
        contact: &str,
        column: &str,
        values: [&str; 2],
        rule: Rule,
    ) -> Result<(), &'static str> {
        let [Some(from), Some(to)] = values.map(token) else {
            return Err("a value that nobody typed was merged");
        };
        let cell = (contact.to_owned(), column.to_owned());
        // A side that was silent when the policy chose takes what was chosen when it speaks. Where nobody had to be written to then, no
        // change told what that was; but what it chose against was known by then.
        let is_told = || self.chosen.get(&cell) == Some(&to);
        let may_be_chosen = self.chooses && self.known.contains(from);
        let was_chosen = rule == Rule::Agreed && (may_be_chosen || is_told());
        if rule == Rule::Policy {
            self.tally.is("a conflict that a policy decided");
            self.edits.excuse(from);
            self.chosen.insert(cell.clone(), to);
        } else if was_chosen {
            // Until it imports that, it shows its own to whatever comes next.
            self.edits.excuse(from);
        }
        // What a silent side still shows lost against what a policy chose, and so against who came to know that.
        let was_beaten = self
            .chosen
            .get(&cell)
            .is_some_and(|chosen| from < *chosen && self.edits.knew(to, *chosen));
        let is_allowed = rule == Rule::Decided
            || was_chosen
            || was_beaten
            || self.edits.knew(to, from)
            || self.edits.excused.contains(from);
        match is_allowed {
            true => Ok(()),
            false => Err("an edit was reverted by one that did not know it"),
        }
    }

    /// A process that died with the intent or the commit of a pass told nobody what it wrote, and the next only finishes it. The
    /// state says it.
    fn judge_untold(&mut self, told: &[Round]) -> Result<(), String> {
        let told = told.iter().filter_map(|round| match &round.outcome {
            Outcome::Done(summary) | Outcome::InStep(summary) => summary.pass,
            _ => None,
        });
        let told: Vec<u64> = told.collect();
        let store = (self.around.open)(&self.config.state).map_err(|error| error.to_string())?;
        let last = store.last_pass().map_err(|error| error.to_string())?;
        let passes = self.judged + 1..=last;
        self.judged = self.judged.max(last);
        if passes.clone().all(|pass| told.contains(&pass)) {
            return Ok(());
        }
        let mut untold = Vec::new();
        for system in &self.systems {
            for no in system.rows.keys() {
                let decisions = store.decisions(system.table, no, None);
                untold.extend(decisions.map_err(|error| error.to_string())?);
            }
        }
        untold.retain(|decision| passes.contains(&decision.pass) && !told.contains(&decision.pass));
        // What a policy chose comes first in a pass, for others follow it.
        untold.sort_by_key(|decision| (decision.pass, decision.rule != Rule::Policy));
        for decision in untold {
            self.tally
                .count("cells written by passes that told nobody", 1);
            self.tell_story(format!(
                "  told nobody: pass {}, {} {}: {} to {}, {:?}",
                decision.pass,
                decision.contact,
                decision.column,
                decision.from,
                decision.to,
                decision.rule
            ));
            let (contact, column) = (&decision.contact, &decision.column);
            self.judge(
                contact,
                column,
                [&decision.from, &decision.to],
                decision.rule,
            )
            .map_err(|why| format!("{why}, by a pass that told nobody: {decision:?}"))?;
        }
        Ok(())
    }

    /// A program does something to the disk, and the daemon may hear of it.
    fn step(&mut self, step: Step) -> Result<(), String> {
        self.tell_story(step.to_string());
        let (path, told) = match step {
            Step::Write {
                path,
                bytes,
                modified,
            } => {
                self.memory.overwrite(&path, bytes, modified);
                (path.clone(), Some(Told::Written(path)))
            }
            Step::Close(path) => (path.clone(), Some(Told::Closed(path))),
            Step::Rename { from, to } => {
                self.memory.mv(&from, &to);
                (to.clone(), Some(Told::RenamedIn(to)))
            }
            Step::Complete { system, export } => {
                self.complete(system, export);
                return Ok(());
            }
        };
        self.tell(&path, told);
        Ok(())
    }

    /// An event of a watched folder is on its way, unless it is lost.
    fn tell(&mut self, path: &Path, told: Option<Told>) {
        let is_watched = path.parent().and_then(|folder| self.armed.get(folder)) == Some(&true);
        let is_offline = path
            .parent()
            .is_some_and(|folder| self.around.disk.is_offline(folder));
        if !is_watched || is_offline || self.daemon.is_none() {
            return;
        }
        let soon = self.now() + MILLI;
        if self.faults.has(Fault::Overflow) && self.dice.chance(10) {
            self.tally.is("an overflow");
            self.at(soon, Happening::Hear(Some(Told::Missed)));
            return;
        }
        // What is lost of a write is lost of its close too: a queue that is full takes nothing more.
        if let Some(Told::Written(_)) = told {
            self.at(soon, Happening::Hear(told));
            return;
        }
        if self.faults.has(Fault::LostEvents) && self.dice.chance(30) {
            self.tally.is("lost events");
            return;
        }
        if self.faults.has(Fault::TwiceToldEvents) && self.dice.chance(30) {
            self.tally.is("events told twice");
            self.at(soon, Happening::Hear(told.clone()));
        }
        self.at(soon, Happening::Hear(told));
    }

    /// An export is complete.
    fn complete(&mut self, at: usize, export: Export) {
        let now = self.now();
        for token in &export.shows {
            self.edits.seen.insert(*token);
        }
        // One that is sent again is a new one.
        self.unread.retain(|(.., path)| *path != export.path);
        self.unread.push((now, at, export.path.clone()));
        let system = &mut self.systems[at];
        system.is_writing = false;
        system.keep(export);
    }
}
