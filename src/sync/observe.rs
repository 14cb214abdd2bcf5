//! Observe: what each export shows now, and how that differs from its last reading.

pub mod arrivals;
pub mod diff;
pub mod events;
pub mod intake;
pub(super) mod keys;
pub mod locate;
pub mod lookups;
pub mod mails;
pub(super) mod pending;
pub(super) mod relation;
pub mod returned;

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{MAIN_SEPARATOR, Path, PathBuf};
use std::sync::LazyLock;

use tracing::{debug, info};
use xxhash_rust::xxh3::xxh3_64;

use crate::config::{Config, Contents, TableConfig, Update, WriteBack, without_detours};
use crate::disk::{Disk, Identity};
use crate::exports::{Encoding, Export, Last, Refusal, Settings};
use crate::merge::deliver::Route;
use crate::model::{Place, Problem, Row, Table};
use crate::state::memory::{Mark, MarkRow};
use crate::state::rows::rows_path;
use crate::state::{Index, Rows, StateError, TableMemory};

use arrivals::{Arrivals, arrive};
use diff::{Diff, PrintSet};
use intake::Incoming;
use keys::{Keys, Wanted};
use locate::Located;
use returned::Returned;

/// Tags live in the low bits of a key, so that a link can say the kind of what it points at.
const TAG_BITS: u64 = 0xf;

/// The key print without a tag.
pub fn plain(print: u64) -> u64 {
    print | TAG_BITS
}

/// The key print of a counterpart, tagged with its table.
pub fn tagged(key: u64, table: Table) -> u64 {
    (key & !TAG_BITS) | table.index() as u64
}

/// The table and key behind a tagged print.
pub fn untagged(link: u64) -> Option<(Table, u64)> {
    let table = Table::all().nth((link & TAG_BITS) as usize)?;
    Some((table, plain(link)))
}

/// Stands for the configuration of a table that has none.
static NOT_CONFIGURED: LazyLock<TableConfig> = LazyLock::new(TableConfig::default);

/// One table as a pass sees it: one that is configured, or that the state knows. While a table is not configured it says nothing, like
/// one whose export cannot be read.
pub struct Seen<'c> {
    /// Which table.
    pub table: Table,
    /// Its configuration.
    pub config: &'c TableConfig,
    /// Whether it has one.
    pub is_configured: bool,
    /// The file that was looked for or found.
    pub path: PathBuf,
    /// The file as people know it, where that is another: a drop by the name under which it came.
    pub shown: Option<PathBuf>,
    /// Its number in the ledger, when it is a drop that is read for the first time.
    pub drop: Option<u64>,
    /// It lists only some records, whatever the table's files do.
    pub is_part: bool,
    /// What the file shows; `None` when it says nothing in this pass.
    pub export: Option<Export>,
    /// The version of the file that was read.
    pub identity: Option<Identity>,
    /// What the name of the file says of its age.
    pub sequence: Option<u64>,
    /// What the state knows of its last reading.
    pub memory: Option<TableMemory>,
    /// Index of the last reading.
    pub index: Index,
    /// Base rows.
    pub rows: Rows,
    /// What changed since.
    pub diff: Diff,
    /// How many full exports of the table have been read, this one included.
    pub exports: u64,
    /// Whether keys or columns are configured otherwise than in the last pass.
    pub reconfigured: bool,
    /// Hash of what its records are read with: another one means that all are read anew.
    pub shape: u64,
    /// Hash of the bytes that were not read because only their last line end is lacking: should they stand there again, they are.
    pub cut: Option<String>,
    /// What is known of records that we created.
    pub created: Arrivals,
    /// What became of what was written in place.
    pub returned: Returned,
    keys: Keys,
    old_keys: Keys,
}

