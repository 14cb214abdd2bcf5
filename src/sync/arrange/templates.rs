//! Customer and vendor templates, read from exports (`business-central.md` §8.2).

use std::collections::BTreeMap;

use crate::config::{Config, instead_of};
use crate::disk::Disk;
use crate::exports::Export;
use crate::model::{CONTACT_TYPE, Form, Kind, Table, form};

use crate::sync::observe::locate::{Located, locate};
use crate::sync::observe::shown_path;

/// One template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template {
    /// Its code.
    pub code: String,
    /// For contacts of this type: Company or Person.
    pub contact_type: String,
    /// The number series that it names.
    pub series: Option<String>,
    /// Values by column of the kind's table.
    pub cells: Vec<(usize, String)>,
    /// Values of columns that the model does not know, by name.
    pub carried: Vec<(String, String)>,
}

/// The template of this code.
///
/// # Errors
/// That there is none, as a sentence.
pub fn named<'t>(
    templates: &'t [Template],
    kind: Kind,
    code: &str,
) -> Result<&'t Template, String> {
    let code = form::canonical(Form::Code, code);
    let mut of_code = templates.iter().filter(|template| template.code == code);
    of_code.next().ok_or_else(|| {
        let known: Vec<&str> = templates.iter().map(|known| known.code.as_str()).collect();
        let noun = kind.def().noun;
        format!(
            "there is no {noun} template {code}; {}",
            instead_of(&code, &known)
        )
    })
}

/// Reads the templates of these kinds; a kind without configured templates is left out, and a file that cannot be read is
/// a sentence.
pub fn read(
    config: &Config,
    kinds: impl Iterator<Item = Kind>,
    disk: &dyn Disk,
    seed: u64,
) -> BTreeMap<Kind, Result<Vec<Template>, String>> {
    let mut all = BTreeMap::new();
    for kind in kinds {
        let table = Table::Templates(kind);
        if config.table(table).is_some() {
            all.insert(kind, of_kind(config, kind, disk, seed));
        }
    }
    all
}

fn of_kind(
    config: &Config,
    kind: Kind,
    disk: &dyn Disk,
    seed: u64,
) -> Result<Vec<Template>, String> {
    let table = Table::Templates(kind);
    let Some(of_table) = config.table(table) else {
        return Ok(Vec::new());
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
    let export = Export::read(source, table, &of_table.settings(), &file, seed)
        .map_err(|refusal| refusal.to_string())?;
    let mut templates = Vec::new();
    for at in 0..export.records.len() {
        let record = export
            .record(at)
            .map_err(|fault| format!("{file}:{}: {}", export.line_of(at), fault.reason))?;
        let text = |name: &str| {
            let column = table.column(name)?;
            record
                .value(column)
                .map(str::trim)
                .filter(|text| !text.is_empty())
        };
        let contact_type = text(CONTACT_TYPE)
            .and_then(|text| form::caption(Form::ContactType, text))
            .filter(|caption| !caption.is_empty())
            .unwrap_or("Company");
        let target = Table::Counterparts(kind);
        let defs = table.columns().iter().enumerate().skip(1);
        let cells = defs
            .filter(|(_, def)| def.name != CONTACT_TYPE)
            .filter_map(|(column, def)| {
                let value = record
                    .value(column)
                    .filter(|value| !form::is_blank(value))?;
                Some((target.column(def.name)?, value.to_owned()))
            })
            .collect();
        let own = ["Description"];
        let carried = export
            .carried(&record)
            .into_iter()
            .filter(|(name, value)| !form::is_blank(value) && !own.contains(&name.as_str()));
        templates.push(Template {
            code: form::canonical(Form::Code, record.value(0).unwrap_or_default()).into_owned(),
            contact_type: contact_type.to_owned(),
            series: text("No. Series").map(|name| form::canonical(Form::Code, name).into_owned()),
            cells,
            carried: carried.collect(),
        });
    }
    Ok(templates)
}
