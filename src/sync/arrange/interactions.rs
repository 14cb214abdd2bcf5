//! Interactions that are logged by hand, and those that events become: on whom, from which template (`business-central.md` §10).

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::merge::interaction::shortened;
use crate::merge::interaction::{
    AccountOf, CALLS, ContactCard, DocumentType, E_MAILS, NotLogged, evaluation, fill,
};
use crate::merge::mail::{self, Message, search_e_mail};
use crate::model::{Flag, InteractionLogEntry, Kind, Lookup, Row, Table, form};
use crate::state::StateError;
use crate::sync::dates;
use crate::sync::observe::events::{Event, Fate, News, What};
use crate::sync::observe::lookups::LogLookups;

use super::orders::{Amendment, Manual};
use super::{Answer, Arrangement, Arranger, canonical, cell};

/// What events need to find their contacts.
#[derive(Default)]
struct Contacts {
    cards: HashMap<String, Option<ContactCard>>,
    by_account: HashMap<(AccountOf, String), Option<String>>,
    by_e_mail: BTreeMap<String, String>,
}

impl Arranger<'_, '_, '_> {
    /// Logs what others did; contacts that this pass creates are found.
    pub(super) fn log_events(&mut self, news: &[News]) -> Result<(), StateError> {
        let Some(lookups) = self.scene.lookups else {
            return Ok(());
        };
        let mut contacts = Contacts {
            by_e_mail: self.contacts_by_e_mail(news, lookups)?,
            ..Contacts::default()
        };
        for piece in news {
            let fate = match &piece.what {
                What::Event(event) => self.log_event(event, lookups, &mut contacts)?,
                What::Message(message) => self.log_message(message, lookups, &mut contacts)?,
            };
            self.out.fates.push(fate);
        }
        Ok(())
    }

    fn log_event(
        &mut self,
        event: &Event,
        lookups: &LogLookups,
        contacts: &mut Contacts,
    ) -> Result<Fate, StateError> {
        if event.accounts.is_empty() {
            return Ok(Fate::Unlogged("\"Log Interaction\" is No".to_owned()));
        }
        let templates = match &lookups.templates {
            Ok(templates) => templates,
            Err(reason) => return Ok(wrong_lookup(reason)),
        };
        let template = match templates.of_document(event.kind) {
            Ok(template) => template,
            Err(reason) => return Ok(reason.into()),
        };
        let Some((of, no)) = event.accounts.first() else {
            return Ok(Fate::Logged);
        };
        let Some(contact) = self.contact_of_account(*of, no, contacts)? else {
            return Ok(Fate::Waits(match of {
                AccountOf::Contact => format!("there is no contact {no}"),
                AccountOf::Counterpart(table) => {
                    let noun = Table::named(table).map_or("record", Table::noun);
                    format!("{noun} {no} has no contact")
                }
            }));
        };
        let Some(card) = self.card(&contact, contacts)? else {
            return Ok(Fate::Waits(format!("there is no contact {contact}")));
        };
        let mut entry = event.entry.clone();
        if *of == AccountOf::Contact && entry.salesperson.is_empty() {
            entry.salesperson.clone_from(&card.salesperson);
        }
        if let Err(reason) = fill(&mut entry, template, &card, event.delivers) {
            return Ok(reason.into());
        }
        self.keep(entry);
        Ok(Fate::Logged)
    }

    fn log_message(
        &mut self,
        message: &Message,
        lookups: &LogLookups,
        contacts: &mut Contacts,
    ) -> Result<Fate, StateError> {
        if message.is_draft {
            return Ok(Fate::Waits("it is a draft".to_owned()));
        }
        let salespeople = match &lookups.salespeople {
            Ok(Some(salespeople)) => salespeople,
            Ok(None) => {
                return Ok(Fate::Wrong(
                    "[tables.salespeople] is not configured, so nobody knows which addresses are ours".to_owned(),
                    "configure the export of salespeople".to_owned(),
                ));
            }
            Err(reason) => return Ok(wrong_lookup(reason)),
        };
        let template = match &lookups.templates {
            Ok(templates) => {
                let kind = DocumentType::named(E_MAILS);
                match kind.map(|kind| templates.of_document(kind)) {
                    Some(Ok(template)) => template,
                    Some(Err(reason)) => return Ok(reason.into()),
                    None => return Ok(Fate::Logged),
                }
            }
            Err(reason) => return Ok(wrong_lookup(reason)),
        };
        if let Err(reason) = &lookups.other_addresses {
            return Ok(wrong_lookup(reason));
        }
        let salesperson = |address: &str| {
            let of_ours = salespeople.by_e_mail.get(&search_e_mail(address));
            of_ours.cloned()
        };
        let contact = |address: &str| contacts.by_e_mail.get(&search_e_mail(address)).cloned();
        let drafts = mail::entries(message, &salesperson, &contact);
        if drafts.is_empty() {
            let reason = "it did not go between a salesperson and a contact";
            return Ok(Fate::Unlogged(reason.to_owned()));
        }
        for mut entry in drafts {
            let Some(card) = self.card(&entry.contact_no.clone(), contacts)? else {
                continue;
            };
            // Whose address it is has been seen, so the correspondence type stands.
            if let Err(reason) = fill(&mut entry, template, &card, false) {
                return Ok(reason.into());
            }
            self.keep(entry);
        }
        Ok(Fate::Logged)
    }

    /// Contacts by the addresses in messages, the one with the lowest number first; a contact's own address before another one of
    /// its (§10.4). Nothing is looked up where there are no messages.
    fn contacts_by_e_mail(
        &self,
        news: &[News],
        lookups: &LogLookups,
    ) -> Result<BTreeMap<String, String>, StateError> {
        let messages = news.iter().filter_map(|news| match &news.what {
            What::Message(message) => Some(message),
            What::Event(_) => None,
        });
        let wanted: BTreeSet<String> = messages
            .flat_map(|message| message.addresses().map(search_e_mail).collect::<Vec<_>>())
            .filter(|address| !address.is_empty())
            .collect();
        let mut found: BTreeMap<String, String> = BTreeMap::new();
        let Some(seen) = self.seen(Table::Contacts).filter(|_| !wanted.is_empty()) else {
            return Ok(found);
        };
        let Some(column) = Table::Contacts.column("E-Mail") else {
            return Ok(found);
        };
        let mut note = |row: &Row| {
            let no = canonical(row.get(0).unwrap_or_default());
            for address in row.get(column).unwrap_or_default().split(';') {
                let address = search_e_mail(address);
                if wanted.contains(&address) {
                    let known = found.entry(address).or_insert_with(|| no.clone());
                    if no < *known {
                        known.clone_from(&no);
                    }
                }
            }
        };
        if let Some(export) = &seen.export {
            for at in 0..export.records.len() {
                if let Ok(record) = export.record(at) {
                    note(record.row());
                }
            }
        }
        // Who is not listed is as it was.
        let as_before = match &seen.export {
            Some(_) => seen.unlisted(),
            None => (0..seen.index.len()).collect(),
        };
        for at in as_before {
            if let Some(row) = seen.rows.get(seen.index.row(at))? {
                note(&row);
            }
        }
        for (address, contact) in lookups.other_addresses.iter().flatten() {
            if wanted.contains(address) {
                found
                    .entry(address.clone())
                    .or_insert_with(|| contact.clone());
            }
        }
        Ok(found)
    }

    fn contact_of_account(
        &self,
        of: AccountOf,
        no: &str,
        contacts: &mut Contacts,
    ) -> Result<Option<String>, StateError> {
        let AccountOf::Counterpart(table) = of else {
            return Ok(Some(no.to_owned()));
        };
        if let Some(known) = contacts.by_account.get(&(of, no.to_owned())) {
            return Ok(known.clone());
        }
        let kind = Kind::all().find(|kind| kind.def().table == table);
        let contact = match kind {
            Some(kind) => self.contact_of(kind, no)?,
            None => None,
        };
        contacts
            .by_account
            .insert((of, no.to_owned()), contact.clone());
        Ok(contact)
    }

    fn card(
        &self,
        contact: &str,
        contacts: &mut Contacts,
    ) -> Result<Option<ContactCard>, StateError> {
        if let Some(known) = contacts.cards.get(contact) {
            return Ok(known.clone());
        }
        let row = self.any_row(Table::Contacts, contact)?;
        let card = row.map(|row| card(&row, contact));
        contacts.cards.insert(contact.to_owned(), card.clone());
        Ok(card)
    }

    /// The entry is the next one. What has no user gets ours: an entry without one would be taken for the pass's own.
    pub(super) fn keep(&mut self, mut entry: InteractionLogEntry) -> u64 {
        if entry.user_id.is_empty() {
            entry
                .user_id
                .clone_from(&self.scene.config.interactions.user);
        }
        entry.description = shortened(&entry.description, 100);
        self.out.interactions.push(entry);
        self.scene.last_interaction + self.out.interactions.len() as u64
    }

    /// An interaction that somebody enters: what must be filled is, and what is named exists (§10.4).
    pub(super) fn log(&mut self, manual: &Manual) -> Arrangement {
        let contact = canonical(&manual.entry.contact_no);
        let entry = match self.entered(&contact, manual)? {
            Ok(entry) => entry,
            Err(refusal) => return Ok(Err(refusal)),
        };
        let entry_no = self.keep(entry);
        self.out.answers.push(Answer::Logged { entry_no, contact });
        Ok(Ok(()))
    }

    fn entered(&mut self, contact: &str, manual: &Manual) -> Arrangement<InteractionLogEntry> {
        let must = |field: &str| Ok(Err(format!("{field} must be filled")));
        let Some(lookups) = self.scene.lookups else {
            return Ok(Err("nothing was read to log interactions with".to_owned()));
        };
        if contact.is_empty() {
            return must("Contact No.");
        }
        let Some(row) = self.any_row(Table::Contacts, contact)? else {
            return Ok(Err(format!("there is no contact {contact}")));
        };
        let card = card(&row, contact);
        let mut entry = manual.entry.clone();
        entry.postponed = Flag::from(manual.is_postponed);
        let templates = match &lookups.templates {
            Ok(templates) => templates,
            Err(reason) => return Ok(Err(reason.clone())),
        };
        let mut code = canonical(&entry.interaction_template);
        if manual.is_call && code.is_empty() {
            code = templates.setup.get(CALLS).cloned().unwrap_or_default();
        }
        if code.is_empty() && !manual.is_postponed {
            return must("Interaction Template");
        }
        let table = Table::Lookup(Lookup::InteractionTemplates);
        let template = match templates.by_code.get(&code) {
            Some(template) => template.clone(),
            None if code.is_empty() => Default::default(),
            None if self.scene.config.table(table).is_none() => {
                return Ok(Err(format!("[tables.{table}] is not configured")));
            }
            None => return Ok(Err(format!("there is no interaction template {code}"))),
        };
        entry.salesperson = canonical(&entry.salesperson);
        if entry.salesperson.is_empty() {
            let of_user = &self.scene.config.setup.defaults.user_salesperson;
            entry.salesperson = match of_user.is_empty() {
                true => card.salesperson.clone(),
                false => of_user.clone(),
            };
        }
        if let Err(refusal) = lookups.knows_salesperson(&entry.salesperson) {
            return Ok(Err(refusal));
        }
        if manual.is_call && form::is_blank(&entry.contact_via) {
            cell(Table::Contacts, &row, "Phone No.").clone_into(&mut entry.contact_via);
        }
        if let Err(refusal) = readable(&mut entry) {
            return Ok(Err(refusal));
        }
        let is_blank = [
            ("Salesperson Code", form::is_blank(&entry.salesperson)),
            ("Date", form::is_blank(&entry.date)),
            (
                "Phone No.",
                manual.is_call && form::is_blank(&entry.contact_via),
            ),
            (
                "Description",
                form::is_blank(&entry.description)
                    && (manual.is_call || form::is_blank(&template.description)),
            ),
        ];
        if let Some((field, _)) = is_blank
            .into_iter()
            .find(|(_, is_blank)| *is_blank && !manual.is_postponed)
        {
            return must(field);
        }
        Ok(fill(&mut entry, &template, &card, false)
            .map(|()| entry)
            .map_err(NotLogged::reason))
    }

    /// An entry is cancelled, evaluated or resumed: an entry that names it says how it is now.
    pub(super) fn amend(&mut self, entry_no: u64, how: &Amendment) -> Arrangement {
        let Some(mut entry) = self.scene.store.current_interaction(entry_no)? else {
            return Ok(Err(format!("there is no interaction {entry_no}")));
        };
        let mut earlier = self.out.interactions.iter();
        if let Some(changed) = earlier.rfind(|earlier| earlier.changes_entry_no == entry_no) {
            entry = changed.clone();
        }
        match how {
            Amendment::Cancel(is_canceled) => {
                if entry.canceled == Flag::from(*is_canceled) {
                    let is = if *is_canceled { "already" } else { "not" };
                    return Ok(Err(format!("interaction {entry_no} is {is} cancelled")));
                }
                entry.canceled = Flag::from(*is_canceled);
            }
            Amendment::Evaluate(word) => match evaluation(word) {
                Some(known) => known.clone_into(&mut entry.evaluation),
                None => return Ok(Err(no_evaluation(word))),
            },
            Amendment::Resume(manual) => {
                if entry.postponed == Flag::No {
                    return Ok(Err(format!("interaction {entry_no} was not postponed")));
                }
                let mut resumed = manual.clone();
                resumed.entry = over(&entry, &manual.entry);
                let contact = canonical(&resumed.entry.contact_no);
                entry = match self.entered(&contact, &resumed)? {
                    Ok(entry) => entry,
                    Err(refusal) => return Ok(Err(refusal)),
                };
            }
        }
        entry.changes_entry_no = entry_no;
        let contact = entry.contact_no.clone();
        self.keep(entry);
        self.out.answers.push(Answer::Amended { entry_no, contact });
        Ok(Ok(()))
    }
}

