//! `couplet interactions`: what was done with contacts, and what somebody enters of it.

use std::fmt::Write as _;

use clap::ValueEnum;
use serde_json::json;

use crate::exit::Exit;
use crate::merge::interaction::{DocumentType, Statistics};
use crate::model::{Flag, Form, InteractionLogEntry, form};
use crate::sync::apply::log_form::{LogForm, Whole};
use crate::sync::arrange::Answer as Did;
use crate::sync::arrange::orders::{Amendment, Manual, Order};

use super::output::count;
use super::reconcile::carry_out;
use super::{Answer, Context, Failure};

/// Arguments of `interactions`.
#[derive(Debug, clap::Subcommand)]
pub enum Args {
    /// List interactions as they are now, with count, cost and duration
    List(List),
    /// Log an interaction by hand; prints its number
    Add(Box<Add>),
    /// Finish an interaction that was postponed; what is not given stays
    Resume(Box<Resume>),
    /// Cancel an interaction: it stays in the log, and counts no more
    Cancel(Cancel),
    /// Say how an interaction went
    Evaluate(Evaluate),
}

/// Arguments of `interactions list`.
#[derive(Debug, clap::Args)]
pub struct List {
    /// Only those of this contact
    #[arg(long, value_name = "NO")]
    contact: Option<String>,

    /// Only those of this company and its persons
    #[arg(long, value_name = "NO")]
    company: Option<String>,

    /// Only those of this day or later (2026-11-23)
    #[arg(long, value_name = "DATE")]
    from: Option<String>,

    /// Only those of this day or earlier
    #[arg(long, value_name = "DATE")]
    to: Option<String>,

    /// Only those with this interaction template
    #[arg(long, value_name = "CODE")]
    template: Option<String>,

    /// Only those of this type of document: "Sales Inv.", "sales invoice", …
    #[arg(long, value_name = "TYPE")]
    document_type: Option<String>,

    /// Only those of this document
    #[arg(long, value_name = "NO")]
    document: Option<String>,

    /// Only the last so many
    #[arg(long, value_name = "COUNT")]
    last: Option<usize>,

    /// How they are printed
    #[arg(long = "as", value_enum, default_value_t = As::Table)]
    printed: As,
}

/// How a list is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum As {
    /// A line each, for people
    Table,
    /// CSV with all fields
    Csv,
    /// JSON Lines with all fields
    Jsonl,
}

/// What is entered of an interaction.
#[derive(Debug, clap::Args)]
pub struct Fields {
    /// Interaction template; for a phone call the one of the template setup
    #[arg(long, value_name = "CODE")]
    template: Option<String>,

    /// Salesperson; else the user's (user_salesperson_code), else the contact's
    #[arg(long, value_name = "CODE")]
    salesperson: Option<String>,

    /// The day (2026-11-23)
    #[arg(long, value_name = "DATE")]
    date: Option<String>,

    /// The time of day (14:05)
    #[arg(long, value_name = "TIME")]
    time: Option<String>,

    /// What it was; else what the template says
    #[arg(long, value_name = "TEXT")]
    description: Option<String>,

    /// Subject
    #[arg(long, value_name = "TEXT")]
    subject: Option<String>,

    /// Cost, instead of the template's
    #[arg(long, value_name = "NUMBER")]
    cost: Option<String>,

    /// Minutes, instead of the template's
    #[arg(long, value_name = "NUMBER")]
    duration: Option<String>,

    /// How it went: "Very Positive", Positive, Neutral, Negative, "Very Negative"
    #[arg(long, value_name = "WORD")]
    evaluation: Option<String>,

    /// It was an attempt that failed: nobody was reached
    #[arg(long)]
    failed: bool,

    /// A phone call, to this number; without one, to the contact's
    #[arg(long, value_name = "NUMBER", num_args = 0..=1, default_missing_value = "")]
    call: Option<String>,

    /// Campaign
    #[arg(long, value_name = "NO")]
    campaign: Option<String>,

