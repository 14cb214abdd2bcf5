//! Scenarios of Business Central's own test suite, told in small exports: files in, one pass, files out. A test's name
//! begins with the scenario's number; those of one letter are in one file.

#[path = "../support/mod.rs"]
mod support;

mod a_setup_and_numbers;
mod arrivals;
mod b_contacts_from_counterparts;
mod bad_rows;
mod c_counterparts_from_contacts;
mod d_links;
mod e_synchronisation;
mod f_companies_and_persons;
mod g_primary_contacts;
mod h_relations_and_status;
mod i_deletions;
mod j_documents;
mod k_interactions;
mod l_duplicates;
mod m_validation;
mod office;
mod p_derived;
mod primary_in_flight;
mod relations_elsewhere;

use couplet::sync::{Outcome, Summary};
use support::Exchange;

/// A kind of counterpart, as exports and relations call it.
struct Kind {
    table: &'static str,
    code: &'static str,
    caption: &'static str,
    no: &'static str,
}

const CUSTOMER: Kind = Kind {
    table: "customers",
    code: "CUST",
    caption: "Customer",
    no: "10",
};
const VENDOR: Kind = Kind {
    table: "vendors",
    code: "VEND",
    caption: "Vendor",
    no: "20",
};
const BANK: Kind = Kind {
    table: "bank_accounts",
    code: "BANK",
    caption: "Bank Account",
    no: "B1",
};
const KINDS: [Kind; 3] = [CUSTOMER, VENDOR, BANK];

const RELATION_COLUMNS: &str = "Contact No.,Business Relation Code,Link to Table,No.\n";

impl Kind {
    /// The relation of contact C1 with the counterpart of this kind.
    fn relation(&self) -> String {
        self.relation_of("C1", self.no)
    }

    /// The relation of a contact with a counterpart of this kind.
    fn relation_of(&self, contact: &str, no: &str) -> String {
        format!("{contact},{},{},{no}\n", self.code, self.caption)
    }

    /// What commands and sentences call it.
    fn noun(&self) -> &'static str {
        match self.table {
            "customers" => "customer",
            "vendors" => "vendor",
            _ => "bank-account",
        }
    }

    /// The key under `[setup]` of its business relation code.
    fn setup_code(&self) -> &'static str {
        let of_it = |def: &&couplet::model::KindDef| def.table == self.table;
        let def = couplet::model::KINDS.iter().find(of_it);
        def.expect("a kind").setup_code
    }
}

/// An exchange in place: each table a file of its name. What follows the tables in the configuration is `more`.
fn exchange(tables: &[(&str, &str)], more: &str) -> Exchange {
    exchange_through("in-place", tables, more)
}

/// The same with systems that import update files from a folder, or whatever else `write_back` says.
fn exchange_through(write_back: &str, tables: &[(&str, &str)], more: &str) -> Exchange {
    let mut config = String::new();
    for (table, _) in tables {
        config.push_str(&format!(
            "[tables.{table}]\nexport = \"{table}.csv\"\nwrite_back = \"{write_back}\"\n"
        ));
    }
    let exchange = Exchange::new(&format!("{config}{more}"));
    for (table, text) in tables {
        exchange.put(&format!("{table}.csv"), text);
    }
    exchange
}

/// Nothing is left to do, nor to remember.
fn is_in_step(exchange: &Exchange) {
    let outcome = exchange.pass();
    let (Outcome::InStep(summary) | Outcome::Done(summary)) = outcome else {
        panic!("{outcome:#?}");
    };
    let is_idle = summary.pass.is_none() && !summary.plan.writes();
    assert!(is_idle, "pass {:?}: {:#?}", summary.pass, summary.plan);
}

/// A pass without conflicts and problems.
fn reconciled(exchange: &Exchange) -> Summary {
    let summary = exchange.summary();
    let plan = &summary.plan;
    assert!(plan.conflicts.is_empty(), "{:#?}", plan.conflicts);
    assert!(plan.problems.is_empty(), "{:#?}", plan.problems);
    summary
}

/// The row of a record, as its file has it.
fn row(exchange: &Exchange, table: &str, no: &str) -> String {
    let text = exchange.text(&format!("{table}.csv"));
    let of_it = |row: &&str| row.split(',').next() == Some(no);
    let row = text.lines().find(of_it);
    row.unwrap_or_else(|| panic!("no {no} in {text}"))
        .to_owned()
}

/// The cell of a record.
fn cell(exchange: &Exchange, table: &str, no: &str, column: &str) -> String {
    let text = exchange.text(&format!("{table}.csv"));
    let mut headers = text.lines().next().expect("headers").split(',');
    let at = headers.position(|header| header == column).expect(column);
    let row = row(exchange, table, no);
    row.split(',').nth(at).expect("a cell").to_owned()
}

