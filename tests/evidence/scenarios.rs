//! Exchanges just before a pass that is worth crashing, as values: the same on a disk in memory and on a real one.

use std::io::{self, Write as _};
use std::path::Path;

use couplet::config::{self, Config};
use couplet::disk::{Disk, read_exact_at};
use couplet::exchange::{AsItStands, round};
use couplet::model::document::DocumentKind;
use couplet::model::{InteractionLogEntry, Kind};
use couplet::state::Store;
use couplet::sync::arrange::orders::{DocumentOrder, Manual, Master, Order, TemplateChoice};
use couplet::sync::decisions::{self, Choice};
use couplet::sync::pass::reconcile_with;
use couplet::sync::{Effects, Outcome, PassError, Request};

use crate::exchange::StillClock;

/// An exchange just before the pass in question.
pub struct Scenario {
    /// What is particular about it.
    pub name: &'static str,
    /// Its configuration, with paths relative to its folder.
    pub config: String,
    /// What has happened.
    pub before: Vec<Step>,
    /// What is asked for in the pass in question, beside what files ask.
    pub orders: Vec<Order>,
    /// How passes are made.
    pub drive: Drive,
}

/// How passes are made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Drive {
    /// One pass, as by `couplet reconcile` without folders that are watched.
    Pass,
    /// Rounds of the exchange until nothing waits.
    Rounds,
}

