//! Business Central's Marketing Setup, as far as Couplet has it (`business-central.md` §1), and the number series.

use std::collections::BTreeMap;

use crate::merge::Inherit;
use crate::merge::series::Series;
use crate::model::{KINDS, Kind};

use super::reader::Reader;

/// `[setup]` and `[series]`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Setup {
    /// The business relation code of each kind; a kind without one is not coupled.
    pub codes: Vec<Option<String>>,
    /// The series that contacts are numbered from; without it no contact is ever created.
    pub contact_nos: Option<Series>,
    /// The series that the records of each kind are numbered from.
    pub counterpart_nos: Vec<Option<Series>>,
    /// Series that templates name.
    pub series: BTreeMap<String, Series>,
    /// Which counterparts get a contact without being asked.
    pub create_contacts: CreateContacts,
    /// What persons take over from their company.
    pub inherit: Inherit,
    /// What a new contact gets where it has nothing.
    pub defaults: Defaults,
    /// Which contacts passes search for duplicates.
    pub autosearch_for_duplicates: SearchFor,
    /// How many of their search strings must be the same, in percent.
    pub search_hit: u8,
}

/// Which counterparts get a contact without being asked (`product.md` §2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CreateContacts {
    /// None.
    Never,
    /// Those first seen after the first pass that read their table, and never coupled before.
    #[default]
    New,
    /// Those of the first pass too.
    All,
}

/// Which contacts are searched for duplicates without being asked (`business-central.md` §12).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SearchFor {
    /// None.
    Nothing,
    /// Those that Couplet creates.
    #[default]
    Created,
    /// Those too that appear or change in an export; all contacts are read then.
    Changed,
}

/// What a new contact gets where it has nothing (`business-central.md` §1.1).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Defaults {
    /// By the contact's field: Salesperson, Territory, Country/Region, Language, Format Region, Correspondence Type.
    pub fields: BTreeMap<&'static str, String>,
    /// Salutation Code of companies.
    pub company_salutation: String,
    /// Salutation Code of persons.
    pub person_salutation: String,
    /// The salesperson of who operates Couplet, who comes before the default (User Setup).
    pub user_salesperson: String,
}

impl Setup {
    /// The business relation code of a kind.
    pub fn code(&self, kind: Kind) -> Option<&str> {
        self.codes.get(kind.0 as usize)?.as_deref()
    }

    /// The series that the records of a kind are numbered from.
    pub fn nos(&self, kind: Kind) -> Option<&Series> {
        self.counterpart_nos.get(kind.0 as usize)?.as_ref()
    }

    pub(super) fn read(reader: &Reader<'_, '_>, series: &Reader<'_, '_>) -> Setup {
        let flag = |key: &str| reader.boolean(key).unwrap_or(true);
        let hit = reader.number("search_hit", 1).unwrap_or(60);
        if hit > 100 {
            reader.error("search_hit", "a share in percent, from 1 to 100");
        }
        let words = [
            ("never", CreateContacts::Never),
            ("new", CreateContacts::New),
            ("all", CreateContacts::All),
        ];
        let searches = [
            ("never", SearchFor::Nothing),
            ("created", SearchFor::Created),
            ("changed", SearchFor::Changed),
        ];
        let setup = Setup {
            codes: read_codes(reader),
            contact_nos: read_series(reader, "contact_nos"),
            counterpart_nos: KINDS
                .iter()
                .map(|kind| read_series(reader, kind.series))
                .collect(),
            series: series
                .keys()
                .into_iter()
                .filter_map(|key| Some((key.to_uppercase(), read_series(series, &key)?)))
                .collect(),
            create_contacts: reader.choice("create_contacts", &words).unwrap_or_default(),
            inherit: Inherit {
                salesperson_code: flag("inherit_salesperson_code"),
                territory_code: flag("inherit_territory_code"),
                country_region_code: flag("inherit_country_region_code"),
                language_code: flag("inherit_language_code"),
                format_region: flag("inherit_format_region"),
                address_details: flag("inherit_address_details"),
                communication_details: flag("inherit_communication_details"),
            },
            defaults: read_defaults(reader),
            autosearch_for_duplicates: reader
                .choice("autosearch_for_duplicates", &searches)
                .unwrap_or_default(),
            search_hit: hit.min(100) as u8,
        };
        reader.finish();
        setup
    }
}

/// The code of each kind. A relation says by its code whose number it carries, so no two kinds can have the same.
fn read_codes(reader: &Reader<'_, '_>) -> Vec<Option<String>> {
    let mut codes: Vec<Option<String>> = Vec::new();
    for kind in KINDS {
        let code = code(reader, kind.setup_code, 10);
        if let Some(code) = &code
            && let Some(other) = codes.iter().position(|known| known.as_ref() == Some(code))
        {
            let other = KINDS[other].setup_code;
            let message = format!("{code:?} is `{other}` already; each needs a code of its own");
            reader.error(kind.setup_code, message);
        }
        codes.push(code);
    }
    codes
}

fn code(reader: &Reader<'_, '_>, key: &str, most: usize) -> Option<String> {
    let code = reader
        .text(key)
        .map(|code| code.trim().to_uppercase())
        .filter(|code| !code.is_empty())?;
    if code.chars().count() > most {
        reader.error(key, format!("such a code has at most {most} characters"));
    }
    Some(code)
}

fn read_defaults(reader: &Reader<'_, '_>) -> Defaults {
    let codes = [
        ("default_salesperson_code", "Salesperson Code", 20),
        ("default_territory_code", "Territory Code", 10),
        ("default_country_region_code", "Country/Region Code", 10),
        ("default_language_code", "Language Code", 10),
    ];
    let mut fields: BTreeMap<&'static str, String> = codes
        .into_iter()
        .filter_map(|(key, field, most)| Some((field, code(reader, key, most)?)))
        .collect();
    let region = reader.text("default_format_region");
    fields.extend(region.map(|region| ("Format Region", region)));
    let correspondence = reader.choice(
        "default_correspondence_type",
        &[("Hard Copy", "Hard Copy"), ("Email", "Email")],
    );
    fields.extend(correspondence.map(|word| ("Correspondence Type", word.to_owned())));
    let or_blank = |key, most| code(reader, key, most).unwrap_or_default();
    Defaults {
        fields,
        company_salutation: or_blank("def_company_salutation_code", 10),
        person_salutation: or_blank("default_person_salutation_code", 10),
        user_salesperson: or_blank("user_salesperson_code", 20),
    }
}

/// A series: its first number, or a table with `first`, `last` and `step`.
pub(super) fn read_series(reader: &Reader<'_, '_>, key: &str) -> Option<Series> {
    let (first, last, step) = match reader.item(key)?.as_str() {
        Some(first) => (first.to_owned(), None, 1),
        None => {
            let table = reader.table(key);
            let first = table.text("first");
            if !table.has("first") {
                table.error("", "`first` is missing: the first number of the series");
            }
            let last = table.text("last");
            let step = table.number("step", 1).unwrap_or(1);
            table.finish();
            (first?, last, step)
        }
    };
    match Series::parse(&first, last.as_deref(), step) {
        Ok(series) => Some(series),
        Err(error) => {
            reader.error(key, error.to_string());
            None
        }
    }
}
