//! Encodings, strictly: what does not decode is refused, what cannot be encoded is never replaced.

use std::borrow::Cow;
use std::fmt;

use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};
use encoding_rs::{DecoderResult, EncoderResult};
use oem_cp::code_table::DECODING_TABLE_CP_MAP;
use oem_cp::code_table_type::TableType;

/// U+FEFF in UTF-8.
pub const BOM: &[u8] = b"\xEF\xBB\xBF";

/// How the characters of a file stand in its bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// UTF-8, with or without BOM.
    Utf8,
    /// UTF-16, low byte first.
    Utf16Le,
    /// UTF-16, high byte first.
    Utf16Be,
    /// A Windows, ISO, KOI8 or East Asian page.
    Page(&'static encoding_rs::Encoding),
    /// An OEM page of DOS, by its number.
    Oem(u16),
}

/// Bytes that are no text in their encoding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DecodeFault {
    /// Offset of the first such byte.
    pub at: usize,
}

impl fmt::Display for DecodeFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "byte {} does not decode", self.at)
    }
}

impl std::error::Error for DecodeFault {}

impl Encoding {
    /// The encoding of this name, or `None`: `utf-8`, `utf-16le`, `windows-1252`, `cp1252`, `cp850`, `ibm850`, and every
    /// label that browsers know.
    ///
    /// As in browsers, `iso-8859-1`, `latin1` and `ascii` are windows-1252: it has the same letters, and exporters that
    /// say Latin-1 write its quotes and euro sign. Bytes in which the two truly differ are refused by
    /// [`decode`](Encoding::decode) unless windows-1252 has a character for them.
    pub fn from_label(label: &str) -> Option<Encoding> {
        let label = label.trim().to_ascii_lowercase();
        match label.as_str() {
            "utf-8" | "utf8" => return Some(Encoding::Utf8),
            "utf-16" | "utf16" | "utf-16le" | "utf16le" => return Some(Encoding::Utf16Le),
            "utf-16be" | "utf16be" => return Some(Encoding::Utf16Be),
            _ => {}
        }
        let number = ["cp", "ibm", "oem", ""].iter().find_map(|prefix| {
            let digits = label.strip_prefix(prefix)?.trim_start_matches(['-', '_']);
            digits.parse::<u16>().ok()
        });
        if let Some(number) = number {
            if DECODING_TABLE_CP_MAP.contains_key(&number) {
                return Some(Encoding::Oem(number));
            }
            let known = match number {
                65001 => return Some(Encoding::Utf8),
                1200 => return Some(Encoding::Utf16Le),
                1201 => return Some(Encoding::Utf16Be),
                932 => "shift_jis".to_owned(),
                936 => "gbk".to_owned(),
                949 => "euc-kr".to_owned(),
                950 => "big5".to_owned(),
                other => format!("windows-{other}"),
            };
            return Encoding::page(&known);
        }
        Encoding::page(&label)
    }

    /// Only pages in which ASCII bytes always begin a character; ISO-2022-JP switches alphabets by ASCII bytes.
    fn page(label: &str) -> Option<Encoding> {
        let page = encoding_rs::Encoding::for_label(label.as_bytes())?;
        let unfit = [
            encoding_rs::UTF_8,
            encoding_rs::UTF_16LE,
            encoding_rs::UTF_16BE,
            encoding_rs::REPLACEMENT,
            encoding_rs::X_USER_DEFINED,
            encoding_rs::ISO_2022_JP,
        ];
        (!unfit.contains(&page)).then_some(Encoding::Page(page))
    }

    /// Its name in configuration and messages; [`from_label`](Encoding::from_label) knows it.
    pub fn name(self) -> String {
        match self {
            Encoding::Utf8 => "utf-8".to_owned(),
            Encoding::Utf16Le => "utf-16le".to_owned(),
            Encoding::Utf16Be => "utf-16be".to_owned(),
            Encoding::Page(page) => page.name().to_ascii_lowercase(),
            Encoding::Oem(number) => format!("cp{number}"),
        }
    }

