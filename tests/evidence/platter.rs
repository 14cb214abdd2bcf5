//! What a power cut may leave on a disk: what was durable for certain, and any part of what was not.
//!
//! The model is that of ALICE (Pillai et al., OSDI 2014), with the weakest promises that a journalling file system makes: bytes of
//! a file are durable once the file was synced, a name once its folder was, and nothing else is. What was not synced may have
//! reached the platter wholly, in part, or as a length without content, in any order. A rename is one step: both names, or
//! neither. A commit of the database is durable when it returns.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::hash::{Hash, Hasher};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use xxhash_rust::xxh3::Xxh3;

use crate::dice::Dice;
use crate::memory::{Effect, MemoryDisk, Node};

/// Bytes that many states share.
pub type Bytes = Arc<[u8]>;

/// What a disk and a database held before something was done to them, and what was done.
pub struct History {
    /// Files by name.
    names: BTreeMap<PathBuf, Node>,
    /// Their bytes.
    contents: HashMap<Node, Bytes>,
    /// The database.
    database: Bytes,
    /// What was done.
    pub effects: Vec<Effect>,
}

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
}

impl Cut {
    /// Tells states from each other: the same files and the same database are the same state.
    pub fn print(&self) -> u64 {
        let mut hash = Xxh3::new();
        for (path, bytes) in &self.files {
            path.hash(&mut hash);
            bytes.hash(&mut hash);
        }
        self.database.hash(&mut hash);
        hash.finish()
    }

    /// The disk.
    pub fn disk(&self) -> MemoryDisk {
        MemoryDisk::with(self.files.iter().map(|(path, bytes)| (path.clone(), bytes.to_vec())))
    }
}

/// Something that was done to names, in one step.
#[derive(Clone, Debug)]
struct Naming {
    /// What it takes away.
    takes: Option<PathBuf>,
    /// What it gives.
    gives: Option<(PathBuf, Node)>,
}

/// Something that was done to the bytes of a file.
#[derive(Clone, Debug)]
enum Filling {
    Cut(u64),
    Written(Bytes),
}

/// What is durable at some moment, and what else was done until then.
struct Moment {
    names: BTreeMap<PathBuf, Node>,
    namings: Vec<Naming>,
    contents: HashMap<Node, Bytes>,
    fillings: BTreeMap<Node, Vec<Filling>>,
    database: Bytes,
}

/// What became of the bytes of a file that were not durable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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
const FATES: [Fate; 5] = [Fate::Present, Fate::Lost, Fate::Torn(50), Fate::Zeros, Fate::Tail];

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
        let names = disk.nodes();
        let mut files = disk.files();
        let contents = names.iter().map(|(path, node)| (*node, files.remove(path).unwrap_or_default().into()));
        History {
            contents: contents.collect(),
            names,
            database,
            effects: Vec::new(),
        }
    }

    /// The same with what was then done.
    pub fn then(self, effects: Vec<Effect>) -> History {
        History { effects, ..self }
    }

    /// Every version that each name ever had, when it was complete; whether nothing may stand there counts too.
    pub fn versions(&self) -> BTreeMap<PathBuf, BTreeSet<Option<Bytes>>> {
        let mut versions: BTreeMap<PathBuf, BTreeSet<Option<Bytes>>> = BTreeMap::new();
        let mut names = self.names.clone();
        let mut contents = self.contents.clone();
        let note = |versions: &mut BTreeMap<PathBuf, BTreeSet<Option<Bytes>>>, path: &Path, bytes: Option<Bytes>| {
            versions.entry(path.to_owned()).or_default().insert(bytes);
        };
        for (path, node) in &names {
            note(&mut versions, path, contents.get(node).cloned());
        }
        for effect in &self.effects {
            match effect {
                Effect::Created { node, path } => {
                    note(&mut versions, path, None);
                    names.insert(path.clone(), *node);
                }
                Effect::Renamed { from, to } => {
                    let node = names.remove(from);
                    note(&mut versions, from, None);
                    if !versions.contains_key(to) {
                        note(&mut versions, to, None);
                    }
                    if let Some(node) = node {
                        note(&mut versions, to, contents.get(&node).cloned());
                        names.insert(to.clone(), node);
                    }
                }
                Effect::Removed { path } => {
                    names.remove(path);
                    note(&mut versions, path, None);
                }
                Effect::Synced { node } => {
                    for (path, _) in names.iter().filter(|(_, named)| *named == node) {
                        note(&mut versions, path, contents.get(node).cloned());
                    }
                }
                Effect::Cut { node, length } => fill(&mut contents, *node, &Filling::Cut(*length)),
                Effect::Written { node, bytes } => fill(&mut contents, *node, &Filling::Written(bytes.clone())),
                Effect::FolderSynced { .. }
                | Effect::FolderCreated { .. }
                | Effect::Committed { .. }
                | Effect::CommitPoint => {}
            }
        }
        versions
    }

    /// What is durable after so many effects, and what is not.
    fn at(&self, after: usize) -> Moment {
        let mut moment = Moment {
            names: self.names.clone(),
            namings: Vec::new(),
            contents: self.contents.clone(),
            fillings: BTreeMap::new(),
            database: self.database.clone(),
        };
        // Which file a name leads to for those who look, durable or not.
        let mut seen = self.names.clone();
        for effect in &self.effects[..after] {
            match effect {
                Effect::Created { node, path } => {
                    seen.insert(path.clone(), *node);
                    moment.namings.push(Naming {
                        takes: None,
                        gives: Some((path.clone(), *node)),
                    });
                }
                Effect::Renamed { from, to } => {
                    if let Some(node) = seen.remove(from) {
                        seen.insert(to.clone(), node);
                        moment.namings.push(Naming {
                            takes: Some(from.clone()),
                            gives: Some((to.clone(), node)),
                        });
                    }
                }
                Effect::Removed { path } => {
                    seen.remove(path);
                    moment.namings.push(Naming {
                        takes: Some(path.clone()),
                        gives: None,
                    });
                }
                Effect::Cut { node, length } => {
                    moment.fillings.entry(*node).or_default().push(Filling::Cut(*length));
                }
                Effect::Written { node, bytes } => {
                    let filling = Filling::Written(bytes.clone());
                    moment.fillings.entry(*node).or_default().push(filling);
                }
                Effect::Synced { node } => {
                    for filling in moment.fillings.remove(node).unwrap_or_default() {
                        fill(&mut moment.contents, *node, &filling);
                    }
                }
                Effect::FolderSynced { folder } => moment.sync_folder(folder),
                Effect::Committed { database } => moment.database = database.clone(),
                Effect::FolderCreated { .. } | Effect::CommitPoint => {}
            }
        }
        moment
    }

    /// Visits states that a cut after so many effects may leave, each once: all of them where the bounds allow, else the orderly
    /// ones and others that the dice choose.
    pub fn cuts(&self, after: usize, bounds: Bounds, dice: &mut Dice, visit: &mut dyn FnMut(Cut)) {
        let moment = self.at(after);
        for kept in subsets(moment.namings.len(), bounds.namings, dice) {
            let names = moment.names_with(&kept);
            let is_reordered = kept.iter().skip_while(|kept| **kept).any(|kept| *kept);
            let named: BTreeSet<Node> = names.values().copied().collect();
            let open: Vec<Node> = moment.fillings.keys().copied().filter(|node| named.contains(node)).collect();
            for fates in fates(open.len(), bounds.fates, dice) {
                let mut contents = HashMap::new();
                for (node, fate) in open.iter().zip(&fates) {
                    contents.insert(*node, moment.filled(*node, *fate));
                }
                let bytes_of = |node: &Node| {
                    let durable = || moment.contents.get(node).cloned().unwrap_or_default();
                    contents.get(node).cloned().unwrap_or_else(durable)
                };
                visit(Cut {
                    files: names.iter().map(|(path, node)| (path.clone(), bytes_of(node))).collect(),
                    database: moment.database.clone(),
                    is_torn: fates.iter().any(|fate| *fate != Fate::Present),
                    is_reordered,
                    after,
                });
            }
        }
    }
}

