//! Documents as files: composed once their parties are merged, so that they say what is agreed, and written with the pass.

use std::path::PathBuf;

use crate::config::{Config, DocumentFormat};
use crate::merge::Plan;
use crate::merge::document::{Draft, Fields, Partner, RECORD_FIELDS, adopt, compose};
use crate::model::document::Document;
use crate::model::{FieldId, Table};
use crate::state::StateError;
use crate::sync::arrange::documents::{Who, counterparts, known_name};

use super::world::World;

/// The documents that a pass makes or adopts, and quotes that were made into orders.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Documents {
    /// Those that are written, in the order in which they were asked for.
    pub written: Vec<Document>,
    /// Quotes that are closed.
    pub closed: Vec<Document>,
}

/// Composes them from what is agreed by the end of the pass.
pub(in crate::sync) fn of_pass(world: &World<'_>, plan: &Plan) -> Result<Documents, StateError> {
    let mut documents = Documents::default();
    for planned in &world.arranged.documents {
        let table = Table::Counterparts(counterparts(planned.kind));
        let draft = Draft {
            partner: partner(world, plan, table, &planned.partner)?,
            payer: partner(world, plan, table, &planned.payer)?,
            ..planned.draft.clone()
        };
        let document = compose(planned.kind, &draft, planned.lines.clone());
        if let Some(quote) = &planned.quote {
            documents.closed.push(Document {
                ordered_as: document.no.clone(),
                ..quote.clone()
            });
        }
        documents.written.push(document);
    }
    for adoption in &world.arranged.adoptions {
        let table = Table::Counterparts(counterparts(adoption.quote.kind));
        let mut known = std::collections::BTreeMap::new();
        for (contact, no) in &adoption.counterparts {
            known.insert(contact.as_str(), fields(world, plan, table, no)?);
        }
        let adopted = adopt(&adoption.quote, &|contact| {
            known.get(contact).cloned().flatten()
        });
        documents.written.extend(adopted);
    }
    Ok(documents)
}

fn partner(world: &World<'_>, plan: &Plan, table: Table, who: &Who) -> Result<Partner, StateError> {
    let contact = fields(world, plan, Table::Contacts, &who.contact)?;
    let company = match &who.company {
        Some(company) => fields(world, plan, Table::Contacts, company)?,
        None => None,
    };
    let counterpart = match &who.counterpart {
        Some(no) => fields(world, plan, table, no)?,
        None => None,
    };
    Ok(Partner {
        contact: contact.unwrap_or_default(),
        company,
        counterpart,
        template: who.template.as_ref().map(|(code, fields)| {
            let named = fields.iter();
            let named = named
                .map(|(name, value)| (known_name(name, &RECORD_FIELDS).to_owned(), value.clone()));
            (code.clone(), named.collect())
        }),
    })
}

/// A record as it will be: as its export shows it, with what was written for it and not imported yet, and with what this pass
/// changes.
fn fields(
    world: &World<'_>,
    plan: &Plan,
    table: Table,
    no: &str,
) -> Result<Option<Fields>, StateError> {
    let mut fields = Fields::new();
    let key = world.key(no);
    let Some(seen) = world.tables[table.index()].as_ref() else {
        return Ok(None);
    };
    let created = plan
        .creations
        .iter()
        .find(|creation| creation.table == table.name() && creation.no == no);
    let record = seen.export.as_ref().and_then(|export| {
        let record = export.record(seen.position(key)?).ok()?;
        Some((export.carried(&record), record.into_row()))
    });
    let row = match (created, record) {
        (Some(creation), _) => {
            let cells = creation.cells.iter();
            fields.extend(
                cells.map(|(name, value)| {
                    (known_name(name, &RECORD_FIELDS).to_owned(), value.clone())
                }),
            );
            None
        }
        (None, Some((carried, row))) => {
            let carried = carried.into_iter();
            fields.extend(
                carried.map(|(name, value)| (known_name(&name, &RECORD_FIELDS).to_owned(), value)),
            );
            Some(row)
        }
        (None, None) => match seen.base(key)? {
            Some(row) => Some(row),
            None => return Ok(None),
        },
    };
    for (column, def) in table.columns().iter().enumerate() {
        if let Some(value) = row.as_ref().and_then(|row| row.get(column)) {
            fields.insert(def.name.to_owned(), value.to_owned());
        }
    }
    fields.insert("No.".to_owned(), no.to_owned());
    for sent in world.pending.sent(table, no) {
        let field = FieldId::named(&sent.field);
        let column = field.and_then(|field| table.column_of(field));
        // What rules write goes by the name of its column.
        let column = column.or_else(|| table.column(&sent.field));
        if let (Some(column), false) = (column, sent.sent.acknowledged) {
            fields.insert(
                table.columns()[column].name.to_owned(),
                sent.sent.value.clone(),
            );
        }
    }
    let changes = plan.changes.iter();
    for change in changes.filter(|change| change.table == table.name() && change.no == no) {
        fields.insert(change.column.clone(), change.to.clone());
    }
    Ok(Some(fields))
}

