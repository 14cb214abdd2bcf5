//! What persons take over from their company (`business-central.md` §7).

use std::collections::BTreeMap;

use crate::model::{FieldId, form};

/// Values of a contact by field; a field that its export lacks is missing here.
pub type Values = BTreeMap<FieldId, String>;

/// Which groups of fields persons inherit: the flags of Business Central's Marketing Setup (`business-central.md` §1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Inherit {
    /// Salesperson Code.
    pub salesperson_code: bool,
    /// Territory Code.
    pub territory_code: bool,
    /// Country/Region Code.
    pub country_region_code: bool,
    /// Language Code.
    pub language_code: bool,
    /// Format Region.
    pub format_region: bool,
    /// Address, Address 2, Post Code, City, County.
    pub address_details: bool,
    /// Phones, fax, telex, e-mail, home page.
    pub communication_details: bool,
}

impl Default for Inherit {
    fn default() -> Inherit {
        Inherit {
            salesperson_code: true,
            territory_code: true,
            country_region_code: true,
            language_code: true,
            format_region: true,
            address_details: true,
            communication_details: true,
        }
    }
}

/// The fields by which two addresses are compared.
const ADDRESS: [&str; 4] = ["Address", "Address 2", "Post Code", "City"];

/// The fields that travel with an address.
const ADDRESS_BLOCK: [&str; 5] = ["Address", "Address 2", "Post Code", "City", "County"];

const COMMUNICATION: [&str; 9] = [
    "Phone No.",
    "Telex No.",
    "Fax No.",
    "Telex Answer Back",
    "E-Mail",
    "Home Page",
    "Extension No.",
    "Mobile Phone No.",
    "Pager",
];

impl Inherit {
    /// The fields that stand for themselves and whose flag is set.
    fn single(self) -> impl Iterator<Item = &'static str> {
        let flags = [
            (self.salesperson_code, "Salesperson Code"),
            (self.territory_code, "Territory Code"),
            (self.country_region_code, "Country/Region Code"),
            (self.language_code, "Language Code"),
            (self.format_region, "Format Region"),
        ];
        flags
            .into_iter()
            .filter_map(|(is_set, name)| is_set.then_some(name))
    }

    fn communication(self) -> &'static [&'static str] {
        match self.communication_details {
            true => &COMMUNICATION,
            false => &[],
        }
    }
}

/// Whether any field that persons may inherit, or the Name that their Company Name says, is among these.
pub fn concerns(fields: impl IntoIterator<Item = FieldId>) -> bool {
    let all = || Inherit::default().single();
    fields.into_iter().any(|field| {
        let name = field.def().name;
        name == "Name"
            || ADDRESS_BLOCK.contains(&name)
            || COMMUNICATION.contains(&name)
            || all().any(|single| single == name)
    })
}

fn value<'v>(values: &'v Values, name: &str) -> &'v str {
    FieldId::named(name)
        .and_then(|field| values.get(&field))
        .map_or("", String::as_str)
}

fn same(name: &str, a: &Values, b: &Values) -> bool {
    FieldId::named(name).is_some_and(|field| {
        form::same(
            field.def().form,
            value(a, field.def().name),
            value(b, field.def().name),
        )
    })
}

fn take(into: &mut Values, name: &str, from: &Values) {
    if let Some(field) = FieldId::named(name) {
        into.insert(field, value(from, name).to_owned());
    }
}

/// What a person takes over when its company changed from `before` to `after`: fields in which it was like the company
/// before (§7.2). The address goes as a block, and the company's name always.
pub fn on_change(flags: Inherit, before: &Values, after: &Values, person: &Values) -> Values {
    let mut taken = Values::new();
    let changed = |name: &str| !same(name, before, after);
    for name in flags.single().chain(flags.communication().iter().copied()) {
        if changed(name) && same(name, person, before) {
            take(&mut taken, name, after);
        }
    }
    if flags.address_details && ADDRESS.iter().all(|name| same(name, person, before)) {
        for name in ADDRESS_BLOCK.into_iter().filter(|name| changed(name)) {
            take(&mut taken, name, after);
        }
    }
    if changed("Name") {
        company_name(&mut taken, after);
    }
    taken
}

