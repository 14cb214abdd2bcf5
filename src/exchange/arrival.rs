//! Which of several dropped files is read next, and what becomes of the others. Decides only.

use crate::config::{Contents, OnGap};
use crate::state::drops::Standing;

/// A file that waits to be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// Its name.
    pub name: String,
    /// Its number in the ledger, where it was claimed before.
    pub claimed: Option<u64>,
    /// The number or time in its name, or in its manifest.
    pub sequence: Option<u64>,
    /// It lists only some records, whatever its table's files do.
    pub is_part: bool,
}

/// What is known of a table's files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rules {
    /// Which records a file lists.
    pub contents: Contents,
    /// Whether each name, or its manifest, must say which file is newer.
    pub has_sequence: bool,
    /// Whether these are plain numbers, none of which is left out.
    pub counts: bool,
    /// What becomes of files that come after a gap.
    pub on_gap: OnGap,
    /// Whether files that list only some records can be read: not where update files carry the whole table.
    pub takes_parts: bool,
    /// The sequence of the file read last.
    pub last: Option<u64>,
    /// The lowest sequence of those that stand there and are not complete yet.
    pub incomplete: Option<u64>,
}

/// What becomes of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It is read now.
    Read {
        /// The number after which others are missing.
        gap_after: Option<u64>,
    },
    /// Its turn comes after another's.
    Waits,
    /// It waits until the numbers after this one have come.
    WaitsForGap {
        /// The last one read.
        after: u64,
    },
    /// Nothing says which of several is newer.
    Ambiguous,
    /// It is not read.
    Aside(Standing, String),
}

/// What becomes of each candidate; at most one is read.
pub fn fates(candidates: &[Candidate], rules: &Rules) -> Vec<Fate> {
    let mut fates: Vec<Fate> = candidates
        .iter()
        .map(|candidate| aside(candidate, rules).unwrap_or(Fate::Waits))
        .collect();
    let mut left: Vec<usize> = (0..candidates.len())
        .filter(|at| fates[*at] == Fate::Waits)
        .collect();
    let is_ordered = left
        .iter()
        .all(|at| candidates[*at].is_part || candidates[*at].sequence.is_some());
    if !is_ordered && rules.contents != Contents::Journal {
        let is_unordered =
            |at: &usize| candidates[*at].claimed.is_none() && !candidates[*at].is_part;
        let unordered: Vec<usize> = left.iter().copied().filter(is_unordered).collect();
        if unordered.len() > 1 {
            left.retain(|at| !is_unordered(at));
            for at in unordered {
                fates[at] = Fate::Ambiguous;
            }
        }
    }
    // Those that were claimed came before those that were not; rows that were left out of a file come after it.
    left.sort_by_key(|at| {
        let candidate = &candidates[*at];
        (
            candidate.sequence.filter(|_| is_ordered),
            candidate.is_part,
            candidate.claimed.unwrap_or(u64::MAX),
            candidate.name.clone(),
        )
    });
    let is_whole = |at: &usize| rules.contents == Contents::Full && !candidates[*at].is_part;
    if let Some(newest) = left.iter().rposition(is_whole) {
        let newer = candidates[left[newest]].name.clone();
        // A whole file says everything that older ones said.
        for older in left.drain(..newest) {
            let reason = format!("{newer} is newer and lists every record; it was read instead");
            fates[older] = Fate::Aside(Standing::Superseded, reason);
        }
    }
    if let Some(at) = left.first() {
        fates[*at] = next(&candidates[*at], rules);
    }
    fates
}

/// What is not read, whatever else waits.
fn aside(candidate: &Candidate, rules: &Rules) -> Option<Fate> {
    if candidate.is_part && !rules.takes_parts {
        let reason = "it lists only some records, and update files of this table carry all of them; send a whole export";
        return Some(Fate::Aside(Standing::Rejected, reason.to_owned()));
    }
    match (candidate.sequence, rules.last) {
        (None, _) if !rules.has_sequence => None,
        (None, _) => {
            let reason =
                "its name does not say which of several files is newer, as `sequence` wants it";
            Some(Fate::Aside(Standing::Rejected, reason.to_owned()))
        }
        (Some(sequence), Some(last)) if sequence < last => {
            let older = format!("it is older ({sequence}) than the one read last ({last})");
            match (rules.contents, candidate.is_part) {
                (Contents::Full, _) => Some(Fate::Aside(Standing::Stale, older)),
                (Contents::Journal, _) => None,
                // Nobody but a person sends rows that come after a newer file.
                (Contents::Delta, true) => None,
                (Contents::Delta, false) => {
                    let reason = format!(
                        "{older}, and may list changes that no later file repeats; where they still count, drop it again with \
                         .rows before the ending of its name"
                    );
                    Some(Fate::Aside(Standing::Rejected, reason))
                }
            }
        }
        (Some(_), _) => None,
    }
}