/// The files of a document: one of JSON, or of CSV one for the header and one for the lines, where it has some. Named after the
/// document and the pass, so that none is ever overwritten.
pub fn files(config: &Config, document: &Document, pass: u64) -> Vec<(PathBuf, Vec<u8>)> {
    let Some(folder) = &config.documents.folder else {
        return Vec::new();
    };
    let noun = document.kind.def().noun.replace('-', "_");
    // Numbers may hold what a file's name must not.
    let no: String = document
        .no
        .chars()
        .map(|character| match character {
            'A'..='Z' | 'a'..='z' | '0'..='9' | '-' | '.' => character,
            _ => '_',
        })
        .collect();
    let path =
        |what: &str, ending: &str| folder.join(format!("{noun}{what}_{no}_{pass:06}.{ending}"));
    match config.documents.format {
        DocumentFormat::Json => {
            let object = |fields: &[(String, String)]| {
                let fields = fields.iter();
                let fields = fields.map(|(name, value)| (name.clone(), value.clone().into()));
                serde_json::Value::Object(fields.collect())
            };
            let mut value = object(&document.header);
            value["Version No."] = document.version.into();
            value["Lines"] = document.lines.iter().map(|line| object(line)).collect();
            let mut bytes = serde_json::to_vec_pretty(&value).unwrap_or_default();
            bytes.push(b'\n');
            vec![(path("", "json"), bytes)]
        }
        DocumentFormat::Csv => {
            let mut header = document.header.clone();
            header.push(("Version No.".to_owned(), document.version.to_string()));
            let mut files = vec![(path("", "csv"), csv(&[header]))];
            if !document.lines.is_empty() {
                let lines: Vec<Vec<(String, String)>> = document
                    .lines
                    .iter()
                    .map(|line| {
                        [
                            vec![("Document No.".to_owned(), document.no.clone())],
                            line.clone(),
                        ]
                        .concat()
                    })
                    .collect();
                files.push((path("_lines", "csv"), csv(&lines)));
            }
            files
        }
    }
}

/// Rows as CSV, with every name that any of them has as a column, in the order in which they come up.
fn csv(rows: &[Vec<(String, String)>]) -> Vec<u8> {
    let mut names: Vec<&str> = Vec::new();
    for (name, _) in rows.iter().flatten() {
        if !names.contains(&name.as_str()) {
            names.push(name);
        }
    }
    let mut writer = csv::WriterBuilder::new()
        .terminator(csv::Terminator::CRLF)
        .from_writer(Vec::new());
    let mut write = |cells: Vec<&str>| writer.write_record(cells);
    // Writing to memory does not fail.
    let _ = write(names.clone());
    for row in rows {
        let cell = |name: &&str| {
            let mut of_it = row.iter().filter(|(known, _)| known == name);
            of_it.next().map_or("", |(_, value)| value.as_str())
        };
        let _ = write(names.iter().map(cell).collect());
    }
    writer.into_inner().unwrap_or_default()
}
