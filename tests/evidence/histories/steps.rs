//! Histories as values: who takes part, and what happens in which order. A seed is a history, and so is a line of JSON.

use serde::{Deserialize, Serialize};

use crate::dice::Dice;

/// The systems of a history and what happens to them.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct History {
    /// How it begins.
    pub setup: Setup,
    /// What happens, in order.
    pub steps: Vec<Step>,
}

/// How a history begins.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Setup {
    /// The systems: that of contacts first, then those of counterparts.
    pub systems: Vec<SystemSetup>,
    /// Of each party, in which of the systems it has a record; always in the first.
    pub parties: Vec<Vec<bool>>,
    /// Who wins a conflict, as a number of [`POLICIES`].
    pub policy: usize,
    /// Relations are written into a folder, and not in place.
    #[serde(default)]
    pub relations_in_folder: bool,
    /// How many of the parties, the last ones, are persons of the first two companies.
    #[serde(default)]
    pub persons: usize,
}

/// What `on_conflict` may say.
pub const POLICIES: [&str; 5] = [
    "\"hold\"",
    "\"contact\"",
    "\"counterpart\"",
    "\"newest\"",
    "[\"vendor\", \"contact\"]",
];

/// How one system exchanges its records.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SystemSetup {
    /// The name of its table.
    pub table: String,
    /// The file is its data.
    pub in_place: bool,
    /// The names of its exports say which is newer.
    pub numbered: bool,
    /// Its exports list only what changed.
    pub delta: bool,
    /// Each export says how many there were before, so that none is like another.
    pub counts: bool,
    /// Its updates are whole rows.
    pub whole_rows: bool,
    /// How its files are written.
    pub format: Format,
    /// Its records begin blank.
    pub blank: bool,
    /// An emptied cell of its exports means no change.
    #[serde(default)]
    pub no_change: bool,
    /// How many characters its first field holds; 0 where it holds as many as any.
    #[serde(default)]
    pub length: usize,
    /// What is longer is cut for it, and else is owed to it.
    #[serde(default)]
    pub cuts: bool,
    /// Its encoding lacks a letter.
    #[serde(default)]
    pub narrow: bool,
    /// It fills up what is typed and imported with blanks.
    #[serde(default)]
    pub pads: bool,
    /// Its last field has a header of its own, which only the configuration knows.
    #[serde(default)]
    pub foreign: bool,
    /// Its updates are the whole table, and nobody edits it between an export and the import of what answers that.
    #[serde(default)]
    pub whole_table: bool,
    /// Its records have the cells that tell of persons and primary contacts.
    #[serde(default)]
    pub persons: bool,
    /// It spells its numbers in small letters.
    #[serde(default)]
    pub lower: bool,
}

/// How the files of a system are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Format {
    /// CSV, as most do.
    Plain,
    /// CSV with semicolons, every cell between quotes, and CRLF.
    Quoted,
    /// JSON Lines.
    Json,
}

/// What happens next; numbers choose among whatever there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Step {
    /// A user types something new.
    Edit(Place),
    /// A user clears a cell.
    Clear(Place),
    /// A user types again what the cell held before.
    Undo(Place),
    /// A system exports; one that is edited in place always has.
    Export(usize),
    /// All of them do.
    ExportAll,
    /// A system imports the oldest update that it has not imported.
    Import(usize),
    /// It imports any of the last updates: late, twice, in the wrong order, or only some rows of it.
    ImportAny {
        /// The system.
        system: usize,
        /// The update.
        update: usize,
        /// Bits of the rows that it imports.
        rows: u8,
    },
    /// It imports an update of any age.
    ImportOld {
        /// The system.
        system: usize,
        /// The update.
        update: usize,
    },
    /// Couplet makes a pass, and another one.
    Pass,
    /// It says what it would do.
    DryRun,
    /// It is started anew.
    Restart,
    /// A person takes the word of one side, or what was agreed, or types something else.
    Decide {
        /// The conflict.
        conflict: usize,
        /// What is taken.
        claim: usize,
    },
    /// A person changes `on_conflict`.
    Policy(usize),
    /// A user deletes a record.
    Delete {
        /// The system.
        system: usize,
        /// The record.
        record: usize,
    },
    /// A user enters a record again that was deleted.
    Return(usize),
    /// An export is damaged on its way; a pass reads it, and then a whole one comes.
    Damage {
        /// The system.
        system: usize,
        /// How.
        how: usize,
    },
    /// A program types something new into a field of every record, or clears it.
    Sweep {
        /// The system.
        system: usize,
        /// The field.
        field: usize,
        /// It clears the cells.
        clears: bool,
    },
    /// A system leaves out the last field from now on, or shows it again.
    Column(usize),
    /// `write_back` of a table becomes a folder, or in place.
    WriteBack(usize),
    /// `update` of a table becomes whole rows, or cells.
    Rows(usize),
    /// A table is taken out of the configuration, or put back.
    Table(usize),
    /// The header of a system's last field is taken out of the configuration, or put back.
    Mapping(usize),
    /// The names of a system's exports say from now on which is newer, or no longer do.
    Sequence(usize),
    /// A row of a system's exports is illegible, stands twice, or has no number from now on; or it is mended.
    Spoil {
        /// The system.
        system: usize,
        /// The record.
        record: usize,
        /// How.
        how: usize,
    },
    /// The files of some systems are away or damaged from now on; of those that were, they are there again.
    Hide {
        /// Bits of the systems.
        systems: u8,
        /// How.
        how: usize,
    },
    /// The relations are away or damaged from now on, or one row of theirs is; or they are there again.
    HideRelations(usize),
    /// A user takes a relation out, or enters it again.
    Link {
        /// The party.
        party: usize,
        /// The system of the counterpart.
        system: usize,
    },
    /// The system of the relations imports the updates that it has not imported.
    ImportRelations,
    /// A user chooses a person as the primary contact of a counterpart, or nobody.
    Primary {
        /// The system.
        system: usize,
        /// The record.
        record: usize,
        /// The person.
        person: usize,
    },
    /// A user gives a person another name.
    Rename(usize),
    /// A user deletes a person that is a primary contact.
    Leave(usize),
}