/// What becomes of the file whose turn it is.
fn next(candidate: &Candidate, rules: &Rules) -> Fate {
    let counts = rules.counts && rules.contents != Contents::Full && !candidate.is_part;
    let gap_after = match (candidate.sequence, rules.last) {
        (Some(sequence), Some(last)) if counts && sequence > last + 1 => Some(last),
        _ => None,
    };
    let is_behind = |incomplete| candidate.sequence.is_some_and(|at| at > incomplete);
    match (gap_after, rules.on_gap) {
        // A change that is still being written must not come too late.
        (_, OnGap::Warn | OnGap::Hold)
            if rules.contents == Contents::Delta && rules.incomplete.is_some_and(is_behind) =>
        {
            Fate::Waits
        }
        (Some(after), OnGap::Hold) => Fate::WaitsForGap { after },
        (_, OnGap::Ignore) => Fate::Read { gap_after: None },
        (gap_after, _) => Fate::Read { gap_after },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULES: Rules = Rules {
        contents: Contents::Full,
        has_sequence: true,
        counts: true,
        on_gap: OnGap::Warn,
        takes_parts: true,
        last: None,
        incomplete: None,
    };

    fn dropped(name: &str, sequence: impl Into<Option<u64>>) -> Candidate {
        Candidate {
            name: name.to_owned(),
            claimed: None,
            sequence: sequence.into(),
            is_part: name.contains(".rows"),
        }
    }

    fn claimed(name: &str, id: u64) -> Candidate {
        Candidate {
            claimed: Some(id),
            ..dropped(name, None)
        }
    }

    /// A word for each fate, in the order of the candidates.
    fn words(candidates: &[Candidate], rules: &Rules) -> Vec<&'static str> {
        let word = |fate: &Fate| match fate {
            Fate::Read { gap_after: None } => "read",
            Fate::Read { gap_after: Some(_) } => "read after a gap",
            Fate::Waits => "waits",
            Fate::WaitsForGap { .. } => "waits for the gap",
            Fate::Ambiguous => "ambiguous",
            Fate::Aside(standing, _) => standing.word(),
        };
        fates(candidates, rules).iter().map(word).collect()
    }

    const DELTA: Rules = Rules {
        contents: Contents::Delta,
        last: Some(3),
        ..RULES
    };

    #[test]
    fn of_full_exports_the_newest_is_read_and_of_deltas_the_oldest() {
        let both = [dropped("c_5", 5), dropped("c_4", 4)];
        assert_eq!(words(&both, &RULES), ["read", "superseded"]);
        assert_eq!(words(&both, &DELTA), ["waits", "read"]);
    }

    #[test]
    fn what_is_older_than_the_last_one_read_is_stale_and_the_same_number_is_news() {
        let rules = Rules {
            last: Some(4),
            ..RULES
        };
        assert_eq!(words(&[dropped("c_3", 3)], &rules), ["stale"]);
        assert_eq!(words(&[dropped("c_4", 4)], &rules), ["read"]);
        assert_eq!(words(&[dropped("c", None)], &rules), ["rejected"]);
    }

    #[test]
    fn a_delta_that_comes_late_is_a_persons_to_judge_and_what_that_person_drops_again_is_read() {
        assert_eq!(words(&[dropped("c_2", 2)], &DELTA), ["rejected"]);
        assert_eq!(words(&[dropped("c_2.late.rows", 2)], &DELTA), ["read"]);
    }

    #[test]
    fn files_of_a_journal_are_read_in_any_order_and_gaps_are_told() {
        let rules = Rules {
            contents: Contents::Journal,
            ..DELTA
        };
        assert_eq!(words(&[dropped("e_2", 2)], &rules), ["read"]);
        assert_eq!(words(&[dropped("e_6", 6)], &rules), ["read after a gap"]);
        let unnumbered = Rules {
            has_sequence: false,
            ..rules
        };
        let several = [dropped("b", None), dropped("a", None)];
        assert_eq!(words(&several, &unnumbered), ["waits", "read"]);
    }

    #[test]
    fn a_delta_does_not_overtake_one_that_is_still_being_written() {
        let beside = |incomplete| Rules {
            incomplete: Some(incomplete),
            ..DELTA
        };
        assert_eq!(words(&[dropped("c_5", 5)], &beside(4)), ["waits"]);
        assert_eq!(words(&[dropped("c_4", 4)], &beside(5)), ["read"]);
        let whole = Rules {
            contents: Contents::Full,
            ..beside(4)
        };
        assert_eq!(words(&[dropped("c_5", 5)], &whole), ["read"]);
        let ignore = Rules {
            on_gap: OnGap::Ignore,
            ..beside(4)
        };
        assert_eq!(words(&[dropped("c_5", 5)], &ignore), ["read"]);
    }

    #[test]
    fn a_gap_between_deltas_is_told_or_waited_for_or_ignored() {
        let after = [dropped("c_6", 6), dropped("c_7", 7)];
        assert_eq!(words(&after, &DELTA), ["read after a gap", "waits"]);
        let hold = Rules {
            on_gap: OnGap::Hold,
            ..DELTA
        };
        assert_eq!(words(&after, &hold), ["waits for the gap", "waits"]);
        let filled = [dropped("c_6", 6), dropped("c_4", 4)];
        assert_eq!(words(&filled, &hold), ["waits", "read"]);
        let ignore = Rules {
            on_gap: OnGap::Ignore,
            ..DELTA
        };
        assert_eq!(words(&after, &ignore), ["read", "waits"]);
        let times = Rules {
            counts: false,
            ..DELTA
        };
        assert_eq!(
            words(&after, &times),
            ["read", "waits"],
            "times leave numbers out"
        );
        assert_eq!(
            words(
                &after,
                &Rules {
                    last: Some(3),
                    ..RULES
                }
            ),
            ["superseded", "read"],
            "so do full exports"
        );
    }

    #[test]
    fn without_a_sequence_several_files_are_ambiguous_unless_one_was_claimed_before() {
        let plain = Rules {
            has_sequence: false,
            ..RULES
        };
        assert_eq!(words(&[dropped("a", None)], &plain), ["read"]);
        assert_eq!(
            words(&[dropped("a", None), dropped("b", None)], &plain),
            ["ambiguous", "ambiguous"]
        );
        assert_eq!(
            words(&[claimed("a", 7), dropped("a", None)], &plain),
            ["superseded", "read"]
        );
        assert_eq!(
            words(&[claimed("b", 8), claimed("a", 7)], &plain),
            ["read", "superseded"]
        );
        let delta = Rules {
            contents: Contents::Delta,
            ..plain
        };
        assert_eq!(
            words(&[claimed("a", 7), dropped("a", None)], &delta),
            ["read", "waits"]
        );
    }

    #[test]
    fn a_sequence_that_only_manifests_say_orders_files_where_each_has_one() {
        let said = Rules {
            has_sequence: false,
            last: Some(4),
            ..RULES
        };
        let both = [dropped("a", 6), dropped("b", 5)];
        assert_eq!(words(&both, &said), ["read", "superseded"]);
        assert_eq!(words(&[dropped("a", 3)], &said), ["stale"]);
        let one = [dropped("a", 6), dropped("b", None)];
        assert_eq!(words(&one, &said), ["ambiguous", "ambiguous"]);
        let halted = Candidate {
            claimed: Some(7),
            ..dropped("a", 6)
        };
        let later = [halted, dropped("b", None)];
        assert_eq!(words(&later, &said), ["superseded", "read"]);
    }

    #[test]
    fn rows_that_were_left_out_come_after_their_file_and_never_where_updates_carry_whole_tables() {
        let mended = [dropped("c_4.9.rows", 4), dropped("c_4", 4)];
        assert_eq!(words(&mended, &RULES), ["waits", "read"]);
        assert_eq!(
            words(
                &mended[..1],
                &Rules {
                    last: Some(4),
                    ..RULES
                }
            ),
            ["read"]
        );
        assert_eq!(
            words(&[dropped("c_4.9.rows", 4), dropped("c_5", 5)], &RULES),
            ["superseded", "read"]
        );
        let whole = Rules {
            takes_parts: false,
            ..RULES
        };
        assert_eq!(words(&mended, &whole), ["rejected", "read"]);
    }

    #[test]
    fn at_most_one_is_read_and_the_order_of_the_listing_does_not_matter() {
        use proptest::prelude::*;
        let candidate = (0..5u64, any::<bool>(), proptest::option::of(1..4u64));
        proptest!(|(drawn in proptest::collection::vec(candidate, 0..6), last in proptest::option::of(0..4u64), delta: bool, has_sequence: bool)| {
            let mut candidates: Vec<Candidate> = drawn.iter().enumerate().map(|(at, (sequence, is_part, claimed))| Candidate {
                name: format!("c{at}"),
                claimed: claimed.map(|claimed| claimed * 10 + at as u64),
                sequence: has_sequence.then_some(*sequence),
                is_part: *is_part,
            }).collect();
            let contents = if delta { Contents::Delta } else { Contents::Full };
            let rules = Rules { contents, has_sequence, last, ..RULES };
            let one = fates(&candidates, &rules);
            let is_read = |fate: &&Fate| matches!(fate, Fate::Read { .. });
            prop_assert!(one.iter().filter(is_read).count() <= 1);
            candidates.reverse();
            let mut other = fates(&candidates, &rules);
            other.reverse();
            prop_assert_eq!(one, other);
        });
    }
}
