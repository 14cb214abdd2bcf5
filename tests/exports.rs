//! Exports in every dialect: what is read comes back byte for byte, and an edit changes its cell alone.

use std::path::{Path, PathBuf};

use couplet::disk::{Disk, RealDisk};
use couplet::exports::csv::{CsvDialect, cells, step, unquote};
use couplet::exports::grammar::Step;
use couplet::exports::{
    Bounds, CHANGED, ColumnPin, Edits, Encoding, Export, Extent, Grammar, KeyPrint, Last, NewRow,
    Refusal, Settings, TooLong, Unheld, UpdateContents, sniff,
};
use couplet::model::{Row, Table};
use proptest::prelude::*;

const SEED: u64 = 7;

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures")
}

fn bytes(path: &Path) -> Vec<u8> {
    std::fs::read(path).expect("a fixture")
}

fn read(bytes: &[u8], table: Table, settings: &Settings) -> Result<Export, Refusal> {
    Export::read(Box::new(bytes.to_vec()), table, settings, "test.csv", SEED)
}

fn spliced(export: &Export, edits: &Edits) -> Vec<u8> {
    let mut out = Vec::new();
    export.splice(edits, &mut out).expect("written to memory");
    out
}

fn table(name: &str) -> Table {
    Table::named(name).expect("a table")
}

fn column(table: Table, name: &str) -> usize {
    table.column(name).expect("a column")
}

/// One cell of the model column gets new text; returns what was written and the cell's own place by search.
fn assert_one_cell_changes(raw: &[u8], export: &Export, record: usize, column: usize, new: &str) {
    let old = export.record(record).expect("a record");
    let old = old.value(column).expect("a known value").to_owned();
    let mut edits = Edits::default();
    edits.cells.insert(record, vec![(column, new.to_owned())]);
    let out = spliced(export, &edits);
    let encoding = export.dialect.encoding;
    let (old, new) = (
        encoding.encode(&old).expect("it was read").len(),
        encoding.encode(new).expect("it is ASCII").len(),
    );
    assert_eq!(out.len() + old, raw.len() + new);
    let before = raw.iter().zip(&out).take_while(|(a, b)| a == b).count();
    let after = raw
        .iter()
        .rev()
        .zip(out.iter().rev())
        .take_while(|(a, b)| a == b)
        .count();
    assert!(before + after + old.max(new) >= raw.len().min(out.len()));
    let settings = Settings {
        encoding: Some(encoding),
        ..Settings::default()
    };
    let again = read(&out, export.table, &settings).expect("still an export");
    let changed: Vec<usize> = (0..again.records.len())
        .filter(|&at| again.records[at].print != export.records[at].print)
        .collect();
    assert_eq!(changed, [record]);
}

#[test]
fn every_cronus_file_comes_back_byte_for_byte_and_one_edit_changes_one_cell() {
    for folder in ["w1", "de", "fr", "cz", "ru", "contoso-cz"] {
        for name in [
            "contacts",
            "customers",
            "vendors",
            "bank_accounts",
            "contact_business_relations",
        ] {
            let extension = if folder == "cz" { "txt" } else { "csv" };
            let path = fixtures().join(format!("cronus/{folder}/{name}.{extension}"));
            let raw = bytes(&path);
            let table = table(name.strip_prefix("contact_business_").unwrap_or(name));
            let export = read(&raw, table, &Settings::default())
                .map_err(|refusal| format!("{}: {refusal}", path.display()))
                .expect("a readable fixture");
            assert!(export.problems.is_empty(), "{:?}", export.problems);
            assert!(export.ends_with_newline());
            assert!(spliced(&export, &Edits::default()) == raw, "{path:?}");
            let prints = export.key_prints().expect("in memory");
            for (at, print) in prints.iter().enumerate() {
                let record = export.record(at).expect("a sound record");
                assert!(record.problems().is_empty(), "{path:?}");
                assert_eq!(print.sound(), Some(export.key_print(&record)));
            }
            if let Some(phone) = table.column("Phone No.") {
                let last = export.records.len() - 1;
                for at in [0, last / 2, last] {
                    assert_one_cell_changes(&raw, &export, at, phone, "+44 161 0001");
                }
            }
        }
    }
}

#[test]
fn the_cronus_files_show_their_encodings() {
    for (file, encoding, proven) in [
        ("w1/customers.csv", "utf-8", true),
        ("de/contacts.csv", "windows-1252", true),
        ("fr/contacts.csv", "utf-8", true),
        ("cz/contacts.txt", "utf-16le", true),
        ("contoso-cz/contacts.csv", "windows-1250", true),
        ("w1/contact_business_relations.csv", "utf-8", false),
    ] {
        let raw = bytes(&fixtures().join("cronus").join(file));
        let name = if file.contains("relations") {
            "relations"
        } else if file.contains("customers") {
            "customers"
        } else {
            "contacts"
        };
        let export = read(&raw, table(name), &Settings::default()).expect("an export");
        let dialect = &export.dialect;
        assert_eq!(dialect.encoding.name(), encoding, "{file}");
        assert_eq!(dialect.encoding_proven, proven, "{file}");
    }
}

