//! A pattern of file names in a watched folder: `inbox/contacts_*.csv`.

use std::path::{Path, PathBuf};

use regex_lite::Regex;

/// The folder and the pattern of names, where a path has `*` or `?` in its last part.
pub fn pattern(path: &Path) -> Option<(PathBuf, Regex)> {
    let name = path.file_name()?.to_str()?;
    if !name.contains(['*', '?']) {
        return None;
    }
    let folder = match path.parent()? {
        // A configuration that is named without a folder stands in the one where we are.
        none if none.as_os_str().is_empty() => Path::new("."),
        folder => folder,
    };
    Some((folder.to_owned(), expression(name)?))
}

/// Whether a name matches a pattern, as a whole.
pub fn matches(pattern: &str, name: &str) -> bool {
    expression(pattern).is_some_and(|expression| expression.is_match(name))
}

fn expression(pattern: &str) -> Option<Regex> {
    let mut expression = String::from("^");
    for c in pattern.chars() {
        match c {
            '*' => expression.push_str(".*"),
            '?' => expression.push('.'),
            c => expression.push_str(&regex_lite::escape(c.encode_utf8(&mut [0; 4]))),
        }
    }
    expression.push('$');
    Regex::new(&expression).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_pattern_matches_whole_names_only() {
        let (folder, names) = pattern(Path::new("in/contacts_*.csv")).unwrap();
        assert_eq!(folder, Path::new("in"));
        assert!(names.is_match("contacts_12.csv"));
        assert!(!names.is_match("contacts_12.csv.tmp"));
        assert!(!names.is_match("old_contacts_12.csv"));
        assert!(pattern(Path::new("in/contacts.csv")).is_none());
    }

    #[test]
    fn a_pattern_without_a_folder_is_of_the_one_where_we_are() {
        let (folder, _) = pattern(Path::new("contacts_*.csv")).unwrap();
        assert_eq!(folder, Path::new("."));
    }
}
