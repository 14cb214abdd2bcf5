//! Tables that are only read, each one table of definitions: what others did, what somebody asks for, and what is looked up.

use super::field::Form;

/// A table that is only read, never merged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Lookup {
    /// What somebody asks for, row by row.
    Requests,
    /// What other systems did: orders printed, e-mails sent (`business-central.md` §10).
    Events,
    /// Interaction templates.
    InteractionTemplates,
    /// The one row that names an interaction template for each type of document (`business-central.md` §10.2).
    InteractionTemplateSetup,
    /// Texts of interaction templates in other languages.
    InteractionTemplateLanguages,
    /// Salespeople and purchasers.
    Salespeople,
    /// Other addresses of contacts.
    ContactAltAddresses,
    /// Addresses that customers have documents shipped to.
    ShipToAddresses,
    /// Lines of a document that is to be created.
    DocumentLines,
}

/// A column of such a table.
#[derive(Debug)]
pub struct LookupColumn {
    /// Business Central's field name.
    pub name: &'static str,
    /// How its values are spelled and compared.
    pub form: Form,
    /// Maximum length in characters.
    pub length: usize,
}

/// What Couplet knows of such a table.
#[derive(Debug)]
pub struct LookupDef {
    /// Its name in configuration.
    pub table: &'static str,
    /// One record of it, in sentences.
    pub noun: &'static str,
    /// How many leading columns every record must have.
    pub keys: usize,
    /// Whether it may be configured as an export.
    pub is_export: bool,
    /// The columns that are understood.
    pub columns: &'static [LookupColumn],
}

impl Lookup {
    /// All of them, in the order of the definitions.
    pub const ALL: [Lookup; 9] = [
        Lookup::Requests,
        Lookup::Events,
        Lookup::InteractionTemplates,
        Lookup::InteractionTemplateSetup,
        Lookup::InteractionTemplateLanguages,
        Lookup::Salespeople,
        Lookup::ContactAltAddresses,
        Lookup::ShipToAddresses,
        Lookup::DocumentLines,
    ];

    /// What is known of it.
    pub fn def(self) -> &'static LookupDef {
        &LOOKUPS[self as usize]
    }
}

const fn text(name: &'static str, length: usize) -> LookupColumn {
    LookupColumn {
        name,
        form: Form::Text,
        length,
    }
}

const fn code(name: &'static str, length: usize) -> LookupColumn {
    LookupColumn {
        name,
        form: Form::Code,
        length,
    }
}

const fn flag(name: &'static str) -> LookupColumn {
    LookupColumn {
        name,
        form: Form::Boolean,
        length: 5,
    }
}

/// In the order of [`Lookup::ALL`].
const LOOKUPS: [LookupDef; 9] = [
    LookupDef {
        table: "requests",
        noun: "request",
        keys: 1,
        is_export: false,
        // Further columns are what an action needs, such as fields of a contact that it asks to create.
        columns: &[
            text("Action", 250),
            text("Table", 250),
            text("Contact No.", 250),
            text("No.", 250),
            text("Master", 250),
            text("Template Code", 250),
            text("From", 250),
            text("Company No.", 250),
            text("Conflict", 250),
            text("Version", 250),
            text("Decision", 250),
        ],
    },
    LookupDef {
        table: "events",
        noun: "event",
        keys: 1,
        is_export: true,
        columns: EVENT_COLUMNS,
    },
    LookupDef {
        table: "interaction_templates",
        noun: "interaction template",
        keys: 1,
        is_export: true,
        columns: &[
            code("Code", 10),
            code("Interaction Group Code", 10),
            text("Description", 100),
            text("Unit Cost (LCY)", 40),
            text("Unit Duration (Min.)", 40),
            text("Information Flow", 20),
            text("Initiated By", 20),
            code("Campaign No.", 20),
            flag("Campaign Target"),
            flag("Campaign Response"),
            text("Correspondence Type (Default)", 20),
            code("Language Code (Default)", 10),
            flag("Ignore Contact Corres. Type"),
        ],
    },
    LookupDef {
        table: "interaction_template_setup",
        noun: "interaction template setup",
        keys: 0,
        is_export: true,
        columns: SETUP_COLUMNS,
    },
    LookupDef {
        table: "interaction_template_languages",
        noun: "interaction template language",
        keys: 1,
        is_export: true,
        columns: &[
            code("Interaction Template Code", 10),
            code("Language Code", 10),
        ],
    },
    LookupDef {
        table: "salespeople",
        noun: "salesperson",
        keys: 1,
        is_export: true,
        columns: &[code("Code", 20), text("Name", 50), text("E-Mail", 250)],
    },
    LookupDef {
        table: "contact_alt_addresses",
        noun: "alternative address",
        keys: 1,
        is_export: true,
        columns: &[code("Contact No.", 20), text("E-Mail", 250)],
    },
    LookupDef {
        table: "ship_to_addresses",
        noun: "ship-to address",
        keys: 2,
        is_export: true,
        columns: &[
            code("Customer No.", 20),
            code("Code", 10),
            text("Name", 100),
            text("Name 2", 50),
            text("Address", 100),
            text("Address 2", 50),
            text("City", 30),
            text("Post Code", 20),
            text("County", 30),
            code("Country/Region Code", 10),
            text("Contact", 100),
        ],
    },
    LookupDef {
        table: "document_lines",
        noun: "document line",
        keys: 0,
        is_export: false,
        columns: &[
            text("Type", 30),
            code("No.", 20),
            text("Description", 100),
            text("Quantity", 40),
            code("Unit of Measure Code", 10),
            text("Unit Price", 40),
        ],
    },
];