/// A cell of a system.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// The system.
    pub system: usize,
    /// The record.
    pub record: usize,
    /// The field.
    pub field: usize,
}

/// How many steps a history has.
const STEPS: usize = 50;

/// How many of a hundred histories have persons and primary contacts.
const PERSONS: usize = 15;

impl History {
    /// The history of a seed.
    pub fn of(seed: u64) -> History {
        let mut dice = Dice::new(seed);
        let varied = Varied::drawn(&mut dice);
        let setup = setup(&mut dice, varied);
        let menu = menu(&mut dice, varied, setup.persons > 0);
        let steps = (0..STEPS).map(|_| step(&mut dice, &menu)).collect();
        History { setup, steps }
    }
}

/// What a history varies beside what people and systems always do. What is rare meets other rare things where the rest is silent;
/// and one oracle need not know what an illegible row means while its column is taken out of the configuration.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Varied {
    /// What cells mean and hold, and what the configuration says between passes.
    Cells,
    /// Rows, tables and relations that say nothing, stand twice or go.
    Rows,
}

impl Varied {
    fn drawn(dice: &mut Dice) -> Varied {
        match dice.chance(50) {
            true => Varied::Cells,
            false => Varied::Rows,
        }
    }

    /// Whether its menu has a kind of step, as [`step`] numbers them.
    fn has(self, kind: usize) -> bool {
        match kind {
            0..18 => true,
            18..23 => self == Varied::Cells,
            23..28 => self == Varied::Rows,
            _ => true,
        }
    }
}

fn setup(dice: &mut Dice, varied: Varied) -> Setup {
    let mut counterparts = vec!["customers", "vendors", "bank_accounts"];
    let fewer = [0, 0, 1, 1, 2][dice.below(5)];
    for _ in 0..fewer {
        counterparts.remove(dice.below(counterparts.len()));
    }
    let tables = ["contacts"].into_iter().chain(counterparts);
    let has_persons = dice.chance(PERSONS);
    let systems = tables.map(|table| system(dice, table, varied, has_persons));
    let systems: Vec<SystemSetup> = systems.collect();
    let mut parties = Vec::new();
    // Guards look at tables of ten records and more.
    let count = if dice.chance(12) { 12 } else { 3 };
    for _ in 0..count {
        let mut party: Vec<bool> = systems.iter().map(|_| dice.chance(75)).collect();
        party[0] = true;
        parties.push(party);
    }
    // A table without records would be no export.
    parties[0].fill(true);
    let persons = if has_persons { 4 } else { 0 };
    for _ in 0..persons {
        let person = (0..systems.len()).map(|system| system == 0);
        parties.push(person.collect());
    }
    let policy = if dice.chance(70) {
        0
    } else {
        dice.below(POLICIES.len())
    };
    Setup {
        systems,
        parties,
        policy,
        relations_in_folder: varied == Varied::Rows && dice.chance(40),
        persons,
    }
}

