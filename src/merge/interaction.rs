//! What becomes of an event: which template and which contact it has, and what its entry says (`business-central.md` §10).

use std::collections::{BTreeMap, BTreeSet};

use crate::model::{Flag, InteractionLogEntry, form};

/// A type of document, or of another event, that is logged through the interaction template setup (§10.2).
#[derive(Debug, PartialEq, Eq)]
pub struct DocumentType {
    /// Its caption in Business Central; blank where entries of it have no document type.
    pub caption: &'static str,
    /// What other systems call it; one of these is its name in sentences.
    pub names: &'static [&'static str],
    /// The field of the interaction template setup that names its template.
    pub setup: &'static str,
    /// Whose contact its entry is on.
    pub accounts: &'static [Account],
    /// Whether its entries tell versions and occurrences of its number apart (§10.3).
    pub has_versions: bool,
}

/// Where an event names the account that it is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Account {
    /// The column.
    pub column: &'static str,
    /// What its numbers are of.
    pub of: AccountOf,
}

/// What an account is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum AccountOf {
    /// A contact.
    Contact,
    /// A counterpart of the kind whose table has this name.
    Counterpart(&'static str),
}

const CUSTOMER: AccountOf = AccountOf::Counterpart("customers");
const VENDOR: AccountOf = AccountOf::Counterpart("vendors");

const fn contact(column: &'static str) -> Account {
    Account {
        column,
        of: AccountOf::Contact,
    }
}

const fn customer(column: &'static str) -> Account {
    Account {
        column,
        of: CUSTOMER,
    }
}

const fn vendor(column: &'static str) -> Account {
    Account { column, of: VENDOR }
}

/// §10.3: the bill-to contact if filled, else the bill-to customer.
const BILL_TO: &[Account] = &[
    contact("Bill-to Contact No."),
    contact("Contact No."),
    customer("Bill-to Customer No."),
    customer("Customer No."),
    customer("Sell-to Customer No."),
];
/// §10.3: a shipment goes to the sell-to contact.
const SELL_TO: &[Account] = &[
    contact("Sell-to Contact No."),
    contact("Contact No."),
    customer("Sell-to Customer No."),
    customer("Customer No."),
    customer("Bill-to Customer No."),
];
/// §10.3: statements, reminders and finance charge memos are the customer's.
const OF_CUSTOMER: &[Account] = &[
    customer("Customer No."),
    customer("Bill-to Customer No."),
    customer("Sell-to Customer No."),
    contact("Contact No."),
];
/// §10.3: purchase quotes and blanket orders are the pay-to vendor's.
const PAY_TO: &[Account] = &[
    vendor("Pay-to Vendor No."),
    vendor("Vendor No."),
    vendor("Buy-from Vendor No."),
    contact("Contact No."),
];
/// §10.3: other purchase documents are the buy-from vendor's.
const BUY_FROM: &[Account] = &[
    vendor("Buy-from Vendor No."),
    vendor("Vendor No."),
    vendor("Pay-to Vendor No."),
    contact("Contact No."),
];
/// §10.3: of a purchase return order the contact, if filled.
const BUY_FROM_CONTACT: &[Account] = &[
    contact("Buy-from Contact No."),
    contact("Contact No."),
    vendor("Buy-from Vendor No."),
    vendor("Vendor No."),
];
const SERVICE: &[Account] = &[
    contact("Contact No."),
    contact("Bill-to Contact No."),
    customer("Customer No."),
    customer("Bill-to Customer No."),
];
const OF_CONTACT: &[Account] = &[
    contact("Contact No."),
    customer("Customer No."),
    vendor("Vendor No."),
];

const fn document(
    caption: &'static str,
    names: &'static [&'static str],
    setup: &'static str,
    accounts: &'static [Account],
) -> DocumentType {
    DocumentType {
        caption,
        names,
        setup,
        accounts,
        has_versions: false,
    }
}

