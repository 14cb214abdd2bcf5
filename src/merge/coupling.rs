//! Which relations couple: one counterpart of a kind to one contact, the lowest key first (`product.md` §6).

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use crate::model::{Form, Kind, form};

/// A row of the Contact Business Relation table.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Relation {
    /// Contact No., in upper case; blank in rows that link nobody.
    pub contact: String,
    /// Business Relation Code, in upper case.
    pub code: String,
    /// Link to Table as its file spells it; `None` where the table lacks the column.
    pub link: Option<String>,
    /// No. of the counterpart, in upper case; blank in rows that link to nothing.
    pub no: String,
}

/// What a relation does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It couples a counterpart of this kind.
    Couples(Kind),
    /// It is carried: it links to nothing that Couplet couples.
    Carried,
    /// It would couple, and its contact does not exist.
    NoContact(Kind),
    /// It would couple, and its counterpart does not exist.
    NoCounterpart(Kind),
    /// Its contact already has a counterpart of this kind, through a lower key.
    SecondOfContact(Kind),
    /// Its counterpart already has a contact, through a lower key.
    SecondOfCounterpart(Kind),
    /// "Link to Table" says something that no kind is called.
    UnknownLink,
}

/// "Link to Table" says something that no kind is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnknownLink;

/// The kind that a relation speaks of: "Link to Table" says it, or else the code where that column is lacking. Without a contact or
/// a number it speaks of none.
///
/// # Errors
/// [`UnknownLink`] when the column says something unknown.
pub fn kind_of(relation: &Relation, codes: &[Option<String>]) -> Result<Option<Kind>, UnknownLink> {
    if relation.contact.is_empty() || relation.no.is_empty() {
        return Ok(None);
    }
    let link = match relation.link.as_deref() {
        Some(link) if link.contains("_x0020_") => Some(Cow::Owned(link.replace("_x0020_", " "))),
        link => link.map(Cow::Borrowed),
    };
    let named = match link {
        Some(link) if form::is_blank(&link) => return Ok(None),
        Some(link) => {
            let link = link.trim();
            match Kind::all().find(|kind| kind.def().caption.eq_ignore_ascii_case(link)) {
                Some(kind) => Some(kind),
                // Employees are a kind of Business Central that Couplet does not couple.
                None if link.eq_ignore_ascii_case("employee") => return Ok(None),
                None => return Err(UnknownLink),
            }
        }
        None => Kind::all().find(|kind| {
            let code = codes.get(kind.0 as usize).and_then(Option::as_deref);
            code.is_some_and(|code| form::same(Form::Code, code, &relation.code))
        }),
    };
    Ok(named.filter(|kind| codes.get(kind.0 as usize).is_some_and(Option::is_some)))
}

/// What each relation does, in the order given. Depends on the keys alone, never on that order.
pub fn standings(
    relations: &[Relation],
    codes: &[Option<String>],
    contact_exists: &dyn Fn(&str) -> bool,
    counterpart_exists: &dyn Fn(Kind, &str) -> bool,
) -> Vec<Standing> {
    let mut order: Vec<usize> = (0..relations.len()).collect();
    order.sort_by(|&a, &b| relations[a].cmp(&relations[b]));
    let mut of_contact: BTreeSet<(&str, Kind)> = BTreeSet::new();
    let mut of_counterpart: BTreeMap<(Kind, &str), usize> = BTreeMap::new();
    let mut standings = vec![Standing::Carried; relations.len()];
    for at in order {
        let relation = &relations[at];
        standings[at] = match kind_of(relation, codes) {
            Err(UnknownLink) => Standing::UnknownLink,
            Ok(None) => Standing::Carried,
            Ok(Some(kind)) if !contact_exists(&relation.contact) => Standing::NoContact(kind),
            Ok(Some(kind)) if !counterpart_exists(kind, &relation.no) => {
                Standing::NoCounterpart(kind)
            }
            Ok(Some(kind)) if of_contact.contains(&(relation.contact.as_str(), kind)) => {
                Standing::SecondOfContact(kind)
            }
            Ok(Some(kind)) if of_counterpart.contains_key(&(kind, relation.no.as_str())) => {
                Standing::SecondOfCounterpart(kind)
            }
            Ok(Some(kind)) => {
                of_contact.insert((&relation.contact, kind));
                of_counterpart.insert((kind, &relation.no), at);
                Standing::Couples(kind)
            }
        };
    }
    standings
}

