//! Reads single records, one after the other or here and there, in memory of its own.

use std::borrow::Cow;
use std::io;
use std::ops::Range;
use std::sync::atomic::Ordering;

use memchr::memchr;

use super::columns::Columns;
use super::dialect::Grammar;
use super::export::{CHANGED, Cells, Export, Record, RecordAt};
use super::grammar::Fault;
use super::json::{self, Member};
use crate::model::form::{caption, is_blank};
use crate::model::{Form, Problem, Row};

/// A cursor over the records of an export. It holds one record at a time and, once it is under way, allocates nothing;
/// every thread has one of its own.
pub struct Reader<'e> {
    export: &'e Export,
    block: Vec<u8>,
    /// Where the block begins in the working bytes.
    start: u64,
    /// Where the last record ended.
    last: Option<u64>,
    /// How much was read ahead last.
    ahead: usize,
    cells: Cells,
    names: Names,
    columns: Vec<Column>,
}

/// A model column, as often as it is asked for.
#[derive(Clone, Copy)]
struct Column {
    /// Where a CSV file has it.
    position: Option<usize>,
    form: Form,
}

impl Export {
    /// A cursor over its records.
    pub fn reader(&self) -> Reader<'_> {
        let columns = self.table.columns().iter().enumerate();
        let columns = columns.map(|(column, def)| Column {
            position: self.columns.position(column),
            form: def.form,
        });
        Reader {
            export: self,
            block: Vec::new(),
            start: 0,
            last: None,
            ahead: 0,
            cells: self.no_cells(),
            names: Names::default(),
            columns: columns.collect(),
        }
    }

    /// Reads one record. Whoever reads several asks a [`reader`](Export::reader) for them.
    ///
    /// # Errors
    ///
    /// Those of [`Reader::read`] and [`View::fill`].
    pub fn record(&self, at: usize) -> Result<Record, Fault> {
        let mut reader = self.reader();
        let view = reader.read(at)?;
        let mut row = Row::with_room(self.table, view.bytes.len());
        let mut problems = Vec::new();
        view.fill(&mut row, &mut problems)?;
        let bytes = view.bytes.to_vec();
        Ok(Record {
            row,
            problems,
            bytes,
            cells: reader.cells,
        })
    }

    /// Refuses the record of nobody: a side of a party has a number.
    fn has_number(&self, no: Option<&str>) -> Result<(), Fault> {
        if !self.table.has_sides() || no.is_some_and(|no| !is_blank(no)) {
            return Ok(());
        }
        Err(Fault {
            at: 0,
            kind: "no-number",
            reason: format!("its \"{}\" is blank", self.table.columns()[0].name),
        })
    }
}

