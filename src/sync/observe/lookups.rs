//! Tables that are looked up in a pass: interaction templates, their setup, salespeople, other addresses. Small, and read anew.

use std::collections::{BTreeMap, BTreeSet};

use crate::config::{Config, TableConfig, instead_of};
use crate::disk::{Disk, ReadAt};
use crate::exports::{Export, Record};
use crate::merge::interaction::{DOCUMENT_TYPES, InteractionTemplate, InteractionTemplates};
use crate::merge::mail::search_e_mail;
use crate::model::{Form, Lookup, Table, form};

use super::locate::{Located, locate};
use super::shown_path;

/// Reads a table that is only read; `None` where it is not configured.
///
/// # Errors
/// Why it cannot be read, as a sentence.
pub fn read(
    config: &Config,
    table: Table,
    disk: &dyn Disk,
    seed: u64,
) -> Result<Option<(Export, Vec<Record>)>, String> {
    let Some((export, file)) = open(config, table, disk, seed)? else {
        return Ok(None);
    };
    let mut records = Vec::new();
    for at in 0..export.records.len() {
        let record = export
            .record(at)
            .map_err(|fault| format!("{file}:{}: {}", export.line_of(at), fault.reason))?;
        records.push(record);
    }
    Ok(Some((export, records)))
}

/// A table's export as it stands, with its file as we name it; `None` where the table is not configured.
///
/// # Errors
/// Why it cannot be read, as a sentence.
pub fn open(
    config: &Config,
    table: Table,
    disk: &dyn Disk,
    seed: u64,
) -> Result<Option<(Export, String)>, String> {
    let Some(of_table) = config.table(table) else {
        return Ok(None);
    };
    let file = shown_path(&of_table.export_path());
    let path = match locate(disk, of_table, None) {
        Ok(Located::Found { path, .. }) => path,
        Ok(none) => return Err(format!("{file} with the {table}: {}", none.reason())),
        Err(error) => return Err(format!("{file} cannot be looked for: {error}")),
    };
    let (source, _) = disk
        .open(&path)
        .map_err(|error| format!("{file} cannot be read: {error}"))?;
    let export = export(source, table, of_table, &file, seed)?;
    Ok(Some((export, file)))
}

fn export(
    source: Box<dyn ReadAt>,
    table: Table,
    config: &TableConfig,
    file: &str,
    seed: u64,
) -> Result<Export, String> {
    let source = match table {
        Table::Lookup(Lookup::InteractionTemplateSetup) => in_brackets(source)?,
        _ => source,
    };
    Export::read(source, table, &config.settings(), file, seed)
        .map_err(|refusal| refusal.to_string())
}

/// A table of one row may be a JSON object by itself: it becomes an array of one.
fn in_brackets(source: Box<dyn ReadAt>) -> Result<Box<dyn ReadAt>, String> {
    const MOST: u64 = 1 << 20;
    let mut bytes = vec![0; source.len().min(MOST) as usize];
    let mut done = 0;
    while done < bytes.len() {
        match source.read_at(&mut bytes[done..], done as u64) {
            Ok(0) => break,
            Ok(count) => done += count,
            Err(error) => return Err(error.to_string()),
        }
    }
    let text = bytes[..done]
        .strip_prefix(b"\xef\xbb\xbf")
        .unwrap_or(&bytes[..done]);
    let is_object = match serde_json::from_slice::<serde_json::Map<String, serde_json::Value>>(text)
    {
        Ok(object) => !object.contains_key("value"),
        Err(_) => false,
    };
    Ok(match is_object {
        true => Box::new([b"[", text, b"]"].concat()),
        false => source,
    })
}

/// The cell of a record, trimmed; blank where its file does not say.
pub fn cell<'r>(table: Table, record: &'r Record, name: &str) -> &'r str {
    let column = table.column(name);
    column
        .and_then(|column| record.value(column))
        .unwrap_or_default()
        .trim()
}

/// What is needed to log interactions.
#[derive(Debug)]
pub struct LogLookups {
    /// The templates, or why they cannot be read.
    pub templates: Result<InteractionTemplates, String>,
    /// Salespeople, where they are configured, or why they cannot be read.
    pub salespeople: Result<Option<Salespeople>, String>,
    /// Other e-mail addresses of contacts: the contact's number by the address as it is compared.
    pub other_addresses: Result<BTreeMap<String, String>, String>,
}

/// Who of ours deals with contacts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Salespeople {
    /// Their codes.
    pub codes: BTreeSet<String>,
    /// Codes by the e-mail address as it is compared.
    pub by_e_mail: BTreeMap<String, String>,
}

