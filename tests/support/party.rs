//! A party with a customer, a vendor and a bank account, told in small exports.

use couplet::state::Store;
use couplet::sync::Outcome;

use crate::support::Exchange;

/// All tables are edited in place.
pub const IN_PLACE: &str = r#"
[tables.contacts]
export = "contacts.csv"
write_back = "in-place"
[tables.customers]
export = "customers.csv"
write_back = "in-place"
[tables.vendors]
export = "vendors.csv"
write_back = "in-place"
[tables.bank_accounts]
export = "banks.csv"
write_back = "in-place"
[tables.relations]
export = "relations.csv"
write_back = "in-place"
"#;

/// The configuration, with updates of the table with this export in the folder `updates`; `more` is what else is said of it.
pub fn through_a_folder(config: &str, export: &str, more: &str) -> String {
    let in_place = format!("\"{export}\"\nwrite_back = \"in-place\"");
    assert!(config.contains(&in_place), "{export} is edited in place");
    config.replace(
        &in_place,
        &format!("\"{export}\"\nwrite_back = \"updates\"\n{more}"),
    )
}

/// The header of every table but that of relations.
pub const CONTACT: &str = "No.,Name,City,Phone No.,E-Mail,Note\r\n";
/// The relations of the party.
pub const RELATIONS: &str = "Contact No.,Business Relation Code,Link to Table,No.\r\n\
                         C1,CUST,Customer,10\r\nC1,VEND,Vendor,20\r\nC1,BANK,Bank Account,B1\r\n";

/// A party with a customer, a vendor and a bank account, in step.
pub fn in_step(config: &str) -> Exchange {
    let exchange = Exchange::new(config);
    put_party(&exchange, "customers.csv");
    assert!(matches!(exchange.pass(), Outcome::InStep(_)));
    exchange
}

/// Its exports, in which all sides agree.
pub fn put_party(exchange: &Exchange, customers: &str) {
    exchange
        .put(
            "contacts.csv",
            format!("{CONTACT}C1,Acme,Rome,1,a@x.example,hub\r\n"),
        )
        .put(
            customers,
            format!("{CONTACT}10,Acme,Rome,1,a@x.example,ledger\r\n"),
        )
        .put(
            "vendors.csv",
            format!("{CONTACT}20,Acme,Rome,1,a@x.example,purchasing\r\n"),
        )
        .put(
            "banks.csv",
            format!("{CONTACT}B1,Acme,Rome,1,a@x.example,treasury\r\n"),
        )
        .put("relations.csv", RELATIONS);
}

/// The contact's export, with this city and phone number.
#[allow(dead_code, reason = "each test binary uses the part that it needs")]
pub fn put_contact(exchange: &Exchange, city: &str, phone: &str) {
    let row = format!("C1,Acme,{city},{phone},a@x.example,hub\r\n");
    exchange.put("contacts.csv", format!("{CONTACT}{row}"));
}

/// The customer's export, with this city and phone number.
#[allow(dead_code, reason = "each test binary uses the part that it needs")]
pub fn put_customer(exchange: &Exchange, city: &str, phone: &str) {
    let row = format!("10,Acme,{city},{phone},a@x.example,ledger\r\n");
    exchange.put("customers.csv", format!("{CONTACT}{row}"));
}

/// The first row of a file.
pub fn row(exchange: &Exchange, file: &str) -> String {
    exchange
        .text(file)
        .lines()
        .nth(1)
        .expect("a row")
        .to_owned()
}

/// A file of one row with this city, and a row of nobody else's.
#[allow(dead_code, reason = "each test binary uses the part that it needs")]
pub fn put_city(exchange: &Exchange, file: &str, no: &str, city: &str) {
    let other = "X9,Beta,Kiel,7,b@x.example,other";
    let text = format!("{CONTACT}{no},Acme,{city},1,a@x.example,row\r\n{other}\r\n");
    exchange.put(file, text);
}

/// The state of an exchange.
pub fn store(exchange: &Exchange) -> Store {
    Store::look(&exchange.path("state"))
        .expect("a state")
        .expect("a state")
}
