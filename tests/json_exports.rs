//! JSON exports: `serde_json` says what a document holds, and we read exactly that, or refuse it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use couplet::exports::grammar::Step;
use couplet::exports::json::{self, JsonDialect, Shape};
use couplet::exports::{Bounds, Export, Settings};
use couplet::model::field::Form;
use couplet::model::{Row, Table};
use proptest::prelude::*;
use serde_json::value::RawValue;

/// The records as `(offset, bytes)`, read through a window that grows by `chunk` bytes whenever more is asked for.
fn read(d: &JsonDialect, file: &[u8], chunk: usize) -> Result<Vec<(usize, Vec<u8>)>, String> {
    let mut at = json::body(d, file).map_err(|(_, reason)| reason)?;
    let mut end = at;
    let mut records = Vec::new();
    loop {
        match json::step(d, &file[..end], at, end == file.len()) {
            Step::Record { span, next, .. } => {
                let record = file[span.clone()].to_vec();
                json::members(&record).map_err(|fault| fault.reason)?;
                records.push((span.start, record));
                at = next;
            }
            Step::More if end == file.len() => return Err("more after the last byte".into()),
            Step::More => end = (end + chunk).min(file.len()),
            Step::End { at } => {
                json::check_tail(d, &file[at..]).map_err(|(_, reason)| reason)?;
                return Ok(records);
            }
            Step::Broken { at, reason } if at <= file.len() => return Err(reason),
            Step::Broken { at, .. } => return Err(format!("{at} is beyond the file")),
        }
    }
}

/// The records as `serde_json` reads them.
fn oracle(shape: Shape, file: &[u8]) -> Result<Vec<String>, serde_json::Error> {
    let raw: Vec<&RawValue> = match shape {
        Shape::Array => serde_json::from_slice(file)?,
        Shape::Lines => file
            .split(|&byte| byte == b'\n')
            .filter(|line| !line.iter().all(|b| b" \t\r".contains(b)))
            .map(serde_json::from_slice)
            .collect::<Result<_, _>>()?,
        Shape::OData => {
            let page: BTreeMap<String, &RawValue> = serde_json::from_slice(file)?;
            serde_json::from_str(page.get("value").map_or("null", |value| value.get()))?
        }
    };
    Ok(raw.into_iter().map(|record| record.get().into()).collect())
}

fn texts(records: &[(usize, Vec<u8>)]) -> Vec<String> {
    records
        .iter()
        .map(|(_, record)| String::from_utf8_lossy(record).into_owned())
        .collect()
}

/// That the members of a record are those that `serde_json` reads, token by token, in the same order.
fn assert_members_equal(record: &[u8]) {
    let members = json::members(record).expect("a record that serde_json reads");
    let raw: BTreeMap<String, &RawValue> = serde_json::from_slice(record).expect("an object");
    let ordered: serde_json::Map<String, serde_json::Value> =
        serde_json::from_slice(record).expect("an object");
    assert_eq!(members.len(), ordered.len());
    for (member, (name, value)) in members.iter().zip(&ordered) {
        let token = &record[member.value.clone()];
        let ours = json::text(&record[member.name.clone()]).expect("a name");
        assert_eq!(ours, *name);
        assert_eq!(token, raw[name].get().as_bytes());
        let text = json::text(token).expect("a text");
        match value {
            serde_json::Value::String(string) => assert_eq!(text, *string),
            serde_json::Value::Null => assert_eq!(text, ""),
            _ => assert_eq!(text, raw[name].get()),
        }
    }
}

