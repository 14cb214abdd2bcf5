//! Which column of a file is which column of the model.

use std::collections::HashMap;

use super::json::Spelling;
use super::settings::Settings;
use crate::model::{Place, Problem, Table};

/// The columns of one file, matched with the model's.
#[derive(Clone, Debug)]
pub struct Columns {
    table: Table,
    names: Vec<String>,
    /// Model column → position in the file.
    file: Vec<Option<usize>>,
    /// Header as compared → model column, for JSON members that come up later.
    known: HashMap<String, usize>,
    /// Header as it is → model column that pins it: one that differs in its spelling is another.
    exact: HashMap<String, usize>,
    sparse: bool,
    spelling: Spelling,
}

/// Why the columns of a file do not do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unmatched {
    /// What is wrong.
    pub reason: String,
    /// What to do about it.
    pub advice: String,
}

impl Columns {
    /// Matches the names of a file's columns with a table's, and lists the columns that are ambiguous or not there
    /// although pinned: those are unknown.
    ///
    /// `sparse` says that the names are those of JSON members, which records may leave out.
    ///
    /// # Errors
    ///
    /// When a key column is missing or ambiguous: without it no record can be told from another.
    pub fn matched(
        table: Table,
        names: Vec<String>,
        settings: &Settings,
        sparse: bool,
        place: &Place,
    ) -> Result<(Columns, Vec<Problem>), Unmatched> {
        let mut problems = Vec::new();
        let mut file = Vec::new();
        let mut known = HashMap::new();
        let mut exact = HashMap::new();
        let folded: Vec<String> = names.iter().map(|name| fold(name)).collect();
        // A pinned header belongs to the column that pins it, even where it is another column's own name.
        let claimed: Vec<String> = settings
            .columns
            .iter()
            .filter_map(|pin| pin.header.as_deref())
            .map(fold)
            .collect();
        for (column, def) in table.columns().iter().enumerate() {
            let pinned = settings.pin(def.name).and_then(|pin| pin.header.as_deref());
            let wanted = fold(pinned.unwrap_or(def.name));
            let is_key = column < table.key_columns();
            if pinned.is_none() && claimed.contains(&wanted) {
                file.push(None);
                if is_key {
                    return Err(missing(table, def.name, &names));
                }
                continue;
            }
            let as_pinned = pinned.and_then(|header| only(&names, |name| name == header));
            let found: Vec<usize> = match as_pinned {
                Some(at) => {
                    exact.insert(names[at].clone(), column);
                    vec![at]
                }
                None => {
                    known.insert(wanted.clone(), column);
                    positions(&folded, |name| *name == wanted)
                }
            };
            file.push(match found.as_slice() {
                [at] => Some(*at),
                [] if is_key => return Err(missing(table, pinned.unwrap_or(def.name), &names)),
                [] => {
                    if let Some(header) = pinned.filter(|_| !sparse) {
                        problems.push(Problem::new(
                            at_column(place, def.name),
                            "missing-column",
                            format!("the file has no column \"{header}\""),
                            near(table, header, &names),
                        ));
                    }
                    None
                }
                several => {
                    let titles: Vec<String> = several
                        .iter()
                        .map(|&at| format!("\"{}\" (column {})", names[at], at + 1))
                        .collect();
                    let reason = format!("{} may each be \"{}\"", titles.join(" and "), def.name);
                    let advice =
                        format!("name the right one under [tables.{}.columns]", table.name());
                    if is_key {
                        return Err(Unmatched { reason, advice });
                    }
                    problems.push(Problem::new(
                        at_column(place, def.name),
                        "ambiguous-header",
                        reason,
                        advice,
                    ));
                    // Later members of that name are as ambiguous as these.
                    known.remove(&wanted);
                    None
                }
            });
        }
        for (column, position) in file.iter().enumerate() {
            let first = file.iter().position(|other| other == position);
            if let (Some(at), Some(first)) = (position, first.filter(|first| *first < column)) {
                let defs = table.columns();
                let both = format!("\"{}\" and \"{}\"", defs[first].name, defs[column].name);
                return Err(Unmatched {
                    reason: format!("{both} are both pinned to \"{}\"", names[*at]),
                    advice: format!("correct [tables.{}.columns]", table.name()),
                });
            }
        }
        let spelling = Spelling::of(names.iter().map(String::as_str));
        let columns = Columns {
            table,
            names,
            file,
            known,
            exact,
            sparse,
            spelling,
        };
        Ok((columns, problems))
    }

    /// The table whose columns these are.
    pub fn table(&self) -> Table {
        self.table
    }

    /// The names in the file, in its order.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// Where a model column stands in the file.
    pub fn position(&self, column: usize) -> Option<usize> {
        *self.file.get(column)?
    }

    /// The model column at a position of the file.
    pub fn at(&self, position: usize) -> Option<usize> {
        self.file.iter().position(|file| *file == Some(position))
    }

    /// Whether the file says something about a model column; in a sparse file silence says that it is empty.
    pub fn has(&self, column: usize) -> bool {
        self.position(column).is_some()
            || (self.sparse && self.known.values().any(|&c| c == column))
    }

    /// The model column behind a JSON member's name.
    pub fn named(&self, name: &str) -> Option<usize> {
        let exact = self.exact.get(name);
        exact.or_else(|| self.known.get(&fold(name))).copied()
    }

    /// The name of a model column in this file; for one never seen, in the spelling of those that were.
    pub fn name(&self, column: usize) -> String {
        match self.position(column) {
            Some(at) => self.names[at].clone(),
            None => self
                .table
                .columns()
                .get(column)
                .map(|def| self.spelling.spell(def.name))
                .unwrap_or_default(),
        }
    }
}

