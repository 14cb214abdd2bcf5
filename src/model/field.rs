//! The shared fields of a contact: name, form and length (`business-central.md` §2).
//!
//! This list is the hub's side of the matrix; `kind.rs` has the counterparts' sides.

/// How a value of a field is spelled and compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Text, compared in NFC without outer blanks.
    Text,
    /// Like text, and held in upper case.
    Code,
    /// Yes or No, in the spelling of the file.
    Boolean,
    /// Company or Person, in the spelling of the file.
    ContactType,
}

/// A field that a contact shares with at least one kind of counterpart.
#[derive(Debug)]
pub struct Field {
    /// Business Central's field name.
    pub name: &'static str,
    /// How its values are spelled and compared.
    pub form: Form,
    /// Maximum length in characters.
    pub length: usize,
}

/// Position in [`CONTACT_FIELDS`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FieldId(pub u8);

impl FieldId {
    /// The definition behind the position.
    pub fn def(self) -> &'static Field {
        &CONTACT_FIELDS[self.0 as usize]
    }

    /// The contact's field of exactly this name.
    pub fn named(name: &str) -> Option<FieldId> {
        CONTACT_FIELDS
            .iter()
            .position(|field| field.name == name)
            .map(|i| FieldId(i as u8))
    }

    /// All shared fields, in the order of the matrix.
    pub fn all() -> impl Iterator<Item = FieldId> {
        (0..CONTACT_FIELDS.len()).map(|i| FieldId(i as u8))
    }
}

const fn text(name: &'static str, length: usize) -> Field {
    Field {
        name,
        form: Form::Text,
        length,
    }
}

const fn code(name: &'static str, length: usize) -> Field {
    Field {
        name,
        form: Form::Code,
        length,
    }
}

/// The shared fields with the lengths of the contact table (`business-central.md` §2).
pub const CONTACT_FIELDS: &[Field] = &[
    text("Name", 100),
    code("Search Name", 100),
    text("Name 2", 50),
    text("Address", 100),
    text("Address 2", 50),
    text("City", 30),
    text("Phone No.", 30),
    text("Telex No.", 20),
    code("Territory Code", 10),
    code("Currency Code", 10),
    code("Language Code", 10),
    code("Country/Region Code", 10),
    text("Fax No.", 30),
    text("Telex Answer Back", 20),
    code("Post Code", 20),
    text("County", 30),
    text("E-Mail", 80),
    text("Home Page", 255),
    text("Image", 255),
    text("Mobile Phone No.", 30),
    text("Registration Number", 50),
    text("Format Region", 80),
    text("VAT Registration No.", 20),
    Field {
        name: "Privacy Blocked",
        form: Form::Boolean,
        length: 5,
    },
    code("Salesperson Code", 20),
    Field {
        name: "Type",
        form: Form::ContactType,
        length: 7,
    },
];
