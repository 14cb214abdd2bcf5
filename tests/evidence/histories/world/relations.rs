//! The relations as a system of their own: users take rows out and enter them again, its file is away or damaged for a while, and
//! where it is not written in place it imports updates when it likes.

use std::collections::BTreeSet;

use super::{Check, World, kind};

const FILE: &str = "relations.csv";

/// The system of the relations.
#[derive(Default)]
pub struct Relations {
    /// What the file would say that is away or damaged.
    silent: Option<String>,
    /// A row that is illegible, and what it should be.
    spoilt: Option<(String, String)>,
    /// Parties and systems that a user took apart.
    pub parted: BTreeSet<(usize, usize)>,
    /// Those of them of which nobody can know who did: an end was gone, or a removal was on its way, before a pass read the relations.
    unsure: BTreeSet<(usize, usize)>,
    /// Those that no pass has read yet.
    unread: BTreeSet<(usize, usize)>,
    /// Update files that it has not imported, by name.
    left: Vec<String>,
    /// Users took the last row out of a file that is its data.
    is_emptied: bool,
}

impl Relations {
    /// The contact of a row that stands twice: until it is mended, neither couples.
    pub fn doubled(&self) -> Option<&str> {
        let (_, row) = self
            .spoilt
            .as_ref()
            .filter(|(spoilt, row)| *spoilt == row.repeat(2))?;
        row.split(',').next()
    }

    /// A pass reads them: what is taken out is known, unless a row does not say whose it is.
    pub fn be_read(&mut self) {
        if self.silent.is_none() && self.spoilt.is_none() {
            self.unread.clear();
        }
    }

    /// A record of a party goes: whether its relation went with it, nobody knows that has not read it before.
    pub fn lose(&mut self, party: usize, system: usize) {
        let unread = self.unread.iter();
        let concerned = unread.filter(|(of, at)| *of == party && (system == 0 || *at == system));
        self.unsure.extend(concerned.copied());
    }

    /// Whether nobody can read them.
    pub fn are_silent(&self) -> bool {
        self.silent.is_some()
    }
}

