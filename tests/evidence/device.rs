//! A disk with a write cache that a power cut empties: ext4 on a loop device over another loop device.
//!
//! What the file system writes goes into the cache of the lower device, and reaches the file below it, the platter, only when it is
//! flushed or when the kernel finds the time. So the platter holds what a flush has made durable; between it and the cache stands
//! what a disk may or may not have written when the power fails, in whatever order.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use tempfile::TempDir;

use crate::dice::Dice;
use crate::folders::{files_below, place};

/// How large a disk is.
const SIZE: usize = 12 << 20;

/// What a disk writes whole or not at all.
const SECTOR: usize = 512;

/// How the folders of disks begin, before the number of the process that they belong to.
const PREFIX: &str = "couplet-power-";

/// What becomes of what was written and not flushed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cache {
    /// All of it is lost.
    Lost,
    /// All of it had been written.
    Written,
    /// Of each sector, one or the other.
    Partly,
}

/// Runs a program of the system and returns what it says.
fn run(program: &str, arguments: &[&str]) -> io::Result<String> {
    let output = Command::new(program).args(arguments).output()?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(io::Error::other(format!(
            "{program} {arguments:?}: {}",
            said.trim()
        )));
    }
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

fn text(path: &Path) -> &str {
    path.to_str().expect("a path that is text")
}

