//! Any bytes as an export: read whole and in pieces, compared with other readers, written back, edited.

use std::collections::BTreeMap;

use couplet::exports::csv::{CsvDialect, cells, unquote};
use couplet::exports::json::{self, JsonDialect, Shape};
use couplet::exports::{
    Bounds, ColumnPin, Edits, Encoding, Export, Extent, FileFormat, Grammar, Last, NewRow, Newline,
    Settings, TooLong, UpdateContents,
};
use couplet::model::{Form, Row, Table};
use serde_json::value::RawValue;

use crate::dice::Dice;

/// Bytes as a CSV export of some dialect.
pub fn csv(bytes: &[u8]) -> bool {
    let (mut dice, file) = super::choices(bytes);
    let settings = any_settings(&mut dice);
    is_kept(file, &settings, &mut dice)
}

/// Bytes as a JSON export of some shape.
pub fn json(bytes: &[u8]) -> bool {
    let (mut dice, file) = super::choices(bytes);
    let shapes = [
        None,
        None,
        Some(FileFormat::Json),
        Some(FileFormat::JsonLines),
        Some(FileFormat::OData),
    ];
    let settings = Settings {
        format: shapes[dice.below(shapes.len())],
        sparse: [None, Some(true), Some(false)][dice.below(3)],
        ..Settings::default()
    };
    is_kept(file, &settings, &mut dice)
}

/// Half of the files are looked at as they come, the others with something pinned.
fn any_settings(dice: &mut Dice) -> Settings {
    let mut settings = Settings::default();
    if dice.chance(50) {
        return settings;
    }
    settings.format = dice.chance(50).then_some(FileFormat::Csv);
    settings.delimiter = [
        None,
        None,
        Some(b','),
        Some(b';'),
        Some(b'\t'),
        Some(b'|'),
        Some(b':'),
    ][dice.below(7)];
    settings.quote = [None, None, Some(None), Some(Some(b'"')), Some(Some(b'\''))][dice.below(5)];
    settings.newline = [
        None,
        None,
        Some(Newline::Lf),
        Some(Newline::CrLf),
        Some(Newline::Cr),
    ][dice.below(5)];
    if dice.chance(60) {
        settings.header = Some(false);
        settings.names = ["No.", "Name", "City", "Other"][..1 + dice.below(4)]
            .iter()
            .map(|&name| name.to_owned())
            .collect();
    }
    settings.skip = [0, 0, 0, 1, 2][dice.below(5)];
    settings.footer = dice.chance(15).then(|| "^Total".to_owned());
    let labels = [
        "utf-8",
        "windows-1252",
        "cp850",
        "windows-1250",
        "utf-16le",
        "gbk",
        "shift_jis",
    ];
    if dice.chance(40) {
        settings.encoding = dice
            .pick(&labels)
            .and_then(|label| Encoding::from_label(label));
    }
    settings
}

