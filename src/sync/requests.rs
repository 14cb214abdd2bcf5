//! A requests file: rows of CSV or JSON that ask for what the commands do (`product.md` §3).

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::Path;

use crate::config::Config;
use crate::disk::{Disk, Identity, ReadAt};
use crate::exports::{Bounds, Export, Settings, fold};
use crate::model::document::DocumentKind;
use crate::model::{Excerpt, Flag, Form, InteractionLogEntry, Kind, Lookup, Table, form};

use crate::state::drops::{Receipt, RowClass, RowNote, Standing};
use crate::state::queries::OpenConflict;
use crate::state::{StateError, Store};

use super::arrange::orders::{Amendment, DocumentOrder, Manual, Master, Order, TemplateChoice};
use super::arrange::{Answer, OrderOutcome};
use super::decisions::{self, Resolution, changed};
use super::observe::shown_path;

/// A row of a requests file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestRow {
    /// The line in which it begins.
    pub line: u64,
    /// What it asks for, or why it cannot be understood.
    pub asked: Result<Asked, String>,
}

/// What a row asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Asked {
    /// Nothing: a conflict that nobody decided yet.
    Nothing,
    /// A decision on a conflict.
    Resolve(Resolution),
    /// Something that a pass carries out.
    Order(Order),
    /// A line of the document that was asked for last.
    Line(Vec<(String, String)>),
}

/// What became of a row.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct RowAnswer {
    /// The line in which it begins.
    pub line: u64,
    /// Done, refused or blank.
    pub class: RowClass,
    /// What was done, or why not, as a sentence.
    pub answer: String,
}

/// A requests file.
#[derive(Clone, Debug)]
pub struct Requests {
    /// Its rows.
    pub rows: Vec<RequestRow>,
    /// The same in their own bytes, where they can be taken apart.
    pub apart: Option<Excerpt>,
}

/// Reads a requests file.
///
/// # Errors
/// Why it cannot be read at all, as a sentence.
pub fn read(
    opened: io::Result<(Box<dyn ReadAt>, Identity)>,
    shown: &Path,
    bounds: Bounds,
) -> Result<Requests, String> {
    let file = shown_path(shown);
    let (source, _) = opened.map_err(|error| format!("{file} cannot be read: {error}"))?;
    let export = Export::read(
        source,
        Table::Lookup(Lookup::Requests),
        &Settings::within(bounds),
        &file,
        0,
    )
    .map_err(|refusal| format!("{file}: {refusal}"))?;
    let mut takes_lines = false;
    let mut rows = Vec::new();
    for at in 0..export.records.len() {
        let asked = match export.record(at) {
            Err(fault) => Err(fault.reason),
            Ok(record) => {
                let values = export.carried(&record);
                asked(&|name| text(&record, name), values)
            }
        };
        let asked = match asked {
            Ok(Asked::Line(_)) if !takes_lines => {
                Err("no document was asked for before this line".to_owned())
            }
            asked => asked,
        };
        // A line after something else would go to a document that its sender did not mean.
        takes_lines = matches!(asked, Ok(Asked::Order(Order::Document(_)) | Asked::Line(_)));
        rows.push(RequestRow {
            line: export.line_of(at),
            asked,
        });
    }
    let all: Vec<usize> = (0..rows.len()).collect();
    let apart = export.excerpt(&all);
    Ok(Requests { rows, apart })
}

/// Reads the lines of a document: its fields and values.
///
/// # Errors
/// Why it cannot be read, as a sentence.
pub fn read_lines(
    disk: &dyn Disk,
    path: &Path,
    shown: &Path,
    bounds: Bounds,
) -> Result<Vec<Vec<(String, String)>>, String> {
    let file = shown_path(shown);
    let (source, _) = disk
        .open(path)
        .map_err(|error| format!("{file} cannot be read: {error}"))?;
    let table = Table::Lookup(Lookup::DocumentLines);
    let export = Export::read(source, table, &Settings::within(bounds), &file, 0)
        .map_err(|refusal| format!("{file}: {refusal}"))?;
    let lines = (0..export.records.len()).map(|at| {
        let record = export
            .record(at)
            .map_err(|fault| format!("{file}:{}: {}", export.line_of(at), fault.reason))?;
        let columns = table.columns().iter().enumerate();
        let known = columns.filter_map(|(column, def)| {
            Some((def.name.to_owned(), record.value(column)?.to_owned()))
        });
        let all = known.chain(export.carried(&record));
        Ok(all.filter(|(_, value)| !form::is_blank(value)).collect())
    });
    lines.collect()
}

