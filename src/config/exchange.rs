//! `[run]` and `[exchange]`, and what a table says of how its files come and how ours are announced.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::model::Table;

use super::glob;
use super::reader::{Reader, listed};

/// How the daemon looks at folders.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run {
    /// How long a file must be unchanged to be complete, where nothing better tells.
    pub settle: Duration,
    /// How often the folders are looked at even when nothing woke us.
    pub scan: Duration,
    /// How often folders are looked at that cannot be watched.
    pub poll: Duration,
    /// Patterns of names that are never exports, beside those of files that are still being transferred.
    pub ignore: Vec<String>,
    /// The name of a file that stands in every watched folder as long as its share is there.
    pub online_marker: Option<String>,
    /// Tables whose files belong together: none is read before all have come.
    pub together: Vec<Vec<Table>>,
    /// How long an incomplete set is waited for, from its first file on, and a drop that is not complete before it is a problem.
    pub together_within: Duration,
    /// After so long without a look, or within one pass, the daemon says that it is stalled.
    pub stall: Duration,
    /// Where the daemon answers how it is; nowhere unless it is said.
    pub http: Option<SocketAddr>,
    /// The daemon's log, where it goes to a file.
    pub log: Option<LogFile>,
}

/// A log file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogFile {
    /// Where.
    pub path: PathBuf,
    /// How many bytes it has at most.
    pub max_size: u64,
    /// How many old ones are kept.
    pub keep: usize,
}

impl Default for Run {
    fn default() -> Run {
        Run {
            settle: Duration::from_secs(2),
            scan: Duration::from_secs(30),
            poll: Duration::from_secs(2),
            ignore: Vec::new(),
            online_marker: None,
            together: Vec::new(),
            together_within: Duration::from_secs(600),
            stall: Duration::from_secs(600),
            http: None,
            log: None,
        }
    }
}

impl Run {
    /// Reads `[run]`.
    pub(super) fn read(reader: &Reader<'_, '_>, folder: &Path) -> Run {
        let default = Run::default();
        let ignore = reader.texts("ignore").unwrap_or_default();
        let run = Run {
            settle: reader.duration("settle").unwrap_or(default.settle),
            scan: reader.duration("scan").unwrap_or(default.scan),
            poll: reader.duration("poll").unwrap_or(default.poll),
            online_marker: reader.text("online_marker"),
            together: read_together(reader),
            together_within: reader
                .duration("together_within")
                .unwrap_or(default.together_within),
            ignore,
            stall: reader.duration("stall").unwrap_or(default.stall),
            http: read_http(reader),
            log: read_log(&reader.table("log"), folder),
        };
        if run
            .online_marker
            .as_deref()
            .is_some_and(|name| !is_plain(name))
        {
            reader.error(
                "online_marker",
                "a plain file name is expected here, without folders",
            );
        }
        for (key, length) in [("scan", run.scan), ("poll", run.poll)] {
            if length < Duration::from_millis(10) {
                reader.error(
                    key,
                    "looking this often would do nothing else; say at least \"10ms\"",
                );
            }
        }
        reader.finish();
        run
    }

    /// Whether a name is one of a file that is still being transferred, or that the configuration leaves out.
    pub fn ignores(&self, name: &str) -> bool {
        is_in_transfer(name)
            || self
                .ignore
                .iter()
                .any(|pattern| glob::matches(pattern, name))
    }
}

/// Names that programs give to files which are not complete: hidden ones, editors' and transfers' temporary ones.
fn is_in_transfer(name: &str) -> bool {
    const ENDINGS: [&str; 8] = [
        "~",
        ".tmp",
        ".temp",
        ".part",
        ".partial",
        ".filepart",
        ".crdownload",
        ".swp",
    ];
    let name = name.to_ascii_lowercase();
    name.starts_with('.')
        || name.starts_with("~$")
        || ENDINGS.iter().any(|ending| name.ends_with(ending))
}

fn read_http(reader: &Reader<'_, '_>) -> Option<SocketAddr> {
    const KEY: &str = "http";
    let text = reader.text(KEY)?;
    match text.parse::<SocketAddr>() {
        Ok(address) if address.ip().is_loopback() => Some(address),
        Ok(_) => {
            reader.error(
                KEY,
                "it answers this machine only: say \"127.0.0.1:PORT\" or \"[::1]:PORT\"",
            );
            None
        }
        Err(_) => {
            reader.error(
                KEY,
                "an address with a port is expected here, such as \"127.0.0.1:7464\"",
            );
            None
        }
    }
}

