//! Events: what other systems did, row by row and message by message, as far as it was not looked at before
//! (`business-central.md` §10). Each counts once, however often its export is read.

use std::collections::HashMap;
use std::path::Path;

use xxhash_rust::xxh3::Xxh3;

use crate::config::{Config, TableConfig};
use crate::disk::Disk;
use crate::exports::{Export, Record};
use crate::merge::interaction::{AccountOf, DocumentType, NotLogged, evaluation};
use crate::merge::mail::Message;
use crate::model::{Flag, Form, InteractionLogEntry, KINDS, Lookup, Place, Problem, Table, form};
use crate::state::drops::{Receipt, ReceiptRow, RowClass, RowNote, Standing};
use crate::state::memory::{EventsRead, Memory, Waiting};
use crate::state::{StateError, Store};
use crate::sync::dates;
use crate::sync::receipts::{NOTES, rejection};

use super::intake::Intake;
use super::locate::{self, Located, locate};
use super::lookups::cell;
use super::mails;
use super::{miscounted, shown_path};

const TABLE: Table = Table::Lookup(Lookup::Events);

/// Something that somebody did, which no pass has looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct News {
    /// What tells it from others.
    pub print: [u64; 2],
    /// What was done.
    pub what: What,
}

/// What was done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// A document was printed or sent, a call made.
    Event(Box<Event>),
    /// An e-mail message went from somebody to somebody.
    Message(Box<Message>),
}

/// A row of an events export.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// The type of document.
    pub kind: &'static DocumentType,
    /// The accounts that it names, whose contact it is logged on first.
    pub accounts: Vec<(AccountOf, String)>,
    /// What the row says of its entry.
    pub entry: InteractionLogEntry,
    /// Whether it went out by the contact's correspondence type.
    pub delivers: bool,
}

/// What became of an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It has its entries.
    Logged,
    /// It is not to be logged.
    Unlogged(String),
    /// Its account has no contact; once it has, it is logged.
    Waits(String),
    /// Something is wrong: what, and what to do.
    Wrong(String, String),
}

impl From<NotLogged> for Fate {
    fn from(reason: NotLogged) -> Fate {
        match reason {
            NotLogged::Silent(reason) => Fate::Unlogged(reason),
            NotLogged::Wrong(reason, advice) => Fate::Wrong(reason, advice),
        }
    }
}

/// What a pass reads of events.
#[derive(Debug, Default)]
pub struct Events {
    /// What nobody looked at before, rows first, in the order of the file.
    pub news: Vec<News>,
    export: Option<Read>,
    problems: Vec<Problem>,
}

#[derive(Debug)]
struct Read {
    export: Export,
    file: String,
    sequence: Option<u64>,
    drop: Option<u64>,
    /// The state's knowledge of the one before.
    before: Option<EventsRead>,
    /// What each row is.
    rows: Vec<RowIs>,
}

/// What a row of the export is.
#[derive(Clone, Debug, PartialEq, Eq)]
enum RowIs {
    /// It was looked at by an earlier pass, or stands in the file twice.
    Known,
    /// At this place of the news.
    News(usize),
    /// It cannot be understood: why, and what to do.
    Illegible(String, String),
}

/// Reads the events export and the messages that wait. `is_quiet`: nothing else has changed since the last pass, so what waited for
/// other exports still does.
///
/// # Errors
/// Those of the state.
pub fn read(
    config: &Config,
    disk: &dyn Disk,
    store: &Store,
    intake: &Intake,
    seed: u64,
    is_quiet: bool,
) -> Result<Events, StateError> {
    let mut events = Events::default();
    if let Some(of_table) = config.table(TABLE)
        && !intake.unready.contains(&TABLE)
    {
        match open(of_table, disk, store, intake, seed)? {
            Ok(Some(read)) => events.rows(read, of_table, store, is_quiet)?,
            Ok(None) => {}
            Err(problem) => events.problems.push(*problem),
        }
    }
    for path in &intake.mails {
        events.message(path, disk, store)?;
    }
    Ok(events)
}

type Opened = Result<Option<Read>, Box<Problem>>;

