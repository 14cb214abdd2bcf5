//! One look at every record of a file: where it stands, in which line, and its print.

use memchr::memchr2;
use xxhash_rust::xxh3::Xxh3;

use super::csv::{self, Absent};
use super::dialect::Grammar;
use super::encoding::Checker;
use super::export::RecordAt;
use super::grammar::Step;
use super::json;
use super::kept::Kept;
use super::last::Expected;
use super::print::Printer;
use super::reading::{Stop, broken, check, too_long};
use super::source::{Bounds, ReadAt, Stuck, Window, each_piece, read_range};

/// What a look at all records found.
pub(super) struct Scan {
    pub digest: u128,
    pub records: Vec<RecordAt>,
    /// Those that the last version did not have, if there was one.
    pub kept: Kept,
    pub tail_start: u64,
    pub beyond_ascii: bool,
}

/// A file whose dialect is known.
pub(super) struct Body<'a> {
    pub text: &'a dyn ReadAt,
    pub grammar: &'a Grammar,
    pub checker: &'a Checker,
    /// What stands before the records.
    pub head: &'a [u8],
    pub bounds: Bounds,
    pub seed: u64,
}

impl Body<'_> {
    /// Looks at all records. Of those that are where they were expected, the bytes are hashed, and nothing else.
    ///
    /// `beyond_ascii` says whether characters beyond ASCII have decoded before them.
    pub fn scan(
        &self,
        mut beyond_ascii: bool,
        mut expected: Option<Expected<'_>>,
    ) -> Result<Scan, Stop> {
        /// So many records of a window are looked at one by one before all of it is looked at.
        const FEW: usize = 64;
        let Body {
            text,
            grammar,
            checker,
            head,
            bounds,
            seed,
        } = *self;
        let printer = Printer::new(seed);
        let mut window = Window::new(text, head.len() as u64..text.len(), bounds);
        let mut whole = Whole::new(checker);
        let mut digest = Xxh3::new();
        digest.update(head);
        let mut records: Vec<RecordAt> = Vec::new();
        let mut kept = Kept::default();
        let mut line = 1 + csv::line_ends(head, None);
        let mut at = 0;
        let mut strange = 0;
        let mut text_end = 0;
        let place = |start: u64, len: u32, line: u64, print: u64| RecordAt {
            start,
            len,
            line: u32::try_from(line).unwrap_or(u32::MAX),
            print,
        };
        let measured = |record: &[u8], start: u64| match u32::try_from(record.len()) {
            Ok(len) if record.len() <= bounds.record => Ok(len),
            _ => Err(too_long(start, bounds.record)),
        };
        let tail_start = loop {
            if let Some(expected) = &mut expected {
                let bytes = window.bytes();
                if let Some(known) = expected.known(bytes, at, &printer) {
                    let record = &bytes[at..known.end];
                    let len = measured(record, window.start() + at as u64)?;
                    beyond_ascii = beyond_ascii || !record.is_ascii();
                    records.push(place(window.start() + at as u64, len, line, known.print));
                    line += known.breaks + 1;
                    at = known.next;
                    expected.found(known.print);
                    continue;
                }
                strange += 1;
                if strange == FEW {
                    whole.look(bytes, 0, window.start(), window.is_last());
                }
            }
            let text = &window.bytes()[..text_end];
            match grammar.step(text, at, window.is_last(), whole.absent) {
                Step::Record { span, next, breaks } => {
                    let bytes = window.bytes();
                    let record = &bytes[span.clone()];
                    let start = window.start() + span.start as u64;
                    if start < whole.doubtful_to && !record.is_ascii() {
                        check(checker, record, start, beyond_ascii)?;
                        beyond_ascii = true;
                    }
                    beyond_ascii |= whole.beyond_ascii;
                    let len = measured(record, start)?;
                    if at < span.start {
                        let before = at.checked_sub(1).map(|before| bytes[before]);
                        line += csv::line_ends(&bytes[at..span.start], before);
                    }
                    let print = printer.print(record);
                    if let Some(expected) = &mut expected
                        && !expected.found(print)
                    {
                        kept.keep(records.len(), record);
                    }
                    records.push(place(start, len, line, print));
                    line += match breaks {
                        Some(breaks) => breaks + u64::from(next > span.end),
                        None => csv::line_ends(&bytes[span.start..next], None),
                    };
                    at = next;
                }
                Step::More if window.is_last() => {
                    return Err(broken(
                        window.start() + at as u64,
                        "the file ends in the middle of a record".to_owned(),
                    ));
                }
                Step::More => {
                    let start = window.start() + at as u64;
                    let fresh = window.advance(at).map_err(|stuck| match stuck {
                        Stuck::TooLong => too_long(start, bounds.record),
                        Stuck::Io(error) => Stop::Io(error),
                    })?;
                    digest.update(&window.bytes()[fresh..]);
                    text_end = grammar.text(window.bytes()).len();
                    match expected {
                        None => whole.look(window.bytes(), fresh, window.start(), window.is_last()),
                        Some(_) => whole.pass_by(window.start() + window.bytes().len() as u64),
                    }
                    (at, strange) = (0, 0);
                }
                Step::End { at } => break window.start() + at as u64,
                Step::Broken { at, reason } => {
                    return Err(broken(window.start() + at as u64, reason));
                }
            }
        };
        let end = text.len();
        if end - tail_start > bounds.record as u64 {
            return Err(too_long(tail_start, bounds.record));
        }
        let unseen = window.start() + window.bytes().len() as u64;
        each_piece(text, unseen..end, bounds.window.max(4096), |piece| {
            digest.update(piece);
            Ok(())
        })?;
        let tail = read_range(text, tail_start..end)?;
        check(checker, &tail, tail_start, beyond_ascii)?;
        if let Grammar::Json(json) = grammar {
            json::check_tail(json, &tail)
                .map_err(|(at, reason)| broken(tail_start + at as u64, reason))?;
        }
        Ok(Scan {
            digest: digest.digest128(),
            records,
            kept,
            tail_start,
            beyond_ascii: beyond_ascii || !tail.is_ascii(),
        })
    }
}

