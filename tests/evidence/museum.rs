//! A museum of bugs that tools of this kind had: each is put back into a copy of the program, and must be found within its budget.
//!
//! The copy is built once with all of them, each behind a switch; `exhibits` lists them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, OnceLock};

use crate::copy;
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

/// Builds the copy with all bugs.
fn build() -> Result<PathBuf, String> {
    let change = |file: &str, text: String| {
        let mut hung = EXHIBITS.iter().filter(|exhibit| exhibit.file == file);
        let text = hung.try_fold(text, |text, exhibit| exhibit.hang(text))?;
        match file {
            "lib.rs" => Ok(text + SWITCHES),
            _ => Ok(text),
        }
    };
    let mut built = copy::build("museum", &["evidence"], &change)?;
    built
        .remove("evidence")
        .ok_or_else(|| "the copy has no evidence".to_owned())
}

impl Exhibit {
    /// Puts the bug into the text of its file, behind its switch.
    fn hang(&self, text: String) -> Result<String, String> {
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
        Ok(text.replacen(self.right, &both, 1))
    }
}
