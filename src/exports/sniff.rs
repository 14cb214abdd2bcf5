//! What a file looks like to us, and the configuration that pins it.

use std::collections::HashSet;

use toml_edit::{Array, DocumentMut, Item, Table as TomlTable, value};

use super::columns::fold;
use super::dialect::{Dialect, Grammar};
use super::export::Export;
use super::refusal::{Keyless, Refusal};
use super::settings::{ColumnPin, Settings, TooLong};
use super::source::ReadAt;
use crate::model::Table;

/// A file as it was found.
#[derive(Clone, Debug)]
pub struct Sniffed {
    /// The table whose columns it has.
    pub table: Table,
    /// Others whose columns it has as well.
    pub others: Vec<Table>,
    /// How it is written.
    pub dialect: Dialect,
    /// Its columns in order, each with the model's name of it.
    pub columns: Vec<(String, Option<&'static str>)>,
    /// The headers of its key.
    pub key: Vec<String>,
    /// How many records it has.
    pub records: usize,
    /// Why it is refused, where none of its columns is the key.
    pub keyless: Option<Refusal>,
}

/// Looks at a file as an export of `table`, or, where that is not said, of the table whose columns it has most of; of several of which
/// it has as many, the one that its name says.
///
/// # Errors
///
/// The refusal of a file that is no table at all.
pub fn sniff(
    source: impl Fn() -> Box<dyn ReadAt>,
    table: Option<Table>,
    settings: &Settings,
    file: &str,
) -> Result<Sniffed, Refusal> {
    let mut found: Vec<Sniffed> = Vec::new();
    let mut refused = None;
    let tables = match table {
        Some(table) => vec![table],
        None => Table::all().collect(),
    };
    for table in tables {
        match Export::read(source(), table, settings, file, 0) {
            Ok(export) => found.push(Sniffed::of(&export)),
            Err(refusal) => match refusal.keyless.clone() {
                Some(keyless) => found.push(Sniffed::without_key(table, *keyless, refusal)),
                None => {
                    refused.get_or_insert(refusal);
                }
            },
        }
    }
    let fits = |sniffed: &Sniffed| (sniffed.keyless.is_none(), sniffed.matched());
    let most = found.iter().map(fits).max();
    found.retain(|sniffed| Some(fits(sniffed)) == most);
    let named = found.iter().position(|one| is_named(file, one.table));
    if let (true, Some(refusal)) = (found.is_empty(), refused) {
        return Err(refusal);
    }
    let mut best = found.swap_remove(named.unwrap_or(0));
    best.others = found.into_iter().map(|other| other.table).collect();
    best.others.sort();
    Ok(match &best.keyless {
        None => best,
        Some(_) => with_proposed_key(&source, &best, settings, file).unwrap_or(best),
    })
}

/// Whether a file's name says that it holds the records of a table.
fn is_named(file: &str, table: Table) -> bool {
    let name = file.rsplit(['/', '\\']).next().unwrap_or(file);
    let of_one = table.name().trim_end_matches('s');
    fold(name).contains(&fold(of_one))
}

/// How many columns are tried as the key.
const CANDIDATES: usize = 20;

/// Reads a file whose key is called otherwise: the first column that has another value in each record is proposed.
fn with_proposed_key(
    source: &impl Fn() -> Box<dyn ReadAt>,
    sniffed: &Sniffed,
    settings: &Settings,
    file: &str,
) -> Option<Sniffed> {
    let table = sniffed.table;
    if table.key_columns() != 1 {
        return None;
    }
    let candidates = sniffed.columns.iter().take(CANDIDATES);
    candidates.into_iter().find_map(|(header, _)| {
        let mut pinned = settings.clone();
        pinned.columns.push(ColumnPin {
            column: table.columns()[0].name.to_owned(),
            header: Some(header.clone()),
            length: None,
            too_long: TooLong::Problem,
        });
        let export = Export::read(source(), table, &pinned, file, 0).ok()?;
        let prints = export.key_prints().ok()?;
        let mut different = HashSet::new();
        let is_key = prints
            .iter()
            .all(|print| print.sound().is_some_and(|key| different.insert(key)));
        is_key.then(|| Sniffed {
            others: sniffed.others.clone(),
            ..Sniffed::of(&export)
        })
    })
}

impl Sniffed {
    fn of(export: &Export) -> Sniffed {
        let defs = export.table.columns();
        let columns = export
            .columns
            .names()
            .iter()
            .enumerate()
            .map(|(at, name)| {
                let column = export.columns.at(at);
                (name.clone(), column.map(|column| defs[column].name))
            })
            .collect();
        let key = 0..export.table.key_columns();
        Sniffed {
            table: export.table,
            others: Vec::new(),
            dialect: export.dialect.clone(),
            columns,
            key: key.map(|column| export.columns.name(column)).collect(),
            records: export.records.len(),
            keyless: None,
        }
    }