/// A file as a person sees it in messages: without detours through `..`.
pub fn shown_path(path: &Path) -> String {
    let detours = ["..", "./", "//"];
    if let Some(text) = path.to_str().filter(|_| MAIN_SEPARATOR == '/')
        && !detours.iter().any(|detour| text.contains(detour))
        && !text.ends_with(['/', '.'])
    {
        return text.to_owned();
    }
    without_detours(path).display().to_string()
}

impl Seen<'_> {
    /// The file's name in messages.
    pub fn file(&self) -> String {
        shown_path(self.shown.as_ref().unwrap_or(&self.path))
    }

    /// How large the file is that was read, in bytes.
    pub fn size(&self) -> u64 {
        self.identity.map_or(0, |identity| identity.size)
    }

    /// How what is written reaches the table. Nobody knows whether one that is not configured will be written back.
    pub fn route(&self) -> Route {
        match &self.config.write_back {
            _ if !self.is_configured => Route::Silent,
            WriteBack::None => Route::Nowhere,
            WriteBack::InPlace => Route::InPlace,
            WriteBack::Folder(_) => Route::Folder,
        }
    }

    /// The number under which the state knows a record: who came back under another one is known under ours.
    pub fn formerly_called<'n>(&'n self, no: &'n str) -> &'n str {
        let mut renamed = self.created.renamed.iter();
        let of_it = renamed.find(|(_, to)| to == no);
        of_it.map_or(no, |(from, _)| from)
    }

    /// The number of a record that the state knows under this one.
    pub fn now_called<'n>(&'n self, no: &'n str) -> &'n str {
        let mut renamed = self.created.renamed.iter();
        let of_it = renamed.find(|(from, _)| from == no);
        of_it.map_or(no, |(_, to)| to)
    }

    /// Whether an export lists every record.
    pub fn is_full(&self) -> bool {
        self.config.contents == Contents::Full && !self.is_part
    }

    /// Whether its system imports whole tables, so that an update lists all that is to be there.
    pub(super) fn is_updated_whole(&self) -> bool {
        self.config.update == Update::Full && self.is_full() && self.route() == Route::Folder
    }

    /// Whether who is not among its records is gone: it lists every record, and says of each whose it is.
    pub fn tells_who_is_gone(&self) -> bool {
        self.is_full() && !self.diff.unreadable
    }

    /// Where a key stands in the export.
    pub fn position(&self, key: u64) -> Option<usize> {
        self.keys.find(&self.diff.keys, key)
    }

    /// Where a key stood in the last reading.
    pub fn old_position(&self, key: u64) -> Option<usize> {
        self.old_keys.find(&self.index.keys, key)
    }

    /// Whether a record of this key exists: it is in the export, was when the export last said anything, or is in
    /// flight.
    pub fn exists(&self, key: u64) -> bool {
        self.position(key).is_some() || self.is_unlisted(key)
    }

    /// Whether a record exists that the export, for a reason, does not list.
    pub fn is_unlisted(&self, key: u64) -> bool {
        let for_a_reason = self.export.is_none()
            || !self.tells_who_is_gone()
            || self.created.in_flight.contains(&key);
        for_a_reason && self.position(key).is_none() && self.old_position(key).is_some()
    }

    /// Whether a record may be listed in a row of which nobody knows whose it is: then nobody knows either what it shows.
    pub fn is_illegible(&self, key: u64) -> bool {
        self.is_full()
            && self.diff.unreadable
            && !self.created.in_flight.contains(&key)
            && self.is_unlisted(key)
    }

    /// Whether it is known what a record shows, so that others can meet it: its export speaks, and its row can be read. What was
    /// never read has no base that could be taken for its word.
    pub fn speaks_of(&self, key: u64) -> bool {
        let Some(export) = &self.export else {
            return false;
        };
        match self.position(key) {
            _ if self.index.is_empty() => true,
            Some(at) => !self.is_double(at) && export.record(at).is_ok(),
            None => !self.is_illegible(key),
        }
    }

    /// Where the records that exist and are not listed stand in the index, ascending.
    pub fn unlisted(&self) -> Vec<usize> {
        if self.export.is_none() || (self.tells_who_is_gone() && self.created.in_flight.is_empty())
        {
            return Vec::new();
        }
        let mut listed = vec![false; self.index.len()];
        for old in &self.diff.olds {
            if let Some(old) = (*old as usize).checked_sub(1) {
                listed[old] = true;
            }
        }
        let may_be = |at: &usize| {
            !listed[*at]
                && (!self.tells_who_is_gone()
                    || self.created.in_flight.contains(&self.index.keys[*at]))
        };
        let mut unlisted: Vec<usize> = (0..self.index.len()).filter(may_be).collect();
        // The index lists a number that stood twice once for each record.
        let wanted: Wanted = unlisted.iter().map(|at| self.index.keys[*at]).collect();
        let keys = self.diff.keys.iter().copied();
        let mut met: PrintSet = keys.filter(|key| wanted.contains(*key)).collect();
        unlisted.retain(|at| met.insert(self.index.keys[*at]));
        unlisted
    }

    /// The base row of a key.
    pub fn base(&self, key: u64) -> Result<Option<Row>, StateError> {
        let row = |old: Option<usize>| match old {
            Some(at) => self.rows.get(self.index.row(at)),
            None => Ok(None),
        };
        let Some(at) = self.position(key).filter(|at| !self.is_double(*at)) else {
            return row(self.old_position(key));
        };
        row((self.diff.olds[at] as usize).checked_sub(1))
    }

    /// What a record shows now; one that is not listed shows what it showed last, and one whose row cannot be read nothing.
    pub fn row(&self, key: u64) -> Result<Option<Row>, StateError> {
        if let (Some(export), Some(at)) = (&self.export, self.position(key)) {
            return Ok(export.record(at).ok().map(crate::exports::Record::into_row));
        }
        match self.is_unlisted(key) && !self.is_illegible(key) {
            true => self.base(key),
            false => Ok(None),
        }
    }

    /// What is known of a record, and how what is written reaches it. One whose row nobody can read, or stands twice, shows what it showed
    /// last, and says nothing, whatever its table does; so does one of which a file that is edited in place has no row.
    pub(super) fn reached(&self, key: u64) -> Result<Option<(Row, Route)>, StateError> {
        let position = self.position(key);
        let is_double = position.is_some_and(|at| self.is_double(at));
        let shown = self.row(key)?.filter(|_| !is_double);
        let route = match self.route() {
            Route::Nowhere => Route::Nowhere,
            _ if self.export.is_none() => Route::Silent,
            Route::InPlace if position.is_none() => Route::Silent,
            route if shown.is_some() => route,
            _ if self.is_updated_whole() => Route::Frozen,
            _ => Route::Silent,
        };
        let known = match shown {
            None if self.exists(key) => self.base(key)?,
            shown => shown,
        };
        Ok(known.map(|row| (row, route)))
    }

    /// What is known of a record, also while nobody can read it.
    pub(super) fn known(&self, key: u64) -> Result<Option<Row>, StateError> {
        Ok(self.reached(key)?.map(|(row, _)| row))
    }

    /// Whether its bytes are other than at the last reading, or it is new.
    pub fn is_touched(&self, at: usize) -> bool {
        self.diff.touched.binary_search(&(at as u32)).is_ok()
    }

    /// Whether the export shows its first records: each of them is new, and nobody knows of others.
    pub fn is_read_first(&self) -> bool {
        self.export.is_some() && self.index.is_empty()
    }

    /// Whether it shares its key with another record.
    pub fn is_double(&self, at: usize) -> bool {
        self.diff.doubles.binary_search(&(at as u32)).is_ok()
    }

    /// Whether anything about the table, or what its records are read with, is other than at its last reading.
    pub fn is_changed(&self) -> bool {
        let Some(export) = &self.export else {
            return false;
        };
        let is_as_read = |memory: &TableMemory| {
            memory.digest == format!("{:032x}", export.digest) && memory.shape == self.shape
        };
        self.index.is_outdated || !self.memory.as_ref().is_some_and(is_as_read)
    }

    /// Makes keys findable; only those that a pass asks for.
    pub fn find_keys(&mut self, wanted: &Wanted) {
        self.keys.ask(&self.diff.keys, wanted);
        self.old_keys.ask(&self.index.keys, wanted);
    }

    /// Makes all keys findable, for a pass that cannot say beforehand which it will need.
    pub fn find_any_key(&mut self) {
        self.keys.ask_any();
        self.old_keys.ask_any();
    }

    /// What to do about a record that cannot be read.
    pub(super) fn advice(&self, at: usize) -> &'static str {
        match self.diff.keys[at] {
            0 => {
                "mend the row; until then nobody in its table counts as gone, and the rest goes on"
            }
            _ => "mend the row; the rest goes on",
        }
    }

    /// The place of a record of the export that is left out: its bytes tell it from others, whether or not its number is known.
    pub fn place_left_out(&self, at: usize) -> Place {
        let export = self.export.as_ref();
        Place {
            print: export.and_then(|export| export.print_at(at)),
            ..self.place(at)
        }
    }

    /// The place of a record of the export.
    pub fn place(&self, at: usize) -> Place {
        Place {
            table: self.table.name().to_owned(),
            file: Some(self.file()),
            line: self.export.as_ref().map(|export| export.line_of(at)),
            offset: self.export.as_ref().and_then(|export| export.offset_of(at)),
            ..Place::default()
        }
    }
}

