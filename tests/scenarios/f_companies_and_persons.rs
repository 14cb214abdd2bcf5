//! F: what persons take over from their company, and what follows from a name.

use couplet::merge::Rule;
use couplet::sync::Outcome;

use crate::support::Exchange;
use crate::{
    BANK, CUSTOMER, KINDS, Kind, RELATION_COLUMNS, VENDOR, add, cell, edit, exchange,
    exchange_through, import, import_of, is_in_step, reconciled, row,
};

/// The flags of `[setup]`, and the fields that persons inherit under each.
const FLAGS: [(&str, &[&str]); 7] = [
    ("inherit_salesperson_code", &["Salesperson Code"]),
    ("inherit_territory_code", &["Territory Code"]),
    ("inherit_country_region_code", &["Country/Region Code"]),
    ("inherit_language_code", &["Language Code"]),
    ("inherit_format_region", &["Format Region"]),
    (
        "inherit_address_details",
        &["Address", "Address 2", "Post Code", "City", "County"],
    ),
    (
        "inherit_communication_details",
        &[
            "Phone No.",
            "Telex No.",
            "Fax No.",
            "Telex Answer Back",
            "E-Mail",
            "Home Page",
            "Extension No.",
            "Mobile Phone No.",
            "Pager",
        ],
    ),
];

/// Inherited on assignment only, with the communication details.
const CORRESPONDENCE: &str = "Correspondence Type";

fn fields() -> Vec<&'static str> {
    let flagged = FLAGS.iter().flat_map(|(_, fields)| fields.iter().copied());
    flagged.chain([CORRESPONDENCE]).collect()
}

/// A value of a field, in its `n`th version.
fn value(field: &str, n: usize) -> String {
    match field {
        "E-Mail" => format!("a{n}@x.example"),
        CORRESPONDENCE => ["Hard Copy", "Email"][n % 2].to_owned(),
        // A code is held in upper case.
        _ => format!("{}{n}", field[..4].trim().to_uppercase()),
    }
}

/// Rows of a contacts export with all fields that persons inherit.
fn header() -> String {
    format!(
        "No.,Name,Type,Company No.,Company Name,{}\n",
        fields().join(",")
    )
}

/// A contact with these values in all its fields.
fn contact(head: &str, of: &dyn Fn(&str) -> String) -> String {
    let values: Vec<String> = fields().into_iter().map(of).collect();
    format!("{head},{}\n", values.join(","))
}

const COMPANY: &str = "C1,Acme,Company,C1,Acme";
const MEMBER: &str = "P1,Ann Smith,Person,C1,Acme";
const ALONE: &str = "P1,Ann Smith,Person,,";

fn contacts(rows: &[String], setup: &str) -> Exchange {
    let text = format!("{}{}", header(), rows.concat());
    let relations = format!("{RELATION_COLUMNS}C1,PROS,,\n");
    exchange(&[("contacts", &text), ("relations", &relations)], "")
        .with(&format!("[setup]\n{setup}"))
}

/// An exchange that has seen its contacts, and found nothing to do.
fn seen(rows: &[String], setup: &str) -> Exchange {
    let exchange = contacts(rows, setup);
    assert!(matches!(exchange.pass(), Outcome::InStep(_)));
    exchange
}

fn shows(exchange: &Exchange, no: &str, field: &str) -> String {
    cell(exchange, "contacts", no, field)
}

#[test]
fn f01_a_person_that_gets_a_company_takes_over_its_values() {
    let company = contact(COMPANY, &|field| value(field, 1));
    let person = contact(ALONE, &|_| String::new());
    let exchange = seen(&[company, person], "");
    edit(&exchange, "contacts", "P1", "Company No.", "C1");
    let summary = reconciled(&exchange);
    for field in fields() {
        assert_eq!(shows(&exchange, "P1", field), value(field, 1), "{field}");
    }
    assert_eq!(shows(&exchange, "P1", "Company Name"), "Acme");
    assert_eq!(shows(&exchange, "P1", "Name"), "Ann Smith");
    let logged: Vec<&str> = (summary.plan.interactions.iter())
        .map(|draft| draft.contact_no.as_str())
        .collect();
    assert_eq!(logged, ["P1"]);
    is_in_step(&exchange);
}

#[test]
fn f01_codes_are_taken_over_always_and_everything_else_where_the_person_has_none() {
    let company = contact(COMPANY, &|field| value(field, 1));
    let person = contact(ALONE, &|field| value(field, 2));
    let exchange = seen(&[company, person], "");
    edit(&exchange, "contacts", "P1", "Company No.", "C1");
    reconciled(&exchange);
    for (flag, fields) in FLAGS {
        let is_code = fields.len() == 1;
        for field in fields {
            let expected = value(field, if is_code { 1 } else { 2 });
            assert_eq!(shows(&exchange, "P1", field), expected, "{flag} {field}");
        }
    }
    assert_eq!(shows(&exchange, "P1", CORRESPONDENCE), "Hard Copy");
    is_in_step(&exchange);
}

#[test]
fn f01_a_blank_of_the_company_takes_nothing_away() {
    let company = contact(COMPANY, &|_| String::new());
    let person = contact(ALONE, &|field| value(field, 2));
    let exchange = seen(&[company, person], "");
    edit(&exchange, "contacts", "P1", "Company No.", "C1");
    reconciled(&exchange);
    for field in fields() {
        assert_eq!(shows(&exchange, "P1", field), value(field, 2), "{field}");
    }
    assert_eq!(shows(&exchange, "P1", "Company Name"), "Acme");
    is_in_step(&exchange);
}

