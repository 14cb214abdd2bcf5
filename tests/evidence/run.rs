//! Runs the cases of a layer on all cores until its budget is spent, and says what was tried.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::available_parallelism;
use std::time::{Duration, Instant};

/// One kind of evidence.
pub struct Layer {
    /// What it is called.
    pub name: &'static str,
    /// What it shows, as a sentence.
    pub about: &'static str,
    /// How many cases each commit is worth. Those of a layer that none is worth are tried where it is named: all of them.
    pub cases: u64,
    /// How many cases there are; `None` where each seed is another one.
    pub all: Option<fn() -> u64>,
    /// Whether its cases may run side by side.
    pub parallel: bool,
    /// Cases that once failed; they are tried first.
    pub regressions: Regressions,
    /// Classes of cases, or kinds, and how many of a hundred cases must be of each, or of the kind do well, lest it test nothing.
    pub floors: &'static [(&'static str, f64)],
    /// Tries one case: the number of the case where all are known, else its seed.
    pub case: fn(u64, &mut Tally) -> Result<(), String>,
}

/// Cases that once failed, one a line; what follows `#` says why.
pub struct Regressions {
    /// The lines.
    pub text: &'static str,
    /// Tries the case of a line again.
    pub replay: fn(&str, &mut Tally) -> Result<(), String>,
}

impl Regressions {
    /// None so far.
    pub const NONE: Regressions = Regressions {
        text: "",
        replay: |_, _| Ok(()),
    };

    fn lines(&self) -> impl Iterator<Item = &'static str> {
        let lines = self.text.lines().map(|line| match line.split_once(" #") {
            Some((case, _)) => case.trim(),
            None => line.trim(),
        });
        lines.filter(|line| !line.is_empty() && !line.starts_with('#'))
    }
}

/// Counts what cases went through.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    counts: BTreeMap<&'static str, u64>,
    classes: BTreeMap<&'static str, u64>,
    seen: Vec<&'static str>,
    /// Of each kind, how many there were, and how many of them did well.
    kinds: BTreeMap<&'static str, [u64; 2]>,
    remarks: Vec<String>,
    not_tried: Option<String>,
    time: Option<Duration>,
}

impl Tally {
    /// This machine lacks what the cases need: why nothing was tried, and nothing more will be.
    pub fn not_tried(&mut self, needs: &str) {
        self.not_tried = Some(needs.to_owned());
    }

    /// Counts something, such as passes or crash states.
    pub fn count(&mut self, what: &'static str, many: u64) {
        *self.counts.entry(what).or_default() += many;
    }

    /// This case is of a class; saying so twice counts once.
    pub fn is(&mut self, class: &'static str) {
        if !self.seen.contains(&class) {
            self.seen.push(class);
        }
    }

    /// This case, or a part of it, is of a kind of which not all need do well; whether it did.
    pub fn of(&mut self, kind: &'static str, did_well: bool) {
        let [all, well] = self.kinds.entry(kind).or_default();
        *all += 1;
        *well += u64::from(did_well);
    }

    /// Something that is to be read in the end, and is no failure.
    pub fn remark(&mut self, what: String) {
        self.remarks.push(what);
    }

    /// For how long all cases together are to be tried, where that was said: a case may last as long then.
    pub fn time(&self) -> Option<Duration> {
        self.time
    }

    /// Takes over what a part of this case went through.
    pub fn merge(&mut self, part: Tally) {
        for class in &part.seen {
            self.is(class);
        }
        self.add(part);
    }

    fn end_case(&mut self) {
        for class in self.seen.drain(..) {
            *self.classes.entry(class).or_default() += 1;
        }
    }

    fn add(&mut self, other: Tally) {
        for (what, many) in other.counts {
            *self.counts.entry(what).or_default() += many;
        }
        for (class, many) in other.classes {
            *self.classes.entry(class).or_default() += many;
        }
        for (kind, [all, well]) in other.kinds {
            let known = self.kinds.entry(kind).or_default();
            *known = [known[0] + all, known[1] + well];
        }
        self.remarks.extend(other.remarks);
        self.not_tried = self.not_tried.take().or(other.not_tried);
    }
}

