//! The primary contact of a counterpart: a person whose company is, or becomes, the counterpart's contact
//! (`business-central.md` §5.4, §6, §6.1).

use crate::config::CreateContacts;
use crate::merge::Rule;
use crate::model::{CONTACT_TYPE, FieldId, Form, Kind, Row, Table, form};
use crate::state::StateError;
use crate::state::queries::SentValue;
use crate::sync::couple::PRIMARY_CONTACT;

use super::{Arrangement, Arranger, canonical, cell, is_person};

/// A counterpart whose primary contact changed, or in which somebody typed a contact's name.
#[derive(Clone, Debug)]
pub(super) struct Moved {
    kind: Kind,
    no: String,
    /// The number that the record shows now; blank where only a name was typed.
    primary: String,
    /// The name that was typed, where it is to become a person.
    typed: Option<String>,
    /// Somebody cleared the number.
    is_cleared: bool,
    /// Somebody changed the name in the same edit: it is theirs.
    named: bool,
    is_new: bool,
    /// The record comes back with it: nobody has chosen it now.
    is_returned: bool,
}

/// What became of the primary contact of a record.
pub(super) fn moved(
    table: Table,
    no: &str,
    row: &Row,
    base: Option<&Row>,
    is_returned: bool,
    sent: &[SentValue],
) -> Option<Moved> {
    let Table::Counterparts(kind) = table else {
        return None;
    };
    let text = |row: &Row, column: &str| cell(table, row, column).trim().to_owned();
    // What an export lacked is unknown: a column that appears says nothing new.
    let before = |column: &str| {
        let known = base.and_then(|base| base.get(table.column(column)?));
        known.map(|known| known.trim().to_owned())
    };
    let was_blank = |column: &str| before(column).is_some_and(|known| known.is_empty());
    let primary = canonical(&text(row, PRIMARY_CONTACT));
    let name = text(row, "Contact");
    let is_new = base.is_none();
    let is_person =
        form::caption(Form::ContactType, cell(table, row, CONTACT_TYPE)) == Some("Person");
    let is_another = || match before(PRIMARY_CONTACT) {
        Some(known) => canonical(&known) != primary,
        None => is_new,
    };
    // That an update of ours is imported is nobody's choice.
    let is_ours = |column: &str, form: Form, shown: &str| {
        let mut in_flight = sent.iter().filter(|value| !value.sent.acknowledged);
        in_flight.any(|value| value.field == column && form::same(form, &value.sent.value, shown))
    };
    let changed =
        !primary.is_empty() && is_another() && !is_ours(PRIMARY_CONTACT, Form::Code, &primary);
    let typed = primary.is_empty()
        && was_blank(PRIMARY_CONTACT)
        && was_blank("Contact")
        && !name.is_empty()
        && !is_ours("Contact", Form::Text, &name)
        && !is_person;
    let is_cleared = primary.is_empty()
        && before(PRIMARY_CONTACT).is_some_and(|known| !known.is_empty())
        && !is_ours(PRIMARY_CONTACT, Form::Code, "");
    (changed && !is_person || typed || is_cleared).then(|| Moved {
        kind,
        no: no.to_owned(),
        primary,
        typed: typed.then(|| name.clone()),
        is_cleared,
        named: !name.is_empty()
            && before("Contact").is_none_or(|known| known != name)
            && !is_ours("Contact", Form::Text, &name),
        is_new,
        is_returned,
    })
}

impl Moved {
    /// Whether the name beside the primary contact that was chosen in this record is not that one's yet.
    pub(super) fn lacks_name(&self, kind: Kind, no: &str) -> bool {
        (self.kind, self.no.as_str()) == (kind, no) && !self.primary.is_empty() && !self.named
    }

    /// The record whose primary contact somebody chose or cleared; `None` where the record itself comes back with it.
    pub(super) fn decided(&self) -> Option<(Table, &str)> {
        let is_decided = !self.is_returned && self.typed.is_none();
        is_decided.then_some((Table::Counterparts(self.kind), self.no.as_str()))
    }
}