#[test]
fn f01_what_a_person_takes_over_was_said_by_its_company() {
    let company = contact(COMPANY, &|field| value(field, 1));
    let person = contact(ALONE, &|_| String::new());
    let exchange = seen(&[company, person], "");
    edit(&exchange, "contacts", "P1", "Company No.", "C1");
    let summary = reconciled(&exchange);
    let changes = summary.plan.changes.iter();
    let inherited: Vec<_> = changes
        .filter(|change| change.rule == Rule::Inherited)
        .collect();
    assert!(inherited.len() >= fields().len());
    for change in inherited {
        let said: Vec<_> = change
            .because
            .iter()
            .map(|origin| (&*origin.no, origin.line))
            .collect();
        assert_eq!(said, [("C1", 2)], "{}", change.column);
    }
    let subject = &summary.plan.interactions[0].subject;
    assert!(subject.ends_with("(from contact C1)"), "{subject}");
}

#[test]
fn f01_what_somebody_types_in_the_same_edit_beats_what_would_be_inherited() {
    let company = contact(COMPANY, &|field| value(field, 1));
    let person = contact(ALONE, &|_| String::new());
    let exchange = seen(&[company, person], "");
    edit(&exchange, "contacts", "P1", "Company No.", "C1");
    edit(&exchange, "contacts", "P1", "Territory Code", "OWN");
    edit(&exchange, "contacts", "P1", "Phone No.", "999");
    reconciled(&exchange);
    assert_eq!(shows(&exchange, "P1", "Territory Code"), "OWN");
    assert_eq!(shows(&exchange, "P1", "Phone No."), "999");
    assert_eq!(
        shows(&exchange, "P1", "Language Code"),
        value("Language Code", 1)
    );
    is_in_step(&exchange);
}

#[test]
fn f01_a_person_that_changes_its_company_leaves_what_was_the_old_ones() {
    let rows = [
        contact(COMPANY, &|field| value(field, 1)),
        contact("C2,Newco,Company,C2,Newco", &|field| value(field, 2)),
        contact(MEMBER, &|field| value(field, 1)),
    ];
    let exchange = seen(&rows, "");
    edit(&exchange, "contacts", "P1", "Company No.", "C2");
    reconciled(&exchange);
    for field in fields() {
        assert_eq!(shows(&exchange, "P1", field), value(field, 2), "{field}");
    }
    assert_eq!(shows(&exchange, "P1", "Company Name"), "Newco");
    is_in_step(&exchange);
}

#[test]
fn f01_a_person_whose_company_is_not_there_is_a_problem_until_it_is() {
    let rows = [
        contact(COMPANY, &|field| value(field, 1)),
        contact(ALONE, &|_| String::new()),
    ];
    let exchange = seen(&rows, "");
    edit(&exchange, "contacts", "P1", "Company No.", "C9");
    for _ in 0..3 {
        let problems = exchange.summary().plan.problems;
        let kinds: Vec<&str> = problems
            .iter()
            .map(|problem| problem.kind.as_str())
            .collect();
        assert_eq!(kinds, ["no-company"]);
        assert_eq!(shows(&exchange, "P1", "Phone No."), "");
    }
    is_in_step(&exchange);
    let newcomer = contact("C9,Late,Company,C9,Late", &|field| value(field, 3));
    add(&exchange, "contacts", newcomer.trim());
    reconciled(&exchange);
    is_in_step(&exchange);
    // Its coming is no change of the company; what changes from now on is.
    assert_eq!(shows(&exchange, "P1", "Phone No."), "");
    edit(&exchange, "contacts", "C9", "Name", "Later");
    edit(
        &exchange,
        "contacts",
        "P1",
        "Phone No.",
        &value("Phone No.", 3),
    );
    reconciled(&exchange);
    edit(&exchange, "contacts", "C9", "Phone No.", "444");
    reconciled(&exchange);
    assert_eq!(shows(&exchange, "P1", "Company Name"), "Later");
    assert_eq!(shows(&exchange, "P1", "Phone No."), "444");
    is_in_step(&exchange);
}

#[test]
fn f02_without_a_flag_its_fields_are_not_taken_over_on_assignment() {
    for (flag, off) in FLAGS {
        let company = contact(COMPANY, &|field| value(field, 1));
        let person = contact(ALONE, &|_| String::new());
        let exchange = seen(&[company, person], &format!("{flag} = false\n"));
        edit(&exchange, "contacts", "P1", "Company No.", "C1");
        reconciled(&exchange);
        for field in fields() {
            let is_off = off.contains(&field)
                || (field == CORRESPONDENCE && flag == "inherit_communication_details");
            let expected = if is_off {
                String::new()
            } else {
                value(field, 1)
            };
            assert_eq!(shows(&exchange, "P1", field), expected, "{flag}: {field}");
        }
        assert_eq!(shows(&exchange, "P1", "Company Name"), "Acme");
        is_in_step(&exchange);
    }
}