#[test]
fn files_of_other_systems_are_read_with_pinned_headers() {
    let pinned = |key: &str, header: bool, names: &[&str]| Settings {
        header: Some(header),
        names: names.iter().map(|&name| name.to_owned()).collect(),
        columns: vec![ColumnPin {
            column: "No.".to_owned(),
            header: Some(key.to_owned()),
            length: None,
            too_long: TooLong::Problem,
        }],
        ..Settings::default()
    };
    for (file, settings) in [
        ("northwind/customers.csv", pinned("CustomerID", true, &[])),
        ("northwind/suppliers.csv", pinned("SupplierID", true, &[])),
        ("northwind/shippers.csv", pinned("ShipperID", true, &[])),
        (
            "sap-business-partners/bikes/Addresses.csv",
            pinned("ADDRESSID", true, &[]),
        ),
        (
            "sap-business-partners/bikes/BusinessPartners.csv",
            pinned("PARTNERID", true, &[]),
        ),
        (
            "sap-business-partners/bikes/Employees.csv",
            pinned("EMPLOYEEID", true, &[]),
        ),
        (
            "sap-business-partners/fi/Customer.csv",
            pinned("CUSTOMERID", true, &[]),
        ),
        (
            "sap-business-partners/fi/CustomerTexts.csv",
            pinned("CUSTOMERID", true, &[]),
        ),
        (
            "adventureworks/oltp/Vendor.csv",
            pinned("Id", false, &["Id", "Account", "Name"]),
        ),
        (
            "adventureworks/oltp/ContactType.csv",
            pinned("Id", false, &["Id", "Name"]),
        ),
        (
            "adventureworks/oltp/StateProvince.csv",
            pinned("Id", false, &["Id"]),
        ),
        (
            "adventureworks/dw/DimGeography.csv",
            pinned("Id", false, &["Id", "City"]),
        ),
    ] {
        let raw = bytes(&fixtures().join("public-data").join(file));
        let export = read(&raw, table("customers"), &settings).expect(file);
        assert!(spliced(&export, &Edits::default()) == raw, "{file}");
        let faulty = export.key_prints().expect("in memory");
        let faulty = faulty
            .iter()
            .filter(|print| print.sound().is_none())
            .count();
        assert_eq!(faulty, 0, "{file}");
    }
    let raw = bytes(&fixtures().join("public-data/adventureworks/oltp/BusinessEntityContact.csv"));
    let refusal = read(&raw, table("customers"), &pinned("Id", false, &["Id"]))
        .expect_err("a delimiter of two characters");
    assert!(refusal.reason.contains("`+|`"), "{refusal}");
}

#[test]
fn broken_files_are_refused_with_line_and_offset() {
    let wide = format!("No.,Name\n1,{}\n", "x".repeat(500));
    type Case<'a> = (&'a str, &'a [u8], Option<u64>, Option<u64>);
    let cases: &[Case<'_>] = &[
        (
            "never closed",
            b"No.,Name\r\n1,A\r\n2,\"B\r\n3,C\r\n",
            Some(3),
            Some(17),
        ),
        ("closing quote", b"No.,Name\n1,\"A\"x\n", Some(2), Some(14)),
        ("NUL", b"No.,Name\n1,A\n2,\0\n", Some(3), Some(15)),
        (
            "decode",
            b"No.,Name\n1,\xC3\xBC\n2,\xFC\n",
            Some(3),
            Some(16),
        ),
        ("longer than", wide.as_bytes(), Some(2), Some(9)),
        ("empty", b"", None, None),
        ("key", b"Nr,Name\n1,A\n", Some(1), Some(0)),
        ("utf-16le", b"\xFF\xFEN\0o\0.", None, Some(6)),
        (
            "order marks",
            b"\xEF\xBB\xBF\xEF\xBB\xBFNo.,Name\n",
            Some(1),
            Some(3),
        ),
    ];
    let settings = Settings::within(Bounds {
        window: 16,
        record: 256,
        ..Bounds::default()
    });
    for (reason, file, line, offset) in cases {
        let refusal = read(file, table("customers"), &settings).expect_err(reason);
        assert!(refusal.reason.contains(reason), "{refusal}");
        assert_eq!(
            (refusal.line, refusal.offset),
            (*line, *offset),
            "{refusal}"
        );
    }
}

#[test]
fn control_characters_say_that_the_pinned_page_is_wrong() {
    let settings = Settings {
        encoding: Encoding::from_label("windows-1252"),
        ..Settings::default()
    };
    let refusal =
        read(b"No.,Name\n1,M\x81ller\n", table("customers"), &settings).expect_err("cp850");
    assert_eq!((refusal.line, refusal.offset), (Some(2), Some(12)));
    assert!(refusal.advice.contains("encoding"));
}

#[test]
fn a_file_is_taken_for_the_same_page_wherever_its_first_letter_beyond_ascii_falls() {
    let raw = b"No.,Name\n0,A\n1,caf\xe9 fin\n2,B\n";
    for window in 1..64 {
        let settings = Settings::within(Bounds {
            window,
            ..Bounds::default()
        });
        let export = read(raw, table("vendors"), &settings).expect("an export");
        assert_eq!(export.dialect.encoding.name(), "windows-1252", "{window}");
    }
}

#[test]
fn a_record_is_never_longer_than_its_limit() {
    let vendors = table("vendors");
    let within = |record| {
        Settings::within(Bounds {
            record,
            ..Bounds::default()
        })
    };
    let raw = format!("No.,Name\n1,{}\n2,B\n", "x".repeat(98));
    let export = read(raw.as_bytes(), vendors, &within(100)).expect("an export");
    let refusal = read(raw.as_bytes(), vendors, &within(99)).expect_err("too long");
    assert!(refusal.to_string().contains("`limits.record`"), "{refusal}");
    // Nor when it is known from the last version, which was read under another.
    assert!(read_after(&export, raw.as_bytes(), &within(100)).is_ok());
    assert!(read_after(&export, raw.as_bytes(), &within(99)).is_err());
}

