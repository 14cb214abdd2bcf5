//! What a pass says of the drops that it read: every row in exactly one class, and counts that add up.

use std::collections::{BTreeMap, BTreeSet};

use crate::merge::Plan;
use crate::model::form::same;
use crate::model::{Form, Problem, Side};
use crate::state::drops::{Receipt, ReceiptRow, RowClass, RowNote, Standing};

use super::observe::Seen;
use super::unsaid::Unsaid;

/// At most so many rows are named one by one; the others are counted.
pub(super) const NOTES: usize = 10_000;

/// What became of the drops of tables.
pub(super) fn of_tables(
    tables: &[Option<Seen<'_>>],
    plan: &Plan,
    unsaid: &Unsaid,
) -> Vec<ReceiptRow> {
    let dropped = tables
        .iter()
        .flatten()
        .filter_map(|seen| Some((seen.drop?, seen)));
    let receipts = dropped.filter_map(|(drop, seen)| {
        let receipt = match &seen.export {
            Some(_) => read(seen, plan, unsaid),
            None => refused(seen, &plan.problems)?,
        };
        Some(ReceiptRow { drop, receipt })
    });
    receipts.collect()
}

/// A file that was not read. What may be over in a moment is no receipt: it is tried again.
fn refused(seen: &Seen<'_>, problems: &[Problem]) -> Option<Receipt> {
    const FOR_GOOD: [&str; 4] = [
        "refused-export",
        "emptied-export",
        "cut-export",
        "stale-export",
    ];
    let of_file = |problem: &&Problem| {
        problem.place.table == seen.table.name() && FOR_GOOD.contains(&problem.kind.as_str())
    };
    problems.iter().find(of_file).map(rejection)
}

/// What is said of a file that a problem keeps from being read, with the place in it.
pub(super) fn rejection(problem: &Problem) -> Receipt {
    let place = match (problem.place.line, problem.place.offset) {
        (Some(line), Some(offset)) => format!("line {line} (byte {offset}): "),
        (Some(line), None) => format!("line {line}: "),
        (None, Some(offset)) => format!("byte {offset}: "),
        (None, None) => String::new(),
    };
    let reason = format!("{place}{}; {}", problem.reason, problem.advice);
    Receipt::whole(Standing::Rejected, reason)
}

fn read(seen: &Seen<'_>, plan: &Plan, unsaid: &Unsaid) -> Receipt {
    let Some(export) = &seen.export else {
        return Receipt::whole(Standing::Rejected, "it could not be read");
    };
    let rows = export.records.len();
    let digest = format!("{:032x}", export.digest);
    let last = seen.memory.as_ref();
    let notes = notes(seen, plan);
    let unnamed = unsaid.left_out(seen.table.name());
    let is_unnamed = |at| {
        let offset = export.offset_of(at);
        offset.is_some_and(|offset| unnamed.binary_search(&offset).is_ok())
    };
    let mut classes: BTreeMap<RowClass, u64> = BTreeMap::new();
    let mut left_out = Vec::new();
    for at in 0..rows {
        let class = match notes.get(&at) {
            Some(note) if note.class != RowClass::Changed => note.class,
            _ if !seen.is_touched(at) => RowClass::Unchanged,
            _ if is_unnamed(at) => RowClass::Rejected,
            _ if seen.diff.olds[at] == 0 => RowClass::New,
            _ => RowClass::Changed,
        };
        *classes.entry(class).or_default() += 1;
        if class == RowClass::Rejected {
            left_out.push(at);
        }
    }
    let duplicate = last.filter(|last| last.digest == digest);
    let standing = match (duplicate, left_out.len()) {
        (Some(_), _) => Standing::Duplicate,
        (None, 0) => Standing::Accepted,
        (None, _) => Standing::Partly,
    };
    let reason = match duplicate {
        Some(_) => {
            "it equals the file that was read last for its table; nothing in it is news".to_owned()
        }
        None => String::new(),
    };
    Receipt {
        standing,
        reason,
        rows: rows as u64,
        classes: classes.into_iter().collect(),
        notes: notes.into_values().take(NOTES).collect(),
        digest,
        mend: (standing == Standing::Partly)
            .then(|| export.excerpt(&left_out))
            .flatten(),
    }
}

/// Rows of which more is to be said than a count, by their position.
fn notes(seen: &Seen<'_>, plan: &Plan) -> BTreeMap<usize, RowNote> {
    let Some(export) = &seen.export else {
        return BTreeMap::new();
    };
    let table = seen.table.name();
    let mut problems: BTreeMap<u64, Vec<&Problem>> = BTreeMap::new();
    for problem in plan
        .problems
        .iter()
        .filter(|problem| problem.place.table == table)
    {
        if let Some(offset) = problem.place.offset {
            problems.entry(offset).or_default().push(problem);
        }
    }
    // A line may hold several rows; of these the number says whose the conflict is.
    let mut conflicts: BTreeMap<u64, Vec<(&str, &str)>> = BTreeMap::new();
    for conflict in &plan.conflicts {
        for claim in &conflict.claims {
            if let (true, Some(line)) = (is_of(claim.side, seen), claim.line) {
                let of_line = conflicts.entry(line).or_default();
                of_line.push((&claim.no, &conflict.field));
            }
        }
    }
    let mut notes = BTreeMap::new();
    if problems.is_empty() && conflicts.is_empty() {
        return notes;
    }
    for at in seen.diff.touched.iter().map(|at| *at as usize) {
        let line = export.line_of(at);
        let offset = export.offset_of(at);
        let said = offset.and_then(|offset| problems.get(&offset));
        let said = said.map(Vec::as_slice).unwrap_or_default();
        let fields = conflicts.get(&line).map(|of_line| {
            let record = export.record(at).ok();
            let shown = record.as_ref().and_then(|record| record.value(0));
            let is_it = |no: &str| shown.is_some_and(|shown| same(Form::Code, shown, no));
            let fields = of_line.iter().filter(|(no, _)| is_it(no));
            fields.map(|(_, field)| *field).collect::<BTreeSet<_>>()
        });
        let fields = fields.filter(|fields| !fields.is_empty());
        if said.is_empty() && fields.is_none() {
            continue;
        }
        // A problem of one cell leaves the others in.
        let is_left_out = said.iter().any(|problem| problem.place.column.is_none());
        let class = match (is_left_out, &fields) {
            (true, _) => RowClass::Rejected,
            (false, Some(_)) => RowClass::Conflict,
            (false, None) => RowClass::Changed,
        };
        let waits = fields.map(|fields| {
            let fields: Vec<&str> = fields.into_iter().collect();
            format!("{} waits for a person's decision", fields.join(", "))
        });
        let reasons = said.iter().map(|problem| match &problem.place.column {
            Some(column) => format!("{column}: {}; {}", problem.reason, problem.advice),
            None => format!("{}; {}", problem.reason, problem.advice),
        });
        let reasons: Vec<String> = reasons.chain(waits).collect();
        let note = RowNote {
            line,
            key: said
                .iter()
                .find_map(|problem| problem.place.key.clone())
                .or_else(|| Some(export.record(at).ok()?.value(0)?.to_owned()))
                .unwrap_or_default(),
            class,
            reason: reasons.join(". "),
        };
        notes.insert(at, note);
    }
    notes
}

fn is_of(side: Side, seen: &Seen<'_>) -> bool {
    side.table() == seen.table
}
