//! A small exchange that is in step, and what of it is kept to begin again from for every input.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use couplet::exports::{Export, Settings};
use couplet::model::Table;

use crate::database::Database;
use crate::exchange::{Exchange, path};
use crate::memory::MemoryDisk;

/// Its configuration.
pub const CONFIG: &str = r#"
state = "state"

[setup]
bus_rel_code_for_customers = "CUST"
bus_rel_code_for_vendors = "VEND"

[tables.contacts]
export = "contacts.csv"
write_back = "in-place"

[tables.customers]
export = "customers.csv"
write_back = "in-place"

[tables.vendors]
export = "vendors.json"
write_back = "in-place"

[tables.relations]
export = "relations.csv"
write_back = "in-place"

[tables.events]
export = "events.csv"

[tables.interaction_templates]
export = "templates.csv"

[tables.interaction_template_setup]
export = "template_setup.json"
"#;

/// Contacts C01 to C07 are customers K01 to K07, C08 to C12 are vendors V08 to V12.
pub const CONTACTS: usize = 12;
/// The last contact that is a customer.
pub const LAST_CUSTOMER: usize = 7;

/// Files and state of an exchange.
pub struct Frozen {
    /// Its configuration.
    pub config: String,
    /// All files.
    pub files: BTreeMap<PathBuf, Vec<u8>>,
    /// The database.
    pub database: Arc<[u8]>,
}

impl Frozen {
    /// Keeps what an exchange has.
    pub fn of(exchange: &Exchange) -> Frozen {
        Frozen {
            config: CONFIG.to_owned(),
            files: exchange.disk.files(),
            database: exchange.database.bytes(),
        }
    }

    /// An exchange that goes on from there.
    pub fn thawed(&self) -> Exchange {
        let disk = MemoryDisk::with(self.files.clone());
        Exchange::resumed(&self.config, disk, Database::restored(&self.database))
    }
}

/// The exchange after its first passes.
pub fn in_step() -> &'static Frozen {
    static OFFICE: OnceLock<Frozen> = OnceLock::new();
    OFFICE.get_or_init(|| {
        let mut exchange = Exchange::new(CONFIG);
        let cells = |at: usize| format!("Party {at},Street {at},City {},+49 30 {at:04},p{at}@example.com", at % 3);
        let of = |head: &str, range: std::ops::RangeInclusive<usize>| -> String {
            range.map(|at| format!("{head}{at:02},{}\r\n", cells(at))).collect()
        };
        let header = "No.,Name,Address,City,Phone No.,E-Mail\r\n";
        exchange.put("contacts.csv", format!("{header}{}", of("C", 1..=CONTACTS)));
        let customers = format!("{header}{}", of("K", 1..=LAST_CUSTOMER)).replace(',', ";");
        exchange.put("customers.csv", customers);
        let vendor = |at: usize| {
            let [name, address, city, phone, mail] = cells(at).split(',').map(str::to_owned).collect::<Vec<_>>().try_into().expect("five cells");
            serde_json::json!({"No": format!("V{at:02}"), "Name": name, "Address": address, "City": city, "PhoneNo": phone, "EMail": mail})
        };
        let vendors: Vec<_> = (LAST_CUSTOMER + 1..=CONTACTS).map(vendor).collect();
        exchange.put("vendors.json", serde_json::to_string_pretty(&vendors).expect("JSON"));
        let relation = |at: usize| match at <= LAST_CUSTOMER {
            true => format!("C{at:02},CUST,Customer,K{at:02}\n"),
            false => format!("C{at:02},VEND,Vendor,V{at:02}\n"),
        };
        let relations: String = (1..=CONTACTS).map(relation).collect();
        exchange.put("relations.csv", format!("Contact No.,Business Relation Code,Link to Table,No.\n{relations}"));
        exchange.put("templates.csv", "Code,Description\nORDER,An order\nPHONE,A call\n");
        let setup = r#"[{"Sales Ord. Cnfrm.":"ORDER","Outg. Calls":"PHONE","E-Mails":"PHONE"}]"#;
        exchange.put("template_setup.json", setup);
        for _ in 0..2 {
            exchange.pass().expect("a first pass");
        }
        Frozen::of(&exchange)
    })
}

/// The number of the counterpart of a contact.
pub fn counterpart(contact: usize) -> String {
    match contact <= LAST_CUSTOMER {
        true => format!("K{contact:02}"),
        false => format!("V{contact:02}"),
    }
}

/// Rows of a file by their key, in the columns that the model knows; `None` where it is refused.
pub type Rows = BTreeMap<String, Vec<Option<String>>>;

/// Reads a file as a pass does. Records that are left out and numbers that stand twice say nothing.
pub fn rows(table: Table, bytes: &[u8]) -> Option<Rows> {
    let export = Export::read(
        Box::new(bytes.to_vec()),
        table,
        &Settings::default(),
        "f",
        1,
    )
    .ok()?;
    let mut rows = Rows::new();
    let mut twice = Vec::new();
    for at in 0..export.records.len() {
        let Ok(record) = export.record(at) else {
            continue;
        };
        let cells = record
            .row()
            .cells()
            .map(|cell| cell.map(str::to_owned))
            .collect();
        let key = record.value(0).unwrap_or_default().trim().to_uppercase();
        if rows.insert(key.clone(), cells).is_some() {
            twice.push(key);
        }
    }
    twice.iter().for_each(|key| drop(rows.remove(key)));
    Some(rows)
}

/// The bytes of a file.
pub fn bytes(files: &BTreeMap<PathBuf, Vec<u8>>, name: &str) -> Vec<u8> {
    files.get(&path(name)).cloned().unwrap_or_default()
}
