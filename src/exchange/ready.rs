//! Which files are complete: unchanged for long enough since we first saw them so, or announced as complete. Decides only;
//! looks and time come in as arguments. No modification time counts: copies keep old ones.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::disk::Identity;

/// What is known of the files in the watched folders.
#[derive(Debug)]
pub struct Tracker {
    settle: Duration,
    files: BTreeMap<PathBuf, Known>,
    /// Versions of files that a pass has seen.
    seen: BTreeMap<PathBuf, Identity>,
    now: Instant,
}

#[derive(Clone, Copy, Debug)]
struct Known {
    identity: Identity,
    first_seen: Instant,
    unchanged_since: Instant,
    /// Something told that this version is complete.
    is_announced: bool,
}

impl Tracker {
    /// Knows nothing yet.
    pub fn new(settle: Duration, now: Instant) -> Tracker {
        Tracker {
            settle,
            files: BTreeMap::new(),
            seen: BTreeMap::new(),
            now,
        }
    }

    /// Takes in what a look at all folders found.
    pub fn look(&mut self, found: &BTreeMap<PathBuf, Identity>, now: Instant) {
        self.now = now;
        self.files.retain(|path, _| found.contains_key(path));
        for (path, identity) in found {
            let known = self.files.entry(path.clone()).or_insert(Known {
                identity: *identity,
                first_seen: now,
                unchanged_since: now,
                is_announced: false,
            });
            if known.identity != *identity {
                known.identity = *identity;
                known.unchanged_since = now;
                known.is_announced = false;
            }
        }
    }

    /// A file that is complete in the version that was found last.
    pub fn announce(&mut self, path: &Path) {
        if let Some(known) = self.files.get_mut(path) {
            known.is_announced = true;
        }
    }

    /// A file that was written after it was announced: the version that was found last may be one in the making.
    pub fn withdraw(&mut self, path: &Path) {
        if let Some(known) = self.files.get_mut(path) {
            known.is_announced = false;
        }
    }

    /// Any file may have been written after it was announced.
    pub fn withdraw_all(&mut self) {
        for known in self.files.values_mut() {
            known.is_announced = false;
        }
    }

    /// Whether a version of a file is complete.
    pub fn is_settled(&self, path: &Path, identity: &Identity) -> bool {
        self.files.get(path).is_some_and(|known| {
            known.identity == *identity
                && (known.is_announced || self.now - known.unchanged_since >= self.settle)
        })
    }

    /// How long a file has been known.
    pub fn age(&self, path: &Path) -> Duration {
        self.files
            .get(path)
            .map_or(Duration::ZERO, |known| self.now - known.first_seen)
    }

    /// Whether a file is complete in a version that no pass has seen, or one that a pass has seen is gone.
    pub fn has_news(&self) -> bool {
        let is_new = |(path, known): (&PathBuf, &Known)| {
            self.is_settled(path, &known.identity) && self.seen.get(path) != Some(&known.identity)
        };
        self.files.iter().any(is_new) || self.seen.keys().any(|path| !self.files.contains_key(path))
    }

    /// When the next file will have settled, should it not change.
    pub fn next_due(&self) -> Option<Instant> {
        self.files
            .iter()
            .filter(|(path, known)| !self.is_settled(path, &known.identity))
            .map(|(_, known)| known.unchanged_since + self.settle)
            .min()
    }

    /// Everything that is complete now is what a pass is about to see.
    pub fn settled(&self) -> BTreeMap<PathBuf, Identity> {
        let complete = self
            .files
            .iter()
            .filter(|(path, known)| self.is_settled(path, &known.identity));
        complete
            .map(|(path, known)| (path.clone(), known.identity))
            .collect()
    }

    /// What a pass has seen; what it took away or wrote is said with `gone` and `written`.
    pub fn was_seen(
        &mut self,
        settled: BTreeMap<PathBuf, Identity>,
        written: &BTreeMap<PathBuf, Identity>,
        now: Instant,
    ) {
        self.now = now;
        self.seen = settled;
        for (path, identity) in written {
            self.seen.insert(path.clone(), *identity);
            self.files.insert(
                path.clone(),
                Known {
                    identity: *identity,
                    first_seen: now,
                    unchanged_since: now,
                    is_announced: true,
                },
            );
        }
    }

    /// A file that we took away, or that is gone for a reason that is known.
    pub fn forget(&mut self, path: &Path) {
        self.seen.remove(path);
        self.files.remove(path);
    }

    /// How long a file must be unchanged from now on.
    pub fn set_settle(&mut self, settle: Duration) {
        self.settle = settle;
    }

