//! J, P27, P30 and P31: quotes and orders from contacts. Documents as JSON, so that a test can ask for a field by its name.

use serde_json::Value;

use super::support::{Exchange, Ran, SETUP};

const CONTACTS: &str = "\
No.,Name,Type,Company No.,Address,City,Country/Region Code,E-Mail,Phone No.,Salesperson Code,Privacy Blocked
C1,Comp One,Company,C1,1 Street,Oslo,NO,one@x.example,1,JO,No
P1,Ann Lee,Person,C1,9 Lane,Bergen,NO,ann@x.example,11,LT,No
P2,Bob Roe,Person,C1,8 Lane,Bergen,NO,bob@x.example,12,,No
C2,Comp Two,Company,C2,2 Street,Rome,IT,two@x.example,2,JO,No
P3,Cid Poe,Person,C2,7 Lane,Rome,IT,,,,No
C3,Secret,Company,C3,3 Street,Bonn,DE,,,,Yes
C4,Comp Four,Company,C4,4 Street,Paris,FR,four@x.example,4,,No
P4,Dan Fox,Person,C4,6 Lane,Paris,FR,dan@x.example,14,,No
";
const CUSTOMERS: &str = "\
No.,Name,Address,City,Contact,Primary Contact No.,E-Mail,Phone No.,Bill-to Customer No.,Ship-to Code,Payment Terms Code,Copy Sell-to Addr. to Qte From
10,Comp One,1 Street,Oslo,Ann Lee,P1,one@x.example,1,,,14D,Company
";
const VENDORS: &str = "No.,Name,Address,City,Contact,Primary Contact No.,E-Mail\n20,Comp One,1 Street,Oslo,Ann Lee,P1,\n";
const RELATIONS: &str = "Contact No.,Business Relation Code,Link to Table,No.\nC1,CUST,Customer,10\nC1,VEND,Vendor,20\n";
const CUSTOMER_TEMPLATES: &str = "\
Code,Contact Type,Country/Region Code,Payment Terms Code,Currency Code
CT,Company,IT,30D,EUR
CTP,Person,IT,8D,EUR
CTF,Person,FR,8D,EUR
CT9,Company,,1M,
";
const VENDOR_TEMPLATES: &str =
    "Code,Contact Type,Country/Region Code\nVT,Company,IT\nVTP,Person,IT\n";

