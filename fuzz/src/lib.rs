//! The targets of `tests/evidence`, as libFuzzer runs them.

#![allow(missing_docs, dead_code)]

#[path = "../../tests/evidence/database.rs"]
mod database;
#[path = "../../tests/evidence/dice.rs"]
mod dice;
#[path = "../../tests/evidence/exchange.rs"]
mod exchange;
#[path = "../../tests/evidence/memory.rs"]
mod memory;
#[path = "../../tests/evidence/targets/mod.rs"]
mod targets;

/// Runs the target of a name. Input that is none of what it reads is not worth keeping for its own sake.
pub fn run(name: &str, bytes: &[u8]) {
    let target = targets::TARGETS.iter().find(|target| target.name == name);
    let target = target.unwrap_or_else(|| panic!("there is no target {name}"));
    (target.run)(bytes);
}
