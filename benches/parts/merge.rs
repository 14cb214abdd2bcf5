//! Merging one party, a contact and its customer.

use couplet::merge::deliver::Route;
use couplet::merge::party::Cell;
use couplet::merge::{Capacity, FieldRules, Member, Party, merge};
use couplet::model::{Direction, FieldId, Kind, Side};
use divan::counter::ItemsCount;
use divan::{Bencher, black_box};

/// A record whose phone number is this, and whose other fields nobody changed.
fn member(side: Side, phone: &'static str) -> Member<'static> {
    let cells = FieldId::all()
        .filter(|field| field.is_shared())
        .map(|field| {
            let def = field.def();
            let base = def.name.get(..8).unwrap_or(def.name);
            let shown = match def.name {
                "Phone No." => phone,
                _ => base,
            };
            let cell = Cell {
                shown: Some(shown),
                base: Some(base),
                sent: Vec::new(),
                direction: Direction::Both,
                capacity: Capacity {
                    form: def.form,
                    length: def.length,
                    cut: false,
                },
            };
            (field, cell)
        });
    Member {
        side,
        no: "10000".to_owned(),
        cells: cells.collect(),
        modified: None,
        route: Route::InPlace,
        refuses: Box::new(|_, _| None),
    }
}

fn bench(bencher: Bencher<'_, '_>, of_contact: &'static str, of_customer: &'static str) {
    let members = vec![
        member(Side::Contact, of_contact),
        member(Side::Counterpart(Kind(0)), of_customer),
    ];
    let agreed = members[0].cells.iter();
    let agreed = agreed.filter_map(|(field, cell)| Some((*field, cell.base?.to_owned())));
    let party = Party {
        agreed: agreed.collect(),
        members,
        decided: Default::default(),
        given: Default::default(),
        was: Default::default(),
        is_new: false,
    };
    let rules = |_| FieldRules::default();
    bencher
        .counter(ItemsCount::new(1_usize))
        .bench_local(|| merge(black_box(&party), &rules, 2));
}

#[divan::bench]
fn agreeing(bencher: Bencher<'_, '_>) {
    bench(bencher, "Phone No", "Phone No");
}

#[divan::bench]
fn changed_on_one_side(bencher: Bencher<'_, '_>) {
    bench(bencher, "Phone No", "+45 1234567");
}

#[divan::bench]
fn in_conflict(bencher: Bencher<'_, '_>) {
    bench(bencher, "+45 7654321", "+45 1234567");
}
