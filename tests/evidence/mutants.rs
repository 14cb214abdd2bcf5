//! Mutants: the merge and the guards, the journal and what recovers from it are changed in small ways, and a test must notice each.
//!
//! All of them are built at once into a copy of the program, each behind a switch; a mutant is tried by the tests that come by it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use quote::ToTokens;

use crate::copy;
use crate::run::{Layer, Regressions, Tally};

mod change;
mod suite;

use change::{Mutant, Source, Types, mutate};
use suite::{PROGRAMS, Suite};

/// What would be a mistake.
pub const MUTANTS: Layer = Layer {
    name: "mutants",
    about: "small changes to the merge, the guards and the journal are noticed by a test",
    cases: 0,
    all: Some(|| {
        garden()
            .as_ref()
            .map_or(1, |garden| garden.tried.len() as u64)
    }),
    parallel: true,
    regressions: Regressions::NONE,
    floors: &[(NOTICED, 95.0)],
    case: mutant,
};

const NOTICED: &str = "a mutant that was noticed";

/// What is changed: files below `src/`, and folders of them.
const CHANGED: &[&str] = &[
    "merge/",
    "state/journal.rs",
    "state/remember.rs",
    "sync/apply/recover.rs",
];

/// What the copy's library gets in addition.
const SWITCHES: &str = r#"
/// Whether a mutant is in force. Where it is asked for, notes which ones are come by.
pub fn mutant(number: usize) -> bool {
    use std::io::Write;
    use std::sync::atomic::{AtomicBool, Ordering};
    static CHOSEN: std::sync::LazyLock<(Option<usize>, Option<std::ffi::OsString>)> =
        std::sync::LazyLock::new(|| {
            let chosen = std::env::var("COUPLET_MUTANT").ok();
            (chosen.and_then(|chosen| chosen.parse().ok()), std::env::var_os("COUPLET_REACHED"))
        });
    static REACHED: [AtomicBool; MANY] = [const { AtomicBool::new(false) }; MANY];
    if let Some(path) = &CHOSEN.1
        && !REACHED[number].swap(true, Ordering::Relaxed)
    {
        let file = std::fs::OpenOptions::new().create(true).append(true).open(path);
        file.and_then(|mut file| file.write_all(format!("{number}\n").as_bytes())).expect("noted");
    }
    CHOSEN.0 == Some(number)
}
"#;

/// A mutant that changes nothing that anybody could see: it is not tried.
struct Same {
    /// The line that it is in.
    code: &'static str,
    /// Its sentence.
    sentence: &'static str,
    /// Why it makes no difference.
    why: &'static str,
}

const SAME: &[Same] = &[
    Same {
        code: "Some(link) if link.contains(\"_x0020_\") => Some(Cow::Owned(link.replace(\"_x0020_\", \" \"))),",
        sentence: "replace guard link.contains(\"_x0020_\") with true in kind_of",
        why: "where nothing is to be replaced, replacing only takes longer",
    },
    Same {
        code: "self.once[word] |= bit;",
        sentence: "replace |= with ^= in Claims::claim",
        why: "what was named twice stays so, whatever is known of the first time",
    },
];

impl Same {
    fn is(&self, mutant: &Mutant) -> bool {
        self.code == mutant.code && self.sentence == mutant.sentence
    }
}

/// All mutants, and the texts that hold them.
struct Garden {
    mutants: Vec<Mutant>,
    /// The numbers of those that are tried.
    tried: Vec<usize>,
    /// By file below `src/`.
    texts: Vec<(String, String)>,
}

fn mutant(case: u64, tally: &mut Tally) -> Result<(), String> {
    static SUITE: OnceLock<Result<Suite, String>> = OnceLock::new();
    let garden = garden().as_ref().map_err(Clone::clone)?;
    let suite = SUITE.get_or_init(|| Suite::learn(&build(garden)?));
    let suite = suite.as_ref().map_err(Clone::clone)?;
    if case == 0 {
        for same in SAME {
            tally.remark(format!("not tried: {}: {}", same.sentence, same.why));
        }
    }
    let number = garden.tried[case as usize];
    let mutant = &garden.mutants[number];
    let is_noticed = suite.notices(number, &mutant.file)?;
    tally.of(&mutant.file, is_noticed);
    match is_noticed {
        true => tally.is(NOTICED),
        false => tally.remark(format!("survived: {mutant} (case {case})")),
    }
    Ok(())
}

/// The folder of the copy.
fn folder() -> Result<PathBuf, String> {
    copy::folder("mutants")
}

fn build(garden: &Garden) -> Result<BTreeMap<String, PathBuf>, String> {
    let tests: Vec<&str> = PROGRAMS.iter().map(|program| program.name).collect();
    copy::build("mutants", &tests, &|file, text| {
        let changed = garden.texts.iter().find(|(name, _)| name == file);
        Ok(match changed {
            Some((_, changed)) => changed.clone(),
            None if file == "lib.rs" => {
                text + &SWITCHES.replace("MANY", &garden.mutants.len().to_string())
            }
            None => text,
        })
    })
}

fn garden() -> &'static Result<Garden, String> {
    static GARDEN: OnceLock<Result<Garden, String>> = OnceLock::new();
    GARDEN.get_or_init(plant)
}

/// Makes all mutants.
fn plant() -> Result<Garden, String> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut sources = Vec::new();
    collect(&source, "", &mut sources)?;
    let mut types = Types::default();
    for source in &sources {
        types.learn(&source.file);
    }
    let (mut mutants, mut texts) = (Vec::new(), Vec::new());
    for mut source in sources {
        if CHANGED.iter().any(|name| source.name.starts_with(name)) {
            mutants.extend(mutate(&mut source, &types, mutants.len()));
            texts.push((source.name, source.file.to_token_stream().to_string()));
        }
    }
    let is_idle = |same: &&Same| !mutants.iter().any(|mutant| same.is(mutant));
    if let Some(idle) = SAME.iter().find(is_idle) {
        return Err(format!("there is no mutant \"{}\"", idle.sentence));
    }
    let differs = |number: &usize| !SAME.iter().any(|same| same.is(&mutants[*number]));
    Ok(Garden {
        tried: (0..mutants.len()).filter(differs).collect(),
        mutants,
        texts,
    })
}

/// Reads the source files below a folder, in the order of their names.
fn collect(source: &Path, within: &str, sources: &mut Vec<Source>) -> Result<(), String> {
    let told = |error: std::io::Error| error.to_string();
    let entries = std::fs::read_dir(source.join(within)).map_err(told)?;
    let mut names = Vec::new();
    for entry in entries {
        let entry = entry.map_err(told)?;
        let name = format!("{within}{}", entry.file_name().to_string_lossy());
        names.push((name, entry.path().is_dir()));
    }
    names.sort();
    for (name, is_folder) in names {
        if is_folder {
            collect(source, &format!("{name}/"), sources)?;
        } else if name.ends_with(".rs") {
            let text = std::fs::read_to_string(source.join(&name)).map_err(told)?;
            let file = syn::parse_file(&text).map_err(|error| format!("{name}: {error}"))?;
            sources.push(Source { name, text, file });
        }
    }
    Ok(())
}
