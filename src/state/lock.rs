//! The lock against a second instance: the operating system's, so that a crash releases it.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read as _, Seek as _, Write as _};
use std::path::Path;
use std::time::{Duration, Instant};

use crate::disk::for_us_alone;

use super::error::StateError;

/// Held while an instance works with a state folder; released when dropped.
#[derive(Debug)]
pub struct Lock {
    file: File,
}

impl Lock {
    /// Takes the lock of a state folder, which must exist.
    ///
    /// # Errors
    /// [`StateError::Locked`] when another instance holds it, with what that instance said of itself.
    pub fn take(folder: &Path) -> Result<Lock, StateError> {
        Lock::wait(folder, Duration::ZERO)
    }

    /// Takes the lock, and waits for it at most so long.
    ///
    /// # Errors
    /// Those of [`take`](Lock::take).
    pub fn wait(folder: &Path, patience: Duration) -> Result<Lock, StateError> {
        const OFTEN: Duration = Duration::from_millis(50);
        let until = Instant::now() + patience;
        loop {
            match Lock::attempt(folder) {
                Err(StateError::Locked { .. }) if Instant::now() < until => {
                    std::thread::sleep(OFTEN);
                }
                taken => return taken,
            }
        }
    }

    fn attempt(folder: &Path) -> Result<Lock, StateError> {
        let path = folder.join("lock");
        let mut options = OpenOptions::new();
        let options = options.read(true).write(true).create(true).truncate(false);
        let mut file = for_us_alone(options)
            .open(&path)
            .map_err(StateError::file(&path))?;
        match file.try_lock() {
            Ok(()) => {
                let said = format!(
                    "process {} since {}\n",
                    std::process::id(),
                    jiff::Zoned::now().strftime("%Y-%m-%dT%H:%M:%S")
                );
                let written = file
                    .set_len(0)
                    .and_then(|()| file.rewind())
                    .and_then(|()| file.write_all(said.as_bytes()));
                written.map_err(StateError::file(&path))?;
                Ok(Lock { file })
            }
            Err(TryLockError::WouldBlock) => {
                let mut holder = String::new();
                // What it says of itself is for people only; the lock is the operating system's.
                let _ = file.read_to_string(&mut holder);
                Err(StateError::Locked {
                    path: folder.to_owned(),
                    holder: holder.trim().to_owned(),
                })
            }
            Err(TryLockError::Error(source)) => Err(StateError::File { path, source }),
        }
    }
}

impl Lock {
    /// What the holder of the lock of a state folder said of itself; `None` where nobody holds it.
    pub fn holder(folder: &Path) -> Option<String> {
        let mut file = File::open(folder.join("lock")).ok()?;
        match file.try_lock_shared() {
            Err(TryLockError::WouldBlock) => {
                let mut holder = String::new();
                file.read_to_string(&mut holder).ok()?;
                Some(holder.trim().to_owned())
            }
            Ok(()) => {
                let _ = file.unlock();
                None
            }
            Err(TryLockError::Error(_)) => None,
        }
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // Closing alone would not do: a process that was forked off at this moment has the file open until it begins.
        let _ = self.file.unlock();
    }
}
