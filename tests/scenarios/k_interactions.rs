//! K, P28 and P29: events of other systems become interactions, people log others by hand, e-mail is found between salespeople
//! and contacts. With the interaction templates and the template setup of CRONUS.

use std::path::Path;

use super::support::{Exchange, Ran};

const CONTACTS: &str = "No.,Name,Type,Company No.,E-Mail,Phone No.,Salesperson Code,Correspondence Type,Privacy Blocked
C1,Acme,Company,C1,office@acme.example,123,JO,,No
C2,Ann Lee,Person,C1,ann@acme.example,456,LT,Email,No
C3,Silent Ltd,Company,C3,,,,Email,No
";

/// Three contacts, a customer and a vendor of the first, an events export, CRONUS's templates.
pub(super) fn office() -> Exchange {
    let tables = ["contacts", "customers", "vendors", "relations", "events"];
    let mut config: String = tables
        .map(|table| format!("[tables.{table}]\nexport = \"{table}.csv\"\n"))
        .concat();
    for (table, file) in [
        ("interaction_templates", "interaction_templates.csv"),
        (
            "interaction_template_setup",
            "interaction_template_setup.json",
        ),
        ("salespeople", "salespeople.csv"),
    ] {
        config.push_str(&format!("[tables.{table}]\nexport = \"{file}\"\n"));
    }
    let exchange = Exchange::new(&config);
    let cronus = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/cronus/w1");
    for file in [
        "interaction_templates.csv",
        "interaction_template_setup.json",
        "salespeople.csv",
    ] {
        exchange.copy(&cronus.join(file), file);
    }
    exchange.put("contacts.csv", CONTACTS);
    exchange.put("customers.csv", "No.,Name\n10,Acme\n11,Nobody's\n");
    exchange.put("vendors.csv", "No.,Name\n20,Acme\n");
    exchange.put(
        "relations.csv",
        "Contact No.,Business Relation Code,Link to Table,No.\nC1,CUST,Customer,10\nC1,VEND,Vendor,20\n",
    );
    exchange
}

/// One field of the log's entries after the first pass, those of the pass itself aside.
fn column(exchange: &Exchange, name: &str) -> Vec<String> {
    rows(exchange)
        .iter()
        .map(|row| row[name].as_str().unwrap_or_default().to_owned())
        .collect()
}