fn read_log(reader: &Reader<'_, '_>, folder: &Path) -> Option<LogFile> {
    if !reader.exists() {
        return None;
    }
    let path = reader.text("file").map(|path| folder.join(path));
    if path.is_none() && !reader.has("file") {
        reader.error("", "`file` is missing: where the log goes");
    }
    let max_size = reader.size("max_size").unwrap_or(10 << 20);
    let keep = reader.number("keep", 1).unwrap_or(14);
    reader.finish();
    Some(LogFile {
        path: path?,
        max_size,
        keep: usize::try_from(keep).unwrap_or(usize::MAX),
    })
}

fn read_together(reader: &Reader<'_, '_>) -> Vec<Vec<Table>> {
    const KEY: &str = "together";
    let Some(item) = reader.item(KEY) else {
        return Vec::new();
    };
    fn texts(set: &toml_edit::Value) -> Option<Vec<&str>> {
        set.as_array()?
            .iter()
            .map(toml_edit::Value::as_str)
            .collect()
    }
    let sets: Option<Vec<Vec<&str>>> = item
        .as_array()
        .and_then(|sets| sets.iter().map(texts).collect());
    let Some(sets) = sets else {
        reader.error(
            KEY,
            "a list of lists of tables is expected here, such as [[\"contacts\", \"relations\"]]",
        );
        return Vec::new();
    };
    let mut together = Vec::new();
    for set in sets {
        let mut tables = Vec::new();
        for name in set {
            match Table::all().find(|table| table.name() == name) {
                Some(table) => tables.push(table),
                None => {
                    let names: Vec<&str> = Table::all().map(Table::name).collect();
                    reader.error(KEY, format!("{name:?} is no table; say {}", listed(&names)));
                }
            }
        }
        together.push(tables);
    }
    together
}

/// The exchange with people and with systems that can only write and read files.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Exchange {
    /// The folder into which requests files are dropped.
    pub requests: Option<PathBuf>,
    /// The conflict inbox as a file.
    pub conflicts: Option<PathBuf>,
    /// How drops are answered.
    pub answers: AnswerFormat,
    /// How long archived drops and their answers are kept; for ever where it is not said.
    pub keep: Option<Duration>,
}

/// How drops are answered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AnswerFormat {
    /// One JSON object.
    #[default]
    Json,
    /// CSV: a row for the whole, one for each class, one for each row that was not accepted.
    Csv,
}

impl AnswerFormat {
    /// The ending of answers' names.
    pub fn extension(self) -> &'static str {
        match self {
            AnswerFormat::Json => "json",
            AnswerFormat::Csv => "csv",
        }
    }
}

impl Exchange {
    /// Reads `[exchange]`.
    pub(super) fn read(reader: &Reader<'_, '_>, folder: &Path) -> Exchange {
        let exchange = Exchange {
            requests: reader.text("requests").map(|path| folder.join(path)),
            conflicts: reader.text("conflicts").map(|path| folder.join(path)),
            answers: reader
                .choice(
                    "answers",
                    &[("json", AnswerFormat::Json), ("csv", AnswerFormat::Csv)],
                )
                .unwrap_or_default(),
            keep: reader.duration("keep"),
        };
        let is_csv = |path: &PathBuf| {
            path.extension()
                .is_some_and(|ending| ending.eq_ignore_ascii_case("csv"))
        };
        if exchange
            .conflicts
            .as_ref()
            .is_some_and(|path| !is_csv(path))
        {
            reader.error("conflicts", "it is a CSV file: let its name end in .csv");
        }
        reader.finish();
        exchange
    }
}

/// What tells that a file is complete, beside its being renamed into its folder.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Ready {
    /// It has not changed for the settle time.
    #[default]
    Settled,
    /// Its writer has closed it.
    Closed,
    /// A marker stands beside it.
    Marker,
    /// A manifest names it.
    Manifest,
}

/// How update files are announced.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Announce {
    /// Not at all: a file under its own name is complete.
    #[default]
    Nothing,
    /// A marker beside each.
    Marker,
    /// A manifest for all of a pass.
    Manifest,
}

/// What becomes of drops that come after a gap.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnGap {
    /// They are read, and the gap is told.
    #[default]
    Warn,
    /// They wait until it is filled.
    Hold,
    /// Numbers may be left out.
    Ignore,
}

