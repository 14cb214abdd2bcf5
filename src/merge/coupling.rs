//! Which relations couple: one counterpart of a kind to one contact, the lowest key first (`product.md` §6).

use std::collections::{BTreeMap, BTreeSet};

use crate::model::{Form, Kind, form};

/// A row of the Contact Business Relation table.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Relation {
    /// Contact No., in upper case.
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

/// The kind that a relation speaks of: "Link to Table" says it, or else the code where that column is lacking.
///
/// # Errors
/// [`UnknownLink`] when the column says something unknown.
pub fn kind_of(relation: &Relation, codes: &[Option<String>]) -> Result<Option<Kind>, UnknownLink> {
    if relation.no.is_empty() {
        return Ok(None);
    }
    let named = match relation
        .link
        .as_deref()
        .map(|link| link.replace("_x0020_", " "))
    {
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

#[cfg(test)]
mod tests {
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
}