    /// Whether a file in it is held as the same text in UTF-8 while we work on it.
    pub fn is_utf16(self) -> bool {
        matches!(self, Encoding::Utf16Le | Encoding::Utf16Be)
    }

    /// The encoding of the working bytes of a file in this one: UTF-8 for UTF-16, itself for all others.
    pub fn working(self) -> Encoding {
        if self.is_utf16() {
            Encoding::Utf8
        } else {
            self
        }
    }

    /// Whether `byte`, an ASCII character, can also be the second half of another character, so that looking for it
    /// byte by byte would cut characters in two.
    pub fn hides(self, byte: u8) -> bool {
        matches!(self, Encoding::Page(page) if !page.is_single_byte()) && byte >= 0x30
    }

    /// The text of these bytes.
    ///
    /// # Errors
    ///
    /// The first byte that is no text. The C1 control characters U+0080..U+009F of single-byte pages count as such: no
    /// export holds them, so they say that the page is the wrong one (`ü` of cp850 read as windows-1252, for example).
    pub fn decode(self, bytes: &[u8]) -> Result<Cow<'_, str>, DecodeFault> {
        match self {
            Encoding::Utf8 => std::str::from_utf8(bytes)
                .map(Cow::Borrowed)
                .map_err(|error| DecodeFault {
                    at: error.valid_up_to(),
                }),
            Encoding::Utf16Le | Encoding::Utf16Be => decode_utf16(self, bytes).map(Cow::Owned),
            Encoding::Page(_) | Encoding::Oem(_) if bytes.is_ascii() => {
                Encoding::Utf8.decode(bytes)
            }
            Encoding::Page(page) => decode_page(page, bytes).map(Cow::Owned),
            Encoding::Oem(number) => decode_oem(number, bytes).map(Cow::Owned),
        }
    }

    /// The bytes of this text; decoding them gives the text back.
    ///
    /// # Errors
    ///
    /// The first character that the encoding does not have. Nothing is ever replaced by `?` or `&#…;`.
    pub fn encode(self, text: &str) -> Result<Cow<'_, [u8]>, char> {
        match self {
            Encoding::Utf8 => Ok(Cow::Borrowed(text.as_bytes())),
            Encoding::Utf16Le => Ok(Cow::Owned(
                text.encode_utf16().flat_map(u16::to_le_bytes).collect(),
            )),
            Encoding::Utf16Be => Ok(Cow::Owned(
                text.encode_utf16().flat_map(u16::to_be_bytes).collect(),
            )),
            Encoding::Page(_) | Encoding::Oem(_) if text.is_ascii() => {
                Ok(Cow::Borrowed(text.as_bytes()))
            }
            Encoding::Page(page) => encode_page(page, text).map(Cow::Owned),
            Encoding::Oem(number) => encode_oem(number, text).map(Cow::Owned),
        }
    }
}

impl fmt::Display for Encoding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name())
    }
}

fn is_c1(character: char) -> bool {
    ('\u{80}'..='\u{9f}').contains(&character)
}

fn decode_utf16(encoding: Encoding, bytes: &[u8]) -> Result<String, DecodeFault> {
    let unit = |pair: &[u8]| {
        let pair = [pair[0], pair[1]];
        match encoding {
            Encoding::Utf16Be => u16::from_be_bytes(pair),
            _ => u16::from_le_bytes(pair),
        }
    };
    let mut text = String::with_capacity(bytes.len() / 2);
    let mut at = 0;
    for character in char::decode_utf16(bytes.chunks_exact(2).map(unit)) {
        let character = character.map_err(|_| DecodeFault { at })?;
        text.push(character);
        at += 2 * character.len_utf16();
    }
    if bytes.len() % 2 == 1 {
        return Err(DecodeFault {
            at: bytes.len() - 1,
        });
    }
    Ok(text)
}

