//! The understood values of one record.

use super::table::Table;

/// One record's values in the order of [`Table::columns`]; `None` is unknown, which is not empty.
///
/// A pass holds millions of these for a moment each, so the values of a row lie in one text.
#[derive(Clone, Debug, Default)]
pub struct Row {
    text: String,
    /// Where each value lies; [`UNKNOWN`] where there is none.
    spans: Vec<Span>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Span {
    start: u32,
    end: u32,
}

const UNKNOWN: Span = Span {
    start: u32::MAX,
    end: u32::MAX,
};

impl Row {
    /// A row of which nothing is known.
    pub fn unknown(table: Table) -> Row {
        Row::with_room(table, 0)
    }

    /// A row of which nothing is known, with room for values of so many bytes in all.
    pub fn with_room(table: Table, bytes: usize) -> Row {
        Row {
            text: String::with_capacity(bytes),
            spans: vec![UNKNOWN; table.columns().len()],
        }
    }

    /// Forgets all values and keeps the room that they took.
    pub fn clear(&mut self, table: Table) {
        self.text.clear();
        self.spans.clear();
        self.spans.resize(table.columns().len(), UNKNOWN);
    }

    /// A row of these values.
    pub fn new<'v>(values: impl IntoIterator<Item = Option<&'v str>>) -> Row {
        let mut row = Row::default();
        for (column, value) in values.into_iter().enumerate() {
            row.spans.push(UNKNOWN);
            if let Some(value) = value {
                row.put(column, value);
            }
        }
        row
    }

    /// A row of values that follow each other in a text, by where each ends; `None` where an end is none. What is unknown takes no
    /// room there.
    pub fn of_text(text: String, ends: impl IntoIterator<Item = Option<usize>>) -> Option<Row> {
        let mut start = 0;
        let spans = ends.into_iter().map(|end| {
            let Some(end) = end else { return Some(UNKNOWN) };
            text.get(start..end)?;
            let span = Span {
                start: start as u32,
                end: end as u32,
            };
            start = end;
            Some(span)
        });
        let spans: Option<Vec<Span>> = spans.collect();
        spans.map(|spans| Row { text, spans })
    }

    /// The value in a column, or `None` where it is unknown.
    pub fn get(&self, column: usize) -> Option<&str> {
        let span = self.spans.get(column).filter(|span| **span != UNKNOWN)?;
        self.text.get(span.start as usize..span.end as usize)
    }

    /// Sets a value.
    pub fn set(&mut self, column: usize, value: Option<String>) {
        match value {
            Some(value) => self.put(column, &value),
            None => {
                if let Some(span) = self.spans.get_mut(column) {
                    *span = UNKNOWN;
                }
            }
        }
    }

    /// Puts a value into a column.
    pub fn put(&mut self, column: usize, value: &str) {
        if self.spans.len() <= column {
            self.spans.resize(column + 1, UNKNOWN);
        }
        let start = self.text.len();
        self.text.push_str(value);
        // A record of four gigabytes is refused long before it is a row.
        self.spans[column] = Span {
            start: start as u32,
            end: self.text.len() as u32,
        };
    }

    /// All values.
    pub fn cells(&self) -> impl ExactSizeIterator<Item = Option<&str>> {
        (0..self.spans.len()).map(|column| self.get(column))
    }
}

impl PartialEq for Row {
    fn eq(&self, other: &Row) -> bool {
        self.spans.len() == other.spans.len() && self.cells().eq(other.cells())
    }
}

impl Eq for Row {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_what_its_values_are_however_they_came_into_it() {
        let mut row = Row::new([Some("a"), None, Some("")]);
        row.put(1, "long");
        row.put(1, "b");
        row.set(0, None);
        assert_eq!(row, Row::new([None, Some("b"), Some("")]));
        assert_ne!(row, Row::new([Some(""), Some("b"), Some("")]));
        assert_ne!(row, Row::new([None, Some("b")]));
        assert_eq!(row.get(2), Some(""));
        assert_eq!(row.get(7), None);
        let of_text = |ends| Row::of_text("longé".to_owned(), ends);
        let row = of_text([Some(0), None, Some(4), Some(6)]);
        let values = [Some(""), None, Some("long"), Some("é")];
        assert_eq!(row, Some(Row::new(values)));
        // Within a letter, beyond the end, before the one that comes before.
        for end in [5, 7, 3] {
            assert_eq!(of_text([Some(0), None, Some(4), Some(end)]), None, "{end}");
        }
    }
}
