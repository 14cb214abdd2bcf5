//! The fields of a contact that a pass merges: name, form and length (`business-central.md` §2, §7).
//!
//! The shared ones come first: they are the hub's side of the matrix, and `kind.rs` has the counterparts' sides. The
//! hub's own fields follow, which no counterpart has and which change with the shared ones or with the company.

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

/// A field of a contact that a pass merges.
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

    /// All fields, the shared ones first, in the order of the matrix.
    pub fn all() -> impl Iterator<Item = FieldId> {
        (0..CONTACT_FIELDS.len()).map(|i| FieldId(i as u8))
    }

    /// Whether at least one kind of counterpart has it too.
    pub fn is_shared(self) -> bool {
        (self.0 as usize) < SHARED_FIELDS
    }
}

/// Some of the fields.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FieldSet(u64);

const _: () = assert!(CONTACT_FIELDS.len() <= u64::BITS as usize);

impl FieldSet {
    /// All fields.
    pub fn all() -> FieldSet {
        FieldId::all().collect()
    }

    /// Adds a field.
    pub fn insert(&mut self, field: FieldId) {
        self.0 |= 1 << field.0;
    }

    /// Whether a field is among them.
    pub fn contains(self, field: FieldId) -> bool {
        self.0 & (1 << field.0) != 0
    }

    /// Whether there are none.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The fields, in the order of the matrix.
    pub fn iter(self) -> impl Iterator<Item = FieldId> {
        FieldId::all().filter(move |field| self.contains(*field))
    }
}

impl FromIterator<FieldId> for FieldSet {
    fn from_iter<T: IntoIterator<Item = FieldId>>(fields: T) -> FieldSet {
        let mut set = FieldSet::default();
        fields.into_iter().for_each(|field| set.insert(field));
        set
    }
}

impl Extend<FieldId> for FieldSet {
    fn extend<T: IntoIterator<Item = FieldId>>(&mut self, fields: T) {
        fields.into_iter().for_each(|field| self.insert(field));
    }
}

/// How many of [`CONTACT_FIELDS`] are shared.
pub const SHARED_FIELDS: usize = 26;

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

/// The fields with the lengths of the contact table: the shared ones (`business-central.md` §2), then the hub's own
/// (§1.1, §7).
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
    code("Company No.", 20),
    text("Company Name", 100),
    text("First Name", 30),
    text("Middle Name", 30),
    text("Surname", 30),
    text("Extension No.", 30),
    text("Pager", 30),
    text("Correspondence Type", 10),
    code("Salutation Code", 10),
];
