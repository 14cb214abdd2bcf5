//! Any bytes as an e-mail message.

use couplet::sync::observe::mails;

use crate::exchange::path;
use crate::memory::MemoryDisk;

/// Bytes as a message.
pub fn any_bytes(bytes: &[u8]) -> bool {
    let read = |bytes: &[u8]| {
        let disk = MemoryDisk::with([(path("mail/1.eml"), bytes.to_vec())]);
        mails::read(&disk, &path("mail/1.eml"))
    };
    let Ok(mail) = read(bytes) else { return false };
    assert_eq!(
        mail.print(),
        mails::print_of(&mail.id),
        "it is known by its number"
    );
    // A bare number in a row, brackets around it or not, is the same message.
    let bare = mail.id.trim().trim_matches(['<', '>']);
    if bare.trim() == bare {
        assert_eq!(
            mails::print_of(bare),
            mails::print_of(&format!(" <{bare}> "))
        );
    }
    for address in mail.message.addresses() {
        assert_eq!(address.trim(), address);
    }
    for (text, marks) in [(&mail.message.date, "-"), (&mail.message.time, ":")] {
        let is_plain = |c: char| c.is_ascii_digit() || marks.contains(c);
        assert!(
            text.chars().all(is_plain),
            "a time of other signs: {text:?}"
        );
    }
    true
}
