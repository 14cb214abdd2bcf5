//! Files that others own, read and written byte for byte.

pub mod columns;
pub mod csv;
pub mod dialect;
pub mod encoding;
mod excerpt;
pub mod export;
pub mod grammar;
pub mod json;
mod kept;
pub mod key;
mod last;
mod places;
mod print;
mod reader;
mod reading;
pub mod refusal;
mod scan;
pub mod settings;
pub mod sniff;
pub mod source;
mod spelling;
mod splice;

pub use columns::{Columns, fold};
pub use dialect::{Dialect, Grammar};
pub use encoding::Encoding;
pub use export::{CHANGED, Export, Record, RecordAt, Unheld};
pub use key::{KeyPrint, key_print};
pub use last::{Extent, Last};
pub use reader::{Reader, View};
pub use refusal::Refusal;
pub use settings::{ColumnPin, FileFormat, Newline, Settings, TooLong};
pub use sniff::{Sniffed, sniff};
pub use source::{Bounds, ReadAt};
pub use splice::{Edits, NewRow, UnlistedRow, UpdateContents};
