//! E-mail messages as files (`.eml`): who wrote to whom, when, and under which number.

use std::path::Path;

use mail_parser::{Address, MessageParser};
use xxhash_rust::xxh3::xxh3_128;

use crate::disk::Disk;
use crate::merge::mail::Message;

use super::events::halves;

/// A message that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mail {
    /// Its Internet Message ID, or what stands for it where it has none.
    pub id: String,
    /// What it says of itself.
    pub message: Message,
}

impl Mail {
    /// What tells it from others, be it read from a file or from a row.
    pub fn print(&self) -> [u64; 2] {
        print_of(&self.id)
    }
}

/// What tells the message of this number from others.
pub fn print_of(id: &str) -> [u64; 2] {
    let id = id.trim().trim_matches(['<', '>']);
    halves(xxh3_128(format!("mail\u{1f}{id}").as_bytes()))
}

/// More of a message than its beginning is not read: its text and attachments are nobody's concern.
const HEAD: u64 = 1 << 20;

/// Reads a message.
///
/// # Errors
/// Why it cannot be read, as a sentence.
pub fn read(disk: &dyn Disk, path: &Path) -> Result<Mail, String> {
    let (source, identity) = disk
        .open(path)
        .map_err(|error| format!("it cannot be read: {error}"))?;
    let mut head = vec![0; identity.size.min(HEAD) as usize];
    let mut done = 0;
    while done < head.len() {
        match source.read_at(&mut head[done..], done as u64) {
            Ok(0) => break,
            Ok(count) => done += count,
            Err(error) => return Err(format!("it cannot be read: {error}")),
        }
    }
    head.truncate(done);
    parse(&head).ok_or_else(|| "it is no e-mail message".to_owned())
}

fn parse(bytes: &[u8]) -> Option<Mail> {
    let parsed = MessageParser::new().parse_headers(bytes)?;
    let listed = |address: Option<&Address<'_>>| -> Vec<String> {
        let of_it = address
            .into_iter()
            .flat_map(|address| address.clone().into_list());
        of_it
            .filter_map(|address| address.address.map(|address| address.trim().to_owned()))
            .collect()
    };
    let mut to = listed(parsed.to());
    to.extend(listed(parsed.cc()));
    to.extend(listed(parsed.bcc()));
    let from = listed(parsed.from()).into_iter().next();
    let sender = || listed(parsed.sender()).into_iter().next();
    let date = parsed.date().map(|date| {
        (
            format!("{:04}-{:02}-{:02}", date.year, date.month, date.day),
            format!("{:02}:{:02}:{:02}", date.hour, date.minute, date.second),
        )
    });
    let (date, time) = date.unwrap_or_default();
    let message = Message {
        from: from.or_else(sender).unwrap_or_default(),
        to,
        subject: parsed.subject().unwrap_or_default().trim().to_owned(),
        date,
        time,
        // What a mail program saved as unsent (RFC 822 knows no drafts; this header is what mail programs write).
        is_draft: parsed
            .header("X-Unsent")
            .and_then(|value| value.as_text())
            .is_some_and(|value| value.trim() == "1"),
    };
    let is_nothing = message.from.is_empty() && message.to.is_empty() && message.date.is_empty();
    if is_nothing && message.subject.is_empty() && parsed.message_id().is_none() {
        return None;
    }
    let id = match parsed.message_id() {
        Some(id) => id.to_owned(),
        None => format!(
            "{}\u{1f}{}\u{1f}{}\u{1f}{}\u{1f}{}",
            message.from,
            message.to.join(";"),
            message.date,
            message.time,
            message.subject
        ),
    };
    Some(Mail { id, message })
}

/// The addresses in a cell: separated by semicolons or commas, with names or without.
pub fn addresses(cell: &str) -> Vec<String> {
    let parts = cell.split([';', ',', '\n']);
    let found = parts.filter_map(|part| {
        let address = match (part.rfind('<'), part.rfind('>')) {
            (Some(begin), Some(end)) if begin < end => &part[begin + 1..end],
            _ => part,
        };
        let address = address.trim();
        address.contains('@').then(|| address.to_owned())
    });
    found.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_says_who_wrote_to_whom_and_when() {
        let text = "Message-ID: <abc@example.com>\r\nFrom: \"Olive, Jim\" <JO@contoso.com>\r\nTo: a@b.de,\r\n =?utf-8?q?M=C3=BCller?= <m@b.de>\r\n\
                    Cc: c@b.de\r\nDate: Mon, 23 Nov 2026 10:11:12 +0100\r\nSubject: =?utf-8?b?R3LDvMOfZQ==?=\r\n\r\nText\r\n";
        let mail = parse(text.as_bytes()).expect("a message");
        assert_eq!(mail.id, "abc@example.com");
        assert_eq!(mail.message.from, "JO@contoso.com");
        assert_eq!(mail.message.to, ["a@b.de", "m@b.de", "c@b.de"]);
        assert_eq!(mail.message.subject, "Grüße");
        assert_eq!(
            (mail.message.date.as_str(), mail.message.time.as_str()),
            ("2026-11-23", "10:11:12")
        );
        assert!(!mail.message.is_draft);
        assert!(
            parse(b"X-Unsent: 1\r\nTo: a@b.de\r\nSubject: x\r\n\r\n")
                .expect("a draft")
                .message
                .is_draft
        );
        assert_eq!(parse(b"No.,Name\r\nC1,Acme\r\n"), None);
    }

    #[test]
    fn a_cell_may_list_several_addresses_with_their_names() {
        assert_eq!(
            addresses("Jim <jo@b.de>; <x@y.z>,plain@b.de; nobody"),
            ["jo@b.de", "x@y.z", "plain@b.de"]
        );
        assert_eq!(addresses(""), Vec::<String>::new());
    }
}
