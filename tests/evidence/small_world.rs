//! The small world, exhaustively: every state of one cell, every presence of two records and their relation, and every history
//! of four edits. Thousands of cases stand in one exchange as parties of their own, so that all of them can be tried.

use couplet::sync::{Outcome, Summary};

use crate::exchange::Exchange;
use crate::run::{Layer, Regressions, Tally};

/// Every state of one cell.
pub const CELLS: Layer = Layer {
    name: "cells",
    about: "every base, contact and customer of one cell, under every policy, in every direction, is merged as a naive reading says",
    cases: CELL_WORLDS,
    all: Some(|| CELL_WORLDS),
    parallel: true,
    regressions: Regressions::NONE,
    floors: &[],
    case: cells,
};

/// Every presence of two records and their relation.
pub const PRESENCE: Layer = Layer {
    name: "presence",
    about: "whichever of contact, customer, relation and their exports are gone, nothing else goes with them",
    cases: 64 * POLICIES.len() as u64,
    all: Some(|| 64 * POLICIES.len() as u64),
    parallel: true,
    regressions: Regressions::NONE,
    floors: &[],
    case: presence,
};

/// Every history of four edits.
pub const EDITS: Layer = Layer {
    name: "edits",
    about: "every history of four edits of two records on two sides, with passes wherever they can be, ends as a naive reading says",
    cases: EDIT_BATCHES / 64,
    all: Some(|| EDIT_BATCHES),
    parallel: true,
    regressions: Regressions::NONE,
    floors: &[],
    case: edits,
};

/// A policy, as configured.
const POLICIES: [&str; 7] = [
    "\"hold\"",
    "\"contact\"",
    "\"counterpart\"",
    "\"newest\"",
    "[\"customer\"]",
    "[\"contact\", \"customer\"]",
    "[\"vendor\"]",
];

/// Which of the two sides are written.
const DIRECTIONS: [[bool; 2]; 3] = [[true, true], [true, false], [false, true]];

/// What decides where sides meet for the first time.
const MEETINGS: [&str; 3] = ["fill", "contact", "counterpart"];

const CELL_WORLDS: u64 = (POLICIES.len() * DIRECTIONS.len() * MEETINGS.len()) as u64;

/// What a cell may hold; `None` where its record lacks the member.
const VALUES: [Option<&str>; 5] = [None, Some(""), Some("007"), Some("1.10"), Some("=z")];

fn config(ending: &str, on_conflict: &str, first_meeting: &str, written: [bool; 2]) -> String {
    let table = |name: &str, written: bool| {
        let back = if written {
            "write_back = \"in-place\"\n"
        } else {
            ""
        };
        // A member that a record lacks says nothing.
        let dense = if ending == "jsonl" {
            "sparse = false\n"
        } else {
            ""
        };
        format!("[tables.{name}]\nexport = \"{name}.{ending}\"\n{back}{dense}")
    };
    format!(
        "state = \"state\"\n[setup]\nbus_rel_code_for_customers = \"CUST\"\n\
         [merge]\non_conflict = {on_conflict}\nfirst_meeting = \"{first_meeting}\"\n\
         [guards]\nmax_deletes = \"off\"\nmax_changes = \"off\"\nmax_blanked = \"off\"\n\
         {}{}[tables.relations]\nexport = \"relations.csv\"\nwrite_back = \"in-place\"\n",
        table("contacts", written[0]),
        table("customers", written[1]),
    )
}

fn relations(parties: usize) -> String {
    let rows = (0..parties).map(|party| format!("C{party:05},CUST,Customer,K{party:05}\n"));
    std::iter::once("Contact No.,Business Relation Code,Link to Table,No.\n".to_owned())
        .chain(rows)
        .collect()
}

fn made(outcome: Result<Outcome, couplet::sync::PassError>) -> Result<Summary, String> {
    match outcome {
        Ok(Outcome::Done(summary) | Outcome::InStep(summary)) => Ok(summary),
        other => Err(format!("{other:?}")),
    }
}

/// One cell on both sides.
type Pair<'v> = [Option<&'v str>; 2];

