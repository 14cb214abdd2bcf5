//! Counterparts made from contacts (`business-central.md` §8.2 to §8.4).

use crate::exports::fold;
use crate::merge::FirstMeeting;
use crate::model::{CONTACT_TYPE, Form, Kind, Table, form};

use super::links::already_has;
use super::orders::TemplateChoice;
use super::templates::{self, Template};
use super::{Answer, Arrangement, Arranger, Birth, cell, is_person};

impl Arranger<'_, '_, '_> {
    /// A counterpart that takes everything from its contact; a person stands for its company.
    pub(super) fn create_counterpart(
        &mut self,
        contact: &str,
        kind: Kind,
        choice: &TemplateChoice,
    ) -> Arrangement {
        let def = kind.def();
        if let Err(refusal) = self.speaking(Table::Contacts) {
            return Ok(Err(refusal));
        }
        let Some(asked) = self.row(Table::Contacts, contact)? else {
            return Ok(Err(format!("there is no contact {contact}")));
        };
        let template = match self.template(kind, is_person(&asked), choice) {
            Ok(template) => template,
            Err(refusal) => return Ok(Err(refusal)),
        };
        if let Err(refusal) = self.may_have(contact, &asked, kind)? {
            return Ok(Err(refusal));
        }
        // A person with a company stands for it.
        let (contact, row) = match self.company_of(&asked)? {
            None => (contact.to_owned(), asked),
            Some(company) => match self.row(Table::Contacts, &company)? {
                None => {
                    return Ok(Err(format!(
                        "there is no contact {company}, the company of {contact}"
                    )));
                }
                Some(row) => {
                    if let Err(refusal) = self.may_have(&company, &row, kind)? {
                        return Ok(Err(refusal));
                    }
                    (company, row)
                }
            },
        };
        if self.scene.config.setup.code(kind).is_none() {
            return Ok(Err(format!(
                "`{}` is not set under [setup]",
                def.setup_code
            )));
        }
        let table = Table::Counterparts(kind);
        for table in [table, Table::Relations] {
            if let Err(refusal) = self.writable(table) {
                return Ok(Err(refusal));
            }
        }
        // The last check, before a number is taken.
        if let Some(other) = self.counterpart_of(&contact, kind)? {
            return Ok(Err(already_has(&contact, kind, &other)));
        }
        let series = template
            .as_ref()
            .and_then(|template| template.series.as_deref());
        let no = match self.next_counterpart_no(kind, series)? {
            Ok(no) => no,
            Err(refusal) => return Ok(Err(refusal)),
        };
        let reason = format!("it was created from contact {contact}");
        if let Err(refusal) = self.relate(&contact, kind, &no, reason.clone())? {
            return Ok(Err(refusal));
        }
        let mut new = self.new_row(table, &no);
        let mut carried = Vec::new();
        if let Some(template) = &template {
            // Contact values win: a template fills what the contact leaves blank.
            for (column, value) in &template.cells {
                let field = table.columns()[*column].shares;
                let of_contact = field
                    .and_then(|field| Table::Contacts.column_of(field))
                    .and_then(|column| row.get(column));
                if of_contact.is_none_or(form::is_blank) && new.get(*column).is_some() {
                    new.set(*column, Some(value.clone()));
                }
            }
            carried.clone_from(&template.carried);
        }
        if let Some(column) = table
            .column(CONTACT_TYPE)
            .filter(|column| new.get(*column).is_some())
        {
            let caption = form::caption(Form::ContactType, cell(Table::Contacts, &row, "Type"));
            new.set(
                column,
                caption
                    .filter(|caption| !caption.is_empty())
                    .map(str::to_owned),
            );
        }
        if def.has_own_invoice_discount && !names(&carried, INVOICE_DISCOUNT) {
            carried.push((INVOICE_DISCOUNT.to_owned(), no.clone()));
        }
        let salesperson = &self.scene.config.setup.defaults.user_salesperson;
        if let Some(buyer) = def.operator_column.filter(|_| !salesperson.is_empty()) {
            match table.column(buyer) {
                Some(column) => {
                    let of_contact = cell(Table::Contacts, &row, buyer);
                    if form::is_blank(of_contact) && new.get(column).is_some_and(form::is_blank) {
                        new.set(column, Some(salesperson.clone()));
                    }
                }
                None if !names(&carried, buyer) => {
                    carried.push((buyer.to_owned(), salesperson.clone()));
                }
                None => {}
            }
        }
        let key = self.concern(&contact);
        self.out.masters.insert(key, FirstMeeting::Contact);
        if let Some(template) = template {
            self.out.created_with.insert(no.clone(), template.code);
        }
        self.bear(Birth {
            table,
            no: no.clone(),
            row: new,
            carried,
            reason,
        });
        self.out.answers.push(Answer::Created {
            table: def.table.to_owned(),
            no,
            from: format!("contact {contact}"),
        });
        Ok(Ok(()))
    }

    /// The template to use: the named one, or the only one for the contact's type (§8.2).
    fn template(
        &self,
        kind: Kind,
        is_person: bool,
        choice: &TemplateChoice,
    ) -> Result<Option<Template>, String> {
        let def = kind.def();
        let of_type = if is_person { "Person" } else { "Company" };
        let templates = match self.scene.templates.get(&kind) {
            Some(Ok(templates)) => templates,
            Some(Err(refusal)) => return Err(refusal.clone()),
            None => {
                return match choice {
                    TemplateChoice::Named(_) => {
                        Err(format!("[tables.{}] is not configured", def.templates))
                    }
                    TemplateChoice::ByType | TemplateChoice::Without => Ok(None),
                };
            }
        };
        let fits = |template: &&Template| template.contact_type == of_type;
        match choice {
            TemplateChoice::Without => Ok(None),
            TemplateChoice::Named(code) => {
                let template = templates::named(templates, kind, code)?;
                match fits(&template) {
                    true => Ok(Some(template.clone())),
                    false => Err(format!(
                        "template {} is for contacts of type {}, and this one is a {of_type}",
                        template.code, template.contact_type
                    )),
                }
            }
            TemplateChoice::ByType => {
                let fitting: Vec<&Template> = templates.iter().filter(fits).collect();
                match fitting.as_slice() {
                    [only] => Ok(Some((*only).clone())),
                    [] => Err(format!(
                        "there is no {} template for contacts of type {of_type}; nothing was created \
                         (--without-template creates one all the same)",
                        def.noun
                    )),
                    several => {
                        let codes: Vec<&str> = several
                            .iter()
                            .map(|template| template.code.as_str())
                            .collect();
                        Err(format!(
                            "several templates fit: choose one of {} with --template",
                            codes.join(", ")
                        ))
                    }
                }
            }
        }
    }
}

/// Whether a column is among those that a template fills, however its header spells it.
fn names(carried: &[(String, String)], column: &str) -> bool {
    carried.iter().any(|(name, _)| fold(name) == fold(column))
}

/// A customer's own invoice discount code is its number, unless its template has one.
const INVOICE_DISCOUNT: &str = "Invoice Disc. Code";