#[test]
fn a_place_is_told_in_the_files_own_bytes() {
    let rows: String = (0..4000).map(|no| format!("K{no},Łódź 𝄞\r\n")).collect();
    let text = format!("No.,Name\r\n{rows}");
    let utf_16: Vec<u8> = format!("\u{feff}{text}")
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    let row = |no: usize| {
        let row = format!("\nK{no},");
        let units: Vec<u8> = row.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let wide = utf_16.windows(units.len()).position(|at| at == units);
        (text.find(&row).map(|at| at + 1), wide.map(|at| at + 2))
    };
    let offset = |bytes: &[u8], no: usize| {
        let export = read(bytes, table("vendors"), &Settings::default()).expect("an export");
        export.place(no).offset.map(|offset| offset as usize)
    };
    for no in [0, 1, 1777, 3999] {
        let told = (offset(text.as_bytes(), no), offset(&utf_16, no));
        assert_eq!(told, row(no), "{no}");
    }
}

#[test]
fn a_ragged_row_is_left_out_and_keeps_its_key() {
    let raw = b"No.,Name,City\n1,A,X\n2,B\n3,\"C\",Z,Y\n4,D,W\n";
    let export = read(raw, table("customers"), &Settings::default()).expect("an export");
    let prints = export.key_prints().expect("in memory");
    assert_eq!(export.keys().expect("in memory"), hashes(&prints));
    let sound: Vec<bool> = prints.iter().map(|print| print.sound().is_some()).collect();
    assert_eq!(sound, [true, false, false, true]);
    assert!(prints.iter().all(|print| print.any().is_some()));
    assert_eq!(export.record(1).expect_err("ragged").kind, "ragged-row");
    assert_eq!(export.line_of(3), 5);
}

#[test]
fn the_rows_of_a_file_without_a_header_say_together_how_many_columns_there_are() {
    let vendors = table("vendors");
    let settings = Settings {
        header: Some(false),
        names: ["No.", "Name", "City"].map(str::to_owned).to_vec(),
        ..Settings::default()
    };
    let sound = |rows: &str| {
        let export = read(rows.as_bytes(), vendors, &settings).expect("an export");
        (0..export.records.len())
            .map(|at| export.record(at).is_ok())
            .collect::<Vec<_>>()
    };
    let others = "2,B,Bern\n3,C,Oslo\n";
    for first in ["1,Smith, John,Rome\n", "1,Smith\n"] {
        assert_eq!(sound(&format!("{first}{others}")), [false, true, true]);
        // The delimiter is as well seen in the others.
        let all = format!("{first}{others}").replace(',', ";");
        assert_eq!(sound(&all), [false, true, true]);
    }
    assert_eq!(sound("1,A,Rome,x\n2,B,Bern\n"), [false, true]);
    assert_eq!(
        sound("1,A,Rome,x\n2,B\n3,C\n4,D\n"),
        [true, false, false, false]
    );
    assert!(read(b"1,A\n2,B\n", vendors, &settings).is_err());
}

#[test]
fn a_row_is_split_no_further_than_shows_that_it_has_too_many_cells() {
    let raw = format!("No.,Name\n\"1\",A{}\n2,B\n", ",".repeat(100));
    let export = read(raw.as_bytes(), table("vendors"), &Settings::default()).expect("an export");
    let fault = export.record(0).expect_err("ragged");
    assert_eq!(fault.reason, "the row has more cells than the 2 columns");
    let prints = export.key_prints().expect("in memory");
    assert!(matches!(prints[0], KeyPrint::Faulty(Some(_))));
}

#[test]
fn a_reader_goes_on_after_a_record_that_it_cannot_read() {
    let contacts = table("contacts");
    let raw = b"No.,Type,Name\n1,person,\"A\"\"\"\n2,B\n3,dog,C\n4,,\n";
    let export = read(raw, contacts, &Settings::default()).expect("an export");
    let (kind, name) = (column(contacts, "Type"), column(contacts, "Name"));
    let mut reader = export.reader();
    let mut row = Row::default();
    let mut problems = Vec::new();
    let view = reader.read(0).expect("a sound record");
    assert_eq!(view.bytes(), b"1,person,\"A\"\"\"");
    assert_eq!(view.text(kind), Ok(Some("person".into())));
    assert_eq!(view.value(kind), Ok(Some("Person".into())));
    assert_eq!(view.value(name), Ok(Some("A\"".into())));
    assert_eq!(view.is_quoted(name), Ok(true));
    assert_eq!(
        reader.read(1).err().map(|fault| fault.kind),
        Some("ragged-row")
    );
    let view = reader.read(2).expect("a sound record");
    view.fill(&mut row, &mut problems).expect("sound cells");
    assert_eq!((row.get(kind), row.get(name)), (None, Some("C")));
    assert_eq!(
        problems,
        export.record(2).expect("a sound record").problems()
    );
    assert_eq!(problems[0].kind, "unknown-spelling");
    assert_eq!(problems[0].place.key.as_deref(), Some("3"));
    assert!(reader.read(4).is_err());
    let view = reader.read(3).expect("a sound record");
    view.fill(&mut row, &mut problems).expect("sound cells");
    assert_eq!((row.get(kind), row.get(name)), (Some(""), Some("")));
    assert_eq!(problems.len(), 1);
}