/// Everything that holds for a file that is read, and that a refusal does not depend on how it was read.
fn is_kept(file: &[u8], settings: &Settings, dice: &mut Dice) -> bool {
    let table = Table::Contacts;
    let whole = Bounds::default();
    let pieces = Bounds {
        window: 1 + dice.below(48),
        ..whole
    };
    let read = |bytes: &[u8], settings: &Settings, bounds| {
        let settings = Settings {
            bounds,
            ..settings.clone()
        };
        Export::read(Box::new(bytes.to_vec()), table, &settings, "export", 7)
    };
    let export = read(file, settings, whole);
    // A guess at the encoding is one at the pieces of a file, which are always of the same size; so it is no part of this.
    let is_sure = std::str::from_utf8(file).is_ok() || settings.encoding.is_some();
    let guessed = Settings {
        encoding: export
            .as_ref()
            .map_or(settings.encoding, |export| Some(export.dialect.encoding)),
        ..settings.clone()
    };
    let by_pieces = read(file, if is_sure { settings } else { &guessed }, pieces);
    if is_sure || export.is_ok() {
        assert_eq!(
            export
                .as_ref()
                .map(|export| (&export.records, export.digest))
                .ok(),
            by_pieces
                .as_ref()
                .map(|export| (&export.records, export.digest))
                .ok(),
            "what is read depends on how much of it is in memory"
        );
    }
    let Ok(export) = export else { return false };
    assert!(
        spliced(&export, &Edits::default()).expect("nothing changes") == file,
        "no edit, and other bytes"
    );
    let text = Text::of(&export, file);
    match &export.dialect.grammar {
        Grammar::Csv(dialect) => same_as_csv_crate(&export, dialect, &text, settings),
        Grammar::Json(dialect) => same_as_serde_json(&export, dialect, &text),
    }
    readers_agree(&export, dice);
    memory_changes_nothing(&export, file, settings, dice);
    let (edits, expected) = any_edits(&export, &text, dice);
    edits_alone_are_seen(
        &export,
        &text,
        &edits,
        &expected,
        |bytes, settings| read(bytes, settings, whole).map_err(|refusal| refusal.to_string()),
        settings,
    );
    // What is written for others to import is refused with a reason or made; no more can be asked of any bytes.
    let _ = export.update_file(&edits, UpdateContents::Cells, &mut Vec::new());
    let _ = export.update_file(&edits, UpdateContents::Records, &mut Vec::new());
    let _ = export.removed_file(&edits, &mut Vec::new());
    true
}

/// The working bytes of a file: its own, or the same text in UTF-8.
struct Text(Vec<u8>);

impl Text {
    fn of(export: &Export, file: &[u8]) -> Text {
        let encoding = export.dialect.encoding;
        match encoding.is_utf16() {
            false => Text(file.to_vec()),
            true => Text(
                encoding
                    .decode(file)
                    .expect("it was read")
                    .into_owned()
                    .into_bytes(),
            ),
        }
    }

    fn record(&self, export: &Export, at: usize) -> &[u8] {
        let place = &export.records[at];
        &self.0[place.start as usize..place.end() as usize]
    }

    /// What stands between the records: before the first, after each.
    fn around(&self, export: &Export) -> Vec<&[u8]> {
        let mut around = Vec::new();
        let mut at = 0;
        for place in &export.records {
            around.push(&self.0[at..place.start as usize]);
            at = place.end() as usize;
        }
        around.push(&self.0[at..]);
        around
    }
}

fn spliced(export: &Export, edits: &Edits) -> std::io::Result<Vec<u8>> {
    let mut out = Vec::new();
    export.splice(edits, &mut out)?;
    Ok(out)
}

/// The csv crate reads the same cells, from the first record to the last.
fn same_as_csv_crate(export: &Export, dialect: &CsvDialect, text: &Text, settings: &Settings) {
    // It knows no lines before the header, no `sep=` and no footer: it is given what stands between.
    let Some(last) = export.records.last() else {
        return;
    };
    let first = match dialect.header && settings.skip == 0 {
        true => 0,
        false => export.records[0].start as usize,
    };
    let bytes = &text.0[first..last.end() as usize];
    let head = bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(bytes);
    let is_named = head
        .get(..4)
        .is_some_and(|name| name.eq_ignore_ascii_case(b"sep="));
    let (bytes, with_header) = match is_named {
        true => (
            &text.0[export.records[0].start as usize..last.end() as usize],
            false,
        ),
        false => (bytes, first == 0 && dialect.header),
    };
    let mut reader = csv::ReaderBuilder::new();
    reader
        .has_headers(false)
        .flexible(true)
        .delimiter(dialect.delimiter);
    match dialect.quote {
        Some(quote) => reader.quote(quote),
        None => reader.quoting(false),
    };
    // A mark at the beginning of a record is text to us and nothing to the crate; it stands there once the file's own is gone.
    let marked = !with_header && bytes.starts_with("\u{feff}".as_bytes());
    if marked {
        return;
    }
    let theirs = reader.from_reader(bytes).into_byte_records();
    let mut theirs = theirs.map(|record| record.expect("bytes in memory"));
    if with_header {
        let header = theirs.next().expect("a header");
        assert_eq!(
            header.len(),
            export.columns.names().len(),
            "the header has other cells"
        );
    }
    let mut spans = Vec::new();
    for at in 0..export.records.len() {
        let record = text.record(export, at);
        cells(dialect, record, &mut spans).expect("a record has whole cells");
        let ours = spans
            .iter()
            .map(|cell| unquote(dialect, &record[cell.span.clone()]));
        let ours: Vec<Vec<u8>> = ours.map(|cell| cell.into_owned()).collect();
        let theirs = theirs.next();
        let theirs = theirs.unwrap_or_else(|| panic!("the csv crate has no record {at}"));
        let theirs: Vec<&[u8]> = theirs.iter().collect();
        assert_eq!(ours, theirs, "record {at} has other cells");
    }
    assert!(theirs.next().is_none(), "the csv crate has one record more");
}

