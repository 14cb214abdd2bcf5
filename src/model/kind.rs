//! The kinds of counterpart, each one table of definitions: another kind is one more table here and no new code.

use super::field::FieldId;

/// Which way a shared field travels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// Contact and counterpart keep each other up to date.
    Both,
    /// The counterpart follows the contact and never speaks for it.
    ToCounterpart,
}

/// One line of a kind's part of the matrix in `business-central.md` §2.
#[derive(Debug)]
pub struct Share {
    /// The field's name on the contact.
    pub contact: &'static str,
    /// The field's name on the counterpart.
    pub counterpart: &'static str,
    /// Which way it travels.
    pub direction: Direction,
}

/// What Couplet knows of one kind of counterpart.
#[derive(Debug)]
pub struct KindDef {
    /// Its table in configuration and plans.
    pub table: &'static str,
    /// One record of it, in sentences and on the command line.
    pub noun: &'static str,
    /// Its caption in "Link to Table" and in a contact's status.
    pub caption: &'static str,
    /// The key in `[setup]` that names its business relation code.
    pub setup_code: &'static str,
    /// The shared fields that its table has.
    pub shares: &'static [Share],
}

/// Position in [`KINDS`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Kind(pub u8);

impl Kind {
    /// The definition behind the position.
    pub fn def(self) -> &'static KindDef {
        &KINDS[self.0 as usize]
    }

    /// All kinds, in the order of the definitions.
    pub fn all() -> impl Iterator<Item = Kind> {
        (0..KINDS.len()).map(|i| Kind(i as u8))
    }

    /// The share that carries `field`, with its position in the kind's list.
    pub fn share(self, field: FieldId) -> Option<(usize, &'static Share)> {
        let name = field.def().name;
        self.def()
            .shares
            .iter()
            .enumerate()
            .find(|(_, share)| share.contact == name)
    }
}

const fn both(name: &'static str) -> Share {
    Share {
        contact: name,
        counterpart: name,
        direction: Direction::Both,
    }
}

/// Customers, vendors and bank accounts (`business-central.md` §2; by name, so that its §2.1 collisions do not exist).
pub const KINDS: &[KindDef] = &[
    KindDef {
        table: "customers",
        noun: "customer",
        caption: "Customer",
        setup_code: "bus_rel_code_for_customers",
        shares: &[
            both("Name"),
            both("Search Name"),
            both("Name 2"),
            both("Address"),
            both("Address 2"),
            both("City"),
            both("Phone No."),
            both("Telex No."),
            both("Territory Code"),
            both("Currency Code"),
            both("Language Code"),
            both("Country/Region Code"),
            both("Fax No."),
            both("Telex Answer Back"),
            both("Post Code"),
            both("County"),
            both("E-Mail"),
            both("Home Page"),
            both("Image"),
            both("Mobile Phone No."),
            both("Registration Number"),
            both("Format Region"),
            both("VAT Registration No."),
            both("Privacy Blocked"),
            both("Salesperson Code"),
            Share {
                contact: "Type",
                counterpart: "Contact Type",
                direction: Direction::ToCounterpart,
            },
        ],
    },
    KindDef {
        table: "vendors",
        noun: "vendor",
        caption: "Vendor",
        setup_code: "bus_rel_code_for_vendors",
        shares: &[
            both("Name"),
            both("Search Name"),
            both("Name 2"),
            both("Address"),
            both("Address 2"),
            both("City"),
            both("Phone No."),
            both("Telex No."),
            both("Territory Code"),
            both("Currency Code"),
            both("Language Code"),
            both("Country/Region Code"),
            both("Fax No."),
            both("Telex Answer Back"),
            both("Post Code"),
            both("County"),
            both("E-Mail"),
            both("Home Page"),
            both("Image"),
            both("Mobile Phone No."),
            both("Registration Number"),
            both("Format Region"),
            both("VAT Registration No."),
            both("Privacy Blocked"),
        ],
    },
    KindDef {
        table: "bank_accounts",
        noun: "bank-account",
        caption: "Bank Account",
        setup_code: "bus_rel_code_for_bank_accs",
        shares: &[
            both("Name"),
            both("Search Name"),
            both("Name 2"),
            both("Address"),
            both("Address 2"),
            both("City"),
            both("Phone No."),
            both("Telex No."),
            both("Territory Code"),
            both("Currency Code"),
            both("Language Code"),
            both("Country/Region Code"),
            both("Fax No."),
            both("Telex Answer Back"),
            both("Post Code"),
            both("County"),
            both("E-Mail"),
            both("Home Page"),
            both("Image"),
            both("Mobile Phone No."),
        ],
    },
];