#[test]
fn a_reader_notices_that_the_file_is_another_and_that_it_became_shorter() {
    let file = tempfile::NamedTempFile::new().expect("a file");
    let lines: Vec<String> = (0..4000).map(|at| format!("{at},Name {at},City")).collect();
    let write = |text: &str| std::fs::write(file.path(), text).expect("written");
    let text = format!("No.,Name,City\n{}\n", lines.join("\n"));
    write(&text);
    let (source, _) = RealDisk.open(file.path()).expect("opened");
    let vendors = table("vendors");
    let export = Export::read(source, vendors, &Settings::default(), "f", SEED).expect("an export");
    let name = column(vendors, "Name");
    let mut reader = export.reader();
    for at in 0..lines.len() {
        let view = reader.read(at).expect("a sound record");
        let expected = format!("Name {at}");
        assert_eq!(view.text(name), Ok(Some(expected.into())));
    }
    write(&text.replace("City\n3999,", "Town\n3999,"));
    let mut reader = export.reader();
    let faults: Vec<_> = (0..lines.len())
        .filter_map(|at| reader.read(at).err().map(|fault| (at, fault.kind)))
        .collect();
    assert_eq!(faults, [(3998, CHANGED)]);
    write(&text[..text.len() - 10]);
    let mut reader = export.reader();
    let faults: Vec<_> = (0..lines.len())
        .filter_map(|at| reader.read(at).err().map(|fault| (at, fault.kind)))
        .collect();
    assert_eq!(faults, [(3999, "unreadable")]);
}

#[test]
fn preamble_footer_and_dos_end_stay_where_they_are() {
    let raw = b"\xEF\xBB\xBFsep=;\r\nNo.;Name;\r\n1;A;\r\n\r\n2;B;\r\nTotal;2\r\n\x1A";
    let settings = Settings {
        footer: Some("^Total".to_owned()),
        ..Settings::default()
    };
    let vendors = table("vendors");
    let export = read(raw, vendors, &settings).expect("an export");
    assert_eq!(export.records.len(), 2);
    assert_eq!(spliced(&export, &Edits::default()), raw);
    let name = column(vendors, "Name");
    let edits = Edits {
        append: vec![NewRow {
            cells: vec![(0, "3".to_owned()), (name, "C;D".to_owned())],
            ..NewRow::default()
        }],
        remove: [0].into(),
        ..Edits::default()
    };
    assert_eq!(
        spliced(&export, &edits),
        b"\xEF\xBB\xBFsep=;\r\nNo.;Name;\r\n\r\n2;B;\r\n3;\"C;D\";\r\nTotal;2\r\n\x1A"
    );
}

#[test]
fn rows_come_and_go_without_changing_how_the_file_ends() {
    let vendors = table("vendors");
    let row = |no: &str| NewRow {
        cells: vec![(0, no.to_owned())],
        ..NewRow::default()
    };
    for (raw, remove, append, expected) in [
        (
            "No.,Name\n1,A\n2,B",
            &[][..],
            &["3"][..],
            "No.,Name\n1,A\n2,B\n3,",
        ),
        (
            "No.,Name\n1,A\n2,B\n",
            &[],
            &["3"],
            "No.,Name\n1,A\n2,B\n3,\n",
        ),
        ("No.,Name\n1,A\n2,B", &[1], &[], "No.,Name\n1,A"),
        ("No.,Name\n1,A\n2,B\n", &[0, 1], &[], "No.,Name\n"),
        ("No.,Name\n1,A\n2,B\n", &[0, 1], &["3"], "No.,Name\n3,\n"),
        ("No.,Name\n1,A\n2,B\n", &[0], &["3"], "No.,Name\n2,B\n3,\n"),
        ("No.,Name\n", &[], &["3"], "No.,Name\n3,\n"),
        ("No.,Name", &[], &["3"], "No.,Name\n3,"),
    ] {
        let export = read(raw.as_bytes(), vendors, &Settings::default()).expect("an export");
        let edits = Edits {
            remove: remove.iter().copied().collect(),
            append: append.iter().map(|no| row(no)).collect(),
            ..Edits::default()
        };
        let out = String::from_utf8(spliced(&export, &edits)).expect("UTF-8");
        assert_eq!(out, expected, "{raw:?} without {remove:?}");
    }
}

#[test]
fn a_pinned_header_tells_two_columns_apart_that_differ_in_case_alone() {
    let vendors = table("vendors");
    let settings = Settings {
        columns: vec![ColumnPin {
            column: "City".to_owned(),
            header: Some("City".to_owned()),
            length: None,
            too_long: TooLong::Problem,
        }],
        ..Settings::default()
    };
    for raw in [
        &b"No,CITY,City\n1,x,Rome\n"[..],
        b"[{\"No\":\"1\",\"CITY\":\"x\",\"City\":\"Rome\"}]",
    ] {
        let export = read(raw, vendors, &settings).expect("an export");
        assert!(export.problems.is_empty(), "{:?}", export.problems);
        let record = export.record(0).expect("a sound record");
        assert_eq!(record.value(column(vendors, "City")), Some("Rome"));
        assert_eq!(
            export.carried(&record),
            [("CITY".to_owned(), "x".to_owned())]
        );
        assert_eq!(export.carried_column("CITY"), Some(1));
    }
}

#[test]
fn options_are_read_as_captions_and_written_in_the_files_spelling() {
    let vendors = table("vendors");
    let blocked = column(vendors, "Privacy Blocked");
    let raw = b"No.;Privacy Blocked\n1;nein\n2;perhaps\n";
    let export = read(raw, vendors, &Settings::default()).expect("an export");
    let record = export.record(0).expect("a record");
    assert_eq!(record.value(blocked), Some("No"));
    let unknown = export.record(1).expect("a record");
    assert_eq!(unknown.value(blocked), None);
    assert_eq!(unknown.problems()[0].kind, "unknown-spelling");
    assert_eq!(unknown.problems()[0].place.line, Some(3));
    let mut edits = Edits::default();
    edits.cells.insert(0, vec![(blocked, "Yes".to_owned())]);
    assert_eq!(
        spliced(&export, &edits),
        b"No.;Privacy Blocked\n1;ja\n2;perhaps\n"
    );
}

