//! The tables that Couplet reads, and the columns of each that it understands.

use std::fmt;
use std::sync::LazyLock;

use super::field::{CONTACT_FIELDS, FieldId, Form, SHARED_FIELDS};
use super::kind::{KINDS, Kind};
use super::lookup::Lookup;

/// A table of records: the hub, one of the kinds of counterpart, or the relations between them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Table {
    /// The contacts.
    Contacts,
    /// The records of one kind of counterpart.
    Counterparts(Kind),
    /// The Contact Business Relation table.
    Relations,
    /// Templates of one kind of counterpart: only read, never merged.
    Templates(Kind),
    /// A table that is looked up: only read, never merged.
    Lookup(Lookup),
}

/// A column that Couplet understands; all others of an export are carried, never touched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ColumnDef {
    /// Business Central's field name.
    pub name: &'static str,
    /// How its values are spelled and compared.
    pub form: Form,
    /// Maximum length in characters.
    pub length: usize,
    /// The field of the contact that it carries.
    pub shares: Option<FieldId>,
}

impl ColumnDef {
    /// Whether it carries a field that a contact and a counterpart share.
    pub fn is_shared(&self) -> bool {
        self.shares.is_some_and(FieldId::is_shared)
    }
}

impl Table {
    /// Contacts, each kind of counterpart, relations: the tables that a pass merges, in the order of everything that
    /// lists tables.
    pub fn all() -> impl Iterator<Item = Table> {
        std::iter::once(Table::Contacts)
            .chain(Kind::all().map(Table::Counterparts))
            .chain(std::iter::once(Table::Relations))
    }

    /// Its name in configuration, plans and file names.
    pub fn name(self) -> &'static str {
        match self {
            Table::Contacts => "contacts",
            Table::Counterparts(kind) => kind.def().table,
            Table::Relations => "relations",
            Table::Templates(kind) => kind.def().templates,
            Table::Lookup(lookup) => lookup.def().table,
        }
    }

    /// One record of it, in sentences.
    pub fn noun(self) -> &'static str {
        match self {
            Table::Contacts => "contact",
            Table::Counterparts(kind) => kind.def().noun,
            Table::Relations => "relation",
            Table::Templates(_) => "template",
            Table::Lookup(lookup) => lookup.def().noun,
        }
    }

    /// The table of this name, singular or plural, with `-` or `_`.
    pub fn named(name: &str) -> Option<Table> {
        let exactly = |table: &Table| table.name() == name || table.noun() == name;
        if let Some(table) = Table::all().find(exactly) {
            return Some(table);
        }
        let name = name.replace('-', "_");
        Table::all().find(|table| table.name() == name || table.noun().replace('-', "_") == name)
    }

    /// Position in [`Table::all`], and after those for tables that are only read.
    pub fn index(self) -> usize {
        match self {
            Table::Contacts => 0,
            Table::Counterparts(kind) => 1 + kind.0 as usize,
            Table::Relations => 1 + KINDS.len(),
            Table::Templates(kind) => 2 + KINDS.len() + kind.0 as usize,
            Table::Lookup(lookup) => 2 + 2 * KINDS.len() + lookup as usize,
        }
    }

    /// How many tables a pass merges.
    pub const COUNT: usize = 2 + KINDS.len();

    /// Whether its records are sides of parties, each under a number of its own.
    pub fn has_sides(self) -> bool {
        matches!(self, Table::Contacts | Table::Counterparts(_))
    }

    /// The columns that Couplet understands in this table; rows hold their values in this order.
    pub fn columns(self) -> &'static [ColumnDef] {
        &COLUMNS[self.index()]
    }

    /// How many leading columns are the key: two for relations, one for other tables that are merged.
    pub fn key_columns(self) -> usize {
        match self {
            Table::Relations => 2,
            Table::Contacts | Table::Counterparts(_) | Table::Templates(_) => 1,
            Table::Lookup(lookup) => lookup.def().keys,
        }
    }

    /// The column of this name.
    pub fn column(self, name: &str) -> Option<usize> {
        self.columns().iter().position(|column| column.name == name)
    }

    /// The column that carries a field of the contact.
    pub fn column_of(self, field: FieldId) -> Option<usize> {
        match self {
            Table::Contacts if field.is_shared() => Some(1 + field.0 as usize),
            Table::Contacts => HUB_COLUMNS.get(field.0 as usize - SHARED_FIELDS).copied(),
            Table::Counterparts(kind) => kind.share(field).map(|(at, _)| 1 + at),
            Table::Templates(kind) => kind.share(field).map(|(at, _)| 1 + at),
            Table::Relations | Table::Lookup(_) => None,
        }
    }
}

/// Where the hub's own fields stand among the contact's columns.
static HUB_COLUMNS: LazyLock<Vec<usize>> = LazyLock::new(|| {
    let hub = FieldId::all().skip(SHARED_FIELDS);
    hub.filter_map(|field| Table::Contacts.column(field.def().name))
        .collect()
});

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