/// Where a record stands that a relation names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stand {
    /// It does not exist.
    Nowhere,
    /// At a position of its table, which is no other record's.
    At(u32),
    /// It exists, and has no position.
    Elsewhere,
}

/// What a relation names, by where it stands instead of by numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ends {
    /// Its kind, as [`kind_of`] says.
    pub kind: Result<Option<Kind>, UnknownLink>,
    /// Its contact.
    pub contact: Stand,
    /// Its counterpart; of no matter where it has no kind.
    pub counterpart: Stand,
}

/// What each relation does, in the order given, as far as no numbers are needed for that. `None` stands for those that may name what
/// another one names too: among just these, whose records exist, [`standings`] decides.
pub fn clear_standings(relations: &[Ends]) -> Vec<Option<Standing>> {
    let mut of_contacts: [Claims; Kind::COUNT] = Default::default();
    let mut of_counterparts: [Claims; Kind::COUNT] = Default::default();
    for relation in relations {
        if let Ok(Some(kind)) = relation.kind
            && relation.contact != Stand::Nowhere
            && relation.counterpart != Stand::Nowhere
        {
            of_contacts[kind.0 as usize].claim(relation.contact);
            of_counterparts[kind.0 as usize].claim(relation.counterpart);
        }
    }
    let standing = |relation: &Ends| match (relation.kind, relation.contact, relation.counterpart) {
        (Err(UnknownLink), _, _) => Some(Standing::UnknownLink),
        (Ok(None), _, _) => Some(Standing::Carried),
        (Ok(Some(kind)), Stand::Nowhere, _) => Some(Standing::NoContact(kind)),
        (Ok(Some(kind)), _, Stand::Nowhere) => Some(Standing::NoCounterpart(kind)),
        (Ok(Some(kind)), contact, counterpart) => {
            let is_alone = of_contacts[kind.0 as usize].is_alone(contact)
                && of_counterparts[kind.0 as usize].is_alone(counterpart);
            is_alone.then_some(Standing::Couples(kind))
        }
    };
    relations.iter().map(standing).collect()
}

/// Which records of a table are named once, and which again: one bit each.
#[derive(Default)]
struct Claims {
    once: Vec<u64>,
    again: Vec<u64>,
}

impl Claims {
    fn claim(&mut self, stand: Stand) {
        let Stand::At(at) = stand else { return };
        let (word, bit) = (at as usize / 64, 1 << (at % 64));
        if word >= self.once.len() {
            self.once.resize(word + 1, 0);
            self.again.resize(word + 1, 0);
        }
        self.again[word] |= self.once[word] & bit;
        self.once[word] |= bit;
    }

