//! Everything that a decision looks at.

use std::collections::BTreeSet;

use crate::config::Config;
use crate::exports::key_print;
use crate::merge::coupling::kind_of;
use crate::model::{Kind, Table};
use crate::state::memory::MarkRow;
use crate::sync::arrange::Arranged;
use crate::sync::couple::Couplings;
use crate::sync::observe::diff::PrintMap;
use crate::sync::observe::pending::Pending;
use crate::sync::observe::{Seen, plain};

use super::family::{company_of, company_shown};
use super::notes::Notes;
use super::words::Words;

/// Everything that a decision looks at.
pub struct World<'w> {
    /// Configuration.
    pub config: &'w Config,
    /// The pass's time.
    pub now: &'w jiff::Zoned,
    /// Tables, by [`Table::index`].
    pub tables: &'w [Option<Seen<'w>>],
    /// Couplings.
    pub couplings: &'w Couplings,
    /// The seed of its hashes.
    pub seed: u64,
    /// What waits in the state.
    pub pending: &'w Pending,
    /// Records that are gone, those of this pass included.
    pub gone: &'w BTreeSet<(Table, String)>,
    /// What the state notes of single records.
    pub marks: &'w [MarkRow],
    /// What the pass does beside merging.
    pub arranged: &'w Arranged,
    /// Persons whose companies the pass looks at, in the order of the index.
    pub persons: &'w [u64],
    /// By key: contacts whose company is agreed on and not shown yet, and the key of that.
    pub assigned: &'w PrintMap<u64>,
    /// What records said in open conflicts.
    pub words: &'w Words,
    /// Whether any contact may name another one as its company.
    pub has_persons: bool,
}

/// Whether any contact may name another one as its company: shown, known from the last pass, agreed on or arranged.
pub(in crate::sync) fn has_persons(
    contacts: Option<&Seen<'_>>,
    arranged: &Arranged,
    assigned: &PrintMap<u64>,
) -> bool {
    let is_asked =
        !arranged.births.is_empty() || !arranged.given.is_empty() || !assigned.is_empty();
    let may_show = |seen: &Seen<'_>| {
        let column = Table::Contacts.column("Company No.");
        let export = seen.export.as_ref();
        export
            .zip(column)
            .is_none_or(|(export, column)| export.columns.has(column))
            || seen.index.links.firsts().next().is_some()
    };
    is_asked || contacts.is_none_or(may_show)
}

impl<'w> World<'w> {
    /// The key of a number.
    pub(in crate::sync) fn key(&self, no: &str) -> u64 {
        plain(key_print(&[no], self.seed))
    }

    /// The number under which the state knows a record: who came back under another one is known under ours.
    pub(in crate::sync) fn former<'n>(&'n self, table: Table, no: &'n str) -> &'n str {
        let seen = self.tables[table.index()].as_ref();
        seen.map_or(no, |seen| seen.formerly_called(no))
    }

    /// Whether a contact's key is the one of another that came back under this number.
    pub(in crate::sync) fn is_renamed(&self, from: u64, to: u64) -> bool {
        let seen = self.tables[Table::Contacts.index()].as_ref();
        let mut renamed = seen.into_iter().flat_map(|seen| &seen.created.renamed);
        renamed.any(|(ours, theirs)| self.key(ours) == from && self.key(theirs) == to)
    }

    /// Whether persons may take something over from companies in this pass: not when contacts are read for the first time,
    /// unless some are new.
    pub(in crate::sync) fn has_families(&self) -> bool {
        let seen = self.tables[Table::Contacts.index()].as_ref();
        seen.is_some_and(|seen| seen.memory.is_some()) || !self.arranged.births.is_empty()
    }

    /// The contact of a counterpart that the pass creates.
    pub(in crate::sync) fn contact_of_new(&self, kind: Kind, no: &str) -> String {
        let relations = self.arranged.relations.iter().map(|new| &new.relation);
        let mut of_it = relations
            .chain(self.arranged.filled.values())
            .filter(|relation| {
                let of = kind_of(relation, &self.config.setup.codes);
                of == Ok(Some(kind)) && relation.no == no
            });
        of_it
            .next()
            .map(|relation| relation.contact.clone())
            .unwrap_or_default()
    }

    /// The key of the company of a contact that is none itself.
    pub(super) fn company_of_person(&self, contact: u64, notes: &mut Notes<'w>) -> Option<u64> {
        let seen = self.tables[Table::Contacts.index()].as_ref()?;
        if let Some(company) = self.assigned.get(&contact) {
            return Some(*company);
        }
        let touched = seen.position(contact).filter(|at| seen.is_touched(*at));
        let company = match (self.arranged.birth(Table::Contacts, contact), touched) {
            (Some(birth), _) => company_of(&birth.row, self.seed),
            (None, Some(at)) => notes.peek(seen, at, |view| company_shown(view, self.seed))?,
            (None, None) => seen.index.links.at(seen.old_position(contact)?)[0],
        };
        let given = self.arranged.given.contains_key(&contact);
        (company != 0 && company != contact || given).then_some(company)
    }
}