#[test]
fn f02_a_companys_change_reaches_its_person_under_its_flag_alone() {
    for (flag, changed) in FLAGS {
        for is_on in [true, false] {
            let rows = [
                contact(COMPANY, &|field| value(field, 1)),
                contact(MEMBER, &|field| value(field, 1)),
            ];
            let exchange = seen(&rows, &format!("{flag} = {is_on}\n"));
            for field in changed {
                edit(&exchange, "contacts", "C1", field, &value(field, 2));
            }
            let summary = reconciled(&exchange);
            for field in fields() {
                let follows = is_on && changed.contains(&field);
                let expected = value(field, if follows { 2 } else { 1 });
                assert_eq!(shows(&exchange, "P1", field), expected, "{flag}: {field}");
            }
            let logged = summary.plan.interactions.len();
            assert_eq!(logged, usize::from(is_on), "{flag}");
            is_in_step(&exchange);
        }
    }
}

#[test]
fn f02_the_correspondence_type_stays_when_the_companys_changes() {
    let rows = [
        contact(COMPANY, &|field| value(field, 1)),
        contact(MEMBER, &|field| value(field, 1)),
    ];
    let exchange = seen(&rows, "");
    edit(&exchange, "contacts", "C1", CORRESPONDENCE, "Hard Copy");
    reconciled(&exchange);
    assert_eq!(shows(&exchange, "P1", CORRESPONDENCE), "Email");
}

/// A company with a counterpart of a kind, and a person; all show the same.
fn family_with(kind: &Kind, setup: &str) -> (Exchange, Vec<&'static str>) {
    let def = couplet::model::KINDS
        .iter()
        .find(|def| def.table == kind.table);
    let shares = def.expect("a kind").shares.iter();
    let shared: Vec<&str> = shares
        .map(|share| share.counterpart)
        .filter(|name| fields().contains(name))
        .collect();
    let rows = [
        contact(COMPANY, &|field| value(field, 1)),
        contact(MEMBER, &|field| value(field, 1)),
    ];
    let values: Vec<String> = shared.iter().map(|field| value(field, 1)).collect();
    let own = format!(
        "No.,Name,{}\n{},Acme,{}\n",
        shared.join(","),
        kind.no,
        values.join(",")
    );
    let exchange = exchange(
        &[
            ("contacts", &format!("{}{}", header(), rows.concat())),
            (kind.table, &own),
            (
                "relations",
                &format!("{RELATION_COLUMNS}{}", kind.relation()),
            ),
        ],
        "",
    )
    .with(&format!("[setup]\n{setup}"));
    assert!(matches!(exchange.pass(), Outcome::InStep(_)));
    (exchange, shared)
}

#[test]
fn f02_a_change_of_a_companys_counterpart_reaches_its_person_under_its_flag_alone() {
    for kind in KINDS {
        for (flag, changed) in FLAGS {
            for is_on in [true, false] {
                let (exchange, shared) = family_with(&kind, &format!("{flag} = {is_on}\n"));
                let changed: Vec<&str> = (changed.iter().copied())
                    .filter(|field| shared.contains(field))
                    .collect();
                for field in &changed {
                    edit(&exchange, kind.table, kind.no, field, &value(field, 2));
                }
                reconciled(&exchange);
                for field in fields() {
                    let is_changed = changed.contains(&field);
                    let of = |is_new: bool| value(field, if is_new { 2 } else { 1 });
                    let place = format!("{} {flag} {field}", kind.table);
                    assert_eq!(shows(&exchange, "C1", field), of(is_changed), "{place}");
                    assert_eq!(
                        shows(&exchange, "P1", field),
                        of(is_changed && is_on),
                        "{place}"
                    );
                }
                is_in_step(&exchange);
            }
        }
    }
}

#[test]
fn f02_what_a_person_inherits_reaches_its_own_counterpart_in_the_same_pass() {
    for (of_company, of_person) in [
        (VENDOR, CUSTOMER),
        (CUSTOMER, VENDOR),
        (BANK, CUSTOMER),
        (CUSTOMER, BANK),
    ] {
        let columns = "No.,Name,Phone No.\n";
        let relation = of_person.relation_of("P1", of_person.no);
        let exchange = exchange(
            &[
                (
                    "contacts",
                    "No.,Name,Type,Company No.,Phone No.\nP1,Ann,Person,C1,1\nC1,Acme,Company,C1,1\n",
                ),
                (
                    of_company.table,
                    &format!("{columns}{},Acme,1\n", of_company.no),
                ),
                (
                    of_person.table,
                    &format!("{columns}{},Ann,1\n", of_person.no),
                ),
                (
                    "relations",
                    &format!("{RELATION_COLUMNS}{}{relation}", of_company.relation()),
                ),
            ],
            "",
        );
        assert!(matches!(exchange.pass(), Outcome::InStep(_)));
        edit(&exchange, of_company.table, of_company.no, "Phone No.", "2");
        let summary = reconciled(&exchange);
        assert_eq!(shows(&exchange, "C1", "Phone No."), "2");
        assert_eq!(shows(&exchange, "P1", "Phone No."), "2");
        assert_eq!(
            row(&exchange, of_person.table, of_person.no),
            format!("{},Ann,2", of_person.no)
        );
        assert_eq!(summary.plan.interactions.len(), 2);
        is_in_step(&exchange);
        // A word of the person's own counterpart beats what it would inherit.
        edit(&exchange, of_company.table, of_company.no, "Phone No.", "3");
        edit(&exchange, of_person.table, of_person.no, "Phone No.", "4");
        reconciled(&exchange);
        assert_eq!(shows(&exchange, "C1", "Phone No."), "3");
        assert_eq!(shows(&exchange, "P1", "Phone No."), "4");
        is_in_step(&exchange);
    }
}

