//! The configuration: one TOML file, all of whose errors are reported at once, each with its place.

pub mod exchange;
pub mod glob;
mod reader;
pub mod setup;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;
use std::time::Duration;

use xxhash_rust::xxh3::xxh3_64;

use crate::exports::json::MAX_DEPTH;
use crate::exports::{Bounds, ColumnPin, Encoding, FileFormat, Newline, Settings, TooLong};
use crate::merge::guard::{Limit, Limits};
use crate::merge::series::Series;
use crate::merge::{FieldRules, FirstMeeting, Policy};
use crate::model::document::DocumentKind;
use crate::model::{CONTACT_RELATION, FieldId, KINDS, Kind, Lookup, Side, Table};

pub use exchange::{Announce, AnswerFormat, Arrival, Exchange, LogFile, OnGap, Ready, Run};
pub use reader::ConfigError;
use reader::{Reader, Source, fold, listed, nearest};
pub use setup::{CreateContacts, SearchFor, Setup};

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

/// How what is written reaches a system.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum WriteBack {
    /// Not at all.
    #[default]
    None,
    /// The file is the system's data.
    InPlace,
    /// Update files in a folder.
    Folder(PathBuf),
}

/// Which records an export lists.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Contents {
    /// Every record.
    #[default]
    Full,
    /// Only changed ones.
    Delta,
    /// What was done, which nothing takes back: in whatever order and however often it is listed.
    Journal,
}

/// What update files carry.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Update {
    /// Key and shared columns of records with something new.
    #[default]
    Cells,
    /// Their whole rows.
    Records,
    /// The whole table.
    Full,
}

/// What an emptied cell means.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Empty {
    /// It clears the field.
    #[default]
    Clear,
    /// It says nothing.
    NoChange,
}

/// One `[tables.…]`.
#[derive(Clone, Debug)]
pub struct TableConfig {
    export: PathBuf,
    /// Couplet makes and keeps the table itself: only relations can be.
    pub owned: bool,
    /// What in a file's name says which is newer: a pattern with one group.
    pub sequence: Option<String>,
    /// How what is written reaches its system.
    pub write_back: WriteBack,
    /// Which records it lists.
    pub contents: Contents,
    /// What update files carry.
    pub update: Update,
    /// What an emptied cell means.
    pub empty: Empty,
    /// How its files come, and how ours are announced.
    pub arrival: Arrival,
    /// How dates of modification are written.
    pub dates: Option<String>,
    /// How many problems of one kind are named, the others being counted.
    pub most_problems: usize,
    on_conflict: Option<Policy>,
    fields: BTreeMap<FieldId, FieldConfig>,
    limits: Option<Limits>,
    pins: Settings,
}

/// One `[tables.….fields."…"]`.
#[derive(Clone, Debug, Default)]
struct FieldConfig {
    on_conflict: Option<Policy>,
    hold_always: bool,
}

impl TableConfig {
    /// The export, or the pattern of its names.
    pub fn export_path(&self) -> PathBuf {
        self.export.clone()
    }

    /// What is pinned of its dialect and columns.
    pub fn settings(&self) -> Settings {
        self.pins.clone()
    }

    /// Whether a column's header is pinned.
    pub fn pins(&self, column: &str) -> bool {
        self.pins
            .pin(column)
            .is_some_and(|pin| pin.header.is_some())
    }

    /// A hash of what the configuration says of keys and columns.
    pub fn settings_print(&self, table: Table) -> u64 {
        let columns: Vec<_> = self
            .pins
            .columns
            .iter()
            .map(|pin| (&pin.column, &pin.header))
            .collect();
        let text = format!(
            "{table} {columns:?} {:?} {:?} {}",
            self.pins.names, self.pins.header, self.pins.skip
        );
        xxh3_64(text.as_bytes())
    }
}

impl Config {
    /// A table's configuration.
    pub fn table(&self, table: Table) -> Option<&TableConfig> {
        self.tables.get(&table)
    }

    /// The tables that are read from exports as often as these change: those that are merged, and events.
    pub fn exports(&self) -> impl Iterator<Item = (Table, &TableConfig)> {
        Table::all()
            .chain([Table::Lookup(Lookup::Events)])
            .filter_map(|table| Some((table, self.table(table)?)))
    }