fn system(dice: &mut Dice, table: &str, varied: Varied, persons: bool) -> SystemSetup {
    let of_cells = varied == Varied::Cells;
    let in_place = dice.chance(40);
    let delta = !in_place && dice.chance(25);
    SystemSetup {
        table: table.to_owned(),
        in_place,
        numbered: !in_place && dice.chance(50),
        delta,
        counts: dice.chance(60),
        whole_rows: !in_place && dice.chance(20),
        format: match dice.below(5) {
            0 => Format::Json,
            1 => Format::Quoted,
            _ => Format::Plain,
        },
        blank: dice.chance(15),
        // Who clears a primary contact there says nothing.
        no_change: of_cells
            && dice.chance(20)
            && !(persons && ["customers", "vendors"].contains(&table)),
        length: if of_cells && dice.chance(25) {
            6 + dice.below(3)
        } else {
            0
        },
        cuts: of_cells && dice.chance(60),
        narrow: of_cells && dice.chance(15),
        pads: of_cells && dice.chance(15),
        foreign: of_cells && dice.chance(45),
        whole_table: !of_cells && !in_place && !delta && dice.chance(20),
        persons,
        lower: of_cells && dice.chance(20),
    }
}

/// By how much more often a kind of step happens in one history than in another: one that is frequent anyway, and one that is rare.
const FACTORS: [[usize; 5]; 2] = [[1, 1, 1, 2, 2], [1, 1, 2, 2, 5]];

/// What may happen, and how often it does. Not everything happens in every history, as not everything is varied in it; and each has
/// weights of its own, so that what is rare in most is frequent in some, and two such things meet.
fn menu(dice: &mut Dice, varied: Varied, has_persons: bool) -> Vec<(usize, usize)> {
    let often = [
        8, 1, 1, 6, 2, 5, 6, 1, 9, 1, 1, 4, 1, 1, 2, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 6, 1, 2,
    ];
    let mut menu = Vec::new();
    let kinds = often.into_iter().enumerate();
    let kinds = kinds.filter(|(kind, _)| varied.has(*kind) && (*kind < 28 || has_persons));
    for (kind, weight) in kinds {
        let is_rare = weight == 1;
        if !(is_rare && dice.chance(40)) {
            let factors = FACTORS[usize::from(is_rare)];
            menu.push((kind, weight * factors[dice.below(factors.len())]));
        }
    }
    menu
}

fn step(dice: &mut Dice, menu: &[(usize, usize)]) -> Step {
    let total = menu.iter().map(|(_, weight)| weight).sum();
    let mut at = dice.below(total);
    let chosen = menu
        .iter()
        .find(|(_, weight)| match at.checked_sub(*weight) {
            Some(left) => {
                at = left;
                false
            }
            None => true,
        });
    let mut any = || dice.below(60);
    let place = |any: &mut dyn FnMut() -> usize| Place {
        system: any(),
        record: any(),
        field: any(),
    };
    match chosen.map_or(0, |(kind, _)| *kind) {
        0 => Step::Edit(place(&mut any)),
        1 => Step::Clear(place(&mut any)),
        2 => Step::Undo(place(&mut any)),
        3 => Step::Export(any()),
        4 => Step::ExportAll,
        5 => Step::Import(any()),
        6 => Step::ImportAny {
            system: any(),
            update: any(),
            rows: if dice.chance(50) {
                u8::MAX
            } else {
                dice.next() as u8
            },
        },
        7 => Step::ImportOld {
            system: any(),
            update: any(),
        },
        8 => Step::Pass,
        9 => Step::DryRun,
        10 => Step::Restart,
        11 => Step::Decide {
            conflict: any(),
            claim: any(),
        },
        12 => Step::Policy(any()),
        13 => Step::Delete {
            system: any(),
            record: any(),
        },
        14 => Step::Return(any()),
        15 => Step::Damage {
            system: any(),
            how: any(),
        },
        16 => Step::Sweep {
            system: any(),
            field: any(),
            clears: dice.chance(40),
        },
        17 => Step::Column(any()),
        18 => Step::WriteBack(any()),
        19 => Step::Rows(any()),
        20 => Step::Table(any()),
        21 => Step::Mapping(any()),
        22 => Step::Sequence(any()),
        23 => Step::Spoil {
            system: any(),
            record: any(),
            how: any(),
        },
        24 => Step::Hide {
            how: any(),
            systems: dice.next() as u8,
        },
        25 => Step::HideRelations(any()),
        26 => Step::Link {
            party: any(),
            system: any(),
        },
        27 => Step::ImportRelations,
        28 => Step::Primary {
            system: any(),
            record: any(),
            person: any(),
        },
        29 => Step::Rename(any()),
        _ => Step::Leave(any()),
    }
}
