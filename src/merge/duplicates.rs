//! Company contacts that may be the same company (`business-central.md` §12): those that share enough search strings.

use std::collections::{BTreeMap, BTreeSet, HashMap};

/// The fields of which search strings are made, in Business Central's default setup.
const FIELDS: [&str; 8] = [
    "Name",
    "Address",
    "City",
    "Phone No.",
    "VAT Registration No.",
    "Post Code",
    "E-Mail",
    "Mobile Phone No.",
];

/// How many characters of a field's beginning and of its end make a search string.
const LENGTH: usize = 5;

/// How many search strings a contact has; blank ones count and match nothing.
pub const STRINGS: usize = 2 * FIELDS.len();

/// A string that more contacts than this share says nothing of who they are, and alone makes no pair.
const COMMON: usize = 100;

/// The search strings of a contact: the beginning and the end of each field, in capital letters and without punctuation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SearchStrings([String; STRINGS]);

impl SearchStrings {
    /// Makes them from the values of a contact.
    pub fn of(value_of: &dyn Fn(&str) -> String) -> SearchStrings {
        let mut strings: [String; STRINGS] = Default::default();
        for (at, field) in FIELDS.into_iter().enumerate() {
            let plain: Vec<char> = value_of(field)
                .chars()
                .filter(|c| c.is_alphanumeric())
                .flat_map(char::to_uppercase)
                .collect();
            let end = plain.len().saturating_sub(LENGTH);
            strings[2 * at] = plain.iter().take(LENGTH).collect();
            strings[2 * at + 1] = plain[end..].iter().collect();
        }
        SearchStrings(strings)
    }

    /// How many of them another contact has too.
    fn hits(&self, other: &SearchStrings) -> usize {
        let pairs = self.0.iter().zip(&other.0);
        pairs.filter(|(a, b)| !a.is_empty() && a == b).count()
    }
}

/// Two contacts that may be the same company.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
pub struct Duplicate {
    /// The contact that was looked at; of two, the one with the lower number.
    pub contact: String,
    /// The other one.
    pub other: String,
    /// How many of [`STRINGS`] search strings they share.
    pub hits: usize,
}

/// The pairs among these contacts that share at least `hit` percent of the search strings; where some are named, only pairs
/// with one of them. Sorted by number.
pub fn duplicates(
    contacts: &BTreeMap<String, SearchStrings>,
    of: Option<&BTreeSet<String>>,
    hit: u8,
) -> Vec<Duplicate> {
    let needed = needed(hit);
    let sharing = sharing(contacts);
    let mut found = BTreeSet::new();
    let is_wanted = |no: &&String| of.is_none_or(|of| of.contains(*no));
    for no in contacts.keys().filter(is_wanted) {
        let strings = &contacts[no];
        for other in candidates(strings, &sharing) {
            let hits = strings.hits(&contacts[other]);
            if other != no && hits >= needed {
                let (contact, other) = (no.as_str().min(other), no.as_str().max(other));
                found.insert(Duplicate {
                    contact: contact.to_owned(),
                    other: other.to_owned(),
                    hits,
                });
            }
        }
    }
    found.into_iter().collect()
}

/// Who shares a search string with a record that is not everybody's.
fn candidates<'c>(strings: &SearchStrings, sharing: &Sharing<'c>) -> BTreeSet<&'c str> {
    let groups = strings.0.iter().enumerate();
    let groups = groups.filter_map(|(at, string)| sharing.get(&(at, string.as_str())));
    let telling = groups.filter(|group| group.len() <= COMMON);
    telling.flatten().copied().collect()
}

/// The contact that each of these records shares most search strings with, at least `hit` percent of them; of several the one
/// with the lowest number.
pub fn likeliest(
    records: &BTreeMap<String, SearchStrings>,
    contacts: &BTreeMap<String, SearchStrings>,
    hit: u8,
) -> BTreeMap<String, Duplicate> {
    let needed = needed(hit);
    let sharing = sharing(contacts);
    let mut found = BTreeMap::new();
    for (no, strings) in records {
        let hits = |contact: &&str| strings.hits(&contacts[*contact]);
        let best = candidates(strings, &sharing).into_iter();
        let best = best.map(|contact| (hits(&contact), contact));
        let best = best
            .filter(|(hits, _)| *hits >= needed)
            .max_by(|a, b| a.0.cmp(&b.0).then(b.1.cmp(a.1)));
        if let Some((hits, contact)) = best {
            let pair = Duplicate {
                contact: contact.to_owned(),
                other: no.clone(),
                hits,
            };
            found.insert(no.clone(), pair);
        }
    }
    found
}