fn open(
    config: &TableConfig,
    disk: &dyn Disk,
    store: &Store,
    intake: &Intake,
    seed: u64,
) -> Result<Opened, StateError> {
    let before = store.events_read()?;
    let dropped = intake.drops.get(&TABLE);
    let shown = dropped.map_or_else(|| config.export_path(), |incoming| incoming.shown.clone());
    let place = || Place {
        table: TABLE.name().to_owned(),
        file: Some(shown_path(&shown)),
        ..Place::default()
    };
    let told = |place: Place, kind: &str, reason: String, advice: &str| {
        Ok(Err(Box::new(Problem::new(place, kind, reason, advice))))
    };
    let trouble = |kind: &str, reason: String, advice: &str| told(place(), kind, reason, advice);
    let located = match dropped {
        Some(incoming) => locate::present(disk, &incoming.path, incoming.sequence),
        // Between drops there is nothing to read.
        None if config.arrival.drop => return Ok(Ok(None)),
        None => locate(disk, config, before.as_ref().and_then(|read| read.sequence)),
    };
    let (path, sequence) = match located {
        Ok(Located::Found { path, sequence, .. }) => (path, sequence),
        // Other systems that did nothing may well export nothing.
        Ok(Located::Missing { .. } | Located::Stale { .. }) => return Ok(Ok(None)),
        Ok(several @ Located::Ambiguous { .. }) => {
            let reason = several.reason();
            let advice = "set `sequence` to the number or time in their names";
            return trouble("ambiguous-export", reason, advice);
        }
        Err(error) => {
            let reason = format!("it cannot be looked for: {error}");
            return trouble(
                "unreadable-export",
                reason,
                "see to the folder's permissions",
            );
        }
    };
    let unreadable = |error: std::io::Error| format!("it cannot be read: {error}");
    let advice = "see to the file and its permissions";
    let (source, identity) = match disk.open(&path) {
        Ok(opened) => opened,
        Err(error) => return trouble("unreadable-export", unreadable(error), advice),
    };
    let file = dropped.map_or_else(|| shown_path(&path), |_| shown_path(&shown));
    let export = match Export::read(source, TABLE, &config.settings(), &file, seed) {
        Ok(export) => export,
        Err(refusal) => {
            let place = Place {
                line: refusal.line,
                offset: refusal.offset,
                ..place()
            };
            return told(place, "refused-export", refusal.reason, &refusal.advice);
        }
    };
    match disk.identity(&path) {
        Ok(now) if now == Some(identity) => {}
        Ok(_) => {
            let reason = "it changed while it was read".to_owned();
            return trouble("changing-export", reason, "the next pass reads it again");
        }
        Err(error) => return trouble("unreadable-export", unreadable(error), advice),
    }
    let announced = dropped.and_then(|incoming| incoming.records);
    if let Some((reason, advice)) = miscounted(&export, announced) {
        return trouble("refused-export", reason, advice);
    }
    Ok(Ok(Some(Read {
        export,
        file,
        sequence,
        drop: dropped.and_then(|incoming| incoming.id),
        before,
        rows: Vec::new(),
    })))
}

impl Events {
    /// Whether there is anything to log.
    pub fn is_empty(&self) -> bool {
        self.news.is_empty()
    }

    fn rows(
        &mut self,
        mut read: Read,
        config: &TableConfig,
        store: &Store,
        is_quiet: bool,
    ) -> Result<(), StateError> {
        let digest = format!("{:032x}", read.export.digest);
        let known = read
            .before
            .as_ref()
            .filter(|before| before.digest == digest);
        let is_done = known.is_some_and(|known| match known.waiting {
            Waiting::Nothing => true,
            Waiting::Accounts => is_quiet,
            Waiting::Problems => false,
        });
        if is_done && read.drop.is_none() {
            return Ok(());
        }
        let mut alike: HashMap<[u64; 2], u64> = HashMap::new();
        for at in 0..read.export.records.len() {
            let is = match read.export.record(at) {
                Err(fault) => RowIs::Illegible(fault.reason, "mend the row".to_owned()),
                Ok(record) => {
                    let mut print = print(&record);
                    // The second of two equal rows is another event, and the second in every reading.
                    let count = alike.entry(print).or_default();
                    *count += 1;
                    let is_named = !cell(TABLE, &record, "Event ID").is_empty();
                    let is_again = *count > 1 && (is_named || message_id(&record).is_some());
                    print[1] ^= *count - 1;
                    if is_again || store.knows_event(print)? {
                        RowIs::Known
                    } else {
                        match event(&record, config) {
                            Ok(what) => {
                                self.news.push(News { print, what });
                                RowIs::News(self.news.len() - 1)
                            }
                            Err((reason, advice)) => RowIs::Illegible(reason, advice),
                        }
                    }
                }
            };
            read.rows.push(is);
        }
        self.export = Some(read);
        Ok(())
    }