/// What is observed together: the state is asked first, so that tables can be read side by side.
pub struct Known {
    /// What the state knows of each table's last reading.
    pub memories: Vec<TableMemory>,
    /// The folder of index and rows files.
    pub base_folder: PathBuf,
    /// The seed of all hashes.
    pub seed: u64,
    /// What the state notes of single records.
    pub marks: Vec<MarkRow>,
    /// Relations whose removal was asked for.
    pub removals: BTreeSet<String>,
    /// By table with drops: the file that it is read from.
    pub files: BTreeMap<Table, Incoming>,
    /// Tables whose files are not complete yet.
    pub unready: BTreeSet<Table>,
    /// By table with drops: what the first file that is not complete waits for, as a sentence that names it.
    pub waiting: BTreeMap<Table, String>,
    /// Versions of files that were found complete.
    pub complete: BTreeMap<PathBuf, Identity>,
}

/// Reads one table; `None` where nobody knows it. What cannot be read says nothing and is a problem; what is not configured just says
/// nothing.
///
/// # Errors
/// Those of the state's own files.
pub fn observe<'c>(
    config: &'c Config,
    table: Table,
    disk: &dyn Disk,
    known: &Known,
) -> Result<Option<(Seen<'c>, Vec<Problem>)>, StateError> {
    let configured = config.table(table);
    let memory = known
        .memories
        .iter()
        .find(|memory| memory.table == table.name())
        .cloned();
    if configured.is_none() && memory.is_none() {
        return Ok(None);
    }
    let (index, rows) = match &memory {
        Some(memory) => {
            let folder = &known.base_folder;
            let index = Index::read(disk, folder, table, memory.generation)?;
            let path = rows_path(folder, table, memory.rows_epoch);
            (index, Rows::open(disk, path, memory.rows_length)?)
        }
        None => (Index::default(), Rows::open(disk, PathBuf::new(), 0)?),
    };
    let last_file = || memory.as_ref().map(|memory| PathBuf::from(&memory.file));
    let path = configured.map(TableConfig::export_path).or_else(last_file);
    let mut seen = Seen {
        table,
        config: configured.unwrap_or(&NOT_CONFIGURED),
        is_configured: configured.is_some(),
        path: path.unwrap_or_default(),
        shown: None,
        drop: None,
        is_part: false,
        export: None,
        identity: None,
        sequence: None,
        exports: memory.as_ref().map_or(0, |memory| memory.exports),
        reconfigured: (memory.as_ref().zip(configured))
            .is_some_and(|(memory, config)| memory.settings != config.settings_print(table)),
        memory,
        index,
        rows,
        shape: 0,
        cut: None,
        created: Arrivals::default(),
        returned: Returned::default(),
        diff: Diff::default(),
        keys: Keys::default(),
        old_keys: Keys::default(),
    };
    let mut problems = Vec::new();
    if !seen.is_configured {
        debug!(table = table.name(), "table is not configured");
    } else if known.unready.contains(&table) {
        info!(table = table.name(), "export is not complete yet");
    } else if let Err(problem) = read(&mut seen, disk, known, &config.setup.codes, &mut problems) {
        info!(
            table = table.name(),
            kind = problem.kind,
            "export says nothing in this pass"
        );
        seen.export = None;
        seen.diff = Diff::default();
        problems.push(*problem);
    }
    arrive(
        &mut seen,
        known,
        config.merge.in_flight_limit,
        &mut problems,
    );
    if table == Table::Relations {
        // Each is asked for by its own key, and few are.
        seen.find_any_key();
    }
    if let Some(export) = &seen.export {
        problems.extend(export.problems.iter().cloned());
        debug!(
            table = table.name(),
            records = export.records.len(),
            touched = seen.diff.touched.len(),
            gone = seen.diff.gone.len(),
            "export read"
        );
    }
    Ok(Some((seen, problems)))
}

