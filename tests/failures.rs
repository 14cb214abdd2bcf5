//! `docs/failures.md` and `docs/security.md` say what Couplet does about each failure and attack, and which tests show it: all are there.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// The names of all tests below a folder.
fn tests_below(folder: &Path, names: &mut BTreeSet<String>) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            tests_below(&path, names);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            let text = fs::read_to_string(&path).expect("text");
            let mut is_test = false;
            for line in text.lines().map(str::trim) {
                is_test |= line == "#[test]" || line.starts_with("proptest!");
                if let Some(rest) = line.strip_prefix("fn ")
                    && is_test
                {
                    let end = rest.find('(').unwrap_or(rest.len());
                    names.insert(rest[..end].to_owned());
                    is_test = false;
                }
            }
        }
    }
}

#[test]
fn every_failure_has_its_number_and_tests_that_exist() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut names = BTreeSet::new();
    tests_below(&root.join("src"), &mut names);
    tests_below(&root.join("tests"), &mut names);

    let text = fs::read_to_string(root.join("docs/failures.md")).expect("there");
    let rows = text.lines().filter_map(|line| {
        let cells: Vec<&str> = line.split(" | ").collect();
        let number: usize = cells.first()?.strip_prefix("| ")?.parse().ok()?;
        Some((number, cells))
    });
    let rows: Vec<_> = rows.collect();
    let numbers: Vec<usize> = rows.iter().map(|(number, _)| *number).collect();
    assert_eq!(numbers, (1..=50).collect::<Vec<_>>());
    for (number, cells) in rows {
        assert_eq!(cells.len(), 4, "row {number}");
        let tests: Vec<&str> = cells[3].split('`').skip(1).step_by(2).collect();
        assert!(
            !tests.is_empty() || cells[3].contains("alone"),
            "row {number}"
        );
        for test in tests {
            assert!(
                names.contains(test),
                "row {number}: there is no test {test}"
            );
        }
    }
}

#[test]
fn every_test_that_the_chapter_on_security_names_exists() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut names = BTreeSet::new();
    tests_below(&root.join("src"), &mut names);
    tests_below(&root.join("tests"), &mut names);

    let text = fs::read_to_string(root.join("docs/security.md")).expect("there");
    let quoted: Vec<&str> = text.split('`').skip(1).step_by(2).collect();
    // Names of tests are sentences; keys, files and functions are not.
    let named: Vec<&&str> = quoted
        .iter()
        .filter(|name| name.matches('_').count() >= 3 && !name.contains(char::is_whitespace))
        .collect();
    assert!(named.len() >= 25, "{named:#?}");
    for test in named {
        assert!(names.contains(*test), "there is no test {test}");
    }
}
