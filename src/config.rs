//! The configuration: one TOML file, all of whose errors are reported at once, each with its place.

pub mod exchange;
pub mod glob;
mod paths;
mod reader;
pub mod setup;
mod table;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::exports::Bounds;
use crate::exports::json::MAX_DEPTH;
use crate::merge::guard::{Limit, Limits};
use crate::merge::series::Series;
use crate::merge::{FieldRules, FirstMeeting, Policy};
use crate::model::document::DocumentKind;
use crate::model::{FieldId, KINDS, Lookup, Side, Table};

pub use exchange::{Announce, AnswerFormat, Arrival, Exchange, LogFile, OnGap, Ready, Run};
use paths::check_paths;
pub use paths::without_detours;
pub use reader::{ConfigError, instead_of};
use reader::{Reader, Source, listed};
pub use setup::{CreateContacts, SearchFor, Setup};
pub use table::{Contents, Empty, TableConfig, Update, WriteBack};
use table::{check_tables, read_tables};

/// A configuration that was checked.
#[derive(Clone, Debug)]
pub struct Config {
    /// The folder that Couplet owns.
    pub state: PathBuf,
    /// Business relation codes.
    pub setup: Setup,
    /// Who wins, and how long to wait.
    pub merge: Merge,
    /// How folders are looked at.
    pub run: Run,
    /// The exchange with people and with systems that can only write and read files.
    pub exchange: Exchange,
    /// The interaction log's file, and what its entries carry.
    pub interactions: Interactions,
    /// Where documents go, and how they are numbered.
    pub documents: Documents,
    /// How large files may be: `[limits]`.
    pub bounds: Bounds,
    /// How many problems of one kind in one table are named, the others being counted.
    pub most_problems: usize,
    tables: BTreeMap<Table, TableConfig>,
    limits: Limits,
}

/// How parties are merged.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Merge {
    /// Sides changed a field differently.
    pub on_conflict: Policy,
    /// Sides meet for the first time.
    pub first_meeting: FirstMeeting,
    /// Records that are written get the pass's date as the one of their last modification.
    pub stamp_last_modified: bool,
    /// Newer full exports that may still show the base before it is a problem.
    pub in_flight_limit: u32,
}

/// The interaction log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Interactions {
    /// Its file, CSV or JSON Lines by its ending.
    pub export: Option<PathBuf>,
    /// Whether it goes on in one file.
    pub files: LogFiles,
    /// How long files are kept that are complete; for ever where nothing is said.
    pub keep: Option<Duration>,
    /// The folder of e-mail messages that are logged.
    pub mail: Option<PathBuf>,
    /// The interaction template that entries name.
    pub template: String,
    /// Their User ID.
    pub user: String,
}

/// Documents that are made from contacts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Documents {
    /// Their folder.
    pub folder: Option<PathBuf>,
    /// How they are written.
    pub format: DocumentFormat,
    series: BTreeMap<DocumentKind, Series>,
}

impl Documents {
    /// The series that documents of a kind are numbered from.
    pub fn series(&self, kind: DocumentKind) -> Option<&Series> {
        self.series.get(&kind)
    }
}

/// How documents are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DocumentFormat {
    /// CSV: a file for the header, and one for the lines.
    #[default]
    Csv,
    /// JSON, with the lines as an array.
    Json,
}

/// Into which files the interaction log goes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogFiles {
    /// One.
    #[default]
    One,
    /// One for each month, with the month in its name.
    Monthly,
    /// One for each year, with the year in its name.
    Yearly,
}

impl Config {
    /// A table's configuration.
    pub fn table(&self, table: Table) -> Option<&TableConfig> {
        self.tables.get(&table)
    }

