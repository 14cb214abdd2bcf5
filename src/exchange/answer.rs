//! Answers: what became of a drop, for the program that dropped it and for the person who mends it.

use std::fmt::Write as _;

use serde_json::json;

use crate::config::AnswerFormat;
use crate::model::printable::in_a_line;
use crate::state::drops::{DropRow, Receipt, RowClass, Standing};

use super::conflicts::harmless;

/// An answer's version; another one means other members.
const VERSION: u32 = 1;

/// The answer to a drop.
pub fn answer(row: &DropRow, receipt: &Receipt, format: AnswerFormat) -> Vec<u8> {
    match format {
        AnswerFormat::Json => as_json(row, receipt),
        AnswerFormat::Csv => as_csv(row, receipt),
    }
}

fn as_json(row: &DropRow, receipt: &Receipt) -> Vec<u8> {
    let classes: serde_json::Map<String, serde_json::Value> = receipt
        .classes
        .iter()
        .map(|(class, count)| (class.word().to_owned(), json!(count)))
        .collect();
    let notes: Vec<_> = receipt
        .notes
        .iter()
        .map(|note| {
            json!({ "line": note.line, "key": note.key, "class": note.class.word(), "reason": note.reason })
        })
        .collect();
    let answer = json!({
        "version": VERSION,
        "file": row.name,
        "table": row.table,
        "drop": row.id,
        "claimed_at": row.claimed_at,
        "status": receipt.standing.word(),
        "reason": receipt.reason,
        "pass": row.pass,
        "rows": receipt.rows,
        "classes": classes,
        "notes": notes,
        "digest": receipt.digest,
    });
    let mut text = serde_json::to_vec_pretty(&answer).unwrap_or_default();
    text.push(b'\n');
    text
}

/// `Status,Rows,Line,Key,Reason`: the whole, then each class, then each row of which more is to be said.
fn as_csv(row: &DropRow, receipt: &Receipt) -> Vec<u8> {
    let mut out = csv::WriterBuilder::new()
        .terminator(csv::Terminator::CRLF)
        .from_writer(Vec::new());
    let mut put = |cells: [&str; 5]| {
        // Writing into memory does not fail.
        let _ = out.write_record(cells);
    };
    put(["Status", "Rows", "Line", "Key", "Reason"]);
    let whole = match receipt.reason.as_str() {
        "" => format!("drop {} of {}", row.id, row.name),
        reason => format!("drop {} of {}: {reason}", row.id, row.name),
    };
    put([
        receipt.standing.word(),
        &receipt.rows.to_string(),
        "",
        "",
        &whole,
    ]);
    for (class, count) in &receipt.classes {
        put([class.word(), &count.to_string(), "", "", ""]);
    }
    for note in &receipt.notes {
        put([
            note.class.word(),
            "",
            &note.line.to_string(),
            &harmless(&note.key),
            &note.reason,
        ]);
    }
    out.into_inner().unwrap_or_default()
}

/// Why a drop, or rows of it, failed, for a person who opens the folder.
pub fn reason(row: &DropRow, receipt: &Receipt, rows_apart: Option<&str>) -> String {
    let mut text = format!(
        "{} was dropped into {} ({}).\n\n",
        row.name, row.inbox, row.claimed_at
    );
    let _ = match (receipt.reason.as_str(), receipt.rows) {
        ("", _) => Ok(()),
        (reason, 0) => writeln!(text, "It was not read: {reason}.\n"),
        (reason, _) => writeln!(text, "It was read, and {reason}.\n"),
    };
    let failed: Vec<_> = receipt
        .notes
        .iter()
        .filter(|note| matches!(note.class, RowClass::Rejected | RowClass::Refused))
        .collect();
    let (they, as_they_came, them) = match failed.len() {
        1 => ("this row", "it came", "it"),
        _ => ("these rows", "they came", "them"),
    };
    if !failed.is_empty() {
        let left_out = match (failed.len(), receipt.rows) {
            (_, 1) => "Its only row was left out".to_owned(),
            (1, rows) => format!("1 of its {rows} rows was left out"),
            (some, rows) => format!("{some} of its {rows} rows were left out"),
        };
        let _ = writeln!(text, "{left_out}:\n");
        for note in failed {
            let key = match note.key.as_str() {
                "" => String::new(),
                key => format!(" ({})", in_a_line(key)),
            };
            let _ = writeln!(text, "  line {}{key}: {}", note.line, note.reason);
        }
        text.push('\n');
    }
    let advice = match (rows_apart, receipt.standing) {
        (Some(name), _) => format!(
            "{name} holds {they} alone, as {as_they_came}. Mend {them} there, and move the file back to {}; everything else counts.",
            row.inbox
        ),
        (None, Standing::Partly) => format!(
            "Mend {them} in a file of its own, under the same header, and drop that into {}; everything else counts.",
            row.inbox
        ),
        (None, _) => format!(
            "Mend the file, or export it again, and drop it into {}.",
            row.inbox
        ),
    };
    let _ = writeln!(text, "{advice}");
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::drops::RowNote;

    fn partly() -> (DropRow, Receipt) {
        let receipt = Receipt {
            rows: 3,
            classes: vec![(RowClass::New, 2), (RowClass::Rejected, 1)],
            notes: vec![RowNote {
                line: 4,
                key: "C3".to_owned(),
                class: RowClass::Rejected,
                reason: "the row has 2 cells where there are 3 columns".to_owned(),
            }],
            ..Receipt::whole(Standing::Partly, "")
        };
        let row = DropRow {
            id: 7,
            table: "contacts".to_owned(),
            inbox: "in".to_owned(),
            name: "c.csv".to_owned(),
            sequence: None,
            is_part: false,
            records: None,
            manifest: None,
            claimed_at: "2026-11-23T10:00:00".to_owned(),
            pass: Some(2),
            receipt: None,
            published: false,
        };
        (row, receipt)
    }

    #[test]
    fn both_formats_say_the_same() {
        let (row, receipt) = partly();
        let json: serde_json::Value =
            serde_json::from_slice(&answer(&row, &receipt, AnswerFormat::Json)).expect("JSON");
        assert_eq!(json["status"], "partly");
        assert_eq!(json["classes"]["rejected"], 1);
        assert_eq!(json["notes"][0]["line"], 4);
        let csv = String::from_utf8(answer(&row, &receipt, AnswerFormat::Csv)).expect("text");
        assert_eq!(
            csv,
            "Status,Rows,Line,Key,Reason\r\npartly,3,,,drop 7 of c.csv\r\nnew,2,,,\r\nrejected,1,,,\r\n\
             rejected,,4,C3,the row has 2 cells where there are 3 columns\r\n"
        );
    }

    #[test]
    fn a_person_reads_which_rows_failed_and_what_to_do() {
        let (row, receipt) = partly();
        let text = reason(&row, &receipt, Some("c.7.rows.csv"));
        assert!(text.contains("1 of its 3 rows was left out"), "{text}");
        assert!(text.contains("line 4 (C3): the row has 2 cells"), "{text}");
        assert!(text.contains("c.7.rows.csv holds this row alone"), "{text}");
    }
}