    /// Opportunity
    #[arg(long, value_name = "NO")]
    opportunity: Option<String>,

    /// Who enters it; else `user` under [interactions]
    #[arg(long, value_name = "NAME")]
    user: Option<String>,

    /// It is finished later (`interactions resume`): not everything need be given yet
    #[arg(long)]
    postponed: bool,

    /// Print the plan and write nothing
    #[arg(long)]
    dry_run: bool,
}

/// Arguments of `interactions add`.
#[derive(Debug, clap::Args)]
pub struct Add {
    /// The contact's number
    #[arg(long, value_name = "NO")]
    contact: String,

    #[command(flatten)]
    fields: Fields,
}

/// Arguments of `interactions resume`.
#[derive(Debug, clap::Args)]
pub struct Resume {
    /// The interaction's number
    entry: u64,

    #[command(flatten)]
    fields: Fields,
}

/// Arguments of `interactions cancel`.
#[derive(Debug, clap::Args)]
pub struct Cancel {
    /// The interaction's number
    entry: u64,

    /// It is not cancelled any more
    #[arg(long)]
    undo: bool,
}

/// Arguments of `interactions evaluate`.
#[derive(Debug, clap::Args)]
pub struct Evaluate {
    /// The interaction's number
    entry: u64,

    /// "Very Positive", Positive, Neutral, Negative or "Very Negative"
    evaluation: String,
}

impl Args {
    /// Whether it changes something.
    pub fn changes(&self) -> bool {
        !matches!(self, Args::List(_))
    }
}

pub fn run(context: &Context<'_>, args: &Args) -> Answer {
    let told = |did: &Did| format!("{}\n", did.sentence());
    let amend = |entry_no: u64, how: Amendment, dry_run: bool| {
        let order = Order::Amend { entry_no, how };
        carry_out(context, vec![order], dry_run, &told)
    };
    match args {
        Args::List(args) => list(context, args),
        Args::Add(args) => {
            let mut manual = args.fields.entered();
            manual.entry.contact_no.clone_from(&args.contact);
            // Today is what people mean who do not say; a requests file has to.
            if args.fields.date.is_none() {
                manual.entry.date = jiff::Zoned::now().strftime("%Y-%m-%d").to_string();
            }
            let order = Order::Log(Box::new(manual));
            let number = |did: &Did| match did {
                Did::Logged { entry_no, .. } => format!("{entry_no}\n"),
                _ => String::new(),
            };
            carry_out(context, vec![order], args.fields.dry_run, &number)
        }
        Args::Resume(args) => {
            let how = Amendment::Resume(Box::new(args.fields.entered()));
            amend(args.entry, how, args.fields.dry_run)
        }
        Args::Cancel(args) => amend(args.entry, Amendment::Cancel(!args.undo), false),
        Args::Evaluate(args) => {
            let how = Amendment::Evaluate(args.evaluation.clone());
            amend(args.entry, how, false)
        }
    }
}

impl Fields {
    fn entered(&self) -> Manual {
        let text = |value: &Option<String>| value.clone().unwrap_or_default();
        Manual {
            entry: InteractionLogEntry {
                interaction_template: text(&self.template),
                salesperson: text(&self.salesperson),
                date: text(&self.date),
                time_of_interaction: text(&self.time),
                description: text(&self.description),
                subject: text(&self.subject),
                cost: text(&self.cost),
                duration: text(&self.duration),
                evaluation: text(&self.evaluation),
                attempt_failed: Flag::from(self.failed),
                contact_via: text(&self.call),
                campaign_no: text(&self.campaign),
                opportunity_no: text(&self.opportunity),
                user_id: text(&self.user),
                ..InteractionLogEntry::default()
            },
            is_call: self.call.is_some(),
            is_postponed: self.postponed,
        }
    }
}