/// `serde_json` reads the same records, and the same members in them.
fn same_as_serde_json(export: &Export, dialect: &JsonDialect, text: &Text) {
    // A record that is no JSON is left out alone, and its document read on, where `serde_json` gives up the whole.
    if (0..export.records.len()).any(|at| json::members(text.record(export, at)).is_err()) {
        return;
    }
    let bytes = text
        .0
        .strip_prefix("\u{feff}".as_bytes())
        .unwrap_or(&text.0);
    let theirs: Vec<&RawValue> = match dialect.shape {
        Shape::Array => serde_json::from_slice(bytes).expect("an array"),
        Shape::Lines => {
            let lines = bytes.split(|&byte| byte == b'\n');
            let filled = lines.filter(|line| !line.iter().all(|byte| b" \t\r".contains(byte)));
            filled
                .map(|line| serde_json::from_slice(line).expect("a line of JSON"))
                .collect()
        }
        Shape::OData => {
            let page: BTreeMap<String, &RawValue> = serde_json::from_slice(bytes).expect("a page");
            serde_json::from_str(page["value"].get()).expect("its records")
        }
    };
    let ours: Vec<&[u8]> = (0..export.records.len())
        .map(|at| text.record(export, at))
        .collect();
    let theirs: Vec<&[u8]> = theirs
        .iter()
        .map(|record| record.get().as_bytes())
        .collect();
    assert_eq!(ours, theirs, "other records");
    for record in ours {
        let members = json::members(record).expect("looked at above");
        let theirs: BTreeMap<String, &RawValue> =
            serde_json::from_slice(record).expect("an object");
        assert_eq!(members.len(), theirs.len(), "other members");
        for member in &members {
            let name = json::text(&record[member.name.clone()]).expect("a name that is text");
            let token = &record[member.value.clone()];
            assert_eq!(token, theirs[&*name].get().as_bytes());
            match token[0] {
                // Half of a surrogate pair is no text for either.
                b'"' => assert_eq!(
                    json::text(token).ok().as_deref(),
                    serde_json::from_slice::<String>(token).ok().as_deref()
                ),
                b'n' => assert_eq!(json::text(token).as_deref(), Ok("")),
                // Numbers stay as they are spelled: 1.10 is not 1.1.
                _ => assert_eq!(
                    json::text(token).map(|text| text.as_bytes().to_vec()),
                    Ok(token.to_vec())
                ),
            }
        }
    }
}

/// A reader that goes here and there sees what one sees that reads a record alone.
fn readers_agree(export: &Export, dice: &mut Dice) {
    let prints = export.key_prints().expect("in memory");
    let keys = export.keys().expect("in memory");
    let any: Vec<u64> = prints
        .iter()
        .map(|print| print.any().unwrap_or(0))
        .collect();
    let mut reader = export.reader();
    for _ in 0..export.records.len().min(8) {
        let at = dice.below(export.records.len());
        let mut row = Row::default();
        let view = reader
            .read(at)
            .and_then(|view| view.fill(&mut row, &mut Vec::new()));
        let alone = export.record(at);
        assert_eq!(view.as_ref().err(), alone.as_ref().err());
        if let Ok(record) = alone {
            assert_eq!(&row, record.row());
            assert!(
                prints[at]
                    .sound()
                    .is_none_or(|print| print == export.key_print(&record))
            );
        }
        // The quick way to a key may not see that the cells after it are broken, and sees no other key.
        assert!(
            keys[at] == any[at] || prints[at].sound().is_none(),
            "two keys of one record"
        );
    }
}

