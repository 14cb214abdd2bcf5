//! What Couplet is asked to enter is checked (`business-central.md` §12); what an export already shows is carried.

use std::fmt;

/// A value that a rule refuses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Invalid {
    /// This part of the value is no e-mail address.
    EMail(String),
    /// A phone number with letters.
    Letters,
    /// Longer than a registration number may be.
    TooLong,
}

impl fmt::Display for Invalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Invalid::EMail(part) => write!(f, "{part:?} is no valid e-mail address"),
            Invalid::Letters => f.write_str("a phone number must not contain letters"),
            Invalid::TooLong => write!(
                f,
                "a registration number has at most {REGISTRATION_NUMBER} characters"
            ),
        }
    }
}

/// The longest registration number that may be entered; exports may show longer ones.
const REGISTRATION_NUMBER: usize = 20;

/// Checks a value for the contact's field of this name.
///
/// # Errors
/// What is wrong with it.
pub fn validate(field: &str, value: &str) -> Result<(), Invalid> {
    match field {
        "E-Mail" => e_mail(value),
        "Phone No." | "Mobile Phone No." => phone(value),
        "Registration Number" if value.chars().count() > REGISTRATION_NUMBER => {
            Err(Invalid::TooLong)
        }
        _ => Ok(()),
    }
}

/// Checks e-mail addresses: none, one, or several with semicolons between them.
///
/// # Errors
/// The first part that is no address; the whole value where something else stands between addresses.
pub fn e_mail(value: &str) -> Result<(), Invalid> {
    for part in value.split(';').map(str::trim) {
        if !part.is_empty() && !is_address(part) {
            return Err(Invalid::EMail(part.to_owned()));
        }
    }
    Ok(())
}

/// Checks a phone number: any character except letters.
///
/// # Errors
/// [`Invalid::Letters`].
pub fn phone(value: &str) -> Result<(), Invalid> {
    match value.chars().any(char::is_alphabetic) {
        true => Err(Invalid::Letters),
        false => Ok(()),
    }
}

fn is_address(text: &str) -> bool {
    let mut in_domain = false;
    // Neither the part before the @ nor the one after it begins or ends with a point, or has two in a row.
    let mut after_letter = false;
    for c in text.chars() {
        after_letter = match c {
            '.' | '@' if !after_letter => return false,
            '.' => false,
            '@' if in_domain => return false,
            '@' => {
                in_domain = true;
                false
            }
            c if c.is_alphanumeric() || c == '-' => true,
            c if !in_domain && is_special(c) => true,
            _ => return false,
        };
    }
    in_domain && after_letter
}

/// The specials of RFC 5322 that stand before the @, but for the bar, which separates addresses where it stands.
fn is_special(c: char) -> bool {
    matches!(c, '!' | '#'..='\'' | '*' | '+' | '/' | '=' | '?' | '^'..='`' | '{' | '}' | '~')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn refused(value: &str) -> Option<String> {
        match e_mail(value) {
            Err(Invalid::EMail(part)) => Some(part),
            _ => None,
        }
    }

    #[test]
    fn addresses_are_separated_by_semicolons_and_by_nothing_else() {
        let several = "test1@test.com; test2@test.com; test3@test.com";
        for good in [
            "",
            "a@b",
            "jo.doe+x@müller-söhne.de",
            several,
            "a@b.example;",
        ] {
            assert_eq!(refused(good), None, "{good}");
        }
        for bad in [
            "test1@test.com, test2@test.com",
            "test1@test.com| test2@test.com",
            "test1@test.com test2@test.com",
            "test2.com",
            "a@b@c",
            "@b.example",
            "a@",
            "a@b..example",
        ] {
            assert_eq!(refused(bad).as_deref(), Some(bad));
        }
        assert_eq!(
            refused("test1@test.com; test2.com; test3@test.com").as_deref(),
            Some("test2.com")
        );
    }

    proptest! {
        #[test]
        fn an_address_is_a_local_part_and_a_domain_of_labels(text in "[ab\\-.@+;| ü]{0,10}") {
            let labels = |part: &str| part.split('.').all(|label| !label.is_empty());
            let is_it = text.split_once('@').is_some_and(|(local, domain)| {
                let in_domain = |c: char| c.is_alphanumeric() || c == '-' || c == '.';
                let is_local = local.chars().all(|c| in_domain(c) || c == '+');
                is_local && labels(local) && labels(domain) && domain.chars().all(in_domain)
            });
            prop_assert_eq!(is_address(&text), is_it);
        }
    }

    #[test]
    fn a_phone_number_has_no_letters_and_a_registration_number_twenty_characters() {
        assert_eq!(validate("Phone No.", "+44 (0)20/123-45"), Ok(()));
        assert_eq!(
            validate("Mobile Phone No.", "A1234b"),
            Err(Invalid::Letters)
        );
        let long = "x".repeat(21);
        assert_eq!(
            validate("Registration Number", &long),
            Err(Invalid::TooLong)
        );
        assert_eq!(validate("Name", &long), Ok(()));
    }
}
