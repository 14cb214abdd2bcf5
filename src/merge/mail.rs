//! Whom an e-mail message is logged on (`business-central.md` §10.4).

use crate::model::Flag;
use crate::model::InteractionLogEntry;

use super::interaction::EMAIL;

/// An e-mail message, as far as it is logged.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Message {
    /// Its sender's address.
    pub from: String,
    /// The addresses that it went to.
    pub to: Vec<String>,
    /// Its subject.
    pub subject: String,
    /// The day on which it was sent, ISO 8601; blank where it is not known.
    pub date: String,
    /// The time of that day.
    pub time: String,
    /// Whether it was not sent yet.
    pub is_draft: bool,
}

impl Message {
    /// Every address in it.
    pub fn addresses(&self) -> impl Iterator<Item = &str> {
        std::iter::once(&self.from)
            .chain(&self.to)
            .map(String::as_str)
    }
}

/// An address as it is compared: Business Central's Search E-Mail.
pub fn search_e_mail(address: &str) -> String {
    address.trim().to_uppercase()
}

/// One entry for each pair of a salesperson and a contact that it went between: its contact's number and what it says.
/// `salesperson` and `contact` say whose an address is.
pub fn entries(
    message: &Message,
    salesperson: &dyn Fn(&str) -> Option<String>,
    contact: &dyn Fn(&str) -> Option<String>,
) -> Vec<InteractionLogEntry> {
    let mut drafts = Vec::new();
    let mut log = |contact: String, salesperson: String, via: &str, is_outbound: bool| {
        let (flow, by) = match is_outbound {
            true => ("Outbound", "Us"),
            false => ("Inbound", "Them"),
        };
        let draft = InteractionLogEntry {
            contact_no: contact,
            salesperson,
            date: message.date.clone(),
            time_of_interaction: message.time.clone(),
            description: message.subject.chars().take(100).collect(),
            subject: message.subject.chars().take(250).collect(),
            information_flow: flow.to_owned(),
            initiated_by: by.to_owned(),
            correspondence_type: EMAIL.to_owned(),
            contact_via: via.to_owned(),
            e_mail_logged: Flag::Yes,
            ..InteractionLogEntry::default()
        };
        // Somebody who stands twice among the recipients got one message.
        if !drafts.contains(&draft) {
            drafts.push(draft);
        }
    };
    if let Some(sender) = salesperson(&message.from) {
        for to in &message.to {
            if let Some(contact) = contact(to) {
                log(contact, sender.clone(), to, true);
            }
        }
    } else if let Some(sender) = contact(&message.from) {
        for to in &message.to {
            if let Some(salesperson) = salesperson(to) {
                log(sender.clone(), salesperson, &message.from, false);
            }
        }
    }
    drafts
}

#[cfg(test)]
mod tests {
    use super::*;

    fn logged(from: &str, to: &[&str]) -> Vec<(String, String, String)> {
        let message = Message {
            from: from.to_owned(),
            to: to.iter().map(|to| (*to).to_owned()).collect(),
            ..Message::default()
        };
        let salesperson = |address: &str| address.strip_prefix("sp").map(|no| format!("SP{no}"));
        let contact = |address: &str| address.strip_prefix("ct").map(|no| format!("CT{no}"));
        let entries = entries(&message, &salesperson, &contact).into_iter();
        entries
            .map(|entry| (entry.contact_no, entry.salesperson, entry.information_flow))
            .collect()
    }

    #[test]
    fn who_gets_an_entry_is_this_table() {
        let pair = |contact: &str, salesperson: &str, flow: &str| {
            (contact.to_owned(), salesperson.to_owned(), flow.to_owned())
        };
        assert_eq!(
            logged("ct1", &["sp1", "sp2"]),
            [pair("CT1", "SP1", "Inbound"), pair("CT1", "SP2", "Inbound")]
        );
        assert_eq!(
            logged("sp1", &["ct1", "ct2", "nobody", "ct1"]),
            [
                pair("CT1", "SP1", "Outbound"),
                pair("CT2", "SP1", "Outbound")
            ]
        );
        assert_eq!(logged("sp1", &["sp2"]), []);
        assert_eq!(logged("ct1", &["ct2"]), []);
        assert_eq!(logged("nobody", &["sp1", "ct1"]), []);
        assert_eq!(logged("sp1", &[]), []);
    }
}
