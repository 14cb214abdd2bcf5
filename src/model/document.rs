//! Documents that are made from contacts: quotes and orders, of sales and of purchases, each one table of definitions.

use serde::{Deserialize, Serialize};

/// Position in [`DOCUMENT_KINDS`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct DocumentKind(pub u8);

/// What Couplet knows of one kind of document.
#[derive(Debug, PartialEq, Eq)]
pub struct DocumentDef {
    /// What commands, requests and file names call it.
    pub noun: &'static str,
    /// Its Document Type.
    pub document_type: &'static str,
    /// Whether it may be of somebody who is no counterpart yet.
    pub is_quote: bool,
    /// The table of the counterparts that it is made for.
    pub counterparts: &'static str,
    /// What its fields on whom it is made for begin with.
    pub partner: &'static str,
    /// What its fields on who pays or is paid begin with.
    pub payer: &'static str,
    /// What its fields call a counterpart: Customer, Vendor.
    pub counterpart: &'static str,
    /// The field that names who of ours deals with it.
    pub operator: &'static str,
    /// Whether address, phone and e-mail of the contact are its own (`business-central.md` §9.2, §9.5).
    pub is_sales: bool,
    /// The key under `[documents]` of the series that it is numbered from.
    pub series: &'static str,
    /// Its type in the interaction log.
    pub logged_as: &'static str,
}

/// Quotes and orders of sales and purchases.
pub const DOCUMENT_KINDS: &[DocumentDef] = &[
    DocumentDef {
        noun: "sales-quote",
        document_type: "Quote",
        is_quote: true,
        series: "sales_quote_nos",
        logged_as: "Sales Qte.",
        ..SALES
    },
    DocumentDef {
        noun: "sales-order",
        document_type: "Order",
        is_quote: false,
        series: "sales_order_nos",
        logged_as: "Sales Ord. Cnfrmn.",
        ..SALES
    },
    DocumentDef {
        noun: "purchase-quote",
        document_type: "Quote",
        is_quote: true,
        series: "purchase_quote_nos",
        logged_as: "Purch.Qte.",
        ..PURCHASE
    },
    DocumentDef {
        noun: "purchase-order",
        document_type: "Order",
        is_quote: false,
        series: "purchase_order_nos",
        logged_as: "Purch. Ord.",
        ..PURCHASE
    },
];

const SALES: DocumentDef = DocumentDef {
    noun: "",
    document_type: "",
    is_quote: false,
    counterparts: "customers",
    partner: "Sell-to",
    payer: "Bill-to",
    counterpart: "Customer",
    operator: "Salesperson Code",
    is_sales: true,
    series: "",
    logged_as: "",
};

const PURCHASE: DocumentDef = DocumentDef {
    counterparts: "vendors",
    partner: "Buy-from",
    payer: "Pay-to",
    counterpart: "Vendor",
    operator: "Purchaser Code",
    is_sales: false,
    ..SALES
};

impl DocumentKind {
    /// The definition behind the position.
    pub fn def(self) -> &'static DocumentDef {
        &DOCUMENT_KINDS[self.0 as usize]
    }

    /// All kinds, in the order of the definitions.
    pub fn all() -> impl Iterator<Item = DocumentKind> {
        (0..DOCUMENT_KINDS.len()).map(|at| DocumentKind(at as u8))
    }

    /// The kind of this name, with `-`, `_` or blanks.
    pub fn named(name: &str) -> Option<DocumentKind> {
        let name = name.trim().to_lowercase().replace(['_', ' '], "-");
        DocumentKind::all().find(|kind| kind.def().noun == name)
    }

    /// The quote that an order is made from.
    pub fn quote(self) -> Option<DocumentKind> {
        let def = self.def();
        DocumentKind::all().find(|kind| {
            let other = kind.def();
            !def.is_quote && other.is_quote && other.counterparts == def.counterparts
        })
    }
}

/// A document: its header, field by field, and its lines.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Document {
    /// Its kind.
    pub kind: DocumentKind,
    /// Its number.
    pub no: String,
    /// How often it was written: 1 at first, and one more whenever it was adopted.
    pub version: u64,
    /// The order that was made from it; blank while there is none.
    pub ordered_as: String,
    /// Fields and values, in the order of its file.
    pub header: Vec<(String, String)>,
    /// Lines, each with its fields and values.
    pub lines: Vec<Vec<(String, String)>>,
}

impl Document {
    /// A field of the header; blank where it has none of this name.
    pub fn field(&self, name: &str) -> &str {
        let mut of_it = self.header.iter().filter(|(field, _)| field == name);
        of_it.next().map_or("", |(_, value)| value)
    }

    /// Changes a field of the header.
    pub fn set(&mut self, name: &str, value: &str) {
        if let Some((_, known)) = self.header.iter_mut().find(|(field, _)| field == name) {
            value.clone_into(known);
        }
    }
}
