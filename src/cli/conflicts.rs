//! `couplet conflicts`: the inbox of fields that wait for a person.

use std::fmt::Write as _;

use serde_json::json;

use crate::config::Config;
use crate::exit::Exit;
use crate::merge::plan::{Claim, Quoted};
use crate::model::{FieldId, Side, Table};
use crate::state::queries::OpenConflict;
use crate::state::{StateError, Store};
use crate::sync::decisions::{self, Choice, Undecidable};

use super::output::grouped;
use super::{Answer, Context, Failure};

/// Arguments of `conflicts`.
#[derive(Debug, clap::Subcommand)]
pub enum Args {
    /// List them
    List {
        /// Those that are settled, and what was said in open ones before, newest first
        #[arg(long)]
        settled: bool,

        #[command(flatten)]
        filter: Filter,
    },
    /// Show one, or several, in full
    Show {
        /// Their ids
        #[arg(required = true)]
        ids: Vec<String>,
    },
    /// Decide: the next pass carries it out
    Resolve(Resolve),
}

/// Which conflicts.
#[derive(Debug, clap::Args)]
pub struct Filter {
    /// Only those of parties with a record in this table
    #[arg(long)]
    table: Option<String>,

    /// Only those on this field
    #[arg(long)]
    field: Option<String>,
}

/// Arguments of `conflicts resolve`.
#[derive(Debug, clap::Args)]
#[command(group = clap::ArgGroup::new("decision").args(["take", "value"]).required(true))]
pub struct Resolve {
    /// Their ids
    ids: Vec<String>,

    /// Take the value of this side, or what was agreed before: contact, customer, vendor, bank-account, base
    #[arg(long, value_name = "SIDE")]
    take: Option<String>,

    /// Take this value
    #[arg(long, value_name = "TEXT")]
    value: Option<String>,

    /// All that the filters leave
    #[arg(long, conflicts_with = "ids")]
    all: bool,

    #[command(flatten)]
    filter: Filter,
}

impl Args {
    /// Whether it changes something.
    pub fn changes(&self) -> bool {
        matches!(self, Args::Resolve(_))
    }
}

pub fn run(context: &Context<'_>, args: &Args) -> Answer {
    let config = context.config()?;
    let store = context.store(&config)?;
    let conflicts = store.conflicts()?;
    match args {
        Args::List {
            settled: true,
            filter,
        } => {
            let (passes, settled): (Vec<u64>, Vec<OpenConflict>) =
                store.settled()?.into_iter().unzip();
            let chosen = filtered(&settled, filter)?;
            let mut text = String::new();
            let mut values = Vec::new();
            for (at, (conflict, pass)) in settled.iter().zip(&passes).enumerate() {
                if chosen.iter().any(|chosen| std::ptr::eq(*chosen, conflict)) {
                    // What is newest stands first, and what is open is newer still.
                    let mut newer = conflicts.iter().chain(&settled[..at]);
                    let went_on = newer.any(|newer| goes_on_from(newer, conflict));
                    let end = match went_on {
                        true => format!("so until pass {pass}, when a side said something else"),
                        false => format!("settled by pass {pass}; {}", how_settled(conflict)),
                    };
                    let _ = writeln!(text, "{}  {end}\n", claims(conflict));
                    let mut value = json!(conflict);
                    value["until_pass"] = json!(pass);
                    value["settled_pass"] = json!((!went_on).then_some(pass));
                    values.push(value);
                }
            }
            context.out.text(if text.is_empty() {
                "No settled conflicts.\n"
            } else {
                &text
            });
            context.out.json(&json!({ "conflicts": values }));
            Ok(Exit::Done)
        }
        Args::List {
            settled: false,
            filter,
        } => {
            let chosen = filtered(&conflicts, filter)?;
            let text = match chosen.is_empty() {
                true => "No conflicts.\n".to_owned(),
                false => chosen
                    .iter()
                    .map(|conflict| in_full(conflict))
                    .collect::<Vec<_>>()
                    .join("\n"),
            };
            context.out.text(&text);
            context.out.json(&json!({ "conflicts": chosen }));
            Ok(
                if chosen.iter().any(|conflict| conflict.decided.is_none()) {
                    Exit::Waiting
                } else {
                    Exit::Done
                },
            )
        }
        Args::Show { ids } => {
            let chosen = by_ids(&store, &conflicts, ids, "")?;
            let text: Vec<String> = chosen.iter().map(|conflict| in_full(conflict)).collect();
            context.out.text(&text.join("\n"));
            context.out.json(&json!({ "conflicts": chosen }));
            Ok(Exit::Done)
        }
        Args::Resolve(resolve) => {
            let filter = &resolve.filter;
            let is_filtered = filter.table.is_some() || filter.field.is_some();
            let chosen = match (resolve.ids.is_empty(), resolve.all || is_filtered) {
                (false, _) => by_ids(&store, &conflicts, &resolve.ids, TO_CHANGE_IT)?,
                (true, true) => filtered(&conflicts, filter)?,
                (true, false) => {
                    return Err(Failure::Usage(
                        "name conflicts, a --table or --field, or --all".to_owned(),
                    ));
                }
            };
            // All decisions are looked up before the first is kept.
            let mut values = Vec::with_capacity(chosen.len());
            for conflict in &chosen {
                let value = decision(&config, conflict, resolve);
                values.push(value.map_err(|failure| of_many(failure, conflict, resolve))?);
            }
            let now = jiff::Zoned::now().strftime("%Y-%m-%dT%H:%M:%S").to_string();
            let mut text = String::new();
            for (conflict, value) in chosen.iter().zip(&values) {
                store.decide(conflict, value, &now)?;
                let about = &conflict.conflict;
                let _ = writeln!(
                    text,
                    "{}  contact {}, {}: {}",
                    conflict.id,
                    about.contact,
                    about.field,
                    Quoted(value)
                );
            }
            let end = match chosen.len() as u64 {
                0 => "No conflict is like that; nothing was decided.".to_owned(),
                1 => "1 conflict decided; the next pass carries it out (`couplet reconcile`), unless a side changes before.".to_owned(),
                many => format!(
                    "{} conflicts decided; the next pass carries them out (`couplet reconcile`), unless a side changes before.",
                    grouped(many)
                ),
            };
            let _ = writeln!(text, "{end}");
            context.out.text(&text);
            let decided: Vec<_> = chosen
                .iter()
                .zip(&values)
                .map(|(conflict, value)| json!({ "id": conflict.id, "value": value }))
                .collect();
            context.out.json(&json!({ "decided": decided }));
            Ok(Exit::Done)
        }
    }
}

