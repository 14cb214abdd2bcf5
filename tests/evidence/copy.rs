//! A changed copy of the program, built as this one was.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What the copy is made of beside its sources, which are changed.
const LINKED: &[&str] = &[
    ".cargo",
    "Cargo.toml",
    "Cargo.lock",
    "config.toml",
    "benches",
    "fixtures",
];

/// What becomes of a file below `src/` in the copy, by its path from there and its text.
pub type Change<'c> = &'c dyn Fn(&str, String) -> Result<String, String>;

/// Where the copy of this name is made.
pub fn folder(name: &str) -> Result<PathBuf, String> {
    // target/PROFILE/deps/evidence-HASH
    let own = std::env::current_exe().map_err(|error| error.to_string())?;
    let target = own.ancestors().nth(3).ok_or("no target")?;
    Ok(target.join(name))
}

/// Makes the copy of this name and builds these tests of it; `couplet` stands for those of the library. Where each of them is.
pub fn build(
    name: &str,
    tests: &[&str],
    change: Change<'_>,
) -> Result<BTreeMap<String, PathBuf>, String> {
    let told = |error: std::io::Error| error.to_string();
    let own = std::env::current_exe().map_err(told)?;
    let profile = own.ancestors().nth(2).ok_or("no profile")?;
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let copy = folder(name)?;
    fs::create_dir_all(&copy).map_err(told)?;
    for name in LINKED {
        let link = copy.join(name);
        let _ = fs::remove_file(&link);
        std::os::unix::fs::symlink(root.join(name), link).map_err(told)?;
    }
    // Tests keep what fails beside themselves: not in the real tree, where a change made them fail.
    let _ = fs::remove_file(copy.join("tests"));
    mirror(&root.join("tests"), &copy.join("tests"), None)?;
    mirror(
        &root.join("src"),
        &copy.join("src"),
        Some((Path::new(""), change)),
    )?;
    let own_target = copy.join("target");
    let lent = own_target.join(profile.file_name().ok_or("no profile")?);
    lend_dependencies(profile, &lent).map_err(told)?;
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or("cargo".into()));
    cargo.args([
        "test",
        "--no-run",
        "--locked",
        "--message-format",
        "json-render-diagnostics",
    ]);
    for test in tests {
        match *test {
            "couplet" => cargo.arg("--lib"),
            test => cargo.args(["--test", test]),
        };
    }
    if profile.ends_with("release") {
        cargo.arg("--release");
    }
    // A target of its own: to cargo the copy is the same package, and would take the place of the real one.
    cargo.env("CARGO_TARGET_DIR", own_target).current_dir(&copy);
    let output = cargo.output().map_err(told)?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(format!("the copy does not build: {said}"));
    }
    let said = String::from_utf8_lossy(&output.stdout);
    Ok(said.lines().filter_map(executable).collect())
}

/// The test that a message of cargo is about, and where it was built.
fn executable(message: &str) -> Option<(String, PathBuf)> {
    let message: serde_json::Value = serde_json::from_str(message).ok()?;
    let is_test = message["profile"]["test"] == true;
    let name = message["target"]["name"].as_str().filter(|_| is_test)?;
    Some((name.to_owned(), message["executable"].as_str()?.into()))
}

/// Makes one folder hold what another does. Files that stay the same are not written: they would be compiled again.
fn mirror(from: &Path, to: &Path, change: Option<(&Path, Change<'_>)>) -> Result<(), String> {
    let told = |error: std::io::Error| format!("{}: {error}", from.display());
    fs::create_dir_all(to).map_err(told)?;
    for entry in fs::read_dir(to).map_err(told)? {
        let entry = entry.map_err(told)?;
        if !from.join(entry.file_name()).exists() {
            let path = entry.path();
            let gone = match path.is_dir() {
                true => fs::remove_dir_all(&path),
                false => fs::remove_file(&path),
            };
            gone.map_err(told)?;
        }
    }
    for entry in fs::read_dir(from).map_err(told)? {
        let entry = entry.map_err(told)?;
        let (from, to) = (entry.path(), to.join(entry.file_name()));
        let within = change.map(|(folder, change)| (folder.join(entry.file_name()), change));
        if from.is_dir() {
            let change = within
                .as_ref()
                .map(|(path, change)| (path.as_path(), *change));
            mirror(&from, &to, change)?;
            continue;
        }
        let mut bytes = fs::read(&from).map_err(told)?;
        if let Some((path, change)) = within {
            let text = String::from_utf8(bytes).map_err(|error| error.to_string())?;
            bytes = change(&path.to_string_lossy(), text)?.into_bytes();
        }
        if fs::read(&to).ok().as_ref() != Some(&bytes) {
            fs::write(&to, bytes).map_err(told)?;
        }
    }
    Ok(())
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
