//! A log file that begins anew each day and when it has grown too large, and keeps the last few. Whatever happens to it, the
//! daemon goes on.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use crate::config::LogFile;

/// The log file.
#[derive(Debug)]
pub struct RollingFile {
    config: LogFile,
    open: Mutex<Option<Open>>,
}

#[derive(Debug)]
struct Open {
    file: File,
    day: jiff::civil::Date,
    length: u64,
}

impl RollingFile {
    /// Opens the file, to see that it can be.
    ///
    /// # Errors
    /// Those of the system.
    pub fn open(config: LogFile) -> io::Result<RollingFile> {
        let open = Open::at(&config.path)?;
        Ok(RollingFile {
            config,
            open: Mutex::new(Some(open)),
        })
    }

    fn write_on(&self, line: &[u8], today: jiff::civil::Date) -> io::Result<()> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let is_over = open.as_ref().is_some_and(|open| {
            open.length > 0
                && (open.day != today || open.length + line.len() as u64 > self.config.max_size)
        });
        if is_over {
            let day = open.take().map_or(today, |open| open.day);
            roll(&self.config, day)?;
        }
        let open = match &mut *open {
            Some(open) => open,
            closed => closed.insert(Open::at(&self.config.path)?),
        };
        open.day = today;
        open.file.write_all(line)?;
        open.length += line.len() as u64;
        Ok(())
    }
}

impl Open {
    fn at(path: &Path) -> io::Result<Open> {
        if let Some(folder) = path
            .parent()
            .filter(|folder| !folder.as_os_str().is_empty())
        {
            fs::create_dir_all(folder)?;
        }
        let mut options = OpenOptions::new();
        options.append(true).create(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o640);
        let file = options.open(path)?;
        let metadata = file.metadata()?;
        let written = metadata
            .modified()
            .ok()
            .and_then(|time| jiff::Timestamp::try_from(time).ok());
        let written = written.unwrap_or_else(jiff::Timestamp::now);
        Ok(Open {
            file,
            day: written.to_zoned(jiff::tz::TimeZone::system()).date(),
            length: metadata.len(),
        })
    }
}

/// Puts the file away under its day and a number, and removes the oldest of those that were put away.
fn roll(config: &LogFile, day: jiff::civil::Date) -> io::Result<()> {
    let folder = config.path.parent().unwrap_or(Path::new("")).to_owned();
    let name = config
        .path
        .file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned();
    let away = |number: u32| folder.join(format!("{name}.{day}.{number:03}"));
    let free = (1..=999)
        .map(away)
        .find(|path| !path.exists())
        .unwrap_or_else(|| away(999));
    fs::rename(&config.path, free)?;
    let listed = if folder.as_os_str().is_empty() {
        Path::new(".")
    } else {
        &folder
    };
    let mut old: Vec<PathBuf> = fs::read_dir(listed)?
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| {
            let rest = path
                .file_name()
                .and_then(|file| file.to_str())
                .and_then(|file| file.strip_prefix(&name));
            rest.is_some_and(is_put_away)
        })
        .collect();
    // Days and numbers sort like the times at which they were put away.
    old.sort();
    let superfluous = old.len().saturating_sub(config.keep);
    for path in &old[..superfluous] {
        fs::remove_file(path)?;
    }
    Ok(())
}

/// `.2026-11-23.001`
fn is_put_away(rest: &str) -> bool {
    let shape: String = rest
        .chars()
        .map(|c| if c.is_ascii_digit() { '0' } else { c })
        .collect();
    shape == ".0000-00-00.000"
}

impl Write for &RollingFile {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        // What a full disk does not take is lost; a pass that stopped for its log would lose more.
        let _ = self.write_on(line, jiff::Zoned::now().date());
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;

    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(folder)
            .expect("a folder")
            .flatten()
            .map(|entry| entry.file_name().to_string_lossy().into_owned())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn it_begins_anew_by_size_and_by_day_and_keeps_the_last() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("couplet.log");
        let config = LogFile {
            path: path.clone(),
            max_size: 10,
            keep: 2,
        };
        let log = RollingFile::open(config).expect("open");
        let (monday, tuesday) = (date(2026, 11, 23), date(2026, 11, 24));
        log.write_on(b"12345678\n", monday).expect("written");
        log.write_on(b"second\n", monday).expect("written");
        assert_eq!(
            names(folder.path()),
            ["couplet.log", "couplet.log.2026-11-23.001"]
        );
        log.write_on(b"third\n", tuesday).expect("written");
        assert_eq!(fs::read_to_string(&path).expect("text"), "third\n");
        log.write_on(b"12345678\n", tuesday).expect("written");
        assert_eq!(
            names(folder.path()),
            [
                "couplet.log",
                "couplet.log.2026-11-23.002",
                "couplet.log.2026-11-24.001"
            ]
        );
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            let mode = fs::metadata(&path).expect("metadata").permissions().mode();
            assert_eq!(mode & 0o777 & !0o640, 0, "nobody else reads it");
        }
    }

    #[test]
    fn a_log_that_cannot_be_written_stops_nothing() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("deep").join("couplet.log");
        let log = RollingFile::open(LogFile {
            path,
            max_size: 1,
            keep: 1,
        })
        .expect("open");
        fs::remove_dir_all(folder.path().join("deep")).expect("removed");
        let mut writer = &log;
        assert_eq!(writer.write(b"one").expect("as if written"), 3);
        assert_eq!(writer.write(b"two").expect("as if written"), 3);
    }
}
