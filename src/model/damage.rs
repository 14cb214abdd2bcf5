//! What spreadsheets and wrong encodings make of text.

use encoding_rs::WINDOWS_1252;

/// How many digits a spreadsheet keeps of a number.
const DIGITS: usize = 15;

/// How a value seems to have been damaged. It may have been typed all the same, so that is for a person to say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Damage {
    /// A spreadsheet took it for a number: leading zeros or a plus sign are gone, digits from the sixteenth on are zeros, or it is
    /// in scientific notation.
    Number,
    /// Letters beyond ASCII were lost, or read in another encoding than they were written in.
    Encoding,
}

impl Damage {
    /// The damage as the end of a sentence, before "the agreed one".
    pub fn sentence(self) -> &'static str {
        match self {
            Damage::Number => "looks like what a spreadsheet makes of",
            Damage::Encoding => "looks like what a wrong encoding makes of",
        }
    }
}

/// How `text` seems to have been damaged on the way to `shown`, if it was.
pub fn damage(shown: &str, text: &str) -> Option<Damage> {
    let (shown, text) = (shown.trim(), text.trim());
    if shown == text {
        None
    } else if is_mistaken_number(shown, text) {
        Some(Damage::Number)
    } else if is_mangled(shown, text) {
        Some(Damage::Encoding)
    } else {
        None
    }
}

/// Whether letters of `text` have become question marks, or their UTF-8 bytes letters of Western Europe.
fn is_mangled(shown: &str, text: &str) -> bool {
    let is_lost = || {
        let pairs = || shown.chars().zip(text.chars());
        shown.chars().count() == text.chars().count()
            && pairs().all(|(now, then)| {
                now == then || (!then.is_ascii() && matches!(now, '?' | '\u{fffd}'))
            })
    };
    !text.is_ascii()
        && (is_lost() || WINDOWS_1252.decode_without_bom_handling(text.as_bytes()).0 == shown)
}

fn is_mistaken_number(shown: &str, text: &str) -> bool {
    let unsigned = text.strip_prefix('+').unwrap_or(text);
    let is_number = !unsigned.is_empty() && unsigned.bytes().all(|byte| byte.is_ascii_digit());
    if !is_number {
        return false;
    }
    let digits = match unsigned.trim_start_matches('0') {
        "" => "0",
        digits => digits,
    };
    let kept = &digits[..digits.len().min(DIGITS)];
    let is_rounded = shown.len() == digits.len()
        && shown.starts_with(kept)
        && shown[kept.len()..].bytes().all(|byte| byte == b'0');
    is_rounded || is_scientific(shown, digits)
}

/// Whether `shown` is `digits` as `1.23E+11`, with a comma or a point, and as many digits as the column was wide.
fn is_scientific(shown: &str, digits: &str) -> bool {
    let parts = || {
        let (number, exponent) = shown.split_once(['E', 'e'])?;
        let exponent: usize = exponent.strip_prefix('+')?.parse().ok()?;
        let (whole, fraction) = number.split_once(['.', ',']).unwrap_or((number, ""));
        Some((format!("{whole}{fraction}"), exponent))
    };
    let Some((mantissa, exponent)) = parts() else {
        return false;
    };
    let Some((last, exact)) = mantissa.as_bytes().split_last() else {
        return false;
    };
    // The last digit may have been rounded.
    exponent + 1 == digits.len()
        && mantissa.len() <= digits.len()
        && last.is_ascii_digit()
        && digits.as_bytes().starts_with(exact)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_spreadsheet_does_to_numbers_is_known_again() {
        for (shown, text) in [
            ("1067", "01067"),
            ("123", "00123"),
            ("0", "000"),
            ("4930123456", "+4930123456"),
            ("49301234567", "0049301234567"),
            ("1.23E+11", "123456789012"),
            ("1,23457E+11", "123456789012"),
            ("1E+11", "100000000000"),
            ("1234567890123450", "1234567890123456"),
            ("1.23457E+15", "1234567890123456"),
        ] {
            assert_eq!(
                damage(shown, text),
                Some(Damage::Number),
                "{shown} from {text}"
            );
        }
    }

    #[test]
    fn what_a_wrong_encoding_does_to_letters_is_known_again() {
        for (shown, text) in [
            ("M?ller", "Müller"),
            ("M\u{fffd}ller", "Müller"),
            ("??d", "Łód"),
            ("MÃ¼ller", "Müller"),
            ("â‚¬uro", "€uro"),
        ] {
            assert_eq!(
                damage(shown, text),
                Some(Damage::Encoding),
                "{shown} from {text}"
            );
        }
    }

    #[test]
    fn what_a_person_types_is_not() {
        for (shown, text) in [
            ("01067", "01067"),
            ("01067", "1067"),
            ("1068", "01067"),
            ("", "000"),
            ("10", "0010a"),
            ("1234567890123457", "1234567890123456"),
            ("1.23E+10", "123456789012"),
            ("2.23E+11", "123456789012"),
            ("E+11", "123456789012"),
            ("12E+1", "123"),
            ("Ann", "Bob"),
            ("Muller", "Müller"),
            ("Mueller", "Müller"),
            ("M?ler", "Müller"),
            ("Müller", "M?ller"),
            ("Who?", "Whom"),
            ("7", ""),
        ] {
            assert_eq!(damage(shown, text), None, "{shown} from {text}");
        }
    }
}