/// What a pass makes of one cell, read off `product.md` §5 by hand: what the two sides hold afterwards, and whether it is held.
fn expected<'v>(
    base: Option<&'v str>,
    shown: Pair<'v>,
    policy: usize,
    meeting: usize,
    written: [bool; 2],
) -> (Pair<'v>, bool) {
    let moved = shown.map(|value| match base {
        // At a first meeting a blank says nothing.
        None => value.filter(|value| !value.is_empty()),
        Some(_) => value.filter(|_| value != base),
    });
    let winner = match (moved, base) {
        ([None, None], _) => base,
        ([Some(value), None] | [None, Some(value)], _) => Some(value),
        ([Some(contact), Some(customer)], _) if contact == customer => Some(contact),
        (_, None) => match MEETINGS[meeting] {
            "contact" => moved[0],
            "counterpart" => moved[1],
            _ => return (shown, true),
        },
        (_, Some(_)) => match POLICIES[policy] {
            "\"contact\"" | "[\"contact\", \"customer\"]" => moved[0],
            "\"counterpart\"" | "[\"customer\"]" => moved[1],
            // All dates are equal, and no vendor has moved.
            _ => return (shown, true),
        },
    };
    let mut after = shown;
    for (side, value) in after.iter_mut().enumerate() {
        if written[side] && value.is_some() && winner.is_some() {
            *value = winner;
        }
    }
    (after, false)
}

fn json_lines(prefix: char, cells: &[Option<&str>]) -> String {
    let row = |(at, cell): (usize, &Option<&str>)| {
        let city = cell
            .map(|city| format!(",\"City\":\"{city}\""))
            .unwrap_or_default();
        format!("{{\"No.\":\"{prefix}{at:05}\",\"Last Date Modified\":\"2026-11-22\"{city}}}\n")
    };
    cells.iter().enumerate().map(row).collect()
}

fn cells(world: u64, tally: &mut Tally) -> Result<(), String> {
    let world = world as usize;
    let (policy, rest) = (world % POLICIES.len(), world / POLICIES.len());
    let (direction, meeting) = (rest % DIRECTIONS.len(), rest / DIRECTIONS.len());
    let written = DIRECTIONS[direction];
    let mut exchange = Exchange::new(&config(
        "jsonl",
        POLICIES[policy],
        MEETINGS[meeting],
        written,
    ));
    let mut states = Vec::new();
    for base in VALUES {
        for contact in VALUES {
            states.extend(VALUES.map(|customer| (base, [contact, customer])));
        }
    }
    let show = |exchange: &Exchange, cells: &dyn Fn(usize) -> Vec<Option<&'static str>>| {
        exchange.put("contacts.jsonl", json_lines('C', &cells(0)));
        exchange.put("customers.jsonl", json_lines('K', &cells(1)));
    };
    exchange.put("relations.csv", relations(states.len()));
    show(&exchange, &|_| {
        states.iter().map(|(base, _)| *base).collect()
    });
    made(exchange.pass())?;
    show(&exchange, &|side| {
        states.iter().map(|(_, shown)| shown[side]).collect()
    });
    let summary = made(exchange.pass())?;
    let after: Vec<(Pair<'_>, bool)> = states
        .iter()
        .map(|(base, shown)| expected(*base, *shown, policy, meeting, written))
        .collect();
    for (side, name) in ["contacts.jsonl", "customers.jsonl"].iter().enumerate() {
        let cells: Vec<Option<&str>> = after.iter().map(|(pair, _)| pair[side]).collect();
        let right = json_lines(['C', 'K'][side], &cells);
        let found = exchange.text(name).unwrap_or_default();
        let mut rows = found.lines().zip(right.lines()).enumerate();
        if let Some((at, (found, right))) = rows.find(|(_, (found, right))| found != right) {
            let state = states[at];
            return Err(format!(
                "{state:?} under {world}: {found} instead of {right}"
            ));
        }
    }
    for (at, (_, is_held)) in after.iter().enumerate() {
        let contact = format!("C{at:05}");
        let mut conflicts = summary.plan.conflicts.iter();
        let held = conflicts.any(|held| held.contact == contact && held.field == "City");
        if held != *is_held {
            return Err(format!("{:?} under {world}: held is {held}", states[at]));
        }
    }
    let again = made(exchange.pass())?;
    if !again.plan.changes.is_empty() || !again.files.is_empty() {
        return Err(format!("a second pass did {:?}", again.plan.changes));
    }
    tally.count("cells", states.len() as u64);
    Ok(())
}

/// How one of the three stands in the second pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stands {
    There,
    Gone,
    /// Its export lists nothing any more.
    Emptied,
    /// There is no export.
    Missing,
}

