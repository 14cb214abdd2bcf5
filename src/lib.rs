//! Couplet keeps the records of one business party the same wherever they live.
//!
//! A pass observes every export, decides purely, shows its decision as a plan, checks it, carries it out and
//! remembers it last. `ARCHITECTURE.md` is the map.

// Data never panics; a bug may, through an assertion that says which.
#![warn(clippy::unwrap_used, clippy::panic)]

pub mod cli;
pub mod config;
pub mod disk;
pub mod exchange;
pub mod exit;
pub mod exports;
pub mod merge;
pub mod model;
pub mod service;
pub mod state;
pub mod sync;