#[test]
fn options_are_written_as_another_cell_of_their_column_has_them() {
    let vendors = table("vendors");
    let blocked = column(vendors, "Privacy Blocked");
    let json = |rows: &str| format!("[{rows}]");
    let csv = |rows: &str| format!("No.,Privacy Blocked\n{rows}");
    for (raw, value, expected) in [
        (csv("1,N\n2,J\n"), "Yes", csv("1,J\n2,J\n")),
        (csv("1,\n2,true\n"), "Yes", csv("1,true\n2,true\n")),
        (csv("1,Ja\n2,Nej\n"), "No", csv("1,Nej\n2,Nej\n")),
        (
            csv("1,TRUE\n2,FALSE\n3,true\n"),
            "No",
            csv("1,FALSE\n2,FALSE\n3,true\n"),
        ),
        // Where nothing shows it, the others of the column lead to expect it.
        (csv("1,\n2,NON\n"), "Yes", csv("1,OUI\n2,NON\n")),
        (
            json(r#"{"No":"1","Privacy_Blocked":"N"},{"No":"2","Privacy_Blocked":"J"}"#),
            "Yes",
            json(r#"{"No":"1","Privacy_Blocked":"J"},{"No":"2","Privacy_Blocked":"J"}"#),
        ),
        (
            json(r#"{"No":"1","Privacy_Blocked":false},{"No":"2","Privacy_Blocked":true}"#),
            "Yes",
            json(r#"{"No":"1","Privacy_Blocked":true},{"No":"2","Privacy_Blocked":true}"#),
        ),
    ] {
        let export = read(raw.as_bytes(), vendors, &Settings::default()).expect("an export");
        let mut edits = Edits::default();
        edits.cells.insert(0, vec![(blocked, value.to_owned())]);
        let out = String::from_utf8(spliced(&export, &edits)).expect("text");
        assert_eq!(out, expected);
    }
}

#[test]
fn a_value_that_the_file_does_not_hold_is_said_before_it_is_written() {
    let vendors = table("vendors");
    let name = column(vendors, "Name");
    let guess = read(b"No.,Name\n1,A\n", vendors, &Settings::default()).expect("an export");
    assert_eq!(guess.holds(name, "Łódź"), Err(Unheld::Unproven));
    assert_eq!(guess.holds(name, "a,\"b\"\n"), Ok(()));
    assert_eq!(
        guess.holds(column(vendors, "City"), "x"),
        Err(Unheld::NoColumn)
    );
    let settings = Settings {
        encoding: Encoding::from_label("cp1252"),
        quote: Some(None),
        ..Settings::default()
    };
    let page = read(b"No.,Name\n1,A\n", vendors, &settings).expect("an export");
    assert!(matches!(
        page.holds(name, "Łódź"),
        Err(Unheld::Character {
            character: 'Ł', ..
        })
    ));
    assert_eq!(page.holds(name, "a,b"), Err(Unheld::Unquotable));
    let mut edits = Edits::default();
    edits.cells.insert(0, vec![(name, "Łódź".to_owned())]);
    assert!(page.splice(&edits, &mut Vec::new()).is_err());
}

#[test]
fn an_update_file_has_the_dialect_and_only_what_is_new() {
    let vendors = table("vendors");
    let name = column(vendors, "Name");
    let raw = b"\xEF\xBB\xBF\"No.\";Code;Name\r\n\"01\";x;A \r\n\"02\";y;B\r\n";
    let export = read(raw, vendors, &Settings::default()).expect("an export");
    let mut edits = Edits::default();
    edits.cells.insert(1, vec![(name, "C;D".to_owned())]);
    edits.cells.insert(0, Vec::new());
    let mut out = Vec::new();
    export
        .update_file(&edits, UpdateContents::Cells, &mut out)
        .expect("written to memory");
    assert_eq!(
        out,
        b"\xEF\xBB\xBF\"No.\";Name\r\n\"01\";A \r\n\"02\";\"C;D\"\r\n"
    );
    edits.cells.remove(&0);
    let mut out = Vec::new();
    export
        .update_file(&edits, UpdateContents::Records, &mut out)
        .expect("written to memory");
    assert_eq!(
        out,
        b"\xEF\xBB\xBF\"No.\";Code;Name\r\n\"02\";y;\"C;D\"\r\n"
    );
    let mut out = Vec::new();
    export
        .removed_file(
            &Edits {
                remove: [0].into(),
                ..Edits::default()
            },
            &mut out,
        )
        .expect("written to memory");
    assert_eq!(out, b"\xEF\xBB\xBF\"No.\"\r\n\"01\"\r\n");
}

#[test]
fn an_update_of_json_carries_no_member_that_nobody_chose() {
    let vendors = table("vendors");
    let name = column(vendors, "Name");
    let raw = br#"[{"No":"1","Name":"A","Balance":5,"City":"X"},{"No":"2","Name":"B","Balance":6,"City":"Y"}]"#;
    let export = read(raw, vendors, &Settings::default()).expect("an export");
    let mut edits = Edits::default();
    edits.cells.insert(1, vec![(name, "C".to_owned())]);
    let mut out = Vec::new();
    export
        .update_file(&edits, UpdateContents::Cells, &mut out)
        .expect("written to memory");
    let text = String::from_utf8(out).expect("text");
    assert_eq!(text, r#"[{"No":"2","Name":"C","City":"Y"}]"#);
}

#[test]
fn two_members_that_come_into_an_empty_record_stand_apart() {
    let vendors = table("vendors");
    let raw = br#"[{},{"No":"1","Name":"A","City":"X"}]"#;
    let export = read(raw, vendors, &Settings::default()).expect("an export");
    let mut edits = Edits::default();
    let cells = [("Name", "B"), ("City", "Y")];
    let cells = cells.map(|(name, value)| (column(vendors, name), value.to_owned()));
    edits.cells.insert(0, cells.to_vec());
    let out = String::from_utf8(spliced(&export, &edits)).expect("text");
    assert_eq!(
        out,
        r#"[{"Name":"B","City":"Y"},{"No":"1","Name":"A","City":"X"}]"#
    );
}

#[test]
fn one_page_of_several_is_refused() {
    let raw = br#"{"value":[{"No":"1","Name":"A"}],"@odata.nextLink":"https://example/?page=2"}"#;
    let refusal = read(raw, table("vendors"), &Settings::default()).expect_err("refused");
    assert!(refusal.reason.contains("@odata.nextLink"), "{refusal}");
}

#[test]
fn the_shape_changes_with_the_columns_and_not_with_the_records() {
    let vendors = table("vendors");
    let shape = |raw: &[u8]| {
        read(raw, vendors, &Settings::default())
            .expect("an export")
            .shape()
    };
    let first = shape(b"No.,Name\n1,A\n");
    assert_eq!(first, shape(b"No.,Name\n2,B\n3,C\n"));
    assert_ne!(first, shape(b"No.,City\n1,A\n"));
    assert_ne!(first, shape(b"No.;Name\n1;A\n"));
}

#[test]
fn an_encoding_that_is_a_guess_is_not_pinned() {
    let pins = |raw: &'static [u8]| {
        let source = || Box::new(raw.to_vec()) as Box<dyn couplet::exports::ReadAt>;
        let sniffed = sniff(source, None, &Settings::default(), "vendors.csv");
        sniffed.expect("an export").to_toml()
    };
    assert!(pins("No.,Name\n1,Łódź\n".as_bytes()).contains("\nencoding = \"utf-8\"\n"));
    let guessed = pins(b"No.,Name\n1,A\n");
    assert!(
        guessed.contains("\n# encoding = \"utf-8\" is a guess"),
        "{guessed}"
    );
    assert!(!guessed.contains("\nencoding"), "{guessed}");
}

#[test]
fn what_is_sniffed_can_be_pinned() {
    let raw = bytes(&fixtures().join("cronus/de/customers.csv"));
    let sniffed = sniff(
        || Box::new(raw.clone()),
        None,
        &Settings::default(),
        "customers.csv",
    )
    .expect("an export");
    assert_eq!(sniffed.table, table("customers"));
    assert_eq!(sniffed.key, ["No."]);
    let toml = sniffed.to_toml();
    for line in [
        "[tables.customers]",
        "encoding = \"windows-1252\"",
        "delimiter = \";\"",
        "newline = \"crlf\"",
        "[tables.customers.columns]",
    ] {
        assert!(toml.contains(line), "{toml}");
    }
}

/// A file of some dialect, and the values that it was made of.
#[derive(Clone, Debug)]
struct Made {
    text: String,
    rows: Vec<Vec<String>>,
    delimiter: u8,
    encoding: Encoding,
    bom: bool,
    header: bool,
}

impl Made {
    fn raw(&self) -> Vec<u8> {
        let bom = if self.bom { "\u{feff}" } else { "" };
        let text = format!("{bom}{}", self.text);
        self.encoding
            .encode(&text)
            .expect("chosen to fit")
            .into_owned()
    }

    fn settings(&self) -> Settings {
        Settings {
            delimiter: Some(self.delimiter),
            encoding: Some(self.encoding),
            header: Some(self.header),
            names: match self.header {
                true => Vec::new(),
                false => vec!["No.".into(), "Name".into(), "City".into()],
            },
            ..Settings::default()
        }
    }
}

fn made() -> impl Strategy<Value = Made> {
    let cell = prop_oneof![
        "[a-zäöü0-9 ]{0,6}",
        "[a-z,;\t|\"\r\n é]{0,8}",
        Just(String::new()),
    ];
    let row = (cell.clone(), cell, any::<[bool; 3]>());
    (
        prop::collection::vec(row, 0..8),
        prop::sample::select(b",;\t|".to_vec()),
        prop::sample::select(vec!["\n", "\r\n", "\r"]),
        prop::sample::select(vec![
            "utf-8",
            "utf-16le",
            "utf-16be",
            "windows-1252",
            "cp850",
        ]),
        any::<[bool; 4]>(),
    )
        .prop_map(|(rows, delimiter, newline, label, flags)| {
            let [bom, header, trailing, last] = flags;
            let encoding = Encoding::from_label(label).expect("a known label");
            let bom = bom && (encoding.is_utf16() || encoding == Encoding::Utf8);
            let separator = char::from(delimiter).to_string();
            let mut lines = Vec::new();
            let end = if trailing { separator.as_str() } else { "" };
            if header {
                lines.push(["No.", "Name", "City"].join(&separator) + end);
            }
            let mut values = Vec::new();
            for (at, (name, city, quoted)) in rows.into_iter().enumerate() {
                let row = vec![format!("K{at}"), name, city];
                let cells: Vec<String> = row
                    .iter()
                    .zip(quoted)
                    .map(|(value, quoted)| {
                        let needs = value.contains(['"', '\r', '\n']) || value.contains(&separator);
                        match quoted || needs {
                            true => format!("\"{}\"", value.replace('"', "\"\"")),
                            false => value.clone(),
                        }
                    })
                    .collect();
                lines.push(cells.join(&separator) + end);
                values.push(row);
            }
            let mut text = lines.join(newline);
            if last && !text.is_empty() {
                text.push_str(newline);
            }
            Made {
                text,
                rows: values,
                delimiter,
                encoding,
                bom,
                header,
            }
        })
        .prop_filter("an empty file is refused", |made| !made.text.is_empty())
}

/// The hashes of keys, sound or not; 0 where there is none.
fn hashes(prints: &[KeyPrint]) -> Vec<u64> {
    prints
        .iter()
        .map(|print| print.any().unwrap_or(0))
        .collect()
}

/// Reads a file with what is remembered of its last version.
fn read_after(old: &Export, raw: &[u8], settings: &Settings) -> Result<Export, Refusal> {
    let mut reader = old.reader();
    let mut extent = |at| match reader.read(at) {
        Ok(view) => Extent::of(view.bytes()).bits(),
        Err(_) => 0,
    };
    let extents: Vec<u32> = (0..old.records.len()).map(&mut extent).collect();
    let prints: Vec<u64> = old.records.iter().map(|record| record.print).collect();
    let last = Last {
        shape: old.shape(),
        prints: &prints,
        extents: &|at| extents[at],
    };
    let source = Box::new(raw.to_vec());
    Export::read_again(source, old.table, settings, "f", SEED, Some(last))
}

/// All that a look at a file tells of it.
fn seen_of(export: &Export) -> impl PartialEq + std::fmt::Debug + use<> {
    let mut reader = export.reader();
    let mut bytes = |at| match reader.read(at) {
        Ok(view) => Ok(view.bytes().to_vec()),
        Err(fault) => Err(fault.kind),
    };
    let records: Vec<_> = (0..export.records.len()).map(&mut bytes).collect();
    (
        export.records.clone(),
        records,
        export.digest,
        export.dialect.encoding_proven,
        export.ends_with_newline(),
        export.shape(),
    )
}

/// The same, or why the file is refused.
fn seen_or_refused(
    read: Result<Export, Refusal>,
) -> Result<impl PartialEq + std::fmt::Debug + use<>, String> {
    let refused = |refusal: Refusal| refusal.to_string();
    read.map(|export| seen_of(&export)).map_err(refused)
}

#[test]
fn a_record_that_nests_too_deep_is_refused_although_it_was_read_before() {
    let [deep, shallow] = [64, 2].map(|depth| {
        Settings::within(Bounds {
            depth,
            ..Bounds::default()
        })
    });
    let raw = b"{\"No.\":\"1\",\"more\":1}\n{\"No.\":\"2\",\"more\":{\"of\":{\"it\":1}}}\n";
    let old = read(raw, table("vendors"), &deep).expect("an export");
    let refusal = read_after(&old, raw, &shallow).expect_err("too deep");
    assert!(refusal.reason.contains("limits.depth"), "{refusal}");
}

#[test]
fn a_record_of_the_last_version_ends_where_it_did() {
    let vendors = table("vendors");
    let raw = b"No.,Name\n1,\"A\nB\"\n2,C\n3,D\n";
    let old = read(raw, vendors, &Settings::default()).expect("an export");
    let lines: Vec<u32> = old.records.iter().map(|record| record.line).collect();
    let changed = b"No.,Name\n1,\"A\nB\"\n2,E\n3,D\n";
    let again = read_after(&old, changed, &Settings::default()).expect("an export");
    assert_eq!(lines, [2, 4, 5]);
    assert_eq!(
        again.records[..2]
            .iter()
            .map(|r| r.line)
            .collect::<Vec<_>>(),
        [2, 4]
    );
    // That it is believed, and not looked for again, shows where it is wrong.
    let both = &raw[9..20];
    let last = Last {
        shape: old.shape(),
        prints: &[old.print_of(both)],
        extents: &|_| Extent::of(both).bits(),
    };
    let source = Box::new(raw.to_vec());
    let misled = Export::read_again(source, vendors, &Settings::default(), "f", SEED, Some(last));
    let misled = misled.expect("an export");
    assert_eq!(misled.records.len(), 2);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn any_file_comes_back_byte_for_byte(made in made(), window in 1_usize..64) {
        let raw = made.raw();
        let bounds = Bounds { window, record: 4096, ..Bounds::default() };
        let vendors = table("vendors");
        let export = read(&raw, vendors, &Settings { bounds, ..made.settings() })
            .map_err(|refusal| TestCaseError::fail(refusal.to_string()))?;
        prop_assert_eq!(spliced(&export, &Edits::default()), raw);
        prop_assert_eq!(export.records.len(), made.rows.len());
        let columns = ["No.", "Name", "City"].map(|name| column(vendors, name));
        let prints = export.key_prints().expect("in memory");
        prop_assert_eq!(export.keys().expect("in memory"), hashes(&prints));
        for (at, row) in made.rows.iter().enumerate() {
            let record = export.record(at).expect("a sound record");
            for (column, value) in columns.iter().zip(row) {
                prop_assert_eq!(record.value(*column), Some(value.as_str()));
            }
            prop_assert_eq!(prints[at].sound(), Some(export.key_print(&record)));
        }
    }

    #[test]
    fn what_is_remembered_of_the_last_version_changes_nothing_that_is_read(
        made in made(),
        window in 1_usize..64,
        changes in prop::collection::vec((any::<prop::sample::Index>(), 0_usize..3, "[a-z,;\t\"\r\n\x1a é]{0,3}"), 0..4),
        doubled in any::<Option<prop::sample::Index>>(),
    ) {
        let vendors = table("vendors");
        let old = read(&made.raw(), vendors, &made.settings()).expect("an export");
        let mut text = made.text.clone();
        for (place, cut, put) in changes {
            let places: Vec<usize> = text.char_indices().map(|(at, _)| at).chain([text.len()]).collect();
            let at = place.index(places.len());
            text.replace_range(places[at]..places[(at + cut).min(places.len() - 1)], &put);
        }
        if let Some(place) = doubled {
            let lines: Vec<&str> = text.split_inclusive('\n').collect();
            let at = place.index(lines.len().max(1)).min(lines.len());
            text = [&lines[..at], &lines[at.saturating_sub(1)..]].concat().concat();
        }
        let raw = Made { text, ..made.clone() }.raw();
        let settings = Settings {
            bounds: Bounds { window, record: 4096, ..Bounds::default() },
            ..made.settings()
        };
        prop_assert_eq!(
            seen_or_refused(read_after(&old, &raw, &settings)),
            seen_or_refused(read(&raw, vendors, &settings))
        );
    }

    #[test]
    fn a_reader_gives_every_record_in_whatever_order_they_are_asked_for(
        made in made(), order in prop::collection::vec(any::<prop::sample::Index>(), 0..20),
    ) {
        prop_assume!(!made.rows.is_empty());
        let vendors = table("vendors");
        let export = read(&made.raw(), vendors, &made.settings()).expect("an export");
        let columns = ["No.", "Name", "City"].map(|name| column(vendors, name));
        let Grammar::Csv(dialect) = &export.dialect.grammar else { unreachable!("a CSV file") };
        let theirs: Vec<Vec<String>> = csv::ReaderBuilder::new()
            .has_headers(made.header)
            .flexible(true)
            .delimiter(made.delimiter)
            .from_reader(made.text.as_bytes())
            .into_records()
            .map(|record| record.expect("text").iter().map(str::to_owned).collect())
            .collect();
        let mut reader = export.reader();
        let mut row = Row::default();
        let mut problems = Vec::new();
        let in_order = 0..made.rows.len();
        for at in in_order.chain(order.iter().map(|index| index.index(made.rows.len()))) {
            let view = reader.read(at).expect("a sound record");
            view.fill(&mut row, &mut problems).expect("sound cells");
            let record = export.record(at).expect("a sound record");
            prop_assert_eq!(&row, record.row());
            for (position, column) in columns.iter().enumerate() {
                let text = view.text(*column).expect("a sound cell");
                prop_assert_eq!(text.as_deref(), Some(theirs[at][position].as_str()));
                let raw = view.raw(*column).expect("a cell").expect("a column of the file");
                prop_assert_eq!(view.is_quoted(*column), Ok(raw.first() == Some(&b'"')));
                let bytes = unquote(dialect, raw);
                let working = export.dialect.encoding.working();
                prop_assert_eq!(working.decode(&bytes).ok(), text);
            }
            prop_assert_eq!(view.text(column(vendors, "County")), Ok(None));
        }
        prop_assert!(problems.is_empty());
    }

    #[test]
    fn an_edit_changes_exactly_its_cell(
        made in made(), pick in any::<prop::sample::Index>(), new in "[a-z,;\t|\"\r\n ü]{0,8}",
    ) {
        prop_assume!(!made.rows.is_empty());
        let vendors = table("vendors");
        let export = read(&made.raw(), vendors, &made.settings()).expect("an export");
        let at = pick.index(made.rows.len());
        let city = column(vendors, "City");
        let mut edits = Edits::default();
        edits.cells.insert(at, vec![(city, new.clone())]);
        let out = spliced(&export, &edits);
        let again = read(&out, vendors, &made.settings()).expect("still an export");
        for (record, row) in made.rows.iter().enumerate() {
            let (old, now) = (&export.records[record], &again.records[record]);
            let read = again.record(record).expect("a sound record");
            let expected = if record == at { &new } else { &row[2] };
            prop_assert_eq!(read.value(city), Some(expected.as_str()));
            prop_assert!(record == at || old.print == now.print);
        }
        // Put back, it is the file that it was, but for quotes that the new value may have needed.
        let mut back = Edits::default();
        back.cells.insert(at, vec![(city, made.rows[at][2].clone())]);
        let restored = spliced(&again, &back);
        let grown = restored.len() - made.raw().len();
        prop_assert!(grown == 0 || grown == made.encoding.encode("\"\"").expect("ASCII").len());
    }

    #[test]
    fn every_cell_is_what_the_csv_crate_says(
        text in "[a-c,\";\n\r]{0,40}", delimiter in prop::sample::select(b",;".to_vec()),
        window in 1_usize..64,
    ) {
        let dialect = CsvDialect::new(delimiter);
        let mut rows = Vec::new();
        let mut at = 0;
        let mut seen = window.min(text.len());
        loop {
            match step(&dialect, &text.as_bytes()[..seen], at, seen == text.len()) {
                Step::Record { span, next, .. } => {
                    let record = &text.as_bytes()[span];
                    let mut spans = Vec::new();
                    cells(&dialect, record, &mut spans).expect("a record has whole cells");
                    let row: Vec<Vec<u8>> = spans
                        .into_iter()
                        .map(|cell| unquote(&dialect, &record[cell.span]).into_owned())
                        .collect();
                    rows.push(row);
                    at = next;
                }
                Step::More => {
                    prop_assert!(seen < text.len());
                    seen = (seen + window).min(text.len());
                }
                Step::End { .. } => break,
                // The crate takes what we refuse.
                Step::Broken { .. } => return Ok(()),
            }
        }
        let theirs: Vec<Vec<Vec<u8>>> = csv::ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .delimiter(delimiter)
            .from_reader(text.as_bytes())
            .into_byte_records()
            .map(|record| record.expect("bytes").iter().map(<[u8]>::to_vec).collect())
            .collect();
        prop_assert_eq!(rows, theirs);
    }
}

#[test]
fn the_grammar_is_said_by_the_dialect() {
    let raw = b"No.|Name\n1|A\n";
    let export = read(raw, table("vendors"), &Settings::default()).expect("an export");
    assert!(matches!(&export.dialect.grammar, Grammar::Csv(csv) if csv.delimiter == b'|'));
}
