//! `couplet run`: the daemon.

use std::sync::Arc;
use std::sync::mpsc;
use std::time::Duration;

use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tracing::level_filters::LevelFilter;
use tracing::{error, warn};

use crate::disk::{Disk as _, RealDisk};
use crate::exchange::daemon::{self, Asked, Observer};
use crate::exchange::round::Round;
use crate::exit::Exit;
use crate::service::health::{Counts, Made};
use crate::service::rolling::RollingFile;
use crate::service::{Health, Systemd, control, serve_http};
use crate::state::{Lock, StateError, Store};
use crate::sync::{Effects, Outcome, SystemClock};

use super::{Answer, Context, Failure, LogFormat, logging, remote};

pub fn run(context: &Context<'_>, format: LogFormat, level: LevelFilter) -> Answer {
    let config = context.config()?;
    let failed =
        |what: &str, error: &std::io::Error| Failure::Refused(format!("cannot {what}: {error}"));
    match &config.run.log {
        None => logging::to_stderr(format, level),
        Some(log) => {
            let path = log.path.display().to_string();
            let file = RollingFile::open(log.clone())
                .map_err(|error| failed(&format!("write the log {path}"), &error))?;
            logging::to_file(format, level, file);
        }
    }
    RealDisk
        .create_folder(&config.state)
        .map_err(StateError::file(&config.state))?;
    // Somebody may just be asking who holds it.
    let lock = Lock::wait(&config.state, Duration::from_millis(300))?;
    let health = Arc::new(Health::new(config.run.stall));
    let systemd = Systemd;
    systemd
        .watch_over(Arc::clone(&health))
        .map_err(|error| failed("watch over the daemon", &error))?;
    if let Some(address) = config.run.http {
        serve_http(address, Arc::clone(&health))
            .map_err(|error| failed(&format!("answer on {address}"), &error))?;
    }
    let (ask, asked) = unbounded_channel();
    listen(&config.state, ask.clone());
    let effects = Effects {
        disk: &RealDisk,
        clock: &SystemClock,
        stage: &|_| {},
    };
    let watcher = Watcher {
        health,
        systemd,
        state: config.state.clone(),
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| failed("start", &error))?;
    runtime.block_on(async {
        let health = Arc::clone(&watcher.health);
        let signals = signals(
            context.config_path.clone(),
            config.state.clone(),
            ask,
            health,
        );
        let signals = signals.map_err(|error| failed("listen for signals", &error))?;
        let signals = tokio::spawn(signals);
        daemon::run(config, &effects, &lock, asked, &watcher).await;
        signals.abort();
        Ok(Exit::Done)
    })
}

/// Carries out the commands that others give meanwhile.
fn listen(state: &std::path::Path, ask: UnboundedSender<Asked>) {
    let listening = control::listen(state, move |command| {
        let (reply, answer) = mpsc::channel();
        let job = move |config: &crate::config::Config, lock: &Lock| {
            // Whoever asked may have gone away meanwhile.
            let _ = reply.send(remote::carry_out(&command, config, lock));
        };
        // Where the daemon has ended, the job and with it the sender are dropped, which is an answer too.
        let _ = ask.send(Asked::Job(Box::new(job)));
        answer
    });
    if let Err(error) = listening {
        warn!(%error, "commands cannot be carried out while the daemon runs");
    }
}

/// What the daemon tells of itself.
struct Watcher {
    health: Arc<Health>,
    systemd: Systemd,
    state: std::path::PathBuf,
}

impl Observer for Watcher {
    fn looked(&self) {
        self.health.looked();
    }

    fn begins(&self) {
        self.health.begins();
    }

    fn made(&self, round: &Round) {
        let (Outcome::Done(summary) | Outcome::InStep(summary) | Outcome::Halted { summary, .. }) =
            &round.outcome
        else {
            return;
        };
        let count = |length: usize| length as u64;
        let in_flight = Store::look(&self.state)
            .ok()
            .flatten()
            .and_then(|store| store.in_flight().ok());
        let is_halted = matches!(round.outcome, Outcome::Halted { .. });
        let made = Made {
            cells: if is_halted {
                0
            } else {
                count(summary.plan.changes.len())
            },
            drops: count(round.answered.len()),
            is_halted,
            counts: Counts {
                conflicts: count(summary.plan.conflicts.len()),
                problems: count(summary.unaccepted.len()),
                in_flight: in_flight.map_or(0, |in_flight| in_flight.values().sum()),
                unready: count(round.unready.len()),
                offline: count(round.offline.len()),
            },
        };
        let at = jiff::Zoned::now().strftime("%Y-%m-%dT%H:%M:%S").to_string();
        self.health.made(made, at);
        self.systemd.status(&self.health);
    }

    fn failed(&self, reason: &str) {
        self.health.failed(reason.to_owned());
        self.systemd.status(&self.health);
    }

    fn watching(&self) {
        self.systemd.ready(&self.health);
    }
}

/// Hears what the system asks of the process: to end, or to read its configuration anew.
#[cfg(unix)]
fn signals(
    config: std::path::PathBuf,
    state: std::path::PathBuf,
    ask: UnboundedSender<Asked>,
    health: Arc<Health>,
) -> std::io::Result<impl Future<Output = ()> + Send + 'static> {
    use tokio::signal::unix::{SignalKind, signal};
    let (mut terminate, mut interrupt, mut hang_up) = (
        signal(SignalKind::terminate())?,
        signal(SignalKind::interrupt())?,
        signal(SignalKind::hangup())?,
    );
    Ok(async move {
        loop {
            tokio::select! {
                _ = terminate.recv() => break,
                _ = interrupt.recv() => break,
                _ = hang_up.recv() => {
                    Systemd.reloading();
                    match reloaded(&config, &state) {
                        Some(config) => {
                            let _ = ask.send(Asked::Reload(Box::new(config)));
                        }
                        None => Systemd.ready(&health),
                    }
                }
            }
        }
        Systemd.stopping();
        let _ = ask.send(Asked::Stop);
    })
}

/// Hears what the system asks of the process: to end.
#[cfg(not(unix))]
fn signals(
    _config: std::path::PathBuf,
    _state: std::path::PathBuf,
    ask: UnboundedSender<Asked>,
    _health: Arc<Health>,
) -> std::io::Result<impl Future<Output = ()> + Send + 'static> {
    Ok(async move {
        // Without the signal nothing would end the process but its being killed, which a pass survives.
        let _ = tokio::signal::ctrl_c().await;
        Systemd.stopping();
        let _ = ask.send(Asked::Stop);
    })
}

/// The configuration as it is now; `None` where it cannot be used, and the old one stays.
#[cfg(unix)]
fn reloaded(path: &std::path::Path, state: &std::path::Path) -> Option<crate::config::Config> {
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) => {
            error!(%error, "the configuration cannot be read; the old one stays");
            return None;
        }
    };
    match crate::config::parse(&text, path) {
        Ok(config) if config.state == state => Some(config),
        Ok(_) => {
            error!(
                "`state` names another folder, which only a new start can use; the old configuration stays"
            );
            None
        }
        Err(errors) => {
            for error in &errors {
                error!(%error, "the new configuration is wrong");
            }
            error!("the old configuration stays");
            None
        }
    }
}