    fn message(&mut self, path: &Path, disk: &dyn Disk, store: &Store) -> Result<(), StateError> {
        match mails::read(disk, path) {
            Ok(mail) => {
                let print = mail.print();
                let is_twice = self.news.iter().any(|news| news.print == print);
                if !is_twice && !store.knows_event(print)? {
                    let what = What::Message(Box::new(mail.message));
                    self.news.push(News { print, what });
                }
            }
            Err(reason) => {
                let place = Place {
                    table: TABLE.name().to_owned(),
                    file: Some(shown_path(path)),
                    ..Place::default()
                };
                let advice = "it is left where it is; mend it or take it away";
                self.problems
                    .push(Problem::new(place, "unreadable-mail", reason, advice));
            }
        }
        Ok(())
    }

    /// What is to be remembered, and the problems that stand, once it is known what became of the news.
    pub fn settle(&self, fates: &[Fate], memory: &mut Memory<'_>) -> Vec<Problem> {
        let mut problems = self.problems.clone();
        let mut waiting = Waiting::Nothing;
        for (news, fate) in self.news.iter().zip(fates) {
            match fate {
                Fate::Logged | Fate::Unlogged(_) => memory.events.push(news.print),
                Fate::Waits(_) => waiting = waiting.max(Waiting::Accounts),
                Fate::Wrong(..) => waiting = Waiting::Problems,
            }
        }
        let Some(read) = &self.export else {
            return problems;
        };
        for (at, row) in read.rows.iter().enumerate() {
            let wrong = match row {
                RowIs::Illegible(reason, advice) => Some((reason, advice)),
                RowIs::News(news) => match fates.get(*news) {
                    Some(Fate::Wrong(reason, advice)) => Some((reason, advice)),
                    _ => None,
                },
                RowIs::Known => None,
            };
            if let Some((reason, advice)) = wrong {
                waiting = Waiting::Problems;
                // A drop goes back with its bad rows; what stands in an export stays a problem until it is mended.
                if read.drop.is_none() {
                    let mut place = read.export.place(at);
                    place.file = Some(read.file.clone());
                    place.print = read.export.print_at(at);
                    let kind = "unlogged-event";
                    problems.push(Problem::new(place, kind, reason.clone(), advice.clone()));
                }
            }
        }
        let now = EventsRead {
            digest: format!("{:032x}", read.export.digest),
            waiting: match read.drop {
                Some(_) => Waiting::Nothing,
                None => waiting,
            },
            sequence: read
                .sequence
                .max(read.before.as_ref().and_then(|before| before.sequence)),
        };
        memory.events_read = Some(now).filter(|now| read.before.as_ref() != Some(now));
        problems
    }