    /// A hash of what the configuration says of a table's keys and columns.
    pub fn settings_print(&self, table: Table) -> u64 {
        self.table(table)
            .map_or(0, |config| config.settings_print(table))
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
    Some(Config {
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
    })
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

fn read_tables(
    reader: &Reader<'_, '_>,
    folder: &Path,
    state: &Path,
    limits: Limits,
) -> BTreeMap<Table, TableConfig> {
    let mut tables = BTreeMap::new();
    let templates = Kind::all().map(Table::Templates);
    let lookups = Lookup::ALL
        .into_iter()
        .filter(|lookup| lookup.def().is_export);
    let read_only = templates.chain(lookups.map(Table::Lookup));
    for table in Table::all().chain(read_only) {
        let of_table = reader.table(table.name());
        if of_table.exists()
            && let Some(config) = read_table(&of_table, table, folder, state, limits)
        {
            tables.insert(table, config);
        }
    }
    reader.finish();
    tables
}

fn read_table(
    reader: &Reader<'_, '_>,
    table: Table,
    folder: &Path,
    state: &Path,
    limits: Limits,
) -> Option<TableConfig> {
    let owned = table == Table::Relations && reader.boolean("owned").unwrap_or(false);
    let export = match reader.text("export").map(|path| folder.join(path)) {
        None if owned => Some(state.join("relations.csv")),
        export => export,
    };
    if !reader.has("export") && !owned {
        reader.error("", "`export` is missing: the file that its system writes");
    }
    let sequence = reader
        .text("sequence")
        .filter(|pattern| is_pattern(reader, "sequence", pattern, 1));
    let write_back = match reader.text("write_back").as_deref() {
        None if owned => WriteBack::InPlace,
        None => WriteBack::None,
        Some("in-place") => WriteBack::InPlace,
        Some(path) => WriteBack::Folder(folder.join(path)),
    };
    let is_only_read = matches!(table, Table::Templates(_) | Table::Lookup(_));
    if is_only_read && reader.has("write_back") {
        reader.error("write_back", "this table is only read: leave it out");
    }
    let contents = reader.choice(
        "contents",
        &[("full", Contents::Full), ("delta", Contents::Delta)],
    );
    let contents = match (table, contents) {
        // What is not listed any more was done all the same.
        (Table::Lookup(Lookup::Events), Some(Contents::Full)) => {
            reader.error(
                "contents",
                "an export of events may list all or some of them: leave it out",
            );
            Contents::Journal
        }
        (Table::Lookup(Lookup::Events), _) => Contents::Journal,
        (_, contents) => contents.unwrap_or_default(),
    };
    let updates = [
        ("cells", Update::Cells),
        ("records", Update::Records),
        ("full", Update::Full),
    ];
    let update = reader.choice("update", &updates).unwrap_or_default();
    let empty = reader
        .choice(
            "empty",
            &[("clear", Empty::Clear), ("no-change", Empty::NoChange)],
        )
        .unwrap_or_default();
    let is_glob = export
        .as_ref()
        .is_some_and(|path| glob::pattern(path).is_some());
    if write_back == WriteBack::InPlace && contents == Contents::Delta {
        reader.error(
            "write_back",
            "a delta export cannot be written in place; name a folder for update files",
        );
    }
    if write_back == WriteBack::InPlace && is_glob {
        reader.error(
            "write_back",
            "\"in-place\" needs one fixed file; `export` is a pattern",
        );
    }
    if contents == Contents::Delta && update == Update::Full {
        reader.error(
            "update",
            "the whole table cannot be written from a delta export",
        );
    }
    if let (WriteBack::Folder(updates), Some(export), true) = (&write_back, &export, is_glob)
        && export.parent() == Some(updates.as_path())
    {
        reader.error(
            "write_back",
            "this is the folder that exports are read from; updates would be read as exports",
        );
    }
    let on_conflict = read_policy(reader);
    let fields = read_fields(&reader.table("fields"), table);
    let guards = reader.table("guards");
    let own_limits = guards.exists().then(|| read_limits(&guards, limits));
    let dates = reader.text("dates");
    let arrival = Arrival::read(reader);
    if arrival.drop && write_back == WriteBack::InPlace {
        reader.error(
            "drop",
            "a dropped file is archived, so nothing can be written in place; name a folder for update files",
        );
    }
    let mut pins = read_pins(reader, table);
    pins.columns.extend(read_relation_columns(reader, table));
    reader.finish();
    Some(TableConfig {
        export: export?,
        owned,
        sequence,
        write_back,
        contents,
        update,
        empty,
        arrival,
        dates,
        most_problems: MOST_PROBLEMS,
        on_conflict,
        fields,
        limits: own_limits,
        pins,
    })
}

/// Where a system has no relations table: the columns in which its records name each other.
fn read_relation_columns(reader: &Reader<'_, '_>, table: Table) -> Vec<ColumnPin> {
    let keys: Vec<(String, &'static str)> = match table {
        Table::Contacts => KINDS
            .iter()
            .map(|kind| {
                (
                    format!("{}_no", kind.noun.replace('-', "_")),
                    kind.relation_column,
                )
            })
            .collect(),
        Table::Counterparts(_) => vec![("contact_no".to_owned(), CONTACT_RELATION)],
        Table::Relations | Table::Templates(_) | Table::Lookup(_) => Vec::new(),
    };
    keys.into_iter()
        .filter_map(|(key, column)| {
            Some(ColumnPin {
                column: column.to_owned(),
                header: Some(reader.text(&key)?),
                length: None,
                too_long: TooLong::Problem,
            })
        })
        .collect()
}

fn is_pattern(reader: &Reader<'_, '_>, key: &str, pattern: &str, groups: usize) -> bool {
    match regex_lite::Regex::new(pattern) {
        Ok(regex) if regex.captures_len() > groups => true,
        Ok(_) => {
            reader.error(
                key,
                "the pattern needs a group in parentheses around the number or time",
            );
            false
        }
        Err(error) => {
            reader.error(key, format!("this is no pattern: {error}"));
            false
        }
    }
}

fn read_fields(reader: &Reader<'_, '_>, table: Table) -> BTreeMap<FieldId, FieldConfig> {
    let mut fields = BTreeMap::new();
    for key in reader.keys() {
        let of_field = reader.table(&key);
        let config = FieldConfig {
            on_conflict: read_policy(&of_field),
            hold_always: of_field.boolean("hold_always").unwrap_or(false),
        };
        of_field.finish();
        let found = FieldId::all().find(|field| {
            fold(field.def().name) == fold(&key) && table.column_of(*field).is_some()
        });
        match found {
            Some(field) => {
                fields.insert(field, config);
            }
            None => {
                let known: Vec<&str> = FieldId::all().map(|field| field.def().name).collect();
                let near = nearest(&key, &known)
                    .map(|near| format!("; did you mean {near:?}?"))
                    .unwrap_or_default();
                reader.error(&key, format!("{table} share no such field{near}"));
            }
        }
    }
    reader.finish();
    fields
}

fn read_pins(reader: &Reader<'_, '_>, table: Table) -> Settings {
    let format = read_word(
        reader,
        "format",
        "\"csv\", \"json\", \"jsonl\" or \"odata\"",
        FileFormat::from_name,
    );
    let encodings = "for example \"utf-8\", \"windows-1252\" or \"cp850\"";
    let encoding = read_word(reader, "encoding", encodings, Encoding::from_label);
    let newline = read_word(
        reader,
        "newline",
        "\"lf\", \"crlf\" or \"cr\"",
        Newline::from_name,
    );
    let byte = |key: &str| {
        let text = reader.text(key)?;
        match text.as_bytes() {
            [] if key == "quote" => Some(None),
            [byte] if byte.is_ascii() && !byte.is_ascii_alphanumeric() => Some(Some(*byte)),
            b"tab" => Some(Some(b'\t')),
            _ => {
                reader.error(
                    key,
                    format!("{text:?} is not one ASCII character that is neither letter nor digit"),
                );
                None
            }
        }
    };
    let footer = reader
        .text("footer")
        .filter(|pattern| is_pattern(reader, "footer", pattern, 0));
    Settings {
        format,
        encoding,
        taken_for: None,
        delimiter: byte("delimiter").flatten(),
        quote: byte("quote"),
        newline,
        header: reader.boolean("header"),
        names: reader.texts("names").unwrap_or_default(),
        skip: reader.number("skip", 0).unwrap_or(0) as usize,
        footer,
        sparse: reader.boolean("sparse"),
        columns: read_columns(&reader.table("columns"), table),
        bounds: Bounds::default(),
    }
}

fn read_word<T>(
    reader: &Reader<'_, '_>,
    key: &str,
    say: &str,
    read: impl Fn(&str) -> Option<T>,
) -> Option<T> {
    let word = reader.text(key)?;
    let found = read(&word);
    if found.is_none() {
        reader.error(key, format!("{word:?} is not known here; say {say}"));
    }
    found
}

fn read_columns(reader: &Reader<'_, '_>, table: Table) -> Vec<ColumnPin> {
    let mut pins = Vec::new();
    for key in reader.keys() {
        let Some(def) = table
            .columns()
            .iter()
            .find(|def| fold(def.name) == fold(&key))
        else {
            let known: Vec<&str> = table.columns().iter().map(|def| def.name).collect();
            let near = nearest(&key, &known)
                .map(|near| format!("; did you mean {near:?}?"))
                .unwrap_or_default();
            reader.item(&key);
            reader.error(&key, format!("{table} have no such column{near}"));
            continue;
        };
        let mut pin = ColumnPin {
            column: def.name.to_owned(),
            header: None,
            length: None,
            too_long: TooLong::Problem,
        };
        match reader.item(&key).and_then(toml_edit::Item::as_str) {
            Some(header) => pin.header = Some(header.to_owned()),
            None => {
                let of_column = reader.table(&key);
                pin.header = of_column.text("header");
                pin.length = of_column.number("length", 1).map(|length| length as usize);
                let choices = [("problem", TooLong::Problem), ("cut", TooLong::Cut)];
                pin.too_long = of_column.choice("too_long", &choices).unwrap_or_default();
                of_column.finish();
            }
        }
        pins.push(pin);
    }
    reader.finish();
    pins
}

static RELATION_COLUMNS: LazyLock<Vec<&'static str>> = LazyLock::new(|| {
    let of_contacts = KINDS.iter().map(|kind| kind.relation_column);
    std::iter::once(CONTACT_RELATION)
        .chain(of_contacts)
        .collect()
});

