//! What the configuration pins about an export; whatever it leaves open is detected.

use crate::model::ColumnDef;

use super::encoding::Encoding;
use super::source::Bounds;

/// The pinned properties of one table's export.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// CSV or one of the shapes of JSON.
    pub format: Option<FileFormat>,
    /// The encoding; pinning it also proves it.
    pub encoding: Option<Encoding>,
    /// The page that the version before was taken for; this one is too, where its bytes allow that.
    pub taken_for: Option<Encoding>,
    /// The byte between two cells.
    pub delimiter: Option<u8>,
    /// The byte around a quoted cell; `Some(None)` says that the file has no quoting at all.
    pub quote: Option<Option<u8>>,
    /// How new lines of the file end.
    pub newline: Option<Newline>,
    /// Whether the first record names the columns.
    pub header: Option<bool>,
    /// The columns of a file without a header, in its order.
    pub names: Vec<String>,
    /// How many lines stand before the header. A `sep=` line is one of them; it is known where none is counted.
    pub skip: usize,
    /// A pattern; a last line that it matches is no record.
    pub footer: Option<String>,
    /// Whether JSON records leave out members that are empty.
    pub sparse: Option<bool>,
    /// Columns whose header differs, or that hold less.
    pub columns: Vec<ColumnPin>,
    /// How large it, and parts of it, may be.
    pub bounds: Bounds,
}

impl Settings {
    /// Nothing pinned, within these bounds.
    pub fn within(bounds: Bounds) -> Settings {
        Settings {
            bounds,
            ..Settings::default()
        }
    }

    /// How many characters a column holds, and what happens to a longer value.
    pub fn length_of(&self, def: &ColumnDef) -> (usize, TooLong) {
        let pin = self.pin(def.name);
        (
            pin.and_then(|pin| pin.length).unwrap_or(def.length),
            pin.map(|pin| pin.too_long).unwrap_or_default(),
        )
    }

    /// What is pinned for a model column.
    pub fn pin(&self, column: &str) -> Option<&ColumnPin> {
        self.columns.iter().find(|pin| pin.column == column)
    }
}

/// What is pinned about one column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ColumnPin {
    /// The model's name of the column.
    pub column: String,
    /// Its header in the file, where that differs.
    pub header: Option<String>,
    /// How many characters the side holds, where that is fewer than the model's.
    pub length: Option<usize>,
    /// What happens to a longer value.
    pub too_long: TooLong,
}

/// What happens to a value that is longer than its column.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TooLong {
    /// It is owed, and a problem.
    #[default]
    Problem,
    /// It is cut, and the cut form is never news to the other sides.
    Cut,
}

impl TooLong {
    /// The choice of this name: `problem` or `cut`.
    pub fn from_name(name: &str) -> Option<TooLong> {
        match name {
            "problem" => Some(TooLong::Problem),
            "cut" => Some(TooLong::Cut),
            _ => None,
        }
    }
}

/// The grammar of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileFormat {
    /// Delimited text.
    Csv,
    /// A JSON array of objects.
    Json,
    /// One JSON object a line.
    JsonLines,
    /// An OData page: `{"value":[…]}`.
    OData,
}

impl FileFormat {
    /// Its name for people.
    pub fn title(self) -> &'static str {
        match self {
            FileFormat::Csv => "CSV",
            FileFormat::Json => "JSON",
            FileFormat::JsonLines => "JSON Lines",
            FileFormat::OData => "OData page",
        }
    }

    /// The format of this name: `csv`, `json`, `json-lines` (or `jsonl`) or `odata`.
    pub fn from_name(name: &str) -> Option<FileFormat> {
        match name.to_ascii_lowercase().as_str() {
            "csv" => Some(FileFormat::Csv),
            "json" => Some(FileFormat::Json),
            "json-lines" | "jsonl" => Some(FileFormat::JsonLines),
            "odata" => Some(FileFormat::OData),
            _ => None,
        }
    }

    /// Its name in the configuration.
    pub fn name(self) -> &'static str {
        match self {
            FileFormat::Csv => "csv",
            FileFormat::Json => "json",
            FileFormat::JsonLines => "json-lines",
            FileFormat::OData => "odata",
        }
    }
}

/// How lines end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Newline {
    /// `\n`
    Lf,
    /// `\r\n`
    CrLf,
    /// `\r`
    Cr,
}

impl Newline {
    /// The line end of this name: `lf`, `crlf` or `cr`.
    pub fn from_name(name: &str) -> Option<Newline> {
        match name.to_ascii_lowercase().as_str() {
            "lf" => Some(Newline::Lf),
            "crlf" => Some(Newline::CrLf),
            "cr" => Some(Newline::Cr),
            _ => None,
        }
    }

    /// Its name in the configuration.
    pub fn name(self) -> &'static str {
        match self {
            Newline::Lf => "lf",
            Newline::CrLf => "crlf",
            Newline::Cr => "cr",
        }
    }

    /// It, as text.
    pub fn text(self) -> &'static str {
        match self {
            Newline::Lf => "\n",
            Newline::CrLf => "\r\n",
            Newline::Cr => "\r",
        }
    }

    /// Its bytes.
    pub fn bytes(self) -> &'static [u8] {
        self.text().as_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_leads_back_to_what_it_names() {
        for format in [
            FileFormat::Csv,
            FileFormat::Json,
            FileFormat::JsonLines,
            FileFormat::OData,
        ] {
            assert_eq!(FileFormat::from_name(format.name()), Some(format));
        }
        for newline in [Newline::Lf, Newline::CrLf, Newline::Cr] {
            assert_eq!(Newline::from_name(newline.name()), Some(newline));
        }
        assert_eq!(Newline::from_name("unix"), None);
    }
}