impl World<'_> {
    /// What the relations are.
    pub(super) fn related(&self) -> String {
        let shown = || self.exchange.text(FILE).unwrap_or_default();
        self.relations.silent.clone().unwrap_or_else(shown)
    }

    /// Their system has other rows now.
    fn relate(&mut self, text: String) {
        match &mut self.relations.silent {
            Some(silent) => *silent = text,
            None => self.exchange.put(FILE, text),
        }
    }

    /// Their file goes away or is damaged, or one of its rows; or it comes back.
    pub(super) fn hide_relations(&mut self, how: usize) {
        let was_read = self.systems.iter().all(|system| system.exports_read > 0);
        if self.relations.are_silent() || self.relations.spoilt.is_some() {
            self.show_relations();
            return;
        }
        let text = self.related();
        let rows: Vec<&str> = text.split_inclusive('\n').skip(1).collect();
        let Some(row) = rows.get(how / 7 % rows.len().max(1)) else {
            return;
        };
        if !was_read {
            return;
        }
        self.tally
            .is("relations that are away, or spoilt, for a while");
        let stands = match how % 7 {
            0 => None,
            1 => Some(String::new()),
            2 => text.get(..text.len() - 3).map(str::to_owned),
            3 => Some(text.replacen(row, &format!("\"{row}"), 1)),
            how => {
                let spoilt = match how {
                    4 => row.replace(',', ";"),
                    5 => row.replacen(',', ",,", 1),
                    _ => row.repeat(2),
                };
                self.exchange.put(FILE, text.replacen(row, &spoilt, 1));
                self.relations.spoilt = Some((spoilt, (*row).to_owned()));
                return;
            }
        };
        match stands {
            Some(stands) => self.exchange.put(FILE, stands),
            None => self.exchange.disk.delete(&crate::exchange::path(FILE)),
        }
        self.relations.silent = Some(text);
    }

    /// They can be read again.
    pub(super) fn show_relations(&mut self) {
        if let Some(text) = self.relations.silent.take() {
            self.exchange.put(FILE, text);
        }
        if let Some((spoilt, row)) = self.relations.spoilt.take() {
            let text = self.related().replacen(&spoilt, &row, 1);
            self.relate(text);
        }
    }

    /// A user takes a relation out, or enters one again that was taken out, where both records are known to be there.
    pub(super) fn link(&mut self, party: usize, system: usize) {
        let parted = self.relations.parted.iter();
        let (party, system) = match parted.cycle().nth(party / 2).filter(|_| party % 2 == 1) {
            Some(parted) => *parted,
            None => (party % self.parties.len(), system % self.systems.len()),
        };
        let (contact, no) = (&self.parties[party][0], &self.parties[party][system]);
        let (Some(contact), Some(no), true) = (contact, no, system > 0) else {
            return;
        };
        let (_, _, code, noun) = kind(&self.systems[system].setup.table);
        let row = format!("{contact},{code},{noun},{no}\n");
        if self.relations.spoilt.is_some() {
            // Nobody edits what is not mended.
            return;
        }
        let text = self.related();
        if text.contains(&row) {
            let is_there = |at: usize, no: &String| {
                let of = &self.systems[at];
                of.records.contains_key(no) && of.exported.contains_key(no) && !of.is_gone(no)
            };
            // Who has chosen a primary contact may have entered the relation with that.
            let is_unsure = !is_there(0, contact)
                || !is_there(system, no)
                || !self.relations.left.is_empty()
                || self.primaries.has_chosen(system, no);
            self.relations.parted.insert((party, system));
            self.relations.unread.insert((party, system));
            if is_unsure {
                self.relations.unsure.insert((party, system));
            }
            let text = text.replacen(&row, "", 1);
            self.relations.is_emptied = text.lines().count() == 1;
            self.relate(text);
            self.tally.is("a relation that a user takes out");
            return;
        }
        let is_there = |at: usize, no: &String| {
            let system = &self.systems[at];
            system.records.contains_key(no) && !system.is_gone(no)
        };
        if is_there(0, contact)
            && is_there(system, no)
            && self.relations.parted.remove(&(party, system))
        {
            self.relations.is_emptied = false;
            self.relate(text + &row);
            self.tally.is("a relation that a user enters");
        }
    }

    /// Where nobody can know who took a relation out, it may be there again. Where all were taken out, their export is refused as
    /// emptied, and none comes back into it.
    pub(super) fn agree_on_relations(&mut self) {
        let text = self.related();
        let is_emptied = self.setup.relations_in_folder || self.relations.is_emptied;
        if is_emptied && text.lines().count() == 1 {
            for party in 0..self.parties.len() {
                let counterparts = 1..self.systems.len();
                let parted = counterparts.map(|system| (party, system));
                self.relations.parted.extend(parted);
            }
        }
        let is_back = |(party, system): &(usize, usize)| {
            let (contact, no) = (&self.parties[*party][0], &self.parties[*party][*system]);
            let code = kind(&self.systems[*system].setup.table).2;
            let row = contact
                .as_ref()
                .zip(no.as_ref())
                .map(|(contact, no)| (format!("{contact},{code},"), format!(",{no}\n")));
            row.is_some_and(|(start, end)| {
                text.split_inclusive('\n')
                    .any(|row| row.starts_with(&start) && row.ends_with(&end))
            })
        };
        let back: Vec<(usize, usize)> = self
            .relations
            .unsure
            .iter()
            .filter(|pair| is_back(pair))
            .copied()
            .collect();
        self.relations.parted.retain(|pair| !back.contains(pair));
    }

    /// Update files for the relations are kept until their system imports them; a file in place is its data.
    pub(super) fn receive_relations(&mut self, written: &[String]) -> Check {
        let of_relations = || written.iter().filter(|file| file.starts_with("relations"));
        if self.relations.are_silent() && of_relations().next().is_some() {
            return Err("relations were written that nobody could read".to_owned());
        }
        if self.setup.relations_in_folder {
            // What brings rows follows what takes rows away.
            let mut files: Vec<String> = of_relations().cloned().collect();
            files.sort_by_key(|file| !file.starts_with("relations_removed"));
            self.relations.left.extend(files);
        }
        Ok(())
    }

    /// Their system imports what it has not imported. It is its export that spoils a row, and not what it has.
    pub(super) fn import_relations(&mut self) {
        let spoilt = self.relations.spoilt.take();
        if let Some((spoilt, row)) = &spoilt {
            let mended = self.related().replacen(spoilt, row, 1);
            self.relate(mended);
        }
        for file in std::mem::take(&mut self.relations.left) {
            self.tally.is("an import of relations");
            let update = self.exchange.text(&format!("updates/{file}"));
            let update = update.unwrap_or_default();
            let mut text = self.related();
            for row in update.lines().skip(1) {
                let key: Vec<&str> = row.splitn(3, ',').take(2).collect();
                let key = format!("{},", key.join(","));
                let others = text
                    .split_inclusive('\n')
                    .filter(|old| !old.starts_with(&key));
                text = others.collect();
                if !file.starts_with("relations_removed") {
                    text.push_str(&format!("{row}\n"));
                }
            }
            self.relate(text);
        }
        let text = self.related();
        if let Some((spoilt, row)) = spoilt.filter(|(_, row)| text.contains(row)) {
            self.relate(text.replacen(&row, &spoilt, 1));
            self.relations.spoilt = Some((spoilt, row));
        }
    }
}
