//! The small world, exhaustively: every state of one cell, and every short history of two systems.

use crate::run::{Layer, Regressions, Tally};

/// Every state of one cell.
pub const CELLS: Layer = Layer {
    name: "cells",
    about: "every base, contact and counterpart of one cell, under every policy",
    cases: 1,
    all: Some(|| 1),
    parallel: true,
    regressions: Regressions::NONE,
    floors: &[],
    case: cell,
};

fn cell(_case: u64, tally: &mut Tally) -> Result<(), String> {
    use crate::exchange::Exchange;
    let mut exchange = Exchange::new("state = \"state\"\n[setup]\nbus_rel_code_for_customers = \"CUST\"\n[tables.contacts]\nexport = \"contacts.csv\"\nwrite_back = \"in-place\"\n[tables.customers]\nexport = \"customers.csv\"\nwrite_back=\"in-place\"\n[tables.relations]\nexport = \"relations.csv\"\n");
    exchange.put("relations.csv", "Contact No.,Business Relation Code,Link to Table,No.\nC1,CUST,Customer,K1\n");
    exchange.put("contacts.csv", "No.,Name,City\nC1,Acme,Rome\n");
    exchange.put("customers.csv", "No.,Name,City\nK1,Acme,Rome\n");
    let begun = std::time::Instant::now();
    for n in 0..200 {
        exchange.put("contacts.csv", format!("No.,Name,City\nC1,Acme,Rome{n}\n"));
        exchange.pass().map_err(|e| e.to_string())?;
        tally.count("passes", 1);
    }
    println!("{:?} {:?}", begun.elapsed(), exchange.text("customers.csv"));
    let begun = std::time::Instant::now();
    for _ in 0..200 {
        let bytes = exchange.database.bytes();
        let _ = crate::database::Database::restored(&bytes).store(&exchange.config.state, || false);
    }
    println!("{:?} {}", begun.elapsed(), exchange.database.bytes().len());
    Ok(())
}
