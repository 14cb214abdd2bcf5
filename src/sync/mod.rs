//! Order and time: one pass from observing to remembering.

pub mod apply;
pub mod arrange;
pub mod couple;
pub mod dates;
pub mod decide;
pub mod decisions;
pub mod duplicates;
pub mod inbox;
pub mod links;
pub mod observe;
pub mod pass;
mod quiet;
mod receipts;
pub mod requests;
pub mod spread;
pub mod unsaid;

pub use pass::{Clock, Effects, Outcome, PassError, Request, Summary, SystemClock, reconcile};