/// What is filled in `new` takes the place of what `old` says.
fn over(old: &InteractionLogEntry, new: &InteractionLogEntry) -> InteractionLogEntry {
    let or = |new: &String, old: &String| match form::is_blank(new) {
        true => old.clone(),
        false => new.clone(),
    };
    InteractionLogEntry {
        contact_no: or(&new.contact_no, &old.contact_no),
        interaction_template: or(&new.interaction_template, &old.interaction_template),
        salesperson: or(&new.salesperson, &old.salesperson),
        date: or(&new.date, &old.date),
        time_of_interaction: or(&new.time_of_interaction, &old.time_of_interaction),
        description: or(&new.description, &old.description),
        subject: or(&new.subject, &old.subject),
        cost: or(&new.cost, &old.cost),
        duration: or(&new.duration, &old.duration),
        evaluation: or(&new.evaluation, &old.evaluation),
        contact_via: or(&new.contact_via, &old.contact_via),
        campaign_no: or(&new.campaign_no, &old.campaign_no),
        opportunity_no: or(&new.opportunity_no, &old.opportunity_no),
        attempt_failed: new.attempt_failed,
        ..old.clone()
    }
}

/// Date, time, evaluation, cost and duration that somebody entered, as the log writes them.
fn readable(entry: &mut InteractionLogEntry) -> Result<(), String> {
    for code in [&mut entry.campaign_no, &mut entry.opportunity_no] {
        *code = canonical(code);
    }
    if !form::is_blank(&entry.date) {
        let time = match entry.time_of_interaction.trim() {
            text if text.find(':') == Some(1) => format!("0{text}"),
            text => text.to_owned(),
        };
        if !time.is_empty() && time.parse::<jiff::civil::Time>().is_err() {
            return Err(format!("{time:?} is no time: write 14:05"));
        }
        let Some(at) = dates::modified(None, Some(&entry.date), Some(&time), None) else {
            return Err(format!("{:?} is no date: write 2026-11-23", entry.date));
        };
        entry.date = at.strftime("%Y-%m-%d").to_string();
        if !time.is_empty() {
            entry.time_of_interaction = at.strftime("%H:%M:%S").to_string();
        }
    }
    match evaluation(&entry.evaluation) {
        Some(known) => entry.evaluation = known.to_owned(),
        None => return Err(no_evaluation(&entry.evaluation)),
    }
    for (field, value) in [
        ("Cost (LCY)", &entry.cost),
        ("Duration (Min.)", &entry.duration),
    ] {
        let is_number = value.parse::<f64>().is_ok_and(f64::is_finite);
        if !value.is_empty() && !is_number {
            return Err(format!("{field} {value:?} is no number: write 12.5"));
        }
    }
    Ok(())
}

fn no_evaluation(word: &str) -> String {
    format!(
        "{word:?} is no evaluation: say Very Positive, Positive, Neutral, Negative or Very Negative"
    )
}

fn wrong_lookup(reason: &str) -> Fate {
    Fate::Wrong(
        reason.to_owned(),
        "see to that file; then the event is logged".to_owned(),
    )
}

pub(super) fn card(row: &Row, no: &str) -> ContactCard {
    let text = |name: &str| cell(Table::Contacts, row, name);
    ContactCard {
        no: no.to_owned(),
        company: canonical(text("Company No.")),
        has_e_mail: !form::is_blank(text("E-Mail")),
        correspondence: form::option(text("Correspondence Type")).into_owned(),
        salesperson: canonical(text("Salesperson Code")),
    }
}
