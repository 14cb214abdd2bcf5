//! Order and time: one pass from observing to remembering.

pub mod affected;
pub mod apply;
pub mod arrange;
pub mod arrivals;
mod births;
mod consequences;
mod counts;
pub mod couple;
pub mod dates;
pub mod decide;
pub mod decisions;
pub mod diff;
pub mod duplicates;
mod family;
pub mod inbox;
pub mod intake;
mod interactions;
mod keys;
pub mod links;
pub mod locate;
pub mod log;
pub mod observe;
pub mod orders;
mod own_cells;
mod party;
pub mod pass;
mod receipts;
pub mod recover;
pub mod relation_rows;
mod relations;
pub mod requests;
mod seat;
pub mod spread;
mod stamps;
pub mod world;

pub use pass::{Clock, Effects, Outcome, PassError, Request, Summary, SystemClock, reconcile};