/// Tries a few times what somebody else may be in the way of for a moment.
fn patiently<T>(mut attempt: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    for _ in 0..50 {
        if let Ok(done) = attempt() {
            return Ok(done);
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    attempt()
}

/// A loop device over a file or another device.
struct Loop(PathBuf);

impl Loop {
    fn over(path: &Path) -> io::Result<Loop> {
        // Who looks for a free one at the same time may be faster.
        let name = patiently(|| run("losetup", &["--find", "--show", text(path)]))?;
        Ok(Loop(name.into()))
    }
}

impl Drop for Loop {
    fn drop(&mut self) {
        let _ = run("losetup", &["--detach", text(&self.0)]);
    }
}

/// A file system that is mounted.
struct Mount(PathBuf);

impl Mount {
    fn of(device: &Path, at: &Path, options: &str) -> io::Result<Mount> {
        fs::create_dir_all(at)?;
        run(
            "mount",
            &["-t", "ext4", "-o", options, text(device), text(at)],
        )?;
        Ok(Mount(at.to_owned()))
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        // A process that was killed holds its files for a moment longer; whoever holds them for ever must not keep us.
        let gone = patiently(|| run("umount", &[text(&self.0)]));
        let _ = gone.or_else(|_| run("umount", &["--lazy", text(&self.0)]));
    }
}

/// A disk that is in use.
pub struct Device {
    // In the order in which they are taken apart.
    mount: Option<Mount>,
    _cached: Loop,
    platter: Loop,
    folder: TempDir,
}

impl Device {
    /// Why there can be none here; `None` where there can.
    pub fn needs() -> Option<String> {
        const NEEDS: &str = "needs root, loop devices and mkfs.ext4";
        remove_leftovers();
        let mounted = blank().and_then(|image| Device::with(&image, "defaults").map(drop));
        mounted.err().map(|error| format!("{NEEDS}: {error}"))
    }

    /// A disk with this content, mounted with these options.
    pub fn with(image: &[u8], options: &str) -> io::Result<Device> {
        Device::at(new_folder()?, image, options)
    }

    fn at(folder: TempDir, image: &[u8], options: &str) -> io::Result<Device> {
        let file = folder.path().join("platter");
        fs::write(&file, image)?;
        let platter = Loop::over(&file)?;
        let cached = Loop::over(&platter.0)?;
        let mount = Mount::of(&cached.0, &folder.path().join("disk"), options)?;
        Ok(Device {
            mount: Some(mount),
            _cached: cached,
            platter,
            folder,
        })
    }

    /// Where its files are.
    pub fn root(&self) -> PathBuf {
        self.folder.path().join("disk")
    }

    /// The disk as a power cut would leave it at this moment. `None` where something is being written all the time.
    pub fn cut(&self, cache: Cache, dice: &mut Dice) -> io::Result<Option<Vec<u8>>> {
        let file = self.folder.path().join("platter");
        for _ in 0..100 {
            let flushed = fs::read(&file)?;
            let mut cached = Vec::with_capacity(SIZE);
            File::open(&self.platter.0)?.read_to_end(&mut cached)?;
            // Nothing was flushed meanwhile, so any part of what is only in the cache may have been written.
            if fs::read(&file)? == flushed {
                return Ok(Some(mixed(flushed, &cached, cache, dice)));
            }
        }
        Ok(None)
    }

    /// Has the system write back some of the files, as it does now and then by itself: `chance` of a hundred files are begun to be
    /// written, and sometimes one is flushed with all that was begun before it.
    pub fn write_back(&self, chance: usize, dice: &mut Dice) -> io::Result<()> {
        for path in files_below(&self.root())? {
            if dice.chance(chance) {
                let file = File::open(&path)?;
                rustix::fs::fadvise(&file, 0, None, rustix::fs::Advice::DontNeed)?;
            }
            if dice.chance(chance / 10) {
                File::open(&path)?.sync_all()?;
            }
        }
        // What was begun is on its way.
        std::thread::sleep(Duration::from_millis(3));
        Ok(())
    }

    /// Takes the disk out of use and returns its content.
    pub fn into_image(mut self) -> io::Result<Vec<u8>> {
        self.mount = None;
        File::open(&self.platter.0)?.sync_all()?;
        fs::read(self.folder.path().join("platter"))
    }

    /// Puts another content into it, at the same place.
    pub fn restart(self, image: &[u8], options: &str) -> io::Result<Device> {
        let Device {
            mount,
            _cached: cached,
            platter,
            folder,
        } = self;
        drop((mount, cached, platter));
        Device::at(folder, image, options)
    }
}

/// An empty file system.
pub fn blank() -> io::Result<Vec<u8>> {
    let folder = new_folder()?;
    let file = folder.path().join("blank");
    File::create(&file)?.set_len(SIZE as u64)?;
    run(
        "mkfs.ext4",
        &["-q", "-b", "4096", "-J", "size=4", "-m", "0", text(&file)],
    )?;
    fs::read(&file)
}

/// Whether the file system of an image is sound.
pub fn check(image: &[u8]) -> io::Result<()> {
    let folder = new_folder()?;
    let file = folder.path().join("image");
    fs::write(&file, image)?;
    run("e2fsck", &["-f", "-n", text(&file)]).map(drop)
}

fn mixed(mut flushed: Vec<u8>, cached: &[u8], cache: Cache, dice: &mut Dice) -> Vec<u8> {
    let sectors = flushed.chunks_mut(SECTOR).zip(cached.chunks(SECTOR));
    for (sector, newer) in sectors.filter(|(sector, newer)| sector != newer) {
        let is_written = match cache {
            Cache::Lost => false,
            Cache::Written => true,
            Cache::Partly => dice.chance(50),
        };
        if is_written {
            sector.copy_from_slice(newer);
        }
    }
    flushed
}

fn new_folder() -> io::Result<TempDir> {
    let prefix = format!("{PREFIX}{}-", std::process::id());
    tempfile::Builder::new().prefix(&prefix).tempdir_in(place())
}

/// Whether a folder belongs to a run that was killed.
fn is_left_over(folder: &Path) -> bool {
    let name = folder.file_name().unwrap_or_default().to_string_lossy();
    let process = name
        .strip_prefix(PREFIX)
        .and_then(|rest| rest.split('-').next());
    process.is_some_and(|process| !Path::new("/proc").join(process).exists())
}

/// Removes the disks of runs that were killed before they could.
fn remove_leftovers() {
    for folder in fs::read_dir(place()).into_iter().flatten().flatten() {
        let folder = folder.path();
        if is_left_over(&folder) {
            // Whoever still runs there was stopped with it.
            let _ = run("umount", &["--lazy", text(&folder.join("disk"))]);
            let listed = run(
                "losetup",
                &["--list", "--noheadings", "--output", "NAME,BACK-FILE"],
            );
            let listed = listed.unwrap_or_default();
            // Lower devices first: each is let go as soon as the one above it is.
            for line in listed.lines().filter(|line| line.contains(text(&folder))) {
                let name = line.split_whitespace().next().unwrap_or_default();
                for above in listed
                    .lines()
                    .filter(|line| line.trim_end().ends_with(&format!(" {name}")))
                {
                    let _ = run(
                        "losetup",
                        &[
                            "--detach",
                            above.split_whitespace().next().unwrap_or_default(),
                        ],
                    );
                }
                let _ = run("losetup", &["--detach", name]);
            }
            let _ = fs::remove_dir_all(&folder);
        }
    }
}