/// Sets the cell of a record, as somebody would in its own system.
fn edit(exchange: &Exchange, table: &str, no: &str, column: &str, value: &str) {
    let file = format!("{table}.csv");
    let text = exchange.text(&file);
    let mut headers = text.lines().next().expect("headers").split(',');
    let at = headers.position(|header| header == column).expect(column);
    let old = row(exchange, table, no);
    let mut cells: Vec<&str> = old.split(',').collect();
    cells[at] = value;
    let new = text.replace(&format!("\n{old}\n"), &format!("\n{}\n", cells.join(",")));
    exchange.put(&file, new);
}

/// Adds a row to a table, as its own system would.
fn add(exchange: &Exchange, table: &str, row: &str) {
    let file = format!("{table}.csv");
    exchange.put(&file, format!("{}{row}\n", exchange.text(&file)));
}

/// Takes an export away, as a system does that says nothing, and returns what was in it.
fn hide(exchange: &Exchange, file: &str) -> String {
    let text = exchange.text(file);
    std::fs::remove_file(exchange.path(file)).expect("removed");
    text
}

/// The systems import the update files of a pass.
fn import(exchange: &Exchange, pass: u64) {
    for table in [
        "contacts",
        "customers",
        "vendors",
        "bank_accounts",
        "relations",
    ] {
        import_of(exchange, table, pass);
    }
}

/// One of them does.
fn import_of(exchange: &Exchange, table: &str, pass: u64) {
    let keys = if table == "relations" { 2 } else { 1 };
    for infix in ["_removed", "", "_new"] {
        let removes = infix == "_removed";
        let update = format!("updates/{table}{infix}_{pass:06}.csv");
        if exchange.path(&update).exists() {
            import_file(exchange, &format!("{table}.csv"), &update, keys, removes);
        }
    }
}

fn import_file(exchange: &Exchange, file: &str, update: &str, keys: usize, removes: bool) {
    let rows = |name: &str| -> Vec<Vec<String>> {
        let text = exchange.text(name);
        let cells = |row: &str| row.split(',').map(str::to_owned).collect();
        text.lines().map(cells).collect()
    };
    let (mut table, update) = (rows(file), rows(update));
    let headers = table[0].clone();
    for new in &update[1..] {
        let is_it = |row: &Vec<String>| row[..keys] == new[..keys];
        if removes {
            table.retain(|row| !is_it(row));
            continue;
        }
        let at = table.iter().position(is_it).unwrap_or_else(|| {
            table.push(vec![String::new(); headers.len()]);
            table.len() - 1
        });
        for (header, value) in update[0].iter().zip(new) {
            let column = headers.iter().position(|known| known == header);
            table[at][column.expect("a known column")].clone_from(value);
        }
    }
    let text: String = table.iter().map(|row| row.join(",") + "\n").collect();
    exchange.put(file, text);
}

/// Contact C1 and its counterpart of one kind, each the only record of its file.
struct Party {
    exchange: Exchange,
    kind: Kind,
    columns: (String, String),
}

impl Party {
    /// A party that has met: columns after the number, and values, of the contact and of its counterpart.
    fn met(kind: Kind, contact: (&str, &str), counterpart: (&str, &str), more: &str) -> Party {
        let relations = format!("{RELATION_COLUMNS}{}", kind.relation());
        let tables = [
            ("contacts", ""),
            (kind.table, ""),
            ("relations", &relations),
        ];
        let party = Party {
            exchange: exchange(&tables, more),
            kind,
            columns: (contact.0.to_owned(), counterpart.0.to_owned()),
        };
        party
            .contact_says(contact.1)
            .counterpart_says(counterpart.1);
        party.exchange.summary();
        party
    }

    /// A party both of whose records have these columns and show these values.
    fn in_step(kind: Kind, columns: &str, values: &str) -> Party {
        let party = Party::met(kind, (columns, values), (columns, values), "");
        party.is_in_step();
        party
    }

    /// Another export of the contact.
    fn contact_says(&self, values: &str) -> &Party {
        let text = format!("No.,{}\nC1,{values}\n", self.columns.0);
        self.exchange.put("contacts.csv", text);
        self
    }

    /// Another export of the counterpart.
    fn counterpart_says(&self, values: &str) -> &Party {
        let text = format!("No.,{}\n{},{values}\n", self.columns.1, self.kind.no);
        self.exchange.put(&format!("{}.csv", self.kind.table), text);
        self
    }

    /// A pass without conflicts and problems.
    fn reconciled(&self) -> Summary {
        reconciled(&self.exchange)
    }

    /// The contact's values now.
    fn contact(&self) -> String {
        self.values("contacts", "C1")
    }

    /// The counterpart's values now.
    fn counterpart(&self) -> String {
        self.values(self.kind.table, self.kind.no)
    }

    fn values(&self, table: &str, no: &str) -> String {
        let row = row(&self.exchange, table, no);
        let values = row.strip_prefix(no).and_then(|row| row.strip_prefix(','));
        values.expect("the number comes first").to_owned()
    }

    /// Nothing is left to do, nor to remember.
    fn is_in_step(&self) {
        is_in_step(&self.exchange);
    }
}
