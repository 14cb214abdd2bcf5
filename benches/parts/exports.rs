//! Exports: finding their records, reading what these say, writing them back with edits.

use divan::counter::BytesCount;
use divan::{Bencher, black_box};

use crate::data;

const RECORDS: [usize; 2] = [1_000, 100_000];

/// Where records begin and end, and what their bytes look like.
#[divan::bench(args = RECORDS)]
fn scan_csv(bencher: Bencher<'_, '_>, records: usize) {
    scan(bencher, data::csv(records));
}

#[divan::bench(args = RECORDS)]
fn scan_json_lines(bencher: Bencher<'_, '_>, records: usize) {
    scan(bencher, data::json_lines(records));
}

fn scan(bencher: Bencher<'_, '_>, bytes: Vec<u8>) {
    bencher
        .counter(BytesCount::of_slice(&bytes))
        .with_inputs(|| bytes.clone())
        .bench_values(data::read);
}

/// The values of all records.
#[divan::bench(args = [1_000, 10_000])]
fn values_csv(bencher: Bencher<'_, '_>, records: usize) {
    values(bencher, data::csv(records));
}

#[divan::bench(args = [1_000, 10_000])]
fn values_json_lines(bencher: Bencher<'_, '_>, records: usize) {
    values(bencher, data::json_lines(records));
}

fn values(bencher: Bencher<'_, '_>, bytes: Vec<u8>) {
    let size = BytesCount::of_slice(&bytes);
    let export = data::read(bytes);
    bencher.counter(size).bench(|| {
        for at in 0..export.records.len() {
            black_box(export.record(at).expect("a record"));
        }
    });
}

/// The cells of all records, lent by a reader.
#[divan::bench(args = [1_000, 100_000])]
fn lend_csv(bencher: Bencher<'_, '_>, records: usize) {
    lend(bencher, data::csv(records));
}

#[divan::bench(args = [1_000, 100_000])]
fn lend_json_lines(bencher: Bencher<'_, '_>, records: usize) {
    lend(bencher, data::json_lines(records));
}

fn lend(bencher: Bencher<'_, '_>, bytes: Vec<u8>) {
    let size = BytesCount::of_slice(&bytes);
    let export = data::read(bytes);
    bencher.counter(size).bench(|| {
        let (mut reader, mut problems) = (export.reader(), Vec::new());
        for at in 0..export.records.len() {
            let view = reader.read(at).expect("a record");
            let each = view.each(&mut problems, |cell| {
                black_box(cell);
            });
            each.expect("its cells");
        }
    });
}

/// A file with an edit in one record of fifty, every other byte as it was.
#[divan::bench(args = RECORDS)]
fn splice_csv(bencher: Bencher<'_, '_>, records: usize) {
    splice(bencher, data::csv(records), records);
}

#[divan::bench(args = RECORDS)]
fn splice_json_lines(bencher: Bencher<'_, '_>, records: usize) {
    splice(bencher, data::json_lines(records), records);
}

fn splice(bencher: Bencher<'_, '_>, bytes: Vec<u8>, records: usize) {
    let size = bytes.len();
    let export = data::read(bytes);
    let edits = data::edits(records);
    bencher
        .counter(BytesCount::new(size))
        .with_inputs(|| Vec::with_capacity(2 * size))
        .bench_values(|mut out| {
            export.splice(&edits, &mut out).expect("a spliced file");
            out
        });
}