/// How much is tried.
#[derive(Clone, Copy, Debug)]
pub struct Budget {
    /// Until this much time has passed; `None` for a number of cases.
    pub time: Option<Duration>,
    /// So many cases; `None` for what a commit is worth.
    pub cases: Option<u64>,
    /// The first seed; `None` for the one that each commit begins with.
    pub seed: Option<u64>,
    /// All cases that there are, where they are known.
    pub all: bool,
}

/// What a layer tried.
pub struct Report {
    layer: &'static Layer,
    first: u64,
    cases: u64,
    took: Duration,
    tally: Tally,
    replayed: usize,
    /// Cases that once failed and fail again.
    relapses: Vec<(&'static str, String)>,
    failures: Vec<(u64, String)>,
}

/// So many failures are enough.
const ENOUGH: usize = 5;

/// So many characters of each are.
const LONGEST: usize = 4_000;

/// Whether somebody wants to know what was tried so far.
static INTERRUPTED: AtomicBool = AtomicBool::new(false);

/// From here on, Ctrl-C ends what is tried after the cases that have begun, and what was tried is said; a second one ends everything.
pub fn hear_interrupts() {
    let listen = || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build();
        let runtime = runtime.expect("a runtime that waits");
        while runtime.block_on(tokio::signal::ctrl_c()).is_ok() {
            if INTERRUPTED.swap(true, Ordering::Relaxed) {
                std::process::exit(1);
            }
        }
    };
    // It listens as long as the process lives.
    drop(std::thread::spawn(listen));
}

impl Layer {
    /// Tries what the budget allows.
    pub fn run(&'static self, budget: Budget) -> Report {
        let all = self.all.map(|all| all());
        let (first, step, most) = match (all, budget) {
            // A sample that is spread over all of them.
            (
                Some(all),
                Budget {
                    all: false,
                    time: None,
                    seed: None,
                    cases,
                },
            ) => {
                let worth = if self.cases == 0 { all } else { self.cases };
                let cases = cases.unwrap_or(worth).clamp(1, all);
                // An odd step, lest it meets the same choice wherever choices come in powers of two.
                (0, (all / cases) | 1, cases)
            }
            (Some(all), Budget { seed, cases, .. }) => {
                let first = seed.unwrap_or(0).min(all);
                (first, 1, cases.unwrap_or(all).min(all - first))
            }
            (
                None,
                Budget {
                    time: Some(_),
                    seed,
                    ..
                },
            ) => (seed.unwrap_or_else(by_clock), 1, u64::MAX),
            (None, Budget { cases, seed, .. }) => {
                (seed.unwrap_or(1), 1, cases.unwrap_or(self.cases))
            }
        };
        let begun = Instant::now();
        let (mut replayed, mut relapses) = (0, Vec::new());
        for line in self.regressions.lines().filter(|_| budget.seed.is_none()) {
            replayed += 1;
            let case = |tally: &mut Tally| (self.regressions.replay)(line, tally);
            if let Err(why) = attempt(case, &mut Tally::default()) {
                relapses.push((line, why));
            }
        }
        let next = AtomicU64::new(0);
        let failed = AtomicBool::new(false);
        let done = Mutex::new((Tally::default(), 0, Vec::new()));
        let work = || {
            let (mut tally, mut cases, mut failures) = (Tally::default(), 0, Vec::new());
            tally.time = budget.time;
            while !failed.load(Ordering::Relaxed)
                && !INTERRUPTED.load(Ordering::Relaxed)
                && budget.time.is_none_or(|time| begun.elapsed() < time)
            {
                let at = next.fetch_add(1, Ordering::Relaxed);
                if at >= most {
                    break;
                }
                let case = first.wrapping_add(at.wrapping_mul(step));
                let case = all.map_or(case, |all| case % all);
                if let Err(why) = attempt(|tally| (self.case)(case, tally), &mut tally) {
                    failures.push((case, why));
                    failed.store(failures.len() >= ENOUGH, Ordering::Relaxed);
                }
                if tally.not_tried.is_some() {
                    break;
                }
                tally.end_case();
                cases += 1;
                self.progress(begun, at, budget.time.is_some() || budget.all);
            }
            let mut done = done.lock().expect("no panic under this lock");
            done.0.add(tally);
            done.1 += cases;
            done.2.append(&mut failures);
        };
        let threads = available_parallelism().map_or(1, usize::from);
        std::thread::scope(|scope| {
            for _ in 1..threads.min(if self.parallel { threads } else { 1 }) {
                scope.spawn(work);
            }
            work();
        });
        let (tally, cases, mut failures) = done.into_inner().expect("no panic under this lock");
        failures.sort();
        Report {
            layer: self,
            first,
            cases,
            took: begun.elapsed(),
            tally,
            replayed,
            relapses,
            failures,
        }
    }

