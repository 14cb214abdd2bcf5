//! The kinds of counterpart, each one table of definitions: another kind is one more table here and no new code.

use std::sync::LazyLock;

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
    /// The table of its templates in configuration.
    pub templates: &'static str,
    /// Its caption in "Link to Table" and in a contact's status.
    pub caption: &'static str,
    /// The key in `[setup]` that names its business relation code.
    pub setup_code: &'static str,
    /// The key in `[setup]` of the series that its records are numbered from.
    pub series: &'static str,
    /// The column of a contact that names its record, where relations stand in columns.
    pub relation_column: &'static str,
    /// Whether its records name a primary contact (`business-central.md` §6.1).
    pub has_primary_contact: bool,
    /// Whether a person's company must not have one either (`business-central.md` §8.1).
    pub one_per_company: bool,
    /// Whether a new record's invoice discount code is its own number (`business-central.md` §8.2).
    pub has_own_invoice_discount: bool,
    /// The column that names who of ours looks after it, where it has one.
    pub operator_column: Option<&'static str>,
    /// Whether a contact needs a company to have one (`business-central.md` §8.1).
    pub needs_company: bool,
    /// The shared fields that its table has.
    pub shares: &'static [Share],
}

/// Position in [`KINDS`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Kind(pub u8);

impl Kind {
    /// How many there are.
    pub const COUNT: usize = KINDS.len();

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
        let of_kind = SHARES.get(self.0 as usize)?;
        let at = (*of_kind.get(field.0 as usize)?)?;
        Some((at, &self.def().shares[at]))
    }
}

/// By kind and field: where the kind's list has the field.
static SHARES: LazyLock<Vec<Vec<Option<usize>>>> = LazyLock::new(|| {
    let of_kind = |kind: &KindDef| {
        let at = |field: FieldId| {
            let mut shares = kind.shares.iter();
            shares.position(|share| share.contact == field.def().name)
        };
        FieldId::all().map(at).collect()
    };
    KINDS.iter().map(of_kind).collect()
});

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
        templates: "customer_templates",
        caption: "Customer",
        setup_code: "bus_rel_code_for_customers",
        series: "customer_nos",
        one_per_company: true,
        has_own_invoice_discount: true,
        operator_column: Some("Salesperson Code"),
        relation_column: "Relation: Customer No.",
        has_primary_contact: true,
        needs_company: false,
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
        templates: "vendor_templates",
        caption: "Vendor",
        setup_code: "bus_rel_code_for_vendors",
        series: "vendor_nos",
        one_per_company: true,
        has_own_invoice_discount: false,
        operator_column: Some("Purchaser Code"),
        relation_column: "Relation: Vendor No.",
        has_primary_contact: true,
        needs_company: true,
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
        templates: "bank_account_templates",
        caption: "Bank Account",
        setup_code: "bus_rel_code_for_bank_accs",
        series: "bank_account_nos",
        one_per_company: false,
        has_own_invoice_discount: false,
        operator_column: None,
        relation_column: "Relation: Bank Account No.",
        has_primary_contact: false,
        needs_company: true,
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
