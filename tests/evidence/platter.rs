//! What a power cut may leave on a disk: what was durable for certain, and any part of what was not.
//!
//! The model is that of ALICE (Pillai et al., OSDI 2014), with the weakest promises that a journalling file system makes: bytes of
//! a file are durable once the file was synced, a name once its folder was, and nothing else is. What was not synced may have
//! reached the platter wholly, in part, or as a length without content, in any order. A rename is one step: both names, or
//! neither. A commit of the database is durable when it returns.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

use crate::dice::Dice;
use crate::memory::{Effect, MemoryDisk, Node};

/// Bytes that many states share.
pub type Bytes = Arc<[u8]>;

/// Every version that each name had when it was complete; `None` where it had nothing.
pub type Versions = BTreeMap<PathBuf, BTreeSet<Option<Bytes>>>;

/// Bytes with a hash of them.
#[derive(Clone, Debug)]
pub struct Printed {
    pub bytes: Bytes,
    pub print: u64,
}

impl Printed {
    fn new(bytes: Bytes) -> Printed {
        let print = xxh3_64(&bytes);
        Printed { bytes, print }
    }
}

/// What a disk and a database held before something was done to them, and what was done.
pub struct History {
    /// Files by name.
    names: Names,
    /// Their bytes.
    contents: HashMap<Node, Printed>,
    /// The database, and what it was from which effect on.
    databases: Vec<(usize, Printed)>,
    /// What was done.
    pub effects: Vec<Effect>,
}

/// Files by name.
type Names = BTreeMap<Arc<Path>, Node>;

/// A disk and a database after a power cut.
#[derive(Clone, Debug)]
pub struct Cut {
    /// Files by name.
    pub files: BTreeMap<PathBuf, Bytes>,
    /// The database.
    pub database: Bytes,
    /// Whether a file that has a name lacks bytes that were written into it.
    pub is_torn: bool,
    /// Whether something that was done to names is missing although something later is there.
    pub is_reordered: bool,
    /// How many effects there were before the cut.
    pub after: usize,
    /// Tells states from each other: the same files and the same database are the same state.
    pub print: u64,
}

impl Cut {
    /// The disk.
    pub fn disk(&self) -> MemoryDisk {
        MemoryDisk::with(
            self.files
                .iter()
                .map(|(path, bytes)| (path.clone(), bytes.to_vec())),
        )
    }
}

/// Something that was done to names, in one step.
#[derive(Clone, Debug)]
struct Naming {
    /// What it takes away.
    takes: Option<Arc<Path>>,
    /// What it gives.
    gives: Option<(Arc<Path>, Node)>,
}

impl Naming {
    /// Whether the sync of a folder makes it durable.
    fn is_in(&self, folder: &Path) -> bool {
        let gives = self.gives.as_ref().map(|(path, _)| path);
        gives
            .or(self.takes.as_ref())
            .is_some_and(|path| path.parent() == Some(folder))
    }

    /// Whether it is about a name that another is about too.
    fn touches(&self, other: &Naming) -> bool {
        fn paths(naming: &Naming) -> impl Iterator<Item = &Arc<Path>> {
            naming
                .takes
                .iter()
                .chain(naming.gives.iter().map(|(path, _)| path))
        }
        paths(self).any(|path| paths(other).any(|other| other == path))
    }
}

/// Something that was done to the bytes of a file.
#[derive(Clone, Debug)]
enum Filling {
    Cut(u64),
    Written(Bytes),
}

/// What is durable at some moment, and what else was done until then.
struct Moment {
    names: Names,
    namings: Vec<Naming>,
    contents: HashMap<Node, Printed>,
    fillings: BTreeMap<Node, Vec<Filling>>,
    database: Printed,
}

/// What became of the bytes of a file that were not durable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Fate {
    /// All reached the platter.
    Present,
    /// None did.
    Lost,
    /// Of what was done, so many hundredths.
    Torn(usize),
    /// The length did, and zeros stand where bytes were written.
    Zeros,
    /// The length did, and only the later half of the bytes.
    Tail,
}

/// Each file's bytes may have met each of these.
const FATES: [Fate; 5] = [
    Fate::Present,
    Fate::Lost,
    Fate::Torn(50),
    Fate::Zeros,
    Fate::Tail,
];

/// How many states of one moment are tried at most.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// Sets of namings.
    pub namings: usize,
    /// Fates of files, for each set of namings.
    pub fates: usize,
}

impl History {
    /// What a disk and a database hold before anything is done to them.
    pub fn before(disk: &MemoryDisk, database: Bytes) -> History {
        let mut files = disk.files();
        let (mut names, mut contents) = (Names::new(), HashMap::new());
        for (path, node) in disk.nodes() {
            let bytes = files.remove(&path).unwrap_or_default();
            contents.insert(node, Printed::new(bytes.into()));
            names.insert(path.into(), node);
        }
        History {
            names,
            contents,
            databases: vec![(0, Printed::new(database))],
            effects: Vec::new(),
        }
    }

