//! What configured paths need of each other: no file is two things at once, and none stands where it would be taken for another's.

use std::path::{Component, Path, PathBuf};

use super::exchange::{is_mail_name, is_requests_name};
use super::reader::Reader;
use super::table::WriteBack;
use super::{Config, DocumentFormat, LogFiles, glob};
use crate::model::Table;
use crate::model::document::DocumentKind;

/// A path without detours through `.` and `..`, as far as it can be told without looking at links.
pub fn without_detours(path: &Path) -> PathBuf {
    let mut direct = PathBuf::new();
    for part in path.components() {
        let goes_back = part == Component::ParentDir
            && matches!(direct.components().next_back(), Some(Component::Normal(_)));
        if goes_back {
            direct.pop();
        } else {
            direct.push(part);
        }
    }
    direct
}

/// What stands at a configured path.
enum Use {
    /// A file, or every file that a pattern matches, which its system writes.
    Theirs,
    /// A file that Couplet writes.
    Ours,
    /// A folder for what Couplet writes.
    Fills,
    /// A folder out of which files are claimed, whoever put them there.
    Claims,
}

/// Whether a file of this name would be taken.
type Takes = Box<dyn Fn(&str) -> bool>;

/// A key that names a path.
struct Place {
    /// The tables of the configuration that lead to it.
    within: Vec<&'static str>,
    key: &'static str,
    used: Use,
    /// The path itself.
    path: PathBuf,
    /// The folder in which its files stand.
    folder: PathBuf,
    /// Their names: of names that are still to be made, one of each sort; of exports by pattern, the pattern.
    names: Vec<String>,
    /// Which other names in the folder would be taken for one of its files.
    takes: Option<Takes>,
}

impl Place {
    fn file(within: &[&'static str], key: &'static str, used: Use, path: &Path) -> Place {
        let path = absolute(path);
        Place {
            within: within.to_vec(),
            key,
            used,
            folder: path.parent().unwrap_or(&path).to_owned(),
            names: name_of(&path).into_iter().collect(),
            takes: None,
            path,
        }
    }

    fn folder(within: &[&'static str], key: &'static str, used: Use, path: &Path) -> Place {
        let path = absolute(path);
        Place {
            folder: path.clone(),
            names: Vec::new(),
            ..Place::file(within, key, used, &path)
        }
    }

    fn with_names(self, names: impl IntoIterator<Item = String>) -> Place {
        let names = self.names.into_iter().chain(names).collect();
        Place { names, ..self }
    }

    fn that_takes(self, takes: impl Fn(&str) -> bool + 'static) -> Place {
        Place {
            takes: Some(Box::new(takes)),
            ..self
        }
    }

    /// The key with its tables.
    fn told(&self) -> String {
        format!("`{}.{}`", self.within.join("."), self.key)
    }

    fn is_folder(&self) -> bool {
        self.folder == self.path
    }

    fn is_ours(&self) -> bool {
        matches!(self.used, Use::Ours | Use::Fills)
    }

    /// The first name that another would take for one of its own.
    fn taken_from<'p>(&self, other: &'p Place) -> Option<&'p String> {
        let takes = self.takes.as_ref()?;
        let mut names = other.names.iter();
        names.find(|name| self.folder == other.folder && takes(name))
    }

    /// What stands against it beside another; `is_later` where the other was named before it.
    fn clash(&self, other: &Place, is_later: bool) -> Option<String> {
        let told = other.told();
        if self.is_folder() && !other.is_folder() && self.path == other.path {
            return Some(format!("it is no folder but the file of {told}"));
        }
        let is_same =
            self.folder == other.folder && self.names.iter().any(|name| other.names.contains(name));
        if is_same {
            return is_later
                .then(|| format!("it is the same file as {told}; each needs a file of its own"));
        }
        if self.is_ours()
            && let Some(name) = other.taken_from(self)
        {
            return Some(format!(
                "this is the folder that files of {told} are read from; {name} would be taken for one"
            ));
        }
        if let (Use::Claims, false) = (&self.used, other.is_ours())
            && let Some(name) = self.taken_from(other)
        {
            return Some(format!(
                "whatever is put there is taken away, and so would be {name}, which is {told}; name a folder of its own"
            ));
        }
        None
    }
}

