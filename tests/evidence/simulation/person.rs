//! A person who decides conflicts in a spreadsheet.

use crate::dice::Dice;

use super::tokens::{Edits, Token, text, token};

/// The conflicts file with some or all rows decided; `None` where it has none.
pub fn decide(bytes: &[u8], edits: &mut Edits, dice: &mut Dice) -> Result<Option<Vec<u8>>, String> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let mut reader = csv::Reader::from_reader(bytes);
    let headers = reader.headers().map_err(|error| error.to_string())?.clone();
    let column = |name: &str| {
        headers
            .iter()
            .position(|header| header == name)
            .ok_or("a column is missing")
    };
    let decision = column("Decision")?;
    let choices = [
        ("contact", column("Contact says")?),
        ("customer", column("Customer says")?),
        ("vendor", column("Vendor says")?),
        ("base", column("Agreed before")?),
    ];
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer
        .write_record(&headers)
        .map_err(|error| error.to_string())?;
    let mut is_any = false;
    for record in reader.records() {
        let record = record.map_err(|error| error.to_string())?;
        let shown: Vec<(&str, Token)> = choices
            .iter()
            .filter_map(|(choice, at)| Some((*choice, token(record.get(*at)?)?)))
            .collect();
        let mut row: Vec<String> = record.iter().map(str::to_owned).collect();
        // A person has seen all of them.
        let seen: Vec<Token> = shown.iter().map(|(_, token)| *token).collect();
        row[decision] = match dice.below(5) {
            0 => format!("value: {}", text(edits.decided(&seen))),
            _ => match dice.pick(&shown) {
                Some((choice, _)) => (*choice).to_owned(),
                None => continue,
            },
        };
        seen.iter().for_each(|token| edits.excuse(*token));
        is_any = true;
        writer
            .write_record(&row)
            .map_err(|error| error.to_string())?;
    }
    let written = writer.into_inner().map_err(|error| error.to_string())?;
    Ok(is_any.then_some(written))
}