const fn versioned(document: DocumentType) -> DocumentType {
    DocumentType {
        has_versions: true,
        ..document
    }
}

/// The types of §10.2, in its order, and the four outside it.
pub const DOCUMENT_TYPES: &[DocumentType] = &[
    versioned(document(
        "Sales Qte.",
        &["sales quote", "quote"],
        "Sales Quotes",
        BILL_TO,
    )),
    versioned(document(
        "Sales Blnkt. Ord",
        &["sales blanket order", "blanket order"],
        "Sales Blnkt. Ord",
        BILL_TO,
    )),
    versioned(document(
        "Sales Ord. Cnfrmn.",
        &[
            "sales order",
            "sales order confirmation",
            "order",
            "order confirmation",
        ],
        "Sales Ord. Cnfrmn.",
        BILL_TO,
    )),
    document(
        "Sales Inv.",
        &["sales invoice", "invoice"],
        "Sales Invoices",
        BILL_TO,
    ),
    document(
        "Sales Shpt. Note",
        &["sales shipment", "shipment", "delivery note"],
        "Sales Shpt. Note",
        SELL_TO,
    ),
    document(
        "Sales Cr. Memo",
        &["sales credit memo", "credit memo"],
        "Sales Cr. Memo",
        BILL_TO,
    ),
    document(
        "Sales Stmnt.",
        &["sales statement", "statement"],
        "Sales Statement",
        OF_CUSTOMER,
    ),
    document(
        "Sales Rmdr.",
        &["sales reminder", "reminder"],
        "Sales Rmdr.",
        OF_CUSTOMER,
    ),
    document(
        "Serv. Ord. Create",
        &["service order", "service order created"],
        "Serv Ord Create",
        SERVICE,
    ),
    document(
        "Serv. Ord. Post",
        &["service order posted"],
        "Serv Ord Post",
        SERVICE,
    ),
    versioned(document(
        "Purch.Qte.",
        &["purchase quote"],
        "Purch. Quotes",
        PAY_TO,
    )),
    versioned(document(
        "Purch. Blnkt. Ord.",
        &["purchase blanket order"],
        "Purch Blnkt Ord",
        PAY_TO,
    )),
    versioned(document(
        "Purch. Ord.",
        &["purchase order"],
        "Purch. Orders",
        BUY_FROM,
    )),
    document(
        "Purch. Inv.",
        &["purchase invoice"],
        "Purch Invoices",
        BUY_FROM,
    ),
    document(
        "Purch. Rcpt.",
        &["purchase receipt"],
        "Purch. Rcpt.",
        BUY_FROM,
    ),
    document(
        "Purch. Cr. Memo",
        &["purchase credit memo"],
        "Purch Cr Memos",
        BUY_FROM,
    ),
    document("Cover Sheet", &["cover sheet"], "Cover Sheets", OF_CONTACT),
    document(
        "Sales Return Order",
        &["sales return order", "return order"],
        "Sales Return Order",
        BILL_TO,
    ),
    document(
        "Sales Finance Charge Memo",
        &["finance charge memo"],
        "Sales Finance Charge Memo",
        OF_CUSTOMER,
    ),
    document(
        "Sales Return Receipt",
        &["sales return receipt", "return receipt"],
        "Sales Return Receipt",
        BILL_TO,
    ),
    document(
        "Purch. Return Shipment",
        &["purchase return shipment", "return shipment"],
        "Purch. Return Shipment",
        BUY_FROM,
    ),
    document(
        "Purch. Return Ord. Cnfrmn.",
        &[
            "purchase return order",
            "purchase return order confirmation",
        ],
        "Purch. Return Ord. Cnfrmn.",
        BUY_FROM_CONTACT,
    ),
    document(
        "Service Contract",
        &["service contract"],
        "Service Contract",
        SERVICE,
    ),
    document(
        "Service Contract Quote",
        &["service contract quote"],
        "Service Contract Quote",
        SERVICE,
    ),
    document(
        "Service Quote",
        &["service quote"],
        "Service Quote",
        SERVICE,
    ),
    document(
        "Sales Draft Invoice",
        &["sales draft invoice", "draft invoice"],
        "Sales Draft Invoices",
        BILL_TO,
    ),
    document("", &["e-mail", "mail", "e-mails"], "E-Mails", OF_CONTACT),
    document(
        "",
        &["phone call", "call", "outg. call", "outg. calls"],
        "Outg. Calls",
        OF_CONTACT,
    ),
    document(
        "",
        &["meeting invitation", "meeting"],
        "Meeting Invitation",
        OF_CONTACT,
    ),
    document("", &["e-mail draft"], "E-Mail Draft", OF_CONTACT),
];