/// C1 with its persons P1 and P2 is a customer and a vendor; C2 with P3 and C4 with P4 are neither.
fn office() -> Exchange {
    let mut config = SETUP.replacen(
        "[setup]\n",
        "[setup]\ncustomer_nos = \"D1\"\nvendor_nos = \"K1\"\n",
        1,
    );
    for table in ["contacts", "customers", "vendors", "relations"] {
        config.push_str(&format!(
            "[tables.{table}]\nexport = \"{table}.csv\"\nwrite_back = \"in-place\"\n"
        ));
    }
    for table in [
        "customer_templates",
        "vendor_templates",
        "ship_to_addresses",
    ] {
        config.push_str(&format!("[tables.{table}]\nexport = \"{table}.csv\"\n"));
    }
    config.push_str("[documents]\nfolder = \"documents\"\nformat = \"json\"\n");
    for kind in [
        "sales_quote",
        "sales_order",
        "purchase_quote",
        "purchase_order",
    ] {
        let first: String = kind
            .split('_')
            .filter_map(|word| word.chars().next())
            .collect();
        config.push_str(&format!("{kind}_nos = \"{}1\"\n", first.to_uppercase()));
    }
    let exchange = Exchange::of(&config);
    exchange
        .put("contacts.csv", CONTACTS)
        .put("customers.csv", CUSTOMERS)
        .put("vendors.csv", VENDORS)
        .put("relations.csv", RELATIONS)
        .put("customer_templates.csv", CUSTOMER_TEMPLATES)
        .put("vendor_templates.csv", VENDOR_TEMPLATES)
        .put(
            "ship_to_addresses.csv",
            "Customer No.,Code,Name,City,Contact\n10,LONDON,Comp One UK,London,London\n",
        );
    let ran = exchange.run(&["reconcile"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    exchange
}

fn run(exchange: &Exchange, arguments: &[&str]) -> Ran {
    exchange.run(&[&["document"], arguments].concat())
}

/// The last version of a document.
fn document(exchange: &Exchange, no: &str) -> Value {
    let mut paths: Vec<_> = std::fs::read_dir(exchange.path("documents"))
        .expect("a folder")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.to_string_lossy().contains(&format!("_{no}_")))
        .collect();
    paths.sort();
    let path = paths.last().unwrap_or_else(|| panic!("no document {no}"));
    serde_json::from_slice(&std::fs::read(path).expect("read")).expect("JSON")
}

/// Writes a document and reads it.
fn written(exchange: &Exchange, arguments: &[&str]) -> Value {
    let ran = run(exchange, arguments);
    assert_eq!(ran.code, 0, "{ran:?}");
    document(exchange, ran.out.trim())
}

fn refused(exchange: &Exchange, arguments: &[&str], reason: &str) {
    let ran = run(exchange, arguments);
    assert_eq!(ran.code, 1, "{ran:?}");
    assert!(ran.err.contains(reason), "{ran:?}");
}

fn says(document: &Value, fields: &[(&str, &str)]) {
    for (field, value) in fields {
        assert_eq!(document[*field], **value, "{field} of {document:#}");
    }
}

#[test]
fn j01_j10_a_quote_for_a_contact_that_is_a_customer_is_the_customers_and_has_no_template() {
    let quote = written(&office(), &["sales-quote", "--contact", "C1"]);
    says(
        &quote,
        &[
            ("Document Type", "Quote"),
            ("No.", "SQ1"),
            ("Sell-to Customer No.", "10"),
            ("Sell-to Customer Templ. Code", ""),
            ("Sell-to Contact No.", "C1"),
            ("Sell-to Customer Name", "Comp One"),
            ("Bill-to Customer No.", "10"),
            ("Bill-to Name", "Comp One"),
            ("Bill-to Contact No.", "C1"),
            ("Payment Terms Code", "14D"),
            ("Salesperson Code", "JO"),
        ],
    );
}

#[test]
fn j03_j04_a_quote_for_who_is_no_customer_has_the_template_that_fits_its_country_and_type() {
    let exchange = office();
    let of = |contact: &str| {
        written(&exchange, &["sales-quote", "--contact", contact])["Sell-to Customer Templ. Code"]
            .clone()
    };
    assert_eq!(of("C2"), "CT");
    assert_eq!(of("P3"), "CTP");
}

#[test]
fn j05_j07_a_quote_may_have_no_template_because_none_fits_or_none_is_wanted() {
    let exchange = office();
    let quote = written(
        &exchange,
        &["sales-quote", "--contact", "P3", "--without-template"],
    );
    says(
        &quote,
        &[
            ("Sell-to Customer Templ. Code", ""),
            ("Sell-to Customer No.", ""),
            ("Sell-to Contact No.", "P3"),
        ],
    );
    let quote = written(&exchange, &["sales-quote", "--contact", "C4"]);
    says(&quote, &[("Sell-to Customer Templ. Code", "")]);
    refused(
        &exchange,
        &["sales-quote", "--contact", "P3", "--template", "CT"],
        "is for contacts of type Company",
    );
    refused(
        &exchange,
        &["sales-quote", "--contact", "P3", "--template", "XX"],
        "there is no customer template XX",
    );
}

#[test]
fn j08_who_is_billed_is_the_customer_the_contact_with_a_template_or_nobody() {
    let exchange = office();
    let billed = |arguments: &[&str]| {
        written(&exchange, &[&["sales-quote"], arguments].concat())["Bill-to No."].clone()
    };
    assert_eq!(billed(&["--contact", "C1"]), "10");
    assert_eq!(billed(&["--contact", "C2"]), "C2");
    assert_eq!(billed(&["--contact", "C2", "--without-template"]), "");
}

#[test]
fn j09_an_order_from_a_quote_makes_its_contact_a_customer() {
    let exchange = office();
    written(
        &exchange,
        &[
            "sales-quote",
            "--contact",
            "P3",
            "--line",
            "Type=Item,No.=1000,Quantity=3",
        ],
    );
    let order = written(&exchange, &["sales-order", "--quote", "SQ1"]);
    says(
        &order,
        &[
            ("Document Type", "Order"),
            ("No.", "SO1"),
            ("Quote No.", "SQ1"),
            ("Sell-to Customer No.", "D1"),
            ("Sell-to Customer Name", "Comp Two"),
            ("Sell-to Contact No.", "P3"),
            ("Sell-to Contact", "Cid Poe"),
            ("Payment Terms Code", "8D"),
            ("Sell-to City", "Rome"),
        ],
    );
    assert_eq!(order["Lines"][0]["No."], "1000");
    assert!(
        exchange.text("customers.csv").contains("\nD1,Comp Two,"),
        "{}",
        exchange.text("customers.csv")
    );
    assert!(
        exchange
            .text("relations.csv")
            .contains("C2,CUST,Customer,D1"),
        "the company is the customer"
    );
    refused(
        &exchange,
        &["sales-order", "--quote", "SQ1"],
        "was made into SO1 already",
    );
    refused(
        &exchange,
        &["sales-order", "--quote", "SQ9"],
        "there is no sales-quote SQ9",
    );
    refused(
        &exchange,
        &["sales-quote", "--quote", "SQ1"],
        "is not made from a quote",
    );
    written(&exchange, &["sales-quote", "--contact", "C4"]);
    refused(
        &exchange,
        &["sales-order", "--quote", "SQ2"],
        "has no customer template for contact C4",
    );
}

#[test]
fn j12_an_order_from_a_quote_makes_customers_of_who_buys_and_of_who_pays() {
    let exchange = office();
    let quote = written(
        &exchange,
        &["sales-quote", "--contact", "P3", "--bill-to-contact", "P4"],
    );
    says(
        &quote,
        &[
            ("Bill-to Contact No.", "P4"),
            ("Bill-to Customer Templ. Code", "CTP"),
        ],
    );
    let order = written(&exchange, &["sales-order", "--quote", "SQ1"]);
    says(
        &order,
        &[
            ("Sell-to Customer No.", "D1"),
            ("Sell-to Customer Name", "Comp Two"),
            ("Bill-to Customer No.", "D2"),
            ("Bill-to Name", "Comp Four"),
            ("Bill-to Contact No.", "P4"),
        ],
    );
}

#[test]
fn j13_a_company_that_is_no_customer_has_no_contact_name() {
    let quote = written(&office(), &["sales-quote", "--contact", "C2"]);
    says(
        &quote,
        &[
            ("Sell-to Contact No.", "C2"),
            ("Sell-to Contact", ""),
            ("Bill-to Contact", ""),
            ("Sell-to Customer Name", "Comp Two"),
            ("Sell-to City", "Rome"),
            ("Sell-to E-Mail", "two@x.example"),
            ("Currency Code", "EUR"),
        ],
    );
}

#[test]
fn j14_quotes_become_the_new_customers_and_one_with_another_template_is_told() {
    let exchange = office();
    written(
        &exchange,
        &["sales-quote", "--contact", "P3", "--template", "CTP"],
    );
    written(
        &exchange,
        &["sales-quote", "--contact", "C2", "--template", "CT"],
    );
    written(&exchange, &["sales-quote", "--contact", "C4"]);
    let ran = exchange.run(&["create", "customer", "--contact", "C2", "--template", "CT"]);
    assert_eq!((ran.code, ran.out.as_str()), (0, "D1\n"), "{ran:?}");
    let warnings: Vec<&str> = ran
        .err
        .lines()
        .filter(|line| line.contains("warning"))
        .collect();
    assert_eq!(warnings.len(), 1, "{ran:?}");
    assert!(
        warnings[0].contains("sales-quote SQ1, written with template CTP"),
        "{ran:?}"
    );
    for no in ["SQ1", "SQ2"] {
        says(
            &document(&exchange, no),
            &[
                ("Sell-to Customer No.", "D1"),
                ("Sell-to Customer Name", "Comp Two"),
                ("Sell-to Customer Templ. Code", ""),
                ("Bill-to Customer No.", "D1"),
                ("Bill-to No.", "D1"),
            ],
        );
        assert_eq!(document(&exchange, no)["Version No."], 2);
    }
    assert_eq!(
        document(&exchange, "SQ3")["Version No."],
        1,
        "another company's quote is nobody's yet"
    );
    let files = std::fs::read_dir(exchange.path("documents"))
        .expect("a folder")
        .count();
    exchange.run(&["reconcile"]);
    assert_eq!(
        std::fs::read_dir(exchange.path("documents"))
            .expect("a folder")
            .count(),
        files
    );
    // A relation that a system made does the same.
    exchange.put(
        "customers.csv",
        format!("{}77,Comp Four,,,,,,,,,,\n", exchange.text("customers.csv")),
    );
    exchange.put(
        "relations.csv",
        format!("{}C4,CUST,Customer,77\n", exchange.text("relations.csv")),
    );
    exchange.run(&["reconcile"]);
    says(
        &document(&exchange, "SQ3"),
        &[("Sell-to Customer No.", "77")],
    );
}

#[test]
fn j17_j18_a_quote_carries_its_contact_its_template_and_its_lines() {
    let exchange = office();
    exchange.put(
        "lines.csv",
        "Type;No.;Description;Quantity;Colour\nItem;1000;Bicycle;7;red\n;;A remark;;\n",
    );
    let lines = exchange.path("lines.csv").display().to_string();
    let quote = written(
        &exchange,
        &[
            "sales-quote",
            "--contact",
            "C2",
            "--lines",
            &lines,
            "--date",
            "2026-01-02",
            "--external-no",
            "X7",
        ],
    );
    says(
        &quote,
        &[
            ("Sell-to Customer Name", "Comp Two"),
            ("Sell-to Address", "2 Street"),
            ("Ship-to Address", "2 Street"),
            ("Sell-to Phone No.", "2"),
            ("Sell-to Customer Templ. Code", "CT"),
            ("Payment Terms Code", "30D"),
            ("Document Date", "2026-01-02"),
            ("External Document No.", "X7"),
        ],
    );
    let lines = serde_json::json!([
        { "Line No.": "10000", "Type": "Item", "No.": "1000", "Description": "Bicycle", "Quantity": "7", "Colour": "red" },
        { "Line No.": "20000", "Description": "A remark" },
    ]);
    assert_eq!(quote["Lines"], lines);
}

#[test]
fn j31_j32_p31_a_contact_of_another_company_is_refused_and_any_relation_of_its_own_will_do() {
    let exchange = office();
    exchange.put(
        "customers.csv",
        format!("{CUSTOMERS}1,Comp One Ltd,,,,,,,,,,\n2,Comp One Inc,,,,,,,1,,,\n"),
    );
    exchange.put(
        "relations.csv",
        format!("{RELATIONS}C1,KEY,Customer,1\nC1,OLD,Customer,2\n"),
    );
    let quote = written(
        &exchange,
        &["sales-quote", "--contact", "C1", "--customer", "2"],
    );
    says(
        &quote,
        &[
            ("Sell-to Customer No.", "2"),
            ("Sell-to Contact No.", "C1"),
            ("Bill-to Customer No.", "1"),
        ],
    );
    refused(
        &exchange,
        &["sales-order", "--contact", "C2", "--customer", "10"],
        "belongs to another company",
    );
    refused(
        &exchange,
        &["purchase-quote", "--contact", "C2", "--vendor", "20"],
        "belongs to another company",
    );
}

#[test]
fn j33_j34_j35_an_order_has_phone_and_e_mail_of_its_contact_also_where_they_are_blank_unless_they_are_kept()
 {
    let exchange = office();
    let order = written(&exchange, &["sales-order", "--contact", "P2"]);
    says(
        &order,
        &[
            ("Sell-to E-Mail", "bob@x.example"),
            ("Sell-to Phone No.", "12"),
            ("Sell-to Customer No.", "10"),
        ],
    );
    exchange.put("contacts.csv", CONTACTS.replace("bob@x.example", ""));
    let blank = written(&exchange, &["sales-order", "--contact", "P2"]);
    says(&blank, &[("Sell-to E-Mail", "")]);
    let kept = written(
        &exchange,
        &["sales-order", "--contact", "P2", "--keep-e-mail"],
    );
    says(&kept, &[("Sell-to E-Mail", "one@x.example")]);
}

#[test]
fn j36_j56_a_document_for_a_customer_or_vendor_is_for_its_primary_contact() {
    let exchange = office();
    let order = written(&exchange, &["sales-order", "--customer", "10"]);
    says(
        &order,
        &[
            ("Sell-to Contact No.", "P1"),
            ("Sell-to Contact", "Ann Lee"),
            ("Sell-to E-Mail", "ann@x.example"),
        ],
    );
    for kind in ["purchase-quote", "purchase-order"] {
        let document = written(&exchange, &[kind, "--vendor", "20"]);
        says(
            &document,
            &[
                ("Buy-from Contact No.", "P1"),
                ("Buy-from Contact E-Mail", "ann@x.example"),
                ("Buy-from Vendor No.", "20"),
            ],
        );
    }
    exchange.put("customers.csv", CUSTOMERS.replace("Ann Lee,P1", ","));
    let order = written(&exchange, &["sales-order", "--customer", "10"]);
    says(&order, &[("Sell-to Contact No.", "C1")]);
}

#[test]
fn j38_j39_another_person_of_the_company_brings_its_name_phone_and_e_mail() {
    let exchange = office();
    let quote = written(
        &exchange,
        &["sales-quote", "--customer", "10", "--contact", "P2"],
    );
    says(
        &quote,
        &[
            ("Sell-to Contact No.", "P2"),
            ("Sell-to Contact", "Bob Roe"),
            ("Ship-to Contact", "Bob Roe"),
            ("Sell-to Phone No.", "12"),
            ("Sell-to E-Mail", "bob@x.example"),
        ],
    );
}

#[test]
fn j40_a_ship_to_address_with_a_contact_of_its_own_keeps_it() {
    let exchange = office();
    let quote = written(
        &exchange,
        &["sales-quote", "--contact", "P2", "--ship-to", "London"],
    );
    says(
        &quote,
        &[
            ("Ship-to Code", "LONDON"),
            ("Ship-to Contact", "London"),
            ("Ship-to Name", "Comp One UK"),
            ("Ship-to City", "London"),
        ],
    );
    refused(
        &exchange,
        &["sales-quote", "--contact", "P2", "--ship-to", "MARS"],
        "has no ship-to address MARS",
    );
    exchange.put(
        "customers.csv",
        CUSTOMERS.replace("1,,,14D", "1,,LONDON,14D"),
    );
    let quote = written(&exchange, &["sales-quote", "--contact", "P2"]);
    says(&quote, &[("Ship-to Code", "LONDON")]);
}

#[test]
fn j42_a_document_says_what_the_same_pass_makes_of_its_customer() {
    let exchange = office();
    exchange.put("contacts.csv", CONTACTS.replace("1 Street", "99 Avenue"));
    let quote = written(&exchange, &["sales-quote", "--customer", "10"]);
    says(
        &quote,
        &[
            ("Bill-to Address", "99 Avenue"),
            ("Sell-to Address", "99 Avenue"),
        ],
    );
}

#[test]
fn j43_j44_j45_j46_the_contact_is_the_person_or_who_the_customer_names() {
    let exchange = office();
    let quote = written(
        &exchange,
        &["sales-quote", "--contact", "C1", "--bill-to-contact", "P2"],
    );
    says(
        &quote,
        &[
            ("Bill-to Contact", "Bob Roe"),
            ("Sell-to Contact", "Ann Lee"),
            ("Bill-to Customer No.", "10"),
        ],
    );
    let quote = written(
        &exchange,
        &["sales-quote", "--contact", "P2", "--bill-to-contact", "C1"],
    );
    says(
        &quote,
        &[
            ("Bill-to Contact", "Ann Lee"),
            ("Sell-to Contact", "Bob Roe"),
        ],
    );
}

#[test]
fn j47_the_contact_of_a_purchase_is_the_person_or_who_the_vendor_names() {
    let exchange = office();
    let quote = written(
        &exchange,
        &[
            "purchase-quote",
            "--contact",
            "P2",
            "--pay-to-contact",
            "C1",
        ],
    );
    says(
        &quote,
        &[
            ("Buy-from Contact", "Bob Roe"),
            ("Pay-to Contact", "Ann Lee"),
            ("Pay-to Vendor No.", "20"),
            ("Pay-to Name", "Comp One"),
        ],
    );
}

#[test]
fn j53_a_purchase_quote_has_the_template_that_is_named() {
    let exchange = office();
    let quote = written(
        &exchange,
        &["purchase-quote", "--contact", "C2", "--template", "VT"],
    );
    says(
        &quote,
        &[
            ("Buy-from Vendor Templ. Code", "VT"),
            ("Buy-from Vendor No.", ""),
            ("Buy-from Contact No.", "C2"),
        ],
    );
}

#[test]
fn j54_an_order_from_a_purchase_quote_makes_a_vendor_and_names_the_quote() {
    let exchange = office();
    let quote = written(&exchange, &["purchase-quote", "--contact", "P3"]);
    says(&quote, &[("Buy-from Vendor Templ. Code", "VTP")]);
    let order = written(&exchange, &["purchase-order", "--quote", "PQ1"]);
    says(
        &order,
        &[
            ("Buy-from Vendor No.", "K1"),
            ("Buy-from Vendor Name", "Comp Two"),
            ("Quote No.", "PQ1"),
        ],
    );
    assert!(exchange.text("relations.csv").contains("C2,VEND,Vendor,K1"));
}

#[test]
fn j55_a_contact_that_became_a_customer_is_still_no_vendor() {
    let exchange = office();
    written(&exchange, &["purchase-quote", "--contact", "C4"]);
    exchange.run(&[
        "create",
        "customer",
        "--contact",
        "C4",
        "--without-template",
    ]);
    let quote = written(&exchange, &["purchase-quote", "--contact", "C4"]);
    says(
        &quote,
        &[
            ("Buy-from Vendor No.", ""),
            ("Buy-from Vendor Templ. Code", ""),
        ],
    );
}

#[test]
fn j60_a_quote_for_who_is_no_customer_goes_to_the_contacts_address() {
    let quote = written(
        &office(),
        &["sales-quote", "--contact", "P3", "--bill-to-contact", "P4"],
    );
    says(&quote, &[("Sell-to E-Mail", "")]);
    let quote = written(&office(), &["sales-quote", "--contact", "C2"]);
    says(&quote, &[("Sell-to E-Mail", "two@x.example")]);
}

#[test]
fn p27_p30_who_is_blocked_for_privacy_or_no_customer_gets_no_order() {
    let exchange = office();
    for kind in [
        "sales-quote",
        "sales-order",
        "purchase-quote",
        "purchase-order",
    ] {
        refused(&exchange, &[kind, "--contact", "C3"], "blocked for privacy");
        refused(
            &exchange,
            &[kind, "--contact", "C9"],
            "there is no contact C9",
        );
    }
    refused(
        &exchange,
        &["sales-order", "--contact", "C2"],
        "is not related to a customer",
    );
    refused(
        &exchange,
        &["purchase-order", "--contact", "C2"],
        "is not related to a vendor",
    );
    refused(
        &exchange,
        &["sales-order", "--contact", "C1", "--bill-to-contact", "C2"],
        "is not related to a customer",
    );
    assert!(!exchange.path("documents").exists(), "nothing was written");
}

#[test]
fn an_opportunity_has_one_quote() {
    let exchange = office();
    let quote = written(
        &exchange,
        &[
            "sales-quote",
            "--contact",
            "C1",
            "--opportunity",
            "op1",
            "--campaign",
            "cp1",
            "--salesperson",
            "eh",
        ],
    );
    says(
        &quote,
        &[
            ("Opportunity No.", "OP1"),
            ("Campaign No.", "CP1"),
            ("Salesperson Code", "EH"),
        ],
    );
    refused(
        &exchange,
        &["sales-quote", "--contact", "C1", "--opportunity", "OP1"],
        "already has the quote SQ1",
    );
}

#[test]
fn writing_a_document_is_an_interaction_of_who_is_billed() {
    let exchange = office();
    written(
        &exchange,
        &["sales-quote", "--contact", "C1", "--bill-to-contact", "P2"],
    );
    let log = exchange.text("interactions.csv");
    let entry = log.lines().last().expect("an entry");
    assert!(
        entry.contains(",P2,C1,")
            && entry.contains("sales-quote SQ1 created")
            && entry.contains(",Sales Qte.,SQ1,1,1,"),
        "{entry}"
    );
}

#[test]
fn documents_as_csv_have_a_file_for_the_header_and_one_for_the_lines() {
    let exchange = office();
    let config = exchange.config().replace("format = \"json\"\n", "");
    let exchange = exchange.configured(&config);
    let ran = run(
        &exchange,
        &[
            "sales-order",
            "--contact",
            "C1",
            "--line",
            "Type=Item,No.=1000,Quantity=2",
            "--line",
            "Description=Thanks",
        ],
    );
    assert_eq!((ran.code, ran.out.as_str()), (0, "SO1\n"), "{ran:?}");
    let header = exchange.text("documents/sales_order_SO1_000002.csv");
    assert!(
        header.starts_with("Document Type,No.,Sell-to Customer No.,")
            && header.contains("\r\nOrder,SO1,10,"),
        "{header}"
    );
    assert_eq!(
        exchange.text("documents/sales_order_lines_SO1_000002.csv"),
        "Document No.,Line No.,Type,No.,Quantity,Description\r\nSO1,10000,Item,1000,2,\r\nSO1,20000,,,,Thanks\r\n"
    );
}

#[test]
fn a_requests_file_asks_for_documents_and_their_lines() {
    let exchange = office();
    exchange.put(
        "requests.csv",
        "\
Action,Table,Contact No.,No.,Type,Quantity,Quote No.
document,sales-quote,C2,,,,
line,,,1000,Item,4,
line,,,1001,Item,5,
document,sales-order,C2,,,,
line,,,1002,Item,6,
document,zeppelin,C2,,,,
line,,,1003,Item,7,
document,sales-order,,,,,SQ1
document,sales-order,,10,,,
",
    );
    let path = exchange.path("requests.csv").display().to_string();
    let ran = exchange.run(&["request", &path]);
    assert_eq!(ran.code, 1, "{ran:?}");
    let lines: Vec<&str> = ran.out.lines().collect();
    for (line, text) in [
        "sales-quote SQ1 was written for contact C2",
        "it is a line of that document",
        "it is a line of that document",
        "is not related to a customer",
        "its document was not written",
        "\"zeppelin\" is no document",
        "no document was asked for before this line",
        "there is no sales-quote SQ1",
        "sales-order SO1 was written for contact P1",
    ]
    .into_iter()
    .enumerate()
    {
        assert!(lines[line].contains(text), "{text}: {}", lines[line]);
    }
    assert_eq!(
        document(&exchange, "SQ1")["Lines"].as_array().map(Vec::len),
        Some(2)
    );
}

#[test]
fn a10_a_document_that_nobody_else_looks_after_is_the_users() {
    let exchange = office();
    let config =
        exchange
            .config()
            .replacen("[setup]\n", "[setup]\nuser_salesperson_code = \"SP\"\n", 1);
    let exchange = exchange.configured(&config);
    let quote = written(&exchange, &["purchase-quote", "--contact", "C2"]);
    says(&quote, &[("Purchaser Code", "SP")]);
    let order = written(&exchange, &["sales-order", "--contact", "C1"]);
    says(&order, &[("Salesperson Code", "SP")]);
}

#[test]
fn a_document_shows_a_contact_name_that_is_on_its_way() {
    let exchange = office();
    let config = exchange.config().replace("\"in-place\"", "\"updates\"");
    let exchange = exchange.configured(&config);
    exchange.put("contacts.csv", CONTACTS.replace("Ann Lee", "Ann Jones"));
    assert_eq!(exchange.run(&["reconcile"]).code, 0);
    let quote = written(&exchange, &["sales-quote", "--contact", "C1"]);
    says(&quote, &[("Sell-to Contact", "Ann Jones")]);
}

#[test]
fn what_a_document_names_and_nobody_knows_is_refused_with_what_is_known() {
    let exchange = office();
    let quote = |contact: &'static str, more: [&'static str; 2]| {
        [&["sales-quote", "--contact", contact], &more[..]].concat()
    };
    // Nobody can say who is a salesperson where none are configured.
    written(&exchange, &quote("C1", ["--salesperson", "ZZ"]));
    let salespeople = "[tables.salespeople]\nexport = \"salespeople.csv\"\n";
    let config = format!("{}{salespeople}", exchange.config());
    let exchange = exchange.configured(&config);
    exchange.put("salespeople.csv", "Code,Name\nJO,Jo\nLTX,Lea\n");
    for (contact, more, why) in [
        (
            "C1",
            ["--salesperson", "ZZ"],
            "there is no salesperson ZZ; known here: JO, LTX",
        ),
        ("C2", ["--salesperson", "ltz"], "did you mean \"LTX\"?"),
        // C1 is a customer, whose quotes need no template.
        (
            "C1",
            ["--template", "CTX"],
            "there is no customer template CTX; did you mean \"CT",
        ),
        (
            "C2",
            ["--template", "NOPE"],
            "known here: CT, CTP, CTF, CT9",
        ),
    ] {
        refused(&exchange, &quote(contact, more), why);
    }
    let ran = run(&exchange, &quote("C1", ["--line", "Type=Item,Qantity=1"]));
    assert_eq!(ran.code, 64, "{ran:?}");
    let why = "\"Qantity\" is no field of a document line; did you mean \"Quantity\"?";
    assert!(ran.err.contains(why), "{ran:?}");
    let quote = written(&exchange, &quote("C1", ["--line", "type=Item,no=1000"]));
    assert_eq!(quote["Lines"][0]["No."], "1000");
}