/// What a record must be after the edits.
enum Expected {
    /// Bytes as they were.
    Kept(usize),
    /// Some of its cells are others.
    Edited(usize, Vec<(usize, String)>),
    /// It was not there.
    New(Vec<(usize, String)>),
}

const VALUES: &[&str] = &[
    "",
    "x",
    "Łódź",
    "a,b;c",
    "\"",
    "\"quoted\"",
    "line\nend",
    "cr\rend",
    "crlf\r\n",
    "tab\there",
    " blanks ",
    "'",
    "|",
    "\u{feff}",
    "sep=;",
    "=1+1",
    "\u{1a}",
    "日本",
    "é",
    "null",
    "1.10",
    "[{",
    "\\",
    "\u{0}",
    "Total",
    "\u{85}",
    "\u{2028}",
];

/// Some cells get other values, some records go, some come.
fn any_edits(export: &Export, text: &Text, dice: &mut Dice) -> (Edits, Vec<Expected>) {
    let mut edits = Edits::default();
    let table = export.table;
    let columns: Vec<usize> = (1..table.columns().len())
        .filter(|column| export.columns.has(*column))
        .collect();
    let value = |dice: &mut Dice, column: usize| -> Option<String> {
        let value = match table.columns()[column].form {
            Form::Text | Form::Code => VALUES[dice.below(VALUES.len())],
            Form::Boolean => ["Yes", "No"][dice.below(2)],
            Form::ContactType => ["Company", "Person"][dice.below(2)],
        };
        export
            .holds(column, value)
            .is_ok()
            .then(|| value.to_owned())
    };
    let removes = dice.chance(30) && may_lose_records(export, text);
    let mut expected = Vec::new();
    for at in 0..export.records.len() {
        if removes && dice.chance(30) {
            edits.remove.insert(at);
            continue;
        }
        let edited = dice.chance(30)
            && edits.cells.len() < 6
            && export.record(at).is_ok()
            && is_somebody(export, at);
        let mut cells: Vec<(usize, String)> = Vec::new();
        if edited {
            for _ in 0..1 + dice.below(2) {
                let Some(&column) = dice.pick(&columns) else {
                    break;
                };
                if cells.iter().all(|(known, _)| *known != column) {
                    cells.extend(value(dice, column).map(|value| (column, value)));
                }
            }
        }
        expected.push(match cells.is_empty() {
            true => Expected::Kept(at),
            false => {
                edits.cells.insert(at, cells.clone());
                Expected::Edited(at, cells)
            }
        });
    }
    for number in 0..if dice.chance(30) {
        1 + dice.below(2)
    } else {
        0
    } {
        let mut cells = vec![(0, format!("NEW{number}"))];
        if let Some(&column) = dice.pick(&columns) {
            cells.extend(value(dice, column).map(|value| (column, value)));
        }
        if export.holds(0, "NEW").is_ok() {
            edits.append.push(NewRow {
                cells: cells.clone(),
                carried: Vec::new(),
            });
            expected.push(Expected::New(cells));
        }
    }
    (edits, expected)
}

/// Whether anybody would write into a record. In JSON the records say what the columns are, and where none has a key, one that gets
/// other members makes another file of it.
fn is_somebody(export: &Export, at: usize) -> bool {
    match &export.dialect.grammar {
        Grammar::Csv(_) => true,
        Grammar::Json(_) => export.key_print_at(at).sound().is_some(),
    }
}

