//! A row of the relations table as a relation, and what it is called in the state.

use crate::exports::Record;
use crate::merge::coupling::Relation;
use crate::model::{Form, Row, form};

/// A row of the relations export as a relation.
pub fn read_relation(record: &Record) -> Relation {
    relation_of(record.row())
}

/// A row of the relations table as a relation.
pub fn relation_of(row: &Row) -> Relation {
    let mut relation = Relation::default();
    fill(&mut relation, row);
    relation
}

/// Makes a relation what a row says, in the room that it has.
pub(in crate::sync) fn fill(relation: &mut Relation, row: &Row) {
    let code = |column: usize, into: &mut String| {
        let text = row.get(column).unwrap_or_default();
        form::canonical(Form::Code, text).as_ref().clone_into(into);
    };
    code(0, &mut relation.contact);
    code(1, &mut relation.code);
    match (row.get(2), &mut relation.link) {
        (Some(text), Some(link)) => text.clone_into(link),
        (text, link) => *link = text.map(str::to_owned),
    }
    code(3, &mut relation.no);
}

/// How a relation that is asked to be removed is named in the state: another number makes it another relation.
pub fn removal_name(relation: &Relation) -> String {
    format!("{} {} {}", relation.contact, relation.code, relation.no)
}

/// The relations that are named like this: contacts and codes may have blanks in them.
pub(in crate::sync) fn called(name: &str) -> impl Iterator<Item = Relation> {
    let blanks = || name.match_indices(' ').map(|(at, _)| at);
    let pairs = blanks().flat_map(move |first| {
        let later = blanks().filter(move |at| *at > first);
        later.map(move |second| (first, second))
    });
    pairs.map(move |(first, second)| Relation {
        contact: name[..first].to_owned(),
        code: name[first + 1..second].to_owned(),
        link: None,
        no: name[second + 1..].to_owned(),
    })
}

/// How a relation row is named in the state.
pub fn relation_name(relation: &Relation) -> String {
    format!("{} {}", relation.contact, relation.code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_relation_is_among_those_that_its_name_may_mean() {
        for (contact, code, no) in [
            ("C1", "CUST", "10"),
            ("C 1", "CUST A", "1 0"),
            ("", "", ""),
            ("C1", "", " "),
        ] {
            let relation = Relation {
                contact: contact.to_owned(),
                code: code.to_owned(),
                link: None,
                no: no.to_owned(),
            };
            let named: Vec<Relation> = called(&removal_name(&relation)).collect();
            assert!(named.contains(&relation), "{named:?}");
        }
    }
}
