//! The parts of a person's name (`business-central.md` §7.4).

/// First, middle and last name; parts that are lacking are blank.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NameParts {
    /// First Name.
    pub first: String,
    /// Middle Name.
    pub middle: String,
    /// Surname.
    pub surname: String,
}

/// Breaks a name down.
pub fn break_down(name: &str) -> NameParts {
    let mut words: Vec<&str> = name.split_whitespace().collect();
    let surname = if words.len() > 1 { words.pop() } else { None };
    let middle = if words.len() > 1 { words.pop() } else { None };
    NameParts {
        first: words.join(" "),
        middle: middle.unwrap_or_default().to_owned(),
        surname: surname.unwrap_or_default().to_owned(),
    }
}

/// Joins the parts to a name.
pub fn join(parts: &NameParts) -> String {
    let parts = [&parts.first, &parts.middle, &parts.surname];
    let words: Vec<&str> = parts
        .into_iter()
        .flat_map(|part| part.split_whitespace())
        .collect();
    words.join(" ")
}
