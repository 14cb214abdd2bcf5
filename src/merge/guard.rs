//! Guards speak before the first write: a plan that looks like an accident is halted until a person looks.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::model::{Table, form};

use super::plan::Plan;
use super::verdict::Rule;

/// How much is too much.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Limit {
    /// A share of the table's records, in percent.
    Percent(f64),
    /// A number of records.
    Count(u64),
    /// Never too much.
    Off,
}

impl Limit {
    /// Whether `part` of `whole` is more than this allows.
    pub fn exceeded(self, part: u64, whole: u64) -> bool {
        match self {
            Limit::Percent(percent) => part as f64 * 100.0 > percent * whole as f64,
            Limit::Count(count) => part > count,
            Limit::Off => false,
        }
    }

    fn words(self) -> String {
        match self {
            Limit::Percent(percent) => format!("{percent}%"),
            Limit::Count(count) => count.to_string(),
            Limit::Off => "off".to_owned(),
        }
    }
}

/// The limits of one table.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Limits {
    /// Records gone from an export.
    pub max_deletes: Limit,
    /// Records in which a pass would replace or blank a value.
    pub max_changes: Limit,
    /// The same, of one field, blanked.
    pub max_blanked: Limit,
}

/// What the guards look at beside the plan, for one table.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Records that the table is known to hold, or holds now if that is more.
    pub records: u64,
    /// Records gone from the export since.
    pub gone: u64,
    /// Keys or columns are configured otherwise than in the last pass.
    pub reconfigured: bool,
    /// Cells written in place in the last pass that wrote this file.
    pub written: u64,
    /// How many of them show again what they showed before.
    pub returned: u64,
}

/// A guard's refusal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Halt {
    /// A stable word: `deletes`, `changes`, `blanked`, `configuration`, `exported-over`.
    pub guard: String,
    /// Table.
    pub table: String,
    /// What would happen, in numbers.
    pub reason: String,
    /// What to do.
    pub advice: String,
}

/// Tables with fewer records than this are not guarded.
const FROM_RECORDS: u64 = 10;

/// Whether so many of the cells that were written in place show again what they showed before that another system must have exported
/// its file over them. Ten cells are enough to see a pattern; fewer may be somebody's correction.
pub fn is_exported_over(written: u64, returned: u64) -> bool {
    written >= 10 && returned * 2 > written
}