/// An export of events may be one of document headers as an ERP lists them, or of e-mails: the columns of both are here.
const EVENT_COLUMNS: &[LookupColumn] = &[
    text("Document Type", 50),
    text("Event ID", 250),
    text("System", 50),
    code("Document No.", 20),
    text("Account Type", 30),
    code("Account No.", 20),
    code("Contact No.", 20),
    code("Bill-to Contact No.", 20),
    code("Sell-to Contact No.", 20),
    code("Pay-to Contact No.", 20),
    code("Buy-from Contact No.", 20),
    code("Customer No.", 20),
    code("Bill-to Customer No.", 20),
    code("Sell-to Customer No.", 20),
    code("Vendor No.", 20),
    code("Pay-to Vendor No.", 20),
    code("Buy-from Vendor No.", 20),
    text("Date", 40),
    text("Time", 40),
    text("Description", 250),
    code("Salesperson Code", 20),
    code("Campaign No.", 20),
    code("Opportunity No.", 20),
    text("Version No.", 20),
    text("Doc. No. Occurrence", 20),
    text("Evaluation", 30),
    text("Contact Via", 250),
    flag("Interaction Successful"),
    flag("Log Interaction"),
    flag("Sent by E-Mail"),
    text("User ID", 50),
    text("Internet Message ID", 998),
    text("Message From", 998),
    text("Message To", 20_000),
    text("Subject", 998),
    flag("Draft"),
];

/// The fields of Business Central's table "Interaction Template Setup".
const SETUP_COLUMNS: &[LookupColumn] = &[
    code("Sales Invoices", 10),
    code("Sales Cr. Memo", 10),
    code("Sales Ord. Cnfrmn.", 10),
    code("Sales Quotes", 10),
    code("Purch Invoices", 10),
    code("Purch Cr Memos", 10),
    code("Purch. Orders", 10),
    code("Purch. Quotes", 10),
    code("E-Mails", 10),
    code("Cover Sheets", 10),
    code("Outg. Calls", 10),
    code("Sales Blnkt. Ord", 10),
    code("Serv Ord Post", 10),
    code("Sales Shpt. Note", 10),
    code("Sales Statement", 10),
    code("Sales Rmdr.", 10),
    code("Serv Ord Create", 10),
    code("Purch Blnkt Ord", 10),
    code("Purch. Rcpt.", 10),
    code("Sales Return Order", 10),
    code("Sales Return Receipt", 10),
    code("Sales Finance Charge Memo", 10),
    code("Purch. Return Shipment", 10),
    code("Purch. Return Ord. Cnfrmn.", 10),
    code("Service Contract", 10),
    code("Service Contract Quote", 10),
    code("Service Quote", 10),
    code("Meeting Invitation", 10),
    code("E-Mail Draft", 10),
    code("Sales Draft Invoices", 10),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn definitions_stand_in_the_order_of_the_tables() {
        for (at, lookup) in Lookup::ALL.into_iter().enumerate() {
            assert_eq!(lookup as usize, at);
        }
        assert_eq!(Lookup::Salespeople.def().table, "salespeople");
        assert_eq!(Lookup::DocumentLines.def().table, "document_lines");
    }
}