    /// The same with what was then done.
    pub fn then(mut self, effects: Vec<Effect>) -> History {
        for (at, effect) in effects.iter().enumerate() {
            if let Effect::Committed { database } = effect {
                self.databases
                    .push((at + 1, Printed::new(database.clone())));
            }
        }
        History { effects, ..self }
    }

    /// The disk before it.
    pub fn eve(&self) -> MemoryDisk {
        let bytes = |node: &Node| {
            self.contents
                .get(node)
                .map(|content| content.bytes.to_vec())
                .unwrap_or_default()
        };
        MemoryDisk::with(
            self.names
                .iter()
                .map(|(path, node)| (path.to_path_buf(), bytes(node))),
        )
    }

    /// The database before it.
    pub fn database(&self) -> &[u8] {
        &self.databases[0].1.bytes
    }

    /// Every version that each name ever had, when it was complete; whether nothing may stand there counts too.
    pub fn versions(&self) -> Versions {
        let mut versions = Versions::new();
        let mut names: BTreeMap<PathBuf, Node> = self
            .names
            .iter()
            .map(|(path, node)| (path.to_path_buf(), *node))
            .collect();
        let mut contents: HashMap<Node, Bytes> = self
            .contents
            .iter()
            .map(|(node, content)| (*node, content.bytes.clone()))
            .collect();
        let note = |versions: &mut Versions, path: &Path, bytes: Option<Bytes>| {
            versions.entry(path.to_owned()).or_default().insert(bytes);
        };
        let bytes_of = |contents: &HashMap<Node, Bytes>, node: Node| {
            Some(contents.get(&node).cloned().unwrap_or_default())
        };
        for (path, node) in &names {
            note(&mut versions, path, bytes_of(&contents, *node));
        }
        for effect in &self.effects {
            match effect {
                Effect::Created { node, path } => {
                    note(&mut versions, path, None);
                    names.insert(path.clone(), *node);
                }
                Effect::Renamed { from, to } => {
                    note(&mut versions, from, None);
                    if !versions.contains_key(to) {
                        note(&mut versions, to, None);
                    }
                    if let Some(node) = names.remove(from) {
                        note(&mut versions, to, bytes_of(&contents, node));
                        names.insert(to.clone(), node);
                    }
                }
                Effect::Removed { path } => {
                    names.remove(path);
                    note(&mut versions, path, None);
                }
                Effect::Synced { node } => {
                    for (path, _) in names.iter().filter(|(_, named)| *named == node) {
                        note(&mut versions, path, bytes_of(&contents, *node));
                    }
                }
                Effect::Cut { node, length } => {
                    fill(&mut contents, *node, &[Filling::Cut(*length)])
                }
                Effect::Written { node, bytes } => {
                    fill(&mut contents, *node, &[Filling::Written(bytes.clone())])
                }
                Effect::FolderSynced { .. }
                | Effect::FolderCreated
                | Effect::Committed { .. }
                | Effect::CommitPoint => {}
            }
        }
        versions
    }

    /// What is durable after so many effects, and what is not.
    fn at(&self, after: usize) -> Moment {
        let last = self.databases.iter().rev().find(|(from, _)| *from <= after);
        let (_, database) = last.unwrap_or(&self.databases[0]);
        let mut moment = Moment {
            names: self.names.clone(),
            namings: Vec::new(),
            contents: self.contents.clone(),
            fillings: BTreeMap::new(),
            database: database.clone(),
        };
        // Which file a name leads to for those who look, durable or not.
        let mut seen = self.names.clone();
        for effect in &self.effects[..after] {
            match effect {
                Effect::Created { node, path } => {
                    let path: Arc<Path> = path.as_path().into();
                    seen.insert(path.clone(), *node);
                    moment.namings.push(Naming {
                        takes: None,
                        gives: Some((path, *node)),
                    });
                }
                Effect::Renamed { from, to } => {
                    let to: Arc<Path> = to.as_path().into();
                    if let Some((from, node)) = seen.remove_entry(from.as_path()) {
                        seen.insert(to.clone(), node);
                        moment.namings.push(Naming {
                            takes: Some(from),
                            gives: Some((to, node)),
                        });
                    }
                }
                Effect::Removed { path } => {
                    if let Some((path, _)) = seen.remove_entry(path.as_path()) {
                        moment.namings.push(Naming {
                            takes: Some(path),
                            gives: None,
                        });
                    }
                }
                Effect::Cut { node, length } => {
                    moment
                        .fillings
                        .entry(*node)
                        .or_default()
                        .push(Filling::Cut(*length));
                }
                Effect::Written { node, bytes } => {
                    let filling = Filling::Written(bytes.clone());
                    moment.fillings.entry(*node).or_default().push(filling);
                }
                Effect::Synced { node } => {
                    if let Some(fillings) = moment.fillings.remove(node) {
                        let durable = moment
                            .contents
                            .get(node)
                            .map(|content| content.bytes.clone());
                        let mut contents = HashMap::from([(*node, durable.unwrap_or_default())]);
                        fill(&mut contents, *node, &fillings);
                        moment.contents.extend(
                            contents
                                .into_iter()
                                .map(|(node, bytes)| (node, Printed::new(bytes))),
                        );
                    }
                }
                Effect::FolderSynced { folder } => moment.sync_folder(folder),
                Effect::Committed { .. } | Effect::FolderCreated | Effect::CommitPoint => {}
            }
        }
        moment
    }