/// How a generated document is laid out.
#[derive(Clone, Debug)]
struct Layout {
    shape: Shape,
    /// Before a member, around the comma, after the colon.
    blanks: [&'static str; 3],
    newline: &'static str,
    bom: bool,
}

fn layout() -> impl Strategy<Value = Layout> {
    let shape = prop_oneof![Just(Shape::Array), Just(Shape::Lines), Just(Shape::OData)];
    let blanks = prop_oneof![
        Just(["", "", ""]),
        Just(["", " ", " "]),
        Just([" ", "\t", " "]),
        Just(["\n    ", "\n    ", " "]),
        Just(["\r\n\t", "\r\n", ""]),
    ];
    let newline = prop_oneof![Just("\n"), Just("\r\n")];
    (shape, blanks, newline, any::<bool>()).prop_map(|(shape, blanks, newline, bom)| Layout {
        shape,
        // A record of JSON Lines has no line ends.
        blanks: match shape {
            Shape::Lines if blanks[0].contains('\n') => ["", " ", ""],
            _ => blanks,
        },
        newline,
        bom,
    })
}

fn quoted(text: &str, escaped: bool) -> String {
    if escaped {
        let units = text.encode_utf16().map(|unit| format!("\\u{unit:04X}"));
        format!("\"{}\"", units.collect::<String>())
    } else {
        serde_json::to_string(text).expect("text is JSON")
    }
}

fn string_token() -> impl Strategy<Value = String> {
    let text = prop_oneof![
        "\\PC{0,6}",
        "[\\[\\]{}\",:\\\\\n\t/ aé😀\u{feff}]{0,8}",
        "value|No\\.|Phone No\\.",
    ];
    (text, any::<bool>()).prop_map(|(text, escaped)| quoted(&text, escaped))
}

fn value_token() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        4 => string_token(),
        1 => "-?(0|[1-9][0-9]{0,22})(\\.[0-9]{1,4})?([eE][+-]?[0-9])?",
        1 => "true|false|null",
        1 => Just("1.10".to_owned()),
        1 => Just("12345678901234567890123".to_owned()),
    ];
    leaf.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3)
                .prop_map(|items| format!("[{}]", items.join(", "))),
            prop::collection::vec((string_token(), inner), 0..3).prop_map(|members| {
                let members: Vec<String> = members
                    .into_iter()
                    .map(|(name, value)| format!("{name} :{value}"))
                    .collect();
                format!("{{{}}}", members.join(","))
            }),
        ]
    })
}

/// Name and value tokens with distinct names.
fn record() -> impl Strategy<Value = Vec<(String, String)>> {
    prop::collection::btree_map("[a-zÄ .\"]{0,5}", (any::<bool>(), value_token()), 0..5).prop_map(
        |members| {
            members
                .into_iter()
                .map(|(name, (escaped, value))| (quoted(&name, escaped), value))
                .collect()
        },
    )
}

/// Members of which some are columns, some the same one, and some stand twice.
fn members_of_a_vendor() -> impl Strategy<Value = Vec<(String, String)>> {
    let name = prop::sample::select(vec!["Name", "NAME", "City", "Fax No.", "x"]);
    let member = (name, prop::bool::weighted(0.2), value_token());
    prop::collection::vec(member, 0..4).prop_map(|members| {
        let members = members.into_iter();
        members
            .map(|(name, escaped, value)| (quoted(name, escaped), value))
            .collect()
    })
}

fn object(layout: &Layout, members: &[(String, String)]) -> String {
    let [lead, comma, colon] = layout.blanks;
    let members: Vec<String> = members
        .iter()
        .map(|(name, value)| format!("{name}:{colon}{value}"))
        .collect();
    format!("{{{lead}{}{lead}}}", members.join(&format!(",{comma}")))
}

fn render(layout: &Layout, records: &[Vec<(String, String)>]) -> Vec<u8> {
    let [lead, comma, _] = layout.blanks;
    let newline = layout.newline;
    let records: Vec<String> = records.iter().map(|r| object(layout, r)).collect();
    let array = |between: String| format!("[{lead}{}{lead}]", records.join(&between));
    let text = match layout.shape {
        Shape::Lines => records
            .iter()
            .map(|record| format!("{record}{newline}"))
            .collect(),
        Shape::Array => format!("{}{newline}", array(format!("{lead},{comma}"))),
        Shape::OData => format!(
            "{{{lead}\"@odata.context\":\"[{{\",{comma}\"value\" :{lead}{},\"next\":{{\"a\":[]}}}}",
            array(format!(",{comma}"))
        ),
    };
    let bom = if layout.bom { "\u{feff}" } else { "" };
    format!("{bom}{text}").into_bytes()
}

fn document() -> impl Strategy<Value = (Layout, Vec<u8>)> {
    (layout(), prop::collection::vec(record(), 0..5))
        .prop_map(|(layout, records)| (layout.clone(), render(&layout, &records)))
}

fn dialect(shape: Shape) -> JsonDialect {
    JsonDialect {
        shape,
        sparse: false,
        ascii: false,
        newline: "\n",
        depth: 64,
    }
}

