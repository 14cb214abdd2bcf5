//! The journal of a pass: intent, commit, done. All files of a pass are published behind it together.

use std::path::{Path, PathBuf};

use rusqlite::{Connection, OptionalExtension as _, Transaction, params};

use crate::disk::Disk;

use super::decisions;
use super::error::StateError;
use super::memory::{Kept, Memory, Target};
use super::names::name_of;
use super::remember::keep;
use super::store::Store;

/// What a pass that did not finish left behind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unfinished {
    /// It wrote temporary files and nothing else: they go.
    Intent(Vec<Target>),
    /// It had begun to publish: it is finished.
    Commit(Vec<Target>, Box<Memory<'static>>),
}

/// A commit of the journal that has begun.
pub struct Commit<'s> {
    transaction: Transaction<'s>,
    state: PathBuf,
}

impl Commit<'_> {
    /// From here on the pass will be finished, whatever happens.
    pub fn finish(
        self,
        disk: &dyn Disk,
        targets: &[Target],
        memory: &mut Memory<'_>,
    ) -> Result<(), StateError> {
        disk.commit_point()
            .map_err(StateError::file("couplet.db"))?;
        memory.kept = Kept::All;
        let body = serde_json::to_vec(memory)?;
        let targets = named(&self.state, targets);
        journal(&self.transaction, "commit", &targets, Some(body))?;
        self.transaction.commit()?;
        Ok(())
    }
}

impl Store {
    /// Names the files that are about to be written.
    pub fn journal_intent(
        &mut self,
        disk: &dyn Disk,
        targets: &[Target],
    ) -> Result<(), StateError> {
        disk.commit_point()
            .map_err(StateError::file("couplet.db"))?;
        journal(&self.db, "intent", &named(self.folder(), targets), None)
    }