fn needed(hit: u8) -> usize {
    (STRINGS * usize::from(hit)).div_ceil(100).max(1)
}

/// Who has a search string, by its place and text. Only for look-ups.
type Sharing<'c> = HashMap<(usize, &'c str), Vec<&'c str>>;

fn sharing(contacts: &BTreeMap<String, SearchStrings>) -> Sharing<'_> {
    let mut sharing = Sharing::new();
    for (no, strings) in contacts {
        for (at, string) in strings.0.iter().enumerate().filter(|(_, s)| !s.is_empty()) {
            sharing.entry((at, string)).or_default().push(no);
        }
    }
    sharing
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contacts(rows: &[(&str, &[(&str, &str)])]) -> BTreeMap<String, SearchStrings> {
        let strings = |values: &[(&str, &str)]| {
            SearchStrings::of(&|field| {
                let value = values.iter().find(|(name, _)| *name == field);
                value.map_or(String::new(), |(_, value)| (*value).to_owned())
            })
        };
        rows.iter()
            .map(|(no, values)| ((*no).to_owned(), strings(values)))
            .collect()
    }

    #[test]
    fn the_same_name_is_two_strings_of_sixteen() {
        let two = contacts(&[
            ("1", &[("Name", "Acme, Ltd.")]),
            ("2", &[("Name", "ACME LTD")]),
        ]);
        let found = duplicates(&two, None, 10);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].hits, 2);
        assert!(duplicates(&two, None, 90).is_empty());
    }

    #[test]
    fn the_likeliest_contact_shares_most() {
        let records = contacts(&[("10", &[("Name", "Acme"), ("City", "Rome")])]);
        let among = contacts(&[
            ("C1", &[("Name", "Acme")]),
            ("C2", &[("Name", "Acme"), ("City", "Rome")]),
            ("C3", &[("Name", "Beta"), ("City", "Rome")]),
        ]);
        assert_eq!(likeliest(&records, &among, 10)["10"].contact, "C2");
        assert!(likeliest(&records, &among, 60).is_empty());
    }

    #[test]
    fn blanks_match_nothing_and_only_pairs_with_the_named_ones_count() {
        let three = contacts(&[
            ("1", &[("Name", "Alpha"), ("City", "Rome")]),
            ("2", &[("Name", "Alpha"), ("City", "Rome")]),
            ("3", &[("Name", "Beta"), ("City", "Rome")]),
        ]);
        let named = BTreeSet::from(["3".to_owned()]);
        let found: Vec<_> = duplicates(&three, Some(&named), 10)
            .into_iter()
            .map(|pair| (pair.contact, pair.other))
            .collect();
        let pair = |a: &str, b: &str| (a.to_owned(), b.to_owned());
        assert_eq!(found, [pair("1", "3"), pair("2", "3")]);
        assert_eq!(duplicates(&three, None, 25).len(), 1);
    }

    #[test]
    fn contacts_with_the_same_fields_share_all_strings() {
        let values = FIELDS.map(|field| (field, format!("begin {field} end")));
        let values: Vec<(&str, &str)> = values
            .iter()
            .map(|(field, text)| (*field, text.as_str()))
            .collect();
        let two = contacts(&[("1", &values), ("2", &values)]);
        assert_eq!(duplicates(&two, None, 100)[0].hits, STRINGS);
    }

    #[test]
    fn a_pair_is_found_among_many_and_what_many_share_makes_none() {
        let numbers: Vec<String> = (0..=COMMON).map(|no| no.to_string()).collect();
        let named = |name_of: &dyn Fn(usize) -> String| {
            let strings = |name: String| {
                let value = move |field: &str| match field {
                    "Name" => name.clone(),
                    _ => String::new(),
                };
                SearchStrings::of(&value)
            };
            let contacts = numbers.iter().enumerate();
            let contacts = contacts.map(|(at, no)| (no.clone(), strings(name_of(at))));
            duplicates(&contacts.collect(), None, 10).len()
        };
        let all_but_one = named(&|at| format!("{:05}{:05}", at.max(1), at.max(1)));
        assert_eq!(all_but_one, 1);
        assert_eq!(named(&|_| "Acme".to_owned()), 0);
    }
}