/// What tables need of each other.
fn check_tables(
    reader: &Reader<'_, '_>,
    tables: &BTreeMap<Table, TableConfig>,
    setup: &Setup,
    has_mail: bool,
) {
    if !reader.has("contacts") {
        reader.error("", "`tables.contacts` is missing: the hub of every party");
    }
    let mut coupled = false;
    for table in Table::all() {
        let Table::Counterparts(kind) = table else {
            continue;
        };
        let has_code = setup
            .codes
            .get(kind.0 as usize)
            .is_some_and(Option::is_some);
        coupled |= reader.has(table.name()) && has_code;
    }
    if coupled && !reader.has("relations") {
        reader.error("", "`tables.relations` is missing: the Contact Business Relation table says who is coupled with whom");
    }
    let needed = [
        Lookup::InteractionTemplates,
        Lookup::InteractionTemplateSetup,
    ];
    for lookup in needed.map(|lookup| lookup.def().table) {
        if reader.has(Lookup::Events.def().table) && !reader.has(lookup) {
            reader.error(
                "events",
                format!("events are logged through templates: `tables.{lookup}` is missing"),
            );
        }
    }
    let sees_mail = [Lookup::Salespeople, Lookup::InteractionTemplateSetup];
    for lookup in sees_mail.map(|lookup| lookup.def().table) {
        if has_mail && !reader.has(lookup) {
            reader.error(
                "",
                format!("messages in the folder `mail` are logged with `tables.{lookup}`, which is missing"),
            );
        }
    }
    let owned = tables
        .get(&Table::Relations)
        .is_some_and(|config| config.owned);
    let mut seen: BTreeMap<&Path, Table> = BTreeMap::new();
    for (table, config) in tables {
        let names_relations = config
            .pins
            .columns
            .iter()
            .any(|pin| RELATION_COLUMNS.contains(&pin.column.as_str()));
        if names_relations && !owned {
            reader.error(
                table.name(),
                "relations that stand in its columns need `owned = true` under [tables.relations]",
            );
        }
        if let Some(other) = seen.insert(&config.export, *table) {
            reader.error(
                table.name(),
                format!("its export is the same file as that of {other}"),
            );
        }
    }
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
