//! Problems beyond the limit: counted instead of named, so that a file of a million bad rows does not fill memory, state and screen.

use std::collections::BTreeMap;

use xxhash_rust::xxh3::xxh3_64;

use crate::model::{Place, Problem};

/// Problems that are counted, by table and kind.
#[derive(Debug, Default)]
pub struct Unsaid {
    counted: BTreeMap<(String, String), Vec<Counted>>,
}

/// What is left of a problem that is not named: enough to count it once, and to know its row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Counted {
    offset: Option<u64>,
    /// Of its key and column.
    print: u64,
    is_row_left_out: bool,
}

impl Unsaid {
    /// Leaves in `problems` at most so many of each table and kind, the first by their places, and counts the others.
    ///
    /// Which those are does not depend on how often and in which parts this is done.
    pub(super) fn curb(&mut self, problems: &mut Vec<Problem>, most: usize) {
        problems.sort();
        problems.dedup();
        let mut named: BTreeMap<(String, String), usize> = BTreeMap::new();
        problems.retain(|problem| {
            let of = (problem.place.table.clone(), problem.kind.clone());
            let count = named.entry(of.clone()).or_default();
            *count += 1;
            let is_named = *count <= most;
            if !is_named {
                self.counted
                    .entry(of)
                    .or_default()
                    .push(Counted::of(problem));
            }
            is_named
        });
    }

    /// Takes in what others counted.
    pub(super) fn take_in(&mut self, others: Unsaid) {
        for (of, counted) in others.counted {
            self.counted.entry(of).or_default().extend(counted);
        }
    }

    /// Says in `problems` how many are not named, once all are known.
    pub(super) fn say(&mut self, problems: &mut Vec<Problem>, most: usize) {
        self.curb(problems, most);
        for ((table, kind), counted) in &mut self.counted {
            counted.sort_unstable();
            counted.dedup();
            let of_kind =
                |problem: &&Problem| problem.place.table == *table && problem.kind == *kind;
            let first = problems.iter().find(of_kind);
            let place = Place {
                table: table.clone(),
                file: first.and_then(|first| first.place.file.clone()),
                ..Place::default()
            };
            let reason = format!(
                "{} more problems of the kind {kind} are not named: `limits.problems` is {most}",
                counted.len()
            );
            let advice = "mend those that are named, and the next ones are";
            problems.push(Problem::new(place, "unnamed-problems", reason, advice));
        }
        problems.sort();
    }

    /// Where those of a table's rows begin that are left out and not named, ascending.
    pub(super) fn left_out(&self, table: &str) -> Vec<u64> {
        let of_table = self.counted.iter().filter(|((of, _), _)| of == table);
        let rows = of_table.flat_map(|(_, counted)| counted);
        let left_out = rows.filter(|row| row.is_row_left_out);
        let mut offsets: Vec<u64> = left_out.filter_map(|row| row.offset).collect();
        offsets.sort_unstable();
        offsets.dedup();
        offsets
    }
}

impl Counted {
    fn of(problem: &Problem) -> Counted {
        let Place {
            offset,
            key,
            column,
            ..
        } = &problem.place;
        let text = format!("{key:?}\u{1f}{column:?}\u{1f}{}", problem.reason);
        Counted {
            offset: *offset,
            print: xxh3_64(text.as_bytes()),
            is_row_left_out: column.is_none(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bad_row(table: &str, line: u64) -> Problem {
        let place = Place {
            table: table.to_owned(),
            file: Some("f.csv".to_owned()),
            line: Some(line),
            offset: Some(10 * line),
            ..Place::default()
        };
        Problem::new(place, "ragged", "it is", "mend it")
    }

    #[test]
    fn the_first_are_named_and_the_others_counted_however_they_come_together() {
        let all: Vec<Problem> = (1..=9).map(|line| bad_row("contacts", line)).collect();
        let mut whole = all.clone();
        let mut unsaid = Unsaid::default();
        unsaid.say(&mut whole, 3);
        // The same in two parts, the later first, and one of them noted in both.
        let (mut late, mut early) = (all[4..].to_vec(), all[..5].to_vec());
        let (mut of_late, mut of_early) = (Unsaid::default(), Unsaid::default());
        of_late.curb(&mut late, 3);
        of_early.curb(&mut early, 3);
        late.extend(early);
        of_late.take_in(of_early);
        of_late.say(&mut late, 3);
        assert_eq!(late, whole);
        assert_eq!(unsaid.left_out("contacts"), [40, 50, 60, 70, 80, 90]);
        assert_eq!(of_late.left_out("contacts"), [40, 50, 60, 70, 80, 90]);
        let last = whole
            .iter()
            .find(|problem| problem.kind == "unnamed-problems");
        let reason = &last.expect("it is said").reason;
        assert!(
            reason.starts_with("6 more") && reason.contains("limits.problems"),
            "{reason}"
        );
        assert_eq!(whole.len(), 4);
    }

    #[test]
    fn one_table_does_not_silence_another() {
        let mut problems: Vec<Problem> = (1..=9).map(|line| bad_row("contacts", line)).collect();
        problems.push(bad_row("vendors", 1));
        let mut unsaid = Unsaid::default();
        unsaid.say(&mut problems, 2);
        assert!(
            problems
                .iter()
                .any(|problem| problem.place.table == "vendors")
        );
        assert!(unsaid.left_out("vendors").is_empty());
    }
}