fn rows(exchange: &Exchange) -> Vec<serde_json::Value> {
    let ran = exchange.run(&["interactions", "list", "--as", "jsonl"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    let lines = ran
        .out
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"));
    let is_event = |row: &serde_json::Value| {
        !row["Document No."]
            .as_str()
            .is_some_and(|no| no.starts_with("PASS"))
    };
    lines.filter(is_event).collect()
}

/// A pass over an events export.
fn events(exchange: &Exchange, events: &str) -> Ran {
    exchange.put("events.csv", events);
    exchange.run(&["reconcile"])
}

fn add(exchange: &Exchange, arguments: &[&str]) -> Ran {
    exchange.run(&[&["interactions", "add"], arguments].concat())
}

const HEADER: &str =
    "Document Type,Document No.,Bill-to Contact No.,Customer No.,Vendor No.,Date\n";

#[test]
fn k01_a_printed_sales_quote_is_logged_on_its_bill_to_contact() {
    let exchange = office();
    let ran = events(
        &exchange,
        &format!("{HEADER}Sales Qte.,SQ1,C2,10,,2026-11-20\n"),
    );
    assert_eq!(ran.code, 0, "{ran:?}");
    let rows = rows(&exchange);
    assert_eq!(rows.len(), 1);
    let expected = [
        ("Contact No.", "C2"),
        ("Contact Company No.", "C1"),
        ("Document Type", "Sales Qte."),
        ("Document No.", "SQ1"),
        ("Date", "2026-11-20"),
        ("Interaction Template", "S_QUOTE"),
        ("Interaction Group", "SALES"),
        ("Information Flow", "Outbound"),
        ("Initiated By", "Us"),
        ("Cost (LCY)", "8"),
        ("Duration (Min.)", "1"),
        ("Description", "Sales Quote"),
        ("Correspondence Type", "Email"),
        ("Salesperson", "LT"),
    ];
    for (field, value) in expected {
        assert_eq!(rows[0][field], value, "{field}");
    }
}

#[test]
fn k02_a_posted_sales_invoice_is_logged_on_the_contact_of_its_customer() {
    let exchange = office();
    events(
        &exchange,
        &format!("{HEADER}Sales Inv.,PSI,,10,,2026-11-20\n"),
    );
    assert_eq!(column(&exchange, "Contact No."), ["C1"]);
    assert_eq!(column(&exchange, "Document No."), ["PSI"]);
    // The salesperson of the contact counts where the account is the contact itself.
    assert_eq!(column(&exchange, "Salesperson"), [""]);
}

#[test]
fn k04_an_order_confirmation_sent_by_e_mail_is_one_entry_with_the_template_of_the_document() {
    let exchange = office();
    let header = HEADER.replace("Date\n", "Date,Sent by E-Mail\n");
    events(
        &exchange,
        &format!("{header}Sales Ord. Cnfrmn.,SO1,C2,10,,2026-11-20,Yes\n"),
    );
    assert_eq!(column(&exchange, "Interaction Template"), ["S_ORDER_CF"]);
}

#[test]
fn k05_a_purchase_order_sent_by_e_mail_is_one_entry_with_the_template_of_the_document() {
    let exchange = office();
    let header = HEADER.replace("Date\n", "Date,Sent by E-Mail\n");
    events(
        &exchange,
        &format!("{header}Purch. Ord.,PO1,,,20,2026-11-20,Yes\n"),
    );
    assert_eq!(column(&exchange, "Interaction Template"), ["P_ORDER"]);
    assert_eq!(column(&exchange, "Contact No."), ["C1"]);
}

#[test]
fn k06_a_cover_sheet_is_logged_with_its_template() {
    let exchange = office();
    events(&exchange, "Document Type,Contact No.\nCover Sheet,C2\n");
    assert_eq!(column(&exchange, "Interaction Template"), ["COVERSH"]);
    assert_eq!(
        column(&exchange, "Date"),
        [jiff::Zoned::now().strftime("%Y-%m-%d").to_string()]
    );
}

#[test]
fn k07_what_is_printed_without_logging_is_not_logged() {
    let exchange = office();
    let ran = events(
        &exchange,
        "Document Type,Contact No.,Log Interaction\nCover Sheet,C2,No\n",
    );
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(rows(&exchange).is_empty());
}

#[test]
fn k12_an_e_mail_is_logged_with_the_template_for_e_mails() {
    let exchange = office();
    events(
        &exchange,
        "Document Type,Contact No.,Description\nE-Mail,C1,Our offer\n",
    );
    assert_eq!(column(&exchange, "Interaction Template"), ["EMAIL"]);
    assert_eq!(column(&exchange, "Description"), ["Our offer"]);
    assert_eq!(column(&exchange, "Document Type"), [""]);
}

const ENTERED: [&str; 6] = [
    "--contact",
    "C1",
    "--template",
    "memo",
    "--description",
    "Told them",
];

#[test]
fn k14_k23_an_interaction_entered_by_hand_has_what_was_entered_and_the_next_number() {
    let exchange = office();
    exchange.run(&["reconcile"]);
    let ran = add(
        &exchange,
        &[
            &ENTERED[..],
            &[
                "--salesperson",
                "EH",
                "--date",
                "2026-11-19",
                "--time",
                "9:05",
            ],
        ]
        .concat(),
    );
    assert_eq!(ran.code, 0, "{ran:?}");
    let rows = rows(&exchange);
    assert_eq!(rows[0]["Entry No."].to_string(), ran.out.trim());
    for (field, value) in [
        ("Contact No.", "C1"),
        ("Interaction Template", "MEMO"),
        ("Interaction Group", "LETTER"),
        ("Salesperson", "EH"),
        ("Date", "2026-11-19"),
        ("Time of Interaction", "09:05:00"),
        ("Description", "Told them"),
        ("User ID", "COUPLET"),
    ] {
        assert_eq!(rows[0][field], value, "{field}");
    }
    let next = add(&exchange, &ENTERED);
    let number = |ran: &Ran| ran.out.trim().parse::<u64>().expect("a number");
    assert_eq!(number(&next), number(&ran) + 1);
}

#[test]
fn k15_another_interaction_of_the_same_contact_has_another_template() {
    let exchange = office();
    add(&exchange, &ENTERED);
    add(&exchange, &["--contact", "C1", "--template", "BUS"]);
    assert_eq!(column(&exchange, "Interaction Template"), ["MEMO", "BUS"]);
    assert_eq!(
        column(&exchange, "Description"),
        ["Told them", "Business letter"]
    );
}

#[test]
fn k17_k19_k20_k21_what_must_be_filled_is_named() {
    let exchange = office();
    exchange.run(&["reconcile"]);
    let refused = |arguments: &[&str], reason: &str| {
        let ran = add(&exchange, arguments);
        assert_eq!(ran.code, 1, "{ran:?}");
        assert!(ran.err.contains(reason), "{ran:?}");
    };
    refused(
        &["--contact", "C1", "--description", "x"],
        "Interaction Template must be filled",
    );
    refused(
        &["--contact", "", "--template", "MEMO"],
        "Contact No. must be filled",
    );
    refused(
        &["--contact", "C3", "--template", "MEMO"],
        "Salesperson Code must be filled",
    );
    refused(
        &[&ENTERED[..], &["--date", ""]].concat(),
        "Date must be filled",
    );
    refused(
        &["--contact", "C1", "--template", "NONE"],
        "there is no interaction template NONE",
    );
    refused(
        &["--contact", "C9", "--template", "MEMO"],
        "there is no contact C9",
    );
    refused(
        &[&ENTERED[..], &["--salesperson", "XX"]].concat(),
        "there is no salesperson XX",
    );
    refused(
        &[&ENTERED[..], &["--date", "tomorrow"]].concat(),
        "is no date",
    );
    refused(
        &[&ENTERED[..], &["--evaluation", "Superb"]].concat(),
        "is no evaluation",
    );
    refused(
        &[&ENTERED[..], &["--cost", "much"]].concat(),
        "is no number",
    );
    assert!(rows(&exchange).is_empty());
}

#[test]
fn k27_a_template_that_ignores_the_contact_and_goes_by_e_mail_is_blank_for_who_has_none() {
    let exchange = office();
    add(
        &exchange,
        &[
            "--contact",
            "C3",
            "--template",
            "GOLF",
            "--salesperson",
            "JO",
        ],
    );
    assert_eq!(column(&exchange, "Correspondence Type"), [""]);
}

#[test]
fn k33_k34_k35_what_is_cancelled_stays_in_the_log_and_counts_no_more() {
    let exchange = office();
    let number = add(
        &exchange,
        &[&ENTERED[..], &["--cost", "12.5", "--duration", "30"]].concat(),
    );
    let number = number.out.trim().to_owned();
    let totals = || {
        let ran = exchange.run(&[
            "interactions",
            "list",
            "--contact",
            "C1",
            "--template",
            "MEMO",
            "--format",
            "json",
        ]);
        let json: serde_json::Value = serde_json::from_str(&ran.out).expect("JSON");
        (
            json["count"].to_string(),
            json["cost"].to_string(),
            json["duration"].to_string(),
        )
    };
    let text = |a: &str, b: &str, c: &str| (a.to_owned(), format!("\"{b}\""), format!("\"{c}\""));
    assert_eq!(totals(), text("1", "12.5", "30"));
    assert_eq!(exchange.run(&["interactions", "cancel", &number]).code, 0);
    assert_eq!(totals(), text("0", "0", "0"));
    assert_eq!(column(&exchange, "Canceled"), ["Yes"]);
    assert_eq!(rows(&exchange)[0]["Entry No."].to_string(), number);
    let again = exchange.run(&["interactions", "cancel", &number]);
    assert!(
        again.code == 1 && again.err.contains("already cancelled"),
        "{again:?}"
    );
    exchange.run(&["interactions", "cancel", &number, "--undo"]);
    assert_eq!(totals(), text("1", "12.5", "30"));
    // The log is a journal: what changes an entry is an entry that names it.
    let log = exchange.text("interactions.csv");
    let changes: Vec<&str> = log
        .lines()
        .filter_map(|line| line.rsplit(',').next())
        .collect();
    assert_eq!(
        changes[changes.len() - 3..],
        ["0", number.as_str(), number.as_str()]
    );
}

#[test]
fn k36_k37_an_interaction_is_evaluated_when_it_is_entered_or_later() {
    let exchange = office();
    add(
        &exchange,
        &[&ENTERED[..], &["--evaluation", "positive"]].concat(),
    );
    let second = add(&exchange, &ENTERED).out.trim().to_owned();
    exchange.run(&["interactions", "evaluate", &second, "very negative"]);
    assert_eq!(
        column(&exchange, "Evaluation"),
        ["Positive", "Very Negative"]
    );
    let ran = exchange.run(&["interactions", "evaluate", "999", "Neutral"]);
    assert!(
        ran.code == 1 && ran.err.contains("no interaction 999"),
        "{ran:?}"
    );
}

#[test]
fn k39_the_salesperson_of_the_user_comes_before_the_contacts() {
    let exchange = office().with("[setup]\nuser_salesperson_code = \"HR\"\n");
    add(&exchange, &ENTERED);
    assert_eq!(column(&exchange, "Salesperson"), ["HR"]);
}

#[test]
fn k40_a_postponed_interaction_is_resumed_under_its_number_and_counts_from_then_on() {
    let exchange = office();
    let first = add(&exchange, &["--contact", "C1", "--postponed"])
        .out
        .trim()
        .to_owned();
    add(
        &exchange,
        &["--contact", "C1", "--postponed", "--description", "Second"],
    );
    let text = exchange
        .run(&["interactions", "list", "--contact", "C1", "--last", "2"])
        .out;
    assert!(
        text.ends_with("0 interactions, cost 0, 0 minutes\n"),
        "{text}"
    );
    let incomplete = exchange.run(&["interactions", "resume", &first]);
    assert!(
        incomplete
            .err
            .contains("Interaction Template must be filled"),
        "{incomplete:?}"
    );
    let ran = exchange.run(&[
        "interactions",
        "resume",
        &first,
        "--template",
        "MEMO",
        "--cost",
        "3",
        "--duration",
        "4",
    ]);
    assert_eq!(ran.code, 0, "{ran:?}");
    assert_eq!(column(&exchange, "Postponed"), ["No", "Yes"]);
    assert_eq!(column(&exchange, "Cost (LCY)"), ["3", "0"]);
    assert_eq!(rows(&exchange)[0]["Entry No."].to_string(), first);
    let again = exchange.run(&["interactions", "resume", &first]);
    assert!(again.err.contains("was not postponed"), "{again:?}");
}

#[test]
fn k49_k50_a_phone_call_needs_a_number_and_a_description() {
    let exchange = office();
    let ran = add(
        &exchange,
        &[
            "--contact",
            "C3",
            "--salesperson",
            "JO",
            "--description",
            "x",
            "--call",
        ],
    );
    assert!(
        ran.code == 1 && ran.err.contains("Phone No. must be filled"),
        "{ran:?}"
    );
    let ran = add(&exchange, &["--contact", "C1", "--call", "555"]);
    assert!(
        ran.code == 1 && ran.err.contains("Description must be filled"),
        "{ran:?}"
    );
    add(
        &exchange,
        &["--contact", "C1", "--description", "x", "--call"],
    );
    assert_eq!(column(&exchange, "Interaction Template"), ["OUTGOING"]);
    assert_eq!(column(&exchange, "Contact Via"), ["123"]);
}

#[test]
fn k52_k53_k63_a_call_has_its_result_its_opportunity_and_its_time() {
    let exchange = office();
    let call = ["--contact", "C1", "--description", "x", "--call", "555"];
    add(
        &exchange,
        &[&call[..], &["--failed", "--evaluation", "Neutral"]].concat(),
    );
    add(
        &exchange,
        &[
            &call[..],
            &["--opportunity", "op1", "--evaluation", "Very Positive"],
        ]
        .concat(),
    );
    add(
        &exchange,
        &[&call[..], &["--date", "2026-01-02", "--time", "03:04:05"]].concat(),
    );
    assert_eq!(column(&exchange, "Attempt Failed"), ["Yes", "No", "No"]);
    assert_eq!(
        column(&exchange, "Evaluation"),
        ["Neutral", "Very Positive", ""]
    );
    assert_eq!(column(&exchange, "Opportunity No."), ["", "OP1", ""]);
    assert_eq!(column(&exchange, "Date")[2], "2026-01-02");
    assert_eq!(column(&exchange, "Time of Interaction")[2], "03:04:05");
}

const MAIL: &str = "Document Type,Internet Message ID,Message From,Message To,Subject,Date,Draft\n";

#[test]
fn k65_a_message_is_logged_once_for_each_pair_of_salesperson_and_contact() {
    let exchange = office();
    let ran = events(
        &exchange,
        &format!(
            "{MAIL}E-Mail,<1@x>,office@acme.example,JO@contoso.com; LT@contoso.com,Question,2026-11-01T10:00:00,No\n\
         E-Mail,<2@x>,jo@contoso.com,\"Acme <OFFICE@ACME.EXAMPLE>; ann@acme.example\",Answer,2026-11-02T11:00:00,No\n"
        ),
    );
    assert_eq!(ran.code, 0, "{ran:?}");
    assert_eq!(column(&exchange, "Contact No."), ["C1", "C1", "C1", "C2"]);
    assert_eq!(column(&exchange, "Salesperson"), ["JO", "LT", "JO", "JO"]);
    assert_eq!(
        column(&exchange, "Information Flow"),
        ["Inbound", "Inbound", "Outbound", "Outbound"]
    );
    assert_eq!(
        column(&exchange, "Initiated By"),
        ["Them", "Them", "Us", "Us"]
    );
    assert_eq!(
        column(&exchange, "Description"),
        ["Question", "Question", "Answer", "Answer"]
    );
    assert_eq!(column(&exchange, "E-Mail Logged"), ["Yes"; 4]);
    assert_eq!(column(&exchange, "Interaction Template"), ["EMAIL"; 4]);
}

#[test]
fn k66_a_message_of_strangers_or_among_equals_is_discarded() {
    let exchange = office();
    let ran = events(
        &exchange,
        &format!(
            "{MAIL}E-Mail,<1@x>,who@else.example,JO@contoso.com,a,,\nE-Mail,<2@x>,JO@contoso.com,who@else.example,b,,\n\
         E-Mail,<3@x>,office@acme.example,ann@acme.example,c,,\nE-Mail,<4@x>,JO@contoso.com,LT@contoso.com,d,,\n"
        ),
    );
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(rows(&exchange).is_empty());
}

fn eml(id: &str, subject: &str, unsent: bool) -> String {
    let unsent = if unsent { "X-Unsent: 1\r\n" } else { "" };
    format!(
        "{unsent}Message-ID: <{id}>\r\nFrom: JO@contoso.com\r\nTo: Acme <office@acme.example>\r\nSubject: {subject}\r\n\
         Date: Mon, 23 Nov 2026 10:11:12 +0100\r\n\r\nHello\r\n"
    )
}

fn with_mail_folder() -> Exchange {
    let exchange = office();
    let config = exchange.config().replace(
        "export = \"interactions.csv\"\n",
        "export = \"interactions.csv\"\nmail = \"mail\"\n",
    );
    exchange.configured(&config)
}

#[test]
fn k67_a_message_is_logged_once_be_it_a_row_or_a_file() {
    let exchange = with_mail_folder();
    exchange.put("mail/1.eml", eml("1@x", "Offer", false));
    exchange.put("mail/again.EML", eml("1@x", "Offer", false));
    exchange.put("mail/note.txt", "no message");
    let ran = events(
        &exchange,
        &format!("{MAIL}E-Mail,<1@x>,JO@contoso.com,office@acme.example,Offer,2026-11-23,\n"),
    );
    assert_eq!(ran.code, 0, "{ran:?}");
    assert_eq!(column(&exchange, "Description"), ["Offer"]);
    let left: Vec<String> = std::fs::read_dir(exchange.path("mail"))
        .expect("a folder")
        .map(|entry| {
            entry
                .expect("an entry")
                .file_name()
                .to_string_lossy()
                .into_owned()
        })
        .filter(|name| name != "done")
        .collect();
    assert_eq!(left, ["note.txt"], "what was logged is put away");
    // The same message again, days later and under another name.
    exchange.put("mail/2.eml", eml("1@x", "Offer", false));
    exchange.run(&["reconcile"]);
    assert_eq!(column(&exchange, "Description"), ["Offer"]);
    assert!(!exchange.path("mail/2.eml").exists());
}

#[test]
fn k68_a_draft_is_not_logged_until_it_is_sent() {
    let exchange = with_mail_folder();
    exchange.put("mail/1.eml", eml("1@x", "Offer", true));
    events(
        &exchange,
        &format!(
            "{MAIL}E-Mail,<2@x>,JO@contoso.com,office@acme.example,Out,,Yes\nE-Mail,<3@x>,office@acme.example,JO@contoso.com,In,,Yes\n"
        ),
    );
    assert!(rows(&exchange).is_empty());
    exchange.put("mail/1.eml", eml("1@x", "Offer", false));
    exchange.run(&["reconcile"]);
    assert_eq!(column(&exchange, "Description"), ["Offer"]);
}

#[test]
fn p28_what_no_template_or_no_contact_asks_for_is_not_logged_and_no_problem() {
    let exchange = office();
    exchange.put(
        "interaction_template_setup.json",
        "{\"Primary Key\": \"\", \"Sales Invoices\": \"S_INVOICE\"}\n",
    );
    let ran = events(
        &exchange,
        &format!("{HEADER}Sales Qte.,SQ1,C1,,,\nSales Inv.,SI1,,11,,\nSales Inv.,SI2,C77,,,\n"),
    );
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(rows(&exchange).is_empty());
    // Once the customer has a contact, its invoice is an interaction of it.
    exchange.put("relations.csv", "Contact No.,Business Relation Code,Link to Table,No.\nC1,CUST,Customer,10\nC1,VEND,Vendor,20\nC3,CUST,Customer,11\n");
    exchange.run(&["reconcile"]);
    assert_eq!(column(&exchange, "Document No."), ["SI1"]);
    assert_eq!(column(&exchange, "Contact No."), ["C3"]);
}

#[test]
fn p29_a_template_that_does_not_exist_or_has_texts_in_other_languages_is_a_problem_until_it_is_mended()
 {
    let exchange = office();
    let languages = "[tables.interaction_template_languages]\nexport = \"languages.csv\"\n";
    let exchange = {
        let config = format!("{}{languages}", exchange.config());
        exchange.configured(&config)
    };
    exchange.put(
        "languages.csv",
        "Interaction Template Code,Language Code\nS_INVOICE,DEU\n",
    );
    exchange.put(
        "interaction_template_setup.json",
        "{\"Sales Invoices\": \"S_INVOICE\", \"Sales Quotes\": \"GONE\"}",
    );
    let export =
        format!("{HEADER}Sales Qte.,SQ1,C1,,,\nSales Inv.,SI1,,10,,\nSales Cr. Memo,SC1,,10,,\n");
    let ran = events(&exchange, &export);
    assert_eq!(ran.code, 3, "{ran:?}");
    let listed = exchange.run(&["problems", "list"]).out;
    assert!(
        listed.contains("events.csv:2") && listed.contains("there is no interaction template GONE"),
        "{listed}"
    );
    assert!(
        listed.contains("events.csv:3") && listed.contains("has texts in other languages"),
        "{listed}"
    );
    assert!(rows(&exchange).is_empty());
    assert_eq!(exchange.run(&["reconcile"]).code, 3, "it stays a problem");
    exchange.put("languages.csv", "Interaction Template Code,Language Code\n");
    exchange.put(
        "interaction_template_setup.json",
        "{\"Sales Invoices\": \"S_INVOICE\", \"Sales Quotes\": \"S_QUOTE\"}",
    );
    assert_eq!(exchange.run(&["reconcile"]).code, 0);
    assert_eq!(column(&exchange, "Document No."), ["SQ1", "SI1"]);
}

#[test]
fn p19_interactions_of_a_person_who_changes_company_stay_with_the_company_that_was_left() {
    let exchange = office();
    exchange.run(&["reconcile"]);
    add(&exchange, &["--contact", "C2", "--template", "MEMO"]);
    exchange.put("contacts.csv", CONTACTS.replace("Person,C1,", "Person,C3,"));
    exchange.run(&["reconcile"]);
    let memo = || {
        rows(&exchange)
            .into_iter()
            .find(|row| row["Interaction Template"] == "MEMO")
            .expect("a memo")
    };
    assert_eq!(memo()["Contact No."], "C1");
    assert_eq!(memo()["Contact Company No."], "C1");
    assert!(
        exchange.text("interactions.csv").contains(",C2,C1,"),
        "the journal keeps what was"
    );
}

#[test]
fn p23_interactions_of_a_contact_that_is_gone_become_its_companys_or_nobodys_until_it_comes_back() {
    let exchange = office();
    exchange.run(&["reconcile"]);
    for contact in ["C2", "C3"] {
        add(
            &exchange,
            &[
                "--contact",
                contact,
                "--template",
                "MEMO",
                "--salesperson",
                "JO",
            ],
        );
    }
    let memos = || -> Vec<String> {
        let of_memos = rows(&exchange)
            .into_iter()
            .filter(|row| row["Interaction Template"] == "MEMO");
        of_memos
            .map(|row| format!("{}/{}", row["Contact No."], row["Contact Company No."]))
            .collect()
    };
    let head: String = CONTACTS
        .lines()
        .take(2)
        .map(|line| format!("{line}\n"))
        .collect();
    exchange.put("contacts.csv", head);
    exchange.run(&["reconcile"]);
    assert_eq!(memos(), ["\"C1\"/\"C1\"", "\"\"/\"\""]);
    exchange.put("contacts.csv", CONTACTS);
    exchange.run(&["reconcile"]);
    assert_eq!(memos(), ["\"C2\"/\"C1\"", "\"C3\"/\"C3\""]);
}

/// The one memo in the log, as it is now.
fn memo(exchange: &Exchange) -> String {
    let listed = exchange.run(&["interactions", "list", "--as", "jsonl"]).out;
    let mut memos = listed.lines().filter(|line| line.contains("MEMO"));
    memos.next_back().expect("a memo").to_owned()
}

#[test]
fn a_message_finds_a_contact_that_the_last_delta_does_not_list() {
    let exchange = office();
    let mail = "export = \"interactions.csv\"\nmail = \"mail\"\n";
    let delta = "export = \"contacts.csv\"\ncontents = \"delta\"\n";
    let config = exchange
        .config()
        .replace("export = \"interactions.csv\"\n", mail)
        .replace("export = \"contacts.csv\"\n", delta);
    let exchange = exchange.configured(&config);
    exchange.run(&["reconcile"]);
    let columns = CONTACTS.split_inclusive('\n').next().unwrap_or_default();
    exchange.put(
        "contacts.csv",
        format!("{columns}C3,Silent Ltd,Company,C3,,1,,Email,No\n"),
    );
    exchange.put(
        "mail/1.eml",
        "Message-ID: <1@x>\r\nFrom: JO@contoso.com\r\nTo: Acme <office@acme.example>\r\nSubject: Offer\r\n\
         Date: Mon, 23 Nov 2026 10:11:12 +0100\r\n\r\nHello\r\n",
    );
    exchange.run(&["reconcile"]);
    let listed = exchange.run(&["interactions", "list", "--as", "jsonl"]).out;
    assert!(listed.contains("Offer"), "{listed}");
}

#[test]
fn an_interaction_that_is_cancelled_while_its_person_leaves_the_company_is_the_companys_and_cancelled()
 {
    let exchange = office();
    exchange.run(&["reconcile"]);
    let ran = exchange.run(&[
        "interactions",
        "add",
        "--contact",
        "C2",
        "--template",
        "MEMO",
    ]);
    let moved = CONTACTS.replace("Person,C1,", "Person,C3,");
    exchange.put("contacts.csv", moved);
    let cancelled = exchange.run(&["interactions", "cancel", ran.out.trim()]);
    assert_eq!(cancelled.code, 0, "{cancelled:?}");
    let memo = memo(&exchange);
    assert!(memo.contains("\"Canceled\":\"Yes\""), "{memo}");
    assert!(memo.contains("\"Contact No.\":\"C1\""), "{memo}");
}

#[test]
fn interactions_of_a_person_that_goes_together_with_its_company_name_nobody() {
    let exchange = office();
    exchange.run(&["reconcile"]);
    exchange.run(&[
        "interactions",
        "add",
        "--contact",
        "C2",
        "--template",
        "MEMO",
    ]);
    let rows = CONTACTS.split_inclusive('\n');
    let kept: String = rows
        .filter(|row| row.starts_with("No.") || row.starts_with("C3"))
        .collect();
    exchange.put("contacts.csv", kept);
    exchange.run(&["reconcile"]);
    let memo = memo(&exchange);
    assert!(memo.contains("\"Contact No.\":\"\""), "{memo}");
}
