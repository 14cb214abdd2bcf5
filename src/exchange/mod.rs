//! The exchange with systems and people that can only write and read files: drops, answers, requests, conflicts.
//!
//! A round takes files in, makes a pass with them, and publishes what became of them.

mod answer;
pub mod arrival;
mod attempt;
mod claims;
mod conflicts;
pub mod daemon;
pub mod fitness;
pub mod folder;
pub mod mail;
mod manifest;
mod publish;
pub mod ready;
mod retention;
pub mod round;
mod upkeep;
mod watch;

pub use attempt::failed;
pub use folder::{AsItStands, Looks};
pub use round::{Round, preview, round, waiting};