/// Checks a plan against the limits. First fills, the status and new records trip no guard.
pub fn check(
    plan: &Plan,
    counts: &BTreeMap<Table, Counts>,
    limits: &dyn Fn(Table) -> Limits,
) -> Vec<Halt> {
    let mut halts = Vec::new();
    for (&table, counts) in counts {
        let limits = limits(table);
        let mut halt = |guard: &str, reason: String, advice: &str| {
            let (guard, table) = (guard.to_owned(), table.name().to_owned());
            halts.push(Halt {
                guard,
                table,
                reason,
                advice: advice.to_owned(),
            });
        };
        if counts.reconfigured {
            halt(
                "configuration",
                "its keys or columns are configured otherwise than in the last pass, so records and values may seem \
                 to vanish or change"
                    .to_owned(),
                "look at the plan; approve it when the new configuration is right; `couplet check` says whether the columns are \
                 found",
            );
        }
        if is_exported_over(counts.written, counts.returned) {
            halt(
                "exported-over",
                format!(
                    "{} of the {} cells written last show again what they showed before: another system exports this \
                     file over what was written",
                    counts.returned, counts.written
                ),
                "set write_back to a folder that its system imports, or approve the plan to take the file as it is",
            );
        }
        if counts.records < FROM_RECORDS {
            continue;
        }
        if limits.max_deletes.exceeded(counts.gone, counts.records) {
            halt(
                "deletes",
                format!(
                    "{} of {} records are gone from the export (max_deletes = {})",
                    counts.gone,
                    counts.records,
                    limits.max_deletes.words()
                ),
                "look whether the export is complete; approve the plan when they were really deleted",
            );
        }
        let mut replaced: BTreeSet<&str> = BTreeSet::new();
        let mut blanked: BTreeMap<&str, u64> = BTreeMap::new();
        for change in plan
            .changes
            .iter()
            .filter(|change| change.table == table.name())
        {
            let follows = matches!(change.rule, Rule::Status | Rule::Stamped);
            if follows || form::is_blank(&change.from) {
                continue;
            }
            replaced.insert(&change.no);
            if form::is_blank(&change.to) {
                *blanked.entry(&change.column).or_default() += 1;
            }
        }
        if limits
            .max_changes
            .exceeded(replaced.len() as u64, counts.records)
        {
            halt(
                "changes",
                format!(
                    "values of {} of {} records would be replaced (max_changes = {})",
                    replaced.len(),
                    counts.records,
                    limits.max_changes.words()
                ),
                "look at the plan; approve it when so many changes are meant",
            );
        }
        for (column, count) in blanked {
            if limits.max_blanked.exceeded(count, counts.records) {
                halt(
                    "blanked",
                    format!(
                        "{column} would be blanked in {count} of {} records (max_blanked = {})",
                        counts.records,
                        limits.max_blanked.words()
                    ),
                    "look whether an export lost the column's values; approve the plan when they were really cleared",
                );
            }
        }
    }
    halts
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::merge::plan::Change;
    use crate::model::Kind;

    const CUSTOMERS: Table = Table::Counterparts(Kind(0));

    fn limits(_: Table) -> Limits {
        Limits {
            max_deletes: Limit::Percent(20.0),
            max_changes: Limit::Percent(50.0),
            max_blanked: Limit::Count(2),
        }
    }

    fn change(no: usize, from: &str, to: &str, rule: Rule) -> Change {
        Change {
            contact: format!("C{no}"),
            table: "customers".to_owned(),
            no: no.to_string(),
            column: "City".to_owned(),
            from: from.to_owned(),
            to: to.to_owned(),
            rule,
            because: Vec::new(),
            file: String::new(),
            line: 1,
        }
    }

    fn guards(counts: Counts, changes: Vec<Change>) -> Vec<String> {
        let plan = Plan {
            changes,
            ..Plan::default()
        };
        check(&plan, &BTreeMap::from([(CUSTOMERS, counts)]), &limits)
            .into_iter()
            .map(|halt| halt.guard)
            .collect()
    }

    #[test]
    fn a_fifth_of_the_records_may_go_and_no_more() {
        assert!(
            guards(
                Counts {
                    records: 10,
                    gone: 2,
                    ..Counts::default()
                },
                vec![]
            )
            .is_empty()
        );
        assert_eq!(
            guards(
                Counts {
                    records: 10,
                    gone: 3,
                    ..Counts::default()
                },
                vec![]
            ),
            ["deletes"]
        );
        assert!(
            guards(
                Counts {
                    records: 9,
                    gone: 9,
                    ..Counts::default()
                },
                vec![]
            )
            .is_empty()
        );
    }

    #[test]
    fn replacing_values_counts_and_first_fills_the_status_and_stamps_do_not() {
        let ten = Counts {
            records: 10,
            ..Counts::default()
        };
        let many = |from: &str, rule| {
            (0..6)
                .map(|no| change(no, from, "x", rule))
                .collect::<Vec<_>>()
        };
        assert_eq!(guards(ten, many("y", Rule::Moved)), ["changes"]);
        assert!(guards(ten, many("", Rule::Moved)).is_empty());
        assert!(guards(ten, many("y", Rule::Status)).is_empty());
        assert!(guards(ten, many("y", Rule::Stamped)).is_empty());
    }

    #[test]
    fn a_field_blanked_in_many_records_is_halted() {
        let ten = Counts {
            records: 10,
            ..Counts::default()
        };
        let blanked = |count| {
            (0..count)
                .map(|no| change(no, "y", "", Rule::Moved))
                .collect::<Vec<_>>()
        };
        assert!(guards(ten, blanked(2)).is_empty());
        assert_eq!(guards(ten, blanked(3)), ["blanked"]);
    }

    #[test]
    fn a_file_that_returns_to_what_it_was_is_exported_over() {
        let counts = |written, returned| Counts {
            records: 100,
            written,
            returned,
            ..Counts::default()
        };
        assert!(guards(counts(9, 9), vec![]).is_empty());
        assert!(guards(counts(10, 5), vec![]).is_empty());
        assert_eq!(guards(counts(10, 6), vec![]), ["exported-over"]);
    }

    #[test]
    fn other_configured_keys_or_columns_are_halted_whatever_the_size() {
        assert_eq!(
            guards(
                Counts {
                    records: 1,
                    reconfigured: true,
                    ..Counts::default()
                },
                vec![]
            ),
            ["configuration"]
        );
    }

    #[test]
    fn a_halt_says_what_is_allowed() {
        let reason = |max_deletes| {
            let counts = Counts {
                records: 10,
                gone: 9,
                ..Counts::default()
            };
            let allowed = |table| Limits {
                max_deletes,
                ..limits(table)
            };
            let halts = check(
                &Plan::default(),
                &BTreeMap::from([(CUSTOMERS, counts)]),
                &allowed,
            );
            halts
                .into_iter()
                .map(|halt| halt.reason)
                .collect::<String>()
        };
        let gone = "9 of 10 records are gone from the export";
        assert_eq!(
            reason(Limit::Percent(12.5)),
            format!("{gone} (max_deletes = 12.5%)")
        );
        assert_eq!(reason(Limit::Count(3)), format!("{gone} (max_deletes = 3)"));
        assert_eq!(reason(Limit::Off), "");
    }
}