fn filtered<'c>(
    conflicts: &'c [OpenConflict],
    filter: &Filter,
) -> Result<Vec<&'c OpenConflict>, Failure> {
    let table = match &filter.table {
        None => None,
        Some(name) => Some(
            Table::named(name)
                .ok_or_else(|| Failure::Usage(format!("there is no table {name}")))?,
        ),
    };
    let field = match &filter.field {
        None => None,
        Some(name) => Some(field_named(name)?),
    };
    Ok(conflicts
        .iter()
        .filter(|open| {
            table.is_none_or(|table| {
                open.conflict
                    .claims
                    .iter()
                    .any(|claim| claim.side.table() == table)
            })
        })
        .filter(|open| field.is_none_or(|field| open.conflict.field == field))
        .collect())
}

/// The shared field of this name, without regard to case, blanks and punctuation.
pub fn field_named(name: &str) -> Result<&'static str, Failure> {
    let bare = |name: &str| {
        name.chars()
            .filter(|c| c.is_alphanumeric())
            .flat_map(char::to_lowercase)
            .collect::<String>()
    };
    FieldId::all()
        .map(|field| field.def().name)
        .find(|field| bare(field) == bare(name))
        .ok_or_else(|| Failure::Usage(format!("there is no shared field {name}")))
}

/// How to go on where somebody wants to decide what is settled.
const TO_CHANGE_IT: &str =
    "; to change it now, enter the value in one of the systems; the next pass carries it on";

/// The open conflicts with these ids; where one is settled, `advice` ends the error.
fn by_ids<'c>(
    store: &Store,
    conflicts: &'c [OpenConflict],
    ids: &[String],
    advice: &str,
) -> Result<Vec<&'c OpenConflict>, Failure> {
    let of_id = |id: &String| {
        let is_it = |open: &&OpenConflict| open.id.eq_ignore_ascii_case(id);
        match conflicts.iter().find(is_it) {
            Some(open) => Ok(open),
            None => Err(Failure::Refused(not_open(store, id, advice)?)),
        }
    };
    ids.iter().map(of_id).collect()
}

/// Why nothing is open under an id, as a sentence: how it was settled, where it was.
fn not_open(store: &Store, id: &str, advice: &str) -> Result<String, StateError> {
    let settled = store.settled()?;
    let is_it = |(_, open): &&(u64, OpenConflict)| open.id.eq_ignore_ascii_case(id);
    Ok(match settled.iter().find(is_it) {
        None => format!("there is no conflict {id}; `couplet conflicts list` has them all"),
        Some((pass, open)) => format!(
            "conflict {} is settled since pass {pass}; {} (`couplet conflicts list --settled`){advice}",
            open.id,
            how_settled(open)
        ),
    })
}