impl Reader<'_> {
    /// Records that follow one another are read in blocks of at most this length.
    const BLOCK: usize = 256 << 10;
    /// The first of these blocks; each is twice as long as the one before. A page costs hardly more than a record, and what follows
    /// may as well be far.
    const FIRST_BLOCK: usize = 4 << 10;
    /// A gap of a few records is still one after the other.
    const NEAR: u64 = 4 << 10;

    /// Reads a record and shows it until the next one is read.
    ///
    /// # Errors
    ///
    /// A fault when the record is ragged or its members are not legible, when it is a side of a party and has no number, when the
    /// file is not what was read any more ([`CHANGED`]), and when it cannot be read (`unreadable`). The rest of the file is not
    /// concerned.
    pub fn read(&mut self, at: usize) -> Result<View<'_>, Fault> {
        let export = self.export;
        let view = self.show(at)?;
        export.has_number(view.text(0)?.as_deref())?;
        Ok(view)
    }

    /// The same, whether or not the record is anybody's.
    pub(super) fn show(&mut self, at: usize) -> Result<View<'_>, Fault> {
        let export = self.export;
        let place = export.records.get(at);
        let place = place.ok_or_else(|| unreadable("there is no such record".to_owned()))?;
        let bytes = match export.kept.get(at) {
            Some(bytes) => bytes,
            None => {
                let range = self.load(place).map_err(|error| {
                    export.lapsed.store(true, Ordering::Relaxed);
                    unreadable(error.to_string())
                })?;
                let bytes = &self.block[range];
                if export.print_of(bytes) != place.print {
                    export.lapsed.store(true, Ordering::Relaxed);
                    return Err(Fault {
                        at: 0,
                        kind: CHANGED,
                        reason: "the file has changed since it was read".to_owned(),
                    });
                }
                bytes
            }
        };
        export.split_into(bytes, &mut self.cells)?;
        if let Cells::Json(members) = &self.cells {
            self.names.learn(bytes, members, &export.columns)?;
        }
        // Bytes that are ASCII are the same text in every encoding.
        let is_utf8 = export.dialect.encoding.working() == super::Encoding::Utf8;
        let text = match is_utf8 || bytes.is_ascii() {
            true => simdutf8::basic::from_utf8(bytes).ok(),
            false => None,
        };
        Ok(View {
            export,
            at,
            bytes,
            text,
            cells: &self.cells,
            names: &self.names,
            columns: &self.columns,
        })
    }

    /// Where the record lies in the block, which is filled anew where it has to be.
    fn load(&mut self, place: &RecordAt) -> io::Result<Range<usize>> {
        let length = place.len as usize;
        let within = |start: u64, held: usize| {
            let from = usize::try_from(place.start.checked_sub(start)?).ok()?;
            (from + length <= held).then_some(from..from + length)
        };
        let last = self.last.replace(place.end());
        if let Some(range) = within(self.start, self.block.len()) {
            return Ok(range);
        }
        let follows = last.is_some_and(|last| {
            place
                .start
                .checked_sub(last)
                .is_some_and(|gap| gap < Self::NEAR)
        });
        self.ahead = match follows {
            true => (self.ahead * 2).clamp(Self::FIRST_BLOCK, Self::BLOCK),
            false => 0,
        };
        self.start = place.start;
        self.block.resize(length.max(self.ahead), 0);
        let mut held = 0;
        while held < self.block.len() {
            let at = self.start + held as u64;
            match self.export.text.read_at(&mut self.block[held..], at) {
                Ok(0) => break,
                Ok(count) => held += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    self.block.clear();
                    return Err(error);
                }
            }
        }
        self.block.truncate(held);
        within(self.start, held).ok_or_else(|| {
            io::Error::new(
                io::ErrorKind::UnexpectedEof,
                "the file became shorter while it was read",
            )
        })
    }
}

fn unreadable(reason: String) -> Fault {
    Fault {
        at: 0,
        kind: "unreadable",
        reason,
    }
}

/// One record as its reader holds it.
#[derive(Clone, Copy)]
pub struct View<'r> {
    export: &'r Export,
    at: usize,
    bytes: &'r [u8],
    /// The whole record, where its bytes are its text.
    text: Option<&'r str>,
    cells: &'r Cells,
    names: &'r Names,
    columns: &'r [Column],
}