/// Reports each path that stands against another, at its key.
pub(super) fn check_paths(root: &Reader<'_, '_>, config: &Config) {
    let places = places(root, config);
    let state = absolute(&config.state);
    for (at, place) in places.iter().enumerate() {
        let others = places.iter().enumerate().filter(|(other, _)| *other != at);
        let mut clashes = others.filter_map(|(other, of_other)| place.clash(of_other, other < at));
        let clash = match place.path.starts_with(&state) {
            true => Some("it lies in the folder `state`, which only Couplet uses".to_owned()),
            false => clashes.next(),
        };
        if let (Some(message), Some((first, rest))) = (clash, place.within.split_first()) {
            let reader = rest
                .iter()
                .fold(root.table(first), |reader, table| reader.table(table));
            reader.error(place.key, message);
        }
    }
}

/// All of them, in the order in which one makes way for another.
fn places(root: &Reader<'_, '_>, config: &Config) -> Vec<Place> {
    let mut places = Vec::new();
    let tables = root.table("tables");
    for (table, of_table) in &config.tables {
        let within = ["tables", table.name()];
        // A table of our own lies in the state.
        if tables.table(table.name()).has("export") {
            places.push(export(&within, &of_table.export, of_table.arrival.drop));
        }
        if let WriteBack::Folder(folder) = &of_table.write_back {
            let name = update_name(*table, &of_table.export);
            places
                .push(Place::folder(&within, "write_back", Use::Fills, folder).with_names([name]));
        }
    }
    if let Some(path) = &config.interactions.export {
        let log = Place::file(&["interactions"], "export", Use::Ours, path);
        let of_a_month = match config.interactions.files {
            LogFiles::One => None,
            LogFiles::Monthly | LogFiles::Yearly => path.file_stem().zip(path.extension()),
        };
        let of_a_month = of_a_month.map(|(stem, ending)| {
            format!(
                "{}_2026-11.{}",
                stem.to_string_lossy(),
                ending.to_string_lossy()
            )
        });
        places.push(log.with_names(of_a_month));
    }
    if let Some(folder) = &config.interactions.mail {
        let mail = Place::folder(&["interactions"], "mail", Use::Claims, folder);
        places.push(mail.that_takes(is_mail_name));
    }
    if let Some(folder) = &config.documents.folder {
        let ending = match config.documents.format {
            DocumentFormat::Csv => "csv",
            DocumentFormat::Json => "json",
        };
        let names =
            DocumentKind::all().map(|kind| format!("{}_1_000001.{ending}", kind.def().noun));
        places.push(Place::folder(&["documents"], "folder", Use::Fills, folder).with_names(names));
    }
    if let Some(path) = &config.exchange.conflicts {
        places.push(Place::file(&["exchange"], "conflicts", Use::Ours, path));
    }
    if let Some(folder) = &config.exchange.requests {
        let requests = Place::folder(&["exchange"], "requests", Use::Claims, folder);
        places.push(requests.that_takes(is_requests_name));
    }
    if let Some(log) = &config.run.log {
        places.push(Place::file(&["run", "log"], "file", Use::Ours, &log.path));
    }
    places
}

fn export(within: &[&'static str], path: &Path, is_dropped: bool) -> Place {
    let used = match is_dropped {
        true => Use::Claims,
        false => Use::Theirs,
    };
    let place = Place::file(within, "export", used, path);
    match glob::pattern(path) {
        Some((_, names)) => place.that_takes(move |name| names.is_match(name)),
        None => place,
    }
}

/// What the update files of a table are called.
fn update_name(table: Table, export: &Path) -> String {
    let ending = export.extension().map(|ending| ending.to_string_lossy());
    format!("{table}_000001.{}", ending.as_deref().unwrap_or("csv"))
}

fn name_of(path: &Path) -> Option<String> {
    Some(path.file_name()?.to_string_lossy().into_owned())
}

/// Where a path leads from wherever we are; itself, where that cannot be told.
fn absolute(path: &Path) -> PathBuf {
    without_detours(&std::path::absolute(path).unwrap_or_else(|_| path.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_the_same_however_it_is_spelt() {
        for spelt in [
            "in/c.csv",
            "./in/c.csv",
            "in/../in//c.csv",
            "x/../in/./c.csv",
        ] {
            assert_eq!(
                without_detours(&Path::new("/srv").join(spelt)),
                Path::new("/srv/in/c.csv"),
                "{spelt}"
            );
        }
        assert_eq!(without_detours(Path::new("../a/../b")), Path::new("../b"));
    }
}