    /// Visits states that a cut after so many effects may leave: all of them where the bounds allow, else the orderly ones and others
    /// that the dice choose. `is_new` tells of a state's hash whether the state is wanted.
    pub fn cuts(
        &self,
        after: usize,
        bounds: Bounds,
        dice: &mut Dice,
        is_new: &mut dyn FnMut(u64) -> bool,
        visit: &mut dyn FnMut(Cut),
    ) {
        let moment = self.at(after);
        let nothing = Printed::new([].into());
        // What each fate makes of a file is the same whatever became of the names.
        let mut filled: HashMap<(Node, Fate), Printed> = HashMap::new();
        for kept in subsets(moment.namings.len(), bounds.namings, dice) {
            let (names, happened) = moment.names_with(&kept);
            let is_reordered = happened.iter().skip_while(|kept| **kept).any(|kept| *kept);
            let named: BTreeSet<Node> = names.values().copied().collect();
            let open: Vec<Node> = moment
                .fillings
                .keys()
                .copied()
                .filter(|node| named.contains(node))
                .collect();
            for fates in fates(open.len(), bounds.fates, dice) {
                for (node, fate) in open.iter().zip(&fates) {
                    filled
                        .entry((*node, *fate))
                        .or_insert_with(|| Printed::new(moment.filled(*node, *fate)));
                }
                let content = |node: &Node| {
                    let fate = open
                        .iter()
                        .position(|open| open == node)
                        .map(|at| fates[at]);
                    let found = match fate {
                        Some(fate) => filled.get(&(*node, fate)),
                        None => moment.contents.get(node),
                    };
                    found.unwrap_or(&nothing)
                };
                let prints = names.iter().map(|(path, node)| {
                    xxh3_64_with_seed(path.as_os_str().as_encoded_bytes(), content(node).print)
                });
                let print = prints.fold(moment.database.print, u64::wrapping_add);
                if !is_new(print) {
                    continue;
                }
                visit(Cut {
                    files: names
                        .iter()
                        .map(|(path, node)| (path.to_path_buf(), content(node).bytes.clone()))
                        .collect(),
                    database: moment.database.bytes.clone(),
                    is_torn: fates.iter().any(|fate| *fate != Fate::Present),
                    is_reordered,
                    after,
                    print,
                });
            }
        }
    }
}

impl Moment {
    /// What was done to names in a folder is durable, with what it builds on. A rename is, once the folder is that it leads to.
    fn sync_folder(&mut self, folder: &Path) {
        let mut durable: Vec<bool> = self
            .namings
            .iter()
            .map(|naming| naming.is_in(folder))
            .collect();
        for later in (0..durable.len())
            .rev()
            .filter(|at| durable[*at])
            .collect::<Vec<_>>()
        {
            self.with_what_it_builds_on(later, &mut durable);
        }
        let mut durable = durable.into_iter();
        for naming in self
            .namings
            .extract_if(.., |_| durable.next().unwrap_or_default())
        {
            name(&mut self.names, &naming);
        }
    }

    /// Marks what a naming builds on: what was done to the same names before.
    fn with_what_it_builds_on(&self, later: usize, marked: &mut [bool]) {
        for earlier in (0..later).rev() {
            if !marked[earlier] && self.namings[earlier].touches(&self.namings[later]) {
                marked[earlier] = true;
                self.with_what_it_builds_on(earlier, marked);
            }
        }
    }

    /// The names, where of what was not durable these namings happened. One that builds on another that did not happen did not
    /// either. Returns the namings that did.
    fn names_with(&self, kept: &[bool]) -> (Names, Vec<bool>) {
        let mut names = self.names.clone();
        let mut happened = vec![false; kept.len()];
        for (at, naming) in self.namings.iter().enumerate().filter(|(at, _)| kept[*at]) {
            let is_possible =
                (0..at).all(|earlier| happened[earlier] || !self.namings[earlier].touches(naming));
            if is_possible {
                happened[at] = true;
                name(&mut names, naming);
            }
        }
        (names, happened)
    }