impl DocumentType {
    /// The type behind a word: its caption, a name of it, or the field of the setup, without regard to case and punctuation.
    pub fn named(word: &str) -> Option<&'static DocumentType> {
        let wanted = folded(&form::option(word));
        let is_it = |kind: &&DocumentType| {
            let words = kind.names.iter().chain([&kind.caption, &kind.setup]);
            let mut words = words.filter(|word| !word.is_empty());
            words.any(|word| folded(word) == wanted)
        };
        DOCUMENT_TYPES.iter().find(is_it)
    }

    /// What it is called in sentences.
    pub fn name(&self) -> &'static str {
        self.names.first().copied().unwrap_or(self.caption)
    }

    /// The account type that a number without one is of.
    pub fn default_account(&self) -> AccountOf {
        let counterparts = self.accounts.iter().map(|account| account.of);
        match self.caption {
            "" | "Cover Sheet" => AccountOf::Contact,
            _ => counterparts
                .into_iter()
                .find(|of| *of != AccountOf::Contact)
                .unwrap_or(AccountOf::Contact),
        }
    }

    /// Whether it is an e-mail, which may be one that was read as such (§10.4).
    pub fn is_mail(&self) -> bool {
        self.setup == E_MAILS
    }
}

fn folded(word: &str) -> String {
    word.chars()
        .filter(|character| character.is_alphanumeric())
        .flat_map(char::to_lowercase)
        .collect()
}

/// The field of the setup for e-mails.
pub const E_MAILS: &str = "E-Mails";
/// The field of the setup for phone calls.
pub const CALLS: &str = "Outg. Calls";

/// An interaction template.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct InteractionTemplate {
    /// Its code.
    pub code: String,
    /// Interaction Group Code.
    pub group: String,
    /// Description.
    pub description: String,
    /// Unit Cost (LCY).
    pub cost: String,
    /// Unit Duration (Min.).
    pub duration: String,
    /// Information Flow: blank, Outbound or Inbound.
    pub information_flow: String,
    /// Initiated By: blank, Us or Them.
    pub initiated_by: String,
    /// Campaign No.
    pub campaign_no: String,
    /// Campaign Target.
    pub campaign_target: bool,
    /// Campaign Response.
    pub campaign_response: bool,
    /// Correspondence Type (Default): blank, Hard Copy or Email.
    pub correspondence: String,
    /// Language Code (Default).
    pub language: String,
    /// Whether the contact's own correspondence type does not count.
    pub ignores_contact: bool,
}

/// The interaction templates, and which of them is for what.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct InteractionTemplates {
    /// By code.
    pub by_code: BTreeMap<String, InteractionTemplate>,
    /// By field of the setup.
    pub setup: BTreeMap<&'static str, String>,
    /// Codes of those that have texts in other languages.
    pub with_languages: BTreeSet<String>,
}

/// What an entry needs to know of its contact.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ContactCard {
    /// Its number.
    pub no: String,
    /// Company No.
    pub company: String,
    /// Whether it has an e-mail address.
    pub has_e_mail: bool,
    /// Correspondence Type: blank, Hard Copy or Email.
    pub correspondence: String,
    /// Salesperson Code.
    pub salesperson: String,
}

