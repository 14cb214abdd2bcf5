//! What may go wrong in a year: each seed has a mix of its own.

use crate::dice::Dice;

/// A kind of fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Events of folders are lost.
    LostEvents,
    /// Events are told twice.
    TwiceToldEvents,
    /// So many events come that only this is told.
    Overflow,
    /// Programs take seconds to write a file.
    SlowWriters,
    /// A system imports updates twice, late, or in part.
    OddImports,
    /// Rounds take seconds, and others go on meanwhile.
    LongRounds,
    /// The daemon is started anew.
    Restart,
    /// Its process dies.
    Crash,
    /// A folder goes away for hours.
    Offline,
    /// The disk is full for a while.
    FullDisk,
    /// The clock of the machine is set.
    ClockJump,
    /// The configuration is read anew, with another time to settle.
    Reload,
    /// An export is sent again after a newer one.
    StaleExport,
    /// The last export is sent again.
    SameExport,
    /// An export is cut short, and whole only later.
    CutExport,
    /// Of deltas one is late.
    Gap,
    /// A file is written while a round is made of another, and at once again.
    Haste,
    /// A file is half written while a round reads and writes.
    Intrusion,
}

/// All kinds.
const ALL: [Fault; 18] = [
    Fault::LostEvents,
    Fault::TwiceToldEvents,
    Fault::Overflow,
    Fault::SlowWriters,
    Fault::OddImports,
    Fault::LongRounds,
    Fault::Restart,
    Fault::Crash,
    Fault::Offline,
    Fault::FullDisk,
    Fault::ClockJump,
    Fault::Reload,
    Fault::StaleExport,
    Fault::SameExport,
    Fault::CutExport,
    Fault::Gap,
    Fault::Haste,
    Fault::Intrusion,
];

/// A mix of them.
#[derive(Clone, Debug)]
pub struct Faults(Vec<Fault>);

impl Faults {
    /// The mix of a seed: each kind is in about half of them.
    pub fn of(dice: &mut Dice) -> Faults {
        Faults(ALL.into_iter().filter(|_| dice.chance(50)).collect())
    }

    pub fn none() -> Faults {
        Faults(Vec::new())
    }

    pub fn has(&self, fault: Fault) -> bool {
        self.0.contains(&fault)
    }

    pub fn pick(&self, dice: &mut Dice) -> Option<Fault> {
        dice.pick(&self.0).copied()
    }
}
