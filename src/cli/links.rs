//! `couplet links`: who is coupled, who could be, and who should not be.

use std::fmt::Write as _;

use clap::ValueEnum;
use serde_json::json;

use crate::disk::RealDisk;
use crate::exit::Exit;
use crate::sync::arrange::Answer as Did;
use crate::sync::arrange::orders::{Master, Order};
use crate::sync::links::{Link, Standing, links};
use crate::sync::{Effects, SystemClock};

use super::create::kind;
use super::output::count;
use super::reconcile::carry_out;
use super::{Answer, Context, Failure};

/// Arguments of `links`.
#[derive(Debug, clap::Subcommand)]
pub enum Args {
    /// List couplings, relations that couple nothing, and records without a partner
    List(List),
    /// Couple a contact with an existing customer, vendor or bank account
    Add(Add),
    /// Take them apart again; both records stay as they are
    Remove(Remove),
}

/// Arguments of `links list`.
#[derive(Debug, clap::Args)]
pub struct List {
    /// Only the links of this contact
    #[arg(long, value_name = "NO")]
    contact: Option<String>,

    /// Only links with this table: customers, vendors or bank-accounts
    #[arg(long, value_name = "TABLE")]
    table: Option<String>,

    /// Only the links of this customer, vendor or bank account (with --table)
    #[arg(long, value_name = "NO", requires = "table")]
    no: Option<String>,

    /// Counterparts that have no contact, each with a contact that may be the same company
    #[arg(long)]
    unlinked: bool,
}

/// Arguments of `links add`.
#[derive(Debug, clap::Args)]
pub struct Add {
    /// The contact's number
    contact: String,

    /// customer, vendor or bank-account
    kind: String,

    /// Its number
    no: String,

    /// Whose values count where they differ; blanks never win
    #[arg(long, value_enum, default_value_t = MasterArg::Contact)]
    master: MasterArg,

    /// Print the plan and write nothing
    #[arg(long)]
    dry_run: bool,
}

/// Whose values count.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum MasterArg {
    /// The contact's
    Contact,
    /// The customer's, vendor's or bank account's
    Counterpart,
}

/// Arguments of `links remove`.
#[derive(Debug, clap::Args)]
pub struct Remove {
    /// The contact's number
    contact: String,

    /// customer, vendor or bank-account
    kind: String,

    /// Print the plan and write nothing
    #[arg(long)]
    dry_run: bool,
}

impl Args {
    /// Whether it changes something.
    pub fn changes(&self) -> bool {
        matches!(self, Args::Add(_) | Args::Remove(_))
    }
}

pub fn run(context: &Context<'_>, args: &Args) -> Answer {
    let told = |did: &Did| format!("{}\n", did.sentence());
    match args {
        Args::Add(args) => {
            let order = Order::Link {
                contact: args.contact.clone(),
                kind: kind(&args.kind)?,
                no: args.no.clone(),
                master: match args.master {
                    MasterArg::Contact => Master::Contact,
                    MasterArg::Counterpart => Master::Counterpart,
                },
            };
            carry_out(context, vec![order], args.dry_run, &told)
        }
        Args::Remove(args) => {
            let order = Order::Unlink {
                contact: args.contact.clone(),
                kind: kind(&args.kind)?,
            };
            carry_out(context, vec![order], args.dry_run, &told)
        }
        Args::List(args) => list(context, args),
    }
}

fn noun(table: &str) -> &'static str {
    crate::model::Table::named(table).map_or("record", crate::model::Table::noun)
}

fn list(context: &Context<'_>, args: &List) -> Answer {
    let config = context.config()?;
    let effects = Effects {
        disk: &RealDisk,
        clock: &SystemClock,
        stage: &|_| {},
    };
    let kind = args.table.as_deref().map(kind).transpose()?;
    let upper = |no: &Option<String>| no.as_ref().map(|no| no.trim().to_uppercase());
    let (contact, no) = (upper(&args.contact), upper(&args.no));
    let fits = |link: &&Link| {
        let unlinked = matches!(link.standing, Standing::NoContact { .. });
        contact
            .as_ref()
            .is_none_or(|wanted| link.contact.as_ref() == Some(wanted))
            && kind.is_none_or(|kind| link.table.as_deref() == Some(kind.def().table))
            && no.as_ref().is_none_or(|wanted| &link.no == wanted)
            && (unlinked == args.unlinked || no.is_some())
    };
    let all = links(&config, &effects).map_err(Failure::from)?;
    let chosen: Vec<&Link> = all.iter().filter(fits).collect();
    context.out.json(&json!({ "links": chosen }));
    let mut text = String::new();
    for link in &chosen {
        let record = format!(
            "{} {}",
            link.table.as_deref().map_or("record", noun),
            link.no
        );
        let contact = link.contact.as_deref().unwrap_or("-");
        let _ = write!(text, "{contact:<12} {record:<26} ");
        let name = link.name.as_deref().unwrap_or_default();
        let _ = match &link.standing {
            Standing::Coupled => writeln!(text, "coupled      {name}"),
            Standing::NoContact { could_be: None } => writeln!(text, "no contact   {name}"),
            Standing::NoContact {
                could_be: Some(contact),
            } => writeln!(text, "no contact   {name} (could be {contact})"),
            Standing::Refused { reason } => writeln!(text, "not coupled: {reason}"),
        };
    }
    let _ = writeln!(text, "{}", count(chosen.len() as u64, "link", "links"));
    context.out.text(&text);
    Ok(Exit::Done)
}
