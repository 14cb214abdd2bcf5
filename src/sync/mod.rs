//! Order and time: one pass from observing to remembering.

pub mod affected;
pub mod apply;
pub mod arrange;
mod births;
mod consequences;
pub mod couple;
pub mod daemon;
pub mod dates;
pub mod decide;
pub mod diff;
pub mod duplicates;
mod family;
mod interactions;
mod keys;
pub mod links;
pub mod locate;
pub mod log;
pub mod observe;
pub mod orders;
mod own_cells;
pub mod pass;
pub mod recover;
mod relations;
pub mod requests;
mod seat;
pub mod spread;
mod stamps;

pub use pass::{Clock, Effects, Outcome, PassError, Request, Summary, SystemClock, reconcile};
