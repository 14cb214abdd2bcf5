//! Scenarios of Business Central's own test suite, told in small exports: files in, one pass, files out. A test's name
//! begins with the scenario's number; those of one letter are in one file.

#[path = "../support/mod.rs"]
mod support;

mod a_setup_and_numbers;
mod b_contacts_from_counterparts;
mod c_counterparts_from_contacts;
mod e_synchronisation;
mod h_relations_and_status;
mod l_duplicates;
mod office;
mod p_derived;

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
        format!("C1,{},{},{}\n", self.code, self.caption, self.no)
    }
}

/// An exchange in place: each table a file of its name. What follows the tables in the configuration is `more`.
fn exchange(tables: &[(&str, &str)], more: &str) -> Exchange {
    let mut config = String::new();
    for (table, _) in tables {
        config.push_str(&format!(
            "[tables.{table}]\nexport = \"{table}.csv\"\nwrite_back = \"in-place\"\n"
        ));
    }
    let exchange = Exchange::new(&format!("{config}{more}"));
    for (table, text) in tables {
        exchange.put(&format!("{table}.csv"), text);
    }
    exchange
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
        let summary = self.exchange.summary();
        assert!(summary.plan.conflicts.is_empty(), "{summary:#?}");
        assert!(summary.plan.problems.is_empty(), "{summary:#?}");
        summary
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
        let text = self.exchange.text(&format!("{table}.csv"));
        let row = text.lines().nth(1).expect("a row");
        let values = row.strip_prefix(no).and_then(|row| row.strip_prefix(','));
        values.expect("the number comes first").to_owned()
    }

    /// Nothing is left to do, nor to remember.
    fn is_in_step(&self) {
        let outcome = self.exchange.pass();
        let is_idle = matches!(&outcome, Outcome::InStep(summary) if summary.pass.is_none());
        assert!(is_idle, "{outcome:#?}");
    }
}