/// One thing that happens in an exchange.
#[derive(Clone, Debug)]
pub enum Step {
    /// Another program puts a file in its place, whole.
    Put(&'static str, Vec<u8>),
    /// Another program takes a file away.
    Take(&'static str),
    /// A pass, or rounds, are made.
    Go,
    /// A person decides every open conflict for what this side says.
    Decide(&'static str),
    /// A person fills this decision into every row of the conflict inbox.
    Fill(&'static str, &'static str),
    /// A person approves what a guard refused.
    Approve,
}

impl Scenario {
    /// Its configuration, read as if it stood in a folder.
    pub fn config(&self, folder: &Path) -> Config {
        config::parse(&self.config, &folder.join("config.toml"))
            .unwrap_or_else(|errors| panic!("{}: {errors:#?}", self.name))
    }

    /// Does what happens before the pass in question.
    pub fn prepare(&self, folder: &Path, disk: &dyn Disk, store: &mut Store) {
        let config = self.config(folder);
        for step in &self.before {
            let done = self.carry_out(step, folder, &config, disk, store);
            done.unwrap_or_else(|error| panic!("{}: {step:?}: {error}", self.name));
        }
    }

    /// Does one thing.
    pub fn carry_out(
        &self,
        step: &Step,
        folder: &Path,
        config: &Config,
        disk: &dyn Disk,
        store: &mut Store,
    ) -> Result<(), Box<dyn std::error::Error>> {
        match step {
            Step::Put(name, bytes) => put(disk, &folder.join(name), bytes)?,
            Step::Take(name) => disk.remove(&folder.join(name))?,
            Step::Go => {
                self.go(config, disk, store, &[])?;
            }
            Step::Decide(side) => {
                for open in store.conflicts()? {
                    let value = decisions::value(config, &open, Choice::Take(side))
                        .map_err(|why| format!("{why:?}"))?;
                    store.decide(&open, &value, "2026-11-23T09:00:00")?;
                }
            }
            Step::Fill(name, decision) => {
                let path = folder.join(name);
                let filled = filled(&read(disk, &path)?, decision);
                put(disk, &path, &filled)?;
            }
            Step::Approve => {
                for halt in store.halts()? {
                    store.approve(&halt.id, "2026-11-23T09:00:00")?;
                }
            }
        }
        Ok(())
    }

    /// Makes the pass in question, or makes it again: what is asked for is asked for again then.
    pub fn act(
        &self,
        config: &Config,
        disk: &dyn Disk,
        store: &mut Store,
    ) -> Result<Outcome, PassError> {
        self.go(config, disk, store, &self.orders)
    }

    /// Makes the next pass, which nobody asks for anything: what the daemon does when it starts.
    pub fn resume(
        &self,
        config: &Config,
        disk: &dyn Disk,
        store: &mut Store,
    ) -> Result<Outcome, PassError> {
        self.go(config, disk, store, &[])
    }

    fn go(
        &self,
        config: &Config,
        disk: &dyn Disk,
        store: &mut Store,
        orders: &[Order],
    ) -> Result<Outcome, PassError> {
        const MANY: usize = 20;
        let effects = Effects {
            disk,
            clock: &StillClock,
            stage: &|_| {},
        };
        let mut request = Request {
            orders: orders.to_vec(),
            ..Request::default()
        };
        if self.drive == Drive::Pass {
            return reconcile_with(config, &effects, &request, store);
        }
        for _ in 0..MANY {
            let asked = std::mem::take(&mut request);
            let made = round(config, &effects, store, asked, &AsItStands)?;
            if !made.is_more {
                return Ok(made.outcome);
            }
            request = made.next();
        }
        panic!("{}: the rounds do not end", self.name)
    }
}

/// Puts a file in its place, as a program does that writes it elsewhere first.
fn put(disk: &dyn Disk, path: &Path, bytes: &[u8]) -> io::Result<()> {
    let elsewhere = path.with_file_name("written-elsewhere.tmp");
    disk.create_folder(path.parent().unwrap_or(Path::new(".")))?;
    let mut draft = disk.create(&elsewhere, None)?;
    draft.write_all(bytes)?;
    draft.finish()?;
    disk.rename(&elsewhere, path, true)
}

fn read(disk: &dyn Disk, path: &Path) -> io::Result<Vec<u8>> {
    let (source, identity) = disk.open(path)?;
    let mut bytes = vec![0; usize::try_from(identity.size).map_err(io::Error::other)?];
    read_exact_at(source.as_ref(), &mut bytes, 0)?;
    Ok(bytes)
}

/// The conflict inbox with a decision at the end of each row but the first.
fn filled(inbox: &[u8], decision: &str) -> Vec<u8> {
    let text = String::from_utf8_lossy(inbox);
    let lines = text.split_inclusive("\r\n").enumerate();
    let filled = lines.map(|(at, line)| match line.strip_suffix(",\r\n") {
        Some(row) if at > 0 => format!("{row},{decision}\r\n"),
        _ => line.to_owned(),
    });
    filled.collect::<String>().into_bytes()
}

/// A configuration: more under `[setup]`, the log, tables by name with what is said of each, and more after them.
fn configured(setup: &str, log: &str, tables: &[(&str, &str)], more: &str) -> String {
    let tables: String = tables
        .iter()
        .map(|(name, said)| format!("[tables.{name}]\n{said}\n"))
        .collect();
    format!(
        "state = \"state\"\n[setup]\nbus_rel_code_for_customers = \"CUST\"\nbus_rel_code_for_vendors = \"VEND\"\n{setup}\n\
         [interactions]\n{log}\n{tables}{more}"
    )
}

const CSV_LOG: &str = "export = \"log.csv\"";
const JSON_LOG: &str = "export = \"log.jsonl\"";
const NO_GUARDS: &str =
    "[guards]\nmax_deletes = \"off\"\nmax_changes = \"off\"\nmax_blanked = \"off\"\n";

/// The four tables of a simple exchange, all with the same said of them.
fn four(ending: &str, said: &str, log: &str, more: &str) -> String {
    let said = ["contacts", "customers", "vendors", "relations"]
        .map(|name| (name, format!("export = \"{name}.{ending}\"\n{said}")));
    let said: Vec<(&str, &str)> = said
        .iter()
        .map(|(name, said)| (*name, said.as_str()))
        .collect();
    configured("", log, &said, more)
}

const IN_PLACE: &str = "write_back = \"in-place\"";
const IN_FOLDER: &str = "write_back = \"updates\"";

const HEAD: &str = "No.,Name,City,Phone No.,Contact Business Relation\n";
const SIDE: &str = "No.,Name,City,Phone No.\n";
const LINKS: &str = "Contact No.,Business Relation Code,Link to Table,No.\n";

fn file(name: &'static str, text: impl Into<String>) -> Step {
    Step::Put(name, text.into().into_bytes())
}

/// Two parties, one of three records.
fn two_parties() -> Vec<Step> {
    vec![
        file(
            "contacts.csv",
            format!("{HEAD}C1,Acme,Rome,1,Multiple\nC2,Beta,Bern,2,Customer\n"),
        ),
        file(
            "customers.csv",
            format!("{SIDE}10,Acme,Rome,1\n11,Beta,Bern,2\n"),
        ),
        file("vendors.csv", format!("{SIDE}20,Acme,Rome,1\n")),
        file(
            "relations.csv",
            format!("{LINKS}C1,CUST,Customer,10\nC1,VEND,Vendor,20\nC2,CUST,Customer,11\n"),
        ),
    ]
}

/// Edits on all sides: four are taken over, and one is in conflict.
fn edits() -> Vec<Step> {
    vec![
        file(
            "contacts.csv",
            format!("{HEAD}C1,Acme Ltd,Rome,1,Multiple\nC2,Beta,Bonn,2,Customer\n"),
        ),
        file(
            "customers.csv",
            format!("{SIDE}10,Acme,Oslo,1\n11,Beta,Kiel,7\n"),
        ),
        file("vendors.csv", format!("{SIDE}20,Acme,Rome,9\n")),
    ]
}

fn steps(parts: impl IntoIterator<Item = Vec<Step>>) -> Vec<Step> {
    parts.into_iter().flatten().collect()
}

fn pass(
    name: &'static str,
    config: String,
    before: impl IntoIterator<Item = Vec<Step>>,
) -> Scenario {
    Scenario {
        name,
        config,
        before: steps(before),
        orders: Vec::new(),
        drive: Drive::Pass,
    }
}

fn rounds(
    name: &'static str,
    config: String,
    before: impl IntoIterator<Item = Vec<Step>>,
) -> Scenario {
    Scenario {
        drive: Drive::Rounds,
        ..pass(name, config, before)
    }
}

fn go() -> Vec<Step> {
    vec![Step::Go]
}

/// All of them.
pub fn scenarios() -> Vec<Scenario> {
    [
        merges(),
        formats(),
        couplings(),
        conflicts(),
        logs(),
        dropped(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// Edits that reach the other sides in each way of writing back.
fn merges() -> Vec<Scenario> {
    let in_step = || [two_parties(), go(), edits()];
    let no_more = |said: &str| four("csv", said, CSV_LOG, "");
    vec![
        pass(
            "tables in place with a conflict that is held",
            no_more(IN_PLACE),
            in_step(),
        ),
        pass(
            "update files with changed cells",
            four("csv", IN_FOLDER, JSON_LOG, ""),
            in_step(),
        ),
        pass(
            "update files with whole records and markers",
            no_more(&format!(
                "{IN_FOLDER}\nupdate = \"records\"\nannounce = \"marker\""
            )),
            in_step(),
        ),
        pass(
            "update files with whole tables and a manifest",
            no_more(&format!(
                "{IN_FOLDER}\nupdate = \"full\"\nannounce = \"manifest\""
            )),
            in_step(),
        ),
        pass(
            "exports that list what changed",
            no_more(&format!("{IN_FOLDER}\ncontents = \"delta\"")),
            [
                two_parties(),
                go(),
                vec![
                    file("contacts.csv", format!("{HEAD}C2,Beta,Bonn,2,Customer\n")),
                    file("customers.csv", format!("{SIDE}10,Acme,Oslo,1\n")),
                ],
            ],
        ),
        pass(
            "the first pass of all",
            no_more(IN_PLACE),
            [
                two_parties(),
                vec![file(
                    "customers.csv",
                    format!("{SIDE}10,Acme,,1\n11,Beta,Bern,\n"),
                )],
            ],
        ),
        pass(
            "values that a side cannot hold are owed",
            configured(
                "",
                CSV_LOG,
                &[
                    (
                        "contacts",
                        "export = \"contacts.csv\"\nwrite_back = \"in-place\"",
                    ),
                    (
                        "customers",
                        "export = \"customers.csv\"\nwrite_back = \"in-place\"\nencoding = \"windows-1252\"",
                    ),
                    (
                        "vendors",
                        "export = \"vendors.csv\"\nwrite_back = \"in-place\"\n[tables.vendors.columns]\n\"Name\" = { header = \"Name\", length = 6 }",
                    ),
                    ("relations", "export = \"relations.csv\""),
                ],
                "",
            ),
            [
                two_parties(),
                go(),
                vec![file(
                    "contacts.csv",
                    format!("{HEAD}C1,Acme Limited,Łódź,1,Multiple\nC2,Beta,Köln,2,Customer\n"),
                )],
            ],
        ),
        pass(
            "a system imports one update and exports before it imports the other",
            no_more(IN_FOLDER),
            [
                two_parties(),
                go(),
                edits(),
                go(),
                vec![
                    Step::Take("updates/customers_000002.csv"),
                    file(
                        "customers.csv",
                        format!("{SIDE}10,Acme Ltd,Oslo,9\n11,Beta,Kiel,7\n"),
                    ),
                    file(
                        "contacts.csv",
                        format!("{HEAD}C1,Acme Ltd,Rome,1,Multiple\nC2,Beta,Basel,2,Customer\n"),
                    ),
                ],
            ],
        ),
    ]
}

/// The same in other formats.
fn formats() -> Vec<Scenario> {
    let windows = |text: &str| -> Vec<u8> {
        text.chars()
            .map(|c| u8::try_from(u32::from(c)).unwrap_or(b'?'))
            .collect()
    };
    let utf16 = |text: &str| -> Vec<u8> {
        let units = std::iter::once(0xfeff).chain(text.encode_utf16());
        units.flat_map(u16::to_le_bytes).collect()
    };
    let json = |name: &'static str, shape: fn(&[&str]) -> String| {
        let ending = if name.contains("Lines") {
            "jsonl"
        } else {
            "json"
        };
        let files: [&'static str; 4] = match ending {
            "jsonl" => [
                "contacts.jsonl",
                "customers.jsonl",
                "vendors.jsonl",
                "relations.jsonl",
            ],
            _ => [
                "contacts.json",
                "customers.json",
                "vendors.json",
                "relations.json",
            ],
        };
        let link = |kind: &str, table: &str, no: &str| {
            format!(
                "{{\"Contact No.\":\"C1\",\"Business Relation Code\":\"{kind}\",\"Link to Table\":\"{table}\",\"No.\":\"{no}\"}}"
            )
        };
        let (customer, vendor) = (link("CUST", "Customer", "10"), link("VEND", "Vendor", "20"));
        pass(
            name,
            four(ending, IN_PLACE, JSON_LOG, ""),
            [
                vec![
                    file(
                        files[0],
                        shape(&["{\"No.\":\"C1\",\"Name\":\"Acme\",\"City\":\"Rome\"}"]),
                    ),
                    file(
                        files[1],
                        shape(&[
                            "{\"No.\":\"10\",\"Name\":\"Acme\",\"City\":\"Rome\",\"Blocked\":false}",
                            "{\"No.\":\"12\",\"Name\":\"No\\u0062ody's\"}",
                        ]),
                    ),
                    file(
                        files[2],
                        shape(&["{\"No.\":\"20\",\"Name\":\"Acme\",\"City\":\"Rome\"}"]),
                    ),
                    file(files[3], shape(&[&customer, &vendor])),
                ],
                go(),
                vec![file(
                    files[2],
                    shape(&["{\"No.\":\"20\",\"Name\":\"Acme\",\"City\":\"Łódź\"}"]),
                )],
            ],
        )
    };
    vec![
        json("JSON arrays in place", |rows| {
            format!("[\n  {}\n]\n", rows.join(",\n  "))
        }),
        json("JSON Lines in place", |rows| {
            format!("{}\n", rows.join("\n"))
        }),
        json("OData pages in place", |rows| {
            format!(
                "{{\"@odata.context\":\"x\",\"value\":[{}]}}",
                rows.join(",")
            )
        }),
        pass(
            "exports in old and wide encodings, with other delimiters and line ends",
            configured(
                "",
                CSV_LOG,
                &[
                    (
                        "contacts",
                        "export = \"contacts.txt\"\nwrite_back = \"in-place\"",
                    ),
                    (
                        "customers",
                        "export = \"customers.csv\"\nwrite_back = \"in-place\"\nencoding = \"windows-1252\"",
                    ),
                    (
                        "vendors",
                        "export = \"vendors.csv\"\nwrite_back = \"updates\"",
                    ),
                    ("relations", "export = \"relations.csv\""),
                ],
                "",
            ),
            [
                two_parties(),
                vec![
                    Step::Put(
                        "contacts.txt",
                        utf16("No.\tName\tCity\r\nC1\tAcme\tRome\r\nC2\tBeta\tKöln\r\n"),
                    ),
                    Step::Put(
                        "customers.csv",
                        windows("No.;Name;City\r\n10;\"Acme\";Rome\r\n11;Beta;Köln\r\n"),
                    ),
                    file("vendors.csv", "\u{feff}No.|Name|City\r\n20|Acme|Rome\r\n"),
                ],
                go(),
                vec![
                    Step::Put(
                        "contacts.txt",
                        utf16("No.\tName\tCity\r\nC1\tAcme\tMünchen\r\nC2\tBeta\tKöln\r\n"),
                    ),
                    Step::Put(
                        "customers.csv",
                        windows("No.;Name;City\r\n10;\"Acme\";Rome\r\n11;Bäta;Köln\r\n"),
                    ),
                ],
            ],
        ),
        pass(
            "files of several writes",
            four("csv", IN_PLACE, CSV_LOG, ""),
            {
                let note = "a note that is carried along, ".repeat(11_000);
                let contacts = |city: &str| {
                    file(
                        "contacts.csv",
                        format!("No.,Name,City,Note\nC1,Acme,{city},\"{note}\"\nC2,Beta,Bern,\n"),
                    )
                };
                let customers = |name: &str| {
                    file(
                        "customers.csv",
                        format!("No.,Name,City,Note\n10,{name},Rome,\"{note}\"\n11,Beta,Bern,\n"),
                    )
                };
                [
                    steps([two_parties(), vec![contacts("Rome"), customers("Acme")]]),
                    go(),
                    vec![contacts("Bonn"), customers("Acme Ltd")],
                ]
            },
        ),
    ]
}

/// Customers with the columns that a contact made from one needs.
const CONTACTS: &str = "No.,Name,City,Phone No.,Type,Company No.,Contact Business Relation\n";
const CUSTOMERS: &str = "No.,Name,City,Phone No.,Contact,Primary Contact No.\n";

/// A customer with a contact's name, and one without, appear; a primary contact disappears and takes its relation.
fn newcomers(name: &'static str, said: &str) -> Scenario {
    let config = four("csv", said, CSV_LOG, "").replacen(
        "[setup]\n",
        "[setup]\ncontact_nos = \"CT001\"\n",
        1,
    );
    pass(
        name,
        config,
        [
            vec![
                file(
                    "contacts.csv",
                    format!(
                        "{CONTACTS}C1,Acme,Rome,1,Company,C1,Multiple\nC3,Jo Doe,Bern,2,Person,,Customer\n"
                    ),
                ),
                file(
                    "customers.csv",
                    format!("{CUSTOMERS}10,Acme,Rome,1,,C1\n11,Beta,Bern,2,Jo Doe,C3\n"),
                ),
                file("vendors.csv", format!("{SIDE}20,Acme,Rome,1\n")),
                file(
                    "relations.csv",
                    format!("{LINKS}C1,CUST,Customer,10\nC1,VEND,Vendor,20\nC3,CUST,Customer,11\n"),
                ),
            ],
            go(),
            vec![
                file(
                    "contacts.csv",
                    format!("{CONTACTS}C1,Acme,Rome,9,Company,C1,Multiple\n"),
                ),
                file(
                    "customers.csv",
                    format!(
                        "{CUSTOMERS}10,Acme,Rome,1,,C1\n11,Beta,Bern,2,Jo Doe,C3\n12,Gamma,Ulm,5,Ann Lee,\n13,Delta,Kiel,6,,\n"
                    ),
                ),
            ],
        ],
    )
}

/// A company with a person, and a counterpart of each kind that nobody is coupled with.
fn uncoupled() -> Vec<Step> {
    vec![
        file(
            "contacts.csv",
            "No.,Name,City,Type,Company No.,Contact Business Relation\nC1,Acme,Rome,Company,C1,\nC2,Beta,Bern,Company,C2,\nC3,Ann Lee,,Person,C1,\n",
        ),
        file("customers.csv", "No.,Name,City\n9,Gamma,Oslo\n"),
        file("vendors.csv", "No.,Name,City\n20,Delta,Kiel\n"),
        file("relations.csv", LINKS),
    ]
}

/// What a person asks for: a customer from a contact, a link, and a document of the customer that the same pass creates.
fn asked() -> Vec<Order> {
    vec![
        Order::CreateCounterpart {
            contact: "C1".to_owned(),
            kind: Kind(0),
            template: TemplateChoice::ByType,
        },
        Order::Link {
            contact: "C2".to_owned(),
            kind: Kind(1),
            no: "20".to_owned(),
            master: Master::Counterpart,
        },
        Order::Document(Box::new(DocumentOrder {
            contact: "C1".to_owned(),
            lines: vec![vec![("No.".to_owned(), "1000".to_owned())]],
            ..DocumentOrder::new(DocumentKind::named("sales-order").expect("a document"))
        })),
    ]
}

/// Couplings and records that come and go.
fn couplings() -> Vec<Scenario> {
    let in_place = four("csv", IN_PLACE, CSV_LOG, "");
    let with_series = |config: &str| {
        let series =
            "[setup]\ncontact_nos = \"CT001\"\ncustomer_nos = \"D10\"\nvendor_nos = \"K10\"\n";
        config.replacen("[setup]\n", series, 1)
    };
    let documents = "[documents]\nfolder = \"documents\"\nsales_order_nos = \"SO1\"\n";
    vec![
        pass(
            "a contact that disappears takes its relations",
            in_place.clone(),
            [
                two_parties(),
                go(),
                vec![file(
                    "contacts.csv",
                    format!("{HEAD}C1,Acme,Paris,1,Multiple\n"),
                )],
            ],
        ),
        pass(
            "a counterpart that disappears",
            four("csv", IN_FOLDER, CSV_LOG, ""),
            [
                two_parties(),
                go(),
                vec![file("customers.csv", format!("{SIDE}10,Acme,Rome,5\n"))],
            ],
        ),
        pass(
            "a contact that returns",
            in_place.clone(),
            [
                two_parties(),
                go(),
                vec![file(
                    "contacts.csv",
                    format!("{HEAD}C1,Acme,Paris,1,Multiple\n"),
                )],
                go(),
                vec![file(
                    "contacts.csv",
                    format!("{HEAD}C1,Acme,Paris,1,Multiple\nC2,Beta,Basel,3,Customer\n"),
                )],
            ],
        ),
        newcomers("new customers get contacts, in place", IN_PLACE),
        newcomers("new customers get contacts, in a folder", IN_FOLDER),
        pass(
            "a created contact that its system numbers anew",
            four(
                "csv",
                &format!("{IN_FOLDER}\nupdate = \"records\""),
                CSV_LOG,
                NO_GUARDS,
            )
            .replacen("[setup]\n", "[setup]\ncontact_nos = \"CT001\"\n", 1),
            [
                vec![
                    file(
                        "contacts.csv",
                        "No.,Name,City,Type,Company No.,External ID\nC1,Acme,Rome,Company,C1,\n",
                    ),
                    file(
                        "customers.csv",
                        "No.,Name,City,Primary Contact No.\n10,Acme,Rome,C1\n",
                    ),
                    file("vendors.csv", format!("{SIDE}20,Acme,Rome,1\n")),
                    file("relations.csv", format!("{LINKS}C1,CUST,Customer,10\n")),
                ],
                go(),
                vec![file(
                    "customers.csv",
                    "No.,Name,City,Primary Contact No.\n10,Acme,Rome,C1\n12,Gamma,Ulm,\n",
                )],
                go(),
                vec![
                    file(
                        "contacts.csv",
                        "No.,Name,City,Type,Company No.,External ID\nC1,Acme,Rome,Company,C1,\nCRM9,Gamma,Bonn,Company,CRM9,CT001\n",
                    ),
                    Step::Take("updates/contacts_000002.csv"),
                ],
            ],
        ),
        Scenario {
            orders: asked(),
            ..pass(
                "a customer, a link and a document are asked for, in place",
                with_series(&four("csv", IN_PLACE, CSV_LOG, documents)),
                [uncoupled(), go()],
            )
        },
        Scenario {
            orders: asked(),
            ..pass(
                "a customer, a link and a document are asked for, in a folder",
                with_series(&four("csv", IN_FOLDER, CSV_LOG, documents)),
                [uncoupled(), go()],
            )
        },
        Scenario {
            orders: vec![
                Order::Unlink {
                    contact: "C1".to_owned(),
                    kind: Kind(1),
                },
                Order::CreateContact {
                    company: Some("C2".to_owned()),
                    person: true,
                    values: vec![("Name".to_owned(), "Bo Ek".to_owned())],
                },
            ],
            ..pass(
                "a link goes and a person is created",
                with_series(&in_place),
                [
                    two_parties(),
                    vec![file(
                        "contacts.csv",
                        "No.,Name,City,Phone No.,Type,Company No.,Contact Business Relation\nC1,Acme,Rome,1,Company,C1,Multiple\nC2,Beta,Bern,2,Company,C2,Customer\n",
                    )],
                    go(),
                ],
            )
        },
        Scenario {
            orders: vec![Order::Link {
                contact: "C2".to_owned(),
                kind: Kind(0),
                no: "9".to_owned(),
                master: Master::Contact,
            }],
            ..pass(
                "the first link of a relations table that Couplet keeps",
                configured(
                    "",
                    CSV_LOG,
                    &[
                        (
                            "contacts",
                            "export = \"contacts.csv\"\nwrite_back = \"in-place\"",
                        ),
                        (
                            "customers",
                            "export = \"customers.csv\"\nwrite_back = \"in-place\"",
                        ),
                        ("relations", "owned = true"),
                    ],
                    "",
                ),
                [uncoupled(), go()],
            )
        },
        pass(
            "many deletions that a person approved",
            four("csv", IN_PLACE, CSV_LOG, ""),
            {
                let rows = |prefix: &str, count: usize| -> String {
                    (0..count)
                        .map(|no| format!("{prefix}{no},Name {no},Rome,{no}\n"))
                        .collect()
                };
                let links: String = (0..20)
                    .map(|no| format!("C{no},CUST,Customer,K{no}\n"))
                    .collect();
                [
                    vec![
                        file("contacts.csv", format!("{SIDE}{}", rows("C", 20))),
                        file("customers.csv", format!("{SIDE}{}", rows("K", 20))),
                        file("vendors.csv", format!("{SIDE}20,Nobody,Rome,1\n")),
                        file("relations.csv", format!("{LINKS}{links}")),
                    ],
                    go(),
                    vec![file("customers.csv", format!("{SIDE}{}", rows("K", 15)))],
                    go(),
                    vec![Step::Approve],
                ]
            },
        ),
    ]
}

/// Conflicts, and what is decided on them.
fn conflicts() -> Vec<Scenario> {
    let conflict = || {
        vec![
            file(
                "contacts.csv",
                format!("{HEAD}C1,Acme,Pisa,1,Multiple\nC2,Beta,Bonn,2,Customer\n"),
            ),
            file(
                "customers.csv",
                format!("{SIDE}10,Acme,Oslo,1\n11,Beta,Kiel,7\n"),
            ),
        ]
    };
    vec![
        pass(
            "conflicts that a person decided",
            four("csv", IN_PLACE, CSV_LOG, ""),
            [
                two_parties(),
                go(),
                conflict(),
                go(),
                vec![Step::Decide("customer")],
            ],
        ),
        pass(
            "conflicts that a policy decides",
            four(
                "csv",
                IN_FOLDER,
                CSV_LOG,
                "[merge]\non_conflict = [\"customer\", \"contact\"]\n",
            ),
            [two_parties(), go(), conflict()],
        ),
        pass(
            "an open conflict in which a side says something else",
            four("csv", IN_PLACE, JSON_LOG, ""),
            [
                two_parties(),
                go(),
                conflict(),
                go(),
                vec![file("vendors.csv", format!("{SIDE}20,Acme,Turin,3\n"))],
            ],
        ),
    ]
}

/// What is logged.
fn logs() -> Vec<Scenario> {
    let tables: &[(&str, &str)] = &[
        (
            "contacts",
            "export = \"contacts.csv\"\nwrite_back = \"in-place\"",
        ),
        (
            "customers",
            "export = \"customers.csv\"\nwrite_back = \"in-place\"",
        ),
        ("relations", "export = \"relations.csv\""),
        ("events", "export = \"events.csv\""),
        ("interaction_templates", "export = \"templates.csv\""),
        ("interaction_template_setup", "export = \"setup.csv\""),
        ("salespeople", "export = \"salespeople.csv\""),
    ];
    const EVENTS: &str = "Document Type,Document No.,Customer No.,Date\n";
    let office = || {
        vec![
            file(
                "contacts.csv",
                "No.,Name,E-Mail,Salesperson Code\nC1,Acme,office@acme.example,JO\n",
            ),
            file("customers.csv", "No.,Name\n10,Acme\n11,Other\n"),
            file("relations.csv", format!("{LINKS}C1,CUST,Customer,10\n")),
            file(
                "templates.csv",
                "Code,Interaction Group Code,Description,Unit Cost (LCY),Unit Duration (Min.)\nINV,SALES,Invoice,8,1\nMEMO,LETTER,Memo,2,5\n",
            ),
            file(
                "setup.csv",
                "Sales Invoices,Outg. Calls,E-Mails\nINV,MEMO,MEMO\n",
            ),
            file(
                "salespeople.csv",
                "Code,Name,E-Mail\nJO,Jo,jo@contoso.com\n",
            ),
            file(
                "events.csv",
                format!("{EVENTS}Sales Inv.,R1,10,2026-11-01\n"),
            ),
        ]
    };
    let more_events = || {
        vec![file(
            "events.csv",
            format!("{EVENTS}Sales Inv.,R2,10,2026-11-02\nSales Inv.,R3,10,2026-11-03\n"),
        )]
    };
    let log = Order::Log(Box::new(Manual {
        entry: InteractionLogEntry {
            contact_no: "C1".to_owned(),
            interaction_template: "MEMO".to_owned(),
            description: "Visit".to_owned(),
            date: "2026-11-20".to_owned(),
            ..InteractionLogEntry::default()
        },
        is_call: false,
        is_postponed: false,
    }));
    let mail = "Message-ID: <1@x>\r\nFrom: jo@contoso.com\r\nTo: Acme <office@acme.example>\r\nSubject: Offer\r\n\
                Date: Mon, 23 Nov 2026 10:11:12 +0100\r\n\r\nHello\r\n";
    vec![
        pass(
            "events in a log of comma-separated values",
            configured("", CSV_LOG, tables, ""),
            [office(), go(), more_events()],
        ),
        pass(
            "events in a log of JSON Lines, with edits",
            configured("", JSON_LOG, tables, ""),
            [
                office(),
                go(),
                more_events(),
                vec![file("customers.csv", "No.,Name\n10,Acme Ltd\n11,Other\n")],
            ],
        ),
        Scenario {
            orders: vec![log],
            ..pass(
                "an interaction is entered into a monthly log",
                configured("", "export = \"log.csv\"\nfiles = \"monthly\"", tables, ""),
                [office(), go()],
            )
        },
        rounds(
            "e-mails in a folder are logged and put away",
            configured("", "export = \"log.csv\"\nmail = \"mail\"", tables, ""),
            [
                office(),
                go(),
                vec![
                    file("mail/1.eml", mail),
                    file(
                        "mail/2.eml",
                        mail.replace("<1@x>", "<2@x>").replace("Offer", "Order"),
                    ),
                ],
            ],
        ),
    ]
}

/// Drop folders, requests, and the conflict inbox as a file.
fn dropped() -> Vec<Scenario> {
    const THREE: &str = "No.,Name,City\nC1,Acme,Rome\nC2,Beta,Bern\nC3,Gamma,Kiel\n";
    const SIDES: &str = "No.,Name,City\n10,Acme,Rome\n20,Beta,Bern\n30,Gamma,Kiel\n";
    let links = || {
        file(
            "relations.csv",
            format!("{LINKS}C1,CUST,Customer,10\nC2,CUST,Customer,20\n"),
        )
    };
    let contacts = "export = \"crm/contacts_*.csv\"\nsequence = 'contacts_(\\d+)'\ndrop = true\nwrite_back = \"crm/updates\"";
    let customers = "export = \"erp/customers.csv\"\ndrop = true\nwrite_back = \"erp/updates\"";
    let relations = "export = \"relations.csv\"\nwrite_back = \"in-place\"";
    let exchange = "[exchange]\nrequests = \"requests\"\nconflicts = \"inbox/conflicts.csv\"\n";
    let configured = |of_contacts: &str, more: &str| {
        configured(
            "",
            CSV_LOG,
            &[
                ("contacts", &format!("{contacts}\n{of_contacts}")),
                ("customers", customers),
                ("relations", relations),
            ],
            &format!("{NO_GUARDS}{more}"),
        )
    };
    let marked = |number: u8, text: String| {
        let (name, marker) = match number {
            0 => ("crm/contacts_0.csv", "crm/contacts_0.csv.done"),
            1 => ("crm/contacts_1.csv", "crm/contacts_1.csv.done"),
            2 => ("crm/contacts_2.csv", "crm/contacts_2.csv.done"),
            _ => ("crm/contacts_3.csv", "crm/contacts_3.csv.done"),
        };
        [file(name, text), file(marker, "")]
    };
    let manifest = "{\"files\":[{\"name\":\"contacts_2.csv\",\"records\":3},{\"name\":\"contacts_3.csv\",\"contents\":\"delta\"}]}";
    let begun = || {
        vec![
            file("crm/contacts_1.csv", THREE),
            file("erp/customers.csv", SIDES),
            links(),
        ]
    };
    let table = "contacts.csv";
    let in_place = |more: &str| four("csv", IN_PLACE, CSV_LOG, &format!("{exchange}{more}"));
    vec![
        rounds(
            "drops with markers, some old and some unfit, and requests",
            configured("ready = \"marker\"\nannounce = \"manifest\"", exchange),
            [
                marked(1, THREE.to_owned()).to_vec(),
                vec![file("erp/customers.csv", SIDES), links()],
                go(),
                marked(
                    2,
                    THREE.replace("Rome", "Pisa").replace("Bern", "Basel") + "C4,Short\n",
                )
                .to_vec(),
                marked(
                    3,
                    THREE.replace("Rome", "Oslo").replace("Bern", "Basel") + "C4,Short\n",
                )
                .to_vec(),
                marked(0, "No.,Name,City\nC1,Old,Old\n".to_owned()).to_vec(),
                vec![
                    file("erp/customers.csv", SIDES.replace("Bern", "Biel")),
                    file(
                        "requests/1.csv",
                        "Action,Table,Contact No.,No.\nlink,customer,C3,30\nlink,customer,C9,30\n",
                    ),
                    file(
                        "requests/2.csv",
                        "Action,Table,Contact No.\nunlink,customer,C3\n",
                    ),
                ],
            ],
        ),
        rounds(
            "drops that a manifest names",
            configured("ready = \"manifest\"", ""),
            [
                vec![file(
                    "crm/one.manifest.json",
                    "{\"files\":[{\"name\":\"contacts_1.csv\"}]}",
                )],
                begun(),
                go(),
                vec![
                    file("crm/set.manifest.json", manifest),
                    file("crm/contacts_2.csv", THREE.replace("Rome", "Pisa")),
                    file("crm/contacts_3.csv", "No.,Name,City\nC3,Gamma,Ulm\n"),
                ],
            ],
        ),
        rounds(
            "a drop that is rejected beside one that is read",
            configured("", ""),
            [
                begun(),
                go(),
                vec![
                    file("crm/contacts_2.csv", "Something,Else\n1,2\n"),
                    file(
                        "erp/customers.csv",
                        SIDES.replace("Kiel", "Ulm").replace("Rome", "Oslo"),
                    ),
                ],
            ],
        ),
        rounds(
            "a requests file whose rows are answered one by one",
            in_place("").replacen(
                "[setup]\n",
                "[setup]\ncontact_nos = \"CT001\"\ncustomer_nos = \"D10\"\n",
                1,
            ),
            [
                uncoupled(),
                go(),
                vec![file(
                    "requests/1.csv",
                    "Action,Table,Contact No.,No.\nlink,customer,C2,9\nlink,customer,C1,77\ncreate,customer,C1,\nlink,vendor,C2,20\n",
                )],
            ],
        ),
        rounds(
            "decisions in the conflict inbox as a file",
            in_place("answers = \"csv\"\n"),
            [
                two_parties(),
                go(),
                edits(),
                go(),
                vec![Step::Fill("inbox/conflicts.csv", "customer")],
            ],
        ),
        rounds(
            "a conflict inbox that a new conflict renews",
            in_place(""),
            [
                two_parties(),
                go(),
                edits(),
                go(),
                vec![file(
                    table,
                    format!("{HEAD}C1,Acme Ltd,Turin,4,Multiple\nC2,Beta,Bonn,2,Customer\n"),
                )],
            ],
        ),
    ]
}