impl Arranger<'_, '_, '_> {
    /// Finds or restores the relation that a primary contact stands for, or says why it cannot be the primary contact.
    pub(super) fn follow_primary(&mut self, moved: &Moved) -> Result<(), StateError> {
        let table = Table::Counterparts(moved.kind);
        if moved.is_cleared {
            return self.withdraw_name(table, &moved.no);
        }
        let result = match &moved.typed {
            Some(name) => self.typed_name(moved, name)?,
            None => self.find_or_restore(moved)?,
        };
        if let Err(refusal) = result {
            let kept = self.out.troubled.entry((table, moved.no.clone()));
            kept.or_default().extend([PRIMARY_CONTACT, "Contact"]);
            self.trouble(
                table,
                &moved.no,
                "primary-contact",
                refusal,
                "choose another primary contact, or link the records first",
            );
        }
        Ok(())
    }

    /// Whether the primary contact of a record goes in this pass, which takes it off there: nothing is left to follow.
    fn has_left(&self, table: Table, no: &str) -> bool {
        self.out.cells.iter().any(|cell| {
            (cell.table, cell.no.as_str(), cell.column) == (table, no, PRIMARY_CONTACT)
                && cell.value.is_empty()
        })
    }

    /// The name that is on its way to a record whose number somebody has cleared since would stand there alone.
    fn withdraw_name(&mut self, table: Table, no: &str) -> Result<(), StateError> {
        let (shown, to_come) = (self.row(table, no)?, self.row_to_come(table, no)?);
        let Some((shown, to_come)) = shown.zip(to_come) else {
            return Ok(());
        };
        if cell(table, &shown, "Contact") != cell(table, &to_come, "Contact") {
            self.own_cell(table, no, "Contact", String::new(), "");
        }
        Ok(())
    }

    /// Who types a name where there was none gets a person of that name (§5.4).
    fn typed_name(&mut self, moved: &Moved, name: &str) -> Arrangement {
        let creates = self.scene.config.setup.create_contacts != CreateContacts::Never
            && self.scene.config.setup.contact_nos.is_some();
        let company = self.contact_of(moved.kind, &moved.no)?;
        let (true, Some(company)) = (creates, company) else {
            return Ok(Ok(()));
        };
        if let Err(refusal) = self.speaking(Table::Contacts) {
            return Ok(Err(refusal));
        }
        if self
            .row(Table::Contacts, &company)?
            .is_none_or(|row| is_person(&row))
            || self.writable(Table::Contacts).is_err()
        {
            return Ok(Ok(()));
        }
        Ok(match self.person_of(&company, name)? {
            Ok(person) => {
                let table = Table::Counterparts(moved.kind);
                self.own_cell(table, &moved.no, PRIMARY_CONTACT, person, &company);
                Ok(())
            }
            Err(refusal) => Err(refusal),
        })
    }

    fn find_or_restore(&mut self, moved: &Moved) -> Arrangement {
        let (kind, no, primary) = (moved.kind, &moved.no, &moved.primary);
        let noun = kind.def().noun;
        let table = Table::Counterparts(kind);
        // Who stands twice has the name that it had before.
        let Some(person) = self.known(Table::Contacts, primary)? else {
            if self.has_left(table, no) {
                return Ok(Ok(()));
            }
            let exists = self.seen(Table::Contacts);
            let exists = exists.is_some_and(|seen| seen.exists(self.key(primary)));
            return Ok(Err(match exists {
                true => format!("contact {primary}, its primary contact, cannot be read yet"),
                false => format!("there is no contact {primary}, its primary contact"),
            }));
        };
        let company = match self.company_of(&person)? {
            Some(company) => Some(company),
            None => (!is_person(&person)).then(|| primary.clone()),
        };
        match (self.contact_of(kind, no)?, company) {
            (Some(linked), company) => {
                if company.as_ref() != Some(&linked) {
                    return Ok(Err(format!(
                        "contact {primary} is not related to {noun} {no}, which belongs to {linked}"
                    )));
                }
            }
            // What it was related to has been given back, as far as that was free.
            (None, _) if moved.is_returned => {}
            (None, None) => {
                if self.scene.config.setup.create_contacts == CreateContacts::Never {
                    return Ok(Err(format!(
                        "contact {primary} has no company, and `create_contacts` is \"never\""
                    )));
                }
                // A person without a company joins the one that is made from the counterpart.
                let Some(row) = self.row(table, no)? else {
                    return Ok(Ok(()));
                };
                let reason = format!("contact {primary} is the primary contact of {noun} {no}");
                let company = match self.contact_from(kind, no, &row, reason)? {
                    Ok(company) => company,
                    Err(refusal) => return Ok(Err(refusal)),
                };
                let key = self.concern(primary);
                if let Some(field) = FieldId::named("Company No.") {
                    self.out.given.entry(key).or_default().push((
                        field,
                        company,
                        Rule::PrimaryContact,
                    ));
                }
            }
            (None, Some(company)) if is_person(&person) => {
                if self.row(Table::Contacts, &company)?.is_none() {
                    return Ok(Err(format!(
                        "there is no contact {company}, the company of {primary}"
                    )));
                }
                if let Some(other) = self.counterpart_of(&company, kind)? {
                    return Ok(Err(format!(
                        "contact {company}, the company of {primary}, is already related to {noun} {other}"
                    )));
                }
                let reason = format!("contact {primary} is the primary contact of {noun} {no}");
                if let Err(refusal) = self.relate(&company, kind, no, reason)? {
                    return Ok(Err(refusal));
                }
                self.concern(&company);
            }
            (None, Some(company)) => {
                if !moved.is_new {
                    return Ok(Err(format!(
                        "contact {company} is not related to {noun} {no}"
                    )));
                }
            }
        }
        if is_person(&person) && !moved.named {
            let name = cell(Table::Contacts, &person, "Name").to_owned();
            self.own_cell(table, no, "Contact", name, primary);
        }
        Ok(Ok(()))
    }
}