/// What a person takes over when it is assigned to a company, which may follow an `old` one (§7.1). A blank of the
/// company takes nothing away.
pub fn on_assignment(
    flags: Inherit,
    old: Option<&Values>,
    company: &Values,
    person: &Values,
) -> Values {
    let mut taken = Values::new();
    let is_filled = |name: &&str| !form::is_blank(value(company, name));
    let free = |name: &str| {
        form::is_blank(value(person, name)) || old.is_some_and(|old| same(name, person, old))
    };
    for name in flags.single().filter(is_filled) {
        take(&mut taken, name, company);
    }
    let has_no_address = ADDRESS
        .iter()
        .all(|name| form::is_blank(value(person, name)));
    let has_the_old_one = old.is_some_and(|old| ADDRESS.iter().all(|name| same(name, person, old)));
    if flags.address_details && (has_no_address || has_the_old_one) {
        let news = |name: &&str| !same(name, company, person);
        for name in ADDRESS_BLOCK.into_iter().filter(news) {
            take(&mut taken, name, company);
        }
    }
    let communication = flags.communication().iter().copied();
    let correspondence = flags.communication_details.then_some("Correspondence Type");
    for name in communication.chain(correspondence).filter(is_filled) {
        if free(name) {
            take(&mut taken, name, company);
        }
    }
    company_name(&mut taken, company);
    taken
}

fn company_name(into: &mut Values, company: &Values) {
    if let Some(field) = FieldId::named("Company Name") {
        into.insert(field, value(company, "Name").to_owned());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(pairs: &[(&str, &str)]) -> Values {
        pairs
            .iter()
            .map(|(name, value)| (FieldId::named(name).expect(name), (*value).to_owned()))
            .collect()
    }

    fn said(values: &Values) -> Vec<(&'static str, &str)> {
        values
            .iter()
            .map(|(field, value)| (field.def().name, value.as_str()))
            .collect()
    }

    #[test]
    fn a_person_follows_where_it_was_like_its_company() {
        let before = values(&[("Phone No.", "1"), ("E-Mail", "a@x"), ("City", "Rome")]);
        let after = values(&[("Phone No.", "2"), ("E-Mail", "b@x"), ("City", "Rome")]);
        let person = values(&[("Phone No.", "1"), ("E-Mail", "own@x"), ("City", "Rome")]);
        let taken = on_change(Inherit::default(), &before, &after, &person);
        assert_eq!(said(&taken), [("Phone No.", "2")]);
    }

    #[test]
    fn an_address_is_inherited_as_a_block_or_not_at_all() {
        let before = values(&[("Address", "A 1"), ("City", "Rome")]);
        let after = values(&[("Address", "B 2"), ("City", "Rome"), ("County", "Lazio")]);
        let moved_out = values(&[("Address", "A 1"), ("City", "Paris")]);
        assert!(on_change(Inherit::default(), &before, &after, &moved_out).is_empty());
        let taken = on_change(Inherit::default(), &before, &after, &before);
        assert_eq!(said(&taken), [("Address", "B 2"), ("County", "Lazio")]);
    }

    #[test]
    fn an_assigned_person_takes_codes_always_and_the_rest_where_it_has_none() {
        let company = values(&[
            ("Name", "Acme"),
            ("Territory Code", "N"),
            ("Address", "A 1"),
            ("City", "Rome"),
            ("Phone No.", "1"),
            ("E-Mail", "a@x"),
        ]);
        let person = values(&[
            ("Territory Code", "S"),
            ("City", "Paris"),
            ("E-Mail", "own@x"),
        ]);
        let taken = on_assignment(Inherit::default(), None, &company, &person);
        assert_eq!(
            said(&taken),
            [
                ("Phone No.", "1"),
                ("Territory Code", "N"),
                ("Company Name", "Acme")
            ]
        );
    }

    #[test]
    fn a_person_that_changes_company_leaves_what_was_the_old_ones() {
        let old = values(&[("Name", "Old"), ("Phone No.", "1"), ("City", "Rome")]);
        let new = values(&[("Name", "New"), ("Phone No.", "2"), ("City", "Oslo")]);
        let person = values(&[("Phone No.", "1"), ("City", "Rome")]);
        let taken = on_assignment(Inherit::default(), Some(&old), &new, &person);
        assert_eq!(
            said(&taken),
            [
                ("City", "Oslo"),
                ("Phone No.", "2"),
                ("Company Name", "New")
            ]
        );
    }

    #[test]
    fn without_the_flags_only_the_companys_name_is_inherited() {
        let none = Inherit {
            salesperson_code: false,
            territory_code: false,
            country_region_code: false,
            language_code: false,
            format_region: false,
            address_details: false,
            communication_details: false,
        };
        let company = values(&[("Name", "Acme"), ("Phone No.", "1"), ("City", "Rome")]);
        let taken = on_assignment(none, None, &company, &Values::new());
        assert_eq!(said(&taken), [("Company Name", "Acme")]);
    }

    #[test]
    fn what_concerns_persons_is_what_they_may_inherit_and_the_name_of_their_company() {
        let concern = |name: &str| concerns([FieldId::named(name).expect(name)]);
        for name in [
            "Name",
            "City",
            "County",
            "Pager",
            "E-Mail",
            "Territory Code",
        ] {
            assert!(concern(name), "{name}");
        }
        for name in ["Search Name", "Company Name", "Surname"] {
            assert!(!concern(name), "{name}");
        }
    }
}
