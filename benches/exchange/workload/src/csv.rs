//! CSV as the benchmark's exports have it: a plain reader of RFC 4180, and a writer that quotes what it is told to.

use std::io::Write as _;

/// Reads the record at `pos` into `out`, its cells without quotes; returns the position after it.
pub fn read_record(b: &[u8], mut pos: usize, out: &mut Vec<Vec<u8>>) -> usize {
    let mut n = 0;
    loop {
        if out.len() <= n {
            out.push(Vec::new());
        }
        let cell = &mut out[n];
        cell.clear();
        n += 1;
        if pos < b.len() && b[pos] == b'"' {
            pos += 1;
            loop {
                match b.get(pos) {
                    None => break,
                    Some(b'"') if b.get(pos + 1) == Some(&b'"') => {
                        cell.push(b'"');
                        pos += 2;
                    }
                    Some(b'"') => {
                        pos += 1;
                        break;
                    }
                    Some(c) => {
                        cell.push(*c);
                        pos += 1;
                    }
                }
            }
        }
        while pos < b.len() && b[pos] != b',' && b[pos] != b'\n' && b[pos] != b'\r' {
            cell.push(b[pos]);
            pos += 1;
        }
        match b.get(pos) {
            Some(b',') => pos += 1,
            Some(b'\r') => {
                pos += 1;
                if b.get(pos) == Some(&b'\n') {
                    pos += 1;
                }
                break;
            }
            Some(_) => {
                pos += 1;
                break;
            }
            None => break,
        }
    }
    out.truncate(n);
    pos
}

/// Whether a cell cannot stand without quotes.
pub fn needs_quote(cell: &str) -> bool {
    cell.bytes()
        .any(|b| matches!(b, b',' | b'"' | b'\n' | b'\r'))
}

/// Appends a cell.
pub fn put(out: &mut Vec<u8>, cell: &str, quoted: bool) {
    match quoted {
        true => write!(out, "\"{}\"", cell.replace('"', "\"\"")).expect("room in memory"),
        false => out.extend_from_slice(cell.as_bytes()),
    }
}

/// A record with no more quotes than it needs.
pub fn line(cells: &[&str]) -> Vec<u8> {
    let mut line = Vec::with_capacity(300);
    for (at, cell) in cells.iter().enumerate() {
        if at > 0 {
            line.push(b',');
        }
        put(&mut line, cell, needs_quote(cell));
    }
    line.push(b'\n');
    line
}
