//! What changed in an export since it was last read.

use couplet::state::{Entry, Index};
use couplet::sync::observe::diff::compare;
use divan::Bencher;
use divan::counter::ItemsCount;

use crate::data::Chance;

const RECORDS: usize = 1_000_000;

/// Keys and prints of records, of which one in so many changed; none with 0.
fn records(changed: usize) -> (Vec<u64>, Vec<u64>) {
    let mut chance = Chance::of(1);
    (0..RECORDS)
        .map(|at| {
            let (key, print) = (chance.next() | 1, chance.next() | 1);
            let is_changed = changed > 0 && at % changed == 0;
            (key, if is_changed { !print | 1 } else { print })
        })
        .unzip()
}

#[divan::bench]
fn unchanged(bencher: Bencher<'_, '_>) {
    against_index(bencher, 0);
}

#[divan::bench]
fn one_in_fifty_changed(bencher: Bencher<'_, '_>) {
    against_index(bencher, 50);
}

#[divan::bench]
fn everything_new(bencher: Bencher<'_, '_>) {
    bench(bencher, &Index::default(), 0);
}

fn against_index(bencher: Bencher<'_, '_>, changed: usize) {
    let (keys, prints) = records(0);
    let mut index = Index::default();
    for (key, print) in keys.iter().zip(&prints) {
        index.push(Entry {
            key: *key,
            print: *print,
            ..Entry::default()
        });
    }
    bench(bencher, &index, changed);
}

fn bench(bencher: Bencher<'_, '_>, index: &Index, changed: usize) {
    let (keys, prints) = records(changed);
    bencher.counter(ItemsCount::new(RECORDS)).bench(|| {
        compare(
            index,
            RECORDS,
            |at| prints[at],
            |at| Some(keys[at]),
            |_| true,
        )
    });
}