/// Why an event is not logged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotLogged {
    /// That is as it should be: nothing asks for an entry.
    Silent(String),
    /// Something is wrong that a person can mend: what, and what to do.
    Wrong(String, String),
}

impl NotLogged {
    /// Why, as a sentence.
    pub fn reason(self) -> String {
        match self {
            NotLogged::Silent(reason) | NotLogged::Wrong(reason, _) => reason,
        }
    }
}

impl InteractionTemplates {
    /// The template for a type of document (§10.1, rules 1 and 2).
    ///
    /// # Errors
    /// [`NotLogged`] where the setup names none, one that does not exist, or one with texts in other languages.
    pub fn of_document(&self, kind: &DocumentType) -> Result<&InteractionTemplate, NotLogged> {
        let code = self.setup.get(kind.setup).filter(|code| !code.is_empty());
        let Some(code) = code else {
            let reason = format!(
                "\"{}\" is blank in the interaction template setup",
                kind.setup
            );
            return Err(NotLogged::Silent(reason));
        };
        let Some(template) = self.by_code.get(code) else {
            return Err(NotLogged::Wrong(
                format!(
                    "there is no interaction template {code}, which the setup names for \"{}\"",
                    kind.setup
                ),
                "create the template, or name another in the interaction template setup".to_owned(),
            ));
        };
        if self.with_languages.contains(code) {
            return Err(NotLogged::Wrong(
                format!(
                    "interaction template {code}, which the setup names for \"{}\", has texts in other languages",
                    kind.setup
                ),
                "documents are logged with templates that have none: name another in the interaction template setup"
                    .to_owned(),
            ));
        }
        Ok(template)
    }
}

/// Fills an entry from its template and its contact (§10.1, rules 3, 6 and 7). What the entry says already stays. `delivers`: it
/// tells of something that goes out by the correspondence type.
///
/// # Errors
/// [`NotLogged::Wrong`] where something would go out by e-mail to a contact without one.
pub fn fill(
    entry: &mut InteractionLogEntry,
    template: &InteractionTemplate,
    contact: &ContactCard,
    delivers: bool,
) -> Result<(), NotLogged> {
    entry.contact_no.clone_from(&contact.no);
    entry.contact_company_no.clone_from(&contact.company);
    entry.interaction_template.clone_from(&template.code);
    entry.interaction_group.clone_from(&template.group);
    let or = |value: &mut String, default: &str| {
        if form::is_blank(value) {
            default.clone_into(value);
        }
    };
    or(&mut entry.description, &template.description);
    or(&mut entry.cost, &template.cost);
    or(&mut entry.cost, "0");
    or(&mut entry.duration, &template.duration);
    or(&mut entry.duration, "0");
    or(&mut entry.information_flow, &template.information_flow);
    or(&mut entry.initiated_by, &template.initiated_by);
    or(&mut entry.campaign_no, &template.campaign_no);
    or(&mut entry.language, &template.language);
    entry.campaign_target = Flag::from(template.campaign_target);
    entry.campaign_response = Flag::from(template.campaign_response);
    if form::is_blank(&entry.correspondence_type) {
        let of_template = template.ignores_contact || contact.correspondence.is_empty();
        entry.correspondence_type = match of_template {
            true => template.correspondence.clone(),
            false => contact.correspondence.clone(),
        };
        if entry.correspondence_type == EMAIL && !contact.has_e_mail {
            if delivers {
                return Err(NotLogged::Wrong(
                    format!(
                        "contact {} has no e-mail address, and this goes by e-mail",
                        contact.no
                    ),
                    "give the contact an e-mail address, or another correspondence type".to_owned(),
                ));
            }
            entry.correspondence_type = String::new();
        }
    }
    Ok(())
}

/// The correspondence type of what goes by e-mail.
pub const EMAIL: &str = "Email";

