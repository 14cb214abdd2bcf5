//! What the header of a document says, from the records of those that it is made for (`business-central.md` §9).

use std::collections::BTreeMap;

use crate::model::document::{Document, DocumentDef, DocumentKind};
use crate::model::{Form, form};

/// The fields of a record by name, as they are agreed.
pub type Fields = BTreeMap<String, String>;

/// One of those that a document is made for: whom it is for, or who pays.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Partner {
    /// The contact.
    pub contact: Fields,
    /// The company of a contact that is a person with one.
    pub company: Option<Fields>,
    /// Its counterpart, where it has one.
    pub counterpart: Option<Fields>,
    /// The template that its counterpart is to be created with: its code and fields.
    pub template: Option<(String, Fields)>,
}

/// Everything that a header is made of.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Draft {
    /// Its number.
    pub no: String,
    /// Whom it is for.
    pub partner: Partner,
    /// Who pays or is paid.
    pub payer: Partner,
    /// An address that it is shipped to, other than the partner's own.
    pub ship_to: Option<Fields>,
    /// The quote that an order is made from.
    pub quote_no: String,
    /// Document Date, ISO 8601.
    pub date: String,
    /// Who of ours deals with it, where it is said.
    pub operator: String,
    /// Who it is otherwise, unless the counterpart has somebody.
    pub users_operator: String,
    /// Campaign No.
    pub campaign_no: String,
    /// Opportunity No.
    pub opportunity_no: String,
    /// External Document No.
    pub external_no: String,
    /// Whether the counterpart's e-mail address stays where the contact has none; otherwise the contact's blank replaces it.
    pub keeps_e_mail: bool,
}

/// Fields of a record beside those that the model knows, for which a document looks under any spelling of their names.
pub const RECORD_FIELDS: [&str; 14] = [
    "Payment Terms Code",
    "Payment Method Code",
    "Shipment Method Code",
    "Location Code",
    "Gen. Bus. Posting Group",
    "VAT Bus. Posting Group",
    "Customer Posting Group",
    "Vendor Posting Group",
    "Customer Price Group",
    "Customer Disc. Group",
    "Prices Including VAT",
    "Reserve",
    "Copy Sell-to Addr. to Qte From",
    "Purchaser Code",
];

/// Fields of an address after the name.
const ADDRESS: [&str; 6] = [
    "Address",
    "Address 2",
    "City",
    "Post Code",
    "County",
    "Country/Region Code",
];

/// A field of a record; blank where it has none of this name.
pub fn field<'f>(fields: &'f Fields, name: &str) -> &'f str {
    fields.get(name).map_or("", |value| value.as_str())
}

fn is_person(fields: &Fields) -> bool {
    form::caption(Form::ContactType, field(fields, "Type")) == Some("Person")
}

impl Partner {
    /// The company contact, or the contact itself where it has none.
    fn company_or_self(&self) -> &Fields {
        self.company.as_ref().unwrap_or(&self.contact)
    }

    /// The name of the contact in a document: a person's own; of a company the one that its counterpart names (§9.2).
    fn contact_name(&self) -> &str {
        match (&self.counterpart, is_person(&self.contact)) {
            (_, true) => field(&self.contact, "Name"),
            (Some(counterpart), false) => field(counterpart, "Contact"),
            (None, false) => "",
        }
    }

    fn name<'f>(&'f self, which: &str) -> &'f str {
        match &self.counterpart {
            Some(counterpart) => field(counterpart, which),
            None => field(self.company_or_self(), which),
        }
    }

    /// The record whose address counts. On a quote it is the company's, or the person's where the customer says so (§9.2).
    fn address(&self, is_quote: bool) -> &Fields {
        let of_contact = match &self.counterpart {
            None => true,
            Some(_) => is_quote,
        };
        let copies_person = self.counterpart.as_ref().is_some_and(|counterpart| {
            form::option(field(counterpart, "Copy Sell-to Addr. to Qte From")) == "Person"
        });
        match (&self.counterpart, of_contact) {
            (Some(counterpart), false) => counterpart,
            _ if copies_person => &self.contact,
            _ => self.company_or_self(),
        }
    }

    fn template_code(&self) -> &str {
        match (&self.counterpart, &self.template) {
            (None, Some((code, _))) => code,
            _ => "",
        }
    }

    /// A field of the counterpart; without one the contact's, and where that is blank the template's.
    fn term(&self, name: &str) -> &str {
        if let Some(counterpart) = &self.counterpart {
            return field(counterpart, name);
        }
        match (field(self.company_or_self(), name), &self.template) {
            ("", Some((_, template))) => field(template, name),
            (of_contact, _) => of_contact,
        }
    }
}