/// A relations table that Couplet keeps, before its first relation.
pub const OWNED_RELATIONS: &str = "Contact No.,Business Relation Code,Link to Table,No.\r\n";

fn read(
    seen: &mut Seen<'_>,
    disk: &dyn Disk,
    known: &Known,
    codes: &[Option<String>],
    problems: &mut Vec<Problem>,
) -> Result<(), Box<Problem>> {
    let (table, seed) = (seen.table, known.seed);
    let trouble = |path: &Path, kind: &str, reason: String, advice: &str| {
        let dropped = known.files.get(&table).filter(|file| file.path == path);
        let place = Place {
            table: table.name().to_owned(),
            file: Some(shown_path(dropped.map_or(path, |file| &file.shown))),
            ..Place::default()
        };
        Box::new(Problem::new(place, kind, reason, advice))
    };
    let last = seen.memory.as_ref().and_then(|memory| memory.sequence);
    let had_records = seen
        .memory
        .as_ref()
        .is_some_and(|memory| memory.records > 0);
    if seen.config.owned
        && !had_records
        && disk
            .identity(&seen.path)
            .is_ok_and(|identity| identity.is_none())
    {
        // Our own table before its first relation.
        seen.export = Export::read(
            Box::new(OWNED_RELATIONS.as_bytes().to_vec()),
            table,
            &seen.config.settings(),
            &seen.file(),
            seed,
        )
        .ok();
        seen.shape = seen
            .export
            .as_ref()
            .map_or(0, |export| shape(export, seen.config, codes));
        return Ok(());
    }
    let located = match known.files.get(&table) {
        Some(file) => {
            seen.shown = Some(file.shown.clone());
            (seen.drop, seen.is_part) = (file.id, file.is_part);
            locate::present(disk, &file.path, file.sequence)
        }
        // A table with drops has no other files.
        None if seen.config.arrival.drop => Ok(Located::Missing {
            reason: match known.waiting.get(&table) {
                Some(waits) => waits.clone(),
                None => "no file of its name has come yet".to_owned(),
            },
        }),
        None => locate::locate(disk, seen.config, last),
    };
    let reason = located.as_ref().map(Located::reason).unwrap_or_default();
    match located {
        Ok(Located::Found {
            path,
            sequence,
            unnumbered,
        }) => {
            seen.path = path;
            seen.sequence = sequence;
            let reason = "its name has no number for `sequence`, so it is not read";
            let advice = "give it one, or move it away";
            let told = |path| *trouble(path, "unnumbered-export", reason.to_owned(), advice);
            problems.extend(unnumbered.as_deref().map(told));
        }
        Ok(Located::Missing { .. }) => {
            return Err(trouble(
                &seen.path,
                "missing-export",
                reason,
                "nothing is deleted or blanked; see whether its system still exports",
            ));
        }
        Ok(Located::Stale { path, .. }) => {
            return Err(trouble(
                &path,
                "stale-export",
                reason,
                "it is not read as news; a newer one will be",
            ));
        }
        Ok(Located::Ambiguous { .. }) => {
            return Err(trouble(
                &seen.path,
                "ambiguous-export",
                reason,
                "set `sequence` to the number or time in their names",
            ));
        }
        Err(error) => {
            return Err(trouble(
                &seen.path,
                "unreadable-export",
                format!("it cannot be looked for: {error}"),
                "see to the folder's permissions",
            ));
        }
    }
    let complete = known.complete.get(&seen.path);
    if seen.config.write_back == WriteBack::InPlace
        && let Ok(real) = disk.resolve(&seen.path)
        && real != seen.path
    {
        // A rename over a link would replace the link, and its system would go on with the file that the link led to.
        seen.shown = Some(std::mem::replace(&mut seen.path, real));
    }
    let path = seen.path.clone();
    let is_claimed = seen.drop.is_some();
    let unreadable = |error: io::Error| {
        // What is no file of its own will be none in the next pass either.
        let kind = match error.kind() {
            io::ErrorKind::InvalidInput if is_claimed => "refused-export",
            _ => "unreadable-export",
        };
        trouble(
            &path,
            kind,
            format!("it cannot be read: {error}"),
            "see to the file and its permissions",
        )
    };
    let opened = match is_claimed {
        true => disk.open_dropped(&path),
        false => disk.open(&path),
    };
    let (source, identity) = opened.map_err(unreadable)?;
    // Somebody may have begun to write it since: what it lists by now, even if it reads well, need not be all.
    if complete.is_some_and(|complete| *complete != identity) {
        return Err(trouble(
            &path,
            "changing-export",
            "it has changed since it was found complete".to_owned(),
            "it is read once it is complete again",
        ));
    }
    let before = seen.memory.as_ref().map(|memory| &memory.encoding);
    let taken_for = before.and_then(|label| Encoding::from_label(label));
    let settings = Settings {
        taken_for: taken_for.filter(|encoding| !encoding.is_utf16()),
        ..seen.config.settings()
    };
    let extents = |at| seen.index.extent(at);
    let last = seen.memory.as_ref().map(|memory| Last {
        shape: memory.shape ^ meaning(table, seen.config, codes),
        prints: &seen.index.prints,
        extents: &extents,
    });
    let export = Export::read_again(source, table, &settings, &seen.file(), seed, last)
        .map_err(|refusal| refused(seen, refusal))?;
    // What was read is only worth something if it was one version of the file.
    if disk.identity(&path).map_err(unreadable)? != Some(identity) {
        return Err(trouble(
            &path,
            "changing-export",
            "it changed while it was read".to_owned(),
            "the next pass reads it again",
        ));
    }
    let memory = seen.memory.as_ref();
    // A delta without a record says that nothing has changed.
    let is_emptied = export.records.is_empty() && (seen.is_full() || identity.size == 0);
    if is_emptied && memory.is_some_and(|memory| memory.records > 0) {
        let records = memory.map_or(0, |memory| memory.records);
        return Err(trouble(
            &path,
            "emptied-export",
            format!("it holds no record, and held {records} before"),
            "nothing is deleted; if they are really all gone, move the state folder away and begin anew",
        ));
    }
    let announced = known.files.get(&table).and_then(|file| file.records);
    if let Some((reason, advice)) = miscounted(&export, announced) {
        return Err(trouble(&path, "refused-export", reason, advice));
    }
    let digest = format!("{:032x}", export.digest);
    let is_news = memory.is_none_or(|memory| memory.digest != digest);
    let stood_there =
        |row: &MarkRow| row.mark == Mark::Cut && row.table == table.name() && row.body == digest;
    let cut = |how: &str| {
        let reason = format!("its last record lacks {how}: it is cut short or still being written");
        let advice = "the next pass reads it again";
        Err(trouble(&path, "cut-export", reason, advice))
    };
    let has_open_end = is_news && !export.ends_with_newline();
    if has_open_end && memory.is_some_and(|memory| memory.ends_with_newline) {
        // Nothing is cut off a record that says itself where it ends, and what should follow it would have come by now.
        let is_closed = export.ends_with_a_closed_record();
        if !is_closed || !known.marks.iter().any(stood_there) {
            seen.cut = is_closed.then_some(digest);
            return cut("the line end that it had before");
        }
    }
    if has_open_end && export.ends_with_a_ragged_row() {
        return cut("cells and its line end");
    }
    if is_news
        || seen
            .sequence
            .is_some_and(|sequence| Some(sequence) != memory.and_then(|memory| memory.sequence))
    {
        seen.exports += 1;
    }
    let shape = shape(&export, seen.config, codes);
    let same_shape = memory.is_some_and(|memory| memory.shape == shape) && !seen.reconfigured;
    let mut all_keys: Option<Vec<u64>> = None;
    if !same_shape || seen.index.is_empty() {
        all_keys = Some(export.keys().map_err(unreadable)?);
    }
    // Other columns mean other values in every record: each is read anew.
    let print = |at: usize| match same_shape {
        true => export.records[at].print,
        false => 0,
    };
    seen.diff = diff::compare(
        &seen.index,
        export.records.len(),
        print,
        |at| match &all_keys {
            Some(keys) => Some(keys[at]).filter(|key| *key != 0).map(plain),
            None => export.key_print_at(at).any().map(plain),
        },
        |at| export.key_print_at(at).sound().is_some(),
    );
    if !seen.is_full() {
        seen.diff.gone.clear();
    }
    seen.shape = shape;
    seen.identity = Some(identity);
    seen.export = Some(export);
    Ok(())
}