#[test]
fn f02_a_person_that_moved_itself_keeps_its_own_value() {
    for kind in KINDS {
        let (exchange, _) = family_with(&kind, "");
        edit(&exchange, kind.table, kind.no, "Phone No.", "222");
        edit(&exchange, "contacts", "P1", "Phone No.", "333");
        reconciled(&exchange);
        assert_eq!(shows(&exchange, "C1", "Phone No."), "222");
        assert_eq!(shows(&exchange, "P1", "Phone No."), "333");
        is_in_step(&exchange);
        // From now on it is its own.
        edit(&exchange, kind.table, kind.no, "Phone No.", "444");
        reconciled(&exchange);
        assert_eq!(shows(&exchange, "P1", "Phone No."), "333");
        // It joins its company again as soon as it shows the same.
        edit(&exchange, "contacts", "P1", "Phone No.", "444");
        reconciled(&exchange);
        edit(&exchange, kind.table, kind.no, "Phone No.", "555");
        reconciled(&exchange);
        assert_eq!(shows(&exchange, "P1", "Phone No."), "555");
        is_in_step(&exchange);
    }
}

#[test]
fn f02_nothing_is_inherited_from_a_field_that_is_held_until_it_is_decided() {
    for kind in KINDS {
        let (exchange, _) = family_with(&kind, "");
        edit(&exchange, kind.table, kind.no, "Phone No.", "222");
        edit(&exchange, "contacts", "C1", "Phone No.", "333");
        edit(&exchange, "contacts", "C1", "E-Mail", "b@x.example");
        let summary = exchange.summary();
        assert_eq!(summary.plan.conflicts.len(), 1);
        assert_eq!(shows(&exchange, "P1", "Phone No."), value("Phone No.", 1));
        assert_eq!(shows(&exchange, "P1", "E-Mail"), "b@x.example");
        is_waiting(&exchange);
        let decided = exchange.run(&["conflicts", "resolve", "--all", "--take", "contact"]);
        assert_eq!(decided.code, 0, "{decided:?}");
        reconciled(&exchange);
        assert_eq!(cell(&exchange, kind.table, kind.no, "Phone No."), "333");
        assert_eq!(shows(&exchange, "P1", "Phone No."), "333");
        is_in_step(&exchange);
    }
}

/// The conflict stands, and a pass writes nothing.
fn is_waiting(exchange: &Exchange) {
    let Outcome::InStep(summary) = exchange.pass() else {
        panic!("it writes")
    };
    assert_eq!(summary.plan.conflicts.len(), 1);
}

#[test]
fn f02_nothing_is_inherited_into_a_field_that_is_held() {
    for kind in KINDS {
        let own = format!("No.,Name,Phone No.\n{},Ann,1\n", kind.no);
        let exchange = exchange(
            &[
                (
                    "contacts",
                    "No.,Name,Type,Company No.,Phone No.\nC1,Acme,Company,C1,1\nP1,Ann,Person,C1,1\n",
                ),
                (kind.table, &own),
                (
                    "relations",
                    &format!("{RELATION_COLUMNS}{}", kind.relation_of("P1", kind.no)),
                ),
            ],
            "",
        );
        assert!(matches!(exchange.pass(), Outcome::InStep(_)));
        edit(&exchange, "contacts", "P1", "Phone No.", "2");
        edit(&exchange, kind.table, kind.no, "Phone No.", "3");
        exchange.summary();
        edit(&exchange, "contacts", "C1", "Phone No.", "4");
        let summary = exchange.summary();
        assert_eq!(summary.plan.conflicts.len(), 1);
        assert_eq!(shows(&exchange, "P1", "Phone No."), "2");
        assert_eq!(cell(&exchange, kind.table, kind.no, "Phone No."), "3");
        is_waiting(&exchange);
        let decided = exchange.run(&["conflicts", "resolve", "--all", "--take", "contact"]);
        assert_eq!(decided.code, 0, "{decided:?}");
        reconciled(&exchange);
        assert_eq!(shows(&exchange, "P1", "Phone No."), "2");
        assert_eq!(cell(&exchange, kind.table, kind.no, "Phone No."), "2");
        is_in_step(&exchange);
    }
}

#[test]
fn f02_nothing_is_inherited_at_a_first_meeting() {
    let rows = [
        contact(COMPANY, &|field| value(field, 1)),
        contact("P1,Ann Smith,Person,C1,", &|_| String::new()),
    ];
    let exchange = seen(&rows, "");
    assert_eq!(shows(&exchange, "P1", "Phone No."), "");
    // What a first counterpart fills in is agreed on for the first time, and no change.
    for kind in KINDS {
        let own = format!("No.,Name,Phone No.\n{},Acme,7\n", kind.no);
        let exchange = crate::exchange(
            &[
                (
                    "contacts",
                    "No.,Name,Type,Company No.,Phone No.\nC1,Acme,Company,C1,\nP1,Ann,Person,C1,\n",
                ),
                (kind.table, &own),
                (
                    "relations",
                    &format!("{RELATION_COLUMNS}{}", kind.relation()),
                ),
            ],
            "",
        );
        reconciled(&exchange);
        assert_eq!(shows(&exchange, "C1", "Phone No."), "7");
        assert_eq!(shows(&exchange, "P1", "Phone No."), "");
        is_in_step(&exchange);
    }
}