    /// What is said of a drop: every row is in exactly one class.
    pub fn receipt(&self, fates: &[Fate]) -> Option<ReceiptRow> {
        let read = self.export.as_ref()?;
        let drop = read.drop?;
        let mut classes = std::collections::BTreeMap::new();
        let (mut notes, mut left_out) = (Vec::new(), Vec::new());
        for (at, row) in read.rows.iter().enumerate() {
            let (class, reason) = match row {
                RowIs::Known => (RowClass::Unchanged, None),
                RowIs::Illegible(reason, advice) => {
                    (RowClass::Rejected, Some(format!("{reason}; {advice}")))
                }
                RowIs::News(news) => match fates.get(*news) {
                    Some(Fate::Logged) | None => (RowClass::New, None),
                    Some(Fate::Unlogged(reason)) => (RowClass::Unlogged, Some(reason.clone())),
                    Some(Fate::Waits(reason)) => (
                        RowClass::Rejected,
                        Some(format!("{reason}; drop the row again once it has")),
                    ),
                    Some(Fate::Wrong(reason, advice)) => {
                        (RowClass::Rejected, Some(format!("{reason}; {advice}")))
                    }
                },
            };
            *classes.entry(class).or_insert(0) += 1;
            if class == RowClass::Rejected {
                left_out.push(at);
            }
            if let Some(reason) = reason.filter(|_| notes.len() < NOTES) {
                notes.push(RowNote {
                    line: read.export.line_of(at),
                    key: String::new(),
                    class,
                    reason,
                });
            }
        }
        let standing = match left_out.len() {
            0 => Standing::Accepted,
            _ => Standing::Partly,
        };
        let receipt = Receipt {
            rows: read.rows.len() as u64,
            classes: classes.into_iter().collect(),
            notes,
            digest: format!("{:032x}", read.export.digest),
            mend: (standing == Standing::Partly)
                .then(|| read.export.excerpt(&left_out))
                .flatten(),
            ..Receipt::whole(standing, "")
        };
        Some(ReceiptRow { drop, receipt })
    }

    /// A drop that could not be read at all.
    pub fn refusal(&self, intake: &Intake) -> Option<ReceiptRow> {
        let drop = intake.drops.get(&TABLE)?.id?;
        let problem = self
            .problems
            .iter()
            .find(|problem| problem.kind == "refused-export")?;
        Some(ReceiptRow {
            drop,
            receipt: rejection(problem),
        })
    }
}

/// What tells an event from others: its own number, the message's, or all that is understood of it.
fn print(record: &Record) -> [u64; 2] {
    let mut hash = Xxh3::new();
    let mut add = |part: &str| {
        hash.update(part.as_bytes());
        hash.update(b"\x1f");
    };
    let id = cell(TABLE, record, "Event ID");
    if !id.is_empty() {
        add("event");
        add(cell(TABLE, record, "System"));
        add(id);
    } else if let Some(id) = message_id(record) {
        return mails::print_of(id);
    } else {
        add("row");
        for (column, def) in TABLE.columns().iter().enumerate() {
            let value = record.value(column).unwrap_or_default().trim();
            if !value.is_empty() {
                add(def.name);
                add(value);
            }
        }
    }
    halves(hash.digest128())
}

fn message_id(record: &Record) -> Option<&str> {
    Some(cell(TABLE, record, "Internet Message ID")).filter(|id| !id.is_empty())
}

/// A hash as the state keeps it.
pub(in crate::sync) fn halves(print: u128) -> [u64; 2] {
    [(print >> 64) as u64, print as u64]
}