/// Makes a header.
pub fn compose(kind: DocumentKind, draft: &Draft, lines: Vec<Vec<(String, String)>>) -> Document {
    let def = kind.def();
    let Draft { partner, payer, .. } = draft;
    let mut header = Header::default();
    header.put("Document Type", def.document_type);
    header.put("No.", &draft.no);
    header.partner(def, def.partner, partner);
    header.address(def.partner, partner.address(def.is_quote && def.is_sales));
    if def.is_sales {
        let of_counterpart = partner.counterpart.as_ref();
        let e_mail = match (field(&partner.contact, "E-Mail"), of_counterpart) {
            ("", Some(counterpart)) if draft.keeps_e_mail => field(counterpart, "E-Mail"),
            (of_contact, _) => of_contact,
        };
        header.put("Sell-to Phone No.", field(&partner.contact, "Phone No."));
        header.put("Sell-to E-Mail", e_mail);
    } else {
        header.put(
            "Buy-from Contact Phone No.",
            field(&partner.contact, "Phone No."),
        );
        header.put("Buy-from Contact E-Mail", field(&partner.contact, "E-Mail"));
    }
    header.partner(def, def.payer, payer);
    header.address(def.payer, payer.address(false));
    if def.is_sales {
        header.put("Bill-to No.", bill_to_no(payer));
        header.ship_to(draft);
    }
    header.put("Document Date", &draft.date);
    header.put("Order Date", &draft.date);
    for name in ["Currency Code", "Language Code", "Format Region"] {
        header.put(name, payer.term(name));
    }
    for name in ["VAT Registration No.", "Registration Number"] {
        header.put(name, payer.term(name));
    }
    let of_counterpart = payer.counterpart.as_ref();
    let of_counterpart = of_counterpart.map_or("", |counterpart| field(counterpart, def.operator));
    let of_contact = match def.is_sales {
        true => field(&partner.contact, def.operator),
        false => "",
    };
    let operators = [
        &draft.operator,
        of_counterpart,
        &draft.users_operator,
        of_contact,
    ];
    let operator = operators.into_iter().find(|code| !form::is_blank(code));
    header.put(def.operator, operator.unwrap_or_default());
    header.put("Campaign No.", &draft.campaign_no);
    header.put("Opportunity No.", &draft.opportunity_no);
    header.put("Quote No.", &draft.quote_no);
    header.put("External Document No.", &draft.external_no);
    // The last two are none of the terms of who pays.
    for name in &RECORD_FIELDS[..12] {
        let is_other_side = name.ends_with("Posting Group")
            && ["Customer", "Vendor"]
                .iter()
                .any(|side| name.starts_with(side) && *side != def.counterpart);
        if !is_other_side && (def.is_sales || !name.starts_with("Customer")) {
            header.put(name, payer.term(name));
        }
    }
    Document {
        kind,
        no: draft.no.clone(),
        version: 1,
        ordered_as: String::new(),
        header: header.0,
        lines,
    }
}

/// Whom a sales document is billed to: the customer; the contact where there is a template to make it a customer with; nobody else
/// (§9.2, `GetBillToNo`).
fn bill_to_no(payer: &Partner) -> &str {
    match &payer.counterpart {
        Some(customer) => field(customer, "No."),
        None if payer.template.is_some() => field(&payer.contact, "No."),
        None => "",
    }
}

#[derive(Default)]
struct Header(Vec<(String, String)>);

impl Header {
    fn put(&mut self, name: &str, value: &str) {
        self.0.push((name.to_owned(), value.to_owned()));
    }

    fn partner(&mut self, def: &DocumentDef, prefix: &str, partner: &Partner) {
        let names = Names::of(def, prefix);
        let counterpart = partner.counterpart.as_ref();
        self.put(
            &names.no,
            counterpart.map_or("", |fields| field(fields, "No.")),
        );
        self.put(&names.template, partner.template_code());
        self.put(&names.contact_no, field(&partner.contact, "No."));
        self.put(&names.name, partner.name("Name"));
        self.put(&names.name_2, partner.name("Name 2"));
        self.put(&names.contact, partner.contact_name());
    }

    fn address(&mut self, prefix: &str, fields: &Fields) {
        for name in ADDRESS {
            self.put(&format!("{prefix} {name}"), field(fields, name));
        }
    }

