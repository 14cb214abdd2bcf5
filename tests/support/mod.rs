//! An exchange in a temporary folder: exports, a configuration, passes.

use std::fs;
use std::path::{Path, PathBuf};

use couplet::config;
use couplet::disk::RealDisk;
use couplet::sync::{Clock, Effects, Outcome, Request, Summary, reconcile};
use tempfile::TempDir;

/// A clock that stands still, so that two runs say the same.
pub struct StillClock;

impl Clock for StillClock {
    fn now(&self) -> jiff::Zoned {
        "2026-11-23T09:30:00[UTC]".parse().expect("a time")
    }
}

/// A clock that stands at a time.
pub struct ClockAt(pub jiff::Zoned);

impl Clock for ClockAt {
    fn now(&self) -> jiff::Zoned {
        self.0.clone()
    }
}

/// A folder in memory where there is one: most tests sync thousands of files, and a real disk takes its time for that.
pub fn folder() -> TempDir {
    let memory = Path::new("/dev/shm");
    let made = if memory.is_dir() {
        tempfile::tempdir_in(memory)
    } else {
        tempfile::tempdir()
    };
    made.expect("a folder")
}

/// A folder with exports and a configuration.
pub struct Exchange {
    folder: TempDir,
    config: String,
}

/// The head of every configuration: three kinds coupled.
pub const SETUP: &str = r#"
state = "state"
[setup]
bus_rel_code_for_customers = "CUST"
bus_rel_code_for_vendors = "VEND"
bus_rel_code_for_bank_accs = "BANK"
[interactions]
export = "interactions.csv"
"#;

#[allow(dead_code, reason = "each test binary uses the part that it needs")]
impl Exchange {
    /// An exchange with this configuration after [`SETUP`].
    pub fn new(config: &str) -> Exchange {
        Exchange::of(&format!("{SETUP}{config}"))
    }

    /// An exchange with this configuration and nothing before it.
    pub fn of(config: &str) -> Exchange {
        Exchange {
            folder: folder(),
            config: config.to_owned(),
        }
    }

    /// The same exchange with more under `[setup]`: text that begins with that line.
    pub fn with(self, setup: &str) -> Exchange {
        Exchange {
            config: self.config.replacen("[setup]\n", setup, 1),
            ..self
        }
    }

    /// The same exchange with another configuration.
    pub fn configured(self, config: &str) -> Exchange {
        Exchange {
            config: config.to_owned(),
            ..self
        }
    }

    /// The configuration.
    pub fn config(&self) -> &str {
        &self.config
    }

    /// The path of a file in it.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a file.
    pub fn put(&self, name: &str, bytes: impl AsRef<[u8]>) -> &Exchange {
        let path = self.path(name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        fs::write(path, bytes).expect("written");
        self
    }

    /// Reads a file.
    pub fn bytes(&self, name: &str) -> Vec<u8> {
        fs::read(self.path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    /// Reads a file of UTF-8.
    pub fn text(&self, name: &str) -> String {
        String::from_utf8(self.bytes(name)).expect("text")
    }

    /// Copies a file.
    pub fn copy(&self, from: &Path, name: &str) -> &Exchange {
        self.put(
            name,
            fs::read(from).unwrap_or_else(|error| panic!("{}: {error}", from.display())),
        )
    }

    /// Makes a pass.
    pub fn pass(&self) -> Outcome {
        self.pass_of(&self.config)
    }

    /// Makes a pass under another configuration.
    pub fn pass_of(&self, config: &str) -> Outcome {
        self.pass_with(config, &Request::default())
    }

    /// Plans a pass, writes nothing, and says what it would do.
    pub fn dry_run(&self) -> Summary {
        let request = Request {
            dry_run: true,
            ..Request::default()
        };
        match self.pass_with(&self.config, &request) {
            Outcome::DryRun(summary) => summary,
            other => panic!("{other:#?}"),
        }
    }

    /// Makes a pass under another configuration, at a time.
    pub fn pass_at(&self, config: &str, at: &str) -> Outcome {
        self.pass_by(
            config,
            &Request::default(),
            &ClockAt(at.parse().expect("a time")),
        )
    }

    fn pass_with(&self, config: &str, request: &Request) -> Outcome {
        self.pass_by(config, request, &StillClock)
    }

    fn pass_by(&self, config: &str, request: &Request, clock: &dyn Clock) -> Outcome {
        let config = config::parse(config, &self.path("config.toml"))
            .unwrap_or_else(|errors| panic!("{errors:#?}"));
        let effects = Effects {
            disk: &RealDisk,
            clock,
            stage: &|_| {},
        };
        reconcile(&config, &effects, request).expect("a pass")
    }

    /// Runs the program itself on this exchange, with its configuration in `config.toml`.
    pub fn run(&self, arguments: &[&str]) -> Ran {
        self.put("config.toml", &self.config);
        let output = std::process::Command::new(env!("CARGO_BIN_EXE_couplet"))
            .args(arguments)
            .current_dir(self.folder.path())
            .env("NO_COLOR", "1")
            .output()
            .expect("couplet runs");
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("text");
        Ran {
            code: output.status.code().expect("an exit code"),
            out: text(output.stdout),
            err: text(output.stderr),
        }
    }

    /// Makes a pass under another configuration that is not halted, and says what it did.
    pub fn summary_of(&self, config: &str) -> Summary {
        match self.pass_of(config) {
            Outcome::Done(summary) | Outcome::InStep(summary) => summary,
            other => panic!("{other:#?}"),
        }
    }

    /// Makes a pass that is not halted, and says what it did.
    pub fn summary(&self) -> Summary {
        self.summary_of(&self.config)
    }
}

/// What a command printed, and its exit code.
#[allow(dead_code, reason = "each test binary uses the part that it needs")]
#[derive(Debug)]
pub struct Ran {
    /// Exit code.
    pub code: i32,
    /// Standard output.
    pub out: String,
    /// Standard error.
    pub err: String,
}

/// The fixtures of the project.
#[allow(dead_code, reason = "each test binary uses the part that it needs")]
pub fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures")
}