    /// Begins a commit with the decisions and interactions of a pass, which are kept in their places already, so that they are written
    /// once. Nothing stays of it before it is finished.
    pub fn journal_commit(&mut self, memory: &Memory<'_>) -> Result<Commit<'_>, StateError> {
        let state = self.folder().to_owned();
        let transaction = self.db.transaction()?;
        keep(&transaction, memory)?;
        Ok(Commit { transaction, state })
    }

    /// Forgets an intent whose temporary files are gone.
    pub fn journal_clear(&mut self, disk: &dyn Disk) -> Result<(), StateError> {
        disk.commit_point()
            .map_err(StateError::file("couplet.db"))?;
        self.db.prepare_cached("DELETE FROM journal")?.execute([])?;
        Ok(())
    }

    /// What the last pass left unfinished.
    pub fn unfinished(&self) -> Result<Option<Unfinished>, StateError> {
        let row: Option<(String, String, Option<Vec<u8>>)> = self
            .db
            .prepare_cached("SELECT phase, targets, memory FROM journal")?
            .query_row([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
            .optional()?;
        let Some((_, targets, memory)) = row else {
            return Ok(None);
        };
        let mut targets: Vec<Target> = serde_json::from_str(&targets)?;
        for target in &mut targets {
            target.path = self.path_of(&target.path);
            target.temporary = self.path_of(&target.temporary);
        }
        let Some(memory) = memory else {
            return Ok(Some(Unfinished::Intent(targets)));
        };
        let mut memory: Memory<'static> = serde_json::from_slice(&memory)?;
        if memory.kept != Kept::Nothing {
            memory.changes = decisions::of_pass(&self.db, memory.pass)?.into();
            memory.interactions = self.interactions_of_pass(memory.pass)?.into();
        }
        Ok(Some(Unfinished::Commit(targets, Box::new(memory))))
    }
}

/// Targets with the names of their files in the state of this folder.
fn named(state: &Path, targets: &[Target]) -> Vec<Target> {
    let named = |target: &Target| Target {
        path: name_of(state, target.path.as_ref()),
        temporary: name_of(state, target.temporary.as_ref()),
        ..target.clone()
    };
    targets.iter().map(named).collect()
}

fn journal(
    db: &Connection,
    phase: &str,
    targets: &[Target],
    memory: Option<Vec<u8>>,
) -> Result<(), StateError> {
    let insert =
        "INSERT OR REPLACE INTO journal(one, phase, targets, memory) VALUES(1, ?1, ?2, ?3)";
    let targets = serde_json::to_string(targets)?;
    db.prepare_cached(insert)?
        .execute(params![phase, targets, memory])?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disk::RealDisk;
    use crate::merge::Rule;
    use crate::merge::plan::Change;
    use crate::model::InteractionLogEntry;
    use crate::state::store::new_store;

    #[cfg(unix)]
    #[test]
    fn what_a_pass_left_is_found_however_the_state_is_named() {
        let (folder, mut store) = new_store();
        let file = |name: &str| folder.path().join(name).display().to_string();
        let target = Target {
            table: "contacts".to_owned(),
            path: file("contacts.csv"),
            temporary: file(".couplet-1-contacts.csv.tmp"),
            before: None,
            after: String::new(),
        };
        let intent = store.journal_intent(&RealDisk, &[target]);
        intent.expect("an intent");
        drop(store);
        let here = std::env::current_dir().expect("a folder");
        let mut named: PathBuf = here.components().skip(1).map(|_| "..").collect();
        named.extend(folder.path().components().skip(1));
        let store = Store::open(&named).expect("a state");
        let Some(Unfinished::Intent(found)) = store.unfinished().expect("a journal") else {
            panic!("an intent");
        };
        assert_eq!(
            found[0].path,
            named.join("contacts.csv").display().to_string()
        );
    }

    fn change(table: &str) -> Change {
        Change {
            contact: "CT1".to_owned(),
            table: table.to_owned(),
            no: "N1".to_owned(),
            column: "City".to_owned(),
            from: "Aarhus".to_owned(),
            to: "Bergen".to_owned(),
            rule: Rule::Moved,
            because: Vec::new(),
            file: format!("{table}.csv"),
            line: 2,
        }
    }

    fn memory() -> Memory<'static> {
        let entry = InteractionLogEntry {
            contact_no: "CT1".to_owned(),
            ..InteractionLogEntry::default()
        };
        Memory {
            pass: 1,
            started: "2026-01-02T03:04:05".to_owned(),
            changes: vec![change("customers"), change("vendors")].into(),
            interactions: vec![entry].into(),
            ..Memory::default()
        }
    }

    fn unfinished(store: &Store) -> Memory<'static> {
        match store.unfinished().expect("a journal") {
            Some(Unfinished::Commit(_, memory)) => *memory,
            other => panic!("a commit is unfinished, not {other:?}"),
        }
    }

    fn told(store: &Store) -> (Vec<String>, Vec<u64>) {
        let changes = decisions::of_pass(&store.db, 1).expect("decisions");
        let entries = store.interactions(0, None).expect("interactions");
        let tables = changes.into_iter().map(|change| change.table);
        let numbers = entries.into_iter().map(|entry| entry.entry_no);
        (tables.collect(), numbers.collect())
    }

    #[test]
    fn a_pass_that_is_finished_from_its_journal_tells_everything_once() {
        let (_folder, mut store) = new_store();
        let mut before = memory();
        commit(&mut store, &mut before);
        let memory = unfinished(&store);
        assert_eq!(memory.changes, before.changes);
        assert_eq!(memory.interactions.len(), before.interactions.len());
        store
            .remember(&RealDisk, &memory, "later")
            .expect("remembered");
        let tables = ["customers", "vendors"].map(str::to_owned);
        assert_eq!(told(&store), (tables.to_vec(), vec![1]));
        assert_eq!(store.unfinished().expect("no journal"), None);
        let passes = store.passes(9).expect("passes");
        assert_eq!((passes[0].cells, passes[0].interactions), (2, 1));
    }

    #[test]
    fn cells_of_a_file_that_somebody_else_wrote_are_owed_and_leave_no_decision() {
        let (_folder, mut store) = new_store();
        let mut before = memory();
        commit(&mut store, &mut before);
        for memory in [before, unfinished(&store)] {
            let left = memory.without_table("vendors");
            assert_eq!(left.kept, Kept::Interactions);
            assert_eq!(left.debts.len(), 1);
        }
        let memory = unfinished(&store).without_table("vendors");
        store
            .remember(&RealDisk, &memory, "later")
            .expect("remembered");
        assert_eq!(told(&store), (vec!["customers".to_owned()], vec![1]));
        assert_eq!(store.debts().expect("debts").len(), 1);
    }

    #[test]
    fn a_journal_of_an_older_program_is_finished_with_what_it_holds() {
        let (_folder, mut store) = new_store();
        let whole = memory();
        let mut body = serde_json::to_value(&whole).expect("JSON");
        body["changes"] = serde_json::to_value(&whole.changes).expect("JSON");
        body["interactions"] = serde_json::to_value(&whole.interactions).expect("JSON");
        let members = body.as_object_mut().expect("an object");
        members.remove("kept");
        let body = Some(body.to_string().into_bytes());
        journal(&store.db, "commit", &[], body).expect("a journal");
        let memory = unfinished(&store);
        assert_eq!(memory, whole);
        store
            .remember(&RealDisk, &memory, "later")
            .expect("remembered");
        let tables = ["customers", "vendors"].map(str::to_owned);
        assert_eq!(told(&store), (tables.to_vec(), vec![1]));
    }

    /// Commits a pass without files.
    fn commit(store: &mut Store, memory: &mut Memory<'_>) {
        let commit = store.journal_commit(memory).expect("begun");
        commit.finish(&RealDisk, &[], memory).expect("committed");
    }

    #[test]
    fn a_commit_that_is_not_finished_leaves_nothing() {
        let (_folder, mut store) = new_store();
        let memory = memory();
        drop(store.journal_commit(&memory).expect("begun"));
        assert_eq!(told(&store), (Vec::new(), Vec::new()));
        assert_eq!(store.unfinished().expect("no journal"), None);
    }

    #[test]
    fn an_intent_that_was_discarded_is_forgotten() {
        let (_folder, mut store) = new_store();
        store.journal_intent(&RealDisk, &[]).expect("an intent");
        let intent = Some(Unfinished::Intent(Vec::new()));
        assert_eq!(store.unfinished().expect("a journal"), intent);
        store.journal_clear(&RealDisk).expect("cleared");
        assert_eq!(store.unfinished().expect("no journal"), None);
    }
}