    /// Long runs say now and then how far they are.
    fn progress(&self, begun: Instant, at: u64, is_long: bool) {
        const OFTEN: u64 = 30;
        static SAID: AtomicU64 = AtomicU64::new(0);
        let seconds = begun.elapsed().as_secs();
        if is_long && SAID.swap(seconds / OFTEN, Ordering::Relaxed) < seconds / OFTEN {
            eprintln!("{}: {at} cases in {seconds} s", self.name);
        }
    }
}

/// Tries a case; the program's own breakdown is a failure like any other.
pub fn attempt(
    case: impl FnOnce(&mut Tally) -> Result<(), String>,
    tally: &mut Tally,
) -> Result<(), String> {
    catch_unwind(AssertUnwindSafe(|| case(tally))).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().cloned();
        let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
        Err(format!("it panicked: {}", text.unwrap_or_default()))
    })
}

fn percent(part: u64, whole: u64) -> f64 {
    100.0 * part as f64 / whole.max(1) as f64
}

fn by_clock() -> u64 {
    let nanos = jiff::Timestamp::now().as_nanosecond() as u64;
    // Seeds that a person can type, and ranges that do not meet.
    (nanos / 1_000_000_000 % 1_000_000) * 1_000_000_000
}

impl Report {
    /// Whether nothing was found, and something was tried where it can be tried.
    pub fn is_clean(&self) -> bool {
        self.failures.is_empty() && self.relapses.is_empty() && self.below_floor().is_empty()
    }

    /// Classes of which too few cases were. A few cases say nothing about shares.
    fn below_floor(&self) -> Vec<String> {
        const ENOUGH: u64 = 100;
        let floors = self.layer.floors.iter().filter_map(|(class, floor)| {
            let share = self.share(class);
            let of_kind = self.tally.kinds.get(class);
            let whole = of_kind.map_or("the cases had".to_owned(), |[all, _]| all.to_string());
            (self.cases >= ENOUGH && share < *floor)
                .then(|| format!("only {share:.1}% of {whole} {class}, less than {floor}%"))
        });
        floors.collect()
    }

    fn share(&self, class: &str) -> f64 {
        let of_cases = self.tally.classes.get(class).copied().unwrap_or_default();
        let of_kind = self.tally.kinds.get(class);
        of_kind.map_or(percent(of_cases, self.cases), |[all, well]| {
            percent(*well, *all)
        })
    }

    /// Says what was tried, and what was found.
    pub fn print(&self) {
        let Layer { name, about, .. } = self.layer;
        let seconds = self.took.as_secs_f64();
        println!("{name}: {about}");
        if let Some(needs) = &self.tally.not_tried {
            println!("  not tried: {needs}");
            return;
        }
        println!(
            "  {} cases from {} on in {seconds:.1} s, {:.0} a second",
            self.cases,
            self.first,
            self.cases as f64 / seconds.max(1e-9)
        );
        for (what, many) in &self.tally.counts {
            println!(
                "  {many} {what}, {:.0} a second",
                *many as f64 / seconds.max(1e-9)
            );
        }
        for class in self.tally.classes.keys() {
            println!("  {:5.1}% had {class}", self.share(class));
        }
        for (kind, [all, _]) in &self.tally.kinds {
            println!("  {:5.1}% of {all} {kind}", self.share(kind));
        }
        let mut remarks: Vec<&String> = self.tally.remarks.iter().collect();
        remarks.sort();
        for remark in remarks {
            println!("  {remark}");
        }
        if self.replayed > 0 {
            println!(
                "  {} cases that once failed were tried again",
                self.replayed
            );
        }
        for (line, why) in &self.relapses {
            println!("  FAILED again: {line}: {why}");
        }
        for found in self.below_floor() {
            println!("  FAILED: {found}");
        }
        for (case, why) in &self.failures {
            let why: String = why.chars().take(LONGEST).collect();
            println!("  FAILED: case {case}: {why}");
            println!("  again: cargo test --test evidence -- {name} --seed {case} --cases 1");
        }
    }
}