fn presence(case: u64, tally: &mut Tally) -> Result<(), String> {
    const STANDS: [Stands; 4] = [
        Stands::There,
        Stands::Gone,
        Stands::Emptied,
        Stands::Missing,
    ];
    let case = case as usize;
    let policy = POLICIES[case % POLICIES.len()];
    let three = [1, 4, 16].map(|step| STANDS[case / POLICIES.len() / step % 4]);
    let [contact, customer, relation] = three;
    let mut exchange = Exchange::new(&config("csv", policy, "fill", [true, true]));
    let export = |exchange: &Exchange, city: &str, three: [Stands; 3]| {
        let files = [
            (
                "contacts.csv",
                "No.,Name,City\n",
                "C0,Other,Oslo\n",
                format!("C1,Acme,{city}\n"),
            ),
            (
                "customers.csv",
                "No.,Name,City\n",
                "K0,Other,Oslo\n",
                "K1,Acme,Rome\n".to_owned(),
            ),
            (
                "relations.csv",
                "Contact No.,Business Relation Code,Link to Table,No.\n",
                "C0,CUST,Customer,K0\n",
                "C1,CUST,Customer,K1\n".to_owned(),
            ),
        ];
        for ((name, head, other, row), stands) in files.into_iter().zip(three) {
            match stands {
                Stands::There => exchange.put(name, format!("{head}{other}{row}")),
                Stands::Gone => exchange.put(name, format!("{head}{other}")),
                Stands::Emptied => exchange.put(name, head),
                Stands::Missing => exchange.disk.delete(&crate::exchange::path(name)),
            }
        }
    };
    export(&exchange, "Rome", [Stands::There; 3]);
    made(exchange.pass())?;
    // The contact has moved meanwhile, which reaches the customer as long as the two are known to belong together.
    export(&exchange, "Pisa", three);
    made(exchange.pass())?;
    let row = |name: &str, start: &str| -> Option<String> {
        let text = exchange.text(name)?;
        let row = text.lines().find(|line| line.starts_with(start));
        Some(row.unwrap_or("none").to_owned())
    };
    // An export that says nothing takes nothing back: who belongs together still does.
    let is_coupled = relation != Stands::Gone && [contact, customer] == [Stands::There; 2];
    let customer_row = if is_coupled {
        "K1,Acme,Pisa"
    } else {
        "K1,Acme,Rome"
    };
    let is_or = |stands: Stands, row: &str| match stands {
        Stands::There => Some(row.to_owned()),
        Stands::Gone | Stands::Emptied => Some("none".to_owned()),
        Stands::Missing => None,
    };
    // A relation goes with either of its ends, and with nothing else.
    let relation_row = match relation {
        Stands::There if [contact, customer].contains(&Stands::Gone) => Some("none".to_owned()),
        stands => is_or(stands, "C1,CUST,Customer,K1"),
    };
    let expected = [
        is_or(contact, "C1,Acme,Pisa"),
        is_or(customer, customer_row),
        relation_row,
    ];
    let found = [
        row("contacts.csv", "C1"),
        row("customers.csv", "K1"),
        row("relations.csv", "C1"),
    ];
    if found != expected {
        return Err(format!(
            "{three:?} under {policy}: {found:?} instead of {expected:?}"
        ));
    }
    let others = [
        ("contacts.csv", "C0", contact),
        ("customers.csv", "K0", customer),
        ("relations.csv", "C0", relation),
    ];
    for (name, start, stands) in others {
        let is_listed = matches!(stands, Stands::There | Stands::Gone);
        if is_listed && row(name, start).is_none_or(|row| row == "none") {
            return Err(format!(
                "{three:?} under {policy}: {start} is gone from {name}"
            ));
        }
    }
    if three == [Stands::There; 3] {
        other_columns_are_noticed(&mut exchange, policy)?;
    }
    tally.count("presences", 1);
    Ok(())
}

/// Under a configuration that reads a field from another column, files that nobody touched say something else.
fn other_columns_are_noticed(exchange: &mut Exchange, policy: &str) -> Result<(), String> {
    for _ in 0..2 {
        made(exchange.pass())?;
    }
    let text = config("csv", policy, "fill", [true, true]);
    let other = "export = \"customers.csv\"\ncolumns = { \"City\" = \"Ort\" }\n";
    exchange.config =
        crate::exchange::parse(&text.replacen("export = \"customers.csv\"\n", other, 1));
    match exchange.pass() {
        Ok(Outcome::Halted { .. }) => Ok(()),
        other => Err(format!("other columns were not noticed: {other:?}")),
    }
}