/// A name as it is compared: without case, blanks and punctuation.
pub fn fold(name: &str) -> String {
    name.chars()
        .filter(|character| character.is_alphanumeric())
        .flat_map(char::to_lowercase)
        .collect()
}

fn positions(names: &[String], wanted: impl Fn(&String) -> bool) -> Vec<usize> {
    (0..names.len()).filter(|&at| wanted(&names[at])).collect()
}

fn only(names: &[String], wanted: impl Fn(&String) -> bool) -> Option<usize> {
    match positions(names, wanted).as_slice() {
        [at] => Some(*at),
        _ => None,
    }
}

fn at_column(place: &Place, column: &str) -> Place {
    Place {
        column: Some(column.to_owned()),
        ..place.clone()
    }
}

fn missing(table: Table, name: &str, names: &[String]) -> Unmatched {
    Unmatched {
        reason: format!("the file has no column \"{name}\", which is its key"),
        advice: near(table, name, names),
    }
}

/// What to do about a name that is wanted, with those in the file that are most like it.
fn near(table: Table, name: &str, names: &[String]) -> String {
    let advice = match table {
        // Nothing is configured of it.
        Table::Lookup(lookup) if !lookup.def().is_export => "let its first line name it",
        _ => "name its header under `columns`",
    };
    let wanted = fold(name);
    let mut alike: Vec<(f64, &String)> = names
        .iter()
        .filter(|name| !name.is_empty())
        .map(|name| (strsim::jaro_winkler(&wanted, &fold(name)), name))
        .filter(|(score, _)| *score > 0.7)
        .collect();
    alike.sort_by(|a, b| b.0.total_cmp(&a.0));
    let alike: Vec<String> = alike
        .iter()
        .take(3)
        .map(|(_, name)| format!("\"{name}\""))
        .collect();
    match alike.as_slice() {
        [] => advice.to_owned(),
        [one] => format!("{advice}; a near one is {one}"),
        several => format!("{advice}; near ones are {}", several.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exports::settings::{ColumnPin, TooLong};

    fn matched(names: &[&str], settings: &Settings) -> Result<(Columns, Vec<Problem>), Unmatched> {
        let names = names.iter().map(|&name| name.to_owned()).collect();
        Columns::matched(Table::Contacts, names, settings, false, &Place::default())
    }

    fn pin(column: &str, header: &str) -> Settings {
        Settings {
            columns: vec![ColumnPin {
                column: column.to_owned(),
                header: Some(header.to_owned()),
                length: None,
                too_long: TooLong::Problem,
            }],
            ..Settings::default()
        }
    }

    #[test]
    fn names_match_without_case_blanks_and_punctuation() {
        let phone = Table::Contacts.column("Phone No.").expect("a column");
        for spelling in ["Phone No.", "phone_no", "PhoneNo", "Phone_No", "PHONE NO"] {
            let (columns, problems) =
                matched(&["No.", spelling], &Settings::default()).expect("a key");
            assert_eq!(columns.position(phone), Some(1), "{spelling}");
            assert!(problems.is_empty());
        }
    }

    #[test]
    fn a_pinned_header_is_the_column() {
        let phone = Table::Contacts.column("Phone No.").expect("a column");
        let (columns, _) =
            matched(&["No.", "Telefon"], &pin("Phone No.", "Telefon")).expect("a key");
        assert_eq!(columns.position(phone), Some(1));
        let (columns, problems) = matched(&["No."], &pin("Phone No.", "Telefon")).expect("a key");
        assert_eq!(columns.position(phone), None);
        assert_eq!(problems[0].kind, "missing-column");
    }

    #[test]
    fn a_header_is_one_column() {
        let mut twice = pin("Phone No.", "Tel");
        twice.columns.extend(pin("Mobile Phone No.", "tel").columns);
        let refused = matched(&["No.", "Tel"], &twice).expect_err("one cell for two columns");
        assert!(
            refused.reason.contains("\"Mobile Phone No.\""),
            "{refused:?}"
        );
        assert!(matched(&["No.", "Tel", "tel"], &twice).is_ok());
    }

    #[test]
    fn an_ambiguous_header_is_unknown_and_an_ambiguous_key_refuses_the_file() {
        let (columns, problems) =
            matched(&["No.", "City", "CITY"], &Settings::default()).expect("a key");
        let city = Table::Contacts.column("City").expect("a column");
        assert_eq!(columns.position(city), None);
        assert_eq!(problems[0].kind, "ambiguous-header");
        assert!(matched(&["No.", "no"], &Settings::default()).is_err());
    }

    #[test]
    fn a_missing_key_names_the_columns_that_are_near() {
        let refused = matched(&["Nos", "Name"], &Settings::default()).expect_err("no key");
        assert!(refused.reason.contains("\"No.\""));
        assert!(refused.advice.contains("\"Nos\""), "{}", refused.advice);
    }

    #[test]
    fn a_name_never_seen_is_spelled_like_the_others() {
        let phone = Table::Contacts.column("Phone No.").expect("a column");
        for (names, expected) in [
            (["No.", "Search Name"], "Phone No."),
            (["No", "Search_Name"], "Phone_No"),
            (["no", "search_name"], "phone_no"),
            (["NO", "SEARCH_NAME"], "PHONE_NO"),
            (["no", "searchName"], "phoneNo"),
            (["No", "SearchName"], "PhoneNo"),
        ] {
            let (columns, _) = matched(&names, &Settings::default()).expect("a key");
            assert_eq!(columns.name(phone), expected);
        }
    }
}
