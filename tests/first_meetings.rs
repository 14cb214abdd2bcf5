//! A first pass over many records: what is agreed at sight is what deciding each party would have made of it.

mod support;

use std::collections::BTreeMap;

use couplet::sync::Summary;
use proptest::prelude::*;

use support::Exchange;

/// So many contacts are looked at before their parties take their seats.
const PARTIES: usize = 2_400;

/// Something that is the matter with a few parties of a pass.
#[derive(Clone, Copy, Debug)]
enum Matter {
    /// A side says something else, or nothing.
    Differs(u8, u8),
    /// A side spells the same in another way.
    Quoted(u8, u8),
    /// A record has a cell too few.
    Ragged(u8),
    /// A number stands twice.
    Double(u8),
    /// An address that is none.
    Mail(u8),
    /// An option that is none.
    Option,
    /// A company that is there, or not.
    Company(bool),
    /// A relation to a record that is not there.
    Nobody,
    /// A contact with two counterparts of a kind.
    Second,
}

fn matter() -> impl Strategy<Value = Matter> {
    prop_oneof![
        4 => (0..3u8, 0..6u8).prop_map(|(side, cell)| Matter::Differs(side, cell)),
        2 => (0..3u8, 0..6u8).prop_map(|(side, cell)| Matter::Quoted(side, cell)),
        1 => (0..3u8).prop_map(Matter::Ragged),
        1 => (0..3u8).prop_map(Matter::Double),
        1 => (0..3u8).prop_map(Matter::Mail),
        1 => Just(Matter::Option),
        2 => any::<bool>().prop_map(Matter::Company),
        1 => Just(Matter::Nobody),
        1 => Just(Matter::Second),
    ]
}

/// The files of a first pass. Customers and vendors have a fax, which contacts lack; vendors stand the other way round than
/// contacts, with semicolons and in another encoding.
fn files(matters: &BTreeMap<usize, Matter>, other_faxes: bool) -> [Vec<u8>; 4] {
    let common = "No.,Name,City,Phone No.,E-Mail,Privacy Blocked";
    let mut contacts = vec![format!("{common},Type,Company No.")];
    let mut customers = vec![format!("{common},Fax No.")];
    let mut vendors = vec![format!("{common},Fax No.")];
    let mut relations = vec!["Contact No.,Business Relation Code,Link to Table,No.".to_owned()];
    for at in 0..PARTIES {
        let matter = matters.get(&at).copied();
        let put = |lines: &mut Vec<String>, side: u8, no: String, blocked: &str, rest: &[&str]| {
            let mail = format!("a{at}@example.com");
            let mut cells = vec![
                no,
                format!("Näme {at}"),
                "Ulm".to_owned(),
                format!("+49 {at}"),
                mail,
            ];
            cells.push(blocked.to_owned());
            cells.extend(rest.iter().map(|cell| (*cell).to_owned()));
            match matter {
                Some(Matter::Differs(of, what)) if of == side => {
                    let other = ["other", "", " Ulm "][usize::from(what) % 3];
                    cells[1 + usize::from(what) / 3] = other.to_owned();
                }
                Some(Matter::Quoted(of, cell)) if of == side => {
                    let cell = &mut cells[usize::from(cell)];
                    *cell = format!("\"{cell}\"");
                }
                Some(Matter::Ragged(of)) if of == side => drop(cells.pop()),
                Some(Matter::Mail(of)) if of == side => cells[4] = "nobody".to_owned(),
                Some(Matter::Option) if side == 0 => cells[5] = "perhaps".to_owned(),
                Some(Matter::Company(is_there)) if side == 0 => {
                    cells[7] = if is_there { "C0" } else { "C-" }.to_owned();
                }
                Some(Matter::Double(of)) if of == side => lines.push(cells.join(",")),
                _ => {}
            }
            lines.push(cells.join(","));
        };
        put(&mut contacts, 0, format!("C{at}"), "No", &["Person", ""]);
        if at % 3 > 0 {
            put(&mut customers, 1, format!("K{at}"), "false", &["1"]);
            relations.push(format!("C{at},CUST,Customer,K{at}"));
        }
        if at % 3 < 2 {
            let fax = if other_faxes { "2" } else { "1" };
            put(&mut vendors, 2, format!("V{at}"), "0", &[fax]);
            relations.push(format!("C{at},VEND,Vendor,V{at}"));
        }
        match matter {
            Some(Matter::Nobody) => relations.push(format!("C{at},CUST2,Customer,K-")),
            Some(Matter::Second) => relations.push(format!("C{at},VEND2,Vendor,V{}", at / 3 * 3)),
            _ => {}
        }
    }
    vendors[1..].reverse();
    let text = |lines: Vec<String>| lines.join("\r\n") + "\r\n";
    let vendors = text(vendors).replace(',', ";");
    [
        text(contacts).into_bytes(),
        text(customers).into_bytes(),
        vendors.chars().map(|letter| letter as u8).collect(),
        text(relations).into_bytes(),
    ]
}

const CONFIG: &str = r#"
[tables.contacts]
export = "contacts.csv"
write_back = "in-place"
[tables.customers]
export = "customers.csv"
write_back = "in-place"
[tables.vendors]
export = "vendors.csv"
write_back = "in-place"
[tables.relations]
export = "relations.csv"
"#;

/// No file has a telex, so that its rule changes nothing; but where there is such a rule, every party is decided.
const DECIDE_EACH: &str = "[tables.contacts.fields.\"Telex No.\"]\nhold_always = true\n";

const FILES: [&str; 4] = [
    "contacts.csv",
    "customers.csv",
    "vendors.csv",
    "relations.csv",
];

/// What two passes over the files do, and what they leave.
fn passes(exchange: &Exchange, files: &[Vec<u8>; 4], config: &str) -> (Vec<Summary>, Vec<Vec<u8>>) {
    for (name, bytes) in FILES.iter().zip(files) {
        exchange.put(name, bytes);
    }
    let config = format!("{}{config}", exchange.config());
    let summaries = vec![exchange.summary_of(&config), exchange.summary_of(&config)];
    std::fs::remove_dir_all(exchange.path("state")).expect("removed");
    (summaries, FILES.map(|name| exchange.bytes(name)).to_vec())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn what_agrees_at_sight_is_what_would_be_decided(
        matters in prop::collection::btree_map(0..PARTIES, matter(), 0..60), faxes in any::<bool>(),
    ) {
        let files = files(&matters, faxes);
        let exchange = Exchange::new(CONFIG).with("[setup]\ncreate_contacts = \"never\"\n");
        let (at_sight, shown) = passes(&exchange, &files, "");
        let (decided, written) = passes(&exchange, &files, DECIDE_EACH);
        prop_assert!(shown == written);
        for (at_sight, decided) in at_sight.iter().zip(&decided) {
            prop_assert_eq!(&at_sight.plan, &decided.plan);
            prop_assert_eq!(at_sight.couplings, decided.couplings);
        }
    }
}