/// How a table's files come.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Arrival {
    /// Files are drops: claimed, read once, answered and archived.
    pub drop: bool,
    /// What tells that one is complete.
    pub ready: Ready,
    /// The name of a marker, with `{name}` or `{stem}`.
    pub marker: String,
    /// What becomes of drops that come after a gap.
    pub on_gap: OnGap,
    /// How update files are announced.
    pub announce: Announce,
}

impl Arrival {
    /// Reads a table's keys.
    pub(super) fn read(reader: &Reader<'_, '_>) -> Arrival {
        let ready = [
            ("settled", Ready::Settled),
            ("closed", Ready::Closed),
            ("marker", Ready::Marker),
            ("manifest", Ready::Manifest),
        ];
        let announce = [
            ("nothing", Announce::Nothing),
            ("marker", Announce::Marker),
            ("manifest", Announce::Manifest),
        ];
        let on_gap = [
            ("warn", OnGap::Warn),
            ("hold", OnGap::Hold),
            ("ignore", OnGap::Ignore),
        ];
        let arrival = Arrival {
            drop: reader.boolean("drop").unwrap_or(false),
            ready: reader.choice("ready", &ready).unwrap_or_default(),
            marker: reader
                .text("marker")
                .unwrap_or_else(|| "{name}.done".to_owned()),
            on_gap: reader.choice("on_gap", &on_gap).unwrap_or_default(),
            announce: reader.choice("announce", &announce).unwrap_or_default(),
        };
        let of_file = arrival.marker.contains("{name}") || arrival.marker.contains("{stem}");
        if !of_file || !is_plain(&arrival.marker) {
            reader.error(
                "marker",
                "a name with {name} or {stem} in it is expected here, such as \"{name}.done\"",
            );
        }
        arrival
    }

    /// The name of the marker of a file.
    pub fn marker_of(&self, name: &str) -> String {
        let stem = name.rsplit_once('.').map_or(name, |(stem, _)| stem);
        self.marker.replace("{name}", name).replace("{stem}", stem)
    }

    /// What the name of every marker begins and ends with.
    pub fn marker_ends(&self) -> (&str, &str) {
        let place = ["{name}", "{stem}"]
            .into_iter()
            .find_map(|place| self.marker.split_once(place));
        place.unwrap_or((&self.marker, ""))
    }
}

/// Whether a file of this name in the requests folder is one of requests.
pub fn is_requests_name(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    [".csv", ".txt", ".json", ".jsonl"]
        .iter()
        .any(|ending| name.ends_with(ending))
}

/// Whether a file of this name in the folder of messages is a message.
pub fn is_mail_name(name: &str) -> bool {
    name.to_ascii_lowercase().ends_with(".eml")
}

/// Whether a name is one of a file, and leads nowhere else.
pub fn is_plain(name: &str) -> bool {
    let leads_elsewhere = name.contains(['/', '\\'])
        || name == "."
        || name == ".."
        || name.chars().any(char::is_control);
    !name.is_empty() && !leads_elsewhere
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_files_in_transfer_are_never_exports() {
        for name in [
            "c.csv.filepart",
            "c.csv.TMP",
            "c.csv~",
            ".c.csv.x7",
            "~$c.xlsx",
            "c.crdownload",
        ] {
            assert!(Run::default().ignores(name), "{name}");
        }
        assert!(!Run::default().ignores("contacts_temp.csv"));
        let run = Run {
            ignore: vec!["test_*".to_owned()],
            ..Run::default()
        };
        assert!(run.ignores("test_contacts.csv") && !run.ignores("contacts_test.csv"));
    }

    #[test]
    fn a_marker_is_named_after_its_file() {
        let marker = |pattern: &str| Arrival {
            marker: pattern.to_owned(),
            ..Arrival::default()
        };
        assert_eq!(marker("{name}.done").marker_of("c_1.csv"), "c_1.csv.done");
        assert_eq!(marker("{stem}.ok").marker_of("c_1.csv"), "c_1.ok");
    }

    #[test]
    fn a_plain_name_leads_nowhere_else() {
        for name in ["", "..", "../c.csv", "a/b", "a\\b", "a\nb"] {
            assert!(!is_plain(name), "{name:?}");
        }
        assert!(is_plain("contacts..csv"));
    }
}
