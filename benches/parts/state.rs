//! The state: indexes and rows, written durably and read; remembering a pass.

use std::path::{Path, PathBuf};

use couplet::disk::RealDisk;
use couplet::merge::{Change, Rule};
use couplet::model::{Row, Table};
use couplet::state::{Entry, Index, IndexDraft, Memory, RowWriter, Rows, Store};
use divan::counter::ItemsCount;
use divan::{Bencher, black_box};
use tempfile::TempDir;

use crate::data;

const RECORDS: [usize; 2] = [1_000, 100_000];

/// A draft of an index of which nothing was there before.
fn draft(records: usize, before: &Index) -> IndexDraft<'_> {
    let mut chance = data::Chance::of(7);
    let mut draft = IndexDraft::new(before);
    for at in 0..records {
        draft.push(Entry {
            key: chance.next(),
            print: chance.next(),
            row: at as u64 * 300 + 1,
            ..Entry::default()
        });
    }
    draft
}

/// A folder with an index of generation 1.
fn with_index(records: usize) -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    write_index(&draft(records, &Index::default()), &folder, 1);
    folder
}

fn write_index(draft: &IndexDraft<'_>, folder: &TempDir, generation: u64) {
    let written = draft.write(&RealDisk, folder.path(), Table::Contacts, generation);
    written.expect("an index");
}

fn read_index(folder: &TempDir) -> Index {
    Index::read(&RealDisk, folder.path(), Table::Contacts, 1).expect("an index")
}

#[divan::bench(args = RECORDS)]
fn index_written_whole(bencher: Bencher<'_, '_>, records: usize) {
    let folder = tempfile::tempdir().expect("a folder");
    let before = Index::default();
    let draft = draft(records, &before);
    bencher
        .counter(ItemsCount::new(records))
        .bench_local(|| write_index(&draft, &folder, 1));
}

/// One record in fifty is new since the last generation.
#[divan::bench(args = RECORDS)]
fn index_written_as_difference(bencher: Bencher<'_, '_>, records: usize) {
    let folder = with_index(records);
    let before = read_index(&folder);
    let mut draft = IndexDraft::new(&before);
    for at in (0..records).step_by(50) {
        draft.push(Entry {
            print: !before.prints[at],
            row: 1,
            ..before.entry(at)
        });
        draft.keep(at + 1, 49);
    }
    bencher
        .counter(ItemsCount::new(records))
        .bench_local(|| write_index(&draft, &folder, 2));
}

#[divan::bench(args = RECORDS)]
fn index_read(bencher: Bencher<'_, '_>, records: usize) {
    let folder = with_index(records);
    bencher
        .counter(ItemsCount::new(records))
        .bench_local(|| read_index(&folder));
}

fn rows(records: usize) -> Vec<Row> {
    let export = data::read(data::csv(records));
    let row = |at| export.record(at).expect("a record").into_row();
    (0..records).map(row).collect()
}

/// Writes a new file; returns where each row is, and how long the file is.
fn write(rows: &[Row], path: &Path) -> (Vec<u64>, u64) {
    let mut writer = RowWriter::open(&RealDisk, path.to_owned(), 0).expect("a writer");
    let push = |row| writer.push(row).expect("a row");
    let pointers = rows.iter().map(push).collect();
    let (length, file) = writer.finish().expect("rows");
    file.sync().expect("durable rows");
    (pointers, length)
}

#[divan::bench(args = RECORDS)]
fn rows_written(bencher: Bencher<'_, '_>, records: usize) {
    let folder = tempfile::tempdir().expect("a folder");
    let mut count = 0;
    let mut path = || -> PathBuf {
        count += 1;
        folder.path().join(format!("contacts.{count}.rows"))
    };
    let rows = rows(records);
    bencher
        .counter(ItemsCount::new(records))
        .with_inputs(&mut path)
        .bench_local_values(|path| write(&rows, &path));
}

#[divan::bench(args = RECORDS)]
fn rows_read(bencher: Bencher<'_, '_>, records: usize) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("contacts.0.rows");
    let (pointers, length) = write(&rows(records), &path);
    let rows = Rows::open(&RealDisk, path, length).expect("rows");
    bencher.counter(ItemsCount::new(records)).bench_local(|| {
        for pointer in &pointers {
            black_box(rows.get(*pointer).expect("a row"));
        }
    });
}

/// What a pass with so many changed cells remembers.
fn memory(pass: u64, changes: usize) -> Memory<'static> {
    let change = |at: usize| Change {
        contact: format!("CT{at:07}"),
        table: Table::Contacts.name().to_owned(),
        no: format!("CT{at:07}"),
        column: "Phone No.".to_owned(),
        from: "+45 1234567".to_owned(),
        to: format!("+45 {at:07}"),
        rule: Rule::Moved,
        because: Vec::new(),
        file: "contacts.csv".to_owned(),
        line: at as u64 + 2,
    };
    Memory {
        pass,
        started: "2026-11-23T09:30:00Z".to_owned(),
        changes: (0..changes).map(change).collect(),
        parties: (0..changes).map(|at| format!("CT{at:07}")).collect(),
        ..Memory::default()
    }
}

/// The two commits of a pass: its journal, and what it remembers.
#[divan::bench(args = [10, 1_000, 20_000])]
fn pass_remembered(bencher: Bencher<'_, '_>, changes: usize) {
    let folder = tempfile::tempdir().expect("a folder");
    let mut store = Store::open(folder.path()).expect("a state");
    let mut pass = 0;
    let mut next = || {
        pass += 1;
        memory(pass, changes)
    };
    bencher
        .counter(ItemsCount::new(changes))
        .with_inputs(&mut next)
        .bench_local_values(|mut memory| {
            let commit = store.journal_commit(&memory).expect("a journal");
            let committed = commit.finish(&RealDisk, &[], &mut memory);
            committed.expect("a journal");
            let remembered = store.remember(&RealDisk, &memory, "2026-11-23T09:30:01Z");
            remembered.expect("a memory");
        });
}
