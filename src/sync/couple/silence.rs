//! Who is coupled while the relations say nothing: what they said stands, but for those of whom more is known.

use std::collections::BTreeSet;

use crate::config::Config;
use crate::model::{Kind, Table};
use crate::sync::arrange::Arranged;
use crate::sync::observe::diff::PrintSet;
use crate::sync::observe::{Seen, untagged};

use super::{Couplings, has_disputes, is_disputed};

/// Relations that say nothing, and what else a pass sees.
pub(super) struct Silence<'a> {
    pub(super) config: &'a Config,
    pub(super) tables: &'a [Option<Seen<'a>>],
    pub(super) arranged: &'a Arranged,
    pub(super) relations: &'a Seen<'a>,
    /// Who is gone.
    pub(super) absent: &'a PrintSet,
}

impl Silence<'_> {
    /// What the relations refer to, where that is other than what they said, and where those stand in the index that are to be read anew
    /// before they couple again. Who is absent is coupled with nobody for as long, and nor is whoever got a number that is disputed. Whose kind
    /// has no code any more is parted, and so is who came back and has not met the other, who says nothing: what they say by the time that
    /// they meet is not agreed.
    pub(super) fn links(&self, couplings: &Couplings) -> (Option<Vec<[u64; 2]>>, BTreeSet<usize>) {
        let has_code = |kind: Kind| self.config.setup.code(kind).is_some();
        if self.absent.is_empty()
            && couplings.returned.is_empty()
            && !has_disputes(self.tables)
            && Kind::all().all(has_code)
        {
            return (None, BTreeSet::new());
        }
        let mut parted = BTreeSet::new();
        let links = self.relations.index.links.iter().enumerate();
        let links = links.map(|(at, link)| {
            let pair = couplings.now_called(link);
            if pair[1] == 0 {
                return link;
            }
            if self.is_parted(pair, couplings) {
                parted.insert(at);
                return [pair[0], 0];
            }
            match self.is_suspended(pair) {
                true => [pair[0], 0],
                false => link,
            }
        });
        (Some(links.collect()), parted)
    }

    fn is_parted(&self, pair: [u64; 2], couplings: &Couplings) -> bool {
        let Some((table @ Table::Counterparts(kind), counterpart)) = untagged(pair[1]) else {
            return true;
        };
        let speaks = |table: Table, key: u64| {
            let seen = self.tables[table.index()].as_ref();
            seen.is_some_and(|seen| seen.speaks_of(key))
        };
        let came_back = || pair.iter().any(|end| couplings.returned.contains(end));
        let can_meet = || speaks(Table::Contacts, pair[0]) && speaks(table, counterpart);
        self.config.setup.code(kind).is_none() || came_back() && !can_meet()
    }

    fn is_suspended(&self, pair: [u64; 2]) -> bool {
        let ends = [(Table::Contacts, pair[0])];
        let mut ends = ends.into_iter().chain(untagged(pair[1]));
        pair.iter().any(|end| self.absent.contains(end))
            || ends.any(|(table, key)| is_disputed(self.tables, self.arranged, table, key))
    }
}
