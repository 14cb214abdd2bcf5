//! Arrange: what orders and rules ask for, checked in order, becomes new records, relations and cells of the pass. Writes
//! nothing: what is arranged is merged, planned and guarded like everything else.

mod columns;
mod contacts;
mod counterparts;
pub mod documents;
mod interactions;
mod links;
mod marks;
mod numbers;
pub mod orders;
mod primary;
mod references;
mod renames;
mod returns;
pub mod templates;

use std::cell::OnceCell;
use std::collections::{BTreeMap, BTreeSet};

use crate::config::{Config, CreateContacts};
use crate::disk::Disk;
use crate::exports::key_print;
use crate::merge::coupling::Relation;
use crate::merge::deliver::Route;
use crate::merge::{FirstMeeting, Rule};
use crate::model::{FieldId, Form, InteractionLogEntry, Kind, Place, Problem, Row, Table, form};
use crate::state::memory::{Mark, MarkRow};
use crate::state::{StateError, Store};

use super::couple::{Couplings, left_behind};
use super::decide::in_flight::PRIMARY_CELLS;
use super::observe::arrivals::CORRELATION;
use super::observe::diff::{PrintMap, PrintSet};
use super::observe::events::{Fate, News};
use super::observe::lookups::LogLookups;
use super::observe::pending::Pending;
use super::observe::relation::{read_relation, relation_of};
use super::observe::{Seen, plain, tagged, untagged};
use orders::Order;

use documents::{Adoption, PlannedDocument};
use marks::Marks;
use references::References;
use templates::Template;

/// A record that the pass creates, as far as it is known before its party is merged.
#[derive(Clone, Debug)]
pub struct Birth {
    /// Where.
    pub table: Table,
    /// Its number.
    pub no: String,
    /// Its values; blank where the merge fills them.
    pub row: Row,
    /// Values of columns that the model does not know.
    pub carried: Vec<(String, String)>,
    /// Why, as a sentence.
    pub reason: String,
}

/// A relation that the pass creates.
#[derive(Clone, Debug)]
pub struct NewRelation {
    /// The row.
    pub relation: Relation,
    /// Why, as a sentence.
    pub reason: String,
}

/// A cell that a rule writes, and that no other side shares.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct OwnCell {
    /// Table of its record.
    pub table: Table,
    /// The record's number.
    pub no: String,
    /// The column.
    pub column: &'static str,
    /// What it is to say.
    pub value: String,
    /// Why.
    pub rule: Rule,
    /// The contact in whose name it is done.
    pub contact: String,
}

/// Everything that a pass does beside merging.
#[derive(Debug, Default)]
pub struct Arranged {
    /// Records to be created.
    pub births: Vec<Birth>,
    /// Where each stands in `births`, by tagged key.
    pub by_key: PrintMap<usize>,
    /// Relations to be created.
    pub relations: Vec<NewRelation>,
    /// Listed relation rows that get a counterpart's number, by position.
    pub filled: BTreeMap<usize, Relation>,
    /// Relations to be taken out: contact and code.
    pub unlinked: BTreeSet<(String, String)>,
    /// Relations that were asked to be taken out, and are to stay after all.
    pub reasserted: BTreeSet<Relation>,
    /// Relations that were asked to be taken out with a record that came back, and go with the other one, which is gone meanwhile.
    pub asked_anew: BTreeSet<Relation>,
    /// Records with columns that could not be followed: their base stays, so that every pass tries again.
    pub troubled: BTreeMap<(Table, String), Vec<&'static str>>,
    /// Tagged keys of numbers that are no longer disputed.
    pub undisputed: PrintSet,
    /// Parties whose first meeting has a master, by the contact's key.
    pub masters: PrintMap<FirstMeeting>,
    /// Moves of contacts, by key.
    pub given: PrintMap<Vec<(FieldId, String, Rule)>>,
    /// The keys of `given`, `masters` and new contacts: parties that must be looked at.
    pub concerned: Vec<u64>,
    /// Cells that rules write.
    pub cells: Vec<OwnCell>,
    /// The last number given, by the first of its series.
    pub numbered: BTreeMap<String, String>,
    /// Marks to be set.
    pub marked: Marks,
    /// Marks that go.
    pub unmarked: Vec<MarkRow>,
    /// What could not be done that a rule asked for.
    pub problems: Vec<Problem>,
    /// Interactions that are logged beside those of the pass itself.
    pub interactions: Vec<InteractionLogEntry>,
    /// What became of each event.
    pub fates: Vec<Fate>,
    /// Documents to be made.
    pub documents: Vec<PlannedDocument>,
    /// Quotes that are their counterparts' now.
    pub adoptions: Vec<Adoption>,
    /// The templates that counterparts are created with.
    pub created_with: BTreeMap<String, String>,
    /// What whoever asked should look at.
    pub warnings: Vec<String>,
    /// What became of each order.
    pub outcomes: Vec<OrderOutcome>,
    /// What the order at hand did.
    answers: Vec<Answer>,
}

