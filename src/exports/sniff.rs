//! What a file looks like to us, and the configuration that pins it.

use std::collections::HashSet;

use toml_edit::{Array, DocumentMut, Item, Table as TomlTable, value};

use super::dialect::{Dialect, Grammar};
use super::export::{Export, Refusal};
use super::settings::{ColumnPin, Settings, TooLong};
use super::source::ReadAt;
use crate::model::Table;

/// A file as it was found.
#[derive(Clone, Debug)]
pub struct Sniffed {
    /// The table whose columns it has.
    pub table: Table,
    /// How it is written.
    pub dialect: Dialect,
    /// Its columns in order, each with the model's name of it.
    pub columns: Vec<(String, Option<&'static str>)>,
    /// The headers of its key.
    pub key: Vec<String>,
    /// How many records it has.
    pub records: usize,
}

/// Looks at a file as an export of `table`, or, where that is not said, of the table whose columns it has most of.
///
/// # Errors
///
/// The refusal of the file; where no table is said, the one of the first table.
pub fn sniff(
    source: impl Fn() -> Box<dyn ReadAt>,
    table: Option<Table>,
    settings: &Settings,
    file: &str,
) -> Result<Sniffed, Refusal> {
    let read = |table| Export::read(source(), table, settings, file, 0);
    if let Some(table) = table {
        return match read(table) {
            Ok(export) => Ok(Sniffed::of(&export)),
            Err(refusal) => with_proposed_key(&source, table, settings, file, refusal),
        };
    }
    let mut best: Option<Sniffed> = None;
    let mut refused = None;
    for table in Table::all() {
        match read(table) {
            Ok(export) => {
                let sniffed = Sniffed::of(&export);
                if best
                    .as_ref()
                    .is_none_or(|b| sniffed.matched() > b.matched())
                {
                    best = Some(sniffed);
                }
            }
            Err(refusal) => {
                refused.get_or_insert(refusal);
            }
        }
    }
    match (best, refused) {
        (Some(sniffed), _) => Ok(sniffed),
        // Whose records they are cannot be seen; contacts stand for the question.
        (None, Some(refusal)) => {
            with_proposed_key(&source, Table::Contacts, settings, file, refusal)
        }
        (None, None) => Err(Refusal {
            reason: "there are no tables".to_owned(),
            line: None,
            offset: None,
            advice: "name the table".to_owned(),
            columns: Vec::new(),
        }),
    }
}

/// How many columns are tried as the key.
const CANDIDATES: usize = 20;

/// Reads a file whose key is called otherwise: the first column that has another value in each record is proposed.
fn with_proposed_key(
    source: &impl Fn() -> Box<dyn ReadAt>,
    table: Table,
    settings: &Settings,
    file: &str,
    refusal: Refusal,
) -> Result<Sniffed, Refusal> {
    if table.key_columns() != 1 {
        return Err(refusal);
    }
    for header in refusal.columns.iter().take(CANDIDATES) {
        let mut pinned = settings.clone();
        pinned.columns.push(ColumnPin {
            column: table.columns()[0].name.to_owned(),
            header: Some(header.clone()),
            length: None,
            too_long: TooLong::Problem,
        });
        let Ok(export) = Export::read(source(), table, &pinned, file, 0) else {
            continue;
        };
        let Ok(prints) = export.key_prints() else {
            continue;
        };
        let mut different = HashSet::new();
        if prints
            .iter()
            .all(|print| print.sound().is_some_and(|key| different.insert(key)))
        {
            return Ok(Sniffed::of(&export));
        }
    }
    Err(refusal)
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
        Sniffed {
            table: export.table,
            dialect: export.dialect.clone(),
            columns,
            key: (0..export.table.key_columns())
                .map(|column| export.columns.name(column))
                .collect(),
            records: export.records.len(),
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
        pins["encoding"] = value(dialect.encoding.name());
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
        text
    }
}
