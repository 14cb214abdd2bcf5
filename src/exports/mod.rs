//! Files that others own, read and written byte for byte.

pub mod grammar;
pub mod json;