/// What became of an order.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum OrderOutcome {
    /// It is carried out.
    Done(Vec<Answer>),
    /// A rule refused it, as a sentence.
    Refused(String),
}

/// What an order did.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(tag = "did", rename_all = "kebab-case")]
pub enum Answer {
    /// A contact and a counterpart are coupled.
    Linked {
        /// Contact No.
        contact: String,
        /// The counterpart's table.
        table: String,
        /// The counterpart's number.
        no: String,
    },
    /// A contact lost its counterpart of a kind.
    Unlinked {
        /// Contact No.
        contact: String,
        /// The counterpart's table.
        table: String,
        /// The counterpart's number.
        no: String,
    },
    /// A record was created.
    Created {
        /// Its table.
        table: String,
        /// Its number.
        no: String,
        /// The record that it was made from, as words.
        from: String,
    },
    /// A document was written.
    Written {
        /// What it is.
        document: String,
        /// Its number.
        no: String,
        /// The contact that it is for.
        contact: String,
    },
    /// An interaction was logged.
    Logged {
        /// Its number.
        entry_no: u64,
        /// Contact No.
        contact: String,
    },
    /// An interaction was changed.
    Amended {
        /// Its number.
        entry_no: u64,
        /// Contact No.
        contact: String,
    },
}

impl Answer {
    /// What was done, as a sentence.
    pub fn sentence(&self) -> String {
        let noun = |table: &str| Table::named(table).map_or("record", Table::noun);
        match self {
            Answer::Linked { contact, table, no } => {
                format!("contact {contact} is coupled with {} {no}", noun(table))
            }
            Answer::Unlinked { contact, table, no } => format!(
                "contact {contact} is no longer coupled with {} {no}",
                noun(table)
            ),
            Answer::Created { table, no, from } => {
                format!("{} {no} was created from {from}", noun(table))
            }
            Answer::Written {
                document,
                no,
                contact,
            } => format!("{document} {no} was written for contact {contact}"),
            Answer::Logged { entry_no, contact } => {
                format!("interaction {entry_no} was logged on contact {contact}")
            }
            Answer::Amended { entry_no, contact } => {
                format!("interaction {entry_no} on contact {contact} was changed")
            }
        }
    }
}

impl Arranged {
    /// The company that a contact is given in this pass; blank where it loses its own.
    pub fn given_company(&self, contact: u64) -> Option<&str> {
        let field = FieldId::named("Company No.");
        let mut given = self.given.get(&contact)?.iter();
        let company = given.rfind(|(of, ..)| Some(*of) == field);
        company.map(|(_, no, _)| no.as_str())
    }

    /// The birth of a record.
    pub fn birth(&self, table: Table, key: u64) -> Option<&Birth> {
        self.by_key
            .get(&tagged(key, table))
            .map(|at| &self.births[*at])
    }

    /// Why orders were refused, as sentences.
    pub fn refusals(&self) -> Vec<String> {
        let refused = self.outcomes.iter().filter_map(|outcome| match outcome {
            OrderOutcome::Refused(reason) => Some(reason.clone()),
            OrderOutcome::Done(_) => None,
        });
        refused.collect()
    }

