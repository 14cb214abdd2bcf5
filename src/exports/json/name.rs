//! How a file would spell a member it does not have yet.

/// A convention for member names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spelling {
    /// `Phone No.`, as in Business Central's tables.
    Plain,
    /// `Phone_No`, as in its OData services.
    OData,
    /// `phone_no`
    Snake,
    /// `PHONE_NO`
    UpperSnake,
    /// `phoneNo`
    Camel,
    /// `PhoneNo`
    Pascal,
}

/// In order of preference, where a file gives each the same evidence.
const SPELLINGS: [Spelling; 6] = [
    Spelling::Plain,
    Spelling::OData,
    Spelling::Snake,
    Spelling::UpperSnake,
    Spelling::Camel,
    Spelling::Pascal,
];

impl Spelling {
    /// The convention of these names. Names of several words decide. Where there are none, the case of the single words does, and
    /// Business Central's own is the last resort.
    pub fn of<'n>(names: impl IntoIterator<Item = &'n str, IntoIter: Clone>) -> Spelling {
        // Annotations such as `@odata.etag` follow rules of their own.
        let names = names.into_iter().filter(|name| !name.contains('@'));
        majority(names.clone().filter_map(evidence))
            .or_else(|| majority(names.filter_map(hint)))
            .unwrap_or(Spelling::Plain)
    }

    /// The name of a column that no record has shown.
    pub fn spell(self, column: &str) -> String {
        if self == Spelling::Plain {
            return column.to_owned();
        }
        let spaced = column.replace('%', " Percent ");
        let words: Vec<&str> = spaced
            .split(|c: char| !c.is_alphanumeric())
            .filter(|word| !word.is_empty())
            .collect();
        match self {
            Spelling::Plain | Spelling::OData => words.join("_"),
            Spelling::Snake => words.join("_").to_lowercase(),
            Spelling::UpperSnake => words.join("_").to_uppercase(),
            Spelling::Pascal => words.iter().map(|word| capitalized(word)).collect(),
            Spelling::Camel => match words.split_first() {
                None => String::new(),
                Some((first, others)) => std::iter::once(first.to_lowercase())
                    .chain(others.iter().map(|word| capitalized(word)))
                    .collect(),
            },
        }
    }
}

fn majority(votes: impl Iterator<Item = Spelling>) -> Option<Spelling> {
    let mut counts = [0_usize; SPELLINGS.len()];
    for vote in votes {
        for (count, spelling) in counts.iter_mut().zip(SPELLINGS) {
            *count += usize::from(spelling == vote);
        }
    }
    let most = counts.iter().copied().max().filter(|&most| most > 0)?;
    let winner = counts.iter().position(|&count| count == most)?;
    Some(SPELLINGS[winner])
}

/// What a name of several words says about the convention.
fn evidence(name: &str) -> Option<Spelling> {
    let lower = name.chars().any(char::is_lowercase);
    let upper = name.chars().any(char::is_uppercase);
    if name.chars().any(|c| !c.is_alphanumeric() && c != '_') {
        Some(Spelling::Plain)
    } else if name.contains('_') {
        Some(match (lower, upper) {
            (true, false) => Spelling::Snake,
            (false, true) => Spelling::UpperSnake,
            _ => Spelling::OData,
        })
    } else if name.chars().skip(1).any(char::is_uppercase) && lower {
        Some(match name.chars().next() {
            Some(first) if first.is_lowercase() => Spelling::Camel,
            _ => Spelling::Pascal,
        })
    } else {
        None
    }
}

/// What a name of one word says.
fn hint(name: &str) -> Option<Spelling> {
    if name.chars().all(char::is_lowercase) {
        Some(Spelling::Snake)
    } else if name.chars().all(char::is_uppercase) {
        Some(Spelling::UpperSnake)
    } else if name == "No" {
        // Plain, it would have its full stop.
        Some(Spelling::OData)
    } else {
        None
    }
}

fn capitalized(word: &str) -> String {
    let mut chars = word.chars();
    match chars.next() {
        None => String::new(),
        Some(first) => first.to_uppercase().chain(chars).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_column_is_spelled_like_the_others() {
        let plain = ["No.", "Name", "IBAN", "E-Mail"];
        let odata = ["@odata.etag", "No", "Name", "Search_Name", "IBAN"];
        let snake = ["no", "search_name"];
        let upper = ["NO", "SEARCH_NAME"];
        let camel = ["no", "searchName"];
        let pascal = ["No", "SearchName"];
        for (names, column, expected) in [
            (&plain[..], "Phone No.", "Phone No."),
            (&odata, "Phone No.", "Phone_No"),
            (&odata, "Country/Region Code", "Country_Region_Code"),
            (&odata, "E-Mail", "E_Mail"),
            (&odata, "Commission %", "Commission_Percent"),
            (&snake, "Phone No.", "phone_no"),
            (&upper, "Phone No.", "PHONE_NO"),
            (&camel, "Phone No.", "phoneNo"),
            (&camel, "VAT Registration No.", "vatRegistrationNo"),
            (&pascal, "Phone No.", "PhoneNo"),
            (&["No", "Name"], "Phone No.", "Phone_No"),
            (&["no", "name"], "Phone No.", "phone_no"),
            (&["Name", "City"], "Phone No.", "Phone No."),
            (&[], "Phone No.", "Phone No."),
        ] {
            let spelling = Spelling::of(names.iter().copied());
            assert_eq!(spelling.spell(column), expected, "{names:?}");
        }
    }
}
