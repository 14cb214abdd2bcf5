//! What a pass is asked to do beside merging: couple, uncouple, create. A command gives one order; rules give others.

use serde::{Deserialize, Serialize};

use crate::model::document::DocumentKind;
use crate::model::{InteractionLogEntry, Kind};

/// Whose values count when two records are linked: Business Central's "Current Master Fields"
/// (`business-central.md` §8.1). Blanks never win.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Master {
    /// The contact's.
    #[default]
    Contact,
    /// The counterpart's.
    Counterpart,
}

/// Something that a pass is asked to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Order {
    /// Couple a contact with an existing counterpart.
    Link {
        /// Contact No.
        contact: String,
        /// The counterpart's kind.
        kind: Kind,
        /// The counterpart's number.
        no: String,
        /// Whose values count.
        master: Master,
    },
    /// Uncouple a contact from its counterpart of a kind.
    Unlink {
        /// Contact No.
        contact: String,
        /// The counterpart's kind.
        kind: Kind,
    },
    /// Create a counterpart from a contact.
    CreateCounterpart {
        /// Contact No.
        contact: String,
        /// The counterpart's kind.
        kind: Kind,
        /// Which template fills what the contact leaves blank.
        template: TemplateChoice,
    },
    /// Create contacts from counterparts that have none.
    CreateContacts {
        /// The counterparts' kind.
        kind: Kind,
        /// Their numbers; all where none is given.
        nos: Vec<String>,
    },
    /// Create a contact that belongs to nobody yet.
    CreateContact {
        /// The company of a person; a company contact where there is none.
        company: Option<String>,
        /// A person, although it has no company.
        person: bool,
        /// Fields and their values.
        values: Vec<(String, String)>,
    },
    /// Make a document.
    Document(Box<DocumentOrder>),
    /// Log an interaction that somebody enters.
    Log(Box<Manual>),
    /// Change an interaction.
    Amend {
        /// The number by which it is known.
        entry_no: u64,
        /// How.
        how: Amendment,
    },
}

impl Order {
    /// Whether it logs something, for which templates must be read.
    pub fn logs(&self) -> bool {
        matches!(
            self,
            Order::Log(_) | Order::Amend { .. } | Order::Document(_)
        )
    }
}

/// A document that is asked for (`business-central.md` §9).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DocumentOrder {
    /// What it is.
    pub kind: DocumentKind,
    /// The contact that it is for; blank where it starts from a counterpart or a quote.
    pub contact: String,
    /// The counterpart that it is for.
    pub counterpart: String,
    /// The contact of who pays or is paid; blank: who it is for.
    pub payer_contact: String,
    /// The template of a quote for somebody who is no counterpart.
    pub template: TemplateChoice,
    /// The quote that an order is made from.
    pub quote: String,
    /// The code of an address that it is shipped to.
    pub ship_to: String,
    /// Document Date; blank: that of the pass.
    pub date: String,
    /// Who of ours deals with it.
    pub operator: String,
    /// Campaign No.
    pub campaign_no: String,
    /// Opportunity No.
    pub opportunity_no: String,
    /// External Document No.
    pub external_no: String,
    /// Whether the customer's e-mail address stays where the contact has none.
    pub keeps_e_mail: bool,
    /// Lines, each with its fields and values.
    pub lines: Vec<Vec<(String, String)>>,
}

impl DocumentOrder {
    /// An order for a document of which nothing else is said yet.
    pub fn new(kind: DocumentKind) -> DocumentOrder {
        DocumentOrder {
            kind,
            contact: String::new(),
            counterpart: String::new(),
            payer_contact: String::new(),
            template: TemplateChoice::default(),
            quote: String::new(),
            ship_to: String::new(),
            date: String::new(),
            operator: String::new(),
            campaign_no: String::new(),
            opportunity_no: String::new(),
            external_no: String::new(),
            keeps_e_mail: false,
            lines: Vec::new(),
        }
    }
}

/// An interaction that somebody enters (`business-central.md` §10.4).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Manual {
    /// What is entered; what is left blank comes from template and contact.
    pub entry: InteractionLogEntry,
    /// A phone call: with the template for calls, a number and a description.
    pub is_call: bool,
    /// It is finished later, and not everything need be filled yet.
    pub is_postponed: bool,
}

/// How an interaction is changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Amendment {
    /// It is cancelled, or not any more.
    Cancel(bool),
    /// It gets an evaluation.
    Evaluate(String),
    /// It was postponed, and is finished with this.
    Resume(Box<Manual>),
}

/// Which template a new counterpart is made with.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum TemplateChoice {
    /// The only one for the contact's type; none where no templates are configured.
    #[default]
    ByType,
    /// This one.
    Named(String),
    /// None.
    Without,
}
