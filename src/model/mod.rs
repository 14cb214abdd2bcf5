//! The nouns: tables, kinds of counterpart, fields, rows, problems, interactions. No effects.

pub mod damage;
pub mod document;
pub mod excerpt;
pub mod field;
pub mod form;
pub mod interaction;
pub mod kind;
pub mod lookup;
pub mod printable;
pub mod problem;
pub mod row;
pub mod side;
pub mod table;

pub use excerpt::Excerpt;
pub use field::{CONTACT_FIELDS, Field, FieldId, FieldSet, Form};
pub use interaction::{FieldValue, Flag, InteractionLogEntry};
pub use kind::{Direction, KINDS, Kind, KindDef, Share};
pub use lookup::Lookup;
pub use problem::{Place, Problem};
pub use row::Row;
pub use side::Side;
pub use table::{CONTACT_RELATION, CONTACT_TYPE, ColumnDef, Table};
