//! Any text where dates, patterns of names, numbers, addresses and spellings are read.

use couplet::config::glob;
use couplet::merge::series::Series;
use couplet::merge::validation;
use couplet::model::damage::damage;
use couplet::model::{Form, form};
use couplet::sync::dates::{Part, modified, restamped};
use couplet::sync::observe::mails::addresses;

use crate::exchange::StillClock;

use couplet::sync::Clock;

/// Lines of text, each in the place of one argument.
pub fn any_text(bytes: &[u8]) -> bool {
    let text = String::from_utf8_lossy(bytes);
    let mut lines = text.split('\n');
    let mut line = || lines.next().unwrap_or_default();
    let (first, second, third) = (line(), line(), line());
    let is_date = dates(first, second, third);
    let is_series = series(first, second, third);
    patterns(first, second);
    spellings(first, second);
    addresses_of(first);
    damage(first, second);
    is_date || is_series
}

/// How files write dates that can be read in two ways.
const PATTERNS: [&str; 5] = ["%d/%m/%Y", "%m/%d/%Y", "%d.%m.%Y", "%Y%m%d", "%-d/%-m/%Y"];

fn dates(cell: &str, other: &str, pattern: &str) -> bool {
    let patterns = [None, Some(pattern).filter(|pattern| !pattern.is_empty())];
    let mut is_date = false;
    for pattern in patterns {
        is_date |= modified(Some(cell), Some(other), Some(cell), pattern).is_some();
        for part in [Part::Date, Part::Time, Part::DateTime] {
            let Some(stamp) = restamped(cell, part, pattern, &StillClock.now()) else {
                continue;
            };
            is_date = true;
            // Any text can stand in a configuration as a pattern of dates; of these it is known that they are one.
            if pattern.is_some_and(|pattern| !PATTERNS.contains(&pattern)) {
                continue;
            }
            // What was written once is written again as it stands: the clock has not moved.
            let again = restamped(&stamp, part, pattern, &StillClock.now());
            assert_eq!(
                again.as_deref(),
                Some(stamp.as_str()),
                "{cell:?} was stamped in another form"
            );
            let blanks = |text: &str| {
                (
                    text.len() - text.trim_start().len(),
                    text.len() - text.trim_end().len(),
                )
            };
            if !cell.trim().is_empty() {
                assert_eq!(
                    blanks(&stamp),
                    blanks(cell),
                    "the blanks are the cell's own"
                );
            }
        }
    }
    is_date
}

fn series(first: &str, last_given: &str, step: &str) -> bool {
    let step = step.trim().parse().unwrap_or(1);
    let Ok(series) = Series::parse(first, None, step) else {
        return false;
    };
    // What was given is what a series gave: no longer than a number can be.
    let given = Some(last_given).filter(|given| given.chars().count() <= 20);
    let mut refused: Vec<String> = Vec::new();
    let mut used = |no: &str| {
        let is_used = refused.len() < 3;
        if is_used {
            refused.push(no.to_owned());
        }
        is_used
    };
    if let Ok(no) = series.next(given, &mut used) {
        assert!(!refused.contains(&no), "a number that is used is given");
        assert!(no.chars().count() <= 20, "a number is too long");
        assert_ne!(Some(no.as_str()), given, "a number is given twice");
        let mut sizes = refused.iter().map(String::len);
        assert!(sizes.all(|size| size <= no.len()), "numbers become shorter");
    }
    true
}

fn patterns(pattern: &str, name: &str) {
    // A name with a line end in it is no name of an export.
    if name.contains(['\n', '\r']) || pattern.len() > 200 || name.len() > 200 {
        return;
    }
    let pattern_of: Vec<char> = pattern.chars().collect();
    let name_of: Vec<char> = name.chars().collect();
    assert_eq!(
        glob::matches(pattern, name),
        fits(&pattern_of, &name_of),
        "{pattern:?} {name:?}"
    );
}

/// Whether a name fits a pattern, by its definition.
fn fits(pattern: &[char], name: &[char]) -> bool {
    // By how much of the pattern: which beginnings of the name fit it.
    let mut fitting = vec![false; name.len() + 1];
    fitting[0] = true;
    for sign in pattern {
        let mut next = vec![false; name.len() + 1];
        for at in 0..=name.len() {
            next[at] = match sign {
                '*' => fitting[at] || at > 0 && next[at - 1],
                '?' => at > 0 && fitting[at - 1],
                sign => at > 0 && fitting[at - 1] && name[at - 1] == *sign,
            };
        }
        fitting = next;
    }
    fitting[name.len()]
}

fn spellings(text: &str, like: &str) {
    for kind in [Form::Text, Form::Code, Form::Boolean, Form::ContactType] {
        let once = form::canonical(kind, text);
        assert_eq!(
            form::canonical(kind, &once),
            once,
            "{kind:?}: a canonical form has another"
        );
        assert!(form::same(kind, text, &once));
    }
    for (kind, captions) in [
        (Form::Boolean, ["Yes", "No"]),
        (Form::ContactType, ["Company", "Person"]),
    ] {
        for caption in captions {
            // `x` and nothing are a pair: a file that writes `x` leaves the other one blank.
            let spelled = form::spelled_like(kind, caption, like);
            let read = form::caption(kind, &spelled);
            assert!(
                read == Some(caption) || read == Some(""),
                "{caption} like {like:?} is {spelled:?}"
            );
        }
    }
    let once = form::option(text).into_owned();
    assert!(once.len() <= text.len());
}

fn addresses_of(cell: &str) {
    for address in addresses(cell) {
        assert!(address.contains('@') && address.trim() == address);
    }
    if validation::e_mail(cell).is_ok() {
        assert!(
            cell.split(';')
                .all(|part| part.trim().is_empty() || part.contains('@'))
        );
    }
    assert_eq!(
        validation::phone(cell).is_ok(),
        !cell.chars().any(char::is_alphabetic)
    );
}