/// The evaluations that an entry can have (§10.5).
pub const EVALUATIONS: [&str; 5] = [
    "Very Positive",
    "Positive",
    "Neutral",
    "Negative",
    "Very Negative",
];

/// The evaluation behind a word, without regard to case and punctuation; blank stays blank.
pub fn evaluation(word: &str) -> Option<&'static str> {
    let wanted = folded(&form::option(word));
    if wanted.is_empty() {
        return Some("");
    }
    EVALUATIONS
        .into_iter()
        .find(|known| folded(known) == wanted)
}

/// How often a contact was dealt with, at what cost, and how long (§10.5): entries that were cancelled or postponed do not count.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Statistics {
    /// Entries.
    pub count: u64,
    /// Cost, in hundred-thousandths.
    cost: i128,
    /// Minutes, in hundred-thousandths.
    duration: i128,
}

/// Of a whole.
const PARTS: i128 = 100_000;

impl Statistics {
    /// Counts an entry.
    pub fn add(&mut self, entry: &InteractionLogEntry) {
        if entry.canceled == Flag::Yes || entry.postponed == Flag::Yes {
            return;
        }
        self.count += 1;
        self.cost = self.cost.saturating_add(parts(&entry.cost));
        self.duration = self.duration.saturating_add(parts(&entry.duration));
    }

    /// The cost, as a decimal number with a point.
    pub fn cost(&self) -> String {
        decimal(self.cost)
    }

    /// The minutes, as a decimal number with a point.
    pub fn duration(&self) -> String {
        decimal(self.duration)
    }
}

/// A number as files write it; what is none counts as nothing. The last point or comma is the decimal one, unless it stands more
/// than once.
fn parts(text: &str) -> i128 {
    let text: String = text.chars().filter(|c| !c.is_whitespace()).collect();
    let (sign, text) = match text.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, text.as_str()),
    };
    let mark = text.rfind(['.', ',']);
    let mark = mark.filter(|at| text.matches(&text[*at..=*at]).count() == 1);
    let (whole, fraction) = match mark {
        // The mark is no digit.
        Some(at) => text.split_at(at),
        None => (text, ""),
    };
    let digits = |text: &str| -> String { text.chars().filter(char::is_ascii_digit).collect() };
    let fraction: String = digits(fraction)
        .chars()
        .chain("00000".chars())
        .take(5)
        .collect();
    let whole: i128 = digits(whole).parse().unwrap_or(0);
    sign * (whole.saturating_mul(PARTS) + fraction.parse().unwrap_or(0))
}