/// What is to be said where a file holds more or fewer records than its manifest says, and what to do.
pub(super) fn miscounted(
    export: &Export,
    announced: Option<u64>,
) -> Option<(String, &'static str)> {
    let count = export.records.len() as u64;
    let announced = announced.filter(|announced| *announced != count)?;
    let reason = format!("it holds {count} records, and its manifest says {announced}");
    Some((
        reason,
        "it may be cut; send it again with a manifest that is right",
    ))
}

fn shape(export: &Export, config: &TableConfig, codes: &[Option<String>]) -> u64 {
    export.shape() ^ meaning(export.table, config, codes)
}

/// Relations mean something else under other business relation codes, and a value that was cut where it may be longer.
fn meaning(table: Table, config: &TableConfig, codes: &[Option<String>]) -> u64 {
    let of_codes = match table {
        Table::Relations => xxh3_64(format!("{codes:?}").as_bytes()),
        _ => 0,
    };
    of_codes ^ config.cuts_print()
}

fn refused(seen: &Seen<'_>, refusal: Refusal) -> Box<Problem> {
    let place = Place {
        table: seen.table.name().to_owned(),
        file: Some(seen.file()),
        line: refusal.line,
        offset: refusal.offset,
        ..Place::default()
    };
    Box::new(Problem::new(
        place,
        "refused-export",
        refusal.reason,
        refusal.advice,
    ))
}