    /// The bytes of a file whose fillings met a fate.
    fn filled(&self, node: Node, fate: Fate) -> Bytes {
        let durable = self
            .contents
            .get(&node)
            .map(|content| content.bytes.clone())
            .unwrap_or_default();
        let Some(fillings) = self.fillings.get(&node) else {
            return durable;
        };
        let mut bytes = durable.to_vec();
        let part = match fate {
            Fate::Lost => return durable,
            Fate::Torn(hundredths) => hundredths,
            Fate::Present | Fate::Zeros | Fate::Tail => 100,
        };
        let written = |filling: &Filling| match filling {
            Filling::Cut(_) => 0,
            Filling::Written(bytes) => bytes.len(),
        };
        let mut left = fillings.iter().map(written).sum::<usize>() * part / 100;
        for filling in fillings {
            match filling {
                Filling::Cut(length) => bytes.resize(*length as usize, 0),
                Filling::Written(more) => {
                    let count = more.len().min(left);
                    left -= count;
                    let from = bytes.len();
                    bytes.extend_from_slice(&more[..count]);
                    match fate {
                        Fate::Zeros => bytes[from..].fill(0),
                        Fate::Tail => bytes[from..from + count / 2].fill(0),
                        Fate::Present | Fate::Lost | Fate::Torn(_) => {}
                    }
                }
            }
        }
        bytes.into()
    }
}

/// Does something to the bytes of a file.
fn fill(contents: &mut HashMap<Node, Bytes>, node: Node, fillings: &[Filling]) {
    let mut bytes = contents
        .get(&node)
        .map(|bytes| bytes.to_vec())
        .unwrap_or_default();
    for filling in fillings {
        match filling {
            Filling::Cut(length) => bytes.resize(*length as usize, 0),
            Filling::Written(more) => bytes.extend_from_slice(more),
        }
    }
    contents.insert(node, bytes.into());
}

/// Does something to names.
fn name(names: &mut Names, naming: &Naming) {
    if let Some(path) = &naming.takes {
        names.remove(path);
    }
    if let Some((path, node)) = &naming.gives {
        names.insert(path.clone(), *node);
    }
}

/// Which of so many things in a row happened: every subset where there are few, else every prefix, every one that lacks one thing,
/// every one that has one alone, and others.
fn subsets(things: usize, most: usize, dice: &mut Dice) -> Vec<Vec<bool>> {
    if things < usize::BITS as usize - 1 && 1 << things <= most {
        let all = 0..1_usize << things;
        return all
            .map(|set| (0..things).map(|at| set >> at & 1 == 1).collect())
            .collect();
    }
    // The whole and the nothing first, and then whatever the bound lets in.
    let prefix = |length: usize| (0..things).map(|at| at < length).collect::<Vec<bool>>();
    let mut sets = vec![prefix(things), prefix(0)];
    sets.extend((1..things).map(prefix));
    sets.extend((0..things).map(|lacks| (0..things).map(|at| at != lacks).collect()));
    sets.extend((0..things).map(|has| (0..things).map(|at| at == has).collect()));
    while sets.len() < most {
        let often = [10, 50, 90][dice.below(3)];
        sets.push((0..things).map(|_| dice.chance(often)).collect());
    }
    if sets.len() > most {
        // Which are left out is another choice each time.
        for at in 2..most {
            let other = at + dice.below(sets.len() - at);
            sets.swap(at, other);
        }
        sets.truncate(most.max(2));
    }
    sets
}

/// What became of so many files: every combination where there are few, else the same for all, one that differs, and others.
fn fates(files: usize, most: usize, dice: &mut Dice) -> Vec<Vec<Fate>> {
    let combinations = u32::try_from(files)
        .ok()
        .and_then(|files| FATES.len().checked_pow(files));
    if let Some(combinations) = combinations.filter(|combinations| *combinations <= most) {
        let fate = |combination: usize, at: usize| {
            FATES[combination / FATES.len().pow(at as u32) % FATES.len()]
        };
        return (0..combinations)
            .map(|combination| (0..files).map(|at| fate(combination, at)).collect())
            .collect();
    }
    let mut all: Vec<Vec<Fate>> = FATES.iter().map(|fate| vec![*fate; files]).collect();
    while all.len() < most {
        let any = |dice: &mut Dice| match dice.below(FATES.len() + 1) {
            at if at < FATES.len() => FATES[at],
            _ => Fate::Torn(dice.below(100)),
        };
        let is_single = dice.chance(30);
        let one = dice.below(files);
        let common = if is_single {
            FATES[dice.below(2)]
        } else {
            any(dice)
        };
        let chosen = (0..files).map(|at| {
            if is_single && at != one {
                common
            } else {
                any(dice)
            }
        });
        all.push(chosen.collect());
    }
    all.truncate(most.max(1));
    all
}