    /// The merged tables that it lacks.
    pub fn lacks(&self) -> Vec<&'static str> {
        let lacking = Table::all().filter(|table| self.table(*table).is_none());
        lacking.map(Table::name).collect()
    }

    /// The tables that are read from exports as often as these change: those that are merged, and events.
    pub fn exports(&self) -> impl Iterator<Item = (Table, &TableConfig)> {
        Table::all()
            .chain([Table::Lookup(Lookup::Events)])
            .filter_map(|table| Some((table, self.table(table)?)))
    }

    /// The guards' limits of a table.
    pub fn limits(&self, table: Table) -> Limits {
        self.table(table)
            .and_then(|config| config.limits)
            .unwrap_or(self.limits)
    }

    /// Whether a party whose sides all show the same needs no decision; not so where a field always waits for a person.
    pub fn may_agree_at_sight(&self) -> bool {
        !self
            .tables
            .values()
            .flat_map(|config| config.fields.values())
            .any(|field| field.hold_always)
    }

    /// Whether any rule asks which record was modified last.
    pub fn goes_by_dates(&self) -> bool {
        let of_fields = |config: &TableConfig| {
            let mut fields = config.fields.values();
            fields.any(|field| field.on_conflict == Some(Policy::Newest))
        };
        let asks =
            |config: &TableConfig| config.on_conflict == Some(Policy::Newest) || of_fields(config);
        self.merge.on_conflict == Policy::Newest || self.tables.values().any(asks)
    }

    /// The rules for a field of a party with records in these tables: the field's own in a table beat the table's,
    /// and those beat `[merge]`; among tables the first of the party that says something counts.
    pub fn field_rules(&self, tables: &[Table], field: FieldId) -> FieldRules {
        let configs = || tables.iter().filter_map(|table| self.table(*table));
        let fields = || configs().filter_map(|config| config.fields.get(&field));
        let of_field = fields().find_map(|field| field.on_conflict.clone());
        let of_table = || configs().find_map(|config| config.on_conflict.clone());
        FieldRules {
            on_conflict: of_field
                .or_else(of_table)
                .unwrap_or_else(|| self.merge.on_conflict.clone()),
            first_meeting: self.merge.first_meeting,
            hold_always: fields().any(|field| field.hold_always),
        }
    }
}

/// Reads a configuration; relative paths are relative to the file's folder.
///
/// # Errors
/// All errors at once, in the order of the file.
pub fn parse(text: &str, path: &Path) -> Result<Config, Vec<ConfigError>> {
    let source = Source::new(path.display().to_string(), text);
    let folder = path.parent().unwrap_or(Path::new("")).to_owned();
    let config = source
        .document()
        .and_then(|document| read(&Reader::root(&source, &document), &folder));
    let errors = source.into_errors();
    match config {
        Some(config) if errors.is_empty() => Ok(config),
        _ => Err(errors),
    }
}

/// A configuration's error at one of its keys at the top, found by looking at what it names.
pub fn error_at(text: &str, path: &Path, key: &str, message: &str) -> Vec<ConfigError> {
    let source = Source::new(path.display().to_string(), text);
    if let Some(document) = source.document() {
        Reader::root(&source, &document).error(key, message);
    }
    source.into_errors()
}

fn read(root: &Reader<'_, '_>, folder: &Path) -> Option<Config> {
    let state = root.text("state").map(|path| folder.join(path));
    if state.is_none() && !root.has("state") {
        root.error("", "`state` is missing: the folder that Couplet owns, for example state = \"couplet-state\"");
    }
    let setup = Setup::read(&root.table("setup"), &root.table("series"));
    let merge = read_merge(&root.table("merge"));
    let limits = read_limits(&root.table("guards"), DEFAULT_LIMITS);
    let (bounds, most_problems) = read_bounds(&root.table("limits"));
    let run = Run::read(&root.table("run"), folder);
    let exchange = Exchange::read(&root.table("exchange"), folder);
    let log = root.table("interactions");
    let interactions = read_interactions(&log, folder);
    let documents = read_documents(&root.table("documents"), folder);
    let tables_reader = root.table("tables");
    let owner = state.clone().unwrap_or_default();
    let tables = read_tables(&tables_reader, folder, &owner, limits);
    let tables = tables.into_iter().map(|(table, mut of_table)| {
        of_table.pins.bounds = bounds_of(table, bounds);
        of_table.most_problems = most_problems;
        (table, of_table)
    });
    let tables = tables.collect();
    root.finish();
    let has_mail = interactions.mail.is_some();
    check_tables(&tables_reader, &tables, &setup, has_mail);
    let config = Config {
        state: state?,
        setup,
        merge,
        run,
        exchange,
        interactions,
        documents,
        bounds,
        most_problems,
        tables,
        limits,
    };
    check_paths(root, &config);
    Some(config)
}