/// Whether a file still shows what it is when records go. In JSON the records say what the columns are, and one that is broken
/// or holds a list called `value` may, once it stands alone, look like something else. What is an end of file to DOS, or an order
/// mark, is text in the middle of a CSV file, and no longer at its end or beginning.
fn may_lose_records(export: &Export, text: &Text) -> bool {
    let is_plain = |at| {
        let record = export.record(at);
        record.is_ok_and(|record| {
            export
                .carried(&record)
                .iter()
                .all(|(name, _)| name != "value")
        })
    };
    let is_keyed = || {
        let prints = export.key_prints().expect("in memory");
        prints.iter().all(|print| print.sound().is_some())
    };
    let has_marks = || {
        let mut records = (0..export.records.len()).map(|at| text.record(export, at));
        records.any(|record| record.ends_with(b"\x1a") || record.starts_with(b"\xef\xbb\xbf"))
    };
    match &export.dialect.grammar {
        // Without a header the first record says how many columns there are.
        Grammar::Csv(dialect) => (dialect.header || is_keyed()) && !has_marks(),
        Grammar::Json(_) => is_keyed() && (0..export.records.len()).all(is_plain),
    }
}

/// What pins the dialect that was found: another value may make another one likelier.
fn as_found(export: &Export, settings: &Settings) -> Settings {
    let mut settings = settings.clone();
    settings.encoding = Some(export.dialect.encoding);
    settings.format = Some(export.dialect.grammar.format());
    match &export.dialect.grammar {
        Grammar::Csv(dialect) => {
            settings.delimiter = Some(dialect.delimiter);
            settings.quote = Some(dialect.quote);
            settings.header = Some(dialect.header);
            settings.newline = Some(dialect.newline);
        }
        Grammar::Json(dialect) => settings.sparse = Some(dialect.sparse),
    }
    if matches!(export.dialect.grammar, Grammar::Json(_)) {
        // A column that only a removed record had is one still.
        let known = (0..export.table.columns().len()).filter(|column| export.columns.has(*column));
        settings.columns = known
            .map(|column| ColumnPin {
                column: export.table.columns()[column].name.to_owned(),
                header: Some(export.columns.name(column)),
                length: None,
                too_long: TooLong::Problem,
            })
            .collect();
    }
    settings
}

/// The next version of a file is read the same with and without what is remembered of this one.
fn memory_changes_nothing(export: &Export, file: &[u8], settings: &Settings, dice: &mut Dice) {
    let mut next = file.to_vec();
    for _ in 0..dice.below(3) {
        let at = dice.below(next.len() + 1);
        let end = (at + dice.below(4)).min(next.len());
        let from = dice.below(file.len());
        let put = &file[from..(from + dice.below(8)).min(file.len())];
        next.splice(at..end, put.iter().copied());
    }
    let settings = Settings {
        bounds: Bounds {
            window: 1 + dice.below(48),
            ..settings.bounds
        },
        encoding: settings.encoding.or(Some(export.dialect.encoding)),
        ..settings.clone()
    };
    let mut reader = export.reader();
    let mut extent = |at| match reader.read(at) {
        Ok(view) => Extent::of(view.bytes()).bits(),
        Err(_) => 0,
    };
    let extents: Vec<u32> = (0..export.records.len()).map(&mut extent).collect();
    let prints: Vec<u64> = export.records.iter().map(|record| record.print).collect();
    let last = Last {
        shape: export.shape(),
        prints: &prints,
        extents: &|at| extents[at],
    };
    let [fresh, again] = [None, Some(last)].map(|last| {
        let source = Box::new(next.clone());
        let read = Export::read_again(source, export.table, &settings, "export", 7, last);
        read.map(|export| {
            let mut reader = export.reader();
            let mut bytes = |at| match reader.read(at) {
                Ok(view) => Ok(view.bytes().to_vec()),
                Err(fault) => Err(fault.kind),
            };
            let records: Vec<_> = (0..export.records.len()).map(&mut bytes).collect();
            (export.shape(), export.digest, export.records, records)
        })
        .map_err(|refusal| refusal.to_string())
    });
    assert_eq!(fresh, again, "what is remembered changes what is read");
}