#[test]
fn f02_a_new_person_fills_its_blanks_from_its_company_and_keeps_what_it_has() {
    let exchange = seen(&[contact(COMPANY, &|field| value(field, 1))], "");
    let own = ["Territory Code", "Phone No."];
    let person = contact(MEMBER, &|field| match own.contains(&field) {
        true => value(field, 2),
        false => String::new(),
    });
    add(&exchange, "contacts", person.trim());
    reconciled(&exchange);
    for field in fields() {
        let n = if own.contains(&field) { 2 } else { 1 };
        assert_eq!(shows(&exchange, "P1", field), value(field, n), "{field}");
    }
    is_in_step(&exchange);
}

#[test]
fn f04_a_person_without_address_that_gets_a_company_gets_its_address() {
    let rows = [
        contact(COMPANY, &|field| value(field, 1)),
        contact(ALONE, &|_| String::new()),
    ];
    let exchange = seen(&rows, "");
    edit(&exchange, "contacts", "P1", "Company No.", "c1");
    reconciled(&exchange);
    for field in FLAGS[5].1 {
        assert_eq!(shows(&exchange, "P1", field), value(field, 1));
    }
    is_in_step(&exchange);
}

#[test]
fn f05_a_person_with_an_address_that_gets_a_company_keeps_it_as_a_whole() {
    for own in ["Address", "Address 2", "Post Code", "City"] {
        let of_person = |field: &str| match field == own {
            true => value(field, 2),
            false => String::new(),
        };
        let rows = [
            contact(COMPANY, &|field| value(field, 1)),
            contact(ALONE, &of_person),
        ];
        let exchange = seen(&rows, "");
        edit(&exchange, "contacts", "P1", "Company No.", "C1");
        reconciled(&exchange);
        for field in FLAGS[5].1 {
            assert_eq!(shows(&exchange, "P1", field), of_person(field), "{own}");
        }
        assert_eq!(shows(&exchange, "P1", "Phone No."), value("Phone No.", 1));
        is_in_step(&exchange);
    }
}

#[test]
fn f05_an_address_follows_the_companys_as_a_block_or_not_at_all() {
    let mut of_person = vec![(true, String::new())];
    of_person
        .extend(["Address", "Address 2", "Post Code", "City"].map(|own| (false, own.to_owned())));
    for (follows, own) in of_person {
        let rows = [
            contact(COMPANY, &|field| value(field, 1)),
            contact(MEMBER, &|field| {
                value(field, if field == own { 2 } else { 1 })
            }),
        ];
        let exchange = seen(&rows, "");
        edit(&exchange, "contacts", "C1", "City", "Kiel");
        edit(&exchange, "contacts", "C1", "County", "SH");
        reconciled(&exchange);
        let (city, county) = (
            shows(&exchange, "P1", "City"),
            shows(&exchange, "P1", "County"),
        );
        match follows {
            true => assert_eq!((city.as_str(), county.as_str()), ("Kiel", "SH")),
            false => assert!(city != "Kiel" && county != "SH", "{own}"),
        }
        is_in_step(&exchange);
    }
}

#[test]
fn f07_a_company_may_have_the_same_name_as_its_person() {
    let text = "No.,Name,Type,Company No.,Company Name\nP1,A,Person,,\nC1,A,Company,C1,A\n";
    let relations = format!("{RELATION_COLUMNS}C1,PROS,,\n");
    let exchange = exchange(&[("contacts", text), ("relations", &relations)], "");
    exchange.summary();
    edit(&exchange, "contacts", "P1", "Company No.", "C1");
    reconciled(&exchange);
    assert_eq!(row(&exchange, "contacts", "P1"), "P1,A,Person,C1,A");
    // Who renames the person does not rename its company, and the other way round.
    edit(&exchange, "contacts", "P1", "Name", "B");
    reconciled(&exchange);
    assert_eq!(row(&exchange, "contacts", "C1"), "C1,A,Company,C1,A");
    assert_eq!(row(&exchange, "contacts", "P1"), "P1,B,Person,C1,A");
    edit(&exchange, "contacts", "C1", "Name", "C");
    reconciled(&exchange);
    assert_eq!(row(&exchange, "contacts", "P1"), "P1,B,Person,C1,C");
    is_in_step(&exchange);
}

const NAMES: &str = "No.,Name,Type,Company No.,Company Name,First Name,Middle Name,Surname,Search Name,Phone No.,E-Mail\n";

/// Contacts with their names, after a first pass; contacts may be created.
fn names(rows: &str) -> Exchange {
    let relations = format!("{RELATION_COLUMNS}C1,PROS,,\n");
    let exchange = exchange(
        &[
            ("contacts", &format!("{NAMES}{rows}")),
            ("relations", &relations),
        ],
        "",
    )
    .with("[setup]\ncontact_nos = \"N1\"\n");
    assert!(matches!(exchange.pass(), Outcome::InStep(_)));
    exchange
}

const ACME: &str = "C1,Acme,Company,C1,Acme,,,,ACME,1,\n";

