//! What people change in the configuration between passes.

use super::{World, configuration};
use crate::exchange::parse;

impl World<'_> {
    /// The next pass is made with what the configuration says now.
    pub(super) fn reconfigure(&mut self) {
        self.exchange.config = parse(&configuration(&self.systems, &self.setup, self.policy));
    }

    /// The file of a system becomes its data, or a system of its own begins to import updates.
    pub(super) fn write_back(&mut self, system: usize) {
        let of = &mut self.systems[system];
        if of.setup.delta || of.setup.numbered || of.is_away {
            return;
        }
        of.setup.in_place = !of.setup.in_place;
        of.hides = false;
        self.export(system);
        self.changes(system);
        self.tally.is("a change of write_back");
    }

    /// Updates become whole rows, or no longer are.
    pub(super) fn rows(&mut self, system: usize) {
        let of = &mut self.systems[system];
        if of.setup.in_place || !of.is_mapped {
            return;
        }
        of.setup.whole_rows = !of.setup.whole_rows;
        self.reconfigure();
        self.tally.is("a change of update");
    }

    /// A table is taken out, or put back; without contacts there are no parties.
    pub(super) fn table(&mut self, system: usize) {
        if system == 0 {
            return;
        }
        // Like a table whose export is missing, but that nobody is told of it.
        self.systems[system].is_away = !self.systems[system].is_away;
        self.reconfigure();
        self.disturbs(system);
        self.tally.is("a table that is not configured");
    }

    /// A column is not known any more, or again.
    pub(super) fn mapping(&mut self, system: usize) {
        let of = &mut self.systems[system];
        // Whole rows carry what nobody knows of.
        if !of.setup.foreign || of.setup.whole_rows {
            return;
        }
        of.is_mapped = !of.is_mapped;
        self.changes(system);
        self.tally.is("a change of mappings");
    }

    /// Exports are numbered from now on, or no longer are.
    pub(super) fn sequence(&mut self, system: usize) {
        if self.systems[system].setup.in_place {
            return;
        }
        // An older export whose name says the last number that was read would be news again: what was read since had none.
        self.take_away_exports(system);
        let setup = &mut self.systems[system].setup;
        setup.numbered = !setup.numbered;
        self.export(system);
        self.changes(system);
        self.tally.is("a change of sequence");
    }

    /// The table of a system is configured otherwise, in ways that the reference model does not follow.
    fn changes(&mut self, system: usize) {
        self.reconfigure();
        self.systems[system].is_met_anew = true;
        self.oracle.met_anew(&self.systems[system]);
        self.disturbs(system);
    }

    /// The reference model does not follow the parties of a system any more.
    fn disturbs(&mut self, system: usize) {
        let of_system = |numbers: &Vec<Option<String>>| numbers[system].is_some();
        let parties = self.parties.iter().enumerate();
        let disturbed = parties.filter(|(_, numbers)| of_system(numbers));
        self.disturbed.extend(disturbed.map(|(party, _)| party));
    }
}
