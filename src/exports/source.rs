//! Reading a file by position, and through a window that moves over it.

use std::io;

pub use crate::disk::{ReadAt, read_exact_at};

/// How much of a file is in memory at once, and how large it and its parts may be: `[limits]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// The usual length of the window.
    pub window: usize,
    /// The longest record for which it grows.
    pub record: usize,
    /// The longest file.
    pub file: u64,
    /// The longest file of those that are held in memory as a whole: UTF-16, and what [`Bounds::held`] is for.
    pub whole: u64,
    /// Whether this file is held in memory as a whole.
    pub is_held: bool,
    /// The most columns, or names of members.
    pub columns: usize,
    /// Within how many bytes a CSV header ends. As many show how a file is written.
    pub header: usize,
    /// How many levels a JSON record nests.
    pub depth: u32,
    /// The longest manifest.
    pub manifest: u64,
}

impl Bounds {
    /// The bounds of a file all of whose records are held in memory: requests, and tables that are looked up.
    pub fn held(self) -> Bounds {
        Bounds {
            is_held: true,
            ..self
        }
    }
}

impl Default for Bounds {
    fn default() -> Bounds {
        Bounds {
            window: 1 << 20,
            record: 64 << 20,
            file: 4 << 30,
            whole: 512 << 20,
            is_held: false,
            columns: 4096,
            header: 256 << 10,
            depth: 64,
            manifest: 1 << 20,
        }
    }
}

/// The bytes of a range.
///
/// # Errors
///
/// Those of [`read_exact_at`].
pub fn read_range(source: &dyn ReadAt, range: std::ops::Range<u64>) -> io::Result<Vec<u8>> {
    let length = usize::try_from(range.end.saturating_sub(range.start))
        .map_err(|_| io::Error::from(io::ErrorKind::OutOfMemory))?;
    let mut bytes = vec![0; length];
    read_exact_at(source, &mut bytes, range.start)?;
    Ok(bytes)
}

/// A part of a file in memory that moves forward over it.
pub(super) struct Window<'a> {
    source: &'a dyn ReadAt,
    bytes: Vec<u8>,
    start: u64,
    end: u64,
    bounds: Bounds,
}

/// Why a window cannot move on.
#[derive(Debug)]
pub(super) enum Stuck {
    /// A record is longer than the bounds allow.
    TooLong,
    /// The file cannot be read.
    Io(io::Error),
}

impl From<io::Error> for Stuck {
    fn from(error: io::Error) -> Stuck {
        Stuck::Io(error)
    }
}

impl<'a> Window<'a> {
    /// A window at the beginning of `range`, still empty.
    pub(super) fn new(
        source: &'a dyn ReadAt,
        range: std::ops::Range<u64>,
        bounds: Bounds,
    ) -> Window<'a> {
        Window {
            source,
            bytes: Vec::new(),
            start: range.start,
            end: range.end.max(range.start),
            bounds,
        }
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Offset of the window in the file.
    pub(super) fn start(&self) -> u64 {
        self.start
    }

    /// Whether nothing comes after the window.
    pub(super) fn is_last(&self) -> bool {
        self.start + self.bytes.len() as u64 == self.end
    }

    /// Forgets the bytes before `keep`, and reads on. A window of which everything is kept grows.
    /// Returns where the bytes that it read begin.
    pub(super) fn advance(&mut self, keep: usize) -> Result<usize, Stuck> {
        let kept = self.bytes.len() - keep;
        if kept >= self.bounds.record {
            return Err(Stuck::TooLong);
        }
        let rest = self.end - self.start - self.bytes.len() as u64;
        let wanted = match kept.checked_mul(2) {
            Some(double) if kept >= self.bounds.window => double,
            _ => self.bounds.window.max(1).max(kept + 1),
        };
        let fresh = rest.min((wanted - kept) as u64) as usize;
        self.bytes.copy_within(keep.., 0);
        self.bytes.resize(kept + fresh, 0);
        self.start += keep as u64;
        read_exact_at(
            self.source,
            &mut self.bytes[kept..],
            self.start + kept as u64,
        )?;
        Ok(kept)
    }
}

/// The pieces of a range, one after the other.
///
/// # Errors
///
/// Each piece may fail as [`read_exact_at`] does; none follows a failed one.
pub(super) fn pieces(
    source: &dyn ReadAt,
    range: std::ops::Range<u64>,
    size: usize,
) -> impl Iterator<Item = io::Result<Vec<u8>>> + '_ {
    let mut at = range.start;
    std::iter::from_fn(move || {
        if at >= range.end {
            return None;
        }
        let next = range.end.min(at + size.max(1) as u64);
        let piece = read_range(source, at..next);
        at = if piece.is_ok() { next } else { range.end };
        Some(piece)
    })
}

/// Hands over the pieces of a range, one after the other, in the same piece of memory.
///
/// # Errors
///
/// Those of [`read_exact_at`], and the first of `then`.
pub(super) fn each_piece(
    source: &dyn ReadAt,
    range: std::ops::Range<u64>,
    size: usize,
    mut then: impl FnMut(&[u8]) -> io::Result<()>,
) -> io::Result<()> {
    let mut at = range.start;
    let length = range.end.saturating_sub(at).min(size.max(1) as u64);
    let mut buffer = vec![0; length as usize];
    while at < range.end {
        let count = (range.end - at).min(length) as usize;
        read_exact_at(source, &mut buffer[..count], at)?;
        then(&buffer[..count])?;
        at += count as u64;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_moves_over_the_file_and_grows_for_what_is_kept() {
        let file: Vec<u8> = (0..20).collect();
        let bounds = Bounds {
            window: 4,
            record: 9,
            ..Bounds::default()
        };
        let mut window = Window::new(&file, 0..20, bounds);
        assert_eq!(window.advance(0).expect("in memory"), 0);
        assert_eq!(window.bytes(), [0, 1, 2, 3]);
        assert_eq!(window.advance(3).expect("in memory"), 1);
        assert_eq!((window.start(), window.bytes()), (3, &[3, 4, 5, 6][..]));
        window.advance(0).expect("in memory");
        assert_eq!(window.bytes().len(), 8);
        window.advance(0).expect("in memory");
        assert!(matches!(window.advance(0), Err(Stuck::TooLong)));
        window.advance(12).expect("in memory");
        assert!(window.is_last());
    }

    #[test]
    fn a_file_that_becomes_shorter_is_an_error() {
        let file = vec![1, 2, 3];
        let error = read_range(&file, 0..5).expect_err("two bytes are missing");
        assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
    }
}
