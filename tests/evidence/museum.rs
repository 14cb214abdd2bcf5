//! A museum of bugs that tools of this kind had: each is put back into a copy of the program, and must be found within its budget.
//!
//! The copy is built once with all of them, each behind a switch; `exhibits` lists them.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, OnceLock};

use crate::run::{Layer, Regressions, Tally};

mod exhibits;

use exhibits::{EXHIBITS, Exhibit};

/// Bugs that others had.
pub const MUSEUM: Layer = Layer {
    name: "museum",
    about: "bugs that other tools had are found when they are put back",
    cases: 5,
    all: Some(|| EXHIBITS.len() as u64),
    parallel: false,
    regressions: Regressions::NONE,
    floors: &[],
    case: exhibit,
};

/// Chooses the bug of a run of the copy.
const SWITCH: &str = "COUPLET_BUG";

/// What the copy's library gets in addition.
const SWITCHES: &str = r#"
/// Whether a bug is in force.
pub fn bug(name: &str) -> bool {
    static CHOSEN: std::sync::OnceLock<String> = std::sync::OnceLock::new();
    CHOSEN.get_or_init(|| std::env::var("COUPLET_BUG").unwrap_or_default()) == name
}
"#;

fn exhibit(case: u64, tally: &mut Tally) -> Result<(), String> {
    static BUILT: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    static SOUND: Mutex<BTreeMap<(&str, &str), bool>> = Mutex::new(BTreeMap::new());
    let exhibit = &EXHIBITS[case as usize];
    let binary = BUILT.get_or_init(build).as_ref().map_err(Clone::clone)?;
    // What fails without the bug says nothing about it.
    let mut sound = SOUND.lock().map_err(|error| error.to_string())?;
    let asked = (exhibit.layer, exhibit.budget);
    if !*sound
        .entry(asked)
        .or_insert_with(|| run(binary, exhibit, "").0)
    {
        return Err(format!("{} fails without any bug", exhibit.layer));
    }
    let (is_clean, said) = run(binary, exhibit, exhibit.name);
    if is_clean || !said.contains("FAILED") {
        return Err(format!("{} was not found: {said}", exhibit.name));
    }
    tally.count("bugs found", 1);
    Ok(())
}

/// Runs the exhibit's layer in the copy; whether it was clean, and what it said.
fn run(binary: &Path, exhibit: &Exhibit, bug: &str) -> (bool, String) {
    let output = Command::new(binary)
        .args([exhibit.layer, "--cases", exhibit.budget])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .env(SWITCH, bug)
        .output();
    match output {
        Ok(output) => {
            let said = String::from_utf8_lossy(&output.stdout).into_owned();
            (output.status.success(), said)
        }
        Err(error) => (false, error.to_string()),
    }
}

/// Makes the copy with all bugs, and builds it as this program was built.
fn build() -> Result<PathBuf, String> {
    let told = |error: std::io::Error| error.to_string();
    let own = std::env::current_exe().map_err(told)?;
    // target/PROFILE/deps/evidence-HASH
    let profile = own.ancestors().nth(2).ok_or("no profile")?;
    let target = own.ancestors().nth(3).ok_or("no target")?;
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let copy = target.join("museum");
    fs::create_dir_all(&copy).map_err(told)?;
    for name in ["Cargo.toml", "Cargo.lock", "tests", "benches", "fixtures"] {
        let link = copy.join(name);
        let _ = fs::remove_file(&link);
        std::os::unix::fs::symlink(root.join(name), link).map_err(told)?;
    }
    let _ = fs::remove_dir_all(copy.join("src"));
    copy_sources(&root.join("src"), &copy.join("src")).map_err(told)?;
    for exhibit in EXHIBITS {
        exhibit.hang(&copy)?;
    }
    let library = copy.join("src/lib.rs");
    let text = fs::read_to_string(&library).map_err(told)?;
    fs::write(&library, text + SWITCHES).map_err(told)?;
    lend_dependencies(
        profile,
        &copy
            .join("target")
            .join(profile.file_name().ok_or("no profile")?),
    )
    .map_err(told)?;
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or("cargo".into()));
    cargo
        .args(["test", "--no-run", "--locked", "--test", "evidence"])
        .args(["--message-format", "json"])
        // A target of its own: to cargo the copy is the same package, and would take the place of the real one.
        .env("CARGO_TARGET_DIR", copy.join("target"))
        .current_dir(&copy);
    if profile.ends_with("release") {
        cargo.arg("--release");
    }
    let output = cargo.output().map_err(told)?;
    let said = String::from_utf8_lossy(&output.stdout);
    let messages = said
        .lines()
        .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
    let built = messages
        .filter(|message| message["target"]["name"] == "evidence")
        .find_map(|message| Some(PathBuf::from(message["executable"].as_str()?)));
    built.ok_or_else(|| {
        format!(
            "the copy does not build: {}",
            String::from_utf8_lossy(&output.stderr)
        )
    })
}

/// Links what was built of other packages into the copy's target, so that only the program itself is built again. What is built of
/// the program stays away: it would be written over.
fn lend_dependencies(from: &Path, to: &Path) -> std::io::Result<()> {
    if to.exists() {
        return Ok(());
    }
    let is_dependency = |name: &str| !name.contains("couplet");
    for part in ["deps", "build", ".fingerprint"] {
        fs::create_dir_all(to.join(part))?;
        for entry in fs::read_dir(from.join(part))? {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().into_owned();
            // Of programs nothing is taken: tests are ours, and build scripts have run.
            let is_lent = part != "deps" || name.starts_with("lib") || name.ends_with(".d");
            if is_lent && is_dependency(&name) {
                link(&entry.path(), &to.join(part).join(&name))?;
            }
        }
    }
    Ok(())
}

fn link(from: &Path, to: &Path) -> std::io::Result<()> {
    if !from.is_dir() {
        return fs::hard_link(from, to);
    }
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        link(&entry.path(), &to.join(entry.file_name()))?;
    }
    Ok(())
}

fn copy_sources(from: &Path, to: &Path) -> std::io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let to = to.join(entry.file_name());
        match entry.file_type()?.is_dir() {
            true => copy_sources(&entry.path(), &to)?,
            false => drop(fs::copy(entry.path(), to)?),
        }
    }
    Ok(())
}

impl Exhibit {
    /// Puts the bug into the copy, behind its switch.
    fn hang(&self, copy: &Path) -> Result<(), String> {
        let path = copy.join("src").join(self.file);
        let text = fs::read_to_string(&path).map_err(|error| format!("{}: {error}", self.file))?;
        let found = text.matches(self.right).count();
        if found != 1 {
            let name = self.name;
            return Err(format!(
                "{name}: {} holds `{}` {found} times",
                self.file, self.right
            ));
        }
        let bug = format!("crate::bug(\"{}\")", self.name);
        let both = match self.wrong.contains("BUG") {
            true => self.wrong.replace("BUG", &bug),
            false => format!("(if {bug} {{ {} }} else {{ {} }})", self.wrong, self.right),
        };
        fs::write(&path, text.replacen(self.right, &both, 1)).map_err(|error| error.to_string())
    }
}