/// The orders among the rows, in order, each document with its lines.
pub fn orders(rows: &[RequestRow]) -> Vec<Order> {
    let mut orders: Vec<Order> = Vec::new();
    for row in rows {
        match (&row.asked, orders.last_mut()) {
            (Ok(Asked::Order(order)), _) => orders.push(order.clone()),
            (Ok(Asked::Line(line)), Some(Order::Document(document))) => {
                document.lines.push(line.clone());
            }
            _ => {}
        }
    }
    orders
}

/// Keeps the decisions among the rows for the pass that carries them out, unless it is a `dry_run`. Doing so twice is doing so
/// once. What became of each row is given in their order. `at` is the time, ISO 8601.
///
/// # Errors
/// Those of the state.
pub fn decide(
    config: &Config,
    store: &Store,
    rows: &[RequestRow],
    at: &str,
    dry_run: bool,
) -> Result<Vec<Result<OpenConflict, String>>, StateError> {
    let resolutions = rows.iter().filter_map(|row| match &row.asked {
        Ok(Asked::Resolve(resolution)) => Some((row.line, resolution)),
        _ => None,
    });
    let mut decided = Vec::new();
    // Of several rows on one conflict the last counts, as if each had come in a file of its own.
    let mut lines: BTreeMap<String, u64> = BTreeMap::new();
    for (line, resolution) in resolutions.rev() {
        decided.push(match decisions::decision(config, store, resolution)? {
            Err(reason) => Err(reason),
            Ok((open, value)) => match lines.get(&open.id) {
                Some(later) => Err(format!(
                    "line {later} decides conflict {} as well, and the last row counts",
                    open.id
                )),
                None => {
                    if !dry_run {
                        store.decide(&open, &value, at)?;
                    }
                    lines.insert(open.id.clone(), line);
                    Ok(open)
                }
            },
        });
    }
    decided.reverse();
    Ok(decided)
}

/// What became of each row, given what became of its decisions and of its orders. The pass found those decisions `stale`, by contact
/// and field, that are about something else than it sees.
pub fn answers(
    rows: &[RequestRow],
    decided: &[Result<OpenConflict, String>],
    stale: &BTreeSet<(String, String)>,
    outcomes: &[OrderOutcome],
) -> Vec<RowAnswer> {
    let (mut decided, mut outcomes) = (decided.iter(), outcomes.iter());
    let mut is_written = false;
    let answered = rows.iter().map(|row| {
        let (class, answer) = match &row.asked {
            Err(reason) => (RowClass::Refused, format!("not understood: {reason}")),
            Ok(Asked::Nothing) => (RowClass::Blank, "nothing is decided yet".to_owned()),
            Ok(Asked::Resolve(_)) => match decided.next() {
                Some(Ok(OpenConflict { id, conflict, .. })) => {
                    let about = (conflict.contact.clone(), conflict.field.clone());
                    match stale.contains(&about) {
                        true => (RowClass::Refused, format!("refused: {}", changed(id))),
                        false => {
                            let did = format!("conflict {id} on {} is decided", conflict.field);
                            (RowClass::Done, format!("done: {did}"))
                        }
                    }
                }
                Some(Err(reason)) => (RowClass::Refused, format!("refused: {reason}")),
                None => (
                    RowClass::Refused,
                    "refused: it was not looked at".to_owned(),
                ),
            },
            Ok(Asked::Line(_)) if is_written => (
                RowClass::Done,
                "done: it is a line of that document".to_owned(),
            ),
            Ok(Asked::Line(_)) => {
                let reason = "refused: its document was not written";
                (RowClass::Refused, reason.to_owned())
            }
            Ok(Asked::Order(_)) => match outcomes.next() {
                Some(OrderOutcome::Done(did)) => {
                    is_written = true;
                    let did: Vec<String> = did.iter().map(Answer::sentence).collect();
                    (RowClass::Done, format!("done: {}", did.join("; ")))
                }
                Some(OrderOutcome::Refused(reason)) => {
                    is_written = false;
                    (RowClass::Refused, format!("refused: {reason}"))
                }
                None => (
                    RowClass::Refused,
                    "refused: it was not looked at".to_owned(),
                ),
            },
        };
        RowAnswer {
            line: row.line,
            class,
            answer,
        }
    });
    answered.collect()
}