    /// Whether relations are other than exports and state say.
    pub fn changes_relations(&self) -> bool {
        !self.relations.is_empty()
            || !self.filled.is_empty()
            || !self.unlinked.is_empty()
            || !self.undisputed.is_empty()
            || !self.reasserted.is_empty()
            || !self.asked_anew.is_empty()
    }
}

/// What is looked at to arrange something.
pub struct Scene<'a, 'c> {
    /// Configuration.
    pub config: &'c Config,
    /// Tables, by [`Table::index`]; all keys can be found.
    pub tables: &'a [Option<Seen<'c>>],
    /// The couplings without anything arranged.
    pub couplings: &'a Couplings,
    /// The state, read only.
    pub store: &'a Store,
    /// Its marks.
    pub marks: &'a [MarkRow],
    /// What waits in it.
    pub pending: &'a Pending,
    /// Records that are gone, those of this pass included.
    pub gone: &'a BTreeSet<(Table, String)>,
    /// Templates by kind, where orders need them.
    pub templates: &'a BTreeMap<Kind, Result<Vec<Template>, String>>,
    /// Where files are that are looked up for single documents.
    pub disk: &'a dyn Disk,
    /// The day of the pass, ISO 8601.
    pub today: String,
    /// What is needed to log interactions, where something is to be logged.
    pub lookups: Option<&'a LogLookups>,
    /// The number of the last interaction that was logged.
    pub last_interaction: u64,
    /// By key: contacts that came back under another number, and the key of that.
    pub renamed_keys: PrintMap<u64>,
    /// The seed of all hashes.
    pub seed: u64,
}

/// What rules ask for: found before anything is arranged, since most passes ask for nothing.
#[derive(Debug, Default)]
pub struct Triggers {
    newcomers: BTreeSet<(Table, String)>,
    returned: BTreeSet<(Table, String)>,
    primaries: Vec<primary::Moved>,
    columns: Vec<columns::ColumnMove>,
    renamed: bool,
    owed: bool,
    unwritten: bool,
    gone: bool,
}

impl Triggers {
    /// Whether there is nothing to arrange.
    pub fn is_empty(&self) -> bool {
        self.newcomers.is_empty()
            && self.returned.is_empty()
            && self.primaries.is_empty()
            && self.columns.is_empty()
            && !self.renamed
            && !self.owed
            && !self.unwritten
            && !self.gone
    }
}

