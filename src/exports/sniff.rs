//! What a file looks like to us, and the configuration that pins it.

use toml_edit::{Array, DocumentMut, Item, Table as TomlTable, value};

use super::dialect::{Dialect, Grammar};
use super::export::{Export, Refusal};
use super::settings::Settings;
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
        return read(table).map(|export| Sniffed::of(&export));
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
        (None, Some(refusal)) => Err(refusal),
        (None, None) => Err(Refusal {
            reason: "there are no tables".to_owned(),
            line: None,
            offset: None,
            advice: "name the table".to_owned(),
        }),
    }
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
        document.to_string()
    }
}