impl LogLookups {
    /// Reads them all.
    pub fn read(config: &Config, disk: &dyn Disk, seed: u64) -> LogLookups {
        LogLookups {
            templates: templates(config, disk, seed),
            salespeople: salespeople(config, disk, seed),
            other_addresses: other_addresses(config, disk, seed),
        }
    }

    /// Whether a salesperson or purchaser is one of ours, where these are configured. Nobody need be named.
    ///
    /// # Errors
    /// That nobody has this code, or that it cannot be known, as a sentence.
    pub fn knows_salesperson(&self, code: &str) -> Result<(), String> {
        match &self.salespeople {
            _ if code.is_empty() => Ok(()),
            Err(reason) => Err(reason.clone()),
            Ok(Some(known)) if !known.codes.contains(code) => {
                let known: Vec<&str> = known.codes.iter().map(String::as_str).collect();
                let instead = instead_of(code, &known);
                Err(format!("there is no salesperson {code}; {instead}"))
            }
            Ok(_) => Ok(()),
        }
    }
}

fn templates(config: &Config, disk: &dyn Disk, seed: u64) -> Result<InteractionTemplates, String> {
    let mut templates = InteractionTemplates::default();
    let table = Table::Lookup(Lookup::InteractionTemplates);
    if let Some((_, records)) = read(config, table, disk, seed)? {
        for record in &records {
            let template = template(table, record);
            templates.by_code.insert(template.code.clone(), template);
        }
    }
    let table = Table::Lookup(Lookup::InteractionTemplateSetup);
    if let Some((_, records)) = read(config, table, disk, seed)? {
        if let [row] = records.as_slice() {
            for kind in DOCUMENT_TYPES {
                let code = form::canonical(Form::Code, cell(table, row, kind.setup));
                templates.setup.insert(kind.setup, code.into_owned());
            }
        } else {
            return Err(format!(
                "the {table} has {} rows, and must have one",
                records.len()
            ));
        }
    }
    let table = Table::Lookup(Lookup::InteractionTemplateLanguages);
    if let Some((_, records)) = read(config, table, disk, seed)? {
        let codes = records
            .iter()
            .map(|record| record.value(0).unwrap_or_default());
        templates
            .with_languages
            .extend(codes.map(|code| form::canonical(Form::Code, code).into_owned()));
    }
    Ok(templates)
}

fn template(table: Table, record: &Record) -> InteractionTemplate {
    let text = |name: &str| cell(table, record, name).to_owned();
    let code = |name: &str| form::canonical(Form::Code, cell(table, record, name)).into_owned();
    let option = |name: &str| form::option(cell(table, record, name)).into_owned();
    let flag = |name: &str| form::caption(Form::Boolean, cell(table, record, name)) == Some("Yes");
    InteractionTemplate {
        code: code("Code"),
        group: code("Interaction Group Code"),
        description: text("Description"),
        cost: text("Unit Cost (LCY)"),
        duration: text("Unit Duration (Min.)"),
        information_flow: option("Information Flow"),
        initiated_by: option("Initiated By"),
        campaign_no: code("Campaign No."),
        campaign_target: flag("Campaign Target"),
        campaign_response: flag("Campaign Response"),
        correspondence: option("Correspondence Type (Default)"),
        language: code("Language Code (Default)"),
        ignores_contact: flag("Ignore Contact Corres. Type"),
    }
}

fn salespeople(config: &Config, disk: &dyn Disk, seed: u64) -> Result<Option<Salespeople>, String> {
    let table = Table::Lookup(Lookup::Salespeople);
    let Some((_, records)) = read(config, table, disk, seed)? else {
        return Ok(None);
    };
    let mut salespeople = Salespeople::default();
    for record in &records {
        let code = form::canonical(Form::Code, record.value(0).unwrap_or_default()).into_owned();
        let e_mail = search_e_mail(cell(table, record, "E-Mail"));
        if !e_mail.is_empty() {
            salespeople.by_e_mail.entry(e_mail).or_insert(code.clone());
        }
        salespeople.codes.insert(code);
    }
    Ok(Some(salespeople))
}

fn other_addresses(
    config: &Config,
    disk: &dyn Disk,
    seed: u64,
) -> Result<BTreeMap<String, String>, String> {
    let table = Table::Lookup(Lookup::ContactAltAddresses);
    let mut addresses = BTreeMap::new();
    if let Some((_, records)) = read(config, table, disk, seed)? {
        for record in &records {
            let contact = form::canonical(Form::Code, record.value(0).unwrap_or_default());
            let e_mail = search_e_mail(cell(table, record, "E-Mail"));
            if !e_mail.is_empty() {
                addresses.entry(e_mail).or_insert(contact.into_owned());
            }
        }
    }
    Ok(addresses)
}
