//! Decisions: what a party does, field by field. Pure, total, deterministic; knows the model only.
//!
//! One field goes through three small functions: [`listen`] hears what each side says against what it showed
//! before, [`verdict`] decides, [`deliver`] says what becomes of each side.

pub mod capacity;
pub mod coupling;
pub mod deliver;
pub mod derive;
pub mod document;
pub mod duplicates;
pub mod guard;
pub mod inherit;
pub mod interaction;
pub mod listen;
pub mod mail;
pub mod party;
pub mod person;
pub mod plan;
pub mod policy;
pub mod series;
pub mod status;
pub mod validation;
pub mod verdict;

pub use capacity::{Capacity, Fit};
pub use deliver::{Delivery, Owed};
pub use inherit::{Inherit, Values};
pub use listen::{Flight, Heard, Move, Says, Sent};
pub use party::{FieldMerge, Member, Merged, Party, merge};
pub use plan::{Change, Conflict, Plan};
pub use policy::{FieldRules, FirstMeeting, Policy};
pub use verdict::{Rule, Verdict};