/// The receipt of a requests file whose rows stand `apart`: those that were not done are to be mended by themselves, lest the others be
/// done twice.
pub fn receipt(answers: &[RowAnswer], apart: Option<&Excerpt>) -> Receipt {
    let count = |class: RowClass| answers.iter().filter(|row| row.class == class).count() as u64;
    let (done, refused) = (count(RowClass::Done), count(RowClass::Refused));
    let standing = match (done, refused) {
        (_, 0) => Standing::Accepted,
        (0, _) => Standing::Rejected,
        (_, _) => Standing::Partly,
    };
    let reason = match standing {
        Standing::Rejected => "nothing that it asks for was done; each row says why",
        _ => "",
    };
    let classes = [RowClass::Done, RowClass::Refused, RowClass::Blank];
    let notes = answers.iter().filter(|row| row.class != RowClass::Blank);
    Receipt {
        rows: answers.len() as u64,
        classes: classes
            .into_iter()
            .map(|class| (class, count(class)))
            .filter(|(_, count)| *count > 0)
            .collect(),
        notes: notes
            .map(|row| RowNote {
                line: row.line,
                key: String::new(),
                class: row.class,
                reason: row.answer.clone(),
            })
            .collect(),
        mend: apart
            .filter(|_| standing == Standing::Partly)
            .map(|all| all.only(|at| answers[at].class == RowClass::Refused)),
        ..Receipt::whole(standing, reason)
    }
}

fn text(record: &crate::exports::Record, name: &str) -> String {
    let column = Table::Lookup(Lookup::Requests).column(name);
    let value = column.and_then(|column| record.value(column));
    value.unwrap_or_default().trim().to_owned()
}

/// What a row asks for.
fn asked(cell: &dyn Fn(&str) -> String, values: Vec<(String, String)>) -> Result<Asked, String> {
    let action = cell("Action").to_lowercase();
    if action == "line" {
        let all = std::iter::once(("No.".to_owned(), cell("No."))).chain(values);
        let filled = all.filter(|(_, value)| !form::is_blank(value));
        return Ok(Asked::Line(filled.collect()));
    }
    if action != "resolve" {
        return order(&action, cell, values).map(Asked::Order);
    }
    match (cell("Conflict"), cell("Decision")) {
        (_, decision) if decision.is_empty() => Ok(Asked::Nothing),
        (conflict, _) if conflict.is_empty() => {
            Err("Conflict is blank, and \"resolve\" needs it".to_owned())
        }
        (conflict, decision) => Ok(Asked::Resolve(Resolution {
            conflict,
            version: cell("Version"),
            decision,
        })),
    }
}

/// What a row orders.
fn order(
    action: &str,
    cell: &dyn Fn(&str) -> String,
    values: Vec<(String, String)>,
) -> Result<Order, String> {
    let table = cell("Table");
    let needed = |name: &str| match cell(name) {
        value if value.is_empty() => Err(format!("{name} is blank, and {action:?} needs it")),
        value => Ok(value),
    };
    match action {
        "link" => Ok(Order::Link {
            contact: needed("Contact No.")?,
            kind: kind(&table)?,
            no: needed("No.")?,
            master: master(&cell("Master"))?,
        }),
        "unlink" => Ok(Order::Unlink {
            contact: needed("Contact No.")?,
            kind: kind(&table)?,
        }),
        "create" if fold(&table) == "contact" && cell("From").is_empty() => {
            let company = Some(cell("Company No.")).filter(|no| !no.is_empty());
            let filled = |(_, value): &(String, String)| !form::is_blank(value);
            Ok(Order::CreateContact {
                company,
                person: false,
                values: values.into_iter().filter(filled).collect(),
            })
        }
        "create" if fold(&table) == "contact" => Ok(Order::CreateContacts {
            kind: kind(&cell("From"))?,
            nos: vec![needed("No.")?],
        }),
        "create" => Ok(Order::CreateCounterpart {
            contact: needed("Contact No.")?,
            kind: kind(&table)?,
            template: match cell("Template Code") {
                code if code.is_empty() => TemplateChoice::ByType,
                code => TemplateChoice::Named(code),
            },
        }),
        "document" => document(&table, cell, &values),
        "log" => Ok(Order::Log(Box::new(manual(cell, &values)?))),
        "cancel" | "evaluate" | "resume" => {
            let entry_no = needed("No.")?;
            let entry_no = entry_no
                .parse()
                .map_err(|_| format!("No. {entry_no:?} is no number of an interaction"))?;
            let how = match action {
                "cancel" => Amendment::Cancel(true),
                "evaluate" => Amendment::Evaluate(value(&values, "Evaluation")),
                _ => Amendment::Resume(Box::new(manual(cell, &values)?)),
            };
            Ok(Order::Amend { entry_no, how })
        }
        "" => Err(format!("Action is blank: say {ACTIONS}")),
        other => Err(format!("{other:?} is no action: say {ACTIONS}")),
    }
}

