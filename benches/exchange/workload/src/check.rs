//! Whether a pass made of an exchange what it should have.

use std::collections::HashMap;
use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io;
use std::path::Path;

use crate::csv::read_record;

/// How much a result must be like what is expected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Likeness {
    /// The same records with the same cells, in any order, however they are quoted.
    Cells,
    /// The same bytes.
    Bytes,
}

/// The exports that a pass writes.
const EXPORTS: [&str; 4] = ["contacts.", "customers.", "vendors.", "bank_accounts."];

/// Compares every file that `want` holds with the one of the same name in `got`; what else `got` holds does not count. Base and
/// log are those of a program that writes them as the benchmark's peers do, and such a program does not copy relations.
pub fn check(want: &Path, got: &Path, likeness: Likeness) -> io::Result<bool> {
    let mut names: Vec<_> = fs::read_dir(want)?
        .map(|entry| Ok(entry?.file_name()))
        .collect::<io::Result<_>>()?;
    names.sort();
    let mut is_right = true;
    for name in names {
        let name = name.to_string_lossy();
        let is_there = got.join(&*name).exists();
        let is_left_out = match likeness {
            Likeness::Bytes => name.starts_with("state.") || name.starts_with("log."),
            Likeness::Cells => !is_there && !EXPORTS.iter().any(|export| name.starts_with(export)),
        };
        if is_left_out {
            continue;
        }
        let wanted = fs::read(want.join(&*name))?;
        let is_like = match fs::read(got.join(&*name)) {
            Err(error) => {
                println!("{name}: {error}");
                false
            }
            Ok(found) if found == wanted => true,
            Ok(found) => tell(&name, &wanted, &found) && likeness == Likeness::Cells,
        };
        is_right &= is_like;
    }
    Ok(is_right)
}

/// Says how two files differ; whether their cells are the same.
fn tell(name: &str, wanted: &[u8], found: &[u8]) -> bool {
    let (wanted_header, wanted_at) = records(wanted);
    let (found_header, found_at) = records(found);
    let mut order = Vec::new();
    for column in &wanted_header {
        match found_header.iter().position(|name| name == column) {
            Some(at) => order.push(at),
            None => {
                println!(
                    "{name}: the column {} is missing",
                    String::from_utf8_lossy(column)
                );
                return false;
            }
        }
    }
    let mut cells = Vec::new();
    let as_wanted: Vec<usize> = (0..wanted_header.len()).collect();
    let mut left: HashMap<u128, (usize, usize)> = HashMap::with_capacity(wanted_at.len());
    for at in &wanted_at {
        read_record(wanted, *at, &mut cells);
        left.entry(print(&cells, &as_wanted)).or_insert((*at, 0)).1 += 1;
    }
    let mut extra = Vec::new();
    for at in &found_at {
        read_record(found, *at, &mut cells);
        match left.get_mut(&print(&cells, &order)) {
            Some((_, count)) if *count > 0 => *count -= 1,
            _ => extra.push(*at),
        }
    }
    let mut missing: Vec<usize> = left
        .values()
        .filter(|(_, count)| *count > 0)
        .map(|(at, _)| *at)
        .collect();
    missing.sort_unstable();
    println!(
        "{name}: {} records wanted, {} found; {} missing, {} unexpected; bytes differ",
        wanted_at.len(),
        found_at.len(),
        missing.len(),
        extra.len(),
    );
    for (what, bytes, at) in [("wanted", wanted, &missing), ("found", found, &extra)] {
        for at in at.iter().take(2) {
            read_record(bytes, *at, &mut cells);
            println!("  {what} {}", String::from_utf8_lossy(&cells.join(&b'|')));
        }
    }
    missing.is_empty() && extra.is_empty()
}

/// The header, and where each record begins.
fn records(bytes: &[u8]) -> (Vec<Vec<u8>>, Vec<usize>) {
    let (mut header, mut cells) = (Vec::new(), Vec::new());
    let mut at = read_record(bytes, 0, &mut header);
    let mut starts = Vec::new();
    while at < bytes.len() {
        starts.push(at);
        at = read_record(bytes, at, &mut cells);
    }
    (header, starts)
}

fn print(cells: &[Vec<u8>], order: &[usize]) -> u128 {
    let half = |salt: u64| {
        let mut hasher = DefaultHasher::new();
        salt.hash(&mut hasher);
        for at in order {
            cells.get(*at).hash(&mut hasher);
        }
        u128::from(hasher.finish())
    };
    half(0) << 64 | half(1)
}