static COLUMNS: LazyLock<Vec<Vec<ColumnDef>>> = LazyLock::new(|| {
    let templates = Kind::all().map(Table::Templates);
    Table::all()
        .chain(templates)
        .chain(Lookup::ALL.map(Table::Lookup))
        .map(columns)
        .collect()
});

fn own(name: &'static str, form: Form, length: usize) -> ColumnDef {
    ColumnDef {
        name,
        form,
        length,
        shares: None,
    }
}

fn hub(name: &'static str) -> ColumnDef {
    let field = FieldId::named(name).expect("a field of the contact");
    carries(field, name)
}

fn carries(field: FieldId, name: &'static str) -> ColumnDef {
    ColumnDef {
        name,
        form: field.def().form,
        length: field.def().length,
        shares: Some(field),
    }
}

/// Rows of older states hold their values in this order: a new column goes to the end.
fn columns(table: Table) -> Vec<ColumnDef> {
    let mut columns = Vec::new();
    match table {
        Table::Contacts => {
            columns.push(own("No.", Form::Code, 20));
            let shared = FieldId::all().filter(|field| field.is_shared());
            columns.extend(shared.map(|field| carries(field, field.def().name)));
            columns.push(hub("Company No."));
            columns.push(hub("Company Name"));
            columns.push(own("Contact Business Relation", Form::Text, 20));
            columns.push(own("Last Date Modified", Form::Text, 30));
            columns.push(own("Last Time Modified", Form::Text, 30));
            columns.push(hub("First Name"));
            columns.push(hub("Middle Name"));
            columns.push(hub("Surname"));
            columns.push(hub("Extension No."));
            columns.push(hub("Pager"));
            columns.push(hub("Correspondence Type"));
            columns.push(hub("Salutation Code"));
            columns.push(own("External ID", Form::Text, 20));
            columns.extend(
                KINDS
                    .iter()
                    .map(|kind| own(kind.relation_column, Form::Code, 20)),
            );
        }
        Table::Counterparts(kind) => {
            columns.push(own("No.", Form::Code, 20));
            columns.extend(shares(kind));
            columns.push(own("Last Date Modified", Form::Text, 30));
            columns.push(own("Last Modified Date Time", Form::Text, 40));
            columns.push(own("Contact", Form::Text, 100));
            columns.push(own("Primary Contact No.", Form::Code, 20));
            columns.push(own("External ID", Form::Text, 20));
            columns.push(own(CONTACT_RELATION, Form::Code, 20));
        }
        Table::Relations => {
            columns.push(own("Contact No.", Form::Code, 20));
            columns.push(own("Business Relation Code", Form::Code, 10));
            columns.push(own("Link to Table", Form::Text, 20));
            columns.push(own("No.", Form::Code, 20));
        }
        Table::Templates(kind) => {
            columns.push(own("Code", Form::Code, 20));
            columns.extend(shares(kind));
            columns.push(own("No. Series", Form::Code, 20));
            // A vendor's contact has a type too, although a vendor has none.
            columns.extend(
                (!shares(kind).any(|column| column.name == CONTACT_TYPE))
                    .then(|| own(CONTACT_TYPE, Form::ContactType, 7)),
            );
        }
        Table::Lookup(lookup) => {
            let of_it = lookup.def().columns.iter();
            columns.extend(of_it.map(|column| own(column.name, column.form, column.length)));
        }
    }
    columns
}

fn shares(kind: Kind) -> impl Iterator<Item = ColumnDef> {
    kind.def().shares.iter().map(|share| {
        let field = CONTACT_FIELDS
            .iter()
            .position(|field| field.name == share.contact)
            .expect("every share names a field of the contact");
        carries(FieldId(field as u8), share.counterpart)
    })
}

/// The column of a customer, and of templates, that says whether its contact is a company or a person.
pub const CONTACT_TYPE: &str = "Contact Type";

/// The column of a counterpart that names its contact, where relations stand in columns.
pub const CONTACT_RELATION: &str = "Relation: Contact No.";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_shares_as_many_fields_as_the_reference_counts() {
        // business-central.md §2: 25 for customers and Type, 24 for vendors, 20 common to all three.
        let counts: Vec<usize> = KINDS.iter().map(|kind| kind.shares.len()).collect();
        assert_eq!(counts, [26, 24, 20]);
    }

    #[test]
    fn every_table_is_found_by_its_name_and_by_its_noun() {
        for table in Table::all() {
            assert_eq!(Table::named(table.name()), Some(table));
            assert_eq!(Table::named(table.noun()), Some(table));
        }
    }

    #[test]
    fn a_shared_field_is_found_where_its_column_stands() {
        for table in Table::all() {
            for (at, column) in table.columns().iter().enumerate() {
                if let Some(field) = column.shares {
                    assert_eq!(table.column_of(field), Some(at));
                }
            }
        }
    }
}