impl<'r> View<'r> {
    /// The record's own bytes.
    pub fn bytes(&self) -> &'r [u8] {
        self.bytes
    }

    /// Its bytes and where its cells are.
    pub(super) fn split(&self) -> (&'r [u8], &'r Cells) {
        (self.bytes, self.cells)
    }

    /// The bytes of the cell in a model column, with the quotes around it; `None` where the record has none.
    ///
    /// # Errors
    ///
    /// A fault when two of its members may be the column.
    pub fn raw(&self, column: usize) -> Result<Option<&'r [u8]>, Fault> {
        Ok(self.span(column)?.map(|span| &self.bytes[span]))
    }

    /// Whether the cell in a model column stands in quotes.
    ///
    /// # Errors
    ///
    /// Those of [`raw`](View::raw).
    pub fn is_quoted(&self, column: usize) -> Result<bool, Fault> {
        let quote = match &self.export.dialect.grammar {
            Grammar::Csv(dialect) => dialect.quote,
            Grammar::Json(_) => Some(b'"'),
        };
        let raw = self.raw(column)?;
        Ok(raw.is_some_and(|raw| quote.is_some() && raw.first().copied() == quote))
    }

    /// What stands in a model column, where that is just a part of the record's text, as in most cells it is.
    #[inline]
    fn plain(&self, column: usize) -> Option<&'r str> {
        let (Cells::Csv(cells), Some(text)) = (self.cells, self.text) else {
            return None;
        };
        let cell = cells.get(self.columns.get(column)?.position?)?;
        if !cell.quoted {
            return text.get(cell.span.clone());
        }
        let inner = text.get(cell.span.start + 1..cell.span.end - 1)?;
        let quote = text.as_bytes()[cell.span.start];
        memchr(quote, inner.as_bytes()).is_none().then_some(inner)
    }

    /// What stands in a model column, options and booleans in the file's spelling; `None` where the file does not say.
    ///
    /// # Errors
    ///
    /// A fault when it is no text, and those of [`raw`](View::raw).
    pub fn text(&self, column: usize) -> Result<Option<Cow<'r, str>>, Fault> {
        match &self.export.dialect.grammar {
            Grammar::Csv(_) => match self.plain(column) {
                Some(text) => Ok(Some(Cow::Borrowed(text))),
                None => self.export.cell(self.bytes, self.cells, column),
            },
            Grammar::Json(dialect) => match self.span(column)? {
                Some(span) => match self.text.and_then(|text| text.get(span.clone())) {
                    Some(token) => json::said(token).map(Some),
                    None => json::text(&self.bytes[span]).map(Some),
                },
                None if dialect.sparse && self.export.columns.has(column) => {
                    Ok(Some(Cow::Borrowed("")))
                }
                None => Ok(None),
            },
        }
    }

    /// The value in a model column, options and booleans as captions; `None` where it is unknown.
    ///
    /// # Errors
    ///
    /// Those of [`text`](View::text).
    pub fn value(&self, column: usize) -> Result<Option<Cow<'r, str>>, Fault> {
        let Some(text) = self.text(column)? else {
            return Ok(None);
        };
        Ok(match self.columns.get(column) {
            Some(known) if is_option(known.form) => caption(known.form, &text).map(Cow::Borrowed),
            _ => Some(text),
        })
    }

    /// Makes a row its values, in the order of the model. Values that are unknown because their spelling is are
    /// problems.
    ///
    /// # Errors
    ///
    /// Those of [`text`](View::text); the row is then no record's.
    pub fn fill(&self, row: &mut Row, problems: &mut Vec<Problem>) -> Result<(), Fault> {
        row.clear(self.export.table);
        self.each_value(|_| true, problems, |column, value| row.put(column, value))
    }

    /// Hands over the value in each column of the model, `None` where it is unknown, in the order of the model. Values
    /// that are unknown because their spelling is are problems.
    ///
    /// # Errors
    ///
    /// Those of [`text`](View::text); what was handed over until then is no record's.
    pub fn each(
        &self,
        problems: &mut Vec<Problem>,
        mut then: impl FnMut(Option<&str>),
    ) -> Result<(), Fault> {
        let mut next = 0;
        self.each_value(
            |_| true,
            problems,
            |column, value| {
                (next..column).for_each(|_| then(None));
                then(Some(value));
                next = column + 1;
            },
        )?;
        (next..self.export.table.columns().len()).for_each(|_| then(None));
        Ok(())
    }

    /// Notes values that are unknown because their spelling is, and finds what keeps the record from being read.
    ///
    /// # Errors
    ///
    /// Those of [`fill`](View::fill).
    pub fn check(&self, problems: &mut Vec<Problem>) -> Result<(), Fault> {
        // Every cell of a CSV record that is text is text.
        let is_text = matches!(self.cells, Cells::Csv(_)) && self.text.is_some();
        let may_be_unknown = |form: Form| is_option(form) || !is_text;
        self.each_value(may_be_unknown, problems, |_, _| ())
    }

    /// Hands over the values that are known in some columns, in the order of the model.
    fn each_value(
        &self,
        concerns: impl Fn(Form) -> bool,
        problems: &mut Vec<Problem>,
        mut then: impl FnMut(usize, &str),
    ) -> Result<(), Fault> {
        let before = problems.len();
        let is_csv = matches!(self.cells, Cells::Csv(_));
        let may_say = |known: &Column| known.position.is_some() || !is_csv;
        let columns = self.columns.iter().enumerate();
        for (column, known) in columns.filter(|(_, known)| may_say(known) && concerns(known.form)) {
            if let (Form::Text | Form::Code, Some(text)) = (known.form, self.plain(column)) {
                then(column, text);
                continue;
            }
            let text = match self.text(column) {
                Ok(Some(text)) => text,
                Ok(None) => continue,
                Err(fault) => {
                    problems.truncate(before);
                    return Err(fault);
                }
            };
            match known.form {
                Form::Text | Form::Code => then(column, &text),
                form @ (Form::Boolean | Form::ContactType) => match caption(form, &text) {
                    Some(caption) => then(column, caption),
                    None => problems.push(self.unknown_spelling(column)),
                },
            }
        }
        if problems.len() > before {
            let key = self.text(0)?.map(Cow::into_owned);
            for problem in &mut problems[before..] {
                problem.place.key.clone_from(&key);
            }
        }
        Ok(())
    }

    fn unknown_spelling(&self, column: usize) -> Problem {
        let name = self.export.table.columns()[column].name;
        let mut place = self.export.place(self.at);
        place.column = Some(name.to_owned());
        Problem::new(
            place,
            "unknown-spelling",
            format!("\"{name}\" is spelled in a way that is not known"),
            "correct it in its own system",
        )
    }

    /// Where in its bytes the cell in a model column lies, with the quotes around it; `None` where the record has none.
    ///
    /// # Errors
    ///
    /// Those of [`raw`](View::raw).
    pub(super) fn span(&self, column: usize) -> Result<Option<Range<usize>>, Fault> {
        match self.cells {
            Cells::Csv(spans) => {
                let known = self.columns.get(column);
                let cell = known.and_then(|known| spans.get(known.position?));
                Ok(cell.map(|cell| cell.span.clone()))
            }
            Cells::Json(members) => match self.names.found.get(column) {
                Some(Found::Once(at)) => Ok(members.get(*at).map(|member| member.value.clone())),
                Some(Found::Twice(at)) => Err(ambiguous(&members[*at])),
                Some(Found::Nowhere) | None => Ok(None),
            },
        }
    }
}