/// Without the byte order mark, which is not `serde_json`'s to read.
fn unmarked(file: &[u8]) -> &[u8] {
    file.strip_prefix("\u{feff}".as_bytes()).unwrap_or(file)
}

/// A damaged file is refused, or `serde_json` reads the same records from it.
fn assert_not_misread(shape: Shape, file: &[u8]) -> Result<(), TestCaseError> {
    let whole = read(&dialect(shape), file, file.len().max(1));
    let by_pieces = read(&dialect(shape), file, 11);
    prop_assert_eq!(by_pieces.as_ref().ok(), whole.as_ref().ok());
    if let Ok(records) = whole {
        let expected = oracle(shape, unmarked(file)).map_err(|error| error.to_string());
        prop_assert_eq!(Ok(texts(&records)), expected);
    }
    Ok(())
}

proptest! {
    #[test]
    fn every_document_is_read_as_serde_json_reads_it((layout, file) in document(), chunk in 1_usize..40) {
        let records = read(&dialect(layout.shape), &file, chunk);
        let expected = oracle(layout.shape, unmarked(&file)).expect("a valid document");
        prop_assert_eq!(records.as_deref().map(texts), Ok(expected));
        for (_, record) in records.unwrap_or_default() {
            assert_members_equal(&record);
        }
    }

    #[test]
    fn a_reader_finds_the_columns_of_a_record_whatever_names_came_before_it(
        records in prop::collection::vec(members_of_a_vendor(), 1..8),
        order in prop::collection::vec(any::<prop::sample::Index>(), 0..8),
    ) {
        let lines: Vec<String> = records.iter().enumerate().map(|(at, members)| {
            let members: Vec<String> = members.iter().map(|(name, value)| format!(",{name}: {value}")).collect();
            format!("{{\"No.\":\"V{at}\"{}}}\n", members.concat())
        }).collect();
        let vendors = Table::named("vendors").expect("a table");
        let file = lines.concat().into_bytes();
        let export = Export::read(Box::new(file), vendors, &Settings::default(), "f", 7).expect("an export");
        let mut reader = export.reader();
        let mut row = Row::default();
        for at in (0..lines.len()).chain(order.iter().map(|index| index.index(lines.len()))) {
            let view = reader.read(at);
            // A reader that has read nothing before knows no names.
            let alone = export.record(at);
            match view.and_then(|view| view.fill(&mut row, &mut Vec::new())) {
                Ok(()) => prop_assert_eq!(Ok(&row), alone.as_ref().map(|record| record.row())),
                Err(fault) => {
                    prop_assert_eq!(Some(fault), alone.err());
                    continue;
                }
            }
            let theirs: serde_json::Map<String, serde_json::Value> =
                serde_json::from_str(&lines[at]).expect("an object");
            for name in ["Name", "City"] {
                let column = vendors.column(name).expect("a column");
                let theirs = theirs.iter().find(|(theirs, _)| theirs.eq_ignore_ascii_case(name));
                let Some((_, serde_json::Value::String(theirs))) = theirs else { continue };
                if export.columns.has(column) {
                    prop_assert_eq!(row.get(column), Some(theirs.as_str()));
                }
            }
        }
    }

    #[test]
    fn the_shape_of_a_document_is_detected_from_any_head((layout, file) in document()) {
        prop_assume!(unmarked(&file).contains(&b'{'));
        let detected = json::detect(&file, true, 64).map(|d| d.shape);
        prop_assert_eq!(detected, Some(layout.shape));
        for end in 0..file.len() {
            json::detect(&file[..end], false, 64);
        }
    }

    #[test]
    fn a_document_cut_anywhere_is_not_misread((layout, file) in document()) {
        for end in 0..file.len() {
            assert_not_misread(layout.shape, &file[..end])?;
        }
    }

    #[test]
    fn no_bytes_make_it_panic(file in prop::collection::vec(any::<u8>(), 0..60), at in 0_usize..80) {
        json::detect(&file, true, 64);
        for shape in [Shape::Array, Shape::Lines, Shape::OData] {
            let d = dialect(shape);
            let _ = read(&d, &file, 1);
            json::step(&d, &file, at, false);
            let _ = json::check_tail(&d, &file);
            json::new_record(&d, Some(&file), &[]);
            json::document(&d, std::slice::from_ref(&file));
            json::token(&d, "1", Form::Text, Some(&file));
        }
        let _ = json::members(&file);
        let _ = json::text(&file);
    }

    #[test]
    fn a_token_says_what_it_was_made_of(value in any::<String>(), old in value_token(), ascii: bool) {
        let d = JsonDialect { ascii, ..dialect(Shape::Array) };
        let token = json::token(&d, &value, Form::Text, Some(old.as_bytes()));
        let said = json::text(&token).expect("a token of ours");
        prop_assert_eq!(&said, &value);
        let fresh = json::token(&d, &value, Form::Text, None);
        if ascii {
            prop_assert!(fresh.is_ascii());
        } else {
            prop_assert_eq!(fresh, serde_json::to_vec(&value).expect("text is JSON"));
        }
    }

    #[test]
    fn an_added_member_is_the_last_and_disturbs_no_other(layout in layout(), record in record(), token in value_token()) {
        let before = object(&layout, &record).into_bytes();
        let members = json::members(&before).expect("a valid record");
        let (at, bytes) = json::insert(&dialect(layout.shape), &before, &members, false, "Phone No.", token.as_bytes());
        let mut after = before.clone();
        after.splice(at..at, bytes.iter().copied());

        let added = json::members(&after).expect("still a valid record");
        prop_assert_eq!(&added[..members.len()], &members[..]);
        let last = &added[members.len()];
        prop_assert_eq!(&after[last.name.clone()], b"\"Phone No.\"");
        prop_assert_eq!(&after[last.value.clone()], token.as_bytes());
    }

    #[test]
    fn a_document_of_ours_is_read_back(layout in layout(), records in prop::collection::vec(record(), 0..4)) {
        let d = JsonDialect { newline: layout.newline, ..dialect(layout.shape) };
        let records: Vec<Vec<u8>> = records.iter().map(|r| object(&layout, r).into_bytes()).collect();
        let again = read(&d, &json::document(&d, &records), 7);
        let again = again.map(|again| again.into_iter().map(|(_, record)| record).collect());
        prop_assert_eq!(again, Ok(records));
    }
}