    /// Nothing was seen: the next look is all news.
    pub fn forget_all(&mut self) {
        self.seen.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SETTLE: Duration = Duration::from_secs(2);

    fn version(number: u64) -> Identity {
        Identity {
            node: (1, number),
            size: 10,
            modified: 5,
            changed: 5,
        }
    }

    fn found(files: &[(&str, u64)]) -> BTreeMap<PathBuf, Identity> {
        files
            .iter()
            .map(|(path, number)| (PathBuf::from(path), version(*number)))
            .collect()
    }

    /// A tracker, and the instants of its looks: `at(2)` is two seconds after the first.
    fn tracker() -> (Tracker, impl Fn(u64) -> Instant) {
        let start = Instant::now();
        (Tracker::new(SETTLE, start), move |seconds| {
            start + Duration::from_secs(seconds)
        })
    }

    #[test]
    fn a_file_is_complete_when_it_has_not_changed_since_we_saw_it_for_the_settle_time() {
        let (mut tracker, at) = tracker();
        let path = Path::new("c");
        tracker.look(&found(&[("c", 1)]), at(0));
        assert!(!tracker.has_news());
        assert_eq!(tracker.next_due(), Some(at(2)));
        tracker.look(&found(&[("c", 2)]), at(1));
        tracker.look(&found(&[("c", 2)]), at(2));
        assert!(
            !tracker.is_settled(path, &version(2)),
            "a slow writer was at it a second ago"
        );
        tracker.look(&found(&[("c", 2)]), at(3));
        assert!(tracker.is_settled(path, &version(2)) && tracker.has_news());
        assert!(
            !tracker.is_settled(path, &version(1)),
            "that was another version"
        );
    }

    #[test]
    fn what_is_announced_is_complete_at_once_and_only_in_that_version() {
        let (mut tracker, at) = tracker();
        tracker.look(&found(&[("c", 1)]), at(0));
        tracker.announce(Path::new("c"));
        assert!(tracker.is_settled(Path::new("c"), &version(1)));
        tracker.look(&found(&[("c", 2)]), at(1));
        assert!(!tracker.is_settled(Path::new("c"), &version(2)));
    }

    #[test]
    fn what_is_written_after_it_was_announced_has_to_settle_or_be_announced_again() {
        let (mut tracker, at) = tracker();
        let path = Path::new("c");
        tracker.look(&found(&[("c", 1)]), at(0));
        tracker.announce(path);
        let withdrawals: [fn(&mut Tracker, &Path); 2] =
            [Tracker::withdraw, |tracker, _| tracker.withdraw_all()];
        for withdraw in withdrawals {
            withdraw(&mut tracker, path);
            assert!(!tracker.is_settled(path, &version(1)) && !tracker.has_news());
            assert_eq!(tracker.next_due(), Some(at(2)));
            tracker.announce(path);
            assert!(tracker.is_settled(path, &version(1)));
        }
    }

    #[test]
    fn what_a_pass_has_seen_or_written_is_no_news() {
        let (mut tracker, at) = tracker();
        tracker.look(&found(&[("c", 1), ("k", 1)]), at(0));
        tracker.look(&found(&[("c", 1), ("k", 1)]), at(2));
        let settled = tracker.settled();
        let written = found(&[("k", 2)]);
        tracker.was_seen(settled, &written, at(2));
        tracker.look(&found(&[("c", 1), ("k", 2)]), at(3));
        assert!(!tracker.has_news(), "our own write");
        tracker.look(&found(&[("c", 1), ("k", 3)]), at(4));
        tracker.look(&found(&[("c", 1), ("k", 3)]), at(6));
        assert!(tracker.has_news(), "somebody else's");
    }

    #[test]
    fn a_file_that_is_gone_is_news_unless_we_took_it() {
        let (mut tracker, at) = tracker();
        tracker.look(&found(&[("c", 1), ("k", 1)]), at(0));
        tracker.look(&found(&[("c", 1), ("k", 1)]), at(2));
        tracker.was_seen(tracker.settled(), &BTreeMap::new(), at(2));
        tracker.forget(Path::new("c"));
        tracker.look(&found(&[("k", 1)]), at(3));
        assert!(!tracker.has_news());
        tracker.look(&found(&[]), at(4));
        assert!(tracker.has_news());
    }

    #[test]
    fn an_older_modification_time_is_a_change_like_any_other() {
        let (mut tracker, at) = tracker();
        let older = Identity {
            modified: 1,
            ..version(1)
        };
        tracker.look(&found(&[("c", 1)]), at(0));
        tracker.look(&BTreeMap::from([(PathBuf::from("c"), older)]), at(2));
        assert!(!tracker.is_settled(Path::new("c"), &older));
        assert_eq!(tracker.next_due(), Some(at(4)));
    }
}
