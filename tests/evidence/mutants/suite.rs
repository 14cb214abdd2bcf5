//! The tests that must notice a mutant, and which of them come by it at all.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::sync::mpsc::channel;
use std::thread::available_parallelism;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group};

/// A program of tests.
pub struct Program {
    /// Its name; `couplet` holds those of the library.
    pub name: &'static str,
    /// How the names of its tests begin that count; all without.
    beginnings: &'static [&'static str],
    /// Which files' mutants it is to notice, by how their names begin; what it takes long for, others notice sooner or not at all.
    judges: &'static str,
    /// How many cases of a property it tries.
    cases: &'static str,
}

/// The tests, quick and telling ones first.
pub const PROGRAMS: &[Program] = &[
    Program {
        beginnings: &["merge::", "state::", "sync::"],
        ..all_of("couplet")
    },
    all_of("merge_laws"),
    all_of("in_flight"),
    all_of("silence"),
    all_of("guards"),
    all_of("interactions"),
    all_of("exchange"),
    all_of("scenarios"),
    Program {
        cases: "8",
        ..all_of("first_meetings")
    },
    Program {
        judges: "src/s",
        ..all_of("exchange_crashes")
    },
    Program {
        judges: "src/s",
        ..all_of("crashes")
    },
];

const fn all_of(name: &'static str) -> Program {
    Program {
        name,
        beginnings: &[],
        judges: "",
        cases: "512",
    }
}

/// Chooses the mutant of a run.
pub const SWITCH: &str = "COUPLET_MUTANT";

/// Where a run notes the mutants that it comes by.
pub const REACHED: &str = "COUPLET_REACHED";

/// A mutant may make a loop endless, or a list: a run has so many times as long as without it, at least so long, and this much memory.
const TIMES: u32 = 10;
const LEAST: Duration = Duration::from_secs(20);
const KILOBYTES: &str = "4000000";

/// No test takes longer without a mutant.
const LONGEST: Duration = Duration::from_secs(600);

/// One test.
struct Test {
    name: String,
    took: Duration,
    reaches: BTreeSet<usize>,
}

/// All tests that can notice something.
pub struct Suite {
    programs: Vec<(&'static Program, PathBuf, Vec<Test>)>,
}

impl Suite {
    /// Runs each test once without a mutant, and learns what it comes by.
    pub fn learn(built: &BTreeMap<String, PathBuf>) -> Result<Suite, String> {
        let mut programs = Vec::new();
        for program in PROGRAMS {
            let name = program.name;
            let path = built.get(name).ok_or(format!("no test {name}"))?;
            let begun = Instant::now();
            let tests = program.learned(path)?;
            let seconds = begun.elapsed().as_secs();
            eprintln!("mutants: {} tests of {name} in {seconds} s", tests.len());
            programs.push((program, path.clone(), tests));
        }
        Ok(Suite { programs })
    }

    /// Whether a test fails with this mutant of a file, or does not come to an end.
    pub fn notices(&self, mutant: usize, file: &str) -> Result<bool, String> {
        let judging = self.programs.iter();
        for (program, path, tests) in judging.filter(|(it, ..)| file.starts_with(it.judges)) {
            let reaching = || tests.iter().filter(|test| test.reaches.contains(&mutant));
            let names: Vec<&str> = reaching().map(|test| test.name.as_str()).collect();
            let took: Duration = reaching().map(|test| test.took).sum();
            if names.is_empty() {
                continue;
            }
            let switch = (SWITCH, mutant.to_string());
            if !program.passes(path, &names, &switch, (took * TIMES).max(LEAST))? {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// The names of the tests in a program.
fn listed(program: &Path) -> Result<Vec<String>, String> {
    let mut list = Command::new(program);
    let output = list.args(["--list", "--format", "terse"]).output();
    let output = output.map_err(|error| error.to_string())?;
    let text = String::from_utf8_lossy(&output.stdout);
    let names = text.lines().filter_map(|line| line.strip_suffix(": test"));
    Ok(names.map(str::to_owned).collect())
}

impl Program {
    /// Runs its tests by themselves, side by side.
    fn learned(&self, path: &Path) -> Result<Vec<Test>, String> {
        let counts = |test: &String| {
            let mut beginnings = self.beginnings.iter();
            self.beginnings.is_empty() || beginnings.any(|begins| test.starts_with(begins))
        };
        let names = Mutex::new(listed(path)?.into_iter().filter(counts));
        let tests = Mutex::new(Vec::new());
        let work = || {
            loop {
                let next = names.lock().expect("no panic under this lock").next();
                let Some(name) = next else { return };
                let test = self.alone(path, name);
                tests.lock().expect("no panic under this lock").push(test);
            }
        };
        std::thread::scope(|scope| {
            for _ in 1..available_parallelism().map_or(1, usize::from) {
                scope.spawn(work);
            }
            work();
        });
        let tests = tests.into_inner().expect("no panic under this lock");
        tests.into_iter().collect()
    }

    fn alone(&self, path: &Path, name: String) -> Result<Test, String> {
        let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
        let reached = folder.path().join("reached");
        let note = (REACHED, reached.to_string_lossy().into_owned());
        let begun = Instant::now();
        if !self.passes(path, &[&name], &note, LONGEST)? {
            return Err(format!("{name} fails without any mutant"));
        }
        let took = begun.elapsed();
        let text = std::fs::read_to_string(&reached).unwrap_or_default();
        let reaches = text.lines().filter_map(|line| line.parse().ok());
        Ok(Test {
            name,
            took,
            reaches: reaches.collect(),
        })
    }

    /// Whether these tests all pass in time; the first that fails ends it.
    fn passes(
        &self,
        path: &Path,
        names: &[&str],
        (asked, of): &(&str, String),
        limit: Duration,
    ) -> Result<bool, String> {
        use std::os::unix::process::CommandExt;
        let told = |error: std::io::Error| error.to_string();
        // What a test that is ended leaves there goes with the folder.
        let folder = tempfile::tempdir().map_err(told)?;
        let mut command = Command::new("sh");
        command
            .args(["-c", "ulimit -v $0; exec \"$@\"", KILOBYTES])
            .arg(path)
            .args(["--exact", "--test-threads", "1"])
            .args(names)
            .env(asked, of)
            .env("TMPDIR", folder.path())
            .env("PROPTEST_CASES", self.cases)
            .env("PROPTEST_RNG_SEED", "1")
            .env("PROPTEST_MAX_SHRINK_ITERS", "0")
            .env("PROPTEST_DISABLE_FAILURE_PERSISTENCE", "1")
            .current_dir(super::folder()?)
            .process_group(0)
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        let mut child = command.spawn().map_err(told)?;
        let output = child.stdout.take().ok_or("no output")?;
        let (say, hear) = channel();
        std::thread::spawn(move || {
            let mut lines = BufReader::new(output).lines().map_while(Result::ok);
            let failed = lines.any(|line| line.ends_with("FAILED"));
            let _ = say.send(!failed);
        });
        let passed = hear.recv_timeout(limit).unwrap_or(false);
        if !passed && let Ok(pid) = i32::try_from(child.id()) {
            // With the programs that it started, which may not come to an end either.
            let _ = kill_process_group(Pid::from_raw(pid).ok_or("no process")?, Signal::KILL);
        }
        let status = child.wait().map_err(told)?;
        Ok(passed && status.success())
    }
}
