//! How a year comes to rest, and what must be so then.

use super::fault::Faults;
use super::system::{Style, System};
use super::time::{HOUR, MINUTE};
use super::tokens::{Tokens, token};
use super::year::{PARTIES, Year};
use crate::exchange::path;

impl Year<'_> {
    /// Nothing goes wrong any more: everybody imports what is new in order and exports, and a person decides all that is open.
    pub(super) fn come_to_rest(&mut self, hours: u64) -> Result<(), String> {
        self.faults = Faults::none();
        self.around.time.set_wrong(0);
        // What is under way comes to its end, and a process that lies down gets up.
        let mut end = hours * HOUR + 40 * HOUR;
        self.run_until(end)?;
        self.around.disk.revive();
        for _ in 0..16 {
            self.rounds_in_hour = 0;
            for at in 0..self.systems.len() {
                self.reload(at)?;
                while let Some(export) =
                    (!self.systems[at].unsent.is_empty()).then(|| self.systems[at].unsent.remove(0))
                {
                    self.send(at, export, false);
                    end += 10 * MINUTE;
                    self.run_until(end)?;
                }
                if self.systems[at].style != Style::InPlace {
                    self.fetch(at)?;
                    for name in self.systems[at].waiting() {
                        self.systems[at].import(&name, &mut self.edits, &mut || false);
                    }
                    self.systems[at].list_all();
                    self.export(at, false);
                }
            }
            self.decide()?;
            end += 2 * HOUR;
            self.run_until(end)?;
            self.end_hour()?;
            for at in 0..self.systems.len() {
                self.reload(at)?;
            }
            if self.is_at_rest()? {
                return self.check();
            }
        }
        let rows: Vec<_> = self
            .systems
            .iter()
            .map(|system| (system.table, system.style, &system.rows))
            .collect();
        let store = (self.around.open)(&self.config.state).map_err(|error| error.to_string())?;
        let in_flight = store.in_flight().map_err(|error| error.to_string())?;
        let conflicts = store.conflicts().map_err(|error| error.to_string())?;
        let open = store.open_drops().map_err(|error| error.to_string())?;
        Err(format!(
            "never at rest: {rows:?}; in flight {in_flight:?}; {conflicts:?}; {open:?}"
        ))
    }

    /// Whether all coupled fields agree, and nothing is on its way or open.
    pub(super) fn is_at_rest(&self) -> Result<bool, String> {
        let store = (self.around.open)(&self.config.state).map_err(|error| error.to_string())?;
        let in_flight = store.in_flight().map_err(|error| error.to_string())?;
        let conflicts = store.conflicts().map_err(|error| error.to_string())?;
        let open = store.open_drops().map_err(|error| error.to_string())?;
        let agree = PARTIES.iter().all(|(contact, customer, vendor)| {
            let contact = self.systems[0].rows[*contact];
            customer.is_none_or(|no| self.systems[1].rows[no] == contact)
                && vendor.is_none_or(|no| self.systems[2].rows[no] == contact)
        });
        Ok(agree && in_flight.is_empty() && conflicts.is_empty() && open.is_empty())
    }

    /// What must be so when everything is at rest.
    pub(super) fn check(&mut self) -> Result<(), String> {
        let store = (self.around.open)(&self.config.state).map_err(|error| error.to_string())?;
        let mut live = Tokens::default();
        for system in &self.systems {
            for (no, row) in &system.rows {
                row.iter().for_each(|token| live.insert(*token));
                let decisions = store
                    .decisions(system.table, no, None)
                    .map_err(|error| error.to_string())?;
                let values = decisions
                    .iter()
                    .flat_map(|decision| [&decision.from, &decision.to]);
                values
                    .filter_map(|value| token(value))
                    .for_each(|token| live.insert(token));
            }
        }
        for seen in self.edits.seen.iter() {
            let is_known = live.contains(seen)
                || self.edits.excused.contains(seen)
                || self.edits.typed_over.contains(seen);
            if !is_known {
                return Err(format!("tok-{seen}-end is lost"));
            }
        }
        for path in self.memory.files().keys() {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            let is_left = name.contains("couplet-")
                || name.ends_with(".tmp")
                || path.parent().is_some_and(|folder| folder.ends_with("work"));
            if is_left {
                return Err(format!("{} was left behind", path.display()));
            }
            let of_drops = |system: &System| {
                matches!(system.style, Style::Full | Style::Delta)
                    && path.parent() == Some(system.folder().as_path())
            };
            if self.systems.iter().any(of_drops) && name.ends_with(".csv") {
                return Err(format!("{} was dropped and never answered", path.display()));
            }
        }
        self.check_log()?;
        self.tally.count("edits", self.edits.count());
        self.tally.count("looks", self.around.heard.looks.get());
        Ok(())
    }

    /// The log is numbered without gaps.
    pub(super) fn check_log(&self) -> Result<(), String> {
        let folder = path("log");
        let mut numbers = Vec::new();
        for (file, bytes) in self.memory.files() {
            if file.parent() != Some(folder.as_path()) {
                continue;
            }
            let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes);
            let mut reader = csv::Reader::from_reader(bytes);
            let headers = reader.headers().map_err(|error| error.to_string())?.clone();
            let column = headers
                .iter()
                .position(|header| header == "Entry No.")
                .ok_or("the log has no numbers")?;
            for record in reader.records() {
                let record = record.map_err(|error| error.to_string())?;
                numbers.push(
                    record[column]
                        .parse::<usize>()
                        .map_err(|error| error.to_string())?,
                );
            }
        }
        numbers.sort_unstable();
        match numbers
            .iter()
            .enumerate()
            .find(|(at, number)| at + 1 != **number)
        {
            Some((at, number)) => Err(format!("the log has {number} where {} comes", at + 1)),
            None => Ok(()),
        }
    }
}