fn decode_page(page: &'static encoding_rs::Encoding, bytes: &[u8]) -> Result<String, DecodeFault> {
    let mut decoder = page.new_decoder_without_bom_handling();
    let room = decoder
        .max_utf8_buffer_length_without_replacement(bytes.len())
        .unwrap_or(bytes.len());
    let mut text = String::with_capacity(room);
    let (result, read) = decoder.decode_to_string_without_replacement(bytes, &mut text, true);
    match result {
        DecoderResult::InputEmpty => {}
        DecoderResult::Malformed(bad, after) => {
            let at = read.saturating_sub(usize::from(bad) + usize::from(after));
            return Err(DecodeFault { at });
        }
        // The room was reserved for the longest text that these bytes can be.
        DecoderResult::OutputFull => return Err(DecodeFault { at: read }),
    }
    if page.is_single_byte() {
        // One byte is one character here, so its place among the characters is its offset.
        if let Some(at) = text.chars().position(is_c1) {
            return Err(DecodeFault { at });
        }
    }
    Ok(text)
}

fn encode_page(page: &'static encoding_rs::Encoding, text: &str) -> Result<Vec<u8>, char> {
    let mut encoder = page.new_encoder();
    let room = encoder
        .max_buffer_length_from_utf8_without_replacement(text.len())
        .unwrap_or(text.len() * 2);
    let mut bytes = Vec::with_capacity(room);
    match encoder
        .encode_from_utf8_to_vec_without_replacement(text, &mut bytes, true)
        .0
    {
        EncoderResult::Unmappable(character) => return Err(character),
        EncoderResult::InputEmpty | EncoderResult::OutputFull => {}
    }
    // Shift_JIS takes the yen sign for a backslash, and windows-1252 takes C1 characters: what does not come back
    // as it went in is not held.
    if decode_page(page, &bytes).is_ok_and(|back| back == text) {
        return Ok(bytes);
    }
    let lost = text.chars().find(|&character| {
        let alone = character.to_string();
        let (bytes, _, unmappable) = page.encode(&alone);
        unmappable || decode_page(page, &bytes).map_or(true, |back| back != alone)
    });
    Err(lost.unwrap_or(char::REPLACEMENT_CHARACTER))
}

/// The character that an OEM page has for a byte beyond ASCII.
fn oem_char(number: u16, byte: u8) -> Option<char> {
    let at = usize::from(byte.checked_sub(0x80)?);
    match DECODING_TABLE_CP_MAP.get(&number)? {
        TableType::Complete(table) => Some(table[at]),
        TableType::Incomplete(table) => table[at],
    }
    .filter(|&character| !is_c1(character))
}

fn decode_oem(number: u16, bytes: &[u8]) -> Result<String, DecodeFault> {
    bytes
        .iter()
        .enumerate()
        .map(|(at, &byte)| match byte {
            0..0x80 => Ok(char::from(byte)),
            _ => oem_char(number, byte).ok_or(DecodeFault { at }),
        })
        .collect()
}

fn encode_oem(number: u16, text: &str) -> Result<Vec<u8>, char> {
    text.chars()
        .map(|character| match u8::try_from(character) {
            Ok(ascii @ 0..0x80) => Ok(ascii),
            _ => (0x80..=0xFF)
                .find(|&byte| oem_char(number, byte) == Some(character))
                .ok_or(character),
        })
        .collect()
}

/// What the first bytes of a file say about its encoding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Opening {
    /// What they say; UTF-8 where they say nothing.
    pub encoding: Encoding,
    /// Whether the file begins with a BOM.
    pub bom: bool,
    /// Whether that alone proves the encoding.
    pub proven: bool,
}