proptest! {
    // Every case reads some thousand damaged files.
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn a_document_with_a_wrong_byte_is_not_misread((layout, file) in document(), flip in 1_u8..) {
        for at in 0..file.len() {
            let mut damaged = file.clone();
            for byte in [file[at] ^ flip, b'"', b'{', b'}', b',', b' '] {
                damaged[at] = byte;
                assert_not_misread(layout.shape, &damaged)?;
            }
        }
    }
}

const TABLES: [&str; 5] = [
    "contacts",
    "customers",
    "vendors",
    "bank_accounts",
    "contact_business_relations",
];

#[test]
fn a_first_record_that_is_longer_than_a_header_may_be_names_no_columns() {
    let long = format!("[{{\"no\":\"K1\",\"name\":\"{}\"}}]", "x".repeat(300));
    for (header, is_read) in [(256, false), (512, true)] {
        let settings = Settings::within(Bounds {
            header,
            ..Bounds::default()
        });
        let source = Box::new(long.clone().into_bytes());
        let table = Table::named("customers").expect("a table");
        let read = Export::read(source, table, &settings, "customers.json", 7);
        let told = read.map_or_else(|refusal| refusal.to_string(), |_| String::new());
        assert_eq!(told.is_empty(), is_read, "{told}");
        assert_eq!(told.contains("`limits.header`"), !is_read, "{told}");
    }
}

fn cronus(company: &str, table: &str) -> (PathBuf, Vec<u8>) {
    let extension = if company == "dk" { "jsonl" } else { "json" };
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fixtures/cronus")
        .join(company)
        .join(table)
        .with_extension(extension);
    let file = std::fs::read(&path).expect("a file of the fixtures");
    (path, file)
}

fn head(file: &[u8]) -> (&[u8], bool) {
    let length = file.len().min(256 * 1024);
    (&file[..length], length == file.len())
}