fn decimal(parts: i128) -> String {
    let sign = if parts < 0 { "-" } else { "" };
    let (whole, fraction) = (parts.abs() / PARTS, parts.abs() % PARTS);
    let text = format!("{sign}{whole}.{fraction:05}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// At most this many characters, with a mark where something was left out.
pub fn shortened(text: &str, length: usize) -> String {
    match text.chars().count() <= length {
        true => text.to_owned(),
        false => text.chars().take(length - 3).chain("...".chars()).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_type_is_known_by_its_caption_its_name_and_its_field_in_the_setup() {
        let setup = |word: &str| DocumentType::named(word).map(|kind| kind.setup);
        assert_eq!(setup("Sales Inv."), Some("Sales Invoices"));
        assert_eq!(setup("sales_invoice"), Some("Sales Invoices"));
        assert_eq!(setup("Sales_x0020_Stmnt_x002E_"), Some("Sales Statement"));
        assert_eq!(setup("Purch. Orders"), Some("Purch. Orders"));
        assert_eq!(setup("E-MAIL"), Some("E-Mails"));
        assert_eq!(setup("Zeppelin"), None);
        assert_eq!(setup(""), None);
    }

    #[test]
    fn no_two_document_types_share_a_word() {
        let mut seen = BTreeSet::new();
        for kind in DOCUMENT_TYPES {
            let words: BTreeSet<String> = kind
                .names
                .iter()
                .chain([&kind.caption, &kind.setup])
                .filter(|word| !word.is_empty())
                .map(|word| folded(word))
                .collect();
            for word in words {
                assert!(seen.insert(word.clone()), "{word}");
            }
        }
    }

    #[test]
    fn every_field_of_the_setup_is_a_column_of_its_table() {
        let table = crate::model::Table::Lookup(crate::model::Lookup::InteractionTemplateSetup);
        for kind in DOCUMENT_TYPES {
            assert!(table.column(kind.setup).is_some(), "{}", kind.setup);
        }
    }

    #[test]
    fn every_account_is_a_column_of_events() {
        let table = crate::model::Table::Lookup(crate::model::Lookup::Events);
        for account in DOCUMENT_TYPES.iter().flat_map(|kind| kind.accounts) {
            assert!(table.column(account.column).is_some(), "{}", account.column);
        }
    }

    #[test]
    fn the_correspondence_type_is_this_table() {
        let of = |ignores: bool, default: &str, contact: &str, has_e_mail: bool, delivers: bool| {
            let template = InteractionTemplate {
                correspondence: default.to_owned(),
                ignores_contact: ignores,
                ..InteractionTemplate::default()
            };
            let contact = ContactCard {
                correspondence: contact.to_owned(),
                has_e_mail,
                ..ContactCard::default()
            };
            let mut entry = InteractionLogEntry::default();
            let filled = fill(&mut entry, &template, &contact, delivers);
            filled.map(|()| entry.correspondence_type).ok()
        };
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(of(false, "Hard Copy", "Email", true, false), some("Email"));
        assert_eq!(
            of(true, "Hard Copy", "Email", true, false),
            some("Hard Copy")
        );
        assert_eq!(of(false, "Hard Copy", "", true, false), some("Hard Copy"));
        assert_eq!(of(true, "Email", "", false, false), some(""));
        assert_eq!(of(false, "Hard Copy", "Email", false, false), some(""));
        assert_eq!(of(false, "Hard Copy", "Email", false, true), None);
        assert_eq!(
            of(false, "Hard Copy", "Hard Copy", false, true),
            some("Hard Copy")
        );
    }

    #[test]
    fn costs_are_added_as_their_files_write_them() {
        let mut statistics = Statistics::default();
        for cost in ["8", "0.5", "1.234,56", "-2", "", "abc", "1.000.000"] {
            statistics.add(&InteractionLogEntry {
                cost: cost.to_owned(),
                ..InteractionLogEntry::default()
            });
        }
        assert_eq!(statistics.count, 7);
        assert_eq!(statistics.cost(), "1001241.06");
        assert_eq!(statistics.duration(), "0");
    }

    #[test]
    fn a_type_has_a_name_and_an_account_that_a_mere_number_is_of() {
        let vendor = AccountOf::Counterpart("vendors");
        let customer = AccountOf::Counterpart("customers");
        let table = [
            ("Sales Inv.", "sales invoice", customer),
            ("Purch. Orders", "purchase order", vendor),
            ("Serv Ord Post", "service order posted", customer),
            ("Cover Sheets", "cover sheet", AccountOf::Contact),
            (CALLS, "phone call", AccountOf::Contact),
            (E_MAILS, "e-mail", AccountOf::Contact),
        ];
        for (word, name, account) in table {
            let kind = DocumentType::named(word).expect(word);
            assert_eq!((kind.name(), kind.default_account()), (name, account));
            assert_eq!(kind.is_mail(), word == E_MAILS);
        }
    }

    #[test]
    fn why_something_is_not_logged_is_its_reason_without_the_advice() {
        let reason = || "it is blank".to_owned();
        assert_eq!(NotLogged::Silent(reason()).reason(), reason());
        assert_eq!(
            NotLogged::Wrong(reason(), "fill it".to_owned()).reason(),
            reason()
        );
    }
}
