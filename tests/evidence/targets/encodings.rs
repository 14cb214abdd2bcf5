//! Any bytes in any encoding: what decodes comes back, what cannot be encoded is refused, and nothing is ever replaced.

use couplet::exports::encoding::{self, Encoding};

/// Every encoding that a configuration may name, by one label each.
const LABELS: &[&str] = &[
    "utf-8",
    "utf-16le",
    "utf-16be",
    "windows-1250",
    "windows-1251",
    "windows-1252",
    "windows-1253",
    "windows-1254",
    "windows-1255",
    "windows-1256",
    "windows-1257",
    "windows-1258",
    "windows-874",
    "iso-8859-2",
    "iso-8859-3",
    "iso-8859-4",
    "iso-8859-5",
    "iso-8859-6",
    "iso-8859-7",
    "iso-8859-8",
    "iso-8859-10",
    "iso-8859-13",
    "iso-8859-14",
    "iso-8859-15",
    "iso-8859-16",
    "koi8-r",
    "koi8-u",
    "ibm866",
    "macintosh",
    "x-mac-cyrillic",
    "gbk",
    "gb18030",
    "big5",
    "euc-jp",
    "shift_jis",
    "euc-kr",
    "cp437",
    "cp720",
    "cp737",
    "cp775",
    "cp850",
    "cp852",
    "cp855",
    "cp857",
    "cp858",
    "cp860",
    "cp861",
    "cp862",
    "cp863",
    "cp864",
    "cp865",
    "cp866",
    "cp869",
    "cp874",
];

/// Bytes in the page that the first of them names, and their text in all pages.
pub fn any_page(bytes: &[u8]) -> bool {
    let (number, bytes) = bytes.split_first().unwrap_or((&0, &[]));
    let label = LABELS[usize::from(*number) % LABELS.len()];
    let page = Encoding::from_label(label).expect("a label that is known");
    assert_eq!(
        Encoding::from_label(&page.name()),
        Some(page),
        "its name leads back to it"
    );
    let opening = encoding::open(bytes);
    assert!(
        !opening.bom || opening.proven,
        "a byte order mark proves an encoding"
    );
    let decoded = page.decode(bytes);
    let text = match &decoded {
        Ok(text) => text.clone().into_owned(),
        Err(fault) => {
            assert!(fault.at < bytes.len(), "a fault lies in the bytes");
            String::from_utf8_lossy(bytes).into_owned()
        }
    };
    if decoded.is_ok() {
        assert!(
            !text.contains(char::REPLACEMENT_CHARACTER) || has_replacement(page, bytes),
            "a byte became the sign for what is no letter"
        );
    }
    comes_back(page, &text);
    let other =
        Encoding::from_label(LABELS[text.len() % LABELS.len()]).expect("a label that is known");
    comes_back(other, &text);
    if is_single_byte(page) && decoded.is_ok() {
        // One byte is one letter, but a few pages have a letter twice, or one that only decodes.
        if let Ok(again) = page.encode(&text) {
            assert_eq!(again.len(), bytes.len());
        }
    }
    decoded.is_ok()
}

/// Whether the bytes themselves say U+FFFD, which only Unicode has.
fn has_replacement(page: Encoding, bytes: &[u8]) -> bool {
    let sign = page.encode("\u{fffd}");
    sign.is_ok_and(|sign| bytes.windows(sign.len()).any(|window| window == &*sign))
}

fn is_single_byte(page: Encoding) -> bool {
    match page {
        Encoding::Page(page) => page.is_single_byte(),
        Encoding::Oem(_) => true,
        _ => false,
    }
}

/// Text that can be encoded is the same when it is decoded; text that cannot has the letter that is named, and it is no letter of
/// the page alone either.
fn comes_back(page: Encoding, text: &str) {
    match page.encode(text) {
        Ok(bytes) => {
            let again = page.decode(&bytes);
            assert_eq!(again.as_deref(), Ok(text), "{page} replaced a letter");
        }
        Err(lacking) => {
            assert!(
                text.contains(lacking),
                "{page} lacks a letter that is not there"
            );
            assert!(
                page.encode(lacking.encode_utf8(&mut [0; 4])).is_err(),
                "{page} has the letter alone"
            );
        }
    }
}