#[test]
fn the_cronus_exports_are_read_as_serde_json_reads_them() {
    for (company, shape) in [
        ("dk", Shape::Lines),
        ("es", Shape::Array),
        ("is", Shape::OData),
        ("contoso-w1", Shape::OData),
    ] {
        for table in TABLES {
            let (path, file) = cronus(company, table);
            let (head, whole) = head(&file);
            let d = json::detect(head, whole, 64).expect("a JSON file");
            assert_eq!(d.shape, shape, "{}", path.display());
            assert!(!d.ascii);
            assert_eq!(d.newline, "\n");

            let records = read(&d, &file, 4000).expect("a whole file");
            assert!(!records.is_empty());
            let expected = oracle(shape, &file).expect("a valid file");
            assert_eq!(texts(&records), expected, "{}", path.display());
            for (_, record) in &records {
                assert_members_equal(record);
            }
        }
        let contacts = cronus(company, "contacts").1;
        let (head, whole) = head(&contacts);
        let sparse = json::detect(head, whole, 64).map(|d| d.sparse);
        assert_eq!(sparse, Some(company == "dk"), "{company}");
    }
}

#[test]
fn a_changed_phone_number_changes_its_token_and_nothing_else() {
    for (company, column) in [
        ("es", "Phone No."),
        ("is", "Phone_No"),
        ("contoso-w1", "Phone_No"),
    ] {
        let (_, file) = cronus(company, "contacts");
        let (head, whole) = head(&file);
        let d = json::detect(head, whole, 64).expect("a JSON file");
        let records = read(&d, &file, 4000).expect("a whole file");
        let (start, record) = &records[records.len() / 2];
        let members = json::members(record).expect("a valid record");
        let phone = members
            .iter()
            .find(|member| json::text(&record[member.name.clone()]).as_deref() == Ok(column))
            .expect("every contact has a phone number");
        let span = start + phone.value.start..start + phone.value.end;
        let token = json::token(&d, "+34 91 555", Form::Text, Some(&file[span.clone()]));
        assert_eq!(token, b"\"+34 91 555\"");

        let changed = [&file[..span.start], &token, &file[span.end..]].concat();
        let mut expected = oracle(d.shape, &file).expect("a valid file");
        let (name, value) = (
            String::from_utf8_lossy(&record[phone.name.clone()]),
            String::from_utf8_lossy(&record[phone.value.clone()]),
        );
        let colon = &record[phone.name.end..phone.value.start];
        let colon = String::from_utf8_lossy(colon);
        expected[records.len() / 2] = expected[records.len() / 2].replace(
            &format!("{name}{colon}{value}"),
            &format!("{name}{colon}\"+34 91 555\""),
        );
        assert_eq!(oracle(d.shape, &changed).ok(), Some(expected));
    }
}

#[test]
fn a_phone_number_that_a_sparse_record_lacks_is_added_at_its_end() {
    let (_, file) = cronus("dk", "contacts");
    let (head, whole) = head(&file);
    let d = json::detect(head, whole, 64).expect("a JSON file");
    let records = read(&d, &file, 4000).expect("a whole file");
    let (_, record) = &records[0];
    let members = json::members(record).expect("a valid record");
    let names: Vec<_> = members
        .iter()
        .filter_map(|member| json::text(&record[member.name.clone()]).ok())
        .collect();
    let names = names.iter().map(AsRef::as_ref);
    let name = json::Spelling::of(names).spell("Phone No.");
    let token = json::token(&d, "+45 33 44", Form::Text, None);

    let (at, added) = json::insert(&d, record, &members, false, &name, &token);
    assert_eq!(added, b",\"Phone No.\":\"+45 33 44\"");
    assert_eq!(at, record.len() - 1);
}

#[test]
fn a_new_record_of_a_page_has_every_member_but_the_annotations() {
    let (_, file) = cronus("is", "bank_accounts");
    let d = json::detect(&file, true, 64).expect("a JSON file");
    let records = read(&d, &file, 4000).expect("a whole file");
    let (_, sample) = &records[0];
    let number = [("No".to_owned(), b"\"NEW\"".to_vec())];
    let record = json::new_record(&d, Some(sample), &number);

    let expected: serde_json::Map<String, serde_json::Value> =
        serde_json::from_slice(sample).expect("an object");
    let actual: serde_json::Map<String, serde_json::Value> =
        serde_json::from_slice(&record).expect("an object");
    assert!(expected.keys().skip(1).eq(actual.keys()));
    assert_eq!(actual["No"], "NEW");
    assert_eq!(actual["Name"], "");
    assert_eq!(actual["Min_Balance"], 0);
    assert_eq!(actual["Blocked"], false);
}
