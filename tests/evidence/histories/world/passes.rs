//! Passes: made, foreseen, approved and decided on, until everything is at rest.

use std::collections::{BTreeMap, BTreeSet};

use couplet::merge::Plan;
use couplet::merge::plan::{Change, Debt};
use couplet::sync::{Outcome, PassError, Request, Summary};

use super::super::systems::{FIELDS, System};
use super::checks::told;
use super::{Check, World, of_state};
use crate::exchange::path;

impl World<'_> {
    pub(super) fn decide(&mut self, conflict: usize, claim: usize) -> Check {
        let open = self.exchange.store.conflicts().map_err(of_state)?;
        let Some(open) = open.get(conflict % open.len().max(1)) else {
            return Ok(());
        };
        let claims = &open.conflict.claims;
        let mut values: Vec<String> = claims
            .iter()
            .filter_map(|claim| claim.shows.clone())
            .collect();
        values.extend(open.conflict.agreed.clone());
        let value = match values.get(claim % (values.len() + 1)) {
            Some(value) => value.clone(),
            None => format!("{}d ok", self.now),
        };
        let place = self.place_of(&open.conflict.contact, &open.conflict.field)?;
        self.exchange
            .store
            .decide(open, &value, "2026-11-23T12:00:00")
            .map_err(of_state)?;
        let shown = claims
            .iter()
            .filter_map(|claim| claim.shows.clone())
            .collect();
        self.decided.insert(place, (value.clone(), shown));
        let of = (open.conflict.contact.as_str(), place.1);
        self.oracle.decided(&value, values, of, self.now);
        self.tally.is("a decision");
        Ok(())
    }

    pub(super) fn ask(&mut self, request: &Request) -> Result<Outcome, String> {
        self.tally.count("passes", 1);
        let failed = |error: PassError| format!("a pass failed: {error}");
        self.exchange.ask(request).map_err(failed)
    }

    /// A dry run says what the next pass does, and changes nothing; the order of rows has no part in it.
    pub(super) fn dry_run(&mut self) -> Check {
        if self.exchange.store.last_pass().map_err(of_state)? == 0 {
            // A state that nobody has made yet gets its seed.
            return Ok(());
        }
        let files = self.exchange.disk.files();
        let database = self.exchange.database.bytes();
        let plan = self.foresee()?;
        if files != self.exchange.disk.files() || database != self.exchange.database.bytes() {
            return Err("a dry run changed something".to_owned());
        }
        self.foreseen = Some(gist(&plan));
        // An export with other bytes is a newer one, by which values in flight are later.
        let flying = self.exchange.store.in_flight().map_err(of_state)?;
        if !flying.is_empty() {
            return Ok(());
        }
        self.tally.is("rows in another order");
        let systems = self.systems.iter().enumerate();
        let legible = systems.filter(|(at, _)| !self.silent.contains_key(at));
        let mut exports: Vec<String> = legible.map(|(_, system)| system.file()).collect();
        if !self.relations.are_silent() {
            exports.push("relations.csv".to_owned());
        }
        let turned = exports.iter().filter_map(|file| {
            let bytes = self.exchange.disk.bytes(&path(file))?;
            Some((file.clone(), turned(&bytes), bytes))
        });
        let turned: Vec<(String, Vec<u8>, Vec<u8>)> = turned.collect();
        for (file, turned, _) in &turned {
            self.exchange.put(file, turned.as_slice());
        }
        let of_turned = self.foresee()?;
        for (file, _, bytes) in turned {
            self.exchange.put(&file, bytes);
        }
        let (plan, of_turned) = (gist(&plan), gist(&of_turned));
        match plan == of_turned {
            true => Ok(()),
            false => Err(format!(
                "the order of rows matters: {plan:#?}\nor {of_turned:#?}"
            )),
        }
    }

    pub(super) fn foresee(&mut self) -> Result<Plan, String> {
        let request = Request {
            dry_run: true,
            ..Request::default()
        };
        match self.ask(&request)? {
            Outcome::DryRun(summary) => Ok(summary.plan),
            other => Err(format!("a dry run ended otherwise: {other:?}")),
        }
    }

    /// One pass, and what must be true after it.
    pub(super) fn pass(&mut self) -> Check {
        let flying = self.exchange.store.in_flight().map_err(of_state)?;
        let mut is_news = vec![false; self.systems.len()];
        for (at, system) in self.systems.iter_mut().enumerate() {
            let is_read = !system.is_away && !self.silent.contains_key(&at);
            if is_read {
                self.oracle.read(at, system);
            }
            is_news[at] = system.text != system.text_read && is_read;
            if is_news[at] {
                system.be_read();
            }
        }
        self.relations.be_read();
        self.read_primaries();
        let expected = self.predicted()?;
        let summary = match self.ask(&Request::default())? {
            Outcome::Done(summary) | Outcome::InStep(summary) => summary,
            Outcome::Halted { id, summary } => self.approve(&id, &summary)?,
            other => return Err(format!("a pass ended otherwise: {other:?}")),
        };
        if self
            .foreseen
            .take()
            .is_some_and(|foreseen| foreseen != gist(&summary.plan))
        {
            return Err("a pass did something else than the dry run before it said".to_owned());
        }
        let still = self.exchange.store.in_flight().map_err(of_state)?;
        for (at, system) in self.systems.iter().enumerate() {
            let waits = |counts: &BTreeMap<String, u64>| counts.contains_key(&system.setup.table);
            if is_news[at] && waits(&flying) && waits(&still) {
                self.tally.is("an in-flight re-export");
            }
        }
        if !summary.plan.conflicts.is_empty() {
            self.tally.is("a conflict");
        }
        let debts = &summary.plan.debts;
        if debts.iter().any(|debt| self.cannot_hold(debt)) {
            self.tally.is("a value that a side cannot hold");
        }
        if summary
            .plan
            .changes
            .iter()
            .any(|change| self.is_cut(change))
        {
            self.tally.is("a value that was cut");
        }
        let written = summary.plan.changes.len() as u64;
        self.tally.count("cells written", written);
        self.check_primaries(&summary.plan, summary.pass)?;
        self.take_in(&summary)?;
        self.check_relations(&summary)?;
        let store = &self.exchange.store;
        self.oracle
            .check_changes(&summary.plan, &self.systems, self.holds, self.now)?;
        self.oracle.check_nothing_is_lost(&self.systems, store)?;
        self.compare(&expected)
    }

    /// A guard refused a plan: nothing was written, and approving lets exactly that plan through.
    pub(super) fn approve(&mut self, id: &str, halted: &Summary) -> Result<Summary, String> {
        self.tally.is("a guard trip");
        let is_untouched = |system: &System| {
            !system.setup.in_place
                || self.exchange.disk.bytes(&path(&system.file()))
                    == Some(system.encoded(&system.text))
        };
        let others = self
            .systems
            .iter()
            .enumerate()
            .filter(|(at, _)| !self.silent.contains_key(at));
        if !halted.files.is_empty() || !others.map(|(_, system)| system).all(is_untouched) {
            return Err("a halted pass wrote something".to_owned());
        }
        let at = "2026-11-23T12:00:00";
        self.exchange.store.approve(id, at).map_err(of_state)?;
        match self.ask(&Request::default())? {
            Outcome::Done(done) | Outcome::InStep(done)
                if done.plan.digest() == halted.plan.digest() =>
            {
                Ok(done)
            }
            other => Err(format!("an approved plan ended otherwise: {other:?}")),
        }
    }

    /// A pass that writes a newer value does not say yet that an older one has been in flight for too long; the next
    /// one does, so the inbox may grow.
    pub(super) fn pass_without_news(&mut self) -> Check {
        let files = |world: &World<'_>| {
            let mut nodes = world.exchange.disk.nodes();
            nodes.retain(|path, _| !path.starts_with(&world.exchange.config.state));
            nodes
        };
        let (before, conflicts) = (files(self), self.open()?);
        match self.ask(&Request::default())? {
            Outcome::InStep(summary)
                if summary.plan.changes.is_empty() && summary.files.is_empty() => {}
            Outcome::InStep(summary) | Outcome::Done(summary) => {
                return Err(format!("a second pass did {:#?}", gist(&summary.plan)));
            }
            other => return Err(format!("a second pass ended otherwise: {other:?}")),
        }
        if files(self) != before {
            return Err("a second pass wrote a file".to_owned());
        }
        let is_kept = conflicts.is_subset(&self.open()?);
        is_kept
            .then_some(())
            .ok_or_else(|| "a second pass forgot a conflict".to_owned())
    }

    /// The systems import what is left in order and export, persons decide: after a few rounds nothing is open, and everything
    /// agrees.
    pub fn come_to_rest(&mut self) -> Check {
        const ROUNDS: usize = 6;
        self.foreseen = None;
        self.primaries.is_over = true;
        for system in &mut self.systems {
            system.hides = false;
            (system.is_away, system.is_mapped) = (false, true);
            // An export that has the bytes of the one before, or does not list a record, does not tell that an update was imported.
            system.setup.counts |= system.has_primaries();
            if system.is_met_anew {
                // What no delta lists after that is not known, and would be owed for good.
                system.unread = system.records.keys().cloned().collect();
            }
            self.oracle.met_anew(system);
        }
        self.reconfigure();
        self.heal();
        for round in 0..ROUNDS {
            self.now += 1;
            let open = self.open()?.len();
            for conflict in 0..open {
                self.decide(conflict, 0)?;
            }
            for system in 0..self.systems.len() {
                let newest = self.systems[system].imported.last().copied();
                for update in 0..self.systems[system].updates.len() {
                    // What was imported in the wrong order, or in part, is imported again.
                    let pass = self.systems[system].updates[update].pass;
                    if round == 0 || Some(pass) > newest {
                        self.import(system, update, u8::MAX);
                    }
                }
                let of = &mut self.systems[system];
                if of.has_primaries() {
                    of.unread.extend(of.records.keys().cloned());
                }
                self.export(system);
            }
            self.import_relations();
            self.pass()?;
        }
        self.pass_without_news()?;
        let store = &self.exchange.store;
        let (open, mut flying) = (self.open()?, self.flying()?);
        let debts = store.debts().map_err(of_state)?;
        let (excused, debts): (Vec<Debt>, Vec<Debt>) =
            debts.into_iter().partition(|debt| self.cannot_hold(debt));
        // What a side cannot hold does not take the place of what was written for it before.
        let of_excused: BTreeSet<(String, String)> = excused
            .into_iter()
            .map(|debt| (debt.table, debt.no))
            .collect();
        flying.retain(|record| !of_excused.contains(record));
        if !open.is_empty() || !flying.is_empty() || !debts.is_empty() {
            return Err(format!(
                "never at rest: conflicts {open:?}, in flight {flying:?}, owed {debts:?}"
            ));
        }
        self.agree_on_relations();
        self.check_couplings()?;
        self.check_chosen()?;
        for party in 0..self.parties.len() {
            for (field, name) in FIELDS.iter().enumerate() {
                let values = self.values(party, field);
                if !self.agree(party, &values, field) {
                    return Err(format!(
                        "{name} of party {party} disagrees in the end: {:?}",
                        told(&values)
                    ));
                }
            }
        }
        self.oracle.check_log(&self.systems, &self.exchange.store)
    }
}