/// What is known of a window as a whole, so that its records need not be looked at one by one for it.
struct Whole<'c> {
    checker: &'c Checker,
    absent: Absent,
    /// Records that begin before this offset must be looked at: something about their bytes is out of the ordinary.
    doubtful_to: u64,
    /// Whether bytes beyond ASCII were seen, all of which decode.
    beyond_ascii: bool,
    /// How many bytes of the last window's end begin a character that goes on in the next.
    begun: usize,
}

impl<'c> Whole<'c> {
    fn new(checker: &'c Checker) -> Whole<'c> {
        Whole {
            checker,
            absent: Absent::default(),
            doubtful_to: 0,
            beyond_ascii: false,
            begun: 0,
        }
    }

    /// Leaves a window unseen that ends there; what records there are in it are looked at one by one.
    fn pass_by(&mut self, end: u64) {
        self.absent = Absent::default();
        self.begun = 0;
        self.doubtful_to = end;
    }

    /// Looks at a window that moved on; its bytes from `fresh` on are new.
    fn look(&mut self, bytes: &[u8], fresh: usize, start: u64, is_last: bool) {
        let new = &bytes[fresh..];
        let (has_nul, has_cr) = match memchr2(0, b'\r', new) {
            None => (false, false),
            Some(at) => (memchr2(0, 0, &new[at..]).is_some(), true),
        };
        let end = start + bytes.len() as u64;
        if fresh == 0 {
            // What was doubted of it while nobody had looked is seen now.
            self.doubtful_to = self.doubtful_to.min(start);
        }
        // A record that began in a window with something in it goes on in this one.
        self.absent.cr = !has_cr && (fresh == 0 || self.absent.cr);
        self.absent.nul = !has_nul && (fresh == 0 || self.absent.nul);
        if new.is_ascii() && self.begun == 0 {
            return;
        }
        let unproven = &bytes[fresh - self.begun.min(fresh)..];
        match self.checker.whole(unproven) {
            Some(begun) if begun == 0 || !is_last => {
                self.begun = begun;
                // What has only begun is no character yet.
                let decoded = &unproven[..unproven.len() - begun];
                self.beyond_ascii |= !decoded.is_ascii();
            }
            _ => {
                self.begun = 0;
                self.doubtful_to = end;
            }
        }
    }
}
