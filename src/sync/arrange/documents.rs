//! Documents made from contacts: who they are for, what refuses them, and quotes that become their counterpart's
//! (`business-central.md` §9).

use std::collections::BTreeMap;

use crate::exports::fold;
use crate::merge::document::{Draft, Fields, Names};
use crate::merge::interaction::{DocumentType, fill};
use crate::model::document::{Document, DocumentKind};
use crate::model::{CONTACT_TYPE, InteractionLogEntry, Kind, Lookup, Row, Table, form};
use crate::state::StateError;
use crate::sync::couple::PRIMARY_CONTACT;
use crate::sync::observe::lookups;

use super::interactions::card;
use super::orders::{DocumentOrder, TemplateChoice};
use super::templates::{self, Template};
use super::{Answer, Arrangement, Arranger, canonical, cell, is_person, says_yes};

/// A document that the pass makes, as far as it is known before the parties are merged.
#[derive(Clone, Debug)]
pub struct PlannedDocument {
    /// Its kind.
    pub kind: DocumentKind,
    /// Whom it is for.
    pub partner: Who,
    /// Who pays or is paid.
    pub payer: Who,
    /// What else its header is made of; the two above are filled in once they are merged.
    pub draft: Draft,
    /// Its lines.
    pub lines: Vec<Vec<(String, String)>>,
    /// The quote that it is made from.
    pub quote: Option<Document>,
}

/// One of those that a document is made for, by numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Who {
    /// The contact.
    pub contact: String,
    /// Its company, where it is a person with one.
    pub company: Option<String>,
    /// Its counterpart.
    pub counterpart: Option<String>,
    /// The template that its counterpart is to be created with.
    pub template: Option<(String, Fields)>,
}

/// A quote without a counterpart whose contact has one now.
#[derive(Clone, Debug)]
pub struct Adoption {
    /// The quote as it was.
    pub quote: Document,
    /// Counterparts by contact.
    pub counterparts: BTreeMap<String, String>,
}

