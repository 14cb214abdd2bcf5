//! The status of a contact: what its relations make of it (`business-central.md` §6.2).

use crate::model::{Kind, form};

/// A relation as the status sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StatusRow {
    /// The kind it links to, where its code is a setup code and its number is filled.
    pub links: Option<Kind>,
}

/// The status that these relations (a contact's own, and its company's) give.
pub fn status(rows: &[StatusRow]) -> &'static str {
    let linked: Vec<Kind> = rows.iter().filter_map(|row| row.links).collect();
    match (rows, linked.as_slice()) {
        ([], _) => "None",
        ([_], []) => "Other",
        ([_], [kind]) => kind.def().caption,
        _ => "Multiple",
    }
}

/// Whether a cell already says this status; blank and None are equal, and OData writes blanks as `_x0020_`.
pub fn says(cell: &str, status: &str) -> bool {
    let plain = cell.replace("_x0020_", " ");
    let cell = plain.trim();
    (form::is_blank(cell) && status == "None") || cell.eq_ignore_ascii_case(status)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_status_is_this_table() {
        let other = StatusRow { links: None };
        let customer = StatusRow {
            links: Some(Kind(0)),
        };
        let bank = StatusRow {
            links: Some(Kind(2)),
        };
        let table: &[(&[StatusRow], &str)] = &[
            (&[], "None"),
            (&[other], "Other"),
            (&[other, other], "Multiple"),
            (&[customer], "Customer"),
            (&[bank], "Bank Account"),
            (&[customer, other], "Multiple"),
            (&[customer, bank], "Multiple"),
        ];
        for (rows, expected) in table {
            assert_eq!(status(rows), *expected);
        }
    }

    #[test]
    fn blank_and_none_are_equal() {
        assert!(says("", "None"));
        assert!(says("Bank_x0020_Account", "Bank Account"));
        assert!(!says("", "Customer"));
    }
}
