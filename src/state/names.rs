//! Names of files and folders of others, as the state keeps them: from its own folder, so that they are the same from wherever
//! and however the configuration was named, and move along with an exchange.

use std::path::{Component, Path, PathBuf, absolute};

/// What such a name begins with; others are paths, as states have them that older programs wrote.
const FROM_STATE: &str = "state:";

/// The name of a path in the state of this folder. What lies on another drive is named by its path.
pub(super) fn name_of(state: &Path, path: &Path) -> String {
    let direct = |path: &Path| joined(Path::new(""), &absolute(path).unwrap_or(path.to_owned()));
    let (state, path) = (direct(state), direct(path));
    let both = state.components().zip(path.components());
    let shared = both.take_while(|(one, other)| one == other).count();
    if shared == 0 {
        return path.display().to_string();
    }
    let back = state
        .components()
        .skip(shared)
        .map(|_| Component::ParentDir);
    let name: PathBuf = back.chain(path.components().skip(shared)).collect();
    format!("{FROM_STATE}{}", name.display())
}

/// The path that a name leads to.
pub(super) fn path_of(state: &Path, name: &str) -> String {
    match name.strip_prefix(FROM_STATE) {
        Some(name) => joined(state, Path::new(name)).display().to_string(),
        None => name.to_owned(),
    }
}

/// A path that goes on from a folder, without detours, as far as that can be told without looking at links.
fn joined(folder: &Path, path: &Path) -> PathBuf {
    let mut joined = folder.to_owned();
    for part in path.components() {
        match (part, joined.components().next_back()) {
            (Component::ParentDir, Some(Component::Normal(_))) => {
                joined.pop();
            }
            (Component::CurDir, Some(_)) => {}
            _ => joined.push(part),
        }
    }
    joined
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_the_same_however_state_and_path_are_named_and_leads_back() {
        let here = std::env::current_dir().expect("a folder");
        let there = |path: &str| here.join(path).display().to_string();
        for (state, path) in [
            ("state", "crm".to_owned()),
            ("./state", "./crm".to_owned()),
            ("out/../state", "crm/../crm".to_owned()),
            ("state", there("crm")),
            (&there("state"), there("crm")),
            (&there("state"), "crm".to_owned()),
        ] {
            let name = name_of(Path::new(state), Path::new(&path));
            assert_eq!(name, "state:../crm", "{path} from {state}");
            let found = PathBuf::from(path_of(Path::new(state), &name));
            let found = name_of(Path::new("state"), &found);
            assert_eq!(found, name, "{path} from {state}");
        }
        let state = Path::new("../state");
        assert_eq!(path_of(state, "state:../crm/c.csv"), "../crm/c.csv");
        assert_eq!(path_of(state, "state:../../crm"), "../../crm");
        assert_eq!(
            path_of(state, "state:relations.csv"),
            "../state/relations.csv"
        );
    }

    #[test]
    fn what_an_older_program_kept_is_a_path() {
        for path in ["crm", "./crm", "../crm", "/srv/crm"] {
            assert_eq!(path_of(Path::new("state"), path), path);
        }
    }
}