impl Moment {
    /// What was done to names in a folder is durable. A rename is, once the folder is that it leads to.
    fn sync_folder(&mut self, folder: &Path) {
        let is_in = |path: &Path| path.parent() == Some(folder);
        let (durable, open): (Vec<Naming>, Vec<Naming>) = self.namings.drain(..).partition(|naming| match naming {
            Naming {
                gives: Some((path, _)), ..
            } => is_in(path),
            Naming { takes: Some(path), .. } => is_in(path),
            Naming {
                takes: None,
                gives: None,
            } => true,
        });
        self.namings = open;
        for naming in &durable {
            name(&mut self.names, naming);
        }
    }

    /// The names, where of what was not durable these namings happened.
    fn names_with(&self, kept: &[bool]) -> BTreeMap<PathBuf, Node> {
        let mut names = self.names.clone();
        for (naming, _) in self.namings.iter().zip(kept).filter(|(_, kept)| **kept) {
            name(&mut names, naming);
        }
        names
    }

    /// The bytes of a file whose fillings met a fate.
    fn filled(&self, node: Node, fate: Fate) -> Bytes {
        let durable = self.contents.get(&node).cloned().unwrap_or_default();
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
fn fill(contents: &mut HashMap<Node, Bytes>, node: Node, filling: &Filling) {
    let mut bytes = contents.get(&node).map(|bytes| bytes.to_vec()).unwrap_or_default();
    match filling {
        Filling::Cut(length) => bytes.resize(*length as usize, 0),
        Filling::Written(more) => bytes.extend_from_slice(more),
    }
    contents.insert(node, bytes.into());
}

/// Does something to names.
fn name(names: &mut BTreeMap<PathBuf, Node>, naming: &Naming) {
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
        return all.map(|set| (0..things).map(|at| set >> at & 1 == 1).collect()).collect();
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
    let combinations = u32::try_from(files).ok().and_then(|files| FATES.len().checked_pow(files));
    if let Some(combinations) = combinations.filter(|combinations| *combinations <= most) {
        let fate = |combination: usize, at: usize| FATES[combination / FATES.len().pow(at as u32) % FATES.len()];
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
        let common = if is_single { FATES[dice.below(2)] } else { any(dice) };
        let chosen = (0..files).map(|at| if is_single && at != one { common } else { any(dice) });
        all.push(chosen.collect());
    }
    all.truncate(most.max(1));
    all
}