fn created(exchange: &Exchange, arguments: &[&str]) -> String {
    let ran = exchange.run(&[&["create", "contact"][..], arguments].concat());
    assert_eq!((ran.code, ran.out.as_str()), (0, "N1\n"), "{ran:?}");
    is_in_step(exchange);
    row(exchange, "contacts", "N1")
}

#[test]
fn f10_a_contact_that_is_created_for_a_company_is_a_person_of_it() {
    let exchange = names(ACME);
    assert_eq!(
        created(&exchange, &["--company", "c1", "--name", "Ann Smith"]),
        "N1,Ann Smith,Person,C1,Acme,Ann,,Smith,ANN SMITH,1,"
    );
}

#[test]
fn f11_a_contact_that_is_created_alone_is_a_company_without_a_name_until_it_gets_one() {
    let exchange = names(ACME);
    assert_eq!(created(&exchange, &[]), "N1,,Company,N1,,,,,,,");
    edit(&exchange, "contacts", "N1", "Name", "Newco");
    reconciled(&exchange);
    assert_eq!(
        row(&exchange, "contacts", "N1"),
        "N1,Newco,Company,N1,Newco,,,,NEWCO,,"
    );
    is_in_step(&exchange);
}

#[test]
fn f13_the_name_of_a_new_person_is_broken_down() {
    for (name, parts) in [
        ("X Y Z", "X,Y,Z"),
        ("X Y", "X,,Y"),
        ("X", "X,,"),
        ("W X Y Z", "W X,Y,Z"),
    ] {
        let exchange = names(ACME);
        assert_eq!(
            created(&exchange, &["--person", "--name", name]),
            format!("N1,{name},Person,,,{parts},{name},,")
        );
    }
}

#[test]
fn f13_the_parts_of_a_person_follow_its_name() {
    let exchange = names("P1,Ann Smith,Person,,,Ann,,Smith,ANN SMITH,,\n");
    edit(&exchange, "contacts", "P1", "Name", "X Y Z");
    reconciled(&exchange);
    assert_eq!(
        row(&exchange, "contacts", "P1"),
        "P1,X Y Z,Person,,,X,Y,Z,X Y Z,,"
    );
    is_in_step(&exchange);
    // Who enters both means both.
    edit(&exchange, "contacts", "P1", "Name", "Dr. Q");
    edit(&exchange, "contacts", "P1", "Surname", "Q");
    reconciled(&exchange);
    let row = row(&exchange, "contacts", "P1");
    assert!(row.starts_with("P1,Dr. Q,Person,,,X,Y,Q,"), "{row}");
    is_in_step(&exchange);
}

#[test]
fn f14_a_bad_value_in_the_same_edit_is_a_problem_of_its_field_alone() {
    let exchange = names("P1,Ann Smith,Person,,,Ann,,Smith,ANN SMITH,,\n");
    edit(&exchange, "contacts", "P1", "Name", "X Y Z");
    edit(&exchange, "contacts", "P1", "E-Mail", "no address");
    let problems = exchange.summary().plan.problems;
    let of: Vec<_> = (problems.iter())
        .map(|problem| (problem.kind.as_str(), problem.place.column.as_deref()))
        .collect();
    assert_eq!(of, [("invalid-e-mail", Some("E-Mail"))]);
    assert_eq!(
        row(&exchange, "contacts", "P1"),
        "P1,X Y Z,Person,,,X,Y,Z,X Y Z,,no address"
    );
    // What somebody is asked to create with such a value is not created.
    let create = [
        "create",
        "contact",
        "--person",
        "--name",
        "A B",
        "--set",
        "E-Mail=none",
    ];
    let ran = exchange.run(&create);
    assert_eq!(ran.code, 1, "{ran:?}");
    assert!(ran.err.contains("E-Mail"), "{ran:?}");
    assert!(!exchange.text("contacts.csv").contains("A B"));
}

#[test]
fn f15_the_company_name_of_a_new_company_is_its_name() {
    let exchange = names(ACME);
    assert_eq!(
        created(&exchange, &["--name", "X"]),
        "N1,X,Company,N1,X,,,,X,,"
    );
}

#[test]
fn f16_the_name_of_a_person_follows_its_parts_and_reaches_its_counterpart() {
    for kind in KINDS {
        let columns = "No.,Name,Type,Company No.,First Name,Middle Name,Surname,Search Name\n";
        let own = format!("No.,Name,Search Name\n{},Ann Smith,ANN SMITH\n", kind.no);
        let exchange = exchange(
            &[
                (
                    "contacts",
                    &format!("{columns}C1,Ann Smith,Person,,Ann,,Smith,ANN SMITH\n"),
                ),
                (kind.table, &own),
                (
                    "relations",
                    &format!("{RELATION_COLUMNS}{}", kind.relation()),
                ),
            ],
            "",
        );
        assert!(matches!(exchange.pass(), Outcome::InStep(_)));
        for (column, part) in [("First Name", "A"), ("Middle Name", "B"), ("Surname", "C")] {
            edit(&exchange, "contacts", "C1", column, part);
        }
        reconciled(&exchange);
        assert_eq!(
            row(&exchange, "contacts", "C1"),
            "C1,A B C,Person,,A,B,C,A B C"
        );
        assert_eq!(
            row(&exchange, kind.table, kind.no),
            format!("{},A B C,A B C", kind.no)
        );
        is_in_step(&exchange);
        edit(&exchange, "contacts", "C1", "Middle Name", "");
        reconciled(&exchange);
        assert_eq!(shows(&exchange, "C1", "Name"), "A C");
        assert_eq!(cell(&exchange, kind.table, kind.no, "Name"), "A C");
        // A name that the counterpart brings is broken down.
        edit(&exchange, kind.table, kind.no, "Name", "D E F");
        reconciled(&exchange);
        assert_eq!(
            row(&exchange, "contacts", "C1"),
            "C1,D E F,Person,,D,E,F,D E F"
        );
        is_in_step(&exchange);
    }
}