    /// Whether nothing else can name the record. Where records have no position, that is not known.
    fn is_alone(&self, stand: Stand) -> bool {
        match stand {
            Stand::At(at) => self.again[at as usize / 64] & (1 << (at % 64)) == 0,
            Stand::Nowhere | Stand::Elsewhere => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn relation(contact: &str, code: &str, link: Option<&str>, no: &str) -> Relation {
        Relation {
            contact: contact.to_owned(),
            code: code.to_owned(),
            link: link.map(str::to_owned),
            no: no.to_owned(),
        }
    }

    fn codes() -> Vec<Option<String>> {
        vec![Some("CUST".to_owned()), Some("VEND".to_owned()), None]
    }

    #[test]
    fn what_a_relation_does_is_this_table() {
        let table = [
            (
                relation("C1", "CUST", Some("Customer"), "10"),
                Standing::Couples(Kind(0)),
            ),
            (
                relation("C1", "OTHER", Some("Customer"), "11"),
                Standing::SecondOfContact(Kind(0)),
            ),
            (relation("C1", "PROS", Some(""), ""), Standing::Carried),
            (
                relation("C1", "BANK", Some("Bank Account"), "B"),
                Standing::Carried,
            ),
            (
                relation("C1", "BANK", Some("Bank_x0020_Account"), "B"),
                Standing::Carried,
            ),
            (
                relation("C1", "STAFF", Some("Employee"), "E"),
                Standing::Carried,
            ),
            (relation("C1", "X", Some(" "), "E"), Standing::Carried),
            (
                relation("C2", "CUST", Some("Customer"), "10"),
                Standing::SecondOfCounterpart(Kind(0)),
            ),
            (
                relation("C2", "VEND", Some("Vendor"), "missing"),
                Standing::NoCounterpart(Kind(1)),
            ),
            (
                relation("gone", "VEND", Some("Vendor"), "20"),
                Standing::NoContact(Kind(1)),
            ),
            (
                relation("C3", "VEND", None, "20"),
                Standing::Couples(Kind(1)),
            ),
            (
                relation("C3", "X", Some("Planet"), "20"),
                Standing::UnknownLink,
            ),
        ];
        let relations: Vec<Relation> = table.iter().map(|(relation, _)| relation.clone()).collect();
        let found = standings(&relations, &codes(), &|no| no != "gone", &|_, no| {
            no != "missing"
        });
        for ((relation, expected), found) in table.iter().zip(&found) {
            assert_eq!(found, expected, "{relation:?}");
        }
    }

    #[test]
    fn the_order_of_rows_does_not_matter() {
        let rows = [
            relation("C2", "CUST", Some("Customer"), "10"),
            relation("C1", "CUST", Some("Customer"), "10"),
            relation("C1", "ZZZ", Some("Customer"), "12"),
        ];
        let there = standings(&rows, &codes(), &|_| true, &|_, _| true);
        let mut turned: Vec<Relation> = rows.to_vec();
        turned.reverse();
        let mut back = standings(&turned, &codes(), &|_| true, &|_, _| true);
        back.reverse();
        assert_eq!(there, back);
        assert_eq!(there[1], Standing::Couples(Kind(0)));
    }

    /// Few numbers, so that relations meet. Even ones have a position, those from 8 on do not exist.
    fn stand(no: &str) -> Stand {
        match no.parse::<u32>() {
            Ok(no) if no >= 8 => Stand::Nowhere,
            Ok(no) if no % 2 == 0 => Stand::At(no * 50),
            _ => Stand::Elsewhere,
        }
    }

    proptest! {
        #[test]
        fn what_is_clear_without_numbers_is_what_the_rule_says_and_the_rest_it_says_of_itself(
            rows in proptest::collection::vec((0u8..10, "[A-C]", 0usize..6, 0u8..10), 0..24),
        ) {
            let links = [Some("Customer"), Some("Vendor"), Some("Bank Account"), Some("Planet"), Some(""), None];
            let rows: Vec<Relation> = rows
                .into_iter()
                .map(|(contact, code, link, no)| {
                    let code = if code == "A" { "CUST" } else { &code };
                    relation(&contact.to_string(), code, links[link], &no.to_string())
                })
                .collect();
            let exists = |no: &str| stand(no) != Stand::Nowhere;
            let expected = standings(&rows, &codes(), &exists, &|_, no| exists(no));
            let ends: Vec<Ends> = rows
                .iter()
                .map(|row| Ends {
                    kind: kind_of(row, &codes()),
                    contact: stand(&row.contact),
                    counterpart: stand(&row.no),
                })
                .collect();
            let mut found = clear_standings(&ends);
            let unclear: Vec<usize> = (0..rows.len()).filter(|at| found[*at].is_none()).collect();
            let among: Vec<Relation> = unclear.iter().map(|at| rows[*at].clone()).collect();
            let among = standings(&among, &codes(), &|_| true, &|_, _| true);
            for (at, standing) in unclear.into_iter().zip(among) {
                found[at] = Some(standing);
            }
            let expected: Vec<Option<Standing>> = expected.into_iter().map(Some).collect();
            prop_assert_eq!(found, expected);
        }
    }

    #[test]
    fn what_is_named_once_is_clear_and_what_is_named_again_is_not() {
        let couples = |contact: u32, counterpart: u32| Ends {
            kind: Ok(Some(Kind(0))),
            contact: Stand::At(contact),
            counterpart: Stand::At(counterpart),
        };
        let clear = Some(Standing::Couples(Kind(0)));
        let relations = [couples(0, 70), couples(1, 71), couples(65, 0)];
        assert_eq!(clear_standings(&relations), vec![clear.clone(); 3]);
        // The first contact is named by three, two of which meet at a counterpart.
        let relations = [
            couples(0, 70),
            couples(0, 71),
            couples(0, 71),
            couples(2, 72),
        ];
        assert_eq!(clear_standings(&relations), [None, None, None, clear]);
    }
}