/// Reads `[limits]`: what a hostile or broken file may cost. Nothing of a file beyond them is read, and the problem names the key.
fn read_bounds(reader: &Reader<'_, '_>) -> (Bounds, usize) {
    let default = Bounds::default();
    let size = |key: &str, most: u64, default: u64| {
        let size = reader.size(key).unwrap_or(default);
        if size > most {
            let message = format!("{size} bytes are more than can be read; say at most {most}");
            reader.error(key, message);
        }
        size
    };
    let count = |key: &str, default: usize| {
        let count = reader.number(key, 1).map(usize::try_from);
        count.map_or(default, |count| count.unwrap_or(usize::MAX))
    };
    let depth = reader.number("depth", 1).map(u32::try_from);
    let depth = depth.map_or(default.depth, |depth| depth.unwrap_or(u32::MAX));
    if depth > MAX_DEPTH {
        let message = format!("JSON is read {MAX_DEPTH} levels deep at most");
        reader.error("depth", message);
    }
    let any = u64::MAX;
    let bounds = Bounds {
        // The length of a record is kept in four bytes.
        record: size("record", 1 << 30, default.record as u64) as usize,
        file: size("file", any, default.file),
        whole: size("whole", any, default.whole),
        columns: count("columns", default.columns),
        header: size("header", 1 << 30, default.header as u64) as usize,
        depth,
        manifest: size("manifest", any, default.manifest),
        ..default
    };
    let most_problems = count("problems", MOST_PROBLEMS);
    reader.finish();
    (bounds, most_problems)
}

/// So many problems of one kind in one table are named where nothing else is configured.
const MOST_PROBLEMS: usize = 10_000;

/// Tables that are looked up are held in memory.
fn bounds_of(table: Table, bounds: Bounds) -> Bounds {
    match table {
        Table::Lookup(Lookup::Events) => bounds,
        Table::Templates(_) | Table::Lookup(_) => bounds.held(),
        Table::Contacts | Table::Counterparts(_) | Table::Relations => bounds,
    }
}

fn read_merge(reader: &Reader<'_, '_>) -> Merge {
    let first_meeting = reader.choice(
        "first_meeting",
        &[
            ("fill", FirstMeeting::Fill),
            ("contact", FirstMeeting::Contact),
            ("counterpart", FirstMeeting::Counterpart),
        ],
    );
    let merge = Merge {
        on_conflict: read_policy(reader).unwrap_or_default(),
        first_meeting: first_meeting.unwrap_or_default(),
        stamp_last_modified: reader.boolean("stamp_last_modified").unwrap_or(false),
        in_flight_limit: reader
            .number("in_flight_limit", 1)
            .unwrap_or(3)
            .try_into()
            .unwrap_or(u32::MAX),
    };
    reader.finish();
    merge
}

fn read_policy(reader: &Reader<'_, '_>) -> Option<Policy> {
    const KEY: &str = "on_conflict";
    const WORDS: [&str; 4] = ["hold", "contact", "counterpart", "newest"];
    let item = reader.item(KEY)?;
    if let Some(word) = item.as_str() {
        let policy = match word {
            "hold" => Policy::Hold,
            "contact" => Policy::Contact,
            "counterpart" => Policy::Counterpart,
            "newest" => Policy::Newest,
            _ => {
                let side = Side::named(word)
                    .map(|side| format!("; for one kind write [{:?}]", side.noun()));
                let say = listed(&WORDS);
                reader.error(
                    KEY,
                    format!(
                        "{word:?} is not known here; say {say}, or a list of sides{}",
                        side.unwrap_or_default()
                    ),
                );
                return None;
            }
        };
        return Some(policy);
    }
    let mut sides = Vec::new();
    for word in reader.texts(KEY)? {
        match Side::named(&word) {
            Some(side) => sides.push(side),
            None => {
                let nouns: Vec<&str> = std::iter::once("contact")
                    .chain(KINDS.iter().map(|kind| kind.noun))
                    .collect();
                reader.error(KEY, format!("{word:?} is no side; say {}", listed(&nouns)));
            }
        }
    }
    Some(Policy::Sides(sides))
}

