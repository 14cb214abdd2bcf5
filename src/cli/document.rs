//! `couplet document`: quotes and orders from a contact.

use std::path::PathBuf;

use crate::config::instead_of;
use crate::disk::RealDisk;
use crate::exports::fold;
use crate::model::document::DocumentKind;
use crate::model::{Lookup, Table};
use crate::sync::arrange::Answer as Did;
use crate::sync::arrange::orders::{DocumentOrder, Order, TemplateChoice};
use crate::sync::requests::read_lines;

use super::reconcile::carry_out;
use super::{Answer, Context, Failure};

/// Arguments of `document`.
#[derive(Debug, clap::Subcommand)]
pub enum Args {
    /// A sales quote; its contact need not be a customer
    SalesQuote(Sales),
    /// A sales order, from a contact that is a customer, or from a quote
    SalesOrder(Sales),
    /// A purchase quote; its contact need not be a vendor
    PurchaseQuote(Purchase),
    /// A purchase order, from a contact that is a vendor, or from a quote
    PurchaseOrder(Purchase),
}

/// Arguments of sales documents.
#[derive(Debug, clap::Args)]
pub struct Sales {
    /// Start from this customer: its primary contact, else the contact of its relation
    #[arg(long, value_name = "NO")]
    customer: Option<String>,

    /// The contact that is billed; else whom it is for
    #[arg(long, value_name = "NO")]
    bill_to_contact: Option<String>,

    /// Ship to this address of the customer
    #[arg(long, value_name = "CODE")]
    ship_to: Option<String>,

    /// The customer's e-mail address stays where the contact has none
    #[arg(long)]
    keep_e_mail: bool,

    #[command(flatten)]
    rest: Rest,
}

/// Arguments of purchase documents.
#[derive(Debug, clap::Args)]
pub struct Purchase {
    /// Start from this vendor: its primary contact, else the contact of its relation
    #[arg(long, value_name = "NO")]
    vendor: Option<String>,

    /// The contact that is paid; else whom it is for
    #[arg(long, value_name = "NO")]
    pay_to_contact: Option<String>,

    #[command(flatten)]
    rest: Rest,
}

/// Arguments of all documents.
#[derive(Debug, clap::Args)]
pub struct Rest {
    /// The contact's number; a person stands for its company
    #[arg(long, value_name = "NO")]
    contact: Option<String>,

    /// The template that a quote's contact is to become a customer or vendor with; the only one for its territory, country and
    /// type where none is named
    #[arg(long, value_name = "CODE", conflicts_with = "without_template")]
    template: Option<String>,

    /// Without a template, although one fits
    #[arg(long)]
    without_template: bool,

    /// Make an order from this quote; its contact becomes a customer or vendor where it is none
    #[arg(long, value_name = "NO")]
    quote: Option<String>,

    /// Its date (2026-11-23); else today
    #[arg(long, value_name = "DATE")]
    date: Option<String>,

    /// Who of ours deals with it
    #[arg(long, value_name = "CODE")]
    salesperson: Option<String>,

    /// Campaign
    #[arg(long, value_name = "NO")]
    campaign: Option<String>,

    /// Opportunity; it has one quote
    #[arg(long, value_name = "NO")]
    opportunity: Option<String>,

    /// External Document No.
    #[arg(long, value_name = "NO")]
    external_no: Option<String>,

    /// A line, as "Type=Item,No.=1000,Quantity=5"; also Description, Unit of Measure Code, Unit Price
    #[arg(long = "line", value_name = "FIELD=VALUE,…")]
    lines: Vec<String>,

    /// Lines from a CSV or JSON file, with these columns; others are taken over as they are
    #[arg(long = "lines", value_name = "FILE")]
    lines_file: Option<PathBuf>,

    /// Print the plan and write nothing
    #[arg(long)]
    dry_run: bool,
}

pub fn run(context: &Context<'_>, args: &Args) -> Answer {
    let text = |value: &Option<String>| value.clone().unwrap_or_default();
    let (noun, rest) = match args {
        Args::SalesQuote(args) => ("sales-quote", &args.rest),
        Args::SalesOrder(args) => ("sales-order", &args.rest),
        Args::PurchaseQuote(args) => ("purchase-quote", &args.rest),
        Args::PurchaseOrder(args) => ("purchase-order", &args.rest),
    };
    let Some(kind) = DocumentKind::named(noun) else {
        return Err(Failure::Usage(format!("{noun:?} is no document")));
    };
    let mut lines = Vec::new();
    if let Some(path) = &rest.lines_file {
        let read = read_lines(
            &RealDisk,
            &context.path(path),
            path,
            context.config()?.bounds.held(),
        );
        lines.extend(read.map_err(Failure::Refused)?);
    }
    for line in &rest.lines {
        lines.push(fields(line)?);
    }
    let mut order = DocumentOrder {
        contact: text(&rest.contact),
        template: match &rest.template {
            Some(code) => TemplateChoice::Named(code.clone()),
            None if rest.without_template => TemplateChoice::Without,
            None => TemplateChoice::ByType,
        },
        quote: text(&rest.quote),
        date: text(&rest.date),
        operator: text(&rest.salesperson),
        campaign_no: text(&rest.campaign),
        opportunity_no: text(&rest.opportunity),
        external_no: text(&rest.external_no),
        lines,
        ..DocumentOrder::new(kind)
    };
    match args {
        Args::SalesQuote(args) | Args::SalesOrder(args) => {
            order.counterpart = text(&args.customer);
            order.payer_contact = text(&args.bill_to_contact);
            order.ship_to = text(&args.ship_to);
            order.keeps_e_mail = args.keep_e_mail;
        }
        Args::PurchaseQuote(args) | Args::PurchaseOrder(args) => {
            order.counterpart = text(&args.vendor);
            order.payer_contact = text(&args.pay_to_contact);
        }
    }
    let number = |did: &Did| match did {
        Did::Written { no, .. } => format!("{no}\n"),
        _ => String::new(),
    };
    let orders = vec![Order::Document(Box::new(order))];
    carry_out(context, orders, rest.dry_run, &number)
}

fn fields(line: &str) -> Result<Vec<(String, String)>, Failure> {
    let columns = Table::Lookup(Lookup::DocumentLines).columns();
    let fields = line.split(',').map(|field| {
        let Some((name, value)) = field.split_once('=') else {
            return Err(Failure::Usage(format!("{field:?} is no FIELD=VALUE")));
        };
        let name = name.trim();
        let mut known = columns.iter().map(|column| column.name);
        let Some(column) = known.find(|column| fold(column) == fold(name)) else {
            let known: Vec<&str> = columns.iter().map(|column| column.name).collect();
            let instead = instead_of(name, &known);
            let reason = format!("{name:?} is no field of a document line; {instead}");
            return Err(Failure::Usage(reason));
        };
        Ok((column.to_owned(), value.trim().to_owned()))
    });
    fields.collect()
}
