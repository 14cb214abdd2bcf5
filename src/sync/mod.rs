//! Order and time: one pass from observing to remembering.

pub mod diff;
