//! `couplet create`: counterparts from contacts, contacts from counterparts, and contacts that begin alone.

use crate::model::{Kind, Table};
use crate::sync::arrange::Answer as Did;
use crate::sync::arrange::orders::{Order, TemplateChoice};

use super::reconcile::carry_out;
use super::{Answer, Context, Failure};

/// Arguments of `create`.
#[derive(Debug, clap::Subcommand)]
pub enum Args {
    /// A customer from a contact; prints its number
    Customer(FromContact),
    /// A vendor from a contact; prints its number
    Vendor(FromContact),
    /// A bank account from a contact; prints its number
    BankAccount(FromContact),
    /// Contacts from counterparts that have none; prints their numbers
    Contacts(FromCounterparts),
    /// A contact that belongs to nobody yet; prints its number
    Contact(Alone),
}

/// Arguments of `create customer` and its like.
#[derive(Debug, clap::Args)]
pub struct FromContact {
    /// The contact's number; a person stands for its company
    #[arg(long, value_name = "NO")]
    contact: String,

    /// The template that fills what the contact leaves blank; the only one for the contact's type where none is named
    #[arg(long, value_name = "CODE", conflicts_with = "without_template")]
    template: Option<String>,

    /// Create it without a template, although there are some
    #[arg(long)]
    without_template: bool,

    /// Print the plan and write nothing
    #[arg(long)]
    dry_run: bool,
}

/// Arguments of `create contacts`.
#[derive(Debug, clap::Args)]
pub struct FromCounterparts {
    /// Their table: customers, vendors or bank-accounts; several at once are numbered in this order
    #[arg(long, value_name = "TABLE", required = true, value_delimiter = ',')]
    from: Vec<String>,

    /// Only these of one table; all that have no contact where none is named
    #[arg(long = "no", value_name = "NO")]
    nos: Vec<String>,

    /// Print the plan and write nothing
    #[arg(long)]
    dry_run: bool,
}

/// Arguments of `create contact`.
#[derive(Debug, clap::Args)]
pub struct Alone {
    /// Its name
    #[arg(long, value_name = "TEXT")]
    name: Option<String>,

    /// A person of this company contact, which takes over what persons inherit
    #[arg(long, value_name = "NO")]
    company: Option<String>,

    /// A person, although it has no company
    #[arg(long)]
    person: bool,

    /// Another field: --set "Phone No.=123"
    #[arg(long = "set", value_name = "FIELD=VALUE")]
    values: Vec<String>,

    /// Print the plan and write nothing
    #[arg(long)]
    dry_run: bool,
}

pub fn run(context: &Context<'_>, args: &Args) -> Answer {
    match args {
        Args::Customer(args) => from_contact(context, "customer", args),
        Args::Vendor(args) => from_contact(context, "vendor", args),
        Args::BankAccount(args) => from_contact(context, "bank-account", args),
        Args::Contacts(args) => {
            if args.from.len() > 1 && !args.nos.is_empty() {
                let reason = "--no names records of one table: give --from once with it";
                return Err(Failure::Usage(reason.to_owned()));
            }
            let orders = args.from.iter().map(|from| {
                Ok(Order::CreateContacts {
                    kind: kind(from)?,
                    nos: args.nos.clone(),
                })
            });
            let orders = orders.collect::<Result<Vec<_>, Failure>>()?;
            let told = |did: &Did| match did {
                Did::Created { no, from, .. } => format!("{no}  {from}\n"),
                _ => String::new(),
            };
            carry_out(context, orders, args.dry_run, &told)
        }
        Args::Contact(args) => {
            let mut values: Vec<(String, String)> = Vec::new();
            values.extend(
                args.name
                    .iter()
                    .map(|name| ("Name".to_owned(), name.clone())),
            );
            for value in &args.values {
                let Some((field, value)) = value.split_once('=') else {
                    let reason = format!("{value:?} is no FIELD=VALUE");
                    return Err(Failure::Usage(reason));
                };
                values.push((field.trim().to_owned(), value.to_owned()));
            }
            let order = Order::CreateContact {
                company: args.company.clone(),
                person: args.person,
                values,
            };
            carry_out(context, vec![order], args.dry_run, &number)
        }
    }
}

fn from_contact(context: &Context<'_>, noun: &str, args: &FromContact) -> Answer {
    let template = match &args.template {
        Some(code) => TemplateChoice::Named(code.clone()),
        None if args.without_template => TemplateChoice::Without,
        None => TemplateChoice::ByType,
    };
    let order = Order::CreateCounterpart {
        contact: args.contact.clone(),
        kind: kind(noun)?,
        template,
    };
    carry_out(context, vec![order], args.dry_run, &number)
}

/// The number alone, for scripts.
fn number(did: &Did) -> String {
    match did {
        Did::Created { no, .. } => format!("{no}\n"),
        _ => String::new(),
    }
}

/// The kind of this name, singular or plural.
pub(super) fn kind(name: &str) -> Result<Kind, Failure> {
    match Table::named(name) {
        Some(Table::Counterparts(kind)) => Ok(kind),
        _ => {
            let nouns: Vec<&str> = Kind::all().map(|kind| kind.def().noun).collect();
            Err(Failure::Usage(format!(
                "{name:?} is no kind of counterpart: say {}",
                nouns.join(", ")
            )))
        }
    }
}