/// Looks for a BOM, and for UTF-16 without one: ASCII characters put a NUL at every second byte.
///
/// Everything else is taken for UTF-8 until a byte of the file speaks against it; see [`propose`].
pub fn open(head: &[u8]) -> Opening {
    let marked = |encoding| Opening {
        encoding,
        bom: true,
        proven: true,
    };
    if head.starts_with(BOM) {
        return marked(Encoding::Utf8);
    }
    if head.starts_with(b"\xFF\xFE") {
        return marked(Encoding::Utf16Le);
    }
    if head.starts_with(b"\xFE\xFF") {
        return marked(Encoding::Utf16Be);
    }
    let sample = &head[..head.len().min(4096)];
    let nuls = |odd: usize| {
        sample
            .iter()
            .skip(odd)
            .step_by(2)
            .filter(|&&byte| byte == 0)
            .count()
    };
    let (even, odd) = (nuls(0), nuls(1));
    let most = sample.len() / 2 * 2 / 5;
    let encoding = match sample.len() >= 4 {
        true if odd > most && even == 0 => Encoding::Utf16Le,
        true if even > most && odd == 0 => Encoding::Utf16Be,
        _ => Encoding::Utf8,
    };
    Opening {
        encoding,
        bom: false,
        proven: encoding.is_utf16(),
    }
}

/// Proposes a page for a file that is not UTF-8, from all of its bytes, piece by piece.
///
/// # Errors
///
/// Those of the pieces.
pub fn propose<B: AsRef<[u8]>, E>(
    pieces: impl Iterator<Item = Result<B, E>>,
) -> Result<Encoding, E> {
    let mut detector = EncodingDetector::new(Iso2022JpDetection::Deny);
    for piece in pieces {
        detector.feed(piece?.as_ref(), false);
    }
    detector.feed(b"", true);
    let page = detector.guess(None, Utf8Detection::Deny);
    Ok(Encoding::page(page.name()).unwrap_or(Encoding::Page(encoding_rs::WINDOWS_1252)))
}

/// Finds the first byte that does not decode, fast enough to look at every byte of a file.
#[derive(Debug)]
pub(super) struct Checker {
    encoding: Encoding,
    /// For single-byte pages: which bytes have a character.
    sound: Option<Box<[bool; 256]>>,
}

impl Checker {
    pub(super) fn new(encoding: Encoding) -> Checker {
        let single = match encoding {
            Encoding::Page(page) => page.is_single_byte(),
            Encoding::Oem(_) => true,
            Encoding::Utf8 | Encoding::Utf16Le | Encoding::Utf16Be => false,
        };
        let sound = single.then(|| {
            let mut sound = Box::new([true; 256]);
            for byte in 0x80..=0xFF_u8 {
                sound[usize::from(byte)] = encoding.decode(&[byte]).is_ok();
            }
            sound
        });
        Checker { encoding, sound }
    }

    /// How many bytes at the end begin a character of which the rest is lacking, where all others decode; `None` where
    /// some do not, or where only looking at each record tells.
    pub(super) fn whole(&self, bytes: &[u8]) -> Option<usize> {
        match (&self.sound, self.encoding) {
            (Some(sound), _) => bytes
                .iter()
                .all(|&byte| sound[usize::from(byte)])
                .then_some(0),
            (None, Encoding::Utf8) => match simdutf8::compat::from_utf8(bytes) {
                Ok(_) => Some(0),
                Err(error) if error.error_len().is_none() => {
                    Some(bytes.len() - error.valid_up_to())
                }
                Err(_) => None,
            },
            (None, _) => None,
        }
    }

    pub(super) fn check(&self, bytes: &[u8]) -> Result<(), DecodeFault> {
        match &self.sound {
            Some(sound) => match bytes.iter().position(|&byte| !sound[usize::from(byte)]) {
                Some(at) => Err(DecodeFault { at }),
                None => Ok(()),
            },
            None => self.encoding.decode(bytes).map(|_| ()),
        }
    }
}

