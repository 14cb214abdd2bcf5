//! A requests file: rows of CSV or JSON that ask for what the commands do (`product.md` §3).

use std::path::Path;

use crate::disk::Disk;
use crate::exports::{Export, Settings, fold};
use crate::model::{Kind, Table, form};

use super::observe::shown_path;
use super::orders::{Master, Order, TemplateChoice};

/// A row of a requests file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestRow {
    /// The line in which it begins.
    pub line: u64,
    /// What it asks for, or why it cannot be understood.
    pub order: Result<Order, String>,
}

/// Reads a requests file.
///
/// # Errors
/// Why it cannot be read at all, as a sentence.
pub fn read(disk: &dyn Disk, path: &Path) -> Result<Vec<RequestRow>, String> {
    let file = shown_path(path);
    let (source, _) = disk
        .open(path)
        .map_err(|error| format!("{file} cannot be read: {error}"))?;
    let export = Export::read(source, Table::Requests, &Settings::default(), &file, 0)
        .map_err(|refusal| format!("{file}: {refusal}"))?;
    let rows = (0..export.records.len()).map(|at| RequestRow {
        line: export.line_of(at),
        order: match export.record(at) {
            Err(fault) => Err(fault.reason),
            Ok(record) => {
                let values = export.carried(&record);
                order(&|name| text(&record, name), values)
            }
        },
    });
    Ok(rows.collect())
}

fn text(record: &crate::exports::Record, name: &str) -> String {
    let column = Table::Requests.column(name);
    let value = column.and_then(|column| record.value(column));
    value.unwrap_or_default().trim().to_owned()
}

/// What a row asks for.
fn order(cell: &dyn Fn(&str) -> String, values: Vec<(String, String)>) -> Result<Order, String> {
    let action = cell("Action").to_lowercase();
    let table = cell("Table");
    let needed = |name: &str| match cell(name) {
        value if value.is_empty() => Err(format!("{name} is blank, and {action:?} needs it")),
        value => Ok(value),
    };
    match action.as_str() {
        "link" => Ok(Order::Link {
            contact: needed("Contact No.")?,
            kind: kind(&table)?,
            no: needed("No.")?,
            master: master(&cell("Master"))?,
        }),
        "unlink" => Ok(Order::Unlink {
            contact: needed("Contact No.")?,
            kind: kind(&table)?,
        }),
        "create" if fold(&table) == "contact" && cell("From").is_empty() => {
            let company = Some(cell("Company No.")).filter(|no| !no.is_empty());
            let filled = |(_, value): &(String, String)| !form::is_blank(value);
            Ok(Order::CreateContact {
                company,
                person: false,
                values: values.into_iter().filter(filled).collect(),
            })
        }
        "create" if fold(&table) == "contact" => Ok(Order::CreateContacts {
            kind: kind(&cell("From"))?,
            nos: vec![needed("No.")?],
        }),
        "create" => Ok(Order::CreateCounterpart {
            contact: needed("Contact No.")?,
            kind: kind(&table)?,
            template: match cell("Template Code") {
                code if code.is_empty() => TemplateChoice::ByType,
                code => TemplateChoice::Named(code),
            },
        }),
        "" => Err("Action is blank: say link, unlink or create".to_owned()),
        other => Err(format!(
            "{other:?} is no action: say link, unlink or create"
        )),
    }
}

fn kind(name: &str) -> Result<Kind, String> {
    match Table::named(&name.to_lowercase().replace(' ', "_")) {
        Some(Table::Counterparts(kind)) => Ok(kind),
        _ => Err(format!(
            "{name:?} is no kind of counterpart: say customer, vendor or bank-account"
        )),
    }
}

fn master(word: &str) -> Result<Master, String> {
    match word.to_lowercase().as_str() {
        "" | "contact" => Ok(Master::Contact),
        "counterpart" => Ok(Master::Counterpart),
        _ => Err(format!("{word:?} is no master: say contact or counterpart")),
    }
}