fn list(context: &Context<'_>, args: &List) -> Answer {
    let store = context.store(&context.config()?)?;
    let code = |no: &Option<String>| {
        let no = no.as_deref();
        no.map(|no| form::canonical(Form::Code, no).into_owned())
    };
    let (contact, company) = (code(&args.contact), code(&args.company));
    let (template, document) = (code(&args.template), code(&args.document));
    let kind = match &args.document_type {
        None => None,
        Some(word) => Some(DocumentType::named(word).ok_or_else(|| {
            Failure::Usage(format!(
                "{word:?} is no type of document: say \"Sales Inv.\" or \"sales invoice\", for example"
            ))
        })?),
    };
    for date in [&args.from, &args.to].into_iter().flatten() {
        if date.parse::<jiff::civil::Date>().is_err() {
            return Err(Failure::Usage(format!(
                "{date:?} is no date: write 2026-11-23"
            )));
        }
    }
    let is = |wanted: &Option<String>, value: &String| {
        wanted.as_ref().is_none_or(|wanted| wanted == value)
    };
    let fits = |entry: &InteractionLogEntry| {
        is(&company, &entry.contact_company_no)
            && is(&template, &entry.interaction_template)
            && is(&document, &entry.document_no)
            && kind.is_none_or(|kind| entry.document_type == kind.caption)
            && args.from.as_ref().is_none_or(|from| *from <= entry.date)
            && args.to.as_ref().is_none_or(|to| entry.date <= *to)
    };
    let mut entries: Vec<InteractionLogEntry> = Vec::new();
    store.current_interactions(contact.as_deref(), &mut |mut entry| {
        if fits(&entry) {
            entry.entry_no = entry.known_as();
            entries.push(entry);
        }
    })?;
    if let Some(last) = args.last {
        entries.drain(..entries.len().saturating_sub(last));
    }
    let mut statistics = Statistics::default();
    entries.iter().for_each(|entry| statistics.add(entry));
    let whole: Vec<Whole<'_>> = entries.iter().map(Whole).collect();
    context.out.json(&json!({
        "interactions": whole,
        "count": statistics.count,
        "cost": statistics.cost(),
        "duration": statistics.duration(),
    }));
    let form = match args.printed {
        As::Table => {
            context.out.text(&lines(&entries, &statistics));
            return Ok(Exit::Done);
        }
        As::Csv => LogForm::Csv,
        As::Jsonl => LogForm::JsonLines,
    };
    let mut text = Vec::new();
    form.write(&entries, true, &mut text)
        .map_err(|error| Failure::Refused(error.to_string()))?;
    context.out.data(&String::from_utf8_lossy(&text));
    Ok(Exit::Done)
}

fn lines(entries: &[InteractionLogEntry], statistics: &Statistics) -> String {
    let mut text = String::new();
    for entry in entries {
        let document = match (entry.document_type.as_str(), entry.document_no.as_str()) {
            ("", no) => no.to_owned(),
            (kind, no) => format!("{kind} {no}"),
        };
        let states = [
            ("cancelled", entry.canceled),
            ("postponed", entry.postponed),
            ("attempt failed", entry.attempt_failed),
        ];
        let states = states.iter().filter(|(_, flag)| *flag == Flag::Yes);
        let mut notes: Vec<&str> = states.map(|(word, _)| *word).collect();
        notes.extend(Some(entry.evaluation.as_str()).filter(|word| !word.is_empty()));
        let notes = match notes.is_empty() {
            true => String::new(),
            false => format!("  ({})", notes.join(", ")),
        };
        let _ = writeln!(
            text,
            "{:>7}  {}  {:<10} {:<10} {:<24} {}{notes}",
            entry.entry_no,
            entry.date,
            entry.contact_no,
            entry.interaction_template,
            document,
            entry.description
        );
    }
    let duration = statistics.duration();
    let _ = writeln!(
        text,
        "{}, cost {}, {duration} {}",
        count(statistics.count, "interaction", "interactions"),
        statistics.cost(),
        if duration == "1" { "minute" } else { "minutes" }
    );
    text
}