impl Arranger<'_, '_, '_> {
    /// Makes a document.
    pub(super) fn create_document(&mut self, order: &DocumentOrder) -> Arrangement {
        if let Err(refusal) = self.speaking(Table::Contacts) {
            return Ok(Err(refusal));
        }
        if self.scene.config.documents.folder.is_none() {
            return Ok(Err("`folder` is not set under [documents]".to_owned()));
        }
        if let Err(refusal) = self.knows_what_is_named(order) {
            return Ok(Err(refusal));
        }
        let quote = match self.quote_of(order)? {
            Ok(quote) => quote,
            Err(refusal) => return Ok(Err(refusal)),
        };
        let made = match &quote {
            Some(quote) => self.partners_from_quote(order, quote)?,
            None => self.partners_from_contact(order)?,
        };
        let (partner, payer) = match made {
            Ok(made) => made,
            Err(refusal) => return Ok(Err(refusal)),
        };
        let ship_to = match self.ship_to(order, &partner) {
            Ok(ship_to) => ship_to,
            Err(refusal) => return Ok(Err(refusal)),
        };
        if let Err(refusal) = self.may_quote(order, quote.as_ref())? {
            return Ok(Err(refusal));
        }
        let date = match form::is_blank(&order.date) {
            true => self.scene.today.clone(),
            false => order.date.trim().to_owned(),
        };
        if date.parse::<jiff::civil::Date>().is_err() {
            return Ok(Err(format!("{date:?} is no date: write 2026-11-23")));
        }
        let no = match self.next_document_no(order.kind)? {
            Ok(no) => no,
            Err(refusal) => return Ok(Err(refusal)),
        };
        let of_quote = |name: &str| {
            quote
                .as_ref()
                .map_or("", |quote| quote.field(name))
                .to_owned()
        };
        let or_quote = |given: &str, name: &str| match form::is_blank(given) {
            true => of_quote(name),
            false => given.trim().to_owned(),
        };
        let draft = Draft {
            no: no.clone(),
            ship_to,
            quote_no: quote
                .as_ref()
                .map(|quote| quote.no.clone())
                .unwrap_or_default(),
            date,
            operator: canonical(&or_quote(&order.operator, order.kind.def().operator)),
            users_operator: self.scene.config.setup.defaults.user_salesperson.clone(),
            campaign_no: canonical(&or_quote(&order.campaign_no, "Campaign No.")),
            opportunity_no: canonical(&or_quote(&order.opportunity_no, "Opportunity No.")),
            external_no: or_quote(&order.external_no, "External Document No."),
            keeps_e_mail: order.keeps_e_mail,
            ..Draft::default()
        };
        let mut lines = quote
            .as_ref()
            .map(|quote| quote.lines.clone())
            .unwrap_or_default();
        lines.extend(order.lines.iter().cloned());
        for (at, line) in lines.iter_mut().enumerate() {
            line.retain(|(name, _)| name != "Line No.");
            // Numbered with room between them, as Business Central does.
            line.insert(0, ("Line No.".to_owned(), ((at + 1) * 10_000).to_string()));
        }
        self.log_document(order.kind, &no, &partner, &payer)?;
        self.out.answers.push(Answer::Written {
            document: order.kind.def().noun.to_owned(),
            no,
            contact: partner.contact.clone(),
        });
        self.out.documents.push(PlannedDocument {
            kind: order.kind,
            partner,
            payer,
            draft,
            lines,
            quote,
        });
        Ok(Ok(()))
    }

    /// Refuses codes that an order names and nobody knows, whether or not the document comes to need them.
    fn knows_what_is_named(&self, order: &DocumentOrder) -> Result<(), String> {
        let kind = counterparts(order.kind);
        match (&order.template, self.scene.templates.get(&kind)) {
            (TemplateChoice::Named(_), Some(Err(refusal))) => return Err(refusal.clone()),
            (TemplateChoice::Named(code), Some(Ok(known))) => {
                templates::named(known, kind, code)?;
            }
            _ => {}
        }
        match self.scene.lookups {
            Some(lookups) => lookups.knows_salesperson(&canonical(&order.operator)),
            None => Ok(()),
        }
    }

    /// The quote that an order is to be made from.
    fn quote_of(&self, order: &DocumentOrder) -> Arrangement<Option<Document>> {
        let no = canonical(&order.quote);
        if no.is_empty() {
            return Ok(Ok(None));
        }
        let noun = order.kind.def().noun;
        let Some(kind) = order.kind.quote() else {
            return Ok(Err(format!("a {noun} is not made from a quote")));
        };
        Ok(match self.scene.store.document(kind, &no)? {
            None => Err(format!("there is no {} {no}", kind.def().noun)),
            Some(quote) if !quote.ordered_as.is_empty() => Err(format!(
                "{} {no} was made into {} already",
                kind.def().noun,
                quote.ordered_as
            )),
            Some(quote) => Ok(Some(quote)),
        })
    }

    /// Whom a document from a contact, or from a counterpart, is for, and who pays (§9.2, §9.5).
    fn partners_from_contact(&mut self, order: &DocumentOrder) -> Arrangement<(Who, Who)> {
        let def = order.kind.def();
        let kind = counterparts(order.kind);
        let (mut contact, start) = (canonical(&order.contact), canonical(&order.counterpart));
        if contact.is_empty() && start.is_empty() {
            return Ok(Err("Contact No. must be filled".to_owned()));
        }
        if !start.is_empty() && self.any_row(Table::Counterparts(kind), &start)?.is_none() {
            return Ok(Err(format!("there is no {} {start}", kind.def().noun)));
        }
        if contact.is_empty() {
            contact = match self.contact_for(kind, &start)? {
                Some(contact) => contact,
                None => {
                    return Ok(Err(format!("{} {start} has no contact", kind.def().noun)));
                }
            };
        }
        let mut partner = match self.who(&contact, kind)? {
            Ok(who) => who,
            Err(refusal) => return Ok(Err(refusal)),
        };
        if !start.is_empty() && partner.counterpart.as_ref() != Some(&start) {
            let is_strict = !def.is_quote || !def.is_sales;
            if self.names_counterpart(&partner, kind, &start)? {
                partner.counterpart = Some(start);
            } else if is_strict {
                return Ok(Err(format!(
                    "contact {contact} belongs to another company than {} {start}",
                    kind.def().noun
                )));
            }
        }
        if partner.counterpart.is_none() {
            if !def.is_quote {
                return Ok(Err(format!(
                    "contact {contact} is not related to a {noun}: create one (`couplet create {noun} --contact {contact}`), \
                     or write a quote",
                    noun = kind.def().noun
                )));
            }
            partner.template = match self.quote_template(&partner, kind, &order.template)? {
                Ok(template) => template,
                Err(refusal) => return Ok(Err(refusal)),
            };
        }
        let named = canonical(&order.payer_contact);
        let payer = match named.is_empty() {
            false => self.payer(&named, kind, def.is_quote, &partner)?,
            true => Ok(self.own_payer(kind, &partner)?),
        };
        Ok(payer.map(|payer| (partner, payer)))
    }

    /// A payer that was named: its own counterpart is needed where the document is no quote.
    fn payer(&self, contact: &str, kind: Kind, is_quote: bool, partner: &Who) -> Arrangement<Who> {
        let mut payer = match self.who(contact, kind)? {
            Ok(who) => who,
            Err(refusal) => return Ok(Err(refusal)),
        };
        if payer.counterpart.is_none() {
            if !is_quote {
                return Ok(Err(format!(
                    "contact {contact} is not related to a {}",
                    kind.def().noun
                )));
            }
            payer.template.clone_from(&partner.template);
        }
        Ok(Ok(payer))
    }

    /// Who pays where nobody is named: the partner, or whom its record names for that.
    fn own_payer(&self, kind: Kind, partner: &Who) -> Result<Who, StateError> {
        let Some(counterpart) = &partner.counterpart else {
            return Ok(partner.clone());
        };
        let column = match kind.def().table {
            "vendors" => "Pay-to Vendor No.",
            _ => "Bill-to Customer No.",
        };
        let other = canonical(&self.carried_cell(Table::Counterparts(kind), counterpart, column));
        if other.is_empty() || other == *counterpart {
            return Ok(partner.clone());
        }
        let contact = self.contact_for(kind, &other)?.unwrap_or_default();
        let company = match self.any_row(Table::Contacts, &contact)? {
            Some(row) => self.company_of(&row)?,
            None => None,
        };
        Ok(Who {
            contact,
            company,
            counterpart: Some(other),
            template: None,
        })
    }

    /// An order from a quote: whoever is no counterpart yet becomes one, from the quote's template (§9.3).
    fn partners_from_quote(
        &mut self,
        order: &DocumentOrder,
        quote: &Document,
    ) -> Arrangement<(Who, Who)> {
        let def = order.kind.def();
        let kind = counterparts(order.kind);
        let mut both = Vec::new();
        for prefix in [def.partner, def.payer] {
            let names = Names::of(def, prefix);
            let (contact, template) = (
                quote.field(&names.contact_no).to_owned(),
                quote.field(&names.template).to_owned(),
            );
            let who = if contact.is_empty() {
                Who::default()
            } else {
                match self.who(&contact, kind)? {
                    Ok(who) => who,
                    Err(refusal) => return Ok(Err(refusal)),
                }
            };
            let of_quote = quote.field(&names.no);
            let known = match of_quote.is_empty() {
                true => who.counterpart.clone(),
                false => Some(of_quote.to_owned()),
            };
            let known = match known {
                Some(known) => known,
                None if contact.is_empty() || template.is_empty() => {
                    return Ok(Err(format!(
                        "{} {} has no {noun} template for contact {contact}: create its {noun} first \
                         (`couplet create {noun} --contact {contact}`)",
                        quote.kind.def().noun,
                        quote.no,
                        noun = kind.def().noun
                    )));
                }
                None => {
                    let choice = TemplateChoice::Named(template);
                    match self.create_for_quote(&contact, kind, &choice)? {
                        Ok(no) => no,
                        Err(refusal) => return Ok(Err(refusal)),
                    }
                }
            };
            both.push(Who {
                counterpart: Some(known),
                ..who
            });
        }
        let payer = both.pop().unwrap_or_default();
        Ok(Ok((both.pop().unwrap_or_default(), payer)))
    }

    fn create_for_quote(
        &mut self,
        contact: &str,
        kind: Kind,
        choice: &TemplateChoice,
    ) -> Arrangement<String> {
        let before = self.out.births.len();
        let created = self.create_counterpart(contact, kind, choice)?;
        // The order answers for itself.
        self.out.answers.clear();
        Ok(created.map(|()| {
            let new = self.out.births.get(before..).unwrap_or_default();
            let mut of_it = new
                .iter()
                .filter(|birth| birth.table == Table::Counterparts(kind));
            of_it
                .next()
                .map(|birth| birth.no.clone())
                .unwrap_or_default()
        }))
    }

    /// A contact with its company and counterpart: a person's own counterpart, else its company's (§9.2). Refused where it does not
    /// exist or is blocked for privacy (§9.1).
    fn who(&self, contact: &str, kind: Kind) -> Arrangement<Who> {
        let Some(row) = self.row(Table::Contacts, contact)? else {
            return Ok(Err(format!("there is no contact {contact}")));
        };
        if says_yes(cell(Table::Contacts, &row, "Privacy Blocked")) {
            return Ok(Err(format!(
                "contact {contact} is blocked for privacy (Privacy Blocked)"
            )));
        }
        let company = self.company_of(&row)?;
        let counterpart = match (self.counterpart_of(contact, kind)?, &company) {
            (Some(own), _) => Some(own),
            (None, Some(company)) => self.counterpart_of(company, kind)?,
            (None, None) => None,
        };
        Ok(Ok(Who {
            contact: contact.to_owned(),
            company,
            counterpart,
            template: None,
        }))
    }

    /// The contact of a document that starts from a counterpart: its primary contact, else the contact of its relation.
    fn contact_for(&self, kind: Kind, no: &str) -> Result<Option<String>, StateError> {
        let table = Table::Counterparts(kind);
        let row = self.any_row(table, no)?;
        let primary = row.map(|row| canonical(cell(table, &row, PRIMARY_CONTACT)));
        match primary.filter(|no| !no.is_empty()) {
            Some(primary) if self.row(Table::Contacts, &primary)?.is_some() => Ok(Some(primary)),
            _ => self.contact_of(kind, no),
        }
    }

    /// Whether any relation of a contact or of its company is with a counterpart; several of one kind may be listed, although only
    /// one couples.
    fn names_counterpart(&self, who: &Who, kind: Kind, no: &str) -> Result<bool, StateError> {
        let codes = &self.scene.config.setup.codes;
        for contact in [Some(&who.contact), who.company.as_ref()]
            .into_iter()
            .flatten()
        {
            let of_it = self.rows_of(contact)?.into_iter();
            let mut of_kind = of_it.filter(|(_, row)| {
                crate::merge::coupling::kind_of(row, codes) == Ok(Some(kind)) && row.no == no
            });
            if of_kind.next().is_some() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The template of a quote for somebody who is no counterpart: the one that is named, or the only one for the contact's territory,
    /// country and type; else none (§9.2).
    fn quote_template(
        &self,
        who: &Who,
        kind: Kind,
        choice: &TemplateChoice,
    ) -> Arrangement<Option<(String, Fields)>> {
        let templates = match self.scene.templates.get(&kind) {
            Some(Ok(templates)) => templates.as_slice(),
            Some(Err(refusal)) => return Ok(Err(refusal.clone())),
            None => &[],
        };
        let Some(row) = self.row(Table::Contacts, &who.contact)? else {
            return Ok(Ok(None));
        };
        let of_type = if is_person(&row) { "Person" } else { "Company" };
        let text = |name: &str| canonical(cell(Table::Contacts, &row, name));
        let table = Table::Counterparts(kind);
        let of_template = |template: &Template, name: &str| {
            let mut cells = template.cells.iter();
            let column = table.column(name);
            let found = cells.find(|(at, _)| Some(*at) == column);
            found.map(|(_, value)| canonical(value)).unwrap_or_default()
        };
        let company = who.company.as_ref().unwrap_or(&who.contact);
        let company = self.any_row(Table::Contacts, company)?.unwrap_or_default();
        let currency = canonical(cell(Table::Contacts, &company, "Currency Code"));
        let chosen = match choice {
            TemplateChoice::Without => None,
            TemplateChoice::Named(code) => match templates::named(templates, kind, code) {
                Err(refusal) => return Ok(Err(refusal)),
                Ok(template) if template.contact_type != of_type => {
                    return Ok(Err(format!(
                        "template {} is for contacts of type {}, and this one is a {of_type}",
                        template.code, template.contact_type
                    )));
                }
                Ok(template) => Some(template),
            },
            TemplateChoice::ByType => {
                let fits = |template: &&Template| {
                    template.contact_type == of_type
                        && ["Territory Code", "Country/Region Code"]
                            .iter()
                            .all(|name| of_template(template, name) == text(name))
                };
                let fitting: Vec<&Template> = templates.iter().filter(fits).collect();
                let mut of_currency = fitting
                    .iter()
                    .filter(|template| of_template(template, "Currency Code") == currency);
                match (fitting.as_slice(), of_currency.next(), of_currency.next()) {
                    ([only], ..) | (_, Some(only), None) => Some(*only),
                    _ => None,
                }
            }
        };
        Ok(Ok(chosen.map(|template| {
            let names = table.columns();
            let cells = template.cells.iter();
            let mut fields: Fields = cells
                .map(|(at, value)| (names[*at].name.to_owned(), value.clone()))
                .collect();
            fields.extend(template.carried.iter().cloned());
            fields.remove(CONTACT_TYPE);
            (template.code.clone(), fields)
        })))
    }

    /// Another address that a document is shipped to: the one that is named, or the customer's own choice.
    fn ship_to(&self, order: &DocumentOrder, partner: &Who) -> Result<Option<Fields>, String> {
        if !order.kind.def().is_sales {
            return Ok(None);
        }
        let Some(customer) = &partner.counterpart else {
            return match order.ship_to.trim() {
                "" => Ok(None),
                _ => Err("a ship-to address is a customer's, and there is none".to_owned()),
            };
        };
        let table = Table::Counterparts(counterparts(order.kind));
        let named = canonical(&order.ship_to);
        let own = canonical(&self.carried_cell(table, customer, "Ship-to Code"));
        let code = if named.is_empty() { own } else { named.clone() };
        if code.is_empty() {
            return Ok(None);
        }
        let lookup = Table::Lookup(Lookup::ShipToAddresses);
        let read = lookups::read(self.scene.config, lookup, self.scene.disk, self.scene.seed)?;
        let records = read.map(|(_, records)| records).unwrap_or_default();
        let text = |record: &crate::exports::Record, name: &str| {
            canonical(lookups::cell(lookup, record, name))
        };
        let found = records.iter().find(|record| {
            text(record, "Customer No.") == *customer && text(record, "Code") == code
        });
        match found {
            Some(record) => Ok(Some(
                lookup
                    .columns()
                    .iter()
                    .map(|def| {
                        (
                            def.name.to_owned(),
                            lookups::cell(lookup, record, def.name).to_owned(),
                        )
                    })
                    .collect(),
            )),
            None if named.is_empty() => Ok(None),
            None => Err(format!("customer {customer} has no ship-to address {code}")),
        }
    }

    /// An opportunity has one quote (§9.6).
    fn may_quote(&self, order: &DocumentOrder, quote: Option<&Document>) -> Arrangement {
        let opportunity = canonical(&order.opportunity_no);
        if opportunity.is_empty() || !order.kind.def().is_quote || quote.is_some() {
            return Ok(Ok(()));
        }
        let of_pass = self.out.documents.iter();
        let mut of_pass = of_pass.filter(|planned| {
            planned.kind == order.kind && planned.draft.opportunity_no == opportunity
        });
        let known = match of_pass.next() {
            Some(planned) => Some(planned.draft.no.clone()),
            None => self
                .scene
                .store
                .quote_of_opportunity(order.kind, &opportunity)?,
        };
        Ok(match known {
            Some(no) => Err(format!(
                "opportunity {opportunity} already has the quote {no}"
            )),
            None => Ok(()),
        })
    }

    fn next_document_no(&mut self, kind: DocumentKind) -> Arrangement<String> {
        let def = kind.def();
        let Some(series) = self.scene.config.documents.series(kind).cloned() else {
            return Ok(Err(format!(
                "`{}` is not set under [documents]: without a number series no {} is made",
                def.series, def.noun
            )));
        };
        let documents = &self.out.documents;
        let store = self.scene.store;
        let used = |no: &str| -> Result<bool, StateError> {
            let is_planned = documents
                .iter()
                .any(|planned| planned.kind == kind && planned.draft.no == no);
            Ok(is_planned || store.document(kind, no)?.is_some())
        };
        // Kinds may share a series, and each remembers what it gave by itself.
        let name = format!("{} {}", def.noun, series.first());
        let last = match self.out.numbered.get(&name) {
            Some(last) => Some(last.clone()),
            None => store.last_number(&name)?,
        };
        let mut failure = None;
        let next = series.next(last.as_deref(), &mut |no| {
            used(no).unwrap_or_else(|error| {
                failure = Some(error);
                false
            })
        });
        if let Some(error) = failure {
            return Err(error);
        }
        Ok(match next {
            Ok(no) => {
                self.out.numbered.insert(name, no.clone());
                Ok(no)
            }
            Err(exhausted) => Err(exhausted.to_string()),
        })
    }

    /// Making a document is an interaction: of a sales document with who is billed, of a purchase with whom it is for (§10.3).
    fn log_document(
        &mut self,
        kind: DocumentKind,
        no: &str,
        partner: &Who,
        payer: &Who,
    ) -> Result<(), StateError> {
        let def = kind.def();
        let who = match def.is_sales && !payer.contact.is_empty() {
            true => payer,
            false => partner,
        };
        let Some(row) = self.any_row(Table::Contacts, &who.contact)? else {
            return Ok(());
        };
        let card = card(&row, &who.contact);
        let mut entry = InteractionLogEntry {
            date: self.scene.today.clone(),
            contact_no: card.no.clone(),
            contact_company_no: card.company.clone(),
            description: format!("{} {no} created", def.noun),
            document_type: def.logged_as.to_owned(),
            document_no: no.to_owned(),
            version: 1,
            doc_no_occurrence: 1,
            salesperson: card.salesperson.clone(),
            interaction_template: self.scene.config.interactions.template.clone(),
            cost: "0".to_owned(),
            duration: "0".to_owned(),
            ..InteractionLogEntry::default()
        };
        let templates = self
            .scene
            .lookups
            .and_then(|lookups| lookups.templates.as_ref().ok());
        if let (Some(templates), Some(kind)) = (templates, DocumentType::named(def.logged_as))
            && let Ok(template) = templates.of_document(kind)
        {
            (entry.cost, entry.duration) = (String::new(), String::new());
            // It is written, not delivered: nothing refuses it.
            let _ = fill(&mut entry, template, &card, false);
        }
        self.keep(entry);
        Ok(())
    }

    /// Quotes without a counterpart whose contact, or whose company, has one by now become its own (§9.4).
    pub(super) fn adopt_quotes(&mut self) -> Result<(), StateError> {
        for quote in self.scene.store.open_quotes()? {
            let def = quote.kind.def();
            let kind = counterparts(quote.kind);
            let mut counterparts = BTreeMap::new();
            for prefix in [def.partner, def.payer] {
                let names = Names::of(def, prefix);
                let contact = quote.field(&names.contact_no);
                if !quote.field(&names.no).is_empty() || contact.is_empty() {
                    continue;
                }
                let Some(row) = self.any_row(Table::Contacts, contact)? else {
                    continue;
                };
                let own = self.counterpart_of(contact, kind)?;
                let found = match (own, self.company_of(&row)?) {
                    (Some(own), _) => Some(own),
                    (None, Some(company)) => self.counterpart_of(&company, kind)?,
                    (None, None) => None,
                };
                if let Some(found) = found {
                    self.warn_of_template(&quote, quote.field(&names.template), &found);
                    counterparts.insert(contact.to_owned(), found);
                }
            }
            let is_ordered = self.out.documents.iter().any(|planned| {
                planned
                    .quote
                    .as_ref()
                    .is_some_and(|of| of.no == quote.no && of.kind == quote.kind)
            });
            if !counterparts.is_empty() && !is_ordered {
                self.out.adoptions.push(Adoption {
                    quote,
                    counterparts,
                });
            }
        }
        Ok(())
    }

    /// A quote that was written with another template than its counterpart is created with (§9.4).
    fn warn_of_template(&mut self, quote: &Document, template: &str, counterpart: &str) {
        let Some(used) = self.out.created_with.get(counterpart) else {
            return;
        };
        if template != used {
            let noun = counterparts(quote.kind).def().noun;
            let with = match template {
                "" => "without a template".to_owned(),
                code => format!("with template {code}"),
            };
            let warning = format!(
                "{} {}, written {with}, is now one of {noun} {counterpart}, which was created with template {used}",
                quote.kind.def().noun,
                quote.no
            );
            if !self.out.warnings.contains(&warning) {
                self.out.warnings.push(warning);
            }
        }
    }

    /// A record as its export shows it, or as it was when its export said something last.
    pub(super) fn any_row(&self, table: Table, no: &str) -> Result<Option<Row>, StateError> {
        if let Some(row) = self.row(table, no)? {
            return Ok(Some(row));
        }
        match self.seen(table) {
            Some(seen) if seen.export.is_none() => seen.base(self.key(no)),
            _ => Ok(None),
        }
    }

    /// The cell of a column that the model does not know.
    fn carried_cell(&self, table: Table, no: &str, name: &str) -> String {
        let seen = self.seen(table);
        let found = seen.and_then(|seen| {
            let export = seen.export.as_ref()?;
            let record = export.record(seen.position(self.key(no))?).ok()?;
            let carried = export.carried(&record).into_iter();
            let mut of_it = carried.filter(|(column, _)| fold(column) == fold(name));
            of_it.next().map(|(_, value)| value)
        });
        found.unwrap_or_default()
    }
}

/// The kind of counterpart that a document is made for.
pub fn counterparts(kind: DocumentKind) -> Kind {
    let table = kind.def().counterparts;
    Kind::all()
        .find(|kind| kind.def().table == table)
        .unwrap_or(Kind(0))
}

/// The name by which a field of a template or record is known to documents.
pub fn known_name<'n>(name: &'n str, known: &[&'static str]) -> &'n str {
    let wanted = fold(name);
    known
        .iter()
        .find(|known| fold(known) == wanted)
        .map_or(name, |known| *known)
}
