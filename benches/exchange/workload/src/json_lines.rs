//! The same exports as JSON Lines: one object a record, its members named as the columns, every value a string.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::Path;

use crate::csv;

/// Converts every CSV file of a folder into the other folder.
pub fn convert(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let path = entry?.path();
        if path.extension().is_none_or(|extension| extension != "csv") {
            continue;
        }
        let name = path.with_extension("jsonl");
        let file = File::create(to.join(name.file_name().unwrap_or_default()))?;
        let mut file = BufWriter::with_capacity(1 << 20, file);
        records(&fs::read(&path)?, &mut file)?;
        file.flush()?;
    }
    Ok(())
}

fn records(bytes: &[u8], out: &mut impl Write) -> io::Result<()> {
    let mut cells = Vec::new();
    let mut at = csv::read_record(bytes, 0, &mut cells);
    let names: Vec<Vec<u8>> = cells.iter().map(|name| string(name)).collect();
    let mut line = Vec::new();
    while at < bytes.len() {
        at = csv::read_record(bytes, at, &mut cells);
        line.clear();
        for (name, cell) in names.iter().zip(&cells) {
            line.push(if line.is_empty() { b'{' } else { b',' });
            line.extend_from_slice(name);
            line.push(b':');
            line.extend_from_slice(&string(cell));
        }
        line.extend_from_slice(b"}\n");
        out.write_all(&line)?;
    }
    Ok(())
}

/// A JSON string with no more escapes than it needs.
fn string(text: &[u8]) -> Vec<u8> {
    let mut out = vec![b'"'];
    for &byte in text {
        match byte {
            b'"' | b'\\' => out.extend([b'\\', byte]),
            b'\n' => out.extend(br"\n"),
            b'\r' => out.extend(br"\r"),
            b'\t' => out.extend(br"\t"),
            0..0x20 => out.extend(format!("\\u{byte:04x}").bytes()),
            _ => out.push(byte),
        }
    }
    out.push(b'"');
    out
}
