//! Files that others own, read and written byte for byte.

pub mod columns;
pub mod csv;
pub mod dialect;
pub mod encoding;
pub mod export;
pub mod grammar;
pub mod json;
