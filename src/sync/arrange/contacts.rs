//! Contacts made from counterparts, and contacts that begin alone (`business-central.md` §1.1, §5).

use crate::merge::coupling::{Relation, UnknownLink, kind_of};
use crate::merge::{FirstMeeting, Rule};
use crate::model::{CONTACT_TYPE, Form, Kind, Row, Table, form};
use crate::state::StateError;
use crate::state::memory::Mark;
use crate::sync::couple::PRIMARY_CONTACT;
use crate::sync::observe::tagged;

use super::{Answer, Arrangement, Arranger, Birth, OwnCell, canonical, cell, is_person, set};

impl Arranger<'_, '_, '_> {
    /// Contacts from counterparts that have none; all of a kind, or the named ones (§5.3).
    pub(super) fn create_contacts(&mut self, kind: Kind, nos: &[String]) -> Arrangement {
        let def = kind.def();
        let table = Table::Counterparts(kind);
        if self.scene.config.setup.code(kind).is_none() {
            return Ok(Err(format!(
                "`{}` is not set under [setup]",
                def.setup_code
            )));
        }
        if self.scene.config.setup.contact_nos.is_none() {
            return self.next_contact_no().map(|next| next.map(|_| ()));
        }
        let Some(seen) = self.seen(table).filter(|seen| seen.export.is_some()) else {
            return Ok(Err(format!("{} say nothing in this pass", def.table)));
        };
        for table in [Table::Contacts, Table::Relations] {
            if let Err(refusal) = self.writable(table) {
                return Ok(Err(refusal));
            }
        }
        let mut wanted: Vec<String> = nos.iter().map(|no| canonical(no)).collect();
        for no in &wanted {
            let refusal = match (self.row(table, no)?, self.contact_of(kind, no)?) {
                (None, _) => Some(format!("there is no {} {no}", def.noun)),
                (_, Some(contact)) => {
                    Some(format!("{} {no} already has contact {contact}", def.noun))
                }
                _ => None,
            };
            if let Some(refusal) = refusal {
                return Ok(Err(refusal));
            }
        }
        if nos.is_empty() {
            let export = seen.export.as_ref();
            let records = export.map_or(0, |export| export.records.len());
            let listed = (0..records).filter(|at| !seen.is_double(*at));
            let listed = listed.map(|at| seen.diff.keys[at]);
            let unlisted = seen.unlisted().into_iter().map(|old| seen.index.keys[old]);
            for key in listed.chain(unlisted) {
                if key == 0 || self.of_counterpart.contains_key(&tagged(key, table)) {
                    continue;
                }
                let row = seen.row(key)?;
                let no = row.as_ref().and_then(|row| row.get(0)).map(canonical);
                wanted.extend(no.filter(|no| !self.is_named_in_vain(kind, no)));
            }
        }
        wanted.sort();
        wanted.dedup();
        for no in wanted {
            let Some(row) = self.row(table, &no)? else {
                continue;
            };
            let reason = format!("{} {no} had no contact", def.noun);
            match self.contact_from(kind, &no, &row, reason)? {
                Ok(contact) => self.out.answers.push(Answer::Created {
                    table: "contacts".to_owned(),
                    no: contact,
                    from: format!("{} {no}", def.noun),
                }),
                Err(refusal) => return Ok(Err(refusal)),
            }
        }
        Ok(Ok(()))
    }

    /// Whether a relation that couples nothing names this record: somebody has meant something with it.
    fn is_named_in_vain(&self, kind: Kind, no: &str) -> bool {
        let codes = &self.scene.config.setup.codes;
        let may_mean = |relation: &Relation| match kind_of(relation, codes) {
            Ok(meant) => meant == Some(kind),
            Err(UnknownLink) => true,
        };
        let mut fresh = self.fresh.iter().map(|(_, relation)| relation);
        fresh.any(|relation| relation.no == no && may_mean(relation))
    }

    /// Whether a relation means the record that we created under this number, where its system has somebody else.
    fn is_taken_for_another(&self, kind: Kind, no: &str) -> Result<bool, StateError> {
        let is_disputed = self.is_disputed(Table::Counterparts(kind), self.key(no));
        Ok(is_disputed && !self.rows_naming(kind, no)?.is_empty())
    }

    /// A counterpart that is new gets a contact, once what that needs is there (§5.1).
    pub(super) fn welcome(&mut self, kind: Kind, no: &str) -> Result<(), StateError> {
        let table = Table::Counterparts(kind);
        let Some(row) = self.row(table, no)? else {
            return Ok(());
        };
        if self.contact_of(kind, no)?.is_some()
            || self.is_named_in_vain(kind, no)
            || self.is_taken_for_another(kind, no)?
        {
            self.unmark(Mark::Newcomer, table, no);
            return Ok(());
        }
        let speak = [table, Table::Contacts, Table::Relations]
            .iter()
            .all(|table| self.speaking(*table).is_ok());
        let reason = format!("{} {no} is new", kind.def().noun);
        let refusal = match speak {
            false => None,
            true => match self.contact_from(kind, no, &row, reason)? {
                Ok(_) => {
                    self.unmark(Mark::Newcomer, table, no);
                    return Ok(());
                }
                Err(refusal) => Some(refusal),
            },
        };
        self.mark(Mark::Newcomer, table, no, String::new());
        if let Some(refusal) = refusal {
            self.trouble(
                table,
                no,
                "no-contact-created",
                format!("it is new, and gets no contact: {refusal}"),
                "see to it, or create the contact in its own system",
            );
        }
        Ok(())
    }

    /// A contact that takes everything from its counterpart, with its relation and its primary contact (§5.1, §5.3).
    pub(super) fn contact_from(
        &mut self,
        kind: Kind,
        no: &str,
        from: &Row,
        reason: String,
    ) -> Arrangement<String> {
        let table = Table::Counterparts(kind);
        for table in [Table::Contacts, Table::Relations] {
            if let Err(refusal) = self.writable(table) {
                return Ok(Err(refusal));
            }
        }
        let contact = match self.next_contact_no()? {
            Ok(contact) => contact,
            Err(refusal) => return Ok(Err(refusal)),
        };
        let kind_of_contact = cell(table, from, CONTACT_TYPE);
        let is_person = form::caption(Form::ContactType, kind_of_contact) == Some("Person");
        let lacks_primary =
            kind.def().has_primary_contact && form::is_blank(cell(table, from, PRIMARY_CONTACT));
        let name = cell(table, from, "Contact").trim();
        let person = match lacks_primary && !is_person && !name.is_empty() {
            false => None,
            true => match self.next_contact_no()? {
                Ok(no) => Some(no),
                Err(refusal) => return Ok(Err(refusal)),
            },
        };
        if let Err(refusal) = self.relate(&contact, kind, no, reason.clone())? {
            return Ok(Err(refusal));
        }
        let mut row = self.new_row(Table::Contacts, &contact);
        self.dress(&mut row, is_person, true);
        self.out
            .masters
            .insert(self.key(&contact), FirstMeeting::Counterpart);
        self.bear(Birth {
            table: Table::Contacts,
            no: contact.clone(),
            row,
            carried: Vec::new(),
            reason,
        });
        if lacks_primary {
            if is_person {
                let name = cell(table, from, "Name").to_owned();
                self.own_cell(table, no, "Contact", name, &contact);
            }
            let primary = person.as_ref().unwrap_or(&contact).clone();
            self.own_cell(table, no, PRIMARY_CONTACT, primary, &contact);
        }
        if let Some(person) = person {
            self.bear_person(&person, &contact, name);
        }
        Ok(Ok(contact))
    }

    /// A person of a company, which takes over what persons inherit (§5.3, §5.4).
    pub(super) fn person_of(&mut self, company: &str, name: &str) -> Arrangement<String> {
        Ok(match self.next_contact_no()? {
            Ok(no) => {
                self.bear_person(&no, company, name);
                Ok(no)
            }
            Err(refusal) => Err(refusal),
        })
    }

    fn bear_person(&mut self, no: &str, company: &str, name: &str) {
        let mut row = self.new_row(Table::Contacts, no);
        set(Table::Contacts, &mut row, "Name", name);
        set(Table::Contacts, &mut row, "Company No.", company);
        self.dress(&mut row, true, false);
        self.bear(Birth {
            table: Table::Contacts,
            no: no.to_owned(),
            row,
            carried: Vec::new(),
            reason: format!("it is the primary contact of {company}"),
        });
    }

    /// Type and defaults of a new contact (§1.1). One that is made from a counterpart gets no default but its company's
    /// salutation.
    fn dress(&self, row: &mut Row, is_person: bool, skip_defaults: bool) {
        let defaults = &self.scene.config.setup.defaults;
        let table = Table::Contacts;
        let fill = |row: &mut Row, column: &str, value: &str| {
            if form::is_blank(cell(table, row, column)) {
                set(table, row, column, value);
            }
        };
        fill(row, "Type", if is_person { "Person" } else { "Company" });
        if !is_person {
            let no = cell(table, row, "No.").to_owned();
            fill(row, "Company No.", &no);
            fill(row, "Salutation Code", &defaults.company_salutation);
        }
        if skip_defaults {
            return;
        }
        if is_person {
            fill(row, "Salutation Code", &defaults.person_salutation);
        }
        fill(row, "Salesperson Code", &defaults.user_salesperson);
        for (field, value) in &defaults.fields {
            fill(row, field, value);
        }
    }

    pub(super) fn own_cell(
        &mut self,
        table: Table,
        no: &str,
        column: &'static str,
        value: String,
        contact: &str,
    ) {
        self.out.cells.push(OwnCell {
            table,
            no: no.to_owned(),
            column,
            value,
            rule: Rule::PrimaryContact,
            contact: contact.to_owned(),
        });
    }

    /// A contact that begins alone: with defaults, and with what it is given (§1.1). A person of a company takes over what
    /// persons inherit (§7.1).
    pub(super) fn create_contact(
        &mut self,
        company: Option<&str>,
        person: bool,
        values: &[(String, String)],
    ) -> Arrangement {
        if let Err(refusal) = self.writable(Table::Contacts) {
            return Ok(Err(refusal));
        }
        let mut checked = self.new_row(Table::Contacts, "");
        for (field, value) in values {
            if let Err(refusal) = self.enter(&mut checked, field, value) {
                return Ok(Err(refusal));
            }
        }
        let entered =
            Some(cell(Table::Contacts, &checked, "Company No.")).filter(|no| !no.is_empty());
        let company = company.or(entered).map(canonical);
        let kind_of_contact =
            form::caption(Form::ContactType, cell(Table::Contacts, &checked, "Type"));
        let person = person || company.is_some() || kind_of_contact == Some("Person");
        if person && kind_of_contact == Some("Company") {
            return Ok(Err(
                "a contact that belongs to a company, or is to be a person, is not of Type Company"
                    .to_owned(),
            ));
        }
        if let Some(company) = &company {
            match self.row(Table::Contacts, company)? {
                None => return Ok(Err(format!("there is no contact {company}"))),
                Some(row) if is_person(&row) => {
                    return Ok(Err(format!("contact {company} is a person, not a company")));
                }
                Some(_) => {}
            }
        }
        let no = match self.next_contact_no()? {
            Ok(no) => no,
            Err(refusal) => return Ok(Err(refusal)),
        };
        let mut row = self.new_row(Table::Contacts, &no);
        for (column, value) in checked.cells().enumerate().skip(1) {
            if let Some(value) = value.filter(|value| !form::is_blank(value)) {
                row.put(column, value);
            }
        }
        if let Some(company) = &company {
            set(Table::Contacts, &mut row, "Company No.", company);
        }
        self.dress(&mut row, person, false);
        self.bear(Birth {
            table: Table::Contacts,
            no: no.clone(),
            row,
            carried: Vec::new(),
            reason: "somebody asked for it".to_owned(),
        });
        self.out.answers.push(Answer::Created {
            table: "contacts".to_owned(),
            no,
            from: company.map_or_else(|| "nothing".to_owned(), |no| format!("company {no}")),
        });
        Ok(Ok(()))
    }

    /// A value that somebody enters: for a column that the export has, checked (§12).
    fn enter(&self, row: &mut Row, field: &str, value: &str) -> Result<(), String> {
        let table = Table::Contacts;
        let known = table
            .columns()
            .iter()
            .position(|column| crate::exports::fold(column.name) == crate::exports::fold(field));
        let Some(column) = known.filter(|column| *column > 0 && row.get(*column).is_some()) else {
            return Err(format!(
                "contacts have no column {field:?} that can be entered"
            ));
        };
        let def = &table.columns()[column];
        crate::merge::validation::validate(def.name, value)
            .map_err(|invalid| format!("{} of the contact: {invalid}", def.name))?;
        let length = self
            .seen(table)
            .and_then(|seen| seen.export.as_ref())
            .map_or(def.length, |export| export.length_of(column).0);
        if value.chars().count() > length {
            return Err(format!(
                "{} holds {length} characters, and this value has {}",
                def.name,
                value.chars().count()
            ));
        }
        let value = match def.form {
            Form::Boolean | Form::ContactType => form::caption(def.form, value)
                .ok_or_else(|| format!("{value:?} is no value of {}", def.name))?
                .to_owned(),
            Form::Code => canonical(value),
            Form::Text => value.to_owned(),
        };
        row.set(column, Some(value));
        Ok(())
    }
}