    fn without_key(table: Table, found: Keyless, refusal: Refusal) -> Sniffed {
        let defs = table.columns();
        let known = |name: &String| defs.iter().find(|def| fold(def.name) == fold(name));
        let columns = found.columns.into_iter();
        Sniffed {
            table,
            others: Vec::new(),
            dialect: found.dialect,
            columns: columns
                .map(|name| (name.clone(), known(&name).map(|def| def.name)))
                .collect(),
            key: Vec::new(),
            records: 0,
            keyless: Some(refusal),
        }
    }

    fn matched(&self) -> usize {
        self.columns
            .iter()
            .filter(|(_, column)| column.is_some())
            .count()
    }

    /// The part of the configuration that pins what was found.
    pub fn to_toml(&self) -> String {
        let mut pins = TomlTable::new();
        let dialect = &self.dialect;
        pins["format"] = value(dialect.grammar.format().name());
        let encoding = dialect.encoding.name();
        if dialect.encoding_proven {
            pins["encoding"] = value(encoding);
        } else if let Some(mut key) = pins.key_mut("format") {
            // Pinned, it would count as proven, and letters be written that its system may read as others.
            let guess = "which no byte of the file proves";
            let line = format!("# encoding = \"{encoding}\" is a guess, {guess}\n");
            key.leaf_decor_mut().set_prefix(line);
        }
        match &dialect.grammar {
            Grammar::Csv(csv) => {
                pins["delimiter"] = value(char::from(csv.delimiter).to_string());
                pins["quote"] = value(
                    csv.quote
                        .map_or(String::new(), |q| char::from(q).to_string()),
                );
                pins["newline"] = value(csv.newline.name());
                pins["header"] = value(csv.header);
                if !csv.header {
                    let names: Array = self.columns.iter().map(|(name, _)| name.as_str()).collect();
                    pins["names"] = value(names);
                }
            }
            Grammar::Json(json) => pins["sparse"] = value(json.sparse),
        }
        let mut columns = TomlTable::new();
        for (name, column) in &self.columns {
            if let Some(column) = column {
                columns[column] = value(name.as_str());
            }
        }
        pins["columns"] = Item::Table(columns);
        let mut tables = TomlTable::new();
        tables.set_implicit(true);
        tables[self.table.name()] = Item::Table(pins);
        let mut document = DocumentMut::new();
        document["tables"] = Item::Table(tables);
        let mut text = document.to_string();
        let others: Vec<String> = self
            .columns
            .iter()
            .filter(|column| column.1.is_none())
            .map(|column| format!("{:?}", column.0))
            .collect();
        if !others.is_empty() {
            text.push_str(&format!(
                "# Carried and never touched, unless a column is named: {}\n",
                others.join(", ")
            ));
        }
        if self.keyless.is_some() {
            let table = self.table;
            let keys = table.columns().iter().take(table.key_columns());
            let keys: Vec<String> = keys.map(|def| format!("{:?} = \"…\"", def.name)).collect();
            text.push_str(&format!(
                "# It has no key: say under [tables.{table}.columns] which header is which: {}\n",
                keys.join(", ")
            ));
        }
        if !self.others.is_empty() {
            let others: Vec<&str> = self.others.iter().map(|table| table.name()).collect();
            text.push_str(&format!(
                "# Its columns fit {} as well: --table says whose they are.\n",
                others.join(", ")
            ));
        }
        text
    }
}