/// Whether a column holds one of a few values, which files spell in several ways.
pub(super) fn is_option(form: Form) -> bool {
    matches!(form, Form::Boolean | Form::ContactType)
}

/// Two members of a record may be the same column.
pub(super) fn ambiguous(second: &Member) -> Fault {
    Fault {
        at: second.name.start,
        kind: "ambiguous-header",
        reason: "two members of the record may be the same column".to_owned(),
    }
}

/// The names of a record's members, and which columns they are. The next record has the same ones as a rule: then what
/// they are is known, and that none stands twice.
#[derive(Default)]
struct Names {
    /// Their tokens, one after the other.
    tokens: Vec<u8>,
    /// Where each token ends.
    ends: Vec<usize>,
    /// By model column.
    found: Vec<Found>,
}

/// Which member is a column.
#[derive(Clone, Copy)]
enum Found {
    Nowhere,
    Once(usize),
    /// The second one of that name.
    Twice(usize),
}

impl Names {
    fn are_those_of(&self, record: &[u8], members: &[Member]) -> bool {
        let mut start = 0;
        self.ends.len() == members.len()
            && !members.is_empty()
            && members.iter().zip(&self.ends).all(|(member, end)| {
                let known = &self.tokens[start..*end];
                start = *end;
                *known == record[member.name.clone()]
            })
    }

    fn learn(&mut self, record: &[u8], members: &[Member], columns: &Columns) -> Result<(), Fault> {
        if self.are_those_of(record, members) {
            return Ok(());
        }
        self.tokens.clear();
        self.ends.clear();
        self.found.clear();
        self.found
            .resize(columns.table().columns().len(), Found::Nowhere);
        json::refuse_duplicates(record, members)?;
        for (at, member) in members.iter().enumerate() {
            let name = json::text(&record[member.name.clone()])?;
            let column = columns.named(&name);
            if let Some(found) = column.and_then(|column| self.found.get_mut(column)) {
                *found = match *found {
                    Found::Nowhere => Found::Once(at),
                    Found::Once(_) => Found::Twice(at),
                    Found::Twice(second) => Found::Twice(second),
                };
            }
        }
        for member in members {
            self.tokens.extend_from_slice(&record[member.name.clone()]);
            self.ends.push(self.tokens.len());
        }
        Ok(())
    }
}