/// Looks at what changed for whatever a rule makes something of.
pub fn triggers(
    config: &Config,
    tables: &[Option<Seen<'_>>],
    marks: &[MarkRow],
    pending: &Pending,
    gone: &BTreeSet<(Table, String)>,
    seed: u64,
) -> Result<Triggers, StateError> {
    let mut relations = tables[Table::Relations.index()].iter();
    let mut triggers = Triggers {
        gone: relations.any(|seen| left_behind(seen, gone, seed).next().is_some()),
        unwritten: marks.iter().any(|row| row.mark == Mark::Unwritten),
        ..Triggers::default()
    };
    let marked = |mark: Mark| {
        let rows = marks.iter().filter(move |row| row.mark == mark);
        rows.filter_map(|row| Some((Table::named(&row.table)?, row.no.clone())))
    };
    let awaited: BTreeSet<(Table, String)> = marked(Mark::Newcomer).collect();
    let there = awaited.iter().filter(|record| !gone.contains(record));
    triggers.newcomers.extend(there.cloned());
    // Who came back and could not regain everything tries again.
    let waiting = marked(Mark::Taken).filter(|record| !gone.contains(record));
    triggers.returned.extend(waiting);
    for seen in tables.iter().flatten() {
        triggers.renamed |= !seen.created.renumbered.is_empty();
        let Some(export) = &seen.export else { continue };
        let name = seen.table.name();
        let mut of_table = marks.iter().filter(|row| row.table == name);
        triggers.owed |= of_table.any(|row| row.mark == Mark::Owed);
        triggers.gone |= match seen.table {
            Table::Relations => !gone.is_empty() && names_gone(seen, gone)?,
            _ => !seen.diff.gone.is_empty(),
        };
        let kind = match seen.table {
            Table::Counterparts(kind) => Some(kind),
            _ => None,
        };
        let creates = kind.is_some_and(|kind| {
            config.setup.code(kind).is_some()
                && config.setup.contact_nos.is_some()
                && match config.setup.create_contacts {
                    CreateContacts::Never => false,
                    CreateContacts::New => seen.memory.is_some(),
                    CreateContacts::All => true,
                }
        });
        let shows_primary = PRIMARY_CELLS.iter().any(|column| {
            let column = seen.table.column(column);
            column.is_some_and(|column| export.columns.has(column))
        });
        let watches_primary = kind
            .filter(|kind| kind.def().has_primary_contact && config.setup.code(*kind).is_some())
            .is_some_and(|_| seen.memory.is_some() && shows_primary);
        let relation_columns = columns::relation_columns(seen);
        let watches =
            creates || watches_primary || !relation_columns.is_empty() || !gone.is_empty();
        if seen.table == Table::Relations || !watches {
            continue;
        }
        for at in seen.diff.touched.iter().map(|at| *at as usize) {
            let (is_new, is_double) = (seen.diff.olds[at] == 0, seen.is_double(at));
            let is_watched = !is_double && (watches_primary || !relation_columns.is_empty());
            if !is_new && !is_watched {
                continue;
            }
            let Ok(record) = export.record(at) else {
                continue;
            };
            let Some(no) = record.value(0).map(canonical) else {
                continue;
            };
            let known = (seen.table, no);
            // Who vanished before it got a contact is as new as ever.
            let is_awaited = awaited.contains(&known);
            let is_returned = is_new && gone.contains(&known) && !is_awaited;
            if is_returned {
                triggers.returned.insert(known.clone());
            }
            // Who stands twice is there, and nothing that it says is heard.
            if is_double {
                continue;
            }
            if !is_returned && is_new && (creates || is_awaited) {
                triggers.newcomers.insert(known.clone());
            }
            let base = match (seen.diff.olds[at] as usize).checked_sub(1) {
                Some(old) => seen.rows.get(seen.index.row(old))?,
                None => None,
            };
            if watches_primary {
                triggers.primaries.extend(primary::moved(
                    seen.table,
                    &known.1,
                    record.row(),
                    base.as_ref(),
                    is_returned,
                    pending.sent(seen.table, seen.formerly_called(&known.1)),
                ));
            }
            for column in &relation_columns {
                let moved =
                    columns::column_move(seen.table, &known.1, column, record.row(), base.as_ref());
                triggers.columns.extend(moved);
            }
        }
    }
    Ok(triggers)
}

/// Whether a relation of which nothing was known before, or that was left open, names a record that is gone: that went while it
/// could not be read. One that no row shows says what it said.
fn names_gone(relations: &Seen<'_>, gone: &BTreeSet<(Table, String)>) -> Result<bool, StateError> {
    let Some(export) = &relations.export else {
        return Ok(false);
    };
    let index = &relations.index;
    let was_open = |old: usize| index.prints[old] == 0 || index.links.at(old)[0] == 0;
    let is_gone = |Relation { contact, no, .. }: Relation| {
        let mut counterparts = Kind::all().map(Table::Counterparts);
        gone.contains(&(Table::Contacts, contact))
            || counterparts.any(|table| gone.contains(&(table, no.clone())))
    };
    let touched = relations.diff.touched.iter().map(|at| *at as usize);
    let listed = touched.filter(|at| {
        let old = (relations.diff.olds[*at] as usize).checked_sub(1);
        old.is_none_or(was_open)
    });
    let mut records = listed.filter_map(|at| export.record(at).ok());
    if records.any(|record| is_gone(read_relation(&record))) {
        return Ok(true);
    }
    let unlisted = relations.unlisted().into_iter();
    for old in unlisted.filter(|old| was_open(*old)) {
        let row = relations.rows.get(index.row(old))?;
        if row.is_some_and(|row| is_gone(relation_of(&row))) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Arranges what orders and rules ask for; each sees what was arranged before it. An order that is refused leaves nothing
/// behind but, at the most, a number that nobody gets. Events come last: they find the contacts that the others make.
pub fn arrange(
    scene: &Scene<'_, '_>,
    orders: &[Order],
    triggers: &Triggers,
    news: &[News],
) -> Result<Arranged, StateError> {
    let mut arranger = Arranger::new(scene);
    arranger.repeat_unwritten()?;
    arranger.pay_owed()?;
    arranger.follow_renames()?;
    arranger.forget_taken(&triggers.primaries)?;
    for (table, no) in &triggers.returned {
        arranger.give_back(*table, no)?;
    }
    arranger.take_away(&triggers.primaries)?;
    for column in &triggers.columns {
        arranger.follow_column(column)?;
    }
    for moved in &triggers.primaries {
        arranger.follow_primary(moved)?;
    }
    for order in orders {
        let outcome = arranger.carry_out(order)?;
        let answers = std::mem::take(&mut arranger.out.answers);
        arranger.out.outcomes.push(match outcome {
            Ok(()) => OrderOutcome::Done(answers),
            Err(refusal) => OrderOutcome::Refused(refusal),
        });
    }
    for (table, no) in &triggers.newcomers {
        if let Table::Counterparts(kind) = table {
            arranger.welcome(*kind, no)?;
        }
    }
    arranger.adopt_quotes()?;
    arranger.log_events(news)?;
    Ok(arranger.out)
}

/// What a rule or an order is refused for, as a sentence.
type Refusal = String;

/// Done, or refused by a rule; or the state failed.
type Arrangement<T = ()> = Result<Result<T, Refusal>, StateError>;

struct Arranger<'s, 'a, 'c> {
    scene: &'s Scene<'a, 'c>,
    out: Arranged,
    /// Counterparts in force by contact, as tagged keys.
    of_contact: PrintMap<Vec<u64>>,
    /// Contacts in force by tagged counterpart.
    of_counterpart: PrintMap<u64>,
    /// Relation rows that were looked at anew in this pass: those that do not couple are among them.
    fresh: Vec<(usize, Relation)>,
    /// Who names whom, once somebody asked.
    references: References,
    /// The marks that the state knows, once somebody asked; but what was taken to a place that somebody has decided on since.
    known_marks: OnceCell<Marks>,
}

impl<'s, 'a, 'c> Arranger<'s, 'a, 'c> {
    fn new(scene: &'s Scene<'a, 'c>) -> Arranger<'s, 'a, 'c> {
        let mut arranger = Arranger {
            scene,
            out: Arranged::default(),
            of_contact: PrintMap::default(),
            of_counterpart: PrintMap::default(),
            fresh: Vec::new(),
            references: References::default(),
            known_marks: OnceCell::new(),
        };
        let relations = arranger.seen(Table::Relations);
        for [contact, counterpart] in scene.couplings.in_force(relations) {
            arranger.couple_keys(contact, counterpart);
        }
        if let Some(seen) = arranger.seen(Table::Relations)
            && let Some(export) = &seen.export
        {
            let touched = seen.diff.touched.iter().map(|at| *at as usize);
            arranger.fresh = touched
                .filter_map(|at| Some((at, read_relation(&export.record(at).ok()?))))
                .collect();
        }
        arranger
    }

    fn couple_keys(&mut self, contact: u64, counterpart: u64) {
        self.of_contact
            .entry(contact)
            .or_default()
            .push(counterpart);
        self.of_counterpart.insert(counterpart, contact);
    }

    fn carry_out(&mut self, order: &Order) -> Arrangement {
        match order {
            Order::Link {
                contact,
                kind,
                no,
                master,
            } => self.link(&canonical(contact), *kind, &canonical(no), *master),
            Order::Unlink { contact, kind } => self.unlink(&canonical(contact), *kind),
            Order::CreateCounterpart {
                contact,
                kind,
                template,
            } => self.create_counterpart(&canonical(contact), *kind, template),
            Order::CreateContacts { kind, nos } => self.create_contacts(*kind, nos),
            Order::CreateContact {
                company,
                person,
                values,
            } => self.create_contact(company.as_deref(), *person, values),
            Order::Document(document) => self.create_document(document),
            Order::Log(manual) => self.log(manual),
            Order::Amend { entry_no, how } => self.amend(*entry_no, how),
        }
    }

    fn seen(&self, table: Table) -> Option<&'a Seen<'c>> {
        self.scene.tables.get(table.index())?.as_ref()
    }

    fn key(&self, no: &str) -> u64 {
        plain(key_print(&[no], self.scene.seed))
    }

    /// The number of a record that the state knows under this one.
    fn now_called(&self, table: Table, no: &str) -> String {
        let seen = self.seen(table);
        seen.map_or(no, |seen| seen.now_called(no)).to_owned()
    }

    /// A table whose export says something in this pass.
    fn speaking(&self, table: Table) -> Result<&'a Seen<'c>, Refusal> {
        let configured = self.seen(table).filter(|seen| seen.is_configured);
        let Some(seen) = configured else {
            return Err(format!("[tables.{table}] is not configured"));
        };
        if seen.export.is_none() {
            return Err(format!(
                "{} says nothing in this pass (`couplet problems list` says why)",
                seen.file()
            ));
        }
        Ok(seen)
    }

    /// A table that the pass can write to.
    fn writable(&self, table: Table) -> Result<&'a Seen<'c>, Refusal> {
        let seen = self.speaking(table)?;
        if seen.route() == Route::Nowhere {
            return Err(format!(
                "`write_back` is not set for [tables.{table}], so nothing can be written for it"
            ));
        }
        Ok(seen)
    }

    /// What a record shows, or is to show where the pass creates it.
    fn row(&self, table: Table, no: &str) -> Result<Option<Row>, StateError> {
        let key = self.key(no);
        if let Some(birth) = self.out.birth(table, key) {
            return Ok(Some(birth.row.clone()));
        }
        match self.seen(table) {
            Some(seen) => seen.row(key),
            None => Ok(None),
        }
    }

    /// What is known of a record, also where its row cannot be read.
    fn known(&self, table: Table, no: &str) -> Result<Option<Row>, StateError> {
        let key = self.key(no);
        if let Some(birth) = self.out.birth(table, key) {
            return Ok(Some(birth.row.clone()));
        }
        match self.seen(table) {
            Some(seen) => seen.known(key),
            None => Ok(None),
        }
    }

    /// The contact of a counterpart, by number.
    fn contact_of(&self, kind: Kind, no: &str) -> Result<Option<String>, StateError> {
        let tagged = tagged(self.key(no), Table::Counterparts(kind));
        match self.of_counterpart.get(&tagged) {
            Some(contact) => self.number(Table::Contacts, *contact),
            None => Ok(None),
        }
    }

    /// The counterpart of a contact, by number.
    fn counterpart_of(&self, contact: &str, kind: Kind) -> Result<Option<String>, StateError> {
        let table = Table::Counterparts(kind);
        let counterparts = self.of_contact.get(&self.key(contact));
        let found = counterparts.into_iter().flatten().find_map(|tagged| {
            untagged(*tagged)
                .filter(|(of, _)| *of == table)
                .map(|(_, key)| key)
        });
        match found {
            Some(key) => self.number(table, key),
            None => Ok(None),
        }
    }

    fn number(&self, table: Table, key: u64) -> Result<Option<String>, StateError> {
        if let Some(birth) = self.out.birth(table, key) {
            return Ok(Some(birth.no.clone()));
        }
        let Some(seen) = self.seen(table) else {
            return Ok(None);
        };
        let row = match seen.row(key)? {
            Some(row) => Some(row),
            None => seen.base(key)?,
        };
        Ok(row.as_ref().and_then(|row| row.get(0)).map(canonical))
    }

    /// The company of a person; `None` for a company, and for a person without one. What is given to it counts, also
    /// while its system has not imported that.
    fn company_of(&self, row: &Row) -> Result<Option<String>, StateError> {
        let own = canonical(cell(Table::Contacts, row, "No."));
        let mut company = match self.out.given_company(self.key(&own)) {
            Some(no) => no.to_owned(),
            None => canonical(cell(Table::Contacts, row, "Company No.")),
        };
        if company.is_empty() {
            let agreed = self.scene.store.agreed(&own)?.into_iter();
            let mut agreed = agreed.filter(|(field, _)| field == "Company No.");
            company = agreed.next().map_or(company, |(_, no)| canonical(&no));
        }
        Ok((is_person(row) && !company.is_empty() && company != own).then_some(company))
    }

    fn bear(&mut self, birth: Birth) {
        let key = self.key(&birth.no);
        if birth.table == Table::Contacts {
            self.out.concerned.push(key);
        }
        self.out
            .by_key
            .insert(tagged(key, birth.table), self.out.births.len());
        self.out.births.push(birth);
    }

    /// A row for a new record: its number, also in the correlation column where the table has it.
    fn new_row(&self, table: Table, no: &str) -> Row {
        let mut row = Row::unknown(table);
        let export = self.seen(table).and_then(|seen| seen.export.as_ref());
        for (column, _) in table.columns().iter().enumerate() {
            if export.is_some_and(|export| export.columns.has(column)) {
                row.set(column, Some(String::new()));
            }
        }
        row.set(0, Some(no.to_owned()));
        let correlates = table.column(CORRELATION).filter(|column| {
            export.is_some_and(|export| export.columns.position(*column).is_some())
        });
        if let Some(column) = correlates {
            row.set(column, Some(no.to_owned()));
        }
        row
    }

    fn concern(&mut self, contact: &str) -> u64 {
        let key = self.key(contact);
        self.out.concerned.push(key);
        key
    }

    fn trouble(&mut self, table: Table, no: &str, kind: &str, reason: String, advice: &str) {
        let place = Place {
            table: table.name().to_owned(),
            file: self.seen(table).map(Seen::file),
            key: Some(no.to_owned()),
            ..Place::default()
        };
        self.out
            .problems
            .push(Problem::new(place, kind, reason, advice));
    }

    fn mark(&mut self, mark: Mark, table: Table, no: &str, body: String) {
        self.out.marked.put(MarkRow {
            mark,
            table: table.name().to_owned(),
            no: no.to_owned(),
            body,
        });
    }

    /// The marks that earlier passes set.
    fn known_marks(&self) -> &Marks {
        self.known_marks.get_or_init(|| Marks::of(self.scene.marks))
    }

    fn unmark(&mut self, mark: Mark, table: Table, no: &str) {
        if self.known_marks().body(mark, table, no).is_some() {
            self.out.unmarked.push(MarkRow {
                mark,
                table: table.name().to_owned(),
                no: no.to_owned(),
                body: String::new(),
            });
        }
    }
}

/// A number or code as it is compared.
fn canonical(no: &str) -> String {
    form::canonical(Form::Code, no).into_owned()
}

/// The cell of a column; blank where the row does not say.
fn cell<'r>(table: Table, row: &'r Row, column: &str) -> &'r str {
    table
        .column(column)
        .and_then(|column| row.get(column))
        .unwrap_or_default()
}

fn set(table: Table, row: &mut Row, column: &str, value: &str) {
    if let Some(at) = table.column(column).filter(|at| row.get(*at).is_some()) {
        row.set(at, Some(value.to_owned()));
    }
}

fn is_person(row: &Row) -> bool {
    form::caption(Form::ContactType, cell(Table::Contacts, row, "Type")) == Some("Person")
}

fn says_yes(value: &str) -> bool {
    form::caption(Form::Boolean, value) == Some("Yes")
}