#[test]
fn f16_a_part_and_a_name_that_two_sides_change_at_once_both_stay() {
    for kind in KINDS {
        let own = format!("No.,Name\n{},Ann Smith\n", kind.no);
        let exchange = exchange(
            &[
                (
                    "contacts",
                    "No.,Name,Type,First Name,Middle Name,Surname\nC1,Ann Smith,Person,Ann,,Smith\n",
                ),
                (kind.table, &own),
                (
                    "relations",
                    &format!("{RELATION_COLUMNS}{}", kind.relation()),
                ),
            ],
            "",
        );
        assert!(matches!(exchange.pass(), Outcome::InStep(_)));
        edit(&exchange, "contacts", "C1", "First Name", "Anna");
        edit(&exchange, kind.table, kind.no, "Name", "Ann Jones");
        exchange.summary();
        assert_eq!(shows(&exchange, "C1", "Name"), "Ann Jones");
        assert_eq!(shows(&exchange, "C1", "First Name"), "Anna");
        is_in_step(&exchange);
    }
}

#[test]
fn f17_the_company_name_of_a_company_and_of_its_persons_follows_its_name() {
    let rows = format!(
        "{ACME}P1,Ann Smith,Person,C1,Acme,Ann,,Smith,ANN SMITH,9,\nP2,Bob,Person,C1,Old name,Bob,,,BOB,8,\n"
    );
    let exchange = names(&rows);
    edit(&exchange, "contacts", "C1", "Name", "Newco");
    let summary = reconciled(&exchange);
    assert_eq!(
        exchange.text("contacts.csv"),
        format!(
            "{NAMES}C1,Newco,Company,C1,Newco,,,,NEWCO,1,\n\
             P1,Ann Smith,Person,C1,Newco,Ann,,Smith,ANN SMITH,9,\nP2,Bob,Person,C1,Newco,Bob,,,BOB,8,\n"
        )
    );
    assert_eq!(summary.plan.interactions.len(), 3);
    is_in_step(&exchange);
    // Who changes the Company Name of a person in the same export means that.
    edit(&exchange, "contacts", "C1", "Name", "Third");
    edit(&exchange, "contacts", "P1", "Company Name", "My own");
    reconciled(&exchange);
    assert_eq!(shows(&exchange, "P1", "Company Name"), "My own");
    assert_eq!(shows(&exchange, "P2", "Company Name"), "Third");
    is_in_step(&exchange);
}

#[test]
fn f17_a_companys_name_that_its_counterpart_changes_reaches_its_persons() {
    for kind in KINDS {
        let (exchange, _) = family_with(&kind, "");
        edit(&exchange, kind.table, kind.no, "Name", "Newco");
        reconciled(&exchange);
        assert_eq!(shows(&exchange, "C1", "Name"), "Newco");
        assert_eq!(shows(&exchange, "C1", "Company Name"), "Newco");
        assert_eq!(shows(&exchange, "P1", "Company Name"), "Newco");
        assert_eq!(shows(&exchange, "P1", "Name"), "Ann Smith");
        is_in_step(&exchange);
    }
}

/// A company with a counterpart and a person, all in a folder exchange.
fn family_by_updates(kind: &Kind, more: &str) -> Exchange {
    let own = format!("No.,Name,Phone No.,City\n{},Acme,1,Rome\n", kind.no);
    let exchange = exchange_through(
        "updates",
        &[
            (
                "contacts",
                "No.,Name,Type,Company No.,Company Name,Phone No.,City\n\
                 C1,Acme,Company,C1,Acme,1,Rome\nP1,Ann,Person,C1,Acme,1,Rome\n",
            ),
            (kind.table, &own),
            (
                "relations",
                &format!("{RELATION_COLUMNS}{}", kind.relation()),
            ),
        ],
        more,
    );
    assert!(matches!(exchange.pass(), Outcome::InStep(_)));
    exchange
}