/// What a row says; else why it is not understood, and what to do.
fn event(record: &Record, config: &TableConfig) -> Result<What, (String, String)> {
    let text = |name: &str| cell(TABLE, record, name);
    let code = |name: &str| form::canonical(Form::Code, text(name)).into_owned();
    let flag = |name: &str, otherwise: bool| match form::caption(Form::Boolean, text(name)) {
        Some("Yes") => Ok(true),
        Some("No") => Ok(false),
        Some(_) => Ok(otherwise),
        None => Err((
            format!("{name} is neither Yes nor No"),
            "write Yes or No there, or leave it blank".to_owned(),
        )),
    };
    let word = text("Document Type");
    let Some(kind) = DocumentType::named(word) else {
        return Err((
            format!("{word:?} is no type of document or event"),
            "say what Business Central's interaction log calls it, such as \"Sales Inv.\", or \"e-mail\"".to_owned(),
        ));
    };
    let (date, time) = moment(text("Date"), text("Time"), config.dates.as_deref())?;
    if kind.is_mail() && !(text("Message From").is_empty() && text("Message To").is_empty()) {
        return Ok(What::Message(Box::new(Message {
            from: mails::addresses(text("Message From"))
                .into_iter()
                .next()
                .unwrap_or_default(),
            to: mails::addresses(text("Message To")),
            subject: text("Subject").to_owned(),
            date,
            time,
            is_draft: flag("Draft", false)?,
        })));
    }
    let Some(evaluation) = evaluation(text("Evaluation")) else {
        return Err((
            "Evaluation is none that is known".to_owned(),
            "it is Very Positive, Positive, Neutral, Negative or Very Negative".to_owned(),
        ));
    };
    let whole = |name: &str| text(name).parse().unwrap_or(0);
    let entry = InteractionLogEntry {
        date,
        time_of_interaction: time,
        description: text("Description").chars().take(100).collect(),
        subject: text("Subject").to_owned(),
        document_type: kind.caption.to_owned(),
        document_no: code("Document No."),
        version: if kind.has_versions {
            whole("Version No.")
        } else {
            0
        },
        doc_no_occurrence: if kind.has_versions {
            whole("Doc. No. Occurrence")
        } else {
            0
        },
        salesperson: code("Salesperson Code"),
        campaign_no: code("Campaign No."),
        opportunity_no: code("Opportunity No."),
        evaluation: evaluation.to_owned(),
        contact_via: text("Contact Via").to_owned(),
        attempt_failed: Flag::from(!flag("Interaction Successful", true)?),
        user_id: text("User ID").to_owned(),
        ..InteractionLogEntry::default()
    };
    let accounts = match flag("Log Interaction", true)? {
        true => accounts(record, kind)?,
        false => Vec::new(),
    };
    Ok(What::Event(Box::new(Event {
        kind,
        accounts,
        entry,
        delivers: flag("Sent by E-Mail", false)?,
    })))
}

/// The accounts that a row names, the one first whose contact it is logged on (§10.3). None where it is not to be logged.
fn accounts(
    record: &Record,
    kind: &'static DocumentType,
) -> Result<Vec<(AccountOf, String)>, (String, String)> {
    let code = |name: &str| form::canonical(Form::Code, cell(TABLE, record, name)).into_owned();
    let mut named = Vec::new();
    let no = code("Account No.");
    if !no.is_empty() {
        let word = form::option(cell(TABLE, record, "Account Type")).to_lowercase();
        let kinds = KINDS.iter().find(|kind| {
            [kind.caption, kind.noun, kind.table].iter().any(|known| {
                known.to_lowercase().replace(['-', '_'], " ") == word.replace(['-', '_'], " ")
            })
        });
        let of = match (word.as_str(), kinds) {
            ("", _) => kind.default_account(),
            ("contact" | "contacts", _) => AccountOf::Contact,
            (_, Some(kind)) => AccountOf::Counterpart(kind.table),
            (_, None) => {
                return Err((
                    format!("Account Type {word:?} is none that is known"),
                    "say Contact, Customer, Vendor or Bank Account, or leave it blank".to_owned(),
                ));
            }
        };
        named.push((of, no));
    }
    let of_kind = kind.accounts.iter();
    named.extend(of_kind.map(|account| (account.of, code(account.column))));
    named.retain(|(_, no)| !no.is_empty());
    if named.is_empty() {
        return Err((
            format!(
                "the row names no account that a {} could be of",
                kind.name()
            ),
            format!(
                "fill {} or Account No.",
                kind.accounts
                    .first()
                    .map_or("Contact No.", |account| account.column)
            ),
        ));
    }
    Ok(named)
}

/// Date and time of a row as ISO 8601; blank where it says none.
fn moment(
    date: &str,
    time: &str,
    pattern: Option<&str>,
) -> Result<(String, String), (String, String)> {
    if date.is_empty() {
        return Ok((String::new(), String::new()));
    }
    let Some(found) = dates::modified(Some(date), Some(date), Some(time), pattern) else {
        return Err((
            "its date can be read in two ways, or not at all".to_owned(),
            "say how dates are written: `dates` under [tables.events]".to_owned(),
        ));
    };
    let has_time = !time.is_empty() || date.contains(['T', ':']);
    Ok((
        found.strftime("%Y-%m-%d").to_string(),
        match has_time {
            true => found.strftime("%H:%M:%S").to_string(),
            false => String::new(),
        },
    ))
}