/// How a conflict that is settled came to be so.
fn how_settled(settled: &OpenConflict) -> String {
    match &settled.decided {
        Some(value) => format!("the decision was {}", Quoted(value)),
        None => "nobody decided it: its sides came to agree, or to part".to_owned(),
    }
}

/// Whether a conflict is what an earlier one of the same sides became, as one of them said something else.
fn goes_on_from(newer: &OpenConflict, older: &OpenConflict) -> bool {
    newer.id == older.id && newer.opened_pass == older.opened_pass
}

fn decision(config: &Config, open: &OpenConflict, resolve: &Resolve) -> Result<String, Failure> {
    let choice = match (&resolve.value, &resolve.take) {
        (Some(value), _) => Choice::Value(value),
        (None, take) => Choice::Take(take.as_deref().unwrap_or_default()),
    };
    decisions::value(config, open, choice).map_err(|undecidable| match undecidable {
        Undecidable::Refused(reason) => Failure::Refused(reason),
        Undecidable::NoSide(take) => Failure::Usage(format!(
            "--take {take}: say contact, customer, vendor, bank-account or base"
        )),
    })
}

/// Why one of many conflicts that filters left stops all of them; where its party lacks the side, with the filter that leaves it out.
fn of_many(failure: Failure, open: &OpenConflict, resolve: &Resolve) -> Failure {
    let side = resolve.take.as_deref().and_then(Side::named);
    let has = |side: Side| {
        let mut claims = open.conflict.claims.iter();
        claims.any(|claim| claim.side == side)
    };
    match (failure, side) {
        (Failure::Refused(reason), Some(side)) if resolve.ids.is_empty() && !has(side) => {
            Failure::Refused(format!(
                "{reason}; nothing was decided; --table {} leaves only parties with a {side}",
                side.table()
            ))
        }
        (failure, _) => failure,
    }
}

/// A conflict so that a person in accounting understands it.
fn in_full(open: &OpenConflict) -> String {
    let conflict = &open.conflict;
    let mut text = claims(open);
    match &open.decided {
        Some(value) => {
            let _ = writeln!(
                text,
                "  decided          {}, to be carried out by the next pass",
                Quoted(value)
            );
        }
        None => {
            let sides: Vec<&str> = conflict
                .claims
                .iter()
                .filter(|c| c.shows.is_some())
                .map(|c| c.side.noun())
                .collect();
            let base = if conflict.agreed.is_some() {
                "|base"
            } else {
                ""
            };
            let _ = writeln!(
                text,
                "  nobody is overwritten until you decide (open since pass {}, {}):",
                open.opened_pass, open.opened_at
            );
            let _ = writeln!(
                text,
                "    couplet conflicts resolve {} --take {}{base}",
                open.id,
                sides.join("|")
            );
        }
    }
    text
}

/// What a conflict is about, and what each side says.
fn claims(open: &OpenConflict) -> String {
    let conflict = &open.conflict;
    let mut text = String::new();
    let _ = writeln!(
        text,
        "{}  contact {}, {}",
        open.id, conflict.contact, conflict.field
    );
    let _ = writeln!(text, "  {}.", conflict.why);
    let agreed = match &conflict.agreed {
        Some(agreed) => Quoted(agreed).to_string(),
        None => "(they never agreed)".to_owned(),
    };
    let mut lines = vec![("agreed before".to_owned(), agreed, String::new())];
    for claim in &conflict.claims {
        let (value, change) = shows(claim);
        lines.push((
            format!("{} {}", claim.side, claim.no),
            value,
            format!("{change}{}", place(claim)),
        ));
    }
    let width = |of: fn(&(String, String, String)) -> &String| {
        lines
            .iter()
            .map(|line| of(line).chars().count())
            .max()
            .unwrap_or(0)
    };
    let (names, values) = (width(|line| &line.0), width(|line| &line.1));
    for (name, value, rest) in &lines {
        let line = format!("  {name:<names$}  {value:<values$}  {rest}");
        let _ = writeln!(text, "{}", line.trim_end());
    }
    text
}

/// What a side shows, and how that came about.
fn shows(claim: &Claim) -> (String, String) {
    let change = match (&claim.base, claim.moved) {
        (Some(base), true) => format!("changed from {}", Quoted(base)),
        (None, true) => "at its first meeting".to_owned(),
        (_, false) => "unchanged".to_owned(),
    };
    match &claim.shows {
        Some(value) => (Quoted(value).to_string(), change),
        None => (
            "(says nothing)".to_owned(),
            "its export says nothing now".to_owned(),
        ),
    }
}

fn place(claim: &Claim) -> String {
    claim
        .line
        .map(|line| format!(" ({}:{line})", claim.file))
        .unwrap_or_default()
}