/// How long these working bytes are in UTF-16.
pub(super) fn own_length(working: &[u8]) -> u64 {
    // UTF-8 has one byte that is no continuation for each character, and four bytes where UTF-16 has two units.
    let units: u64 = working
        .iter()
        .map(|&byte| u64::from(byte & 0xC0 != 0x80) + u64::from(byte >= 0xF0))
        .sum();
    2 * units
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(label: &str) -> Encoding {
        Encoding::from_label(label).expect("a known label")
    }

    #[test]
    fn every_page_is_known_by_its_usual_names() {
        for (label, name) in [
            ("windows-1252", "windows-1252"),
            ("CP1252", "windows-1252"),
            ("iso-8859-1", "windows-1252"),
            ("cp850", "cp850"),
            ("IBM850", "cp850"),
            ("850", "cp850"),
            ("utf-16le", "utf-16le"),
            ("koi8-r", "koi8-r"),
            ("cp932", "shift_jis"),
            ("iso-8859-2", "iso-8859-2"),
            ("utf8", "utf-8"),
        ] {
            let encoding = named(label);
            assert_eq!(encoding.name(), name);
            assert_eq!(Encoding::from_label(name), Some(encoding));
        }
        for unknown in ["iso-2022-jp", "utf-7", "cp1", "", "replacement"] {
            assert_eq!(Encoding::from_label(unknown), None, "{unknown}");
        }
    }

    #[test]
    fn a_page_gives_back_every_byte_that_it_decodes() {
        let labels = [
            "windows-1250",
            "windows-1251",
            "windows-1252",
            "cp437",
            "cp850",
            "cp852",
            "cp857",
            "cp866",
            "cp869",
            "koi8-r",
            "iso-8859-2",
        ];
        for label in labels {
            let encoding = named(label);
            for byte in 0..=255_u8 {
                if let Ok(text) = encoding.decode(&[byte]) {
                    assert_eq!(
                        encoding.encode(&text).as_deref(),
                        Ok(&[byte][..]),
                        "{label} {byte:x}"
                    );
                }
            }
        }
    }

    #[test]
    fn the_wrong_page_shows_itself_by_control_characters() {
        let bytes = named("cp850").encode("Müller").expect("cp850 has ü");
        assert_eq!(
            named("cp1252").decode(&bytes).map_err(|fault| fault.at),
            Err(1)
        );
        assert_eq!(named("cp850").decode(&bytes).as_deref(), Ok("Müller"));
    }

    #[test]
    fn a_character_that_the_page_lacks_is_named_and_not_replaced() {
        assert_eq!(named("cp1252").encode("Łódź"), Err('Ł'));
        assert_eq!(named("cp850").encode("5 €"), Err('€'));
        assert_eq!(named("shift_jis").encode("a¥"), Err('¥'));
        assert_eq!(named("cp1252").encode("a\u{81}"), Err('\u{81}'));
    }

    #[test]
    fn utf_16_is_read_strictly() {
        let le = Encoding::Utf16Le;
        assert_eq!(le.decode(b"a\0b\0").as_deref(), Ok("ab"));
        assert_eq!(le.decode(b"a\0\x00\xD8b\0"), Err(DecodeFault { at: 2 }));
        assert_eq!(le.decode(b"a\0b"), Err(DecodeFault { at: 2 }));
        let text = "Žluťoučký 🐎";
        for encoding in [le, Encoding::Utf16Be] {
            let bytes = encoding.encode(text).expect("UTF-16 has everything");
            assert_eq!(encoding.decode(&bytes).as_deref(), Ok(text));
        }
    }

    #[test]
    fn the_opening_bytes_tell_utf_16_with_and_without_a_bom() {
        assert_eq!(open(b"\xFF\xFEa\0").encoding, Encoding::Utf16Le);
        assert_eq!(open(b"N\0o\0.\0;\0").encoding, Encoding::Utf16Le);
        assert_eq!(open(b"\0N\0o\0.\0;").encoding, Encoding::Utf16Be);
        let plain = open(b"No.;Name");
        assert_eq!(plain.encoding, Encoding::Utf8);
        assert!(!plain.proven);
        assert!(open(b"\xEF\xBB\xBFNo.").proven);
    }

    #[test]
    fn a_page_is_proposed_from_the_text() {
        let text = "Общество с ограниченной ответственностью; Москва, улица Ленина";
        let bytes = named("cp1251").encode(text).expect("Cyrillic").into_owned();
        let pieces = bytes.chunks(7).map(Ok::<_, std::convert::Infallible>);
        assert_eq!(propose(pieces), Ok(named("cp1251")));
    }
}