/// What a cell of the histories may hold, the first one at the beginning.
const TYPED: [&str; 4] = ["x", "y", "z", ""];
/// Two sides, two records, two fields, four values.
const EDIT_KINDS: u64 = 2 * 2 * 2 * TYPED.len() as u64;
const HISTORIES: u64 = EDIT_KINDS.pow(4);
/// Between four edits there may be a pass or none.
const PLACEMENTS: u64 = 1 << 3;
/// So many histories stand in one exchange.
const BATCH: u64 = 1024;
const EDIT_BATCHES: u64 = HISTORIES / BATCH * PLACEMENTS;

/// Two fields of one record on both sides, as the naive reading keeps them.
#[derive(Clone, Copy)]
struct Cells {
    base: [usize; 2],
    shown: [[usize; 2]; 2],
}

impl Cells {
    /// What a pass makes of them.
    fn reconcile(&mut self) {
        for field in 0..2 {
            let base = self.base[field];
            let [contact, customer] = [self.shown[0][field], self.shown[1][field]];
            let agreed = match (contact == base, customer == base) {
                (true, _) => customer,
                (_, true) => contact,
                _ if contact == customer => contact,
                // Nobody is overwritten.
                _ => continue,
            };
            self.base[field] = agreed;
            self.shown[0][field] = agreed;
            self.shown[1][field] = agreed;
        }
    }
}

fn edits(batch: u64, tally: &mut Tally) -> Result<(), String> {
    let (placement, first) = (batch % PLACEMENTS, batch / PLACEMENTS * BATCH);
    let mut exchange = Exchange::new(&config("csv", "\"hold\"", "fill", [true, true]));
    let begin = Cells {
        base: [0; 2],
        shown: [[0; 2]; 2],
    };
    let mut records = vec![begin; 2 * BATCH as usize];
    let export = |records: &[Cells], side: usize| -> String {
        let prefix = ['C', 'K'][side];
        let rows = records.iter().enumerate().map(|(at, cells)| {
            let [city, phone] = cells.shown[side].map(|value| TYPED[value]);
            format!("{prefix}{at:05},N{at},{city},{phone}\n")
        });
        std::iter::once("No.,Name,City,Phone No.\n".to_owned())
            .chain(rows)
            .collect()
    };
    let pass = |exchange: &mut Exchange, records: &mut [Cells], tally: &mut Tally| {
        for (side, name) in ["contacts.csv", "customers.csv"].iter().enumerate() {
            exchange.put(name, export(records, side));
        }
        let outcome = exchange.pass();
        if let Ok(Outcome::Halted { id, .. }) = &outcome {
            // So many cells that are taken back at once look like an export over what was written; here it is meant.
            let approved = exchange.store.approve(id, "2026-11-23T09:30:00");
            approved.map_err(|error| error.to_string())?;
            tally.count("halts approved", 1);
            made(exchange.pass())?;
        } else {
            made(outcome)?;
        }
        tally.count("passes", 1);
        records.iter_mut().for_each(Cells::reconcile);
        for (side, name) in ["contacts.csv", "customers.csv"].iter().enumerate() {
            let (found, right) = (
                exchange.text(name).unwrap_or_default(),
                export(records, side),
            );
            let mut rows = found.lines().zip(right.lines());
            if let Some((found, right)) = rows.find(|(found, right)| found != right) {
                return Err(format!(
                    "placement {placement}, first {first}: {found} instead of {right}"
                ));
            }
            if found.len() != right.len() {
                return Err(format!(
                    "placement {placement}, first {first}: rows came or went"
                ));
            }
        }
        Ok(())
    };
    exchange.put("relations.csv", relations(records.len()));
    pass(&mut exchange, &mut records, tally)?;
    for step in 0..4 {
        for history in 0..BATCH {
            let edit = (first + history) / EDIT_KINDS.pow(step) % EDIT_KINDS;
            let [side, record, field] =
                [edit & 1, edit >> 1 & 1, edit >> 2 & 1].map(|bit| bit as usize);
            records[2 * history as usize + record].shown[side][field] = (edit >> 3) as usize;
        }
        if step == 3 || placement >> step & 1 == 1 {
            pass(&mut exchange, &mut records, tally)?;
        }
    }
    let again = made(exchange.pass())?;
    if !again.files.is_empty() {
        return Err(format!(
            "placement {placement}, first {first}: a second pass writes"
        ));
    }
    tally.count("histories", BATCH);
    Ok(())
}
