//! The tables that Couplet reads, and the columns of each that it understands.

use std::fmt;
use std::sync::LazyLock;

use super::field::{CONTACT_FIELDS, FieldId, Form};
use super::kind::{KINDS, Kind};

/// A table of records: the hub, one of the kinds of counterpart, or the relations between them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Table {
    /// The contacts.
    Contacts,
    /// The records of one kind of counterpart.
    Counterparts(Kind),
    /// The Contact Business Relation table.
    Relations,
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
    /// The shared field that it carries.
    pub shares: Option<FieldId>,
}

impl Table {
    /// Contacts, each kind of counterpart, relations: the order of everything that lists tables.
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
        }
    }

    /// One record of it, in sentences.
    pub fn noun(self) -> &'static str {
        match self {
            Table::Contacts => "contact",
            Table::Counterparts(kind) => kind.def().noun,
            Table::Relations => "relation",
        }
    }

    /// The table of this name, singular or plural, with `-` or `_`.
    pub fn named(name: &str) -> Option<Table> {
        let name = name.replace('-', "_");
        Table::all().find(|table| table.name() == name || table.noun().replace('-', "_") == name)
    }

    /// Position in [`Table::all`].
    pub fn index(self) -> usize {
        match self {
            Table::Contacts => 0,
            Table::Counterparts(kind) => 1 + kind.0 as usize,
            Table::Relations => 1 + KINDS.len(),
        }
    }

    /// How many tables there are.
    pub const COUNT: usize = 2 + KINDS.len();

    /// The columns that Couplet understands in this table; rows hold their values in this order.
    pub fn columns(self) -> &'static [ColumnDef] {
        &COLUMNS[self.index()]
    }

    /// How many leading columns are the key: two for relations, one for all others.
    pub fn key_columns(self) -> usize {
        match self {
            Table::Relations => 2,
            Table::Contacts | Table::Counterparts(_) => 1,
        }
    }

    /// The column of this name.
    pub fn column(self, name: &str) -> Option<usize> {
        self.columns().iter().position(|column| column.name == name)
    }

    /// The column that carries a shared field.
    pub fn column_of(self, field: FieldId) -> Option<usize> {
        match self {
            Table::Contacts => Some(1 + field.0 as usize),
            Table::Counterparts(kind) => kind.share(field).map(|(at, _)| 1 + at),
            Table::Relations => None,
        }
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

static COLUMNS: LazyLock<Vec<Vec<ColumnDef>>> =
    LazyLock::new(|| Table::all().map(columns).collect());

fn own(name: &'static str, form: Form, length: usize) -> ColumnDef {
    ColumnDef {
        name,
        form,
        length,
        shares: None,
    }
}

fn columns(table: Table) -> Vec<ColumnDef> {
    let mut columns = Vec::new();
    match table {
        Table::Contacts => {
            columns.push(own("No.", Form::Code, 20));
            columns.extend(FieldId::all().map(|field| {
                let def = field.def();
                ColumnDef {
                    name: def.name,
                    form: def.form,
                    length: def.length,
                    shares: Some(field),
                }
            }));
            columns.push(own("Company No.", Form::Code, 20));
            columns.push(own("Company Name", Form::Text, 100));
            columns.push(own("Contact Business Relation", Form::Text, 20));
            columns.push(own("Last Date Modified", Form::Text, 30));
            columns.push(own("Last Time Modified", Form::Text, 30));
        }
        Table::Counterparts(kind) => {
            columns.push(own("No.", Form::Code, 20));
            columns.extend(kind.def().shares.iter().map(|share| {
                let field = CONTACT_FIELDS
                    .iter()
                    .position(|field| field.name == share.contact)
                    .expect("every share names a field of the contact");
                let def = &CONTACT_FIELDS[field];
                ColumnDef {
                    name: share.counterpart,
                    form: def.form,
                    length: def.length,
                    shares: Some(FieldId(field as u8)),
                }
            }));
            columns.push(own("Last Date Modified", Form::Text, 30));
            columns.push(own("Last Modified Date Time", Form::Text, 40));
            columns.push(own("Contact", Form::Text, 100));
            columns.push(own("Primary Contact No.", Form::Code, 20));
        }
        Table::Relations => {
            columns.push(own("Contact No.", Form::Code, 20));
            columns.push(own("Business Relation Code", Form::Code, 10));
            columns.push(own("Link to Table", Form::Text, 20));
            columns.push(own("No.", Form::Code, 20));
        }
    }
    columns
}

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
