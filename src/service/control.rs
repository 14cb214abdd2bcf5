//! Commands that a running daemon carries out: asked over a local socket of its own user, answered with what the command would
//! have printed and its exit code.

use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

use interprocess::local_socket::prelude::*;
use interprocess::local_socket::{GenericFilePath, Listener, ListenerOptions, Name, Stream};
use serde::{Deserialize, Serialize};
use tracing::{debug, warn};

/// What both sides must speak: another version means other members.
const VERSION: u32 = 1;
/// A longer question is none.
const LONGEST: u64 = 1 << 20;
/// Whoever has connected asks at once.
const PATIENCE: Duration = Duration::from_secs(10);

/// A command.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ask {
    version: u32,
    /// Its arguments, with the program's name first.
    pub arguments: Vec<String>,
    /// The folder in which it was given.
    pub folder: PathBuf,
}

/// What it came to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reply {
    version: u32,
    /// Exit code.
    pub exit: u8,
    /// Standard output.
    pub out: String,
    /// Standard error.
    pub err: String,
}

impl Reply {
    /// A reply of this version.
    pub fn new(exit: u8, out: String, err: String) -> Reply {
        Reply {
            version: VERSION,
            exit,
            out,
            err,
        }
    }
}

/// The socket of a state folder.
fn socket(state: &Path) -> io::Result<Name<'static>> {
    // The system's limit is 108 bytes, with one that ends the path.
    const LONGEST_PATH: usize = 107;
    let folder = state.canonicalize()?;
    let beside = folder.join("control");
    let print = xxhash_rust::xxh3::xxh3_64(folder.as_os_str().as_encoded_bytes());
    let path = if cfg!(windows) {
        PathBuf::from(format!(r"\\.\pipe\couplet-{print:016x}"))
    } else if beside.as_os_str().len() <= LONGEST_PATH {
        beside
    } else {
        std::env::temp_dir().join(format!("couplet-{print:016x}"))
    };
    path.to_fs_name::<GenericFilePath>()
}

/// Asks the daemon of a state folder; `None` where none listens.
///
/// # Errors
/// Those of the connection once it stands: the command may have been carried out then.
pub fn ask(state: &Path, arguments: Vec<String>, folder: PathBuf) -> io::Result<Option<Reply>> {
    let mut stream = match socket(state).and_then(Stream::connect) {
        Ok(stream) => stream,
        // The folder or the socket is not there, or left by a daemon that was killed.
        Err(error)
            if matches!(
                error.kind(),
                io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused
            ) =>
        {
            return Ok(None);
        }
        Err(error) => return Err(error),
    };
    refuse_strangers(&stream, state)?;
    let ask = Ask {
        version: VERSION,
        arguments,
        folder,
    };
    let mut line = serde_json::to_vec(&ask)?;
    line.push(b'\n');
    stream.write_all(&line)?;
    stream.flush()?;
    let mut answer = String::new();
    BufReader::new(stream).read_line(&mut answer)?;
    if answer.is_empty() {
        let message = "the daemon ended before it answered; look at `couplet status` before you repeat the command";
        return Err(io::Error::new(io::ErrorKind::ConnectionAborted, message));
    }
    Ok(Some(serde_json::from_str(&answer)?))
}

/// Listens on the socket of a state folder, on a thread of its own. `carry_out` hands a command to the daemon, which replies.
///
/// # Errors
/// Those of listening.
pub fn listen(
    state: &Path,
    carry_out: impl Fn(Ask) -> Receiver<Reply> + Send + Sync + 'static,
) -> io::Result<()> {
    let name = socket(state)?;
    let options = ListenerOptions::new().name(name);
    // The lock is held, so whoever listened before is gone.
    let options = options.try_overwrite(true);
    #[cfg(unix)]
    let options = interprocess::os::unix::local_socket::ListenerOptionsExt::mode(options, 0o600);
    let listener: Listener = options.create_sync()?;
    let carry_out = std::sync::Arc::new(carry_out);
    std::thread::Builder::new()
        .name("control".to_owned())
        .spawn(move || {
            for stream in listener.incoming() {
                let Ok(stream) = stream else { continue };
                let carry_out = std::sync::Arc::clone(&carry_out);
                // Each has a thread of its own, so that one who asks nothing keeps nobody waiting.
                let answering = std::thread::Builder::new().spawn(move || {
                    if let Err(error) = answer(&stream, &*carry_out) {
                        debug!(%error, "a command was not answered");
                    }
                });
                if let Err(error) = answering {
                    warn!(%error, "cannot answer a command");
                }
            }
        })?;
    Ok(())
}

fn answer(
    stream: &Stream,
    carry_out: &(impl Fn(Ask) -> Receiver<Reply> + ?Sized),
) -> io::Result<()> {
    refuse_others(stream)?;
    // Not every system knows of it; nobody but ourselves waits there.
    let _ = stream.set_recv_timeout(Some(PATIENCE));
    let mut line = String::new();
    BufReader::new(stream.take(LONGEST)).read_line(&mut line)?;
    let reply = match serde_json::from_str::<Ask>(&line) {
        Ok(ask) if ask.version == VERSION => wait(&carry_out(ask)),
        Ok(_) => Reply::new(
            1,
            String::new(),
            "error: the daemon is of another version than this program; restart it\n".to_owned(),
        ),
        Err(error) => return Err(io::Error::new(io::ErrorKind::InvalidData, error)),
    };
    let mut line = serde_json::to_vec(&reply)?;
    line.push(b'\n');
    let mut stream = stream;
    stream.write_all(&line)?;
    stream.flush()
}

fn wait(reply: &Receiver<Reply>) -> Reply {
    loop {
        match reply.recv_timeout(PATIENCE) {
            Ok(reply) => return reply,
            // A pass over large exports takes as long as it takes.
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => {
                let message =
                    "error: the daemon is stopping; nothing was done, give the command again\n";
                return Reply::new(5, String::new(), message.to_owned());
            }
        }
    }
}

/// Only the daemon's own user, or the machine's administrator, asks.
#[cfg(unix)]
fn refuse_others(stream: &Stream) -> io::Result<()> {
    let own = rustix::process::geteuid().as_raw();
    match stream.peer_creds()?.euid() {
        Some(user) if user != own && user != 0 => {
            Err(io::Error::from(io::ErrorKind::PermissionDenied))
        }
        _ => Ok(()),
    }
}

/// Only the owner of the state answers for it: a socket in the folder of temporary files may be anybody's.
#[cfg(unix)]
fn refuse_strangers(stream: &Stream, state: &Path) -> io::Result<()> {
    use std::os::unix::fs::MetadataExt as _;
    let own = rustix::process::geteuid().as_raw();
    let owner = std::fs::metadata(state)?.uid();
    match stream.peer_creds()?.euid() {
        Some(user) if ![own, owner, 0].contains(&user) => {
            let message = format!(
                "user {user} answers for the daemon of {}, which belongs to user {owner}",
                state.display()
            );
            Err(io::Error::new(io::ErrorKind::PermissionDenied, message))
        }
        _ => Ok(()),
    }
}

#[cfg(not(unix))]
fn refuse_strangers(_stream: &Stream, _state: &Path) -> io::Result<()> {
    Ok(())
}

#[cfg(not(unix))]
fn refuse_others(_stream: &Stream) -> io::Result<()> {
    Ok(())
}
