//! A daemon that can be killed and started again.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// A daemon of an exchange.
pub struct Daemon {
    folder: PathBuf,
    process: Option<Child>,
}

/// What a process holds of its machine.
#[derive(Clone, Copy, Debug)]
pub struct Held {
    /// Memory, in KiB.
    pub memory: u64,
    /// Open files.
    pub files: usize,
}

impl Daemon {
    /// One that is started, for the exchange of a folder.
    pub fn started(folder: &Path) -> Daemon {
        let mut daemon = Daemon {
            folder: folder.to_owned(),
            process: None,
        };
        daemon.start();
        daemon
    }

    /// Starts it again.
    pub fn start(&mut self) {
        let log = fs::File::options()
            .append(true)
            .create(true)
            .open(self.folder.join("daemon.log"));
        let started = Command::new(env!("CARGO_BIN_EXE_couplet"))
            .args(["run", "--config"])
            .arg(self.folder.join("config.toml"))
            .stderr(log.expect("a log"))
            .stdout(Stdio::null())
            .spawn();
        self.process = Some(started.expect("started"));
    }

    /// Kills it, wherever it is.
    pub fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            let _ = process.kill();
            let _ = process.wait();
        }
    }

    /// Whether it is still there.
    pub fn is_alive(&mut self) -> bool {
        let ended = self.process.as_mut().map(Child::try_wait);
        matches!(ended, Some(Ok(None)))
    }

    /// What it holds now.
    pub fn held(&self) -> Held {
        let id = self.process.as_ref().expect("a daemon").id();
        let status = fs::read_to_string(format!("/proc/{id}/status")).expect("alive");
        let line = status.lines().find(|line| line.starts_with("VmRSS:"));
        let memory = line.and_then(|line| line.split_whitespace().nth(1));
        Held {
            memory: memory.expect("a size").parse().expect("a number"),
            files: fs::read_dir(format!("/proc/{id}/fd"))
                .expect("alive")
                .count(),
        }
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        self.kill();
    }
}
