//! One table of an exchange: `[tables.…]`, and what tables need of each other.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use jiff::fmt::strtime;
use jiff::tz::TimeZone;
use xxhash_rust::xxh3::xxh3_64;

use super::exchange::{Arrival, is_plain};
use super::reader::{Reader, fold, nearest};
use super::setup::Setup;
use super::{MOST_PROBLEMS, glob, read_limits, read_policy};
use crate::exports::{Bounds, ColumnPin, Encoding, FileFormat, Newline, Settings, TooLong};
use crate::merge::guard::Limits;
use crate::merge::{Capacity, Policy};
use crate::model::{CONTACT_RELATION, ColumnDef, FieldId, KINDS, Kind, Lookup, Table};

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
#[derive(Clone, Debug, Default)]
pub struct TableConfig {
    pub(super) export: PathBuf,
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
    pub(super) on_conflict: Option<Policy>,
    pub(super) fields: BTreeMap<FieldId, FieldConfig>,
    pub(super) limits: Option<Limits>,
    pub(super) pins: Settings,
}

/// One `[tables.….fields."…"]`.
#[derive(Clone, Debug, Default)]
pub(super) struct FieldConfig {
    pub(super) on_conflict: Option<Policy>,
    pub(super) hold_always: bool,
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

    /// What the side can hold of a column.
    pub fn capacity(&self, def: &ColumnDef) -> Capacity {
        let (length, too_long) = self.pins.length_of(def);
        Capacity {
            form: def.form,
            length,
            cut: too_long == TooLong::Cut,
        }
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

    /// Hash of where values are cut, and to how many characters; 0 where none is.
    pub fn cuts_print(&self) -> u64 {
        let pins = self.pins.columns.iter();
        let cuts = pins.filter(|pin| pin.too_long == TooLong::Cut);
        let cuts: Vec<_> = cuts.map(|pin| (&pin.column, pin.length)).collect();
        match cuts.is_empty() {
            true => 0,
            false => xxh3_64(format!("{cuts:?}").as_bytes()),
        }
    }
}

pub(super) fn read_tables(
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
    let write_back = match read_write_back(reader, folder) {
        None if owned => WriteBack::InPlace,
        write_back => write_back.unwrap_or_default(),
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
    let on_conflict = read_policy(reader);
    let fields = read_fields(&reader.table("fields"), table);
    let guards = reader.table("guards");
    let own_limits = guards.exists().then(|| read_limits(&guards, limits));
    let dates = reader
        .text("dates")
        .filter(|pattern| is_date_pattern(reader, "dates", pattern));
    let arrival = Arrival::read(reader);
    if arrival.drop && write_back == WriteBack::InPlace {
        reader.error(
            "drop",
            "a dropped file is archived, so nothing can be written in place; name a folder for update files",
        );
    }
    let mut pins = read_pins(reader, table);
    pins.columns.extend(read_relation_columns(reader, table));
    refuse_doubles(reader, &pins.columns);
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

/// `in-place`, or a folder. A bare word that is nearly the one is hardly meant as the other.
fn read_write_back(reader: &Reader<'_, '_>, folder: &Path) -> Option<WriteBack> {
    const KEY: &str = "write_back";
    const IN_PLACE: &str = "in-place";
    let word = reader.text(KEY)?;
    if word == IN_PLACE {
        return Some(WriteBack::InPlace);
    }
    let is_bare = is_plain(&word);
    let meant = match word.as_str() {
        _ if !is_bare => None,
        "folder" => Some("name the folder, such as \"out/updates\"".to_owned()),
        word => nearest(word, &[IN_PLACE]).map(|near| format!("did you mean {near:?}?")),
    };
    if let Some(meant) = meant {
        reader.error(
            KEY,
            format!("{word:?} is not known here; {meant} (A folder of this name is \"./{word}\".)"),
        );
    }
    Some(WriteBack::Folder(folder.join(word)))
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

/// A column has one header, and a header is one column: two would be written into the same cell.
fn refuse_doubles(reader: &Reader<'_, '_>, pins: &[ColumnPin]) {
    for (at, pin) in pins.iter().enumerate() {
        let header = pin.header.as_deref().map(fold);
        let before = pins[..at].iter().find(|before| {
            let same = before.header.as_deref().map(fold) == header && header.is_some();
            same || before.column == pin.column
        });
        match before {
            Some(before) if before.column == pin.column => {
                reader.error("columns", format!("{:?} is named twice", pin.column));
            }
            Some(before) => reader.error(
                "columns",
                format!(
                    "{:?} and {:?} have the same header",
                    before.column, pin.column
                ),
            ),
            None => {}
        }
    }
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

/// Whether a pattern both writes a day and reads it back.
fn is_date_pattern(reader: &Reader<'_, '_>, key: &str, pattern: &str) -> bool {
    let day = jiff::civil::date(2026, 11, 23);
    let written = day
        .to_zoned(TimeZone::UTC)
        .and_then(|at| strtime::format(pattern, &at));
    let read = written.and_then(|text| strtime::parse(pattern, text)?.to_date());
    let is_pattern = read.is_ok_and(|read| read == day);
    if !is_pattern {
        reader.error(
            key,
            format!(
                "{pattern:?} does not say a day: write %d, %m and %Y where day, month and year stand, such as \"%d/%m/%Y\""
            ),
        );
    }
    is_pattern
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
            [b'\n' | b'\r' | b'\0' | b'\x1A'] => {
                reader.error(key, "a line or the file ends there: name another character");
                None
            }
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
    let (delimiter, quote) = (byte("delimiter").flatten(), byte("quote"));
    if delimiter.is_some() && delimiter == quote.unwrap_or(Some(b'"')) {
        reader.error(
            "delimiter",
            "this is the `quote`, too: one byte cannot be both",
        );
    }
    let header = reader.boolean("header");
    let names = reader.texts("names").unwrap_or_default();
    if header == Some(true) && !names.is_empty() {
        reader.error(
            "names",
            "these are the columns of a file without a header: leave them out, or say `header = false`",
        );
    }
    Settings {
        format,
        encoding,
        taken_for: None,
        delimiter,
        quote,
        newline,
        header,
        names,
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
pub(super) fn check_tables(
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
    }
}
