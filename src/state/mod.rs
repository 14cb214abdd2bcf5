//! What Couplet owns: the database, the base of every record, the journal and the lock.
//!
//! One commit of the database is the commit of everything: it names the generation of each table's base files.

mod decisions;
pub mod drops;
pub mod error;
pub mod index;
pub mod journal;
pub mod links;
pub mod lock;
pub mod memory;
mod names;
pub mod queries;
mod remember;
pub mod rows;
pub mod store;

pub use error::StateError;
pub use index::{Entry, Index, IndexDraft};
pub use links::Links;
pub use lock::Lock;
pub use memory::{Memory, TableMemory};
pub use rows::{RowWriter, Rows};
pub use store::Store;