#[test]
fn f18_a_person_in_a_folder_exchange_follows_its_company_before_anything_is_imported() {
    for kind in KINDS {
        let exchange = family_by_updates(&kind, "");
        let mut passes = Vec::new();
        for phone in ["2", "3"] {
            edit(&exchange, kind.table, kind.no, "Phone No.", phone);
            let pass = reconciled(&exchange).pass.expect("a pass");
            let update = exchange.text(&format!("updates/contacts_{pass:06}.csv"));
            for of in ["C1,Acme,Company,C1,Acme", "P1,Ann,Person,C1,Acme"] {
                let line = update.lines().find(|line| line.starts_with(&of[..2]));
                let line = line.unwrap_or_else(|| panic!("{of} in {update}"));
                assert!(line.split(',').any(|cell| cell == phone), "{line}");
            }
            is_in_step(&exchange);
            passes.push(pass);
        }
        // A late import of the first update, and then of the second.
        import(&exchange, passes[0]);
        let summary = reconciled(&exchange);
        assert!(!summary.plan.writes(), "{:#?}", summary.plan.changes);
        is_in_step(&exchange);
        import(&exchange, passes[1]);
        let summary = reconciled(&exchange);
        assert!(!summary.plan.writes(), "{:#?}", summary.plan.changes);
        assert_eq!(shows(&exchange, "P1", "Phone No."), "3");
        is_in_step(&exchange);
        // And it goes on following.
        edit(&exchange, "contacts", "C1", "Phone No.", "4");
        let pass = reconciled(&exchange).pass.expect("a pass");
        import(&exchange, pass);
        assert!(!reconciled(&exchange).plan.writes());
        assert_eq!(shows(&exchange, "P1", "Phone No."), "4");
        assert_eq!(cell(&exchange, kind.table, kind.no, "Phone No."), "4");
        is_in_step(&exchange);
    }
}

#[test]
fn f18_a_company_that_changes_back_before_its_person_was_imported_takes_it_along() {
    for kind in KINDS {
        let exchange = family_by_updates(&kind, "");
        edit(&exchange, kind.table, kind.no, "Phone No.", "2");
        let first = reconciled(&exchange).pass.expect("a pass");
        edit(&exchange, kind.table, kind.no, "Phone No.", "1");
        let second = reconciled(&exchange);
        assert!(second.plan.writes(), "or the first update would come last");
        import_of(&exchange, "contacts", first);
        import_of(&exchange, "contacts", second.pass.expect("a pass"));
        let after = reconciled(&exchange);
        assert!(!after.plan.writes() && after.plan.conflicts.is_empty());
        assert_eq!(shows(&exchange, "C1", "Phone No."), "1");
        assert_eq!(shows(&exchange, "P1", "Phone No."), "1");
        is_in_step(&exchange);
    }
}

#[test]
fn f18_a_person_that_is_assigned_in_a_folder_exchange_takes_over_before_it_is_imported() {
    for kind in KINDS {
        let exchange = family_by_updates(&kind, "");
        add(&exchange, "contacts", "P2,Bob,Person,,,,");
        reconciled(&exchange);
        edit(&exchange, "contacts", "P2", "Company No.", "C1");
        let pass = reconciled(&exchange).pass.expect("a pass");
        let update = exchange.text(&format!("updates/contacts_{pass:06}.csv"));
        assert_eq!(update.lines().count(), 2, "{update}");
        is_in_step(&exchange);
        import(&exchange, pass);
        assert!(!reconciled(&exchange).plan.writes());
        assert_eq!(
            row(&exchange, "contacts", "P2"),
            "P2,Bob,Person,C1,Acme,1,Rome"
        );
        is_in_step(&exchange);
    }
}

#[test]
fn f18_a_person_that_a_delta_export_does_not_list_follows_its_company() {
    for kind in KINDS {
        let exchange = family_by_updates(&kind, "");
        let back = "export = \"contacts.csv\"\n";
        let config = exchange
            .config()
            .replace(back, &format!("{back}contents = \"delta\"\n"));
        let exchange = exchange.configured(&config);
        exchange.summary();
        exchange.put(
            "contacts.csv",
            "No.,Name,Type,Company No.,Company Name,Phone No.,City\nC1,Newco,Company,C1,Newco,2,Rome\n",
        );
        let pass = reconciled(&exchange).pass.expect("a pass");
        let update = exchange.text(&format!("updates/contacts_{pass:06}.csv"));
        let person = update.lines().find(|line| line.starts_with("P1,"));
        let person = person.unwrap_or_else(|| panic!("no P1 in {update}"));
        let cells: Vec<&str> = person.split(',').collect();
        assert!(cells.contains(&"Newco") && cells.contains(&"2"), "{update}");
        is_in_step(&exchange);
    }
}

#[test]
fn f18_families_are_the_same_whatever_the_order_of_their_rows() {
    for kind in KINDS {
        let rows = [
            contact(COMPANY, &|field| value(field, 1)),
            contact(MEMBER, &|field| value(field, 1)),
        ];
        let mut turned = rows.clone();
        turned.reverse();
        let [there, back] = [rows, turned].map(|rows| {
            let own = format!(
                "No.,Name,Phone No.\n{},Acme,{}\n",
                kind.no,
                value("Phone No.", 1)
            );
            let exchange = exchange(
                &[
                    ("contacts", &format!("{}{}", header(), rows.concat())),
                    (kind.table, &own),
                    (
                        "relations",
                        &format!("{RELATION_COLUMNS}{}", kind.relation()),
                    ),
                ],
                "",
            );
            exchange.summary();
            edit(&exchange, kind.table, kind.no, "Phone No.", "222");
            edit(&exchange, "contacts", "C1", "Name", "Newco");
            let plan = reconciled(&exchange).plan;
            is_in_step(&exchange);
            let changes = plan.changes.iter();
            changes
                .map(|change| (change.no.clone(), change.column.clone(), change.to.clone()))
                .collect::<std::collections::BTreeSet<_>>()
        });
        assert_eq!(there, back);
    }
}