const DEFAULT_LIMITS: Limits = Limits {
    max_deletes: Limit::Percent(20.0),
    max_changes: Limit::Percent(50.0),
    max_blanked: Limit::Percent(20.0),
};

fn read_limits(reader: &Reader<'_, '_>, default: Limits) -> Limits {
    let limits = Limits {
        max_deletes: read_limit(reader, "max_deletes").unwrap_or(default.max_deletes),
        max_changes: read_limit(reader, "max_changes").unwrap_or(default.max_changes),
        max_blanked: read_limit(reader, "max_blanked").unwrap_or(default.max_blanked),
    };
    reader.finish();
    limits
}

fn read_limit(reader: &Reader<'_, '_>, key: &str) -> Option<Limit> {
    let item = reader.item(key)?;
    let limit = match (item.as_str(), item.as_integer()) {
        (Some("off"), _) => Some(Limit::Off),
        (Some(text), _) => text
            .strip_suffix('%')
            .and_then(|number| number.trim().parse::<f64>().ok())
            .filter(|percent| (0.0..=100.0).contains(percent))
            .map(Limit::Percent),
        (None, Some(count)) => u64::try_from(count).ok().map(Limit::Count),
        (None, None) => None,
    };
    if limit.is_none() {
        reader.error(
            key,
            "say a share such as \"20%\", a number of records, or \"off\"",
        );
    }
    limit
}

fn read_documents(reader: &Reader<'_, '_>, folder: &Path) -> Documents {
    let formats = [("csv", DocumentFormat::Csv), ("json", DocumentFormat::Json)];
    let series = DocumentKind::all();
    let documents = Documents {
        folder: reader.text("folder").map(|path| folder.join(path)),
        format: reader.choice("format", &formats).unwrap_or_default(),
        series: series
            .filter_map(|kind| Some((kind, setup::read_series(reader, kind.def().series)?)))
            .collect(),
    };
    reader.finish();
    documents
}