const ACTIONS: &str =
    "link, unlink, create, document, line, log, cancel, evaluate, resume or resolve";

/// A further column of a row, by its name as headers are compared.
fn value(values: &[(String, String)], name: &str) -> String {
    let mut of_it = values
        .iter()
        .filter(|(column, _)| fold(column) == fold(name));
    of_it
        .next()
        .map(|(_, value)| value.trim().to_owned())
        .unwrap_or_default()
}

/// A document that a row asks for: of the kind under Table, from a contact or from the customer or vendor under No.
fn document(
    table: &str,
    cell: &dyn Fn(&str) -> String,
    values: &[(String, String)],
) -> Result<Order, String> {
    let kind = DocumentKind::named(table).ok_or_else(|| {
        let nouns: Vec<&str> = DocumentKind::all().map(|kind| kind.def().noun).collect();
        format!("{table:?} is no document: say {}", nouns.join(", "))
    })?;
    let def = kind.def();
    let text = |name: &str| value(values, name);
    let keeps = form::caption(Form::Boolean, &text("Keep E-Mail"));
    Ok(Order::Document(Box::new(DocumentOrder {
        contact: cell("Contact No."),
        counterpart: cell("No."),
        payer_contact: text(&format!("{} Contact No.", def.payer)),
        template: match cell("Template Code") {
            code if code.is_empty() => TemplateChoice::ByType,
            code => TemplateChoice::Named(code),
        },
        quote: text("Quote No."),
        ship_to: text("Ship-to Code"),
        date: text("Document Date"),
        operator: text(def.operator),
        campaign_no: text("Campaign No."),
        opportunity_no: text("Opportunity No."),
        external_no: text("External Document No."),
        keeps_e_mail: keeps == Some("Yes"),
        ..DocumentOrder::new(kind)
    })))
}

/// An interaction that a row enters; its template stands under Template Code.
fn manual(cell: &dyn Fn(&str) -> String, values: &[(String, String)]) -> Result<Manual, String> {
    let text = |name: &str| value(values, name);
    let flag = |name: &str, otherwise: bool| match form::caption(Form::Boolean, &text(name)) {
        Some("Yes") => Ok(true),
        Some("No") => Ok(false),
        Some(_) => Ok(otherwise),
        None => Err(format!("{name} is neither Yes nor No")),
    };
    Ok(Manual {
        entry: InteractionLogEntry {
            contact_no: cell("Contact No."),
            interaction_template: cell("Template Code"),
            salesperson: text("Salesperson Code"),
            date: text("Date"),
            time_of_interaction: text("Time"),
            description: text("Description"),
            subject: text("Subject"),
            cost: text("Cost (LCY)"),
            duration: text("Duration (Min.)"),
            evaluation: text("Evaluation"),
            attempt_failed: Flag::from(!flag("Interaction Successful", true)?),
            contact_via: text("Contact Via"),
            campaign_no: text("Campaign No."),
            opportunity_no: text("Opportunity No."),
            user_id: text("User ID"),
            ..InteractionLogEntry::default()
        },
        is_call: flag("Phone Call", false)?,
        is_postponed: flag("Postponed", false)?,
    })
}

fn kind(name: &str) -> Result<Kind, String> {
    match Table::named(&name.to_lowercase().replace(' ', "_")) {
        Some(Table::Counterparts(kind)) => Ok(kind),
        _ => Err(format!(
            "{name:?} is no kind of counterpart: say customer, vendor or bank-account"
        )),
    }
}

fn master(word: &str) -> Result<Master, String> {
    match word.to_lowercase().as_str() {
        "" | "contact" => Ok(Master::Contact),
        "counterpart" => Ok(Master::Counterpart),
        _ => Err(format!("{word:?} is no master: say contact or counterpart")),
    }
}
