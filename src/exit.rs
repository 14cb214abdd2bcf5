//! Exit codes, as the contract has them (`product.md` §3).

use std::process::ExitCode;

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// Done, all in step.
    Done,
    /// Failed, or refused by a rule.
    Failed,
    /// A dry run with changes, when `--exit-code` asks for it.
    Changes,
    /// Done, and conflicts or problems wait for a person.
    Waiting,
    /// Halted by a guard; nothing was written.
    Halted,
    /// Another instance holds the lock.
    Locked,
    /// The command line is wrong.
    Usage,
    /// The configuration is wrong.
    Config,
}

impl Exit {
    /// The number that the process ends with.
    pub fn code(self) -> u8 {
        match self {
            Exit::Done => 0,
            Exit::Failed => 1,
            Exit::Changes => 2,
            Exit::Waiting => 3,
            Exit::Halted => 4,
            Exit::Locked => 5,
            Exit::Usage => 64,
            Exit::Config => 78,
        }
    }

    /// The exit of this number; failed where it is none of ours.
    pub fn of_code(code: u8) -> Exit {
        let all = [
            Exit::Done,
            Exit::Changes,
            Exit::Waiting,
            Exit::Halted,
            Exit::Locked,
            Exit::Usage,
            Exit::Config,
        ];
        all.into_iter()
            .find(|exit| exit.code() == code)
            .unwrap_or(Exit::Failed)
    }

    /// The one that counts where both apply.
    pub fn weightier(self, other: Exit) -> Exit {
        const ORDER: [Exit; 8] = [
            Exit::Done,
            Exit::Waiting,
            Exit::Changes,
            Exit::Failed,
            Exit::Halted,
            Exit::Locked,
            Exit::Usage,
            Exit::Config,
        ];
        let weight = |exit: Exit| ORDER.iter().position(|known| *known == exit);
        match weight(self) >= weight(other) {
            true => self,
            false => other,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        ExitCode::from(exit.code())
    }
}