fn read_interactions(reader: &Reader<'_, '_>, folder: &Path) -> Interactions {
    let export = reader.text("export").map(|path| folder.join(path));
    let ending = export
        .as_ref()
        .and_then(|path| path.extension())
        .map(|ending| ending.to_ascii_lowercase());
    if export.is_some() && !ending.is_some_and(|ending| ending == "csv" || ending == "jsonl") {
        reader.error(
            "export",
            "the log is CSV or JSON Lines: let its name end in .csv or .jsonl",
        );
    }
    let short = |key: &str, most: usize| {
        let text = reader.text(key);
        if text
            .as_ref()
            .is_some_and(|text| text.chars().count() > most)
        {
            reader.error(key, format!("it has at most {most} characters"));
        }
        text
    };
    let files = [
        ("one", LogFiles::One),
        ("monthly", LogFiles::Monthly),
        ("yearly", LogFiles::Yearly),
    ];
    let files = reader.choice("files", &files).unwrap_or_default();
    let keep = reader.duration("keep");
    if keep.is_some() && files == LogFiles::One {
        reader.error(
            "keep",
            "only whole files are removed: set `files` to \"monthly\" or \"yearly\"",
        );
    }
    let interactions = Interactions {
        export,
        files,
        keep,
        mail: reader.text("mail").map(|path| folder.join(path)),
        template: short("template", 10).unwrap_or_default(),
        user: short("user", 50).unwrap_or_else(|| "COUPLET".to_owned()),
    };
    reader.finish();
    interactions
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SAMPLE: &str = include_str!("../config.toml");

    fn errors(text: &str) -> Vec<String> {
        match parse(text, Path::new("config.toml")) {
            Ok(_) => Vec::new(),
            Err(errors) => errors.iter().map(ToString::to_string).collect(),
        }
    }

    const SMALL: &str = "state = \"s\"\n[tables.contacts]\nexport = \"c.csv\"\n";

    #[test]
    fn the_sample_configuration_is_right() {
        let config = parse(SAMPLE, Path::new("config.toml")).unwrap();
        assert_eq!(
            config.setup.codes,
            ["CUST", "VEND", "BANK"].map(|code| Some(code.to_owned()))
        );
        assert_eq!(config.merge.in_flight_limit, 3);
    }

    #[test]
    fn an_unknown_key_names_its_place_and_the_nearest_known_one() {
        let found = errors(&format!("{SMALL}delimeter = \";\"\n"));
        assert_eq!(
            found,
            [
                "config.toml:4:1: tables.contacts.delimeter: unknown key; did you mean \"delimiter\"?"
            ]
        );
    }

    #[test]
    fn all_errors_are_told_at_once() {
        let text = "stat = 1\n[merge]\non_conflict = \"newset\"\nin_flight_limit = 0\n[guards]\nmax_deletes = \"many\"\n\
                    [tables.contacts]\nwrite_back = \"in-place\"\ncontents = \"delta\"\n[tables.contacts.columns]\n\"Fone No.\" = \"x\"\n";
        let found = errors(text);
        for part in [
            "1:1: `state` is missing",
            "1:1: stat: unknown key; did you mean \"state\"?",
            "3:15: merge.on_conflict: \"newset\" is not known here",
            "4:19: merge.in_flight_limit: a whole number from 1 on",
            "6:15: guards.max_deletes: say a share",
            "tables.contacts: `export` is missing",
            "8:14: tables.contacts.write_back: a delta export cannot be written in place",
            "11:14: tables.contacts.columns.Fone No.: contacts have no such column; did you mean \"Phone No.\"?",
        ] {
            assert!(
                found.iter().any(|error| error.contains(part)),
                "{part} not in {found:#?}"
            );
        }
    }

    #[test]
    fn a_key_below_a_value_that_is_broken_is_an_error_in_its_line() {
        let found = errors("state = = x\n[state.more]\n");
        assert!(
            found.iter().any(|error| error.contains("1:9:")),
            "{found:#?}"
        );
    }

    #[test]
    fn a_wrong_word_names_the_right_ones() {
        for (line, right) in [
            ("contents = \"half\"", "\"full\" or \"delta\""),
            ("update = \"x\"", "\"cells\", \"records\" or \"full\""),
            ("empty = \"x\"", "\"clear\" or \"no-change\""),
            ("format = \"xml\"", "\"csv\""),
            ("encoding = \"ebcdic\"", "\"windows-1252\""),
            ("newline = \"x\"", "\"crlf\""),
            ("sequence = \"abc\"", "a group in parentheses"),
            (
                "dates = \"dd/mm/yyyy\"",
                "4:9: tables.contacts.dates: \"dd/mm/yyyy\" does not say a day",
            ),
            ("dates = \"%d/%Q/%Y\"", "such as \"%d/%m/%Y\""),
            ("dates = \"%m/%Y\"", "does not say a day"),
            (
                "on_conflict = [\"planet\"]",
                "\"contact\", \"customer\", \"vendor\" or \"bank-account\"",
            ),
        ] {
            let found = errors(&format!("{SMALL}{line}\n"));
            assert!(
                found.len() == 1 && found[0].contains(right),
                "{line}: {found:?}"
            );
        }
    }

    #[test]
    fn a_column_has_one_header_and_a_header_is_one_column() {
        for (columns, wrong) in [
            (
                "\"Phone No.\" = \"Tel\"\n\"Mobile Phone No.\" = \"TEL\"\n",
                "\"Phone No.\" and \"Mobile Phone No.\" have the same header",
            ),
            (
                "\"City\" = \"Ort\"\n\"city\" = { length = 30 }\n",
                "\"City\" is named twice",
            ),
            (
                "\"Name\" = \"Kunde\"\n",
                "\"Name\" and \"Relation: Customer No.\" have the same header",
            ),
        ] {
            let found = errors(&format!(
                "{SMALL}customer_no = \"Kunde\"\n[tables.contacts.columns]\n{columns}"
            ));
            assert!(found.iter().any(|error| error.contains(wrong)), "{found:?}");
        }
    }

    #[test]
    fn pins_that_contradict_each_other_are_errors() {
        for (lines, wrong) in [
            ("header = true\nnames = [\"No.\"]\n", "without a header"),
            ("delimiter = \"|\"\nquote = \"|\"\n", "cannot be both"),
            ("delimiter = '\"'\n", "cannot be both"),
            ("delimiter = \"\\n\"\n", "a line or the file ends there"),
            ("quote = \"\\r\"\n", "a line or the file ends there"),
        ] {
            let found = errors(&format!("{SMALL}{lines}"));
            assert!(
                found.len() == 1 && found[0].contains(wrong),
                "{lines}: {found:?}"
            );
        }
        let sound = [
            "delimiter = '\"'\nquote = \"\"\n",
            "header = false\nnames = [\"No.\"]\n",
        ];
        for lines in sound {
            assert_eq!(errors(&format!("{SMALL}{lines}")), [""; 0], "{lines}");
        }
    }

    #[test]
    fn what_is_logged_needs_its_templates_and_what_is_only_read_is_not_written() {
        let text = format!(
            "{SMALL}[tables.events]\nexport = \"e.csv\"\nwrite_back = \"out\"\ncontents = \"full\"\n\
             [interactions]\nexport = \"log.csv\"\nmail = \"mail\"\nkeep = \"10d\"\n"
        );
        let found = errors(&text);
        for part in [
            "`tables.interaction_templates` is missing",
            "`tables.interaction_template_setup` is missing",
            "with `tables.salespeople`, which is missing",
            "tables.events.write_back: this table is only read",
            "tables.events.contents: an export of events may list all or some",
            "interactions.keep: only whole files are removed",
        ] {
            assert!(
                found.iter().any(|error| error.contains(part)),
                "{part}: {found:#?}"
            );
        }
    }

    #[test]
    fn a_kind_that_couples_needs_the_relations() {
        let text = format!(
            "{SMALL}[tables.customers]\nexport = \"k.csv\"\n[setup]\nbus_rel_code_for_customers = \"CUST\"\n"
        );
        let found = errors(&text);
        assert!(
            found
                .iter()
                .any(|error| error.contains("`tables.relations` is missing")),
            "{found:?}"
        );
    }

    #[test]
    fn dates_may_have_times_and_years_of_two_digits() {
        for pattern in [
            "%d/%m/%Y",
            "%m/%d/%y",
            "%Y%m%d",
            "%d.%m.%Y %H:%M:%S",
            "%e %b %Y",
        ] {
            let found = errors(&format!("{SMALL}dates = {pattern:?}\n"));
            assert_eq!(found, Vec::<String>::new());
        }
    }

    #[test]
    fn no_two_kinds_have_the_same_business_relation_code() {
        let found = errors(&format!(
            "{SMALL}[setup]\nbus_rel_code_for_customers = \"CUST\"\nbus_rel_code_for_vendors = \" cust\"\n"
        ));
        assert_eq!(
            found,
            [
                "config.toml:6:28: setup.bus_rel_code_for_vendors: \"CUST\" is `bus_rel_code_for_customers` already; each needs a code of its own"
            ]
        );
    }

    #[test]
    fn a_word_that_is_nearly_in_place_is_no_folder() {
        for word in ["inplace", "in_place", "in place", "In-Place"] {
            let found = errors(&format!("{SMALL}write_back = {word:?}\n"));
            let told = format!(
                "4:14: tables.contacts.write_back: {word:?} is not known here; did you mean \"in-place\"?"
            );
            assert!(
                found.len() == 1 && found[0].contains(&told),
                "{word}: {found:?}"
            );
        }
        let found = errors(&format!("{SMALL}write_back = \"folder\"\n"));
        assert!(
            found.len() == 1 && found[0].contains("name the folder, such as \"out/updates\""),
            "{found:?}"
        );
        for folder in ["updates", "out/in-place", "./folder"] {
            let found = errors(&format!("{SMALL}write_back = {folder:?}\n"));
            assert_eq!(found, Vec::<String>::new());
        }
    }

    #[test]
    fn no_configured_path_is_two_things_at_once() {
        for (lines, told) in [
            (
                "[tables.customers]\nexport = \"./x/../c.csv\"\n",
                "5:10: tables.customers.export: it is the same file as `tables.contacts.export`",
            ),
            (
                "[interactions]\nexport = \"c.csv\"\n",
                "5:10: interactions.export: it is the same file as `tables.contacts.export`",
            ),
            (
                "[exchange]\nconflicts = \"./c.csv\"\n",
                "5:13: exchange.conflicts: it is the same file as `tables.contacts.export`",
            ),
            (
                "[run]\nlog = { file = \"c.csv\" }\n",
                "5:16: run.log.file: it is the same file as `tables.contacts.export`",
            ),
            (
                "[exchange]\nrequests = \".\"\n",
                "5:12: exchange.requests: whatever is put there is taken away, and so would be c.csv, which is `tables.contacts.export`",
            ),
            (
                "[exchange]\nrequests = \"r\"\nconflicts = \"r/c.csv\"\n",
                "6:13: exchange.conflicts: this is the folder that files of `exchange.requests` are read from; c.csv would be",
            ),
            (
                "write_back = \"c.csv\"\n",
                "4:14: tables.contacts.write_back: it is no folder but the file of `tables.contacts.export`",
            ),
            (
                "[tables.customers]\nexport = \"in/cust*.csv\"\nwrite_back = \"in\"\n",
                "6:14: tables.customers.write_back: this is the folder that files of `tables.customers.export` are read from",
            ),
            (
                "[tables.customers]\nexport = \"*.csv\"\ndrop = true\n",
                "5:10: tables.customers.export: whatever is put there is taken away, and so would be c.csv",
            ),
            (
                "[documents]\nfolder = \"s/documents\"\n",
                "5:10: documents.folder: it lies in the folder `state`",
            ),
        ] {
            let found = errors(&format!("{SMALL}{lines}"));
            assert!(
                found.len() == 1 && found[0].contains(told),
                "{lines}: {found:#?}"
            );
        }
        let apart = "[tables.customers]\nexport = \"in/customers_*.csv\"\ndrop = true\nwrite_back = \"in/updates\"\n\
                     [tables.vendors]\nexport = \"in/vendors_*.csv\"\ndrop = true\nwrite_back = \"in/updates\"\n\
                     [exchange]\nrequests = \"r\"\nconflicts = \"conflicts.csv\"\n\
                     [interactions]\nexport = \"log.csv\"\nfiles = \"monthly\"\nmail = \"r\"\n\
                     [tables.salespeople]\nexport = \"p.csv\"\n[tables.interaction_template_setup]\nexport = \"t.csv\"\n";
        assert_eq!(errors(&format!("{SMALL}{apart}")), Vec::<String>::new());
    }

    #[test]
    fn rules_of_a_field_beat_those_of_its_table() {
        let text = format!(
            "{SMALL}on_conflict = \"newest\"\n[tables.contacts.fields.\"phone no\"]\non_conflict = [\"customer\"]\nhold_always = true\n"
        );
        let config = parse(&text, Path::new("config.toml")).unwrap();
        let rules =
            |name: &str| config.field_rules(&[Table::Contacts], FieldId::named(name).unwrap());
        assert_eq!(rules("City").on_conflict, Policy::Newest);
        assert_eq!(
            rules("Phone No.").on_conflict,
            Policy::Sides(vec![Side::named("customer").unwrap()])
        );
        assert!(rules("Phone No.").hold_always && !rules("City").hold_always);
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in ".{0,200}") {
            let _ = parse(&text, Path::new("config.toml"));
        }

        #[test]
        fn no_damage_to_the_sample_makes_it_panic(at in 0..SAMPLE.len(), with in any::<char>(), cut in 0..40usize) {
            let mut text: Vec<char> = SAMPLE.chars().collect();
            let at = at.min(text.len() - 1);
            let end = (at + cut).min(text.len());
            text.splice(at..end, [with]);
            let _ = parse(&text.into_iter().collect::<String>(), Path::new("config.toml"));
        }
    }
}