    /// Shipped to an address of its own, or to the partner itself (§9.2).
    fn ship_to(&mut self, draft: &Draft) {
        let partner = &draft.partner;
        let (code, name, name_2, contact, address) = match &draft.ship_to {
            Some(own) => (
                field(own, "Code"),
                field(own, "Name"),
                field(own, "Name 2"),
                match field(own, "Contact") {
                    "" => partner.contact_name(),
                    contact => contact,
                },
                own,
            ),
            None => (
                "",
                partner.name("Name"),
                partner.name("Name 2"),
                partner.contact_name(),
                match &partner.counterpart {
                    Some(counterpart) => counterpart,
                    None => partner.company_or_self(),
                },
            ),
        };
        self.put("Ship-to Code", code);
        self.put("Ship-to Name", name);
        self.put("Ship-to Name 2", name_2);
        self.put("Ship-to Contact", contact);
        self.address("Ship-to", address);
    }
}

/// The names of the fields on one of those that a document is made for.
pub struct Names {
    /// The counterpart's number.
    pub no: String,
    /// The template that it is to be created with.
    pub template: String,
    /// The contact's number.
    pub contact_no: String,
    /// The counterpart's name.
    pub name: String,
    name_2: String,
    contact: String,
}

impl Names {
    /// Those with this prefix: Sell-to, Bill-to, Buy-from, Pay-to. The name of who pays stands without the word for it.
    pub fn of(def: &DocumentDef, prefix: &str) -> Names {
        let counterpart = def.counterpart;
        let whose = match prefix == def.partner {
            true => format!("{prefix} {counterpart} "),
            false => format!("{prefix} "),
        };
        Names {
            no: format!("{prefix} {counterpart} No."),
            template: format!("{prefix} {counterpart} Templ. Code"),
            contact_no: format!("{prefix} Contact No."),
            name: format!("{whose}Name"),
            name_2: format!("{whose}Name 2"),
            contact: format!("{prefix} Contact"),
        }
    }
}