/// What a plan does, without the lines in which it found that.
fn gist(plan: &Plan) -> Vec<String> {
    let changes = plan.changes.iter();
    let mut gist: Vec<String> = changes
        .map(|change| {
            let Change {
                contact,
                table,
                no,
                column,
                from,
                to,
                rule,
                ..
            } = change;
            format!("{contact} {table} {no} {column}: {from:?} -> {to:?} {rule:?}")
        })
        .collect();
    for held in &plan.conflicts {
        let claims = held.claims.iter();
        let claims: Vec<_> = claims
            .map(|claim| (&claim.no, &claim.shows, &claim.base, claim.moved))
            .collect();
        gist.push(format!(
            "{} {}: {:?} {claims:?}",
            held.contact, held.field, held.agreed
        ));
    }
    gist.extend(plan.debts.iter().map(|debt| format!("{debt:?}")));
    let (gone, new) = (plan.uncouplings.iter(), plan.couplings.iter());
    gist.extend(gone.map(|gone| format!("{} and {} part", gone.contact, gone.no)));
    gist.extend(new.map(|new| format!("{} and {} meet", new.contact, new.no)));
    // Relations come and go in the order of their rows.
    gist.sort();
    gist
}

/// An export with its rows in the opposite order.
fn turned(bytes: &[u8]) -> Vec<u8> {
    let mut lines: Vec<&[u8]> = bytes.split_inclusive(|byte| *byte == b'\n').collect();
    let header = usize::from(!bytes.starts_with(b"{"));
    if let Some(rows) = lines.get_mut(header..) {
        rows.reverse();
    }
    lines.concat()
}