/// The file with the edits is an export, with exactly these cells and records changed.
fn edits_alone_are_seen(
    export: &Export,
    text: &Text,
    edits: &Edits,
    expected: &[Expected],
    read: impl Fn(&[u8], &Settings) -> Result<Export, String>,
    settings: &Settings,
) {
    let out = spliced(export, edits);
    let out = out.expect("every value is one that the file holds");
    // A file without a header whose last record is gone says nothing, and is refused as such.
    let says_nothing = out.iter().all(u8::is_ascii_whitespace);
    if expected.is_empty() && says_nothing {
        return;
    }
    // So is one whose first record is gone, where the next one begins like a file in UTF-16.
    let stays = |first: &Expected| matches!(first, Expected::Kept(0) | Expected::Edited(0, _));
    let is_marked = out.starts_with(b"\xff\xfe") || out.starts_with(b"\xfe\xff");
    if is_marked && !expected.first().is_some_and(stays) {
        return;
    }
    let again = read(&out, &as_found(export, settings));
    let again = again.unwrap_or_else(|refusal| panic!("what was written is refused: {refusal}"));
    let now = Text::of(&again, &out);
    assert_eq!(again.records.len(), expected.len(), "records came or went");
    for (at, expected) in expected.iter().enumerate() {
        let after = now.record(&again, at);
        match expected {
            Expected::Kept(before) => {
                assert_eq!(
                    after.escape_ascii().to_string(),
                    text.record(export, *before).escape_ascii().to_string()
                );
            }
            Expected::Edited(before, cells) => {
                let (old, new) = (export.record(*before), again.record(at));
                let (old, new) = (
                    old.expect("a sound record"),
                    new.expect("a record that is still sound"),
                );
                for column in 0..export.table.columns().len() {
                    let edit = cells.iter().find(|(edited, _)| *edited == column);
                    match edit {
                        Some((_, value)) => assert_eq!(new.value(column), Some(value.as_str())),
                        None => assert_eq!(new.value(column), old.value(column)),
                    }
                }
                assert_eq!(again.carried(&new), export.carried(&old));
                let edited: Vec<usize> = cells.iter().map(|(column, _)| *column).collect();
                others_keep_their_bytes(export, text.record(export, *before), after, &edited);
            }
            Expected::New(cells) => {
                let new = again.record(at).expect("a sound new record");
                for (column, value) in cells {
                    assert_eq!(new.value(*column), Some(value.as_str()));
                }
            }
        }
    }
    if edits.remove.is_empty() && edits.append.is_empty() {
        assert_eq!(
            now.around(&again),
            text.around(export),
            "bytes between the records changed"
        );
    }
}

/// The cells of a record that nobody edited are spelled as they were.
fn others_keep_their_bytes(export: &Export, before: &[u8], after: &[u8], edited: &[usize]) {
    match &export.dialect.grammar {
        Grammar::Csv(dialect) => {
            let (mut old, mut new) = (Vec::new(), Vec::new());
            cells(dialect, before, &mut old).expect("a sound record");
            cells(dialect, after, &mut new).expect("a record that is still sound");
            assert_eq!(old.len(), new.len(), "a record has more cells or fewer");
            for (position, (old, new)) in old.into_iter().zip(new).enumerate() {
                let is_edited = export
                    .columns
                    .at(position)
                    .is_some_and(|column| edited.contains(&column));
                assert!(
                    is_edited || before[old.span] == after[new.span],
                    "another cell has other bytes"
                );
            }
        }
        Grammar::Json(_) => {
            let old = json::members(before).expect("a sound record");
            let new = json::members(after).expect("a record that is still sound");
            for (old, new) in old.into_iter().zip(new) {
                let name = json::text(&before[old.name.clone()]).expect("a name that is text");
                let is_edited = export
                    .columns
                    .named(&name)
                    .is_some_and(|column| edited.contains(&column));
                assert_eq!(
                    before[old.name], after[new.name],
                    "a member has another name"
                );
                assert!(
                    is_edited || before[old.value] == after[new.value],
                    "another member has other bytes"
                );
            }
        }
    }
}