/// What becomes of a quote whose contact, or whose payer's contact, has a counterpart now (§9.4): the number and name, and no template
/// any more. `counterpart_of` gives the counterpart of a contact. `None` where nothing becomes of it.
pub fn adopt(
    quote: &Document,
    counterpart_of: &dyn Fn(&str) -> Option<Fields>,
) -> Option<Document> {
    let def = quote.kind.def();
    let mut adopted = quote.clone();
    for prefix in [def.partner, def.payer] {
        let names = Names::of(def, prefix);
        if !quote.field(&names.no).is_empty() {
            continue;
        }
        let Some(counterpart) = counterpart_of(quote.field(&names.contact_no)) else {
            continue;
        };
        adopted.set(&names.no, field(&counterpart, "No."));
        adopted.set(&names.name, field(&counterpart, "Name"));
        adopted.set(&names.name_2, field(&counterpart, "Name 2"));
        adopted.set(&names.template, "");
        let is_company = quote.field(&names.contact).is_empty();
        if is_company {
            adopted.set(&names.contact, field(&counterpart, "Contact"));
        }
        if prefix == def.payer {
            adopted.set("Bill-to No.", field(&counterpart, "No."));
            let is_same = {
                let partner = Names::of(def, def.partner);
                quote.field(&partner.contact_no) == quote.field(&names.contact_no)
            };
            if is_same {
                for name in [def.operator, "Reserve"] {
                    let of_counterpart = field(&counterpart, name);
                    if !of_counterpart.is_empty() {
                        adopted.set(name, of_counterpart);
                    }
                }
            }
        }
    }
    if adopted == *quote {
        return None;
    }
    adopted.version += 1;
    Some(adopted)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(pairs: &[(&str, &str)]) -> Fields {
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        pairs.iter().map(owned).collect()
    }

    fn kind(name: &str) -> DocumentKind {
        DocumentKind::named(name).expect(name)
    }

    /// A person of a company, with or without a counterpart.
    fn partner(counterpart: Option<Fields>) -> Partner {
        Partner {
            contact: fields(&[("No.", "P1"), ("Type", "Person"), ("Address", "P 1")]),
            company: Some(fields(&[
                ("No.", "C1"),
                ("Type", "Company"),
                ("Address", "C 1"),
            ])),
            counterpart,
            template: None,
        }
    }

    fn composed(name: &str, partner: Partner) -> Document {
        let draft = Draft {
            payer: partner.clone(),
            partner,
            ..Draft::default()
        };
        compose(kind(name), &draft, Vec::new())
    }

    #[test]
    fn whose_address_counts_is_this_table() {
        let plain = || fields(&[("No.", "K1"), ("Address", "K 1")]);
        let of_person = || {
            let mut of_person = plain();
            of_person.insert(
                "Copy Sell-to Addr. to Qte From".to_owned(),
                "Person".to_owned(),
            );
            of_person
        };
        let table = [
            ("sales-quote", "Sell-to Address", None, "C 1"),
            ("sales-quote", "Sell-to Address", Some(plain()), "C 1"),
            ("sales-quote", "Sell-to Address", Some(of_person()), "P 1"),
            ("sales-quote", "Bill-to Address", Some(of_person()), "K 1"),
            ("sales-order", "Sell-to Address", Some(of_person()), "K 1"),
            ("purchase-quote", "Buy-from Address", Some(plain()), "K 1"),
            ("purchase-order", "Buy-from Address", Some(plain()), "K 1"),
        ];
        for (name, field, counterpart, expected) in table {
            let document = composed(name, partner(counterpart));
            assert_eq!(document.field(field), expected, "{field} of {name}");
        }
    }

    #[test]
    fn a_document_has_the_groups_of_its_own_side() {
        let groups = |name: &str| {
            let document = composed(name, partner(None));
            let names = document.header.into_iter().map(|(name, _)| name);
            names
                .filter(|name| name.ends_with("Group"))
                .collect::<Vec<_>>()
        };
        let of_both = ["Gen. Bus. Posting Group", "VAT Bus. Posting Group"];
        let of_sales = [
            "Customer Posting Group",
            "Customer Price Group",
            "Customer Disc. Group",
        ];
        assert_eq!(groups("sales-order"), [&of_both[..], &of_sales].concat());
        let of_purchases = ["Vendor Posting Group"];
        assert_eq!(
            groups("purchase-order"),
            [&of_both[..], &of_purchases].concat()
        );
    }

    #[test]
    fn an_address_of_its_own_without_a_contact_is_that_of_the_partners_contact() {
        let shipped = |contact: &str| {
            let mut partner = partner(None);
            partner.contact.insert("Name".to_owned(), "Ann".to_owned());
            let draft = Draft {
                partner,
                ship_to: Some(fields(&[("Code", "DOCK"), ("Contact", contact)])),
                ..Draft::default()
            };
            let document = compose(kind("sales-order"), &draft, Vec::new());
            document.field("Ship-to Contact").to_owned()
        };
        assert_eq!(shipped("Bob"), "Bob");
        assert_eq!(shipped(""), "Ann");
    }

    /// A quote of one contact that another one may pay, and what it is adopted to.
    fn adopted(payer: &str, counterparts: &[(&str, Fields)]) -> Document {
        let of = |no: &str| Partner {
            contact: fields(&[("No.", no), ("Type", "Company")]),
            ..Partner::default()
        };
        let draft = Draft {
            partner: of("C1"),
            payer: of(payer),
            operator: "ME".to_owned(),
            ..Draft::default()
        };
        let quote = compose(kind("sales-quote"), &draft, Vec::new());
        let counterpart_of = |no: &str| {
            let mut known = counterparts.iter();
            Some(known.find(|(contact, _)| *contact == no)?.1.clone())
        };
        adopt(&quote, &counterpart_of).expect("adopted")
    }

    #[test]
    fn who_deals_with_an_adopted_quote_is_the_payers_if_the_payer_is_whom_it_is_for() {
        let customer =
            |no: &str, operator: &str| fields(&[("No.", no), ("Salesperson Code", operator)]);
        let both = [("C1", customer("K1", "AB")), ("C2", customer("K2", "CD"))];
        let operator = "Salesperson Code";
        assert_eq!(adopted("C1", &both).field(operator), "AB");
        assert_eq!(adopted("C2", &both).field(operator), "ME");
        assert_eq!(
            adopted("C1", &[("C1", customer("K1", ""))]).field(operator),
            "ME"
        );
    }

    #[test]
    fn a_quote_is_billed_to_its_payer_alone() {
        let customer = |no: &str| fields(&[("No.", no)]);
        let of_partner = adopted("C2", &[("C1", customer("K1"))]);
        assert_eq!(of_partner.field("Sell-to Customer No."), "K1");
        assert_eq!(of_partner.field("Bill-to No."), "");
        let of_payer = adopted("C2", &[("C2", customer("K2"))]);
        assert_eq!(of_payer.field("Sell-to Customer No."), "");
        assert_eq!(of_payer.field("Bill-to No."), "K2");
    }
}
