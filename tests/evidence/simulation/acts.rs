//! What systems, people and misfortune do in a year.

use crate::exchange::{parse as configuration, path};

use super::fault::Fault;
use super::person;
use super::system::{Export, Step, Style};
use super::time::{HOUR, MILLI, MINUTE, SECOND};
use super::year::{Happening, Year, config_text};

impl Year<'_> {
    /// Somebody does something.
    pub(super) fn act(&mut self) -> Result<(), String> {
        let at = self.dice.below(self.systems.len());
        match self.dice.below(12) {
            0..=3 => self.edit(at)?,
            4..=6 => {
                self.reload(at)?;
                let slowly = self.faults.has(Fault::SlowWriters) && self.dice.chance(40);
                self.export(at, slowly);
            }
            7 | 8 => self.import(at)?,
            9 => self.decide()?,
            _ => {
                if let Some(fault) = self.faults.pick(&mut self.dice) {
                    self.strike(fault, at)?;
                }
            }
        }
        Ok(())
    }

    /// A user types something. In place that is saved at once.
    pub(super) fn edit(&mut self, at: usize) -> Result<(), String> {
        if self.systems[at].style != Style::InPlace {
            self.systems[at].edit(&mut self.edits, &mut self.dice);
            return Ok(());
        }
        if self.systems[at].is_writing {
            return Ok(());
        }
        self.reload(at)?;
        self.systems[at].edit(&mut self.edits, &mut self.dice);
        let slowly = self.faults.has(Fault::SlowWriters) && self.dice.chance(40);
        self.export(at, slowly);
        Ok(())
    }

    /// People go on while the daemon is dead: their file may be one that it was about to replace.
    pub(super) fn go_on_without_it(&mut self) -> Result<(), String> {
        for at in 0..self.systems.len() {
            if self.systems[at].style == Style::InPlace && self.dice.chance(50) {
                self.edit(at)?;
            }
        }
        Ok(())
    }

    pub(super) fn reload(&mut self, at: usize) -> Result<(), String> {
        let system = &mut self.systems[at];
        match self.memory.bytes(&system.file()) {
            Some(bytes) if system.style == Style::InPlace && !system.is_writing => {
                system.reload(&bytes)
            }
            _ => Ok(()),
        }
    }

    /// A system exports.
    pub(super) fn export(&mut self, at: usize, slowly: bool) {
        if self.systems[at].is_writing {
            return;
        }
        if let Some(export) = self.systems[at].export() {
            self.send(at, export, slowly);
        }
    }

    pub(super) fn send(&mut self, at: usize, export: Export, slowly: bool) {
        let now = self.now();
        let system = &mut self.systems[at];
        system.is_writing = true;
        let steps = system.write(&export, slowly, now, &mut self.dice);
        let done = steps.last().map_or(now, |(then, _)| *then);
        if slowly {
            self.tally.is("a slow writer");
        }
        for (then, step) in steps {
            self.at(then, Happening::Step(step));
        }
        self.at(done, Happening::Step(Step::Complete { system: at, export }));
    }

    /// A system fetches its updates and imports one of them: perhaps not the next, perhaps again, perhaps not all of it.
    pub(super) fn import(&mut self, at: usize) -> Result<(), String> {
        if self.systems[at].style == Style::InPlace {
            return Ok(());
        }
        self.fetch(at)?;
        let system = &mut self.systems[at];
        let waiting = system.waiting();
        let next = waiting.first().cloned();
        let any: Vec<String> = system.updates.keys().cloned().collect();
        let (name, is_odd) = match self.faults.has(Fault::OddImports) && self.dice.chance(30) {
            true => (self.dice.pick(&any).cloned(), true),
            false => (next, false),
        };
        let Some(name) = name else {
            return Ok(());
        };
        if is_odd {
            self.tally.is("an import twice, late or in part");
        }
        let in_part = is_odd && self.dice.chance(30);
        let dice = &mut self.dice;
        let story = format!("{} imports {name}, in part: {in_part}", system.table);
        system.import(&name, &mut self.edits, &mut || in_part && dice.chance(50));
        self.tell_story(story);
        Ok(())
    }

    pub(super) fn fetch(&mut self, at: usize) -> Result<(), String> {
        use couplet::disk::Disk as _;
        let system = &mut self.systems[at];
        let folder = system.updates_folder();
        for path in self
            .memory
            .list(&folder)
            .map_err(|error| error.to_string())?
        {
            let name = path
                .file_name()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned();
            if let Some(bytes) = self
                .memory
                .bytes(&path)
                .filter(|_| name.ends_with(".csv") && !name.starts_with('.'))
            {
                system.fetch(&name, &bytes)?;
                self.memory.delete(&path);
            }
        }
        Ok(())
    }

    /// A person decides conflicts, in the file or by requests.
    pub(super) fn decide(&mut self) -> Result<(), String> {
        let file = path("conflicts/conflicts.csv");
        let Some(bytes) = self.memory.bytes(&file) else {
            return Ok(());
        };
        let Some(decided) = person::decide(&bytes, &mut self.edits, &mut self.dice)? else {
            return Ok(());
        };
        let now = self.now();
        let thinks = self.dice.next() % (20 * MINUTE);
        self.decisions += 1;
        let to = match self.dice.chance(50) {
            true => file,
            false => path("requests").join(format!("decisions_{:04}.csv", self.decisions)),
        };
        self.tally.count("decisions", 1);
        let from = to.with_file_name(".saving.tmp");
        let write = Step::Write {
            path: from.clone(),
            bytes: decided,
            modified: None,
        };
        self.at(now + thinks, Happening::Step(write));
        self.at(
            now + thinks + MILLI,
            Happening::Step(Step::Rename { from, to }),
        );
        Ok(())
    }

    /// Something goes wrong.
    pub(super) fn strike(&mut self, fault: Fault, at: usize) -> Result<(), String> {
        let now = self.now();
        self.tell_story(format!("{fault:?}"));
        match fault {
            // They strike by themselves, as long as they may.
            Fault::LostEvents
            | Fault::TwiceToldEvents
            | Fault::Overflow
            | Fault::SlowWriters
            | Fault::OddImports
            | Fault::LongRounds
            | Fault::Intrusion => {}
            Fault::Restart => {
                if self.daemon.is_some() {
                    self.tally.is("a restart");
                    let pause = self.dice.next() % HOUR;
                    self.end_process(pause);
                }
            }
            Fault::Crash => match self.dice.chance(30) {
                true => self.around.disk.die_at_rename(),
                false => self.around.disk.die_in(self.dice.next() % 60),
            },
            Fault::Offline => {
                let folder = self.systems[at].folder();
                if !self.around.disk.is_offline(&folder) {
                    self.around.disk.set_offline(&folder, true);
                    let back = now + self.dice.next() % (30 * HOUR);
                    self.trouble_until = self.trouble_until.max(back + 10 * MINUTE);
                    self.at(back, Happening::Back(folder));
                }
            }
            Fault::FullDisk => {
                self.tally.is("a full disk");
                self.around.disk.fill(true);
                let room = now + self.dice.next() % (2 * HOUR);
                self.trouble_until = self.trouble_until.max(room + 10 * MINUTE);
                self.at(room, Happening::Room);
            }
            Fault::ClockJump => {
                self.tally.is("a clock jump");
                let day = 24 * HOUR as i64;
                let by = (self.dice.next() % (4 * day as u64)) as i64 - 2 * day;
                self.around
                    .time
                    .set_wrong(if self.dice.chance(30) { 0 } else { by });
            }
            Fault::Reload => {
                let settle = 2 + self.dice.next() % 4;
                self.config = configuration(&config_text(&self.systems, settle, &self.rest));
                let config = self.config.clone();
                if let Some(daemon) = &mut self.daemon {
                    self.tally.is("a reload");
                    daemon.reload(config);
                    self.arm();
                    self.wake(&[])?;
                }
            }
            Fault::Haste => {
                let other = self.dice.below(self.systems.len());
                let first = now + self.dice.next() % (8 * SECOND);
                let second = first + 3 * MILLI + self.dice.next() % (6 * SECOND);
                for (then, system, slowly) in [
                    (now + 1, other, false),
                    (first, at, false),
                    (second, at, true),
                ] {
                    self.at(then, Happening::Export { system, slowly });
                }
            }
            Fault::StaleExport => self.send_again(at, true),
            Fault::SameExport => self.send_again(at, false),
            Fault::CutExport => self.send_cut(at)?,
            Fault::Gap => {
                // One is held back, and sent after others.
                let system = &mut self.systems[at];
                if system.is_writing || system.style != Style::Delta {
                    return Ok(());
                }
                match system.unsent.is_empty() {
                    true => {
                        let late = system.export();
                        system.unsent.extend(late);
                    }
                    false => {
                        let export = system.unsent.remove(0);
                        self.send(at, export, false);
                    }
                }
            }
        }
        Ok(())
    }

    /// A system sends an export again that it sent before: the last, or one before it.
    pub(super) fn send_again(&mut self, at: usize, is_stale: bool) {
        let system = &self.systems[at];
        let can = match system.style {
            // Where nothing says which is newer, what is there is news.
            Style::InPlace | Style::Fixed => !is_stale,
            Style::Full | Style::Delta => true,
        };
        let kept = system.last.len();
        if system.is_writing || !can || kept < 2 || system.style == Style::InPlace {
            return;
        }
        let which = if is_stale {
            self.dice.below(kept - 1)
        } else {
            kept - 1
        };
        let export = system.last[which].clone();
        self.tally.is(if is_stale {
            "a stale export"
        } else {
            "the same export twice"
        });
        self.send(at, export, false);
    }

    /// A system sends an export of which the end is missing, and the whole of it later.
    pub(super) fn send_cut(&mut self, at: usize) -> Result<(), String> {
        if self.systems[at].is_writing {
            return Ok(());
        }
        self.reload(at)?;
        let Some(export) = self.systems[at].export() else {
            return Ok(());
        };
        // In the middle of the last record, where it can be seen: nobody can tell a table that ends early from a smaller one.
        let last = export.bytes[..export.bytes.len() - 1]
            .iter()
            .rposition(|byte| *byte == b'\n')
            .unwrap_or(0);
        let end = last + 2 + self.dice.below(export.bytes.len() - last - 2);
        let now = self.now();
        let system = &mut self.systems[at];
        system.is_writing = true;
        let cut = Step::Write {
            path: export.path.clone(),
            bytes: export.bytes[..end].to_vec(),
            modified: None,
        };
        let close = Step::Close(export.path.clone());
        self.at(now, Happening::Step(cut));
        self.at(now + MILLI, Happening::Step(close));
        let later = now + 5 * MINUTE + self.dice.next() % (5 * HOUR);
        let steps = self.systems[at].write(&export, false, later, &mut self.dice);
        let done = steps.last().map_or(later, |(then, _)| *then);
        for (then, step) in steps {
            self.at(then, Happening::Step(step));
        }
        self.at(done, Happening::Step(Step::Complete { system: at, export }));
        Ok(())
    }

    /// Another program may begin to write an export while a round is made.
    pub(super) fn intrude(&mut self) -> Option<(usize, Export)> {
        if !self.faults.has(Fault::Intrusion) || !self.dice.chance(20) {
            return None;
        }
        let at = self.dice.below(self.systems.len());
        let system = &mut self.systems[at];
        // What a program keeps in its file it would have to read in the middle of the round.
        if system.is_writing || system.style != Style::Fixed {
            return None;
        }
        let export = system.export()?;
        system.is_writing = true;
        let end = 1 + self.dice.below(export.bytes.len());
        let effects = self.dice.next() % 40;
        self.around
            .disk
            .intrude_in(effects, &export.path, export.bytes[..end].to_vec());
        self.tally.is("a file written during a round");
        Some((at, export))
    }

    /// It goes on after the round.
    pub(super) fn end_intrusion(&mut self, intruder: Option<(usize, Export)>) {
        let Some((at, export)) = intruder else {
            return;
        };
        self.around.disk.end_intrusion();
        let soon = self.now() + self.dice.next() % SECOND;
        let whole = Step::Write {
            path: export.path.clone(),
            bytes: export.bytes.clone(),
            modified: None,
        };
        self.at(soon, Happening::Step(whole));
        self.at(soon, Happening::Step(Step::Close(export.path.clone())));
        self.at(soon, Happening::Step(Step::Complete { system: at, export }));
    }
}
